//! Inventories that others keep: what is read, what is left out and why, and what becomes of wharf.toml.

use std::{fs, path::PathBuf};

use proptest::prelude::*;
use wharf::{
    config::{
        Config, Paths,
        edit::{Change, import_hosts},
        inventory::{Comparison, Format, Inventory, Mapping, compare, export, read},
    },
    model::HostSpec,
};

use crate::machine::{Machine, complaints};

/// A machine with a file to import.
struct Desk {
    machine: Machine,
    file: PathBuf,
}

impl Desk {
    fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        let machine = Machine::new();
        let file = machine.write(name, content);
        Self { machine, file }
    }

    fn with_config(self, text: &str) -> Self {
        self.machine
            .write("home/ann/.config/wharf/wharf.toml", text);
        self
    }

    fn paths(&self) -> Paths {
        self.machine.plain().paths
    }

    fn try_read(&self, map: &str) -> Result<Inventory, String> {
        let mapping = if map.is_empty() {
            Mapping::default()
        } else {
            map.parse().unwrap()
        };
        read(&self.file, None, &mapping, &self.paths())
    }

    fn read(&self) -> Inventory {
        self.try_read("").unwrap()
    }

    fn compare(&self) -> Comparison {
        compare(&self.paths(), &self.read(), None).unwrap()
    }

    /// Imports it, and answers the configuration that comes of it.
    fn import(&self) -> Config {
        let comparison = self.compare();
        import_hosts(&self.paths(), &comparison).unwrap();
        let config = self.machine.plain();
        assert_eq!(complaints(&config), Vec::<String>::new());
        config
    }

    fn text(&self) -> String {
        fs::read_to_string(self.paths().config_file).unwrap()
    }
}

/// Hosts in one line each.
fn lines(config: &Config) -> Vec<String> {
    config.hosts.iter().map(line).collect()
}

fn line(host: &HostSpec) -> String {
    let groups: Vec<&str> = host.groups.iter().map(|group| &**group).collect();
    format!(
        "{} {} {} [{}]{}",
        host.name,
        host.endpoint,
        host.environment.as_deref().unwrap_or("-"),
        groups.join(" "),
        if host.read_only { " protected" } else { "" }
    )
}

fn skipped(inventory: &Inventory) -> Vec<String> {
    let told = inventory.skipped.iter();
    told.map(|one| {
        let line = one
            .line
            .map_or_else(String::new, |line| format!("{line}: "));
        format!("{line}{}", one.what)
    })
    .collect()
}

#[test]
fn a_cmdb_export_becomes_hosts_and_the_second_time_nothing() {
    // Semicolons, quotes, a byte order mark, Windows line ends, an address with its prefix length.
    let csv = "\u{feff}\"Host Name\";IP Address;Owner;Env;Tags;SSH-Port\r\n\
               web-1;10.0.0.1/24;\"Smith; Ann\";prod;\"web, eu\";2222\r\n\
               \r\n\
               db-1;;Bob;qa;;\r\n";
    let desk = Desk::new("cmdb.csv", csv);
    let inventory = desk.read();
    let taken: Vec<String> = inventory
        .taken
        .iter()
        .map(|(field, column)| format!("{field}={column}"))
        .collect();
    assert_eq!(
        taken,
        [
            "name=Host Name",
            "endpoint=IP Address",
            "port=SSH-Port",
            "environment=Env",
            "groups=Tags"
        ]
    );
    assert_eq!(skipped(&inventory), Vec::<String>::new());
    let expected = [
        "web-1 ssh://10.0.0.1:2222 prod [web eu]",
        "db-1 ssh://db-1 qa []",
    ];
    assert_eq!(lines(&desk.import()), expected);
    let before = desk.text();
    let again = desk.compare();
    assert!(again.is_nothing() && again.unchanged.len() == 2);
    assert_eq!(lines(&desk.import()), expected);
    assert_eq!(desk.text(), before);
}

#[test]
fn separators_and_quotes_are_found() {
    for text in [
        "name,ip,groups\na,10.0.0.1,\"x,y\"\n",
        "name\tip\tgroups\na\t10.0.0.1\tx,y\n",
        "name|ip|groups\na|10.0.0.1|x,y\n",
        "'name';'ip';'groups'\n'a';'10.0.0.1';'x,y'\n",
        "name ; ip ; groups\r\na ; 10.0.0.1 ; x;y\r\n",
    ] {
        let found = Desk::new("x.csv", text).read();
        assert_eq!(found.hosts[0].name, "a", "{text}");
        assert_eq!(
            found.hosts[0].address.as_deref(),
            Some("10.0.0.1"),
            "{text}"
        );
    }
}

#[test]
fn the_mapping_that_is_told_wins_and_a_wrong_one_is_refused() {
    let desk = Desk::new("x.csv", "ci,hostname,mgmt\nweb-1,wrong,10.0.0.9\n");
    let found = desk.try_read("name=ci,endpoint=mgmt").unwrap();
    assert_eq!(
        (
            found.hosts[0].name.as_str(),
            found.hosts[0].address.as_deref()
        ),
        ("web-1", Some("10.0.0.9"))
    );
    let why = desk.try_read("name=absent").unwrap_err();
    assert!(
        why.contains("it has no column absent for name; it has ci, hostname, mgmt"),
        "{why}"
    );
    let why = Desk::new("x.csv", "alpha,beta\n1,2\n")
        .try_read("")
        .unwrap_err();
    assert!(why.contains("say which, as in --map name=alpha"), "{why}");
    for (text, why) in [
        ("name", "has no ="),
        ("colour=red", "no field"),
        ("name=", "names no column"),
        ("name=a,name=b", "said before"),
    ] {
        let told = text.parse::<Mapping>().unwrap_err().to_string();
        assert!(told.contains(why) && told.contains("read_only"), "{told}");
    }
}

#[test]
fn bad_lines_are_left_out_with_their_line_and_the_others_count() {
    let csv = "name,ip,port,protected\n\
               web-1,10.0.0.1,22,\n\
               ,,,\n\
               ,10.0.0.3,22,\n\
               we b,10.0.0.4,,\n\
               web-5,10.0.0.5,ssh,\n\
               web-1,10.0.0.6,,\n\
               web-7,ftp://x,,\n\
               web-8,10.0.0.8,,perhaps\n\
               web-9\n";
    let found = Desk::new("x.csv", csv).read();
    let names: Vec<&str> = found.hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(names, ["web-1", "10.0.0.3", "web-9"]);
    insta::assert_snapshot!(skipped(&found).join("\n"));
}

#[test]
fn what_is_no_utf_8_is_told_with_the_remedy() {
    let why = Desk::new("x.csv", b"name,owner\na,x\nb,M\xfcller\n")
        .try_read("")
        .unwrap_err();
    assert!(
        why.contains("line 3 is not UTF-8, likely Latin-1") && why.contains("iconv"),
        "{why}"
    );
    let why = Desk::new("x.csv", b"\xff\xfen\0a\0")
        .try_read("")
        .unwrap_err();
    assert!(why.contains("UTF-16"), "{why}");
    let desk = Desk::new("x.csv", "");
    fs::remove_file(&desk.file).unwrap();
    assert!(desk.try_read("").unwrap_err().contains("No such file"));
}

#[test]
fn json_is_read_however_deep_its_list_and_its_fields_lie() {
    let json = r#"{
  "count": 3,
  "results": [
    {"name": "web-1", "primary_ip": {"address": "10.0.0.1/24"}, "tags": [{"name": "web"}, {"name": "eu"}], "port": 2222},
    {"name": "db-1", "primary_ip": null, "tags": []},
    {"name": "", "custom": {"x": 1}}
  ]
}"#;
    let desk = Desk::new("netbox.json", json);
    let found = desk.read();
    assert_eq!(skipped(&found), ["6: it has no name"]);
    assert_eq!(
        lines(&desk.import()),
        [
            "web-1 ssh://10.0.0.1:2222 - [web eu]",
            "db-1 ssh://db-1 - []"
        ]
    );
    let deep = Desk::new(
        "x.json",
        r#"[{"ci": {"label": "a", "net": {"ip": "10.0.0.1"}}}]"#,
    );
    let found = deep.try_read("name=ci.label,endpoint=ci.net.ip").unwrap();
    assert_eq!(found.hosts[0].name, "a");
    assert!(
        Desk::new("x.json", "[{\"name\": \"a\",]")
            .try_read("")
            .unwrap_err()
            .contains("it is not JSON")
    );
    assert!(
        Desk::new("x.json", "{\"a\": 1}")
            .try_read("")
            .unwrap_err()
            .contains("no list of objects")
    );
    assert!(Desk::new("x.json", "[]").read().hosts.is_empty());
}

const INI: &str = "\
mail.example.com ansible_user=root   # a comment

[web]
web[01:03] ansible_user=deploy
web-x:2222 ansible_host=10.0.0.9

[db]
db-[a:c]
bad[1:x]
db-z not-a-variable

[eu:children]
web
db

[eu:vars]
wharf_environment = prod

[web:vars]
ansible_port='2200'
";

const EXPECTED: [&str; 8] = [
    "mail.example.com ssh://root@mail.example.com - []",
    "web01 ssh://deploy@web01:2200 prod [eu web]",
    "web02 ssh://deploy@web02:2200 prod [eu web]",
    "web03 ssh://deploy@web03:2200 prod [eu web]",
    "web-x ssh://10.0.0.9:2222 prod [eu web]",
    "db-a ssh://db-a prod [eu db]",
    "db-b ssh://db-b prod [eu db]",
    "db-c ssh://db-c prod [eu db]",
];

#[test]
fn an_ansible_inventory_is_read_with_groups_children_variables_and_ranges() {
    let desk = Desk::new("hosts", INI);
    let found = desk.read();
    assert_eq!(skipped(&found).len(), 2, "{found:?}");
    assert!(skipped(&found)[0].starts_with("9: "), "{found:?}");
    assert_eq!(lines(&desk.import()), EXPECTED);
}

#[test]
fn an_ansible_inventory_in_yaml_says_the_same() {
    let yaml = "\
---
all:
  hosts:
    mail.example.com:
      ansible_user: root
  children:
    eu:
      vars:
        wharf_environment: prod
      children:
        web:
          hosts:
            web[01:03]:
              ansible_user: deploy
            web-x:2222:
              ansible_host: 10.0.0.9
              ansible_password: \"{{ vault }}\"
          vars: {ansible_port: 2200}
        db:
          hosts:
            db-[a:c]:
";
    let desk = Desk::new("hosts.yml", yaml);
    assert_eq!(skipped(&desk.read()), Vec::<String>::new());
    let mut found = lines(&desk.import());
    let mut expected = EXPECTED;
    found.sort();
    expected.sort_unstable();
    assert_eq!(found, expected);
    let broken = Desk::new("x.yml", "all:\n  hosts:\n - a\n")
        .try_read("")
        .unwrap_err();
    assert!(broken.contains("it is not YAML"), "{broken}");
}

#[test]
fn what_ansible_inventory_lists_is_read() {
    let list = r#"{
  "_meta": {"hostvars": {"web01": {"ansible_host": "10.0.0.1", "env": "qa", "ansible_user": "{{ u }}"}, "db": {}}},
  "all": {"children": ["ungrouped", "eu"]},
  "eu": {"children": ["web"]},
  "web": {"hosts": ["web01"]},
  "ungrouped": {"hosts": ["db"]}
}"#;
    let desk = Desk::new("list.json", list);
    let mut found = lines(&desk.import());
    found.sort();
    assert_eq!(
        found,
        ["db ssh://db - []", "web01 ssh://10.0.0.1 qa [eu web]"]
    );
}

#[test]
fn ranges_that_never_end_or_groups_in_themselves_do_no_harm() {
    let text = "x[1:99999999999]\ny[9:1]\nz[a:zz]\n[a:children]\nb\n[b:children]\na\n[b]\nok\n";
    let found = Desk::new("hosts", text).read();
    assert_eq!(found.hosts.len(), 1);
    assert_eq!(found.skipped.len(), 3);
}

#[test]
fn hosts_that_are_there_keep_what_the_inventory_does_not_say() {
    let config = "\
# our fleet
[[host]]
name = \"web-1\"          # the first
endpoint = \"ssh://deploy@10.0.0.1:22/run/docker.sock\"
groups = [\"mine\"]

[[host]]
name = \"tls-1\"
endpoint = \"tcp://10.0.0.2:2375\"

[[host]]
name = \"old\"
user = \"root\"
port = 2022

[[host]]
name = \"other\"   # not in the inventory
";
    let csv = "name,ip,user,env,groups\nweb-1,10.0.0.7,,prod,web\ntls-1,10.9.9.9,,,\nold,,admin,,\nnew,,,,\n";
    let desk = Desk::new("x.csv", csv).with_config(config);
    let comparison = desk.compare();
    assert_eq!(comparison.counts(), "1 new, 2 changed, 1 unchanged");
    assert_eq!(comparison.unchanged, ["tls-1"], "it keeps its way");
    let (name, changes) = &comparison.changed[0];
    assert_eq!(name, "web-1");
    assert_eq!(changes[1], Change::Environment(Some("prod".into())));
    assert_eq!(
        lines(&desk.import()),
        [
            "web-1 ssh://deploy@10.0.0.7:22/run/docker.sock prod [mine web]",
            "tls-1 tcp://10.0.0.2:2375 - []",
            "old ssh://admin@old:2022 - []",
            "other ssh://other - []",
            "new ssh://new - []",
        ]
    );
    let text = desk.text();
    assert!(
        text.contains("# our fleet")
            && text.contains("# the first")
            && text.contains("# not in the inventory"),
        "{text}"
    );
    assert!(desk.compare().is_nothing());
    // What is said for all counts for those of whom nothing is said.
    let for_all = compare(&desk.paths(), &desk.read(), Some("qa")).unwrap();
    let names: Vec<&str> = for_all
        .changed
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["tls-1", "old", "new"]);
}

#[test]
fn nothing_is_half_written() {
    let desk = Desk::new("x.csv", "name\na\nb\n").with_config("host = [{ name = \"x\" }]\n");
    let before = desk.text();
    let why = import_hosts(&desk.paths(), &desk.compare()).unwrap_err();
    assert!(why.to_string().contains("not written as [[host]]"), "{why}");
    assert_eq!(desk.text(), before);
}

/// Hosts as a configuration may have them.
fn any_hosts() -> impl Strategy<Value = String> {
    let host = (
        prop::option::of(prop::sample::select(vec![
            "ssh://deploy@10.0.0.1:2222",
            "ssh://gate",
            "ssh://ann@gate/run/podman/podman.sock",
            "ssh://[fd00::7]:22",
            "tcp://10.0.0.2:2375",
            "https://10.0.0.3:2376",
            "unix:///run/docker.sock",
        ])),
        prop::option::of("[a-z]{1,5}"),
        prop::collection::vec("[a-z][a-z0-9_]{0,5}", 0..3),
        any::<bool>(),
    );
    prop::collection::btree_map("[a-z]{1,4}-[0-9]{1,3}", host, 1..12).prop_map(|hosts| {
        let entries = hosts.into_iter().map(
            |(name, (endpoint, environment, groups, read_only))| {
                let said = |key: &str, value: Option<&str>| {
                    value.map_or_else(String::new, |value| format!("{key} = {value:?}\n"))
                };
                format!(
                    "[[host]]\nname = {name:?}\ngroups = {groups:?}\nread_only = {read_only}\n{}{}",
                    said("endpoint", endpoint),
                    said("environment", environment.as_deref()),
                )
            },
        );
        entries.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// What is exported in any form and imported elsewhere is the same fleet, and imported here changes nothing.
    #[test]
    fn what_is_exported_and_imported_is_the_same_fleet(text in any_hosts()) {
        let here = Desk::new("unused", "").with_config(&text);
        let config = here.machine.plain();
        let hosts: Vec<&HostSpec> = config.hosts.iter().collect();
        // A group that is named twice is one; an empty list is none.
        let plain = |config: &Config| {
            let mut lines: Vec<String> = config.hosts.iter().map(|host| {
                let mut host = host.clone();
                let mut seen = std::collections::HashSet::new();
                host.groups.retain(|group| seen.insert(group.clone()));
                line(&host)
            }).collect();
            lines.sort();
            lines
        };
        for (format, name) in [(Format::Csv, "x.csv"), (Format::Json, "x.json"), (Format::Ansible, "x.ini"), (Format::Toml, "x.toml")] {
            let written = export(&hosts, format).unwrap();
            let there = Desk::new(name, &written);
            prop_assert_eq!(skipped(&there.read()), Vec::<String>::new(), "{}", written);
            prop_assert_eq!(plain(&there.import()), plain(&config), "{}", written);
            let back = Desk::new(name, &written).with_config(&text);
            prop_assert!(back.compare().is_nothing(), "{}", written);
        }
    }

    /// Whatever is in a file, reading it ends and panics never.
    #[test]
    fn anything_can_be_read_or_refused(text in "(\\PC|[\\[\\]{}:=,;\"'\n\t ])*", name in prop::sample::select(vec!["x.csv", "x.json", "x.ini", "x.yml", "x", "x.toml"])) {
        let desk = Desk::new(name, text);
        if let Ok(found) = desk.try_read("") {
            compare(&desk.paths(), &found, Some("qa")).unwrap();
        }
    }
}
