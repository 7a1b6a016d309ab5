//! Windows of time.

use super::aggregate::{row_of, value_of};
use crate::model::TimeRange;
use crate::query::context::{QueryContext, QueryError};
use crate::query::plan::{Aggregate, AggregateWindow, Duration, Window, WindowFunction};
use crate::query::table::{Cells, Column, Kind, Table, Value};
use chrono::{DateTime, Datelike, Months};

/// Windows of one query; more is a typing error, not a question.
const WINDOWS_MAX: usize = 10_000_000;

/// Clocks are never set by more.
const CLOCK_SET_NS: i64 = 26 * 3_600_000_000_000;

/// Windows that cover a range.
pub enum Bounds {
    /// Window i is `bounds[i]..bounds[i + 1]`.
    Adjacent(Vec<i64>),
    /// Start and stop of each.
    Overlapping(Vec<(i64, i64)>),
}

/// `time` plus `times` times the duration. Months are calendar months in UTC.
pub fn add(time: i64, duration: Duration, times: i64) -> Option<i64> {
    let months = duration.months.checked_mul(times)?;
    let time = if months == 0 {
        time
    } else {
        let date = DateTime::from_timestamp(
            time.div_euclid(1_000_000_000),
            u32::try_from(time.rem_euclid(1_000_000_000)).ok()?,
        )?;
        let step = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
        let moved = if months > 0 {
            date.checked_add_months(step)
        } else {
            date.checked_sub_months(step)
        };
        moved?.timestamp_nanos_opt()?
    };
    time.checked_add(duration.nanoseconds.checked_mul(times)?)
}

/// Windows are numbered from the one that starts at the epoch, moved by the offset.
fn start_of(window: Window, number: i64) -> Option<i64> {
    let zero = add(0, window.offset, 1)?;
    add(zero, window.every, number)
}

/// Number of the last window that begins at or before `time`.
fn first_window(window: Window, time: i64) -> Result<i64, QueryError> {
    let beyond = || QueryError::Invalid("window: times are out of range".to_owned());
    if window.every.months <= 0 {
        let zero = add(0, window.offset, 1).ok_or_else(beyond)?;
        let since = time.checked_sub(zero).ok_or_else(beyond)?;
        return Ok(since.div_euclid(window.every.nanoseconds.max(1)));
    }
    let month = |time: i64| {
        let date = DateTime::from_timestamp(time.div_euclid(1_000_000_000), 0)?;
        Some(i64::from(date.year()) * 12 + i64::from(date.month0()))
    };
    let zero = add(0, window.offset, 1)
        .and_then(month)
        .ok_or_else(beyond)?;
    let months = month(time).ok_or_else(beyond)? - zero;
    let number = months.div_euclid(window.every.months);
    let begins_after = start_of(window, number).ok_or_else(beyond)? > time;
    Ok(number - i64::from(begins_after))
}

/// Windows that touch the range, cut at its ends.
pub fn bounds_within(
    ctx: &QueryContext,
    window: Window,
    range: TimeRange,
) -> Result<Bounds, QueryError> {
    if window.every.months < 0
        || window.every.nanoseconds < 0
        || window.every == Duration::default()
    {
        return Err(QueryError::Invalid(
            "window: every must be positive".to_owned(),
        ));
    }
    if window.every.months > 0 && window.every.nanoseconds > 0 {
        return Err(QueryError::Invalid(
            "window: every can't mix months with shorter units".to_owned(),
        ));
    }
    let out_of_range = || QueryError::Invalid("window: times are out of range".to_owned());
    // A month after the last day of a short month is not the next window's start.
    let adjacent = window.period == window.every
        && (window.every.months == 0 || window.offset == Duration::default());
    let zone = window.zone;
    let utc = |local: i64| match zone.is_utc() {
        true => local,
        false => zone.utc(local),
    };
    let mut number = match zone.is_utc() {
        true => first_window(window, range.start)?,
        // A clock that was set back has shown earlier windows before.
        false => {
            let local = zone.local(range.start).saturating_sub(CLOCK_SET_NS);
            first_window(window, local)?
        }
    };
    if !adjacent {
        // Earlier windows may still reach into the range.
        while let Some(before) = start_of(window, number - 1)
            && add(before, window.period, 1).is_some_and(|stop| utc(stop) > range.start)
        {
            number -= 1;
        }
    }
    let mut start = start_of(window, number).ok_or_else(out_of_range)?;
    let mut bounds = vec![range.start];
    let mut pairs = Vec::new();
    while utc(start) < range.stop {
        number += 1;
        let next = start_of(window, number).unwrap_or(i64::MAX);
        let stop = add(start, window.period, 1).unwrap_or(i64::MAX);
        let (from, to) = (utc(start), utc(stop));
        // A window that the clocks skip is none.
        if to > range.start && to > from {
            bounds.push(utc(next).min(range.stop));
            pairs.push((from.max(range.start), to.min(range.stop)));
        }
        if pairs.len() % 4096 == 0 {
            ctx.check()?;
        }
        if pairs.len() > WINDOWS_MAX {
            return Err(QueryError::Invalid(format!(
                "window: more than {WINDOWS_MAX} windows; use a longer every or a shorter range"
            )));
        }
        if next <= start {
            break;
        }
        start = next;
    }
    Ok(if adjacent {
        Bounds::Adjacent(bounds)
    } else {
        Bounds::Overlapping(pairs)
    })
}

fn pairs_of(bounds: Bounds) -> Vec<(i64, i64)> {
    match bounds {
        Bounds::Overlapping(pairs) => pairs,
        Bounds::Adjacent(bounds) => {
            let pairs = bounds.windows(2);
            pairs
                .filter_map(|pair| Some((*pair.first()?, *pair.last()?)))
                .collect()
        }
    }
}

/// A bound that is no part of the group key, but the same in all rows.
fn shared(table: &Table, label: &str) -> Option<i64> {
    let cells = &table.column(label)?.cells;
    let Value::Time(first) = cells.get(0) else {
        return None;
    };
    let same = (1..cells.len()).all(|row| cells.get(row) == Value::Time(first));
    same.then_some(first)
}

fn bounds_of(table: &Table) -> Option<TimeRange> {
    let bound = |label: &str| match table.key.get(label) {
        Some(Value::Time(time)) => Some(*time),
        _ => shared(table, label),
    };
    Some(TimeRange::new(bound("_start")?, bound("_stop")?))
}

/// The range that a table covers: of its group key, or of its times.
fn range_of(table: &Table) -> Result<TimeRange, QueryError> {
    if let Some(range) = bounds_of(table) {
        return Ok(range);
    }
    // A table that never had bounds reaches from its first point to its last.
    let times = times_of(table)?;
    let first = times.iter().flatten().min();
    let last = times.iter().flatten().max();
    match (first, last) {
        (Some(first), Some(last)) => Ok(TimeRange::new(*first, last.saturating_add(1))),
        _ => Err(QueryError::Invalid(
            "window: the table has neither bounds nor times; use range() before".to_owned(),
        )),
    }
}

/// The part of the range in which windows can hold one of the times.
fn occupied(range: TimeRange, times: &[Option<i64>], window: Window) -> TimeRange {
    const MONTH: i64 = 31 * 86_400_000_000_000;
    let months = window
        .period
        .months
        .max(window.every.months)
        .saturating_mul(MONTH);
    let length = window.period.nanoseconds.max(window.every.nanoseconds);
    let clocks = if window.zone.is_utc() {
        0
    } else {
        CLOCK_SET_NS
    };
    let reach = length.saturating_add(months).saturating_add(clocks);
    let (first, last) = (times.iter().flatten().min(), times.iter().flatten().max());
    let (Some(first), Some(last)) = (first, last) else {
        return range;
    };
    TimeRange::new(
        range.start.max(first.saturating_sub(reach)),
        range.stop.min(last.saturating_add(reach)),
    )
}

fn times_of(table: &Table) -> Result<Vec<Option<i64>>, QueryError> {
    match table.column("_time").map(|column| &column.cells) {
        Some(cells @ (Cells::Time(_) | Cells::Constant(_, Kind::Time, _))) => {
            let time = |row| match cells.get(row) {
                Value::Time(time) => Some(time),
                _ => None,
            };
            Ok((0..cells.len()).map(time).collect())
        }
        _ => Err(QueryError::Invalid(
            "window: no time column \"_time\" exists".to_owned(),
        )),
    }
}

/// Rows of a window; consecutive when the table is in time order.
fn rows_within(times: &[Option<i64>], sorted: bool, start: i64, stop: i64) -> Vec<usize> {
    if sorted {
        let from = times.partition_point(|time| time.is_some_and(|time| time < start));
        let to = times.partition_point(|time| time.is_some_and(|time| time < stop));
        return (from..to).collect();
    }
    let inside = |time: &Option<i64>| time.is_some_and(|time| start <= time && time < stop);
    times
        .iter()
        .enumerate()
        .filter(|(_, time)| inside(time))
        .map(|(row, _)| row)
        .collect()
}

fn is_sorted(times: &[Option<i64>]) -> bool {
    times.iter().all(Option::is_some) && times.is_sorted()
}

/// One table for each window, with `_start` and `_stop` as its bounds.
pub fn window(
    ctx: &QueryContext,
    table: &Table,
    window: Window,
    create_empty: bool,
) -> Result<Vec<Table>, QueryError> {
    let times = times_of(table)?;
    let range = range_of(table)?;
    let range = match create_empty {
        true => range,
        false => occupied(range, &times, window),
    };
    let sorted = is_sorted(&times);
    let mut out = Vec::new();
    for (start, stop) in pairs_of(bounds_within(ctx, window, range)?) {
        let rows = rows_within(&times, sorted, start, stop);
        if rows.is_empty() && !create_empty {
            continue;
        }
        let mut piece = table.take(&rows);
        for (label, bound) in [("_start", start), ("_stop", stop)] {
            piece.key = piece.key.with(label, Value::Time(bound));
            let column = Column::constant(label, Value::Time(bound), rows.len());
            match piece
                .position(label)
                .and_then(|at| piece.columns.get_mut(at))
            {
                Some(have) => *have = column,
                None => piece.columns.push(column),
            }
        }
        out.push(piece);
    }
    Ok(out)
}

/// One row for each window.
pub fn aggregate_window(
    ctx: &QueryContext,
    table: &Table,
    wanted: &AggregateWindow,
) -> Result<Table, QueryError> {
    let range = range_of(table)?;
    let times = times_of(table)?;
    let sorted = is_sorted(&times);
    let Some(column) = table.column(&wanted.column) else {
        return Err(QueryError::Invalid(format!(
            "aggregateWindow: no column \"{}\" exists",
            wanted.column
        )));
    };
    let pairs = pairs_of(bounds_within(ctx, wanted.window, range)?);
    let mut stamps = Vec::new();
    let mut picked = Vec::new();
    let mut values: Option<Cells> = None;
    for (start, stop) in pairs {
        let rows = rows_within(&times, sorted, start, stop);
        let stamp = if wanted.time_source == "_start" {
            start
        } else {
            stop
        };
        match wanted.function {
            WindowFunction::Select(function) => {
                let part = column.cells.take(&rows);
                if let Some(row) = row_of(&part, 0..rows.len(), function)?
                    && let Some(row) = rows.get(row)
                {
                    picked.push(*row);
                    stamps.push(Some(stamp));
                } else if wanted.create_empty {
                    // A row that does not exist: the group key, and nulls.
                    picked.push(table.rows());
                    stamps.push(Some(stamp));
                }
            }
            WindowFunction::Aggregate(function) => {
                if rows.is_empty() && !wanted.create_empty {
                    continue;
                }
                let part = column.cells.take(&rows);
                let (value, kind) = value_of(&part, 0..rows.len(), function)?;
                values.get_or_insert_with(|| Cells::new(kind)).push(value);
                stamps.push(Some(stamp));
            }
        }
    }
    let made = match wanted.function {
        WindowFunction::Select(_) => stamped(table.take(&picked), stamps, wanted),
        WindowFunction::Aggregate(function) => {
            let kind = if function == Aggregate::Count {
                Kind::Integer
            } else {
                column.cells.kind()
            };
            let values = values.unwrap_or_else(|| Cells::new(kind));
            aggregated(table, values, stamps, wanted)
        }
    };
    Ok(match bounds_of(table) {
        Some(range) => with_bounds(made, range),
        None => made,
    })
}

/// The whole range becomes part of the group key, if it was not.
fn with_bounds(mut table: Table, range: TimeRange) -> Table {
    let rows = table.rows();
    for (at, (label, time)) in [("_start", range.start), ("_stop", range.stop)]
        .into_iter()
        .enumerate()
    {
        let value = Value::Time(time);
        if table.key.get(label) == Some(&value) {
            continue;
        }
        table.key = table.key.with(label, value.clone());
        let column = Column::constant(label, value, rows);
        match table
            .position(label)
            .and_then(|at| table.columns.get_mut(at))
        {
            Some(have) => *have = column,
            None => table.columns.insert(at.min(table.columns.len()), column),
        }
    }
    table
}

/// Selected rows with the window's bound as their time.
fn stamped(mut table: Table, stamps: Vec<Option<i64>>, wanted: &AggregateWindow) -> Table {
    // Rows made for empty windows have the group key too.
    for column in &mut table.columns {
        if let Some(value) = table.key.get(&column.label) {
            let kind = column.cells.kind();
            column.cells = Cells::Constant(value.clone(), kind, stamps.len());
        }
    }
    let destination = wanted.time_destination.as_str();
    let column = Column::new(destination, Cells::Time(stamps));
    match table
        .position(destination)
        .and_then(|at| table.columns.get_mut(at))
    {
        Some(have) => *have = column,
        None => table.columns.push(column),
    }
    table.key = table.key.without(|label| label == destination);
    table
}

fn aggregated(
    table: &Table,
    values: Cells,
    stamps: Vec<Option<i64>>,
    wanted: &AggregateWindow,
) -> Table {
    let rows = stamps.len();
    let destination = wanted.time_destination.as_str();
    let mut columns: Vec<Column> = table
        .columns
        .iter()
        .filter(|c| *c.label != *destination && *c.label != wanted.column)
        .filter_map(|c| {
            let value = table.key.get(&c.label)?;
            Some(Column::new(
                c.label.clone(),
                Cells::Constant(value.clone(), c.cells.kind(), rows),
            ))
        })
        .collect();
    let at = 2.min(columns.len());
    columns.insert(at, Column::new(destination, Cells::Time(stamps)));
    columns.insert(at + 1, Column::new(wanted.column.as_str(), values));
    Table {
        key: table
            .key
            .without(|label| label == destination || label == wanted.column),
        columns,
    }
}
