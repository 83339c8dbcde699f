//! What there is to know of a step and of its run: what it does, how it is, who is asked, what its tests said.

use crate::{
    model::{
        Timestamp, ago, bytes,
        pipeline::{Board, PipelineStep, Reply, Run, RunHeld, RunWish, StepName, StepRun, Verb},
        span,
    },
    ops::column::{Tone, status_glyph, status_tone, took},
    ui::widget::line::{Ink, Line, field, heading},
};

/// Cells of the names of values.
const LABELS: usize = 11;
/// So many runs are seen in a trend.
const TREND: usize = 8;
/// So many lines are seen of what a test said.
const SAID: usize = 6;

/// Lines, and what they are made for.
struct Sheet {
    lines: Vec<Line>,
    cells: usize,
    now: Timestamp,
    ascii: bool,
}

impl Sheet {
    fn say(&mut self, label: &str, value: &str, ink: Ink) {
        if !value.is_empty() {
            let lines = field(label, value, ink, LABELS, self.cells);
            self.lines.extend(lines);
        }
    }

    fn head(&mut self, title: &str, more: &str) {
        if !self.lines.is_empty() {
            self.lines.push(Line::new());
        }
        self.lines.push(heading(title, more, self.cells));
    }
}

/// The lines of a step of a run, and of the run.
pub fn lines(
    board: &Board,
    held: &RunHeld,
    step: Option<&StepName>,
    now: Timestamp,
    ascii: bool,
    cells: usize,
) -> Vec<Line> {
    let mut sheet = Sheet {
        lines: Vec::new(),
        cells,
        now,
        ascii,
    };
    let run = &held.run;
    let both = step.and_then(|name| Some((run.pipeline.step(name)?, run.step(name)?)));
    if let Some((says, is)) = both {
        of_state(&mut sheet, is);
        of_approval(&mut sheet, says, is);
        of_tests(&mut sheet, board, run, is);
        of_step(&mut sheet, run, says, is);
        of_artifacts(&mut sheet, is);
    }
    of_run(&mut sheet, held);
    sheet.lines
}

fn of_state(sheet: &mut Sheet, is: &StepRun) {
    let glyph = status_glyph(is.status, sheet.ascii);
    let ink = Ink::Tone(status_tone(is.status));
    let status = format!("{glyph} {}", is.status.word());
    sheet.say("status", &status, ink);
    sheet.say("detail", &is.detail, Ink::PLAIN);
}

fn of_step(sheet: &mut Sheet, run: &Run, says: &PipelineStep, is: &StepRun) {
    sheet.head("Step", says.verb.word());
    sheet.say("does", &does(&says.verb), Ink::Tone(Tone::Accent));
    let cell: Vec<String> = says.cell.iter().map(|(k, v)| format!("{k}={v}")).collect();
    sheet.say("matrix", &cell.join(" "), Ink::PLAIN);
    let after: Vec<&str> = says.after.iter().map(StepName::as_str).collect();
    sheet.say("after", &after.join(", "), Ink::PLAIN);
    if is.attempt > 0 {
        let tries = format!("{} of {}", is.attempt, says.retries + 1);
        let ink = if is.attempt > 1 {
            Ink::WARN
        } else {
            Ink::PLAIN
        };
        sheet.say("try", &tries, ink);
    }
    if let Some(started) = is.started {
        let length = is.milliseconds(sheet.now).map(took).unwrap_or_default();
        let verb = if is.ended.is_some() { "took" } else { "for" };
        let began = format!("{} ago, {verb} {length}", ago(sheet.now, started));
        sheet.say("began", &began, Ink::PLAIN);
    }
    let place = run.host.as_ref().filter(|_| is.attempt > 0);
    sheet.say("host", place.map_or("", |host| host.as_str()), Ink::PLAIN);
    let secrets: Vec<&str> = says.secrets.keys().map(String::as_str).collect();
    sheet.say("secrets", &secrets.join(", "), Ink::FAINT);
}

/// What a step does, in a few words.
fn does(verb: &Verb) -> String {
    match verb {
        Verb::Commands { image, commands } => {
            let mut lines = vec![format!("commands in {image}")];
            lines.extend(commands.iter().map(|one| format!("$ {one}")));
            lines.join("\n")
        }
        Verb::Git(git) => {
            let reference = git.reference.as_deref().unwrap_or("what started the run");
            format!("git {} at {reference}", git.url)
        }
        Verb::Build(build) => {
            let push = if build.push { " and push" } else { "" };
            format!("build {} of {}{push}", build.tag, build.context)
        }
        Verb::Promote(one) => format!("promote {} from {} to {}", one.image, one.from, one.to),
        Verb::Deploy(deploy) => {
            let place = deploy.environment.as_deref().unwrap_or("its hosts");
            let shares: Vec<String> = deploy.canary.iter().map(|one| format!("{one} %")).collect();
            let gray = if shares.is_empty() {
                String::new()
            } else {
                format!(", first to {}", shares.join(", "))
            };
            format!("deploy {} to {place}{gray}", deploy.app)
        }
        Verb::Gate(gate) => {
            let place = gate.environment.as_deref().unwrap_or("any environment");
            let same = if gate.same_digest {
                " with the image of this run"
            } else {
                ""
            };
            format!(
                "gate: the last {} of {} in {place} passed {} %{same}",
                gate.consecutive, gate.suite, gate.pass_rate
            )
        }
        Verb::Approval(one) => match (one.people.len(), one.count) {
            (0, count) => format!("approval of {count} but whoever started it"),
            (_, count) => format!("approval of {count} of {}", one.people.join(", ")),
        },
        Verb::Notify(one) => format!("tell {}", one.to.join(", ")),
        Verb::Run(sentence) => format!("wharf {sentence}"),
        Verb::Jenkins(build) => {
            let mut lines = vec![format!("build {}@{}", build.job, build.server)];
            let given = build.params.iter();
            lines.extend(given.map(|(name, value)| format!("{name}={value}")));
            lines.join("\n")
        }
    }
}

fn of_approval(sheet: &mut Sheet, says: &PipelineStep, is: &StepRun) {
    let Verb::Approval(approval) = &says.verb else {
        return;
    };
    let given = is.replies.iter().filter(|reply| counts(reply, is));
    let given = given.filter(|reply| reply.approves).count();
    sheet.head("Approval", &format!("{given} of {}", approval.count));
    let people = if approval.people.is_empty() {
        "anybody but who started it".to_owned()
    } else {
        approval.people.join(", ")
    };
    sheet.say("asked", &people, Ink::PLAIN);
    if let Some(started) = is.started.filter(|_| !is.status.is_over()) {
        let expires = i64::try_from(approval.expires.as_secs()).unwrap_or(i64::MAX);
        let left = started
            .as_second()
            .saturating_add(expires)
            .saturating_sub(sheet.now.as_second());
        let ink = if left < 3600 { Ink::WARN } else { Ink::PLAIN };
        sheet.say("until", &format!("{} from now", span(left)), ink);
    }
    sheet.say("digest", is.digest.as_deref().unwrap_or(""), Ink::PLAIN);
    if is.replies.is_empty() {
        sheet.say("replies", "none yet", Ink::FAINT);
    }
    for (at, reply) in is.replies.iter().enumerate() {
        let label = if at == 0 { "replies" } else { "" };
        let (sign, ink) = if !counts(reply, is) {
            ("·", Ink::FAINT)
        } else if reply.approves {
            ("✓", Ink::GOOD)
        } else {
            ("✕", Ink::BAD)
        };
        let mut text = format!("{sign} {}, {} ago", reply.by, ago(sheet.now, reply.at));
        if !reply.reason.is_empty() {
            text = format!("{text}: {}", reply.reason);
        }
        if !counts(reply, is) {
            text.push_str(" (to another digest: it counts for nothing)");
        }
        sheet.say(label, &text, ink);
    }
}

/// Whether a reply is one to what is asked now.
fn counts(reply: &Reply, is: &StepRun) -> bool {
    is.digest.as_ref() == Some(&reply.digest)
}

fn of_tests(sheet: &mut Sheet, board: &Board, run: &Run, is: &StepRun) {
    let Some(report) = &is.report else { return };
    sheet.head("Tests", &took(report.milliseconds));
    let bad = report.failures + report.errors;
    let ink = if bad > 0 { Ink::BAD } else { Ink::GOOD };
    sheet.say("result", &report.words(), ink);
    let mut label = "trend";
    let earlier = board
        .runs_of(run.name())
        .filter(|held| held.run.number <= run.number);
    let earlier = earlier.filter_map(|held| {
        let report = held.run.step(&is.name)?.report.as_ref()?;
        Some((held.run.number, report))
    });
    let earlier: Vec<_> = earlier.take(TREND + 1).collect();
    for (at, (number, report)) in earlier.iter().enumerate().take(TREND) {
        let bad = report.failures + report.errors;
        let before = earlier.get(at + 1);
        let before = before.map(|(_, report)| report.failures + report.errors);
        let change = match before {
            Some(before) if bad > before => format!("  ▲ {} more failed", bad - before),
            Some(before) if bad < before => format!("  ▼ {} fewer failed", before - bad),
            Some(_) | None => String::new(),
        };
        let ink = if bad > 0 { Ink::WARN } else { Ink::PLAIN };
        let text = format!("{:>5} {}{change}", number.to_string(), report.words());
        sheet.say(label, &text, ink);
        label = "";
    }
    for failure in &report.failed {
        let name = if failure.class.is_empty() {
            failure.name.clone()
        } else {
            format!("{}: {}", failure.class, failure.name)
        };
        sheet.say("failed", &name, Ink::BAD);
        for line in failure.text.lines().take(SAID) {
            sheet.say("", line, Ink::FAINT);
        }
    }
    let more = usize::try_from(bad)
        .unwrap_or(0)
        .saturating_sub(report.failed.len());
    if more > 0 {
        sheet.say("", &format!("{more} more failed"), Ink::FAINT);
    }
}

fn of_artifacts(sheet: &mut Sheet, is: &StepRun) {
    if is.artifacts.is_empty() {
        return;
    }
    sheet.head("Artifacts", "");
    for (name, length) in &is.artifacts {
        let text = format!("{name}, {}", bytes(*length));
        sheet.say("", &text, Ink::PLAIN);
    }
}

fn of_run(sheet: &mut Sheet, held: &RunHeld) {
    let run = &held.run;
    sheet.head(&format!("Run {}", run.number), run.name().as_str());
    let glyph = status_glyph(run.status, sheet.ascii);
    let status = format!("{glyph} {}", run.status.word());
    sheet.say("status", &status, Ink::Tone(status_tone(run.status)));
    sheet.say("detail", &run.detail, Ink::PLAIN);
    if held.wish == RunWish::Cancel && !run.status.is_over() {
        sheet.say("wish", "somebody wants it to end", Ink::WARN);
    }
    sheet.say(
        "cause",
        &format!("{}, by {}", run.cause, run.by),
        Ink::PLAIN,
    );
    let created = run.created.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    sheet.say("asked for", &created, Ink::PLAIN);
    let length = run.milliseconds(sheet.now).map(took).unwrap_or_default();
    sheet.say("took", &length, Ink::PLAIN);
    sheet.say(
        "host",
        run.host.as_ref().map_or("", |host| host.as_str()),
        Ink::PLAIN,
    );
    let lost = !run.status.is_over() && !held.worker.is_empty() && held.seconds_left <= 0;
    let (worker, ink) = if lost {
        let text = format!("{} is not heard of; the next worker goes on", held.worker);
        (text, Ink::WARN)
    } else {
        (held.worker.clone(), Ink::PLAIN)
    };
    sheet.say("worker", &worker, ink);
    for (at, (name, value)) in run.variables.iter().enumerate() {
        let label = if at == 0 { "variables" } else { "" };
        sheet.say(label, &format!("{name}={value}"), Ink::PLAIN);
    }
}
