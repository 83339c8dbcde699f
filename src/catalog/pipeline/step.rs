//! The steps of a pipeline: one verb each, and when it is done.

use std::{collections::BTreeMap, time::Duration};

use super::{
    super::compose::{Fields, Kind},
    each, name, needed,
};
use crate::model::{
    app::ImageReference,
    jenkins::JobPath,
    pipeline::{
        ApprovalStep, BuildStep, DeployStep, Ending, GateStep, GitStep, JenkinsStep, Limit,
        NotifyStep, PipelineStep, PromoteStep, Reports, StepName, Verb,
    },
};

/// What a step can do, one of them.
const VERBS: &str =
    "image with commands, git, build, promote, deploy, gate, approval, jenkins, notify or run";
/// An approval is asked for so long when nothing is said.
const EXPIRES: Duration = Duration::from_hours(72);

/// The steps, and whether one of them says what comes before it.
pub(super) fn steps(fields: &mut Fields<'_, '_>) -> (Vec<PipelineStep>, bool) {
    let both = each(fields, "steps", step);
    let is_graph = both.iter().any(|(_, says)| *says);
    (both.into_iter().map(|(step, _)| step).collect(), is_graph)
}

/// One after the other.
pub(super) fn chain(mut steps: Vec<PipelineStep>) -> Vec<PipelineStep> {
    for index in 1..steps.len() {
        let before = steps[index - 1].name.clone();
        steps[index].after = vec![before];
    }
    steps
}

fn step(fields: &mut Fields<'_, '_>) -> Option<(PipelineStep, bool)> {
    let name: Option<StepName> = name(fields);
    let verb = verb(fields);
    let says = fields.take("depends_on").is_some();
    let after = parsed_names(fields);
    let (on, only) = when(fields);
    let may_fail = fields.word("failure", &[("ignore", true), ("fail", false)]);
    let timeout = fields.duration("timeout");
    let retries = retries(fields);
    let environment = fields.labels("environment");
    let secrets = fields.pairs("secrets").into_iter();
    let secrets = secrets
        .map(|(name, of)| (name.clone(), of.unwrap_or(name)))
        .collect();
    let cache = fields.labels("cache");
    let reports = fields.open_below("reports").and_then(|mut reports| {
        let metrics = reports.text("metrics");
        let junit = match (&verb, &metrics) {
            // It has its own report.
            (Some(Verb::Jenkins(_)), _) => None,
            (_, Some(_)) => reports.text("junit"),
            (_, None) => Some(needed(&mut reports, "junit")?),
        };
        let suite = reports.text("suite");
        let environment = reports.text("env");
        let image = reports.text("image");
        reports.done(&[]);
        Some(Reports {
            junit,
            metrics,
            suite,
            environment,
            image,
        })
    });
    let artifacts = fields.texts("artifacts");
    let verb = verb?;
    let is_container = matches!(verb, Verb::Commands { .. });
    // Those of a build are parameters of its job.
    let is_build = matches!(verb, Verb::Jenkins(_));
    let lists = [
        ("secrets", fields.take("secrets").is_some() && !is_build),
        ("cache", !cache.is_empty()),
    ];
    for (key, is_said) in lists {
        if is_said && !is_container {
            let at = fields.at.clone();
            let what = format!("{} has no container that could have it", verb.word());
            fields.wrong(&at, key, what, "take it out");
        }
    }
    let step = PipelineStep {
        name: name?,
        verb,
        after,
        on,
        only,
        may_fail: may_fail.unwrap_or(false),
        timeout,
        retries,
        environment,
        secrets,
        cache,
        reports,
        artifacts,
        cell: BTreeMap::new(),
    };
    Some((step, says))
}

fn parsed_names(fields: &mut Fields<'_, '_>) -> Vec<StepName> {
    let texts = fields.texts("depends_on");
    let mut names = Vec::new();
    for text in texts {
        match text.parse() {
            Ok(name) => names.push(name),
            Err(why) => {
                let at = fields.at.clone();
                fields.wrong(&at, "depends_on", why, "name a step of this file");
            }
        }
    }
    names
}

/// `retry: 2`, or `retry: {count: 2}`.
fn retries(fields: &mut Fields<'_, '_>) -> u32 {
    let Some(node) = fields.take("retry") else {
        return 0;
    };
    let count = match &node.kind {
        Kind::Map(_) => fields.open_below("retry").and_then(|mut below| {
            let count = below.number("count");
            below.done(&[("on", "note: a step is tried again whatever was wrong")]);
            count
        }),
        Kind::Null | Kind::Text(_) | Kind::List(_) => fields.number("retry"),
    };
    let count: u32 = count.unwrap_or(0);
    if count > 10 {
        fields.wrong(&node.at, "retry", "that is very often", "write 10 or less");
    }
    count.min(10)
}

/// `when: {status: [success, failure], BRANCH: main}`.
fn when(fields: &mut Fields<'_, '_>) -> (Vec<Ending>, BTreeMap<String, Vec<String>>) {
    let Some(node) = fields.take("when") else {
        return (Vec::new(), BTreeMap::new());
    };
    let node = match &node.kind {
        Kind::List(items) if items.len() == 1 => &items[0],
        Kind::Null | Kind::Text(_) | Kind::List(_) | Kind::Map(_) => node,
    };
    let Kind::Map(entries) = &node.kind else {
        let what = "one map of conditions is expected";
        let remedy = "write when: {status: [success, failure], NAME: value}";
        fields.wrong(&node.at, "when", what, remedy);
        return (Vec::new(), BTreeMap::new());
    };
    let (mut on, mut only) = (Vec::new(), BTreeMap::new());
    for (name, value) in entries {
        let texts: Vec<String> = match &value.kind {
            Kind::Text(text) => vec![text.clone()],
            Kind::List(items) => {
                let texts = items.iter().filter_map(|item| item.text());
                texts.map(str::to_owned).collect()
            }
            Kind::Null | Kind::Map(_) => Vec::new(),
        };
        if name.text != "status" {
            let key = match name.text.as_str() {
                "branch" => "CI_COMMIT_BRANCH",
                "event" => "CI_PIPELINE_EVENT",
                other => other,
            };
            only.insert(key.to_owned(), texts);
            continue;
        }
        for text in texts {
            match text.as_str() {
                "success" => on.push(Ending::Success),
                "failure" => on.push(Ending::Failure),
                other => {
                    let what = format!("'{other}' is no end of a step");
                    fields.wrong(&value.at, "when.status", what, "write success or failure");
                }
            }
        }
    }
    (on, only)
}

/// The one verb of a step.
fn verb(fields: &mut Fields<'_, '_>) -> Option<Verb> {
    let at = fields.at.clone();
    let said: Vec<&str> = [
        "image", "git", "build", "promote", "deploy", "gate", "approval", "jenkins", "notify",
        "run",
    ]
    .into_iter()
    .filter(|key| fields.take(key).is_some())
    .collect();
    let one = match said[..] {
        [one] => one,
        [] => {
            fields.wrong(&at, "", "it does nothing", &format!("write one of {VERBS}"));
            return None;
        }
        _ => {
            let what = format!("it does several things: {}", said.join(", "));
            fields.wrong(&at, "", what, "make a step of each");
            return None;
        }
    };
    match one {
        "image" => {
            let image = fields.text("image")?;
            image_name(fields, "image", &image);
            Some(Verb::Commands {
                image,
                commands: fields.texts("commands"),
            })
        }
        "run" => fields.text("run").map(Verb::Run),
        "jenkins" => jenkins(fields.open_below("jenkins")?),
        "git" => git(fields.open_below("git")?),
        "build" => build(fields.open_below("build")?),
        "promote" => promote(fields.open_below("promote")?),
        "deploy" => deploy(fields.open_below("deploy")?),
        "gate" => gate(fields.open_below("gate")?),
        "notify" => notify(fields.open_below("notify")?),
        _ => Some(approval(fields.open_below("approval")?)),
    }
}

/// Sees to it that an image without variables in it has a name that can be one.
fn image_name(fields: &mut Fields<'_, '_>, key: &str, image: &str) {
    if !image.contains('$')
        && let Err(why) = ImageReference::new(image)
    {
        let at = fields.at.clone();
        fields.wrong(&at, key, why.to_string(), "write repository:tag");
    }
}

/// Whether that is a job, as far as that is known before variables are filled in.
pub(super) fn is_job(fields: &mut Fields<'_, '_>, job: &str) -> bool {
    if !job.contains('$')
        && let Err(why) = job.parse::<JobPath>()
    {
        let at = fields.at.clone();
        fields.wrong(&at, "job", why, "write job: pay/regression");
        return false;
    }
    true
}

fn jenkins(mut fields: Fields<'_, '_>) -> Option<Verb> {
    let server = needed(&mut fields, "server");
    let job = needed(&mut fields, "job");
    let params = fields.labels("params");
    let unstable = fields.word("unstable", &[("pass", true), ("fail", false)]);
    let job = job.filter(|job| is_job(&mut fields, job));
    fields.done(&[("timeout", "write it beside jenkins:, as for every step")]);
    Some(Verb::Jenkins(JenkinsStep {
        server: server?,
        job: job?,
        params,
        unstable_passes: unstable.unwrap_or(false),
    }))
}

fn git(mut fields: Fields<'_, '_>) -> Option<Verb> {
    let url = needed(&mut fields, "url");
    let reference = fields.text("ref");
    fields.done(&[("depth", "note: only the one commit is fetched")]);
    Some(Verb::Git(GitStep {
        url: url?,
        reference,
    }))
}

fn build(mut fields: Fields<'_, '_>) -> Option<Verb> {
    let tag = needed(&mut fields, "tag");
    let context = fields.text("context").unwrap_or_else(|| ".".to_owned());
    if inside(&context).is_none() {
        let at = fields.at.clone();
        let what = "it leads out of the workspace";
        fields.wrong(&at, "context", what, "write a directory below it");
    }
    let dockerfile = fields.text("dockerfile");
    let args = fields.labels("args");
    let target = fields.text("target");
    let push = fields.truth("push").unwrap_or(false);
    fields.done(&[]);
    Some(Verb::Build(BuildStep {
        context,
        dockerfile,
        tag: tag?,
        args,
        target,
        push,
    }))
}

/// A path that stays where it begins.
fn inside(path: &str) -> Option<&str> {
    let is_out = path.starts_with('/') || path.split('/').any(|part| part == "..");
    (!is_out).then_some(path)
}

fn promote(mut fields: Fields<'_, '_>) -> Option<Verb> {
    let image = needed(&mut fields, "image");
    let from = needed(&mut fields, "from");
    let to = needed(&mut fields, "to");
    fields.done(&[]);
    Some(Verb::Promote(PromoteStep {
        image: image?,
        from: from?,
        to: to?,
    }))
}

fn deploy(mut fields: Fields<'_, '_>) -> Option<Verb> {
    let app = needed(&mut fields, "app");
    let environment = fields.text("env");
    let mut images = fields.labels("images");
    if let Some(image) = fields.text("image") {
        // An app of one service: the runner knows which.
        images.insert(String::new(), image);
    }
    let hosts = fields.texts("hosts");
    let template = fields.text("template");
    let file = fields.text("file");
    let set = fields.labels("set");
    let canary = fields.texts("canary");
    let shares = canary.iter().map(|text| text.parse::<u8>().ok());
    let shares: Option<Vec<u8>> = shares
        .map(|share| share.filter(|share| (1..100).contains(share)))
        .collect();
    let at = fields.at.clone();
    if shares.is_none() {
        let remedy = "write shares of 1 to 99, such as [5, 25, 50]";
        fields.wrong(&at, "canary", "it is no list of shares", remedy);
    }
    let every = fields.duration("every");
    let requests = fields.number("requests");
    if template.is_some() && file.is_some() {
        let what = "it is made of a template and of a file";
        fields.wrong(&at, "", what, "keep one of them");
    }
    if let Some(file) = &file
        && inside(file).is_none()
    {
        let what = "it leads out of the workspace";
        fields.wrong(&at, "file", what, "write a file below it");
    }
    fields.done(&[]);
    Some(Verb::Deploy(Box::new(DeployStep {
        app: app?,
        environment,
        images,
        hosts,
        template,
        file,
        set,
        canary: shares?,
        every,
        requests,
    })))
}

fn gate(mut fields: Fields<'_, '_>) -> Option<Verb> {
    let suite = needed(&mut fields, "suite");
    let environment = fields.text("env");
    let consecutive = fields.number("consecutive").unwrap_or(1).max(1);
    let pass_rate = fields.parsed("pass_rate", "a number of percent, 1 to 100", |text| {
        let number = text.trim_end_matches('%').trim().parse().ok();
        number.filter(|number| (1..=100).contains(number))
    });
    let skipped_pass = fields.word("skipped", &[("pass", true), ("fail", false)]);
    let at = fields.at.clone();
    let mut limits = Vec::new();
    for text in fields.texts("limits") {
        match text.parse::<Limit>() {
            Ok(limit) => limits.push(limit),
            Err(why) => fields.wrong(&at, "limits", why, "until then the gate lets nothing pass"),
        }
    }
    let same_digest = fields.truth("same_digest").unwrap_or(false);
    let wait = fields.truth("wait").unwrap_or(false);
    fields.done(&[]);
    Some(Verb::Gate(GateStep {
        suite: suite?,
        environment,
        consecutive,
        pass_rate: pass_rate.unwrap_or(100),
        skipped_pass: skipped_pass.unwrap_or(false),
        limits,
        same_digest,
        wait,
    }))
}

fn approval(mut fields: Fields<'_, '_>) -> Verb {
    let people = fields.texts("people");
    let environment = fields.text("environment");
    let count = fields.number("count").unwrap_or(1).max(1);
    let expires = fields.duration("expires").unwrap_or(EXPIRES);
    let at = fields.at.clone();
    if !people.is_empty() && (people.len() as u64) < u64::from(count) {
        let what = format!("{count} have to approve, {} may", people.len());
        fields.wrong(&at, "count", what, "name more people, or ask fewer");
    }
    if fields.take("roles").is_some() {
        let remedy = "write environment: prod: whoever has the role approver there is asked";
        fields.wrong(&at, "roles", "roles are given in wharf.toml", remedy);
    }
    fields.done(&[]);
    Verb::Approval(ApprovalStep {
        people,
        environment,
        count,
        expires,
    })
}

fn notify(mut fields: Fields<'_, '_>) -> Option<Verb> {
    let to = fields.texts("to");
    let text = fields.text("text");
    if to.is_empty() {
        let at = fields.at.clone();
        let remedy = "name a channel of [[notify]]: to: pay-ops";
        fields.wrong(&at, "to", "it tells nobody", remedy);
    }
    fields.done(&[]);
    (!to.is_empty()).then_some(Verb::Notify(NotifyStep { to, text }))
}
