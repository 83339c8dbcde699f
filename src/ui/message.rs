//! Messages to the operator: shown for a while at the bottom, kept in a list.

use ratatui::style::Style;

use super::theme::Theme;
use crate::model::Timestamp;

/// How serious a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something went as it should.
    Info,
    /// Something needs a look.
    Warning,
    /// Something failed.
    Error,
}

impl Level {
    /// Its word: a state is never told by colour alone.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// Its style.
    pub fn style(self, theme: &Theme) -> Style {
        match self {
            Self::Info => theme.good,
            Self::Warning => theme.warn,
            Self::Error => theme.bad,
        }
    }

    /// How long it stays at the bottom, in seconds: errors stay long enough to be read twice.
    pub fn seconds(self) -> i64 {
        match self {
            Self::Info => 5,
            Self::Warning => 8,
            Self::Error => 15,
        }
    }
}

/// Something said to the operator.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// When.
    pub at: Timestamp,
    /// How serious.
    pub level: Level,
    /// What.
    pub text: String,
}
