//! Aggregates and selectors of stored points, from block statistics.

use super::base::{Base, end_of, points_table};
use super::frame::{Framed, TIME, VALUE};
use crate::engine::source::{FieldInfo, Number, StatsNeeded, WindowStats};
use crate::model::{FieldType, FieldValue};
use crate::query::context::{QueryContext, QueryError};
use crate::query::plan::{Aggregate, AggregateWindow, Selector, WindowFunction};
use crate::query::table::{Cells, Column, Kind, Table, Value};
use std::sync::Arc;

type Windows<'a> = Option<(&'a AggregateWindow, &'a [i64])>;

/// One table for a series and field: the function of all its points or of each window's.
pub fn table(
    ctx: &QueryContext,
    base: &Base<'_>,
    series: &Framed,
    field: &FieldInfo,
    function: WindowFunction,
    windows: Windows<'_>,
) -> Result<Option<Table>, QueryError> {
    let scan = base.scan;
    if let (None, Some(end)) = (windows, end_of(function)) {
        let found = ctx
            .source
            .end(scan.bucket, series.id, field, base.read, end)?;
        return Ok(found.map(|(time, value)| {
            selected_table(base, series, field, value_of_field(value), time)
        }));
    }
    let answered = match (function, field.field_type) {
        (WindowFunction::Aggregate(Aggregate::Count), _) => true,
        (_, FieldType::Boolean | FieldType::String) => false,
        _ => true,
    };
    if !answered {
        return from_points(ctx, base, series, field, function, windows);
    }
    let whole = [base.read.start, base.read.stop];
    let bounds = windows.map_or(whole.as_slice(), |(_, bounds)| bounds);
    let needed = StatsNeeded {
        // Windows have their own times.
        extreme_times: windows.is_none()
            && matches!(
                function,
                WindowFunction::Select(Selector::Min | Selector::Max)
            ),
    };
    let stats = ctx
        .source
        .window_stats(scan.bucket, series.id, field, bounds, needed)?;
    Ok(match (windows, stats.first()) {
        (_, None) => None,
        (None, Some(first)) => Some(whole_table(base, series, field, function, first)),
        (Some((window, bounds)), _) => {
            let made = Windowed {
                function,
                window,
                bounds,
            };
            Some(made.table(base, series, field, &stats))
        }
    })
}

/// Statistics know no booleans and strings: those are computed from the points.
fn from_points(
    ctx: &QueryContext,
    base: &Base<'_>,
    series: &Framed,
    field: &FieldInfo,
    function: WindowFunction,
    windows: Windows<'_>,
) -> Result<Option<Table>, QueryError> {
    let Some(table) = points_table(ctx, base.scan, series, field, base.read)? else {
        return Ok(None);
    };
    match (windows, function) {
        (Some((window, _)), _) => super::window::aggregate_window(ctx, &table, window).map(Some),
        (None, WindowFunction::Aggregate(function)) => {
            super::aggregate::aggregate(&table, function, "_value").map(Some)
        }
        (None, WindowFunction::Select(function)) => {
            super::aggregate::select(&table, function, "_value").map(Some)
        }
    }
}

fn value_of_field(value: FieldValue) -> Value {
    match value {
        FieldValue::Float(value) => Value::Float(value),
        FieldValue::Integer(value) => Value::Integer(value),
        FieldValue::Unsigned(value) => Value::Unsigned(value),
        FieldValue::Boolean(value) => Value::Boolean(value),
        FieldValue::String(text) => Value::String(text.into()),
    }
}

fn value_of(number: Number) -> Value {
    match number {
        Number::Float(number) => Value::Float(number),
        Number::Integer(number) => Value::Integer(number),
        Number::Unsigned(number) => Value::Unsigned(number),
        Number::None => Value::Null,
    }
}

fn kind_of(field: &FieldInfo, function: WindowFunction) -> Kind {
    match (function, field.field_type) {
        (WindowFunction::Aggregate(Aggregate::Count), _) => Kind::Integer,
        (WindowFunction::Aggregate(Aggregate::Mean), _) | (_, FieldType::Float) => Kind::Float,
        (_, FieldType::Integer) => Kind::Integer,
        (_, FieldType::Unsigned) => Kind::Unsigned,
        (_, FieldType::Boolean) => Kind::Boolean,
        (_, FieldType::String) => Kind::String,
    }
}

/// The function's value, and the time of the selected row.
fn answer(stats: &WindowStats, function: WindowFunction) -> (Value, i64) {
    let count = i64::try_from(stats.count).unwrap_or(i64::MAX);
    match function {
        WindowFunction::Aggregate(Aggregate::Count) => (Value::Integer(count), 0),
        WindowFunction::Aggregate(Aggregate::Sum) => (value_of(stats.sum), 0),
        WindowFunction::Aggregate(Aggregate::Mean) => {
            let sum = match stats.sum {
                Number::Float(sum) => sum,
                Number::Integer(sum) => sum as f64,
                Number::Unsigned(sum) => sum as f64,
                Number::None => return (Value::Null, 0),
            };
            (Value::Float(sum / stats.count as f64), 0)
        }
        WindowFunction::Select(Selector::Min) => (value_of(stats.min), stats.min_time),
        WindowFunction::Select(Selector::Max) => (value_of(stats.max), stats.max_time),
        WindowFunction::Select(Selector::First) => (value_of(stats.first), stats.first_time),
        WindowFunction::Select(Selector::Last) => (value_of(stats.last), stats.last_time),
    }
}

fn whole_table(
    base: &Base<'_>,
    series: &Framed,
    field: &FieldInfo,
    function: WindowFunction,
    stats: &WindowStats,
) -> Table {
    let (value, time) = answer(stats, function);
    if matches!(function, WindowFunction::Select(_)) {
        return selected_table(base, series, field, value, time);
    }
    let mut table = series.table(field, base.scan.range, 1);
    let cells = Cells::Constant(value, kind_of(field, function), 1);
    table.columns.push(Column::new(Arc::clone(&VALUE), cells));
    table
}

fn selected_table(
    base: &Base<'_>,
    series: &Framed,
    field: &FieldInfo,
    value: Value,
    time: i64,
) -> Table {
    let mut table = series.table(field, base.scan.range, 1);
    let time = Column::constant(Arc::clone(&TIME), Value::Time(time), 1);
    let value = Column::constant(Arc::clone(&VALUE), value, 1);
    table.columns.splice(2..2, [time, value]);
    table
}

struct Windowed<'a> {
    function: WindowFunction,
    window: &'a AggregateWindow,
    bounds: &'a [i64],
}

impl Windowed<'_> {
    fn table(
        &self,
        base: &Base<'_>,
        series: &Framed,
        field: &FieldInfo,
        stats: &[WindowStats],
    ) -> Table {
        let at_start = self.window.time_source == "_start";
        let bound = |window: usize| {
            let at = if at_start { window } else { window + 1 };
            self.bounds.get(at).copied().unwrap_or_default()
        };
        let mut times = Vec::new();
        let mut values = Cells::new(kind_of(field, self.function));
        let empty = match self.function {
            WindowFunction::Aggregate(Aggregate::Count) => Value::Integer(0),
            _ => Value::Null,
        };
        let mut next = 0;
        for stats in stats {
            if self.window.create_empty {
                for window in next..stats.window {
                    times.push(Some(bound(window)));
                    values.push(empty.clone());
                }
            }
            times.push(Some(bound(stats.window)));
            values.push(answer(stats, self.function).0);
            next = stats.window + 1;
        }
        if self.window.create_empty {
            for window in next..self.bounds.len().saturating_sub(1) {
                times.push(Some(bound(window)));
                values.push(empty.clone());
            }
        }
        let mut table = series.table(field, base.scan.range, times.len());
        table.columns.splice(
            2..2,
            [
                Column::new(Arc::clone(&TIME), Cells::Time(times)),
                Column::new(Arc::clone(&VALUE), values),
            ],
        );
        table
    }
}
