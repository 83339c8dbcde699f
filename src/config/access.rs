//! `[[grant]]`: which people have which role, where.

use std::{fs, process::Command, sync::Arc};

use super::{Env, document::Section, file::is_list_of_tables};
use crate::model::{Grant, Role};

const NOTHING: &str = "until then it gives nothing to anybody";

/// Reads the grants. Once one is written, also a broken one, whoever has none only looks.
pub(super) fn read(root: &mut Section<'_, '_>, grants: &mut Option<Vec<Grant>>) {
    if !is_list_of_tables(root.item("grant")) || root.slip("grant").is_some() {
        root.complain_of(
            "grant",
            "is to be written as [[grant]]",
            "until then nobody may change anything",
        );
        *grants = Some(Vec::new());
    }
    root.tables("grant", |section| {
        let all = grants.get_or_insert_default();
        all.extend(grant(section));
    });
}

fn grant(section: &mut Section<'_, '_>) -> Option<Grant> {
    let arcs = |texts: Vec<String>| -> Vec<Arc<str>> { texts.into_iter().map(Arc::from).collect() };
    let people = arcs(section.texts("people"));
    let role = section.text("role");
    let environments = arcs(section.texts("environments"));
    let groups = arcs(section.texts("groups"));
    // What was to keep a role to some places must not be lost.
    for (key, read) in [("environments", &environments), ("groups", &groups)] {
        let is_unsure = read.is_empty() && section.item(key).is_some();
        if is_unsure || section.slip(key).is_some() {
            section.complain(&format!("has {key} that cannot be read"), NOTHING);
            return None;
        }
    }
    if people.is_empty() {
        let remedy = format!("write people = [\"ann\", \"%oncall\"]; {NOTHING}");
        section.complain("names no people", remedy);
        return None;
    }
    match role.as_deref().map(str::parse::<Role>) {
        Some(Ok(role)) => Some(Grant {
            people,
            role,
            environments,
            groups,
        }),
        Some(Err(why)) => {
            section.complain_of("role", &format!("is not understood: {why}"), NOTHING);
            None
        }
        None => {
            let remedy = format!("write role = \"operator\"; {NOTHING}");
            section.complain("has no role", remedy);
            None
        }
    }
}

/// The grants with the members of the system's groups (`%oncall`) in the place of those.
pub(super) fn resolved(grants: Option<Vec<Grant>>, env: &Env) -> Option<Arc<[Grant]>> {
    let resolved = grants?.into_iter().map(|mut grant| {
        let people = grant.people.into_iter();
        grant.people = people
            .flat_map(|one| match one.strip_prefix('%') {
                Some(group) => members(env, group),
                None => vec![one],
            })
            .collect();
        grant
    });
    Some(resolved.collect())
}

/// Who is in a group: as the machine's own list has it, else as `getent` asks a directory service.
fn members(env: &Env, group: &str) -> Vec<Arc<str>> {
    let of_line = |line: &str| -> Option<Vec<Arc<str>>> {
        let fields: Vec<&str> = line.split(':').collect();
        match fields[..] {
            [name, _, _, members] if name == group => {
                let members = members.split(',').filter(|one| !one.is_empty());
                Some(members.map(|one| Arc::from(one.trim())).collect())
            }
            _ => None,
        }
    };
    let list = fs::read_to_string(env.at("/etc/group")).unwrap_or_default();
    let own = list.lines().find_map(of_line);
    own.or_else(|| {
        let answer = Command::new("getent")
            .args(["group", group])
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&answer.stdout).into_owned();
        text.lines().find_map(of_line)
    })
    .unwrap_or_default()
}
