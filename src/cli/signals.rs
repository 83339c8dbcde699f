//! Somebody asks this program to end: Ctrl-C, `kill`, or a terminal that is gone.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What somebody may ask with, from when it was made.
pub(super) struct Asked {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hangup: Option<Signal>,
}

impl Asked {
    /// From now on this program ends by itself when it is asked to; before, the system ends it.
    pub fn listen() -> Self {
        // Where a signal cannot be listened to, the system goes on to end the program with it.
        Self {
            interrupt: signal(SignalKind::interrupt()).ok(),
            terminate: signal(SignalKind::terminate()).ok(),
            hangup: signal(SignalKind::hangup()).ok(),
        }
    }

    /// Waits until somebody asks.
    pub async fn wait(&mut self) {
        tokio::select! {
            () = next(&mut self.interrupt) => {}
            () = next(&mut self.terminate) => {}
            () = next(&mut self.hangup) => {}
        }
    }
}

async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            // None would mean that the runtime is ending, and then this is not asked again.
            let _ = signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Does something, unless somebody asks to end before it is done.
pub(super) async fn unless_asked<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut asked = Asked::listen();
    tokio::select! {
        biased;
        done = work => Some(done),
        () = asked.wait() => None,
    }
}
