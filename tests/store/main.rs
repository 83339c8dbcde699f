//! The store on real files: what is recorded, found again, shared, checked, and survived.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bench;
mod crowd;
mod log;
mod scene;
mod tamper;
mod trouble;
