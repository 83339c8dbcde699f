//! Pipelines and their runs: keys in, screens out.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use super::{graph::Chart, *};
use crate::{
    model::{
        Event,
        pipeline::{Run, samples},
        sample_builds,
    },
    ui::{Effect, Msg, desk::Desk, pane::stage},
};

fn fleet() -> Fleet {
    let mut fleet = stage::fleet();
    fleet.apply(Event::Pipelines(Ok(samples::pipelines())));
    fleet.apply(Event::Runs(Ok(samples::runs(stage::now()))));
    fleet
}

fn desk(columns: u16, rows: u16) -> Desk {
    Desk::new(fleet(), columns, rows).keys("P")
}

/// Answers what the pane wants of logs, as the console would.
fn answer(desk: &mut Desk) {
    let wanted = desk.ui().wants_runs().unwrap();
    let (run, step, from) = wanted.log.unwrap();
    let runs = samples::runs(stage::now());
    let held = runs.iter().find(|held| held.run.number == run).unwrap();
    let lines = samples::lines(&held.run, &step, stage::now());
    let next = LogPlace(u64::try_from(lines.len()).unwrap());
    let known = usize::try_from(from.0).unwrap();
    let lines = lines.into_iter().skip(known).collect();
    desk.send(Msg::StepLog(run, step, Ok(LogChunk { lines, next })));
}

fn holds(desk: &mut Desk, texts: &[&str]) {
    let screen = desk.screen();
    for text in texts {
        assert!(screen.contains(text), "no '{text}' in\n{screen}");
    }
}

#[test]
fn pipelines_are_listed_with_their_last_runs_and_who_is_asked() {
    for (columns, rows) in [(80, 24), (200, 50)] {
        let mut desk = desk(columns, rows);
        holds(
            &mut desk,
            &[
                "Pipelines[4]",
                "▸ ‖ ✕ ● ●",
                "▸ running",
                "no run yet",
                "restore-check",
            ],
        );
    }
    let mut desk = desk(200, 50);
    // With room the runs of the pipeline under the cursor stand below.
    holds(&mut desk, &["Runs of web-release", ", 2 failed"]);
    let mut desk = desk.keys("/ i s : b l o c k e d enter");
    holds(&mut desk, &["No pipeline matches 'is:blocked'"]);
}

#[test]
fn a_pipeline_opens_to_its_runs_and_a_run_to_its_steps() {
    let mut desk = desk(200, 50).keys("/ r e l e a s e enter enter");
    holds(
        &mut desk,
        &[
            "Runs(web-release)[8]",
            "#61",
            "‖ blocked",
            "1 of eve, ops-lead",
            "main 4be81c07",
            ", 2 failed",
        ],
    );
    let mut desk = desk.keys("j j enter");
    holds(
        &mut desk,
        &["Run #58 web-release", "✕ failure", "✕ e2e", "── ", "┬", "┤"],
    );
    assert!(
        desk.ui().wants_runs().unwrap().log.unwrap().1.as_str() == "e2e",
        "the step that failed is looked at first"
    );
    answer(&mut desk);
    holds(
        &mut desk,
        &[
            "Log of e2e [9] following",
            "FAIL  basket > keeps its articles",
            "62 passed, 2 failed  ▲ 2 more failed",
            "basket: keeps its articles after a login",
            "try        2 of 2",
            "traces/firefox.zip",
        ],
    );
    let mut desk = desk.keys("esc");
    holds(&mut desk, &["Runs(web-release)"]);
    let mut desk = desk.keys("esc");
    holds(&mut desk, &["Pipelines["]);
}

#[test]
fn on_a_small_screen_steps_are_a_list_and_tab_leads_to_log_and_facts() {
    let mut desk = desk(80, 24).keys("/ r e l e a s e enter enter j enter");
    holds(&mut desk, &["‖ approve", "blocked", "Log of approve"]);
    let mut desk = desk.keys("tab tab");
    holds(
        &mut desk,
        &["eve, ops-lead", "until", "sha256:5d0c1f2ab7e94c36"],
    );
    let mut desk = desk.resize(200, 50);
    holds(&mut desk, &["‖ approve 27m40s", "0 of 1"]);
    let mut desk = desk.resize(40, 12);
    holds(&mut desk, &["Run #60"]);
}

#[test]
fn the_log_of_a_step_is_searched_filtered_and_goes_on_where_it_was() {
    let mut desk = desk(200, 50).keys("/ r e l e a s e enter enter j j enter");
    answer(&mut desk);
    answer(&mut desk);
    holds(&mut desk, &["Log of e2e [9]"]);
    let mut desk = desk.keys("/ v o u c h e r enter");
    holds(&mut desk, &["search voucher"]);
    let mut desk = desk.keys("enter & F A I L enter");
    holds(&mut desk, &["Log of e2e [5 of 9]"]);
    let mut desk = desk.keys("esc esc w");
    holds(&mut desk, &["Log of e2e [9]", "wrapped"]);
    // Another step has another log.
    let mut desk = desk.keys("esc k");
    let wanted = desk.ui().wants_runs().unwrap().log.unwrap();
    assert_eq!((wanted.1.as_str(), wanted.2), ("stage", LogPlace(0)));
    holds(&mut desk, &["Log of stage [0]"]);
    let (run, step, _) = wanted;
    desk.send(Msg::StepLog(run, step, Err("the store is away".to_owned())));
    holds(&mut desk, &["the store is away"]);
}

#[test]
fn two_marked_runs_are_compared() {
    let mut desk = desk(120, 40).keys("/ r e l e a s e enter enter d");
    holds(&mut desk, &["mark two runs first"]);
    let mut desk = desk.keys("j j space space d");
    holds(
        &mut desk,
        &[
            "Runs #55 and #58",
            "LOG_LEVEL",
            "! e2e",
            "✕ failure",
            "fails in #58 alone: basket keeps its articles after a login",
        ],
    );
    let mut desk = desk.keys("esc");
    holds(&mut desk, &["Runs(web-release)[8] 2 marked"]);
}

#[test]
fn a_pipeline_that_asks_something_is_started_with_a_form() {
    let mut desk = desk(100, 30).keys("/ r e l e a s e enter r");
    holds(
        &mut desk,
        &["web-release: what it asks", "LOG_LEVEL", "< info >"],
    );
    // What must be said is asked for first.
    let mut desk = desk.keys("enter");
    holds(&mut desk, &["something has to be said"]);
    let mut desk = desk.type_text("OPS-7").keys("enter");
    holds(&mut desk, &[":pipeline run web-release --set TICKET=OPS-7"]);
}

#[test]
fn sentences_name_the_run_and_the_step_under_the_cursor() {
    let fleet = fleet();
    let mut pane = Pipelines::default();
    let say = |words: &str| Nav::Say {
        text: vec![words.to_owned()],
    };
    stage::settle(&mut pane, &fleet, 200, 50);
    assert!(pane.show_run(RunNumber(60), None, false, &fleet));
    let replies = stage::moves(
        &mut pane,
        &fleet,
        (200, 50),
        &[
            say("pipeline approve"),
            say("pipeline reject"),
            say("pipeline cancel"),
            Nav::Up { rows: 2 },
            say("pipeline retry"),
        ],
    );
    let said = |line: &str| Reply::Say(line.to_owned());
    assert_eq!(replies[0], said("pipeline approve 60 approve"));
    assert_eq!(replies[1], said("pipeline reject 60 approve"));
    assert_eq!(replies[2], said("pipeline cancel 60"));
    assert_eq!(replies[4], said("pipeline retry 60 --from e2e"));
    assert!(pane.show_run(RunNumber(58), None, false, &fleet));
    let replies = stage::moves(&mut pane, &fleet, (200, 50), &[say("pipeline approve")]);
    assert_eq!(replies[0], Reply::Refuse("run #58 asks nobody".to_owned()));
    assert!(!pane.show_run(RunNumber(4711), None, false, &fleet));
}

#[test]
fn what_cannot_be_read_is_told_and_an_empty_place_says_what_to_do() {
    let mut desk = Desk::new(stage::fleet(), 80, 24).keys("P");
    holds(&mut desk, &["Reading …"]);
    desk.send(Msg::Event(Event::Runs(Ok(Arc::new([])))));
    holds(
        &mut desk,
        &["No pipeline is known", "wharf pipeline check FILE"],
    );
    desk.send(Msg::Event(Event::Runs(Err("disk full".into()))));
    holds(&mut desk, &["Runs cannot be read: disk full"]);
    // What was read before stays, and is seen to be old.
    let mut desk = self::desk(80, 24);
    desk.send(Msg::Event(Event::Runs(Err("disk full".into()))));
    holds(&mut desk, &["web-release", "disk full"]);
    let mut desk = desk.keys("/ r e s t o r e enter enter");
    holds(&mut desk, &["disk full"]);
}

#[test]
fn runs_that_come_and_go_do_not_move_the_cursor() {
    let mut desk = desk(100, 30).keys("/ r e l e a s e enter enter j");
    let mut more: Vec<RunHeld> = samples::runs(stage::now()).to_vec();
    let mut newest = more[0].clone();
    newest.run.number = RunNumber(900);
    more.insert(0, newest);
    desk.send(Msg::Event(Event::Runs(Ok(more.into()))));
    let mut desk = desk.keys("enter");
    holds(&mut desk, &["Run #60"]);
    // A run that is gone is left.
    desk.send(Msg::Event(Event::Runs(Ok(Arc::new([])))));
    holds(&mut desk, &["Pipelines["]);
}

#[test]
fn five_hundred_runs_are_scrolled_and_sorted() {
    let one = samples::runs(stage::now())[2].clone();
    let many: Vec<RunHeld> = (1..=500)
        .rev()
        .map(|number| {
            let mut held = one.clone();
            held.run.number = RunNumber(number);
            held
        })
        .collect();
    let mut fleet = stage::fleet();
    fleet.apply(Event::Runs(Ok(many.into())));
    let mut desk = Desk::new(fleet, 80, 24).keys("P enter G");
    holds(&mut desk, &["[500]", "#1"]);
    let mut desk = desk.keys("enter");
    holds(&mut desk, &["Run #1 "]);
}

#[test]
fn nothing_is_read_where_nobody_looks() {
    let mut desk = Desk::new(fleet(), 80, 24);
    assert_eq!(desk.ui().wants_runs(), None);
    let mut desk = desk.keys("P");
    assert_eq!(desk.ui().wants_runs().unwrap().log, None);
    assert!(!desk.effects().contains(&Effect::Quit));
}

#[test]
fn steps_stand_in_lanes_and_lines_lead_from_one_to_the_next() {
    let run = samples::runs(stage::now())
        .iter()
        .find(|held| held.run.number == RunNumber(60))
        .unwrap()
        .run
        .clone();
    let chart = Chart::of(&run.pipeline);
    assert_eq!(chart.lanes(), 4);
    let order: Vec<&str> = chart
        .order()
        .iter()
        .map(|(_, name)| name.as_str())
        .collect();
    assert_eq!(
        order,
        [
            "checkout", "build", "lint", "unit-20", "unit-22", "stage", "e2e", "gate", "approve",
            "prod", "tell"
        ]
    );
    let stage = "stage".parse().unwrap();
    assert_eq!(chart.beside(&stage, true).unwrap().as_str(), "e2e");
    insta::assert_snapshot!("graph", drawn(&run, &chart, 180).join("\n"));
    // What is under the cursor is in sight where there is less room.
    insta::assert_snapshot!("graph_narrow", drawn(&run, &chart, 50).join("\n"));
}

/// The graph as it is drawn, line by line.
fn drawn(run: &Run, chart: &Chart, cells: u16) -> Vec<String> {
    let area = Rect::new(0, 0, cells, 9);
    let mut buffer = ratatui::buffer::Buffer::empty(area);
    let step = "build".parse().unwrap();
    chart.draw(
        run,
        Some(&step),
        stage::now(),
        &stage::look(),
        &mut buffer,
        area,
    );
    (0..area.height)
        .map(|y| (0..area.width).map(|x| buffer[(x, y)].symbol()).collect())
        .collect()
}

#[test]
fn a_terminal_without_utf_8_gets_ascii_only() {
    for keys in ["P", "P enter", "P enter enter", "P enter enter tab tab"] {
        let mut desk = Desk::with_look(fleet(), 200, 50, stage::ascii()).keys(keys);
        let screen = desk.screen();
        assert!(screen.is_ascii(), "{screen}");
    }
}

/// With the builds that the console would have read.
fn built(columns: u16, rows: u16) -> Desk {
    let mut desk = desk(columns, rows).keys("B");
    assert!(desk.ui().wants_runs().unwrap().builds);
    let runs = samples::runs(stage::now());
    let builds = sample_builds(&runs, stage::now());
    desk.send(Msg::Event(Event::Builds(Ok(builds.into()))));
    desk
}

#[test]
fn builds_are_listed_and_lead_to_what_they_said() {
    for (columns, rows) in [(80, 24), (200, 50)] {
        let mut desk = built(columns, rows);
        holds(
            &mut desk,
            &["Builds[", "IMAGE", "RESULT", "● done", "shop:0.9"],
        );
        // One of a run opens the step that made it, and back is the list.
        let mut desk = desk.keys("enter");
        holds(&mut desk, &["Run #", "Log of "]);
        let mut desk = desk.keys("esc");
        holds(&mut desk, &["Builds["]);
        // One that somebody said has its log by itself.
        let mut desk = desk.keys("G enter");
        holds(
            &mut desk,
            &["Build 3 on fra-1", "RUN npm ci: exit code 1", "from ./shop"],
        );
        let (run, step, from) = desk.ui().wants_runs().unwrap().log.unwrap();
        assert_eq!(run, RunNumber::of_build(3));
        let lines = vec![crate::model::pipeline::LogLine {
            at: 7,
            error: false,
            text: "Step 1/3 : FROM node:20".to_owned(),
        }];
        let next = LogPlace(from.0 + 1);
        desk.send(Msg::StepLog(run, step, Ok(LogChunk { lines, next })));
        holds(&mut desk, &["Step 1/3 : FROM node:20"]);
        let mut desk = desk.keys("esc");
        holds(&mut desk, &["Builds["]);
    }
    let mut desk = desk(80, 24).keys("B");
    holds(&mut desk, &["Reading …"]);
    desk.send(Msg::Event(Event::Builds(Ok(Arc::new([])))));
    holds(&mut desk, &["No image was built yet", "image build SOURCE"]);
    desk.send(Msg::Event(Event::Builds(Err("disk full".into()))));
    holds(&mut desk, &["Builds cannot be read: disk full"]);
}

#[test]
fn the_menu_offers_what_fits_a_pipeline_a_run_and_a_build() {
    let mut desk = desk(200, 50).keys("a");
    holds(
        &mut desk,
        &[
            "pipeline run",
            "pipeline logs",
            "image builds",
            "notify history",
        ],
    );
    // The newest run of the pipeline whose run asks somebody.
    let mut desk = self::desk(200, 50).keys("/ r e l e a s e enter enter j a");
    holds(
        &mut desk,
        &[
            "run #60 of web-release",
            "pipeline approve",
            "pipeline reject",
            "pipeline cancel",
        ],
    );
    assert!(
        !desk.screen().contains("pipeline retry"),
        "{}",
        desk.screen()
    );
    // What is chosen is said, as its key would.
    let mut desk = desk.keys("esc j a");
    holds(&mut desk, &["pipeline retry"]);
    let mut desk = built(200, 50).keys("a");
    holds(&mut desk, &["Copy its digest", "What the build said"]);
}
