//! Inventories as JSON: a list of objects, or an object that holds one.

use serde_json::{Value, value::RawValue};

use super::{Mapping, Raw, csv::Table};

/// Whether a text is likely JSON.
pub(super) fn is_likely(text: &str) -> bool {
    let rest = text.strip_prefix('[').map(str::trim_start);
    text.starts_with('{') || rest.is_some_and(|rest| rest.starts_with(['{', ']']))
}

/// Whether a text is likely what `ansible-inventory --list` prints.
pub(super) fn is_ansible(text: &str) -> bool {
    text.starts_with('{') && text.contains("\"_meta\"") && text.contains("\"hostvars\"")
}

pub(super) fn read(text: &str, mapping: &Mapping) -> Result<Table, String> {
    let broken = |error: serde_json::Error| format!("it is not JSON: {error}");
    let whole: &RawValue = serde_json::from_str(text).map_err(broken)?;
    let items = list_in(whole).ok_or(
        "it holds no list of objects; write [{\"name\": …}, …], or an object with one such list",
    )?;
    let mut objects = Vec::new();
    let mut columns: Vec<String> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let value: Value = serde_json::from_str(item.get()).map_err(broken)?;
        let mut flat = Vec::new();
        flatten("", &value, &mut flat);
        for (path, _) in &flat {
            if !columns.contains(path) {
                columns.push(path.clone());
            }
        }
        objects.push((at + 1, line_of(text, item), flat));
    }
    if columns.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let found = mapping.find(&columns)?;
    let rows = objects.into_iter().map(|(number, line, flat)| {
        let mut row = Raw {
            line: Some(line),
            place: format!("item {number}"),
            ..Raw::default()
        };
        for (field, at) in &found {
            let own = flat.iter().filter(|(path, _)| *path == columns[*at]);
            row.put(*field, own.flat_map(|(_, values)| values.clone()).collect());
        }
        row
    });
    let rows = rows.collect();
    let taken = found
        .iter()
        .map(|(field, at)| (*field, columns[*at].clone()))
        .collect();
    Ok((rows, taken))
}

/// The list itself, or the longest list of objects among the values of an object.
fn list_in(whole: &RawValue) -> Option<Vec<&RawValue>> {
    if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(whole.get()) {
        return Some(items);
    }
    let object: std::collections::BTreeMap<String, &RawValue> =
        serde_json::from_str(whole.get()).ok()?;
    let lists = object.values().filter_map(|value| {
        let items: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
        let are_objects = items.iter().all(|item| item.get().starts_with('{'));
        are_objects.then_some(items)
    });
    lists.max_by_key(Vec::len)
}

/// The line on which a part of a text begins, from 1.
fn line_of(text: &str, part: &RawValue) -> usize {
    let at = (part.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let before = text.as_bytes().get(..at).unwrap_or_default();
    memchr::memchr_iter(b'\n', before).count() + 1
}

/// The values of an object by dotted paths. A list of texts, or of objects with a name, is one value of several.
fn flatten(path: &str, value: &Value, flat: &mut Vec<(String, Vec<String>)>) {
    match value {
        Value::Null => {}
        Value::Object(object) => {
            for (key, value) in object {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                flatten(&path, value, flat);
            }
        }
        Value::Array(items) => {
            let texts = items.iter().filter_map(|item| match item {
                Value::Object(object) => ["name", "slug", "value"]
                    .iter()
                    .find_map(|key| object.get(*key).and_then(text)),
                other => text(other),
            });
            flat.push((path.to_owned(), texts.collect()));
        }
        other => flat.extend(text(other).map(|text| (path.to_owned(), vec![text]))),
    }
}

/// A plain value as text.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(bool) => Some(bool.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
