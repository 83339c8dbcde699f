//! Carries runs of pipelines out as long as no worker is there: another run of this program, which ends with the console.
//!
//! Whatever it was at goes on where it was left, with the next worker or console that is there.

use std::{
    ffi::OsString,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::store::Store;

/// What carries runs out.
#[derive(Debug)]
pub struct Hand {
    program: PathBuf,
    arguments: Vec<OsString>,
    child: Option<Child>,
    began: Option<Instant>,
    /// The mark of the runs that were looked at last, and when.
    looked: Option<(i64, Instant)>,
}

/// While no run changes it is looked so often whether one was left: that shows with time only.
const LEFT: Duration = Duration::from_secs(5);

/// It is not begun again sooner: one that ends at once has found nothing that it could do.
const PAUSE: Duration = Duration::from_secs(15);

impl Hand {
    /// One that does nothing yet: this program, and what it is to be told about the fleet.
    pub fn new(program: PathBuf, arguments: Vec<OsString>) -> Self {
        Self {
            program,
            arguments,
            child: None,
            began: None,
            looked: None,
        }
    }

    /// Begins when runs wait that nobody works on and no worker is there; what there is to say of that.
    pub async fn look(&mut self, store: &Store) -> Option<String> {
        if let Some(child) = &mut self.child {
            match child.try_wait() {
                Ok(None) => return None,
                Ok(Some(_)) | Err(_) => self.child = None,
            }
        }
        let mark = store.runs_mark().await.ok()?;
        let is_known = |(known, at): (i64, Instant)| known == mark && at.elapsed() < LEFT;
        if self.looked.is_some_and(is_known) {
            return None;
        }
        self.looked = Some((mark, Instant::now()));
        let open = store.runs(None, true, 1000).await.ok()?;
        // Whoever works on one takes the others as well.
        if open.iter().any(|held| held.seconds_left > 0) {
            return None;
        }
        // What is handed to workers waits for one.
        let mut waiting = open.iter().filter(|held| !held.run.pipeline.is_by_hand());
        let first = waiting.next()?;
        if self.began.is_some_and(|at| at.elapsed() < PAUSE)
            || !store.workers().await.ok()?.is_empty()
        {
            return None;
        }
        let text = match waiting.count() {
            0 => format!("run {} of {}", first.run.number, first.run.name()),
            more => format!("{} runs", more + 1),
        };
        let mut command = Command::new(&self.program);
        command
            .args(["worker", "--runs"])
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.began = Some(Instant::now());
        Some(match command.spawn() {
            Ok(child) => {
                self.child = Some(child);
                format!(
                    "no worker is there: this console carries out {text}, as long as it is open"
                )
            }
            Err(error) => format!("no worker is there, and {text} cannot be carried out: {error}"),
        })
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        let Some(child) = &mut self.child else { return };
        if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            // It says where it was, and ends; it is nobody's child then.
            let _ = kill_process(pid, Signal::INT);
        }
    }
}
