//! What an ssh process says on its stderr: the last lines for people, and how far it came.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    sync::watch,
};

use crate::model::printable;

/// Lines kept.
const LINES: usize = 50;

/// Characters kept of a line; a banner may be anything.
const WIDTH: usize = 500;

/// How far a login came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The first hop was not reached.
    #[default]
    Started,
    /// A hop answers.
    Connected,
    /// A hop accepted us.
    Accepted,
}

/// A hop as ssh speaks of it while it logs in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hop {
    /// `host:port`, as it was resolved.
    pub address: String,
    /// The account.
    pub user: String,
    /// The key it showed: kind and fingerprint.
    pub key: Option<String>,
}

/// Something that a login came past, with the hop it was at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Milestone {
    /// A server answers there, as the account; with the name of its software.
    Greeted(Hop, String),
    /// Its key is one that `known_hosts` has.
    Known(Hop),
    /// It lets us in, by that method.
    Accepted(Hop, String),
}

/// The story so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Story {
    /// What is for people, oldest first, cleaned.
    pub lines: VecDeque<String>,
    /// How far it came.
    pub phase: Phase,
    /// The last hop that began to log in.
    pub hop: Option<Hop>,
    /// A proxy command, so a jump host, is on the way.
    pub proxied: bool,
    /// What a server wrote in place of its greeting (`Exceeded MaxStartups`).
    pub greeting: Option<String>,
    /// What it came past, oldest first; a few for each hop.
    pub milestones: Vec<Milestone>,
    /// The software of the server that greeted last.
    software: String,
}

impl Story {
    /// Takes in one line.
    pub fn hear(&mut self, line: &str) {
        let line = line.trim_end();
        if let Some(debug) = line.strip_prefix("debug1: ") {
            self.hear_debug(debug);
        } else if line.starts_with("Authenticated to ") {
            self.phase = Phase::Accepted;
            let method = line.split_once(" using ").map_or("", |(_, method)| method);
            let method = printable(method.trim_matches(['"', '.']));
            self.pass(|hop| Milestone::Accepted(hop, method));
        } else if !is_chatter(line) {
            if self.lines.len() == LINES {
                self.lines.pop_front();
            }
            let short: String = line.chars().take(WIDTH).collect();
            self.lines.push_back(printable(&short));
        }
    }

    fn hear_debug(&mut self, line: &str) {
        if line.starts_with("Connection established") {
            self.phase = self.phase.max(Phase::Connected);
        } else if let Some((_, software)) = line.split_once("remote software version ") {
            self.software = printable(software);
        } else if line.starts_with("Executing proxy command") {
            self.proxied = true;
        } else if let Some(rest) = line.strip_prefix("Authenticating to ") {
            let (address, user) = rest.split_once(" as ").unwrap_or((rest, ""));
            self.hop = Some(Hop {
                address: printable(address),
                user: printable(user.trim_matches('\'')),
                key: None,
            });
            let software = self.software.clone();
            self.pass(|hop| Milestone::Greeted(hop, software));
        } else if let Some(key) = line.strip_prefix("Server host key: ") {
            if let Some(hop) = &mut self.hop {
                hop.key = Some(printable(key));
            }
        } else if line.contains(" is known and matches the ") {
            self.pass(Milestone::Known);
        } else if let Some(text) = line.strip_prefix("kex_exchange_identification: banner line ") {
            self.greeting = text.split_once(": ").map(|(_, text)| printable(text));
        }
    }

    /// Notes that the hop was come past something. A chain of hops is short, and so is this list.
    fn pass(&mut self, milestone: impl FnOnce(Hop) -> Milestone) {
        if let Some(hop) = &self.hop
            && self.milestones.len() < LINES
        {
            self.milestones.push(milestone(hop.clone()));
        }
    }

    /// Whether a line contains `needle`.
    pub fn says(&self, needle: &str) -> bool {
        self.find(needle).is_some()
    }

    /// The last line that contains `needle`.
    pub fn find(&self, needle: &str) -> Option<&str> {
        let found = self.lines.iter().rev().find(|line| line.contains(needle));
        found.map(String::as_str)
    }
}

/// What ssh says at `DEBUG1` without the mark of debugging, and nobody needs.
fn is_chatter(line: &str) -> bool {
    const BEGINNINGS: [&str; 6] = [
        "debug",
        "OpenSSH_",
        "Transferred: sent ",
        "Bytes per second: sent ",
        "Killed by signal ",
        "Authenticated using ",
    ];
    line.is_empty() || BEGINNINGS.iter().any(|start| line.starts_with(start))
}

/// A story that one task hears and others read.
#[derive(Clone, Debug)]
pub struct Heard {
    story: Arc<Mutex<Story>>,
    phase: Arc<watch::Sender<Phase>>,
    passed: Arc<watch::Sender<usize>>,
}

impl Heard {
    /// Nothing heard yet.
    pub fn new() -> Self {
        Self {
            story: Arc::default(),
            phase: Arc::new(watch::Sender::new(Phase::Started)),
            passed: Arc::new(watch::Sender::new(0)),
        }
    }

    /// The story so far.
    pub fn story(&self) -> Story {
        self.lock().clone()
    }

    /// The lines for people.
    pub fn lines(&self) -> Vec<String> {
        self.lock().lines.iter().cloned().collect()
    }

    /// How far it came, to be waited on.
    pub fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// How many milestones it came past, to be waited on.
    pub fn passed(&self) -> watch::Receiver<usize> {
        self.passed.subscribe()
    }

    /// Takes in one line.
    pub fn hear(&self, line: &str) {
        let (phase, passed) = {
            let mut story = self.lock();
            story.hear(line);
            (story.phase, story.milestones.len())
        };
        self.passed
            .send_if_modified(|old| std::mem::replace(old, passed) != passed);
        self.phase
            .send_if_modified(|old| std::mem::replace(old, phase) != phase);
    }

    /// Takes in all that comes until it ends. May be dropped; an unfinished line is then lost.
    pub async fn listen(&self, source: impl AsyncRead + Unpin) {
        let mut lines = Lines::new(source);
        while let Some(line) = lines.next().await {
            self.hear(&line);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Story> {
        // A story is whole after every step, so one that a panic left behind can be read.
        self.story.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lines of a stream, cut where they become too long.
#[derive(Debug)]
pub struct Lines<R> {
    source: R,
    pending: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// The lines of `source`.
    pub fn new(source: R) -> Self {
        Self {
            source,
            pending: Vec::new(),
        }
    }

    /// The next line without its end; none at the end of the stream or when it breaks. May be
    /// dropped and called again.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                return Some(text(&line));
            }
            if self.pending.len() > 4 * WIDTH {
                return Some(text(&std::mem::take(&mut self.pending)));
            }
            if !matches!(self.source.read_buf(&mut self.pending).await, Ok(count) if count > 0) {
                let rest = std::mem::take(&mut self.pending);
                return (!rest.is_empty()).then(|| text(&rest));
            }
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .trim_end_matches(['\r', '\n'])
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn story(text: &str) -> Story {
        let mut story = Story::default();
        text.lines().for_each(|line| story.hear(line));
        story
    }

    #[test]
    fn follows_a_login_hop_by_hop() {
        let heard = story(
            "debug1: Executing proxy command: exec ssh -W '[10.0.0.7]:22' bastion\n\
             debug1: Connection established.\n\
             debug1: Authenticating to bastion:22 as 'alice'\n\
             debug1: Server host key: ssh-ed25519 SHA256:aaa\n\
             Authenticated to bastion ([10.0.0.1]:22) using \"publickey\".\n\
             debug1: Authenticating to 10.0.0.7:22 as 'bob'\n\
             debug1: Server host key: ssh-rsa SHA256:bbb\n\
             *** Property of the bank ***\r\n",
        );
        assert!(heard.proxied);
        assert_eq!(heard.phase, Phase::Accepted);
        let hop = heard.hop.clone().unwrap_or_default();
        assert_eq!((&*hop.address, &*hop.user), ("10.0.0.7:22", "bob"));
        assert_eq!(hop.key.as_deref(), Some("ssh-rsa SHA256:bbb"));
        assert_eq!(heard.lines, ["*** Property of the bank ***"]);
    }

    #[test]
    fn notes_what_a_login_came_past() {
        let heard = story(
            "debug1: Connection established.\n\
             debug1: Remote protocol version 2.0, remote software version OpenSSH_9.2p1\n\
             debug1: Authenticating to 10.0.0.1:22 as 'alice'\n\
             debug1: Server host key: ssh-ed25519 SHA256:aaa\n\
             debug1: Host '10.0.0.1' is known and matches the ED25519 host key.\n\
             Authenticated to 10.0.0.1 ([10.0.0.1]:22) using \"publickey\".\n",
        );
        let told: Vec<String> = heard
            .milestones
            .iter()
            .map(|milestone| match milestone {
                Milestone::Greeted(hop, software) => format!("{} {software}", hop.address),
                Milestone::Known(hop) => hop.key.clone().unwrap_or_default(),
                Milestone::Accepted(hop, method) => format!("{} {method}", hop.user),
            })
            .collect();
        assert_eq!(
            told,
            [
                "10.0.0.1:22 OpenSSH_9.2p1",
                "ssh-ed25519 SHA256:aaa",
                "alice publickey"
            ]
        );
    }

    #[test]
    fn keeps_the_last_lines_clean_and_short() {
        let mut heard = Story::default();
        for n in 0..80 {
            heard.hear(&format!("line {n} \x1b[31mred\x07"));
        }
        heard.hear(&"x".repeat(10_000));
        assert_eq!(heard.lines.len(), LINES);
        assert!(heard.lines.iter().all(|line| line.len() <= 2 * WIDTH));
        assert_eq!(heard.lines[0], "line 31 ·[31mred·");
    }

    #[test]
    fn keeps_what_a_throttling_server_wrote() {
        let heard =
            story("debug1: kex_exchange_identification: banner line 0: Exceeded MaxStartups\n");
        assert_eq!(heard.greeting.as_deref(), Some("Exceeded MaxStartups"));
    }

    #[tokio::test]
    async fn lines_end_anywhere() {
        let heard = Heard::new();
        heard
            .listen(&b"one\r\ntwo\nAuthenticated to x\nthree"[..])
            .await;
        assert_eq!(heard.lines(), ["one", "two", "three"]);
        assert_eq!(*heard.phase().borrow(), Phase::Accepted);
    }
}
