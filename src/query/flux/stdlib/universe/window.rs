//! Windows of time.

use super::columns::tables;
use super::{VALUE, transformation};
use crate::model::TimeRange;
use crate::query::flux::error::{Failure, FluxError};
use crate::query::flux::eval::{Argument, Evaluator};
use crate::query::flux::span::Span;
use crate::query::flux::stdlib::tables::whole;
use crate::query::flux::stdlib::{Accepts, Builtin, Call, Parameter};
use crate::query::flux::stream::{Stream, StreamKind};
use crate::query::flux::value::{Function, Value};
use crate::query::plan::{self, AggregateWindow, Node, Window, WindowFunction};
use crate::query::table::{Cells, GroupKey, Kind, Table, Value as CellValue};
use std::collections::BTreeMap;
use std::sync::Arc;

transformation!(
    WINDOW,
    "window",
    window,
    [
        Parameter::optional("every", Accepts::Duration),
        Parameter::optional("period", Accepts::Duration),
        Parameter::optional("offset", Accepts::Duration),
        Parameter::optional("createEmpty", Accepts::Boolean),
        Parameter::optional("timeColumn", Accepts::String),
        Parameter::optional("startColumn", Accepts::String),
        Parameter::optional("stopColumn", Accepts::String),
        Parameter::optional("location", Accepts::Record),
    ]
);
transformation!(
    AGGREGATE_WINDOW,
    "aggregateWindow",
    aggregate_window,
    [
        Parameter::required("every", Accepts::Duration),
        Parameter::required("fn", Accepts::Function),
        Parameter::optional("period", Accepts::Duration),
        Parameter::optional("offset", Accepts::Duration),
        Parameter::optional("column", Accepts::String),
        Parameter::optional("timeSrc", Accepts::String),
        Parameter::optional("timeDst", Accepts::String),
        Parameter::optional("createEmpty", Accepts::Boolean),
        Parameter::optional("location", Accepts::Record),
    ]
);

/// Refuses an argument unless it says what is done anyway.
fn only(call: &Call, name: &str, value: &str) -> Result<(), Failure> {
    match call.string(name) {
        Some(given) if given.as_ref() != value => {
            let message = format!(
                "{name} other than {value:?} in {} is not supported yet",
                call.function
            );
            Err(FluxError::check(call.span_of(name), message).into())
        }
        _ => Ok(()),
    }
}

fn bounds(evaluator: &Evaluator<'_>, call: &Call) -> Result<Window, Failure> {
    let zone = crate::query::flux::stdlib::zone::of_call(evaluator, call)?;
    let every = call
        .duration("every")
        .or_else(|| call.duration("period"))
        .unwrap_or_default();
    let period = call.duration("period").unwrap_or(every);
    let offset = call.duration("offset").unwrap_or_default();
    for (name, length) in [("every", every), ("period", period)] {
        if length.is_zero() || length.is_negative() {
            let text = format!("{name} must be a positive duration, got {length}");
            return Err(FluxError::check(call.span_of(name), text).into());
        }
        if length.months > 0 && length.nanoseconds > 0 {
            let text = format!("{name} can't mix months with shorter units, got {length}");
            return Err(FluxError::check(call.span_of(name), text).into());
        }
    }
    Ok(Window {
        every,
        period,
        offset,
        zone,
    })
}

fn window(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    if !call.has("every") && !call.has("period") {
        return Err(call.fault("one of every and period must be given"));
    }
    only(call, "timeColumn", "_time")?;
    only(call, "startColumn", "_start")?;
    only(call, "stopColumn", "_stop")?;
    if call
        .duration("every")
        .is_some_and(|every| every.nanoseconds == i64::MAX)
    {
        return unwindowed(call);
    }
    let (input, window) = (call.tables()?, bounds(evaluator, call)?);
    let create_empty = call.boolean_or("createEmpty", false);
    Ok(tables(Node::Window {
        input,
        window,
        create_empty,
    }))
}

/// One window that holds all: from the first `_start` of all tables to the last `_stop`.
fn unwindowed(call: &Call) -> Result<Value, Failure> {
    let known = match call.value("tables") {
        Some(Value::Stream(stream)) => stream.bounds,
        _ => None,
    };
    Ok(rejoined(call, call.tables()?, known))
}

/// Sets the bounds of all tables; without known ones, to the first and the last that there are.
fn rejoined(call: &Call, input: plan::Stream, known: Option<TimeRange>) -> Value {
    whole(call, vec![input], move |_, inputs| {
        let tables: Vec<Table> = inputs.into_iter().flatten().collect();
        let bounds = |label: &str| {
            let times = tables
                .iter()
                .filter_map(|table| match table.key.get(label) {
                    Some(CellValue::Time(time)) => Some(*time),
                    _ => None,
                });
            times.collect::<Vec<_>>()
        };
        let (start, stop) = match known {
            Some(range) => (Some(range.start), Some(range.stop)),
            None => (
                bounds("_start").into_iter().min(),
                bounds("_stop").into_iter().max(),
            ),
        };
        let mut out: BTreeMap<GroupKey, Table> = BTreeMap::new();
        for mut table in tables {
            let rows = table.rows();
            for (label, time) in [("_start", start), ("_stop", stop)] {
                let Some(time) = time else { continue };
                let value = CellValue::Time(time);
                table.key = table.key.with(label, value.clone());
                super::replace(&mut table, label, Cells::Constant(value, Kind::Time, rows));
            }
            match out.get_mut(&table.key) {
                Some(have) => have.append(&table),
                None => {
                    out.insert(table.key.clone(), table);
                }
            }
        }
        Ok(out.into_values().collect())
    })
}

fn aggregate_window(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let column = call.string_or("column", VALUE);
    let time_source = call.string_or("timeSrc", "_stop");
    if !matches!(time_source.as_str(), "_stop" | "_start") {
        let message = "timeSrc must be \"_stop\" or \"_start\" in this version";
        return Err(FluxError::check(call.span_of("timeSrc"), message).into());
    }
    let window = bounds(evaluator, call)?;
    let input = call.tables()?;
    let Some(function) = call.function("fn") else {
        return Err(call.fault("fn is missing"));
    };
    let create_empty = call.boolean_or("createEmpty", true);
    let time_destination = call.string_or("timeDst", "_time");
    let span = call.span_of("fn");
    let Some(known) = of_window(evaluator, &function, &column, span)? else {
        let windows = Windows {
            window,
            create_empty,
            time_source,
            time_destination,
        };
        return in_windows(evaluator, call, &function, &column, &windows);
    };
    Ok(tables(Node::AggregateWindow(AggregateWindow {
        input,
        window,
        function: known,
        column,
        time_source,
        time_destination,
        create_empty,
    })))
}

struct Windows {
    window: Window,
    create_empty: bool,
    time_source: String,
    time_destination: String,
}

/// Any function of tables, run on each window by itself.
fn in_windows(
    evaluator: &mut Evaluator<'_>,
    call: &Call,
    function: &Function,
    column: &str,
    windows: &Windows,
) -> Result<Value, Failure> {
    let span = call.span_of("fn");
    let piped = |value: Value| Argument {
        name: None,
        value,
        span,
    };
    let known = match call.value("tables") {
        Some(Value::Stream(stream)) => stream.bounds,
        _ => None,
    };
    let hide = Function::Builtin(&super::inspect::HIDE_BOUNDS);
    let input = evaluator.call_function(&hide, vec![piped(call.required("tables"))], span)?;
    let Value::Stream(input) = input else {
        return Ok(input);
    };
    let windowed = tables(Node::Window {
        input: input.bounded()?,
        window: windows.window,
        create_empty: windows.create_empty,
    });
    let mut arguments = vec![piped(windowed)];
    if takes_column(function) {
        arguments.push(Argument::named("column", column.into(), span));
    }
    let made = evaluator.call_function(function, arguments, span)?;
    let Value::Stream(made) = made else {
        let message = format!(
            "expected stream but found {} (argument fn)",
            made.type_name()
        );
        return Err(FluxError::check(span, message).into());
    };
    let stamped = tables(Node::Duplicate {
        input: made.bounded()?,
        column: windows.time_source.clone(),
        into: windows.time_destination.clone(),
    });
    if let Some(range) = known {
        let Value::Stream(stamped) = stamped else {
            return Ok(stamped);
        };
        let input = dropped(stamped.bounded()?);
        return Ok(rejoined(call, input, Some(range)));
    }
    let restore = Function::Builtin(&super::inspect::RESTORE_BOUNDS);
    evaluator.call_function(&restore, vec![piped(stamped)], span)
}

/// Without the columns that keep the bounds of the whole.
fn dropped(input: plan::Stream) -> plan::Stream {
    let columns = super::inspect::HIDDEN.map(|(_, hidden)| hidden.to_owned());
    Arc::new(Node::Drop {
        input,
        columns: columns.into(),
    })
}

/// The aggregate or selector that a function of tables comes down to: it is tried on a stand-in.
fn of_window(
    evaluator: &mut Evaluator<'_>,
    function: &Function,
    column: &str,
    span: Span,
) -> Result<Option<WindowFunction>, Failure> {
    let stand_in = Arc::new(Node::Literal(Vec::new()));
    let tables = Value::Stream(Stream::tables(Arc::clone(&stand_in)));
    let mut arguments = vec![Argument {
        name: None,
        value: tables,
        span,
    }];
    if takes_column(function) {
        arguments.push(Argument::named("column", column.into(), span));
    }
    let result = evaluator.call_function(function, arguments, span)?;
    let Value::Stream(Stream {
        kind: StreamKind::Tables(node),
        ..
    }) = &result
    else {
        let message = format!(
            "expected stream but found {} (argument fn)",
            result.type_name()
        );
        return Err(FluxError::check(span, message).into());
    };
    let (input, wanted, used) = match &**node {
        Node::Aggregate {
            input,
            function,
            column,
        } => (input, WindowFunction::Aggregate(*function), column),
        Node::Select {
            input,
            function,
            column,
        } => (input, WindowFunction::Select(*function), column),
        _ => return Ok(None),
    };
    if !Arc::ptr_eq(input, &stand_in) || used != column {
        return Ok(None);
    }
    Ok(Some(wanted))
}

/// A function of the program need not name a parameter that it does not use.
fn takes_column(function: &Function) -> bool {
    match function {
        Function::Builtin(_) => true,
        Function::Closure(closure) => closure
            .literal
            .parameters
            .iter()
            .any(|parameter| parameter.name.name.as_ref() == "column"),
    }
}
