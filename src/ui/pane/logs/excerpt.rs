//! Lines taken out of the log view: copied, or saved into a file.

use std::path::PathBuf;

use super::{Logs, Times};
use crate::{
    logs::{Line, Shown},
    model::printable,
    ui::{nav::SaveArgs, pane::Reply},
};

impl Logs {
    /// The chosen lines, or that under the cursor, for the clipboard.
    pub(super) fn copied(&self) -> Reply {
        let Some(cursor) = self.cursor else {
            return Reply::Refuse("choose a line first: up stops at the last one".to_owned());
        };
        let anchor = self.anchor.unwrap_or(cursor);
        let (from, to) = (anchor.min(cursor), anchor.max(cursor));
        let first = self.book.shown_before(from);
        let count = self.book.shown_before(to + 1) - first;
        let lines = (first..first + count).filter_map(|at| self.book.line(self.book.nth(at)?));
        let text: Vec<String> = lines.map(|line| self.text_of(&line)).collect();
        Reply::CopyText(text.join("\n"), count)
    }

    fn text_of(&self, line: &Line<'_>) -> String {
        let text = printable(&String::from_utf8_lossy(line.text));
        if self.revealed {
            text
        } else {
            self.masks.apply(&text).into_owned()
        }
    }

    /// What is shown, or all that is held, for a file.
    pub(super) fn save(&self, args: &SaveArgs) -> Reply {
        if self.book.is_empty() {
            return Reply::Refuse("there is no line to save".to_owned());
        }
        let zone = match self.times {
            Times::Off | Times::Relative => None,
            Times::Local => Some(self.zone.clone()),
            Times::Utc => Some(jiff::tz::TimeZone::UTC),
        };
        let shown = Shown {
            all: args.all,
            names: self.sources.len() > 1,
            zone,
            masks: (!self.revealed).then(|| self.masks.clone()),
        };
        Reply::Save(
            PathBuf::from(&args.path),
            self.book.excerpt(shown),
            args.replace,
        )
    }
}
