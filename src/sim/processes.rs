//! The processes of a container, as `docker top` shows them.

use serde_json::{Value, json};

use super::clock::{self, Nanos, SECOND};
use super::container::Container;
use super::stats;

/// One process.
struct Process {
    pid: u64,
    parent: u64,
    command: String,
    share: f64,
}

/// How many processes a container has.
pub fn count(container: &Container) -> u64 {
    let most = if container.plan.load > 0.05 { 9 } else { 3 };
    1 + container.seed.of("processes").below(most)
}

fn processes(container: &Container) -> Vec<Process> {
    let first = container.pid();
    let command = container.plan.argv().join(" ");
    let word = command
        .split([' ', '/'])
        .rfind(|word| !word.starts_with('-'))
        .unwrap_or("sh");
    let child = |number| Process {
        pid: first + 7 * number,
        parent: first,
        command: format!("{word}: worker process {number}"),
        share: 1.0,
    };
    let parent = Process {
        pid: first,
        parent: first - 22,
        command: command.clone(),
        share: 0.5,
    };
    std::iter::once(parent)
        .chain((1..count(container)).map(child))
        .collect()
}

/// `GET /containers/{id}/top`: with `aux` in the arguments the BSD columns, else those of `-ef`.
pub fn top(container: &Container, host_memory: i64, arguments: &str, now: Nanos) -> Value {
    let processes = processes(container);
    let started = container.started.unwrap_or(now);
    let shares: f64 = processes.iter().map(|one| one.share).sum();
    let sample = stats::sample(container, host_memory, now);
    let table = Table {
        user: if container.plan.user.is_empty() {
            "root"
        } else {
            "10001"
        },
        clock: clock::rfc3339_seconds(started)[11..16].to_owned(),
        lived: stats::seconds((now - started).max(SECOND)),
        host_memory: stats::bytes(host_memory),
    };
    let bsd = arguments.contains("aux");
    let row = |one: &Process| {
        let part = one.share / shares;
        let (seconds, memory) = (sample.cpu_seconds() * part, sample.memory_bytes() * part);
        if bsd {
            table.bsd(one, seconds, memory)
        } else {
            table.forest(one, seconds)
        }
    };
    let rows: Vec<Value> = processes.iter().map(row).collect();
    json!({ "Processes": rows, "Titles": if bsd { &BSD_TITLES[..] } else { &TITLES[..] } })
}

const TITLES: [&str; 8] = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"];
const BSD_TITLES: [&str; 11] = [
    "USER", "PID", "%CPU", "%MEM", "VSZ", "RSS", "TTY", "STAT", "START", "TIME", "COMMAND",
];

/// What the rows of a container have in common.
struct Table {
    user: &'static str,
    /// When it began, as `HH:MM`.
    clock: String,
    /// How long it runs, in seconds.
    lived: f64,
    /// Bytes.
    host_memory: f64,
}

impl Table {
    fn forest(&self, one: &Process, seconds: f64) -> Value {
        let (pid, parent) = (one.pid.to_string(), one.parent.to_string());
        json!([
            self.user,
            pid,
            parent,
            "0",
            self.clock,
            "?",
            hours(seconds),
            one.command
        ])
    }

    fn bsd(&self, one: &Process, seconds: f64, memory: f64) -> Value {
        let cpu = format!("{:.1}", 100.0 * seconds / self.lived);
        let share = format!("{:.1}", 100.0 * memory / self.host_memory);
        let (virtual_size, resident) = (
            format!("{:.0}", memory / 512.0),
            format!("{:.0}", memory / 1024.0),
        );
        json!([
            self.user,
            one.pid.to_string(),
            cpu,
            share,
            virtual_size,
            resident,
            "?",
            "Ss",
            self.clock,
            minutes(seconds),
            one.command
        ])
    }
}

fn whole(seconds: f64) -> u64 {
    std::time::Duration::try_from_secs_f64(seconds)
        .unwrap_or_default()
        .as_secs()
}

fn hours(seconds: f64) -> String {
    let all = whole(seconds);
    format!("{:02}:{:02}:{:02}", all / 3600, all / 60 % 60, all % 60)
}

fn minutes(seconds: f64) -> String {
    let all = whole(seconds);
    format!("{}:{:02}", all / 60, all % 60)
}
