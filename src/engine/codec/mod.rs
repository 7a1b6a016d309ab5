//! Column codecs: values and times of one column as few bytes, and back, exactly.
//!
//! ```text
//! column = tag, body        the tag's low five bits name the codec, the others are its options
//! ```
//! Each value type has its own tags ([`int`], [`float`], [`boolean`], [`string`]); unsigned integers
//! share those of integers, times are integers divided by a power of ten ([`time`]). The number of
//! values and the column's length are not stored: the journal and the block know them.
//!
//! [`Effort::Fast`] writes what costs next to nothing, [`Effort::Small`] tries more on a sample.
//! One decoder reads both. Decoding checks every length against the bytes that are there and the count
//! it was asked for: damaged bytes give an error or other values, never a panic nor a huge allocation.

mod ans;
mod bits;
mod boolean;
mod bytes;
mod float;
mod int;
mod residual;
mod string;
mod time;

pub use boolean::{decode_bool_into, encode_bool};
pub use bytes::{Reader, put_signed, put_varint, unzigzag, zigzag};
pub use float::{POWERS_OF_TEN, decode_f64_into, encode_f64, scaled, unscaled};
pub use int::{decode_i64_into, decode_u64_into, encode_i64, encode_u64};
pub use string::{decode_strings, encode_strings};
pub use time::{common_unit, decode_times, encode_times, regular, regular_step};

use crate::model::{FieldType, Values};

/// Most values of one column. A column of equal values is a few bytes whatever its length, so that a
/// damaged count could otherwise ask for any amount of memory: this is 128 MiB.
pub const COUNT_MAX: usize = 1 << 24;

/// How hard to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// For the journal, which is soon trimmed: two to three nanoseconds a value.
    Fast,
    /// For blocks, which stay: smallest of what a sample promises.
    Small,
}

/// Why bytes are no column. Positions are bytes from the column's beginning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    #[error("cut off at byte {at}: {missing} more bytes expected")]
    CutOff { at: usize, missing: usize },
    #[error("{extra} bytes too many from byte {at}")]
    Trailing { at: usize, extra: usize },
    #[error("unknown {what} {tag} at byte {at}")]
    UnknownTag {
        at: usize,
        what: &'static str,
        tag: u8,
    },
    #[error("{what} at byte {at} is {value}, at most {max} is possible")]
    TooLarge {
        at: usize,
        what: &'static str,
        value: u64,
        max: u64,
    },
    #[error("{what} at byte {at}")]
    Invalid { at: usize, what: &'static str },
    #[error("{library} can't decode what begins at byte {at}: {reason}")]
    Library {
        at: usize,
        library: &'static str,
        reason: String,
    },
    #[error("{count} values asked for, a column has {COUNT_MAX} at most")]
    Count { count: usize },
}

impl CodecError {
    /// The same error in a larger whole of which the column begins at byte `offset`.
    #[must_use]
    pub fn shifted(mut self, offset: usize) -> Self {
        match &mut self {
            Self::CutOff { at, .. }
            | Self::Trailing { at, .. }
            | Self::UnknownTag { at, .. }
            | Self::TooLarge { at, .. }
            | Self::Invalid { at, .. }
            | Self::Library { at, .. } => *at += offset,
            Self::Count { .. } => {}
        }
        self
    }
}

/// Appends a column. It must have [`COUNT_MAX`] values at most, or it can't be read again.
pub fn encode_values(values: &Values, effort: Effort, out: &mut Vec<u8>) {
    match values {
        Values::Float(values) => encode_f64(values, effort, out),
        Values::Integer(values) => encode_i64(values, effort, out),
        Values::Unsigned(values) => encode_u64(values, effort, out),
        Values::Boolean(values) => encode_bool(values, effort, out),
        Values::String(values) => encode_strings(values, effort, out),
    }
}

/// Reads a column of `count` values, which must be all that is in `bytes`.
pub fn decode_values(
    field_type: FieldType,
    bytes: &[u8],
    count: usize,
) -> Result<Values, CodecError> {
    let mut values = Values::new(field_type);
    match &mut values {
        Values::Float(values) => decode_f64_into(bytes, count, values)?,
        Values::Integer(values) => decode_i64_into(bytes, count, values)?,
        Values::Unsigned(values) => decode_u64_into(bytes, count, values)?,
        Values::Boolean(values) => decode_bool_into(bytes, count, values)?,
        Values::String(values) => *values = decode_strings(bytes, count)?,
    }
    Ok(values)
}

fn check_count(count: usize) -> Result<(), CodecError> {
    if count > COUNT_MAX {
        Err(CodecError::Count { count })
    } else {
        Ok(())
    }
}

#[cfg(test)]
pub mod tests;
