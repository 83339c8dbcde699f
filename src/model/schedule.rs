//! When something is done again and again: every so often, or as five fields of cron say.

use std::{fmt, time::Duration};

use jiff::{SignedDuration, Timestamp, ToSpan as _, Zoned, tz::TimeZone};

use super::setting::{length, written_length};

/// When something is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// So long after it was done last.
    Every(Duration),
    /// At these minutes of a calendar.
    Cron(Box<Cron>),
}

/// Five fields: minute, hour, day of the month, month, day of the week. A bit for each value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Both kinds of days are named: then either is enough, as in every cron.
    either_day: bool,
}

/// Nothing is done more often.
const SHORTEST: Duration = Duration::from_mins(1);

/// Who never comes in so many days never comes (29 February on a certain day of the week may take 40 years).
const DAYS: i32 = 366 * 41;

impl Schedule {
    /// Reads `6h`, `30m`, `7d`.
    pub fn every(text: &str) -> Result<Self, String> {
        let days = text.trim().strip_suffix('d').map(str::trim);
        let days = days.and_then(|days| days.parse::<u32>().ok());
        let time = match days {
            Some(days) => Some(Duration::from_hours(24) * days),
            None => length(text),
        };
        time.filter(|time| *time >= SHORTEST)
            .map(Self::Every)
            .ok_or_else(|| "write a time such as 30m, 6h or 7d, a minute or more".to_owned())
    }

    /// Reads `30 3 * * 1-5`: half past three on weekdays.
    pub fn cron(text: &str) -> Result<Self, String> {
        Cron::parse(text).map(Box::new).map(Self::Cron)
    }

    /// When it is due after it was begun last, by the clock of that place. None if that never comes.
    pub fn next(&self, last: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Every(time) => last.checked_add(SignedDuration::try_from(*time).ok()?).ok(),
            Self::Cron(cron) => cron.next(last, zone),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(time) => write!(f, "every {}", written_length(*time)),
            Self::Cron(cron) => write!(f, "at {}", cron.text),
        }
    }
}

impl Cron {
    fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else {
            let why = "write five fields: minute, hour, day, month, day of the week";
            return Err(why.to_owned());
        };
        let weekdays_mask = field(weekdays, 0, 7, &WEEKDAYS)?;
        let cron = Self {
            text: fields.join(" "),
            minutes: field(minutes, 0, 59, &[])?,
            hours: field(hours, 0, 23, &[])?,
            days: field(days, 1, 31, &[])?,
            months: field(months, 1, 12, &MONTHS)?,
            // Sunday is both 0 and 7.
            weekdays: weekdays_mask | (weekdays_mask >> 7 & 1),
            either_day: !days.starts_with('*') && !weekdays.starts_with('*'),
        };
        Ok(cron)
    }

    fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let begin = after.to_zoned(zone.clone());
        let mut day = begin.date();
        for _ in 0..DAYS {
            if self.is_day(day) {
                for hour in 0..24 {
                    if self.hours >> hour & 1 == 0 {
                        continue;
                    }
                    for minute in 0..60 {
                        if self.minutes >> minute & 1 == 0 {
                            continue;
                        }
                        let at = self.at(day, hour, minute, zone);
                        if let Some(at) = at.filter(|at| *at > after) {
                            return Some(at);
                        }
                    }
                }
            }
            day = day.checked_add(1.day()).ok()?;
        }
        None
    }

    /// That minute there. One that a change of clocks leaves out is as much later as the clocks jump.
    #[expect(clippy::unused_self, reason = "it reads as a question to the calendar")]
    fn at(
        &self,
        day: jiff::civil::Date,
        hour: i8,
        minute: i8,
        zone: &TimeZone,
    ) -> Option<Timestamp> {
        let at: Zoned = day.at(hour, minute, 0, 0).to_zoned(zone.clone()).ok()?;
        Some(at.timestamp())
    }

    fn is_day(&self, day: jiff::civil::Date) -> bool {
        let month = self.months >> day.month() & 1 == 1;
        let of_month = self.days >> day.day() & 1 == 1;
        let of_week = self.weekdays >> day.weekday().to_sunday_zero_offset() & 1 == 1;
        let fits = if self.either_day {
            of_month || of_week
        } else {
            of_month && of_week
        };
        month && fits
    }
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// One field: `*`, `5`, `1-5`, `*/15`, `10-40/10`, `mon`, and several of them with commas between.
fn field(text: &str, least: u64, most: u64, names: &[&str]) -> Result<u64, String> {
    let wrong = || format!("'{text}' is no field of cron from {least} to {most}");
    let number = |word: &str| -> Result<u64, String> {
        let word = word.to_ascii_lowercase();
        let named = names.iter().position(|name| **name == *word);
        let number = named.map_or_else(|| word.parse().ok(), |at| u64::try_from(at).ok());
        let number = number.map(|number| {
            if named.is_some() {
                number + least
            } else {
                number
            }
        });
        number
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(wrong)
    };
    let mut mask = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => {
                let step = step.parse().ok().filter(|step| *step > 0);
                (range, step.ok_or_else(wrong)?)
            }
            None => (part, 1_usize),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (least, most),
            Some((first, last)) => (number(first)?, number(last)?),
            None if part.contains('/') => (number(range)?, most),
            None => (number(range)?, number(range)?),
        };
        if first > last {
            return Err(wrong());
        }
        for value in (first..=last).step_by(step) {
            mask |= 1 << value;
        }
    }
    Ok(mask)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn next(cron: &str, after: &str, zone: &str) -> String {
        let zone = TimeZone::get(zone).unwrap();
        let after: Timestamp = after.parse().unwrap();
        let schedule = Schedule::cron(cron).unwrap();
        let at = schedule.next(after, &zone).unwrap().to_zoned(zone);
        at.strftime("%Y-%m-%d %H:%M %a").to_string()
    }

    #[test]
    fn the_next_time_is_as_cron_has_it() {
        let now = "2026-11-22T11:45:30Z";
        for (cron, expected) in [
            ("30 3 * * *", "2026-11-23 03:30 Mon"),
            ("*/15 * * * *", "2026-11-22 12:00 Sun"),
            ("45,46 11 * * *", "2026-11-22 11:46 Sun"),
            ("0 0 1 * *", "2026-12-01 00:00 Tue"),
            ("0 22 * * 1-5", "2026-11-23 22:00 Mon"),
            ("0 22 * * sun", "2026-11-22 22:00 Sun"),
            ("0 22 * * 7", "2026-11-22 22:00 Sun"),
            ("0 6 29 feb *", "2028-02-29 06:00 Tue"),
            // Either day is enough when both are named.
            ("0 6 1 * fri", "2026-11-27 06:00 Fri"),
            ("5 4-8/2 * * *", "2026-11-23 04:05 Mon"),
        ] {
            assert_eq!(next(cron, now, "UTC"), expected, "{cron}");
        }
        let schedule = Schedule::cron("0 0 31 2 *").unwrap();
        assert_eq!(schedule.next(now.parse().unwrap(), &TimeZone::UTC), None);
    }

    #[test]
    fn a_time_that_the_clocks_leave_out_still_comes_and_none_comes_twice() {
        // In Berlin 02:30 does not exist on 28 March 2027, and exists twice on 31 October.
        let spring = next("30 2 * * *", "2027-03-27T20:00:00Z", "Europe/Berlin");
        assert_eq!(spring, "2027-03-28 03:30 Sun");
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let schedule = Schedule::cron("30 2 * * *").unwrap();
        let first = schedule
            .next("2027-10-30T20:00:00Z".parse().unwrap(), &zone)
            .unwrap();
        let second = schedule.next(first, &zone).unwrap();
        assert_eq!(second.as_second() - first.as_second(), 25 * 3600);
    }

    #[test]
    fn what_is_no_schedule_says_what_one_is() {
        for text in [
            "",
            "* * * *",
            "60 * * * *",
            "* * 0 * *",
            "*/0 * * * *",
            "5-1 * * * *",
            "x * * * *",
        ] {
            assert!(Schedule::cron(text).is_err(), "{text}");
        }
        for text in ["", "0", "30s", "-1h", "d"] {
            assert!(Schedule::every(text).is_err(), "{text}");
        }
        let week = Schedule::every("7d").unwrap();
        assert_eq!(week, Schedule::Every(Duration::from_hours(168)));
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_much(text in "[0-9a-z*/,\\- ]{0,40}") {
            if let Ok(schedule) = Schedule::cron(&text) {
                let now = Timestamp::from_second(1_795_000_000).unwrap();
                if let Some(next) = schedule.next(now, &TimeZone::UTC) {
                    proptest::prop_assert!(next > now);
                }
            }
        }
    }
}
