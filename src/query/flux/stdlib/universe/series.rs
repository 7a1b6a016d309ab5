//! Functions that compare each row with those before it.

use super::{VALUE, transformation};
use crate::query::context::{QueryContext, QueryError};
use crate::query::flux::error::Failure;
use crate::query::flux::eval::Evaluator;
use crate::query::flux::stdlib::tables::each;
use crate::query::flux::stdlib::{Accepts, Builtin, Call, Parameter};
use crate::query::flux::value::Value;
use crate::query::plan::Duration;
use crate::query::table::{Cells, Column, Kind, Table, Value as Cell};

const COLUMNS: Parameter = Parameter::optional("columns", Accepts::Strings);
const UNIT: Parameter = Parameter::optional("unit", Accepts::Duration);
const NON_NEGATIVE: Parameter = Parameter::optional("nonNegative", Accepts::Boolean);
const INITIAL_ZERO: Parameter = Parameter::optional("initialZero", Accepts::Boolean);
const TIME_COLUMN: Parameter = Parameter::optional("timeColumn", Accepts::String);
const SECOND: i64 = 1_000_000_000;

transformation!(CUMULATIVE_SUM, "cumulativeSum", cumulative_sum, [COLUMNS]);
transformation!(
    DIFFERENCE,
    "difference",
    difference,
    [
        NON_NEGATIVE,
        COLUMNS,
        Parameter::optional("keepFirst", Accepts::Boolean),
        INITIAL_ZERO,
    ]
);
transformation!(
    DERIVATIVE,
    "derivative",
    derivative,
    [UNIT, NON_NEGATIVE, COLUMNS, TIME_COLUMN, INITIAL_ZERO]
);
transformation!(
    ELAPSED,
    "elapsed",
    elapsed,
    [
        UNIT,
        TIME_COLUMN,
        Parameter::optional("columnName", Accepts::String)
    ]
);
transformation!(
    MOVING_AVERAGE,
    "movingAverage",
    moving_average,
    [Parameter::required("n", Accepts::Integer)]
);
transformation!(
    EXPONENTIAL_MOVING_AVERAGE,
    "exponentialMovingAverage",
    exponential_moving_average,
    [Parameter::required("n", Accepts::Integer)]
);
transformation!(
    RELATIVE_STRENGTH_INDEX,
    "relativeStrengthIndex",
    relative_strength_index,
    [Parameter::required("n", Accepts::Integer), COLUMNS]
);
transformation!(
    CHANDE,
    "chandeMomentumOscillator",
    chande,
    [Parameter::required("n", Accepts::Integer), COLUMNS]
);
transformation!(
    KAUFMANS_ER,
    "kaufmansER",
    kaufmans_er,
    [Parameter::required("n", Accepts::Integer)]
);
transformation!(
    KAUFMANS_AMA,
    "kaufmansAMA",
    kaufmans_ama,
    [
        Parameter::required("n", Accepts::Integer),
        Parameter::optional("column", Accepts::String)
    ]
);
transformation!(
    TRIPLE_EXPONENTIAL_DERIVATIVE,
    "tripleExponentialDerivative",
    triple_exponential_derivative,
    [Parameter::required("n", Accepts::Integer)]
);
transformation!(
    HOUR_SELECTION,
    "hourSelection",
    hour_selection,
    [
        Parameter::required("start", Accepts::Integer),
        Parameter::required("stop", Accepts::Integer),
        Parameter::optional("location", Accepts::Record),
        TIME_COLUMN
    ]
);
transformation!(
    SAMPLE,
    "sample",
    sample,
    [
        Parameter::required("n", Accepts::Integer),
        Parameter::optional("pos", Accepts::Integer)
    ]
);
transformation!(
    TIME_SHIFT,
    "timeShift",
    time_shift,
    [Parameter::required("duration", Accepts::Duration), COLUMNS]
);

fn columns(call: &Call) -> Vec<String> {
    call.strings("columns")
        .unwrap_or_else(|| vec![VALUE.to_owned()])
}

pub fn invalid(message: impl Into<String>) -> QueryError {
    QueryError::Invalid(message.into())
}

pub fn cells_of<'t>(table: &'t Table, label: &str, who: &str) -> Result<&'t Cells, QueryError> {
    table
        .column(label)
        .map(|column| &column.cells)
        .ok_or_else(|| invalid(format!("{who}: no column \"{label}\" exists")))
}

/// Numbers as floats; null and other types are none.
pub fn number(value: &Cell) -> Option<f64> {
    match value {
        Cell::Float(value) => Some(*value),
        Cell::Integer(value) => Some(*value as f64),
        Cell::Unsigned(value) => Some(*value as f64),
        _ => None,
    }
}

/// All values of a column as numbers; one of another type is a fault.
pub fn numbers(cells: &Cells, who: &str) -> Result<Vec<Option<f64>>, QueryError> {
    match cells.kind() {
        Kind::Float | Kind::Integer | Kind::Unsigned => Ok((0..cells.len())
            .map(|row| number(&cells.get(row)))
            .collect()),
        other => Err(invalid(format!(
            "{who}: unsupported input type {}: numbers are needed",
            other.name()
        ))),
    }
}

pub fn replace(table: &mut Table, label: &str, cells: Cells) {
    match table
        .position(label)
        .and_then(|at| table.columns.get_mut(at))
    {
        Some(have) => have.cells = cells,
        None => table.columns.push(Column::new(label, cells)),
    }
}

/// Without the first `count` rows.
fn skip(table: &Table, count: usize) -> Table {
    table.take(&(count.min(table.rows())..table.rows()).collect::<Vec<_>>())
}

fn cumulative_sum(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let columns = columns(call);
    each(call, move |_, mut table| {
        for label in &columns {
            let Some(column) = table.column(label) else {
                continue;
            };
            let cells = &column.cells;
            let kind = cells.kind();
            if !matches!(kind, Kind::Float | Kind::Integer | Kind::Unsigned) {
                continue;
            }
            let mut out = Cells::new(kind);
            let mut sum = match kind {
                Kind::Float => Cell::Float(0.0),
                Kind::Integer => Cell::Integer(0),
                _ => Cell::Unsigned(0),
            };
            for row in 0..cells.len() {
                sum = match (sum, cells.get(row)) {
                    (sum, Cell::Null) => {
                        out.push(sum.clone());
                        sum
                    }
                    (sum, value) => {
                        let sum = match (sum, value) {
                            (Cell::Float(a), Cell::Float(b)) => Cell::Float(a + b),
                            (Cell::Integer(a), Cell::Integer(b)) => {
                                Cell::Integer(a.wrapping_add(b))
                            }
                            (Cell::Unsigned(a), Cell::Unsigned(b)) => {
                                Cell::Unsigned(a.wrapping_add(b))
                            }
                            (_, value) => value,
                        };
                        out.push(sum.clone());
                        sum
                    }
                };
            }
            replace(&mut table, label, out);
        }
        Ok(table)
    })
}

fn zero_of(value: &Cell) -> Cell {
    match value {
        Cell::Float(_) => Cell::Float(0.0),
        _ => Cell::Integer(0),
    }
}

fn step(before: &Cell, value: &Cell, non_negative: bool, initial_zero: bool) -> Cell {
    let (made, negative) = match (before, value) {
        (Cell::Float(a), Cell::Float(b)) => (Cell::Float(b - a), b < a),
        (Cell::Integer(a), Cell::Integer(b)) => (Cell::Integer(b.wrapping_sub(*a)), b < a),
        (Cell::Unsigned(a), Cell::Unsigned(b)) => {
            (Cell::Integer(b.wrapping_sub(*a).cast_signed()), b < a)
        }
        _ => (Cell::Null, false),
    };
    if !(negative && non_negative) {
        return made;
    }
    match value {
        _ if !initial_zero => Cell::Null,
        Cell::Unsigned(value) => Cell::Integer(value.cast_signed()),
        value if number(value).is_some_and(|number| number >= 0.0) => value.clone(),
        value => zero_of(value),
    }
}

fn difference(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let columns = columns(call);
    let non_negative = call.boolean_or("nonNegative", false);
    let keep_first = call.boolean_or("keepFirst", false);
    let initial_zero = call.boolean_or("initialZero", false);
    each(call, move |_, mut table| {
        for label in &columns {
            let Some(column) = table.column(label) else {
                continue;
            };
            let cells = &column.cells;
            let kind = match cells.kind() {
                Kind::Float => Kind::Float,
                Kind::Integer | Kind::Unsigned => Kind::Integer,
                _ => continue,
            };
            let (mut out, mut before) = (Cells::new(kind), Cell::Null);
            for row in 0..cells.len() {
                let value = cells.get(row);
                out.push(step(&before, &value, non_negative, initial_zero));
                if value != Cell::Null {
                    before = value;
                }
            }
            replace(&mut table, label, out);
        }
        Ok(if keep_first { table } else { skip(&table, 1) })
    })
}

pub fn times(table: &Table, label: &str, who: &str) -> Result<Vec<i64>, QueryError> {
    let cells = cells_of(table, label, who)?;
    (0..cells.len())
        .map(|row| match cells.get(row) {
            Cell::Time(time) => Ok(time),
            _ => Err(invalid(format!(
                "{who}: column \"{label}\" holds a null or no times"
            ))),
        })
        .collect()
}

pub fn unit(call: &Call, name: &str) -> Result<i64, Failure> {
    let unit = call.duration(name).unwrap_or(Duration::nanoseconds(SECOND));
    if unit.months != 0 || unit.nanoseconds <= 0 {
        return Err(call.fault(format!(
            "{name} must be a positive fixed duration, got {unit}"
        )));
    }
    Ok(unit.nanoseconds)
}

fn derivative(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let columns = columns(call);
    let unit = unit(call, "unit")? as f64;
    let non_negative = call.boolean_or("nonNegative", false);
    let initial_zero = call.boolean_or("initialZero", false);
    let time_column = call.string_or("timeColumn", "_time");
    each(call, move |_, mut table| {
        let times = times(&table, &time_column, "derivative")?;
        // Of rows at one time the first counts.
        let mut kept: Vec<usize> = Vec::with_capacity(times.len());
        let mut last: Option<i64> = None;
        for (row, time) in times.iter().enumerate() {
            match last {
                Some(before) if *time < before => {
                    return Err(invalid(
                        "derivative: found out-of-order times in time column",
                    ));
                }
                Some(before) if *time == before => {}
                _ => kept.push(row),
            }
            last = Some(*time);
        }
        let mut changed = table.take(&kept);
        for label in &columns {
            let Some(column) = table.column(label) else {
                continue;
            };
            if !matches!(
                column.cells.kind(),
                Kind::Float | Kind::Integer | Kind::Unsigned
            ) {
                return Err(invalid(format!(
                    "derivative: unsupported column type {}.{}",
                    label,
                    column.cells.kind().name()
                )));
            }
            let mut out = Cells::new(Kind::Float);
            let mut before: Option<(i64, f64)> = None;
            for &row in &kept {
                let time = times.get(row).copied().unwrap_or_default();
                let Some(value) = number(&column.cells.get(row)) else {
                    out.push(Cell::Null);
                    continue;
                };
                out.push(match before {
                    None => Cell::Null,
                    Some((then, have)) => {
                        let per_unit = (time - then) as f64 / unit;
                        if !non_negative || value >= have {
                            Cell::Float((value - have) / per_unit)
                        } else if !initial_zero {
                            Cell::Null
                        } else {
                            Cell::Float(0.0)
                        }
                    }
                });
                before = Some((time, value));
            }
            replace(&mut changed, label, out);
        }
        table = skip(&changed, 1);
        Ok(table)
    })
}

fn elapsed(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let unit = unit(call, "unit")?;
    let time_column = call.string_or("timeColumn", "_time");
    let name = call.string_or("columnName", "elapsed");
    each(call, move |_, mut table| {
        let times = times(&table, &time_column, "elapsed")?;
        let mut out = Cells::new(Kind::Integer);
        let mut before = times.first().copied().unwrap_or_default();
        for time in times {
            out.push(Cell::Integer((time - before) / unit));
            before = time;
        }
        replace(&mut table, &name, out);
        Ok(skip(&table, 1))
    })
}

fn positive(call: &Call) -> Result<usize, Failure> {
    call.count("n", 1, 1)
}

fn moving_average(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let n = positive(call)?;
    each(call, move |ctx, table| {
        let values = numbers(cells_of(&table, VALUE, "movingAverage")?, "movingAverage")?;
        let mean = |part: &[Option<f64>]| {
            let present: Vec<f64> = part.iter().flatten().copied().collect();
            match present.len() {
                0 => Cell::Null,
                count => Cell::Float(present.iter().sum::<f64>() / count as f64),
            }
        };
        let mut out = Cells::new(Kind::Float);
        let kept = if values.len() < n {
            if !values.is_empty() {
                out.push(mean(&values));
            }
            values.len().saturating_sub(1)
        } else {
            for part in values.windows(n) {
                ctx.check()?;
                out.push(mean(part));
            }
            n - 1
        };
        let mut made = skip(&table, kept);
        replace(&mut made, VALUE, out);
        Ok(made)
    })
}

/// Exponential averages of the values that are there; none before `n` of them were seen.
fn ema(values: &[Option<f64>], n: usize) -> Vec<Option<f64>> {
    let factor = 2.0 / (n as f64 + 1.0);
    let (mut seen, mut sum, mut average) = (0_usize, 0.0, 0.0);
    let mut out = Vec::with_capacity(values.len());
    for value in values {
        if let Some(value) = value {
            seen += 1;
            sum += value;
            if seen == n {
                average = sum / n as f64;
            } else if seen > n {
                average = value * factor + average * (1.0 - factor);
            }
        }
        out.push((seen >= n).then_some(average));
    }
    out
}

fn exponential_moving_average(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let n = positive(call)?;
    each(call, move |_, table| {
        let who = "exponentialMovingAverage";
        let values = numbers(cells_of(&table, VALUE, who)?, who)?;
        let present = values.iter().flatten().count();
        if present < n && present > 0 {
            let mut made = skip(&table, table.rows().saturating_sub(1));
            let sum: f64 = values.iter().flatten().sum();
            let mut out = Cells::new(Kind::Float);
            out.push(Cell::Float(sum / present as f64));
            replace(&mut made, VALUE, out);
            return Ok(made);
        }
        let averages = ema(&values, n);
        Ok(with_present(&table, VALUE, &averages))
    })
}

/// The rows that have a value, with it.
fn with_present(table: &Table, label: &str, values: &[Option<f64>]) -> Table {
    let rows: Vec<usize> = values
        .iter()
        .enumerate()
        .filter_map(|(row, value)| value.map(|_| row))
        .collect();
    let mut made = table.take(&rows);
    let out = Cells::Float(values.iter().flatten().map(|value| Some(*value)).collect());
    replace(&mut made, label, out);
    made
}

fn triple_exponential_derivative(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let n = positive(call)?;
    each(call, move |_, table| {
        let who = "tripleExponentialDerivative";
        let values = numbers(cells_of(&table, VALUE, who)?, who)?;
        let third = ema(&ema(&ema(&values, n), n), n);
        let mut out = vec![None];
        for pair in third.windows(2) {
            out.push(match pair {
                [Some(a), Some(b)] => Some((b / a - 1.0) * 100.0),
                _ => None,
            });
        }
        out.truncate(values.len());
        Ok(with_present(&table, VALUE, &out))
    })
}

/// Gains and losses from one value to the next.
fn moves(values: &[Option<f64>]) -> Vec<(f64, f64)> {
    values
        .windows(2)
        .map(|pair| match pair {
            [Some(a), Some(b)] if b > a => (b - a, 0.0),
            [Some(a), Some(b)] => (0.0, a - b),
            _ => (0.0, 0.0),
        })
        .collect()
}

fn per_column(
    call: &Call,
    compute: impl Fn(&QueryContext, &[Option<f64>]) -> Result<Vec<Option<f64>>, QueryError>
    + Send
    + Sync
    + 'static,
    skipped: usize,
) -> Result<Value, Failure> {
    let (columns, who) = (columns(call), call.function);
    each(call, move |ctx, table| {
        let mut made = skip(&table, skipped);
        for label in &columns {
            let values = numbers(cells_of(&table, label, who)?, who)?;
            let out = compute(ctx, &values)?;
            replace(
                &mut made,
                label,
                Cells::Float(out.into_iter().skip(skipped).collect()),
            );
        }
        Ok(made)
    })
}

fn relative_strength_index(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let n = positive(call)?;
    let compute = move |ctx: &QueryContext, values: &[Option<f64>]| {
        ctx.check()?;
        let count = n as f64;
        let (mut gain, mut loss) = (0.0, 0.0);
        let mut out = vec![None];
        for (at, (up, down)) in moves(values).into_iter().enumerate() {
            if at < n {
                gain += up / count;
                loss += down / count;
            } else {
                gain = (gain * (count - 1.0) + up) / count;
                loss = (loss * (count - 1.0) + down) / count;
            }
            out.push((at + 1 >= n).then(|| 100.0 - 100.0 / (1.0 + gain / loss)));
        }
        Ok(out)
    };
    per_column(call, compute, n)
}

fn chande(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let n = positive(call)?;
    let compute = move |ctx: &QueryContext, values: &[Option<f64>]| {
        let mut out = vec![None; n.min(values.len())];
        for part in moves(values).windows(n) {
            ctx.check()?;
            let gain: f64 = part.iter().map(|(up, _)| up).sum();
            let loss: f64 = part.iter().map(|(_, down)| down).sum();
            out.push(Some(100.0 * (gain - loss) / (gain + loss)));
        }
        Ok(out)
    };
    per_column(call, compute, n)
}

/// How straight the last `n` moves went: net change by the sum of changes.
fn efficiency(
    ctx: &QueryContext,
    values: &[Option<f64>],
    n: usize,
) -> Result<Vec<Option<f64>>, QueryError> {
    let mut out = vec![None; n.min(values.len())];
    for part in moves(values).windows(n) {
        ctx.check()?;
        let gain: f64 = part.iter().map(|(up, _)| up).sum();
        let loss: f64 = part.iter().map(|(_, down)| down).sum();
        out.push(Some((gain - loss).abs() / (gain + loss)));
    }
    Ok(out)
}

fn kaufmans_er(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let n = positive(call)?;
    per_column(call, move |ctx, values| efficiency(ctx, values, n), n)
}

fn kaufmans_ama(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let n = positive(call)?;
    let column = call.string_or("column", VALUE);
    each(call, move |ctx, table| {
        let values = numbers(cells_of(&table, &column, "kaufmansAMA")?, "kaufmansAMA")?;
        let ratios = efficiency(ctx, &values, n)?;
        let mut average = values.get(n.saturating_sub(1)).copied().flatten();
        let mut out = Vec::new();
        for (value, ratio) in values.iter().zip(&ratios).skip(n) {
            let (fast, slow) = (2.0 / 3.0, 2.0 / 31.0);
            let smooth = (ratio.unwrap_or(0.0) * (fast - slow) + slow).powi(2);
            let before = average.or(*value).unwrap_or(0.0);
            average = Some(before + smooth * (value.unwrap_or(before) - before));
            out.push(average);
        }
        let mut made = skip(&table, n);
        replace(&mut made, &column, Cells::Float(out));
        Ok(made)
    })
}

fn hour_selection(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let start = call.integer("start").unwrap_or_default();
    let stop = call.integer("stop").unwrap_or_default();
    let time_column = call.string_or("timeColumn", "_time");
    let zone = crate::query::flux::stdlib::zone::of_call(evaluator, call)?;
    each(call, move |_, table| {
        let cells = cells_of(&table, &time_column, "hourSelection")?;
        let chosen = |row: &usize| match cells.get(*row) {
            Cell::Time(time) => {
                let hour = zone.local(time).div_euclid(3600 * SECOND).rem_euclid(24);
                if start <= stop {
                    start <= hour && hour <= stop
                } else {
                    hour >= start || hour <= stop
                }
            }
            _ => false,
        };
        let rows: Vec<usize> = (0..table.rows()).filter(chosen).collect();
        Ok(table.take(&rows))
    })
}

fn sample(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let n = positive(call)?;
    let pos = call.integer("pos").unwrap_or(-1);
    // Without a position any row of the first `n` will do.
    let from = usize::try_from(pos).unwrap_or(0);
    if from >= n {
        return Err(call.fault(format!("pos must be less than n, got {pos}")));
    }
    each(call, move |_, table| {
        Ok(table.take(&(from..table.rows()).step_by(n).collect::<Vec<_>>()))
    })
}

fn time_shift(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let shift = call.duration("duration").unwrap_or_default();
    let columns = call
        .strings("columns")
        .unwrap_or_else(|| ["_start", "_stop", "_time"].map(str::to_owned).to_vec());
    each(call, move |_, mut table| {
        for label in &columns {
            let Some(column) = table.column(label) else {
                continue;
            };
            if column.cells.kind() != Kind::Time {
                continue;
            }
            let mut out = Cells::new(Kind::Time);
            for row in 0..column.cells.len() {
                out.push(match column.cells.get(row) {
                    Cell::Time(time) => shift.add_to(time).map_or(Cell::Null, Cell::Time),
                    other => other,
                });
            }
            if let Some(Cell::Time(time)) = table.key.get(label).cloned() {
                let moved = shift.add_to(time).map_or(Cell::Null, Cell::Time);
                table.key = table.key.with(label, moved);
            }
            replace(&mut table, label, out);
        }
        Ok(table)
    })
}
