//! How functions of the library become plan nodes, and how those that need rows at once get them.

use super::Call;
use crate::query::context::{QueryContext, QueryError};
use crate::query::exec::group::divide_by;
use crate::query::exec::operation::{EachTable, Operation, Regroup, Whole};
use crate::query::exec::{self, ExecOptions};
use crate::query::expr::Expr;
use crate::query::flux::ast::Name;
use crate::query::flux::error::{Failure, FluxError, Stage};
use crate::query::flux::eval::rows::{RowProgram, RowRunner, record_of_row};
use crate::query::flux::eval::{Argument, Evaluator};
use crate::query::flux::row::{self, RowRecord};
use crate::query::flux::span::Span;
use crate::query::flux::stream::Stream;
use crate::query::flux::value::{Function, Value};
use crate::query::optimise::optimise;
use crate::query::plan::{self, Node, Plan};
use crate::query::table::{self, Cells, Column, GroupKey, Table};
use std::collections::BTreeMap;
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

/// A function of rows that says yes or no.
pub enum Predicate {
    Expression(Expr),
    /// Run for each row, under the name of its parameter.
    Program(Box<RowProgram>, &'static str),
}

impl Predicate {
    pub fn start<'a>(&'a self, ctx: &'a QueryContext) -> PredicateRunner<'a> {
        match self {
            Self::Expression(expr) => PredicateRunner::Expression(expr),
            Self::Program(program, name) => {
                PredicateRunner::Program(Box::new(program.start(ctx)), name)
            }
        }
    }
}

pub enum PredicateRunner<'a> {
    Expression(&'a Expr),
    Program(Box<RowRunner<'a>>, &'static str),
}

impl PredicateRunner<'_> {
    /// Null does not hold.
    pub fn holds(&mut self, table: &Table, row: usize) -> Result<bool, QueryError> {
        match self {
            Self::Expression(expr) => expr.holds(table, row),
            Self::Program(runner, name) => {
                match runner.call(vec![(name, record_of_row(table, row))])? {
                    Value::Boolean(holds) => Ok(holds),
                    Value::Null => Ok(false),
                    other => Err(QueryError::Invalid(format!(
                        "type error: a predicate must be bool, got {}",
                        other.type_name()
                    ))),
                }
            }
        }
    }
}

/// A predicate over a row under the name of its parameter.
pub fn predicate_of(
    evaluator: &mut Evaluator<'_>,
    function: &Function,
    parameter: &'static str,
    span: Span,
) -> Result<Predicate, Failure> {
    let value = match of_record(evaluator, function, parameter, span) {
        Err(Failure::Flux(error)) if error.stage != Stage::Limit => {
            let program = evaluator.row_program(function, span)?;
            return Ok(Predicate::Program(Box::new(program), parameter));
        }
        made => made?,
    };
    match value {
        Value::Boolean(_) | Value::Cell(_) | Value::Null => {
            let cell = row::to_cell(&value).map_err(|reason| row::fault(span, &reason))?;
            Ok(Predicate::Expression(Arc::unwrap_or_clone(cell.expr)))
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

/// Makes a table of the records that a function returns.
#[derive(Default)]
pub struct RowsBuilder {
    columns: BTreeMap<Name, Cells>,
    rows: usize,
}

impl RowsBuilder {
    /// `who` is the function that wants it, for the error.
    pub fn add(&mut self, value: Value, who: &str) -> Result<(), QueryError> {
        let fault = |message: String| QueryError::Invalid(format!("{who}: {message}"));
        let Value::Record(record) = value else {
            return Err(fault(format!(
                "expected a record but found {}",
                value.type_name()
            )));
        };
        for (name, value) in record.iter() {
            let Some(value) = value.to_cell_value() else {
                let found = value.type_name();
                return Err(fault(format!(
                    "column {name}: a column can't hold a value of type {found}"
                )));
            };
            // Nothing but nulls has no type, and is no column.
            let Some(kind) = value.kind() else { continue };
            let cells = self
                .columns
                .entry(Arc::clone(name))
                .or_insert(Cells::new(kind));
            if cells.kind() != kind {
                return Err(fault(format!(
                    "a column has values of type {} and {}",
                    cells.kind().name(),
                    kind.name()
                )));
            }
            pad(cells, self.rows);
            cells.push(value);
        }
        self.rows += 1;
        Ok(())
    }

    /// Columns come in the order of `like`, others after them by name. The group key is what is left of
    /// the old one; where its columns changed, the table is divided.
    pub fn finish(mut self, like: &[Column], key: &GroupKey) -> Vec<Table> {
        if self.rows == 0 {
            return Vec::new();
        }
        for cells in self.columns.values_mut() {
            pad(cells, self.rows);
        }
        let mut columns: Vec<Column> = Vec::new();
        for column in like {
            if let Some(cells) = self.columns.remove(&column.label) {
                columns.push(Column::new(Arc::clone(&column.label), cells));
            }
        }
        let rest = self.columns.into_iter();
        columns.extend(rest.map(|(name, cells)| Column::new(name, cells)));
        let labels: Vec<Name> = columns
            .iter()
            .map(|column| &column.label)
            .filter(|label| key.has(label))
            .cloned()
            .collect();
        let key = GroupKey::default();
        divide_by(Table { key, columns }, &labels)
    }
}

fn pad(cells: &mut Cells, rows: usize) {
    while cells.len() < rows {
        cells.push(table::Value::Null);
    }
}
