//! Hosts added, changed and removed in the file, as its owner would.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use wharf::{
    config::{Paths, edit},
    model::setting::Key,
};

use crate::machine::{Machine, names};

const FLEET: &str = r#"# My fleet.
[[host]]
name = "a"   # the first

# Amsterdam, behind the gate.
[[host]]
name = "b"
groups = [
  "x", # why
]   # end
# user = "old"

# ---- qa ----

[[host]]
name = "c"
endpoint = "ssh://c"
"#;

#[test]
fn a_host_is_added_at_the_end_and_the_rest_stays() {
    let machine = Machine::with(FLEET);
    let paths = Paths::of(&machine.env(), None);
    let changes = [
        edit::Change::Environment(Some("prod".into())),
        edit::Change::Groups(vec!["x".into(), "y".into()]),
    ];
    edit::add_host(&paths, "d", &changes).unwrap();
    let added = "\n[[host]]\nname = \"d\"\nenvironment = \"prod\"\ngroups = [\"x\", \"y\"]\n";
    assert_eq!(
        fs::read_to_string(machine.toml()).unwrap(),
        format!("{FLEET}{added}")
    );
    assert_eq!(names(&machine.plain()), ["a", "b", "c", "d"]);
}

#[test]
fn a_file_is_made_for_the_first_host_for_its_owner_alone() {
    let machine = Machine::new();
    let paths = Paths::of(&machine.env(), None);
    edit::add_host(
        &paths,
        "a",
        &[edit::Change::Endpoint(Some("tcp://h:1".into()))],
    )
    .unwrap();
    assert_eq!(
        fs::read_to_string(machine.toml()).unwrap(),
        "[[host]]\nname = \"a\"\nendpoint = \"tcp://h:1\"\n"
    );
    assert_eq!(
        fs::metadata(machine.toml()).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_host_is_changed_in_its_place() {
    let machine = Machine::with(FLEET);
    let paths = Paths::of(&machine.env(), None);
    let changes = [
        edit::Change::Name("aa".into()),
        edit::Change::ReadOnly(true),
    ];
    edit::edit_host(&paths, "a", &changes).unwrap();
    edit::edit_host(&paths, "c", &[edit::Change::Endpoint(None)]).unwrap();
    let expected = FLEET
        .replace(
            "name = \"a\"   # the first\n",
            "name = \"aa\"   # the first\nread_only = true\n",
        )
        .replace("endpoint = \"ssh://c\"\n", "");
    assert_eq!(fs::read_to_string(machine.toml()).unwrap(), expected);
}

#[test]
fn a_host_is_removed_with_its_own_comment_only() {
    let machine = Machine::with(FLEET);
    let paths = Paths::of(&machine.env(), None);
    edit::remove_host(&paths, "b").unwrap();
    let expected = "# My fleet.\n[[host]]\nname = \"a\"   # the first\n# user = \"old\"\n\n# ---- qa ----\n\n[[host]]\nname = \"c\"\nendpoint = \"ssh://c\"\n";
    assert_eq!(fs::read_to_string(machine.toml()).unwrap(), expected);
    edit::remove_host(&paths, "a").unwrap();
    edit::remove_host(&paths, "c").unwrap();
    assert_eq!(
        fs::read_to_string(machine.toml()).unwrap(),
        "# My fleet.\n# user = \"old\"\n\n# ---- qa ----\n"
    );
}

#[test]
fn nothing_wrong_is_written() {
    let machine = Machine::with(FLEET);
    let paths = Paths::of(&machine.env(), None);
    let refusals = [
        edit::add_host(&paths, "a", &[]),
        edit::add_host(&paths, "d d", &[]),
        edit::add_host(
            &paths,
            "d",
            &[edit::Change::Endpoint(Some("ftp://x".into()))],
        ),
        edit::edit_host(&paths, "a", &[edit::Change::Name("b".into())]),
        edit::edit_host(&paths, "c", &[edit::Change::Tls(Some("certs".into()))]),
        edit::edit_host(&paths, "nobody", &[]),
        edit::remove_host(&paths, "nobody"),
    ];
    let root = machine.root.path().display().to_string();
    let told: Vec<String> = refusals
        .into_iter()
        .map(|r| r.unwrap_err().to_string().replace(&root, ""))
        .collect();
    assert_eq!(fs::read_to_string(machine.toml()).unwrap(), FLEET);
    insta::assert_snapshot!(told.join("\n"));
    let directory = fs::read_dir(machine.toml().parent().unwrap()).unwrap();
    assert_eq!(directory.count(), 1, "no half-made file is left");
}

#[test]
fn a_link_stays_a_link_and_permissions_stay() {
    let machine = Machine::new();
    let real = machine.write("dotfiles/wharf.toml", FLEET);
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    fs::create_dir_all(machine.toml().parent().unwrap()).unwrap();
    symlink(&real, machine.toml()).unwrap();
    let paths = Paths::of(&machine.env(), None);
    edit::remove_host(&paths, "c").unwrap();
    assert!(fs::symlink_metadata(machine.toml()).unwrap().is_symlink());
    assert_eq!(
        fs::metadata(&real).unwrap().permissions().mode() & 0o777,
        0o640
    );
    assert!(!fs::read_to_string(&real).unwrap().contains("ssh://c"));
}

#[test]
fn a_broken_file_is_not_edited() {
    let machine = Machine::with("[[host]\n");
    let paths = Paths::of(&machine.env(), None);
    let error = edit::add_host(&paths, "a", &[]).unwrap_err().to_string();
    assert!(error.contains("mend it first"), "{error}");
}

const TASTE: &str = r#"# Mine.
unheard_of = 1

[ui]   # how it looks
# Dark is for the night.
theme = "dark"   # for now
own = "kept"

[ui.columns]
containers = [
  "host", # where
  "name",
]

# The fleet.
[[host]]
name = "a"
"#;

fn set(machine: &Machine, key: Key, value: Option<&str>) {
    edit::set(&Paths::of(&machine.env(), None), key, value).unwrap();
}

fn text(machine: &Machine) -> String {
    fs::read_to_string(machine.toml()).unwrap()
}

#[test]
fn a_setting_is_changed_in_its_place_and_all_else_stays() {
    let machine = Machine::with(TASTE);
    set(&machine, Key::Theme, Some("light"));
    set(&machine, Key::Mouse, Some("true"));
    set(&machine, Key::HostColumns, Some("name,cpu"));
    set(&machine, Key::Load, Some("2s"));
    let expected = TASTE
        .replace(
            "theme = \"dark\"   # for now",
            "theme = \"light\"   # for now",
        )
        .replace("own = \"kept\"\n", "own = \"kept\"\nmouse = true\n")
        .replace(
            "  \"name\",\n]\n",
            "  \"name\",\n]\nhosts = [\"name\", \"cpu\"]\n",
        )
        + "\n[refresh]\nload = \"2s\"\n";
    assert_eq!(text(&machine), expected);
    let config = machine.plain();
    assert_eq!((config.theme.as_str(), config.mouse), ("light", true));
    assert_eq!(config.refresh.load.as_secs(), 2);
    let told: Vec<String> = config
        .settings
        .iter()
        .map(|one| format!("{} {} {}", one.key, one.value, one.source))
        .collect();
    assert_eq!(
        told[..6],
        [
            "theme light wharf.toml:6",
            "keymap default default",
            "start  default",
            "mouse true wharf.toml:8",
            "columns.hosts name,cpu wharf.toml:15",
            "columns.containers host,name wharf.toml:11",
        ]
    );
}

#[test]
fn a_setting_that_is_taken_out_leaves_the_comments() {
    let machine = Machine::with(TASTE);
    set(&machine, Key::Theme, None);
    set(&machine, Key::ContainerColumns, None);
    set(&machine, Key::Load, None);
    let expected = TASTE
        .replace("theme = \"dark\"   # for now", "# for now")
        .replace("containers = [\n  \"host\", # where\n  \"name\",\n]\n", "");
    assert_eq!(text(&machine), expected);
    assert_eq!(machine.plain().theme, "dark");
}

#[test]
fn a_setting_finds_its_place_however_the_file_is_written() {
    for (before, after) in [
        ("", "[ui]\ntheme = \"light\"\n"),
        ("# end", "# end\n\n[ui]\ntheme = \"light\"\n"),
        (
            "ui.mouse = true\n",
            "ui.mouse = true\nui.theme = \"light\"\n",
        ),
        (
            "ui = { mouse = true }\n",
            "ui = { mouse = true , theme = \"light\" }\n",
        ),
        (
            "ui = { theme = \"dark\", mouse = true }\n",
            "ui = { theme = \"light\", mouse = true }\n",
        ),
        (
            "[ui.columns]\nhosts = [\"name\"]\n",
            "[ui]\ntheme = \"light\"\n[ui.columns]\nhosts = [\"name\"]\n",
        ),
    ] {
        let machine = Machine::with(before);
        set(&machine, Key::Theme, Some("light"));
        assert_eq!(
            machine.plain().theme,
            "light",
            "{before}\n{}",
            text(&machine)
        );
        let plain = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(plain(&text(&machine)), plain(after), "{before}");
        set(&machine, Key::Theme, None);
        assert_eq!(
            machine.plain().settings.get(Key::Theme).value,
            "dark",
            "{}",
            text(&machine)
        );
    }
    let machine = Machine::new();
    set(&machine, Key::Theme, Some("light"));
    assert_eq!(text(&machine), "[ui]\ntheme = \"light\"\n");
}

#[test]
fn a_setting_that_cannot_be_kept_says_why_and_what_to_write() {
    let machine = Machine::with("[[host]\n");
    let paths = Paths::of(&machine.env(), None);
    let told = |key, value| edit::set(&paths, key, value).unwrap_err().to_string();
    let text = told(Key::Theme, Some("light"));
    assert!(text.contains("mend it first"), "{text}");
    assert!(
        text.ends_with("write theme = \"light\" into [ui] there by hand"),
        "{text}"
    );
    fs::remove_file(machine.toml()).unwrap();
    fs::create_dir(machine.toml()).unwrap();
    let text = told(Key::ContainerColumns, Some("name"));
    assert!(text.contains("cannot be read"), "{text}");
    assert!(
        text.ends_with("write containers = [\"name\"] into [ui.columns] there by hand"),
        "{text}"
    );
    fs::remove_dir(machine.toml()).unwrap();
    fs::write(machine.toml(), "ui = 1\n").unwrap();
    let text = told(Key::Mouse, Some("true"));
    assert!(text.contains("ui in it is no table"), "{text}");
}
