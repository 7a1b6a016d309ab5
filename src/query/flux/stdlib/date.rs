//! `import "date"`: moving and truncating times that are known before rows are read.

use super::{Accepts, Builtin, Call, Member, Package, Parameter};
use crate::query::flux::error::{Failure, FluxError};
use crate::query::flux::eval::Evaluator;
use crate::query::flux::time;
use crate::query::flux::value::Value;

static TRUNCATE: Builtin = Builtin {
    name: "truncate",
    parameters: &[
        Parameter::required("t", Accepts::Moment),
        Parameter::required("unit", Accepts::Duration),
    ],
    run: truncate,
};

static ADD: Builtin = Builtin {
    name: "add",
    parameters: &[
        Parameter::required("d", Accepts::Duration),
        Parameter::required("to", Accepts::Moment),
    ],
    run: add,
};

static SUB: Builtin = Builtin {
    name: "sub",
    parameters: &[
        Parameter::required("d", Accepts::Duration),
        Parameter::required("from", Accepts::Moment),
    ],
    run: sub,
};

pub static PACKAGE: Package = Package {
    path: "date",
    name: "date",
    members: &[
        ("add", Member::Function(&ADD)),
        ("sub", Member::Function(&SUB)),
        ("truncate", Member::Function(&TRUNCATE)),
    ],
};

/// A time, or one so far from now.
fn moment(evaluator: &Evaluator<'_>, call: &Call, name: &str) -> Result<i64, Failure> {
    match call.value(name) {
        Some(Value::Time(time)) => Ok(*time),
        Some(Value::Duration(length)) => length
            .add_to(evaluator.now())
            .ok_or_else(|| out_of_range(call)),
        _ => {
            let message = format!("expected time but found int (argument {name})");
            Err(FluxError::check(call.span_of(name), message).into())
        }
    }
}

fn out_of_range(call: &Call) -> Failure {
    call.fault("the time is out of range")
}

fn truncate(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let at = moment(evaluator, call, "t")?;
    let unit = call.duration("unit").unwrap_or_default();
    if unit.is_zero() || unit.is_negative() || (unit.months > 0 && unit.nanoseconds > 0) {
        let message = format!("unit must be a positive duration without mixed months, got {unit}");
        return Err(FluxError::check(call.span_of("unit"), message).into());
    }
    time::truncate(at, unit)
        .map(Value::Time)
        .ok_or_else(|| out_of_range(call))
}

fn add(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let at = moment(evaluator, call, "to")?;
    let length = call.duration("d").unwrap_or_default();
    length
        .add_to(at)
        .map(Value::Time)
        .ok_or_else(|| out_of_range(call))
}

fn sub(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let at = moment(evaluator, call, "from")?;
    let length = call.duration("d").unwrap_or_default().checked_neg();
    length
        .and_then(|length| length.add_to(at))
        .map(Value::Time)
        .ok_or_else(|| out_of_range(call))
}
