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

mod deploys {
    //! The detail of an app, and the keys of deploys.

    use insta::assert_snapshot;

    use crate::{
        model::{
            Event, Fleet,
            release::{Phase, Wish},
        },
        ops::deploy::tests::drift::{drifting, rolling},
        ui::{Effect, Msg, desk::Desk, keymap::Keymap},
    };

    const JUDGE: &str = "web at 25% for 4m10s more: 812 requests, 0 failed, 12 ms; beside 2430 requests, 0 failed, \
                         11 ms: success";

    fn console(fleet: Fleet, columns: u16, rows: u16) -> Desk {
        let now = fleet.now;
        Desk::new(fleet, columns, rows).at(now).keys("=")
    }

    /// What a deploy is asked to be prepared as.
    fn prepared(desk: &mut Desk) -> Option<String> {
        desk.effects().into_iter().find_map(|effect| match effect {
            Effect::Prepare(sentence, fleet) => {
                Some(sentence.plan(&fleet.0, &[]).unwrap().sentence)
            }
            _ => None,
        })
    }

    #[test]
    fn the_detail_tells_the_deploy_the_releases_the_drift_and_what_happened() {
        let fleet = rolling(Phase::Rolling, JUDGE, Wish::Go);
        let mut desk = console(fleet.clone(), 200, 50);
        assert_snapshot!("detail_200x50", desk.screen());
        // Where there is little room it is there when it is asked for.
        let mut desk = console(fleet, 80, 24);
        assert!(!desk.screen().contains("Releases"), "{}", desk.screen());
        assert!(desk.screen().contains("◐ r000003"), "{}", desk.screen());
        let mut desk = desk.keys("t");
        assert_snapshot!("detail_80x24", desk.screen());
        let mut desk = desk.keys("tab G");
        assert_snapshot!("detail_80x24_below", desk.screen());
        let mut desk = desk.keys("esc esc");
        assert!(!desk.screen().contains("Releases"), "{}", desk.screen());
    }

    #[test]
    fn an_open_deploy_is_followed_whoever_works_on_it() {
        let mut desk = console(drifting(), 200, 50);
        assert!(
            desk.screen().contains("r000002 is everywhere"),
            "{}",
            desk.screen()
        );
        assert!(desk.screen().contains("3 differ"), "{}", desk.screen());
        assert_eq!(desk.ui().looks_at_app().unwrap().app.as_str(), "shop");
        for (phase, detail, wish, says) in [
            (
                Phase::Rolling,
                "web batch 1 (1 of 4)",
                Wish::Go,
                "under way for 3m00s, by ann@ops-1",
            ),
            (Phase::Rolling, JUDGE, Wish::Pause, "it is to pause"),
            (
                Phase::Rolling,
                JUDGE,
                Wish::Go,
                "5% → [25%] → 50% → everywhere",
            ),
            (
                Phase::Paused,
                "at 25% of the requests: too few; `app continue` watches it again",
                Wish::Go,
                "it stands still",
            ),
            (
                Phase::RollingBack,
                "going back",
                Wish::Go,
                "going back, by ann@ops-1",
            ),
        ] {
            let told = rolling(phase, detail, wish).deploys;
            desk.send(Msg::Event(Event::Deploys(Box::new(told))));
            let screen = desk.screen();
            assert!(screen.contains(says), "{says}: {screen}");
            // The containers are as they were: nothing is new anywhere yet.
            let done = if phase == Phase::RollingBack { 4 } else { 1 };
            let far = format!("{done} of 6 replicas");
            assert!(screen.contains(&far), "{far}: {screen}");
        }
        let ended = drifting().deploys;
        desk.send(Msg::Event(Event::Deploys(Box::new(ended))));
        assert!(!desk.screen().contains("Deploy of"), "{}", desk.screen());
    }

    #[test]
    fn the_keys_of_deploys_are_about_the_app_under_the_cursor() {
        let fleet = rolling(Phase::Rolling, JUDGE, Wish::Go);
        for (keys, sentence) in [
            ("d p", "app pause shop --env dev"),
            ("d c", "app continue shop --env dev"),
            ("d e", "app promote shop --env dev"),
            ("d a", "app abort shop --env dev"),
            // From a replica, too.
            ("enter j enter j d p", "app pause shop --env dev"),
        ] {
            let mut desk = console(fleet.clone(), 120, 40).keys(keys);
            assert_eq!(
                prepared(&mut desk).as_deref(),
                Some(sentence),
                "{}",
                desk.screen()
            );
        }
        let mut desk = console(fleet, 120, 40).keys("d r");
        let asked = desk.effects();
        assert!(
            matches!(&asked[..], [.., Effect::Ask(_, line)] if line == "app releases shop --env dev"),
            "{asked:?}"
        );
    }

    #[test]
    fn a_rollback_offers_the_releases_with_what_each_changes() {
        let fleet = rolling(Phase::Rolling, JUDGE, Wish::Go);
        let mut desk = console(fleet, 100, 30).keys("d b");
        assert_snapshot!("rollback_100x30", desk.screen());
        assert_eq!(prepared(&mut desk), None);
        let mut desk = desk.keys("enter");
        let wanted = "app rollback shop --to r000001 --env dev";
        assert_eq!(prepared(&mut desk).as_deref(), Some(wanted));
        // Without another one to go back to it is said as it is, and refused where releases are read.
        let mut desk = console(drifting(), 100, 30).keys("d b");
        let wanted = "app rollback shop --env dev";
        assert_eq!(prepared(&mut desk).as_deref(), Some(wanted));
    }

    #[test]
    fn a_deploy_asks_for_the_images_of_the_next_release() {
        let mut desk = console(drifting(), 100, 30).keys("d d");
        assert_snapshot!("deploy_form_100x30", desk.screen());
        // The second field is web's: its tag becomes another one.
        let desk = desk.keys("down backspace").type_text("3").keys("enter");
        let mut desk = desk.keys("enter");
        let wanted = "app deploy shop --image web=web:3 --env dev";
        assert_eq!(
            prepared(&mut desk).as_deref(),
            Some(wanted),
            "{}",
            desk.screen()
        );
        // What is named is not asked for again.
        let desk = console(drifting(), 100, 30).keys(":");
        let mut desk = desk.type_text("app deploy shop").keys("enter");
        assert_eq!(prepared(&mut desk).as_deref(), Some("app deploy shop"));
    }

    #[test]
    fn a_sentence_about_an_app_needs_one() {
        let mut desk = console(Fleet::new(), 100, 30).keys("d p");
        assert!(
            desk.screen().contains("`app pause` needs an app"),
            "{}",
            desk.screen()
        );
    }

    #[test]
    fn every_key_map_reaches_the_deploys_of_an_app() {
        for name in ["default", "emacs", "k9s", "lazydocker"] {
            let keymap = Keymap::embedded(name).unwrap();
            for line in [
                "app deploy",
                "app rollback",
                "app pause",
                "app continue",
                "app promote",
                "app abort",
                "app releases",
                "shape",
            ] {
                assert!(keymap.keys_for("apps", line).is_some(), "{name}: {line}");
            }
        }
    }
}
