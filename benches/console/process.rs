//! What the kernel says of a process and of those it started.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// Puts a process before all others of the machine, where that is allowed: who measures beside other work measures itself.
pub fn favour(pid: u32) {
    // Without the right to it the figures are those of a machine as busy as it is.
    let _ = Command::new("renice")
        .args(["-n", "-20", "-p", &pid.to_string()])
        .output();
    let _ = fs::write(format!("/proc/{pid}/autogroup"), "-20");
}

/// The process and all its descendants.
fn tree(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut at = 0;
    while let Some(one) = all.get(at).copied() {
        let tasks = fs::read_dir(format!("/proc/{one}/task"))
            .into_iter()
            .flatten()
            .flatten();
        let children =
            tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        let found: Vec<u32> = children
            .flat_map(|text| {
                text.split_whitespace()
                    .filter_map(|pid| pid.parse().ok())
                    .collect::<Vec<_>>()
            })
            .collect();
        all.extend(found);
        at += 1;
    }
    all
}

/// Whether it still has processes besides itself.
pub fn has_children(pid: u32) -> bool {
    tree(pid).len() > 1
}

/// Seconds of processor that the tree took so far.
pub fn cpu(pid: u32) -> f64 {
    tree(pid)
        .into_iter()
        .map(|one| ticks(one).max(nanoseconds(one)))
        .sum()
}

/// By the kernel's accounting: hundredths of a second, ended threads included.
fn ticks(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .collect();
    let field = |at: usize| {
        fields
            .get(at)
            .and_then(|text| text.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    (field(11) + field(12)) / 100.0
}

/// By the scheduler: nanoseconds, living threads only.
fn nanoseconds(pid: u32) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let of = |task: fs::DirEntry| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    };
    tasks.filter_map(of).sum::<f64>() / 1e9
}

/// A figure in kilobytes of `/proc/PID/FILE`, summed over the tree, in megabytes of 2^20.
fn megabytes(pid: u32, file: &str, field: &str) -> f64 {
    let of = |one: u32| {
        let text = fs::read_to_string(format!("/proc/{one}/{file}")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(field))?;
        line.trim_start_matches(':')
            .split_whitespace()
            .next()?
            .parse::<f64>()
            .ok()
    };
    tree(pid).into_iter().filter_map(of).sum::<f64>() / 1024.0
}

/// The memory that is its own, with its share of what it has in common with others.
pub fn pss(pid: u32) -> f64 {
    megabytes(pid, "smaps_rollup", "Pss")
}

/// The most memory it ever had.
pub fn peak(pid: u32) -> f64 {
    megabytes(pid, "status", "VmHWM")
}

/// How many connections a socket has.
pub fn connections(socket: &Path) -> usize {
    let path = socket.to_string_lossy().into_owned();
    let all = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let is_connected =
        |line: &&str| line.ends_with(&path) && line.split_whitespace().nth(5) == Some("03");
    all.lines().filter(is_connected).count()
}

/// Who listens on the socket of a real engine, with the processes it started: dockerd and its containerd.
pub fn listeners(socket: &Path) -> Vec<u32> {
    let output = Command::new("ss").args(["-xlpH"]).output();
    let text = output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    let path = socket.to_string_lossy().into_owned();
    let pids: BTreeSet<u32> = text
        .lines()
        .filter(|line| line.split_whitespace().any(|word| word == path))
        .filter_map(|line| line.split("pid=").nth(1)?.split(',').next()?.parse().ok())
        .collect();
    pids.into_iter().collect()
}
