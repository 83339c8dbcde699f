//! Jenkins from a shell and as a step of pipelines, against a stub that independent clients confirm.
#![expect(clippy::unwrap_used, reason = "tests")]

mod acting;
mod asking;
#[expect(dead_code, reason = "more than these tests need")]
#[path = "../cli/bench.rs"]
mod bench;
#[path = "tree.rs"]
mod jenkins_tree;
mod oracle;
mod running;
mod stub;

use std::{fs, os::unix::fs::PermissionsExt as _};

use self::{bench::Bench, stub::Jenkins};

/// A bench that knows that server as `ci`, with more lines of its section.
fn bench(jenkins: &Jenkins, more: &str) -> Bench {
    let bench = Bench::new();
    know(&bench, jenkins, more);
    bench
}

/// Has a bench know a server as `ci`.
fn know(bench: &Bench, jenkins: &Jenkins, more: &str) {
    let text = fs::read_to_string(bench.file()).unwrap();
    let text = text.split("\n[[jenkins]]").next().unwrap().to_owned();
    let url = &jenkins.url;
    let section = format!("\n[[jenkins]]\nname = \"ci\"\nurl = \"{url}\"\n{more}\n");
    fs::write(bench.file(), text + &section).unwrap();
}

/// Keeps a secret beside wharf.toml.
fn keep(bench: &Bench, name: &str, secret: &str) {
    let path = bench.file().with_file_name(name);
    fs::write(&path, format!("{secret}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A bench that has ann's token.
fn with_token(jenkins: &Jenkins) -> Bench {
    let bench = bench(jenkins, "user = \"ann\"\ntoken_file = \"ci-token\"");
    keep(&bench, "ci-token", stub::TOKEN);
    bench
}
