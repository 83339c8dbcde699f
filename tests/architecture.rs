//! The rules of the house: direction of imports, homes of libraries, one owner, no waiting in the interface.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read the source has failed"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Each layer with what it may name of the others. `main` and `lib` are no layers.
const LAYERS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("sim", &[]),
    ("logs", &["model"]),
    ("engine", &["model"]),
    ("catalog", &["model"]),
    ("store", &["model"]),
    ("config", &["model", "logs"]),
    ("clients", &["model"]),
    (
        "ops",
        &[
            "model", "logs", "engine", "store", "config", "catalog", "clients",
        ],
    ),
    ("ui", &["model", "logs", "ops"]),
    (
        "console",
        &[
            "model", "logs", "engine", "store", "config", "catalog", "clients", "ops", "ui",
        ],
    ),
    (
        "worker",
        &[
            "model", "logs", "engine", "store", "config", "catalog", "clients", "ops",
        ],
    ),
    (
        "cli",
        &[
            "model", "logs", "engine", "store", "config", "catalog", "clients", "ops", "console",
            "sim", "worker",
        ],
    ),
];

/// A word, and the only places where it may stand (prefixes of paths below `src`).
const HOMES: &[(&str, &[&str])] = &[
    ("bollard", &["engine/"]),
    ("sqlx", &["store/"]),
    ("reqwest", &["clients/"]),
    ("ratatui", &["ui/", "console/"]),
    ("crossterm", &["ui/", "console/"]),
    ("Color::", &["ui/theme.rs", "console/painter.rs"]),
    (
        "KeyCode::",
        &["ui/keymap.rs", "ui/desk.rs", "console/decode"],
    ),
    ("std::env", &["config/"]),
    ("env::var", &["config/"]),
    ("println!", &["cli/", "main.rs"]),
];

/// Where some words must never stand.
const NEVER: &[(&[&str], &[&str])] = &[
    (
        &["model/", "logs/", "ops/", "ui/"],
        &["Arc<Mutex", "Arc<RwLock", "RefCell", "static mut"],
    ),
    (
        &["model/", "logs/", "ui/"],
        &[
            "async ",
            ".await",
            "std::fs",
            "std::process",
            "Instant::now",
            "SystemTime",
            "Timestamp::now",
        ],
    ),
];

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &root, &mut files);
    assert!(files.len() > 50, "only {} files were found", files.len());
    files
}

fn collect(root: &Path, dir: &Path, files: &mut Vec<(String, String)>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(root, &path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let name = path.strip_prefix(root).unwrap();
            let text = fs::read_to_string(&path).unwrap();
            files.push((name.to_str().unwrap().to_owned(), text));
        }
    }
}

/// Whether a file holds tests only.
fn is_test(file: &str) -> bool {
    file.ends_with("tests.rs") || file.contains("/tests/")
}

/// The code of a file: without its tests, its comments and what is within quotes, by line.
fn code(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim() == "#[cfg(test)]" {
            break;
        }
        let line = line.split("//").next().unwrap_or("");
        let outside: Vec<&str> = line.split('"').step_by(2).collect();
        lines.push((number + 1, outside.join("\"\"")));
    }
    lines
}

/// The lines of code, with the lines of a `use` joined into one, so that its group can be read.
fn statements(text: &str) -> Vec<(usize, String)> {
    let mut joined: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in code(text) {
        let begins = line
            .trim_start()
            .trim_start_matches("pub ")
            .starts_with("use ");
        if open {
            joined.last_mut().unwrap().1.push_str(line.trim());
        } else {
            joined.push((number, line.clone()));
        }
        open = (begins || open) && !line.contains(';');
    }
    joined
}

/// The layers that a statement names as `crate::layer`, alone or in a group.
fn named(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        let rest = &line[at + 7..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(heads(group)),
            None => found.push(word(rest)),
        }
    }
    found
}

fn word(text: &str) -> String {
    text.trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// The first words of the members of a group of imports.
fn heads(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut heads = vec![word(group)];
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(word(&group[at + 1..])),
            _ => {}
        }
        if depth < 0 {
            break;
        }
    }
    heads
}

/// What a path of `super`s at the layer's root reaches: the word after as many as the file is deep.
fn through_super(file: &str, line: &str) -> Option<String> {
    let depth = file.matches('/').count() + usize::from(!file.ends_with("mod.rs"));
    let climb = "super::".repeat(depth.max(1));
    let rest = line.split(&climb).nth(1)?;
    Some(word(rest.trim_start_matches('{')))
}

#[test]
fn imports_point_downwards() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let layer = file.split(['/', '.']).next().unwrap();
        let Some((own, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
            continue;
        };
        for (number, line) in statements(&text) {
            let reached = named(&line).into_iter().chain(through_super(&file, &line));
            for target in reached {
                let is_layer = LAYERS.iter().any(|(name, _)| *name == target);
                if is_layer && target != *own && !allowed.contains(&target.as_str()) {
                    wrong.push(format!("src/{file}:{number}: {own} must not know {target}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_layer_is_known_to_these_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(root).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let name = name.trim_end_matches(".rs");
        let known =
            LAYERS.iter().any(|(layer, _)| *layer == name) || ["main", "lib"].contains(&name);
        assert!(known, "src/{name} is in no row of LAYERS");
    }
}

#[test]
fn libraries_stay_at_home() {
    let mut wrong = Vec::new();
    for (file, text) in sources().iter().filter(|(file, _)| !is_test(file)) {
        for (number, line) in code(text) {
            for (library, homes) in HOMES {
                if line.contains(library) && !homes.iter().any(|home| file.starts_with(home)) {
                    wrong.push(format!(
                        "src/{file}:{number}: {library} belongs into {homes:?}"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn values_neither_wait_nor_share() {
    let mut wrong = Vec::new();
    for (file, text) in sources().iter().filter(|(file, _)| !is_test(file)) {
        for (places, words) in NEVER {
            if !places.iter().any(|place| file.starts_with(place)) {
                continue;
            }
            for (number, line) in code(text) {
                let found = words.iter().filter(|word| line.contains(**word));
                wrong.extend(found.map(|word| format!("src/{file}:{number}: no {word} here")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    for (file, text) in sources() {
        let first = text.lines().next().unwrap_or("");
        assert!(
            first.starts_with("//! ") && first.len() > 12,
            "src/{file} does not open with a sentence: {first}"
        );
    }
}

#[test]
fn exceptions_to_lints_give_their_reason() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        if text.contains("#[allow(") || text.contains("#![allow(") {
            wrong.push(format!("src/{file}: use #[expect(…, reason = …)]"));
        }
        for (at, _) in text.match_indices("[expect(") {
            let attribute = text[at..].split(")]").next().unwrap_or("");
            if !attribute.contains("reason") {
                wrong.push(format!("src/{file}: no reason: {attribute}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What must never be built in, with the reason.
const BANNED: &[(&str, &str)] = &[
    ("openssl-sys", "one TLS, rustls with ring"),
    ("native-tls", "one TLS, rustls with ring"),
    ("aws-lc-sys", "one TLS, rustls with ring; it needs cmake"),
    ("cmake", "no C++ build"),
    ("serde_yaml", "no longer kept"),
    ("libssh2-sys", "the system's own ssh"),
    ("libgit2-sys", "the system's own git"),
];

#[test]
fn nothing_banned_is_locked() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lock = fs::read_to_string(root.join("Cargo.lock")).unwrap();
    let deny = fs::read_to_string(root.join("deny.toml")).unwrap();
    assert!(
        lock.contains("name = \"rustls\""),
        "it is no lock file of ours"
    );
    for (name, why) in BANNED {
        let entry = format!("name = \"{name}\"\n");
        assert!(!lock.contains(&entry), "{name} is in Cargo.lock: {why}");
        let told = format!("\"{name}\"");
        assert!(deny.contains(&told), "deny.toml does not ban {name}");
    }
}

#[test]
fn the_rules_themselves_can_fail() {
    assert_eq!(
        named("use crate::{model::Fleet, engine};"),
        ["model", "engine"]
    );
    assert_eq!(named("let x = crate::store::Store::open();"), ["store"]);
    let text = "use crate::{\n    model::{Fleet, Host},\n    engine::Engines,\n};\n";
    let found: Vec<String> = statements(text)
        .iter()
        .flat_map(|(_, line)| named(line))
        .collect();
    assert_eq!(found.join(" ").trim(), "model engine");
    assert_eq!(
        through_super("ui/mod.rs", "use super::engine;").unwrap(),
        "engine"
    );
    assert_eq!(
        through_super("ui/pane/logs/mod.rs", "use super::super::super::store::X;").unwrap(),
        "store"
    );
    assert!(
        !code("let a = \"println!\"; // println!\n")[0]
            .1
            .contains("println!")
    );
}
