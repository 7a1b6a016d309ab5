//! Which fields and tag keys each measurement has, kept from query to query: telling it from the series anew
//! takes as long as there are series.
//!
//! Of a bucket that was asked about, the series that change are noted, and looked at when it is asked about
//! again. A series that is gone may have been the last one with its fields, so all is told anew then.

use super::index::SeriesIndex;
use crate::engine::source::{MeasurementSchema, TextMatch};
use crate::model::{BucketId, SeriesId, SeriesKey};
use crate::storage::StorageError;
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Noted series of a bucket; with more it is as well told anew.
const CHANGED_MAX: usize = 1 << 20;
/// Measurements of a bucket that are remembered.
const MEASUREMENTS_MAX: usize = 10_000;

#[derive(Default)]
pub struct Schemas {
    changed: Mutex<HashMap<BucketId, Changed>>,
    known: Mutex<HashMap<BucketId, Arc<Mutex<Known>>>>,
}

type Known = HashMap<Box<str>, Arc<MeasurementSchema>>;

enum Changed {
    Series(Vec<SeriesId>),
    Everything,
}

impl Schemas {
    /// To be called after a change of series was committed.
    pub fn note(&self, series: &[(BucketId, SeriesId)]) {
        let mut all = self.changed.lock();
        for (bucket, id) in series {
            match all.get_mut(bucket) {
                Some(Changed::Series(list)) if list.len() < CHANGED_MAX => list.push(*id),
                Some(changed) => *changed = Changed::Everything,
                None => {}
            }
        }
    }

    pub fn forget_bucket(&self, bucket: BucketId) {
        if let Some(changed) = self.changed.lock().get_mut(&bucket) {
            *changed = Changed::Everything;
        }
    }

    /// The measurements that match and have series, by name.
    pub fn of(
        &self,
        index: &SeriesIndex,
        bucket: BucketId,
        wanted: &TextMatch,
    ) -> Result<Vec<Arc<MeasurementSchema>>, StorageError> {
        let known = Arc::clone(self.known.lock().entry(bucket).or_default());
        let mut known = known.lock();
        let found = self.update(index, bucket, wanted, &mut known);
        if found.is_err() {
            known.clear();
        }
        found
    }

    fn update(
        &self,
        index: &SeriesIndex,
        bucket: BucketId,
        wanted: &TextMatch,
        known: &mut Known,
    ) -> Result<Vec<Arc<MeasurementSchema>>, StorageError> {
        // What changes from here on is noted, so what is read below need not be the newest.
        let changed = self
            .changed
            .lock()
            .insert(bucket, Changed::Series(Vec::new()));
        let complete = match changed {
            Some(Changed::Series(list)) => add_changed(index, bucket, &list, known)?,
            Some(Changed::Everything) | None => false,
        };
        if !complete || known.len() > MEASUREMENTS_MAX {
            known.clear();
        }
        let mut found = Vec::new();
        for measurement in index.measurements_matching(bucket, wanted)? {
            let schema = match known.get(measurement.as_str()) {
                Some(schema) => Arc::clone(schema),
                None => {
                    let schema = Arc::new(told_anew(index, bucket, &measurement)?);
                    if !schema.fields.is_empty() {
                        known.insert(measurement.into(), Arc::clone(&schema));
                    }
                    schema
                }
            };
            if !schema.fields.is_empty() {
                found.push(schema);
            }
        }
        Ok(found)
    }
}

/// Adds changed series to the measurements that are known; `false` if some are gone.
fn add_changed(
    index: &SeriesIndex,
    bucket: BucketId,
    changed: &[SeriesId],
    known: &mut Known,
) -> Result<bool, StorageError> {
    if known.is_empty() {
        return Ok(true);
    }
    let ids: BTreeSet<u32> = changed.iter().map(|id| id.0).collect();
    let mut seen = 0;
    index.each_of(bucket, ids.iter().copied(), |key, fields| {
        seen += 1;
        if let Some(schema) = known.get_mut(key.measurement()) {
            add(schema, key, fields);
        }
    })?;
    Ok(seen == ids.len())
}

fn told_anew(
    index: &SeriesIndex,
    bucket: BucketId,
    measurement: &str,
) -> Result<MeasurementSchema, StorageError> {
    let mut schema = Arc::new(MeasurementSchema {
        name: measurement.into(),
        fields: BTreeSet::new(),
        tag_keys: BTreeSet::new(),
    });
    let ids = index.series_of(bucket, measurement)?;
    index.each_of(bucket, ids.iter(), |key, fields| {
        add(&mut schema, key, fields);
    })?;
    Ok(Arc::unwrap_or_clone(schema))
}

fn add(schema: &mut Arc<MeasurementSchema>, key: &SeriesKey, fields: &super::fields::FieldSet) {
    for field in &fields.fields {
        let entry = (Arc::clone(&field.name), field.field_type);
        if !schema.fields.contains(&entry) {
            Arc::make_mut(schema).fields.insert(entry);
        }
    }
    for (tag, _) in key.parts().1 {
        if !schema.tag_keys.contains(tag) {
            Arc::make_mut(schema).tag_keys.insert(tag.into());
        }
    }
}
