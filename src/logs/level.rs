//! How grave a line says it is, in plain text, JSON or logfmt.

use std::str::FromStr;

/// The levels, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Every step.
    Trace,
    /// For who wrote it.
    Debug,
    /// As it should be.
    Info,
    /// Not as it should be.
    Warn,
    /// Something failed.
    Error,
    /// It could not go on.
    Fatal,
}

/// A level is looked for so far into a line.
const HEAD: usize = 256;
/// And so far into one that is JSON.
const JSON_HEAD: usize = 2048;

impl Level {
    /// All, mildest first.
    pub const ALL: [Self; 6] = [
        Self::Trace,
        Self::Debug,
        Self::Info,
        Self::Warn,
        Self::Error,
        Self::Fatal,
    ];

    /// Its name, as filters spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }

    /// What the line says of itself; none when it does not.
    pub fn of(line: &[u8]) -> Option<Self> {
        if let Some(level) = prefixed(line) {
            return Some(level);
        }
        let is_json = line.first() == Some(&b'{');
        let line = &line[..line.len().min(if is_json { JSON_HEAD } else { HEAD })];
        let mut at = 0;
        while let Some(start) = line[at..].iter().position(u8::is_ascii_alphabetic) {
            let start = at + start;
            let length = line[start..]
                .iter()
                .position(|byte| !byte.is_ascii_alphabetic())
                .unwrap_or(line.len() - start);
            at = start + length;
            if let Some(level) = said(line, start, at, is_json) {
                return Some(level);
            }
        }
        None
    }

    fn of_word(word: &[u8]) -> Option<Self> {
        if !(3..=11).contains(&word.len()) {
            return None;
        }
        let is = |other: &[&str]| {
            other
                .iter()
                .any(|other| word.eq_ignore_ascii_case(other.as_bytes()))
        };
        Some(match word[0].to_ascii_lowercase() {
            b't' if is(&["trace", "trc"]) => Self::Trace,
            b'v' if is(&["verbose"]) => Self::Trace,
            b'd' if is(&["debug", "dbg"]) => Self::Debug,
            b'i' if is(&["info", "inf", "information"]) => Self::Info,
            b'n' if is(&["notice"]) => Self::Info,
            b'l' if is(&["log"]) => Self::Info,
            b'w' if is(&["warn", "warning", "wrn"]) => Self::Warn,
            b'e' if is(&["error", "err"]) => Self::Error,
            b'e' if is(&["emerg", "emergency"]) => Self::Fatal,
            b's' if is(&["severe"]) => Self::Error,
            b'f' if is(&["fatal", "ftl"]) => Self::Fatal,
            b'c' if is(&["critical", "crit"]) => Self::Fatal,
            b'p' if is(&["panic"]) => Self::Fatal,
            b'a' if is(&["alert"]) => Self::Fatal,
            _ => return None,
        })
    }
}

impl FromStr for Level {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::of_word(text.as_bytes()).ok_or(())
    }
}

/// `<3>` of syslog (RFC 5424 6.2.1), `E0102 …` of klog.
fn prefixed(line: &[u8]) -> Option<Level> {
    match line {
        [b'<', digits @ ..] => {
            let end = digits.iter().take(4).position(|byte| *byte == b'>')?;
            let number: u16 = std::str::from_utf8(&digits[..end]).ok()?.parse().ok()?;
            Some(match number % 8 {
                0..=2 => Level::Fatal,
                3 => Level::Error,
                4 => Level::Warn,
                5 | 6 => Level::Info,
                _ => Level::Debug,
            })
        }
        [letter @ (b'I' | b'W' | b'E' | b'F'), a, b, c, d, b' ', ..]
            if [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()) =>
        {
            Some(match letter {
                b'I' => Level::Info,
                b'W' => Level::Warn,
                b'E' => Level::Error,
                _ => Level::Fatal,
            })
        }
        _ => None,
    }
}

/// What the word at `start..end` says: a level by itself, or the key before one.
fn said(line: &[u8], start: usize, end: usize, is_json: bool) -> Option<Level> {
    let word = &line[start..end];
    let is_key = matches!(word.len(), 3 | 5 | 8)
        && [&b"level"[..], b"severity", b"lvl"]
            .iter()
            .any(|key| word.eq_ignore_ascii_case(key));
    if is_key {
        return value(&line[end..]);
    }
    // In JSON only the key counts: its texts may speak of anything.
    if is_json {
        return None;
    }
    let level = Level::of_word(word)?;
    let before = start.checked_sub(1).map(|at| line[at]);
    let after = line.get(end).copied();
    let joined = |byte: Option<u8>| {
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/'))
    };
    if joined(before) || joined(after) {
        return None;
    }
    let is_loud = word.iter().all(u8::is_ascii_uppercase) && word != b"LOG" && word != b"ALERT";
    let is_marked = before == Some(b'[') || matches!(after, Some(b']' | b':'));
    (is_loud || is_marked).then_some(level)
}

/// The level after its key: `":"error"`, `=warn`, `: 50` (Bunyan and Pino count in tens).
fn value(rest: &[u8]) -> Option<Level> {
    let rest = rest.strip_prefix(b"\"").unwrap_or(rest).trim_ascii_start();
    let rest = rest
        .strip_prefix(b":")
        .or_else(|| rest.strip_prefix(b"="))?;
    let rest = rest.trim_ascii_start();
    let rest = rest.strip_prefix(b"\"").unwrap_or(rest);
    let end = rest
        .iter()
        .position(|byte| !byte.is_ascii_alphanumeric())
        .unwrap_or(rest.len());
    match &rest[..end] {
        b"10" => Some(Level::Trace),
        b"20" => Some(Level::Debug),
        b"30" => Some(Level::Info),
        b"40" => Some(Level::Warn),
        b"50" => Some(Level::Error),
        b"60" => Some(Level::Fatal),
        word => Level::of_word(word),
    }
}

#[cfg(test)]
mod tests {
    use super::Level;

    #[test]
    fn levels_are_read_as_programs_write_them() {
        for (line, level) in [
            ("2026-11-22 10:00:00 ERROR refused", Some(Level::Error)),
            ("2026-11-22T10:00:00.1Z  WARN app: slow", Some(Level::Warn)),
            (
                "2026/11/22 10:00:00 [error] 7#7: *1 open() failed",
                Some(Level::Error),
            ),
            (
                r#"{"ts":1,"level":"warn","msg":"ERROR in text"}"#,
                Some(Level::Warn),
            ),
            (r#"{"level":50,"msg":"x"}"#, Some(Level::Error)),
            (r#"{"severity": "CRITICAL"}"#, Some(Level::Fatal)),
            ("ts=1 level=debug msg=x", Some(Level::Debug)),
            ("E0102 15:04:05.678 main.go:1] x", Some(Level::Error)),
            ("<4>kernel: hot", Some(Level::Warn)),
            (
                "2026-11-22 10:00:00 UTC [7] LOG:  checkpoint",
                Some(Level::Info),
            ),
            ("panic: runtime error", Some(Level::Fatal)),
            ("10:00 INF started", Some(Level::Info)),
            ("no error was found", None),
            ("GET /error/x 200", None),
            ("ERROR_CODE 3", None),
            ("", None),
        ] {
            assert_eq!(Level::of(line.as_bytes()), level, "{line}");
        }
    }
}
