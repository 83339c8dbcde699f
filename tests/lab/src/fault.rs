//! Faults on a host of the lab, all of which end with the value that made them.

use std::ops::Deref;
use std::time::Duration;

use crate::Host;

/// A host that one test has alone, to put faults on it. Dropping it restores the host, whatever was done.
#[derive(Debug)]
pub struct Disturbed<'lab>(Host<'lab>);

impl<'lab> Disturbed<'lab> {
    pub(crate) fn new(host: Host<'lab>) -> Self {
        Self(host)
    }

    /// Takes the network cable out.
    pub fn cut(&self) {
        self.command("cut", &[]);
    }

    /// Puts the network cable in again.
    pub fn heal(&self) {
        self.command("heal", &[]);
    }

    /// Makes round trips longer by `round_trip`, and loses `loss_percent` of the packets in each direction.
    pub fn slow(&self, round_trip: Duration, loss_percent: u8) {
        self.command(
            "slow",
            &[
                &format!("{}ms", round_trip.as_millis()),
                &format!("{loss_percent}%"),
            ],
        );
    }

    /// Ends [`Self::slow`].
    pub fn fast(&self) {
        self.command("fast", &[]);
    }

    /// Stops dockerd in order.
    pub fn stop_dockerd(&self) {
        self.command("stop-dockerd", &[]);
    }

    /// Kills dockerd: its socket stays behind, nobody listens.
    pub fn kill_dockerd(&self) {
        self.command("kill-dockerd", &[]);
    }

    /// Starts dockerd and waits until it answers.
    pub fn start_dockerd(&self) {
        self.command("start-dockerd", &[]);
    }

    /// Stops dockerd, starts it again and waits until it answers.
    pub fn restart_dockerd(&self) {
        self.command("restart-dockerd", &[]);
    }

    /// dockerd hangs: connections are accepted, nothing is answered.
    pub fn freeze_dockerd(&self) {
        self.command("freeze-dockerd", &[]);
    }

    /// dockerd goes on.
    pub fn thaw_dockerd(&self) {
        self.command("thaw-dockerd", &[]);
    }

    /// sshd, all its sessions and what they run hang.
    pub fn freeze_sshd(&self) {
        self.command("freeze-sshd", &[]);
    }

    /// sshd and its sessions go on.
    pub fn thaw_sshd(&self) {
        self.command("thaw-sshd", &[]);
    }

    /// Kills all SSH sessions; new ones are accepted.
    pub fn kill_sshd_sessions(&self) {
        self.command("kill-sshd-sessions", &[]);
    }
}

impl<'lab> Deref for Disturbed<'lab> {
    type Target = Host<'lab>;

    fn deref(&self) -> &Host<'lab> {
        &self.0
    }
}

impl Drop for Disturbed<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // A second panic would hide the first; whoever takes the host next will see what is wrong with it.
            let restored = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                self.command("restore", &[])
            }));
            drop(restored);
        } else {
            self.command("restore", &[]);
        }
    }
}
