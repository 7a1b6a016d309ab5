//! The stored pages: read through a cache, rewritten by one thread at a time.
//!
//! Whoever reads looks at pages before it looks at blocks: a merge moves rows from pages to blocks, never
//! back, so that nothing is missed.

use super::codec::CodecError;
use super::page::{self, Page, PageField};
use super::page_merge::{GroupPlace, PAGES_MIN, Rules, merge_group};
use super::shards::Shards;
use crate::model::{BucketId, FieldId};
use crate::storage::keys::{self, PageKey};
use crate::storage::{StorageError, Store, families};
use hashbrown::HashMap;
use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Decoded fields of pages that are kept for queries.
const CACHE_BYTES: usize = 16 << 20;

#[derive(Default)]
struct Cache {
    fields: HashMap<(PageKey, FieldId), Option<Arc<PageField>>>,
    bytes: usize,
}

pub struct Pages {
    store: Arc<Store>,
    rewriting: Mutex<()>,
    /// Raised when pages are rewritten; what was read before may not enter the cache after.
    changes: AtomicU64,
    cache: Mutex<Cache>,
    /// Pages added since their group was last merged.
    added: Mutex<BTreeMap<GroupPlace, usize>>,
}

impl Pages {
    pub fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            rewriting: Mutex::default(),
            changes: AtomicU64::new(0),
            cache: Mutex::default(),
            added: Mutex::default(),
        }
    }

    /// Calls `visit` with the pages of one group until it fails.
    pub fn scan_group(
        &self,
        bucket: BucketId,
        shard: i64,
        group: u32,
        visit: impl FnMut(&PageKey, &[u8]) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let prefix = keys::page_group(bucket, shard, group);
        self.scan_prefix(&prefix, visit)
    }

    /// Calls `visit` with all pages of a shard, group after group.
    pub fn scan_shard(
        &self,
        bucket: BucketId,
        shard: i64,
        visit: impl FnMut(&PageKey, &[u8]) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        self.scan_prefix(&keys::shard_prefix(bucket, shard), visit)
    }

    fn scan_prefix(
        &self,
        prefix: &[u8],
        mut visit: impl FnMut(&PageKey, &[u8]) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let end = keys::after_prefix(prefix);
        let mut failure = None;
        self.store
            .scan(families::PAGES, prefix, end.as_deref(), |key, bytes| {
                let visited = match PageKey::decode(key) {
                    Some(key) => visit(&key, bytes),
                    None => Err(StorageError::Corrupt {
                        what: "page",
                        position: format!("{key:02x?}"),
                        detail: "its key can't be read".to_owned(),
                    }),
                };
                failure = visited.err();
                failure.is_none()
            })?;
        failure.map_or(Ok(()), Err)
    }

    /// To be asked before pages are read that are then given to [`Self::field`].
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// One field of a page that was read after [`Self::changes`] was.
    pub fn field(
        &self,
        changes: u64,
        key: &PageKey,
        bytes: &[u8],
        field: FieldId,
    ) -> Result<Option<Arc<PageField>>, StorageError> {
        if let Some(found) = self.cache.lock().fields.get(&(*key, field))
            && changes == self.changes()
        {
            return Ok(found.clone());
        }
        let decoded = page::decode_field(key.group, key.generation, bytes, field);
        let decoded = decoded.map_err(|error| damaged(key, &error))?.map(Arc::new);
        let mut cache = self.cache.lock();
        if changes == self.changes() {
            if cache.bytes > CACHE_BYTES {
                *cache = Cache::default();
            }
            cache.bytes += decoded.as_deref().map_or(64, heap_bytes);
            cache.fields.insert((*key, field), decoded.clone());
        }
        Ok(decoded)
    }

    /// Notes pages that were sealed.
    pub fn added(&self, places: &[GroupPlace]) {
        let mut added = self.added.lock();
        for place in places {
            *added.entry(*place).or_default() += 1;
        }
    }

    /// Groups in which enough pages have come together to merge some.
    pub fn to_merge(&self) -> Vec<GroupPlace> {
        let mut added = self.added.lock();
        let ready = added.extract_if(.., |_, pages| *pages >= PAGES_MIN);
        ready.map(|(place, _)| place).collect()
    }

    /// Merges pages of one group, until nothing is to merge. Returns how many pages went.
    pub fn merge(
        &self,
        shards: &Shards,
        place: GroupPlace,
        rules: Rules,
    ) -> Result<usize, StorageError> {
        let mut gone = 0;
        loop {
            let rewriting = self.rewriting();
            match merge_group(&self.store, shards, &rewriting, place, rules)? {
                0 => return Ok(gone),
                pages => gone += pages,
            }
        }
    }

    /// Keeps others from rewriting pages.
    pub fn rewriting(&self) -> Rewriting<'_> {
        Rewriting {
            pages: self,
            _alone: self.rewriting.lock(),
        }
    }
}

/// The right to rewrite pages. When it ends, nothing old is in the cache.
pub struct Rewriting<'a> {
    pages: &'a Pages,
    _alone: MutexGuard<'a, ()>,
}

impl Drop for Rewriting<'_> {
    fn drop(&mut self) {
        let mut cache = self.pages.cache.lock();
        self.pages.changes.fetch_add(1, Ordering::AcqRel);
        *cache = Cache::default();
    }
}

impl Rewriting<'_> {
    /// All pages of a group.
    pub fn group(
        &self,
        bucket: BucketId,
        shard: i64,
        group: u32,
    ) -> Result<Vec<(PageKey, Page)>, StorageError> {
        let mut found = Vec::new();
        self.pages.scan_group(bucket, shard, group, |key, bytes| {
            let page = Page::decode(key.group, key.generation, bytes);
            found.push((*key, page.map_err(|error| damaged(key, &error))?));
            Ok(())
        })?;
        Ok(found)
    }
}

pub fn damaged(key: &PageKey, error: &CodecError) -> StorageError {
    StorageError::Corrupt {
        what: "page",
        position: format!("{key:?}"),
        detail: error.to_string(),
    }
}

fn heap_bytes(field: &PageField) -> usize {
    field.runs.len() * 32 + field.times.len() * 8 + field.values.heap_bytes() + 200
}
