//! Time zones: what clocks show there.

use chrono::{DateTime, Months, Offset, TimeZone};
use chrono_tz::Tz;

const DAY: i64 = 86_400_000_000_000;

/// A zone of the database, and a fixed distance from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone {
    pub zone: Tz,
    /// Calendar months come before the nanoseconds.
    pub offset_months: i64,
    pub offset_ns: i64,
}

impl Zone {
    pub const UTC: Self = Self {
        zone: Tz::UTC,
        offset_months: 0,
        offset_ns: 0,
    };

    pub fn is_utc(self) -> bool {
        self == Self::UTC
    }

    /// What a clock there shows, as if it were UTC.
    pub fn local(self, time: i64) -> i64 {
        let naive = DateTime::from_timestamp_nanos(time).naive_utc();
        let seconds = self
            .zone
            .offset_from_utc_datetime(&naive)
            .fix()
            .local_minus_utc();
        let shown = time.saturating_add(i64::from(seconds) * 1_000_000_000);
        add_months(shown, self.offset_months).saturating_add(self.offset_ns)
    }

    /// When a clock there shows this: of a time that comes twice, the first; of one that is skipped, the
    /// instant at which it is.
    pub fn utc(self, local: i64) -> i64 {
        let shown = add_months(local, -self.offset_months).saturating_sub(self.offset_ns);
        let naive = DateTime::from_timestamp_nanos(shown).naive_utc();
        let found = self.zone.from_local_datetime(&naive).earliest();
        match found.and_then(|found| found.timestamp_nanos_opt()) {
            Some(time) => time,
            None => self.skip(local),
        }
    }

    /// The first instant at which a clock shows `local` or more.
    fn skip(self, local: i64) -> i64 {
        let mut before = local.saturating_sub(2 * DAY);
        let mut after = local.saturating_add(2 * DAY);
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if self.local(middle) < local {
                before = middle;
            } else {
                after = middle;
            }
        }
        after
    }
}

/// The day is cut to the length of the month; beyond the ends of time nothing is added.
fn add_months(time: i64, months: i64) -> i64 {
    let count = u32::try_from(months.unsigned_abs()).unwrap_or(u32::MAX);
    let date = DateTime::from_timestamp_nanos(time);
    let moved = match months {
        0 => return time,
        1.. => date.checked_add_months(Months::new(count)),
        _ => date.checked_sub_months(Months::new(count)),
    };
    moved
        .and_then(|moved| moved.timestamp_nanos_opt())
        .unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> i64 {
        let time = DateTime::parse_from_rfc3339(text).unwrap();
        time.timestamp_nanos_opt().unwrap()
    }

    #[test]
    fn clocks_are_set_forward_and_back() {
        let zone = Zone {
            zone: Tz::America__Los_Angeles,
            ..Zone::UTC
        };
        let shown = time("2017-03-12T02:30:00Z");
        assert_eq!(zone.utc(shown), time("2017-03-12T03:00:00-07:00"));
        let shown = time("2017-11-05T01:30:00Z");
        assert_eq!(zone.utc(shown), time("2017-11-05T01:30:00-07:00"));
        let shown = time("2017-07-01T12:00:00Z");
        assert_eq!(zone.local(zone.utc(shown)), shown);
    }

    #[test]
    fn an_offset_has_months_too() {
        let zone = Zone {
            offset_months: -2,
            offset_ns: -14 * DAY,
            ..Zone::UTC
        };
        assert_eq!(
            zone.utc(time("2016-01-01T00:00:00Z")),
            time("2016-03-15T00:00:00Z")
        );
        assert_eq!(
            zone.local(time("2016-03-15T00:00:00Z")),
            time("2016-01-01T00:00:00Z")
        );
    }

    #[test]
    fn the_ends_of_time_are_survived() {
        for zone in [Tz::UTC, Tz::Pacific__Apia] {
            for time in [i64::MIN, i64::MAX] {
                let zone = Zone { zone, ..Zone::UTC };
                let _ = (zone.local(time), zone.utc(time));
            }
        }
    }
}
