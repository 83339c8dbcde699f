//! Takes a line's escape sequences out: colours are told apart, all else is dropped.

use memchr::memchr;

use super::Ink;

const ESC: u8 = 0x1b;
const BELL: u8 = 0x07;

/// Appends the text of a line to `out`, without its escape sequences; `ink` is told each change of colour with the
/// place in `out` where it begins. What is no sequence stays as it is, control characters too.
pub fn strip(mut line: &[u8], out: &mut Vec<u8>, mut ink: impl FnMut(usize, Ink)) {
    let mut now = Ink::default();
    while let Some(at) = memchr(ESC, line) {
        out.extend_from_slice(&line[..at]);
        let sequence = &line[at..];
        let length = length(sequence);
        if let Some(parameters) = colour(&sequence[..length]) {
            let before = now;
            now.obey(parameters);
            if now != before {
                ink(out.len(), now);
            }
        }
        line = &sequence[length..];
    }
    out.extend_from_slice(line);
}

/// The parameters of a sequence that sets colours.
fn colour(sequence: &[u8]) -> Option<&[u8]> {
    let parameters = sequence.strip_prefix(b"\x1b[")?.strip_suffix(b"m")?;
    let known = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b';' | b':');
    parameters.iter().all(known).then_some(parameters)
}

/// How long the sequence is that begins here with an escape (ECMA-48 5.3 to 5.6).
fn length(sequence: &[u8]) -> usize {
    match sequence.get(1) {
        Some(b'[') => {
            let body = &sequence[2..];
            let end = body
                .iter()
                .position(|byte| !(0x20..=0x3f).contains(byte))
                .unwrap_or(body.len());
            let last = body
                .get(end)
                .is_some_and(|byte| (0x40..=0x7e).contains(byte));
            2 + end + usize::from(last)
        }
        Some(b']' | b'P' | b'X' | b'^' | b'_') => {
            let body = &sequence[2..];
            let bell = memchr(BELL, body).map(|at| at + 1);
            let end = memchr::memmem::find(body, b"\x1b\\").map(|at| at + 2);
            // One that never ends hides nothing: only its beginning is dropped.
            let shorter = match (bell, end) {
                (Some(bell), Some(end)) => bell.min(end),
                (one, other) => one.or(other).unwrap_or(0),
            };
            2 + shorter
        }
        Some(0x20..=0x2f) => sequence.len().min(3),
        Some(0x30..=0x7e) => 2,
        Some(_) | None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::Tint;

    fn stripped(line: &[u8]) -> (String, Vec<(usize, Tint)>) {
        let (mut out, mut inks) = (Vec::new(), Vec::new());
        strip(line, &mut out, |at, ink| inks.push((at, ink.text)));
        (String::from_utf8_lossy(&out).into_owned(), inks)
    }

    #[test]
    fn colours_are_kept_beside_the_text() {
        let (text, inks) = stripped(b"a \x1b[31mred\x1b[0m b\x1b[m");
        assert_eq!(text, "a red b");
        assert_eq!(inks, [(2, Tint::Indexed(1)), (5, Tint::Plain)]);
    }

    #[test]
    fn all_else_goes_and_no_text_with_it() {
        for (line, text) in [
            (&b"\x1b]0;title\x07end"[..], "end"),
            (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
            (b"\x1b]52;c;never ends", "52;c;never ends"),
            (b"\x1b[2J\x1b[1;1Hhome", "home"),
            (b"\x1b(Bset", "set"),
            (b"\x1bcreset", "reset"),
            (b"cut \x1b", "cut "),
            (b"cut \x1b[3", "cut "),
            (b"\x1b[?25l\x1b[>4;1mx", "x"),
            ("\x1b[31mü\x1b[".as_bytes(), "ü"),
        ] {
            assert_eq!(stripped(line).0, text);
        }
    }
}
