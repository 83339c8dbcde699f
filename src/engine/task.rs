//! A spawned task that ends when its owner lets go of it.

use tokio::task::JoinHandle;

/// Aborts its task when dropped.
#[derive(Debug)]
pub(super) struct Task(JoinHandle<()>);

impl Task {
    /// Starts it.
    pub fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
