//! Sending what is written to a bucket on to another server.
//!
//! ```text
//! ingest::outbound   queues on disk, filled by the writers
//! sender             one thread a replication: takes the oldest, sends, confirms; waits when it must
//! lines              entries of a queue as line protocol
//! remote             one request, and what its answer means
//! replicator         keeps the senders as the catalog says
//! ```
//! A batch is sent at least once and in order; sending one twice changes nothing at the remote. Deletions are
//! not replicated, nor points that were rejected here.

pub mod lines;
pub mod remote;
pub mod replicator;
mod sender;

pub use remote::Target;
pub use replicator::{ReplicationFigures, Replicator, Status};
