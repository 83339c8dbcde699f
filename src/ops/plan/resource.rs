//! What plans of acts on images, networks and volumes share.

use std::{collections::HashSet, sync::Arc};

use super::{Plan, Refusal, docker, gather};
use crate::{
    model::{Action, Fleet, Host, Resource, Step, Subject},
    ops::{
        sentence::Sentence,
        target::{Target, resource_text},
    },
};

/// One that takes part: its host and what tells it apart there.
pub(super) type Chosen<'f> = (&'f Host, Arc<str>);

/// What is done to one, and what it is called in that; none for its own name.
pub(super) type Deed = (Action, Option<Arc<str>>);

/// An act on each of the images, networks or volumes that a sentence names.
pub(super) struct Act<'a> {
    /// Which of them.
    pub kind: Resource,
    /// For the title: `Remove`.
    pub verb: &'a str,
    /// What is done to each.
    pub action: &'a dyn Fn(&Host, &str) -> Deed,
    /// What to show on it meanwhile.
    pub busy: &'static str,
    /// Why one cannot take part.
    pub unfit: &'a dyn Fn(&Host, &str) -> Option<Refusal>,
    /// What is lost with one.
    pub loss: &'a dyn Fn(&Host, &str) -> Option<String>,
}

impl Act<'_> {
    /// The plan, with one step for each.
    pub fn plan(
        self,
        sentence: &Sentence,
        fleet: &Fleet,
        selection: &[Target],
    ) -> Result<Plan, Refusal> {
        let gathered = gather::resources(sentence, fleet, selection, self.kind, self.unfit)?;
        let steps: Vec<Step> = gathered
            .chosen
            .iter()
            .map(|(host, id)| {
                let (action, name) = (self.action)(host, id);
                step(host, self.kind, id, name, action)
            })
            .collect();
        let targets: Vec<String> = steps.iter().map(Step::target).collect();
        let losses = gathered.chosen.iter().zip(&targets);
        let losses = losses.filter_map(|((host, id), target)| {
            let loss = (self.loss)(host, id)?;
            Some(match targets.len() {
                1 => loss,
                _ => format!("{target}: {loss}"),
            })
        });
        let loses = losses.collect();
        let danger = sentence.danger();
        let hosts = gathered.chosen.iter().map(|(host, _)| *host);
        Ok(Plan {
            sentence: sentence.canonical(&targets),
            title: title(self.verb, self.kind, &targets, &steps),
            danger,
            loses,
            docker: docker::commands(&steps, fleet),
            confirm: gathered.confirm(danger, fleet, hosts),
            left_out: gathered.left_out,
            busy: self.busy,
            recorded: true,
            told: Vec::new(),
            deploy: None,
            targets,
            steps,
        })
    }
}

/// A step on one of them, by that name or the one that tells it apart now.
fn step(
    host: &Host,
    kind: Resource,
    id: &Arc<str>,
    name: Option<Arc<str>>,
    action: Action,
) -> Step {
    let name = name.unwrap_or_else(|| {
        let text = resource_text(host, kind, id);
        Arc::from(text.rsplit_once('@').map_or(&*text, |(name, _)| name))
    });
    Step {
        host: host.name().clone(),
        subject: Subject::Resource {
            kind,
            id: id.clone(),
            name,
        },
        action,
    }
}

/// `Remove back@ams-1`, `Remove 3 networks on 2 hosts`.
pub(super) fn title(verb: &str, kind: Resource, targets: &[String], steps: &[Step]) -> String {
    let word = kind.word();
    if let [only] = targets {
        return format!("{verb} {word} {only}");
    }
    let hosts: HashSet<_> = steps.iter().map(|step| &step.host).collect();
    match hosts.len() {
        1 => format!("{verb} {} {word}s on {}", targets.len(), steps[0].host),
        several => format!("{verb} {} {word}s on {several} hosts", targets.len()),
    }
}
