//! `/build`: the older builder, which says what it does and does nothing but make an image of that name.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::engine::{Engine, Image, with_tag};
use super::host::Host;
use super::http::{self, Answer, Refusal};
use super::images::emit;
use super::route::Call;

/// How long a step takes.
const STEP: Duration = Duration::from_millis(300);

/// A build that was asked for.
struct Asked {
    host: Arc<Host>,
    tags: Vec<String>,
    labels: BTreeMap<String, String>,
    steps: Vec<String>,
    /// What the files are, as one number.
    content: String,
    done: usize,
    /// The layers of the steps that are done.
    layers: Vec<String>,
    cached: bool,
}

/// `POST /build`
pub async fn build(call: Call) -> Answer {
    if call.query.get("version") == Some("2") {
        return Err(Refusal::bad("buildkit is not part of this engine"));
    }
    let name = call
        .query
        .get("dockerfile")
        .unwrap_or("Dockerfile")
        .to_owned();
    let target = call.query.get("target").unwrap_or_default().to_owned();
    let labels = call.query.get("labels").unwrap_or("{}");
    let labels = serde_json::from_str(labels).map_err(|error| Refusal::bad(error.to_string()))?;
    let tags = call.query.all("t").into_iter().map(with_tag).collect();
    let body = http::read(call.body).await?;
    let missing = || Refusal::internal(format!("Cannot locate specified Dockerfile: {name}"));
    let text = find(&body, &name).ok_or_else(missing)?;
    let steps = instructions(&text, &target);
    if steps.is_empty() {
        return Err(Refusal::internal(
            "the Dockerfile (Dockerfile) cannot be empty",
        ));
    }
    let asked = Asked {
        host: Arc::clone(&call.host),
        tags,
        labels,
        steps,
        content: digest(&[&body]),
        done: 0,
        layers: Vec::new(),
        cached: true,
    };
    let pieces = stream::unfold(Some(asked), |asked| async move { next(asked?).await });
    Ok(http::stream(Some("application/json"), pieces))
}

fn find(archive: &[u8], name: &str) -> Option<String> {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().ok()?;
    let is_it =
        |entry: &tar::Entry<'_, &[u8]>| entry.path().is_ok_and(|path| path.as_os_str() == name);
    let mut entry = entries.flatten().find(is_it)?;
    let mut text = String::new();
    entry.read_to_string(&mut text).ok()?;
    Some(text)
}

/// The instructions up to the end of a stage; of all stages where none is named.
fn instructions(text: &str, target: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim);
    let mut steps: Vec<String> = Vec::new();
    let mut within = false;
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words[0].eq_ignore_ascii_case("FROM") {
            if within {
                break;
            }
            within = words.last().is_some_and(|name| *name == target);
        }
        steps.push(words.join(" "));
    }
    steps
}

/// The next piece of what is told, and what is left.
async fn next(mut asked: Asked) -> Option<(Bytes, Option<Asked>)> {
    let Some(step) = asked.steps.get(asked.done).cloned() else {
        let text = asked.host.change(|engine, now| finish(engine, now, &asked));
        return Some((text, None));
    };
    asked.done += 1;
    let mut said = vec![stream_line(&format!(
        "Step {}/{} : {step}\n",
        asked.done,
        asked.steps.len()
    ))];
    let words: Vec<&str> = step.split(' ').collect();
    if words[0].eq_ignore_ascii_case("FROM") {
        let image = words
            .iter()
            .skip(1)
            .find(|word| !word.starts_with("--"))
            .unwrap_or(&"");
        let found = asked
            .host
            .read(|engine, _| engine.find_image(image).cloned());
        let is_stage = asked.steps.iter().any(|one| {
            one.to_lowercase()
                .ends_with(&format!(" as {}", image.to_lowercase()))
        });
        match found {
            Some(base) => asked.layers = base.layers,
            None if is_stage || *image == "scratch" => {}
            None => {
                let why = format!(
                    "pull access denied for {image}, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"
                );
                said.push(json!({"errorDetail": {"message": why}, "error": why}));
                return Some((lines(&said), None));
            }
        }
    } else {
        let content = if step.starts_with("COPY") || step.starts_with("ADD") {
            asked.content.as_str()
        } else {
            ""
        };
        let before = asked.layers.last().map_or("", String::as_str);
        let layer = digest(&[before.as_bytes(), step.as_bytes(), content.as_bytes()]);
        asked.layers.push(layer);
        let known = |engine: &Engine| {
            engine
                .images
                .iter()
                .any(|one| one.layers.starts_with(&asked.layers))
        };
        asked.cached &= asked.host.read(|engine, _| known(engine));
        if asked.cached {
            said.push(stream_line(" ---> Using cache\n"));
        } else {
            tokio::time::sleep(STEP).await;
            said.push(stream_line(&format!(
                " ---> Running in {}\n",
                short(&asked.layers)
            )));
        }
    }
    said.push(stream_line(&format!(" ---> {}\n", short(&asked.layers))));
    Some((lines(&said), Some(asked)))
}

/// Makes the image.
fn finish(engine: &mut Engine, now: i64, asked: &Asked) -> Bytes {
    let base = asked.steps[0].split(' ').nth(1).unwrap_or("");
    let seed = engine.fresh_seed();
    let based = engine.find_image(base).or(engine.images.first()).cloned();
    let Some(based) = based else {
        let why = "there is no image to build on";
        return lines(&[json!({"errorDetail": {"message": why}, "error": why})]);
    };
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {"Labels": asked.labels},
        "rootfs": {"type": "layers", "diff_ids": asked.layers},
        "sim": {"seed": seed.number(), "repo": based.row.repo, "size": based.size, "created": now},
    })
    .to_string();
    let id = digest(&[config.as_bytes()]);
    for one in &mut engine.images {
        one.tags.retain(|tag| !asked.tags.contains(tag));
    }
    engine.images.push(Image {
        id: id.clone(),
        tags: asked.tags.clone(),
        digests: Vec::new(),
        created: now,
        labels: asked.labels.clone(),
        seed,
        layers: asked.layers.clone(),
        config: config.into(),
        ..based
    });
    for tag in &asked.tags {
        emit(engine, now, "tag", &id, tag);
    }
    let mut said = vec![json!({"aux": {"ID": id}})];
    said.push(stream_line(&format!(
        "Successfully built {}\n",
        &id["sha256:".len()..][..12]
    )));
    said.extend(
        asked
            .tags
            .iter()
            .map(|tag| stream_line(&format!("Successfully tagged {tag}\n"))),
    );
    lines(&said)
}

fn digest(parts: &[&[u8]]) -> String {
    use std::fmt::Write as _;
    let mut sum = Sha256::new();
    for part in parts {
        sum.update(part);
    }
    let mut text = "sha256:".to_owned();
    for byte in sum.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn short(layers: &[String]) -> &str {
    layers
        .last()
        .map_or("000000000000", |layer| &layer["sha256:".len()..][..12])
}

fn stream_line(text: &str) -> Value {
    json!({ "stream": text })
}

fn lines(said: &[Value]) -> Bytes {
    let lines: Vec<String> = said.iter().map(|line| format!("{line}\r\n")).collect();
    Bytes::from(lines.concat())
}
