//! What is told where no pipeline or no run is to be seen.

use super::{At, Pipelines};
use crate::{model::Fleet, ops::column};

/// What is told where there is none.
const NO_PIPELINES: &str = "No pipeline is known. One is a YAML file, NAME.yaml, with steps from a commit to production,\n\
    in the directory of [pipelines] in wharf.toml (~/.config/wharf/pipelines else).\n\
    `wharf pipeline check FILE` says what is wrong with one, `wharf pipeline run NAME` starts it,\n\
    `wharf worker` carries it out, and here its runs are seen.";

impl Pipelines {
    /// Why there is nothing to see, and what to do.
    pub(super) fn emptiness(&self, fleet: &Fleet) -> String {
        let board = &fleet.pipelines;
        if let Some(why) = &board.runs_trouble {
            return format!("Runs cannot be read: {why}");
        }
        if let At::Runs(name) = &self.at {
            let filter = self.runs.filter();
            if filter.is_empty() {
                return format!(
                    "{name} has not run yet. It starts by {}.\n`pipeline run {name}` starts it now.",
                    board.pipeline(name).map_or_else(
                        || "a person".to_owned(),
                        |pipeline| column::starts(pipeline)
                    )
                );
            }
            return format!("No run matches '{filter}'. Esc clears the filter.");
        }
        let filter = self.pipelines.filter();
        if !filter.is_empty() && self.totals.0 > 0 {
            return format!("No pipeline matches '{filter}'. Esc clears the filter.");
        }
        if let Some(why) = &board.files_trouble {
            return format!("Pipelines cannot be read: {why}");
        }
        if board.runs.is_none() {
            return "Reading …".to_owned();
        }
        NO_PIPELINES.to_owned()
    }
}
