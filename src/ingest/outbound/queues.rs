//! All queues, by bucket.

use super::queue::{Queue, QueueSettings};
use crate::model::{BucketId, Id};
use crate::storage::keys::{self, ReplicationKey};
use crate::storage::{StorageError, Store, families};
use hashbrown::HashMap;
use parking_lot::{RwLock, RwLockReadGuard};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

type ByBucket = HashMap<BucketId, Vec<Arc<Queue>>>;

#[derive(Default)]
pub struct Queues {
    by_bucket: RwLock<ByBucket>,
    /// There is at least one: writes look at this before they look for theirs.
    any: AtomicBool,
}

/// Keeps queues from being deleted while entries are put into them.
pub struct Appending<'a>(Option<RwLockReadGuard<'a, ByBucket>>);

impl Appending<'_> {
    pub fn of(&self, bucket: BucketId) -> &[Arc<Queue>] {
        let queues = self.0.as_ref().and_then(|queues| queues.get(&bucket));
        queues.map(Vec::as_slice).unwrap_or_default()
    }
}

/// Room in the queues of a bucket, given back when a batch is in them.
#[derive(Default)]
pub struct Promises(Vec<(Arc<Queue>, u64)>);

impl Drop for Promises {
    fn drop(&mut self) {
        for (queue, bytes) in &self.0 {
            queue.redeem(*bytes);
        }
    }
}

impl Queues {
    pub fn appending(&self) -> Appending<'_> {
        let any = self.any.load(Ordering::Acquire);
        Appending(any.then(|| self.by_bucket.read()))
    }

    pub fn all(&self) -> Vec<Arc<Queue>> {
        let queues = self.by_bucket.read();
        queues.values().flatten().cloned().collect()
    }

    pub fn get(&self, id: Id) -> Option<Arc<Queue>> {
        let queues = self.by_bucket.read();
        queues.values().flatten().find(|q| q.id == id).cloned()
    }

    /// Makes a queue, or changes the settings of one; its bucket stays.
    pub fn set(&self, settings: QueueSettings) {
        if let Some(known) = self.get(settings.id) {
            known.set(settings);
            return;
        }
        let mut queues = self.by_bucket.write();
        let queue = Arc::new(Queue::new(settings));
        queues.entry(settings.bucket).or_default().push(queue);
        self.any.store(true, Ordering::Release);
    }

    /// Room for a batch of a bucket in each of its queues, or the full one.
    pub fn promise(&self, bucket: BucketId, bytes: u64) -> Result<Promises, Arc<Queue>> {
        let mut promises = Promises::default();
        for queue in self.appending().of(bucket) {
            if !queue.promise(bytes) {
                return Err(Arc::clone(queue));
            }
            promises.0.push((Arc::clone(queue), bytes));
        }
        Ok(promises)
    }

    /// Deletes queues with all that is in them.
    pub fn delete(
        &self,
        store: &Store,
        doomed: impl Fn(&Queue) -> bool,
    ) -> Result<(), StorageError> {
        let mut gone = Vec::new();
        {
            // Waits for the commits under way: nothing is put into these queues afterwards.
            let mut queues = self.by_bucket.write();
            for queues in queues.values_mut() {
                gone.extend(queues.extract_if(.., |queue| doomed(queue)));
            }
            queues.retain(|_, queues| !queues.is_empty());
            self.any.store(!queues.is_empty(), Ordering::Release);
        }
        gone.iter().for_each(|queue| queue.close());
        gone.iter()
            .try_for_each(|queue| delete_stored(store, queue.id))
    }

    /// Finds out what the queues hold, and deletes what is left of those that there are no more. Returns the
    /// highest sequence.
    pub fn measure(&self, store: &Store) -> Result<u64, StorageError> {
        let mut found: HashMap<Id, u64> = HashMap::new();
        let mut last = 0;
        store.scan(families::REPLICATION, &[], None, |key, value| {
            if let Some(place) = ReplicationKey::decode(key) {
                let size = (key.len() + value.len()) as u64;
                *found.entry(place.replication).or_default() += size;
                last = last.max(place.sequence);
            }
            true
        })?;
        for (id, bytes) in found {
            match self.get(id) {
                Some(queue) => queue.measured(bytes),
                None => delete_stored(store, id)?,
            }
        }
        Ok(last)
    }

    /// Gives the space of the oldest entries back where that is allowed; `false` when there are none.
    pub fn shrink(&self, store: &Store) -> Result<bool, StorageError> {
        let (mut any, mut may) = (false, false);
        for queue in self.all() {
            any |= queue.shrink(store)?;
            may |= queue.gives_space();
        }
        // Also when nothing is left to drop: a compaction before may not have found the space it needs.
        if may {
            store.compact(families::REPLICATION, &[], &[u8::MAX; 19])?;
        }
        Ok(any)
    }
}

fn delete_stored(store: &Store, id: Id) -> Result<(), StorageError> {
    let (from, to) = keys::replication_queue(id);
    let mut group = store.group();
    group.delete_range(families::REPLICATION, &from, &to);
    store.write(group, true)?;
    store.drop_files_in_range(families::REPLICATION, &from, &to)
}

#[cfg(test)]
mod tests {
    use super::super::FullPolicy;
    use super::*;
    use crate::storage::{StoreOptions, SyncMode};

    const BUCKET: BucketId = BucketId::new(9).expect("not 0");

    fn settings(id: u64) -> QueueSettings {
        QueueSettings {
            id: Id::new(id).unwrap(),
            bucket: BUCKET,
            max_bytes: 1000,
            full_policy: FullPolicy::Backpressure,
            max_age: None,
        }
    }

    fn put(store: &Store, id: u64, sequence: u64) {
        let key = ReplicationKey {
            replication: Id::new(id).unwrap(),
            sequence,
            partition: 0,
        };
        let mut group = store.group();
        group.put(families::REPLICATION, key.encode(), [0; 82]);
        store.write(group, false).unwrap();
    }

    fn stored(store: &Store) -> Vec<u64> {
        let mut ids = Vec::new();
        let scanned = store.scan(families::REPLICATION, &[], None, |key, _| {
            ids.push(ReplicationKey::decode(key).unwrap().replication.get());
            true
        });
        scanned.unwrap();
        ids
    }

    #[test]
    fn a_deleted_replication_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreOptions {
            path: directory.path().join("db"),
            block_cache_bytes: 1 << 20,
            write_buffer_bytes: 1 << 20,
            sync: SyncMode::Never,
        });
        let store = store.unwrap();
        let queues = Queues::default();
        queues.set(settings(1));
        queues.set(settings(2));
        for (id, sequence) in [(1, 5), (2, 6), (2, 7), (3, 8)] {
            put(&store, id, sequence);
        }
        assert_eq!(queues.measure(&store).unwrap(), 8);
        assert_eq!(stored(&store), [1, 2, 2], "of what there is no more");
        let held: Vec<u64> = queues.all().iter().map(|queue| queue.bytes()).collect();
        assert_eq!(held, [100, 200]);
        let full = queues.promise(BUCKET, 900).err().unwrap();
        assert_eq!(full.id.get(), 2);
        assert!(queues.promise(BUCKET, 800).is_ok());
        queues.delete(&store, |queue| queue.id.get() == 2).unwrap();
        assert_eq!(stored(&store), [1]);
        assert!(full.is_closed() && queues.promise(BUCKET, 900).is_ok());
        queues
            .delete(&store, |queue| queue.bucket == BUCKET)
            .unwrap();
        assert!(stored(&store).is_empty() && queues.all().is_empty());
    }
}
