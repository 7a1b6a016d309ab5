//! What the points of a salvaged database refer to; what of them can't be read is taken out.

use crate::engine::block::BlockHeader;
use crate::engine::page::{GROUP_SERIES, Page};
use crate::engine::scan::check_block;
use crate::engine::seal::Watermark;
use crate::engine::shards::Shard;
use crate::engine::source::SourceError;
use crate::ingest::journal;
use crate::model::{BucketId, FieldId, FieldType, SeriesId};
use crate::storage::keys::{BlockKey, PageKey};
use crate::storage::salvage::Gap;
use crate::storage::{StorageError, Store, WriteGroup, families, keys};
use hashbrown::HashMap;
use roaring::RoaringBitmap;
use std::collections::BTreeMap;

/// Of one bucket.
#[derive(Default)]
pub struct BucketContents {
    pub series: RoaringBitmap,
    /// Type, where a block or page tells it, and one of the series that have it.
    pub fields: BTreeMap<FieldId, (Option<FieldType>, SeriesId)>,
    /// Fields of the series that have no record of them to rely on.
    pub fields_of: HashMap<SeriesId, Vec<FieldId>>,
    /// Series with a record of their fields.
    pub described: RoaringBitmap,
    pub shards: BTreeMap<i64, Shard>,
}

#[derive(Default)]
pub struct Contents {
    pub by_bucket: BTreeMap<BucketId, BucketContents>,
    highest_generation: u64,
    highest_sequence: u64,
    writers: u16,
}

impl BucketContents {
    fn refer(&mut self, series: SeriesId, field: FieldId, field_type: Option<FieldType>) {
        self.series.insert(series.0);
        let known = self.fields.entry(field).or_insert((None, series));
        known.0 = known.0.or(field_type);
        if !self.described.contains(series.0) {
            let fields = self.fields_of.entry(series).or_default();
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
    }

    fn cover(&mut self, start: i64, first_time: i64, last_time: i64, pages: bool) {
        let shard = self.shards.entry(start).or_insert(Shard {
            start,
            end: start,
            longest_block_ns: -1,
            pages: false,
        });
        shard.end = shard.end.max(last_time.saturating_add(1));
        if pages {
            shard.pages = true;
        } else {
            let length = last_time.saturating_sub(first_time);
            shard.longest_block_ns = shard.longest_block_ns.max(length);
        }
    }
}

impl Contents {
    /// When something was lost already, the records of series' fields may be old ones and are not relied on.
    pub fn check(
        store: &Store,
        something_lost: bool,
        lost: &mut Vec<String>,
    ) -> Result<Self, StorageError> {
        let mut contents = Self::default();
        if !something_lost {
            contents.read_descriptions(store)?;
        }
        let mut group = store.group();
        contents.check_blocks(store, &mut group, lost)?;
        contents.check_pages(store, &mut group, lost)?;
        contents.check_journal(store, &mut group, lost)?;
        store.write(group, false)?;
        Ok(contents)
    }

    /// Buckets that have points.
    pub fn buckets(&self) -> Vec<BucketId> {
        let with_points = self
            .by_bucket
            .iter()
            .filter(|(_, bucket)| !bucket.series.is_empty());
        with_points.map(|(id, _)| *id).collect()
    }

    fn bucket(&mut self, id: BucketId) -> &mut BucketContents {
        self.by_bucket.entry(id).or_default()
    }

    fn read_descriptions(&mut self, store: &Store) -> Result<(), StorageError> {
        store.scan(families::SCHEMA, &[], None, |key, _| {
            if let Some((bucket, series)) = keys::decode_schema_of_series(key) {
                self.bucket(bucket).described.insert(series.0);
            }
            true
        })
    }

    fn check_blocks(
        &mut self,
        store: &Store,
        group: &mut WriteGroup<'_>,
        lost: &mut Vec<String>,
    ) -> Result<(), StorageError> {
        store.scan(families::BLOCKS, &[], None, |key, bytes| {
            let checked = BlockKey::decode(key)
                .ok_or_else(|| format!("{key:02x?}: not a key of a block"))
                .and_then(|place| self.check_block(store, place, bytes));
            if let Err(reason) = checked {
                group.delete(families::BLOCKS, key);
                lost.push(format!("a block: {reason}"));
            }
            true
        })
    }

    fn check_block(&mut self, store: &Store, key: BlockKey, bytes: &[u8]) -> Result<(), String> {
        self.highest_generation = self.highest_generation.max(key.generation);
        if key.field == FieldId(0) {
            // Read with each block that shares it.
            return Ok(());
        }
        let position = describe_block(&key);
        let shared = || {
            let key = BlockKey {
                field: FieldId(0),
                ..key
            };
            let times = store.get(families::BLOCKS, &key.encode());
            times.map_err(|error| SourceError::Storage(error.to_string()))
        };
        check_block(bytes, &position, shared).map_err(|error| error.to_string())?;
        let header = BlockHeader::parse(bytes).map_err(|error| format!("{position}: {error}"))?;
        let bucket = self.bucket(key.bucket);
        bucket.refer(key.series, key.field, Some(header.field_type()));
        bucket.cover(key.shard, header.first_time(), header.last_time(), false);
        Ok(())
    }

    fn check_pages(
        &mut self,
        store: &Store,
        group: &mut WriteGroup<'_>,
        lost: &mut Vec<String>,
    ) -> Result<(), StorageError> {
        store.scan(families::PAGES, &[], None, |key, bytes| {
            let checked = PageKey::decode(key)
                .ok_or_else(|| format!("{key:02x?}: not a key of a page"))
                .and_then(|place| {
                    let page = Page::decode(place.group, place.generation, bytes);
                    page.map(|page| (place, page))
                        .map_err(|error| format!("{place:?}: {error}"))
                });
            match checked {
                Ok((place, page)) => self.refer_page(&place, &page),
                Err(reason) => {
                    group.delete(families::PAGES, key);
                    lost.push(format!("a page: {reason}"));
                }
            }
            true
        })
    }

    fn refer_page(&mut self, key: &PageKey, page: &Page) {
        self.highest_generation = self.highest_generation.max(page.generation);
        let bucket = self.bucket(key.bucket);
        for run in &page.runs {
            for column in &page.rows.columns {
                if run.range().any(|row| column.has(row)) {
                    bucket.refer(run.series, column.field, Some(column.field_type()));
                }
            }
        }
        let times = &page.rows.times;
        let (first, last) = (times.iter().min(), times.iter().max());
        if let (Some(first), Some(last)) = (first, last) {
            bucket.cover(key.shard, *first, *last, true);
        }
    }

    fn check_journal(
        &mut self,
        store: &Store,
        group: &mut WriteGroup<'_>,
        lost: &mut Vec<String>,
    ) -> Result<(), StorageError> {
        store.scan(families::JOURNAL, &[], None, |key, bytes| {
            let Some((writer, sequence)) = keys::decode_journal(key) else {
                group.delete(families::JOURNAL, key);
                lost.push(format!("journal key {key:02x?}: not a key of the journal"));
                return true;
            };
            self.highest_sequence = self.highest_sequence.max(sequence);
            self.writers = self.writers.max(writer.saturating_add(1));
            let outlined = journal::header(bytes).and_then(|header| {
                let pieces = match header.deletion {
                    true => Vec::new(),
                    false => journal::outline(bytes)?,
                };
                Ok((header.bucket, pieces))
            });
            match outlined {
                Ok((bucket, pieces)) => {
                    let bucket = self.bucket(bucket);
                    for (series, fields) in pieces {
                        let fields = fields.into_iter();
                        fields.for_each(|field| bucket.refer(series, field, None));
                    }
                }
                Err(error) => {
                    group.delete(families::JOURNAL, key);
                    lost.push(format!("entry {sequence} of journal {writer}: {error}"));
                }
            }
            true
        })
    }

    /// After a loss: what is written from now on is newer than all there is, and a batch of which one
    /// writer's entry is gone keeps the others.
    pub fn raise_watermarks(&self, store: &Store) -> Result<(), StorageError> {
        let stored = store.get(families::META, keys::META_PARTITIONS)?;
        let stored = stored.and_then(|value| value.as_slice().try_into().ok());
        let writers = stored.map_or(0, u16::from_be_bytes).max(self.writers);
        let mut group = store.group();
        for writer in 0..writers.max(1) {
            let key = keys::meta_watermark(writer);
            let known = store.get(families::META, &key)?;
            let known = known
                .and_then(|value| Watermark::decode(&value))
                .unwrap_or_default();
            let epoch = u32::try_from(self.highest_generation >> 32).unwrap_or(u32::MAX);
            let raised = Watermark {
                sequence: known.sequence.max(self.highest_sequence),
                epoch: known.epoch.max(epoch),
            };
            group.put(families::META, key, raised.encode());
        }
        store.write(group, false)
    }
}

fn describe_block(key: &BlockKey) -> String {
    format!(
        "bucket {}, shard {}, field {}, series {}, from {}",
        key.bucket, key.shard, key.field.0, key.series.0, key.first_time
    )
}

/// Where nothing could be read.
pub fn describe(gap: &Gap) -> String {
    let place = |key: &[u8]| match (gap.family, BlockKey::decode(key), PageKey::decode(key)) {
        ("blocks", Some(key), _) => describe_block(&key),
        ("pages", _, Some(key)) => format!(
            "bucket {}, shard {}, series from {}",
            key.bucket,
            key.shard,
            u64::from(key.group) * u64::from(GROUP_SERIES)
        ),
        ("journal", ..) => match keys::decode_journal(key) {
            Some((writer, sequence)) => format!("entry {sequence} of journal {writer}"),
            None => format!("{}", key.escape_ascii()),
        },
        _ => format!("{}", key.escape_ascii()),
    };
    let after = match gap.after.as_slice() {
        [] => "the start".to_owned(),
        key => place(key),
    };
    let until = match &gap.until {
        None => "the end".to_owned(),
        Some(key) => place(key.get(..gap.after.len().max(8)).unwrap_or(key)),
    };
    format!("{} between {after} and {until}: {}", gap.family, gap.detail)
}
