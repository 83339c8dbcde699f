//! Steps and services as the requests that make their containers.

use serde_json::{Map, Value, json};

use super::{WORKSPACE, Yard, YardService, YardStep, label, owned};

/// What a cache is called on its host.
fn cache_name(name: &str) -> String {
    format!("wharf-cache-{name}")
}

/// Runs once, and its log can be read.
fn host_config(mounts: &[Value]) -> Value {
    json!({
        "RestartPolicy": {"Name": "no"},
        "LogConfig": {"Type": "json-file"},
        "Mounts": mounts,
    })
}

/// Puts a container into a network under these names.
fn join(body: &mut Value, network: &str, aliases: &[&str]) {
    body["HostConfig"]["NetworkMode"] = json!(network);
    let endpoint = json!({"Aliases": aliases});
    body["NetworkingConfig"] = json!({"EndpointsConfig": {(network): endpoint}});
}

/// The request for a step's container.
pub(super) fn step(yard: &Yard, step: &YardStep, network: Option<&str>) -> Value {
    let mut variables = step.environment.clone();
    variables.extend(step.secrets.clone());
    let variables = variables
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    let labels: Map<String, Value> = owned(yard, &step.step, step.attempt)
        .into_iter()
        .map(|(name, text)| (name.to_owned(), json!(text)))
        .collect();
    let mut mounts = vec![json!({
        "Type": "volume",
        "Source": yard.name(),
        "Target": WORKSPACE,
        "VolumeOptions": {"NoCopy": true},
    })];
    mounts.extend(step.cache.iter().map(|(name, path)| {
        json!({
            "Type": "volume",
            "Source": cache_name(name),
            "Target": path,
            "VolumeOptions": {"Labels": {(label::CACHE): name}},
        })
    }));
    let mut body = json!({
        "Image": step.image,
        "Env": variables.collect::<Vec<_>>(),
        "Labels": labels,
        "WorkingDir": working_dir(step.working_dir.as_deref()),
        "HostConfig": host_config(&mounts),
    });
    if !step.commands.is_empty() {
        body["Entrypoint"] = json!(["/bin/sh", "-e", "-c"]);
        body["Cmd"] = json!([script(&step.commands)]);
    }
    if let Some(network) = network {
        join(&mut body, network, &[step.step.as_str()]);
    }
    body
}

/// The request for a service's container.
pub(super) fn service(yard: &Yard, service: &YardService, network: &str) -> Value {
    let variables = service.environment.iter();
    let variables = variables.map(|(name, value)| format!("{name}={value}"));
    let mut body = json!({
        "Image": service.image,
        "Env": variables.collect::<Vec<_>>(),
        "Labels": {
            (label::RUN): yard.run.to_string(),
            (label::SERVICE): service.name.as_str(),
        },
        "HostConfig": host_config(&[]),
    });
    if !service.command.is_empty() {
        body["Cmd"] = json!(service.command);
    }
    join(&mut body, network, &[service.name.as_str()]);
    body
}

/// Where a step begins: below the workspace, or at that path.
fn working_dir(wanted: Option<&str>) -> String {
    match wanted.unwrap_or("").trim_end_matches('/') {
        "" | "." => WORKSPACE.to_owned(),
        path if path.starts_with('/') => path.to_owned(),
        path => format!("{WORKSPACE}/{}", path.trim_start_matches("./")),
    }
}

/// The commands as a script that shows each before it is run.
fn script(commands: &[String]) -> String {
    let mut script = String::new();
    for command in commands {
        let shown = command.trim_end().replace('\'', r"'\''");
        script.push_str("printf '%s\\n' '+ ");
        script.push_str(&shown);
        script.push_str("'\n");
        script.push_str(command.trim_end());
        script.push('\n');
    }
    script
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::process::Command;

    use super::*;
    use crate::model::HostName;

    fn run(commands: &[&str]) -> (String, Option<i32>) {
        let commands: Vec<String> = commands.iter().map(|one| (*one).to_owned()).collect();
        let done = Command::new("/bin/sh")
            .args(["-e", "-c", &script(&commands)])
            .env("KEY", "hush")
            .output()
            .unwrap();
        (String::from_utf8(done.stdout).unwrap(), done.status.code())
    }

    #[test]
    fn each_command_is_shown_as_it_stands_there_and_the_first_failure_ends_it() {
        let (said, code) = run(&[
            "echo \"it's $((1+1))\"",
            "test -n \"$KEY\"",
            "(exit 7)",
            "echo no",
        ]);
        assert_eq!(
            said,
            "+ echo \"it's $((1+1))\"\nit's 2\n+ test -n \"$KEY\"\n+ (exit 7)\n"
        );
        assert_eq!(code, Some(7));
        let (said, code) = run(&["cat <<END\na\\nb\nEND\n", "cd /", "pwd"]);
        assert_eq!(said, "+ cat <<END\na\\nb\nEND\na\\nb\n+ cd /\n+ pwd\n/\n");
        assert_eq!(code, Some(0));
    }

    #[test]
    fn a_step_begins_in_the_workspace() {
        for (wanted, place) in [
            (None, "/workspace"),
            (Some("."), "/workspace"),
            (Some("./app/"), "/workspace/app"),
            (Some("app"), "/workspace/app"),
            (Some("/srv"), "/srv"),
        ] {
            assert_eq!(working_dir(wanted), place);
        }
    }

    #[test]
    fn secrets_are_in_the_environment_and_nowhere_else() {
        let yard = Yard {
            host: HostName::new("ams-1"),
            run: "7-ab".parse().unwrap(),
        };
        let one = YardStep {
            step: "unit".parse().unwrap(),
            attempt: 2,
            image: "a:1".to_owned(),
            commands: vec!["use $KEY".to_owned()],
            environment: [("KEY".to_owned(), "plain".to_owned())].into(),
            secrets: [("KEY".to_owned(), "hush".to_owned())].into(),
            cache: [("m2".to_owned(), "/root/.m2".to_owned())].into(),
            working_dir: None,
        };
        let mut body = step(&yard, &one, Some("net"));
        assert_eq!(body["Env"].take(), json!(["KEY=hush"]));
        assert!(!body.to_string().contains("hush"), "{body}");
        assert!(!format!("{one:?}").contains("hush"), "{one:?}");
        assert_eq!(body["HostConfig"]["Mounts"][1]["Source"], "wharf-cache-m2");
        assert_eq!(body["Labels"]["io.wharf.attempt"], "2");
        assert_eq!(one.hide("invalid: hush"), "invalid: ***");
    }
}
