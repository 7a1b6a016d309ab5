//! Columns of values of one field type, without holes.

use super::value::{FieldType, FieldValue};

/// Strings laid end to end. `ends[i]` is where string i ends.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StrColumn {
    pub ends: Vec<u32>,
    pub bytes: Vec<u8>,
}

impl StrColumn {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// A column holds at most 4 GiB of text; blocks and heads are cut long before.
    pub fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.ends
            .push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
    }

    pub fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)? as usize;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize,
            None => 0,
        };
        std::str::from_utf8(self.bytes.get(start..end)?).ok()
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index).unwrap_or_default())
    }
}

/// Values of one field, one per point.
#[derive(Clone, PartialEq, Debug)]
pub enum Values {
    Float(Vec<f64>),
    Integer(Vec<i64>),
    Unsigned(Vec<u64>),
    Boolean(Vec<bool>),
    String(StrColumn),
}

impl Values {
    pub fn new(field_type: FieldType) -> Self {
        match field_type {
            FieldType::Float => Self::Float(Vec::new()),
            FieldType::Integer => Self::Integer(Vec::new()),
            FieldType::Unsigned => Self::Unsigned(Vec::new()),
            FieldType::Boolean => Self::Boolean(Vec::new()),
            FieldType::String => Self::String(StrColumn::default()),
        }
    }

    pub const fn field_type(&self) -> FieldType {
        match self {
            Self::Float(_) => FieldType::Float,
            Self::Integer(_) => FieldType::Integer,
            Self::Unsigned(_) => FieldType::Unsigned,
            Self::Boolean(_) => FieldType::Boolean,
            Self::String(_) => FieldType::String,
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Unsigned(values) => values.len(),
            Self::Boolean(values) => values.len(),
            Self::String(values) => values.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes on the heap, about.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Float(values) => values.capacity() * 8,
            Self::Integer(values) => values.capacity() * 8,
            Self::Unsigned(values) => values.capacity() * 8,
            Self::Boolean(values) => values.capacity(),
            Self::String(values) => values.ends.capacity() * 4 + values.bytes.capacity(),
        }
    }

    pub fn get(&self, index: usize) -> Option<FieldValue> {
        Some(match self {
            Self::Float(values) => FieldValue::Float(*values.get(index)?),
            Self::Integer(values) => FieldValue::Integer(*values.get(index)?),
            Self::Unsigned(values) => FieldValue::Unsigned(*values.get(index)?),
            Self::Boolean(values) => FieldValue::Boolean(*values.get(index)?),
            Self::String(values) => FieldValue::String(values.get(index)?.into()),
        })
    }

    /// Appends value `index` of `from`, which must have the same type; other types are ignored.
    pub fn push_from(&mut self, from: &Self, index: usize) {
        match (self, from) {
            (Self::Float(to), Self::Float(from)) => to.extend(from.get(index)),
            (Self::Integer(to), Self::Integer(from)) => to.extend(from.get(index)),
            (Self::Unsigned(to), Self::Unsigned(from)) => to.extend(from.get(index)),
            (Self::Boolean(to), Self::Boolean(from)) => to.extend(from.get(index)),
            (Self::String(to), Self::String(from)) => {
                if let Some(text) = from.get(index) {
                    to.push(text);
                }
            }
            _ => debug_assert!(false, "columns of different types"),
        }
    }

    /// Values `start..stop`, copied.
    #[must_use]
    pub fn slice(&self, start: usize, stop: usize) -> Self {
        let stop = stop.min(self.len());
        let start = start.min(stop);
        match self {
            Self::Float(values) => {
                Self::Float(values.get(start..stop).unwrap_or_default().to_vec())
            }
            Self::Integer(values) => {
                Self::Integer(values.get(start..stop).unwrap_or_default().to_vec())
            }
            Self::Unsigned(values) => {
                Self::Unsigned(values.get(start..stop).unwrap_or_default().to_vec())
            }
            Self::Boolean(values) => {
                Self::Boolean(values.get(start..stop).unwrap_or_default().to_vec())
            }
            Self::String(values) => {
                let mut out = StrColumn::default();
                (start..stop)
                    .filter_map(|index| values.get(index))
                    .for_each(|text| out.push(text));
                Self::String(out)
            }
        }
    }
}
