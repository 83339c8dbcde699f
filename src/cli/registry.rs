//! Questions about image registries.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::json;

use super::{
    Session,
    args::Output,
    exit::{Exit, Failure},
    output::Out,
    table::{facts, plain},
};
use crate::{
    clients::registry::{Configuration, Manifest, Parts, Registries, Registry, Standing, TagFacts},
    config::registry,
    console::registry_settings,
    model::{RemoteImage, Repository, Timestamp, ago, bytes, registry::Label},
    ops::{RegistryCommand, sentence::RepositoriesArgs},
};

/// So many digits of a digest tell it apart for people.
const DIGITS: usize = "sha256:".len() + 12;

/// A question about registries.
pub(super) async fn ask(session: &Session, command: &RegistryCommand) -> Result<Exit, Failure> {
    let registries = Registries::new(registry_settings(&session.config));
    match command {
        RegistryCommand::List => list(session, &registries).await,
        RegistryCommand::Repositories(args) => repositories(session, &registries, args).await,
        RegistryCommand::Tags { repository } => tags(session, &registries, repository).await,
        RegistryCommand::Show { image } => show(session, &registries, image).await,
        // Their roles are not those of questions.
        RegistryCommand::Delete(_) | RegistryCommand::Promote(_) => Ok(Exit::Usage),
    }
}

/// `registry list`: those of wharf.toml, and those that docker has a login for.
async fn list(session: &Session, registries: &Registries) -> Result<Exit, Failure> {
    let configured = session.config.registries.iter();
    let mut hosts: BTreeSet<String> = configured.map(|spec| spec.host.to_string()).collect();
    let logins = registry::Registries::of(&session.config.paths.docker_dir);
    hosts.extend(logins.names().map_err(Failure::Failed)?);
    let asked = hosts.into_iter().map(|host| async move {
        let standing = match registries.open(&host) {
            Ok(registry) => registry.standing().await,
            Err(error) => Standing::Offline(error.reason()),
        };
        (host, standing)
    });
    let known = join_all(asked).await;
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.array(known.iter().map(|(host, standing)| {
            let (state, detail) = told(standing);
            json!({"registry": host, "state": state, "detail": detail})
        }))?,
        Output::Name => out.lines(known.iter().map(|(host, _)| host))?,
        Output::Table | Output::Wide if known.is_empty() => super::complain(
            "no registry is known; write a [[registry]] into wharf.toml, or log in with `docker login`",
        ),
        Output::Table | Output::Wide => {
            let rows = known.iter().map(|(host, standing)| {
                let (state, detail) = told(standing);
                vec![host.clone(), state.to_owned(), detail.to_owned()]
            });
            out.lines(plain(
                &["REGISTRY", "STATE", "DETAIL"],
                "",
                rows,
                &session.screen,
            ))?;
        }
    }
    out.flush()?;
    let is_lost = |(_, standing): &(String, Standing)| matches!(standing, Standing::Offline(_));
    Ok(if known.iter().any(is_lost) {
        Exit::Unreached
    } else {
        Exit::Done
    })
}

fn told(standing: &Standing) -> (&'static str, &str) {
    match standing {
        Standing::Open => ("online", "asks for no login"),
        Standing::Known(user) => ("online", user),
        Standing::Closed(why) => ("closed", why),
        Standing::Offline(why) => ("offline", why),
    }
}

/// `registry repositories`.
async fn repositories(
    session: &Session,
    registries: &Registries,
    args: &RepositoriesArgs,
) -> Result<Exit, Failure> {
    let registry = registries.open(&args.registry)?;
    let mut names = registry.repositories().await?;
    if let Some(pattern) = &args.pattern {
        names.retain(|name| pattern.matches(name));
    }
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.json(&names)?,
        Output::Name | Output::Table | Output::Wide => {
            out.lines(names.iter().map(|name| format!("{}/{name}", args.registry)))?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// `registry tags`.
async fn tags(
    session: &Session,
    registries: &Registries,
    repository: &Repository,
) -> Result<Exit, Failure> {
    let registry = registries.open(&repository.registry)?;
    let tags = registry.tags(repository).await?;
    if session.options.output == Output::Name {
        let mut out = Out::take();
        out.lines(tags.iter().map(|tag| format!("{repository}:{tag}")))?;
        out.flush()?;
        return Ok(Exit::Done);
    }
    let (mut known, mut exit) = (Vec::new(), Exit::Done);
    for (_, read) in registry.facts(repository, &tags).await {
        match read {
            Ok(facts) => known.push(facts),
            Err(error) => {
                super::complain(&error.to_string());
                exit = Exit::Failed;
            }
        }
    }
    let mut out = Out::take();
    if session.options.output.is_json() {
        out.json(&known)?;
    } else {
        let is_wide = session.options.output == Output::Wide;
        let now = Timestamp::now();
        let rows = known.iter().map(|one| row(one, is_wide, now));
        let titles = ["TAG", "DIGEST", "SIZE", "AGE", "PLATFORMS"];
        out.lines(plain(&titles, "  >>", rows, &session.screen))?;
    }
    out.flush()?;
    Ok(exit)
}

fn row(facts: &TagFacts, is_wide: bool, now: Timestamp) -> Vec<String> {
    let digest = if is_wide {
        &facts.digest
    } else {
        facts.digest.get(..DIGITS).unwrap_or(&facts.digest)
    };
    vec![
        facts.tag.to_string(),
        digest.to_owned(),
        bytes(facts.size),
        facts.created.map(|at| ago(now, at)).unwrap_or_default(),
        facts.platforms.join(" "),
    ]
}

/// `registry show`.
async fn show(
    session: &Session,
    registries: &Registries,
    image: &RemoteImage,
) -> Result<Exit, Failure> {
    let registry = registries.open(&image.repository.registry)?;
    let doing = format!("reading {image}");
    let manifest = registry.manifest(&doing, image).await?;
    let holders = registry
        .holders(&doing, &image.repository, &manifest.digest)
        .await?;
    let mut images = Vec::new();
    for (one, platform) in manifest.platforms() {
        let of = RemoteImage {
            repository: image.repository.clone(),
            label: Label::Digest(one.digest.as_str().into()),
        };
        images.push((platform.to_string(), registry.manifest(&doing, &of).await?));
    }
    let first = images.first().map_or(&manifest, |(_, first)| first);
    let configuration = configuration(&registry, &doing, image, first).await?;
    let shown = Shown {
        image,
        manifest: &manifest,
        images: &images,
        configuration: &configuration,
        holders: holders.iter().map(|tag| &**tag).collect(),
    };
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.json(&shown.json())?,
        Output::Name => out.lines([format!("{}@{}", image.repository, manifest.digest)])?,
        Output::Table | Output::Wide => {
            out.lines(facts(&shown.facts(), &session.screen))?;
            let layers = layers(first).iter().enumerate().map(|(at, layer)| {
                vec![
                    (at + 1).to_string(),
                    bytes(layer.size),
                    layer.digest.clone(),
                ]
            });
            out.lines([""])?;
            out.lines(plain(
                &["LAYER", "SIZE", "DIGEST"],
                ">>",
                layers,
                &session.screen,
            ))?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

async fn configuration(
    registry: &Registry,
    doing: &str,
    image: &RemoteImage,
    manifest: &Manifest,
) -> Result<Configuration, Failure> {
    match &manifest.parts {
        Parts::Image { config, .. } => {
            let read = registry.configuration(doing, &image.repository, config);
            Ok(read.await?)
        }
        Parts::List(_) => Ok(Configuration::default()),
    }
}

fn layers(manifest: &Manifest) -> &[crate::clients::registry::Descriptor] {
    match &manifest.parts {
        Parts::Image { layers, .. } => layers,
        Parts::List(_) => &[],
    }
}

/// What is shown of an image.
struct Shown<'s> {
    image: &'s RemoteImage,
    manifest: &'s Manifest,
    /// Those of its platforms.
    images: &'s [(String, Manifest)],
    configuration: &'s Configuration,
    holders: Vec<&'s str>,
}

impl Shown<'_> {
    fn platforms(&self) -> Vec<String> {
        if self.images.is_empty() {
            return vec![self.configuration.platform.to_string()];
        }
        let sizes = self
            .images
            .iter()
            .map(|(platform, image)| format!("{platform} ({})", bytes(image.size().unwrap_or(0))));
        sizes.collect()
    }

    fn json(&self) -> serde_json::Value {
        let all = if self.images.is_empty() {
            vec![(self.configuration.platform.to_string(), self.manifest)]
        } else {
            let images = self.images.iter();
            images
                .map(|(platform, one)| (platform.clone(), one))
                .collect()
        };
        let images: Vec<serde_json::Value> = all
            .into_iter()
            .map(|(platform, one)| {
                json!({"platform": platform, "digest": one.digest, "size": one.size(),
                    "layers": layers(one)})
            })
            .collect();
        json!({"image": self.image, "digest": self.manifest.digest, "tags": self.holders,
            "media_type": self.manifest.media_type, "images": images, "configuration": self.configuration})
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let runs = self.configuration.config.clone().unwrap_or_default();
        let words = |words: Option<Vec<String>>| words.unwrap_or_default().join(" ");
        let labels = runs.labels.unwrap_or_default();
        let labels: Vec<String> = labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let now = Timestamp::now();
        let since = |at| format!("{} ago", ago(now, at));
        vec![
            ("image", self.image.to_string()),
            ("digest", self.manifest.digest.clone()),
            ("tags", self.holders.join(", ")),
            ("kind", self.manifest.media_type.clone()),
            ("platforms", self.platforms().join(", ")),
            (
                "created",
                self.configuration.created.map(since).unwrap_or_default(),
            ),
            ("size", self.manifest.size().map(bytes).unwrap_or_default()),
            ("entrypoint", words(runs.entrypoint)),
            ("command", words(runs.cmd)),
            ("user", runs.user.unwrap_or_default()),
            ("labels", labels.join(", ")),
        ]
    }
}
