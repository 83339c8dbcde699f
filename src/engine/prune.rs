//! Cleans a host up. Never removes more than was asked for, also where an older engine would.

use std::time::Duration;

use serde_json::Value;

use super::error::{Deed, Error, ErrorKind, Fault};
use super::resources::{VolumeEntry, named_volumes};
use super::session::{Api, Session};
use super::wire::{escape, query};
use crate::model::{Product, Prune, bytes};

/// Removing thousands of layers takes a while.
const DEADLINE: Duration = Duration::from_mins(30);

/// From this version on, pruning volumes spares named ones unless told otherwise.
const SPARES_NAMED: Api = Api(42);

/// Cleans up; says how much was removed and freed.
pub(super) async fn prune(session: &Session, what: Prune, deed: &Deed) -> Result<String, Error> {
    let answer = match what {
        Prune::Containers => ask(session, "containers", "").await,
        Prune::Images { all } => {
            let dangling = if all { "false" } else { "true" };
            let filters = format!(r#"{{"dangling":["{dangling}"]}}"#);
            ask(session, "images", &query(&[("filters", &filters)])).await
        }
        Prune::Networks => ask(session, "networks", "").await,
        Prune::Volumes { all } => return volumes(session, all, deed).await,
        Prune::BuildCache if session.product == Product::Podman => {
            return Err(deed.failed(
                ErrorKind::Unsupported,
                "Podman keeps no build cache of its own",
            ));
        }
        Prune::BuildCache => ask(session, "build", "").await,
    };
    answer
        .map(|answer| story(&answer))
        .map_err(|fault| deed.fault(fault))
}

async fn ask(session: &Session, what: &str, query: &str) -> Result<Value, Fault> {
    let path = format!("/{what}/prune{query}");
    session.wire.post(path).within(DEADLINE).json().await
}

async fn volumes(session: &Session, all: bool, deed: &Deed) -> Result<String, Error> {
    let spares = session.product == Product::Docker && session.api >= SPARES_NAMED;
    let result = match (all, spares) {
        (true, true) => {
            ask(
                session,
                "volumes",
                &query(&[("filters", r#"{"all":["true"]}"#)]),
            )
            .await
        }
        (true, false) | (false, true) => ask(session, "volumes", "").await,
        // Before API 1.42, and with Podman, pruning takes named volumes too: it is done one by one.
        (false, false) => anonymous_volumes(session).await,
    };
    result
        .map(|answer| story(&answer))
        .map_err(|fault| deed.fault(fault))
}

/// Removes the unused volumes that nobody named.
async fn anonymous_volumes(session: &Session) -> Result<Value, Fault> {
    let unused = named_volumes(session, &query(&[("filters", r#"{"dangling":["true"]}"#)])).await?;
    let mut removed = Vec::new();
    for volume in unused.into_iter().map(VolumeEntry::into_volume) {
        if !volume.is_anonymous() {
            continue;
        }
        let path = format!("/volumes/{}", escape(&volume.name));
        match session
            .wire
            .delete(path)
            .within(Duration::from_mins(1))
            .status()
            .await
        {
            Ok(_) => removed.push(Value::from(&*volume.name)),
            // Somebody took it into use, or removed it, meanwhile.
            Err(Fault::Refused {
                status: 404 | 409, ..
            }) => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(serde_json::json!({"VolumesDeleted": removed}))
}

/// What was removed and freed, in words.
fn story(answer: &Value) -> String {
    let count = |key: &str| answer[key].as_array().map_or(0, Vec::len);
    // Of an image's rows only those that delete a layer free space; those that untag are the names.
    let named = answer["ImagesDeleted"].as_array().map_or(0, |rows| {
        rows.iter()
            .filter(|row| row["Untagged"].is_string())
            .count()
    });
    let rows = [
        (count("ContainersDeleted"), "container"),
        (named.max(usize::from(count("ImagesDeleted") > 0)), "image"),
        (count("NetworksDeleted"), "network"),
        (count("VolumesDeleted"), "volume"),
        (count("CachesDeleted"), "cache entry"),
    ];
    let mut parts: Vec<String> = rows
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| match (count, what) {
            (1, what) => format!("1 {what}"),
            (count, "cache entry") => format!("{count} cache entries"),
            (count, what) => format!("{count} {what}s"),
        })
        .collect();
    if parts.is_empty() {
        return "nothing was to be removed".to_owned();
    }
    parts[0].insert_str(0, "removed ");
    if let Some(freed) = answer["SpaceReclaimed"].as_u64().filter(|freed| *freed > 0) {
        parts.push(format!("freed {}", bytes(freed)));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_story_counts_what_went() {
        assert_eq!(
            story(&json!({"ContainersDeleted": null, "SpaceReclaimed": 0})),
            "nothing was to be removed"
        );
        assert_eq!(
            story(&json!({"ContainersDeleted": ["a", "b"], "SpaceReclaimed": 1_288_490_189_u64})),
            "removed 2 containers, freed 1.20G"
        );
        let images = json!({"ImagesDeleted": [{"Untagged": "a:1"}, {"Deleted": "sha256:1"}, {"Deleted": "sha256:2"}]});
        assert_eq!(story(&images), "removed 1 image");
    }

    #[test]
    fn anonymous_volumes_are_told_from_named_ones() {
        let volume = |json| {
            let entry = serde_json::from_value::<VolumeEntry>(json);
            entry.is_ok_and(|entry| entry.into_volume().is_anonymous())
        };
        assert!(volume(json!({"Name": "a".repeat(64)})));
        assert!(volume(
            json!({"Name": "x", "Labels": {"com.docker.volume.anonymous": ""}})
        ));
        assert!(!volume(json!({"Name": "db-data", "Labels": null})));
        assert!(!volume(json!({"Name": "z".repeat(64)})));
    }
}
