//! Who acts, and from where: what the log of acts says of the operator.

use std::{fs, os::unix::fs::MetadataExt, process::Command};

use super::Env;
use crate::model::{Actor, Origin};

/// The variable in which the worker says for whom it acts: who started a run.
pub const FOR: &str = "WHARF_FOR";

/// The variable in which it says that it is a worker.
pub const WORKER: &str = "WHARF_WORKER";

/// The variable in which it says which step of a run says the sentence.
pub const STEP: &str = "WHARF_STEP";

/// By what is acted here. Whoever sets these variables themselves gets no further than with their own keys.
pub(super) fn actor(env: &Env) -> Actor {
    match (env.text(FOR), env.is_set(WORKER)) {
        (None, _) => Actor::Person,
        (Some(_), true) => Actor::Worker,
        (Some(_), false) => Actor::Console,
    }
}

/// What the kernel says when nobody logged in (services, containers).
const NO_LOGIN: u32 = u32::MAX;

/// A user as the machine's list has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub name: String,
    pub home: String,
}

/// Who acts, from where, through `console` or `shell`.
///
/// The name comes from the kernel: the user of the process, and before it the one who logged in,
/// whom neither `su` nor `sudo` changes. Variables are only asked where the kernel does not say,
/// for everybody can set them.
pub fn origin(env: &Env, through: &str) -> Origin {
    let uid = uid(env);
    let acting = name_of(env, uid);
    let login = login_uid(env)
        .filter(|login| *login != uid)
        .map(|login| name_of(env, login))
        .or_else(|| env.text("SUDO_USER").filter(|_| uid == 0));
    let operator = match login {
        Some(login) if login != acting => format!("{login} ({acting})"),
        Some(_) | None => acting,
    };
    // Somebody else stands behind it; both have to be allowed to, so that saying so opens nothing.
    let operator = match env.text(FOR) {
        Some(other) if crate::model::release::person(&other) != operator => {
            let other = crate::model::release::person(&other).to_owned();
            format!("{other} (via {})", crate::model::release::person(&operator))
        }
        Some(_) | None => operator,
    };
    Origin {
        operator,
        place: place(env),
        through: through.to_owned(),
        step: env.text(STEP).and_then(|text| text.parse().ok()),
    }
}

/// The machine, the terminal and the SSH client, as far as there are any.
fn place(env: &Env) -> String {
    let mut parts = vec![machine(env)];
    parts.extend(terminal(env));
    let client = env
        .text("SSH_CONNECTION")
        .or_else(|| env.text("SSH_CLIENT"));
    if let Some(address) = client
        .as_deref()
        .and_then(|text| text.split_whitespace().next())
    {
        parts.push(format!("from {address}"));
    }
    parts.join(" ")
}

/// The name of this machine.
fn machine(env: &Env) -> String {
    ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .into_iter()
        .filter_map(|path| fs::read_to_string(env.at(path)).ok())
        .map(|text| text.trim().to_owned())
        .find(|name| !name.is_empty())
        .or_else(|| env.text("HOSTNAME"))
        .unwrap_or_else(|| "unknown machine".to_owned())
}

/// The terminal on one of the standard streams: `pts/3`.
fn terminal(env: &Env) -> Option<String> {
    (0..=2).find_map(|stream| {
        let target = fs::read_link(env.at(&format!("/proc/self/fd/{stream}"))).ok()?;
        let name = target.to_str()?.strip_prefix("/dev/")?;
        (name.starts_with("pts/") || name.starts_with("tty")).then(|| name.to_owned())
    })
}

/// The number of the user this process runs as.
pub(super) fn uid(env: &Env) -> u32 {
    fs::metadata(env.at("/proc/self")).map_or(NO_LOGIN, |process| process.uid())
}

/// The number of the user who logged in, if anybody did.
fn login_uid(env: &Env) -> Option<u32> {
    let text = fs::read_to_string(env.at("/proc/self/loginuid")).ok()?;
    text.trim().parse().ok().filter(|uid| *uid != NO_LOGIN)
}

/// A user's name, or `uid 1234` when no list of users has one.
fn name_of(env: &Env, uid: u32) -> String {
    user(env, uid).map_or_else(|| format!("uid {uid}"), |user| user.name)
}

/// A user by number: from the machine's own list, else from a directory service, as `getent` asks it.
pub(super) fn user(env: &Env, uid: u32) -> Option<User> {
    let list = fs::read_to_string(env.at("/etc/passwd")).unwrap_or_default();
    list.lines()
        .find_map(|line| of_line(line, uid))
        .or_else(|| {
            let answer = Command::new("getent")
                .args(["passwd", &uid.to_string()])
                .output()
                .ok()?;
            String::from_utf8_lossy(&answer.stdout)
                .lines()
                .find_map(|line| of_line(line, uid))
        })
}

/// One line of a list of users: name, password, number, group, comment, home, shell.
fn of_line(line: &str, uid: u32) -> Option<User> {
    let fields: Vec<&str> = line.split(':').collect();
    match fields[..] {
        [name, _, number, _, _, home, ..] if number.parse() == Ok(uid) => Some(User {
            name: name.to_owned(),
            home: home.to_owned(),
        }),
        _ => None,
    }
}
