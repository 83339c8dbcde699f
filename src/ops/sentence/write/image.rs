//! Sentences about images and templates, written as words.

use super::super::{BuildArgs, ImageCommand, Speed, TemplateCommand};
use super::{Words, list};
use crate::ops::target::HostPattern;

pub(super) fn image(words: &mut Words, command: &ImageCommand, targets: &[String]) {
    match command {
        ImageCommand::List(args) => list(words, args),
        ImageCommand::Builds(args) => {
            list(words, &args.list);
            words.option("--since", args.since.as_ref());
            words.option("-n", Some(args.number));
        }
        ImageCommand::BuildLog { number } => words.0.push(number.to_string()),
        ImageCommand::Show { .. } => words.0.extend(targets.iter().cloned()),
        ImageCommand::Remove(args) => {
            words.0.extend(targets.iter().cloned());
            words.flag("--force", args.force);
        }
        ImageCommand::Tag { name, .. } => {
            words.0.extend(targets.iter().cloned());
            words.add(name.as_str());
        }
        ImageCommand::Pull(args) => {
            words.add(args.name.as_str());
            to_hosts(words, &args.to, None);
        }
        ImageCommand::Push(_) => words.0.extend(targets.iter().cloned()),
        ImageCommand::Commit(args) => {
            words.0.extend(targets.iter().cloned());
            words
                .add(args.name.as_str())
                .flag("--no-pause", args.no_pause);
        }
        ImageCommand::Build(args) => build(words, args),
        ImageCommand::Prune(args) => {
            words.0.extend(targets.iter().cloned());
            words.flag("--all", args.all);
        }
        ImageCommand::Copy(args) => {
            words.0.extend(targets.iter().cloned());
            to_hosts(words, &args.to, args.limit);
        }
        ImageCommand::Load(args) => {
            words.add(args.file.display().to_string());
            to_hosts(words, &args.to, args.limit);
        }
        ImageCommand::Bundle(args) => {
            words.0.extend(targets.iter().cloned());
            words
                .option("--to", Some(args.to.display()))
                .flag("--replace", args.replace);
        }
    }
}

pub(super) fn build(words: &mut Words, args: &BuildArgs) {
    words.add(args.source.to_string());
    for host in &args.hosts {
        words.option("--on", Some(host));
    }
    for tag in &args.tags {
        words.option("--tag", Some(tag.as_str()));
    }
    words.option("--file", args.file.as_ref().map(|file| file.display()));
    for arg in &args.args {
        words.option("--build-arg", Some(arg));
    }
    for secret in &args.secrets {
        words.option("--secret", Some(secret));
    }
    words.option("--target", args.target.as_ref());
    for label in &args.labels {
        words.option("--label", Some(label));
    }
    words
        .option("--platform", args.platform.as_ref())
        .flag("--no-cache", args.no_cache)
        .flag("--pull", args.pull)
        .option("--builder", args.builder);
}

pub(super) fn template(words: &mut Words, command: &TemplateCommand) {
    match command {
        TemplateCommand::List(args) => list(words, args),
        TemplateCommand::Show { name } => {
            words.add(name.as_str());
        }
        TemplateCommand::Check(args) => {
            let files = args.files.iter();
            words.0.extend(files.map(|file| file.display().to_string()));
            words
                .flag("--together", args.together)
                .option("--env", args.environment.as_ref());
            for profile in &args.profiles {
                words.option("--profile", Some(profile));
            }
            for pair in &args.set {
                words.option("--set", Some(pair));
            }
        }
        TemplateCommand::Render(args) => {
            words.add(args.name.as_str());
            for pair in &args.set {
                words.option("--set", Some(pair));
            }
        }
        TemplateCommand::Update { catalogs } => words.0.extend(catalogs.iter().cloned()),
        TemplateCommand::Convert(args) => {
            words
                .add(args.file.display().to_string())
                .option("--to", Some(args.to.display()));
        }
    }
}

pub(super) fn to_hosts(words: &mut Words, hosts: &[HostPattern], limit: Option<Speed>) {
    for host in hosts {
        words.option("--to", Some(host));
    }
    words.option("--limit", limit);
}
