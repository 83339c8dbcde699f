//! The ssh transport against private sshds on loopback ports: ways, troubles, loss and clean-up.

#![expect(clippy::unwrap_used, reason = "tests")]

mod engine;
mod fleet;
mod ground;
mod lab;
mod life;
mod login;
mod troubles;
mod ways;
