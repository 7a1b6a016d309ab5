//! What HTTP sees of the write path.

use super::outbound::QueueSettings;
use crate::engine::source::SeriesPredicate;
use crate::line_protocol::ParseError;
use crate::model::{BucketId, BucketSettings, FieldType, Id, Precision, TimeRange};
use std::future::Future;
use std::pin::Pin;

/// Why a body was not written. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// 400.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// 503 + `Retry-After`: the bounded queue is full, or the head can't be sealed fast enough.
    #[error("the write queue is full ({queued_bytes} of {max_bytes} bytes); retry later")]
    Overloaded {
        queued_bytes: usize,
        max_bytes: usize,
    },
    /// 413: this one body can never fit the queue.
    #[error(
        "the batch needs {needed_bytes} bytes of the write queue, which holds {max_bytes}; split it or raise [queue] max-bytes"
    )]
    TooLarge {
        needed_bytes: usize,
        max_bytes: usize,
    },
    /// 503 + `Retry-After`: a replication's queue is full, and shall not drop anything.
    #[error(
        "the queue of replication {replication} is full ({queued_bytes} of {max_bytes} bytes) until its remote \
         takes more; retry later, or raise its maxQueueSizeBytes"
    )]
    ReplicationFull {
        replication: Id,
        queued_bytes: u64,
        max_bytes: u64,
    },
    /// 503: recovering, shutting down, or storage stopped acknowledging.
    #[error("writes are not possible now: {0}")]
    Unavailable(String),
}

/// Resolves when the batch is acknowledged as `[queue] acknowledge` promises.
pub type Acknowledgement = Pin<Box<dyn Future<Output = Result<(), WriteError>> + Send>>;

/// Rejected points of one bucket and reason, since start.
#[derive(Debug, Clone)]
pub struct RejectedCount {
    pub bucket: BucketId,
    /// `type_conflict`, `retention`, ...
    pub reason: &'static str,
    pub points: u64,
}

/// Points of one series that were rejected for one cause.
#[derive(Debug, Clone)]
pub struct RejectedSample {
    /// When they were, nanoseconds since 1970.
    pub at_ns: i64,
    pub reason: &'static str,
    pub measurement: String,
    /// Empty when the reason is not a field's.
    pub field: String,
    /// What came and what the field is.
    pub types: Option<(FieldType, FieldType)>,
    pub points: u64,
    /// Of the first of them, as is the line: line protocol with nanoseconds, cut off after 4 KiB.
    pub error: String,
    pub line: Option<String>,
}

/// Figures for /metrics.
#[derive(Debug, Clone, Default)]
pub struct WriteFigures {
    pub queued_bytes: usize,
    pub queue_max_bytes: usize,
    /// Batches and points that were accepted (acknowledged), bytes of line protocol they came in.
    pub accepted_batches: u64,
    pub accepted_points: u64,
    pub accepted_values: u64,
    pub refused_batches_overloaded: u64,
    pub rejected: Vec<RejectedCount>,
    pub head_bytes: usize,
    pub head_series: usize,
    pub journal_entries: u64,
    pub seals: u64,
    pub sealed_blocks: u64,
    pub series_created: u64,
    /// RocksDB's own: `background-errors`, `is-write-stopped`, ... name and value.
    pub storage: Vec<(&'static str, u64)>,
    /// On the data directory's file system, where it can be told.
    pub free_bytes: Option<u64>,
    /// Nothing is acknowledged any more until a restart.
    pub sync_failed: bool,
    /// Syncs by interval since the start.
    pub syncs: u64,
}

/// The write path's front door.
pub trait PointWriter: Send + Sync {
    /// Parses the whole body, reserves room in the queue and hands the points over. Cheap enough to be
    /// called on an HTTP thread for bodies up to about 2 MiB; larger ones belong on a blocking thread.
    /// `now_ns` is the time of points that carry none (truncated to the precision by the parser).
    fn write(
        &self,
        bucket: BucketId,
        body: &[u8],
        precision: Precision,
        now_ns: i64,
    ) -> Result<Acknowledgement, WriteError>;

    /// Tells the write path of a new or changed bucket. Writes to unknown buckets are refused.
    fn set_bucket(&self, settings: BucketSettings);

    /// Forgets a bucket and deletes its points, series and schema. Blocking.
    fn delete_bucket(&self, bucket: BucketId) -> Result<(), WriteError>;

    /// Tells the write path of a new or changed replication: from now on its queue gets what is written to its
    /// bucket.
    fn set_replication(&self, settings: QueueSettings);

    /// Deletes the queue of a replication. Blocking.
    fn delete_replication(&self, replication: Id) -> Result<(), WriteError>;

    /// Deletes the points that match, of all that were written before the call. Blocking.
    fn delete(
        &self,
        bucket: BucketId,
        predicate: &SeriesPredicate,
        range: TimeRange,
    ) -> Result<(), WriteError>;

    fn figures(&self) -> WriteFigures;

    /// The latest rejections of a bucket since the start, newest first; at most 100.
    fn rejected(&self, bucket: BucketId) -> Vec<RejectedSample>;

    /// `None` when writes are possible; else why not (recovery progress, storage failure).
    fn not_ready(&self) -> Option<String>;
}
