//! What an environment's rules have against an app, before anything happens.

use crate::model::{
    app::{
        Healthcheck, HostPort, ImageReference, MountKind, NetworkMode, Rule, Service, ServiceName,
        Severity, Spec, Told, Value, Where,
    },
    is_secret_name,
};

/// Everything in an app that the rules deny, as errors in the order of the services.
pub fn policy(spec: &Spec, rules: &[Rule]) -> Vec<Told> {
    let mut told = Vec::new();
    for (name, service) in &spec.services {
        for rule in rules {
            let found = breaches(service, *rule).into_iter();
            told.extend(found.map(|(key, what, remedy)| denied(name, *rule, key, &what, remedy)));
        }
    }
    told
}

fn denied(service: &ServiceName, rule: Rule, key: &str, what: &str, remedy: &str) -> Told {
    Told {
        severity: Severity::Error,
        place: Where {
            path: format!("services.{service}.{key}"),
            ..Where::default()
        },
        what: format!("{what}, which the environment denies ({rule})"),
        remedy: remedy.to_owned(),
    }
}

/// Where, what, and what to do instead.
type Breach = (&'static str, String, &'static str);

/// A rule that a service keeps or breaks as a whole: where, what is wrong, what to do instead, and whether it is so.
type Simple = (
    Rule,
    &'static str,
    &'static str,
    &'static str,
    fn(&Service) -> bool,
);

const SIMPLE: &[Simple] = &[
    (
        Rule::Privileged,
        "privileged",
        "it is privileged",
        "name the capabilities that it needs",
        |service| service.privileged,
    ),
    (
        Rule::HostNetwork,
        "network_mode",
        "it uses the host's network",
        "publish its ports",
        |service| service.network_mode == Some(NetworkMode::Host),
    ),
    (
        Rule::HostNamespace,
        "pid",
        "it shares the host's processes, memory or users",
        "take pid, ipc, uts, userns_mode or cgroup: host out",
        |service| {
            let all = [
                &service.pid,
                &service.ipc,
                &service.uts,
                &service.userns_mode,
                &service.cgroup,
            ];
            all.into_iter().flatten().any(|text| text == "host")
        },
    ),
    (
        Rule::CapAdd,
        "cap_add",
        "it gets capabilities beyond the usual",
        "do without",
        |service| !service.cap_add.is_empty(),
    ),
    (
        Rule::Device,
        "devices",
        "it gets devices of the host",
        "do without",
        |service| !service.devices.is_empty() || !service.device_cgroup_rules.is_empty(),
    ),
    (
        Rule::Unconfined,
        "security_opt",
        "it is not confined",
        "use a profile of its own",
        |service| {
            let ends = ["unconfined", "label:disable", "label=disable"];
            let loose = |text: &String| ends.iter().any(|end| text.ends_with(end));
            service.security_opt.iter().any(loose)
        },
    ),
    (
        Rule::Untagged,
        "image",
        "the image has no tag",
        "name the version",
        |service| {
            let untagged =
                |image: &ImageReference| image.tag().is_none() && image.digest().is_none();
            service.image.as_ref().is_some_and(untagged)
        },
    ),
    (
        Rule::Latest,
        "image",
        "the image is whatever is latest",
        "name the version",
        |service| {
            let latest = |image: &ImageReference| {
                image.digest().is_none() && image.tag().is_none_or(|tag| tag == "latest")
            };
            service.image.as_ref().is_some_and(latest)
        },
    ),
    (
        Rule::NoDigest,
        "image",
        "the image has no digest",
        "add @sha256:…",
        |service| {
            service
                .image
                .as_ref()
                .is_some_and(|image| image.digest().is_none())
        },
    ),
    (
        Rule::NoLimit,
        "deploy.resources.limits.memory",
        "its memory has no bound",
        "say how much it may use",
        |service| service.deploy.resources.limits.memory.is_none(),
    ),
    (
        Rule::NoHealthcheck,
        "healthcheck",
        "nothing tells whether it is well",
        "write a healthcheck",
        |service| !matches!(service.healthcheck, Some(Healthcheck::Probe(_))),
    ),
    (
        Rule::RandomPort,
        "ports",
        "a port changes at every start",
        "name the port of the host",
        |service| service.ports.iter().any(|port| port.host == HostPort::Any),
    ),
];

fn breaches(service: &Service, rule: Rule) -> Vec<Breach> {
    match rule {
        Rule::DockerSocket => binds(service)
            .filter(|source| is_socket(source))
            .map(|source| {
                (
                    "volumes",
                    format!("it gets {source}"),
                    "let a proxy with few rights speak for it",
                )
            })
            .collect(),
        Rule::BindMount => binds(service)
            .filter(|source| !is_socket(source))
            .map(|source| {
                (
                    "volumes",
                    format!("it gets {source} of the host"),
                    "use a named volume or a config",
                )
            })
            .collect(),
        Rule::PlainSecret => {
            let variables = service.environment.0.iter();
            let written = |value: &Value| value.as_plain().is_some_and(|text| !text.is_empty());
            let remedy = "make it a parameter of type secret, or a secret";
            variables
                .filter(|(name, value)| is_secret_name(name) && written(value))
                .map(|(name, _)| {
                    (
                        "environment",
                        format!("the value of {name} is written in the file"),
                        remedy,
                    )
                })
                .collect()
        }
        Rule::Privileged
        | Rule::HostNetwork
        | Rule::HostNamespace
        | Rule::CapAdd
        | Rule::Device
        | Rule::Unconfined
        | Rule::Untagged
        | Rule::Latest
        | Rule::NoDigest
        | Rule::NoLimit
        | Rule::NoHealthcheck
        | Rule::RandomPort => {
            let broken = |one: &&Simple| one.0 == rule && one.4(service);
            let breach = |one: &Simple| (one.1, one.2.to_owned(), one.3);
            SIMPLE.iter().filter(broken).map(breach).collect()
        }
    }
}

fn binds(service: &Service) -> impl Iterator<Item = &str> {
    service.mounts.iter().filter_map(|mount| match &mount.kind {
        MountKind::Bind { source, .. } => Some(source.as_str()),
        MountKind::Volume { .. } | MountKind::Tmpfs { .. } => None,
    })
}

/// Whether it is an engine's socket, or a directory with one in it.
fn is_socket(source: &str) -> bool {
    const SOCKETS: [&str; 5] = [
        "docker.sock",
        "containerd.sock",
        "podman.sock",
        "crio.sock",
        "dockershim.sock",
    ];
    let path = source.trim_end_matches('/');
    SOCKETS.iter().any(|name| path.ends_with(name))
        || matches!(
            path,
            "" | "/run" | "/var/run" | "/var" | "/run/containerd" | "/run/podman"
        )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;
    use crate::catalog::compose::{NoFiles, Profiles, Purpose, Request, load};
    use crate::model::app::Source;

    #[test]
    fn every_rule_finds_what_it_denies_and_nothing_else() {
        let bad = "name: a\nservices:\n  bad:\n    image: nginx\n    privileged: true\n    network_mode: host\n    pid: host\n    \
            cap_add: [SYS_ADMIN]\n    devices: [/dev/fuse]\n    security_opt: ['seccomp:unconfined']\n    \
            volumes: ['/var/run/docker.sock:/s', '/etc:/e']\n    environment: {DB_PASSWORD: x}\n    ports: ['80']\n  \
            good:\n    image: nginx:1@sha256:0123456789abcdef0123456789abcdef\n    mem_limit: 1g\n    \
            healthcheck: {test: 'true'}\n    ports: ['80:80']\n    environment: {DB_PASSWORD_FILE: /x}\n";
        let source = Source {
            path: "a.yaml".to_owned(),
            text: bad.to_owned(),
        };
        let loaded = load(&Request {
            sources: &[source],
            name: None,
            variables: &|_| None,
            profiles: Profiles::All,
            purpose: Purpose::Deploy,
            files: &NoFiles,
        })
        .unwrap();
        let rules = Rule::ALL.map(|(_, rule)| rule);
        let told = policy(&loaded.spec, &rules);
        for rule in rules {
            let found: Vec<&Told> = told
                .iter()
                .filter(|one| one.what.ends_with(&format!("({rule})")))
                .collect();
            assert_eq!(found.len(), 1, "{rule}: {found:?}");
            assert!(found[0].place.path.starts_with("services.bad."), "{rule}");
        }
        assert!(policy(&loaded.spec, &[]).is_empty());
    }

    #[test]
    fn a_wrong_rule_is_told_with_the_nearest() {
        assert_eq!("docker-socket".parse::<Rule>().unwrap(), Rule::DockerSocket);
        let wrong = "docker-sock".parse::<Rule>().unwrap_err();
        assert!(wrong.contains("did you mean 'docker-socket'"), "{wrong}");
    }
}
