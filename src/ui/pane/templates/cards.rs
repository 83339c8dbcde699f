//! Templates as cards: title, what it is for and what it is, a few beside each other.

use ratatui::{Frame, layout::Rect};

use crate::{
    model::app::Visibility,
    ops::column::TemplateRow,
    ui::{
        look::Look,
        scroll,
        widget::line::{Ink, Line, wrap},
    },
};

/// How many rows a card takes, the one between cards included.
pub const HEIGHT: u16 = 5;
/// The least width of a card.
const WIDTH: u16 = 36;

/// How many cards stand beside each other.
pub fn across(width: u16) -> usize {
    usize::from((width / WIDTH).max(1))
}

/// Draws the cards around the one under the cursor.
pub fn draw(
    rows: &[TemplateRow<'_>],
    cursor: usize,
    look: &Look,
    frame: &mut Frame<'_>,
    area: Rect,
) {
    let across = across(area.width);
    let lines = usize::from((area.height / HEIGHT).max(1));
    let all = rows.len().div_ceil(across);
    let here = cursor / across;
    let top = here
        .saturating_sub(lines - 1)
        .min(all.saturating_sub(lines));
    let width = area.width.saturating_sub(1) / u16::try_from(across).unwrap_or(1);
    for (at, row) in rows
        .iter()
        .enumerate()
        .skip(top * across)
        .take(lines * across)
    {
        let line = u16::try_from(at / across - top).unwrap_or(0);
        let column = u16::try_from(at % across).unwrap_or(0);
        let y = area.y + line * HEIGHT;
        let place = Rect {
            x: area.x + column * width,
            y,
            width: width.saturating_sub(1),
            height: (HEIGHT - 1).min(area.bottom().saturating_sub(y)),
        };
        card(*row, at == cursor, look, frame, place);
    }
    scroll::bar(top * across, rows.len(), look, frame, area);
}

fn card(row: TemplateRow<'_>, is_here: bool, look: &Look, frame: &mut Frame<'_>, area: Rect) {
    let inner = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(2),
        ..area
    };
    let template = row.template;
    let over = is_here.then_some(look.theme.cursor);
    let mut about = row.categories();
    if template.visibility == Visibility::Private {
        about.push_str(" · private");
    }
    let services = match row.services() {
        1 => "1 service".to_owned(),
        several => format!("{several} services"),
    };
    let mut lines = vec![
        Line::of(&template.title, Ink::Title),
        Line::of(&format!("{about} · {services}"), Ink::FAINT),
    ];
    let mut words = wrap(&template.description, usize::from(inner.width));
    if words.len() > 2 {
        words.truncate(2);
        words[1].push_str(" …");
    }
    lines.extend(words.iter().map(|text| Line::of(text, Ink::PLAIN)));
    for (y, line) in (area.y..area.bottom()).zip(&lines) {
        let whole = Rect {
            y,
            height: 1,
            ..area
        };
        if let Some(style) = over.filter(|_| y == area.y) {
            frame.buffer_mut().set_style(whole, style);
        }
        let place = Rect {
            y,
            height: 1,
            ..inner
        };
        let style = over.filter(|_| y == area.y);
        line.draw_over(style, look, frame.buffer_mut(), place);
    }
}
