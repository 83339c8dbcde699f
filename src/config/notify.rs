//! `[[notify]]`: the channels that notifications go to, which of them, and when.

use std::{path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use super::document::Section;
use crate::model::{
    balancer::is_name,
    freeze::{Freeze, WrittenFreeze},
    notify::{
        Channel, CommandWay, HeaderText, NatsWay, Rule, SecretRef, SmtpTls, SmtpWay, SyslogTo,
        SyslogWay, Turn, Way, WebhookWay,
    },
};

const UNTIL: &str = "until then nothing is sent to it";

/// The facilities of system logs, by their numbers.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "security", "console", "clock", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];

/// Reads one, and adds it to those that are known. `path` makes paths absolute.
pub(super) fn read(
    section: &mut Section<'_, '_>,
    path: &dyn Fn(&str) -> PathBuf,
    known: &mut Vec<Channel>,
) {
    let name = section.text("name");
    if let Some(name) = &name {
        section.rename(format!("[[notify]] {name}"));
    }
    let way = way(section, path);
    let rule = Rule {
        kinds: parsed(section, "kinds"),
        turns: parsed(section, "outcomes"),
        environments: section.texts("environments"),
        hosts: section.texts("hosts"),
    };
    let urgent = if section.item("urgent").is_some() {
        parsed(section, "urgent")
    } else {
        vec![Turn::Failure]
    };
    let mut quiet = Vec::new();
    section.tables("quiet", |section| quiet.extend(quiet_time(section)));
    let mut time = |key, usual| section.duration(key).unwrap_or(usual);
    let repeat = time("repeat", Duration::from_mins(5));
    let give_up = time("give_up", Duration::from_hours(24));
    let timeout = time("timeout", Duration::from_secs(20));
    let lost_after = time("lost_after", Duration::from_mins(1));
    let Some(name) = name.filter(|name| is_name(name)) else {
        let remedy = format!("write name = \"pay-ops\"; {UNTIL}");
        return section.complain("needs a name of letters, digits and -_.:", remedy);
    };
    if known.iter().any(|one| *one.name == *name) {
        let remedy = "give it another name; only the first counts";
        return section.complain("is there twice", remedy);
    }
    let Some(way) = way else { return };
    known.push(Channel {
        name: Arc::from(name),
        way,
        rule,
        quiet,
        urgent,
        repeat,
        give_up,
        timeout,
        lost_after,
    });
}

/// A list of words. What is not understood is told; what was to be kept out comes then, and nothing is lost.
fn parsed<T: FromStr<Err = String>>(section: &mut Section<'_, '_>, key: &'static str) -> Vec<T> {
    let mut all = Vec::new();
    for text in section.texts(key) {
        match text.parse() {
            Ok(one) => all.push(one),
            Err(why) => section.complain_of(key, "is not understood", why),
        }
    }
    all
}

/// One quiet time. What is not understood holds back nothing.
fn quiet_time(section: &mut Section<'_, '_>) -> Option<Freeze> {
    let written = WrittenFreeze {
        days: section.text("days"),
        from: section.text("from"),
        to: section.text("to"),
        zone: section.text("zone"),
        reason: section.text("reason").unwrap_or_default(),
    };
    let read = Freeze::try_from(written);
    if let Err(why) = &read {
        let remedy = "until it is mended nothing waits because of it";
        section.complain(&format!("is not understood: {why}"), remedy);
    }
    read.ok()
}

/// The one way that it says.
fn way(section: &mut Section<'_, '_>, path: &dyn Fn(&str) -> PathBuf) -> Option<Way> {
    let webhook = section.text("webhook");
    let smtp = section.text("smtp");
    let syslog = section.text("syslog");
    let command = section.texts("command");
    let nats = section.text("nats");
    let ca = section.text("ca").map(|text| path(&text));
    let login = login(section, path);
    let token = secret_of(section, "token", path);
    let sign = secret_of(section, "sign", path);
    let headers = headers(section, path);
    let (tls, from) = (section.text("tls"), section.text("from"));
    let (to, facility) = (section.texts("to"), section.text("facility"));
    let subject = section.text("subject");
    let said = [
        webhook.is_some(),
        smtp.is_some(),
        syslog.is_some(),
        !command.is_empty(),
        nats.is_some(),
    ];
    if said.into_iter().filter(|is_said| *is_said).count() != 1 {
        let remedy = format!("write one of webhook, smtp, syslog, command, nats; {UNTIL}");
        section.complain("needs exactly one way", remedy);
        return None;
    }
    if let Some(url) = webhook {
        let url = value(&url, path);
        if let HeaderText::Plain(text) = &url
            && !text.starts_with("https://")
            && !text.starts_with("http://")
        {
            let remedy = format!("write https://…, or env:NAME or file:PATH; {UNTIL}");
            section.complain_of("webhook", "is no address", remedy);
            return None;
        }
        let headers = headers?;
        return Some(Way::Webhook(WebhookWay {
            url,
            headers,
            sign: sign.ok()?,
            ca,
        }));
    }
    if let Some(text) = smtp {
        return mail(section, &text, tls, from, to, ca, login.ok()?);
    }
    if let Some(text) = syslog {
        return system_log(section, &text, facility.as_deref(), path);
    }
    if let Some(text) = nats {
        let (tls, rest) = match text.split_once("://") {
            Some(("tls", rest)) => (true, rest),
            Some(("nats", rest)) => (false, rest),
            _ => (false, text.as_str()),
        };
        let Some((host, port)) = host_port(rest, 4222) else {
            let remedy = format!("write nats://host:4222 or tls://host:4222; {UNTIL}");
            section.complain_of("nats", "is no address", remedy);
            return None;
        };
        let subject = subject.unwrap_or_else(|| "wharf.notices".to_owned());
        if subject.is_empty() || subject.contains(|c: char| c.is_whitespace() || c.is_control()) {
            let remedy = format!("write subject = \"wharf.notices\"; {UNTIL}");
            section.complain_of("subject", "is no subject", remedy);
            return None;
        }
        return Some(Way::Nats(NatsWay {
            host,
            port,
            tls,
            ca,
            subject,
            login: login.ok()?,
            token: token.ok()?,
        }));
    }
    Some(Way::Command(CommandWay { argv: command }))
}

fn mail(
    section: &mut Section<'_, '_>,
    text: &str,
    tls: Option<String>,
    from: Option<String>,
    to: Vec<String>,
    ca: Option<PathBuf>,
    login: Option<(String, SecretRef)>,
) -> Option<Way> {
    let tls = match tls.as_deref() {
        None | Some("starttls") => SmtpTls::StartTls,
        Some("implicit") => SmtpTls::Implicit,
        Some("none") => SmtpTls::None,
        Some(_) => {
            let remedy = format!("write starttls, implicit or none; {UNTIL}");
            section.complain_of("tls", "is not known", remedy);
            return None;
        }
    };
    let usual = if tls == SmtpTls::Implicit { 465 } else { 587 };
    let Some((host, port)) = host_port(text, usual) else {
        let remedy = format!("write smtp = \"mail.example.org:587\"; {UNTIL}");
        section.complain_of("smtp", "is no server", remedy);
        return None;
    };
    let from = from.filter(|one| is_address(one));
    if to.is_empty() || !to.iter().all(|one| is_address(one)) {
        let remedy = format!("write to = [\"ops@example.org\"]; {UNTIL}");
        section.complain("needs addresses that mails go to", remedy);
        return None;
    }
    let Some(from) = from else {
        let remedy = format!("write from = \"wharf@example.org\"; {UNTIL}");
        section.complain("needs an address that mails come from", remedy);
        return None;
    };
    Some(Way::Smtp(SmtpWay {
        host,
        port,
        tls,
        ca,
        login,
        from,
        to,
    }))
}

fn system_log(
    section: &mut Section<'_, '_>,
    text: &str,
    facility: Option<&str>,
    path: &dyn Fn(&str) -> PathBuf,
) -> Option<Way> {
    let at = |rest, usual| host_port(rest, usual);
    let to = match text.split_once("://") {
        Some(("udp", rest)) => at(rest, 514).map(|(host, port)| SyslogTo::Udp(host, port)),
        Some(("tcp", rest)) => at(rest, 601).map(|(host, port)| SyslogTo::Tcp(host, port)),
        Some(("unix", rest)) => Some(SyslogTo::Unix(path(rest))),
        None if text.starts_with('/') => Some(SyslogTo::Unix(PathBuf::from(text))),
        _ => None,
    };
    let Some(to) = to else {
        let remedy = format!("write udp://host:514, tcp://host:601 or /dev/log; {UNTIL}");
        section.complain_of("syslog", "is no system log", remedy);
        return None;
    };
    let facility = facility.unwrap_or("daemon");
    let Some(number) = FACILITIES.iter().position(|one| *one == facility) else {
        let remedy = format!("write daemon, or local0 to local7; {UNTIL}");
        section.complain_of("facility", "is not known", remedy);
        return None;
    };
    Some(Way::Syslog(SyslogWay {
        to,
        facility: u8::try_from(number).unwrap_or(3),
    }))
}

/// `host:port`, `[::1]:25`, `host`.
fn host_port(text: &str, usual: u16) -> Option<(String, u16)> {
    let text = text.trim_end_matches('/');
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, rest.strip_prefix(':'))
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port > 0)?,
        None => usual,
    };
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '@');
    (!host.is_empty() && !host.contains(is_odd)).then(|| (host.to_owned(), port))
}

/// Whether a text can be the address of a mail: nothing in it may end a command of the protocol.
fn is_address(text: &str) -> bool {
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',');
    let parts = text.split_once('@');
    parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
        && text.is_ascii()
        && !text.contains(is_odd)
}

/// A mistake that was told.
struct Told;

/// `env:NAME` or `file:PATH`.
fn secret(text: &str, path: &dyn Fn(&str) -> PathBuf) -> Option<SecretRef> {
    match text.split_once(':') {
        Some(("env", name)) if !name.is_empty() => Some(SecretRef::Variable(name.to_owned())),
        Some(("file", rest)) if !rest.is_empty() => Some(SecretRef::File(path(rest))),
        _ => None,
    }
}

fn value(text: &str, path: &dyn Fn(&str) -> PathBuf) -> HeaderText {
    match secret(text, path) {
        Some(secret) => HeaderText::Secret(secret),
        None => HeaderText::Plain(text.to_owned()),
    }
}

/// A secret under a key; an error is a mistake, which is told.
fn secret_of(
    section: &mut Section<'_, '_>,
    key: &'static str,
    path: &dyn Fn(&str) -> PathBuf,
) -> Result<Option<SecretRef>, Told> {
    let Some(text) = section.text(key) else {
        return Ok(None);
    };
    let read = secret(&text, path);
    if read.is_none() {
        let remedy = format!(
            "write {key} = \"env:NAME\" or \"file:PATH\", never the secret itself; {UNTIL}"
        );
        section.complain_of(key, "names no place of a secret", remedy);
    }
    read.map(Some).ok_or(Told)
}

/// Who we are; an error is a mistake, which is told.
fn login(
    section: &mut Section<'_, '_>,
    path: &dyn Fn(&str) -> PathBuf,
) -> Result<Option<(String, SecretRef)>, Told> {
    let user = section.text("user");
    let password = secret_of(section, "password", path)?;
    match (user, password) {
        (None, None) => Ok(None),
        (Some(user), Some(password)) => Ok(Some((user, password))),
        _ => {
            let remedy = format!("write both; {UNTIL}");
            section.complain("has a user or a password, but not both", remedy);
            Err(Told)
        }
    }
}

/// The headers; none is a mistake, which is told.
fn headers(
    section: &mut Section<'_, '_>,
    path: &dyn Fn(&str) -> PathBuf,
) -> Option<Vec<(String, HeaderText)>> {
    let Some(item) = section.item("headers") else {
        return Some(Vec::new());
    };
    let table = item.as_table_like();
    let all = table.and_then(|table| {
        let pairs = table.iter();
        let pairs = pairs.map(|(name, item)| Some((name.to_owned(), value(item.as_str()?, path))));
        pairs.collect::<Option<Vec<_>>>()
    });
    if all.is_none() {
        let remedy = format!("write headers = {{ Authorization = \"env:NAME\" }}; {UNTIL}");
        section.complain_of("headers", "is no table of texts", remedy);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_with_ports_are_read() {
        let read = |text| host_port(text, 25);
        assert_eq!(read("mail.example"), Some(("mail.example".into(), 25)));
        assert_eq!(read("mail.example:587"), Some(("mail.example".into(), 587)));
        assert_eq!(read("[::1]:587"), Some(("::1".into(), 587)));
        assert_eq!(read("mail.example:0"), None);
        assert_eq!(read("a b:25"), None);
        assert_eq!(read(""), None);
    }

    #[test]
    fn addresses_cannot_hold_commands() {
        assert!(is_address("ops@example.org"));
        for odd in ["ops", "@a", "a@", "a@b\r\nDATA", "<a@b>", "a@b c", "ä@b"] {
            assert!(!is_address(odd), "{odd}");
        }
    }
}
