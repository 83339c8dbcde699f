//! `tree=` of Jenkins' remote access API: of all that there is, what was asked for (`NamedPathPruner`).

use serde_json::{Map, Value};

/// What `tree` names of a value; `_class` is always there.
pub fn filtered(value: &Value, tree: &str) -> Result<Value, String> {
    let mut rest = tree;
    let asked = fields(&mut rest)?;
    if rest.is_empty() {
        Ok(pruned(value, &asked))
    } else {
        Err(format!("the tree ends at {rest}"))
    }
}

/// A field with what is asked below it, and which of a list.
struct Field<'t> {
    name: &'t str,
    below: Option<Vec<Field<'t>>>,
    range: Option<(usize, usize)>,
}

fn fields<'t>(rest: &mut &'t str) -> Result<Vec<Field<'t>>, String> {
    let mut all = Vec::new();
    loop {
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if name.is_empty() {
            return Err(format!("a name is expected at {rest}"));
        }
        *rest = after;
        let mut below = None;
        if let Some(inner) = rest.strip_prefix('[') {
            *rest = inner;
            below = Some(fields(rest)?);
            *rest = rest.strip_prefix(']').ok_or("a ] is expected")?;
        }
        let mut range = None;
        if let Some(inner) = rest.strip_prefix('{') {
            let (numbers, after) = inner.split_once('}').ok_or("a } is expected")?;
            let (from, to) = numbers.split_once(',').ok_or("a range is expected")?;
            let number = |text: &str| text.parse().map_err(|_| format!("{text} is no number"));
            range = Some((number(from)?, number(to)?));
            *rest = after;
        }
        all.push(Field { name, below, range });
        match rest.strip_prefix(',') {
            Some(more) => *rest = more,
            None => return Ok(all),
        }
    }
}

fn pruned(value: &Value, asked: &[Field<'_>]) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| pruned(item, asked)).collect(),
        Value::Object(map) => {
            let mut some = Map::new();
            if let Some(class) = map.get("_class") {
                some.insert("_class".to_owned(), class.clone());
            }
            for field in asked {
                let Some(found) = map.get(field.name) else {
                    continue;
                };
                let found = match (&field.below, found) {
                    (Some(below), found) => pruned(found, below),
                    // Without anything asked of them, values that hold more are empty.
                    (None, Value::Object(_)) => pruned(found, &[]),
                    (None, Value::Array(items)) => {
                        items.iter().map(|item| pruned(item, &[])).collect()
                    }
                    (None, found) => found.clone(),
                };
                let found = match (field.range, found) {
                    (Some((from, to)), Value::Array(items)) => {
                        items.into_iter().skip(from).take(to - from).collect()
                    }
                    (_, found) => found,
                };
                some.insert(field.name.to_owned(), found);
            }
            Value::Object(some)
        }
        plain => plain.clone(),
    }
}
