//! The last runs of pipelines as a strip in which every run has the colour of how it ended.

use ratatui::{buffer::Buffer, layout::Rect};

use super::statuses;
use crate::{
    model::pipeline::{Board, PipelineName},
    ops::column::{self, PipelineRow, status_tone},
    ui::{look::Look, pane::table::Table, theme::Theme},
};

/// Gives each mark of the strips that are on the screen its own colour.
pub fn paint(
    table: &Table<PipelineName, column::Pipelines>,
    board: &Board,
    look: &Look,
    buffer: &mut Buffer,
    area: Rect,
) {
    let Some((left, cells)) = table.place_of("runs", area) else {
        return;
    };
    if board.runs_trouble.is_some() {
        return;
    }
    for (y, name) in (area.y + 1..area.bottom()).zip(table.list.visible()) {
        let Some(row) = PipelineRow::of(board, name) else {
            continue;
        };
        for (x, status) in (left..left + cells).step_by(2).zip(statuses(&row)) {
            let Some(cell) = buffer.cell_mut((x, y)) else {
                continue;
            };
            let tone = look.theme.tone(status_tone(status));
            let style = if table.list.current() == Some(name) {
                Theme::on(look.theme.cursor, tone)
            } else {
                look.theme.text.patch(tone)
            };
            cell.set_style(style);
        }
    }
}
