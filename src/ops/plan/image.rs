//! Plans of acts on images.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Confirm, LeftOut, Plan, Refusal, RefusalKind, docker, gather, prune, query, resource::Act,
};
use crate::{
    model::{
        Action, Build, BundledImage, Fleet, Host, HostName, Image, ImageAction, Resource, Step,
        Subject, bytes,
    },
    ops::{
        sentence::{
            BuildArgs, BundleArgs, CommitArgs, CopyImageArgs, ImageCommand, LoadArgs, Pair,
            PruneArgs, PullArgs, Sentence,
        },
        target::{HostPattern, Target, container_text, resource_text},
    },
};

/// The plan of a sentence about images.
pub(super) fn plan(
    sentence: &Sentence,
    command: &ImageCommand,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    match command {
        ImageCommand::List(_) | ImageCommand::Builds(_) | ImageCommand::BuildLog { .. } => {
            query::plan(sentence, fleet, selection)
        }
        ImageCommand::Show { .. } => {
            let plan = Act {
                kind: Resource::Image,
                verb: "Look at",
                busy: "looking",
                action: &|host, id| {
                    let named = said(command, host, id);
                    (Action::Image(ImageAction::Look), named)
                },
                unfit: &|_, _| None,
                loss: &|_, _| None,
            }
            .plan(sentence, fleet, selection)?;
            Ok(Plan {
                recorded: false,
                told: Vec::new(),
                deploy: None,
                ..plan
            })
        }
        ImageCommand::Remove(args) => Act {
            kind: Resource::Image,
            verb: "Remove",
            busy: "removing",
            action: &|host, id| {
                let named = said(command, host, id);
                let action = ImageAction::Remove {
                    only: named.clone(),
                    force: args.force,
                };
                (Action::Image(action), named)
            },
            unfit: &|host, id| used(command, host, id).filter(|_| !args.force),
            loss: &|host, id| Some(lost(command, host, id)),
        }
        .plan(sentence, fleet, selection),
        ImageCommand::Tag { name, .. } => {
            let name: Arc<str> = Arc::from(name.as_str());
            Act {
                kind: Resource::Image,
                verb: "Tag",
                busy: "tagging",
                action: &|host, id| {
                    let action = ImageAction::Tag { to: name.clone() };
                    (Action::Image(action), said(command, host, id))
                },
                unfit: &|_, _| None,
                loss: &|host, id| moved(host, id, std::slice::from_ref(&name)),
            }
            .plan(sentence, fleet, selection)
        }
        ImageCommand::Push(_) => push(sentence, command, fleet, selection),
        ImageCommand::Pull(args) => pull(sentence, args, fleet),
        ImageCommand::Commit(args) => commit(sentence, args, fleet, selection),
        ImageCommand::Prune(args) => {
            let args = PruneArgs {
                hosts: args.hosts.clone(),
                images: true,
                all: args.all,
                why: args.why.clone(),
                ..PruneArgs::default()
            };
            prune::plan(sentence, &args, fleet, selection)
        }
        ImageCommand::Build(args) => build(sentence, args, fleet),
        ImageCommand::Copy(args) => copy(sentence, command, args, fleet, selection),
        ImageCommand::Load(args) => load(sentence, args, fleet),
        ImageCommand::Bundle(args) => bundle(sentence, command, args, fleet, selection),
    }
}

fn find<'h>(host: &'h Host, id: &str) -> Option<&'h Image> {
    host.images.iter().flatten().find(|one| *one.id == *id)
}

/// The one of its names that a sentence says; none where the image as a whole is meant.
fn said(command: &ImageCommand, host: &Host, id: &str) -> Option<Arc<str>> {
    let image = find(host, id)?;
    let is_said = |tag: &&Arc<str>| {
        let mut patterns = command.patterns().iter();
        let bare = tag.strip_suffix(":latest").unwrap_or(tag);
        patterns.any(|pattern| [&***tag, bare].contains(&pattern.name()))
    };
    image.tags.iter().find(is_said).cloned()
}

/// Why an image cannot be removed: containers are made of it, and no other name holds it.
fn used(command: &ImageCommand, host: &Host, id: &str) -> Option<Refusal> {
    let image = find(host, id)?;
    if said(command, host, id).is_some() && image.tags.len() > 1 {
        return None;
    }
    let users = host.containers.values().filter(|one| *one.image_id == *id);
    let mut names: Vec<&str> = users.map(|one| &*one.name).collect();
    names.sort_unstable();
    let text = resource_text(host, Resource::Image, id);
    if !names.is_empty() {
        return Some(Refusal::new(
            RefusalKind::State,
            format!("{text} is used by {}", names.join(", ")),
            "remove these first, or say --force where none of them runs",
        ));
    }
    (image.tags.len() > 1 && said(command, host, id).is_none()).then(|| {
        Refusal::new(
            RefusalKind::State,
            format!(
                "{text} has {} names: {}",
                image.tags.len(),
                image.tags.join(", ")
            ),
            "name one of them, or say --force for all",
        )
    })
}

/// What is gone with it.
fn lost(command: &ImageCommand, host: &Host, id: &str) -> String {
    let Some(image) = find(host, id) else {
        return "the image".to_owned();
    };
    if let (Some(name), 2..) = (said(command, host, id), image.tags.len()) {
        return format!(
            "the name {name}; the image stays, as {}",
            others(image, &name)
        );
    }
    format!(
        "its layers that no other image has, {} at most; they come back from a registry or another host only",
        bytes(image.size)
    )
}

fn others(image: &Image, name: &str) -> String {
    let others: Vec<&str> = image
        .tags
        .iter()
        .map(|tag| &**tag)
        .filter(|tag| *tag != name)
        .collect();
    others.join(", ")
}

/// Which names another image of that host has now, which it loses.
fn moved(host: &Host, id: &str, names: &[Arc<str>]) -> Option<String> {
    let losing = host
        .images
        .iter()
        .flatten()
        .filter(|image| *image.id != *id);
    let moved: Vec<String> = losing
        .flat_map(|image| {
            let has = names.iter().filter(|name| image.tags.contains(name));
            has.map(|name| {
                format!(
                    "{name} names another image there now ({})",
                    image.short_id()
                )
            })
        })
        .collect();
    (!moved.is_empty()).then(|| moved.join("; "))
}

/// An image that is to be brought somewhere, and where it can be had.
struct Wanted<'f> {
    image: &'f Image,
    tags: Vec<Arc<str>>,
    /// The hosts that have it and can be reached, the quickest to answer first.
    sources: Vec<&'f Host>,
}

impl Wanted<'_> {
    /// What it is called: its first name, else the beginning of its id.
    fn name(&self) -> &str {
        match self.tags.first() {
            Some(tag) => tag,
            None => self.image.short_id(),
        }
    }
}

/// The images that a sentence means, wherever they are. One name has to be one image everywhere, or the host be said.
fn wanted<'f>(
    sentence: &Sentence,
    command: &ImageCommand,
    fleet: &'f Fleet,
    selection: &[Target],
) -> Result<Vec<Wanted<'f>>, Refusal> {
    let mut wanted: Vec<Wanted<'f>> = Vec::new();
    let mut named: BTreeMap<Arc<str>, (Arc<str>, HostName)> = BTreeMap::new();
    for target in sentence.targets(fleet, selection)? {
        let Target::Resource(_, host, id) = &target else {
            continue;
        };
        let found = fleet
            .host(host)
            .and_then(|host| Some((host, find(host, id)?)));
        let Some((host, image)) = found else {
            continue;
        };
        let tags = match said(command, host, id) {
            Some(tag) => vec![tag],
            None => image.tags.clone(),
        };
        for tag in &tags {
            let (other, there) = named
                .entry(tag.clone())
                .or_insert((id.clone(), host.name().clone()));
            if **other != **id {
                return Err(Refusal::new(
                    RefusalKind::Ambiguous,
                    format!(
                        "{tag} is one image on {there} and another one on {}",
                        host.name()
                    ),
                    format!("say which, as {tag}@{there}"),
                ));
            }
        }
        match wanted.iter_mut().find(|one| *one.image.id == **id) {
            Some(known) => {
                known.sources.push(host);
                known.tags.extend(tags);
                known.tags.sort();
                known.tags.dedup();
            }
            None => wanted.push(Wanted {
                image,
                tags,
                sources: vec![host],
            }),
        }
    }
    for one in &mut wanted {
        let offline = one.sources.iter().find_map(|host| gather::offline(host));
        one.sources.retain(|host| host.link.is_online());
        let latency = |host: &Host| host.latency_ms.unwrap_or(f32::MAX);
        one.sources
            .sort_by(|a, b| latency(a).total_cmp(&latency(b)));
        if let (true, Some(refusal)) = (one.sources.is_empty(), offline) {
            return Err(refusal);
        }
    }
    Ok(wanted)
}

/// The hosts that images are brought to.
fn hosts<'f>(patterns: &[HostPattern], fleet: &'f Fleet) -> Result<Vec<&'f Host>, Refusal> {
    let mut hosts: Vec<&Host> = Vec::new();
    for pattern in patterns {
        for host in pattern.resolve(fleet)? {
            if !hosts.iter().any(|known| known.name() == host.name()) {
                hosts.push(host);
            }
        }
    }
    Ok(hosts)
}

/// Why nothing can be brought to that host.
fn barred(sentence: &Sentence, fleet: &Fleet, host: &Host, size: u64) -> Option<Refusal> {
    let full = || {
        let load = host.load.as_ref()?;
        let free = load.disk_total.saturating_sub(load.disk);
        (load.disk_total > 0 && free < size).then(|| {
            Refusal::new(
                RefusalKind::State,
                format!(
                    "@{} has {} free, and {} are to come",
                    host.name(),
                    bytes(free),
                    bytes(size)
                ),
                format!("make room, as with host prune @{}", host.name()),
            )
        })
    };
    gather::forbidden(sentence, fleet, host)
        .or_else(|| gather::offline(host))
        .or_else(full)
}

fn copy(
    sentence: &Sentence,
    command: &ImageCommand,
    args: &CopyImageArgs,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    let wanted = wanted(sentence, command, fleet, selection)?;
    let mut draft = Draft::default();
    for host in hosts(&args.to, fleet)? {
        for one in &wanted {
            let name = one.name();
            let target = format!("{name}@{}", host.name());
            let there = host
                .images
                .iter()
                .flatten()
                .find(|image| image.id == one.image.id);
            let has_all =
                there.is_some_and(|image| one.tags.iter().all(|tag| image.tags.contains(tag)));
            let refusal = barred(sentence, fleet, host, one.image.size).or_else(|| {
                has_all.then(|| {
                    Refusal::new(
                        RefusalKind::State,
                        format!("@{} has {name} already", host.name()),
                        "",
                    )
                })
            });
            if let Some(refusal) = refusal {
                draft.left_out.push(LeftOut { target, refusal });
                continue;
            }
            let source = one
                .sources
                .iter()
                .find(|source| source.name() != host.name());
            let from = source.copied().unwrap_or(host).name().clone();
            if let Some(loss) = moved(host, &one.image.id, &one.tags) {
                draft.loses.push(format!("@{}: {loss}", host.name()));
            }
            draft.take(
                host,
                target,
                Step {
                    host: host.name().clone(),
                    subject: Subject::Resource {
                        kind: Resource::Image,
                        id: one.image.id.clone(),
                        name: Arc::from(name),
                    },
                    action: Action::Image(ImageAction::Copy {
                        from,
                        size: one.image.size,
                        tags: one.tags.clone(),
                        limit: args.limit.map(|speed| speed.0),
                    }),
                },
            );
        }
    }
    let title = match wanted.as_slice() {
        [only] => format!("Copy {}", only.name()),
        several => format!("Copy {} images", several.len()),
    };
    let said: Vec<String> = command.patterns().iter().map(ToString::to_string).collect();
    let names = if said.is_empty() {
        let sources = wanted
            .iter()
            .filter_map(|one| Some((one, one.sources.first()?)));
        sources
            .map(|(one, host)| format!("{}@{}", one.name(), host.name()))
            .collect()
    } else {
        said
    };
    draft.plan(sentence, fleet, &names, &title, "copying")
}

fn push(
    sentence: &Sentence,
    command: &ImageCommand,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    // What is selected is pushed by the first of its names.
    let name = |host: &Host, id: &str| {
        said(command, host, id).or_else(|| find(host, id)?.tags.first().cloned())
    };
    Act {
        kind: Resource::Image,
        verb: "Push",
        busy: "pushing",
        action: &|host, id| {
            let name = name(host, id);
            let pushed = name.clone().unwrap_or_default();
            (Action::Image(ImageAction::Push { name: pushed }), name)
        },
        unfit: &|host, id| {
            let text = resource_text(host, Resource::Image, id);
            let remedy = "give it one with image tag, with the registry before the first /";
            match name(host, id) {
                None => Some(Refusal::new(
                    RefusalKind::State,
                    format!("{text} has no name"),
                    remedy,
                )),
                Some(_) => None,
            }
        },
        loss: &|host, id| {
            name(host, id).map(|name| format!("what {name} is in its registry now, if it is there"))
        },
    }
    .plan(sentence, fleet, selection)
}

fn pull(sentence: &Sentence, args: &PullArgs, fleet: &Fleet) -> Result<Plan, Refusal> {
    let name: Arc<str> = Arc::from(args.name.as_str());
    let mut draft = Draft::default();
    for host in hosts(&args.to, fleet)? {
        let target = format!("{name}@{}", host.name());
        if let Some(refusal) = barred(sentence, fleet, host, 0) {
            draft.left_out.push(LeftOut { target, refusal });
            continue;
        }
        if let Some(loss) = moved(host, "", std::slice::from_ref(&name)) {
            draft.loses.push(format!(
                "@{}: if the registry has another one now: {loss}",
                host.name()
            ));
        }
        let subject = Subject::Resource {
            kind: Resource::Image,
            id: Arc::from(""),
            name: name.clone(),
        };
        draft.take(
            host,
            target,
            Step {
                host: host.name().clone(),
                subject,
                action: Action::Image(ImageAction::Pull { name: name.clone() }),
            },
        );
    }
    draft.plan(sentence, fleet, &[], &format!("Pull {name}"), "pulling")
}

fn build(sentence: &Sentence, args: &BuildArgs, fleet: &Fleet) -> Result<Plan, Refusal> {
    let tags: Vec<Arc<str>> = args.tags.iter().map(|tag| tag.as_str().into()).collect();
    let label = |pair: &Pair| (Arc::from(&*pair.key), Arc::from(&*pair.value));
    let wanted = Build {
        source: args.source.clone(),
        file: args.file.clone(),
        tags: tags.clone(),
        args: args.args.clone(),
        target: args.target.as_deref().map(Arc::from),
        labels: args.labels.iter().map(label).collect(),
        platform: args.platform.as_deref().map(Arc::from),
        no_cache: args.no_cache,
        pull: args.pull,
        secrets: args.secrets.clone(),
        builder: args.builder,
    };
    let mut draft = Draft::default();
    for host in hosts(&args.hosts, fleet)? {
        let (subject, target) = match tags.first() {
            None => (Subject::Host, format!("@{}", host.name())),
            Some(name) => {
                let subject = Subject::Resource {
                    kind: Resource::Image,
                    id: Arc::from(""),
                    name: name.clone(),
                };
                (subject, format!("{name}@{}", host.name()))
            }
        };
        if let Some(refusal) = barred(sentence, fleet, host, 0) {
            draft.left_out.push(LeftOut { target, refusal });
            continue;
        }
        if let Some(loss) = moved(host, "", &tags) {
            draft.loses.push(format!("@{}: {loss}", host.name()));
        }
        let step = Step {
            host: host.name().clone(),
            subject,
            action: Action::Image(ImageAction::Build(Box::new(wanted.clone()))),
        };
        draft.take(host, target, step);
    }
    let title = match tags.first() {
        Some(name) => format!("Build {name} from {}", args.source),
        None => format!("Build {}", args.source),
    };
    let hosts = match draft.hosts.as_slice() {
        [only] => format!("on {}", only.name()),
        several => format!("on {} hosts", several.len()),
    };
    let plan = draft.plan(sentence, fleet, &[], "", "building")?;
    let title = format!("{title} {hosts}");
    Ok(Plan { title, ..plan })
}

fn commit(
    sentence: &Sentence,
    args: &CommitArgs,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    let name: Arc<str> = Arc::from(args.name.as_str());
    let gathered = gather::containers(sentence, fleet, selection)?;
    let mut draft = Draft::default();
    for (host, container) in &gathered.chosen {
        if !args.no_pause && container.state.is_live() {
            draft
                .loses
                .push("it does not answer while it is read: it is frozen meanwhile".to_owned());
        }
        draft
            .loses
            .extend(moved(host, "", std::slice::from_ref(&name)));
        draft.take(
            host,
            container_text(host, container),
            Step {
                host: host.name().clone(),
                subject: Subject::Container(container.id.clone(), container.name.clone()),
                action: Action::Image(ImageAction::Commit {
                    name: name.clone(),
                    pause: !args.no_pause,
                }),
            },
        );
    }
    draft.left_out = gathered.left_out;
    let named = draft.targets.clone();
    let what = named.first().map_or("", String::as_str);
    let title = format!("Make {name} of {what}");
    let plan = draft.plan(sentence, fleet, &named, &title, "committing")?;
    Ok(Plan { title, ..plan })
}

fn load(sentence: &Sentence, args: &LoadArgs, fleet: &Fleet) -> Result<Plan, Refusal> {
    let mut draft = Draft::default();
    for host in hosts(&args.to, fleet)? {
        let target = format!("@{}", host.name());
        if let Some(refusal) = barred(sentence, fleet, host, 0) {
            draft.left_out.push(LeftOut { target, refusal });
            continue;
        }
        draft.take(
            host,
            target,
            Step {
                host: host.name().clone(),
                subject: Subject::Host,
                action: Action::Image(ImageAction::Load {
                    file: args.file.clone(),
                    only: None,
                    limit: args.limit.map(|speed| speed.0),
                }),
            },
        );
    }
    let title = format!("Load {}", args.file.display());
    draft.plan(sentence, fleet, &[], &title, "loading")
}

fn bundle(
    sentence: &Sentence,
    command: &ImageCommand,
    args: &BundleArgs,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    let wanted = wanted(sentence, command, fleet, selection)?;
    let images = wanted.iter().filter_map(|one| {
        Some(BundledImage {
            host: one.sources.first()?.name().clone(),
            id: one.image.id.clone(),
            tags: one.tags.clone(),
            size: one.image.size,
        })
    });
    let images: Vec<BundledImage> = images.collect();
    let Some(first) = images.first() else {
        return Err(Refusal::new(
            RefusalKind::Nothing,
            "there is nothing to bundle",
            "",
        ));
    };
    let host = first.host.clone();
    let targets: Vec<String> = images
        .iter()
        .map(|image| {
            let name = image.tags.first().unwrap_or(&image.id);
            format!("{name}@{}", image.host)
        })
        .collect();
    let title = match targets.as_slice() {
        [only] => format!("Bundle {only} into {}", args.to.display()),
        several => format!("Bundle {} images into {}", several.len(), args.to.display()),
    };
    let steps = vec![Step {
        host,
        subject: Subject::Host,
        action: Action::Image(ImageAction::Bundle {
            images,
            more: Vec::new(),
            to: args.to.clone(),
            replace: args.replace,
        }),
    }];
    Ok(Plan {
        sentence: sentence.canonical(&targets),
        title,
        danger: sentence.danger(),
        loses: if args.replace {
            vec![format!("the file {}, if it is there", args.to.display())]
        } else {
            Vec::new()
        },
        docker: docker::commands(&steps, fleet),
        confirm: if args.replace {
            Confirm::Ask
        } else {
            Confirm::No
        },
        left_out: Vec::new(),
        busy: "bundling",
        recorded: true,
        told: Vec::new(),
        deploy: None,
        targets,
        steps,
    })
}

/// A plan of bringing images to hosts, as far as it was made.
#[derive(Default)]
struct Draft<'f> {
    hosts: Vec<&'f Host>,
    targets: Vec<String>,
    steps: Vec<Step>,
    loses: Vec<String>,
    left_out: Vec<LeftOut>,
}

impl<'f> Draft<'f> {
    fn take(&mut self, host: &'f Host, target: String, step: Step) {
        if !self.hosts.iter().any(|known| known.name() == host.name()) {
            self.hosts.push(host);
        }
        self.targets.push(target);
        self.steps.push(step);
    }

    fn plan(
        self,
        sentence: &Sentence,
        fleet: &Fleet,
        named: &[String],
        title: &str,
        busy: &'static str,
    ) -> Result<Plan, Refusal> {
        let gathered = gather::Gathered {
            chosen: self.hosts,
            left_out: self.left_out,
        };
        let gathered = gathered.or_refuse()?;
        let hosts = &gathered.chosen;
        let title = match hosts.as_slice() {
            [only] => format!("{title} to {}", only.name()),
            several => format!("{title} to {} hosts", several.len()),
        };
        let danger = sentence.danger();
        let asked = gathered.confirm(danger, fleet, hosts.iter().copied());
        Ok(Plan {
            sentence: sentence.canonical(named),
            title,
            danger,
            docker: docker::commands(&self.steps, fleet),
            confirm: if self.loses.is_empty() {
                asked
            } else {
                Confirm::Ask
            },
            loses: self.loses,
            left_out: gathered.left_out,
            busy,
            recorded: true,
            told: Vec::new(),
            deploy: None,
            targets: self.targets,
            steps: self.steps,
        })
    }
}
