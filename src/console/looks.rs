//! The keys and colours that the configuration names, out of the program and out of the user's own files.

use std::path::Path;

use crate::{
    config::{self, Config},
    model::{Settings, setting::Key},
    ui::{
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

/// The keymap of that name. What is wrong is complained of, and the right lines are taken.
pub fn keymap(config: &Config, name: &str, complaints: &mut Vec<String>) -> Keymap {
    let own = config.paths.keymaps_dir.join(format!("{name}.toml"));
    let text = own_file(&own, complaints);
    let mut keymap = Keymap::embedded(name).unwrap_or_else(|| {
        if text.is_none() {
            complaints.push(format!(
                "there is no keymap '{name}' and no {}; the default is used; there are: {}",
                own.display(),
                names(keymap::EMBEDDED)
            ));
        }
        Keymap::embedded(keymap::DEFAULT).unwrap_or_default()
    });
    if let Some(text) = text
        && let Err(error) = keymap.overlay(&text)
    {
        complaints.push(format!(
            "{}: {}",
            own.display(),
            error.to_string().replace('\n', "; ")
        ));
    }
    keymap
}

/// The theme of that name. What is wrong is complained of, and another is used.
pub fn theme(config: &Config, name: &str, complaints: &mut Vec<String>) -> Theme {
    let own = config.paths.themes_dir.join(format!("{name}.toml"));
    if let Some(text) = own_file(&own, complaints) {
        match Theme::parse(&text) {
            Ok(theme) => return theme,
            Err(error) => complaints.push(format!("{}: {error}", own.display())),
        }
    }
    Theme::embedded(name).unwrap_or_else(|| {
        complaints.push(format!(
            "there is no theme '{name}' and no {}; dark is used; there are: {}",
            own.display(),
            names(theme::EMBEDDED)
        ));
        Theme::dark()
    })
}

/// The names of what is part of the program.
fn names(embedded: &[(&str, &str)]) -> String {
    let names: Vec<_> = embedded.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

/// A file of the user's own, if there is one.
fn own_file(path: &Path, complaints: &mut Vec<String>) -> Option<String> {
    match config::own_file(path) {
        Ok(text) => text,
        Err(why) => {
            complaints.push(why);
            None
        }
    }
}
