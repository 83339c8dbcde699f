//! The fleet as an inventory: the same forms that are imported, and wharf.toml's own.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Format;
use crate::model::{Endpoint, HostSpec};

/// Writes hosts in a form.
pub fn export(hosts: &[&HostSpec], format: Format) -> Result<String, String> {
    match format {
        Format::Csv => csv(hosts).map_err(|error| error.to_string()),
        Format::Json => {
            let all: Vec<Value> = hosts.iter().map(|host| object(host)).collect();
            let text = serde_json::to_string_pretty(&all).map_err(|error| error.to_string())?;
            Ok(text + "\n")
        }
        Format::Ansible => Ok(ansible(hosts)),
        Format::Toml => Ok(toml(hosts)),
    }
}

/// The endpoint, unless ssh finds the host by its name alone.
fn endpoint(host: &HostSpec) -> Option<String> {
    let text = host.endpoint.to_string();
    (text != format!("ssh://{}", host.name)).then_some(text)
}

fn csv(hosts: &[&HostSpec]) -> Result<String, Box<dyn std::error::Error>> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(["name", "endpoint", "environment", "groups", "read_only"])?;
    for host in hosts {
        let groups: Vec<&str> = host.groups.iter().map(|group| &**group).collect();
        let endpoint = endpoint(host).unwrap_or_default();
        writer.write_record([
            host.name.as_str(),
            &endpoint,
            host.environment.as_deref().unwrap_or_default(),
            &groups.join(";"),
            if host.read_only { "true" } else { "" },
        ])?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

fn object(host: &HostSpec) -> Value {
    let mut object = Map::new();
    object.insert("name".to_owned(), json!(host.name.as_str()));
    if let Some(endpoint) = endpoint(host) {
        object.insert("endpoint".to_owned(), json!(endpoint));
    }
    if let Some(environment) = &host.environment {
        object.insert("environment".to_owned(), json!(environment));
    }
    if !host.groups.is_empty() {
        object.insert("groups".to_owned(), json!(host.groups));
    }
    if host.read_only {
        object.insert("read_only".to_owned(), json!(true));
    }
    Value::Object(object)
}

/// INI: every host once with its variables, then the groups with their members.
fn ansible(hosts: &[&HostSpec]) -> String {
    let mut text = String::new();
    let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for host in hosts {
        text.push_str(host.name.as_str());
        let mut told: Vec<(&str, String)> = Vec::new();
        if let Endpoint::Ssh {
            destination,
            port,
            socket,
        } = &host.endpoint
        {
            let (user, address) = match destination.rsplit_once('@') {
                Some((user, address)) => (Some(user), address),
                None => (None, destination.as_str()),
            };
            if address != host.name.as_str() {
                told.push(("ansible_host", address.to_owned()));
            }
            told.extend(user.map(|user| ("ansible_user", user.to_owned())));
            told.extend(port.map(|port| ("ansible_port", port.to_string())));
            if socket.is_some() {
                told.push(("wharf_endpoint", host.endpoint.to_string()));
            }
        } else {
            told.push(("wharf_endpoint", host.endpoint.to_string()));
        }
        let environment = host.environment.as_ref();
        told.extend(environment.map(|name| ("wharf_environment", name.to_string())));
        // Ansible's groups have plain names and no order; here they have both.
        let own: Vec<&str> = host.groups.iter().map(|group| &**group).collect();
        if !own.is_empty() {
            told.push(("wharf_groups", own.join(",")));
        }
        if host.read_only {
            told.push(("wharf_read_only", "true".to_owned()));
        }
        for (name, value) in told {
            let value: String = shlex::try_quote(&value).map_or_else(|_| String::new(), Into::into);
            text.extend([" ", name, "=", value.as_str()]);
        }
        text.push('\n');
        for group in own {
            groups
                .entry(plain(group))
                .or_default()
                .push(host.name.as_str());
        }
    }
    for (group, members) in groups {
        text.extend([
            "\n[",
            group.as_str(),
            "]\n",
            members.join("\n").as_str(),
            "\n",
        ]);
    }
    text
}

/// A name that Ansible takes for a group.
fn plain(name: &str) -> String {
    name.replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

fn toml(hosts: &[&HostSpec]) -> String {
    let quoted = |text: &str| toml_edit::Value::from(text).to_string();
    let mut text = String::new();
    for host in hosts {
        let gap = if text.is_empty() { "" } else { "\n" };
        let name = quoted(host.name.as_str());
        text.extend([gap, "[[host]]\nname = ", name.as_str(), "\n"]);
        if let Some(endpoint) = endpoint(host) {
            text.extend(["endpoint = ", quoted(&endpoint).as_str(), "\n"]);
        }
        if let Some(environment) = &host.environment {
            text.extend(["environment = ", quoted(environment).as_str(), "\n"]);
        }
        if !host.groups.is_empty() {
            let groups: Vec<String> = host.groups.iter().map(|group| quoted(group)).collect();
            text.extend(["groups = [", groups.join(", ").as_str(), "]\n"]);
        }
        if let Endpoint::Tls { files, .. } = &host.endpoint {
            let own = [
                ("tls_ca", &files.ca),
                ("tls_cert", &files.cert),
                ("tls_key", &files.key),
            ];
            for (key, file) in own {
                if let Some(file) = file {
                    let file = quoted(&file.display().to_string());
                    text.extend([key, " = ", file.as_str(), "\n"]);
                }
            }
            if files.skip_verify {
                text.push_str("tls_verify = false\n");
            }
        }
        if host.read_only {
            text.push_str("read_only = true\n");
        }
    }
    text
}
