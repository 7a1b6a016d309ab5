//! Sealing: a frozen head becomes blocks, and its journal entries go.
//!
//! Blocks, watermark and the trim of the journal are one atomic write where they fit; a larger head is
//! written in pieces of which the last one moves the watermark. A crash between the pieces replays the
//! journal over blocks that hold the same points already, which changes nothing.

use super::chunk;
use super::head::{Frozen, HeadSeries};
use super::shards::Shards;
use crate::model::{BucketId, SeriesId};
use crate::storage::{StorageError, Store, WriteGroup, families, keys};
use std::sync::Arc;

/// Larger groups gain nothing and need memory.
const GROUP_BYTES_MAX: usize = 8 << 20;

/// What a writer must remember over a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Watermark {
    /// Journal entries up to here are sealed.
    pub sequence: u64,
    /// Blocks may have generations of this epoch.
    pub epoch: u32,
}

impl Watermark {
    pub fn encode(self) -> [u8; 12] {
        let mut value = [0; 12];
        let (sequence, epoch) = value.split_at_mut(8);
        sequence.copy_from_slice(&self.sequence.to_be_bytes());
        epoch.copy_from_slice(&self.epoch.to_be_bytes());
        value
    }

    pub fn decode(value: &[u8]) -> Option<Self> {
        let (sequence, epoch) = value.split_at_checked(8)?;
        Some(Self {
            sequence: u64::from_be_bytes(sequence.try_into().ok()?),
            epoch: u32::from_be_bytes(epoch.try_into().ok()?),
        })
    }
}

/// Writes all of a frozen head and trims the journal. Returns the number of blocks.
pub fn seal(
    store: &Store,
    shards: &Shards,
    partition: u16,
    frozen: &Arc<Frozen>,
    epoch: u32,
) -> Result<u64, StorageError> {
    let mut group = store.group();
    let mut blocks = 0;
    let mut series: Vec<(&(BucketId, SeriesId), &HeadSeries)> = frozen.series.iter().collect();
    series.sort_unstable_by_key(|(key, _)| **key);
    for ((bucket, id), points) in series {
        blocks += put_series(shards, *bucket, *id, points, frozen, &mut group);
        if group.bytes() > GROUP_BYTES_MAX {
            store.write(std::mem::replace(&mut group, store.group()), false)?;
        }
    }
    put_watermark(&mut group, partition, frozen.watermark, epoch);
    store.write(group, false)?;
    Ok(blocks)
}

/// Trims the journal, of which everything up to `sequence` is done.
pub fn trim(store: &Store, partition: u16, sequence: u64, epoch: u32) -> Result<(), StorageError> {
    let mut group = store.group();
    put_watermark(&mut group, partition, sequence, epoch);
    store.write(group, false)
}

fn put_watermark(group: &mut WriteGroup<'_>, partition: u16, sequence: u64, epoch: u32) {
    let watermark = Watermark { sequence, epoch };
    group.put(
        families::META,
        keys::meta_watermark(partition),
        watermark.encode(),
    );
    group.delete_range(
        families::JOURNAL,
        keys::journal(partition, 0),
        keys::journal(partition, sequence.saturating_add(1)),
    );
}

fn put_series(
    shards: &Shards,
    bucket: BucketId,
    series: SeriesId,
    points: &HeadSeries,
    frozen: &Frozen,
    group: &mut WriteGroup<'_>,
) -> u64 {
    let shard_ns = points.shard_ns();
    let mut tails = Vec::new();
    // The late run is encoded after the recent one: its rows win.
    for run in [&points.recent, &points.late] {
        let rows = run.sorted_rows();
        chunk::encode_rows(
            run,
            &rows,
            shard_ns,
            || frozen.next_generation(),
            &mut tails,
        );
    }
    let mut blocks = 0;
    for chunk in points.chunks.iter().map(|chunk| &**chunk).chain(&tails) {
        let span = chunk.last_time.saturating_sub(chunk.first_time);
        let end = chunk.shard.saturating_add(shard_ns);
        shards.cover(bucket, chunk.shard, end, span, group);
        for (key, bytes) in chunk.records(bucket, series) {
            group.put(families::BLOCKS, key.encode(), bytes);
            blocks += 1;
        }
    }
    blocks
}
