//! From a request body to the journal and the head.
//!
//! ```text
//! front::Ingest::write   parse, reserve room in the queue, hand to the writers that own the series
//! writer                 one thread a partition: look up series, check types and retention, commit one
//!                        group (journal entries, new series, new types), append to the head, acknowledge
//! sealer                 one thread a partition: frozen head → blocks, journal trimmed; deletions
//! ```
//! A series belongs to the writer `hash(key) % writers` for the life of the process, so its points are
//! applied in the order in which they were queued without any lock.

pub mod api;
pub mod deletion;
pub mod front;
pub mod housekeeping;
pub mod journal;
pub mod monitor;
pub mod outbound;
pub mod pace;
pub mod partition;
pub mod queue;
pub mod recovery;
pub mod rejected;
mod sample;
pub mod submission;
pub mod writer;

pub use api::{
    Acknowledgement, PointWriter, RejectedCount, RejectedSample, WriteError, WriteFigures,
};
pub use front::{Ingest, IngestOptions};

#[cfg(test)]
mod tests;
