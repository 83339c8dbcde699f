//! One question to the admin socket and its answer; what is said instead of an answer is told with what to do.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use super::{Balancer, Error, ErrorKind};
use crate::model::printable;

/// How long an answer may take; it comes from memory.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer that is taken, in bytes: some ten thousand servers.
const LONGEST: u64 = 32 << 20;

/// What `HAProxy` answers in place of what was asked for, and what that means: its source, `cli.c`, `server.c`, `map.c`.
const COMPLAINTS: [(&str, ErrorKind, &str); 7] = [
    (
        "Permission denied",
        ErrorKind::Refused,
        "its socket is of a lower level than it takes; write `level admin` behind `stats socket` in its configuration",
    ),
    (
        "No such server",
        ErrorKind::Missing,
        "see `wharf balancer show`",
    ),
    (
        "No such backend",
        ErrorKind::Missing,
        "see `wharf balancer show`",
    ),
    (
        "Can't find backend",
        ErrorKind::Missing,
        "see `wharf balancer show`",
    ),
    (
        "Unknown map identifier",
        ErrorKind::Missing,
        "its configuration has to use that map; see `wharf balancer render`",
    ),
    (
        "entry not found",
        ErrorKind::Missing,
        "the map has no such key",
    ),
    (
        "Unknown command",
        ErrorKind::Wrong,
        "HAProxy 2.2 or newer is needed",
    ),
];

impl Balancer {
    /// Asks for something that is printed.
    pub(super) async fn show(&self, command: &str) -> Result<String, Error> {
        let answer = self.ask(command).await?;
        // Every answer ends with an empty line; one that does not was cut.
        let Some(text) = answer.strip_suffix("\n\n") else {
            return Err(self
                .complained(command, &answer)
                .unwrap_or_else(|| self.cut(command)));
        };
        match self.complained(command, text) {
            Some(error) => Err(error),
            None => Ok(text.to_owned()),
        }
    }

    /// Orders what has no answer if it goes well; anything else is why it did not.
    pub(super) async fn order(&self, command: &str) -> Result<(), Error> {
        let answer = self.ask(command).await?;
        match answer.trim() {
            "" => Ok(()),
            text => Err(self.refused(command, text)),
        }
    }

    /// Orders several things with one line, the first of which says what it changed.
    pub(super) async fn order_told(&self, command: &str, told: &[&str]) -> Result<(), Error> {
        let answer = self.ask(command).await?;
        let is_told = |line: &str| line.is_empty() || told.iter().any(|one| line.starts_with(one));
        match answer.lines().map(str::trim).find(|line| !is_told(line)) {
            None => Ok(()),
            Some(line) => Err(self.refused(command, line)),
        }
    }

    /// Sends a line and reads all that is answered.
    async fn ask(&self, command: &str) -> Result<String, Error> {
        if command.contains(['\n', '\r']) {
            return Err(self.error(ErrorKind::Wrong, command, "it is more than one line"));
        }
        let answer = self.ask_in_time(command).await?;
        if !answer.is_empty() {
            return Ok(answer);
        }
        let reach = self.reach.explain(&self.spec.machine, &self.spec.socket);
        if let Some(trouble) = reach.await {
            return Err(self.unreached(command, trouble));
        }
        // Another way may have been found; every order is the same when it is given twice.
        match self.ask_in_time(command).await? {
            answer if answer.is_empty() => Err(self.cut(command)),
            answer => Ok(answer),
        }
    }

    async fn ask_in_time(&self, command: &str) -> Result<String, Error> {
        let exchange = timeout(PATIENCE, self.exchange(command));
        exchange.await.unwrap_or_else(|_| {
            let why = format!("no answer came in {} s", PATIENCE.as_secs());
            let remedy = "look whether it was done before trying again";
            Err(self.error(ErrorKind::Offline, command, why).with(remedy))
        })
    }

    async fn exchange(&self, command: &str) -> Result<String, Error> {
        let opened = self
            .reach
            .connect(&self.spec.machine, &self.spec.socket)
            .await;
        let mut stream = opened.map_err(|trouble| self.unreached(command, trouble))?;
        let mut answer = Vec::new();
        let talk = async {
            stream.write_all(format!("{command}\n").as_bytes()).await?;
            stream.flush().await?;
            (&mut stream).take(LONGEST).read_to_end(&mut answer).await
        };
        // What was read before a break is told of by who looks at the end of it.
        if let Err(error) = talk.await
            && !answer.is_empty()
        {
            let why = format!("the connection was lost: {error}");
            return Err(self.error(ErrorKind::Offline, command, why));
        }
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// An answer that is a complaint.
    fn complained(&self, command: &str, text: &str) -> Option<Error> {
        let is_complaint = |words: &str| text.trim_start().starts_with(words);
        let known = COMPLAINTS.iter().any(|(words, ..)| is_complaint(words));
        known.then(|| self.refused(command, text.trim()))
    }

    /// What it says in place of doing it.
    fn refused(&self, command: &str, text: &str) -> Error {
        let first = printable(text.lines().next().unwrap_or_default());
        let first = first.trim_end_matches(['.', ',']);
        let known = COMPLAINTS
            .iter()
            .find(|(words, ..)| first.starts_with(words));
        match known {
            Some((_, kind, remedy)) => self.error(*kind, command, first).with(*remedy),
            None => self.error(ErrorKind::Refused, command, first),
        }
    }

    fn cut(&self, command: &str) -> Error {
        let remedy = "look whether it runs, and whether what was asked for was done";
        self.error(
            ErrorKind::Offline,
            command,
            "the connection ended before the answer",
        )
        .with(remedy)
    }

    fn unreached(&self, command: &str, trouble: crate::model::Trouble) -> Error {
        let error = self.error(ErrorKind::Offline, command, trouble.reason);
        if trouble.remedy.is_empty() {
            error
        } else {
            error.with(trouble.remedy)
        }
    }

    /// An answer that is not understood.
    pub(super) fn garbled(&self, command: &str, why: impl Into<String>) -> Error {
        let remedy = format!(
            "look whether {} is the admin socket of an HAProxy",
            self.spec.socket
        );
        self.error(ErrorKind::Wrong, command, why).with(remedy)
    }

    /// A failure of something that was to be done there.
    pub(super) fn error(&self, kind: ErrorKind, doing: &str, why: impl Into<String>) -> Error {
        Error::new(kind, &format!("{}: {doing}", self.spec.name), why)
    }

    /// A path or a name, if it stands in a command as one word.
    pub(super) fn path<'p>(&self, path: &'p str) -> Result<&'p str, Error> {
        let is_fine = |c: char| c.is_ascii_graphic() && !";\\\"'<>".contains(c);
        if !path.is_empty() && path.chars().all(is_fine) {
            return Ok(path);
        }
        let why = format!("{path:?} cannot stand in a command");
        Err(self.error(ErrorKind::Wrong, "asking", why))
    }
}
