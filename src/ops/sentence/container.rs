//! What can be said of containers.

use std::{fmt, path::PathBuf, str::FromStr};

use clap::{Args, Subcommand};

use super::{ListArgs, Why};
use crate::ops::target::{ContainerPattern, PatternError};

/// Sentences about containers.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum ContainerCommand {
    /// List the containers of all hosts
    List(ListArgs),
    /// Show the facts of containers
    Show(ShowArgs),
    /// Start containers
    Start(Targets),
    /// Stop containers: ask their main process to end, kill it after the grace
    Stop {
        /// Which ones.
        #[command(flatten)]
        targets: Targets,
        /// How long to wait.
        #[command(flatten)]
        grace: Grace,
    },
    /// Stop containers, then start them again
    Restart {
        /// Which ones.
        #[command(flatten)]
        targets: Targets,
        /// How long to wait.
        #[command(flatten)]
        grace: Grace,
    },
    /// Freeze all processes of containers
    Pause(Targets),
    /// Let frozen containers go on
    Unpause(Targets),
    /// Send a signal to the main process of containers
    Kill(KillArgs),
    /// Remove containers with their writable layer
    Remove(RemoveArgs),
    /// Give a container another name
    #[command(allow_missing_positional = true)]
    Rename {
        /// The container, `web@ams-1`; without it, the selected one
        #[arg(value_name = "TARGET")]
        target: Option<ContainerPattern>,
        /// Its new name
        #[arg(value_name = "NEW")]
        name: ContainerName,
        /// Why it is done.
        #[command(flatten)]
        why: Why,
    },
    /// Run a command in a container, or the best shell it has; takes the terminal
    Exec(ExecArgs),
    /// Copy files into containers or out of one
    Copy {
        /// From: a path of this machine, or `web@ams-1:/path`; `:/path` in the selected container
        #[arg(value_name = "SOURCE")]
        from: CopySide,
        /// To: a path of this machine, or `web@ams-1:/path`; `:/path` in the selected containers
        #[arg(value_name = "DESTINATION")]
        to: CopySide,
        /// Why it is done.
        #[command(flatten)]
        why: Why,
    },
    /// Show the processes of a container
    Top {
        /// The container, `web@ams-1`; without it, the selected one
        #[arg(value_name = "TARGET")]
        target: Option<ContainerPattern>,
    },
    /// Show which files a container added, changed or deleted
    Changes {
        /// The container, `web@ams-1`; without it, the selected one
        #[arg(value_name = "TARGET")]
        target: Option<ContainerPattern>,
    },
}

/// Containers to act on, and why.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct Targets {
    /// The containers, `web@ams-1`; without them, those that are selected
    #[arg(value_name = "TARGET")]
    pub targets: Vec<ContainerPattern>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// How long a container may take to end by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Args)]
pub struct Grace {
    /// Seconds to wait before it is killed; by default as the container is set up
    #[arg(long, value_name = "SECONDS")]
    pub grace: Option<u32>,
}

/// What is shown of containers.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct ShowArgs {
    /// The containers, `web@ams-1`; without them, those that are selected
    #[arg(value_name = "TARGET")]
    pub targets: Vec<ContainerPattern>,
    /// Show the values of secrets too; this is recorded in the log of acts
    #[arg(long)]
    pub reveal: bool,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Whom to send which signal.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct KillArgs {
    /// Which ones.
    #[command(flatten)]
    pub targets: Targets,
    /// The signal's name or number
    #[arg(long, short, default_value = "KILL", value_name = "SIGNAL")]
    pub signal: Signal,
}

/// What is removed.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct RemoveArgs {
    /// Which ones.
    #[command(flatten)]
    pub targets: Targets,
    /// Kill them first if they run
    #[arg(long, short)]
    pub force: bool,
    /// Their anonymous volumes too
    #[arg(long, short)]
    pub volumes: bool,
}

/// What is run where.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct ExecArgs {
    /// The container, `web@ams-1`; without it, the selected one
    #[arg(value_name = "TARGET")]
    pub target: Option<ContainerPattern>,
    /// The command with its arguments, after `--`; the best shell there is without it
    #[arg(value_name = "COMMAND", last = true)]
    pub command: Vec<String>,
    /// As which user; the container's own by default
    #[arg(long, short, value_name = "USER")]
    pub user: Option<String>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// A signal as Docker takes it: a name without `SIG`, or a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal(String);

impl Signal {
    /// The names that are offered; Docker knows them all on Linux.
    pub const NAMES: [&'static str; 14] = [
        "KILL", "TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "ABRT", "STOP", "CONT", "WINCH",
        "ALRM", "PIPE", "TSTP",
    ];

    /// Its name or number.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is no signal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no signal; write a name such as HUP or TERM, or a number from 1 to 64")]
pub struct SignalError(String);

impl FromStr for Signal {
    type Err = SignalError;

    fn from_str(text: &str) -> Result<Self, SignalError> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let is_number = matches!(name.parse::<u8>(), Ok(1..=64));
        if is_number || Self::NAMES.contains(&name) || name.starts_with("RTM") {
            Ok(Self(name.to_owned()))
        } else {
            Err(SignalError(text.to_owned()))
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name that Docker accepts for a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerName(String);

impl ContainerName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that Docker refuses as a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no name for a container; it begins with a letter or digit, then at least one letter, digit, '_', '.' or '-'"
)]
pub struct NameError(String);

impl FromStr for ContainerName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let mut chars = text.chars();
        let first = chars.next().is_some_and(|c| c.is_ascii_alphanumeric());
        let rest = chars.as_str();
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        if first && !rest.is_empty() && rest.chars().all(fine) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError(text.to_owned()))
        }
    }
}

/// One side of a copy.
#[derive(Clone, Debug, PartialEq)]
pub enum CopySide {
    /// A path of this machine.
    Local(PathBuf),
    /// A path in containers.
    Inside {
        /// The containers; none for the selected ones.
        targets: Vec<ContainerPattern>,
        /// The absolute path in them.
        path: String,
    },
}

impl FromStr for CopySide {
    type Err = PatternError;

    /// What stands before a `:/` and holds no `/` itself names containers, with commas between;
    /// anything else is a path of this machine (write `./a:/b` for such a path).
    fn from_str(text: &str) -> Result<Self, PatternError> {
        match text.split_once(":/") {
            Some((target, path)) if !target.contains('/') => Ok(Self::Inside {
                targets: match target {
                    "" => Vec::new(),
                    named => named.split(',').map(str::parse).collect::<Result<_, _>>()?,
                },
                path: format!("/{path}"),
            }),
            _ => Ok(Self::Local(PathBuf::from(text))),
        }
    }
}

impl ContainerCommand {
    /// Why it is done, where that can be said.
    pub(super) fn why(&self) -> Option<&Why> {
        match self {
            Self::Show(ShowArgs { why, .. })
            | Self::Start(Targets { why, .. })
            | Self::Pause(Targets { why, .. })
            | Self::Unpause(Targets { why, .. })
            | Self::Stop {
                targets: Targets { why, .. },
                ..
            }
            | Self::Restart {
                targets: Targets { why, .. },
                ..
            }
            | Self::Kill(KillArgs {
                targets: Targets { why, .. },
                ..
            })
            | Self::Remove(RemoveArgs {
                targets: Targets { why, .. },
                ..
            })
            | Self::Rename { why, .. }
            | Self::Exec(ExecArgs { why, .. })
            | Self::Copy { why, .. } => Some(why),
            Self::List(_) | Self::Top { .. } | Self::Changes { .. } => None,
        }
    }
}
