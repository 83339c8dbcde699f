//! Portainer's lists of templates, versions 1 to 3, into templates of ours; what cannot be one says exactly why.

use std::{collections::BTreeSet, sync::Arc};

use regex::Regex;
use serde_json::Value as Json;

use super::compose::{At, File, Kind, Name, Node, Tag, write};
use crate::model::app::{SecretName, Severity, Told, Value, Where};

/// An entry of such a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// The name of the template that it is.
    pub name: String,
    /// What it is called in the list.
    pub title: String,
    /// What became of it.
    pub outcome: Outcome,
    /// What is different from what the list says.
    pub notes: Vec<String>,
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The text of a template.
    Template(String),
    /// It cannot be one: why, and what to do.
    Left(String),
}

/// Converts a list. The error is a file that is no such list.
pub fn convert(text: &str, file: &str) -> Result<Vec<Converted>, Told> {
    let wrong = |line: Option<usize>, what: String| Told {
        severity: Severity::Error,
        place: Where {
            file: file.to_owned(),
            line,
            path: String::new(),
        },
        what,
        remedy: "name a list of Portainer's templates".to_owned(),
    };
    let json: Json = serde_json::from_str(text)
        .map_err(|error| wrong(Some(error.line()), format!("this is no JSON: {error}")))?;
    // Version 1 was the list alone; later ones have it under a key, and their version is a text.
    let list = match &json {
        Json::Array(list) => list,
        Json::Object(whole) => match (whole.get("version").map(plain), whole.get("templates")) {
            (Some(version), Some(Json::Array(list)))
                if ["1", "2", "3"].contains(&version.as_str()) =>
            {
                list
            }
            (Some(version), Some(Json::Array(_))) => {
                return Err(wrong(
                    None,
                    format!("version {version} is not known; 1, 2 and 3 are"),
                ));
            }
            _ => return Err(wrong(None, "it has no list of templates".to_owned())),
        },
        _ => return Err(wrong(None, "it is no list of templates".to_owned())),
    };
    let mut names = BTreeSet::new();
    Ok(list.iter().map(|entry| one(entry, &mut names)).collect())
}

fn one(entry: &Json, names: &mut BTreeSet<String>) -> Converted {
    let title = text(entry, "title").unwrap_or_else(|| "without a title".to_owned());
    let name = unique(&slug(&title), names);
    let mut entry = Entry {
        json: entry,
        title: title.clone(),
        name: name.clone(),
        notes: Vec::new(),
    };
    let outcome = entry.outcome();
    Converted {
        name,
        title,
        outcome,
        notes: entry.notes,
    }
}

struct Entry<'j> {
    json: &'j Json,
    title: String,
    name: String,
    notes: Vec<String>,
}

impl Entry<'_> {
    fn outcome(&mut self) -> Outcome {
        let kind = self.json.get("type").map(plain).unwrap_or_default();
        match kind.as_str() {
            // Version 1 has the type as a word, or none.
            "1" | "container" | "" => self.container(),
            "2" | "3" | "4" | "stack" => Outcome::Left(self.elsewhere()),
            other => Outcome::Left(format!("type {other} is not known; 1 to 4 are")),
        }
    }

    /// Stacks are files in a repository; nothing is fetched here.
    fn elsewhere(&self) -> String {
        let repository = self.json.get("repository");
        let of = |key: &str| repository.and_then(|repository| text(repository, key));
        let address = of("url");
        let file = of("stackfile").or_else(|| text(self.json, "stackfile"));
        match (address, file) {
            (Some(address), Some(file)) => format!(
                "its Compose file is {file} in {address}, and nothing is fetched: clone that, and name its directory as a [[catalog]] \
                 after giving the file an x-wharf: header"
            ),
            (None, Some(file)) => format!(
                "its Compose file is {file}, and nothing is fetched: fetch it, and give it an x-wharf: header"
            ),
            (_, None) => "it is a stack that does not say where its Compose file is".to_owned(),
        }
    }

    fn container(&mut self) -> Outcome {
        let windows = text(self.json, "platform").is_some_and(|platform| platform == "windows");
        if windows {
            return Outcome::Left("its image is of Windows; hosts of Wharf are Linux".to_owned());
        }
        let Some(image) = text(self.json, "image") else {
            return Outcome::Left("it names no image".to_owned());
        };
        let image = match text(self.json, "registry") {
            Some(registry) if !registry.is_empty() => {
                format!("{}/{image}", registry.trim_end_matches('/'))
            }
            _ => image,
        };
        if !image
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .contains([':', '@'])
        {
            self.notes
                .push(format!("{image} has no tag: whatever is latest is taken"));
        }
        let mut service = Map::default();
        service.text("image", &image);
        let parameters = self.environment(&mut service);
        self.ports(&mut service);
        let volumes = self.mounts(&mut service);
        self.rest(&mut service);
        let mut top = Map::default();
        top.put("x-wharf", self.header(parameters));
        let mut services = Map::default();
        services.put("app", service.node());
        top.put("services", services.node());
        if !volumes.is_empty() {
            let mut named = Map::default();
            for volume in volumes {
                named.put(&volume, node(Kind::Null));
            }
            top.put("volumes", named.node());
        }
        Outcome::Template(write(&top.node()))
    }

    fn header(&mut self, parameters: Vec<Node>) -> Node {
        let mut header = Map::default();
        // The header is not interpolated, so that its dollars stand for themselves.
        header.text("id", &self.name);
        header.text("title", &self.title);
        header.text("version", "1");
        let categories: Vec<Node> = items(self.json, "categories")
            .iter()
            .map(|one| scalar(&plain(one)))
            .collect();
        if !categories.is_empty() {
            header.put("category", node(Kind::List(categories)));
        }
        header.text("visibility", "public");
        for (key, name) in [("description", "description"), ("notes", "note")] {
            if let Some(text) = text(self.json, name) {
                header.text(key, &without_html(&text));
            }
        }
        if !parameters.is_empty() {
            header.put("params", node(Kind::List(parameters)));
        }
        header.node()
    }

    /// The variables: parameters of the template, but for those that are preset.
    fn environment(&mut self, service: &mut Map) -> Vec<Node> {
        let mut environment = Map::default();
        let mut parameters = Vec::new();
        for variable in items(self.json, "env") {
            let Some(name) = text(variable, "name").filter(|name| !name.is_empty()) else {
                self.notes
                    .push("a variable without a name is left out".to_owned());
                continue;
            };
            // Version 1 calls the default `set`.
            let default = text(variable, "default").or_else(|| text(variable, "set"));
            let preset = variable.get("preset").map(plain).as_deref() == Some("true");
            let fits = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && !name.starts_with(|c: char| c.is_ascii_digit());
            if preset || !fits {
                if !fits {
                    self.notes
                        .push(format!("{name} cannot be asked for; it has its default"));
                }
                environment.text(&name, &default.unwrap_or_default());
                continue;
            }
            environment.text(&name, &reference(&name));
            parameters.push(parameter(variable, &name, default));
        }
        if !environment.0.is_empty() {
            service.put("environment", environment.node());
        }
        parameters
    }

    /// `HOST:CONTAINER/PROTOCOL`; without a port of the host the engine chooses one.
    fn ports(&mut self, service: &mut Map) {
        let mut ports = Vec::new();
        for port in items(self.json, "ports") {
            match port {
                Json::String(text) => ports.push(scalar(text)),
                // Version 3 knows maps with a label before each.
                Json::Object(labelled) => {
                    ports.extend(labelled.values().map(|port| scalar(&plain(port))));
                }
                other => ports.push(scalar(&plain(other))),
            }
        }
        let random = |port: &Node| port.text().is_some_and(|text| !text.contains(':'));
        if ports.iter().any(random) {
            self.notes.push(
                "ports without a port of the host get one that changes at every start".to_owned(),
            );
        }
        if !ports.is_empty() {
            service.put("ports", node(Kind::List(ports)));
        }
    }

    /// Gives the names of volumes; directories of the host stay what they are.
    fn mounts(&mut self, service: &mut Map) -> Vec<String> {
        let mut mounts = Vec::new();
        let mut volumes = BTreeSet::new();
        for volume in items(self.json, "volumes") {
            // Version 1 has the path alone.
            let inside = match volume {
                Json::String(path) => Some(path.clone()),
                other => text(other, "container"),
            };
            let Some(inside) = inside.filter(|inside| inside.starts_with('/')) else {
                self.notes
                    .push("a volume without a full path in the container is left out".to_owned());
                continue;
            };
            let read_only = volume.get("readonly").map(plain).as_deref() == Some("true");
            let end = if read_only { ":ro" } else { "" };
            let source = text(volume, "bind")
                .filter(|bind| !bind.is_empty())
                .unwrap_or_else(|| {
                    let name = slug(&inside);
                    unique(if name.is_empty() { "data" } else { &name }, &mut volumes)
                });
            mounts.push(scalar(&format!("{source}:{inside}{end}")));
        }
        if !mounts.is_empty() {
            service.put("volumes", node(Kind::List(mounts)));
        }
        volumes.into_iter().collect()
    }

    fn rest(&mut self, service: &mut Map) {
        let said = |key: &str| text(self.json, key).filter(|text| !text.is_empty());
        for (key, name) in [("command", "command"), ("hostname", "hostname")] {
            if let Some(text) = said(name) {
                service.text(key, &text);
            }
        }
        match said("network").as_deref() {
            None | Some("bridge") => {}
            Some(mode @ ("host" | "none")) => service.text("network_mode", mode),
            Some(other) => {
                let note = format!("the network {other} is left out; the app has its own");
                self.notes.push(note);
            }
        }
        service.text(
            "restart",
            &said("restart_policy").unwrap_or_else(|| "unless-stopped".to_owned()),
        );
        for (key, names) in [
            ("privileged", &["privileged"][..]),
            ("stdin_open", &["interactive"]),
            ("tty", &["interactive"]),
        ] {
            let is = names
                .iter()
                .any(|name| self.json.get(name).map(plain).as_deref() == Some("true"));
            if is {
                service.text(key, "true");
            }
        }
        let mut labels = Map::default();
        for label in items(self.json, "labels") {
            if let (Some(name), Some(value)) = (text(label, "name"), text(label, "value")) {
                labels.text(&name, &value);
            }
        }
        if !labels.0.is_empty() {
            service.put("labels", labels.node());
        }
        if self.json.get("administrator_only").map(plain).as_deref() == Some("true") {
            self.notes.push("it was for administrators only".to_owned());
        }
    }
}

/// A parameter: a choice of `select`, a secret by its name, else a text.
fn parameter(variable: &Json, name: &str, default: Option<String>) -> Node {
    let mut one = Map::default();
    one.text("name", name);
    one.text(
        "label",
        &text(variable, "label").unwrap_or_else(|| name.to_owned()),
    );
    if let Some(help) = text(variable, "description").filter(|help| !help.is_empty()) {
        one.text("help", &without_html(&help));
    }
    let choices = items(variable, "select");
    if !choices.is_empty() {
        let is_default =
            |choice: &&Json| choice.get("default").map(plain).as_deref() == Some("true");
        let chosen = choices
            .iter()
            .find(is_default)
            .and_then(|choice| text(choice, "value"));
        let all = choices.iter().filter_map(|choice| {
            let value = text(choice, "value")?;
            let mut one = Map::default();
            one.text(
                "label",
                &text(choice, "text").unwrap_or_else(|| value.clone()),
            );
            one.text("value", &value);
            Some(one.node())
        });
        one.text("type", "choice");
        one.put("choices", node(Kind::List(all.collect())));
        if let Some(default) = chosen.or(default) {
            one.text("default", &default);
        }
        return one.node();
    }
    if crate::model::is_secret_name(name) && default.as_deref().unwrap_or_default().is_empty() {
        one.text("type", "secret");
        one.text("required", "true");
        return one.node();
    }
    one.text("type", "string");
    match default {
        Some(default) => {
            one.text("default", &default);
            one.text("required", "false");
        }
        None => one.text("required", "false"),
    }
    one.node()
}

/// What Portainer calls a text may be a number or a truth too.
fn plain(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    }
}

fn text(json: &Json, key: &str) -> Option<String> {
    json.get(key).filter(|value| !value.is_null()).map(plain)
}

fn items<'j>(json: &'j Json, key: &str) -> &'j [Json] {
    json.get(key)
        .and_then(Json::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A name of small letters and digits.
fn slug(text: &str) -> String {
    let mut name = String::new();
    for sign in text.to_lowercase().chars() {
        if sign.is_ascii_alphanumeric() {
            name.push(sign);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    name.trim_end_matches('-').to_owned()
}

fn unique(name: &str, taken: &mut BTreeSet<String>) -> String {
    let base = if name.is_empty() { "template" } else { name };
    let mut unique = base.to_owned();
    let mut number = 2;
    while !taken.insert(unique.clone()) {
        unique = format!("{base}-{number}");
        number += 1;
    }
    unique
}

/// Notes are in HTML.
fn without_html(text: &str) -> String {
    let text = text
        .replace("<br>", "\n")
        .replace("<br/>", "\n")
        .replace("</p>", "\n");
    let text = match Regex::new("<[^>]*>") {
        Ok(tags) => tags.replace_all(&text, "").into_owned(),
        Err(_) => text,
    };
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&");
    text.trim().to_owned()
}

/// What stands for a parameter; the writer makes `${NAME}` of it.
fn reference(name: &str) -> String {
    SecretName::new(name).map_or_else(String::new, |name| Value::mark(&name))
}

/// A map that is being made.
#[derive(Default)]
struct Map(Vec<(Name, Node)>);

impl Map {
    fn put(&mut self, name: &str, value: Node) {
        let at = nowhere();
        let text = name.to_owned();
        self.0.push((Name { text, at }, value));
    }

    fn text(&mut self, name: &str, text: &str) {
        self.put(name, scalar(text));
    }

    fn node(self) -> Node {
        node(Kind::Map(self.0))
    }
}

fn scalar(text: &str) -> Node {
    node(Kind::Text(text.to_owned()))
}

fn node(kind: Kind) -> Node {
    Node {
        at: nowhere(),
        tag: Tag::None,
        kind,
    }
}

fn nowhere() -> At {
    At {
        file: Arc::new(File {
            name: String::new(),
            directory: String::new(),
        }),
        line: 0,
    }
}
