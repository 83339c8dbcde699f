//! The settings of this console: a table, and below it all there is to say of the one under the cursor.

use std::collections::BTreeSet;

use ratatui::{Frame, layout::Rect};

use super::{Pane, Reply, containers::context, table::Table};
use crate::{
    model::{
        Feed, Fleet, Setting,
        setting::{Form, Key, Source},
    },
    ops::{
        column::{SettingRow, SettingRows},
        target::Target,
    },
    ui::{
        look::Look,
        nav::Nav,
        widget::{
            line::{Ink, Line, draw, field, heading},
            place,
        },
    },
};

/// With fewer rows there is only the table.
const SHORT: u16 = 16;
/// How wide the names of facts are.
const LABELS: usize = 10;

/// All settings.
pub struct Settings {
    table: Table<Key, SettingRows>,
    total: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            table: Table::new("name", false),
            total: Key::ALL.len(),
        }
    }
}

impl Settings {
    fn areas(&self, area: Rect) -> (Rect, Rect) {
        let rows = u16::try_from(self.total)
            .unwrap_or(u16::MAX)
            .saturating_add(2);
        if area.height < SHORT {
            (area, Rect { height: 0, ..area })
        } else {
            place::above(area, rows.min(area.height - 6))
        }
    }
}

impl Pane for Settings {
    fn name(&self) -> &'static str {
        "settings"
    }

    fn title(&self, fleet: &Fleet) -> String {
        format!(
            "Settings{} {}",
            self.table.count(self.total),
            fleet.settings.file
        )
    }

    fn nav(&mut self, nav: &Nav, _fleet: &Fleet) -> Reply {
        match (nav, self.table.list.current()) {
            (Nav::Open, Some(key)) => Reply::Edit(*key),
            (Nav::Reset, Some(key)) => Reply::Say(format!("setting reset {key}")),
            (Nav::Open | Nav::Reset, None) => Reply::Done,
            (Nav::Columns { names: None }, _) => {
                Reply::Refuse("the columns of this table are always the same".into())
            }
            (other, _) => match self.table.nav(other) {
                // How this table is sorted is not worth remembering.
                Some(Reply::Remember(..)) => Reply::Done,
                Some(reply) => reply,
                None => Reply::Pass,
            },
        }
    }

    fn settle(&mut self, fleet: &Fleet, area: Rect) {
        let rows = fleet.settings.iter().map(|setting| SettingRow { setting });
        let rows = self
            .table
            .arrange(rows, |a, b| a.setting.key.cmp(&b.setting.key));
        let keys = rows.iter().map(|row| row.setting.key).collect();
        self.table.list.settle(keys);
        self.table.list.nav(&Nav::Unmark);
        let (table, _) = self.areas(area);
        self.table
            .list
            .set_height(usize::from(table.height.saturating_sub(1)));
    }

    fn selection(&self, _fleet: &Fleet) -> Vec<Target> {
        Vec::new()
    }

    fn wants(&self, _fleet: &Fleet) -> BTreeSet<Feed> {
        BTreeSet::new()
    }

    fn filter(&self) -> &str {
        self.table.filter()
    }

    fn hints(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("open", "change"),
            ("reset", "default"),
            ("filter", "filter"),
            ("back", "back"),
        ]
    }

    fn view(&self, fleet: &Fleet, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        if self.table.list.order().is_empty() {
            let text = format!(
                "No setting matches '{}'. Esc clears the filter.",
                self.table.filter()
            );
            return super::empty(&text, look, frame, area);
        }
        let (table, below) = self.areas(area);
        let row = |key: &Key| {
            let setting = fleet.settings.get(*key);
            Some((SettingRow { setting }, false))
        };
        self.table
            .view(row, &context(fleet, look), look, frame, table);
        if let Some(key) = self.table.list.current() {
            let below = place::inset(below);
            let lines = facts(
                fleet.settings.get(*key),
                &fleet.settings.file,
                usize::from(below.width),
            );
            draw(&lines, look, frame.buffer_mut(), below);
        }
    }
}

/// What there is to say of a setting.
fn facts(setting: &Setting, file: &str, cells: usize) -> Vec<Line> {
    let key = setting.key;
    let mut lines = vec![heading(key.name(), "", cells)];
    let mut fact = |label, value: &str, ink| {
        lines.extend(field(label, value, ink, LABELS, cells));
    };
    fact("does", key.about(), Ink::PLAIN);
    fact("is", &SettingRow { setting }.value(), Ink::PLAIN);
    fact("by", &origin(&setting.source, file), Ink::PLAIN);
    let default = Setting::new(key);
    let default = SettingRow { setting: &default }.value();
    fact("default", &default, Ink::FAINT);
    fact("choices", &choices(setting), Ink::FAINT);
    fact("key", &format!("{} in wharf.toml", key.path()), Ink::FAINT);
    lines
}

fn origin(source: &Source, file: &str) -> String {
    match source {
        Source::Default => "nobody: it is the default".to_owned(),
        Source::Remembered => {
            "chosen in an earlier session, remembered beside the log of acts".to_owned()
        }
        Source::File { line, .. } => format!("{file}, line {line}"),
        Source::Given(by) => format!("{by}, for this run; what {file} says counts without it"),
        Source::Held => "chosen in this session; it is kept nowhere".to_owned(),
    }
}

fn choices(setting: &Setting) -> String {
    match setting.key.form() {
        Form::Name | Form::Flag => {
            let names: Vec<&str> = setting
                .choices
                .iter()
                .map(|(name, _)| name.as_str())
                .collect();
            names.join(", ")
        }
        Form::Line => "any line that can be typed after ':'".to_owned(),
        Form::Columns => {
            let offers =
                crate::ops::setting::offers(setting.key, &crate::model::Settings::default());
            let names: Vec<String> = offers.into_iter().map(|(name, _)| name).collect();
            names.join(", ")
        }
        Form::Time => "a length of time, a second or more: 5s, 2m, 1h".to_owned(),
    }
}
