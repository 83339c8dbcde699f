//! Plans of acts on services: what scaling, restarting and removing interrupts.

use super::{state, swarm};
use crate::{
    model::{
        Action, Fleet, Host, Resource,
        swarm::{Mode, Service, SwarmAction},
    },
    ops::{
        plan::{Confirm, Plan, Refusal, query, resource::Act},
        sentence::{Danger, ScaleServiceArgs, Sentence, ServiceCommand},
        target::Target,
    },
};

/// The plan of a sentence about services.
pub(in crate::ops::plan) fn plan(
    sentence: &Sentence,
    command: &ServiceCommand,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    match command {
        ServiceCommand::List(_) | ServiceCommand::Show { .. } | ServiceCommand::Tasks(_) => {
            query::plan(sentence, fleet, selection)
        }
        ServiceCommand::Scale(args) => scale(sentence, args, fleet, selection),
        ServiceCommand::Restart(_) => Act {
            kind: Resource::Service,
            verb: "Restart",
            busy: SwarmAction::Restart.busy(),
            action: &|_, _| (Action::Swarm(SwarmAction::Restart), None),
            unfit: &|_, _| None,
            loss: &|host, id| {
                let service = known(host, id)?;
                let many = tasks(service.running);
                (service.running > 0).then(|| {
                    format!(
                        "{many} of {}, one after the other as its update settings say",
                        service.name
                    )
                })
            },
        }
        .plan(sentence, fleet, selection),
        ServiceCommand::Remove(_) => {
            let action = SwarmAction::Remove(Resource::Service);
            Act {
                kind: Resource::Service,
                verb: "Remove",
                busy: action.busy(),
                action: &|_, _| (Action::Swarm(action.clone()), None),
                unfit: &|_, _| None,
                loss: &|host, id| known(host, id).map(removed),
            }
            .plan(sentence, fleet, selection)
        }
    }
}

fn known<'h>(host: &'h Host, id: &str) -> Option<&'h Service> {
    swarm(host)?.service(id)
}

fn tasks(count: u64) -> String {
    match count {
        1 => "1 task".to_owned(),
        many => format!("{many} tasks"),
    }
}

/// What is lost with a service.
fn removed(service: &Service) -> String {
    let running = tasks(service.running);
    match service.release {
        Some(release) => format!("{running}; {release} of its app no longer has it"),
        None => format!("{running}, and how it was made: nobody else keeps that"),
    }
}

fn scale(
    sentence: &Sentence,
    args: &ScaleServiceArgs,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    let to = args.replicas;
    let action = SwarmAction::Scale { to };
    let planned = Act {
        kind: Resource::Service,
        verb: "Scale",
        busy: action.busy(),
        action: &|_, _| (Action::Swarm(action.clone()), None),
        unfit: &|host, id| unfit(known(host, id)?, to),
        loss: &|host, id| stopped(known(host, id)?, to),
    };
    let planned = planned.plan(sentence, fleet, selection)?;
    let title = format!("{} to {to}", planned.title);
    let mut told = Vec::new();
    for (host, id) in chosen(&planned, fleet) {
        let Some(service) = known(host, &id) else {
            continue;
        };
        if let (Mode::Replicated(from), name) = (service.mode, &service.name) {
            told.push(format!("{name}: {from} → {to}"));
        }
        if let Some(release) = service.release {
            told.push(format!(
                "note: {} was deployed as {release}; `app scale` makes a release of it, and the next deploy sets what its release says",
                service.name
            ));
        }
    }
    let mut plan = Plan {
        title,
        told,
        ..planned
    };
    if plan.loses.is_empty() {
        // Nothing of it stops.
        plan.danger = Danger::Changes;
        let misses = !plan.left_out.is_empty();
        plan.confirm = Confirm::for_act(Danger::Changes, plan.targets.len(), &[], misses);
    }
    Ok(plan)
}

/// The hosts and ids of what a plan acts on.
fn chosen<'f>(plan: &Plan, fleet: &'f Fleet) -> Vec<(&'f Host, String)> {
    let steps = plan.steps.iter();
    steps
        .filter_map(|step| {
            let crate::model::Subject::Resource { id, .. } = &step.subject else {
                return None;
            };
            Some((fleet.host(&step.host)?, id.to_string()))
        })
        .collect()
}

fn unfit(service: &Service, to: u64) -> Option<Refusal> {
    let name = &service.name;
    match service.mode {
        Mode::Replicated(now) if now == to => Some(state(format!("{name} has {to} already"), "")),
        Mode::Replicated(_) => None,
        Mode::Global | Mode::GlobalJob => Some(state(
            format!("{name} has one task on each node, so that there is no number to say"),
            "label nodes and constrain it, or deploy it as replicated",
        )),
        Mode::ReplicatedJob(_) => Some(state(
            format!("{name} is a job, which has run"),
            "`service restart` runs it again",
        )),
    }
}

/// What stops.
fn stopped(service: &Service, to: u64) -> Option<String> {
    let Mode::Replicated(from) = service.mode else {
        return None;
    };
    match (from, to) {
        (from, 0) => Some(format!(
            "{} of {}: nothing of it runs then",
            tasks(from),
            service.name
        )),
        (from, to) if to < from => Some(format!(
            "{} of the {from} of {}",
            tasks(from - to),
            service.name
        )),
        _ => None,
    }
}
