//! The HTTP API: what InfluxDB 2.x clients expect, endpoint by endpoint.
//!
//! `routes` is the table. A handler's extractor says what it needs of the asker; `error` is the only place
//! that turns failures into status codes. HTTP knows the catalog, the write path and the query languages;
//! none of them knows HTTP.

mod administration;
mod auth;
mod backup;
mod body;
mod delete;
mod error;
mod health;
mod metrics;
mod output;
mod paging;
mod params;
mod query;
mod rate;
mod resources;
mod routes;
mod session;
mod setup;
mod v1;
mod write;

pub use metrics::HttpMetrics;
pub use rate::WriteRate;
pub use routes::{configure, with_headers};

use crate::catalog::Catalog;
use crate::engine::source::Source;
use crate::ingest::PointWriter;
use crate::query::memory::MemoryPool;
use crate::query::running::RunningQueries;
use crate::replication::Replicator;
use crate::tasks::Tasks;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// What clients compare with InfluxDB's versions: major 2, and a minor above 0.
pub const COMPATIBLE_VERSION: &str = "v2.7.12";
pub const BUILD: &str = "OSS";

#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// Of a write's body, inflated.
    pub max_body_bytes: usize,
    /// Longest wait for the next piece of a body.
    pub read_timeout: Duration,
    pub query_timeout: Duration,
    /// Rows of an InfluxQL answer that is not chunked; 0: all.
    pub influxql_max_rows: usize,
    /// Of one query, and of all that run.
    pub query_max_memory_bytes: usize,
    pub query_max_concurrent: usize,
    /// 0: any number.
    pub max_series_per_bucket: u64,
    /// Whole seconds, at least one.
    pub retry_after_seconds: u64,
}

/// What all handlers share.
pub struct AppState {
    pub catalog: Arc<Catalog>,
    pub writer: Arc<dyn PointWriter>,
    pub source: Arc<dyn Source>,
    pub replicator: Arc<Replicator>,
    pub limits: HttpLimits,
    pub metrics: HttpMetrics,
    pub write_rate: WriteRate,
    query_slots: Arc<Semaphore>,
    /// Of all queries together.
    pub query_memory: Arc<MemoryPool>,
    pub tasks: Arc<Tasks>,
    running: Arc<RunningQueries>,
    started: Instant,
    started_ns: i64,
    /// Cookies are sent back over TLS only.
    pub tls: bool,
}

/// What lies below HTTP.
pub struct Services {
    pub catalog: Arc<Catalog>,
    pub writer: Arc<dyn PointWriter>,
    pub source: Arc<dyn Source>,
    pub replicator: Arc<Replicator>,
    pub tasks: Arc<Tasks>,
    pub query_memory: Arc<MemoryPool>,
}

impl AppState {
    pub fn new(services: Services, limits: HttpLimits, write_rate: WriteRate, tls: bool) -> Self {
        let Services {
            catalog,
            writer,
            source,
            replicator,
            tasks,
            query_memory,
        } = services;
        let query_slots = Arc::new(Semaphore::new(limits.query_max_concurrent.max(1)));
        Self {
            catalog,
            writer,
            source,
            replicator,
            limits,
            metrics: HttpMetrics::default(),
            write_rate,
            query_memory,
            tasks,
            query_slots,
            running: Arc::default(),
            started: Instant::now(),
            started_ns: crate::clock::now_ns(),
            tls,
        }
    }
}
