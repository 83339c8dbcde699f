//! Channels of notifications: each sends a message and tells what the other side said.

mod command;
mod line;
mod nats;
mod smtp;
mod syslog;
mod webhook;

use std::{path::Path, time::Duration};

use secrecy::SecretString;
use tokio::time::timeout;

use super::{Error, ErrorKind};
use crate::model::{
    notify::{Channel, HeaderText, Message, SecretRef, Way},
    release::{SecretOf, Secrets},
};

/// Sends a message through a channel; answers what the other side said.
///
/// # Errors
/// When the other side did not take it. Then [`is_channels`] says whether another message would fare better.
pub async fn send(
    channel: &Channel,
    message: &Message,
    secrets: &Secrets,
) -> Result<String, Error> {
    let doing = format!("sending to {}", channel.name);
    let keys = Keys {
        doing: &doing,
        secrets,
    };
    let sending = async {
        match &channel.way {
            Way::Webhook(way) => webhook::send(way, message, &keys).await,
            Way::Smtp(way) => smtp::send(way, message, &keys).await,
            Way::Syslog(way) => syslog::send(way, message, &doing).await,
            Way::Command(way) => command::send(way, message, &doing).await,
            Way::Nats(way) => nats::send(way, message, &keys).await,
        }
    };
    match timeout(channel.timeout, Box::pin(sending)).await {
        Ok(sent) => sent.map(|said| short(&said)),
        Err(_) => Err(late(&doing, channel.timeout)),
    }
}

/// Whether an error is the channel's, so that no other message would go through it now.
pub fn is_channels(error: &Error) -> bool {
    !matches!(error.kind, ErrorKind::Refused)
}

fn late(doing: &str, limit: Duration) -> Error {
    let why = format!("it did not take the message within {} s", limit.as_secs());
    Error::new(ErrorKind::Offline, doing, why)
}

/// What the other side said, as one short line.
fn short(said: &str) -> String {
    let line: String = crate::model::printable(said.trim())
        .chars()
        .take(200)
        .collect();
    line
}

/// What this machine is called: visible ASCII without blanks, or `localhost`.
fn machine() -> String {
    let read = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let name: String = read.trim().chars().filter(is_plain).take(255).collect();
    if name.is_empty() {
        "localhost".to_owned()
    } else {
        name
    }
}

/// What opens the other side.
struct Keys<'k> {
    doing: &'k str,
    secrets: &'k Secrets,
}

impl Keys<'_> {
    /// A secret. Disks are waited for where that holds up nobody.
    async fn secret(&self, place: &SecretRef) -> Result<SecretString, Error> {
        let (secrets, of) = (self.secrets.clone(), place.clone());
        let read = tokio::task::spawn_blocking(move || match &of {
            SecretRef::File(path) => secrets.value(&SecretOf::File(&path.to_string_lossy())),
            SecretRef::Variable(name) => secrets.value(&SecretOf::Variable(name)),
        });
        let value = read.await.map_err(|error| self.wrong(error.to_string()))?;
        value.map_err(|why| {
            Error::new(ErrorKind::Login, self.doing, why)
                .with("wharf worker has to know it as well as you do")
        })
    }

    /// A text that may be a secret.
    async fn text(&self, text: &HeaderText) -> Result<SecretString, Error> {
        match text {
            HeaderText::Plain(text) => Ok(text.clone().into()),
            HeaderText::Secret(place) => self.secret(place).await,
        }
    }

    fn wrong(&self, why: impl Into<String>) -> Error {
        Error::new(ErrorKind::Wrong, self.doing, why)
    }

    fn offline(&self, why: impl std::fmt::Display) -> Error {
        Error::new(ErrorKind::Offline, self.doing, why.to_string())
    }
}

/// The authorities that vouch for a server, beside those of this machine.
fn authorities(
    ca: Option<&Path>,
    doing: &str,
) -> Result<Vec<rustls::pki_types::CertificateDer<'static>>, Error> {
    use rustls::pki_types::pem::PemObject as _;
    let Some(path) = ca else {
        return Ok(Vec::new());
    };
    let read = rustls::pki_types::CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>);
    read.map_err(|error| {
        let why = format!("its authority {} cannot be used: {error}", path.display());
        Error::new(ErrorKind::Wrong, doing, why).with("name a PEM file as ca of its [[notify]]")
    })
}
