//! Sentences about hosts, written as words.

use super::super::{
    AddArgs, EditArgs, ExportArgs, HostCommand, ImportArgs, InstallArgs, PruneArgs, Replicas,
};
use super::{Words, image::to_hosts, list};

pub(super) fn host(words: &mut Words, command: &HostCommand, targets: &[String]) {
    match command {
        HostCommand::List(args) => list(words, args),
        HostCommand::Show { .. }
        | HostCommand::Remove { .. }
        | HostCommand::Reconnect { .. }
        | HostCommand::Login { .. }
        | HostCommand::Doctor { .. } => words.0.extend(targets.iter().cloned()),
        HostCommand::Add(args) => add(words, args),
        HostCommand::Edit(args) => edit(words, args),
        HostCommand::Import(args) => import(words, args),
        HostCommand::Export(args) => export(words, args),
        HostCommand::Prune(args) => {
            words.0.extend(targets.iter().cloned());
            prune(words, args);
        }
        HostCommand::Drain(args) => {
            words.0.extend(targets.iter().cloned());
            if args.wait != 60 {
                words.option("--wait", Some(args.wait));
            }
            words.flag("--leave-running", args.leave_running);
            if args.replicas != Replicas::Move {
                words.option("--replicas", Some(args.replicas.word()));
            }
            to_hosts(words, &args.to, None);
        }
        HostCommand::Activate(args) => {
            words.0.extend(targets.iter().cloned());
            if args.wait != 60 {
                words.option("--wait", Some(args.wait));
            }
        }
        HostCommand::Upgrade(args) => {
            words.0.extend(targets.iter().cloned());
            words.option("--bundle", args.bundle.as_ref().map(|path| path.display()));
        }
        HostCommand::Install(args) => {
            words.0.extend(targets.iter().cloned());
            install(words, args);
        }
    }
}

pub(super) fn install(words: &mut Words, args: &InstallArgs) {
    words.option("--bundle", args.bundle.as_ref().map(|path| path.display()));
    for package in &args.packages {
        words.option("--package", Some(package));
    }
    words.flag("--add-to-group", args.add_to_group);
}

pub(super) fn add(words: &mut Words, args: &AddArgs) {
    words.add(&args.name);
    words
        .0
        .extend(args.endpoint.as_ref().map(ToString::to_string));
    words.option("--environment", args.environment.as_ref());
    for group in &args.groups {
        words.option("--group", Some(group));
    }
    words
        .option("--tls", args.tls.as_ref().map(|dir| dir.display()))
        .flag("--protected", args.protected);
}

pub(super) fn edit(words: &mut Words, args: &EditArgs) {
    words
        .add(&args.name)
        .option("--rename", args.rename.as_ref())
        .option("--endpoint", args.endpoint.as_ref())
        .option("--environment", args.environment.as_ref());
    for group in &args.groups {
        words.option("--group", Some(group));
    }
    words
        .option("--tls", args.tls.as_ref().map(|dir| dir.display()))
        .option("--protected", args.protected);
}

pub(super) fn import(words: &mut Words, args: &ImportArgs) {
    words
        .add(args.file.display().to_string())
        .option("--format", args.format)
        .option("--map", args.map.as_ref())
        .option("--environment", args.environment.as_ref());
}

pub(super) fn export(words: &mut Words, args: &ExportArgs) {
    words.0.extend(args.filter.iter().cloned());
    words
        .option("--format", args.format)
        .option("--to", args.to.as_ref().map(|path| path.display()));
}

pub(super) fn prune(words: &mut Words, args: &PruneArgs) {
    words
        .flag("--containers", args.containers)
        .flag("--images", args.images)
        .flag("--networks", args.networks)
        .flag("--volumes", args.volumes)
        .flag("--build-cache", args.build_cache)
        .flag("--all", args.all);
}
