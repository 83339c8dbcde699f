//! A release in one file, with its images, signed: made here, carried to a site without a way in, installed there.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::Arc,
};

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::{Desk, Draft, read::Read, wishes::bare};
use crate::{
    model::{
        Action, BundledFile, BundledImage, HostName, Image, ImageAction, Step, Subject,
        release::{Phase, Pin, Release, Seal, SigningKey},
    },
    ops::{
        plan::{Confirm, Plan, Refusal, RefusalKind},
        sentence::{AppPlace, BundleAppArgs, Danger, InstallAppArgs, Sentence},
    },
};

/// The release in a bundle.
const RELEASE: &str = "wharf-release.json";

/// Its signature.
const SEAL: &str = "wharf-release.seal";

/// No release is larger, in bytes.
const LARGEST: u64 = 4 << 20;

/// The release and its seal lie among the first files of a bundle.
const FIRST: usize = 8;

/// What is written of a release. What is of its site only stays there.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    release: Release,
}

/// A release out of a bundle, whose seal holds.
#[derive(Debug)]
pub(super) struct Parcel {
    /// The release as it was where it was made.
    pub release: Release,
    /// The key that signed it.
    pub key: String,
}

/// The release with its seal, as files of a bundle; and the public key.
pub(super) async fn seal(
    release: &Release,
    key: &Path,
) -> Result<(Vec<BundledFile>, String), String> {
    let mut release = release.clone();
    // Where it ran is no business of whoever gets it.
    release.targets.clear();
    release.fronts.clear();
    let (key, shown) = (key.to_owned(), key.display().to_string());
    let read = spawn_blocking(move || own_key(&key)).await;
    let read = read.unwrap_or_else(|error| Err(error.to_string()));
    let key = read.map_err(|why| format!("the key that signs bundles, {shown}: {why}"))?;
    let text = serde_json::to_string_pretty(&Written { format: 1, release })
        .map_err(|error| error.to_string())?;
    let seal = key.sign(text.as_bytes());
    let seal = serde_json::to_string_pretty(&seal).map_err(|error| error.to_string())?;
    let file = |name: &str, text: String| BundledFile {
        name: name.into(),
        text: text.into(),
    };
    Ok((vec![file(RELEASE, text), file(SEAL, seal)], key.public()))
}

/// The key of this machine; a new one where there is none.
fn own_key(path: &Path) -> Result<SigningKey, String> {
    match fs::read_to_string(path) {
        Ok(text) => return SigningKey::read(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.to_string()),
    }
    let (key, text) = SigningKey::make()?;
    let write = || {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error: io::Error| error.to_string())?;
    Ok(key)
}

/// Reads the release of a bundle and checks its seal.
pub(super) async fn open(path: &Path) -> Result<Parcel, String> {
    let path = path.to_owned();
    let shown = path.display().to_string();
    let read = spawn_blocking(move || read(&path)).await;
    let read = read.unwrap_or_else(|error| Err(error.to_string()));
    read.map_err(|why| format!("{shown}: {why}"))
}

fn read(path: &Path) -> Result<Parcel, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut archive = tar::Archive::new(io::BufReader::new(file));
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let broken = |error: io::Error| format!("it is no bundle: {error}");
    for entry in archive.entries().map_err(broken)?.take(FIRST) {
        let entry = entry.map_err(broken)?;
        let name = entry.path().map_err(broken)?.display().to_string();
        if name == RELEASE || name == SEAL {
            let mut text = String::new();
            entry
                .take(LARGEST)
                .read_to_string(&mut text)
                .map_err(broken)?;
            found.insert(name, text);
        }
        if found.len() == 2 {
            break;
        }
    }
    let (Some(text), Some(seal)) = (found.get(RELEASE), found.get(SEAL)) else {
        return Err(
            "it holds no release; `app bundle` makes such files, and `image load` takes those of images"
                .to_owned(),
        );
    };
    let seal: Seal =
        serde_json::from_str(seal).map_err(|error| format!("its seal is damaged: {error}"))?;
    if !seal.is_of(text.as_bytes()) {
        return Err(
            "its seal is not of this release: it was changed or damaged on the way; get it anew"
                .to_owned(),
        );
    }
    let written: Written =
        serde_json::from_str(text).map_err(|error| format!("its release is damaged: {error}"))?;
    Ok(Parcel {
        release: written.release,
        key: seal.key,
    })
}

/// Where each image of a release is to be read from, or which one is nowhere.
pub(super) fn images(
    release: &Release,
    there: &BTreeMap<HostName, Vec<Image>>,
) -> Result<Vec<BundledImage>, String> {
    let mut found: BTreeMap<Arc<str>, BundledImage> = BTreeMap::new();
    for pin in release.pins.values() {
        let Some((host, image)) = holder(pin, there) else {
            return Err(format!("{pin} is on none of its hosts any more"));
        };
        let one = found
            .entry(image.id.clone())
            .or_insert_with(|| BundledImage {
                host: host.clone(),
                id: image.id.clone(),
                tags: Vec::new(),
                size: image.size,
            });
        let tag: Arc<str> = pin.image.as_str().into();
        if pin.image.digest().is_none() && !one.tags.contains(&tag) {
            one.tags.push(tag);
        }
    }
    Ok(found.into_values().collect())
}

/// The release with the ids of its images: by those they are known where no registry is.
fn known(release: &Release, there: &BTreeMap<HostName, Vec<Image>>) -> Release {
    let mut release = release.clone();
    for pin in release.pins.values_mut() {
        if let Some((_, image)) = holder(pin, there) {
            pin.id = Some(image.id.to_string());
        }
    }
    release
}

fn holder<'t>(
    pin: &Pin,
    there: &'t BTreeMap<HostName, Vec<Image>>,
) -> Option<(&'t HostName, &'t Image)> {
    let is_it = |image: &&Image| match (&pin.id, &pin.digest) {
        (Some(id), _) => *image.id == **id,
        (None, Some(digest)) => image.digests.iter().any(|one| one.ends_with(&**digest)),
        (None, None) => false,
    };
    there
        .iter()
        .find_map(|(host, images)| Some((host, images.iter().find(is_it)?)))
}

impl Desk<'_> {
    /// The plan of writing a release into a file.
    pub(super) async fn bundle(
        &self,
        sentence: &Sentence,
        args: &BundleAppArgs,
    ) -> Result<Plan, Refusal> {
        let scope = self.scope(&args.place, &[]).await?;
        let releases = self.releases(&scope).await?;
        let found = match args.release {
            Some(number) => releases.iter().find(|(one, _)| one.number == number),
            None => releases
                .iter()
                .find(|(_, held)| held.phase == Phase::Succeeded),
        };
        let Some((release, _)) = found else {
            let why = match args.release {
                Some(number) => format!("{scope} has no release {number}"),
                None => format!("{scope} has no release that succeeded"),
            };
            let remedy = "`app releases` lists them";
            return Err(Refusal::new(RefusalKind::Unknown, why, remedy));
        };
        if release.stack.is_some() {
            let why = format!("{} of {scope} is for a Swarm", release.number);
            let remedy = "bundles are for hosts; bring its images with `image bundle`";
            return Err(Refusal::new(RefusalKind::State, why, remedy));
        }
        let asked = release.hosts().into_iter().map(|host| async move {
            let images = self.crew.engines.images(host).await;
            (host.clone(), images.unwrap_or_default())
        });
        let there: BTreeMap<HostName, Vec<Image>> = join_all(asked).await.into_iter().collect();
        let state = |why: String| Refusal::new(RefusalKind::State, why, "");
        let images = images(release, &there).map_err(state)?;
        let release = &known(release, &there);
        let (more, key) = seal(release, &self.trust.key).await.map_err(state)?;
        let Some(first) = images.first() else {
            return Err(state(format!("{} has no images", release.number)));
        };
        let (to, number) = (args.to.display(), release.number);
        let (host, count) = (first.host.clone(), images.len());
        let steps = vec![Step {
            host,
            subject: Subject::Host,
            action: Action::Image(ImageAction::Bundle {
                images,
                more,
                to: args.to.clone(),
                replace: args.replace,
            }),
        }];
        let title = format!("Bundle {number} of {scope} into {to}");
        let confirm = if args.replace {
            Confirm::Ask
        } else {
            Confirm::No
        };
        let mut plan = bare(sentence, title, Danger::Changes, confirm, &scope);
        plan.busy = "bundling";
        plan.steps = steps;
        if args.replace {
            plan.loses = vec![format!("the file {to}, if it is there")];
        }
        plan.told = vec![
            format!("the release, {count} images and a seal; its secrets stay here"),
            format!("whoever installs it trusts the key {key}"),
        ];
        Ok(plan)
    }

    /// What is planned of a bundle.
    pub(super) async fn install(&self, args: &InstallAppArgs) -> Result<Draft, Refusal> {
        let file = std::path::absolute(&args.bundle).unwrap_or_else(|_| args.bundle.clone());
        let state = |why: String, remedy: String| Refusal::new(RefusalKind::State, why, remedy);
        let parcel = open(&file).await;
        let Parcel { release, key } = parcel.map_err(|why| state(why, String::new()))?;
        let mut trusted = self.trust.keys.iter().map(|one| &**one);
        let is_said = args.trust.contains(&key);
        if !is_said && !trusted.any(|one| one == key) {
            let why = format!(
                "{} is signed with the key {key}, which is not trusted here",
                file.display()
            );
            let remedy = format!(
                "compare it with what whoever made it tells you, then say --trust {key}, or write it into [bundle] trust"
            );
            return Err(state(why, remedy));
        }
        let place = AppPlace {
            name: release.scope.app.clone(),
            environment: args.environment.clone(),
        };
        let (scope, hosts) = self.placed(&place, &args.hosts).await?;
        let releases = self.releases(&scope).await?;
        let hosts = Self::hosts_or_before(hosts, &scope, &releases)?;
        let read = Read {
            spec: release.spec.clone(),
            source: format!(
                "{} ({} of {} by {})",
                file.display(),
                release.number,
                release.scope,
                release.by
            ),
            told: Vec::new(),
            generate: Vec::new(),
        };
        let draft = Draft {
            keeps: Some(release),
            policy: self.limited(&scope, &args.how),
            adopt: args.adopt,
            bundle: Some(file),
            reason: args.why.reason.clone(),
            requests: self.requests(&scope).await?,
            emergency: args.how.emergency.clone(),
            ..self.draft(scope, read, hosts, releases)
        };
        Ok(self.looked(draft, false).await)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::path::PathBuf;

    use super::*;

    fn written(dir: &Path, files: &[BundledFile]) -> PathBuf {
        let path = dir.join("bundle");
        let mut builder = tar::Builder::new(File::create(&path).unwrap());
        for file in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(file.text.len() as u64);
            let text = file.text.as_bytes();
            builder.append_data(&mut header, &*file.name, text).unwrap();
        }
        builder.into_inner().unwrap();
        path
    }

    #[tokio::test]
    async fn a_release_comes_out_as_it_went_in_unless_somebody_changed_it() {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("keys/own");
        let release = super::super::tests::small();
        let (files, public) = seal(&release, &key).await.unwrap();
        // The second time it is the same key.
        assert_eq!(seal(&release, &key).await.unwrap().1, public);
        let parcel = open(&written(dir.path(), &files)).await.unwrap();
        assert_eq!(parcel.key, public);
        assert_eq!(parcel.release.pins, release.pins);
        assert_eq!(parcel.release.spec, release.spec);
        assert!(parcel.release.targets.is_empty());
        let changed: Vec<BundledFile> = files
            .iter()
            .map(|file| BundledFile {
                name: file.name.clone(),
                text: file.text.replace("web:1", "web:2").into(),
            })
            .collect();
        let why = open(&written(dir.path(), &changed)).await.unwrap_err();
        assert!(why.contains("changed or damaged"), "{why}");
        let why = open(&written(dir.path(), &files[1..])).await.unwrap_err();
        assert!(why.contains("it holds no release"), "{why}");
        let text = dir.path().join("text");
        fs::write(&text, "no archive").unwrap();
        assert!(open(&text).await.is_err());
    }
}
