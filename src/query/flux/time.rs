//! Times as text, and durations with months: the calendar part of Flux. All times are UTC.

use super::ast::DurationPart;
use crate::query::plan::Duration;
use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, TimeDelta};
use std::fmt;

/// Units and their length: months, nanoseconds.
const UNITS: [(&str, i64, i64); 10] = [
    ("y", 12, 0),
    ("mo", 1, 0),
    ("w", 0, 604_800_000_000_000),
    ("d", 0, 86_400_000_000_000),
    ("h", 0, 3_600_000_000_000),
    ("m", 0, 60_000_000_000),
    ("s", 0, 1_000_000_000),
    ("ms", 0, 1_000_000),
    ("us", 0, 1_000),
    ("ns", 0, 1),
];

impl Duration {
    /// `None` if it does not fit.
    pub fn from_parts(parts: &[DurationPart]) -> Option<Self> {
        let mut out = Self::default();
        for part in parts {
            let (_, months, nanoseconds) = *UNITS.iter().find(|(unit, ..)| *unit == part.unit)?;
            out.months = out
                .months
                .checked_add(months.checked_mul(part.magnitude)?)?;
            out.nanoseconds = out
                .nanoseconds
                .checked_add(nanoseconds.checked_mul(part.magnitude)?)?;
        }
        Some(out)
    }

    /// Reads `1h30m`, `-5m`; `None` if the text is no duration.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let duration = Self::from_parts(&parse_duration_parts(digits)?)?;
        if negative {
            duration.checked_neg()
        } else {
            Some(duration)
        }
    }

    #[must_use]
    pub fn checked_neg(self) -> Option<Self> {
        Some(Self {
            months: self.months.checked_neg()?,
            nanoseconds: self.nanoseconds.checked_neg()?,
        })
    }

    pub const fn is_zero(self) -> bool {
        self.months == 0 && self.nanoseconds == 0
    }

    pub const fn is_negative(self) -> bool {
        self.months < 0 || self.nanoseconds < 0
    }

    /// `time + self`: months first, the day cut to the length of the month it lands in.
    pub fn add_to(self, time: i64) -> Option<i64> {
        let moved = if self.months == 0 {
            time
        } else {
            add_months(time, self.months)?
        };
        moved.checked_add(self.nanoseconds)
    }
}

/// The parts of a duration without sign; `None` if the text is none.
pub fn parse_duration_parts(text: &str) -> Option<Vec<DurationPart>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let magnitude = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let end = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let unit = unit_named(rest.get(..end)?)?;
        rest = rest.get(end..)?;
        parts.push(DurationPart { magnitude, unit });
    }
    (!parts.is_empty()).then_some(parts)
}

pub fn unit_named(text: &str) -> Option<&'static str> {
    let text = if matches!(text, "\u{b5}s" | "\u{3bc}s") {
        "us"
    } else {
        text
    };
    UNITS
        .iter()
        .find(|(unit, ..)| *unit == text)
        .map(|(unit, ..)| *unit)
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("0ns");
        }
        if self.is_negative() {
            f.write_str("-")?;
        }
        let mut months = self.months.unsigned_abs();
        let mut nanoseconds = self.nanoseconds.unsigned_abs();
        for (unit, unit_months, unit_nanoseconds) in UNITS {
            let (left, length) = if unit_months > 0 {
                (&mut months, unit_months.unsigned_abs())
            } else {
                (&mut nanoseconds, unit_nanoseconds.unsigned_abs())
            };
            if *left >= length {
                write!(f, "{}{unit}", *left / length)?;
                *left %= length;
            }
        }
        Ok(())
    }
}

fn add_months(time: i64, months: i64) -> Option<i64> {
    let date_time = DateTime::from_timestamp_nanos(time).naive_utc();
    let count = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
    let moved = if months > 0 {
        date_time.checked_add_months(count)?
    } else {
        date_time.checked_sub_months(count)?
    };
    moved.and_utc().timestamp_nanos_opt()
}

/// Reads a date or an RFC 3339 time; nanoseconds since the epoch.
pub fn parse_time(text: &str) -> Option<i64> {
    let Some((date, clock)) = text.split_once('T') else {
        return to_nanoseconds(parse_date(text)?, NaiveTime::MIN, 0);
    };
    let (clock, offset_seconds) = split_offset(clock)?;
    let shape = clock.bytes().take(8).zip(b"00:00:00");
    let shaped = shape.filter(|(byte, wanted)| match wanted {
        b'0' => byte.is_ascii_digit(),
        _ => byte == *wanted,
    });
    if shaped.count() != 8 {
        return None;
    }
    let clock = NaiveTime::parse_from_str(clock, "%H:%M:%S%.f").ok()?;
    to_nanoseconds(parse_date(date)?, clock, offset_seconds)
}

fn parse_date(text: &str) -> Option<NaiveDate> {
    // Exactly `2020-01-02`; chrono alone would take fewer digits and a sign.
    let bytes = text.as_bytes();
    let shaped = bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !shaped {
        return None;
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()
}

/// Clock time and the seconds it is ahead of UTC.
fn split_offset(clock: &str) -> Option<(&str, i64)> {
    if let Some(utc) = clock.strip_suffix('Z') {
        return Some((utc, 0));
    }
    let at = clock.rfind(['+', '-'])?;
    let (hours, minutes) = clock.get(at + 1..)?.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let sign = if clock.get(at..)?.starts_with('-') {
        -1
    } else {
        1
    };
    Some((clock.get(..at)?, sign * (hours * 3600 + minutes * 60)))
}

fn to_nanoseconds(date: NaiveDate, clock: NaiveTime, offset_seconds: i64) -> Option<i64> {
    let local = date.and_time(clock);
    let utc = local.checked_sub_signed(TimeDelta::try_seconds(offset_seconds)?)?;
    utc.and_utc().timestamp_nanos_opt()
}

/// The start of the calendar unit of `unit`'s length that holds `time`. Units of months count from
/// the epoch's January; weeks start on the epoch's Thursday as in Flux's windows.
pub fn truncate(time: i64, unit: Duration) -> Option<i64> {
    if unit.months > 0 && unit.nanoseconds == 0 {
        let date = DateTime::from_timestamp_nanos(time).date_naive();
        let since_epoch = (i64::from(date.year()) - 1970) * 12 + i64::from(date.month0());
        return add_months(0, since_epoch - since_epoch.rem_euclid(unit.months));
    }
    if unit.months != 0 || unit.nanoseconds <= 0 {
        return None;
    }
    time.checked_sub(time.rem_euclid(unit.nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::text::rfc3339 as format_time;

    fn at(text: &str) -> i64 {
        parse_time(text).unwrap()
    }

    #[test]
    fn times_are_read_in_every_form_and_printed_in_utc() {
        assert_eq!(at("1970-01-02"), 86_400_000_000_000);
        assert_eq!(at("1970-01-01T00:00:01.5Z"), 1_500_000_000);
        assert_eq!(at("1970-01-01T02:00:00+02:00"), 0);
        assert_eq!(at("1969-12-31T23:30:00-00:30"), 0);
        assert_eq!(format_time(1_500_000_000), "1970-01-01T00:00:01.5Z");
        assert_eq!(format_time(-1), "1969-12-31T23:59:59.999999999Z");
        for wrong in [
            "",
            "2020",
            "2020-13-01",
            "2020-02-30",
            "+020-01-01",
            "2020-01-01T00:00:00",
            "2020-01-01T25:00:00Z",
            "2020-01-01T00:00Z",
            "3000-01-01",
            "2020-01-01T00:00:00+1:00",
        ] {
            assert_eq!(parse_time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_are_read_and_printed() {
        assert_eq!(
            Duration::parse("1y2mo"),
            Some(Duration {
                months: 14,
                nanoseconds: 0
            })
        );
        assert_eq!(
            Duration::parse("-1h30m").unwrap().nanoseconds,
            -5_400_000_000_000
        );
        assert_eq!(Duration::parse("1\u{b5}s").unwrap().nanoseconds, 1000);
        assert_eq!(Duration::parse("1h30m").unwrap().to_string(), "1h30m");
        assert_eq!(
            Duration::parse("-14mo8d").unwrap().to_string(),
            "-1y2mo1w1d"
        );
        for wrong in [
            "",
            "-",
            "1",
            "h",
            "1x",
            "1h-",
            "99999999999999999999ns",
            "9223372036854775807y",
        ] {
            assert_eq!(Duration::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn adding_months_stays_within_the_month() {
        let add = |time: &str, duration: &str| {
            Duration::parse(duration)
                .unwrap()
                .add_to(at(time))
                .map(format_time)
        };
        assert_eq!(add("2020-01-31", "1mo").unwrap(), "2020-02-29T00:00:00Z");
        assert_eq!(add("2020-03-31", "-1mo").unwrap(), "2020-02-29T00:00:00Z");
        assert_eq!(add("2020-01-01", "1y1d").unwrap(), "2021-01-02T00:00:00Z");
        assert_eq!(add("2262-01-01", "100y"), None);
    }

    #[test]
    fn truncation_knows_months_and_times_before_the_epoch() {
        let cut = |time: &str, unit: &str| {
            format_time(truncate(at(time), Duration::parse(unit).unwrap()).unwrap())
        };
        assert_eq!(cut("2020-05-17T10:11:12Z", "1h"), "2020-05-17T10:00:00Z");
        assert_eq!(cut("2020-05-17T10:11:12Z", "1mo"), "2020-05-01T00:00:00Z");
        assert_eq!(cut("2020-05-17T10:11:12Z", "1y"), "2020-01-01T00:00:00Z");
        assert_eq!(cut("1969-05-17T10:11:12Z", "1mo"), "1969-05-01T00:00:00Z");
        assert_eq!(cut("1969-12-31T23:59:59Z", "1d"), "1969-12-31T00:00:00Z");
    }
}
