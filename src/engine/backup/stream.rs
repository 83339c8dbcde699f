//! Archives as they stream by: counted, summed up, compressed, and checked for what leads out of the volume.

use std::io::{self, BufReader, Read, Write};
use std::path::{Component, Path};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

use super::helper::ROOT;
use crate::model::{Contents, Manifest, Sum, hex};

/// zstd's own middle: faster than most links and disks.
const LEVEL: i32 = 3;

/// Tar ends with two empty blocks.
const BLOCK: u64 = 512;

/// What was packed.
pub(super) struct Packed {
    /// What is in it.
    pub contents: Contents,
    /// The compressed archive.
    pub archive: Sum,
    /// The tar within it.
    pub tar: Sum,
}

/// Counts and sums what is read or written.
struct Gauge<T> {
    inner: T,
    hash: Sha256,
    bytes: u64,
    /// How many of the last bytes were zero.
    zeros: u64,
}

impl<T> Gauge<T> {
    fn new(inner: T) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            bytes: 0,
            zeros: 0,
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        match bytes.iter().rposition(|byte| *byte != 0) {
            Some(last) => self.zeros = (bytes.len() - 1 - last) as u64,
            None => self.zeros += bytes.len() as u64,
        }
    }

    /// Fails when it does not end as a tar does, behind its last member.
    fn is_whole(&self, end: u64) -> io::Result<()> {
        if end > 0 && self.zeros >= 2 * BLOCK && self.bytes >= end + 2 * BLOCK {
            return Ok(());
        }
        let kind = io::ErrorKind::UnexpectedEof;
        Err(io::Error::new(kind, "it ends in the middle"))
    }

    fn sum(self) -> Sum {
        Sum {
            bytes: self.bytes,
            sha256: hex(&self.hash.finalize()),
        }
    }
}

impl<R: Read> Read for Gauge<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.take(&buffer[..count]);
        Ok(count)
    }
}

impl<W: Write> Write for Gauge<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.take(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Sees whether a tar came to its own end, which a reader of tar does not tell from one that was cut off.
pub(super) struct Whole<R>(Gauge<R>);

impl<R> Whole<R> {
    /// Of what is read through it.
    pub fn new(from: R) -> Self {
        Self(Gauge::new(from))
    }

    /// Where a member ends.
    pub fn end_of<T: Read>(entry: &tar::Entry<'_, T>) -> io::Result<u64> {
        Ok(entry.raw_file_position() + entry.header().entry_size()?.next_multiple_of(BLOCK))
    }
}

impl<R: Read> Whole<R> {
    /// Reads to the end; fails when it is not the archive's own, behind its last member.
    pub fn is_whole(&mut self, end: u64) -> io::Result<()> {
        io::copy(&mut self.0, &mut io::sink())?;
        self.0.is_whole(end)
    }
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

/// Passes on what is read to a writer, too.
struct Tee<'d, R, W> {
    from: R,
    to: W,
    done: &'d AtomicU64,
}

impl<R: Read, W: Write> Read for Tee<'_, R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.to.write_all(&buffer[..count])?;
        self.done.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Compresses a tar while it is counted; refuses one that is not whole or leads elsewhere.
pub(super) fn pack(from: impl Read, to: impl Write, done: &AtomicU64) -> io::Result<Packed> {
    let sealed = Gauge::new(io::BufWriter::with_capacity(1 << 18, to));
    let mut encoder = zstd::stream::write::Encoder::new(sealed, LEVEL)?;
    encoder.include_checksum(true)?;
    let mut tar = Gauge::new(Tee {
        from,
        to: encoder,
        done,
    });
    let contents = count(&mut tar)?;
    let Gauge {
        inner, hash, bytes, ..
    } = tar;
    let mut sealed = inner.to.finish()?;
    sealed.flush()?;
    Ok(Packed {
        contents,
        archive: sealed.sum(),
        tar: Sum {
            bytes,
            sha256: hex(&hash.finalize()),
        },
    })
}

/// Reads a tar to its end and counts what is in it.
fn count(tar: &mut Gauge<impl Read>) -> io::Result<Contents> {
    let mut contents = Contents::default();
    let mut end = 0;
    let mut archive = tar::Archive::new(&mut *tar);
    for entry in archive.entries()? {
        let entry = entry?;
        within(&entry)?;
        let size = entry.size();
        end = Whole::<()>::end_of(&entry)?;
        match entry.header().entry_type() {
            kind if kind.is_dir() => contents.directories += 1,
            kind if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() => {
                contents.files += 1;
                contents.bytes += size;
            }
            _ => contents.others += 1,
        }
    }
    io::copy(tar, &mut io::sink())?;
    if contents.directories == 0 {
        end = 0;
    }
    tar.is_whole(end)?;
    Ok(contents)
}

/// Refuses a member that is not below the volume's directory, and a further name of a file that is not.
fn within<R: Read>(entry: &tar::Entry<'_, R>) -> io::Result<()> {
    let name = entry.path()?;
    let is_well = below(&name).is_some();
    let link = entry.link_name()?;
    let link = link.filter(|_| entry.header().entry_type().is_hard_link());
    let leads = link.as_deref().filter(|link| below(link).is_none());
    if is_well && leads.is_none() {
        return Ok(());
    }
    let what = leads.unwrap_or(&name).display().to_string();
    let why = format!("it names {what}, which is not in the volume");
    Err(io::Error::new(io::ErrorKind::InvalidData, why))
}

/// The path of a member in the volume; none when it leads out of it.
pub(super) fn below(name: &Path) -> Option<String> {
    let mut parts = Vec::new();
    for part in name.components() {
        match part {
            Component::Normal(part) => parts.push(part.to_string_lossy()),
            Component::CurDir => {}
            Component::RootDir | Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    match parts.split_first() {
        Some((first, rest)) if *first == ROOT => Some(rest.join("/")),
        Some(_) | None => None,
    }
}

/// Counts the bytes of a file as they are read.
struct Counted<'d, R>(R, &'d AtomicU64);

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Reads an archive through and compares it with its manifest; says what is wrong.
pub(super) fn check(from: impl Read, manifest: &Manifest, done: &AtomicU64) -> Result<(), String> {
    let mut archive = Gauge::new(Counted(BufReader::with_capacity(1 << 18, from), done));
    let read = (|| {
        let decoder = zstd::stream::read::Decoder::new(&mut archive)?;
        let mut tar = Gauge::new(decoder);
        let contents = count(&mut tar)?;
        Ok::<_, io::Error>((contents, tar.sum()))
    })();
    // The whole file counts, wherever its reading stopped.
    io::copy(&mut archive, &mut io::sink()).map_err(|error| error.to_string())?;
    let sum = archive.sum();
    if sum.bytes != manifest.archive.bytes {
        return Err(format!(
            "it has {} bytes, and had {} when it was written",
            sum.bytes, manifest.archive.bytes
        ));
    }
    if sum.sha256 != manifest.archive.sha256 {
        return Err(format!(
            "its bytes are not those that were written (SHA-256 {}, not {})",
            &sum.sha256[..12],
            manifest.archive.sha256.get(..12).unwrap_or("none")
        ));
    }
    let (contents, tar) = read.map_err(|error| error.to_string())?;
    if tar != manifest.tar {
        return Err("the tar in it is another one than its manifest says".to_owned());
    }
    if contents != manifest.contents {
        return Err(format!(
            "it holds {} files, and its manifest says {}",
            contents.files, manifest.contents.files
        ));
    }
    Ok(())
}

/// Writes the tar of an archive on; fails at the end when it is not the one that was checked before.
pub(super) fn unpack(
    from: impl Read,
    manifest: &Manifest,
    to: impl Write,
    done: &AtomicU64,
) -> io::Result<()> {
    let decoder = zstd::stream::read::Decoder::new(from)?;
    let mut tar = Gauge::new(Tee {
        from: decoder,
        to,
        done,
    });
    io::copy(&mut tar, &mut io::sink())?;
    tar.inner.to.flush()?;
    let same = tar.bytes == manifest.tar.bytes && tar.sum().sha256 == manifest.tar.sha256;
    if same {
        Ok(())
    } else {
        Err(io::Error::other(
            "the archive was changed while it was read",
        ))
    }
}
