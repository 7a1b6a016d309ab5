//! The commands of the built binary against a real server of the same binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod backup;
mod commands;
mod export;
mod import;
mod parquet;
mod run;
#[path = "../support/mod.rs"]
mod support;
