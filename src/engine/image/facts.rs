//! What an image is: its configuration, and the layers it is made of.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::engine::error::Fault;
use crate::engine::inspect::moment;
use crate::engine::resources;
use crate::engine::session::Session;
use crate::engine::wire::escape;
use crate::model::{Image, MASK, Said, Timestamp, ago, bytes, is_secret_name, printable, redact};

/// So many images are looked at to find out on which one was built.
const CANDIDATES: usize = 200;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    repo_digests: Option<Vec<String>>,
    #[serde(default)]
    created: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    config: Option<Config>,
    #[serde(default, rename = "RootFS")]
    root: Root,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Root {
    layers: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    user: String,
    #[serde(default)]
    working_dir: String,
    #[serde(default)]
    entrypoint: Option<Vec<String>>,
    #[serde(default)]
    cmd: Option<Vec<String>>,
    #[serde(default)]
    env: Option<Vec<String>>,
    #[serde(default)]
    exposed_ports: Option<BTreeMap<String, serde_json::Value>>,
    #[serde(default)]
    volumes: Option<BTreeMap<String, serde_json::Value>>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Layer {
    #[serde(default)]
    created: i64,
    #[serde(default)]
    created_by: String,
    #[serde(default)]
    size: u64,
}

/// Says what an image is; answers how many layers it has.
pub(super) async fn tell(
    session: &Session,
    id: &str,
    say: &(dyn Fn(Said) + Sync),
) -> Result<String, Fault> {
    let path = |what: &str| format!("/images/{}/{what}", escape(id));
    let image: Inspected = session.wire.get(path("json")).json().await?;
    let layers: Vec<Layer> = session.wire.get(path("history")).json().await?;
    let line = |name: &str, value: &str| {
        say(Said::Line(format!("{name:<12} {}", printable(value))));
    };
    for (name, value) in fields(&image) {
        line(name, &value);
    }
    let images = resources::images(session).await?;
    if let Some(own) = images.iter().find(|one| *one.id == image.id) {
        line(
            "origin",
            if own.is_private() {
                "private"
            } else {
                "public"
            },
        );
        if let Some(base) = base(session, &image, own, images.iter().collect()).await {
            line("base", &format!("{} ({})", base.name(), base.short_id()));
        }
    }
    let now = Timestamp::now();
    say(Said::Line(format!("{:>8} {:>8}  MADE BY", "SIZE", "AGE")));
    for layer in &layers {
        let at = Timestamp::from_second(layer.created).unwrap_or(Timestamp::UNIX_EPOCH);
        let line = format!(
            "{:>8} {:>8}  {}",
            bytes(layer.size),
            ago(now, at),
            made_by(&layer.created_by)
        );
        say(Said::Line(line));
    }
    let full = layers.iter().filter(|layer| layer.size > 0).count();
    Ok(format!(
        "{full} layers with content, {} without",
        layers.len() - full
    ))
}

/// Of the images of its host the one whose layers it begins with: of several, the one with the most.
async fn base<'i>(
    session: &Session,
    image: &Inspected,
    own: &Image,
    mut others: Vec<&'i Image>,
) -> Option<&'i Image> {
    let has_name = |one: &Image| !one.tags.is_empty() || !one.digests.is_empty();
    others.retain(|one| {
        has_name(one) && one.id != own.id && one.size <= own.size && one.created <= own.created
    });
    // What has more of its layers is larger, so the first that fits is it.
    others.sort_by_key(|one| std::cmp::Reverse((one.size, one.created)));
    for one in others.into_iter().take(CANDIDATES) {
        let path = format!("/images/{}/json", escape(&one.id));
        let asked = session.wire.get(path).json().await;
        let Ok(Inspected { root, .. }) = asked else {
            continue;
        };
        if !root.layers.is_empty() && image.root.layers.starts_with(&root.layers) {
            return Some(one);
        }
    }
    None
}

/// What is said of it, in order; nothing of what it does not have.
fn fields(image: &Inspected) -> Vec<(&'static str, String)> {
    let none = Config::default();
    let config = image.config.as_ref().unwrap_or(&none);
    let list = |list: &Option<Vec<String>>| list.as_deref().unwrap_or_default().join(", ");
    let words = |list: &Option<Vec<String>>| list.as_deref().unwrap_or_default().join(" ");
    let keys = |map: &Option<BTreeMap<String, serde_json::Value>>| {
        let keys: Vec<&str> = map.iter().flatten().map(|(key, _)| key.as_str()).collect();
        keys.join(", ")
    };
    let made = moment(&image.created).map_or_else(String::new, |at| format!("{at:.0}"));
    let mut fields = vec![
        ("id", image.id.clone()),
        ("names", list(&image.repo_tags)),
        ("digests", list(&image.repo_digests)),
        ("made", made),
        ("platform", format!("{}/{}", image.os, image.architecture)),
        ("size", bytes(image.size)),
        (
            "entrypoint",
            redact(&words(&config.entrypoint)).into_owned(),
        ),
        ("command", redact(&words(&config.cmd)).into_owned()),
        ("user", config.user.clone()),
        ("directory", config.working_dir.clone()),
        ("ports", keys(&config.exposed_ports)),
        ("volumes", keys(&config.volumes)),
    ];
    fields.extend(config.env.iter().flatten().map(|one| ("env", masked(one))));
    let labels = config.labels.iter().flatten();
    fields.extend(labels.map(|(name, value)| ("label", masked(&format!("{name}={value}")))));
    fields.retain(|(_, value)| !value.is_empty());
    fields
}

/// `NAME=value`, the value masked where the name says that it is a secret.
fn masked(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if is_secret_name(name) => format!("{name}={MASK}"),
        _ => redact(pair).into_owned(),
    }
}

/// The line of a recipe that made a layer, without the shell around it.
fn made_by(text: &str) -> String {
    let text = text.strip_prefix("/bin/sh -c ").unwrap_or(text);
    let text = text.strip_prefix("#(nop) ").unwrap_or(text);
    let words: Vec<&str> = text.split_whitespace().collect();
    redact(&words.join(" ")).into_owned()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn secrets_are_masked_and_what_is_not_there_is_not_said() {
        let image: Inspected = serde_json::from_str(
            r#"{"Id": "sha256:00", "RepoTags": ["a:1"], "RepoDigests": null, "Created": "", "Os": "linux",
                "Architecture": "amd64", "Size": 1024,
                "Config": {"Cmd": ["run", "--token", "s3cret"], "Env": ["DB_PASSWORD=s3cret", "PATH=/bin"]}}"#,
        )
        .unwrap();
        let fields = fields(&image);
        assert!(fields.contains(&("env", "PATH=/bin".to_owned())));
        assert!(fields.contains(&("env", format!("DB_PASSWORD={MASK}"))));
        assert!(!format!("{fields:?}").contains("s3cret"), "{fields:?}");
        assert!(
            !fields
                .iter()
                .any(|(name, _)| ["made", "user", "digests"].contains(name))
        );
    }

    #[test]
    fn a_recipe_s_line_is_read_without_its_shell() {
        assert_eq!(made_by("/bin/sh -c #(nop)  CMD [\"sh\"]"), "CMD [\"sh\"]");
        assert_eq!(made_by("COPY a /b # buildkit"), "COPY a /b # buildkit");
    }
}
