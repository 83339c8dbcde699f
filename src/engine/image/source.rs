//! Reads images from an engine, or from a file, into an archive of this machine: once for all who wait for it.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use tokio::time::{interval, sleep, timeout};

use super::spool::{Flaw, Spool};
use crate::engine::Engines;
use crate::engine::error::{Deed, Error, ErrorKind, Fault};
use crate::engine::pipe::STALLED;
use crate::engine::wire::query;
use crate::model::{Amount, HostName, Said};

/// Before the first byte an engine gathers all layers.
const GATHERING: Duration = Duration::from_mins(20);

/// After a broken link an image is read anew, so often.
const TRIES: usize = 4;

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(5);

/// Where images come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::engine) enum Source {
    /// From an engine, by their ids.
    Engine(HostName, Vec<Arc<str>>),
    /// From a file of this machine.
    File(PathBuf),
}

/// An archive that is being read, or was.
type Cell = OnceCell<Arc<Spool>>;

/// The archives that are in use now. Their files have no names: they are gone with the last who uses them, however the
/// program ends.
#[derive(Debug)]
pub(in crate::engine) struct Spools {
    dir: PathBuf,
    open: Mutex<HashMap<Source, Weak<Cell>>>,
}

/// An archive in use.
pub(in crate::engine) struct Held {
    _cell: Arc<Cell>,
    /// The archive.
    pub spool: Arc<Spool>,
}

/// Who reads, and whom it is told.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Reader<'r> {
    /// The ways to the hosts.
    pub engines: &'r Engines,
    /// What is being done, for errors.
    pub deed: &'r Deed,
    /// Who is told how far it is.
    pub say: &'r (dyn Fn(Said) + Sync),
}

impl Spools {
    /// Of files in that directory.
    pub fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            open: Mutex::default(),
        }
    }

    /// The archive from a source; of several who want it one reads. `size` is about how many bytes it will be.
    pub async fn get(
        &self,
        source: &Source,
        size: Option<u64>,
        reader: Reader<'_>,
    ) -> Result<Held, Error> {
        let cell = self.cell(source);
        let made = cell.get_or_try_init(|| async {
            let spool = match source {
                Source::Engine(host, ids) => self.read(host, ids, size, reader).await?,
                Source::File(path) => {
                    let opened = File::open(path);
                    let shown = format!("opening {}", path.display());
                    let file = opened.map_err(|error| reader.deed.failed_here(&shown, &error))?;
                    look_through(file, &path.display().to_string(), reader).await?
                }
            };
            Ok(Arc::new(spool))
        });
        let spool = Arc::clone(made.await?);
        Ok(Held { _cell: cell, spool })
    }

    fn cell(&self, source: &Source) -> Arc<Cell> {
        // It is whole after every change.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, cell| cell.strong_count() > 0);
        match open.get(source).and_then(Weak::upgrade) {
            Some(cell) => cell,
            None => {
                let cell = Arc::new(Cell::new());
                open.insert(source.clone(), Arc::downgrade(&cell));
                cell
            }
        }
    }

    /// Reads images from an engine; anew when the link breaks, for engines cannot go on in the middle.
    async fn read(
        &self,
        host: &HostName,
        ids: &[Arc<str>],
        size: Option<u64>,
        reader: Reader<'_>,
    ) -> Result<Spool, Error> {
        let deed = Deed {
            host: host.clone(),
            ..reader.deed.clone()
        };
        let mut tries = 1;
        loop {
            let reader = Reader {
                deed: &deed,
                ..reader
            };
            let error = match self.read_once(host, ids, size, reader).await {
                Ok(file) => return look_through(file, &format!("what @{host} sent"), reader).await,
                Err(error) => error,
            };
            let may_pass = matches!(
                error.kind,
                ErrorKind::Lost | ErrorKind::Offline | ErrorKind::Timeout
            );
            if !may_pass || tries == TRIES {
                return Err(error);
            }
            tries += 1;
            let text = format!("the link to {host} broke ({}); it is read anew", error.why);
            (reader.say)(Said::Line(text));
            sleep(PAUSE).await;
        }
    }

    async fn read_once(
        &self,
        host: &HostName,
        ids: &[Arc<str>],
        size: Option<u64>,
        reader: Reader<'_>,
    ) -> Result<File, Error> {
        let deed = reader.deed;
        let local = |error: &io::Error| {
            deed.failed_here(
                &format!("keeping what was read, in {}", self.dir.display()),
                error,
            )
        };
        let file = nameless(&self.dir).map_err(|error| local(&error))?;
        let mut to = tokio::fs::File::from_std(file);
        let mut from = open(reader.engines, deed, ids).await?;
        let what = format!("reading from {host}");
        let (mut done, mut shown) = (0, Instant::now());
        while let Some(data) = frame(&mut from, done == 0)
            .await
            .map_err(|fault| deed.fault(fault))?
        {
            to.write_all(&data).await.map_err(|error| local(&error))?;
            done += data.len() as u64;
            if shown.elapsed() > Duration::from_millis(250) {
                shown = Instant::now();
                // A list gives the size unpacked, about.
                let total = size.map(|size| size.max(done));
                (reader.say)(Said::Amount(Amount::bytes(&what, done, total)));
            }
        }
        to.flush().await.map_err(|error| local(&error))?;
        Ok(to.into_std().await)
    }
}

/// Asks an engine for images as an archive.
pub(super) async fn open(
    engines: &Engines,
    deed: &Deed,
    names: &[Arc<str>],
) -> Result<Incoming, Error> {
    let session = engines.session(deed).await?;
    let pairs: Vec<(&str, &str)> = names.iter().map(|name| ("names", &**name)).collect();
    let path = format!("/images/get{}", query(&pairs));
    let response = session.wire.get(path).within(GATHERING).response().await;
    Ok(response.map_err(|fault| deed.fault(fault))?.into_body())
}

/// The next bytes; the first may take long.
pub(super) async fn frame(
    body: &mut Incoming,
    is_first: bool,
) -> Result<Option<bytes::Bytes>, Fault> {
    let patience = if is_first { GATHERING } else { STALLED };
    match timeout(patience, body.frame()).await {
        Ok(None) => Ok(None),
        Ok(Some(Ok(frame))) => Ok(Some(frame.into_data().unwrap_or_default())),
        Ok(Some(Err(error))) => Err(Fault::Cut(error.to_string())),
        Err(_) => Err(Fault::Late(patience)),
    }
}

/// Looks an archive through and checks its sums, on a thread of its own.
async fn look_through(file: File, what: &str, reader: Reader<'_>) -> Result<Spool, Error> {
    let seen = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
    let told = Arc::clone(&seen);
    let mut work = spawn_blocking(move || {
        Spool::open(file, |done, total| {
            told.0.store(done, Ordering::Relaxed);
            told.1.store(total, Ordering::Relaxed);
        })
    });
    let mut tick = interval(Duration::from_millis(250));
    let made = loop {
        tokio::select! {
            made = &mut work => break made,
            _ = tick.tick() => {
                let [done, total] = [&seen.0, &seen.1].map(|figure| figure.load(Ordering::Relaxed));
                if total > 0 {
                    (reader.say)(Said::Amount(Amount::bytes("checking", done, Some(total))));
                }
            }
        }
    };
    match made {
        Ok(Ok(spool)) => Ok(spool),
        Ok(Err(Flaw::Io(error))) => {
            Err(reader.deed.failed_here(&format!("reading {what}"), &error))
        }
        Ok(Err(Flaw::Content(why))) => {
            let why = format!("{what} is no whole archive of images: {why}");
            Err(reader.deed.failed(ErrorKind::Local, why))
        }
        Err(error) => Err(reader.deed.failed(ErrorKind::Local, error.to_string())),
    }
}

/// A file without a name: it is gone when it is closed.
fn nameless(dir: &Path) -> io::Result<File> {
    fs::create_dir_all(dir)?;
    let mut number = std::process::id();
    loop {
        let path = dir.join(format!(".spool-{number:x}"));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        match options.open(&path) {
            Ok(file) => {
                fs::remove_file(&path)?;
                return Ok(file);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                number = number.wrapping_add(0x1_0001);
            }
            Err(error) => return Err(error),
        }
    }
}
