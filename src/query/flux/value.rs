//! What Flux expressions evaluate to.

use super::ast::{FunctionLiteral, Name};
use super::row::{Cell, RowRecord};
use super::span::Span;
use super::stdlib::{Builtin, Package};
use super::stream::Stream;
use crate::query::plan::Duration;
use crate::query::table;
use std::collections::BTreeMap;
use std::sync::Arc;

pub type Record = BTreeMap<Name, Value>;

#[derive(Debug, Clone)]
pub enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    Unsigned(u64),
    Float(f64),
    String(Name),
    Bytes(Arc<[u8]>),
    /// Nanoseconds since the epoch.
    Time(i64),
    Duration(Duration),
    Regex(Arc<regex::Regex>),
    Array(Arc<Vec<Value>>),
    Record(Arc<Record>),
    /// Pairs in the order of their keys.
    Dict(Arc<Vec<(Value, Value)>>),
    /// A value whose type is only known when the program runs (`experimental/dynamic`).
    Dynamic(Arc<Value>),
    Function(Function),
    Package(&'static Package),
    Stream(Stream),
    /// A value that differs from row to row: inside the function of `filter` or `map`.
    Cell(Cell),
    /// A record with such values, or the row itself.
    Row(Arc<RowRecord>),
}

#[derive(Debug, Clone)]
pub enum Function {
    Builtin(&'static Builtin),
    Closure(Arc<Closure>),
}

/// A function of the program with the scope that it was written in.
#[derive(Debug)]
pub struct Closure {
    pub literal: Arc<FunctionLiteral>,
    pub scope: super::eval::ScopeId,
    pub span: Span,
}

impl Value {
    /// The language's name of the type.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "bool",
            Self::Integer(_) => "int",
            Self::Unsigned(_) => "uint",
            Self::Float(_) => "float",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Time(_) => "time",
            Self::Duration(_) => "duration",
            Self::Regex(_) => "regexp",
            Self::Array(_) => "array",
            Self::Record(_) | Self::Row(_) => "record",
            Self::Dict(_) => "dictionary",
            Self::Dynamic(_) => "dynamic",
            Self::Function(_) => "function",
            Self::Package(_) => "package",
            Self::Stream(_) => "stream",
            Self::Cell(_) => "a value of the row",
        }
    }

    /// What a dynamic value holds; any other value is itself.
    pub fn undressed(&self) -> &Self {
        match self {
            Self::Dynamic(inner) => inner,
            plain => plain,
        }
    }

    /// Nodes of the expressions in it, about.
    pub fn size(&self) -> u64 {
        match self {
            Self::Cell(cell) => u64::from(cell.nodes),
            Self::Row(record) => record.fields.values().map(Self::size).sum(),
            _ => 1,
        }
    }

    /// Whether some of it is only known per row.
    pub fn depends_on_row(&self) -> bool {
        match self {
            Self::Cell(_) | Self::Row(_) => true,
            Self::Dynamic(inner) => inner.depends_on_row(),
            Self::Array(items) => items.iter().any(Self::depends_on_row),
            Self::Record(fields) => fields.values().any(Self::depends_on_row),
            Self::Dict(pairs) => pairs
                .iter()
                .any(|(key, value)| key.depends_on_row() || value.depends_on_row()),
            _ => false,
        }
    }

    /// As a cell of a table; `None` for what no column can hold.
    pub fn to_cell_value(&self) -> Option<table::Value> {
        Some(match self {
            Self::Null => table::Value::Null,
            Self::Boolean(value) => table::Value::Boolean(*value),
            Self::Integer(value) => table::Value::Integer(*value),
            Self::Unsigned(value) => table::Value::Unsigned(*value),
            Self::Float(value) => table::Value::Float(*value),
            Self::String(value) => table::Value::String(Arc::clone(value)),
            Self::Time(value) => table::Value::Time(*value),
            _ => return None,
        })
    }

    pub fn equals(&self, other: &Self) -> Option<bool> {
        Some(match (self, other) {
            (Self::Array(a), Self::Array(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .zip(b.iter())
                        .all(|(a, b)| a.equals(b) == Some(true))
            }
            (Self::Record(a), Self::Record(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .zip(b.iter())
                        .all(|((a_key, a), (b_key, b))| a_key == b_key && a.equals(b) == Some(true))
            }
            (Self::Duration(a), Self::Duration(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Regex(a), Self::Regex(b)) => a.as_str() == b.as_str(),
            _ => {
                let (a, b) = (self.to_cell_value()?, other.to_cell_value()?);
                a == b
            }
        })
    }
}

impl From<table::Value> for Value {
    fn from(value: table::Value) -> Self {
        match value {
            table::Value::Null => Self::Null,
            table::Value::Float(value) => Self::Float(value),
            table::Value::Integer(value) => Self::Integer(value),
            table::Value::Unsigned(value) => Self::Unsigned(value),
            table::Value::Boolean(value) => Self::Boolean(value),
            table::Value::String(value) => Self::String(value),
            table::Value::Time(value) => Self::Time(value),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}
