//! The choice of columns: which are shown, in which order, which one rows are sorted by, and whether that is kept.

use crossterm::event::KeyEvent;
use ratatui::{Frame, layout::Rect};

use super::{Answer, popup, rows};
use crate::{
    model::setting::Key,
    ui::{
        keymap::{Edit, edit, typed},
        list::List,
        look::{Look, cut},
        nav::Nav,
    },
};

/// All columns of a pane with those that are ticked.
#[derive(Debug)]
pub struct Chooser {
    /// The columns, in the order in which they would be shown; those that are ticked when this is opened first.
    all: Vec<(&'static str, &'static str)>,
    list: List<usize>,
    ticked: Vec<&'static str>,
    /// The setting with these columns; none where they cannot be kept.
    key: Option<Key>,
    /// It is the setting that is changed, not the table that is on the screen.
    is_setting: bool,
}

impl Chooser {
    /// For the table on the screen: all names with their meaning, and those shown now in their order.
    pub fn new(
        all: Vec<(&'static str, &'static str)>,
        shown: Vec<&'static str>,
        key: Option<Key>,
    ) -> Self {
        let place = |name: &str| {
            shown
                .iter()
                .position(|one| *one == name)
                .unwrap_or(usize::MAX)
        };
        let mut all = all;
        all.sort_by_key(|(name, _)| place(name));
        let mut list = List::default();
        list.settle((0..all.len()).collect());
        list.set_height(all.len().max(1));
        Self {
            all,
            list,
            ticked: shown,
            key,
            is_setting: false,
        }
    }

    /// For the setting itself, wherever its table is.
    #[must_use]
    pub fn of_setting(mut self) -> Self {
        self.is_setting = true;
        self
    }

    /// Moves, ticks, puts in order, takes, keeps or closes.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        let nav = match (edit(key), typed(key)) {
            (Edit::Cancel, _) | (_, Some('q')) => return Answer::Close,
            (Edit::Accept, _) if self.ticked.is_empty() => return Answer::Close,
            (Edit::Accept, _) => return Answer::Say(self.line(self.is_setting)),
            (_, Some('w')) if self.key.is_some() && !self.ticked.is_empty() => {
                return Answer::Say(self.line(true));
            }
            (_, Some(' ')) => {
                self.tick();
                Nav::Down { rows: 1 }
            }
            (_, Some('J' | '>')) => return self.carry(1),
            (_, Some('K' | '<')) => return self.carry(-1),
            (_, Some('s')) if !self.is_setting => {
                let here = self.list.current().and_then(|at| self.all.get(*at));
                return here.map_or(Answer::Stay, |(name, _)| {
                    Answer::Say(format!("sort {name}"))
                });
            }
            (_, Some('d')) => {
                let key = self.key.filter(|_| self.is_setting);
                return Answer::Say(key.map_or_else(
                    || "columns default".into(),
                    |key| format!("setting reset {key}"),
                ));
            }
            (Edit::Next | Edit::Complete, _) | (_, Some('j')) => Nav::Down { rows: 1 },
            (Edit::Previous | Edit::CompleteBack, _) | (_, Some('k')) => Nav::Up { rows: 1 },
            (Edit::PageDown, _) => Nav::Bottom,
            (Edit::PageUp, _) => Nav::Top,
            (Edit::Other, _) => return Answer::Stay,
        };
        self.list.nav(&nav);
        Answer::Stay
    }

    /// What is said when it is taken, or kept.
    fn line(&self, keeps: bool) -> String {
        let names = self.ticked.join(",");
        match self.key.filter(|_| keeps) {
            Some(key) => format!("setting set {key} {names}"),
            None => format!("columns {names}"),
        }
    }

    /// Ticks the column under the cursor, or takes its tick off.
    fn tick(&mut self) {
        let Some((name, _)) = self.list.current().and_then(|at| self.all.get(*at)) else {
            return;
        };
        if let Some(at) = self.ticked.iter().position(|one| one == name) {
            self.ticked.remove(at);
        } else {
            self.ticked.push(name);
        }
        self.put_in_order();
    }

    /// Moves the column under the cursor up or down among the others.
    fn carry(&mut self, by: isize) -> Answer {
        let at = self.list.index();
        let Some(to) = at.checked_add_signed(by).filter(|to| *to < self.all.len()) else {
            return Answer::Stay;
        };
        self.all.swap(at, to);
        self.put_in_order();
        self.list.go_to(&to);
        Answer::Stay
    }

    /// Columns are shown in the order of the list.
    fn put_in_order(&mut self) {
        let all = &self.all;
        let place = |name: &str| all.iter().position(|(one, _)| *one == name);
        self.ticked.sort_by_key(|name| place(name));
    }

    /// Draws it.
    pub fn view(&self, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let height = u16::try_from(self.all.len() + 2).unwrap_or(u16::MAX);
        let title = match self.key.filter(|_| self.is_setting) {
            Some(key) => key.name().to_owned(),
            None => "Columns".to_owned(),
        };
        let inner = popup(&title, (76, height), look.theme.popup, look, frame, area);
        let shown = Rect {
            height: inner.height.saturating_sub(2),
            ..inner
        };
        for (at, row, style) in rows(&self.list, look, frame, shown) {
            let (name, about) = &self.all[at];
            let tick = if self.ticked.contains(name) {
                "[x]"
            } else {
                "[ ]"
            };
            let left = usize::from(row.width);
            let line = format!("{tick} {name:<12} {about}");
            let line = cut(&line, left, &look.glyphs).into_owned();
            let buffer = frame.buffer_mut();
            buffer.set_stringn(row.x, row.y, look.glyphs.plain(&line), left, style);
        }
        let keys = if self.is_setting {
            "space show  J K order  d default  enter keeps it in wharf.toml"
        } else if self.key.is_some() {
            "space show  J K order  s sort  d default  enter take  w keep in wharf.toml"
        } else {
            "space show  J K order  s sort  d default  enter take"
        };
        if inner.height > 2 {
            let keys = cut(keys, usize::from(inner.width), &look.glyphs).into_owned();
            let (y, room) = (inner.bottom() - 1, usize::from(inner.width));
            frame
                .buffer_mut()
                .set_stringn(inner.x, y, &keys, room, look.theme.hint);
        }
    }
}
