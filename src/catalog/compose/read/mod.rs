//! The merged file as a spec: top-level parts, then every service, then what holds between them.

mod between;
mod deploy;
mod files;
mod gate;
mod health;
mod mounts;
mod networks;
mod ports;
mod service;
mod values;

use std::collections::BTreeMap;

use super::{Fields, Kind, Node, Profiles, Request, tell, yaml::Name};
use crate::model::app::{AppName, ServiceName, Severity, Spec, Told};

/// Reads a merged file. What is wrong is told; what can be read is in the spec.
pub(super) fn spec(whole: &Node, request: &Request<'_>, told: &mut Vec<Told>) -> Spec {
    let name = name(whole, request, told);
    let mut spec = Spec::new(name);
    let Some(mut top) = Fields::open(whole, "", told) else {
        return spec;
    };
    top.take("name");
    spec.swarm = engine(whole, top.told);
    let parts = ["services", "networks", "volumes", "secrets", "configs"].map(|key| top.take(key));
    top.done(&[
        ("version", "note: Compose files have no versions any more"),
        (
            "models",
            "models of artificial intelligence are Docker Desktop's",
        ),
    ]);
    let [services, networks, volumes, secrets, configs] = parts;
    spec.networks = each(networks, "networks", told, networks::network);
    spec.volumes = each(volumes, "volumes", told, files::volume);
    spec.secrets = each(secrets, "secrets", told, |node, path, told| {
        files::file(node, path, request, true, told)
    });
    spec.configs = each(configs, "configs", told, |node, path, told| {
        files::file(node, path, request, false, told)
    });
    let Some(services) = services else {
        let remedy = "name at least one service below services:";
        told.push(tell(
            Severity::Error,
            &whole.at,
            "services",
            "it has no services",
            remedy,
        ));
        return spec;
    };
    let mut context = service::Context {
        request,
        volumes: spec.volumes.keys().cloned().collect(),
        told,
    };
    let mut left_out = Vec::new();
    for (name, node) in entries(services, "services", context.told) {
        let path = format!("services.{}", name.text);
        let service_name = match ServiceName::new(&name.text) {
            Ok(service_name) => service_name,
            Err(error) => {
                let told = tell(
                    Severity::Error,
                    &name.at,
                    &path,
                    error.to_string(),
                    "rename it",
                );
                context.told.push(told);
                continue;
            }
        };
        let Some(service) = service::service(node, &path, &mut context) else {
            continue;
        };
        if taken(&service.profiles, &request.profiles) {
            spec.services.insert(service_name, service);
        } else {
            let what = format!(
                "it is left out; it is of profile {}",
                service.profiles.join(", ")
            );
            let remedy = "ask for the profile to have it";
            context
                .told
                .push(tell(Severity::Note, &name.at, &path, what, remedy));
            left_out.push(service_name);
        }
    }
    between::check(&mut spec, services, &left_out, told);
    spec
}

/// Whether `x-wharf.engine` says that it is for a Swarm.
fn engine(whole: &Node, told: &mut Vec<Told>) -> bool {
    let said = whole.get("x-wharf").and_then(|own| own.get("engine"));
    let Some(said) = said.filter(|node| node.kind != Kind::Null) else {
        return false;
    };
    match said.text() {
        Some("swarm") => true,
        Some("docker") => false,
        Some(_) | None => {
            let what = "it is swarm, or docker for containers of hosts";
            let remedy = "write engine: swarm, or leave it out";
            told.push(tell(
                Severity::Error,
                &said.at,
                "x-wharf.engine",
                what,
                remedy,
            ));
            false
        }
    }
}

fn taken(profiles: &[String], wanted: &Profiles) -> bool {
    match wanted {
        Profiles::All => true,
        Profiles::Only(wanted) => {
            profiles.is_empty()
                || profiles
                    .iter()
                    .any(|one| wanted.contains(one) || one == "*")
        }
    }
}

/// The app's name: as asked, as the file says, as its directory is called.
fn name(whole: &Node, request: &Request<'_>, told: &mut Vec<Told>) -> AppName {
    if let Some(name) = &request.name {
        return name.clone();
    }
    let said = whole.get("name").filter(|node| node.kind != Kind::Null);
    if let Some(said) = said {
        let text = said.text().unwrap_or_default();
        match AppName::new(text) {
            Ok(name) => return name,
            Err(error) => {
                let told_ = tell(
                    Severity::Error,
                    &said.at,
                    "name",
                    error.to_string(),
                    "rename it",
                );
                told.push(told_);
            }
        }
    }
    let path = std::path::Path::new(&whole.at.file.name);
    let part = |part: Option<&std::ffi::OsStr>| {
        part.and_then(|part| AppName::nearest(&part.to_string_lossy()))
    };
    part(path.parent().and_then(std::path::Path::file_name))
        .or_else(|| part(path.file_stem()))
        .or_else(|| AppName::new("app").ok())
        .expect("'app' is a name")
}

/// The entries of a part; tells when it is no map.
fn entries<'n>(node: &'n Node, path: &str, told: &mut Vec<Told>) -> &'n [(Name, Node)] {
    match &node.kind {
        Kind::Map(entries) => entries,
        Kind::Null => &[],
        Kind::Text(_) | Kind::List(_) => {
            let what = format!(
                "a map of names is expected, not {}",
                super::fields::called(node)
            );
            told.push(tell(
                Severity::Error,
                &node.at,
                path,
                what,
                "write NAME: below it",
            ));
            &[]
        }
    }
}

/// Reads every entry of a part.
fn each<T>(
    node: Option<&Node>,
    part: &str,
    told: &mut Vec<Told>,
    read: impl Fn(&Node, &str, &mut Vec<Told>) -> Option<T>,
) -> BTreeMap<String, T> {
    let Some(node) = node else {
        return BTreeMap::new();
    };
    let entries = entries(node, part, told).iter();
    entries
        .filter(|(name, _)| !name.text.starts_with("x-"))
        .filter_map(|(name, node)| {
            let read = read(node, &format!("{part}.{}", name.text), told)?;
            Some((name.text.clone(), read))
        })
        .collect()
}
