//! Images from registries and to them, as the engine itself fetches and brings them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use secrecy::ExposeSecret as _;
use serde_json::json;
use tokio::task::spawn_blocking;

use super::told::{Told, listen};
use crate::engine::Engines;
use crate::engine::error::{Deed, Error, ErrorKind};
use crate::engine::pipe::STALLED;
use crate::engine::wire::{escape, query};
use crate::model::registry::{Key, Keys, registry_of};
use crate::model::{Said, split_tag};

/// A key as engines take it: the fields of Docker's `AuthConfig`.
fn fields(key: &Key, registry: &str) -> serde_json::Value {
    match key {
        Key::Password { user, password } => json!({
            "username": user, "password": password.expose_secret(), "serveraddress": registry,
        }),
        Key::Token(token) => json!({
            "identitytoken": token.expose_secret(), "serveraddress": registry,
        }),
    }
}

/// What opens a registry, as engines take it. Who is asked may take its time, on a thread of its own.
pub(in crate::engine) async fn opens(
    keys: &Keys,
    registry: &str,
) -> Result<Option<serde_json::Value>, String> {
    let (keys, host) = (keys.clone(), registry.to_owned());
    let asked = spawn_blocking(move || keys.of(&host)).await;
    let told = asked.unwrap_or_else(|error| Err(error.to_string()))?;
    Ok(told.map(|key| fields(&key, registry)))
}

/// The header with what opens that registry.
pub(in crate::engine) async fn header(
    engines: &Engines,
    name: &str,
    deed: &Deed,
) -> Result<Option<String>, Error> {
    let told = opens(&engines.keys(), registry_of(name)).await;
    let told = told.map_err(|why| deed.failed(ErrorKind::Local, why))?;
    Ok(told.map(|fields| URL_SAFE.encode(fields.to_string())))
}

/// Has the engine fetch an image.
pub(in crate::engine) async fn pull(
    engines: &Engines,
    name: &str,
    deed: &Deed,
    say: &(dyn Fn(Said) + Sync),
) -> Result<String, Error> {
    let key = header(engines, name, deed).await?;
    let session = engines.session(deed).await?;
    let (image, tag) = parts(name);
    let path = format!(
        "/images/create{}",
        query(&[("fromImage", image), ("tag", tag)])
    );
    let asked = session
        .wire
        .post(path)
        .registry_auth(key)
        .within(STALLED * 5)
        .response()
        .await;
    let body = asked.map_err(|fault| deed.fault(fault))?.into_body();
    let told = listen(body, "pulling", deed, say).await?;
    Ok(story(&told))
}

/// Has the engine bring an image to its registry.
pub(super) async fn push(
    engines: &Engines,
    name: &str,
    deed: &Deed,
    say: &(dyn Fn(Said) + Sync),
) -> Result<String, Error> {
    // An engine refuses to push without any header.
    let key = header(engines, name, deed).await?;
    let key = key.unwrap_or_else(|| URL_SAFE.encode(json!({}).to_string()));
    let session = engines.session(deed).await?;
    let (image, tag) = parts(name);
    let path = format!("/images/{}/push{}", escape(image), query(&[("tag", tag)]));
    let asked = session
        .wire
        .post(path)
        .registry_auth(Some(key))
        .within(STALLED * 5)
        .response()
        .await;
    let body = asked.map_err(|fault| deed.fault(fault))?.into_body();
    let told = listen(body, "pushing", deed, say).await?;
    let digest = told.aux.iter().find_map(|aux| aux["Digest"].as_str());
    Ok(digest.map_or_else(|| story(&told), str::to_owned))
}

/// A name without its tag or digest, and that; `latest` where none is said.
fn parts(name: &str) -> (&str, &str) {
    if let Some((image, digest)) = name.split_once('@') {
        return (image, digest);
    }
    split_tag(name)
}

fn story(told: &Told) -> String {
    told.last
        .strip_prefix("Status: ")
        .unwrap_or(&told.last)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_their_tag() {
        assert_eq!(parts("reg:5000/a"), ("reg:5000/a", "latest"));
        assert_eq!(parts("reg:5000/a:2"), ("reg:5000/a", "2"));
        assert_eq!(parts("a@sha256:00"), ("a", "sha256:00"));
    }
}
