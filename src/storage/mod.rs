//! RocksDB under typed names: which column families there are, how their keys and values are laid out,
//! and one small wrapper that is the only user of the rocksdb crate.
//!
//! Nothing above this module sees a byte of a key; nothing in it knows what a query or a request is.

pub mod error;
pub mod families;
pub mod keys;
mod log_file;
pub mod meta_store;
mod migrations;
pub mod postings;
pub mod rocks;
pub mod salvage;
pub mod space;

pub use error::StorageError;
pub use rocks::{Store, StoreOptions, SyncMode, WriteGroup};
