//! A log line made safe: escape sequences taken out, other control characters shown as dots.

use vte::{Parser, Perform};

use crate::model::printable;

/// Longer lines are cut here, in characters.
const LONGEST: usize = 16 * 1024;

/// Collects what a terminal would print, and nothing that it would obey.
#[derive(Default)]
struct Plain {
    text: String,
    count: usize,
    cut: bool,
}

impl Plain {
    fn push(&mut self, c: char) {
        if self.count < LONGEST {
            self.text.push(c);
            self.count += 1;
        } else {
            self.cut = true;
        }
    }
}

impl Perform for Plain {
    fn print(&mut self, c: char) {
        self.push(c);
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\t' => {
                let to = self.count / 8 * 8 + 8;
                while self.count < to && !self.cut {
                    self.push(' ');
                }
            }
            b'\r' => {}
            _ => self.push('·'),
        }
    }
}

/// The line as text for one row of the screen.
pub fn plain(bytes: &[u8]) -> Box<str> {
    let clean = bytes.iter().all(|byte| (0x20..0x7f).contains(byte));
    if clean && bytes.len() <= LONGEST {
        return String::from_utf8_lossy(bytes).into();
    }
    let mut plain = Plain::default();
    Parser::new().advance(&mut plain, bytes);
    if plain.cut {
        plain.text.push_str(" […]");
    }
    printable(&plain.text).into_boxed_str()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        assert_eq!(
            &*plain(b"\x1b[31mred\x1b[0m \x1b]0;title\x07end\r"),
            "red end"
        );
        assert_eq!(&*plain(b"a\x00b\x08c"), "a·b·c");
        assert_eq!(&*plain("x\u{202e}y".as_bytes()), "x·y");
        assert!(plain(b"bad \xff\xfe utf8").contains('\u{fffd}'));
        assert_eq!(&*plain(b"a\tb"), "a       b");
    }

    #[test]
    fn a_line_of_ten_megabytes_is_cut() {
        assert!(plain(&vec![b'x'; 10_000_000]).len() < 20_000);
    }
}
