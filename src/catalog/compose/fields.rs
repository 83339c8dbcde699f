//! A map being read key by key: what is left at the end is told, as ignored or as unknown.

use std::{collections::BTreeMap, fmt::Display, str::FromStr, time::Duration};

use super::{At, Kind, Node, Tag, tell, yaml::Name};
use crate::model::{
    app::{
        Severity, Told, Value,
        units::{bytes, duration, nano_cpus, truth},
    },
    nearest, printable,
};

/// A map and what was read of it so far.
pub(in crate::catalog) struct Fields<'n, 't> {
    entries: &'n [(Name, Node)],
    /// Every key that was asked for, there or not.
    asked: Vec<&'static str>,
    pub(in crate::catalog) path: String,
    pub(in crate::catalog) at: At,
    pub(in crate::catalog) told: &'t mut Vec<Told>,
}

impl<'n, 't> Fields<'n, 't> {
    /// Opens a map; tells when it is none. Nothing counts as an empty one.
    pub(in crate::catalog) fn open(
        node: &'n Node,
        path: &str,
        told: &'t mut Vec<Told>,
    ) -> Option<Self> {
        let entries: &[_] = match &node.kind {
            Kind::Map(entries) => entries,
            Kind::Null => &[],
            Kind::Text(_) | Kind::List(_) => {
                let what = format!("a map is expected, not {}", called(node));
                told.push(tell(
                    Severity::Error,
                    &node.at,
                    path,
                    what,
                    "write KEY: VALUE below it",
                ));
                return None;
            }
        };
        Some(Self {
            entries,
            asked: Vec::new(),
            path: path.to_owned(),
            at: node.at.clone(),
            told,
        })
    }

    /// The way to a key of it.
    pub(in crate::catalog) fn below(&self, key: &str) -> String {
        let dot = if self.path.is_empty() || key.is_empty() {
            ""
        } else {
            "."
        };
        format!("{}{dot}{key}", self.path)
    }

    /// What stands under a key; none also when it is nothing.
    pub(in crate::catalog) fn take(&mut self, key: &'static str) -> Option<&'n Node> {
        self.asked.push(key);
        let found = self.entries.iter().find(|(name, _)| name.text == key);
        found
            .map(|(_, node)| node)
            .filter(|node| node.kind != Kind::Null)
    }

    /// Tells an error at a key.
    pub(in crate::catalog) fn wrong(
        &mut self,
        at: &At,
        key: &str,
        what: impl Into<String>,
        remedy: &str,
    ) {
        let path = self.below(key);
        self.told
            .push(tell(Severity::Error, at, &path, what, remedy));
    }

    /// Tells a warning at a key.
    pub(in crate::catalog) fn warn(
        &mut self,
        at: &At,
        key: &str,
        what: impl Into<String>,
        remedy: &str,
    ) {
        let path = self.below(key);
        self.told
            .push(tell(Severity::Warning, at, &path, what, remedy));
    }

    /// A map under a key.
    pub(in crate::catalog) fn open_below<'s>(
        &'s mut self,
        key: &'static str,
    ) -> Option<Fields<'n, 's>> {
        let node = self.take(key)?;
        let path = self.below(key);
        Fields::open(node, &path, self.told)
    }

    /// A text, of any scalar.
    pub(in crate::catalog) fn text(&mut self, key: &'static str) -> Option<String> {
        let node = self.take(key)?;
        let path = self.below(key);
        text(node, &path, self.told)
    }

    /// A text that something is read from; what cannot be read is told with what is expected.
    pub(in crate::catalog) fn parsed<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let node = self.take(key)?;
        let path = self.below(key);
        parsed(node, &path, self.told, expected, read)
    }

    /// A truth.
    pub(in crate::catalog) fn truth(&mut self, key: &'static str) -> Option<bool> {
        self.parsed(key, "true or false", truth)
    }

    /// A whole number.
    pub(in crate::catalog) fn number<T: FromStr>(&mut self, key: &'static str) -> Option<T> {
        self.parsed(key, "a whole number", |text| text.parse().ok())
    }

    /// Bytes.
    pub(in crate::catalog) fn bytes(&mut self, key: &'static str) -> Option<u64> {
        self.parsed(key, "an amount such as 512m or 1g", bytes)
    }

    /// Processors in billionths.
    pub(in crate::catalog) fn cpus(&mut self, key: &'static str) -> Option<u64> {
        self.parsed(key, "a number of processors such as 0.5", nano_cpus)
    }

    /// A length of time.
    pub(in crate::catalog) fn duration(&mut self, key: &'static str) -> Option<Duration> {
        self.parsed(key, "a time with its unit such as 30s or 1m30s", duration)
    }

    /// One of some words.
    pub(in crate::catalog) fn word<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let expected = format!("one of {}", all.join(", "));
        self.parsed(key, &expected, |text| {
            words
                .iter()
                .find(|(word, _)| *word == text)
                .map(|(_, meant)| *meant)
        })
    }

    /// A text or a list of texts.
    pub(in crate::catalog) fn texts(&mut self, key: &'static str) -> Vec<String> {
        let Some(node) = self.take(key) else {
            return Vec::new();
        };
        let path = self.below(key);
        texts(node, &path, self.told)
    }

    /// A map of texts, or a list of `NAME=text`; what has no text has none.
    pub(in crate::catalog) fn pairs(
        &mut self,
        key: &'static str,
    ) -> BTreeMap<String, Option<String>> {
        let Some(node) = self.take(key) else {
            return BTreeMap::new();
        };
        let path = self.below(key);
        pairs(node, &path, self.told, true)
    }

    /// Such a map, where none is the empty text.
    pub(in crate::catalog) fn labels(&mut self, key: &'static str) -> BTreeMap<String, String> {
        let pairs = self.pairs(key).into_iter();
        pairs
            .map(|(name, text)| (name, text.unwrap_or_default()))
            .collect()
    }

    /// Tells what was not asked for: keys that are known and ignored, with why, and unknown ones with the nearest that
    /// is known. `x-…` is for others.
    pub(in crate::catalog) fn done(self, ignored: &[(&str, &str)]) {
        for (name, node) in self.entries {
            let key = name.text.as_str();
            if self.asked.contains(&key) || key.starts_with("x-") {
                continue;
            }
            let dot = if self.path.is_empty() { "" } else { "." };
            let path = format!("{}{dot}{key}", self.path);
            let told = match ignored.iter().find(|(known, _)| *known == key) {
                Some(_) if node.kind == Kind::Null => continue,
                Some((_, why)) if why.starts_with("note: ") => {
                    let what = format!("'{key}' is ignored: {}", &why["note: ".len()..]);
                    tell(Severity::Note, &name.at, &path, what, "")
                }
                Some((_, why)) => {
                    let what = format!("'{key}' is known and ignored: {why}");
                    tell(
                        Severity::Warning,
                        &name.at,
                        &path,
                        what,
                        "the app runs without it",
                    )
                }
                None => {
                    let known = self.asked.iter().copied();
                    let all = known.chain(ignored.iter().map(|(known, _)| *known));
                    let remedy = match nearest(key, all) {
                        Some(near) => format!("did you mean '{near}'?"),
                        None => "take it out, or begin it with x- when it is for others".to_owned(),
                    };
                    let what = format!("the key '{}' is unknown", printable(key));
                    tell(Severity::Error, &name.at, &path, what, remedy)
                }
            };
            self.told.push(told);
        }
    }
}

/// What a value is, for people.
pub(in crate::catalog) fn called(node: &Node) -> String {
    match &node.kind {
        Kind::Null => "nothing".to_owned(),
        Kind::Text(text) if Value::is_marked(text) => "a secret".to_owned(),
        Kind::Text(text) if text.len() > 60 => "a text".to_owned(),
        Kind::Text(text) => format!("'{}'", printable(text)),
        Kind::List(_) => "a list".to_owned(),
        Kind::Map(_) => "a map".to_owned(),
    }
}

/// A text, of any scalar; a secret may not stand in it.
pub(super) fn text(node: &Node, path: &str, told: &mut Vec<Told>) -> Option<String> {
    match &node.kind {
        Kind::Text(text) if Value::is_marked(text) => {
            let what = "a secret cannot stand here";
            let remedy = "secrets may stand in environment, command, entrypoint, healthcheck and the text of configs";
            told.push(tell(Severity::Error, &node.at, path, what, remedy));
            None
        }
        Kind::Text(text) => Some(text.clone()),
        Kind::Null => Some(String::new()),
        Kind::List(_) | Kind::Map(_) => {
            let what = format!("a text is expected, not {}", called(node));
            told.push(tell(
                Severity::Error,
                &node.at,
                path,
                what,
                "write one value",
            ));
            None
        }
    }
}

/// How grave it is that a text cannot be read: no error while a variable in it is not set.
fn judged(node: &Node) -> Severity {
    match node.tag {
        Tag::Unset => Severity::Warning,
        Tag::None | Tag::Reset | Tag::Override => Severity::Error,
    }
}

/// What is read from a text.
pub(super) fn parsed<T>(
    node: &Node,
    path: &str,
    told: &mut Vec<Told>,
    expected: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let text = text(node, path, told)?;
    let value = read(&text);
    if value.is_none() {
        let what = format!("'{}' is not {expected}", printable(&text));
        let remedy = format!("write {expected}");
        told.push(tell(judged(node), &node.at, path, what, remedy));
    }
    value
}

/// As [`parsed`], where reading says what is wrong.
pub(super) fn checked<T, E: Display>(
    node: &Node,
    path: &str,
    told: &mut Vec<Told>,
    remedy: &str,
    read: impl Fn(&str) -> Result<T, E>,
) -> Option<T> {
    let text = text(node, path, told)?;
    match read(&text) {
        Ok(value) => Some(value),
        Err(why) => {
            told.push(tell(judged(node), &node.at, path, why.to_string(), remedy));
            None
        }
    }
}

/// A text or a list of texts.
pub(super) fn texts(node: &Node, path: &str, told: &mut Vec<Told>) -> Vec<String> {
    match &node.kind {
        Kind::List(items) => items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| text(item, &format!("{path}[{index}]"), told))
            .collect(),
        Kind::Null => Vec::new(),
        Kind::Text(_) | Kind::Map(_) => text(node, path, told).into_iter().collect(),
    }
}

/// A map of texts, or a list of `NAME=text`. Secrets may stand in it when it says so (`plain` false): their marks stay.
pub(super) fn pairs(
    node: &Node,
    path: &str,
    told: &mut Vec<Told>,
    plain: bool,
) -> BTreeMap<String, Option<String>> {
    let mut found = BTreeMap::new();
    let mut one = |node: &Node, path: &str| match &node.kind {
        Kind::Text(text) if !plain => Some(text.clone()),
        _ => text(node, path, told),
    };
    match &node.kind {
        Kind::Map(entries) => {
            for (name, value) in entries {
                if value.kind == Kind::Null {
                    found.insert(name.text.clone(), None);
                } else if let Some(text) = one(value, &format!("{path}.{}", name.text)) {
                    found.insert(name.text.clone(), Some(text));
                }
            }
        }
        Kind::List(items) => {
            for (index, item) in items.iter().enumerate() {
                let Some(text) = one(item, &format!("{path}[{index}]")) else {
                    continue;
                };
                match text.split_once('=') {
                    Some((name, value)) => found.insert(name.to_owned(), Some(value.to_owned())),
                    None => found.insert(text, None),
                };
            }
        }
        Kind::Null => {}
        Kind::Text(_) => {
            let what = format!("a map or a list is expected, not {}", called(node));
            told.push(tell(
                Severity::Error,
                &node.at,
                path,
                what,
                "write NAME: VALUE below it",
            ));
        }
    }
    found
}
