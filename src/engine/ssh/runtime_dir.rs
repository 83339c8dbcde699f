//! The directory of local sockets: private, locked while we live, swept after a crash.
//!
//! ```text
//! /run/user/1000/wharf/        0700, shared by all Wharfs of this person
//!     lock                     held while a directory is made or swept
//!     1a2b/                    one process
//!         lock                 held as long as it lives: a free lock means a dead owner
//!         batch  login         configurations for `ssh -F`
//!         0/c  0/s0            a master's control socket, a forwarded engine socket
//! ```
//!
//! A forwarded engine socket is as good as root on its host; it must not outlive us, and nobody
//! else may reach it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use rustix::process::{Pid, Signal};

use super::settings::Settings;

/// ssh appends 17 bytes to a control socket's path while it makes it, and a path has room for 108.
const LONGEST_CONTROL: usize = 90;

/// Room for `/0a1b2c3d/1234567/c` after the parent.
const LONGEST_TAIL: usize = 20;

/// The directory of this process; removed when dropped.
#[derive(Debug)]
pub struct RuntimeDir {
    path: PathBuf,
    lock: File,
    places: AtomicU32,
}

impl RuntimeDir {
    /// Removes what dead processes left, then makes our own directory with the configurations.
    pub fn new(settings: &Settings) -> io::Result<Self> {
        let parent = &settings.runtime_dir;
        check_name(parent)?;
        make_private(parent)?;
        let gate = open_lock(&parent.join("lock"))?;
        gate.lock()?;
        sweep(parent);
        let dir = Self::claim(parent)?;
        dir.write("batch", &super::site::batch_config(settings))?;
        dir.write("login", &super::site::login_config(settings))?;
        Ok(dir)
    }

    /// Makes a directory that nobody has and holds its lock; called with the parent's lock held.
    fn claim(parent: &Path) -> io::Result<Self> {
        let pid = std::process::id();
        let mut count = 0_u32;
        let path = loop {
            let path = parent.join(format!("{pid:x}{}", suffix(count)));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => break path,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => count += 1,
                Err(error) => return Err(error),
            }
        };
        let lock = open_lock(&path.join("lock"))?;
        lock.lock()?;
        Ok(Self {
            path,
            lock,
            places: AtomicU32::new(0),
        })
    }

    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.path.join(name))?
            .write_all(text.as_bytes())
    }

    /// The configuration for ssh without a person.
    pub fn batch_config(&self) -> PathBuf {
        self.path.join("batch")
    }

    /// The configuration for ssh with a person at the terminal.
    pub fn login_config(&self) -> PathBuf {
        self.path.join("login")
    }

    /// A directory for one master.
    pub fn place(self: &Arc<Self>) -> io::Result<Place> {
        let number = self.places.fetch_add(1, Ordering::Relaxed);
        let path = self.path.join(number.to_string());
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Place {
            path,
            sockets: AtomicU32::new(0),
            _dir: Arc::clone(self),
        })
    }
}

impl Drop for RuntimeDir {
    fn drop(&mut self) {
        // What cannot be removed now is swept at the next start.
        drop(fs::remove_dir_all(&self.path));
        drop(self.lock.unlock());
    }
}

/// The directory of one master; removed with its sockets when dropped.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    sockets: AtomicU32,
    _dir: Arc<RuntimeDir>,
}

impl Place {
    /// The control socket's path.
    pub fn control(&self) -> PathBuf {
        self.path.join("c")
    }

    /// A path for another forwarded socket.
    pub fn socket(&self) -> PathBuf {
        let number = self.sockets.fetch_add(1, Ordering::Relaxed);
        self.path.join(format!("s{number}"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.path));
    }
}

/// Letters, because digits would run into the process id: 0 is nothing, then `g`, `h` … `gg`.
fn suffix(count: u32) -> String {
    match count {
        0 => String::new(),
        n => {
            let letter = char::from(b'g' + u8::try_from((n - 1) % 20).unwrap_or(0));
            format!("{letter}{}", suffix((n - 1) / 20))
        }
    }
}

/// ssh expands and splits paths; a directory it would misread is refused before it does harm.
fn check_name(parent: &Path) -> io::Result<()> {
    let refuse = |why: String| {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "the runtime directory '{}' {why}; set another one",
                parent.display()
            ),
        ))
    };
    let Some(text) = parent.to_str() else {
        return refuse("is not UTF-8".to_owned());
    };
    if !parent.is_absolute() {
        return refuse("is not absolute".to_owned());
    }
    if let Some(c) = text
        .chars()
        .find(|c| c.is_whitespace() || c.is_control() || r#"%:$"'\#*?[]{}~"#.contains(*c))
    {
        return refuse(format!("contains {c:?}, which ssh would expand"));
    }
    let room = LONGEST_CONTROL - LONGEST_TAIL;
    if text.len() > room {
        return refuse(format!(
            "is {} bytes long, and a control socket leaves room for {room}",
            text.len()
        ));
    }
    Ok(())
}

/// Makes the directory, or makes sure that it is ours and closed to others (in `/tmp` somebody
/// else may have been first).
fn make_private(path: &Path) -> io::Result<()> {
    match DirBuilder::new().recursive(false).mode(0o700).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        }
        Err(error) => return Err(error),
    }
    let meta = fs::symlink_metadata(path)?;
    let ours = meta.uid() == rustix::process::geteuid().as_raw();
    if !meta.is_dir() || !ours {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!(
                "'{}' is not a directory of ours; remove it or set another runtime directory",
                path.display()
            ),
        ));
    }
    if meta.mode() & 0o077 != 0 {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    }
    Ok(())
}

fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
}

/// Ends and removes what processes left that died without their drops: their lock is free.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() && owner_is_dead(&path) {
            end_processes_of(&path);
            if let Err(error) = fs::remove_dir_all(&path) {
                tracing::warn!(dir = %path.display(), %error, "a dead process's sockets stay");
            }
        }
    }
}

/// A directory without a lock file was left between making the one and the other.
fn owner_is_dead(dir: &Path) -> bool {
    match OpenOptions::new().write(true).open(dir.join("lock")) {
        Ok(lock) => !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Ends the ssh processes that name the directory. The kernel has ended the masters with their
/// owner; the ssh of a jump host, their child, may hang on a frozen connection.
fn end_processes_of(dir: &Path) {
    let Some(mark) = dir.to_str().map(|dir| format!("{dir}/")) else {
        return;
    };
    let Ok(processes) = fs::read_dir("/proc") else {
        return;
    };
    let us = std::process::id();
    for entry in processes.flatten() {
        let pid = entry
            .file_name()
            .to_str()
            .and_then(|n| n.parse::<i32>().ok());
        let Some(pid) = pid.filter(|pid| u32::try_from(*pid) != Ok(us)) else {
            continue;
        };
        let arguments = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let named = arguments
            .split(|byte| *byte == 0)
            .any(|argument| argument.starts_with(mark.as_bytes()));
        if let (true, Some(pid)) = (named, Pid::from_raw(pid)) {
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn settings(parent: &Path) -> Settings {
        Settings {
            runtime_dir: parent.join("wharf"),
            ..Settings::default()
        }
    }

    #[test]
    fn two_processes_share_the_parent_and_clean_up() {
        let parent = tempfile::tempdir().unwrap();
        let settings = settings(parent.path());
        let one = Arc::new(RuntimeDir::new(&settings).unwrap());
        let two = RuntimeDir::new(&settings).unwrap();
        assert!(one.path.is_dir() && two.path.is_dir() && one.path != two.path);
        assert_eq!(fs::metadata(&one.path).unwrap().mode() & 0o777, 0o700);
        let place = one.place().unwrap();
        fs::write(place.socket(), "").unwrap();
        assert_ne!(place.socket(), place.socket());
        let (paths, two_path) = ((one.path.clone(), place.path.clone()), two.path.clone());
        drop((place, two));
        assert!(!paths.1.exists() && !two_path.exists() && paths.0.exists());
        drop(one);
        assert!(!paths.0.exists());
    }

    #[test]
    fn the_dead_are_swept_and_the_living_are_not() {
        let parent = tempfile::tempdir().unwrap();
        let settings = settings(parent.path());
        let alive = RuntimeDir::new(&settings).unwrap();
        let dead = settings.runtime_dir.join("dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("lock"), "").unwrap();
        let half_made = settings.runtime_dir.join("half");
        fs::create_dir(&half_made).unwrap();
        let next = RuntimeDir::new(&settings).unwrap();
        assert!(!dead.exists() && !half_made.exists());
        assert!(alive.path.exists() && next.path.exists());
    }

    #[test]
    fn a_directory_that_ssh_would_misread_or_others_own_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        for bad in ["/tmp/a b", "/tmp/%h", "relative", "/tmp/a:b"] {
            let error = check_name(Path::new(bad)).unwrap_err().to_string();
            assert!(error.contains(bad), "{error}");
        }
        let long = format!("/{}", "x".repeat(80));
        let error = check_name(Path::new(&long)).unwrap_err().to_string();
        assert!(error.contains("81 bytes"), "{error}");
        let link = parent.path().join("link");
        std::os::unix::fs::symlink("/tmp", &link).unwrap();
        assert!(make_private(&link).is_err());
        let open = parent.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        make_private(&open).unwrap();
        assert_eq!(fs::metadata(&open).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn suffixes_differ() {
        let all: std::collections::HashSet<_> = (0..500).map(suffix).collect();
        assert_eq!(all.len(), 500);
    }
}
