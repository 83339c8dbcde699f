//! From the bytes of an engine's stream to lines: Docker's 8-byte frames, line ends, time stamps.

use memchr::memchr;

use crate::model::{LogLine, Stream, Timestamp};

/// A line longer than this is given in parts.
const LONGEST: usize = 256 << 10;

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

/// A piece of output, and whether a frame begins with it: what the engine logged at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// A frame begins with it. (Without frames only line ends show where a message begins.)
    pub begins: bool,
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
            if !data.is_empty() {
                pass(
                    Stream::Stdout,
                    Piece {
                        bytes: data,
                        begins: false,
                    },
                );
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
            if begins || !bytes.is_empty() {
                pass(self.stream(), Piece { bytes, begins });
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

/// Puts pieces together to lines, each stream for itself.
#[derive(Debug, Default)]
pub(super) struct Lines {
    stdout: Open,
    stderr: Open,
}

/// A line that has not ended.
#[derive(Debug, Default)]
struct Open {
    /// What there is of it.
    bytes: Vec<u8>,
    head: Head,
    at: Option<Timestamp>,
}

/// What is known of the time stamp that each message begins with.
#[derive(Debug, Default)]
enum Head {
    /// It is expected at the beginning of the line.
    #[default]
    Wanted,
    /// It was read, or there is none.
    Done,
    /// The engine cuts long lines into messages of 16 KiB, each with a stamp of its own, which is
    /// no part of the line. This much of it is there.
    Again(Vec<u8>),
}

impl Lines {
    /// Takes a piece in and gives the lines that ended with it.
    pub fn push(&mut self, stream: Stream, piece: Piece<'_>, out: &mut Vec<LogLine>) {
        let open = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        if piece.begins && matches!(open.head, Head::Done) {
            open.head = Head::Again(Vec::new());
        }
        let mut rest = piece.bytes;
        while let Some(end) = memchr(b'\n', rest) {
            open.take(&rest[..end]);
            out.push(open.finish(stream));
            rest = &rest[end + 1..];
        }
        open.take(rest);
        if open.bytes.len() > LONGEST {
            let at = open.at;
            out.push(open.finish(stream));
            open.at = at;
            open.head = Head::Done;
        }
    }

    /// Whether a line is waiting for its end.
    pub fn has_rest(&self) -> bool {
        !self.stdout.bytes.is_empty() || !self.stderr.bytes.is_empty()
    }

    /// Gives what waits as it is.
    pub fn flush(&mut self, out: &mut Vec<LogLine>) {
        for (open, stream) in [
            (&mut self.stdout, Stream::Stdout),
            (&mut self.stderr, Stream::Stderr),
        ] {
            if !open.bytes.is_empty() {
                out.push(open.finish(stream));
            }
        }
    }
}

impl Open {
    fn take(&mut self, bytes: &[u8]) {
        match &mut self.head {
            Head::Done => self.bytes.extend_from_slice(bytes),
            Head::Wanted => {
                self.bytes.extend_from_slice(bytes);
                if self.bytes.len() > STAMP || memchr(b' ', &self.bytes).is_some() {
                    self.unstamp();
                }
            }
            Head::Again(held) => {
                held.extend_from_slice(bytes);
                if held.len() > STAMP || memchr(b' ', held).is_some() {
                    let length = stamp(held).map_or(0, |(_, length)| length);
                    self.bytes.extend_from_slice(&held[length..]);
                    self.head = Head::Done;
                }
            }
        }
    }

    fn unstamp(&mut self) {
        self.head = Head::Done;
        if let Some((at, length)) = stamp(&self.bytes) {
            self.at = Some(at);
            self.bytes.drain(..length);
        }
    }

    fn finish(&mut self, stream: Stream) -> LogLine {
        match std::mem::take(&mut self.head) {
            Head::Wanted => {
                self.unstamp();
                self.head = Head::Wanted;
            }
            Head::Done => {}
            Head::Again(held) => self.bytes.extend_from_slice(&held),
        }
        let mut text = std::mem::take(&mut self.bytes);
        // A terminal ends its lines with CR LF.
        if text.last() == Some(&b'\r') {
            text.pop();
        }
        LogLine {
            at: self.at.take(),
            stream,
            text: text.into_boxed_slice(),
        }
    }
}

/// `2006-01-02T15:04:05.000000000+00:00` and its space: no stamp is longer.
const STAMP: usize = 36;

/// The time stamp at the beginning of a message, and how long it is with the space after it.
fn stamp(bytes: &[u8]) -> Option<(Timestamp, usize)> {
    let end = memchr(b' ', bytes.get(..bytes.len().min(STAMP))?).unwrap_or(bytes.len());
    if !(20..STAMP).contains(&end) {
        return None;
    }
    let at = std::str::from_utf8(&bytes[..end]).ok()?.parse().ok()?;
    Some((at, (end + 1).min(bytes.len())))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// The lines that come of a stream when it arrives in chunks of that size.
    fn lines(tty: bool, bytes: &[u8], chunk: usize) -> Vec<(Stream, Option<String>, String)> {
        let (mut demux, mut lines, mut out) = (Demux::new(tty), Lines::default(), Vec::new());
        for chunk in bytes.chunks(chunk) {
            demux
                .feed(chunk, |stream, piece| lines.push(stream, piece, &mut out))
                .unwrap();
        }
        lines.flush(&mut out);
        out.into_iter()
            .map(|line| {
                let at = line.at.map(|at| at.to_string());
                (
                    line.stream,
                    at,
                    String::from_utf8_lossy(&line.text).into_owned(),
                )
            })
            .collect()
    }

    fn frame(kind: u8, text: &str) -> Vec<u8> {
        let length = u32::try_from(text.len()).unwrap().to_be_bytes();
        [&[kind, 0, 0, 0][..], &length, text.as_bytes()].concat()
    }

    #[test]
    fn frames_become_lines_however_they_are_cut() {
        let stream = [
            frame(1, "2026-11-21T10:00:00.000000001Z one\n"),
            frame(2, "2026-11-21T10:00:00.5Z two two\n"),
            frame(1, ""),
            frame(1, "2026-11-21T10:00:01Z \n"),
            frame(1, "2026-11-21T10:00:02.123456789+02:00 no end"),
        ]
        .concat();
        let at = |text: &str| Some(text.to_owned());
        let expected = vec![
            (
                Stream::Stdout,
                at("2026-11-21T10:00:00.000000001Z"),
                "one".to_owned(),
            ),
            (
                Stream::Stderr,
                at("2026-11-21T10:00:00.5Z"),
                "two two".to_owned(),
            ),
            (Stream::Stdout, at("2026-11-21T10:00:01Z"), String::new()),
            (
                Stream::Stdout,
                at("2026-11-21T08:00:02.123456789Z"),
                "no end".to_owned(),
            ),
        ];
        for chunk in 1..=stream.len() {
            assert_eq!(
                lines(false, &stream, chunk),
                expected,
                "in chunks of {chunk}"
            );
        }
    }

    #[test]
    fn a_long_line_in_several_messages_is_one_line() {
        let long = "x".repeat(16384);
        let stream = [
            frame(1, &format!("2026-11-21T10:00:00Z {long}")),
            frame(2, "2026-11-21T10:00:00Z between\n"),
            frame(1, &format!("2026-11-21T10:00:00.1Z {long}")),
            frame(1, "2026-11-21T10:00:00.2Z end\n"),
            frame(1, "2026-11-21T10:00:03Z next\n"),
        ]
        .concat();
        for chunk in [1, 7, 100, 40000] {
            let texts: Vec<String> = lines(false, &stream, chunk)
                .into_iter()
                .map(|line| line.2)
                .collect();
            assert_eq!(
                texts,
                [
                    "between".to_owned(),
                    format!("{long}{long}end"),
                    "next".to_owned()
                ]
            );
        }
    }

    #[test]
    fn a_terminal_has_no_frames_and_loses_no_byte() {
        let stream = b"2026-11-21T10:00:00Z \x01\x02rest\r\n\x01\0\0\0\0\0\0\x05hello\r\n$ ";
        for chunk in 1..stream.len() {
            let texts: Vec<String> = lines(true, stream, chunk)
                .into_iter()
                .map(|line| line.2)
                .collect();
            assert_eq!(
                texts,
                ["\u{1}\u{2}rest", "\u{1}\0\0\0\0\0\0\u{5}hello", "$ "]
            );
        }
    }

    #[test]
    fn lines_without_stamps_are_left_alone() {
        let stream = [frame(1, "plain words\n"), frame(1, "2026 is no stamp\n")].concat();
        let found: Vec<_> = lines(false, &stream, 5)
            .into_iter()
            .map(|line| (line.1, line.2))
            .collect();
        assert_eq!(
            found,
            [
                (None, "plain words".to_owned()),
                (None, "2026 is no stamp".to_owned())
            ]
        );
    }

    #[test]
    fn an_endless_line_is_given_in_parts() {
        let part = "y".repeat(LONGEST);
        let all = lines(
            true,
            format!("2026-11-21T10:00:00Z {part}{part}\n").as_bytes(),
            1 << 16,
        );
        assert!(all.len() > 1);
        assert_eq!(
            all.iter().map(|line| line.2.len()).sum::<usize>(),
            2 * LONGEST
        );
        assert!(all.iter().all(|line| line.1.is_some()));
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let mut demux = Demux::new(false);
        assert!(demux.feed(b"hello, world", |_, _| ()).is_err());
    }
}
