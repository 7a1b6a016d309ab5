//! `import "join"`, and the joins of other packages: rows of two streams whose group keys are equal.

use super::tables::{RowsBuilder, each, whole};
use super::universe::invalid;
use super::{Accepts, Builtin, Call, Member, Package, Parameter};
use crate::query::context::{QueryContext, QueryError};
use crate::query::flux::ast::{
    BinaryOperator, Expression, ExpressionKind, FunctionBody, LogicalOperator, StatementKind,
};
use crate::query::flux::error::{Failure, FluxError};
use crate::query::flux::eval::Evaluator;
use crate::query::flux::eval::rows::{RowProgram, record_of_row};
use crate::query::flux::value::{Function, Record, Value};
use crate::query::plan;
use crate::query::table::{Cells, Column, GroupKey, Kind, Table, Value as Cell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const fn stream(name: &'static str) -> Parameter {
    Parameter::required(name, Accepts::Stream)
}
const LEFT: Parameter = Parameter {
    name: "left",
    accepts: Accepts::Stream,
    need: super::Need::Pipe,
};
const AS: Parameter = Parameter::required("as", Accepts::Function);
const ON: Parameter = Parameter::required("on", Accepts::Function);
const METHOD: Parameter = Parameter::optional("method", Accepts::String);

macro_rules! joins {
    ($($constant:ident $name:literal [$($more:expr),*] $method:expr;)*) => {$(
        static $constant: Builtin = Builtin {
            name: $name,
            parameters: &[LEFT, stream("right"), AS, $($more),*],
            run: |evaluator, call| {
                let method: fn(&Call) -> String = $method;
                tables(evaluator, call, &method(call))
            },
        };
    )*};
}
joins! {
    TABLES "tables" [ON, METHOD] |call| call.string_or("method", "inner");
    INNER "inner" [ON] |_| "inner".to_owned();
    FULL "full" [ON] |_| "full".to_owned();
    LEFT_JOIN "left" [ON] |_| "left".to_owned();
    RIGHT_JOIN "right" [ON] |_| "right".to_owned();
    TIME "time" [METHOD] |call| call.string_or("method", "inner");
}

pub static PACKAGE: Package = Package {
    path: "join",
    name: "join",
    members: &[
        ("full", Member::Function(&FULL)),
        ("inner", Member::Function(&INNER)),
        ("left", Member::Function(&LEFT_JOIN)),
        ("right", Member::Function(&RIGHT_JOIN)),
        ("tables", Member::Function(&TABLES)),
        ("time", Member::Function(&TIME)),
    ],
};

static JOIN: Builtin = Builtin {
    name: "join",
    parameters: &[
        LEFT,
        stream("right"),
        Parameter::required("on", Accepts::Strings),
        Parameter::required("fn", Accepts::Function),
    ],
    run: |evaluator, call| {
        let on = call.strings("on").unwrap_or_default();
        let on = on.into_iter().map(|name| (name.clone(), name)).collect();
        let join = Join {
            on,
            names: ["left", "right"],
            keep: [false, false],
        };
        join.run(evaluator, call, "fn")
    },
};
static CHANGES: Builtin = Builtin {
    name: "changes",
    parameters: &[
        Parameter::TABLES,
        Parameter::required("column", Accepts::String),
        Parameter::required("from", Accepts::String),
        Parameter::required("to", Accepts::String),
    ],
    run: changes,
};
static FILL_EMPTY: Builtin = Builtin {
    name: "fillEmpty",
    parameters: &[Parameter::TABLES],
    run: |_, call| {
        each(call, |_, table| {
            if table.rows() > 0 {
                return Ok(table);
            }
            let columns = table.columns.iter().map(|column| {
                let value = table.key.get(&column.label).cloned().unwrap_or(Cell::Null);
                let cells = Cells::Constant(value, column.cells.kind(), 1);
                Column::new(Arc::clone(&column.label), cells)
            });
            Ok(Table {
                columns: columns.collect(),
                key: table.key.clone(),
            })
        })
    },
};
static LASTING: Builtin = Builtin {
    name: "lasting",
    parameters: &[
        Parameter::TABLES,
        Parameter::required("unit", Accepts::Duration),
        Parameter::required("column", Accepts::String),
        Parameter::required("timeColumn", Accepts::String),
        Parameter::required("stopColumn", Accepts::String),
        Parameter::required("stop", Accepts::Moment),
    ],
    run: lasting,
};
/// What packages written in Flux need of Rust.
pub static ROWS: Package = Package {
    path: "internal/rows",
    name: "rows",
    members: &[
        ("changes", Member::Function(&CHANGES)),
        ("diff", Member::Function(&super::testing::DIFF_ROWS)),
        ("fill", Member::Function(&super::universe::FILL)),
        ("fillEmpty", Member::Function(&FILL_EMPTY)),
        ("join", Member::Function(&JOIN)),
        ("lasting", Member::Function(&LASTING)),
    ],
};

struct Join {
    /// Columns of the left and of the right stream that must be equal.
    on: Vec<(String, String)>,
    /// What the function calls its rows.
    names: [&'static str; 2],
    /// Whether rows without a partner stay.
    keep: [bool; 2],
}

fn tables(evaluator: &mut Evaluator<'_>, call: &Call, method: &str) -> Result<Value, Failure> {
    let keep = match method {
        "inner" => [false, false],
        "left" => [true, false],
        "right" => [false, true],
        "full" => [true, true],
        other => {
            let message = format!("invalid method {other:?}: must be inner, left, right or full");
            return Err(FluxError::check(call.span_of("method"), message).into());
        }
    };
    let on = match call.function("on") {
        None => vec![("_time".to_owned(), "_time".to_owned())],
        Some(function) => compared(&function).ok_or_else(|| {
            let message = "on must compare columns: (l, r) => l.a == r.b and l.c == r.c";
            Failure::from(FluxError::check(call.span_of("on"), message))
        })?,
    };
    let names = ["l", "r"];
    Join { on, names, keep }.run(evaluator, call, "as")
}

/// The columns that the function compares; `None` if it does anything else.
fn compared(function: &Function) -> Option<Vec<(String, String)>> {
    let Function::Closure(closure) = function else {
        return None;
    };
    let body = match &closure.literal.body {
        FunctionBody::Expression(body) => body,
        FunctionBody::Block(block) => match block.body.as_slice() {
            [only] => match &only.kind {
                StatementKind::Return(value) => value,
                _ => return None,
            },
            _ => return None,
        },
    };
    let mut out = Vec::new();
    let mut open = vec![body];
    while let Some(expression) = open.pop() {
        match &expression.kind {
            ExpressionKind::Paren(inner) => open.push(inner),
            ExpressionKind::Logical {
                operator: LogicalOperator::And,
                parts,
            } => open.extend(parts.iter().rev()),
            ExpressionKind::Binary {
                operator: BinaryOperator::Equal,
                left,
                right,
            } => match (column_of(left)?, column_of(right)?) {
                (("l", left), ("r", right)) | (("r", right), ("l", left)) => {
                    out.push((left.to_owned(), right.to_owned()));
                }
                _ => return None,
            },
            _ => return None,
        }
    }
    (!out.is_empty()).then_some(out)
}

fn column_of(expression: &Expression) -> Option<(&str, &str)> {
    let (object, column) = match &expression.kind {
        ExpressionKind::Member { object, property } => (object, &*property.name),
        ExpressionKind::Index { object, index } => match &index.kind {
            ExpressionKind::String(name) => (object, &**name),
            _ => return None,
        },
        _ => return None,
    };
    match &object.kind {
        ExpressionKind::Identifier(name) => Some((name, column)),
        _ => None,
    }
}

fn input(call: &Call, name: &str) -> Result<plan::Stream, Failure> {
    match call.value(name) {
        Some(Value::Stream(stream)) => stream.clone().bounded(),
        _ => Err(call.fault(format!("{name} is not a stream"))),
    }
}

impl Join {
    fn run(
        self,
        evaluator: &mut Evaluator<'_>,
        call: &Call,
        function: &str,
    ) -> Result<Value, Failure> {
        let inputs = vec![input(call, "left")?, input(call, "right")?];
        let Some(make) = call.function(function) else {
            return Err(call.fault("the function that makes rows is missing"));
        };
        let program = evaluator.row_program(&make, call.span_of(function))?;
        Ok(whole(call, inputs, move |ctx, inputs| {
            self.joined(ctx, inputs, &program)
        }))
    }

    fn joined(
        &self,
        ctx: &QueryContext,
        inputs: Vec<Vec<Table>>,
        program: &RowProgram,
    ) -> Result<Vec<Table>, QueryError> {
        let mut sides = inputs.into_iter().map(|tables| {
            let mut by_key: BTreeMap<GroupKey, Table> = BTreeMap::new();
            for table in tables {
                by_key
                    .entry(table.key.clone())
                    .and_modify(|have| have.append(&table))
                    .or_insert(table);
            }
            by_key
        });
        let (left, right) = (
            sides.next().unwrap_or_default(),
            sides.next().unwrap_or_default(),
        );
        let keys: BTreeSet<&GroupKey> = left.keys().chain(right.keys()).collect();
        let nothing = Table::default();
        let mut out = Vec::new();
        for key in keys {
            ctx.check()?;
            let left = left.get(key).unwrap_or(&nothing);
            let right = right.get(key).unwrap_or(&nothing);
            out.extend(self.pair(ctx, key, left, right, program)?);
        }
        Ok(with_all_columns(out))
    }

    fn pair(
        &self,
        ctx: &QueryContext,
        key: &GroupKey,
        left: &Table,
        right: &Table,
        program: &RowProgram,
    ) -> Result<Vec<Table>, QueryError> {
        let mut runner = program.start(ctx);
        let mut builder = RowsBuilder::default();
        let [left_name, right_name] = self.names;
        let absent: Record = key
            .parts()
            .iter()
            .map(|(label, value)| (Arc::clone(label), Value::from(value.clone())))
            .collect();
        let absent = Value::Record(Arc::new(absent));
        let index = |table: &Table, columns: &dyn Fn(&(String, String)) -> String| {
            let mut rows: BTreeMap<GroupKey, Vec<usize>> = BTreeMap::new();
            for row in 0..table.rows() {
                let values = self.on.iter().enumerate().map(|(at, pair)| {
                    let label = format!("{at:04}");
                    (label.as_str().into(), table.value(&columns(pair), row))
                });
                rows.entry(GroupKey::new(values.collect()))
                    .or_default()
                    .push(row);
            }
            rows
        };
        let left_rows = index(left, &|(left, _)| left.clone());
        let right_rows = index(right, &|(_, right)| right.clone());
        let places: BTreeSet<&GroupKey> = left_rows.keys().chain(right_rows.keys()).collect();
        let none = Vec::new();
        for place in places {
            // Null equals nothing.
            let known = place.parts().iter().all(|(_, value)| *value != Cell::Null);
            let lefts = left_rows.get(place).unwrap_or(&none);
            let rights = right_rows.get(place).unwrap_or(&none);
            let matched = known && !lefts.is_empty() && !rights.is_empty();
            let mut add = |l: Value, r: Value| -> Result<(), QueryError> {
                builder.add(runner.call(vec![(left_name, l), (right_name, r)])?, "join")
            };
            if matched {
                for row in lefts {
                    for other in rights {
                        add(record_of_row(left, *row), record_of_row(right, *other))?;
                    }
                }
                continue;
            }
            let [keep_left, keep_right] = self.keep;
            for row in lefts.iter().filter(|_| keep_left) {
                add(record_of_row(left, *row), absent.clone())?;
            }
            for row in rights.iter().filter(|_| keep_right) {
                add(absent.clone(), record_of_row(right, *row))?;
            }
        }
        Ok(builder.finish(&left.columns, key))
    }
}

/// The function returns the same columns for all tables: where one has nothing but nulls in a column, its
/// type is that of the others.
fn with_all_columns(mut tables: Vec<Table>) -> Vec<Table> {
    let mut kinds: BTreeMap<Arc<str>, Kind> = BTreeMap::new();
    for column in tables.iter().flat_map(|table| &table.columns) {
        let kind = column.cells.kind();
        kinds.entry(Arc::clone(&column.label)).or_insert(kind);
    }
    for table in &mut tables {
        let rows = table.rows();
        for (label, kind) in &kinds {
            if table.column(label).is_none() {
                let cells = Cells::Constant(Cell::Null, *kind, rows);
                table.columns.push(Column::new(Arc::clone(label), cells));
            }
        }
    }
    tables
}

/// Rows whose text differs from that of the row before, and is the one or other that is asked for.
fn changes(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let column = call.string_or("column", "_level");
    let (from, to) = (call.string_or("from", "any"), call.string_or("to", "any"));
    each(call, move |_, table| {
        let level = |row: usize| table.value(&column, row);
        let fits = |wanted: &str, value: &Cell| match value {
            Cell::String(text) => wanted == "any" || **text == *wanted,
            _ => false,
        };
        let rows: Vec<usize> = (1..table.rows())
            .filter(|row| {
                let (before, now) = (level(row - 1), level(*row));
                before != now && fits(&from, &before) && fits(&to, &now)
            })
            .collect();
        Ok(table.take(&rows))
    })
}

/// How long each row lasts: until the next, and the last until a given time or the end of the range.
fn lasting(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let column = call.string_or("column", "duration");
    let time_column = call.string_or("timeColumn", "_time");
    let stop_column = call.string_or("stopColumn", "_stop");
    let unit = call.duration("unit").unwrap_or_default().nanoseconds.max(1);
    let stop = match call.value("stop") {
        Some(Value::Time(time)) if *time != 0 => Some(*time),
        _ => None,
    };
    each(call, move |_, mut table| {
        let time = |label: &str, row: usize| match table.value(label, row) {
            Cell::Time(time) => Ok(time),
            _ => Err(invalid(format!("duration: no time in column \"{label}\""))),
        };
        let mut cells = Cells::new(Kind::Integer);
        let rows = table.rows();
        for row in 0..rows {
            let end = match (row + 1 < rows, stop) {
                (true, _) => time(&time_column, row + 1)?,
                (false, Some(stop)) => stop,
                (false, None) => time(&stop_column, row)?,
            };
            let length = end.saturating_sub(time(&time_column, row)?);
            cells.push(Cell::Integer(length / unit));
        }
        super::universe::replace(&mut table, &column, cells);
        Ok(table)
    })
}
