//! From the bytes of an engine's stream to lines: Docker's 8-byte frames, line ends, time stamps, and where to go on
//! after a cut.

use memchr::{memchr, memchr2};

use super::stamp;
use crate::model::{LogBatch, Stream};

/// A line longer than this is given in parts.
const LONGEST: usize = 256 << 10;

/// The engine cuts what it reads of a container into messages of at most this many bytes, each with a stamp of its own.
const MESSAGE: usize = 16 << 10;

/// So many messages are remembered by their times: dockerd reads the end of a log file again when it rotates it.
const REMEMBERED: usize = 4096;

/// The two outputs of a container come past each other by less than this, in nanoseconds: the place stays where it is.
/// What is further back was said after the clock was set.
const LATE: i64 = 1_000_000_000;

/// What a line's buffer keeps for the next one.
const KEPT: usize = 16 << 10;

/// Takes Docker's multiplexed streams apart. A container with a terminal has none of it: all its
/// bytes are output, also those that look like a header.
#[derive(Debug)]
pub(super) struct Demux {
    tty: bool,
    header: [u8; 8],
    /// How much of the header is there.
    filled: usize,
    /// What is missing of the present frame.
    left: usize,
}

/// A piece of output, and whether a frame begins or ends with it: what the engine logged at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// A frame begins with it. (Without frames only line ends show where a message begins.)
    pub begins: bool,
    /// A frame ends with it.
    pub ends: bool,
}

impl Demux {
    /// For a container with or without a terminal.
    pub fn new(tty: bool) -> Self {
        Self {
            tty,
            header: [0; 8],
            filled: 0,
            left: 0,
        }
    }

    /// Passes on what is in `data`, piece by piece; pieces of a frame arrive in order.
    pub fn feed(
        &mut self,
        mut data: &[u8],
        mut pass: impl FnMut(Stream, Piece<'_>),
    ) -> Result<(), String> {
        if self.tty {
            let piece = Piece {
                bytes: data,
                begins: false,
                ends: false,
            };
            if !data.is_empty() {
                pass(Stream::Stdout, piece);
            }
            return Ok(());
        }
        while !data.is_empty() {
            let mut begins = false;
            if self.left == 0 {
                let wanted = (8 - self.filled).min(data.len());
                self.header[self.filled..self.filled + wanted].copy_from_slice(&data[..wanted]);
                self.filled += wanted;
                data = &data[wanted..];
                if self.filled < 8 {
                    return Ok(());
                }
                self.filled = 0;
                self.left = self.length()?;
                begins = true;
            }
            let (bytes, rest) = data.split_at(self.left.min(data.len()));
            self.left -= bytes.len();
            data = rest;
            let ends = self.left == 0;
            if begins || !bytes.is_empty() {
                pass(
                    self.stream(),
                    Piece {
                        bytes,
                        begins,
                        ends,
                    },
                );
            }
        }
        Ok(())
    }

    fn length(&self) -> Result<usize, String> {
        let [kind, 0, 0, 0, a, b, c, d] = self.header else {
            return Err("the stream has no frames where they were expected".to_owned());
        };
        if kind > 3 {
            return Err(format!("a frame of the unknown kind {kind}"));
        }
        Ok(u32::from_be_bytes([a, b, c, d]) as usize)
    }

    fn stream(&self) -> Stream {
        // 0 is stdin (echoed), 3 an error of the engine itself.
        if self.header[0] >= 2 {
            Stream::Stderr
        } else {
            Stream::Stdout
        }
    }
}

/// Reads a log: the engine's bytes in, lines out, however the bytes are cut.
///
/// It outlives the stream that it reads: after a cut the log is asked for again from [`LogReader::since`] on, and what
/// the engine repeats is left out, also the beginning of a message that was cut in its middle.
#[derive(Debug)]
pub struct LogReader {
    demux: Demux,
    lines: Lines,
}

impl LogReader {
    /// For a container with or without a terminal.
    pub fn new(tty: bool) -> Self {
        Self {
            demux: Demux::new(tty),
            lines: Lines {
                framed: !tty,
                ..Lines::default()
            },
        }
    }

    /// Takes bytes in and gives the lines that ended with them. Fails on what is no log.
    pub fn read(&mut self, data: &[u8], out: &mut LogBatch) -> Result<(), String> {
        let lines = &mut self.lines;
        self.demux
            .feed(data, |stream, piece| lines.push(stream, piece, out))
    }

    /// Whether something waits for the end of its line though the engine has said all of its message.
    pub fn has_rest(&self) -> bool {
        self.demux.left == 0 && self.lines.open.iter().any(|open| !open.bytes.is_empty())
    }

    /// Gives what waits for the end of its line as it is; what follows of it is a line of its own.
    pub fn flush(&mut self, out: &mut LogBatch) {
        self.lines.flush(out);
    }

    /// The log ended: gives all there is.
    pub fn finish(&mut self, out: &mut LogBatch) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            self.lines.decide(stream, out);
        }
        self.lines.finish(out);
    }

    /// The time of the last message, in nanoseconds since 1970: from there on a log that was cut is asked for again.
    pub fn since(&self) -> Option<i64> {
        self.lines.place.at
    }

    /// The stream was cut, and what is read from now on begins anew at [`Self::since`] or before.
    pub fn again(&mut self) {
        self.demux = Demux::new(self.demux.tty);
        self.lines.again();
    }

    /// After a cut: the engine no longer had the last message. Its time and that of the first one it has; told once.
    pub fn gap(&mut self) -> Option<(i64, i64)> {
        self.lines.gap.take()
    }
}

/// Puts pieces together to lines, each stream for itself.
#[derive(Debug, Default)]
struct Lines {
    framed: bool,
    open: [Open; 2],
    place: Place,
    /// While the engine repeats what was had: how many messages of the last one's time it has repeated.
    repeated: Option<usize>,
    /// It repeats because the stream was cut.
    cut: bool,
    /// The times of the last messages, in a ring.
    lately: Vec<i64>,
    /// The place of the next one in it.
    next: usize,
    /// How much of the present message was had before the cut.
    had: usize,
    /// How much of the present message was seen.
    seen: usize,
    gap: Option<(i64, i64)>,
}

/// A line that has not ended.
#[derive(Debug)]
struct Open {
    /// What there is of it.
    bytes: Vec<u8>,
    at: Option<i64>,
    /// A stamp is expected: at the beginning of a line, and of a message that goes on with it.
    stamped: bool,
    /// So much is there of what may be a stamp.
    held: Vec<u8>,
    /// A part of it was given.
    told: bool,
}

/// How far a log was read. Engines are asked for what was logged since the last message's time, that moment included,
/// for Podman tells times in whole seconds only; so the messages of one time are counted.
#[derive(Debug, Default)]
struct Place {
    /// The time of the last message.
    at: Option<i64>,
    /// How many whole messages had that time.
    whole: usize,
    /// So much was read of one that was not whole.
    part: Option<usize>,
}

impl Default for Open {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            at: None,
            stamped: true,
            held: Vec::new(),
            told: false,
        }
    }
}

impl Lines {
    /// Takes a piece in and gives the lines that ended with it.
    fn push(&mut self, stream: Stream, piece: Piece<'_>, out: &mut LogBatch) {
        if piece.begins {
            self.open(stream).stamped = true;
        }
        let mut rest = piece.bytes;
        while !rest.is_empty() {
            if self.open(stream).stamped {
                rest = &rest[self.head(stream, rest, out)..];
                if rest.is_empty() {
                    break;
                }
                if self.open(stream).stamped {
                    continue;
                }
            }
            // Without frames the engine's messages show by their length alone.
            let most = if self.framed {
                usize::MAX
            } else {
                MESSAGE - self.seen.min(MESSAGE)
            };
            let near = &rest[..rest.len().min(most)];
            if let Some(end) = memchr(b'\n', near) {
                self.text(stream, &rest[..end], true, out);
                rest = &rest[end + 1..];
            } else {
                self.text(stream, near, false, out);
                rest = &rest[near.len()..];
                if self.seen == MESSAGE && !self.framed {
                    self.seen = 0;
                    self.open(stream).stamped = true;
                }
            }
        }
        if piece.ends {
            self.decide(stream, out);
            self.message_ends();
        }
    }

    fn open(&mut self, stream: Stream) -> &mut Open {
        match stream {
            Stream::Stdout => &mut self.open[0],
            Stream::Stderr => &mut self.open[1],
        }
    }

    /// Reads the stamp where one is expected, if it is one; says how many bytes it took.
    fn head(&mut self, stream: Stream, rest: &[u8], out: &mut LogBatch) -> usize {
        let open = self.open(stream);
        if open.held.is_empty() {
            match stamp::read(rest) {
                Some((at, length)) if length < rest.len() || rest[length - 1] == b' ' => {
                    self.begin(stream, at, out);
                    return length;
                }
                Some(_) => {}
                None => {
                    let near = &rest[..rest.len().min(stamp::LONGEST)];
                    if near.len() == stamp::LONGEST || memchr2(b' ', b'\n', near).is_some() {
                        open.stamped = false;
                        return 0;
                    }
                }
            }
        }
        let room = stamp::LONGEST - open.held.len();
        let near = &rest[..rest.len().min(room)];
        let (taken, is_whole) = match memchr2(b' ', b'\n', near) {
            Some(end) if near[end] == b' ' => (end + 1, true),
            Some(end) => (end, true),
            None => (near.len(), near.len() == room),
        };
        open.held.extend_from_slice(&near[..taken]);
        if is_whole {
            self.decide(stream, out);
        }
        taken
    }

    /// What is held is a stamp, or text.
    fn decide(&mut self, stream: Stream, out: &mut LogBatch) {
        let open = self.open(stream);
        if open.held.is_empty() {
            return;
        }
        let held = std::mem::take(&mut open.held);
        match stamp::read(&held) {
            Some((at, _)) => self.begin(stream, at, out),
            None => {
                open.stamped = false;
                self.text(stream, &held, false, out);
            }
        }
    }

    /// A message of that time begins.
    fn begin(&mut self, stream: Stream, at: i64, out: &mut LogBatch) {
        self.seen = 0;
        self.had = 0;
        if self.place.at.is_some_and(|last| at < last) && self.repeated.is_none() {
            self.look_back(at);
        }
        let was_had = self.was_had(at, out);
        let is_had = self.had == usize::MAX;
        let open = self.open(stream);
        open.stamped = false;
        if !is_had {
            open.at.get_or_insert(at);
        }
        if was_had {
            return;
        }
        self.message_ends();
        self.remember(at);
        if self
            .place
            .at
            .is_some_and(|last| at < last && last - at < LATE)
        {
            return;
        }
        if self.place.at != Some(at) {
            self.place.at = Some(at);
            self.place.whole = 0;
        }
        self.place.part = Some(0);
    }

    fn remember(&mut self, at: i64) {
        if self.lately.len() < REMEMBERED {
            self.lately.push(at);
        } else {
            self.lately[self.next] = at;
            self.next = (self.next + 1) % REMEMBERED;
        }
    }

    /// A message is older than the one before: if one of just that time was had, the engine repeats itself, as dockerd does
    /// when it rotates a file. A clock that was set back never meets a nanosecond again; whole seconds tell nothing.
    fn look_back(&mut self, at: i64) {
        if at % 1_000_000_000 != 0 && self.lately.contains(&at) {
            self.repeated = Some(0);
            self.cut = false;
        }
    }

    /// While the engine repeats itself: whether the message that begins was had, or its beginning was.
    fn was_had(&mut self, at: i64, out: &mut LogBatch) -> bool {
        let (Some(repeated), Some(last)) = (self.repeated, self.place.at) else {
            return false;
        };
        if at < last || (at == last && repeated < self.place.whole) {
            self.repeated = Some(repeated + usize::from(at == last));
            self.had = usize::MAX;
            return true;
        }
        self.repeated = None;
        if at > last {
            if repeated == 0 && self.cut {
                self.gap = Some((last, at));
            }
            if self.cut && (repeated == 0 || self.place.part.is_some()) {
                // What was open is not gone on with.
                self.finish(out);
            }
            return false;
        }
        // The one that was cut in its middle, if one was.
        self.had = self.place.part.unwrap_or(0);
        self.place.part.is_some()
    }

    /// The present message is whole.
    fn message_ends(&mut self) {
        if self.had != usize::MAX && self.place.part.take().is_some() {
            self.place.whole += 1;
        }
    }

    /// Takes in the text of a line, or some of it.
    fn text(&mut self, stream: Stream, mut text: &[u8], ends: bool, out: &mut LogBatch) {
        self.seen += text.len();
        if self.had > 0 {
            if self.had == usize::MAX {
                self.open(stream).stamped |= ends;
                return;
            }
            let old = text.len().min(self.had);
            self.had -= old;
            text = &text[old..];
        }
        if let Some(part) = &mut self.place.part {
            *part += text.len();
        }
        self.open(stream).take(stream, text, ends, out);
        if ends && !self.framed {
            self.message_ends();
        }
    }

    fn flush(&mut self, out: &mut LogBatch) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let open = self.open(stream);
            if !open.bytes.is_empty() {
                out.push(open.at, stream, &open.bytes);
                open.bytes.clear();
                open.told = true;
            }
        }
    }

    /// What is open has no more to come.
    fn finish(&mut self, out: &mut LogBatch) {
        self.flush(out);
        for open in &mut self.open {
            open.ended();
        }
    }

    fn again(&mut self) {
        self.repeated = self.place.at.map(|_| 0);
        self.cut = true;
        (self.had, self.seen) = (0, 0);
        for open in &mut self.open {
            open.held.clear();
            open.stamped = true;
        }
    }
}

impl Open {
    /// Adds text; the line may end with it. What is too long goes out in parts of the same size however it came.
    fn take(&mut self, stream: Stream, mut text: &[u8], ends: bool, out: &mut LogBatch) {
        if ends && self.bytes.is_empty() && text.len() <= LONGEST {
            let text = without_return(text);
            if !(self.told && text.is_empty()) {
                out.push(self.at, stream, text);
            }
            self.ended();
            return;
        }
        while self.bytes.len() + text.len() > LONGEST {
            let (part, rest) = text.split_at(LONGEST - self.bytes.len());
            self.bytes.extend_from_slice(part);
            out.push(self.at, stream, &self.bytes);
            self.bytes.clear();
            self.told = true;
            text = rest;
        }
        self.bytes.extend_from_slice(text);
        if ends {
            let text = without_return(&self.bytes);
            if !(self.told && text.is_empty()) {
                out.push(self.at, stream, text);
            }
            self.ended();
        }
    }

    fn ended(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        self.at = None;
        self.stamped = true;
        self.told = false;
    }
}

/// A terminal ends its lines with CR LF.
fn without_return(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\r").unwrap_or(text)
}

#[cfg(test)]
mod tests;
