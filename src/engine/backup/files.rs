//! Looking into a volume: the list of its files, and what is in one of them. Nothing is written anywhere.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::Cleaning;
use super::helper::{Helper, MOUNT};
use super::stream::below;
use crate::engine::error::{Deed, Error, ErrorKind, Fault};
use crate::engine::pipe::{ON_THE_WAY, STALLED, Spout, pour};
use crate::engine::session::Session;
use crate::engine::wire::query;
use crate::model::{FileEntry, FileKind, FileList, HostName, Timestamp, printable};

/// More files than this are not listed.
const MOST_FILES: usize = 200_000;

/// The engine packs all that is in a volume, and we read no more of it than this.
const MOST_BYTES: u64 = 2 << 30;

/// Nobody waits longer for a list.
const LONGEST: Duration = Duration::from_secs(30);

/// No larger file is shown.
const MOST_SHOWN: u64 = 16 << 20;

/// Lists the files of a volume, as far as they can be read within bounds.
pub(in crate::engine) async fn files(
    session: &Session,
    volume: &str,
    cleaning: &Cleaning,
) -> Result<FileList, Fault> {
    let deed = Deed::on(&HostName::new("here"), "list the files", volume);
    let helper = Helper::mount(session, cleaning, volume, true, &[], &deed)
        .await
        .map_err(|error| Fault::Refused {
            status: 500,
            message: error.reason(),
        })?;
    let (sender, receiver) = mpsc::channel(ON_THE_WAY);
    let body = archive(session, &helper, MOUNT).await?;
    let reading = spawn_blocking(move || read(Spout::new(receiver)));
    let received = pour(body, sender).await;
    let read = reading.await;
    helper.remove().await;
    received?;
    match read {
        Ok(Ok(list)) => Ok(list),
        Ok(Err(error)) => Err(Fault::Garbled(error.to_string())),
        Err(error) => Err(Fault::Garbled(error.to_string())),
    }
}

/// Asks for a path as tar.
async fn archive(
    session: &Session,
    helper: &Helper,
    path: &str,
) -> Result<hyper::body::Incoming, Fault> {
    let path = format!(
        "/containers/{}/archive{}",
        helper.name(),
        query(&[("path", path)])
    );
    let response = session.wire.get(path).within(STALLED).response().await?;
    Ok(response.into_body())
}

/// Reads the names in a tar; their contents are passed over.
pub(super) fn read(from: impl Read) -> io::Result<FileList> {
    let began = Instant::now();
    let mut list = FileList::default();
    let mut archive = tar::Archive::new(from);
    for entry in archive.entries()? {
        let entry = entry?;
        let header = entry.header();
        let Some(path) = below(&entry.path()?) else {
            continue;
        };
        let kind = match header.entry_type() {
            kind if kind.is_dir() => FileKind::Directory,
            kind if kind.is_file() => FileKind::File,
            kind if kind.is_symlink() => FileKind::Link,
            _ => FileKind::Other,
        };
        let changed = i64::try_from(header.mtime().unwrap_or(0)).unwrap_or(0);
        let link = entry.link_name()?;
        list.entries.push(FileEntry {
            path: path.into(),
            kind,
            size: entry.size(),
            mode: header.mode().unwrap_or(0) & 0o7777,
            owner: (header.uid().unwrap_or(0), header.gid().unwrap_or(0)),
            changed: Timestamp::from_second(changed).unwrap_or(Timestamp::UNIX_EPOCH),
            link: link.map(|link| link.to_string_lossy().into()),
        });
        let read = entry.raw_file_position();
        list.cut = if list.entries.len() >= MOST_FILES {
            Some(format!("there are more than {MOST_FILES} files").into())
        } else if read > MOST_BYTES {
            Some("the engine packs more than 2 GB to list them".into())
        } else if began.elapsed() > LONGEST {
            let seconds = LONGEST.as_secs();
            Some(format!("listing them takes longer than {seconds} s").into())
        } else {
            None
        };
        if list.cut.is_some() {
            break;
        }
    }
    list.entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(list)
}

/// What is in one file of a volume.
pub(in crate::engine) async fn file(
    session: &Session,
    volume: &str,
    path: &str,
    cleaning: &Cleaning,
    deed: &Deed,
) -> Result<Vec<u8>, Error> {
    if path.split('/').any(|part| part == "..") {
        let why = format!("{path} leads elsewhere");
        return Err(deed.failed(ErrorKind::Rejected, why));
    }
    let helper = Helper::mount(session, cleaning, volume, true, &[], deed).await?;
    let place = format!("{MOUNT}/{}", path.trim_matches('/'));
    let body = archive(session, &helper, &place).await;
    let body = body.map_err(|fault| {
        if fault.is_missing() {
            deed.failed(ErrorKind::NotFound, "there is no such file in the volume")
        } else {
            deed.fault(fault)
        }
    })?;
    let (sender, receiver) = mpsc::channel(ON_THE_WAY);
    let reading = spawn_blocking(move || first(Spout::new(receiver)));
    let received = pour(body, sender).await;
    let read = reading.await;
    helper.remove().await;
    match (received, read) {
        (_, Ok(Ok(Ok(bytes)))) => Ok(bytes),
        (_, Ok(Ok(Err(why)))) => Err(deed.failed(ErrorKind::Rejected, why)),
        (Err(fault), _) => Err(deed.fault(fault)),
        (Ok(()), Ok(Err(error))) => Err(deed.failed(ErrorKind::Engine, error.to_string())),
        (Ok(()), Err(error)) => Err(deed.failed(ErrorKind::Local, error.to_string())),
    }
}

/// The content of the first member of a tar, or why it has none.
fn first(from: impl Read) -> io::Result<Result<Vec<u8>, String>> {
    let mut archive = tar::Archive::new(from);
    let Some(entry) = archive.entries()?.next() else {
        return Ok(Err("nothing came".to_owned()));
    };
    let mut entry = entry?;
    let kind = entry.header().entry_type();
    if kind.is_dir() {
        return Ok(Err("it is a directory".to_owned()));
    }
    if let (true, Some(link)) = (kind.is_symlink(), entry.link_name()?) {
        let link = printable(&link.to_string_lossy());
        return Ok(Err(format!("it is a link to {link}")));
    }
    if !kind.is_file() {
        return Ok(Err("it is no plain file".to_owned()));
    }
    if entry.size() > MOST_SHOWN {
        let why = "it is larger than 16 MB; copy it out of a container that mounts the volume";
        return Ok(Err(why.to_owned()));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes)?;
    Ok(Ok(bytes))
}
