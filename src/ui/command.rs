//! A command: what a key or a line of the palette means, parsed once.

use clap::{Parser, Subcommand};

use super::nav::Nav;
use crate::ops::{ParseError, Sentence};

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

impl Command {
    /// Reads one line. Moves come first, so that `up` needs no noun; what is no move is a sentence.
    pub fn parse(line: &str) -> Result<Self, ParseError> {
        let first = line.split_whitespace().next().unwrap_or("");
        if Self::navs().iter().any(|(word, _)| *word == first) {
            let words = shlex::split(line).ok_or_else(ParseError::quotes)?;
            let parsed =
                NavLine::try_parse_from(words).map_err(|error| ParseError::from_clap(&error))?;
            return Ok(Self::Nav(parsed.nav));
        }
        Sentence::parse(line).map(|sentence| Self::Op(Box::new(sentence)))
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
        if let Some(sentence) = line.strip_prefix("palette ") {
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
