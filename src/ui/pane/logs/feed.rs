//! How lines reach the log view: who is followed, what is asked for, what comes.

use std::collections::BTreeSet;

use super::{Logs, MOST, OLDER, Source};
use crate::model::{
    Feed, Fleet, HostName, LogBatch, LogRange, Payload, moment, nanoseconds, printable,
};

/// Clocks that are off by less are put right without a word, in milliseconds.
const TOLD_MS: i64 = 100;

impl Logs {
    /// Follows whoever is meant now and was not before.
    pub(super) fn join(&mut self, fleet: &Fleet) {
        self.corrected = corrected(&self.sources, fleet);
        let before = self.sources.len();
        let is_first = before == 0;
        for one in self.who.find(fleet) {
            let is_known = |source: &Source| source.host == one.host && source.id == one.id;
            if self.sources.iter().any(is_known) || self.sources.len() == MOST {
                continue;
            }
            let label = format!("{}@{}", one.name, one.host);
            let number = self.book.source(&label);
            // All of one that is younger than the view is new to it.
            let is_young = !is_first && one.created >= self.opened;
            let from = if is_young {
                LogRange::All
            } else {
                self.range.feed
            };
            if is_young {
                let is_anew = self.sources.iter().any(|source| source.number == number);
                let what = if is_anew { "was made anew" } else { "joined" };
                let text = format!("── {label} {what} ──");
                self.book.note(number, nanoseconds(fleet.now), &text);
            }
            // Whose secrets may be seen is recorded by name: of one that joins they are masked.
            self.revealed &= is_first;
            self.sources.push(Source {
                host: one.host,
                id: one.id,
                name: one.name,
                number,
                from,
                last: None,
                known: None,
                first: None,
                is_whole: from == LogRange::All,
                said: None,
                is_alone: true,
            });
        }
        if self.sources.len() > before {
            self.tell_apart();
        }
    }

    /// Notes whose names others have on other hosts.
    fn tell_apart(&mut self) {
        for at in 0..self.sources.len() {
            let this = &self.sources[at];
            let is_same = |one: &Source| one.name == this.name && one.host != this.host;
            self.sources[at].is_alone = !self.sources.iter().any(is_same);
        }
    }

    /// What is to be brought.
    pub(super) fn feeds(&self) -> BTreeSet<Feed> {
        let older = self
            .sources
            .iter()
            .filter(|one| self.older.contains(&one.number));
        let older = older.filter_map(|source| {
            let first = moment(source.first?);
            Some(Feed::Older(
                source.host.clone(),
                source.id.clone(),
                first,
                OLDER,
            ))
        });
        self.sources.iter().map(Source::feed).chain(older).collect()
    }

    /// Asks for lines before the oldest, of whoever may have some, if there is room for them.
    pub(super) fn read_older(&mut self) {
        if !self.older.is_empty() || !self.book.has_room() {
            return;
        }
        let may = |source: &&Source| !source.is_whole && source.first.is_some();
        self.older = self
            .sources
            .iter()
            .filter(may)
            .map(|source| source.number)
            .collect();
    }

    /// Takes in what a feed brought.
    pub(super) fn take(&mut self, feed: &Feed, payload: Payload, fleet: &Fleet) {
        let (Feed::Logs(host, id, _) | Feed::Older(host, id, ..)) = feed else {
            return;
        };
        let source = self
            .sources
            .iter_mut()
            .find(|one| one.host == *host && one.id == *id);
        let Some(source) = source else {
            return;
        };
        let ahead = fleet.clock_ahead(host);
        match payload {
            Payload::Lines(batch) if source.feed() == *feed => {
                let mut batch = source.without_known(batch);
                source.note(&batch);
                source.said = None;
                if let Some(until) = self.range.until.map(nanoseconds) {
                    let is_younger = |at: i64| at.saturating_sub(ahead) > until;
                    let younger = batch
                        .iter()
                        .position(|line| line.at.is_some_and(is_younger));
                    batch.truncate(younger.unwrap_or(batch.len()));
                }
                if !batch.is_empty() {
                    self.book.add(source.number, batch, ahead);
                }
            }
            Payload::Older { lines, whole } => {
                let number = source.number;
                source.is_whole |= whole;
                if let Some(first) = lines.iter().find_map(|line| line.at) {
                    source.first = Some(first);
                }
                if !lines.is_empty() {
                    self.book.add_older(number, lines, ahead);
                }
                self.older.retain(|one| *one != number);
            }
            Payload::Ended(text)
            | Payload::Failed(text)
            | Payload::Gap(text)
            | Payload::Resumed(text) => {
                // What is tried again and again and fails for the same reason is told once.
                if source.said.as_ref() != Some(&text) {
                    let note = format!("── {}: {} ──", source.label(), printable(&text));
                    self.book.note(source.number, nanoseconds(fleet.now), &note);
                    source.said = Some(text);
                }
                self.older.retain(|one| *one != source.number);
            }
            Payload::Lines(_)
            | Payload::Files(_)
            | Payload::Inspected(_)
            | Payload::Processes(..)
            | Payload::Changed(_) => {}
        }
    }
}

impl Source {
    /// The lines without those that are here already.
    fn without_known(&mut self, mut batch: LogBatch) -> LogBatch {
        let Some((last, count)) = &mut self.known else {
            return batch;
        };
        let known = batch
            .iter()
            .take(*count)
            .take_while(|line| line.at.is_none_or(|at| at <= *last))
            .count();
        *count -= known;
        if known < batch.len() {
            self.known = None;
        }
        batch.drop_first(known);
        batch
    }

    /// Remembers how far its log was read.
    fn note(&mut self, batch: &LogBatch) {
        for at in batch.iter().filter_map(|line| line.at) {
            self.first.get_or_insert(at);
            self.last = match self.last {
                Some((last, count)) if last == at => Some((at, count + 1)),
                Some(_) | None => Some((at, 1)),
            };
        }
    }
}

/// Which clocks are put right here: `clock ams-2 +3.20s put right`.
fn corrected(sources: &[Source], fleet: &Fleet) -> Option<String> {
    let hosts: BTreeSet<&HostName> = sources.iter().map(|source| &source.host).collect();
    let skews = hosts
        .into_iter()
        .filter_map(|host| Some((host, fleet.host(host)?.skew?)));
    let certain: Vec<_> = skews.filter(|(_, skew)| skew.is_certain()).collect();
    let (host, skew) = certain.iter().max_by_key(|(_, skew)| skew.ahead_ms.abs())?;
    // A few milliseconds are nobody's concern.
    if skew.ahead_ms.abs() < TOLD_MS {
        return None;
    }
    Some(match certain.len() {
        1 => format!("clock of {host} {skew} put right"),
        more => format!("{more} clocks put right, {host} {skew}"),
    })
}
