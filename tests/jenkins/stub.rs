//! A Jenkins that answers as Jenkins' own source says it would; independent clients confirm it (`oracle.py`).
//!
//! It is no Jenkins: nothing is built. Each behaviour names the class of jenkinsci/jenkins that it follows.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::{TlsAcceptor, rustls};

use crate::jenkins_tree as tree;

/// Who may do all, and what opens it.
pub const USER: &str = "ann";
pub const PASSWORD: &str = "s3cret-of-ann";
pub const TOKEN: &str = "11aa22bb33cc44dd55ee66ff7788990011";
/// Who may read only.
pub const READER: &str = "ben";
pub const READERS_TOKEN: &str = "99ff88ee77dd66cc55bb44aa3322110000";
const VERSION: &str = "2.479.3";
/// `ConsoleNote`: what marks a line in the file of a console, and is not in the text that is given out.
const NOTE: &str = "\u{1b}[8mha:////4AAAAAAAAAAAAAAA\u{1b}[0m";

/// What a job does when it is built.
#[derive(Clone, Debug)]
pub struct Script {
    pub lines: Vec<String>,
    /// Between two lines.
    pub pace: Duration,
    /// Before it begins: the quiet period.
    pub quiet: Duration,
    pub result: &'static str,
    /// Name, kind, default, choices.
    pub parameters: Vec<(String, String, String, Vec<String>)>,
    pub report: Option<Value>,
    pub artifacts: Vec<(&'static str, &'static [u8])>,
    pub disabled: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            lines: vec!["one".to_owned(), "two".to_owned()],
            pace: Duration::ZERO,
            quiet: Duration::ZERO,
            result: "SUCCESS",
            parameters: Vec::new(),
            report: None,
            artifacts: Vec::new(),
            disabled: false,
        }
    }
}

impl Script {
    /// With a text parameter.
    pub fn text(mut self, name: &str, default: &str) -> Self {
        let kind = "StringParameterDefinition".to_owned();
        self.parameters
            .push((name.to_owned(), kind, default.to_owned(), Vec::new()));
        self
    }

    /// With a choice.
    pub fn choice(mut self, name: &str, choices: &[&str]) -> Self {
        let kind = "ChoiceParameterDefinition".to_owned();
        let choices: Vec<String> = choices.iter().map(|one| (*one).to_owned()).collect();
        self.parameters
            .push((name.to_owned(), kind, choices[0].clone(), choices));
        self
    }
}

#[derive(Clone)]
struct Item {
    id: u64,
    job: String,
    given: BTreeMap<String, String>,
    user: String,
    since: Instant,
    at: i64,
    build: Option<u64>,
    left: Option<Instant>,
    cancelled: bool,
}

struct Build {
    number: u64,
    queued: u64,
    given: BTreeMap<String, String>,
    user: String,
    begun: Instant,
    at: i64,
    aborted: Option<(Instant, String)>,
    script: Script,
}

struct Job {
    /// None for a folder.
    script: Option<Script>,
    builds: Vec<Build>,
    next: u64,
}

struct State {
    url: String,
    jobs: BTreeMap<String, Job>,
    items: Vec<Item>,
    last_item: u64,
    sessions: BTreeSet<String>,
    salt: u64,
    /// `Queue.leftItems`: so long an item is known after it left the queue.
    forgets: Duration,
    /// How often a build was asked for.
    asked: usize,
    /// So many answers to what asks for a build get lost on the way.
    loses: usize,
    /// It answers 503, as one does that is starting.
    starting: bool,
}

/// A server that runs until it is dropped.
pub struct Jenkins {
    pub url: String,
    state: Arc<Mutex<State>>,
    _runtime: tokio::runtime::Runtime,
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

impl Jenkins {
    /// Without TLS.
    pub fn start() -> Self {
        Self::serve(None)
    }

    /// With a certificate and its key, PEM files.
    pub fn with_tls(certificate: &Path, key: &Path) -> Self {
        use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
        let _ = rustls::crypto::ring::default_provider().install_default();
        let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate)
            .unwrap()
            .collect();
        let key = PrivateKeyDer::from_pem_file(key).unwrap();
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain.unwrap(), key)
            .unwrap();
        Self::serve(Some(TlsAcceptor::from(Arc::new(config))))
    }

    fn serve(tls: Option<TlsAcceptor>) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{address}/jenkins");
        let state = Arc::new(Mutex::new(State {
            url: url.clone(),
            jobs: BTreeMap::new(),
            items: Vec::new(),
            last_item: 0,
            sessions: BTreeSet::new(),
            salt: 1,
            forgets: Duration::from_mins(5),
            asked: 0,
            loses: 0,
            starting: false,
        }));
        let known = Arc::clone(&state);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (known, tls) = (Arc::clone(&known), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                answer(stream, &known).await;
                            }
                        }
                        None => answer(stream, &known).await,
                    }
                });
            }
        });
        Self {
            url,
            state,
            _runtime: runtime,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Adds a job, and the folders it is in.
    pub fn job(&self, path: &str, script: Script) {
        let mut state = self.state();
        for (at, _) in path.match_indices('/') {
            let folder = path[..at].to_owned();
            state.jobs.entry(folder).or_insert_with(|| Job::new(None));
        }
        state.jobs.insert(path.to_owned(), Job::new(Some(script)));
    }

    /// Items of the queue are forgotten so long after they left it.
    pub fn forgets_after(&self, time: Duration) {
        self.state().forgets = time;
    }

    /// It is started anew: no session is known any more.
    pub fn restart(&self) {
        let mut state = self.state();
        state.sessions.clear();
        state.salt += 1;
    }

    /// Whether it is starting.
    pub fn is_starting(&self, starting: bool) {
        self.state().starting = starting;
    }

    /// The next answer to what asks for a build gets lost on the way.
    pub fn loses_an_answer(&self) {
        self.state().loses += 1;
    }

    /// How often a build was asked for.
    pub fn asked(&self) -> usize {
        self.state().asked
    }

    /// How a build ended: none while it goes on.
    pub fn result(&self, job: &str, number: u64) -> Option<String> {
        let mut state = self.state();
        state.turn();
        let builds = &state.jobs.get(job)?.builds;
        let build = builds.iter().find(|build| build.number == number)?;
        build.result().map(str::to_owned)
    }

    /// What a build was given.
    pub fn given(&self, job: &str, number: u64) -> BTreeMap<String, String> {
        let mut state = self.state();
        state.turn();
        let builds = &state.jobs[job].builds;
        let build = builds.iter().find(|build| build.number == number);
        build.unwrap().given.clone()
    }
}

impl Job {
    fn new(script: Option<Script>) -> Self {
        Self {
            script,
            builds: Vec::new(),
            next: 1,
        }
    }
}

impl Build {
    /// The lines that are in its console now, and whether it is over.
    fn lines(&self) -> (Vec<String>, bool) {
        let until = self
            .aborted
            .as_ref()
            .map_or_else(Instant::now, |(at, _)| *at);
        let elapsed = until.duration_since(self.begun).as_millis();
        let pace = self.script.pace.as_millis();
        let all = self.script.lines.len();
        let count = match pace {
            0 => all,
            pace => usize::try_from(elapsed / pace).unwrap().min(all),
        };
        let mut lines = vec![format!("{NOTE}Started by user {}", self.user)];
        lines.extend(self.script.lines[..count].iter().map(|line| {
            let mut line = line.clone();
            for (name, value) in &self.given {
                line = line.replace(&format!("${name}"), value);
            }
            line
        }));
        let result = match &self.aborted {
            Some((_, by)) => {
                lines.push(format!("Aborted by {NOTE}{by}"));
                "ABORTED"
            }
            None if count == all => self.script.result,
            None => return (lines, false),
        };
        lines.push(format!("Finished: {result}"));
        (lines, true)
    }

    fn result(&self) -> Option<&str> {
        let (_, is_over) = self.lines();
        let result = match self.aborted {
            Some(_) => "ABORTED",
            None => self.script.result,
        };
        is_over.then_some(result)
    }

    fn json(&self, url: &str) -> Value {
        let (lines, is_over) = self.lines();
        let took = self.script.pace.as_millis() * lines.len() as u128;
        let parameters: Vec<Value> = self
            .given
            .iter()
            .map(|(name, value)| json!({"_class": "hudson.model.StringParameterValue", "name": name, "value": value}))
            .collect();
        let mut actions = vec![
            json!({"_class": "hudson.model.CauseAction", "causes": [{"_class": "hudson.model.Cause$UserIdCause",
                "shortDescription": format!("Started by user {}", self.user), "userId": self.user, "userName": self.user}]}),
            json!({}),
        ];
        if !parameters.is_empty() {
            actions
                .push(json!({"_class": "hudson.model.ParametersAction", "parameters": parameters}));
        }
        let artifacts: Vec<Value> = self
            .script
            .artifacts
            .iter()
            .filter(|_| is_over)
            .map(|(path, _)| {
                let name = path.rsplit('/').next().unwrap();
                json!({"displayPath": name, "fileName": name, "relativePath": path})
            })
            .collect();
        json!({"_class": "hudson.model.FreeStyleBuild", "number": self.number, "id": self.number.to_string(),
            "url": format!("{url}{}/", self.number), "result": self.result(), "building": !is_over, "timestamp": self.at,
            "duration": if is_over { u64::try_from(took).unwrap() } else { 0 }, "queueId": self.queued,
            "displayName": format!("#{}", self.number), "fullDisplayName": format!("x #{}", self.number),
            "description": null, "keepLog": false, "builtOn": "", "artifacts": artifacts, "actions": actions})
    }
}

/// What is answered: status, more headers, body.
type Answer = (u16, Vec<(&'static str, String)>, Vec<u8>);

fn says(value: &Value) -> Answer {
    let kind = ("Content-Type", "application/json;charset=utf-8".to_owned());
    (200, vec![kind], value.to_string().into_bytes())
}

fn plain(status: u16, text: &str) -> Answer {
    (status, Vec::new(), text.as_bytes().to_vec())
}

/// `HttpRedirect`: after what was done, to a page for people.
fn goes_to(status: u16, place: String) -> Answer {
    (status, vec![("Location", place)], Vec::new())
}

struct Request {
    method: String,
    path: Vec<String>,
    query: BTreeMap<String, String>,
    form: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: String,
}

fn pairs(text: &str) -> BTreeMap<String, String> {
    let url = reqwest::Url::parse(&format!("http://x/?{text}")).unwrap();
    url.query_pairs().into_owned().collect()
}

fn decoded(part: &str) -> String {
    // What a form decodes, but for its plus.
    let text = pairs(&format!("x={}", part.replace('+', "%2B")));
    text["x"].clone()
}

async fn request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
            break at;
        }
        let read = stream.read(&mut part).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&part[..read]);
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length");
    let length: usize = length.and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = bytes[end + 4..].to_vec();
    while body.len() < length {
        let read = stream.read(&mut part).await.ok().filter(|read| *read > 0)?;
        body.extend_from_slice(&part[..read]);
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let path = path.strip_prefix("/jenkins")?;
    let path = path.split('/').filter(|part| !part.is_empty());
    let path = path.map(decoded).collect();
    let is_form = headers
        .get("content-type")
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    Some(Request {
        method,
        path,
        query: pairs(query),
        form: if is_form {
            pairs(&body)
        } else {
            BTreeMap::new()
        },
        headers,
        body,
    })
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, state: &Arc<Mutex<State>>) {
    let Some(request) = request(&mut stream).await else {
        return;
    };
    let (status, headers, body) = {
        let mut state = state.lock().unwrap();
        state.turn();
        let answer = state.answer(&request);
        let is_build = request
            .path
            .last()
            .is_some_and(|last| last.starts_with("build"));
        if is_build && answer.0 == 201 && state.loses > 0 {
            state.loses -= 1;
            return;
        }
        answer
    };
    let date = jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&jiff::Timestamp::now())
        .unwrap();
    let mut head = format!(
        "HTTP/1.1 {status} X\r\nX-Jenkins: {VERSION}\r\nDate: {date}\r\nContent-Length: {}\r\nConnection: close\r\n",
        body.len()
    );
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str("\r\n");
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&body).await;
    let _ = stream.shutdown().await;
}

impl State {
    /// What the clock has done meanwhile: items leave the queue, and are forgotten.
    fn turn(&mut self) {
        let forgets = self.forgets;
        self.items
            .retain(|item| item.left.is_none_or(|left| left.elapsed() < forgets));
        for at in 0..self.items.len() {
            let item = self.items[at].clone();
            let Some(job) = self.jobs.get_mut(&item.job) else {
                continue;
            };
            let Some(script) = job.script.clone() else {
                continue;
            };
            let is_busy = job.builds.iter().any(|build| build.result().is_none());
            if item.left.is_some() || item.since.elapsed() < script.quiet || is_busy {
                continue;
            }
            let number = job.next;
            job.next += 1;
            job.builds.push(Build {
                number,
                queued: item.id,
                given: item.given,
                user: item.user,
                begun: Instant::now(),
                at: now(),
                aborted: None,
                script,
            });
            self.items[at].left = Some(Instant::now());
            self.items[at].build = Some(number);
        }
    }

    /// `DefaultCrumbIssuer.issueCrumb`: of the user and the session.
    fn crumb(&self, user: &str, session: &str) -> String {
        let text = format!("{user};{session};{}", self.salt);
        wharf::model::hex(&Sha256::digest(text.as_bytes()))
    }

    fn answer(&mut self, request: &Request) -> Answer {
        if self.starting {
            // `HudsonIsLoading`.
            return plain(
                503,
                "<html>Please wait while Jenkins is getting ready to work</html>",
            );
        }
        let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
        // `BasicHeaderProcessor`: what is wrong is refused, never taken for nobody.
        let Ok((user, by_token)) = user(request) else {
            return plain(401, "<html>Invalid password/token for user</html>");
        };
        if user == "anonymous" && path != ["whoAmI", "api", "json"] {
            return lacks(&user, "hudson.model.Hudson.Read");
        }
        let session = request.headers.get("cookie").and_then(|cookies| {
            let all = cookies
                .split("; ")
                .find_map(|one| one.strip_prefix("JSESSIONID.stub="));
            all.filter(|id| self.sessions.contains(*id))
                .map(str::to_owned)
        });
        // `CrumbFilter`: what changes something needs a crumb, unless a token says who we are (`ApiCrumbExclusion`).
        if request.method == "POST" && !by_token {
            let said = request.headers.get("jenkins-crumb");
            let right = session.as_ref().map(|id| self.crumb(&user, id));
            if said.is_none() || said != right.as_ref() {
                return plain(
                    403,
                    "<html>No valid crumb was included in the request</html>",
                );
            }
        }
        match path.as_slice() {
            ["crumbIssuer", "api", "json"] => {
                let (id, is_new) = match session {
                    Some(id) => (id, false),
                    None => (format!("node0{}", self.sessions.len() + 1), true),
                };
                let crumb = self.crumb(&user, &id);
                let mut said = says(
                    &json!({"_class": "hudson.security.csrf.DefaultCrumbIssuer", "crumb": crumb,
                    "crumbRequestField": "Jenkins-Crumb"}),
                );
                if is_new {
                    self.sessions.insert(id.clone());
                    let cookie = format!("JSESSIONID.stub={id}; Path=/jenkins; HttpOnly");
                    said.1.push(("Set-Cookie", cookie));
                }
                said
            }
            // `WhoAmI`; `User`.
            ["whoAmI" | "me", "api", "json"] => says(&json!({"_class": "hudson.security.WhoAmI",
                "anonymous": user == "anonymous", "authenticated": user != "anonymous",
                "authorities": ["authenticated"], "id": user, "fullName": user, "name": user})),
            ["computer", "api", "json"] => self.computers(request),
            ["queue", "api", "json"] => {
                let waiting = self.items.iter().filter(|item| item.left.is_none());
                let items: Vec<Value> = waiting.map(|item| self.item(item)).collect();
                told(
                    request,
                    json!({"_class": "hudson.model.Queue", "items": items}),
                )
            }
            ["queue", "item", id, "api", "json"] => {
                let found = self.items.iter().find(|item| item.id.to_string() == *id);
                // `Queue.getItem`: what was forgotten is not there.
                match found {
                    Some(item) => told(request, self.item(item)),
                    None => plain(404, "<html>Not Found</html>"),
                }
            }
            // `Queue.doCancelItem`.
            ["queue", "cancelItem"] if request.method == "POST" => {
                let id = request.query.get("id").cloned().unwrap_or_default();
                let found = self.items.iter_mut();
                let found = found
                    .into_iter()
                    .find(|one| one.id.to_string() == id && one.left.is_none());
                match found {
                    Some(item) => {
                        item.left = Some(Instant::now());
                        item.cancelled = true;
                        plain(204, "")
                    }
                    None => plain(404, ""),
                }
            }
            ["queue", "cancelItem"] => plain(405, ""),
            path => self.below(request, path, &user),
        }
    }

    fn url_of(&self, path: &str) -> String {
        let parts: Vec<String> = path
            .split('/')
            .map(|part| format!("job/{}/", part.replace('%', "%25")))
            .collect();
        format!("{}/{}", self.url, parts.concat())
    }

    fn item(&self, item: &Item) -> Value {
        let given: Vec<Value> = item
            .given
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        let is_busy = self.jobs[&item.job]
            .builds
            .iter()
            .find(|build| build.result().is_none());
        let (class, why) = match (item.left, is_busy) {
            (Some(_), _) => ("LeftItem", Value::Null),
            (None, Some(build)) => {
                let why = format!("Build #{} is already in progress", build.number);
                ("BlockedItem", json!(why))
            }
            (None, None) => (
                "WaitingItem",
                json!("In the quiet period. Expires in 2 sec"),
            ),
        };
        let url = self.url_of(&item.job);
        let mut value = json!({"_class": format!("hudson.model.Queue${class}"), "id": item.id, "why": why,
            "blocked": class == "BlockedItem", "buildable": false, "stuck": false, "inQueueSince": item.at,
            "url": format!("queue/item/{}/", item.id), "params": "",
            "task": {"_class": "hudson.model.FreeStyleProject", "name": item.job.rsplit('/').next(), "url": url, "color": "blue"},
            "actions": [{"_class": "hudson.model.ParametersAction", "parameters": given},
                {"_class": "hudson.model.CauseAction", "causes": [{"_class": "hudson.model.Cause$UserIdCause",
                    "shortDescription": format!("Started by user {}", item.user), "userId": item.user}]}]});
        if class == "LeftItem" {
            value["cancelled"] = json!(item.cancelled);
            value["executable"] = match item.build {
                Some(number) => {
                    json!({"_class": "hudson.model.FreeStyleBuild", "number": number, "url": format!("{url}{number}/")})
                }
                None => Value::Null,
            };
        }
        value
    }

    fn computers(&self, request: &Request) -> Answer {
        let going = self.jobs.iter().flat_map(|(path, job)| {
            let going = job.builds.iter().filter(|build| build.result().is_none());
            going.map(|build| {
                json!({"currentExecutable": build.json(&self.url_of(path)), "idle": false, "number": 0})
            })
        });
        let executors: Vec<Value> = going.collect();
        let value = json!({"_class": "hudson.model.ComputerSet", "computer": [{
            "_class": "hudson.model.Hudson$MasterComputer", "displayName": "Built-In Node", "offline": false,
            "idle": executors.is_empty(), "numExecutors": 2, "executors": executors, "oneOffExecutors": []}]});
        told(request, value)
    }
}

/// `AccessDeniedException3`: what is lacking stands in a header.
fn lacks(user: &str, permission: &str) -> Answer {
    let headers = vec![
        ("X-You-Are-Authenticated-As", user.to_owned()),
        ("X-Required-Permission", permission.to_owned()),
    ];
    (
        403,
        headers,
        format!("<html>{user} is missing a permission</html>").into_bytes(),
    )
}

fn user(request: &Request) -> Result<(String, bool), ()> {
    let Some(said) = request.headers.get("authorization") else {
        return Ok(("anonymous".to_owned(), false));
    };
    let said = said.strip_prefix("Basic ").ok_or(())?;
    let said = STANDARD.decode(said).map_err(|_| ())?;
    match String::from_utf8_lossy(&said).split_once(':') {
        Some((USER, PASSWORD)) => Ok((USER.to_owned(), false)),
        Some((USER, TOKEN)) => Ok((USER.to_owned(), true)),
        Some((READER, READERS_TOKEN)) => Ok((READER.to_owned(), true)),
        _ => Err(()),
    }
}

/// `api/json`: all of it, or what `tree` names.
fn told(request: &Request, value: Value) -> Answer {
    match request.query.get("tree") {
        None => says(&value),
        Some(text) => match tree::filtered(&value, text) {
            Ok(some) => says(&some),
            // `TreePruner`: a tree that cannot be read.
            Err(why) => plain(400, &why),
        },
    }
}

#[path = "stub_jobs.rs"]
mod jobs;
