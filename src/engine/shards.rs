//! Which shards exist, so that a scan knows where to look and retention what to drop.
//!
//! A shard's record is written with its first block. It also says how long its longest block is: a scan
//! of a range starts that much earlier, and no block that reaches into the range is missed.

use crate::model::{BucketId, TimeRange};
use crate::storage::{StorageError, Store, WriteGroup, families, keys};
use parking_lot::RwLock;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    pub start: i64,
    /// Exclusive.
    pub end: i64,
    /// Longest `last time - first time` of its blocks, nanoseconds.
    pub longest_block_ns: i64,
}

#[derive(Default)]
pub struct Shards {
    by_bucket: RwLock<BTreeMap<(BucketId, i64), Shard>>,
}

impl Shards {
    pub fn load(store: &Store) -> Result<Self, StorageError> {
        let mut shards = BTreeMap::new();
        let end = keys::after_prefix(keys::META_SHARDS);
        let mut damaged = None;
        store.scan(
            families::META,
            keys::META_SHARDS,
            end.as_deref(),
            |key, value| match (keys::decode_meta_shard(key), decode_shard(value)) {
                (Some((bucket, start)), Some((end, longest_block_ns))) => {
                    shards.insert(
                        (bucket, start),
                        Shard {
                            start,
                            end,
                            longest_block_ns,
                        },
                    );
                    true
                }
                _ => {
                    damaged = Some(format!("{key:02x?}"));
                    false
                }
            },
        )?;
        match damaged {
            None => Ok(Self {
                by_bucket: RwLock::new(shards),
            }),
            Some(position) => Err(StorageError::Corrupt {
                what: "shard record",
                position,
                detail: "its length is wrong".to_owned(),
            }),
        }
    }

    /// Makes sure that a shard is known to hold a block of this length, and adds the record to the group
    /// when it is new. To be called before the group is written: readers may then look in vain, but
    /// never miss a block.
    pub fn cover(
        &self,
        bucket: BucketId,
        start: i64,
        end: i64,
        block_ns: i64,
        group: &mut WriteGroup<'_>,
    ) {
        let mut shards = self.by_bucket.write();
        let shard = shards.entry((bucket, start)).or_insert(Shard {
            start,
            end: start,
            longest_block_ns: -1,
        });
        if shard.end >= end && shard.longest_block_ns >= block_ns {
            return;
        }
        shard.end = shard.end.max(end);
        shard.longest_block_ns = shard.longest_block_ns.max(block_ns);
        group.put(
            families::META,
            keys::meta_shard(bucket, start),
            encode_shard(shard),
        );
    }

    /// Shards that overlap the range, oldest first.
    pub fn within(&self, bucket: BucketId, range: TimeRange) -> Vec<Shard> {
        let shards = self.by_bucket.read();
        shards
            .range((bucket, i64::MIN)..=(bucket, i64::MAX))
            .map(|(_, shard)| *shard)
            .filter(|shard| shard.start < range.stop && shard.end > range.start)
            .collect()
    }

    pub fn of(&self, bucket: BucketId) -> Vec<Shard> {
        self.within(bucket, TimeRange::new(i64::MIN, i64::MAX))
    }

    pub fn forget(&self, bucket: BucketId, start: i64) {
        self.by_bucket.write().remove(&(bucket, start));
    }
}

fn encode_shard(shard: &Shard) -> [u8; 16] {
    let mut value = [0; 16];
    let (end, longest) = value.split_at_mut(8);
    end.copy_from_slice(&shard.end.to_be_bytes());
    longest.copy_from_slice(&shard.longest_block_ns.to_be_bytes());
    value
}

fn decode_shard(value: &[u8]) -> Option<(i64, i64)> {
    let (end, longest) = value.split_at_checked(8)?;
    Some((
        i64::from_be_bytes(end.try_into().ok()?),
        i64::from_be_bytes(longest.try_into().ok()?),
    ))
}
