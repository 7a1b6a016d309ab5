//! Identifiers. Resource ids are 64 random non-zero bits shown as 16 hex digits, as in InfluxDB 2.x.

use std::fmt;
use std::str::FromStr;

/// A resource id: non-zero, shown as exactly 16 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(u64);

/// Why a text is no id. The messages are InfluxDB's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("id must have a length of 16 bytes")]
    Length,
    #[error("invalid ID")]
    Invalid,
}

impl Id {
    /// `None` for zero, which is no id.
    pub const fn new(raw: u64) -> Option<Self> {
        if raw == 0 { None } else { Some(Self(raw)) }
    }

    pub const fn get(self) -> u64 {
        self.0
    }

    /// A new random id. Ids are never reused, so a journal entry of a deleted bucket can't hit another one.
    pub fn random() -> Self {
        loop {
            let mut raw = [0_u8; 8];
            if getrandom::fill(&mut raw).is_ok()
                && let Some(id) = Self::new(u64::from_be_bytes(raw))
            {
                return id;
            }
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Id {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.len() != 16 {
            return Err(IdError::Length);
        }
        if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(IdError::Invalid);
        }
        u64::from_str_radix(text, 16)
            .ok()
            .and_then(Self::new)
            .ok_or(IdError::Invalid)
    }
}

impl serde::Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Id {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

pub type OrgId = Id;
pub type BucketId = Id;

/// A series of one bucket, numbered from 1 in order of first appearance.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SeriesId(pub u32);

/// A field name of one measurement of one bucket, numbered from 1 in order of first appearance.
/// 0 stands for the shared time column in block keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FieldId(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_sixteen_hex_digits_and_never_zero() {
        assert_eq!("00000000000000ff".parse::<Id>().map(Id::get), Ok(255));
        assert_eq!("ff".parse::<Id>(), Err(IdError::Length));
        assert_eq!("0000000000000000".parse::<Id>(), Err(IdError::Invalid));
        assert_eq!("+00000000000000f".parse::<Id>(), Err(IdError::Invalid));
        assert_eq!(
            Id::new(255).map(|id| id.to_string()),
            Some("00000000000000ff".to_owned())
        );
    }
}
