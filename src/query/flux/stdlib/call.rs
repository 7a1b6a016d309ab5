//! A call of a library function: arguments are checked against the parameters before it runs.

use super::Builtin;
use crate::model::TimeRange;
use crate::query::flux::ast::Name;
use crate::query::flux::error::{Failure, FluxError};
use crate::query::flux::eval::Argument;
use crate::query::flux::span::Span;
use crate::query::flux::stream::{Measure, Stream};
use crate::query::flux::value::{Function, Record, Value};
use crate::query::plan;
use std::sync::Arc;

pub struct Parameter {
    pub name: &'static str,
    pub accepts: Accepts,
    pub need: Need,
}

impl Parameter {
    pub const fn required(name: &'static str, accepts: Accepts) -> Self {
        Self {
            name,
            accepts,
            need: Need::Required,
        }
    }

    pub const fn optional(name: &'static str, accepts: Accepts) -> Self {
        Self {
            name,
            accepts,
            need: Need::Optional,
        }
    }

    /// What transformations take from the left of `|>`.
    pub const TABLES: Self = Self {
        name: "tables",
        accepts: Accepts::Stream,
        need: Need::Pipe,
    };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Required,
    Optional,
    /// Required; may also be given by `|>`.
    Pipe,
}

/// Types of a parameter. `Cell`s (values of the row) only fit where it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepts {
    Stream,
    Boolean,
    Integer,
    Float,
    String,
    /// A string or a value of the row.
    Text,
    Number,
    Duration,
    /// A time, or a duration before or after now, or seconds since the epoch.
    Moment,
    Regex,
    Function,
    Strings,
    Array,
    Record,
    Any,
}

impl Accepts {
    const fn name(self) -> &'static str {
        match self {
            Self::Stream => "stream[A]",
            Self::Boolean => "bool",
            Self::Integer => "int",
            Self::Float => "float",
            Self::String | Self::Text => "string",
            Self::Number => "a number",
            Self::Duration => "duration",
            Self::Moment => "time or duration",
            Self::Regex => "regexp",
            Self::Function => "a function",
            Self::Strings => "[string]",
            Self::Array => "an array",
            Self::Record => "a record",
            Self::Any => "a value",
        }
    }

    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Stream => matches!(value, Value::Stream(_)),
            Self::Boolean => matches!(value, Value::Boolean(_)),
            Self::Integer => matches!(value, Value::Integer(_)),
            Self::Float => matches!(value, Value::Float(_) | Value::Cell(_)),
            Self::String => matches!(value, Value::String(_)),
            Self::Text => matches!(value, Value::String(_) | Value::Cell(_)),
            Self::Number => {
                matches!(
                    value,
                    Value::Integer(_) | Value::Unsigned(_) | Value::Float(_)
                )
            }
            Self::Duration => matches!(value, Value::Duration(_)),
            Self::Moment => {
                matches!(
                    value,
                    Value::Time(_) | Value::Duration(_) | Value::Integer(_)
                )
            }
            Self::Regex => matches!(value, Value::Regex(_)),
            Self::Function => matches!(value, Value::Function(_)),
            Self::Strings => match value {
                Value::Array(items) => items.iter().all(|item| matches!(item, Value::String(_))),
                _ => false,
            },
            Self::Array => matches!(value, Value::Array(_)),
            Self::Record => matches!(value, Value::Record(_)),
            Self::Any => true,
        }
    }
}

/// Checked arguments.
pub struct Call {
    pub function: &'static str,
    pub span: Span,
    arguments: Vec<(&'static str, Value, Span)>,
}

impl Call {
    pub fn new(
        builtin: &'static Builtin,
        given: Vec<Argument>,
        span: Span,
    ) -> Result<Self, FluxError> {
        let mut arguments: Vec<(&'static str, Value, Span)> = Vec::with_capacity(given.len());
        for argument in given {
            let parameter = find(builtin, argument.name.as_ref(), span)?;
            if arguments.iter().any(|(name, ..)| *name == parameter.name) {
                let message = format!("argument {} is given twice", parameter.name);
                return Err(FluxError::check(argument.span, message));
            }
            // A null stands for an argument that is not given, so that parameters can be null.
            if matches!(argument.value, Value::Null) && parameter.need == Need::Optional {
                continue;
            }
            if !parameter.accepts.fits(&argument.value) {
                let message = format!(
                    "expected {} but found {} (argument {})",
                    parameter.accepts.name(),
                    found(&argument.value, parameter.accepts),
                    parameter.name
                );
                return Err(FluxError::check(argument.span, message));
            }
            arguments.push((parameter.name, argument.value, argument.span));
        }
        let missing = builtin.parameters.iter().find(|parameter| {
            parameter.need != Need::Optional
                && !arguments.iter().any(|(name, ..)| *name == parameter.name)
        });
        match missing {
            Some(parameter) => {
                let message = format!("missing required argument {}", parameter.name);
                Err(FluxError::check(span, message))
            }
            None => Ok(Self {
                function: builtin.name,
                span,
                arguments,
            }),
        }
    }

    /// A fault of the call as a whole.
    pub fn fault(&self, message: impl std::fmt::Display) -> Failure {
        let text = format!("{}: {message}", self.function);
        FluxError::run(self.span, text).into()
    }

    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    pub fn value(&self, name: &str) -> Option<&Value> {
        self.arguments
            .iter()
            .find(|(have, ..)| *have == name)
            .map(|(_, value, _)| value)
    }

    /// Where the argument stands, or else the call.
    pub fn span_of(&self, name: &str) -> Span {
        let found = self.arguments.iter().find(|(have, ..)| *have == name);
        found.map_or(self.span, |(.., span)| *span)
    }

    /// A required argument; it is there, as [`Call::new`] checked.
    pub fn required(&self, name: &str) -> Value {
        self.value(name).cloned().unwrap_or(Value::Null)
    }

    pub fn string(&self, name: &str) -> Option<Name> {
        match self.value(name) {
            Some(Value::String(text)) => Some(Arc::clone(text)),
            _ => None,
        }
    }

    pub fn string_or(&self, name: &str, default: &str) -> String {
        self.string(name)
            .map_or_else(|| default.to_owned(), |text| text.to_string())
    }

    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.value(name) {
            Some(Value::Integer(value)) => Some(*value),
            _ => None,
        }
    }

    pub fn boolean_or(&self, name: &str, default: bool) -> bool {
        match self.value(name) {
            Some(Value::Boolean(value)) => *value,
            _ => default,
        }
    }

    pub fn duration(&self, name: &str) -> Option<plan::Duration> {
        match self.value(name) {
            Some(Value::Duration(value)) => Some(*value),
            _ => None,
        }
    }

    pub fn function(&self, name: &str) -> Option<Function> {
        match self.value(name) {
            Some(Value::Function(function)) => Some(function.clone()),
            _ => None,
        }
    }

    pub fn record(&self, name: &str) -> Option<Arc<Record>> {
        match self.value(name) {
            Some(Value::Record(record)) => Some(Arc::clone(record)),
            _ => None,
        }
    }

    pub fn array(&self, name: &str) -> Option<Arc<Vec<Value>>> {
        match self.value(name) {
            Some(Value::Array(items)) => Some(Arc::clone(items)),
            _ => None,
        }
    }

    pub fn strings(&self, name: &str) -> Option<Vec<String>> {
        let items = self.array(name)?;
        let texts = items.iter().map(|item| match item {
            Value::String(text) => text.to_string(),
            _ => String::new(),
        });
        Some(texts.collect())
    }

    /// A number of rows: an integer that is at least `least`.
    pub fn count(&self, name: &str, default: usize, least: usize) -> Result<usize, Failure> {
        let Some(given) = self.integer(name) else {
            return Ok(default);
        };
        usize::try_from(given)
            .ok()
            .filter(|count| *count >= least)
            .ok_or_else(|| {
                let message = format!("{} must be at least {least}, got {given}", name);
                FluxError::check(self.span_of(name), message).into()
            })
    }

    /// Of all streams among the arguments.
    pub fn measure(&self) -> Measure {
        let mut measure = Measure::default();
        for (_, value, _) in &self.arguments {
            let items = match value {
                Value::Array(items) => items.as_slice(),
                one => std::slice::from_ref(one),
            };
            for item in items {
                if let Value::Stream(stream) = item {
                    measure = measure.join(stream.measure);
                }
            }
        }
        measure
    }

    /// The range that all streams among the arguments lie in.
    pub fn bounds(&self) -> Option<TimeRange> {
        let mut out: Option<TimeRange> = None;
        for (_, value, _) in &self.arguments {
            let items = match value {
                Value::Array(items) => items.as_slice(),
                one => std::slice::from_ref(one),
            };
            for item in items {
                if let Value::Stream(Stream {
                    bounds: Some(range),
                    ..
                }) = item
                {
                    out = Some(out.map_or(*range, |have| {
                        TimeRange::new(have.start.min(range.start), have.stop.max(range.stop))
                    }));
                }
            }
        }
        out
    }

    /// The piped stream, bounded.
    pub fn tables(&self) -> Result<plan::Stream, Failure> {
        match self.value("tables") {
            Some(Value::Stream(stream)) => stream.clone().bounded(),
            _ => Err(self.fault("no tables were given")),
        }
    }
}

fn find(
    builtin: &'static Builtin,
    name: Option<&Name>,
    span: Span,
) -> Result<&'static Parameter, FluxError> {
    let fits = |parameter: &&Parameter| match name {
        Some(name) => parameter.name == name.as_ref(),
        None => parameter.need == Need::Pipe,
    };
    builtin.parameters.iter().find(fits).ok_or_else(|| {
        let message = match name {
            Some(name) => format!("found unexpected argument {name}"),
            None => format!("function {} does not take a piped argument", builtin.name),
        };
        FluxError::check(span, message)
    })
}

/// Names the type that does not fit; of an array, that of the element at fault.
fn found(value: &Value, accepts: Accepts) -> String {
    match (value, accepts) {
        (Value::Array(items), Accepts::Strings) => {
            let odd = items.iter().find(|item| !matches!(item, Value::String(_)));
            format!("[{}]", odd.map_or("string", Value::type_name))
        }
        _ => value.type_name().to_owned(),
    }
}
