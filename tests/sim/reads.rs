//! What is asked of an engine without changing it.

use std::time::{Duration, UNIX_EPOCH};

use bollard::models::{
    ContainerInspectResponse, ContainerSummary, ImageInspect, ImageSummary, Network,
    NetworkInspect, SystemInfo, SystemVersion, Volume, VolumeListResponse,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use wharf::sim::{Api, Spec, serve};

use crate::client::Client;
use crate::{one_host, spec};

fn decode<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{error}: {value}"))
}

#[tokio::test]
async fn every_answer_decodes_with_the_models_of_a_docker_client() {
    for minor in 41..=44 {
        let (_dir, _fleet, client) = one_host(spec(minor)).await;
        let info: SystemInfo = decode(&client.json("/info").await);
        assert_eq!(
            (info.containers, info.name.as_deref()),
            (Some(40), Some("ams-1"))
        );
        let version: SystemVersion = decode(&client.json("/version").await);
        assert_eq!(version.api_version, Some(format!("1.{minor}")));
        for row in client.rows("/containers/json?all=1&size=1").await {
            let row: ContainerSummary = decode(&row);
            let id = row.id.unwrap();
            let one: ContainerInspectResponse =
                decode(&client.json(&format!("/containers/{id}/json?size=1")).await);
            assert_eq!(one.id, Some(id));
            assert_eq!(one.image, row.image_id);
            assert_eq!(one.size_rw, row.size_rw);
        }
        for row in client.rows("/images/json").await {
            let row: ImageSummary = decode(&row);
            let _: ImageInspect = decode(&client.json(&format!("/images/{}/json", row.id)).await);
        }
        for row in client.rows("/networks").await {
            let row: Network = decode(&row);
            let path = format!("/networks/{}", row.id.unwrap());
            let _: NetworkInspect = decode(&client.json(&path).await);
        }
        let volumes: VolumeListResponse = decode(&client.json("/volumes").await);
        for volume in volumes.volumes.unwrap() {
            let _: Volume = decode(&client.json(&format!("/volumes/{}", volume.name)).await);
        }
    }
}

/// All that a host is born with, without what depends on the moment of asking.
async fn everything(client: &Client) -> Value {
    let mut rows = client.rows("/containers/json?all=1").await;
    for row in &mut rows {
        row.as_object_mut().unwrap().remove("Status");
    }
    let id = rows[0]["Id"].as_str().unwrap().to_owned();
    let mut one = client.json(&format!("/containers/{id}/json")).await;
    one["State"].as_object_mut().unwrap().remove("Health");
    json!([
        rows,
        one,
        client.json("/images/json").await,
        client.json("/networks").await,
        client.json("/volumes").await
    ])
}

#[tokio::test]
async fn the_same_seed_gives_the_same_fleet() {
    let still = Spec {
        epoch: Some(UNIX_EPOCH + Duration::from_secs(1_790_000_000)),
        ..spec(43)
    };
    let (_a, _fleet_a, first) = one_host(still.clone()).await;
    let (_b, _fleet_b, second) = one_host(still.clone()).await;
    let (_c, _fleet_c, other) = one_host(Spec { seed: 2, ..still }).await;
    let first = everything(&first).await;
    assert_eq!(first, everything(&second).await);
    assert_ne!(first, everything(&other).await);
}

#[tokio::test]
async fn versions_are_spoken_up_to_the_highest_and_down_to_the_lowest() {
    let (_dir, _fleet, client) = one_host(spec(44)).await;
    let ping = client.get("/v1.41/_ping").await;
    assert_eq!((ping.status.as_u16(), &ping.body[..]), (200, &b"OK"[..]));
    assert_eq!(ping.headers["api-version"], "1.44");
    assert_eq!(ping.headers["server"], "Docker/25.0.5 (linux)");
    assert_eq!(ping.headers["ostype"], "linux");
    assert_eq!(ping.headers["docker-experimental"], "false");
    assert_eq!(client.send("HEAD", "/_ping", "").await.status, 200);
    assert_eq!(
        client.get("/v1.50/info").await.refusal(),
        (
            400,
            "client version 1.50 is too new. Maximum supported API version is 1.44".into()
        )
    );
    let (status, message) = client.get("/v1.10/info").await.refusal();
    assert_eq!(status, 400);
    assert!(
        message
            .starts_with("client version 1.10 is too old. Minimum supported API version is 1.24")
    );
    for path in ["/nothing", "/v1.41/nothing", "/vx/info"] {
        assert_eq!(
            client.get(path).await.refusal(),
            (404, "page not found".into())
        );
    }
}

#[tokio::test]
async fn old_requests_to_a_new_engine_get_the_old_shape() {
    let (_dir, _fleet, client) = one_host(spec(44)).await;
    let sized = |rows: &[Value]| rows[0].get("VirtualSize").is_some();
    assert!(sized(&client.rows("/v1.41/images/json").await));
    assert!(!sized(&client.rows("/images/json").await));
    let id = client.healthy().await;
    let named = |value: &Value| {
        let networks = value["NetworkSettings"]["Networks"].as_object().unwrap();
        networks
            .values()
            .all(|network| network.get("DNSNames").is_some())
    };
    assert!(!named(
        &client.json(&format!("/v1.43/containers/{id}/json")).await
    ));
    assert!(named(
        &client.json(&format!("/v1.44/containers/{id}/json")).await
    ));
}

#[tokio::test]
async fn the_first_host_shows_every_way_to_be_broken() {
    let (_dir, _fleet, client) = one_host(spec(41)).await;
    let rows = client.rows("/containers/json?all=1").await;
    let has = |state: &str, status: &str| {
        rows.iter()
            .any(|row| row["State"] == state && row["Status"].as_str().unwrap().contains(status))
    };
    for (state, status) in [
        ("exited", "Exited (1)"),
        ("exited", "Exited (137)"),
        ("running", "(unhealthy)"),
        ("restarting", "Restarting (1)"),
        ("paused", "(Paused)"),
        ("created", "Created"),
        ("dead", "Dead"),
    ] {
        assert!(has(state, status), "{state} {status}");
    }
    let killed = rows
        .iter()
        .find(|row| row["Status"].as_str().unwrap().contains("(137)"))
        .unwrap();
    let state = client.state(killed["Id"].as_str().unwrap()).await;
    assert_eq!(
        (&state["OOMKilled"], &state["ExitCode"]),
        (&json!(true), &json!(137))
    );
    let ill = rows
        .iter()
        .find(|row| row["Status"].as_str().unwrap().contains("unhealthy"))
        .unwrap();
    let health = client.state(ill["Id"].as_str().unwrap()).await["Health"].clone();
    assert_eq!(health["Status"], "unhealthy");
    assert_eq!(
        health["Log"].as_array().unwrap().last().unwrap()["ExitCode"],
        1
    );
}

#[tokio::test]
async fn lists_are_filtered_as_docker_filters_them() {
    let (_dir, _fleet, client) = one_host(spec(41)).await;
    let count = async |filters: &str| {
        let path = format!(
            "/containers/json?all=1&filters={}",
            filters.replace('"', "%22")
        );
        client.rows(&path).await.len()
    };
    let all = count("{}").await;
    assert_eq!(all, 40);
    assert_eq!(count(r#"{"status":["paused"]}"#).await, 1);
    let ill = r#"{"health":["unhealthy"],"status":["running"]}"#;
    assert_eq!(count(ill).await, 1);
    let shop = count(r#"{"label":["com.docker.compose.project=shop"]}"#).await;
    assert!((1..all).contains(&shop), "{shop}");
    assert_eq!(
        count(r#"{"label":{"com.docker.compose.project=shop":true}}"#).await,
        shop
    );
    assert_eq!(count(r#"{"network":["shop_default"]}"#).await, shop);
    assert_eq!(count(r#"{"name":["^/debug-shell$"]}"#).await, 1);
    assert_eq!(count(r#"{"ancestor":["alpine:3.20"]}"#).await, 1);
    assert!(count(r#"{"exited":["137"]}"#).await >= 1);
    let running = client.rows("/containers/json").await.len();
    assert!(running < all);
    assert_eq!(client.rows("/containers/json?limit=3").await.len(), 3);
}

/// Asks what must be refused with this status and message.
async fn refused(client: &Client, path: &str, status: u16, message: &str) {
    let refusal = client.get(path).await.refusal();
    assert_eq!(refusal, (status, message.to_owned()), "{path}");
}

#[tokio::test]
async fn what_is_not_there_is_refused_in_docker_s_words() {
    let (_dir, _fleet, client) = one_host(spec(41)).await;
    let name = client.healthy().await;
    for path in [
        "json",
        "logs?stdout=1",
        "stats",
        "top",
        "changes",
        "archive?path=/x",
    ] {
        let path = format!("/containers/none/{path}");
        refused(&client, &path, 404, "No such container: none").await;
    }
    refused(
        &client,
        "/images/nope/json",
        404,
        "no such image: nope: No such image: nope:latest",
    )
    .await;
    refused(&client, "/networks/nope", 404, "network nope not found").await;
    refused(&client, "/volumes/nope", 404, "get nope: no such volume").await;
    refused(
        &client,
        "/exec/none/json",
        404,
        "No such exec instance: none",
    )
    .await;
    let file = format!("Could not find the file /nope in container {name}");
    refused(
        &client,
        &format!("/containers/{name}/archive?path=/nope"),
        404,
        &file,
    )
    .await;
    assert_eq!(client.get("/services").await.status, 503);
}

#[tokio::test]
async fn wrong_questions_are_refused_in_docker_s_words() {
    let (_dir, _fleet, client) = one_host(spec(41)).await;
    let name = client.healthy().await;
    let stopped = client.pick(|row| row["State"] == "exited").await;
    let inspected = client.json(&format!("/containers/{stopped}/json")).await;
    let down = format!(
        "Container {} is not running",
        inspected["Id"].as_str().unwrap()
    );
    refused(&client, &format!("/containers/{stopped}/top"), 409, &down).await;
    let streams = "Bad parameters: you must choose at least one stream";
    refused(&client, &format!("/containers/{name}/logs"), 400, streams).await;
    let since = "strconv.ParseInt: parsing \"x\": invalid syntax";
    refused(
        &client,
        &format!("/containers/{name}/logs?stdout=1&since=x"),
        500,
        since,
    )
    .await;
    let path = "bad parameter: pathcannot be empty";
    refused(&client, &format!("/containers/{name}/archive"), 400, path).await;
    let list = async |query: &str, status, message: &str| {
        let path = format!("/containers/json?{}", query.replace('"', "%22"));
        refused(&client, &path, status, message).await;
    };
    list(
        "filters=x",
        500,
        "invalid character 'x' looking for beginning of value",
    )
    .await;
    list(r#"filters={"bogus":["a"]}"#, 400, "Invalid filter 'bogus'").await;
    list(
        r#"filters={"status":["bogus"]}"#,
        400,
        "Invalid filter 'status=bogus'",
    )
    .await;
    let health = "Unrecognised filter value for health: bogus";
    list(r#"filters={"health":["bogus"]}"#, 400, health).await;
    list(
        "limit=x",
        500,
        "strconv.Atoi: parsing \"x\": invalid syntax",
    )
    .await;
}

#[tokio::test]
async fn containers_are_found_by_name_id_and_prefix() {
    let (_dir, _fleet, client) = one_host(spec(41)).await;
    let name = client.healthy().await;
    let id = client.json(&format!("/containers/{name}/json")).await["Id"].clone();
    let id = id.as_str().unwrap();
    for wanted in [id, &id[..12], &name, &format!("%2F{name}")] {
        assert_eq!(
            client.json(&format!("/containers/{wanted}/json")).await["Id"],
            id
        );
    }
    // Of 400 containers, some share their first digit.
    let (_dir, _fleet, client) = one_host(Spec {
        containers: 400,
        ..spec(41)
    })
    .await;
    let (status, message) = client.get("/containers/a/json").await.refusal();
    assert_eq!(
        (status, message.as_str()),
        (400, "Multiple IDs found with provided prefix: a")
    );
}

#[tokio::test]
async fn top_has_the_columns_of_the_ps_that_was_asked_for() {
    let (_dir, _fleet, client) = one_host(spec(41)).await;
    let name = client.healthy().await;
    let forest = client.json(&format!("/containers/{name}/top")).await;
    assert_eq!(
        forest["Titles"],
        json!(["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"])
    );
    let aux = client
        .json(&format!("/containers/{name}/top?ps_args=aux"))
        .await;
    assert_eq!(aux["Titles"][2], "%CPU");
    for table in [&forest, &aux] {
        let width = table["Titles"].as_array().unwrap().len();
        let rows = table["Processes"].as_array().unwrap();
        assert!(!rows.is_empty());
        assert!(
            rows.iter()
                .all(|row| row.as_array().unwrap().len() == width)
        );
    }
}

#[tokio::test]
async fn disk_usage_has_all_four_parts() {
    let (_dir, _fleet, client) = one_host(spec(41)).await;
    let usage = client.json("/system/df").await;
    assert!(usage["LayersSize"].as_i64().unwrap() > 0);
    assert_eq!(usage["Containers"].as_array().unwrap().len(), 40);
    let images = usage["Images"].as_array().unwrap();
    assert!(
        images.iter().any(|image| image["Containers"] == 0),
        "something to prune"
    );
    let volumes = usage["Volumes"].as_array().unwrap();
    assert!(
        volumes
            .iter()
            .any(|volume| volume["UsageData"]["RefCount"] == 1)
    );
    assert!(
        volumes
            .iter()
            .any(|volume| volume["UsageData"]["RefCount"] == 0)
    );
}

#[tokio::test]
async fn a_large_fleet_is_served_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let spec = Spec {
        hosts: 120,
        containers: 40,
        api: Api::Mixed,
        ..Spec::default()
    };
    let fleet = serve(dir.path(), spec.clone()).await.unwrap();
    let mut names: Vec<&str> = fleet
        .hosts()
        .iter()
        .map(|host| host.name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 120);
    for host in fleet.hosts() {
        let info = Client::new(&host.socket).json("/info").await;
        assert_eq!(
            (&info["Name"], &info["Containers"]),
            (&json!(host.name), &json!(40))
        );
    }
    let taken = serve(dir.path(), spec).await.unwrap_err();
    assert!(
        taken.to_string().contains("another sim serves it"),
        "{taken}"
    );
    drop(fleet);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
