//! The pane of volumes: what it wants, and how it moves in files.

use std::{collections::BTreeSet, sync::Arc};

use super::*;
use crate::{
    model::{
        ContainerId, DiskUsage, Event, FileEntry, FileKind, FileList, HostSpec, Link, State,
        Timestamp,
    },
    ui::nav::Nav,
};

fn fleet() -> Fleet {
    let mut fleet = Fleet::new();
    let spec = HostSpec::new("ams-1", crate::model::Endpoint::Unix("/x".into()), "test");
    fleet.apply(Event::Hosts(vec![spec]));
    let host = HostName::new("ams-1");
    let since = Timestamp::UNIX_EPOCH;
    fleet.apply(Event::Link(host.clone(), Link::Online { since }));
    let volume = |name: &str| Volume {
        name: Arc::from(name),
        ..Volume::default()
    };
    let volumes = vec![volume("data"), volume("cache")];
    fleet.apply(Event::Volumes(host.clone(), volumes));
    let id = ContainerId::new("c1");
    let mut web = crate::model::Container::new(id, "web", State::Running, since);
    web.volumes = Box::from([Arc::from("data")]);
    fleet.apply(Event::Containers(host.clone(), vec![web]));
    let disk = DiskUsage {
        layers: 10,
        ..DiskUsage::default()
    };
    fleet.apply(Event::Disk(host, disk));
    fleet
}

fn entry(path: &str, kind: FileKind, size: u64) -> FileEntry {
    FileEntry {
        path: path.into(),
        kind,
        size,
        mode: 0o755,
        owner: (0, 0),
        changed: Timestamp::UNIX_EPOCH,
        link: None,
    }
}

fn area() -> Rect {
    Rect::new(0, 0, 100, 30)
}

#[test]
fn the_table_leads_into_the_files_and_back() {
    let fleet = fleet();
    let mut pane = Volumes::default();
    pane.settle(&fleet, area());
    assert!(pane.title(&fleet).starts_with("Volumes[2]"));
    pane.nav(&Nav::Bottom, &fleet);
    pane.nav(&Nav::Open, &fleet);
    let feed = Feed::Files(HostName::new("ams-1"), Arc::from("data"));
    assert_eq!(pane.wants(&fleet), BTreeSet::from([feed.clone()]));
    let files = FileList {
        entries: vec![
            entry("", FileKind::Directory, 0),
            entry("a.txt", FileKind::File, 5),
            entry("dir", FileKind::Directory, 0),
            entry("dir/b", FileKind::File, 7),
        ],
        cut: None,
    };
    pane.feed(&feed, Payload::Files(Arc::new(files)), &fleet);
    pane.settle(&fleet, area());
    // Directories come first.
    pane.nav(&Nav::Open, &fleet);
    assert!(
        pane.title(&fleet).ends_with("/dir"),
        "{}",
        pane.title(&fleet)
    );
    let told = pane.nav(&Nav::Open, &fleet);
    assert!(matches!(told, Reply::Tell(text) if text.contains("--cat '/dir/b'")));
    assert!(pane.back() && pane.title(&fleet).ends_with("  /"));
    assert!(pane.back() && pane.title(&fleet).starts_with("Volumes[2]"));
    assert!(!pane.back());
}

#[test]
fn what_is_used_is_found_by_the_filter() {
    let fleet = fleet();
    let mut pane = Volumes::default();
    let text = vec!["is:unused".to_owned()];
    pane.nav(&Nav::Filter { text }, &fleet);
    pane.settle(&fleet, area());
    let expected = Target::Resource(Resource::Volume, HostName::new("ams-1"), "cache".into());
    assert_eq!(pane.selection(&fleet), [expected]);
}

#[test]
fn nothing_is_made_on_a_host_on_which_nothing_may_be_changed() {
    let mut fleet = fleet();
    fleet.read_only = true;
    let mut pane = Volumes::default();
    pane.settle(&fleet, area());
    assert!(matches!(pane.nav(&Nav::Open, &fleet), Reply::Refuse(_)));
}

#[test]
fn the_disks_are_hosts_to_act_on() {
    let fleet = fleet();
    let mut pane = Volumes::default();
    pane.settle(&fleet, area());
    pane.nav(&Nav::Shape, &fleet);
    assert_eq!(
        pane.selection(&fleet),
        [Target::Host(HostName::new("ams-1"))]
    );
    pane.nav(&Nav::Open, &fleet);
    assert_eq!(pane.filter(), "host:ams-1");
}
