//! Which series match a predicate: postings narrow the candidates, the predicate decides.

use super::fields::{FieldDef, FieldRegistry, FieldSet};
use super::schemas::Schemas;
use crate::engine::source::{FieldInfo, MeasurementSchema, SeriesInfo, SeriesPredicate, TextMatch};
use crate::model::{BucketId, FieldId, SeriesId, SeriesKey};
use crate::storage::families::Family;
use crate::storage::{StorageError, Store, families, keys, postings};
use hashbrown::HashMap;
use parking_lot::Mutex;
use roaring::RoaringBitmap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Series whose key and fields are kept in memory for queries.
const CACHED_SERIES_MAX: usize = 50_000;
/// Series that are fetched from the store at once.
const FETCH: usize = 1024;
/// Fewer ids are always sought one by one.
const DENSE_MIN: usize = 16;
/// Most records read for each that is wanted.
const DENSE_SPAN: usize = 4;

type Known = (SeriesKey, Arc<FieldSet>);

pub struct SeriesIndex {
    store: Arc<Store>,
    fields: Arc<FieldRegistry>,
    cache: Mutex<HashMap<(BucketId, SeriesId), Known>>,
    /// Raised when a series' fields change; what was read before may not enter the cache after.
    changes: AtomicU64,
    schemas: Schemas,
}

impl SeriesIndex {
    pub fn new(store: Arc<Store>, fields: Arc<FieldRegistry>) -> Self {
        Self {
            store,
            fields,
            cache: Mutex::default(),
            changes: AtomicU64::new(0),
            schemas: Schemas::default(),
        }
    }

    /// To be called after a change of fields was committed.
    pub fn fields_changed(&self, changed: &[(BucketId, SeriesId)]) {
        if changed.is_empty() {
            return;
        }
        let mut cache = self.cache.lock();
        self.changes.fetch_add(1, Ordering::AcqRel);
        for series in changed {
            cache.remove(series);
        }
        drop(cache);
        self.schemas.note(changed);
    }

    pub fn forget_bucket(&self, bucket: BucketId) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        self.cache.lock().retain(|(owner, _), _| *owner != bucket);
        self.schemas.forget_bucket(bucket);
    }

    /// Fields and tag keys of the measurements that match, by name.
    pub fn schemas(
        &self,
        bucket: BucketId,
        measurements: &TextMatch,
    ) -> Result<Vec<Arc<MeasurementSchema>>, StorageError> {
        self.schemas.of(self, bucket, measurements)
    }

    pub(super) fn measurements_matching(
        &self,
        bucket: BucketId,
        wanted: &TextMatch,
    ) -> Result<Vec<String>, StorageError> {
        self.measurements(bucket, &SeriesPredicate::Measurement(wanted.clone()))
    }

    pub(super) fn series_of(
        &self,
        bucket: BucketId,
        measurement: &str,
    ) -> Result<RoaringBitmap, StorageError> {
        self.postings(&keys::index_measurement(bucket, measurement))
    }

    /// Visits the series that there are of `ids`.
    pub(super) fn each_of(
        &self,
        bucket: BucketId,
        ids: impl Iterator<Item = u32>,
        mut visit: impl FnMut(&SeriesKey, &FieldSet),
    ) -> Result<(), StorageError> {
        let mut ids = ids.peekable();
        while ids.peek().is_some() {
            let piece: Vec<u32> = ids.by_ref().take(FETCH).collect();
            for (_, (key, fields)) in self.fetch(bucket, &piece)? {
                visit(&key, &fields);
            }
        }
        Ok(())
    }

    /// Matching series ordered by measurement and tag set.
    pub fn select(
        &self,
        bucket: BucketId,
        predicate: &SeriesPredicate,
    ) -> Result<Vec<SeriesInfo>, StorageError> {
        let by_field = mentions_field(predicate);
        let mut found = Vec::new();
        for measurement in self.measurements(bucket, predicate)? {
            let ids = match self.candidates(bucket, &measurement, predicate)? {
                Some(candidates) => candidates,
                None => self.series_of(bucket, &measurement)?,
            };
            let ids: Vec<u32> = ids.iter().collect();
            for piece in ids.chunks(FETCH) {
                for (id, (key, fields)) in self.fetch(bucket, piece)? {
                    found.extend(matching(id, &key, &fields, predicate, by_field));
                }
            }
        }
        found.sort_by_cached_key(|series| {
            let (measurement, tags) = series.key.parts();
            keys::in_text_order(measurement, &tags)
        });
        Ok(found)
    }

    /// Fields of a measurement with that name: one for each type.
    pub fn fields_named(
        &self,
        bucket: BucketId,
        measurement: &str,
        name: &str,
    ) -> Result<Vec<FieldInfo>, StorageError> {
        let found = self.fields.named(bucket, measurement, name)?;
        Ok(found.iter().map(field_info).collect())
    }

    /// All series of a bucket.
    pub fn all_series(&self, bucket: BucketId) -> Result<RoaringBitmap, StorageError> {
        let mut all = RoaringBitmap::new();
        for measurement in self.measurements(bucket, &SeriesPredicate::All)? {
            all |= self.postings(&keys::index_measurement(bucket, &measurement))?;
        }
        Ok(all)
    }

    /// All fields that a series ever had; none when it is gone.
    pub fn fields_of(
        &self,
        bucket: BucketId,
        series: SeriesId,
    ) -> Result<Vec<FieldId>, StorageError> {
        let found = self.fetch(bucket, &[series.0])?;
        let fields = found
            .first()
            .map(|(_, (_, fields))| fields.fields.iter().map(|field| field.id).collect());
        Ok(fields.unwrap_or_default())
    }

    /// Measurements that the predicate does not rule out, in order.
    fn measurements(
        &self,
        bucket: BucketId,
        predicate: &SeriesPredicate,
    ) -> Result<Vec<String>, StorageError> {
        if let Some(only) = only_measurement(predicate) {
            return Ok(vec![only.to_owned()]);
        }
        let start = keys::bucket_start(bucket);
        let end = keys::bucket_end(bucket);
        let mut cursor = self
            .store
            .cursor(families::INDEX, end.as_ref().map(<[u8; 8]>::as_slice))?;
        cursor.seek(&start);
        let mut measurements = Vec::new();
        while let Some((key, _)) = cursor.item() {
            let Some((measurement, _)) = keys::decode_index(key) else {
                cursor.next();
                continue;
            };
            let prefix = keys::index_measurement(bucket, &measurement);
            if allows_measurement(predicate, &measurement) {
                measurements.push(measurement);
            }
            match keys::after_prefix(&prefix) {
                Some(next) => cursor.seek(&next),
                None => break,
            }
        }
        cursor.finish()?;
        Ok(measurements)
    }

    /// A set that surely holds all matching series of the measurement; `None` when that is all of them.
    fn candidates(
        &self,
        bucket: BucketId,
        measurement: &str,
        predicate: &SeriesPredicate,
    ) -> Result<Option<RoaringBitmap>, StorageError> {
        Ok(match predicate {
            SeriesPredicate::Tag(tag, TextMatch::Equal(value)) if !value.is_empty() => {
                Some(self.postings(&keys::index_value(bucket, measurement, tag, value))?)
            }
            SeriesPredicate::Tag(tag, TextMatch::Regex(regex)) if !regex.is_match("") => {
                Some(self.with_value(bucket, measurement, tag, |value| regex.is_match(value))?)
            }
            SeriesPredicate::TagExists(tag) => {
                Some(self.with_value(bucket, measurement, tag, |_| true)?)
            }
            SeriesPredicate::And(parts) => {
                let mut narrowed: Option<RoaringBitmap> = None;
                // Whether a tag exists takes a look at all of its values: only where nothing else narrows.
                let (exist, others): (Vec<_>, Vec<_>) = parts
                    .iter()
                    .partition(|part| matches!(part, SeriesPredicate::TagExists(_)));
                for part in others.into_iter().chain(exist) {
                    if narrowed.is_some() && matches!(part, SeriesPredicate::TagExists(_)) {
                        break;
                    }
                    if let Some(next) = self.candidates(bucket, measurement, part)? {
                        narrowed = Some(match narrowed {
                            None => next,
                            Some(before) => before & next,
                        });
                    }
                }
                narrowed
            }
            SeriesPredicate::Or(parts) => {
                let mut union = RoaringBitmap::new();
                for part in parts {
                    match self.candidates(bucket, measurement, part)? {
                        Some(next) => union |= next,
                        None => return Ok(None),
                    }
                }
                Some(union)
            }
            _ => None,
        })
    }

    fn with_value(
        &self,
        bucket: BucketId,
        measurement: &str,
        tag: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<RoaringBitmap, StorageError> {
        let prefix = keys::index_tag(bucket, measurement, tag);
        let mut union = RoaringBitmap::new();
        let end = keys::after_prefix(&prefix);
        let mut damaged = None;
        self.store
            .scan(families::INDEX, &prefix, end.as_deref(), |key, value| {
                let Some((_, Some((_, text)))) = keys::decode_index(key) else {
                    return true;
                };
                if wanted(&text) {
                    match postings::decode(value) {
                        Some(ids) => union |= ids,
                        None => damaged = Some(text),
                    }
                }
                damaged.is_none()
            })?;
        match damaged {
            None => Ok(union),
            Some(text) => Err(damaged_posting(&format!("{measurement},{tag}={text}"))),
        }
    }

    /// Values that some series has, sorted.
    pub fn tag_values(
        &self,
        bucket: BucketId,
        measurement: &str,
        tag: &str,
    ) -> Result<Vec<Arc<str>>, StorageError> {
        let prefix = keys::index_tag(bucket, measurement, tag);
        let end = keys::after_prefix(&prefix);
        let mut values: Vec<Arc<str>> = Vec::new();
        let mut damaged = None;
        self.store
            .scan(families::INDEX, &prefix, end.as_deref(), |key, value| {
                let Some((_, Some((_, text)))) = keys::decode_index(key) else {
                    return true;
                };
                match postings::decode(value) {
                    Some(ids) if ids.is_empty() => {}
                    Some(_) => values.push(text.into()),
                    None => damaged = Some(text),
                }
                damaged.is_none()
            })?;
        values.sort_unstable();
        match damaged {
            None => Ok(values),
            Some(text) => Err(damaged_posting(&format!("{measurement},{tag}={text}"))),
        }
    }

    fn postings(&self, key: &[u8]) -> Result<RoaringBitmap, StorageError> {
        match self.store.get(families::INDEX, key)? {
            None => Ok(RoaringBitmap::new()),
            Some(value) => {
                postings::decode(&value).ok_or_else(|| damaged_posting(&format!("{key:02x?}")))
            }
        }
    }

    /// The records of `ids`, which rise, by one scan.
    fn read_dense(
        &self,
        family: Family,
        bucket: BucketId,
        ids: &[SeriesId],
        key_of: impl Fn(BucketId, SeriesId) -> Vec<u8>,
    ) -> Result<Vec<Option<Vec<u8>>>, StorageError> {
        let mut found = Vec::with_capacity(ids.len());
        let (Some(first), Some(last)) = (ids.first(), ids.last()) else {
            return Ok(found);
        };
        let end = keys::after_prefix(&key_of(bucket, *last));
        let mut wanted = ids.iter().map(|id| key_of(bucket, *id)).peekable();
        self.store.scan(
            family,
            &key_of(bucket, *first),
            end.as_deref(),
            |key, value| {
                while wanted.next_if(|wanted| wanted.as_slice() < key).is_some() {
                    found.push(None);
                }
                if wanted.next_if(|wanted| wanted.as_slice() == key).is_some() {
                    found.push(Some(value.to_vec()));
                }
                true
            },
        )?;
        found.resize(ids.len(), None);
        Ok(found)
    }

    /// Keys and fields of the series, from the cache or the store. `ids` rise.
    fn fetch(&self, bucket: BucketId, ids: &[u32]) -> Result<Vec<(SeriesId, Known)>, StorageError> {
        let mut found = Vec::with_capacity(ids.len());
        let mut missing = Vec::new();
        let changes = self.changes.load(Ordering::Acquire);
        {
            let cache = self.cache.lock();
            for id in ids.iter().copied().map(SeriesId) {
                match cache.get(&(bucket, id)) {
                    Some(known) => found.push((id, known.clone())),
                    None => missing.push(id),
                }
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let (series_keys, field_sets) = if dense(&missing) {
            (
                self.read_dense(families::SERIES, bucket, &missing, keys::series_by_id)?,
                self.read_dense(families::SCHEMA, bucket, &missing, keys::schema_of_series)?,
            )
        } else {
            let by_id: Vec<Vec<u8>> = missing
                .iter()
                .map(|id| keys::series_by_id(bucket, *id))
                .collect();
            let schemas: Vec<Vec<u8>> = missing
                .iter()
                .map(|id| keys::schema_of_series(bucket, *id))
                .collect();
            (
                self.store.get_many(families::SERIES, &by_id)?,
                self.store.get_many(families::SCHEMA, &schemas)?,
            )
        };
        let mut loaded = Vec::with_capacity(missing.len());
        for ((id, key), fields) in missing.into_iter().zip(series_keys).zip(field_sets) {
            let (Some(key), Some(fields)) = (key, fields) else {
                continue;
            };
            let key = SeriesKey::from_bytes(&key).map_err(|error| StorageError::Corrupt {
                what: "series key",
                position: format!("bucket {bucket} series {}", id.0),
                detail: error.to_string(),
            })?;
            loaded.push((id, (key, self.fields.decode_set(bucket, &fields)?)));
        }
        let mut cache = self.cache.lock();
        if changes == self.changes.load(Ordering::Acquire) {
            if cache.len() + loaded.len() > CACHED_SERIES_MAX {
                cache.clear();
            }
            cache.extend(
                loaded
                    .iter()
                    .map(|(id, known)| ((bucket, *id), known.clone())),
            );
        }
        found.append(&mut loaded);
        Ok(found)
    }
}

/// Whether the ids, which rise, lie so close together that reading all in between costs less than seeking
/// each.
fn dense(ids: &[SeriesId]) -> bool {
    let (Some(first), Some(last)) = (ids.first(), ids.last()) else {
        return false;
    };
    let span = (last.0.saturating_sub(first.0) as usize).saturating_add(1);
    ids.len() >= DENSE_MIN && span <= ids.len() * DENSE_SPAN
}

fn damaged_posting(position: &str) -> StorageError {
    StorageError::Corrupt {
        what: "posting",
        position: position.to_owned(),
        detail: "it can't be decoded".to_owned(),
    }
}

fn matching(
    id: SeriesId,
    key: &SeriesKey,
    fields: &FieldSet,
    predicate: &SeriesPredicate,
    by_field: bool,
) -> Option<SeriesInfo> {
    let (measurement, tags) = key.parts();
    if !by_field && !predicate.matches(measurement, &tags, "") {
        return None;
    }
    let fields: Vec<FieldInfo> = fields
        .fields
        .iter()
        .filter(|field| !by_field || predicate.matches(measurement, &tags, &field.name))
        .map(field_info)
        .collect();
    (!fields.is_empty()).then(|| SeriesInfo {
        id,
        key: key.clone(),
        fields,
    })
}

fn field_info(field: &FieldDef) -> FieldInfo {
    FieldInfo {
        id: field.id,
        name: Arc::clone(&field.name),
        field_type: field.field_type,
    }
}

fn mentions_field(predicate: &SeriesPredicate) -> bool {
    match predicate {
        SeriesPredicate::Field(_) => true,
        SeriesPredicate::And(parts) | SeriesPredicate::Or(parts) => {
            parts.iter().any(mentions_field)
        }
        SeriesPredicate::Not(inner) => mentions_field(inner),
        _ => false,
    }
}

/// The one measurement that the predicate allows, if it says so plainly.
fn only_measurement(predicate: &SeriesPredicate) -> Option<&str> {
    match predicate {
        SeriesPredicate::Measurement(TextMatch::Equal(name)) => Some(name),
        SeriesPredicate::And(parts) => parts.iter().find_map(only_measurement),
        _ => None,
    }
}

fn allows_measurement(predicate: &SeriesPredicate, measurement: &str) -> bool {
    match predicate {
        SeriesPredicate::Measurement(wanted) => wanted.matches(measurement),
        SeriesPredicate::And(parts) => parts
            .iter()
            .all(|part| allows_measurement(part, measurement)),
        SeriesPredicate::Or(parts) => parts
            .iter()
            .any(|part| allows_measurement(part, measurement)),
        _ => true,
    }
}
