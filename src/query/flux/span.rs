//! Places in the query text. Lines and columns count from 1; a column counts bytes, as Flux does.

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub line: u32,
    pub column: u32,
    /// Bytes from the start of the text.
    pub offset: u32,
}

impl Position {
    pub const START: Self = Self {
        line: 1,
        column: 1,
        offset: 0,
    };
}

/// `start` inclusive, `end` exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    pub start: Position,
    pub end: Position,
}

impl Span {
    pub const START: Self = Self {
        start: Position::START,
        end: Position::START,
    };

    /// From the start of `self` to the end of `last`.
    #[must_use]
    pub const fn to(self, last: Self) -> Self {
        Self {
            start: self.start,
            end: last.end,
        }
    }

    /// The text that the span covers.
    pub fn of(self, text: &str) -> &str {
        text.get(self.start.offset as usize..self.end.offset as usize)
            .unwrap_or_default()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = (self.start, self.end);
        write!(
            f,
            "@{}:{}-{}:{}",
            start.line, start.column, end.line, end.column
        )
    }
}
