//! A command: what a key or a line of the palette means, parsed once.

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use super::nav::Nav;
use crate::ops::{self, ParseError, Sentence};

/// A move about the console, or a sentence about the fleet.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Changes the view only.
    Nav(Nav),
    /// Is about the fleet.
    Op(Box<Sentence>),
}

#[derive(Debug, Parser)]
#[command(
    name = "",
    no_binary_name = true,
    disable_help_flag = true,
    disable_help_subcommand = true
)]
struct NavLine {
    #[command(subcommand)]
    nav: Nav,
}

/// Reads lines. What is known of moves and sentences costs far more than a line: who reads many keeps one of these.
pub struct Reader {
    moves: clap::Command,
    sentences: ops::Reader,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            moves: NavLine::command(),
            sentences: ops::Reader::default(),
        }
    }
}

impl Reader {
    /// Reads one line. Moves come first, so that `up` needs no noun; what is no move is a sentence.
    pub fn read(&mut self, line: &str) -> Result<Command, ParseError> {
        let first = line.split_whitespace().next().unwrap_or("");
        if self.moves.find_subcommand(first).is_none() {
            let sentence = self.sentences.read(line)?;
            return Ok(Command::Op(Box::new(sentence)));
        }
        let words = shlex::split(line).ok_or_else(ParseError::quotes)?;
        self.moves
            .try_get_matches_from_mut(words)
            .and_then(|matches| NavLine::from_arg_matches(&matches))
            .map(|line| Command::Nav(line.nav))
            .map_err(|error| ParseError::from_clap(&error.format(&mut self.moves)))
    }
}

/// The sentence that a move is about: one that is finished in the palette, or with what is under the cursor.
pub fn begun(line: &str) -> Option<&str> {
    let said = line.strip_prefix("palette ");
    said.or_else(|| line.strip_prefix("say "))
}

impl Command {
    /// Reads one line, as [`Reader::read`].
    pub fn parse(line: &str) -> Result<Self, ParseError> {
        Reader::default().read(line)
    }

    /// Every move with its sentence of help.
    pub fn navs() -> Vec<(String, String)> {
        Nav::augment_subcommands(clap::Command::new(""))
            .get_subcommands()
            .map(|one| {
                let about = one.get_about().map(ToString::to_string).unwrap_or_default();
                (one.get_name().to_owned(), about)
            })
            .collect()
    }

    /// The sentence of help for it.
    pub fn about(line: &str) -> String {
        let first = line.split_whitespace().next().unwrap_or("");
        // What is to be finished in the palette is about its sentence.
        if let Some(sentence) = begun(line) {
            return Self::about(sentence);
        }
        if let Some((_, about)) = Self::navs().into_iter().find(|(word, _)| word == first) {
            return about;
        }
        Sentence::catalogue()
            .iter()
            .filter(|entry| line == entry.words || line.starts_with(&format!("{} ", entry.words)))
            .max_by_key(|entry| entry.words.len())
            .map(|entry| entry.about.clone())
            .unwrap_or_default()
    }
}
