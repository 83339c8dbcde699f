//! A pipeline as a whole: what starts it, what is asked, what runs beside it.

use std::collections::BTreeMap;

use super::{
    super::compose::{Fields, Kind, Node},
    each, name, named, needed,
    step::{self, chain},
};
use crate::model::{
    Schedule,
    app::Told,
    jenkins::BuildResult,
    pipeline::{Pipeline, RunParameter, Service, Trigger, Verb},
};
use std::time::Duration;

/// So often it is looked when nothing is said.
const EVERY: Duration = Duration::from_secs(30);
/// Nothing is looked at more often.
const SHORTEST: Duration = Duration::from_secs(2);

/// Reads a document.
pub(super) fn pipeline(document: &Node, stem: &str, told: &mut Vec<Told>) -> Option<Pipeline> {
    let mut fields = Fields::open(document, "", told)?;
    let version = fields.number::<u32>("version");
    let at = fields.at.clone();
    if version.is_some_and(|version| version != 1) {
        fields.wrong(
            &at,
            "version",
            "this Wharf knows version 1",
            "write version: 1",
        );
    }
    let name = match fields.take("name") {
        Some(_) => name(&mut fields),
        None => named(stem),
    };
    if name.is_none() {
        let remedy = "write name: NAME, of letters, digits, '-', '_' and '.'";
        fields.wrong(
            &at,
            "name",
            "its file's name is no name of a pipeline",
            remedy,
        );
    }
    let vars = fields.labels("vars");
    let parameters = each(&mut fields, "parameters", parameter);
    let mut hosts = fields.texts("hosts");
    hosts.extend(
        fields
            .texts("labels")
            .into_iter()
            .map(|one| match one.as_str() {
                text if text.contains(':') => one,
                text => format!("group:{text}"),
            }),
    );
    let matrix = matrix(&mut fields);
    let concurrency = fields.text("concurrency");
    let timeout = fields.duration("timeout");
    let services = each(&mut fields, "services", service);
    let (steps, is_graph) = step::steps(&mut fields);
    let steps = if is_graph { steps } else { chain(steps) };
    if steps.is_empty() {
        fields.wrong(&at, "steps", "it has no steps", "write steps: with a list");
    }
    let url = steps.iter().find_map(|step| match &step.verb {
        Verb::Git(git) => Some(git.url.clone()),
        _ => None,
    });
    let when = each(&mut fields, "when", |one| trigger(one, url.as_deref()));
    fields.done(&[
        (
            "skip_clone",
            "note: the workspace is filled by git steps only",
        ),
        ("clone", "note: the workspace is filled by git steps only"),
    ]);
    Some(Pipeline {
        name: name?,
        when,
        vars,
        parameters,
        hosts,
        matrix,
        concurrency,
        timeout,
        services,
        steps,
    })
}

fn parameter(fields: &mut Fields<'_, '_>) -> Option<RunParameter> {
    let name = needed(fields, "name")?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let at = fields.at.clone();
    if !name.chars().all(is_name) || name.starts_with(|c: char| c.is_ascii_digit()) {
        let remedy = "write letters, digits and '_', no digit first";
        fields.wrong(&at, "name", "it is no name of a variable", remedy);
    }
    let default = fields.text("default");
    let choices = fields.texts("choices");
    if let Some(default) = &default
        && !choices.is_empty()
        && !choices.contains(default)
    {
        let what = format!("'{default}' is none of the choices");
        fields.wrong(&at, "default", what, "add it to choices, or take another");
    }
    Some(RunParameter {
        name,
        default,
        choices,
    })
}

fn service(fields: &mut Fields<'_, '_>) -> Option<Service> {
    let name = name(fields);
    let image = needed(fields, "image");
    let command = fields.texts("command");
    let environment = fields.labels("environment");
    Some(Service {
        name: name?,
        image: image?,
        command,
        environment,
    })
}

fn matrix(fields: &mut Fields<'_, '_>) -> BTreeMap<String, Vec<String>> {
    let Some(node) = fields.take("matrix") else {
        return BTreeMap::new();
    };
    let Kind::Map(entries) = &node.kind else {
        let remedy = "write NAME: [one, other] below it";
        fields.wrong(&node.at, "matrix", "a map of lists is expected", remedy);
        return BTreeMap::new();
    };
    let mut axes = BTreeMap::new();
    for (name, values) in entries {
        let texts: Option<Vec<String>> = match &values.kind {
            Kind::List(items) => items
                .iter()
                .map(|one| one.text().map(str::to_owned))
                .collect(),
            Kind::Null | Kind::Text(_) | Kind::Map(_) => None,
        };
        let texts = texts.filter(|texts| (1..=20).contains(&texts.len()));
        if let Some(texts) = texts {
            axes.insert(name.text.clone(), texts);
        } else {
            let what = format!("{} is no list of 1 to 20 values", name.text);
            fields.wrong(&values.at, "matrix", what, "write [one, other]");
        }
    }
    let cells: usize = axes.values().map(Vec::len).product();
    if cells > 50 {
        let what = format!("it has {cells} cells, 50 at most can be run");
        fields.wrong(&node.at, "matrix", what, "take values out");
    }
    axes
}

fn trigger(fields: &mut Fields<'_, '_>, url: Option<&str>) -> Option<Trigger> {
    let events = ["manual", "cron", "push", "image", "jenkins"];
    let known: Vec<(&str, &str)> = events.iter().map(|event| (*event, *event)).collect();
    let Some(event) = fields.word("event", &known) else {
        let at = fields.at.clone();
        if !fields
            .told
            .iter()
            .any(|told| told.place.line == Some(at.line))
        {
            let remedy = "write event: manual, cron, push, image or jenkins";
            fields.wrong(&at, "event", "it says no event", remedy);
        }
        return None;
    };
    let every = |fields: &mut Fields<'_, '_>| {
        let every = fields.duration("every").unwrap_or(EVERY);
        let at = fields.at.clone();
        if every < SHORTEST {
            fields.wrong(&at, "every", "that is too often", "write 2s or more");
        }
        every.max(SHORTEST)
    };
    Some(match event {
        "cron" => {
            let cron = needed(fields, "cron")?;
            if let Err(why) = Schedule::cron(&cron) {
                let at = fields.at.clone();
                fields.wrong(&at, "cron", format!("'{cron}' is no schedule"), &why);
            }
            Trigger::Cron { cron }
        }
        "push" => {
            let branch = needed(fields, "branch");
            let url = fields.text("url").or_else(|| url.map(str::to_owned));
            let every = every(fields);
            let at = fields.at.clone();
            if url.is_none() {
                let what = "it does not say of which repository, and no step is git";
                fields.wrong(&at, "url", what, "write url: …");
            }
            Trigger::Push {
                url: url?,
                branch: branch?,
                every,
            }
        }
        "image" => Trigger::Image {
            image: needed(fields, "image")?,
            every: every(fields),
        },
        "jenkins" => {
            let server = needed(fields, "server");
            let job = needed(fields, "job");
            let results = results(fields);
            let every = every(fields);
            Trigger::Jenkins {
                server: server?,
                job: job.filter(|job| step::is_job(fields, job))?,
                results,
                every,
            }
        }
        _ => Trigger::Manual,
    })
}

/// How builds of Jenkins end that start a run; well, when nothing is said.
fn results(fields: &mut Fields<'_, '_>) -> Vec<BuildResult> {
    let texts = fields.texts("result");
    if texts.is_empty() {
        return vec![BuildResult::Success];
    }
    let mut results = Vec::new();
    for text in texts {
        match BuildResult::parse(&text) {
            Some(result) => results.push(result),
            None => {
                let at = fields.at.clone();
                let words = BuildResult::ALL.map(|one| one.word().to_lowercase());
                let remedy = format!("write some of {}", words.join(", "));
                fields.wrong(
                    &at,
                    "result",
                    format!("'{text}' is no end of a build"),
                    &remedy,
                );
            }
        }
    }
    results
}
