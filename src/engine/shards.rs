//! Which shards exist, so that a scan knows where to look and retention what to drop.
//!
//! A shard's record is written with its first block. It also says how long its longest block is: a scan
//! of a range starts that much earlier, and no block that reaches into the range is missed.

use crate::model::{BucketId, TimeRange};
use crate::storage::{StorageError, Store, WriteGroup, families, keys};
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    pub start: i64,
    /// Exclusive.
    pub end: i64,
    /// Longest `last time - first time` of its blocks, nanoseconds.
    pub longest_block_ns: i64,
    /// Whether it may have pages.
    pub pages: bool,
}

/// Shards whose records are in a group that is being built.
#[derive(Default)]
pub struct Covered(HashSet<(BucketId, i64)>);

#[derive(Default)]
pub struct Shards {
    by_bucket: RwLock<BTreeMap<(BucketId, i64), Shard>>,
    /// Blocks that came since it was last looked whether some can be merged.
    new_blocks: Mutex<BTreeMap<(BucketId, i64), NewBlocks>>,
}

struct NewBlocks {
    number: usize,
    first: Instant,
    last: Instant,
}

/// A shard to which no block came for that long is done for now.
const QUIET: Duration = Duration::from_secs(10);
/// One that never is quiet is looked at so often, when it has got so many blocks.
const BUSY: Duration = Duration::from_secs(600);
const BUSY_BLOCKS: usize = 256;

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
                (Some((bucket, start)), Some(shard)) => {
                    shards.insert((bucket, start), Shard { start, ..shard });
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
                new_blocks: Mutex::default(),
            }),
            Some(position) => Err(StorageError::Corrupt {
                what: "shard record",
                position,
                detail: "its length is wrong".to_owned(),
            }),
        }
    }

    /// Makes sure that a shard is known to hold blocks or pages as `wanted` says, and that its record is in
    /// the group, which is the one that `covered` began with: an earlier group may have failed. To be
    /// called before the group is written: readers may then look in vain, but never miss a block.
    pub fn cover(
        &self,
        bucket: BucketId,
        wanted: Shard,
        covered: &mut Covered,
        group: &mut WriteGroup<'_>,
    ) {
        let start = wanted.start;
        let mut shards = self.by_bucket.write();
        let shard = shards.entry((bucket, start)).or_insert(Shard {
            start,
            end: start,
            longest_block_ns: -1,
            pages: false,
        });
        let new = covered.0.insert((bucket, start));
        let before = *shard;
        shard.end = shard.end.max(wanted.end);
        shard.longest_block_ns = shard.longest_block_ns.max(wanted.longest_block_ns);
        shard.pages |= wanted.pages;
        if *shard == before && !new {
            return;
        }
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

    /// Notes blocks that were written.
    pub fn note_blocks(&self, bucket: BucketId, start: i64, number: usize) {
        let now = Instant::now();
        let mut new_blocks = self.new_blocks.lock();
        let noted = new_blocks.entry((bucket, start)).or_insert(NewBlocks {
            number: 0,
            first: now,
            last: now,
        });
        noted.number += number;
        noted.last = now;
    }

    /// Shards in which blocks may be merged, and whether they are quiet; each is named once.
    pub fn to_merge(&self) -> Vec<((BucketId, i64), bool)> {
        let mut new_blocks = self.new_blocks.lock();
        let is_quiet = |noted: &NewBlocks| noted.last.elapsed() >= QUIET;
        let ready = new_blocks.extract_if(.., |_, noted| {
            is_quiet(noted) || (noted.first.elapsed() >= BUSY && noted.number >= BUSY_BLOCKS)
        });
        ready
            .map(|(place, noted)| (place, is_quiet(&noted)))
            .collect()
    }

    pub fn forget(&self, bucket: BucketId, start: i64) {
        self.by_bucket.write().remove(&(bucket, start));
    }
}

/// End, length of the longest block, 1 when there are pages.
fn encode_shard(shard: &Shard) -> Vec<u8> {
    let mut value = shard.end.to_be_bytes().to_vec();
    value.extend_from_slice(&shard.longest_block_ns.to_be_bytes());
    value.push(u8::from(shard.pages));
    value
}

/// All but the start, which is in the key.
fn decode_shard(value: &[u8]) -> Option<Shard> {
    let (end, rest) = value.split_at_checked(8)?;
    let (longest, pages) = rest.split_at_checked(8)?;
    let pages = match pages {
        // Written before there were pages.
        [] => 0,
        [pages] => *pages,
        _ => return None,
    };
    Some(Shard {
        start: 0,
        end: i64::from_be_bytes(end.try_into().ok()?),
        longest_block_ns: i64::from_be_bytes(longest.try_into().ok()?),
        pages: pages != 0,
    })
}
