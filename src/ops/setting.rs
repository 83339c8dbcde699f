//! Values of settings as they are said: checked, brought into their one form, and what could be said.

use super::listing::Listing;
use crate::{
    config::{self, nearest},
    model::setting::{Form, Key, Settings, length, written_length},
};

/// A value in the one form in which it is kept, or what is wrong with it and what to do.
pub fn check(key: Key, text: &str, settings: &Settings) -> Result<String, String> {
    let value = canonical(key, text)?;
    let choices = &settings.get(key).choices;
    if key.form() == Form::Name && !choices.iter().any(|(name, _)| *name == value) {
        let names = choices.iter().map(|(name, _)| name.as_str());
        return Err(unknown(key.name(), &value, names.collect()));
    }
    Ok(value)
}

/// A value in the one form in which it is kept, as far as that can be told without what there is to choose from.
pub fn canonical(key: Key, text: &str) -> Result<String, String> {
    let text = text.trim();
    match key.form() {
        Form::Line if text == "default" => Ok(String::new()),
        Form::Name | Form::Line => Ok(text.to_owned()),
        Form::Flag => match text.to_lowercase().as_str() {
            "true" | "yes" | "on" => Ok("true".to_owned()),
            "false" | "no" | "off" => Ok("false".to_owned()),
            _ => Err(format!(
                "'{text}' is neither true nor false; write one of them"
            )),
        },
        Form::Time => time(text),
        Form::Columns => columns(key, text),
    }
}

fn time(text: &str) -> Result<String, String> {
    let time = length(text)
        .ok_or_else(|| format!("'{text}' is not a length of time; write 5s, 2m or 1h"))?;
    if time < config::Refresh::SHORTEST {
        return Err(format!("{text} is shorter than a second; write 1s or more"));
    }
    Ok(written_length(time))
}

/// The names of columns, each once; those of a pane are known.
fn columns(key: Key, text: &str) -> Result<String, String> {
    let known = key
        .pane()
        .and_then(Listing::named)
        .map(Listing::columns)
        .unwrap_or_default();
    let mut names: Vec<&str> = Vec::new();
    let said = text.split([',', ' ']).map(str::trim);
    for name in said.filter(|name| !name.is_empty() && *name != "default") {
        if !known.iter().any(|(one, _)| one == name) {
            let known = known.iter().map(|(name, _)| name.as_str()).collect();
            return Err(unknown("column", name, known));
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names.join(","))
}

fn unknown(what: &str, name: &str, known: Vec<&str>) -> String {
    let near = nearest(name, known.iter().copied());
    let remedy = near.map_or_else(
        || format!("there are {}", known.join(", ")),
        |near| format!("did you mean {near}?"),
    );
    format!("there is no {what} '{name}'; {remedy}")
}

/// What could be said as the value of a setting, each with what it is.
pub fn offers(key: Key, settings: &Settings) -> Vec<(String, String)> {
    let examples: &[(&str, &str)] = match key.form() {
        Form::Name | Form::Flag => return settings.get(key).choices.clone(),
        Form::Columns => {
            let listing = key.pane().and_then(Listing::named);
            return listing.map(Listing::columns).unwrap_or_default();
        }
        Form::Line => &[
            ("pane containers", "the container grid"),
            ("pane hosts", "the hosts"),
            ("container list is:broken", "what is broken"),
        ],
        Form::Time => &[("5s", ""), ("10s", ""), ("30s", ""), ("1m", ""), ("5m", "")],
    };
    let said = |(text, about): &(&str, &str)| ((*text).to_owned(), (*about).to_owned());
    examples.iter().map(said).collect()
}

/// A value as people read it: what empty means is said.
pub fn shown(key: Key, value: &str) -> String {
    match key.form() {
        Form::Columns if value.is_empty() => {
            let listing = key.pane().and_then(Listing::named);
            listing
                .map(Listing::shown_by_default)
                .unwrap_or_default()
                .join(",")
        }
        Form::Line if value.is_empty() => "nothing".to_owned(),
        Form::Name | Form::Flag | Form::Line | Form::Columns | Form::Time => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        let mut settings = Settings::default();
        let names = ["dark", "light"].map(|name| (name.to_owned(), String::new()));
        settings.offer(Key::Theme, names.into());
        settings
    }

    #[test]
    fn values_are_brought_into_one_form() {
        for (key, said, kept) in [
            (Key::Theme, " light ", "light"),
            (Key::Mouse, "Yes", "true"),
            (Key::Resync, "120s", "2m"),
            (Key::Load, "1500ms", "1500ms"),
            (Key::ContainerColumns, "host, name,host", "host,name"),
            (Key::HostColumns, "default", ""),
            (Key::Start, "pane hosts", "pane hosts"),
        ] {
            assert_eq!(check(key, said, &settings()).as_deref(), Ok(kept), "{said}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_a_remedy() {
        for (key, said, told) in [
            (
                Key::Theme,
                "ligh",
                "there is no theme 'ligh'; did you mean light?",
            ),
            (
                Key::Theme,
                "purple",
                "there is no theme 'purple'; there are dark, light",
            ),
            (
                Key::Mouse,
                "maybe",
                "'maybe' is neither true nor false; write one of them",
            ),
            (
                Key::Load,
                "5",
                "'5' is not a length of time; write 5s, 2m or 1h",
            ),
            (
                Key::Load,
                "10ms",
                "10ms is shorter than a second; write 1s or more",
            ),
            (
                Key::HostColumns,
                "naame",
                "there is no column 'naame'; did you mean name?",
            ),
        ] {
            assert_eq!(check(key, said, &settings()), Err(told.to_owned()));
        }
    }

    #[test]
    fn every_default_is_a_value_of_its_setting() {
        for key in Key::ALL {
            assert_eq!(
                canonical(key, key.default_value()).as_deref(),
                Ok(key.default_value())
            );
            assert!(!shown(key, key.default_value()).is_empty(), "{key}");
        }
    }
}
