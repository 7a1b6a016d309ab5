//! Values while a query runs, and the static types that its compiler knows.

use crate::model::{FieldType, FieldValue, Values};
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Float(f64),
    Integer(i64),
    Unsigned(u64),
    Boolean(bool),
    String(Arc<str>),
    /// Nanoseconds since the epoch; only in the time column.
    Time(i64),
}

/// A type as InfluxQL's compiler sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DataType {
    #[default]
    Unknown,
    Float,
    Integer,
    Unsigned,
    String,
    Boolean,
    Tag,
}

impl DataType {
    /// Where series disagree on a field's type, the lowest rank is the column's type.
    const fn rank(self) -> u8 {
        match self {
            Self::Float => 0,
            Self::Integer => 1,
            Self::Unsigned => 2,
            Self::String => 3,
            Self::Boolean => 4,
            Self::Tag => 5,
            Self::Unknown => 6,
        }
    }

    #[must_use]
    pub const fn wider(self, other: Self) -> Self {
        if other.rank() < self.rank() {
            other
        } else {
            self
        }
    }

    pub const fn is_numeric(self) -> bool {
        matches!(self, Self::Float | Self::Integer | Self::Unsigned)
    }

    pub const fn is_field(self) -> bool {
        !matches!(self, Self::Tag | Self::Unknown)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Integer => "integer",
            Self::Unsigned => "unsigned",
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::Tag => "tag",
            Self::Unknown => "unknown",
        }
    }
}

impl From<FieldType> for DataType {
    fn from(field_type: FieldType) -> Self {
        match field_type {
            FieldType::Float => Self::Float,
            FieldType::Integer => Self::Integer,
            FieldType::Unsigned => Self::Unsigned,
            FieldType::Boolean => Self::Boolean,
            FieldType::String => Self::String,
        }
    }
}

impl From<FieldValue> for Value {
    fn from(value: FieldValue) -> Self {
        match value {
            FieldValue::Float(value) => Self::Float(value),
            FieldValue::Integer(value) => Self::Integer(value),
            FieldValue::Unsigned(value) => Self::Unsigned(value),
            FieldValue::Boolean(value) => Self::Boolean(value),
            FieldValue::String(text) => Self::String(text.into()),
        }
    }
}

impl Value {
    pub fn string(text: &str) -> Self {
        Self::String(text.into())
    }

    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Value `index` of a column; out of bounds is null.
    pub fn at(values: &Values, index: usize) -> Self {
        match values {
            Values::Float(values) => values.get(index).map_or(Self::Null, |v| Self::Float(*v)),
            Values::Integer(values) => values.get(index).map_or(Self::Null, |v| Self::Integer(*v)),
            Values::Unsigned(values) => {
                values.get(index).map_or(Self::Null, |v| Self::Unsigned(*v))
            }
            Values::Boolean(values) => values.get(index).map_or(Self::Null, |v| Self::Boolean(*v)),
            Values::String(values) => values.get(index).map_or(Self::Null, Self::string),
        }
    }

    pub fn as_f64(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "InfluxQL's own conversion")]
        match self {
            Self::Float(value) => Some(*value),
            Self::Integer(value) => Some(*value as f64),
            Self::Unsigned(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// The value as a column of type `to` shows it; null where it can't be converted.
    #[must_use]
    pub fn cast(self, to: DataType) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_possible_wrap,
            reason = "InfluxQL truncates"
        )]
        match (to, self) {
            (DataType::Float, value) => value.as_f64().map_or(Self::Null, Self::Float),
            (DataType::Integer, Self::Float(value)) => Self::Integer(value as i64),
            (DataType::Integer, Self::Unsigned(value)) => Self::Integer(value as i64),
            (DataType::Unsigned, Self::Float(value)) => Self::Unsigned(value as u64),
            (DataType::Unsigned, Self::Integer(value)) => Self::Unsigned(value as u64),
            (DataType::Integer, value @ Self::Integer(_))
            | (DataType::Unsigned, value @ Self::Unsigned(_))
            | (DataType::Boolean, value @ Self::Boolean(_))
            | (DataType::String | DataType::Tag, value @ Self::String(_))
            | (DataType::Unknown, value) => value,
            _ => Self::Null,
        }
    }

    pub const fn data_type(&self) -> DataType {
        match self {
            Self::Null => DataType::Unknown,
            Self::Float(_) => DataType::Float,
            Self::Integer(_) | Self::Time(_) => DataType::Integer,
            Self::Unsigned(_) => DataType::Unsigned,
            Self::Boolean(_) => DataType::Boolean,
            Self::String(_) => DataType::String,
        }
    }

    /// Order within one type; numbers of different types compare as floats.
    pub fn compare(&self, other: &Self) -> std::cmp::Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Unsigned(a), Self::Unsigned(b)) => a.cmp(b),
            (Self::Boolean(a), Self::Boolean(b)) => a.cmp(b),
            (Self::String(a), Self::String(b)) => a.cmp(b),
            (a, b) => match (a.as_f64(), b.as_f64()) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                _ => a.data_type().rank().cmp(&b.data_type().rank()),
            },
        }
    }
}
