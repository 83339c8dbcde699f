//! Notifications: read off what happened, told by workers through channels, to real servers.

mod receivers;
mod servers;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;
use wharf::sim::Faults;

use self::receivers::{Hook, until_holds};
use crate::bench::{Bench, until};

/// A worker that ends with its test.
struct Worker(Child);

impl Worker {
    fn start(bench: &Bench) -> Self {
        Self::start_in(bench, &bench.home().join(".local/state"))
    }

    /// One with a state of its own, as on a machine of its own.
    fn start_in(bench: &Bench, state: &Path) -> Self {
        let child = bench
            .command("worker")
            .env("XDG_STATE_HOME", state)
            .env("HOOK_KEY", "geheim-7")
            .env("HOOK_TOKEN", "Bearer geheim-8")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let worker = Self(child.unwrap());
        until("a worker delivers", || {
            let told = bench.say("notify list");
            !told.err.contains("no worker runs")
        });
        worker
    }

    /// Ends it at once, as a fault would.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Adds to a bench's wharf.toml.
fn configure(bench: &Bench, text: &str) {
    let file = bench.file();
    let before = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{before}{text}")).unwrap();
}

fn history(bench: &Bench, words: &str) -> Vec<Value> {
    let line = format!("notify history -n 200 -o json {words}");
    let told = bench.say(&line).ended(0).json();
    told.as_array().unwrap().clone()
}

/// Waits until so many are in the history, and answers them.
#[track_caller]
fn until_told(bench: &Bench, words: &str, count: usize) -> Vec<Value> {
    let start = Instant::now();
    loop {
        let all = history(bench, words);
        if all.len() >= count {
            return all;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{all:#?}");
        sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_webhook_is_tried_until_it_takes_the_message_and_its_signature_is_right() {
    let bench = Bench::new();
    let hook = Hook::new(&[Some(500), Some(503), Some(200)], Duration::ZERO);
    configure(
        &bench,
        &format!(
            "[[notify]]\nname = \"hook\"\nwebhook = \"http://127.0.0.1:{}/in\"\nsign = \"env:HOOK_KEY\"\n\
             headers = {{ Authorization = \"env:HOOK_TOKEN\" }}\nkinds = [\"operation\"]\nhosts = [\"ams-1\"]\n",
            hook.port
        ),
    );
    let (one, other) = (bench.running("ams-1"), bench.running("ams-2"));
    bench
        .say(&format!("container restart {one} --yes"))
        .ended(0);
    bench
        .say("notify list")
        .ended(0)
        .says("hook")
        .complains("no worker runs");
    let worker = Worker::start(&bench);
    bench
        .say(&format!("container restart {other} --yes"))
        .ended(0);
    bench
        .say(&format!(
            "container restart {one} --yes --reason 'it leaks'"
        ))
        .ended(0);
    let heard = [hook.must(), hook.must(), hook.must()];
    let told = heard[0].json();
    let title = told["title"].as_str().unwrap();
    assert!(
        title.starts_with(&format!("container restart {one}")) && title.ends_with(": done"),
        "{title}"
    );
    assert_eq!(told["outcome"], "success");
    assert_eq!(told["notices"][0]["environments"][0], "prod");
    assert!(told["text"].as_str().unwrap().contains("reason: it leaks"));
    for one in &heard {
        assert_eq!(one.header("x-wharf-id"), told["id"].as_str());
        assert_eq!(one.header("authorization"), Some("Bearer geheim-8"));
        assert_eq!(one.body, heard[0].body, "a repetition is the same");
    }
    // The signature as another program computes it.
    let file = bench.home().join("body");
    fs::write(&file, &heard[0].body).unwrap();
    let made = Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", "geheim-7"])
        .arg(&file)
        .output()
        .unwrap();
    let made = String::from_utf8(made.stdout).unwrap();
    let sum = made.trim().rsplit(' ').next().unwrap().to_owned();
    assert_eq!(
        heard[0].header("x-wharf-signature"),
        Some(format!("sha256={sum}").as_str())
    );
    until("it is sent", || history(&bench, "")[0]["state"] == "sent");
    let all = history(&bench, "");
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!(all[0]["tries"], 3);
    assert!(all[0]["told"].as_str().unwrap().contains("200"));
    let list = bench.say("notify list -o json").ended(0).json();
    assert_eq!(
        (&list[0]["waiting"], &list[0]["failed"]),
        (&0.into(), &0.into())
    );
    assert!(!list.to_string().contains("geheim"), "{list}");
    assert!(hook.next(Duration::from_secs(2)).is_none());
    drop(worker);
}

#[test]
fn one_that_hangs_or_refuses_holds_up_no_other_and_is_told() {
    let bench = Bench::new();
    let hangs = Hook::new(&[None], Duration::ZERO);
    let refuses = Hook::new(&[Some(400)], Duration::ZERO);
    let said = bench.home().join("said");
    let script = bench.home().join("told.sh");
    fs::write(
        &script,
        format!(
            "#!/bin/sh\n[ \"$WHARF_NOTICE_TITLE\" ] || exit 1\ncat >>{0}; echo >>{0}; echo \"paged $WHARF_NOTICE_OUTCOME\"\n",
            said.display()
        ),
    )
    .unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    configure(
        &bench,
        &format!(
            "[[notify]]\nname = \"hangs\"\nwebhook = \"http://127.0.0.1:{}/\"\ntimeout = \"1s\"\ngive_up = \"4s\"\n\
             [[notify]]\nname = \"refuses\"\nwebhook = \"http://127.0.0.1:{}/T0KEN\"\n\
             [[notify]]\nname = \"slow\"\ncommand = [\"sh\", \"-c\", \"sleep 60 & sleep 60\"]\ntimeout = \"1s\"\noutcomes = [\"asked\"]\n\
             [[notify]]\nname = \"page\"\ncommand = [\"{}\"]\n",
            hangs.port,
            refuses.port,
            script.display()
        ),
    );
    let worker = Worker::start(&bench);
    let one = bench.running("ams-1");
    bench
        .say(&format!("container restart {one} --yes"))
        .ended(0);
    until_holds(&said, "container restart");
    hangs.must();
    refuses.must();
    until("what hangs is given up", || {
        let all = history(&bench, "--channel hangs --failed");
        all.first().is_some_and(|one| {
            let told = one["told"].as_str().unwrap_or_default();
            told.contains("did not take the message within 1 s") && told.contains("given up after")
        })
    });
    let list = bench.say("notify list -o json").ended(0).json();
    assert_eq!(list[0]["failed"], 1, "{list}");
    let error = list[1]["last_error"].as_str().unwrap();
    assert!(error.contains("400") && !error.contains("T0KEN"), "{error}");
    assert_eq!(list[3]["last_answer"], "paged success");
    // By hand: a test tells what the other side says, and how it fails.
    bench
        .say("notify test page")
        .ended(0)
        .says("page: sent; paged success");
    bench
        .say("notify test refuses")
        .ended(1)
        .complains("it answers 400");
    bench
        .say("notify test slow")
        .ended(1)
        .complains("within 1 s");
    bench
        .say("notify test nowhere")
        .ended(3)
        .complains("there are hangs, refuses, slow, page");
    // What was given up is tried again when somebody says so.
    bench
        .say("notify retry --channel hangs")
        .ended(0)
        .says("1 are tried again now");
    until("it is tried again", || {
        hangs.next(Duration::from_millis(10)).is_some()
    });
    bench
        .say("notify retry --read-only")
        .ended(3)
        .complains("read-only");
    drop(worker);
}

#[test]
fn what_is_not_urgent_waits_for_the_end_of_a_quiet_time() {
    let bench = Bench::new();
    let hook = Hook::new(&[Some(200)], Duration::ZERO);
    configure(
        &bench,
        &format!(
            "[[notify]]\nname = \"hook\"\nwebhook = \"http://127.0.0.1:{}/\"\n\
             quiet = [{{ from = \"2020-01-01\", to = \"2099-01-01\" }}]\n",
            hook.port
        ),
    );
    let worker = Worker::start(&bench);
    let one = bench.running("ams-1");
    bench
        .say(&format!("container restart {one} --yes"))
        .ended(0);
    bench.sim.set_faults(
        "ams-1",
        Faults {
            error_rate: 1.0,
            ..Faults::default()
        },
    );
    // It fails, and that is urgent.
    let failed = bench.say(&format!("container restart {one} --yes"));
    bench.sim.set_faults("ams-1", Faults::default());
    if failed.code == 1 {
        let told = hook.must().json();
        assert_eq!(told["outcome"], "failure", "{told}");
    }
    let waits = until_told(&bench, "--waiting", 1);
    assert_eq!(waits[0]["held"], true);
    assert!(waits[0]["due"].as_str().unwrap().starts_with("2099"));
    bench
        .say("notify list")
        .ended(0)
        .says("quiet until 2099-01-0");
    drop(worker);
}

#[test]
fn two_workers_tell_everything_and_nothing_is_lost_when_one_is_killed() {
    const COUNT: usize = 24;
    let bench = Bench::new();
    let hook = Hook::new(&[Some(200)], Duration::from_millis(150));
    configure(
        &bench,
        &format!(
            "[[notify]]\nname = \"hook\"\nwebhook = \"http://127.0.0.1:{}/\"\nrepeat = \"1s\"\n",
            hook.port
        ),
    );
    let first = Worker::start_in(&bench, &bench.home().join("one"));
    let second = Worker::start_in(&bench, &bench.home().join("two"));
    for number in 0..COUNT {
        bench
            .say(&format!(
                "network create n{number} --on @ams-1 --driver bridge --yes"
            ))
            .ended(0);
        if number == COUNT / 2 {
            sleep(Duration::from_millis(500));
        }
        if number == COUNT / 2 + 2 {
            break;
        }
    }
    first.kill();
    for number in COUNT / 2 + 3..COUNT {
        bench
            .say(&format!(
                "network create n{number} --on @ams-1 --driver bridge --yes"
            ))
            .ended(0);
    }
    second.kill();
    // Nobody is there; what happens now is told later.
    bench
        .say("network create last --on @ams-1 --driver bridge --yes")
        .ended(0);
    bench.say("notify list").complains("no worker runs");
    let third = Worker::start(&bench);
    until("all is sent", || {
        let all = history(&bench, "");
        all.len() == COUNT + 1 && all.iter().all(|one| one["state"] == "sent")
    });
    let mut ids: BTreeMap<String, (String, usize)> = BTreeMap::new();
    while let Some(heard) = hook.next(Duration::from_millis(500)) {
        let told = heard.json();
        let title = told["title"].as_str().unwrap().to_owned();
        let entry = ids.entry(told["id"].as_str().unwrap().to_owned());
        let (known, times) = entry.or_insert_with(|| (title.clone(), 0));
        assert_eq!(*known, title, "one id, one message");
        *times += 1;
    }
    let mut titles: Vec<&String> = ids.values().map(|(title, _)| title).collect();
    titles.sort();
    titles.dedup();
    assert_eq!((titles.len(), ids.len()), (COUNT + 1, COUNT + 1), "{ids:?}");
    let repeated = ids.values().filter(|(_, times)| *times > 1).count();
    assert!(
        repeated <= 2,
        "only what was being sent is sent again: {ids:?}"
    );
    drop(third);
}

#[test]
fn hosts_that_are_lost_are_told_once_with_a_count_and_when_they_are_back() {
    let bench = Bench::new();
    let hook = Hook::new(&[Some(200)], Duration::ZERO);
    configure(
        &bench,
        &format!(
            "[[notify]]\nname = \"hook\"\nwebhook = \"http://127.0.0.1:{}/\"\nkinds = [\"host\"]\n\
             hosts = [\"ams-1\", \"ams-2\"]\nlost_after = \"1s\"\nrepeat = \"6s\"\n",
            hook.port
        ),
    );
    let worker = Worker::start(&bench);
    let lose = |host: &str, is_lost: bool| {
        let faults = Faults {
            refuse: is_lost,
            ..Faults::default()
        };
        assert!(bench.sim.set_faults(host, faults));
    };
    sleep(Duration::from_secs(2));
    lose("ams-1", true);
    lose("ams-3", true);
    let told = hook.must().json();
    assert_eq!(told["title"], "host ams-1 is lost", "{told}");
    assert_eq!(told["notices"][0]["environments"][0], "prod");
    assert!(!told["notices"][0]["text"].as_str().unwrap().is_empty());
    // It flaps: what comes within the distance is one message.
    lose("ams-1", false);
    until("it is back", || {
        history(&bench, "--waiting")
            .first()
            .is_some_and(|one| one["notice"]["title"] == "host ams-1 is back")
    });
    let told = hook.must().json();
    assert_eq!(told["title"], "host ams-1 is back");
    // One that was never well is lost as well, and a worker that starts anew does not tell it again.
    until("all is sent", || {
        let all = history(&bench, "");
        all.iter().all(|one| one["state"] == "sent")
    });
    drop(worker);
    lose("ams-2", true);
    let worker = Worker::start(&bench);
    let told = hook.must().json();
    assert_eq!(told["title"], "host ams-2 is lost");
    until("it is sent", || {
        history(&bench, "").iter().all(|one| one["state"] == "sent")
    });
    drop(worker);
    let worker = Worker::start(&bench);
    assert!(hook.next(Duration::from_secs(5)).is_none());
    drop(worker);
}

#[test]
fn a_pipeline_tells_people_also_when_a_step_has_failed() {
    let bench = Bench::new();
    let hook = Hook::new(&[Some(200)], Duration::ZERO);
    configure(
        &bench,
        &format!(
            "[[notify]]\nname = \"pay-ops\"\nwebhook = \"http://127.0.0.1:{}/\"\nkinds = [\"approval\", \"run\"]\n",
            hook.port
        ),
    );
    let directory = bench.file().with_file_name("pipelines");
    fs::create_dir_all(&directory).unwrap();
    let text = "version: 1\nsteps:\n\
        - {name: bad, run: 'container start is-not-there@ams-1'}\n\
        - {name: never, notify: {to: pay-ops, text: never}}\n\
        - {name: tell, notify: {to: pay-ops, text: 'number ${CI_PIPELINE_NUMBER}'}, when: {status: [success, failure]}}\n\
        - {name: live, notify: {to: pay-ops, text: live}}\n\
        - {name: nobody, notify: {to: who}, when: {status: [failure]}}\n";
    fs::write(directory.join("red.yaml"), text).unwrap();
    let text = "version: 1\nsteps:\n- {name: sign, approval: {count: 1}}\n";
    fs::write(directory.join("ask.yaml"), text).unwrap();
    let worker = Worker::start(&bench);
    bench.say("pipeline run red --yes").ended(0);
    let told = hook.must().json();
    assert_eq!(told["title"], "run #1 of red: number 1", "{told}");
    assert_eq!(
        (&told["kind"], &told["outcome"]),
        (&"step".into(), &"failure".into())
    );
    let told = hook.must().json();
    assert_eq!(told["title"], "run #1 of red: failure");
    let text = told["text"].as_str().unwrap();
    assert!(
        text.contains("bad: failure")
            && text.contains("no channel is called who; there are pay-ops"),
        "{text}"
    );
    bench.say("pipeline run ask --yes").ended(0);
    let told = hook.must().json();
    assert_eq!(told["title"], "run #2 of ask asks for an approval: sign");
    assert!(
        told["text"]
            .as_str()
            .unwrap()
            .contains("wharf pipeline approve 2 sign")
    );
    bench.say("pipeline cancel 2 --yes").ended(0);
    let told = hook.must().json();
    assert_eq!(told["title"], "run #2 of ask: canceled");
    assert!(hook.next(Duration::from_secs(2)).is_none());
    drop(worker);
}
