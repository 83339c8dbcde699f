//! Ansible's inventories: INI, YAML, and the JSON that `ansible-inventory --list` prints.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Field, Raw, csv::Table, json};

/// The most hosts that one range may name.
const MANY: usize = 65_536;
/// How deep groups may lie in each other.
const DEEP: usize = 64;
/// Groups that every host is in.
const EVERYBODY: [&str; 2] = ["all", "ungrouped"];

/// The variables that mean something here. The last of each field counts most.
const VARIABLES: [(&str, Field); 12] = [
    ("ansible_ssh_host", Field::Endpoint),
    ("ansible_host", Field::Endpoint),
    ("wharf_endpoint", Field::Endpoint),
    ("ansible_ssh_user", Field::User),
    ("ansible_user", Field::User),
    ("ansible_ssh_port", Field::Port),
    ("ansible_port", Field::Port),
    ("env", Field::Environment),
    ("environment", Field::Environment),
    ("wharf_environment", Field::Environment),
    ("wharf_groups", Field::Groups),
    ("wharf_read_only", Field::ReadOnly),
];

type Variables = BTreeMap<String, String>;

/// An inventory as Ansible means it.
#[derive(Debug, Default)]
struct Tree {
    groups: BTreeMap<String, Group>,
    /// The hosts in the order in which they are first named.
    hosts: Vec<Host>,
    /// Lines that could not be read.
    wrong: Vec<Raw>,
}

#[derive(Debug, Default)]
struct Group {
    hosts: BTreeSet<String>,
    children: BTreeSet<String>,
    variables: Variables,
}

#[derive(Debug)]
struct Host {
    name: String,
    line: Option<usize>,
    variables: Variables,
}

pub(super) fn read(text: &str) -> Result<Table, String> {
    let start = text.trim_start();
    let tree = if start.starts_with('{') {
        let value =
            serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
        Tree::of_list(&value)?
    } else if looks_like_yaml(start) {
        let value: Value = serde_saphyr::from_str(text)
            .map_err(|error| format!("it is not YAML: {}", first_line(&error.to_string())))?;
        Tree::of_yaml(&value)?
    } else {
        Tree::of_ini(text)
    };
    Ok((tree.rows(), Vec::new()))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// YAML begins with a key of its own line; INI with a section or a host.
fn looks_like_yaml(text: &str) -> bool {
    let mut lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim_end());
    let first = lines.find(|line| !line.is_empty() && *line != "---");
    text.starts_with("---")
        || first.is_some_and(|line| {
            let key = line.strip_suffix(':');
            key.is_some_and(|key| !key.contains(char::is_whitespace) && !key.starts_with('['))
        })
}

impl Tree {
    fn group(&mut self, name: &str) -> &mut Group {
        self.groups.entry(name.to_owned()).or_default()
    }

    fn host(&mut self, group: &str, name: &str, line: Option<usize>) -> &mut Host {
        self.group(group).hosts.insert(name.to_owned());
        let at = self.hosts.iter().position(|host| host.name == name);
        let at = at.unwrap_or_else(|| {
            self.hosts.push(Host {
                name: name.to_owned(),
                line,
                variables: Variables::new(),
            });
            self.hosts.len() - 1
        });
        &mut self.hosts[at]
    }

    fn wrong(&mut self, line: Option<usize>, what: String) {
        self.wrong.push(Raw {
            line,
            place: what,
            ..Raw::default()
        });
    }

    /// `{"_meta": {"hostvars": …}, "web": {"hosts": […], "children": […]}}`, or the YAML form as JSON.
    fn of_list(value: &Value) -> Result<Self, String> {
        let object = value.as_object().ok_or("it is no object of groups")?;
        if !object.contains_key("_meta") {
            return Self::of_yaml(value);
        }
        let mut tree = Self::default();
        for (name, group) in object.iter().filter(|(name, _)| *name != "_meta") {
            let texts = |key: &str| {
                let list = group.get(key).and_then(Value::as_array);
                let texts = list.into_iter().flatten().filter_map(Value::as_str);
                texts.map(str::to_owned).collect::<Vec<_>>()
            };
            for host in texts("hosts") {
                tree.host(name, &host, None);
            }
            tree.group(name).children.extend(texts("children"));
            let variables = variables(group.get("vars"));
            tree.group(name).variables.extend(variables);
        }
        let hosts = value.pointer("/_meta/hostvars").and_then(Value::as_object);
        for (name, own) in hosts.into_iter().flatten() {
            let own = variables(Some(own));
            tree.host("all", name, None).variables.extend(own);
        }
        Ok(tree)
    }

    /// `all: {hosts: {…}, children: {web: {…}}}`.
    fn of_yaml(value: &Value) -> Result<Self, String> {
        let groups = value.as_object().ok_or("it is no mapping of groups")?;
        let mut tree = Self::default();
        tree.yaml_groups(groups, None, 0)?;
        Ok(tree)
    }

    fn yaml_groups(
        &mut self,
        groups: &Map<String, Value>,
        parent: Option<&str>,
        depth: usize,
    ) -> Result<(), String> {
        if depth > DEEP {
            return Err("its groups lie too deep in each other".to_owned());
        }
        for (name, group) in groups {
            if let Some(parent) = parent {
                self.group(parent).children.insert(name.clone());
            }
            let own = variables(group.get("vars"));
            self.group(name).variables.extend(own);
            match group.get("hosts") {
                Some(Value::Object(hosts)) => {
                    for (pattern, own) in hosts {
                        self.add_hosts(name, pattern, None, &variables(Some(own)));
                    }
                }
                Some(Value::Array(hosts)) => {
                    for pattern in hosts.iter().filter_map(Value::as_str) {
                        self.add_hosts(name, pattern, None, &Variables::new());
                    }
                }
                _ => {}
            }
            if let Some(children) = group.get("children").and_then(Value::as_object) {
                self.yaml_groups(children, Some(name), depth + 1)?;
            }
        }
        Ok(())
    }

    fn of_ini(text: &str) -> Self {
        let mut tree = Self::default();
        let (mut group, mut kind) = ("ungrouped".to_owned(), String::new());
        for (at, line) in text.lines().enumerate() {
            let number = Some(at + 1);
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(section) = line.strip_prefix('[') {
                let section = section.split(']').next().unwrap_or_default();
                let (name, of) = section.split_once(':').unwrap_or((section, ""));
                (group, kind) = (name.trim().to_owned(), of.trim().to_owned());
                tree.group(&group);
                if !matches!(kind.as_str(), "" | "children" | "vars" | "hosts") {
                    tree.wrong(number, format!("[{section}] is no section that is known"));
                }
                continue;
            }
            match kind.as_str() {
                "" | "hosts" => tree.ini_host(&group, line, number),
                "children" => {
                    let child = line
                        .split_whitespace()
                        .next()
                        .unwrap_or_default()
                        .to_owned();
                    tree.group(&child);
                    tree.group(&group).children.insert(child);
                }
                "vars" => match line.split_once('=') {
                    Some((name, value)) => {
                        let (name, value) = (name.trim().to_owned(), unquoted(value.trim()));
                        tree.group(&group).variables.insert(name, value);
                    }
                    None => tree.wrong(number, format!("{line:?} is no variable")),
                },
                _ => {}
            }
        }
        tree
    }

    /// `web[01:20]:2222 ansible_host=10.0.0.1 ansible_user=deploy  # a comment`.
    fn ini_host(&mut self, group: &str, line: &str, number: Option<usize>) {
        let Some(mut words) = shlex::split(line).map(Vec::into_iter) else {
            self.wrong(number, "its quotes are not closed".to_owned());
            return;
        };
        let pattern = words.next().unwrap_or_default();
        let mut own = Variables::new();
        for word in words {
            match word.split_once('=') {
                Some((name, value)) => own.insert(name.to_owned(), value.to_owned()),
                None => {
                    self.wrong(number, format!("{word:?} after {pattern} is no variable"));
                    return;
                }
            };
        }
        self.add_hosts(group, &pattern, number, &own);
    }

    /// Adds the hosts of a pattern, with its port and these variables.
    fn add_hosts(&mut self, group: &str, pattern: &str, line: Option<usize>, own: &Variables) {
        let (pattern, port) = match pattern.rsplit_once(':') {
            Some((rest, port))
                if port.parse::<u16>().is_ok() && !rest.contains(':') | rest.ends_with(']') =>
            {
                (rest, Some(port))
            }
            _ => (pattern, None),
        };
        let names = match expanded(pattern) {
            Ok(names) => names,
            Err(why) => return self.wrong(line, format!("{pattern}: {why}")),
        };
        for name in names {
            let host = self.host(group, &name, line);
            if let Some(port) = port {
                host.variables
                    .insert("ansible_port".to_owned(), port.to_owned());
            }
            host.variables.extend(own.clone());
        }
    }

    /// Every host with what its groups and it itself say.
    fn rows(self) -> Vec<Raw> {
        let mut parents: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, group) in &self.groups {
            for child in &group.children {
                parents.entry(child).or_default().push(name);
            }
        }
        let mut direct: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, group) in &self.groups {
            for host in &group.hosts {
                direct.entry(host).or_default().push(name);
            }
        }
        let none = Vec::new();
        let rows = self.hosts.iter().map(|host| {
            let own = direct.get(host.name.as_str()).unwrap_or(&none);
            self.row(host, &lineage(own, &parents))
        });
        let mut rows: Vec<Raw> = rows.collect();
        rows.extend(self.wrong);
        rows
    }

    /// A host with the groups it is in, each after those that it lies in.
    fn row(&self, host: &Host, lineage: &[&str]) -> Raw {
        let mut known = Variables::new();
        for name in ["all"].iter().chain(lineage) {
            if let Some(group) = self.groups.get(*name) {
                known.extend(group.variables.clone());
            }
        }
        known.extend(host.variables.clone());
        let mut row = Raw {
            line: host.line,
            place: format!("host {}", host.name),
            ..Raw::default()
        };
        row.put(Field::Name, vec![host.name.clone()]);
        let mut told: BTreeMap<Field, String> = BTreeMap::new();
        for (name, field) in VARIABLES {
            // What is still to be computed by Ansible says nothing here.
            if let Some(value) = known.get(name).filter(|value| !value.contains("{{")) {
                told.insert(field, value.clone());
            }
        }
        match told.remove(&Field::Groups) {
            Some(groups) => row.put(Field::Groups, vec![groups]),
            None => {
                let groups = lineage.iter().filter(|name| !EVERYBODY.contains(name));
                row.put(
                    Field::Groups,
                    groups.map(|name| (*name).to_owned()).collect(),
                );
            }
        }
        for (field, value) in told {
            row.put(field, vec![value]);
        }
        row
    }
}

/// The groups of a host and those that they lie in, outermost first.
fn lineage<'g>(own: &[&'g str], parents: &BTreeMap<&'g str, Vec<&'g str>>) -> Vec<&'g str> {
    let mut ordered: Vec<&str> = Vec::new();
    let mut level: Vec<&str> = own.to_vec();
    for _ in 0..DEEP {
        level.retain(|name| !ordered.contains(name));
        if level.is_empty() {
            break;
        }
        let above = level.iter().filter_map(|name| parents.get(name)).flatten();
        let above: Vec<&str> = above.copied().collect();
        for name in level {
            if !ordered.contains(&name) {
                ordered.push(name);
            }
        }
        level = above;
    }
    ordered.reverse();
    ordered
}

/// The plain values of an object.
fn variables(value: Option<&Value>) -> Variables {
    let object = value.and_then(Value::as_object);
    let pairs = object.into_iter().flatten();
    pairs
        .filter_map(|(name, value)| {
            let text = match value {
                Value::Array(items) => items
                    .iter()
                    .filter_map(json::text)
                    .collect::<Vec<_>>()
                    .join(","),
                other => json::text(other)?,
            };
            Some((name.clone(), text))
        })
        .collect()
}

fn unquoted(text: &str) -> String {
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or(inner('\'')).unwrap_or(text).to_owned()
}

/// The names of a pattern with ranges: `web[01:20]`, `db-[a:f]`, `x[1:9:2]`.
fn expanded(pattern: &str) -> Result<Vec<String>, String> {
    let Some((before, rest)) = pattern.split_once('[') else {
        return Ok(vec![pattern.to_owned()]);
    };
    let Some((range, after)) = rest.split_once(']') else {
        return Err("its range is not closed".to_owned());
    };
    let after = expanded(after)?;
    let mut names = Vec::new();
    for middle in range_of(range)? {
        if names.len() + after.len() > MANY {
            return Err(format!("it names more than {MANY} hosts"));
        }
        names.extend(after.iter().map(|after| format!("{before}{middle}{after}")));
    }
    Ok(names)
}

/// What a range counts: numbers as wide as they are written, or letters.
fn range_of(range: &str) -> Result<Vec<String>, String> {
    let wrong = || format!("[{range}] is no range; write [01:20] or [a:f]");
    let mut parts = range.split(':');
    let (from, to) = (
        parts.next().unwrap_or_default(),
        parts.next().ok_or_else(wrong)?,
    );
    let step = parts
        .next()
        .map_or(Ok(1), str::parse::<usize>)
        .map_err(|_| wrong())?;
    if step == 0 || parts.next().is_some() {
        return Err(wrong());
    }
    let from = if from.is_empty() { "0" } else { from };
    if let (Ok(first), Ok(last)) = (from.parse::<usize>(), to.parse::<usize>()) {
        if last < first || (last - first) / step >= MANY {
            return Err(wrong());
        }
        let width = if from.starts_with('0') { from.len() } else { 0 };
        let numbers = (first..=last).step_by(step);
        return Ok(numbers.map(|number| format!("{number:0width$}")).collect());
    }
    let letter = |text: &str| {
        let mut letters = text.chars();
        let first = letters.next().filter(char::is_ascii_alphabetic)?;
        letters.next().is_none().then_some(first)
    };
    match (letter(from), letter(to)) {
        (Some(first), Some(last)) if first <= last => {
            Ok((first..=last).step_by(step).map(String::from).collect())
        }
        _ => Err(wrong()),
    }
}
