//! Time zones: what clocks show there, and the packages that ask calendars.

use super::native::natives;
use super::strings::mismatch;
use super::{Call, Member, Package};
use crate::query::flux::error::Failure;
use crate::query::flux::eval::Evaluator;
use crate::query::flux::time;
use crate::query::flux::value::Value;
use crate::query::plan::Duration;
use crate::query::zone::Zone;
use chrono::{DateTime, Datelike, Timelike};

const DAY: i64 = 86_400_000_000_000;

/// Of a record `{zone, offset}`.
pub fn read_zone(value: &Value) -> Option<Zone> {
    let Value::Record(record) = value else {
        return None;
    };
    let mut zone = Zone::UTC;
    match record.get("zone") {
        Some(Value::String(name)) => zone.zone = name.parse().ok()?,
        None => {}
        Some(_) => return None,
    }
    match record.get("offset") {
        Some(Value::Duration(offset)) => {
            zone.offset_months = offset.months;
            zone.offset_ns = offset.nanoseconds;
        }
        None => {}
        Some(_) => return None,
    }
    Some(zone)
}

fn zone(call: &Call) -> Result<Zone, Failure> {
    match call.value("location") {
        None => Ok(Zone::UTC),
        Some(value) => read_zone(value).ok_or_else(|| {
            call.fault("location must be {zone: string, offset: duration} with a known zone")
        }),
    }
}

/// The zone that a function of tables works in: its own, or the program's.
pub fn of_call(evaluator: &Evaluator<'_>, call: &Call) -> Result<Zone, Failure> {
    match (call.value("location"), evaluator.location()) {
        (Some(_), _) => zone(call),
        (None, Some(location)) => {
            read_zone(location).ok_or_else(|| call.fault("option location is of an unknown zone"))
        }
        (None, None) => Ok(Zone::UTC),
    }
}

fn instant(call: &Call) -> Result<i64, Failure> {
    match call.value("t") {
        Some(Value::Time(time)) => Ok(*time),
        _ => Err(mismatch(call, "time", "t")),
    }
}

fn part(call: &Call, part: fn(DateTime<chrono::Utc>) -> i64) -> Result<Value, Failure> {
    let local = zone(call)?.local(instant(call)?);
    Ok(Value::Integer(part(DateTime::from_timestamp_nanos(local))))
}

natives! {
    SECOND "second" ["t"; "location"] |call| part(call, |t| i64::from(t.second()));
    MINUTE "minute" ["t"; "location"] |call| part(call, |t| i64::from(t.minute()));
    HOUR "hour" ["t"; "location"] |call| part(call, |t| i64::from(t.hour()));
    WEEK_DAY "weekDay" ["t"; "location"] |call| {
        part(call, |t| i64::from(t.weekday().num_days_from_sunday()))
    };
    MONTH_DAY "monthDay" ["t"; "location"] |call| part(call, |t| i64::from(t.day()));
    YEAR_DAY "yearDay" ["t"; "location"] |call| part(call, |t| i64::from(t.ordinal()));
    MONTH "month" ["t"; "location"] |call| part(call, |t| i64::from(t.month()));
    YEAR "year" ["t"; "location"] |call| part(call, |t| i64::from(t.year()));
    WEEK "week" ["t"; "location"] |call| part(call, |t| i64::from(t.iso_week().week()));
    QUARTER "quarter" ["t"; "location"] |call| part(call, |t| i64::from(t.month0() / 3 + 1));
    MILLISECOND "millisecond" ["t"; "location"] |call| {
        part(call, |t| i64::from(t.timestamp_subsec_millis()))
    };
    MICROSECOND "microsecond" ["t"; "location"] |call| {
        part(call, |t| i64::from(t.timestamp_subsec_micros()))
    };
    NANOSECOND "nanosecond" ["t"; "location"] |call| {
        part(call, |t| i64::from(t.timestamp_subsec_nanos()))
    };
    // What a clock shows there, as if it were UTC.
    TIME "time" ["t"; "location"] |call| Ok(Value::Time(zone(call)?.local(instant(call)?)));
    SCALE "scale" ["d", "n"] |call| {
        let length = call.duration("d").ok_or_else(|| mismatch(call, "duration", "d"))?;
        let times = super::strings::integer(call, "n")?;
        let scaled = length.months.checked_mul(times).zip(length.nanoseconds.checked_mul(times));
        let (months, nanoseconds) =
            scaled.ok_or_else(|| call.fault("the duration is out of range"))?;
        Ok(Value::Duration(Duration { months, nanoseconds }))
    };
    TRUNCATE "truncate" ["t", "unit"; "location"] |call| {
        let zone = zone(call)?;
        let at = instant(call)?;
        let unit = call.duration("unit").ok_or_else(|| mismatch(call, "duration", "unit"))?;
        if unit.is_zero() || unit.is_negative() || (unit.months > 0 && unit.nanoseconds > 0) {
            let message = format!("unit must be a positive duration without mixed months, got {unit}");
            let span = call.span_of("unit");
            return Err(crate::query::flux::error::FluxError::check(span, message).into());
        }
        time::truncate(zone.local(at), unit)
            .map(|local| Value::Time(zone.utc(local)))
            .ok_or_else(|| call.fault("the time is out of range"))
    };
    YESTERDAY "_yesterday" ["t"; "location"] |call| {
        let today = today(call)?;
        bounds(call, today.saturating_sub(DAY), today)
    };
    LAST_WEEK_DAY "_lastWeekDay" ["t", "day"; "location"] |call| {
        let today = today(call)?;
        let day = super::strings::integer(call, "day")?;
        // The epoch was a Thursday.
        let now = today.div_euclid(DAY).saturating_add(4).rem_euclid(7);
        let back = (now - day).rem_euclid(7);
        let start = today - DAY * if back == 0 { 7 } else { back };
        bounds(call, start, start + DAY)
    };
    WEEK_BOUNDS "_week" ["t", "startSunday", "weekOffset"; "location"] |call| {
        let today = today(call)?;
        let first = i64::from(!call.boolean_or("startSunday", false));
        let now = today.div_euclid(DAY).saturating_add(4).rem_euclid(7);
        let offset = super::strings::integer(call, "weekOffset")?.clamp(-10_000, 10_000);
        let start = today - DAY * (now - first).rem_euclid(7) + 7 * DAY * offset;
        bounds(call, start, start + 7 * DAY)
    };
    MONTH_BOUNDS "_month" ["t", "monthOffset"; "location"] |call| {
        let today = today(call)?;
        let offset = super::strings::integer(call, "monthOffset")?;
        let month = |count| Duration { months: count, nanoseconds: 0 };
        let start = time::truncate(today, month(1)).and_then(|start| month(offset).add_to(start));
        let stop = start.and_then(|start| month(1).add_to(start));
        match (start, stop) {
            (Some(start), Some(stop)) => bounds(call, start, stop),
            _ => Err(call.fault("the month is out of range")),
        }
    };
}

/// The start of the local day.
fn today(call: &Call) -> Result<i64, Failure> {
    let local = zone(call)?.local(instant(call)?);
    Ok(local - local.rem_euclid(DAY))
}

fn bounds(call: &Call, start: i64, stop: i64) -> Result<Value, Failure> {
    let zone = zone(call)?;
    let mut record = crate::query::flux::value::Record::new();
    record.insert("start".into(), Value::Time(zone.utc(start)));
    record.insert("stop".into(), Value::Time(zone.utc(stop)));
    Ok(Value::Record(std::sync::Arc::new(record)))
}

pub static BOUNDARIES: Package = Package {
    path: "experimental/date/boundaries",
    name: "boundaries",
    members: &[
        (
            "friday",
            Member::Text("() => _lastWeekDay(t: now(), day: 5)"),
        ),
        (
            "monday",
            Member::Text("() => _lastWeekDay(t: now(), day: 1)"),
        ),
        (
            "month",
            Member::Text("(month_offset=0) => _month(t: now(), monthOffset: month_offset)"),
        ),
        (
            "saturday",
            Member::Text("() => _lastWeekDay(t: now(), day: 6)"),
        ),
        (
            "sunday",
            Member::Text("() => _lastWeekDay(t: now(), day: 0)"),
        ),
        (
            "thursday",
            Member::Text("() => _lastWeekDay(t: now(), day: 4)"),
        ),
        (
            "tuesday",
            Member::Text("() => _lastWeekDay(t: now(), day: 2)"),
        ),
        (
            "wednesday",
            Member::Text("() => _lastWeekDay(t: now(), day: 3)"),
        ),
        (
            "week",
            Member::Text(
                "(start_sunday=false, week_offset=0) => \
                 _week(t: now(), startSunday: start_sunday, weekOffset: week_offset)",
            ),
        ),
        ("yesterday", Member::Text("() => _yesterday(t: now())")),
    ],
};
