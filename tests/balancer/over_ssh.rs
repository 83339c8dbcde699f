//! A balancer on another machine: its socket, its files, and what stands in the way.

use std::{fs, sync::Arc};

use wharf::{
    engine,
    model::{BalancerSpec, Endpoint, HostName, HostSpec, Machine, Mark, Share},
};

use super::{Reached, app::App, bring, name, proxy::Proxy, ssh::Ground};

fn settings(ground: &Ground) -> engine::Settings {
    engine::Settings {
        ssh: ground.settings(),
        ..engine::Settings::default()
    }
}

fn away(proxy: &Proxy, alias: &str) -> BalancerSpec {
    BalancerSpec {
        machine: Machine::Ssh {
            destination: Arc::from(alias),
            port: None,
        },
        ..proxy.spec()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_login_carries_all_that_is_asked_and_done() {
    let proxy = Proxy::start(2, 1);
    let mut ground = Ground::new();
    let sshd = ground.sshd("");
    ground.host("lb", &sshd, "");
    let reached = Reached::through(away(&proxy, "lb"), settings(&ground), Vec::new());
    let edge = reached.edge();
    let app = App::start("one", true).await;
    let slot = bring(&edge, "shop_stable", &app).await;
    assert!(slot.is_serving());
    edge.set_share(&proxy.text("canary.map"), "shop", Share::new(5).unwrap())
        .await
        .unwrap();
    fs::set_permissions(
        proxy.path("ops.state"),
        std::os::unix::fs::PermissionsExt::from_mode(0o640),
    )
    .unwrap();
    edge.save().await.unwrap();
    let state = fs::read_to_string(proxy.path("ops.state")).unwrap();
    let written = "s1 127.0.0.1 2 ";
    assert!(
        state.starts_with("1\n# be_id") && state.contains(written),
        "{state}"
    );
    let mode =
        std::os::unix::fs::MetadataExt::mode(&fs::metadata(proxy.path("ops.state")).unwrap());
    assert_eq!(mode & 0o777, 0o640);
    assert!(!proxy.path("ops.state.part").exists());
    let found = edge.check().await;
    assert!(
        found
            .iter()
            .any(|one| one.what == "kept connections" && one.mark == Mark::Ok),
        "{found:?}"
    );
    assert_eq!(sshd.logins(), 1);
    drop(edge);
    drop(reached);
    ground
        .nothing_left(std::time::Duration::from_secs(10))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_of_the_fleet_is_reached_as_the_fleet_says() {
    let proxy = Proxy::start(1, 1);
    let mut ground = Ground::new();
    let sshd = ground.sshd("");
    ground.host("lb", &sshd, "");
    let endpoint = Endpoint::Ssh {
        destination: "lb".to_owned(),
        port: None,
        socket: None,
    };
    let host = |name: &str, endpoint| HostSpec::new(name, endpoint, "test");
    let hosts = vec![
        host("web-1", endpoint),
        host(
            "tcp-1",
            Endpoint::Tcp {
                host: "10.0.0.1".to_owned(),
                port: 2375,
            },
        ),
    ];
    let at = |host: &str| {
        let spec = BalancerSpec {
            machine: Machine::Host(HostName::new(host)),
            ..proxy.spec()
        };
        Reached::through(spec, settings(&ground), hosts.clone())
    };
    assert_eq!(
        at("web-1").edge().slots("shop_stable").await.unwrap().len(),
        1
    );
    let error = at("tcp-1").edge().backends().await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("carries only its engine; name the machine by endpoint"),
        "{error}"
    );
    let error = at("nobody").edge().backends().await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("there is no host nobody; name a host"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_way_on_the_machine_is_told() {
    let mut proxy = Proxy::start(1, 1);
    let mut ground = Ground::new();
    let sshd = ground.sshd_without(&["dac_override"], "");
    ground.host("lb", &sshd, "");
    let at = |socket: &str| {
        let spec = BalancerSpec {
            socket: Arc::from(proxy.text(socket)),
            ..away(&proxy, "lb")
        };
        Reached::through(spec, settings(&ground), Vec::new())
    };
    let gone = at("nothing.sock").edge().backends().await.unwrap_err();
    assert!(gone.to_string().contains("there is no socket"), "{gone}");
    let everything = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode;
    fs::set_permissions(proxy.path("admin.sock"), everything(0o060)).unwrap();
    let nobody = rustix::fs::Gid::from_raw(65534);
    let other = rustix::fs::Uid::from_raw(65534);
    rustix::fs::chown(proxy.path("admin.sock"), Some(other), Some(nobody)).unwrap();
    let denied = at("admin.sock").edge().backends().await.unwrap_err();
    assert!(denied.to_string().contains("may not use"), "{denied}");
    assert!(
        denied
            .to_string()
            .contains("add root to the socket's group"),
        "{denied}"
    );

    let reached = at("operator.sock");
    let edge = reached.edge();
    assert_eq!(edge.slots("shop_stable").await.unwrap().len(), 1);
    proxy.kill();
    fs::remove_file(proxy.path("operator.sock")).ok();
    drop(std::os::unix::net::UnixListener::bind(proxy.path("operator.sock")).unwrap());
    let dead = edge.slots("shop_stable").await.unwrap_err();
    assert!(dead.to_string().contains("nothing listens on"), "{dead}");
    let unwritten = edge.save().await.unwrap_err();
    assert!(
        unwritten.to_string().contains("nothing listens on"),
        "{unwritten}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_sshd_forwards_nothing_a_program_there_carries_it() {
    let proxy = Proxy::start(1, 1);
    let mut ground = Ground::new();
    let bin = ground.path("bin");
    fs::create_dir_all(&bin).unwrap();
    let sshd = ground.sshd(&format!(
        "DisableForwarding yes\nSetEnv PATH={}:/usr/bin:/bin",
        bin.display()
    ));
    ground.host("lb", &sshd, "");
    let reached = Reached::through(away(&proxy, "lb"), settings(&ground), Vec::new());
    // What socat does, which may not be installed here.
    let script = "#!/usr/bin/python3\nimport socket,sys,threading,os\n\
        s=socket.socket(socket.AF_UNIX);s.connect(sys.argv[2].split(':',1)[1])\n\
        def up():\n  while c:=os.read(0,65536): s.sendall(c)\nthreading.Thread(target=up,daemon=True).start()\n\
        while c:=s.recv(65536): os.write(1,c)\n";
    fs::write(bin.join("socat"), script).unwrap();
    fs::set_permissions(
        bin.join("socat"),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let edge = reached.edge();
    assert_eq!(edge.slots("shop_stable").await.unwrap().len(), 1);
    edge.drain(&name("shop_stable/s1")).await.unwrap();
    assert!(
        !edge
            .slot(&name("shop_stable/s1"))
            .await
            .unwrap()
            .is_serving()
    );
}
