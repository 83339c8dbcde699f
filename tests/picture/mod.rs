//! A screen as an SVG picture: one rectangle per run of background, one text per run of style.

use std::{fmt::Write as _, ops::Range};

use ratatui::{
    buffer::{Buffer, Cell},
    style::{Color, Modifier},
};
use unicode_width::UnicodeWidthStr as _;

/// A cell's size in the picture's own units.
const CELL: (f32, f32) = (8.4, 18.0);
/// A terminal's own colours: of text and of what is behind it.
pub type Own = (&'static str, &'static str);
/// Of a dark terminal.
pub const DARK: Own = ("#d8dee9", "#10151c");
/// Of a light one.
pub const LIGHT: Own = ("#1f2937", "#ffffff");

/// The picture of a screen.
pub fn svg(buffer: &Buffer, own: Own) -> String {
    let (columns, rows) = (buffer.area.width, buffer.area.height);
    let (width, height) = (
        f32::from(columns) * CELL.0 + 16.0,
        f32::from(rows) * CELL.1 + 16.0,
    );
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"14\">\n<rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{}\"/>\n",
        own.1
    );
    for y in 0..rows {
        let mut x = 0;
        while x < columns {
            let end = run_end(buffer, x, y);
            draw_run(&mut out, buffer, x..end, y, own);
            x = end;
        }
    }
    out.push_str("</svg>\n");
    out
}

/// Where cells of the same style end. A wide character ends its run, so that its neighbours stay in place.
fn run_end(buffer: &Buffer, from: u16, y: u16) -> u16 {
    let style = |cell: &Cell| (cell.fg, cell.bg, cell.modifier);
    let first = &buffer[(from, y)];
    let mut x = from;
    while x < buffer.area.width && style(&buffer[(x, y)]) == style(first) {
        let wide = buffer[(x, y)].symbol().width() > 1;
        x += if wide { 2 } else { 1 };
        if wide {
            break;
        }
    }
    x.min(buffer.area.width)
}

fn draw_run(out: &mut String, buffer: &Buffer, run: Range<u16>, y: u16, own: Own) {
    let (from, end) = (run.start, run.end);
    let cell = &buffer[(from, y)];
    let reversed = cell.modifier.contains(Modifier::REVERSED);
    let (mut fg, mut bg) = (hex(cell.fg, own.0), hex(cell.bg, own.1));
    if reversed {
        std::mem::swap(&mut fg, &mut bg);
    }
    let (px, py) = (f32::from(from) * CELL.0 + 8.0, f32::from(y) * CELL.1 + 8.0);
    let cells = f32::from(end - from);
    if bg != own.1 {
        let _ = writeln!(
            out,
            "<rect x=\"{px:.1}\" y=\"{py:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{bg}\"/>",
            cells * CELL.0,
            CELL.1
        );
    }
    let mut text = String::new();
    let mut x = from;
    while x < end {
        let symbol = buffer[(x, y)].symbol();
        text.push_str(symbol);
        x += u16::try_from(symbol.width().max(1)).unwrap_or(1);
    }
    if text.trim().is_empty() {
        return;
    }
    let mut attributes = String::new();
    if cell.modifier.contains(Modifier::BOLD) {
        attributes.push_str(" font-weight=\"bold\"");
    }
    if cell.modifier.contains(Modifier::DIM) {
        attributes.push_str(" opacity=\"0.6\"");
    }
    if cell.modifier.contains(Modifier::ITALIC) {
        attributes.push_str(" font-style=\"italic\"");
    }
    if cell.modifier.contains(Modifier::UNDERLINED) {
        attributes.push_str(" text-decoration=\"underline\"");
    }
    let escaped = text
        .trim_end()
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let shown = f32::from(u16::try_from(text.trim_end().width()).unwrap_or(0)) * CELL.0;
    let _ = writeln!(
        out,
        "<text x=\"{px:.1}\" y=\"{:.1}\" textLength=\"{shown:.1}\" lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\" fill=\"{fg}\"{attributes}>{escaped}</text>",
        py + 13.5
    );
}

fn hex(color: Color, own: &str) -> String {
    let named = match color {
        Color::Reset => own,
        Color::Black => "#10151c",
        Color::Red | Color::LightRed => "#e8746a",
        Color::Green | Color::LightGreen => "#8fbf7f",
        Color::Yellow | Color::LightYellow => "#e0b860",
        Color::Blue | Color::LightBlue => "#6f9fd8",
        Color::Magenta | Color::LightMagenta => "#b48ead",
        Color::Cyan | Color::LightCyan => "#5fb3c4",
        Color::Gray => "#aab2bf",
        Color::DarkGray => "#5c6470",
        Color::White => "#eceff4",
        Color::Indexed(_) => "#aab2bf",
        Color::Rgb(r, g, b) => return format!("#{r:02x}{g:02x}{b:02x}"),
    };
    named.to_owned()
}
