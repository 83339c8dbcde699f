//! Listens to the log of a new container: for the line that says it is ready, and for those that must not come.

use regex::Regex;

use super::place::{Place, Trouble};
use crate::model::{
    ContainerId, HostName, Timestamp, printable, redact,
    release::{Found, Gate},
};

/// So much of a line is told.
const TOLD: usize = 200;

/// What the log said so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The line that was waited for came.
    pub ready: bool,
    /// A line that must not be there.
    pub fault: Option<String>,
}

/// Reads each line of one container once.
#[derive(Debug)]
pub(super) struct Ear {
    ready: Option<Regex>,
    fault: Option<Regex>,
    /// Of which container, and up to when, in nanoseconds of its host's clock.
    read: Option<(ContainerId, Timestamp)>,
    /// What it said.
    pub heard: Heard,
}

impl Ear {
    /// For what a gate listens. Expressions were checked when the file was read.
    pub fn new(gate: &Gate) -> Self {
        let compiled = |text: &Option<String>| Regex::new(text.as_deref()?).ok();
        Self {
            ready: compiled(&gate.log.ready),
            fault: compiled(&gate.log.fault),
            read: None,
            heard: Heard::default(),
        }
    }

    /// Forgets what was heard: it is started again.
    pub fn forget(&mut self) {
        self.read = None;
        self.heard = Heard::default();
    }

    /// Hears nothing any more: the container was well before anybody listened.
    pub fn trust(&mut self) {
        (self.ready, self.fault) = (None, None);
        self.heard.ready = true;
    }

    /// Reads what the container logged since the last time, or since it was started.
    pub async fn listen(
        &mut self,
        place: &impl Place,
        host: &HostName,
        one: &Found,
    ) -> Result<(), Trouble> {
        let waits = self.ready.is_some() && !self.heard.ready;
        if (self.fault.is_none() && !waits) || self.heard.fault.is_some() {
            return Ok(());
        }
        if self.read.as_ref().is_some_and(|(id, _)| *id != one.id) {
            self.forget();
        }
        let since = self.read.as_ref().map(|(_, at)| *at).or(one.started);
        let since = since.unwrap_or(Timestamp::UNIX_EPOCH);
        let lines = place.log(host, &one.id, since).await?;
        // What was logged in the very moment up to which was read would come again.
        let fresh = |at: &Timestamp| self.read.as_ref().is_none_or(|(_, read)| at > read);
        for (_, line) in lines.iter().filter(|(at, _)| fresh(at)) {
            if self.fault.as_ref().is_some_and(|one| one.is_match(line)) {
                let told: String = redact(&printable(line.trim())).chars().take(TOLD).collect();
                self.heard.fault = Some(told);
                break;
            }
            self.heard.ready |= self.ready.as_ref().is_some_and(|one| one.is_match(line));
        }
        let last = lines.iter().map(|(at, _)| *at).max();
        self.read = Some((one.id.clone(), last.unwrap_or(since).max(since)));
        Ok(())
    }
}
