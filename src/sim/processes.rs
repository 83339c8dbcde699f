//! The processes of a container, as `docker top` shows them.

use serde_json::{Value, json};

use super::clock::{Nanos, SECOND};
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
    let user = if container.plan.user.is_empty() {
        "root"
    } else {
        "10001"
    };
    let clock = super::clock::rfc3339_seconds(started)[11..16].to_owned();
    let rows: Vec<Value> = processes
        .iter()
        .map(|one| {
            let part = one.share / shares;
            let seconds = sample.cpu_seconds() * part;
            let memory = sample.memory_bytes() * part;
            if arguments.contains("aux") {
                let lived = stats::seconds((now - started).max(SECOND));
                let percent = 100.0 * memory / stats::bytes(host_memory);
                json!([
                    user,
                    one.pid.to_string(),
                    format!("{:.1}", 100.0 * seconds / lived),
                    format!("{percent:.1}"),
                    format!("{:.0}", memory / 512.0),
                    format!("{:.0}", memory / 1024.0),
                    "?",
                    "Ss",
                    clock,
                    minutes(seconds),
                    one.command
                ])
            } else {
                json!([
                    user,
                    one.pid.to_string(),
                    one.parent.to_string(),
                    "0",
                    clock,
                    "?",
                    hours(seconds),
                    one.command
                ])
            }
        })
        .collect();
    let titles: &[&str] = if arguments.contains("aux") {
        &[
            "USER", "PID", "%CPU", "%MEM", "VSZ", "RSS", "TTY", "STAT", "START", "TIME", "COMMAND",
        ]
    } else {
        &["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    };
    json!({ "Processes": rows, "Titles": titles })
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
