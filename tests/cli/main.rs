//! The binary without a screen, as people and scripts call it, on a fleet from memory.
#![expect(clippy::unwrap_used, reason = "tests")]

mod acting;
mod asking;
mod bench;
mod containers;
mod doctor;
mod images;
mod installing;
mod networks;
mod registries;
mod setting_up;
mod streams;
mod templates;
mod terminal;
mod volumes;
