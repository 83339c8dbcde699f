//! A deploy in two consoles at once: one that a shell works on is seen in both, told to stand still in one and taken back
//! in the other.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use wharf_lab::Lab;

use super::terminal::Terminal;

const APP: &str = "deploys-seen";

const HOSTS: [&str; 2] = ["node1", "node2"];

const FILE: &str = "
services:
  web:
    image: lab/busybox:1
    command: [sh, -c, \"echo $$GREETING; trap 'exit 0' TERM; while true; do sleep 1 & wait; done\"]
    environment: {GREETING: \"${GREETING:-one}\"}
    stop_grace_period: 1s
    deploy: {replicas: 2}
";

/// A configuration, an app, and a store that all share.
struct Scene {
    lab: Lab,
    home: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let lab = Lab::shared();
        let home = tempfile::tempdir().unwrap();
        let entry = |host: &str| {
            format!(
                "[[host]]\nname = \"{host}\"\nendpoint = \"ssh://{host}\"\nenvironment = \"dev\"\n"
            )
        };
        let hosts: String = HOSTS.into_iter().map(entry).collect();
        let text = format!(
            "[ssh]\nconfig = \"{}\"\n{hosts}",
            lab.ssh_config().display()
        );
        fs::write(home.path().join("wharf.toml"), text).unwrap();
        fs::write(home.path().join("compose.yaml"), FILE).unwrap();
        let scene = Self { lab, home };
        scene.clear();
        scene
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Takes everything of the app away.
    fn clear(&self) {
        for host in HOSTS {
            let mine = format!("label=com.docker.compose.project={APP}");
            let docker = |words: &[&str]| self.lab.command(&[&["docker", host], words].concat());
            for id in docker(&["ps", "-aq", "--filter", &mine]).split_whitespace() {
                docker(&["rm", "-f", "-v", id]);
            }
            for id in docker(&["network", "ls", "-q", "--filter", &mine]).split_whitespace() {
                docker(&["network", "rm", id]);
            }
        }
    }

    /// `app deploy` from a shell.
    fn deploy(&self, words: &[&str]) -> Child {
        let file = self.file("compose.yaml");
        let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
        command
            .args(["--config", self.file("wharf.toml").to_str().unwrap()])
            .args(["app", "deploy", APP, "--file", file.to_str().unwrap()])
            .args([
                "--hosts", "env:dev", "--settle", "1s", "--bake", "1s", "--yes",
            ])
            .args(words)
            .env("HOME", self.home.path())
            .env("XDG_DATA_HOME", self.file("data"))
            .env("USER", "ben")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// A console on the pane of apps, at the app.
    fn console(&self, columns: u16, rows: u16) -> Terminal {
        let config = self.file("wharf.toml");
        let data = text(&self.file("data"));
        let arguments = ["--config", config.to_str().unwrap()];
        let mut console =
            Terminal::start_with(&arguments, columns, rows, &[("XDG_DATA_HOME", &data)]);
        console.wait_for("hosts 2/2");
        console.keys(&format!("=/app:{APP}\r"));
        console
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_deploy_is_seen_in_every_console_and_stopped_and_taken_back_from_any() {
    let scene = Scene::new();
    let (_one, _two) = (scene.lab.host("node1"), scene.lab.host("node2"));
    assert!(scene.deploy(&[]).wait().unwrap().success());
    let mut wide = scene.console(200, 50);
    wide.wait("the first release is everywhere", |screen| {
        screen.contains("r000001 is everywhere")
            && screen.contains("None: what runs is what was deployed")
    });
    let mut small = scene.console(80, 24);
    small.keys("t");
    small.wait_for("r000001 is everywhere");
    // The second batch is waited for longer than anybody looks.
    let mut worker = scene.deploy(&["--set", "GREETING=two", "--batch", "1", "--wait", "10m"]);
    for console in [&wide, &small] {
        console.wait("the deploy with half of it done", |screen| {
            screen.contains("Deploy of r000002 rolling")
                && screen.contains("1 of 2 replicas, 1 of 2 hosts")
                && screen.contains("GREETING one → two")
        });
    }
    wide.keys("dp");
    wide.wait_for("Have r000002 of deploys-seen");
    wide.keys("y");
    for console in [&wide, &small] {
        console.wait_for("Deploy of r000002 paused");
    }
    assert!(!worker.wait().unwrap().success());
    small.keys("da");
    small.wait_for("Take r000002 of deploys-seen");
    // What it does is shown over the pane.
    small.keys("y");
    small.wait_for("app abort");
    small.keys("\x1b");
    for console in [&wide, &small] {
        console.wait("it went back", |screen| {
            screen.contains("r000002  rolled-back") && !screen.contains("Deploy of")
        });
    }
    wide.wait_for("None: what runs is what was deployed");
    // Drift is told as it happens: somebody removes a replica by hand.
    let made = scene.lab.command(&[
        "docker",
        "node1",
        "ps",
        "-q",
        "--filter",
        &format!("label=io.wharf.app={APP}"),
    ]);
    scene
        .lab
        .command(&["docker", "node1", "rm", "-f", made.trim()]);
    wide.wait_for("web@node1: 1 of 1 do not run");
    for console in [&mut wide, &mut small] {
        console.keys("\x03");
        assert!(console.wait_end());
    }
    scene.clear();
}
