//! A writer's table of series: known ones in memory, others from the store, new ones created.
//!
//! In memory a series is the 128-bit hash of its key, seeded anew by each process, with its id and fields:
//! about 45 bytes, so that a million series stay cached. The store has the keys themselves.

use super::fields::{FieldDef, FieldRegistry, FieldSet};
use super::ids::SeriesIds;
use crate::model::{BucketId, FieldId, FieldType, SeriesId, SeriesKey};
use crate::storage::{StorageError, Store, WriteGroup, families, keys, postings};
use hashbrown::{HashMap, HashTable};
use std::collections::BTreeMap;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// Beyond this the entries become the older half of the cache, and what is not used until the next time is
/// forgotten.
const YOUNG_MAX: usize = 600_000;

#[derive(Debug, Clone)]
pub struct SeriesEntry {
    hash: u128,
    pub id: SeriesId,
    pub fields: Arc<FieldSet>,
}

/// Entries by hash.
#[derive(Default)]
struct Entries {
    places: HashTable<u32>,
    entries: Vec<SeriesEntry>,
}

impl Entries {
    fn find(&self, hash: u128) -> Option<usize> {
        let entries = &self.entries;
        let same = |place: &u32| {
            let entry = entries.get(*place as usize);
            entry.is_some_and(|entry| entry.hash == hash)
        };
        let place = self.places.find(short(hash), same)?;
        Some(*place as usize)
    }

    fn insert(&mut self, entry: SeriesEntry) -> usize {
        let place = self.entries.len();
        let hash = entry.hash;
        self.entries.push(entry);
        let entries = &self.entries;
        let hash_of = |place: &u32| {
            let entry = entries.get(*place as usize);
            entry.map_or(0, |entry| short(entry.hash))
        };
        // Far fewer than 2^32: see YOUNG_MAX.
        let number = u32::try_from(place).unwrap_or(u32::MAX);
        self.places.insert_unique(short(hash), number, hash_of);
        place
    }

    fn clear(&mut self) {
        self.places.clear();
        self.entries.clear();
    }
}

/// Half of the hash: enough to find a place by.
fn short(hash: u128) -> u64 {
    (hash >> 64) as u64
}

/// What a lookup found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Place in the table.
    At(usize),
    /// The bucket has as many series as it may.
    Full { limit: u32 },
}

pub struct SeriesTable {
    store: Arc<Store>,
    fields: Arc<FieldRegistry>,
    ids: Arc<SeriesIds>,
    seed: u64,
    young: Entries,
    old: Entries,
    /// Buckets of which each series of this writer is in memory, so that what is not there is new.
    complete: HashMap<BucketId, bool>,
    /// Something was forgotten since the start.
    forgetful: bool,
    /// New series and postings of the group being built.
    new: Vec<(BucketId, SeriesId, SeriesKey)>,
    postings: BTreeMap<Vec<u8>, Vec<SeriesId>>,
    removed: BTreeMap<Vec<u8>, Vec<SeriesId>>,
    created: u64,
}

impl SeriesTable {
    pub fn new(store: Arc<Store>, fields: Arc<FieldRegistry>, ids: Arc<SeriesIds>) -> Self {
        Self {
            store,
            fields,
            ids,
            seed: random_seed(),
            young: Entries::default(),
            old: Entries::default(),
            complete: HashMap::new(),
            forgetful: false,
            new: Vec::new(),
            postings: BTreeMap::new(),
            removed: BTreeMap::new(),
            created: 0,
        }
    }

    pub fn get(&self, place: usize) -> Option<&SeriesEntry> {
        self.young.entries.get(place)
    }

    /// Series created since the last call.
    pub fn take_created(&mut self) -> u64 {
        std::mem::take(&mut self.created)
    }

    /// Finds the series, or creates it: [`Self::put_changes`] puts it into the group.
    pub fn find_or_create(
        &mut self,
        bucket: BucketId,
        key: &SeriesKey,
    ) -> Result<Found, StorageError> {
        let hash = xxh3_128_with_seed(key.as_bytes(), self.seed ^ bucket.get());
        if let Some(place) = self.young.find(hash) {
            return Ok(Found::At(place));
        }
        if let Some(place) = self.old.find(hash)
            && let Some(entry) = self.old.entries.get(place)
        {
            return Ok(Found::At(self.young.insert(entry.clone())));
        }
        let stored = if self.is_complete(bucket)? {
            None
        } else {
            let by_key = keys::series_by_key(bucket, key.as_bytes());
            self.store.get(families::SERIES, &by_key)?
        };
        let (id, fields) = match stored {
            Some(value) => {
                let id = decode_id(&value, key)?;
                (id, self.load_fields(bucket, id)?)
            }
            None => match self.create(bucket, key)? {
                Some(id) => (id, Arc::new(FieldSet::default())),
                None => {
                    return Ok(Found::Full {
                        limit: self.ids.limit(),
                    });
                }
            },
        };
        Ok(Found::At(self.young.insert(SeriesEntry {
            hash,
            id,
            fields,
        })))
    }

    fn is_complete(&mut self, bucket: BucketId) -> Result<bool, StorageError> {
        if let Some(complete) = self.complete.get(&bucket) {
            return Ok(*complete);
        }
        let complete = !self.forgetful && self.ids.began_empty(bucket)?;
        self.complete.insert(bucket, complete);
        Ok(complete)
    }

    /// Finds a series by its number: its key and its place.
    pub fn find_by_id(
        &mut self,
        bucket: BucketId,
        id: SeriesId,
    ) -> Result<Option<(SeriesKey, usize)>, StorageError> {
        let Some(key) = self
            .store
            .get(families::SERIES, &keys::series_by_id(bucket, id))?
        else {
            return Ok(None);
        };
        let key = SeriesKey::from_bytes(&key).map_err(|error| StorageError::Corrupt {
            what: "series key",
            position: format!("bucket {bucket} series {}", id.0),
            detail: error.to_string(),
        })?;
        match self.find_or_create(bucket, &key)? {
            Found::At(place) => Ok(Some((key, place))),
            Found::Full { .. } => Ok(None),
        }
    }

    /// Gives a series a field that it does not have. `Err(type)` when its measurement forbids the type.
    pub fn define_field(
        &mut self,
        bucket: BucketId,
        key: &SeriesKey,
        name: &str,
        field_type: FieldType,
    ) -> Result<Result<FieldDef, FieldType>, StorageError> {
        self.fields
            .ensure(bucket, key.measurement(), name, field_type)
    }

    /// Replaces a series' fields, in the group and in memory.
    pub fn set_fields(
        &mut self,
        bucket: BucketId,
        place: usize,
        defined: &[FieldDef],
        group: &mut WriteGroup<'_>,
    ) -> Result<(), StorageError> {
        let Some(entry) = self.young.entries.get_mut(place) else {
            return Ok(());
        };
        let ids = entry
            .fields
            .fields
            .iter()
            .chain(defined)
            .map(|field| field.id)
            .collect();
        entry.fields = self.fields.set_of(bucket, ids)?;
        let key = keys::schema_of_series(bucket, entry.id);
        group.put(families::SCHEMA, key, entry.fields.encode());
        Ok(())
    }

    /// All fields that a series ever had.
    pub fn field_ids(&self, place: usize) -> Vec<FieldId> {
        let fields = self.get(place).map(|entry| &entry.fields.fields);
        fields.map_or_else(Vec::new, |fields| fields.iter().map(|f| f.id).collect())
    }

    /// Deletes the records of a series in the group; `forget` must follow when it is committed.
    pub fn put_removal(
        &mut self,
        bucket: BucketId,
        id: SeriesId,
        key: &SeriesKey,
        group: &mut WriteGroup<'_>,
    ) {
        let by_key = keys::series_by_key(bucket, key.as_bytes());
        group.delete(families::SERIES, by_key);
        group.delete(families::SERIES, keys::series_by_id(bucket, id));
        group.delete(families::SCHEMA, keys::schema_of_series(bucket, id));
        for key in index_keys(bucket, key) {
            self.removed.entry(key).or_default().push(id);
        }
    }

    /// Forgets what is known of the series of a bucket, `dropped` of which are no more.
    pub fn forget(&mut self, bucket: BucketId, dropped: usize) {
        self.clear();
        self.ids.dropped(bucket, dropped);
    }

    /// Adds the records and postings of the series created and removed since the last call to the group: in the
    /// order of their keys, as a memtable takes them far sooner than scattered ones.
    pub fn put_changes(&mut self, group: &mut WriteGroup<'_>) {
        for (bucket, id, key) in &self.new {
            let by_id = keys::series_by_id(*bucket, *id);
            group.put(families::SERIES, by_id, key.as_bytes());
        }
        self.new
            .sort_unstable_by(|a, b| (a.0, &a.2).cmp(&(b.0, &b.2)));
        for (bucket, id, key) in self.new.drain(..) {
            let by_key = keys::series_by_key(bucket, key.as_bytes());
            group.put(families::SERIES, by_key, id.0.to_be_bytes());
        }
        for (key, ids) in std::mem::take(&mut self.postings) {
            group.merge(families::INDEX, key, postings::encode_ids(&ids));
        }
        for (key, ids) in std::mem::take(&mut self.removed) {
            group.merge(families::INDEX, key, postings::encode_removal(&ids));
        }
    }

    /// After a failed commit: what was created in it must not be remembered.
    pub fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
        self.complete.clear();
        self.forgetful = true;
        self.new.clear();
        self.postings.clear();
        self.removed.clear();
    }

    /// To be called between groups.
    pub fn shrink(&mut self) {
        if self.young.entries.len() > YOUNG_MAX {
            std::mem::swap(&mut self.young, &mut self.old);
            if !self.young.entries.is_empty() {
                self.young.clear();
                self.complete.clear();
                self.forgetful = true;
            }
        }
    }

    fn create(
        &mut self,
        bucket: BucketId,
        key: &SeriesKey,
    ) -> Result<Option<SeriesId>, StorageError> {
        let Some(id) = self.ids.next(bucket)? else {
            return Ok(None);
        };
        self.new.push((bucket, id, key.clone()));
        for key in index_keys(bucket, key) {
            self.postings.entry(key).or_default().push(id);
        }
        self.created += 1;
        Ok(Some(id))
    }

    fn load_fields(&self, bucket: BucketId, id: SeriesId) -> Result<Arc<FieldSet>, StorageError> {
        match self
            .store
            .get(families::SCHEMA, &keys::schema_of_series(bucket, id))?
        {
            Some(value) => self.fields.decode_set(bucket, &value),
            None => Ok(Arc::new(FieldSet::default())),
        }
    }
}

/// Unknown to those who choose series keys. Without randomness nothing worse than that is lost.
fn random_seed() -> u64 {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes),
        Err(_) => 0x9e37_79b9_7f4a_7c15,
    }
}

/// Postings that a series is in: its measurement's and its tag values'.
pub fn index_keys(bucket: BucketId, key: &SeriesKey) -> impl Iterator<Item = Vec<u8>> {
    let (measurement, tags) = key.parts();
    let values = tags
        .into_iter()
        .map(move |(tag, value)| keys::index_value(bucket, measurement, tag, value));
    std::iter::once(keys::index_measurement(bucket, measurement)).chain(values)
}

fn decode_id(value: &[u8], key: &SeriesKey) -> Result<SeriesId, StorageError> {
    value
        .try_into()
        .map(u32::from_be_bytes)
        .map(SeriesId)
        .map_err(|_| StorageError::Corrupt {
            what: "series record",
            position: format!("{key:?}"),
            detail: format!("its id has {} bytes", value.len()),
        })
}
