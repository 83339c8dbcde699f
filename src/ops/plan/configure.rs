//! Plans of edits of wharf.toml: nothing on a host is touched, so they have no steps.

use super::{Confirm, Plan, Refusal, RefusalKind};
use crate::{
    config::inventory::Comparison,
    model::{Fleet, HostName},
    ops::{
        sentence::{AddArgs, Danger, EditArgs, ImportArgs, Sentence, SettingCommand},
        setting,
        target::Target,
    },
};

/// The plan of adding a host.
pub(super) fn add(sentence: &Sentence, args: &AddArgs, fleet: &Fleet) -> Result<Plan, Refusal> {
    if fleet.host(&HostName::new(&args.name)).is_some() {
        return Err(Refusal::new(
            RefusalKind::State,
            format!("there is a host {} already", args.name),
            format!("choose another name, or say `host edit {}`", args.name),
        ));
    }
    let targets = vec![format!("@{}", args.name)];
    edit_of_file(sentence, fleet, format!("Add host {}", args.name), targets)
}

/// The plan of changing a host.
pub(super) fn edit(sentence: &Sentence, args: &EditArgs, fleet: &Fleet) -> Result<Plan, Refusal> {
    let targets = texts(sentence, fleet, &[])?;
    let nothing = EditArgs {
        name: args.name.clone(),
        rename: None,
        endpoint: None,
        environment: None,
        groups: Vec::new(),
        tls: None,
        protected: None,
        why: args.why.clone(),
    };
    if *args == nothing {
        return Err(Refusal::new(
            RefusalKind::Sentence,
            "nothing is said that should become different",
            "say for example `--environment prod`",
        ));
    }
    if let Some(rename) = &args.rename
        && fleet.host(&HostName::new(rename)).is_some()
    {
        return Err(Refusal::new(
            RefusalKind::State,
            format!("there is a host {rename} already"),
            "choose another name",
        ));
    }
    edit_of_file(
        sentence,
        fleet,
        format!("Change host {}", args.name),
        targets,
    )
}

/// The plan of taking hosts out.
pub(super) fn remove(
    sentence: &Sentence,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    let targets = texts(sentence, fleet, selection)?;
    let title = match targets.as_slice() {
        [only] => format!("Take {only} out of wharf.toml"),
        several => format!("Take {} hosts out of wharf.toml", several.len()),
    };
    let mut plan = edit_of_file(sentence, fleet, title, targets)?;
    plan.loses = vec!["their entries in wharf.toml; nothing on the hosts is touched".to_owned()];
    Ok(plan)
}

/// The plan of an import. Before the inventory is read it asks, for nobody knows how much it will change;
/// once it is, the plan names the hosts.
pub(in crate::ops) fn import(
    sentence: &Sentence,
    args: &ImportArgs,
    fleet: &Fleet,
    found: Option<&Comparison>,
) -> Result<Plan, Refusal> {
    let name = args.file.file_name().unwrap_or(args.file.as_os_str());
    let file = name.display();
    let Some(found) = found else {
        let title = format!("Import {file} into wharf.toml");
        let mut plan = edit_of_file(sentence, fleet, title, Vec::new())?;
        plan.confirm = Confirm::Ask;
        return Ok(plan);
    };
    let touched = found.new.iter().chain(&found.changed);
    let targets = touched.map(|(name, _)| format!("@{name}")).collect();
    let title = format!("Import {file} into wharf.toml: {}", found.counts());
    edit_of_file(sentence, fleet, title, targets)
}

/// The plan of saying a setting, or of taking it out.
pub(super) fn setting(
    sentence: &Sentence,
    command: &SettingCommand,
    fleet: &Fleet,
) -> Result<Plan, Refusal> {
    let Some((key, value)) = command.change() else {
        return super::query::plan(sentence, fleet, &[]);
    };
    let title = match value {
        Some(value) => {
            let value = setting::check(key, &value, &fleet.settings)
                .map_err(|why| Refusal::new(RefusalKind::Sentence, why, ""))?;
            format!("Set {key} to {}", setting::shown(key, &value))
        }
        None => format!("Set {key} back to its default"),
    };
    edit_of_file(sentence, fleet, title, Vec::new())
}

fn texts(sentence: &Sentence, fleet: &Fleet, selection: &[Target]) -> Result<Vec<String>, Refusal> {
    let targets = sentence.targets(fleet, selection)?;
    Ok(targets.iter().map(|target| target.text(fleet)).collect())
}

fn edit_of_file(
    sentence: &Sentence,
    fleet: &Fleet,
    title: String,
    targets: Vec<String>,
) -> Result<Plan, Refusal> {
    let danger = sentence.danger();
    if fleet.read_only && danger > Danger::Reads {
        return Err(Refusal::read_only());
    }
    Ok(Plan {
        sentence: sentence.canonical(&targets),
        title,
        danger,
        confirm: Confirm::for_act(danger, targets.len(), &[], false),
        targets,
        steps: Vec::new(),
        loses: Vec::new(),
        docker: Vec::new(),
        left_out: Vec::new(),
        busy: "editing",
        recorded: true,
        told: Vec::new(),
        deploy: None,
    })
}
