//! Functions that change columns and group keys.

use super::{VALUE, transformation};
use crate::query::context::QueryError;
use crate::query::flux::ast::Name;
use crate::query::flux::error::{Failure, FluxError};
use crate::query::flux::eval::{Argument, Evaluator};
use crate::query::flux::row;
use crate::query::flux::span::Span;
use crate::query::flux::stdlib::tables::regroup;
use crate::query::flux::stdlib::{Accepts, Builtin, Call, Parameter};
use crate::query::flux::stream::Stream;
use crate::query::flux::value::{Function, Value};
use crate::query::plan::{Grouping, Node};
use crate::query::table::{Column, GroupKey, Table, Value as CellValue};
use std::sync::Arc;

transformation!(
    GROUP,
    "group",
    group,
    [
        Parameter::optional("columns", Accepts::Strings),
        Parameter::optional("mode", Accepts::String),
    ]
);
transformation!(
    KEEP,
    "keep",
    keep,
    [
        Parameter::optional("columns", Accepts::Strings),
        Parameter::optional("fn", Accepts::Function),
    ]
);
transformation!(
    DROP,
    "drop",
    drop_columns,
    [
        Parameter::optional("columns", Accepts::Strings),
        Parameter::optional("fn", Accepts::Function),
    ]
);
transformation!(
    RENAME,
    "rename",
    rename,
    [
        Parameter::optional("columns", Accepts::Record),
        Parameter::optional("fn", Accepts::Function),
    ]
);
transformation!(
    DUPLICATE,
    "duplicate",
    duplicate,
    [
        Parameter::required("column", Accepts::String),
        Parameter::required("as", Accepts::String),
    ]
);
transformation!(
    SET,
    "set",
    set,
    [
        Parameter::required("key", Accepts::String),
        Parameter::required("value", Accepts::String),
    ]
);
transformation!(
    PIVOT,
    "pivot",
    pivot,
    [
        Parameter::required("rowKey", Accepts::Strings),
        Parameter::required("columnKey", Accepts::Strings),
        Parameter::required("valueColumn", Accepts::String),
    ]
);

pub(super) fn tables(node: Node) -> Value {
    Value::Stream(Stream::tables(Arc::new(node)))
}

fn group(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let columns = call.strings("columns").unwrap_or_default();
    let by = match call.string_or("mode", "by").as_str() {
        "by" => Grouping::By(columns),
        "except" => Grouping::Except(columns),
        other => {
            let message = format!("invalid mode {other:?}: must be \"by\" or \"except\"");
            return Err(FluxError::check(call.span_of("mode"), message).into());
        }
    };
    Ok(tables(Node::Group {
        input: call.tables()?,
        by,
    }))
}

/// The columns that the call names, when it does not give a function of names instead.
fn named_columns(call: &Call) -> Result<Vec<String>, Failure> {
    call.strings("columns")
        .ok_or_else(|| FluxError::check(call.span, "missing required argument columns").into())
}

/// Tables of one row, `column`: the label that a function is asked about.
fn asked(label: &str) -> Table {
    Table {
        key: GroupKey::default(),
        columns: vec![Column::constant("column", CellValue::string(label), 1)],
    }
}

/// Without the columns for which the function says `unwanted`.
fn dropped_by(
    evaluator: &mut Evaluator<'_>,
    call: &Call,
    function: &Function,
    unwanted: bool,
) -> Result<Value, Failure> {
    let span = call.span_of("fn");
    let made = of_label(evaluator, function, span)?;
    let cell = row::to_cell(&made).map_err(|reason| row::fault(span, &reason))?;
    let predicate = Arc::unwrap_or_clone(cell.expr);
    regroup(call, move |_, mut table| {
        let mut dropped: Vec<Name> = Vec::new();
        for column in &table.columns {
            if predicate.holds(&asked(&column.label), 0)? == unwanted {
                dropped.push(Arc::clone(&column.label));
            }
        }
        table
            .columns
            .retain(|column| !dropped.contains(&column.label));
        table.key = table
            .key
            .without(|label| dropped.iter().any(|have| **have == *label));
        Ok(vec![table])
    })
}

fn keep(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    if let Some(function) = call.function("fn") {
        return dropped_by(evaluator, call, &function, false);
    }
    let columns = named_columns(call)?;
    Ok(tables(Node::Keep {
        input: call.tables()?,
        columns,
    }))
}

fn drop_columns(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    if let Some(function) = call.function("fn") {
        return dropped_by(evaluator, call, &function, true);
    }
    let columns = named_columns(call)?;
    Ok(tables(Node::Drop {
        input: call.tables()?,
        columns,
    }))
}

/// Renames all columns by a function of their names.
fn rename_by(
    evaluator: &mut Evaluator<'_>,
    call: &Call,
    function: &Function,
) -> Result<Value, Failure> {
    let span = call.span_of("fn");
    let made = of_label(evaluator, function, span)?;
    let cell = row::to_cell(&made).map_err(|reason| row::fault(span, &reason))?;
    let expr = Arc::unwrap_or_clone(cell.expr);
    regroup(call, move |_, table| {
        let mut names = Vec::with_capacity(table.columns.len());
        for column in &table.columns {
            match expr.eval(&asked(&column.label), 0)? {
                CellValue::String(name) => names.push((column.label.to_string(), name.to_string())),
                _ => {
                    let message = "rename: fn must return a string";
                    return Err(QueryError::Invalid(message.to_owned()));
                }
            }
        }
        crate::query::exec::rows::rename(table, &names).map(|table| vec![table])
    })
}

/// The function's value of a label that is only known per table.
fn of_label(
    evaluator: &mut Evaluator<'_>,
    function: &Function,
    span: Span,
) -> Result<Value, Failure> {
    let label = Value::Cell(row::Cell::column(&"column".into()));
    evaluator.call_function(function, vec![Argument::named("column", label, span)], span)
}

fn rename(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    if let Some(function) = call.function("fn") {
        return rename_by(evaluator, call, &function);
    }
    let Some(record) = call.record("columns") else {
        return Err(FluxError::check(call.span, "missing required argument columns").into());
    };
    let mut columns = Vec::with_capacity(record.len());
    for (from, to) in record.iter() {
        match to {
            Value::String(to) => columns.push((from.to_string(), to.to_string())),
            other => {
                let message = format!(
                    "expected string but found {} (label {from})",
                    other.type_name()
                );
                return Err(FluxError::check(call.span_of("columns"), message).into());
            }
        }
    }
    Ok(tables(Node::Rename {
        input: call.tables()?,
        columns,
    }))
}

fn duplicate(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let column = call.string_or("column", VALUE);
    let into = call.string_or("as", VALUE);
    Ok(tables(Node::Duplicate {
        input: call.tables()?,
        column,
        into,
    }))
}

fn set(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let (key, value) = (call.string_or("key", ""), call.string_or("value", ""));
    Ok(tables(Node::Set {
        input: call.tables()?,
        key,
        value,
    }))
}

fn pivot(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let row_key = call.strings("rowKey").unwrap_or_default();
    let column_key = call.strings("columnKey").unwrap_or_default();
    if let Some(both) = row_key.iter().find(|name| column_key.contains(name)) {
        return Err(call.fault(format!(
            "column {both:?} is both in rowKey and in columnKey"
        )));
    }
    if column_key.is_empty() {
        return Err(call.fault("columnKey must name at least one column"));
    }
    let value_column = call.string_or("valueColumn", VALUE);
    Ok(tables(Node::Pivot {
        input: call.tables()?,
        row_key,
        column_key,
        value_column,
    }))
}
