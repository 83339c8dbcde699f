//! Puts the configuration together from flags, variables and files.

use std::collections::BTreeMap;

use super::{Config, Env, Flags, Log, Paths, Refresh, Ssh};
use crate::model::{Endpoint, HostSpec, Place};

impl Config {
    /// Reads the configuration. Never fails: what is wrong becomes a notice, and the rest holds.
    pub fn load(flags: &Flags, env: &Env) -> Self {
        let paths = Paths::of(env, flags.config.as_deref());
        let mut hosts: Vec<HostSpec> = Vec::new();
        for text in &flags.hosts {
            let (name, endpoint) = text.split_once('=').unwrap_or((text, text));
            if let Ok(endpoint) = endpoint.parse::<Endpoint>() {
                hosts.push(HostSpec::new(name, endpoint, "-H"));
            }
        }
        let socket = env.at("/var/run/docker.sock");
        if hosts.is_empty() && socket.exists() {
            hosts.push(HostSpec::new(
                "local",
                Endpoint::Unix(socket),
                "this machine",
            ));
        }
        Self {
            hosts,
            environments: Vec::new(),
            read_only: flags.read_only || env.is_set("WHARF_READ_ONLY"),
            keymap: "default".to_owned(),
            theme: "default".to_owned(),
            mouse: false,
            columns: BTreeMap::new(),
            refresh: Refresh::default(),
            ssh: Ssh::default(),
            store: Place::in_directories(&paths.data_dir, &paths.state_dir),
            log: Log {
                file: paths.state_dir.join("wharf.log"),
                level: "info".to_owned(),
                max_size: 10 << 20,
            },
            paths,
            notices: Vec::new(),
        }
    }
}
