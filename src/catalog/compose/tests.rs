//! Compose files of our own, loaded: what comes out, and what is told.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{collections::BTreeMap, fmt::Write as _};

use super::*;
use crate::model::app::{
    Condition, FileFrom, Healthcheck, HostPort, MountKind, NetworkMode, Order, Protocol, Restart,
    SecretName, Service, ServiceName, Source, Value,
};

/// Files by path.
#[derive(Default)]
struct Shelf(BTreeMap<&'static str, &'static str>);

impl Files for Shelf {
    fn read(&self, path: &str) -> Result<String, String> {
        let found = self.0.get(path).map(|text| (*text).to_owned());
        found.ok_or_else(|| "no such file".to_owned())
    }
}

fn variables(name: &str) -> Option<Given> {
    let plain = |text: &str| Some(Given::Plain(text.to_owned()));
    match name {
        "TAG" => plain("1.27"),
        "EMPTY" => plain(""),
        "USER" => plain("ann"),
        "PASSWORD" => Some(Given::Secret(SecretName::new("PASSWORD")?)),
        _ => None,
    }
}

fn with(
    texts: &[&str],
    shelf: &Shelf,
    profiles: Profiles,
    purpose: Purpose,
) -> Result<Loaded, Vec<Told>> {
    let sources: Vec<Source> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| Source {
            path: format!("shop/{}.yaml", ["compose", "over", "third"][index]),
            text: (*text).to_owned(),
        })
        .collect();
    load(&Request {
        sources: &sources,
        name: None,
        variables: &variables,
        profiles,
        purpose,
        files: shelf,
    })
}

fn loaded(text: &str) -> Loaded {
    with(&[text], &Shelf::default(), Profiles::All, Purpose::Deploy)
        .unwrap_or_else(|told| panic!("{}", lines(&told)))
}

fn refused(text: &str) -> String {
    lines(&with(&[text], &Shelf::default(), Profiles::All, Purpose::Deploy).unwrap_err())
}

fn lines(told: &[Told]) -> String {
    told.iter().fold(String::new(), |mut all, one| {
        writeln!(all, "{one}").unwrap();
        all
    })
}

fn web(loaded: &Loaded) -> &Service {
    &loaded.spec.services[&ServiceName::new("web").unwrap()]
}

/// Everything that is read, in the short forms and in the long ones.
const SHORT: &str = include_str!("fixtures/short.yaml");
const LONG: &str = include_str!("fixtures/long.yaml");

#[test]
fn short_and_long_forms_mean_the_same() {
    let short = loaded(SHORT);
    let long = loaded(LONG);
    assert_eq!(short.spec.canonical(), long.spec.canonical());
    assert_eq!(short.spec.hash(), long.spec.hash());
    assert_eq!(lines(&long.told), "");
}

#[test]
fn everything_that_is_read_is_in_the_spec() {
    let long = loaded(LONG);
    let web = web(&long);
    assert_eq!(web.image.as_ref().unwrap().as_str(), "nginx:1.27");
    assert_eq!(web.ports.len(), 4);
    assert_eq!(web.ports[0].protocol, Protocol::Udp);
    assert_eq!(web.ports[1].host, HostPort::Fixed(8080));
    assert_eq!(web.ports[3].host, HostPort::Between(9000, 9001));
    assert_eq!(web.restart, Some(Restart::OnFailure(Some(3))));
    assert_eq!(web.deploy.replicas, Some(2));
    assert_eq!(web.deploy.resources.limits.nano_cpus, Some(500_000_000));
    assert_eq!(web.deploy.resources.limits.memory, Some(256 << 20));
    assert_eq!(
        web.deploy.update.as_ref().unwrap().order,
        Some(Order::StartFirst)
    );
    assert_eq!(web.ulimits["nofile"].hard, 65536);
    let db = ServiceName::new("db").unwrap();
    assert_eq!(web.depends_on[&db].condition, Condition::Healthy);
    let Some(Healthcheck::Probe(probe)) = &web.healthcheck else {
        panic!("no probe");
    };
    assert_eq!(probe.interval.unwrap().as_secs(), 90);
    let volumes =
        |mount: &&crate::model::app::Mount| matches!(mount.kind, MountKind::Volume { .. });
    assert_eq!(web.mounts.iter().filter(volumes).count(), 1);
    assert!(web.read_only && web.init == Some(true));
    assert_eq!(web.networks["front"].ipv4.unwrap().to_string(), "10.20.0.5");
    insta::assert_snapshot!(serde_json::to_string_pretty(&long.spec).unwrap());
}

#[test]
fn variables_have_defaults_requirements_and_alternatives() {
    let text = |text: &str| {
        let file = format!("services: {{web: {{image: a, labels: {{l: '{text}'}}}}}}");
        with(&[&file], &Shelf::default(), Profiles::All, Purpose::Deploy)
            .map(|loaded| web(&loaded).labels["l"].clone())
            .map_err(|told| lines(&told))
    };
    for (written, meant) in [
        ("$TAG", "1.27"),
        ("${TAG}-x", "1.27-x"),
        ("${NO:-d}", "d"),
        ("${NO-d}", "d"),
        ("${EMPTY:-d}", "d"),
        ("${EMPTY-d}", ""),
        ("${NO:-${EMPTY:-$USER}}", "ann"),
        ("${TAG:+yes}${NO:+no}", "yes"),
        ("${EMPTY+set}", "set"),
        ("$$TAG $${TAG}", "$TAG ${TAG}"),
        ("${TAG:?must}", "1.27"),
        ("${TAG:-${NO:?never}}", "1.27"),
        ("a:b/${NO:-http://x:1/y}", "a:b/http://x:1/y"),
    ] {
        assert_eq!(text(written).as_deref(), Ok(meant), "{written}");
    }
    for (written, told) in [
        ("${NO:?say it}", "NO must be set: say it"),
        ("${EMPTY:?}", "EMPTY must be set"),
        ("$(date)", "'$(' is no variable; write $$"),
        ("${a b}", "is no variable; write ${NAME}"),
        ("${TAG", "is no variable"),
        ("5$", "'$' is no variable; write $$"),
    ] {
        let wrong = text(written).unwrap_err();
        assert!(
            wrong.contains(told) && wrong.contains("compose.yaml:1: services.web.labels.l"),
            "{wrong}"
        );
    }
}

#[test]
fn an_unset_variable_is_told_and_empty() {
    let loaded = loaded("services:\n  web:\n    image: nginx\n    user: \"$NOBODY\"\n");
    assert_eq!(web(&loaded).user.as_deref(), Some(""));
    assert_eq!(
        lines(&loaded.told),
        "shop/compose.yaml:4: services.web.user: warning: NOBODY is not set; nothing stands for it; \
         set it, or write ${NOBODY:-default}\n"
    );
}

#[test]
fn secrets_stand_by_reference_and_only_where_they_may() {
    let loaded = loaded(
        "services: {web: {image: a, command: redis --requirepass $PASSWORD, environment: [\"P=x${PASSWORD}\"]}}",
    );
    let service = web(&loaded);
    assert_eq!(service.environment.0["P"].written(), "x${PASSWORD}");
    assert_eq!(
        service.command.as_ref().unwrap()[2].written(),
        "${PASSWORD}"
    );
    assert!(loaded.spec.canonical().contains("x${PASSWORD}"));
    let told = refused("services: {web: {image: a, hostname: $PASSWORD}}");
    assert!(
        told.contains("services.web.hostname: error: a secret cannot stand here"),
        "{told}"
    );
}

#[test]
fn keys_are_read_ignored_with_a_reason_or_unknown_with_the_nearest() {
    let loaded = loaded(
        "version: '3'\nx-mine: 1\nservices:\n  web:\n    image: a\n    x-own: {a: 1}\n    credential_spec: {file: x}\n",
    );
    let told = lines(&loaded.told);
    assert!(
        told.contains("compose.yaml:1: version: note: 'version' is ignored"),
        "{told}"
    );
    assert!(told.contains(":7: services.web.credential_spec: warning: 'credential_spec' is known and ignored: it is Windows'"), "{told}");
    let told = refused(
        "services:\n  web:\n    image: a\n    volume: []\n    depend_on: [b]\nvolumes: {v: {drivers: x}}\n",
    );
    assert_eq!(
        told,
        "shop/compose.yaml:4: services.web.volume: error: the key 'volume' is unknown; did you mean 'volumes'?\n\
         shop/compose.yaml:5: services.web.depend_on: error: the key 'depend_on' is unknown; did you mean 'depends_on'?\n\
         shop/compose.yaml:6: volumes.v.drivers: error: the key 'drivers' is unknown; did you mean 'driver'?\n"
    );
}

#[test]
fn all_errors_come_at_once_each_with_its_line() {
    let told = refused(
        "services:\n  web:\n    ports: ['80:http', '1-3:5-6']\n    volumes: [data:/x, 'a:b']\n    \
         depends_on: [db]\n    networks: [back]\n    restart: sometimes\n    mem_limit: lots\n",
    );
    for part in [
        ":3: services.web.ports[0]: error: 'http' is no port",
        ":3: services.web.ports[1]: error: 1-3 and 5-6 are not equally many",
        ":4: services.web.volumes[0]: error: the volume 'data' is not declared",
        ":4: services.web.volumes[1]: error: 'b' is no full path",
        "services.web.depends_on: error: it depends on 'db', which is not there",
        "services.web.networks: error: the network 'back' is not declared",
        ":7: services.web.restart: error: 'sometimes' is not no, always",
        ":8: services.web.mem_limit: error: 'lots' is not an amount",
        "services.web: error: it has neither an image nor a build",
    ] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
}

#[test]
fn yaml_is_read_strictly() {
    for (text, told) in [
        (
            "services: {a: {image: x}, a: {image: y}}",
            "'a' stands here twice, first in line 1",
        ),
        ("services:\n  a: [", "this is no YAML"),
        ("- a", "a Compose file is a map"),
        ("", "the file is empty"),
        ("services: !mine {}", "the tag !mine is not known"),
        ("services: {a: {<<: x, image: y}}", "'<<' takes maps only"),
        ("? [a]\n: b", "cannot be a name"),
        ("services: {}\nx: \u{f8f0}", "U+F8F0"),
    ] {
        assert!(refused(text).contains(told), "{text}: {}", refused(text));
    }
    let mut bomb = "a: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let before = format!("*a{}, ", level - 1).repeat(9);
        writeln!(bomb, "b{level}: &a{level} [{before}]").unwrap();
    }
    assert!(refused(&bomb).contains("its aliases make more than"));
    let deep = format!("a: {}{}", "[".repeat(100), "]".repeat(100));
    assert!(
        refused(&deep).contains("nested more than"),
        "{}",
        refused(&deep)
    );
}

#[test]
fn merge_keys_fill_what_is_not_said() {
    let loaded = loaded(
        "x-a: &a {image: one, user: u, labels: {a: '1'}}\nx-b: &b {image: two, tty: true}\n\
         services:\n  web:\n    <<: [*a, *b]\n    user: own\n",
    );
    let service = web(&loaded);
    assert_eq!(service.image.as_ref().unwrap().as_str(), "one");
    assert_eq!(service.user.as_deref(), Some("own"));
    assert!(service.tty);
}

#[test]
fn scalars_keep_their_text() {
    let loaded = loaded(
        "services: {web: {image: a, environment: {V: 1.10, Z: 012, Y: yes, E: 1e3, N: , T: 'null', B: true}}}",
    );
    let value = |name: &str| web(&loaded).environment.0.get(name).map(Value::written);
    let texts = ["V", "Z", "Y", "E", "T", "B"].map(|name| value(name).unwrap());
    assert_eq!(texts, ["1.10", "012", "yes", "1e3", "null", "true"]);
    assert_eq!(value("N"), None);
}

#[test]
fn files_go_over_each_other_by_the_rules() {
    let base = "services:\n  web:\n    image: a\n    command: [one, two]\n    ports: ['80:80', '81:81']\n    \
                environment: [A=1, B=2]\n    volumes: [v:/data, ./x:/x]\n    labels: {l: '1'}\n    \
                logging: {driver: syslog, options: {a: b}}\n    dns: 1.1.1.1\n    expose: ['9']\n    tty: true\n\
                volumes: {v: {}}\n";
    let over = "services:\n  web:\n    command: [three]\n    ports: !override ['90:90']\n    environment: {B: 3, C: 4}\n    \
                volumes: [/srv:/data]\n    labels: [m=2]\n    logging: {driver: local}\n    dns: [8.8.8.8]\n    \
                expose: ['9', '10']\n    tty: !reset null\n";
    let loaded = with(
        &[base, over],
        &Shelf::default(),
        Profiles::All,
        Purpose::Deploy,
    )
    .unwrap();
    let web = web(&loaded);
    assert_eq!(web.command.as_ref().unwrap(), &[Value::plain("three")]);
    assert_eq!(web.ports.len(), 1);
    assert_eq!(web.ports[0].to_string(), "90:90");
    let environment: Vec<String> = web
        .environment
        .0
        .iter()
        .map(|(n, v)| format!("{n}={}", v.written()))
        .collect();
    assert_eq!(environment, ["A=1", "B=3", "C=4"]);
    assert!(matches!(&web.mounts[0].kind, MountKind::Bind { source, .. } if source == "/srv"));
    assert_eq!(web.mounts.len(), 2);
    assert_eq!(web.labels.len(), 2);
    assert!(web.logging.as_ref().unwrap().options.is_empty());
    assert_eq!(web.dns, ["1.1.1.1", "8.8.8.8"]);
    assert_eq!(web.expose, ["10", "9"]);
    assert!(!web.tty);
}

#[test]
fn services_extend_services_of_this_file_and_of_others() {
    let mut shelf = Shelf::default();
    shelf.0.insert(
        "shop/base/common.yaml",
        "services:\n  base:\n    image: base:$TAG\n    env_file: own.env\n    cap_add: [NET_ADMIN]\n  \
         middle: {extends: base, tty: true}\n",
    );
    shelf.0.insert("shop/base/own.env", "FROM=base\n");
    let text = "services:\n  web:\n    extends: {file: ./base/common.yaml, service: middle}\n    cap_add: [SYS_TIME]\n  \
                two: {extends: {service: web}, image: other}\n";
    let loaded = with(&[text], &shelf, Profiles::All, Purpose::Deploy).unwrap();
    let service = web(&loaded);
    assert_eq!(service.image.as_ref().unwrap().as_str(), "base:1.27");
    assert_eq!(service.cap_add, ["NET_ADMIN", "SYS_TIME"]);
    assert_eq!(service.environment.0["FROM"].written(), "base");
    let two = &loaded.spec.services[&ServiceName::new("two").unwrap()];
    assert!(two.tty && two.image.as_ref().unwrap().as_str() == "other");
    let told = refused("services: {a: {extends: b}, b: {extends: a}}");
    assert!(told.contains("it extends itself"), "{told}");
    let told = refused("services: {a: {extends: b, image: x}}");
    assert!(
        told.contains("it extends 'b', which is not there"),
        "{told}"
    );
}

#[test]
fn other_files_are_included() {
    let mut shelf = Shelf::default();
    shelf.0.insert(
        "shop/db/compose.yaml",
        "services: {db: {image: 'pg:$VERSION', env_file: [a.env]}}\nvolumes: {v: {}}\n",
    );
    shelf.0.insert("shop/db/v.env", "VERSION=16\n");
    shelf.0.insert("shop/db/a.env", "# c\nexport A=\"x y\" \nB='$TAG' # no\nC=$TAG # yes\nD=\"$A-${C}\"\nE=two\\nlines\nF=\"two\\nlines\"\n");
    let text = "include:\n  - {path: db/compose.yaml, env_file: db/v.env}\nservices: {web: {image: a, depends_on: [db]}}\n";
    let loaded = with(&[text], &shelf, Profiles::All, Purpose::Deploy).unwrap();
    let db = &loaded.spec.services[&ServiceName::new("db").unwrap()];
    assert_eq!(db.image.as_ref().unwrap().as_str(), "pg:16");
    let value = |name: &str| db.environment.0[name].as_plain().unwrap().to_owned();
    let values = ["A", "B", "C", "D", "E", "F"].map(value);
    assert_eq!(
        values,
        [
            "x y",
            "$TAG",
            "1.27",
            "x y-1.27",
            "two\\nlines",
            "two\nlines"
        ]
    );
    assert!(loaded.spec.volumes.contains_key("v"));
    shelf.0.insert(
        "shop/a.yaml",
        "include: [compose.yaml]\nservices: {x: {image: y}}",
    );
    let told = lines(
        &with(
            &["include: [a.yaml]\nservices: {}"],
            &shelf,
            Profiles::All,
            Purpose::Deploy,
        )
        .unwrap_err(),
    );
    assert!(told.contains("shop/compose.yaml includes itself"), "{told}");
    shelf.0.insert("shop/b.yaml", "services: {web: {image: z}}");
    let clash = "include: [b.yaml]\nservices: {web: {image: y}}";
    let told = lines(&with(&[clash], &shelf, Profiles::All, Purpose::Deploy).unwrap_err());
    assert!(
        told.contains("services.web is in the including file too"),
        "{told}"
    );
}

#[test]
fn profiles_choose_services() {
    let text = "services: {web: {image: a}, tool: {image: b, profiles: [debug]}}";
    let only =
        |names: &[&str]| Profiles::Only(names.iter().map(|name| (*name).to_owned()).collect());
    let count = |profiles| {
        with(&[text], &Shelf::default(), profiles, Purpose::Deploy)
            .unwrap()
            .spec
            .services
            .len()
    };
    assert_eq!(
        (
            count(Profiles::All),
            count(only(&[])),
            count(only(&["debug"]))
        ),
        (2, 1, 2)
    );
    let text =
        "services: {web: {image: a, depends_on: [tool]}, tool: {image: b, profiles: [debug]}}";
    let told = lines(&with(&[text], &Shelf::default(), only(&[]), Purpose::Deploy).unwrap_err());
    assert!(
        told.contains("it depends on 'tool', which is left out; ask for its profile too"),
        "{told}"
    );
}

#[test]
fn what_is_not_there_is_an_error_for_a_deploy_and_a_warning_for_a_check() {
    let text = "services: {web: {image: 'a:${V:?version}', env_file: no.env, configs: [c]}}\nconfigs: {c: {file: ./c.conf}}";
    let check = with(&[text], &Shelf::default(), Profiles::All, Purpose::Check);
    // Without its tag the image cannot be judged.
    let told = lines(&check.unwrap().told);
    assert!(told.contains("warning: V must be set: version"), "{told}");
    assert!(
        told.contains("warning: 'a:' is no name of an image"),
        "{told}"
    );
    let text = text.replace(":${V:?version}", "");
    let check = with(&[&text], &Shelf::default(), Profiles::All, Purpose::Check).unwrap();
    let told = lines(&check.told);
    assert!(
        told.contains("warning: shop/no.env cannot be read")
            && told.contains("warning: shop/c.conf cannot"),
        "{told}"
    );
    assert_eq!(
        check.spec.configs["c"].from,
        FileFrom::File("./c.conf".to_owned())
    );
    let told = refused(&text);
    assert!(
        told.contains("error: shop/no.env cannot be read: no such file"),
        "{told}"
    );
}

#[test]
fn services_that_share_or_wait_are_ordered() {
    let loaded = loaded(
        "services: {web: {image: a, network_mode: 'service:vpn'}, vpn: {image: b, links: ['db:base']}, db: {image: c}}",
    );
    let service = web(&loaded);
    let vpn = ServiceName::new("vpn").unwrap();
    assert_eq!(
        service.network_mode,
        Some(NetworkMode::Service(vpn.clone()))
    );
    assert!(service.depends_on.contains_key(&vpn) && service.networks.is_empty());
    assert!(loaded.spec.networks.contains_key("default"));
    assert!(lines(&loaded.told).contains("add the alias base to db"));
    let told =
        refused("services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [a]}}");
    assert!(
        told.contains("services wait for each other: a → b → a"),
        "{told}"
    );
}

#[test]
fn the_app_is_named_by_the_file_or_its_directory() {
    assert_eq!(
        loaded("services: {web: {image: a}}").spec.name.as_str(),
        "shop"
    );
    assert_eq!(
        loaded("name: mine\nservices: {web: {image: a}}")
            .spec
            .name
            .as_str(),
        "mine"
    );
    assert!(refused("name: No Name\nservices: {web: {image: a}}").contains("is no name of an app"));
}

#[test]
fn what_is_rendered_is_read_back_as_the_same() {
    let rendered = |text: &str| {
        let source = Source {
            path: "shop/compose.yaml".to_owned(),
            text: text.to_owned(),
        };
        render(&Request {
            sources: &[source],
            name: None,
            variables: &variables,
            profiles: Profiles::All,
            purpose: Purpose::Deploy,
            files: &Shelf::default(),
        })
        .unwrap()
    };
    for text in [SHORT, LONG] {
        let once = rendered(text);
        assert!(
            once.contains("${PASSWORD}") && once.contains("nginx:1.27"),
            "{once}"
        );
        assert_eq!(
            loaded(&once).spec.canonical(),
            loaded(text).spec.canonical(),
            "{once}"
        );
        assert_eq!(rendered(&once), once);
    }
    let odd = "x-a: 1\nservices:\n  web:\n    image: a\n    labels:\n      'a: b': \" x\"\n      n: ~\n      t: 'no'\n      m: \"a\\n\\n b\\n\"\n      e: 'é\"\\'\n      d: $$HOME\n";
    let once = rendered(odd);
    assert!(!once.contains("x-a"), "{once}");
    assert_eq!(
        web(&loaded(&once)).labels,
        web(&loaded(odd)).labels,
        "{once}"
    );
}

#[test]
fn what_only_wharf_reads_of_a_service_is_read_strictly() {
    let read = loaded(
        "services: {web: {image: a, x-wharf: {gate: {ready: 'up on :\\d+$$', fault: FATAL}}}}",
    );
    let gate = &web(&read).gate;
    assert_eq!(gate.ready.as_deref(), Some(r"up on :\d+$"));
    assert_eq!(gate.fault.as_deref(), Some("FATAL"));
    let told = refused("services: {web: {image: a, x-wharf: {gate: {ready: '(', faults: x}}}}");
    assert!(told.contains("services.web.x-wharf.gate.ready"), "{told}");
    assert!(told.contains("services.web.x-wharf.gate.faults"), "{told}");
}
