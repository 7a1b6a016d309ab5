//! Encoded columns of one series and one shard, on their way to the blocks family.
//!
//! A chunk holds the very bytes that will be stored, so head and blocks are read by the same code.

use super::block::{self, BlockInput, TimeColumn};
use super::run::Run;
use crate::model::BucketId;
use crate::model::{FieldId, SeriesId, Values};
use crate::storage::keys::BlockKey;

/// Where times are irregular, one column shared by all fields saves their copies. Below this many bytes
/// a copy is cheaper than the extra key.
const SHARED_TIMES_BYTES_MIN: usize = 48;

/// Pieces of one block each, at most this many rows. 360 to 1080 rows were the best of the measured
/// sizes; smaller ones cost CPU and space, larger ones only delay.
pub const CHUNK_ROWS: usize = 1024;

#[derive(Debug)]
pub struct Chunk {
    pub first_time: i64,
    pub last_time: i64,
    pub shard: i64,
    pub generation: u64,
    /// `FieldId(0)` is the shared time column, when there is one.
    pub blocks: Vec<(FieldId, Box<[u8]>)>,
    pub rows: usize,
}

impl Chunk {
    pub fn heap_bytes(&self) -> usize {
        self.blocks
            .iter()
            .map(|(_, bytes)| bytes.len() + 24)
            .sum::<usize>()
            + 64
    }

    pub fn block(&self, field: FieldId) -> Option<&[u8]> {
        self.blocks
            .iter()
            .find(|(id, _)| *id == field)
            .map(|(_, bytes)| &**bytes)
    }

    /// Keys and values as they are stored.
    pub fn records(
        &self,
        bucket: BucketId,
        series: SeriesId,
    ) -> impl Iterator<Item = (BlockKey, &[u8])> {
        self.blocks.iter().map(move |(field, bytes)| {
            let key = BlockKey {
                bucket,
                shard: self.shard,
                field: *field,
                series,
                first_time: self.first_time,
                generation: self.generation,
            };
            (key, &**bytes)
        })
    }
}

/// Start and end of the shard that holds `time`. Shards lie on multiples of their length.
pub fn shard_of(time: i64, shard_ns: i64) -> (i64, i64) {
    let start = time.saturating_sub(time.rem_euclid(shard_ns));
    (start, start.saturating_add(shard_ns))
}

/// Encodes rows of a run, given in time order, cut on shard borders and into pieces of at most
/// [`CHUNK_ROWS`] rows. `next_generation` gives each piece its own, rising.
pub fn encode_rows(
    run: &Run,
    rows: &[u32],
    shard_ns: i64,
    mut next_generation: impl FnMut() -> u64,
    out: &mut Vec<Chunk>,
) {
    let time_at = |row: u32| run.times.get(row as usize).copied().unwrap_or_default();
    let mut rest = rows;
    while let Some(&first) = rest.first() {
        let (shard, shard_end) = shard_of(time_at(first), shard_ns);
        let inside = rest.partition_point(|&row| time_at(row) < shard_end).max(1);
        let rows = whole_instants(run, rest, inside.min(CHUNK_ROWS));
        let (piece, tail) = rest.split_at(rows);
        out.push(encode_piece(run, piece, shard, next_generation()));
        rest = tail;
    }
}

/// At least `rows` of the sorted rows, and as many more as share the last one's instant: one block decides
/// among them.
pub fn whole_instants(run: &Run, sorted: &[u32], rows: usize) -> usize {
    let time_at = |at: usize| sorted.get(at).and_then(|&row| run.times.get(row as usize));
    let mut rows = rows.min(sorted.len());
    while rows > 0 && rows < sorted.len() && time_at(rows) == time_at(rows - 1) {
        rows += 1;
    }
    rows
}

/// `rows` are in time order and lie in one shard.
fn encode_piece(run: &Run, rows: &[u32], shard: i64, generation: u64) -> Chunk {
    let all_times = distinct_times(run, rows);
    let mut blocks = Vec::with_capacity(run.columns.len() + 1);
    let columns: Vec<(FieldId, Vec<i64>, Values)> = run
        .columns
        .iter()
        .map(|column| {
            let (times, values) = run.field_points(column, rows);
            (column.field, times, values)
        })
        .filter(|(_, times, _)| !times.is_empty())
        .collect();
    let mut shared = Vec::new();
    if columns.len() > 1 {
        block::encode_time_block(&all_times, &mut shared);
    }
    let share = columns.len() > 1 && shared.len() > SHARED_TIMES_BYTES_MIN;
    for (field, times, values) in &columns {
        let mut bytes = Vec::new();
        let input = BlockInput { times, values };
        if share {
            let presence = (times.len() != all_times.len()).then(|| presence(&all_times, times));
            let column = TimeColumn::Shared {
                presence: presence.as_deref(),
            };
            block::encode_block(&input, column, &mut bytes);
        } else {
            block::encode_block(&input, TimeColumn::Inline, &mut bytes);
        }
        blocks.push((*field, bytes.into_boxed_slice()));
    }
    if share {
        blocks.push((FieldId(0), shared.into_boxed_slice()));
    }
    Chunk {
        first_time: all_times.first().copied().unwrap_or_default(),
        last_time: all_times.last().copied().unwrap_or_default(),
        shard,
        generation,
        blocks,
        rows: all_times.len(),
    }
}

fn distinct_times(run: &Run, rows: &[u32]) -> Vec<i64> {
    let mut times: Vec<i64> = rows
        .iter()
        .filter_map(|&row| run.times.get(row as usize).copied())
        .collect();
    times.dedup();
    times
}

/// Which of `all` are in `some`; both rise.
fn presence(all: &[i64], some: &[i64]) -> Vec<bool> {
    let mut rest = some.iter().peekable();
    all.iter()
        .map(|time| rest.next_if_eq(&time).is_some())
        .collect()
}
