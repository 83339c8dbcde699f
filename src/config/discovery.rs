//! `[[discovery]]`: who keeps lists of the targets of apps: files made of templates, and etcd.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::document::Section;
use crate::model::{
    DiscoveryKind, DiscoverySpec, EtcdSpec, FileSpec, HostName, Machine, balancer::is_name,
    jenkins::Kept,
};

const UNTIL: &str = "until then it does not count";

/// What a key goes on with, behind its prefix, when nothing is said.
const KEY: &str = "{{ service }}/{{ address }}:{{ port }}";

/// Reads one, and adds it to those that are known. `path` makes paths of the file absolute.
pub(super) fn read(
    section: &mut Section<'_, '_>,
    path: impl Fn(&str) -> PathBuf,
    known: &mut Vec<DiscoverySpec>,
) {
    let name = section.text("name");
    if let Some(name) = &name {
        section.rename(format!("[[discovery]] {name}"));
    }
    let kind = section.text("kind");
    let app = section.text("app");
    let environment = section.text("environment").unwrap_or_default();
    let read_only = section.strict("read_only");
    let on_error = section.text("on_error");
    let grace = section.duration("grace").unwrap_or(Duration::ZERO);
    let (file, etcd) = (file(section, &path), etcd(section, &path));
    let Some(name) = name.filter(|name| is_name(name)) else {
        let remedy = format!("write name = \"edge\"; {UNTIL}");
        return section.complain("needs a name of letters, digits and -_.:", remedy);
    };
    let Some(app) = app.filter(|app| !app.is_empty()) else {
        let remedy = format!("write app = \"shop\", or \"shop-*\"; {UNTIL}");
        return section.complain("needs an app, or a pattern of such", remedy);
    };
    let warns = match on_error.as_deref() {
        None | Some("stop") => false,
        Some("warn") => true,
        Some(_) => {
            let remedy = "write on_error = \"stop\" or \"warn\"; until then a deploy stops";
            section.complain_of("on_error", "is not known", remedy);
            false
        }
    };
    let kind = match kind.as_deref() {
        Some("file") => file.map(DiscoveryKind::File),
        Some("etcd") => etcd.map(DiscoveryKind::Etcd),
        _ => {
            let remedy = format!("write kind = \"file\" or \"etcd\"; {UNTIL}");
            return section.complain_of("kind", "is not known", remedy);
        }
    };
    let kind = match kind {
        Ok(kind) => kind,
        Err((what, remedy)) => return section.complain(what, format!("{remedy}; {UNTIL}")),
    };
    // What two apps would write over each other is refused before it happens.
    let place = match &kind {
        DiscoveryKind::File(file) => &file.path,
        DiscoveryKind::Etcd(etcd) => &etcd.prefix,
    };
    for (pattern, word) in [(app.as_str(), "app"), (environment.as_str(), "environment")] {
        let many = pattern.contains(['*', '?', '[']);
        if many && !mentions(place, word) {
            let remedy = format!("write {{{{ {word} }}}} into its path or prefix; {UNTIL}");
            let what = format!("means several of {word}, which would write over each other");
            return section.complain(&what, remedy);
        }
    }
    if known.iter().any(|one| *one.name == *name) {
        return section.complain(
            "is there twice",
            "give it another name; only the first counts",
        );
    }
    known.push(DiscoverySpec {
        name: Arc::from(name),
        app: Arc::from(app),
        environment: Arc::from(environment),
        kind,
        warns,
        grace,
        read_only,
    });
}

/// Whether a template has that word in it.
fn mentions(template: &str, word: &str) -> bool {
    let mut inside = template.split("{{").skip(1);
    inside.any(|part| {
        let part = part.split("}}").next().unwrap_or_default();
        part.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .any(|one| one == word)
    })
}

type Wrong = (&'static str, &'static str);

fn file(section: &mut Section<'_, '_>, path: &impl Fn(&str) -> PathBuf) -> Result<FileSpec, Wrong> {
    let hosts = section.texts("hosts");
    let template = section.text("template").map(|text| path(&text));
    let to = section.text("path");
    let mode = section.text("mode");
    let owner = section.text("owner");
    let (check, reload) = (section.text("check"), section.text("reload"));
    let mut machines = Vec::new();
    for host in hosts {
        if HostName::check(&host).is_err() {
            return Err(("names a host that can be none", "correct hosts"));
        }
        machines.push(Machine::Host(HostName::new(&host)));
    }
    if machines.is_empty() {
        machines.push(Machine::Here);
    }
    let Some(template) = template else {
        let remedy = "write template = \"templates/upstream.conf.j2\"";
        return Err(("needs a template", remedy));
    };
    let Some(to) = to.filter(|to| to.starts_with('/')) else {
        let remedy = "write path = \"/etc/nginx/conf.d/{{ app }}.conf\"";
        return Err(("needs the whole path of its file", remedy));
    };
    let mode = match mode.map(|text| u32::from_str_radix(&text, 8)) {
        None => None,
        Some(Ok(mode)) if mode <= 0o7777 => Some(mode),
        Some(_) => return Err(("has a mode that is none", "write mode = \"0644\"")),
    };
    let is_owner = |text: &String| {
        let is_fine = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        !text.is_empty() && !text.starts_with('-') && text.chars().all(is_fine)
    };
    if owner.as_ref().is_some_and(|owner| !is_owner(owner)) {
        return Err(("has an owner that is none", "write owner = \"root:nginx\""));
    }
    Ok(FileSpec {
        machines,
        template,
        path: Arc::from(to),
        mode,
        owner: owner.map(Arc::from),
        check: check.map(Arc::from),
        reload: reload.map(Arc::from),
    })
}

fn etcd(section: &mut Section<'_, '_>, path: &impl Fn(&str) -> PathBuf) -> Result<EtcdSpec, Wrong> {
    let endpoints = section.texts("endpoints");
    let prefix = section.text("prefix");
    let key = section.text("key").unwrap_or_else(|| KEY.to_owned());
    let value = section.text("value");
    let ca = section.text("ca").map(|text| path(&text));
    let user = section.text("user");
    let file = section.text("password_file").map(|text| path(&text));
    let variable = section.text("password_variable");
    if section.item("password").is_some() {
        let remedy = "write password_file = \"…\" (mode 600) or password_variable = \"…\", and take it out of this file";
        return Err(("has a password, which is not kept here", remedy));
    }
    let is_one = |text: &String| {
        let rest = text.strip_prefix("https://");
        let rest = rest.or_else(|| text.strip_prefix("http://"));
        rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['@', '?', '#', ' ']))
    };
    if endpoints.is_empty() || !endpoints.iter().all(is_one) {
        let remedy =
            "write endpoints = [\"https://etcd-1.example.org:2379\"], without a user in it";
        return Err(("needs the addresses of etcd", remedy));
    }
    let Some(prefix) = prefix.filter(|one| one.starts_with('/') && one.ends_with('/')) else {
        let remedy = "write prefix = \"/svc/{{ app }}/{{ environment }}/\"";
        return Err(("needs a prefix that begins and ends with a slash", remedy));
    };
    let kept = match (file, variable) {
        (Some(file), None) => Some(Kept::File(file)),
        (None, Some(name)) => Some(Kept::Variable(Arc::from(name))),
        (None, None) => None,
        (Some(_), Some(_)) => {
            return Err(("says twice where its password is", "keep one of both"));
        }
    };
    let login = match (user, kept) {
        (None, None) => None,
        (Some(user), Some(kept)) => Some((Arc::from(user), kept)),
        (Some(_), None) => {
            let remedy = "write password_file = \"…\" or password_variable = \"…\"";
            return Err(("has a user and no password", remedy));
        }
        (None, Some(_)) => return Err(("has a password and no user", "write user = \"wharf\"")),
    };
    let endpoints = endpoints.iter().map(|one| one.trim_end_matches('/'));
    Ok(EtcdSpec {
        endpoints: endpoints.map(Arc::from).collect(),
        prefix: Arc::from(prefix),
        key: Arc::from(key),
        value: value.map(Arc::from),
        ca,
        login,
    })
}
