//! Around the sentences: wharf.toml from the shell, completions, manual pages, the sim by itself.

use std::{fs, io::BufRead as _, io::BufReader};

use crate::bench::{Bench, answer, interrupt};

#[test]
fn hosts_are_added_changed_and_taken_out_and_that_is_recorded() {
    let bench = Bench::new();
    fs::write(bench.file(), "# mine\n").unwrap();
    let socket = bench.sim.hosts()[0].socket.display().to_string();
    let line = format!("host add one unix://{socket} --environment dev --group a --group b");
    let done = bench.say(&line).ended(0);
    assert!(done.out.contains("operation 1 is done"), "{done:?}");
    let hosts = bench.say("host list -o json").ended(0).json();
    assert_eq!(hosts[0]["name"], "one");
    assert_eq!(hosts[0]["environment"], "dev");
    assert_eq!(hosts[0]["groups"], serde_json::json!(["a", "b"]));
    bench
        .say(&line)
        .ended(3)
        .complains("there is a host one already");
    bench
        .say("host edit one --environment stage --rename two")
        .ended(0);
    let hosts = bench.say("host list -o json").ended(0).json();
    assert_eq!(hosts[0]["name"], "two");
    assert_eq!(hosts[0]["environment"], "stage");
    bench.say("host remove @two").ended(3);
    bench
        .say("host remove @two --yes --reason 'it is gone'")
        .ended(0);
    let text = fs::read_to_string(bench.file()).unwrap();
    assert!(
        text.contains("# mine") && !text.contains("[[host]]"),
        "{text}"
    );
    let acts = bench.say("audit list -o json").ended(0).json();
    let said: Vec<&str> = acts
        .as_array()
        .unwrap()
        .iter()
        .map(|act| act["sentence"].as_str().unwrap())
        .collect();
    assert_eq!(
        said[1..],
        [
            "host edit one --rename two --environment stage",
            "host remove @two"
        ]
    );
}

#[test]
fn a_host_that_is_not_in_the_file_cannot_be_edited_there() {
    let bench = Bench::new();
    let socket = bench.sim.hosts()[0].socket.display().to_string();
    let line = format!("-H x=unix://{socket} host remove @x --yes");
    let failed = bench.say(&line);
    assert_ne!(failed.code, 0, "{failed:?}");
    assert!(failed.err.contains("is left as it is"), "{failed:?}");
}

#[test]
fn settings_are_listed_set_reset_and_recorded() {
    let bench = Bench::new();
    let hosts = fs::read_to_string(bench.file()).unwrap();
    let list = bench.say("setting list").ended(0);
    assert!(
        list.out.contains("theme") && list.out.contains("default"),
        "{list:?}"
    );
    let done = bench.say("setting set theme light").ended(0);
    assert!(done.out.contains("theme is light now"), "{done:?}");
    bench
        .say("setting set columns.containers host,name,cpu")
        .ended(0);
    bench.say("setting set start pane containers").ended(0);
    let expected = format!(
        "{hosts}\n[ui]\ntheme = \"light\"\nstart = \"pane containers\"\n\n[ui.columns]\ncontainers = [\"host\", \"name\", \"cpu\"]\n"
    );
    assert_eq!(fs::read_to_string(bench.file()).unwrap(), expected);
    let set = bench
        .say("setting list theme -o json --start 'pane hosts'")
        .ended(0)
        .json();
    assert_eq!(
        (&set[0]["value"], &set[0]["default"]),
        (&"light".into(), &"dark".into())
    );
    assert!(
        set[0]["from"].as_str().unwrap().starts_with("wharf.toml:"),
        "{set}"
    );
    let given = bench
        .say("setting list name:start -o json --start 'pane hosts'")
        .ended(0)
        .json();
    assert_eq!(
        (&given[0]["value"], &given[0]["from"]),
        (&"pane hosts".into(), &"--start".into())
    );
    bench.say("setting reset theme").ended(0);
    assert!(!fs::read_to_string(bench.file()).unwrap().contains("light"));
    let wrong = bench
        .say("setting set theme ligh")
        .complains("did you mean light?");
    assert_eq!(wrong.code, 2, "{wrong:?}");
    bench
        .say("setting set colour red")
        .ended(2)
        .complains("there is no setting 'colour'");
    bench
        .say("setting set refresh.load 5")
        .ended(2)
        .complains("write 5s, 2m or 1h");
    bench
        .say("setting set theme mono --read-only")
        .ended(3)
        .complains("read-only");
    let acts = bench.say("audit list -o json").ended(0).json();
    let said = acts
        .as_array()
        .unwrap()
        .iter()
        .map(|act| act["sentence"].as_str().unwrap());
    assert_eq!(
        said.collect::<Vec<_>>(),
        [
            "setting set theme light",
            "setting set columns.containers host,name,cpu",
            "setting set start 'pane containers'",
            "setting reset theme"
        ]
    );
}

#[test]
fn a_theme_of_ones_own_can_be_set_by_its_name() {
    let bench = Bench::new();
    let themes = bench.file().parent().unwrap().join("themes");
    fs::create_dir_all(&themes).unwrap();
    fs::write(themes.join("dusk.toml"), "").unwrap();
    bench.say("setting set theme dusk").ended(0);
    let set = bench.say("setting list theme -o json").ended(0).json();
    assert_eq!(set[0]["value"], "dusk");
}

#[test]
fn the_configuration_is_explained_found_and_checked() {
    let bench = Bench::new();
    let example = bench.say("config example").ended(0);
    assert!(example.out.contains("[[host]]"));
    let path = bench.say("config path").ended(0);
    assert_eq!(path.out.trim(), bench.file().display().to_string());
    let check = bench.say("config check").ended(0);
    assert!(check.out.contains("3 hosts, nothing is wrong"), "{check:?}");
    fs::write(bench.file(), "colour = 1\n").unwrap();
    let check = bench.say("config check").ended(1);
    assert!(check.out.contains("colour"), "{check:?}");
    let list = bench.say("host list");
    assert!(list.err.contains("wharf: warning: "), "{list:?}");
}

#[test]
fn what_is_wrong_with_keys_colours_and_columns_is_checked_with_its_line() {
    let bench = Bench::new();
    let hosts = fs::read_to_string(bench.file()).unwrap();
    let checked = |text: &str| {
        fs::write(bench.file(), format!("{text}\n{hosts}")).unwrap();
        bench.say("config check").ended(1).out
    };
    let own = |name: &str, text: &[u8]| {
        let path = bench.file().parent().unwrap().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    for (text, told) in [
        (
            "[ui]\ntheme = \"ligh\"",
            "wharf.toml:2: theme: there is none called 'ligh'",
        ),
        ("[ui]\ntheme = \"ligh\"", "did you mean light?"),
        (
            "[ui]\nkeymap = \"vi\"",
            "wharf.toml:2: keymap: there is none called 'vi'",
        ),
        (
            "[ui]\nstart = \"pane a b\"",
            "wharf.toml:2: start: unexpected argument 'b'",
        ),
        (
            "[ui.columns]\nhosts = [\"naame\"]",
            "wharf.toml:2: columns.hosts: there is no column 'naame'; did you mean name?",
        ),
        (
            "[ui.columns]\nimages = [\"name\"]",
            "wharf.toml:2: [columns]: images is no pane with columns",
        ),
        (
            "[refresh]\nload = \"5\"",
            "wharf.toml:2: [refresh]: load is not a length of time",
        ),
        (
            "[refresh]\nload = \"1ms\"",
            "wharf.toml:2: [refresh]: load is shorter than a second",
        ),
        (
            "[ui]\nmouse = 1",
            "wharf.toml:2: [ui]: mouse is neither true nor false",
        ),
    ] {
        let out = checked(text);
        assert!(out.contains(told), "{text}: {out}");
    }
    own(
        "themes/dusk.toml",
        b"[palette]\nink = \"#ffffff\"\n[roles]\ntext = \"ink\"\n",
    );
    let out = checked("[ui]\ntheme = \"dusk\"");
    assert!(out.contains("themes/dusk.toml:3: missing field"), "{out}");
    own("themes/dusk.toml", b"[palette\n");
    let out = checked("[ui]\ntheme = \"dusk\"");
    assert!(out.contains("themes/dusk.toml:1: "), "{out}");
    own("themes/dusk.toml", b"\xff");
    let out = checked("[ui]\ntheme = \"dusk\"");
    assert!(
        out.contains("dusk.toml: it cannot be used: it is not UTF-8"),
        "{out}"
    );
    own("keymaps/mine.toml", b"[containers]\n\"r\" = \"container restrat\"\n\"hyper-x\" = \"top\"\n[nowhere]\n\"r\" = 1\n");
    let out = checked("[ui]\nkeymap = \"mine\"");
    for told in [
        "mine.toml:2: [containers] \"r\"",
        "mine.toml:3: [containers] \"hyper-x\": this is no key",
        "mine.toml:4: [nowhere]",
    ] {
        assert!(out.contains(told), "{told}: {out}");
    }
    fs::remove_file(bench.file()).unwrap();
    fs::create_dir(bench.file()).unwrap();
    let out = bench.say("config check").ended(1).out;
    assert!(out.contains("it is no regular file"), "{out}");
}

#[test]
fn shells_get_completions_and_readers_a_manual() {
    let bench = Bench::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = bench.say(&format!("completions {shell}")).ended(0);
        assert!(script.out.contains("unpause"), "{shell}");
    }
    bench.say("man pages").ended(0);
    let page = |name: &str| fs::read_to_string(bench.home().join("pages").join(name)).unwrap();
    assert!(page("wharf.1").contains("Exit codes: 0 done"));
    assert!(page("wharf-container-restart.1").contains("grace"));
    assert!(bench.say("man").ended(0).out.contains(".TH"));
}

#[test]
fn the_sim_serves_by_itself_until_interrupted() {
    let bench = Bench::new();
    let dir = bench.home().join("own");
    let line = format!(
        "sim serve --dir {} --hosts 2 --containers 3 --seed 5",
        dir.display()
    );
    let mut child = bench.command(&line).spawn().unwrap();
    let mut told = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut told).unwrap();
    assert!(told.starts_with("2 hosts with 3 containers each"), "{told}");
    let list = bench
        .say("--config own/wharf.toml container list -o name")
        .ended(0);
    assert_eq!(list.lines().len(), 6);
    interrupt(&child);
    answer(child).ended(0);
    assert!(!dir.join("wharf.toml").exists());
}

#[test]
fn the_own_log_is_written_where_it_is_asked_for() {
    let bench = Bench::new();
    bench.say("host list --log inside.log").ended(0);
    assert!(bench.home().join("inside.log").exists());
    bench
        .say("host list --log inside.log/x")
        .ended(1)
        .complains("cannot write the log");
}

#[test]
fn an_inventory_is_imported_once_planned_first_and_exported_again() {
    let bench = Bench::new();
    fs::write(bench.file(), "# mine\n").unwrap();
    let csv = "Hostname;IP;Env;Groups\nweb-1;10.0.0.1;prod;web\ndb 1;10.0.0.2;;\ndb-1;;qa;\n";
    fs::write(bench.home().join("cmdb.csv"), csv).unwrap();
    let line = format!("host import {}", bench.home().join("cmdb.csv").display());

    let planned = bench.say(&format!("{line} --dry-run")).ended(0);
    assert!(
        planned.out.contains("columns: name from Hostname, endpoint from IP, environment from Env, groups from Groups"),
        "{planned:?}"
    );
    assert!(
        planned
            .out
            .contains("new web-1: ssh://10.0.0.1; environment prod; groups web"),
        "{planned:?}"
    );
    assert!(
        planned
            .err
            .contains("cmdb.csv:3: the name \"db 1\" has a ' ' in it"),
        "{planned:?}"
    );
    assert_eq!(fs::read_to_string(bench.file()).unwrap(), "# mine\n");

    let done = bench.say(&line).ended(0);
    assert!(
        done.out
            .contains("2 new, 0 changed, 0 unchanged; left out: "),
        "{done:?}"
    );
    let text = fs::read_to_string(bench.file()).unwrap();
    assert!(text.starts_with("# mine\n"), "{text}");
    let again = bench.say(&line).ended(0);
    assert!(
        again
            .out
            .contains("nothing to do: 0 new, 0 changed, 2 unchanged"),
        "{again:?}"
    );
    assert_eq!(fs::read_to_string(bench.file()).unwrap(), text);
    let again = bench.say(&format!("{line} -o json")).ended(0).json();
    assert_eq!(again["unchanged"], serde_json::json!(["web-1", "db-1"]));
    let acts = bench.say("audit list -o json").ended(0).json();
    assert_eq!(
        acts.as_array().unwrap().len(),
        1,
        "what changes nothing is not recorded"
    );
    assert_eq!(acts[0]["targets"], serde_json::json!(["@web-1", "@db-1"]));

    let export = bench.say("host export env:prod --format csv").ended(0);
    assert_eq!(
        export.lines(),
        [
            "name,endpoint,environment,groups,read_only",
            "web-1,ssh://10.0.0.1,prod,web,"
        ]
    );
    let to = bench.home().join("fleet.json");
    let line = format!("host export --to {}", to.display());
    bench.say(&line).ended(0);
    assert!(fs::read_to_string(&to).unwrap().starts_with("[\n"));
    bench
        .say(&line)
        .ended(1)
        .complains("name another, or say --yes");
    bench.say(&format!("{line} --yes")).ended(0);

    bench
        .say("host import absent.csv")
        .ended(3)
        .complains("cannot be imported");
    bench.say("--read-only host import absent.csv").ended(3);
    bench
        .say("host import x.csv --map colour=red")
        .ended(2)
        .complains("no field is called so");
}
