//! Tells the host's own way that an engine is being installed, and how that ended.

use tokio::sync::watch;

use crate::engine::actor::{Status, Work};
use crate::engine::registry::Door;
use crate::engine::trouble::trouble;
use crate::model::{Timestamp, Trouble, TroubleKind};

/// An installation, as the host's own way is told of it. One that is let go in the middle is told as
/// broken off.
pub(in crate::engine) struct Working {
    work: Option<watch::Sender<Work>>,
}

impl Working {
    /// It begins; a host whose engine answers stays as it is.
    pub fn begin(door: &Door) -> Self {
        let is_online = matches!(&*door.status.borrow(), Status::Online(_));
        let work = (!is_online).then(|| door.work.clone());
        if let Some(work) = &work {
            work.send_replace(Work::Installing(Timestamp::now()));
        }
        Self { work }
    }

    /// It ended, well or for that reason.
    pub fn ended(&mut self, failed: Option<Trouble>) {
        if let Some(work) = self.work.take() {
            work.send_replace(failed.map_or(Work::Nothing, Work::InstallFailed));
        }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.ended(Some(trouble(
            TroubleKind::Other,
            "the installation was broken off",
            "run it again: what is there already is not done again",
        )));
    }
}
