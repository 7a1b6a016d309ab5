//! The part of `import "experimental"` that works on tables in its own way.

use super::tables::{regroup, whole};
use super::universe::{invalid, replace};
use super::{Accepts, Builtin, Call, Parameter};
use crate::query::context::QueryError;
use crate::query::exec::group::divide_by;
use crate::query::flux::ast::Name;
use crate::query::flux::error::Failure;
use crate::query::flux::eval::Evaluator;
use crate::query::flux::value::{Record, Value};
use crate::query::table::{Cells, Column, Kind, Table, Value as Cell};
use std::sync::Arc;

pub static GROUP: Builtin = Builtin {
    name: "group",
    parameters: &[
        Parameter::TABLES,
        Parameter::required("columns", Accepts::Strings),
        Parameter::required("mode", Accepts::String),
    ],
    run: group,
};
pub static SET: Builtin = Builtin {
    name: "set",
    parameters: &[Parameter::TABLES, Parameter::required("o", Accepts::Record)],
    run: set,
};
pub static UNPIVOT: Builtin = Builtin {
    name: "unpivot",
    parameters: &[
        Parameter::TABLES,
        Parameter::optional("otherColumns", Accepts::Strings),
    ],
    run: unpivot,
};

pub static PREVIEW: Builtin = Builtin {
    name: "preview",
    parameters: &[
        Parameter::TABLES,
        Parameter::optional("nrows", Accepts::Integer),
        Parameter::optional("ntables", Accepts::Integer),
    ],
    run: preview,
};
pub static CATCH: Builtin = Builtin {
    name: "catch",
    parameters: &[Parameter::required("fn", Accepts::Function)],
    run: catch,
};

/// The first rows of the first tables.
fn preview(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let (rows, tables) = (call.count("nrows", 5, 0)?, call.count("ntables", 5, 0)?);
    Ok(whole(call, vec![call.tables()?], move |_, inputs| {
        let first = inputs.into_iter().flatten().take(tables);
        let cut = |table: Table| {
            let rows: Vec<usize> = (0..table.rows().min(rows)).collect();
            table.take(&rows)
        };
        Ok(first.map(cut).collect())
    }))
}

/// What a function returns, or the message of what went wrong.
fn catch(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let Some(function) = call.function("fn") else {
        return Ok(Value::Null);
    };
    let made = evaluator.call_function(&function, Vec::new(), call.span_of("fn"));
    let (value, code, message) = match made {
        Ok(value) => (value, Value::Null, Value::Null),
        Err(Failure::Query(error @ (QueryError::Cancelled | QueryError::Timeout { .. }))) => {
            return Err(error.into());
        }
        Err(failure) => {
            let message = QueryError::from(failure).to_string();
            (
                Value::Null,
                Value::Unsigned(INVALID),
                Value::from(message.as_str()),
            )
        }
    };
    let fields = [("value", value), ("code", code), ("msg", message)];
    let fields = fields.map(|(name, value)| (Name::from(name), value));
    Ok(Value::Record(Arc::new(Record::from(fields))))
}

/// Flux's number for what is wrong with a program.
const INVALID: u64 = 3;

/// Adds columns to the group key.
fn group(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    if call.string_or("mode", "extend") != "extend" {
        return Err(call.fault("the only mode is \"extend\""));
    }
    let columns = call.strings("columns").unwrap_or_default();
    regroup(call, move |_, table| {
        let labels: Vec<Arc<str>> = table
            .columns
            .iter()
            .map(|column| &column.label)
            .filter(|label| table.key.has(label) || columns.iter().any(|c| **c == ***label))
            .cloned()
            .collect();
        Ok(divide_by(table, &labels))
    })
}

fn set(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let mut values = Vec::new();
    for (name, value) in call.record("o").unwrap_or_default().iter() {
        match value.to_cell_value() {
            Some(value) => values.push((Arc::clone(name), value)),
            None => {
                let found = value.type_name();
                return Err(call.fault(format!("a column can't hold a value of type {found}")));
            }
        }
    }
    regroup(call, move |_, mut table| {
        let rows = table.rows();
        for (name, value) in &values {
            let kind = value.kind().unwrap_or(Kind::String);
            if table.key.has(name) {
                table.key = table.key.with(name, value.clone());
            }
            replace(&mut table, name, Cells::Constant(value.clone(), kind, rows));
        }
        Ok(vec![table])
    })
}

/// Columns become rows with `_field` and `_value`.
fn unpivot(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let others = call
        .strings("otherColumns")
        .unwrap_or_else(|| vec!["_time".to_owned()]);
    let field_stays = others.iter().any(|other| other == "_field");
    regroup(call, move |_, table| {
        let is_other = |label: &str| others.iter().any(|other| other == label);
        let taken = |label: &&str| table.column(label).is_some() && !is_other(label);
        if ["_field", "_value"].iter().any(taken) {
            return Err(invalid(
                "unpivot can't have \"_field\" or \"_value\" as an input column",
            ));
        }
        if let Some(missing) = others
            .iter()
            .find(|label| *label != "_field" && table.column(label).is_none())
        {
            return Err(invalid(format!(
                "unpivot could not find column named \"{missing}\""
            )));
        }
        let mut out = Vec::new();
        for column in &table.columns {
            if table.key.has(&column.label) || is_other(&column.label) {
                continue;
            }
            let rows: Vec<usize> = (0..table.rows())
                .filter(|row| column.cells.get(*row) != Cell::Null)
                .collect();
            let kept = table
                .columns
                .iter()
                .filter(|have| table.key.has(&have.label) || is_other(&have.label));
            let mut columns: Vec<Column> = kept
                .map(|have| Column::new(Arc::clone(&have.label), have.cells.take(&rows)))
                .collect();
            let field = Cell::String(Arc::clone(&column.label));
            columns.push(Column::constant("_field", field.clone(), rows.len()));
            columns.push(Column::new("_value", column.cells.take(&rows)));
            let key = match field_stays {
                true => table.key.clone(),
                false => table.key.with("_field", field),
            };
            out.push(Table { key, columns });
        }
        Ok(out)
    })
}
