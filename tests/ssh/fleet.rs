//! Many hosts at once.

use std::time::{Duration, Instant};

use super::{
    engine::{Engine, get},
    ground::Ground,
};

/// Enough for the slots to matter; `WHARF_TEST_HOSTS` for a measurement with more.
fn hosts() -> usize {
    std::env::var("WHARF_TEST_HOSTS").map_or(40, |hosts| hosts.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_hosts_come_up_with_one_login_each_and_go_without_a_trace() {
    let hosts = hosts();
    let mut ground = Ground::new();
    // A cheap key exchange: these tests are not about the processor.
    let sshd = ground.sshd("KexAlgorithms curve25519-sha256\nMaxStartups 1000");
    for n in 0..hosts {
        ground.host(&format!("web-{n}"), &sshd, "");
    }
    let engine = Engine::listen(&ground.path("e"));
    let ssh = ground.ssh();
    let start = Instant::now();
    let opening: Vec<_> = (0..hosts)
        .map(|n| {
            let (ssh, socket) = (ssh.clone(), engine.socket().to_owned());
            tokio::spawn(async move {
                ssh.open(&format!("web-{n}"), None, Some(&socket), |_| {})
                    .await
            })
        })
        .collect();
    let mut tunnels = Vec::new();
    for tunnel in opening {
        tunnels.push(tunnel.await.unwrap().unwrap());
    }
    println!("{hosts} hosts after {:?}", start.elapsed());
    assert_eq!((sshd.logins(), ground.processes().len()), (hosts, hosts));
    for tunnel in &tunnels {
        get(&mut tunnel.connect().await.unwrap(), "/_ping", 2)
            .await
            .unwrap();
    }
    let start = Instant::now();
    drop(tunnels);
    ground.nothing_left(Duration::from_secs(10)).await;
    println!("gone after {:?}", start.elapsed());
}
