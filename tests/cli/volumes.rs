//! Volumes of real hosts, over real ssh: backed up, damaged, verified, restored, and cut off in the middle.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use wharf_lab::{Host, Lab};

use crate::bench::Bench;

/// A bench whose hosts are the lab's.
pub(crate) fn bench(lab: &Lab) -> Bench {
    let bench = Bench::new();
    let config = fs::read_to_string(lab.wharf_config()).unwrap();
    // A dead link is noticed soon.
    let config = config.replacen("[ssh]\n", "[ssh]\nkeep_alive = \"2s\"\n", 1);
    fs::write(bench.file(), config).unwrap();
    bench
}

/// Runs a script in a container of its own that mounts a volume.
pub(crate) fn within(host: &Host<'_>, volume: &str, script: &str) -> String {
    let mount = format!("{volume}:/v");
    host.docker(&[
        "run",
        "--rm",
        "--network",
        "none",
        "-v",
        &mount,
        "lab/busybox:1",
        "sh",
        "-c",
        script,
    ])
}

/// One sum over the names, rights, owners and contents of all that is in a volume.
pub(crate) fn sum(host: &Host<'_>, volume: &str) -> String {
    let script = "cd /v && { find . -type f | sort | xargs sha256sum; \
                  find . | sort | xargs stat -c '%n %a %u %g %F'; } | sha256sum";
    within(host, volume, script)
}

/// All files below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn ending(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let all = files(dir).into_iter();
    all.filter(|path| path.to_string_lossy().ends_with(ending))
        .collect()
}

/// Our helper containers for a volume that are left on a host, which other tests use as well.
pub(crate) fn helpers(host: &Host<'_>, volume: &str) -> String {
    let label = format!("label=io.wharf.helper=volume {volume}");
    host.docker(&["ps", "-aq", "--filter", &label])
}

pub(crate) fn remove(host: &Host<'_>, volumes: &[&str]) {
    for volume in volumes {
        host.docker(&["volume", "rm", "-f", volume]);
    }
}

#[test]
fn ten_thousand_files_are_backed_up_damaged_verified_and_restored() {
    let lab = Lab::shared();
    let (source, target) = (lab.host("node1"), lab.host("node3"));
    let bench = bench(&lab);
    let vault = bench.home().join("vault");
    let make = "for d in $(seq 0 99); do mkdir -p /v/d$d; \
                for f in $(seq 0 99); do echo file $d $f > /v/d$d/f$f; done; done; \
                chmod 700 /v/d1; chown 1000:1000 /v/d2/f2; ln -s d3/f3 /v/link; chmod 751 /v";
    within(&source, "many", make);
    let before = sum(&source, "many");

    let said = bench
        .say("volume backup many@node1 --to vault --keep 2 --yes")
        .ended(0);
    assert!(said.out.contains("10000 files"), "{said:?}");
    assert_eq!(helpers(&source, "many"), "");
    bench.say("volume verify many@node1 --from vault").ended(0);
    let listed = bench.say("volume backups --from vault -o json").ended(0);
    assert!(listed.out.contains("\"files\": 10000"), "{listed:?}");

    // On another host, and compared.
    bench
        .say("volume restore many@node1 many-2@node3 --from vault")
        .ended(0);
    assert_eq!(sum(&target, "many-2"), before);
    assert_eq!(helpers(&target, "many-2"), "");
    let full = "volume restore many@node1 many-2@node3 --from vault";
    let refused = bench.say(full).ended(1);
    assert!(refused.out.contains("is not empty"), "{refused:?}");
    let seen = bench.say("volume browse many-2@node3:/d1 -o name").ended(0);
    assert_eq!(seen.out.lines().count(), 100);
    let cat = "volume browse many-2@node3 --cat /d7/f9";
    assert_eq!(bench.say(cat).ended(0).out, "file 7 9\n");

    // Damaged: seen, and not restored.
    let [archive] = &ending(&vault, ".tar.zst")[..] else {
        panic!("{:?}", files(&vault));
    };
    let mut bytes = fs::read(archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    fs::write(archive, bytes).unwrap();
    let damaged = bench.say("volume verify many@node1 --from vault").ended(1);
    assert!(damaged.out.contains("is damaged"), "{damaged:?}");
    let refused = bench
        .say("volume restore many@node1 many-3@node3 --from vault")
        .ended(1);
    assert!(refused.out.contains("is damaged"), "{refused:?}");
    let there = target.docker(&["volume", "ls", "-q", "--filter", "name=many-3"]);
    assert_eq!(there, "");
    remove(&source, &["many"]);
    remove(&target, &["many-2"]);
}

#[test]
fn a_cut_link_leaves_nothing_half_and_the_next_run_cleans_up() {
    let lab = Lab::shared();
    let host = lab.disturb("node2");
    let bench = bench(&lab);
    let vault = bench.home().join("vault");
    within(
        &host,
        "large",
        "dd if=/dev/urandom of=/v/noise bs=1M count=200",
    );
    let user = host.docker(&[
        "run",
        "-d",
        "-v",
        "large:/v",
        "--name",
        "large-user",
        "lab/busybox:1",
        "sleep",
        "600",
    ]);
    let line = "volume backup large@node2 --to vault --pause --yes";
    let mut running = bench
        .command(line)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let is_under_way = || {
        let parts = ending(&vault, ".part");
        let sizes = parts.iter().filter_map(|path| fs::metadata(path).ok());
        sizes.map(|meta| meta.len()).sum::<u64>() > 1 << 20
    };
    while !is_under_way() {
        let ended = running.try_wait().unwrap();
        assert!(ended.is_none(), "it ended before it was cut off: {ended:?}");
        assert!(begun.elapsed() < Duration::from_mins(1), "nothing is read");
        std::thread::sleep(Duration::from_millis(20));
    }
    host.cut();
    let ended = running.wait_with_output().unwrap();
    assert!(!ended.status.success());
    let told = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(told.contains("FAILED"), "{told}");
    assert_eq!(files(&vault), Vec::<PathBuf>::new(), "nothing half is left");
    host.heal();

    // The host could not be told any more: the next run finds what is left and cleans up.
    let again = bench
        .say("volume backup large@node2 --to vault --yes --timeout 60")
        .ended(0);
    assert!(again.out.contains("1 files"), "{again:?}");
    assert_eq!(helpers(&host, "large"), "");
    let state = host.docker(&["inspect", "-f", "{{.State.Status}}", user.trim()]);
    assert_eq!(state.trim(), "running");
    host.docker(&["rm", "-f", "large-user"]);
    remove(&host, &["large"]);
}

#[test]
fn the_worker_does_what_is_scheduled_and_records_it() {
    let lab = Lab::shared();
    let host = lab.host("node1");
    let bench = bench(&lab);
    within(&host, "sched", "echo hello > /v/a");
    let mut config = fs::read_to_string(bench.file()).unwrap();
    config.push_str(
        "\n[[backup]]\nvolumes = [\"sched@node1\"]\nevery = \"6h\"\nkeep = 1\ndirectory = \"jobs\"\n",
    );
    fs::write(bench.file(), config).unwrap();
    let vault = bench.file().parent().unwrap().join("jobs");
    bench.say("worker --once --timeout 60").ended(0);
    bench.say("worker --once --timeout 60").ended(0);
    assert_eq!(ending(&vault, ".json").len(), 1, "{:?}", files(&vault));
    let log = bench.say("audit list operator:worker -o json").ended(0);
    assert!(log.out.contains("volume backup sched@node1"), "{log:?}");
    assert!(log.out.contains("scheduled every 6h"), "{log:?}");
    let listed = bench
        .say("volume list name:sched --host node1 -o json")
        .ended(0);
    assert!(!listed.out.contains("\"backup\": null"), "{listed:?}");

    // It waits for what is due, keeps a second one off, and ends when it is asked to.
    let mut first = bench
        .command("worker")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let lock = bench.home().join(".local/state/wharf/worker.lock");
    while fs::read_to_string(&lock).unwrap().trim() != first.id().to_string() {
        assert!(begun.elapsed() < Duration::from_mins(1), "it has no lock");
        std::thread::sleep(Duration::from_millis(20));
    }
    let second = bench.say("worker --once --timeout 60").ended(1);
    second.complains("another worker works on this machine already");
    let pid = rustix::process::Pid::from_child(&first);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(first.wait().unwrap().success());
    remove(&host, &["sched"]);
}
