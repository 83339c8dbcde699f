//! Docker's time stamps (RFC 3339) in front of each message, read straight into nanoseconds.

/// `2006-01-02T15:04:05.000000000+00:00` and its space: no stamp is longer.
pub(super) const LONGEST: usize = 36;

/// The time stamp that the bytes begin with, in nanoseconds since 1970, and how long it is with the space after it.
///
/// After it has to come a space, a line end or nothing. Times that do not fit (before 1678, after 2261) are none.
pub(super) fn read(bytes: &[u8]) -> Option<(i64, usize)> {
    let (date, rest) = bytes.split_first_chunk::<19>()?;
    let seconds = seconds(date)?;
    let (nanos, fraction) = fraction(rest)?;
    let rest = &rest[fraction..];
    let (offset, zone) = match rest.first()? {
        b'Z' => (0, 1),
        b'+' => (offset(rest)?, 6),
        b'-' => (-offset(rest)?, 6),
        _ => return None,
    };
    let space = match rest.get(zone) {
        Some(b' ') => 1,
        Some(b'\n') | None => 0,
        Some(_) => return None,
    };
    let at = (seconds - offset)
        .checked_mul(1_000_000_000)?
        .checked_add(nanos)?;
    Some((at, 19 + fraction + zone + space))
}

/// A digit's value; 10 or more for what is none.
fn digit(byte: u8) -> i64 {
    i64::from(byte.wrapping_sub(b'0'))
}

/// The number that two digits write.
fn two(tens: u8, ones: u8) -> Option<i64> {
    let (tens, ones) = (digit(tens), digit(ones));
    (tens < 10 && ones < 10).then_some(tens * 10 + ones)
}

/// Seconds since 1970 of `2006-01-02T15:04:05`.
fn seconds(text: &[u8; 19]) -> Option<i64> {
    let &[
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
    ] = text
    else {
        return None;
    };
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    let (month, day) = (two(m1, m2)?, two(d1, d2)?);
    let (hour, minute, second) = (two(h1, h2)?, two(n1, n2)?, two(s1, s2)?);
    if hour > 23 || minute > 59 || second > 59 || !is_day(year, month, day) {
        return None;
    }
    Some(days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

fn is_day(year: i64, month: i64, day: i64) -> bool {
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => return false,
    };
    (1..=last).contains(&day)
}

/// Days since 1970. Years are reckoned from March, so that the leap day is the last of its year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let since_march = (month + 9) % 12;
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * since_march + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

/// Nanoseconds of `.5` or `.000000001`, and how long it is; nothing is no fraction.
fn fraction(text: &[u8]) -> Option<(i64, usize)> {
    if text.first() != Some(&b'.') {
        return Some((0, 0));
    }
    let mut nanos = 0;
    let mut length = 1;
    while let Some(value) = text.get(length).map(|byte| digit(*byte))
        && value < 10
    {
        nanos = nanos * 10 + value;
        length += 1;
        if length > 10 {
            return None;
        }
    }
    let missing = 10_u32.checked_sub(u32::try_from(length).ok()?)?;
    (length > 1).then(|| (nanos * 10_i64.pow(missing), length))
}

/// Seconds of `+02:00`, without the sign.
fn offset(text: &[u8]) -> Option<i64> {
    let &[_, h1, h2, b':', m1, m2] = text.first_chunk::<6>()? else {
        return None;
    };
    let (hours, minutes) = (two(h1, h2)?, two(m1, m2)?);
    (hours < 24 && minutes < 60).then_some(hours * 3600 + minutes * 60)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn nanos(at: Timestamp) -> i64 {
        i64::try_from(at.as_nanosecond()).unwrap()
    }

    #[test]
    fn what_engines_write_is_read() {
        for (text, length) in [
            ("2026-11-21T10:00:00.000000001Z one", 31),
            ("2026-11-21T10:00:00.5Z", 22),
            ("2024-02-29T23:59:59Z\n", 20),
            ("2026-11-21T10:00:02.123456789+02:00 x", 36),
            ("1969-12-31T23:59:59.25-11:30 x", 29),
        ] {
            let stamp = text.split([' ', '\n']).next().unwrap();
            let at = nanos(stamp.parse().unwrap());
            assert_eq!(read(text.as_bytes()), Some((at, length)), "{text}");
        }
    }

    #[test]
    fn what_is_no_stamp_is_left_alone() {
        for text in [
            "",
            "2026 is no stamp",
            "2026-11-21T10:00:00.000000001Zone",
            "2026-11-21T10:00:00 x",
            "2026-02-29T10:00:00Z x",
            "2026-11-21T24:00:00Z x",
            "2026-11-21T10:00:00.Z x",
            "2026-11-21T10:00:00.0000000001Z x",
            "2026-11-21 10:00:00Z x",
            "0001-01-01T00:00:00Z x",
            "2026-11-21T10:00:00+2:00 x",
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_moment_is_read_as_it_was_written(at in i64::MIN / 2..i64::MAX / 2, digits in 0_usize..=9, minutes in -1439_i32..1440) {
            let at = Timestamp::from_nanosecond(i128::from(at)).unwrap();
            let offset = jiff::tz::Offset::from_seconds(minutes * 60).unwrap();
            let zoned = at.to_zoned(offset.to_time_zone());
            let local = zoned.datetime();
            let text = format!(
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", local.year(), local.month(), local.day(), local.hour(),
                local.minute(), local.second()
            );
            let fraction = format!(".{:09}", local.subsec_nanosecond());
            let fraction = if digits == 0 { "" } else { &fraction[..=digits] };
            let sign = if minutes < 0 { '-' } else { '+' };
            let zone = format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60);
            let zone = if minutes == 0 { "Z" } else { &zone };
            let stamp = format!("{text}{fraction}{zone}");
            let expected = nanos(stamp.parse().unwrap());
            let line = format!("{stamp} text");
            prop_assert_eq!(read(line.as_bytes()), Some((expected, stamp.len() + 1)));
        }

        #[test]
        fn what_is_read_is_what_jiff_reads(
            text in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]{0,10})?(Z|z|[+-][0-2][0-9]:[0-5][0-9])? ?[a-z]?"
        ) {
            if let Some((at, length)) = read(text.as_bytes()) {
                let theirs: Timestamp = text[..length].trim_end().parse().unwrap();
                prop_assert_eq!(at, nanos(theirs));
            }
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some((_, length)) = read(&bytes) {
                prop_assert!(length <= LONGEST && length <= bytes.len());
            }
        }
    }
}
