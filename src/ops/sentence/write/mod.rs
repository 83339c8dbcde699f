//! Sentences as text: the words that name each, and the canonical form for plan and log.

mod host;
mod image;

use std::borrow::Cow;

use self::{
    host::host,
    image::{image, template},
};
use super::{
    AppCommand, AuditCommand, BackupsArgs, BalancerCommand, ContainerCommand, CopySide,
    CreateNetworkArgs, ExecArgs, HostCommand, HowArgs, KillArgs, ListArgs, LogsCommand,
    ManagersArgs, NetworkCommand, NodeCommand, RegistryCommand, RemoveArgs, Sentence, ServersArgs,
    ServiceCommand, SettingCommand, ShowArgs, StoredCommand, SubnetCommand, VolumeCommand,
};
use crate::{
    logs::Filter,
    model::{Resource, redact},
};

/// The words of a line, joined so that a shell splits them the same way.
#[derive(Default)]
pub(super) struct Words(pub(super) Vec<String>);

impl Words {
    pub(super) fn add(&mut self, word: impl Into<String>) -> &mut Self {
        self.0.push(word.into());
        self
    }

    pub(super) fn flag(&mut self, name: &str, is_set: bool) -> &mut Self {
        if is_set {
            self.add(name);
        }
        self
    }

    pub(super) fn option(&mut self, name: &str, value: Option<impl ToString>) -> &mut Self {
        if let Some(value) = value {
            let value = value.to_string();
            if value.starts_with('-') || value.is_empty() {
                self.add(format!("{name}={value}"));
            } else {
                self.add(name).add(value);
            }
        }
        self
    }
}

/// Joins words so that a shell splits them the same way.
pub(in crate::ops) fn join<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let quoted: Vec<Cow<'_, str>> = words.into_iter().map(quote).collect();
    quoted.join(" ")
}

/// A word as a shell reads it back. A NUL cannot be quoted for any shell, nor can it come from
/// one: it is left out.
fn quote(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+:,./-".contains(c);
    let is_plain = word
        .chars()
        .enumerate()
        .all(|(at, c)| plain(c) || (c == '=' && at > 0));
    if is_plain && !word.is_empty() {
        return Cow::Borrowed(word);
    }
    let word = word.replace('\0', "");
    match shlex::try_quote(&word) {
        Ok(quoted) => Cow::Owned(quoted.into_owned()),
        Err(_) => Cow::Owned(word),
    }
}

impl Sentence {
    /// The words that name it: `container restart`.
    pub fn words(&self) -> &'static str {
        match self {
            Self::Host(command) => match command {
                HostCommand::List(_) => "host list",
                HostCommand::Show { .. } => "host show",
                HostCommand::Add(_) => "host add",
                HostCommand::Edit(_) => "host edit",
                HostCommand::Remove { .. } => "host remove",
                HostCommand::Import(_) => "host import",
                HostCommand::Export(_) => "host export",
                HostCommand::Reconnect { .. } => "host reconnect",
                HostCommand::Login { .. } => "host login",
                HostCommand::Doctor { .. } => "host doctor",
                HostCommand::Install(_) => "host install",
                HostCommand::Drain(_) => "host drain",
                HostCommand::Activate(_) => "host activate",
                HostCommand::Upgrade(_) => "host upgrade",
                HostCommand::Prune(_) => "host prune",
            },
            Self::Container(command) => match command {
                ContainerCommand::List(_) => "container list",
                ContainerCommand::Show(_) => "container show",
                ContainerCommand::Start(_) => "container start",
                ContainerCommand::Stop { .. } => "container stop",
                ContainerCommand::Restart { .. } => "container restart",
                ContainerCommand::Pause(_) => "container pause",
                ContainerCommand::Unpause(_) => "container unpause",
                ContainerCommand::Kill(_) => "container kill",
                ContainerCommand::Remove(_) => "container remove",
                ContainerCommand::Rename { .. } => "container rename",
                ContainerCommand::Exec(_) => "container exec",
                ContainerCommand::Copy { .. } => "container copy",
                ContainerCommand::Top { .. } => "container top",
                ContainerCommand::Changes { .. } => "container changes",
            },
            Self::App(command) => command.words(),
            Self::Pipeline(command) => command.words(),
            Self::Notify(command) => command.words(),
            Self::Image(command) => command.words(),
            Self::Network(command) => command.words(),
            Self::Subnet(command) => command.words(),
            Self::Template(command) => command.words(),
            Self::Volume(command) => command.words(),
            Self::Registry(command) => command.words(),
            Self::Balancer(command) => command.words(),
            Self::Jenkins(command) => command.words(),
            Self::Discovery(command) => command.words(),
            Self::Swarm(command) => command.words(),
            Self::Node(command) => command.words(),
            Self::Service(command) => command.words(),
            Self::Secret(command) => command.words(Resource::Secret),
            Self::SwarmConfig(command) => command.words(Resource::Config),
            Self::Logs(_) => "logs",
            Self::Audit(AuditCommand::List { .. }) => "audit list",
            Self::Audit(AuditCommand::Verify) => "audit verify",
            Self::Setting(SettingCommand::List(_)) => "setting list",
            Self::Setting(SettingCommand::Set { .. }) => "setting set",
            Self::Setting(SettingCommand::Reset { .. }) => "setting reset",
        }
    }

    /// The sentence with these targets in place of its own, as it can be pasted into a shell;
    /// secrets are masked, and the reason is left out, because the log keeps it beside the sentence.
    pub(in crate::ops) fn canonical(&self, targets: &[String]) -> String {
        let mut words = Words(self.words().split(' ').map(str::to_owned).collect());
        match self {
            Self::Host(command) => host(&mut words, command, targets),
            Self::Container(command) => container(&mut words, command, targets),
            Self::App(command) => app(&mut words, command),
            Self::Pipeline(command) => command.write(&mut words),
            Self::Notify(command) => command.write(&mut words),
            Self::Image(command) => image(&mut words, command, targets),
            Self::Network(command) => network(&mut words, command, targets),
            Self::Subnet(command) => subnet(&mut words, command),
            Self::Template(command) => template(&mut words, command),
            Self::Volume(command) => volume(&mut words, command, targets),
            Self::Registry(command) => registry(&mut words, command),
            Self::Balancer(command) => balancer(&mut words, command),
            Self::Jenkins(command) => command.write(&mut words),
            Self::Discovery(command) => command.write(&mut words),
            Self::Swarm(_) => {}
            Self::Node(command) => node(&mut words, command, targets),
            Self::Service(command) => service(&mut words, command, targets),
            Self::Secret(command) | Self::SwarmConfig(command) => {
                stored(&mut words, command, targets);
            }
            Self::Logs(args) => logs(&mut words, args, targets),
            Self::Audit(AuditCommand::List { list: args, number }) => {
                list(&mut words, args);
                words.option("-n", Some(number));
            }
            Self::Audit(AuditCommand::Verify) => {}
            Self::Setting(command) => setting(&mut words, command),
        }
        redact(&join(words.0.iter().map(String::as_str))).into_owned()
    }
}

fn network(words: &mut Words, command: &NetworkCommand, targets: &[String]) {
    match command {
        NetworkCommand::List(args) => list(words, args),
        NetworkCommand::Show { .. } | NetworkCommand::Remove(_) | NetworkCommand::Prune { .. } => {
            words.0.extend(targets.iter().cloned());
        }
        NetworkCommand::Create(args) => create_network(words, args, targets),
        NetworkCommand::Connect(args) => {
            words.add(&args.network);
            words.0.extend(targets.iter().cloned());
            for address in &args.addresses {
                words.option("--ip", Some(address));
            }
            for alias in &args.aliases {
                words.option("--alias", Some(alias));
            }
        }
        NetworkCommand::Disconnect(args) => {
            words.add(&args.network);
            words.0.extend(targets.iter().cloned());
            words.flag("--force", args.force);
        }
        NetworkCommand::Probe(args) => {
            words.0.extend(targets.iter().cloned());
            words.add(args.to.to_string());
            words
                .option("--wait", (args.wait != 5).then_some(args.wait))
                .option("--helper", args.helper.as_ref());
        }
    }
}

/// The targets are the networks to be made, `back@ams-1`.
fn create_network(words: &mut Words, args: &CreateNetworkArgs, targets: &[String]) {
    words.add(&args.name);
    for target in targets {
        let host = target.rsplit_once('@').map_or("", |(_, host)| host);
        words.option("--on", Some(format!("@{host}")));
    }
    words.option("--driver", args.driver.as_ref());
    for subnet in &args.subnets {
        words.option("--subnet", Some(subnet));
    }
    words
        .option("--in", args.range.as_ref())
        .option("--size", args.size);
    for gateway in &args.gateways {
        words.option("--gateway", Some(gateway));
    }
    for range in &args.ip_ranges {
        words.option("--ip-range", Some(range));
    }
    words
        .flag("--internal", args.internal)
        .flag("--attachable", args.attachable)
        .flag("--ipv6", args.ipv6);
    for (name, pairs) in [
        ("--aux", &args.aux),
        ("--option", &args.options),
        ("--label", &args.labels),
    ] {
        for pair in pairs {
            words.option(name, Some(pair));
        }
    }
}

fn app(words: &mut Words, command: &AppCommand) {
    if let Some(place) = command.place() {
        words.add(place.name.as_str());
    }
    match command {
        AppCommand::List(args) => list(words, args),
        AppCommand::Show { name, env } => {
            words.add(name).option("--env", env.as_ref());
        }
        AppCommand::Deploy(args) => {
            words.option("--template", args.template.as_ref());
            for pair in &args.set {
                words.option("--set", Some(pair));
            }
            for file in &args.files {
                words.option("--file", Some(file.display()));
            }
            for profile in &args.profiles {
                words.option("--profile", Some(profile));
            }
            for image in &args.images {
                words.option("--image", Some(image));
            }
            for host in &args.hosts {
                words.option("--hosts", Some(host));
            }
            words
                .flag("--pull", args.pull)
                .flag("--adopt", args.adopt)
                .flag("--swarm", args.swarm);
            how(words, &args.how);
        }
        AppCommand::Rollback(args) => {
            words.option("--to", args.to);
            how(words, &args.how);
        }
        AppCommand::Bundle(args) => {
            words.option("--release", args.release);
            words.option("--to", Some(args.to.display()));
            words.flag("--replace", args.replace);
        }
        AppCommand::Install(args) => {
            words.0.push(args.bundle.display().to_string());
            words.option("--env", args.environment.as_ref());
            for host in &args.hosts {
                words.option("--hosts", Some(host));
            }
            for key in &args.trust {
                words.option("--trust", Some(key));
            }
            words.flag("--adopt", args.adopt);
            how(words, &args.how);
        }
        AppCommand::Scale(args) => {
            words.0.extend(args.counts.iter().map(ToString::to_string));
            for host in &args.hosts {
                words.option("--hosts", Some(host));
            }
            how(words, &args.how);
        }
        AppCommand::Approve(args) | AppCommand::Reject(args) => {
            words.0.extend(args.digest.clone());
        }
        AppCommand::Deploys { all } | AppCommand::Approvals { all } => {
            words.flag("--all", *all);
        }
        AppCommand::Autoscale
        | AppCommand::Releases(_)
        | AppCommand::Continue(_)
        | AppCommand::Promote(_)
        | AppCommand::Pause(_)
        | AppCommand::Abort(_)
        | AppCommand::Unlock(_) => {}
    }
    if let Some(place) = command.place() {
        words.option("--env", place.environment.as_ref());
    }
}

/// How a release is brought to its hosts.
fn how(words: &mut Words, how: &HowArgs) {
    let time = |time: Option<std::time::Duration>| time.map(|time| format!("{}s", time.as_secs()));
    for size in &how.batches {
        words.option("--batch", Some(size));
    }
    words.option("--wait", time(how.wait));
    words.option("--bake", time(how.bake));
    words.option("--settle", time(how.settle));
    words.option("--deadline", time(how.deadline));
    words.option("--on-failure", how.on_failure);
    words.option("--keep", how.keep);
    for share in &how.canary {
        words.option("--canary", Some(share.percent()));
    }
    words.option("--every", time(how.every));
    words.option("--requests", how.requests);
    words.option("--emergency", how.emergency.as_ref());
}

fn registry(words: &mut Words, command: &RegistryCommand) {
    match command {
        RegistryCommand::List => {}
        RegistryCommand::Repositories(args) => {
            words.add(&args.registry);
            words.option("--match", args.pattern.as_ref().map(glob::Pattern::as_str));
        }
        RegistryCommand::Tags { repository } => {
            words.add(repository.to_string());
        }
        RegistryCommand::Show { image } => {
            words.add(image.to_string());
        }
        RegistryCommand::Delete(args) => {
            words.0.extend(args.images.iter().map(ToString::to_string));
        }
        RegistryCommand::Promote(args) => {
            words.add(args.from.to_string());
            words.add(args.to.of(&args.from).to_string());
            words.option("--expect", args.expect.as_ref());
        }
    }
}

fn balancer(words: &mut Words, command: &BalancerCommand) {
    let servers = |words: &mut Words, args: &ServersArgs| {
        words.add(&args.balancer);
        words.0.extend(args.servers.iter().map(ToString::to_string));
    };
    match command {
        BalancerCommand::List => {}
        BalancerCommand::Show(args) => {
            words.add(&args.balancer);
            words.0.extend(args.backend.clone());
        }
        BalancerCommand::Check { balancer } => {
            words.add(balancer);
        }
        BalancerCommand::Render(args) => {
            words.add(&*args.app);
            words
                .option("--servers", Some(args.servers))
                .option("--port", Some(args.port))
                .option("--check", Some(&args.check))
                .option("--balancer", args.balancer.as_ref())
                .option("--sources", args.sources.as_ref());
        }
        BalancerCommand::Ready(args) => {
            servers(words, &args.servers);
            words.option("--wait", Some(args.wait));
        }
        BalancerCommand::Drain(args) => {
            servers(words, &args.servers);
            words.option("--wait", (args.wait > 0).then_some(args.wait));
        }
        BalancerCommand::Maintenance(args) => servers(words, args),
        BalancerCommand::Weight(args) => {
            words.add(&args.balancer).add(args.server.to_string());
            words.add(args.weight.to_string());
        }
        BalancerCommand::Share(args) => {
            words.add(&args.balancer).add(&*args.app);
            words.add(args.share.percent().to_string());
            words.option("--map", args.map.as_ref());
        }
        BalancerCommand::Save(args) => {
            words.add(&args.balancer);
        }
    }
}

fn subnet(words: &mut Words, command: &SubnetCommand) {
    match command {
        SubnetCommand::List(args) => list(words, args),
        SubnetCommand::Free(args) => {
            words.add(args.size.to_string());
            words
                .option("--in", args.range.as_ref())
                .option("--number", (args.number != 1).then_some(args.number));
        }
        SubnetCommand::Check => {}
    }
}

fn volume(words: &mut Words, command: &VolumeCommand, targets: &[String]) {
    match command {
        VolumeCommand::List(args) => list(words, args),
        VolumeCommand::Show { .. } | VolumeCommand::Remove(_) => {
            words.0.extend(targets.iter().cloned());
        }
        VolumeCommand::Prune(args) => {
            words.0.extend(targets.iter().cloned());
            words.flag("--all", args.all);
        }
        VolumeCommand::Create(args) => {
            words.0.extend(targets.iter().cloned());
            words.option("--driver", args.driver.as_ref());
            for (name, pairs) in [("--option", &args.options), ("--label", &args.labels)] {
                for pair in pairs {
                    words.option(name, Some(pair));
                }
            }
        }
        VolumeCommand::Browse(args) => {
            let path = args.place.as_ref().map_or("", |place| &*place.path);
            let path = match path {
                "" => String::new(),
                path => format!(":/{path}"),
            };
            let places = targets.iter().map(|target| format!("{target}{path}"));
            words.0.extend(places);
            words.option("--cat", args.cat.as_ref());
        }
        VolumeCommand::Backup(args) => {
            words.0.extend(targets.iter().cloned());
            words
                .option("--to", args.to.as_ref())
                .flag("--pause", args.pause)
                .option("--before", args.before.as_ref())
                .option("--keep", args.keep);
        }
        VolumeCommand::Backups(BackupsArgs { names, from }) => {
            words.0.extend(names.iter().cloned());
            words.option("--from", from.as_ref());
        }
        VolumeCommand::Verify(args) => {
            words.0.extend(targets.iter().cloned());
            words.option("--from", args.from.as_ref());
        }
        VolumeCommand::Switch(args) => {
            words.add(args.from.clone());
            words.add(args.to.clone());
            words.0.extend(targets.iter().cloned());
        }
        VolumeCommand::Restore(args) => {
            words.add(args.backup.to_string());
            words.0.extend(targets.iter().cloned());
            words.option("--from", args.from.as_ref());
        }
    }
}

fn managers(words: &mut Words, args: &ManagersArgs) {
    words.0.extend(args.hosts.iter().map(ToString::to_string));
}

fn node(words: &mut Words, command: &NodeCommand, targets: &[String]) {
    words.0.extend(targets.iter().cloned());
    match command {
        NodeCommand::List(args) => managers(words, args),
        NodeCommand::Drain(args) => {
            words.option("--wait", Some(args.wait));
        }
        NodeCommand::Show { .. } | NodeCommand::Pause(_) | NodeCommand::Activate(_) => {}
    }
}

fn service(words: &mut Words, command: &ServiceCommand, targets: &[String]) {
    words.0.extend(targets.iter().cloned());
    match command {
        ServiceCommand::List(args) => managers(words, args),
        ServiceCommand::Tasks(args) => {
            words.flag("--all", args.all);
        }
        ServiceCommand::Scale(args) => {
            words.option("--replicas", Some(args.replicas));
        }
        ServiceCommand::Show { .. } | ServiceCommand::Restart(_) | ServiceCommand::Remove(_) => {}
    }
}

fn stored(words: &mut Words, command: &StoredCommand, targets: &[String]) {
    words.0.extend(targets.iter().cloned());
    match command {
        StoredCommand::List(args) => managers(words, args),
        StoredCommand::Create(args) => {
            let file = args.file.as_ref().map(|file| file.display());
            words
                .option("--file", file)
                .option("--variable", args.variable.as_ref());
            for pair in &args.labels {
                words.option("--label", Some(pair));
            }
        }
        StoredCommand::Remove(_) => {}
    }
}

fn setting(words: &mut Words, command: &SettingCommand) {
    match command {
        SettingCommand::List(args) => list(words, args),
        SettingCommand::Set { key, value, .. } => {
            let said = value.join(" ");
            let value = crate::ops::setting::canonical(*key, &said).unwrap_or(said);
            // Empty means the default, which is said so.
            let value = if value.is_empty() { "default" } else { &value };
            words.add(key.name()).add(value);
        }
        SettingCommand::Reset { key, .. } => {
            words.add(key.name());
        }
    }
}

fn list(words: &mut Words, args: &ListArgs) {
    words.0.extend(args.filter.iter().cloned());
    let columns = (!args.columns.is_empty()).then(|| args.columns.join(","));
    words
        .option("--columns", columns)
        .option("--sort", args.sort.as_ref());
}

fn logs(words: &mut Words, args: &LogsCommand, targets: &[String]) {
    words.0.extend(targets.iter().cloned());
    let fields = (!args.fields.is_empty()).then(|| args.fields.join(","));
    words
        .flag("--follow", args.follow)
        .option("--tail", args.tail)
        .option("--since", args.since)
        .option("--until", args.until)
        .flag("--timestamps", args.timestamps)
        .option("--filter", args.filter.as_ref().map(Filter::typed))
        .option("--fields", fields)
        .flag("--reveal", args.reveal);
}

fn container(words: &mut Words, command: &ContainerCommand, targets: &[String]) {
    if let ContainerCommand::List(args) = command {
        return list(words, args);
    }
    if let ContainerCommand::Copy { from, to, .. } = command {
        return copy(words, from, to, targets);
    }
    words.0.extend(targets.iter().cloned());
    match command {
        ContainerCommand::List(_)
        | ContainerCommand::Copy { .. }
        | ContainerCommand::Start(_)
        | ContainerCommand::Pause(_)
        | ContainerCommand::Unpause(_)
        | ContainerCommand::Top { .. }
        | ContainerCommand::Changes { .. } => {}
        ContainerCommand::Show(ShowArgs { reveal, .. }) => {
            words.flag("--reveal", *reveal);
        }
        ContainerCommand::Stop { grace, .. } | ContainerCommand::Restart { grace, .. } => {
            words.option("--grace", grace.grace);
        }
        ContainerCommand::Kill(KillArgs { signal, .. }) => {
            words.option("--signal", Some(signal));
        }
        ContainerCommand::Remove(RemoveArgs { force, volumes, .. }) => {
            words.flag("--force", *force).flag("--volumes", *volumes);
        }
        ContainerCommand::Rename { name, .. } => {
            words.add(name.as_str());
        }
        ContainerCommand::Exec(args) => exec(words, args),
    }
}

fn exec(words: &mut Words, args: &ExecArgs) {
    words.option("--user", args.user.as_ref());
    if !args.command.is_empty() {
        words.add("--");
        words.0.extend(args.command.iter().cloned());
    }
}

/// Several targets stand with commas between before the one path.
fn copy(words: &mut Words, from: &CopySide, to: &CopySide, targets: &[String]) {
    let side = |side: &CopySide| match side {
        CopySide::Local(path) => path.display().to_string(),
        CopySide::Inside { path, .. } => format!("{}:{path}", targets.join(",")),
    };
    words.add(side(from)).add(side(to));
}
