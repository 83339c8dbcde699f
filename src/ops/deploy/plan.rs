//! The plan of a deploy: what changes, how, what is interrupted, what speaks against it.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Begin, Draft, Stage, Task, check::check, fronts, gray, hold, permit, pins, spread, stages,
    swarm,
};
use crate::{
    catalog::policy,
    model::{
        Fleet, HostName, Step, Subject,
        app::{ServiceName, Severity},
        release::{
            Direction, Front, Gray, Held, Release, ReleaseNumber, Rollout, Strategy, Target, diff,
            strategy,
        },
        span,
    },
    ops::{
        plan::{Confirm, LeftOut, Plan, Refusal, RefusalKind},
        sentence::{Danger, Sentence},
    },
};

/// So many differences of a service are told before the rest is counted.
const CHANGES: usize = 12;

/// The release that comes of it.
pub(super) fn release(draft: &Draft, fleet: &Fleet) -> Result<Release, Refusal> {
    let newest = draft.releases.first().map(|(release, _)| release.number);
    Ok(Release {
        scope: draft.scope.clone(),
        number: newest.map_or(ReleaseNumber(1), ReleaseNumber::next),
        spec: draft.spec.clone(),
        pins: pins::pins(draft, fleet)?,
        targets: match (&draft.stack, &draft.targets) {
            (Some(stacking), _) => one_each(draft, &stacking.manager),
            (None, Some(targets)) => targets.clone(),
            (None, None) => spread::targets(draft, fleet)?,
        },
        fronts: fronts::decided(draft),
        stack: swarm::stack(draft, fleet),
        at: draft.at,
        by: draft.by.clone(),
        source: draft.source.clone(),
        reason: draft.reason.clone(),
    })
}

/// In a Swarm a service is one target: where its tasks are is decided there.
fn one_each(draft: &Draft, manager: &HostName) -> Vec<Target> {
    let names = draft.spec.services.keys();
    let of = |name: &ServiceName| Target {
        service: name.clone(),
        replica: 0,
        host: manager.clone(),
    };
    names.map(of).collect()
}

/// What is for a Swarm does not become containers of hosts by the way.
fn misplaced(draft: &Draft) -> Result<(), Refusal> {
    let was = draft.current().is_some_and(|one| one.stack.is_some());
    if draft.stack.is_some() || !(was || draft.spec.swarm) {
        return Ok(());
    }
    let scope = &draft.scope;
    Err(Refusal::new(
        RefusalKind::State,
        format!("{scope} is for a Swarm, and this would make containers of hosts"),
        "bundles are for hosts; deploy it to the Swarm, or under another name",
    ))
}

/// The plan of a deploy, from what was read for it. Everything that speaks against it is told at once.
pub fn plan(sentence: &Sentence, draft: &Draft, fleet: &Fleet) -> Result<Plan, Refusal> {
    if let Some((_, held)) = draft.releases.iter().find(|(_, held)| held.phase.is_open()) {
        return Err(Refusal::new(RefusalKind::Busy, hold::busy(held), ""));
    }
    let current = draft.current();
    misplaced(draft)?;
    let release = release(draft, fleet)?;
    let environment = fleet.environment(&release.scope.environment);
    let (mut against, notes) = match &draft.stack {
        Some(_) => (swarm::against(draft, &release, fleet), swarm::noted(draft)),
        None => check(draft, &release, fleet),
    };
    against.extend(
        policy(&release.spec, &environment.deny)
            .into_iter()
            .map(|told| LeftOut {
                target: told.place.path.clone(),
                refusal: Refusal::new(RefusalKind::State, told.what, told.remedy),
            }),
    );
    let permit = permit::permit(draft, &release, &environment);
    let app = release.scope.app.to_string();
    against.extend(permit.against.into_iter().map(|refusal| LeftOut {
        target: app.clone(),
        refusal,
    }));
    none(&against)?;
    let (trials, _) = swarm::trials(draft, &release);
    let rollout = Rollout {
        trials,
        release: Arc::new(release),
        previous: current.map(|one| Arc::new(one.clone())),
        policy: draft.policy.clone(),
        adopt: draft.adopt,
        generate: draft.generate.clone(),
        bundle: draft.bundle.clone(),
        seen: swarm::seen(draft),
    };
    let view = View {
        draft,
        rollout: &rollout,
    };
    if !view.changes_something() {
        return Err(Refusal::new(
            RefusalKind::State,
            format!(
                "{} is everywhere as it would be: nothing is to be done",
                current.map_or_else(String::new, |one| one.number.to_string())
            ),
            "",
        ));
    }
    let mut told = permit.told;
    told.extend(view.told(&notes));
    if let Some(request) = permit.ask {
        return Ok(permit::ask(sentence, request, told));
    }
    let interrupted = view.interrupted();
    let danger = if interrupted.is_empty() && !permit.forced {
        Danger::Changes
    } else {
        sentence.danger()
    };
    let confirm = if environment.guarded || permit.forced {
        Confirm::Phrase(environment.name.to_string())
    } else {
        Confirm::Ask
    };
    let steps: Vec<Step> = stages::actions(&rollout)
        .into_iter()
        .map(|(target, action)| Step {
            host: target.host.clone(),
            subject: Subject::Outside(target.to_string().into()),
            action: crate::model::Action::Deploy(Box::new(action)),
        })
        .collect();
    Ok(Plan {
        sentence: sentence.canonical(&[]),
        title: view.title(),
        danger,
        targets: rollout
            .release
            .hosts()
            .into_iter()
            .map(|host| format!("{app}@{host}"))
            .collect(),
        steps,
        loses: interrupted,
        docker: Vec::new(),
        confirm,
        left_out: Vec::new(),
        busy: "deploying",
        recorded: true,
        told,
        deploy: Some(Box::new(Task::Run(Begin::New(Box::new(rollout))))),
    })
}

/// Everything that speaks against it, at once.
fn none(against: &[LeftOut]) -> Result<(), Refusal> {
    let Some(first) = against.first() else {
        return Ok(());
    };
    let told: Vec<String> = against
        .iter()
        .map(|one| format!("{}: {}", one.target, one.refusal))
        .collect();
    Err(Refusal::new(first.refusal.kind, told.join("\n"), ""))
}

struct View<'v> {
    draft: &'v Draft,
    rollout: &'v Rollout,
}

impl View<'_> {
    fn title(&self) -> String {
        let release = &self.rollout.release;
        let hosts = release.hosts().len();
        let hosts = if let Some(stacking) = &self.draft.stack {
            format!("the Swarm of {}", stacking.manager)
        } else if hosts == 1 {
            "1 host".to_owned()
        } else {
            format!("{hosts} hosts")
        };
        format!("Deploy {} of {} to {hosts}", release.number, release.scope)
    }

    /// The targets of a service whose containers are not as they are to be.
    fn changed(&self, service: &ServiceName) -> usize {
        let release = &self.rollout.release;
        if self.draft.stack.is_some() {
            return usize::from(swarm::changed(self.draft, service));
        }
        let print = release.print(service);
        let targets = release.targets.iter().filter(|one| one.service == *service);
        let is_so = |target: &&crate::model::release::Target| {
            let Some(Ok(all)) = self.draft.found.get(&target.host) else {
                return false;
            };
            all.iter().any(|one| {
                let is_it = one.service == service.as_str() && one.replica == target.replica;
                is_it
                    && one.is_live()
                    && one.mark.as_ref().map(|mark| &mark.print) == print.as_ref()
            })
        };
        targets.filter(|target| !is_so(target)).count()
    }

    /// Whether there is anything to do.
    fn changes_something(&self) -> bool {
        let release = &self.rollout.release;
        let same = self
            .rollout
            .previous
            .as_ref()
            .is_some_and(|one| one.spec == release.spec && one.targets == release.targets);
        !same
            || release
                .spec
                .services
                .keys()
                .any(|service| self.changed(service) > 0 && !self.is_job(service))
    }

    fn is_job(&self, service: &ServiceName) -> bool {
        let spec = &self.rollout.release.spec;
        let found = spec.services.get(service);
        found.is_some_and(|one| strategy(service, one, spec).0 == Strategy::Job)
    }

    /// What is interrupted, service by service.
    fn interrupted(&self) -> Vec<String> {
        if self.draft.stack.is_some() {
            return swarm::interrupted(self.draft, self.rollout);
        }
        let release = &self.rollout.release;
        let services = release.spec.services.iter();
        let mut told: Vec<String> = services
            .filter_map(|(name, service)| {
                let changed = self.changed(name);
                let runs = self.draft.found.values().flatten().flatten().any(|one| {
                    one.service == name.as_str() && one.is_live()
                });
                let (how, why) = strategy(name, service, &release.spec);
                let stops = how == Strategy::StopFirst && changed > 0 && runs;
                let grace = service.stop_grace_period.map_or(10, |time| time.as_secs());
                stops.then(|| {
                    format!("{name} does not run on each host between the stop of the old ({grace} s at most) and the start of the new: {why}")
                })
            })
            .collect();
        let gone = stages::leftovers(self.rollout);
        if !gone.is_empty() {
            let names: Vec<String> = gone.iter().map(ToString::to_string).collect();
            told.push(format!(
                "{} go: the release does not have them",
                names.join(", ")
            ));
        }
        told
    }

    fn told(&self, notes: &[String]) -> Vec<String> {
        let release = &self.rollout.release;
        let previous = self.rollout.previous.as_deref();
        let from = previous.map_or_else(|| "nothing".to_owned(), |one| one.number.to_string());
        let mut told = vec![format!(
            "{}: {from} → {}, {}",
            release.scope, release.number, release.source
        )];
        told.extend(swarm::told(self.draft));
        let changes = diff(previous, release);
        let mut by_service: BTreeMap<Option<ServiceName>, Vec<String>> = BTreeMap::new();
        for change in changes {
            by_service
                .entry(change.service.clone())
                .or_default()
                .push(change.to_string());
        }
        for lines in by_service.into_values() {
            let more = lines.len().saturating_sub(CHANGES);
            told.extend(
                lines
                    .into_iter()
                    .take(CHANGES)
                    .map(|line| format!("  {line}")),
            );
            if more > 0 {
                told.push(format!("  and {more} more"));
            }
        }
        told.extend(self.how());
        told.extend(self.gray());
        told.extend(swarm::gray(self.draft, self.rollout));
        let policy = &self.rollout.policy;
        let mut gate = format!(
            "well is: healthy by its own check, or {} without a fault; then watched for {}",
            time(policy.settle),
            time(policy.bake)
        );
        if !policy.wait.is_zero() {
            gate = format!("{gate}; {} between batches", time(policy.wait));
        }
        told.push(gate);
        let back = match previous {
            Some(one) => format!("everything goes back to {}", one.number),
            None => "everything of it is stopped again".to_owned(),
        };
        told.push(match policy.on_failure {
            crate::model::release::OnFailure::Rollback => format!("if it fails {back}"),
            crate::model::release::OnFailure::Pause => {
                format!("if the first batch fails {back}; later it pauses and asks")
            }
        });
        let warnings = self
            .draft
            .told
            .iter()
            .filter(|one| one.severity != Severity::Note);
        told.extend(warnings.map(|one| format!("note: {one}")));
        told.extend(notes.iter().map(|note| format!("note: {note}")));
        for (name, length) in &self.rollout.generate {
            told.push(format!(
                "note: the secret {name} is made of {length} characters, if it is not there yet"
            ));
        }
        told
    }

    /// How it is tried with a share of the requests first.
    fn gray(&self) -> Option<String> {
        let tried = gray::tried(self.rollout)?;
        let release = &self.rollout.release;
        let all = release.targets.iter();
        let all = all.filter(|one| one.service == *tried.service).count();
        let steps = tried.gray.steps.iter().map(|share| {
            let count = Gray::replicas(*share, all);
            format!("{share} of the requests for {count} of {all} replicas")
        });
        Some(format!(
            "{} is tried beside the old ones first: {}; each watched for {}, judged by what {} counts of {} requests and more",
            tried.service,
            steps.collect::<Vec<_>>().join(", "),
            time(tried.gray.every),
            tried.front.balancer,
            tried.gray.requests
        ))
    }

    /// How a service takes its traffic.
    fn behind(&self, name: &ServiceName) -> String {
        let front = self.rollout.release.fronts.get(name);
        front.map_or_else(String::new, |front| {
            let Front { balancer, stable, drain, .. } = front;
            format!(
                ", behind {balancer} as {stable}: it gets requests when {balancer} finds it up, the old one ends what it has within {}",
                time(*drain)
            )
        })
    }

    /// How each service is brought to its hosts.
    fn how(&self) -> Vec<String> {
        if self.draft.stack.is_some() {
            return swarm::how(self.draft);
        }
        let release = &self.rollout.release;
        let all = stages(self.rollout);
        let services = release.spec.services.iter().map(|(name, service)| {
            let stages: Vec<&Stage> = all.iter().filter(|stage| stage.service == *name).collect();
            let sizes: Vec<String> = stages.iter().map(|stage| stage.targets.len().to_string()).collect();
            let replicas: usize = stages.iter().map(|stage| stage.targets.len()).sum();
            let (how, why) = strategy(name, service, &release.spec);
            match (replicas, self.changed(name)) {
                (0, _) => format!("{name}: no replicas"),
                (_, 0) => format!("{name}: stays as it is"),
                (1, _) => format!("{name}: {how} ({why}){}", self.behind(name)),
                (_, changed) => format!("{name}: {how} ({why}){}; {changed} of {replicas} replicas change, in batches of {}", self.behind(name), sizes.join(", ")),
            }
        });
        services.collect()
    }
}

pub(super) fn time(time: std::time::Duration) -> String {
    span(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
}

/// The plan of going on with a deploy that stands still, or of taking it back.
pub fn again(sentence: &Sentence, rollout: Rollout, held: &Held, direction: Direction) -> Plan {
    let from = rollout
        .previous
        .as_ref()
        .map_or_else(|| "nothing".to_owned(), |one| one.number.to_string());
    let Held { number, scope, .. } = held;
    let (title, to) = match direction {
        Direction::Back => (format!("Take {number} of {scope} back to {from}"), "back"),
        Direction::Forth => (format!("Go on with {number} of {scope}"), "on"),
        Direction::Promote => (
            format!("Bring {number} of {scope} everywhere"),
            "on, whatever was seen of it with a share of the requests,",
        ),
    };
    let app = rollout.scope().app.to_string();
    let steps = stages::actions(&rollout)
        .into_iter()
        .map(|(target, action)| Step {
            host: target.host.clone(),
            subject: Subject::Outside(target.to_string().into()),
            action: crate::model::Action::Deploy(Box::new(action)),
        });
    Plan {
        sentence: sentence.canonical(&[]),
        title,
        danger: Danger::Disrupts,
        targets: rollout
            .release
            .hosts()
            .into_iter()
            .map(|host| format!("{app}@{host}"))
            .collect(),
        steps: steps.collect(),
        loses: Vec::new(),
        docker: Vec::new(),
        confirm: Confirm::Ask,
        left_out: Vec::new(),
        busy: "deploying",
        recorded: true,
        told: vec![
            format!(
                "{} by {}, since {}: {}",
                held.phase.word(),
                held.by,
                held.since.strftime("%F %T UTC"),
                held.detail
            ),
            format!("it goes {to} from whatever it finds"),
        ],
        deploy: Some(Box::new(Task::Run(Begin::Again {
            rollout: Box::new(rollout),
            direction,
        }))),
    }
}
