//! The same as docker commands, for people who want to see or say it without Wharf.

use crate::{
    model::{
        Action, Build, BuildSource, Endpoint, Fleet, Host, HostName, ImageAction, NetworkAction,
        NetworkSpec, NewVolume, Prune, SecretSource, Step, Subject, VolumeAction, redact,
        swarm::SwarmAction,
    },
    ops::sentence::join,
};

/// One command for each host and action; containers of one host share a command where docker
/// takes several.
pub(super) fn commands(steps: &[Step], fleet: &Fleet) -> Vec<String> {
    let mut commands: Vec<(&Step, Vec<String>)> = Vec::new();
    for step in steps {
        let name = name(step);
        let same = commands
            .iter_mut()
            .find(|(first, _)| first.host == step.host && first.action == step.action);
        match (same, takes_several(&step.action)) {
            (Some((_, names)), true) => names.extend(name),
            _ => commands.push((step, name.into_iter().collect())),
        }
    }
    commands
        .into_iter()
        .map(|(step, names)| {
            let said = |host: &HostName, words: Vec<String>| {
                let way = fleet.host(host).map(connection).unwrap_or_default();
                let docker = std::iter::once("docker".to_owned()).chain(way);
                let all: Vec<String> = docker.chain(words).collect();
                redact(&join(all.iter().map(String::as_str))).into_owned()
            };
            let command = said(&step.host, action(&step.action, &names));
            match &step.action {
                Action::Image(ImageAction::Copy { from, tags, .. }) => {
                    let name = tags
                        .first()
                        .map(ToString::to_string)
                        .or(names.first().cloned());
                    let save = ["save".to_owned(), name.unwrap_or_default()];
                    format!("{} | {command}", said(from, save.to_vec()))
                }
                _ => command,
            }
        })
        .collect()
}

fn name(step: &Step) -> Option<String> {
    match &step.subject {
        Subject::Host => None,
        Subject::Container(id, name) if name.is_empty() => Some(id.short().to_owned()),
        Subject::Container(_, name) | Subject::Resource { name, .. } | Subject::Outside(name) => {
            Some(name.to_string())
        }
    }
}

/// How docker is told which engine.
fn connection(host: &Host) -> Vec<String> {
    let mut words = Vec::new();
    let endpoint = match &host.spec.endpoint {
        Endpoint::Tls { host, port, files } => {
            words.push(
                if files.skip_verify {
                    "--tls"
                } else {
                    "--tlsverify"
                }
                .to_owned(),
            );
            for (option, file) in [
                ("--tlscacert", &files.ca),
                ("--tlscert", &files.cert),
                ("--tlskey", &files.key),
            ] {
                if let Some(file) = file {
                    words.push(option.to_owned());
                    words.push(file.display().to_string());
                }
            }
            Endpoint::Tcp {
                host: host.clone(),
                port: *port,
            }
            .to_string()
        }
        other @ (Endpoint::Unix(_) | Endpoint::Tcp { .. } | Endpoint::Ssh { .. }) => {
            other.to_string()
        }
    };
    words.push("-H".to_owned());
    words.push(endpoint);
    words
}

fn takes_several(action: &Action) -> bool {
    match action {
        Action::Start
        | Action::Stop { .. }
        | Action::Restart { .. }
        | Action::Pause
        | Action::Unpause
        | Action::Kill { .. }
        | Action::Remove { .. }
        | Action::Network(NetworkAction::Remove)
        | Action::Volume(VolumeAction::Remove)
        | Action::Swarm(SwarmAction::Remove(_) | SwarmAction::Scale { .. }) => true,
        Action::Rename { .. }
        | Action::CopyIn { .. }
        | Action::CopyOut { .. }
        | Action::Exec { .. }
        | Action::Prune(_)
        | Action::Image(_)
        | Action::Network(
            NetworkAction::Create(_)
            | NetworkAction::Connect { .. }
            | NetworkAction::Disconnect { .. }
            | NetworkAction::Probe { .. },
        )
        | Action::Volume(
            VolumeAction::Create(_)
            | VolumeAction::Backup(_)
            | VolumeAction::Verify { .. }
            | VolumeAction::Restore { .. }
            | VolumeAction::Switch { .. },
        )
        | Action::Registry(_)
        | Action::Balancer(_)
        | Action::Jenkins(_)
        | Action::Discovery(_)
        | Action::Swarm(
            SwarmAction::Availability { .. } | SwarmAction::Restart | SwarmAction::Create(_),
        )
        | Action::Deploy(_)
        | Action::Examine
        | Action::Install(_) => false,
    }
}

fn action(action: &Action, names: &[String]) -> Vec<String> {
    let first = names.first().cloned().unwrap_or_default();
    let mut words: Vec<String> = Vec::new();
    let mut say = |parts: &[&str]| words.extend(parts.iter().map(|&part| part.to_owned()));
    match action {
        Action::Start => say(&["start"]),
        Action::Stop { grace } => timed("stop", *grace, &mut say),
        Action::Restart { grace } => timed("restart", *grace, &mut say),
        Action::Pause => say(&["pause"]),
        Action::Unpause => say(&["unpause"]),
        Action::Kill { signal } => say(&["kill", "-s", signal]),
        Action::Remove { force, volumes } => {
            say(&["rm"]);
            say(if *force { &["-f"] } else { &[] });
            say(if *volumes { &["-v"] } else { &[] });
        }
        Action::Rename { to } => {
            say(&["rename", &first, to]);
            return words;
        }
        Action::CopyIn { from, to } => {
            say(&["cp", &from.display().to_string(), &format!("{first}:{to}")]);
            return words;
        }
        Action::CopyOut { from, to } => {
            say(&["cp", &format!("{first}:{from}"), &to.display().to_string()]);
            return words;
        }
        Action::Exec { command, user } => {
            say(&["exec", "-it"]);
            if let Some(user) = user {
                say(&["-u", user]);
            }
            say(&[&first]);
            say(if command.is_empty() { &["sh"] } else { &[] });
            words.extend(command.iter().map(ToString::to_string));
            return words;
        }
        Action::Prune(kind) => say(prune(*kind)),
        Action::Image(action) => return image(action, names),
        Action::Network(action) => return network(action, names),
        Action::Volume(action) => return volume(action, names),
        Action::Swarm(action) => return swarm(action, names),
        // No command of docker does that, and their plans name none.
        Action::Registry(_)
        | Action::Balancer(_)
        | Action::Jenkins(_)
        | Action::Discovery(_)
        | Action::Deploy(_) => {
            return Vec::new();
        }
        // These are no commands of docker, and have commands of their own in their plans.
        Action::Examine | Action::Install(_) => say(&["version"]),
    }
    words.extend(names.iter().cloned());
    words
}

fn image(action: &ImageAction, names: &[String]) -> Vec<String> {
    let first = names.first().map_or("", String::as_str);
    match action {
        ImageAction::Look => spoken(&["image", "inspect"], &[], names),
        ImageAction::Tag { to } => spoken(&["tag", first, to], &[], &[]),
        ImageAction::Pull { name } => spoken(&["pull", name], &[], &[]),
        ImageAction::Push { name } => spoken(&["push", name], &[], &[]),
        ImageAction::Commit { name, pause } => {
            let pause: &[&str] = if *pause { &[] } else { &["--pause=false"] };
            spoken(&["commit"], pause, &[first.to_owned(), name.to_string()])
        }
        ImageAction::Build(wanted) => build(wanted),
        ImageAction::Copy { .. } => spoken(&["load"], &[], &[]),
        ImageAction::Load { file, .. } => {
            spoken(&["load", "-i", &file.display().to_string()], &[], &[])
        }
        ImageAction::Bundle { images, to, .. } => {
            let names: Vec<String> = images
                .iter()
                .map(|image| image.tags.first().unwrap_or(&image.id).to_string())
                .collect();
            spoken(&["save", "-o", &to.display().to_string()], &[], &names)
        }
        ImageAction::Remove { force, .. } => {
            let force: &[&str] = if *force { &["-f"] } else { &[] };
            spoken(&["image", "rm"], force, names)
        }
    }
}

fn build(build: &Build) -> Vec<String> {
    let mut words = spoken(&["build"], &[], &[]);
    let mut option = |key: &str, value: String| words.extend([key.to_owned(), value]);
    for tag in &build.tags {
        option("-t", tag.to_string());
    }
    if let Some(file) = &build.file {
        option("-f", file.display().to_string());
    }
    for arg in &build.args {
        option("--build-arg", arg.to_string());
    }
    for secret in &build.secrets {
        option("--secret", secret.to_string());
    }
    for (key, value) in &build.labels {
        option("--label", format!("{key}={value}"));
    }
    for (key, value) in [("--target", &build.target), ("--platform", &build.platform)] {
        if let Some(value) = value {
            option(key, value.to_string());
        }
    }
    words.extend(build.no_cache.then(|| "--no-cache".to_owned()));
    words.extend(build.pull.then(|| "--pull".to_owned()));
    words.push(match &build.source {
        BuildSource::Directory(path) => path.display().to_string(),
        git @ BuildSource::Git { .. } => git.to_string(),
    });
    words
}

fn network(action: &NetworkAction, names: &[String]) -> Vec<String> {
    match action {
        NetworkAction::Remove => spoken(&["network", "rm"], &[], names),
        NetworkAction::Create(spec) => create_network(spec, names),
        NetworkAction::Connect {
            name,
            ipv4,
            ipv6,
            aliases,
            ..
        } => {
            let mut words = spoken(&["network", "connect"], &[], &[]);
            let mut option = |key: &str, value: String| words.extend([key.to_owned(), value]);
            if let Some(address) = ipv4 {
                option("--ip", address.to_string());
            }
            if let Some(address) = ipv6 {
                option("--ip6", address.to_string());
            }
            for alias in aliases {
                option("--alias", alias.to_string());
            }
            words.push(name.to_string());
            words.extend(names.iter().cloned());
            words
        }
        NetworkAction::Disconnect { name, force, .. } => {
            let force: &[&str] = if *force { &["-f", name] } else { &[name] };
            spoken(&["network", "disconnect"], force, names)
        }
        NetworkAction::Probe {
            to,
            port,
            seconds,
            helper,
        } => {
            let name = names.first().map_or("", String::as_str);
            let (seconds, port) = (seconds.to_string(), port.to_string());
            let nc = ["nc", "-w", &seconds, to, &port];
            let inside = format!("container:{name}");
            match helper {
                None => spoken(&["exec", name], &nc, &[]),
                Some(image) => {
                    let run = ["run", "--rm", "--network", &inside, image];
                    spoken(&run, &nc, &[])
                }
            }
        }
    }
}

fn create_network(spec: &NetworkSpec, names: &[String]) -> Vec<String> {
    let mut words = spoken(&["network", "create"], &[], &[]);
    let mut option = |key: &str, value: String| words.extend([key.to_owned(), value]);
    if let Some(driver) = &spec.driver {
        option("-d", driver.to_string());
    }
    for pool in &spec.subnets {
        option("--subnet", pool.subnet.to_string());
        if let Some(gateway) = &pool.gateway {
            option("--gateway", gateway.to_string());
        }
        if let Some(range) = &pool.ip_range {
            option("--ip-range", range.to_string());
        }
        for (name, address) in &pool.aux {
            option("--aux-address", format!("{name}={address}"));
        }
    }
    for (key, pairs) in [("-o", &spec.options), ("--label", &spec.labels)] {
        for (name, value) in pairs {
            option(key, format!("{name}={value}"));
        }
    }
    let flags = [
        (spec.internal, "--internal"),
        (spec.attachable, "--attachable"),
        (spec.ipv6, "--ipv6"),
    ];
    words.extend(
        flags
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, flag)| (*flag).to_owned()),
    );
    words.extend(names.iter().cloned());
    words
}

fn swarm(action: &SwarmAction, names: &[String]) -> Vec<String> {
    match action {
        SwarmAction::Availability { to, .. } => {
            spoken(&["node", "update", "--availability", to.word()], &[], names)
        }
        SwarmAction::Scale { to } => {
            let names: Vec<String> = names.iter().map(|name| format!("{name}={to}")).collect();
            spoken(&["service", "scale"], &[], &names)
        }
        SwarmAction::Restart => spoken(&["service", "update", "--force"], &[], names),
        SwarmAction::Remove(kind) => spoken(&[kind.word(), "rm"], &[], names),
        SwarmAction::Create(wanted) => {
            let mut words = spoken(&[wanted.kind.word(), "create"], &[], names);
            words.push(match &wanted.from {
                SecretSource::File(path) => path.display().to_string(),
                // Out of a pipe.
                SecretSource::Variable(_) => "-".to_owned(),
            });
            words
        }
    }
}

fn volume(action: &VolumeAction, names: &[String]) -> Vec<String> {
    match action {
        VolumeAction::Remove => spoken(&["volume", "rm"], &[], names),
        VolumeAction::Create(wanted) => create(wanted, names),
        // Nearly the same: these start a container, and need an image that has tar.
        VolumeAction::Backup(_) => through("run --rm -v", ":/v:ro busybox tar -cC /v .", names),
        VolumeAction::Restore { .. } => through("run --rm -i -v", ":/v busybox tar -xC /v", names),
        // Their plans have no commands: nothing is asked of an engine, or docker has none for it.
        VolumeAction::Verify { .. } | VolumeAction::Switch { .. } => spoken(&["version"], &[], &[]),
    }
}

fn create(wanted: &NewVolume, names: &[String]) -> Vec<String> {
    let mut words = spoken(&["volume", "create"], &[], &[]);
    if let Some(driver) = &wanted.driver {
        words.extend(["--driver".to_owned(), driver.to_string()]);
    }
    for (option, pairs) in [("--opt", &wanted.options), ("--label", &wanted.labels)] {
        for (key, value) in pairs {
            words.extend([option.to_owned(), format!("{key}={value}")]);
        }
    }
    words.extend(names.iter().cloned());
    words
}

/// A command around the name of a volume.
fn through(before: &str, behind: &str, names: &[String]) -> Vec<String> {
    let name = names.first().map_or("", String::as_str);
    let line = format!("{before} {name}{behind}");
    line.split(' ').map(str::to_owned).collect()
}

/// Words, options and names as one command.
fn spoken(words: &[&str], options: &[&str], names: &[String]) -> Vec<String> {
    let said = words.iter().chain(options).map(|&word| word.to_owned());
    said.chain(names.iter().cloned()).collect()
}

fn timed(verb: &str, grace: Option<u32>, say: &mut impl FnMut(&[&str])) {
    say(&[verb]);
    if let Some(grace) = grace {
        say(&["-t", &grace.to_string()]);
    }
}

fn prune(kind: Prune) -> &'static [&'static str] {
    match kind {
        Prune::Containers => &["container", "prune", "-f"],
        Prune::Images { all: false } => &["image", "prune", "-f"],
        Prune::Images { all: true } => &["image", "prune", "-f", "-a"],
        Prune::Networks => &["network", "prune", "-f"],
        Prune::Volumes { all: false } => &["volume", "prune", "-f"],
        Prune::Volumes { all: true } => &["volume", "prune", "-f", "-a"],
        Prune::BuildCache => &["builder", "prune", "-f"],
    }
}
