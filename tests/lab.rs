//! Proves the lab itself, so that a failing test of Wharf is not a failing lab.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use wharf_lab::Lab;

const NODES: [&str; 4] = ["node1", "node2", "node3", "node4"];

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn run(command: &mut Command) -> Output {
    command.output().expect("ssh can be executed")
}

/// Whether `ssh HOST true` works within the given seconds.
fn answers(lab: &Lab, alias: &str, seconds: u32) -> bool {
    let limit = format!("ConnectTimeout={seconds}");
    run(lab.ssh(alias).args(["-o", &limit, "true"]))
        .status
        .success()
}

#[test]
fn every_node_answers_docker_over_plain_ssh() {
    let lab = Lab::shared();
    for name in NODES {
        let node = lab.host(name);
        let version = run(node.ssh().args([
            "hostname;",
            "docker",
            "version",
            "--format",
            "{{.Server.Version}}",
        ]));
        assert!(
            version.status.success(),
            "{name}: {}",
            text(&version.stderr)
        );
        let answer = text(&version.stdout);
        let lines: Vec<&str> = answer.lines().collect();
        assert_eq!(lines[0], name);
        assert!(
            lines[1].starts_with(|first: char| first.is_ascii_digit()),
            "{name}: {answer}"
        );
    }
}

#[test]
fn every_node_runs_its_own_containers() {
    let lab = Lab::shared();
    for name in NODES {
        let states = lab
            .host(name)
            .docker(&["ps", "--all", "--format", "{{.Names}} {{.State}}"]);
        let mut states: Vec<&str> = states.lines().collect();
        states.sort_unstable();
        assert_eq!(
            states,
            [
                "broken-1 exited",
                "ticker-1 running",
                "web-1 running",
                "worker-1 running"
            ],
            "on {name}"
        );
    }
    let only_here = lab.host("node1").docker(&["volume", "create"]);
    let elsewhere = lab.host("node2").docker(&["volume", "ls", "--quiet"]);
    assert!(!elsewhere.contains(only_here.trim()));
    lab.host("node1")
        .docker(&["volume", "rm", only_here.trim()]);
}

#[test]
fn node3_is_reached_only_through_its_jump_host() {
    let lab = Lab::shared();
    let (_jump, _node) = (lab.host("node1"), lab.host("node3"));
    assert!(answers(&lab, "node3", 30));
    let direct =
        run(lab
            .ssh("node3")
            .args(["-o", "ProxyJump=none", "-o", "ConnectTimeout=2", "true"]));
    assert!(
        !direct.status.success(),
        "node3 answered without its jump host"
    );
    assert!(
        text(&direct.stderr).contains("connect to host"),
        "{}",
        text(&direct.stderr)
    );
}

#[test]
fn node4_forbids_forwarding_and_serves_dial_stdio() {
    let lab = Lab::shared();
    let (allowing, forbidding) = (lab.host("node1"), lab.host("node4"));
    let through = |name: &str| {
        run(lab
            .ssh(name)
            .args(["-o", "ClearAllForwardings=no", "-W", "localhost:1"]))
    };
    let refused = text(&through(forbidding.name()).stderr);
    assert!(refused.contains("administratively prohibited"), "{refused}");
    let attempted = text(&through(allowing.name()).stderr);
    assert!(attempted.contains("Connection refused"), "{attempted}");

    let mut dial = forbidding.ssh();
    dial.args(["docker", "system", "dial-stdio"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut dial = dial.spawn().expect("ssh can be executed");
    let mut request = dial.stdin.take().expect("stdin is a pipe");
    request
        .write_all(b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")
        .expect("ssh reads");
    let answer = text(&dial.wait_with_output().expect("ssh ends").stdout);
    drop(request);
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("OK"),
        "{answer}"
    );
}

#[test]
fn a_host_that_was_cut_off_comes_back() {
    let lab = Lab::shared();
    let node = lab.disturb("node2");
    assert!(answers(&lab, "node2", 30));
    node.cut();
    assert!(!answers(&lab, "node2", 1));
    node.heal();
    assert!(answers(&lab, "node2", 30));
    node.cut();
    drop(node);
    assert!(
        answers(&lab, "node2", 30),
        "dropping the borrowed host restores it"
    );
}

#[test]
fn a_slow_cable_makes_round_trips_longer() {
    let lab = Lab::shared();
    let node = lab.disturb("node2");
    let address = lab_address(&lab, "node2");
    let connects_in = || {
        // The best of some tries: the machine may be busy, but nothing makes a cable faster than it is.
        let tries = (0..5).map(|_| {
            let start = Instant::now();
            std::net::TcpStream::connect(&address).expect("sshd accepts");
            start.elapsed()
        });
        tries.min().expect("five tries")
    };
    let usual = connects_in();
    node.slow(Duration::from_millis(200), 0);
    let slow = connects_in();
    assert!(
        slow >= Duration::from_millis(200),
        "a round trip took {slow:?} on the slow cable"
    );
    node.fast();
    assert!(usual < Duration::from_millis(150) && connects_in() < Duration::from_millis(150));
}

/// Host and port as the lab's own `ssh_config` has them.
fn lab_address(lab: &Lab, alias: &str) -> String {
    let settings = text(&run(lab.ssh(alias).arg("-G")).stdout);
    let setting = |key: &str| {
        let value = settings.lines().find_map(|line| line.strip_prefix(key));
        value.expect("ssh -G prints it").trim().to_owned()
    };
    format!("{}:{}", setting("hostname "), setting("port "))
}

#[test]
fn frozen_daemons_hang_and_go_on() {
    let lab = Lab::shared();
    let node = lab.disturb("node2");
    node.freeze_sshd();
    assert!(!answers(&lab, "node2", 1), "a frozen sshd answered");
    node.thaw_sshd();
    assert!(answers(&lab, "node2", 30));

    node.freeze_dockerd();
    let ping = ["timeout", "1", "docker", "version"];
    assert_eq!(
        run(node.ssh().args(ping)).status.code(),
        Some(124),
        "a frozen dockerd answered"
    );
    node.thaw_dockerd();
    assert!(run(node.ssh().args(["docker", "version"])).status.success());
}

#[test]
fn sessions_are_killed_and_new_ones_accepted() {
    let lab = Lab::shared();
    let node = lab.disturb("node2");
    let mut session = node.ssh();
    session
        .args(["echo started; sleep 60"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut session = session.spawn().expect("ssh can be executed");
    let mut first = [0; 7];
    std::io::Read::read_exact(
        session.stdout.as_mut().expect("stdout is a pipe"),
        &mut first,
    )
    .expect("it started");
    node.kill_sshd_sessions();
    assert_eq!(session.wait().expect("ssh ends").code(), Some(255));
    assert!(answers(&lab, "node2", 30));
}

#[test]
fn dockerd_stops_is_killed_and_starts() {
    let lab = Lab::shared();
    let node = lab.disturb("node2");
    let docker = || run(node.ssh().args(["docker", "version"]));
    node.stop_dockerd();
    assert!(text(&docker().stderr).contains("Cannot connect to the Docker daemon"));
    node.start_dockerd();
    assert!(docker().status.success());
    node.kill_dockerd();
    assert!(text(&docker().stderr).contains("Cannot connect to the Docker daemon"));
    node.restart_dockerd();
    assert!(docker().status.success());
    // Restart policy `always` survives even the kill; `unless-stopped` does not, in Docker 20.10.
    let running = node.docker(&["ps", "--format", "{{.Names}}"]);
    assert!(running.contains("worker-1"), "{running}");
}

#[test]
fn each_bad_host_fails_in_its_own_way() {
    let lab = Lab::shared();
    let _borrowed = (lab.host("node1"), lab.host("node3"));
    let failing = [
        ("bad-unknown-key", "Host key verification failed"),
        ("bad-changed-key", "REMOTE HOST IDENTIFICATION HAS CHANGED"),
        ("bad-auth", "Permission denied (publickey)"),
        ("bad-locked-key", "Permission denied (publickey)"),
        ("needs-password", "Permission denied (password)"),
        (
            "bad-group",
            "permission denied while trying to connect to the Docker daemon socket",
        ),
        ("bad-nologin", "This account is currently not available"),
        ("bad-nodocker", "docker: command not found"),
        ("bad-daemon-down", "Cannot connect to the Docker daemon"),
        ("bad-refused", "Connection refused"),
        ("bad-unreachable", "No route to host"),
        ("bad-dns", "Could not resolve hostname"),
        ("bad-hung", "timed out"),
        ("bad-jump-key", "Host key verification failed"),
        ("bad-jump-auth", "Permission denied (publickey)"),
        ("bad-jump-locked", "Permission denied (publickey)"),
        ("no-sessions", "open failed"),
    ];
    let odd = [
        ("banner", "property of the lab"),
        ("noisy", "Welcome to the jungle"),
        ("few-sessions", ""),
    ];
    let check = &|alias: &str, works: bool, words: &str| {
        let patience = if alias == "bad-hung" {
            "ConnectTimeout=3"
        } else {
            "ConnectTimeout=30"
        };
        let answer = run(lab.ssh(alias).args(["-o", patience, "docker", "version"]));
        let said = text(&answer.stdout) + &text(&answer.stderr);
        assert!(
            answer.status.success() == works && said.contains(words),
            "{alias}: {said}"
        );
    };
    std::thread::scope(|all| {
        for (alias, reason) in failing {
            all.spawn(move || check(alias, false, reason));
        }
        for (alias, heard) in odd {
            all.spawn(move || check(alias, true, heard));
        }
    });
}

#[test]
fn every_engine_answers_on_its_way() {
    let lab = Lab::shared();
    for way in ["unix", "tcp", "tls", "podman"] {
        let ask = |certificates: &str| {
            let mut docker = Command::new("docker");
            docker.args(["-H", &lab.engine(way), "ps", "--format", "{{.Names}}"]);
            if way == "tls" {
                docker
                    .env("DOCKER_TLS_VERIFY", "1")
                    .env("DOCKER_CERT_PATH", lab.dir().join(certificates));
            }
            run(&mut docker)
        };
        let names = ask("tls");
        assert!(
            text(&names.stdout).contains("ticker-1"),
            "{way}: {}",
            text(&names.stderr)
        );
        if way == "tls" {
            assert!(
                !ask("tls-other").status.success(),
                "a client with a foreign certificate was let in"
            );
        }
    }
}

#[test]
fn a_lab_leaves_nothing_behind() {
    let lab = Lab::start(&["--hosts", "1"]);
    let (dir, settings) = (
        lab.dir().to_owned(),
        std::fs::read_to_string(lab.dir().join("env")).expect("its settings"),
    );
    let prefix = settings
        .lines()
        .find_map(|line| line.strip_prefix("prefix="))
        .expect("it has a prefix")
        .to_owned();
    assert!(answers(&lab, "node1", 30) && processes_naming(&dir) > 0 && cgroups(&prefix) > 0);
    drop(lab);
    assert!(!dir.exists());
    assert_eq!((processes_naming(&dir), cgroups(&prefix)), (0, 0));
    assert!(
        !Path::new("/sys/class/net")
            .join(format!("{prefix}-op"))
            .exists()
    );
    assert!(
        !std::fs::read_to_string("/proc/mounts")
            .expect("mounts")
            .contains(&format!("wharf-lab/{prefix}/"))
    );
}

#[test]
fn a_lab_ends_when_its_owner_is_killed() {
    let mut owner = Command::new("sleep")
        .arg("60")
        .spawn()
        .expect("sleep can be executed");
    let started = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/lab"))
        .args(["up", "--hosts", "0", "--owner", &owner.id().to_string()])
        .output()
        .expect("the lab can be executed");
    assert!(started.status.success(), "{}", text(&started.stderr));
    let dir = std::path::PathBuf::from(text(&started.stdout).trim());
    assert!(dir.join("env").exists());
    owner
        .kill()
        .and_then(|()| owner.wait())
        .expect("the owner ends");
    let deadline = Instant::now() + Duration::from_secs(15);
    while dir.exists() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(
        !dir.exists(),
        "{} outlived its owner by 15 s",
        dir.display()
    );
}

/// How many processes have this directory of a lab on their command line.
fn processes_naming(dir: &Path) -> usize {
    let words = dir.to_str().expect("a plain path").as_bytes();
    let all = std::fs::read_dir("/proc")
        .expect("/proc")
        .filter_map(Result::ok);
    let lines = all.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines
        .filter(|line| line.windows(words.len()).any(|part| part == words))
        .count()
}

/// How many control groups there are by a lab's prefix, in all hierarchies.
fn cgroups(prefix: &str) -> usize {
    let root = Path::new("/sys/fs/cgroup");
    let hierarchies = std::fs::read_dir(root)
        .expect("control groups")
        .filter_map(Result::ok);
    let below = hierarchies.filter(|hierarchy| hierarchy.path().join(prefix).exists());
    below.count() + usize::from(root.join(prefix).exists())
}
