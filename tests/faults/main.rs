//! Disks that fail: calls that return errors, file systems that are full, bytes that change, power that is
//! cut. Each test names the promise that it checks.
//!
//! What needs root (mounts) or a C compiler (a library that makes calls fail) says so when it is skipped.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod calls;
mod damage;
mod full;
mod mounts;
mod power;
mod recover;
mod replication;
#[path = "../support/mod.rs"]
mod support;
