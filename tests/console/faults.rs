//! Hosts that fail while the console looks at them, on the lab's real hosts: the reason is told where the host
//! is, the console goes on answering keys, and a host that is well again comes back by itself.

use std::{thread, time::Duration};

use wharf_lab::Lab;

use super::{open, terminal::Terminal};

/// Shows the containers that a filter accepts, and only those.
fn filter_containers(console: &mut Terminal, filter: &str) {
    console.keys("3");
    console.wait_for("Containers[");
    console.keys(&format!("/\x15{filter}\r"));
    console.wait_for(&format!("</{filter}>"));
}

/// Shows the hosts with the cursor on the last.
fn last_host(console: &mut Terminal) {
    console.keys("2");
    console.wait_for("Hosts[");
    console.keys("G");
}

/// Reads the log of the ticker under the cursor, and comes back.
fn read_log(console: &mut Terminal) {
    console.keys("l");
    console.wait("its lines", |screen| {
        screen.contains("Logs(ticker-1") && screen.contains("tick ")
    });
    console.keys("\x1b");
    console.wait_for("Containers[");
}

/// Goes through the panes and back: each key has to be answered before the next is typed.
fn goes_on_answering(console: &mut Terminal) {
    for (key, title) in [
        ("1", "Overview["),
        ("3", "Containers["),
        ("8", "Operations["),
        ("?", "Help"),
    ] {
        console.keys(key);
        console.wait_for(title);
    }
    console.keys("\x1b");
    console.wait("the help is closed", |screen| !screen.contains("Help"));
    console.keys("2");
    console.wait_for("Hosts[");
}

#[test]
fn a_host_that_is_cut_off_tells_why_fails_its_acts_and_comes_back_by_itself() {
    let lab = Lab::shared();
    let _near = lab.host("node1");
    let far = lab.disturb("node2");
    let mut console = open(&lab, &["node1", "node2"], 120, 36);
    console.wait_for("hosts 2/2");
    filter_containers(&mut console, "web-1 host:node2");
    console.wait_for("healthy");
    far.cut();

    // Nobody knows yet: the act begins, and ends with the connection.
    console.keys("r");
    console.wait_for("Restart web-1@node2?");
    console.keys("y");
    goes_on_answering(&mut console);
    console.wait_for("hosts 1/2");
    console.wait("the act failed", |screen| {
        screen.contains("web-1@node2: 10.") && screen.contains("no longer answers")
    });
    console.keys("8\r");
    console.wait("the act is recorded with its reason", |screen| {
        screen.contains("container restart web-1@node2")
            && screen.contains("failed")
            && screen.contains("look whether it was")
    });
    console.keys("\r");

    last_host(&mut console);
    console.wait("the host tells why, and when it is tried again", |screen| {
        screen.contains("✕ offline")
            && screen.contains("reason")
            && screen.contains("remedy")
            && (screen.contains("next try in") || screen.contains("trying again now"))
    });
    // Now it is known, and another act is not even begun.
    filter_containers(&mut console, "web-1 host:node2");
    console.keys("r");
    console.wait_for("warning: node2 is offline");

    far.heal();
    console.wait_for("hosts 2/2");
    console.keys("r");
    console.wait_for("Restart web-1@node2?");
    console.keys("y");
    console.wait_for("Done: Restart web-1@node2");
    let (_, log) = console.shell(&["audit", "list", "-o", "json"]);
    assert_eq!(
        log.matches("container restart web-1@node2").count(),
        2,
        "{log}"
    );
    assert!(console.shell(&["audit", "verify"]).0);
}

#[test]
fn a_host_that_is_down_at_the_start_delays_nobody_and_appears_by_itself() {
    let lab = Lab::shared();
    let _near = lab.host("node1");
    let far = lab.disturb("node4");
    far.cut();
    let mut console = open(&lab, &["node1", "node4"], 80, 24);
    console.wait_for("hosts 1/2");
    last_host(&mut console);
    let screen = console.wait_for("is not reached");
    assert!(screen.contains("remedy"), "{screen}");
    far.heal();
    console.wait_for("hosts 2/2");
}

#[test]
fn an_engine_that_is_stopped_and_started_again_is_followed() {
    let lab = Lab::shared();
    let node = lab.disturb("node4");
    let mut console = open(&lab, &["node4"], 120, 36);
    console.wait_for("hosts 1/1");
    node.stop_dockerd();
    last_host(&mut console);
    console.wait("what is wrong, and what to do", |screen| {
        screen.contains("hosts 0/1")
            && screen.contains("does not run")
            && screen.contains("systemctl start docker")
    });
    node.start_dockerd();
    console.wait_for("hosts 1/1");
    filter_containers(&mut console, "web-1 state:running");
    console.wait_for("web-1 ");

    node.restart_dockerd();
    console.wait("it is online again, and web-1 runs", |screen| {
        screen.contains("hosts 1/1") && screen.contains("● running")
    });
    console.keys("r");
    console.wait_for("Restart web-1@node4?");
    console.keys("y");
    console.wait_for("Done: Restart web-1@node4");
}

#[test]
fn an_engine_that_hangs_is_told_apart_from_a_host_that_does() {
    let lab = Lab::shared();
    let node = lab.disturb("node4");
    let mut console = open(&lab, &["node4"], 120, 36);
    console.wait_for("hosts 1/1");
    node.freeze_dockerd();
    last_host(&mut console);
    goes_on_answering(&mut console);
    console.wait_for("the engine did not answer");
    node.thaw_dockerd();
    console.wait_for("hosts 1/1");
}

#[test]
fn a_frozen_sshd_holds_up_nothing_and_its_host_is_back_when_it_thaws() {
    let lab = Lab::shared();
    let _near = lab.host("node1");
    let far = lab.disturb("node2");
    let mut console = open(&lab, &["node1", "node2"], 120, 36);
    console.wait_for("hosts 2/2");
    far.freeze_sshd();
    goes_on_answering(&mut console);
    console.wait_for("hosts 1/2");
    last_host(&mut console);
    console.wait("the host is said to be silent", |screen| {
        screen.contains("answers") || screen.contains("no sshd greets")
    });
    goes_on_answering(&mut console);
    far.thaw_sshd();
    console.wait_for("hosts 2/2");
}

#[test]
fn sessions_that_are_killed_are_opened_again() {
    let lab = Lab::shared();
    let node = lab.disturb("node4");
    let mut console = open(&lab, &["node4"], 120, 36);
    console.wait_for("hosts 1/1");
    filter_containers(&mut console, "ticker-1");
    console.wait_for("● running");
    read_log(&mut console);
    last_host(&mut console);
    node.kill_sshd_sessions();
    console.wait("it is seen", |screen| {
        screen.contains("hosts 0/1") || screen.contains("online for 0s")
    });
    console.wait_for("hosts 1/1");
}

#[test]
fn on_a_slow_and_lossy_line_the_console_answers_and_acts() {
    let lab = Lab::shared();
    let node = lab.disturb("node2");
    node.slow(Duration::from_millis(200), 2);
    let mut console = open(&lab, &["node2"], 80, 24);
    console.wait_for("hosts 1/1");
    for _ in 0..5 {
        goes_on_answering(&mut console);
    }
    filter_containers(&mut console, "ticker-1");
    console.wait_for("● running");
    read_log(&mut console);
    console.keys("r");
    console.wait_for("Restart ticker-1@node2?");
    console.keys("y");
    console.wait_for("Done: Restart ticker-1@node2");
    node.fast();
}

#[test]
fn a_host_that_wants_a_password_is_logged_in_to_with_the_console_suspended() {
    let lab = Lab::shared();
    let _node = lab.host("node1");
    let mut console = open(&lab, &["needs-password=ssh://needs-password"], 120, 36);
    console.keys("2");
    console.wait("what it wants, and the key for it", |screen| {
        screen.contains("asks for a password")
            && screen.contains("not tried again until you do something")
            && screen.contains("L log in")
    });

    // A person thinks better of it. ssh misses a key that comes between its question and its reading.
    console.keys("L");
    console.wait_for("'s password:");
    while !console.screen().contains("Hosts[") {
        console.keys("\x03");
        thread::sleep(Duration::from_millis(300));
    }
    console.wait_for("the login was broken off");
    console.wait_for("not tried again until you do something");

    // What the first login wrote stands above.
    let asked = |console: &Terminal, times: usize| {
        console.wait("it asks", |screen| {
            screen.matches("'s password:").count() == times
        });
    };
    console.keys("L");
    asked(&console, 2);
    console.keys("wrong\r");
    console.wait_for("Permission denied, please try again.");
    asked(&console, 3);
    console.keys("lab\r");
    console.wait("the console is back, and the host is online", |screen| {
        screen.contains("hosts 1/1") && screen.contains("● online")
    });
    console.keys("q");
    assert!(console.wait_end());
    assert!(console.is_restored());
    let raw = String::from_utf8_lossy(&console.raw()).into_owned();
    assert!(!raw.contains("wrong"), "a password was shown");
}
