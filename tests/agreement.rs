//! Agreement: files, lists and tables that say the same thing in two places are compared.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read a file has failed"
)]

use std::{cell::RefCell, collections::BTreeSet, fs, path::Path};

use ratatui::style::Color;

use wharf::{
    ops::{Danger, Sentence, column::Tone},
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
        Theme::parse(text).unwrap_or_else(|error| panic!("themes/{name}.toml: {error}"));
    }
}

/// All colours that a theme uses.
fn colours(theme: &Theme) -> Vec<Color> {
    let found = RefCell::new(Vec::new());
    let _ = theme.map(|_, style| {
        found
            .borrow_mut()
            .extend([style.fg, style.bg].into_iter().flatten());
        style
    });
    found.into_inner()
}

#[test]
fn a_theme_keeps_to_what_the_terminal_can_show() {
    for (name, text) in theme::EMBEDDED {
        let theme = Theme::parse(text).unwrap();
        let at = |depth| colours(&theme.for_depth(depth));
        assert_eq!(at(Depth::Mono), [], "{name} without colours");
        assert!(
            !at(Depth::Sixteen)
                .iter()
                .any(|colour| matches!(colour, Color::Rgb(..) | Color::Indexed(_))),
            "{name} on sixteen colours"
        );
        assert!(
            !at(Depth::Indexed)
                .iter()
                .any(|colour| matches!(colour, Color::Rgb(..))),
            "{name} on 256 colours"
        );
    }
}

/// The ratio of two colours' luminances as WCAG 2 defines contrast, 1 to 21.
fn contrast(one: Color, other: Color) -> f64 {
    let luminance = |colour: Color| {
        let Color::Rgb(r, g, b) = colour else {
            panic!("{colour} has no luminance of its own");
        };
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    };
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// Text has the contrast that WCAG 2.2 asks of it (4.5; 7 in the theme that is made for it) on the
/// background that the theme is for. Frames and the empty part of bars say nothing by themselves.
#[test]
fn text_can_be_read_in_every_theme_of_true_colours() {
    let themes = [
        ("dark", "#10151c", 4.5),
        ("light", "#ffffff", 4.5),
        ("high-contrast", "#000000", 7.0),
    ];
    for (name, own, least) in themes {
        let own: Color = own.parse().unwrap();
        let on = |colour: Option<Color>, otherwise| match colour {
            None | Some(Color::Reset) => otherwise,
            Some(colour) => colour,
        };
        let _ = Theme::embedded(name).unwrap().map(|role, style| {
            if !["frame", "bar_empty"].contains(&role) {
                let ratio = contrast(on(style.fg, own), on(style.bg, own));
                assert!(
                    ratio >= least,
                    "{name}: {role} has a contrast of {ratio:.2}"
                );
            }
            style
        });
        let theme = Theme::embedded(name).unwrap();
        for ground in [theme.cursor, theme.header] {
            for tone in [
                Tone::Plain,
                Tone::Faint,
                Tone::Good,
                Tone::Warn,
                Tone::Bad,
                Tone::Busy,
                Tone::Accent,
            ] {
                let style = Theme::on(ground, theme.tone(tone));
                let ratio = contrast(on(style.fg, own), on(style.bg, own));
                assert!(
                    ratio >= least,
                    "{name}: {tone:?} on {:?} has a contrast of {ratio:.2}",
                    ground.bg
                );
            }
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
        (
            "[containers]\n\"z\" = \"top\"\n\"z y\" = \"top\"",
            "beginning of the other",
        ),
        ("not toml", "expected"),
    ] {
        let text = keymap.overlay(wrong).unwrap_err().to_string();
        assert!(text.contains(why), "{wrong}: {text}");
    }
}

#[test]
fn a_key_of_a_users_own_takes_the_place_of_the_chords_it_begins() {
    let mut keymap = Keymap::embedded("default").unwrap();
    keymap.overlay("[containers]\n\"x\" = \"menu\"").unwrap();
    let keys: Vec<_> = keymap
        .section("containers")
        .iter()
        .map(keymap::Binding::keys)
        .filter(|keys| keys.starts_with('x'))
        .collect();
    assert_eq!(keys, ["x"]);
}

#[test]
fn every_keymap_leads_everywhere_and_out_again() {
    for (name, _) in keymap::EMBEDDED {
        let keymap = Keymap::embedded(name).unwrap();
        for section in keymap::SECTIONS.iter().filter(|one| **one != "global") {
            for line in [
                "help", "palette", "filter", "back", "exit", "down", "up", "open", "next", "menu",
            ] {
                assert!(
                    keymap.keys_for(section, line).is_some(),
                    "{name}: no key for '{line}' in {section}"
                );
            }
        }
        for line in ["logs", "container exec", "container restart"] {
            assert!(
                keymap.keys_for("containers", line).is_some(),
                "{name}: no key for '{line}'"
            );
        }
    }
}

#[test]
fn every_section_of_a_keymap_is_a_pane() {
    for section in keymap::SECTIONS {
        let known = *section == "global"
            || *section == "detail"
            || PaneId::NAMED.iter().any(|pane| pane.name() == *section);
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
