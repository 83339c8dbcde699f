//! Acts: looked at, confirmed, done, recorded, refused.

use std::{fs, process::Child, thread, time::Duration};

use wharf::sim::{Api, Faults, Spec};

use crate::bench::{Bench, answer, interrupt, until};

#[test]
fn a_dry_run_says_all_and_does_nothing() {
    let bench = Bench::new();
    let target = bench.running("ams-1");
    let before = bench.container(&target);
    let told = bench
        .say(&format!("container stop {target} --dry-run"))
        .ended(0);
    assert!(
        told.out.starts_with(&format!("Stop {target}\n")),
        "{told:?}"
    );
    assert!(
        told.out
            .contains(&format!("sentence: wharf container stop {target}"))
    );
    assert!(told.out.contains("same as: docker -H unix://"), "{told:?}");
    let plan = bench
        .say(&format!("container stop {target} --dry-run -o json"))
        .ended(0)
        .json();
    assert_eq!(plan["danger"], "disrupts");
    assert_eq!(plan["confirm"], "ask");
    assert_eq!(plan["targets"][0], target.as_str());
    assert_eq!(bench.container(&target)["state"], before["state"]);
    assert_eq!(
        bench.say("audit list -o json").ended(0).json(),
        serde_json::json!([])
    );
}

#[test]
fn an_act_is_not_done_unconfirmed() {
    let bench = Bench::new();
    let target = bench.running("ams-1");
    bench
        .say(&format!("container restart {target}"))
        .ended(3)
        .complains("look at it with --dry-run, then say --yes");
    bench
        .say(&format!("container remove --force {target} --yes"))
        .ended(3)
        .complains("say --confirm 'prod'");
    bench
        .say(&format!(
            "container remove --force {target} --confirm stage"
        ))
        .ended(3);
    assert_eq!(bench.container(&target)["state"], "running");
    bench
        .say(&format!("container remove --force {target} --confirm prod"))
        .ended(0);
    let left = bench.say("container list -o name host:ams-1").ended(0);
    assert!(!left.lines().contains(&target.as_str()));
}

#[test]
fn acts_are_recorded_with_who_what_why_and_how_it_ended() {
    let bench = Bench::new();
    let targets = [bench.running("ams-1"), bench.running("ams-3")].join(" ");
    let line = format!("container restart {targets} --grace 0 --yes --reason 'new certificate'");
    let done = bench.say(&line).ended(0);
    assert_eq!(done.lines().len(), 3, "{done:?}");
    assert_eq!(done.lines()[2], "operation 1 is done");
    let acts = bench.say("audit list -o json").ended(0).json();
    let act = &acts[0];
    assert_eq!(act["number"], 1);
    assert_eq!(
        act["sentence"],
        format!("container restart {targets} --grace 0")
    );
    assert_eq!(act["targets"].as_array().unwrap().len(), 2);
    assert_eq!(act["reason"], "new certificate");
    assert_eq!(act["outcome"], "done");
    assert_eq!(act["through"], "shell");
    assert!(!act["operator"].as_str().unwrap().is_empty());
    assert!(act["duration_ms"].is_u64());
    let whole = bench.say("audit verify").ended(0);
    assert!(
        whole.out.starts_with("the log is whole: 2 entries"),
        "{whole:?}"
    );
}

#[test]
fn the_sentence_in_the_log_can_be_said_again() {
    let bench = Bench::new();
    let line = "container pause '*@ams-1' --yes -o json";
    let done = bench.say(line).ended(0).json();
    let sentence = done["sentence"].as_str().unwrap().to_owned();
    assert!(!sentence.contains('*'), "{sentence}");
    bench.say("container unpause '*@ams-1'").ended(0);
    let again = bench
        .say(&format!("{sentence} --yes -o json"))
        .ended(0)
        .json();
    assert_eq!(again["sentence"], sentence.as_str());
}

#[test]
fn every_act_on_a_container_does_what_it_says() {
    let bench = Bench::new();
    let target = bench.running("ams-3");
    let (name, host) = target.split_once('@').unwrap();
    let state = |expected: &str| assert_eq!(bench.container(&target)["state"], expected);
    for (verb, after) in [
        ("pause", "paused"),
        ("unpause", "running"),
        ("stop --grace 0", "exited"),
        ("start", "running"),
        ("kill --signal KILL", "exited"),
        ("restart --grace 0", "running"),
    ] {
        bench
            .say(&format!("container {verb} {target} --yes"))
            .ended(0);
        state(after);
    }
    bench
        .say(&format!("container rename {target} {name}-b"))
        .ended(0);
    let renamed = format!("{name}-b@{host}");
    assert_eq!(bench.container(&renamed)["state"], "running");
    bench
        .say(&format!("container remove {renamed}"))
        .ended(3)
        .complains("say --force");
    bench
        .say(&format!("container remove -f -v {renamed} --yes"))
        .ended(0);
    bench
        .say(&format!("container stop {renamed} --yes"))
        .ended(3);
    let acts = bench.say("audit list -o json").ended(0).json();
    assert_eq!(acts.as_array().unwrap().len(), 8);
}

#[test]
fn what_is_as_wanted_is_left_out_and_said() {
    let bench = Bench::new();
    let target = bench.running("ams-1");
    bench
        .say(&format!("container stop {target} --yes --grace 0"))
        .ended(0);
    let done = bench.say("container start '*@ams-1' -o json").ended(0);
    assert!(done.err.contains("already runs"), "{done:?}");
    assert_eq!(done.json()["steps"][0]["target"], target.as_str());
    bench
        .say("container start '*@ams-1'")
        .ended(3)
        .complains("none of the 6 targets");
}

#[test]
fn a_failed_step_is_told_and_the_others_are_done() {
    let bench = Bench::new();
    let targets = [bench.running("ams-1"), bench.running("ams-2")];
    bench.sim.set_faults(
        "ams-2",
        Faults {
            latency: Duration::from_millis(900),
            ..Faults::default()
        },
    );
    let line = format!(
        "container stop {} --grace 0 --yes -o json",
        targets.join(" ")
    );
    let child = bench.command(&line).spawn().unwrap();
    until("the act has begun", || {
        let acts = bench.say("audit list -o json").json();
        acts[0]["outcome"] == "running"
    });
    let gone = Faults {
        refuse: true,
        ..Faults::default()
    };
    bench.sim.set_faults("ams-2", gone);
    let done = answer(child).ended(1).complains("1 of 2 steps failed");
    assert_eq!(done.json()["outcome"], "partly failed");
    let acts = bench.say("audit list -o json").ended(0).json();
    assert_eq!(acts[0]["outcome"], "partly failed");
    assert!(acts[0]["detail"].as_str().unwrap().starts_with(&targets[1]));
}

/// An act on a slow host that has begun.
fn begun(bench: &Bench) -> Child {
    let target = bench.running("ams-1");
    let slow = Faults {
        latency: Duration::from_millis(1500),
        ..Faults::default()
    };
    bench.sim.set_faults("ams-1", slow);
    let line = format!("container stop {target} --yes --timeout 60");
    let child = bench.command(&line).spawn().unwrap();
    until("the act has begun", || newest(bench) == "running");
    child
}

/// How the newest act of the log ended.
fn newest(bench: &Bench) -> String {
    let acts = bench.say("audit list -o json").json();
    acts[0]["outcome"].as_str().unwrap_or("none").to_owned()
}

#[test]
fn an_interrupted_act_begins_no_further_step_and_is_recorded_so() {
    let bench = Bench::new();
    let child = begun(&bench);
    thread::sleep(Duration::from_millis(100));
    interrupt(&child);
    answer(child).ended(130).complains("cancelled");
    assert_eq!(newest(&bench), "cancelled");
}

#[test]
fn an_act_whose_program_was_killed_is_told_as_interrupted() {
    let bench = Bench::new();
    let mut child = begun(&bench);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(newest(&bench), "interrupted");
    bench.say("audit verify").ended(0);
}

#[test]
fn what_cannot_be_recorded_is_not_done() {
    let bench = Bench::new();
    let target = bench.running("ams-1");
    // A file where the directories of the log would have to be.
    fs::write(bench.home().join(".local"), "").unwrap();
    bench
        .say(&format!("container stop {target} --yes"))
        .ended(1)
        .complains("nothing was done, because the act cannot be recorded");
    assert_eq!(bench.container(&target)["state"], "running");
}

#[test]
fn a_log_that_was_changed_is_found_out() {
    let bench = Bench::new();
    let target = bench.running("ams-1");
    bench
        .say(&format!("container pause {target} --yes"))
        .ended(0);
    bench.say(&format!("container unpause {target}")).ended(0);
    // The text stands in the file as it is: letters of the same length keep the file in order.
    let before = fs::read(bench.database()).unwrap();
    let (from, to) = (b"container pause", b"container start");
    let mut after = before.clone();
    let places: Vec<usize> = before
        .windows(from.len())
        .enumerate()
        .filter_map(|(at, part)| (part == from).then_some(at))
        .collect();
    assert!(!places.is_empty(), "the sentence is not in the file");
    for at in places {
        after[at..at + to.len()].copy_from_slice(to);
    }
    fs::write(bench.database(), after).unwrap();
    let found = bench.say("audit verify -o json").ended(1).json();
    assert_eq!(found["whole"], false);
    assert!(!found["faults"].as_array().unwrap().is_empty());
}

#[test]
fn read_only_refuses_and_hides_what_changes_something() {
    let bench = Bench::new();
    let target = bench.running("ams-1");
    for line in [
        format!("container stop {target} --yes --read-only"),
        "--read-only host add x".to_owned(),
        "--read-only host prune @ams-1 --yes".to_owned(),
    ] {
        bench.say(&line).ended(3).complains("started read-only");
    }
    let help = bench.say("--read-only container --help").ended(0);
    assert!(
        !help.out.contains("restart") && help.out.contains("list"),
        "{help:?}"
    );
    let help = bench.say("container --help").ended(0);
    assert!(help.out.contains("restart"));
    let script = bench.say("--read-only completions bash").ended(0);
    assert!(!script.out.contains("unpause"));
    bench
        .say(&format!("--read-only logs {target} -n 1"))
        .ended(0);

    let text = fs::read_to_string(bench.file()).unwrap();
    fs::write(bench.file(), format!("read_only = true\n{text}")).unwrap();
    bench
        .say(&format!("container stop {target} --yes"))
        .ended(3);
    let help = bench.say("container --help").ended(0);
    assert!(!help.out.contains("restart"));
    assert_eq!(bench.container(&target)["state"], "running");
}

#[test]
fn cleaning_up_says_what_goes_and_what_was_freed() {
    let bench = Bench::on(Spec {
        hosts: 1,
        containers: 6,
        api: Api::Minor(41),
        ..Spec::default()
    });
    let plan = bench.say("host prune @ams-1 --volumes --dry-run").ended(0);
    // Engines of this version take named ones, too; ours are spared there one by one.
    assert!(
        plan.out.contains("the data of anonymous volumes"),
        "{plan:?}"
    );
    let images = |bench: &Bench| bench.say("image list -o name").ended(0).lines().len();
    let before = images(&bench);
    bench.say("host prune @ams-1 --images --all --yes").ended(3);
    bench
        .say("host prune @ams-1 --images --all --confirm prod")
        .ended(0);
    assert!(images(&bench) < before);
}

#[test]
fn an_act_on_more_than_ten_asks_for_their_number() {
    let bench = Bench::new();
    bench
        .say("container restart '*@*' --grace 0 --yes")
        .ended(3)
        .complains("say --confirm '18'");
    let done = bench
        .say("container restart '*@*' --grace 0 --confirm 18 -o name")
        .ended(0);
    assert_eq!(done.lines().len(), 18);
}
