//! Locks and atomics of what threads hand over to each other.
//!
//! The files that use only these can be mounted by a model checker, which brings its own in their place:
//! see `tests/model`.

pub use parking_lot::{Condvar, Mutex};
pub use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
