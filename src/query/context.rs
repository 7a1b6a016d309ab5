//! What a query runs with: its data, the buckets it may see, its deadline and its memory.

use crate::engine::source::{Source, SourceError};
use crate::model::{BucketId, OrgId};
use crate::query::memory::MemoryPool;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A bucket that the asker may read.
#[derive(Debug, Clone)]
pub struct VisibleBucket {
    pub id: BucketId,
    pub org: OrgId,
    pub name: String,
    /// 0: for ever.
    pub retention_ns: i64,
    pub shard_ns: i64,
}

/// A database and retention policy of InfluxQL, mapped to a bucket that the asker may read.
#[derive(Debug, Clone)]
pub struct VisiblePolicy {
    pub database: String,
    pub policy: String,
    pub default: bool,
    pub bucket: VisibleBucket,
}

/// The asker's view of the catalog: what it may not read does not exist for it.
pub trait BucketLookup: Send + Sync {
    fn buckets(&self) -> Vec<VisibleBucket>;
    /// Stored and virtual mappings, ordered by database, then policy.
    fn policies(&self) -> Vec<VisiblePolicy>;
    /// The value of a secret of the org; `None` when there is none or the asker may not read it.
    fn secret(&self, _key: &str) -> Option<String> {
        None
    }
}

/// How a query names a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketName<'a> {
    Name(&'a str),
    /// 16 hex digits.
    Id(&'a str),
}

/// Where the points of queries go: the way of all writes, with the asker's permissions.
pub trait QueryWriter: Send + Sync {
    /// The bucket, when there is one that the asker may write.
    fn target(&self, wanted: &BucketName<'_>) -> Option<BucketId>;
    /// Line protocol with nanoseconds; acknowledged when it returns.
    fn write(&self, bucket: BucketId, lines: &[u8]) -> Result<(), QueryError>;
}

/// What a query failed with. HTTP maps these to status codes.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The text is wrong, or asks for something that does not exist or is not supported: 400.
    #[error("{0}")]
    Invalid(String),
    /// An unknown (or unreadable) bucket: 404.
    #[error("{0}")]
    NotFound(String),
    /// The asker may not do that: 403.
    #[error("{0}")]
    Forbidden(String),
    /// Out of time: 503.
    #[error("query timeout of {seconds} s reached; narrow the range or raise [query] timeout")]
    Timeout { seconds: u64 },
    /// Over the memory limit: 400, as InfluxDB answers.
    #[error(
        "query needs more than its memory limit of {limit_bytes} bytes; narrow it or raise [query] max-memory-bytes"
    )]
    Memory { limit_bytes: usize },
    /// All queries together are over theirs: 503.
    #[error(
        "the running queries hold all of their {limit_bytes} bytes; retry later, or raise [memory] max-bytes"
    )]
    Busy { limit_bytes: usize },
    /// The client is gone.
    #[error("query cancelled")]
    Cancelled,
    /// Our fault: 500.
    #[error("{0}")]
    Internal(String),
    /// The client's side of the output failed.
    #[error("output failed: {0}")]
    Output(#[from] std::io::Error),
}

impl From<SourceError> for QueryError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Cancelled => Self::Cancelled,
            SourceError::Storage(text) => Self::Internal(text),
            error @ SourceError::Moved => Self::Internal(error.to_string()),
        }
    }
}

pub struct QueryContext {
    pub source: Arc<dyn Source>,
    pub lookup: Arc<dyn BucketLookup>,
    /// Nanoseconds; `now()` of both languages unless the request says otherwise.
    pub now_ns: i64,
    pub timeout: Duration,
    started: Instant,
    memory_limit_bytes: usize,
    memory_used_bytes: AtomicUsize,
    /// Of all queries; what this one holds of it is given back at its end.
    pool: Arc<MemoryPool>,
    cancelled: Arc<AtomicBool>,
    /// `None`: nothing can be written.
    writer: Option<Arc<dyn QueryWriter>>,
}

impl QueryContext {
    pub fn new(
        source: Arc<dyn Source>,
        lookup: Arc<dyn BucketLookup>,
        now_ns: i64,
        timeout: Duration,
        memory_limit_bytes: usize,
        pool: Arc<MemoryPool>,
    ) -> Self {
        Self {
            source,
            lookup,
            now_ns,
            timeout,
            started: Instant::now(),
            memory_limit_bytes,
            memory_used_bytes: AtomicUsize::new(0),
            pool,
            cancelled: Arc::new(AtomicBool::new(false)),
            writer: None,
        }
    }

    /// The same query, which may also write.
    #[must_use]
    pub fn with_writer(mut self, writer: Arc<dyn QueryWriter>) -> Self {
        self.writer = Some(writer);
        self
    }

    /// See [`QueryWriter::target`].
    pub fn write_target(&self, wanted: &BucketName<'_>) -> Option<BucketId> {
        self.writer.as_ref()?.target(wanted)
    }

    pub fn write_lines(&self, bucket: BucketId, lines: &[u8]) -> Result<(), QueryError> {
        match &self.writer {
            Some(writer) => writer.write(bucket, lines),
            None => Err(QueryError::Forbidden("this query may not write".to_owned())),
        }
    }

    /// The same query, which ends when the flag is set.
    #[must_use]
    pub fn cancelled_by(mut self, flag: Arc<AtomicBool>) -> Self {
        self.cancelled = flag;
        self
    }

    /// Makes the next [`check`](Self::check) fail.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Cancels from elsewhere, once set.
    pub fn cancel_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancelled)
    }

    /// To be called once a batch of work (a series, a table, some thousand rows).
    pub fn check(&self) -> Result<(), QueryError> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(QueryError::Cancelled);
        }
        if self.started.elapsed() > self.timeout {
            return Err(QueryError::Timeout {
                seconds: self.timeout.as_secs(),
            });
        }
        Ok(())
    }

    /// Time that is left before the deadline.
    pub fn remaining(&self) -> Duration {
        self.timeout.saturating_sub(self.started.elapsed())
    }

    /// Books memory that the query holds; fails over the limit.
    pub fn take_memory(&self, bytes: usize) -> Result<(), QueryError> {
        let used = self
            .memory_used_bytes
            .fetch_add(bytes, Ordering::Relaxed)
            .saturating_add(bytes);
        let refused = if used > self.memory_limit_bytes {
            QueryError::Memory {
                limit_bytes: self.memory_limit_bytes,
            }
        } else if self.pool.take(bytes) {
            return Ok(());
        } else {
            QueryError::Busy {
                limit_bytes: self.pool.limit_bytes(),
            }
        };
        self.memory_used_bytes.fetch_sub(bytes, Ordering::Relaxed);
        Err(refused)
    }

    /// Gives back what [`take_memory`](Self::take_memory) booked.
    pub fn give_memory(&self, bytes: usize) {
        self.memory_used_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.pool.give(bytes);
    }
}

impl Drop for QueryContext {
    fn drop(&mut self) {
        self.pool.give(*self.memory_used_bytes.get_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::source::{
        FieldInfo, Points, SeriesInfo, SeriesPredicate, StatsNeeded, WindowStats,
    };
    use crate::model::{SeriesId, TimeRange};

    struct Nothing;

    impl BucketLookup for Nothing {
        fn buckets(&self) -> Vec<VisibleBucket> {
            Vec::new()
        }

        fn policies(&self) -> Vec<VisiblePolicy> {
            Vec::new()
        }
    }

    impl Source for Nothing {
        fn wait_visible(&self, _: Duration) -> Result<(), SourceError> {
            Ok(())
        }

        fn select(
            &self,
            _: BucketId,
            _: &SeriesPredicate,
            _: TimeRange,
        ) -> Result<Vec<SeriesInfo>, SourceError> {
            Ok(Vec::new())
        }

        fn cardinality(
            &self,
            _: BucketId,
            _: usize,
        ) -> Result<crate::engine::source::Cardinality, SourceError> {
            Ok(crate::engine::source::Cardinality::default())
        }

        fn read(
            &self,
            _: BucketId,
            _: SeriesId,
            _: &FieldInfo,
            _: TimeRange,
        ) -> Result<Points, SourceError> {
            Err(SourceError::Cancelled)
        }

        fn window_stats(
            &self,
            _: BucketId,
            _: SeriesId,
            _: &FieldInfo,
            _: &[i64],
            _: StatsNeeded,
        ) -> Result<Vec<WindowStats>, SourceError> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn queries_share_their_memory_and_give_it_back_at_their_end() {
        let pool = Arc::new(MemoryPool::new(100));
        let context = || {
            let (source, lookup) = (Arc::new(Nothing), Arc::new(Nothing));
            QueryContext::new(
                source,
                lookup,
                0,
                Duration::from_secs(9),
                80,
                Arc::clone(&pool),
            )
        };
        let (one, other) = (context(), context());
        one.take_memory(60).unwrap();
        assert!(matches!(
            one.take_memory(30),
            Err(QueryError::Memory { limit_bytes: 80 })
        ));
        assert!(matches!(
            other.take_memory(60),
            Err(QueryError::Busy { limit_bytes: 100 })
        ));
        one.give_memory(30);
        other.take_memory(60).unwrap();
        drop((one, other));
        assert_eq!(pool.used_bytes(), 0);
    }
}
