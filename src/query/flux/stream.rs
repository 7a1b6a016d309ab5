//! Streams of tables as values: plan nodes that are not run yet.

use super::span::Span;
use crate::model::BucketId;
use crate::query::plan;

#[derive(Debug, Clone)]
pub struct Stream {
    pub kind: StreamKind,
    /// The last operation was `yield`, so that a statement need not yield it again.
    pub yielded: bool,
}

#[derive(Debug, Clone)]
pub enum StreamKind {
    /// `from` without `range`: can't be read.
    Unbounded {
        bucket: BucketId,
        name: String,
        span: Span,
    },
    Tables(plan::Stream),
}

impl Stream {
    pub const fn tables(node: plan::Stream) -> Self {
        Self {
            kind: StreamKind::Tables(node),
            yielded: false,
        }
    }
}
