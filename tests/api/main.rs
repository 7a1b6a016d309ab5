//! The HTTP API as clients see it: the built binary, one server per test.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod auth;
mod buckets;
mod config;
mod dbrps;
mod delete;
mod flux_writes;
mod gzip;
mod influxql;
mod lifecycle;
mod orgs_users;
mod overload;
mod query;
mod rejections;
mod replication;
mod replication_peers;
mod resources;
mod service;
mod setup;
mod streaming;
#[path = "../support/mod.rs"]
mod support;
mod tasks;
mod tls;
mod v1;
mod v1_users;
mod write;
