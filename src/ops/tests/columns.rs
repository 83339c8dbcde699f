//! Columns show, sort and colour their rows.

use std::cmp::Ordering;

use super::*;
use crate::ops::column::{
    Column, ContainerRow, Containers, Context, HostRow, Hosts, Rows, Tone, column, containers,
    hosts, images, natural, networks, operations, volumes,
};

fn context(ascii: bool) -> Context {
    Context {
        now: at(0),
        ascii,
        cells: u16::MAX,
    }
}

/// The text of a container's cell.
fn cell(name: &str, id: &str, ascii: bool) -> String {
    let fleet = fleet();
    let Target::Container(host, id) = target("ams-1", id) else {
        panic!("not a container");
    };
    let row = ContainerRow {
        host: fleet.host(&host).unwrap(),
        container: fleet.container(&host, &id).unwrap(),
    };
    let column = column::<Containers>(name).unwrap();
    (column.text)(&row, &context(ascii)).into_owned()
}

#[test]
fn cells_of_containers_read_well() {
    for (column, text) in [
        ("host", "ams-1"),
        ("name", "db"),
        ("app", "shop"),
        ("state", "● running"),
        ("cpu", "93.0"),
        ("memory", "800M"),
        ("memory%", "78.1"),
        ("net", "1.00M/2.00M"),
        ("net/s", ""),
        ("block", "0B/0B"),
        ("ports", "8080→80"),
        ("uptime", "2h00m"),
        ("restarts", "0"),
        ("id", "a30000000000"),
        ("created", "1d00h"),
        ("environment", "prod"),
        ("networks", "shop_default"),
        ("pids", "12"),
    ] {
        assert_eq!(cell(column, "a3", false), text, "{column}");
    }
    assert_eq!(cell("state", "a4", false), "✕ exited 1");
    assert_eq!(cell("state", "a4", true), "x exited 1");
    assert_eq!(cell("state", "a5", false), "◐ paused");
    assert_eq!(cell("cpu", "a4", false), "");
}

#[test]
fn states_are_told_apart_without_colour() {
    let marks = |ascii| {
        let states = [
            State::Created,
            State::Running,
            State::Paused,
            State::Restarting,
            State::Removing,
            State::Exited,
            State::Dead,
            State::Other("strange".into()),
        ];
        let mut marks: Vec<&str> = states
            .into_iter()
            .map(|state| {
                let container = container("aa", "x", state);
                crate::ops::column::state_glyph(&container, ascii)
            })
            .collect();
        marks.sort_unstable();
        marks.dedup();
        marks.len()
    };
    assert_eq!((marks(false), marks(true)), (8, 8));
}

#[test]
fn cells_of_hosts_read_well() {
    let fleet = fleet();
    let cell = |host: &str, name: &str| {
        let row = HostRow::new(fleet.host(&HostName::new(host)).unwrap());
        let column = column::<Hosts>(name).unwrap();
        let tone = (column.tone)(&row);
        ((column.text)(&row, &context(false)).into_owned(), tone)
    };
    assert_eq!(cell("ams-1", "state").0, "● online");
    assert_eq!(cell("ams-1", "containers").0, "3/5");
    assert_eq!(cell("ams-1", "broken"), ("2".into(), Tone::Bad));
    assert_eq!(cell("ams-1", "engine").0, "28.1.0");
    assert_eq!(cell("ams-1", "groups").0, "edge,europe");
    assert_eq!(cell("off-1", "state"), ("✕ offline".into(), Tone::Bad));
    assert_eq!(cell("off-1", "containers").0, "");
    assert!(cell("off-1", "reason").0.starts_with("nothing answers"));
}

#[test]
fn rows_are_sorted_as_people_count() {
    let fleet = fleet();
    let mut rows: Vec<ContainerRow<'_>> = fleet
        .containers()
        .map(|(host, container)| ContainerRow { host, container })
        .filter(|row| row.container.name.starts_with("web") && row.host.environment() == "prod")
        .collect();
    rows.sort_by(column::<Containers>("name").unwrap().order);
    let names: Vec<&str> = rows.iter().map(|row| &*row.container.name).collect();
    assert_eq!(names, ["web-1", "web-2", "web-10"]);
    for (a, b, order) in [
        ("web-2", "web-10", Ordering::Less),
        ("Web", "web-1", Ordering::Less),
        ("a01", "a1", Ordering::Less),
        ("a", "a", Ordering::Equal),
        ("x10y2", "x10y11", Ordering::Less),
        ("web-12", "web-1x", Ordering::Greater),
        ("web-019", "web-02", Ordering::Greater),
        ("straße-ä1", "straße-ö1", Ordering::Less),
        ("nameA", "nameb", Ordering::Less),
    ] {
        assert_eq!(natural(a, b), order, "{a} {b}");
    }
}

#[test]
fn every_kind_declares_columns_with_names_of_their_own() {
    fn check<K: Rows>(columns: &[Column<K>]) {
        let mut names: Vec<&str> = columns.iter().map(|one| one.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{}", K::NAME);
        assert!(columns.iter().any(|one| one.shown && one.priority == 0));
        for one in columns {
            assert!(one.width.min <= one.width.ideal, "{}", one.name);
            assert!(
                !one.name.contains(' ') && !one.about.is_empty(),
                "{}",
                one.name
            );
            assert!(
                one.title.len() <= one.width.ideal as usize + 1,
                "{}",
                one.name
            );
        }
    }
    check(containers());
    check(hosts());
    check(operations());
    check(images());
    check(networks());
    check(volumes());
}
