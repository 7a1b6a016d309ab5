//! `join`: rows of two streams that agree on some columns.

use super::series::invalid;
use crate::query::context::{QueryContext, QueryError};
use crate::query::flux::error::{Failure, FluxError};
use crate::query::flux::eval::Evaluator;
use crate::query::flux::stdlib::tables::whole;
use crate::query::flux::stdlib::{Accepts, Builtin, Call, Parameter};
use crate::query::flux::value::Value;
use crate::query::table::{Cells, Column, GroupKey, Table, Value as Cell};
use std::collections::HashMap;
use std::sync::Arc;

pub static JOIN: Builtin = Builtin {
    name: "join",
    parameters: &[
        Parameter::required("tables", Accepts::Record),
        Parameter::optional("on", Accepts::Strings),
        Parameter::optional("method", Accepts::String),
    ],
    run: join,
};

/// Labels of one side: what a column is called in the joined table.
struct Side {
    name: String,
}

fn join(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let record = call.record("tables").unwrap_or_default();
    let (mut inputs, mut names) = (Vec::new(), Vec::new());
    for (name, value) in record.iter() {
        let Value::Stream(stream) = value else {
            let message = format!("expected stream[A] but found {}", value.type_name());
            return Err(FluxError::check(call.span_of("tables"), message).into());
        };
        inputs.push(stream.clone().bounded()?);
        names.push(name.to_string());
    }
    let [left, right] = names.as_slice() else {
        return Err(call.fault("tables must hold exactly two streams"));
    };
    if call.string_or("method", "inner") != "inner" {
        return Err(call.fault("only the method \"inner\" is supported"));
    }
    let on = call.strings("on").unwrap_or_default();
    if on.is_empty() {
        return Err(call.fault("on must name at least one column"));
    }
    let (left, right) = (
        Side { name: left.clone() },
        Side {
            name: right.clone(),
        },
    );
    Ok(whole(call, inputs, move |ctx, inputs| {
        let mut inputs = inputs.into_iter();
        let lefts = inputs.next().unwrap_or_default();
        let rights = inputs.next().unwrap_or_default();
        let mut out = Vec::new();
        for a in &lefts {
            for b in &rights {
                ctx.check()?;
                out.extend(joined(ctx, (a, &left), (b, &right), &on)?);
            }
        }
        Ok(out)
    }))
}

/// Values that have to agree, in a form that can be looked up; none if one is null.
fn key_of(table: &Table, on: &[String], row: usize) -> Option<Vec<String>> {
    on.iter()
        .map(|label| match table.value(label, row) {
            Cell::Null => None,
            value => Some(format!("{value:?}")),
        })
        .collect()
}

fn joined(
    ctx: &QueryContext,
    (a, left): (&Table, &Side),
    (b, right): (&Table, &Side),
    on: &[String],
) -> Result<Option<Table>, QueryError> {
    // Columns of both group keys that must agree decide for whole tables.
    for label in on {
        if let (Some(a), Some(b)) = (a.key.get(label), b.key.get(label))
            && a != b
        {
            return Ok(None);
        }
    }
    let mut places: HashMap<Vec<String>, Vec<usize>> = HashMap::new();
    for row in 0..b.rows() {
        if let Some(key) = key_of(b, on, row) {
            places.entry(key).or_default().push(row);
        }
    }
    let (mut left_rows, mut right_rows) = (Vec::new(), Vec::new());
    for row in 0..a.rows() {
        ctx.check()?;
        let found = key_of(a, on, row).and_then(|key| places.get(&key));
        for &other in found.into_iter().flatten() {
            ctx.take_memory(32)?;
            left_rows.push(row);
            right_rows.push(other);
        }
    }
    if left_rows.is_empty() {
        return Ok(None);
    }
    let label_of = |label: &str, other: &Table, side: &Side| -> Arc<str> {
        let shared = on.iter().any(|have| have == label);
        if shared || other.column(label).is_none() {
            label.into()
        } else {
            format!("{label}_{}", side.name).into()
        }
    };
    let mut columns: Vec<Column> = Vec::new();
    let mut key: Vec<(Arc<str>, Cell)> = Vec::new();
    for (table, other, side, rows) in [(a, b, left, &left_rows), (b, a, right, &right_rows)] {
        for column in &table.columns {
            let label = label_of(&column.label, other, side);
            if let Some(value) = table.key.get(&column.label)
                && !key.iter().any(|(have, _)| *have == label)
            {
                key.push((Arc::clone(&label), value.clone()));
            }
            if columns.iter().any(|have| have.label == label) {
                continue;
            }
            let cells: Cells = column.cells.take(rows);
            columns.push(Column::new(label, cells));
        }
    }
    if columns.is_empty() {
        return Err(invalid("join: the tables have no columns"));
    }
    Ok(Some(Table {
        key: GroupKey::new(key),
        columns,
    }))
}
