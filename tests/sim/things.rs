//! Images, networks, volumes, and files in and out of containers.

use std::io::Read as _;

use serde_json::{Value, json};

use crate::{one_host, spec};

#[tokio::test]
async fn files_go_in_and_come_out_again() {
    let (_dir, _fleet, client) = one_host(spec(41)).await;
    let name = client.healthy().await;
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(6);
    header.set_mode(0o640);
    archive
        .append_data(&mut header, "sub/hello.txt", &b"hello\n"[..])
        .unwrap();
    let archive = archive.into_inner().unwrap();
    let path = |path: &str| format!("/containers/{name}/archive?path={path}");
    assert_eq!(
        client
            .send("PUT", &path("/tmp"), archive.clone())
            .await
            .status,
        200
    );
    let head = client.send("HEAD", &path("/tmp/sub/hello.txt"), "").await;
    assert_eq!(head.status, 200);
    assert!(head.headers.contains_key("x-docker-container-path-stat"));
    let reply = client.get(&path("/tmp/sub")).await;
    assert_eq!(reply.headers["content-type"], "application/x-tar");
    let mut out = tar::Archive::new(&reply.body[..]);
    let mut found = Vec::new();
    for entry in out.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        found.push((entry.path().unwrap().to_string_lossy().into_owned(), text));
    }
    assert_eq!(
        found,
        [
            ("sub/".to_owned(), String::new()),
            ("sub/hello.txt".into(), "hello\n".into())
        ]
    );
    let changes = client.rows(&format!("/containers/{name}/changes")).await;
    assert!(changes.contains(&json!({ "Path": "/tmp/sub/hello.txt", "Kind": 1 })));
    assert_eq!(
        client
            .send("PUT", &path("/nope"), archive.clone())
            .await
            .refusal(),
        (
            404,
            format!("Could not find the file /nope in container {name}")
        )
    );
    assert_eq!(
        client
            .send("PUT", &path("/etc/hostname"), archive)
            .await
            .refusal(),
        (500, "extraction point is not a directory".into())
    );
    assert_eq!(
        client.send("PUT", &path("/tmp"), "no tar").await.status,
        500
    );
}

#[tokio::test]
async fn images_in_use_stay_and_others_go() {
    let (_dir, _fleet, client) = one_host(spec(41)).await;
    let tag = "alpine:3.20";
    let (status, message) = client
        .send("DELETE", &format!("/images/{tag}"), "")
        .await
        .refusal();
    assert_eq!(status, 409);
    assert!(message.starts_with(
        "conflict: unable to remove repository reference \"alpine:3.20\" (must force) - container "
    ));
    assert_eq!(
        client.send("DELETE", "/images/nope", "").await.refusal(),
        (404, "No such image: nope:latest".into())
    );
    assert_eq!(
        client
            .post(&format!("/images/{tag}/tag?repo=corp/alpine&tag=old"))
            .await
            .status,
        201
    );
    let gone = client
        .send("DELETE", "/images/corp/alpine:old", "")
        .await
        .json();
    assert_eq!(gone, json!([{ "Untagged": "corp/alpine:old" }]));
    let count = client.rows("/images/json").await.len();
    let pruned = client.post("/images/prune").await.json();
    assert!(pruned["SpaceReclaimed"].as_i64().unwrap() > 0);
    let after = client.rows("/images/json").await;
    assert!(after.len() < count && after.iter().all(|image| image["RepoTags"].is_array()));
    let all = client
        .post("/images/prune?filters=%7B%22dangling%22%3A%5B%22false%22%5D%7D")
        .await
        .json();
    assert!(
        all["ImagesDeleted"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row.get("Untagged").is_some())
    );
    let history = client.rows(&format!("/images/{tag}/history")).await;
    assert_eq!(history[0]["Tags"], json!([tag]));
    let name = "registry.corp.example/shop/api";
    let corp = client
        .rows(&format!(
            "/images/json?filters=%7B%22reference%22%3A%5B%22{name}%22%5D%7D"
        ))
        .await;
    assert_eq!(corp.len(), 1);
    assert!(
        corp[0]["RepoDigests"][0]
            .as_str()
            .unwrap()
            .starts_with(&format!("{name}@sha256:"))
    );
}

#[tokio::test]
async fn networks_are_made_joined_left_and_removed() {
    let (_dir, _fleet, client) = one_host(spec(41)).await;
    let name = client.healthy().await;
    let send = async |path: &str, body: Value| client.send("POST", path, body.to_string()).await;
    let made = send(
        "/networks/create",
        json!({ "Name": "n1", "IPAM": { "Config": [{ "Subnet": "10.9.0.0/24" }] } }),
    )
    .await;
    assert_eq!(made.status, 201);
    assert_eq!(
        send(
            "/networks/create",
            json!({ "Name": "n1", "CheckDuplicate": true })
        )
        .await
        .refusal(),
        (409, "network with name n1 already exists".into())
    );
    let overlap = json!({ "Name": "n2", "IPAM": { "Config": [{ "Subnet": "10.9.0.128/25" }] } });
    assert_eq!(
        send("/networks/create", overlap).await.refusal(),
        (
            403,
            "Pool overlaps with other one on this address space".into()
        )
    );
    assert_eq!(
        send("/networks/n1/connect", json!({ "Container": name }))
            .await
            .status,
        200
    );
    assert_eq!(
        send("/networks/n1/connect", json!({ "Container": name }))
            .await
            .refusal(),
        (
            403,
            format!("endpoint with name {name} already exists in network n1")
        )
    );
    let one = client.json("/networks/n1").await;
    let members: Vec<&Value> = one["Containers"].as_object().unwrap().values().collect();
    assert_eq!(
        (&members[0]["Name"], &members[0]["IPv4Address"]),
        (&json!(name), &json!("10.9.0.2/24"))
    );
    let (status, message) = client.send("DELETE", "/networks/n1", "").await.refusal();
    assert_eq!(status, 403);
    assert!(message.contains("has active endpoints"));
    assert_eq!(
        send("/networks/n1/disconnect", json!({ "Container": name }))
            .await
            .status,
        200
    );
    assert_eq!(
        send("/networks/n1/disconnect", json!({ "Container": name }))
            .await
            .status,
        500
    );
    let pruned = client.post("/networks/prune").await.json();
    assert!(
        pruned["NetworksDeleted"]
            .as_array()
            .unwrap()
            .contains(&json!("n1"))
    );
    assert_eq!(
        client
            .send("DELETE", "/networks/bridge", "")
            .await
            .refusal(),
        (
            403,
            "bridge is a pre-defined network and cannot be removed".into()
        )
    );
}

#[tokio::test]
async fn subnets_of_a_host_do_not_overlap() {
    let (_dir, _fleet, client) = one_host(wharf::sim::Spec {
        containers: 2000,
        ..spec(41)
    })
    .await;
    let rows = client.rows("/networks").await;
    let mut ranges: Vec<(u32, u32)> = rows
        .iter()
        .filter_map(|row| row["IPAM"]["Config"][0]["Subnet"].as_str())
        .map(|subnet| {
            let (base, prefix) = subnet.split_once('/').unwrap();
            let base = u32::from(base.parse::<std::net::Ipv4Addr>().unwrap());
            (
                base,
                base + (1 << (32 - prefix.parse::<u32>().unwrap())) - 1,
            )
        })
        .collect();
    ranges.sort_unstable();
    assert!(ranges.len() > 20);
    assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0));
}

#[tokio::test]
async fn volumes_are_made_used_and_pruned_by_version() {
    for (minor, named) in [(41, true), (42, false)] {
        let (_dir, _fleet, client) = one_host(spec(minor)).await;
        assert_eq!(
            client
                .send("POST", "/volumes/create", r#"{"Name":"v2"}"#)
                .await
                .status,
            201
        );
        let used = client.rows("/containers/json").await;
        let mut mounts = used
            .iter()
            .flat_map(|row| row["Mounts"].as_array().unwrap());
        let name = mounts
            .find_map(|mount| mount["Name"].as_str())
            .unwrap()
            .to_owned();
        let (status, message) = client
            .send("DELETE", &format!("/volumes/{name}"), "")
            .await
            .refusal();
        assert_eq!(status, 409);
        assert!(
            message.starts_with(&format!("remove {name}: volume is in use - [")),
            "{message}"
        );
        let pruned = client.post("/volumes/prune").await.json();
        let deleted = pruned["VolumesDeleted"].as_array().unwrap();
        assert!(
            deleted
                .iter()
                .any(|name| name.as_str().unwrap().len() == 64),
            "anonymous ones go"
        );
        assert_eq!(deleted.contains(&json!("v2")), named);
    }
}

#[tokio::test]
async fn a_host_has_as_many_spare_things_as_asked() {
    let few = one_host(spec(41)).await;
    let many = one_host(wharf::sim::Spec {
        spare: wharf::sim::Spare {
            images: 500,
            networks: 300,
            volumes: 200,
        },
        ..spec(41)
    })
    .await;
    for (path, count) in [("/images/json", 500), ("/networks", 300)] {
        let more = many.2.rows(path).await.len() - few.2.rows(path).await.len();
        assert_eq!(more, count, "{path}");
    }
    let volumes = many.2.get("/volumes").await.json();
    let volumes = volumes["Volumes"].as_array().unwrap().iter();
    let spare = volumes.filter(|one| one["Name"].as_str().unwrap().starts_with("spare_data-"));
    assert_eq!(spare.count(), 200);
}
