//! Pipelines of the demo fleet with their runs: made up, and the same at every moment.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    ApprovalStep, BuildStep, Cause, DeployStep, Ending, Failure, GateStep, GitStep, LogLine,
    Pipeline, PipelineName, PipelineStep, Reply, Reports, Run, RunHeld, RunNumber, RunParameter,
    RunWish, Status, StepName, StepRun, TestReport, Trigger, Verb,
};
use crate::model::{HostName, Timestamp, nanoseconds};

const REGISTRY: &str = "registry.corp.example/shop/web";
const DIGEST: &str = "sha256:5d0c1f2ab7e94c36a18e7c2b9f3e6d50417aa8c9e2b1d64f03957c8e1b2a6f4d";

/// The demo's pipelines.
pub fn pipelines() -> Arc<[Arc<Pipeline>]> {
    [base_images(), nightly(), restore(), web()]
        .map(Arc::new)
        .into_iter()
        .collect()
}

/// The demo's runs as they are at that moment, the newest first.
pub fn runs(now: Timestamp) -> Arc<[RunHeld]> {
    let web = Arc::new(web());
    let nightly = Arc::new(nightly());
    let base = Arc::new(base_images());
    let mut runs = vec![
        running(&web, 61, now),
        blocked(&web, 60, now),
        failed(&web, 58, now),
        canceled(&base, 57, now),
    ];
    for (number, minutes, bad) in [(59, 412, 0), (56, 1852, 3), (51, 3292, 0), (46, 4732, 1)] {
        runs.push(night(&nightly, number, minutes, bad, now));
    }
    for (number, minutes) in [(55, 1600), (54, 1900), (50, 3100), (48, 4000), (45, 5200)] {
        runs.push(done(&web, number, minutes, now));
    }
    for (number, minutes) in [(53, 2500), (47, 4500)] {
        runs.push(done(&base, number, minutes, now));
    }
    runs.sort_by_key(|held| std::cmp::Reverse(held.run.number));
    runs.into()
}

/// What a step of a run has written by then.
pub fn lines(run: &Run, step: &StepName, now: Timestamp) -> Vec<LogLine> {
    let Some((started, status)) = run
        .step(step)
        .and_then(|step| Some((step.started?, step.status)))
    else {
        return Vec::new();
    };
    let texts: &[&str] = match step.as_str() {
        "checkout" => &[
            "Cloning into '/workspace'...",
            "From https://git.corp.example/shop/web",
            " * branch            main       -> FETCH_HEAD",
            "HEAD is now at 4be81c07 Basket: prices are rounded once",
        ],
        "build" => &[
            "#1 [internal] load build definition from Dockerfile",
            "#2 [internal] load metadata for docker.io/library/node:22-alpine",
            "#5 [deps 2/3] COPY package.json package-lock.json ./",
            "#6 [deps 3/3] RUN npm ci --no-audit",
            "#6 14.21 added 812 packages in 14s",
            "#8 [build 2/2] RUN npm run build",
            "#8 9.870 vite v5.4.2 building for production...",
            "#8 21.04 dist/assets/index-BfQ2kL.js   412.88 kB | gzip: 128.31 kB",
            "#9 exporting to image",
            "#9 pushing registry.corp.example/shop/web:4be81c07",
        ],
        name if name.starts_with("unit") => &[
            "> web@3.8.0 test",
            "> vitest run --reporter=junit",
            " RUN  v2.1.1 /workspace",
            " ok src/basket.test.ts (41 tests) 812ms",
            " ok src/prices.test.ts (96 tests) 1204ms",
            " ok src/session.test.ts (33 tests) 377ms",
        ],
        "e2e" if status == Status::Failure => &[
            "running 64 tests in 4 browsers",
            "ok    login > remembers where somebody came from",
            "ok    search > finds an article by its number",
            "FAIL  basket > keeps its articles after a login",
            "      expected 3 articles, found 0",
            "      at tests/basket.spec.ts:118:7",
            "FAIL  checkout > takes a voucher once",
            "      timeout of 30000 ms: waiting for '#voucher-accepted'",
            "62 passed, 2 failed",
        ],
        _ => &[
            "level=info msg=\"begins\" app=web environment=stage",
            "level=info msg=\"waits for health\" replica=1",
            "level=info msg=\"healthy\" replica=1 after=4.1s",
            "level=warn msg=\"slow answer\" path=/search took=912ms",
            "level=info msg=\"waits for health\" replica=2",
        ],
    };
    let lines = texts.iter().zip(0..).map(|(text, at)| LogLine {
        at: nanoseconds(started) + at * 1_300_000_000,
        error: text.starts_with("FAIL"),
        text: (*text).to_owned(),
    });
    lines.filter(|line| line.at <= nanoseconds(now)).collect()
}

fn name(text: &str) -> StepName {
    // All names here fit; another would be seen at once.
    text.parse().unwrap_or_else(|_| unreachable!("{text}"))
}

fn pipeline(text: &str, steps: Vec<PipelineStep>) -> Pipeline {
    let name: PipelineName = text.parse().unwrap_or_else(|_| unreachable!("{text}"));
    Pipeline {
        when: vec![Trigger::Manual],
        hosts: vec!["group:build".to_owned()],
        ..Pipeline::new(name, steps)
    }
}

fn step(text: &str, verb: Verb, after: &[&str]) -> PipelineStep {
    PipelineStep {
        after: after.iter().map(|one| name(one)).collect(),
        ..PipelineStep::new(name(text), verb)
    }
}

fn commands(image: &str, commands: &[&str]) -> Verb {
    Verb::Commands {
        image: image.to_owned(),
        commands: commands.iter().map(|one| (*one).to_owned()).collect(),
    }
}

fn junit(mut step: PipelineStep, suite: &str) -> PipelineStep {
    step.reports = Some(Reports {
        junit: Some("reports/*.xml".to_owned()),
        metrics: None,
        suite: Some(suite.to_owned()),
        environment: None,
        image: None,
    });
    step
}

fn deploy(environment: &str) -> Verb {
    Verb::Deploy(Box::new(DeployStep {
        app: "web".to_owned(),
        environment: Some(environment.to_owned()),
        images: BTreeMap::from([("web".to_owned(), format!("{REGISTRY}:${{COMMIT}}"))]),
        hosts: Vec::new(),
        template: None,
        file: Some("compose.yaml".to_owned()),
        set: BTreeMap::new(),
        canary: if environment == "prod" {
            vec![10, 50]
        } else {
            Vec::new()
        },
        every: None,
        requests: None,
    }))
}

/// From a commit to production.
fn web() -> Pipeline {
    let git = GitStep {
        url: "https://git.corp.example/shop/web".to_owned(),
        reference: None,
    };
    let build = BuildStep {
        context: ".".to_owned(),
        dockerfile: None,
        tag: format!("{REGISTRY}:${{COMMIT}}"),
        args: BTreeMap::new(),
        target: None,
        push: true,
    };
    let unit = |version: &str| {
        let verb = commands(&format!("node:{version}-alpine"), &["npm ci", "npm test"]);
        let mut one = junit(
            step(&format!("unit-{version}"), verb, &["checkout"]),
            "unit",
        );
        one.cell = BTreeMap::from([("NODE".to_owned(), version.to_owned())]);
        one
    };
    let gate = GateStep {
        suite: "e2e".to_owned(),
        environment: Some("stage".to_owned()),
        consecutive: 3,
        pass_rate: 100,
        skipped_pass: false,
        limits: Vec::new(),
        same_digest: true,
        wait: true,
    };
    let approval = ApprovalStep {
        people: vec!["eve".to_owned(), "ops-lead".to_owned()],
        environment: None,
        count: 1,
        expires: Duration::from_hours(24),
    };
    let mut e2e = junit(
        step(
            "e2e",
            commands("playwright:v1.47", &["npx playwright test"]),
            &["stage"],
        ),
        "e2e",
    );
    e2e.retries = 1;
    e2e.artifacts = vec!["traces/*.zip".to_owned()];
    let mut tell = step(
        "tell",
        commands("curlimages/curl", &["./tell.sh"]),
        &["prod"],
    );
    tell.on = vec![Ending::Success, Ending::Failure];
    let lint = step(
        "lint",
        commands("node:22-alpine", &["npm run lint"]),
        &["checkout"],
    );
    let stage = ["build", "lint", "unit-20", "unit-22"];
    let steps = vec![
        step("checkout", Verb::Git(git), &[]),
        step("build", Verb::Build(build), &["checkout"]),
        lint,
        unit("20"),
        unit("22"),
        step("stage", deploy("stage"), &stage),
        e2e,
        step("gate", Verb::Gate(gate), &["e2e"]),
        step("approve", Verb::Approval(approval), &["gate"]),
        step("prod", deploy("prod"), &["approve"]),
        tell,
    ];
    Pipeline {
        when: vec![Trigger::Push {
            url: "https://git.corp.example/shop/web".to_owned(),
            branch: "main".to_owned(),
            every: Duration::from_mins(1),
        }],
        parameters: vec![
            RunParameter {
                name: "BRANCH".to_owned(),
                default: Some("main".to_owned()),
                choices: Vec::new(),
            },
            RunParameter {
                name: "LOG_LEVEL".to_owned(),
                default: Some("info".to_owned()),
                choices: ["debug", "info", "warn"].map(str::to_owned).to_vec(),
            },
            RunParameter {
                name: "TICKET".to_owned(),
                default: None,
                choices: Vec::new(),
            },
        ],
        ..pipeline("web-release", steps)
    }
}

fn nightly() -> Pipeline {
    let steps = vec![
        step("stage", deploy("stage"), &[]),
        junit(
            step(
                "e2e",
                commands("playwright:v1.47", &["npx playwright test"]),
                &["stage"],
            ),
            "e2e",
        ),
    ];
    Pipeline {
        when: vec![Trigger::Cron {
            cron: "30 2 * * *".to_owned(),
        }],
        ..pipeline("nightly-e2e", steps)
    }
}

fn base_images() -> Pipeline {
    let build = |context: &str| {
        Verb::Build(BuildStep {
            context: context.to_owned(),
            dockerfile: None,
            tag: format!("registry.corp.example/base/{context}:latest"),
            args: BTreeMap::new(),
            target: None,
            push: true,
        })
    };
    let steps = vec![
        step("node", build("node"), &[]),
        step("python", build("python"), &[]),
        step(
            "scan",
            commands("aquasec/trivy", &["./scan.sh"]),
            &["node", "python"],
        ),
    ];
    Pipeline {
        when: vec![Trigger::Image {
            image: "docker.io/library/debian:12".to_owned(),
            every: Duration::from_hours(1),
        }],
        ..pipeline("base-images", steps)
    }
}

/// One that nobody has started yet.
fn restore() -> Pipeline {
    let verify = Verb::Run("volume verify pgdata@db-1".to_owned());
    pipeline("restore-check", vec![step("verify", verify, &[])])
}

fn before(now: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_second(now.as_second() - seconds).unwrap_or(now)
}

fn held(run: Run) -> RunHeld {
    RunHeld {
        seconds_left: if run.status.is_over() { 0 } else { 24 },
        worker: "wharf-worker@ops-2".to_owned(),
        wish: RunWish::Go,
        run,
    }
}

/// A run that began so many seconds ago and has done its first steps.
fn begun(
    of: &Arc<Pipeline>,
    number: u64,
    cause: Cause,
    seconds: i64,
    done: usize,
    now: Timestamp,
) -> Run {
    let by = match &cause {
        Cause::Manual => "ann@ops-1",
        _ => "worker@ops-2",
    };
    let mut run = Run::new(of.clone(), cause, by.to_owned(), before(now, seconds + 3));
    run.number = RunNumber(number);
    run.started = Some(before(now, seconds));
    run.status = Status::Running;
    run.host = Some(HostName::new("build-1"));
    run.variables = BTreeMap::from([
        ("BRANCH".to_owned(), "main".to_owned()),
        (
            "COMMIT".to_owned(),
            format!("4be81c{number:02}", number = number % 100),
        ),
        (
            "LOG_LEVEL".to_owned(),
            if number.is_multiple_of(2) {
                "info"
            } else {
                "debug"
            }
            .to_owned(),
        ),
    ]);
    let columns = run.pipeline.columns();
    let columns: Vec<i64> = run
        .pipeline
        .steps
        .iter()
        .map(|step| i64::try_from(columns[&step.name]).unwrap_or(0))
        .collect();
    let (mut at, mut longest, mut here) = (seconds, 0, 0);
    for (place, step) in run.steps.iter_mut().enumerate().take(done) {
        // What stands in one column goes on at the same time.
        if columns[place] != here {
            (at, longest, here) = (at - longest, 0, columns[place]);
        }
        let took = length(&step.name, number);
        longest = longest.max(took);
        end(step, at, took, now);
    }
    run
}

/// How long a step takes, in seconds.
fn length(step: &StepName, number: u64) -> i64 {
    let more = i64::try_from(number % 7).unwrap_or(0);
    match step.as_str() {
        "checkout" => 4,
        "build" | "node" | "python" => 48 + more,
        "e2e" => 164 + more * 3,
        "stage" | "prod" => 31 + more,
        "lint" => 12,
        _ => 22 + more,
    }
}

fn end(step: &mut StepRun, at: i64, took: i64, now: Timestamp) {
    step.status = Status::Success;
    step.attempt = 1;
    step.started = Some(before(now, at));
    step.ended = Some(before(now, at - took));
    if step.name.as_str().starts_with("unit") {
        step.report = Some(report(170, 0, 2));
    }
    if step.name.as_str() == "e2e" {
        step.report = Some(report(64, 0, 0));
        step.artifacts = vec![("traces/chromium.zip".to_owned(), 4_812_331)];
    }
}

fn report(tests: u32, failures: u32, skipped: u32) -> TestReport {
    let texts = [
        (
            "basket",
            "keeps its articles after a login",
            "expected 3 articles, found 0\n    at tests/basket.spec.ts:118:7",
        ),
        (
            "checkout",
            "takes a voucher once",
            "timeout of 30000 ms: waiting for '#voucher-accepted'\n    at tests/checkout.spec.ts:44:3",
        ),
        (
            "search",
            "finds nothing for nonsense",
            "expected 0 articles, found 12\n    at tests/search.spec.ts:71:5",
        ),
    ];
    let failed = texts
        .into_iter()
        .take(usize::try_from(failures).unwrap_or(0));
    TestReport {
        tests,
        failures,
        errors: 0,
        skipped,
        metrics: BTreeMap::new(),
        milliseconds: u64::from(tests) * 420,
        failed: failed
            .map(|(class, name, text)| Failure {
                class: class.to_owned(),
                name: name.to_owned(),
                text: text.to_owned(),
            })
            .collect(),
    }
}

fn push(commit: &str) -> Cause {
    Cause::Push {
        branch: "main".to_owned(),
        commit: commit.to_owned(),
    }
}

fn running(of: &Arc<Pipeline>, number: u64, now: Timestamp) -> RunHeld {
    let mut run = begun(of, number, push("4be81c0761aa"), 44, 1, now);
    for at in 1..=4 {
        let step = &mut run.steps[at];
        step.status = Status::Running;
        step.attempt = 1;
        step.started = Some(before(now, 40));
    }
    end(&mut run.steps[2], 40, 12, now);
    end(&mut run.steps[3], 40, 27, now);
    run.detail = String::from("2 of 11 steps go on");
    held(run)
}

fn blocked(of: &Arc<Pipeline>, number: u64, now: Timestamp) -> RunHeld {
    let mut run = begun(of, number, push("91d2f0aa8f10"), 1980, 8, now);
    run.status = Status::Blocked;
    run.detail = String::from("approve waits for people");
    let step = &mut run.steps[8];
    step.status = Status::Blocked;
    step.attempt = 1;
    step.started = Some(before(now, 1660));
    step.digest = Some(DIGEST.to_owned());
    step.detail = String::from("asks whether the image that passed e2e goes to prod");
    held(run)
}

fn failed(of: &Arc<Pipeline>, number: u64, now: Timestamp) -> RunHeld {
    let mut run = begun(of, number, Cause::Manual, 7300, 7, now);
    run.status = Status::Failure;
    run.detail = String::from("e2e: 2 of 64 tests failed");
    run.ended = Some(before(now, 7300 - 395));
    let step = &mut run.steps[6];
    step.status = Status::Failure;
    step.attempt = 2;
    step.detail = String::from("exit code 1: 2 of 64 tests failed");
    step.report = Some(report(64, 2, 0));
    step.artifacts
        .push(("traces/firefox.zip".to_owned(), 5_120_004));
    for step in &mut run.steps[7..] {
        step.status = Status::Skipped;
        step.detail = String::from("e2e failed before it");
    }
    held(run)
}

fn canceled(of: &Arc<Pipeline>, number: u64, now: Timestamp) -> RunHeld {
    let cause = Cause::Image {
        image: "docker.io/library/debian:12".to_owned(),
        digest: DIGEST.to_owned(),
    };
    let mut run = begun(of, number, cause, 9000, 1, now);
    run.status = Status::Canceled;
    run.detail = String::from("canceled by bob@ops-1");
    run.ended = Some(before(now, 9000 - 61));
    for step in &mut run.steps[1..] {
        step.status = Status::Canceled;
    }
    held(run)
}

fn night(of: &Arc<Pipeline>, number: u64, minutes: i64, bad: u32, now: Timestamp) -> RunHeld {
    let mut run = begun(of, number, Cause::Cron, minutes * 60, 2, now);
    run.ended = Some(before(now, minutes * 60 - 212));
    run.status = Status::Success;
    if bad > 0 {
        run.status = Status::Failure;
        run.detail = format!("e2e: {bad} of 64 tests failed");
        run.steps[1].status = Status::Failure;
        run.steps[1].detail = format!("exit code 1: {bad} of 64 tests failed");
        run.steps[1].report = Some(report(64, bad, 0));
    }
    held(run)
}

fn done(of: &Arc<Pipeline>, number: u64, minutes: i64, now: Timestamp) -> RunHeld {
    let steps = of.steps.len();
    let mut run = begun(of, number, push("77aa01c4"), minutes * 60, steps, now);
    if of.step(&name("approve")).is_some() {
        let step = &mut run.steps[8];
        step.digest = Some(DIGEST.to_owned());
        step.replies = vec![Reply {
            by: "eve@ops-3".to_owned(),
            at: before(now, minutes * 60 - 300),
            approves: true,
            reason: "release 3.8, seen on stage".to_owned(),
            digest: DIGEST.to_owned(),
        }];
    }
    run.status = Status::Success;
    run.ended = run.steps.iter().filter_map(|step| step.ended).max();
    held(run)
}
