//! A system log: a line each, as RFC 5424 says, over UDP, TCP or the socket of this machine.

use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket, UnixDatagram, lookup_host},
    time::timeout,
};

use super::{Error, ErrorKind};
use crate::model::{
    Timestamp,
    notify::{Message, SyslogTo, SyslogWay, Turn},
    printable,
};

/// A datagram holds no more, in bytes; over TCP lines may be longer.
const DATAGRAM: usize = 2000;
const LONGEST: usize = 8000;
/// So long it is waited for the server to close a connection after us.
const CLOSING: Duration = Duration::from_secs(2);

pub(super) async fn send(way: &SyslogWay, message: &Message, doing: &str) -> Result<String, Error> {
    let now = Timestamp::now();
    let failed = |error: std::io::Error| {
        Error::new(
            ErrorKind::Offline,
            doing,
            format!("the log cannot be reached: {error}"),
        )
    };
    match &way.to {
        SyslogTo::Udp(host, port) => {
            let mut found = lookup_host((host.as_str(), *port)).await.map_err(failed)?;
            let Some(to) = found.next() else {
                let why = format!("{host} has no address");
                return Err(Error::new(ErrorKind::Offline, doing, why));
            };
            let from = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            let socket = UdpSocket::bind(from).await.map_err(failed)?;
            socket.connect(to).await.map_err(failed)?;
            let line = line(way, message, now, DATAGRAM);
            socket.send(line.as_bytes()).await.map_err(failed)?;
            Ok("sent; nothing answers over UDP".to_owned())
        }
        SyslogTo::Tcp(host, port) => {
            let stream = TcpStream::connect((host.as_str(), *port)).await;
            let mut stream = stream.map_err(failed)?;
            let line = line(way, message, now, LONGEST);
            // RFC 6587: the length first, so that no sign in the line ends it.
            let framed = format!("{} {line}", line.len());
            stream.write_all(framed.as_bytes()).await.map_err(failed)?;
            stream.shutdown().await.map_err(failed)?;
            let mut rest = [0; 64];
            // Whoever closes after us has read all; one that breaks off has not.
            match timeout(CLOSING, stream.read(&mut rest)).await {
                Ok(Err(error)) => Err(failed(error)),
                Ok(Ok(_)) => Ok("sent, and the log closed the connection".to_owned()),
                Err(_) => Ok("sent".to_owned()),
            }
        }
        SyslogTo::Unix(path) => {
            let socket = UnixDatagram::unbound().map_err(failed)?;
            let line = local_line(way, message, now, DATAGRAM);
            socket
                .send_to(line.as_bytes(), path)
                .await
                .map_err(failed)?;
            Ok("sent to the log of this machine".to_owned())
        }
    }
}

/// The severity by its number.
fn severity(turn: Turn) -> u8 {
    match turn {
        Turn::Failure => 3,
        Turn::Asked => 5,
        Turn::Success => 6,
    }
}

fn priority(way: &SyslogWay, message: &Message) -> u32 {
    u32::from(way.facility) * 8 + u32::from(severity(message.turn()))
}

/// What is said, in one line.
fn said(message: &Message) -> String {
    let all = message.notices.iter().map(|(notice, count)| {
        let times = if *count > 1 {
            format!(" ({count} times)")
        } else {
            String::new()
        };
        let text = notice.text.replace('\n', "; ");
        let tail = if text.is_empty() {
            text
        } else {
            format!(": {text}")
        };
        format!("{}{times}{tail}", notice.title)
    });
    let all: Vec<String> = all.collect();
    printable(&all.join(" | "))
}

/// The line of RFC 5424.
fn line(way: &SyslogWay, message: &Message, now: Timestamp, most: usize) -> String {
    let host = super::machine();
    let data = |text: &str| {
        let escaped = printable(text).replace('\\', "\\\\");
        escaped.replace('"', "\\\"").replace(']', "\\]")
    };
    let head = format!(
        "<{}>1 {} {host} wharf {} {} [wharf@32473 id=\"{}\" channel=\"{}\" kind=\"{}\" outcome=\"{}\" count=\"{}\"] ",
        priority(way, message),
        now.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"),
        std::process::id(),
        message.kind().word(),
        data(&message.id),
        data(&message.channel),
        message.kind().word(),
        message.turn().word(),
        message.count(),
    );
    cut(format!("{head}\u{feff}{}", said(message)), most)
}

/// The line as the socket of a machine takes it: RFC 5424 is understood there by few.
fn local_line(way: &SyslogWay, message: &Message, now: Timestamp, most: usize) -> String {
    let there = now.to_zoned(TimeZone::system());
    let head = format!(
        "<{}>{} wharf[{}]: ",
        priority(way, message),
        there.strftime("%b %e %H:%M:%S"),
        std::process::id()
    );
    cut(format!("{head}{} [{}]", said(message), message.id), most)
}

/// So many bytes at most, no sign in two.
fn cut(mut text: String, most: usize) -> String {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::model::notify::{Kind, Notice};

    fn message(title: &str) -> Message {
        let now = Timestamp::UNIX_EPOCH;
        let notice = Notice::new(Kind::Host, Turn::Failure, now, "k".into(), title).saying("a\nb");
        Message {
            id: "1-a\"]".into(),
            channel: "ops".into(),
            notices: vec![(notice, 2)],
        }
    }

    #[test]
    fn a_line_is_as_the_standard_says() {
        let way = SyslogWay {
            to: SyslogTo::Udp("log".into(), 514),
            facility: 16,
        };
        let at: Timestamp = "2026-11-23T04:05:06.789Z".parse().unwrap();
        let text = line(&way, &message("host ams-1 is lost"), at, 8000);
        assert!(
            text.starts_with("<131>1 2026-11-23T04:05:06.789000Z "),
            "{text}"
        );
        assert!(
            text.contains(" host [wharf@32473 id=\"1-a\\\"\\]\" channel=\"ops\" kind=\"host\" outcome=\"failure\" count=\"2\"] \u{feff}host ams-1 is lost (2 times): a; b"),
            "{text}"
        );
        let long = line(&way, &message(&"ä".repeat(190)), at, 300);
        assert!((299..=300).contains(&long.len()), "{}", long.len());
    }
}
