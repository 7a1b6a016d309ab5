//! The real process is killed at random moments while writers keep a ledger of what was acknowledged.
//! Afterwards everything acknowledged is there, nothing is there that was not sent, and no field has
//! changed its type.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod deletion;
mod kill;
mod replication;
mod soak;
mod stop;
#[path = "../support/mod.rs"]
mod support;
