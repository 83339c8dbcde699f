//! What can be said of notifications.

use clap::{Args, Subcommand};

use super::write::Words;

/// So many deliveries are shown.
const NEWEST: u32 = 20;

/// Sentences about notifications.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum NotifyCommand {
    /// List the channels of notifications: what they take, what waits, what was sent last, the last error
    List,
    /// Send a test message through a channel now, and tell what the other side said
    Test {
        /// The channel
        #[arg(value_name = "CHANNEL")]
        channel: String,
    },
    /// List notifications, newest first: whether each was sent, when, what the other side said
    History(HistoryArgs),
    /// Have notifications that failed tried again, and those tried now that wait for their next try
    Retry(RetryArgs),
}

/// Which notifications are listed.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct HistoryArgs {
    /// Only those of this channel
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<String>,
    /// Only those that were given up
    #[arg(long, conflicts_with = "waiting")]
    pub failed: bool,
    /// Only those that wait
    #[arg(long)]
    pub waiting: bool,
    /// How many
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = NEWEST)]
    pub number: u32,
}

/// Which notifications are tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct RetryArgs {
    /// Their numbers, as `notify history` tells them; all without any
    #[arg(value_name = "NUMBER")]
    pub numbers: Vec<u64>,
    /// Only those of this channel
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<String>,
}

impl NotifyCommand {
    /// Whether something goes out because of it. Nothing of the fleet is changed, but a program that is to be read-only
    /// does not say it.
    pub fn sends(&self) -> bool {
        match self {
            Self::List | Self::History(_) => false,
            Self::Test { .. } | Self::Retry(_) => true,
        }
    }

    /// The words that name it.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::List => "notify list",
            Self::Test { .. } => "notify test",
            Self::History(_) => "notify history",
            Self::Retry(_) => "notify retry",
        }
    }

    /// Writes what comes after the words that name it.
    pub(super) fn write(&self, words: &mut Words) {
        match self {
            Self::List => {}
            Self::Test { channel } => {
                words.add(channel);
            }
            Self::History(args) => {
                words.option("--channel", args.channel.as_ref());
                words.flag("--failed", args.failed);
                words.flag("--waiting", args.waiting);
                words.option("--number", (args.number != NEWEST).then_some(args.number));
            }
            Self::Retry(args) => {
                words.0.extend(args.numbers.iter().map(ToString::to_string));
                words.option("--channel", args.channel.as_ref());
            }
        }
    }
}
