//! `import "date"`: moving and truncating times that are known before rows are read.

use super::{Accepts, Builtin, Call, Member, Package, Parameter, zone};
use crate::query::flux::error::{Failure, FluxError};
use crate::query::flux::eval::Evaluator;
use crate::query::flux::value::Value;

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
        ("second", Member::Function(&zone::SECOND)),
        ("minute", Member::Function(&zone::MINUTE)),
        ("hour", Member::Function(&zone::HOUR)),
        ("weekDay", Member::Function(&zone::WEEK_DAY)),
        ("monthDay", Member::Function(&zone::MONTH_DAY)),
        ("yearDay", Member::Function(&zone::YEAR_DAY)),
        ("month", Member::Function(&zone::MONTH)),
        ("year", Member::Function(&zone::YEAR)),
        ("week", Member::Function(&zone::WEEK)),
        ("quarter", Member::Function(&zone::QUARTER)),
        ("millisecond", Member::Function(&zone::MILLISECOND)),
        ("microsecond", Member::Function(&zone::MICROSECOND)),
        ("nanosecond", Member::Function(&zone::NANOSECOND)),
        ("scale", Member::Function(&zone::SCALE)),
        ("time", Member::Function(&zone::TIME)),
        ("truncate", Member::Function(&zone::TRUNCATE)),
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
