//! A checkup: walks the way to a host as it is walked for use, and tells of each step what it found.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use super::actor::Common;
use super::certificate::{self, Certificate};
use super::dial::Dialer;
use super::load::Meter;
use super::session::{NEWEST, OLDEST, Session};
use super::{tls, trouble};
use crate::model::{
    Check, Endpoint, Finding, HostLoad, HostName, HostSpec, Mark, Product, Timestamp, TlsFiles,
    Trouble, TroubleKind, bytes, printable, span,
};

/// How long a name, an address or an answer may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// A clock that is off by more than this is worth a look: certificates and logs go by it.
const SKEW: f64 = 2.0;

/// A certificate that ends sooner than this is worth a look.
const RENEW: i64 = 14 * 24 * 3600;

/// The way has come to its end; the finding that says why was told.
#[derive(Debug)]
pub(super) struct Ended;

/// Who walks: tells each finding as its step ends, with the time since the one before.
pub(super) struct Walk<'w> {
    say: &'w (dyn Fn(Finding) + Sync),
    /// The steps that the way has, in order.
    checks: &'static [Check],
    last: Option<Check>,
    began: Instant,
    reason: Option<String>,
    warnings: usize,
}

impl<'w> Walk<'w> {
    /// Sets out on a way with these steps.
    pub fn new(checks: &'static [Check], say: &'w (dyn Fn(Finding) + Sync)) -> Self {
        Self {
            say,
            checks,
            last: None,
            began: Instant::now(),
            reason: None,
            warnings: 0,
        }
    }

    /// Tells a finding.
    pub fn tell(&mut self, check: Check, hop: Option<&str>, mark: Mark, saw: &str, remedy: &str) {
        let took = std::mem::replace(&mut self.began, Instant::now()).elapsed();
        self.last = Some(check);
        self.warnings += usize::from(mark == Mark::Warning);
        (self.say)(Finding {
            check,
            hop: hop.map(str::to_owned),
            mark,
            saw: printable(saw),
            remedy: printable(remedy),
            ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        });
    }

    /// The step is as it should be.
    pub fn ok(&mut self, check: Check, saw: &str) {
        self.tell(check, None, Mark::Ok, saw, "");
    }

    /// The step works, and something is to be looked at.
    pub fn warn(&mut self, check: Check, saw: &str, remedy: &str) {
        self.tell(check, None, Mark::Warning, saw, remedy);
    }

    /// The step does not apply here.
    pub fn skip(&mut self, check: Check, why: &str) {
        self.tell(check, None, Mark::Skipped, why, "");
    }

    /// The way ends at this step; what comes after it is not reached.
    pub fn fail(&mut self, check: Check, hop: Option<&str>, trouble: &Trouble) -> Ended {
        self.tell(check, hop, Mark::Failed, &trouble.reason, &trouble.remedy);
        self.reason = Some(trouble.to_string());
        let at = self.checks.iter().position(|one| *one == check);
        for check in self.checks.iter().skip(at.map_or(0, |at| at + 1)) {
            self.tell(*check, None, Mark::NotReached, "", "");
        }
        Ended
    }

    /// The step after the last one that was told, as far as the way has one.
    pub fn next(&self) -> Option<Check> {
        let at = self.checks.iter().position(|one| Some(*one) == self.last);
        self.checks.get(at.map_or(0, |at| at + 1)).copied()
    }

    /// What there is to say of the whole way.
    fn verdict(&self) -> Result<String, String> {
        match (&self.reason, self.warnings) {
            (Some(reason), _) => Err(reason.clone()),
            (None, 0) => Ok("all is well".to_owned()),
            (None, 1) => Ok("with 1 warning".to_owned()),
            (None, count) => Ok(format!("with {count} warnings")),
        }
    }
}

/// The steps over ssh.
const SSH: [Check; 13] = [
    Check::Configuration,
    Check::Name,
    Check::Tcp,
    Check::HostKey,
    Check::Login,
    Check::Session,
    Check::Socket,
    Check::Access,
    Check::Forwarding,
    Check::Engine,
    Check::Api,
    Check::Clock,
    Check::Disk,
];

/// The steps to a socket of this machine.
const UNIX: [Check; 6] = [
    Check::Socket,
    Check::Access,
    Check::Engine,
    Check::Api,
    Check::Clock,
    Check::Disk,
];

/// The steps to an address.
const TCP: [Check; 7] = [
    Check::Name,
    Check::Tcp,
    Check::Certificate,
    Check::Engine,
    Check::Api,
    Check::Clock,
    Check::Disk,
];

/// Walks the way to a host. The answer says whether it can be used; the error, why it cannot.
pub(super) async fn examine(
    spec: &HostSpec,
    common: &Common,
    say: &(dyn Fn(Finding) + Sync),
) -> Result<String, String> {
    let checks: &'static [Check] = match &spec.endpoint {
        Endpoint::Ssh { .. } => &SSH,
        Endpoint::Unix(_) => &UNIX,
        Endpoint::Tcp { .. } | Endpoint::Tls { .. } => &TCP,
    };
    let mut walk = Walk::new(checks, say);
    if let Ok(dialer) = way(spec, common, &mut walk).await {
        // Its findings say all that there is.
        let _ = at_engine(&spec.name, dialer, &mut walk).await;
    }
    walk.verdict()
}

/// The steps up to the engine.
async fn way(spec: &HostSpec, common: &Common, walk: &mut Walk<'_>) -> Result<Dialer, Ended> {
    match &spec.endpoint {
        Endpoint::Unix(path) => {
            socket_file(path, walk).await?;
            Ok(Dialer::unix(path.clone()))
        }
        Endpoint::Tcp { host, port } => {
            let local = address(host, *port, &spec.endpoint, walk).await?;
            if local {
                walk.skip(
                    Check::Certificate,
                    "without TLS, on this machine's own address",
                );
            } else {
                walk.warn(
                    Check::Certificate,
                    "without TLS: whoever reaches this port is root on the host",
                    "protect the engine's port with TLS (https://), or close it and use ssh://",
                );
            }
            Ok(Dialer::tcp(host, *port))
        }
        Endpoint::Tls { host, port, files } => {
            address(host, *port, &spec.endpoint, walk).await?;
            certificates(host, *port, files, walk).await
        }
        Endpoint::Ssh {
            destination,
            port,
            socket,
        } => {
            let ssh = match common.ssh() {
                Ok(ssh) => ssh,
                Err(trouble) => return Err(walk.fail(Check::Configuration, None, &trouble)),
            };
            let tunnel = ssh
                .walk(destination, *port, socket.as_deref(), walk)
                .await?;
            Ok(Dialer::Ssh(Arc::new(tunnel)))
        }
    }
}

/// Whether the socket's file is there and this account may open it.
async fn socket_file(path: &Path, walk: &mut Walk<'_>) -> Result<(), Ended> {
    let shown = path.display();
    match tokio::fs::metadata(path).await {
        Err(error) => {
            return Err(walk.fail(Check::Socket, None, &trouble::of_socket(path, &error)));
        }
        Ok(found) if !found.file_type().is_socket() => {
            let trouble = trouble::trouble(
                TroubleKind::SocketMissing,
                format!("{shown} is no socket"),
                "correct the host's endpoint in the configuration",
            );
            return Err(walk.fail(Check::Socket, None, &trouble));
        }
        Ok(found) => {
            let (mode, uid, gid) = (found.permissions().mode() & 0o777, found.uid(), found.gid());
            walk.ok(
                Check::Socket,
                &format!("{shown} is there: mode {mode:03o}, user {uid}, group {gid}"),
            );
        }
    }
    let tried = timeout(DEADLINE, tokio::net::UnixStream::connect(path)).await;
    let uid = rustix::process::geteuid().as_raw();
    match tried {
        Ok(Ok(_)) => walk.ok(Check::Access, &format!("user {uid} may open it")),
        Ok(Err(error)) => {
            let check = match error.kind() {
                io::ErrorKind::ConnectionRefused => {
                    walk.ok(Check::Access, &format!("user {uid} may open it"));
                    Check::Engine
                }
                _ => Check::Access,
            };
            return Err(walk.fail(check, None, &trouble::of_socket(path, &error)));
        }
        Err(_) => {
            let trouble = trouble::late(&shown.to_string(), DEADLINE);
            return Err(walk.fail(Check::Access, None, &trouble));
        }
    }
    Ok(())
}

/// The name and the port; answers whether it is this machine's own.
async fn address(
    host: &str,
    port: u16,
    endpoint: &Endpoint,
    walk: &mut Walk<'_>,
) -> Result<bool, Ended> {
    let found = resolved(host, port, walk, None).await?;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in &found {
        match timeout(DEADLINE, TcpStream::connect(address)).await {
            Ok(Ok(_)) => {
                walk.ok(Check::Tcp, &format!("{address} answers"));
                return Ok(address.ip().is_loopback());
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(walk.fail(Check::Tcp, None, &trouble::of_address(endpoint, &last)))
}

/// Looks a name up on this machine.
pub(super) async fn resolved(
    host: &str,
    port: u16,
    walk: &mut Walk<'_>,
    hop: Option<&str>,
) -> Result<Vec<std::net::SocketAddr>, Ended> {
    if let Ok(address) = host.parse::<std::net::IpAddr>() {
        walk.tell(
            Check::Name,
            hop,
            Mark::Ok,
            &format!("{host} is an address"),
            "",
        );
        return Ok(vec![(address, port).into()]);
    }
    let found = match timeout(DEADLINE, lookup_host((host, port))).await {
        Ok(Ok(found)) => found.collect::<Vec<_>>(),
        Ok(Err(error)) => return Err(walk.fail(Check::Name, hop, &trouble::of_name(host, &error))),
        Err(_) => {
            let error = io::Error::from(io::ErrorKind::TimedOut);
            return Err(walk.fail(Check::Name, hop, &trouble::of_name(host, &error)));
        }
    };
    let addresses: Vec<String> = found.iter().map(|one| one.ip().to_string()).collect();
    let saw = format!("{host} is {}", addresses.join(", "));
    walk.tell(Check::Name, hop, Mark::Ok, &saw, "");
    Ok(found)
}

/// Our certificate and the engine's: whether they can be read, their dates and names.
async fn certificates(
    host: &str,
    port: u16,
    files: &TlsFiles,
    walk: &mut Walk<'_>,
) -> Result<Dialer, Ended> {
    let dialer = match Dialer::tls(host, port, files) {
        Ok(dialer) => dialer,
        Err(trouble) => return Err(walk.fail(Check::Certificate, None, &trouble)),
    };
    let ours = match &files.cert {
        Some(path) => tls::first_certificate(path),
        None => None,
    };
    let theirs = match dialer.peer_certificate(files).await {
        Ok(theirs) => theirs,
        Err(trouble) => return Err(walk.fail(Check::Certificate, None, &trouble)),
    };
    // Whether the two accept each other is seen when they speak.
    if let Err(trouble) = super::wire::Wire::shake_hands(&dialer).await {
        let saw = told_certificate(theirs.as_ref());
        let trouble = Trouble {
            reason: format!("{} ({saw})", trouble.reason),
            ..trouble
        };
        return Err(walk.fail(Check::Certificate, None, &trouble));
    }
    let now = Timestamp::now().as_second();
    let mut saw = vec![format!(
        "the engine's is {}",
        told_certificate(theirs.as_ref())
    )];
    let mut remedies = Vec::new();
    if files.skip_verify {
        remedies.push(
            "any certificate is accepted here (skip_verify): name the authority (ca)".to_owned(),
        );
    }
    remedies.extend(
        theirs
            .as_ref()
            .and_then(|one| renewal(one, now, "the engine's")),
    );
    if let Some(ours) = ours.as_deref().and_then(certificate::read) {
        saw.push(format!(
            "ours is good until {}",
            ours.until.strftime("%Y-%m-%d")
        ));
        remedies.extend(renewal(&ours, now, "our"));
    } else if files.cert.is_none() {
        saw.push("we show none".to_owned());
    }
    if remedies.is_empty() {
        walk.ok(Check::Certificate, &saw.join("; "));
    } else {
        walk.warn(Check::Certificate, &saw.join("; "), &remedies.join("; "));
    }
    Ok(dialer)
}

fn told_certificate(certificate: Option<&Certificate>) -> String {
    match certificate {
        Some(one) => format!(
            "for {}, good from {} until {}",
            if one.names.is_empty() {
                "no name".to_owned()
            } else {
                one.names.join(", ")
            },
            one.from.strftime("%Y-%m-%d"),
            one.until.strftime("%Y-%m-%d")
        ),
        None => "not understood".to_owned(),
    }
}

fn renewal(certificate: &Certificate, now: i64, whose: &str) -> Option<String> {
    let left = certificate.until.as_second() - now;
    (left < RENEW).then(|| format!("renew {whose} certificate: it ends in {}", span(left)))
}

/// The engine itself: that it answers, its versions, its clock, its disk.
async fn at_engine(name: &HostName, dialer: Dialer, walk: &mut Walk<'_>) -> Result<(), Ended> {
    let session = match Session::open(dialer).await {
        Ok(session) => session,
        Err(trouble) => {
            let check = if trouble.kind == TroubleKind::ApiVersion {
                walk.warn(Check::Engine, "it answers, and speaks another language", "");
                Check::Api
            } else {
                Check::Engine
            };
            return Err(walk.fail(check, None, &trouble));
        }
    };
    let version = session
        .wire
        .get("/version")
        .within(DEADLINE)
        .json::<Value>();
    let version = match version.await {
        Ok(version) => version,
        Err(fault) => {
            let trouble = trouble::trouble(
                TroubleKind::Other,
                format!("the engine answers a ping and not /version: {fault}"),
                "look at the engine's log",
            );
            return Err(walk.fail(Check::Engine, None, &trouble));
        }
    };
    let product = match session.product {
        Product::Docker => "Docker",
        Product::Podman => "Podman",
    };
    let said = text(&version, "Version");
    let ms = session.latency_ms;
    walk.ok(
        Check::Engine,
        &format!("{product} {said} answered in {ms:.0} ms"),
    );
    api(&session, &version, walk)?;
    clock(&session, walk).await;
    disk(name, &session, walk).await;
    Ok(())
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or("?")
}

/// The versions of the API on both sides. That the engine's newest is old enough was seen before.
fn api(session: &Session, version: &Value, walk: &mut Walk<'_>) -> Result<(), Ended> {
    let (lowest, highest) = (text(version, "MinAPIVersion"), text(version, "ApiVersion"));
    let ranges = format!("it speaks {lowest} to {highest}, Wharf {OLDEST} to {NEWEST}");
    if super::session::Api::parse(lowest).is_some_and(|lowest| lowest > NEWEST) {
        let trouble = trouble::trouble(
            TroubleKind::ApiVersion,
            format!("{ranges}: nothing in common"),
            "use a newer Wharf, or let the engine speak older versions (DOCKER_MIN_API_VERSION)",
        );
        return Err(walk.fail(Check::Api, None, &trouble));
    }
    walk.ok(Check::Api, &format!("{ranges}; {} is spoken", session.api));
    Ok(())
}

/// Compares the engine's clock with ours. The engine read its clock between our question and its
/// answer, most likely in the middle; half the round trip is what that can be wrong by.
async fn clock(session: &Session, walk: &mut Walk<'_>) {
    let (asked, before) = (Timestamp::now(), Instant::now());
    let info = session
        .wire
        .get("/info")
        .within(DEADLINE * 2)
        .json::<Value>()
        .await;
    let half = before.elapsed().as_secs_f64() / 2.0;
    let theirs = info.ok().and_then(|info| {
        let time = info.get("SystemTime")?.as_str()?;
        time.parse::<Timestamp>().ok()
    });
    let Some(theirs) = theirs else {
        return walk.skip(Check::Clock, "the engine does not tell its time");
    };
    let skew = theirs.duration_since(asked).as_secs_f64() - half;
    match told_skew(skew, half) {
        (saw, true) => walk.ok(Check::Clock, &saw),
        (saw, false) => walk.warn(
            Check::Clock,
            &saw,
            "bring the clocks right on both machines: timedatectl set-ntp true, or chronyc makestep",
        ),
    }
}

/// The skew in words, in seconds and what it can be wrong by, and whether it is small enough.
fn told_skew(skew: f64, doubt: f64) -> (String, bool) {
    let way = if skew < 0.0 { "behind" } else { "ahead of" };
    let far = skew.abs();
    let doubted = |seconds: f64| {
        if seconds < 1.0 {
            format!("{:.0} ms", seconds * 1000.0)
        } else {
            format!("{seconds:.1} s")
        }
    };
    if far <= doubt {
        return (format!("as ours, give or take {}", doubted(doubt)), true);
    }
    let saw = format!(
        "{} {way} ours, give or take {}",
        doubted(far),
        doubted(doubt)
    );
    (saw, far - doubt <= SKEW)
}

/// Free space where the engine keeps its data.
async fn disk(name: &HostName, session: &Session, walk: &mut Walk<'_>) {
    let Some(mut meter) = Meter::of(session).await else {
        return walk.skip(Check::Disk, "this way shows nothing of the host's disks");
    };
    let load = match meter.read().await {
        Ok(load) => load,
        Err(why) => return walk.skip(Check::Disk, &format!("not seen: {why}")),
    };
    let Some(percent) = load.disk_percent() else {
        return walk.skip(Check::Disk, "the size of the engine's disk is not known");
    };
    let free = bytes(load.disk_total.saturating_sub(load.disk));
    let saw = format!(
        "{free} of {} free for {}, {percent:.0} % in use",
        bytes(load.disk_total),
        meter.root()
    );
    if percent >= HostLoad::DISK_FILLS {
        let remedy = format!(
            "make room: `host prune @{name} --images` and so on; df -h {}",
            meter.root()
        );
        walk.warn(Check::Disk, &saw, &remedy);
    } else {
        walk.ok(Check::Disk, &saw);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_skew_counts_only_beyond_what_it_can_be_wrong_by() {
        let told = |skew, doubt| told_skew(skew, doubt);
        assert_eq!(
            told(0.01, 0.02),
            ("as ours, give or take 20 ms".to_owned(), true)
        );
        assert_eq!(
            told(-1.5, 0.01),
            ("1.5 s behind ours, give or take 10 ms".to_owned(), true)
        );
        assert_eq!(
            told(90.0, 0.5),
            (
                "90.0 s ahead of ours, give or take 500 ms".to_owned(),
                false
            )
        );
        assert!(told(3.0, 2.0).1, "three seconds, known to two, may be one");
    }

    #[test]
    fn what_comes_after_a_failure_is_not_reached() {
        let found = Mutex::new(Vec::new());
        let say = |finding: Finding| found.lock().unwrap().push((finding.check, finding.mark));
        let mut walk = Walk::new(&UNIX, &say);
        walk.ok(Check::Socket, "there");
        assert_eq!(walk.next(), Some(Check::Access));
        let trouble = trouble::trouble(TroubleKind::SocketDenied, "no", "do");
        walk.fail(Check::Access, None, &trouble);
        assert_eq!(walk.verdict(), Err("no; do".to_owned()));
        let marks: Vec<_> = found
            .lock()
            .unwrap()
            .iter()
            .map(|(_, mark)| *mark)
            .collect();
        assert_eq!(marks[..2], [Mark::Ok, Mark::Failed]);
        assert!(marks[2..].iter().all(|mark| *mark == Mark::NotReached));
        assert_eq!(marks.len(), UNIX.len());
    }

    #[test]
    fn a_way_with_warnings_can_be_used() {
        let mut walk = Walk::new(&UNIX, &|_| ());
        walk.warn(Check::Disk, "full", "prune");
        assert_eq!(walk.verdict(), Ok("with 1 warning".to_owned()));
    }
}
