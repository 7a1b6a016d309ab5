//! Transformations of one table, row by row or column by column.

use super::compare;
use super::group::divide_by;
use crate::query::context::{QueryContext, QueryError};
use crate::query::expr::{BinaryOp, Expr};
use crate::query::plan::Fill;
use crate::query::table::{Cells, Column, GroupKey, Kind, Table, Value};
use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

/// Rows after which the deadline is looked at again.
const CHECK_ROWS: usize = 4096;

pub fn filter(ctx: &QueryContext, table: Table, predicate: &Expr) -> Result<Table, QueryError> {
    let mut rows = Vec::new();
    if let Some(passes) = compare::passing(predicate, &table) {
        rows.extend(
            (0..table.rows())
                .zip(passes)
                .filter(|(_, p)| *p)
                .map(|(row, _)| row),
        );
    } else {
        for row in 0..table.rows() {
            if row % CHECK_ROWS == 0 {
                ctx.check()?;
            }
            if predicate.holds(&table, row)? {
                rows.push(row);
            }
        }
    }
    Ok(if rows.len() == table.rows() {
        table
    } else {
        table.take(&rows)
    })
}

pub fn map(
    ctx: &QueryContext,
    table: &Table,
    columns: &[(Arc<str>, Expr)],
    extend: bool,
) -> Result<Vec<Table>, QueryError> {
    let rows = table.rows();
    let mut mapped: Vec<Column> = Vec::new();
    if extend {
        mapped.extend(table.columns.iter().cloned());
    }
    for (label, expr) in columns {
        let cells = match expr {
            // A column taken over as it is keeps its form.
            Expr::Column(from) if table.column(from).is_some() => table
                .column(from)
                .map(|column| column.cells.clone())
                .unwrap_or(Cells::new(Kind::Float)),
            Expr::Literal(value) if *value != Value::Null => {
                Column::constant("", value.clone(), rows).cells
            }
            _ => match computed(ctx, table, expr, rows)? {
                Some(cells) => cells,
                // A conversion of a column of nulls has the type that it converts to.
                None if rows > 0
                    && let Some(kind) = known_kind(table, expr) =>
                {
                    Cells::Constant(Value::Null, kind, rows)
                }
                // Nothing but nulls has no type, and is no column.
                None => {
                    mapped.retain(|column| column.label != *label);
                    continue;
                }
            },
        };
        match mapped.iter_mut().find(|column| column.label == *label) {
            Some(column) => column.cells = cells,
            None => mapped.push(Column::new(Arc::clone(label), cells)),
        }
    }
    let labels: Vec<Arc<str>> = table
        .key
        .parts()
        .iter()
        .map(|(label, _)| Arc::clone(label))
        .collect();
    let kept: Vec<Arc<str>> = labels
        .into_iter()
        .filter(|label| mapped.iter().any(|c| c.label == *label))
        .collect();
    let changed = kept
        .iter()
        .any(|label| columns.iter().any(|(name, _)| name == label));
    let key = table
        .key
        .without(|label| !kept.iter().any(|have| &**have == label));
    let out = Table {
        key,
        columns: mapped,
    };
    Ok(if changed {
        regrouped(out, &kept)
    } else {
        vec![out]
    })
}

/// The type that the results have, whatever the values are.
fn known_kind(table: &Table, expr: &Expr) -> Option<Kind> {
    let known = |expr: &Expr| match expr {
        Expr::Column(label) => table.column(label).is_some(),
        Expr::Literal(value) => value.kind().is_some(),
        inner => known_kind(table, inner).is_some(),
    };
    match expr {
        Expr::Binary(BinaryOp::And | BinaryOp::Or, left, right) => {
            (known(left) || known(right)).then_some(Kind::Boolean)
        }
        Expr::Convert(kind, operand) => match &**operand {
            Expr::Column(label) if table.column(label).is_some() => Some(*kind),
            _ => None,
        },
        _ => None,
    }
}

/// Divides by columns that are in the group key and were computed anew.
fn regrouped(mut table: Table, labels: &[Arc<str>]) -> Vec<Table> {
    table.key = GroupKey::default();
    divide_by(table, labels)
}

/// `None` when all values are null.
fn computed(
    ctx: &QueryContext,
    table: &Table,
    expr: &Expr,
    rows: usize,
) -> Result<Option<Cells>, QueryError> {
    let mut cells: Option<Cells> = None;
    let mut nulls = 0;
    for row in 0..rows {
        if row % CHECK_ROWS == 0 {
            ctx.check()?;
        }
        let value = expr.eval(table, row)?;
        match (&mut cells, value.kind()) {
            (None, None) => nulls += 1,
            (None, Some(kind)) => {
                let mut first = Cells::new(kind);
                (0..nulls).for_each(|_| first.push(Value::Null));
                first.push(value);
                cells = Some(first);
            }
            (Some(cells), Some(kind)) if kind != cells.kind() => {
                return Err(QueryError::Invalid(format!(
                    "map: a column has values of type {} and {}",
                    cells.kind().name(),
                    kind.name()
                )));
            }
            (Some(cells), _) => cells.push(value),
        }
    }
    Ok(cells)
}

/// Without some columns; those of the group key leave it.
pub fn without(table: Table, unwanted: impl Fn(&str) -> bool) -> Table {
    let key = table.key.without(&unwanted);
    let columns = table
        .columns
        .into_iter()
        .filter(|column| !unwanted(&column.label));
    Table {
        key,
        columns: columns.collect(),
    }
}

pub fn rename(table: Table, names: &[(String, String)]) -> Result<Table, QueryError> {
    if let Some((missing, _)) = names.iter().find(|(from, _)| table.column(from).is_none()) {
        return Err(QueryError::Invalid(format!(
            "rename: rename error: column \"{missing}\" doesn't exist"
        )));
    }
    let new_name = |label: &Arc<str>| -> Arc<str> {
        let found = names.iter().find(|(from, _)| **from == **label);
        found.map_or_else(|| Arc::clone(label), |(_, to)| to.as_str().into())
    };
    let parts = table.key.parts().iter();
    let key = GroupKey::new(
        parts
            .map(|(label, value)| (new_name(label), value.clone()))
            .collect(),
    );
    let columns: Vec<Column> = table
        .columns
        .iter()
        .map(|c| Column::new(new_name(&c.label), c.cells.clone()))
        .collect();
    let mut seen = HashSet::new();
    match columns.iter().find(|column| !seen.insert(&column.label)) {
        Some(twice) => Err(QueryError::Invalid(format!(
            "rename: two columns would be \"{}\"",
            twice.label
        ))),
        None => Ok(Table { key, columns }),
    }
}

pub fn duplicate(mut table: Table, column: &str, into: &str) -> Result<Table, QueryError> {
    let cells = table
        .column(column)
        .map(|column| column.cells.clone())
        .ok_or_else(|| QueryError::Invalid(format!("duplicate: no column \"{column}\" exists")))?;
    match table
        .position(into)
        .and_then(|at| table.columns.get_mut(at))
    {
        Some(have) => have.cells = cells,
        None => table.columns.push(Column::new(into, cells)),
    }
    table.key = match table.key.get(column).cloned() {
        Some(value) if table.key.has(into) => table.key.with(into, value),
        _ => table.key.without(|label| label == into),
    };
    Ok(table)
}

pub fn set(mut table: Table, label: &str, value: &str) -> Table {
    let rows = table.rows();
    let column = Column::constant(label, Value::string(value), rows);
    if table.key.has(label) {
        table.key = table.key.with(label, Value::string(value));
    }
    match table
        .position(label)
        .and_then(|at| table.columns.get_mut(at))
    {
        Some(have) => *have = column,
        None => table.columns.push(column),
    }
    table
}

pub fn limit(table: &Table, n: usize, offset: usize) -> Table {
    let rows = table.rows();
    table.take(&(offset.min(rows)..offset.saturating_add(n).min(rows)).collect::<Vec<_>>())
}

pub fn tail(table: &Table, n: usize, offset: usize) -> Table {
    let stop = table.rows().saturating_sub(offset);
    table.take(&(stop.saturating_sub(n)..stop).collect::<Vec<_>>())
}

/// Stable; null comes first, or last when descending.
pub fn sort(table: &Table, columns: &[String], descending: bool) -> Table {
    let by: Vec<&Column> = columns
        .iter()
        .filter_map(|label| table.column(label))
        .collect();
    let mut rows: Vec<usize> = (0..table.rows()).collect();
    rows.sort_by(|&a, &b| {
        let orders = by
            .iter()
            .map(|column| column.cells.get(a).total_cmp(&column.cells.get(b)));
        let order = orders
            .into_iter()
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal);
        if descending { order.reverse() } else { order }
    });
    table.take(&rows)
}

/// The group key and the distinct values as `_value`.
pub fn distinct(table: &Table, column: &str) -> Result<Table, QueryError> {
    let rows = first_rows(table, column);
    let kind = table
        .column(column)
        .map_or(Kind::String, |column| column.cells.kind());
    let mut values = Cells::new(kind);
    rows.iter()
        .for_each(|&row| values.push(table.value(column, row)));
    let in_key = |c: &&Column| table.key.has(&c.label) && &*c.label != "_value";
    let mut columns: Vec<Column> = table
        .columns
        .iter()
        .filter(in_key)
        .map(|c| Column::new(Arc::clone(&c.label), c.cells.take(&rows)))
        .collect();
    columns.push(Column::new("_value", values));
    Ok(Table {
        key: table.key.without(|label| label == "_value"),
        columns,
    })
}

pub fn unique(table: &Table, column: &str) -> Result<Table, QueryError> {
    if table.column(column).is_none() {
        return Err(QueryError::Invalid(format!(
            "unique: no column \"{column}\" exists"
        )));
    }
    Ok(table.take(&first_rows(table, column)))
}

/// First row of each distinct value; none without the column.
fn first_rows(table: &Table, label: &str) -> Vec<usize> {
    let Some(column) = table.column(label) else {
        return Vec::new();
    };
    if let Cells::Constant(..) = column.cells {
        return (0..table.rows().min(1)).collect();
    }
    let mut seen = HashSet::new();
    (0..table.rows())
        .filter(|&row| seen.insert(identity(&column.cells.get(row))))
        .collect()
}

/// Something hashable that is equal for equal values.
fn identity(value: &Value) -> (u8, u64, Option<Arc<str>>) {
    match value {
        Value::Null => (0, 0, None),
        Value::Float(number) => (1, number.to_bits(), None),
        Value::Integer(number) => (2, number.cast_unsigned(), None),
        Value::Unsigned(number) => (3, *number, None),
        Value::Boolean(value) => (4, u64::from(*value), None),
        Value::Time(time) => (5, time.cast_unsigned(), None),
        Value::String(text) => (6, 0, Some(Arc::clone(text))),
    }
}

pub fn fill(mut table: Table, label: &str, with: &Fill) -> Result<Table, QueryError> {
    let Some(at) = table.position(label) else {
        // A column that is not there is filled wholly, or has nothing to fill from.
        if let Fill::Value(value) = with {
            let column = Column::constant(label, value.clone(), table.rows());
            table.columns.push(column);
        }
        return Ok(table);
    };
    let Some(column) = table.columns.get_mut(at) else {
        return Ok(table);
    };
    let kind = column.cells.kind();
    if let Fill::Value(value) = with
        && value.kind() != Some(kind)
    {
        return Err(QueryError::Invalid(format!(
            "fill: column \"{label}\" is of type {}, the value of type {}",
            kind.name(),
            value.kind().map_or("null", Kind::name)
        )));
    }
    let mut filled = Cells::new(kind);
    let mut previous = Value::Null;
    for row in 0..column.cells.len() {
        let value = match (column.cells.get(row), with) {
            (Value::Null, Fill::Value(value)) => value.clone(),
            (Value::Null, Fill::Previous) => previous.clone(),
            (value, _) => value,
        };
        previous = value.clone();
        filled.push(value);
    }
    column.cells = filled;
    Ok(table)
}
