//! How tests and other processes change a running sim: a handle, and the same over HTTP under `/sim/`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::clock::SECOND;
use super::container::{Burst, Ending, Health};
use super::engine;
use super::faults::Faults;
use super::host::Host;
use super::http::{self, Answer, Body, Query, Refusal};

/// The handle to one simulated engine. Containers are named by id, name or prefix of the id, and
/// an unknown one is an error in Docker's words.
#[derive(Clone, Debug)]
pub struct Engine(Arc<Host>);

impl Engine {
    /// The handle to a host's engine.
    pub(super) fn new(host: Arc<Host>) -> Self {
        Self(host)
    }

    /// Ids and names of all containers, oldest first.
    pub fn containers(&self) -> Vec<(String, String)> {
        self.0.read(|engine, _| {
            engine
                .containers
                .values()
                .map(|one| (one.id.clone(), one.name.clone()))
                .collect()
        })
    }

    /// How many requests the engine has had, those to `/sim/` not counted.
    pub fn requests(&self) -> u64 {
        self.0.requests()
    }

    /// Ends a container's process, and keeps it down whatever its restart policy says.
    pub fn die(&self, container: &str, exit_code: i64, out_of_memory: bool) -> Result<(), String> {
        self.end(container, ending(exit_code, out_of_memory), true)
    }

    /// Ends a container's process; its restart policy decides what follows.
    pub fn crash(
        &self,
        container: &str,
        exit_code: i64,
        out_of_memory: bool,
    ) -> Result<(), String> {
        self.end(container, ending(exit_code, out_of_memory), false)
    }

    fn end(&self, container: &str, ending: Ending, stay: bool) -> Result<(), String> {
        self.act(container, |engine, key, now| {
            if let Some(one) = engine.containers.get_mut(&key) {
                one.must_run()?;
                one.by_hand = stay;
            }
            engine.end(key, now, ending);
            Ok(())
        })
    }

    /// Makes a running container healthy or unhealthy, with Docker's event.
    pub fn set_healthy(&self, container: &str, healthy: bool) -> Result<(), String> {
        self.act(container, |engine, key, now| {
            if let Some(one) = engine.containers.get(&key) {
                one.must_run()?;
            }
            engine.set_health(
                key,
                now,
                if healthy {
                    Health::Healthy
                } else {
                    Health::Unhealthy(now)
                },
            );
            Ok(())
        })
    }

    /// Writes a line into a container's log, now.
    pub fn log(&self, container: &str, stderr: bool, line: &str) -> Result<(), String> {
        self.act(container, |engine, key, now| {
            if let Some(one) = engine.containers.get_mut(&key) {
                one.push_line(now, stderr, line.to_owned());
            }
            Ok(())
        })
    }

    /// Lets a container write so many numbered lines from now on, at this rate.
    pub fn flood(&self, container: &str, lines: u64, per_second: u32) -> Result<(), String> {
        self.act(container, |engine, key, now| {
            if let Some(one) = engine.containers.get_mut(&key) {
                let step = SECOND / i64::from(per_second.max(1));
                one.extras_mut().bursts.push(Burst {
                    began: now,
                    lines,
                    step,
                });
            }
            Ok(())
        })
    }

    fn act(
        &self,
        container: &str,
        act: impl FnOnce(&mut engine::Engine, engine::Key, i64) -> Result<(), Refusal>,
    ) -> Result<(), String> {
        self.0
            .change(|engine, now| {
                let key = engine.find(container)?;
                act(engine, key, now)
            })
            .map_err(|refusal| refusal.message)
    }
}

const fn ending(exit_code: i64, out_of_memory: bool) -> Ending {
    match (out_of_memory, exit_code) {
        (true, _) => Ending::OutOfMemory,
        (false, 0) => Ending::Finished,
        (false, 137) => Ending::Killed,
        (false, code) => Ending::Crashed(code),
    }
}

/// Answers a request under `/sim/` on a host's own socket.
pub async fn answer(host: &Arc<Host>, request: Request<Incoming>) -> Response<Body> {
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let method = request.method().clone();
    let path = http::decode(request.uri().path());
    let body = request.into_body();
    match one(host, &method, &path, &query, body).await {
        Ok(response) => response,
        Err(refusal) => refusal.answer(),
    }
}

/// Answers a request on the sim's own socket: `host=` says for which host; without it, faults are
/// set for all.
pub async fn answer_for(hosts: &[Arc<Host>], request: Request<Incoming>) -> Response<Body> {
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let path = request.uri().path().to_owned();
    if path == "/sim/hosts" {
        let names: Vec<&str> = hosts
            .iter()
            .map(|host| host.profile.name.as_str())
            .collect();
        return http::ok(&names);
    }
    if let Some(name) = query.get("host") {
        return match hosts.iter().find(|host| host.profile.name == name) {
            Some(host) => answer(host, request).await,
            None => {
                Refusal::missing(format!("sim: no host {name}; GET /sim/hosts names them")).answer()
            }
        };
    }
    if path == "/sim/faults" && request.method() == Method::POST {
        for host in hosts {
            if let Err(refusal) = set_faults(host, &query) {
                return refusal.answer();
            }
        }
        return http::empty(StatusCode::NO_CONTENT);
    }
    Refusal::bad("sim: say which host, as in ?host=ams-1; GET /sim/hosts names them").answer()
}

async fn one(
    host: &Arc<Host>,
    method: &Method,
    path: &str,
    query: &Query,
    body: Incoming,
) -> Answer {
    let parts: Vec<&str> = path.split('/').skip(2).collect();
    let engine = Engine(Arc::clone(host));
    if method == Method::GET {
        return match parts[..] {
            ["faults"] => Ok(http::ok(&faults_json(&host.faults.borrow()))),
            ["requests"] => Ok(http::ok(&json!({ "requests": engine.requests() }))),
            _ => Err(unknown()),
        };
    }
    if parts == ["faults"] {
        set_faults(host, query)?;
        return Ok(http::empty(StatusCode::NO_CONTENT));
    }
    let ["containers", id, act] = parts[..] else {
        return Err(unknown());
    };
    let exit = query.number::<i64>("exit")?.unwrap_or(137);
    let done = match act {
        "die" => engine.die(id, exit, query.flag("oom")),
        "crash" => engine.crash(id, exit, query.flag("oom")),
        "health" => engine.set_healthy(id, query.flag("healthy")),
        "log" => {
            let text = match query.get("text") {
                Some(text) => text.to_owned(),
                None => String::from_utf8_lossy(&http::read(body).await?).into_owned(),
            };
            text.lines()
                .try_for_each(|line| engine.log(id, query.flag("stderr"), line))
        }
        "flood" => {
            let lines = query.number::<u64>("lines")?.unwrap_or(1000);
            let rate = query.number::<u32>("rate")?.unwrap_or(1000);
            engine.flood(id, lines, rate)
        }
        _ => return Err(unknown()),
    };
    done.map_err(Refusal::bad)?;
    Ok(http::empty(StatusCode::NO_CONTENT))
}

fn unknown() -> Refusal {
    Refusal::missing(
        "sim: known are GET /sim/faults, GET /sim/requests, POST /sim/faults?latency_ms=&jitter_ms=\
         &refuse=&freeze=&error_rate=, and POST /sim/containers/{id}/die?exit=&oom=, crash?exit=&oom=, \
         health?healthy=, log?stderr=&text= (or lines as body), flood?lines=&rate=",
    )
}

/// Sets all faults of a host; what the query does not name is off.
fn set_faults(host: &Host, query: &Query) -> Result<(), Refusal> {
    let wrong = || Refusal::bad("sim: error_rate is a number from 0 to 1");
    let error_rate = match query.get("error_rate") {
        None => 0.0,
        Some(text) => text
            .parse()
            .ok()
            .filter(|rate| (0.0..=1.0).contains(rate))
            .ok_or_else(wrong)?,
    };
    let span = |name| {
        Ok(Duration::from_millis(
            query.number::<u64>(name)?.unwrap_or(0),
        ))
    };
    let faults = Faults {
        latency: span("latency_ms")?,
        jitter: span("jitter_ms")?,
        refuse: query.flag("refuse"),
        freeze: query.flag("freeze"),
        error_rate,
    };
    host.faults.send_replace(faults);
    Ok(())
}

fn faults_json(faults: &Faults) -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("latency_ms", json!(faults.latency.as_millis())),
        ("jitter_ms", json!(faults.jitter.as_millis())),
        ("refuse", json!(faults.refuse)),
        ("freeze", json!(faults.freeze)),
        ("error_rate", json!(faults.error_rate)),
    ])
}
