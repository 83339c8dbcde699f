//! Volumes, directories and memory in a service's file system, in both forms.

use super::super::{At, Fields, Kind, Node, fields, tell};
use crate::model::app::{
    Mount, MountKind, Severity, Told,
    units::{bytes, truth},
};

/// Words of the short form that say how mounts below a directory are seen.
const PROPAGATIONS: [&str; 6] = [
    "shared", "rshared", "slave", "rslave", "private", "rprivate",
];

/// All mounts, sorted by where they are; `tmpfs` too.
pub(super) fn mounts(fields: &mut Fields<'_, '_>, volumes: &[String]) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = Vec::new();
    if let Some(node) = fields.take("volumes") {
        let Kind::List(items) = &node.kind else {
            fields.wrong(
                &node.at,
                "volumes",
                "volumes are a list",
                "begin each with '- '",
            );
            return mounts;
        };
        for (index, item) in items.iter().enumerate() {
            let path = format!("{}[{index}]", fields.below("volumes"));
            let mount = match &item.kind {
                Kind::Map(_) => long(item, &path, fields.told),
                Kind::Null => None,
                Kind::Text(_) | Kind::List(_) => short(item, &path, fields.told),
            };
            let Some(mount) = mount else { continue };
            known(&mount, volumes, &item.at, &path, fields.told);
            if mounts.iter().any(|other| other.target == mount.target) {
                let what = format!("two things are mounted at {}", mount.target);
                fields.told.push(tell(
                    Severity::Error,
                    &item.at,
                    &path,
                    what,
                    "keep one of them",
                ));
                continue;
            }
            mounts.push(mount);
        }
    }
    for text in fields.texts("tmpfs") {
        mounts.push(tmpfs(&text));
    }
    mounts.sort();
    mounts
}

/// Tells what a mount needs that may not be there.
fn known(mount: &Mount, volumes: &[String], at: &At, path: &str, told: &mut Vec<Told>) {
    match &mount.kind {
        MountKind::Volume {
            source: Some(source),
            ..
        } if !volumes.contains(source) => {
            let what = format!("the volume '{source}' is not declared");
            let remedy = format!(
                "add '{source}:' below the top-level volumes:, or write ./{source} for a directory"
            );
            told.push(tell(Severity::Error, at, path, what, remedy));
        }
        MountKind::Bind { source, .. } if !source.starts_with('/') => {
            let what = format!("{source} is beside the file; the hosts do not have it");
            let remedy = "put it on the hosts and name its full path, or use a config or a volume";
            told.push(tell(Severity::Warning, at, path, what, remedy));
        }
        MountKind::Volume { .. } | MountKind::Bind { .. } | MountKind::Tmpfs { .. } => {}
    }
}

/// `[SOURCE:]TARGET[:OPTION,…]`.
fn short(node: &Node, path: &str, told: &mut Vec<Told>) -> Option<Mount> {
    let text = fields::text(node, path, told)?;
    let mut wrong = |what: String, remedy: &str| {
        told.push(tell(Severity::Error, &node.at, path, what, remedy));
        None::<Mount>
    };
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, options) = match parts.as_slice() {
        [target] => (None, *target, ""),
        [source, target] if target.starts_with('/') => (Some(*source), *target, ""),
        [target, options] if target.starts_with('/') => (None, *target, *options),
        [source, target] => (Some(*source), *target, ""),
        [source, target, options] => (Some(*source), *target, *options),
        _ => return wrong(format!("'{text}' has too many colons"), "use the long form"),
    };
    let source = source.filter(|source| !source.is_empty());
    if !target.starts_with('/') {
        let what = format!("'{target}' is no full path inside the container");
        return wrong(what, "write SOURCE:/PATH");
    }
    let is_path = |source: &str| source.starts_with(['.', '/', '~']);
    let mut read_only = false;
    let mut no_copy = false;
    let mut propagation = None;
    let mut selinux = None;
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" => read_only = true,
            "nocopy" => no_copy = true,
            "z" | "Z" => selinux = Some(option.to_owned()),
            // What Docker Desktop makes of it does not concern hosts.
            "rw" | "cached" | "delegated" | "consistent" => {}
            word if PROPAGATIONS.contains(&word) => propagation = Some(word.to_owned()),
            other => {
                let remedy = "options are ro, rw, z, Z, nocopy and ways of propagation";
                return wrong(format!("'{other}' is no option of a volume"), remedy);
            }
        }
    }
    let kind = match source {
        Some(source) if is_path(source) => MountKind::Bind {
            source: source.to_owned(),
            create: true,
            propagation,
            selinux,
        },
        source => MountKind::Volume {
            source: source.map(str::to_owned),
            no_copy,
            subpath: None,
        },
    };
    Some(Mount {
        target: tidy(target),
        read_only,
        kind,
    })
}

/// Without the slash at its end.
fn tidy(target: &str) -> String {
    match target.trim_end_matches('/') {
        "" => "/".to_owned(),
        path => path.to_owned(),
    }
}

/// `/path[:option,…]` in memory.
fn tmpfs(text: &str) -> Mount {
    let (target, rest) = text.split_once(':').unwrap_or((text, ""));
    let mut size = None;
    let mut mode = None;
    let mut options = Vec::new();
    for option in rest.split(',').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("size", text)) if bytes(text).is_some() => size = bytes(text),
            Some(("mode", text)) if octal(text).is_some() => mode = octal(text),
            _ => options.push(option.to_owned()),
        }
    }
    Mount {
        target: tidy(target),
        read_only: false,
        kind: MountKind::Tmpfs {
            size,
            mode,
            options,
        },
    }
}

/// Permissions: octal, as YAML 1.1 (`0440`), YAML 1.2 (`0o440`) and people write them.
pub(super) fn octal(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    u32::from_str_radix(digits, 8)
        .ok()
        .filter(|mode| *mode <= 0o7777)
}

#[derive(Clone, Copy)]
enum Type {
    Volume,
    Bind,
    Tmpfs,
    Image,
    Npipe,
    Cluster,
}

fn long(node: &Node, path: &str, told: &mut Vec<Told>) -> Option<Mount> {
    let mut fields = Fields::open(node, path, told)?;
    let types = [
        ("volume", Type::Volume),
        ("bind", Type::Bind),
        ("tmpfs", Type::Tmpfs),
        ("image", Type::Image),
        ("npipe", Type::Npipe),
        ("cluster", Type::Cluster),
    ];
    let kind = fields.word("type", &types);
    let source = fields.text("source").filter(|source| !source.is_empty());
    let target = fields.text("target");
    let read_only = fields.truth("read_only").unwrap_or(false);
    let Some(target) = target.filter(|target| target.starts_with('/')) else {
        let remedy = "say target: /PATH";
        fields.wrong(
            &node.at,
            "target",
            "a full path inside the container is missing",
            remedy,
        );
        return None;
    };
    let kind = match kind {
        None if node.get("type").is_some() => return None,
        None | Some(Type::Volume) => volume(&mut fields, source),
        Some(Type::Bind) => bind(&mut fields, source, &node.at)?,
        Some(Type::Tmpfs) => memory(&mut fields),
        Some(Type::Image | Type::Npipe | Type::Cluster) => {
            let what = "Wharf mounts volumes, directories and memory only";
            fields.wrong(&node.at, "type", what, "use a volume");
            return None;
        }
    };
    fields.done(&[
        ("volume", "it is of another type of mount"),
        ("bind", "it is of another type of mount"),
        ("tmpfs", "it is of another type of mount"),
        ("image", "it is of another type of mount"),
        ("consistency", "note: it speaks to Docker Desktop only"),
    ]);
    Some(Mount {
        target: tidy(&target),
        read_only,
        kind,
    })
}

fn volume(fields: &mut Fields<'_, '_>, source: Option<String>) -> MountKind {
    let (mut no_copy, mut subpath) = (false, None);
    if let Some(mut options) = fields.open_below("volume") {
        no_copy = options
            .parsed("nocopy", "true or false", truth)
            .unwrap_or(false);
        subpath = options.text("subpath");
        options.done(&[("labels", "volumes without a name have no labels here")]);
    }
    MountKind::Volume {
        source,
        no_copy,
        subpath,
    }
}

fn bind(fields: &mut Fields<'_, '_>, source: Option<String>, at: &At) -> Option<MountKind> {
    let Some(source) = source else {
        fields.wrong(
            at,
            "source",
            "it is missing",
            "say which directory of the host",
        );
        return None;
    };
    let (mut create, mut propagation, mut selinux) = (false, None, None);
    if let Some(mut options) = fields.open_below("bind") {
        create = options.truth("create_host_path").unwrap_or(true);
        propagation = options.text("propagation");
        selinux = options.text("selinux");
        options.done(&[(
            "recursive",
            "mounts below it are mounted as the engine does",
        )]);
    }
    Some(MountKind::Bind {
        source,
        create,
        propagation,
        selinux,
    })
}

fn memory(fields: &mut Fields<'_, '_>) -> MountKind {
    let (mut size, mut mode) = (None, None);
    if let Some(mut options) = fields.open_below("tmpfs") {
        size = options.bytes("size");
        mode = options.parsed("mode", "permissions such as 1777", octal);
        options.done(&[]);
    }
    MountKind::Tmpfs {
        size,
        mode,
        options: Vec::new(),
    }
}
