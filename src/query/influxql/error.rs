//! What can be wrong with a query text, in InfluxDB's words.

use std::fmt;

/// 1-based line and character of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at line {}, char {}", self.line, self.column)
    }
}

/// A query that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("found {found}, expected {} {position}", expected.join(", "))]
    Unexpected {
        found: String,
        expected: Vec<String>,
        position: Position,
    },
    #[error("{message} {position}")]
    At { message: String, position: Position },
    #[error("{0}")]
    Plain(String),
}

impl ParseError {
    pub fn plain(message: impl Into<String>) -> Self {
        Self::Plain(message.into())
    }

    pub fn at(message: impl Into<String>, position: Position) -> Self {
        Self::At {
            message: message.into(),
            position,
        }
    }

    /// The same with a place, if it has none.
    #[must_use]
    pub fn placed(self, position: Position) -> Self {
        match self {
            Self::Plain(message) => Self::At { message, position },
            other => other,
        }
    }
}

/// What is wrong with one statement; stands in that statement's result.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    #[error("{0}")]
    Invalid(String),
    /// Ends the whole request, not only the statement.
    #[error(transparent)]
    Query(#[from] crate::query::context::QueryError),
}

impl StatementError {
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    pub fn not_implemented(what: impl fmt::Display) -> Self {
        Self::Invalid(format!("not implemented: {what}"))
    }
}

impl From<crate::engine::source::SourceError> for StatementError {
    fn from(error: crate::engine::source::SourceError) -> Self {
        Self::Query(error.into())
    }
}

pub type Result<T> = std::result::Result<T, StatementError>;
