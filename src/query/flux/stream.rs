//! Streams of tables as values: plan nodes that are not run yet.

use super::span::Span;
use crate::model::{BucketId, TimeRange};
use crate::query::plan;

/// Longest way from a result to a source: plans are walked by recursion.
pub const HEIGHT_MAX: u32 = 200;
/// Most transformations behind one result, those of streams used twice counted twice, as they run.
pub const SIZE_MAX: u32 = 5_000;

#[derive(Debug, Clone)]
pub struct Stream {
    pub kind: StreamKind,
    /// The last operation was `yield`, so that a statement need not yield it again.
    pub yielded: bool,
    pub measure: Measure,
    /// Of the last `range`, or of all streams that it was made of.
    pub bounds: Option<TimeRange>,
}

/// How large a plan is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Measure {
    pub height: u32,
    pub size: u32,
}

impl Measure {
    /// Of a transformation of several streams.
    #[must_use]
    pub const fn join(self, other: Self) -> Self {
        let height = if self.height > other.height {
            self.height
        } else {
            other.height
        };
        Self {
            height,
            size: self.size.saturating_add(other.size),
        }
    }

    #[must_use]
    pub const fn above(self) -> Self {
        Self {
            height: self.height.saturating_add(1),
            size: self.size.saturating_add(1),
        }
    }

    pub const fn is_too_large(self) -> bool {
        self.height > HEIGHT_MAX || self.size > SIZE_MAX
    }
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
    /// The measure is set by the evaluator.
    pub const fn new(kind: StreamKind) -> Self {
        Self {
            kind,
            yielded: false,
            measure: Measure { height: 0, size: 0 },
            bounds: None,
        }
    }

    pub const fn tables(node: plan::Stream) -> Self {
        Self::new(StreamKind::Tables(node))
    }
}
