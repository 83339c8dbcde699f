//! The terminal: taken for the console, given back whatever happens.

use std::io::{self, BufWriter, Stdout, Write as _};

use crossterm::{
    cursor::{Hide, Show},
    event::{DisableBracketedPaste, EnableBracketedPaste},
    execute, queue,
    terminal::{
        BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
        LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
    },
};
use ratatui::{
    Frame, Terminal, TerminalOptions, Viewport, backend::CrosstermBackend, layout::Rect,
};

/// Output is collected up to this many bytes: a frame is thousands of small writes.
const BUFFER: usize = 64 * 1024;

type Output = Terminal<CrosstermBackend<BufWriter<Stdout>>>;

/// The terminal while it is the console's. Dropping it gives it back.
pub struct Screen {
    terminal: Output,
    taken: bool,
}

impl Screen {
    /// Takes the terminal.
    pub fn take() -> io::Result<Self> {
        let mut screen = Self {
            terminal: output(crossterm::terminal::size()?)?,
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
        self.redraw()
    }

    /// Gives the terminal back for a while.
    pub fn leave(&mut self) -> io::Result<()> {
        self.terminal.backend_mut().flush()?;
        self.taken = false;
        give_back()
    }

    /// The size of the terminal in cells.
    pub fn size(&self) -> io::Result<(u16, u16)> {
        crossterm::terminal::size()
    }

    /// Draws one frame; only what changed is written, in one piece.
    pub fn draw(&mut self, view: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(view)?;
        queue!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        self.terminal.backend_mut().flush()
    }

    /// Takes a new size.
    pub fn resize(&mut self, width: u16, height: u16) -> io::Result<()> {
        self.terminal = output((width, height))?;
        execute!(self.terminal.backend_mut(), Clear(ClearType::All))
    }

    /// Forgets what is on the terminal, so that the next frame draws all of it.
    pub fn redraw(&mut self) -> io::Result<()> {
        let (width, height) = self.size()?;
        self.resize(width, height)
    }

    /// Writes a control sequence that draws nothing.
    pub fn send(&mut self, command: impl crossterm::Command) -> io::Result<()> {
        execute!(self.terminal.backend_mut(), command)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.taken {
            // Nothing is left to be told, nor where to tell it, when this fails.
            let _ = self.terminal.backend_mut().flush();
            let _ = give_back();
        }
    }
}

/// A terminal of that size with nothing on it. Its area is fixed: a terminal that finds its size by itself
/// also asks where its cursor is, and waits for an answer that the reader of keys may take.
fn output((width, height): (u16, u16)) -> io::Result<Output> {
    let backend = CrosstermBackend::new(BufWriter::with_capacity(BUFFER, io::stdout()));
    let viewport = Viewport::Fixed(Rect::new(0, 0, width, height));
    Terminal::with_options(backend, TerminalOptions { viewport })
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
