//! Counting the points of a field in all its series, without looking at each series.
//!
//! A field id belongs to one measurement, so whatever has it is counted. Pages are counted in their order,
//! group after group, together with what the heads have of the group; a series that has blocks or chunks is
//! left to its own statistics.

use super::chunk::shard_of;
use super::page::{self, GROUP_SERIES};
use super::pages;
use super::scan::{Scanner, storage};
use super::source::{FieldInfo, SourceError, StatsNeeded};
use crate::model::{BucketId, FieldId, SeriesId, TimeRange};
use crate::storage::keys::{self, BlockKey, PageKey};
use crate::storage::{StorageError, families};
use roaring::RoaringBitmap;
use std::collections::BTreeMap;

/// Blocks of one series that are stepped over before the next series is sought.
const STEPS_MAX: usize = 8;

/// A series and a time.
type Place = (u32, i64);
/// Shard and group of series.
type GroupKey = (i64, u32);

/// What the heads have.
#[derive(Default)]
struct Heads {
    /// Of series with few rows.
    places: BTreeMap<GroupKey, Vec<Place>>,
    /// Series with many.
    large: RoaringBitmap,
    shard_ns: Option<i64>,
}

impl Scanner {
    /// Number of points in the range. `None` when shards of different lengths overlap, so that the same
    /// point might be in two of them.
    pub fn count_all(
        &self,
        bucket: BucketId,
        field: &FieldInfo,
        range: TimeRange,
    ) -> Result<Option<u64>, SourceError> {
        if range.is_empty() {
            return Ok(Some(0));
        }
        let Some(mut heads) = self.head_places(bucket, field.id, range) else {
            return Ok(None);
        };
        let shards = self.shards.within(bucket, range);
        let overlapping = shards.windows(2).any(|pair| match pair {
            [one, next] => one.end > next.start,
            _ => false,
        });
        let other_length = |length| {
            let mut lengths = shards.iter().map(|shard| shard.end - shard.start);
            lengths.any(|other| other != length)
        };
        if overlapping || heads.shard_ns.is_some_and(other_length) {
            return Ok(None);
        }
        let first = shards.first().map_or(0, |shard| shard.start);
        let last = shards.last().map_or(0, |shard| shard.start);
        let prefix = keys::shard_prefix(bucket, first);
        let end = keys::after_prefix(&keys::shard_prefix(bucket, last));
        let end = end.as_deref();
        // Opened before the blocks are looked at: what a merge moves to blocks in between is in both, and
        // counted once, by its series.
        let mut cursor = self.store.cursor(families::PAGES, end).map_err(storage)?;
        cursor.seek(&prefix);
        let mut own = std::mem::take(&mut heads.large);
        for shard in &shards {
            own |= self
                .series_with_blocks(bucket, shard.start, field.id)
                .map_err(storage)?;
        }
        let mut count = 0;
        let mut group = Group::default();
        while let Some((key, bytes)) = cursor.item() {
            let Some(key) = PageKey::decode(key) else {
                return Err(SourceError::Storage(format!("bad page key {key:02x?}")));
            };
            if group.key != Some((key.shard, key.group)) {
                count += group.end(&own);
                group.key = Some((key.shard, key.group));
                let found = heads.places.remove(&(key.shard, key.group));
                group.places = found.unwrap_or_default();
            }
            group.add(&key, bytes, field.id, range).map_err(storage)?;
            cursor.next();
        }
        cursor.finish().map_err(storage)?;
        count += group.end(&own);
        for (_, places) in heads.places {
            count += distinct(places, &own);
        }
        let needed = StatsNeeded {
            extreme_times: false,
        };
        for series in own.iter().map(SeriesId) {
            let bounds = [range.start, range.stop];
            let stats = self.window_stats(bucket, series, field, &bounds, needed)?;
            count += stats.iter().map(|stats| stats.count).sum::<u64>();
        }
        Ok(Some(count))
    }

    /// `None` when series of the bucket have shards of different lengths.
    fn head_places(&self, bucket: BucketId, field: FieldId, range: TimeRange) -> Option<Heads> {
        let mut heads = Heads::default();
        for head in &self.heads {
            let view = head.read();
            for (series, points) in view.all_series(bucket) {
                let shard_ns = points.shard_ns();
                if *heads.shard_ns.get_or_insert(shard_ns) != shard_ns {
                    return None;
                }
                let Some(run) = points.page_rows() else {
                    heads.large.insert(series.0);
                    continue;
                };
                let Some(column) = run.columns.iter().find(|column| column.field == field) else {
                    continue;
                };
                for (row, time) in run.times.iter().enumerate() {
                    if range.contains(*time) && column.has(row) {
                        let place = (shard_of(*time, shard_ns).0, page::group_of(series));
                        let places = heads.places.entry(place).or_default();
                        places.push((series.0, *time));
                    }
                }
            }
        }
        Some(heads)
    }

    fn series_with_blocks(
        &self,
        bucket: BucketId,
        shard: i64,
        field: FieldId,
    ) -> Result<RoaringBitmap, StorageError> {
        let mut found = RoaringBitmap::new();
        let mut key = BlockKey {
            bucket,
            shard,
            field,
            series: SeriesId(0),
            first_time: i64::MIN,
            generation: 0,
        };
        let from = key.encode();
        let end = keys::after_prefix(&keys::blocks_of_field(bucket, shard, field));
        let mut cursor = self.store.cursor(families::BLOCKS, end.as_deref())?;
        cursor.seek(&from);
        let mut steps = 0;
        while let Some((raw, _)) = cursor.item() {
            let series = BlockKey::decode(raw).map(|key| key.series);
            let Some(series) = series.filter(|series| series.0 < u32::MAX) else {
                break;
            };
            steps = if found.insert(series.0) { 0 } else { steps + 1 };
            if steps < STEPS_MAX {
                cursor.next();
            } else {
                key.series = SeriesId(series.0 + 1);
                cursor.seek(&key.encode());
                steps = 0;
            }
        }
        cursor.finish()?;
        Ok(found)
    }
}

/// One group of one shard while it is counted.
#[derive(Default)]
struct Group {
    key: Option<GroupKey>,
    /// That may be there more than once.
    places: Vec<Place>,
}

impl Group {
    fn add(
        &mut self,
        key: &PageKey,
        bytes: &[u8],
        field: FieldId,
        range: TimeRange,
    ) -> Result<(), StorageError> {
        let (_, first_time, last_time) =
            page::peek(bytes).map_err(|error| pages::damaged(key, &error))?;
        if !range.overlaps(first_time, last_time) {
            return Ok(());
        }
        let found = page::decode_field_times(key.group, key.generation, bytes, field);
        let found = found.map_err(|error| pages::damaged(key, &error))?;
        let Some((runs, times)) = found else {
            return Ok(());
        };
        for run in &runs {
            let times = times.get(run.range()).unwrap_or_default();
            let inside = times.iter().filter(|time| range.contains(**time));
            self.places.extend(inside.map(|time| (run.series.0, *time)));
        }
        Ok(())
    }

    fn end(&mut self, except: &RoaringBitmap) -> u64 {
        distinct(std::mem::take(&mut self.places), except)
    }
}

/// Number of different places, without those of some series.
fn distinct(mut places: Vec<Place>, except: &RoaringBitmap) -> u64 {
    if let Some((series, _)) = places.first() {
        let first = series / GROUP_SERIES * GROUP_SERIES;
        if except.range_cardinality(first..first.saturating_add(GROUP_SERIES)) > 0 {
            places.retain(|(series, _)| !except.contains(*series));
        }
    }
    places.sort_unstable();
    places.dedup();
    places.len() as u64
}
