//! An app in detail: the deploy that is open, its releases, what differs from what was deployed, what happened to it.

use std::sync::Arc;

use crate::{
    model::{
        Fleet, Operation, Timestamp, ago,
        release::{Change, Held, Open, Phase, Pin, Release, Scope, diff},
    },
    ops::{
        app::App,
        column::{Tone, outcome_tone},
        deploy::{self, Drift, Progress},
    },
    ui::widget::line::{Ink, Line, field, heading, wrap},
};

/// Cells of the names of values.
const LABELS: usize = 9;

/// So many events are told of.
const EVENTS: usize = 20;

/// So many differences are told of in one place; the others are counted.
const CHANGES: usize = 4;

/// So many batches of a service stand in a line.
const BATCHES: usize = 6;

/// The detail of an app.
pub struct Of<'f> {
    /// The app.
    pub app: &'f App,
    /// Whose releases are its.
    pub scope: &'f Scope,
    /// The fleet.
    pub fleet: &'f Fleet,
}

impl Of<'_> {
    /// How it came to be as it is: the open deploy, and the releases.
    pub fn releases(&self, cells: usize) -> Vec<Line> {
        let mut lines = match self.fleet.deploys.open.get(self.scope) {
            Some(open) => {
                let mut lines = self.deploy(open, cells);
                lines.push(Line::new());
                lines
            }
            None => Vec::new(),
        };
        lines.extend(self.history(cells));
        lines
    }

    /// How it stands: what differs, and what happened.
    pub fn standing(&self, cells: usize) -> Vec<Line> {
        let mut lines = self.drift(cells);
        lines.push(Line::new());
        lines.extend(self.events(cells));
        lines
    }

    fn deploy(&self, open: &Open, cells: usize) -> Vec<Line> {
        let Open { held, rollout } = open;
        let word = deploy::standing(open);
        let release = &rollout.release;
        let mut lines = vec![heading(&format!("Deploy of {}", held.number), word, cells)];
        let mut say = |name: &str, value: &str, ink: Ink| {
            if !value.is_empty() {
                lines.extend(field(name, value, ink, LABELS, cells));
            }
        };
        let age = ago(self.fleet.now, held.since);
        say("state", &state(open, &age), phase_ink(open));
        say("of", &release.source, Ink::PLAIN);
        say(
            "reason",
            release.reason.as_deref().unwrap_or(""),
            Ink::PLAIN,
        );
        let brings = told(&diff(rollout.previous.as_deref(), release), "nothing new");
        say("brings", &brings, Ink::PLAIN);
        say("says", &held.detail, judged(&held.detail));
        if let Some(gray) = &rollout.policy.gray {
            let now = deploy::share(open);
            let mut steps: Vec<String> = gray
                .steps
                .iter()
                .map(|step| match now {
                    Some(now) if now == *step => format!("[{step}]"),
                    _ => step.to_string(),
                })
                .collect();
            steps.push("everywhere".to_owned());
            say("share", &steps.join(" → "), Ink::PLAIN);
        }
        lines.extend(progress(&deploy::progress(open, self.fleet), cells));
        lines
    }

    fn history(&self, cells: usize) -> Vec<Line> {
        let deploys = &self.fleet.deploys;
        let current = deploys.current.get(self.scope);
        let more = match current {
            Some(release) => format!("{} is everywhere", release.number),
            None => String::new(),
        };
        let mut lines = vec![heading("Releases", &more, cells)];
        let Some(all) = deploys.history(self.scope) else {
            lines.push(Line::of("They are being read …", Ink::FAINT));
            return lines;
        };
        if all.is_empty() {
            let text = "None: Wharf did not deploy it. `app deploy` with --file or --template and --adopt \
                        takes it over.";
            let text = wrap(text, cells);
            lines.extend(text.iter().map(|line| Line::of(line, Ink::FAINT)));
        }
        for (release, held) in all {
            lines.extend(self.release(release, held, current, cells));
        }
        lines
    }

    /// A release: its number, what came of it, of what it is, and what going back to it would change.
    fn release(
        &self,
        release: &Release,
        held: &Held,
        current: Option<&Arc<Release>>,
        cells: usize,
    ) -> Vec<Line> {
        let is_current = current.is_some_and(|one| one.number == release.number);
        let (glyph, ink) = match held.phase {
            _ if is_current => ("●", Ink::GOOD),
            Phase::Succeeded => ("○", Ink::PLAIN),
            Phase::Rolling | Phase::RollingBack => ("◐", Ink::BUSY),
            Phase::Paused => ("‖", Ink::WARN),
            Phase::RolledBack => ("↻", Ink::WARN),
            Phase::Failed => ("✕", Ink::BAD),
        };
        let age = ago(self.fleet.now, release.at);
        let mut lines = vec![
            Line::of(glyph, ink)
                .at(2, &release.number.to_string(), Ink::Tone(Tone::Accent))
                .at(11, held.phase.word(), ink)
                .at(24, &age, Ink::FAINT)
                .at(32, &release.by, Ink::PLAIN)
                .at(32 + 18, &release.source, Ink::FAINT),
        ];
        let mut say = |name: &str, value: &str, ink: Ink| {
            for line in field(name, value, ink, 9, cells.saturating_sub(2)) {
                lines.push(Line::new().join(2, line));
            }
        };
        let mut images: Vec<String> = release.pins.values().map(short).collect();
        images.sort();
        images.dedup();
        say("images", &images.join("  "), Ink::FAINT);
        if let Some(reason) = &release.reason {
            say("reason", reason, Ink::FAINT);
        }
        let ended = !held.phase.is_open() && !held.detail.is_empty();
        if ended {
            say("result", &held.detail, judged(&held.detail));
        }
        if !is_current && current.is_some() && !held.phase.is_open() {
            let changes = diff(current.map(|one| &**one), release);
            say("back", &told(&changes, "nothing changes"), Ink::PLAIN);
        }
        lines
    }

    fn drift(&self, cells: usize) -> Vec<Line> {
        let Some(deployed) = &self.app.deployed else {
            return vec![
                heading("Drift", "", cells),
                Line::of("There is no release to compare it with.", Ink::FAINT),
            ];
        };
        let against = match deployed.release {
            Some(number) => format!("from {number}"),
            None => String::new(),
        };
        let mut lines = vec![heading("Drift", &against, cells)];
        if deployed.drift.is_empty() {
            let text = match (deployed.release, &deployed.open) {
                (None, _) => "No release of it is everywhere yet.",
                (Some(_), Some(_)) => "None, besides what the deploy brings.",
                (Some(_), None) => "None: what runs is what was deployed.",
            };
            lines.push(Line::of(text, Ink::FAINT));
        }
        for one in &deployed.drift {
            let ink = match one {
                Drift::Missing { .. } => Ink::BAD,
                Drift::Other { .. } | Drift::Foreign { .. } | Drift::Extra { .. } => Ink::WARN,
            };
            for piece in wrap(&one.to_string(), cells) {
                lines.push(Line::of(&piece, ink));
            }
        }
        lines
    }

    /// What was done to it, and what became of its replicas, newest first.
    fn events(&self, cells: usize) -> Vec<Line> {
        let mut events: Vec<(Timestamp, String, Ink)> = self.acts();
        for replica in self.app.services.iter().flat_map(|one| &one.replicas) {
            let Some(one) = self.fleet.container(&replica.host, &replica.id) else {
                continue;
            };
            let Some(since) = one.since else { continue };
            let (what, ink) = match one.trouble() {
                Some(trouble) => (trouble, Ink::BAD),
                None => (one.state.word().to_owned(), Ink::PLAIN),
            };
            events.push((since, format!("{}@{}: {what}", one.name, replica.host), ink));
        }
        events.sort_by_key(|(at, ..)| std::cmp::Reverse(*at));
        let mut lines = vec![heading("Events", "", cells)];
        if events.is_empty() {
            lines.push(Line::of(
                "Nothing is known to have happened to it.",
                Ink::FAINT,
            ));
        }
        for (at, text, ink) in events.into_iter().take(EVENTS) {
            let age = ago(self.fleet.now, at);
            lines.push(Line::of(&age, Ink::FAINT).at(LABELS, &text, ink));
        }
        lines
    }

    /// The acts of the log that were about it.
    fn acts(&self) -> Vec<(Timestamp, String, Ink)> {
        let acts = self.fleet.operations().filter(|one| self.is_about(one));
        acts.take(EVENTS)
            .map(|one| {
                let text = format!(
                    "{}: {}, {}",
                    one.origin.operator,
                    one.sentence,
                    one.outcome.word()
                );
                (one.at, text, Ink::Tone(outcome_tone(&one.outcome)))
            })
            .collect()
    }

    fn is_about(&self, operation: &Operation) -> bool {
        let words: Vec<&str> = operation.sentence.split_whitespace().collect();
        if words.first() == Some(&"app") {
            let environment = words.iter().position(|word| *word == "--env");
            let environment = environment.and_then(|at| words.get(at + 1));
            return words.get(2) == Some(&self.scope.app.as_str())
                && environment.is_none_or(|name| **name == *self.scope.environment);
        }
        let replicas = self.app.services.iter().flat_map(|one| &one.replicas);
        let mut names = replicas.map(|one| format!("{}@{}", one.name, one.host));
        names.any(|name| operation.targets.contains(&name))
    }
}

/// How far a deploy is, who works on it, and what can be done when nobody does.
fn state(open: &Open, age: &str) -> String {
    let held = &open.held;
    let by = &held.by;
    let wish = match held.wish.word() {
        "go" => String::new(),
        wish => format!("; it is to {wish}"),
    };
    match deploy::standing(open) {
        "paused" => format!("it stands still, begun {age} ago by {by}"),
        "left" => format!("left: {by} worked on it and is gone; begun {age} ago"),
        _ if held.phase == Phase::RollingBack => {
            format!("going back, by {by}, begun {age} ago{wish}")
        }
        _ => format!("under way for {age}, by {by}{wish}"),
    }
}

fn phase_ink(open: &Open) -> Ink {
    match deploy::standing(open) {
        "paused" | "left" => Ink::WARN,
        _ if open.held.phase == Phase::RollingBack => Ink::WARN,
        _ => Ink::BUSY,
    }
}

/// What was said last of a deploy: a judgement stands out.
fn judged(detail: &str) -> Ink {
    if detail.ends_with("failure") || detail.contains("app abort") {
        Ink::WARN
    } else {
        Ink::PLAIN
    }
}

/// A bar of what is done, then each service with its batches.
fn progress(progress: &Progress, cells: usize) -> Vec<Line> {
    const BAR: usize = 20;
    let Progress {
        stages,
        done,
        all,
        hosts_done,
        hosts,
    } = progress;
    let full = if *all == 0 { 0 } else { done * BAR / all };
    let text = format!(" {done} of {all} replicas, {hosts_done} of {hosts} hosts");
    let mut lines = vec![
        Line::of("done", Ink::Label)
            .at(LABELS, &"█".repeat(full), Ink::BUSY)
            .then(&"░".repeat(BAR - full), Ink::FAINT)
            .then(&text, Ink::PLAIN),
    ];
    let mut services: Vec<(&str, Vec<String>, bool)> = Vec::new();
    for (stage, done) in stages {
        let all = stage.targets.len();
        let glyph = match *done {
            done if done == all => "●",
            0 => "○",
            _ => "◐",
        };
        let text = format!("{glyph} {done}/{all}");
        let name = stage.service.as_str();
        match services.last_mut().filter(|(last, ..)| *last == name) {
            Some((_, batches, whole)) => {
                batches.push(text);
                *whole &= *done == all;
            }
            None => services.push((name, vec![text], *done == all)),
        }
    }
    for (name, batches, whole) in services {
        let more = batches.len().saturating_sub(BATCHES);
        let mut text = batches[..batches.len() - more].join("  ");
        if more > 0 {
            text = format!("{text}  and {more} more batches");
        }
        let ink = if whole { Ink::FAINT } else { Ink::PLAIN };
        lines.extend(field(
            name,
            &text,
            ink,
            LABELS.max(name.len() + 1).min(20),
            cells,
        ));
    }
    lines
}

/// Differences in one text.
pub fn told(changes: &[Change], nothing: &str) -> String {
    if changes.is_empty() {
        return nothing.to_owned();
    }
    let mut text: Vec<String> = changes.iter().take(CHANGES).map(in_short).collect();
    let more = changes.len().saturating_sub(CHANGES);
    if more > 0 {
        text.push(format!("and {more} more"));
    }
    text.join("; ")
}

/// A difference; of an image only what is other.
fn in_short(change: &Change) -> String {
    let (Some(service), "image", Some(from), Some(to)) =
        (&change.service, &*change.what, &change.from, &change.to)
    else {
        return change.to_string();
    };
    let (from, to) = (Named::read(from), Named::read(to));
    match (from.tag, to.tag) {
        _ if from.repository != to.repository => change.to_string(),
        (Some(before), Some(after)) if before != after => format!("{service}: {before} → {after}"),
        _ => format!("{service}: {} → {}", from.written(), to.written()),
    }
}

/// An image as a pin names it: `registry/shop/web:4.12.0 (c224c3e07e6d)`.
struct Named<'t> {
    repository: &'t str,
    tag: Option<&'t str>,
    digits: &'t str,
}

impl<'t> Named<'t> {
    fn read(text: &'t str) -> Self {
        let (name, digits) = text.split_once(' ').unwrap_or((text, ""));
        let path = name.rfind('/').map_or(0, |slash| slash + 1);
        let (repository, tag) = match name[path..].find([':', '@']) {
            Some(colon) => (&name[..path + colon], Some(&name[path + colon + 1..])),
            None => (name, None),
        };
        let digits = digits.trim_matches(['(', ')']);
        Self {
            repository,
            tag,
            digits: digits.get(..8).unwrap_or(digits),
        }
    }

    /// Without registry and path, with the digits that tell it apart.
    fn written(&self) -> String {
        let name = self.repository.rsplit('/').next().unwrap_or_default();
        let tag = self.tag.map(|tag| format!(":{tag}")).unwrap_or_default();
        match self.digits {
            "" => format!("{name}{tag}"),
            digits => format!("{name}{tag} ({digits})"),
        }
    }
}

/// An image in short.
fn short(pin: &Pin) -> String {
    Named::read(&pin.to_string()).written()
}
