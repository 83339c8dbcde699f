//! The tree of apps on screens of two sizes: closed, and opened down to a replica.

#![expect(clippy::unwrap_used, reason = "tests")]

use insta::assert_snapshot;

use super::*;
use crate::ui::pane::stage;

fn screen(pane: &mut Apps, fleet: &Fleet, columns: u16, rows: u16) -> String {
    stage::screen(pane, fleet, &stage::look(), columns, rows)
}

fn down(rows: usize) -> Nav {
    Nav::Down { rows }
}

#[test]
fn apps_are_opened_down_to_their_replicas() {
    let fleet = stage::fleet();
    let mut pane = Apps::default();
    assert_snapshot!("apps_80x24", screen(&mut pane, &fleet, 80, 24));
    let moves = [Nav::Open, down(1), Nav::Open];
    stage::moves(&mut pane, &fleet, (80, 24), &moves);
    assert_snapshot!("apps_open_80x24", screen(&mut pane, &fleet, 80, 24));
    assert_snapshot!("apps_open_200x50", screen(&mut pane, &fleet, 200, 50));
    let replies = stage::moves(&mut pane, &fleet, (80, 24), &[down(1), Nav::Open]);
    assert!(
        matches!(replies[1], Reply::Detail(Target::Container(..))),
        "{replies:?}"
    );
}

#[test]
fn what_is_done_to_an_app_is_done_to_all_of_its_containers() {
    let fleet = stage::fleet();
    let mut pane = Apps::default();
    screen(&mut pane, &fleet, 80, 24);
    let app = apps(&fleet)
        .into_iter()
        .find(|app| app.tally.wanted > 1)
        .unwrap();
    assert!(pane.go_to(&fleet, |one| one.key == app.key));
    screen(&mut pane, &fleet, 80, 24);
    let mut chosen = pane.selection(&fleet);
    chosen.sort();
    let replicas = app.services.iter().flat_map(|one| one.replicas.iter());
    let mut all: Vec<Target> = replicas
        .map(|one| Target::Container(one.host.clone(), one.id.clone()))
        .collect();
    all.sort();
    assert_eq!(chosen, all);
    assert!(!pane.go_to(&fleet, |_| false));
}

#[test]
fn a_terminal_without_utf_8_gets_ascii_only() {
    let text = stage::screen(
        &mut Apps::default(),
        &stage::fleet(),
        &stage::ascii(),
        200,
        50,
    );
    assert!(text.replace('▶', " ").is_ascii(), "{text}");
}

#[test]
fn a_deploy_is_planned_first_and_asked_for() {
    use crate::ui::{Effect, Msg, desk::Desk};
    for (columns, rows) in [(80, 24), (200, 50)] {
        let mut desk = Desk::new(stage::fleet(), columns, rows)
            .keys("= :")
            .type_text("app deploy shop --file shop.yaml")
            .keys("enter");
        let effects = desk.effects();
        assert!(
            effects.iter().any(|one| matches!(one, Effect::Prepare(..))),
            "{effects:?}"
        );
        let (sentence, plan) = crate::ops::deploy::tests::planned();
        desk.send(Msg::Prepared(
            Box::new(sentence.clone()),
            Ok(Box::new(plan)),
        ));
        assert_snapshot!(format!("deploy_{columns}x{rows}"), desk.screen());
        let mut desk = desk.keys("y");
        let effects = desk.effects();
        assert!(
            effects.iter().any(|one| matches!(one, Effect::Run(..))),
            "{effects:?}"
        );
        // What speaks against it is said, all of it.
        let mut desk = Desk::new(stage::fleet(), columns, rows);
        let why = "@a: web has port 80\n@b: web has port 80";
        desk.send(Msg::Prepared(Box::new(sentence), Err(why.to_owned())));
        assert!(
            desk.screen().contains("@a: web has port 80"),
            "{}",
            desk.screen()
        );
    }
}
