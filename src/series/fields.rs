//! Fields: their numbers and types.
//!
//! A field id stands for (measurement, field name, type) of one bucket. It is written before anything that
//! uses it, so a block can always be named.

use crate::engine::codec::{Reader, put_varint};
use crate::model::{BucketId, FieldId, FieldType};
use crate::storage::{StorageError, Store, families, keys};
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDef {
    pub id: FieldId,
    pub name: Arc<str>,
    pub field_type: FieldType,
}

/// The fields of a series in order of first appearance; shared by all series with the same fields.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    pub fields: Box<[FieldDef]>,
}

impl FieldSet {
    pub fn find(&self, name: &str) -> Option<&FieldDef> {
        self.fields.iter().find(|field| &*field.name == name)
    }

    /// As stored in the schema family: varints of the field ids.
    pub fn encode(&self) -> Vec<u8> {
        encode_ids(self.fields.iter().map(|field| field.id))
    }
}

pub fn encode_ids(ids: impl IntoIterator<Item = FieldId>) -> Vec<u8> {
    let mut out = Vec::new();
    for id in ids {
        put_varint(u64::from(id.0), &mut out);
    }
    out
}

/// Reads what [`encode_ids`] wrote; `None` when it is cut off.
pub fn decode_ids(bytes: &[u8]) -> Option<Vec<FieldId>> {
    let mut ids = Vec::new();
    let mut reader = Reader::new(bytes);
    while reader.remaining() > 0 {
        let id = reader.varint().ok()?;
        ids.push(FieldId(u32::try_from(id).ok()?));
    }
    Some(ids)
}

/// Which series must agree on a field's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaScope {
    Series,
    Measurement,
}

#[derive(Default)]
struct BucketFields {
    next_id: u32,
    by_name: HashMap<Box<str>, HashMap<Box<str>, Vec<FieldDef>>>,
    by_id: HashMap<FieldId, FieldDef>,
    sets: HashMap<Vec<FieldId>, Arc<FieldSet>>,
}

/// All fields of all buckets that were touched since start.
pub struct FieldRegistry {
    store: Arc<Store>,
    scope: SchemaScope,
    buckets: Mutex<HashMap<BucketId, BucketFields>>,
}

/// Interned sets of one bucket; a bucket whose series differ wildly must not fill the memory.
const SETS_MAX: usize = 4096;

impl FieldRegistry {
    pub fn new(store: Arc<Store>, scope: SchemaScope) -> Self {
        Self {
            store,
            scope,
            buckets: Mutex::default(),
        }
    }

    /// The id of a field; a new one is stored at once. `Ok(Err(type))` when the measurement's field has
    /// another type and the scope forbids that.
    pub fn ensure(
        &self,
        bucket: BucketId,
        measurement: &str,
        name: &str,
        field_type: FieldType,
    ) -> Result<Result<FieldDef, FieldType>, StorageError> {
        self.with(bucket, |fields| {
            let known = fields
                .by_name
                .get(measurement)
                .and_then(|names| names.get(name));
            if let Some(known) = known {
                if let Some(found) = known.iter().find(|field| field.field_type == field_type) {
                    return Ok(Ok(found.clone()));
                }
                if self.scope == SchemaScope::Measurement
                    && let Some(other) = known.first()
                {
                    return Ok(Err(other.field_type));
                }
            }
            let field = FieldDef {
                id: FieldId(fields.next_id),
                name: name.into(),
                field_type,
            };
            let mut group = self.store.group();
            group.put(
                families::SCHEMA,
                keys::schema_field(bucket, measurement, name, field_type),
                field.id.0.to_be_bytes(),
            );
            self.store.write(group, false)?;
            fields.add(measurement, field.clone());
            Ok(Ok(field))
        })
    }

    /// Fields of a measurement with that name: one for each type.
    pub fn named(
        &self,
        bucket: BucketId,
        measurement: &str,
        name: &str,
    ) -> Result<Vec<FieldDef>, StorageError> {
        self.with(bucket, |fields| {
            let names = fields.by_name.get(measurement);
            let found = names.and_then(|names| names.get(name)).cloned();
            Ok(found.unwrap_or_default())
        })
    }

    /// The set of fields with these ids; ids that are not known are left out.
    pub fn set_of(
        &self,
        bucket: BucketId,
        ids: Vec<FieldId>,
    ) -> Result<Arc<FieldSet>, StorageError> {
        self.with(bucket, |fields| {
            if let Some(set) = fields.sets.get(&ids) {
                return Ok(Arc::clone(set));
            }
            let found = ids
                .iter()
                .filter_map(|id| fields.by_id.get(id).cloned())
                .collect();
            let set = Arc::new(FieldSet { fields: found });
            if fields.sets.len() >= SETS_MAX {
                fields.sets.clear();
            }
            fields.sets.insert(ids, Arc::clone(&set));
            Ok(set)
        })
    }

    /// Reads what [`FieldSet::encode`] wrote.
    pub fn decode_set(
        &self,
        bucket: BucketId,
        bytes: &[u8],
    ) -> Result<Arc<FieldSet>, StorageError> {
        let ids = decode_ids(bytes).ok_or_else(|| StorageError::Corrupt {
            what: "schema of a series",
            position: format!("bucket {bucket}"),
            detail: "a field id is cut off".to_owned(),
        })?;
        self.set_of(bucket, ids)
    }

    pub fn forget_bucket(&self, bucket: BucketId) {
        self.buckets.lock().remove(&bucket);
    }

    fn with<R>(
        &self,
        bucket: BucketId,
        use_fields: impl FnOnce(&mut BucketFields) -> Result<R, StorageError>,
    ) -> Result<R, StorageError> {
        let mut buckets = self.buckets.lock();
        if let Some(fields) = buckets.get_mut(&bucket) {
            return use_fields(fields);
        }
        let mut fields = self.load(bucket)?;
        let result = use_fields(&mut fields);
        buckets.insert(bucket, fields);
        result
    }

    fn load(&self, bucket: BucketId) -> Result<BucketFields, StorageError> {
        let mut fields = BucketFields {
            next_id: 1,
            ..BucketFields::default()
        };
        let prefix = keys::schema_fields(bucket);
        let end = keys::after_prefix(&prefix);
        let mut damaged = None;
        self.store
            .scan(families::SCHEMA, &prefix, end.as_deref(), |key, value| {
                let id = value.try_into().ok().map(u32::from_be_bytes);
                match (keys::decode_schema_field(key), id) {
                    (Some((measurement, name, field_type)), Some(id)) => {
                        let name = name.as_str().into();
                        fields.add(
                            &measurement,
                            FieldDef {
                                id: FieldId(id),
                                name,
                                field_type,
                            },
                        );
                        true
                    }
                    _ => {
                        damaged = Some(format!("{key:02x?}"));
                        false
                    }
                }
            })?;
        match damaged {
            None => Ok(fields),
            Some(position) => Err(StorageError::Corrupt {
                what: "field record",
                position,
                detail: "its key or value can't be read".to_owned(),
            }),
        }
    }
}

impl BucketFields {
    fn add(&mut self, measurement: &str, field: FieldDef) {
        self.next_id = self.next_id.max(field.id.0.saturating_add(1));
        self.by_id.insert(field.id, field.clone());
        let names = self.by_name.entry(measurement.into()).or_default();
        names.entry((&*field.name).into()).or_default().push(field);
    }
}
