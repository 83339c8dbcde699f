//! What `wharf.toml` says, and what is said of what is wrong with it.

use std::fs;

use wharf::{
    config::{EXAMPLE, Flags},
    logs::Masks,
    model::{DatabasePlace, Endpoint, HostName, Machine as BalancerMachine, TlsFiles},
};

use crate::machine::{Machine, complaints, host, names};

#[test]
fn nothing_at_all_is_a_configuration() {
    let config = Machine::new().plain();
    assert!(config.hosts.is_empty() && !config.configured && config.notices.is_empty());
    assert_eq!(
        (config.keymap.as_str(), config.theme.as_str()),
        ("default", "dark")
    );
    assert_eq!(config.start, None);
    let DatabasePlace::File(database) = &config.store.database else {
        panic!("{:?}", config.store);
    };
    assert!(database.ends_with(".local/share/wharf/wharf.db"));
    assert!(
        config
            .store
            .spill
            .ends_with(".local/state/wharf/operations.spill.jsonl")
    );
}

#[test]
fn the_example_is_read_without_a_notice_and_says_the_defaults() {
    let config = Machine::with(EXAMPLE).plain();
    assert_eq!(complaints(&config), Vec::<String>::new());
    assert_eq!(names(&config), ["ams-1", "build", "ldn-1", "tls-1", "here"]);
    let nothing = Machine::new().plain();
    assert_eq!((config.refresh, config.ssh), (nothing.refresh, nothing.ssh));
    assert_eq!(config.logs, nothing.logs);
    assert_eq!(
        (config.mouse, config.log.max_size),
        (nothing.mouse, nothing.log.max_size)
    );
}

#[test]
fn every_commented_key_of_the_example_is_known() {
    let commented = EXAMPLE.lines().filter_map(|line| {
        let key = line.strip_prefix("# ")?;
        let is_code = key.starts_with("[[")
            || key
                .split_once(" = ")
                .is_some_and(|(name, _)| !name.contains(' '));
        is_code.then(|| key.to_owned())
    });
    let mut text: String = commented.collect::<Vec<_>>().join("\n");
    // The keys of [ui], [ui.columns], [logs], [ssh], [store] and [log] are commented one by one, after [[import]].
    text = text
        .replace("baud =", "[ui]\nbaud =")
        .replace("containers =", "[ui.columns]\ncontainers =")
        .replace("mask =", "[logs]\nmask =")
        .replace("config = \"~", "[ssh]\nconfig = \"~")
        .replace("database =", "[store]\ndatabase =")
        .replace("file =", "[log]\nfile =");
    assert!(
        ["[[import]]", "except", "spill", "file"]
            .iter()
            .all(|key| text.contains(key)),
        "{text}"
    );
    let config = Machine::with(&text).plain();
    let unknown: Vec<String> = complaints(&config)
        .into_iter()
        .filter(|text| text.contains("not known"))
        .collect();
    assert_eq!(unknown, Vec::<String>::new(), "{text}");
}

#[test]
fn hosts_are_read_with_all_their_keys() {
    let machine = Machine::with(
        r#"
[[host]]
name = "web-1"
environment = "prod"
groups = ["web", "eu"]
user = "deploy"
port = 2222
socket = "/run/podman/podman.sock"
read_only = true

[[host]]
endpoint = "https://10.0.0.7"
tls = "certs"
tls_verify = false

[[host]]
name = "v6"
endpoint = "tcp://[fd00::1]:2375"
"#,
    );
    let ca = machine.write("home/ann/.config/wharf/certs/ca.pem", "");
    let config = machine.plain();
    assert_eq!(complaints(&config), Vec::<String>::new());
    let web = host(&config, "web-1");
    assert_eq!(
        web.endpoint.to_string(),
        "ssh://deploy@web-1:2222/run/podman/podman.sock"
    );
    assert_eq!(
        (web.environment.as_deref(), web.groups.len(), web.read_only),
        (Some("prod"), 2, true)
    );
    let files = TlsFiles {
        ca: Some(ca),
        cert: None,
        key: None,
        skip_verify: true,
    };
    let endpoint = Endpoint::Tls {
        host: "10.0.0.7".into(),
        port: 2376,
        files,
    };
    assert_eq!(host(&config, "10.0.0.7").endpoint, endpoint);
    assert_eq!(
        host(&config, "v6").endpoint.to_string(),
        "tcp://[fd00::1]:2375"
    );
}

#[test]
fn balancers_are_read_and_a_wrong_one_loses_only_itself() {
    let machine = Machine::with(
        r#"
[[balancer]]
name = "here"
socket = "/run/h.sock"

[[balancer]]
name = "edge"
kind = "haproxy"
host = "web-1"
socket = "/run/haproxy/admin.sock"
map = "/etc/haproxy/canary.map"
state = "/var/lib/haproxy/ops.state"
config = "/etc/haproxy/haproxy.cfg"
environment = "prod"
read_only = true

[[balancer]]
name = "away"
endpoint = "ssh://ops@lb-1:2222"
socket = "/run/h.sock"
map = "canary.map"

[[balancer]]
name = "edge"
socket = "/run/h.sock"

[[balancer]]
name = "no; good"
socket = "/run/h.sock"

[[balancer]]
name = "web"
kind = "nginx"
config = "/etc/nginx/conf.d/wharf.conf"
reload = "sudo nginx -s reload"

[[balancer]]
name = "nginx"
kind = "nginx"
socket = "/run/n.sock"

[[balancer]]
name = "envoy"
kind = "envoy"
socket = "/run/n.sock"

[[balancer]]
name = "two"
host = "web-1"
endpoint = "ssh://lb-1"
socket = "/run/h.sock"

[[balancer]]
name = "tcp"
endpoint = "tcp://lb-1:9999"
socket = "/run/h.sock"

[[balancer]]
name = "mute"
enviroment = "prod"
"#,
    );
    let config = machine.plain();
    let [here, edge, away, web] = &*config.balancers else {
        panic!("{:?}", config.balancers)
    };
    assert_eq!(
        (&here.machine, &*here.socket),
        (&BalancerMachine::Here, "/run/h.sock")
    );
    assert_eq!(edge.machine, BalancerMachine::Host(HostName::new("web-1")));
    assert_eq!(edge.environment.as_deref(), Some("prod"));
    assert_eq!(edge.map.as_deref(), Some("/etc/haproxy/canary.map"));
    assert_eq!(edge.state.as_deref(), Some("/var/lib/haproxy/ops.state"));
    assert!(edge.read_only && edge.config.is_some() && !here.read_only);
    let lb = BalancerMachine::Ssh {
        destination: "ops@lb-1".into(),
        port: Some(2222),
    };
    assert_eq!((&away.machine, &away.map), (&lb, &None));
    let wharf::model::BalancerKind::Nginx(own) = &web.kind else {
        panic!("{web:?}")
    };
    assert_eq!(
        [&*own.file, &*own.check, &*own.reload, &*own.pid],
        [
            "/etc/nginx/conf.d/wharf.conf",
            "nginx -t -q",
            "sudo nginx -s reload",
            "/run/nginx.pid"
        ]
    );
    insta::assert_snapshot!(complaints(&config).join("\n"));
}

#[test]
fn lists_of_targets_are_read_and_a_wrong_one_loses_only_itself() {
    let machine = Machine::with(
        r#"
[[discovery]]
name = "files"
app = "shop-*"
environment = "prod"
kind = "file"
hosts = ["web-1", "web-2"]
template = "t/list.j2"
path = "/etc/x/{{ app }}.conf"
mode = "0644"
owner = "root:proxy"
check = "proxy -t {new}"
reload = "systemctl reload proxy"
on_error = "warn"
grace = "2s"

[[discovery]]
name = "keys"
app = "shop"
kind = "etcd"
endpoints = ["https://etcd-1:2379/", "https://etcd-2:2379"]
prefix = "/svc/{{ app }}/"
user = "wharf"
password_variable = "ETCD_PASSWORD"

[[discovery]]
name = "files"
app = "shop"
kind = "file"
template = "t"
path = "/x"

[[discovery]]
name = "over-each-other"
app = "shop-*"
kind = "file"
template = "t"
path = "/etc/x/application.conf"

[[discovery]]
name = "everywhere"
app = "shop"
environment = "*"
kind = "etcd"
endpoints = ["https://etcd-1:2379"]
prefix = "/svc/{{ app }}/"

[[discovery]]
name = "open"
app = "shop"
kind = "etcd"
endpoints = ["https://etcd-1:2379"]
prefix = "/svc/"
user = "wharf"
password = "hunter22"

[[discovery]]
name = "mute"
app = "shop"
kind = "consul"

[[discovery]]
name = "rel"
app = "shop"
kind = "file"
template = "t"
path = "x.conf"

[[discovery]]
name = "mode"
app = "shop"
kind = "file"
template = "t"
path = "/x"
mode = "rw"
on_error = "ignore"
"#,
    );
    let config = machine.plain();
    let [files, keys] = &*config.discoveries else {
        panic!("{:?}", config.discoveries)
    };
    assert!(files.warns && !keys.warns && files.grace.as_secs() == 2);
    assert_eq!(files.place(), "/etc/x/{{ app }}.conf on web-1, web-2");
    assert_eq!(
        keys.place(),
        "/svc/{{ app }}/ in https://etcd-1:2379, https://etcd-2:2379"
    );
    let told = complaints(&config).join("\n");
    assert!(!told.contains("hunter22"), "{told}");
    insta::assert_snapshot!(told);
}

#[test]
fn a_broken_host_loses_only_itself_and_says_where() {
    let machine = Machine::with(
        r#"
[[host]]
name = "a"
[[host]]
name = "b"
endpoint = "ftp://x"
[[host]]
name = "c"
endpiont = "ssh://c"
[[host]]
name = "d
[[host]]
name = "a"
[[host]]
name = "e e"
[[host]]
name = "f"
user = "-oProxyCommand=x"
[[host]]
name = 7
endpoint = 8
[[host]]
groups = "one"
[[host]]
name = "z"
"#,
    );
    let config = machine.plain();
    assert_eq!(names(&config), ["a", "c", "f", "z"]);
    assert_eq!(host(&config, "f").endpoint.to_string(), "ssh://f");
    assert!(
        !config.read_only,
        "a broken host says nothing about policies"
    );
    insta::assert_snapshot!(complaints(&config).join("\n"));
}

#[test]
fn what_is_wrong_with_a_policy_closes() {
    let read_only_for = |text: &str| Machine::with(text).plain().read_only;
    assert!(read_only_for("read_only = 1"), "not a flag");
    assert!(read_only_for("readonly = true"), "a slip in the key");
    assert!(
        read_only_for("read_only = tru\n[[host]]\nname = \"a\""),
        "no TOML in the first part"
    );
    assert!(
        read_only_for("[[environment]]\nname = \"prod\nread_only = true"),
        "no TOML in an environment"
    );
    assert!(
        read_only_for("[[environment]]\nread_only = true"),
        "an environment without a name"
    );
    assert!(
        read_only_for("[[hosts of old\nname = 1"),
        "who knows what that was"
    );
    assert!(
        read_only_for("[[enviroment]]\nname = \"prod\"\nread_only = true"),
        "a slip in the header"
    );
    assert!(read_only_for("environment = \"prod\""), "no list");
    assert!(read_only_for("environment = [1]"), "no tables");
    assert!(!read_only_for("read_only = false\nreadonly = false"));
    assert!(
        !read_only_for("[ui]\ntheme = \"dark\nx"),
        "a broken look is no policy"
    );

    let config =
        Machine::with("[[environment]]\nname = \"qa\"\ngaurded = true\nread-only = 1\n").plain();
    let qa = config.environment("qa").unwrap();
    assert!(qa.guarded && qa.read_only);
    assert_eq!(config.notices.len(), 2, "{:?}", complaints(&config));
}

#[test]
fn a_host_whose_environment_cannot_be_read_is_read_only() {
    for line in [
        "enviroment = \"prod\"",
        "environment = 1",
        "env = \"prod\"\nenvironment = \"\"",
    ] {
        let config = Machine::with(&format!("[[host]]\nname = \"a\"\n{line}\n")).plain();
        assert!(config.hosts[0].read_only, "{line}");
        assert!(!config.read_only, "{line}");
    }
}

#[test]
fn the_same_environment_twice_is_the_stricter_of_both() {
    let text = "[[environment]]\nname = \"qa\"\nguarded = true\n[[environment]]\nname = \"qa\"\nread_only = true\n";
    let config = Machine::with(text).plain();
    assert!(
        config.environments.len() == 1
            && config.environments[0].guarded
            && config.environments[0].read_only
    );
    assert_eq!(config.notices[0].line, Some(4));
}

#[test]
fn environments_without_an_entry_have_the_usual_policy() {
    let text = "[[host]]\nname = \"a\"\nenvironment = \"production\"\n[[host]]\nname = \"b\"\nenvironment = \"dev\"\n";
    let config = Machine::with(text).plain();
    assert!(config.environment("production").unwrap().guarded);
    assert!(!config.environment("dev").unwrap().guarded);
}

#[test]
fn an_environment_that_is_nearly_one_with_an_entry_is_told() {
    let text = "[[environment]]\nname = \"prod\"\nread_only = true\n[[host]]\nname = \"a\"\nenvironment = \"prd\"\n";
    let config = Machine::with(text).plain();
    assert_eq!(
        complaints(&config),
        ["the environment prd of host a has no [[environment]]; did you mean prod?"]
    );
}

#[test]
fn a_file_that_cannot_be_read_makes_all_read_only_and_one_that_is_not_there_nothing() {
    let machine = Machine::new();
    fs::create_dir_all(machine.toml()).unwrap();
    let config = machine.plain();
    assert!(config.read_only && config.notices.len() == 1);
    assert!(!Machine::new().plain().read_only);
    let missing = Flags {
        config: Some("/nowhere/wharf.toml".into()),
        ..Flags::default()
    };
    let config = Machine::new().load(&missing);
    assert!(config.read_only, "it was asked for, so there was a policy");
    assert_eq!(config.notices[0].place, "/nowhere/wharf.toml");
}

#[test]
fn logs_are_told_how_much_they_hold_and_what_they_mask() {
    let config = Machine::new().plain();
    assert_eq!(config.logs.memory, 128 << 20);
    assert_eq!(config.logs.masks, Masks::default());
    let text = "[logs]\nmemory = \"1.5 GB\"\nmask_common = false\nmask = ['CUST-\\d+']\n";
    let config = Machine::with(text).plain();
    assert_eq!(complaints(&config), Vec::<String>::new());
    assert_eq!(config.logs.memory, 3 << 29);
    let line = "password=hunter2 of CUST-12";
    assert_eq!(config.logs.masks.apply(line), "password=hunter2 of ****");
    for wrong in ["\"100 K\"", "\"65 GB\"", "\"much\"", "128"] {
        let config = Machine::with(&format!("[logs]\nmemory = {wrong}\n")).plain();
        let told = complaints(&config).join("\n");
        let remedy = "write memory = \"128 MB\"; it may be from 1.00M to 64.0G";
        assert!(
            told.starts_with("2: [logs]: memory ") && told.contains(remedy),
            "{told}"
        );
        assert_eq!(config.logs.memory, 128 << 20);
    }
}

#[test]
fn rules_that_cannot_be_read_mask_more_and_the_others_count() {
    let text = "[logs]\nmask_common = 1\nmask = [\n'pin=(?<secret>\\d+',\n'CUST-\\d+',\n]\n";
    let config = Machine::with(text).plain();
    insta::assert_snapshot!(complaints(&config).join("\n"));
    let masks = config.logs.masks;
    assert_eq!(masks.apply("CUST-7 pin=4711 ok"), "**** ****");
    assert_eq!(masks.apply("token=abcdef123456"), "token=****");
    for unknown in [
        "[logs]\nmask = ['(']\n",
        "[logs]\nmask = ['a', 1]\n",
        "[logs]\nmask = true\n",
        "[logs]\nmasks = ['a']\n",
        "[Logs]\nmask = ['a']\n",
        "[logs]\nmask = ['a'\n",
    ] {
        let config = Machine::with(unknown).plain();
        let told = complaints(&config).join("\n");
        assert!(
            told.contains("all lines of logs are masked"),
            "{unknown}: {told}"
        );
        assert_eq!(config.logs.masks.apply("any line"), "****", "{unknown}");
    }
}

#[test]
fn unknown_keys_are_told_with_the_nearest() {
    let text = "[ssh]\nlogin = 3\n[ui]\ncolour = 1\n[logs]\nmaximum = 1\n[hosts]\n";
    let config = Machine::with(text).plain();
    insta::assert_snapshot!(complaints(&config).join("\n"));
}

#[test]
fn a_team_names_its_database_and_where_the_password_is() {
    let text = "[store]\ndatabase = \"postgres://ann:hunter2@db/wharf\"\ndatabase_password_file = \"secret\"\n";
    let machine = Machine::with(text);
    let file = machine.write("home/ann/.config/wharf/secret", "hunter2\n");
    let config = machine.plain();
    assert_eq!(complaints(&config), Vec::<String>::new());
    let DatabasePlace::Server { url, password_file } = &config.store.database else {
        panic!("{:?}", config.store);
    };
    assert_eq!(url.to_string(), "postgres://ann@db/wharf");
    assert_eq!(password_file.as_ref(), Some(&file));
    assert!(!format!("{config:?}").contains("hunter2"));
    // The variable wins, and the password's file is for it as well.
    let config = machine
        .set("WHARF_DATABASE", "postgresql://team@other:6432/log")
        .plain();
    assert!(
        matches!(&config.store.database, DatabasePlace::Server { url, password_file: Some(_) } if url.to_string() == "postgresql://team@other:6432/log")
    );
}

#[test]
fn a_database_that_cannot_be_used_is_told_without_its_password_and_no_other_takes_its_place() {
    let text = "\n[store]\ndatabase = \"postgres://ann:hun/ter2@db/wharf\"\ndatabase_password_file = \"absent\"\n";
    let config = Machine::with(text).plain();
    let told = complaints(&config).join("\n");
    assert!(
        told.contains("3: [store]: database cannot be used: it has / and @ where none may be"),
        "{told}"
    );
    assert!(
        told.contains("until it is mended acts wait in the spill"),
        "{told}"
    );
    assert!(
        told.contains("database_password_file names no file"),
        "{told}"
    );
    assert!(!told.contains("ter2"), "{told}");
    assert!(matches!(
        config.store.database,
        DatabasePlace::Unusable { .. }
    ));

    let machine = Machine::new().set("WHARF_DATABASE", "mysql://ann:hunter2@db/wharf");
    let config = machine.plain();
    let told = complaints(&config).join("\n");
    assert!(
        told.starts_with("it cannot be used: mysql:// is no kind of database"),
        "{told}"
    );
    assert!(
        !told.contains("hunter2")
            && matches!(config.store.database, DatabasePlace::Unusable { .. })
    );
}

#[test]
fn roles_are_read_and_a_mistake_opens_nothing() {
    use wharf::model::{Permission, Role, Spot};
    let text = r#"
[[grant]]
people = ["ann", "%oncall"]
role = "deployer"
environments = ["qa"]

[[grant]]
people = "bob"
role = "approver"

[[grant]]
people = ["carl"]
role = "boss"

[[grant]]
people = ["dora"]
role = "admin"
enviroments = ["qa"]

[[grant]]
role = "admin"
"#;
    let machine = Machine::with(text);
    machine.write("etc/group", "root:x:0:\noncall:x:700:eve,finn\n");
    let access = machine.plain().access;
    let may = |who: &str, permission, environment: &str| {
        access
            .denies_to(who, permission, Spot::Environment(environment))
            .is_none()
    };
    assert!(may("ann", Permission::Deploy, "qa") && !may("ann", Permission::Deploy, "prod"));
    assert!(may("finn@ops-1", Permission::Deploy, "qa"));
    assert!(may("bob", Permission::Approve, "prod"));
    for who in ["carl", "dora", "root"] {
        assert!(!may(who, Permission::Operate, "qa"), "{who}");
    }
    assert_eq!(access.roles("bob", Spot::Somewhere), [Role::Approver]);
    let told = complaints(&machine.plain()).join("\n");
    for part in [
        "'boss' is no role",
        "environments that cannot be read",
        "names no people",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    for closed in ["grant = 1", "[[grants]]\npeople = [\"ann\"]"] {
        let access = Machine::with(closed).plain().access;
        let denied = access.denies_to("ann", Permission::Operate, Spot::Somewhere);
        assert!(denied.is_some(), "{closed}");
    }
    let open = Machine::with("").plain().access;
    assert_eq!(open.denies(Permission::Administer, Spot::Somewhere), None);
}

#[test]
fn what_an_environment_asks_of_releases_is_read_and_a_mistake_keeps_it_closed() {
    let text = r#"
[[environment]]
name = "prod"
approvals = 2
approvals_last = "24h"
freeze = [{ from = "fri 16:00", to = "mon 08:00", zone = "Europe/Amsterdam", reason = "weekend" }]

[[environment]]
name = "qa"
freeze = [{ days = "someday", reason = "x" }]

[[environment]]
name = "dev"
freezes = []

[[environment]]
name = "test"
approvals = "two"

[[environment]]
name = "stage"
gate = [{ suite = "regression", environment = "qa", consecutive = 3, limits = ["p95_ms <= 200"] }]

[[environment]]
name = "live"
[[environment.gate]]
suite = "regression"
limits = ["p95_ms < 200"]
"#;
    let config = Machine::with(text).plain();
    let of = |name: &str| config.environment(name).unwrap().clone();
    let prod = of("prod").admission;
    assert_eq!((prod.approvals, prod.lasts.as_secs()), (2, 24 * 3600));
    let frozen = |name: &str, at: &str| {
        let freezes = of(name).admission.freezes;
        wharf::model::freeze::frozen(&freezes, at.parse().unwrap()).map(|one| one.to_string())
    };
    let told = frozen("prod", "2026-11-21T12:00:00Z");
    assert_eq!(
        told.as_deref(),
        Some("frozen until Mon 2026-11-23 08:00 Europe/Amsterdam: weekend")
    );
    assert_eq!(frozen("prod", "2026-11-24T12:00:00Z"), None);
    assert!(
        frozen("qa", "2026-11-24T12:00:00Z")
            .unwrap()
            .contains("not understood")
    );
    assert!(of("dev").read_only && of("test").read_only && of("live").read_only);
    let gates = of("stage").admission.gates;
    assert_eq!((gates[0].consecutive, gates[0].same_digest), (3, true));
    assert_eq!(gates[0].limits[0].to_string(), "p95_ms <= 200");
    assert!(!of("prod").read_only && !of("qa").read_only);
    assert_eq!(complaints(&config).len(), 6, "{:?}", complaints(&config));
}
