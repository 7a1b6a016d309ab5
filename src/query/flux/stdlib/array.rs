//! `import "array"`: a table written down in the program.

use super::{Accepts, Builtin, Call, Member, Need, Package, Parameter};
use crate::query::flux::ast::Name;
use crate::query::flux::error::{Failure, FluxError};
use crate::query::flux::eval::{Argument, Evaluator};
use crate::query::flux::stream::Stream;
use crate::query::flux::value::{Record, Value};
use crate::query::plan::Node;
use crate::query::table::{Cells, Column, GroupKey, Kind, Table};
use std::collections::BTreeMap;
use std::sync::Arc;

static FROM: Builtin = Builtin {
    name: "from",
    parameters: &[Parameter {
        name: "rows",
        accepts: Accepts::Array,
        need: Need::Pipe,
    }],
    run: from,
};

const ARR: Parameter = Parameter {
    name: "arr",
    accepts: Accepts::Array,
    need: Need::Pipe,
};

static CONCAT: Builtin = Builtin {
    name: "concat",
    parameters: &[ARR, Parameter::required("v", Accepts::Array)],
    run: |evaluator, call| {
        let mut items = call.array("arr").unwrap_or_default().to_vec();
        items.extend(call.array("v").unwrap_or_default().iter().cloned());
        evaluator.step(items.len() as u64, call.span)?;
        Ok(Value::Array(Arc::new(items)))
    },
};
pub static MAP: Builtin = Builtin {
    name: "map",
    parameters: &[ARR, Parameter::required("fn", Accepts::Function)],
    run: |evaluator, call| {
        let made = of_each(evaluator, call)?;
        let made = made.into_iter().map(|(_, value)| value);
        Ok(Value::Array(Arc::new(made.collect())))
    },
};
static FILTER: Builtin = Builtin {
    name: "filter",
    parameters: &[ARR, Parameter::required("fn", Accepts::Function)],
    run: |evaluator, call| {
        let mut kept = Vec::new();
        for (item, holds) in of_each(evaluator, call)? {
            match holds {
                Value::Boolean(true) => kept.push(item),
                Value::Boolean(false) | Value::Null => {}
                other => {
                    let message = format!("expected bool but found {}", other.type_name());
                    return Err(FluxError::check(call.span_of("fn"), message).into());
                }
            }
        }
        Ok(Value::Array(Arc::new(kept)))
    },
};

fn of_each(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Vec<(Value, Value)>, Failure> {
    let (items, Some(function)) = (call.array("arr").unwrap_or_default(), call.function("fn"))
    else {
        return Ok(Vec::new());
    };
    let span = call.span_of("fn");
    let mut out = Vec::with_capacity(items.len());
    for item in items.iter() {
        let arguments = vec![Argument::named("x", item.clone(), span)];
        let made = evaluator.call_function(&function, arguments, span)?;
        out.push((item.clone(), made));
    }
    Ok(out)
}

const MEMBERS: &[(&str, Member)] = &[
    ("concat", Member::Function(&CONCAT)),
    ("filter", Member::Function(&FILTER)),
    ("from", Member::Function(&FROM)),
    ("map", Member::Function(&MAP)),
    (
        "toBool",
        Member::Text("(arr=<-) => _mapArray(arr: arr, fn: (x) => bool(v: x))"),
    ),
    (
        "toDuration",
        Member::Text("(arr=<-) => _mapArray(arr: arr, fn: (x) => duration(v: x))"),
    ),
    (
        "toFloat",
        Member::Text("(arr=<-) => _mapArray(arr: arr, fn: (x) => float(v: x))"),
    ),
    (
        "toInt",
        Member::Text("(arr=<-) => _mapArray(arr: arr, fn: (x) => int(v: x))"),
    ),
    (
        "toString",
        Member::Text("(arr=<-) => _mapArray(arr: arr, fn: (x) => string(v: x))"),
    ),
    (
        "toTime",
        Member::Text("(arr=<-) => _mapArray(arr: arr, fn: (x) => time(v: x))"),
    ),
    (
        "toUInt",
        Member::Text("(arr=<-) => _mapArray(arr: arr, fn: (x) => uint(v: x))"),
    ),
];

pub static PACKAGE: Package = Package {
    path: "array",
    name: "array",
    members: MEMBERS,
};
pub static EXPERIMENTAL: Package = Package {
    path: "experimental/array",
    name: "array",
    members: MEMBERS,
};

/// One table without a group key; columns in the order of their names.
fn from(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let items = call.array("rows").unwrap_or_default();
    let mut rows: Vec<&Record> = Vec::with_capacity(items.len());
    for item in items.iter() {
        match item {
            Value::Record(record) => rows.push(record),
            other => {
                let message = format!("expected [A] of records but found [{}]", other.type_name());
                return Err(FluxError::check(call.span_of("rows"), message).into());
            }
        }
    }
    if rows.is_empty() {
        return Err(call.fault("rows array must not be empty"));
    }
    let columns = kinds(call, &rows)?.into_iter().map(|(name, kind)| {
        let mut cells = Cells::new(kind);
        for row in &rows {
            let value = row.get(&name).and_then(Value::to_cell_value);
            cells.push(value.unwrap_or(crate::query::table::Value::Null));
        }
        Column { label: name, cells }
    });
    let table = Table {
        key: GroupKey::default(),
        columns: columns.collect(),
    };
    Ok(Value::Stream(Stream::tables(Arc::new(Node::Literal(
        vec![table],
    )))))
}

/// Type of each column; a column of nulls only is one of strings.
fn kinds(call: &Call, rows: &[&Record]) -> Result<BTreeMap<Name, Kind>, Failure> {
    let mut kinds: BTreeMap<Name, Option<Kind>> = BTreeMap::new();
    for row in rows {
        for (name, value) in row.iter() {
            let kind = value.to_cell_value().ok_or_else(|| {
                let message = format!(
                    "column {name} can't hold a value of type {}",
                    value.type_name()
                );
                Failure::from(FluxError::check(call.span_of("rows"), message))
            })?;
            let have = kinds.entry(Arc::clone(name)).or_default();
            match (*have, kind.kind()) {
                (Some(have), Some(kind)) if have != kind => {
                    let message = format!(
                        "expected {} but found {} (column {name})",
                        have.name(),
                        kind.name()
                    );
                    return Err(FluxError::check(call.span_of("rows"), message).into());
                }
                (None, kind) => *have = kind,
                _ => {}
            }
        }
    }
    Ok(kinds
        .into_iter()
        .map(|(name, kind)| (name, kind.unwrap_or(Kind::String)))
        .collect())
}
