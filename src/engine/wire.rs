//! HTTP with one engine: pooled connections, deadlines that cover the body, errors in the engine's own words.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body as HttpBody, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, UPGRADE};
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::dial::{DialError, Dialer};
use super::error::Fault;
use super::trouble;
use crate::model::{Trouble, TroubleKind, printable};

/// How long a plain question may take, its answer included.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// Idle connections kept per host: enough for a burst, few enough for hundreds of hosts.
const IDLE_KEPT: usize = 2;

/// How long an idle connection is kept.
const IDLE_FOR: Duration = Duration::from_secs(90);

/// No answer that is read as a whole is larger than this.
const LARGEST: usize = 256 << 20;

/// A request's body.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// HTTP with one engine. Clones share their connections.
#[derive(Clone)]
pub(super) struct Wire {
    client: Client<Dialer, Body>,
    authority: Arc<str>,
    shows_certificate: bool,
    /// `/v1.41`, or nothing before it is known.
    version: Arc<str>,
}

impl Wire {
    /// Speaks over streams of that dialer; opens none before the first request.
    pub fn new(dialer: Dialer) -> Self {
        let authority = Arc::from(dialer.authority());
        let shows_certificate = dialer.shows_certificate();
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(IDLE_KEPT)
            .pool_idle_timeout(IDLE_FOR)
            .pool_timer(TokioTimer::new())
            .build(dialer);
        Self {
            client,
            authority,
            shows_certificate,
            version: Arc::from(""),
        }
    }

    /// The same wire, which from now on names that API version (`1.41`) in each request.
    pub fn with_version(self, version: &str) -> Self {
        Self {
            version: Arc::from(format!("/v{version}")),
            ..self
        }
    }

    /// Whether both sides of TLS accept each other: with TLS 1.3 a refusal of our certificate comes
    /// with the first answer only. What is wrong beyond TLS is not told here.
    pub async fn shake_hands(dialer: &Dialer) -> Result<(), Trouble> {
        match Self::new(dialer.clone()).get("/_ping").status().await {
            Err(Fault::Way(trouble)) if trouble.kind == TroubleKind::Tls => Err(trouble),
            Err(Fault::Cut(_)) => dialer.refusal().await.map_or(Ok(()), Err),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// A question.
    pub fn get(&self, path: impl Into<String>) -> Ask<'_> {
        self.ask(Method::GET, path)
    }

    /// A question of which only the headers of the answer matter.
    pub fn head(&self, path: impl Into<String>) -> Ask<'_> {
        self.ask(Method::HEAD, path)
    }

    /// An order.
    pub fn post(&self, path: impl Into<String>) -> Ask<'_> {
        self.ask(Method::POST, path)
    }

    /// An order with content.
    pub fn put(&self, path: impl Into<String>) -> Ask<'_> {
        self.ask(Method::PUT, path)
    }

    /// An order to remove.
    pub fn delete(&self, path: impl Into<String>) -> Ask<'_> {
        self.ask(Method::DELETE, path)
    }

    fn ask(&self, method: Method, path: impl Into<String>) -> Ask<'_> {
        Ask {
            wire: self,
            method,
            path: path.into(),
            kind: None,
            registry_auth: None,
            more: Vec::new(),
            body: empty(),
            deadline: DEADLINE,
        }
    }

    /// Sends a request that somebody else made (bollard): only its path and query, method, headers and body are taken.
    pub async fn forward<B>(&self, request: Request<B>) -> Result<Response<Incoming>, Fault>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = self.uri(path)?;
        let body = body.map_err(io::Error::other).boxed_unsync();
        self.send(Request::from_parts(parts, body)).await
    }

    fn uri(&self, path: &str) -> Result<hyper::Uri, Fault> {
        format!("http://{}{}{path}", self.authority, self.version)
            .parse()
            .map_err(|error| Fault::Garbled(format!("'{path}' cannot be asked for: {error}")))
    }

    async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, Fault> {
        match self.client.request(request).await {
            Ok(response) => Ok(response),
            Err(error) => Err(self.explain(&error)),
        }
    }

    /// What an error of hyper is about.
    fn explain(&self, error: &(dyn StdError + 'static)) -> Fault {
        let mut deepest = error;
        let mut next = Some(error);
        while let Some(error) = next {
            match error.downcast_ref::<DialError>() {
                Some(DialError::Way(trouble)) => return Fault::Way(trouble.clone()),
                Some(DialError::Busy(why)) => return Fault::Busy(why.clone()),
                None => {}
            }
            deepest = error;
            next = error.source();
        }
        match trouble::of_tls(&self.authority, self.shows_certificate, error) {
            Some(trouble) => Fault::Way(trouble),
            None => Fault::Cut(printable(&deepest.to_string())),
        }
    }
}

/// A request that is being put together.
pub(super) struct Ask<'w> {
    wire: &'w Wire,
    method: Method,
    path: String,
    kind: Option<&'static str>,
    registry_auth: Option<String>,
    more: Vec<(&'static str, String)>,
    body: Body,
    deadline: Duration,
}

impl Ask<'_> {
    /// With this deadline instead of the usual one.
    pub fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// With a JSON body.
    pub fn json_body(self, value: &impl Serialize) -> Self {
        let text = serde_json::to_vec(value).expect("our own request bodies are plain values");
        self.body("application/json", full(text))
    }

    /// With a body of that content type.
    pub fn body(self, kind: &'static str, body: Body) -> Self {
        let kind = Some(kind);
        Self { kind, body, ..self }
    }

    /// With what opens the registry that the engine is to speak with, as base64 of JSON.
    pub fn registry_auth(self, key: Option<String>) -> Self {
        Self {
            registry_auth: key,
            ..self
        }
    }

    /// With one more header, which may be a secret.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.more.push((name, value.into()));
        self
    }

    /// The answer's head; its body is read by the caller, without a deadline.
    pub async fn response(self) -> Result<Response<Incoming>, Fault> {
        let deadline = self.deadline;
        timeout(deadline, self.respond(None))
            .await
            .unwrap_or(Err(Fault::Late(deadline)))
    }

    /// The whole answer; the deadline covers its body too.
    pub async fn bytes(self) -> Result<Bytes, Fault> {
        self.status_and_bytes().await.map(|(_, bytes)| bytes)
    }

    /// The answer's status, its body read and thrown away.
    pub async fn status(self) -> Result<StatusCode, Fault> {
        self.status_and_bytes().await.map(|(status, _)| status)
    }

    /// The answer read as JSON.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, Fault> {
        let bytes = self.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|error| Fault::Garbled(error.to_string()))
    }

    /// Asks to speak freely over the connection from now on (Docker's hijack).
    pub async fn upgrade(self) -> Result<TokioIo<Upgraded>, Fault> {
        self.upgrade_to("tcp").await
    }

    /// Asks to speak in that way over the connection from now on.
    pub async fn upgrade_to(self, protocol: &'static str) -> Result<TokioIo<Upgraded>, Fault> {
        let wire = self.wire.clone();
        let deadline = self.deadline;
        let opened = timeout(deadline, async {
            let response = self.respond(Some(protocol)).await?;
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                return Err(Fault::Garbled(format!(
                    "the engine does not hand over the connection (HTTP {})",
                    response.status().as_u16()
                )));
            }
            hyper::upgrade::on(response)
                .await
                .map_err(|error| wire.explain(&error))
        });
        let upgraded = opened.await.unwrap_or(Err(Fault::Late(deadline)))?;
        Ok(TokioIo::new(upgraded))
    }

    async fn status_and_bytes(self) -> Result<(StatusCode, Bytes), Fault> {
        let wire = self.wire.clone();
        let deadline = self.deadline;
        let whole = timeout(deadline, async {
            let response = self.respond(None).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LARGEST).collect().await;
            match body {
                Ok(body) => Ok((status, body.to_bytes())),
                Err(error) => Err(wire.explain(&*error)),
            }
        });
        whole.await.unwrap_or(Err(Fault::Late(deadline)))
    }

    async fn respond(self, upgrade: Option<&'static str>) -> Result<Response<Incoming>, Fault> {
        let mut request = Request::new(self.body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.wire.uri(&self.path)?;
        let headers = request.headers_mut();
        if let Some(kind) = self.kind {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        if let Some(key) = self.registry_auth {
            let mut value =
                HeaderValue::from_str(&key).map_err(|error| Fault::Garbled(error.to_string()))?;
            value.set_sensitive(true);
            headers.insert("X-Registry-Auth", value);
        }
        for (name, value) in self.more {
            let mut value =
                HeaderValue::from_str(&value).map_err(|error| Fault::Garbled(error.to_string()))?;
            value.set_sensitive(true);
            headers.append(name, value);
        }
        if let Some(protocol) = upgrade {
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static(protocol));
        }
        let response = self.wire.send(request).await?;
        let status = response.status();
        if status.is_success()
            || status == StatusCode::NOT_MODIFIED
            || status == StatusCode::SWITCHING_PROTOCOLS
        {
            Ok(response)
        } else {
            Err(refusal(response).await)
        }
    }
}

/// Reads the engine's error: `{"message": "…"}`, Podman's `{"cause", "message"}`, or plain text of a proxy.
async fn refusal(response: Response<Incoming>) -> Fault {
    #[derive(serde::Deserialize)]
    struct Message {
        message: String,
    }
    let status = response.status();
    let text = match Limited::new(response.into_body(), 64 << 10).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::new(),
    };
    let message = match serde_json::from_slice::<Message>(&text) {
        Ok(message) => message.message,
        Err(_) => String::from_utf8_lossy(&text).trim().to_owned(),
    };
    let message = if message.is_empty() {
        format!("HTTP {status}")
    } else {
        printable(message.trim())
    };
    if status == StatusCode::BAD_REQUEST && message.contains("HTTP request to an HTTPS server") {
        return Fault::Way(trouble::trouble(
            TroubleKind::Tls,
            "the engine there wants TLS",
            "write https:// and name the certificates of this host in the configuration",
        ));
    }
    Fault::Refused {
        status: status.as_u16(),
        message,
    }
}

/// No body.
pub(super) fn empty() -> Body {
    full(Bytes::new())
}

/// A body that is there as a whole.
pub(super) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// `?a=1&b=%2F`, or nothing for no pairs.
pub(super) fn query(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        text.push(if text.is_empty() { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        text.push_str(&escape(value));
    }
    text
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
pub(super) fn escape(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{escape, query};

    #[test]
    fn queries_are_escaped() {
        assert_eq!(query(&[]), "");
        assert_eq!(
            query(&[("all", "1"), ("filters", r#"{"a":["b c"]}"#)]),
            "?all=1&filters=%7B%22a%22%3A%5B%22b%20c%22%5D%7D"
        );
        assert_eq!(escape("/etc/ä"), "%2Fetc%2F%C3%A4");
    }
}
