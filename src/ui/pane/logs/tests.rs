//! The log tail, as it is looked at.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::{
    model::{Container, Event, HostName, LogBatch, LogRange, Skew, Stream},
    ui::pane::stage::{self, container, id, look, moves, now, quiet, screen},
};

const SIZE: (u16, u16) = (100, 20);

/// A fleet of two hosts with a container each, and the logs of both.
fn stage() -> (Logs, Fleet) {
    let fleet = quiet(2, 0);
    let mut logs = Logs::default();
    let targets = ["web-1", "web-2"].map(|host| Target::Container(host.into(), id('a')));
    logs.show(&targets, None, &fleet);
    (logs, fleet)
}

/// The log of one container.
fn one() -> (Logs, Fleet) {
    let fleet = quiet(1, 0);
    let mut logs = Logs::default();
    logs.show(&[Target::Container("web-1".into(), id('a'))], None, &fleet);
    (logs, fleet)
}

fn batch(lines: &[(i64, &str)]) -> LogBatch {
    let mut batch = LogBatch::default();
    for (second, text) in lines {
        let at = (now().as_second() + second) * 1_000_000_000;
        batch.push(Some(at), Stream::Stdout, text.as_bytes());
    }
    batch
}

fn bring(logs: &mut Logs, fleet: &Fleet, host: &str, lines: &[(i64, &str)]) {
    let feed = logs
        .wants(fleet)
        .into_iter()
        .find(|feed| feed.host().as_str() == host && matches!(feed, Feed::Logs(..)))
        .unwrap();
    logs.feed(&feed, Payload::Lines(batch(lines)), fleet);
}

/// So many numbered lines.
fn numbered(logs: &mut Logs, fleet: &Fleet, from: i64, to: i64) {
    let texts: Vec<String> = (from..to).map(|n| format!("line {n:04}")).collect();
    let lines: Vec<(i64, &str)> = (from..to).zip(texts.iter().map(String::as_str)).collect();
    bring(logs, fleet, "web-1", &lines);
}

fn seen(logs: &mut Logs, fleet: &Fleet) -> String {
    screen(logs, fleet, &look(), SIZE.0, SIZE.1)
}

fn search(text: &str) -> Nav {
    Nav::Search {
        text: vec![text.to_owned()],
    }
}

fn filter(text: &str) -> Nav {
    Nav::Filter {
        text: vec![text.to_owned()],
    }
}

#[test]
fn several_logs_are_one_in_the_order_of_time_with_names() {
    let (mut logs, fleet) = stage();
    bring(&mut logs, &fleet, "web-2", &[(2, "second"), (4, "fourth")]);
    seen(&mut logs, &fleet);
    bring(&mut logs, &fleet, "web-1", &[(1, "first"), (3, "third")]);
    let text = seen(&mut logs, &fleet);
    let at = |what: &str| text.find(what).unwrap();
    assert!(
        at("first") < at("second") && at("second") < at("third") && at("third") < at("fourth"),
        "{text}"
    );
    assert!(
        text.contains("nginx@web-1") && text.contains("nginx@web-2"),
        "{text}"
    );
    assert!(
        text.starts_with("Logs(2 containers)[4] last 1000 · following"),
        "{text}"
    );
}

#[test]
fn scrolling_pauses_and_says_what_came() {
    let (mut logs, fleet) = one();
    numbered(&mut logs, &fleet, 0, 100);
    assert!(seen(&mut logs, &fleet).contains("line 0099"));
    moves(&mut logs, &fleet, SIZE, &[Nav::Up { rows: 1 }]);
    let text = seen(&mut logs, &fleet);
    assert!(
        text.contains("paused") && text.contains("▶ line 0098"),
        "{text}"
    );
    numbered(&mut logs, &fleet, 100, 350);
    let text = seen(&mut logs, &fleet);
    assert!(
        text.contains("paused, ▼ 250 new") && text.contains("▶ line 0098"),
        "{text}"
    );
    moves(&mut logs, &fleet, SIZE, &[Nav::Bottom]);
    let text = seen(&mut logs, &fleet);
    assert!(
        text.contains("following") && text.contains("line 0349"),
        "{text}"
    );
    // Down at the last line follows again, too.
    moves(&mut logs, &fleet, SIZE, &[Nav::PageUp, Nav::PageDown]);
    assert!(seen(&mut logs, &fleet).contains("following"));
}

#[test]
fn a_search_leads_through_its_hits_and_says_where_it_is() {
    let (mut logs, fleet) = one();
    numbered(&mut logs, &fleet, 0, 500);
    moves(&mut logs, &fleet, SIZE, &[search("00")]);
    logs.find();
    let text = seen(&mut logs, &fleet);
    // The nearest to the end that was followed.
    assert!(text.contains("▶ line 0400"), "{text}");
    let hits = 100 + 4;
    assert!(
        text.contains(&format!("search 00 {hits} of {hits}")),
        "{text}"
    );
    moves(&mut logs, &fleet, SIZE, &[Nav::PreviousHit]);
    assert!(seen(&mut logs, &fleet).contains("▶ line 0300"));
    let replies = moves(&mut logs, &fleet, SIZE, &[Nav::NextHit, Nav::NextHit]);
    assert_eq!(
        replies[1],
        Reply::Tell("the search went on at the other end".into())
    );
    assert!(seen(&mut logs, &fleet).contains("▶ line 0000"));
    moves(&mut logs, &fleet, SIZE, &[search("nowhere")]);
    let replies = moves(&mut logs, &fleet, SIZE, &[Nav::NextHit]);
    assert!(matches!(&replies[0], Reply::Refuse(why) if why.contains("nowhere")));
}

#[test]
fn filter_level_and_highlight_are_told_apart_and_taken_back() {
    let (mut logs, fleet) = one();
    bring(
        &mut logs,
        &fleet,
        "web-1",
        &[
            (1, "INFO up"),
            (2, "ERROR down"),
            (3, "WARN slow"),
            (4, "plain down"),
        ],
    );
    moves(&mut logs, &fleet, SIZE, &[filter("down")]);
    let text = seen(&mut logs, &fleet);
    assert!(
        text.contains("[2 of 4]") && !text.contains("INFO"),
        "{text}"
    );
    moves(
        &mut logs,
        &fleet,
        SIZE,
        &[Nav::Level {
            name: Some("warn".into()),
        }],
    );
    let text = seen(&mut logs, &fleet);
    assert!(
        text.contains("[1 of 4]") && text.contains("level warn and graver"),
        "{text}"
    );
    assert!(logs.back());
    let highlight = Nav::Highlight {
        text: vec!["slow".into()],
    };
    moves(&mut logs, &fleet, SIZE, &[highlight]);
    let text = seen(&mut logs, &fleet);
    assert!(
        text.contains("[4]") && text.contains("highlight slow"),
        "{text}"
    );
    assert!(!logs.back());
    let replies = moves(
        &mut logs,
        &fleet,
        SIZE,
        &[
            filter("/(/"),
            Nav::Level {
                name: Some("loud".into()),
            },
        ],
    );
    assert!(
        replies
            .iter()
            .all(|reply| matches!(reply, Reply::Refuse(_))),
        "{replies:?}"
    );
    moves(&mut logs, &fleet, SIZE, &[filter("nothing like it")]);
    assert!(seen(&mut logs, &fleet).contains("Esc clears the filter"));
}

#[test]
fn json_is_laid_out_or_shown_by_fields() {
    let (mut logs, fleet) = one();
    let line = r#"{"level":"error","msg":"cannot pay","req":{"id":7}}"#;
    bring(&mut logs, &fleet, "web-1", &[(1, line), (2, "plain")]);
    moves(&mut logs, &fleet, SIZE, &[Nav::Shape]);
    let text = seen(&mut logs, &fleet);
    assert!(text.contains("    \"id\": 7\n"), "{text}");
    moves(
        &mut logs,
        &fleet,
        SIZE,
        &[Nav::Fields {
            names: vec!["req.id".into(), "msg".into()],
        }],
    );
    let text = seen(&mut logs, &fleet);
    assert!(
        text.contains(" 7  cannot pay\n") && text.contains(" plain\n"),
        "{text}"
    );
}

#[test]
fn secrets_are_masked_until_they_are_revealed() {
    let (mut logs, fleet) = one();
    bring(
        &mut logs,
        &fleet,
        "web-1",
        &[(1, "login password=hunter2 ok")],
    );
    assert!(seen(&mut logs, &fleet).contains("password=**** ok"));
    moves(&mut logs, &fleet, SIZE, &[Nav::Up { rows: 1 }]);
    assert_eq!(
        logs.nav(&Nav::Copy, &fleet),
        Reply::CopyText("login password=**** ok".into(), 1)
    );
    assert_eq!(logs.nav(&Nav::Reveal, &fleet), Reply::Reveal);
    logs.reveal(true);
    let text = seen(&mut logs, &fleet);
    assert!(
        text.contains("password=hunter2") && text.contains("secrets shown"),
        "{text}"
    );
    // Whoever leaves leaves them masked.
    logs.rest();
    assert!(seen(&mut logs, &fleet).contains("password=****"));
}

#[test]
fn lines_are_chosen_copied_marked_and_saved() {
    let (mut logs, fleet) = one();
    numbered(&mut logs, &fleet, 0, 30);
    let choose = [Nav::Up { rows: 1 }, Nav::MarkRange, Nav::Up { rows: 2 }];
    moves(&mut logs, &fleet, SIZE, &choose);
    assert!(seen(&mut logs, &fleet).contains("3 lines chosen"));
    let copied = "line 0026\nline 0027\nline 0028".to_owned();
    assert_eq!(logs.nav(&Nav::Copy, &fleet), Reply::CopyText(copied, 3));
    moves(
        &mut logs,
        &fleet,
        SIZE,
        &[Nav::Mark, Nav::Bottom, Nav::NextMark],
    );
    assert!(seen(&mut logs, &fleet).contains("▶▌line 0026"));
    let args = crate::ui::nav::SaveArgs {
        path: "x.log".into(),
        all: false,
        replace: false,
    };
    moves(&mut logs, &fleet, SIZE, &[filter("002")]);
    let Reply::Save(path, lines, false) = logs.nav(&Nav::Save(args), &fleet) else {
        panic!("nothing is saved");
    };
    let mut out = Vec::new();
    lines.write(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!((path.to_str(), lines.len()), (Some("x.log"), 11));
    assert!(
        text.starts_with("line 0002\n") && text.ends_with("line 0029\n"),
        "{text}"
    );
}

#[test]
fn wrapped_lines_scroll_by_rows() {
    let (mut logs, fleet) = one();
    let long = format!("{}end", "0123456789".repeat(30));
    bring(
        &mut logs,
        &fleet,
        "web-1",
        &[(1, "before"), (2, &long), (3, "after")],
    );
    moves(&mut logs, &fleet, SIZE, &[Nav::Wrap]);
    let text = seen(&mut logs, &fleet);
    assert!(
        text.contains("before") && text.contains("9end") && text.contains("after"),
        "{text}"
    );
    let short = (100, 9);
    moves(&mut logs, &fleet, short, &[Nav::Top]);
    let text = screen(&mut logs, &fleet, &look(), short.0, short.1);
    assert!(text.contains("before") && !text.contains("after"), "{text}");
    moves(
        &mut logs,
        &fleet,
        short,
        &[Nav::PageDown, Nav::PageDown, Nav::PageDown],
    );
    let text = screen(&mut logs, &fleet, &look(), short.0, short.1);
    assert!(
        text.contains("after") && text.contains("following"),
        "{text}"
    );
}

#[test]
fn whoever_comes_later_joins_and_what_is_made_anew_is_followed_on() {
    let (mut logs, mut fleet) = one();
    bring(&mut logs, &fleet, "web-1", &[(1, "of the old")]);
    logs.reveal(true);
    seen(&mut logs, &fleet);
    let mut again = container('b', "nginx", "front");
    again.created = stage::before(-5);
    fleet.apply(Event::Containers("web-1".into(), vec![again]));
    fleet.apply(Event::Tick(stage::before(-6)));
    let text = seen(&mut logs, &fleet);
    assert!(text.contains("nginx@web-1 was made anew"), "{text}");
    assert!(
        !text.contains("secrets shown"),
        "nobody said so of the new one: {text}"
    );
    let is_new = |feed: &Feed| matches!(feed, Feed::Logs(_, one, LogRange::All) if *one == id('b'));
    assert!(logs.wants(&fleet).iter().any(is_new));
}

#[test]
fn after_a_rest_nothing_is_doubled() {
    let (mut logs, fleet) = one();
    bring(
        &mut logs,
        &fleet,
        "web-1",
        &[(1, "one"), (2, "two"), (2, "two again")],
    );
    seen(&mut logs, &fleet);
    logs.rest();
    // The engine gives all of the last moment again.
    bring(
        &mut logs,
        &fleet,
        "web-1",
        &[(2, "two"), (2, "two again"), (2, "new"), (3, "three")],
    );
    let text = seen(&mut logs, &fleet);
    assert_eq!(text.matches("two").count(), 2, "{text}");
    assert!(text.contains("new") && text.contains("three"), "{text}");
}

#[test]
fn older_lines_are_read_when_the_first_is_passed() {
    let (mut logs, fleet) = one();
    numbered(&mut logs, &fleet, 100, 140);
    moves(&mut logs, &fleet, SIZE, &[Nav::Top, Nav::Up { rows: 1 }]);
    let older = logs
        .wants(&fleet)
        .into_iter()
        .find(|feed| matches!(feed, Feed::Older(..)))
        .unwrap();
    let lines = batch(&[(98, "line 0098"), (99, "line 0099")]);
    logs.feed(&older, Payload::Older { lines, whole: true }, &fleet);
    let text = seen(&mut logs, &fleet);
    // What is looked at stays where it is.
    assert!(
        text.contains("[42]") && text.contains("▶ line 0100"),
        "{text}"
    );
    moves(&mut logs, &fleet, SIZE, &[Nav::Top]);
    assert!(seen(&mut logs, &fleet).contains("▶ line 0098"));
    // There is nothing before that.
    moves(&mut logs, &fleet, SIZE, &[Nav::Up { rows: 1 }]);
    assert!(
        logs.wants(&fleet)
            .iter()
            .all(|feed| matches!(feed, Feed::Logs(..)))
    );
}

#[test]
fn a_clock_that_is_off_is_put_right_and_told() {
    let (mut logs, mut fleet) = stage();
    let skew = Skew {
        ahead_ms: 10_000,
        doubt_ms: 2,
    };
    fleet.apply(Event::Skew(HostName::new("web-2"), skew));
    bring(&mut logs, &fleet, "web-1", &[(1, "first"), (3, "third")]);
    bring(
        &mut logs,
        &fleet,
        "web-2",
        &[(12, "second"), (14, "fourth")],
    );
    fleet.apply(Event::Tick(stage::before(-1)));
    let text = seen(&mut logs, &fleet);
    let at = |what: &str| text.find(what).unwrap();
    assert!(
        at("first") < at("second") && at("second") < at("third") && at("third") < at("fourth"),
        "{text}"
    );
    assert!(text.contains("clock of web-2 +10s put right"), "{text}");
}

#[test]
fn what_happens_to_a_log_is_said_in_its_place() {
    let (mut logs, fleet) = one();
    numbered(&mut logs, &fleet, -3, 0);
    let feed = logs.wants(&fleet).into_iter().next().unwrap();
    logs.feed(
        &feed,
        Payload::Ended("it ended with exit code 137 (killed)".into()),
        &fleet,
    );
    moves(&mut logs, &fleet, SIZE, &[filter("line -001")]);
    let text = seen(&mut logs, &fleet);
    assert!(
        text.contains("── nginx@web-1: it ended with exit code 137 (killed) ──"),
        "{text}"
    );
    let mut hostile = LogBatch::default();
    hostile.push(
        None,
        Stream::Stdout,
        b"\x1b]52;c;aGk=\x07\x1b[2Jx\x00\xff\xe2\x80\xaey line -001",
    );
    logs.feed(&feed, Payload::Lines(hostile), &fleet);
    assert!(seen(&mut logs, &fleet).contains("x·\u{fffd}·y line -001"));
}

#[test]
fn the_same_failure_is_told_once_and_what_is_younger_is_left_out() {
    let (mut logs, fleet) = one();
    let range = Range::default().until(stage::before(-2), "then");
    let targets = [Target::Container("web-1".into(), id('a'))];
    logs.show(&targets, Some(range), &fleet);
    let feed = logs.wants(&fleet).into_iter().next().unwrap();
    for _ in 0..3 {
        logs.feed(&feed, Payload::Failed("the host is silent".into()), &fleet);
    }
    bring(
        &mut logs,
        &fleet,
        "web-1",
        &[(1, "one"), (2, "two"), (3, "three")],
    );
    let text = seen(&mut logs, &fleet);
    assert_eq!(text.matches("the host is silent").count(), 1, "{text}");
    assert!(text.contains("two") && !text.contains("three"), "{text}");
}

#[test]
fn the_instance_before_is_a_key_away() {
    let (mut logs, mut fleet) = one();
    let refused = logs.nav(&Nav::Earlier, &fleet);
    assert!(matches!(refused, Reply::Refuse(why) if why.contains("Docker removes a log")));
    let old = Container {
        created: stage::before(99_000),
        ..container('o', "nginx_old", "front")
    };
    let this = container('a', "nginx", "front");
    fleet.apply(Event::Containers("web-1".into(), vec![old, this]));
    assert_eq!(
        logs.nav(&Nav::Earlier, &fleet),
        Reply::Tell("this is the log of nginx_old".into())
    );
}
