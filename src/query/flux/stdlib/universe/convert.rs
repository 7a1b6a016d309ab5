//! Conversions between types, and small functions of single values.

use crate::query::context::QueryError;
use crate::query::expr::{self, BinaryOp, Expr};
use crate::query::flux::error::{Failure, FluxError};
use crate::query::flux::eval::Evaluator;
use crate::query::flux::row;
use crate::query::flux::stdlib::{Accepts, Builtin, Call, Need, Parameter};
use crate::query::flux::time;
use crate::query::flux::value::Value;
use crate::query::plan::Duration;
use crate::query::table::Kind;

macro_rules! conversion {
    ($constant:ident, $name:literal, $run:path) => {
        pub static $constant: Builtin = Builtin {
            name: $name,
            parameters: &[Parameter::required("v", Accepts::Any)],
            run: $run,
        };
    };
}

conversion!(BOOL, "bool", to_bool);
conversion!(INT, "int", to_int);
conversion!(UINT, "uint", to_uint);
conversion!(FLOAT, "float", to_float);
conversion!(STRING, "string", to_string);
conversion!(TIME, "time", to_time);
conversion!(DURATION, "duration", to_duration);

pub static CONTAINS: Builtin = Builtin {
    name: "contains",
    parameters: &[
        Parameter::required("value", Accepts::Any),
        Parameter::required("set", Accepts::Array),
    ],
    run: contains,
};

pub static LENGTH: Builtin = Builtin {
    name: "length",
    parameters: &[Parameter {
        name: "arr",
        accepts: Accepts::Array,
        need: Need::Pipe,
    }],
    run: length,
};

pub static DIE: Builtin = Builtin {
    name: "die",
    parameters: &[Parameter::required("msg", Accepts::String)],
    run: die,
};

fn convert(evaluator: &mut Evaluator<'_>, call: &Call, kind: Kind) -> Result<Value, Failure> {
    let value = call.required("v").undressed().clone();
    if matches!(value, Value::Cell(_)) {
        let made = row::join([&value], |[cell]| Expr::Convert(kind, Box::new(cell)));
        return evaluator.built(made, call.span);
    }
    let Some(scalar) = value.to_cell_value() else {
        return Err(call.fault(format!(
            "cannot convert {} to {}",
            value.type_name(),
            kind.name()
        )));
    };
    match expr::convert(kind, scalar) {
        Ok(converted) => Ok(converted.into()),
        Err(QueryError::Invalid(message)) => Err(call.fault(message)),
        Err(other) => Err(other.into()),
    }
}

fn to_bool(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    convert(evaluator, call, Kind::Boolean)
}

fn to_int(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    match call.value("v").map(Value::undressed) {
        Some(Value::Duration(length)) => whole_nanoseconds(*length, call).map(Value::Integer),
        _ => convert(evaluator, call, Kind::Integer),
    }
}

fn to_uint(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    match call.value("v").map(Value::undressed) {
        Some(Value::Duration(length)) => {
            whole_nanoseconds(*length, call).map(|n| Value::Unsigned(n.cast_unsigned()))
        }
        _ => convert(evaluator, call, Kind::Unsigned),
    }
}

fn whole_nanoseconds(length: Duration, call: &Call) -> Result<i64, Failure> {
    if length.months != 0 {
        return Err(call.fault(format!(
            "cannot convert {length}: months have no fixed length"
        )));
    }
    Ok(length.nanoseconds)
}

fn to_float(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    convert(evaluator, call, Kind::Float)
}

fn to_string(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    match call.value("v").map(Value::undressed) {
        Some(Value::Duration(length)) => Ok(Value::String(length.to_string().into())),
        Some(Value::Regex(regex)) => Ok(Value::from(regex.as_str())),
        Some(Value::Bytes(bytes)) => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Value::from(text)),
            Err(_) => Err(call.fault("the bytes are not UTF-8")),
        },
        _ => convert(evaluator, call, Kind::String),
    }
}

fn to_time(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    match call.value("v").map(Value::undressed) {
        // Dates without a time are times too.
        Some(Value::String(text)) => time::parse_time(text)
            .map(Value::Time)
            .ok_or_else(|| unreadable(call, text, "time")),
        _ => convert(evaluator, call, Kind::Time),
    }
}

fn unreadable(call: &Call, text: &str, kind: &str) -> Failure {
    call.fault(format!(
        "cannot convert string {text:?} to {kind} due to invalid syntax"
    ))
}

fn to_duration(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    match call.required("v").undressed().clone() {
        Value::Null => Ok(Value::Null),
        Value::Duration(length) => Ok(Value::Duration(length)),
        Value::Integer(nanoseconds) => Ok(Value::Duration(Duration::nanoseconds(nanoseconds))),
        Value::Unsigned(nanoseconds) => i64::try_from(nanoseconds)
            .map(|nanoseconds| Value::Duration(Duration::nanoseconds(nanoseconds)))
            .map_err(|_| call.fault("the duration is out of range")),
        Value::String(text) => Duration::parse(&text)
            .map(Value::Duration)
            .ok_or_else(|| unreadable(call, &text, "duration")),
        other => Err(call.fault(format!("cannot convert {} to duration", other.type_name()))),
    }
}

/// Whether the value equals one of the set.
fn contains(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let value = call.required("value");
    let set = call.array("set").unwrap_or_default();
    evaluator.step(set.len() as u64, call.span)?;
    if !matches!(value, Value::Cell(_)) {
        if let Some(open) = set.iter().find(|item| matches!(item, Value::Cell(_))) {
            let found = open.type_name();
            let message = format!("the set of contains needs known values, not {found}");
            return Err(FluxError::check(call.span_of("set"), message).into());
        }
        let found = set.iter().any(|item| item.equals(&value) == Some(true));
        return Ok(Value::Boolean(found));
    }
    let equal = |left, right| Expr::Binary(BinaryOp::Equal, Box::new(left), Box::new(right));
    let mut tests = Vec::with_capacity(set.len());
    for item in set.iter() {
        let made = row::join([&value, item], |[left, right]| equal(left, right));
        tests.push(evaluator.built(made, call.span)?);
    }
    let either = |left, right| Expr::Binary(BinaryOp::Or, Box::new(left), Box::new(right));
    let joined = row::join_balanced(&tests, &either);
    evaluator.built(
        joined.map(|test| test.unwrap_or(Value::Boolean(false))),
        call.span,
    )
}

fn length(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let items = call.array("arr").unwrap_or_default();
    Ok(Value::Integer(
        i64::try_from(items.len()).unwrap_or(i64::MAX),
    ))
}

fn die(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    Err(call.fault(call.string_or("msg", "")))
}
