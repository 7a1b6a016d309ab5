//! Published conformance cases, replayed. `CONFORMANCE_DIR` says where they are.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a test fails by panicking, and the counts are its report"
)]

mod differential;
mod flux;
mod influxql;
mod line_protocol;
#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};

/// Where the cases are: beside the checkout unless the environment says otherwise.
fn directory() -> PathBuf {
    std::env::var_os("CONFORMANCE_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance"),
        PathBuf::from,
    )
}

/// The cases of one file; `None`, said plainly, when they are not there.
fn cases(name: &str) -> Option<serde_json::Value> {
    let path = directory().join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).expect("the cases are JSON")),
        Err(error) => {
            println!("skipped: no cases at {}: {error}", path.display());
            None
        }
    }
}
