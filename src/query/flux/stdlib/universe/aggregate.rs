//! Aggregates and selectors of one column.

use super::{VALUE, transformation};
use crate::query::flux::error::Failure;
use crate::query::flux::eval::Evaluator;
use crate::query::flux::stdlib::{Accepts, Builtin, Call, Parameter};
use crate::query::flux::stream::Stream;
use crate::query::flux::value::Value;
use crate::query::plan::{Aggregate, Node, Selector};
use std::sync::Arc;

const COLUMN: Parameter = Parameter::optional("column", Accepts::String);

transformation!(COUNT, "count", count, [COLUMN]);
transformation!(SUM, "sum", sum, [COLUMN]);
transformation!(MEAN, "mean", mean, [COLUMN]);
transformation!(MIN, "min", min, [COLUMN]);
transformation!(MAX, "max", max, [COLUMN]);
transformation!(FIRST, "first", first, [COLUMN]);
transformation!(LAST, "last", last, [COLUMN]);

fn aggregate(call: &Call, function: Aggregate) -> Result<Value, Failure> {
    let column = call.string_or("column", VALUE);
    let node = Node::Aggregate {
        input: call.tables()?,
        function,
        column,
    };
    Ok(Value::Stream(Stream::tables(Arc::new(node))))
}

fn select(call: &Call, function: Selector) -> Result<Value, Failure> {
    let column = call.string_or("column", VALUE);
    let node = Node::Select {
        input: call.tables()?,
        function,
        column,
    };
    Ok(Value::Stream(Stream::tables(Arc::new(node))))
}

fn count(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    aggregate(call, Aggregate::Count)
}

fn sum(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    aggregate(call, Aggregate::Sum)
}

fn mean(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    aggregate(call, Aggregate::Mean)
}

fn min(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    select(call, Selector::Min)
}

fn max(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    select(call, Selector::Max)
}

fn first(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    select(call, Selector::First)
}

fn last(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    select(call, Selector::Last)
}
