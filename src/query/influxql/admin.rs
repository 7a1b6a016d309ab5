//! What statements may change or ask beside points: databases, policies, running queries, figures.
//!
//! The trait is the asker's view: what their permissions don't allow is refused inside.

use super::ast::PolicyOptions;
use crate::engine::source::SeriesPredicate;
use crate::model::{BucketId, TimeRange};
use crate::query::running::RunningQuery;

/// The message that stands in a statement's result.
pub type AdminResult<T> = Result<T, String>;

/// Named figures of one part of the server.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    pub module: &'static str,
    pub values: Vec<(&'static str, FigureValue)>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum FigureValue {
    Number(i64),
    Text(String),
}

pub trait Administration: Send + Sync {
    fn create_database(&self, database: &str, options: &PolicyOptions) -> AdminResult<()>;
    fn drop_database(&self, database: &str) -> AdminResult<()>;
    fn create_policy(
        &self,
        database: &str,
        policy: &str,
        options: &PolicyOptions,
    ) -> AdminResult<()>;
    fn alter_policy(
        &self,
        database: &str,
        policy: &str,
        options: &PolicyOptions,
    ) -> AdminResult<()>;
    fn drop_policy(&self, database: &str, policy: &str) -> AdminResult<()>;
    /// Deletes points of a bucket, of all that were written before. Blocking.
    fn delete_points(
        &self,
        bucket: BucketId,
        predicate: &SeriesPredicate,
        range: TimeRange,
    ) -> AdminResult<()>;
    /// The bucket to write to; no policy means the default one.
    fn target(&self, database: &str, policy: Option<&str>) -> AdminResult<BucketId>;
    /// Writes line protocol with times in nanoseconds; returns once it is acknowledged.
    fn write_lines(&self, bucket: BucketId, lines: &[u8]) -> AdminResult<()>;
    fn running(&self) -> Vec<RunningQuery>;
    /// `false`: there is no such query.
    fn kill(&self, id: u64) -> AdminResult<bool>;
    /// Names of the users whom the asker may see.
    fn users(&self) -> Vec<String>;
    fn statistics(&self) -> Vec<Figures>;
    fn diagnostics(&self) -> Vec<Figures>;
}
