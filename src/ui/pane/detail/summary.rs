//! The first tab: what the container is, what it runs, and what it may use.

use super::{
    facts::{Attachment, Facts},
    secret,
};
use crate::{
    model::{Container, State, Timestamp},
    ui::widget::line::{Ink, Line, field, heading},
};

/// Cells of the names of values.
const LABELS: usize = 15;

/// What the list of its host says of a container, until it is inspected.
pub fn listed(container: &Container) -> Facts {
    let networks = container.networks.iter();
    Facts {
        id: container.id.as_str().to_owned(),
        image: container.image.to_string(),
        image_id: container.image_id.to_string(),
        created: Some(container.created),
        ports: container.ports.iter().map(ToString::to_string).collect(),
        networks: networks
            .map(|one| Attachment {
                network: one.network.to_string(),
                addresses: vec![one.address()],
                ..Attachment::default()
            })
            .collect(),
        is_partial: true,
        ..Facts::default()
    }
}

/// What the summary is made of.
pub struct Of<'f> {
    /// What the inspection says.
    pub facts: &'f Facts,
    /// What the fleet says; none when it is gone.
    pub container: Option<&'f Container>,
    /// The time.
    pub now: Timestamp,
}

impl Of<'_> {
    /// Its lines.
    pub fn lines(&self, cells: usize) -> Vec<Line> {
        let mut lines = self.state(cells);
        let parts = [
            ("Identity", self.identity()),
            ("Command", self.command()),
            ("Network", self.network()),
            ("Mounts", self.mounts()),
            ("Limits", self.limits()),
            (
                "Rights",
                self.facts
                    .rights
                    .iter()
                    .map(|(name, value)| (*name, value.clone()))
                    .collect(),
            ),
        ];
        for (title, fields) in parts {
            if fields.is_empty() {
                continue;
            }
            lines.push(Line::new());
            lines.push(heading(title, "", cells));
            for (name, value) in fields {
                lines.extend(field(name, &value, Ink::PLAIN, LABELS, cells));
            }
        }
        lines
    }

    fn state(&self, cells: usize) -> Vec<Line> {
        let run = &self.facts.run;
        let mut lines = Vec::new();
        let mut say = |name: &str, value: &str, ink: Ink| {
            lines.extend(field(name, value, ink, LABELS, cells));
        };
        if let Some(container) = self.container {
            say(
                "State",
                &state_text(container, self.facts),
                super::tone(container),
            );
        }
        if !run.error.is_empty() {
            say("Engine's error", &run.error, Ink::BAD);
        }
        if let Some(line) = self.container.and_then(|one| one.last_line.as_deref()) {
            say("Last line", line, Ink::WARN);
        }
        let runs = self.container.is_some_and(|one| one.state.is_live());
        if let Some(at) = run.started {
            say("Started", &super::moment(at, self.now), Ink::PLAIN);
        }
        if let (Some(at), false) = (run.finished, runs) {
            say("Ended", &super::moment(at, self.now), Ink::PLAIN);
        }
        if let Some(restarts) = run.restarts {
            let ink = if restarts > 0 { Ink::WARN } else { Ink::PLAIN };
            let policy = format!("{restarts} so far; policy {}", self.facts.restart_policy);
            say("Restarts", &policy, ink);
        }
        lines
    }

    fn identity(&self) -> Vec<(&'static str, String)> {
        let facts = self.facts;
        let mut fields = Vec::new();
        if let Some(container) = self.container {
            if let Some(app) = &container.app {
                let service = container.service.as_deref();
                fields.push((
                    "app",
                    service.map_or_else(|| app.to_string(), |service| format!("{app} / {service}")),
                ));
            }
            fields.push(("name", container.name.to_string()));
        }
        fields.push(("id", facts.id.clone()));
        fields.push(("image", facts.image.clone()));
        fields.push(("image id", facts.image_id.clone()));
        if let Some(at) = facts.created {
            fields.push(("created", super::moment(at, self.now)));
        }
        fields.extend(
            facts
                .setup
                .iter()
                .map(|(name, value)| (*name, value.clone())),
        );
        fields.retain(|(_, value)| !value.is_empty());
        fields
    }

    fn command(&self) -> Vec<(&'static str, String)> {
        [
            ("entrypoint", &self.facts.entrypoint),
            ("command", &self.facts.command),
        ]
        .into_iter()
        .filter(|(_, words)| !words.is_empty())
        .map(|(name, words)| (name, shell(words)))
        .collect()
    }

    fn network(&self) -> Vec<(&'static str, String)> {
        let facts = self.facts;
        let mut fields = Vec::new();
        if !facts.ports.is_empty() {
            fields.push(("ports", facts.ports.join("  ")));
        }
        if facts.network_mode == "host" || facts.network_mode.starts_with("container:") {
            fields.push(("mode", facts.network_mode.clone()));
        }
        for (at, one) in facts.networks.iter().enumerate() {
            let name = if at == 0 { "networks" } else { "" };
            let addresses = one.addresses.join(", ");
            fields.push((
                name,
                format!("{}  {addresses}", one.network)
                    .trim_end()
                    .to_owned(),
            ));
        }
        fields
    }

    fn mounts(&self) -> Vec<(&'static str, String)> {
        let text = |one: &super::facts::Mount| {
            let mode = if one.writable { "" } else { "  (read-only)" };
            let source = if one.source.is_empty() {
                &one.kind
            } else {
                &one.source
            };
            format!("{source} → {}{mode}", one.destination)
        };
        let name = |at| if at == 0 { "mounts" } else { "" };
        self.facts
            .mounts
            .iter()
            .enumerate()
            .map(|(at, one)| (name(at), text(one)))
            .collect()
    }

    fn limits(&self) -> Vec<(&'static str, String)> {
        if self.facts.is_partial {
            return Vec::new();
        }
        if self.facts.limits.is_empty() {
            return vec![("limits", "none: it may use all of its host".into())];
        }
        self.facts
            .limits
            .iter()
            .map(|(name, value)| (*name, value.clone()))
            .collect()
    }
}

/// `running (healthy)`, `exited 127, its command was not found`, `killed: out of memory (OOM), exit code 137`.
fn state_text(container: &Container, facts: &Facts) -> String {
    let word = container.state.word();
    let code = container.exit.or(facts.run.exit);
    let oom =
        container.oom_killed == Some(true) || (facts.run.oom_killed && !container.state.is_live());
    match (&container.state, container.trouble(), code) {
        (State::Running, ..) if container.health.word().is_empty() => word.to_owned(),
        (State::Running, ..) => format!("{word} ({})", container.health.word()),
        (State::Exited, _, Some(code)) if oom => {
            format!("killed: out of memory (OOM), exit code {code}")
        }
        (_, Some(trouble), _) => trouble,
        (State::Exited, None, Some(code)) => format!("{word} with code {code}"),
        _ => word.to_owned(),
    }
}

/// Words as they would be typed in a shell, with secrets masked.
fn shell(words: &[String]) -> String {
    let words = secret::words(words);
    words
        .iter()
        .map(|word| {
            shlex::try_quote(word).map_or_else(|_| word.clone(), std::borrow::Cow::into_owned)
        })
        .collect::<Vec<_>>()
        .join(" ")
}
