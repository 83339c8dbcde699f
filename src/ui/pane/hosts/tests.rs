//! The hosts on screens of two sizes, with a host that is offline under the cursor and without.

use insta::assert_snapshot;

use super::*;
use crate::{
    model::{Event, Link},
    ui::pane::stage,
};

fn screen(pane: &mut Hosts, fleet: &Fleet, columns: u16, rows: u16) -> String {
    stage::screen(pane, fleet, &stage::look(), columns, rows)
}

fn down(rows: usize) -> Nav {
    Nav::Down { rows }
}

#[test]
fn the_table_and_what_is_known_of_the_host_under_the_cursor() {
    let fleet = stage::fleet();
    assert_snapshot!("hosts_80x24", screen(&mut Hosts::default(), &fleet, 80, 24));
    assert_snapshot!(
        "hosts_200x50",
        screen(&mut Hosts::default(), &fleet, 200, 50)
    );
}

#[test]
fn an_offline_host_says_why_even_on_a_small_screen() {
    let fleet = stage::fleet();
    let mut pane = Hosts::default();
    stage::moves(&mut pane, &fleet, (80, 24), &[down(1)]);
    assert_snapshot!("hosts_offline_80x24", screen(&mut pane, &fleet, 80, 24));
    assert_snapshot!("hosts_offline_200x50", screen(&mut pane, &fleet, 200, 50));
}

#[test]
fn a_terminal_without_utf_8_gets_ascii_only() {
    let text = stage::screen(
        &mut Hosts::default(),
        &stage::fleet(),
        &stage::ascii(),
        200,
        50,
    );
    assert!(text.replace('▶', " ").is_ascii(), "{text}");
}

#[test]
fn enter_leads_to_its_containers_and_operations_act_on_it() {
    let fleet = stage::fleet();
    let mut pane = Hosts::default();
    let replies = stage::moves(&mut pane, &fleet, (80, 24), &[down(1), Nav::Open]);
    assert_eq!(replies[1], Reply::Containers("host:ams-2".into()));
    assert_eq!(pane.selection(&fleet), [Target::Host("ams-2".into())]);
}

#[test]
fn a_filter_hides_hosts_and_going_to_one_takes_it_away() {
    let fleet = stage::fleet();
    let mut pane = Hosts::default();
    let filter = Nav::Filter {
        text: vec!["env:stage".into()],
    };
    stage::moves(&mut pane, &fleet, (80, 24), &[filter]);
    assert!(screen(&mut pane, &fleet, 80, 24).starts_with("Hosts[1 of 4]"));
    pane.go_to(&"ams-2".into());
    let text = screen(&mut pane, &fleet, 80, 24);
    assert!(text.starts_with("Hosts[4]"), "{text}");
    assert_eq!(pane.selection(&fleet), [Target::Host("ams-2".into())]);
}

#[test]
fn a_filter_that_fits_nothing_and_a_fleet_without_hosts_say_what_to_do() {
    let fleet = stage::fleet();
    let mut pane = Hosts::default();
    stage::moves(
        &mut pane,
        &fleet,
        (80, 24),
        &[Nav::Filter {
            text: vec!["nowhere".into()],
        }],
    );
    assert!(
        screen(&mut pane, &fleet, 80, 24)
            .contains("No host matches 'nowhere'. Esc clears the filter.")
    );
    assert!(
        screen(&mut Hosts::default(), &Fleet::new(), 80, 24).contains(":host add NAME ENDPOINT")
    );
}

#[test]
fn sort_and_columns_are_remembered_and_unknown_ones_are_refused() {
    let fleet = stage::fleet();
    let mut pane = Hosts::default();
    let navs = [
        Nav::Sort {
            column: "disk".into(),
        },
        Nav::Sort {
            column: "disk".into(),
        },
        Nav::Columns {
            names: Some("name,state".into()),
        },
        Nav::Sort {
            column: "colour".into(),
        },
    ];
    let replies = stage::moves(&mut pane, &fleet, (80, 24), &navs);
    assert_eq!(
        replies[0],
        Reply::Remember("hosts.sort".into(), "disk down".into())
    );
    assert_eq!(
        replies[1],
        Reply::Remember("hosts.sort".into(), "disk".into())
    );
    assert_eq!(
        replies[2],
        Reply::Remember("hosts.columns".into(), "name,state".into())
    );
    assert!(
        matches!(&replies[3], Reply::Refuse(why) if why.contains("there is no column 'colour'"))
    );
}

#[test]
fn only_hosts_that_answer_are_asked() {
    let fleet = stage::fleet();
    let mut pane = Hosts::default();
    stage::settle(&mut pane, &fleet, 80, 24);
    let wants: Vec<Feed> = pane.wants(&fleet).into_iter().collect();
    let expected = [
        Feed::Resources("ams-1".into()),
        Feed::Load("ams-1".into()),
        Feed::Load("fra-1".into()),
    ];
    assert_eq!(wants, expected);
}

#[test]
fn a_host_that_waits_for_a_person_says_so() {
    let mut fleet = stage::fleet();
    let link = Link::Offline {
        trouble: stage::trouble(),
        since: stage::before(60),
        next_try: None,
    };
    fleet.apply(Event::Link("ams-1".into(), link));
    let text = screen(&mut Hosts::default(), &fleet, 80, 24);
    assert!(
        text.contains("not tried again until you do something"),
        "{text}"
    );
}
