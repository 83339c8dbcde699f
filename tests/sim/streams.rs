//! Events, logs, stats and exec: what goes on for as long as somebody listens.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Duration, Instant, timeout};
use wharf::sim::{Cgroup, Spec};

use crate::client::{Client, frames, piece, whole_frames};
use crate::{one_host, spec};

const PATIENCE: Duration = Duration::from_secs(20);

/// The next JSON line of a stream.
async fn event(body: &mut hyper::body::Incoming) -> Value {
    let data = timeout(PATIENCE, piece(body))
        .await
        .expect("an event in time")
        .expect("an event");
    serde_json::from_slice(&data).unwrap()
}

#[tokio::test]
async fn events_are_streamed_and_filtered() {
    let (_dir, fleet, client) = one_host(spec(41)).await;
    let engine = fleet.engine("ams-1").unwrap();
    let name = client.healthy().await;
    let filters = "%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B%22die%22%2C%22health_status%22%5D%7D";
    let mut all = client.stream("/events").await;
    let mut some = client.stream(&format!("/events?filters={filters}")).await;
    engine.set_healthy(&name, false).unwrap();
    engine.die(&name, 1, false).unwrap();
    let first = event(&mut all).await;
    assert_eq!(first["Action"], "health_status: unhealthy");
    assert_eq!(first["status"], first["Action"]);
    assert_eq!(first["Actor"]["Attributes"]["name"], name);
    assert_eq!(first["from"], first["Actor"]["Attributes"]["image"]);
    assert!(first["Actor"]["Attributes"]["com.docker.compose.project"].is_string());
    assert_eq!(
        first["time"],
        first["timeNano"].as_i64().unwrap() / 1_000_000_000
    );
    assert_eq!(event(&mut all).await["Action"], "die");
    let network = event(&mut all).await;
    assert_eq!(
        (&network["Type"], &network["Action"]),
        (&json!("network"), &json!("disconnect"))
    );
    assert_eq!(network.get("status"), None);
    assert_eq!(event(&mut some).await["Action"], "health_status: unhealthy");
    let die = event(&mut some).await;
    assert_eq!(
        (&die["Action"], &die["Actor"]["Attributes"]["exitCode"]),
        (&json!("die"), &json!("1"))
    );
}

/// Seconds and nanoseconds since 1970, as the Engine API wants them.
fn unix(stamp: &str) -> String {
    let nanos = stamp.parse::<jiff::Timestamp>().unwrap().as_nanosecond();
    format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}

#[tokio::test]
async fn logs_have_frames_tails_stamps_and_beginnings() {
    let (_dir, _fleet, client) = one_host(spec(42)).await;
    let name = client.pick(|row| row["Names"][0] == "/shop-web-1").await;
    let logs = async |query: &str| {
        client
            .get(&format!(
                "/containers/{name}/logs?stdout=1&stderr=1&{query}"
            ))
            .await
    };
    let reply = logs("tail=20&timestamps=1").await;
    assert_eq!(
        reply.headers["content-type"],
        "application/vnd.docker.multiplexed-stream"
    );
    let stamped = frames(&reply.body);
    assert_eq!(stamped.len(), 20);
    let stamps: Vec<&str> = stamped
        .iter()
        .map(|(_, text)| text.split(' ').next().unwrap())
        .collect();
    assert!(stamps.is_sorted());
    assert!(
        stamps
            .iter()
            .all(|stamp| stamp.len() == "2026-11-21T22:25:53.084096707Z".len()),
        "{stamps:?}"
    );
    let tenth = format!("since={}&until={}", unix(stamps[10]), unix(stamps[14]));
    assert_eq!(frames(&logs(&tenth).await.body).len(), 5);
    let text = |(_, text): &(u8, String)| text.split_once(' ').unwrap().1.to_owned();
    let again: Vec<String> = frames(&logs(&tenth).await.body)
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_eq!(again, stamped[10..15].iter().map(text).collect::<Vec<_>>());
    let out = client
        .get(&format!("/containers/{name}/logs?stdout=1&tail=200"))
        .await;
    assert!(frames(&out.body).iter().all(|(stream, _)| *stream == 1));
    let all = frames(&client.get("/containers/debug-shell/json").await.body[..0]);
    assert!(all.is_empty());
    let raw = client
        .get("/containers/debug-shell/logs?stdout=1&tail=2")
        .await;
    assert_eq!(
        raw.headers["content-type"],
        "application/vnd.docker.raw-stream"
    );
    assert_eq!(
        String::from_utf8(raw.body.to_vec())
            .unwrap()
            .matches("\r\n")
            .count(),
        2
    );
}

#[tokio::test]
async fn a_dead_container_s_last_words_say_why() {
    let (_dir, fleet, client) = one_host(spec(41)).await;
    let name = client.healthy().await;
    fleet.engine("ams-1").unwrap().die(&name, 2, false).unwrap();
    let body = client
        .get(&format!("/containers/{name}/logs?stderr=1&tail=4"))
        .await
        .body;
    let last: Vec<String> = frames(&body).into_iter().map(|(_, text)| text).collect();
    assert_eq!(last.len(), 4);
    assert!(last[1].starts_with("panic: "), "{last:?}");
}

#[tokio::test]
async fn following_hears_new_lines_and_ends_with_the_container() {
    let (_dir, fleet, client) = one_host(spec(41)).await;
    let engine = fleet.engine("ams-1").unwrap();
    // A voice that says a line in a minute, so that only pushed lines come.
    let name = client
        .pick(|row| row["Names"][0] == "/monitoring-loki-1")
        .await;
    let mut body = client
        .stream(&format!(
            "/containers/{name}/logs?stdout=1&stderr=1&follow=1&tail=0"
        ))
        .await;
    engine.log(&name, true, "first").unwrap();
    assert_eq!(
        frames(&piece(&mut body).await.unwrap()),
        [(2, "first\n".to_owned())]
    );
    engine.log(&name, false, "second").unwrap();
    assert_eq!(
        frames(&piece(&mut body).await.unwrap()),
        [(1, "second\n".to_owned())]
    );
    engine.die(&name, 0, false).unwrap();
    let rest = timeout(PATIENCE, body.collect())
        .await
        .expect("the end in time")
        .unwrap()
        .to_bytes();
    assert_eq!(frames(&rest), [(1, "work done, bye\n".to_owned())]);
}

#[tokio::test]
async fn a_flood_arrives_whole_and_in_order() {
    let (_dir, fleet, client) = one_host(spec(41)).await;
    let name = client
        .pick(|row| row["Names"][0] == "/monitoring-loki-1")
        .await;
    let mut body = client
        .stream(&format!("/containers/{name}/logs?stdout=1&follow=1&tail=0"))
        .await;
    fleet
        .engine("ams-1")
        .unwrap()
        .flood(&name, 50_000, 200_000)
        .unwrap();
    let mut seen = 0;
    let mut rest: Vec<u8> = Vec::new();
    while seen < 50_000 {
        let data = timeout(PATIENCE, piece(&mut body))
            .await
            .expect("lines in time")
            .unwrap();
        rest.extend_from_slice(&data);
        let (lines, after) = whole_frames(&rest);
        for (_, text) in lines {
            seen += 1;
            assert!(text.starts_with(&format!("line {seen:09} ")), "{text}");
        }
        rest = after.to_vec();
    }
}

fn busy(sample: &Value) -> (u64, u64) {
    let cpu = |part: &str, field: &str| sample[part][field].as_u64();
    let used = |part: &str| sample[part]["cpu_usage"]["total_usage"].as_u64().unwrap();
    let system = cpu("cpu_stats", "system_cpu_usage").unwrap()
        - cpu("precpu_stats", "system_cpu_usage").unwrap();
    (used("cpu_stats") - used("precpu_stats"), system)
}

#[tokio::test]
async fn stats_come_each_second_and_carry_the_sample_before() {
    let (_dir, _fleet, client) = one_host(spec(41)).await;
    let name = client.healthy().await;
    let mut body = client.stream(&format!("/containers/{name}/stats")).await;
    let first = event(&mut body).await;
    assert_eq!(first["precpu_stats"].get("system_cpu_usage"), None);
    assert_eq!(first["preread"], "0001-01-01T00:00:00Z");
    let began = Instant::now();
    let second = event(&mut body).await;
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(second["preread"], first["read"]);
    assert_eq!(second["precpu_stats"], first["cpu_stats"]);
    let (used, system) = busy(&second);
    assert!(used > 0 && used < system, "{used} of {system}");
    assert!(second["memory_stats"]["usage"].as_u64() < second["memory_stats"]["limit"].as_u64());
    assert!(
        second["networks"]["eth0"]["rx_bytes"].as_u64()
            > first["networks"]["eth0"]["rx_bytes"].as_u64()
    );
    let single = client
        .json(&format!("/containers/{name}/stats?stream=0"))
        .await;
    assert!(busy(&single).0 > 0);
    let shot = client
        .json(&format!("/containers/{name}/stats?stream=0&one-shot=1"))
        .await;
    assert_eq!(shot["precpu_stats"]["cpu_usage"]["total_usage"], 0);
    let stopped = client.pick(|row| row["State"] == "exited").await;
    let zero = client
        .json(&format!("/containers/{stopped}/stats?stream=0"))
        .await;
    assert_eq!(
        (&zero["read"], &zero["memory_stats"]),
        (&json!("0001-01-01T00:00:00Z"), &json!({}))
    );
}

#[tokio::test]
async fn both_versions_of_cgroups_have_their_shape() {
    for (cgroup, cache, version) in [
        (Cgroup::V1, "total_inactive_file", "1"),
        (Cgroup::V2, "inactive_file", "2"),
    ] {
        let (_dir, _fleet, client) = one_host(Spec { cgroup, ..spec(41) }).await;
        assert_eq!(client.json("/info").await["CgroupVersion"], version);
        let name = client.healthy().await;
        let sample = client
            .json(&format!("/containers/{name}/stats?stream=0&one-shot=1"))
            .await;
        assert!(sample["memory_stats"]["stats"][cache].is_u64());
        let percpu = sample["cpu_stats"]["cpu_usage"]
            .get("percpu_usage")
            .is_some();
        assert_eq!(percpu, cgroup == Cgroup::V1);
        let operation = &sample["blkio_stats"]["io_service_bytes_recursive"][0]["op"];
        assert_eq!(
            operation,
            if cgroup == Cgroup::V1 { "Read" } else { "read" }
        );
    }
}

async fn make_exec(client: &Client, name: &str, body: Value) -> String {
    let made = client
        .send(
            "POST",
            &format!("/containers/{name}/exec"),
            body.to_string(),
        )
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    made.json()["Id"].as_str().unwrap().to_owned()
}

/// Starts an exec over a raw connection.
async fn attach(client: &Client, exec: &str) -> TokioIo<hyper::upgrade::Upgraded> {
    let headers = [
        ("connection", "Upgrade"),
        ("upgrade", "tcp"),
        ("content-type", "application/json"),
    ];
    let response = client
        .open(
            "POST",
            &format!("/exec/{exec}/start"),
            &headers,
            Bytes::from_static(b"{}"),
        )
        .await;
    let response = response.unwrap();
    assert_eq!(response.status(), 101);
    assert_eq!(response.headers()["upgrade"], "tcp");
    TokioIo::new(hyper::upgrade::on(response).await.unwrap())
}

#[tokio::test]
async fn a_command_s_output_errors_and_code_come_back() {
    let (_dir, _fleet, client) = one_host(spec(41)).await;
    let name = client.healthy().await;
    let exec = make_exec(&client, &name, json!({
        "Cmd": ["sh", "-c", "echo out; ls /nope; exit 7"], "AttachStdout": true, "AttachStderr": true,
    }))
    .await;
    assert_eq!(
        client.json(&format!("/exec/{exec}/json")).await["ExitCode"],
        Value::Null
    );
    let mut raw = attach(&client, &exec).await;
    let mut all = Vec::new();
    timeout(PATIENCE, raw.read_to_end(&mut all))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        frames(&all),
        [
            (1, "out\n".to_owned()),
            (2, "ls: /nope: No such file or directory\n".to_owned())
        ]
    );
    let done = client.json(&format!("/exec/{exec}/json")).await;
    assert_eq!(
        (&done["Running"], &done["ExitCode"]),
        (&json!(false), &json!(7))
    );
    let again = client
        .send("POST", &format!("/exec/{exec}/start"), "{}")
        .await;
    assert_eq!(
        again.refusal(),
        (409, format!("Error: Exec command {exec} has already run"))
    );
}

#[tokio::test]
async fn a_terminal_has_prompt_echo_and_size() {
    let (_dir, _fleet, client) = one_host(spec(41)).await;
    let name = client.healthy().await;
    let exec = make_exec(&client, &name, json!({
        "Cmd": ["sh"], "Tty": true, "AttachStdin": true, "AttachStdout": true, "AttachStderr": true,
    }))
    .await;
    let mut raw = attach(&client, &exec).await;
    let resized = client
        .post(&format!("/exec/{exec}/resize?h=50&w=132"))
        .await;
    assert_eq!(resized.status, 200);
    raw.write_all(b"stty sizx\x7fe\r").await.unwrap();
    let mut heard = String::new();
    while !heard.contains("50 132\r\n") {
        let mut buffer = [0; 256];
        let count = timeout(PATIENCE, raw.read(&mut buffer))
            .await
            .expect("an answer in time")
            .unwrap();
        assert!(count > 0, "{heard}");
        heard += std::str::from_utf8(&buffer[..count]).unwrap();
    }
    assert!(heard.contains("# stty sizx\x08 \x08e\r\n"), "{heard:?}");
    raw.write_all(b"exit 5\r").await.unwrap();
    let mut rest = Vec::new();
    timeout(PATIENCE, raw.read_to_end(&mut rest))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        client.json(&format!("/exec/{exec}/json")).await["ExitCode"],
        5
    );
}

#[tokio::test]
async fn raw_bytes_stay_raw_on_a_terminal() {
    let (_dir, _fleet, client) = one_host(spec(41)).await;
    let name = client.healthy().await;
    let exec = make_exec(
        &client,
        &name,
        json!({
            "Cmd": ["printf", "\\x01\\x02rest-of-output"], "Tty": true, "AttachStdout": true,
        }),
    )
    .await;
    let body = client
        .send("POST", &format!("/exec/{exec}/start"), r#"{"Tty":true}"#)
        .await
        .body;
    assert_eq!(&body[..], b"\x01\x02rest-of-output");
}

#[tokio::test]
async fn input_reaches_a_command_and_the_container_s_end_reaches_it_too() {
    let (_dir, fleet, client) = one_host(spec(41)).await;
    let name = client.healthy().await;
    let body =
        json!({ "Cmd": ["cat"], "AttachStdin": true, "AttachStdout": true, "AttachStderr": true });
    let exec = make_exec(&client, &name, body.clone()).await;
    let mut raw = attach(&client, &exec).await;
    raw.write_all(b"to and fro").await.unwrap();
    raw.shutdown().await.unwrap();
    let mut all = Vec::new();
    timeout(PATIENCE, raw.read_to_end(&mut all))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(frames(&all), [(1, "to and fro".to_owned())]);
    let exec = make_exec(&client, &name, body).await;
    let mut raw = attach(&client, &exec).await;
    fleet
        .engine("ams-1")
        .unwrap()
        .die(&name, 137, false)
        .unwrap();
    timeout(PATIENCE, raw.read_to_end(&mut all))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        client.json(&format!("/exec/{exec}/json")).await["ExitCode"],
        137
    );
}

#[tokio::test]
async fn an_unknown_program_is_refused_as_by_runc() {
    let (_dir, _fleet, client) = one_host(spec(41)).await;
    let body = json!({ "Cmd": ["bash"], "AttachStdout": true, "AttachStderr": true });
    let exec = make_exec(&client, "debug-shell", body).await;
    let reply = client
        .send("POST", &format!("/exec/{exec}/start"), "{}")
        .await;
    let said = frames(&reply.body);
    assert!(
        said[0]
            .1
            .contains("exec: \"bash\": executable file not found in $PATH"),
        "{said:?}"
    );
    assert_eq!(
        client.json(&format!("/exec/{exec}/json")).await["ExitCode"],
        126
    );
}
