//! Merging pages: many small ones of a group become few large ones, and a series that has gathered enough
//! rows gets blocks.
//!
//! Pages are merged when [`PAGES_MIN`] of one level have come together, so that a row is rewritten once a
//! level. Each run keeps its generation; what is newer still wins, whatever it is merged with.

use super::block::BlockHeader;
use super::chunk;
use super::page::{Page, PageRun};
use super::pages::Rewriting;
use super::run::Run;
use super::shards::{Covered, Shard, Shards};
use crate::model::{BucketId, FieldId, SeriesId};
use crate::storage::keys::{BlockKey, PageKey};
use crate::storage::{StorageError, Store, WriteGroup, families};
use hashbrown::HashMap;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Pages of one level that are merged.
pub const PAGES_MIN: usize = 8;

/// When to merge.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    pub pages_min: usize,
    /// Rows with which a series leaves its page: what a good block has.
    pub block_rows_min: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            pages_min: PAGES_MIN,
            block_rows_min: 512,
        }
    }
}

/// Rows and bytes at which a merged page is ended.
const ROWS_MAX: usize = 32 << 10;
const BYTES_MAX: usize = 4 << 20;

/// The pages of one group of series in one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupPlace {
    pub bucket: BucketId,
    /// Start of the shard.
    pub shard: i64,
    pub group: u32,
}

/// Merges what there is enough of. Returns the number of pages that went.
pub fn merge_group(
    store: &Store,
    shards: &Shards,
    rewriting: &Rewriting<'_>,
    place: GroupPlace,
    rules: Rules,
) -> Result<usize, StorageError> {
    let pages = rewriting.group(place.bucket, place.shard, place.group)?;
    let mut by_fields: BTreeMap<Vec<FieldId>, Vec<(PageKey, Page)>> = BTreeMap::new();
    let mut generations: HashMap<SeriesId, Vec<u64>> = HashMap::new();
    for (key, page) in pages {
        for run in &page.runs {
            generations
                .entry(run.series)
                .or_default()
                .push(run.generation);
        }
        let mut fields: Vec<FieldId> = page.rows.columns.iter().map(|c| c.field).collect();
        fields.sort_unstable();
        by_fields.entry(fields).or_default().push((key, page));
    }
    let mut merge = Merge {
        store,
        shards,
        place,
        rules,
        generations,
        group: store.group(),
        covered: Covered::default(),
    };
    let mut gone = 0;
    for mut inputs in by_fields.into_values() {
        let of_level = |level: u8| {
            inputs
                .iter()
                .filter(|(_, page)| page.level == level)
                .count()
        };
        let level = (0..u8::MAX)
            .rev()
            .find(|level| of_level(*level) >= rules.pages_min);
        if let Some(level) = level {
            inputs.retain(|(_, page)| page.level <= level);
            gone += merge.merge(&inputs, level.saturating_add(1))?;
        }
    }
    store.write(merge.group, false)?;
    Ok(gone)
}

struct Merge<'a> {
    store: &'a Store,
    shards: &'a Shards,
    place: GroupPlace,
    rules: Rules,
    /// Of all runs of the group, by series.
    generations: HashMap<SeriesId, Vec<u64>>,
    group: WriteGroup<'a>,
    covered: Covered,
}

/// A run of one of the input pages.
type Input<'a> = (&'a Page, PageRun);

impl Merge<'_> {
    /// Merges pages with the same fields.
    fn merge(&mut self, inputs: &[(PageKey, Page)], level: u8) -> Result<usize, StorageError> {
        let mut by_series: BTreeMap<SeriesId, Vec<Input<'_>>> = BTreeMap::new();
        for (key, page) in inputs {
            self.group.delete(families::PAGES, key.encode());
            for run in &page.runs {
                by_series.entry(run.series).or_default().push((page, *run));
            }
        }
        // Newest first: a merged page takes the place of one that it was made of.
        let mut keys: Vec<PageKey> = inputs.iter().map(|(key, _)| *key).collect();
        keys.sort_unstable_by_key(|key| key.generation);
        let mut written = 0;
        let mut out: Option<(PageKey, Page)> = None;
        for (series, mut runs) in by_series {
            runs.sort_by_key(|(_, run)| run.generation);
            let rows: usize = runs.iter().map(|(_, run)| run.rows).sum();
            if rows >= self.rules.block_rows_min && self.put_blocks(series, &runs)? {
                continue;
            }
            let full =
                |page: &Page| page.rows.len() >= ROWS_MAX || page.rows.heap_bytes() >= BYTES_MAX;
            if !keys.is_empty()
                && let Some((key, page)) = out.take_if(|(_, page)| full(page))
            {
                self.group.put(families::PAGES, key.encode(), page.encode());
                written += 1;
            }
            if out.is_none() {
                // Only a page for which there is another key is ended.
                let Some(key) = keys.pop() else { break };
                let mut page = Page::new(key.group, key.generation);
                page.level = level;
                out = Some((key, page));
            }
            let Some((_, page)) = &mut out else { break };
            for (from, run) in runs {
                page.copy_run(from, run);
            }
        }
        if let Some((key, page)) = out {
            self.group.put(families::PAGES, key.encode(), page.encode());
            written += 1;
        }
        Ok(inputs.len().saturating_sub(written))
    }

    /// `false` when a block of the series, or a run in another page, is neither older nor newer than all of
    /// its rows here.
    fn put_blocks(&mut self, series: SeriesId, runs: &[Input<'_>]) -> Result<bool, StorageError> {
        let (Some((_, oldest)), Some((_, newest))) = (runs.first(), runs.last()) else {
            return Ok(false);
        };
        let between = oldest.generation..=newest.generation;
        let all = self.generations.get(&series).map_or(0, |generations| {
            let inside = generations.iter().filter(|g| between.contains(g));
            inside.count()
        });
        if all > runs.len() {
            return Ok(false);
        }
        let mut rows = Run::default();
        for (page, run) in runs {
            for row in run.range() {
                let time = page.rows.times.get(row).copied().unwrap_or_default();
                page.copy_row(row, time, &mut rows);
            }
        }
        for column in &rows.columns {
            if self.has_between(series, column.field, &between)? {
                return Ok(false);
            }
        }
        let mut chunks = Vec::new();
        let generation = || newest.generation;
        chunk::encode_rows(
            &rows,
            &rows.sorted_rows(),
            i64::MAX,
            generation,
            &mut chunks,
        );
        for chunk in &mut chunks {
            chunk.shard = self.place.shard;
            let shard = Shard {
                start: self.place.shard,
                end: self.place.shard,
                longest_block_ns: chunk.last_time.saturating_sub(chunk.first_time),
                pages: true,
            };
            let covered = &mut self.covered;
            self.shards
                .cover(self.place.bucket, shard, covered, &mut self.group);
            for (key, bytes) in chunk.records(self.place.bucket, series) {
                self.group.put(families::BLOCKS, key.encode(), bytes);
            }
        }
        let GroupPlace { bucket, shard, .. } = self.place;
        self.shards.note_blocks(bucket, shard, chunks.len());
        Ok(true)
    }

    /// Whether a block of the field has one of these generations.
    fn has_between(
        &self,
        series: SeriesId,
        field: FieldId,
        between: &RangeInclusive<u64>,
    ) -> Result<bool, StorageError> {
        let mut key = BlockKey {
            bucket: self.place.bucket,
            shard: self.place.shard,
            field,
            series,
            first_time: i64::MIN,
            generation: 0,
        };
        let from = key.encode();
        key.first_time = i64::MAX;
        key.generation = u64::MAX;
        let to = key.encode();
        let mut found = false;
        self.store
            .scan(families::BLOCKS, &from, Some(&to), |key, bytes| {
                let generation = BlockKey::decode(key).map(|key| key.generation);
                // What can't be read is left alone.
                let readable = BlockHeader::parse(bytes).is_ok();
                found = !readable || generation.is_none_or(|g| between.contains(&g));
                !found
            })?;
        Ok(found)
    }
}
