//! Terminals that read slowly: keys are answered first, and nothing stale stands between.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::terminal::Terminal;

/// What a line of 9600 bits a second carries.
const CARRIED: usize = 960;
/// A fleet in which much changes by itself.
const LIVELY: [&str; 7] = [
    "demo",
    "--hosts",
    "3",
    "--containers",
    "20",
    "--churn",
    "60",
];

/// How long it takes until the screen is as wanted.
fn until(console: &Terminal, wanted: impl Fn(&str) -> bool) -> Duration {
    let start = Instant::now();
    console.wait("the answer", wanted);
    start.elapsed()
}

/// Opens the containers and lets the line get through with them.
fn settled(mut console: Terminal) -> Terminal {
    console.wait_for("hosts 3/3");
    console.keys("3");
    console.wait_for("Containers[60]");
    thread::sleep(Duration::from_secs(8));
    console
}

#[test]
fn at_9600_baud_a_key_is_answered_within_about_a_second_and_idling_leaves_the_line_free() {
    for (says, arguments) in [
        (true, LIVELY.to_vec()),
        (false, [&LIVELY[..], &["--baud", "9600"]].concat()),
    ] {
        let mut console = settled(Terminal::start_on_line(&arguments, CARRIED, says));
        let before = console.raw().len();
        thread::sleep(Duration::from_secs(20));
        let idle = console.raw().len() - before;
        assert!(idle <= 20 * CARRIED / 4 + 300, "{idle} bytes in 20 s");
        assert!(idle > 50, "figures are refreshed: {idle} bytes in 20 s");
        let mut slowest = Duration::ZERO;
        for round in 0..6 {
            // A line of its own at the bottom, which no figure touches.
            let text = format!("/x{round}");
            console.keys(&text);
            slowest = slowest.max(until(&console, |screen| screen.contains(&text)));
            console.keys("\x1b");
            slowest = slowest.max(until(&console, |screen| !screen.contains(&text)));
            thread::sleep(Duration::from_millis(700 * round));
        }
        println!("{idle} bytes in 20 s; slowest answer {slowest:?}");
        assert!(slowest < Duration::from_millis(2500), "{slowest:?}");
        console.keys("\x03");
        assert!(console.wait_end());
        assert!(console.is_restored());
    }
}

#[test]
fn a_held_key_does_not_run_behind_on_a_slow_line() {
    let mut console = settled(Terminal::start_on_line(&LIVELY, CARRIED, true));
    for _ in 0..60 {
        console.keys("j");
        thread::sleep(Duration::from_millis(33));
    }
    let start = Instant::now();
    console.keys(":");
    console.wait_for("host list");
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
    console.keys("\x1b");
    thread::sleep(Duration::from_millis(100));
    console.keys("\x03");
    assert!(console.wait_end());
}

#[test]
fn a_terminal_that_reads_nothing_holds_up_nothing_and_shows_the_newest_when_it_reads() {
    let mut console = Terminal::start(&LIVELY, 120, 40);
    console.wait_for("hosts 3/3");
    console.keys("3");
    console.wait_for("Containers[60]");
    console.stop_reading();
    // The second escape closes a help that the first did not: one belongs to the key behind it where the machine stands
    // still meanwhile, and what is typed then is searched for.
    let cycle = ["t", "t", "?", "\x1b", "\x1b", "2", "3"];
    for keys in cycle.iter().cycle().take(70) {
        console.keys(keys);
        // A key that comes soon after an escape belongs to it.
        let rest = if *keys == "\x1b" { 200 } else { 40 };
        thread::sleep(Duration::from_millis(rest));
    }
    console.keys("2");
    thread::sleep(Duration::from_secs(1));
    let before = console.raw().len();
    console.go_on_reading();
    console.wait_for("Hosts[3]");
    thread::sleep(Duration::from_millis(500));
    let stale = console.raw().len() - before;
    assert!(stale < 120_000, "{stale} bytes were waiting");
    console.keys("\x03");
    assert!(console.wait_end());
    assert!(console.is_restored());
}

#[test]
fn a_terminal_that_reads_nothing_does_not_keep_the_console_from_ending() {
    let mut console = Terminal::start(&LIVELY, 200, 50);
    console.wait_for("hosts 3/3");
    console.stop_reading();
    for keys in ["3", "t", "2", "?", "\x1b", "8"].iter().cycle().take(60) {
        console.keys(keys);
        thread::sleep(Duration::from_millis(20));
    }
    let start = Instant::now();
    let pid = console.pid().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status();
    assert!(killed.unwrap().success());
    console.wait_end();
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
}
