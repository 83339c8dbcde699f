//! Reads what counts of a service out of what a manager is told of it, or tells.

use serde_json::Value;

use crate::engine::deploy::label;
use crate::engine::swarm::read::STACK;
use crate::model::swarm::Facts;
use crate::model::{bytes, printable};

/// What counts. Networks are named by `called`, as they may stand there by id.
pub(super) fn read(spec: &Value, called: &dyn Fn(&str) -> String) -> Facts {
    let mut facts = Facts::default();
    let template = &spec["TaskTemplate"];
    container(&template["ContainerSpec"], &mut facts);
    bounds(&template["Resources"], &mut facts);
    let mode = &spec["Mode"];
    if let Some(replicas) = mode["Replicated"]["Replicas"].as_u64() {
        facts.open("replicas", replicas.to_string());
    } else {
        let kind = mode.as_object().and_then(|mode| mode.keys().next());
        facts.open("mode", kind.map_or("Replicated", String::as_str));
    }
    let placement = &template["Placement"];
    let mut places: Vec<String> = texts(&placement["Constraints"]);
    places.sort();
    for preference in list(&placement["Preferences"]) {
        let by = preference["Spread"]["SpreadDescriptor"].as_str();
        places.extend(by.map(|by| format!("spread by {by}")));
    }
    let most = placement["MaxReplicas"].as_u64().filter(|most| *most > 0);
    places.extend(most.map(|most| format!("{most} on a node")));
    if !places.is_empty() {
        facts.open("placement", places.join(", "));
    }
    let networks = if list(&template["Networks"]).is_empty() {
        &spec["Networks"]
    } else {
        &template["Networks"]
    };
    for one in list(networks) {
        let mut aliases = texts(&one["Aliases"]);
        aliases.sort();
        let name = called(one["Target"].as_str().unwrap_or_default());
        facts.open(
            format!("network {name}"),
            format!("as {}", aliases.join(", ")),
        );
    }
    let endpoint = &spec["EndpointSpec"];
    let way = endpoint["Mode"].as_str().filter(|way| !way.is_empty());
    facts.open("endpoint", way.unwrap_or("vip"));
    for port in list(&endpoint["Ports"]) {
        let number = |key: &str| port[key].as_u64().unwrap_or(0);
        let word = |key: &str, usual: &'static str| {
            let said = port[key].as_str().filter(|word| !word.is_empty());
            said.unwrap_or(usual).to_owned()
        };
        let name = format!(
            "port {}→{}/{}",
            number("PublishedPort"),
            number("TargetPort"),
            word("Protocol", "tcp")
        );
        facts.open(name, word("PublishMode", "ingress"));
    }
    let condition = template["RestartPolicy"]["Condition"].as_str();
    facts.open("restart", condition.unwrap_or("any"));
    facts
}

fn container(spec: &Value, facts: &mut Facts) {
    facts.open("image", short(spec["Image"].as_str().unwrap_or_default()));
    for (name, key) in [("entrypoint", "Command"), ("command", "Args")] {
        let words = texts(&spec[key]);
        if !words.is_empty() {
            facts.closed(name, &words.join("\0"));
        }
    }
    let test = texts(&spec["Healthcheck"]["Test"]);
    if !test.is_empty() {
        facts.closed("health check", &test.join("\0"));
    }
    for variable in texts(&spec["Env"]) {
        let (name, value) = variable.split_once('=').unwrap_or((&variable, ""));
        facts.closed(format!("environment {}", printable(name)), value);
    }
    for (name, key) in [
        ("directory", "Dir"),
        ("user", "User"),
        ("host name", "Hostname"),
        ("stop signal", "StopSignal"),
    ] {
        if let Some(text) = spec[key].as_str().filter(|text| !text.is_empty()) {
            facts.open(name, printable(text));
        }
    }
    for (name, key) in [
        ("read-only", "ReadOnly"),
        ("terminal", "TTY"),
        ("init", "Init"),
    ] {
        if spec[key] == true {
            facts.open(name, "yes");
        }
    }
    for (name, key) in [
        ("more rights", "CapabilityAdd"),
        ("fewer rights", "CapabilityDrop"),
    ] {
        let mut all = texts(&spec[key]);
        all.sort();
        if !all.is_empty() {
            facts.open(name, all.join(", "));
        }
    }
    for mount in list(&spec["Mounts"]) {
        let text = |key: &str| mount[key].as_str().unwrap_or_default();
        let only = if mount["ReadOnly"] == true {
            " read-only"
        } else {
            ""
        };
        let what = format!("{} {}{only}", text("Type"), text("Source"));
        facts.open(format!("mount {}", text("Target")), what);
    }
    for (kind, key, called) in [
        ("secret", "Secrets", "SecretName"),
        ("config", "Configs", "ConfigName"),
    ] {
        for file in list(&spec[key]) {
            let at = file["File"]["Name"].as_str().unwrap_or_default();
            let name = file[called].as_str().unwrap_or_default();
            facts.open(format!("{kind} {at}"), name);
        }
    }
    let labels = spec["Labels"].as_object();
    for (name, text) in labels.into_iter().flatten() {
        let text = text.as_str().unwrap_or_default();
        if name == label::PRINT {
            facts.closed("definition", text);
        } else if name != STACK && !name.starts_with("io.wharf.") {
            facts.open(format!("label {}", printable(name)), printable(text));
        }
    }
}

fn bounds(spec: &Value, facts: &mut Facts) {
    for (word, key) in [("limit", "Limits"), ("reserved", "Reservations")] {
        let number = |name: &str| spec[key][name].as_u64().filter(|number| *number > 0);
        if let Some(nanos) = number("NanoCPUs") {
            let hundredths = nanos / 10_000_000;
            let cpus = format!("{}.{:02}", hundredths / 100, hundredths % 100);
            facts.open(format!("{word} cpus"), cpus);
        }
        if let Some(memory) = number("MemoryBytes") {
            facts.open(format!("{word} memory"), bytes(memory));
        }
        if let Some(most) = number("Pids") {
            facts.open(format!("{word} processes"), most.to_string());
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn texts(value: &Value) -> Vec<String> {
    let all = list(value).iter().filter_map(Value::as_str);
    all.map(str::to_owned).collect()
}

/// An image with twelve digits of its digest.
fn short(image: &str) -> String {
    let image = printable(image);
    match image.split_once("sha256:") {
        Some((name, digits)) => {
            let digits = digits.get(..12).unwrap_or(digits);
            format!("{name}{digits}")
        }
        None => image,
    }
}
