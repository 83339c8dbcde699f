//! Plans of acts on volumes.

use std::sync::Arc;

use super::{
    Confirm, Plan, Refusal, RefusalKind, docker, gather, prune, query, resource::Act, switch,
};
use crate::{
    model::{
        Action, Backup, BackupName, Endpoint, Fleet, Host, HostName, NewVolume, Resource, State,
        Step, Subject, Vault, VaultWay, Volume, VolumeAction, bytes,
    },
    ops::{
        sentence::{
            BackupArgs, CreateVolumeArgs, Pair, PruneArgs, RestoreArgs, Sentence, VerifyArgs,
            VolumeCommand,
        },
        target::{ResourcePattern, Target},
    },
};

/// So many users of a volume are named before the rest is counted.
const NAMES: usize = 4;

/// The plan of a sentence about volumes.
pub(super) fn plan(
    sentence: &Sentence,
    command: &VolumeCommand,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    match command {
        VolumeCommand::List(_)
        | VolumeCommand::Show { .. }
        | VolumeCommand::Browse(_)
        | VolumeCommand::Backups(_) => query::plan(sentence, fleet, selection),
        VolumeCommand::Create(args) => create(sentence, args, fleet),
        VolumeCommand::Remove(_) => Act {
            kind: Resource::Volume,
            verb: "Remove",
            busy: VolumeAction::Remove.busy(),
            action: &|_, _| (Action::Volume(VolumeAction::Remove), None),
            unfit: &in_use,
            loss: &|host, id| Some(lost(host, id)),
        }
        .plan(sentence, fleet, selection),
        VolumeCommand::Prune(args) => {
            let args = PruneArgs {
                volumes: true,
                all: args.all,
                ..PruneArgs::default()
            };
            prune::plan(sentence, &args, fleet, selection)
        }
        VolumeCommand::Backup(args) => backup(sentence, args, fleet, selection),
        VolumeCommand::Verify(args) => verify(sentence, args, fleet),
        VolumeCommand::Restore(args) => restore(sentence, args, fleet),
        VolumeCommand::Switch(args) => switch::switch(sentence, args, fleet, selection),
    }
}

fn known<'h>(host: &'h Host, name: &str) -> Option<&'h Volume> {
    host.volumes.iter().flatten().find(|one| *one.name == *name)
}

/// Why it cannot be removed: containers use it.
fn in_use(host: &Host, id: &str) -> Option<Refusal> {
    let users = known(host, id)?.users(host);
    let names: Vec<&str> = users.iter().map(|one| &*one.name).take(NAMES).collect();
    if names.is_empty() {
        return None;
    }
    let more = match users.len() - names.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(Refusal::new(
        RefusalKind::State,
        format!("{id}@{} is used by {}{more}", host.name(), names.join(", ")),
        "remove what uses it first",
    ))
}

/// What is in it, with its size as far as that is known.
fn lost(host: &Host, id: &str) -> String {
    let size = known(host, id).and_then(|volume| volume.size);
    match size {
        Some(size) => format!("all that is in it, {}", bytes(size)),
        None => "all that is in it".to_owned(),
    }
}

/// The directory of backups: as it is said, else that of the configuration.
fn vault(said: Option<&Vault>, fleet: &Fleet) -> Result<VaultWay, Refusal> {
    way_to(said.unwrap_or(&fleet.settings.vault), fleet)
}

/// A directory of backups with the way to its host, which has to be one that ssh reaches. Its engine may be away.
pub fn way_to(vault: &Vault, fleet: &Fleet) -> Result<VaultWay, Refusal> {
    let endpoint = match vault {
        Vault::Here(_) => None,
        Vault::On(name, path) => {
            let host = fleet.host(name).ok_or_else(|| {
                Refusal::new(
                    RefusalKind::Unknown,
                    format!("there is no host {name}, on which {path} would be"),
                    format!(
                        "name a configured host, or ./{vault} if it is a directory of this machine"
                    ),
                )
            })?;
            match &host.spec.endpoint {
                endpoint @ Endpoint::Ssh { .. } => Some(endpoint.clone()),
                Endpoint::Unix(_) | Endpoint::Tcp { .. } | Endpoint::Tls { .. } => {
                    return Err(Refusal::new(
                        RefusalKind::Kind,
                        format!("{name} is not reached over ssh, so no files can be kept there"),
                        "name a directory of this machine, or a host with an ssh:// endpoint",
                    ));
                }
            }
        }
    };
    Ok(VaultWay {
        vault: vault.clone(),
        endpoint,
    })
}

fn backup(
    sentence: &Sentence,
    args: &BackupArgs,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    let to = vault(args.to.as_ref(), fleet)?;
    if let Vault::On(name, _) = &to.vault
        && let Some(host) = fleet.host(name)
        && let Some(refusal) = gather::forbidden(sentence, fleet, host)
    {
        return Err(refusal);
    }
    let spec = |size| Backup {
        to: to.clone(),
        pause: args.pause,
        before: args.before.as_deref().map(Arc::from),
        keep: args.keep,
        size,
    };
    Act {
        kind: Resource::Volume,
        verb: "Back up",
        busy: VolumeAction::Backup(spec(None)).busy(),
        action: &|host, id| {
            let size = known(host, id).and_then(|volume| volume.size);
            (Action::Volume(VolumeAction::Backup(spec(size))), None)
        },
        unfit: &|host, id| {
            let runs = running(host, id).is_empty();
            (args.before.is_some() && runs).then(|| {
                let why = format!("no container that uses {id}@{} runs", host.name());
                let remedy = "leave --before out, or start one: the command runs in it";
                Refusal::new(RefusalKind::State, why, remedy)
            })
        },
        loss: &|host, id| {
            let names = running(host, id).join(", ");
            (args.pause && !names.is_empty())
                .then(|| format!("{names} stand still while it is read"))
        },
    }
    .plan(sentence, fleet, selection)
}

/// The running containers that use a volume.
fn running<'h>(host: &'h Host, id: &str) -> Vec<&'h str> {
    let users = known(host, id).map(|volume| volume.users(host));
    let users = users.unwrap_or_default().into_iter();
    users
        .filter(|one| one.state == State::Running)
        .map(|one| &*one.name)
        .collect()
}

/// A step on a volume.
fn step(host: &HostName, name: &str, action: VolumeAction) -> Step {
    let name: Arc<str> = Arc::from(name);
    Step {
        host: host.clone(),
        subject: Subject::Resource {
            kind: Resource::Volume,
            id: name.clone(),
            name,
        },
        action: Action::Volume(action),
    }
}

/// The hosts on which a volume is to be made, each of which may be changed and can be reached.
fn hosts<'f>(
    sentence: &Sentence,
    place: &ResourcePattern,
    fleet: &'f Fleet,
) -> Result<Vec<&'f Host>, Refusal> {
    let name = place.name();
    let first = name.chars().next();
    let is_plain = first.is_some_and(|c| c.is_ascii_alphanumeric())
        && name.len() > 1
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    if !is_plain {
        return Err(Refusal::new(
            RefusalKind::Sentence,
            format!("{name} cannot be the name of a volume"),
            "two or more letters, digits, _ . -, beginning with a letter or digit",
        ));
    }
    let hosts = match (place.hosts(), fleet.hosts()) {
        (Some(pattern), _) => pattern.resolve(fleet)?,
        (None, [only]) => vec![only],
        (None, _) => {
            return Err(Refusal::new(
                RefusalKind::Ambiguous,
                format!("on which host is {name} to be?"),
                format!("name it, as in {name}@ams-1"),
            ));
        }
    };
    for host in &hosts {
        let refusal = gather::forbidden(sentence, fleet, host).or_else(|| gather::offline(host));
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
    }
    Ok(hosts)
}

fn create(sentence: &Sentence, args: &CreateVolumeArgs, fleet: &Fleet) -> Result<Plan, Refusal> {
    let pairs = |pairs: &[Pair]| {
        let pairs = pairs.iter();
        pairs
            .map(|pair| (Arc::from(&*pair.key), Arc::from(&*pair.value)))
            .collect()
    };
    let wanted = NewVolume {
        driver: args.driver.as_deref().map(Arc::from),
        options: pairs(&args.options),
        labels: pairs(&args.labels),
    };
    let mut steps = Vec::new();
    for place in &args.places {
        for host in hosts(sentence, place, fleet)? {
            if known(host, place.name()).is_some() {
                return Err(Refusal::new(
                    RefusalKind::State,
                    format!("{}@{} is there already", place.name(), host.name()),
                    "choose another name",
                ));
            }
            let action = VolumeAction::Create(wanted.clone());
            steps.push(step(host.name(), place.name(), action));
        }
    }
    Ok(made(sentence, "Make", steps, fleet))
}

fn restore(sentence: &Sentence, args: &RestoreArgs, fleet: &Fleet) -> Result<Plan, Refusal> {
    let name = args.place.name();
    let from = vault(args.from.as_ref(), fleet)?;
    let mut steps = Vec::new();
    for host in hosts(sentence, &args.place, fleet)? {
        let users = known(host, name).map(|volume| volume.users(host));
        if let Some(user) = users.as_ref().and_then(|users| users.first()) {
            return Err(Refusal::new(
                RefusalKind::State,
                format!(
                    "{name}@{} is there already, and {} uses it",
                    host.name(),
                    user.name
                ),
                "restore into a new volume, and make what uses the old one anew with it",
            ));
        }
        let action = VolumeAction::Restore {
            backup: args.backup.clone(),
            from: from.clone(),
        };
        steps.push(step(host.name(), name, action));
    }
    let title = format!("Restore {} as", args.backup);
    Ok(made(sentence, &title, steps, fleet))
}

/// A plan that makes what its steps name.
fn made(sentence: &Sentence, verb: &str, steps: Vec<Step>, fleet: &Fleet) -> Plan {
    let danger = sentence.danger();
    let targets: Vec<String> = steps.iter().map(Step::target).collect();
    let busy = match steps.first().map(|step| &step.action) {
        Some(Action::Volume(action)) => action.busy(),
        Some(_) | None => "making",
    };
    Plan {
        sentence: sentence.canonical(&targets),
        title: super::resource::title(verb, Resource::Volume, &targets, &steps),
        danger,
        loses: Vec::new(),
        docker: docker::commands(&steps, fleet),
        confirm: Confirm::for_act(danger, targets.len(), &[], false),
        left_out: Vec::new(),
        busy,
        recorded: true,
        told: Vec::new(),
        deploy: None,
        targets,
        steps,
    }
}

/// Nothing is asked of any engine, so none has to be reached.
fn verify(sentence: &Sentence, args: &VerifyArgs, fleet: &Fleet) -> Result<Plan, Refusal> {
    let from = vault(args.from.as_ref(), fleet)?;
    let step = |backup: &BackupName| {
        let (volume, host) = match backup {
            BackupName::Of { volume, host, .. } => (volume.to_string(), host.clone()),
            BackupName::File(path) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                (name.into_owned(), HostName::new("here"))
            }
        };
        let action = VolumeAction::Verify {
            backup: backup.clone(),
            from: from.clone(),
        };
        step(&host, &volume, action)
    };
    let steps: Vec<Step> = args.backups.iter().map(step).collect();
    let names: Vec<String> = args.backups.iter().map(ToString::to_string).collect();
    Ok(Plan {
        sentence: sentence.canonical(&names),
        title: match names.as_slice() {
            [only] => format!("Verify the backup {only}"),
            several => format!("Verify {} backups", several.len()),
        },
        danger: sentence.danger(),
        targets: steps.iter().map(Step::target).collect(),
        loses: Vec::new(),
        docker: Vec::new(),
        confirm: Confirm::No,
        left_out: Vec::new(),
        busy: "verifying",
        recorded: true,
        told: Vec::new(),
        deploy: None,
        steps,
    })
}
