//! What is done to containers: start, stop, restart, kill, pause, rename, remove, wait, prune.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::clock::{self, Nanos, SECOND};
use super::container::{Container, Ending, State};
use super::engine::{Engine, Key};
use super::events::Kind;
use super::host::Host;
use super::http::{self, Answer, Refusal};
use super::life::Signal;
use super::route::Call;

const DONE: StatusCode = StatusCode::NO_CONTENT;
const NOTHING_TO_DO: StatusCode = StatusCode::NOT_MODIFIED;

/// `POST /containers/{id}/start`
pub fn start(call: &Call, id: &str) -> Answer {
    call.host.change(|engine, now| {
        let (key, container) = engine.get_mut(id)?;
        match container.state {
            State::Running | State::Restarting => Ok(http::empty(NOTHING_TO_DO)),
            State::Paused => Err(Refusal::conflict(
                "cannot start a paused container, try unpause instead",
            )),
            State::Dead => Err(Refusal::conflict(
                "container is marked for removal and cannot be started",
            )),
            State::Created | State::Exited => {
                container.restarts = 0;
                engine.begin(key, now);
                Ok(http::empty(DONE))
            }
        }
    })
}

/// `POST /containers/{id}/stop`
pub async fn stop(call: &Call, id: &str) -> Answer {
    let grace = grace(call)?;
    if ask_to_end(call, id, grace).await? {
        Ok(http::empty(DONE))
    } else {
        Ok(http::empty(NOTHING_TO_DO))
    }
}

/// `POST /containers/{id}/restart`
pub async fn restart(call: &Call, id: &str) -> Answer {
    let grace = grace(call)?;
    ask_to_end(call, id, grace).await?;
    call.host.change(|engine, now| {
        let (key, container) = engine.get_mut(id)?;
        if container.state == State::Dead {
            let message = format!(
                "Cannot restart container {id}: container is marked for removal and cannot be started"
            );
            return Err(Refusal::conflict(message));
        }
        if !container.state.alive() {
            container.restarts = 0;
            engine.begin(key, now);
        }
        engine.emit_container(now, key, "restart", &[]);
        Ok(http::empty(DONE))
    })
}

/// `t`: how long the process may take to end.
fn grace(call: &Call) -> Result<Duration, Refusal> {
    let seconds = call.query.number::<i64>("t")?.unwrap_or(10);
    Ok(Duration::from_secs(u64::try_from(seconds).unwrap_or(3600)))
}

/// What became of a wish that a container ends.
enum Asked {
    /// Nothing runs.
    Nothing,
    /// It waited for its restart, and waits no more.
    Done,
    /// The process begun at that moment, if any, ends after its farewell.
    Ending(Key, Option<Nanos>, Duration),
}

/// SIGTERM, the process's time to end, SIGKILL where that is over. False when nothing ran.
async fn ask_to_end(call: &Call, id: &str, grace: Duration) -> Result<bool, Refusal> {
    let asked = call.host.change(|engine, now| {
        let (key, container) = engine.get_mut(id)?;
        let farewell = Duration::from_nanos(container.farewell().unsigned_abs());
        match container.state {
            State::Created | State::Exited | State::Dead => return Ok(Asked::Nothing),
            State::Restarting => {
                container.by_hand = true;
                container.state = State::Exited;
                engine.emit_container(now, key, "stop", &[]);
                return Ok(Asked::Done);
            }
            State::Running | State::Paused => {}
        }
        // No restart policy brings it back, whatever ends it from now on.
        container.by_hand = true;
        let began = container.started;
        engine.emit_container(now, key, "kill", &[("signal", Signal::TERM.0.to_string())]);
        Ok(Asked::Ending(key, began, farewell))
    })?;
    let (key, began, farewell) = match asked {
        Asked::Nothing => return Ok(false),
        Asked::Done => return Ok(true),
        Asked::Ending(key, began, farewell) => (key, began, farewell),
    };
    tokio::time::sleep(farewell.min(grace)).await;
    call.host.change(|engine, now| {
        let same = |one: &Container| one.state.alive() && one.started == began;
        if engine.containers.get(&key).is_some_and(same) {
            if farewell <= grace {
                engine.end_by_hand(key, now);
            } else {
                engine.signal(key, now, Signal::KILL);
            }
        }
        engine.emit_container(now, key, "stop", &[]);
    });
    Ok(true)
}

/// `POST /containers/{id}/kill`
pub fn kill(call: &Call, id: &str) -> Answer {
    let signal = Signal::parse(call.query.get("signal").unwrap_or("KILL"))?;
    call.host.change(|engine, now| {
        let (key, container) = engine.get_mut(id)?;
        if !container.state.alive() && container.state != State::Restarting {
            let message = format!(
                "Cannot kill container: {id}: Container {} is not running",
                container.id
            );
            return Err(Refusal::conflict(message));
        }
        engine.signal(key, now, signal);
        Ok(http::empty(DONE))
    })
}

/// `POST /containers/{id}/pause`
pub fn pause(call: &Call, id: &str) -> Answer {
    call.host.change(|engine, now| {
        let (key, container) = engine.get_mut(id)?;
        container.must_run()?;
        if container.state == State::Paused {
            let message = format!("Container {} is already paused", container.id);
            return Err(Refusal::conflict(message));
        }
        container.state = State::Paused;
        container.end_run(now, Ending::Frozen);
        engine.emit_container(now, key, "pause", &[]);
        Ok(http::empty(DONE))
    })
}

/// `POST /containers/{id}/unpause`
pub fn unpause(call: &Call, id: &str) -> Answer {
    call.host.change(|engine, now| {
        let (key, container) = engine.get_mut(id)?;
        if container.state != State::Paused {
            return Err(Refusal::internal(format!(
                "Container {} is not paused",
                container.id
            )));
        }
        container.state = State::Running;
        container.begin_run(now, false);
        engine.emit_container(now, key, "unpause", &[]);
        Ok(http::empty(DONE))
    })
}

/// `POST /containers/{id}/rename`
pub fn rename(call: &Call, id: &str) -> Answer {
    call.host.change(|engine, now| {
        let (key, container) = engine.get_mut(id)?;
        let old = container.name.clone();
        let new = call
            .query
            .get("name")
            .unwrap_or_default()
            .trim_start_matches('/');
        if new.is_empty() {
            return Err(Refusal::bad("Neither old nor new names may be empty"));
        }
        if new == old {
            return Err(Refusal::bad(
                "Renaming a container with the same name as its current name",
            ));
        }
        free_name(engine, new).map_err(|refusal| Refusal {
            message: format!("Error when allocating new name: {}", refusal.message),
            ..refusal
        })?;
        engine.rename(key, new);
        engine.emit_container(now, key, "rename", &[("oldName", format!("/{old}"))]);
        Ok(http::empty(DONE))
    })
}

/// Refuses a name that is wrong or taken.
pub fn free_name(engine: &Engine, name: &str) -> Result<(), Refusal> {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let fits = name.len() > 1
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(letter);
    if !fits {
        let message =
            format!("Invalid container name (/{name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
        return Err(Refusal::bad(message));
    }
    match engine.named(name) {
        None => Ok(()),
        Some(owner) => Err(Refusal::conflict(format!(
            "Conflict. The container name \"/{name}\" is already in use by container \"{}\". You \
             have to remove (or rename) that container to be able to reuse that name.",
            owner.id
        ))),
    }
}

/// `DELETE /containers/{id}`
pub fn remove(call: &Call, id: &str) -> Answer {
    let force = call.query.flag("force");
    let volumes = call.query.flag("v");
    call.host.change(|engine, now| {
        let (key, container) = engine.get_mut(id)?;
        let how = match container.state {
            State::Running => Some(("running", "Stop the container before attempting removal")),
            State::Restarting => {
                Some(("restarting", "Stop the container before attempting removal"))
            }
            State::Paused => Some((
                "paused",
                "Unpause and then stop the container before attempting removal",
            )),
            State::Created | State::Exited | State::Dead => None,
        };
        match how {
            Some((state, remedy)) if !force => {
                let message = format!(
                    "You cannot remove a {state} container {}. {remedy} or force remove",
                    container.id
                );
                return Err(Refusal::conflict(message));
            }
            Some(_) => engine.signal(key, now, Signal::KILL),
            None => {}
        }
        destroy(engine, key, now, volumes);
        Ok(http::empty(DONE))
    })
}

/// Removes a container and, if asked, the anonymous volumes that were its own.
fn destroy(engine: &mut Engine, key: Key, now: Nanos, volumes: bool) {
    let Some(container) = engine.containers.get(&key) else {
        return;
    };
    let mounts = container.plan.mounts.clone();
    engine.destroy(key, now);
    for name in mounts
        .into_iter()
        .filter_map(|mount| mount.volume)
        .filter(|_| volumes)
    {
        let anonymous = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if anonymous && engine.volumes.remove(&name).is_some() {
            let attributes = [("driver".to_owned(), "local".to_owned())].into();
            engine.emit(now, Kind::Volume, "destroy", &name, attributes);
        }
    }
}

/// `POST /containers/prune`
pub fn prune(call: &Call) -> Answer {
    let filters = call.query.filters()?;
    filters.allow(&["label", "label!", "until"])?;
    let before = match filters.values("until").first() {
        None => None,
        Some(text) => Some(until(text)?),
    };
    call.host.change(|engine, now| {
        let doomed: Vec<(Key, String)> = engine
            .containers
            .iter()
            .filter(|(_, one)| matches!(one.state, State::Created | State::Exited | State::Dead))
            .filter(|(_, one)| filters.labels(|key| one.label(key)))
            .filter(|(_, one)| before.is_none_or(|before| one.created < before.moment(now)))
            .map(|(key, one)| (*key, one.id.clone()))
            .collect();
        let mut reclaimed = 0;
        for (key, _) in &doomed {
            reclaimed += engine
                .containers
                .get(key)
                .map_or(0, super::containers::written);
            engine.destroy(*key, now);
        }
        let attributes = [("reclaimed".to_owned(), reclaimed.to_string())].into();
        engine.emit(now, Kind::Container, "prune", "", attributes);
        let ids: Vec<_> = doomed.into_iter().rev().map(|(_, id)| id).collect();
        let deleted = if ids.is_empty() {
            Value::Null
        } else {
            json!(ids)
        };
        Ok(http::ok(
            &json!({ "ContainersDeleted": deleted, "SpaceReclaimed": reclaimed }),
        ))
    })
}

/// `until` of a prune: a moment, or an age such as `24h`.
#[derive(Clone, Copy)]
pub enum Until {
    /// Before this moment.
    Moment(Nanos),
    /// Older than this.
    Age(Nanos),
}

impl Until {
    /// The moment it means now.
    pub const fn moment(self, now: Nanos) -> Nanos {
        match self {
            Self::Moment(moment) => moment,
            Self::Age(age) => now.saturating_sub(age),
        }
    }
}

/// Reads `until`.
pub fn until(text: &str) -> Result<Until, Refusal> {
    let units = [("h", 3600), ("m", 60), ("s", 1)];
    for (unit, seconds) in units {
        if let Some(Ok(number)) = text.strip_suffix(unit).map(str::parse::<i64>) {
            return Ok(Until::Age(
                number.saturating_mul(seconds).saturating_mul(SECOND),
            ));
        }
    }
    if let Some(moment) = clock::parse_rfc3339(text) {
        return Ok(Until::Moment(moment));
    }
    clock::parse_moment(text)
        .map(Until::Moment)
        .map_err(Refusal::bad)
}

/// `POST /containers/{id}/update`: memory and restart policy.
pub async fn update(call: Call, id: &str) -> Answer {
    #[derive(serde::Deserialize, Default)]
    #[serde(rename_all = "PascalCase", default)]
    struct Wanted {
        memory: i64,
        restart_policy: Option<super::create::Policy>,
    }
    let wanted: Wanted = http::read_json(call.body).await?;
    call.host.change(|engine, now| {
        let (key, container) = engine.get_mut(id)?;
        let plan = Arc::make_mut(&mut container.plan);
        if wanted.memory > 0 {
            plan.memory = wanted.memory;
        }
        if let Some(policy) = &wanted.restart_policy {
            plan.restart = policy.restart();
        }
        engine.emit_container(now, key, "update", &[]);
        Ok(http::ok(&json!({ "Warnings": null })))
    })
}

/// What `wait` waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    /// No process, now or later.
    NotRunning,
    /// Another end than the last one.
    NextExit(Option<Nanos>),
    /// The container is gone.
    Removed,
}

impl Condition {
    fn holds(self, container: &Container) -> bool {
        match self {
            Self::NotRunning => !container.state.alive() && container.state != State::Restarting,
            Self::NextExit(last) => container.finished != last,
            Self::Removed => false,
        }
    }
}

/// `POST /containers/{id}/wait`: the header at once, the body when the container has ended.
pub fn wait(call: &Call, id: &str) -> Answer {
    let (id, condition) = call.host.read(|engine, _| {
        let container = engine.get(id)?;
        let condition = match call.query.get("condition") {
            None | Some("not-running") => Condition::NotRunning,
            Some("next-exit") => Condition::NextExit(container.finished),
            Some("removed") => Condition::Removed,
            Some(other) if call.host.profile.minor >= 42 => {
                return Err(Refusal::bad(format!("invalid condition: \"{other}\"")));
            }
            Some(_) => Condition::NotRunning,
        };
        Ok((container.id.clone(), condition))
    })?;
    let (host, with_error) = (Arc::clone(&call.host), call.minor < 42);
    let verdict = async move {
        let Some(code) = ended(&host, &id, condition).await else {
            return Bytes::new();
        };
        let mut body = json!({ "StatusCode": code });
        if with_error {
            body["Error"] = Value::Null;
        }
        Bytes::from(format!("{body}\n"))
    };
    Ok(http::stream(
        Some("application/json"),
        stream::once(verdict),
    ))
}

/// Waits for the condition; the exit code, or none at the end of the fleet.
async fn ended(host: &Host, id: &str, condition: Condition) -> Option<i64> {
    let mut changed = host.changes();
    let mut code = 0;
    loop {
        changed.mark_unchanged();
        let over = host.read(|engine, _| {
            let Ok(container) = engine.get(id) else {
                return true;
            };
            code = container.exit_code;
            condition.holds(container)
        });
        if over {
            return Some(code);
        }
        changed.changed().await.ok()?;
    }
}
