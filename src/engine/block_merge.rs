//! Merging blocks that overlap in time, or are small: late points and overwritten ones otherwise make each
//! read decode and merge what lies over each other, and no statistics of such blocks are of use.
//!
//! Blocks of one series that lie over each other become blocks that follow each other, in one atomic write.
//! They take the highest generation among them. That is right as long as nothing else of the series has a
//! generation in between: blocks as new as the oldest of its runs in pages are left alone.

use super::block::BlockHeader;
use super::chunk::{self, CHUNK_ROWS, Chunk};
use super::merge::{Part, merge};
use super::page::{self, group_of};
use super::pages;
use super::rewrite::{Stored, load};
use super::run::{Run, RunColumn, RunValues};
use super::shards::{Covered, Shard};
use crate::model::{BucketId, FieldId, FieldType, SeriesId, StrColumn, Values};
use crate::storage::keys::{self, BlockKey};
use crate::storage::{StorageError, Store, families};
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, BTreeSet};

/// Blocks with fewer rows are merged with their neighbours.
const SMALL_ROWS: usize = 360;
/// Values that are merged at once, a bound on memory.
const VALUES_MAX: usize = 4 << 20;

/// Series with blocks that overlap or are needlessly small, `least` of them in one field.
pub fn candidates(
    store: &Store,
    bucket: BucketId,
    shard: i64,
    least: usize,
) -> Result<RoaringBitmap, StorageError> {
    let mut found = RoaringBitmap::new();
    let mut walk: Option<Walk> = None;
    let from = keys::shard_prefix(bucket, shard);
    let to = keys::after_prefix(&from);
    store.scan(families::BLOCKS, &from, to.as_deref(), |key, bytes| {
        let (Some(key), Ok(header)) = (BlockKey::decode(key), BlockHeader::parse(bytes)) else {
            return true;
        };
        if key.field == FieldId(0) {
            return true;
        }
        let place = (key.field, key.series);
        let current = walk.take_if(|walk| walk.place == place);
        let mut current = current.unwrap_or_else(|| Walk::new(place));
        current.add(&header);
        if current.unmerged >= least {
            found.insert(key.series.0);
        }
        walk = Some(current);
        true
    })?;
    Ok(found)
}

/// Along the blocks of one field of one series, in order of their first times.
struct Walk {
    place: (FieldId, SeriesId),
    reach: Option<i64>,
    rows_before: usize,
    unmerged: usize,
}

impl Walk {
    fn new(place: (FieldId, SeriesId)) -> Self {
        Self {
            place,
            reach: None,
            rows_before: CHUNK_ROWS,
            unmerged: 0,
        }
    }

    fn add(&mut self, header: &BlockHeader) {
        let overlaps = self.reach.is_some_and(|reach| header.first_time() <= reach);
        let small = self.rows_before < SMALL_ROWS && header.count() < SMALL_ROWS;
        self.unmerged += usize::from(overlaps || small);
        self.rows_before = header.count();
        let reach = self.reach.unwrap_or(i64::MIN);
        self.reach = Some(reach.max(header.last_time()));
    }
}

/// A stored block.
struct Stone {
    key: BlockKey,
    bytes: Vec<u8>,
    last_time: i64,
    rows: usize,
    shares_times: bool,
}

/// Blocks that lie over each other, of all fields.
#[derive(Default)]
struct Cluster {
    stones: Vec<Stone>,
    reach: i64,
}

impl Cluster {
    fn chunks(&self) -> usize {
        let chunks = self.stones.iter();
        let chunks: BTreeSet<(i64, u64)> = chunks
            .map(|stone| (stone.key.first_time, stone.key.generation))
            .collect();
        chunks.len()
    }

    /// Of the field that has most.
    fn rows(&self) -> usize {
        let mut by_field: BTreeMap<FieldId, usize> = BTreeMap::new();
        for stone in &self.stones {
            *by_field.entry(stone.key.field).or_default() += stone.rows;
        }
        by_field.into_values().max().unwrap_or_default()
    }

    fn values(&self) -> usize {
        self.stones.iter().map(|stone| stone.rows).sum()
    }
}

/// Merges what there is to merge of one series in one shard. To be called by the one thread that rewrites
/// the series' blocks. `fields` are all that it may have. Returns the number of blocks that went.
pub fn merge_series(
    stored: Stored<'_>,
    (bucket, shard): (BucketId, i64),
    series: SeriesId,
    fields: &[FieldId],
) -> Result<usize, StorageError> {
    // While pages are merged, blocks are added.
    let _alone = stored.pages.rewriting();
    let limit = oldest_in_pages(stored, (bucket, shard), series)?;
    let mut stones = Vec::new();
    for field in fields {
        collect(
            stored.store,
            (bucket, shard),
            series,
            *field,
            limit,
            &mut stones,
        )?;
    }
    stones.sort_by_key(|stone| stone.key.first_time);
    let mut gone = 0;
    for cluster in clusters(stones) {
        if cluster.chunks() > 1 && cluster.values() <= VALUES_MAX {
            gone += rewrite(stored, (bucket, shard), series, &cluster)?;
        }
    }
    Ok(gone)
}

/// Lowest generation of the series' runs in pages.
fn oldest_in_pages(
    stored: Stored<'_>,
    (bucket, shard): (BucketId, i64),
    series: SeriesId,
) -> Result<u64, StorageError> {
    let mut oldest = u64::MAX;
    let group = group_of(series);
    stored
        .pages
        .scan_group(bucket, shard, group, |key, bytes| {
            let runs = page::decode_runs(key.group, key.generation, bytes);
            for run in runs.map_err(|error| pages::damaged(key, &error))? {
                if run.series == series {
                    oldest = oldest.min(run.generation);
                }
            }
            Ok(())
        })?;
    Ok(oldest)
}

fn collect(
    store: &Store,
    (bucket, shard): (BucketId, i64),
    series: SeriesId,
    field: FieldId,
    limit: u64,
    stones: &mut Vec<Stone>,
) -> Result<(), StorageError> {
    let mut key = BlockKey {
        bucket,
        shard,
        field,
        series,
        first_time: i64::MIN,
        generation: 0,
    };
    let from = key.encode();
    key.first_time = i64::MAX;
    key.generation = u64::MAX;
    let to = key.encode();
    store.scan(families::BLOCKS, &from, Some(&to), |key, bytes| {
        // What can't be read is left where it is, to be reported by whoever asks for it.
        if let (Some(key), Ok(header)) = (BlockKey::decode(key), BlockHeader::parse(bytes))
            && key.generation < limit
        {
            stones.push(Stone {
                key,
                bytes: bytes.to_vec(),
                last_time: header.last_time(),
                rows: header.count(),
                shares_times: header.is_time_shared(),
            });
        }
        true
    })
}

/// `stones` are in order of their first times.
fn clusters(stones: Vec<Stone>) -> Vec<Cluster> {
    let mut clusters: Vec<Cluster> = Vec::new();
    for stone in stones {
        let over = clusters
            .last()
            .is_some_and(|cluster| stone.key.first_time <= cluster.reach);
        if !over {
            clusters.push(Cluster {
                stones: Vec::new(),
                reach: i64::MIN,
            });
        }
        if let Some(cluster) = clusters.last_mut() {
            cluster.reach = cluster.reach.max(stone.last_time);
            cluster.stones.push(stone);
        }
    }
    let mut joined: Vec<Cluster> = Vec::new();
    for cluster in clusters {
        match joined.last_mut() {
            Some(before) if before.rows() < SMALL_ROWS && cluster.rows() < SMALL_ROWS => {
                before.stones.extend(cluster.stones);
                before.reach = cluster.reach;
            }
            _ => joined.push(cluster),
        }
    }
    joined
}

fn rewrite(
    stored: Stored<'_>,
    (bucket, shard): (BucketId, i64),
    series: SeriesId,
    cluster: &Cluster,
) -> Result<usize, StorageError> {
    let mut parts: BTreeMap<FieldId, Vec<(u64, Part)>> = BTreeMap::new();
    let mut group = stored.store.group();
    let mut generation = 0;
    let mut before = 0;
    for stone in &cluster.stones {
        let part = load(stored.store, &stone.key, &stone.bytes)?;
        let parts = parts.entry(stone.key.field).or_default();
        parts.push((stone.key.generation, part));
        generation = generation.max(stone.key.generation);
        group.delete(families::BLOCKS, stone.key.encode());
        before += 1;
        if stone.shares_times {
            // All blocks that share it are in the cluster: it reaches from the first to the last time.
            let times = BlockKey {
                field: FieldId(0),
                ..stone.key
            };
            group.delete(families::BLOCKS, times.encode());
        }
    }
    let merged = parts.into_iter().filter_map(|(field, mut parts)| {
        parts.sort_by_key(|(generation, _)| *generation);
        let parts = parts.into_iter().map(|(_, part)| part).collect();
        Some((field, merge(parts)?))
    });
    let rows = rows_of(merged.collect());
    let sorted: Vec<u32> = (0..u32::try_from(rows.len()).unwrap_or(u32::MAX)).collect();
    let mut chunks: Vec<Chunk> = Vec::new();
    chunk::encode_rows(&rows, &sorted, i64::MAX, || generation, &mut chunks);
    let mut covered = Covered::default();
    let mut after = 0;
    for chunk in &mut chunks {
        chunk.shard = shard;
        let wanted = Shard {
            start: shard,
            end: shard,
            longest_block_ns: chunk.last_time.saturating_sub(chunk.first_time),
            pages: false,
        };
        stored
            .shards
            .cover(bucket, wanted, &mut covered, &mut group);
        for (key, bytes) in chunk.records(bucket, series) {
            group.put(families::BLOCKS, key.encode(), bytes);
            after += usize::from(key.field != FieldId(0));
        }
    }
    stored.store.write(group, false)?;
    Ok(before.max(after) - after)
}

/// Fields with their own times as rows with holes.
fn rows_of(fields: Vec<(FieldId, Part)>) -> Run {
    let mut times: Vec<i64> = fields
        .iter()
        .flat_map(|(_, part)| part.times.iter().copied())
        .collect();
    times.sort_unstable();
    times.dedup();
    let columns = fields
        .into_iter()
        .map(|(field, part)| {
            let mut next = part.times.iter().peekable();
            let present: Vec<bool> = times
                .iter()
                .map(|time| next.next_if_eq(&time).is_some())
                .collect();
            RunColumn {
                field,
                values: spread(&part.values, &present),
                present: present.contains(&false).then_some(present),
            }
        })
        .collect();
    Run { times, columns }
}

/// Values with a zero or an empty string in each hole.
fn spread(values: &Values, present: &[bool]) -> RunValues {
    fn bits(
        present: &[bool],
        field_type: FieldType,
        values: impl Iterator<Item = u64>,
    ) -> RunValues {
        let mut values = values;
        let spread = present.iter().map(|present| match present {
            true => values.next().unwrap_or_default(),
            false => 0,
        });
        RunValues::Bits(field_type, spread.collect())
    }
    match values {
        Values::Float(values) => bits(
            present,
            FieldType::Float,
            values.iter().map(|value| value.to_bits()),
        ),
        Values::Integer(values) => bits(
            present,
            FieldType::Integer,
            values.iter().map(|value| value.cast_unsigned()),
        ),
        Values::Unsigned(values) => bits(present, FieldType::Unsigned, values.iter().copied()),
        Values::Boolean(values) => bits(
            present,
            FieldType::Boolean,
            values.iter().map(|value| u64::from(*value)),
        ),
        Values::String(values) => {
            let mut texts = values.iter();
            let mut spread = StrColumn::default();
            for present in present {
                spread.push(match present {
                    true => texts.next().unwrap_or_default(),
                    false => "",
                });
            }
            RunValues::Strings(spread)
        }
    }
}
