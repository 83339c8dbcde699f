//! Questions about load balancers.

use futures_util::future::join_all;
use serde_json::json;
use tokio::sync::mpsc;

use super::{
    Session,
    args::Output,
    exit::{Exit, Failure},
    output::Out,
    table::plain,
};
use crate::{
    clients::{
        self, Finding,
        balancer::{About, Balancer, Balancers},
        haproxy::{Blueprint, render},
        nginx,
    },
    console::engine_settings,
    engine::Engines,
    model::{Backend, BalancerKind, BalancerSpec, Mark, Slot},
    ops::{
        BalancerCommand, balancers_over,
        sentence::{RenderBalancerArgs, ShowBalancerArgs},
    },
};

/// A question about load balancers.
pub(super) async fn ask(session: &Session, command: &BalancerCommand) -> Result<Exit, Failure> {
    match command {
        BalancerCommand::List => list(session).await,
        BalancerCommand::Show(args) => show(session, args).await,
        BalancerCommand::Check { balancer } => check(session, balancer).await,
        BalancerCommand::Render(args) => rendered(session, args),
        // Their roles are not those of questions.
        BalancerCommand::Ready(_)
        | BalancerCommand::Drain(_)
        | BalancerCommand::Maintenance(_)
        | BalancerCommand::Weight(_)
        | BalancerCommand::Share(_)
        | BalancerCommand::Save(_) => Ok(Exit::Usage),
    }
}

/// The balancers of the configuration. No host is opened for them: each is reached by a way of its own.
fn balancers(session: &Session) -> Balancers {
    let (to_us, mut inbox) = mpsc::channel(64);
    tokio::spawn(async move { while inbox.recv().await.is_some() {} });
    let engines = Engines::start(engine_settings(&session.config), to_us);
    engines.know_hosts(session.config.hosts.clone());
    balancers_over(&engines, session.config.balancers.iter().cloned())
}

/// What is known of one in a list.
type Known = Result<(About, Vec<Backend>), clients::Error>;

/// `balancer list`.
async fn list(session: &Session) -> Result<Exit, Failure> {
    let all = balancers(session);
    let asked = all.all().map(|one| async move {
        let known = async { Ok((one.about().await?, one.backends().await?)) }.await;
        (one, known)
    });
    let known: Vec<(Balancer, Known)> = join_all(asked).await;
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.array(known.iter().map(|(one, known)| listed(one.spec(), known)))?,
        Output::Name => out.lines(known.iter().map(|(one, _)| &one.spec().name))?,
        Output::Table | Output::Wide if known.is_empty() => {
            super::complain("no balancer is known; write a [[balancer]] into wharf.toml");
        }
        Output::Table | Output::Wide => {
            let rows = known.iter().map(|(one, known)| list_row(one.spec(), known));
            let titles = [
                "BALANCER", "KIND", "MACHINE", "STATE", "BACKENDS", "SERVING", "DETAIL",
            ];
            out.lines(plain(&titles, "    >>", rows, &session.screen))?;
        }
    }
    out.flush()?;
    let is_lost = |(_, known): &(Balancer, Known)| known.is_err();
    Ok(if known.iter().any(is_lost) {
        Exit::Unreached
    } else {
        Exit::Done
    })
}

fn listed(spec: &BalancerSpec, known: &Known) -> serde_json::Value {
    let base = json!({"balancer": &*spec.name, "kind": spec.kind, "machine": spec.machine.to_string(),
        "socket": &*spec.socket});
    let more = match known {
        Ok((about, backends)) => json!({"state": "online", "about": about,
            "backends": backends.iter().map(|one| &*one.name).collect::<Vec<_>>()}),
        Err(error) => json!({"state": "offline", "detail": error.reason()}),
    };
    merged(base, more)
}

fn merged(mut base: serde_json::Value, more: serde_json::Value) -> serde_json::Value {
    if let (Some(base), serde_json::Value::Object(more)) = (base.as_object_mut(), more) {
        base.extend(more);
    }
    base
}

fn list_row(spec: &BalancerSpec, known: &Known) -> Vec<String> {
    let (state, backends, serving, detail) = match known {
        Ok((about, backends)) => {
            let slots = || backends.iter().flat_map(|one| &one.slots);
            let serving = slots().filter(|slot| slot.is_serving()).count();
            (
                "online",
                backends.len().to_string(),
                format!("{serving}/{}", slots().count()),
                about.words(),
            )
        }
        Err(error) => ("offline", String::new(), String::new(), error.reason()),
    };
    vec![
        spec.name.to_string(),
        spec.kind.to_string(),
        spec.machine.to_string(),
        state.to_owned(),
        backends,
        serving,
        detail,
    ]
}

/// `balancer show`.
async fn show(session: &Session, args: &ShowBalancerArgs) -> Result<Exit, Failure> {
    let balancer = balancers(session).open(&args.balancer)?;
    let backends = match &args.backend {
        Some(name) => vec![balancer.backend(name).await?],
        None => balancer.backends().await?,
    };
    let shares = balancer.shares().await.unwrap_or_else(|error| {
        super::complain(&error.to_string());
        Vec::new()
    });
    let mut out = Out::take();
    match session.options.output {
        Output::Json => {
            let shares: serde_json::Map<_, _> = shares
                .into_iter()
                .map(|(key, value)| (key, value.into()))
                .collect();
            out.json(&json!({"balancer": args.balancer, "backends": backends, "shares": shares}))?;
        }
        Output::Name => {
            let slots = backends.iter().flat_map(|one| &one.slots);
            out.lines(slots.map(|slot| slot.name.to_string()))?;
        }
        Output::Table | Output::Wide => {
            let is_wide = session.options.output == Output::Wide;
            let mut titles = vec![
                "SERVER", "ADDRESS", "ADMIN", "STATE", "CHECK", "WEIGHT", "SESSIONS", "REQUESTS",
                "5XX", "BROKEN", "TIME",
            ];
            if is_wide {
                titles.extend(["QUEUE", "RETRIES", "CONNECT", "RESPONSE"]);
            }
            let rows = backends.iter().flat_map(|one| {
                let shown = one
                    .slots
                    .iter()
                    .filter(|slot| is_wide || !one.is_free(slot));
                shown
                    .map(|slot| slot_row(slot, is_wide))
                    .chain([backend_row(one, is_wide)])
            });
            out.lines(plain(&titles, "     >>>>>>>>>>", rows, &session.screen))?;
            let shares = shares
                .iter()
                .map(|(key, value)| format!("share of the canary of {key}: {value} %"));
            out.lines(shares)?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn slot_row(slot: &Slot, is_wide: bool) -> Vec<String> {
    let did = &slot.counters;
    let mut row = vec![
        slot.name.to_string(),
        slot.address
            .map(|address| address.to_string())
            .unwrap_or_default(),
        slot.admin.to_string(),
        slot.standing.word().to_owned(),
        if slot.checked {
            slot.check.to_string()
        } else {
            "not checked".to_owned()
        },
        slot.weight.to_string(),
        slot.sessions.to_string(),
        did.requests.to_string(),
        did.errors_5xx.to_string(),
        did.broken().to_string(),
        format!("{} ms", did.total_ms),
    ];
    if is_wide {
        row.extend([
            slot.queue.to_string(),
            did.retries.to_string(),
            format!("{} ms", did.connect_ms),
            format!("{} ms", did.response_ms),
        ]);
    }
    row
}

fn backend_row(backend: &Backend, is_wide: bool) -> Vec<String> {
    let did = &backend.counters;
    let room = if backend.elastic {
        format!("{} servers", backend.slots.len())
    } else {
        format!("{} of {} free", backend.room(), backend.slots.len())
    };
    let mut row = vec![
        backend.name.to_string(),
        room,
        String::new(),
        format!("{} serving", backend.serving()),
        String::new(),
        String::new(),
        backend.sessions.to_string(),
        did.requests.to_string(),
        did.errors_5xx.to_string(),
        did.broken().to_string(),
        format!("{} ms", did.total_ms),
    ];
    if is_wide {
        row.extend([
            backend.queue.to_string(),
            did.retries.to_string(),
            format!("{} ms", did.connect_ms),
            format!("{} ms", did.response_ms),
        ]);
    }
    row
}

/// `balancer check`: ends badly where something does not work.
async fn check(session: &Session, name: &str) -> Result<Exit, Failure> {
    let balancer = balancers(session).open(name)?;
    let found = balancer.check().await;
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.array(found.iter())?,
        Output::Name => out.lines(
            found
                .iter()
                .filter(|one| one.mark == Mark::Failed)
                .map(|one| &one.what),
        )?,
        Output::Table | Output::Wide => {
            let ascii = session.screen.ascii;
            out.lines(found.iter().flat_map(|one| told(one, ascii)))?;
        }
    }
    out.flush()?;
    Ok(if found.iter().any(|one| one.mark == Mark::Failed) {
        Exit::Failed
    } else {
        Exit::Done
    })
}

/// A finding as it is told to people.
pub(super) fn told(finding: &Finding, ascii: bool) -> Vec<String> {
    let mut lines = vec![format!(
        "{} {}: {}",
        finding.mark.glyph(ascii),
        finding.what,
        finding.saw
    )];
    if !finding.remedy.is_empty() {
        lines.push(format!("    {}", finding.remedy));
    }
    lines
}

/// `balancer render`.
fn rendered(session: &Session, args: &RenderBalancerArgs) -> Result<Exit, Failure> {
    let spec = match &args.balancer {
        Some(name) => {
            let known = session
                .config
                .balancers
                .iter()
                .find(|one| *one.name == **name);
            let missing = || Failure::Usage(format!("no balancer is called '{name}'"));
            Some(known.ok_or_else(missing)?)
        }
        None => None,
    };
    if let Some(BalancerKind::Nginx(own)) = spec.map(|spec| &spec.kind) {
        if args.sources.is_some() {
            let why = "--sources is for HAProxy; write a geo block of nginx for subnets".to_owned();
            return Err(Failure::Usage(why));
        }
        let text = nginx::render(&nginx::Blueprint {
            app: args.app.to_string(),
            port: args.port,
            file: own.file.to_string(),
        })?;
        return print(session, &args.app, &text);
    }
    let path = |own: Option<&std::sync::Arc<str>>, usual: &str| {
        own.map_or_else(|| usual.to_owned(), ToString::to_string)
    };
    let text = render(&Blueprint {
        app: args.app.to_string(),
        slots: args.servers,
        port: args.port,
        check: args.check.clone(),
        map: path(
            spec.and_then(|spec| spec.map.as_ref()),
            "/etc/haproxy/ops/canary.map",
        ),
        state: path(
            spec.and_then(|spec| spec.state.as_ref()),
            "/var/lib/haproxy/ops.state",
        ),
        socket: path(spec.map(|spec| &spec.socket), "/run/haproxy/admin.sock"),
        sources: args.sources.clone(),
    })?;
    print(session, &args.app, &text)
}

fn print(session: &Session, app: &str, text: &str) -> Result<Exit, Failure> {
    let mut out = Out::take();
    if session.options.output.is_json() {
        out.json(&json!({"app": app, "configuration": text}))?;
    } else {
        out.lines(text.lines())?;
    }
    out.flush()?;
    Ok(Exit::Done)
}
