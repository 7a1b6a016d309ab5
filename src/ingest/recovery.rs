//! Replaying the journal: what was acknowledged and not sealed goes back into the heads.

use super::deletion::Deletion;
use super::journal::{self, EntryError};
use super::partition::{Partition, owner_of};
use crate::model::{BucketId, SeriesId, SeriesKey};
use crate::series::fields::FieldRegistry;
use crate::series::table::SeriesTable;
use crate::storage::{StorageError, Store, families, keys};
use hashbrown::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What a replay did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    pub entries: u64,
    pub points: u64,
    /// Entries of buckets that were deleted since.
    pub skipped: u64,
    /// Entries, as writer and sequence, of batches that not all of their writers had journaled. Nobody was
    /// told that they are written.
    pub incomplete: Vec<(u16, u64)>,
    /// Of all entries.
    pub last_sequence: u64,
}

impl Replayed {
    fn add(&mut self, other: Self) {
        self.entries += other.entries;
        self.points += other.points;
        self.skipped += other.skipped;
        self.incomplete.extend(other.incomplete);
        self.last_sequence = self.last_sequence.max(other.last_sequence);
    }
}

/// Entries between two reports of progress.
const PROGRESS_EVERY: u64 = 64;

pub struct Recovery<'a> {
    pub store: &'a Store,
    pub fields: &'a FieldRegistry,
    pub new_table: &'a (dyn Fn() -> SeriesTable + Sync),
    pub partitions: &'a [Arc<Partition>],
    /// Up to where each writer of the run before had sealed its journal.
    pub sealed: Vec<u64>,
    /// That run had as many writers as this one, so that every series has its owner still.
    pub same_writers: bool,
    /// Shard length of a bucket; `None` when it does not exist any more.
    pub shard_ns: &'a (dyn Fn(BucketId) -> Option<i64> + Sync),
    /// Hears of each so many entries that were replayed.
    pub progress: &'a (dyn Fn(u64) + Sync),
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
    /// Replays all journals, each in order, and at the same time where each has its own series.
    pub fn replay(&self) -> Result<Replayed, StorageError> {
        let present = self.present()?;
        if !self.same_writers {
            return self.replay_range(&[], None, &present);
        }
        let mut replayed = Replayed::default();
        std::thread::scope(|scope| {
            let threads: Vec<_> = self
                .partitions
                .iter()
                .map(|partition| {
                    let from = keys::journal(partition.number, 0);
                    let to = keys::journal(partition.number, u64::MAX);
                    let present = &present;
                    scope.spawn(move || self.replay_range(&from, Some(&to), present))
                })
                .collect();
            for thread in threads {
                let part = thread.join().map_err(|_| StorageError::Io {
                    what: "replay of the journal",
                    detail: "its thread panicked".to_owned(),
                })??;
                replayed.add(part);
            }
            Ok(())
        })?;
        Ok(replayed)
    }

    fn replay_range(
        &self,
        from: &[u8],
        to: Option<&[u8]>,
        present: &HashMap<u64, u64>,
    ) -> Result<Replayed, StorageError> {
        let mut replay = Replay {
            recovery: self,
            table: (self.new_table)(),
            present,
            replayed: Replayed::default(),
        };
        let mut failure = None;
        let mut seen = 0;
        self.store.scan(families::JOURNAL, from, to, |key, value| {
            failure = replay.entry(key, value).err();
            seen += 1;
            if seen % PROGRESS_EVERY == 0 {
                (self.progress)(PROGRESS_EVERY);
            }
            failure.is_none()
        })?;
        match failure {
            Some(error) => Err(error),
            None => Ok(replay.replayed),
        }
    }

    /// Which writers have an entry of a batch, as bits by sequence.
    fn present(&self) -> Result<HashMap<u64, u64>, StorageError> {
        let mut present = HashMap::new();
        self.store.scan(families::JOURNAL, &[], None, |key, _| {
            if let Some((partition, sequence)) = keys::decode_journal(key) {
                *present.entry(sequence).or_default() |= bit(partition);
            }
            true
        })?;
        Ok(present)
    }

    /// Whether each of the batch's writers has it in its journal, or has sealed it.
    fn is_complete(&self, sequence: u64, owners: u64, present: &HashMap<u64, u64>) -> bool {
        let there = present.get(&sequence).copied().unwrap_or(0);
        (0..)
            .zip(&self.sealed)
            .filter(|(_, sealed)| **sealed >= sequence)
            .fold(there, |there, (partition, _)| there | bit(partition))
            & owners
            == owners
    }
}

/// One journal, or all of them, being replayed.
struct Replay<'a> {
    recovery: &'a Recovery<'a>,
    table: SeriesTable,
    present: &'a HashMap<u64, u64>,
    replayed: Replayed,
}

impl Replay<'_> {
    fn entry(&mut self, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
        let recovery = self.recovery;
        let replayed = &mut self.replayed;
        let damaged = |detail: String| damaged(key, detail);
        let (partition, sequence) =
            keys::decode_journal(key).ok_or_else(|| damaged("its key is damaged".to_owned()))?;
        replayed.last_sequence = replayed.last_sequence.max(sequence);
        let header = journal::header(value).map_err(|error| damaged(error.to_string()))?;
        if !recovery.is_complete(sequence, header.owners, self.present) {
            replayed.incomplete.push((partition, sequence));
            return Ok(());
        }
        if let Some(partition) = recovery.partitions.get(usize::from(partition)) {
            partition.sequence.fetch_max(sequence, Ordering::AcqRel);
            partition.journaled(1, value.len() as u64, 0);
        }
        let bucket = header.bucket;
        let Some(shard_ns) = (recovery.shard_ns)(bucket) else {
            replayed.skipped += 1;
            return Ok(());
        };
        if header.deletion {
            let deletion = Deletion::decode(value).map_err(|error| damaged(error.to_string()))?;
            self.deletion((partition, sequence), &deletion)?;
            self.replayed.entries += 1;
            return Ok(());
        }
        let decoded = journal::decode(value, |bucket, ids| {
            let set = recovery.fields.set_of(bucket, ids);
            set.map_err(Failure::Storage)
        });
        let entry = match decoded {
            Ok(entry) => entry,
            Err(Failure::Storage(error)) => return Err(error),
            Err(Failure::Entry(error)) => return Err(damaged(error.to_string())),
        };
        for piece in &entry.pieces {
            let owner = match recovery.same_writers {
                true => usize::from(partition),
                false => self.owner(bucket, piece.series)?.ok_or_else(|| {
                    damaged(format!(
                        "series {} is not in the series family",
                        piece.series.0
                    ))
                })?,
            };
            if let Some(owner) = recovery.partitions.get(owner) {
                owner
                    .head
                    .append(|head| head.append(bucket, piece.series, shard_ns, &piece.rows()));
            }
            self.replayed.points += piece.times.len() as u64;
        }
        self.table.shrink();
        self.replayed.entries += 1;
        Ok(())
    }

    /// The writer that owns a series now.
    fn owner(&mut self, bucket: BucketId, series: SeriesId) -> Result<Option<usize>, StorageError> {
        let found = self.table.find_by_id(bucket, series)?;
        Ok(found.map(|(key, _)| {
            let hash = SeriesKey::hash64(key.as_bytes());
            owner_of(hash, self.recovery.partitions.len())
        }))
    }

    /// Deletes once more. What was replayed so far came before the deletion, so it is sealed first.
    fn deletion(
        &mut self,
        (owner, sequence): (u16, u64),
        deletion: &Deletion,
    ) -> Result<(), StorageError> {
        let recovery = self.recovery;
        // Where series have their owners still, others' heads have none of them.
        let concerned = |number| !recovery.same_writers || number == owner;
        let partitions = recovery.partitions.iter();
        for partition in partitions.filter(|partition| concerned(partition.number)) {
            let mut done = partition.sequence.load(Ordering::Acquire);
            if partition.number == owner {
                done = done.min(sequence.saturating_sub(1));
            }
            partition.seal(&partition.head.freeze(done));
        }
        let Some(partition) = recovery.partitions.first() else {
            return Ok(());
        };
        let bucket = deletion.bucket;
        let table = &mut self.table;
        let since = partition.first_generation;
        deletion.carry_out(partition.stored(), since, |id| {
            let found = table.find_by_id(bucket, id)?;
            Ok(found.map_or_else(Vec::new, |(_, place)| table.field_ids(place)))
        })?;
        self.table.shrink();
        Ok(())
    }
}

fn damaged(key: &[u8], detail: String) -> StorageError {
    let position = match keys::decode_journal(key) {
        Some((partition, sequence)) => format!("journal {partition}, entry {sequence}"),
        None => format!("journal key {key:02x?}"),
    };
    StorageError::Corrupt {
        what: "journal entry",
        position,
        detail,
    }
}

/// Writers are at most 64, so that a batch's are the bits of one word.
fn bit(partition: u16) -> u64 {
    1_u64.checked_shl(u32::from(partition)).unwrap_or(0)
}
