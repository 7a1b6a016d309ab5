//! Sealing: a frozen head becomes blocks, and its journal entries go.
//!
//! Blocks, watermark and the trim of the journal are one atomic write where they fit; a larger head is
//! written in pieces of which the last one moves the watermark. A crash between the pieces replays the
//! journal over blocks that hold the same points already, which changes nothing.

use super::chunk;
use super::head::{Frozen, HeadSeries};
use super::page::{self, Page};
use super::page_merge::GroupPlace;
use super::run::Run;
use super::shards::{Covered, Shard, Shards};
use crate::model::{BucketId, FieldId, SeriesId};
use crate::storage::keys::PageKey;
use crate::storage::{StorageError, Store, WriteGroup, families, keys};
use std::collections::BTreeMap;
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

/// Writes all of a frozen head and trims the journal. Returns what it wrote.
pub fn seal(
    store: &Store,
    shards: &Shards,
    partition: u16,
    frozen: &Arc<Frozen>,
    epoch: u32,
) -> Result<Sealed, StorageError> {
    let mut sealing = Sealing {
        shards,
        frozen,
        partition,
        group: store.group(),
        covered: Covered::default(),
        pages: BTreeMap::new(),
        page_group: None,
        sealed: Sealed::default(),
    };
    let mut series: Vec<(&(BucketId, SeriesId), &HeadSeries)> = frozen.series.iter().collect();
    series.sort_unstable_by_key(|(key, _)| **key);
    for ((bucket, id), points) in series {
        sealing.put_series(*bucket, *id, points);
        if sealing.group.bytes() > GROUP_BYTES_MAX {
            store.write(std::mem::replace(&mut sealing.group, store.group()), false)?;
            sealing.covered = Covered::default();
        }
    }
    sealing.end_pages();
    put_watermark(&mut sealing.group, partition, frozen.watermark, epoch);
    store.write(sealing.group, false)?;
    Ok(sealing.sealed)
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

/// A seal under way.
struct Sealing<'a> {
    shards: &'a Shards,
    frozen: &'a Frozen,
    partition: u16,
    group: WriteGroup<'a>,
    covered: Covered,
    /// Pages being filled, by shard and fields, all of one group of series.
    pages: BTreeMap<(i64, Vec<FieldId>), Filling>,
    page_group: Option<(BucketId, u32)>,
    sealed: Sealed,
}

/// What a seal wrote.
#[derive(Debug, Default)]
pub struct Sealed {
    /// Blocks and pages.
    pub records: u64,
    pub pages: Vec<GroupPlace>,
    /// Blocks alone, by shard.
    pub blocks: BTreeMap<(BucketId, i64), usize>,
}

/// A page being filled.
struct Filling {
    page: Page,
    shard_end: i64,
}

impl Sealing<'_> {
    fn put_series(&mut self, bucket: BucketId, series: SeriesId, points: &HeadSeries) {
        let page_group = Some((bucket, page::group_of(series)));
        if page_group != self.page_group {
            self.end_pages();
            self.page_group = page_group;
        }
        match points.page_rows() {
            Some(run) => self.add_to_pages(series, &run, points.shard_ns()),
            None => self.put_blocks(bucket, series, points),
        }
    }

    fn put_blocks(&mut self, bucket: BucketId, series: SeriesId, points: &HeadSeries) {
        let shard_ns = points.shard_ns();
        let frozen = self.frozen;
        let mut tails = Vec::new();
        // The late run is encoded after the recent one: its rows win.
        for run in points.runs() {
            let rows = run.sorted_rows();
            let next = || frozen.next_generation();
            chunk::encode_rows(&run, &rows, shard_ns, next, &mut tails);
        }
        for chunk in points.chunks().iter().map(|chunk| &**chunk).chain(&tails) {
            let shard = Shard {
                start: chunk.shard,
                end: chunk.shard.saturating_add(shard_ns),
                longest_block_ns: chunk.last_time.saturating_sub(chunk.first_time),
                pages: false,
            };
            let covered = &mut self.covered;
            self.shards.cover(bucket, shard, covered, &mut self.group);
            for (key, bytes) in chunk.records(bucket, series) {
                self.group.put(families::BLOCKS, key.encode(), bytes);
                self.sealed.records += 1;
                *self.sealed.blocks.entry((bucket, chunk.shard)).or_default() += 1;
            }
        }
    }

    fn add_to_pages(&mut self, series: SeriesId, run: &Run, shard_ns: i64) {
        let Some((_, group)) = self.page_group else {
            return;
        };
        let fields: Vec<FieldId> = run.columns.iter().map(|column| column.field).collect();
        let rows = run.sorted_rows();
        let time_at = |row: u32| run.times.get(row as usize).copied().unwrap_or_default();
        let mut rest = rows.as_slice();
        while let Some(&first) = rest.first() {
            let (shard, shard_end) = chunk::shard_of(time_at(first), shard_ns);
            let inside = rest.partition_point(|&row| time_at(row) < shard_end).max(1);
            let (rows, tail) = rest.split_at(inside);
            rest = tail;
            let place = (shard, fields.clone());
            let filling = self.pages.entry(place).or_insert_with(|| Filling {
                page: Page::new(group, self.frozen.next_generation()),
                shard_end,
            });
            filling.page.add_run(series, run, rows);
            if filling.page.is_full()
                && let Some(full) = self.pages.remove(&(shard, fields.clone()))
            {
                self.put_page(shard, full);
            }
        }
    }

    fn end_pages(&mut self) {
        for ((shard, _), filling) in std::mem::take(&mut self.pages) {
            self.put_page(shard, filling);
        }
    }

    fn put_page(&mut self, start: i64, filling: Filling) {
        let Some((bucket, group)) = self.page_group else {
            return;
        };
        let shard = Shard {
            start,
            end: filling.shard_end,
            longest_block_ns: 0,
            pages: true,
        };
        let covered = &mut self.covered;
        self.shards.cover(bucket, shard, covered, &mut self.group);
        let key = PageKey {
            bucket,
            shard: start,
            group,
            generation: filling.page.generation,
            partition: self.partition,
        };
        let bytes = filling.page.encode();
        self.group.put(families::PAGES, key.encode(), bytes);
        self.sealed.records += 1;
        self.sealed.pages.push(GroupPlace {
            bucket,
            shard: start,
            group,
        });
    }
}
