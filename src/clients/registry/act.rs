//! What is done in registries: a manifest gets another name, or is deleted without taking other names with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::StreamExt as _;
use reqwest::{
    Body, Method, Response, StatusCode, Url,
    header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION},
};

use super::{
    Descriptor, Manifest, Parts, Registries, Registry, Scope, below, listing::reference,
    manifest::digest_of,
};
use crate::{
    clients::{Error, ErrorKind},
    model::{
        Amount, Said,
        registry::{Label, RegistryAction, RemoteImage, Repository},
    },
};

/// Who is told what goes on.
type Say<'s> = &'s (dyn Fn(Said) + Sync);

impl Registries {
    /// Does what is to be done in registries; answers what there is to say.
    ///
    /// # Errors
    /// When it is refused, by a rule of ours or by the registry, or fails.
    pub async fn act(&self, action: &RegistryAction, say: Say<'_>) -> Result<String, Error> {
        match action {
            RegistryAction::Delete { named } => self.delete(named, say).await,
            RegistryAction::Promote { from, to, expect } => {
                self.promote(from, to, expect.as_deref(), say).await
            }
        }
    }

    /// Deletes manifests of one repository by what names them.
    async fn delete(&self, named: &[RemoteImage], say: Say<'_>) -> Result<String, Error> {
        let Some(first) = named.first() else {
            return Ok(String::new());
        };
        let repository = &first.repository;
        let doing = format!("deleting from {repository}");
        let registry = self.open(&repository.registry)?;
        let mut tags = BTreeSet::new();
        let mut digests: BTreeMap<String, Vec<&RemoteImage>> = BTreeMap::new();
        for one in named {
            let digest = registry.digest(&doing, one).await?.0;
            digests.entry(digest).or_default().push(one);
            if let Label::Tag(tag) = &one.label {
                tags.insert(tag.clone());
            }
        }
        // All is looked at before anything is deleted.
        for (digest, named) in &digests {
            let holders = registry.holders(&doing, repository, digest).await?;
            let others: Vec<&str> = holders
                .iter()
                .filter(|tag| !tags.contains(*tag))
                .map(|tag| &**tag)
                .collect();
            if !others.is_empty() {
                let why = format!(
                    "{} is {digest}, and so is {}: a registry deletes manifests, not names",
                    named[0],
                    others.join(", ")
                );
                let remedy = "name them too, if all of them are to go";
                return Err(Error::new(ErrorKind::Refused, &doing, why).with(remedy));
            }
        }
        for digest in digests.keys() {
            let path = below(repository, &format!("manifests/{digest}"));
            let scope = Scope::Delete(repository.path.clone());
            let asked = registry.ask(&doing, Method::DELETE, &path, &scope).await;
            asked.map_err(|error| match error.kind {
                ErrorKind::Refused => error.with(
                    "its registry allows no deletion; set REGISTRY_STORAGE_DELETE_ENABLED=true there",
                ),
                _ => error,
            })?;
            say(Said::Line(format!("deleted {digest}")));
        }
        let digests: Vec<&str> = digests.keys().map(String::as_str).collect();
        Ok(format!(
            "{}; its layers go when the registry collects garbage",
            digests.join(", ")
        ))
    }

    /// Puts the same bytes under another name.
    async fn promote(
        &self,
        from: &RemoteImage,
        to: &RemoteImage,
        expect: Option<&str>,
        say: Say<'_>,
    ) -> Result<String, Error> {
        let doing = format!("promoting {from} to {to}");
        let source = self.open(&from.repository.registry)?;
        let target = self.open(&to.repository.registry)?;
        let manifest = source.manifest(&doing, from).await?;
        if let Some(expect) = expect.filter(|expect| *expect != manifest.digest) {
            let why = format!("{from} is {} now, not {expect}", manifest.digest);
            let remedy = "look at what it is now, and say its digest";
            return Err(Error::new(ErrorKind::Refused, &doing, why).with(remedy));
        }
        if let Label::Digest(digest) = &to.label
            && **digest != *manifest.digest
        {
            let why = format!("it is {}, and cannot be {digest}", manifest.digest);
            return Err(Error::new(ErrorKind::Refused, &doing, why));
        }
        let before = match target.digest(&doing, to).await {
            Ok((digest, _)) => Some(digest),
            Err(error) if error.kind == ErrorKind::Missing => None,
            Err(error) => return Err(error),
        };
        if before.as_deref() == Some(&*manifest.digest) {
            return Ok(format!("{} it was already", manifest.digest));
        }
        if from.repository != to.repository {
            let way = Way {
                doing: &doing,
                source: &source,
                target: &target,
                from: &from.repository,
                to: &to.repository,
                say,
            };
            way.bring(&manifest).await?;
        }
        target.put(&doing, to, &manifest).await?;
        Ok(match before {
            Some(before) => format!("{}, before it {before}", manifest.digest),
            None => manifest.digest,
        })
    }
}

impl Registry {
    /// Puts a manifest under a name; the registry must have all it is made of.
    async fn put(&self, doing: &str, to: &RemoteImage, manifest: &Manifest) -> Result<(), Error> {
        let path = below(&to.repository, &format!("manifests/{}", to.label.as_str()));
        let url = self.url(doing, &path).await?;
        let request = || {
            self.http
                .put(url.clone())
                .header(CONTENT_TYPE, &manifest.media_type)
                .body(manifest.bytes.clone())
        };
        let scope = Scope::Push(to.repository.path.clone(), None);
        let response = self.send(doing, &scope, request).await?;
        match digest_of(&response) {
            Some(digest) if digest != manifest.digest => {
                let why = format!("{to} is {digest} now, and not {}", manifest.digest);
                Err(Error::new(ErrorKind::Wrong, doing, why))
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn has(&self, doing: &str, repository: &Repository, digest: &str) -> Result<bool, Error> {
        let path = below(repository, &format!("blobs/{digest}"));
        let scope = Scope::Push(repository.path.clone(), None);
        match self.ask(doing, Method::HEAD, &path, &scope).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind == ErrorKind::Missing => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// From one repository to another.
struct Way<'w> {
    doing: &'w str,
    source: &'w Registry,
    target: &'w Registry,
    from: &'w Repository,
    to: &'w Repository,
    say: Say<'w>,
}

impl Way<'_> {
    /// Brings all that a manifest is made of, but not the manifest itself.
    async fn bring(&self, manifest: &Manifest) -> Result<(), Error> {
        let mut images = Vec::new();
        let mut blobs: BTreeMap<&str, &Descriptor> = BTreeMap::new();
        if let Parts::List(listed) = &manifest.parts {
            for one in listed {
                let of = reference(self.from, Label::Digest(one.digest.as_str().into()));
                images.push(self.source.manifest(self.doing, &of).await?);
            }
        }
        for image in images.iter().chain([manifest]) {
            if let Parts::Image { config, layers } = &image.parts {
                blobs.extend(layers.iter().chain([config]).map(|one| (&*one.digest, one)));
            }
        }
        let total = blobs.values().map(|one| one.size).sum();
        let done = Arc::new(AtomicU64::new(0));
        for one in blobs.values() {
            self.blob(one, &done, total).await?;
        }
        for image in &images {
            let digest = Arc::from(image.digest.as_str());
            let to = reference(self.to, Label::Digest(digest));
            self.target.put(self.doing, &to, image).await?;
        }
        Ok(())
    }

    /// Brings one blob: it is there, or it is in another repository of the same registry, or it is carried over.
    async fn blob(
        &self,
        blob: &Descriptor,
        done: &Arc<AtomicU64>,
        total: u64,
    ) -> Result<(), Error> {
        let tell = |bytes| {
            let now = done.fetch_add(bytes, Ordering::Relaxed) + bytes;
            (self.say)(Said::Amount(Amount::bytes("copying", now, Some(total))));
        };
        if self.target.has(self.doing, self.to, &blob.digest).await? {
            tell(blob.size);
            return Ok(());
        }
        let Some(place) = self.begin(blob).await? else {
            tell(blob.size);
            return Ok(());
        };
        let path = below(self.from, &format!("blobs/{}", blob.digest));
        let scope = Scope::Pull(self.from.path.clone());
        let read = self.source.ask(self.doing, Method::GET, &path, &scope);
        let read = read.await?;
        self.carry(blob, place, read, tell).await
    }

    /// Begins to bring a blob; answers where to, or nothing when the registry had it in the other repository.
    async fn begin(&self, blob: &Descriptor) -> Result<Option<Url>, Error> {
        let is_near = self.from.registry == self.to.registry;
        let mount = format!(
            "blobs/uploads/?mount={}&from={}",
            blob.digest, self.from.path
        );
        let rest = if is_near { &*mount } else { "blobs/uploads/" };
        let path = below(self.to, rest);
        let near = is_near.then(|| self.from.path.clone());
        let scope = Scope::Push(self.to.path.clone(), near);
        let response = self
            .target
            .ask(self.doing, Method::POST, &path, &scope)
            .await?;
        if response.status() == StatusCode::CREATED {
            return Ok(None);
        }
        let wrong = || {
            let why = format!("{} does not say where to bring it", self.to.registry);
            Error::new(ErrorKind::Wrong, self.doing, why)
        };
        let place = response.headers().get(LOCATION).ok_or_else(wrong)?;
        let place = place.to_str().map_err(|_| wrong())?;
        let mut place = response.url().join(place).map_err(|_| wrong())?;
        place.query_pairs_mut().append_pair("digest", &blob.digest);
        Ok(Some(place))
    }

    /// Sends what comes from the one registry to the other; the one that takes it compares it with its sum.
    async fn carry(
        &self,
        blob: &Descriptor,
        place: Url,
        read: Response,
        tell: impl Fn(u64),
    ) -> Result<(), Error> {
        let (sender, receiver) = tokio::sync::mpsc::channel(8);
        let body = futures_util::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|chunk| (chunk, receiver))
        });
        let scope = Scope::Push(self.to.path.clone(), None);
        let header = self.target.login.header(&scope);
        let request = self
            .target
            .http
            .put(place)
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, blob.size)
            .body(Body::wrap_stream(body));
        let sent = super::try_send(self.doing, request, header);
        let feed = async move {
            let mut chunks = read.bytes_stream();
            while let Some(chunk) = chunks.next().await {
                if let Ok(chunk) = &chunk {
                    tell(chunk.len() as u64);
                }
                // Whoever takes no more says why himself.
                if sender.send(chunk).await.is_err() {
                    break;
                }
            }
        };
        let (response, ()) = tokio::join!(sent, feed);
        super::well(self.doing, &self.to.registry, response?).await?;
        Ok(())
    }
}
