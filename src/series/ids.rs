//! Numbers for new series, per bucket, shared by all writers.

use crate::model::{BucketId, SeriesId};
use crate::storage::{StorageError, Store, families, keys};
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::sync::Arc;

pub struct SeriesIds {
    store: Arc<Store>,
    /// Series of one bucket at most; 0 for no limit.
    limit: u32,
    next: Mutex<HashMap<BucketId, u32>>,
}

impl SeriesIds {
    pub fn new(store: Arc<Store>, limit: u32) -> Self {
        Self {
            store,
            limit,
            next: Mutex::default(),
        }
    }

    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// `None` when the bucket is full. An id that is not used after all stays unused.
    pub fn next(&self, bucket: BucketId) -> Result<Option<SeriesId>, StorageError> {
        let mut next = self.next.lock();
        if !next.contains_key(&bucket) {
            next.insert(bucket, self.load(bucket)?);
        }
        let Some(id) = next.get_mut(&bucket) else {
            return Ok(None);
        };
        if (self.limit > 0 && *id > self.limit) || *id == u32::MAX {
            return Ok(None);
        }
        *id += 1;
        Ok(Some(SeriesId(*id - 1)))
    }

    pub fn forget_bucket(&self, bucket: BucketId) {
        self.next.lock().remove(&bucket);
    }

    fn load(&self, bucket: BucketId) -> Result<u32, StorageError> {
        let first = keys::series_by_id(bucket, SeriesId(0));
        let prefix = first.get(..9).unwrap_or_default();
        let last = self.store.last_key(families::SERIES, prefix)?;
        Ok(last
            .and_then(|key| keys::decode_series_by_id(&key))
            .map_or(1, |id| id.0 + 1))
    }
}
