//! The screen around a pane: header, frame with title, hints or message, and the names of panes.
//!
//! ```text
//!  wharf   hosts 41/43 · containers 1212 · 3 broken                 READ-ONLY  ann@ops-1
//! ╭ Containers[1212] </prod> ───────────────────────────────────────────────────────────╮
//! │                                                                                     │
//! ╰─────────────────────────────────────────────────────────────────────────────────────╯
//!  enter detail · l logs · s shell · r restart · a actions          (or the last message)
//!  1 overview  2 hosts  3 containers  4 logs  5 operations
//! ```

use ratatui::{
    Frame,
    layout::Rect,
    style::Style,
    text::{Line, Span},
    widgets::Block,
};

use super::{
    Ui,
    command::Command,
    look::{cut, width},
    message::Level,
    pane::PaneId,
    theme::Theme,
};
use crate::ops::target::Target;

impl Ui {
    /// The area inside the frame of the pane.
    pub(super) fn body(&self) -> Rect {
        let frame = self.pane_area();
        Rect {
            x: frame.x + 1,
            y: frame.y + 1,
            width: frame.width.saturating_sub(2),
            height: frame.height.saturating_sub(2),
        }
    }

    fn pane_area(&self) -> Rect {
        let rows = self.size.height;
        // Header, hints and crumbs take a line each, as long as three are left for the pane.
        let around = if rows >= 8 { 3 } else { 1 };
        Rect {
            x: 0,
            y: 1.min(rows),
            width: self.size.width,
            height: rows.saturating_sub(around),
        }
    }

    /// Draws the whole screen.
    pub fn view(&mut self, frame: &mut Frame<'_>) {
        self.settle();
        let area = frame.area();
        if area.width < 20 || area.height < 5 {
            frame.buffer_mut().set_stringn(
                0,
                0,
                "wharf: the window is too small",
                usize::from(area.width),
                Style::new(),
            );
            return;
        }
        frame.buffer_mut().set_style(area, self.look.theme.text);
        self.view_header(frame, Rect { height: 1, ..area });
        self.view_pane(frame);
        if area.height >= 8 {
            self.view_hints(
                frame,
                Rect {
                    y: area.bottom() - 2,
                    height: 1,
                    ..area
                },
            );
            self.view_crumbs(
                frame,
                Rect {
                    y: area.bottom() - 1,
                    height: 1,
                    ..area
                },
            );
        }
        if let Some(overlay) = &self.overlay {
            overlay.view(self.fleet.now, &self.look, frame, self.pane_area());
        }
        if let Some(prompt) = &self.prompt {
            let above = Rect {
                height: area.height.saturating_sub(u16::from(area.height >= 8)),
                ..area
            };
            prompt.view(&self.look, frame, above);
        }
    }

    fn view_header(&self, frame: &mut Frame<'_>, area: Rect) {
        let theme = &self.look.theme;
        let tally = self.fleet.tally(|_| true);
        let hosts = self.fleet.hosts().len();
        let dot = format!(" {} ", self.look.glyphs.dot);
        let mut left = vec![Span::styled(" wharf ", theme.brand)];
        if let Some(label) = self.around.label {
            left.push(Span::styled(format!(" {label} "), theme.matched));
        }
        left.push(Span::raw("  "));
        let online = if tally.online == hosts {
            theme.good
        } else {
            theme.warn
        };
        left.push(Span::styled(
            format!("hosts {}/{hosts}", tally.online),
            Theme::on(theme.header, online),
        ));
        left.push(Span::styled(
            format!("{dot}containers {}", tally.containers),
            theme.header,
        ));
        let broken = tally.broken + tally.offline + tally.full_disks;
        if broken > 0 {
            left.push(Span::styled(dot.clone(), theme.header));
            left.push(Span::styled(
                format!("{broken} broken"),
                Theme::on(theme.header, theme.bad),
            ));
        }
        if self.runs.count() > 0 {
            left.push(Span::styled(
                format!("{dot}{} running", self.runs.count()),
                Theme::on(theme.header, theme.busy),
            ));
        }
        if self.fleet.waiting() > 0 {
            let text = match self.fleet.waiting() {
                1 => format!("{dot}1 act waits to be recorded"),
                count => format!("{dot}{count} acts wait to be recorded"),
            };
            left.push(Span::styled(text, theme.bad));
        }
        let mut right = Vec::new();
        if self.fleet.read_only {
            right.push(Span::styled(" READ-ONLY ", theme.guarded));
            right.push(Span::raw(" "));
        }
        right.push(Span::styled(
            format!("{} ", self.around.operator),
            theme.header,
        ));
        let buffer = frame.buffer_mut();
        buffer.set_style(area, theme.header);
        let left = Line::from(left);
        let right = Line::from(right);
        let taken = u16::try_from(left.width()).unwrap_or(u16::MAX);
        buffer.set_line(area.x, area.y, &left, area.width);
        let wanted = u16::try_from(right.width()).unwrap_or(u16::MAX);
        if taken.saturating_add(wanted) < area.width {
            buffer.set_line(area.right() - wanted, area.y, &right, wanted);
        }
    }

    fn view_pane(&self, frame: &mut Frame<'_>) {
        let theme = &self.look.theme;
        let area = self.pane_area();
        let pane = self.panes.get(self.here);
        let title = self
            .look
            .glyphs
            .plain(&pane.title(&self.fleet))
            .into_owned();
        let room = usize::from(area.width.saturating_sub(6));
        let title = cut(&title, room, &self.look.glyphs).into_owned();
        let mut spans = vec![Span::styled(format!(" {title} "), theme.title)];
        if !pane.filter().is_empty() {
            spans.push(Span::styled(format!("</{}>", pane.filter()), theme.matched));
            spans.push(Span::raw(" "));
        }
        let block = Block::bordered()
            .border_set(self.look.glyphs.border)
            .border_style(theme.frame)
            .title(Line::from(spans));
        frame.render_widget(block, area);
        let body = self.body();
        if body.width > 0 && body.height > 0 {
            pane.view(&self.fleet, &self.look, frame, body);
        }
    }

    fn view_hints(&self, frame: &mut Frame<'_>, area: Rect) {
        let theme = &self.look.theme;
        let room = usize::from(area.width.saturating_sub(2));
        let buffer = frame.buffer_mut();
        if let Some(run) = self.runs.newest() {
            let text = self.runs.standing(run, self.fleet.now);
            let text = cut(&text, room, &self.look.glyphs);
            buffer.set_stringn(area.x + 1, area.y, &text, room, theme.busy);
            return;
        }
        if let Some(message) = self.flash() {
            let sign = if message.level == Level::Info {
                String::new()
            } else {
                format!("{}: ", message.level.word())
            };
            let text = format!("{sign}{}", self.look.glyphs.plain(&message.text));
            let text = cut(&text, room, &self.look.glyphs);
            buffer.set_stringn(area.x + 1, area.y, &text, room, message.level.style(theme));
            return;
        }
        let line = Line::from(self.hint_spans(room));
        buffer.set_line(area.x + 1, area.y, &line, area.width.saturating_sub(2));
    }

    /// Whether a hint is worth its place: what cannot be done with the row under the cursor is not. Of many rows
    /// some will fit, and planning for them takes too long for a frame.
    fn can_be_done(&self, line: &str, selection: &[Target]) -> bool {
        if selection.len() > 1 {
            return true;
        }
        // Only what is on a key is hinted at, and that was read already.
        let bindings = self.keymap.section(self.here.name());
        let bound = bindings.iter().find(|binding| binding.line == line);
        match bound.map(|binding| &binding.command) {
            Some(Command::Op(sentence)) => sentence.plan(&self.fleet, selection).is_ok(),
            Some(Command::Nav(_)) | None => true,
        }
    }

    /// As many hints as fit, most useful first; help always.
    fn hint_spans(&self, room: usize) -> Vec<Span<'static>> {
        let theme = &self.look.theme;
        let pane = self.panes.get(self.here);
        let mut spans: Vec<Span<'static>> = Vec::new();
        let mut used = 0;
        if !self.pressed.is_empty() {
            let keys: Vec<String> = self.pressed.iter().map(ToString::to_string).collect();
            let rest = self
                .keymap
                .section(self.here.name())
                .iter()
                .filter(|one| one.begins_with(&self.pressed));
            spans.push(Span::styled(format!("{} …  ", keys.join(" ")), theme.key));
            spans.extend(rest.flat_map(|one| {
                [
                    Span::styled(one.keys(), theme.key),
                    Span::styled(format!(" {}   ", one.line), theme.hint),
                ]
            }));
            return spans;
        }
        let everywhere = [("help", "help"), ("palette", "say")];
        let selection = pane.selection(&self.fleet);
        for (line, word) in pane.hints().iter().chain(&everywhere) {
            if !self.can_be_done(line, &selection) {
                continue;
            }
            let Some(keys) = self.keymap.keys_for(self.here.name(), line) else {
                continue;
            };
            let reserve = if *line == "help" || *line == "palette" {
                0
            } else {
                14
            };
            let cells = width(&keys) + 1 + width(word) + 3;
            if used + cells + reserve > room {
                continue;
            }
            used += cells;
            spans.push(Span::styled(keys, theme.key));
            spans.push(Span::styled(format!(" {word}   "), theme.hint));
        }
        spans
    }

    fn view_crumbs(&self, frame: &mut Frame<'_>, area: Rect) {
        let theme = &self.look.theme;
        let buffer = frame.buffer_mut();
        buffer.set_style(area, theme.crumb);
        let base = self.trail.first().copied().unwrap_or(self.here);
        let mut spans = Vec::new();
        let named = PaneId::ALL.map(|pane| {
            let keys = self
                .keymap
                .keys_for(self.here.name(), &format!("pane {}", pane.name()));
            let keys = keys.map(|keys| format!("{keys} "));
            (pane, keys.unwrap_or_default())
        });
        let room = usize::from(area.width) - usize::from(area.width).min(self.trail_cells());
        let letters = letters(&named, room);
        for (pane, keys) in named {
            let style = if pane == base {
                theme.crumb_here
            } else {
                theme.crumb
            };
            let name = pane.name();
            spans.push(Span::styled(
                match letters {
                    Some(letters) => format!(" {keys}{}", &name[..name.len().min(letters)]),
                    None => format!(" {keys}{name} "),
                },
                style,
            ));
        }
        for pane in self
            .trail
            .iter()
            .skip(1)
            .chain((!self.trail.is_empty()).then_some(&self.here))
        {
            spans.push(Span::styled(
                self.look.glyphs.plain(" › ").into_owned(),
                theme.crumb,
            ));
            spans.push(Span::styled(format!(" {} ", pane.name()), theme.crumb_here));
        }
        buffer.set_line(area.x, area.y, &Line::from(spans), area.width);
    }

    /// How wide the way to this pane is, beside the panes that stand side by side.
    fn trail_cells(&self) -> usize {
        let way = self.trail.iter().skip(1);
        let way = way.chain((!self.trail.is_empty()).then_some(&self.here));
        way.map(|pane| pane.name().len() + 5).sum()
    }
}

/// To how many letters the names of panes are cut so that all of them fit; none when they fit as they are.
fn letters(named: &[(PaneId, String)], room: usize) -> Option<usize> {
    let cells = |letters: usize, around: usize| -> usize {
        let each = named
            .iter()
            .map(|(pane, keys)| around + keys.chars().count() + pane.name().len().min(letters));
        each.sum()
    };
    if cells(usize::MAX, 2) <= room {
        return None;
    }
    (2..=5)
        .rev()
        .find(|letters| cells(*letters, 1) <= room)
        .or(Some(2))
}
