//! From a request's path to the handler that answers it, and Docker's headers around every answer.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode};

use super::host::Host;
use super::http::{self, Answer, Body, Query, Refusal};
use super::{
    acts, archive, build, containers, create, events, exec, image_archive, images, load, logs,
    networks, stats, swarm, system, volumes,
};

const EXPERIMENTAL: &str = "docker-experimental";

/// A request on its way to a handler.
pub struct Call {
    /// The host that is asked.
    pub host: Arc<Host>,
    /// The query.
    pub query: Query,
    /// The API version that is spoken, the N of 1.N: the request's, or the highest.
    pub minor: u32,
    /// The body, not yet read.
    pub body: Incoming,
    /// The way to the raw connection, where the client asked for it.
    pub upgrade: Option<OnUpgrade>,
}

/// Answers a request to the Engine API.
pub async fn answer(host: &Arc<Host>, mut request: Request<Incoming>) -> Response<Body> {
    let highest = host.profile.minor;
    let path = request.uri().path().to_owned();
    let (minor, path) = match version(&path) {
        None => (highest, path.as_str()),
        Some((wanted, rest)) => {
            if let Some(refusal) = unspoken(wanted, highest) {
                let mut response = dress(refusal, host);
                response.headers_mut().remove(EXPERIMENTAL);
                return response;
            }
            (wanted.1, rest)
        }
    };
    let upgrade = request
        .headers()
        .contains_key(hyper::header::UPGRADE)
        .then(|| hyper::upgrade::on(&mut request));
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let method = request.method().clone();
    let body = request.into_body();
    let call = Call {
        host: Arc::clone(host),
        query,
        minor,
        body,
        upgrade,
    };
    // A name with a coded slash is one part.
    let parts: Vec<String> = path.split('/').skip(1).map(http::decode).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match dispatch(&method, &parts, call).await {
        // What the router does not know never reaches Docker's own layers, and their headers.
        None => Refusal::missing("page not found").answer(),
        Some(Ok(response)) => dress(response, host),
        Some(Err(refusal)) => dress(refusal.answer(), host),
    }
}

/// Splits `/v1.41/info`.
fn version(path: &str) -> Option<((u32, u32), &str)> {
    let rest = path.strip_prefix("/v")?;
    let (version, _) = rest.split_once('/')?;
    let (major, minor) = version.split_once('.')?;
    Some((
        (major.parse().ok()?, minor.parse().ok()?),
        &rest[version.len()..],
    ))
}

/// The refusal of a version that the engine does not speak.
fn unspoken((major, minor): (u32, u32), highest: u32) -> Option<Response<Body>> {
    let lowest = system::lowest_minor(highest);
    if (major, minor) > (1, highest) {
        let message = format!(
            "client version {major}.{minor} is too new. Maximum supported API version is 1.{highest}"
        );
        return Some(Refusal::bad(message).answer());
    }
    if (major, minor) < (1, lowest) {
        let message = format!(
            "client version {major}.{minor} is too old. Minimum supported API version is \
             1.{lowest}, please upgrade your client to a newer version"
        );
        if highest >= 42 {
            return Some(Refusal::bad(message).answer());
        }
        // 20.10 answers this one as plain text.
        let text = format!("{message}\n");
        return Some(http::bytes(
            StatusCode::BAD_REQUEST,
            "text/plain; charset=utf-8",
            text,
        ));
    }
    None
}

/// Puts Docker's headers on an answer.
fn dress(mut response: Response<Body>, host: &Host) -> Response<Body> {
    let release = system::release(host.profile.minor);
    let headers = response.headers_mut();
    for (name, value) in [
        ("api-version", format!("1.{}", host.profile.minor)),
        (EXPERIMENTAL, "false".into()),
        ("ostype", "linux".into()),
        ("server", format!("Docker/{} (linux)", release.engine)),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// The handler's answer; none when there is no such page.
async fn dispatch(method: &Method, parts: &[&str], call: Call) -> Option<Answer> {
    let get = method == Method::GET;
    let post = method == Method::POST;
    let delete = method == Method::DELETE;
    Some(match parts {
        ["_ping"] if get || method == Method::HEAD => Ok(system::ping(&call)),
        ["version"] if get => Ok(system::version(&call)),
        ["info"] if get => Ok(system::info(&call)),
        ["events"] if get => events::events(&call.host, &call.query),
        ["system", "df"] if get => Ok(system::df(&call)),
        ["sim", "load"] if get => Ok(load::load(&call)),
        ["plugins"] if get => Ok(http::ok(&[(); 0])),
        [
            "swarm" | "services" | "nodes" | "tasks" | "configs" | "secrets",
            ..,
        ] => return swarm::answer(method, parts, call).await,
        ["containers", rest @ ..] => return container(method, rest, call).await,
        ["exec", id, "json"] if get => exec::inspect(&call, id),
        ["exec", id, "start"] if post => exec::start(call, id).await,
        ["exec", id, "resize"] if post => exec::resize(&call, id),
        ["build"] if post => build::build(call).await,
        ["images", "json"] if get => images::list(&call),
        ["images", "prune"] if post => images::prune(&call),
        ["images", "create"] if post => images::pull(&call),
        ["images", "get"] if get => image_archive::get(&call, None),
        ["images", name @ .., "get"] if get => image_archive::get(&call, Some(&name.join("/"))),
        ["images", "load"] if post => image_archive::load(call).await,
        ["images", name @ .., "json"] if get => images::inspect(&call, &name.join("/")),
        ["images", name @ .., "history"] if get => images::history(&call, &name.join("/")),
        ["images", name @ .., "tag"] if post => images::tag(&call, &name.join("/")),
        ["images", name @ ..] if delete => images::remove(&call, &name.join("/")),
        ["networks"] if get => networks::list(&call),
        ["networks", "create"] if post => networks::create(call).await,
        ["networks", "prune"] if post => networks::prune(&call),
        ["networks", id] if get => networks::inspect(&call, id),
        ["networks", id] if delete => networks::remove(&call, id),
        ["networks", id, "connect"] if post => networks::connect(call, id).await,
        ["networks", id, "disconnect"] if post => networks::disconnect(call, id).await,
        ["volumes"] if get => volumes::list(&call),
        ["volumes", "create"] if post => volumes::create(call).await,
        ["volumes", "prune"] if post => volumes::prune(&call),
        ["volumes", name] if get => volumes::inspect(&call, name),
        ["volumes", name] if delete => volumes::remove(&call, name),
        _ => return None,
    })
}

/// Everything below `/containers`.
async fn container(method: &Method, parts: &[&str], call: Call) -> Option<Answer> {
    let get = method == Method::GET;
    let post = method == Method::POST;
    Some(match parts {
        ["json"] if get => containers::list(&call),
        ["create"] if post => create::create(call).await,
        ["prune"] if post => acts::prune(&call),
        [id] if method == Method::DELETE => acts::remove(&call, id),
        [id, "json"] if get => containers::inspect(&call, id),
        [id, "top"] if get => containers::top(&call, id),
        [id, "changes"] if get => containers::changes(&call, id),
        [id, "stats"] if get => stats::stats(&call, id).await,
        [id, "logs"] if get => logs::logs(&call, id),
        [id, "start"] if post => acts::start(&call, id),
        [id, "stop"] if post => acts::stop(&call, id).await,
        [id, "restart"] if post => acts::restart(&call, id).await,
        [id, "kill"] if post => acts::kill(&call, id),
        [id, "pause"] if post => acts::pause(&call, id),
        [id, "unpause"] if post => acts::unpause(&call, id),
        [id, "rename"] if post => acts::rename(&call, id),
        [id, "update"] if post => acts::update(call, id).await,
        [id, "wait"] if post => acts::wait(&call, id),
        [id, "exec"] if post => exec::create(call, id).await,
        [id, "archive"] if get => archive::get(&call, id),
        [id, "archive"] if method == Method::HEAD => archive::head(&call, id),
        [id, "archive"] if method == Method::PUT => archive::put(call, id).await,
        _ => return None,
    })
}
