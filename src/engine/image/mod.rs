//! Acts on images.

mod bundle;
mod carry;
mod facts;
pub(super) mod source;
pub(super) mod spool;
pub(super) mod told;
pub(super) mod trade;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use self::bundle::Bundle;
use self::carry::Carry;
use self::source::{Reader, Source};
use super::Engines;
use super::act::deed;
use super::error::{Deed, Error, ErrorKind};
use super::session::Session;
use super::wire::{escape, query};
use crate::model::{HostName, ImageAction, Said, Step, Subject, split_tag};

/// The label of images that were made of a container: they cannot be made again from a recipe.
const COMMITTED: &str = "io.wharf.committed-from";

/// A busy engine is slow.
const DEADLINE: Duration = Duration::from_mins(3);

/// Does what the step says; answers what there is to say beyond that it is done.
pub(super) async fn act(
    engines: &Engines,
    step: &Step,
    action: &ImageAction,
    say: &(dyn Fn(Said) + Sync),
) -> Result<String, Error> {
    let deed = deed(step);
    let acting = Acting {
        engines,
        step,
        deed: &deed,
        say,
    };
    match action {
        ImageAction::Remove { only, force } => {
            let session = engines.session(&deed).await?;
            remove(&session, step, only.as_deref(), *force, &deed).await
        }
        ImageAction::Look => {
            let session = engines.session(&deed).await?;
            let told = facts::tell(&session, acting.id()?, say).await;
            told.map_err(|fault| deed.fault(fault))
        }
        ImageAction::Tag { to } => {
            let session = engines.session(&deed).await?;
            let tagged = carry::tag_as(&session, acting.id()?, to).await;
            tagged
                .map(|()| String::new())
                .map_err(|fault| deed.fault(fault))
        }
        ImageAction::Pull { name } => trade::pull(engines, name, &deed, say).await,
        ImageAction::Push { name } => trade::push(engines, name, &deed, say).await,
        ImageAction::Commit { name, pause } => acting.commit(name, *pause).await,
        ImageAction::Copy {
            from,
            size,
            tags,
            limit,
        } => acting.copy(from, *size, tags, *limit).await,
        ImageAction::Load { file, only, limit } => acting.load(file, only.as_ref(), *limit).await,
        ImageAction::Build(build) => super::build::build(engines, build, &deed, say).await,
        ImageAction::Bundle {
            images,
            more,
            to,
            replace,
        } => {
            let bundle = Bundle {
                reader: acting.reader(),
                images,
                more,
                to,
                replace: *replace,
            };
            bundle.write().await
        }
    }
}

/// What is being done, by whom.
#[derive(Clone, Copy)]
struct Acting<'a> {
    engines: &'a Engines,
    step: &'a Step,
    deed: &'a Deed,
    say: &'a (dyn Fn(Said) + Sync),
}

impl<'a> Acting<'a> {
    fn reader(self) -> Reader<'a> {
        Reader {
            engines: self.engines,
            deed: self.deed,
            say: self.say,
        }
    }

    fn id(self) -> Result<&'a Arc<str>, Error> {
        match &self.step.subject {
            Subject::Resource { id, .. } => Ok(id),
            Subject::Host | Subject::Container(..) | Subject::Outside(_) => {
                Err(self.deed.failed(ErrorKind::Rejected, "no image was named"))
            }
        }
    }

    /// Makes an image of a container as it is.
    async fn commit(self, name: &str, pause: bool) -> Result<String, Error> {
        #[derive(Deserialize)]
        struct Made {
            #[serde(rename = "Id")]
            id: String,
        }
        let Some((id, _)) = self.step.container() else {
            return Err(self
                .deed
                .failed(ErrorKind::Rejected, "no container was named"));
        };
        let (repo, tag) = split_tag(name);
        // It can be told later that nothing but this container says what is in it.
        let label = format!("LABEL {COMMITTED}={}", id.as_str());
        let pause = if pause { "1" } else { "0" };
        let pairs = [
            ("container", id.as_str()),
            ("repo", repo),
            ("tag", tag),
            ("pause", pause),
            ("changes", &label),
        ];
        let session = self.engines.session(self.deed).await?;
        let path = format!("/commit{}", query(&pairs));
        let made = session
            .wire
            .post(path)
            .json_body(&serde_json::json!({}))
            .within(DEADLINE * 10);
        let made: Made = made.json().await.map_err(|fault| self.deed.fault(fault))?;
        let short = made.id.strip_prefix("sha256:").unwrap_or(&made.id);
        Ok(format!("{name} is {}", short.get(..12).unwrap_or(short)))
    }

    /// Brings an image from another host.
    async fn copy(
        self,
        from: &HostName,
        size: u64,
        tags: &[Arc<str>],
        limit: Option<u64>,
    ) -> Result<String, Error> {
        let id = self.id()?;
        let source = Source::Engine(from.clone(), vec![id.clone()]);
        let spools = self.engines.spools();
        let held = spools.get(&source, Some(size), self.reader()).await?;
        let image = held.spool.image(id).ok_or_else(|| {
            let why = format!("@{from} sent another image than {id}");
            self.deed.failed(ErrorKind::Engine, why)
        })?;
        self.warn(&image.platform).await;
        let carry = Carry {
            engines: self.engines,
            deed: self.deed,
            spool: &held.spool,
            image,
            tags,
            limit,
            say: self.say,
        };
        carry.bring().await
    }

    /// Brings all images of a file.
    async fn load(
        self,
        file: &Path,
        only: Option<&(Arc<str>, Vec<Arc<str>>)>,
        limit: Option<u64>,
    ) -> Result<String, Error> {
        let source = Source::File(file.to_owned());
        let held = self
            .engines
            .spools()
            .get(&source, None, self.reader())
            .await?;
        let mut stories = Vec::new();
        for image in &held.spool.images {
            let tags = match only {
                Some((id, _)) if *id != image.id => continue,
                Some((_, tags)) => tags,
                None => &image.tags,
            };
            self.warn(&image.platform).await;
            let carry = Carry {
                engines: self.engines,
                deed: self.deed,
                spool: &held.spool,
                image,
                tags,
                limit,
                say: self.say,
            };
            let story = carry.bring().await?;
            let name = tags.first().unwrap_or(&image.id);
            stories.push(format!("{name}: {story}"));
        }
        if let Some((id, _)) = only
            && stories.is_empty()
        {
            let why = format!("{} does not have the image {id}", file.display());
            return Err(self.deed.failed(ErrorKind::NotFound, why));
        }
        Ok(stories.join("; "))
    }

    /// Says when an image is built for another processor than the host has.
    async fn warn(self, (os, arch): &(String, String)) {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Version {
            os: String,
            arch: String,
        }
        let Ok(session) = self.engines.session(self.deed).await else {
            return;
        };
        let there: Result<Version, _> = session.wire.get("/version").json().await;
        if let Ok(there) = there
            && !arch.is_empty()
            && (there.os != *os || there.arch != *arch)
        {
            let text = format!(
                "it is built for {os}/{arch}, and {} is {}/{}: it will not run there without emulation",
                self.deed.host, there.os, there.arch
            );
            (self.say)(Said::Line(text));
        }
    }
}

/// Removes one of its names, or all of it.
async fn remove(
    session: &Session,
    step: &Step,
    only: Option<&str>,
    force: bool,
    deed: &Deed,
) -> Result<String, Error> {
    let Subject::Resource { id, .. } = &step.subject else {
        return Err(deed.failed(ErrorKind::Rejected, "no image was named"));
    };
    let force = query(&[("force", if force { "1" } else { "0" })]);
    let path = format!("/images/{}{force}", escape(only.unwrap_or(id)));
    let answer: Vec<Removed> = session
        .wire
        .delete(path)
        .within(DEADLINE)
        .json()
        .await
        .map_err(|fault| deed.fault(fault))?;
    let layers = answer.iter().filter(|one| one.deleted.is_some()).count();
    Ok(match layers {
        0 => "a name was taken off; the image stays, for others need it".to_owned(),
        count => format!("{count} layers removed"),
    })
}

/// One thing that went.
#[derive(Deserialize)]
struct Removed {
    #[serde(rename = "Deleted")]
    deleted: Option<String>,
}
