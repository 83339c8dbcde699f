//! An engine that answered: the wire to it, who it is, and the API version agreed on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bollard::Docker;
use hyper::header::{DATE, HeaderMap, SERVER};
use tokio::sync::Semaphore;

use super::dial::Dialer;
use super::docker;
use super::error::Fault;
use super::ssh::Tunnel;
use super::trouble::{late, lost, trouble};
use super::wire::Wire;
use crate::model::{Product, Timestamp, Trouble, TroubleKind, Way};

/// The newest API version this program knows (bollard's).
pub(super) const NEWEST: Api = Api(53);

/// The oldest one it can use (Docker 1.12, and what Docker 25 and later still accepted at first).
pub(super) const OLDEST: Api = Api(24);

/// Streams left for events, requests, a log and a shell.
const OTHER_STREAMS: usize = 6;

/// Samples asked for at the same time by those who got no stream.
const TURNS: usize = 2;

/// How long the first answer may take.
const HELLO: Duration = Duration::from_secs(5);

/// An API version `1.N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Api(pub u16);

impl Api {
    /// Reads `1.41`.
    pub fn parse(text: &str) -> Option<Self> {
        text.trim().strip_prefix("1.")?.parse().ok().map(Self)
    }
}

impl std::fmt::Display for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "1.{}", self.0)
    }
}

/// An engine that answered. Clones share its connections.
#[derive(Clone)]
pub(super) struct Session {
    /// HTTP with it.
    pub wire: Wire,
    /// bollard over the same connections.
    pub docker: Docker,
    /// Who makes it.
    pub product: Product,
    /// The version that is spoken.
    pub api: Api,
    /// The way to it.
    pub way: Way,
    /// The ssh connection it goes through.
    pub tunnel: Option<Arc<Tunnel>>,
    /// Streams of samples that may be open: what the way allows, less some for everything else.
    pub streams: Arc<Semaphore>,
    /// Those who got no stream take turns to ask.
    pub turns: Arc<Semaphore>,
    /// One at a time freezes containers, so that nobody lets go on what another one has frozen.
    pub freezing: Arc<Semaphore>,
    /// Its clock when it answered, in seconds; events are asked for from then on.
    pub clock: Option<i64>,
    /// When it answered, by our clock.
    pub heard: Timestamp,
    /// How long the first answer took, in milliseconds, the opening of the connection included.
    pub latency_ms: f32,
}

impl Session {
    /// Says hello to an engine and agrees on a version.
    pub async fn open(dialer: Dialer) -> Result<Self, Trouble> {
        let way = dialer.way();
        let tunnel = dialer.tunnel();
        let streams = dialer.max_streams().saturating_sub(OTHER_STREAMS);
        let wire = Wire::new(dialer.clone());
        let before = Instant::now();
        let headers = match wire.get("/_ping").within(HELLO).response().await {
            Ok(response) => response.headers().clone(),
            Err(fault @ Fault::Cut(_)) => {
                let told = dialer.refusal().await;
                return Err(told.unwrap_or_else(|| unanswered(fault)));
            }
            Err(fault) => return Err(unanswered(fault)),
        };
        let latency_ms = before.elapsed().as_secs_f32() * 1000.0;
        let hello = Hello::read(&headers)?;
        let wire = wire.with_version(&hello.api.to_string());
        Ok(Self {
            docker: docker::over(&wire, hello.api),
            wire,
            product: hello.product,
            api: hello.api,
            way,
            tunnel,
            streams: Arc::new(Semaphore::new(streams)),
            turns: Arc::new(Semaphore::new(TURNS)),
            freezing: Arc::new(Semaphore::new(1)),
            clock: hello.clock,
            heard: Timestamp::now(),
            latency_ms,
        })
    }

    /// Asks whether the engine still answers; how long it took, in milliseconds.
    pub async fn ping(&self) -> Result<f32, Fault> {
        let before = Instant::now();
        self.wire.get("/_ping").within(HELLO).status().await?;
        Ok(before.elapsed().as_secs_f32() * 1000.0)
    }
}

/// What the headers of the first answer say.
#[derive(Debug, PartialEq, Eq)]
struct Hello {
    product: Product,
    api: Api,
    clock: Option<i64>,
}

impl Hello {
    fn read(headers: &HeaderMap) -> Result<Self, Trouble> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let server = text(SERVER.as_str()).unwrap_or("");
        let product = if server.contains("Libpod") || text("Libpod-Api-Version").is_some() {
            Product::Podman
        } else {
            Product::Docker
        };
        let Some(said) = text("Api-Version") else {
            return Err(trouble(
                TroubleKind::Other,
                "what answers there is not a Docker Engine",
                "look at the endpoint in the configuration",
            ));
        };
        match Api::parse(said) {
            Some(theirs) if theirs >= OLDEST => Ok(Self {
                product,
                api: theirs.min(NEWEST),
                clock: text(DATE.as_str()).and_then(http_date),
            }),
            Some(_) | None => Err(trouble(
                TroubleKind::ApiVersion,
                format!("the engine speaks API {said}, which is too old"),
                format!("update the engine to one that speaks API {OLDEST} or newer"),
            )),
        }
    }
}

/// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<i64> {
    let at = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(at.timestamp().as_second())
}

/// Why the first question brought no answer.
fn unanswered(fault: Fault) -> Trouble {
    match fault {
        Fault::Way(trouble) => trouble,
        Fault::Busy(why) => lost(&why),
        Fault::Late(after) => late("the engine", after),
        Fault::Cut(why) => lost(&why),
        Fault::Refused {
            status: status @ (401 | 403),
            message,
        } => trouble(
            TroubleKind::Other,
            format!("the engine, or a proxy before it, refuses us (HTTP {status}): {message}"),
            "look at the proxy's or plugin's rules",
        ),
        Fault::Refused { status, message } => trouble(
            TroubleKind::Other,
            format!("the engine answers with an error (HTTP {status}): {message}"),
            "look at the engine's log",
        ),
        Fault::Garbled(why) => trouble(
            TroubleKind::Other,
            format!("what answers there is not a Docker Engine: {why}"),
            "look at the endpoint in the configuration",
        ),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn hello(pairs: &[(&'static str, &'static str)]) -> Result<Hello, TroubleKind> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        Hello::read(&headers).map_err(|trouble| trouble.kind)
    }

    #[test]
    fn the_version_is_the_lower_of_the_two() {
        let date = ("date", "Sat, 21 Nov 2026 23:19:14 GMT");
        let docker = hello(&[
            ("server", "Docker/20.10.24 (linux)"),
            ("api-version", "1.41"),
            date,
        ])
        .unwrap();
        assert_eq!(
            (docker.product, docker.api, docker.clock),
            (Product::Docker, Api(41), Some(1_795_303_154))
        );
        let newer = hello(&[("api-version", "1.99")]).unwrap();
        assert_eq!((newer.api, newer.clock), (NEWEST, None));
        let podman = hello(&[("server", "Libpod/4.3.1 (linux)"), ("api-version", "1.41")]).unwrap();
        assert_eq!(podman.product, Product::Podman);
    }

    #[test]
    fn strangers_and_the_too_old_are_refused() {
        assert_eq!(hello(&[("server", "nginx")]), Err(TroubleKind::Other));
        assert_eq!(
            hello(&[("api-version", "1.18")]),
            Err(TroubleKind::ApiVersion)
        );
        assert_eq!(hello(&[("api-version", "2")]), Err(TroubleKind::ApiVersion));
    }
}
