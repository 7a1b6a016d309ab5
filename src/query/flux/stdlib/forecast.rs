//! What is fitted to the rows of a table: `holtWinters`, the linear regression of
//! `contrib/anaisdg/statsmodels`, and `interpolate.linear`.

use super::tables::each;
use super::universe::series::{cells_of, invalid, number, numbers, replace};
use super::{Accepts, Builtin, Call, Member, Package, Parameter};
use crate::query::context::QueryError;
use crate::query::flux::error::Failure;
use crate::query::flux::eval::Evaluator;
use crate::query::flux::value::Value;
use crate::query::forecast::{Wanted, forecast};
use crate::query::plan::Duration;
use crate::query::table::{Cells, Column, Kind, Table, Value as Cell};

/// Most rows that one call may add to a table.
const ROWS_MAX: usize = 10_000_000;

pub static HOLT_WINTERS: Builtin = Builtin {
    name: "holtWinters",
    parameters: &[
        Parameter::TABLES,
        Parameter::required("n", Accepts::Integer),
        Parameter::required("interval", Accepts::Duration),
        Parameter::optional("withFit", Accepts::Boolean),
        Parameter::optional("column", Accepts::String),
        Parameter::optional("timeColumn", Accepts::String),
        Parameter::optional("seasonality", Accepts::Integer),
    ],
    run: holt_winters,
};

static LINEAR_REGRESSION: Builtin = Builtin {
    name: "linearRegression",
    parameters: &[Parameter::TABLES],
    run: linear_regression,
};

static LINEAR: Builtin = Builtin {
    name: "linear",
    parameters: &[
        Parameter::TABLES,
        Parameter::required("every", Accepts::Duration),
    ],
    run: linear,
};

pub static STATSMODELS: Package = Package {
    path: "contrib/anaisdg/statsmodels",
    name: "statsmodels",
    members: &[("linearRegression", Member::Function(&LINEAR_REGRESSION))],
};

pub static INTERPOLATE: Package = Package {
    path: "interpolate",
    name: "interpolate",
    members: &[("linear", Member::Function(&LINEAR))],
};

fn times_of(table: &Table, label: &str, who: &str) -> Result<Vec<i64>, QueryError> {
    let cells = cells_of(table, label, who)?;
    if cells.kind() != Kind::Time {
        return Err(invalid(format!(
            "{who}: column \"{label}\" is not of type time, but {}",
            cells.kind().name()
        )));
    }
    let time = |row| match cells.get(row) {
        Cell::Time(time) => Ok(time),
        _ => Err(invalid(format!(
            "{who}: found null time in column \"{label}\""
        ))),
    };
    (0..cells.len()).map(time).collect()
}

fn holt_winters(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let horizon = call.count("n", 0, 1)?;
    let season = call.count("seasonality", 0, 0)?;
    if horizon > 10_000 || season > 10_000 {
        return Err(call.fault("holtWinters: n and seasonality must be at most 10000"));
    }
    let interval = call
        .duration("interval")
        .unwrap_or(Duration::nanoseconds(0));
    if interval.months != 0 || interval.nanoseconds <= 0 {
        return Err(call.fault("holtWinters: interval must be positive and without months"));
    }
    let wanted = Wanted {
        horizon,
        season,
        with_fit: call.boolean_or("withFit", false),
        interval: interval.nanoseconds,
    };
    let column = call.string_or("column", "_value");
    let time_column = call.string_or("timeColumn", "_time");
    each(call, move |_, table| {
        let times = times_of(&table, &time_column, "holtWinters")?;
        let values = numbers(cells_of(&table, &column, "holtWinters")?, "holtWinters")?;
        let points = times.into_iter().zip(values);
        let points: Vec<(i64, f64)> = points
            .filter_map(|(time, value)| value.map(|value| (time, value)))
            .collect();
        let (mut times, mut values) = (Cells::new(Kind::Time), Cells::new(Kind::Float));
        for (time, value) in forecast(wanted, &points) {
            times.push(Cell::Time(time));
            values.push(Cell::Float(value));
        }
        let rows = times.len();
        let parts = table.key.parts().iter();
        let mut columns: Vec<Column> = parts
            .map(|(label, value)| Column::constant(label.clone(), value.clone(), rows))
            .collect();
        columns.push(Column::new(time_column.as_str(), times));
        columns.push(Column::new(column.as_str(), values));
        Ok(Table {
            key: table.key.clone(),
            columns,
        })
    })
}

/// The straight line of least squares through the values, at the numbers of their rows.
fn linear_regression(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    each(call, |_, mut table| {
        let who = "linearRegression";
        let values = numbers(cells_of(&table, "_value", who)?, who)?;
        let present: Vec<usize> = (0..values.len())
            .filter(|row| values.get(*row).is_some_and(Option::is_some))
            .collect();
        if present.len() < values.len() {
            table = table.take(&present);
        }
        let y: Vec<f64> = values.into_iter().flatten().collect();
        let x: Vec<f64> = std::iter::successors(Some(1.0), |x| Some(x + 1.0))
            .take(y.len())
            .collect();
        let n = x.last().copied().unwrap_or(0.0);
        let (sx, sy): (f64, f64) = (x.iter().sum(), y.iter().sum());
        let sxx: f64 = x.iter().map(|x| x * x).sum();
        let sxy: f64 = x.iter().zip(&y).map(|(x, y)| x * y).sum();
        let slope = (n * sxy - sx * sy) / (n * sxx - sx * sx);
        let start = (sy - slope * sx) / n;
        let at: Vec<f64> = x.iter().map(|x| slope * x + start).collect();
        let errors = y.iter().zip(&at).map(|(y, at)| (y - at) * (y - at));
        let errors = errors.collect();
        table.columns.retain(|column| &*column.label != "_value");
        let rows = y.len();
        for (label, value) in [
            ("N", n),
            ("slope", slope),
            ("sx", sx),
            ("sxx", sxx),
            ("sxy", sxy),
            ("sy", sy),
        ] {
            replace(&mut table, label, Cells::Float(vec![Some(value); rows]));
        }
        for (label, cells) in [("x", x), ("y", y), ("y_hat", at), ("errors", errors)] {
            let cells: Vec<Option<f64>> = cells.into_iter().map(Some).collect();
            replace(&mut table, label, Cells::Float(cells));
        }
        Ok(table)
    })
}

/// Rows at all multiples of `every` between the first and the last one.
fn linear(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let every = call.duration("every").unwrap_or(Duration::nanoseconds(0));
    if every.months != 0 || every.nanoseconds <= 0 {
        return Err(call.fault("interpolate.linear: every must be positive and without months"));
    }
    let every = every.nanoseconds;
    each(call, move |context, table| {
        let who = "interpolate.linear";
        let times = times_of(&table, "_time", who)?;
        let cells = cells_of(&table, "_value", who)?;
        if cells.kind() != Kind::Float {
            return Err(invalid(format!(
                "{who}: column \"_value\" is not of type float, but {}",
                cells.kind().name()
            )));
        }
        let mut out: Vec<(i64, Cell)> = Vec::new();
        let mut before: Option<(i64, f64)> = None;
        for (row, time) in times.into_iter().enumerate() {
            let cell = cells.get(row);
            if let (Some((from, low)), Some(high)) = (before, number(&cell)) {
                let mut at = (from.div_euclid(every) + 1).saturating_mul(every);
                while at < time {
                    if out.len() >= ROWS_MAX {
                        let most =
                            format!("{who}: more than {ROWS_MAX} rows; choose a larger every");
                        return Err(invalid(most));
                    }
                    let share = (at - from) as f64 / (time - from) as f64;
                    out.push((at, Cell::Float(low + (high - low) * share)));
                    at = at.saturating_add(every);
                }
                context.check()?;
            }
            before = number(&cell).map(|value| (time, value)).or(before);
            out.push((time, cell));
        }
        let rows = out.len();
        let mut columns = Vec::new();
        for column in &table.columns {
            let label = &*column.label;
            if label == "_time" || label == "_value" {
                let mut cells = Cells::new(column.cells.kind());
                for (time, value) in &out {
                    cells.push(if label == "_time" {
                        Cell::Time(*time)
                    } else {
                        value.clone()
                    });
                }
                columns.push(Column::new(label, cells));
            } else if let Some(value) = table.key.get(label) {
                columns.push(Column::constant(label, value.clone(), rows));
            }
        }
        Ok(Table {
            key: table.key.clone(),
            columns,
        })
    })
}
