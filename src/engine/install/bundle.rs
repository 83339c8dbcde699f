//! A bundle: the packages of a directory or a tar archive of this machine, each with its digest.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::release::Family;

/// The list of digests, as `sha256sum` writes it; where a bundle has one, its packages are held against it.
const SUMS: &str = "SHA256SUMS";

/// So much is read at once.
const CHUNK: usize = 64 << 10;

/// No list of digests is longer.
const LONGEST_SUMS: u64 = 1 << 20;

/// One package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Package {
    /// Its file's name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// In hexadecimal digits.
    pub sha256: String,
    file: PathBuf,
    offset: u64,
}

/// Where the bytes of a file of the bundle are.
struct Piece {
    name: String,
    file: PathBuf,
    offset: u64,
    size: u64,
}

impl Package {
    /// Its bytes.
    pub async fn bytes(&self) -> io::Result<impl tokio::io::AsyncRead + Unpin + use<>> {
        use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
        let mut file = tokio::fs::File::open(&self.file).await?;
        file.seek(SeekFrom::Start(self.offset)).await?;
        Ok(file.take(self.size))
    }
}

/// Reads what a bundle has for hosts of that family, and holds it against the bundle's own list of
/// digests, where there is one. Blocks.
pub(super) fn read(path: &Path, family: Family) -> Result<Vec<Package>, String> {
    let say = |error: io::Error| format!("the bundle {}: {error}", path.display());
    let pieces = if path.is_dir() {
        of_directory(path).map_err(say)?
    } else {
        of_archive(path).map_err(say)?
    };
    let sums = match pieces.iter().find(|piece| piece.name == SUMS) {
        Some(piece) => {
            let mut text = String::new();
            let mut bytes = piece.open().map_err(say)?.take(LONGEST_SUMS);
            bytes.read_to_string(&mut text).map_err(say)?;
            text
        }
        None => String::new(),
    };
    let suffix = match family {
        Family::Debian => ".deb",
        Family::RedHat => ".rpm",
    };
    let mut packages = Vec::new();
    for piece in pieces.iter().filter(|piece| piece.name.ends_with(suffix)) {
        packages.push(piece.package(&sums).map_err(say)?);
    }
    if packages.is_empty() {
        return Err(format!(
            "the bundle {} has no {suffix} packages",
            path.display()
        ));
    }
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(packages)
}

fn of_directory(dir: &Path) -> io::Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let found = std::fs::metadata(entry.path())?;
        if found.is_file() {
            pieces.push(Piece {
                name: entry.file_name().to_string_lossy().into_owned(),
                file: entry.path(),
                offset: 0,
                size: found.len(),
            });
        }
    }
    Ok(pieces)
}

fn of_archive(path: &Path) -> io::Result<Vec<Piece>> {
    let mut archive = tar::Archive::new(File::open(path)?);
    let unreadable = |error: io::Error| {
        io::Error::other(format!(
            "it is neither a directory nor a plain tar archive ({error}); unpack it first"
        ))
    };
    let mut pieces = Vec::new();
    for entry in archive.entries_with_seek().map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let inside = entry.path()?.into_owned();
        let name = inside.file_name().unwrap_or_default().to_string_lossy();
        pieces.push(Piece {
            name: name.into_owned(),
            file: path.to_owned(),
            offset: entry.raw_file_position(),
            size: entry.size(),
        });
    }
    Ok(pieces)
}

impl Piece {
    fn open(&self) -> io::Result<io::Take<File>> {
        let mut file = File::open(&self.file)?;
        file.seek(SeekFrom::Start(self.offset))?;
        Ok(file.take(self.size))
    }

    fn package(&self, sums: &str) -> io::Result<Package> {
        let name = &self.name;
        let plain = |c: char| c.is_ascii_alphanumeric() || "._+~%:-".contains(c);
        if name.starts_with(['-', '.']) || !name.chars().all(plain) {
            return Err(io::Error::other(format!(
                "'{name}' is no name of a package"
            )));
        }
        let sha256 = digest(self.open()?)?;
        let told = sums.lines().find_map(|line| {
            let (sum, of) = line.split_once([' ', '\t'])?;
            let of = of.trim_start_matches([' ', '\t', '*']);
            (of.rsplit('/').next() == Some(name)).then_some(sum)
        });
        match told {
            Some(sum) if !sum.eq_ignore_ascii_case(&sha256) => Err(io::Error::other(format!(
                "{name} is not what {SUMS} says: its sha256 is {sha256}, and {sum} is told"
            ))),
            None if !sums.is_empty() => {
                Err(io::Error::other(format!("{SUMS} does not tell of {name}")))
            }
            Some(_) | None => Ok(Package {
                name: name.clone(),
                size: self.size,
                sha256,
                file: self.file.clone(),
                offset: self.offset,
            }),
        }
    }
}

fn digest(mut bytes: impl Read) -> io::Result<String> {
    use std::fmt::Write as _;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        match bytes.read(&mut buffer)? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    let mut text = String::new();
    for byte in hash.finalize() {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

/// The list of digests, as `sha256sum -c` reads it.
pub(super) fn sums(packages: &[Package]) -> String {
    let line = |one: &Package| format!("{}  {}\n", one.sha256, one.name);
    packages.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use tokio::io::AsyncReadExt as _;

    use super::*;

    /// Of the text `one`.
    const ONE: &str = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";

    fn filled(sums: Option<&str>) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("b_1.deb", "two"),
            ("a_1.deb", "one"),
            ("a.rpm", "rpm"),
            ("README", "x"),
        ] {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        if let Some(sums) = sums {
            std::fs::write(dir.path().join(SUMS), sums).unwrap();
        }
        dir
    }

    #[tokio::test]
    async fn directories_and_archives_are_read_alike() {
        let dir = filled(None);
        let archive = dir.path().join("bundle.tar");
        let mut tar = tar::Builder::new(File::create(&archive).unwrap());
        for name in ["a_1.deb", "b_1.deb"] {
            let mut file = File::open(dir.path().join(name)).unwrap();
            tar.append_file(format!("debs/{name}"), &mut file).unwrap();
        }
        tar.finish().unwrap();
        for path in [dir.path(), &archive] {
            let found = read(path, Family::Debian).unwrap();
            let names: Vec<_> = found.iter().map(|one| one.name.as_str()).collect();
            assert_eq!(names, ["a_1.deb", "b_1.deb"], "{}", path.display());
            assert_eq!(found[0].sha256, ONE);
            let mut text = String::new();
            let mut bytes = found[1].bytes().await.unwrap();
            bytes.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "two");
        }
        assert_eq!(read(dir.path(), Family::RedHat).unwrap().len(), 1);
        let error = read(&archive, Family::RedHat).unwrap_err();
        assert!(error.contains("no .rpm packages"), "{error}");
    }

    #[test]
    fn a_list_of_digests_is_kept_to() {
        let good = format!(
            "{ONE}  ./a_1.deb\n{} *b_1.deb\n",
            digest(&b"two"[..]).unwrap()
        );
        assert_eq!(
            read(filled(Some(&good)).path(), Family::Debian)
                .unwrap()
                .len(),
            2
        );
        for (sums, why) in [
            (
                good.replace("7692", "0000"),
                "a_1.deb is not what SHA256SUMS says",
            ),
            (format!("{ONE}  a_1.deb\n"), "does not tell of b_1.deb"),
        ] {
            let error = read(filled(Some(&sums)).path(), Family::Debian).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn what_is_no_bundle_is_told() {
        let dir = filled(None);
        let error = read(&dir.path().join("nothing"), Family::Debian).unwrap_err();
        assert!(error.contains("No such file"), "{error}");
        std::fs::write(dir.path().join("$(x).deb"), "").unwrap();
        let error = read(dir.path(), Family::Debian).unwrap_err();
        assert!(error.contains("no name of a package"), "{error}");
    }
}
