//! Plans of acts on the secrets and configs of a Swarm.

use std::sync::Arc;

use super::{named, state, swarm};
use crate::{
    model::{
        Action, Fleet, Host, Resource, SecretSource, Step, Subject,
        swarm::{NewStored, Stored, SwarmAction},
    },
    ops::{
        plan::{Confirm, Plan, Refusal, RefusalKind, docker, gather, query, resource::Act},
        sentence::{CreateStoredArgs, Danger, Sentence, StoredCommand},
        target::Target,
    },
};

/// The plan of a sentence about secrets or configs.
pub(in crate::ops::plan) fn plan(
    sentence: &Sentence,
    kind: Resource,
    command: &StoredCommand,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    match command {
        StoredCommand::List(_) => query::plan(sentence, fleet, selection),
        StoredCommand::Create(args) => create(sentence, kind, args, fleet),
        StoredCommand::Remove(_) => {
            let action = SwarmAction::Remove(kind);
            Act {
                kind,
                verb: "Remove",
                busy: action.busy(),
                action: &|_, _| (Action::Swarm(action.clone()), None),
                unfit: &|host, id| used(known(host, kind, id)?),
                loss: &|_, _| Some(lost(kind).to_owned()),
            }
            .plan(sentence, fleet, selection)
        }
    }
}

fn lost(kind: Resource) -> &'static str {
    if kind == Resource::Secret {
        "what is in it: nobody can read that out of a Swarm"
    } else {
        "what is in it"
    }
}

fn known<'h>(host: &'h Host, kind: Resource, id: &str) -> Option<&'h Stored> {
    swarm(host)?.stored(kind).iter().find(|one| *one.id == *id)
}

/// Why it cannot be removed: services use it.
fn used(stored: &Stored) -> Option<Refusal> {
    let users: Vec<String> = stored.used_by.iter().map(ToString::to_string).collect();
    (!users.is_empty()).then(|| {
        let why = format!("{} is used by {}", stored.name, named(&users));
        state(why, "deploy the service without it first")
    })
}

fn create(
    sentence: &Sentence,
    kind: Resource,
    args: &CreateStoredArgs,
    fleet: &Fleet,
) -> Result<Plan, Refusal> {
    let host = manager(sentence, kind, args, fleet)?;
    let name = args.place.name();
    let from = match (&args.file, &args.variable) {
        (Some(file), _) => SecretSource::File(file.clone()),
        (None, Some(variable)) => SecretSource::Variable(Arc::from(&**variable)),
        (None, None) => {
            let why = "it is not said what is to be in it";
            return Err(Refusal::new(
                RefusalKind::Sentence,
                why,
                "say --file or --variable",
            ));
        }
    };
    let labels = args.labels.iter();
    let labels = labels.map(|pair| (Arc::from(&*pair.key), Arc::from(&*pair.value)));
    let action = SwarmAction::Create(NewStored {
        kind,
        from,
        labels: labels.collect(),
    });
    let step = Step {
        host: host.name().clone(),
        subject: Subject::Resource {
            kind,
            id: "".into(),
            name: Arc::from(name),
        },
        action: Action::Swarm(action.clone()),
    };
    let targets = vec![step.target()];
    let steps = vec![step];
    Ok(Plan {
        sentence: sentence.canonical(&targets),
        title: format!("Make the {} {}", kind.word(), targets[0]),
        danger: Danger::Changes,
        loses: Vec::new(),
        docker: docker::commands(&steps, fleet),
        confirm: Confirm::No,
        left_out: Vec::new(),
        busy: action.busy(),
        recorded: true,
        told: Vec::new(),
        deploy: None,
        targets,
        steps,
    })
}

/// The one manager on which something new is made.
fn manager<'f>(
    sentence: &Sentence,
    kind: Resource,
    args: &CreateStoredArgs,
    fleet: &'f Fleet,
) -> Result<&'f Host, Refusal> {
    let name = args.place.name();
    let Some(pattern) = args.place.hosts() else {
        return Err(Refusal::new(
            RefusalKind::Sentence,
            format!("it is not said in which Swarm {name} is to be"),
            format!("name a manager: {name}@HOST"),
        ));
    };
    let hosts = pattern.resolve(fleet)?;
    let [host] = hosts.as_slice() else {
        let why = format!(
            "{} hosts are named, of which one manager is enough",
            hosts.len()
        );
        return Err(Refusal::new(RefusalKind::Ambiguous, why, ""));
    };
    let against = gather::forbidden(sentence, fleet, host).or_else(|| gather::offline(host));
    if let Some(refusal) = against {
        return Err(refusal);
    }
    let Some(swarm) = swarm(host) else {
        let why = format!("{} is no Swarm manager", host.name());
        return Err(state(why, "`swarm list` lists the managers"));
    };
    if swarm.stored(kind).iter().any(|one| *one.name == *name) {
        let why = format!(
            "the Swarm of {} has a {} {name} already",
            host.name(),
            kind.word()
        );
        return Err(state(
            why,
            "it cannot be changed; make another one, and deploy with that",
        ));
    }
    Ok(host)
}
