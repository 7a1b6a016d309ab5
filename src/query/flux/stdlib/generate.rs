//! `import "generate"`: rows at equal distances, with computed values.

use super::tables::literal;
use super::{Accepts, Builtin, Call, Member, Package, Parameter};
use crate::query::flux::error::Failure;
use crate::query::flux::eval::{Argument, Evaluator};
use crate::query::flux::value::Value;
use crate::query::plan::Duration;
use crate::query::table::{Cells, Column, GroupKey, Kind, Table, Value as Cell};

static FROM: Builtin = Builtin {
    name: "from",
    parameters: &[
        Parameter::required("start", Accepts::Moment),
        Parameter::required("stop", Accepts::Moment),
        Parameter::required("count", Accepts::Integer),
        Parameter::required("fn", Accepts::Function),
    ],
    run: from,
};

pub static PACKAGE: Package = Package {
    path: "generate",
    name: "generate",
    members: &[("from", Member::Function(&FROM))],
};

fn from(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let range = super::universe::range_bounds(evaluator, call, Duration::default())?;
    let count = call.count("count", 0, 0)?;
    let Some(function) = call.function("fn") else {
        return Err(call.fault("fn is missing"));
    };
    let span = call.span_of("fn");
    let step = range.stop.saturating_sub(range.start) / i64::try_from(count.max(1)).unwrap_or(1);
    let (mut times, mut values) = (Cells::new(Kind::Time), Cells::new(Kind::Integer));
    let mut time = range.start;
    for at in 0..count {
        let n = Value::Integer(i64::try_from(at).unwrap_or(i64::MAX));
        let made = evaluator.call_function(&function, vec![Argument::named("n", n, span)], span)?;
        let Value::Integer(made) = made else {
            let found = made.type_name();
            return Err(call.fault(format!("expected int but found {found} (argument fn)")));
        };
        times.push(Cell::Time(time));
        values.push(Cell::Integer(made));
        time = time.saturating_add(step);
    }
    Ok(literal(vec![Table {
        key: GroupKey::default(),
        columns: vec![Column::new("_time", times), Column::new("_value", values)],
    }]))
}
