//! Aggregates and selectors over one table.

use crate::query::context::QueryError;
use crate::query::plan::{Aggregate, Selector};
use crate::query::table::{Cells, Column, Kind, Table, Value};

/// One row: the group key and the aggregate of the column. Nulls are not counted.
pub fn aggregate(table: &Table, function: Aggregate, column: &str) -> Result<Table, QueryError> {
    let cells = &wanted(table, column, "aggregate")?.cells;
    let (value, kind) = value_of(cells, 0..cells.len(), function)?;
    let parts = table.key.parts().iter();
    // The columns of the group key stay in the order of the table.
    let mut columns: Vec<Column> = table
        .columns
        .iter()
        .filter(|have| &*have.label != column)
        .filter_map(|have| {
            let value = table.key.get(&have.label)?;
            let cells = Cells::Constant(value.clone(), have.cells.kind(), 1);
            Some(Column::new(have.label.clone(), cells))
        })
        .collect();
    debug_assert!(columns.len() <= parts.len());
    columns.push(Column::new(column, Cells::Constant(value, kind, 1)));
    Ok(Table {
        key: table.key.without(|label| label == column),
        columns,
    })
}

/// The aggregate of some rows of a column; null when there is nothing to aggregate.
pub fn value_of(
    cells: &Cells,
    rows: std::ops::Range<usize>,
    function: Aggregate,
) -> Result<(Value, Kind), QueryError> {
    let present = || {
        rows.clone()
            .map(|row| cells.get(row))
            .filter(|value| *value != Value::Null)
    };
    if function == Aggregate::Count {
        // Flux counts nulls too.
        let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        return Ok((Value::Integer(count), Kind::Integer));
    }
    if function == Aggregate::Mean {
        let (mut sum, mut count) = (0.0, 0_u64);
        for value in present() {
            sum += number(&value)?;
            count += 1;
        }
        let mean = if count == 0 {
            Value::Null
        } else {
            Value::Float(sum / count as f64)
        };
        return Ok((mean, Kind::Float));
    }
    let mut total = Value::Null;
    for value in present() {
        total = plus(total, value)?;
    }
    Ok((total, cells.kind()))
}

fn unsupported(function: &str, kind: Kind) -> QueryError {
    QueryError::Invalid(format!(
        "unsupported input type for {function} aggregate: {}",
        kind.name()
    ))
}

/// A number that a mean is made of.
pub fn number(value: &Value) -> Result<f64, QueryError> {
    match value {
        Value::Float(number) => Ok(*number),
        Value::Integer(number) => Ok(*number as f64),
        Value::Unsigned(number) => Ok(*number as f64),
        other => Err(unsupported("mean", other.kind().unwrap_or(Kind::String))),
    }
}

/// A sum so far, null at first, and another number. Integers wrap.
pub fn plus(total: Value, value: Value) -> Result<Value, QueryError> {
    Ok(match (total, value) {
        (Value::Null, value @ (Value::Float(_) | Value::Integer(_) | Value::Unsigned(_))) => value,
        (Value::Float(a), Value::Float(b)) => Value::Float(a + b),
        (Value::Integer(a), Value::Integer(b)) => Value::Integer(a.wrapping_add(b)),
        (Value::Unsigned(a), Value::Unsigned(b)) => Value::Unsigned(a.wrapping_add(b)),
        (_, other) => return Err(unsupported("sum", other.kind().unwrap_or(Kind::String))),
    })
}

/// Whether a selector can choose among values of the type.
/// In the words that InfluxDB has for it.
fn unordered(function: &str, selector: &str, kind: Kind) -> QueryError {
    QueryError::Invalid(format!(
        "{function}: invalid use of function: *universe.{selector} has no implementation for type {}",
        kind.name()
    ))
}

pub fn check_selector(function: Selector, kind: Kind) -> Result<(), QueryError> {
    let ordered = matches!(
        kind,
        Kind::Float | Kind::Integer | Kind::Unsigned | Kind::Time
    );
    match function {
        Selector::Min if !ordered => Err(unordered("min", "MinSelector", kind)),
        Selector::Max if !ordered => Err(unordered("max", "MaxSelector", kind)),
        _ => Ok(()),
    }
}

pub fn missing(what: &str, column: &str) -> QueryError {
    QueryError::Invalid(format!("{what}: no column \"{column}\" exists"))
}

/// The selected row; no row when all values are null.
pub fn select(table: &Table, function: Selector, column: &str) -> Result<Table, QueryError> {
    let cells = &wanted(table, column, "selector")?.cells;
    let row = row_of(cells, 0..cells.len(), function)?;
    Ok(table.take(&row.into_iter().collect::<Vec<_>>()))
}

/// The row among `rows` that the selector picks. Of equal values the first.
pub fn row_of(
    cells: &Cells,
    rows: std::ops::Range<usize>,
    function: Selector,
) -> Result<Option<usize>, QueryError> {
    let mut present = rows.filter(|row| cells.get(*row) != Value::Null);
    Ok(match function {
        Selector::First => present.next(),
        Selector::Last => present.next_back(),
        Selector::Min | Selector::Max => {
            check_selector(function, cells.kind())?;
            let mut best: Option<(usize, Value)> = None;
            for row in present {
                let value = cells.get(row);
                let better = best.as_ref().is_none_or(|(_, best)| match function {
                    Selector::Min => value.total_cmp(best).is_lt(),
                    _ => value.total_cmp(best).is_gt(),
                });
                if better {
                    best = Some((row, value));
                }
            }
            best.map(|(row, _)| row)
        }
    })
}

fn wanted<'a>(table: &'a Table, column: &str, what: &str) -> Result<&'a Column, QueryError> {
    table.column(column).ok_or_else(|| missing(what, column))
}
