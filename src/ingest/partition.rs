//! What a writer shares with the front door, its sealer and the readers.

use super::deletion::Deletion;
pub use super::pace::Pace;
use super::submission::Message;
use crate::engine::block_merge::merge_series;
use crate::engine::head::{Frozen, Head};
use crate::engine::pages::Pages;
use crate::engine::rewrite::Stored;
use crate::engine::seal::{seal, trim};
use crate::engine::shards::Shards;
use crate::model::{BucketId, FieldId, SeriesId, SeriesKey};
use crate::series::index::SeriesIndex;
use crate::storage::{StorageError, Store, families, keys};
use crossbeam_channel::Sender;
use parking_lot::{Condvar, Mutex};
use roaring::RoaringBitmap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Journal bytes of one writer after which it seals. More would only make a restart slower.
const JOURNAL_SEAL_BYTES: u64 = 4 << 20;
/// Values after which it seals, as far as that gives each series [`ROWS_GOOD`] rows. Well compressed ones are
/// many in few bytes, and a restart works for each of them, about 25 ns.
const JOURNAL_SEAL_VALUES: u64 = 1 << 20;
/// Of a series at a seal.
const ROWS_GOOD: u64 = 512;

/// Age at which a head is sealed however small it is, so that retention reaches its points. Sooner would
/// make small blocks of what comes slowly.
const HEAD_AGE_MAX: Duration = Duration::from_secs(2 * 3600);

/// Figures of all writers together.
#[derive(Debug, Default)]
pub struct Counters {
    pub batches: AtomicU64,
    pub points: AtomicU64,
    pub values: AtomicU64,
    pub overloaded: AtomicU64,
    pub seals: AtomicU64,
    pub blocks: AtomicU64,
    pub series_created: AtomicU64,
    pub journal_entries: AtomicU64,
    pub replayed_entries: AtomicU64,
}

/// One writer's share of the database.
pub struct Partition {
    pub number: u16,
    pub head: Arc<Head>,
    pub pace: Pace,
    pub store: Arc<Store>,
    pub shards: Arc<Shards>,
    pub pages: Arc<Pages>,
    pub counters: Arc<Counters>,
    /// Sequence of the last batch that was handed over.
    pub queued_to: AtomicU64,
    /// Sequence of the last batch that is journaled and applied.
    pub sequence: AtomicU64,
    /// Journal entries since the start: all, those of frozen heads, those that are sealed.
    entries: AtomicU64,
    frozen_entries: AtomicU64,
    sealed_entries: AtomicU64,
    /// Bytes journaled since the last freeze.
    journaled_bytes: AtomicU64,
    journaled_values: AtomicU64,
    /// When the head got its first points.
    head_since: Mutex<Option<Instant>>,
    /// Of the blocks sealed since the start.
    pub first_generation: u64,
    /// Head bytes at which it is frozen.
    pub head_max_bytes: usize,
    /// Jobs that the sealer has not finished.
    jobs: Mutex<usize>,
    job_done: Condvar,
    /// To this partition's own writer.
    pub to_writer: Sender<Message>,
}

/// What the sealer does, in order.
pub enum Job {
    Seal(Arc<Frozen>),
    Delete {
        sequence: u64,
        deletion: Deletion,
        done: Sender<Result<u64, String>>,
    },
    Merge(MergeRequest),
}

/// Series whose blocks in a shard are to be merged.
pub struct MergeRequest {
    pub bucket: BucketId,
    pub shard: i64,
    pub series: RoaringBitmap,
    pub writers: usize,
    /// Hears of the series that there was no time for, and of how many blocks went.
    pub done: Sender<(RoaringBitmap, usize)>,
}

/// A sealer merges that long; seals must not wait.
const MERGE_AT_ONCE: Duration = Duration::from_millis(50);

impl Partition {
    pub fn new(
        number: u16,
        head: Arc<Head>,
        store: Arc<Store>,
        (shards, pages): (Arc<Shards>, Arc<Pages>),
        counters: Arc<Counters>,
        head_max_bytes: usize,
        to_writer: Sender<Message>,
    ) -> Self {
        let head_epoch = head.epoch();
        Self {
            number,
            head,
            pace: Pace::default(),
            store,
            shards,
            pages,
            counters,
            queued_to: AtomicU64::new(0),
            sequence: AtomicU64::new(0),
            entries: AtomicU64::new(0),
            frozen_entries: AtomicU64::new(0),
            sealed_entries: AtomicU64::new(0),
            journaled_bytes: AtomicU64::new(0),
            journaled_values: AtomicU64::new(0),
            head_since: Mutex::default(),
            first_generation: u64::from(head_epoch) << 32,
            head_max_bytes,
            jobs: Mutex::new(0),
            job_done: Condvar::new(),
            to_writer,
        }
    }

    pub fn stored(&self) -> Stored<'_> {
        Stored {
            store: &self.store,
            shards: &self.shards,
            pages: &self.pages,
        }
    }

    /// Counts entries that went into the journal, or were found there.
    pub fn journaled(&self, entries: u64, bytes: u64, values: u64) {
        self.journaled_values.fetch_add(values, Ordering::Relaxed);
        self.entries.fetch_add(entries, Ordering::AcqRel);
        self.journaled_bytes.fetch_add(bytes, Ordering::Relaxed);
        if entries > 0 {
            self.head_since.lock().get_or_insert_with(Instant::now);
        }
    }

    /// Entries that a restart would replay.
    pub fn unsealed_entries(&self) -> u64 {
        let sealed = self.sealed_entries.load(Ordering::Acquire);
        self.entries.load(Ordering::Acquire).saturating_sub(sealed)
    }

    /// Sends a message; called for each sequence in order.
    pub fn hand_over(
        &self,
        sender: &Sender<Message>,
        sequence: u64,
        message: impl FnOnce() -> Message,
    ) -> bool {
        self.pace.queue();
        self.queued_to.store(sequence, Ordering::Release);
        sender.send(message()).is_ok()
    }

    /// Waits until every batch up to `sequence` that was handed to this writer is journaled.
    ///
    /// Two sealers that wait for each other's writers can't block each other: a writer waits for its own
    /// sealer only after it has journaled everything up to its frozen head's watermark, so the sealer with
    /// the lower watermark goes on.
    pub fn wait_journaled(&self, sequence: u64) {
        let target = sequence.min(self.queued_to.load(Ordering::Acquire));
        self.pace
            .wait_until(|| self.sequence.load(Ordering::Acquire) >= target);
    }

    /// Whether the head is large or old enough to be sealed.
    pub fn wants_seal(&self) -> bool {
        self.head.bytes() >= self.head_max_bytes
            || self.journaled_bytes.load(Ordering::Relaxed) >= JOURNAL_SEAL_BYTES
            || self.has_many_values()
            || self.is_old()
    }

    fn has_many_values(&self) -> bool {
        let values = self.journaled_values.load(Ordering::Relaxed);
        // Most series have more than one field, so this is more than the rows.
        values >= JOURNAL_SEAL_VALUES && values / ROWS_GOOD >= self.head.series_count() as u64 * 8
    }

    pub fn is_old(&self) -> bool {
        let since = *self.head_since.lock();
        since.is_some_and(|since| since.elapsed() >= HEAD_AGE_MAX)
    }

    /// Waits until the sealer has nothing to do.
    pub fn wait_sealed(&self) {
        let mut jobs = self.jobs.lock();
        while *jobs > 0 {
            self.job_done
                .wait_for(&mut jobs, Duration::from_millis(200));
        }
    }

    pub fn start_job(&self, to_sealer: &Sender<Job>, job: Job) {
        *self.jobs.lock() += 1;
        if to_sealer.send(job).is_err() {
            log::error!("the sealer of writer {} is gone", self.number);
            self.end_job();
        }
    }

    pub fn end_job(&self) {
        *self.jobs.lock() -= 1;
        self.job_done.notify_all();
    }

    /// Freezes the head and hands it to `to_sealer`; the caller has seen that no seal is under way.
    pub fn start_seal(&self, to_sealer: &Sender<Job>) {
        if self.unsealed_entries() == 0 {
            return;
        }
        let frozen = self.head.freeze(self.sequence.load(Ordering::Acquire));
        let entries = self.entries.load(Ordering::Acquire);
        self.frozen_entries.store(entries, Ordering::Release);
        self.journaled_bytes.store(0, Ordering::Relaxed);
        self.journaled_values.store(0, Ordering::Relaxed);
        *self.head_since.lock() = None;
        self.start_job(to_sealer, Job::Seal(frozen));
    }

    /// Does one job. A failure is tried again: what is not done stays in the journal.
    pub fn work(&self, job: Job, index: &SeriesIndex) {
        match job {
            Job::Seal(frozen) => self.seal(&frozen),
            Job::Merge(request) => self.merge(request, index),
            Job::Delete {
                sequence,
                deletion,
                done,
            } => {
                let bucket = deletion.bucket;
                let touched = retrying("deleting", || {
                    self.delete(sequence, &deletion, |id| index.fields_of(bucket, id))
                });
                let message = Message::DropEmpty {
                    bucket,
                    series: deletion.series(),
                    // Who asked may have given up waiting.
                    done: Box::new(move || drop(done.send(Ok(touched)))),
                };
                if let Err(full) = self.to_writer.try_send(message)
                    && let Message::DropEmpty { done, .. } = full.into_inner()
                {
                    done();
                }
            }
        }
    }

    /// Seals what is frozen. A failure leaves it frozen, in the journal, and is tried again.
    pub fn seal(&self, frozen: &Arc<Frozen>) {
        let started = Instant::now();
        let sealed = retrying("sealing", || {
            seal(
                &self.store,
                &self.shards,
                self.number,
                frozen,
                self.head.epoch(),
            )
        });
        self.counters.seals.fetch_add(1, Ordering::Relaxed);
        let records = sealed.records;
        self.counters.blocks.fetch_add(records, Ordering::Relaxed);
        self.pages.added(&sealed.pages);
        for ((bucket, shard), blocks) in &sealed.blocks {
            self.shards.note_blocks(*bucket, *shard, *blocks);
        }
        let entries = self.frozen_entries.load(Ordering::Acquire);
        self.sealed_entries.store(entries, Ordering::Release);
        log::debug!(
            "writer {} sealed {} series as {records} blocks and pages in {:?}",
            self.number,
            frozen.series.len(),
            started.elapsed()
        );
        self.head.release(frozen);
    }

    /// Merges blocks of the series that are this writer's.
    fn merge(&self, mut request: MergeRequest, index: &SeriesIndex) {
        let started = Instant::now();
        let mut gone = 0;
        while let Some(id) = request.series.min()
            && started.elapsed() < MERGE_AT_ONCE
        {
            request.series.remove(id);
            match self.merge_series(&request, SeriesId(id), index) {
                Ok(blocks) => gone += blocks,
                Err(error) => log::error!("blocks were not merged: {error}"),
            }
        }
        // Who asked may have stopped.
        drop(request.done.send((request.series, gone)));
    }

    fn merge_series(
        &self,
        request: &MergeRequest,
        series: SeriesId,
        index: &SeriesIndex,
    ) -> Result<usize, StorageError> {
        let record = keys::series_by_id(request.bucket, series);
        let Some(key) = self.store.get(families::SERIES, &record)? else {
            return Ok(0);
        };
        let owner = owner_of(SeriesKey::hash64(&key), request.writers);
        if owner != usize::from(self.number) {
            return Ok(0);
        }
        let fields = index.fields_of(request.bucket, series)?;
        let place = (request.bucket, request.shard);
        merge_series(self.stored(), place, series, &fields)
    }

    /// Carries out a deletion; everything before it in the journal is sealed. `fields_of` gives all fields
    /// of a series.
    pub fn delete(
        &self,
        sequence: u64,
        deletion: &Deletion,
        fields_of: impl FnMut(SeriesId) -> Result<Vec<FieldId>, StorageError>,
    ) -> Result<u64, StorageError> {
        let since = self.first_generation;
        let touched = deletion.carry_out(self.stored(), since, fields_of)?;
        trim(&self.store, self.number, sequence, self.head.epoch())?;
        let entries = self.entries.load(Ordering::Acquire);
        if self.sequence.load(Ordering::Acquire) == sequence {
            self.sealed_entries.store(entries, Ordering::Release);
        }
        Ok(touched)
    }
}

/// The writer that owns a series.
pub fn owner_of(hash: u64, writers: usize) -> usize {
    usize::try_from(hash).unwrap_or_default() % writers.max(1)
}

/// Tries until it works, ever more slowly.
fn retrying<T>(what: &str, mut work: impl FnMut() -> Result<T, StorageError>) -> T {
    let mut pause = Duration::from_millis(100);
    loop {
        match work() {
            Ok(done) => return done,
            Err(error) => {
                log::error!("{what} failed, trying again in {pause:?}: {error}");
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_secs(10));
            }
        }
    }
}
