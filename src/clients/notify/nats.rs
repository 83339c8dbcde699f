//! A bus: the message as JSON, published to a subject of NATS (its plain protocol, no library).

use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::json;

use super::{Error, ErrorKind, Keys, line::Line};
use crate::model::notify::{Message, NatsWay};

/// What the server says of itself.
#[derive(Deserialize)]
struct Info {
    #[serde(default)]
    headers: bool,
    #[serde(default)]
    tls_required: bool,
    #[serde(default)]
    max_payload: Option<usize>,
    #[serde(default)]
    server_name: String,
}

pub(super) async fn send(
    way: &NatsWay,
    message: &Message,
    keys: &Keys<'_>,
) -> Result<String, Error> {
    let mut line = Line::open(&way.host, way.port, keys.doing).await?;
    let said = line.hear().await?;
    let info = said.strip_prefix("INFO ").map(serde_json::from_str::<Info>);
    let Some(Ok(info)) = info else {
        return Err(keys.wrong("what answers there is no NATS server"));
    };
    if way.tls || info.tls_required {
        line = line.encrypted(way.ca.as_deref()).await?;
    }
    let mut connect = json!({
        "verbose": false, "pedantic": false, "name": "wharf", "lang": "rust", "protocol": 1,
        "version": env!("CARGO_PKG_VERSION"), "headers": info.headers, "no_responders": false,
        "tls_required": way.tls || info.tls_required,
    });
    if let Some((user, password)) = &way.login {
        connect["user"] = json!(user);
        connect["pass"] = json!(keys.secret(password).await?.expose_secret());
    }
    if let Some(token) = &way.token {
        connect["auth_token"] = json!(keys.secret(token).await?.expose_secret());
    }
    line.say(format!("CONNECT {connect}\r\nPING\r\n").as_bytes())
        .await?;
    answered(&mut line, keys).await?;
    let body = message.json().to_string();
    if info.max_payload.is_some_and(|most| body.len() + 200 > most) {
        let why = format!("it takes no message of {} bytes", body.len());
        return Err(Error::new(ErrorKind::Refused, keys.doing, why));
    }
    line.say(&published(&way.subject, &message.id, &body, info.headers))
        .await?;
    answered(&mut line, keys).await?;
    Ok(format!("{} took it", info.server_name))
}

/// The words that publish a body, and ask for an answer. A stream knows a repetition by the header.
fn published(subject: &str, id: &str, body: &str, headers: bool) -> Vec<u8> {
    let size = body.len();
    let text = if headers {
        let head = format!("NATS/1.0\r\nNats-Msg-Id: {id}\r\n\r\n");
        let first = head.len();
        format!(
            "HPUB {subject} {first} {}\r\n{head}{body}\r\nPING\r\n",
            first + size
        )
    } else {
        format!("PUB {subject} {size}\r\n{body}\r\nPING\r\n")
    };
    text.into_bytes()
}

/// Waits until the server has taken all that was said.
async fn answered(line: &mut Line<'_>, keys: &Keys<'_>) -> Result<(), Error> {
    loop {
        let said = line.hear().await?;
        if said == "PONG" {
            return Ok(());
        }
        if said == "PING" {
            line.say(b"PONG\r\n").await?;
        } else if let Some(why) = said.strip_prefix("-ERR") {
            let why = why.trim().trim_matches('\'');
            let kind = if why.contains("Authorization") || why.contains("Authentication") {
                ErrorKind::Login
            } else {
                ErrorKind::Refused
            };
            return Err(Error::new(kind, keys.doing, format!("it says: {why}")));
        }
        // +OK, and INFO that tells of other servers.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_published_is_counted_in_bytes() {
        let text = published("a.b", "7-x", "ä", true);
        let text = String::from_utf8(text).unwrap_or_default();
        assert_eq!(
            text,
            "HPUB a.b 30 32\r\nNATS/1.0\r\nNats-Msg-Id: 7-x\r\n\r\nä\r\nPING\r\n"
        );
        assert_eq!(
            published("a.b", "7-x", "ä", false),
            "PUB a.b 2\r\nä\r\nPING\r\n".as_bytes()
        );
    }
}
