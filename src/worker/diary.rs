//! What the worker did last, kept over its restarts, and the lock that keeps a second one off.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use jiff::tz::TimeZone;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::RETRY;
use crate::{
    config::BackupJob,
    model::{Schedule, Timestamp},
};

/// Only one worker of a user works on a machine; the lock goes with its process, however that ends.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "it is held, not read")] File);

impl Lock {
    /// Takes it, or says who has it.
    pub fn take(directory: &Path) -> Result<Self, String> {
        let path = directory.join("worker.lock");
        let fail = |error: io::Error| format!("cannot lock {}: {error}", path.display());
        fs::create_dir_all(directory).map_err(fail)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(fail)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut who = String::new();
                let _ = file.read_to_string(&mut who);
                return Err(format!(
                    "another worker works on this machine already (process {})",
                    who.trim()
                ));
            }
            Err(error) => return Err(fail(error.into())),
        }
        file.set_len(0).map_err(fail)?;
        writeln!(file, "{}", std::process::id()).map_err(fail)?;
        Ok(Self(file))
    }
}

/// When jobs were begun last, and whether that went well.
#[derive(Debug)]
pub(super) struct Diary {
    path: PathBuf,
    entries: BTreeMap<String, Entry>,
    opened: Timestamp,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Entry {
    at: Timestamp,
    went_well: bool,
}

impl Diary {
    /// Reads it. One that is damaged counts as empty: then things are done once more.
    pub fn open(directory: &Path) -> Result<Self, String> {
        let path = directory.join("worker.json");
        let entries = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
        };
        Ok(Self {
            path,
            entries,
            opened: Timestamp::now(),
        })
    }

    /// When a job is due next. What was missed while no worker ran is done once, at once.
    pub fn next(&self, job: &BackupJob, now: Timestamp) -> Option<Timestamp> {
        let zone = TimeZone::system();
        let last = self.entries.get(&key(job)).copied();
        // A clock that was put back must not put a job off.
        let last = last.filter(|last| last.at <= now);
        match (last, &job.when) {
            (None, Schedule::Every(_)) => Some(self.opened),
            (None, Schedule::Cron(_)) => job.when.next(self.opened, &zone),
            (Some(last), when) => {
                let next = when.next(last.at, &zone)?;
                let retry = last.at.checked_add(RETRY).ok()?;
                Some(if last.went_well {
                    next
                } else {
                    next.min(retry)
                })
            }
        }
    }

    /// Notes that a job was begun then, and how it went.
    pub fn note(&mut self, job: &BackupJob, at: Timestamp, went_well: bool) -> Result<(), String> {
        self.entries.insert(key(job), Entry { at, went_well });
        let part = self.path.with_extension("json.part");
        let write = || {
            let mut file = File::create(&part)?;
            serde_json::to_writer_pretty(&mut file, &self.entries)?;
            file.sync_all()?;
            fs::rename(&part, &self.path)
        };
        write().map_err(|error: io::Error| format!("cannot write {}: {error}", self.path.display()))
    }
}

/// What tells a job from others: a changed one is another one.
fn key(job: &BackupJob) -> String {
    let directory = job.directory.as_ref().map(ToString::to_string);
    format!(
        "{} {} {}",
        job.volumes.join(" "),
        job.when,
        directory.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn job(when: Schedule) -> BackupJob {
        BackupJob {
            volumes: vec!["data@*".to_owned()],
            when,
            directory: None,
            keep: None,
            pause: false,
            before: None,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_second_worker_is_kept_off_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::take(dir.path()).unwrap();
        let why = Lock::take(dir.path()).unwrap_err();
        assert!(why.contains(&std::process::id().to_string()), "{why}");
        drop(first);
        Lock::take(dir.path()).unwrap();
    }

    #[test]
    fn what_was_done_is_known_after_a_restart_and_what_failed_comes_sooner() {
        let dir = tempfile::tempdir().unwrap();
        let job = job(Schedule::every("6h").unwrap());
        let mut diary = Diary::open(dir.path()).unwrap();
        let now = Timestamp::now();
        assert!(diary.next(&job, now).unwrap() <= now, "never done is due");
        diary.note(&job, at(1000), true).unwrap();
        let again = Diary::open(dir.path()).unwrap();
        assert_eq!(again.next(&job, now), Some(at(1000 + 6 * 3600)));
        diary.note(&job, at(1000), false).unwrap();
        assert_eq!(diary.next(&job, now), Some(at(1000 + 15 * 60)));
        // A clock that was put back.
        assert!(diary.next(&job, at(5)).unwrap() > at(1000));
        fs::write(dir.path().join("worker.json"), "{ damaged").unwrap();
        Diary::open(dir.path()).unwrap();
    }

    #[test]
    fn a_calendar_job_waits_for_its_first_time() {
        let dir = tempfile::tempdir().unwrap();
        let diary = Diary::open(dir.path()).unwrap();
        let job = job(Schedule::cron("* * * * *").unwrap());
        let now = Timestamp::now();
        let next = diary.next(&job, now).unwrap();
        assert!(next > diary.opened && next.as_second() - now.as_second() <= 60);
    }
}
