//! One file over another, by the rules of the Compose specification: maps are joined, lists appended, scalars replaced,
//! but for the parts that have a rule of their own.

use super::{Kind, Node, Tag, yaml::Name};

/// How a list goes over another.
enum Rule {
    /// It takes its place.
    Replace,
    /// An item takes the place of the one with the same key.
    ByKey(fn(&Node) -> Option<String>),
}

/// Lays `over` over `base`; both stand at `path`.
pub(super) fn merge(base: Node, over: Node, path: &[&str]) -> Node {
    match over.tag {
        Tag::Override | Tag::Reset => return over,
        Tag::None | Tag::Unset => {}
    }
    let base = canonical(base, path);
    let over = canonical(over, path);
    let kind = match (base.kind, over.kind) {
        (kind, Kind::Null) => {
            return Node { kind, ..base };
        }
        (Kind::Map(base), Kind::Map(over)) if !replaces(path, &base, &over) => {
            Kind::Map(maps(base, over, path))
        }
        (Kind::List(base), Kind::List(over)) => Kind::List(lists(base, over, path)),
        (_, kind) => kind,
    };
    Node { kind, ..over }
}

/// Takes out what a tag took back.
pub(super) fn without_resets(mut node: Node) -> Node {
    node.kind = match node.kind {
        Kind::Map(entries) => Kind::Map(
            entries
                .into_iter()
                .filter(|(_, value)| value.tag != Tag::Reset)
                .map(|(name, value)| (name, without_resets(value)))
                .collect(),
        ),
        Kind::List(items) => Kind::List(
            items
                .into_iter()
                .filter(|item| item.tag != Tag::Reset)
                .map(without_resets)
                .collect(),
        ),
        kind @ (Kind::Null | Kind::Text(_)) => kind,
    };
    node
}

fn maps(base: Vec<(Name, Node)>, over: Vec<(Name, Node)>, path: &[&str]) -> Vec<(Name, Node)> {
    let mut joined = base;
    for (name, value) in over {
        let found = joined.iter().position(|(known, _)| known.text == name.text);
        match found {
            Some(index) => {
                let mut below = path.to_vec();
                below.push(&name.text);
                let old = std::mem::replace(&mut joined[index].1, value.clone());
                joined[index].1 = merge(old, value, &below);
            }
            None => joined.push((name, value)),
        }
    }
    joined
}

fn lists(base: Vec<Node>, over: Vec<Node>, path: &[&str]) -> Vec<Node> {
    let key = match rule(path) {
        Rule::Replace => return over,
        Rule::ByKey(key) => key,
    };
    let mut joined = base;
    for item in over {
        let wanted = key(&item);
        let same = |known: &Node| wanted.is_some() && key(known) == wanted;
        match joined.iter().position(same) {
            Some(index) => joined[index] = item,
            None => joined.push(item),
        }
    }
    joined
}

fn rule(path: &[&str]) -> Rule {
    match path {
        ["services", _, "command" | "entrypoint"] | ["services", _, "healthcheck", "test"] => {
            Rule::Replace
        }
        ["services", _, "ports"] => Rule::ByKey(|node| Some(port(node))),
        ["services", _, "volumes" | "devices"] => Rule::ByKey(target),
        ["services", _, "secrets" | "configs"] => Rule::ByKey(file),
        ["networks", _, "ipam", "config"] => {
            Rule::ByKey(|node| node.get("subnet").and_then(Node::text).map(str::to_owned))
        }
        _ => Rule::ByKey(|node| node.text().map(str::to_owned)),
    }
}

/// Options of another log driver would be options of none.
fn replaces(path: &[&str], base: &[(Name, Node)], over: &[(Name, Node)]) -> bool {
    let driver = |entries: &[(Name, Node)]| {
        let found = entries.iter().find(|(name, _)| name.text == "driver");
        found.and_then(|(_, node)| node.text().map(str::to_owned))
    };
    matches!(path, ["services", _, "logging"])
        && driver(over).is_some()
        && driver(base) != driver(over)
}

fn port(node: &Node) -> String {
    if let Some(text) = node.text() {
        return text.trim_end_matches("/tcp").to_owned();
    }
    let part = |name: &str| node.get(name).and_then(Node::text).unwrap_or_default();
    let mut key = String::new();
    for before in [part("host_ip"), part("published")] {
        if !before.is_empty() {
            key.push_str(before);
            key.push(':');
        }
    }
    key.push_str(part("target"));
    if !matches!(part("protocol"), "" | "tcp") {
        key.push('/');
        key.push_str(part("protocol"));
    }
    key
}

/// Where a volume or a device is inside.
fn target(node: &Node) -> Option<String> {
    let Some(text) = node.text() else {
        return node.get("target").and_then(Node::text).map(str::to_owned);
    };
    let mut parts = text.split(':');
    let first = parts.next();
    let second = parts.next().filter(|part| part.starts_with('/'));
    second.or(first).map(str::to_owned)
}

fn file(node: &Node) -> Option<String> {
    let long = node.get("target").or_else(|| node.get("source"));
    node.text()
        .or_else(|| long.and_then(Node::text))
        .map(str::to_owned)
}

/// The long form of what has two forms, so that one goes over the other.
fn canonical(node: Node, path: &[&str]) -> Node {
    match path {
        ["services", _, "build"] => wrapped(node, "context"),
        ["services", _, "networks" | "depends_on" | "models"] => named(node, false),
        [
            "services",
            _,
            "env_file" | "dns" | "dns_search" | "tmpfs" | "label_file",
        ] => listed(node),
        ["services", _, "extra_hosts"] => paired(node),
        [
            "services",
            _,
            "environment" | "labels" | "annotations" | "sysctls" | "storage_opt",
        ]
        | ["services", _, "build", "args" | "labels"]
        | ["services", _, "deploy", "labels"]
        | [_, _, "labels"] => named(node, true),
        _ => node,
    }
}

fn wrapped(node: Node, key: &str) -> Node {
    let Kind::Text(_) = node.kind else {
        return node;
    };
    let name = Name {
        text: key.to_owned(),
        at: node.at.clone(),
    };
    Node {
        at: node.at.clone(),
        tag: Tag::None,
        kind: Kind::Map(vec![(name, node)]),
    }
}

/// A list of names, or of `NAME=value`, as a map.
fn named(node: Node, pairs: bool) -> Node {
    let Kind::List(items) = node.kind else {
        return node;
    };
    if items.iter().any(|item| item.text().is_none()) {
        return Node {
            kind: Kind::List(items),
            ..node
        };
    }
    let mut entries: Vec<(Name, Node)> = Vec::new();
    for item in items {
        let text = item.text().unwrap_or_default().to_owned();
        let (key, kind) = match text.split_once('=') {
            Some((key, value)) if pairs => (key.to_owned(), Kind::Text(value.to_owned())),
            _ => (text, Kind::Null),
        };
        let at = item.at.clone();
        entries.retain(|(name, _)| name.text != key);
        entries.push((Name { text: key, at }, Node { kind, ..item }));
    }
    Node {
        kind: Kind::Map(entries),
        ..node
    }
}

fn listed(node: Node) -> Node {
    let Kind::Text(_) = node.kind else {
        return node;
    };
    Node {
        at: node.at.clone(),
        tag: Tag::None,
        kind: Kind::List(vec![node]),
    }
}

/// A map of names with addresses as a list of `name=address`.
fn paired(node: Node) -> Node {
    let Kind::Map(entries) = node.kind else {
        return node;
    };
    let items = entries
        .into_iter()
        .flat_map(|(name, value)| match value.kind {
            Kind::List(items) => items.into_iter().map(|item| (name.clone(), item)).collect(),
            _ => vec![(name, value)],
        })
        .map(|(name, value)| {
            let text = format!("{}={}", name.text, value.text().unwrap_or_default());
            Node {
                kind: Kind::Text(text),
                ..value
            }
        });
    Node {
        at: node.at,
        tag: node.tag,
        kind: Kind::List(items.collect()),
    }
}
