//! Which hosts there are: from flags, `wharf.toml`, imports, docker's contexts, and this machine.

use std::{collections::HashSet, path::Path};

use glob::Pattern;

use super::{
    Env, Flags, Notice, Paths,
    contexts::{self, Context},
    document::nearest,
    file::{File, Import},
    ssh_config,
};
use crate::model::{Endpoint, HostName, HostSpec};

/// The hosts, and whether somebody asked for any: if so, this machine's own engines are no
/// substitute for those that could not be found.
pub(super) struct Gathered {
    pub(super) hosts: Vec<HostSpec>,
    pub(super) configured: bool,
    pub(super) notices: Vec<Notice>,
}

/// Gathers the hosts. What `-H`, `--context` and `--all-contexts` name replaces the fleet, or is
/// added to it with `--also`. Without any of them, the fleet is what `wharf.toml` names; if it
/// names nothing, `DOCKER_HOST`, the active docker context or this machine's engines.
pub(super) fn gather(flags: &Flags, env: &Env, paths: &Paths, file: &File) -> Gathered {
    let mut gatherer = Gatherer {
        env,
        paths,
        config_place: paths.config_file.display().to_string(),
        ssh_config: file.ssh.config.as_deref(),
        aliases: None,
        contexts: None,
        notices: Vec::new(),
    };
    let fleet = gatherer.fleet(file);
    let asked = !flags.hosts.is_empty() || flags.context.is_some() || flags.all_contexts;
    let (hosts, configured) = if asked {
        let mut hosts = if flags.also {
            fleet.clone()
        } else {
            Vec::new()
        };
        gatherer.flags(flags, &fleet, &mut hosts);
        (hosts, true)
    } else if file.names_hosts {
        (fleet, true)
    } else {
        gatherer.surroundings()
    };
    Gathered {
        hosts,
        configured,
        notices: gatherer.notices,
    }
}

struct Gatherer<'a> {
    env: &'a Env,
    paths: &'a Paths,
    config_place: String,
    ssh_config: Option<&'a Path>,
    /// Read when first needed: nobody waits for what nobody asks for.
    aliases: Option<Vec<String>>,
    contexts: Option<Vec<Context>>,
    notices: Vec<Notice>,
}

impl Gatherer<'_> {
    fn notice(
        &mut self,
        place: &str,
        line: Option<usize>,
        what: String,
        remedy: impl Into<String>,
    ) {
        self.notices.push(Notice {
            place: place.to_owned(),
            line,
            what,
            remedy: remedy.into(),
        });
    }

    fn aliases(&mut self) -> Vec<String> {
        let (env, paths, config) = (self.env, self.paths, self.ssh_config);
        self.aliases
            .get_or_insert_with(|| ssh_config::aliases(env, paths, config))
            .clone()
    }

    fn contexts(&mut self) -> Vec<Context> {
        let (paths, notices) = (self.paths, &mut self.notices);
        self.contexts
            .get_or_insert_with(|| contexts::all(paths, notices))
            .clone()
    }

    /// What `wharf.toml` names: its hosts, then its imports. A host written out stands for the
    /// imported one of the same name.
    fn fleet(&mut self, file: &File) -> Vec<HostSpec> {
        let mut hosts: Vec<HostSpec> = file.hosts.iter().map(|(host, _)| host.clone()).collect();
        let written: HashSet<HostName> = hosts.iter().map(|host| host.name.clone()).collect();
        for import in &file.imports {
            for host in self.import(import) {
                match hosts.iter().find(|known| known.name == host.name) {
                    None => hosts.push(host),
                    Some(known)
                        if written.contains(&known.name) || known.endpoint == host.endpoint => {}
                    Some(known) => {
                        let what = format!(
                            "{} is imported from {} and from {}",
                            host.name, known.source, host.source
                        );
                        let place = self.config_place.clone();
                        let remedy =
                            "leave one out with except = [\"…\"]; until then the first counts";
                        self.notice(&place, import.line, what, remedy);
                    }
                }
            }
        }
        hosts
    }

    fn import(&mut self, import: &Import) -> Vec<HostSpec> {
        let place = self.config_place.clone();
        let mut hosts = Vec::new();
        for from in &import.from {
            match self.from(from) {
                Ok(found) => {
                    let kept = found.into_iter().filter(|host| {
                        !import
                            .except
                            .iter()
                            .any(|glob| matches(glob, host.name.as_str()))
                    });
                    let before = hosts.len();
                    hosts.extend(kept);
                    if hosts.len() == before {
                        self.notice(
                            &place,
                            import.line,
                            format!("import \"{from}\" finds no host"),
                            "see `wharf host list`, `ssh -G` and `docker context ls`",
                        );
                    }
                }
                Err(what) => self.notice(
                    &place,
                    import.line,
                    what,
                    "write \"ssh:web-*\" or \"context:*\"",
                ),
            }
        }
        for host in &mut hosts {
            host.environment.clone_from(&import.environment);
            host.groups.clone_from(&import.groups);
            host.read_only = import.read_only;
            if let (Endpoint::Ssh { socket, .. }, Some(wanted)) =
                (&mut host.endpoint, &import.socket)
            {
                *socket = Some(wanted.clone());
            }
        }
        hosts
    }

    /// The hosts of `ssh:GLOB` or `context:GLOB`.
    fn from(&mut self, text: &str) -> Result<Vec<HostSpec>, String> {
        let (source, glob) = text.split_once(':').unwrap_or(("", text));
        let pattern =
            Pattern::new(glob).map_err(|error| format!("'{glob}' is no pattern: {error}"))?;
        let found: Vec<HostSpec> = match source {
            "ssh" => self
                .aliases()
                .iter()
                .filter(|alias| pattern.matches(alias))
                .filter_map(|alias| of_alias(alias))
                .collect(),
            "context" => self
                .contexts()
                .into_iter()
                .filter(|context| pattern.matches(&context.name))
                .map(of_context)
                .collect(),
            _ => return Err(format!("\"{text}\" names no source of hosts")),
        };
        Ok(found)
    }

    fn flags(&mut self, flags: &Flags, fleet: &[HostSpec], hosts: &mut Vec<HostSpec>) {
        for text in &flags.hosts {
            match self.flag(text, fleet) {
                Ok(found) => found.into_iter().for_each(|host| add(hosts, host)),
                Err((what, remedy)) => self.notice("-H", None, what, remedy),
            }
        }
        let contexts = if flags.context.is_some() || flags.all_contexts {
            self.contexts()
        } else {
            Vec::new()
        };
        if flags.all_contexts {
            contexts
                .iter()
                .cloned()
                .for_each(|context| add(hosts, of_context(context)));
            self.default_context()
                .into_iter()
                .for_each(|host| add(hosts, host));
        }
        match flags.context.as_deref() {
            None => {}
            Some("default") => self
                .default_context()
                .into_iter()
                .for_each(|host| add(hosts, host)),
            Some(name) => {
                let found = contexts.iter().find(|context| context.name == name);
                if let Some(context) = found {
                    add(hosts, of_context(context.clone()));
                } else {
                    let names = contexts.iter().map(|context| context.name.as_str());
                    let remedy = nearest(name, names).map_or_else(
                        || "see `docker context ls`".to_owned(),
                        |near| format!("did you mean {near}?"),
                    );
                    self.notice(
                        "--context",
                        None,
                        format!("there is no docker context {name}"),
                        remedy,
                    );
                }
            }
        }
    }

    /// The hosts that one `-H` names; an error says what is wrong and what to do.
    fn flag(&mut self, text: &str, fleet: &[HostSpec]) -> Result<Vec<HostSpec>, (String, String)> {
        let is_endpoint = |text: &str| text.contains("://") || text.starts_with('/');
        let (name, rest) = match text.split_once('=') {
            Some((name, rest)) if !is_endpoint(name) => (Some(name), rest),
            _ => (None, text),
        };
        let remedy = || "write -H name=endpoint, -H endpoint, or the name of a host".to_owned();
        if let Some(name) = name {
            HostName::check(name)
                .map_err(|why| (format!("the name in '{text}' {why}"), remedy()))?;
        }
        if is_endpoint(rest) || name.is_some() {
            let rest = if is_endpoint(rest) {
                rest.to_owned()
            } else {
                format!("ssh://{rest}")
            };
            let endpoint: Endpoint = rest
                .parse()
                .map_err(|error| (format!("{error}"), remedy()))?;
            return Ok(vec![known_or_new(endpoint, name, fleet)]);
        }
        if rest.starts_with("ssh:") || rest.starts_with("context:") {
            let found = self.from(rest).map_err(|what| (what, remedy()))?;
            let found: Vec<HostSpec> = found.into_iter().map(|host| known(host, fleet)).collect();
            return if found.is_empty() {
                Err((format!("'{rest}' finds no host"), remedy()))
            } else {
                Ok(found)
            };
        }
        self.by_name(rest, fleet)
    }

    /// The hosts that a name or glob means: of the fleet, else an alias of ssh, else a context.
    fn by_name(
        &mut self,
        name: &str,
        fleet: &[HostSpec],
    ) -> Result<Vec<HostSpec>, (String, String)> {
        let found: Vec<HostSpec> = fleet
            .iter()
            .filter(|host| matches(name, host.name.as_str()))
            .cloned()
            .collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let aliases = self.aliases();
        if aliases.iter().any(|alias| alias == name) {
            return Ok(of_alias(name).into_iter().collect());
        }
        let contexts = self.contexts();
        if let Some(context) = contexts.iter().find(|context| context.name == name) {
            return Ok(vec![of_context(context.clone())]);
        }
        // A machine that no file names: `ann@db-7`, `db-7.example.org`.
        let is_address = name.contains(['@', '.']) && !name.contains(['*', '?', '[']);
        if let (true, Ok(endpoint)) = (is_address, format!("ssh://{name}").parse::<Endpoint>()) {
            return Ok(vec![known_or_new(endpoint, None, fleet)]);
        }
        let names = fleet.iter().map(|host| host.name.as_str());
        let names = names
            .chain(aliases.iter().map(String::as_str))
            .chain(contexts.iter().map(|c| c.name.as_str()));
        let remedy = nearest(name, names).map_or_else(
            || {
                "write a name of wharf.toml or ssh_config, or an endpoint such as ssh://host"
                    .to_owned()
            },
            |near| format!("did you mean {near}?"),
        );
        Err((format!("no host is called '{name}'"), remedy))
    }

    /// What there is when no fleet is configured: `DOCKER_HOST`, else the active docker context,
    /// else the engines of this machine. The last is nobody's wish.
    fn surroundings(&mut self) -> (Vec<HostSpec>, bool) {
        let is_set = self.env.text("DOCKER_HOST").is_some();
        if is_set {
            return (self.default_context(), true);
        }
        if let Some(name) = contexts::active(self.env, self.paths) {
            let context = self
                .contexts()
                .into_iter()
                .find(|context| context.name == name);
            if context.is_none() {
                let remedy = "see `docker context ls`, or unset DOCKER_CONTEXT";
                self.notice(
                    "docker",
                    None,
                    format!("the active context {name} is not there"),
                    remedy,
                );
            }
            return (context.into_iter().map(of_context).collect(), true);
        }
        (self.default_context(), false)
    }

    /// Docker's default context: `DOCKER_HOST`, else the engines of this machine.
    fn default_context(&mut self) -> Vec<HostSpec> {
        match contexts::docker_host(self.env, self.paths) {
            Some(Ok(endpoint)) => vec![HostSpec::new(
                &endpoint.usual_name(),
                endpoint,
                "DOCKER_HOST",
            )],
            Some(Err(what)) => {
                self.notice("$DOCKER_HOST", None, what, "mend the variable or unset it");
                Vec::new()
            }
            None => contexts::local_engines(self.env, self.paths)
                .into_iter()
                .map(|(name, socket)| HostSpec::new(name, Endpoint::Unix(socket), "this machine"))
                .collect(),
        }
    }
}

/// A host of an alias of ssh; none when the alias cannot be a host's name.
fn of_alias(alias: &str) -> Option<HostSpec> {
    HostName::check(alias).ok()?;
    let endpoint = Endpoint::Ssh {
        destination: alias.to_owned(),
        port: None,
        socket: None,
    };
    Some(HostSpec::new(alias, endpoint, "ssh_config"))
}

fn of_context(context: Context) -> HostSpec {
    let source = format!("docker context {}", context.name);
    HostSpec::new(&context.name, context.endpoint, &source)
}

/// A host for an endpoint. One that the fleet knows keeps the policy it has there: naming a host by
/// its address must not be a way around its environment.
fn known_or_new(endpoint: Endpoint, name: Option<&str>, fleet: &[HostSpec]) -> HostSpec {
    let usual = endpoint.usual_name();
    let mut host = known(HostSpec::new(name.unwrap_or(&usual), endpoint, "-H"), fleet);
    if let Some(name) = name {
        host.name = HostName::new(name);
    }
    host
}

/// The host of the fleet with the same endpoint, else the host itself.
fn known(host: HostSpec, fleet: &[HostSpec]) -> HostSpec {
    fleet
        .iter()
        .find(|known| known.endpoint == host.endpoint)
        .cloned()
        .unwrap_or(host)
}

/// Adds a host, under another name when its own is taken by another endpoint.
fn add(hosts: &mut Vec<HostSpec>, mut host: HostSpec) {
    let taken = |hosts: &[HostSpec], name: &HostName| hosts.iter().any(|known| known.name == *name);
    if hosts
        .iter()
        .any(|known| known.name == host.name && known.endpoint == host.endpoint)
    {
        return;
    }
    let name = host.name.clone();
    let mut number = 2;
    while taken(hosts, &host.name) {
        host.name = HostName::new(&format!("{name}-{number}"));
        number += 1;
    }
    hosts.push(host);
}

/// Whether a name is meant by a glob; a glob that is none means itself.
fn matches(glob: &str, name: &str) -> bool {
    Pattern::new(glob).map_or(glob == name, |pattern| pattern.matches(name))
}
