//! When a task runs: at multiples of a duration since the epoch, or as cron says.

use super::{TaskError, invalid};
use crate::query::plan::Duration;
use chrono::{DateTime, Datelike};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

const SECOND_NS: i64 = 1_000_000_000;

#[derive(Debug, Clone)]
pub enum Schedule {
    Every(Duration),
    Cron(Box<Cron>, Tz),
}

impl Schedule {
    /// A positive whole number of seconds, or months.
    pub fn every(every: Duration) -> Result<Self, TaskError> {
        let mixed = every.months != 0 && every.nanoseconds != 0;
        let positive = every.months > 0 || every.nanoseconds >= SECOND_NS;
        if mixed || !positive || every.nanoseconds % SECOND_NS != 0 {
            return Err(invalid(format!(
                "option every must be whole seconds, at least 1s, or months without shorter units, got {every}"
            )));
        }
        Ok(Self::Every(every))
    }

    /// Five fields, or six with seconds in front; `@hourly` and the like; `@every 1h`; `CRON_TZ=Europe/Berlin`
    /// or `TZ=` in front.
    pub fn cron(text: &str) -> Result<Self, TaskError> {
        let wrong = |reason: &dyn std::fmt::Display| {
            invalid(format!("option cron {text:?} is not a schedule: {reason}"))
        };
        let mut rest = text.trim();
        let mut zone = Tz::UTC;
        for prefix in ["CRON_TZ=", "TZ="] {
            if let Some(named) = rest.strip_prefix(prefix) {
                let (name, fields) = named.split_once(' ').unwrap_or((named, ""));
                zone = name
                    .parse()
                    .map_err(|_| wrong(&format!("unknown time zone {name}")))?;
                rest = fields.trim();
            }
        }
        if let Some(length) = rest.strip_prefix("@every ") {
            let every = Duration::parse(length.trim()).ok_or_else(|| wrong(&"no duration"))?;
            return Self::every(every);
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Optional)
            .year(Year::Disallowed)
            .build();
        let cron = parser.parse(rest).map_err(|reason| wrong(&reason))?;
        Ok(Self::Cron(Box::new(cron), zone))
    }

    /// The first time after `time`, nanoseconds since the epoch; `None` when there is no more.
    pub fn next_after(&self, time: i64) -> Option<i64> {
        match self {
            Self::Every(every) if every.months > 0 => {
                let date = DateTime::from_timestamp(time.div_euclid(SECOND_NS), 0)?;
                let month = i64::from(date.year() - 1970) * 12 + i64::from(date.month0());
                let number = month.div_euclid(every.months) + 1;
                let months = number.checked_mul(every.months)?;
                Duration {
                    months,
                    nanoseconds: 0,
                }
                .add_to(0)
            }
            Self::Every(every) => {
                let number = time.div_euclid(every.nanoseconds).checked_add(1)?;
                number.checked_mul(every.nanoseconds)
            }
            Self::Cron(cron, zone) => {
                let second = DateTime::from_timestamp(time.div_euclid(SECOND_NS), 0)?;
                let next = cron
                    .find_next_occurrence(&second.with_timezone(zone), false)
                    .ok()?;
                next.timestamp().checked_mul(SECOND_NS)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::text::{parse_rfc3339, rfc3339};
    use proptest::prelude::*;

    fn times(schedule: &Schedule, from: &str, count: usize) -> Vec<String> {
        let mut at = parse_rfc3339(from).unwrap();
        let mut next = || {
            at = schedule.next_after(at).unwrap();
            rfc3339(at)
        };
        (0..count).map(|_| next()).collect()
    }

    fn every(text: &str) -> Result<Schedule, TaskError> {
        Schedule::every(Duration::parse(text).unwrap())
    }

    #[test]
    fn every_counts_from_the_epoch() {
        let got = times(&every("20m").unwrap(), "2024-01-01T00:05:00.5Z", 2);
        assert_eq!(got, ["2024-01-01T00:20:00Z", "2024-01-01T00:40:00Z"]);
        let got = times(&every("3mo").unwrap(), "2024-01-31T00:00:00Z", 2);
        assert_eq!(got, ["2024-04-01T00:00:00Z", "2024-07-01T00:00:00Z"]);
        for wrong in ["500ms", "1s1ms", "1mo1d", "-1h", "0s"] {
            assert!(every(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn cron_has_five_fields_or_six_names_and_zones() {
        let cron = |text: &str| Schedule::cron(text).unwrap();
        let from = "2024-02-28T23:59:30Z";
        assert_eq!(
            times(&cron("0 2 29 2 *"), from, 1),
            ["2024-02-29T02:00:00Z"]
        );
        assert_eq!(
            times(&cron("*/15 * * * * *"), from, 2)[1],
            "2024-02-29T00:00:00Z"
        );
        assert_eq!(times(&cron("@daily"), from, 1), ["2024-02-29T00:00:00Z"]);
        assert_eq!(times(&cron("@every 1h"), from, 1), ["2024-02-29T00:00:00Z"]);
        assert_eq!(
            times(&cron("30 9 * * MON-FRI"), from, 3)[2],
            "2024-03-04T09:30:00Z"
        );
        let berlin = cron("CRON_TZ=Europe/Berlin 30 1 * * *");
        assert_eq!(
            times(&berlin, "2024-03-30T12:00:00Z", 2),
            ["2024-03-31T00:30:00Z", "2024-03-31T23:30:00Z"],
            "the clock was set forward in between"
        );
        for wrong in [
            "",
            "61 * * * *",
            "* * *",
            "CRON_TZ=Nowhere * * * * *",
            "@every x",
        ] {
            assert!(Schedule::cron(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn the_next_time_is_later_and_none_lies_between(
            time in 0_i64..4_000_000_000_000_000_000,
            seconds in 1_i64..1_000_000,
        ) {
            let step = seconds * SECOND_NS;
            let schedule = Schedule::every(Duration::nanoseconds(step)).unwrap();
            let next = schedule.next_after(time).unwrap();
            prop_assert!(next > time && next - time <= step && next % step == 0);
            let cron = Schedule::cron("CRON_TZ=America/New_York 17 */3 * * *").unwrap();
            let next = cron.next_after(time).unwrap();
            prop_assert!(next > time && next - time <= 5 * 3600 * SECOND_NS);
            prop_assert_eq!(cron.next_after(next - 1), Some(next));
        }
    }
}
