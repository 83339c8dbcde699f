//! What people say of environments that only a worker changes: it is put into the queue of runs, as a run of one step.
//!
//! Whoever has the keys of such an environment is the worker. It says the sentence for whoever put it into the queue, and
//! refuses what they may not do; so who may do what is decided where nobody else can change it.

use std::sync::Arc;

use super::{Plan, Refusal, RefusalKind};
use crate::{
    model::{
        Action, Actor, Fleet, MASK, Subject,
        pipeline::{BY_HAND, Cause, Pipeline, PipelineStep, Run, Verb},
    },
    ops::{
        deploy::{Begin, Task},
        pipeline::Act,
        plan::Confirm,
        sentence::{Sentence, join},
    },
};

/// So many characters of its targets keep runs apart.
const KEY: usize = 200;

/// The plan, or that of having it said by a worker where nobody else may.
pub(super) fn queued(sentence: &Sentence, plan: Plan, fleet: &Fleet) -> Result<Plan, Refusal> {
    if fleet.access.by == Actor::Worker || sentence.permission().is_none() {
        return Ok(plan);
    }
    let Some(environment) = closed(sentence, &plan, fleet) else {
        return Ok(plan);
    };
    put(sentence, plan, fleet, &environment)
}

/// The plan of having a sentence about such an environment said by a worker, when it cannot be planned from here; the
/// refusal otherwise.
pub(in crate::ops) fn unplanned(
    sentence: &Sentence,
    environment: &str,
    fleet: &Fleet,
    refusal: Refusal,
) -> Result<Plan, Refusal> {
    let is_closed = fleet.environment(environment).worker_only;
    if refusal.kind != RefusalKind::Offline || !is_closed || fleet.access.by != Actor::Person {
        return Err(refusal);
    }
    let plan = Plan {
        sentence: sentence.canonical(&[]),
        title: format!("Say `{}`", sentence.words()),
        danger: sentence.danger(),
        targets: Vec::new(),
        steps: Vec::new(),
        loses: Vec::new(),
        docker: Vec::new(),
        confirm: match environment_phrase(fleet, environment) {
            Some(phrase) => Confirm::Phrase(phrase),
            None => Confirm::Ask,
        },
        left_out: Vec::new(),
        busy: "queued",
        recorded: true,
        told: vec![format!(
            "it is planned when a worker says it: from here, {refusal}"
        )],
        deploy: None,
    };
    put(sentence, plan, fleet, environment)
}

fn environment_phrase(fleet: &Fleet, name: &str) -> Option<String> {
    let environment = fleet.environment(name);
    environment.guarded.then(|| environment.name.to_string())
}

/// The environment of the plan that only a worker changes.
fn closed(sentence: &Sentence, plan: &Plan, fleet: &Fleet) -> Option<String> {
    let hosts = plan
        .steps
        .iter()
        .filter(|step| !matches!(step.subject, Subject::Outside(_)))
        .filter_map(|step| fleet.host(&step.host))
        .map(|host| host.environment().to_owned());
    let of_task = match plan.deploy.as_deref() {
        Some(Task::Run(begin)) => Some({
            let (Begin::New(rollout) | Begin::Again { rollout, .. }) = begin;
            rollout.release.scope.environment.to_string()
        }),
        _ => None,
    };
    let of_balancer = match sentence {
        Sentence::Balancer(command) => command.changes().and_then(|(name, _)| {
            let mut balancers = fleet.balancers.iter();
            let spec = balancers.find(|one| *one.name == *name)?;
            Some(spec.environment.as_deref()?.to_owned())
        }),
        _ => None,
    };
    let of_discovery = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Discovery(step) => Some(step.scope.environment.to_string()),
        _ => None,
    });
    let mut all = hosts.chain(of_task).chain(of_balancer).chain(of_discovery);
    all.find(|name| fleet.environment(name).worker_only)
}

fn put(
    sentence: &Sentence,
    mut plan: Plan,
    fleet: &Fleet,
    environment: &str,
) -> Result<Plan, Refusal> {
    let refuse = |why: String, remedy: &str| Err(Refusal::new(RefusalKind::Forbidden, why, remedy));
    if fleet.access.by == Actor::Console {
        let why = format!("{environment} is changed by a worker only, and this is a console");
        return refuse(
            why,
            "start `wharf worker` where the keys of the environment are",
        );
    }
    if !sentence.can_be_queued() {
        let why = format!(
            "{environment} is changed by a worker only, and what takes a terminal or files of this machine cannot be handed to it"
        );
        return refuse(
            why,
            "say it where the worker is, or write it into a pipeline",
        );
    }
    if plan.sentence.contains(MASK) {
        let why = format!("{environment} is changed by a worker only, and this holds a secret");
        return refuse(why, "give the secret to the worker, and name it");
    }
    let mut line = plan.sentence.clone();
    if let Some(reason) = sentence.reason() {
        line = format!("{line} --reason {}", join([reason]));
    }
    if let Confirm::Phrase(phrase) = &plan.confirm {
        line = format!("{line} --confirm {}", join([phrase.as_str()]));
    }
    let run = run(&line, &plan.targets, fleet).map_err(|why| {
        let remedy = "say it where the worker is";
        Refusal::new(RefusalKind::Sentence, why, remedy)
    })?;
    plan.told.insert(
        0,
        format!(
            "{environment} is changed by a worker only: it is put into its queue, and said for you"
        ),
    );
    plan.steps.clear();
    plan.busy = "queued";
    plan.deploy = Some(Box::new(Task::Pipeline(Box::new(Act::Start(run)))));
    Ok(plan)
}

/// A run that says one line.
fn run(line: &str, targets: &[String], fleet: &Fleet) -> Result<Run, String> {
    let key: String = format!("{BY_HAND} {}", targets.join(" "))
        .chars()
        .take(KEY)
        .collect();
    let step = PipelineStep::new("say".parse()?, Verb::Run(line.replace('$', "$$")));
    let pipeline = Pipeline {
        concurrency: Some(key),
        ..Pipeline::new(BY_HAND.parse()?, vec![step])
    };
    let by = fleet.access.who.clone();
    Ok(Run::new(Arc::new(pipeline), Cause::Manual, by, fleet.now))
}
