//! The tiny file system of a container: a base that every one has, and over it what was copied in.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::Bytes;
use serde_json::{Value, json};

use super::clock::{self, Nanos};
use super::container::Container;
use super::logs;

/// What a path is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A directory.
    Directory,
    /// A file and its bytes.
    File(Bytes),
    /// A symbolic link and where it leads.
    Link(String),
}

/// A file, directory or link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub content: Content,
    /// Unix permissions.
    pub mode: u32,
    /// When it was changed.
    pub changed: Nanos,
}

impl Entry {
    /// A directory.
    pub const fn directory(changed: Nanos) -> Self {
        Self {
            content: Content::Directory,
            mode: 0o755,
            changed,
        }
    }

    /// Bytes, as `stat` counts them.
    pub fn size(&self) -> usize {
        match &self.content {
            Content::Directory => 4096,
            Content::File(bytes) => bytes.len(),
            Content::Link(target) => target.len(),
        }
    }

    /// The mode as Go's `os.FileMode` has it: kind in the high bits.
    pub const fn go_mode(&self) -> u32 {
        match self.content {
            Content::Directory => 1 << 31 | self.mode,
            Content::File(_) => self.mode,
            Content::Link(_) => 1 << 27 | self.mode,
        }
    }
}

/// All that is in a container, by absolute path without a slash at the end; the root is `""`.
pub type Tree = BTreeMap<String, Entry>;

/// The files of a container at this moment.
pub fn tree(container: &Container, now: Nanos) -> Tree {
    let at = container.created;
    let mut tree = base(container, now);
    for mount in &container.plan.mounts {
        add_parents(&mut tree, &mount.destination, at);
        tree.entry(mount.destination.clone())
            .or_insert(Entry::directory(at));
    }
    if let Some(extras) = &container.extras {
        for (path, entry) in &extras.files {
            add_parents(&mut tree, path, entry.changed);
            tree.insert(path.clone(), entry.clone());
        }
    }
    tree
}

/// What is in a volume of a fleet from the beginning: a handful of small files.
pub fn born(name: &str, at: Nanos) -> Tree {
    let mut tree = Tree::new();
    tree.insert(String::new(), Entry::directory(at));
    for directory in ["/base", "/base/1", "/wal"] {
        tree.insert(directory.to_owned(), Entry::directory(at));
    }
    let rows = 2 + name.len();
    let files = [
        ("/VERSION", "15\n".to_owned()),
        ("/README", format!("What {name} holds.\n")),
        ("/base/1/table.dat", "row of a table\n".repeat(rows)),
        ("/wal/000001.log", format!("begin\ncommit {rows}\n")),
    ];
    for (path, text) in files {
        let content = Content::File(Bytes::from(text));
        let entry = Entry {
            content,
            mode: 0o640,
            changed: at,
        };
        tree.insert(path.to_owned(), entry);
    }
    let current = Entry {
        content: Content::Link("000001.log".to_owned()),
        mode: 0o777,
        changed: at,
    };
    tree.insert("/wal/current".to_owned(), current);
    tree
}

/// What every container has.
fn base(container: &Container, now: Nanos) -> Tree {
    const DIRECTORIES: [&str; 10] = [
        "",
        "/app",
        "/bin",
        "/data",
        "/etc",
        "/tmp",
        "/usr",
        "/usr/local",
        "/var",
        "/var/log",
    ];
    let at = container.created;
    let directories = DIRECTORIES.map(|path| (path.to_owned(), Entry::directory(at)));
    let short = &container.id[..12];
    let hosts = format!("127.0.0.1\tlocalhost\n{}", hosts(container, short));
    let log = logs::last_lines(container, now, 50).join("\n") + "\n";
    let files = [
        ("/etc/hostname", format!("{short}\n")),
        ("/etc/hosts", hosts),
        ("/etc/passwd", PASSWD.to_owned()),
        ("/etc/os-release", OS_RELEASE.to_owned()),
        ("/app/config.yaml", config(container)),
        ("/var/log/app.log", log),
        ("/bin/busybox", "\u{7f}ELF of the sim\n".to_owned()),
    ];
    let files = files.map(|(path, text)| {
        let content = Content::File(Bytes::from(text));
        (
            path.to_owned(),
            Entry {
                content,
                mode: 0o644,
                changed: at,
            },
        )
    });
    let links = ["cat", "echo", "ls", "sh", "stty"].map(|name| {
        let content = Content::Link("/bin/busybox".into());
        (
            format!("/bin/{name}"),
            Entry {
                content,
                mode: 0o777,
                changed: at,
            },
        )
    });
    directories.into_iter().chain(files).chain(links).collect()
}

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\napp:x:10001:10001::/app:/sbin/nologin\n";
const OS_RELEASE: &str =
    "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";

fn hosts(container: &Container, short: &str) -> String {
    let lines = container.networks.iter().filter_map(|one| one.address);
    lines.fold(String::new(), |mut all, address| {
        let _ = writeln!(all, "{address}\t{short}");
        all
    })
}

fn config(container: &Container) -> String {
    let port = container.plan.ports.first().map_or(0, |port| port.private);
    format!(
        "name: {}\nlisten: 0.0.0.0:{port}\nlog:\n  level: info\n",
        container.name
    )
}

/// Makes the directories above a path.
pub fn add_parents(tree: &mut Tree, path: &str, at: Nanos) {
    for (end, _) in path.match_indices('/') {
        tree.entry(path[..end].to_owned())
            .or_insert(Entry::directory(at));
    }
}

/// A path as it is kept: absolute, without `.`, `..` and a slash at the end.
pub fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts
        .iter()
        .fold(String::new(), |all, part| all + "/" + part)
}

/// What `docker diff` answers: paths with 0 for changed, 1 for added, 2 for deleted.
pub fn changes(container: &Container) -> Value {
    let mut rows = Vec::new();
    if container.started.is_some() {
        rows.push(json!({ "Path": "/tmp", "Kind": 0 }));
        rows.push(json!({ "Path": "/tmp/session.lock", "Kind": 1 }));
        rows.push(json!({ "Path": "/var", "Kind": 0 }));
        rows.push(json!({ "Path": "/var/log", "Kind": 0 }));
        rows.push(json!({ "Path": "/var/log/app.log", "Kind": 1 }));
        if container.seed.of("diff").below(3) == 0 {
            rows.push(json!({ "Path": "/etc", "Kind": 0 }));
            rows.push(json!({ "Path": "/etc/motd", "Kind": 2 }));
        }
    }
    let own = container
        .extras
        .iter()
        .flat_map(|extras| extras.files.keys());
    rows.extend(own.map(|path| json!({ "Path": path, "Kind": 1 })));
    if rows.is_empty() {
        Value::Null
    } else {
        json!(rows)
    }
}

/// The header `X-Docker-Container-Path-Stat`: JSON in base64.
pub fn stat_header(path: &str, entry: &Entry) -> String {
    let name = path
        .rsplit('/')
        .next()
        .filter(|name| !name.is_empty())
        .unwrap_or("/");
    let link = match &entry.content {
        Content::Link(target) => target.as_str(),
        Content::Directory | Content::File(_) => "",
    };
    let stat = json!({
        "name": name, "size": entry.size(), "mode": entry.go_mode(),
        "mtime": clock::rfc3339(entry.changed), "linkTarget": link,
    });
    base64(stat.to_string().as_bytes())
}

/// Standard base64 with padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |nth: usize| u32::from(chunk.get(nth).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * place) & 63) as usize];
            out.push(if place <= chunk.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_as_in_rfc_4648() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn paths_are_made_absolute_and_plain() {
        assert_eq!(normal("/a/./b/../c/"), "/a/c");
        assert_eq!(normal("etc"), "/etc");
        assert_eq!(normal("/"), "");
        assert_eq!(normal("/../.."), "");
    }
}
