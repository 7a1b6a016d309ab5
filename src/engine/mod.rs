//! Points in memory and in blocks: appending, sealing, reading.
//!
//! ```text
//! writer ──append──▶ head (runs, then encoded chunks)  ──freeze──▶ frozen head ──seal──▶ blocks family
//!                      ▲                                              ▲                       ▲
//!                      └──────────────── scan: newest write wins ─────┴───────────────────────┘
//! ```
//! One [`head::Head`] belongs to each writer. Readers take short read locks on it; they look at the head
//! first and at the blocks afterwards, so a seal that happens in between shows points twice (which
//! merging removes) and never hides one.

pub mod block;
pub mod block_merge;
pub mod chunk;
pub mod codec;
mod edge;
pub mod ends;
pub mod few;
pub mod head;
pub mod merge;
pub mod page;
pub mod page_merge;
pub mod pages;
pub mod rewrite;
pub mod run;
pub mod scan;
pub mod seal;
pub mod shards;
pub mod source;
mod totals;
