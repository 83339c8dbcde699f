//! Moments and durations as the Engine API writes and reads them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// Nanoseconds since 1970, the sim's only kind of moment.
pub type Nanos = i64;

/// One second.
pub const SECOND: Nanos = 1_000_000_000;
/// One millisecond.
pub const MILLI: Nanos = 1_000_000;

/// Go's zero time, which Docker answers where something has not happened yet.
pub const NEVER: &str = "0001-01-01T00:00:00Z";

/// The wall clock.
pub fn now() -> Nanos {
    from_system(SystemTime::now())
}

/// A `SystemTime` as nanoseconds since 1970 (0 before it).
pub fn from_system(time: SystemTime) -> Nanos {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Nanos::try_from(since.as_nanos()).unwrap_or(Nanos::MAX)
}

/// How long from `now` until `moment`; zero when it is past.
pub fn until(moment: Nanos, now: Nanos) -> Duration {
    Duration::from_nanos(u64::try_from(moment.saturating_sub(now)).unwrap_or(0))
}

fn timestamp(moment: Nanos) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(moment)).unwrap_or_default()
}

/// RFC 3339 with as many decimals as there are (Go's `RFC3339Nano`).
pub fn rfc3339(moment: Nanos) -> String {
    timestamp(moment).to_string()
}

/// RFC 3339 with always nine decimals, as `docker logs --timestamps` writes it.
pub fn rfc3339_fixed(moment: Nanos) -> String {
    format!("{:.9}", timestamp(moment))
}

/// RFC 3339 to the second, as volumes carry it.
pub fn rfc3339_seconds(moment: Nanos) -> String {
    format!("{:.0}", timestamp(moment))
}

/// The moment, or Go's zero time where there is none.
pub fn rfc3339_or_never(moment: Option<Nanos>) -> String {
    moment.map_or_else(|| NEVER.to_owned(), rfc3339)
}

/// `HumanDuration` of go-units: the wording of `Up 3 hours`.
pub fn human(duration: Nanos) -> String {
    let seconds = duration.max(0) / SECOND;
    let minutes = seconds / 60;
    let hours = (seconds + 1800) / 3600;
    match (seconds, minutes, hours) {
        (0, ..) => "Less than a second".into(),
        (1, ..) => "1 second".into(),
        (2..60, ..) => format!("{seconds} seconds"),
        (_, 1, _) => "About a minute".into(),
        (_, 2..60, _) => format!("{minutes} minutes"),
        (_, _, 1) => "About an hour".into(),
        (_, _, ..48) => format!("{hours} hours"),
        (_, _, ..336) => format!("{} days", hours / 24),
        (_, _, ..1440) => format!("{} weeks", hours / 24 / 7),
        (_, _, ..17_520) => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", hours / 24 / 365),
    }
}

/// Reads RFC 3339, which only the `until` of a prune may be.
pub fn parse_rfc3339(text: &str) -> Option<Nanos> {
    Nanos::try_from(text.parse::<Timestamp>().ok()?.as_nanosecond()).ok()
}

/// Reads `since` and `until`: seconds, or seconds and nanoseconds (`1700000000.25`). The error is
/// Go's, which Docker hands through.
pub fn parse_moment(text: &str) -> Result<Nanos, String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let number = |digits: &str| {
        let wrong = |_| format!("strconv.ParseInt: parsing \"{digits}\": invalid syntax");
        digits.parse::<Nanos>().map_err(wrong)
    };
    let seconds = number(whole)?;
    let digits: String = fraction
        .chars()
        .chain("000000000".chars())
        .take(9)
        .collect();
    let rest = number(&digits)?;
    Ok(seconds.saturating_mul(SECOND).saturating_add(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_docker_writes_them() {
        let minute = 60 * SECOND;
        let hour = 60 * minute;
        let day = 24 * hour;
        for (duration, text) in [
            (0, "Less than a second"),
            (SECOND, "1 second"),
            (59 * SECOND, "59 seconds"),
            (90 * SECOND, "About a minute"),
            (46 * minute, "46 minutes"),
            (61 * minute, "About an hour"),
            (26 * hour, "26 hours"),
            (3 * day, "3 days"),
            (20 * day, "2 weeks"),
            (70 * day, "2 months"),
            (800 * day, "2 years"),
        ] {
            assert_eq!(human(duration), text);
        }
    }

    #[test]
    fn moments_are_read_with_and_without_nanoseconds() {
        assert_eq!(parse_moment("12"), Ok(12 * SECOND));
        assert_eq!(parse_moment("12.000000001"), Ok(12 * SECOND + 1));
        assert_eq!(parse_moment("12.5"), Ok(12 * SECOND + SECOND / 2));
        assert!(parse_moment("1970-01-01T00:00:12Z").is_err());
        assert_eq!(parse_rfc3339("1970-01-01T00:00:12Z"), Some(12 * SECOND));
    }

    #[test]
    fn stamps_have_docker_s_decimals() {
        assert_eq!(rfc3339(1_500_000_000), "1970-01-01T00:00:01.5Z");
        assert_eq!(
            rfc3339_fixed(1_500_000_000),
            "1970-01-01T00:00:01.500000000Z"
        );
        assert_eq!(rfc3339_seconds(1_500_000_000), "1970-01-01T00:00:01Z");
    }
}
