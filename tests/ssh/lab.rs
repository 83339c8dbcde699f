//! The transport on the lab: real Docker hosts, real jump hosts, and every way to be broken.

use std::time::{Duration, Instant};

use tokio::time::timeout;
use wharf::{
    engine::ssh::{Settings, Ssh, Tunnel},
    model::{Trouble, TroubleKind, Way},
};
use wharf_lab::Lab;

use super::engine::get;

/// A transport that reads the lab's `ssh_config`, and its directory.
fn transport(lab: &Lab) -> (Ssh, tempfile::TempDir) {
    let dir = tempfile::Builder::new()
        .prefix("wlab")
        .tempdir_in("/tmp")
        .unwrap();
    let settings = Settings {
        config: Some(lab.ssh_config()),
        runtime_dir: dir.path().join("run"),
        ..Settings::default()
    };
    (Ssh::new(settings).unwrap(), dir)
}

async fn open(ssh: &Ssh, host: &str) -> Result<Tunnel, Trouble> {
    let opened = ssh.open(host, None, None, |_| {}).await;
    match &opened {
        Ok(tunnel) => println!("{host}: {:?} {}", tunnel.way(), tunnel.socket()),
        Err(trouble) => println!(
            "{host}: {:?}\n  {}\n  {}",
            trouble.kind, trouble.reason, trouble.remedy
        ),
    }
    opened
}

#[tokio::test]
async fn all_nodes_answer_at_the_same_time() {
    use Way::{SshForward, SshStdio};
    let lab = Lab::shared();
    let _hosts = ["node1", "node2", "node3", "node4"].map(|name| lab.host(name));
    let (ssh, _dir) = transport(&lab);
    let start = Instant::now();
    let (one, two, three, four) = tokio::join!(
        open(&ssh, "node1"),
        open(&ssh, "node2"),
        open(&ssh, "node3"),
        open(&ssh, "node4")
    );
    println!("all open after {:?}", start.elapsed());
    let tunnels = [one.unwrap(), two.unwrap(), three.unwrap(), four.unwrap()];
    let ways = tunnels.each_ref().map(Tunnel::way);
    assert_eq!(ways, [SshForward, SshForward, SshForward, SshStdio]);
    for tunnel in &tunnels {
        let mut stream = tunnel.connect().await.unwrap();
        get(&mut stream, "/containers/json?all=1", 100)
            .await
            .unwrap();
        let load = tunnel
            .run("cat /proc/loadavg", Duration::from_secs(5))
            .await;
        assert_eq!(load.unwrap().split(' ').count(), 5);
    }
}

#[tokio::test]
async fn hosts_that_work_in_spite_of_something() {
    let lab = Lab::shared();
    let _host = lab.host("node1");
    let (ssh, _dir) = transport(&lab);
    for (host, way) in [
        ("noisy", Way::SshForward),
        // No shell, but in the docker group.
        ("bad-nologin", Way::SshForward),
        ("few-sessions", Way::SshForward),
        ("no-sessions", Way::SshForward),
        ("no-forward", Way::SshStdio),
        ("banner", Way::SshForward),
    ] {
        let tunnel = open(&ssh, host).await.unwrap();
        assert_eq!(tunnel.way(), way, "{host}");
        if host == "banner" {
            assert_eq!(tunnel.notes()[0], "This host is the property of the lab.");
        }
    }
}

#[tokio::test]
async fn every_broken_host_says_how_it_is_broken() {
    use TroubleKind::{
        AuthFailed, DaemonDown, Dns, HostKeyChanged, HostKeyUnknown, LoginNeeded, NoDocker,
        SocketDenied, Timeout, Unreachable,
    };
    let lab = Lab::shared();
    let _hosts = ["bare", "node1", "node3", "stopped"].map(|name| lab.host(name));
    let (ssh, _dir) = transport(&lab);
    for (host, kind, words) in [
        ("bad-unknown-key", HostKeyUnknown, "SHA256:"),
        (
            "bad-changed-key",
            HostKeyChanged,
            "is not the one in known_hosts",
        ),
        ("bad-auth", AuthFailed, "accepts none of our keys"),
        ("bad-locked-key", AuthFailed, "accepts none of our keys"),
        ("needs-password", LoginNeeded, "asks for a password"),
        (
            "bad-group",
            SocketDenied,
            "guest may not use /var/run/docker.sock",
        ),
        ("bad-nodocker", NoDocker, "there is no Docker"),
        (
            "bad-daemon-down",
            DaemonDown,
            "no daemon listens at /var/run/docker.sock",
        ),
        ("bad-refused", Unreachable, "Connection refused"),
        ("bad-unreachable", Unreachable, "is not reached"),
        ("bad-dns", Dns, "is not found"),
        ("bad-hung", Timeout, "no sshd greets"),
        (
            "bad-jump-key",
            HostKeyUnknown,
            "the host key of the jump host",
        ),
        ("bad-jump-auth", AuthFailed, "the jump host (ops@"),
        ("bad-jump-locked", AuthFailed, "the jump host (ops@"),
    ] {
        let trouble = open(&ssh, host).await.expect_err(host);
        assert_eq!(trouble.kind, kind, "{host}: {trouble}");
        assert!(trouble.reason.contains(words), "{host}: {trouble}");
    }
}

#[tokio::test]
async fn a_host_that_is_cut_off_is_lost_and_comes_back() {
    let lab = Lab::shared();
    let host = lab.disturb("node2");
    let (ssh, _dir) = transport(&lab);
    let tunnel = open(&ssh, "node2").await.unwrap();
    let start = Instant::now();
    host.cut();
    let lost = timeout(Duration::from_secs(30), tunnel.closed())
        .await
        .unwrap();
    println!("lost after {:?}: {}", start.elapsed(), lost.reason);
    assert_eq!(lost.kind, TroubleKind::Lost);
    let trouble = open(&ssh, "node2").await.unwrap_err();
    assert!(
        matches!(
            trouble.kind,
            TroubleKind::Timeout | TroubleKind::Unreachable
        ),
        "{trouble}"
    );
    host.heal();
    open(&ssh, "node2").await.unwrap();
}
