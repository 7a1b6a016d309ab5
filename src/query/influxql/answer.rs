//! Where the results of statements go, whatever their format.

use super::value::Value;
use crate::query::context::QueryError;
use std::sync::Arc;

/// Head of one series of an answer.
#[derive(Debug, Clone, Default)]
pub struct SeriesHead {
    /// Empty: no name is shown.
    pub name: String,
    pub tags: Vec<(Arc<str>, Arc<str>)>,
    pub columns: Arc<Vec<String>>,
}

/// Writes statements' results one after the other.
pub trait AnswerWriter {
    fn begin_statement(&mut self, id: usize, zone: Option<chrono_tz::Tz>)
    -> Result<(), QueryError>;
    fn series(&mut self, head: SeriesHead) -> Result<(), QueryError>;
    /// One value for each column.
    fn row(&mut self, values: &[Value]) -> Result<(), QueryError>;
    fn end_statement(&mut self, error: Option<&str>) -> Result<(), QueryError>;
    fn finish(&mut self) -> Result<(), QueryError>;
    /// Says, where the format can, that rows of the current series are left out.
    fn mark_partial(&mut self) {}
}

/// Passes on so many rows of all statements together, and then ends the query.
pub struct RowLimit<'a> {
    inner: Box<dyn AnswerWriter + 'a>,
    left: usize,
    /// Rows or series were left out.
    pub reached: bool,
}

impl<'a> RowLimit<'a> {
    /// `most` 0: no limit.
    pub fn new(inner: Box<dyn AnswerWriter + 'a>, most: usize) -> Self {
        Self {
            inner,
            left: if most == 0 { usize::MAX } else { most },
            reached: false,
        }
    }

    fn stop(&mut self) -> Result<(), QueryError> {
        self.reached = true;
        Err(QueryError::Cancelled)
    }
}

impl AnswerWriter for RowLimit<'_> {
    fn begin_statement(
        &mut self,
        id: usize,
        zone: Option<chrono_tz::Tz>,
    ) -> Result<(), QueryError> {
        self.inner.begin_statement(id, zone)
    }

    fn series(&mut self, head: SeriesHead) -> Result<(), QueryError> {
        if self.left == 0 {
            return self.stop();
        }
        self.inner.series(head)
    }

    fn row(&mut self, values: &[Value]) -> Result<(), QueryError> {
        if self.left == 0 {
            self.inner.mark_partial();
            return self.stop();
        }
        self.left -= 1;
        self.inner.row(values)
    }

    fn end_statement(&mut self, error: Option<&str>) -> Result<(), QueryError> {
        self.inner.end_statement(error)
    }

    fn finish(&mut self) -> Result<(), QueryError> {
        self.inner.finish()
    }
}
