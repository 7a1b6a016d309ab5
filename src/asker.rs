//! How the points that a query makes are written: by the way of all writes, with the asker's permissions.

use crate::catalog::lookup::OrgLookup;
use crate::clock::now_ns;
use crate::ingest::PointWriter;
use crate::model::{BucketId, Precision};
use crate::query::context::{BucketName, QueryError, QueryWriter};
use std::sync::Arc;
use tokio::runtime::Handle;

pub struct AskersWriter {
    pub writer: Arc<dyn PointWriter>,
    pub lookup: Arc<OrgLookup>,
    /// Queries run on threads of their own; acknowledgements are waited for here.
    pub runtime: Handle,
}

impl QueryWriter for AskersWriter {
    fn target(&self, wanted: &BucketName<'_>) -> Option<BucketId> {
        self.lookup.writable(wanted)
    }

    fn write(&self, bucket: BucketId, lines: &[u8]) -> Result<(), QueryError> {
        let failed = |error: &dyn std::fmt::Display| {
            QueryError::Invalid(format!("failed to write the query's points: {error}"))
        };
        let written = self
            .writer
            .write(bucket, lines, Precision::Nanoseconds, now_ns());
        let acknowledged = written.map_err(|error| failed(&error))?;
        self.runtime
            .block_on(acknowledged)
            .map_err(|error| failed(&error))
    }
}
