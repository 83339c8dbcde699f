//! What happens to a terminal while the console is on it: sizes, signals, stopping.

use std::{process::Command, thread, time::Duration};

use super::{matrix::DEMO, terminal::Terminal};

/// Waits until the screen is what it is when it is drawn anew. Leftovers would stay different for ever.
#[track_caller]
fn is_as_if_drawn_anew(console: &mut Terminal) {
    for _ in 0..60 {
        let before = console.screen_with_styles();
        console.keys("\x0c");
        thread::sleep(Duration::from_millis(120));
        let after = console.screen_with_styles();
        if before == after {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("it never is:\n{}", console.screen());
}

#[test]
fn a_storm_of_sizes_ends_with_the_right_screen() {
    let mut console = Terminal::start(&DEMO, 80, 24);
    console.wait_for("hosts 2/2");
    console.keys("3");
    console.wait_for("Containers[12]");
    for step in 0..200_u16 {
        let columns = [80, 200, 41, 120, 1, 400, 20][usize::from(step % 7)] + step % 3;
        let rows = [24, 50, 12, 30, 1, 120, 5][usize::from(step % 7)];
        console.resize(columns, rows);
        if step % 10 == 0 {
            console.keys("j");
        }
        thread::sleep(Duration::from_millis(10));
    }
    console.resize(0, 0);
    thread::sleep(Duration::from_millis(50));
    console.resize(100, 30);
    console.wait("the whole table", |screen| {
        screen.contains("Containers[12]") && screen.contains("W swar")
    });
    is_as_if_drawn_anew(&mut console);
    let frames = console.screen().matches("Containers[12]").count();
    assert_eq!(frames, 1, "{}", console.screen());
    console.keys("\x03");
    assert!(console.wait_end());
    assert!(console.is_restored());
}

#[test]
fn stopped_it_gives_the_terminal_to_the_shell_and_takes_it_again_at_another_size() {
    let mut shell = Terminal::start_shell(90, 28);
    shell.wait_for("shell> ");
    let line = format!("\"$WHARF\" {}\r", DEMO.join(" "));
    shell.keys(&line);
    shell.wait_for("hosts 2/2");
    shell.keys("3");
    shell.wait_for("Containers[12]");
    assert!(shell.is_raw());
    shell.keys("\x1a");
    shell.wait_for("Stopped");
    assert!(!shell.is_raw(), "keys are lines again");
    assert!(shell.is_restored());
    shell.keys("echo here-$((40+2)); stty size\r");
    shell.wait_for("here-42");
    shell.resize(120, 36);
    shell.keys("fg\r");
    shell.wait("the table in the new size", |screen| {
        screen.contains("Containers[12]") && screen.lines().count() == 36
    });
    assert!(shell.is_raw());
    is_as_if_drawn_anew(&mut shell);
    shell.keys("j\x1a");
    shell.wait_for("here-42");
    shell.keys("fg\r");
    shell.wait_for("Containers[12]");
    shell.keys("\x03");
    shell.wait("the shell again", |screen| {
        screen.contains("here-42") && !screen.contains("Containers[")
    });
    assert!(!shell.is_raw());
    shell.keys("exit\r");
    assert!(shell.wait_end());
}

#[test]
fn whatever_ends_it_the_terminal_is_as_before() {
    for signal in ["-TERM", "-HUP", "-INT"] {
        let mut console = Terminal::start(&DEMO, 80, 24);
        console.wait_for("hosts 2/2");
        assert!(console.is_raw());
        let pid = console.pid().to_string();
        let killed = Command::new("kill").args([signal, &pid]).status();
        assert!(killed.unwrap().success());
        assert!(console.wait_end(), "{signal}");
        assert!(console.is_restored(), "{signal}");
        assert!(!console.is_raw(), "{signal}");
    }
}
