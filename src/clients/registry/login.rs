//! Who we are to a registry: a password with each request, or tokens that are fetched with it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{
    StatusCode, Url,
    header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::task::spawn_blocking;

use super::{
    Scope,
    challenge::{self, Challenge},
    short_body,
};
use crate::{
    clients::{Error, ErrorKind},
    model::registry::{Key, Keys},
};

/// A token that says nothing of it lives so long:
/// <https://distribution.github.io/distribution/spec/auth/token/>.
const USUAL_LIFE: Duration = Duration::from_mins(1);
/// So long before its end a token counts as dead.
const BEFORE: Duration = Duration::from_secs(5);

/// What opens one registry.
#[derive(Debug)]
pub(super) struct Login {
    host: String,
    keys: Keys,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Who we said we are, once it was asked for.
    user: Option<String>,
    /// What goes with each request.
    basic: Option<HeaderValue>,
    /// What goes with requests of a scope, and until when.
    tokens: HashMap<Scope, (HeaderValue, Instant)>,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
    /// Seconds.
    expires_in: Option<u64>,
}

impl Login {
    pub fn new(host: &str, keys: Keys) -> Self {
        Self {
            host: host.to_owned(),
            keys,
            known: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who we are, if it was asked.
    pub fn user(&self) -> Option<String> {
        self.known().user.clone()
    }

    /// What goes with a request, as far as that is known.
    pub fn header(&self, scope: &Scope) -> Option<HeaderValue> {
        let known = self.known();
        let token = known.tokens.get(scope);
        let token = token.filter(|(_, until)| *until > Instant::now());
        token
            .map(|(header, _)| header.clone())
            .or_else(|| known.basic.clone())
    }

    /// Finds out what the registry asks for, so that the same request can be sent again.
    pub async fn answer(
        &self,
        http: &reqwest::Client,
        doing: &str,
        scope: &Scope,
        headers: &HeaderMap,
    ) -> Result<(), Error> {
        let asked = headers.get_all(WWW_AUTHENTICATE).iter();
        let asked: Vec<&str> = asked.filter_map(|value| value.to_str().ok()).collect();
        let Some(challenge) = challenge::read(&asked.join(", ")) else {
            let why = format!("{} asks for a login that is not understood", self.host);
            return Err(Error::new(ErrorKind::Login, doing, why));
        };
        let key = self.key(doing).await?;
        match challenge {
            Challenge::Basic => self.basic(doing, key),
            Challenge::Bearer { realm, service } => {
                let token = self
                    .token(http, doing, scope, &realm, service.as_deref(), key)
                    .await?;
                let life = token.expires_in.map_or(USUAL_LIFE, Duration::from_secs);
                let text = token.token.or(token.access_token);
                let header = text.and_then(|text| hidden(&format!("Bearer {text}")));
                let Some(header) = header else {
                    let why = format!("{realm} gives out no token");
                    return Err(Error::new(ErrorKind::Login, doing, why));
                };
                let until = Instant::now() + life.saturating_sub(BEFORE);
                self.known().tokens.insert(scope.clone(), (header, until));
                Ok(())
            }
        }
    }

    async fn key(&self, doing: &str) -> Result<Option<Key>, Error> {
        let (keys, host) = (self.keys.clone(), self.host.clone());
        let asked = spawn_blocking(move || keys.of(&host)).await;
        let told = asked.unwrap_or_else(|error| Err(error.to_string()));
        told.map_err(|why| Error::new(ErrorKind::Login, doing, why))
    }

    fn nobody(&self, doing: &str) -> Error {
        let why = format!(
            "{} asks who we are, and nobody knows what to say",
            self.host
        );
        let remedy = format!("log in with `docker login {}`", self.host);
        Error::new(ErrorKind::Login, doing, why).with(remedy)
    }

    fn basic(&self, doing: &str, key: Option<Key>) -> Result<(), Error> {
        match key {
            Some(Key::Password { user, password }) => {
                let mut known = self.known();
                known.basic = basic(&user, &password);
                known.user = Some(user);
                Ok(())
            }
            Some(Key::Token(_)) | None => Err(self.nobody(doing)),
        }
    }

    /// What it means that what we said was not enough.
    pub fn refused(&self, doing: &str) -> Error {
        let known = self.known();
        let user = known.user.as_deref().unwrap_or("nobody");
        let (host, again) = (&self.host, format!("`docker login {}`", self.host));
        if known.basic.is_some() {
            let why = format!("{host} does not take the password of {user}");
            Error::new(ErrorKind::Login, doing, why).with(format!("log in again with {again}"))
        } else {
            let why = format!("{host} does not let {user} do it");
            let remedy = format!("log in with {again}, as somebody who may do it");
            Error::new(ErrorKind::Login, doing, why).with(remedy)
        }
    }

    /// Fetches a token for a scope, by the rules of the token server.
    async fn token(
        &self,
        http: &reqwest::Client,
        doing: &str,
        scope: &Scope,
        realm: &str,
        service: Option<&str>,
        key: Option<Key>,
    ) -> Result<Token, Error> {
        let failed = |why: String| Error::new(ErrorKind::Login, doing, why);
        let mut url = Url::parse(realm)
            .map_err(|error| failed(format!("'{realm}', where tokens are to be had: {error}")))?;
        let is_anonymous = key.is_none();
        let request = match key {
            Some(Key::Token(token)) => {
                let mut form = vec![
                    ("grant_type", "refresh_token".to_owned()),
                    ("client_id", "wharf".to_owned()),
                    ("service", service.unwrap_or_default().to_owned()),
                    ("scope", scope.words().join(" ")),
                ];
                form.push(("refresh_token", token.expose_secret().to_owned()));
                self.known().user = Some("the holder of a token".to_owned());
                http.post(url).form(&form)
            }
            other => {
                let mut pairs = url.query_pairs_mut();
                pairs.extend_pairs(service.map(|service| ("service", service)));
                for word in scope.words() {
                    pairs.append_pair("scope", &word);
                }
                drop(pairs);
                match other {
                    Some(Key::Password { user, password }) => {
                        let request = http
                            .get(url)
                            .basic_auth(&user, Some(password.expose_secret()));
                        self.known().user = Some(user);
                        request
                    }
                    Some(Key::Token(_)) | None => http.get(url),
                }
            }
        };
        let sent = request.send().await;
        let response = sent.map_err(|error| Error::of_request(doing, &error))?;
        let status = response.status();
        let body = short_body(response).await;
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if is_anonymous => {
                Err(self.nobody(doing))
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let remedy = format!("log in again with `docker login {}`", self.host);
                Err(failed(format!("{realm} does not take the login")).with(remedy))
            }
            good if good.is_success() => serde_json::from_slice(&body)
                // What stands there could be a secret.
                .map_err(|_| failed(format!("what {realm} says is not understood"))),
            other => Err(failed(format!("{realm} answers {other}"))),
        }
    }
}

/// A header that is shown nowhere.
fn hidden(text: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

fn basic(user: &str, password: &SecretString) -> Option<HeaderValue> {
    let pair = format!("{user}:{}", password.expose_secret());
    hidden(&format!("Basic {}", STANDARD.encode(pair)))
}
