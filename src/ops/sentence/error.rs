//! Why a line is no sentence, in one line and in full.

use std::fmt;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// A line that is no sentence, in clap's own words with its suggestion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    summary: String,
    full: String,
    is_help: bool,
}

impl ParseError {
    /// The reason in one line, with the suggestion if there is one.
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// Whether it is no error but the help that was asked for (`--help`).
    pub fn is_help(&self) -> bool {
        self.is_help
    }

    /// A quotation mark without its partner.
    pub(crate) fn quotes() -> Self {
        let summary = "a quotation mark is not closed".to_owned();
        Self {
            full: summary.clone(),
            summary,
            is_help: false,
        }
    }

    /// Takes over what clap says.
    pub(crate) fn from_clap(error: &clap::Error) -> Self {
        let full = error.to_string().trim_end().to_owned();
        let is_help = matches!(
            error.kind(),
            ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        );
        let mut summary = first_paragraph(&full);
        if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            "the sentence is not complete".clone_into(&mut summary);
        }
        if let Some(suggestion) = suggestion(error) {
            summary.push_str("; did you mean ");
            summary.push_str(&suggestion);
            summary.push('?');
        }
        Self {
            summary,
            full,
            is_help,
        }
    }
}

/// The lines up to the first empty one, in one line, without clap's `error: `.
fn first_paragraph(text: &str) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .collect();
    lines.join(" ")
}

/// What clap thinks was meant.
fn suggestion(error: &clap::Error) -> Option<String> {
    [
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedArg,
        ContextKind::SuggestedValue,
    ]
    .into_iter()
    .find_map(|kind| match error.get(kind) {
        Some(ContextValue::String(one)) => Some(one.clone()),
        // clap puts the best last.
        Some(ContextValue::Strings(several)) => several.last().cloned(),
        _ => None,
    })
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full)
    }
}

impl std::error::Error for ParseError {}
