//! Settings: what the console can be told about itself, each with its name, meaning, value and origin.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use super::Vault;

/// What can be set. Each is a key of `wharf.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The colours.
    Theme,
    /// The keys.
    Keymap,
    /// What is said first.
    Start,
    /// Whether the mouse is taken.
    Mouse,
    /// The columns of the hosts.
    HostColumns,
    /// The columns of the containers.
    ContainerColumns,
    /// The columns of the log of acts.
    OperationColumns,
    /// How often containers are listed.
    Resync,
    /// How often resources are asked for.
    Resources,
    /// How often the load of a host is read.
    Load,
}

/// What kind of value a setting has, and so how it is chosen and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One of several names.
    Name,
    /// A line that could be typed; empty for none.
    Line,
    /// `true` or `false`.
    Flag,
    /// Columns of a pane in their order, with commas; empty for those shown by default.
    Columns,
    /// A length of time, `500ms`, `5s`, `2m`, `1h`.
    Time,
}

impl Key {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 10] = [
        Self::Theme,
        Self::Keymap,
        Self::Start,
        Self::Mouse,
        Self::HostColumns,
        Self::ContainerColumns,
        Self::OperationColumns,
        Self::Resync,
        Self::Resources,
        Self::Load,
    ];

    /// The name by which it is set.
    pub fn name(self) -> &'static str {
        let path = self.path();
        path.strip_prefix("ui.").unwrap_or(path)
    }

    /// Where it stands in `wharf.toml`.
    pub fn path(self) -> &'static str {
        match self {
            Self::Theme => "ui.theme",
            Self::Keymap => "ui.keymap",
            Self::Start => "ui.start",
            Self::Mouse => "ui.mouse",
            Self::HostColumns => "ui.columns.hosts",
            Self::ContainerColumns => "ui.columns.containers",
            Self::OperationColumns => "ui.columns.operations",
            Self::Resync => "refresh.resync",
            Self::Resources => "refresh.resources",
            Self::Load => "refresh.load",
        }
    }

    /// What it does, in one line.
    pub fn about(self) -> &'static str {
        match self {
            Self::Theme => "The colours; your own are ~/.config/wharf/themes/NAME.toml",
            Self::Keymap => {
                "The keys; your own are laid over from ~/.config/wharf/keymaps/NAME.toml"
            }
            Self::Start => "What is said when the console opens, as if typed after ':'",
            Self::Mouse => {
                "Whether the wheel moves the cursor; text is then selected with Shift-drag"
            }
            Self::HostColumns => "The columns of the hosts, in their order",
            Self::ContainerColumns => "The columns of the containers, in their order",
            Self::OperationColumns => "The columns of the log of acts, in their order",
            Self::Resync => {
                "How often all containers of a host are listed, in case an event was lost"
            }
            Self::Resources => "How often images, networks, volumes and disk usage are asked for",
            Self::Load => "How often a host's own load is read, where it is shown",
        }
    }

    /// What kind of value it has.
    pub fn form(self) -> Form {
        match self {
            Self::Theme | Self::Keymap => Form::Name,
            Self::Start => Form::Line,
            Self::Mouse => Form::Flag,
            Self::HostColumns | Self::ContainerColumns | Self::OperationColumns => Form::Columns,
            Self::Resync | Self::Resources | Self::Load => Form::Time,
        }
    }

    /// Its value when nobody says anything.
    pub fn default_value(self) -> &'static str {
        match self {
            Self::Theme => "dark",
            Self::Keymap => "default",
            Self::Start => "",
            Self::Mouse => "false",
            Self::HostColumns | Self::ContainerColumns | Self::OperationColumns => "",
            Self::Resync | Self::Resources => "1m",
            Self::Load => "5s",
        }
    }

    /// The setting with the columns of a pane.
    pub fn columns_of(pane: &str) -> Option<Self> {
        let columns = |key: &Self| key.form() == Form::Columns;
        Self::ALL
            .into_iter()
            .filter(columns)
            .find(|key| key.pane() == Some(pane))
    }

    /// The pane whose columns it holds.
    pub fn pane(self) -> Option<&'static str> {
        self.path().strip_prefix("ui.columns.")
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no setting has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no setting '{0}'; there are {names}", names = Key::ALL.map(Key::name).join(", "))]
pub struct KeyError(String);

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::ALL
            .into_iter()
            .find(|key| key.name() == text || key.path() == text)
            .ok_or_else(|| KeyError(text.to_owned()))
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything.
    Default,
    /// It was chosen in an earlier session and is remembered beside the log of acts.
    Remembered,
    /// `wharf.toml`, with the line.
    File {
        /// The file's name.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// An option of the command line, or a variable: `--start`.
    Given(String),
    /// It was chosen in this session and is kept nowhere.
    Held,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Remembered => f.write_str("remembered"),
            Self::File { file, line } => write!(f, "{file}:{line}"),
            Self::Given(by) => f.write_str(by),
            Self::Held => f.write_str("this run only"),
        }
    }
}

/// A setting as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Which one.
    pub key: Key,
    /// Its value as it is written.
    pub value: String,
    /// Where that comes from.
    pub source: Source,
    /// What there is to choose from, each with what it is; empty where anything of its form can be said.
    pub choices: Vec<(String, String)>,
}

impl Setting {
    /// A setting of which nobody said anything.
    pub fn new(key: Key) -> Self {
        let yes_or_no = [("true", ""), ("false", "")];
        let choices = match key.form() {
            Form::Flag => yes_or_no
                .map(|(name, about)| (name.into(), about.into()))
                .into(),
            Form::Name | Form::Line | Form::Columns | Form::Time => Vec::new(),
        };
        Self {
            key,
            value: key.default_value().to_owned(),
            source: Source::Default,
            choices,
        }
    }
}

/// All settings, in the order of [`Key::ALL`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    each: Vec<Setting>,
    /// The file in which they are kept, as people read it.
    pub file: String,
    /// The directory that backups go to when none is said.
    pub vault: Vault,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            each: Key::ALL.map(Setting::new).into(),
            file: "wharf.toml".to_owned(),
            vault: Vault::Here(PathBuf::from("backups")),
        }
    }
}

impl Settings {
    /// One of them.
    pub fn get(&self, key: Key) -> &Setting {
        &self.each[key as usize]
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.each.iter()
    }

    /// Tells what one is and why.
    pub fn tell(&mut self, key: Key, value: impl Into<String>, source: Source) {
        let setting = &mut self.each[key as usize];
        setting.value = value.into();
        setting.source = source;
    }

    /// Tells what there is to choose from.
    pub fn offer(&mut self, key: Key, choices: Vec<(String, String)>) {
        self.each[key as usize].choices = choices;
    }

    /// Takes what was read anew. What is held in this session only, or was given or remembered, stays, until
    /// what was read says the same.
    pub fn read_again(&mut self, fresh: Self) {
        let before = std::mem::replace(self, fresh);
        for old in before.each {
            let new = &mut self.each[old.key as usize];
            let stays = match old.source {
                Source::Held => old.value != new.value,
                Source::Remembered => new.source == Source::Default,
                Source::Default | Source::File { .. } | Source::Given(_) => false,
            };
            if stays {
                new.value = old.value;
                new.source = old.source;
            }
        }
    }
}

/// Reads a length of time as people write it, `500ms`, `5s`, `2m`, `1h`; more than nothing.
pub fn length(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok().filter(|number| *number > 0)?;
    match unit.trim() {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" | "min" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(3600).map(Duration::from_secs),
        _ => None,
    }
}

/// Writes a length of time so that [`length`] reads it, with the largest unit that loses nothing.
pub fn written_length(time: Duration) -> String {
    let milliseconds = time.as_millis();
    let units = [(3_600_000, "h"), (60_000, "m"), (1000, "s")];
    units
        .into_iter()
        .find(|(unit, _)| milliseconds > 0 && milliseconds.is_multiple_of(*unit))
        .map_or_else(
            || format!("{milliseconds}ms"),
            |(unit, name)| format!("{}{name}", milliseconds / unit),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_found_by_its_name_and_by_its_place_in_the_file() {
        for (at, key) in Key::ALL.into_iter().enumerate() {
            assert_eq!(key as usize, at);
            assert_eq!(key.name().parse(), Ok(key));
            assert_eq!(key.path().parse(), Ok(key));
            assert_eq!(
                key.pane().and_then(Key::columns_of),
                key.pane().map(|_| key)
            );
        }
        let error = "colour".parse::<Key>().map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.contains("theme, keymap")));
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("5s", 5000),
            (" 2 m", 120_000),
            ("1h", 3_600_000),
        ] {
            let time = Duration::from_millis(milliseconds);
            assert_eq!(length(text), Some(time), "{text}");
            assert_eq!(length(&written_length(time)), Some(time), "{text}");
        }
        for text in [
            "",
            "5",
            "0s",
            "s",
            "-1s",
            "1d",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert_eq!(length(text), None, "{text}");
        }
        assert_eq!(written_length(Duration::from_secs(90)), "90s");
    }

    #[test]
    fn what_is_held_stays_until_the_file_says_the_same() {
        let mut settings = Settings::default();
        settings.tell(Key::Theme, "light", Source::Held);
        settings.tell(Key::Load, "9s", Source::Held);
        settings.tell(Key::HostColumns, "name", Source::Remembered);
        let mut fresh = Settings::default();
        let line = Source::File {
            file: "wharf.toml".into(),
            line: 3,
        };
        fresh.tell(Key::Theme, "light", line.clone());
        fresh.tell(Key::Load, "7s", line.clone());
        settings.read_again(fresh);
        assert_eq!(settings.get(Key::Theme).source, line);
        assert_eq!(settings.get(Key::Load).value, "9s");
        assert_eq!(settings.get(Key::HostColumns).source, Source::Remembered);
        let mut fresh = Settings::default();
        fresh.tell(Key::HostColumns, "name,cpu", line.clone());
        settings.read_again(fresh);
        assert_eq!(settings.get(Key::HostColumns).value, "name,cpu");
    }
}
