//! Functions of rows that carry a state from row to row: counting states, and `reduce`.

use super::series::{invalid, replace, times, unit};
use super::transformation;
use crate::query::context::QueryError;
use crate::query::expr::Expr;
use crate::query::flux::ast::Name;
use crate::query::flux::error::{Failure, Stage};
use crate::query::flux::eval::rows::record_of_row;
use crate::query::flux::eval::{Argument, Evaluator};
use crate::query::flux::row::{Cell as RowCell, RowRecord};
use crate::query::flux::stdlib::tables::{columns_of, each, predicate_of, regroup};
use crate::query::flux::stdlib::{Accepts, Builtin, Call, Parameter};
use crate::query::flux::value::{Record, Value};
use crate::query::table::{Cells, Column, GroupKey, Kind, Table, Value as Cell};
use std::sync::Arc;

const FN: Parameter = Parameter::required("fn", Accepts::Function);
const TIME_COLUMN: Parameter = Parameter::optional("timeColumn", Accepts::String);

transformation!(
    STATE_COUNT,
    "stateCount",
    state_count,
    [FN, Parameter::optional("column", Accepts::String)]
);
transformation!(
    STATE_DURATION,
    "stateDuration",
    state_duration,
    [
        FN,
        Parameter::optional("column", Accepts::String),
        TIME_COLUMN,
        Parameter::optional("unit", Accepts::Duration)
    ]
);
transformation!(
    STATE_TRACKING,
    "stateTracking",
    state_tracking,
    [
        FN,
        Parameter::optional("countColumn", Accepts::String),
        Parameter::optional("durationColumn", Accepts::String),
        Parameter::optional("durationUnit", Accepts::Duration),
        TIME_COLUMN
    ]
);
transformation!(
    REDUCE,
    "reduce",
    reduce,
    [FN, Parameter::required("identity", Accepts::Record)]
);

fn state_count(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let column = call.string_or("column", "stateCount");
    track(evaluator, call, Some(column), None)
}

fn state_duration(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let column = call.string_or("column", "stateDuration");
    let unit = unit(call, "unit")?;
    track(evaluator, call, None, Some((column, unit)))
}

fn state_tracking(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let unit = unit(call, "durationUnit")?;
    let count = call.string("countColumn").map(|name| name.to_string());
    let duration = call.string("durationColumn");
    track(
        evaluator,
        call,
        count,
        duration.map(|name| (name.to_string(), unit)),
    )
}

/// How many rows, and for how long, the predicate holds; -1 where it does not.
fn track(
    evaluator: &mut Evaluator<'_>,
    call: &Call,
    count_column: Option<String>,
    duration_column: Option<(String, i64)>,
) -> Result<Value, Failure> {
    let Some(function) = call.function("fn") else {
        return Err(call.fault("fn is missing"));
    };
    let predicate = predicate_of(evaluator, &function, "r", call.span_of("fn"))?;
    let time_column = call.string_or("timeColumn", "_time");
    let who = call.function;
    each(call, move |ctx, mut table| {
        let mut predicate = predicate.start(ctx);
        let times = match duration_column {
            Some(_) => times(&table, &time_column, who)?,
            None => Vec::new(),
        };
        let (mut counts, mut lengths) = (Cells::new(Kind::Integer), Cells::new(Kind::Integer));
        let mut state: Option<(i64, i64)> = None;
        for row in 0..table.rows() {
            let time = times.get(row).copied().unwrap_or_default();
            state = match (predicate.holds(&table, row)?, state) {
                (false, _) => None,
                (true, None) => Some((1, time)),
                (true, Some((count, since))) => Some((count + 1, since)),
            };
            let unit = duration_column.as_ref().map_or(1, |(_, unit)| *unit);
            counts.push(Cell::Integer(state.map_or(-1, |(count, _)| count)));
            lengths.push(Cell::Integer(
                state.map_or(-1, |(_, since)| (time - since) / unit),
            ));
        }
        if let Some(label) = &count_column {
            replace(&mut table, label, counts);
        }
        if let Some((label, _)) = &duration_column {
            replace(&mut table, label, lengths);
        }
        Ok(table)
    })
}

/// Columns that hold the accumulator while a table is reduced: no column of a user begins so.
const ACCUMULATOR: &str = "\u{1}";

fn reduce(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let (Some(function), Some(identity)) = (call.function("fn"), call.record("identity")) else {
        return Err(call.fault("fn and identity must be given"));
    };
    let span = call.span_of("fn");
    let mut start: Vec<(Name, Cell)> = Vec::new();
    let mut accumulator = RowRecord::default();
    for (name, value) in identity.iter() {
        let Some(value) = value.to_cell_value() else {
            let found = value.type_name();
            return Err(call.fault(format!("a column can't hold a value of type {found}")));
        };
        let hidden: Name = format!("{ACCUMULATOR}{name}").into();
        let cell = Value::Cell(RowCell::column(&hidden));
        accumulator.fields.insert(Arc::clone(name), cell);
        start.push((hidden, value));
    }
    let row = Value::Row(Arc::new(RowRecord::row()));
    let arguments = vec![
        Argument::named("r", row, span),
        Argument::named("accumulator", Value::Row(Arc::new(accumulator)), span),
    ];
    let made = match evaluator.call_function(&function, arguments, span) {
        Err(Failure::Flux(error)) if error.stage != Stage::Limit => {
            let program = evaluator.row_program(&function, span)?;
            let identity = Value::Record(identity);
            return regroup(call, move |ctx, table| {
                let mut runner = program.start(ctx);
                let mut accumulator = identity.clone();
                for row in 0..table.rows() {
                    accumulator = runner.call(vec![
                        ("r", record_of_row(&table, row)),
                        ("accumulator", accumulator),
                    ])?;
                }
                let Value::Record(last) = accumulator else {
                    return Err(invalid("reduce: fn must return a record"));
                };
                with_values(&table, last.iter()).map(|table| vec![table])
            });
        }
        made => made?,
    };
    let (_, columns) = columns_of(made, span)?;
    regroup(call, move |ctx, table| {
        ctx.check()?;
        reduced(&table, &start, &columns).map(|table| vec![table])
    })
}

fn reduced(
    table: &Table,
    start: &[(Name, Cell)],
    columns: &[(Name, Expr)],
) -> Result<Table, QueryError> {
    let rows = table.rows();
    let mut working = table.clone();
    for (hidden, value) in start {
        working.columns.push(Column::constant(
            Arc::clone(hidden),
            value.clone(),
            rows.max(1),
        ));
    }
    let mut last: Vec<Cell> = columns
        .iter()
        .map(|(name, _)| {
            let hidden = format!("{ACCUMULATOR}{name}");
            let found = start.iter().find(|(have, _)| **have == *hidden);
            found.map_or(Cell::Null, |(_, value)| value.clone())
        })
        .collect();
    for row in 0..rows {
        last = columns
            .iter()
            .map(|(_, expr)| expr.eval(&working, row))
            .collect::<Result<_, _>>()?;
        for ((name, _), value) in columns.iter().zip(&last) {
            let hidden = format!("{ACCUMULATOR}{name}");
            let place = working
                .position(&hidden)
                .and_then(|at| working.columns.get_mut(at));
            match place {
                Some(place) => *place = Column::constant(hidden.as_str(), value.clone(), rows),
                None => {
                    return Err(invalid(format!(
                        "reduce: column \"{name}\" is not in the identity"
                    )));
                }
            }
        }
    }
    let last: Record = columns
        .iter()
        .zip(last)
        .map(|((name, _), value)| (Arc::clone(name), Value::from(value)))
        .collect();
    with_values(table, last.iter())
}

/// One row: the group key and the values, which may take the place of columns of the key.
fn with_values<'v>(
    table: &Table,
    values: impl Iterator<Item = (&'v Name, &'v Value)>,
) -> Result<Table, QueryError> {
    let mut out = super::statistics::key_columns(table, 1, &[]);
    let mut key: Vec<(Name, Cell)> = out.key.parts().to_vec();
    for (name, value) in values {
        let Some(value) = value.to_cell_value() else {
            let found = value.type_name();
            return Err(invalid(format!(
                "reduce: column {name}: a column can't hold a value of type {found}"
            )));
        };
        let kind = value.kind().unwrap_or(Kind::String);
        for part in key.iter_mut().filter(|(label, _)| label == name) {
            part.1 = value.clone();
        }
        replace(&mut out, name, Cells::Constant(value, kind, 1));
    }
    out.key = GroupKey::new(key);
    Ok(out)
}
