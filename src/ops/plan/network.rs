//! Plans of acts on networks.

use super::{Plan, Refusal, RefusalKind, query, resource::Act};
use crate::{
    model::{Action, Fleet, Host, Network, NetworkAction, Resource},
    ops::{
        sentence::{NetworkCommand, Sentence},
        target::{Target, resource_text},
    },
};

/// Networks that belong to the engine itself.
const OWN: [&str; 3] = ["bridge", "host", "none"];

/// The plan of a sentence about networks.
pub(super) fn plan(
    sentence: &Sentence,
    command: &NetworkCommand,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    match command {
        NetworkCommand::List(_) => query::plan(sentence, fleet, selection),
        NetworkCommand::Remove(_) => Act {
            kind: Resource::Network,
            verb: "Remove",
            busy: NetworkAction::Remove.busy(),
            action: &|_, _| (Action::Network(NetworkAction::Remove), None),
            unfit: &unfit_to_remove,
            loss: &|_, _| Some("its addresses: containers that name it will not start".to_owned()),
        }
        .plan(sentence, fleet, selection),
    }
}

fn find<'h>(host: &'h Host, id: &str) -> Option<&'h Network> {
    host.networks.iter().flatten().find(|one| *one.id == *id)
}

/// Why a network cannot be removed; the engine would say the same later.
fn unfit_to_remove(host: &Host, id: &str) -> Option<Refusal> {
    let network = find(host, id)?;
    let text = resource_text(host, Resource::Network, id);
    OWN.contains(&&*network.name).then(|| {
        Refusal::new(
            RefusalKind::State,
            format!("{text} belongs to the engine itself"),
            "",
        )
    })
}
