//! Finds what could be hosts, for who has no configuration yet: engines, docker contexts, aliases of ssh.

use std::{fs, path::Path};

use super::{
    Config, Env, Flags, Paths,
    contexts::{self, Context},
    ssh_config,
};
use crate::model::{
    Endpoint, HostName,
    found::{Answer, Candidate, Found, Kind},
};

/// Where it is noted that the first start was seen.
const SEEN: &str = "welcome-seen";

/// Looks for what could be hosts. Nothing is connected to.
pub fn found(config: &Config, env: &Env) -> Found {
    let paths = &config.paths;
    let engines = contexts::local_engines(env, paths).into_iter();
    let engines = engines.map(|(name, socket)| Candidate {
        kind: Kind::Engine,
        name: name.to_owned(),
        endpoint: Endpoint::Unix(socket),
        answer: Answer::Asked,
    });
    // What is wrong with a context is told where one is used.
    let contexts = contexts::all(paths, &mut Vec::new()).into_iter();
    let contexts = contexts.map(|Context { name, endpoint }| Candidate {
        kind: Kind::Context,
        answer: match &endpoint {
            Endpoint::Unix(_) => Answer::Asked,
            Endpoint::Tcp { .. } | Endpoint::Tls { .. } | Endpoint::Ssh { .. } => Answer::NotAsked,
        },
        name,
        endpoint,
    });
    let aliases = ssh_config::aliases(env, paths, config.ssh.config.as_deref()).into_iter();
    let aliases = aliases.filter_map(|alias| {
        HostName::check(&alias).ok()?;
        let endpoint = Endpoint::Ssh {
            destination: alias.clone(),
            port: None,
            socket: None,
        };
        Some(Candidate {
            kind: Kind::Alias,
            name: alias,
            endpoint,
            answer: Answer::NotAsked,
        })
    });
    let mut candidates: Vec<Candidate> = engines.collect();
    candidates.extend(contexts);
    candidates.extend(aliases);
    Found {
        candidates,
        places: places(config, env),
        file: (
            paths.config_file.display().to_string(),
            paths.config_file.exists(),
        ),
    }
}

/// Where is looked, as people read it.
fn places(config: &Config, env: &Env) -> Vec<String> {
    let paths = &config.paths;
    let sockets = contexts::engine_sockets(env, paths);
    let sockets = sockets.into_iter().map(|(_, path)| path);
    let contexts = paths.docker_dir.join("contexts");
    let ssh = config.ssh.config.clone();
    let ssh = ssh.unwrap_or_else(|| paths.home.join(".ssh/config"));
    sockets
        .chain([contexts, ssh])
        .map(|path| path.display().to_string())
        .collect()
}

/// Whether this is the first start of somebody who has said nothing yet: no file, no host by flag or
/// variable, nothing to be shown first; and what a first start shows was not seen.
pub fn is_first_start(flags: &Flags, env: &Env, paths: &Paths) -> bool {
    let is_asked = !flags.hosts.is_empty() || flags.context.is_some() || flags.all_contexts;
    let is_told = flags.config.is_some() || flags.start.is_some();
    let by_variable = ["WHARF_CONFIG", "DOCKER_HOST"];
    !is_asked
        && !is_told
        && by_variable.iter().all(|name| env.text(name).is_none())
        && !is_there(&paths.config_file)
        && !is_there(&paths.state_dir.join(SEEN))
}

/// Notes that what a first start shows was seen. Where that cannot be written it is shown again.
pub fn remember_start(paths: &Paths) {
    let written = fs::create_dir_all(&paths.state_dir).and_then(|()| {
        fs::write(
            paths.state_dir.join(SEEN),
            "What a first start shows was seen.\n",
        )
    });
    if let Err(error) = written {
        tracing::info!(%error, "the first start is not remembered");
    }
}

/// Whether something is there, even if it cannot be read.
fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}
