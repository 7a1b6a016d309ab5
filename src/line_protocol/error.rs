//! Why a body was refused: its first bad line, in InfluxDB's words where it has some.

use std::fmt;

/// Longest piece of a bad line that is echoed, bytes.
const ECHO_BYTES_MAX: usize = 256;

/// The first malformed line of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    line: usize,
    echo: String,
    reason: Reason,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    #[error("missing measurement")]
    MissingMeasurement,
    #[error("missing tag key")]
    MissingTagKey,
    #[error("missing tag value")]
    MissingTagValue,
    #[error("invalid tag format")]
    InvalidTagFormat,
    #[error("duplicate tags")]
    DuplicateTags,
    #[error("cannot use reserved tag key \"{0}\"")]
    ReservedTagKey(&'static str),
    #[error("missing fields")]
    MissingFields,
    #[error("missing field key")]
    MissingFieldKey,
    #[error("missing field value")]
    MissingFieldValue,
    #[error("invalid field format")]
    InvalidFieldFormat,
    #[error(
        "invalid field name: \"time\" is reserved for the timestamp, which stands at the end of the line"
    )]
    ReservedFieldKey,
    #[error("unbalanced quotes")]
    UnbalancedQuotes,
    #[error("invalid number")]
    InvalidNumber,
    #[error("invalid float")]
    InvalidFloat,
    #[error("invalid boolean")]
    InvalidBoolean,
    #[error("unable to parse integer {0}: value out of range")]
    IntegerOutOfRange(String),
    #[error("unable to parse unsigned integer {0}: value out of range")]
    UnsignedOutOfRange(String),
    #[error("bad timestamp")]
    BadTimestamp,
    #[error("time outside range -9223372036854775806 - 9223372036854775806")]
    TimeOutOfRange,
    #[error("max key length exceeded: {0} > 65535")]
    KeyTooLong(usize),
    #[error("string field is too long, {0} > 1048576 bytes")]
    StringTooLong(usize),
    #[error("{0} holds invalid UTF-8")]
    NotUtf8(&'static str),
    /// Not the line's fault: the body as a whole needs too much memory.
    #[error("the batch needs more than {0} bytes of memory; split it")]
    BatchTooLarge(usize),
}

impl ParseError {
    /// `rest` begins with the bad line.
    pub fn new(line: usize, rest: &[u8], reason: Reason) -> Self {
        let text = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let mut echo =
            String::from_utf8_lossy(text.get(..ECHO_BYTES_MAX).unwrap_or(text)).into_owned();
        if text.len() > ECHO_BYTES_MAX {
            // A character that was cut in two shows as a replacement; the dots say why.
            echo.push_str("...");
        }
        Self { line, echo, reason }
    }

    /// Number of the line, from 1.
    pub const fn line(&self) -> usize {
        self.line
    }

    pub const fn reason(&self) -> &Reason {
        &self.reason
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unable to parse '{}': {}", self.echo, self.reason)
    }
}

impl std::error::Error for ParseError {}
