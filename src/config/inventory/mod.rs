//! Inventories of hosts that others keep: CMDB exports as CSV or JSON, and Ansible's.

mod ansible;
mod compare;
mod csv;
mod export;
mod json;
mod mapping;

use std::{fmt, fs, path::Path};

pub use self::{
    compare::{Comparison, compare},
    export::export,
    mapping::{Field, Mapping, MappingError},
};
use super::{Notice, Paths, file::File};
use crate::model::{Endpoint, HostName};

/// The largest inventory that is read, in bytes.
const LARGEST: u64 = 64 << 20;

/// The forms in which inventories are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table with a row of names.
    Csv,
    /// A list of objects.
    Json,
    /// Ansible's: INI, YAML, or what `ansible-inventory --list` prints.
    Ansible,
    /// The hosts of another wharf.toml.
    Toml,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Ansible => "ansible",
            Self::Toml => "toml",
        })
    }
}

impl Format {
    /// The form of files with this ending, where that tells it.
    pub fn of_ending(ending: &str) -> Option<Self> {
        match ending.to_lowercase().as_str() {
            "csv" | "tsv" => Some(Self::Csv),
            "json" => Some(Self::Json),
            "ini" | "yml" | "yaml" => Some(Self::Ansible),
            "toml" => Some(Self::Toml),
            _ => None,
        }
    }
}

/// What an inventory says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The hosts that can be used, in their order.
    pub hosts: Vec<Listed>,
    /// What was taken from which column or field of the source; empty for Ansible's, which has names of its own.
    pub taken: Vec<(Field, String)>,
    /// Lines that are left out, each with the reason.
    pub skipped: Vec<Notice>,
}

/// A host as an inventory has it. What is absent is not said, and stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its endpoint, where that is written out.
    pub endpoint: Option<Endpoint>,
    /// Its name or address for ssh, when that is not its name here.
    pub address: Option<String>,
    /// The user for ssh.
    pub user: Option<String>,
    /// The port for ssh.
    pub port: Option<u16>,
    /// Its environment.
    pub environment: Option<String>,
    /// Its groups.
    pub groups: Vec<String>,
    /// Whether nothing on it may be changed.
    pub read_only: Option<bool>,
    /// Its line in the inventory, from 1, where that is known.
    pub line: Option<usize>,
}

/// The values of one host, by what they mean, before they are looked at.
#[derive(Clone, Debug, Default)]
struct Raw {
    values: Vec<(Field, Vec<String>)>,
    line: Option<usize>,
    /// What it is called in complaints when it has no line: `item 3`, `host web-1`.
    place: String,
}

impl Raw {
    fn put(&mut self, field: Field, values: Vec<String>) {
        let values: Vec<String> = values
            .into_iter()
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
            .collect();
        if !values.is_empty() {
            self.values.push((field, values));
        }
    }

    fn one(&self, field: Field) -> Option<&str> {
        let (_, values) = self.values.iter().find(|(own, _)| *own == field)?;
        values.first().map(String::as_str)
    }

    fn all(&self, field: Field) -> Vec<String> {
        let own = self.values.iter().filter(|(own, _)| *own == field);
        own.flat_map(|(_, values)| values.iter().cloned()).collect()
    }
}

/// Reads an inventory. An error is about the file as a whole; what is wrong with one host only leaves that out.
pub fn read(
    path: &Path,
    format: Option<Format>,
    mapping: &Mapping,
    paths: &Paths,
) -> Result<Inventory, String> {
    let place = path.display().to_string();
    let error = |why: String| format!("{place} cannot be imported: {why}");
    let about = fs::metadata(path).map_err(|found| error(found.to_string()))?;
    if !about.is_file() {
        return Err(error("it is no regular file".to_owned()));
    }
    if about.len() > LARGEST {
        return Err(error(format!("it is larger than {LARGEST} bytes")));
    }
    let bytes = fs::read(path).map_err(|found| error(found.to_string()))?;
    let text = text_of(&bytes).map_err(error)?;
    let format = format.unwrap_or_else(|| guess(path, text));
    let read = match format {
        Format::Csv => csv::read(text, mapping),
        Format::Json => json::read(text, mapping),
        Format::Ansible => ansible::read(text),
        Format::Toml => return Ok(of_toml(path, text, paths)),
    };
    let (rows, taken) = read.map_err(error)?;
    let mut inventory = Inventory {
        taken,
        ..Inventory::default()
    };
    for row in rows {
        inventory.take(&place, row);
    }
    Ok(inventory)
}

/// The hosts of another wharf.toml. Files of certificates are not taken along: they are of that machine.
fn of_toml(path: &Path, text: &str, paths: &Paths) -> Inventory {
    let mut file = File::read(path, text.as_bytes(), &paths.home);
    let hosts = file.hosts.drain(..).map(|(spec, line)| Listed {
        name: spec.name.as_str().to_owned(),
        endpoint: Some(spec.endpoint)
            .filter(|endpoint| endpoint.to_string() != format!("ssh://{}", spec.name)),
        environment: spec.environment.map(|name| name.to_string()),
        groups: spec.groups.iter().map(ToString::to_string).collect(),
        read_only: spec.read_only.then_some(true),
        line,
        ..Listed::default()
    });
    Inventory {
        hosts: hosts.collect(),
        taken: Vec::new(),
        skipped: file.notices,
    }
}

/// The text of a file without its byte order mark.
fn text_of(bytes: &[u8]) -> Result<&str, String> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let what = "it is UTF-16; save it as UTF-8 (`iconv -f UTF-16 -t UTF-8`)";
        return Err(what.to_owned());
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        format!(
            "line {line} is not UTF-8, likely Latin-1; save it as UTF-8 (`iconv -f LATIN1 -t UTF-8`)"
        )
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// The form that a file most likely has, by its name, else by its beginning.
fn guess(path: &Path, text: &str) -> Format {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let start = text.trim_start();
    match ending.and_then(Format::of_ending) {
        Some(Format::Json) | None => {}
        Some(format) => return format,
    }
    if json::is_ansible(start) {
        Format::Ansible
    } else if json::is_likely(start) {
        Format::Json
    } else if start.starts_with('[') || start.starts_with("---") || start.starts_with("all:") {
        Format::Ansible
    } else if start
        .lines()
        .next()
        .is_some_and(|line| line.contains([',', ';', '\t']))
    {
        Format::Csv
    } else {
        Format::Ansible
    }
}

impl Inventory {
    /// Takes a host in, or tells why it is left out.
    fn take(&mut self, file: &str, row: Raw) {
        let wrong = match listed(&row) {
            Ok(host) => match self.hosts.iter().find(|first| first.name == host.name) {
                None => {
                    self.hosts.push(host);
                    return;
                }
                Some(first) => {
                    let first = first.line.map_or_else(
                        || "only the first counts".to_owned(),
                        |line| format!("first on line {line}; only that counts"),
                    );
                    (format!("{} is there twice", host.name), first)
                }
            },
            Err(wrong) => wrong,
        };
        let (what, remedy) = wrong;
        let what = if row.line.is_none() && !row.place.is_empty() {
            format!("{}: {what}", row.place)
        } else {
            what
        };
        self.skipped.push(Notice {
            place: file.to_owned(),
            line: row.line,
            what,
            remedy,
        });
    }
}

/// A host from its values; the error is what is wrong, and the remedy.
fn listed(row: &Raw) -> Result<Listed, (String, String)> {
    let wrong = |what: String, remedy: &str| (what, remedy.to_owned());
    let name = row.one(Field::Name).or(row.one(Field::Endpoint));
    let name = name.ok_or_else(|| wrong("it has no name".to_owned(), "give it one"))?;
    let name = if name.contains("://") {
        name.parse::<Endpoint>()
            .map_or_else(|_| name.to_owned(), |endpoint| endpoint.usual_name())
    } else {
        without_prefix_length(name).to_owned()
    };
    HostName::check(&name)
        .map_err(|error| wrong(format!("the name {name:?} {error}"), "write another name"))?;
    let port = match row.one(Field::Port) {
        None => None,
        Some(text) => Some(
            text.parse::<u16>()
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(|| {
                    wrong(format!("{text:?} is no port"), "write a number up to 65535")
                })?,
        ),
    };
    let read_only = match row.one(Field::ReadOnly) {
        None => None,
        Some(text) => Some(yes_or_no(text).ok_or_else(|| {
            wrong(
                format!("{text:?} says neither yes nor no"),
                "write true or false",
            )
        })?),
    };
    let mut host = Listed {
        name,
        user: row.one(Field::User).map(str::to_owned),
        port,
        environment: row.one(Field::Environment).map(str::to_owned),
        groups: groups_of(&row.all(Field::Groups)),
        read_only,
        line: row.line,
        ..Listed::default()
    };
    if let Some(text) = row.one(Field::Endpoint) {
        if text.contains("://") {
            let endpoint = text.parse::<Endpoint>();
            host.endpoint = Some(endpoint.map_err(|error| wrong(error.to_string(), ""))?);
        } else {
            host.address =
                Some(without_prefix_length(text).to_owned()).filter(|text| *text != host.name);
        }
    }
    // What ssh would be asked for has to be something that can be written.
    let asked = host.ssh(None);
    asked
        .parse::<Endpoint>()
        .map_err(|error| wrong(error.to_string(), ""))?;
    Ok(host)
}

impl Listed {
    /// Where ssh finds it, by what is said here, and beyond that by what is known.
    fn ssh(&self, known: Option<(&str, Option<u16>, Option<&str>)>) -> String {
        let (destination, port, socket) = known.unwrap_or((&self.name, None, None));
        let (user, host) = match destination.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, destination),
        };
        let host = self.address.as_deref().unwrap_or(host);
        let host = if host.contains(':') && !host.starts_with('[') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        let user = self.user.as_deref().or(user);
        let user = user.map_or_else(String::new, |user| format!("{user}@"));
        let port = self.port.or(port);
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        format!("ssh://{user}{host}{port}{}", socket.unwrap_or_default())
    }
}

/// `10.0.0.1/24` is how some write an address.
fn without_prefix_length(text: &str) -> &str {
    match text.split_once('/') {
        Some((address, length))
            if address.parse::<std::net::IpAddr>().is_ok() && length.parse::<u8>().is_ok() =>
        {
            address
        }
        _ => text,
    }
}

/// Groups as lists have them in one cell: `web; eu`, `web,eu`, `web|eu`.
fn groups_of(values: &[String]) -> Vec<String> {
    let mut groups: Vec<String> = Vec::new();
    for group in values.iter().flat_map(|value| value.split([',', ';', '|'])) {
        let group = group.trim();
        if !group.is_empty() && !groups.iter().any(|known| known == group) {
            groups.push(group.to_owned());
        }
    }
    groups
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "y" | "1" | "on" | "x" => Some(true),
        "false" | "no" | "n" | "0" | "off" => Some(false),
        _ => None,
    }
}
