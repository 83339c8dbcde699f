//! Fetches repositories with the git of this machine, so that keys, proxies and authorities work as the site has them.
//!
//! A repository is not trusted: it runs no hook and no transport helper, nobody is asked anything, and what it
//! points at outside of itself is not read.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::{ChildStderr, ChildStdout, Command};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::engine::ssh::spawn::{Spawner, Terminal};
use crate::model::{printable, redact};

/// Fetching may take so long.
const DEADLINE: Duration = Duration::from_mins(10);

/// So much of what git says is kept.
const SAID: u64 = 64 << 10;

/// What git is told before each command.
const GUARDS: [&str; 12] = [
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "protocol.ext.allow=never",
    "-c",
    "submodule.recurse=false",
    "-c",
    "advice.detachedHead=false",
    "-c",
    "gc.auto=0",
];

/// A repository at a branch, a tag or a commit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'w> {
    /// Where it is.
    pub url: &'w str,
    /// Which state of it; none for what it is at.
    pub reference: Option<&'w str>,
}

/// The files of a repository; gone from this machine when it is dropped.
#[derive(Debug)]
pub(super) struct Checkout {
    dir: PathBuf,
    /// The commit.
    pub commit: String,
    /// The mail address of who made it, as it says.
    pub author: String,
}

impl Checkout {
    /// Where the files are.
    pub fn tree(&self) -> PathBuf {
        self.dir.join("tree")
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        // At once, for the program may end right after; what fails is swept by the next one.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A checkout that is being made, or was.
type Cell = OnceCell<Arc<Checkout>>;

/// A repository and which state of it.
type Key = (String, Option<String>);

/// The checkouts that are in use now: of several hosts that build the same, all get the same commit.
#[derive(Debug)]
pub(super) struct Checkouts {
    dir: PathBuf,
    open: Mutex<HashMap<Key, Weak<Cell>>>,
}

/// A checkout in use.
pub(super) struct Held {
    _cell: Arc<Cell>,
    /// It.
    pub checkout: Arc<Checkout>,
}

impl Checkouts {
    /// In that directory.
    pub fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            open: Mutex::default(),
        }
    }

    /// A repository; of several who want it one fetches.
    pub async fn get(&self, wanted: Wanted<'_>) -> Result<Held, String> {
        let key = (wanted.url.to_owned(), wanted.reference.map(str::to_owned));
        let cell = {
            // It is whole after every change.
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.retain(|_, cell| cell.strong_count() > 0);
            let known = open.get(&key).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let cell = Arc::new(Cell::new());
                open.insert(key, Arc::downgrade(&cell));
                cell
            })
        };
        let made = cell.get_or_try_init(|| async {
            let checkout = fetch(&self.dir, wanted).await?;
            Ok::<_, String>(Arc::new(checkout))
        });
        let checkout = Arc::clone(made.await?);
        Ok(Held {
            _cell: cell,
            checkout,
        })
    }
}

impl Checkouts {
    /// The commit that a branch is at; none when there is no such branch.
    pub async fn branch(&self, url: &str, branch: &str) -> Result<Option<String>, String> {
        /// Asking takes no longer.
        const ASKING: Duration = Duration::from_secs(30);
        if url.starts_with('-') {
            return Err(format!("'{url}' is no repository"));
        }
        fs::create_dir_all(&self.dir)
            .map_err(|error| format!("{}: {error}", self.dir.display()))?;
        let git = Git::start(&self.dir)?;
        let name = format!("refs/heads/{branch}");
        let words = ["ls-remote", "--heads", "--", url, &name];
        let asking = git.run(&words);
        let told = match timeout(ASKING, asking).await {
            Ok(told) => told?,
            Err(_) => return Err(format!("{url} did not answer in {} s", ASKING.as_secs())),
        };
        let mut lines = told.lines().filter_map(|line| line.split_once('\t'));
        let found = lines.find(|(_, reference)| *reference == name);
        Ok(found.map(|(commit, _)| commit.to_owned()))
    }
}

async fn fetch(scratch: &Path, wanted: Wanted<'_>) -> Result<Checkout, String> {
    let made = directory(scratch);
    let dir = made.map_err(|error| format!("a directory in {}: {error}", scratch.display()))?;
    let mut checkout = Checkout {
        dir,
        commit: String::new(),
        author: String::new(),
    };
    match timeout(DEADLINE, check_out(&checkout.tree(), wanted)).await {
        Ok(found) => (checkout.commit, checkout.author) = found?,
        Err(_) => {
            return Err(format!(
                "{} was not fetched within {} minutes",
                redact(wanted.url),
                DEADLINE.as_secs() / 60
            ));
        }
    }
    Ok(checkout)
}

/// A fresh directory that nobody else can look into.
fn directory(scratch: &Path) -> io::Result<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    fs::create_dir_all(scratch)?;
    sweep(scratch)?;
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = scratch.join(format!("git-{:x}-{number}", std::process::id()));
        match fs::DirBuilder::new().mode(0o700).create(&dir) {
            Ok(()) => {
                fs::create_dir(dir.join("tree"))?;
                return Ok(dir);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

/// Removes what programs left behind that were killed.
fn sweep(scratch: &Path) -> io::Result<()> {
    for entry in fs::read_dir(scratch)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name
            .strip_prefix("git-")
            .and_then(|rest| rest.split_once('-'));
        let owner = owner.and_then(|(pid, _)| u32::from_str_radix(pid, 16).ok());
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            // Another program may sweep it just now.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// Fetches and unpacks; answers the commit and who made it.
async fn check_out(tree: &Path, wanted: Wanted<'_>) -> Result<(String, String), String> {
    let git = Git::start(tree)?;
    // A path of this machine is an absolute one: git is run elsewhere.
    let is_path = !wanted.url.contains("://") && !wanted.url.contains('@');
    let url = if is_path {
        let path = fs::canonicalize(wanted.url);
        let path = path.map_err(|error| format!("{}: {error}", wanted.url))?;
        path.display().to_string()
    } else {
        wanted.url.to_owned()
    };
    let reference = wanted.reference.unwrap_or("HEAD");
    git.run(&["init", "--quiet"]).await?;
    let shallow = [
        "fetch",
        "--quiet",
        "--depth=1",
        "--no-tags",
        "--",
        &url,
        reference,
    ];
    let mut fetched = "FETCH_HEAD";
    if let Err(why) = git.run(&shallow).await {
        let is_commit = reference.len() >= 7 && reference.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_commit {
            return Err(why);
        }
        // Not every server gives out a commit by its name: then all branches come, and it is among them.
        let all = "+refs/heads/*:refs/remotes/origin/*";
        git.run(&["fetch", "--quiet", "--no-tags", "--", &url, all])
            .await?;
        fetched = reference;
    }
    let commit = format!("{fetched}^{{commit}}");
    let commit = git.run(&["rev-parse", "--verify", &commit]).await?;
    let commit = commit.trim().to_owned();
    let author = ["log", "-1", "--no-show-signature", "--format=%ae", &commit];
    let author = git.run(&author).await?.trim().to_owned();
    git.run(&["checkout", "--quiet", "--force", "--detach", &commit])
        .await?;
    if tree.join(".gitmodules").is_file() {
        let update = [
            "submodule",
            "--quiet",
            "update",
            "--init",
            "--recursive",
            "--depth=1",
        ];
        let guarded: Vec<&str> = ["-c", "protocol.file.allow=never"]
            .into_iter()
            .chain(update)
            .collect();
        git.run(&guarded).await?;
    }
    let inside = tree.to_owned();
    let cleaned = tokio::task::spawn_blocking(move || forget_history(&inside)).await;
    match cleaned {
        Ok(Ok(())) => Ok((commit, author)),
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// Takes away what git keeps for itself: a build is given the files alone.
fn forget_history(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if entry.file_name() == ".git" {
            if kind.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        } else if kind.is_dir() {
            forget_history(&entry.path())?;
        }
    }
    Ok(())
}

/// The git of this machine, in one directory.
struct Git {
    spawner: Spawner,
    tree: PathBuf,
}

impl Git {
    fn start(tree: &Path) -> Result<Self, String> {
        let spawner = Spawner::start().map_err(|error| format!("git: {error}"))?;
        Ok(Self {
            spawner,
            tree: tree.to_owned(),
        })
    }

    /// Runs it; answers what it prints. Dropping this ends it and what it started.
    async fn run(&self, words: &[&str]) -> Result<String, String> {
        let mut command = Command::new("git");
        command
            .arg("-C")
            .arg(&self.tree)
            .args(GUARDS)
            .args(words)
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "")
            .env("LC_ALL", "C")
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .env_remove("GIT_INDEX_FILE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let spawned = self.spawner.spawn(command, Terminal::None).await;
        let mut child = spawned.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                "git is not installed on this machine; install it, or name a directory".to_owned()
            }
            _ => format!("git: {error}"),
        })?;
        let (_, out, err) = child.pipes();
        let (out, err) = tokio::join!(heard(out), complained(err));
        let status = child.wait().await;
        let status = status.map_err(|error| format!("git: {error}"))?;
        if status.success() {
            return Ok(out);
        }
        let verb = words
            .iter()
            .find(|word| !word.starts_with('-') && !word.contains('='));
        let err = redact(&err).into_owned();
        let lines = err.lines().map(str::trim).filter(|line| !line.is_empty());
        let lines: Vec<String> = lines.take(4).map(printable).collect();
        let why = match lines.as_slice() {
            [] => status.to_string(),
            lines => lines.join("; "),
        };
        Err(format!("git {}: {why}", verb.unwrap_or(&"")))
    }
}

async fn heard(from: Option<ChildStdout>) -> String {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        // What is cut off by its end is cut off.
        let _ = from.take(SAID).read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn complained(from: Option<ChildStderr>) -> String {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        let _ = from.take(SAID).read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A directory or file of a checkout; refuses one that leads out of it.
pub(super) fn within(tree: &Path, path: &Path) -> Result<PathBuf, String> {
    let shown = path.display();
    let real = |path: &Path| fs::canonicalize(path).map_err(|error| format!("{shown}: {error}"));
    let (root, path) = (real(tree)?, real(&tree.join(path))?);
    if path.starts_with(&root) {
        Ok(path)
    } else {
        Err(format!("{shown} leads out of the repository"))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::process::Command as Plain;

    use super::*;

    /// A repository with two commits on a branch `old`, one more on `main`, and a hook that must not run.
    fn repository() -> (tempfile::TempDir, String) {
        let dir = tempfile::tempdir().unwrap();
        let git = |words: &[&str]| {
            let done = Plain::new("git")
                .arg("-C")
                .arg(dir.path())
                .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
                .args(["-c", "init.defaultBranch=main"])
                .args(words)
                .output()
                .unwrap();
            assert!(done.status.success(), "{words:?}: {done:?}");
            String::from_utf8(done.stdout).unwrap().trim().to_owned()
        };
        git(&["init", "-q"]);
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("web/Dockerfile", "FROM scratch\n");
        git(&["add", "."]);
        git(&["commit", "-qm", "one"]);
        let first = git(&["rev-parse", "HEAD"]);
        write("web/index", "two");
        std::os::unix::fs::symlink("/etc", dir.path().join("out")).unwrap();
        git(&["add", "."]);
        git(&["commit", "-qm", "two"]);
        git(&["branch", "old"]);
        write("web/index", "three");
        git(&["commit", "-qam", "three"]);
        (dir, first)
    }

    async fn get(dir: &Path, reference: Option<&str>) -> Result<Checkout, String> {
        let scratch = dir.join("scratch");
        let url = dir.display().to_string();
        fetch(
            &scratch,
            Wanted {
                url: &url,
                reference,
            },
        )
        .await
    }

    fn index(checkout: &Checkout) -> Option<String> {
        fs::read_to_string(checkout.tree().join("web/index")).ok()
    }

    #[tokio::test]
    async fn branches_tags_and_commits_are_fetched() {
        let (dir, first) = repository();
        let main = get(dir.path(), None).await.unwrap();
        assert_eq!(index(&main).as_deref(), Some("three"));
        assert!(!main.tree().join(".git").exists());
        let old = get(dir.path(), Some("old")).await.unwrap();
        assert_eq!(index(&old).as_deref(), Some("two"));
        let commit = get(dir.path(), Some(&first)).await.unwrap();
        assert_eq!((index(&commit), &commit.commit), (None, &first));
        let why = get(dir.path(), Some("nowhere")).await.unwrap_err();
        assert!(
            why.contains("git fetch") && why.contains("nowhere"),
            "{why}"
        );

        assert!(within(&old.tree(), Path::new("web")).is_ok());
        let why = within(&old.tree(), Path::new("out")).unwrap_err();
        assert_eq!(why, "out leads out of the repository");
        // One of a program that was killed: no process has that number.
        let left = dir.path().join("scratch/git-fffffff0-0");
        fs::create_dir(&left).unwrap();
        let place = old.tree();
        drop(old);
        assert!(!place.exists());
        let next = get(dir.path(), None).await.unwrap();
        assert!(next.tree().exists() && main.tree().exists() && !left.exists());
    }

    #[tokio::test]
    async fn what_is_no_repository_is_told_without_its_password() {
        let dir = tempfile::tempdir().unwrap();
        let url = "http://ann:s3cret@127.0.0.1:1/x.git";
        let wanted = Wanted {
            url,
            reference: None,
        };
        let why = fetch(dir.path(), wanted).await.unwrap_err();
        assert!(
            why.starts_with("git fetch: ") && !why.contains("s3cret"),
            "{why}"
        );
        let wanted = Wanted {
            url: "ext::sh -c 'touch /tmp/owned'",
            reference: None,
        };
        let why = fetch(dir.path(), wanted).await.unwrap_err();
        assert!(why.contains("No such file"), "{why}");
    }

    #[tokio::test]
    async fn many_who_want_the_same_get_the_same() {
        let (dir, _) = repository();
        let checkouts = Checkouts::new(dir.path().join("scratch"));
        let url = dir.path().display().to_string();
        let wanted = Wanted {
            url: &url,
            reference: Some("main"),
        };
        let (one, two) = tokio::join!(checkouts.get(wanted), checkouts.get(wanted));
        assert_eq!(one.unwrap().checkout.tree(), two.unwrap().checkout.tree());
    }
}
