//! What goes on beside writing and reading: retention, forgetting series without points, giving space back.

use super::deletion::DeleteRequest;
use super::front::Ingest;
use super::partition::MergeRequest;
use super::submission::Message;
use crate::engine::block_merge::candidates;
use crate::engine::page_merge::Rules;
use crate::engine::shards::Shard;
use crate::engine::source::SeriesPredicate;
use crate::engine::{page, pages};
use crate::model::{BucketId, TimeRange};
use crate::storage::keys::{self, BlockKey};
use crate::storage::{StorageError, families};
use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded, select, tick};
use roaring::RoaringBitmap;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often shards are looked at. With the compaction that follows, disk is given back within a minute.
const RETENTION_EVERY: Duration = Duration::from_secs(10);

/// In a shard to which blocks still come, a series has so many that overlap or are small before they are merged.
const UNMERGED_MIN: usize = 16;

/// Shards whose deleted blocks still take space.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compaction {
    pub bucket: BucketId,
    pub range: TimeRange,
}

/// Keeps house until `stopped` is disconnected.
pub(super) fn run(ingest: &Weak<Ingest>, stopped: &Receiver<()>) {
    let Some(compactions) = ingest.upgrade().map(|ingest| ingest.compactions.1.clone()) else {
        return;
    };
    let look = tick(RETENTION_EVERY);
    loop {
        let compaction = select! {
            recv(stopped) -> _ => return,
            recv(look) -> _ => None,
            recv(compactions) -> compaction => compaction.ok(),
        };
        let Some(ingest) = ingest.upgrade() else {
            return;
        };
        match compaction {
            Some(compaction) => ingest.compact_shards(compaction.bucket, compaction.range),
            None => {
                ingest.enforce_retention(crate::clock::now_ns());
                let stop = || stopped.try_recv() == Err(TryRecvError::Disconnected);
                ingest.merge_pages(&stop);
                ingest.merge_blocks(&stop);
            }
        }
    }
}

impl Ingest {
    /// Deletes points and waits until it is done. Returns the number of blocks that lost points.
    pub(super) fn delete_points(
        &self,
        bucket: BucketId,
        predicate: &SeriesPredicate,
        range: TimeRange,
    ) -> Result<u64, String> {
        let (done, outcomes) = bounded(self.senders.len());
        let mut order = self.order.lock();
        if let Some(reason) = super::PointWriter::not_ready(self) {
            return Err(reason);
        }
        *order += 1;
        let owners = u64::MAX >> (64 - self.senders.len().clamp(1, 64));
        let request = Arc::new(DeleteRequest {
            sequence: *order,
            owners,
            bucket,
            predicate: predicate.clone(),
            range,
            done,
        });
        for (sender, partition) in self.senders.iter().zip(&self.partitions) {
            partition.hand_over(sender, request.sequence, || {
                Message::Delete(Arc::clone(&request))
            });
        }
        drop(order);
        drop(request);
        let mut touched = 0;
        for _ in &self.senders {
            let outcome = outcomes.recv();
            touched += outcome.map_err(|_| "the writers have ended".to_owned())??;
        }
        Ok(touched)
    }

    /// Gives the space of deleted blocks back, which RocksDB by itself does only when it happens to
    /// compact.
    pub(super) fn compact_shards(&self, bucket: BucketId, range: TimeRange) {
        for shard in self.shards.within(bucket, range) {
            let (from, to) = shard_keys(bucket, shard.start);
            for family in families::BY_SHARD {
                if let Err(error) = self.store.compact(family, &from, &to) {
                    log::warn!("the space of deleted points was not given back yet: {error}");
                }
            }
        }
    }

    /// Drops all shards that are older than their bucket keeps.
    pub(super) fn enforce_retention(&self, now_ns: i64) {
        let buckets: Vec<_> = self.buckets.read().values().copied().collect();
        for bucket in buckets.into_iter().filter(|bucket| bucket.retention_ns > 0) {
            let oldest = now_ns.saturating_sub(bucket.retention_ns);
            let mut expired = self.shards.of(bucket.id);
            expired.retain(|shard| shard.end <= oldest);
            if expired.is_empty() {
                continue;
            }
            let dropped = expired
                .iter()
                .try_for_each(|shard| self.drop_shard(bucket.id, shard))
                .and_then(|()| self.forget_empty_series(bucket.id));
            match dropped {
                Ok(()) => log::info!(
                    "dropped {} shards of bucket {} that its retention does not keep",
                    expired.len(),
                    bucket.id
                ),
                Err(error) => log::error!("expired shards of bucket {}: {error}", bucket.id),
            }
        }
    }

    /// Merges pages where enough have come together, until it is told to stop.
    pub(super) fn merge_pages(&self, stop: &dyn Fn() -> bool) {
        let mut gone = 0;
        let places = self.pages.to_merge();
        for place in &places {
            if stop() {
                return;
            }
            match self.pages.merge(&self.shards, *place, Rules::default()) {
                Ok(pages) => gone += pages,
                Err(error) => {
                    log::error!("pages were not merged: {error}");
                    return;
                }
            }
        }
        if gone > 0 {
            log::debug!(
                "merged the pages of {} groups, {gone} are gone",
                places.len()
            );
        }
    }

    /// Has the sealers merge blocks that overlap or are small, until it is told to stop.
    pub(super) fn merge_blocks(&self, stop: &dyn Fn() -> bool) {
        for (place, quiet) in self.shards.to_merge() {
            let least = if quiet { 1 } else { UNMERGED_MIN };
            match self.merge_blocks_of(place, least, stop) {
                Ok(0) => {}
                Ok(gone) => log::debug!("merged the blocks of a shard, {gone} are gone"),
                Err(error) => log::error!("blocks were not merged: {error}"),
            }
        }
    }

    /// Merges in one shard, of series that have `least` blocks to merge. Returns how many blocks went.
    pub(super) fn merge_blocks_of(
        &self,
        (bucket, shard): (BucketId, i64),
        least: usize,
        stop: &dyn Fn() -> bool,
    ) -> Result<usize, StorageError> {
        let series = candidates(&self.store, bucket, shard, least)?;
        let of_writer =
            |sender| self.merge_of_writer(sender, (bucket, shard), series.clone(), stop);
        Ok(self.senders.iter().map(of_writer).sum())
    }

    fn merge_of_writer(
        &self,
        sender: &Sender<Message>,
        (bucket, shard): (BucketId, i64),
        mut series: RoaringBitmap,
        stop: &dyn Fn() -> bool,
    ) -> usize {
        let mut gone = 0;
        while !series.is_empty() && !stop() {
            let (done, outcome) = bounded(1);
            let request = MergeRequest {
                bucket,
                shard,
                series,
                writers: self.senders.len(),
                done,
            };
            // A full queue is no place for housekeeping.
            if sender.try_send(Message::Merge(request)).is_err() {
                break;
            }
            let Ok((rest, blocks)) = outcome.recv() else {
                break;
            };
            gone += blocks;
            series = rest;
        }
        gone
    }

    fn drop_shard(&self, bucket: BucketId, shard: &Shard) -> Result<(), StorageError> {
        self.shards.forget(bucket, shard.start);
        let (from, to) = shard_keys(bucket, shard.start);
        let mut group = self.store.group();
        group.delete(families::META, keys::meta_shard(bucket, shard.start));
        for family in families::BY_SHARD {
            group.delete_range(family, &from, &to);
        }
        self.store.write(group, false)?;
        families::BY_SHARD
            .iter()
            .try_for_each(|family| self.store.drop_files_in_range(*family, &from, &to))
    }

    /// Has the writers forget series that no block mentions; they look at their heads themselves.
    fn forget_empty_series(&self, bucket: BucketId) -> Result<(), StorageError> {
        let mut empty = self.index.all_series(bucket)?;
        for shard in self.shards.of(bucket) {
            self.pages.scan_shard(bucket, shard.start, |key, bytes| {
                let runs = page::decode_runs(key.group, key.generation, bytes);
                for run in runs.map_err(|error| pages::damaged(key, &error))? {
                    empty.remove(run.series.0);
                }
                Ok(())
            })?;
            let (from, to) = shard_keys(bucket, shard.start);
            self.store
                .scan(families::BLOCKS, &from, Some(&to), |key, _| {
                    if let Some(key) = BlockKey::decode(key) {
                        empty.remove(key.series.0);
                    }
                    true
                })?;
        }
        if !empty.is_empty() {
            self.drop_empty(bucket, &empty);
        }
        Ok(())
    }

    fn drop_empty(&self, bucket: BucketId, series: &RoaringBitmap) {
        for sender in &self.senders {
            let message = Message::DropEmpty {
                bucket,
                series: series.clone(),
                done: Box::new(|| ()),
            };
            // A full queue is no place for housekeeping; the next dropped shard brings it up again.
            drop(sender.try_send(message));
        }
    }
}

/// Keys of a shard's blocks: from inclusive, to exclusive.
fn shard_keys(bucket: BucketId, shard: i64) -> (Vec<u8>, Vec<u8>) {
    let from = keys::shard_prefix(bucket, shard);
    let to = keys::after_prefix(&from).unwrap_or_else(|| vec![0xff; from.len() + 1]);
    (from, to)
}
