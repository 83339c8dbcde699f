//! Volumes, secrets and configs of an app, and how services see them as files.

use super::super::{Fields, Given, Kind, Node, Purpose, Request, join::beside, tell};
use super::{mounts::octal, networks::external};
use crate::model::app::{AppFile, AppVolume, FileFrom, FileUse, Severity, Told, Value};

/// A named volume.
pub(super) fn volume(node: &Node, path: &str, told: &mut Vec<Told>) -> Option<AppVolume> {
    let mut fields = Fields::open(node, path, told)?;
    let (external, external_name) = external(&mut fields);
    let volume = AppVolume {
        name: fields.text("name").or(external_name),
        external,
        driver: fields.text("driver"),
        driver_opts: fields.labels("driver_opts"),
        labels: fields.labels("labels"),
    };
    fields.done(&[]);
    Some(volume)
}

/// A secret or a config.
pub(super) fn file(
    node: &Node,
    path: &str,
    request: &Request<'_>,
    secret: bool,
    told: &mut Vec<Told>,
) -> Option<AppFile> {
    let mut fields = Fields::open(node, path, told)?;
    let (external, external_name) = external(&mut fields);
    let name = fields.text("name").or(external_name);
    let labels = fields.labels("labels");
    let named = fields.text("file");
    let variable = fields.text("environment");
    let content = if secret { None } else { fields.take("content") };
    let content = content.map(|node| (node, node.text().map(Value::read)));
    let from = match (external, named, variable, content) {
        (true, None, None, None) => Some(FileFrom::External),
        (false, Some(named), None, None) => {
            Some(of_file(&mut fields, node, &named, request, secret))
        }
        (false, None, Some(variable), None) => {
            Some(of_variable(&mut fields, node, variable, request, secret))
        }
        (false, None, None, Some((_, Some(text)))) => Some(FileFrom::Text(text)),
        (false, None, None, Some((node, None))) => {
            fields.wrong(
                &node.at,
                "content",
                "a text is expected",
                "write content: |",
            );
            None
        }
        (false, None, None, None) => {
            let remedy = "say file, environment, content (of a config) or external: true";
            fields.wrong(&node.at, "", "it does not say where it comes from", remedy);
            None
        }
        _ => {
            let remedy = "keep one of external, file, environment and content";
            fields.wrong(&node.at, "", "it comes from two places", remedy);
            None
        }
    };
    fields.done(&[
        ("driver", "drivers of secrets are a Swarm plugin's"),
        ("driver_opts", "drivers of secrets are a Swarm plugin's"),
        (
            "template_driver",
            "Wharf fills texts by itself: use ${…} in content",
        ),
    ]);
    Some(AppFile {
        name,
        from: from?,
        labels,
    })
}

/// The text of a config's file stands in the spec, so that a release has it; of a secret's only where it is.
fn of_file(
    fields: &mut Fields<'_, '_>,
    node: &Node,
    named: &str,
    request: &Request<'_>,
    secret: bool,
) -> FileFrom {
    let full = beside(&node.at, named);
    match request.files.read(&full) {
        Ok(_) if secret => {}
        Ok(text) => return FileFrom::Text(Value::plain(text)),
        Err(why) => {
            let what = format!("{full} cannot be read: {why}");
            let path = fields.below("file");
            let severity = match request.purpose {
                Purpose::Deploy => Severity::Error,
                Purpose::Check => Severity::Warning,
            };
            fields
                .told
                .push(tell(severity, &node.at, &path, what, "put it there"));
        }
    }
    FileFrom::File(named.to_owned())
}

fn of_variable(
    fields: &mut Fields<'_, '_>,
    node: &Node,
    variable: String,
    request: &Request<'_>,
    secret: bool,
) -> FileFrom {
    match (request.variables)(&variable) {
        Some(Given::Plain(text)) if !secret => FileFrom::Text(Value::plain(text)),
        Some(Given::Secret(name)) if !secret => FileFrom::Text(Value::secret(name)),
        Some(Given::Plain(_) | Given::Secret(_)) => FileFrom::Variable(variable),
        None => {
            let what = format!("{variable} is not set");
            let severity = match request.purpose {
                Purpose::Deploy => Severity::Error,
                Purpose::Check => Severity::Warning,
            };
            let path = fields.below("environment");
            fields
                .told
                .push(tell(severity, &node.at, &path, what, "set it"));
            FileFrom::Variable(variable)
        }
    }
}

/// The files that a service sees of its app's secrets or configs, sorted.
pub(super) fn uses(fields: &mut Fields<'_, '_>, key: &'static str) -> Vec<FileUse> {
    let Some(node) = fields.take(key) else {
        return Vec::new();
    };
    let Kind::List(items) = &node.kind else {
        fields.wrong(&node.at, key, "a list is expected", "begin each with '- '");
        return Vec::new();
    };
    let mut all = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("{}[{index}]", fields.below(key));
        all.extend(one(item, &path, fields.told));
    }
    all.sort();
    all.dedup();
    all
}

fn one(node: &Node, path: &str, told: &mut Vec<Told>) -> Option<FileUse> {
    if let Some(name) = node.text() {
        return Some(FileUse {
            source: name.to_owned(),
            target: None,
            uid: None,
            gid: None,
            mode: None,
        });
    }
    let mut fields = Fields::open(node, path, told)?;
    let Some(source) = fields.text("source") else {
        fields.wrong(&node.at, "source", "it is missing", "name it");
        return None;
    };
    let one = FileUse {
        source,
        target: fields.text("target"),
        uid: fields.text("uid"),
        gid: fields.text("gid"),
        mode: fields.parsed("mode", "permissions such as 0440", octal),
    };
    fields.done(&[]);
    Some(one)
}
