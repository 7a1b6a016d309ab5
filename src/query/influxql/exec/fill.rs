//! fill(): rows for the windows that have none.

use super::super::ast::{Fill, Literal};
use super::super::error::Result;
use super::super::functions::Function;
use super::super::plan::Options;
use super::super::value::{DataType, Value};
use super::super::window::Interval;
use super::points::Point;
use super::reduce::interpolate;
use crate::model::TIME_MIN;
use crate::query::context::QueryContext;

/// Rows between which the deadline is checked.
const CHECK_ROWS: usize = 4096;

/// Fills the gaps of one call's rows (at window starts, in the order of the answer) over the whole range
/// of the statement. No rows at all stay no rows.
pub fn fill(
    ctx: &QueryContext,
    options: &Options,
    interval: &Interval,
    function: &Function,
    result_type: DataType,
    rows: Vec<Point>,
    most: usize,
) -> Result<Vec<Point>> {
    let fill = match (options.fill, function) {
        (Fill::Null, Function::Count) => Fill::Number(Literal::Integer(0)),
        (fill, _) => fill,
    };
    let (Some(first_row), Some(last_row)) = (rows.first(), rows.last()) else {
        return Ok(rows);
    };
    if fill == Fill::None {
        return Ok(rows);
    }
    let (first, last) = borders(options, interval, first_row.time, last_row.time);
    let mut out: Vec<Point> = Vec::new();
    let mut rows = rows.into_iter().peekable();
    // The last row that was not made here.
    let mut real: Option<Point> = None;
    let mut time = first;
    while out.len() < most {
        if out.len() % CHECK_ROWS == CHECK_ROWS - 1 {
            ctx.check()?;
            ctx.take_memory(CHECK_ROWS * size_of::<Point>())?;
        }
        match rows.next_if(|row| row.time == time) {
            Some(row) => {
                real = Some(row.clone());
                out.push(row);
                // A window may have several rows.
                while let Some(row) = rows.next_if(|row| row.time == time) {
                    real = Some(row.clone());
                    out.push(row);
                }
            }
            None => {
                let value = match fill {
                    Fill::Number(number) => number_as(number, result_type),
                    Fill::Previous => out.last().map_or(Value::Null, |row| row.value.clone()),
                    Fill::Linear => linear(real.as_ref(), rows.peek(), time, interval.every),
                    _ => Value::Null,
                };
                let computed = Point::computed(time, value);
                out.push(computed);
            }
        }
        if time == last {
            break;
        }
        let next = if options.descending {
            interval.previous(time)
        } else {
            interval.next(time)
        };
        // At the ends of time windows stop moving.
        if (next > time) == options.descending || next == time {
            break;
        }
        time = next;
    }
    Ok(out)
}

/// The number of fill() in a column's type; InfluxDB puts false and the empty text where there is none.
fn number_as(number: Literal, result_type: DataType) -> Value {
    let number = match number {
        Literal::Float(value) => Value::Float(value),
        Literal::Integer(value) => Value::Integer(value),
    };
    match result_type {
        DataType::Boolean => Value::Boolean(false),
        DataType::String => Value::string(""),
        other => number.cast(other),
    }
}

/// The first and the last window, in the order of the answer.
fn borders(options: &Options, interval: &Interval, first_row: i64, last_row: i64) -> (i64, i64) {
    let end = interval.window(options.end).0;
    let open = options.start == TIME_MIN;
    if options.descending {
        let start = if open {
            last_row
        } else {
            interval.window(options.start).0
        };
        (end, start.min(last_row))
    } else {
        let start = if open {
            first_row
        } else {
            interval.window(options.start).0
        };
        (start, end.max(last_row))
    }
}

/// A value on the line between two rows; null without both.
fn linear(before: Option<&Point>, after: Option<&Point>, time: i64, every: i64) -> Value {
    let (Some(before), Some(after)) = (before, after) else {
        return Value::Null;
    };
    // Counted in windows, so that the rounding of whole numbers is InfluxDB's.
    let at = |time: i64| time / every.max(1);
    match (&before.value, &after.value) {
        (Value::Integer(a), Value::Integer(b)) => {
            #[expect(clippy::cast_precision_loss, reason = "as InfluxDB interpolates")]
            let value = interpolate(
                (at(before.time), *a as f64),
                (at(after.time), *b as f64),
                at(time),
            );
            #[expect(clippy::cast_possible_truncation, reason = "as InfluxDB rounds it")]
            Value::Integer(value as i64)
        }
        (a, b) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => Value::Float(interpolate(
                (at(before.time), a),
                (at(after.time), b),
                at(time),
            )),
            _ => Value::Null,
        },
    }
}
