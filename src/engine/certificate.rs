//! Reads the dates and names out of an X.509 certificate: the little of DER that is needed for that.

use std::net::IpAddr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::model::{Timestamp, printable};

/// What a person wants to know of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Certificate {
    /// Good from then on.
    pub from: Timestamp,
    /// Good until then.
    pub until: Timestamp,
    /// The names and addresses it is for (subjectAltName).
    pub names: Vec<String>,
}

const SEQUENCE: u8 = 0x30;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0]`: the version; `[3]`: the extensions.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// In a list of names: `[2]` a DNS name, `[7]` an address.
const DNS_NAME: u8 = 0x82;
const ADDRESS: u8 = 0x87;
/// 2.5.29.17
const ALT_NAME: [u8; 3] = [0x55, 0x1d, 0x11];

/// Reads a certificate in DER; none when it is not understood (RFC 5280, 4.1).
pub(super) fn read(der: &[u8]) -> Option<Certificate> {
    let mut signed = Der(Der(der).take(SEQUENCE)?).take(SEQUENCE).map(Der)?;
    if signed.peek() == Some(VERSION) {
        signed.next()?;
    }
    for _ in ["serial", "signature", "issuer"] {
        signed.next()?;
    }
    let mut validity = Der(signed.take(SEQUENCE)?);
    let (from, until) = (time(validity.next()?)?, time(validity.next()?)?);
    let mut names = Vec::new();
    while let Some((tag, content)) = signed.next() {
        if tag == EXTENSIONS {
            names = alt_names(content).unwrap_or_default();
        }
    }
    Some(Certificate { from, until, names })
}

fn alt_names(extensions: &[u8]) -> Option<Vec<String>> {
    let mut list = Der(Der(extensions).take(SEQUENCE)?);
    while let Some((_, extension)) = list.next() {
        let mut parts = Der(extension);
        if parts.take(OID)? != ALT_NAME {
            continue;
        }
        while let Some((tag, content)) = parts.next() {
            if tag == OCTETS {
                let mut names = Der(Der(content).take(SEQUENCE)?);
                return Some(
                    std::iter::from_fn(|| names.next())
                        .filter_map(name)
                        .collect(),
                );
            }
        }
    }
    None
}

fn name((tag, content): (u8, &[u8])) -> Option<String> {
    match tag {
        DNS_NAME => Some(printable(&String::from_utf8_lossy(content))),
        ADDRESS => {
            let address = match content.len() {
                4 => IpAddr::from(<[u8; 4]>::try_from(content).ok()?),
                16 => IpAddr::from(<[u8; 16]>::try_from(content).ok()?),
                _ => return None,
            };
            Some(address.to_string())
        }
        _ => None,
    }
}

/// `YYMMDDHHMMSSZ`, or with four digits of the year.
fn time((tag, content): (u8, &[u8])) -> Option<Timestamp> {
    let digits = std::str::from_utf8(content).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let year: i16 = digits.get(..2)?.parse().ok()?;
            // Years from 50 on are of the last century (RFC 5280, 4.1.2.5.1).
            let century = if year < 50 { 2000 } else { 1900 };
            (century + year, digits.get(2..)?)
        }
        GENERALIZED_TIME => (digits.get(..4)?.parse().ok()?, digits.get(4..)?),
        _ => return None,
    };
    let part = |at: usize| rest.get(at..at + 2)?.parse::<i8>().ok();
    let moment = DateTime::new(year, part(0)?, part(2)?, part(4)?, part(6)?, part(8)?, 0).ok()?;
    Some(moment.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Values one after the other, each a tag, a length and its content.
#[derive(Clone, Copy)]
struct Der<'d>(&'d [u8]);

impl<'d> Der<'d> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next value.
    fn next(&mut self) -> Option<(u8, &'d [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let mut length = usize::from(first);
        if first >= 0x80 {
            let count = usize::from(first & 0x7f);
            if count > 4 || count > rest.len() {
                return None;
            }
            let (bytes, after) = rest.split_at(count);
            length = bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            rest = after;
        }
        let content = rest.get(..length)?;
        self.0 = &rest[length..];
        Some((tag, content))
    }

    /// The next value, which has to be of that kind.
    fn take(&mut self, tag: u8) -> Option<&'d [u8]> {
        self.next()
            .filter(|(found, _)| *found == tag)
            .map(|(_, content)| content)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::process::Command;

    use super::*;

    #[test]
    fn dates_and_names_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let (key, file) = (dir.path().join("key"), dir.path().join("cert"));
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
            ])
            .args(["-nodes", "-days", "30", "-subj", "/CN=x", "-outform", "DER"])
            .args([
                "-addext",
                "subjectAltName=DNS:docker.example,IP:10.1.2.3,IP:::1",
            ])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&file)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let read = read(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(read.names, ["docker.example", "10.1.2.3", "::1"]);
        assert_eq!(
            read.until.as_second() - read.from.as_second(),
            30 * 24 * 3600
        );
        let age = Timestamp::now().as_second() - read.from.as_second();
        assert!((0..60).contains(&age), "{age}");
    }

    #[test]
    fn what_is_no_certificate_is_not_understood() {
        for bytes in [
            &b""[..],
            b"0",
            b"\x30\x82",
            b"\x30\x84\xff\xff\xff\xff",
            b"hello",
        ] {
            assert_eq!(read(bytes), None);
        }
        assert_eq!(
            time((UTC_TIME, b"991231235959Z")).unwrap().to_string(),
            "1999-12-31T23:59:59Z"
        );
        assert_eq!(
            time((GENERALIZED_TIME, b"20501231235959Z"))
                .unwrap()
                .to_string(),
            "2050-12-31T23:59:59Z"
        );
    }
}
