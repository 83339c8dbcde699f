//! The binary without a screen, as people and scripts call it, on a fleet from memory.
#![expect(clippy::unwrap_used, reason = "tests")]

mod acting;
#[expect(dead_code, reason = "more than these tests need")]
#[path = "../balancer/app.rs"]
mod app;
mod approvals;
mod asking;
mod balancers;
mod bench;
mod containers;
mod delivery;
mod deploys;
mod discovery;
mod doctor;
mod gray;
mod images;
mod installing;
mod networks;
mod nginx;
mod notify;
mod parcels;
mod pipelines;
#[expect(dead_code, reason = "more than these tests need")]
#[path = "../balancer/proxy.rs"]
mod proxy;
mod registries;
mod scaling;
mod setting_up;
mod steps;
mod streams;
mod swarms;
mod templates;
mod terminal;
mod upkeep;
mod vaults;
mod volumes;
#[path = "../balancer/web.rs"]
mod web;
