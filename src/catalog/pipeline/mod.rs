//! Pipeline files: YAML in Woodpecker's spelling where the meaning is the same, one verb for each step.
//!
//! Nothing is dropped silently: every key is read, or told as known and ignored with the reason, or told as unknown.

mod matrix;
mod read;
mod step;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::Arc};

use super::compose::{At, Fields, File, Kind, Node, parse, tell};
use crate::model::{
    app::{Severity, Told},
    pipeline::{Pipeline, PipelineName, PipelineStep},
};

/// The pipelines that Wharf brings as examples: file name and text of each.
pub const EXAMPLES: &[(&str, &str)] = &[
    ("delivery.yaml", include_str!("delivery.yaml")),
    ("nightly.yaml", include_str!("nightly.yaml")),
];

/// What came of reading a pipeline file.
#[derive(Clone, Debug)]
pub struct Read {
    /// The pipeline; none when something in the file is wrong.
    pub pipeline: Option<Pipeline>,
    /// Everything that has to be said of the file.
    pub told: Vec<Told>,
}

/// Reads a pipeline file. Its name in `file` is for what is told, and names the pipeline when the file does not.
pub fn pipeline(file: &str, text: &str) -> Read {
    let mut told = Vec::new();
    let pipeline = whole(file, text, &mut told);
    let is_wrong = Told::any_error(&told);
    Read {
        pipeline: pipeline.filter(|_| !is_wrong),
        told,
    }
}

fn whole(name: &str, text: &str, told: &mut Vec<Told>) -> Option<Pipeline> {
    let file = Arc::new(File {
        name: name.to_owned(),
        directory: String::new(),
    });
    let documents = match parse(&file, text) {
        Ok(documents) => documents,
        Err(wrong) => {
            told.push(wrong);
            return None;
        }
    };
    let start = At {
        file: Arc::clone(&file),
        line: 0,
    };
    let [document] = &documents[..] else {
        let what = format!("a pipeline is one document, here are {}", documents.len());
        told.push(tell(Severity::Error, &start, "", what, "keep one of them"));
        return None;
    };
    let pipeline = read::pipeline(document, stem(name), told)?;
    order(document, &pipeline.steps, told);
    Some(matrix::spread(pipeline))
}

/// The name of a file without its directories and endings.
fn stem(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or(file);
    let name = name.strip_suffix(".yaml").or(name.strip_suffix(".yml"));
    name.unwrap_or(file.rsplit('/').next().unwrap_or(file))
}

/// Sees to it that every name is there once, that what comes before exists, and that no step waits for itself.
fn order(document: &Node, steps: &[PipelineStep], told: &mut Vec<Told>) {
    let mut names = BTreeSet::new();
    for step in steps {
        if !names.insert(&step.name) {
            let what = format!("two steps are called {}", step.name);
            let remedy = "give each a name of its own";
            told.push(tell(Severity::Error, &document.at, "steps", what, remedy));
        }
    }
    for step in steps {
        for before in &step.after {
            if !names.contains(before) {
                let what = format!("{} depends on {before}, which is no step", step.name);
                let remedy = "name a step of this file";
                told.push(tell(Severity::Error, &document.at, "steps", what, remedy));
            }
        }
    }
    // What waits for nothing that is left is taken away; what stays waits for itself.
    let mut left: Vec<&PipelineStep> = steps.iter().collect();
    loop {
        let waits: BTreeSet<_> = left.iter().map(|step| &step.name).collect();
        let before = left.len();
        let is_held = |step: &PipelineStep| step.after.iter().any(|name| waits.contains(name));
        let kept: Vec<_> = left.iter().copied().filter(|step| is_held(step)).collect();
        left = kept;
        if left.len() == before {
            break;
        }
    }
    if let Some(first) = left.first() {
        let names: Vec<&str> = left.iter().map(|step| step.name.as_str()).collect();
        let what = format!("{} waits for itself ({})", first.name, names.join(", "));
        let remedy = "take one of their depends_on out";
        told.push(tell(Severity::Error, &document.at, "steps", what, remedy));
    }
}

/// A list of maps under a key, each opened.
fn each<T>(
    fields: &mut Fields<'_, '_>,
    key: &'static str,
    read: impl Fn(&mut Fields<'_, '_>) -> Option<T>,
) -> Vec<T> {
    let Some(node) = fields.take(key) else {
        return Vec::new();
    };
    let Kind::List(items) = &node.kind else {
        fields.wrong(&node.at, key, "a list is expected", "begin each with '- '");
        return Vec::new();
    };
    let mut all = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("{}[{index}]", fields.below(key));
        let Some(mut one) = Fields::open(item, &path, fields.told) else {
            continue;
        };
        let made = read(&mut one);
        one.done(&[]);
        all.extend(made);
    }
    all
}

/// A name that must be there.
fn name<T: std::str::FromStr<Err = String>>(fields: &mut Fields<'_, '_>) -> Option<T> {
    let at = fields.at.clone();
    let Some(text) = fields.text("name") else {
        fields.wrong(&at, "name", "it has no name", "write name: NAME");
        return None;
    };
    match text.parse() {
        Ok(name) => Some(name),
        Err(why) => {
            fields.wrong(&at, "name", why, "write another name");
            None
        }
    }
}

/// A text that must be there.
fn needed(fields: &mut Fields<'_, '_>, key: &'static str) -> Option<String> {
    let text = fields.text(key).filter(|text| !text.is_empty());
    if text.is_none() {
        let at = fields.at.clone();
        let what = format!("it has no {key}");
        let remedy = format!("write {key}: …");
        fields.wrong(&at, key, what, &remedy);
    }
    text
}

/// The name of a pipeline, from its file's.
fn named(text: &str) -> Option<PipelineName> {
    text.parse().ok()
}
