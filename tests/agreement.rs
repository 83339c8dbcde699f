//! Agreement: files, lists and tables that say the same thing in two places are compared.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read a file has failed"
)]

use std::{collections::BTreeSet, fs, path::Path};

use wharf::{
    ops::{Danger, Sentence},
    ui::{
        command::Command,
        keymap::{self, Keymap},
        pane::PaneId,
        theme::{self, Depth, Theme},
    },
};

fn folder(name: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| name.trim_end_matches(".toml").to_owned())
        .collect()
}

#[test]
fn the_embedded_lists_equal_the_folders() {
    let names = |list: &[(&str, &str)]| {
        list.iter()
            .map(|(name, _)| (*name).to_owned())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(names(keymap::EMBEDDED), folder("keymaps"));
    assert_eq!(names(theme::EMBEDDED), folder("themes"));
}

#[test]
fn every_keymap_parses_and_every_theme_is_whole() {
    for (name, text) in keymap::EMBEDDED {
        let mut keymap = Keymap::default();
        keymap
            .overlay(text)
            .unwrap_or_else(|error| panic!("keymaps/{name}.toml: {error}"));
    }
    for (name, text) in theme::EMBEDDED {
        let theme =
            Theme::parse(text).unwrap_or_else(|error| panic!("themes/{name}.toml: {error}"));
        for depth in [Depth::Mono, Depth::Sixteen, Depth::Indexed] {
            assert_ne!(
                theme.for_depth(depth),
                theme,
                "{name} is not reduced to {depth:?}"
            );
        }
    }
}

#[test]
fn a_wrong_line_of_a_keymap_is_refused_with_its_place() {
    let mut keymap = Keymap::embedded("default").unwrap();
    let error = keymap
        .overlay("[containers]\n\"r\" = \"container restrat\"\n\"z z\" = \"top\"\n")
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("[containers] \"r\"") && text.contains("restart"),
        "{text}"
    );
    assert_eq!(
        keymap.keys_for("containers", "top").as_deref(),
        Some("g"),
        "right lines are taken all the same"
    );
    assert!(
        keymap
            .section("containers")
            .iter()
            .any(|one| one.keys() == "z z")
    );
    for (wrong, why) in [
        ("[nowhere]\n\"r\" = \"top\"", "there is no such pane"),
        ("[global]\n\"hyper-x\" = \"top\"", "no key"),
        ("[containers]\n\"x\" = \"top\"", "beginning of the other"),
        ("not toml", "expected"),
    ] {
        let text = keymap.overlay(wrong).unwrap_err().to_string();
        assert!(text.contains(why), "{wrong}: {text}");
    }
}

#[test]
fn every_section_of_a_keymap_is_a_pane() {
    for section in keymap::SECTIONS {
        let known = *section == "global"
            || *section == "detail"
            || PaneId::ALL.iter().any(|pane| pane.name() == *section);
        assert!(known, "{section}");
    }
}

#[test]
fn nothing_that_loses_something_is_on_one_unmodified_letter_without_a_question() {
    for entry in Sentence::catalogue()
        .iter()
        .filter(|entry| entry.danger == Danger::Destroys)
    {
        for section in keymap::SECTIONS {
            let keymap = Keymap::embedded("default").unwrap();
            for binding in keymap
                .section(section)
                .iter()
                .filter(|one| one.line.starts_with(entry.words))
            {
                assert!(
                    binding.keys().contains(' ') || binding.keys().contains('-'),
                    "{}: {}",
                    binding.keys(),
                    binding.line
                );
            }
        }
    }
}

#[test]
fn every_move_and_sentence_has_its_sentence_of_help() {
    for (word, about) in Command::navs() {
        assert!(
            about.len() > 5 && !about.ends_with('.'),
            "{word}: {about:?}"
        );
    }
    for entry in Sentence::catalogue() {
        assert!(
            entry.about.len() > 5 && !entry.about.ends_with('.'),
            "{}: {:?}",
            entry.words,
            entry.about
        );
        assert!(Command::parse(entry.example).is_ok(), "{}", entry.example);
    }
}

/// Where README's table stands.
const MARKS: (&str, &str) = (
    "<!-- sentences: written by the test `readme_lists_every_sentence` -->\n",
    "<!-- end of sentences -->",
);

#[test]
fn readme_lists_every_sentence() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme
        .split_once(MARKS.0)
        .expect("README has the mark before the table");
    let (table, after) = rest
        .split_once(MARKS.1)
        .expect("README has the mark after the table");
    let escape = |text: &str| text.replace('|', "\\|");
    let rows = Sentence::catalogue()
        .iter()
        .map(|entry| format!("| `{}` | {} |", escape(&entry.usage), escape(&entry.about)));
    let head = ["| sentence | what it does |", "|---|---|"];
    let rows: Vec<String> = head.map(str::to_owned).into_iter().chain(rows).collect();
    let wanted = rows.join("\n") + "\n";
    if table != wanted {
        fs::write(
            &path,
            format!("{before}{}{wanted}{}{after}", MARKS.0, MARKS.1),
        )
        .unwrap();
        panic!("README's table of sentences was not up to date; it is written now");
    }
}
