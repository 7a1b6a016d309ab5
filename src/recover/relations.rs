//! Records that belong together: a series' key, its number, its fields, its postings; a field's name; a
//! shard's record. What went missing is made anew from what is left, as well as that is possible.

use super::contents::{BucketContents, Contents};
use super::{RecoverError, Report};
use crate::engine::shards::{Covered, Shards};
use crate::ingest::journal::{self, EntryError};
use crate::model::{BucketId, FieldId, FieldType, SeriesId, SeriesKey};
use crate::series::fields::{FieldRegistry, SchemaScope, decode_ids, encode_ids};
use crate::series::table::index_keys;
use crate::storage::{StorageError, Store, families, keys, postings};
use roaring::RoaringBitmap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Of what has no name left.
const NAME: &str = "recovered";
const GROUP_BYTES: usize = 1 << 20;

/// Measurement, name and type by number.
type Fields = BTreeMap<FieldId, (String, String, FieldType)>;

pub fn mend(
    store: &Arc<Store>,
    contents: &mut Contents,
    report: &mut Report,
) -> Result<(), RecoverError> {
    for bucket in buckets(store, contents)? {
        let found = contents.by_bucket.entry(bucket).or_default();
        let mut mending = Mending {
            store,
            bucket,
            fields: fields_of(store, bucket)?,
            found,
            report,
        };
        let known = mending.series()?;
        mending.fields()?;
        mending.descriptions()?;
        mending.postings(&known)?;
    }
    shards(store, contents)?;
    journal(store, report)
}

fn buckets(store: &Store, contents: &Contents) -> Result<Vec<BucketId>, StorageError> {
    let mut buckets: Vec<BucketId> = contents.by_bucket.keys().copied().collect();
    let mut cursor = store.cursor(families::SERIES, None)?;
    let mut from = Vec::new();
    loop {
        cursor.seek(&from);
        let found = cursor.item().and_then(|(key, _)| keys::bucket_of(key));
        let Some(bucket) = found else { break };
        buckets.push(bucket);
        match keys::bucket_end(bucket) {
            Some(end) => from = end.to_vec(),
            None => break,
        }
    }
    cursor.finish()?;
    buckets.sort_unstable();
    buckets.dedup();
    Ok(buckets)
}

fn fields_of(store: &Store, bucket: BucketId) -> Result<Fields, StorageError> {
    let mut fields = Fields::new();
    let prefix = keys::schema_fields(bucket);
    let end = keys::after_prefix(&prefix);
    store.scan(families::SCHEMA, &prefix, end.as_deref(), |key, value| {
        let id = value.try_into().ok().map(u32::from_be_bytes);
        if let (Some(field), Some(id)) = (keys::decode_schema_field(key), id) {
            fields.insert(FieldId(id), field);
        }
        true
    })?;
    Ok(fields)
}

struct Mending<'a> {
    store: &'a Store,
    bucket: BucketId,
    fields: Fields,
    found: &'a BucketContents,
    report: &'a mut Report,
}

impl Mending<'_> {
    fn mended(&mut self, what: &str) {
        let bucket = self.bucket;
        self.report.mended.push(format!("bucket {bucket}: {what}"));
    }

    /// Makes sure that each series has its key by number and its number by key. Returns all numbers.
    fn series(&mut self) -> Result<RoaringBitmap, StorageError> {
        let (store, bucket) = (self.store, self.bucket);
        let (mut by_id, mut by_key) = (BTreeMap::new(), BTreeMap::new());
        let start = keys::bucket_start(bucket);
        let end = keys::bucket_end(bucket);
        let end = end.as_ref().map(<[u8; 8]>::as_slice);
        // First the numbers only: the keys of a million series need not be in memory.
        store.scan(families::SERIES, &start, end, |key, value| {
            if let Some(id) = keys::decode_series_by_id(key) {
                by_id.insert(id.0, ());
            } else if let Ok(id) = value.try_into() {
                by_key.insert(u32::from_be_bytes(id), ());
            }
            true
        })?;
        let mut group = store.group();
        let mut mended = 0;
        store.scan(families::SERIES, &start, end, |key, value| {
            if let Some(id) = keys::decode_series_by_id(key) {
                if !by_key.contains_key(&id.0) {
                    group.put(
                        families::SERIES,
                        keys::series_by_key(bucket, value),
                        id.0.to_be_bytes(),
                    );
                    mended += 1;
                }
            } else if let (Some((_, series)), Ok(id)) =
                (keys::decode_series_by_key(key), value.try_into())
            {
                let id = u32::from_be_bytes(id);
                if !by_id.contains_key(&id) {
                    group.put(
                        families::SERIES,
                        keys::series_by_id(bucket, SeriesId(id)),
                        series,
                    );
                    mended += 1;
                }
            }
            true
        })?;
        store.write(group, false)?;
        if mended > 0 {
            self.mended(&format!(
                "{mended} halves of series records made from the other half"
            ));
        }
        let mut known: RoaringBitmap = by_id.into_keys().chain(by_key.into_keys()).collect();
        let unknown = &self.found.series - &known;
        if !unknown.is_empty() {
            self.unknown_series(&unknown)?;
            known |= unknown;
        }
        Ok(known)
    }

    /// Keys of series that no record tells, from the postings they are in.
    fn unknown_series(&mut self, unknown: &RoaringBitmap) -> Result<(), StorageError> {
        let (store, bucket) = (self.store, self.bucket);
        let mut parts: BTreeMap<u32, (String, BTreeMap<String, String>)> = BTreeMap::new();
        let start = keys::bucket_start(bucket);
        let end = keys::bucket_end(bucket);
        let end = end.as_ref().map(<[u8; 8]>::as_slice);
        store.scan(families::INDEX, &start, end, |key, value| {
            let (Some((measurement, tag)), Some(ids)) =
                (keys::decode_index(key), postings::decode(value))
            else {
                return true;
            };
            for id in &(ids & unknown) {
                let (of, tags) = parts.entry(id).or_default();
                of.clone_from(&measurement);
                tags.extend(tag.clone());
            }
            true
        })?;
        let mut group = store.group();
        let (mut whole, mut nameless) = (0, 0);
        for id in unknown {
            let (measurement, mut tags) = parts.remove(&id).unwrap_or_default();
            let named = !measurement.is_empty();
            let measurement = match named {
                true => measurement,
                false => self.measurement_of(SeriesId(id)),
            };
            let key = |tags: &BTreeMap<String, String>| {
                SeriesKey::new(
                    &measurement,
                    tags.iter().map(|(k, v)| (k.as_str(), v.as_str())),
                )
            };
            let by_key = keys::series_by_key(bucket, key(&tags).as_bytes());
            if named && store.get(families::SERIES, &by_key)?.is_none() {
                whole += 1;
            } else {
                tags.insert(NAME.to_owned(), id.to_string());
                nameless += 1;
            }
            let key = key(&tags);
            group.put(
                families::SERIES,
                keys::series_by_key(bucket, key.as_bytes()),
                id.to_be_bytes(),
            );
            group.put(
                families::SERIES,
                keys::series_by_id(bucket, SeriesId(id)),
                key.as_bytes(),
            );
            // One by one, so that the next one sees which keys are taken.
            store.write(std::mem::replace(&mut group, store.group()), false)?;
        }
        if whole > 0 {
            self.mended(&format!(
                "{whole} series records made from the index of tags"
            ));
        }
        if nameless > 0 {
            self.mended(&format!(
                "{nameless} series whose tags nothing tells have a tag {NAME} with their number"
            ));
        }
        Ok(())
    }

    /// By a field of the series.
    fn measurement_of(&self, series: SeriesId) -> String {
        let told = self.found.fields_of.get(&series);
        let told = told
            .into_iter()
            .flatten()
            .find_map(|id| self.fields.get(id));
        told.map_or_else(|| NAME.to_owned(), |(measurement, ..)| measurement.clone())
    }

    /// Names for fields that have none.
    fn fields(&mut self) -> Result<(), StorageError> {
        let mut group = self.store.group();
        let mut made = Vec::new();
        for (id, (field_type, series)) in &self.found.fields {
            let (Some(field_type), None) = (field_type, self.fields.get(id)) else {
                continue;
            };
            let key = keys::series_by_id(self.bucket, *series);
            let key = self.store.get(families::SERIES, &key)?;
            let key = key.and_then(|key| SeriesKey::from_bytes(&key).ok());
            let measurement =
                key.map_or_else(|| NAME.to_owned(), |key| key.measurement().to_owned());
            let name = format!("{NAME}_{}", id.0);
            let record = keys::schema_field(self.bucket, &measurement, &name, *field_type);
            group.put(families::SCHEMA, record, id.0.to_be_bytes());
            made.push(format!(
                "a field of {measurement} whose name is lost is called {name}"
            ));
        }
        self.store.write(group, false)?;
        made.iter().for_each(|what| self.mended(what));
        Ok(())
    }

    /// Which fields a series has: those that are recorded, and those that it has points of.
    fn descriptions(&mut self) -> Result<(), StorageError> {
        let mut group = self.store.group();
        let mut mended = 0;
        for (series, fields) in &self.found.fields_of {
            let key = keys::schema_of_series(self.bucket, *series);
            let before = self.store.get(families::SCHEMA, &key)?.unwrap_or_default();
            let mut all = decode_ids(&before).unwrap_or_default();
            let known = all.len();
            all.extend(
                fields
                    .iter()
                    .filter(|id| !all.contains(id))
                    .copied()
                    .collect::<Vec<_>>(),
            );
            if all.len() > known {
                group.put(families::SCHEMA, key, encode_ids(all));
                mended += 1;
            }
        }
        self.store.write(group, false)?;
        if mended > 0 {
            self.mended(&format!(
                "the fields of {mended} series told by their points"
            ));
        }
        Ok(())
    }

    /// Enters all series into the index again: where they are already that changes nothing.
    fn postings(&mut self, known: &RoaringBitmap) -> Result<(), StorageError> {
        let mut group = self.store.group();
        for id in known.iter().map(SeriesId) {
            let record = keys::series_by_id(self.bucket, id);
            let Some(key) = self.store.get(families::SERIES, &record)? else {
                continue;
            };
            let Ok(key) = SeriesKey::from_bytes(&key) else {
                continue;
            };
            for posting in index_keys(self.bucket, &key) {
                group.merge(families::INDEX, posting, postings::encode_ids(&[id]));
            }
            if group.bytes() > GROUP_BYTES {
                self.store
                    .write(std::mem::replace(&mut group, self.store.group()), false)?;
            }
        }
        self.store.write(group, false)
    }
}

fn shards(store: &Store, contents: &Contents) -> Result<(), StorageError> {
    let shards = Shards::load(store)?;
    let mut covered = Covered::default();
    let mut group = store.group();
    for (bucket, found) in &contents.by_bucket {
        for shard in found.shards.values() {
            shards.cover(*bucket, *shard, &mut covered, &mut group);
        }
    }
    store.write(group, false)
}

/// Takes out entries that could not be replayed.
fn journal(store: &Arc<Store>, report: &mut Report) -> Result<(), RecoverError> {
    let registry = FieldRegistry::new(Arc::clone(store), SchemaScope::Series);
    let mut group = store.group();
    store.scan(families::JOURNAL, &[], None, |key, bytes| {
        let is_deletion = journal::header(bytes).is_ok_and(|header| header.deletion);
        if is_deletion {
            return true;
        }
        let decoded = journal::decode::<EntryError>(bytes, |bucket, ids| {
            let set = registry.set_of(bucket, ids);
            set.map_err(|_| EntryError::Content("the schema can't be read"))
        });
        if let Err(error) = decoded {
            group.delete(families::JOURNAL, key);
            if let Some((writer, sequence)) = keys::decode_journal(key) {
                let line = format!("entry {sequence} of journal {writer}: {error}");
                report.lost.push(line);
            }
        }
        true
    })?;
    Ok(store.write(group, false)?)
}
