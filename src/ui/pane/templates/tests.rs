//! Templates on screens, and the form that they are filled in with.

use std::sync::Arc;

use insta::assert_snapshot;

use super::*;
use crate::{
    model::{
        Event, Image,
        app::{Severity, Told, Where},
    },
    ops::Catalog,
    ui::{Msg, desk::Desk, pane::stage},
};

/// Four hosts, of which the first has the image of Redis, with Wharf's own templates.
fn fleet() -> Fleet {
    let mut fleet = stage::fleet();
    fleet.apply(Event::Templates(Catalog::own().templates.into(), [].into()));
    let names: Vec<_> = fleet
        .hosts()
        .iter()
        .map(|host| host.name().clone())
        .collect();
    for (at, name) in names.into_iter().enumerate() {
        let image = Image {
            id: Arc::from(format!("sha256:{}", "a".repeat(64))),
            tags: vec![Arc::from("redis:7.4.2-alpine")],
            digests: Vec::new(),
            created: stage::before(900_000),
            size: 40 << 20,
            shared: None,
            used_by: Some(1),
        };
        let images = if at == 0 { vec![image] } else { Vec::new() };
        fleet.apply(Event::Images(name, images));
    }
    fleet
}

fn desk(width: u16, height: u16) -> Desk {
    Desk::new(fleet(), width, height).keys("0")
}

#[test]
fn cards_and_a_table_show_what_a_template_asks_and_makes() {
    assert_snapshot!("templates_80x24", desk(80, 24).screen());
    let mut cards = desk(200, 50).keys("/").type_text("redis").keys("enter");
    assert_snapshot!("templates_redis_200x50", cards.screen());
    assert_snapshot!(
        "templates_table_80x24",
        desk(80, 24).keys("t j j j").screen()
    );
}

#[test]
fn which_hosts_have_the_image_is_seen() {
    let mut desk = desk(200, 50)
        .keys("/")
        .type_text("name:redis")
        .keys("enter");
    assert!(
        desk.screen().contains("on 1 of 4 hosts"),
        "{}",
        desk.screen()
    );
    let mut desk = desk.keys("esc /").type_text("name:etcd").keys("enter");
    assert!(
        desk.screen().contains("on none of 4 hosts"),
        "{}",
        desk.screen()
    );
}

#[test]
fn categories_are_gone_through_and_cards_are_moved_over() {
    let mut desk = desk(200, 50).keys("w");
    assert!(
        desk.screen().contains("category:balancer"),
        "{}",
        desk.screen()
    );
    let mut desk = desk.keys("esc g right");
    assert!(
        desk.screen().contains("HAProxy ─") || desk.screen().contains("HAProxy haproxy"),
        "{}",
        desk.screen()
    );
    let mut desk = desk
        .keys(":")
        .type_text("template show postgres")
        .keys("enter");
    assert!(
        desk.screen().contains("PostgreSQL 16 postgres"),
        "{}",
        desk.screen()
    );
    let mut desk = desk
        .keys(":")
        .type_text("template show nothing")
        .keys("enter");
    assert!(
        desk.screen().contains("there is no template nothing"),
        "{}",
        desk.screen()
    );
}

#[test]
fn a_form_checks_what_is_typed_and_ends_in_a_sentence() {
    let mut desk = desk(80, 24)
        .keys("/")
        .type_text("name:redis")
        .keys("enter enter");
    assert_snapshot!("form_80x24", desk.screen());
    // The port: wrong while it is typed, and then not taken.
    let mut desk = desk.keys("down").type_text("x");
    assert!(
        desk.screen().contains("a port from 1 to 65535 is expected"),
        "{}",
        desk.screen()
    );
    let mut desk = desk.keys("enter");
    assert!(
        desk.screen().contains("a port from 1 to 65535 is expected"),
        "{}",
        desk.screen()
    );
    let mut desk = desk.keys("backspace backspace").type_text("0");
    assert!(!desk.screen().contains("is expected"), "{}", desk.screen());
    // The last asks for one of three.
    let mut desk = desk.keys("pagedown space enter");
    let screen = desk.screen();
    assert!(
        screen.contains("redis --set PORT=6370 --set POLICY=allkeys-lru --hosts"),
        "{screen}"
    );
    let line = screen.lines().find(|line| line.starts_with(':'));
    assert!(
        line.is_some_and(|line| !line.contains("PASSWORD")),
        "{screen}"
    );
}

#[test]
fn a_form_of_many_fields_scrolls_and_esc_leaves_it() {
    let mut desk = desk(60, 14)
        .keys("/")
        .type_text("mariadb")
        .keys("enter enter");
    assert!(
        !desk.screen().contains("Memory of each"),
        "{}",
        desk.screen()
    );
    let mut desk = desk.keys("pagedown");
    assert!(
        desk.screen().contains("Memory of each"),
        "{}",
        desk.screen()
    );
    assert!(desk.screen().contains("8 of 8"), "{}", desk.screen());
    let mut desk = desk.keys("esc");
    assert!(!desk.screen().contains("what it asks"), "{}", desk.screen());
}

#[test]
fn a_terminal_without_utf_8_gets_ascii_only() {
    let mut pane = Templates::default();
    let text = stage::screen(&mut pane, &fleet(), &stage::ascii(), 120, 40);
    assert!(text.replace('▶', " ").is_ascii(), "{text}");
}

/// A desk at which nobody has read templates yet.
fn unread() -> Desk {
    Desk::new(stage::fleet(), 80, 24)
}

/// The templates arrive.
fn arrive(desk: &mut Desk) {
    let templates = Catalog::own().templates.into();
    desk.ui()
        .update(Msg::Event(Event::Templates(templates, [].into())));
}

#[test]
fn templates_are_read_when_somebody_wants_them() {
    let mut desk = unread();
    assert!(!desk.ui().wants_templates());
    let mut desk = desk.keys("0");
    assert!(desk.ui().wants_templates());
    assert!(
        desk.screen().contains("are being read"),
        "{}",
        desk.screen()
    );
    arrive(&mut desk);
    assert!(!desk.ui().wants_templates());
    assert!(desk.screen().contains("HAProxy"), "{}", desk.screen());

    // One that is named is shown when they are there.
    let mut desk = unread();
    drop(desk.ui().say_line("template show postgres"));
    assert!(desk.ui().wants_templates());
    arrive(&mut desk);
    assert!(
        desk.screen().contains("PostgreSQL 16 postgres"),
        "{}",
        desk.screen()
    );
    let mut desk = unread();
    drop(desk.ui().say_line("template show nothing"));
    arrive(&mut desk);
    assert!(
        desk.screen().contains("there is no template nothing"),
        "{}",
        desk.screen()
    );

    // Who types their name is offered them as they come.
    let mut desk = unread().keys(":").type_text("template show post");
    assert!(desk.ui().wants_templates());
    assert!(!desk.screen().contains("postgres"), "{}", desk.screen());
    arrive(&mut desk);
    assert!(desk.screen().contains("postgres"), "{}", desk.screen());
}

#[test]
fn what_is_wrong_with_catalogs_stands_below() {
    let fault = |what: &str| Told {
        severity: Severity::Error,
        place: Where {
            file: "/home/ann/.cache/wharf/catalogs/team/now/web.yaml".to_owned(),
            line: Some(3),
            path: "x-wharf.id".to_owned(),
        },
        what: what.to_owned(),
        remedy: String::new(),
    };
    let faults = [fault("it has no id"), fault("it is odd")];
    let mut fleet = stage::fleet();
    let templates = Catalog::own().templates.into();
    fleet.apply(Event::Templates(templates, faults.into()));
    let small = Desk::new(fleet.clone(), 80, 24).keys("0").screen();
    let line = "1 more, which `wharf template list` tells, and web.yaml:3: x-wharf.id: error:";
    assert!(small.contains(line), "{small}");
    let large = Desk::new(fleet, 200, 50).keys("0").screen();
    let first = large.find("web.yaml:3: x-wharf.id: error: it has no id");
    let second = large.find("web.yaml:3: x-wharf.id: error: it is odd");
    assert!(first.is_some() && first < second, "{large}");
}

#[test]
fn what_is_missing_is_said() {
    let mut fleet_of_none = stage::fleet();
    fleet_of_none.apply(Event::Templates([].into(), [].into()));
    let mut desk = Desk::new(fleet_of_none, 80, 24).keys("0");
    assert!(
        desk.screen().contains("No template is there"),
        "{}",
        desk.screen()
    );
    let mut desk = Desk::new(fleet(), 80, 24)
        .keys("0 /")
        .type_text("zzz")
        .keys("enter");
    assert!(
        desk.screen().contains("No template matches 'zzz'"),
        "{}",
        desk.screen()
    );
}
