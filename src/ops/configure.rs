//! Carries out a sentence that edits wharf.toml.

use super::{
    Import, Plan, Sentence,
    sentence::{AddArgs, EditArgs, HostCommand, SettingCommand},
    setting::canonical,
};
use crate::{
    config::{
        Paths,
        edit::{self, Change},
    },
    model::Fleet,
};

/// Edits the file as the sentence says; hosts to be taken out are those of the plan. The answer says
/// what was done, the error what was left as it is and why.
pub fn configure(sentence: &Sentence, plan: &Plan, paths: &Paths) -> Result<String, String> {
    let file = paths.config_file.display();
    match sentence {
        Sentence::Host(HostCommand::Add(args)) => {
            edit::add_host(paths, &args.name, &added(args)).map_err(|error| error.to_string())?;
            Ok(format!("{} is in {file} now", args.name))
        }
        Sentence::Host(HostCommand::Edit(args)) => {
            let name = args.name.trim_start_matches('@');
            edit::edit_host(paths, name, &changed(args)).map_err(|error| error.to_string())?;
            Ok(format!("{name} is changed in {file}"))
        }
        Sentence::Host(HostCommand::Import(args)) => {
            let import = Import::prepare(sentence, args, &Fleet::new(), paths)
                .map_err(|refusal| refusal.to_string())?;
            let done = import.apply(paths)?;
            Ok(format!("{} is imported: {done}", args.file.display()))
        }
        Sentence::Host(HostCommand::Remove { .. }) => {
            for target in &plan.targets {
                edit::remove_host(paths, target.trim_start_matches('@'))
                    .map_err(|error| error.to_string())?;
            }
            Ok(format!("{} taken out of {file}", plan.targets.join(", ")))
        }
        Sentence::Setting(command) => setting(command, plan, paths),
        Sentence::Host(_)
        | Sentence::Registry(_)
        | Sentence::Balancer(_)
        | Sentence::Jenkins(_)
        | Sentence::Discovery(_)
        | Sentence::Swarm(_)
        | Sentence::Node(_)
        | Sentence::Service(_)
        | Sentence::Secret(_)
        | Sentence::SwarmConfig(_)
        | Sentence::App(_)
        | Sentence::Container(_)
        | Sentence::Image(_)
        | Sentence::Network(_)
        | Sentence::Subnet(_)
        | Sentence::Pipeline(_)
        | Sentence::Notify(_)
        | Sentence::Template(_)
        | Sentence::Volume(_)
        | Sentence::Logs(_)
        | Sentence::Audit(_) => Err(format!("'{}' edits no file", plan.sentence)),
    }
}

fn setting(command: &SettingCommand, plan: &Plan, paths: &Paths) -> Result<String, String> {
    let file = paths.config_file.display();
    let (key, value) = command
        .change()
        .ok_or_else(|| format!("'{}' edits no file", plan.sentence))?;
    let value = value.map(|value| canonical(key, &value)).transpose()?;
    // What is said by saying nothing is not written.
    let value = value.filter(|value| !value.is_empty());
    edit::set(paths, key, value.as_deref()).map_err(|error| error.to_string())?;
    Ok(match value {
        Some(value) => format!("{key} is {value} now, kept in {file}"),
        None => format!("{key} is what it is by default, {file} says nothing of it"),
    })
}

fn added(args: &AddArgs) -> Vec<Change> {
    let mut changes = Vec::new();
    if let Some(endpoint) = &args.endpoint {
        changes.push(Change::Endpoint(Some(endpoint.to_string())));
    }
    if let Some(environment) = &args.environment {
        changes.push(Change::Environment(Some(environment.clone())));
    }
    if !args.groups.is_empty() {
        changes.push(Change::Groups(args.groups.clone()));
    }
    if let Some(tls) = &args.tls {
        changes.push(Change::Tls(Some(tls.display().to_string())));
    }
    if args.protected {
        changes.push(Change::ReadOnly(true));
    }
    changes
}

fn changed(args: &EditArgs) -> Vec<Change> {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let mut changes = Vec::new();
    changes.extend(args.rename.clone().map(Change::Name));
    changes.extend(
        args.endpoint
            .as_ref()
            .map(|endpoint| Change::Endpoint(Some(endpoint.to_string()))),
    );
    changes.extend(
        args.environment
            .as_deref()
            .map(|name| Change::Environment(some(name))),
    );
    if !args.groups.is_empty() {
        changes.push(Change::Groups(
            args.groups.iter().filter_map(|group| some(group)).collect(),
        ));
    }
    changes.extend(
        args.tls
            .as_ref()
            .map(|dir| Change::Tls(some(&dir.display().to_string()))),
    );
    changes.extend(args.protected.map(Change::ReadOnly));
    changes
}
