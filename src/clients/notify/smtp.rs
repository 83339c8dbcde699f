//! Mail: a message handed to a server by SMTP, encrypted unless it is said otherwise.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::ExposeSecret as _;

use super::{Error, ErrorKind, Keys, line::Line};
use crate::model::{
    Timestamp,
    notify::{Message, SmtpTls, SmtpWay, Turn},
};

/// What a server answers.
struct Reply {
    code: u16,
    lines: Vec<String>,
}

impl Reply {
    fn text(&self) -> String {
        format!("{} {}", self.code, self.lines.join(" "))
    }
}

pub(super) async fn send(
    way: &SmtpWay,
    message: &Message,
    keys: &Keys<'_>,
) -> Result<String, Error> {
    let mut line = Line::open(&way.host, way.port, keys.doing).await?;
    if way.tls == SmtpTls::Implicit {
        line = line.encrypted(way.ca.as_deref()).await?;
    }
    let mut talk = Talk { line, keys };
    talk.expect(220).await?;
    let mut can = talk.hello().await?;
    if way.tls == SmtpTls::StartTls {
        if !can.iter().any(|one| one == "STARTTLS") {
            let why = "it cannot encrypt, and nothing is sent in the open";
            let remedy = "say tls = \"none\" if that is meant";
            return Err(keys.wrong(why).with(remedy));
        }
        talk.ask("STARTTLS", 220).await?;
        talk.line = talk.line.encrypted(way.ca.as_deref()).await?;
        can = talk.hello().await?;
    }
    if let Some((user, password)) = &way.login {
        let password = keys.secret(password).await?;
        talk.login(&can, user, password.expose_secret()).await?;
    }
    talk.ask(&format!("MAIL FROM:<{}>", way.from), 250).await?;
    let mut refused = Vec::new();
    for to in &way.to {
        let reply = talk.command(&format!("RCPT TO:<{to}>")).await?;
        if !matches!(reply.code, 250 | 251) {
            refused.push((to, reply));
        }
    }
    if let Some((to, reply)) = refused.first()
        && refused.len() == way.to.len()
    {
        return Err(keys.answer(reply, &format!("for {to}")));
    }
    talk.ask("DATA", 354).await?;
    // The lines of the body are base64, and those of the head begin with names: none begins with a dot.
    let text = format!("{}\r\n.\r\n", mail(way, message, Timestamp::now()));
    talk.line.say(text.as_bytes()).await?;
    let reply = talk.expect(250).await?;
    // It has it; whether it says good-bye is all one.
    let _ = talk.line.say(b"QUIT\r\n").await;
    let mut said = reply.text();
    for (to, reply) in refused {
        said = format!("{said}; not for {to}: {}", reply.text());
    }
    Ok(said)
}

struct Talk<'k> {
    line: Line<'k>,
    keys: &'k Keys<'k>,
}

impl Talk<'_> {
    async fn reply(&mut self) -> Result<Reply, Error> {
        let mut lines = Vec::new();
        loop {
            let said = self.line.hear().await?;
            let code = said.get(..3).and_then(|code| code.parse().ok());
            let Some(code) = code else {
                return Err(self.keys.wrong("what answers there is no mail server"));
            };
            lines.push(said.get(4..).unwrap_or_default().to_owned());
            if said.as_bytes().get(3) != Some(&b'-') || lines.len() > 100 {
                return Ok(Reply { code, lines });
            }
        }
    }

    async fn expect(&mut self, code: u16) -> Result<Reply, Error> {
        let reply = self.reply().await?;
        if reply.code == code {
            return Ok(reply);
        }
        Err(self.keys.answer(&reply, ""))
    }

    async fn command(&mut self, text: &str) -> Result<Reply, Error> {
        self.line.say(format!("{text}\r\n").as_bytes()).await?;
        self.reply().await
    }

    async fn ask(&mut self, text: &str, code: u16) -> Result<Reply, Error> {
        self.line.say(format!("{text}\r\n").as_bytes()).await?;
        self.expect(code).await
    }

    /// Introduces us; answers what the server can.
    async fn hello(&mut self) -> Result<Vec<String>, Error> {
        let hello = format!("EHLO {}", super::machine());
        let reply = self.ask(&hello, 250).await?;
        let lines = reply.lines.iter().skip(1);
        Ok(lines.map(|line| line.to_ascii_uppercase()).collect())
    }

    async fn login(&mut self, can: &[String], user: &str, password: &str) -> Result<(), Error> {
        let knows = |way: &str| {
            can.iter().any(|one| {
                let mut words = one.split([' ', '=']);
                words.next() == Some("AUTH") && words.any(|word| word == way)
            })
        };
        let reply = if knows("PLAIN") {
            let both = STANDARD.encode(format!("\0{user}\0{password}"));
            self.command(&format!("AUTH PLAIN {both}")).await?
        } else if knows("LOGIN") {
            self.ask("AUTH LOGIN", 334).await?;
            self.ask(&STANDARD.encode(user), 334).await?;
            self.command(&STANDARD.encode(password)).await?
        } else {
            let why = "it knows neither AUTH PLAIN nor AUTH LOGIN";
            return Err(Error::new(ErrorKind::Login, self.keys.doing, why));
        };
        if reply.code == 235 {
            return Ok(());
        }
        let why = format!("it does not let {user} in: {}", reply.text());
        Err(Error::new(ErrorKind::Login, self.keys.doing, why))
    }
}

impl Keys<'_> {
    fn answer(&self, reply: &Reply, of: &str) -> Error {
        // 5xx is an answer to this mail, or to who we are; 4xx is for now.
        let kind = match reply.code {
            530 | 535 => ErrorKind::Login,
            500..=599 => ErrorKind::Refused,
            _ => ErrorKind::Offline,
        };
        let of = if of.is_empty() {
            String::new()
        } else {
            format!(" {of}")
        };
        Error::new(
            kind,
            self.doing,
            format!("it answers{of}: {}", reply.text()),
        )
    }
}

/// The mail as it goes over the wire, without its end.
fn mail(way: &SmtpWay, message: &Message, now: Timestamp) -> String {
    let word = match message.turn() {
        Turn::Failure => "[wharf] failure: ",
        Turn::Asked => "[wharf] approval: ",
        Turn::Success => "[wharf] ",
    };
    let domain = way.from.rsplit('@').next().unwrap_or("localhost");
    let body = STANDARD.encode(message.text().replace('\n', "\r\n") + "\r\n");
    let body: Vec<&str> = (0..body.len())
        .step_by(76)
        .map(|at| &body[at..body.len().min(at + 76)])
        .collect();
    [
        format!("From: Wharf <{}>", way.from),
        format!("To: {}", way.to.join(",\r\n ")),
        format!(
            "Subject: {}",
            encoded(&format!("{word}{}", message.title()))
        ),
        format!("Date: {}", now.strftime("%a, %d %b %Y %H:%M:%S +0000")),
        format!("Message-ID: <{}.wharf@{domain}>", message.id),
        format!("X-Wharf-Id: {}", message.id),
        format!("X-Wharf-Kind: {}", message.kind().word()),
        format!("X-Wharf-Outcome: {}", message.turn().word()),
        "Auto-Submitted: auto-generated".to_owned(),
        "MIME-Version: 1.0".to_owned(),
        "Content-Type: text/plain; charset=utf-8".to_owned(),
        "Content-Transfer-Encoding: base64".to_owned(),
        String::new(),
        body.join("\r\n"),
    ]
    .join("\r\n")
}

/// A text as a header may hold it (RFC 2047): as it is, or in words of base64 that are short enough.
fn encoded(text: &str) -> String {
    let is_plain = |c: char| matches!(c, ' '..='~');
    if text.len() <= 66 && text.chars().all(is_plain) && !text.contains("=?") {
        return text.to_owned();
    }
    let mut words: Vec<String> = Vec::new();
    let mut part = String::new();
    for c in text.chars() {
        // 42 bytes are 56 in base64: 68 with what is around them.
        if part.len() + c.len_utf8() > 42 {
            words.push(std::mem::take(&mut part));
        }
        part.push(c);
    }
    words.push(part);
    let words = words.iter();
    let words: Vec<String> = words
        .map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word)))
        .collect();
    words.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_hold_no_line_ends_and_no_long_lines() {
        assert_eq!(encoded("host ams-1 is lost"), "host ams-1 is lost");
        let odd = encoded(&"ä\r\nBcc: x@y".repeat(20));
        for line in odd.split("\r\n") {
            assert!(line.len() <= 76, "{line}");
            assert!(line.trim_start().starts_with("=?utf-8?B?"), "{line}");
        }
    }
}
