//! A build from the queue to its end: what happens, and its console line by line.

use std::{collections::VecDeque, time::Duration};

use reqwest::Response;
use tokio::time::sleep;

use super::{Error, ErrorKind, Queued, SECTION, Server};
use crate::model::{
    jenkins::{Build, BuildPlace, JobPath},
    printable,
};

/// It is looked so often.
const LOOK: Duration = Duration::from_secs(1);
/// So many lines are told at once.
const LINES: usize = 500;
/// So many bytes of a line are one line.
const LONGEST: usize = 16 << 10;

/// What happens to a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// It waits, for that reason; told when that changes.
    Waits(String),
    /// It has that number now.
    Began(u64),
    /// Its console went on; with where it was read up to then.
    Lines(Vec<String>, BuildPlace),
    /// Somebody took it out of the queue.
    Withdrawn,
    /// It is over, and all of its console is told.
    Ended(Build),
}

/// Follows a build.
#[derive(Debug)]
pub struct Follower {
    server: Server,
    job: JobPath,
    place: BuildPlace,
    /// Why it waited last.
    waits: Option<String>,
    piece: Option<Piece>,
    /// It is over, as it was seen before the last look at its console.
    over: Option<Build>,
    is_first: bool,
    /// It ends where the console ends now.
    is_short: bool,
}

/// What the console says after a place, as far as it was read.
#[derive(Debug)]
struct Piece {
    response: Response,
    /// Where it ends.
    next: u64,
    more: bool,
    /// Bytes without an end of their line.
    open: Vec<u8>,
    lines: VecDeque<String>,
    /// So many lines of it were given out.
    given: u64,
    is_read: bool,
}

impl Follower {
    /// From a place on.
    pub fn new(server: Server, job: JobPath, place: BuildPlace) -> Self {
        Self {
            server,
            job,
            place,
            waits: None,
            piece: None,
            over: None,
            is_first: true,
            is_short: false,
        }
    }

    /// Not further than the console is now, even if the build goes on.
    #[must_use]
    pub fn up_to_now(mut self) -> Self {
        self.is_short = true;
        self
    }

    /// Where it is.
    pub fn place(&self) -> &BuildPlace {
        &self.place
    }

    /// What happens next; waits for it.
    ///
    /// # Errors
    /// When the server cannot be reached, or does not know the build any more. It can be gone on with from the last
    /// place that was told.
    pub async fn next(&mut self) -> Result<Happening, Error> {
        loop {
            let found = match self.place.build {
                None => self.wait().await?,
                Some(number) => self.read(number).await?,
            };
            if let Some(happening) = found {
                return Ok(happening);
            }
        }
    }

    async fn wait(&mut self) -> Result<Option<Happening>, Error> {
        let queued = self.place.queued;
        let number = match self.server.queued(queued).await? {
            Queued::Began(number) => number,
            Queued::Withdrawn => return Ok(Some(Happening::Withdrawn)),
            Queued::Waits(why) if self.waits.as_ref() != Some(&why) => {
                self.waits = Some(why.clone());
                return Ok(Some(Happening::Waits(why)));
            }
            Queued::Waits(_) => {
                sleep(LOOK).await;
                return Ok(None);
            }
            Queued::Forgotten => {
                let found = self.server.build_of(&self.job, queued).await?;
                found.ok_or_else(|| {
                    let doing = format!("following {}", self.server.called(&self.job));
                    let why = format!(
                        "{queued} is neither in the queue nor among the builds, so that nobody knows what came of it"
                    );
                    Error::new(ErrorKind::Missing, &doing, why)
                })?
            }
        };
        self.place.build = Some(number);
        Ok(Some(Happening::Began(number)))
    }

    async fn read(&mut self, number: u64) -> Result<Option<Happening>, Error> {
        let Some(piece) = &mut self.piece else {
            if self.is_short
                && let Some(build) = self.over.take()
            {
                return Ok(Some(self.end(build)));
            }
            if !self.is_first && self.over.is_none() {
                sleep(LOOK).await;
            }
            self.is_first = false;
            self.open(number).await?;
            return Ok(None);
        };
        if !piece.lines.is_empty() {
            let count = piece.lines.len().min(LINES);
            let lines: Vec<String> = piece.lines.drain(..count).collect();
            piece.given += count as u64;
            let known = usize::try_from(self.place.skip.saturating_sub(piece.given - count as u64));
            let known = known.unwrap_or(usize::MAX).min(count);
            self.place.skip = self.place.skip.max(piece.given);
            let fresh = lines[known..].to_vec();
            let told = Happening::Lines(fresh, self.place.clone());
            return Ok((known < count).then_some(told));
        }
        if !piece.is_read {
            let chunk = piece.response.chunk().await.map_err(|error| {
                let doing = format!("reading the console of {}", self.server.called(&self.job));
                Error::of_request_to(SECTION, &doing, &error)
            })?;
            match chunk {
                Some(chunk) => piece.take(&chunk),
                None => piece.is_read = true,
            }
            return Ok(None);
        }
        let (next, more) = (piece.next, piece.more);
        let rest = String::from_utf8_lossy(&piece.open).into_owned();
        let moved = next != self.place.at || rest != self.place.rest;
        self.piece = None;
        self.place = BuildPlace {
            at: next,
            skip: 0,
            rest,
            ..self.place.clone()
        };
        if self.is_short {
            self.over = Some(self.server.build(&self.job, number).await?);
        }
        if moved {
            return Ok(Some(Happening::Lines(Vec::new(), self.place.clone())));
        }
        if let Some(build) = self.over.take() {
            return Ok(Some(self.end(build)));
        }
        if !more {
            let build = self.server.build(&self.job, number).await?;
            // What it said last may have come after the look at its console.
            self.over = (!build.building && build.result.is_some()).then_some(build);
        }
        Ok(None)
    }

    /// The end, after a line that nothing ended.
    fn end(&mut self, build: Build) -> Happening {
        if self.place.rest.is_empty() {
            return Happening::Ended(build);
        }
        self.over = Some(build);
        let last = shown(self.place.rest.as_bytes());
        self.place.rest.clear();
        Happening::Lines(vec![last], self.place.clone())
    }

    async fn open(&mut self, number: u64) -> Result<(), Error> {
        let at = self.place.at;
        let (response, next, more) = self.server.console(&self.job, number, at).await?;
        // One that is shorter than it was is told from its beginning by Jenkins.
        let (skip, rest) = if next < at {
            (0, String::new())
        } else {
            (self.place.skip, self.place.rest.clone())
        };
        self.place.skip = skip;
        self.place.rest.clone_from(&rest);
        self.piece = Some(Piece {
            response,
            next,
            more,
            open: rest.into_bytes(),
            lines: VecDeque::new(),
            given: 0,
            is_read: false,
        });
        Ok(())
    }
}

impl Piece {
    /// Takes in what came; a line that is too long is cut always at the same place.
    fn take(&mut self, chunk: &[u8]) {
        for byte in chunk {
            let ends = *byte == b'\n';
            if !ends {
                self.open.push(*byte);
            }
            if ends || self.open.len() >= LONGEST {
                self.lines.push_back(shown(&self.open));
                self.open.clear();
            }
        }
    }
}

/// A line as it is shown: without the end that Windows has, and without what colours it.
fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.strip_suffix('\r').unwrap_or(&text);
    if !text.contains('\u{1b}') {
        return printable(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        // ESC [ numbers letter; anything else loses its sign only.
        rest = match after.strip_prefix('[') {
            Some(code) => match code.find(|c: char| c.is_ascii_alphabetic()) {
                Some(at) => &code[at + 1..],
                None => "",
            },
            None => after,
        };
    }
    plain.push_str(rest);
    printable(&plain)
}

impl Server {
    /// What the console of a build says after a place: what there is, where that ends, and whether there can be more.
    async fn console(
        &self,
        job: &JobPath,
        number: u64,
        at: u64,
    ) -> Result<(Response, u64, bool), Error> {
        let doing = format!(
            "reading the console of build {number} of {}",
            self.called(job)
        );
        let mut url = self.below(job, &[&number.to_string(), "logText", "progressiveText"]);
        url.query_pairs_mut().append_pair("start", &at.to_string());
        let response = self.get(&doing, url).await?;
        let header = |name: &str| response.headers().get(name)?.to_str().ok();
        let next = header("x-text-size").and_then(|text| text.trim().parse().ok());
        let more = header("x-more-data") == Some("true");
        let Some(next) = next else {
            let why = format!("{} does not say how long its console is", self.spec.name);
            let remedy =
                "let whatever stands before Jenkins pass the headers X-Text-Size and X-More-Data";
            return Err(Error::new(ErrorKind::Wrong, &doing, why).with(remedy));
        };
        Ok((response, next, more))
    }

    /// How long a console is, without reading it.
    pub(super) async fn console_size(&self, job: &JobPath, number: u64) -> Result<u64, Error> {
        self.console(job, number, 0).await.map(|(_, size, _)| size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_shown_without_colours_and_control_characters() {
        assert_eq!(
            shown(b"\x1b[31mred\x1b[0m and \x1b[1;32mgreen\r"),
            "red and green"
        );
        assert_eq!(shown(b"a\tb\x07"), "a b·");
    }
}
