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
const CHANGES: Duration = Duration::from_mins(1);

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
    let titles = said.titles.unwrap_or_default();
    let rows = said.processes.unwrap_or_default();
    Ok(table(titles, rows))
}

/// Cells made safe for a screen. Podman gives what the container's own `ps` printed as one column.
fn table(titles: Vec<String>, rows: Vec<Vec<String>>) -> (Vec<Box<str>>, Vec<Process>) {
    let columns = match titles.as_slice() {
        [one] => one.split_whitespace().count().max(1),
        several => several.len(),
    };
    let cells = |row: Vec<String>| match row.as_slice() {
        [line] if columns > 1 => words(line, columns),
        row => row.iter().map(|cell| printable(cell).into()).collect(),
    };
    (
        cells(titles),
        rows.into_iter().map(|row| Process(cells(row))).collect(),
    )
}

/// The first words of a line, and its rest as the last one.
fn words(line: &str, count: usize) -> Vec<Box<str>> {
    let mut words = Vec::with_capacity(count);
    let mut rest = line.trim();
    while words.len() + 1 < count
        && let Some((word, after)) = rest.split_once(char::is_whitespace)
    {
        words.push(printable(word).into());
        rest = after.trim_start();
    }
    words.push(printable(rest).into());
    words
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ps_printed_is_taken_apart() {
        let text = |text: &str| vec![text.to_owned()];
        let (titles, rows) = table(
            text("PID   USER     COMMAND"),
            vec![text("    1 root     sh -c sleep 9"), text("7")],
        );
        assert_eq!(titles, ["PID", "USER", "COMMAND"].map(Box::from));
        assert_eq!(rows[0].0, ["1", "root", "sh -c sleep 9"].map(Box::from));
        assert_eq!(rows[1].0, ["7"].map(Box::from));
    }

    #[test]
    fn columns_are_left_as_they_are() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let (titles, rows) = table(row(["UID", "CMD"]), vec![row(["root", "sh -c \u{1b}x"])]);
        assert_eq!(titles, ["UID", "CMD"].map(Box::from));
        assert_eq!(rows[0].0, ["root", "sh -c ·x"].map(Box::from));
    }
}
