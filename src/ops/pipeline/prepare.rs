//! What people do with runs: start, cancel, try again, approve, reject. Planned from the files and the store.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Serialize;

use crate::{
    catalog::pipeline::{self as files},
    model::{
        Outcome, Spot, Timestamp,
        app::{Severity, Told, Where},
        nearest,
        pipeline::{
            Cause, Pipeline, PipelineName, Reply, Run, RunHeld, RunNumber, RunWish, Status,
            StepName, StepRun, Verb, filled,
        },
        release::person,
    },
    ops::{
        deploy::{Desk, Task},
        plan::{Confirm, Plan, Refusal, RefusalKind},
        sentence::{AnswerArgs, PipelineCommand, Sentence, StartArgs},
        target::HostPattern,
    },
    store::{self, Store},
};

use super::{
    gate::Question,
    said::parse,
    step::{AUTHOR, variable},
};

/// What is told when runs are put into a queue at which nobody looks.
const NOBODY: &str = "no worker is there: `wharf worker` carries runs out, and an open console does while there is none";

/// The largest pipeline file, in bytes.
pub(super) const LARGEST: u64 = 1 << 20;

/// What is done to a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// It is put into the queue.
    Start(Run),
    /// It is put into the queue again, with the steps that are done anew.
    Again(Run),
    /// It ends.
    Cancel(RunNumber),
    /// It is answered.
    Answer {
        /// Which run.
        run: RunNumber,
        /// The step that asks.
        step: StepName,
        /// What is said.
        reply: Reply,
    },
}

impl Act {
    /// Does it.
    pub(in crate::ops) async fn carry_out(&self, store: &Store) -> Outcome {
        let done = match self {
            Self::Start(run) => {
                let asked = store.ask_run(run).await;
                asked.map(|number| {
                    format!(
                        "run {number} of {} waits for its turn; `wharf pipeline logs {} --follow` tells how it goes",
                        run.name(),
                        number.0
                    )
                })
            }
            Self::Again(run) => {
                let again = store.again_run(run).await;
                again.map(|is_done| {
                    if is_done {
                        format!("run {} waits for its turn again", run.number)
                    } else {
                        format!("run {} goes on already", run.number)
                    }
                })
            }
            Self::Cancel(run) => {
                let wished = store.wish_run(*run, RunWish::Cancel).await;
                wished.map(|found| match found {
                    Some(held) if held.run.status == Status::Pending => {
                        format!("run {run} will not begin")
                    }
                    Some(held) => format!("{} is told that run {run} shall end", held.worker),
                    None => format!("run {run} is over already"),
                })
            }
            Self::Answer { run, step, reply } => {
                let word = if reply.approves {
                    "approved"
                } else {
                    "rejected"
                };
                let told = store.reply_run(*run, step, reply).await;
                told.map(|()| format!("{step} of run {run} is {word}"))
            }
        };
        match done {
            Ok(detail) => Outcome::Done { detail },
            Err(error) => Outcome::Failed {
                done: 0,
                failed: 1,
                detail: error.to_string(),
            },
        }
    }
}

/// The pipelines of a directory and of the repositories that keep some, by name, and everything there is to say about
/// their files. A directory that is not there is as good as an empty one; of two with one name that of the directory
/// counts, else the first. Reads files.
pub async fn known(store: &Store, directory: &Path) -> (Vec<Arc<Pipeline>>, Vec<Told>) {
    let mut told = Vec::new();
    let mut paths: Vec<PathBuf> = match fs::read_dir(directory) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(_) => Vec::new(),
    };
    paths.retain(|path| is_yaml(path));
    paths.sort();
    let mut found: BTreeMap<PipelineName, Arc<Pipeline>> = BTreeMap::new();
    for path in paths {
        let (pipeline, of_file) = check(&path);
        told.extend(of_file);
        if let Some(pipeline) = pipeline {
            found.insert(pipeline.name.clone(), Arc::new(pipeline));
        }
    }
    let kept = match store.kept_files().await {
        Ok(kept) => kept,
        Err(error) => {
            tracing::warn!(%error, "the pipelines of repositories are not known");
            BTreeMap::new()
        }
    };
    for file in kept.values().flat_map(|(_, files)| files) {
        let (pipeline, of_file) = checked(&file.place, &file.text);
        told.extend(of_file);
        if let Some(pipeline) = pipeline {
            found
                .entry(pipeline.name.clone())
                .or_insert_with(|| Arc::new(pipeline));
        }
    }
    (found.into_values().collect(), told)
}

/// Whether a file is one of pipelines, by its name.
pub(super) fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "yaml" || e == "yml")
}

/// Reads a pipeline file and says what is wrong with it, its sentences too.
pub fn check(path: &Path) -> (Option<Pipeline>, Vec<Told>) {
    let name = path.display().to_string();
    let text = match fs::metadata(path) {
        Ok(meta) if meta.len() > LARGEST => Err(format!("it is larger than {LARGEST} bytes")),
        Ok(_) => fs::read_to_string(path).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match text {
        Ok(text) => checked(&name, &text),
        Err(why) => (None, vec![wrong(&name, why)]),
    }
}

/// What is wrong with a file.
fn wrong(file: &str, what: String) -> Told {
    Told {
        severity: Severity::Error,
        place: Where {
            file: file.to_owned(),
            ..Where::default()
        },
        what,
        remedy: "name a file that can be read".to_owned(),
    }
}

/// Reads the text of a pipeline file, and says what is wrong with it.
fn checked(name: &str, text: &str) -> (Option<Pipeline>, Vec<Told>) {
    let files::Read { pipeline, mut told } = files::pipeline(name, text);
    for text in pipeline.iter().flat_map(|pipeline| &pipeline.hosts) {
        if let Err(error) = text.parse::<HostPattern>() {
            told.push(Told {
                remedy: "write a name, env:NAME or group:NAME".to_owned(),
                ..wrong(name, format!("hosts: {error}"))
            });
        }
    }
    for step in pipeline.iter().flat_map(|pipeline| &pipeline.steps) {
        let Verb::Run(line) = &step.verb else {
            continue;
        };
        // What is filled in later is not known here.
        if !line.contains("${")
            && let Err(error) = parse(line)
        {
            let what = format!("'{line}' is no sentence: {}", error.trim());
            told.push(Told {
                remedy: "write it as in a shell, without wharf".to_owned(),
                ..wrong(name, format!("step {}: {what}", step.name))
            });
        }
    }
    let is_wrong = Told::any_error(&told);
    (pipeline.filter(|_| !is_wrong), told)
}

/// Reads what a sentence about a run needs, and plans it.
pub async fn prepare(
    desk: &Desk<'_>,
    sentence: &Sentence,
    command: &PipelineCommand,
) -> Result<Plan, Refusal> {
    let (act, title, told) = match command {
        PipelineCommand::Run(args) => {
            let (act, title, mut told) = start(desk, args).await?;
            let workers = desk.store.workers().await;
            if workers.is_ok_and(|there| there.is_empty()) {
                told.push(NOBODY.to_owned());
            }
            (act, title, told)
        }
        PipelineCommand::Cancel(args) => {
            let held = find(desk.store, args.run).await?;
            let run = &held.run;
            if run.status.is_over() {
                return Err(over(&held));
            }
            let title = format!("Cancel run {} of {}", run.number, run.name());
            (Act::Cancel(run.number), title, steps_now(run))
        }
        PipelineCommand::Retry { run, from } => {
            let held = find(desk.store, run.run).await?;
            again(held, from.as_ref())?
        }
        PipelineCommand::Approve(args) => answer(desk, args, true).await?,
        PipelineCommand::Reject(args) => answer(desk, args, false).await?,
        PipelineCommand::List
        | PipelineCommand::Runs { .. }
        | PipelineCommand::Show { .. }
        | PipelineCommand::Logs { .. }
        | PipelineCommand::Check { .. } => {
            return Err(Refusal::new(
                RefusalKind::Sentence,
                "this changes nothing",
                "",
            ));
        }
    };
    Ok(Plan {
        sentence: sentence.canonical(&[]),
        title,
        danger: sentence.danger(),
        targets: Vec::new(),
        steps: Vec::new(),
        loses: Vec::new(),
        docker: Vec::new(),
        confirm: Confirm::Ask,
        left_out: Vec::new(),
        busy: "asking",
        recorded: true,
        told,
        deploy: Some(Box::new(Task::Pipeline(Box::new(act)))),
    })
}

type Planned = (Act, String, Vec<String>);

fn refusal(why: impl Into<String>, remedy: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::Unknown, why, remedy)
}

fn unread(error: &store::Error) -> Refusal {
    Refusal::new(RefusalKind::State, error.to_string(), "")
}

async fn find(store: &Store, run: RunNumber) -> Result<RunHeld, Refusal> {
    let found = store.run(run).await.map_err(|error| unread(&error))?;
    let remedy = "`pipeline runs` lists those that there are";
    found.ok_or_else(|| refusal(format!("there is no run {run}"), remedy))
}

fn over(held: &RunHeld) -> Refusal {
    let Run { number, status, .. } = &held.run;
    let why = format!("run {number} is over ({status})");
    Refusal::new(RefusalKind::State, why, "`pipeline retry` does it again")
}

/// How far each step is, for the plan.
fn steps_now(run: &Run) -> Vec<String> {
    let steps = run.steps.iter().filter(|step| !step.status.is_over());
    steps
        .map(|step| format!("{}: {}", step.name, step.status))
        .collect()
}

async fn start(desk: &Desk<'_>, args: &StartArgs) -> Result<Planned, Refusal> {
    let (known, told) = known(desk.store, desk.pipelines).await;
    let Some(pipeline) = known.iter().find(|one| one.name == args.pipeline) else {
        let names: Vec<&str> = known.iter().map(|one| one.name.as_str()).collect();
        let file = told.iter().find(|told| {
            told.severity == Severity::Error && told.place.file.contains(args.pipeline.as_str())
        });
        let remedy = match (file, nearest(args.pipeline.as_str(), names.iter().copied())) {
            (Some(told), _) => told.to_string(),
            (None, Some(near)) => format!("did you mean {near}?"),
            (None, None) => format!(
                "put its file into {}; there are {}",
                desk.pipelines.display(),
                if names.is_empty() {
                    "none".to_owned()
                } else {
                    names.join(", ")
                }
            ),
        };
        return Err(refusal(
            format!("there is no pipeline {}", args.pipeline),
            remedy,
        ));
    };
    let mut run = Run::new(
        Arc::clone(pipeline),
        Cause::Manual,
        desk.by.to_owned(),
        Timestamp::now(),
    );
    run.variables = parameters(
        pipeline,
        &args
            .set
            .iter()
            .map(|pair| (pair.key.clone(), pair.value.clone()))
            .collect(),
    )?;
    let mut lines: Vec<String> = run
        .variables
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    lines.extend(pipeline.steps.iter().map(|step| {
        let after: Vec<&str> = step.after.iter().map(StepName::as_str).collect();
        let word = step.verb.word();
        if after.is_empty() {
            format!("{} ({word})", step.name)
        } else {
            format!("{} ({word}) after {}", step.name, after.join(", "))
        }
    }));
    let title = format!("Start the pipeline {}", pipeline.name);
    Ok((Act::Start(run), title, lines))
}

/// The parameters of a run: what is said, and what holds else.
pub(super) fn parameters(
    pipeline: &Pipeline,
    said: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Refusal> {
    let mut values = BTreeMap::new();
    for parameter in &pipeline.parameters {
        let value = said.get(&parameter.name).or(parameter.default.as_ref());
        let Some(value) = value else {
            let why = format!("{} has to be said", parameter.name);
            return Err(refusal(why, format!("add --set {}=…", parameter.name)));
        };
        if !parameter.choices.is_empty() && !parameter.choices.contains(value) {
            let why = format!("{} cannot be '{value}'", parameter.name);
            return Err(refusal(
                why,
                format!("one of {}", parameter.choices.join(", ")),
            ));
        }
        values.insert(parameter.name.clone(), value.clone());
    }
    let is_known = |name: &String| values.contains_key(name) || pipeline.vars.contains_key(name);
    if let Some(name) = said.keys().find(|name| !is_known(name)) {
        let names = pipeline.parameters.iter().map(|one| one.name.as_str());
        let remedy = match nearest(name, names) {
            Some(near) => format!("did you mean {near}?"),
            None => "it is neither a parameter nor a variable of it".to_owned(),
        };
        return Err(refusal(
            format!("{} has no parameter {name}", pipeline.name),
            remedy,
        ));
    }
    values.extend(
        said.iter()
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    Ok(values)
}

/// A run with the steps that are done anew: those that did not go well, or a step, and all that come after.
fn again(held: RunHeld, from: Option<&StepName>) -> Result<Planned, Refusal> {
    let mut run = held.run;
    if !run.status.is_over() {
        let why = format!("run {} is not over ({})", run.number, run.status);
        return Err(Refusal::new(
            RefusalKind::State,
            why,
            "cancel it first, or wait",
        ));
    }
    let mut anew: BTreeSet<StepName> = match from {
        Some(name) if run.step(name).is_some() => [name.clone()].into(),
        Some(name) => {
            let names: Vec<&str> = run.steps.iter().map(|step| step.name.as_str()).collect();
            let why = format!("run {} has no step {name}", run.number);
            return Err(refusal(why, format!("one of {}", names.join(", "))));
        }
        None => {
            let bad = run
                .steps
                .iter()
                .filter(|step| step.status != Status::Success);
            bad.map(|step| step.name.clone()).collect()
        }
    };
    if anew.is_empty() {
        let why = format!("run {} went well", run.number);
        return Err(Refusal::new(
            RefusalKind::State,
            why,
            "name a step: --from STEP",
        ));
    }
    loop {
        let before = anew.len();
        for step in &run.pipeline.steps {
            if step.after.iter().any(|name| anew.contains(name)) {
                anew.insert(step.name.clone());
            }
        }
        if anew.len() == before {
            break;
        }
    }
    for step in &mut run.steps {
        if anew.contains(&step.name) {
            *step = StepRun {
                attempt: step.attempt,
                ..StepRun::new(step.name.clone())
            };
        }
    }
    run.status = Status::Pending;
    run.ended = None;
    run.detail = String::new();
    let title = format!("Run {} of {} again", run.number, run.name());
    let told = anew
        .iter()
        .map(|name| format!("{name}: done anew"))
        .collect();
    Ok((Act::Again(run), title, told))
}

async fn answer(desk: &Desk<'_>, args: &AnswerArgs, approves: bool) -> Result<Planned, Refusal> {
    let held = find(desk.store, args.run).await?;
    let run = &held.run;
    if run.status.is_over() {
        return Err(over(&held));
    }
    let asks: Vec<&StepRun> = run.asks().collect();
    let named = |step: &&StepRun| args.step.as_ref().is_none_or(|name| *name == step.name);
    let fitting: Vec<&StepRun> = asks.iter().copied().filter(named).collect();
    let step = match fitting[..] {
        [step] => step,
        [] => {
            let why = format!("no such step of run {} asks", run.number);
            return Err(Refusal::new(
                RefusalKind::State,
                why,
                "`pipeline show` tells who is asked",
            ));
        }
        _ => {
            let names: Vec<&str> = fitting.iter().map(|step| step.name.as_str()).collect();
            let why = format!("several steps of run {} ask", run.number);
            return Err(Refusal::new(
                RefusalKind::Ambiguous,
                why,
                format!("name one of {}", names.join(", ")),
            ));
        }
    };
    let digest = step.digest.clone().unwrap_or_default();
    let asked = run.pipeline.step(&step.name);
    if let Some(asked) = asked
        && let Verb::Approval(approval) = &asked.verb
        && (approves || person(desk.by) != person(&run.by))
    {
        let author = variable(run, None, AUTHOR);
        let environment = approval.environment.as_ref();
        let environment = environment
            .and_then(|text| filled(text, &|name| variable(run, Some(asked), name)).ok());
        let question = Question {
            digest: &digest,
            starter: &run.by,
            author: author.as_deref(),
            access: &desk.fleet.access,
            spot: environment
                .as_deref()
                .map_or(Spot::Somewhere, Spot::Environment),
            asked: Timestamp::now(),
            now: Timestamp::now(),
        };
        if let Some(why) = question.excludes(approval, desk.by) {
            return Err(Refusal::new(
                RefusalKind::Forbidden,
                why,
                "ask somebody else",
            ));
        }
    }
    let reply = Reply {
        by: desk.by.to_owned(),
        at: Timestamp::now(),
        approves,
        reason: args.why.reason.clone().unwrap_or_default(),
        digest: digest.clone(),
    };
    let word = if approves { "Approve" } else { "Reject" };
    let title = format!("{word} {} of run {}", step.name, run.number);
    let mut told = vec![format!(
        "{} of {}, asked as {digest}",
        run.name(),
        run.cause
    )];
    told.extend(
        run.images
            .iter()
            .map(|(name, digest)| format!("{name} is {digest}")),
    );
    let act = Act::Answer {
        run: run.number,
        step: step.name.clone(),
        reply,
    };
    Ok((act, title, told))
}
