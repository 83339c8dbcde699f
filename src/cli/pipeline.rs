//! Questions about pipelines and their runs.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use serde::Serialize;
use tokio::time::sleep;

use super::{
    Session,
    args::Output,
    complain,
    exit::{Exit, Failure},
    output::Out,
    table::{facts, plain},
};
use crate::{
    model::{
        Timestamp, ago,
        app::Told,
        pipeline::{
            LogPlace, Pipeline, PipelineName, Run, RunHeld, RunNumber, Status, StepName, StepRun,
            TestReport,
        },
        span,
    },
    ops::{PipelineCommand, Refusal, RefusalKind, pipeline},
};

/// So many of its last runs are shown of a pipeline.
const STRIP: usize = 10;
/// New lines are looked for so often.
const LOOK: Duration = Duration::from_millis(500);

/// Answers a question about pipelines.
pub(super) async fn ask(session: &Session, command: &PipelineCommand) -> Result<Exit, Failure> {
    match command {
        PipelineCommand::List => list(session).await,
        PipelineCommand::Runs {
            pipeline,
            open,
            number,
        } => runs(session, pipeline.as_ref(), *open, *number).await,
        PipelineCommand::Show { run } => show(session, *run).await,
        PipelineCommand::Logs { run, step, follow } => {
            logs(session, *run, step.as_ref(), *follow).await
        }
        PipelineCommand::Check { files } => check(session, files),
        // Their roles are not those of questions.
        PipelineCommand::Run(_)
        | PipelineCommand::Cancel(_)
        | PipelineCommand::Retry { .. }
        | PipelineCommand::Approve(_)
        | PipelineCommand::Reject(_) => Ok(Exit::Usage),
    }
}

/// A pipeline as `pipeline list` tells it.
#[derive(Serialize)]
struct PipelineJson<'a> {
    name: &'a str,
    steps: usize,
    /// The last runs, newest first.
    runs: Vec<(u64, Status)>,
}

async fn list(session: &Session) -> Result<Exit, Failure> {
    let store = session.store();
    let (known, told) = pipeline::known(&store, &session.config.pipelines.directory).await;
    let mut rows: Vec<(PipelineName, usize, Vec<RunHeld>)> = Vec::new();
    for one in &known {
        let last = store.runs(Some(&one.name), false, 10).await?;
        rows.push((one.name.clone(), one.steps.len(), last));
    }
    for told in &told {
        complain(&told.to_string());
    }
    let now = Timestamp::now();
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.array(rows.iter().map(|(name, steps, last)| {
            PipelineJson {
                name: name.as_str(),
                steps: *steps,
                runs: last
                    .iter()
                    .map(|held| (held.run.number.0, held.run.status))
                    .collect(),
            }
        }))?,
        Output::Name => out.lines(rows.iter().map(|(name, ..)| name.to_string()))?,
        Output::Table | Output::Wide => {
            let rows = rows.iter().map(|(name, steps, last)| {
                let strip: Vec<&str> = last
                    .iter()
                    .take(STRIP)
                    .rev()
                    .map(|held| letter(held.run.status))
                    .collect();
                let newest = last.first();
                vec![
                    name.to_string(),
                    steps.to_string(),
                    strip.concat(),
                    newest
                        .map(|held| held.run.status.to_string())
                        .unwrap_or_default(),
                    newest
                        .map(|held| ago(now, held.run.created))
                        .unwrap_or_default(),
                    newest
                        .map(|held| held.run.detail.clone())
                        .unwrap_or_default(),
                ]
            });
            let titles = ["PIPELINE", "STEPS", "RUNS", "LAST", "AGE", "DETAIL"];
            out.lines(plain(&titles, " >  > ", rows, &session.screen))?;
        }
    }
    out.flush()?;
    Ok(if Told::any_error(&told) {
        Exit::Failed
    } else {
        Exit::Done
    })
}

/// A run in one letter.
fn letter(status: Status) -> &'static str {
    match status {
        Status::Success => "+",
        Status::Failure | Status::Lost => "x",
        Status::Canceled | Status::Declined => "-",
        Status::Pending => ".",
        Status::Running => ">",
        Status::Blocked => "?",
        Status::Skipped => " ",
    }
}

async fn runs(
    session: &Session,
    pipeline: Option<&PipelineName>,
    open: bool,
    number: u32,
) -> Result<Exit, Failure> {
    let found = session.store().runs(pipeline, open, number).await?;
    let now = Timestamp::now();
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.json(&found)?,
        Output::Name => out.lines(found.iter().map(|held| held.run.number.0.to_string()))?,
        Output::Table | Output::Wide => {
            let rows = found.iter().map(|held| {
                let run = &held.run;
                vec![
                    run.number.to_string(),
                    run.name().to_string(),
                    state(held),
                    run.cause.to_string(),
                    ago(now, run.created),
                    took(run.milliseconds(now)),
                    run.host
                        .as_ref()
                        .map(ToString::to_string)
                        .unwrap_or_default(),
                    run.by.clone(),
                    run.waits_for(found.iter()).unwrap_or_else(|| detail(run)),
                ]
            });
            let titles = [
                "RUN", "PIPELINE", "STATE", "CAUSE", "AGE", "TOOK", "HOST", "BY", "DETAIL",
            ];
            out.lines(plain(&titles, ">   >>   ", rows, &session.screen))?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// How far a run is, and whether it was left.
fn state(held: &RunHeld) -> String {
    let status = held.run.status;
    let is_left = status != Status::Pending && !status.is_over() && held.seconds_left <= 0;
    if is_left {
        "left".to_owned()
    } else {
        status.to_string()
    }
}

fn took(milliseconds: Option<u64>) -> String {
    milliseconds.map_or_else(String::new, |ms| {
        span(i64::try_from(ms / 1000).unwrap_or(i64::MAX))
    })
}

/// What there is to say of a run: its own, or that of the steps that wait or go on.
fn detail(run: &Run) -> String {
    if !run.detail.is_empty() {
        return run.detail.clone();
    }
    let going = run
        .steps
        .iter()
        .filter(|step| matches!(step.status, Status::Running | Status::Blocked));
    let told: Vec<String> = going
        .map(|step| {
            if step.detail.is_empty() {
                step.name.to_string()
            } else {
                format!("{}: {}", step.name, step.detail)
            }
        })
        .collect();
    told.join("; ")
}

async fn found(session: &Session, run: RunNumber) -> Result<RunHeld, Failure> {
    let held = session.store().run(run).await?;
    held.ok_or_else(|| {
        let remedy = "`pipeline runs` lists those that there are";
        Refusal::new(
            RefusalKind::Unknown,
            format!("there is no run {run}"),
            remedy,
        )
        .into()
    })
}

async fn show(session: &Session, number: RunNumber) -> Result<Exit, Failure> {
    let held = found(session, number).await?;
    let now = Timestamp::now();
    let run = &held.run;
    let others = session.store().runs(None, true, 1000).await?;
    let waits = run.waits_for(others.iter());
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.json(&held)?,
        Output::Name => out.lines(run.steps.iter().map(|step| step.name.to_string()))?,
        Output::Table | Output::Wide => {
            let variables = run
                .variables
                .iter()
                .map(|(name, value)| format!("{name}={value}"));
            let images = run
                .images
                .iter()
                .map(|(name, digest)| format!("{name} is {digest}"));
            let table = [
                ("run", run.number.to_string()),
                ("pipeline", run.name().to_string()),
                ("state", state(&held)),
                ("cause", run.cause.to_string()),
                ("by", run.by.clone()),
                ("age", ago(now, run.created)),
                ("took", took(run.milliseconds(now))),
                (
                    "host",
                    run.host
                        .as_ref()
                        .map(ToString::to_string)
                        .unwrap_or_default(),
                ),
                ("worker", held.worker.clone()),
                ("variables", variables.collect::<Vec<_>>().join(" ")),
                ("images", images.collect::<Vec<_>>().join(" · ")),
                ("detail", waits.unwrap_or_else(|| run.detail.clone())),
            ];
            out.lines(facts(&table, &session.screen))?;
            out.lines([""])?;
            let rows = run.steps.iter().map(|step| row(&run.pipeline, step, now));
            let titles = [
                "STEP", "DOES", "STATE", "TRY", "TOOK", "TESTS", "AFTER", "DETAIL",
            ];
            out.lines(plain(&titles, "   >>   ", rows, &session.screen))?;
            for step in &run.steps {
                let failed = step.report.iter().flat_map(|report| &report.failed);
                for failure in failed {
                    out.lines([
                        String::new(),
                        format!("{}: {} {}", step.name, failure.class, failure.name),
                    ])?;
                    out.lines(failure.text.lines().map(|line| format!("  {line}")))?;
                }
            }
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn row(pipeline: &Pipeline, step: &StepRun, now: Timestamp) -> Vec<String> {
    let of = pipeline.step(&step.name);
    let after = of.map(|of| {
        of.after
            .iter()
            .map(StepName::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    });
    let tries = if step.attempt > 1 {
        step.attempt.to_string()
    } else {
        String::new()
    };
    vec![
        step.name.to_string(),
        of.map(|of| of.verb.word().to_owned()).unwrap_or_default(),
        step.status.to_string(),
        tries,
        took(step.milliseconds(now)),
        step.report
            .as_ref()
            .map(TestReport::words)
            .unwrap_or_default(),
        after.unwrap_or_default(),
        step.detail.clone(),
    ]
}

async fn logs(
    session: &Session,
    number: RunNumber,
    step: Option<&StepName>,
    follow: bool,
) -> Result<Exit, Failure> {
    let store = session.store();
    let held = found(session, number).await?;
    let mut steps: Vec<(StepName, LogPlace)> = Vec::new();
    for one in &held.run.steps {
        if step.is_none_or(|name| *name == one.name) {
            steps.push((one.name.clone(), LogPlace::default()));
        }
    }
    if steps.is_empty() {
        let names: Vec<&str> = held
            .run
            .steps
            .iter()
            .map(|step| step.name.as_str())
            .collect();
        let why = format!("run {number} has no such step");
        let remedy = format!("one of {}", names.join(", "));
        return Err(Refusal::new(RefusalKind::Unknown, why, remedy).into());
    }
    let width = if step.is_some() {
        0
    } else {
        steps
            .iter()
            .map(|(name, _)| name.as_str().len())
            .max()
            .unwrap_or(0)
    };
    let mut out = Out::take();
    loop {
        // Looked at before the logs: what it says when it is over is in them then.
        let is_over = !follow || found(session, number).await?.run.status.is_over();
        for (name, place) in &mut steps {
            loop {
                let chunk = store.run_log(number, name, *place).await?;
                *place = chunk.next;
                match session.options.output {
                    Output::Json => {
                        for line in &chunk.lines {
                            out.lines([serde_json::json!({"step": name, "at": line.at, "error": line.error, "text": line.text}).to_string()])?;
                        }
                    }
                    Output::Name | Output::Table | Output::Wide => {
                        let lines = chunk.lines.iter().map(|line| match width {
                            0 => line.text.clone(),
                            width => format!("{name:<width$}  {}", line.text),
                        });
                        out.lines(lines)?;
                    }
                }
                if chunk.lines.is_empty() {
                    break;
                }
            }
        }
        out.flush()?;
        if is_over {
            return Ok(Exit::Done);
        }
        sleep(LOOK).await;
    }
}

fn check(session: &Session, files: &[PathBuf]) -> Result<Exit, Failure> {
    let mut all: Vec<Told> = Vec::new();
    let mut names = BTreeSet::new();
    for file in files {
        let (pipeline, told) = pipeline::check(file);
        all.extend(told);
        if let Some(pipeline) = pipeline {
            names.insert(format!("{}: {} steps", pipeline.name, pipeline.steps.len()));
        }
    }
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.json(&all)?,
        Output::Name => out.lines(names)?,
        Output::Table | Output::Wide => {
            out.lines(all.iter().map(ToString::to_string))?;
            out.lines(names)?;
        }
    }
    out.flush()?;
    Ok(if Told::any_error(&all) {
        Exit::Failed
    } else {
        Exit::Done
    })
}
