//! The choice of columns: which are shown, and which one rows are sorted by.

use crossterm::event::KeyEvent;
use ratatui::{Frame, layout::Rect};

use super::{Answer, popup, rows};
use crate::ui::{
    keymap::{Edit, edit, typed},
    list::List,
    look::{Look, cut},
    nav::Nav,
};

/// All columns of a pane with those that are ticked.
#[derive(Debug)]
pub struct Chooser {
    all: Vec<(&'static str, &'static str)>,
    list: List<usize>,
    ticked: Vec<&'static str>,
}

impl Chooser {
    /// All names with their meaning, and those shown now in their order.
    pub fn new(all: Vec<(&'static str, &'static str)>, shown: Vec<&'static str>) -> Self {
        let mut list = List::default();
        list.settle((0..all.len()).collect());
        list.set_height(all.len().max(1));
        Self {
            all,
            list,
            ticked: shown,
        }
    }

    /// Moves, ticks, takes or closes.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        let nav = match (edit(key), typed(key)) {
            (Edit::Cancel, _) | (_, Some('q')) => return Answer::Close,
            (Edit::Accept, _) if self.ticked.is_empty() => return Answer::Close,
            (Edit::Accept, _) => return Answer::Say(format!("columns {}", self.ticked.join(","))),
            (_, Some(' ')) => {
                self.tick();
                Nav::Down { rows: 1 }
            }
            (_, Some('s')) => {
                let here = self.list.current().and_then(|at| self.all.get(*at));
                return here.map_or(Answer::Stay, |(name, _)| {
                    Answer::Say(format!("sort {name}"))
                });
            }
            (_, Some('d')) => return Answer::Say("columns default".into()),
            (Edit::Next | Edit::Complete, _) | (_, Some('j')) => Nav::Down { rows: 1 },
            (Edit::Previous | Edit::CompleteBack, _) | (_, Some('k')) => Nav::Up { rows: 1 },
            (Edit::PageDown, _) => Nav::Bottom,
            (Edit::PageUp, _) => Nav::Top,
            (Edit::Other, _) => return Answer::Stay,
        };
        self.list.nav(&nav);
        Answer::Stay
    }

    /// Ticks the column under the cursor, or takes its tick off. A new one comes after those that are before it in the list of all.
    fn tick(&mut self) {
        let Some((name, _)) = self.list.current().and_then(|at| self.all.get(*at)) else {
            return;
        };
        if let Some(at) = self.ticked.iter().position(|one| one == name) {
            self.ticked.remove(at);
            return;
        }
        let place = |name: &str| self.all.iter().position(|(one, _)| *one == name);
        let at = self
            .ticked
            .iter()
            .position(|one| place(one) > place(name))
            .unwrap_or(self.ticked.len());
        self.ticked.insert(at, name);
    }

    /// Draws it.
    pub fn view(&self, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let height = u16::try_from(self.all.len()).unwrap_or(u16::MAX);
        let title = "Columns  (Space shows, s sorts, Enter takes, d default)";
        let inner = popup(title, (64, height), look.theme.popup, look, frame, area);
        for (at, row, style) in rows(&self.list, look, frame, inner) {
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
    }
}
