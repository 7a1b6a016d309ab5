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
    buckets: Mutex<HashMap<BucketId, Numbers>>,
}

#[derive(Clone, Copy)]
struct Numbers {
    next: u32,
    /// Series that there are.
    live: u32,
    /// There was none when the bucket was first used since the start.
    began_empty: bool,
}

impl SeriesIds {
    pub fn new(store: Arc<Store>, limit: u32) -> Self {
        Self {
            store,
            limit,
            buckets: Mutex::default(),
        }
    }

    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// `None` when the bucket is full. An id that is not used after all stays unused.
    pub fn next(&self, bucket: BucketId) -> Result<Option<SeriesId>, StorageError> {
        self.with(bucket, |numbers| self.take(bucket, numbers))
    }

    /// Whether all series of the bucket were created since the start.
    pub fn began_empty(&self, bucket: BucketId) -> Result<bool, StorageError> {
        self.with(bucket, |numbers| numbers.began_empty)
    }

    fn with<R>(
        &self,
        bucket: BucketId,
        work: impl FnOnce(&mut Numbers) -> R,
    ) -> Result<R, StorageError> {
        let mut buckets = self.buckets.lock();
        if let Some(numbers) = buckets.get_mut(&bucket) {
            return Ok(work(numbers));
        }
        let mut numbers = self.load(bucket)?;
        let result = work(&mut numbers);
        buckets.insert(bucket, numbers);
        Ok(result)
    }

    fn take(&self, bucket: BucketId, numbers: &mut Numbers) -> Option<SeriesId> {
        if (self.limit > 0 && numbers.live >= self.limit) || numbers.next == u32::MAX {
            return None;
        }
        numbers.live += 1;
        numbers.next += 1;
        if self.limit > 0 && numbers.live == warning_level(self.limit) {
            log::warn!(
                "bucket {bucket} has {} series, 80 % of [limits] max-series-per-bucket = {}; points of new \
                 series above the limit will be rejected",
                numbers.live,
                self.limit
            );
        }
        Some(SeriesId(numbers.next - 1))
    }

    /// Series that were forgotten make room for others. Their ids are not used again.
    pub fn dropped(&self, bucket: BucketId, series: usize) {
        if let Some(numbers) = self.buckets.lock().get_mut(&bucket) {
            let series = u32::try_from(series).unwrap_or(u32::MAX);
            numbers.live = numbers.live.saturating_sub(series);
        }
    }

    pub fn forget_bucket(&self, bucket: BucketId) {
        self.buckets.lock().remove(&bucket);
    }

    fn load(&self, bucket: BucketId) -> Result<Numbers, StorageError> {
        let first = keys::series_by_id(bucket, SeriesId(0));
        let prefix = first.get(..9).unwrap_or_default();
        let last = self.store.last_key(families::SERIES, prefix)?;
        let next = last
            .and_then(|key| keys::decode_series_by_id(&key))
            .map_or(1, |id| id.0 + 1);
        let mut live = 0;
        if self.limit > 0 {
            let end = keys::after_prefix(prefix);
            self.store
                .scan(families::SERIES, prefix, end.as_deref(), |_, _| {
                    live += 1;
                    true
                })?;
        }
        Ok(Numbers {
            next,
            live,
            began_empty: next == 1,
        })
    }
}

fn warning_level(limit: u32) -> u32 {
    limit - limit / 5
}
