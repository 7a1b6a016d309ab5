//! Functions that change columns and group keys.

use super::{VALUE, transformation};
use crate::query::flux::error::{Failure, FluxError};
use crate::query::flux::eval::Evaluator;
use crate::query::flux::stdlib::{Accepts, Builtin, Call, Parameter};
use crate::query::flux::stream::Stream;
use crate::query::flux::value::Value;
use crate::query::plan::{Grouping, Node};
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

/// The columns of a function that takes either names or a function of names.
fn named_columns(call: &Call) -> Result<Vec<String>, Failure> {
    if call.has("fn") {
        let message = format!("parameter fn of {} is not supported yet", call.function);
        return Err(FluxError::check(call.span_of("fn"), message).into());
    }
    call.strings("columns")
        .ok_or_else(|| FluxError::check(call.span, "missing required argument columns").into())
}

fn keep(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let columns = named_columns(call)?;
    Ok(tables(Node::Keep {
        input: call.tables()?,
        columns,
    }))
}

fn drop_columns(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let columns = named_columns(call)?;
    Ok(tables(Node::Drop {
        input: call.tables()?,
        columns,
    }))
}

fn rename(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    if call.has("fn") {
        let message = "parameter fn of rename is not supported yet";
        return Err(FluxError::check(call.span_of("fn"), message).into());
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
