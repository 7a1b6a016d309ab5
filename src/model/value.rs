//! Field types and single values.

use std::fmt;

/// The five field types. The numbers are stored on disk and never change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum FieldType {
    Float = 1,
    Integer = 2,
    Unsigned = 3,
    Boolean = 4,
    String = 5,
}

impl FieldType {
    pub const ALL: [Self; 5] = [
        Self::Float,
        Self::Integer,
        Self::Unsigned,
        Self::Boolean,
        Self::String,
    ];

    pub const fn tag(self) -> u8 {
        self as u8
    }

    pub const fn from_tag(tag: u8) -> Option<Self> {
        Some(match tag {
            1 => Self::Float,
            2 => Self::Integer,
            3 => Self::Unsigned,
            4 => Self::Boolean,
            5 => Self::String,
            _ => return None,
        })
    }

    /// InfluxDB's name, as SHOW FIELD KEYS and conflict messages print it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Integer => "integer",
            Self::Unsigned => "unsigned",
            Self::Boolean => "boolean",
            Self::String => "string",
        }
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One field value.
#[derive(Clone, PartialEq, Debug)]
pub enum FieldValue {
    Float(f64),
    Integer(i64),
    Unsigned(u64),
    Boolean(bool),
    String(Box<str>),
}

impl FieldValue {
    pub const fn field_type(&self) -> FieldType {
        match self {
            Self::Float(_) => FieldType::Float,
            Self::Integer(_) => FieldType::Integer,
            Self::Unsigned(_) => FieldType::Unsigned,
            Self::Boolean(_) => FieldType::Boolean,
            Self::String(_) => FieldType::String,
        }
    }
}
