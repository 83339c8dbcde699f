//! Jenkins, by its remote access API: jobs and folders, builds, the queue, consoles that grow.
//!
//! What this part stands for, as Jenkins' own source has it: a build that is asked for is an item of the queue first, and
//! that item is forgotten five minutes after it left the queue (`Queue.leftItems`), so that a build is found by its
//! `queueId` then. A token needs no crumb (`DefaultCrumbIssuer`); with a password what changes something needs one, and
//! the cookie of the session that it was made for. Parameters that a job does not define are dropped without a word, and
//! so refused here.

mod act;
mod doctor;
mod follow;
mod login;
mod read;
mod wire;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{
    Certificate, Method, RequestBuilder, Response, StatusCode, Url,
    header::{HeaderMap, LOCATION},
    redirect::Policy,
};
use serde::de::DeserializeOwned;

use self::login::Login;
pub use self::{
    act::Before,
    follow::{Follower, Happening},
    read::{Queued, Who},
};
use super::{Error, ErrorKind};
use crate::model::{
    jenkins::{JenkinsLogin, JenkinsSpec, JobPath},
    printable,
    release::Secrets,
};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a server may be silent.
const SILENT: Duration = Duration::from_mins(1);
/// An answer is at most so long, in bytes; consoles and artifacts are read piece by piece.
const LONGEST: usize = 64 << 20;
/// So much of an answer that tells of a failure is read.
const COMPLAINT: usize = 64 << 10;
/// What of wharf.toml names the authority of a server.
const SECTION: &str = "ca of its [[jenkins]]";

/// All servers; each is opened when it is first asked.
#[derive(Clone, Debug)]
pub struct Servers {
    specs: Arc<[Arc<JenkinsSpec>]>,
    secrets: Secrets,
    open: Arc<Mutex<HashMap<Arc<str>, Server>>>,
}

impl Servers {
    /// Those that the configuration describes, with who knows their secrets.
    pub fn new(specs: impl IntoIterator<Item = JenkinsSpec>, secrets: Secrets) -> Self {
        Self {
            specs: specs.into_iter().map(Arc::new).collect(),
            secrets,
            open: Arc::default(),
        }
    }

    /// The names of all.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.specs.iter().map(|spec| &spec.name)
    }

    /// One of them by name. Nothing is asked of it yet.
    ///
    /// # Errors
    /// When the configuration has none of that name, or its authority cannot be read.
    pub fn open(&self, name: &str) -> Result<Server, Error> {
        // Whoever died with it did so between two whole entries.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = open.get(name) {
            return Ok(server.clone());
        }
        let Some(spec) = self.specs.iter().find(|spec| *spec.name == *name) else {
            let known: Vec<&str> = self.names().map(|name| &**name).collect();
            let remedy = if known.is_empty() {
                "write a [[jenkins]] into wharf.toml".to_owned()
            } else {
                format!("there is {}", known.join(", "))
            };
            let why = format!("no Jenkins server is called '{name}'");
            return Err(Error::new(ErrorKind::Missing, "opening Jenkins", why).with(remedy));
        };
        let server = Server::new(spec, &self.secrets)?;
        open.insert(Arc::clone(&spec.name), server.clone());
        Ok(server)
    }
}

/// One server; cheap to clone.
#[derive(Clone, Debug)]
pub struct Server {
    spec: Arc<JenkinsSpec>,
    base: Url,
    http: reqwest::Client,
    login: Arc<Login>,
}

impl Server {
    fn new(spec: &Arc<JenkinsSpec>, secrets: &Secrets) -> Result<Self, Error> {
        let doing = format!("opening {}", spec.name);
        let base = Url::parse(&format!("{}/", spec.url)).map_err(|error| {
            let why = format!("'{}' is no address: {error}", spec.url);
            Error::new(ErrorKind::Wrong, &doing, why)
        })?;
        let http = reqwest::Client::builder()
            .user_agent(concat!("wharf/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(SILENT)
            // What says who we are goes nowhere else; and after a POST a redirect is the answer.
            .redirect(Policy::none())
            .tls_certs_merge(authority(&doing, spec)?)
            .tls_danger_accept_invalid_certs(spec.skip_verify)
            .build()
            .map_err(|error| Error::of_request_to(SECTION, &doing, &error))?;
        Ok(Self {
            login: Arc::new(Login::new(Arc::clone(spec), secrets.clone())),
            spec: Arc::clone(spec),
            base,
            http,
        })
    }

    /// As configured.
    pub fn spec(&self) -> &JenkinsSpec {
        &self.spec
    }

    /// A job of it, for sentences: `pay/regression@ci`.
    fn called(&self, job: &JobPath) -> String {
        format!("{job}@{}", self.spec.name)
    }

    /// The address of something below it.
    fn url<'p>(&self, parts: impl IntoIterator<Item = &'p str>) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }

    /// The address of something below a job.
    fn below(&self, job: &JobPath, parts: &[&str]) -> Url {
        let folders = job.parts().flat_map(|part| ["job", part]);
        self.url(folders.chain(parts.iter().copied()))
    }

    /// Reads what stands at an address, as far as `tree` names it.
    async fn read<T: DeserializeOwned>(
        &self,
        doing: &str,
        mut url: Url,
        tree: &str,
    ) -> Result<T, Error> {
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(["api", "json"]);
        }
        if !tree.is_empty() {
            url.query_pairs_mut().append_pair("tree", tree);
        }
        let response = self.get(doing, url).await?;
        self.understand(doing, response).await
    }

    async fn understand<T: DeserializeOwned>(
        &self,
        doing: &str,
        mut response: Response,
    ) -> Result<T, Error> {
        let mut body = Vec::new();
        loop {
            let chunk = response.chunk().await;
            let chunk = chunk.map_err(|error| Error::of_request_to(SECTION, doing, &error))?;
            let Some(chunk) = chunk else { break };
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST {
                let why = format!("{} says more than {LONGEST} bytes", self.spec.name);
                return Err(Error::new(ErrorKind::Wrong, doing, why));
            }
        }
        serde_json::from_slice(&body).map_err(|error| {
            let why = format!("what {} says is not understood: {error}", self.spec.name);
            let remedy = format!("see whether a Jenkins is at {}", self.spec.url);
            Error::new(ErrorKind::Wrong, doing, why).with(remedy)
        })
    }

    /// Asks for what stands at an address.
    async fn get(&self, doing: &str, url: Url) -> Result<Response, Error> {
        let request = || self.http.get(url.clone());
        let response = self.knock(doing, &Method::GET, request).await?;
        if response.status().is_redirection() {
            let to = response.headers().get(LOCATION);
            let to = to.and_then(|to| to.to_str().ok()).unwrap_or("elsewhere");
            let why = format!("{} sends us to {}", self.spec.name, printable(to));
            let remedy = "write the address where it is as url of its [[jenkins]]";
            return Err(Error::new(ErrorKind::Wrong, doing, why).with(remedy));
        }
        Ok(response)
    }

    /// Has something done. Jenkins answers that with a redirect to a page for people, mostly.
    async fn post(
        &self,
        doing: &str,
        url: Url,
        form: &[(String, String)],
    ) -> Result<Response, Error> {
        let request = || self.http.post(url.clone()).form(form);
        self.knock(doing, &Method::POST, request).await
    }

    /// Sends a request as whoever we are; and once more when the secret or the crumb is a new one meanwhile.
    async fn knock(
        &self,
        doing: &str,
        method: &Method,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Response, Error> {
        let changes = *method == Method::POST;
        let response = self.once(doing, changes, &request).await?;
        let status = response.status();
        let again = match status {
            StatusCode::UNAUTHORIZED => self.login.is_new(doing).await?,
            // The crumb is of a session that is over: Jenkins was started anew.
            StatusCode::FORBIDDEN => changes && self.login.drop_crumb(),
            _ => false,
        };
        let response = if again {
            self.once(doing, changes, &request).await?
        } else {
            response
        };
        self.well(doing, response).await
    }

    async fn once(
        &self,
        doing: &str,
        changes: bool,
        request: &impl Fn() -> RequestBuilder,
    ) -> Result<Response, Error> {
        let mut headers = self.login.headers(doing).await?;
        if changes && matches!(self.spec.login, JenkinsLogin::Password { .. }) {
            if !self.login.has_crumb() {
                self.fetch_crumb(doing, headers.clone()).await?;
            }
            headers.extend(self.login.crumb());
        }
        let sent = request().headers(headers).send().await;
        sent.map_err(|error| Error::of_request_to(SECTION, doing, &error))
    }

    /// Asks for a crumb, and keeps it with its session; none is kept where the server wants none.
    async fn fetch_crumb(&self, doing: &str, headers: HeaderMap) -> Result<(), Error> {
        let url = self.url(["crumbIssuer", "api", "json"]);
        let sent = self.http.get(url).headers(headers).send().await;
        let response = sent.map_err(|error| Error::of_request_to(SECTION, doing, &error))?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(());
        }
        let response = self.well(doing, response).await?;
        let cookies = login::cookies(response.headers());
        let told: wire::Crumb = self.understand(doing, response).await?;
        self.login.keep_crumb(&told.field, &told.crumb, &cookies);
        Ok(())
    }

    /// The response, if it tells of success or sends elsewhere.
    async fn well(&self, doing: &str, response: Response) -> Result<Response, Error> {
        let status = response.status();
        if status.is_success() || status.is_redirection() {
            return Ok(response);
        }
        let name = &self.spec.name;
        let user = self.spec.login.user().unwrap_or("nobody");
        let lacks = response.headers().get("x-required-permission");
        let lacks = lacks.and_then(|lacks| lacks.to_str().ok()).map(printable);
        let body = beginning(response).await;
        let failed = |kind, why: String| Error::new(kind, doing, why);
        Err(match status {
            StatusCode::UNAUTHORIZED => {
                let why = match &self.spec.login {
                    JenkinsLogin::Nobody => format!("{name} asks who we are"),
                    JenkinsLogin::Token { .. } => {
                        format!("{name} does not take the token of {user}")
                    }
                    JenkinsLogin::Password { .. } => {
                        format!("{name} does not take the password of {user}")
                    }
                };
                let remedy = match self.spec.login.kept() {
                    Some(kept) => format!("put the right one into {kept}"),
                    None => "write user and token_file into its [[jenkins]]".to_owned(),
                };
                failed(ErrorKind::Login, why).with(remedy)
            }
            StatusCode::FORBIDDEN if body.contains("crumb") => {
                let why = format!("{name} does not take the crumb of {user}");
                let remedy = "let whatever stands before Jenkins pass the header and the cookie of the crumb, or use a token";
                failed(ErrorKind::Login, why).with(remedy)
            }
            StatusCode::FORBIDDEN => {
                let why = match lacks {
                    Some(lacks) => format!("{user} lacks {} on {name}", permission(&lacks)),
                    None => format!("{name} does not let {user} do it"),
                };
                failed(ErrorKind::Login, why)
                    .with(format!("let somebody who administers {name} grant it"))
            }
            StatusCode::NOT_FOUND => failed(
                ErrorKind::Missing,
                format!("it is not there, or {user} may not see it"),
            ),
            StatusCode::CONFLICT => failed(ErrorKind::Refused, "it cannot be built now".to_owned())
                .with("see on its page whether it is disabled"),
            StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::BAD_GATEWAY
            | StatusCode::GATEWAY_TIMEOUT => {
                let why = format!("{name} answers {status}");
                failed(ErrorKind::Offline, why).with("it may be starting; try again in a while")
            }
            StatusCode::BAD_REQUEST => {
                let why = match message(&body) {
                    Some(message) => format!("{name} refuses it: {message}"),
                    None => format!("{name} refuses it"),
                };
                failed(ErrorKind::Refused, why)
            }
            _ => failed(ErrorKind::Wrong, format!("{name} answers {status}")),
        })
    }
}

/// `hudson.model.Item.Build` as people who administer it read it: `Item/Build`.
fn permission(text: &str) -> String {
    let mut parts = text.rsplit('.');
    match (parts.next(), parts.next()) {
        (Some(what), Some(of)) => format!("{of}/{what}"),
        _ => text.to_owned(),
    }
}

/// What a page about a failure says: its first line that is no mark-up.
fn message(body: &str) -> Option<String> {
    let plain = body.lines().map(str::trim);
    let mut plain = plain.filter(|line| !line.is_empty() && !line.contains('<'));
    plain.next().map(printable)
}

/// The beginning of a body.
async fn beginning(mut response: Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > COMPLAINT {
            break;
        }
    }
    String::from_utf8_lossy(&body).into_owned()
}

/// The authority that vouches for a server beside those of this machine.
fn authority(doing: &str, spec: &JenkinsSpec) -> Result<Vec<Certificate>, Error> {
    let Some(file) = &spec.ca else {
        return Ok(Vec::new());
    };
    let failed = |why: String| {
        let why = format!("its authority {} cannot be used: {why}", file.display());
        let remedy = "name a PEM file as ca of its [[jenkins]]";
        Error::new(ErrorKind::Wrong, doing, why).with(remedy)
    };
    let text = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
    let read = Certificate::from_pem_bundle(&text).map_err(|error| failed(error.to_string()))?;
    if read.is_empty() {
        return Err(failed("there is no certificate in it".to_owned()));
    }
    Ok(read)
}
