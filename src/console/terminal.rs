//! The terminal: taken for the console, given back whatever happens.

use std::io::{self, Stdout, Write as _};

use crossterm::{
    cursor::{Hide, Show},
    event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture},
    execute,
    terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
};
use ratatui::{
    Frame, Terminal, TerminalOptions, Viewport,
    backend::Backend as _,
    layout::{Rect, Size},
};

use super::painter::Painter;

type Output = Terminal<Painter<Stdout>>;

/// The terminal while it is the console's. Dropping it gives it back.
pub struct Screen {
    terminal: Output,
    mouse: bool,
    taken: bool,
}

impl Screen {
    /// Takes the terminal, and the mouse if that is wanted.
    pub fn take(mouse: bool) -> io::Result<Self> {
        let mut screen = Self {
            terminal: output(crossterm::terminal::size()?)?,
            mouse,
            taken: false,
        };
        screen.enter()?;
        Ok(screen)
    }

    /// Takes the terminal again after [`Self::leave`].
    pub fn enter(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        self.taken = true;
        execute!(
            io::stdout(),
            EnterAlternateScreen,
            EnableBracketedPaste,
            Hide
        )?;
        if self.mouse {
            execute!(io::stdout(), EnableMouseCapture)?;
        }
        self.redraw()
    }

    /// Gives the terminal back for a while.
    pub fn leave(&mut self) -> io::Result<()> {
        self.put_down()?;
        self.taken = false;
        give_back()
    }

    /// The size of the terminal in cells.
    pub fn size(&self) -> io::Result<(u16, u16)> {
        crossterm::terminal::size()
    }

    /// Draws one frame; only what changed is written, in one piece.
    pub fn draw(&mut self, view: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(view).map(drop)
    }

    /// Writes what is drawn and leaves the attributes reset.
    fn put_down(&mut self) -> io::Result<()> {
        let painter = self.terminal.backend_mut();
        painter.put_down();
        painter.flush()
    }

    /// Takes a new size.
    pub fn resize(&mut self, width: u16, height: u16) -> io::Result<()> {
        self.put_down()?;
        self.terminal = output((width, height))?;
        self.terminal.backend_mut().clear()?;
        self.terminal.backend_mut().flush()
    }

    /// Forgets what is on the terminal, so that the next frame draws all of it.
    pub fn redraw(&mut self) -> io::Result<()> {
        let (width, height) = self.size()?;
        self.resize(width, height)
    }

    /// Writes a control sequence that draws nothing.
    pub fn send(&mut self, command: impl crossterm::Command) -> io::Result<()> {
        self.put_down()?;
        execute!(io::stdout(), command)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.taken {
            // Nothing is left to be told, nor where to tell it, when this fails.
            let _ = self.put_down();
            let _ = give_back();
        }
    }
}

/// A terminal of that size with nothing on it. Its area is fixed: a terminal that finds its size by itself
/// also asks where its cursor is, and waits for an answer that the reader of keys may take.
fn output((width, height): (u16, u16)) -> io::Result<Output> {
    let painter = Painter::new(io::stdout(), Size { width, height });
    let viewport = Viewport::Fixed(Rect::new(0, 0, width, height));
    Terminal::with_options(painter, TerminalOptions { viewport })
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

/// Gives the terminal back as it was.
fn give_back() -> io::Result<()> {
    execute!(
        io::stdout(),
        DisableMouseCapture,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        Show
    )?;
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
