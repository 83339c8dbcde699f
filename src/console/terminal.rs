//! The terminal: taken for the console, given back whatever happens.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use crossterm::{
    Command,
    event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture},
    terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
};
use ratatui::{
    Frame, Terminal, TerminalOptions, Viewport,
    backend::Backend as _,
    layout::{Rect, Size},
};
use rustix::termios::{QueueSelector, tcflush};
use tokio::time::Instant as Moment;

use super::{
    outlet::Outlet,
    painter::Painter,
    slow::{self, Slow, Turn},
};
use crate::ui::look::Signs;

type Output = Terminal<Painter<Outlet>>;

/// A terminal that has not read everything yet is looked after again so soon.
const LATER: Duration = Duration::from_millis(10);
/// What was drawn last gets so long to be read before the terminal is given back.
const PATIENCE: Duration = Duration::from_millis(200);
/// Asks whether synchronized updates are known. Terminals that know no such question draw nothing of it or a letter,
/// which is wiped away with everything else.
const ASK_SYNCHRONIZED: &[u8] = b"\x1b[?2026$p";

/// How the terminal is used.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// The mouse is taken.
    pub mouse: bool,
    /// What it can show.
    pub signs: Signs,
    /// It knows synchronized updates.
    pub synchronized: bool,
    /// It is known to bear being asked for what it knows.
    pub answers: bool,
    /// How many bits a second the line to it carries, where that was said.
    pub baud: Option<u32>,
}

/// The terminal while it is the console's. Dropping it gives it back.
pub struct Screen {
    terminal: Output,
    manner: Manner,
    /// Set where the line carries little.
    slow: Option<Slow>,
    taken: bool,
    /// An answer is on its way.
    asked: bool,
}

impl Screen {
    /// Takes the terminal.
    pub fn take(manner: Manner) -> io::Result<Self> {
        let outlet = Outlet::open()?;
        let baud = slow::baud(manner.baud, outlet.speed());
        let area = area(crossterm::terminal::size()?);
        let mut painter = Painter::new(outlet, area.as_size()).with(manner.signs);
        painter.synchronize(manner.synchronized);
        let viewport = Viewport::Fixed(area);
        let mut screen = Self {
            // Its area is fixed: a terminal that finds its size by itself also asks where its cursor is, and waits
            // for an answer that the reader of keys may take.
            terminal: Terminal::with_options(painter, TerminalOptions { viewport })?,
            slow: baud.map(|baud| Slow::new(baud, area, Moment::now())),
            manner,
            taken: false,
            asked: false,
        };
        if manner.answers && !manner.synchronized {
            screen.painter().send(ASK_SYNCHRONIZED);
            screen.asked = true;
        }
        screen.enter()?;
        Ok(screen)
    }

    fn painter(&mut self) -> &mut Painter<Outlet> {
        self.terminal.backend_mut()
    }

    /// Takes the terminal again after [`Self::leave`].
    pub fn enter(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        self.taken = true;
        let mouse = self.manner.mouse;
        let painter = self.painter();
        painter.begin(&ansi(EnterAlternateScreen));
        painter.send(&ansi(EnableBracketedPaste));
        if mouse {
            painter.send(&ansi(EnableMouseCapture));
        }
        self.redraw()
    }

    /// Takes the mouse, or lets it go.
    pub fn set_mouse(&mut self, mouse: bool) -> io::Result<()> {
        self.manner.mouse = mouse;
        if mouse {
            self.send(&ansi(EnableMouseCapture))
        } else {
            self.send(&ansi(DisableMouseCapture))
        }
    }

    /// Gives the terminal back for a while.
    pub fn leave(&mut self) -> io::Result<()> {
        self.put_down()?;
        self.taken = false;
        disable_raw_mode()
    }

    /// The size of the terminal in cells.
    pub fn size(&self) -> io::Result<(u16, u16)> {
        crossterm::terminal::size()
    }

    /// Draws what changed, or as much of it as the line carries now. When to be called again is the answer, if
    /// something is left; what is old by then is never drawn.
    pub fn draw(&mut self, view: impl FnOnce(&mut Frame<'_>)) -> io::Result<Option<Moment>> {
        let now = Moment::now();
        if !self.painter().terminal().is_clear()? {
            return Ok(Some(now + LATER));
        }
        let Some(slow) = &mut self.slow else {
            self.terminal.draw(view)?;
            let is_clear = self.painter().terminal().is_clear()?;
            return Ok((!is_clear).then_some(now + LATER));
        };
        match slow.turn(now) {
            Turn::Wait(then) => return Ok(Some(then)),
            Turn::Look => slow.look(self.terminal.draw(view)?.buffer),
            Turn::Go => {}
        }
        let painter = self.terminal.backend_mut();
        painter.mute(false);
        let next = slow.piece(painter, now);
        painter.place_cursor();
        painter.flush()?;
        painter.mute(true);
        Ok(next)
    }

    /// To be called before a key changes the console: on a slow line its answer is told from what changed by itself.
    pub fn before_key(&mut self, view: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        if let Some(slow) = &mut self.slow {
            if !slow.is_asked() {
                slow.before_key(self.terminal.draw(view)?.buffer);
            }
            slow.key(Moment::now());
        }
        Ok(())
    }

    /// Takes note of whether the terminal knows synchronized updates.
    pub fn answered(&mut self, synchronized: bool) {
        self.asked = false;
        self.painter().synchronize(synchronized);
    }

    /// Writes what is drawn, and then all that makes the terminal as it was. One that reads nothing is not waited for.
    fn put_down(&mut self) -> io::Result<()> {
        let painter = self.painter();
        painter.put_down();
        painter.flush()?;
        painter.terminal().drain(PATIENCE)?;
        for sequence in restoring() {
            painter.terminal().write_all(&sequence)?;
        }
        painter.terminal().drain(PATIENCE)?;
        if std::mem::take(&mut self.asked) {
            // The answer is for nobody else.
            tcflush(io::stdin(), QueueSelector::IFlush)?;
        }
        Ok(())
    }

    /// Takes a new size, and forgets what is on the terminal.
    pub fn resize(&mut self, width: u16, height: u16) -> io::Result<()> {
        let area = area((width, height));
        let is_slow = self.slow.is_some();
        let painter = self.terminal.backend_mut();
        painter.mute(true);
        painter.resize(area.as_size());
        self.terminal.resize(area)?;
        let painter = self.terminal.backend_mut();
        painter.mute(is_slow);
        painter.wipe();
        if let Some(slow) = &mut self.slow {
            slow.clear(area);
        }
        Ok(())
    }

    /// Forgets what is on the terminal, so that the next frame draws all of it.
    pub fn redraw(&mut self) -> io::Result<()> {
        let (width, height) = self.size()?;
        self.resize(width, height)
    }

    /// Writes a control sequence that draws nothing.
    pub fn send(&mut self, sequence: &[u8]) -> io::Result<()> {
        let painter = self.painter();
        painter.flush()?;
        painter.terminal().write_all(sequence)?;
        painter.terminal().flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.taken {
            // Nothing is left to be told, nor where to tell it, when this fails.
            let _ = self.put_down();
            let _ = disable_raw_mode();
        }
    }
}

/// The whole of a terminal; one that says it has no cells is taken to have one.
fn area((width, height): (u16, u16)) -> Rect {
    let size = Size {
        width: width.max(1),
        height: height.max(1),
    };
    Rect::from((ratatui::layout::Position::ORIGIN, size))
}

/// A command as the bytes that say it.
fn ansi(command: impl Command) -> Vec<u8> {
    let mut text = String::new();
    // Memory has no errors.
    let _ = command.write_ansi(&mut text);
    text.into_bytes()
}

/// Raw mode for as long as this lives.
pub struct RawMode(());

impl RawMode {
    /// Turns raw mode on.
    pub fn on() -> io::Result<Self> {
        enable_raw_mode()?;
        Ok(Self(()))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // Nothing is left to be told when this fails.
        let _ = disable_raw_mode();
    }
}

/// What makes the terminal as it was.
fn restoring() -> [Vec<u8>; 4] {
    [
        ansi(DisableMouseCapture),
        ansi(DisableBracketedPaste),
        ansi(LeaveAlternateScreen),
        ansi(crossterm::cursor::Show),
    ]
}

/// Gives the terminal back as it was, whoever wrote to it last.
fn give_back() -> io::Result<()> {
    io::stdout().write_all(&restoring().concat())?;
    io::stdout().flush()?;
    disable_raw_mode()
}

/// Makes a panic give the terminal back before it is reported.
pub fn restore_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if crossterm::terminal::is_raw_mode_enabled().unwrap_or(false) {
            // The report matters more than a terminal that cannot be restored.
            let _ = give_back();
        }
        report(info);
    }));
}
