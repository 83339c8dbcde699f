//! The keys and colours that the configuration names, out of the program and out of the user's own files.

use std::path::Path;

use crate::{
    config::{self, Config, Notice},
    model::{
        Settings,
        setting::{Form, Key, Source},
    },
    ops::setting::canonical,
    ui::{
        command::Command,
        keymap::{self, Keymap},
        theme::{self, Theme},
    },
};

/// The settings of a configuration, with all names there are to choose from.
pub fn settings(config: &Config) -> Settings {
    let mut settings = config.settings.clone();
    settings.offer(
        Key::Keymap,
        named(keymap::EMBEDDED, &config.paths.keymaps_dir),
    );
    settings.offer(Key::Theme, named(theme::EMBEDDED, &config.paths.themes_dir));
    settings
}

/// Names of the program's own and of the user's, each with where it is from.
fn named(embedded: &[(&str, &str)], own: &Path) -> Vec<(String, String)> {
    let mut names: Vec<(String, String)> = embedded
        .iter()
        .map(|(name, text)| ((*name).to_owned(), first_comment(text)))
        .collect();
    for (name, path) in config::own_names(own) {
        let about = format!("your own: {}", path.display());
        match names.iter_mut().find(|(one, _)| *one == name) {
            Some(known) => known.1 = about,
            None => names.push((name, about)),
        }
    }
    names
}

/// The first sentence of the comment that a file begins with.
fn first_comment(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let line = line.trim_start_matches(['#', ' ']);
    let end = line.find([',', '.', ':', ';']).unwrap_or(line.len());
    line[..end].to_owned()
}

/// What is wrong with the keys, the colours, the columns and the first line that a configuration names: what
/// only those can tell who read them.
pub fn check(config: &Config) -> Vec<Notice> {
    let mut notices = of_columns(config);
    keymap(config, &config.keymap, &mut notices);
    theme(config, &config.theme, &mut notices);
    let start = config.settings.get(Key::Start);
    if let (false, Err(error)) = (start.value.is_empty(), Command::parse(&start.value)) {
        notices.push(of_setting(config, Key::Start, error.summary()));
    }
    notices
}

/// What is wrong with the columns that the settings tell.
pub(super) fn of_columns(config: &Config) -> Vec<Notice> {
    let columns = config
        .settings
        .iter()
        .filter(|one| one.key.form() == Form::Columns);
    let wrong = columns.filter_map(|one| {
        let why = canonical(one.key, &one.value).err()?;
        Some(of_setting(config, one.key, &why))
    });
    wrong.collect()
}

/// A complaint about a setting, where it stands.
fn of_setting(config: &Config, key: Key, what: &str) -> Notice {
    let (place, line) = match &config.settings.get(key).source {
        Source::Given(by) => (by.clone(), None),
        Source::File { line, .. } => (config.settings.file.clone(), Some(*line)),
        Source::Default | Source::Remembered | Source::Held => (config.settings.file.clone(), None),
    };
    Notice {
        place,
        line,
        what: format!("{key}: {what}"),
        remedy: "until it is mended the default holds".to_owned(),
    }
}

/// The keymap of that name. What is wrong is complained of, and the right lines are taken.
pub fn keymap(config: &Config, name: &str, notices: &mut Vec<Notice>) -> Keymap {
    let own = config.paths.keymaps_dir.join(format!("{name}.toml"));
    let text = own_file(&own, notices);
    let mut keymap = Keymap::embedded(name).unwrap_or_else(|| {
        if text.is_none() {
            notices.push(unknown(config, Key::Keymap, name, &own, keymap::EMBEDDED));
        }
        Keymap::embedded(keymap::DEFAULT).unwrap_or_default()
    });
    if let Some(text) = text
        && let Err(error) = keymap.overlay(&text)
    {
        notices.extend(error.0.into_iter().map(|(line, what)| Notice {
            place: own.display().to_string(),
            line,
            what,
            remedy: "until it is mended this line does not count".to_owned(),
        }));
    }
    keymap
}

/// The theme of that name. What is wrong is complained of, and another is used.
pub fn theme(config: &Config, name: &str, notices: &mut Vec<Notice>) -> Theme {
    let own = config.paths.themes_dir.join(format!("{name}.toml"));
    let text = own_file(&own, notices);
    let is_there = text.is_some();
    if let Some(text) = text {
        match Theme::parse(&text) {
            Ok(theme) => return theme,
            Err(error) => notices.push(Notice {
                place: own.display().to_string(),
                line: error.line(&text),
                what: error.to_string(),
                remedy: "until it is mended another theme is shown".to_owned(),
            }),
        }
    }
    Theme::embedded(name).unwrap_or_else(|| {
        if !is_there {
            notices.push(unknown(config, Key::Theme, name, &own, theme::EMBEDDED));
        }
        Theme::dark()
    })
}

/// The complaint about a name that nothing has.
fn unknown(config: &Config, key: Key, name: &str, own: &Path, embedded: &[(&str, &str)]) -> Notice {
    let names: Vec<&str> = embedded.iter().map(|(name, _)| *name).collect();
    let remedy = config::nearest(name, names.iter().copied()).map_or_else(
        || format!("there are {}", names.join(", ")),
        |near| format!("did you mean {near}?"),
    );
    let what = format!(
        "there is none called '{name}', nor {}; {remedy}",
        own.display()
    );
    of_setting(config, key, &what)
}

/// A file of the user's own, if there is one.
fn own_file(path: &Path, notices: &mut Vec<Notice>) -> Option<String> {
    match config::own_file(path) {
        Ok(text) => text,
        Err(what) => {
            notices.push(Notice {
                place: path.display().to_string(),
                line: None,
                what,
                remedy: String::new(),
            });
            None
        }
    }
}
