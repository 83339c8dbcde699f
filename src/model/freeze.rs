//! When an environment lets no release in: windows of the week and spans of dates, in a time zone.

use std::{fmt, str::FromStr, sync::Arc};

use jiff::{
    Timestamp, ToSpan as _,
    civil::{Date, DateTime, Time, Weekday},
    tz::{Offset, TimeZone},
};
use serde::{Deserialize, Serialize};

/// So many windows that follow on each other are put together.
const CHAIN: usize = 64;

/// The days of the week, as they are written.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A time zone, as it was written: `Europe/Amsterdam`, `+02:00`, `UTC`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    name: Arc<str>,
    zone: TimeZone,
}

impl Default for Zone {
    fn default() -> Self {
        Self {
            name: "UTC".into(),
            zone: TimeZone::UTC,
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl FromStr for Zone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let zone = match offset(text) {
            Some(offset) => TimeZone::fixed(offset),
            None => TimeZone::get(text).map_err(|_| {
                format!("'{text}' is no time zone; write one such as Europe/Amsterdam or +02:00")
            })?,
        };
        Ok(Self {
            name: text.into(),
            zone,
        })
    }
}

/// Reads `+02:00`, `-5`, `+0530`.
fn offset(text: &str) -> Option<Offset> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match (rest.split_once(':'), rest.len()) {
        (Some(parts), _) => parts,
        (None, 4) => rest.split_at(2),
        (None, _) => (rest, "0"),
    };
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    if !(0..=14).contains(&hours) || !(0..60).contains(&minutes) {
        return None;
    }
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

/// A freeze as the configuration writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WrittenFreeze {
    /// On these days of the week: `mon-fri`, `sat,sun`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<String>,
    /// From: `18:00` with days, `fri 16:00`, `2026-12-18`, `2026-12-18 12:00`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// To: the same; a day without a time counts whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The time zone; UTC when nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Why.
    pub reason: String,
}

/// A time in which nothing is released into an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "WrittenFreeze", try_from = "WrittenFreeze")]
pub struct Freeze {
    span: Span,
    zone: Zone,
    written: WrittenFreeze,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Span {
    /// On these days (a bit for each, Monday first) from one time to another; to the next day when that is no later.
    Daily { days: u8, from: Time, to: Time },
    /// From one day and time of the week to another.
    Weekly {
        from: (Weekday, Time),
        to: (Weekday, Time),
    },
    /// Once, up to and without the second.
    Once { from: DateTime, to: DateTime },
    /// Always: what was written is not understood.
    Always,
}

/// A moment as it is written on either side of a span.
enum Moment {
    Time(Time),
    Week(Weekday, Option<Time>),
    Date(Date, Option<Time>),
}

/// When a freeze that holds is over.
enum End {
    At(Timestamp),
    Never,
}

/// That an environment is frozen at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// Why.
    pub reason: String,
    /// Until when; none for until the configuration is mended.
    pub until: Option<Timestamp>,
    /// By the clock of that place.
    pub zone: Zone,
}

impl fmt::Display for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.until {
            Some(until) => {
                let there = until.to_zoned(self.zone.zone.clone());
                write!(
                    f,
                    "frozen until {} {}: {}",
                    there.strftime("%a %F %H:%M"),
                    self.zone,
                    self.reason
                )
            }
            None => write!(f, "frozen: {}", self.reason),
        }
    }
}

/// Whether one of several freezes holds at a moment, and until when all that follow on each other are over.
pub fn frozen(freezes: &[Freeze], at: Timestamp) -> Option<Frozen> {
    let mut reasons: Vec<&str> = Vec::new();
    let mut zone = Zone::default();
    let mut until = at;
    for round in 0..CHAIN {
        let mut later = None;
        for freeze in freezes {
            let Some(end) = freeze.end(until) else {
                continue;
            };
            if round == 0 && !reasons.contains(&&*freeze.written.reason) {
                reasons.push(&freeze.written.reason);
            }
            let End::At(end) = end else {
                return Some(Frozen {
                    reason: freeze.written.reason.clone(),
                    until: None,
                    zone,
                });
            };
            if later.is_none_or(|(other, _)| end > other) {
                later = Some((end, freeze));
            }
        }
        let Some((end, freeze)) = later else { break };
        until = end;
        zone = freeze.zone.clone();
    }
    (until > at).then(|| Frozen {
        reason: reasons.join("; "),
        until: Some(until),
        zone,
    })
}

impl Freeze {
    /// What holds always, since it cannot be read: a mistake must not open what was meant to be closed.
    pub fn always(reason: &str) -> Self {
        Self {
            span: Span::Always,
            zone: Zone::default(),
            written: WrittenFreeze {
                reason: reason.to_owned(),
                ..WrittenFreeze::default()
            },
        }
    }

    /// When it ends, if it holds at a moment; never when it holds always.
    fn end(&self, at: Timestamp) -> Option<End> {
        let there = |when: DateTime| {
            let zoned = when.to_zoned(self.zone.zone.clone()).ok()?;
            Some(zoned.timestamp())
        };
        let within = |from: DateTime, to: DateTime| {
            let (from, to) = (there(from)?, there(to)?);
            (from <= at && at < to).then_some(to)
        };
        let today = at.to_zoned(self.zone.zone.clone()).date();
        // Windows of a week are at most seven days long.
        let lately = (0..=8).filter_map(|ago: i32| today.checked_sub(ago.days()).ok());
        let ends = |length: &dyn Fn(Date) -> Option<i64>, from: Time, to: Time| {
            lately
                .filter_map(|day| {
                    let last = day.checked_add(length(day)?.days()).ok()?;
                    within(day.to_datetime(from), last.to_datetime(to))
                })
                .max()
        };
        let end = match &self.span {
            Span::Always => return Some(End::Never),
            Span::Once { from, to } => within(*from, *to),
            Span::Daily { days, from, to } => {
                let length = i64::from(to <= from);
                let is_one = |day: Date| days >> day.weekday().to_monday_zero_offset() & 1 == 1;
                ends(&|day| is_one(day).then_some(length), *from, *to)
            }
            Span::Weekly { from, to } => {
                let (first, last) = (
                    i64::from(from.0.to_monday_zero_offset()),
                    i64::from(to.0.to_monday_zero_offset()),
                );
                let length = match (last - first).rem_euclid(7) {
                    0 if to.1 <= from.1 => 7,
                    days => days,
                };
                ends(
                    &|day| (day.weekday() == from.0).then_some(length),
                    from.1,
                    to.1,
                )
            }
        };
        end.map(End::At)
    }
}

impl From<Freeze> for WrittenFreeze {
    fn from(freeze: Freeze) -> Self {
        freeze.written
    }
}

impl TryFrom<WrittenFreeze> for Freeze {
    type Error = String;

    fn try_from(written: WrittenFreeze) -> Result<Self, String> {
        let zone = written.zone.as_deref().map(str::parse).transpose()?;
        Ok(Self {
            span: span(&written)?,
            zone: zone.unwrap_or_default(),
            written,
        })
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WrittenFreeze {
            days,
            from,
            to,
            reason,
            ..
        } = &self.written;
        let parts = [
            days.clone(),
            from.as_ref().map(|from| format!("from {from}")),
            to.as_ref().map(|to| format!("to {to}")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        write!(f, "{} {}: {reason}", parts.join(" "), self.zone)
    }
}

/// What is meant by what is written.
fn span(written: &WrittenFreeze) -> Result<Span, String> {
    const WHICH: &str = "write days = \"sat,sun\", or from and to as two days of the week with times, or as two dates";
    let read = |text: &Option<String>| text.as_deref().map(moment).transpose();
    let (from, to) = (read(&written.from)?, read(&written.to)?);
    if let Some(text) = &written.days {
        let time = |moment: Option<Moment>| match moment {
            None => Ok(Time::midnight()),
            Some(Moment::Time(time)) => Ok(time),
            Some(Moment::Week(..) | Moment::Date(..)) => {
                Err("beside days, from and to are times such as 18:00".to_owned())
            }
        };
        return Ok(Span::Daily {
            days: days(text)?,
            from: time(from)?,
            to: time(to)?,
        });
    }
    let midnight = Time::midnight();
    match (from, to) {
        (Some(Moment::Week(first, from)), Some(Moment::Week(last, to))) => {
            // A day without a time counts whole.
            let to = to.map_or_else(|| (last.next(), midnight), |to| (last, to));
            Ok(Span::Weekly {
                from: (first, from.unwrap_or(midnight)),
                to,
            })
        }
        (Some(Moment::Date(first, from)), Some(Moment::Date(last, to))) => {
            let from = first.to_datetime(from.unwrap_or(midnight));
            let to = match to {
                Some(to) => last.to_datetime(to),
                None => {
                    let after = last.tomorrow().map_err(|error| error.to_string())?;
                    after.to_datetime(midnight)
                }
            };
            if to <= from {
                return Err("it ends before it begins".to_owned());
            }
            Ok(Span::Once { from, to })
        }
        _ => Err(WHICH.to_owned()),
    }
}

/// Reads `18:00`, `fri`, `fri 16:00`, `2026-12-18`, `2026-12-18 12:00`.
fn moment(text: &str) -> Result<Moment, String> {
    let text = text.trim();
    let wrong = || {
        format!(
            "'{text}' is no moment; write it as 18:00, fri 18:00, 2026-12-18 or 2026-12-18 18:00"
        )
    };
    let (first, second) = match text.split_once([' ', 'T']) {
        Some((first, second)) => (first, Some(time(second.trim()).ok_or_else(wrong)?)),
        None => (text, None),
    };
    if let Some(day) = weekday(first) {
        return Ok(Moment::Week(day, second));
    }
    if let Ok(date) = first.parse::<Date>() {
        return Ok(Moment::Date(date, second));
    }
    match (time(first), second) {
        (Some(time), None) => Ok(Moment::Time(time)),
        _ => Err(wrong()),
    }
}

/// Reads `18:00`; `24:00` is the next midnight.
fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute): (i8, i8) = (hour.parse().ok()?, minute.parse().ok()?);
    if (hour, minute) == (24, 0) {
        return Some(Time::midnight());
    }
    Time::new(hour, minute, 0, 0).ok()
}

/// Reads `mon` or `Monday`.
fn weekday(text: &str) -> Option<Weekday> {
    let lower = text.to_ascii_lowercase();
    let at = DAYS.iter().position(|day| {
        *day == lower || (lower.len() > 3 && lower.starts_with(day) && lower.ends_with("day"))
    })?;
    Weekday::from_monday_zero_offset(i8::try_from(at).ok()?).ok()
}

/// Reads `mon-fri`, `sat,sun`, `fri-mon`: a bit for each day, Monday first.
fn days(text: &str) -> Result<u8, String> {
    let wrong = |part: &str| format!("'{part}' is no day; write days = \"mon-fri\" or \"sat,sun\"");
    let number = |part: &str| -> Result<u8, String> {
        let day = weekday(part.trim()).ok_or_else(|| wrong(part))?;
        Ok(day.to_monday_zero_offset().unsigned_abs())
    };
    let mut mask = 0;
    for part in text.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(part)?, number(part)?),
        };
        let length = (last + 7 - first) % 7;
        for after in 0..=length {
            mask |= 1 << ((first + after) % 7);
        }
    }
    Ok(mask)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// `days / from / to / zone`; a dash leaves one out.
    fn freeze(text: &str) -> Result<Freeze, String> {
        let mut parts = text.split('/').map(str::trim);
        let mut part = || {
            parts
                .next()
                .filter(|part| *part != "-" && !part.is_empty())
                .map(|part| part.replace('.', "/"))
        };
        Freeze::try_from(WrittenFreeze {
            days: part(),
            from: part(),
            to: part(),
            zone: part(),
            reason: "quiet".to_owned(),
        })
    }

    fn until(freezes: &[&str], at: &str) -> Option<String> {
        let freezes: Vec<Freeze> = freezes.iter().map(|text| freeze(text).unwrap()).collect();
        let frozen = frozen(&freezes, at.parse().unwrap())?;
        frozen.until.map(|until| until.to_string())
    }

    #[test]
    fn windows_of_the_week_hold_by_the_clock_of_their_place() {
        // 2026-11-20 is a Friday; Amsterdam is an hour ahead of UTC.
        let weekend = ["- / fri 16:00 / mon 08:00 / Europe.Amsterdam"];
        assert_eq!(until(&weekend, "2026-11-20T14:59:59Z"), None);
        let monday = Some("2026-11-23T07:00:00Z".to_owned());
        assert_eq!(until(&weekend, "2026-11-20T15:00:00Z"), monday);
        assert_eq!(until(&weekend, "2026-11-23T06:59:59Z"), monday);
        assert_eq!(until(&weekend, "2026-11-23T07:00:00Z"), None);
        // In summer it is two hours.
        assert_eq!(
            until(&weekend, "2026-07-10T14:00:00Z").as_deref(),
            Some("2026-07-13T06:00:00Z")
        );
    }

    #[test]
    fn nights_run_into_the_next_day_and_whole_days_into_each_other() {
        let nights = ["mon-fri / 22:00 / 06:00 / +02:00"];
        assert_eq!(until(&nights, "2026-11-19T19:59:00Z"), None);
        // The night of Thursday, then the one of Friday, which ends on Saturday.
        assert_eq!(
            until(&nights, "2026-11-20T03:00:00Z").as_deref(),
            Some("2026-11-20T04:00:00Z")
        );
        assert_eq!(
            until(&nights, "2026-11-21T03:00:00Z").as_deref(),
            Some("2026-11-21T04:00:00Z")
        );
        assert_eq!(until(&nights, "2026-11-22T03:00:00Z"), None);
        let weekend = ["sat,sun"];
        assert_eq!(
            until(&weekend, "2026-11-21T10:00:00Z").as_deref(),
            Some("2026-11-23T00:00:00Z")
        );
        assert_eq!(until(&weekend, "2026-11-23T00:00:00Z"), None);
        let always = ["mon-sun"];
        assert!(until(&always, "2026-11-21T10:00:00Z").is_some());
    }

    #[test]
    fn spans_of_dates_count_their_last_day_and_follow_on_each_other() {
        let year_end = [
            "- / 2026-12-18 / 2027-01-03",
            "- / 2027-01-04 / 2027-01-04 12:00",
        ];
        assert_eq!(until(&year_end, "2026-12-17T23:59:59Z"), None);
        assert_eq!(
            until(&year_end, "2026-12-18T00:00:00Z").as_deref(),
            Some("2027-01-04T12:00:00Z")
        );
        let told = frozen(
            &[freeze("- / 2026-12-18 / 2027-01-03 / Europe.London").unwrap()],
            "2026-12-20T00:00:00Z".parse().unwrap(),
        );
        assert_eq!(
            told.unwrap().to_string(),
            "frozen until Mon 2027-01-04 00:00 Europe/London: quiet"
        );
    }

    #[test]
    fn what_is_not_understood_is_told() {
        for (text, why) in [
            ("someday", "is no day"),
            ("mon / noon", "is no moment"),
            ("mon / 2026-01-01 / 18:00", "times such as 18:00"),
            ("- / 18:00 / 20:00", "write days"),
            ("- / 2026-01-02 / 2026-01-01", "ends before"),
            ("- / 2026-01-02", "write days"),
            ("mon / - / - / Mars", "no time zone"),
            ("mon / - / - / +25", "no time zone"),
        ] {
            let error = freeze(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        assert_eq!(
            until(&["fri / 10:00 / 24:00 / -5"], "2026-11-20T20:00:00Z").as_deref(),
            Some("2026-11-21T05:00:00Z")
        );
    }

    #[test]
    fn it_is_written_and_read_again() {
        for text in [
            "mon-fri / 22:00 / 06:00 / +02:00",
            "- / fri 16:00 / mon 08:00 / Europe.Amsterdam",
        ] {
            let freeze = freeze(text).unwrap();
            let json = serde_json::to_string(&freeze).unwrap();
            assert_eq!(serde_json::from_str::<Freeze>(&json).unwrap(), freeze);
        }
        let always = frozen(
            &[Freeze::always("it cannot be read")],
            Timestamp::UNIX_EPOCH,
        )
        .unwrap();
        assert_eq!(always.to_string(), "frozen: it cannot be read");
    }

    proptest::proptest! {
        #[test]
        fn a_freeze_is_over_when_it_says_so(second in 1_700_000_000_i64..1_900_000_000, which in 0..4_usize) {
            let all = ["mon-fri / 22:00 / 06:00 / Europe.Berlin", "- / fri 16:00 / mon 08:00 / America.New_York", "sat,sun / - / - / +05:30", "- / 2026-12-18 / 2027-01-03"];
            let freezes = [freeze(all[which]).unwrap()];
            let at = Timestamp::from_second(second).unwrap();
            if let Some(frozen) = frozen(&freezes, at) {
                let until = frozen.until.unwrap();
                proptest::prop_assert!(until > at);
                proptest::prop_assert!(super::frozen(&freezes, until).is_none());
                let before = until.checked_sub(jiff::SignedDuration::from_secs(1)).unwrap();
                proptest::prop_assert!(super::frozen(&freezes, before).is_some());
            }
        }
    }
}
