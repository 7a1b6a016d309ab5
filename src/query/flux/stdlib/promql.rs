//! `import "internal/promql"`: functions with the meaning that Prometheus gives them.

use super::tables::{each, regroup};
use super::universe::{cells_of, invalid, numbers, one, replace, times};
use super::{Accepts, Builtin, Call, Member, Package, Parameter};
use crate::query::context::QueryError;
use crate::query::exec::operation::Regroup;
use crate::query::flux::error::{Failure, FluxError};
use crate::query::flux::eval::Evaluator;
use crate::query::flux::value::Value;
use crate::query::table::{Cells, Column, GroupKey, Kind, Table, Value as Cell};
use std::sync::Arc;

const SECOND: f64 = 1e9;

macro_rules! functions {
    ($($constant:ident $name:literal [$($parameter:expr),*] $run:expr;)*) => {$(
        static $constant: Builtin = Builtin {
            name: $name,
            parameters: &[Parameter::TABLES, $($parameter),*],
            run: $run,
        };
    )*};
}

functions! {
    CHANGES "changes" [] |_, call| counted(call, |before, now| now != before);
    RESETS "resets" [] |_, call| counted(call, |before, now| now < before);
    EXTRAPOLATED_RATE "extrapolatedRate" [
        Parameter::optional("isCounter", Accepts::Boolean),
        Parameter::optional("isRate", Accepts::Boolean)
    ] extrapolated_rate;
    INSTANT_RATE "instantRate" [Parameter::optional("isRate", Accepts::Boolean)] instant_rate;
    LINEAR_REGRESSION "linearRegression" [
        Parameter::optional("predict", Accepts::Boolean),
        Parameter::optional("fromNow", Accepts::Float)
    ] linear_regression;
    HOLT_WINTERS "holtWinters" [
        Parameter::optional("smoothingFactor", Accepts::Float),
        Parameter::optional("trendFactor", Accepts::Float)
    ] holt_winters;
    HISTOGRAM_QUANTILE "promHistogramQuantile" [
        Parameter::required("quantile", Accepts::Float),
        Parameter::optional("countColumn", Accepts::String),
        Parameter::optional("upperBoundColumn", Accepts::String),
        Parameter::optional("valueColumn", Accepts::String)
    ] histogram_quantile;
    LABEL_REPLACE "labelReplace" [
        Parameter::required("source", Accepts::String),
        Parameter::required("destination", Accepts::String),
        Parameter::required("regex", Accepts::String),
        Parameter::required("replacement", Accepts::String)
    ] label_replace;
}
static EMPTY_TABLE: Builtin = Builtin {
    name: "emptyTable",
    parameters: &[],
    run: |_, _| {
        let bounds = ["_start", "_stop"].map(|label| (Arc::from(label), Cell::Time(0)));
        let columns = vec![
            Column::constant("_start", Cell::Time(0), 0),
            Column::constant("_stop", Cell::Time(0), 0),
            Column::new("_time", Cells::new(Kind::Time)),
            Column::new("_value", Cells::new(Kind::Float)),
        ];
        let key = GroupKey::new(bounds.into());
        Ok(super::tables::literal(vec![Table { key, columns }]))
    },
};

pub static PACKAGE: Package = Package {
    path: "internal/promql",
    name: "promql",
    members: &[
        ("changes", Member::Function(&CHANGES)),
        ("emptyTable", Member::Function(&EMPTY_TABLE)),
        ("extrapolatedRate", Member::Function(&EXTRAPOLATED_RATE)),
        ("holtWinters", Member::Function(&HOLT_WINTERS)),
        ("instantRate", Member::Function(&INSTANT_RATE)),
        ("labelReplace", Member::Function(&LABEL_REPLACE)),
        ("linearRegression", Member::Function(&LINEAR_REGRESSION)),
        (
            "promHistogramQuantile",
            Member::Function(&HISTOGRAM_QUANTILE),
        ),
        ("resets", Member::Function(&RESETS)),
    ],
};

/// Points of a table in time order; rows without a value are left out.
fn points(table: &Table, who: &str) -> Result<Vec<(i64, f64)>, QueryError> {
    let values = numbers(cells_of(table, "_value", who)?, who)?;
    let times = times(table, "_time", who)?;
    let mut points: Vec<(i64, f64)> = times
        .into_iter()
        .zip(values)
        .filter_map(|(time, value)| Some((time, value?)))
        .collect();
    points.sort_by_key(|(time, _)| *time);
    Ok(points)
}

/// One value for each table; tables for which there is none are dropped.
fn per_table(
    call: &Call,
    compute: impl Fn(&Table, &[(i64, f64)]) -> Result<Option<f64>, QueryError> + Send + Sync + 'static,
) -> Result<Value, Failure> {
    let who = call.function;
    regroup(call, move |_, table| {
        let made = compute(&table, &points(&table, who)?)?;
        Ok(made
            .map(|value| one(&table, "_value", Cell::Float(value), Kind::Float))
            .into_iter()
            .collect())
    })
}

fn counted(call: &Call, counts: fn(f64, f64) -> bool) -> Result<Value, Failure> {
    per_table(call, move |_, points| {
        if points.is_empty() {
            return Ok(None);
        }
        let count = points
            .iter()
            .zip(points.iter().skip(1))
            .filter(|((_, before), (_, now))| counts(*before, *now))
            .count();
        Ok(Some(count as f64))
    })
}

fn bound(table: &Table, label: &str) -> Result<i64, QueryError> {
    match table
        .key
        .get(label)
        .cloned()
        .or_else(|| Some(table.value(label, 0)))
    {
        Some(Cell::Time(time)) => Ok(time),
        _ => Err(invalid(format!("no bound \"{label}\": use range() before"))),
    }
}

/// The growth over the whole range: between the first and the last point it is known, beyond them it is
/// taken to go on, for at most about half the distance of points.
fn extrapolated_rate(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let counter = call.boolean_or("isCounter", true);
    let rate = call.boolean_or("isRate", true);
    per_table(call, move |table, points| {
        let (Some((first_time, first)), Some((last_time, last))) = (points.first(), points.last())
        else {
            return Ok(None);
        };
        if points.len() < 2 {
            return Ok(None);
        }
        let (start, stop) = (bound(table, "_start")?, bound(table, "_stop")?);
        let mut growth = last - first;
        if counter {
            for ((_, before), (_, now)) in points.iter().zip(points.iter().skip(1)) {
                if now < before {
                    growth += before;
                }
            }
        }
        let seconds = |from: i64, to: i64| to.saturating_sub(from) as f64 / SECOND;
        let sampled = seconds(*first_time, *last_time);
        let mut before = seconds(start, *first_time);
        let after = seconds(*last_time, stop);
        let distance = sampled / (points.len() - 1) as f64;
        if counter && growth > 0.0 && *first >= 0.0 {
            // A counter is never below zero.
            before = before.min(sampled * (first / growth));
        }
        let reach = |gap: f64| {
            if gap < distance * 1.1 {
                gap
            } else {
                distance / 2.0
            }
        };
        let covered = sampled + reach(before) + reach(after);
        let mut value = growth * (covered / sampled);
        if rate {
            value /= seconds(start, stop);
        }
        Ok(Some(value))
    })
}

fn instant_rate(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let rate = call.boolean_or("isRate", true);
    per_table(call, move |_, points| {
        let [.., (before_time, before), (time, now)] = points else {
            return Ok(None);
        };
        // A counter that fell began again at zero.
        let growth = if rate && now < before {
            *now
        } else {
            now - before
        };
        let seconds = time.saturating_sub(*before_time) as f64 / SECOND;
        Ok(match rate {
            true if seconds == 0.0 => None,
            true => Some(growth / seconds),
            false => Some(growth),
        })
    })
}

/// The slope of a line through the points, or its value some seconds after the range.
fn linear_regression(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let predict = call.boolean_or("predict", false);
    let from_now = match call.value("fromNow") {
        Some(Value::Float(seconds)) => *seconds,
        _ => 0.0,
    };
    per_table(call, move |table, points| {
        if points.len() < 2 {
            return Ok(None);
        }
        let stop = bound(table, "_stop")?;
        let count = points.len() as f64;
        let at = |time: i64| time.saturating_sub(stop) as f64 / SECOND;
        let (mut x_sum, mut y_sum, mut xy_sum, mut xx_sum) = (0.0, 0.0, 0.0, 0.0);
        for (time, value) in points {
            let x = at(*time);
            x_sum += x;
            y_sum += value;
            xy_sum += x * value;
            xx_sum += x * x;
        }
        let covariance = xy_sum - x_sum * y_sum / count;
        let variance = xx_sum - x_sum * x_sum / count;
        let slope = covariance / variance;
        let intercept = y_sum / count - slope * x_sum / count;
        Ok(Some(if predict {
            slope * from_now + intercept
        } else {
            slope
        }))
    })
}

/// Double exponential smoothing.
fn holt_winters(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let factor = |name: &str| match call.value(name) {
        Some(Value::Float(factor)) => *factor,
        _ => 0.5,
    };
    let (smoothing, trend_factor) = (factor("smoothingFactor"), factor("trendFactor"));
    for (name, factor) in [
        ("smoothingFactor", smoothing),
        ("trendFactor", trend_factor),
    ] {
        if !(factor > 0.0 && factor < 1.0) {
            let message = format!("{name} must be between 0 and 1, got {factor}");
            return Err(call.fault(message));
        }
    }
    per_table(call, move |_, points| {
        let [(_, first), (_, second), ..] = points else {
            return Ok(None);
        };
        let (mut level, mut trend) = (*first, second - first);
        for (at, (_, value)) in points.iter().enumerate().skip(1) {
            let before = level;
            // The trend that the first two points show holds for the second as it is.
            level = smoothing * value + (1.0 - smoothing) * (before + trend);
            if at + 1 < points.len() {
                trend = trend_factor * (level - before) + (1.0 - trend_factor) * trend;
            }
        }
        Ok(Some(level))
    })
}

/// The quantile of cumulative bins, whose upper bounds are text.
fn histogram_quantile(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let q = match call.value("quantile") {
        Some(Value::Float(q)) => *q,
        _ => 0.5,
    };
    let count_column = call.string_or("countColumn", "_value");
    let bound_column = call.string_or("upperBoundColumn", "le");
    let value_column = call.string_or("valueColumn", "_value");
    each(call, move |_, table| {
        let who = "promHistogramQuantile";
        let counts = numbers(cells_of(&table, &count_column, who)?, who)?;
        let bounds = cells_of(&table, &bound_column, who)?;
        let mut bins: Vec<(f64, f64)> = Vec::new();
        for (row, count) in counts.into_iter().enumerate() {
            let upper = match bounds.get(row) {
                Cell::String(text) => text.parse::<f64>().ok(),
                Cell::Float(upper) => Some(upper),
                _ => None,
            };
            if let (Some(upper), Some(count)) = (upper, count) {
                bins.push((upper, count));
            }
        }
        bins.sort_by(|a, b| a.0.total_cmp(&b.0));
        let value = quantile_of(&mut bins, q);
        Ok(one(&table, &value_column, Cell::Float(value), Kind::Float))
    })
}

fn quantile_of(bins: &mut [(f64, f64)], q: f64) -> f64 {
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let open = bins
        .last()
        .is_some_and(|(upper, _)| *upper == f64::INFINITY);
    if !open || bins.len() < 2 {
        return f64::NAN;
    }
    // Counts that fall come from bins read at different times.
    let mut most = f64::NEG_INFINITY;
    for bin in bins.iter_mut() {
        most = most.max(bin.1);
        bin.1 = most;
    }
    let total = most;
    if total == 0.0 {
        return f64::NAN;
    }
    let rank = q * total;
    let at = bins.partition_point(|(_, count)| *count < rank);
    let bin = |at: usize| bins.get(at).copied().unwrap_or_default();
    if at + 1 >= bins.len() {
        return bin(bins.len() - 2).0;
    }
    let (upper, count) = bin(at);
    if at == 0 {
        return if upper <= 0.0 {
            upper
        } else {
            upper * (rank / count)
        };
    }
    let (lower, before) = bin(at - 1);
    lower + (upper - lower) * ((rank - before) / (count - before))
}

/// Sets a label to what the pattern finds in another; a label that becomes empty is dropped.
fn label_replace(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let source = call.string_or("source", "");
    let destination = call.string_or("destination", "");
    let replacement = call.string_or("replacement", "");
    let pattern = call.string_or("regex", "");
    // The whole of the text has to match.
    let regex = crate::query::flux::regexp::compile(&format!("^(?:{pattern})$"))
        .map_err(|reason| FluxError::run(call.span_of("regex"), reason))?;
    let operation = Regroup {
        name: "labelReplace",
        change: move |_: &crate::query::context::QueryContext, mut table: Table| {
            table.columns.retain(|column| &*column.label != "_time");
            let text = match table.value(&source, 0) {
                Cell::String(text) => text,
                _ => "".into(),
            };
            let Some(found) = regex.captures(&text) else {
                return Ok(vec![table]);
            };
            let mut made = String::new();
            found.expand(&replacement, &mut made);
            Ok(vec![relabelled(table, &destination, &made)])
        },
    };
    Ok(super::tables::apply(vec![call.tables()?], operation))
}

fn relabelled(mut table: Table, label: &str, value: &str) -> Table {
    if value.is_empty() {
        table.columns.retain(|column| &*column.label != label);
        table.key = table.key.without(|have| have == label);
        return table;
    }
    let rows = table.rows();
    let cell = Cell::string(value);
    replace(
        &mut table,
        label,
        Cells::Constant(cell.clone(), Kind::String, rows),
    );
    table.key = table.key.with(label, cell);
    table
}
