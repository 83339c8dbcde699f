//! The overview on screens of two sizes, in the states an operator meets.

use std::collections::BTreeSet;

use insta::assert_snapshot;

use super::*;
use crate::{
    model::{ContainerId, Event},
    ui::pane::stage,
};

fn screen(fleet: &Fleet, columns: u16, rows: u16) -> String {
    stage::screen(
        &mut Overview::default(),
        fleet,
        &stage::look(),
        columns,
        rows,
    )
}

#[test]
fn troubles_on_a_small_and_on_a_large_screen() {
    let fleet = stage::fleet();
    assert_snapshot!("broken_80x24", screen(&fleet, 80, 24));
    assert_snapshot!("broken_200x50", screen(&fleet, 200, 50));
    assert_snapshot!("broken_120x36", screen(&fleet, 120, 36));
}

#[test]
fn a_terminal_without_utf_8_gets_ascii_only() {
    let text = stage::screen(
        &mut Overview::default(),
        &stage::fleet(),
        &stage::ascii(),
        200,
        50,
    );
    let body = text.replace('▶', " ");
    assert!(body.is_ascii(), "{body}");
    assert_snapshot!("ascii_200x50", text);
}

#[test]
fn all_is_well_only_where_it_is_known() {
    assert_snapshot!("well_80x24", screen(&stage::quiet(3, 0), 80, 24));
    let text = screen(&stage::quiet(43, 2), 80, 24);
    assert!(
        text.contains("Nothing is broken on 41 of 43 hosts; 2 are not heard of yet."),
        "{text}"
    );
    let text = screen(&stage::quiet(3, 3), 80, 24);
    assert!(
        text.contains("Nothing is known yet: connecting to 3 hosts"),
        "{text}"
    );
    assert!(!text.contains('✓'), "{text}");
}

#[test]
fn without_hosts_it_says_how_to_add_one() {
    assert!(screen(&Fleet::new(), 80, 24).contains(":host add NAME ENDPOINT"));
}

#[test]
fn the_worst_comes_first_and_guarded_environments_before_others() {
    let order: Vec<String> = broken::find(&stage::fleet())
        .iter()
        .map(|one| place(&one.key))
        .collect();
    assert_eq!(
        order,
        [
            "@ams-2",
            "eeee@ams-1",
            "aaaa@ams-1",
            "cccc@ams-1",
            "@fra-1 disk",
            "2222@ams-2",
            "4444@fra-1"
        ]
    );
}

fn place(key: &Key) -> String {
    match key {
        Key::Host(host) => format!("@{host}"),
        Key::Disk(host) => format!("@{host} disk"),
        Key::Container(host, id) => format!("{}@{host}", &id.as_str()[..4]),
    }
}

#[test]
fn operations_act_on_the_row_under_the_cursor_or_on_marked_rows() {
    let fleet = stage::fleet();
    let mut pane = Overview::default();
    stage::settle(&mut pane, &fleet, 80, 24);
    assert_eq!(pane.selection(&fleet), [Target::Host("ams-2".into())]);
    let replies = stage::moves(
        &mut pane,
        &fleet,
        (80, 24),
        &[Nav::Open, Nav::Down { rows: 1 }, Nav::Open],
    );
    let gateway = Target::Container("ams-1".into(), stage::id('e'));
    assert_eq!(replies[0], Reply::Detail(Target::Host("ams-2".into())));
    assert_eq!(replies[2], Reply::Detail(gateway.clone()));
    stage::moves(&mut pane, &fleet, (80, 24), &[Nav::Mark, Nav::Mark]);
    assert_eq!(pane.selection(&fleet).len(), 2);
    assert!(pane.selection(&fleet).contains(&gateway));
}

#[test]
fn the_cursor_stays_on_its_row_when_something_else_breaks() {
    let mut fleet = stage::fleet();
    let mut pane = Overview::default();
    stage::moves(&mut pane, &fleet, (80, 24), &[Nav::Down { rows: 2 }]);
    let before = pane.selection(&fleet);
    fleet.apply(Event::Link(
        "lab-1".into(),
        Link::Offline {
            trouble: stage::trouble(),
            since: stage::now(),
            next_try: None,
        },
    ));
    stage::settle(&mut pane, &fleet, 80, 24);
    assert_eq!(pane.selection(&fleet), before);
    assert!(stage::screen(&mut pane, &fleet, &stage::look(), 80, 24).contains("@lab-1"));
}

#[test]
fn it_asks_for_facts_of_broken_rows_and_for_the_load_of_hosts_in_turn() {
    let fleet = stage::fleet();
    let mut pane = Overview::default();
    stage::settle(&mut pane, &fleet, 80, 24);
    let wants = pane.wants(&fleet);
    assert!(wants.contains(&Feed::Facts("ams-1".into(), stage::id('e'))));
    assert!(wants.contains(&Feed::Load("fra-1".into())));
    assert!(wants.contains(&Feed::Resources("fra-1".into())));
    assert!(
        !wants.contains(&Feed::Load("ams-2".into())),
        "an offline host cannot be asked"
    );

    let mut large = stage::quiet(120, 0);
    let mut pane = Overview::default();
    stage::settle(&mut pane, &large, 80, 24);
    let mut asked = BTreeSet::new();
    for round in 0..3 {
        large.apply(Event::Tick(stage::before(-LOADS_SECONDS * round)));
        let wants = pane.wants(&large);
        let loads = wants
            .iter()
            .filter(|feed| matches!(feed, Feed::Load(_)))
            .count();
        assert!(loads <= LOADS);
        assert!(!wants.iter().any(|feed| matches!(feed, Feed::Resources(_))));
        asked.extend(wants.into_iter().map(|feed| feed.host().clone()));
    }
    assert_eq!(asked.len(), 120);
}

#[test]
fn hundreds_of_broken_containers_scroll() {
    let mut fleet = stage::quiet(1, 0);
    let all = (0..300).map(|number| {
        let mut one = stage::container('a', &format!("job-{number}"), "");
        one.id = ContainerId::new(&format!("{number:064}"));
        one.state = crate::model::State::Exited;
        one.exit = Some(1);
        one.since = Some(stage::before(number));
        one
    });
    fleet.apply(Event::Containers("web-1".into(), all.collect()));
    let mut pane = Overview::default();
    stage::moves(&mut pane, &fleet, (80, 24), &[Nav::Bottom]);
    let text = stage::screen(&mut pane, &fleet, &stage::look(), 80, 24);
    assert!(text.contains("▶ ✕ job-299@web-1"), "{text}");
    assert!(text.contains("Broken now 300"), "{text}");
}

#[test]
fn a_small_fleet_is_counted_after_each_event_and_a_large_one_once_a_tick() {
    let crowd = |count: usize| {
        let one = |number| crate::model::Container {
            id: ContainerId::new(&format!("{number:064}")),
            ..stage::container('a', "job", "")
        };
        Event::Containers("web-1".into(), (0..count).map(one).collect())
    };
    let ended = |id: usize| {
        let mut one = stage::container('a', "job", "");
        one.id = ContainerId::new(&format!("{id:064}"));
        (one.state, one.exit) = (crate::model::State::Exited, Some(1));
        Event::Container("web-1".into(), Box::new(one))
    };
    for (count, at_once) in [(10, true), (LARGE, false)] {
        let mut fleet = stage::quiet(1, 0);
        fleet.apply(crowd(count));
        let mut pane = Overview::default();
        stage::settle(&mut pane, &fleet, 80, 24);
        fleet.apply(ended(3));
        stage::settle(&mut pane, &fleet, 80, 24);
        assert_eq!(pane.broken.len() == 1, at_once);
        fleet.apply(Event::Tick(stage::before(-1)));
        stage::settle(&mut pane, &fleet, 80, 24);
        assert_eq!(pane.broken.len(), 1);
    }
}
