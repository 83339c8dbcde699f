//! What is done to containers, and the events it makes.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep};

use wharf::sim::Spec;

use crate::client::{Client, piece};
use crate::{one_host, spec};

/// The actions of an engine's events since it began, as `type action`, in order.
async fn actions(client: &Client, id: &str) -> Vec<String> {
    let body = client.get("/events?since=1&until=1").await;
    assert!(body.body.is_empty(), "nothing is older than 1970");
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let path = format!("/events?since=1&until={}", now.as_secs() + 1);
    let text = client.get(&path).await.body;
    let events = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let events = events.map(|line| serde_json::from_slice::<Value>(line).unwrap());
    let of = |event: &Value| {
        event["Actor"]["ID"] == id || event["Actor"]["Attributes"]["container"] == id
    };
    let said = |event: Value| {
        format!(
            "{} {}",
            event["Type"].as_str().unwrap(),
            event["Action"].as_str().unwrap()
        )
    };
    events.filter(of).map(said).collect()
}

async fn id_of(client: &Client, name: &str) -> String {
    client.json(&format!("/containers/{name}/json")).await["Id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Waits until `ready` holds, at most ten seconds.
async fn eventually(what: &str, ready: impl AsyncFn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(10);
    while !ready().await {
        assert!(Instant::now() < patience, "{what} did not happen");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_container_is_stopped_started_and_restarted() {
    let (_dir, _fleet, client) = one_host(spec(41)).await;
    let name = client.pick(|row| row["Names"][0] == "/shop-db-1").await;
    let id = id_of(&client, &name).await;
    let act = async |act: &str| {
        client
            .post(&format!("/containers/{name}/{act}"))
            .await
            .status
            .as_u16()
    };
    assert_eq!(act("start").await, 304);
    assert_eq!(act("stop?t=5").await, 204);
    let state = client.state(&name).await;
    assert_eq!(
        (&state["Status"], &state["ExitCode"], &state["Pid"]),
        (&json!("exited"), &json!(0), &json!(0))
    );
    assert_eq!(act("stop").await, 304);
    assert_eq!(act("start").await, 204);
    let state = client.state(&name).await;
    assert_eq!(
        (&state["Status"], &state["Health"]["Status"]),
        (&json!("running"), &json!("starting"))
    );
    assert_eq!(act("restart?t=0").await, 204);
    assert_eq!(
        actions(&client, &id).await,
        [
            "container kill",
            "container die",
            "network disconnect",
            "volume unmount",
            "container stop",
            "network connect",
            "volume mount",
            "container start",
            "container kill",
            "container kill",
            "container die",
            "network disconnect",
            "volume unmount",
            "container stop",
            "network connect",
            "volume mount",
            "container start",
            "container restart",
        ]
    );
    eventually("the first verdict of the health check", async || {
        client.state(&name).await["Health"]["Status"] == "healthy"
    })
    .await;
    assert_eq!(
        actions(&client, &id).await.pop().unwrap(),
        "container health_status: healthy"
    );
}

/// Sends a request about a container that must be refused with this status and message.
async fn refused(client: &Client, method: &str, path: &str, status: u16, message: &str) {
    let reply = client
        .send(method, &format!("/containers/{path}"), "")
        .await;
    assert_eq!(
        reply.refusal(),
        (status, message.to_owned()),
        "{method} {path}"
    );
}

#[tokio::test]
async fn acts_that_do_not_fit_the_state_are_refused() {
    let (_dir, _fleet, client) = one_host(spec(41)).await;
    let up = client.pick(|row| row["Names"][0] == "/shop-db-1").await;
    let down = client.pick(|row| row["State"] == "exited").await;
    let frozen = client.pick(|row| row["State"] == "paused").await;
    let up_id = id_of(&client, &up).await;
    let down_id = id_of(&client, &down).await;
    let frozen_id = id_of(&client, &frozen).await;
    let post = async |path: &str, status, message: &str| {
        refused(&client, "POST", path, status, message).await;
    };
    let not_running = format!("Container {down_id} is not running");
    post("none/start", 404, "No such container: none").await;
    post(
        &format!("{down}/kill"),
        409,
        &format!("Cannot kill container: {down}: {not_running}"),
    )
    .await;
    post(&format!("{down}/pause"), 409, &not_running).await;
    let already = format!("Container {frozen_id} is already paused");
    post(&format!("{frozen}/pause"), 409, &already).await;
    let thaw = "cannot start a paused container, try unpause instead";
    post(&format!("{frozen}/start"), 409, thaw).await;
    post(
        &format!("{up}/unpause"),
        500,
        &format!("Container {up_id} is not paused"),
    )
    .await;
    post(
        &format!("{up}/kill?signal=BOGUS"),
        400,
        "Invalid signal: BOGUS",
    )
    .await;
    post(&format!("{down}/exec"), 400, "No exec command specified").await;
    let stop = format!(
        "You cannot remove a running container {up_id}. Stop the container before attempting \
         removal or force remove"
    );
    refused(&client, "DELETE", &up, 409, &stop).await;
    let unpause = format!(
        "You cannot remove a paused container {frozen_id}. Unpause and then stop the container \
         before attempting removal or force remove"
    );
    refused(&client, "DELETE", &frozen, 409, &unpause).await;
}

#[tokio::test]
async fn names_are_checked() {
    let (_dir, _fleet, client) = one_host(spec(41)).await;
    let name = client.healthy().await;
    let other = client.pick(|row| row["State"] == "exited").await;
    let other_id = id_of(&client, &other).await;
    let rename = async |new: &str, status, message: &str| {
        let path = format!("{name}/rename?name={new}");
        refused(&client, "POST", &path, status, message).await;
    };
    rename(
        &name,
        400,
        "Renaming a container with the same name as its current name",
    )
    .await;
    rename("", 400, "Neither old nor new names may be empty").await;
    let wrong = "Error when allocating new name: Invalid container name (/w!b), only \
                 [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed";
    rename("w!b", 400, wrong).await;
    let taken = format!(
        "Error when allocating new name: Conflict. The container name \"/{other}\" is already in \
         use by container \"{other_id}\". You have to remove (or rename) that container to be able \
         to reuse that name."
    );
    rename(&other, 409, &taken).await;
}

#[tokio::test]
async fn pause_stands_still_and_rename_and_remove_do_what_they_say() {
    let (_dir, _fleet, client) = one_host(spec(41)).await;
    let name = client.healthy().await;
    let id = id_of(&client, &name).await;
    assert_eq!(
        client
            .post(&format!("/containers/{name}/pause"))
            .await
            .status,
        204
    );
    let cpu = async || {
        let path = format!("/containers/{id}/stats?stream=0&one-shot=1");
        client.json(&path).await["cpu_stats"]["cpu_usage"]["total_usage"].clone()
    };
    let before = cpu().await;
    sleep(Duration::from_millis(60)).await;
    assert_eq!(cpu().await, before);
    assert_eq!(client.state(&name).await["Status"], "paused");
    assert_eq!(
        client
            .post(&format!("/containers/{name}/unpause"))
            .await
            .status,
        204
    );
    sleep(Duration::from_millis(60)).await;
    assert!(cpu().await.as_u64() > before.as_u64());
    assert_eq!(
        client
            .post(&format!("/containers/{name}/rename?name=other-name"))
            .await
            .status,
        204
    );
    assert_eq!(
        client.get(&format!("/containers/{name}/json")).await.status,
        404
    );
    assert_eq!(id_of(&client, "other-name").await, id);
    assert_eq!(
        client
            .send("DELETE", "/containers/other-name?force=1", "")
            .await
            .status,
        204
    );
    assert_eq!(
        client.get(&format!("/containers/{id}/json")).await.status,
        404
    );
    let told = actions(&client, &id).await;
    for action in ["pause", "unpause", "rename", "kill", "die", "destroy"] {
        assert!(
            told.contains(&format!("container {action}")),
            "{action}: {told:?}"
        );
    }
}

#[tokio::test]
async fn a_killed_container_stays_down_and_a_crashed_one_comes_back() {
    let (_dir, fleet, client) = one_host(spec(43)).await;
    let engine = fleet.engine("ams-1").unwrap();
    let name = client.pick(|row| row["Names"][0] == "/shop-db-1").await;
    engine.die(&name, 137, true).unwrap();
    let state = client.state(&name).await;
    assert_eq!(
        (&state["Status"], &state["ExitCode"], &state["OOMKilled"]),
        (&json!("exited"), &json!(137), &json!(true))
    );
    assert!(
        engine
            .die(&name, 1, false)
            .unwrap_err()
            .contains("is not running")
    );
    let other = client.pick(|row| row["Names"][0] == "/auth-db-1").await;
    let before = client.json(&format!("/containers/{other}/json")).await["RestartCount"].as_u64();
    engine.crash(&other, 3, false).unwrap();
    eventually("the restart", async || {
        client.state(&other).await["Status"] == "running"
    })
    .await;
    let after = client.json(&format!("/containers/{other}/json")).await;
    assert_eq!(
        after["RestartCount"].as_u64(),
        before.map(|count| count + 1)
    );
    let id = after["Id"].as_str().unwrap();
    let told = actions(&client, id).await;
    assert_eq!(
        told,
        [
            "container die",
            "network disconnect",
            "volume unmount",
            "network connect",
            "volume mount",
            "container start"
        ]
    );
}

#[tokio::test]
async fn a_looping_container_goes_on_looping() {
    let (_dir, _fleet, client) = one_host(spec(41)).await;
    let name = client.pick(|row| row["State"] == "restarting").await;
    let state = client.state(&name).await;
    assert_eq!(
        (&state["Running"], &state["Restarting"]),
        (&json!(true), &json!(true))
    );
    let count = async || {
        client.json(&format!("/containers/{name}/json")).await["RestartCount"]
            .as_u64()
            .unwrap()
    };
    assert!(count().await >= 40);
    // Its next start comes within twenty seconds; a stop by hand ends the loop before it.
    assert_eq!(
        client
            .post(&format!("/containers/{name}/stop"))
            .await
            .status,
        204
    );
    assert_eq!(client.state(&name).await["Status"], "exited");
}

#[tokio::test]
async fn health_changes_are_told() {
    let (_dir, fleet, client) = one_host(spec(41)).await;
    let engine = fleet.engine("ams-1").unwrap();
    let name = client.healthy().await;
    engine.set_healthy(&name, false).unwrap();
    let health = client.state(&name).await["Health"].clone();
    assert_eq!(health["Status"], "unhealthy");
    assert!(health["FailingStreak"].as_i64().unwrap() >= 3);
    let id = id_of(&client, &name).await;
    assert_eq!(
        actions(&client, &id).await,
        ["container health_status: unhealthy"]
    );
    assert!(client.rows("/containers/json").await.iter().any(|row| {
        row["Id"] == id.as_str() && row["Status"].as_str().unwrap().ends_with("(unhealthy)")
    }));
}

#[tokio::test]
async fn a_container_is_created_runs_and_is_waited_for() {
    let (_dir, _fleet, client) = one_host(spec(41)).await;
    let create = async |name: &str, body: Value| {
        client
            .send(
                "POST",
                &format!("/containers/create?name={name}"),
                body.to_string(),
            )
            .await
    };
    assert_eq!(
        create("x1", json!({})).await.refusal(),
        (
            400,
            "Config cannot be empty in order to create a container".into()
        )
    );
    assert_eq!(
        create("x1", json!({ "Image": "nope" })).await.refusal(),
        (404, "No such image: nope:latest".into())
    );
    let made = create(
        "once",
        json!({
            "Image": "alpine:3.20", "Cmd": ["sh", "-c", "echo one; echo two; exit 3"],
            "Env": ["A=b"], "Labels": { "owner": "ops" },
            "HostConfig": {
                "Binds": ["fresh:/data", "/srv:/srv:ro"], "Memory": 67_108_864,
                "PortBindings": { "80/tcp": [{ "HostIp": "127.0.0.1", "HostPort": "8099" }] },
            },
        }),
    )
    .await;
    assert_eq!(made.status, 201);
    assert_eq!(
        create("once", json!({ "Image": "alpine:3.20" }))
            .await
            .status,
        409
    );
    let one = client.json("/containers/once/json").await;
    assert_eq!(one["State"]["Status"], "created");
    assert_eq!(one["Config"]["Labels"]["owner"], "ops");
    assert_eq!(one["HostConfig"]["Memory"], 67_108_864);
    assert_eq!(
        one["HostConfig"]["PortBindings"]["80/tcp"][0]["HostPort"],
        "8099"
    );
    assert_eq!(one["Mounts"].as_array().unwrap().len(), 2);
    assert_eq!(client.json("/volumes/fresh").await["Name"], "fresh");
    assert_eq!(client.post("/containers/once/start").await.status, 204);
    let waited = client.post("/containers/once/wait").await.json();
    assert_eq!(waited, json!({ "StatusCode": 3, "Error": null }));
    let log = client.get("/containers/once/logs?stdout=1").await.body;
    let lines: Vec<String> = crate::client::frames(&log)
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_eq!(lines, ["one\n", "two\n"]);
    assert_eq!(
        client.send("DELETE", "/containers/once", "").await.status,
        204
    );
}

#[tokio::test]
async fn prune_takes_what_is_stopped_and_nothing_else() {
    let (_dir, _fleet, client) = one_host(spec(41)).await;
    let running = client.rows("/containers/json").await.len();
    let all = client.rows("/containers/json?all=1").await.len();
    let none = client
        .post("/containers/prune?filters=%7B%22label%22%3A%5B%22no%22%5D%7D")
        .await
        .json();
    assert_eq!(none["ContainersDeleted"], Value::Null);
    let pruned = client.post("/containers/prune").await.json();
    let deleted = pruned["ContainersDeleted"].as_array().unwrap().len();
    assert_eq!(
        (deleted, client.rows("/containers/json?all=1").await.len()),
        (all - running, running)
    );
    assert!(pruned["SpaceReclaimed"].as_i64().unwrap() > 0);
}

#[tokio::test]
async fn a_churning_host_changes_by_itself() {
    let busy = Spec {
        churn: 600.0,
        ..spec(43)
    };
    let (_dir, _fleet, client) = one_host(busy).await;
    let mut events = client
        .stream("/events?filters=%7B%22type%22%3A%5B%22container%22%5D%7D")
        .await;
    let mut actions = BTreeSet::new();
    let patience = Instant::now() + Duration::from_secs(30);
    while !["die", "start"]
        .iter()
        .all(|action| actions.contains(*action))
    {
        assert!(Instant::now() < patience, "{actions:?}");
        let data = piece(&mut events).await.unwrap();
        for line in data
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let event: Value = serde_json::from_slice(line).unwrap();
            actions.insert(event["Action"].as_str().unwrap().to_owned());
        }
    }
}
