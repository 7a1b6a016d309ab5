//! One column of one member as it is read: times and typed values, or rows with holes.

use super::super::value::{DataType, Value};
use crate::model::Values;

/// Points of one field, times rising, read as one type.
#[derive(Debug, Clone)]
pub struct Column {
    pub times: Vec<i64>,
    values: ColumnValues,
}

#[derive(Debug, Clone)]
enum ColumnValues {
    /// As stored; `cast` where the column's type is another.
    Typed {
        values: Values,
        cast: Option<DataType>,
    },
    /// From a subquery.
    Loose(Vec<Value>),
}

impl Column {
    pub fn typed(times: Vec<i64>, values: Values, as_type: DataType) -> Self {
        let stored = DataType::from(values.field_type());
        let cast = (stored != as_type).then_some(as_type);
        Self {
            times,
            values: ColumnValues::Typed { values, cast },
        }
    }

    pub const fn loose(times: Vec<i64>, values: Vec<Value>) -> Self {
        Self {
            times,
            values: ColumnValues::Loose(values),
        }
    }

    pub fn len(&self) -> usize {
        self.times.len()
    }

    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    pub fn get(&self, at: usize) -> Value {
        match &self.values {
            ColumnValues::Typed { values, cast: None } => Value::at(values, at),
            ColumnValues::Typed {
                values,
                cast: Some(to),
            } => Value::at(values, at).cast(*to),
            ColumnValues::Loose(values) => values.get(at).cloned().unwrap_or(Value::Null),
        }
    }

    /// The stored floats, if nothing has to be converted.
    pub fn floats(&self) -> Option<&[f64]> {
        match &self.values {
            ColumnValues::Typed {
                values: Values::Float(values),
                cast: None,
            } => Some(values),
            _ => None,
        }
    }

    /// The stored integers, if nothing has to be converted.
    pub fn integers(&self) -> Option<&[i64]> {
        match &self.values {
            ColumnValues::Typed {
                values: Values::Integer(values),
                cast: None,
            } => Some(values),
            _ => None,
        }
    }

    /// Bytes that the column holds, roughly.
    pub fn bytes(&self) -> usize {
        let each = match &self.values {
            ColumnValues::Typed {
                values: Values::String(text),
                ..
            } => {
                return self.times.len() * 12 + text.bytes.len();
            }
            ColumnValues::Typed {
                values: Values::Boolean(_),
                ..
            } => 1,
            ColumnValues::Typed { .. } => 8,
            ColumnValues::Loose(_) => size_of::<Value>(),
        };
        self.times.len() * (8 + each)
    }
}

/// Walks a column alongside rising times.
pub struct Walker<'a> {
    column: &'a Column,
    at: usize,
}

impl<'a> Walker<'a> {
    pub const fn new(column: &'a Column) -> Self {
        Self { column, at: 0 }
    }

    /// The value at exactly `time`, which must not fall between calls.
    pub fn value_at(&mut self, time: i64) -> Value {
        self.index_at(time)
            .map_or(Value::Null, |at| self.column.get(at))
    }

    pub fn index_at(&mut self, time: i64) -> Option<usize> {
        while self
            .column
            .times
            .get(self.at)
            .is_some_and(|have| *have < time)
        {
            self.at += 1;
        }
        (self.column.times.get(self.at) == Some(&time)).then_some(self.at)
    }
}
