//! What there is of runs on a host, by label.

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{DEADLINE, StepState, label};
use crate::engine::error::{Deed, Error, ErrorKind, Fault};
use crate::engine::inspect::moment;
use crate::engine::list;
use crate::engine::session::Session;
use crate::engine::wire::query;
use crate::model::State;
use crate::model::pipeline::RunTag;

type Labels = Option<HashMap<String, String>>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    state: StateEntry,
    #[serde(default)]
    config: Config,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StateEntry {
    status: String,
    #[serde(default)]
    exit_code: i64,
    #[serde(default, rename = "OOMKilled")]
    oom_killed: bool,
    #[serde(default)]
    finished_at: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Config {
    labels: Labels,
}

/// A container, as a list tells it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listed {
    /// Its id.
    pub id: String,
    #[serde(default)]
    labels: Labels,
}

/// A volume.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Volume {
    /// Its name.
    pub name: String,
    #[serde(default)]
    labels: Labels,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Volumes {
    #[serde(default)]
    volumes: Option<Vec<Volume>>,
}

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "PascalCase")]
struct Network {
    #[serde(default)]
    created: String,
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Marked {
    #[serde(default)]
    labels: Labels,
}

impl Volume {
    /// The run that it is of.
    pub fn run(&self) -> Option<RunTag> {
        run_of(self.labels.as_ref())
    }
}

fn run_of(labels: Option<&HashMap<String, String>>) -> Option<RunTag> {
    labels?.get(label::RUN)?.parse().ok()
}

/// How far a container is that has these labels; an error when one of its name has others.
pub(super) async fn state(
    session: &Session,
    name: &str,
    ours: &[(&'static str, String)],
    deed: &Deed,
) -> Result<StepState, Error> {
    let asked = session.wire.get(format!("/containers/{name}/json"));
    let found: Inspected = match asked.within(DEADLINE).json().await {
        Ok(found) => found,
        Err(fault) if fault.is_missing() => return Ok(StepState::Missing),
        Err(fault) => return Err(deed.fault(fault)),
    };
    let labels = found.config.labels.unwrap_or_default();
    if ours
        .iter()
        .any(|(name, text)| labels.get(*name) != Some(text))
    {
        return Err(Error {
            remedy: Some("look at it, and remove or rename it".to_owned()),
            ..deed.failed(
                ErrorKind::Conflict,
                "there is a container of that name that is not of this run",
            )
        });
    }
    Ok(match list::state(&found.state.status) {
        State::Created => StepState::Created,
        State::Exited | State::Dead | State::Removing => StepState::Ended {
            code: found.state.exit_code,
            oom: found.state.oom_killed,
            at: moment(&found.state.finished_at),
        },
        _ => StepState::Running,
    })
}

/// What has a label, of all containers, volumes or networks.
async fn labelled<T: DeserializeOwned>(
    session: &Session,
    of: &str,
    label: &str,
) -> Result<T, Fault> {
    let filters = json!({"label": [label]}).to_string();
    // Networks and volumes know no `all`, and it does not harm them.
    let path = format!("{of}{}", query(&[("all", "1"), ("filters", &filters)]));
    session.wire.get(path).within(DEADLINE).json().await
}

fn by(run: &RunTag) -> String {
    format!("{}={}", label::RUN, run)
}

/// The ids of a run's networks, the oldest first.
pub(super) async fn networks(session: &Session, run: &RunTag) -> Result<Vec<String>, Fault> {
    let mut found: Vec<Network> = labelled(session, "/networks", &by(run)).await?;
    found.sort();
    Ok(found.into_iter().map(|one| one.id).collect())
}

/// The ids of a run's containers, and of helpers that have its workspace.
pub(super) async fn containers(
    session: &Session,
    run: &RunTag,
    helpers: &str,
) -> Result<Vec<String>, Fault> {
    let found: Vec<Listed> = labelled(session, "/containers/json", &by(run)).await?;
    let helpers: Vec<Listed> = labelled(session, "/containers/json", helpers).await?;
    let all = found.into_iter().chain(helpers);
    Ok(all.map(|one| one.id).collect())
}

/// The names of a run's volumes.
pub(super) async fn volumes(session: &Session, run: &RunTag) -> Result<Vec<String>, Fault> {
    let found: Volumes = labelled(session, "/volumes", &by(run)).await?;
    let all = found.volumes.unwrap_or_default();
    Ok(all.into_iter().map(|one| one.name).collect())
}

/// All runs of which something is there.
pub(super) async fn runs(session: &Session) -> Result<Vec<RunTag>, Fault> {
    let containers: Vec<Listed> = labelled(session, "/containers/json", label::RUN).await?;
    let networks: Vec<Marked> = labelled(session, "/networks", label::RUN).await?;
    let volumes: Volumes = labelled(session, "/volumes", label::RUN).await?;
    let containers = containers.iter().map(|one| one.labels.as_ref());
    let networks = networks.iter().map(|one| one.labels.as_ref());
    let volumes = volumes.volumes.unwrap_or_default();
    let all = containers
        .chain(networks)
        .chain(volumes.iter().map(|one| one.labels.as_ref()));
    let runs: BTreeSet<RunTag> = all.filter_map(run_of).collect();
    Ok(runs.into_iter().collect())
}
