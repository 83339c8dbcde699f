//! Questions about one container that are answered at once: inspection, processes, changed files.

use std::sync::Arc;
use std::time::Duration;

use bollard::query_parameters::TopOptionsBuilder;

use super::docker::asked;
use super::error::Fault;
use super::inspect;
use super::session::Session;
use super::wire::DEADLINE;
use crate::model::{ContainerId, Process, printable};

/// Comparing a large container with its image takes the engine a while.
const CHANGES: Duration = Duration::from_secs(60);

/// The whole inspection, as it came.
pub(super) async fn inspection(
    session: &Session,
    id: &ContainerId,
) -> Result<Arc<serde_json::Value>, Fault> {
    session
        .wire
        .get(inspect::path(id))
        .json()
        .await
        .map(Arc::new)
}

/// Column titles and processes.
pub(super) async fn top(
    session: &Session,
    id: &ContainerId,
) -> Result<(Vec<Box<str>>, Vec<Process>), Fault> {
    let options = TopOptionsBuilder::default().build();
    let said = asked(
        DEADLINE,
        session.docker.top_processes(id.as_str(), Some(options)),
    )
    .await?;
    let cells = |row: Vec<String>| {
        row.iter()
            .map(|cell| printable(cell).into_boxed_str())
            .collect()
    };
    let titles = cells(said.titles.unwrap_or_default());
    let processes = said.processes.unwrap_or_default();
    Ok((
        titles,
        processes
            .into_iter()
            .map(|row| Process(cells(row)))
            .collect(),
    ))
}

/// Files that differ from the image: `A`dded, `C`hanged, `D`eleted.
pub(super) async fn changes(
    session: &Session,
    id: &ContainerId,
) -> Result<Vec<(char, Box<str>)>, Fault> {
    use bollard::models::ChangeType;
    let said = asked(CHANGES, session.docker.container_changes(id.as_str())).await?;
    let kind = |kind| match kind {
        ChangeType::_0 => 'C',
        ChangeType::_1 => 'A',
        ChangeType::_2 => 'D',
    };
    let rows = said.unwrap_or_default().into_iter();
    Ok(rows
        .map(|row| (kind(row.kind), printable(&row.path).into_boxed_str()))
        .collect())
}
