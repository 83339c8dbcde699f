//! Every cause has its own kind, reason and remedy.

use std::{
    io::Read as _,
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use wharf::model::{Trouble, TroubleKind};

use super::{
    engine::Engine,
    ground::{Ground, Sshd, free_port, is_root},
};

/// The trouble of opening `web`; nothing may be left of the attempt.
async fn trouble(ground: &Ground, socket: &str) -> Trouble {
    let trouble = ground
        .open("web", socket)
        .await
        .expect_err("this must fail");
    println!(
        "{:?}\n  {}\n  {}\n  {:#?}",
        trouble.kind, trouble.reason, trouble.remedy, trouble.raw
    );
    ground.nothing_left(Duration::from_secs(10)).await;
    trouble
}

fn fingerprint(ground: &Ground) -> String {
    let output = std::process::Command::new("ssh-keygen")
        .arg("-lf")
        .arg(ground.path("host.pub"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn an_unknown_host_key_is_shown_and_not_accepted() {
    let mut ground = Ground::new();
    let sshd = ground.sshd("");
    ground.stranger("web", &sshd, "");
    let trouble = trouble(&ground, "/nowhere.sock").await;
    assert_eq!(trouble.kind, TroubleKind::HostKeyUnknown);
    let key = fingerprint(&ground);
    assert_eq!(
        trouble.reason,
        format!(
            "the host key of 127.0.0.1:{} is not known (ssh-ed25519 {key})",
            sshd.port
        )
    );
    let command = format!("ssh -F {} web", ground.path("config").display());
    assert!(trouble.remedy.ends_with(&command), "{}", trouble.remedy);
    assert!(!ground.path("known").exists());
}

#[tokio::test]
async fn a_changed_host_key_names_the_line_to_remove() {
    let mut ground = Ground::new();
    let sshd = ground.sshd("");
    ground.stranger("web", &sshd, "");
    let other = std::fs::read_to_string(ground.path("stranger.pub")).unwrap();
    ground.know(&format!("[127.0.0.1]:{} {other}", sshd.port));
    let trouble = trouble(&ground, "/nowhere.sock").await;
    assert_eq!(trouble.kind, TroubleKind::HostKeyChanged);
    assert!(
        trouble.reason.contains(&fingerprint(&ground)),
        "{}",
        trouble.reason
    );
    assert!(
        trouble.remedy.contains("ssh-keygen -f "),
        "{}",
        trouble.remedy
    );
    let name = format!("[127.0.0.1]:{}", sshd.port);
    assert!(trouble.remedy.contains(&name), "{}", trouble.remedy);
}

#[tokio::test]
async fn a_revoked_host_key_is_final() {
    let mut ground = Ground::new();
    let sshd = ground.sshd("");
    ground.host("web", &sshd, "");
    let key = std::fs::read_to_string(ground.path("host.pub")).unwrap();
    ground.know(&format!("@revoked * {key}"));
    let trouble = trouble(&ground, "/nowhere.sock").await;
    assert_eq!(trouble.kind, TroubleKind::HostKeyChanged);
    assert!(trouble.reason.contains("is revoked"), "{}", trouble.reason);
}

#[tokio::test]
async fn a_wrong_key_is_no_reason_to_retry() {
    let mut ground = Ground::new();
    let sshd = ground.sshd("");
    ground.host("web", &sshd, "");
    std::fs::copy(ground.path("stranger.pub"), ground.path("allowed")).unwrap();
    let trouble = trouble(&ground, "/nowhere.sock").await;
    assert_eq!(trouble.kind, TroubleKind::AuthFailed);
    assert!(
        trouble
            .reason
            .contains("@127.0.0.1 accepts none of our keys (publickey)")
    );
    assert!(trouble.kind.needs_person());
}

#[tokio::test]
async fn a_password_is_not_asked_for() {
    let mut ground = Ground::new();
    let sshd = ground.sshd("PasswordAuthentication yes");
    ground.host("web", &sshd, "");
    std::fs::copy(ground.path("stranger.pub"), ground.path("allowed")).unwrap();
    let trouble = trouble(&ground, "/nowhere.sock").await;
    assert_eq!(trouble.kind, TroubleKind::LoginNeeded);
    assert!(
        trouble.reason.contains("asks for a password or a code"),
        "{}",
        trouble.reason
    );
    assert!(trouble.kind.login_may_help());
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    let mut ground = Ground::new();
    let port = free_port();
    ground.host_at("web", port, "");
    let trouble = trouble(&ground, "/nowhere.sock").await;
    assert_eq!(trouble.kind, TroubleKind::Unreachable);
    assert_eq!(
        trouble.reason,
        format!("127.0.0.1:{port} is not reached: Connection refused")
    );
}

#[tokio::test]
async fn a_port_that_does_not_greet_is_given_up_after_the_connect_timeout() {
    let mut ground = Ground::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    ground.host_at("web", silent.local_addr().unwrap().port(), "");
    let start = Instant::now();
    let trouble = trouble(&ground, "/nowhere.sock").await;
    assert_eq!(trouble.kind, TroubleKind::Timeout);
    assert!(
        trouble.reason.contains("no sshd greets"),
        "{}",
        trouble.reason
    );
    assert!(
        (4..15).contains(&start.elapsed().as_secs()),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn a_throttling_sshd_is_told_from_a_dead_one() {
    let mut ground = Ground::new();
    let sshd = ground.sshd("MaxStartups 1:100:1");
    ground.host("web", &sshd, "");
    let _in_the_door = in_the_door(&sshd);
    let trouble = trouble(&ground, "/nowhere.sock").await;
    assert_eq!(trouble.kind, TroubleKind::Throttled);
    assert_eq!(
        trouble.reason,
        "sshd turns us away for now: Exceeded MaxStartups"
    );
}

/// A connection that sshd has greeted and that says nothing.
fn in_the_door(sshd: &Sshd) -> TcpStream {
    for _ in 0..100 {
        let mut stream = TcpStream::connect(("127.0.0.1", sshd.port)).unwrap();
        let mut greeting = [0; 4];
        stream.read_exact(&mut greeting).unwrap();
        if &greeting == b"SSH-" {
            return stream;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("sshd lets nobody in: {}", sshd.log());
}

#[tokio::test]
async fn no_socket() {
    let mut ground = Ground::new();
    let sshd = ground.sshd("");
    ground.host("web", &sshd, "");
    let trouble = trouble(&ground, "/nowhere.sock").await;
    assert!(
        matches!(
            trouble.kind,
            TroubleKind::SocketMissing | TroubleKind::DaemonDown | TroubleKind::NoDocker
        ),
        "{trouble:?}"
    );
    assert!(trouble.remedy.contains("127.0.0.1") || trouble.remedy.contains("there is"));
}

#[tokio::test]
async fn a_socket_that_is_not_for_us() {
    let mut ground = Ground::new();
    let engine = Engine::listen(&ground.path("e"));
    std::fs::set_permissions(engine.socket(), PermissionsExt::from_mode(0o000)).unwrap();
    let without: &[&str] = if is_root() {
        std::os::unix::fs::chown(engine.socket(), Some(65534), Some(65534)).unwrap();
        &["dac_override", "dac_read_search"]
    } else {
        &[]
    };
    let sshd = ground.sshd_without(without, "");
    ground.host("web", &sshd, "");
    let trouble = trouble(&ground, engine.socket()).await;
    assert_eq!(trouble.kind, TroubleKind::SocketDenied);
    assert!(
        trouble.reason.contains(" may not use "),
        "{}",
        trouble.reason
    );
    assert!(trouble.remedy.contains("docker"), "{}", trouble.remedy);
}

#[tokio::test]
async fn a_daemon_that_is_down() {
    // With and without a docker command there: the first is told by its words, the second by the
    // kernel's list of listening sockets.
    for rules in [true, false] {
        let mut ground = Ground::new();
        let rules = if rules {
            ground.docker()
        } else {
            "SetEnv PATH=/nowhere".to_owned()
        };
        let sshd = ground.sshd(&rules);
        ground.host("web", &sshd, "");
        drop(std::os::unix::net::UnixListener::bind(ground.path("e")).unwrap());
        let socket = ground.path("e").display().to_string();
        let trouble = trouble(&ground, &socket).await;
        assert_eq!(trouble.kind, TroubleKind::DaemonDown);
        assert_eq!(trouble.reason, format!("no daemon listens at {socket}"));
        assert_eq!(trouble.remedy, "sudo systemctl start docker on 127.0.0.1");
    }
}

#[tokio::test]
async fn forwarding_forbidden_and_no_other_way() {
    let mut ground = Ground::new();
    let sshd = ground.sshd("DisableForwarding yes\nMaxSessions 0");
    ground.host("web", &sshd, "");
    let engine = Engine::listen(&ground.path("e"));
    let blind = trouble(&ground, engine.socket()).await;
    assert!(
        blind.reason.contains("sshd refuses sessions (MaxSessions)"),
        "{}",
        blind.reason
    );
    assert!(
        blind.remedy.contains("AllowStreamLocalForwarding"),
        "{}",
        blind.remedy
    );
}

#[tokio::test]
async fn an_engine_that_hangs_and_a_socket_of_something_else() {
    let mut ground = Ground::new();
    let sshd = ground.sshd("");
    ground.host("web", &sshd, "");
    let _hung = tokio::net::UnixListener::bind(ground.path("hung")).unwrap();
    let hung = trouble(&ground, ground.path("hung").to_str().unwrap()).await;
    assert_eq!(hung.kind, TroubleKind::Timeout);
    let other = tokio::net::UnixListener::bind(ground.path("other")).unwrap();
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        while let Ok((mut stream, _)) = other.accept().await {
            stream.write_all(b"220 mail ready\r\n").await.unwrap();
        }
    });
    let other = trouble(&ground, ground.path("other").to_str().unwrap()).await;
    assert_eq!(other.kind, TroubleKind::Other);
    assert!(
        other.reason.ends_with("is no engine: 220 mail ready"),
        "{}",
        other.reason
    );
}

#[tokio::test]
async fn troubles_of_a_jump_host() {
    let mut ground = Ground::new();
    let (jump, web) = (ground.sshd(""), ground.sshd(""));
    let closed = free_port();
    ground.host("jump", &jump, "");
    ground.stranger("stranger", &jump, "HostKeyAlias stranger");
    ground.host_at("closed", closed, "");
    ground.host("web", &web, "ProxyJump jump");
    let engine = Engine::listen(&ground.path("e"));
    let tunnel = ground.open("web", engine.socket()).await.unwrap();
    assert_eq!((jump.logins(), web.logins()), (1, 1));
    drop(tunnel);
    ground.host("web-1", &web, "ProxyJump stranger");
    ground.host("web-2", &web, "ProxyJump closed");
    ground.host_at("web-3", closed, "ProxyJump jump");
    let unknown = open_trouble(&ground, "web-1").await;
    assert_eq!(unknown.kind, TroubleKind::HostKeyUnknown);
    let hop = format!("the host key of the jump host 127.0.0.1:{}", jump.port);
    assert!(unknown.reason.starts_with(&hop), "{}", unknown.reason);
    assert!(
        unknown.reason.contains(&fingerprint(&ground)),
        "{}",
        unknown.reason
    );
    let down = open_trouble(&ground, "web-2").await;
    assert_eq!(down.kind, TroubleKind::JumpFailed);
    assert_eq!(
        down.reason,
        format!("the jump host 127.0.0.1:{closed} is not reached: Connection refused")
    );
    let behind = open_trouble(&ground, "web-3").await;
    assert_eq!(behind.kind, TroubleKind::Unreachable);
    assert!(
        behind
            .reason
            .contains("is not reached from the jump host jump"),
        "{}",
        behind.reason
    );
}

async fn open_trouble(ground: &Ground, host: &str) -> Trouble {
    let trouble = ground
        .open(host, "/nowhere.sock")
        .await
        .expect_err("this must fail");
    println!(
        "{:?}\n  {}\n  {}\n  {:#?}",
        trouble.kind, trouble.reason, trouble.remedy, trouble.raw
    );
    trouble
}

#[tokio::test]
async fn a_configuration_that_ssh_refuses() {
    let mut ground = Ground::new();
    ground.host_at("web", 1, "NoSuchOption yes");
    let trouble = trouble(&ground, "/nowhere.sock").await;
    assert_eq!(trouble.kind, TroubleKind::Other);
    assert!(
        trouble.reason.contains("ssh refuses its configuration"),
        "{}",
        trouble.reason
    );
}

#[tokio::test]
async fn no_ssh_here() {
    let mut ground = Ground::new();
    ground.host_at("web", 1, "");
    let mut settings = ground.settings();
    settings.program = "/nowhere/ssh".into();
    let ssh = wharf::engine::ssh::Ssh::new(settings).unwrap();
    let trouble = ssh.open("web", None, None, |_| {}).await.unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::NoSsh);
}
