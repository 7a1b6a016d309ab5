//! influxd: an embedded, single-binary time-series database that speaks the InfluxDB 2.x HTTP API.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::cast_possible_truncation
    )
)]

pub mod asker;
pub mod backup;
pub mod catalog;
pub mod clock;
pub mod config;
pub mod dev;
pub mod encode;
pub mod engine;
pub mod http;
pub mod ingest;
pub mod line_protocol;
pub mod logging;
pub mod model;
pub mod notify;
pub mod outgoing;
pub mod query;
pub mod recover;
pub mod replication;
pub mod series;
pub mod server;
pub mod storage;
pub mod sync;
pub mod tasks;
pub mod tls;
