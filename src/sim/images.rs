//! `/images`: list, inspect, history, tag, remove, prune.

use bytes::Bytes;
use futures_util::stream;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::clock::{self, SECOND};
use super::engine::{Engine, Image, with_tag};
use super::events::Kind;
use super::http::{self, Answer, Filters, Refusal};
use super::route::Call;

/// The rows of the list; `counted` with what each shares and how many containers use it.
pub fn rows(engine: &Engine, minor: u32, counted: bool) -> Vec<Value> {
    engine
        .images
        .iter()
        .map(|image| row(engine, image, minor, counted))
        .collect()
}

fn row(engine: &Engine, image: &Image, minor: u32, counted: bool) -> Value {
    let users = || {
        engine
            .containers
            .values()
            .filter(|one| one.plan.image_id == image.id)
            .count()
    };
    let mut value = json!({
        "Containers": if counted { json!(users()) } else { json!(-1) },
        "Created": image.created / SECOND,
        "Id": image.id,
        "Labels": if image.labels.is_empty() { Value::Null } else { json!(image.labels) },
        "ParentId": "",
        "RepoDigests": names(&image.digests, image, "<none>@<none>", minor),
        "RepoTags": names(&image.tags, image, "<none>:<none>", minor),
        "SharedSize": if counted { 0 } else { -1 },
        "Size": image.size,
    });
    if minor < 44 {
        value["VirtualSize"] = json!(image.size);
    }
    value
}

/// Docker's lists of names. Up to 1.42 an empty one is `null`, and an image without any name has
/// `none` in both.
fn names(names: &[String], image: &Image, none: &str, minor: u32) -> Value {
    let nameless = image.tags.is_empty() && image.digests.is_empty();
    match names {
        [] if minor >= 43 => json!([]),
        [] if nameless => json!([none]),
        [] => Value::Null,
        names => json!(names),
    }
}

/// `GET /images/json`
pub fn list(call: &Call) -> Answer {
    const KEYS: &[&str] = &["before", "dangling", "label", "reference", "since", "until"];
    let filters = call.query.filters()?;
    filters.allow(KEYS)?;
    let counted = call.minor >= 42 && call.query.flag("shared-size");
    call.host.read(|engine, _| {
        let mut images: Vec<&Image> = engine
            .images
            .iter()
            .filter(|image| passes(engine, image, &filters))
            .collect();
        images.sort_by_key(|image| std::cmp::Reverse(image.created));
        let rows: Vec<Value> = images
            .iter()
            .map(|image| row(engine, image, call.minor, counted))
            .collect();
        Ok(http::ok(&rows))
    })
}

fn passes(engine: &Engine, image: &Image, filters: &Filters) -> bool {
    let referenced = |wanted: &str| {
        image.tags.iter().any(|tag| {
            let (repo, _) = tag.rsplit_once(':').unwrap_or((tag, ""));
            glob::Pattern::new(wanted).is_ok_and(|one| one.matches(tag) || one.matches(repo))
        })
    };
    let when = |key: &str, test: &dyn Fn(&Image) -> bool| {
        filters.any(key, |wanted| engine.find_image(wanted).is_some_and(test))
    };
    filters.any("dangling", |wanted| {
        (wanted == "true" || wanted == "1") == image.tags.is_empty()
    }) && filters.any("reference", referenced)
        && filters.label_map(&image.labels)
        && when("before", &|other| image.created < other.created)
        && when("since", &|other| image.created > other.created)
}

/// Docker's refusal of an image that is not there.
pub fn missing(name: &str) -> Refusal {
    let name = if name.starts_with("sha256:") {
        name.to_owned()
    } else {
        with_tag(name)
    };
    Refusal::missing(format!("No such image: {name}"))
}

fn find<'a>(engine: &'a Engine, name: &str) -> Result<&'a Image, Refusal> {
    engine.find_image(name).ok_or_else(|| missing(name))
}

/// `GET /images/{name}/json`
pub fn inspect(call: &Call, name: &str) -> Answer {
    call.host.read(|engine, _| {
        let image = find(engine, name).map_err(|refusal| match call.host.profile.minor {
            ..42 => Refusal {
                message: format!("no such image: {name}: {}", refusal.message),
                ..refusal
            },
            _ => refusal,
        })?;
        Ok(http::ok(&inspection(image, call.minor)))
    })
}

fn inspection(image: &Image, minor: u32) -> Value {
    let row = image.row;
    let list = |words: &[&str]| {
        if words.is_empty() {
            Value::Null
        } else {
            json!(words)
        }
    };
    let layer = format!(
        "/var/lib/docker/overlay2/{}",
        image.seed.of("layer").hex64()
    );
    let mut config = json!({
        "Hostname": "", "Domainname": "", "User": "", "AttachStdin": false, "AttachStdout": false,
        "AttachStderr": false, "Tty": false, "OpenStdin": false, "StdinOnce": false,
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        "Cmd": list(row.command), "Image": "", "Volumes": null, "WorkingDir": "",
        "Entrypoint": list(row.entrypoint), "OnBuild": null,
        "Labels": if image.labels.is_empty() { Value::Null } else { json!(image.labels) },
    });
    if row.port > 0 {
        config["ExposedPorts"] = json!({ format!("{}/tcp", row.port): {} });
    }
    let mut value = json!({
        "Id": image.id,
        "RepoTags": image.tags,
        "RepoDigests": image.digests,
        "Parent": "",
        "Comment": "buildkit.dockerfile.v0",
        "Created": clock::rfc3339(image.created),
        "Container": "",
        "ContainerConfig": empty_config(),
        "DockerVersion": "",
        "Author": "",
        "Config": config,
        "Architecture": "amd64",
        "Os": "linux",
        "Size": image.size,
        "GraphDriver": { "Name": "overlay2", "Data": {
            "MergedDir": format!("{layer}/merged"), "UpperDir": format!("{layer}/diff"),
            "WorkDir": format!("{layer}/work") } },
        "RootFS": { "Type": "layers", "Layers": image.layers },
        "Metadata": { "LastTagTime": clock::rfc3339(image.created + 60 * SECOND) },
    });
    if minor < 44 {
        value["VirtualSize"] = json!(image.size);
    }
    value
}

fn empty_config() -> Value {
    json!({
        "Hostname": "", "Domainname": "", "User": "", "AttachStdin": false, "AttachStdout": false,
        "AttachStderr": false, "Tty": false, "OpenStdin": false, "StdinOnce": false, "Env": null,
        "Cmd": null, "Image": "", "Volumes": null, "WorkingDir": "", "Entrypoint": null,
        "OnBuild": null, "Labels": null,
    })
}

/// `GET /images/{name}/history`
pub fn history(call: &Call, name: &str) -> Answer {
    call.host.read(|engine, _| {
        let image = find(engine, name)?;
        let count = image.layers.len() as u64;
        let share = image.size / i64::try_from(count).unwrap_or(1);
        let mut rows = vec![json!({
            "Comment": "buildkit.dockerfile.v0",
            "Created": image.created / SECOND,
            "CreatedBy": format!("CMD {}", json!(image.row.command)),
            "Id": image.id,
            "Size": 0,
            "Tags": if image.tags.is_empty() { Value::Null } else { json!(image.tags) },
        })];
        for nth in (0..count).rev() {
            let base = nth == 0;
            rows.push(json!({
                "Comment": if base { "" } else { "buildkit.dockerfile.v0" },
                "Created": (image.created - i64::try_from(count - nth).unwrap_or(0) * 9 * SECOND) / SECOND,
                "CreatedBy": if base { "/bin/sh -c #(nop) ADD file:… in / ".to_owned() }
                    else { format!("COPY /build/stage-{nth} /app # buildkit") },
                "Id": "<missing>",
                "Size": share,
                "Tags": null,
            }));
        }
        Ok(http::ok(&rows))
    })
}

/// `POST /images/{name}/tag`
pub fn tag(call: &Call, name: &str) -> Answer {
    let repo = call.query.get("repo").unwrap_or_default();
    let tag = call.query.get("tag").unwrap_or("latest");
    if repo.is_empty() {
        return Err(Refusal::bad(
            "repository name must have at least one component",
        ));
    }
    let reference = format!("{repo}:{tag}");
    call.host.change(|engine, now| {
        let id = find(engine, name)?.id.clone();
        for image in &mut engine.images {
            image.tags.retain(|one| *one != reference);
            if image.id == id {
                image.tags.push(reference.clone());
            }
        }
        emit(engine, now, "tag", &id, &reference);
        Ok(http::empty(StatusCode::CREATED))
    })
}

/// Tells of an act on an image.
pub fn emit(engine: &mut Engine, now: i64, action: &str, id: &str, name: &str) {
    let attributes = [("name".to_owned(), name.to_owned())].into();
    engine.emit(now, Kind::Image, action, id, attributes);
}

/// `POST /images/create`: what the engine has is "pulled" again; there is no way to any registry.
pub fn pull(call: &Call) -> Answer {
    let from = call.query.get("fromImage").unwrap_or_default();
    let reference = match call.query.get("tag") {
        Some(digest) if digest.starts_with("sha256:") => format!("{from}@{digest}"),
        Some(tag) => format!("{from}:{tag}"),
        None => with_tag(from),
    };
    call.host.change(|engine, now| {
        let Some(image) = engine.find_image(&reference) else {
            let message = format!(
                "pull access denied for {from}, repository does not exist or may require 'docker login': \
                 denied: requested access to the resource is denied"
            );
            return Err(Refusal::missing(message));
        };
        let id = image.id.clone();
        let digest = image.digests.first().and_then(|digest| digest.split('@').nth(1)).unwrap_or(&id).to_owned();
        emit(engine, now, "pull", &id, &reference);
        let short = reference.rsplit(':').next().unwrap_or("latest").to_owned();
        let lines = [
            json!({ "status": format!("Pulling from {from}"), "id": short }),
            json!({ "status": format!("Digest: {digest}") }),
            json!({ "status": format!("Status: Image is up to date for {reference}") }),
        ];
        let lines = lines.map(|line| Bytes::from(format!("{line}\r\n")));
        Ok(http::stream(Some("application/json"), stream::iter(lines)))
    })
}

/// `DELETE /images/{name}`
pub fn remove(call: &Call, name: &str) -> Answer {
    let force = call.query.flag("force");
    call.host.change(|engine, now| {
        let image = find(engine, name)?.clone();
        let tagged = with_tag(name);
        let by_tag = image.tags.contains(&tagged);
        let last = image.tags.len() <= 1 || !by_tag;
        let short = &image.id["sha256:".len()..][..12];
        let user = engine.containers.values().find(|one| one.plan.image_id == image.id);
        if let Some(user) = user.filter(|_| last && !(force && by_tag)) {
            return Err(in_use(user, &tagged, short, by_tag, force));
        }
        if !by_tag && image.tags.len() > 1 && !force {
            return Err(Refusal::conflict(format!(
                "conflict: unable to delete {short} (must be forced) - image is referenced in multiple repositories"
            )));
        }
        let keep = engine.containers.values().any(|one| one.plan.image_id == image.id);
        let mut rows = Vec::new();
        for tag in image.tags.iter().filter(|tag| !by_tag || **tag == tagged) {
            emit(engine, now, "untag", &image.id, &image.id);
            rows.push(json!({ "Untagged": tag }));
        }
        if last && !keep {
            rows.extend(image.digests.iter().map(|digest| json!({ "Untagged": digest })));
            rows.extend(delete(engine, now, &image));
        } else if let Some(found) = engine.images.iter_mut().find(|one| one.id == image.id) {
            found.tags.retain(|tag| by_tag && *tag != tagged);
        }
        Ok(http::ok(&rows))
    })
}

fn in_use(
    user: &super::container::Container,
    tagged: &str,
    short: &str,
    by_tag: bool,
    force: bool,
) -> Refusal {
    let container = &user.id[..12];
    Refusal::conflict(if by_tag {
        format!(
            "conflict: unable to remove repository reference \"{tagged}\" (must force) - container \
             {container} is using its referenced image {short}"
        )
    } else if user.state.alive() {
        format!(
            "conflict: unable to delete {short} (cannot be forced) - image is being used by running container {container}"
        )
    } else if force {
        format!(
            "conflict: unable to delete {short} (cannot be forced) - image has dependent containers such as {container}"
        )
    } else {
        format!(
            "conflict: unable to delete {short} (must be forced) - image is being used by stopped container {container}"
        )
    })
}

/// Takes an image away, with its event; the rows of the answer.
fn delete(engine: &mut Engine, now: i64, image: &Image) -> Vec<Value> {
    engine.images.retain(|one| one.id != image.id);
    emit(engine, now, "delete", &image.id, &image.id);
    let layer = |layer: &String| json!({ "Deleted": layer });
    std::iter::once(json!({ "Deleted": image.id }))
        .chain(image.layers.iter().map(layer))
        .collect()
}

/// `POST /images/prune`: dangling ones, or with `dangling=false` all that no container uses.
pub fn prune(call: &Call) -> Answer {
    let filters = call.query.filters()?;
    filters.allow(&["dangling", "label", "label!", "until"])?;
    let all = filters
        .values("dangling")
        .iter()
        .any(|value| value == "false" || value == "0");
    call.host.change(|engine, now| {
        let used = |image: &Image| {
            engine
                .containers
                .values()
                .any(|one| one.plan.image_id == image.id)
        };
        let doomed: Vec<Image> = engine
            .images
            .iter()
            .filter(|image| {
                (all || image.tags.is_empty()) && !used(image) && filters.label_map(&image.labels)
            })
            .cloned()
            .collect();
        let mut rows = Vec::new();
        let mut reclaimed = 0;
        for image in &doomed {
            reclaimed += image.size;
            rows.extend(
                image
                    .tags
                    .iter()
                    .chain(&image.digests)
                    .map(|name| json!({ "Untagged": name })),
            );
            rows.extend(delete(engine, now, image));
        }
        let attributes = [("reclaimed".to_owned(), reclaimed.to_string())].into();
        engine.emit(now, Kind::Image, "prune", "", attributes);
        let deleted = if rows.is_empty() {
            Value::Null
        } else {
            json!(rows)
        };
        Ok(http::ok(
            &json!({ "ImagesDeleted": deleted, "SpaceReclaimed": reclaimed }),
        ))
    })
}
