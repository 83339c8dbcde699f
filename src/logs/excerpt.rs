//! Lines taken out of a book to be written somewhere else, while the book goes on.

use std::io::{self, Write};

use jiff::tz::TimeZone;

use super::{Book, Masks};
use crate::model::moment;

/// Which lines are taken, and how they are written.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// All that are held, not only those that are shown.
    pub all: bool,
    /// With the name of each line's container.
    pub names: bool,
    /// With times, as clocks there show them.
    pub zone: Option<TimeZone>,
    /// With secrets masked.
    pub masks: Option<Masks>,
}

/// Lines that were taken out.
#[derive(Clone, Debug, PartialEq)]
pub struct Excerpt {
    bytes: Vec<u8>,
    lines: Vec<Taken>,
    names: Vec<String>,
    shown: Shown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Taken {
    at: Option<i64>,
    source: u16,
    end: usize,
}

impl Book {
    /// Takes lines out. They are copied; writing them can wait.
    pub fn excerpt(&self, shown: Shown) -> Excerpt {
        let mut excerpt = Excerpt {
            bytes: Vec::new(),
            lines: Vec::new(),
            names: self.names().to_vec(),
            shown,
        };
        if excerpt.shown.all {
            (self.first()..self.end()).for_each(|number| excerpt.take(self, number));
        } else {
            self.each_shown(|number| excerpt.take(self, number));
        }
        excerpt
    }
}

impl Excerpt {
    fn take(&mut self, book: &Book, number: i64) {
        if let Some(line) = book.line(number) {
            self.bytes.extend_from_slice(line.text);
            self.lines.push(Taken {
                at: line.at,
                source: line.source,
                end: self.bytes.len(),
            });
        }
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Writes the lines, each with a line feed.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut start = 0;
        for line in &self.lines {
            let text = &self.bytes[start..line.end];
            start = line.end;
            if let (Some(zone), Some(at)) = (&self.shown.zone, line.at) {
                let at = moment(at).to_zoned(zone.clone());
                write!(out, "{} ", at.strftime("%Y-%m-%dT%H:%M:%S%.9f%:z"))?;
            }
            if let (true, Some(name)) = (self.shown.names, self.names.get(usize::from(line.source)))
            {
                write!(out, "{name} | ")?;
            }
            match &self.shown.masks {
                Some(masks) => {
                    out.write_all(masks.apply(&String::from_utf8_lossy(text)).as_bytes())?;
                }
                None => out.write_all(text)?,
            }
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}
