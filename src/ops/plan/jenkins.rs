//! Plans of what is done on Jenkins servers. What is on them is not part of the fleet: it is looked at when it is done.

use std::sync::Arc;

use super::{Confirm, Plan, Refusal, RefusalKind, gather::unpermitted, query};
use crate::{
    model::{
        Action, Fleet, HostName, Spot, Step, Subject,
        jenkins::{JenkinsAction, JenkinsSpec, JenkinsStep, JobAt},
    },
    ops::{
        sentence::{JenkinsCommand, Sentence},
        target::Target,
    },
};

/// The plan of a sentence about Jenkins.
pub(super) fn plan(
    sentence: &Sentence,
    command: &JenkinsCommand,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    let (at, action, title) = match command {
        JenkinsCommand::List
        | JenkinsCommand::Jobs { .. }
        | JenkinsCommand::Builds { .. }
        | JenkinsCommand::Show { .. }
        | JenkinsCommand::Queue { .. }
        | JenkinsCommand::Logs { .. }
        | JenkinsCommand::Artifacts(_)
        | JenkinsCommand::Doctor { .. } => return query::plan(sentence, fleet, selection),
        JenkinsCommand::Run(args) => {
            let pairs = args.set.iter();
            let action = JenkinsAction::Run {
                job: args.job.job.clone(),
                parameters: pairs
                    .map(|pair| (pair.key.clone(), pair.value.clone()))
                    .collect(),
                follow: args.follow,
            };
            (&args.job, action, format!("Build {}", args.job))
        }
        JenkinsCommand::Abort(args) => match (args.build, args.queued) {
            (_, Some(queued)) => {
                let title = format!("Take {queued} of {} out of the queue", args.job);
                (&args.job, JenkinsAction::Withdraw { queued }, title)
            }
            (Some(build), None) => {
                let job = args.job.job.clone();
                let title = format!("Stop build {build} of {}", args.job);
                (&args.job, JenkinsAction::Abort { job, build }, title)
            }
            (None, None) => {
                let remedy = "write its number, or --queued with that of the queue";
                let why = "it does not say which build";
                return Err(Refusal::new(RefusalKind::Sentence, why, remedy));
            }
        },
    };
    let spec = find(fleet, at)?;
    if let Some(refusal) = forbidden(sentence, fleet, spec) {
        return Err(refusal);
    }
    let danger = sentence.danger();
    let target = at.to_string();
    let guarded = spec.environment.as_deref();
    let guarded = guarded.filter(|name| fleet.environment(name).guarded);
    let guarded: Vec<String> = guarded.into_iter().map(str::to_owned).collect();
    let loses = match &action {
        JenkinsAction::Abort { build, .. } => vec![format!("what build {build} has not done yet")],
        JenkinsAction::Run { .. } | JenkinsAction::Withdraw { .. } => Vec::new(),
    };
    let step = Step {
        host: HostName::new(&at.server),
        subject: Subject::Outside(Arc::from(target.as_str())),
        action: Action::Jenkins(JenkinsStep {
            server: Arc::clone(&at.server),
            action,
        }),
    };
    Ok(Plan {
        sentence: sentence.canonical(&[]),
        title,
        danger,
        steps: vec![step],
        loses,
        docker: Vec::new(),
        confirm: Confirm::for_act(danger, 1, &guarded, false),
        left_out: Vec::new(),
        busy: "working",
        recorded: true,
        told: Vec::new(),
        deploy: None,
        targets: vec![target],
    })
}

fn find<'f>(fleet: &'f Fleet, at: &JobAt) -> Result<&'f JenkinsSpec, Refusal> {
    let found = fleet.jenkins.iter().find(|one| one.name == at.server);
    found.ok_or_else(|| {
        let known: Vec<&str> = fleet.jenkins.iter().map(|one| &*one.name).collect();
        let remedy = if known.is_empty() {
            "write a [[jenkins]] into wharf.toml; `wharf config example` shows one".to_owned()
        } else {
            format!("there is {}", known.join(", "))
        };
        let why = format!("no Jenkins server is called '{}'", at.server);
        Refusal::new(RefusalKind::Unknown, why, remedy)
    })
}

/// Why nothing may be changed on that server, or not by whoever says it.
fn forbidden(sentence: &Sentence, fleet: &Fleet, spec: &JenkinsSpec) -> Option<Refusal> {
    if fleet.read_only {
        return Some(Refusal::read_only());
    }
    let name = &spec.name;
    let closed = spec.environment.as_deref();
    let closed = closed.filter(|one| fleet.environment(one).read_only);
    let why = match closed {
        _ if spec.read_only => format!("{name} is read-only"),
        Some(environment) => format!("{name} belongs to {environment}, which is read-only"),
        None => {
            let environment = spec.environment.as_deref().unwrap_or_default();
            return unpermitted(sentence, fleet, Spot::Environment(environment));
        }
    };
    let remedy = "change `read_only` in wharf.toml if that is wrong";
    Some(Refusal::new(RefusalKind::ReadOnly, why, remedy))
}
