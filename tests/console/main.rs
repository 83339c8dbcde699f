//! The console as an operator uses it: the real program in a terminal, on real Docker hosts.
#![expect(clippy::unwrap_used, reason = "tests")]

mod apps;
mod faults;
mod matrix;
mod store;
mod storm;
mod terminal;
mod typing;
mod wire;

use std::{
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use terminal::Terminal;
use wharf_lab::Lab;

/// The console on hosts of the lab, all of them when none is named.
fn open(lab: &Lab, hosts: &[&str], columns: u16, rows: u16) -> Terminal {
    let config = lab.wharf_config();
    let mut arguments = vec!["--config", config.to_str().unwrap()];
    for host in hosts {
        arguments.extend(["-H", host]);
    }
    Terminal::start(&arguments, columns, rows)
}

/// The processes whose parent that process is.
fn children(pid: u32) -> Vec<String> {
    let output = Command::new("pgrep")
        .args(["-P", &pid.to_string()])
        .output()
        .unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

fn is_alive(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn a_container_killed_by_hand_is_seen_read_restarted_and_recorded() {
    let lab = Lab::shared();
    let node = lab.disturb("node2");
    node.docker(&[
        "run",
        "-d",
        "--name",
        "victim",
        "lab/busybox:1",
        "sh",
        "-c",
        "while :; do echo alive $((i+=1)); sleep 1; done",
    ]);
    let mut console = open(&lab, &["node1", "node2"], 120, 30);
    console.wait_for("hosts 2/2");
    console.keys("3/victim\r");
    console.wait("the victim runs", |screen| {
        screen.contains("victim") && screen.contains("running")
    });
    node.docker(&["kill", "victim"]);
    console.wait_for("exited 137");
    console.keys("l");
    console.wait_for("alive 1");
    console.keys("\x1b");
    console.wait_for("exited 137");
    console.keys("r");
    console.wait_for("victim@node2");
    console.keys("y");
    console.wait("it runs again", |screen| {
        screen.contains("● running") && !screen.contains("exited 137")
    });
    console.keys("8");
    console.wait("the log of acts", |screen| {
        screen.contains("container restart victim@node2") && screen.contains("done")
    });
    console.keys("q");
    assert!(console.wait_end());
    node.docker(&["rm", "-f", "victim"]);
}

#[test]
fn all_hosts_of_the_lab_are_shown_also_those_behind_a_jump_host_and_without_forwarding() {
    let lab = Lab::shared();
    let hosts: Vec<_> = ["node1", "node2", "node3", "node4"]
        .map(|name| lab.host(name))
        .into_iter()
        .collect();
    assert_eq!(hosts.len(), 4);
    let mut console = open(&lab, &[], 200, 50);
    console.wait_for("hosts 4/4");
    console.keys("2");
    console.wait("the ways in use", |screen| {
        screen.contains("ssh-stdio") && screen.contains("node3")
    });
}

#[test]
fn leaving_by_any_way_restores_the_terminal_and_leaves_no_child() {
    let lab = Lab::shared();
    let _node = lab.host("node1");
    for signal in [None, Some("-TERM"), Some("-HUP")] {
        let mut console = open(&lab, &["node1"], 80, 24);
        console.wait_for("hosts 1/1");
        let masters = children(console.pid());
        assert!(!masters.is_empty(), "an ssh master is its child");
        match signal {
            None => console.keys("q"),
            Some(signal) => {
                let done = Command::new("kill")
                    .args([signal, &console.pid().to_string()])
                    .status();
                assert!(done.unwrap().success());
            }
        }
        assert!(console.wait_end(), "{signal:?}");
        assert!(console.is_restored(), "{signal:?}");
        thread::sleep(Duration::from_millis(300));
        let left: Vec<_> = masters.iter().filter(|pid| is_alive(pid)).collect();
        assert!(left.is_empty(), "{signal:?}: still alive: {left:?}");
    }
}

#[test]
fn a_terminal_that_is_gone_ends_the_console() {
    let home = tempfile::tempdir().unwrap();
    let server = format!("wharf-{}", std::process::id());
    let tmux = |line: &[&str]| {
        let mut command = Command::new("tmux");
        command.args(["-L", &server]).args(line);
        command
            .env("HOME", home.path())
            .env("XDG_RUNTIME_DIR", home.path());
        let output = command.output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let program = format!("exec {} demo", env!("CARGO_BIN_EXE_wharf"));
    tmux(&[
        "-f",
        "/dev/null",
        "new-session",
        "-d",
        "-x",
        "80",
        "-y",
        "24",
        &program,
    ]);
    let pid = tmux(&["list-panes", "-F", "#{pane_pid}"]);
    let wait = |what: &str, wanted: &dyn Fn() -> bool| {
        let start = Instant::now();
        while !wanted() {
            assert!(
                start.elapsed() < Duration::from_secs(45),
                "never seen: {what}"
            );
            thread::sleep(Duration::from_millis(50));
        }
    };
    wait("the demo", &|| {
        tmux(&["capture-pane", "-p"]).contains("hosts 6/6")
    });
    tmux(&["kill-server"]);
    wait("its end", &|| !is_alive(&pid));
}

#[test]
fn a_shell_in_a_container_takes_the_terminal_and_gives_it_back() {
    let lab = Lab::shared();
    let socket = format!("plain={}", lab.engine("unix"));
    let mut console = Terminal::start(&["-H", &socket], 100, 30);
    console.wait_for("hosts 1/1");
    console.keys("3/web-1\r");
    console.wait("web-1", |screen| {
        screen.contains("web-1") && screen.contains("healthy")
    });
    console.keys("s");
    console.wait_for("built-in shell");
    console.keys("sleep 1; echo $((6*7)) \"$(stty size)\"\r");
    console.wait_for("42 30 100");
    console.resize(90, 28);
    console.keys("sleep 1; stty size\r");
    console.wait_for("28 90");
    console.keys("exit\r");
    console.wait("back on the row", |screen| {
        screen.contains("back from web-1@plain") && screen.contains("Containers")
    });
    console.keys("q");
    assert!(console.wait_end());
}

#[test]
fn a_line_said_at_the_start_opens_its_pane() {
    let lab = Lab::shared();
    let socket = format!("plain={}", lab.engine("unix"));
    let mut console = Terminal::start(&["-H", &socket, "--start", "pane containers"], 100, 30);
    console.wait("the containers", |screen| {
        screen.contains("Containers[") && screen.contains("web-1")
    });
    console.keys("\x03");
    assert!(console.wait_end());
}

#[test]
fn the_wheel_moves_the_cursor_where_the_mouse_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("wharf.toml");
    fs::write(&config, "[ui]\nmouse = true\n").unwrap();
    let arguments = [
        "--config",
        config.to_str().unwrap(),
        "-H",
        "a=unix:///a",
        "-H",
        "b=unix:///b",
    ];
    let mut console = Terminal::start(&arguments, 100, 30);
    console.keys("2");
    console.wait_for("Hosts[2]");
    console.keys("\x1b[<65;10;10M");
    console.keys("\r");
    console.wait("the second host", |screen| screen.contains("host:b"));
    console.keys("\x03");
    assert!(console.wait_end());
    let raw = String::from_utf8_lossy(&console.raw()).into_owned();
    assert!(raw.contains("\x1b[?1000h") && raw.rfind("\x1b[?1000l") > raw.rfind("\x1b[?1000h"));
}

#[test]
fn any_size_is_drawn_and_nothing_panics() {
    let lab = Lab::shared();
    let socket = format!("plain={}", lab.engine("unix"));
    let mut console = Terminal::start(&["-H", &socket], 80, 24);
    console.wait_for("hosts 1/1");
    for (columns, rows) in [
        (200, 50),
        (40, 12),
        (20, 5),
        (10, 3),
        (400, 120),
        (1, 1),
        (80, 24),
    ] {
        for pane in [
            "1", "2", "3", "5", "6", "7", "8", "3\r", "\x1b", "4", "-", "?", "\x1b",
        ] {
            console.keys(pane);
        }
        console.resize(columns, rows);
    }
    console.wait_for("wharf");
    console.keys("3");
    console.wait_for("Containers");
    console.keys("\x03");
    assert!(console.wait_end());
    assert!(console.is_restored());
}
