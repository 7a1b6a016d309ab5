//! Values out of streams (`tableFind` and the like), and what tables look like.

use super::series::{cells_of, invalid};
use super::{VALUE, transformation};
use crate::query::expr;
use crate::query::flux::error::Failure;
use crate::query::flux::eval::Evaluator;
use crate::query::flux::stdlib::tables::{collect, each, literal, predicate_of, regroup};
use crate::query::flux::stdlib::{Accepts, Builtin, Call, Need, Parameter};
use crate::query::flux::value::{Record, Value};
use crate::query::table::{Cells, Column, GroupKey, Kind, Table, Value as Cell};
use std::collections::BTreeSet;
use std::sync::Arc;

const FN: Parameter = Parameter::required("fn", Accepts::Function);
const COLUMN: Parameter = Parameter::required("column", Accepts::String);
const INDEX: Parameter = Parameter::required("idx", Accepts::Integer);
const TABLE: Parameter = Parameter {
    name: "table",
    accepts: Accepts::Stream,
    need: Need::Pipe,
};

transformation!(TABLE_FIND, "tableFind", table_find, [FN]);
transformation!(FIND_COLUMN, "findColumn", find_column, [FN, COLUMN]);
transformation!(FIND_RECORD, "findRecord", find_record, [FN, INDEX]);
transformation!(
    KEYS,
    "keys",
    keys,
    [Parameter::optional("column", Accepts::String)]
);
transformation!(
    COLUMNS,
    "columns",
    columns,
    [Parameter::optional("column", Accepts::String)]
);
transformation!(
    KEY_VALUES,
    "keyValues",
    key_values,
    [Parameter::required("keyColumns", Accepts::Strings)]
);
transformation!(
    CONVERT_VALUES,
    "convertValues",
    convert_values,
    [Parameter::required("type", Accepts::String)]
);
transformation!(HIDE_BOUNDS, "hideBounds", hide_bounds, []);
transformation!(RESTORE_BOUNDS, "restoreBounds", restore_bounds, []);

pub static GET_COLUMN: Builtin = Builtin {
    name: "getColumn",
    parameters: &[TABLE, COLUMN],
    run: |evaluator, call| {
        let table = given(evaluator, call)?;
        column_of(call, table.as_ref())
    },
};
pub static GET_RECORD: Builtin = Builtin {
    name: "getRecord",
    parameters: &[TABLE, INDEX],
    run: |evaluator, call| {
        let table = given(evaluator, call)?;
        record_of(call, table.as_ref())
    },
};

fn given(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Option<Table>, Failure> {
    match call.value("table") {
        Some(Value::Stream(stream)) => {
            let tables = collect(evaluator.ctx, stream.clone().bounded()?)?;
            Ok(tables.into_iter().next())
        }
        _ => Ok(None),
    }
}

/// The first table whose group key satisfies the function.
fn find(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Option<Table>, Failure> {
    let Some(function) = call.function("fn") else {
        return Ok(None);
    };
    let predicate = predicate_of(evaluator, &function, "key", call.span_of("fn"))?;
    for table in collect(evaluator.ctx, call.tables()?)? {
        let parts = table.key.parts().iter();
        let columns =
            parts.map(|(label, value)| Column::constant(Arc::clone(label), value.clone(), 1));
        let key = Table {
            key: table.key.clone(),
            columns: columns.collect(),
        };
        if predicate.start(evaluator.ctx).holds(&key, 0)? {
            return Ok(Some(table));
        }
    }
    Ok(None)
}

fn table_find(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    match find(evaluator, call)? {
        Some(table) => Ok(literal(vec![table])),
        None => Err(call.fault("no table found")),
    }
}

fn find_column(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    match find(evaluator, call)? {
        Some(table) => column_of(call, Some(&table)),
        None => Ok(Value::Array(Arc::default())),
    }
}

fn find_record(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    match find(evaluator, call)? {
        Some(table) if index(call).is_some_and(|at| at < table.rows()) => {
            record_of(call, Some(&table))
        }
        _ => Ok(Value::Record(Arc::default())),
    }
}

fn index(call: &Call) -> Option<usize> {
    usize::try_from(call.integer("idx")?).ok()
}

fn column_of(call: &Call, table: Option<&Table>) -> Result<Value, Failure> {
    let label = call.string_or("column", VALUE);
    let cells = match table {
        Some(table) => cells_of(table, &label, call.function)?,
        None => return Ok(Value::Array(Arc::default())),
    };
    let values = (0..cells.len()).map(|row| cells.get(row).into());
    Ok(Value::Array(Arc::new(values.collect())))
}

fn record_of(call: &Call, table: Option<&Table>) -> Result<Value, Failure> {
    let rows = table.map_or(0, Table::rows);
    let at = index(call).filter(|at| *at < rows);
    let (Some(table), Some(at)) = (table, at) else {
        return Err(call.fault(format!("index out of bounds: the table has {rows} rows")));
    };
    let mut record = Record::new();
    for column in &table.columns {
        record.insert(Arc::clone(&column.label), column.cells.get(at).into());
    }
    Ok(Value::Record(Arc::new(record)))
}

fn labels(call: &Call, of_key: bool) -> Result<Value, Failure> {
    let label = call.string_or("column", VALUE);
    each(call, move |_, table| {
        let mut names = Cells::new(Kind::String);
        if of_key {
            for (name, _) in table.key.parts() {
                names.push(Cell::string(name));
            }
        } else {
            for column in &table.columns {
                names.push(Cell::string(&column.label));
            }
        }
        let mut out = super::statistics::key_columns(&table, names.len(), &[&label]);
        out.columns.push(Column::new(label.as_str(), names));
        Ok(out)
    })
}

fn keys(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    labels(call, true)
}

fn columns(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    labels(call, false)
}

/// One row for each distinct value of the columns.
fn key_values(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let wanted = call.strings("keyColumns").unwrap_or_default();
    each(call, move |_, table| {
        let (mut keys, mut values) = (Cells::new(Kind::String), None);
        let mut seen: BTreeSet<GroupKey> = BTreeSet::new();
        for row in 0..table.rows() {
            for label in &wanted {
                let Some(column) = table.column(label) else {
                    continue;
                };
                let kind = column.cells.kind();
                let values = values.get_or_insert_with(|| Cells::new(kind));
                if values.kind() != kind {
                    return Err(invalid("keyValues: keyColumns must have the same type"));
                }
                let value = column.cells.get(row);
                let place = GroupKey::new(vec![(label.as_str().into(), value.clone())]);
                if !seen.insert(place) {
                    continue;
                }
                keys.push(Cell::string(label));
                values.push(value);
            }
        }
        let values = values.unwrap_or(Cells::new(Kind::String));
        let mut out = super::statistics::key_columns(&table, keys.len(), &["_key", VALUE]);
        out.columns.push(Column::new("_key", keys));
        out.columns.push(Column::new(VALUE, values));
        Ok(out)
    })
}

/// `toInt` and its kin: the column `_value` in another type.
fn convert_values(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let kind = match call.string_or("type", "").as_str() {
        "bool" => Kind::Boolean,
        "float" => Kind::Float,
        "int" => Kind::Integer,
        "string" => Kind::String,
        "time" => Kind::Time,
        "uint" => Kind::Unsigned,
        other => return Err(call.fault(format!("unknown type {other:?}"))),
    };
    regroup(call, move |_, mut table| {
        let cells = cells_of(&table, VALUE, "conversion of _value")?;
        let mut out = Cells::new(kind);
        for row in 0..cells.len() {
            out.push(expr::convert(kind, cells.get(row))?);
        }
        super::series::replace(&mut table, VALUE, out);
        if let Some(value) = table.key.get(VALUE).cloned() {
            table.key = table.key.with(VALUE, expr::convert(kind, value)?);
        }
        Ok(vec![table])
    })
}

/// The bounds of the whole, kept in the group key while windows have bounds of their own.
pub const HIDDEN: [(&str, &str); 2] = [("_start", "\u{1}start"), ("_stop", "\u{1}stop")];

fn hide_bounds(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    each(call, |_, mut table| {
        let rows = table.rows();
        for (label, hidden) in HIDDEN {
            if let Some(value) = table.key.get(label).cloned() {
                table.key = table.key.with(hidden, value.clone());
                table.columns.push(Column::constant(hidden, value, rows));
            }
        }
        Ok(table)
    })
}

fn restore_bounds(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    regroup(call, |_, mut table| {
        let rows = table.rows();
        for (label, hidden) in HIDDEN {
            let Some(value) = table.key.get(hidden).cloned() else {
                continue;
            };
            table.columns.retain(|column| &*column.label != hidden);
            table.key = table.key.without(|have| have == hidden);
            table.key = table.key.with(label, value.clone());
            super::series::replace(&mut table, label, Cells::Constant(value, Kind::Time, rows));
        }
        Ok(if rows == 0 { Vec::new() } else { vec![table] })
    })
}
