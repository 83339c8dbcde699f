//! A directory of backups on a host that is reached over ssh: laid out as one of this machine, written and read by
//! short scripts for whatever POSIX shell is there. Nothing is installed, and no engine is needed.
//!
//! An archive streams into a file of another name; its length and sum, as the host itself reads them from its disk, are
//! compared before it is named, and its manifest comes last. A script is read to its end before any of it is done, so a
//! link that is cut in the middle does nothing by halves.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;

use super::Cleaning;
use super::vault::{self, ARCHIVE, Found, MANIFEST, relative_folder};
use crate::engine::actor::Common;
use crate::engine::error::{Deed, Error, ErrorKind};
use crate::engine::ssh::{Broken, Shell, Talk};
use crate::model::{
    BackupName, Endpoint, HostName, Manifest, Sum, Timestamp, Vault, VaultWay, stamp,
};

/// Begins a draft: sweeps what was left behind, and takes a name.
const BEGIN: &str = include_str!("begin.sh");

/// Names what was written.
const COMMIT: &str = include_str!("commit.sh");

/// How the sum of a file is reckoned with what a host has; `sum FILE` prints nothing where it has nothing.
const SUM: &str = include_str!("sum.sh");

/// How long a short script may take; the host may have to wake its disks.
const SHORT: Duration = Duration::from_mins(1);

/// How long naming may take: it waits until all is on the disk.
const COMMITTED: Duration = Duration::from_mins(10);

/// Read from the host at once.
const CHUNK: usize = 64 << 10;

/// Stands before each manifest of a list.
const MARK: &str = "=wharf-manifest=";

/// A directory on a host, with a connection of its own.
#[derive(Clone)]
pub(super) struct Remote {
    shell: Arc<Shell>,
    host: HostName,
    root: Arc<str>,
}

/// A backup in it.
#[derive(Clone)]
pub(super) struct Stored {
    remote: Remote,
    /// The path of its archive.
    archive: String,
    /// What is kept beside it.
    pub manifest: Manifest,
}

/// A backup that is being written there; what there is of it is removed when dropped before it was committed.
pub(super) struct Draft {
    remote: Remote,
    cleaning: Cleaning,
    /// Below the root: `ams-1/data`.
    folder: String,
    name: String,
    /// Whether there is something to remove.
    is_begun: bool,
}

/// Text as one word of a POSIX shell.
fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A script with what it needs to know put before it.
fn script(known: &[(&str, &str)], body: &str) -> String {
    let mut text = String::from("LC_ALL=C; export LC_ALL; umask 077\n");
    for (name, value) in known {
        text.extend([name, "=", &word(value), "\n"]);
    }
    text + body
}

impl Remote {
    /// Connects to the host.
    pub async fn open(common: &Common, way: &VaultWay, deed: &Deed) -> Result<Self, Error> {
        let (
            Vault::On(host, root),
            Some(Endpoint::Ssh {
                destination, port, ..
            }),
        ) = (&way.vault, &way.endpoint)
        else {
            let why = format!("{} is no directory of a host reached over ssh", way.vault);
            return Err(deed.failed(ErrorKind::Rejected, why));
        };
        let shell = match common.ssh() {
            Ok(ssh) => ssh.shell(destination, *port).await,
            Err(trouble) => Err(trouble),
        };
        let shell = shell.map_err(|trouble| Error {
            remedy: Some(trouble.remedy.clone()),
            ..deed.failed(ErrorKind::Offline, format!("{host}: {}", trouble.reason))
        })?;
        Ok(Self {
            shell: Arc::new(shell),
            host: host.clone(),
            root: root.clone(),
        })
    }

    /// A failure there as it is told, with what to do about it.
    fn failed(&self, deed: &Deed, broken: Broken) -> Error {
        let place = format!("{}:{}", self.host, self.root);
        let words = match broken {
            Broken::Lost(trouble) => {
                return Error {
                    remedy: Some(trouble.remedy),
                    ..deed.failed(
                        ErrorKind::Offline,
                        format!("{}: {}", self.host, trouble.reason),
                    )
                };
            }
            Broken::Failed(words) => words,
        };
        let has = |text: &str| words.contains(text);
        let (kind, remedy) = if has("No space left") || has("quota exceeded") {
            let remedy = format!(
                "nothing half-written is left; make room in {place} (--keep takes older backups away), or name another directory"
            );
            (ErrorKind::Local, remedy)
        } else if has("Read-only file system") {
            (
                ErrorKind::Denied,
                format!("have {place} mounted to be written, or name another directory"),
            )
        } else if has("Permission denied") || has("not permitted") {
            let remedy = format!(
                "let the user that ssh logs in as on {} write in {}",
                self.host, self.root
            );
            (ErrorKind::Denied, remedy)
        } else if has("No such file or directory") || has("Not a directory") {
            let remedy = format!(
                "make it there (`mkdir -p {}`), or mount it: it is never made by itself",
                word(&self.root)
            );
            (ErrorKind::NotFound, remedy)
        } else {
            (ErrorKind::Local, format!("look at {place}"))
        };
        let words = if words.is_empty() {
            "the command there ended without a word"
        } else {
            &words
        };
        Error {
            remedy: Some(remedy),
            ..deed.failed(kind, format!("{place}: {words}"))
        }
    }

    async fn ask(&self, deed: &Deed, script: &str, deadline: Duration) -> Result<String, Error> {
        let asked = self.shell.ask(script, deadline).await;
        asked.map_err(|broken| self.failed(deed, broken))
    }

    /// The names of what is in a folder with a manifest.
    async fn stems(&self, deed: &Deed, folder: &str) -> Result<Vec<String>, Error> {
        let body = "ls -d \"$root\" >/dev/null || exit 1\n\
                    cd \"$root/$folder\" 2>/dev/null || exit 0\n\
                    for m in *.json; do [ -e \"$m\" ] && echo \"$m\"; done; exit 0";
        let known = [("root", &*self.root), ("folder", folder)];
        let said = self.ask(deed, &script(&known, body), SHORT).await?;
        Ok(vault::stems_of(said.lines()))
    }

    /// Finds a backup.
    pub async fn find(&self, deed: &Deed, backup: &BackupName) -> Result<Stored, Error> {
        let BackupName::Of {
            volume,
            host,
            stamp,
        } = backup
        else {
            let why = format!(
                "{backup} is a file of this machine, and the backups asked for are on {}",
                self.host
            );
            return Err(deed.failed(ErrorKind::Rejected, why));
        };
        let folder = relative_folder(host.as_str(), volume);
        let stems = self.stems(deed, &folder).await?;
        let stem = match stamp {
            Some(stamp) => stems.iter().find(|stem| ***stem == **stamp),
            None => stems.last(),
        };
        let place = format!("{}:{}", self.host, self.root);
        let stem = stem.ok_or_else(|| Error {
            remedy: Some(format!(
                "`wharf volume backups --from {}` lists those that are there",
                word(&place)
            )),
            ..deed.failed(
                ErrorKind::NotFound,
                format!("there is no backup {backup} in {place}"),
            )
        })?;
        let path = format!("{}/{folder}/{stem}", self.root);
        let known = [("manifest", &*format!("{path}{MANIFEST}"))];
        let text = self
            .ask(deed, &script(&known, "cat \"$manifest\""), SHORT)
            .await?;
        let manifest = vault::parse(text.as_bytes()).map_err(|why| {
            deed.failed(
                ErrorKind::Local,
                format!("{place}: {path}{MANIFEST}: {why}"),
            )
        })?;
        Ok(Stored {
            remote: self.clone(),
            archive: format!("{path}{ARCHIVE}"),
            manifest,
        })
    }

    /// All backups in it, by host and volume, newest first; beside them the manifests that cannot be read.
    pub async fn all(&self, deed: &Deed) -> Result<(Vec<Found>, Vec<String>), Error> {
        let body = "ls -d \"$root\" >/dev/null && cd \"$root\" || exit 1\n\
                    for m in */*/*.json; do\n\
                    [ -e \"$m\" ] || continue\n\
                    printf '\\n%s%s\\n' \"$mark\" \"$m\"; cat \"$m\"\ndone; exit 0";
        let known = [("root", &*self.root), ("mark", MARK)];
        let said = self.ask(deed, &script(&known, body), COMMITTED).await?;
        let (mut found, mut wrong) = (Vec::new(), Vec::new());
        for part in said.split(&format!("\n{MARK}")).skip(1) {
            let (name, text) = part.split_once('\n').unwrap_or((part, ""));
            let path = format!("{}:{}/{name}", self.host, self.root);
            match vault::parse(text.as_bytes()) {
                Ok(manifest) => found.push(Found {
                    archive: PathBuf::from(format!("{}{ARCHIVE}", path.trim_end_matches(MANIFEST))),
                    manifest,
                }),
                Err(why) => wrong.push(format!("{path}: {why}")),
            }
        }
        vault::in_order(&mut found);
        Ok((found, wrong))
    }

    /// Begins a backup.
    pub async fn begin(
        &self,
        cleaning: &Cleaning,
        volume: &str,
        at: Timestamp,
        deed: &Deed,
    ) -> Result<Draft, Error> {
        let folder = relative_folder(deed.host.as_str(), volume);
        let known = [
            ("root", &*self.root),
            ("folder", &*folder),
            ("stamp", &*stamp(at)),
        ];
        let said = self.ask(deed, &script(&known, BEGIN), SHORT).await?;
        let name = vault::stems_of(said.lines().map(|name| format!("{name}{MANIFEST}")));
        let [name] = &name[..] else {
            let why = format!(
                "{}: its shell says what was not asked: {}",
                self.host,
                said.trim()
            );
            return Err(deed.failed(ErrorKind::Unsupported, why));
        };
        Ok(Draft {
            remote: self.clone(),
            cleaning: cleaning.clone(),
            folder,
            name: name.clone(),
            is_begun: true,
        })
    }
}

impl Draft {
    /// Writes what comes through a pipe into a file there; answers how long it is, and its sum as far as that host can
    /// reckon one.
    pub async fn write(
        &self,
        mut from: mpsc::Receiver<Bytes>,
        deed: &Deed,
    ) -> Result<(u64, Option<String>), Error> {
        let remote = &self.remote;
        let failed = |broken| remote.failed(deed, broken);
        // No quotes of the operator's get to the login shell, whichever that is: the name comes with the first line.
        let sum = SUM.trim_end().replace('\n', " ");
        let command = format!(
            "/bin/sh -c '{sum} LC_ALL=C; export LC_ALL; umask 077; trap \"\" PIPE HUP; IFS= read -r p; \
             cat >\"$p\" || {{ rm -f \"$p\"; exit 1; }}; sync \"$p\" 2>/dev/null || sync; \
             n=$(wc -c <\"$p\"); s=$(sum \"$p\"); printf \"%s %s\\n\" $n \"$s\" || rm -f \"$p\"'"
        );
        let mut talk = remote.shell.talk(&command).await.map_err(failed)?;
        let path = format!("{}/{}/.{}.part\n", remote.root, self.folder, self.name);
        let mut said = String::new();
        let Talk { stdin, stdout, .. } = &mut talk;
        let mut input = stdin.take();
        let exchange = async {
            if let Some(input) = &mut input {
                // Who cannot write has said why.
                let mut goes_on = input.write_all(path.as_bytes()).await.is_ok();
                while goes_on && let Some(chunk) = from.recv().await {
                    goes_on = input.write_all(&chunk).await.is_ok();
                }
            }
            drop(input);
            drop(from);
            stdout.read_to_string(&mut said).await
        };
        let read = exchange.await;
        talk.end().await.map_err(failed)?;
        read.map_err(|error| failed(Broken::Failed(error.to_string())))?;
        parse_sum(&said).ok_or_else(|| failed(Broken::Failed(format!("it says '{}'", said.trim()))))
    }

    /// Names it, and removes those that are older than the `keep` newest. Answers where it is, how many were removed,
    /// and the names of those that are there.
    pub async fn commit(
        mut self,
        manifest: &Manifest,
        keep: Option<u32>,
        deed: &Deed,
    ) -> Result<(String, usize, Vec<String>), Error> {
        let remote = self.remote.clone();
        let text = serde_json::to_string_pretty(manifest)
            .map_err(|error| deed.failed(ErrorKind::Local, error.to_string()))?;
        let known = [
            ("root", &*remote.root),
            ("folder", &*self.folder),
            ("name", &*self.name),
            ("text", &*text),
            ("bytes", &*manifest.archive.bytes.to_string()),
        ];
        let said = remote.ask(deed, &script(&known, COMMIT), COMMITTED).await?;
        self.is_begun = false;
        let mut stems = vault::stems_of(said.lines());
        let old = vault::surplus(&mut stems, keep);
        if !old.is_empty() {
            let names: Vec<String> = old.iter().map(|stem| word(stem)).collect();
            // The manifest goes first, so that none points nowhere.
            let body = format!(
                "cd \"$root/$folder\" || exit 1\nfor s in {}; do rm -f \"$s{MANIFEST}\" && rm -f \"$s{ARCHIVE}\" || exit 1; done",
                names.join(" ")
            );
            let known = [("root", &*remote.root), ("folder", &*self.folder)];
            remote.ask(deed, &script(&known, &body), SHORT).await?;
        }
        let place = format!(
            "{}:{}/{}/{}{ARCHIVE}",
            remote.host, remote.root, self.folder, self.name
        );
        Ok((place, old.len(), stems))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_begun {
            return;
        }
        let remote = self.remote.clone();
        let path = format!("{}/{}/.{}.part", remote.root, self.folder, self.name);
        self.cleaning.spawn(async move {
            // Where the connection is gone the script there removes it, or the next backup does.
            let known = [("part", &*path)];
            drop(
                remote
                    .shell
                    .ask(&script(&known, "rm -f \"$part\""), SHORT)
                    .await,
            );
        });
    }
}

impl Stored {
    /// Where it is, for people.
    pub fn place(&self) -> String {
        format!("{}:{}", self.remote.host, self.archive)
    }

    /// The length and the sum of the archive as the host reads it from its disk; no sum where it can reckon none.
    pub async fn sum(&self, deed: &Deed) -> Result<(u64, Option<String>), Error> {
        let failed = |broken| self.remote.failed(deed, broken);
        let body = format!(
            "{SUM}\nls -d \"$archive\" >/dev/null || exit 1\nn=$(wc -c <\"$archive\") || exit 1\n\
             printf '%s %s\\n' $n \"$(sum \"$archive\")\""
        );
        let script = script(&[("archive", &self.archive)], &body);
        let mut said = String::new();
        let ran = self
            .remote
            .shell
            .run("/bin/sh", &script, |line| line.clone_into(&mut said));
        ran.await.map_err(failed)?;
        parse_sum(&said).ok_or_else(|| failed(Broken::Failed(format!("it says '{}'", said.trim()))))
    }

    /// Passes the archive on to a thread that reads it; a break reaches both sides.
    pub async fn read(
        &self,
        to: mpsc::Sender<std::io::Result<Bytes>>,
        deed: &Deed,
    ) -> Result<(), Error> {
        let failed = |broken| self.remote.failed(deed, broken);
        let script = script(&[("archive", &self.archive)], "exec cat \"$archive\"");
        let mut talk = self.remote.shell.talk("/bin/sh").await.map_err(failed)?;
        let mut input = talk.stdin.take();
        if let Some(input) = &mut input {
            let text = format!("{{\n{script}\n}} </dev/null\n");
            // A shell that ends early has said why.
            drop(input.write_all(text.as_bytes()).await);
        }
        drop(input);
        loop {
            let mut chunk = BytesMut::with_capacity(CHUNK);
            let count = talk.stdout.read_buf(&mut chunk).await;
            if count.is_err() || matches!(count, Ok(0)) {
                break;
            }
            if to.send(Ok(chunk.freeze())).await.is_err() {
                // Whoever reads it failed and says why.
                return Ok(());
            }
        }
        match talk.end().await {
            Ok(()) => Ok(()),
            Err(broken) => {
                let error = failed(broken);
                let _ = to.send(Err(std::io::Error::other(error.why.clone()))).await;
                Err(error)
            }
        }
    }

    /// What is wrong with a length and a sum, if they are not those that were written.
    pub fn differs(&self, bytes: u64, sum: Option<&str>) -> Option<String> {
        differs(&self.manifest.archive, bytes, sum)
    }
}

/// What is wrong with a length and a sum, if they are not those that were written.
pub(super) fn differs(written: &Sum, bytes: u64, sum: Option<&str>) -> Option<String> {
    if bytes != written.bytes {
        return Some(format!(
            "it has {bytes} bytes, and had {} when it was written",
            written.bytes
        ));
    }
    let sum = sum.filter(|sum| *sum != written.sha256)?;
    Some(format!(
        "its bytes are not those that were written (SHA-256 {}, not {})",
        sum.get(..12).unwrap_or(sum),
        written.sha256.get(..12).unwrap_or("none")
    ))
}

/// `12345 0f3a…  -`: a length, and a sum where there is one, in whatever form the host's program writes it.
fn parse_sum(said: &str) -> Option<(u64, Option<String>)> {
    let mut words = said.split_whitespace();
    let bytes = words.next()?.parse().ok()?;
    let is_sum =
        |word: &&str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some((bytes, words.find(is_sum).map(str::to_ascii_lowercase)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_read_however_it_is_written() {
        let sum = "ab".repeat(32);
        for said in [
            format!("12 {sum}  -\n"),
            format!("   12 {sum}\n"),
            format!("12 SHA256(stdin)= {}\n", sum.to_uppercase()),
        ] {
            assert_eq!(parse_sum(&said), Some((12, Some(sum.clone()))), "{said}");
        }
        assert_eq!(parse_sum("12 \n"), Some((12, None)));
        assert_eq!(parse_sum("what? 12"), None);
    }

    #[test]
    fn a_word_is_one_word_to_a_shell() {
        let text = "a 'b' \"c\" $d `e` \\f\nf";
        let ran = std::process::Command::new("sh")
            .args(["-c", &format!("printf %s {}", word(text))])
            .output()
            .expect("sh runs");
        assert_eq!(String::from_utf8_lossy(&ran.stdout), text);
    }
}
