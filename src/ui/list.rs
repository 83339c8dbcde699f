//! A list with a cursor and marks kept by id, so that rows that come and go do not move them.

use std::collections::BTreeSet;

use super::nav::Nav;

/// The order of rows on the screen, the one under the cursor, and the marked ones.
#[derive(Clone, Debug)]
pub struct List<K> {
    order: Vec<K>,
    cursor: Option<K>,
    index: usize,
    offset: usize,
    height: usize,
    marks: BTreeSet<K>,
    anchor: Option<K>,
    touched: bool,
}

impl<K> Default for List<K> {
    fn default() -> Self {
        Self {
            order: Vec::new(),
            cursor: None,
            index: 0,
            offset: 0,
            height: 1,
            marks: BTreeSet::new(),
            anchor: None,
            touched: false,
        }
    }
}

impl<K: Clone + Ord> List<K> {
    /// Takes the rows that are there now. The cursor stays on its row; when that is gone it stays at its
    /// place. Before the first move it stays at the top, so that rows that arrive do not carry it off.
    pub fn settle(&mut self, order: Vec<K>) {
        let keep = if self.touched {
            self.cursor.as_ref()
        } else {
            None
        };
        let found = match keep {
            Some(key) if order.get(self.index) == Some(key) => Some(self.index),
            Some(key) => order.iter().position(|one| one == key),
            None => Some(0),
        };
        self.order = order;
        self.place(found.unwrap_or(self.index));
    }

    /// Drops marks of rows that no longer exist at all.
    pub fn retain_marks(&mut self, exists: impl Fn(&K) -> bool) {
        self.marks.retain(exists);
    }

    /// Tells how many rows the screen has for it.
    pub fn set_height(&mut self, height: usize) {
        self.height = height.max(1);
        self.scroll();
    }

    /// Moves or marks; false when the move is none of a list's.
    pub fn nav(&mut self, nav: &Nav) -> bool {
        let last = self.order.len().saturating_sub(1);
        let page = self.height.saturating_sub(1).max(1);
        let half = (self.height / 2).max(1);
        let to = match nav {
            Nav::Up { rows } => self.index.saturating_sub(*rows),
            Nav::Down { rows } => self.index.saturating_add(*rows),
            Nav::PageUp => self.index.saturating_sub(page),
            Nav::PageDown => self.index.saturating_add(page),
            Nav::HalfUp => self.index.saturating_sub(half),
            Nav::HalfDown => self.index.saturating_add(half),
            Nav::Top => 0,
            Nav::Bottom => last,
            Nav::Mark => {
                self.mark();
                self.index.saturating_add(1)
            }
            Nav::MarkRange => {
                self.mark_range();
                self.index
            }
            Nav::MarkAll => {
                self.mark_all();
                self.index
            }
            Nav::Unmark => {
                self.marks.clear();
                self.anchor = None;
                self.index
            }
            _ => return false,
        };
        self.touched = true;
        self.place(to);
        true
    }

    /// Puts the cursor on a row, if it is there.
    pub fn go_to(&mut self, key: &K) {
        self.touched = true;
        match self.order.iter().position(|one| one == key) {
            Some(index) => self.place(index),
            None => self.cursor = Some(key.clone()),
        }
    }

    /// The row under the cursor.
    pub fn current(&self) -> Option<&K> {
        self.order.get(self.index)
    }

    /// Where the cursor is, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The first row on the screen, from 0.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// All rows in order.
    pub fn order(&self) -> &[K] {
        &self.order
    }

    /// The rows on the screen.
    pub fn visible(&self) -> &[K] {
        let end = (self.offset + self.height).min(self.order.len());
        &self.order[self.offset.min(end)..end]
    }

    /// Whether a row is marked.
    pub fn is_marked(&self, key: &K) -> bool {
        self.marks.contains(key)
    }

    /// How many rows are marked.
    pub fn marked(&self) -> usize {
        self.marks.len()
    }

    /// The marked rows; without marks the row under the cursor.
    pub fn selection(&self) -> Vec<K> {
        if self.marks.is_empty() {
            self.current().cloned().into_iter().collect()
        } else {
            self.marks.iter().cloned().collect()
        }
    }

    fn place(&mut self, index: usize) {
        self.index = index.min(self.order.len().saturating_sub(1));
        if let Some(key) = self.order.get(self.index) {
            self.cursor = Some(key.clone());
        }
        self.scroll();
    }

    fn scroll(&mut self) {
        if self.index < self.offset {
            self.offset = self.index;
        } else if self.index >= self.offset + self.height {
            self.offset = self.index + 1 - self.height;
        }
        self.offset = self
            .offset
            .min(self.order.len().saturating_sub(self.height));
    }

    fn mark(&mut self) {
        let Some(key) = self.current().cloned() else {
            return;
        };
        if !self.marks.remove(&key) {
            self.marks.insert(key.clone());
        }
        self.anchor = Some(key);
    }

    fn mark_range(&mut self) {
        let anchor = self
            .anchor
            .as_ref()
            .and_then(|key| self.order.iter().position(|one| one == key));
        let from = anchor.unwrap_or(self.index);
        let (low, high) = (from.min(self.index), from.max(self.index));
        self.marks
            .extend(self.order.iter().take(high + 1).skip(low).cloned());
        self.anchor = self.current().cloned();
    }

    fn mark_all(&mut self) {
        if self.order.iter().all(|key| self.marks.contains(key)) {
            self.marks.clear();
        } else {
            self.marks.extend(self.order.iter().cloned());
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn list(rows: &[u32], height: usize) -> List<u32> {
        let mut list = List::default();
        list.set_height(height);
        list.settle(rows.to_vec());
        list
    }

    #[test]
    fn the_cursor_stays_on_its_row_when_rows_arrive_above() {
        let mut list = list(&[10, 20, 30], 10);
        list.nav(&Nav::Down { rows: 1 });
        list.settle(vec![1, 2, 10, 20, 30]);
        assert_eq!(list.current(), Some(&20));
        assert_eq!(list.index(), 3);
    }

    #[test]
    fn before_the_first_move_the_cursor_stays_at_the_top() {
        let mut list = list(&[10, 20], 10);
        list.settle(vec![1, 10, 20]);
        assert_eq!(list.current(), Some(&1));
    }

    #[test]
    fn when_its_row_is_gone_the_cursor_stays_at_its_place() {
        let mut list = list(&[10, 20, 30], 10);
        list.nav(&Nav::Down { rows: 1 });
        list.settle(vec![10, 30]);
        assert_eq!(list.current(), Some(&30));
        list.settle(vec![]);
        assert_eq!(list.current(), None);
        list.settle(vec![7]);
        assert_eq!(list.current(), Some(&7));
    }

    #[test]
    fn the_window_follows_the_cursor_and_never_shows_less_than_it_can() {
        let mut list = list(&(0..100).collect::<Vec<_>>(), 10);
        list.nav(&Nav::PageDown);
        list.nav(&Nav::PageDown);
        assert_eq!(list.visible().len(), 10);
        assert!(list.visible().contains(&18));
        list.nav(&Nav::Bottom);
        assert_eq!(list.visible(), &(90..100).collect::<Vec<_>>()[..]);
        list.settle((0..5).collect());
        assert_eq!(list.visible(), &[0, 1, 2, 3, 4]);
    }

    #[test]
    fn marks_are_kept_by_id_and_make_the_selection() {
        let mut list = list(&[1, 2, 3, 4, 5], 10);
        list.nav(&Nav::Mark);
        list.nav(&Nav::Down { rows: 2 });
        list.nav(&Nav::MarkRange);
        assert_eq!(list.selection(), vec![1, 2, 3, 4]);
        list.settle(vec![4, 5, 6]);
        list.retain_marks(|key| *key >= 4);
        assert_eq!(list.selection(), vec![4]);
        list.nav(&Nav::MarkAll);
        assert_eq!(list.marked(), 3);
        list.nav(&Nav::Unmark);
        assert_eq!(list.selection(), vec![*list.current().unwrap()]);
    }
}
