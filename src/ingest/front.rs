//! The front door of the write path, and the place where its parts are put together.

use super::api::{Acknowledgement, PointWriter, RejectedSample, WriteError, WriteFigures};
use super::housekeeping::Compaction;
use super::outbound::{QueueSettings, Queues};
use super::partition::owner_of;
use super::partition::{Counters, Job, Partition};
use super::queue::{BATCHES_MAX, Room};
use super::recovery::Recovery;
use super::rejected::Rejections;
use super::submission::{Message, Submission};
use super::writer::Writer;
use super::{housekeeping, monitor};
use crate::engine::head::Head;
use crate::engine::pages::Pages;
use crate::engine::scan::Scanner;
use crate::engine::seal::Watermark;
use crate::engine::shards::Shards;
use crate::engine::source::SeriesPredicate;
use crate::line_protocol::{ParseOptions, ParsedBatch, Parser, Reason};
use crate::model::{BucketId, BucketSettings, Id, Precision, TimeRange};
use crate::series::fields::{FieldRegistry, SchemaScope};
use crate::series::ids::SeriesIds;
use crate::series::index::SeriesIndex;
use crate::series::reader::{Progress, Reader};
use crate::series::table::SeriesTable;
use crate::storage::keys::{self, ReplicationKey};
use crate::storage::space::Space;
use crate::storage::{StorageError, Store, SyncMode, families};
use crossbeam_channel::{Receiver, Sender, bounded};
use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Cross-batch caches of one parser, bytes.
const PARSER_CACHE_BYTES: usize = 4 << 20;
/// Parsers that wait for their next batch, over all buckets.
const PARSERS_MAX: usize = 8;
/// How often rejections are written to `_monitoring`.
const MONITOR_EVERY: Duration = Duration::from_millis(500);
/// Deletions whose space is yet to be given back.
const COMPACTIONS_MAX: usize = 256;
/// Room in a channel for messages that are no batches.
const CONTROL_MESSAGES: usize = 64;

#[derive(Debug, Clone)]
pub struct IngestOptions {
    pub writers: u16,
    pub queue_max_bytes: usize,
    /// Acknowledge what is queued, before it is journaled.
    pub acknowledge_queued: bool,
    /// All writers together.
    pub head_max_bytes: usize,
    pub scope: SchemaScope,
    /// 0: no limit.
    pub max_series_per_bucket: u32,
    /// With less free space writes are refused; 0: never.
    pub min_free_bytes: u64,
}

enum State {
    /// Entries replayed so far.
    Recovering(u64),
    Running,
    Stopping,
    Failed(StorageError),
}

/// The write path. Cheap to share.
pub struct Ingest {
    options: IngestOptions,
    pub(super) store: Arc<Store>,
    pub(super) shards: Arc<Shards>,
    pub(super) pages: Arc<Pages>,
    fields: Arc<FieldRegistry>,
    ids: Arc<SeriesIds>,
    pub(super) index: Arc<SeriesIndex>,
    pub(super) partitions: Vec<Arc<Partition>>,
    pub(super) senders: Vec<Sender<Message>>,
    receivers: Mutex<Vec<Receiver<Message>>>,
    room: Arc<Room>,
    pub(super) buckets: RwLock<HashMap<BucketId, BucketSettings>>,
    parsers: Mutex<Vec<(BucketId, Parser)>>,
    /// Sequence of the last batch; held while one is handed over, so that all writers see one order.
    pub(super) order: Mutex<u64>,
    rejections: Arc<Rejections>,
    queues: Arc<Queues>,
    counters: Arc<Counters>,
    state: RwLock<State>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// May be in a long compaction, so it is ended in its own way.
    housekeeper: Mutex<Option<JoinHandle<()>>>,
    pub(super) compactions: (Sender<Compaction>, Receiver<Compaction>),
    /// Dropped to stop the housekeeping threads.
    stop: Mutex<Option<Sender<()>>>,
    space: Space,
    /// Writers of the run before this one, when it had another number of them.
    former_writers: Option<u16>,
}

impl Ingest {
    /// Builds everything from what is stored. Nothing is replayed nor written yet.
    pub fn open(store: Arc<Store>, options: IngestOptions) -> Result<Arc<Self>, StorageError> {
        let shards = Arc::new(Shards::load(&store)?);
        let pages = Arc::new(Pages::new(Arc::clone(&store)));
        let fields = Arc::new(FieldRegistry::new(Arc::clone(&store), options.scope));
        let ids = Arc::new(SeriesIds::new(
            Arc::clone(&store),
            options.max_series_per_bucket,
        ));
        let index = Arc::new(SeriesIndex::new(Arc::clone(&store), Arc::clone(&fields)));
        let counters = Arc::new(Counters::default());
        let former = former_writers(&store)?;
        let watermarks = watermarks(&store, former.unwrap_or(0).max(options.writers))?;
        let epoch = watermarks
            .iter()
            .map(|mark| mark.epoch)
            .max()
            .unwrap_or(0)
            .saturating_add(1);
        // A head may be frozen while the next one fills: two of them are the bound.
        let head_max_bytes = options.head_max_bytes / (2 * usize::from(options.writers.max(1)));
        let mut partitions = Vec::new();
        let (mut senders, mut receivers) = (Vec::new(), Vec::new());
        for number in 0..options.writers.max(1) {
            let (sender, receiver) = bounded(BATCHES_MAX + CONTROL_MESSAGES);
            let partition = Partition::new(
                number,
                Arc::new(Head::new(epoch)),
                Arc::clone(&store),
                (Arc::clone(&shards), Arc::clone(&pages)),
                Arc::clone(&counters),
                head_max_bytes,
                sender.clone(),
            );
            let sealed = watermarks
                .get(usize::from(number))
                .copied()
                .unwrap_or_default();
            partition.sequence.store(sealed.sequence, Ordering::Release);
            partitions.push(Arc::new(partition));
            senders.push(sender);
            receivers.push(receiver);
        }
        Ok(Arc::new(Self {
            space: Space::new(store.path(), options.min_free_bytes),
            room: Room::new(options.queue_max_bytes),
            former_writers: former.filter(|former| *former != options.writers.max(1)),
            options,
            store,
            shards,
            pages,
            fields,
            ids,
            index,
            partitions,
            senders,
            receivers: Mutex::new(receivers),
            buckets: RwLock::default(),
            parsers: Mutex::default(),
            order: Mutex::new(0),
            rejections: Arc::default(),
            queues: Arc::default(),
            counters,
            state: RwLock::new(State::Recovering(0)),
            threads: Mutex::default(),
            housekeeper: Mutex::default(),
            compactions: bounded(COMPACTIONS_MAX),
            stop: Mutex::new(None),
        }))
    }

    /// How queries read.
    pub fn reader(self: &Arc<Self>) -> Reader {
        Reader {
            scanner: Scanner {
                store: Arc::clone(&self.store),
                shards: Arc::clone(&self.shards),
                pages: Arc::clone(&self.pages),
                heads: self
                    .partitions
                    .iter()
                    .map(|p| Arc::clone(&p.head))
                    .collect(),
            },
            index: Arc::clone(&self.index),
            progress: Arc::<Self>::clone(self),
        }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What is to be sent to remotes.
    pub fn queues(&self) -> &Queues {
        &self.queues
    }

    /// Every writer is done with all batches up to this sequence: queues have all there will be of them.
    pub fn settled(&self) -> u64 {
        let order = self.order.lock();
        let unsettled = self.partitions.iter().filter_map(|partition| {
            let done = partition.sequence.load(Ordering::Acquire);
            (done < partition.queued_to.load(Ordering::Acquire)).then_some(done)
        });
        unsettled.min().unwrap_or(*order)
    }

    /// Why recovery failed, if it did.
    pub fn failure(&self) -> Option<StorageError> {
        match &*self.state.read() {
            State::Failed(error) => Some(error.clone()),
            _ => None,
        }
    }

    /// Replays the journal, then starts the writers. All buckets must have been told before.
    pub fn recover_and_run(self: &Arc<Self>) -> Result<(), StorageError> {
        let result = self.recover().and_then(|()| self.spawn_threads());
        let state = match &result {
            Ok(()) => State::Running,
            Err(error) => State::Failed(error.clone()),
        };
        *self.state.write() = state;
        result
    }

    fn recover(&self) -> Result<(), StorageError> {
        let started = Instant::now();
        let shard_ns = |bucket| self.buckets.read().get(&bucket).map(|found| found.shard_ns);
        let sealed = watermarks(&self.store, self.stored_writers())?;
        let progress = |entries| {
            if let State::Recovering(so_far) = &mut *self.state.write() {
                *so_far += entries;
            }
        };
        let new_table = || self.new_table();
        let recovery = Recovery {
            store: &self.store,
            sealed: sealed.iter().map(|mark| mark.sequence).collect(),
            same_writers: self.former_writers.is_none(),
            fields: &self.fields,
            new_table: &new_table,
            progress: &progress,
            partitions: &self.partitions,
            shard_ns: &shard_ns,
        };
        let replayed = recovery.replay()?;
        let sequences = self
            .partitions
            .iter()
            .map(|partition| partition.sequence.load(Ordering::Acquire));
        *self.order.lock() = sequences.max().unwrap_or(0).max(replayed.last_sequence);
        self.counters
            .replayed_entries
            .store(replayed.entries, Ordering::Relaxed);
        if replayed.entries + replayed.skipped > 0 {
            log::info!(
                "recovered {} points from {} journal entries in {:?} ({} of deleted buckets skipped)",
                replayed.points,
                replayed.entries,
                started.elapsed(),
                replayed.skipped,
            );
        }
        if self.former_writers.is_some() {
            self.seal_for_other_writers()?;
        }
        if !replayed.incomplete.is_empty() {
            log::info!(
                "{} journal entries of batches that a crash cut off before they were acknowledged are dropped",
                replayed.incomplete.len()
            );
        }
        let mut group = self.store.group();
        let queues = self.queues.all();
        for (partition, sequence) in &replayed.incomplete {
            group.delete(families::JOURNAL, keys::journal(*partition, *sequence));
            for queue in &queues {
                let key = ReplicationKey {
                    replication: queue.id,
                    sequence: *sequence,
                    partition: *partition,
                };
                group.delete(families::REPLICATION, key.encode());
            }
        }
        group.put(
            families::META,
            keys::META_PARTITIONS,
            self.options.writers.to_be_bytes(),
        );
        self.store.write(group, true)?;
        let queued_to = self.queues.measure(&self.store)?;
        let mut order = self.order.lock();
        *order = order.max(queued_to);
        Ok(())
    }

    /// With another number of writers a series changes its owner: everything is sealed, and the journals
    /// begin anew, so that no entry is replayed out of order later.
    fn seal_for_other_writers(&self) -> Result<(), StorageError> {
        for partition in &self.partitions {
            let frozen = partition
                .head
                .freeze(partition.sequence.load(Ordering::Acquire));
            partition.seal(&frozen);
        }
        let former = self.former_writers.unwrap_or(0);
        let mut group = self.store.group();
        for number in 0..former {
            group.delete_range(
                families::JOURNAL,
                keys::journal(number, 0),
                keys::journal(number, u64::MAX),
            );
        }
        self.store.write(group, true)
    }

    /// Writers that may have a journal.
    fn stored_writers(&self) -> u16 {
        let former = self.former_writers.unwrap_or(0);
        former.max(self.options.writers)
    }

    fn new_table(&self) -> SeriesTable {
        SeriesTable::new(
            Arc::clone(&self.store),
            Arc::clone(&self.fields),
            Arc::clone(&self.ids),
        )
    }

    fn spawn_threads(self: &Arc<Self>) -> Result<(), StorageError> {
        let mut threads = self.threads.lock();
        for (partition, messages) in self.partitions.iter().zip(self.receivers.lock().drain(..)) {
            let (to_sealer, jobs) = bounded(1);
            let sealer = Arc::clone(partition);
            let all = self.partitions.clone();
            let index = Arc::clone(&self.index);
            threads.push(spawn(format!("sealer-{}", partition.number), move || {
                for job in jobs {
                    // Nothing may be stored, or gone, by a batch or deletion that another writer could still
                    // lose.
                    let sequence = match &job {
                        Job::Seal(frozen) => frozen.watermark,
                        Job::Delete { sequence, .. } => *sequence,
                        Job::Merge(_) => 0,
                    };
                    all.iter()
                        .for_each(|partition| partition.wait_journaled(sequence));
                    sealer.work(job, &index);
                    sealer.end_job();
                }
            })?);
            let writer = Writer::new(
                Arc::clone(partition),
                self.new_table(),
                Arc::clone(&self.index),
                Arc::clone(&self.rejections),
                messages,
                to_sealer,
                (self.partitions.len(), Arc::clone(&self.queues)),
            );
            threads.push(spawn(format!("writer-{}", partition.number), move || {
                writer.run()
            })?);
        }
        let (stop, stopped) = bounded::<()>(0);
        *self.stop.lock() = Some(stop);
        if let SyncMode::Interval(every) = self.store.sync_mode() {
            let store = Arc::clone(&self.store);
            let stopped = stopped.clone();
            threads.push(spawn("sync".to_owned(), move || {
                while stopped
                    .recv_timeout(every)
                    .is_err_and(|error| error.is_timeout())
                {
                    if let Err(error) = store.sync()
                        && store.sync_failure().is_some()
                    {
                        log::error!("{error}; nothing is acknowledged any more until a restart");
                        break;
                    }
                }
            })?);
        }
        let ingest = Arc::downgrade(self);
        let stopping = stopped.clone();
        let housekeeper = spawn("housekeeper".to_owned(), move || {
            housekeeping::run(&ingest, &stopping);
        })?;
        *self.housekeeper.lock() = Some(housekeeper);
        let ingest = Arc::downgrade(self);
        threads.push(spawn("monitor".to_owned(), move || {
            while stopped
                .recv_timeout(MONITOR_EVERY)
                .is_err_and(|error| error.is_timeout())
            {
                let Some(ingest) = ingest.upgrade() else {
                    break;
                };
                ingest.report_rejections();
                ingest.make_space();
            }
        })?);
        Ok(())
    }

    /// Writes what is queued, seals everything and ends all threads.
    pub fn stop(&self) {
        self.report_rejections();
        drop(self.stop.lock().take());
        let order = self.order.lock();
        *self.state.write() = State::Stopping;
        for sender in &self.senders {
            // A writer that never started has nothing to finish.
            let _ = sender.try_send(Message::Stop);
        }
        drop(order);
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                log::error!("a thread of the write path had panicked");
            }
        }
        if let Err(error) = self.store.flush() {
            log::error!("the last flush failed; the journal has everything: {error}");
        }
        self.give_back_journal();
        self.end_housekeeping();
    }

    /// What a crash has left of the journal in table files is no more than space when all is sealed.
    fn give_back_journal(&self) {
        let partitions = self.partitions.iter();
        if partitions
            .map(|partition| partition.unsealed_entries())
            .sum::<u64>()
            > 0
        {
            return;
        }
        let end = [u8::MAX; 11];
        if let Err(error) = self.store.drop_files_in_range(families::JOURNAL, &[], &end) {
            log::warn!("the space of the journal was not given back: {error}");
        }
    }

    fn end_housekeeping(&self) {
        self.store.cancel_background_work();
        if let Some(housekeeper) = self.housekeeper.lock().take()
            && housekeeper.join().is_err()
        {
            log::error!("the housekeeper had panicked");
        }
    }

    /// Ends all threads without sealing, as a crash would.
    #[cfg(test)]
    pub(super) fn abandon(&self) {
        drop(self.stop.lock().take());
        for sender in &self.senders {
            let _ = sender.try_send(Message::Abandon);
        }
        self.threads
            .lock()
            .drain(..)
            .for_each(|thread| drop(thread.join()));
        self.end_housekeeping();
    }

    fn report_rejections(&self) {
        let now_ns = crate::clock::now_ns();
        for (bucket, lines) in monitor::lines(&self.rejections.take(), now_ns) {
            match self.write(bucket, lines.as_bytes(), Precision::Nanoseconds, now_ns) {
                // Nobody waits for the acknowledgement; the points are journaled like all others.
                Ok(acknowledgement) => drop(acknowledgement),
                Err(error) => log::warn!("rejections were not written to _monitoring: {error}"),
            }
        }
    }

    /// On a full disk, replications that may drop what is oldest do so, for writes to go on.
    fn make_space(&self) {
        let Some(lack) = self.space.lack() else {
            return;
        };
        match self.queues.shrink(&self.store) {
            Ok(false) => {}
            Ok(true) => log::warn!("queues of replications were made smaller: {lack}"),
            Err(error) => log::error!("queues of replications were not made smaller: {error}"),
        }
    }

    fn parse(
        &self,
        bucket: BucketId,
        body: &[u8],
        options: ParseOptions,
    ) -> Result<ParsedBatch, WriteError> {
        let pooled = {
            let mut parsers = self.parsers.lock();
            let found = parsers.iter().position(|(owner, _)| *owner == bucket);
            found.map(|at| parsers.swap_remove(at).1)
        };
        let mut parser = pooled.unwrap_or_else(|| Parser::new(PARSER_CACHE_BYTES));
        let parsed = parser.parse(body, options);
        let mut parsers = self.parsers.lock();
        if parsers.len() >= PARSERS_MAX {
            parsers.swap_remove(0);
        }
        parsers.push((bucket, parser));
        parsed.map_err(|error| match error.reason() {
            Reason::BatchTooLarge(max_bytes) => WriteError::TooLarge {
                needed_bytes: max_bytes.saturating_add(1),
                max_bytes: *max_bytes,
            },
            _ => WriteError::Parse(error),
        })
    }

    /// Hands the batch to the writers that own its series.
    pub(super) fn submit(
        &self,
        bucket: BucketId,
        batch: ParsedBatch,
        now_ns: i64,
    ) -> Result<Acknowledgement, WriteError> {
        let room = self.room.reserve(batch.memory_bytes()).inspect_err(|_| {
            self.counters.overloaded.fetch_add(1, Ordering::Relaxed);
        })?;
        let promises = self
            .queues
            .promise(bucket, batch.memory_bytes() as u64)
            .map_err(|queue| WriteError::ReplicationFull {
                replication: queue.id,
                queued_bytes: queue.bytes(),
                max_bytes: queue.settings().max_bytes,
            })?;
        let room = (room, promises);
        // Held until the batch is queued, so that a bucket's deletion comes wholly before or after it.
        let buckets = self.buckets.read();
        let settings = *buckets.get(&bucket).ok_or_else(|| unknown_bucket(bucket))?;
        let owners = batch.series.iter().fold(0_u64, |owners, series| {
            owners | 1 << owner_of(series.hash, self.senders.len())
        });
        let (sender, receiver) = oneshot::channel();
        let acknowledge_queued = self.options.acknowledge_queued;
        let sender = (!acknowledge_queued).then_some(sender);
        let mut order = self.order.lock();
        if let Some(reason) = self.not_ready() {
            return Err(WriteError::Unavailable(reason));
        }
        *order += 1;
        let sequence = *order;
        let submission = Submission::new((sequence, owners), settings, batch, now_ns, room, sender);
        let submission = Arc::new(submission);
        let all = self.senders.iter().zip(&self.partitions);
        for (sender, partition) in all.filter(|(_, p)| owners & (1 << p.number) != 0) {
            // The reservation guarantees a place.
            let message = || Message::Write(Arc::clone(&submission));
            if !partition.hand_over(sender, sequence, message) {
                submission.done(Err("the writers have ended".to_owned()));
            }
        }
        drop(order);
        drop(buckets);
        self.counters.batches.fetch_add(1, Ordering::Relaxed);
        if acknowledge_queued {
            return Ok(Box::pin(std::future::ready(Ok(()))));
        }
        Ok(Box::pin(async move {
            receiver.await.unwrap_or_else(|_| {
                Err(WriteError::Unavailable("the writers have ended".to_owned()))
            })
        }))
    }

    fn forget_in_writers(&self, bucket: BucketId) {
        let (done, all_done) = bounded(self.senders.len());
        for (sender, partition) in self.senders.iter().zip(&self.partitions) {
            partition.pace.queue();
            if sender.send(Message::Forget(bucket, done.clone())).is_err() {
                partition.pace.apply(1);
            }
        }
        drop(done);
        all_done.into_iter().for_each(drop);
    }

    fn delete_stored(&self, bucket: BucketId) -> Result<(), StorageError> {
        let _alone = self.pages.rewriting();
        let from = keys::bucket_start(bucket).to_vec();
        let to = keys::bucket_end(bucket).map_or_else(|| vec![0xff; 9], |end| end.to_vec());
        let mut group = self.store.group();
        for family in families::BY_BUCKET {
            group.delete_range(family, &from, &to);
        }
        for shard in self.shards.of(bucket) {
            group.delete(families::META, keys::meta_shard(bucket, shard.start));
            self.shards.forget(bucket, shard.start);
        }
        self.store.write(group, true)?;
        for family in families::BY_BUCKET {
            self.store.drop_files_in_range(family, &from, &to)?;
        }
        Ok(())
    }
}

impl PointWriter for Ingest {
    fn write(
        &self,
        bucket: BucketId,
        body: &[u8],
        precision: Precision,
        now_ns: i64,
    ) -> Result<Acknowledgement, WriteError> {
        if let Some(reason) = self.not_ready() {
            return Err(WriteError::Unavailable(reason));
        }
        if let Some(lack) = self.space.lack() {
            return Err(WriteError::Unavailable(lack));
        }
        let options = ParseOptions {
            precision,
            default_time_ns: now_ns,
            batch_max_bytes: self.room.max_bytes(),
        };
        let batch = self.parse(bucket, body, options)?;
        if batch.rows.is_empty() {
            return Ok(Box::pin(std::future::ready(Ok(()))));
        }
        self.submit(bucket, batch, now_ns)
    }

    fn set_bucket(&self, settings: BucketSettings) {
        let before = self.buckets.write().insert(settings.id, settings);
        if before.is_some_and(|before| before.retention_ns != settings.retention_ns) {
            // What the new retention does not keep is dropped as shards, which needs it in blocks.
            for sender in &self.senders {
                // With a full queue the head is sealed soon anyway.
                let _ = sender.try_send(Message::Seal);
            }
        }
    }

    fn delete_bucket(&self, bucket: BucketId) -> Result<(), WriteError> {
        if let Some(reason) = self.not_ready() {
            return Err(WriteError::Unavailable(reason));
        }
        self.buckets.write().remove(&bucket);
        self.parsers.lock().retain(|(owner, _)| *owner != bucket);
        self.forget_in_writers(bucket);
        self.rejections.forget_bucket(bucket);
        let unqueued = self
            .queues
            .delete(&self.store, |queue| queue.bucket == bucket);
        self.fields.forget_bucket(bucket);
        self.ids.forget_bucket(bucket);
        let deleted = self.delete_stored(bucket);
        self.index.forget_bucket(bucket);
        deleted
            .and(unqueued)
            .map_err(|error| WriteError::Unavailable(error.to_string()))
    }

    fn set_replication(&self, settings: QueueSettings) {
        self.queues.set(settings);
    }

    fn delete_replication(&self, replication: Id) -> Result<(), WriteError> {
        self.queues
            .delete(&self.store, |queue| queue.id == replication)
            .map_err(|error| WriteError::Unavailable(error.to_string()))
    }

    fn delete(
        &self,
        bucket: BucketId,
        predicate: &SeriesPredicate,
        range: TimeRange,
    ) -> Result<(), WriteError> {
        if !self.buckets.read().contains_key(&bucket) {
            return Err(unknown_bucket(bucket));
        }
        let deleted = self.delete_points(bucket, predicate, range);
        if deleted.map_err(WriteError::Unavailable)? > 0 {
            // Not waited for: the points are gone already. One that finds no place is left to RocksDB.
            let _ = self.compactions.0.try_send(Compaction { bucket, range });
        }
        Ok(())
    }

    fn figures(&self) -> WriteFigures {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let heads = || self.partitions.iter().map(|partition| &partition.head);
        WriteFigures {
            queued_bytes: self.room.used_bytes(),
            queue_max_bytes: self.room.max_bytes(),
            accepted_batches: load(&self.counters.batches),
            accepted_points: load(&self.counters.points),
            accepted_values: load(&self.counters.values),
            refused_batches_overloaded: load(&self.counters.overloaded),
            rejected: self.rejections.counts(),
            head_bytes: heads().map(|head| head.bytes() + head.frozen_bytes()).sum(),
            head_series: heads().map(|head| head.series_count()).sum(),
            journal_entries: self.partitions.iter().map(|p| p.unsealed_entries()).sum(),
            seals: load(&self.counters.seals),
            sealed_blocks: load(&self.counters.blocks),
            series_created: load(&self.counters.series_created),
            storage: [
                "rocksdb.background-errors",
                "rocksdb.is-write-stopped",
                "rocksdb.cur-size-all-mem-tables",
                "rocksdb.total-sst-files-size",
                "rocksdb.num-running-compactions",
            ]
            .map(|name| (name, self.store.property(name)))
            .into(),
            free_bytes: self.space.free_bytes(),
            sync_failed: self.store.sync_failure().is_some(),
            syncs: self.store.syncs(),
        }
    }

    fn rejected(&self, bucket: BucketId) -> Vec<RejectedSample> {
        self.rejections.samples(bucket)
    }

    fn not_ready(&self) -> Option<String> {
        if let Some(failure) = self.store.sync_failure() {
            return Some(format!(
                "an earlier sync of the write-ahead log failed: {failure}"
            ));
        }
        match &*self.state.read() {
            State::Running => None,
            State::Recovering(entries) => Some(format!(
                "recovering: {entries} journal entries replayed so far"
            )),
            State::Stopping => Some("shutting down".to_owned()),
            State::Failed(error) => Some(error.to_string()),
        }
    }
}

impl Progress for Ingest {
    fn wait_applied(&self, timeout: Duration) -> Result<(), String> {
        if let State::Recovering(_) | State::Failed(_) = &*self.state.read() {
            return Err("the journal is not replayed yet".to_owned());
        }
        let deadline = Instant::now() + timeout;
        if self
            .partitions
            .iter()
            .all(|partition| partition.pace.wait(deadline))
        {
            return Ok(());
        }
        Err(format!(
            "acknowledged points were not applied within {timeout:?}"
        ))
    }
}

fn unknown_bucket(bucket: BucketId) -> WriteError {
    WriteError::Unavailable(format!("bucket {bucket} was deleted"))
}

fn spawn(
    name: String,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StorageError> {
    std::thread::Builder::new()
        .name(name)
        .spawn(run)
        .map_err(|error| StorageError::Io {
            what: "start of a thread",
            detail: error.to_string(),
        })
}

fn former_writers(store: &Store) -> Result<Option<u16>, StorageError> {
    let stored = store.get(families::META, keys::META_PARTITIONS)?;
    Ok(stored.and_then(|value| value.as_slice().try_into().ok().map(u16::from_be_bytes)))
}

fn watermarks(store: &Store, writers: u16) -> Result<Vec<Watermark>, StorageError> {
    (0..writers.max(1))
        .map(|number| {
            let value = store.get(families::META, &keys::meta_watermark(number))?;
            Ok(value
                .and_then(|value| Watermark::decode(&value))
                .unwrap_or_default())
        })
        .collect()
}
