//! Functions that choose, order and change rows.

use super::columns::tables;
use super::{VALUE, transformation};
use crate::query::context::{QueryContext, QueryError};
use crate::query::expr::Expr;
use crate::query::flux::error::{Failure, FluxError, Stage};
use crate::query::flux::eval::Evaluator;
use crate::query::flux::eval::rows::{RowProgram, record_of_row};
use crate::query::flux::row;
use crate::query::flux::span::Span;
use crate::query::flux::stdlib::tables::{
    Predicate, RowsBuilder, columns_of, each, of_record, predicate_of, regroup,
};
use crate::query::flux::stdlib::{Accepts, Builtin, Call, Parameter};
use crate::query::flux::value::{Function, Value};
use crate::query::plan::{self, Fill, Node};
use crate::query::table::Table;
use std::sync::Arc;

transformation!(
    FILTER,
    "filter",
    filter,
    [
        Parameter::required("fn", Accepts::Function),
        Parameter::optional("onEmpty", Accepts::String),
    ]
);
transformation!(
    MAP,
    "map",
    map,
    [
        Parameter::required("fn", Accepts::Function),
        Parameter::optional("mergeKey", Accepts::Boolean),
    ]
);
transformation!(
    LIMIT,
    "limit",
    limit,
    [
        Parameter::required("n", Accepts::Integer),
        Parameter::optional("offset", Accepts::Integer),
    ]
);
transformation!(
    TAIL,
    "tail",
    tail,
    [
        Parameter::required("n", Accepts::Integer),
        Parameter::optional("offset", Accepts::Integer),
    ]
);
transformation!(
    SORT,
    "sort",
    sort,
    [
        Parameter::optional("columns", Accepts::Strings),
        Parameter::optional("desc", Accepts::Boolean),
    ]
);
transformation!(
    TOP,
    "top",
    top,
    [
        Parameter::required("n", Accepts::Integer),
        Parameter::optional("columns", Accepts::Strings),
    ]
);
transformation!(
    BOTTOM,
    "bottom",
    bottom,
    [
        Parameter::required("n", Accepts::Integer),
        Parameter::optional("columns", Accepts::Strings),
    ]
);
transformation!(
    DISTINCT,
    "distinct",
    distinct,
    [Parameter::optional("column", Accepts::String)]
);
transformation!(
    UNIQUE,
    "unique",
    unique,
    [Parameter::optional("column", Accepts::String)]
);
transformation!(
    FILL,
    "fill",
    fill,
    [
        Parameter::optional("column", Accepts::String),
        Parameter::optional("value", Accepts::Any),
        Parameter::optional("usePrevious", Accepts::Boolean),
    ]
);
pub static UNION: Builtin = Builtin {
    name: "union",
    parameters: &[Parameter::required("tables", Accepts::Array)],
    run: union,
};

/// The predicate of the function given as argument `name`, for those that need an expression.
pub fn predicate(
    evaluator: &mut Evaluator<'_>,
    function: &Function,
    name: &str,
    span: Span,
) -> Result<Expr, Failure> {
    let value = of_record(evaluator, function, "r", span)?;
    match value {
        Value::Boolean(_) | Value::Cell(_) => {
            let cell = row::to_cell(&value).map_err(|reason| row::fault(span, &reason))?;
            Ok(Arc::unwrap_or_clone(cell.expr))
        }
        other => {
            let message = format!(
                "expected bool but found {} (argument {name})",
                other.type_name()
            );
            Err(FluxError::check(span, message).into())
        }
    }
}

fn filter(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let input = call.tables()?;
    let keep_empty = match call.string_or("onEmpty", "drop").as_str() {
        "drop" => false,
        "keep" => true,
        other => {
            let message = format!("invalid onEmpty {other:?}: must be \"keep\" or \"drop\"");
            return Err(FluxError::check(call.span_of("onEmpty"), message).into());
        }
    };
    let Some(function) = call.function("fn") else {
        return Ok(tables_of(input));
    };
    match predicate_of(evaluator, &function, "r", call.span_of("fn"))? {
        Predicate::Expression(predicate) => Ok(tables(Node::Filter {
            input,
            predicate,
            keep_empty,
        })),
        program => {
            let filtered = each(call, move |ctx, table| {
                let mut runner = program.start(ctx);
                let mut rows = Vec::new();
                for row in 0..table.rows() {
                    if runner.holds(&table, row)? {
                        rows.push(row);
                    }
                }
                Ok(table.take(&rows))
            })?;
            let Value::Stream(filtered) = filtered else {
                return Ok(filtered);
            };
            // Leaves out the tables that are empty now.
            Ok(tables(Node::Filter {
                input: filtered.bounded()?,
                predicate: Expr::Literal(crate::query::table::Value::Boolean(true)),
                keep_empty,
            }))
        }
    }
}

fn tables_of(stream: plan::Stream) -> Value {
    Value::Stream(crate::query::flux::stream::Stream::tables(stream))
}

fn map(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let input = call.tables()?;
    if call.boolean_or("mergeKey", false) {
        let message = "mergeKey of map is not supported: name the columns in the record";
        return Err(FluxError::check(call.span_of("mergeKey"), message).into());
    }
    let Some(function) = call.function("fn") else {
        return Ok(tables_of(input));
    };
    let span = call.span_of("fn");
    let made = match of_record(evaluator, &function, "r", span) {
        Err(Failure::Flux(error)) if error.stage != Stage::Limit => {
            let program = evaluator.row_program(&function, span)?;
            return regroup(call, move |ctx, table| mapped(ctx, &table, &program));
        }
        made => made?,
    };
    let (extend, columns) = columns_of(made, span)?;
    Ok(tables(Node::Map {
        input,
        columns,
        extend,
    }))
}

/// Runs the function for each row.
fn mapped(
    ctx: &QueryContext,
    table: &Table,
    program: &RowProgram,
) -> Result<Vec<Table>, QueryError> {
    let mut runner = program.start(ctx);
    let mut made = RowsBuilder::default();
    for row in 0..table.rows() {
        made.add(runner.call(vec![("r", record_of_row(table, row))])?, "map")?;
    }
    Ok(made.finish(&table.columns, &table.key))
}

fn limit(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let (n, offset) = (call.count("n", 0, 0)?, call.count("offset", 0, 0)?);
    Ok(tables(Node::Limit {
        input: call.tables()?,
        n,
        offset,
    }))
}

fn tail(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let (n, offset) = (call.count("n", 0, 0)?, call.count("offset", 0, 0)?);
    Ok(tables(Node::Tail {
        input: call.tables()?,
        n,
        offset,
    }))
}

fn sorted(call: &Call, descending: bool) -> Result<plan::Stream, Failure> {
    let columns = call
        .strings("columns")
        .unwrap_or_else(|| vec![VALUE.to_owned()]);
    Ok(Arc::new(Node::Sort {
        input: call.tables()?,
        columns,
        descending,
    }))
}

fn sort(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    Ok(tables_of(sorted(call, call.boolean_or("desc", false))?))
}

fn first_sorted(call: &Call, descending: bool) -> Result<Value, Failure> {
    let n = call.count("n", 0, 0)?;
    Ok(tables(Node::Limit {
        input: sorted(call, descending)?,
        n,
        offset: 0,
    }))
}

fn top(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    first_sorted(call, true)
}

fn bottom(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    first_sorted(call, false)
}

fn distinct(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let column = call.string_or("column", VALUE);
    Ok(tables(Node::Distinct {
        input: call.tables()?,
        column,
    }))
}

fn unique(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let column = call.string_or("column", VALUE);
    Ok(tables(Node::Unique {
        input: call.tables()?,
        column,
    }))
}

fn fill(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let column = call.string_or("column", VALUE);
    let with = match (call.value("value"), call.boolean_or("usePrevious", false)) {
        (Some(_), true) => {
            return Err(call.fault("value and usePrevious can't be given together"));
        }
        (None, false) => {
            return Err(call.fault("one of value and usePrevious must be given"));
        }
        (None, true) => Fill::Previous,
        (Some(value), false) => match value.to_cell_value() {
            Some(value) => Fill::Value(value),
            None => {
                let message = format!(
                    "a column can't be filled with a value of type {}",
                    value.type_name()
                );
                return Err(FluxError::check(call.span_of("value"), message).into());
            }
        },
    };
    Ok(tables(Node::Fill {
        input: call.tables()?,
        column,
        with,
    }))
}

fn union(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let span = call.span_of("tables");
    let mut inputs = Vec::new();
    for item in call.array("tables").unwrap_or_default().iter() {
        match item {
            Value::Stream(stream) => inputs.push(stream.clone().bounded()?),
            other => {
                let message = format!(
                    "expected [stream[A]] but found [{}] (argument tables)",
                    other.type_name()
                );
                return Err(FluxError::check(span, message).into());
            }
        }
    }
    if inputs.len() < 2 {
        return Err(call.fault("tables must hold at least two streams"));
    }
    Ok(tables(Node::Union(inputs)))
}
