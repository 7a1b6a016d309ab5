//! Queues of what remotes shall have of buckets, on disk.
//!
//! A queue is filled by the writers in the very commit that journals a batch, so what was acknowledged is in
//! it, whatever happens then. The journal itself can't be the queue: it is trimmed with each seal, which keeps
//! it in memory and a restart short, it mixes all buckets, and its entries name series and fields by ids that
//! retention may have forgotten when a remote is back after days. So an entry of a queue is the journal's
//! entry with the names beside it, which costs a copy of bytes that are encoded already, and only for buckets
//! that are replicated.
//!
//! [`entry`] is the byte layout, [`queue`] one queue, [`queues`] all of them.

pub mod entry;
pub mod queue;
pub mod queues;

pub use queue::{FullPolicy, Loss, Queue, QueueFigures, QueueSettings, Queued};
pub use queues::{Promises, Queues};
