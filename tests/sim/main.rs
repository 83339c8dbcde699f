//! The sim from outside: a raw HTTP client on its sockets, as any Docker client would see it.
#![expect(clippy::unwrap_used, reason = "tests")]

mod acts;
mod client;
mod faults;
mod reads;
mod streams;
mod things;

use wharf::sim::{Api, Cgroup, Fleet, Spec, serve};

use client::Client;

/// A fleet of one host in a directory of its own, and a client of it.
pub(crate) async fn one_host(spec: Spec) -> (tempfile::TempDir, Fleet, Client) {
    let dir = tempfile::tempdir().unwrap();
    let fleet = serve(dir.path(), Spec { hosts: 1, ..spec }).await.unwrap();
    let client = Client::new(&fleet.hosts()[0].socket);
    (dir, fleet, client)
}

/// A spec for one API version and one shape of stats.
pub(crate) fn spec(minor: u32) -> Spec {
    Spec {
        api: Api::Minor(minor),
        cgroup: Cgroup::V2,
        ..Spec::default()
    }
}
