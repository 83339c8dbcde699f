//! Reads TOML so that every complaint has its line, and one broken part does not lose the others.

use std::{
    ops::{Range, RangeInclusive},
    time::Duration,
};

use toml_edit::{Document, Item, TableLike};

use super::Notice;
pub use crate::model::nearest;
use crate::model::{bytes, setting::length, size};

/// How many broken parts are told one by one; a file with more is not worth saving.
const PATIENCE: usize = 50;

/// A text by lines, and what was found wrong with it so far.
pub(super) struct Source {
    place: String,
    /// The byte at which each line begins.
    lines: Vec<usize>,
    /// What is wrong.
    pub(super) notices: Vec<Notice>,
    /// Parts that could not be read at all, by their headers; an empty header is the beginning
    /// of the file.
    pub(super) lost: Vec<String>,
}

/// Parses a text. What is not TOML is blanked out part by part (from one header to the next)
/// until the rest is; each part lost gives a notice.
pub(super) fn parse(place: &str, text: &str) -> (Document<String>, Source) {
    let mut source = Source::new(place, text);
    let mut text = text.to_owned();
    loop {
        let error = match Document::parse(text.clone()) {
            Ok(document) => return (document, source),
            Err(error) => error,
        };
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let mut part = part_around(&text, at);
        if text[part.clone()].trim().is_empty() || source.lost.len() >= PATIENCE {
            part = 0..text.len();
        }
        source.lost.push(header_of(&text[part.clone()]).to_owned());
        let what = format!("it is not TOML: {}", error.message().replace('\n', ", "));
        source.notice(
            Some(at..at),
            what,
            "mend it; until then this part does not count",
        );
        text = blanked(&text, part);
    }
}

/// The part of a text around a byte: from the header at or before it to the next one.
fn part_around(text: &str, at: usize) -> Range<usize> {
    let mut part = 0..text.len();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with('[') {
            if start <= at {
                part.start = start;
            } else {
                part.end = start;
                break;
            }
        }
        start += line.len();
    }
    part
}

/// The header of a part, `[[host]]`; empty when it has none.
fn header_of(part: &str) -> &str {
    let line = part.trim_start().lines().next().unwrap_or_default();
    let line = line.split('#').next().unwrap_or_default().trim();
    if line.starts_with('[') { line } else { "" }
}

/// A text with a part replaced by as many spaces, lines kept, so that all places stay the same.
fn blanked(text: &str, part: Range<usize>) -> String {
    let blank = |byte: u8| if byte == b'\n' { '\n' } else { ' ' };
    let (before, after) = (&text[..part.start], &text[part.end..]);
    let middle: String = text[part].bytes().map(blank).collect();
    format!("{before}{middle}{after}")
}

impl Source {
    /// The lines of a text, with nothing wrong so far.
    pub(super) fn new(place: &str, text: &str) -> Self {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            place: place.to_owned(),
            lines: std::iter::once(0).chain(starts).collect(),
            notices: Vec::new(),
            lost: Vec::new(),
        }
    }

    /// The line of a byte, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at)
    }

    /// Adds a notice about a place in the text.
    pub(super) fn notice(
        &mut self,
        at: Option<Range<usize>>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.notices.push(Notice {
            place: self.place.clone(),
            line: at.map(|range| self.line(range.start)),
            what: what.into(),
            remedy: remedy.into(),
        });
    }
}

/// Where something stands in the text.
pub(super) struct Place(Option<Range<usize>>);

/// A table being read: what was asked for is known, the rest is told at the end.
pub(super) struct Section<'t, 's> {
    table: &'t dyn TableLike,
    source: &'s mut Source,
    /// What people call it: `[[host]] web-1`.
    name: String,
    span: Option<Range<usize>>,
    known: Vec<&'static str>,
    /// Its keys are names of the user's own, so none is unknown.
    keys_are_own: bool,
}

impl<'t, 's> Section<'t, 's> {
    /// A table under a name for people.
    pub(super) fn new(
        table: &'t dyn TableLike,
        span: Option<Range<usize>>,
        name: &str,
        source: &'s mut Source,
    ) -> Self {
        Self {
            table,
            source,
            name: name.to_owned(),
            span,
            known: Vec::new(),
            keys_are_own: false,
        }
    }

    /// Where it begins.
    pub(super) fn line(&self) -> Option<usize> {
        self.span.as_ref().map(|span| self.source.line(span.start))
    }

    /// The line of a key, if it is there.
    pub(super) fn line_of(&self, key: &str) -> Option<usize> {
        let span = self.table.get(key)?.span()?;
        Some(self.source.line(span.start))
    }

    /// Names it more exactly.
    pub(super) fn rename(&mut self, name: String) {
        self.name = name;
    }

    /// Complains about it as a whole.
    pub(super) fn complain(&mut self, what: &str, remedy: impl Into<String>) {
        self.source
            .notice(self.span.clone(), format!("{} {what}", self.name), remedy);
    }

    /// Complains about one of its values.
    pub(super) fn complain_of(&mut self, key: &str, what: &str, remedy: impl Into<String>) {
        let span = self
            .table
            .get(key)
            .and_then(Item::span)
            .or_else(|| self.span.clone());
        let name = &self.name;
        let what = if name.is_empty() {
            format!("{key} {what}")
        } else {
            format!("{name}: {key} {what}")
        };
        self.source.notice(span, what, remedy);
    }

    /// A value as it stands.
    pub(super) fn item(&mut self, key: &'static str) -> Option<&'t Item> {
        self.ask(key);
        self.table.get(key)
    }

    /// Notes that a key has a meaning.
    fn ask(&mut self, key: &'static str) {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
    }

    /// A text.
    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        let item = self.item(key)?;
        if item.as_str().is_none() {
            self.complain_of(key, "is not a text", format!("write {key} = \"…\""));
        }
        item.as_str().map(str::to_owned)
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let item = self.item(key)?;
        if item.as_bool().is_none() {
            self.complain_of(
                key,
                "is neither true nor false",
                format!("write {key} = true or false"),
            );
        }
        item.as_bool()
    }

    /// Yes or no, where a mistake must not open what was meant to be closed: what cannot be read,
    /// or is written `readonly` instead of `read_only`, counts as yes.
    pub(super) fn strict(&mut self, key: &'static str) -> bool {
        if self.table.contains_key(key) {
            return self.flag(key).unwrap_or(true);
        }
        self.ask(key);
        self.slip(key)
            .is_some_and(|item| item.as_bool() != Some(false))
    }

    /// What stands under a key that is nearly this one, when this one is not there.
    pub(super) fn slip(&self, key: &str) -> Option<&'t Item> {
        let plain = |text: &str| text.replace(['_', '-'], "").to_lowercase();
        let meant = plain(key);
        let mut unknown = self
            .table
            .iter()
            .filter(|(name, _)| !self.known.contains(name));
        let slip = unknown.find(|(name, _)| nearest(&plain(name), [meant.as_str()]).is_some());
        slip.map(|(_, item)| item)
            .filter(|_| !self.table.contains_key(key))
    }

    /// A list of texts; a single text is a list of one.
    pub(super) fn texts(&mut self, key: &'static str) -> Vec<String> {
        let Some(item) = self.item(key) else {
            return Vec::new();
        };
        if let Some(text) = item.as_str() {
            return vec![text.to_owned()];
        }
        let all: Option<Vec<String>> = item.as_array().and_then(|array| {
            array
                .iter()
                .map(|value| value.as_str().map(str::to_owned))
                .collect()
        });
        all.unwrap_or_else(|| {
            self.complain_of(
                key,
                "is not a list of texts",
                format!("write {key} = [\"…\", \"…\"]"),
            );
            Vec::new()
        })
    }

    /// A whole number within bounds.
    pub(super) fn number(&mut self, key: &'static str, bounds: Range<i64>) -> Option<i64> {
        let item = self.item(key)?;
        let number = item.as_integer().filter(|number| bounds.contains(number));
        if number.is_none() {
            let remedy = format!("write a number from {} to {}", bounds.start, bounds.end - 1);
            self.complain_of(key, "is not a number in its bounds", remedy);
        }
        number
    }

    /// A length of time: `"500ms"`, `"5s"`, `"2m"`, `"1h"`; more than nothing.
    pub(super) fn duration(&mut self, key: &'static str) -> Option<Duration> {
        let item = self.item(key)?;
        let duration = item.as_str().and_then(length);
        if duration.is_none() {
            let remedy = format!("write {key} = \"500ms\", \"5s\", \"2m\" or \"1h\"");
            self.complain_of(key, "is not a length of time", remedy);
        }
        duration
    }

    /// A number of bytes within bounds: `"512K"`, `"128 MB"`, `"2 GB"`.
    pub(super) fn size(&mut self, key: &'static str, bounds: RangeInclusive<u64>) -> Option<u64> {
        let item = self.item(key)?;
        let size = item.as_str().and_then(size);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "no text gives a negative number, and what is too large is out of all bounds"
        )]
        let size = size.map(|size| size as u64);
        let size = size.filter(|size| bounds.contains(size));
        if size.is_none() {
            let remedy = format!(
                "write {key} = \"128 MB\"; it may be from {} to {}",
                bytes(*bounds.start()),
                bytes(*bounds.end())
            );
            self.complain_of(key, "is no number of bytes in its bounds", remedy);
        }
        size
    }

    /// The values of a list, each with its place; a single text is a list of one. None when it is no list.
    pub(super) fn values(&mut self, key: &'static str) -> Option<Vec<(Option<&'t str>, Place)>> {
        let Some(item) = self.item(key) else {
            return Some(Vec::new());
        };
        if let Some(text) = item.as_str() {
            return Some(vec![(Some(text), Place(item.span()))]);
        }
        let array = item.as_array()?;
        let values = array.iter();
        Some(
            values
                .map(|value| (value.as_str(), Place(value.span())))
                .collect(),
        )
    }

    /// Complains about one value of a list.
    pub(super) fn complain_at(&mut self, place: Place, what: &str, remedy: impl Into<String>) {
        let what = format!("{}: {what}", self.name);
        self.source.notice(place.0, what, remedy);
    }

    /// A table within it, which is read by `read`.
    pub(super) fn table(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'_, '_>)) {
        let Some(item) = self.item(key) else { return };
        let Some(table) = item.as_table_like() else {
            self.complain_of(key, "is not a table", format!("write it as [{key}]"));
            return;
        };
        let mut section = Section::new(table, item.span(), &format!("[{key}]"), self.source);
        read(&mut section);
        section.end();
    }

    /// The tables of a list, `[[key]]` or `key = [{ … }]`, each of which is read by `read`.
    pub(super) fn tables(&mut self, key: &'static str, mut read: impl FnMut(&mut Section<'_, '_>)) {
        let Some(item) = self.item(key) else { return };
        let name = format!("[[{key}]]");
        let mut each = |table: &dyn TableLike, span: Option<Range<usize>>, source: &mut Source| {
            let mut section = Section::new(table, span, &name, source);
            read(&mut section);
            section.end();
        };
        match item {
            Item::ArrayOfTables(tables) => {
                tables
                    .iter()
                    .for_each(|table| each(table, table.span(), self.source));
            }
            Item::Table(table) => {
                each(table, table.span(), self.source);
                self.complain_of(key, "is one table, not a list", format!("write [[{key}]]"));
            }
            Item::Value(value) => {
                for value in value.as_array().into_iter().flatten() {
                    match value.as_inline_table() {
                        Some(table) => each(table, value.span(), self.source),
                        None => self.source.notice(
                            value.span(),
                            format!("{key} holds what is no table"),
                            format!("write [[{key}]]"),
                        ),
                    }
                }
                if !value.is_array() {
                    self.complain_of(key, "is not a list of tables", format!("write [[{key}]]"));
                }
            }
            Item::None => {}
        }
    }

    /// All keys, for tables whose keys are names of the user's own.
    pub(super) fn own_keys(&mut self) -> Vec<String> {
        self.keys_are_own = true;
        self.table.iter().map(|(key, _)| key.to_owned()).collect()
    }

    /// A list of texts under a key of the user's own.
    pub(super) fn own_texts(&mut self, key: &str) -> Option<Vec<String>> {
        let array = self.table.get(key)?.as_array();
        let all = array.and_then(|array| {
            array
                .iter()
                .map(|value| value.as_str().map(str::to_owned))
                .collect()
        });
        if all.is_none() {
            self.complain_of(
                key,
                "is not a list of texts",
                format!("write {key} = [\"…\", \"…\"]"),
            );
        }
        all
    }

    /// Tells the keys that nobody asked for, with the nearest that somebody would.
    pub(super) fn end(&mut self) {
        if self.keys_are_own {
            return;
        }
        let unknown = self
            .table
            .iter()
            .map(|(key, _)| key)
            .filter(|key| !self.known.contains(key));
        for key in unknown {
            let span = self
                .table
                .key(key)
                .and_then(toml_edit::Key::span)
                .or_else(|| self.span.clone());
            let within = if self.name.is_empty() {
                String::new()
            } else {
                format!(" in {}", self.name)
            };
            let remedy = nearest(key, self.known.iter().copied()).map_or_else(
                || format!("known are {}", self.known.join(", ")),
                |near| format!("did you mean {near}?"),
            );
            self.source
                .notice(span, format!("'{key}' is not known{within}"), remedy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_part_loses_only_itself() {
        let text = "a = 1\n[one]\nb = \n# ü\n[two]\nc = 3\n";
        let (document, source) = parse("x.toml", text);
        assert_eq!(document["a"].as_integer(), Some(1));
        assert_eq!(document["two"]["c"].as_integer(), Some(3));
        assert!(document.get("one").is_none());
        assert_eq!(source.lost, ["[one]"]);
        assert_eq!(source.notices[0].line, Some(3));
    }

    #[test]
    fn nothing_of_what_is_no_toml_at_all() {
        let (document, source) = parse("x.toml", "{{{{\n\"\"\"");
        assert!(document.is_empty());
        assert!(!source.notices.is_empty());
    }

    #[test]
    fn the_nearest_name_is_found_only_when_it_is_near() {
        let names = ["endpoint", "environment", "groups"];
        assert_eq!(nearest("endpiont", names), Some("endpoint"));
        assert_eq!(nearest("group", names), Some("groups"));
        assert_eq!(nearest("color", names), None);
    }
}
