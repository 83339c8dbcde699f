//! All files of an app as one: interpolated, with what they include and extend, each over the ones before.

use std::{path::Path, sync::Arc};

use super::{
    At, Dotenv, File, Given, Kind, Node, Purpose, Request, Tag, Variables,
    dotenv::dotenv,
    interpolate::interpolate,
    merge::{merge, without_resets},
    tell,
    yaml::{Name, parse},
};
use crate::model::app::{Severity, Told};

/// The merged file; none when nothing of it could be read.
pub(super) fn whole(request: &Request<'_>, told: &mut Vec<Told>) -> Option<Node> {
    let first = request.sources.first()?;
    let directory = directory(&first.path);
    let mut joiner = Joiner {
        request,
        told,
        including: request.sources.iter().map(|one| one.path.clone()).collect(),
    };
    let mut whole = None;
    for source in request.sources {
        let file = Arc::new(File {
            name: source.path.clone(),
            directory: directory.clone(),
        });
        let next = joiner.file(&file, &source.text, request.variables);
        whole = match (whole, next) {
            (Some(base), Some(next)) => Some(merge(base, next, &[])),
            (whole, next) => next.or(whole),
        };
    }
    whole.map(without_resets)
}

/// The directory of a path; empty for here.
fn directory(path: &str) -> String {
    let parent = Path::new(path).parent();
    parent.map_or_else(String::new, |parent| parent.display().to_string())
}

/// A path as the file that names it means it.
pub(super) fn beside(at: &At, path: &str) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    if path.starts_with('~') || at.file.directory.is_empty() {
        return path.to_owned();
    }
    let joined = Path::new(&at.file.directory).join(path);
    joined.display().to_string()
}

struct Joiner<'r, 't> {
    request: &'r Request<'r>,
    told: &'t mut Vec<Told>,
    /// The files that are being read, so that none includes itself.
    including: Vec<String>,
}

impl Joiner<'_, '_> {
    fn error(&mut self, at: &At, path: &str, what: impl Into<String>, remedy: &str) {
        self.told
            .push(tell(Severity::Error, at, path, what, remedy));
    }

    /// A file with what it includes and extends.
    fn file(&mut self, file: &Arc<File>, text: &str, variables: &Variables<'_>) -> Option<Node> {
        let documents = match parse(file, text) {
            Ok(documents) => documents,
            Err(wrong) => {
                self.told.push(wrong);
                return None;
            }
        };
        let mut whole: Option<Node> = None;
        for mut document in documents {
            if document.kind == Kind::Null {
                continue;
            }
            if !matches!(document.kind, Kind::Map(_)) {
                let remedy = "begin with services:";
                self.error(&document.at, "", "a Compose file is a map", remedy);
                return None;
            }
            let purpose = self.request.purpose;
            interpolate(&mut document, "", variables, purpose, self.told);
            self.extended(&mut document, variables);
            let document = self.included(document, variables);
            whole = Some(match whole {
                Some(base) => merge(base, document, &[]),
                None => document,
            });
        }
        if whole.is_none() {
            let at = At {
                file: Arc::clone(file),
                line: 0,
            };
            self.error(&at, "", "the file is empty", "begin with services:");
        }
        whole
    }

    fn read(&mut self, at: &At, path: &str, named: &str) -> Option<(Arc<File>, String)> {
        let full = beside(at, named);
        match self.request.files.read(&full) {
            Ok(text) => {
                let file = File {
                    directory: directory(&full),
                    name: full,
                };
                Some((Arc::new(file), text))
            }
            Err(why) => {
                let what = format!("{full} cannot be read: {why}");
                self.error(at, path, what, "put the file there");
                None
            }
        }
    }

    /// Takes what a document includes into it.
    fn included(&mut self, document: Node, variables: &Variables<'_>) -> Node {
        let Kind::Map(mut entries) = document.kind else {
            return document;
        };
        let found = entries.iter().position(|(name, _)| name.text == "include");
        let included = found.map(|index| entries.remove(index).1);
        let mut document = Node {
            kind: Kind::Map(entries),
            ..document
        };
        let Some(included) = included else {
            return document;
        };
        let Kind::List(items) = &included.kind else {
            let remedy = "write a list of paths";
            self.error(&included.at, "include", "include is a list", remedy);
            return document;
        };
        for (index, item) in items.iter().enumerate() {
            let path = format!("include[{index}]");
            if let Some(part) = self.include(item, &path, variables) {
                self.import(&mut document, part);
            }
        }
        document
    }

    fn include(&mut self, item: &Node, path: &str, variables: &Variables<'_>) -> Option<Node> {
        let long = item.get("path");
        if let Kind::Map(entries) = &item.kind {
            let known = ["path", "project_directory", "env_file"];
            for (name, _) in entries {
                if !known.contains(&name.text.as_str()) {
                    let what = format!("include does not know '{}'", name.text);
                    self.error(
                        &name.at,
                        path,
                        what,
                        "it knows path, project_directory, env_file",
                    );
                }
            }
        }
        let own = self.variables_of(item.get("env_file"), path, variables);
        let with_own = |name: &str| {
            variables(name).or_else(|| {
                let found = own.iter().rev().find(|(known, _)| known == name);
                found.and_then(|(_, value)| value.clone()).map(Given::Plain)
            })
        };
        let mut whole: Option<Node> = None;
        let mut base: Option<String> = item
            .get("project_directory")
            .and_then(Node::text)
            .map(|directory| beside(&item.at, directory));
        for (at, named) in texts(long.unwrap_or(item)) {
            let full = beside(at, named);
            if self.including.contains(&full) {
                let what = format!("{full} includes itself");
                self.error(at, path, what, "take one of the includes out");
                continue;
            }
            let Some((file, text)) = self.read(at, path, named) else {
                continue;
            };
            let directory = base.get_or_insert_with(|| file.directory.clone()).clone();
            let file = Arc::new(File {
                name: file.name.clone(),
                directory,
            });
            self.including.push(full);
            let part = self.file(&file, &text, &with_own);
            self.including.pop();
            whole = match (whole, part) {
                (Some(base), Some(part)) => Some(merge(base, part, &[])),
                (whole, part) => part.or(whole),
            };
        }
        whole
    }

    /// The variables of an include's own files.
    fn variables_of(
        &mut self,
        files: Option<&Node>,
        path: &str,
        variables: &Variables<'_>,
    ) -> Dotenv {
        let mut all = Vec::new();
        for (at, named) in files.map(texts).into_iter().flatten() {
            let Some((file, text)) = self.read(at, path, named) else {
                continue;
            };
            match dotenv(&text, variables) {
                Ok(read) => all.extend(read),
                Err(error) => {
                    let what = format!("{}: {error}", file.name);
                    self.error(at, path, what, "correct the file");
                }
            }
        }
        all
    }

    /// Adds the parts of an included file that are not there; the same part must not differ.
    fn import(&mut self, document: &mut Node, part: Node) {
        let (Kind::Map(own), Kind::Map(sections)) = (&mut document.kind, part.kind) else {
            return;
        };
        for (section, value) in sections {
            let is_section = ["services", "networks", "volumes", "secrets", "configs"];
            if !is_section.contains(&section.text.as_str()) {
                continue;
            }
            let found = own.iter().position(|(name, _)| name.text == section.text);
            let Some(mine) = found.map(|index| &mut own[index].1) else {
                own.push((section, value));
                continue;
            };
            if mine.kind == Kind::Null {
                *mine = value;
                continue;
            }
            let (Kind::Map(mine), Kind::Map(theirs)) = (&mut mine.kind, value.kind) else {
                continue;
            };
            for (name, node) in theirs {
                let known = mine.iter().find(|(known, _)| known.text == name.text);
                match known.map(|(_, known)| alike(known, &node)) {
                    None => mine.push((name, node)),
                    Some(true) => {}
                    Some(false) => {
                        let path = format!("{}.{}", section.text, name.text);
                        let what = format!("{path} is in the including file too, and differs");
                        let remedy = "name it otherwise, or override it in a file given after";
                        self.told
                            .push(tell(Severity::Error, &name.at, &path, what, remedy));
                    }
                }
            }
        }
    }

    /// Resolves `extends` of every service of a document.
    fn extended(&mut self, document: &mut Node, variables: &Variables<'_>) {
        let Some(Kind::Map(services)) = document.get("services").map(|node| node.kind.clone())
        else {
            return;
        };
        let mut resolved = Vec::with_capacity(services.len());
        for (name, _) in &services {
            let mut way = Vec::new();
            let service = self.service(document, &name.text, variables, &mut way);
            resolved.extend(service.map(|service| (name.clone(), service)));
        }
        if let Kind::Map(entries) = &mut document.kind {
            let services = entries.iter_mut().find(|(name, _)| name.text == "services");
            if let Some((_, node)) = services {
                node.kind = Kind::Map(resolved);
            }
        }
    }

    /// A service of a document with everything that it extends.
    fn service(
        &mut self,
        document: &Node,
        name: &str,
        variables: &Variables<'_>,
        way: &mut Vec<(String, String)>,
    ) -> Option<Node> {
        let service = document.get("services")?.get(name)?.clone();
        let Kind::Map(mut entries) = service.kind else {
            return Some(service);
        };
        let found = entries.iter().position(|(key, _)| key.text == "extends");
        let extends = found.map(|index| entries.remove(index).1);
        let own = Node {
            kind: Kind::Map(entries),
            ..service
        };
        let Some(extends) = extends.filter(|extends| extends.kind != Kind::Null) else {
            return Some(own);
        };
        let path = format!("services.{name}.extends");
        let (of, file) = match &extends.kind {
            Kind::Text(of) => (Some(of.as_str()), None),
            _ => (
                extends.get("service").and_then(Node::text),
                extends.get("file").and_then(Node::text),
            ),
        };
        let Some(of) = of else {
            let remedy = "write extends: {service: NAME}, and file: PATH for one of another file";
            self.error(&extends.at, &path, "it does not say which service", remedy);
            return Some(own);
        };
        let step = (extends.at.file.name.clone(), name.to_owned());
        if way.contains(&step) {
            self.error(
                &extends.at,
                &path,
                "it extends itself",
                "take one of the extends out",
            );
            return Some(own);
        }
        way.push(step);
        let base = match file {
            None => self.service(document, of, variables, way),
            Some(file) => {
                let (file, text) = self.read(&extends.at, &path, file)?;
                let mut other = self.parsed(&file, &text)?;
                interpolate(&mut other, "", variables, Purpose::Check, &mut Vec::new());
                self.service(&other, of, variables, way)
            }
        };
        let Some(mut base) = base else {
            let what = format!("it extends '{of}', which is not there");
            let remedy = "name a service of that file";
            self.error(&extends.at, &path, what, remedy);
            return Some(own);
        };
        if own.tag == Tag::None {
            base.at = own.at.clone();
        }
        Some(merge(base, own, &["services", name]))
    }

    fn parsed(&mut self, file: &Arc<File>, text: &str) -> Option<Node> {
        match parse(file, text) {
            Ok(documents) => documents.into_iter().next(),
            Err(wrong) => {
                self.told.push(wrong);
                None
            }
        }
    }
}

/// A text, or the texts of a list; of maps their `path`.
fn texts(node: &Node) -> Vec<(&At, &str)> {
    let one = |node: &'_ Node| -> Option<()> { node.text().map(|_| ()) };
    match &node.kind {
        Kind::List(items) => items
            .iter()
            .filter_map(|item| {
                let item = if one(item).is_some() {
                    item
                } else {
                    item.get("path")?
                };
                Some((&item.at, item.text()?))
            })
            .collect(),
        Kind::Text(text) => vec![(&node.at, text)],
        Kind::Null | Kind::Map(_) => Vec::new(),
    }
}

/// Whether two values say the same, wherever they stand.
fn alike(one: &Node, other: &Node) -> bool {
    match (&one.kind, &other.kind) {
        (Kind::Null, Kind::Null) => true,
        (Kind::Text(one), Kind::Text(other)) => one == other,
        (Kind::List(one), Kind::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
        }
        (Kind::Map(one), Kind::Map(other)) => {
            let same = |(name, node): &(Name, Node)| {
                let found = other.iter().find(|(known, _)| known.text == name.text);
                found.is_some_and(|(_, other)| alike(node, other))
            };
            one.len() == other.len() && one.iter().all(same)
        }
        _ => false,
    }
}
