//! The columns of apps: an app, its services below it, their replicas below them.

use std::borrow::Cow;

use super::{
    Align, Column, Row, Rows, Tone, between, fixed, growing, natural, state_glyph, state_tone,
};
use crate::{
    model::{Container, Host, Timestamp, ago},
    ops::{
        app::{App, AppService, Standing, Tally},
        deploy::{Coming, Deployed},
    },
};

/// A row of the tree of apps.
#[derive(Clone, Copy, Debug)]
pub enum AppRow<'a> {
    /// An app, and whether its services are shown.
    App(&'a App, bool),
    /// A service of an app, and whether its replicas are shown.
    Service(&'a App, &'a AppService, bool),
    /// A replica of a service.
    Replica(&'a App, &'a AppService, &'a Host, &'a Container),
}

impl<'a> AppRow<'a> {
    fn app(&self) -> &'a App {
        match self {
            Self::App(app, _) | Self::Service(app, ..) | Self::Replica(app, ..) => app,
        }
    }

    fn services(&self) -> &'a [AppService] {
        match self {
            Self::App(app, _) => &app.services,
            Self::Service(_, service, _) | Self::Replica(_, service, ..) => {
                std::slice::from_ref(service)
            }
        }
    }

    fn standing(&self) -> Standing {
        match self {
            Self::App(app, _) => app.standing,
            Self::Service(_, service, _) => service.standing,
            Self::Replica(_, _, _, container) => crate::ops::app::standing(container),
        }
    }

    fn tally(&self) -> Option<Tally> {
        match self {
            Self::App(app, _) => Some(app.tally),
            Self::Service(_, service, _) => Some(service.tally),
            Self::Replica(..) => None,
        }
    }

    fn created(&self) -> Timestamp {
        match self {
            Self::App(app, _) => app.created(),
            Self::Service(_, service, _) => service.created,
            Self::Replica(_, _, _, container) => container.created,
        }
    }

    fn name(&self) -> &'a str {
        match self {
            Self::App(app, _) => &app.key.name,
            Self::Service(_, service, _) if service.name.is_empty() => "(no service)",
            Self::Service(_, service, _) => &service.name,
            Self::Replica(_, _, _, container) => &container.name,
        }
    }

    fn drift(&self) -> String {
        match self {
            Self::App(app, _) => app.drift_in_short(),
            Self::Service(_, service, _) if service.builds > 1 => {
                format!("{} images", service.builds)
            }
            Self::Service(..) | Self::Replica(..) => String::new(),
        }
    }
}

/// Rows of apps.
#[derive(Clone, Copy, Debug)]
pub struct Apps;

impl Rows for Apps {
    type Row<'a> = AppRow<'a>;

    const NAME: &'static str = "apps";

    fn columns() -> &'static [Column<Self>] {
        &APPS
    }
}

/// How it stands, by its colour.
pub fn standing_tone(standing: Standing) -> Tone {
    match standing {
        Standing::Ended | Standing::Stopped => Tone::Faint,
        Standing::Running => Tone::Good,
        Standing::Starting => Tone::Busy,
        Standing::Partial => Tone::Warn,
        Standing::Broken => Tone::Bad,
    }
}

/// How it stands, by its mark.
pub fn standing_glyph(standing: Standing, ascii: bool) -> &'static str {
    match (standing, ascii) {
        (Standing::Running, false) => "●",
        (Standing::Running, true) => "*",
        (Standing::Starting, false) => "◐",
        (Standing::Starting, true) => "~",
        (Standing::Partial, false) => "◑",
        (Standing::Partial, true) => "%",
        (Standing::Broken, false) => "✖",
        (Standing::Broken, true) => "x",
        (Standing::Ended | Standing::Stopped, false) => "○",
        (Standing::Ended | Standing::Stopped, true) => "o",
    }
}

/// The name, moved in by how deep it is, with a mark of what is below.
fn tree(row: &AppRow<'_>, ascii: bool) -> String {
    let mark = |is_open: bool| match (is_open, ascii) {
        (true, false) => "▾",
        (false, false) => "▸",
        (true, true) => "-",
        (false, true) => "+",
    };
    match row {
        AppRow::App(_, is_open) => format!("{} {}", mark(*is_open), row.name()),
        AppRow::Service(_, _, is_open) => format!("  {} {}", mark(*is_open), row.name()),
        AppRow::Replica(app, ..) => {
            // The app's name stands above it, and without it there is room for what tells replicas apart.
            let rest = row.name().strip_prefix(&*app.key.name);
            let rest = rest.and_then(|rest| rest.strip_prefix(['-', '_']));
            format!("      {}", rest.unwrap_or(row.name()))
        }
    }
}

fn state(row: &AppRow<'_>, ascii: bool) -> String {
    match row {
        AppRow::Replica(_, _, _, container) => {
            let word = match container.trouble() {
                Some(trouble) => trouble,
                None => container.state.word().to_owned(),
            };
            format!("{} {word}", state_glyph(container, ascii))
        }
        AppRow::App(..) | AppRow::Service(..) => {
            let standing = row.standing();
            format!("{} {}", standing_glyph(standing, ascii), standing.word())
        }
    }
}

fn tone(row: &AppRow<'_>) -> Tone {
    match row {
        AppRow::Replica(_, _, _, container) => state_tone(container),
        AppRow::App(..) | AppRow::Service(..) => standing_tone(row.standing()),
    }
}

fn hosts<'r>(row: &'r AppRow<'_>) -> Cow<'r, str> {
    let named = match row {
        AppRow::App(app, _) => app.hosts(),
        AppRow::Service(_, service, _) => {
            let mut hosts: Vec<_> = service.replicas.iter().map(|one| &one.host).collect();
            hosts.dedup();
            hosts
        }
        AppRow::Replica(_, _, host, _) => vec![host.name()],
    };
    match named.as_slice() {
        [only] => Cow::Owned(only.as_str().to_owned()),
        several => format!("{} hosts", several.len()).into(),
    }
}

/// The release that is everywhere, or that is on its way; of a replica the one it was made for.
fn release(row: &AppRow<'_>, ascii: bool) -> String {
    match row {
        AppRow::App(app, _) => match &app.deployed {
            Some(Deployed {
                open: Some(Coming { release, state }),
                ..
            }) => {
                let glyph = match (*state, ascii) {
                    (_, true) => "",
                    ("paused", false) => "‖ ",
                    ("left", false) => "✕ ",
                    (_, false) => "◐ ",
                };
                format!("{glyph}{release} {state}")
            }
            Some(Deployed {
                release: Some(number),
                ..
            }) => number.to_string(),
            Some(_) | None => String::new(),
        },
        AppRow::Service(..) => String::new(),
        AppRow::Replica(_, _, _, container) => container
            .release
            .map(|number| number.to_string())
            .unwrap_or_default(),
    }
}

/// What the services run, each image once.
fn images(row: &AppRow<'_>) -> String {
    match row {
        AppRow::Replica(_, _, _, container) => container.image.to_string(),
        AppRow::App(..) | AppRow::Service(..) => {
            let all = row.services().iter().flat_map(|one| one.images.iter());
            let mut all: Vec<&str> = all.map(|image| &**image).collect();
            all.sort_unstable();
            all.dedup();
            all.join(", ")
        }
    }
}

fn ports(row: &AppRow<'_>) -> String {
    let all: Vec<&str> = match row {
        AppRow::Replica(_, _, _, container) => {
            let published = container.ports.iter().filter(|port| port.public.is_some());
            let all: Vec<String> = published.map(ToString::to_string).collect();
            return all.join(" ");
        }
        AppRow::App(..) | AppRow::Service(..) => {
            let ports = row.services().iter().flat_map(|one| one.ports.iter());
            ports.map(String::as_str).collect()
        }
    };
    all.join(" ")
}

static APPS: [Column<Apps>; 10] = [
    Column {
        name: "name",
        title: "APP",
        about: "The app, its services, their replicas",
        align: Align::Left,
        width: between(17, 34),
        text: |row, context| tree(row, context.ascii).into(),
        tone: |row| match row {
            AppRow::App(..) => Tone::Accent,
            AppRow::Service(..) | AppRow::Replica(..) => Tone::Plain,
        },
        order: |a, b| natural(a.name(), b.name()),
        shown: true,
        priority: 0,
    },
    Column {
        name: "environment",
        title: "ENV",
        about: "The environment of its hosts",
        align: Align::Left,
        width: between(5, 7),
        text: |row, _| match row {
            AppRow::App(app, _) => Cow::Borrowed(&*app.key.environment),
            AppRow::Service(..) | AppRow::Replica(..) => Cow::Borrowed(""),
        },
        tone: |_| Tone::Plain,
        order: |a, b| a.app().key.environment.cmp(&b.app().key.environment),
        shown: true,
        priority: 1,
    },
    Column {
        name: "state",
        title: "STATE",
        about: "How it is: the worst of its replicas",
        align: Align::Left,
        width: between(10, 22),
        text: |row, context| state(row, context.ascii).into(),
        tone,
        order: |a, b| b.standing().cmp(&a.standing()),
        shown: true,
        priority: 0,
    },
    Column {
        name: "replicas",
        title: "RUN",
        about: "Replicas that run, of those that are to",
        align: Align::Right,
        width: fixed(7),
        text: |row, _| match row.tally() {
            Some(tally) => format!("{}/{}", tally.running, tally.wanted).into(),
            None => Cow::Borrowed(""),
        },
        tone: |row| match row.tally() {
            Some(tally) if tally.running < tally.wanted => Tone::Warn,
            Some(_) | None => Tone::Plain,
        },
        order: |a, b| {
            let wanted = |row: &AppRow<'_>| row.tally().map(|tally| tally.wanted);
            wanted(a).cmp(&wanted(b))
        },
        shown: true,
        priority: 1,
    },
    Column {
        name: "release",
        title: "RELEASE",
        about: "The release that is everywhere, or the one that a deploy brings and how far it is",
        align: Align::Left,
        width: between(10, 20),
        text: |row, context| release(row, context.ascii).into(),
        tone: |row| match row {
            AppRow::App(app, _) => match app.deployed.as_ref().and_then(|one| one.open) {
                Some(Coming {
                    state: "paused" | "left" | "rolling-back",
                    ..
                }) => Tone::Warn,
                Some(_) => Tone::Busy,
                None => Tone::Plain,
            },
            AppRow::Service(..) | AppRow::Replica(..) => Tone::Plain,
        },
        order: |a, b| release(a, true).cmp(&release(b, true)),
        shown: true,
        priority: 2,
    },
    Column {
        name: "hosts",
        title: "HOSTS",
        about: "The hosts it is on",
        align: Align::Left,
        width: between(7, 12),
        text: |row, _| hosts(row),
        tone: |_| Tone::Plain,
        order: |a, b| {
            let hosts = |row: &AppRow<'_>| row.tally().map(|tally| tally.hosts);
            hosts(a).cmp(&hosts(b))
        },
        shown: true,
        priority: 4,
    },
    Column {
        name: "drift",
        title: "DRIFT",
        about: "Replicas that are not as the release has them; else services whose replicas are not of one image",
        align: Align::Left,
        width: between(8, 14),
        text: |row, _| row.drift().into(),
        tone: |_| Tone::Warn,
        order: |a, b| a.drift().is_empty().cmp(&b.drift().is_empty()),
        shown: true,
        priority: 3,
    },
    Column {
        name: "age",
        title: "AGE",
        about: "Since its newest replica was made",
        align: Align::Right,
        width: fixed(6),
        text: |row, context| ago(context.now, row.created()).into(),
        tone: |_| Tone::Plain,
        order: |a, b| b.created().cmp(&a.created()),
        shown: true,
        priority: 6,
    },
    Column {
        name: "ports",
        title: "PORTS",
        about: "The ports that it publishes",
        align: Align::Left,
        width: between(8, 16),
        text: |row, _| ports(row).into(),
        tone: |_| Tone::Plain,
        order: |a, b| natural(&ports(a), &ports(b)),
        shown: true,
        priority: 7,
    },
    Column {
        name: "image",
        title: "IMAGES",
        about: "The images that it runs",
        align: Align::Left,
        width: growing(10, 30),
        text: |row, _| images(row).into(),
        tone: |_| Tone::Faint,
        order: |a, b| natural(&images(a), &images(b)),
        shown: true,
        priority: 5,
    },
];

impl Row for AppRow<'_> {
    fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        let app = self.app();
        Some(match key {
            "app" | "name" => Cow::Borrowed(&*app.key.name),
            "env" | "environment" => Cow::Borrowed(&*app.key.environment),
            "state" => Cow::Borrowed(self.standing().word()),
            "is" => {
                let drifts = if app.drift_in_short().is_empty() {
                    ""
                } else {
                    ",drifting"
                };
                let open = app.deployed.as_ref().and_then(|one| one.open);
                let deploys = if open.is_some() { ",deploying" } else { "" };
                format!("{}{drifts}{deploys}", self.standing().word()).into()
            }
            "host" => {
                let hosts: Vec<&str> = app.hosts().iter().map(|host| host.as_str()).collect();
                hosts.join(",").into()
            }
            "service" => {
                let names: Vec<&str> = self.services().iter().map(|one| &*one.name).collect();
                names.join(",").into()
            }
            "image" => images(self).into(),
            "port" => ports(self).into(),
            "release" => release(self, true).into(),
            _ => return None,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "figures are compared roughly")]
    fn number(&self, key: &str) -> Option<f64> {
        let tally = self.app().tally;
        match key {
            "replicas" => Some(tally.wanted as f64),
            "running" => Some(tally.running as f64),
            "hosts" => Some(tally.hosts as f64),
            "services" => Some(self.app().services.len() as f64),
            _ => None,
        }
    }

    fn searched(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let app = self.app();
        let services = self.services().iter().map(|one| Cow::Borrowed(&*one.name));
        [
            Cow::Borrowed(&*app.key.name),
            Cow::Borrowed(&*app.key.environment),
            Cow::Borrowed(self.standing().word()),
            Cow::Owned(images(self)),
        ]
        .into_iter()
        .chain(services)
    }

    fn keys() -> &'static [&'static str] {
        &[
            "app",
            "name",
            "env",
            "environment",
            "state",
            "is",
            "host",
            "service",
            "image",
            "port",
            "release",
        ]
    }

    fn figures() -> &'static [&'static str] {
        &["replicas", "running", "hosts", "services"]
    }

    fn words(key: &str) -> &'static [&'static str] {
        match key {
            "state" => &[
                "running", "starting", "partial", "stopped", "broken", "ended",
            ],
            "is" => &[
                "running",
                "starting",
                "partial",
                "stopped",
                "broken",
                "ended",
                "drifting",
                "deploying",
            ],
            _ => &[],
        }
    }
}
