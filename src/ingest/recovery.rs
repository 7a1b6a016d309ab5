//! Replaying the journal: what was acknowledged and not sealed goes back into the heads.

use super::journal::{self, EntryError};
use super::partition::Partition;
use crate::model::{BucketId, SeriesKey};
use crate::series::fields::FieldRegistry;
use crate::series::table::SeriesTable;
use crate::storage::{StorageError, Store, families, keys};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What a replay did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    pub entries: u64,
    pub points: u64,
    /// Entries of buckets that were deleted since.
    pub skipped: u64,
}

pub struct Recovery<'a> {
    pub store: &'a Store,
    pub fields: &'a FieldRegistry,
    pub table: SeriesTable,
    pub partitions: &'a [Arc<Partition>],
    /// Shard length of a bucket; `None` when it does not exist any more.
    pub shard_ns: &'a dyn Fn(BucketId) -> Option<i64>,
}

enum Failure {
    Storage(StorageError),
    Entry(EntryError),
}

impl From<EntryError> for Failure {
    fn from(error: EntryError) -> Self {
        Self::Entry(error)
    }
}

impl Recovery<'_> {
    /// Replays all journals in order. `progress` hears the number of entries so far.
    pub fn replay(&mut self, progress: &dyn Fn(u64)) -> Result<Replayed, StorageError> {
        let mut replayed = Replayed::default();
        let store = self.store;
        let mut failure = None;
        store.scan(families::JOURNAL, &[], None, |key, value| {
            match self.replay_entry(key, value, &mut replayed) {
                Ok(()) => {
                    if (replayed.entries + replayed.skipped) % 64 == 0 {
                        progress(replayed.entries + replayed.skipped);
                    }
                    true
                }
                Err(error) => {
                    failure = Some(error);
                    false
                }
            }
        })?;
        match failure {
            Some(error) => Err(error),
            None => Ok(replayed),
        }
    }

    fn replay_entry(
        &mut self,
        key: &[u8],
        value: &[u8],
        replayed: &mut Replayed,
    ) -> Result<(), StorageError> {
        let position = || match keys::decode_journal(key) {
            Some((partition, sequence)) => format!("journal {partition}, entry {sequence}"),
            None => format!("journal key {key:02x?}"),
        };
        let damaged = |detail: String| StorageError::Corrupt {
            what: "journal entry",
            position: position(),
            detail,
        };
        let (partition, sequence) =
            keys::decode_journal(key).ok_or_else(|| damaged("its key is damaged".to_owned()))?;
        if let Some(partition) = self.partitions.get(usize::from(partition)) {
            partition.sequence.fetch_max(sequence, Ordering::AcqRel);
            partition
                .journaled
                .fetch_add(value.len() as u64, Ordering::Relaxed);
        }
        let bucket = journal::bucket_of(value).map_err(|error| damaged(error.to_string()))?;
        let Some(shard_ns) = (self.shard_ns)(bucket) else {
            replayed.skipped += 1;
            return Ok(());
        };
        let decoded = journal::decode(value, |bucket, ids| {
            self.fields.set_of(bucket, ids).map_err(Failure::Storage)
        });
        let entry = match decoded {
            Ok(entry) => entry,
            Err(Failure::Storage(error)) => return Err(error),
            Err(Failure::Entry(error)) => return Err(damaged(error.to_string())),
        };
        for piece in &entry.pieces {
            let place = self.table.find_by_id(bucket, piece.series)?;
            let series = place
                .and_then(|place| self.table.get(place))
                .ok_or_else(|| {
                    damaged(format!(
                        "series {} is not in the series family",
                        piece.series.0
                    ))
                })?;
            let hash = SeriesKey::hash64(series.key.as_bytes());
            let owner = self.partitions.get(owner_of(hash, self.partitions.len()));
            if let Some(owner) = owner {
                owner
                    .head
                    .append(|head| head.append(bucket, piece.series, shard_ns, &piece.rows()));
            }
            replayed.points += piece.times.len() as u64;
        }
        self.table.shrink();
        replayed.entries += 1;
        Ok(())
    }
}

/// The writer that owns a series.
pub fn owner_of(hash: u64, writers: usize) -> usize {
    usize::try_from(hash).unwrap_or_default() % writers.max(1)
}
