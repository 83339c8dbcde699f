//! etcd, version 3, by its JSON gateway: what is below a prefix is read, and made as it is to be in one transaction.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{
    Certificate, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
    redirect::Policy,
};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::super::{Error, ErrorKind};
use crate::model::{
    EtcdSpec,
    jenkins::Kept,
    printable,
    release::{SecretOf, Secrets},
};

/// So long a connection may take, and an answer.
const CONNECT: Duration = Duration::from_secs(3);
const ANSWER: Duration = Duration::from_secs(10);

/// So many operations a transaction may have, as etcd has it when nothing else is said (`--max-txn-ops`).
const MOST: usize = 128;

/// How often it is tried anew when somebody else wrote there meanwhile.
const TRIES: usize = 5;

/// Who is asked to be named when a certificate is not trusted.
const SECTION: &str = "[[discovery]] with ca";

/// One etcd.
pub(super) struct Etcd {
    name: Arc<str>,
    spec: EtcdSpec,
    http: reqwest::Client,
    secrets: Secrets,
    /// What was given for the password.
    token: Mutex<Option<String>>,
}

/// What is below a key, and since when: etcd counts all changes.
struct Stored {
    value: String,
    revision: String,
}

/// What differs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    put: Vec<String>,
    delete: Vec<String>,
}

impl Changes {
    /// Whether all is as it is to be.
    pub fn is_nothing(&self) -> bool {
        self.put.is_empty() && self.delete.is_empty()
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} keys and {} deletions",
            self.put.len(),
            self.delete.len()
        )
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Range {
    kvs: Vec<KeyValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct KeyValue {
    key: String,
    value: String,
    mod_revision: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Done {
    succeeded: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Token {
    token: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refused {
    error: String,
    message: String,
}

impl Etcd {
    /// Nothing is asked of it yet.
    pub fn open(name: &Arc<str>, spec: &EtcdSpec, secrets: &Secrets) -> Result<Self, Error> {
        let doing = format!("opening {name}");
        let http = reqwest::Client::builder()
            .user_agent(concat!("wharf/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            // What says who we are goes nowhere else.
            .redirect(Policy::none())
            .tls_certs_merge(authority(&doing, spec)?)
            .build()
            .map_err(|error| Error::of_request_to(SECTION, &doing, &error))?;
        Ok(Self {
            name: Arc::clone(name),
            spec: spec.clone(),
            http,
            secrets: secrets.clone(),
            token: Mutex::default(),
        })
    }

    /// What would have to be written.
    pub async fn differs(
        &self,
        doing: &str,
        prefix: &str,
        keys: &BTreeMap<String, String>,
    ) -> Result<Changes, Error> {
        let doing = format!("{doing} {}", self.name);
        Ok(changes(&self.below(&doing, prefix).await?, keys))
    }

    /// Makes what is below a prefix as it is to be; answers what was written. Readers see all of it at once, as long as it
    /// fits into one transaction; more of it comes in several, new keys first.
    pub async fn put(
        &self,
        doing: &str,
        prefix: &str,
        keys: &BTreeMap<String, String>,
    ) -> Result<Changes, Error> {
        let doing = format!("{doing} {}", self.name);
        for _ in 0..TRIES {
            let stored = self.below(&doing, prefix).await?;
            let changes = changes(&stored, keys);
            if changes.is_nothing() || self.write(&doing, &stored, keys, &changes).await? {
                return Ok(changes);
            }
        }
        let why = format!("somebody else writes below {prefix} all the time");
        let remedy = "give it a prefix of its own";
        Err(Error::new(ErrorKind::Refused, &doing, why).with(remedy))
    }

    /// Writes it, unless somebody else changed one of the keys meanwhile.
    async fn write(
        &self,
        doing: &str,
        stored: &BTreeMap<String, Stored>,
        keys: &BTreeMap<String, String>,
        changes: &Changes,
    ) -> Result<bool, Error> {
        let puts = changes.put.iter().map(|key| {
            let value = keys.get(key).map_or("", String::as_str);
            (
                key,
                json!({"requestPut": {"key": coded(key), "value": coded(value)}}),
            )
        });
        let deletes = changes
            .delete
            .iter()
            .map(|key| (key, json!({"requestDeleteRange": {"key": coded(key)}})));
        let all: Vec<(&String, Value)> = puts.chain(deletes).collect();
        for some in all.chunks(MOST) {
            let compare = some.iter().map(|(key, _)| {
                let revision = stored.get(*key).map_or("0", |one| &one.revision);
                json!({"key": coded(key), "target": "MOD", "result": "EQUAL", "modRevision": revision})
            });
            let success = some.iter().map(|(_, what)| what.clone());
            let asked = json!({
                "compare": compare.collect::<Vec<_>>(), "success": success.collect::<Vec<_>>(),
            });
            let done: Done = self.ask(doing, "kv/txn", &asked).await?;
            if !done.succeeded {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// All keys that begin so.
    async fn below(&self, doing: &str, prefix: &str) -> Result<BTreeMap<String, Stored>, Error> {
        let asked = json!({"key": coded(prefix), "rangeEnd": STANDARD.encode(after(prefix))});
        let range: Range = self.ask(doing, "kv/range", &asked).await?;
        let read = |text: &str| {
            let bytes = STANDARD.decode(text).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        let pairs = range.kvs.into_iter().map(|one| {
            let stored = Stored {
                value: read(&one.value)?,
                revision: one.mod_revision,
            };
            Some((read(&one.key)?, stored))
        });
        let all: Option<BTreeMap<String, Stored>> = pairs.collect();
        all.ok_or_else(|| Error::new(ErrorKind::Wrong, doing, "what it says is not understood"))
    }

    /// Asks the first member that answers.
    async fn ask<T: DeserializeOwned>(
        &self,
        doing: &str,
        path: &str,
        body: &Value,
    ) -> Result<T, Error> {
        let mut last = None;
        for endpoint in &self.spec.endpoints {
            match self.ask_one(doing, endpoint, path, body).await {
                Err(error) if error.kind == ErrorKind::Offline => last = Some(error),
                done => return done,
            }
        }
        Err(last.unwrap_or_else(|| Error::new(ErrorKind::Missing, doing, "it has no endpoint")))
    }

    async fn ask_one<T: DeserializeOwned>(
        &self,
        doing: &str,
        endpoint: &str,
        path: &str,
        body: &Value,
    ) -> Result<T, Error> {
        // A token lives for minutes; one that is over is asked for anew, once.
        for is_last in [false, true] {
            let token = match &self.spec.login {
                None => None,
                Some((user, kept)) => Some(self.token(doing, endpoint, user, kept).await?),
            };
            let (status, text) = self.post(doing, endpoint, path, body, token).await?;
            if status.is_success() {
                return serde_json::from_str(&text).map_err(|error| {
                    let why = format!("{endpoint}: what it says is not understood: {error}");
                    Error::new(ErrorKind::Wrong, doing, why)
                });
            }
            let refused: Refused = serde_json::from_str(&text).unwrap_or_default();
            let why = match (refused.error.as_str(), refused.message.as_str()) {
                ("", "") => format!("HTTP {status}"),
                ("", text) | (text, _) => printable(text),
            };
            let is_over = status == StatusCode::UNAUTHORIZED || why.contains("invalid auth token");
            if is_over && self.spec.login.is_some() && !is_last {
                *self.token.lock().unwrap_or_else(PoisonError::into_inner) = None;
                continue;
            }
            return Err(refusal(doing, endpoint, status, &why));
        }
        Err(Error::new(ErrorKind::Login, doing, "it does not let us in"))
    }

    async fn post(
        &self,
        doing: &str,
        endpoint: &str,
        path: &str,
        body: &Value,
        token: Option<String>,
    ) -> Result<(StatusCode, String), Error> {
        let of_request = |error: reqwest::Error| {
            let error = Error::of_request_to(SECTION, doing, &error);
            let why = format!("{endpoint}: {}", error.why);
            Error { why, ..error }
        };
        let mut asked = self
            .http
            .post(format!("{endpoint}/v3/{path}"))
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_string());
        if let Some(token) = token {
            asked = asked.header(AUTHORIZATION, token);
        }
        let answer = asked.send().await.map_err(of_request)?;
        let status = answer.status();
        let text = answer.text().await.map_err(of_request)?;
        Ok((status, text))
    }

    /// What is given for the password.
    async fn token(
        &self,
        doing: &str,
        endpoint: &str,
        user: &str,
        kept: &Kept,
    ) -> Result<String, Error> {
        let known = self
            .token
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(token) = known {
            return Ok(token);
        }
        let (secrets, from) = (self.secrets.clone(), kept.clone());
        let read = spawn_blocking(move || match from {
            Kept::File(path) => secrets.value(&SecretOf::File(&path.to_string_lossy())),
            Kept::Variable(name) => secrets.value(&SecretOf::Variable(&name)),
        });
        let told = read.await.unwrap_or_else(|error| Err(error.to_string()));
        let password = told.map_err(|why| {
            let why = format!("what opens it is not known: {why}");
            Error::new(ErrorKind::Login, doing, why)
        })?;
        let body = json!({"name": user, "password": password.expose_secret().trim()});
        let (status, text) = self
            .post(doing, endpoint, "auth/authenticate", &body, None)
            .await?;
        let token: Token = serde_json::from_str(&text).unwrap_or_default();
        if !status.is_success() || token.token.is_empty() {
            let why = format!("{endpoint} does not let {user} in");
            let remedy = format!("look at {kept}, and at the user there (etcdctl user get {user})");
            return Err(Error::new(ErrorKind::Login, doing, why).with(remedy));
        }
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.token.clone());
        Ok(token.token)
    }
}

/// Why it refused, and what to do.
fn refusal(doing: &str, endpoint: &str, status: StatusCode, why: &str) -> Error {
    let told = format!("{endpoint}: {why}");
    if status == StatusCode::NOT_FOUND {
        let remedy = "etcd 3.4 or newer is needed, with its JSON gateway (--enable-grpc-gateway)";
        return Error::new(ErrorKind::Missing, doing, told).with(remedy);
    }
    if why.contains("user name is empty") {
        let remedy = "write user and password_file into its [[discovery]]";
        return Error::new(ErrorKind::Login, doing, told).with(remedy);
    }
    if why.contains("permission denied") {
        let remedy = "let its user read and write below the prefix (etcdctl role grant-permission)";
        return Error::new(ErrorKind::Login, doing, told).with(remedy);
    }
    if status.is_server_error() {
        // Another member may have a leader.
        return Error::new(ErrorKind::Offline, doing, told);
    }
    Error::new(ErrorKind::Refused, doing, told)
}

/// What differs between what is there and what is to be.
fn changes(stored: &BTreeMap<String, Stored>, keys: &BTreeMap<String, String>) -> Changes {
    let is_so =
        |key: &String, value: &String| stored.get(key).is_some_and(|one| one.value == *value);
    Changes {
        put: keys
            .iter()
            .filter(|(key, value)| !is_so(key, value))
            .map(|(key, _)| key.clone())
            .collect(),
        delete: stored
            .keys()
            .filter(|key| !keys.contains_key(*key))
            .cloned()
            .collect(),
    }
}

fn coded(text: &str) -> String {
    STANDARD.encode(text)
}

/// The first key that is not below a prefix: prefixes end with a slash, which has a next one.
fn after(prefix: &str) -> Vec<u8> {
    let mut bytes = prefix.as_bytes().to_vec();
    if let Some(last) = bytes.last_mut() {
        *last = last.saturating_add(1);
    }
    bytes
}

fn authority(doing: &str, spec: &EtcdSpec) -> Result<Vec<Certificate>, Error> {
    let Some(file) = &spec.ca else {
        return Ok(Vec::new());
    };
    let failed = |why: String| {
        let why = format!("its authority {} cannot be used: {why}", file.display());
        let remedy = "name a PEM file as ca of its [[discovery]]";
        Error::new(ErrorKind::Wrong, doing, why).with(remedy)
    };
    let text = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
    let read = Certificate::from_pem_bundle(&text).map_err(|error| failed(error.to_string()))?;
    if read.is_empty() {
        return Err(failed("there is no certificate in it".to_owned()));
    }
    Ok(read)
}
