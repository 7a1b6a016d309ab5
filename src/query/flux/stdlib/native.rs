//! Functions of single values. With known arguments they are computed at once; with a value of the row
//! they become part of the row's expression and are called for each row.

use super::{Builtin, Call};
use crate::query::context::QueryError;
use crate::query::expr::{Expr, RowFunction};
use crate::query::flux::error::{Failure, FluxError};
use crate::query::flux::eval::{Argument, Evaluator};
use crate::query::flux::row;
use crate::query::flux::span::Span;
use crate::query::flux::value::Value;
use crate::query::table;
use std::fmt;
use std::sync::Arc;

/// What a function computes of its checked arguments.
pub type Compute = fn(&Call) -> Result<Value, Failure>;

struct Native {
    builtin: &'static Builtin,
    compute: Compute,
    known: Vec<Argument>,
    /// Names of those that come with the row.
    open: Vec<&'static str>,
    span: Span,
}

impl fmt::Debug for Native {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.builtin.name)
    }
}

impl RowFunction for Native {
    fn call(&self, values: Vec<table::Value>) -> Result<table::Value, QueryError> {
        let mut arguments = self.known.clone();
        for (name, value) in self.open.iter().zip(values) {
            arguments.push(Argument::named(name, value.into(), self.span));
        }
        let call = Call::new(self.builtin, arguments, self.span)
            .map_err(|error| QueryError::from(Failure::from(error)))?;
        let value = (self.compute)(&call)?;
        value.to_cell_value().ok_or_else(|| {
            let name = value.type_name();
            let message = format!("a column can't hold a value of type {name}");
            QueryError::from(Failure::from(FluxError::run(self.span, message)))
        })
    }
}

/// Functions whose results no column holds: their values are wanted by other functions.
fn makes_cells(name: &str) -> bool {
    !matches!(
        name,
        "split"
            | "splitAfter"
            | "splitN"
            | "splitAfterN"
            | "findStringIndex"
            | "compile"
            | "fromList"
            | "insert"
            | "remove"
            | "get"
            | "objectKeys"
            | "scan"
            | "parse"
            | "encode"
            | "bytes"
            | "fixed"
            | "location"
    )
}

/// Runs the function, or postpones it.
pub fn run(
    evaluator: &mut Evaluator<'_>,
    builtin: &'static Builtin,
    call: &Call,
    compute: Compute,
) -> Result<Value, Failure> {
    let (mut known, mut open, mut cells) = (Vec::new(), Vec::new(), Vec::new());
    for parameter in builtin.parameters {
        match call.value(parameter.name) {
            Some(cell @ Value::Cell(_)) => {
                if !makes_cells(builtin.name) {
                    let found = cell.type_name();
                    let message = format!("{} needs a known value, not {found}", builtin.name);
                    return Err(FluxError::check(call.span, message).into());
                }
                open.push(parameter.name);
                cells.push(cell.clone());
            }
            // Times may be given as durations from now.
            Some(Value::Duration(length)) if matches!(parameter.name, "t" | "to" | "from") => {
                let span = call.span_of(parameter.name);
                let time = length
                    .add_to(evaluator.now())
                    .ok_or_else(|| call.fault("the time is out of range"))?;
                known.push(Argument::named(parameter.name, Value::Time(time), span));
            }
            Some(value) if value.depends_on_row() => {
                let message = format!("{} needs known values within", builtin.name);
                return Err(FluxError::check(call.span_of(parameter.name), message).into());
            }
            Some(value) => {
                let span = call.span_of(parameter.name);
                known.push(Argument::named(parameter.name, value.clone(), span));
            }
            // The zone of the program, unless the call names another.
            None if parameter.name == "location" => {
                if let Some(location) = evaluator.location() {
                    known.push(Argument::named("location", location.clone(), call.span));
                }
            }
            None => {}
        }
    }
    evaluator.step(4, call.span)?;
    if open.is_empty() {
        return compute(&Call::new(builtin, known, call.span)?);
    }
    let native: Arc<dyn RowFunction> = Arc::new(Native {
        builtin,
        compute,
        known,
        open,
        span: call.span,
    });
    evaluator.built(
        row::join_all(&cells, |cells| Expr::Native(native, cells)),
        call.span,
    )
}

/// Declares functions of single values: constant, name, `[required; optional]`, computation.
macro_rules! natives {
    ($($constant:ident $name:literal [$($required:literal),* $(; $($optional:literal),*)?] $compute:expr;)*) => {
        $(
            pub static $constant: $crate::query::flux::stdlib::Builtin =
                $crate::query::flux::stdlib::Builtin {
                    name: $name,
                    parameters: &[
                        $($crate::query::flux::stdlib::Parameter::required(
                            $required,
                            $crate::query::flux::stdlib::Accepts::Any,
                        ),)*
                        $($($crate::query::flux::stdlib::Parameter::optional(
                            $optional,
                            $crate::query::flux::stdlib::Accepts::Any,
                        ),)*)?
                    ],
                    run: |evaluator, call| {
                        $crate::query::flux::stdlib::native::run(
                            evaluator, &$constant, call, $compute,
                        )
                    },
                };
        )*
    };
}
pub(super) use natives;
