//! A channel: where notifications go, which of them, and when.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use super::{Kind, Notice, Places, Turn};
use crate::model::{
    Timestamp,
    freeze::{Freeze, frozen},
};

/// Where a secret is: never itself in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// In a file that nobody else may read.
    File(PathBuf),
    /// In a variable.
    Variable(String),
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Variable(name) => write!(f, "env:{name}"),
        }
    }
}

/// The value of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderText {
    /// As it stands.
    Plain(String),
    /// A secret.
    Secret(SecretRef),
}

/// A POST of JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookWay {
    /// To where; a secret where the address itself lets in.
    pub url: HeaderText,
    /// With these headers beside.
    pub headers: Vec<(String, HeaderText)>,
    /// The body is signed with this: HMAC-SHA256 in `X-Wharf-Signature`.
    pub sign: Option<SecretRef>,
    /// Who signed the server's certificate, beside the authorities of this machine.
    pub ca: Option<PathBuf>,
}

/// How the way to a mail server is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SmtpTls {
    /// After the server was greeted; nothing is sent when it cannot.
    #[default]
    StartTls,
    /// From the beginning.
    Implicit,
    /// Not at all.
    None,
}

/// A mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpWay {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way is encrypted.
    pub tls: SmtpTls,
    /// Who signed the server's certificate, beside the authorities of this machine.
    pub ca: Option<PathBuf>,
    /// Who we are to it, with the password.
    pub login: Option<(String, SecretRef)>,
    /// The sender.
    pub from: String,
    /// The receivers.
    pub to: Vec<String>,
}

/// Where a system log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyslogTo {
    /// A datagram each.
    Udp(String, u16),
    /// A connection.
    Tcp(String, u16),
    /// A socket of this machine.
    Unix(PathBuf),
}

/// A line of a system log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogWay {
    /// Where.
    pub to: SyslogTo,
    /// The facility by its number.
    pub facility: u8,
}

/// A program of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandWay {
    /// It, and its arguments.
    pub argv: Vec<String>,
}

/// A message on a bus, NATS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsWay {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// By TLS; also when the server asks for it.
    pub tls: bool,
    /// Who signed the server's certificate, beside the authorities of this machine.
    pub ca: Option<PathBuf>,
    /// The subject that it is published to.
    pub subject: String,
    /// Who we are to it, with the password.
    pub login: Option<(String, SecretRef)>,
    /// A token instead.
    pub token: Option<SecretRef>,
}

/// How a channel reaches people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// A POST of JSON.
    Webhook(WebhookWay),
    /// A mail.
    Smtp(SmtpWay),
    /// A line of a system log.
    Syslog(SyslogWay),
    /// A program of this machine.
    Command(CommandWay),
    /// A message on a bus.
    Nats(NatsWay),
}

impl Way {
    /// In one word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Smtp(_) => "smtp",
            Self::Syslog(_) => "syslog",
            Self::Command(_) => "command",
            Self::Nats(_) => "nats",
        }
    }
}

/// Where it leads, as far as that is no secret.
impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Webhook(webhook) => match &webhook.url {
                // What comes after the host may be what lets in.
                HeaderText::Plain(url) => {
                    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
                    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
                    let host = host.rsplit('@').next().unwrap_or_default();
                    write!(f, "{scheme}://{host}")
                }
                HeaderText::Secret(secret) => write!(f, "{secret}"),
            },
            Self::Smtp(smtp) => write!(f, "{} by {}:{}", smtp.to.join(", "), smtp.host, smtp.port),
            Self::Syslog(syslog) => match &syslog.to {
                SyslogTo::Udp(host, port) => write!(f, "udp://{host}:{port}"),
                SyslogTo::Tcp(host, port) => write!(f, "tcp://{host}:{port}"),
                SyslogTo::Unix(path) => write!(f, "{}", path.display()),
            },
            Self::Command(command) => f.write_str(command.argv.first().map_or("", String::as_str)),
            Self::Nats(nats) => write!(f, "{} on {}:{}", nats.subject, nats.host, nats.port),
        }
    }
}

/// Which notices a channel takes; an empty list takes all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Of these kinds.
    pub kinds: Vec<Kind>,
    /// That took these turns.
    pub turns: Vec<Turn>,
    /// About these environments.
    pub environments: Vec<String>,
    /// About these hosts: names with wildcards, or `group:NAME`.
    pub hosts: Vec<String>,
}

impl Rule {
    /// Whether it takes a notice.
    pub fn takes(&self, notice: &Notice, places: Places<'_>) -> bool {
        let fits_host = |pattern: &String| match pattern.strip_prefix("group:") {
            Some(group) => places
                .of(notice)
                .any(|spec| spec.groups.iter().any(|one| like(group, one))),
            None => notice.hosts.iter().any(|host| like(pattern, host)),
        };
        let fits_environment = |one: &String| notice.environments.iter().any(|of| like(one, of));
        (self.kinds.is_empty() || self.kinds.contains(&notice.kind))
            && (self.turns.is_empty() || self.turns.contains(&notice.turn))
            && (self.environments.is_empty() || self.environments.iter().any(fits_environment))
            && (self.hosts.is_empty() || self.hosts.iter().any(fits_host))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<&str> = self.kinds.iter().map(|kind| kind.word()).collect();
        let turns: Vec<&str> = self.turns.iter().map(|turn| turn.word()).collect();
        let mut parts = Vec::new();
        for (name, values) in [
            ("", kinds.join(",")),
            ("", turns.join(",")),
            ("env ", self.environments.join(",")),
            ("hosts ", self.hosts.join(",")),
        ] {
            if !values.is_empty() {
                parts.push(format!("{name}{values}"));
            }
        }
        if parts.is_empty() {
            return f.write_str("all");
        }
        f.write_str(&parts.join("; "))
    }
}

/// Whether a text is as a pattern with `*` says.
fn like(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(head) else {
        return false;
    };
    (0..=text.len())
        .filter(|at| text.is_char_boundary(*at))
        .any(|at| like(rest, &text[at..]))
}

/// A channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// What it is called.
    pub name: Arc<str>,
    /// How it reaches people.
    pub way: Way,
    /// What it takes.
    pub rule: Rule,
    /// Times in which what is not urgent waits.
    pub quiet: Vec<Freeze>,
    /// What took these turns is urgent.
    pub urgent: Vec<Turn>,
    /// What is equal is told once in so long, with a count.
    pub repeat: Duration,
    /// What could not be delivered in so long is given up.
    pub give_up: Duration,
    /// So long one try may take.
    pub timeout: Duration,
    /// A host is lost when it could not be reached for so long.
    pub lost_after: Duration,
}

impl Channel {
    /// Whether a notice is for it.
    pub fn takes(&self, notice: &Notice, places: Places<'_>) -> bool {
        match &notice.to {
            Some(to) => **to == *self.name,
            None => self.rule.takes(notice, places),
        }
    }

    /// Until when a notice has to wait, if it has to.
    pub fn quiet_until(&self, notice: &Notice, now: Timestamp) -> Option<Timestamp> {
        if self.urgent.contains(&notice.turn) {
            return None;
        }
        frozen(&self.quiet, now)?.until
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::model::{Endpoint, HostName, HostSpec, notify::host_notice};

    #[test]
    fn patterns_have_wildcards() {
        for (pattern, text, fits) in [
            ("ams-*", "ams-1", true),
            ("ams-*", "fra-1", false),
            ("*-1", "ams-1", true),
            ("a*s-*1", "ams-1", true),
            ("ams-1", "ams-11", false),
            ("*", "", true),
        ] {
            assert_eq!(like(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn a_rule_takes_what_all_its_lists_take() {
        let mut spec = HostSpec::new("ams-1", Endpoint::Unix("/run/d.sock".into()), "test");
        spec.environment = Some("prod".into());
        spec.groups = vec!["edge".into()];
        let specs = [spec];
        let places = Places(&specs);
        let lost = host_notice(
            &HostName::new("ams-1"),
            Some("no route"),
            Timestamp::UNIX_EPOCH,
            places,
        );
        assert_eq!(lost.environments, ["prod"]);
        let rule = |kinds: &[Kind], turns: &[Turn], environment: &str, host: &str| {
            let list = |text: &str| match text {
                "" => Vec::new(),
                text => vec![text.to_owned()],
            };
            let rule = Rule {
                kinds: kinds.to_vec(),
                turns: turns.to_vec(),
                environments: list(environment),
                hosts: list(host),
            };
            rule.takes(&lost, places)
        };
        assert!(rule(&[], &[], "", ""));
        assert!(rule(&[Kind::Host], &[Turn::Failure], "pr*", "group:edge"));
        assert!(!rule(&[Kind::Run], &[], "", ""));
        assert!(!rule(&[], &[Turn::Success], "", ""));
        assert!(!rule(&[], &[], "dev", ""));
        assert!(!rule(&[], &[], "", "group:web"));
        assert!(rule(&[], &[], "", "ams-*"));
    }

    #[test]
    fn what_leads_to_a_webhook_shows_no_secret() {
        let way = Way::Webhook(WebhookWay {
            url: HeaderText::Plain("https://ann:pw@chat.example/hooks/T0K3N".into()),
            headers: Vec::new(),
            sign: None,
            ca: None,
        });
        assert_eq!(way.to_string(), "https://chat.example");
    }

    #[test]
    fn quiet_times_hold_what_is_not_urgent() {
        let freeze = Freeze::try_from(crate::model::freeze::WrittenFreeze {
            days: Some("mon-sun".into()),
            from: Some("18:00".into()),
            to: Some("07:00".into()),
            ..Default::default()
        })
        .unwrap();
        let channel = Channel {
            name: "a".into(),
            way: Way::Command(CommandWay { argv: Vec::new() }),
            rule: Rule::default(),
            quiet: vec![freeze],
            urgent: vec![Turn::Failure],
            repeat: Duration::ZERO,
            give_up: Duration::ZERO,
            timeout: Duration::ZERO,
            lost_after: Duration::ZERO,
        };
        let name = HostName::new("ams-1");
        let night: Timestamp = "2026-11-23T22:00:00Z".parse().unwrap();
        let back = host_notice(&name, None, night, Places(&[]));
        let lost = host_notice(&name, Some("gone"), night, Places(&[]));
        let until = channel.quiet_until(&back, night).unwrap();
        assert_eq!(until.to_string(), "2026-11-24T07:00:00Z");
        assert_eq!(channel.quiet_until(&lost, night), None);
        let noon: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        assert_eq!(channel.quiet_until(&back, noon), None);
    }
}
