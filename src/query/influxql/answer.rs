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
}
