//! Taking points out of stored blocks.
//!
//! A block keeps its generation when it is rewritten, so what is newer still wins over it. Only one thread
//! rewrites blocks of a series: the sealer of the writer that owns it. Pages are rewritten before: what a
//! merge moves from pages to blocks meanwhile is found there.

use super::block::{self, BlockHeader, BlockInput, TimeColumn};
use super::codec::CodecError;
use super::merge::Part;
use super::page::group_of;
use super::pages::Pages;
use super::shards::Shards;
use crate::model::{BucketId, FieldId, SeriesId, TimeRange, Values};
use crate::storage::keys::BlockKey;
use crate::storage::{StorageError, Store, WriteGroup, families};
use roaring::RoaringBitmap;

/// Larger groups gain nothing and need memory.
const GROUP_BYTES_MAX: usize = 4 << 20;

/// Blocks that a removal may touch, by their generation: those below `before`, and those from `since` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generations {
    pub before: u64,
    pub since: u64,
}

impl Generations {
    pub fn contain(self, generation: u64) -> bool {
        generation < self.before || generation >= self.since
    }
}

/// Where points are stored.
#[derive(Clone, Copy)]
pub struct Stored<'a> {
    pub store: &'a Store,
    pub shards: &'a Shards,
    pub pages: &'a Pages,
}

pub struct Remover<'a> {
    stored: Stored<'a>,
    bucket: BucketId,
    range: TimeRange,
    generations: Generations,
    group: WriteGroup<'a>,
    /// Blocks that lost points.
    pub touched: u64,
}

impl<'a> Remover<'a> {
    pub fn new(
        stored: Stored<'a>,
        bucket: BucketId,
        range: TimeRange,
        generations: Generations,
    ) -> Self {
        Self {
            stored,
            bucket,
            range,
            generations,
            group: stored.store.group(),
            touched: 0,
        }
    }

    /// Takes the points of `fields` out of the pages of many series. To be called before [`Self::remove`].
    pub fn remove_from_pages(
        &mut self,
        series: &RoaringBitmap,
        fields: &[FieldId],
    ) -> Result<(), StorageError> {
        let mut groups: Vec<u32> = series.iter().map(|id| group_of(SeriesId(id))).collect();
        groups.dedup();
        let shards = self.stored.shards.within(self.bucket, self.range);
        for shard in shards.iter().filter(|shard| shard.pages) {
            for group in groups.iter().copied() {
                let rewriting = self.stored.pages.rewriting();
                let mut changes = self.stored.store.group();
                for (key, mut page) in rewriting.group(self.bucket, shard.start, group)? {
                    let removed = page.remove(|run, time, field| {
                        self.range.contains(time)
                            && self.generations.contain(run.generation)
                            && series.contains(run.series.0)
                            && fields.contains(&field)
                    });
                    if removed == 0 {
                        continue;
                    }
                    self.touched += 1;
                    if page.rows.is_empty() {
                        changes.delete(families::PAGES, key.encode());
                    } else {
                        changes.put(families::PAGES, key.encode(), page.encode());
                    }
                }
                if !changes.is_empty() {
                    self.stored.store.write(changes, false)?;
                }
            }
        }
        Ok(())
    }

    /// Takes the points of `fields` out of a series. `all_fields` are those that it may have.
    pub fn remove(
        &mut self,
        series: SeriesId,
        fields: &[FieldId],
        all_fields: &[FieldId],
    ) -> Result<(), StorageError> {
        for shard in self.stored.shards.within(self.bucket, self.range) {
            let mut shared = Vec::new();
            for field in fields {
                for (key, bytes) in self.blocks(shard.start, *field, series)? {
                    let header =
                        BlockHeader::parse(&bytes).map_err(|error| damaged(&key, &error))?;
                    if !self.range.overlaps(header.first_time(), header.last_time()) {
                        continue;
                    }
                    if header.is_time_shared() {
                        shared.push(key);
                    }
                    let whole = self.range.contains(header.first_time())
                        && self.range.contains(header.last_time());
                    let kept = if whole {
                        None
                    } else {
                        self.kept(&key, &bytes)?
                    };
                    self.replace(&key, kept);
                    self.touched += 1;
                }
            }
            if !shared.is_empty() {
                self.commit()?;
                self.drop_orphaned_times(&shared, all_fields)?;
            }
            if self.group.bytes() > GROUP_BYTES_MAX {
                self.commit()?;
            }
        }
        Ok(())
    }

    /// Writes what is not written yet.
    pub fn commit(&mut self) -> Result<(), StorageError> {
        let group = std::mem::replace(&mut self.group, self.stored.store.group());
        if group.is_empty() {
            return Ok(());
        }
        self.stored.store.write(group, false)
    }

    /// Blocks of one field that may hold points in the range.
    fn blocks(
        &self,
        shard: i64,
        field: FieldId,
        series: SeriesId,
    ) -> Result<Vec<(BlockKey, Vec<u8>)>, StorageError> {
        let mut key = BlockKey {
            bucket: self.bucket,
            shard,
            field,
            series,
            first_time: i64::MIN,
            generation: 0,
        };
        let from = key.encode();
        key.first_time = self.range.stop;
        let to = key.encode();
        let mut found = Vec::new();
        let generations = self.generations;
        self.stored
            .store
            .scan(families::BLOCKS, &from, Some(&to), |key, bytes| {
                if let Some(key) = BlockKey::decode(key)
                    && generations.contain(key.generation)
                {
                    found.push((key, bytes.to_vec()));
                }
                true
            })?;
        Ok(found)
    }

    /// Points of a block outside the range; `None` when there are none.
    fn kept(&self, key: &BlockKey, bytes: &[u8]) -> Result<Option<Part>, StorageError> {
        let part = load(self.stored.store, key, bytes)?;
        let from = part.times.partition_point(|&time| time < self.range.start);
        let to = part.times.partition_point(|&time| time < self.range.stop);
        let mut times = part.times.get(..from).unwrap_or_default().to_vec();
        times.extend_from_slice(part.times.get(to..).unwrap_or_default());
        let mut values = part.values.slice(0, from);
        (to..part.times.len()).for_each(|row| values.push_from(&part.values, row));
        Ok((!times.is_empty()).then_some(Part { times, values }))
    }

    /// Puts a block with its own times in the place of another, or nothing.
    fn replace(&mut self, key: &BlockKey, part: Option<Part>) {
        self.group.delete(families::BLOCKS, key.encode());
        let Some(part) = part else {
            return;
        };
        let mut bytes = Vec::new();
        let input = BlockInput {
            times: &part.times,
            values: &part.values,
        };
        block::encode_block(&input, TimeColumn::Inline, &mut bytes);
        // Times before the old block's own first one were those of other fields of its chunk.
        let first_time = part.times.first().copied().unwrap_or(key.first_time);
        let key = BlockKey { first_time, ..*key };
        self.group.put(families::BLOCKS, key.encode(), bytes);
    }

    /// Deletes time columns that no block needs any more.
    fn drop_orphaned_times(
        &mut self,
        keys: &[BlockKey],
        all_fields: &[FieldId],
    ) -> Result<(), StorageError> {
        for key in keys {
            let mut needed = false;
            for field in all_fields {
                let key = BlockKey {
                    field: *field,
                    ..*key
                };
                let bytes = self.stored.store.get(families::BLOCKS, &key.encode())?;
                let shared = bytes.is_some_and(|bytes| {
                    BlockHeader::parse(&bytes).is_ok_and(|header| header.is_time_shared())
                });
                needed = needed || shared;
            }
            if !needed {
                let times = BlockKey {
                    field: FieldId(0),
                    ..*key
                };
                self.group.delete(families::BLOCKS, times.encode());
            }
        }
        Ok(())
    }
}

/// Decodes a stored block.
pub fn load(store: &Store, key: &BlockKey, bytes: &[u8]) -> Result<Part, StorageError> {
    let header = BlockHeader::parse(bytes).map_err(|error| damaged(key, &error))?;
    let shared = if header.is_time_shared() {
        let times = BlockKey {
            field: FieldId(0),
            ..*key
        };
        let times = store.get(families::BLOCKS, &times.encode())?;
        let times = times.ok_or_else(|| missing_times(key))?;
        Some(block::decode_time_block(&times).map_err(|error| damaged(key, &error))?)
    } else {
        None
    };
    let times = block::decode_block_times(bytes, shared.as_deref());
    let times = times.map_err(|error| damaged(key, &error))?;
    let values: Values = block::decode_block_values(bytes).map_err(|error| damaged(key, &error))?;
    Ok(Part { times, values })
}

fn damaged(key: &BlockKey, error: &CodecError) -> StorageError {
    StorageError::Corrupt {
        what: "block",
        position: format!("{key:?}"),
        detail: error.to_string(),
    }
}

fn missing_times(key: &BlockKey) -> StorageError {
    StorageError::Corrupt {
        what: "block",
        position: format!("{key:?}"),
        detail: "its shared time column is missing".to_owned(),
    }
}

/// Whether anything of the series is stored.
pub fn has_points(
    stored: Stored<'_>,
    bucket: BucketId,
    series: SeriesId,
    fields: &[FieldId],
) -> Result<bool, StorageError> {
    for shard in stored.shards.of(bucket) {
        if shard.pages && in_pages(stored.pages, (bucket, shard.start), series, fields)? {
            return Ok(true);
        }
        for field in fields {
            let mut key = BlockKey {
                bucket,
                shard: shard.start,
                field: *field,
                series,
                first_time: i64::MIN,
                generation: 0,
            };
            let from = key.encode();
            key.first_time = i64::MAX;
            key.generation = u64::MAX;
            let mut found = false;
            let to = key.encode();
            stored
                .store
                .scan(families::BLOCKS, &from, Some(&to), |_, _| {
                    found = true;
                    false
                })?;
            if found {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn in_pages(
    pages: &Pages,
    (bucket, shard): (BucketId, i64),
    series: SeriesId,
    fields: &[FieldId],
) -> Result<bool, StorageError> {
    let changes = pages.changes();
    let mut found = false;
    pages.scan_group(bucket, shard, group_of(series), |key, bytes| {
        for field in fields {
            let page = pages.field(changes, key, bytes, *field)?;
            found = found
                || page.is_some_and(|page| {
                    let run = page.runs.binary_search_by_key(&series, |run| run.series);
                    run.is_ok()
                });
        }
        Ok(())
    })?;
    Ok(found)
}
