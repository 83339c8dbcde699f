//! Questions about Jenkins servers, their jobs and builds.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::json;

use super::{
    Session,
    args::Output,
    balancer::told,
    exit::{Exit, Failure},
    output::Out,
    table::{facts, plain},
};
use crate::{
    clients::{
        self, ErrorKind,
        jenkins::{Follower, Happening, Server, Servers, Who},
    },
    console::secrets,
    model::{
        Mark, Timestamp, ago, bytes,
        jenkins::{Build, BuildPlace, CHECKED, Job, JobAt, JobPath},
        span,
    },
    ops::{JenkinsCommand, Refusal, RefusalKind, sentence::ArtifactsArgs},
};

/// A question about Jenkins.
pub(super) async fn ask(session: &Session, command: &JenkinsCommand) -> Result<Exit, Failure> {
    match command {
        JenkinsCommand::List => list(session).await,
        JenkinsCommand::Jobs { server, folder } => jobs(session, server, folder.as_ref()).await,
        JenkinsCommand::Builds { job, number } => builds(session, job, *number).await,
        JenkinsCommand::Show { job, build } => match build {
            Some(build) => show_build(session, job, *build).await,
            None => show_job(session, job).await,
        },
        JenkinsCommand::Queue { server } => queue(session, server).await,
        JenkinsCommand::Logs { job, build, follow } => logs(session, job, *build, *follow).await,
        JenkinsCommand::Artifacts(args) => artifacts(session, args).await,
        JenkinsCommand::Doctor { server } => doctor(session, server).await,
        // Their roles are not those of questions.
        JenkinsCommand::Run(_) | JenkinsCommand::Abort(_) => Ok(Exit::Usage),
    }
}

fn servers(session: &Session) -> Servers {
    let specs = session.config.jenkins.iter().cloned();
    Servers::new(specs, secrets(&session.config))
}

/// How it is told where a server stands.
fn standing(who: &Result<Who, clients::Error>) -> (&'static str, String) {
    match who {
        Ok(who) if who.version.is_empty() => {
            ("online", "it does not say that it is a Jenkins".to_owned())
        }
        Ok(_) => ("online", String::new()),
        Err(error) if error.kind == ErrorKind::Login => ("closed", error.reason()),
        Err(error) => ("offline", error.reason()),
    }
}

async fn list(session: &Session) -> Result<Exit, Failure> {
    let servers = &servers(session);
    let asked = servers.names().map(|name| async move {
        let who = async { servers.open(name)?.who().await }.await;
        (Arc::clone(name), who)
    });
    let known = join_all(asked).await;
    let url = |name: &str| {
        let specs = session.config.jenkins.iter();
        let spec = specs.into_iter().find(|spec| *spec.name == *name);
        spec.map(|spec| spec.url.to_string()).unwrap_or_default()
    };
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.array(known.iter().map(|(name, who)| {
            let (state, detail) = standing(who);
            let about = who.as_ref().ok();
            json!({"server": &**name, "url": url(name), "state": state, "detail": detail, "about": about})
        }))?,
        Output::Name => out.lines(known.iter().map(|(name, _)| name))?,
        Output::Table | Output::Wide if known.is_empty() => super::complain(
            "no Jenkins server is known; write a [[jenkins]] into wharf.toml (`wharf config example` shows one)",
        ),
        Output::Table | Output::Wide => {
            let rows = known.iter().map(|(name, who)| {
                let (state, detail) = standing(who);
                let (version, user) = match who {
                    Ok(who) => (who.version.clone(), who.user.clone()),
                    Err(_) => (String::new(), String::new()),
                };
                vec![name.to_string(), state.to_owned(), version, user, url(name), detail]
            });
            let titles = ["SERVER", "STATE", "VERSION", "USER", "URL", "DETAIL"];
            out.lines(plain(&titles, "", rows, &session.screen))?;
        }
    }
    out.flush()?;
    let is_lost =
        |(_, who): &(Arc<str>, Result<Who, clients::Error>)| matches!(standing(who).0, "offline");
    Ok(if known.iter().any(is_lost) {
        Exit::Unreached
    } else {
        Exit::Done
    })
}

/// The last build of a job in a few words.
fn last(build: Option<&Build>, now: Timestamp) -> [String; 2] {
    match build {
        Some(build) => [
            format!("{} {}", build.number, build.word()),
            ago(now, build.started),
        ],
        None => [String::new(), String::new()],
    }
}

fn state(job: &Job) -> &'static str {
    match job {
        job if job.is_folder => "",
        job if job.queued => "queued",
        job if job.last.as_ref().is_some_and(|last| last.building) => "building",
        job if !job.buildable => "disabled",
        _ => "idle",
    }
}

async fn jobs(session: &Session, server: &str, folder: Option<&JobPath>) -> Result<Exit, Failure> {
    let found = servers(session).open(server)?.jobs(folder).await?;
    let now = Timestamp::now();
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.array(found.iter())?,
        Output::Name => out.lines(found.iter().map(|job| format!("{}@{server}", job.path)))?,
        Output::Table | Output::Wide => {
            let rows = found.iter().map(|job| {
                let [build, age] = last(job.last.as_ref(), now);
                let kind = job.kind.clone();
                vec![
                    job.path.to_string(),
                    kind,
                    state(job).to_owned(),
                    build,
                    age,
                    job.about.clone(),
                ]
            });
            let titles = ["JOB", "KIND", "STATE", "LAST", "AGE", "ABOUT"];
            out.lines(plain(&titles, "    > ", rows, &session.screen))?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn took(build: &Build, now: Timestamp) -> String {
    let ms = if build.building {
        now.as_millisecond()
            .saturating_sub(build.started.as_millisecond())
    } else {
        i64::try_from(build.milliseconds).unwrap_or(i64::MAX)
    };
    span(ms / 1000)
}

fn given(build: &Build) -> String {
    let pairs = build.parameters.iter();
    let pairs = pairs.map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join(" ")
}

async fn builds(session: &Session, at: &JobAt, number: u32) -> Result<Exit, Failure> {
    let found = servers(session)
        .open(&at.server)?
        .builds(&at.job, number)
        .await?;
    let now = Timestamp::now();
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.array(found.iter())?,
        Output::Name => out.lines(found.iter().map(|build| build.number.to_string()))?,
        Output::Table | Output::Wide => {
            let rows = found.iter().map(|build| {
                vec![
                    build.number.to_string(),
                    build.word().to_owned(),
                    ago(now, build.started),
                    took(build, now),
                    build.queued.to_string(),
                    build.causes.join("; "),
                    given(build),
                ]
            });
            let titles = [
                "BUILD",
                "RESULT",
                "AGE",
                "TOOK",
                "QUEUED",
                "CAUSE",
                "PARAMETERS",
            ];
            out.lines(plain(&titles, "> >>>  ", rows, &session.screen))?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

async fn show_job(session: &Session, at: &JobAt) -> Result<Exit, Failure> {
    let job = servers(session).open(&at.server)?.job(&at.job).await?;
    let now = Timestamp::now();
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.json(&job)?,
        Output::Name => out.lines(job.parameters.iter().map(|one| &one.name))?,
        Output::Table | Output::Wide => {
            let [build, age] = last(job.last.as_ref(), now);
            let table = [
                ("job", at.to_string()),
                ("kind", job.kind.clone()),
                ("state", state(&job).to_owned()),
                ("last", build),
                ("age", age),
                ("next", job.next.to_string()),
                ("about", job.about.clone()),
            ];
            out.lines(facts(&table, &session.screen))?;
            if !job.parameters.is_empty() {
                out.lines([""])?;
                let rows = job.parameters.iter().map(|one| {
                    let default = one.default.clone().unwrap_or_default();
                    vec![
                        one.name.clone(),
                        one.kind.clone(),
                        default,
                        one.choices.join(", "),
                        one.about.clone(),
                    ]
                });
                let titles = ["PARAMETER", "KIND", "DEFAULT", "CHOICES", "ABOUT"];
                out.lines(plain(&titles, "", rows, &session.screen))?;
            }
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

async fn show_build(session: &Session, at: &JobAt, number: u64) -> Result<Exit, Failure> {
    let server = servers(session).open(&at.server)?;
    let build = server.build(&at.job, number).await?;
    let report = server.report(&at.job, number).await?;
    let now = Timestamp::now();
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.json(&json!({"build": build, "report": report}))?,
        Output::Name => out.lines([number.to_string()])?,
        Output::Table | Output::Wide => {
            let tests = report
                .as_ref()
                .map(crate::model::pipeline::TestReport::words);
            let table = [
                ("job", at.to_string()),
                ("build", number.to_string()),
                ("result", build.word().to_owned()),
                ("age", ago(now, build.started)),
                ("took", took(&build, now)),
                ("queued", build.queued.to_string()),
                ("cause", build.causes.join("; ")),
                ("parameters", given(&build)),
                ("tests", tests.unwrap_or_default()),
                ("artifacts", build.artifacts.join(", ")),
            ];
            out.lines(facts(&table, &session.screen))?;
            for failure in report.iter().flat_map(|report| &report.failed) {
                out.lines([String::new(), format!("{} {}", failure.class, failure.name)])?;
                out.lines(failure.text.lines().map(|line| format!("  {line}")))?;
            }
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

async fn queue(session: &Session, server: &str) -> Result<Exit, Failure> {
    let found = servers(session).open(server)?.queue().await?;
    let now = Timestamp::now();
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.array(found.iter())?,
        Output::Name => out.lines(found.iter().map(|one| one.id.to_string()))?,
        Output::Table | Output::Wide => {
            let rows = found.iter().map(|one| {
                let state = if one.stuck { "stuck" } else { "waits" };
                vec![
                    one.id.to_string(),
                    one.job.clone(),
                    state.to_owned(),
                    ago(now, one.since),
                    one.why.clone(),
                ]
            });
            let titles = ["QUEUED", "JOB", "STATE", "AGE", "WHY"];
            out.lines(plain(&titles, ">  > ", rows, &session.screen))?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// The build that is meant: the last one where none is said.
async fn meant(server: &Server, at: &JobAt, build: Option<u64>) -> Result<u64, Failure> {
    if let Some(build) = build {
        return Ok(build);
    }
    let job = server.job(&at.job).await?;
    job.last.map(|last| last.number).ok_or_else(|| {
        let why = format!("{at} has no build yet");
        Refusal::new(RefusalKind::State, why, "`wharf jenkins run` begins one").into()
    })
}

async fn logs(
    session: &Session,
    at: &JobAt,
    build: Option<u64>,
    follow: bool,
) -> Result<Exit, Failure> {
    let server = servers(session).open(&at.server)?;
    let number = meant(&server, at, build).await?;
    let place = BuildPlace {
        build: Some(number),
        ..BuildPlace::default()
    };
    let mut follower = Follower::new(server, at.job.clone(), place);
    if !follow {
        follower = follower.up_to_now();
    }
    let mut out = Out::take();
    loop {
        match follower.next().await? {
            Happening::Lines(lines, _) => {
                match session.options.output {
                    Output::Json => {
                        out.lines(lines.iter().map(|text| json!({"text": text}).to_string()))?;
                    }
                    Output::Name | Output::Table | Output::Wide => out.lines(lines)?,
                }
                out.flush()?;
            }
            Happening::Waits(_) | Happening::Began(_) => {}
            Happening::Withdrawn => return Ok(Exit::Done),
            Happening::Ended(build) => {
                if follow {
                    super::complain(&format!("build {number} of {at}: {}", build.word()));
                }
                return Ok(Exit::Done);
            }
        }
    }
}

async fn artifacts(session: &Session, args: &ArtifactsArgs) -> Result<Exit, Failure> {
    let at = &args.job;
    let server = servers(session).open(&at.server)?;
    let number = meant(&server, at, args.build).await?;
    let mut paths = server.build(&at.job, number).await?.artifacts;
    if let Some(pattern) = &args.pattern {
        paths.retain(|path| pattern.matches(path));
    }
    let mut out = Out::take();
    let Some(to) = &args.to else {
        match session.options.output {
            Output::Json => out.json(&json!({"build": number, "artifacts": paths}))?,
            Output::Name | Output::Table | Output::Wide => out.lines(paths)?,
        }
        out.flush()?;
        return Ok(Exit::Done);
    };
    if let Some(there) = paths
        .iter()
        .find(|path| to.join(path).exists() && !args.replace)
    {
        let why = format!("{} is there already", to.join(there).display());
        let remedy = "--replace writes over it";
        return Err(Refusal::new(RefusalKind::State, why, remedy).into());
    }
    let mut saved = Vec::new();
    for path in paths {
        let size = server.save(&at.job, number, &path, to).await?;
        saved.push((to.join(path).display().to_string(), size));
    }
    match session.options.output {
        Output::Json => {
            let files = saved
                .iter()
                .map(|(path, size)| json!({"path": path, "bytes": size}));
            out.json(&json!({"build": number, "saved": files.collect::<Vec<_>>()}))?;
        }
        Output::Name => out.lines(saved.iter().map(|(path, _)| path))?,
        Output::Table | Output::Wide => {
            let lines = saved.iter();
            out.lines(lines.map(|(path, size)| format!("{path} ({})", bytes(*size))))?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// `jenkins doctor`: ends badly where something does not work.
async fn doctor(session: &Session, server: &str) -> Result<Exit, Failure> {
    let found = servers(session).open(server)?.doctor().await;
    let is_bad = |one: &clients::Finding| one.mark == Mark::Failed;
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.json(&json!({"findings": found, "note": CHECKED}))?,
        Output::Name => {
            let bad = found.iter().filter(|one| is_bad(one));
            out.lines(bad.map(|one| &one.what))?;
        }
        Output::Table | Output::Wide => {
            let ascii = session.screen.ascii;
            out.lines(found.iter().flat_map(|one| told(one, ascii)))?;
            out.lines([format!("Wharf's way with Jenkins was {CHECKED}.")])?;
        }
    }
    out.flush()?;
    Ok(if found.iter().any(is_bad) {
        Exit::Failed
    } else {
        Exit::Done
    })
}
