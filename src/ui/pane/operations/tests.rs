//! The log of acts on screens of two sizes, with an act opened and without.

use insta::assert_snapshot;

use super::*;
use crate::{model::Outcome, ui::pane::stage};

fn screen(pane: &mut Operations, fleet: &Fleet, columns: u16, rows: u16) -> String {
    stage::screen(pane, fleet, &stage::look(), columns, rows)
}

#[test]
fn the_newest_act_stands_first() {
    let fleet = stage::fleet();
    assert_snapshot!(
        "operations_80x24",
        screen(&mut Operations::default(), &fleet, 80, 24)
    );
    assert_snapshot!(
        "operations_200x50",
        screen(&mut Operations::default(), &fleet, 200, 50)
    );
}

#[test]
fn an_act_is_shown_as_a_whole_with_what_came_of_it_target_by_target() {
    let fleet = stage::fleet();
    let mut pane = Operations::default();
    stage::moves(
        &mut pane,
        &fleet,
        (80, 24),
        &[Nav::Down { rows: 2 }, Nav::Open],
    );
    assert_snapshot!("act_80x24", screen(&mut pane, &fleet, 80, 24));
    assert_snapshot!("act_200x50", screen(&mut pane, &fleet, 200, 50));
    stage::moves(&mut pane, &fleet, (80, 24), &[Nav::Unmark]);
    assert!(!screen(&mut pane, &fleet, 80, 24).contains("Act 3"));
}

#[test]
fn the_act_follows_the_cursor_until_it_is_entered() {
    let mut fleet = stage::fleet();
    let names: Vec<String> = (1..40)
        .map(|number| format!("job-{number}@ams-1"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let many = stage::act(
        6,
        "container remove job-*@ams-1",
        &names,
        Outcome::Done {
            detail: String::new(),
        },
    );
    fleet.apply(crate::model::Event::Operation(Box::new(many)));
    let mut pane = Operations::default();
    stage::moves(
        &mut pane,
        &fleet,
        (80, 24),
        &[Nav::Open, Nav::Down { rows: 1 }],
    );
    assert!(screen(&mut pane, &fleet, 80, 24).contains("Act 5"));
    stage::moves(
        &mut pane,
        &fleet,
        (80, 24),
        &[Nav::Up { rows: 1 }, Nav::Next, Nav::Bottom],
    );
    let text = screen(&mut pane, &fleet, 80, 24);
    assert!(
        text.contains("Act 6") && text.contains("✓ job-39@ams-1"),
        "{text}"
    );
    stage::moves(
        &mut pane,
        &fleet,
        (80, 24),
        &[Nav::Next, Nav::Down { rows: 1 }],
    );
    assert!(screen(&mut pane, &fleet, 80, 24).contains("Act 5"));
}

#[test]
fn a_failure_that_is_not_told_target_by_target_is_told_as_it_is() {
    let outcome = Outcome::Failed {
        done: 1,
        failed: 1,
        detail: "the connection was lost".into(),
    };
    let one = stage::act(7, "container stop a@x b@x", &["a@x", "b@x"], outcome);
    let text: Vec<String> = act::lines(&one, 60)
        .iter()
        .map(crate::ui::widget::line::Line::text)
        .collect();
    let text = text.join("\n");
    assert!(text.contains("the connection was lost"), "{text}");
    assert!(
        !text.contains('✓'),
        "which target was done is not known:\n{text}"
    );
}

#[test]
fn one_reason_of_many_targets_stands_beside_each_and_unnamed_ones_leave_a_doubt() {
    let told = |detail: &str, failed| {
        let outcome = Outcome::Failed {
            done: 3 - failed,
            failed,
            detail: detail.into(),
        };
        let one = stage::act(7, "container stop *@x", &["a@x", "b@x", "c@x"], outcome);
        let lines = act::lines(&one, 60).split_off(6);
        lines
            .iter()
            .map(|line| line.text().split_off(11))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        told("a@x, c@x: gone; no more of it", 2),
        [
            "✕ a@x: gone; no more of it",
            "✓ b@x",
            "✕ c@x: gone; no more of it"
        ]
    );
    assert_eq!(
        told("a@x and 1 more: gone", 2),
        ["✕ a@x: gone", "  b@x", "  c@x"]
    );
}

#[test]
fn an_empty_log_and_a_filter_that_fits_nothing_say_so() {
    assert!(screen(&mut Operations::default(), &Fleet::new(), 80, 24).contains("No acts yet."));
    let fleet = stage::fleet();
    let mut pane = Operations::default();
    stage::moves(
        &mut pane,
        &fleet,
        (80, 24),
        &[Nav::Filter {
            text: vec!["operator:carl".into()],
        }],
    );
    assert!(screen(&mut pane, &fleet, 80, 24).contains("No act matches 'operator:carl'."));
}
