//! The windows of GROUP BY time().

use super::ast::Expr;
use super::error::{Result, StatementError};
use super::fold::Constants;
use super::parse::parse_time_text;
use chrono::{DateTime, Offset, TimeZone};

/// Equal windows, aligned to the epoch (or to midnight of a time zone) plus an offset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Nanoseconds, above 0.
    pub every: i64,
    pub offset: i64,
    pub zone: Option<chrono_tz::Tz>,
}

impl Interval {
    /// Start (inclusive) and end (exclusive) of the window that holds `time`.
    pub fn window(&self, time: i64) -> (i64, i64) {
        let time = time.saturating_sub(self.offset);
        let zone = self.zone_offset(time);
        let into = time.saturating_add(zone).rem_euclid(self.every);
        let mut start = time.saturating_sub(into).saturating_add(self.offset);
        let mut end = time
            .saturating_add(self.every - into)
            .saturating_add(self.offset);
        if self.zone.is_some() {
            // A change of the clock inside the window moves its borders, if it is small enough.
            let moved = zone - self.zone_offset(start);
            if moved.abs() < self.every {
                start = start.saturating_add(moved);
            }
            let moved = zone - self.zone_offset(end);
            if moved.abs() < self.every {
                end = end.saturating_add(moved);
            }
        }
        (start, end)
    }

    /// Nanoseconds to add to UTC.
    fn zone_offset(&self, time: i64) -> i64 {
        let Some(zone) = self.zone else { return 0 };
        let utc = DateTime::from_timestamp_nanos(time).naive_utc();
        let seconds = zone.offset_from_utc_datetime(&utc).fix().local_minus_utc();
        i64::from(seconds) * 1_000_000_000
    }

    /// The start of the window after the one that holds `time`.
    pub fn next(&self, time: i64) -> i64 {
        self.window(time).1
    }

    /// The start of the window before the one that starts at `start`.
    pub fn previous(&self, start: i64) -> i64 {
        self.window(start.saturating_sub(1)).0
    }

    /// Starts of the windows from the one holding `first` to the one holding `last`, both inclusive;
    /// `None` if there are more than `most`.
    pub fn starts(&self, first: i64, last: i64, most: usize) -> Option<Vec<i64>> {
        let spans = last.abs_diff(first) / self.every.unsigned_abs();
        if spans > most as u64 {
            return None;
        }
        let mut out = Vec::new();
        let mut start = self.window(first).0;
        while start <= last {
            out.push(start);
            let next = self.next(start.max(first));
            if next <= start {
                break;
            }
            start = next;
        }
        Some(out)
    }
}

/// The interval of a statement, from its GROUP BY clause.
pub fn interval_of(group_by: &[Expr], constants: &Constants) -> Result<Option<Interval>> {
    let mut interval = None;
    for dimension in group_by {
        match dimension {
            Expr::Var(var) if var.name.eq_ignore_ascii_case("time") => {
                return invalid("time() is a function and expects at least one argument");
            }
            Expr::Call(call) => {
                if call.name != "time" {
                    return invalid("only time() calls allowed in dimensions");
                }
                let (every, offset) = match call.args.as_slice() {
                    [every] => (every, None),
                    [every, offset] => (every, Some(offset)),
                    _ => return invalid("time dimension expected 1 or 2 arguments"),
                };
                let mut every = every.clone();
                constants.fold(&mut every);
                let Expr::Duration(every) = every else {
                    return invalid("time dimension must have duration argument");
                };
                if interval.is_some() {
                    return invalid("multiple time dimensions not allowed");
                }
                if every <= 0 {
                    return invalid("time dimension must have a positive duration argument");
                }
                let offset = offset.map_or(Ok(0), |offset| offset_of(offset, every, constants))?;
                interval = Some(Interval {
                    every,
                    offset,
                    zone: constants.zone,
                });
            }
            Expr::Var(_) | Expr::Wildcard(_) | Expr::Regex(_) => {}
            _ => return invalid("only time and tag dimensions allowed"),
        }
    }
    Ok(interval)
}

fn offset_of(offset: &Expr, every: i64, constants: &Constants) -> Result<i64> {
    let mut folded = offset.clone();
    constants.fold(&mut folded);
    match &folded {
        Expr::Duration(ns) => Ok(ns % every),
        Expr::Time(ns) => Ok(ns.rem_euclid(every)),
        Expr::String(text) => match parse_time_text(text, constants.zone) {
            Some(ns) => Ok(ns.rem_euclid(every)),
            None => invalid("time dimension offset must be duration or now()"),
        },
        Expr::Call(call) if call.name != "now" => {
            invalid("time dimension offset function must be now()")
        }
        Expr::Call(_) => invalid("time dimension offset now() function requires no arguments"),
        _ => invalid("time dimension offset must be duration or now()"),
    }
}

fn invalid<T>(message: &str) -> Result<T> {
    Err(StatementError::invalid(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    fn every(every: i64, offset: i64) -> Interval {
        Interval {
            every,
            offset,
            zone: None,
        }
    }

    #[test]
    fn windows_are_aligned_to_the_epoch_also_before_it() {
        assert_eq!(every(10, 0).window(25), (20, 30));
        assert_eq!(every(10, 0).window(-5), (-10, 0));
        assert_eq!(every(10, 3).window(25), (23, 33));
        assert_eq!(every(10, 3).window(22), (13, 23));
    }

    #[test]
    fn starts_cover_the_range() {
        assert_eq!(every(10, 0).starts(25, 41, 10), Some(vec![20, 30, 40]));
        assert_eq!(every(10, 0).starts(0, 1_000, 10), None);
    }

    #[test]
    fn days_of_a_zone_start_at_its_midnight() {
        let day = Interval {
            every: 24 * HOUR,
            offset: 0,
            zone: Some(chrono_tz::Europe::Berlin),
        };
        // 2000-07-01T12:00:00Z is in summer time, two hours before UTC.
        let noon = 962_452_800_000_000_000;
        let midnight = noon - 14 * HOUR;
        assert_eq!(day.window(noon), (midnight, midnight + 24 * HOUR));
    }
}
