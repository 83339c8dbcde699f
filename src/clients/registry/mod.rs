//! Image registries, by the distribution protocol (version 2): what is in them, and moving names about.

mod act;
mod challenge;
mod listing;
mod login;
mod manifest;
mod site;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use reqwest::{
    Method, RequestBuilder, Response, StatusCode, Url,
    header::{AUTHORIZATION, HeaderValue},
};
use serde::Deserialize;

pub use self::{
    listing::TagFacts,
    manifest::{Configuration, Descriptor, Manifest, Parts, Platform},
};
use self::{login::Login, site::Site};
use super::{Error, ErrorKind};
use crate::model::registry::{HUB, Keys, RegistrySpec, Repository};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a registry may be silent.
const SILENT: Duration = Duration::from_mins(1);
/// Docker's own registry is not at the host that names of images stand for.
const HUB_HOST: &str = "registry-1.docker.io";
/// So much of an answer that tells of a failure is read.
const LONGEST_COMPLAINT: usize = 64 << 10;

/// How registries are reached.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Those that the configuration describes.
    pub specs: Vec<RegistrySpec>,
    /// Directories as docker has them, `certs.d`: below a registry's host lie its authorities, `*.crt`.
    pub certificates: Vec<PathBuf>,
    /// Who knows what opens them.
    pub keys: Keys,
}

/// All registries; each is opened when it is first asked.
#[derive(Clone, Debug)]
pub struct Registries {
    settings: Arc<Settings>,
    open: Arc<Mutex<HashMap<Arc<str>, Registry>>>,
}

impl Registries {
    /// Registries that are reached so.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings: Arc::new(settings),
            open: Arc::default(),
        }
    }

    /// One of them, by its host.
    ///
    /// # Errors
    /// When its authority cannot be read.
    pub fn open(&self, host: &str) -> Result<Registry, Error> {
        let mut open = match self.open.lock() {
            Ok(open) => open,
            // Whoever died with it did so between two whole entries.
            Err(poisoned) => poisoned.into_inner(),
        };
        if let Some(registry) = open.get(host) {
            return Ok(registry.clone());
        }
        let registry = Registry::new(host, &self.settings)?;
        open.insert(registry.host.clone(), registry.clone());
        Ok(registry)
    }
}

/// One registry.
#[derive(Clone, Debug)]
pub struct Registry {
    host: Arc<str>,
    http: reqwest::Client,
    site: Arc<Site>,
    login: Arc<Login>,
}

/// What a request is allowed to do where tokens are given out for each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    /// See whether the registry is there.
    Ping,
    /// Read which repositories there are.
    Catalog,
    /// Read a repository.
    Pull(Arc<str>),
    /// Write to a repository, and read another one too where that is named.
    Push(Arc<str>, Option<Arc<str>>),
    /// Delete from a repository.
    Delete(Arc<str>),
}

impl Scope {
    /// As it is asked for: <https://distribution.github.io/distribution/spec/auth/scope/>.
    fn words(&self) -> Vec<String> {
        match self {
            Self::Ping => Vec::new(),
            Self::Catalog => vec!["registry:catalog:*".to_owned()],
            Self::Pull(path) => vec![format!("repository:{path}:pull")],
            Self::Push(path, None) => vec![format!("repository:{path}:pull,push")],
            Self::Push(path, Some(from)) => vec![
                format!("repository:{path}:pull,push"),
                format!("repository:{from}:pull"),
            ],
            Self::Delete(path) => vec![format!("repository:{path}:pull,delete")],
        }
    }
}

/// What a registry says of itself when it is asked whether it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It answers, and asks nobody who he is.
    Open,
    /// It answers, and knows that user.
    Known(String),
    /// It answers, but wants a login that nobody has.
    Closed(String),
    /// It does not answer.
    Offline(String),
}

impl Registry {
    fn new(host: &str, settings: &Settings) -> Result<Self, Error> {
        let spec = settings.specs.iter().find(|spec| *spec.host == *host);
        let authorities = authorities(host, spec, &settings.certificates)?;
        let skips = spec.is_some_and(|spec| spec.skip_verify);
        let doing = format!("opening {host}");
        let http = reqwest::Client::builder()
            .user_agent(concat!("wharf/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(SILENT)
            .tls_certs_merge(authorities)
            .tls_danger_accept_invalid_certs(skips)
            .build()
            .map_err(|error| Error::of_request(&doing, &error))?;
        Ok(Self {
            host: Arc::from(host),
            http,
            site: Arc::new(Site::of(if host == HUB { HUB_HOST } else { host }, spec)),
            login: Arc::new(Login::new(host, settings.keys.clone())),
        })
    }

    /// Whether it is there, and who we are to it.
    pub async fn standing(&self) -> Standing {
        let doing = format!("asking {}", self.host);
        match self.ask(&doing, Method::GET, "", &Scope::Ping).await {
            Ok(_) => match self.login.user() {
                Some(user) => Standing::Known(user),
                None => Standing::Open,
            },
            Err(error) if error.kind == ErrorKind::Login => Standing::Closed(error.reason()),
            Err(error) => Standing::Offline(error.reason()),
        }
    }

    /// The address of something below `/v2/`.
    async fn url(&self, doing: &str, path: &str) -> Result<Url, Error> {
        let base = self.site.base(&self.http, doing).await?;
        base.join(&format!("/v2/{path}"))
            .map_err(|error| Error::new(ErrorKind::Wrong, doing, format!("{path}: {error}")))
    }

    /// Asks for something below `/v2/`; answers what was said to it if it went well.
    async fn ask(
        &self,
        doing: &str,
        method: Method,
        path: &str,
        scope: &Scope,
    ) -> Result<Response, Error> {
        let url = self.url(doing, path).await?;
        let request = || self.http.request(method.clone(), url.clone());
        self.send(doing, scope, request).await
    }

    /// Sends a request, and once more with what opens the registry when it asks for that.
    async fn send(
        &self,
        doing: &str,
        scope: &Scope,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Response, Error> {
        let response = try_send(doing, request(), self.login.header(scope)).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return well(doing, &self.host, response).await;
        }
        self.login
            .answer(&self.http, doing, scope, response.headers())
            .await?;
        let response = try_send(doing, request(), self.login.header(scope)).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            return Err(self.login.refused(doing));
        }
        well(doing, &self.host, response).await
    }
}

/// Sends a request as it is, with what opens the registry.
async fn try_send(
    doing: &str,
    request: RequestBuilder,
    header: Option<HeaderValue>,
) -> Result<Response, Error> {
    let request = match header {
        Some(header) => request.header(AUTHORIZATION, header),
        None => request,
    };
    let sent = request.send().await;
    sent.map_err(|error| Error::of_request(doing, &error))
}

/// The authorities that vouch for a registry beside those of this machine.
fn authorities(
    host: &str,
    spec: Option<&RegistrySpec>,
    directories: &[PathBuf],
) -> Result<Vec<reqwest::Certificate>, Error> {
    let files = match spec.and_then(|spec| spec.ca.clone()) {
        Some(file) => vec![file],
        None => directories
            .iter()
            .filter_map(|directory| std::fs::read_dir(directory.join(host)).ok())
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|end| end == "crt"))
            .collect(),
    };
    let mut all = Vec::new();
    for file in files {
        all.extend(read_certificates(host, &file)?);
    }
    Ok(all)
}

fn read_certificates(host: &str, file: &Path) -> Result<Vec<reqwest::Certificate>, Error> {
    let doing = format!("opening {host}");
    let failed = |why: String| {
        let why = format!("its authority {} cannot be used: {why}", file.display());
        Error::new(ErrorKind::Wrong, &doing, why).with("name a PEM file as ca of its [[registry]]")
    };
    let text = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
    let read = reqwest::Certificate::from_pem_bundle(&text);
    let read = read.map_err(|error| failed(error.to_string()))?;
    if read.is_empty() {
        return Err(failed("there is no certificate in it".to_owned()));
    }
    Ok(read)
}

#[derive(Deserialize)]
struct Complaints {
    #[serde(default)]
    errors: Vec<Complaint>,
}

#[derive(Deserialize)]
struct Complaint {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// The response, if it tells of success.
async fn well(doing: &str, host: &str, response: Response) -> Result<Response, Error> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = short_body(response).await;
    let told: Option<Complaints> = serde_json::from_slice(&body).ok();
    let first = told.and_then(|told| told.errors.into_iter().next());
    let said = first.map(|one| {
        if one.message.is_empty() {
            one.code
        } else {
            one.message
        }
    });
    let said = said.map(|said| crate::model::printable(&said));
    let why = said.unwrap_or_else(|| format!("{host} answers {status}"));
    Err(match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let remedy = format!("log in with `docker login {host}`, as somebody who may do it");
            Error::new(ErrorKind::Login, doing, why).with(remedy)
        }
        StatusCode::NOT_FOUND => Error::new(ErrorKind::Missing, doing, why),
        StatusCode::METHOD_NOT_ALLOWED => Error::new(ErrorKind::Refused, doing, why),
        _ => Error::new(ErrorKind::Wrong, doing, why),
    })
}

/// The beginning of a body.
async fn short_body(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_COMPLAINT {
            break;
        }
    }
    body
}

/// The repository as it is addressed below `/v2/`.
fn below(repository: &Repository, rest: &str) -> String {
    format!("{}/{rest}", repository.path)
}
