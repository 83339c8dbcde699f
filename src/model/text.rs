//! Quantities and foreign text as people read them.

use super::Timestamp;

/// Bytes with three digits at most and a binary unit: `0B`, `12.3K`, `1.50G`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn bytes(count: u64) -> String {
    const UNITS: [char; 6] = ['K', 'M', 'G', 'T', 'P', 'E'];
    if count < 1024 {
        return format!("{count}B");
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let decimals = if value < 9.995 {
        2
    } else {
        usize::from(value < 99.95)
    };
    format!("{value:.decimals$}{}", UNITS[unit])
}

/// A length of time in whole seconds with its two largest units: `4s`, `3m12s`, `5h02m`, `12d03h`.
pub fn span(seconds: i64) -> String {
    let s = seconds.max(0);
    match s {
        0..60 => format!("{s}s"),
        60..3600 => format!("{}m{:02}s", s / 60, s % 60),
        3600..86_400 => format!("{}h{:02}m", s / 3600, s / 60 % 60),
        _ => format!("{}d{:02}h", s / 86_400, s / 3600 % 24),
    }
}

/// The time from `then` to `now`, as [`span`].
pub fn ago(now: Timestamp, then: Timestamp) -> String {
    span(now.as_second() - then.as_second())
}

/// Text from outside made safe for one line of a terminal: control characters, line ends and the
/// characters that turn the direction of writing become `·`; tabs become spaces.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' => ' ',
            c if c.is_control() => '·',
            '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}' => '·',
            c => c,
        })
        .collect()
}
