//! Acts from a shell: plan, confirm, run, report.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use tokio_util::sync::CancellationToken;

use super::{
    Session,
    args::Output,
    exit::{Exit, Failure, of_outcome},
    output::Out,
    reach::{Reached, empty_fleet},
    report::Report,
    signals::{Asked, unless_asked},
};
use crate::{
    clients::registry::Registries,
    console::{registry_settings, secrets},
    engine::Engines,
    model::{Event, HostSpec, Outcome},
    ops::{
        self, BalancerCommand, Confirm, Crew, Danger, HostCommand, Plan, Refusal, RefusalKind,
        Role, Sentence,
    },
    store::{Mark, Store},
};

/// So many targets are named before the rest is counted.
const NAMES: usize = 20;

/// A sentence whose plan has steps.
pub(super) async fn act(session: &Session, sentence: &Sentence) -> Result<Exit, Failure> {
    let Some(ready) = unless_asked(Box::pin(prepare(session, sentence))).await else {
        return Ok(Exit::Interrupted);
    };
    let ready = ready?;
    if session.options.dry_run {
        return session
            .preview(&ready.plan)
            .map(|exit| worse(exit, ready.exit));
    }
    if !session.is_confirmed(&ready.plan).await? {
        return Ok(Exit::Interrupted);
    }
    let (_fleet, engines, drained) = ready.reached.drain();
    let crew = crew(session, engines);
    let carried = carry_out(session, sentence, &ready.plan, &ready.store, &crew);
    let ended = Box::pin(carried).await;
    drained.abort();
    Ok(worse(ended?, ready.exit))
}

/// Who does what is planned.
pub(super) fn crew(session: &Session, engines: Engines) -> Crew {
    Crew::new(
        engines,
        Registries::new(registry_settings(&session.config)),
        session.config.balancers.iter().cloned(),
        session.config.jenkins.iter().cloned(),
        session.config.discoveries.iter().cloned(),
        secrets(&session.config),
    )
}

/// Carries out what was confirmed, and tells how it goes; answers how the program ends for it.
pub(super) async fn carry_out(
    session: &Session,
    sentence: &Sentence,
    plan: &Plan,
    store: &Store,
    crew: &Crew,
) -> Result<Exit, Failure> {
    let cancel = CancellationToken::new();
    let interrupt = tokio::spawn(interrupted(Asked::listen(), cancel.clone()));
    let report = Report::new(session, plan);
    let ended = ops::carry_out(
        plan,
        &session.origin("shell"),
        sentence.reason(),
        crew,
        store,
        cancel,
        |progress| report.take(progress),
    )
    .await;
    interrupt.abort();
    store.close().await;
    // What was broken off is cleaned up before the ways to the hosts are closed.
    if let Some(step) = plan.steps.first() {
        crew.engines.settle(&step.host).await;
    }
    let outcome = ended?;
    report.finish(&outcome)?;
    Ok(match (sentence.role(), &outcome) {
        // What was looked at cannot be used.
        (Role::Look, Outcome::Failed { .. }) if matches!(sentence, Sentence::Host(_)) => {
            Exit::Unreached
        }
        _ => of_outcome(&outcome),
    })
}

/// A sentence that edits wharf.toml.
pub(super) async fn configure(session: &Session, sentence: &Sentence) -> Result<Exit, Failure> {
    let plan = sentence.plan(&empty_fleet(&session.config), &[])?;
    if session.options.dry_run {
        return session.preview(&plan);
    }
    if !session.is_confirmed(&plan).await? {
        return Ok(Exit::Interrupted);
    }
    let store = session.store();
    let work = async {
        match ops::configure(sentence, &plan, &session.config.paths) {
            Ok(detail) => Outcome::Done { detail },
            Err(detail) => Outcome::Failed {
                done: 0,
                failed: 1,
                detail,
            },
        }
    };
    let report = Report::new(session, &plan);
    let origin = session.origin("shell");
    let take = |progress| report.take(progress);
    let ended = ops::recorded(&plan, &origin, sentence.reason(), &store, &take, work).await;
    store.close().await;
    let outcome = ended?;
    report.finish(&outcome)?;
    Ok(of_outcome(&outcome))
}

/// An act that can be done when it is confirmed.
pub(super) struct Ready {
    pub plan: Plan,
    pub store: Store,
    pub reached: Reached,
    /// How the program ends when the act is done: something may have been left out.
    pub exit: Exit,
}

/// Reaches what the sentence is about, and plans.
pub(super) async fn prepare(session: &Session, sentence: &Sentence) -> Result<Ready, Failure> {
    if session.config.read_only && sentence.danger() > Danger::Reads {
        return Err(Refusal::read_only().into());
    }
    if !sentence.names_targets() {
        // There is no selection in a shell, so this says what is missing.
        sentence.plan(&empty_fleet(&session.config), &[])?;
    }
    let touches = |spec: &HostSpec| sentence.touches(spec);
    let mut reached = match sentence {
        // These open a way of their own.
        Sentence::Host(HostCommand::Doctor { .. } | HostCommand::Install(_)) => {
            Reached::nothing_yet(&session.config, session.options.timeout)?
        }
        Sentence::Jenkins(_) => Reached::beside(&session.config, session.options.timeout),
        Sentence::Registry(_) => Reached::nothing_yet(&session.config, session.options.timeout)?,
        // It is known by itself, whatever hosts there are.
        Sentence::Balancer(command) => {
            let mut reached = Reached::beside(&session.config, session.options.timeout);
            look_behind(session, command, &mut reached).await?;
            reached
        }
        Sentence::Volume(command) if command.is_local() => {
            Reached::nothing_yet(&session.config, session.options.timeout)?
        }
        // What a cleaning takes away depends on the engine's version.
        Sentence::Host(_) => session.reach_known(touches).await?,
        Sentence::Network(_) => session.reach_networks(touches).await?,
        Sentence::Node(_)
        | Sentence::Service(_)
        | Sentence::Secret(_)
        | Sentence::SwarmConfig(_) => session.reach_swarms(touches).await?,
        Sentence::Image(_) | Sentence::Volume(_) => session.reach_resources(touches).await?,
        _ => session.reach(touches).await?,
    };
    let store = session.store();
    for operation in recent(&store).await {
        reached.fleet.apply(Event::Operation(Box::new(operation)));
    }
    let plan = sentence.plan(&reached.fleet, &[])?;
    let exit = left_out(&reached, &plan);
    Ok(Ready {
        plan,
        store,
        reached,
        exit,
    })
}

/// Looks at what stands behind a balancer, where that decides how much is lost.
async fn look_behind(
    session: &Session,
    command: &BalancerCommand,
    reached: &mut Reached,
) -> Result<(), Failure> {
    let Some((name, true)) = command.changes() else {
        return Ok(());
    };
    let known = session.config.balancers.iter().cloned();
    // One that nobody knows is refused by the plan.
    if let Ok(balancer) = ops::balancers_over(&reached.engines, known).open(name) {
        let behind = balancer.backends().await?;
        reached.fleet.behind.insert(name.into(), behind);
    }
    Ok(())
}

/// The newest operations, to see whether one runs on a target; an unreadable log hides none that
/// this act could not be recorded beside.
async fn recent(store: &Store) -> Vec<crate::model::Operation> {
    if let Err(error) = store.interrupted().await {
        super::complain(&format!("warning: {error}"));
    }
    match store.changed_since(Mark::default()).await {
        Ok(changes) => changes.operations,
        Err(_) => Vec::new(),
    }
}

/// Says what is left out; answers how the program ends for it.
fn left_out(reached: &Reached, plan: &Plan) -> Exit {
    let mut exit = super::missing(reached);
    for one in &plan.left_out {
        super::complain(&format!("{} is left out: {}", one.target, one.refusal));
        exit = worse(
            exit,
            match one.refusal.kind {
                RefusalKind::State => Exit::Done,
                RefusalKind::Offline => Exit::Unreached,
                RefusalKind::ReadOnly
                | RefusalKind::Forbidden
                | RefusalKind::Nothing
                | RefusalKind::Kind
                | RefusalKind::Unknown
                | RefusalKind::Ambiguous
                | RefusalKind::Busy
                | RefusalKind::Sentence
                | RefusalKind::Unconfirmed => Exit::Refused,
            },
        );
    }
    exit
}

/// The exit that tells more: what failed, before what was left out, before what is done.
pub(super) fn worse(a: Exit, b: Exit) -> Exit {
    if a == Exit::Done { b } else { a }
}

/// Cancels when somebody asks this program to end; the second time it ends at once.
async fn interrupted(mut asked: Asked, cancel: CancellationToken) {
    asked.wait().await;
    super::complain("interrupted: no further step begins; once more ends the program at once");
    cancel.cancel();
    asked.wait().await;
    std::process::exit(130);
}

impl Session {
    /// The store, opened with its first use. What it cannot record now waits beside it.
    pub(super) fn store(&self) -> Store {
        Store::detached(&self.config.store)
    }

    /// Writes what would be done.
    pub(super) fn preview(&self, plan: &Plan) -> Result<Exit, Failure> {
        let mut out = Out::take();
        match self.options.output {
            Output::Json => out.json(plan)?,
            Output::Name => out.lines(&plan.targets)?,
            Output::Table | Output::Wide => {
                out.lines(told(plan))?;
                out.lines([format!("sentence: wharf {}", plan.sentence)])?;
                out.lines(
                    plan.docker
                        .iter()
                        .map(|command| format!("same as: {command}")),
                )?;
                out.lines([match &plan.confirm {
                    Confirm::No => "it would not ask".to_owned(),
                    Confirm::Ask => "it would ask; --yes confirms".to_owned(),
                    Confirm::Phrase(phrase) => {
                        format!("it would ask; --confirm '{phrase}' confirms")
                    }
                }])?;
            }
        }
        out.flush()?;
        Ok(Exit::Done)
    }

    /// Has the plan confirmed; false when somebody asks to end instead of answering.
    pub(super) async fn is_confirmed(&self, plan: &Plan) -> Result<bool, Failure> {
        let answer = unless_asked(self.confirm(plan)).await.transpose()?;
        Ok(answer.is_some())
    }

    /// Has the plan confirmed, by an option or by a person; refuses it otherwise.
    async fn confirm(&self, plan: &Plan) -> Result<(), Failure> {
        let is_said = |phrase: &str| self.options.confirm.as_deref() == Some(phrase);
        let question = match &plan.confirm {
            Confirm::No => return Ok(()),
            Confirm::Ask if self.options.yes || self.options.confirm.is_some() => return Ok(()),
            Confirm::Phrase(phrase) if is_said(phrase) => return Ok(()),
            Confirm::Ask => "Do it? [y/N] ".to_owned(),
            Confirm::Phrase(phrase) => format!("Type {phrase} to do it: "),
        };
        if !io::stdin().is_terminal() {
            return Err(not_confirmed(plan).into());
        }
        let answer = ask(&told(plan), &question).await?;
        let is_accepted = match &plan.confirm {
            Confirm::No => true,
            Confirm::Ask => matches!(answer.to_lowercase().as_str(), "y" | "yes"),
            Confirm::Phrase(phrase) => answer == *phrase,
        };
        if is_accepted {
            Ok(())
        } else {
            Err(Refusal::new(
                RefusalKind::Unconfirmed,
                "not confirmed: nothing was done",
                "",
            )
            .into())
        }
    }
}

/// Asks a person. Reading waits on a thread of its own, so that signals are heard meanwhile.
async fn ask(lines: &[String], question: &str) -> io::Result<String> {
    let mut screen = io::stderr().lock();
    for line in lines {
        writeln!(screen, "{line}")?;
    }
    write!(screen, "{question}")?;
    screen.flush()?;
    drop(screen);
    let reading = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(answer.trim().to_owned())
    });
    reading
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn not_confirmed(plan: &Plan) -> Refusal {
    let way = match &plan.confirm {
        Confirm::Phrase(phrase) => format!("--confirm '{phrase}'"),
        Confirm::No | Confirm::Ask => "--yes".to_owned(),
    };
    Refusal::new(
        RefusalKind::Unconfirmed,
        format!("nothing was done: '{}' has to be confirmed", plan.title),
        format!("look at it with --dry-run, then say {way}"),
    )
}

/// A plan for people: what, on what, what is lost.
fn told(plan: &Plan) -> Vec<String> {
    let mut lines = vec![plan.title.clone()];
    if plan.targets.len() > 1 {
        let shown = plan.targets.iter().take(NAMES);
        lines.extend(shown.map(|target| format!("  {target}")));
        if plan.targets.len() > NAMES {
            lines.push(format!("  and {} more", plan.targets.len() - NAMES));
        }
    }
    lines.extend(plan.told.iter().cloned());
    let word = if plan.deploy.is_some() {
        "interrupted"
    } else {
        "lost"
    };
    lines.extend(plan.loses.iter().map(|loss| format!("{word}: {loss}")));
    lines
}
