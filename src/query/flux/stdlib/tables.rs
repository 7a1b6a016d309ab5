//! How functions of the library become plan nodes, and how those that need rows at once get them.

use super::Call;
use crate::query::context::{QueryContext, QueryError};
use crate::query::exec::operation::{EachTable, Operation, Regroup, Whole};
use crate::query::exec::{self, ExecOptions};
use crate::query::expr::Expr;
use crate::query::flux::ast::Name;
use crate::query::flux::error::{Failure, FluxError};
use crate::query::flux::eval::{Argument, Evaluator};
use crate::query::flux::row::{self, RowRecord};
use crate::query::flux::span::Span;
use crate::query::flux::stream::Stream;
use crate::query::flux::value::{Function, Value};
use crate::query::optimise::optimise;
use crate::query::plan::{self, Node, Plan};
use crate::query::table::Table;
use std::sync::Arc;

pub fn of_node(node: Node) -> Value {
    Value::Stream(Stream::tables(Arc::new(node)))
}

pub fn literal(tables: Vec<Table>) -> Value {
    of_node(Node::Literal(tables))
}

pub fn apply(inputs: Vec<plan::Stream>, operation: impl Operation + 'static) -> Value {
    let operation = Arc::new(operation);
    of_node(Node::Apply { inputs, operation })
}

/// A function that changes each table by itself and leaves its group key distinct.
pub fn each(
    call: &Call,
    change: impl Fn(&QueryContext, Table) -> Result<Table, QueryError> + Send + Sync + 'static,
) -> Result<Value, Failure> {
    let name = call.function;
    Ok(apply(vec![call.tables()?], EachTable { name, change }))
}

/// A function that changes group keys.
pub fn regroup(
    call: &Call,
    change: impl Fn(&QueryContext, Table) -> Result<Vec<Table>, QueryError> + Send + Sync + 'static,
) -> Result<Value, Failure> {
    let name = call.function;
    Ok(apply(vec![call.tables()?], Regroup { name, change }))
}

/// A function of several streams, or of all tables of one.
pub fn whole(
    call: &Call,
    inputs: Vec<plan::Stream>,
    change: impl Fn(&QueryContext, Vec<Vec<Table>>) -> Result<Vec<Table>, QueryError>
    + Send
    + Sync
    + 'static,
) -> Value {
    let name = call.function;
    apply(inputs, Whole { name, change })
}

/// Runs a stream while the program is evaluated. What it holds stays booked until the query ends.
pub fn collect(ctx: &QueryContext, stream: plan::Stream) -> Result<Vec<Table>, QueryError> {
    let plan = optimise(Plan {
        results: vec![(String::new(), stream)],
    });
    ctx.source.wait_visible(ctx.remaining())?;
    let mut out = Vec::new();
    for (_, stream) in &plan.results {
        for table in exec::run(ctx, stream, ExecOptions::default())? {
            ctx.check()?;
            let table = table?;
            ctx.take_memory(table.memory_bytes())?;
            out.push(table);
        }
    }
    Ok(out)
}

/// What a function makes of a row that is given under the name of its parameter.
pub fn of_record(
    evaluator: &mut Evaluator<'_>,
    function: &Function,
    parameter: &str,
    span: Span,
) -> Result<Value, Failure> {
    let row = Value::Row(Arc::new(RowRecord::row()));
    evaluator.call_function(function, vec![Argument::named(parameter, row, span)], span)
}

/// A predicate over a row under the name of its parameter.
pub fn predicate_of(
    evaluator: &mut Evaluator<'_>,
    function: &Function,
    parameter: &str,
    span: Span,
) -> Result<Expr, Failure> {
    let value = of_record(evaluator, function, parameter, span)?;
    match value {
        Value::Boolean(_) | Value::Cell(_) => {
            let cell = row::to_cell(&value).map_err(|reason| row::fault(span, &reason))?;
            Ok(Arc::unwrap_or_clone(cell.expr))
        }
        other => {
            let message = format!(
                "expected bool but found {} (argument fn)",
                other.type_name()
            );
            Err(FluxError::check(span, message).into())
        }
    }
}

/// The record that a function made, as columns.
pub fn columns_of(value: Value, span: Span) -> Result<(bool, Vec<(Name, Expr)>), Failure> {
    let record = match value {
        Value::Row(record) => Arc::unwrap_or_clone(record),
        Value::Record(record) => RowRecord {
            is_row: false,
            fields: Arc::unwrap_or_clone(record),
        },
        other => {
            let message = format!(
                "expected a record but found {} (argument fn)",
                other.type_name()
            );
            return Err(FluxError::check(span, message).into());
        }
    };
    let mut columns = Vec::with_capacity(record.fields.len());
    for (name, value) in &record.fields {
        let cell = row::to_cell(value).map_err(|reason| {
            FluxError::check(span, format!("column {name}: {}", reason.describe()))
        })?;
        columns.push((Arc::clone(name), Arc::unwrap_or_clone(cell.expr)));
    }
    Ok((record.is_row, columns))
}
