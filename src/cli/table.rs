//! Tables for people: aligned, as wide as the terminal, coloured where that is wanted.

use std::{borrow::Cow, cmp::Reverse};

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::output::Screen;
use crate::{
    model::printable,
    ops::column::{Align, Column, Context, Rows, Tone},
};

/// Between two columns.
const GAP: usize = 2;

/// The rows as a table with those columns. On a terminal the table fits its width: what matters
/// least is left out first, then long texts are cut.
pub(super) fn table<K: Rows>(
    rows: &[K::Row<'_>],
    columns: &[&Column<K>],
    context: &Context,
    screen: &Screen,
) -> Vec<String> {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let text = |column: &&Column<K>| printable(&(column.text)(row, context));
            columns.iter().map(text).collect()
        })
        .collect();
    let mut widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let longest = cells.iter().map(|row| row[at].width()).max().unwrap_or(0);
            longest.max(column.title.width())
        })
        .collect();
    let shown = match screen.width {
        Some(width) => fit(columns, &mut widths, width, rows.is_empty()),
        None => (0..columns.len()).collect(),
    };
    let mut lines = Vec::with_capacity(rows.len() + 1);
    if screen.header {
        let title = |at: &usize| (columns[*at].title, columns[*at].align, Tone::Faint);
        lines.push(line(
            shown.iter().map(|at| (*at, title(at))),
            &widths,
            screen,
        ));
    }
    for (row, texts) in rows.iter().zip(&cells) {
        let cell = |at: &usize| {
            let column = columns[*at];
            (texts[*at].as_str(), column.align, (column.tone)(row))
        };
        lines.push(line(
            shown.iter().map(|at| (*at, cell(at))),
            &widths,
            screen,
        ));
    }
    lines
}

/// Which columns are shown; their widths are cut to fit. Columns without any text go first.
fn fit<K: Rows>(
    columns: &[&Column<K>],
    widths: &mut [usize],
    room: usize,
    is_empty: bool,
) -> Vec<usize> {
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    let least = |at: usize, widths: &[usize]| widths[at].min(usize::from(columns[at].width.min));
    let gaps = |shown: &[usize]| GAP * shown.len().saturating_sub(1);
    let mut by_priority = shown.clone();
    by_priority.sort_by_key(|at| (Reverse(columns[*at].priority), Reverse(*at)));
    for at in by_priority {
        let needed: usize = shown.iter().map(|at| least(*at, widths)).sum();
        if needed + gaps(&shown) <= room || columns[at].priority == 0 || is_empty {
            break;
        }
        shown.retain(|one| *one != at);
    }
    let total = |shown: &[usize], widths: &[usize]| {
        shown.iter().map(|at| widths[*at]).sum::<usize>() + gaps(shown)
    };
    while total(&shown, widths) > room {
        let widest = shown
            .iter()
            .filter(|at| widths[**at] > least(**at, widths).max(1))
            .max_by_key(|at| (columns[**at].width.grow, widths[**at]));
        match widest {
            Some(at) => widths[*at] -= 1,
            None => break,
        }
    }
    shown
}

/// One line; the last column is not filled up.
fn line<'c>(
    cells: impl Iterator<Item = (usize, (&'c str, Align, Tone))>,
    widths: &[usize],
    screen: &Screen,
) -> String {
    let mut line = String::new();
    for (place, (at, (text, align, tone))) in cells.enumerate() {
        if place > 0 {
            line.push_str("  ");
        }
        let text = cut(text, widths[at], screen.ascii);
        let blank = " ".repeat(widths[at].saturating_sub(text.width()));
        let text = screen.paint(&text, tone);
        match align {
            Align::Left => line.extend([&*text, &blank]),
            Align::Right => line.extend([&*blank, &*text]),
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// The text in so many cells; its end is replaced by a mark when it is too long.
fn cut(text: &str, width: usize, ascii: bool) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide > width.saturating_sub(1) {
            break;
        }
        used += wide;
        kept.push(c);
    }
    kept.push(if ascii { '>' } else { '…' });
    Cow::Owned(kept)
}

/// Texts under each other below their titles; `>` at a column's place in `sides` puts it to the right.
pub(super) fn plain(
    titles: &[&str],
    sides: &str,
    rows: impl IntoIterator<Item = Vec<String>>,
    screen: &Screen,
) -> Vec<String> {
    let titles: Vec<String> = titles.iter().copied().map(str::to_owned).collect();
    let head = screen.header.then_some(titles);
    let rows: Vec<Vec<String>> = head
        .into_iter()
        .chain(rows)
        .map(|row| row.iter().map(|cell| printable(cell)).collect())
        .collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        cells.map(|cell| cell.width()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(at, cell)| {
            let room = " ".repeat(widths[at].saturating_sub(cell.width()));
            match sides.as_bytes().get(at) {
                Some(b'>') => format!("{room}{cell}"),
                Some(_) | None => format!("{cell}{room}"),
            }
        });
        let cells: Vec<String> = cells.collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// Names with values under each other, for one thing by itself.
pub(super) fn facts(facts: &[(&str, String)], screen: &Screen) -> Vec<String> {
    let width = facts
        .iter()
        .map(|(name, _)| name.width())
        .max()
        .unwrap_or(0);
    facts
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| {
            let name = format!("{name:width$}");
            format!("{}  {}", screen.paint(&name, Tone::Faint), printable(value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{Endpoint, Event, Fleet, HostSpec, Timestamp},
        ops::column::{HostRow, Hosts, column},
    };

    fn fleet() -> Fleet {
        let mut fleet = Fleet::new();
        let endpoint = Endpoint::Unix("/run/docker.sock".into());
        fleet.apply(Event::Hosts(
            ["a", "a-host-with-a-long-name-東京"]
                .map(|name| HostSpec::new(name, endpoint.clone(), "test"))
                .to_vec(),
        ));
        fleet
    }

    fn lines(width: Option<usize>) -> Vec<String> {
        let fleet = fleet();
        let rows: Vec<HostRow<'_>> = fleet.hosts().iter().map(HostRow::new).collect();
        let columns = ["name", "state", "endpoint"].map(|name| column::<Hosts>(name).expect(name));
        let context = Context {
            now: Timestamp::UNIX_EPOCH,
            ascii: true,
            cells: u16::MAX,
        };
        let screen = Screen {
            width,
            ascii: true,
            ..Screen::plain()
        };
        table(&rows, &columns, &context, &screen)
    }

    #[test]
    fn a_file_gets_whole_texts_in_aligned_columns() {
        assert_eq!(
            lines(None),
            [
                "HOST                          STATE      ENDPOINT",
                "a                             o unknown  unix:///run/docker.sock",
                "a-host-with-a-long-name-東京  o unknown  unix:///run/docker.sock",
            ]
        );
    }

    #[test]
    fn a_terminal_gets_what_fits() {
        assert_eq!(
            lines(Some(50)),
            [
                "HOST                 STATE      ENDPOINT",
                "a                    o unknown  unix:///run/docke>",
                "a-host-with-a-long>  o unknown  unix:///run/docke>",
            ]
        );
        assert_eq!(
            lines(Some(22)),
            [
                "HOST         STATE",
                "a            o unknown",
                "a-host-wit>  o unknown",
            ]
        );
    }

    #[test]
    fn plain_texts_stand_below_their_titles() {
        let rows = [["a", "10"], ["bcd", "2"]].map(|row| row.map(str::to_owned).to_vec());
        let lines = plain(&["ONE", "N"], " >", rows, &Screen::plain());
        assert_eq!(lines, ["ONE   N", "a    10", "bcd   2"]);
    }

    #[test]
    fn facts_stand_under_each_other() {
        let facts = facts(
            &[
                ("name", "web".into()),
                ("empty", String::new()),
                ("image", "a\u{1b}b".into()),
            ],
            &Screen::plain(),
        );
        assert_eq!(facts, ["name   web", "image  a·b"]);
    }
}
