//! Plans about the way to hosts: to look at it, and to put an engine at its end.

use std::sync::Arc;

use super::{Confirm, Plan, Refusal, RefusalKind, gather};
use crate::{
    model::{Action, Endpoint, Fleet, Host, Install, Step, Subject},
    ops::{
        sentence::{Danger, InstallArgs, Sentence, UpgradeArgs, join},
        target::Target,
    },
};

/// The plan of a checkup: nothing is changed, so nothing is asked and nothing recorded.
pub(super) fn doctor(
    sentence: &Sentence,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    let gathered = gather::those_hosts(sentence, fleet, selection, |_| None)?;
    let targets = texts(&gathered.chosen);
    Ok(Plan {
        sentence: sentence.canonical(&targets),
        title: match targets.as_slice() {
            [only] => format!("Examine the way to {only}"),
            several => format!("Examine the ways to {} hosts", several.len()),
        },
        danger: Danger::Reads,
        steps: steps(&gathered.chosen, &Action::Examine),
        targets,
        loses: Vec::new(),
        docker: Vec::new(),
        confirm: Confirm::No,
        left_out: gathered.left_out,
        busy: "examining",
        recorded: false,
        told: Vec::new(),
        deploy: None,
    })
}

/// The plan of an installation. Whether there is an engine already is seen on the host; what is
/// there already is not done again.
pub(super) fn install(
    sentence: &Sentence,
    args: &InstallArgs,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    let gathered = gather::those_hosts(sentence, fleet, selection, not_over_ssh)?;
    let targets = texts(&gathered.chosen);
    let action = Action::Install(Install {
        bundle: args.bundle.clone(),
        packages: args
            .packages
            .iter()
            .map(|name| Arc::from(&**name))
            .collect(),
        add_to_group: args.add_to_group,
        upgrade: false,
    });
    let danger = sentence.danger();
    let confirm = match gathered.confirm(danger, fleet, gathered.chosen.iter().copied()) {
        // Software is put on a machine as root: that is never done unasked.
        Confirm::No => Confirm::Ask,
        more => more,
    };
    Ok(Plan {
        sentence: sentence.canonical(&targets),
        title: format!("Install Docker Engine on {}", targets.join(", ")),
        danger,
        steps: steps(&gathered.chosen, &action),
        loses: Vec::new(),
        docker: gathered
            .chosen
            .iter()
            .flat_map(|host| by_hand(host, args))
            .collect(),
        confirm,
        left_out: gathered.left_out,
        busy: "installing",
        recorded: true,
        told: Vec::new(),
        deploy: None,
        targets,
    })
}

/// The plan of an upgrade. Containers go on where the engine restores them live; else they must not run.
pub(super) fn upgrade(
    sentence: &Sentence,
    args: &UpgradeArgs,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    let unfit = |host: &Host| {
        not_over_ssh(host)
            .or_else(|| gather::offline(host))
            .or_else(|| would_stop(host))
    };
    let gathered = gather::those_hosts(sentence, fleet, selection, unfit)?;
    let targets = texts(&gathered.chosen);
    let action = Action::Install(Install {
        bundle: args.bundle.clone(),
        upgrade: true,
        ..Install::default()
    });
    let told = gathered.chosen.iter().map(|host| {
        let version = host.engine.as_ref().map_or("?", |engine| &engine.version);
        let live = host.containers.values().filter(|one| one.state.is_live()).count();
        match live {
            0 => format!("@{}: Docker {version}; nothing runs there", host.name()),
            _ => format!(
                "@{}: Docker {version}; its {live} containers go on (live-restore), ports on 127.0.0.1 do not answer meanwhile",
                host.name()
            ),
        }
    });
    Ok(Plan {
        sentence: sentence.canonical(&targets),
        title: format!("Upgrade Docker Engine on {}", targets.join(", ")),
        danger: sentence.danger(),
        steps: steps(&gathered.chosen, &action),
        loses: Vec::new(),
        docker: Vec::new(),
        confirm: gathered.confirm(sentence.danger(), fleet, gathered.chosen.iter().copied()),
        told: told.collect(),
        left_out: gathered.left_out,
        busy: "upgrading",
        recorded: true,
        deploy: None,
        targets,
    })
}

/// What runs there would be stopped by an upgrade.
fn would_stop(host: &Host) -> Option<Refusal> {
    let live = host
        .containers
        .values()
        .filter(|one| one.state.is_live())
        .count();
    let restores = host
        .engine
        .as_ref()
        .is_some_and(|engine| engine.live_restore);
    (live > 0 && !restores).then(|| {
        Refusal::new(
            RefusalKind::State,
            format!(
                "{live} containers run on {}, and its engine would stop them: live-restore is off",
                host.name()
            ),
            format!("`host drain @{}` first", host.name()),
        )
    })
}

/// The plan of a drain or its end says only that it can be prepared: by [`crate::ops::maintenance::prepare`].
pub(super) fn upkeep(
    sentence: &Sentence,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    let gathered = gather::those_hosts(sentence, fleet, selection, |_| None)?;
    let targets = texts(&gathered.chosen);
    Ok(Plan {
        sentence: sentence.canonical(&targets),
        title: format!("{} {}", sentence.words(), targets.join(", ")),
        danger: sentence.danger(),
        steps: Vec::new(),
        loses: Vec::new(),
        docker: Vec::new(),
        confirm: Confirm::Ask,
        left_out: gathered.left_out,
        busy: "resting",
        recorded: true,
        told: Vec::new(),
        deploy: None,
        targets,
    })
}

fn texts(hosts: &[&Host]) -> Vec<String> {
    hosts
        .iter()
        .map(|host| format!("@{}", host.name()))
        .collect()
}

fn steps(hosts: &[&Host], action: &Action) -> Vec<Step> {
    let step = |host: &&Host| Step {
        host: host.name().clone(),
        subject: Subject::Host,
        action: action.clone(),
    };
    hosts.iter().map(step).collect()
}

/// Only over ssh can anything be put on a host.
fn not_over_ssh(host: &Host) -> Option<Refusal> {
    match &host.spec.endpoint {
        Endpoint::Ssh { .. } => None,
        other @ (Endpoint::Unix(_) | Endpoint::Tcp { .. } | Endpoint::Tls { .. }) => {
            Some(Refusal::new(
                RefusalKind::State,
                format!(
                    "{} is reached at {other}, and an engine is installed over ssh",
                    host.name()
                ),
                "give it an endpoint such as ssh://root@host",
            ))
        }
    }
}

/// The same by hand, as root on the host.
fn by_hand(host: &Host, args: &InstallArgs) -> Vec<String> {
    let Endpoint::Ssh {
        destination, port, ..
    } = &host.spec.endpoint
    else {
        return Vec::new();
    };
    let mut ssh = vec!["ssh".to_owned()];
    if let Some(port) = port {
        ssh.extend(["-p".to_owned(), port.to_string()]);
    }
    ssh.push(destination.clone());
    let there = |command: &str| {
        let words = ssh.iter().map(String::as_str).chain([command]);
        join(words)
    };
    let named = |usual: &str| {
        if args.packages.is_empty() {
            usual.to_owned()
        } else {
            args.packages.join(" ")
        }
    };
    let mut commands = vec![there("cat /etc/os-release; command -v dockerd")];
    if let Some(bundle) = &args.bundle {
        let from = bundle.display().to_string();
        commands.push(join([
            "scp",
            "-r",
            &from,
            &format!("{destination}:/var/tmp/bundle"),
        ]));
        commands.push(format!(
            "{}   # Debian, Ubuntu",
            there("sudo dpkg -i /var/tmp/bundle/*.deb")
        ));
        commands.push(format!(
            "{}   # RHEL and its kin",
            there("sudo rpm -U /var/tmp/bundle/*.rpm")
        ));
    } else {
        let debian = format!(
            "sudo apt-get update && sudo apt-get install -y {}",
            named("docker.io")
        );
        let redhat = format!("sudo dnf install -y {}", named("docker-ce"));
        commands.push(format!("{}   # Debian, Ubuntu", there(&debian)));
        commands.push(format!("{}   # RHEL and its kin", there(&redhat)));
    }
    commands.push(there("sudo systemctl enable --now docker"));
    if args.add_to_group {
        commands.push(there("sudo usermod -aG docker \"$(id -un)\""));
    }
    commands.push(there("docker version"));
    commands
}
