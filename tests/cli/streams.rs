//! Logs as they were and as they come; pipes that are closed.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::Stdio,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use crate::bench::{Bench, answer, interrupt};

#[test]
fn logs_are_read_one_and_many() {
    let bench = Bench::new();
    let one = bench.running("ams-1");
    let lines = bench.say(&format!("logs {one} -n 3")).ended(0);
    assert_eq!(lines.lines().len(), 3);
    assert!(!lines.out.contains(" | "));
    let many = bench.say("logs '*@ams-1' -n 2 -t").ended(0);
    let times: Vec<&str> = many
        .lines()
        .into_iter()
        .map(|line| line.split_once(" | ").unwrap().1.split(' ').next().unwrap())
        .collect();
    assert!(times.len() > 4);
    let moments: Vec<jiff::Timestamp> = times.iter().map(|time| time.parse().unwrap()).collect();
    assert!(moments.is_sorted(), "{times:?}");
    let json = bench
        .say(&format!("logs {one} -n 1 -o json"))
        .ended(0)
        .json();
    assert_eq!(json["target"], one.as_str());
    assert!(json["time"].is_string() && json["text"].is_string());
}

#[test]
fn logs_are_followed_until_interrupted() {
    let bench = Bench::new();
    let target = bench.running("ams-1");
    let line = format!("logs {target} --follow -n 0");
    let mut child = bench.command(&line).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let (name, host) = target.split_once('@').unwrap();
    let engine = bench.sim.engine(host).unwrap();
    // Said again until it is followed: nobody knows from outside when that begins.
    let is_heard = AtomicBool::new(false);
    let told = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_heard.load(Relaxed) {
                engine.log(name, false, "here I am").unwrap();
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
        });
        let mut told = String::new();
        while !told.contains("here I am") {
            told.clear();
            if out.read_line(&mut told).unwrap() == 0 {
                break;
            }
        }
        is_heard.store(true, Relaxed);
        told
    });
    assert_eq!(told.trim(), "here I am");
    interrupt(&child);
    answer(child).ended(130);
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let bench = Bench::new();
    let target = bench.running("ams-1");
    let (name, host) = target.split_once('@').unwrap();
    bench
        .sim
        .engine(host)
        .unwrap()
        .flood(name, 200_000, 1_000_000)
        .unwrap();
    let mut child = bench
        .command(&format!("logs {target} --follow"))
        .spawn()
        .unwrap();
    let mut first = [0; 64];
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut first).unwrap();
    drop(out);
    let ended = answer(child).ended(0);
    assert_eq!(ended.err, "");

    let mut command = bench.command("container list");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(answer(child).ended(0).err, "");
}

#[test]
fn what_is_wrong_with_a_log_is_told() {
    let bench = Bench::new();
    bench.say("logs nothing@ams-1").ended(3);
    bench.say("logs").ended(2);
    let target = bench.running("ams-1");
    bench
        .say(&format!("logs {target} --since yesterday"))
        .ended(2)
        .complains("write 30s, 10m");
    bench
        .say(&format!("logs {target} -n 3 --since 1m"))
        .ended(2);
}
