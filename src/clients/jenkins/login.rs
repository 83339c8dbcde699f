//! Who we are to a server: a token, or a password with a crumb and the session that the crumb is of.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::task::spawn_blocking;

use crate::{
    clients::{Error, ErrorKind},
    model::{
        jenkins::{JenkinsSpec, Kept},
        release::{SecretOf, Secrets},
    },
};

/// What opens one server.
#[derive(Debug)]
pub(super) struct Login {
    spec: Arc<JenkinsSpec>,
    secrets: Secrets,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// What goes with each request.
    basic: Option<HeaderValue>,
    /// What goes with requests that change something: the crumb, and the session.
    crumb: Option<HeaderMap>,
}

impl Login {
    pub fn new(spec: Arc<JenkinsSpec>, secrets: Secrets) -> Self {
        Self {
            spec,
            secrets,
            known: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What goes with each request.
    pub async fn headers(&self, doing: &str) -> Result<HeaderMap, Error> {
        let known = self.known().basic.clone();
        let basic = match known {
            Some(basic) => Some(basic),
            None => self.read(doing).await?,
        };
        self.known().basic.clone_from(&basic);
        Ok(basic
            .into_iter()
            .map(|basic| (AUTHORIZATION, basic))
            .collect())
    }

    /// What nobody may see, in the parts that could stand somewhere.
    pub async fn hidden(&self) -> Vec<String> {
        match self.secret("").await {
            Ok(Some(secret)) => vec![secret.expose_secret().to_owned()],
            Ok(None) | Err(_) => Vec::new(),
        }
    }

    async fn secret(&self, doing: &str) -> Result<Option<SecretString>, Error> {
        let Some(kept) = self.spec.login.kept().cloned() else {
            return Ok(None);
        };
        let secrets = self.secrets.clone();
        let read = spawn_blocking(move || match kept {
            Kept::File(path) => secrets.value(&SecretOf::File(&path.to_string_lossy())),
            Kept::Variable(name) => secrets.value(&SecretOf::Variable(&name)),
        });
        let told = read.await.unwrap_or_else(|error| Err(error.to_string()));
        told.map(Some).map_err(|why| {
            let why = format!("what opens {} is not known: {why}", self.spec.name);
            Error::new(ErrorKind::Login, doing, why)
        })
    }

    async fn read(&self, doing: &str) -> Result<Option<HeaderValue>, Error> {
        let (Some(user), Some(secret)) = (self.spec.login.user(), self.secret(doing).await?) else {
            return Ok(None);
        };
        let pair = format!("{user}:{}", secret.expose_secret().trim());
        Ok(hidden(&format!("Basic {}", STANDARD.encode(pair))))
    }

    /// Reads the secret anew; whether it is another one than before.
    pub async fn is_new(&self, doing: &str) -> Result<bool, Error> {
        let now = self.read(doing).await?;
        let mut known = self.known();
        let is_new = known.basic != now;
        known.basic = now;
        known.crumb = None;
        Ok(is_new)
    }

    /// Whether a crumb is kept.
    pub fn has_crumb(&self) -> bool {
        self.known().crumb.is_some()
    }

    /// Whether the crumb is of a session.
    pub fn has_session(&self) -> bool {
        let known = self.known();
        known
            .crumb
            .as_ref()
            .is_some_and(|crumb| crumb.contains_key(COOKIE))
    }

    /// What goes with a request that changes something.
    pub fn crumb(&self) -> HeaderMap {
        self.known().crumb.clone().unwrap_or_default()
    }

    /// Keeps a crumb with its session.
    pub fn keep_crumb(&self, field: &str, crumb: &str, cookies: &str) {
        let mut headers = HeaderMap::new();
        if let (Ok(field), Some(crumb)) = (HeaderName::from_bytes(field.as_bytes()), hidden(crumb))
        {
            headers.insert(field, crumb);
        }
        if let Some(cookies) = hidden(cookies).filter(|cookies| !cookies.is_empty()) {
            headers.insert(COOKIE, cookies);
        }
        self.known().crumb = Some(headers);
    }

    /// Forgets the crumb; whether there was one.
    pub fn drop_crumb(&self) -> bool {
        self.known().crumb.take().is_some()
    }
}

/// The cookies that an answer sets, as they are sent back.
pub(super) fn cookies(headers: &HeaderMap) -> String {
    let set = headers.get_all(SET_COOKIE).iter();
    let set = set.filter_map(|value| value.to_str().ok());
    let pairs: Vec<&str> = set
        .filter_map(|value| value.split(';').next())
        .map(str::trim)
        .collect();
    pairs.join("; ")
}

/// A header that is shown nowhere.
fn hidden(text: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}
