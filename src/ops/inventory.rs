//! Hosts from an inventory into wharf.toml, and the fleet as an inventory.

use super::{
    Plan, Refusal, RefusalKind, Sentence,
    column::HostRow,
    filter::Filter,
    plan::import_plan,
    sentence::{ExportArgs, ImportArgs},
};
use crate::{
    config::{
        Paths,
        edit::{self, Change},
        inventory::{self, Comparison, Format, Inventory},
    },
    model::{Fleet, HostSpec},
};

/// How many hosts are named one by one.
const NAMES: usize = 20;

/// An import that can be done.
#[derive(Clone, Debug)]
pub struct Import {
    /// What would be done.
    pub plan: Plan,
    /// What the inventory says.
    pub inventory: Inventory,
    /// What of it wharf.toml does not say.
    pub comparison: Comparison,
}

impl Import {
    /// Reads the inventory that a sentence names, and plans. Nothing is written.
    pub fn prepare(
        sentence: &Sentence,
        args: &ImportArgs,
        fleet: &Fleet,
        paths: &Paths,
    ) -> Result<Self, Refusal> {
        let refuse = |why: String| Refusal::new(RefusalKind::State, why, "");
        let mapping = args.map.clone().unwrap_or_default();
        let inventory =
            inventory::read(&args.file, args.format, &mapping, paths).map_err(refuse)?;
        let comparison = inventory::compare(paths, &inventory, args.environment.as_deref());
        let comparison = comparison.map_err(|error| refuse(error.to_string()))?;
        let plan = import_plan(sentence, args, fleet, Some(&comparison))?;
        Ok(Self {
            plan,
            inventory,
            comparison,
        })
    }

    /// What was taken for what, and what would become different, for people.
    pub fn lines(&self) -> Vec<String> {
        let taken = self.inventory.taken.iter();
        let taken: Vec<String> = taken
            .map(|(field, column)| format!("{field} from {column}"))
            .collect();
        let mut lines = Vec::new();
        if !taken.is_empty() {
            lines.push(format!("columns: {}", taken.join(", ")));
        }
        for (word, hosts) in [
            ("new", &self.comparison.new),
            ("changed", &self.comparison.changed),
        ] {
            for (name, changes) in hosts.iter().take(NAMES) {
                lines.push(format!("  {word} {name}{}", told(changes)));
            }
            if hosts.len() > NAMES {
                lines.push(format!(
                    "  and {} more that are {word}",
                    hosts.len() - NAMES
                ));
            }
        }
        lines
    }

    /// Writes it into wharf.toml: all of it, or nothing. Answers what was done.
    pub fn apply(&self, paths: &Paths) -> Result<String, String> {
        if !self.comparison.is_nothing() {
            edit::import_hosts(paths, &self.comparison).map_err(|error| error.to_string())?;
        }
        Ok(self.summary())
    }

    /// How many hosts are new, changed and unchanged, and how many lines are left out and why.
    pub fn summary(&self) -> String {
        let counts = self.comparison.counts();
        match self.inventory.skipped.as_slice() {
            [] => counts,
            [only] => format!("{counts}; left out: {only}"),
            [first, more @ ..] => {
                format!("{counts}; left out: {first}, and {} more", more.len())
            }
        }
    }
}

/// Changes in a few words.
fn told(changes: &[Change]) -> String {
    let words = changes.iter().map(|change| match change {
        Change::Name(name) => format!("name {name}"),
        Change::Endpoint(endpoint) => endpoint.clone().unwrap_or_default(),
        Change::Environment(environment) => {
            format!("environment {}", environment.as_deref().unwrap_or("none"))
        }
        Change::Groups(groups) => format!("groups {}", groups.join(", ")),
        Change::ReadOnly(true) => "protected".to_owned(),
        Change::ReadOnly(false) => "not protected".to_owned(),
        Change::Socket(socket) => format!("socket {}", socket.as_deref().unwrap_or("none")),
        Change::Tls(tls) => format!("tls {}", tls.as_deref().unwrap_or("none")),
    });
    let words: Vec<String> = words.collect();
    if words.is_empty() {
        String::new()
    } else {
        format!(": {}", words.join("; "))
    }
}

/// An inventory of the fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// How many hosts are in it.
    pub hosts: usize,
    /// All of it.
    pub text: String,
}

impl Export {
    /// The hosts that a sentence asks for, in the form it asks for.
    pub fn of(args: &ExportArgs, fleet: &Fleet) -> Result<Self, Refusal> {
        let wrong = |why: String| Refusal::new(RefusalKind::Sentence, why, "");
        let filter = Filter::parse(&args.filter.join(" "))
            .map_err(|error| wrong(format!("the filter is wrong: {error}")))?;
        let rows = fleet.hosts().iter().map(HostRow::new);
        let rows = rows.filter(|row| filter.matches(row));
        let hosts: Vec<&HostSpec> = rows.map(|row| &row.host.spec).collect();
        let by_name = || {
            let ending = args.to.as_ref()?.extension()?;
            Format::of_ending(&ending.to_string_lossy())
        };
        let format = args.format.or_else(by_name).unwrap_or(Format::Toml);
        let text = inventory::export(&hosts, format).map_err(wrong)?;
        Ok(Self {
            hosts: hosts.len(),
            text,
        })
    }
}
