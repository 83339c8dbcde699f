//! Writes `screenshots/`: every pane at 80×24 and 200×50, as pictures that cannot go stale.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "picture/fleet.rs"]
mod fleet;
#[path = "picture/foreign.rs"]
mod foreign;
#[path = "picture/mod.rs"]
mod picture;

use std::{
    fs,
    path::{Path, PathBuf},
};

use wharf::{
    model::{
        Action, Check, Feed, Finding, Fleet, LogBatch, Mark, Payload, Said, Stream,
        pipeline::{LogChunk, LogPlace, samples},
    },
    ops::Progress,
    ui::{
        Effect, Msg,
        desk::Desk,
        look::{Glyphs, Look},
        theme::{Depth, Theme},
    },
};

use self::picture::{DARK, LIGHT, Own};

/// What is typed before each picture is taken.
const PICTURES: &[(&str, &str)] = &[
    ("overview", ""),
    ("hosts", "2"),
    ("doctor", "2 w"),
    ("apps", "= enter j enter"),
    (
        "apps-rollback",
        "= / a p p : s h o p space e n v : p r o d enter d b",
    ),
    (
        "apps-images",
        "= / a p p : s h o p space e n v : p r o d enter d d",
    ),
    ("help-apps", "= ?"),
    ("pipelines", "P"),
    ("pipeline-runs", "P / r e l e a s e enter enter space"),
    ("pipeline-run", "P / r e l e a s e enter enter j j enter"),
    (
        "pipeline-failed",
        "P / r e l e a s e enter enter j j enter tab tab",
    ),
    ("pipeline-approval", "P enter j enter tab tab"),
    (
        "pipeline-compare",
        "P / r e l e a s e enter enter j j space space d",
    ),
    ("pipeline-form", "P / r e l e a s e enter r"),
    ("help-pipelines", "P ?"),
    ("containers", "3 j j"),
    ("containers-tiles", "3 t right"),
    ("containers-filter", "3 / i s : b r o k e n enter"),
    ("images", "5"),
    ("subnets", "6"),
    ("subnets-map", "6 t"),
    ("subnets-network", "6 / m e s h enter enter"),
    ("help-subnets", "6 ?"),
    ("swarms", "W"),
    ("swarms-nodes", "W t"),
    ("help-swarms", "W ?"),
    ("volumes", "7"),
    ("volumes-disks", "7 t"),
    ("volumes-files", "7 enter"),
    ("templates", "0"),
    ("templates-table", "0 t j j j j"),
    ("template-form", "0 / r e d i s enter enter down"),
    ("operations", "8"),
    ("settings", "9"),
    ("settings-theme", "9 enter"),
    ("settings-typed", "9 j j enter p a n e space n o w h"),
    ("columns", "3 o"),
    ("detail", "3 enter"),
    ("act", "8 j enter"),
    ("help", "3 ?"),
    ("help-overview", "1 ?"),
    ("help-hosts", "2 ?"),
    ("help-logs", "3 l f1"),
    ("help-operations", "8 ?"),
    ("help-settings", "9 ?"),
    ("help-searched", "3 ? r e m o v e"),
    ("logs", "3 l"),
    ("logs-merged", "3 space space space l t"),
    ("logs-search", "3 l / r e f u s e d enter"),
    ("logs-filter", "3 l & ! h e a l t h enter L L"),
    ("logs-json", "3 l J"),
    ("messages", "8 r r m"),
    ("filtered-away", "3 / z z z enter"),
    ("host-offline", "2 / l o n - 3 enter"),
    ("menu", "3 a"),
    ("palette", "3 : c o n t a i n e r space r"),
    ("question", "3 space space r"),
];

/// How the container grid looks in each theme, and where only ASCII may be drawn.
const LOOKS: &[(&str, Depth, Glyphs, Own)] = &[
    ("light", Depth::True, Glyphs::UNICODE, LIGHT),
    ("high-contrast", Depth::True, Glyphs::UNICODE, DARK),
    ("sixteen", Depth::Sixteen, Glyphs::UNICODE, DARK),
    ("mono", Depth::Mono, Glyphs::ASCII, DARK),
];

/// Answers a checkup that the keys asked for.
fn examined(desk: &mut Desk) {
    let found = [
        (
            Check::Configuration,
            Mark::Ok,
            "ssh goes to ops@10.0.0.1:22",
            "",
        ),
        (Check::Name, Mark::Ok, "10.0.0.1 is an address", ""),
        (
            Check::Tcp,
            Mark::Ok,
            "10.0.0.1:22 answers: OpenSSH_9.2p1",
            "",
        ),
        (
            Check::HostKey,
            Mark::Ok,
            "ssh-ed25519 SHA256:l31MooCSY2U/eoEZxWNdG25XHHHQivQ4E7en7muwmUo is in known_hosts",
            "",
        ),
        (Check::Login, Mark::Ok, "ops is let in by publickey", ""),
        (Check::Session, Mark::Ok, "ops has a shell", ""),
        (Check::Socket, Mark::Ok, "/var/run/docker.sock (usable)", ""),
        (
            Check::Access,
            Mark::Ok,
            "ops may use it (groups: ops, docker)",
            "",
        ),
        (
            Check::Forwarding,
            Mark::Warning,
            "sshd forbids it; `docker system dial-stdio` carries 24 streams at most",
            "in the sshd_config of 10.0.0.1: AllowStreamLocalForwarding yes (or local), and no DisableForwarding for this account",
        ),
        (
            Check::Engine,
            Mark::Failed,
            "no daemon listens at /var/run/docker.sock",
            "sudo systemctl start docker on 10.0.0.1",
        ),
        (Check::Api, Mark::NotReached, "", ""),
        (Check::Clock, Mark::NotReached, "", ""),
        (Check::Disk, Mark::NotReached, "", ""),
    ];
    for effect in desk.effects() {
        let Effect::Run(id, act) = effect else {
            continue;
        };
        if act.plan.steps[0].action != Action::Examine {
            continue;
        }
        for (check, mark, saw, remedy) in found {
            let finding = Finding {
                check,
                hop: None,
                mark,
                saw: saw.to_owned(),
                remedy: remedy.to_owned(),
                ms: 12,
            };
            desk.send(Msg::Run(id, Progress::Said(0, Said::Finding(finding))));
        }
    }
}

/// A terminal that is not like most: its name, its size, what it can show, and what is typed.
struct Kind {
    name: &'static str,
    size: (u16, u16),
    depth: Depth,
    glyphs: Glyphs,
    fleet: fn() -> Fleet,
    keys: &'static str,
}

impl Kind {
    fn theme(&self) -> Theme {
        let name = match self.depth {
            Depth::Sixteen => "sixteen",
            Depth::True | Depth::Indexed | Depth::Mono => "dark",
        };
        Theme::embedded(name).unwrap().for_depth(self.depth)
    }
}

const KINDS: &[Kind] = &[
    Kind {
        name: "text-console",
        size: (80, 25),
        depth: Depth::Sixteen,
        glyphs: Glyphs::CONSOLE,
        fleet: fleet::demo,
        keys: "3 j j",
    },
    Kind {
        name: "ascii",
        size: (80, 24),
        depth: Depth::Sixteen,
        glyphs: Glyphs::ASCII,
        fleet: fleet::demo,
        keys: "1",
    },
    Kind {
        name: "scripts",
        size: (140, 30),
        depth: Depth::True,
        glyphs: Glyphs::UNICODE,
        fleet: || foreign::renamed(fleet::demo()),
        keys: "3 H j",
    },
    Kind {
        name: "smallest",
        size: (40, 12),
        depth: Depth::True,
        glyphs: Glyphs::UNICODE,
        fleet: fleet::demo,
        keys: "3 j r",
    },
    Kind {
        name: "largest",
        size: (400, 120),
        depth: Depth::True,
        glyphs: Glyphs::UNICODE,
        fleet: fleet::demo,
        keys: "3 enter",
    },
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("screenshots")
}

/// Writes a picture, unless it is there already just so. In CI a difference is a failure: the
/// picture was not written again with the change that altered it.
fn keep(name: &str, svg: &str) -> Option<String> {
    let path = folder().join(name);
    if fs::read_to_string(&path).is_ok_and(|there| there == svg) {
        return None;
    }
    fs::create_dir_all(folder()).unwrap();
    fs::write(&path, svg).unwrap();
    Some(name.to_owned())
}

/// What services of this kind log, with which severity it reads.
const LINES: &[(Stream, &str)] = &[
    (Stream::Stdout, "GET /cart/4711 200 12 ms trace=9f31c2"),
    (
        Stream::Stdout,
        r#"{"level":"info","msg":"order placed","order":88213,"ms":41}"#,
    ),
    (Stream::Stdout, "POST /checkout 201 87 ms trace=5be07a"),
    (Stream::Stderr, "WARN  pool: 19 of 20 connections in use"),
    (Stream::Stdout, "GET /health 200 1 ms"),
    (
        Stream::Stderr,
        "ERROR ledger: connect to postgres:5432: connection refused, retry 3 in 2 s",
    ),
];

/// Brings the logs that a console wants.
fn logged(desk: &mut Desk) {
    for feed in desk.wants() {
        if !matches!(feed, Feed::Logs(..)) {
            continue;
        }
        let mut lines = LogBatch::default();
        for n in 0..60 {
            let (stream, text) = LINES[usize::try_from(n).unwrap() * 5 % LINES.len()];
            let at = (fleet::now().as_second() - 60 + n) * 1_000_000_000;
            lines.push(Some(at), stream, text.as_bytes());
        }
        desk.send(Msg::Feed(feed, Payload::Lines(lines)));
    }
}

/// Brings the log of the step that a console looks at.
fn stepped(desk: &mut Desk) {
    let wanted = desk.ui().wants_runs().and_then(|wanted| wanted.log);
    let Some((run, step, _)) = wanted else {
        return;
    };
    let runs = samples::runs(fleet::now());
    let held = runs.iter().find(|held| held.run.number == run).unwrap();
    let lines = samples::lines(&held.run, &step, fleet::now());
    let next = LogPlace(u64::try_from(lines.len()).unwrap());
    desk.send(Msg::StepLog(run, step, Ok(LogChunk { lines, next })));
}

#[test]
fn every_pane_has_its_pictures() {
    let mut changed = Vec::new();
    let mut names = Vec::new();
    for (width, height) in [(80, 24), (200, 50)] {
        for (name, keys) in PICTURES {
            let mut desk = Desk::new(fleet::demo(), width, height)
                .at(fleet::now())
                .keys(keys);
            fleet::inspected(&mut desk);
            logged(&mut desk);
            stepped(&mut desk);
            examined(&mut desk);
            let name = format!("{name}-{width}x{height}.svg");
            changed.extend(keep(&name, &picture::svg(&desk.buffer(), DARK)));
            names.push(name);
        }
    }
    for (width, height) in [(80, 24), (200, 50)] {
        for (name, found, keys) in [
            ("welcome", fleet::found(), "j j space j j space"),
            ("welcome-end", fleet::found(), "G"),
            ("welcome-nothing", fleet::nothing_found(), ""),
        ] {
            let mut desk = Desk::new(fleet::demo(), width, height)
                .at(fleet::now())
                .keys(": p a n e space w e l c o m e enter");
            desk.send(Msg::Found(Box::new(found)));
            let mut desk = desk.keys(keys);
            let name = format!("{name}-{width}x{height}.svg");
            changed.extend(keep(&name, &picture::svg(&desk.buffer(), DARK)));
            names.push(name);
        }
    }
    for (width, height, keys) in [(80, 24, "t"), (80, 50, "tab"), (200, 50, "")] {
        // Where there is little room the detail of an app is asked for.
        let mut desk = Desk::new(fleet::demo(), width, height)
            .at(fleet::now())
            .keys("= / a p p : s h o p space e n v : p r o d enter")
            .keys(keys);
        let name = format!("app-{width}x{height}.svg");
        changed.extend(keep(&name, &picture::svg(&desk.buffer(), DARK)));
        names.push(name);
    }
    for (width, height) in [(80, 24), (200, 50)] {
        for (name, keys) in [("no-hosts", "2"), ("no-containers", "3")] {
            let mut desk = Desk::new(Fleet::new(), width, height)
                .at(fleet::now())
                .keys(keys);
            let name = format!("{name}-{width}x{height}.svg");
            changed.extend(keep(&name, &picture::svg(&desk.buffer(), DARK)));
            names.push(name);
        }
    }
    for (theme, depth, glyphs, own) in LOOKS {
        let look = Look {
            theme: Theme::embedded(theme).unwrap().for_depth(*depth),
            glyphs: *glyphs,
        };
        let mut desk = Desk::with_look(fleet::demo(), 120, 30, look)
            .at(fleet::now())
            .keys("3 j space j j : c o n t a i n e r space");
        let name = format!("theme-{theme}-120x30.svg");
        changed.extend(keep(&name, &picture::svg(&desk.buffer(), *own)));
        names.push(name);
    }
    for kind in KINDS {
        let look = Look {
            theme: kind.theme(),
            glyphs: kind.glyphs,
        };
        let (width, height) = kind.size;
        let mut desk = Desk::with_look((kind.fleet)(), width, height, look)
            .at(fleet::now())
            .keys(kind.keys);
        fleet::inspected(&mut desk);
        let name = format!("terminal-{}-{width}x{height}.svg", kind.name);
        changed.extend(keep(&name, &picture::svg(&desk.buffer(), DARK)));
        names.push(name);
    }
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            names.contains(&name),
            "screenshots/{name} is written by no test"
        );
    }
    let in_ci = option_env!("CI").is_some() || std::env::var_os("CI").is_some();
    assert!(
        !in_ci || changed.is_empty(),
        "these pictures were not up to date: {}",
        changed.join(", ")
    );
}
