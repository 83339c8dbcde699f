//! Where answers go: standard output as it is, terminal or not.

use std::{
    borrow::Cow,
    io::{self, BufWriter, IsTerminal as _, StdoutLock, Write as _},
};

use serde::Serialize;

use super::args::{Options, Output};
use crate::{
    config::{Colors, Env, Terminal},
    ops::column::Tone,
};

/// What tables have to know of where they go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Screen {
    /// The terminal's width in cells; none when it is no terminal.
    pub width: Option<usize>,
    /// Whether colours are wanted.
    pub color: bool,
    /// Only ASCII may be written.
    pub ascii: bool,
    /// Whether tables have a first line.
    pub header: bool,
}

impl Screen {
    /// The standard output of this process.
    pub fn of_process(options: &Options, env: &Env) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let terminal = Terminal::of(env);
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok();
        let width = size
            .map(|size| usize::from(size.ws_col))
            .filter(|width| *width > 0);
        Self {
            width: if is_terminal { width } else { None },
            color: is_terminal && terminal.colors != Colors::None,
            ascii: is_terminal && !terminal.utf8,
            header: !options.no_header,
        }
    }

    /// A file.
    #[cfg(test)]
    pub fn plain() -> Self {
        Self {
            width: None,
            color: false,
            ascii: false,
            header: true,
        }
    }

    /// The text in the colour of its tone, if colours are wanted.
    pub fn paint<'t>(&self, text: &'t str, tone: Tone) -> Cow<'t, str> {
        let code = match tone {
            Tone::Plain => return Cow::Borrowed(text),
            Tone::Faint => "2",
            Tone::Good => "32",
            Tone::Warn => "33",
            Tone::Bad => "31",
            Tone::Busy => "36",
            Tone::Accent => "1",
        };
        if self.color && !text.is_empty() {
            Cow::Owned(format!("\x1b[{code}m{text}\x1b[0m"))
        } else {
            Cow::Borrowed(text)
        }
    }
}

/// Standard output, written in large pieces.
pub(super) struct Out(BufWriter<StdoutLock<'static>>);

impl Out {
    /// Takes standard output until dropped.
    pub fn take() -> Self {
        Self(BufWriter::new(io::stdout().lock()))
    }

    /// Writes lines.
    pub fn lines<T: AsRef<str>>(&mut self, lines: impl IntoIterator<Item = T>) -> io::Result<()> {
        for line in lines {
            self.0.write_all(line.as_ref().as_bytes())?;
            self.0.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Writes bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Writes a value as JSON that people can read too.
    pub fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut self.0, value)?;
        self.0.write_all(b"\n")
    }

    /// Writes values as an array of JSON that people can read too.
    pub fn array<T: Serialize>(&mut self, values: impl Iterator<Item = T>) -> io::Result<()> {
        self.json(&values.collect::<Vec<_>>())
    }

    /// Passes on what was written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Output {
    /// Whether machines read it.
    pub fn is_json(self) -> bool {
        match self {
            Self::Json => true,
            Self::Table | Self::Wide | Self::Name => false,
        }
    }
}
