//! Logs as they were and as they come; pipes that are closed.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, ChildStdout, Stdio},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

use crate::bench::{Bench, answer, interrupt, until};

/// A running container, and what writes into its log.
fn writer(bench: &Bench, host: &str) -> (String, impl Fn(&str) + use<>) {
    let target = bench.running(host);
    let engine = bench.sim.engine(host).unwrap();
    let name = target.split_once('@').unwrap().0.to_owned();
    (target, move |line: &str| {
        engine.log(&name, false, line).unwrap();
    })
}

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

#[test]
fn secrets_are_masked_also_in_pipes_until_their_showing_is_recorded() {
    let bench = Bench::new();
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(bench.file())
        .unwrap();
    writeln!(file, "[logs]\nmask = ['CUST-\\d+']").unwrap();
    let (target, log) = writer(&bench, "ams-1");
    log("login of CUST-12 with password=hunter2 ok");
    let masked = "login of **** with password=**** ok";
    // The containers of the sim say more than that.
    let line = format!("logs {target} -n 60 --filter login");
    assert_eq!(bench.say(&line).ended(0).out.trim_end(), masked);
    let json = bench.say(&format!("{line} -o json")).ended(0).json();
    assert_eq!(json["text"], masked);
    let acts = || bench.say("audit list -o json").ended(0).json();
    assert_eq!(acts().as_array().unwrap().len(), 0);

    let revealed = bench
        .say(&format!("{line} --reveal --reason TICKET-1"))
        .ended(0);
    assert_eq!(
        revealed.out.trim_end(),
        "login of CUST-12 with password=hunter2 ok"
    );
    let acts = acts();
    assert_eq!(acts.as_array().unwrap().len(), 1, "{acts}");
    assert_eq!(
        acts[0]["sentence"],
        format!("logs {target} --tail 60 --filter login --reveal")
    );
    assert_eq!(acts[0]["reason"], "TICKET-1");
}

#[test]
fn secrets_are_not_shown_when_that_cannot_be_recorded() {
    let bench = Bench::new();
    let (target, log) = writer(&bench, "ams-1");
    log("password=hunter2");
    fs::write(bench.home().join(".local"), "no directory").unwrap();
    let answer = bench.say(&format!("logs {target} --reveal")).ended(1);
    assert_eq!(answer.out, "");
    answer.complains("cannot be recorded");
}

#[test]
fn lines_are_filtered_and_their_fields_chosen() {
    let bench = Bench::new();
    let (target, log) = writer(&bench, "ams-1");
    log(r#"{"level":"error","msg":"refused","req":{"id":7},"token":"abcdef1234567890"}"#);
    log("level=warn who=me msg=\"slow\" took=3s");
    log("\u{1b}[31mERROR\u{1b}[0m: plain \u{1b}[1mtext");
    let said = |more: &str| {
        bench
            .say(&format!("logs {target} -n 60 {more}"))
            .ended(0)
            .out
    };
    assert_eq!(
        said("--filter 'level:error !refused plain'"),
        "\u{1b}[31mERROR\u{1b}[0m: plain \u{1b}[1mtext\n"
    );
    assert_eq!(said("--filter '\"ERROR: plain\"'").lines().count(), 1);
    let fields = said("--fields level,req.id,msg --filter '/refused|who=me|plain/'");
    let lines: Vec<&str> = fields.lines().collect();
    assert_eq!(lines[..2], ["error\t7\trefused", "warn\t\tslow"]);
    assert!(lines[2].contains("plain"));
    assert_eq!(said("--filter refused --fields token"), "****\n");
    let json = said("--filter refused --fields level,token -o json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        json["fields"],
        serde_json::json!({"level": "error", "token": "****"})
    );
    for wrong in ["level:loud", "/(/", "stream:3"] {
        let answer = bench.say(&format!("logs {target} --filter '{wrong}'"));
        answer
            .ended(2)
            .complains(&format!("'{wrong}' is not understood"));
    }
}

/// A follower, and what it writes from the first line on.
fn following(bench: &Bench, line: &str) -> (Child, BufReader<ChildStdout>) {
    let mut child = bench.command(line).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    (child, out)
}

#[track_caller]
fn line(out: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    assert!(out.read_line(&mut line).unwrap() > 0, "it ended");
    line.trim_end().to_owned()
}

#[test]
fn lines_of_several_hosts_are_followed_in_the_order_of_time() {
    let bench = Bench::new();
    let ((one, say_one), (two, say_two)) = (writer(&bench, "ams-1"), writer(&bench, "ams-2"));
    say_one("begin");
    say_two("begin");
    let (child, mut out) = following(&bench, &format!("logs {one} {two} --follow -n 1"));
    assert!(line(&mut out).ends_with(" | begin") && line(&mut out).ends_with(" | begin"));
    let talk = thread::spawn(move || {
        for number in (0..60).step_by(2) {
            say_one(&format!("number {number}"));
            thread::sleep(Duration::from_millis(3));
            say_two(&format!("number {}", number + 1));
            thread::sleep(Duration::from_millis(3));
        }
    });
    for number in 0..60 {
        let name = if number % 2 == 0 { &one } else { &two };
        assert_eq!(line(&mut out), format!("{name} | number {number}"));
    }
    talk.join().unwrap();
    interrupt(&child);
    answer(child).ended(130);
}

#[test]
fn what_ends_is_told_while_the_others_are_followed() {
    let bench = Bench::new();
    let ((one, say_one), (two, say_two)) = (writer(&bench, "ams-1"), writer(&bench, "ams-2"));
    say_one("first");
    let filter = "--filter '/^(first|last words|goes on)$/'";
    let line_said = format!("logs {one} {two} --follow -n 60 {filter}");
    let (mut child, mut out) = following(&bench, &line_said);
    assert_eq!(line(&mut out), format!("{one} | first"));
    say_one("last words");
    let name = |target: &str| target.split_once('@').unwrap().0.to_owned();
    let first = bench.sim.engine("ams-1").unwrap();
    first.die(&name(&one), 137, true).unwrap();
    assert_eq!(line(&mut out), format!("{one} | last words"));
    say_two("goes on");
    assert_eq!(line(&mut out), format!("{two} | goes on"));
    assert!(child.try_wait().unwrap().is_none());
    let second = bench.sim.engine("ams-2").unwrap();
    second.die(&name(&two), 0, false).unwrap();
    let ended = answer(child).ended(0);
    for told in [
        format!(
            "{one}: the container ended with code 137: killed by the kernel for want of memory"
        ),
        format!("{two}: the container ended with code 0"),
    ] {
        assert!(ended.err.contains(&told), "{told}: {}", ended.err);
    }
}

#[test]
fn who_fits_later_joins_on_whatever_host() {
    let bench = Bench::new();
    let (one, two) = (bench.running("ams-1"), bench.running("ams-2"));
    let says = |name: &str, host: &str, text: &str| {
        let engine = bench.sim.engine(host).unwrap();
        engine.log(name, false, text).unwrap();
    };
    let rename = |line: String| bench.say(&line).ended(0);
    rename(format!("container rename {one} talk-1"));
    says("talk-1", "ams-1", "begin");
    let (child, mut out) = following(&bench, "logs 'talk-*@*' --follow -n 1");
    assert_eq!(line(&mut out), "begin");
    rename(format!("container rename {two} talk-2"));
    says("talk-2", "ams-2", "joined");
    let joined = std::iter::repeat_with(|| line(&mut out)).find(|line| line.contains("joined"));
    assert_eq!(joined.unwrap(), "talk-2@ams-2 | joined");
    says("talk-1", "ams-1", "still here");
    assert_eq!(line(&mut out), "talk-1@ams-1 | still here");
    interrupt(&child);
    answer(child).ended(130);
}

#[test]
fn who_has_read_enough_ends_a_follower_that_has_nothing_to_write() {
    let bench = Bench::new();
    let (target, log) = writer(&bench, "ams-1");
    log("only");
    let (child, mut out) = following(&bench, &format!("logs {target} --follow -n 1"));
    assert_eq!(line(&mut out), "only");
    drop(out);
    assert_eq!(answer(child).ended(0).err, "");
}

#[test]
fn a_reader_that_reads_nothing_does_not_keep_an_interrupt_off() {
    let bench = Bench::new();
    let (target, _) = writer(&bench, "ams-1");
    let (name, host) = target.split_once('@').unwrap();
    let engine = bench.sim.engine(host).unwrap();
    engine.flood(name, 200_000, 1_000_000).unwrap();
    let (mut child, out) = following(&bench, &format!("logs {target} --follow -n 10"));
    // The pipe is full by then.
    thread::sleep(Duration::from_secs(2));
    interrupt(&child);
    let ended = std::cell::Cell::new(None);
    let child_ended = std::cell::RefCell::new(&mut child);
    until("it ends", || {
        let status = child_ended.borrow_mut().try_wait().unwrap();
        ended.set(status);
        status.is_some()
    });
    assert_eq!(ended.get().and_then(|status| status.code()), Some(130));
    drop(out);
}
