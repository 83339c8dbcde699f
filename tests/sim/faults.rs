//! What is wrong with a host on demand, and the door by which other processes ask for it.

use tokio::time::{Duration, Instant, timeout};
use wharf::sim::{CONTROL_SOCKET, Faults};

use crate::client::{Client, piece};
use crate::{one_host, spec};

#[tokio::test]
async fn latency_is_felt_and_taken_back() {
    let (_dir, fleet, client) = one_host(spec(41)).await;
    client.get("/_ping").await;
    let slow = Faults {
        latency: Duration::from_millis(400),
        ..Faults::default()
    };
    assert!(fleet.set_faults("ams-1", slow));
    assert!(!fleet.set_faults("nobody", Faults::default()));
    let began = Instant::now();
    client.get("/_ping").await;
    assert!(began.elapsed() >= Duration::from_millis(400));
    fleet.set_faults("ams-1", Faults::default());
    let began = Instant::now();
    client.get("/_ping").await;
    assert!(began.elapsed() < Duration::from_millis(400));
}

#[tokio::test]
async fn a_refusing_host_drops_open_streams_and_new_connections() {
    let (_dir, fleet, client) = one_host(spec(41)).await;
    let mut events = client
        .open("GET", "/events", &[], "")
        .await
        .unwrap()
        .into_body();
    fleet.set_faults(
        "ams-1",
        Faults {
            refuse: true,
            ..Faults::default()
        },
    );
    let cut = timeout(
        Duration::from_secs(10),
        http_body_util::BodyExt::frame(&mut events),
    )
    .await;
    assert!(
        cut.expect("an end in time")
            .is_none_or(|frame| frame.is_err())
    );
    assert!(client.open("GET", "/_ping", &[], "").await.is_err());
    fleet.set_faults("ams-1", Faults::default());
    assert_eq!(client.get("/_ping").await.status, 200);
}

#[tokio::test]
async fn a_frozen_host_answers_nothing_and_goes_on_where_it_stood() {
    let (_dir, fleet, client) = one_host(spec(41)).await;
    let engine = fleet.engine("ams-1").unwrap();
    let name = client.healthy().await;
    let mut events = client.stream("/events").await;
    fleet.set_faults(
        "ams-1",
        Faults {
            freeze: true,
            ..Faults::default()
        },
    );
    engine.set_healthy(&name, false).unwrap();
    let moment = Duration::from_millis(300);
    assert!(timeout(moment, piece(&mut events)).await.is_err());
    assert!(
        timeout(moment, client.open("GET", "/_ping", &[], ""))
            .await
            .is_err()
    );
    fleet.set_faults("ams-1", Faults::default());
    let thawed = timeout(Duration::from_secs(10), piece(&mut events))
        .await
        .unwrap()
        .unwrap();
    assert!(String::from_utf8_lossy(&thawed).contains("health_status: unhealthy"));
    assert_eq!(client.get("/_ping").await.status, 200);
}

#[tokio::test]
async fn a_part_of_the_requests_fails() {
    let (_dir, fleet, client) = one_host(spec(41)).await;
    fleet.set_faults(
        "ams-1",
        Faults {
            error_rate: 0.5,
            ..Faults::default()
        },
    );
    let mut failed = 0;
    for _ in 0..60 {
        failed += usize::from(client.get("/_ping").await.status == 500);
    }
    assert!((10..50).contains(&failed), "{failed}");
}

#[tokio::test]
async fn other_processes_set_faults_and_mischief_over_http() {
    let (dir, fleet, client) = one_host(spec(41)).await;
    let control = Client::new(&dir.path().join(CONTROL_SOCKET));
    assert_eq!(
        control.json("/sim/hosts").await,
        serde_json::json!(["ams-1"])
    );
    let name = client.healthy().await;
    let path = format!("/sim/containers/{name}/die?exit=137&oom=1");
    assert_eq!(client.post(&path).await.status, 204);
    assert_eq!(client.state(&name).await["OOMKilled"], true);
    assert_eq!(client.post(&path).await.status, 400, "it is dead already");
    let other = client.healthy().await;
    let path = format!("/sim/containers/{other}/health?healthy=0&host=ams-1");
    assert_eq!(control.post(&path).await.status, 204);
    assert_eq!(client.state(&other).await["Health"]["Status"], "unhealthy");
    let said = format!("/sim/containers/{other}/log?stderr=1");
    assert_eq!(client.send("POST", &said, "one\ntwo\n").await.status, 204);
    let log = client
        .get(&format!("/containers/{other}/logs?stderr=1&tail=2"))
        .await
        .body;
    let lines: Vec<String> = crate::client::frames(&log)
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_eq!(lines, ["one\n", "two\n"]);
    // A frozen host hears nothing; the sim's own socket does.
    assert_eq!(
        control.post("/sim/faults?host=ams-1&freeze=1").await.status,
        204
    );
    assert!(
        timeout(
            Duration::from_millis(200),
            client.open("GET", "/_ping", &[], "")
        )
        .await
        .is_err()
    );
    assert_eq!(control.json("/sim/faults?host=ams-1").await["freeze"], true);
    assert_eq!(control.post("/sim/faults").await.status, 204);
    assert_eq!(client.get("/_ping").await.status, 200);
    assert_eq!(control.post("/sim/nonsense?host=ams-1").await.status, 404);
    assert!(fleet.engine("ams-1").unwrap().requests() > 5);
}
