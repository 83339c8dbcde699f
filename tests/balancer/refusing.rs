//! What does not go: each with the balancer, the reason, and what to do.

use std::{fs, path::Path, sync::Arc};

use wharf::{
    clients::{Error, ErrorKind, Finding, haproxy::Level},
    model::{BalancerSpec, Mark, Share},
};

use super::{
    Reached,
    app::App,
    bring, edge, name,
    proxy::{Proxy, head},
};

#[track_caller]
fn told(error: Error, kind: ErrorKind, why: &str, remedy: &str) {
    assert_eq!(error.kind, kind, "{error}");
    assert!(error.doing.starts_with("edge: "), "{error}");
    assert!(error.why.contains(why), "{error}");
    let said = error.remedy.clone().unwrap_or_default();
    assert!(said.contains(remedy), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_told() {
    let proxy = Proxy::start(1, 1);
    let edge = edge(&proxy);
    let missing = ErrorKind::Missing;
    told(
        edge.slots("nope").await.unwrap_err(),
        missing,
        "no backend with servers is called 'nope'",
        "shop_stable",
    );
    let server = edge.drain(&name("shop_stable/s9")).await.unwrap_err();
    told(server, missing, "No such server", "balancer show");
    let backend = edge.rest(&name("nope/s1")).await.unwrap_err();
    told(backend, missing, "No such backend", "balancer show");
    let map = edge
        .set_share("/nowhere.map", "shop", Share::NONE)
        .await
        .unwrap_err();
    told(map, missing, "Unknown map identifier", "balancer render");
    let map = edge.share("/nowhere.map", "shop").await.unwrap_err();
    told(map, missing, "Unknown map identifier", "balancer render");
    let weight = edge.weight(&name("shop_stable/s1"), 300).await.unwrap_err();
    told(weight, ErrorKind::Refused, "between 0 and 256", "");
    let odd = edge
        .set_share("/m; shutdown frontend shop", "shop", Share::NONE)
        .await
        .unwrap_err();
    told(odd, ErrorKind::Wrong, "cannot stand in a command", "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_backend_and_an_unchecked_one_take_nothing() {
    let proxy = Proxy::start(1, 1);
    let edge = edge(&proxy);
    let (one, two) = (App::start("one", true).await, App::start("two", true).await);
    let slot = bring(&edge, "shop_stable", &one).await;
    let full = edge.enter("shop_stable", two.address).await.unwrap_err();
    told(
        full,
        ErrorKind::Refused,
        "none of its 1 slots is free: 1 ready",
        "server-template",
    );
    let unchecked = edge.enter("unchecked", two.address).await.unwrap_err();
    told(
        unchecked,
        ErrorKind::Refused,
        "unchecked/one is not checked",
        "default-server check",
    );
    edge.rest(&slot.name).await.unwrap();
    let resting = edge.admit(&slot).await.unwrap_err();
    told(
        resting,
        ErrorKind::Refused,
        "it is in maintenance",
        "wait until it is up",
    );
    edge.retire(&slot.name).await.unwrap();
    let other = edge.admit(&slot).await.unwrap_err();
    told(
        other,
        ErrorKind::Refused,
        "another address",
        "enter it again",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_of_a_lower_level_looks_and_changes_nothing() {
    let proxy = Proxy::start(1, 1);
    let spec = BalancerSpec {
        socket: Arc::from(proxy.text("operator.sock")),
        ..proxy.spec()
    };
    let reached = Reached::of(spec);
    let edge = reached.edge();
    assert_eq!(edge.about().await.unwrap().level, Level::Operator);
    assert_eq!(edge.slots("shop_stable").await.unwrap().len(), 1);
    let refused = edge.drain(&name("shop_stable/s1")).await.unwrap_err();
    told(
        refused,
        ErrorKind::Refused,
        "Permission denied",
        "level admin",
    );
    let app = App::start("one", true).await;
    let refused = edge.enter("shop_stable", app.address).await.unwrap_err();
    told(
        refused,
        ErrorKind::Refused,
        "Permission denied",
        "level admin",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_without_haproxy_says_what_is_the_matter() {
    let mut proxy = Proxy::start(1, 1);
    let at = |socket: String| {
        Reached::of(BalancerSpec {
            socket: Arc::from(socket),
            ..proxy.spec()
        })
    };
    let (dead, gone, other) = (
        at(proxy.text("admin.sock")),
        at(proxy.text("nothing.sock")),
        at(proxy.text("mute.sock")),
    );
    let mute = tokio::net::UnixListener::bind(proxy.path("mute.sock")).unwrap();
    tokio::spawn(async move {
        loop {
            // It hears and hangs up.
            drop(mute.accept().await);
        }
    });
    proxy.kill();
    // The master removes its sockets; one that was killed would not.
    fs::remove_file(proxy.path("admin.sock")).ok();
    drop(std::os::unix::net::UnixListener::bind(proxy.path("admin.sock")).unwrap());
    let offline = ErrorKind::Offline;
    told(
        dead.edge().backends().await.unwrap_err(),
        offline,
        "nothing listens on",
        "start what listens",
    );
    told(
        gone.edge().backends().await.unwrap_err(),
        offline,
        "there is no socket",
        "correct the socket's path",
    );
    told(
        other.edge().about().await.unwrap_err(),
        offline,
        "ended before the answer",
        "look whether it runs",
    );
}

fn of<'f>(found: &'f [Finding], what: &str) -> &'f Finding {
    found
        .iter()
        .find(|one| one.what == what)
        .unwrap_or_else(|| panic!("no {what} in {found:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_finds_what_is_missing_and_nothing_where_nothing_is() {
    let proxy = Proxy::start(2, 1);
    let found = edge(&proxy).check().await;
    let odd: Vec<&Finding> = found.iter().filter(|one| one.mark != Mark::Ok).collect();
    // The backend that the tests added.
    let [checks] = &*odd else { panic!("{odd:?}") };
    assert!(
        checks.what == "checks of unchecked" && checks.saw == "one is not checked",
        "{checks:?}"
    );

    let bare = |dir: &Path| {
        let head = head(dir).replace("load-server-state-from-file global", "");
        let head = head.replace(
            &format!("server-state-file {}/ops.state", dir.display()),
            "",
        );
        format!(
            "{head}frontend web\n  bind unix@{}/front.sock\n  default_backend web\nbackend web\n  server a 10.0.0.1:80\nbackend old\n  default-server check\n  server-template s 1-2 10.0.0.1:1 disabled\n",
            dir.display()
        )
    };
    let proxy = Proxy::with(bare);
    let found = edge(&proxy).check().await;
    for (what, mark, saw, remedy) in [
        ("level", Mark::Ok, "admin", ""),
        (
            "checks of web",
            Mark::Failed,
            "a is not checked",
            "option httpchk",
        ),
        (
            "slots of web",
            Mark::Warning,
            "0 are free",
            "server-template",
        ),
        ("map", Mark::Failed, "it has read no map", "balancer render"),
        (
            "server-state-file",
            Mark::Failed,
            "no states",
            "write `server-state-file",
        ),
        (
            "addresses of slots",
            Mark::Failed,
            "server-template in old",
            "free.invalid",
        ),
        (
            "server states",
            Mark::Warning,
            "backend web, backend old without",
            "load-server-state-from-file",
        ),
        (
            "kept connections",
            Mark::Warning,
            "frontend web without",
            "idle-close-on-response",
        ),
    ] {
        let one = of(&found, what);
        assert_eq!(one.mark, mark, "{one:?}");
        assert!(
            one.saw.contains(saw) && one.remedy.contains(remedy),
            "{one:?}"
        );
    }
}
