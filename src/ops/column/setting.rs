//! The columns of the settings.

use std::borrow::Cow;

use super::{Align, Column, Row, Rows, Tone, between, growing, natural};
use crate::{
    model::{
        Setting,
        setting::{Form, Source},
    },
    ops::setting::shown,
};

/// A setting.
#[derive(Clone, Copy, Debug)]
pub struct SettingRow<'a> {
    /// The setting.
    pub setting: &'a Setting,
}

/// Rows of settings.
#[derive(Clone, Copy, Debug)]
pub struct SettingRows;

impl Rows for SettingRows {
    type Row<'a> = SettingRow<'a>;

    const NAME: &'static str = "settings";

    fn columns() -> &'static [Column<Self>] {
        &SETTINGS
    }
}

impl SettingRow<'_> {
    /// The value as people read it.
    pub fn value(&self) -> String {
        // With blanks a list is cut and wrapped between its names.
        let value = shown(self.setting.key, &self.setting.value);
        match self.setting.key.form() {
            Form::Columns => value.replace(',', ", "),
            Form::Name | Form::Line | Form::Flag | Form::Time => value,
        }
    }
}

/// Where a value comes from, by colour: what others said stands out, what will be lost warns.
fn source_tone(source: &Source) -> Tone {
    match source {
        Source::Default => Tone::Faint,
        Source::Remembered | Source::File { .. } => Tone::Good,
        Source::Given(_) | Source::Held => Tone::Warn,
    }
}

static SETTINGS: [Column<SettingRows>; 5] = [
    Column {
        name: "name",
        title: "NAME",
        about: "The name by which it is set",
        align: Align::Left,
        width: between(18, 20),
        text: |row, _| Cow::Borrowed(row.setting.key.name()),
        tone: |_| Tone::Accent,
        order: |a, b| a.setting.key.cmp(&b.setting.key),
        shown: true,
        priority: 0,
    },
    Column {
        name: "value",
        title: "VALUE",
        about: "What it is now",
        align: Align::Left,
        width: growing(16, 28),
        text: |row, _| row.value().into(),
        tone: |_| Tone::Plain,
        order: |a, b| natural(&a.setting.value, &b.setting.value),
        shown: true,
        priority: 0,
    },
    Column {
        name: "from",
        title: "FROM",
        about: "Where the value comes from: the default, a line of wharf.toml, an option",
        align: Align::Left,
        width: between(14, 16),
        text: |row, _| row.setting.source.to_string().into(),
        tone: |row| source_tone(&row.setting.source),
        order: |a, b| natural(&a.setting.source.to_string(), &b.setting.source.to_string()),
        shown: true,
        priority: 1,
    },
    Column {
        name: "default",
        title: "DEFAULT",
        about: "What it is when nobody says anything",
        align: Align::Left,
        width: between(8, 12),
        text: |row, _| shown(row.setting.key, row.setting.key.default_value()).into(),
        tone: |_| Tone::Faint,
        order: |a, b| natural(a.setting.key.default_value(), b.setting.key.default_value()),
        shown: false,
        priority: 4,
    },
    Column {
        name: "about",
        title: "WHAT IT DOES",
        about: "What it does",
        align: Align::Left,
        width: growing(20, 40),
        text: |row, _| Cow::Borrowed(row.setting.key.about()),
        tone: |_| Tone::Faint,
        order: |a, b| natural(a.setting.key.about(), b.setting.key.about()),
        shown: true,
        priority: 2,
    },
];

impl Row for SettingRow<'_> {
    fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        Some(match key {
            "name" => Cow::Borrowed(self.setting.key.name()),
            "value" => Self::value(self).into(),
            "from" => self.setting.source.to_string().into(),
            _ => return None,
        })
    }

    fn number(&self, _key: &str) -> Option<f64> {
        None
    }

    fn searched(&self) -> impl Iterator<Item = Cow<'_, str>> {
        [
            Cow::Borrowed(self.setting.key.path()),
            Self::value(self).into(),
            self.setting.source.to_string().into(),
            Cow::Borrowed(self.setting.key.about()),
        ]
        .into_iter()
    }

    fn keys() -> &'static [&'static str] {
        &["name", "value", "from"]
    }

    fn figures() -> &'static [&'static str] {
        &[]
    }
}
