//! Brings images out of an archive of this machine to an engine: only the layers that it lacks, some at a time, so that
//! what has arrived stays there when the link breaks.
//!
//! An engine takes an archive that names layers which are not in it, where it has them already (`docker load` looks for
//! each layer by its chain first). So layers are sent in parts: each part is the archive of an image that ends with the
//! last layer of the part, labelled as a part, and taken away when the whole image is there.

use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{interval, sleep};

use super::spool::{Layer, Packed, Spool, chain, header};
use crate::engine::Engines;
use crate::engine::error::{Deed, Error, ErrorKind, Fault};
use crate::engine::pipe::{ON_THE_WAY, Pipe, STALLED, poured};
use crate::engine::session::Session;
use crate::engine::wire::{escape, query};
use crate::model::{Amount, Product, Said, bytes, hex, split_tag};

/// Layers are sent together until they are so many bytes: this much may have to be sent again after a break.
const PART: u64 = 32 << 20;

/// The label of images that are parts of one on its way; its value is the id of the whole.
const PART_OF: &str = "io.wharf.part-of";

/// Images of the other side that are looked at for layers, at the same time and in all.
const LOOKS: usize = 4;
const LOOKED_AT: usize = 500;

/// After a broken link it is tried again for so long without any layer having arrived.
const PATIENCE: Duration = Duration::from_mins(5);

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(3);

/// A thread that goes no faster than it may looks so often whether anybody waits for it.
const LOOK: Duration = Duration::from_millis(200);

/// The engine unpacks what it was sent for so long at most.
const UNPACKING: Duration = Duration::from_hours(2);

/// What is sent, to whom it is told.
pub(super) struct Carry<'c> {
    /// The ways to the hosts.
    pub engines: &'c Engines,
    /// What is being done, for errors.
    pub deed: &'c Deed,
    /// Where the layers are.
    pub spool: &'c Arc<Spool>,
    /// The image.
    pub image: &'c Packed,
    /// What it is to be called there.
    pub tags: &'c [Arc<str>],
    /// At most so many bytes a second.
    pub limit: Option<u64>,
    /// Who is told how far it is.
    pub say: &'c (dyn Fn(Said) + Sync),
}

impl Carry<'_> {
    /// Brings it there; goes on after breaks of the link.
    pub async fn bring(&self) -> Result<String, Error> {
        let mut sent = 0;
        let (mut last, mut is_told) = (Instant::now(), false);
        loop {
            let before = sent;
            let error = match self.attempt(&mut sent).await {
                Ok(story) => return Ok(story),
                Err(error) => error,
            };
            if sent > before {
                (last, is_told) = (Instant::now(), false);
            }
            let may_pass = matches!(
                error.kind,
                ErrorKind::Lost | ErrorKind::Offline | ErrorKind::Timeout | ErrorKind::Busy
            );
            if !may_pass || last.elapsed() > PATIENCE {
                return Err(error);
            }
            // Of one break it is said once.
            if !std::mem::replace(&mut is_told, true) {
                let text = format!(
                    "the link broke ({}); it goes on when the host is back",
                    error.why
                );
                (self.say)(Said::Line(text));
            }
            sleep(PAUSE).await;
        }
    }

    /// Sends what is missing now.
    async fn attempt(&self, sent: &mut u64) -> Result<String, Error> {
        let session = self.engines.session(self.deed).await?;
        let there = There::look(&session, self.image)
            .await
            .map_err(|fault| self.deed.fault(fault))?;
        if there.has_it {
            self.name_it(&session).await?;
            return Ok(self.story(*sent));
        }
        let layers = &self.image.layers;
        let mut from = there.known;
        for end in parts(layers, from) {
            let is_last = end == layers.len();
            let archive = Archive {
                spool: Arc::clone(self.spool),
                config: if is_last {
                    self.image.config.clone()
                } else {
                    part_config(self.image, end)
                },
                tags: if is_last {
                    self.tags.to_vec()
                } else {
                    Vec::new()
                },
                layers: layers[..end].to_vec(),
                from,
            };
            let bytes = self
                .load(&session, archive, *sent, self.missing(from) + *sent)
                .await?;
            *sent += bytes;
            from = end;
        }
        self.verify(&session).await?;
        self.sweep(&session).await;
        Ok(self.story(*sent))
    }

    /// Bytes of the layers from that one on.
    fn missing(&self, from: usize) -> u64 {
        self.image.layers[from..]
            .iter()
            .map(|layer| layer.size)
            .sum()
    }

    fn story(&self, sent: u64) -> String {
        let whole = self.missing(0);
        match sent {
            0 => "nothing was to be sent: all layers were there".to_owned(),
            sent => format!("{} of {} sent", bytes(sent), bytes(whole)),
        }
    }

    /// Sends one archive and waits until the engine has taken it in; answers how many bytes of layers that were.
    async fn load(
        &self,
        session: &Session,
        archive: Archive,
        before: u64,
        total: u64,
    ) -> Result<u64, Error> {
        let size: u64 = archive.layers[archive.from..]
            .iter()
            .map(|layer| layer.size)
            .sum();
        let (sender, receiver) = mpsc::channel(ON_THE_WAY);
        let count = Arc::new(AtomicU64::new(0));
        let writer = Metered {
            to: Pipe(sender),
            count: Arc::clone(&count),
            limit: self.limit,
            begun: Instant::now(),
        };
        let packing = spawn_blocking(move || archive.write(writer));
        let request = session
            .wire
            .post(format!("/images/load{}", query(&[("quiet", "1")])))
            .body("application/x-tar", poured(receiver))
            .within(UNPACKING)
            .bytes();
        let mut request = std::pin::pin!(request);
        let mut tick = interval(Duration::from_millis(250));
        let (mut seen, mut moved) = (0, Instant::now());
        let answer = loop {
            tokio::select! {
                answer = &mut request => break answer,
                _ = tick.tick() => {
                    let now = count.load(Ordering::Relaxed);
                    if now != seen {
                        (seen, moved) = (now, Instant::now());
                    }
                    // What was sent whole is being unpacked, which takes as long as it takes.
                    if now < size && moved.elapsed() > STALLED {
                        break Err(Fault::Late(STALLED));
                    }
                    let what = if now < size { "sending" } else { "unpacking" };
                    let done = (before + now).min(total);
                    (self.say)(Said::Amount(Amount::bytes(what, done, Some(total))));
                }
            }
        };
        let packed = packing
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)));
        match (answer, packed) {
            (Ok(answer), Ok(())) => match refused(&answer) {
                Some(why) => Err(self.deed.failed(ErrorKind::Engine, why)),
                None => Ok(size),
            },
            (Ok(_), Err(error)) => Err(self.deed.failed_here("reading the archive", &error)),
            (Err(fault), _) => Err(self.deed.fault(fault)),
        }
    }

    /// Whether what arrived is what was sent.
    async fn verify(&self, session: &Session) -> Result<(), Error> {
        let found = inspected(session, &self.image.id).await;
        match found.map_err(|fault| self.deed.fault(fault))? {
            Some(_) => Ok(()),
            None => Err(self.deed.failed(
                ErrorKind::Engine,
                format!(
                    "the engine took the layers, but has no image {} now",
                    self.image.id
                ),
            )),
        }
    }

    /// Gives it the names that it lacks.
    async fn name_it(&self, session: &Session) -> Result<(), Error> {
        for tag in self.tags {
            tag_as(session, &self.image.id, tag)
                .await
                .map_err(|fault| self.deed.fault(fault))?;
        }
        Ok(())
    }

    /// Takes the parts away. They cost nothing but a row in the list, so it is no failure if one stays.
    async fn sweep(&self, session: &Session) {
        let filters = json!({"label": [format!("{PART_OF}={}", self.image.id)]}).to_string();
        let path = format!("/images/json{}", query(&[("filters", &filters)]));
        let found: Result<Vec<Listed>, Fault> = session.wire.get(path).json().await;
        for part in found.unwrap_or_default() {
            let path = format!("/images/{}", escape(&part.id));
            let _ = session.wire.delete(path).status().await;
        }
    }
}

/// Names an image.
pub(super) async fn tag_as(session: &Session, id: &str, name: &str) -> Result<(), Fault> {
    let (repo, tag) = split_tag(name);
    let path = format!(
        "/images/{}/tag{}",
        escape(id),
        query(&[("repo", repo), ("tag", tag)])
    );
    session.wire.post(path).status().await.map(|_| ())
}

/// Why an engine did not take an archive: it says so within an answer that begins well.
fn refused(answer: &Bytes) -> Option<String> {
    #[derive(Deserialize)]
    struct Line {
        error: Option<String>,
    }
    let mut lines = serde_json::Deserializer::from_slice(answer).into_iter::<Line>();
    lines.find_map(|line| line.ok()?.error)
}

/// The ends of the parts in which layers are sent, from one on; the last is the end of all.
fn parts(layers: &[Layer], from: usize) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut size = 0;
    for (at, layer) in layers.iter().enumerate().skip(from) {
        size += layer.size;
        if size >= PART && at + 1 < layers.len() {
            ends.push(at + 1);
            size = 0;
        }
    }
    ends.push(layers.len());
    ends
}

/// The configuration of the image that ends with a part.
fn part_config(image: &Packed, end: usize) -> Bytes {
    let diff_ids: Vec<&str> = image.layers[..end]
        .iter()
        .map(|layer| &*layer.diff_id)
        .collect();
    let config = json!({
        "architecture": image.platform.1,
        "os": image.platform.0,
        "config": {"Labels": {PART_OF: image.id}},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    Bytes::from(config.to_string())
}

/// What an engine has of an image.
struct There {
    has_it: bool,
    /// So many of its layers, the lowest first.
    known: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    #[serde(default, rename = "RootFS")]
    root_fs: Root,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Root {
    #[serde(default)]
    layers: Vec<String>,
}

impl There {
    async fn look(session: &Session, image: &Packed) -> Result<Self, Fault> {
        if inspected(session, &image.id).await?.is_some() {
            return Ok(Self {
                has_it: true,
                known: image.layers.len(),
            });
        }
        if !takes_parts(session).await? {
            return Ok(Self {
                has_it: false,
                known: 0,
            });
        }
        let listed: Vec<Listed> = session.wire.get("/images/json").json().await?;
        let looks = stream::iter(listed.into_iter().take(LOOKED_AT))
            .map(|one| async move { inspected(session, &one.id).await })
            .buffer_unordered(LOOKS);
        let mut chains: HashSet<String> = HashSet::new();
        let mut looks = std::pin::pin!(looks);
        while let Some(found) = looks.next().await {
            let layers = found?.map(|one| one.root_fs.layers).unwrap_or_default();
            let mut below: Option<String> = None;
            for layer in layers {
                let id = chain(below.as_deref(), &layer);
                chains.insert(id.clone());
                below = Some(id);
            }
        }
        let mut below: Option<String> = None;
        let mut known = 0;
        for layer in &image.layers {
            let id = chain(below.as_deref(), &layer.diff_id);
            if !chains.contains(&id) {
                break;
            }
            known += 1;
            below = Some(id);
        }
        Ok(Self {
            has_it: false,
            known,
        })
    }
}

/// Whether the engine takes archives that lack layers it has: not Podman, and not with images in containerd's store.
async fn takes_parts(session: &Session) -> Result<bool, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Info {
        #[serde(default)]
        driver_status: Option<Vec<Vec<String>>>,
    }
    if session.product != Product::Docker {
        return Ok(false);
    }
    let info: Info = session.wire.get("/info").json().await?;
    let mut status = info.driver_status.unwrap_or_default().into_iter().flatten();
    Ok(!status.any(|text| text.contains("io.containerd.snapshotter")))
}

async fn inspected(session: &Session, id: &str) -> Result<Option<Inspected>, Fault> {
    match session
        .wire
        .get(format!("/images/{}/json", escape(id)))
        .json()
        .await
    {
        Ok(found) => Ok(Some(found)),
        Err(fault) if fault.is_missing() => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// An archive that is written as it is sent: the layers from one on, and what names all of them.
struct Archive {
    spool: Arc<Spool>,
    config: Bytes,
    tags: Vec<Arc<str>>,
    layers: Vec<Layer>,
    from: usize,
}

impl Archive {
    fn write(&self, to: Metered) -> io::Result<()> {
        let mut builder = tar::Builder::new(to);
        for layer in &self.layers[self.from..] {
            let bytes = self.spool.layer(layer);
            builder.append_data(&mut header(layer.size), layer.file(), bytes)?;
        }
        let name = format!("{}.json", hex(&Sha256::digest(&self.config)));
        builder.append_data(&mut header(self.config.len() as u64), &name, &*self.config)?;
        let files: Vec<String> = self.layers.iter().map(Layer::file).collect();
        let manifest = json!([{"Config": name, "RepoTags": self.tags, "Layers": files}]);
        let manifest = manifest.to_string();
        let mut head = header(manifest.len() as u64);
        builder.append_data(&mut head, "manifest.json", manifest.as_bytes())?;
        builder.into_inner()?.flush()
    }
}

/// A pipe that counts, and goes no faster than it may.
struct Metered {
    to: Pipe,
    count: Arc<AtomicU64>,
    limit: Option<u64>,
    begun: Instant,
}

impl Write for Metered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        let sent = self.count.fetch_add(written as u64, Ordering::Relaxed) + written as u64;
        if let Some(limit) = self.limit {
            let due = Duration::from_millis(sent.saturating_mul(1000) / limit.max(1));
            // It runs on a thread of its own, and ends soon when nobody waits for the rest.
            while !self.to.0.is_closed() {
                let wait = due.saturating_sub(self.begun.elapsed());
                if wait.is_zero() {
                    break;
                }
                std::thread::sleep(wait.min(LOOK));
            }
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(sizes: &[u64]) -> Vec<Layer> {
        let layer = |size: &u64| Layer {
            diff_id: Arc::from("sha256:0"),
            at: 0,
            size: size << 20,
        };
        sizes.iter().map(layer).collect()
    }

    #[test]
    fn layers_are_sent_in_parts() {
        assert_eq!(parts(&layers(&[1, 2, 3]), 0), [3]);
        assert_eq!(parts(&layers(&[40, 2, 31, 50, 1]), 0), [1, 3, 4, 5]);
        assert_eq!(parts(&layers(&[40, 2, 31, 50, 1]), 2), [4, 5]);
        assert_eq!(parts(&layers(&[40]), 0), [1]);
        assert_eq!(
            parts(&layers(&[40, 40]), 2),
            [2],
            "only what names them is sent"
        );
        assert_eq!(parts(&[], 0), [0]);
    }

    #[test]
    fn a_refusal_within_an_answer_is_found() {
        let answer = Bytes::from_static(
            b"{\"stream\":\"x\"}\r\n{\"errorDetail\":{\"message\":\"no\"},\"error\":\"no\"}\r\n",
        );
        assert_eq!(refused(&answer).as_deref(), Some("no"));
        assert_eq!(refused(&Bytes::from_static(b"{\"stream\":\"x\"}\n")), None);
        assert_eq!(refused(&Bytes::new()), None);
    }
}
