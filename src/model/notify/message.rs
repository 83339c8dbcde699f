//! A message: one notice, or several that waited, as a channel delivers them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Kind, Notice, Turn};
use crate::model::Timestamp;

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    /// It waits for its time or its next try.
    Waiting,
    /// The other side took it.
    Sent,
    /// It was given up.
    Failed,
}

impl DeliveryState {
    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }

    /// From its word.
    pub fn parse(word: &str) -> Option<Self> {
        let all = [Self::Waiting, Self::Sent, Self::Failed];
        all.into_iter().find(|one| one.word() == word)
    }
}

/// A notice on its way through a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Its number in the store.
    pub number: u64,
    /// The channel.
    pub channel: String,
    /// How far it is.
    pub state: DeliveryState,
    /// It waits for the end of a quiet time.
    pub held: bool,
    /// It stands for so many equal notices.
    pub count: u32,
    /// When it came.
    pub created: Timestamp,
    /// Not before then.
    pub due: Timestamp,
    /// How often it was tried.
    pub tries: u32,
    /// What tells the message that it went out with; empty before the first try.
    pub message: String,
    /// What the other side said last, or why the last try failed.
    pub told: String,
    /// When it was sent or given up.
    pub ended: Option<Timestamp>,
    /// What is told; of equal ones the newest.
    pub notice: Notice,
}

/// Where a notice goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    /// The channel.
    pub channel: String,
    /// It waits for the end of a quiet time.
    pub held_until: Option<Timestamp>,
    /// What is equal is told once in so many seconds.
    pub repeat: i64,
    /// Why it is given up at once, if so.
    pub given_up: Option<String>,
}

/// How a channel stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// So many deliveries wait.
    pub waiting: u64,
    /// So many were given up.
    pub failed: u64,
    /// When something was sent last, and what the other side said.
    pub sent: Option<(Timestamp, String)>,
    /// The error of what waits or was given up last.
    pub error: Option<String>,
    /// When the next one is due.
    pub due: Option<Timestamp>,
}

/// What a channel sends: one notice, or several that waited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Tells it from others; a repetition of the same message has the same.
    pub id: String,
    /// The channel.
    pub channel: String,
    /// The notices, oldest first, each with the number of equal ones that it stands for.
    pub notices: Vec<(Notice, u32)>,
}

impl Message {
    /// A message that tries a channel.
    pub fn test(channel: &str, id: String, by: &str, at: Timestamp) -> Self {
        let title = format!("this is a test of the channel {channel}");
        let notice = Notice::new(Kind::Test, Turn::Success, at, id.clone(), &title)
            .by(by)
            .saying("If you read this, the channel works.");
        Self {
            id,
            channel: channel.to_owned(),
            notices: vec![(notice, 1)],
        }
    }

    /// Which turn it took: the gravest of all that it tells.
    pub fn turn(&self) -> Turn {
        let has = |turn| self.notices.iter().any(|(notice, _)| notice.turn == turn);
        if has(Turn::Failure) {
            Turn::Failure
        } else if has(Turn::Asked) {
            Turn::Asked
        } else {
            Turn::Success
        }
    }

    /// The kind of what it tells; of several, that of the first.
    pub fn kind(&self) -> Kind {
        self.notices.first().map_or(Kind::Test, |(one, _)| one.kind)
    }

    /// How many notices it stands for.
    pub fn count(&self) -> u32 {
        self.notices.iter().map(|(_, count)| count).sum()
    }

    /// In a line.
    pub fn title(&self) -> String {
        match &self.notices[..] {
            [(one, 1)] => one.title.clone(),
            [(one, count)] => format!("{} ({count} times)", one.title),
            several => format!("{} notifications", several.len()),
        }
    }

    /// With all there is to say.
    pub fn text(&self) -> String {
        let several = self.notices.len() > 1;
        let mut text = String::new();
        for (notice, count) in &self.notices {
            let times = if *count > 1 {
                format!(" ({count} times)")
            } else {
                String::new()
            };
            let at = notice.at.strftime("%F %T UTC");
            text.extend([&notice.title, times.as_str(), "\n", &at.to_string()]);
            if !notice.environments.is_empty() {
                text.extend([", ", &notice.environments.join(", ")]);
            }
            if !notice.who.is_empty() {
                text.extend([", ", &notice.who]);
            }
            text.push('\n');
            if !notice.text.is_empty() {
                // Of many each has a few words.
                let shown: String = notice.text.chars().take(500).collect();
                let shown = if several { &shown } else { &notice.text };
                text.push_str(shown);
                text.push('\n');
            }
            if several {
                text.push('\n');
            }
        }
        text.trim_end().to_owned()
    }

    /// As programs read it.
    pub fn json(&self) -> Value {
        let notices: Vec<Value> = self
            .notices
            .iter()
            .map(|(notice, count)| {
                json!({
                    "kind": notice.kind, "outcome": notice.turn, "at": notice.at.to_string(),
                    "environments": notice.environments, "hosts": notice.hosts,
                    "title": notice.title, "who": notice.who, "text": notice.text, "count": count,
                })
            })
            .collect();
        json!({
            "id": self.id, "channel": self.channel, "title": self.title(), "text": self.text(),
            "kind": self.kind(), "outcome": self.turn(), "count": self.count(), "notices": notices,
        })
    }
}
