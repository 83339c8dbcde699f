//! Text for the clipboard of the terminal (OSC 52), also through tmux and screen.

use std::{fmt::Write as _, fs, io, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::config::{Multiplexer, Terminal};

/// What terminals and multiplexers are known to take, in characters of base64.
const LARGEST: usize = 74_994;
/// The longest string that screen passes on at once.
const CHUNK: usize = 768;
/// Terminals without a clipboard of their own.
const WITHOUT: [&str; 8] = [
    "linux", "dumb", "vt100", "vt102", "vt220", "vt320", "vt420", "cons25",
];

/// What is written to the terminal so that it takes the text; why it cannot be.
pub fn sequence(text: &str, terminal: &Terminal) -> Result<Vec<u8>, String> {
    if WITHOUT.contains(&terminal.term.as_str()) {
        return Err(format!(
            "this terminal (TERM={}) has no clipboard",
            terminal.term
        ));
    }
    let encoded = STANDARD.encode(text);
    if encoded.len() > LARGEST {
        return Err(format!(
            "{} bytes are more than terminals take into their clipboard ({})",
            text.len(),
            LARGEST / 4 * 3
        ));
    }
    let plain = format!("\x1b]52;c;{encoded}\x07");
    Ok(match terminal.multiplexer {
        None => plain,
        // It takes one or the other, as its set-clipboard and allow-passthrough are.
        Some(Multiplexer::Tmux) => {
            let doubled = plain.replace('\x1b', "\x1b\x1b");
            format!("\x1bPtmux;{doubled}\x1b\\{plain}")
        }
        Some(Multiplexer::Screen) => in_chunks(&plain),
    }
    .into_bytes())
}

/// Strings that screen passes on to its terminal, which reads them as one.
fn in_chunks(plain: &str) -> String {
    let mut out = String::new();
    let mut rest = plain;
    while !rest.is_empty() {
        let (chunk, more) = rest.split_at(rest.len().min(CHUNK));
        // Memory has no errors.
        let _ = write!(out, "\x1bP{chunk}\x1b\\");
        rest = more;
    }
    out
}

/// Puts the text where it can be had instead, for its owner alone.
pub fn keep(text: &str, path: &Path) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    // An old file may be open to others.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::path::Path;

    use super::*;
    use crate::config::Env;

    fn terminal(variables: &[(&str, &str)]) -> Terminal {
        Terminal::of(&Env::new(Path::new("/"), variables.iter().copied()))
    }

    fn sent(text: &str, variables: &[(&str, &str)]) -> String {
        String::from_utf8(sequence(text, &terminal(variables)).unwrap()).unwrap()
    }

    #[test]
    fn it_goes_plainly_through_tmux_and_through_screen() {
        let xterm = [("TERM", "xterm")];
        assert_eq!(sent("web@ams-1", &xterm), "\x1b]52;c;d2ViQGFtcy0x\x07");
        let tmux = [("TERM", "tmux-256color"), ("TMUX", "/tmp/x,1,0")];
        let (through, plain) = (
            "\x1bPtmux;\x1b\x1b]52;c;YQ==\x07\x1b\\",
            "\x1b]52;c;YQ==\x07",
        );
        assert_eq!(sent("a", &tmux), format!("{through}{plain}"));
        let screen = [("TERM", "screen"), ("STY", "1.x")];
        assert_eq!(sent("a", &screen), "\x1bP\x1b]52;c;YQ==\x07\x1b\\");
        let long = sent(&"long ".repeat(600), &screen);
        let chunks: Vec<_> = long.split_terminator("\x1b\\").collect();
        assert_eq!(chunks.len(), 6);
        let whole: String = chunks
            .iter()
            .map(|chunk| chunk.strip_prefix("\x1bP").unwrap())
            .inspect(|chunk| assert!(chunk.len() <= CHUNK))
            .collect();
        assert_eq!(whole, sent(&"long ".repeat(600), &xterm));
    }

    #[test]
    fn what_cannot_be_copied_is_said() {
        let why = sequence("a", &terminal(&[("TERM", "linux")])).unwrap_err();
        assert_eq!(why, "this terminal (TERM=linux) has no clipboard");
        let large = "x".repeat(60_000);
        let why = sequence(&large, &terminal(&[("TERM", "xterm")])).unwrap_err();
        assert_eq!(
            why,
            "60000 bytes are more than terminals take into their clipboard (56244)"
        );
        assert!(sequence(&large[..56_244], &terminal(&[("TERM", "xterm")])).is_ok());
    }

    #[test]
    fn what_is_kept_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wharf/copied");
        keep("one", &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        keep("two", &path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
