//! Sources: points as tables, and what block statistics answer without reading points.

use super::Tables;
use super::window::{Bounds, bounds_within};
use crate::engine::source::{FieldInfo, Number, SeriesInfo, StatsNeeded, WindowStats};
use crate::model::{FieldType, TimeRange};
use crate::query::context::{QueryContext, QueryError};
use crate::query::plan::{
    Aggregate, AggregateWindow, Names, Node, Scan, Selector, Stream, WindowFunction,
};
use crate::query::table::{Cells, Column, GroupKey, Kind, Table, Value};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Rows after which the deadline is looked at again.
const CHECK_SERIES: usize = 64;

/// One table for each series and field that has points in the range.
pub fn scan<'a>(ctx: &'a QueryContext, scan: &'a Scan) -> Result<Tables<'a>, QueryError> {
    let series = ctx
        .source
        .select(scan.bucket, &scan.predicate, scan.range)?;
    Ok(Box::new(fields_of(series).filter_map(
        move |(series, field)| read_table(ctx, scan, &series, &field).transpose(),
    )))
}

/// Pairs of series and field; the fields of a series by name.
fn fields_of(series: Vec<SeriesInfo>) -> impl Iterator<Item = (Arc<SeriesInfo>, FieldInfo)> {
    series.into_iter().flat_map(|mut series| {
        let mut fields = std::mem::take(&mut series.fields);
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        let series = Arc::new(series);
        fields
            .into_iter()
            .map(move |field| (Arc::clone(&series), field))
    })
}

fn read_table(
    ctx: &QueryContext,
    scan: &Scan,
    series: &SeriesInfo,
    field: &FieldInfo,
) -> Result<Option<Table>, QueryError> {
    ctx.check()?;
    let points = ctx.source.read(scan.bucket, series.id, field, scan.range)?;
    if points.times.is_empty() {
        return Ok(None);
    }
    let rows = points.times.len();
    let times = Cells::Time(points.times.into_iter().map(Some).collect());
    let values = Cells::from_values(points.values);
    let mut table = frame(series, field, scan.range, rows);
    table.columns.insert(2, Column::new("_time", times));
    table.columns.insert(3, Column::new("_value", values));
    Ok(Some(table))
}

/// A table's group key with its columns, in InfluxDB's order, without time and value.
fn frame(series: &SeriesInfo, field: &FieldInfo, range: TimeRange, rows: usize) -> Table {
    let (measurement, tags) = series.key.parts();
    let mut parts: Vec<(Arc<str>, Value)> = vec![
        ("_start".into(), Value::Time(range.start)),
        ("_stop".into(), Value::Time(range.stop)),
        ("_field".into(), Value::String(Arc::clone(&field.name))),
        ("_measurement".into(), Value::string(measurement)),
    ];
    parts.extend(
        tags.iter()
            .map(|(key, value)| (Arc::from(*key), Value::string(value))),
    );
    let columns = parts.iter();
    let columns =
        columns.map(|(label, value)| Column::constant(Arc::clone(label), value.clone(), rows));
    Table {
        columns: columns.collect(),
        key: GroupKey::new(parts),
    }
}

/// Which names of a kind exist among the series that have points in the range.
pub fn names<'a>(
    ctx: &'a QueryContext,
    scan: &Scan,
    names: &Names,
) -> Result<Tables<'a>, QueryError> {
    let series = ctx
        .source
        .select(scan.bucket, &scan.predicate, scan.range)?;
    let mut found: BTreeSet<String> = BTreeSet::new();
    for (number, series) in series.iter().enumerate() {
        if number % CHECK_SERIES == 0 {
            ctx.check()?;
        }
        add_names(ctx, scan, series, names, &mut found)?;
    }
    if *names == Names::TagKeys && !found.is_empty() {
        found.extend(["_start", "_stop", "_field", "_measurement"].map(str::to_owned));
    }
    let cells = found
        .iter()
        .map(|name| Some(Arc::from(name.as_str())))
        .collect();
    let columns = vec![Column::new("_value", Cells::String(cells))];
    Ok(Box::new(std::iter::once(Ok(Table {
        key: GroupKey::default(),
        columns,
    }))))
}

fn add_names(
    ctx: &QueryContext,
    scan: &Scan,
    series: &SeriesInfo,
    names: &Names,
    found: &mut BTreeSet<String>,
) -> Result<(), QueryError> {
    let (measurement, tags) = series.key.parts();
    let new: Vec<String> = match names {
        Names::Measurements => vec![measurement.to_owned()],
        Names::TagKeys => tags.iter().map(|(key, _)| (*key).to_owned()).collect(),
        Names::TagValues(wanted) if wanted == "_measurement" => vec![measurement.to_owned()],
        Names::TagValues(wanted) if wanted != "_field" => {
            let values = tags.iter().filter(|(key, _)| key == wanted);
            values.map(|(_, value)| (*value).to_owned()).collect()
        }
        Names::TagValues(_) | Names::FieldKeys => {
            for field in &series.fields {
                if !found.contains(&*field.name) && has_points(ctx, scan, series, field)? {
                    found.insert(field.name.to_string());
                }
            }
            return Ok(());
        }
    };
    if new.iter().all(|name| found.contains(name)) {
        return Ok(());
    }
    for field in &series.fields {
        if has_points(ctx, scan, series, field)? {
            found.extend(new);
            break;
        }
    }
    Ok(())
}

fn has_points(
    ctx: &QueryContext,
    scan: &Scan,
    series: &SeriesInfo,
    field: &FieldInfo,
) -> Result<bool, QueryError> {
    let bounds = [scan.range.start, scan.range.stop];
    let needed = StatsNeeded::default();
    let stats = ctx
        .source
        .window_stats(scan.bucket, series.id, field, &bounds, needed)?;
    Ok(!stats.is_empty())
}

/// Tables of an aggregate or selector directly on a scan, from statistics. `None` when the stream is
/// something else, or needs the points.
pub fn from_statistics<'a>(
    ctx: &'a QueryContext,
    stream: &'a Stream,
) -> Result<Option<Tables<'a>>, QueryError> {
    let (input, function, column) = match &**stream {
        Node::Aggregate {
            input,
            function,
            column,
        } => (input, WindowFunction::Aggregate(*function), column),
        Node::Select {
            input,
            function,
            column,
        } => (input, WindowFunction::Select(*function), column),
        Node::AggregateWindow(window) => (&window.input, window.function, &window.column),
        _ => return Ok(None),
    };
    let Node::Scan(scan) = &**input else {
        return Ok(None);
    };
    if column != "_value" || scan.range.is_empty() {
        return Ok(None);
    }
    let window = match &**stream {
        Node::AggregateWindow(window)
            if window.time_source != "_stop" && window.time_source != "_start" =>
        {
            return Ok(None);
        }
        Node::AggregateWindow(window) => Some(window),
        _ => None,
    };
    let windows = match window {
        None => None,
        Some(wanted) => match bounds_within(ctx, wanted.window, scan.range)? {
            // Overlapping windows share points.
            Bounds::Overlapping(_) => return Ok(None),
            Bounds::Adjacent(bounds) => Some(bounds),
        },
    };
    let series = ctx
        .source
        .select(scan.bucket, &scan.predicate, scan.range)?;
    let tables = fields_of(series).filter_map(move |(series, field)| {
        let bounds = windows.as_deref();
        statistics_table(ctx, scan, &series, &field, function, window.zip(bounds)).transpose()
    });
    Ok(Some(Box::new(tables)))
}

fn statistics_table(
    ctx: &QueryContext,
    scan: &Scan,
    series: &SeriesInfo,
    field: &FieldInfo,
    function: WindowFunction,
    window: Option<(&AggregateWindow, &[i64])>,
) -> Result<Option<Table>, QueryError> {
    ctx.check()?;
    let answered = match (function, field.field_type) {
        (WindowFunction::Aggregate(Aggregate::Count), _) => true,
        (_, FieldType::Boolean | FieldType::String) => false,
        _ => true,
    };
    if !answered {
        return from_points(ctx, scan, series, field, function, window);
    }
    let whole = [scan.range.start, scan.range.stop];
    let bounds = window.map_or(whole.as_slice(), |(_, bounds)| bounds);
    let extreme_times = matches!(
        function,
        WindowFunction::Select(Selector::Min | Selector::Max)
    );
    let needed = StatsNeeded { extreme_times };
    let stats = ctx
        .source
        .window_stats(scan.bucket, series.id, field, bounds, needed)?;
    if stats.is_empty() {
        return Ok(None);
    }
    let table = match window {
        None => {
            let Some(first) = stats.first() else {
                return Ok(None);
            };
            whole_table(scan, series, field, function, first)
        }
        Some((window, bounds)) => {
            windows_table(scan, series, field, function, window, bounds, &stats)
        }
    };
    Ok(Some(table))
}

/// Statistics know no booleans and strings: those are computed from the points.
fn from_points(
    ctx: &QueryContext,
    scan: &Scan,
    series: &SeriesInfo,
    field: &FieldInfo,
    function: WindowFunction,
    window: Option<(&AggregateWindow, &[i64])>,
) -> Result<Option<Table>, QueryError> {
    let Some(table) = read_table(ctx, scan, series, field)? else {
        return Ok(None);
    };
    match (window, function) {
        (Some((window, _)), _) => super::window::aggregate_window(ctx, &table, window).map(Some),
        (None, WindowFunction::Aggregate(function)) => {
            super::aggregate::aggregate(&table, function, "_value").map(Some)
        }
        (None, WindowFunction::Select(function)) => {
            super::aggregate::select(&table, function, "_value").map(Some)
        }
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
    scan: &Scan,
    series: &SeriesInfo,
    field: &FieldInfo,
    function: WindowFunction,
    stats: &WindowStats,
) -> Table {
    let (value, time) = answer(stats, function);
    let mut table = frame(series, field, scan.range, 1);
    let kind = kind_of(field, function);
    let value = Column::new("_value", Cells::Constant(value, kind, 1));
    if matches!(function, WindowFunction::Select(_)) {
        table
            .columns
            .insert(2, Column::constant("_time", Value::Time(time), 1));
        table.columns.insert(3, value);
    } else {
        table.columns.push(value);
    }
    table
}

fn windows_table(
    scan: &Scan,
    series: &SeriesInfo,
    field: &FieldInfo,
    function: WindowFunction,
    window: &AggregateWindow,
    bounds: &[i64],
    stats: &[WindowStats],
) -> Table {
    let mut times = Vec::new();
    let mut values = Cells::new(kind_of(field, function));
    let mut rest = stats.iter().peekable();
    for (number, pair) in bounds.windows(2).enumerate() {
        let (Some(&start), Some(&stop)) = (pair.first(), pair.last()) else {
            continue;
        };
        let found = rest.next_if(|stats| stats.window == number);
        let value = match (found, function) {
            (Some(stats), _) => answer(stats, function).0,
            (None, _) if !window.create_empty => continue,
            (None, WindowFunction::Aggregate(Aggregate::Count)) => Value::Integer(0),
            (None, _) => Value::Null,
        };
        times.push(Some(if window.time_source == "_start" {
            start
        } else {
            stop
        }));
        values.push(value);
    }
    let mut table = frame(series, field, scan.range, times.len());
    let destination = window.time_destination.as_str();
    table.columns.retain(|column| &*column.label != destination);
    let at = 2.min(table.columns.len());
    table
        .columns
        .insert(at, Column::new(destination, Cells::Time(times)));
    table.columns.insert(at + 1, Column::new("_value", values));
    if table.key.has(destination) {
        table.key = table.key.without(|label| label == destination);
    }
    table
}
