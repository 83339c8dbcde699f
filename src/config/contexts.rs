//! Docker's own configuration: its contexts, `DOCKER_HOST`, and the engines of this machine.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{Env, Notice, Paths, origin};
use crate::model::{Endpoint, TlsFiles};

/// A docker context: a named endpoint.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Context {
    pub(super) name: String,
    pub(super) endpoint: Endpoint,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    name: String,
    #[serde(default)]
    endpoints: Endpoints,
}

#[derive(Default, Deserialize)]
struct Endpoints {
    docker: Option<DockerEndpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEndpoint {
    #[serde(default)]
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

#[derive(Default, Deserialize)]
struct ClientConfig {
    #[serde(default, rename = "currentContext")]
    current_context: String,
}

/// All contexts that docker has stored, by name; those that cannot be read become notices.
pub(super) fn all(paths: &Paths, notices: &mut Vec<Notice>) -> Vec<Context> {
    let contexts = paths.docker_dir.join("contexts");
    let Ok(entries) = fs::read_dir(contexts.join("meta")) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let file = entry.path().join("meta.json");
        let tls = contexts.join("tls").join(entry.file_name()).join("docker");
        match read(&file, &tls) {
            Ok(context) => found.extend(context),
            Err(what) => notices.push(Notice {
                place: file.display().to_string(),
                line: None,
                what,
                remedy: "see `docker context ls`".to_owned(),
            }),
        }
    }
    found.sort_by(|a: &Context, b| a.name.cmp(&b.name));
    found
}

/// One context; none when it has no Docker endpoint (Kubernetes' have not).
fn read(file: &Path, tls: &Path) -> Result<Option<Context>, String> {
    let text =
        fs::read(file).map_err(|error| format!("this docker context cannot be read: {error}"))?;
    let meta: Meta = serde_json::from_slice(&text)
        .map_err(|error| format!("this docker context cannot be read: {error}"))?;
    let Some(docker) = meta
        .endpoints
        .docker
        .filter(|docker| !docker.host.is_empty())
    else {
        return Ok(None);
    };
    let endpoint: Endpoint = docker
        .host
        .parse()
        .map_err(|error| format!("docker context {}: {error}", meta.name))?;
    let files = TlsFiles {
        skip_verify: docker.skip_tls_verify,
        ..files_in(tls)
    };
    let has_tls = files.ca.is_some() || files.cert.is_some() || files.skip_verify;
    let endpoint = if has_tls {
        with_tls(endpoint, files)
    } else {
        endpoint
    };
    Ok(Some(Context {
        name: meta.name,
        endpoint,
    }))
}

/// The files of a TLS client as docker names them, those that are there.
pub(super) fn files_in(directory: &Path) -> TlsFiles {
    let file = |name| Some(directory.join(name)).filter(|path| path.exists());
    TlsFiles {
        ca: file("ca.pem"),
        cert: file("cert.pem"),
        key: file("key.pem"),
        skip_verify: false,
    }
}

/// A TCP endpoint with TLS; others stay as they are.
pub(super) fn with_tls(endpoint: Endpoint, files: TlsFiles) -> Endpoint {
    match endpoint {
        Endpoint::Tcp { host, port } | Endpoint::Tls { host, port, .. } => {
            Endpoint::Tls { host, port, files }
        }
        Endpoint::Unix(_) | Endpoint::Ssh { .. } => endpoint,
    }
}

/// The context that docker would use, if it is not the default one.
pub(super) fn active(env: &Env, paths: &Paths) -> Option<String> {
    let name = env.text("DOCKER_CONTEXT").or_else(|| {
        let text = fs::read(paths.docker_dir.join("config.json")).ok()?;
        let config: ClientConfig = serde_json::from_slice(&text).ok()?;
        Some(config.current_context)
    });
    name.filter(|name| !name.is_empty() && name != "default")
}

/// The endpoint of `DOCKER_HOST`, with TLS as `DOCKER_TLS_VERIFY`, `DOCKER_TLS` and
/// `DOCKER_CERT_PATH` say; an error says what is wrong with it.
pub(super) fn docker_host(env: &Env, paths: &Paths) -> Option<Result<Endpoint, String>> {
    let endpoint = match env.text("DOCKER_HOST")?.parse::<Endpoint>() {
        Ok(endpoint) => endpoint,
        Err(error) => return Some(Err(error.to_string())),
    };
    let verify = env.text("DOCKER_TLS_VERIFY").is_some();
    if !verify && env.text("DOCKER_TLS").is_none() {
        return Some(Ok(endpoint));
    }
    let directory = env
        .path("DOCKER_CERT_PATH")
        .unwrap_or_else(|| paths.docker_dir.clone());
    let files = TlsFiles {
        skip_verify: !verify,
        ..files_in(&directory)
    };
    Some(Ok(with_tls(endpoint, files)))
}

/// Where engines of this machine have their sockets, by name: Docker's and Podman's, of root and of the user.
pub(super) fn engine_sockets(env: &Env, paths: &Paths) -> [(&'static str, PathBuf); 5] {
    let user = env
        .path("XDG_RUNTIME_DIR")
        .unwrap_or_else(|| env.at(&format!("/run/user/{}", origin::uid(env))));
    [
        ("local", env.at("/var/run/docker.sock")),
        ("rootless", user.join("docker.sock")),
        ("desktop", paths.home.join(".docker/run/docker.sock")),
        ("podman", env.at("/run/podman/podman.sock")),
        ("podman-rootless", user.join("podman/podman.sock")),
    ]
}

/// The sockets of engines that are on this machine, by name.
pub(super) fn local_engines(env: &Env, paths: &Paths) -> Vec<(&'static str, PathBuf)> {
    let mut seen = Vec::new();
    engine_sockets(env, paths)
        .into_iter()
        .filter(|(_, path)| {
            // One socket may have several names: Podman offers itself as /var/run/docker.sock.
            fs::canonicalize(path).is_ok_and(|real| {
                let new = !seen.contains(&real);
                seen.push(real);
                new
            })
        })
        .collect()
}
