//! Aggregates that need all values of a table at once, and histograms.

use super::series::{cells_of, invalid, numbers, times, unit};
use super::{VALUE, transformation};
use crate::query::context::QueryError;
use crate::query::flux::error::Failure;
use crate::query::flux::eval::Evaluator;
use crate::query::flux::stdlib::tables::each;
use crate::query::flux::stdlib::{Accepts, Builtin, Call, Parameter};
use crate::query::flux::value::Value;
use crate::query::table::{Cells, Column, Kind, Table, Value as Cell};
use std::sync::Arc;

const COLUMN: Parameter = Parameter::optional("column", Accepts::String);
const METHOD: Parameter = Parameter::optional("method", Accepts::String);
const COMPRESSION: Parameter = Parameter::optional("compression", Accepts::Float);

transformation!(
    QUANTILE,
    "quantile",
    quantile,
    [
        COLUMN,
        Parameter::required("q", Accepts::Float),
        METHOD,
        COMPRESSION
    ]
);
transformation!(MEDIAN, "median", median, [COLUMN, METHOD, COMPRESSION]);
transformation!(SPREAD, "spread", spread, [COLUMN]);
transformation!(SKEW, "skew", skew, [COLUMN]);
transformation!(MODE, "mode", mode, [COLUMN]);
transformation!(
    STDDEV,
    "stddev",
    stddev,
    [COLUMN, Parameter::optional("mode", Accepts::String)]
);
transformation!(
    COVARIANCE,
    "covariance",
    covariance,
    [
        Parameter::required("columns", Accepts::Strings),
        Parameter::optional("pearsonr", Accepts::Boolean),
        Parameter::optional("valueDst", Accepts::String)
    ]
);
transformation!(
    INTEGRAL,
    "integral",
    integral,
    [
        Parameter::optional("unit", Accepts::Duration),
        Parameter::optional("timeColumn", Accepts::String),
        COLUMN,
        Parameter::optional("interpolate", Accepts::String)
    ]
);
transformation!(
    HISTOGRAM,
    "histogram",
    histogram,
    [
        COLUMN,
        Parameter::optional("upperBoundColumn", Accepts::String),
        Parameter::optional("countColumn", Accepts::String),
        Parameter::required("bins", Accepts::Array),
        Parameter::optional("normalize", Accepts::Boolean)
    ]
);
transformation!(
    HISTOGRAM_QUANTILE,
    "histogramQuantile",
    histogram_quantile,
    [
        Parameter::required("quantile", Accepts::Float),
        Parameter::optional("countColumn", Accepts::String),
        Parameter::optional("upperBoundColumn", Accepts::String),
        Parameter::optional("valueColumn", Accepts::String),
        Parameter::optional("minValue", Accepts::Float),
        Parameter::optional("onNonmonotonic", Accepts::String)
    ]
);

pub static LINEAR_BINS: Builtin = Builtin {
    name: "linearBins",
    parameters: &[
        Parameter::required("start", Accepts::Float),
        Parameter::required("width", Accepts::Float),
        Parameter::required("count", Accepts::Integer),
        Parameter::optional("infinity", Accepts::Boolean),
    ],
    run: |evaluator, call| {
        let (start, width) = (float(call, "start", 0.0), float(call, "width", 1.0));
        bins(evaluator, call, |at| start + width * at)
    },
};
pub static LOGARITHMIC_BINS: Builtin = Builtin {
    name: "logarithmicBins",
    parameters: &[
        Parameter::required("start", Accepts::Float),
        Parameter::required("factor", Accepts::Float),
        Parameter::required("count", Accepts::Integer),
        Parameter::optional("infinity", Accepts::Boolean),
    ],
    run: |evaluator, call| {
        let (start, factor) = (float(call, "start", 1.0), float(call, "factor", 2.0));
        bins(evaluator, call, |at| start * factor.powf(at))
    },
};

pub fn float(call: &Call, name: &str, default: f64) -> f64 {
    match call.value(name) {
        Some(Value::Float(value)) => *value,
        _ => default,
    }
}

fn bins(
    evaluator: &mut Evaluator<'_>,
    call: &Call,
    bound: impl Fn(f64) -> f64,
) -> Result<Value, Failure> {
    let count = call.count("count", 0, 0)?;
    evaluator.step(count as u64, call.span)?;
    let mut out: Vec<Value> = (0..count)
        .map(|at| Value::Float(bound(at as f64)))
        .collect();
    if call.boolean_or("infinity", true) {
        out.push(Value::Float(f64::INFINITY));
    }
    Ok(Value::Array(Arc::new(out)))
}

/// The group key's columns with so many rows.
pub fn key_columns(table: &Table, rows: usize, without: &[&str]) -> Table {
    let key = table.key.without(|label| without.contains(&label));
    let columns = table.columns.iter().filter_map(|column| {
        let value = key.get(&column.label)?;
        let cells = Cells::Constant(value.clone(), column.cells.kind(), rows);
        Some(Column::new(Arc::clone(&column.label), cells))
    });
    Table {
        columns: columns.collect(),
        key: key.clone(),
    }
}

/// One row: the group key and a value.
pub fn one(table: &Table, label: &str, value: Cell, kind: Kind) -> Table {
    let mut out = key_columns(table, 1, &[label]);
    out.columns
        .push(Column::new(label, Cells::Constant(value, kind, 1)));
    out
}

fn of_numbers(
    call: &Call,
    compute: impl Fn(Vec<f64>) -> Option<f64> + Send + Sync + 'static,
) -> Result<Value, Failure> {
    let (column, who) = (call.string_or("column", VALUE), call.function);
    each(call, move |_, table| {
        let values = numbers(cells_of(&table, &column, who)?, who)?;
        let made = compute(values.into_iter().flatten().collect());
        let value = made.map_or(Cell::Null, Cell::Float);
        Ok(one(&table, &column, value, Kind::Float))
    })
}

fn quantile(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    quantile_of(call, float(call, "q", 0.5))
}

fn median(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    quantile_of(call, 0.5)
}

fn quantile_of(call: &Call, q: f64) -> Result<Value, Failure> {
    if !(0.0..=1.0).contains(&q) {
        return Err(call.fault("quantile must be between 0 and 1"));
    }
    match call.string_or("method", "estimate_tdigest").as_str() {
        "estimate_tdigest" => of_numbers(call, move |values| estimated(values, q)),
        "exact_mean" => of_numbers(call, move |values| interpolated(values, q)),
        "exact_selector" => selected(call, q),
        other => Err(call.fault(format!("unknown method {other:?}"))),
    }
}

/// What a digest gives in which each value is a centroid of its own.
fn estimated(mut values: Vec<f64>, q: f64) -> Option<f64> {
    values.retain(|value| !value.is_nan());
    values.sort_by(f64::total_cmp);
    let (first, last) = (*values.first()?, *values.last()?);
    let at = q * values.len() as f64 - 0.5;
    if at <= 0.0 {
        return Some(first);
    }
    let lower = whole(at);
    match (values.get(lower), values.get(lower + 1)) {
        (Some(a), Some(b)) => {
            let part = at - lower as f64;
            Some((a * (1.0 - part) + b * part).clamp(*a, *b))
        }
        _ => Some(last),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positions are not negative and within a vector"
)]
fn whole(at: f64) -> usize {
    at.floor().max(0.0) as usize
}

fn interpolated(mut values: Vec<f64>, q: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let at = q * last as f64;
    let lower = whole(at).min(last);
    let (a, b) = (
        *values.get(lower)?,
        values
            .get(lower + 1)
            .copied()
            .unwrap_or(*values.get(lower)?),
    );
    Some(a + (b - a) * (at - lower as f64))
}

fn selected(call: &Call, q: f64) -> Result<Value, Failure> {
    let column = call.string_or("column", VALUE);
    each(call, move |_, table| {
        let cells = cells_of(&table, &column, "quantile")?;
        let mut rows: Vec<(Cell, usize)> = (0..cells.len())
            .map(|row| (cells.get(row), row))
            .filter(|(value, _)| *value != Cell::Null)
            .collect();
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        let wanted = whole((q * rows.len() as f64).ceil() - 1.0);
        let row = rows.get(wanted).map(|(_, row)| *row);
        Ok(table.take(&row.into_iter().collect::<Vec<_>>()))
    })
}

fn spread(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let column = call.string_or("column", VALUE);
    each(call, move |_, table| {
        let cells = cells_of(&table, &column, "spread")?;
        numbers(cells, "spread")?;
        let values = (0..cells.len())
            .map(|row| cells.get(row))
            .filter(|value| *value != Cell::Null);
        let (mut low, mut high): (Option<Cell>, Option<Cell>) = (None, None);
        for value in values {
            if low.as_ref().is_none_or(|low| value.total_cmp(low).is_lt()) {
                low = Some(value.clone());
            }
            if high
                .as_ref()
                .is_none_or(|high| value.total_cmp(high).is_gt())
            {
                high = Some(value);
            }
        }
        let made = match (low, high) {
            (Some(Cell::Float(a)), Some(Cell::Float(b))) => Cell::Float(b - a),
            (Some(Cell::Integer(a)), Some(Cell::Integer(b))) => Cell::Integer(b.wrapping_sub(a)),
            (Some(Cell::Unsigned(a)), Some(Cell::Unsigned(b))) => Cell::Unsigned(b - a),
            _ => Cell::Null,
        };
        Ok(one(&table, &column, made, cells.kind()))
    })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn skew(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    of_numbers(call, |values| {
        let (count, middle) = (values.len() as f64, mean(&values));
        let moment = |power| values.iter().map(|v| (v - middle).powi(power)).sum::<f64>();
        (count > 1.0).then(|| (moment(3) / count) / (moment(2) / count).powf(1.5))
    })
}

fn stddev(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let sample = match call.string_or("mode", "sample").as_str() {
        "sample" => true,
        "population" => false,
        other => {
            return Err(call.fault(format!("{other:?} is not a valid standard deviation mode")));
        }
    };
    of_numbers(call, move |values| {
        let middle = mean(&values);
        let squares: f64 = values.iter().map(|value| (value - middle).powi(2)).sum();
        let count = values.len() as f64 - if sample { 1.0 } else { 0.0 };
        (count > 0.0).then(|| (squares / count).sqrt())
    })
}

fn mode(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let column = call.string_or("column", VALUE);
    each(call, move |_, table| {
        let cells = cells_of(&table, &column, "mode")?;
        let mut values: Vec<Cell> = (0..cells.len())
            .map(|row| cells.get(row))
            .filter(|value| *value != Cell::Null)
            .collect();
        values.sort_by(Cell::total_cmp);
        let runs: Vec<&[Cell]> = values.chunk_by(|a, b| a == b).collect();
        let most = runs.iter().map(|run| run.len()).max().unwrap_or(0);
        let mut out = Cells::new(cells.kind());
        if most > 1 || runs.len() == 1 {
            let chosen = runs.iter().filter(|run| run.len() == most);
            chosen
                .filter_map(|run| run.first())
                .for_each(|value| out.push(value.clone()));
        } else {
            out.push(Cell::Null);
        }
        let mut made = key_columns(&table, out.len(), &[&column]);
        made.columns.push(Column::new(column.as_str(), out));
        Ok(made)
    })
}

fn covariance(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let columns = call.strings("columns").unwrap_or_default();
    let [x, y] = columns.as_slice() else {
        return Err(call.fault("must provide exactly two columns"));
    };
    let (x, y) = (x.clone(), y.clone());
    let pearsonr = call.boolean_or("pearsonr", false);
    let destination = call.string_or("valueDst", VALUE);
    each(call, move |_, table| {
        let column = |label: &str| {
            let missing = format!("covariance: specified column does not exist in table: {label}");
            let column = table.column(label).ok_or_else(|| invalid(missing))?;
            numbers(&column.cells, "covariance")
        };
        let (xs, ys) = (column(&x)?, column(&y)?);
        let pairs: Vec<(f64, f64)> = xs
            .into_iter()
            .zip(ys)
            .filter_map(|(x, y)| Some((x?, y?)))
            .collect();
        let count = pairs.len() as f64;
        let middle_x = pairs.iter().map(|(x, _)| x).sum::<f64>() / count;
        let middle_y = pairs.iter().map(|(_, y)| y).sum::<f64>() / count;
        let sum = |part: &dyn Fn(f64, f64) -> f64| -> f64 {
            pairs
                .iter()
                .map(|(x, y)| part(x - middle_x, y - middle_y))
                .sum()
        };
        let both = sum(&|x, y| x * y);
        let made = if pearsonr {
            both / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()
        } else {
            both / (count - 1.0)
        };
        let value = match pairs.len() {
            0 | 1 => Cell::Float(f64::NAN),
            _ => Cell::Float(made),
        };
        Ok(one(&table, &destination, value, Kind::Float))
    })
}

fn bound(table: &Table, label: &str) -> Result<i64, QueryError> {
    match table.key.get(label) {
        Some(Cell::Time(time)) => Ok(*time),
        _ => Err(invalid(format!(
            "integral: interpolation needs \"{label}\" in the group key"
        ))),
    }
}

fn integral(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let unit = unit(call, "unit")? as f64;
    let column = call.string_or("column", VALUE);
    let time_column = call.string_or("timeColumn", "_time");
    let linear = match call.string_or("interpolate", "").as_str() {
        "" => false,
        "linear" => true,
        other => return Err(call.fault(format!("unknown interpolation type {other:?}"))),
    };
    each(call, move |_, table| {
        let times = times(&table, &time_column, "integral")?;
        let values = numbers(cells_of(&table, &column, "integral")?, "integral")?;
        let mut points: Vec<(f64, f64)> = Vec::with_capacity(times.len());
        let origin = times.first().copied().unwrap_or_default();
        for (time, value) in times.iter().zip(values) {
            if let Some(value) = value {
                points.push((time.wrapping_sub(origin) as f64, value));
            }
        }
        if linear && !points.is_empty() {
            let start = bound(&table, "_start")?.wrapping_sub(origin) as f64;
            let stop = bound(&table, "_stop")?.wrapping_sub(origin) as f64;
            let line = |a: (f64, f64), b: (f64, f64), at: f64| {
                a.1 + (b.1 - a.1) * (at - a.0) / (b.0 - a.0)
            };
            let (before, after) = match (points.as_slice(), points.len()) {
                ([one], _) => (one.1, one.1),
                ([a, b, ..], count) => {
                    let end = points.get(count - 2..).unwrap_or_default();
                    let after = match end {
                        [c, d] => line(*c, *d, stop),
                        _ => b.1,
                    };
                    (line(*a, *b, start), after)
                }
                _ => (0.0, 0.0),
            };
            points.insert(0, (start, before));
            points.push((stop, after));
        }
        let area: f64 = points
            .windows(2)
            .map(|pair| match pair {
                [a, b] => (b.0 - a.0) * (a.1 + b.1) / 2.0 / unit,
                _ => 0.0,
            })
            .sum();
        let value = if points.is_empty() {
            Cell::Null
        } else {
            Cell::Float(area)
        };
        Ok(one(&table, &column, value, Kind::Float))
    })
}

fn histogram(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let column = call.string_or("column", VALUE);
    let bound_column = call.string_or("upperBoundColumn", "le");
    let count_column = call.string_or("countColumn", VALUE);
    let normalize = call.boolean_or("normalize", false);
    let mut bins = Vec::new();
    for bin in call.array("bins").unwrap_or_default().iter() {
        match bin {
            Value::Float(bin) => bins.push(*bin),
            other => {
                let found = other.type_name();
                return Err(call.fault(format!("expected [float] but found [{found}]")));
            }
        }
    }
    bins.sort_by(f64::total_cmp);
    each(call, move |ctx, table| {
        let values = numbers(cells_of(&table, &column, "histogram")?, "histogram")?;
        let values: Vec<f64> = values.into_iter().flatten().collect();
        let total = if normalize {
            values
                .iter()
                .filter(|value| bins.last().is_some_and(|last| *value <= last))
                .count() as f64
        } else {
            1.0
        };
        let mut counts = Vec::with_capacity(bins.len());
        for bin in &bins {
            ctx.check()?;
            let below = values.iter().filter(|value| *value <= bin).count();
            counts.push(Some(below as f64 / total));
        }
        let mut out = key_columns(&table, bins.len(), &[&bound_column, &count_column]);
        let bounds = Cells::Float(bins.iter().map(|bin| Some(*bin)).collect());
        out.columns.push(Column::new(bound_column.as_str(), bounds));
        out.columns
            .push(Column::new(count_column.as_str(), Cells::Float(counts)));
        Ok(out)
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Nonmonotonic {
    Fail,
    Force,
    Drop,
}

fn histogram_quantile(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let q = float(call, "quantile", 0.5);
    let low = float(call, "minValue", 0.0);
    let count_column = call.string_or("countColumn", VALUE);
    let bound_column = call.string_or("upperBoundColumn", "le");
    let value_column = call.string_or("valueColumn", VALUE);
    let policy = match call.string_or("onNonmonotonic", "error").as_str() {
        "error" => Nonmonotonic::Fail,
        "force" => Nonmonotonic::Force,
        "drop" => Nonmonotonic::Drop,
        other => {
            let message = format!(
                "value provided to histogramQuantile parameter onNonmonotonic is invalid: \
                 {other:?}; it must be \"error\", \"force\" or \"drop\""
            );
            return Err(call.fault(message));
        }
    };
    each(call, move |_, table| {
        let who = "histogramQuantile";
        let bounds = numbers(cells_of(&table, &bound_column, who)?, who)?;
        let counts = numbers(cells_of(&table, &count_column, who)?, who)?;
        let mut bins: Vec<(f64, f64)> = bounds
            .into_iter()
            .zip(counts)
            .filter_map(|(bound, count)| Some((bound?, count?)))
            .collect();
        bins.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut most = f64::NEG_INFINITY;
        for bin in &mut bins {
            if bin.1 < most {
                match policy {
                    Nonmonotonic::Fail => {
                        return Err(invalid(
                            "histogramQuantile: histogram records counts are not monotonic",
                        ));
                    }
                    Nonmonotonic::Drop => return Ok(table.take(&[])),
                    Nonmonotonic::Force => bin.1 = most,
                }
            }
            most = most.max(bin.1);
        }
        let value = bucket_quantile(&bins, q, low);
        let Some(value) = value else {
            return Ok(table.take(&[]));
        };
        Ok(one(&table, &value_column, value, Kind::Float))
    })
}

/// Linear within the bin that holds the rank; no rows without bins, null without samples.
fn bucket_quantile(bins: &[(f64, f64)], q: f64, low: f64) -> Option<Cell> {
    let total = bins.last()?.1;
    if total == 0.0 {
        return Some(Cell::Null);
    }
    let rank = q * total;
    let at = bins.iter().position(|(_, count)| *count >= rank)?;
    let (upper, count) = *bins.get(at)?;
    let (lower, before) = match at.checked_sub(1).and_then(|at| bins.get(at)) {
        Some(before) => *before,
        None => (low, 0.0),
    };
    if rank == count && upper.is_finite() {
        return Some(Cell::Float(upper));
    }
    if upper.is_infinite() && upper > 0.0 {
        return Some(Cell::Float(lower));
    }
    if upper.is_infinite() {
        return Some(Cell::Float(upper));
    }
    if lower.is_infinite() {
        return Some(Cell::Float(upper));
    }
    Some(Cell::Float(
        lower + (upper - lower) * (rank - before) / (count - before),
    ))
}
