//! Why a host cannot be reached, from what the operating system, TLS and HTTP say, with a remedy each.

use std::error::Error as StdError;
use std::io;
use std::path::Path;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError};

use crate::model::{Endpoint, Trouble, TroubleKind, printable};

/// A trouble of that kind.
pub(super) fn trouble(
    kind: TroubleKind,
    reason: impl Into<String>,
    remedy: impl Into<String>,
) -> Trouble {
    Trouble {
        kind,
        reason: reason.into(),
        remedy: remedy.into(),
        raw: Vec::new(),
    }
}

/// The connection, or the stream of events over it, ended.
pub(super) fn lost(why: &str) -> Trouble {
    trouble(
        TroubleKind::Lost,
        format!("the connection was lost: {why}"),
        "nothing to do: it is opened again by itself",
    )
}

/// Nothing came back in time.
pub(super) fn late(what: &str, after: Duration) -> Trouble {
    trouble(
        TroubleKind::Timeout,
        format!("{what} did not answer within {} s", after.as_secs()),
        "look at the host's load and its network; the engine may hang",
    )
}

/// Why a unix socket could not be opened.
pub(super) fn of_socket(path: &Path, error: &io::Error) -> Trouble {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => trouble(
            TroubleKind::SocketMissing,
            format!("there is no socket {shown}"),
            "start the engine (systemctl start docker), or name its socket in the configuration",
        ),
        io::ErrorKind::PermissionDenied => trouble(
            TroubleKind::SocketDenied,
            format!("this user may not use {shown}"),
            "add the user to the group docker (sudo usermod -aG docker $USER) and log in again",
        ),
        io::ErrorKind::ConnectionRefused => trouble(
            TroubleKind::DaemonDown,
            format!("no daemon answers at {shown}"),
            "start the engine: systemctl start docker",
        ),
        _ => trouble(
            TroubleKind::Other,
            format!("opening {shown}: {error}"),
            "look at the socket and at the engine's log",
        ),
    }
}

/// Why an address could not be connected to.
pub(super) fn of_address(endpoint: &Endpoint, error: &io::Error) -> Trouble {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => trouble(
            TroubleKind::DaemonDown,
            format!("{endpoint} refuses connections"),
            "start the engine there, or let it listen on that port (dockerd -H)",
        ),
        io::ErrorKind::TimedOut => late(&endpoint.to_string(), Duration::from_secs(5)),
        _ => trouble(
            TroubleKind::Unreachable,
            format!("{endpoint} cannot be reached: {error}"),
            "look at the address, the network and the firewall between",
        ),
    }
}

/// Why a name could not be resolved.
pub(super) fn of_name(host: &str, error: &io::Error) -> Trouble {
    trouble(
        TroubleKind::Dns,
        format!("the name {host} cannot be resolved: {error}"),
        "look at the spelling and at the name server",
    )
}

/// Why a TLS handshake failed, when that is what the error is about; `known` says whether we showed
/// a certificate.
pub(super) fn of_tls(
    endpoint: &str,
    known: bool,
    error: &(dyn StdError + 'static),
) -> Option<Trouble> {
    let error = find_tls(error)?;
    let (reason, remedy) = tls_story(error, known);
    let mut trouble = trouble(
        TroubleKind::Tls,
        format!("TLS with {endpoint}: {reason}"),
        remedy,
    );
    trouble.raw.push(printable(&error.to_string()));
    Some(trouble)
}

/// The TLS error within a chain of errors; `io::Error` hides its own from `source`.
fn find_tls<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        next = match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

fn tls_story(error: &rustls::Error, known: bool) -> (String, &'static str) {
    use rustls::Error as E;
    match error {
        E::InvalidCertificate(why) => certificate_story(why),
        // Engines built with an older Go call a missing certificate a bad one.
        E::AlertReceived(AlertDescription::BadCertificate) if !known => {
            alert_story(AlertDescription::CertificateRequired)
        }
        E::AlertReceived(alert) => alert_story(*alert),
        E::InvalidMessage(_) => (
            "what answers does not speak TLS".into(),
            "write tcp:// for an engine without TLS, or look at the port",
        ),
        E::NoCertificatesPresented => (
            "the engine shows no certificate".into(),
            "give the engine a certificate (dockerd --tlscert --tlskey)",
        ),
        other => (other.to_string(), "look at the engine's TLS settings"),
    }
}

fn certificate_story(why: &CertificateError) -> (String, &'static str) {
    use CertificateError as C;
    match why {
        C::Expired | C::ExpiredContext { .. } => (
            "the engine's certificate has expired".into(),
            "renew it on the host and restart the engine; look at the clocks too",
        ),
        C::NotValidYet | C::NotValidYetContext { .. } => (
            "the engine's certificate is not valid yet".into(),
            "look at the clocks of both machines",
        ),
        C::UnknownIssuer => (
            "the engine's certificate is signed by an unknown authority".into(),
            "name the authority's file (ca) of this host in the configuration",
        ),
        C::NotValidForName | C::NotValidForNameContext { .. } => (
            "the engine's certificate is for another name".into(),
            "reach it by a name in the certificate, or add this one to it (subjectAltName)",
        ),
        C::Revoked => (
            "the engine's certificate was revoked".into(),
            "give the engine a new certificate",
        ),
        other => (
            format!("the engine's certificate is not accepted: {other:?}"),
            "look at the certificate on the host",
        ),
    }
}

fn alert_story(alert: AlertDescription) -> (String, &'static str) {
    use AlertDescription as A;
    match alert {
        A::CertificateRequired => (
            "the engine wants a client certificate".into(),
            "name certificate and key (cert, key) of this host in the configuration",
        ),
        A::CertificateExpired => (
            "our client certificate has expired".into(),
            "renew the client certificate",
        ),
        A::BadCertificate | A::UnknownCA | A::CertificateUnknown | A::AccessDenied => (
            "the engine does not accept our client certificate".into(),
            "use a certificate signed by the authority that the engine trusts (dockerd --tlscacert)",
        ),
        other => (
            format!("the engine ended the handshake ({other:?})"),
            "look at the engine's log",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_socket_s_trouble_has_its_kind_and_remedy() {
        let of =
            |kind: io::ErrorKind| of_socket(Path::new("/run/docker.sock"), &io::Error::from(kind));
        let denied = of(io::ErrorKind::PermissionDenied);
        assert_eq!(denied.kind, TroubleKind::SocketDenied);
        assert!(denied.remedy.contains("usermod -aG docker"));
        assert_eq!(of(io::ErrorKind::NotFound).kind, TroubleKind::SocketMissing);
        assert_eq!(
            of(io::ErrorKind::ConnectionRefused).kind,
            TroubleKind::DaemonDown
        );
        assert_eq!(of(io::ErrorKind::OutOfMemory).kind, TroubleKind::Other);
    }

    #[test]
    fn tls_errors_are_found_however_deep_and_told_apart() {
        let story = |error: rustls::Error, known| {
            let hidden = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, error));
            of_tls("far:2376", known, &hidden).map(|trouble| trouble.reason)
        };
        let certificate = rustls::Error::InvalidCertificate;
        for (error, known, expected) in [
            (certificate(CertificateError::Expired), true, "has expired"),
            (
                certificate(CertificateError::NotValidYet),
                true,
                "not valid yet",
            ),
            (
                certificate(CertificateError::UnknownIssuer),
                true,
                "unknown authority",
            ),
            (
                certificate(CertificateError::NotValidForName),
                true,
                "another name",
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::BadCertificate),
                false,
                "wants a client certificate",
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::BadCertificate),
                true,
                "does not accept our client",
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::CertificateExpired),
                true,
                "our client certificate has expired",
            ),
        ] {
            let reason = story(error, known);
            assert!(
                reason.as_ref().is_some_and(|text| text.contains(expected)),
                "{reason:?}: {expected}"
            );
        }
        assert!(of_tls("far", true, &io::Error::other("no TLS at all")).is_none());
    }
}
