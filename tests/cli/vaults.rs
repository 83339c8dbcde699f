//! Backups in directories of real hosts, over real ssh: written, damaged, verified, restored elsewhere, kept and taken
//! away; and whatever can go wrong there, told, with nothing half-written left.

use std::{
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use wharf_lab::{Host, Lab};

use crate::volumes::{bench, helpers, remove, sum, within};

/// A directory of its own on a host, which the user of ssh may write.
fn directory(host: &Host<'_>, name: &str) -> String {
    let path = format!("/run/wharf-test-{}/{name}", std::process::id());
    host.exec(&["mkdir", "-p", &path]);
    host.exec(&["chmod", "-R", "a+rwX", &path]);
    path
}

/// Takes a test's directories away: they are in memory. Each test has a name of its own there.
fn clear(host: &Host<'_>, name: &str) {
    let path = format!("/run/wharf-test-{}/{name}", std::process::id());
    host.exec(&["rm", "-rf", &path]);
}

/// All files below a directory of a host.
fn files(host: &Host<'_>, path: &str) -> Vec<String> {
    let listed = host.exec(&["find", path, "-type", "f"]);
    listed.lines().map(str::to_owned).collect()
}

fn ending(host: &Host<'_>, path: &str, ending: &str) -> Vec<String> {
    let mut all = files(host, path);
    all.retain(|path| path.ends_with(ending));
    all.sort();
    all
}

#[test]
fn ten_thousand_files_go_to_another_host_and_come_back_on_a_third() {
    let lab = Lab::shared();
    let (source, store, target) = (lab.host("node1"), lab.host("node4"), lab.host("node3"));
    let bench = bench(&lab);
    // Whatever a path has in it, it is one word to the shell there.
    let path = directory(&store, "it's $HOME; \"b\"");
    let vault = shlex::try_quote(&format!("node4:{path}"))
        .unwrap()
        .into_owned();
    let make = "for d in $(seq 0 99); do mkdir -p /v/d$d; \
                for f in $(seq 0 99); do echo file $d $f > /v/d$d/f$f; done; done; \
                chmod 700 /v/d1; chown 1000:1000 /v/d2/f2; ln -s d3/f3 /v/link; chmod 751 /v";
    within(&source, "rmany", make);
    let before = sum(&source, "rmany");

    let said = bench
        .say(&format!("volume backup rmany@node1 --to {vault} --yes"))
        .ended(0);
    assert!(
        said.out.contains("10000 files") && said.out.contains("as node4:/run"),
        "{said:?}"
    );
    assert_eq!(helpers(&source, "rmany"), "");
    let modes = store.exec(&["find", &path, "-type", "f", "-perm", "/077"]);
    assert_eq!(modes, "", "nobody else reads them");
    bench
        .say(&format!("volume verify rmany@node1 --from {vault}"))
        .ended(0);
    let listed = bench
        .say(&format!("volume backups --from {vault} -o json"))
        .ended(0);
    assert_eq!(listed.json()[0]["manifest"]["contents"]["files"], 10_000);
    bench
        .say(&format!(
            "volume restore rmany@node1 rmany-2@node3 --from {vault}"
        ))
        .ended(0);
    assert_eq!(sum(&target, "rmany-2"), before);
    assert_eq!(helpers(&target, "rmany-2"), "");

    // The newest two are kept.
    for _ in 0..2 {
        let said = bench.say(&format!(
            "volume backup rmany@node1 --to {vault} --keep 2 --yes"
        ));
        said.ended(0);
    }
    let archives = ending(&store, &path, ".tar.zst");
    assert_eq!(
        (archives.len(), files(&store, &path).len()),
        (2, 4),
        "{archives:?}"
    );

    // Damaged: seen, and not restored.
    let damage = format!(
        "printf X | dd of={} bs=1 seek=2000 conv=notrunc",
        shlex::try_quote(&archives[1]).unwrap()
    );
    store.exec(&["sh", "-c", &damage]);
    let damaged = bench
        .say(&format!("volume verify rmany@node1 --from {vault}"))
        .ended(1);
    damaged.says("is damaged: its bytes are not those that were written");
    let refused = bench.say(&format!(
        "volume restore rmany@node1 rmany-3@node3 --from {vault}"
    ));
    refused.ended(1).says("is damaged");
    store.exec(&["truncate", "-s", "100", &archives[1]]);
    let short = bench
        .say(&format!("volume verify rmany@node1 --from {vault}"))
        .ended(1);
    short.says("it has 100 bytes, and had");
    // The one before is whole.
    let stamp = archives[0]
        .rsplit('/')
        .next()
        .unwrap()
        .trim_end_matches(".tar.zst");
    bench
        .say(&format!("volume verify rmany@node1/{stamp} --from {vault}"))
        .ended(0);
    let gone = bench
        .say(&format!("volume verify other@node1 --from {vault}"))
        .ended(1);
    gone.says("there is no backup other@node1");
    let there = target.docker(&["volume", "ls", "-q", "--filter", "name=rmany-3"]);
    assert_eq!(there, "");
    clear(&store, "it's $HOME; \"b\"");
    remove(&source, &["rmany"]);
    remove(&target, &["rmany-2"]);
}

#[test]
fn what_goes_wrong_in_a_directory_of_a_host_is_told_and_leaves_nothing() {
    let lab = Lab::shared();
    let (source, store) = (lab.host("node1"), lab.host("node3"));
    let bench = bench(&lab);
    within(
        &source,
        "rwrong",
        "dd if=/dev/urandom of=/v/noise bs=1M count=20",
    );
    let base = directory(&store, "wrong");
    let mounted = |name: &str, options: &str| {
        let path = format!("{base}/{name}");
        let script = format!("mkdir {path} && mount -t tmpfs -o {options} tmpfs {path}");
        store.exec(&["sh", "-c", &script]);
        path
    };
    let full = mounted("full", "size=4m,mode=777");
    let still = mounted("still", "ro,mode=777");
    let closed = mounted("closed", "mode=755");
    for (path, why, remedy) in [
        (&*full, "No space left", "make room"),
        (&*still, "Read-only file system", "mounted to be written"),
        (&*closed, "Permission denied", "let the user"),
        ("/run/nowhere", "No such file or directory", "mkdir -p"),
    ] {
        let said = bench.say(&format!(
            "volume backup rwrong@node1 --to node3:{path} --yes"
        ));
        let said = said.ended(1);
        assert!(
            said.out.contains(why) && said.out.contains(remedy),
            "{path}: {said:?}"
        );
    }
    assert_eq!(files(&store, &base), Vec::<String>::new());
    assert_eq!(helpers(&source, "rwrong"), "");
    let said = bench
        .say("volume backups --from node3:/run/nowhere")
        .ended(1);
    said.complains("No such file or directory");
    let mut config = fs::read_to_string(bench.file()).unwrap();
    config.push_str("\n[[host]]\nname = \"tcp-1\"\nendpoint = \"tcp://127.0.0.1:1\"\n");
    fs::write(bench.file(), config).unwrap();
    for (to, why, code) in [
        ("tcp-1:/srv", "is not reached over ssh", 2),
        ("nobody:/srv", "there is no host nobody", 3),
    ] {
        let said = bench.say(&format!("volume backup rwrong@node1 --to {to} --yes"));
        said.ended(code).complains(why);
    }
    for path in [&full, &still, &closed] {
        store.exec(&["umount", path]);
    }
    clear(&store, "wrong");
    remove(&source, &["rwrong"]);
}

#[test]
fn a_link_that_is_cut_while_it_is_written_leaves_no_backup() {
    let lab = Lab::shared();
    let (source, store) = (lab.host("node1"), lab.disturb("node2"));
    let bench = bench(&lab);
    let path = directory(&store, "cut");
    within(
        &source,
        "rlarge",
        "dd if=/dev/urandom of=/v/noise bs=1M count=150",
    );
    let line = format!("volume backup rlarge@node1 --to node2:{path} --yes");
    let mut running = bench
        .command(&line)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let is_under_way = || {
        let sizes = store.exec(&["find", &path, "-name", "*.part", "-size", "+2048k"]);
        !sizes.is_empty()
    };
    while !is_under_way() {
        let ended = running.try_wait().unwrap();
        assert!(ended.is_none(), "it ended before it was cut off: {ended:?}");
        assert!(
            begun.elapsed() < Duration::from_mins(1),
            "nothing is written"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    store.cut();
    let ended = running.wait_with_output().unwrap();
    assert!(!ended.status.success());
    let told = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(told.contains("FAILED") && told.contains("node2"), "{told}");
    store.heal();
    // Whatever of it is there has no name of its own, and is gone when the host sees that we are.
    let named = |ending_: &str| ending(&store, &path, ending_);
    assert_eq!(named(".json"), Vec::<String>::new());
    assert_eq!(named(".zst"), Vec::<String>::new());
    assert_eq!(helpers(&source, "rlarge"), "");

    let begun = Instant::now();
    while !named(".part").is_empty() {
        let parts = named(".part");
        assert!(
            begun.elapsed() < Duration::from_mins(2),
            "{parts:?} is left"
        );
        std::thread::sleep(Duration::from_millis(200));
    }

    // The session of sshd itself is killed: what was half-written is removed there.
    let mut running = bench
        .command(&line)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while !is_under_way() {
        assert!(
            begun.elapsed() < Duration::from_mins(1),
            "nothing is written"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    store.kill_sshd_sessions();
    assert!(!running.wait().unwrap().success());
    assert_eq!(named(".json"), Vec::<String>::new());
    assert_eq!(named(".zst"), Vec::<String>::new());

    bench.say(&format!("{line} --timeout 60")).ended(0);
    assert_eq!(named(".json").len(), 1);
    bench
        .say(&format!("volume verify rlarge@node1 --from node2:{path}"))
        .ended(0);
    clear(&store, "cut");
    remove(&source, &["rlarge"]);
}

#[test]
fn the_worker_keeps_backups_on_a_host_and_volumes_know_of_them() {
    let lab = Lab::shared();
    let (source, store) = (lab.host("node1"), lab.host("node4"));
    let bench = bench(&lab);
    let path = directory(&store, "jobs");
    within(&source, "rsched", "echo hello > /v/a");
    let mut config = fs::read_to_string(bench.file()).unwrap();
    config += &[
        "\n[[backup]]\nvolumes = [\"rsched@node1\"]\nevery = \"6h\"\nkeep = 1\ndirectory = \"node4:",
        &path,
        "\"\n",
    ]
    .concat();
    fs::write(bench.file(), config).unwrap();
    bench.say("worker --once --timeout 60").ended(0);
    bench.say("worker --once --timeout 60").ended(0);
    assert_eq!(ending(&store, &path, ".json").len(), 1);
    // It is among those that are known.
    let listed = bench.say("volume backups rsched@node1 -o json").ended(0);
    assert_eq!(listed.json().as_array().unwrap().len(), 1, "{listed:?}");
    let listed = bench
        .say("volume list name:rsched --host node1 -o json")
        .ended(0);
    assert!(!listed.out.contains("\"backup\": null"), "{listed:?}");
    clear(&store, "jobs");
    remove(&source, &["rsched"]);
}
