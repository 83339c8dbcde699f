//! Quantities and foreign text as people read them.

use std::cmp::Ordering;

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthChar as _;

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

/// Reads bytes as people write them, `512`, `64K`, `128 MB`, `1.5GiB`; all units are binary.
pub fn size(text: &str) -> Option<f64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().ok()?;
    let unit = unit.trim().to_ascii_lowercase();
    let power = match unit.trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return None,
    };
    Some(number * 1024_f64.powi(power))
}

/// A length of time in whole seconds with its two largest units: `4s`, `3m12s`, `5h02m`, `12d03h`.
pub fn span(seconds: i64) -> String {
    let s = seconds.max(0);
    match s {
        0..60 => format!("{s}s"),
        60..3600 => format!("{}m{:02}s", s / 60, s % 60),
        3600..86_400 => format!("{}h{:02}m", s / 3600, s / 60 % 60),
        86_400..86_400_000 => format!("{}d{:02}h", s / 86_400, s / 3600 % 24),
        // A thousand days and more: nobody asks for the hour, and it would not fit.
        _ => format!("{}d", s / 86_400),
    }
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let room = String::with_capacity(bytes.len() * 2);
    bytes.iter().fold(room, |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The time from `then` to `now`, as [`span`].
pub fn ago(now: Timestamp, then: Timestamp) -> String {
    span(now.as_second() - then.as_second())
}

/// How many marks above and below a character are kept: more would run into other lines.
const MARKS: usize = 3;

/// Text from outside made safe for one line of a terminal, where every sign takes the cells it is reckoned with.
///
/// Control characters, line ends, characters that turn the direction of writing and all others that cannot be seen
/// become `·`; tabs become spaces. Of signs that are put together out of several (families, flags of skin and
/// colour), which terminals draw more or less wide as they know them, the first is left.
pub fn printable(text: &str) -> String {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for grapheme in text.graphemes(true) {
        push_printable(&mut out, grapheme);
    }
    out
}

fn push_printable(out: &mut String, grapheme: &str) {
    let mut chars = grapheme.chars();
    let Some(first) = chars.next() else { return };
    if first == '\t' {
        return out.push(' ');
    }
    if first.width().unwrap_or(0) == 0 || is_invisible(first) {
        return out.push('·');
    }
    out.push(first);
    let (mut marks, mut hidden) = (0, false);
    for c in chars {
        match c.width() {
            Some(0) if !is_invisible(c) && marks < MARKS => {
                out.push(c);
                marks += 1;
            }
            Some(0) if !is_invisible(c) => {}
            // Within a sign it is how the sign is put together; behind a letter it hides.
            _ => hidden |= first.is_alphanumeric() || first.is_ascii(),
        }
    }
    if hidden {
        out.push('·');
    }
}

/// Whether nothing is drawn for a character, or what is drawn elsewhere is turned round by it.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The name that a wrong one was probably meant to be.
pub fn nearest<'n>(wrong: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let enough = (wrong.chars().count() / 3).max(1);
    names
        .into_iter()
        .map(|name| (distance(wrong, name), name))
        .filter(|(distance, _)| *distance <= enough)
        .min()
        .map(|(_, name)| name)
}

/// How many letters have to be added, dropped or changed to make one text of the other
/// (Levenshtein); texts that are far too long are far apart.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    if one.len() > 200 || other.len() > 200 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

/// The order of names as people count: `web-2` before `web-10`, in any case of letters.
pub fn natural(a: &str, b: &str) -> Ordering {
    let same = common(a, b);
    let (mut a_rest, mut b_rest) = (&a[same..], &b[same..]);
    loop {
        let (a_digits, b_digits) = (digits(a_rest), digits(b_rest));
        if a_digits > 0 && b_digits > 0 {
            let (x, a_next) = a_rest.split_at(a_digits);
            let (y, b_next) = b_rest.split_at(b_digits);
            let (x, y) = (x.trim_start_matches('0'), y.trim_start_matches('0'));
            let order = x.len().cmp(&y.len()).then_with(|| x.cmp(y));
            if order != Ordering::Equal {
                return order;
            }
            (a_rest, b_rest) = (a_next, b_next);
            continue;
        }
        let (mut a_chars, mut b_chars) = (a_rest.chars(), b_rest.chars());
        match (a_chars.next(), b_chars.next()) {
            (None, None) => return a.cmp(b),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => {
                let order = if x.is_ascii() && y.is_ascii() {
                    x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase())
                } else {
                    x.to_lowercase().cmp(y.to_lowercase())
                };
                if order != Ordering::Equal {
                    return order;
                }
            }
        }
        (a_rest, b_rest) = (a_chars.as_str(), b_chars.as_str());
    }
}

/// How many bytes two texts have in common at their beginning, no number and no letter cut in two:
/// names of a fleet differ at their end, and tens of thousands of them are put in order at once.
fn common(a: &str, b: &str) -> usize {
    let pairs = a.bytes().zip(b.bytes());
    let same = pairs.take_while(|(x, y)| x == y).count();
    let cuts = |at: &usize| {
        let number = *at > 0 && a.as_bytes()[at - 1].is_ascii_digit();
        !number && a.is_char_boundary(*at)
    };
    (0..=same).rev().find(cuts).unwrap_or(0)
}

/// How many digits the text begins with.
fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr as _;

    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, expected) in [
            ("512", Some(512.0)),
            ("64K", Some(65_536.0)),
            ("128 MB", Some(134_217_728.0)),
            ("1.5GiB", Some(1_610_612_736.0)),
            ("1tb", Some(1_099_511_627_776.0)),
            ("MB", None),
            ("-1M", None),
            ("1 mile", None),
            ("", None),
        ] {
            assert_eq!(size(text), expected, "{text}");
        }
    }

    #[test]
    fn what_hides_is_shown_and_what_is_put_together_is_taken_apart() {
        for (text, shown) in [
            ("plain", "plain"),
            ("\u{1b}[2J\u{9b}1m\u{7f}", "·[2J·1m·"),
            ("a\tb\r\nc", "a b·c"),
            ("we\u{200b}b", "we·b"),
            ("we\u{200d}b", "we·b"),
            ("web\u{fe0f}", "web·"),
            ("\u{202e}evil\u{2066}", "·evil·"),
            ("e\u{301}te\u{301}", "e\u{301}te\u{301}"),
            ("\u{301}x", "·x"),
            ("👩‍👩‍👧 ok", "👩 ok"),
            ("⚠\u{fe0f} hot", "⚠ hot"),
            ("👍🏽", "👍"),
            ("漢字", "漢字"),
            ("한", "한"),
        ] {
            assert_eq!(printable(text), shown, "{text:?}");
        }
        let heaped = format!("Z{}", "\u{300}".repeat(500));
        assert_eq!(printable(&heaped).chars().count(), 1 + MARKS);
    }

    proptest! {
        /// Terminals reckon by character, libraries by grapheme: of what is printable both find the same.
        #[test]
        fn every_sign_takes_the_cells_it_is_reckoned_with(text in "\\PC{0,12}|[\u{0}-\u{10ffff}]{0,8}") {
            let shown = printable(&text);
            for grapheme in shown.graphemes(true) {
                let by_char: usize = grapheme.chars().map(|c| c.width().unwrap_or(0)).sum();
                prop_assert_eq!(grapheme.width(), by_char, "{:?} of {:?}", grapheme, text);
                prop_assert!(grapheme.width() > 0, "{:?} of {:?}", grapheme, text);
            }
            prop_assert!(!shown.chars().any(char::is_control));
            prop_assert_eq!(printable(&shown), shown);
        }
    }
}
