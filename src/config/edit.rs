//! Changes `wharf.toml` as its owner would: comments and order stay, and nothing wrong is written.

use std::{
    fmt,
    fs::{self, File as OsFile, OpenOptions},
    io::{self, Write},
    ops::Range,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
    process,
};

use toml_edit::{ArrayOfTables, Document, DocumentMut, Item, Table, TableLike, Value};

use super::{Paths, file::File, inventory::Comparison};
use crate::model::setting::{Form, Key};

/// One thing said of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its name.
    Name(String),
    /// Its endpoint; none for the ssh alias that is called like the host.
    Endpoint(Option<String>),
    /// Its environment.
    Environment(Option<String>),
    /// Its groups; none takes the key away.
    Groups(Vec<String>),
    /// Whether nothing on it may be changed.
    ReadOnly(bool),
    /// The engine's socket on it.
    Socket(Option<String>),
    /// The directory of its certificates.
    Tls(Option<String>),
}

/// Why the file was not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditError {
    path: PathBuf,
    why: String,
}

impl std::error::Error for EditError {}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is left as it is: {}", self.path.display(), self.why)
    }
}

impl EditError {
    /// Why that file was not changed.
    pub(super) fn new(path: &Path, why: String) -> Self {
        Self {
            path: path.to_owned(),
            why,
        }
    }
}

/// Adds a host at the end of the file, which is made if there is none.
pub fn add_host(paths: &Paths, name: &str, changes: &[Change]) -> Result<(), EditError> {
    edit(paths, Some(name), |text, _| {
        if find(text, name)?.is_some() {
            return Err(format!("it has a host {name} already"));
        }
        Ok(with_host(text, name, changes))
    })
}

/// A text with a host more at its end.
fn with_host(text: &str, name: &str, changes: &[Change]) -> String {
    let mut table = Table::new();
    apply(&mut table, &Change::Name(name.to_owned()));
    for change in changes {
        apply(&mut table, change);
    }
    let mut added = DocumentMut::new();
    let mut tables = ArrayOfTables::new();
    tables.push(table);
    added.insert("host", Item::ArrayOfTables(tables));
    let gap = match text {
        "" => "",
        _ if text.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    format!("{text}{gap}{}", added.to_string().trim_start())
}

/// Adds and changes the hosts of an inventory: all of them, or none.
pub fn import_hosts(paths: &Paths, comparison: &Comparison) -> Result<(), EditError> {
    edit(paths, None, |text, path| {
        let mut document: DocumentMut = text.parse().map_err(|error| broken(&error))?;
        for (name, changes) in &comparison.changed {
            let index = find_in(&document, name)?.ok_or_else(|| not_written(name, path))?;
            let table = document
                .get_mut("host")
                .and_then(Item::as_array_of_tables_mut)
                .and_then(|tables| tables.get_mut(index))
                .ok_or_else(|| not_written(name, path))?;
            for change in changes {
                if matches!(change, Change::Endpoint(Some(_))) {
                    // They would win over what the endpoint says now.
                    table.remove("user");
                    table.remove("port");
                }
                apply(table, change);
            }
        }
        find_in(&document, "")?;
        let mut text = document.to_string();
        for (name, changes) in &comparison.new {
            text = with_host(&text, name, changes);
        }
        Ok(text)
    })
}

/// Changes what is said of a host.
pub fn edit_host(paths: &Paths, name: &str, changes: &[Change]) -> Result<(), EditError> {
    let renamed = changes.iter().rev().find_map(|change| match change {
        Change::Name(name) => Some(name.as_str()),
        _ => None,
    });
    edit(paths, Some(renamed.unwrap_or(name)), |text, path| {
        let index = find(text, name)?.ok_or_else(|| not_written(name, path))?;
        let mut document: DocumentMut = text.parse().map_err(|error| broken(&error))?;
        let table = document
            .get_mut("host")
            .and_then(Item::as_array_of_tables_mut)
            .and_then(|tables| tables.get_mut(index))
            .ok_or_else(|| not_written(name, path))?;
        for change in changes {
            apply(table, change);
        }
        Ok(document.to_string())
    })
}

/// Takes a host out, with the comment lines right above it; all other lines stay.
pub fn remove_host(paths: &Paths, name: &str) -> Result<(), EditError> {
    edit(paths, None, |text, path| {
        let index = find(text, name)?.ok_or_else(|| not_written(name, path))?;
        let lines = lines_of(text, index).ok_or_else(|| not_written(name, path))?;
        Ok(format!("{}{}", &text[..lines.start], &text[lines.end..]))
    })
}

/// Says a setting, or with none takes it out so that its default holds; `value` is written as
/// [`Setting::value`](crate::model::Setting::value) is.
pub fn set(paths: &Paths, key: Key, value: Option<&str>) -> Result<(), EditError> {
    let steps: Vec<&str> = key.path().split('.').collect();
    edit(paths, None, |text, _| match value {
        Some(value) => with_value(text, &steps, written(key, value)),
        None => without_value(text, &steps),
    })
    .map_err(|error| EditError {
        why: format!("{}; {}", error.why, by_hand(key, value)),
        ..error
    })
}

/// A value as TOML has it.
fn written(key: Key, value: &str) -> Value {
    match key.form() {
        Form::Flag => Value::from(value == "true"),
        Form::Columns => value.split(',').filter(|name| !name.is_empty()).collect(),
        Form::Name | Form::Line | Form::Time => Value::from(value),
    }
}

/// What its owner can do when the file cannot be changed from here.
fn by_hand(key: Key, value: Option<&str>) -> String {
    let (section, name) = key.path().rsplit_once('.').unwrap_or(("", key.path()));
    match value {
        Some(value) => {
            let value = written(key, value);
            format!(
                "write {name} = {} into [{section}] there by hand",
                value.to_string().trim()
            )
        }
        None => format!("take {name} out of [{section}] there by hand"),
    }
}

/// A text in which a value stands at its place; a comment behind the one before it stays.
fn with_value(text: &str, steps: &[&str], mut value: Value) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error| broken(&error))?;
    let (name, sections) = steps.split_last().unwrap_or((&"", &[]));
    if sections
        .first()
        .is_some_and(|first| !document.contains_key(first))
    {
        // At the end, behind whatever comment the file ends with.
        let gap = match text {
            "" => "",
            _ if text.ends_with('\n') => "\n",
            _ => "\n\n",
        };
        let section = sections.join(".");
        return Ok(format!(
            "{text}{gap}[{section}]\n{name} = {}\n",
            value.to_string().trim()
        ));
    }
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for section in sections {
        let item = table
            .entry(section)
            .or_insert_with(|| Item::Table(Table::new()));
        table = item
            .as_table_like_mut()
            .ok_or_else(|| format!("{section} in it is no table; change it by hand"))?;
    }
    if let Some(old) = table.get(name).and_then(Item::as_value) {
        *value.decor_mut() = old.decor().clone();
    }
    if let Some(there) = table.get_mut(name) {
        *there = Item::Value(value);
    } else {
        table.insert(name, Item::Value(value));
    }
    Ok(document.to_string())
}

/// A text without a value; comments above it stay, and one behind it becomes a line of its own.
fn without_value(text: &str, steps: &[&str]) -> Result<String, String> {
    let document = Document::parse(text).map_err(|error| broken(&error))?;
    let (name, sections) = steps.split_last().unwrap_or((&"", &[]));
    let mut table: &dyn TableLike = document.as_table();
    for section in sections {
        let Some(inner) = table.get(section).and_then(Item::as_table_like) else {
            return Ok(text.to_owned());
        };
        table = inner;
    }
    let spans = table
        .key(name)
        .and_then(toml_edit::Key::span)
        .zip(table.get(name).and_then(Item::span));
    let Some((key, value)) = spans else {
        return Ok(text.to_owned());
    };
    let start = line_start(text, key.start);
    let rest = &text[value.end..];
    let (tail, after) = rest.split_once('\n').unwrap_or((rest, ""));
    let comment = tail.trim();
    let is_alone = !text[start..key.start].contains(['{', ','])
        && (comment.is_empty() || comment.starts_with('#'));
    if !is_alone {
        return removed(text, steps);
    }
    let line = if comment.is_empty() {
        String::new()
    } else {
        format!("{comment}\n")
    };
    Ok(format!("{}{line}{after}", &text[..start]))
}

/// A text without a value that stands in a line with others.
fn removed(text: &str, steps: &[&str]) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error| broken(&error))?;
    let (name, sections) = steps.split_last().unwrap_or((&"", &[]));
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for section in sections {
        match table.get_mut(section).and_then(Item::as_table_like_mut) {
            Some(inner) => table = inner,
            None => return Ok(text.to_owned()),
        }
    }
    table.remove(name);
    Ok(document.to_string())
}

/// Reads the file, changes its text, and writes it if what comes out is right: `host` is there, and
/// nothing is complained of that was not before.
fn edit(
    paths: &Paths,
    host: Option<&str>,
    change: impl FnOnce(&str, &Path) -> Result<String, String>,
) -> Result<(), EditError> {
    let path = &paths.config_file;
    let error = |why: String| EditError {
        path: path.clone(),
        why,
    };
    let before = match fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(found) if found.kind() == io::ErrorKind::NotFound => None,
        Err(found) => return Err(error(format!("it cannot be read: {found}"))),
    };
    let text = before.as_deref().unwrap_or_default();
    let after = change(text, path).map_err(error)?;
    let read = |text: &str| File::read(path, text.as_bytes(), &paths.home);
    let (old, new) = (read(text), read(&after));
    let complaint = new
        .notices
        .iter()
        .find(|new| !old.notices.iter().any(|old| old.what == new.what));
    if let Some(complaint) = complaint {
        return Err(error(format!("{}; {}", complaint.what, complaint.remedy)));
    }
    if let Some(host) = host.filter(|host| {
        !new.hosts
            .iter()
            .any(|(spec, _)| spec.name.as_str() == *host)
    }) {
        return Err(error(format!("{host} would not be a host")));
    }
    write(path, before.as_deref(), &after).map_err(|found| error(found.to_string()))
}

/// The index of a host among the `[[host]]` of a text; none when it is not there.
fn find(text: &str, name: &str) -> Result<Option<usize>, String> {
    let document: DocumentMut = text.parse().map_err(|error| broken(&error))?;
    find_in(&document, name)
}

fn find_in(document: &DocumentMut, name: &str) -> Result<Option<usize>, String> {
    match document.get("host") {
        None => Ok(None),
        Some(Item::ArrayOfTables(tables)) => {
            Ok(tables.iter().position(|table| name_of(table) == Some(name)))
        }
        Some(_) => Err("its hosts are not written as [[host]]; change it by hand".to_owned()),
    }
}

fn name_of(table: &Table) -> Option<&str> {
    table
        .get("name")
        .or_else(|| table.get("endpoint"))
        .and_then(Item::as_str)
}

fn broken(error: &toml_edit::TomlError) -> String {
    format!(
        "it is not TOML, mend it first: {}",
        error.to_string().trim_end()
    )
}

fn not_written(name: &str, path: &Path) -> String {
    let file = path.file_name().unwrap_or_default().display();
    format!("no [[host]] in it is called {name} (imported hosts are not written in {file})")
}

/// Says one thing of a host; a comment behind a value stays.
fn apply(table: &mut Table, change: &Change) {
    let text = |text: &Option<String>| text.as_deref().map(Value::from);
    let (key, value) = match change {
        Change::Name(name) => ("name", Some(Value::from(name.as_str()))),
        Change::Endpoint(endpoint) => ("endpoint", text(endpoint)),
        Change::Environment(environment) => ("environment", text(environment)),
        Change::Groups(groups) => (
            "groups",
            (!groups.is_empty()).then(|| groups.iter().collect::<Value>()),
        ),
        Change::ReadOnly(read_only) => ("read_only", read_only.then(|| Value::from(true))),
        Change::Socket(socket) => ("socket", text(socket)),
        Change::Tls(tls) => ("tls", text(tls)),
    };
    let Some(mut value) = value else {
        table.remove(key);
        return;
    };
    if let Some(old) = table.get(key).and_then(Item::as_value) {
        *value.decor_mut() = old.decor().clone();
    }
    table.insert(key, Item::Value(value));
}

/// The lines of a `[[host]]`: from the comments right above it, unless they open the file, to its
/// last value; and the blank lines between it and what is above.
fn lines_of(text: &str, index: usize) -> Option<Range<usize>> {
    let document = Document::parse(text).ok()?;
    let table = document.get("host")?.as_array_of_tables()?.get(index)?;
    let header = table.span()?;
    let last = table
        .iter()
        .filter_map(|(_, item)| item.span())
        .map(|span| span.end);
    let end = last.chain([header.end]).max()?;
    let end = text[end..]
        .find('\n')
        .map_or(text.len(), |more| end + more + 1);
    let mut start = line_start(text, header.start);
    let mut above = start;
    while above > 0 {
        let previous = line_start(text, above - 1);
        if !text[previous..above].trim_start().starts_with('#') {
            start = above;
            break;
        }
        above = previous;
    }
    while start > 0 {
        let previous = line_start(text, start - 1);
        if !text[previous..start].trim().is_empty() {
            break;
        }
        start = previous;
    }
    Some(start..end)
}

/// The start of the line that a byte belongs to.
fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

/// Replaces the file whole or not at all, keeping its permissions and owner; a link stays one.
fn write(path: &Path, before: Option<&str>, after: &str) -> io::Result<()> {
    let target = if before.is_some() {
        fs::canonicalize(path)?
    } else {
        path.to_owned()
    };
    let directory = target.parent().unwrap_or(Path::new("/"));
    if before.is_none() {
        fs::create_dir_all(directory)?;
    }
    let name = target.file_name().unwrap_or_default().display();
    let fresh = directory.join(format!(".{name}.{}", process::id()));
    let written =
        write_fresh(&fresh, &target, before, after).and_then(|()| fs::rename(&fresh, &target));
    if written.is_err() {
        // It is ours and half made; that it cannot be removed either is the lesser trouble.
        let _ = fs::remove_file(&fresh);
        return written;
    }
    OsFile::open(directory)?.sync_all()
}

fn write_fresh(fresh: &Path, target: &Path, before: Option<&str>, after: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(fresh)?;
    if before.is_some() {
        let old = fs::metadata(target)?;
        let new = file.metadata()?;
        if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
            fchown(&file, Some(old.uid()), Some(old.gid()))?;
        }
        file.set_permissions(fs::Permissions::from_mode(
            old.permissions().mode() & 0o7777,
        ))?;
    }
    file.write_all(after.as_bytes())?;
    file.sync_all()?;
    let now = fs::read_to_string(target).ok();
    if now.as_deref() == before {
        Ok(())
    } else {
        Err(io::Error::other(
            "somebody else changed it at this moment; try again",
        ))
    }
}
