//! A matrix: each step that uses one of its variables is there once for each combination.

use std::collections::BTreeMap;

use crate::model::pipeline::{Pipeline, PipelineStep, StepName};

/// A combination of values.
type Cell = BTreeMap<String, String>;

/// Copies the steps that use the matrix. A copy comes after the copies of the same cell; whatever is no copy comes after
/// all of them.
pub(super) fn spread(mut pipeline: Pipeline) -> Pipeline {
    if pipeline.matrix.is_empty() {
        return pipeline;
    }
    let cells = cells(&pipeline.matrix);
    let copied: Vec<StepName> = pipeline
        .steps
        .iter()
        .filter(|step| pipeline.matrix.keys().any(|name| uses(step, name)))
        .map(|step| step.name.clone())
        .collect();
    let mut steps = Vec::new();
    for step in &pipeline.steps {
        let own = copied.contains(&step.name);
        let of = if own { &cells[..] } else { &cells[..1] };
        for cell in of {
            let mut copy = step.clone();
            copy.after.clear();
            for before in &step.after {
                match (copied.contains(before), own) {
                    (false, _) => copy.after.push(before.clone()),
                    (true, true) => copy.after.push(name(before, cell)),
                    (true, false) => {
                        copy.after
                            .extend(cells.iter().map(|cell| name(before, cell)));
                    }
                }
            }
            if own {
                copy.name = name(&step.name, cell);
                copy.cell = cell.clone();
            }
            steps.push(copy);
        }
    }
    pipeline.steps = steps;
    pipeline
}

/// All combinations, the last name fastest.
fn cells(axes: &BTreeMap<String, Vec<String>>) -> Vec<Cell> {
    let mut cells = vec![Cell::new()];
    for (name, values) in axes {
        let with = |cell: &Cell, value: &String| {
            let mut cell = cell.clone();
            cell.insert(name.clone(), value.clone());
            cell
        };
        let more = cells
            .iter()
            .flat_map(|cell| values.iter().map(|value| with(cell, value)));
        cells = more.collect();
    }
    cells
}

/// Whether a step uses a variable: `$NAME` or `${NAME…}` anywhere in what it does.
fn uses(step: &PipelineStep, name: &str) -> bool {
    let Ok(text) = serde_json::to_string(&(&step.verb, &step.environment, &step.only)) else {
        return false;
    };
    let mut rest = text.as_str();
    while let Some(at) = rest.find('$') {
        rest = rest[at + 1..].trim_start_matches('{');
        let after = rest.strip_prefix(name);
        if after.is_some_and(|after| {
            !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        }) {
            return true;
        }
    }
    step.only.contains_key(name)
}

/// The name of a copy: what it is called, and the values of its cell.
fn name(step: &StepName, cell: &Cell) -> StepName {
    let fits = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') {
            c
        } else {
            '_'
        }
    };
    let mut text = step.to_string();
    for value in cell.values() {
        text.push('_');
        text.extend(value.chars().map(fits));
    }
    text.truncate(60);
    text.parse().unwrap_or_else(|_| step.clone())
}
