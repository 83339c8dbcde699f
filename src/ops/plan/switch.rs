//! Plans of making containers anew with another volume in the place of one they mount.

use std::sync::Arc;

use super::{Plan, Refusal, RefusalKind, gather};
use crate::{
    model::{Action, Container, Fleet, Host, State, Step, Subject, VolumeAction},
    ops::{
        sentence::{Sentence, SwitchArgs},
        target::{Target, container_text},
    },
};

/// The plan, with one step for each container.
pub(super) fn switch(
    sentence: &Sentence,
    args: &SwitchArgs,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    let mut gathered = gather::containers(sentence, fleet, selection)?;
    let (mut steps, mut targets, mut loses) = (Vec::new(), Vec::new(), Vec::new());
    for (host, container) in std::mem::take(&mut gathered.chosen) {
        let text = container_text(host, container);
        if let Err(refusal) = fits(host, container, args) {
            gathered.leave_out(text, refusal);
            continue;
        }
        gathered.chosen.push((host, container));
        loses.extend(losses(container, &text, args));
        steps.push(Step {
            host: host.name().clone(),
            subject: Subject::Container(container.id.clone(), container.name.clone()),
            action: Action::Volume(VolumeAction::Switch {
                from: Arc::from(&*args.from),
                to: Arc::from(&*args.to),
            }),
        });
        targets.push(text);
    }
    let gathered = gathered.or_refuse()?;
    let what = match targets.as_slice() {
        [only] => only.clone(),
        several => format!("{} containers", several.len()),
    };
    let danger = sentence.danger();
    let hosts = gathered.chosen.iter().map(|(host, _)| *host);
    Ok(Plan {
        sentence: sentence.canonical(&targets),
        title: format!(
            "Make {what} anew with the volume {} in the place of {}",
            args.to, args.from
        ),
        danger,
        loses,
        // Docker has no command for it.
        docker: Vec::new(),
        confirm: gathered.confirm(danger, fleet, hosts),
        left_out: gathered.left_out,
        busy: "switching",
        recorded: true,
        told: Vec::new(),
        deploy: None,
        targets,
        steps,
    })
}

/// What is lost with making it anew, and what will not know of it.
fn losses(container: &Container, text: &str, args: &SwitchArgs) -> Vec<String> {
    let mut all = vec![format!(
        "what {text} wrote outside of its volumes (`container changes {text}` lists it)"
    )];
    if container.state.is_live() {
        all.push(format!("connections to {text}, until the new one runs"));
    }
    if let Some(app) = &container.app {
        all.push(format!(
            "{text} as its project {app} describes it: the next `up` makes it anew with {} unless its file says {}",
            args.from, args.to
        ));
    }
    all
}

/// Why one cannot take part.
fn fits(host: &Host, container: &Container, args: &SwitchArgs) -> Result<(), Refusal> {
    let text = container_text(host, container);
    let refuse = |kind, why: String, remedy: String| Err(Refusal::new(kind, why, remedy));
    let (from, to) = (&args.from, &args.to);
    if from == to {
        return refuse(
            RefusalKind::Sentence,
            format!("{from} is in its own place already"),
            "name two volumes: the one it mounts, and the one it is to mount".to_owned(),
        );
    }
    if !container.volumes.iter().any(|name| **name == **from) {
        let mounted = container.volumes.join(", ");
        let remedy = match &*mounted {
            "" => "it mounts no volume".to_owned(),
            some => format!("it mounts {some}"),
        };
        return refuse(
            RefusalKind::State,
            format!("{text} does not mount {from}"),
            remedy,
        );
    }
    if container.state == State::Paused {
        return refuse(
            RefusalKind::State,
            format!("{text} is paused"),
            "unpause it first".to_owned(),
        );
    }
    let Some(volumes) = &host.volumes else {
        return refuse(
            RefusalKind::Offline,
            format!("the volumes of {} are not known yet", host.name()),
            "look at them first: pane volumes, or `volume list`".to_owned(),
        );
    };
    if volumes.iter().any(|volume| *volume.name == **to) {
        return Ok(());
    }
    refuse(
        RefusalKind::Unknown,
        format!("{} has no volume {to}", host.name()),
        format!(
            "make it first: `volume restore BACKUP {to}@{0}`, or `volume create {to}@{0}`",
            host.name()
        ),
    )
}
