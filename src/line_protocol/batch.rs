//! What a parsed body is: points grouped by nothing yet, values as raw bits, series once each.

use crate::model::{FieldType, SeriesKey};
use std::sync::Arc;

/// All points of one accepted body. Nothing in it refers to the body any more.
#[derive(Debug, Default)]
pub struct ParsedBatch {
    /// Each series of the batch once, in order of first appearance.
    pub series: Vec<BatchSeries>,
    /// Each distinct list of field names and types once.
    pub layouts: Vec<Arc<FieldLayout>>,
    /// One row a line, in the order of the lines.
    pub rows: Vec<Row>,
    /// Row after row, as many values as the row's layout has fields.
    /// f64 bits; i64 bits; u64; 0 or 1; for strings `offset << 32 | length` into `strings`.
    pub values: Vec<u64>,
    pub strings: Vec<u8>,
}

#[derive(Debug, Clone)]
pub struct BatchSeries {
    pub key: SeriesKey,
    /// `SeriesKey::hash64` of the key's bytes.
    pub hash: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Index into `series`.
    pub series: u32,
    /// Index into `layouts`.
    pub layout: u32,
    /// Index of the row's first value in `values`.
    pub values_at: u32,
    /// Nanoseconds.
    pub time: i64,
}

/// Field names (unescaped, unique) and their types, in the order of the line.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct FieldLayout {
    pub fields: Box<[(Box<str>, FieldType)]>,
}

impl ParsedBatch {
    /// Heap bytes, about.
    pub fn memory_bytes(&self) -> usize {
        let keys = self.series.iter().map(|series| series.key.as_bytes().len());
        self.bytes_without_keys() + keys.sum::<usize>()
    }

    /// The same without the text of the series, in constant time.
    pub(super) fn bytes_without_keys(&self) -> usize {
        self.values.capacity() * 8
            + self.strings.capacity()
            + self.rows.capacity() * size_of::<Row>()
            + self.series.capacity() * size_of::<BatchSeries>()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}
