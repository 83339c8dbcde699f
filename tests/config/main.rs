//! The configuration from real files, with an environment of its own for each test.
#![expect(clippy::unwrap_used, reason = "tests")]

mod any;
mod catalogs;
mod edit;
mod file;
mod fleet;
mod inventory;
mod machine;
mod surroundings;
