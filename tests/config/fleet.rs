//! Which hosts there are: files, imports, contexts, flags.

use std::{fs, os::unix::fs::symlink};

use wharf::{config::Flags, model::Endpoint};

use crate::machine::{Machine, complaints, host, hosts_flags, names};

const SSH_CONFIG: &str = "
Host web-1 web-2 web-old
    User ann
Host web-* !web-1
    Port 2222
Host = \"db-1\" # the one
Include conf.d/*.conf
Match host db-1
    User postgres
";

fn machine_with_ssh(text: &str) -> Machine {
    let machine = Machine::with(text);
    machine.write("home/ann/.ssh/config", SSH_CONFIG);
    machine.write(
        "home/ann/.ssh/conf.d/a.conf",
        "HOST cache-1\nInclude ~/.ssh/conf.d/*\n",
    );
    machine.write(
        "etc/ssh/ssh_config",
        "Host jump\nHost *\nInclude /nowhere/*\n",
    );
    machine
}

#[test]
fn imports_take_the_aliases_of_ssh() {
    let machine = machine_with_ssh("import = [\"ssh:*\"]");
    let config = machine.plain();
    assert_eq!(
        names(&config),
        ["web-1", "web-2", "web-old", "db-1", "cache-1", "jump"]
    );
    assert_eq!(host(&config, "db-1").endpoint.to_string(), "ssh://db-1");
    assert_eq!(&*host(&config, "db-1").source, "ssh_config");
    assert_eq!(complaints(&config), Vec::<String>::new());
}

#[test]
fn an_import_gives_its_hosts_what_it_says_and_a_written_host_stands_for_an_imported_one() {
    let machine = machine_with_ssh(
        r#"
[[import]]
from = ["ssh:web-*", "ssh:nothing-*"]
except = ["*-old"]
environment = "prod"
groups = ["web"]
socket = "/s"
read_only = true
[[host]]
name = "web-2"
endpoint = "ssh://other"
"#,
    );
    let config = machine.plain();
    assert_eq!(names(&config), ["web-2", "web-1"]);
    let web = host(&config, "web-1");
    assert_eq!(
        (web.endpoint.to_string().as_str(), web.read_only),
        ("ssh://web-1/s", true)
    );
    assert_eq!(
        (web.environment.as_deref(), web.groups.len()),
        (Some("prod"), 1)
    );
    assert_eq!(host(&config, "web-2").endpoint.to_string(), "ssh://other");
    assert_eq!(config.notices.len(), 1, "{:?}", complaints(&config));
    assert_eq!(config.notices[0].line, Some(2));
}

#[test]
fn the_ssh_configuration_may_be_another() {
    let machine = machine_with_ssh("import = \"ssh:*\"\n[ssh]\nconfig = \"ssh.conf\"\n");
    machine.write(
        "home/ann/.config/wharf/ssh.conf",
        "Host only\nInclude conf.d/a.conf\n",
    );
    assert_eq!(names(&machine.plain()), ["only", "cache-1"]);
}

fn context(machine: &Machine, id: &str, name: &str, host: &str) {
    let text = format!(
        r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}","SkipTLSVerify":false}}}}}}"#
    );
    machine.write(
        &format!("home/ann/.docker/contexts/meta/{id}/meta.json"),
        text,
    );
}

#[test]
fn docker_contexts_are_read_as_docker_writes_them() {
    let machine = Machine::with("import = [\"context:*\"]");
    context(&machine, "aa", "prod", "tcp://10.0.0.1:2376");
    context(&machine, "bb", "stage", "ssh://ann@stage");
    context(&machine, "cc", "odd", "npipe://x");
    machine.write("home/ann/.docker/contexts/meta/dd/meta.json", "{");
    machine.write(
        "home/ann/.docker/contexts/meta/ee/meta.json",
        r#"{"Name":"k8s","Endpoints":{"kubernetes":{}}}"#,
    );
    let key = machine.write("home/ann/.docker/contexts/tls/aa/docker/key.pem", "");
    machine.write("home/ann/.docker/contexts/tls/aa/docker/cert.pem", "");
    machine.write("home/ann/.docker/contexts/tls/aa/docker/ca.pem", "");
    let config = machine.plain();
    assert_eq!(names(&config), ["prod", "stage"]);
    let Endpoint::Tls {
        files, port: 2376, ..
    } = &host(&config, "prod").endpoint
    else {
        panic!("{:?}", host(&config, "prod"))
    };
    assert_eq!(files.key.as_ref(), Some(&key));
    assert_eq!(config.notices.len(), 2, "{:?}", complaints(&config));
}

#[test]
fn without_a_fleet_docker_s_own_order_holds() {
    let machine = Machine::new();
    let _socket = machine.socket("var/run/docker.sock");
    context(&machine, "aa", "work", "ssh://work");
    context(&machine, "bb", "play", "ssh://play");
    let config = machine.plain();
    assert_eq!((names(&config), config.configured), (vec!["local"], false));
    machine.write(
        "home/ann/.docker/config.json",
        r#"{"currentContext":"work"}"#,
    );
    let config = machine.plain();
    assert_eq!((names(&config), config.configured), (vec!["work"], true));
    let machine = machine.set("DOCKER_CONTEXT", "play");
    assert_eq!(names(&machine.plain()), ["play"]);
    let machine = machine.set("DOCKER_HOST", "tcp://10.1.1.1:2376");
    let config = machine.plain();
    assert_eq!(config.hosts[0].endpoint.to_string(), "tcp://10.1.1.1:2376");
    let machine = machine.set("DOCKER_TLS_VERIFY", "1");
    let config = machine.plain();
    assert!(matches!(&config.hosts[0].endpoint, Endpoint::Tls { files, .. } if !files.skip_verify));
    assert_eq!(names(&machine.load(&hosts_flags(&["ssh://x"]))), ["x"]);
}

#[test]
fn a_context_that_is_gone_is_told_and_not_replaced_by_the_local_engine() {
    let machine = Machine::new().set("DOCKER_CONTEXT", "gone");
    let _socket = machine.socket("var/run/docker.sock");
    let config = machine.plain();
    assert!(config.hosts.is_empty() && config.configured);
    assert_eq!(config.notices.len(), 1);
}

#[test]
fn a_fleet_that_is_all_broken_is_not_replaced_by_the_local_engine() {
    let machine = Machine::with("[[host]]\nname = \"a\"\nendpoint = \"x\"\n");
    let _socket = machine.socket("var/run/docker.sock");
    let config = machine.plain();
    assert!(config.hosts.is_empty() && config.configured);
}

#[test]
fn the_engines_of_this_machine_are_found_each_once() {
    let machine = Machine::new();
    let run = machine.path("run/user/1000");
    let _docker = machine.socket("run/podman/podman.sock");
    let _rootless = machine.socket("run/user/1000/docker.sock");
    fs::create_dir_all(machine.path("var/run")).unwrap();
    symlink(
        machine.path("run/podman/podman.sock"),
        machine.path("var/run/docker.sock"),
    )
    .unwrap();
    let machine = machine.set("XDG_RUNTIME_DIR", run.display().to_string());
    assert_eq!(names(&machine.plain()), ["local", "rootless"]);
}

#[test]
fn flags_name_endpoints_hosts_globs_aliases_and_contexts() {
    let machine = machine_with_ssh(
        "[[host]]\nname = \"app-1\"\nenvironment = \"prod\"\n[[host]]\nname = \"app-2\"\n[[host]]\nname = \"other\"\n",
    );
    context(&machine, "aa", "work", "ssh://work");
    let of = |hosts: &[&str]| machine.load(&hosts_flags(hosts));
    assert_eq!(names(&of(&["app-*"])), ["app-1", "app-2"]);
    assert_eq!(names(&of(&["web-1", "work"])), ["web-1", "work"]);
    assert_eq!(
        names(&of(&["ssh:web-?", "context:w*"])),
        ["web-1", "web-2", "work"]
    );
    assert_eq!(names(&of(&["mine=tcp://1.2.3.4:2375"])), ["mine"]);
    assert_eq!(names(&of(&["mine=ann@db-9"])), ["mine"]);
    assert_eq!(
        names(&of(&["ann@db-9", "db.example.org"])),
        ["db-9", "db.example.org"]
    );
    assert_eq!(
        names(&of(&[
            "unix:///tmp/a/docker.sock",
            "/tmp/b.sock",
            "/tmp/c/b.sock"
        ])),
        ["a", "b", "b-2"]
    );
    let config = machine.load(&Flags {
        also: true,
        ..hosts_flags(&["web-1"])
    });
    assert_eq!(names(&config), ["app-1", "app-2", "other", "web-1"]);
    let config = machine.load(&Flags {
        context: Some("work".into()),
        ..Flags::default()
    });
    assert_eq!(names(&config), ["work"]);
    let _socket = machine.socket("var/run/docker.sock");
    let config = machine.load(&Flags {
        all_contexts: true,
        ..Flags::default()
    });
    assert_eq!(names(&config), ["work", "local"]);
}

#[test]
fn a_flag_that_names_nothing_is_told_and_shows_nothing_else() {
    let machine = machine_with_ssh("[[host]]\nname = \"app-1\"\n");
    let config = machine.load(&hosts_flags(&[
        "ap-1",
        "x*",
        "a b=ssh://c",
        "ftp://x",
        "ssh:none-*",
    ]));
    assert!(config.hosts.is_empty() && config.configured);
    insta::assert_snapshot!(complaints(&config).join("\n"));
}

#[test]
fn naming_a_host_by_its_endpoint_is_no_way_around_its_policy() {
    let machine = Machine::with(
        "[[host]]\nname = \"db\"\nendpoint = \"ssh://db-1\"\nenvironment = \"prod\"\nread_only = true\n",
    );
    for flag in ["ssh://db-1", "x=ssh://db-1"] {
        let config = machine.load(&hosts_flags(&[flag]));
        assert!(
            config.hosts[0].read_only && config.hosts[0].environment.as_deref() == Some("prod"),
            "{flag}"
        );
    }
}
