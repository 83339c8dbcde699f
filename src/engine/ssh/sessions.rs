//! Counts the sessions of one connection, because sshd allows only so many.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Sessions we open at most on one connection; sshd's `MaxSessions` is 10 unless a site says
/// otherwise, and the person may share the connection.
pub const PER_MASTER: usize = 8;

/// The sessions of one connection.
#[derive(Clone, Debug)]
pub struct Sessions {
    counts: Arc<Counts>,
}

#[derive(Debug)]
struct Counts {
    limit: AtomicUsize,
    used: AtomicUsize,
}

/// The right to have one session; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    counts: Arc<Counts>,
}

impl Sessions {
    /// None in use.
    pub fn new() -> Self {
        Self {
            counts: Arc::new(Counts {
                limit: AtomicUsize::new(PER_MASTER),
                used: AtomicUsize::new(0),
            }),
        }
    }

    /// The right to open one more, when there is room.
    pub fn acquire(&self) -> Option<Permit> {
        let limit = self.limit();
        let room = |used: usize| (used < limit).then_some(used + 1);
        self.counts
            .used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, room)
            .ok()?;
        Some(Permit {
            counts: Arc::clone(&self.counts),
        })
    }

    /// How many there may be.
    pub fn limit(&self) -> usize {
        self.counts.limit.load(Ordering::Acquire)
    }

    /// sshd refused the session of this permit: the others in use are all it allows (but try one
    /// again later, when none is).
    pub fn refused(&self, permit: Permit) {
        let used = self.counts.used.load(Ordering::Acquire);
        let limit = used.saturating_sub(1).max(1);
        self.counts.limit.fetch_min(limit, Ordering::AcqRel);
        drop(permit);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.counts.used.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learns_what_sshd_allows() {
        let sessions = Sessions::new();
        let mut held: Vec<_> = std::iter::from_fn(|| sessions.acquire()).collect();
        assert_eq!(held.len(), PER_MASTER);
        held.truncate(3);
        let fourth = sessions.acquire();
        assert!(fourth.is_some());
        if let Some(fourth) = fourth {
            sessions.refused(fourth);
        }
        assert_eq!(sessions.limit(), 3);
        assert!(sessions.acquire().is_none());
        held.pop();
        assert!(sessions.acquire().is_some());
    }
}
