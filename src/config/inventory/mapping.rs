//! Which column of an inventory means what: as told, else by usual names.

use std::{fmt, str::FromStr};

/// What can be known of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Its name.
    Name,
    /// Its endpoint, or its name or address for ssh.
    Endpoint,
    /// The user for ssh.
    User,
    /// The port for ssh.
    Port,
    /// Its environment.
    Environment,
    /// Its groups.
    Groups,
    /// Whether nothing on it may be changed.
    ReadOnly,
}

/// Every field with its word and the names that it usually has, the likeliest first; in small letters and
/// without signs between.
const FIELDS: [(Field, &str, &[&str]); 7] = [
    (
        Field::Name,
        "name",
        &[
            "name",
            "hostname",
            "host",
            "ciname",
            "servername",
            "server",
            "nodename",
            "node",
            "vmname",
            "computername",
            "inventoryhostname",
            "displayname",
            "fqdn",
            "dnsname",
        ],
    ),
    (
        Field::Endpoint,
        "endpoint",
        &[
            "endpoint",
            "url",
            "address",
            "ip",
            "ipaddress",
            "ipaddr",
            "ipv4",
            "ipv4address",
            "primaryip",
            "primaryipaddress",
            "primaryip4address",
            "managementip",
            "mgmtip",
            "hostip",
            "ansiblehost",
            "fqdn",
            "dnsname",
            "dns",
            "ipv6",
            "primaryip6address",
        ],
    ),
    (
        Field::User,
        "user",
        &["user", "sshuser", "username", "login", "ansibleuser"],
    ),
    (Field::Port, "port", &["port", "sshport", "ansibleport"]),
    (
        Field::Environment,
        "environment",
        &[
            "environment",
            "env",
            "environmentname",
            "stage",
            "wharfenvironment",
        ],
    ),
    (
        Field::Groups,
        "groups",
        &[
            "groups",
            "group",
            "hostgroups",
            "tags",
            "tag",
            "labels",
            "roles",
            "role",
        ],
    ),
    (Field::ReadOnly, "read_only", &["readonly", "protected"]),
];

impl Field {
    fn words() -> impl Iterator<Item = &'static str> {
        FIELDS.iter().map(|(_, word, _)| *word)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, word, _) = FIELDS[*self as usize];
        f.write_str(word)
    }
}

/// What was told of the columns: `name=ci_name,endpoint=ip`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping(Vec<(Field, String)>);

/// A text that is no mapping.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' maps no column: {why}; write for example name=ci_name,endpoint=ip, with {words} before the sign", words = Field::words().collect::<Vec<_>>().join(", "))]
pub struct MappingError {
    text: String,
    why: &'static str,
}

impl FromStr for Mapping {
    type Err = MappingError;

    fn from_str(text: &str) -> Result<Self, MappingError> {
        let error = |part: &str, why| MappingError {
            text: part.to_owned(),
            why,
        };
        let mut pairs: Vec<(Field, String)> = Vec::new();
        for part in text.split(',') {
            let (word, column) = part
                .split_once('=')
                .ok_or_else(|| error(part, "it has no ="))?;
            let (word, column) = (word.trim(), column.trim());
            let field = FIELDS.iter().find(|(_, own, _)| *own == word);
            let (field, ..) = field.ok_or_else(|| error(part, "no field is called so"))?;
            if column.is_empty() {
                return Err(error(part, "it names no column"));
            }
            if pairs.iter().any(|(known, _)| known == field) {
                return Err(error(part, "that field was said before"));
            }
            pairs.push((*field, column.to_owned()));
        }
        Ok(Self(pairs))
    }
}

impl fmt::Display for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (field, column)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{field}={column}")?;
        }
        Ok(())
    }
}

impl Mapping {
    /// Whether nothing is told.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Finds the column of each field. The error names a column that was told and is not there, or what is there
    /// when none could be the name.
    pub(super) fn find(&self, columns: &[String]) -> Result<Vec<(Field, usize)>, String> {
        let list = || columns.join(", ");
        let mut found: Vec<(Field, usize)> = Vec::new();
        for (field, column) in &self.0 {
            let at = columns
                .iter()
                .position(|own| own == column)
                .or_else(|| columns.iter().position(|own| plain(own) == plain(column)));
            let at = at.ok_or_else(|| {
                format!("it has no column {column} for {field}; it has {}", list())
            })?;
            found.push((*field, at));
        }
        for (field, _, usual) in &FIELDS {
            if found.iter().any(|(known, _)| known == field) {
                continue;
            }
            let free = |name: &&str| {
                columns.iter().enumerate().position(|(at, own)| {
                    plain(own) == **name && !found.iter().any(|(_, taken)| *taken == at)
                })
            };
            if let Some(at) = usual.iter().find_map(free) {
                found.push((*field, at));
            }
        }
        let has = |field| found.iter().any(|(own, _)| *own == field);
        if !has(Field::Name) && !has(Field::Endpoint) {
            return Err(format!(
                "none of its columns is known to be the name; say which, as in --map name={}; it has {}",
                columns.first().map_or("COLUMN", String::as_str),
                list()
            ));
        }
        found.sort_unstable();
        Ok(found)
    }
}

/// A name in small letters and without signs between.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}
