//! Texts that may hold secrets: commands and variables.

use std::collections::BTreeMap;

use super::super::{
    Fields, Given, Kind, Node, Purpose, Request, dotenv::dotenv, fields, join::beside, tell,
};
use crate::model::app::{Environment, Severity, Told, Value};

/// A command: a list of words, or a line that is split as a shell does. Empty words clear what the image says.
pub(super) fn words(node: &Node, path: &str, told: &mut Vec<Told>) -> Option<Vec<Value>> {
    match &node.kind {
        Kind::Null => None,
        Kind::Text(line) => match shlex::split(line) {
            Some(words) => Some(words.iter().map(|word| Value::read(word)).collect()),
            None => {
                let what = "a quote is never closed";
                let remedy = "close it, or write a list of words";
                told.push(tell(Severity::Error, &node.at, path, what, remedy));
                None
            }
        },
        Kind::List(items) => Some(
            items
                .iter()
                .enumerate()
                .filter_map(|(index, item)| word(item, &format!("{path}[{index}]"), told))
                .collect(),
        ),
        Kind::Map(_) => {
            let what = "a line or a list of words is expected, not a map";
            told.push(tell(
                Severity::Error,
                &node.at,
                path,
                what,
                "quote the line",
            ));
            None
        }
    }
}

fn word(node: &Node, path: &str, told: &mut Vec<Told>) -> Option<Value> {
    match &node.kind {
        Kind::Text(text) => Some(Value::read(text)),
        Kind::Null => Some(Value::default()),
        Kind::List(_) | Kind::Map(_) => fields::text(node, path, told).map(Value::plain),
    }
}

/// The variables of a service: of its files, then its own. One without a value is the environment's, where that has it.
pub(super) fn environment(fields: &mut Fields<'_, '_>, request: &Request<'_>) -> Environment {
    let mut all: BTreeMap<String, Option<String>> = BTreeMap::new();
    if let Some(files) = fields.take("env_file") {
        let path = fields.below("env_file");
        all.extend(of_files(files, &path, request, fields.told));
    }
    if let Some(own) = fields.take("environment") {
        let path = fields.below("environment");
        for (name, value) in fields::pairs(own, &path, fields.told, false) {
            if name.is_empty() || name.contains('\0') {
                fields.wrong(&own.at, "environment", "a variable has no name", "name it");
                continue;
            }
            all.insert(name, value);
        }
    }
    let given = all.into_iter().filter_map(|(name, value)| {
        let value = match value {
            Some(text) => Value::read(&text),
            None => match (request.variables)(&name)? {
                Given::Plain(text) => Value::plain(text),
                Given::Secret(name) => Value::secret(name),
            },
        };
        Some((name, value))
    });
    Environment(given.collect())
}

fn of_files(
    node: &Node,
    path: &str,
    request: &Request<'_>,
    told: &mut Vec<Told>,
) -> Vec<(String, Option<String>)> {
    let items = match &node.kind {
        Kind::List(items) => items.as_slice(),
        Kind::Null | Kind::Text(_) | Kind::Map(_) => std::slice::from_ref(node),
    };
    let mut all = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let (named, required, raw) = match &item.kind {
            Kind::Map(_) => {
                let Some(mut long) = Fields::open(item, &path, told) else {
                    continue;
                };
                let named = long.text("path");
                let required = long.truth("required").unwrap_or(true);
                let raw = long.word("format", &[("raw", true)]).unwrap_or(false);
                long.done(&[]);
                (named, required, raw)
            }
            Kind::Null | Kind::Text(_) | Kind::List(_) => {
                (fields::text(item, &path, told), true, false)
            }
        };
        let Some(named) = named else { continue };
        let full = beside(&item.at, &named);
        match request.files.read(&full) {
            Ok(text) if raw => all.extend(raw_lines(&text)),
            Ok(text) => match dotenv(&text, request.variables) {
                Ok(read) => all.extend(read),
                Err(error) => {
                    let what = format!("{full}, {error}");
                    told.push(tell(
                        Severity::Error,
                        &item.at,
                        &path,
                        what,
                        "correct the file",
                    ));
                }
            },
            Err(_) if !required => {}
            Err(why) => {
                let severity = match request.purpose {
                    Purpose::Deploy => Severity::Error,
                    Purpose::Check => Severity::Warning,
                };
                let what = format!("{full} cannot be read: {why}");
                let remedy = "put it there, or say required: false";
                told.push(tell(severity, &item.at, &path, what, remedy));
            }
        }
    }
    all
}

/// `NAME=value` by lines, as it stands.
fn raw_lines(text: &str) -> Vec<(String, Option<String>)> {
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), Some(value.to_owned())))
        .collect()
}
