//! Inventories as tables: CSV of any common separator, with a row of names.

use ::csv::{ByteRecord, ReaderBuilder, StringRecord};

use super::{Field, Mapping, Raw};

/// The separators that are known.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// What was read: the hosts, and which column each field was taken from.
pub(super) type Table = (Vec<Raw>, Vec<(Field, String)>);

pub(super) fn read(text: &str, mapping: &Mapping) -> Result<Table, String> {
    let mut reader = ReaderBuilder::new()
        .delimiter(separator(text))
        .quote(quote(text))
        .flexible(true)
        .trim(::csv::Trim::All)
        .from_reader(text.as_bytes());
    let names = reader.headers().map_err(|error| error.to_string())?;
    let names: Vec<String> = names.iter().map(str::to_owned).collect();
    let found = mapping.find(&names)?;
    let mut rows = Vec::new();
    let mut bytes = ByteRecord::new();
    while reader
        .read_byte_record(&mut bytes)
        .map_err(|error| error.to_string())?
    {
        let line = bytes.position().map(::csv::Position::line);
        // The text is UTF-8, and so are its parts.
        let record = StringRecord::from_byte_record_lossy(bytes.clone());
        if record.iter().all(str::is_empty) {
            continue;
        }
        let mut row = Raw {
            line: line.and_then(|line| usize::try_from(line).ok()),
            ..Raw::default()
        };
        for (field, at) in &found {
            let value = record.get(*at).unwrap_or_default();
            row.put(*field, vec![value.to_owned()]);
        }
        rows.push(row);
    }
    let taken = found
        .into_iter()
        .map(|(field, at)| (field, names[at].clone()))
        .collect();
    Ok((rows, taken))
}

/// The separator that the row of names has most of, outside of quotes.
fn separator(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.trim().is_empty());
    let quote = quote(text);
    let count = |separator: &u8| {
        let mut is_inside = false;
        let bytes = first.unwrap_or_default().bytes();
        bytes
            .filter(|byte| {
                is_inside ^= *byte == quote;
                !is_inside && byte == separator
            })
            .count()
    };
    let mut best = SEPARATORS[0];
    for separator in &SEPARATORS[1..] {
        if count(separator) > count(&best) {
            best = *separator;
        }
    }
    best
}

/// The sign that quotes: single quotes only where the row of names begins with one.
fn quote(text: &str) -> u8 {
    if text.trim_start().starts_with('\'') {
        b'\''
    } else {
        b'"'
    }
}
