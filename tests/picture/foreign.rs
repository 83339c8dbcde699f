//! Names of other scripts for a fleet, and some that would do harm to a terminal.

use std::sync::Arc;

use wharf::model::{Container, Event, Fleet};

/// Texts of other scripts, of signs put together out of several, and of some that would do harm.
const FOREIGN: &[(&str, &str)] = &[
    ("店舗-ウェブ", "登録.example/店舗/ウェブ:4.12"),
    ("магазин-апи", "registry.example/магазин:4.12"),
    ("μονάδα-1", "καταγραφή:2.0"),
    (
        "cafe\u{301}-creme\u{300}-bru\u{302}le\u{301}e",
        "cafe\u{301}:1",
    ),
    ("한국어-데이터베이스", "데이터:16.4"),
    ("👩\u{200d}👩\u{200d}👧-⚠\u{fe0f}-🇩🇪", "👍🏽:latest"),
    (
        "e\u{202e}live\u{2066}-\u{1b}[2J\u{9b}31m",
        "zero\u{200b}width\u{feff}:1",
    ),
    ("متجر-شبكة", "متجر:1"),
    (
        "z\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}-tab\tbed",
        "line\r\nend:1",
    ),
];

/// A fleet with the names and images of its containers in other scripts.
pub fn renamed(mut fleet: Fleet) -> Fleet {
    let hosts: Vec<_> = fleet
        .hosts()
        .iter()
        .map(|host| host.name().clone())
        .collect();
    for host in hosts {
        let mut there: Vec<Container> = fleet
            .host(&host)
            .unwrap()
            .containers
            .values()
            .cloned()
            .collect();
        there.sort_by(|a, b| a.id.cmp(&b.id));
        let renamed: Vec<Container> = there
            .into_iter()
            .enumerate()
            .map(|(at, mut one)| {
                let (name, image) = FOREIGN[at % FOREIGN.len()];
                one.name = Arc::from(name);
                one.image = Arc::from(image);
                one.app = Some(Arc::from(name.split('-').next().unwrap_or(name)));
                one
            })
            .collect();
        if !renamed.is_empty() {
            fleet.apply(Event::Containers(host, renamed));
        }
    }
    fleet
}
