//! Time zones: what clocks show there.

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;

const DAY: i64 = 86_400_000_000_000;

/// A zone of the database, and a fixed distance from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone {
    pub zone: Tz,
    pub offset_ns: i64,
}

impl Zone {
    pub const UTC: Self = Self {
        zone: Tz::UTC,
        offset_ns: 0,
    };

    pub fn is_utc(self) -> bool {
        self.zone == Tz::UTC && self.offset_ns == 0
    }

    /// What a clock there shows, as if it were UTC.
    pub fn local(self, time: i64) -> i64 {
        let naive = DateTime::from_timestamp_nanos(time).naive_utc();
        let seconds = self
            .zone
            .offset_from_utc_datetime(&naive)
            .fix()
            .local_minus_utc();
        time.saturating_add(i64::from(seconds) * 1_000_000_000)
            .saturating_add(self.offset_ns)
    }

    /// When a clock there shows this: of a time that comes twice, the first; of one that is skipped, the
    /// instant at which it is.
    pub fn utc(self, local: i64) -> i64 {
        let shown = local.saturating_sub(self.offset_ns);
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
            offset_ns: 0,
        };
        let shown = time("2017-03-12T02:30:00Z");
        assert_eq!(zone.utc(shown), time("2017-03-12T03:00:00-07:00"));
        let shown = time("2017-11-05T01:30:00Z");
        assert_eq!(zone.utc(shown), time("2017-11-05T01:30:00-07:00"));
        let shown = time("2017-07-01T12:00:00Z");
        assert_eq!(zone.local(zone.utc(shown)), shown);
    }

    #[test]
    fn the_ends_of_time_are_survived() {
        for zone in [Tz::UTC, Tz::Pacific__Apia] {
            for time in [i64::MIN, i64::MAX] {
                let zone = Zone { zone, offset_ns: 0 };
                let _ = (zone.local(time), zone.utc(time));
            }
        }
    }
}
