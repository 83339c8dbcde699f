//! Loss of a connection, and what is left of us when we end in any way.

use std::{
    fs,
    io::Read as _,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal};
use tokio::time::timeout;
use wharf::{engine::ssh::Ssh, model::TroubleKind};

use super::{
    engine::{Engine, get},
    ground::{Ground, free_port},
};

#[tokio::test]
async fn a_killed_sshd_is_noticed_at_once() {
    let mut ground = Ground::new();
    let sshd = ground.sshd("");
    ground.host("web", &sshd, "");
    let engine = Engine::listen(&ground.path("e"));
    let tunnel = ground.open("web", engine.socket()).await.unwrap();
    assert!(
        timeout(Duration::from_millis(500), tunnel.closed())
            .await
            .is_err()
    );
    let start = Instant::now();
    sshd.signal(Signal::KILL);
    let (one, two) = tokio::join!(tunnel.closed(), tunnel.closed());
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(one, two);
    assert_eq!(one.kind, TroubleKind::Lost);
    assert_eq!(one.reason, "sshd closed the connection");
    let error = tunnel.connect().await.unwrap_err();
    assert_eq!(error.to_string(), one.reason);
}

#[tokio::test]
async fn a_frozen_host_is_lost_after_three_keepalives() {
    let mut ground = Ground::new();
    let sshd = ground.sshd("");
    ground.host("web", &sshd, "");
    let engine = Engine::listen(&ground.path("e"));
    let tunnel = ground.open("web", engine.socket()).await.unwrap();
    let start = Instant::now();
    sshd.signal(Signal::STOP);
    let lost = timeout(Duration::from_secs(30), tunnel.closed())
        .await
        .unwrap();
    println!("lost after {:?}", start.elapsed());
    assert!(
        (14..28).contains(&start.elapsed().as_secs()),
        "{:?}",
        start.elapsed()
    );
    assert!(lost.reason.contains("no longer answers"), "{lost}");
}

#[tokio::test]
async fn a_dropped_attempt_leaves_nothing() {
    let mut ground = Ground::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    ground.host_at("web", silent.local_addr().unwrap().port(), "");
    let ssh = ground.ssh();
    for pause in [1, 30, 300] {
        let open = ssh.open("web", None, None, |_| {});
        assert!(timeout(Duration::from_millis(pause), open).await.is_err());
    }
    ground.nothing_left(Duration::from_secs(10)).await;
    drop(ssh);
    let left: Vec<_> = fs::read_dir(ground.path("run"))
        .unwrap()
        .flatten()
        .collect();
    assert_eq!(left.len(), 1, "only the lock may stay: {left:?}");
}

/// A dead host gives its slot back, so that it delays nobody: else these twelve would keep the two
/// slots for half a minute.
#[tokio::test]
async fn dead_hosts_do_not_delay_the_living() {
    let mut ground = Ground::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let sshd = ground.sshd("");
    ground.host("web", &sshd, "");
    for n in 0..12 {
        // A proxy that never answers stands for an address that swallows packets.
        ground.host_at(
            &format!("dead-{n}"),
            silent.local_addr().unwrap().port(),
            "ProxyCommand sleep 60",
        );
    }
    let engine = Engine::listen(&ground.path("e"));
    let mut settings = ground.settings();
    settings.concurrent_logins = 2;
    let ssh = Ssh::new(settings).unwrap();
    let dead: Vec<_> = (0..12)
        .map(|n| {
            let ssh = ssh.clone();
            tokio::spawn(async move { ssh.open(&format!("dead-{n}"), None, None, |_| {}).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let start = Instant::now();
    ssh.open("web", None, Some(engine.socket()), |_| {})
        .await
        .unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "{:?}",
        start.elapsed()
    );
    dead.iter().for_each(tokio::task::JoinHandle::abort);
}

#[test]
fn nothing_survives_a_kill() {
    let mut ground = Ground::new();
    let (jump, web) = (ground.sshd(""), ground.sshd(""));
    ground.host("jump", &jump, "");
    ground.host("web", &web, "ProxyJump jump");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let engine = runtime.block_on(async { Engine::listen(&ground.path("e")) });
    let mut holder = as_process(&ground, "hold", engine.socket())
        .spawn()
        .unwrap();
    let ready = ground.path("ready");
    wait_for(&ready);
    assert!(ground.processes().len() >= 6, "{:?}", ground.processes());
    holder.kill().unwrap();
    holder.wait().unwrap();
    runtime.block_on(ground.nothing_left(Duration::from_secs(10)));
    runtime.block_on(async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!((jump.connections(), web.connections()), (vec![], vec![]));
    });
    // What is left are dead files, which the next start sweeps.
    assert!(fs::read_dir(ground.path("run")).unwrap().count() > 1);
    drop(ground.ssh());
    assert_eq!(fs::read_dir(ground.path("run")).unwrap().count(), 1);
}

#[test]
fn a_sweep_ends_what_hangs() {
    let mut ground = Ground::new();
    let (jump, web) = (ground.sshd(""), ground.sshd(""));
    ground.host("jump", &jump, "");
    ground.host("web", &web, "ProxyJump jump");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let engine = runtime.block_on(async { Engine::listen(&ground.path("e")) });
    let mut holder = as_process(&ground, "hold", engine.socket())
        .spawn()
        .unwrap();
    wait_for(&ground.path("ready"));
    // The ssh of the jump host cannot react while it is stopped.
    let stopped = jump_processes(&ground);
    assert!(!stopped.is_empty());
    for pid in &stopped {
        rustix::process::kill_process(*pid, Signal::STOP).unwrap();
    }
    holder.kill().unwrap();
    holder.wait().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert!(!ground.processes().is_empty());
    let ssh = ground.ssh();
    for pid in stopped {
        let _ = rustix::process::kill_process(pid, Signal::CONT);
    }
    runtime.block_on(ground.nothing_left(Duration::from_secs(10)));
    drop(ssh);
}

fn jump_processes(ground: &Ground) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let mark = ground.path("run").display().to_string();
    pids.filter(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(&mark) && line.contains(" -W ")
    })
    .filter_map(Pid::from_raw)
    .collect()
}

/// ssh does not pass `-o BatchMode` on to the ssh of a jump host, which then asks on the terminal.
#[test]
fn no_prompt_reaches_the_terminal() {
    let mut ground = Ground::new();
    let (jump, web) = (ground.sshd(""), ground.sshd(""));
    ground.stranger("jump", &jump, "");
    super::ground::keygen(&ground.path("locked"), "secret");
    let locked = format!("IdentityFile {}", ground.path("locked").display());
    ground.stranger("locked", &jump, &format!("HostKeyAlias locked\n{locked}"));
    ground.know(&format!(
        "locked {}",
        fs::read_to_string(ground.path("host.pub")).unwrap()
    ));
    fs::copy(ground.path("locked.pub"), ground.path("allowed")).unwrap();
    ground.host("web-1", &web, "ProxyJump jump");
    ground.host("web-2", &web, "ProxyJump locked");
    ground.host_at("web-3", free_port(), "");
    ground.stranger("web-4", &jump, &format!("HostKeyAlias nobody\n{locked}"));
    let screen = on_a_terminal(&ground, "ask");
    let between = screen
        .split_once("<<<")
        .and_then(|(_, rest)| rest.split_once(">>>"));
    assert_eq!(between.map(|(between, _)| between), Some(""), "{screen}");
    let kinds = fs::read_to_string(ground.path("ready")).unwrap();
    assert_eq!(
        kinds,
        "HostKeyUnknown, AuthFailed, Unreachable, HostKeyUnknown"
    );
}

/// Runs one of the processes below under a pseudo-terminal and returns all that it showed.
fn on_a_terminal(ground: &Ground, part: &str) -> String {
    let pty = portable_pty::native_pty_system()
        .openpty(portable_pty::PtySize::default())
        .unwrap();
    let mut command = portable_pty::CommandBuilder::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "life::a_process_of_another_test",
        "--ignored",
        "--nocapture",
    ]);
    command.env(PART, part);
    command.env("WHARF_TEST_GROUND", ground.path(""));
    command.env("WHARF_TEST_SOCKET", "/nowhere.sock");
    let mut child = pty.slave.spawn_command(command).unwrap();
    let mut reader = pty.master.try_clone_reader().unwrap();
    drop(pty.slave);
    let mut screen = Vec::new();
    // A terminal whose other side is closed ends with an error.
    let _ = reader.read_to_end(&mut screen);
    assert!(
        child.wait().unwrap().success(),
        "{}",
        String::from_utf8_lossy(&screen)
    );
    String::from_utf8_lossy(&screen).into_owned()
}

const PART: &str = "WHARF_TEST_PART";

fn as_process(ground: &Ground, part: &str, socket: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "life::a_process_of_another_test",
            "--ignored",
            "--nocapture",
        ])
        .env(PART, part)
        .env("WHARF_TEST_GROUND", ground.path(""))
        .env("WHARF_TEST_SOCKET", socket)
        .stdout(Stdio::null());
    command
}

fn wait_for(path: &Path) {
    let start = Instant::now();
    while !path.exists() {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "no {}",
            path.display()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "other tests run it as a process of its own"]
async fn a_process_of_another_test() {
    let part = std::env::var(PART).expect("other tests run this, with what it is to do");
    let ground = std::path::PathBuf::from(std::env::var("WHARF_TEST_GROUND").unwrap());
    let socket = std::env::var("WHARF_TEST_SOCKET").unwrap();
    let ssh = Ssh::new(wharf::engine::ssh::Settings {
        config: Some(ground.join("config")),
        runtime_dir: ground.join("run"),
        ..Default::default()
    })
    .unwrap();
    let open = async |host: &str| ssh.open(host, None, Some(&socket), |_| {}).await;
    if part == "hold" {
        let mut held = Vec::new();
        for _ in 0..3 {
            let tunnel = open("web").await.unwrap();
            let mut stream = tunnel.connect().await.unwrap();
            get(&mut stream, "/follow", 5).await.unwrap();
            held.push((tunnel, stream));
        }
        fs::write(ground.join("ready"), "").unwrap();
        std::future::pending::<()>().await;
    }
    print!("<<<");
    std::io::Write::flush(&mut std::io::stdout()).unwrap();
    let mut kinds = Vec::new();
    for host in ["web-1", "web-2", "web-3", "web-4"] {
        kinds.push(format!("{:?}", open(host).await.unwrap_err().kind));
    }
    println!(">>>");
    fs::write(ground.join("ready"), kinds.join(", ")).unwrap();
}
