//! One queue: what one replication has not sent yet, in the order in which it was accepted.
//!
//! Writers append, the replication's sender takes from the front, sends, and confirms. All on disk; in memory
//! are only figures and the place of the front.

use super::entry;
use crate::model::{BucketId, Id};
use crate::storage::keys::{self, ReplicationKey};
use crate::storage::{StorageError, Store, families};
use parking_lot::{Condvar, Mutex};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// When entries must go, so many of the bound go at once: a look at the front costs a seek.
const DROPPED_AT_ONCE: u64 = 16;
const LOG_EVERY: Duration = Duration::from_secs(10);

/// What becomes of writes when the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FullPolicy {
    /// They are refused with 503.
    Backpressure,
    /// They are written, and the oldest entries of the queue are dropped.
    OldestFirst,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueSettings {
    /// Of the replication.
    pub id: Id,
    pub bucket: BucketId,
    pub max_bytes: u64,
    pub full_policy: FullPolicy,
    /// Older entries are dropped; `None` keeps them.
    pub max_age: Option<Duration>,
}

/// Why points left a queue without having been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    Full,
    Age,
    Refused,
    Damaged,
}

impl Loss {
    pub const ALL: [Self; 4] = [Self::Full, Self::Age, Self::Refused, Self::Damaged];

    /// As metrics call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "queue_full",
            Self::Age => "max_age",
            Self::Refused => "refused",
            Self::Damaged => "damaged",
        }
    }

    const fn reason(self) -> &'static str {
        match self {
            Self::Full => "the queue was full",
            Self::Age => "they were older than maxAgeSeconds",
            Self::Refused => "the remote refused them",
            Self::Damaged => "their entry could not be read",
        }
    }
}

/// An entry that was taken.
pub struct Queued {
    pub key: ReplicationKey,
    pub bytes: Vec<u8>,
}

impl Queued {
    fn size(&self) -> u64 {
        (keys::REPLICATION_KEY_BYTES + self.bytes.len()) as u64
    }
}

#[derive(Debug, Clone, Default)]
pub struct QueueFigures {
    pub bytes: u64,
    pub max_bytes: u64,
    /// Points by cause, since the start.
    pub dropped: [u64; Loss::ALL.len()],
}

struct State {
    settings: QueueSettings,
    /// Nothing lies before it.
    front: ReplicationKey,
    /// Last entry that the sender is about to send.
    in_flight: Option<ReplicationKey>,
    closed: bool,
    /// There may be something new for the sender.
    stirred: bool,
    logged: [Option<Instant>; Loss::ALL.len()],
    /// Of each loss, since it was logged.
    silent: [u64; Loss::ALL.len()],
}

pub struct Queue {
    pub id: Id,
    pub bucket: BucketId,
    state: Mutex<State>,
    stirred: Condvar,
    /// Entries on disk, keys and values.
    bytes: AtomicU64,
    /// Of batches on their way to it, at most.
    promised: AtomicU64,
    dropped: [AtomicU64; Loss::ALL.len()],
}

impl Queue {
    pub fn new(settings: QueueSettings) -> Self {
        Self {
            id: settings.id,
            bucket: settings.bucket,
            state: Mutex::new(State {
                settings,
                front: place(settings.id, 0),
                in_flight: None,
                closed: false,
                stirred: true,
                logged: Default::default(),
                silent: Default::default(),
            }),
            stirred: Condvar::new(),
            bytes: AtomicU64::new(0),
            promised: AtomicU64::new(0),
            dropped: Default::default(),
        }
    }

    pub fn settings(&self) -> QueueSettings {
        self.state.lock().settings
    }

    pub fn set(&self, settings: QueueSettings) {
        self.state.lock().settings = settings;
        self.stir();
    }

    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    pub fn figures(&self) -> QueueFigures {
        QueueFigures {
            bytes: self.bytes(),
            max_bytes: self.settings().max_bytes,
            dropped: std::array::from_fn(|at| {
                let count = self.dropped.get(at);
                count.map_or(0, |count| count.load(Ordering::Relaxed))
            }),
        }
    }

    /// Bytes found on disk at the start.
    pub fn measured(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Release);
        self.stir();
    }

    /// Makes room for a batch; `false` when there is none. What was promised must be given back by
    /// [`Self::redeem`].
    pub fn promise(&self, bytes: u64) -> bool {
        let settings = self.settings();
        let promised = self.promised.fetch_add(bytes, Ordering::AcqRel);
        if settings.full_policy == FullPolicy::OldestFirst {
            return true;
        }
        let held = self.bytes() + promised;
        // One batch always fits an empty queue, or it could never be written.
        if held == 0 || held.saturating_add(bytes) <= settings.max_bytes {
            return true;
        }
        self.redeem(bytes);
        false
    }

    pub fn redeem(&self, bytes: u64) {
        self.promised.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// Counts an entry that was committed.
    pub fn appended(&self, key: ReplicationKey, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
        let mut state = self.state.lock();
        // Another writer's later entries may have been dropped already.
        state.front = state.front.min(key);
    }

    /// Wakes the sender.
    pub fn stir(&self) {
        let mut state = self.state.lock();
        state.stirred = true;
        self.stirred.notify_all();
    }

    /// Waits until something may have changed, at most so long.
    pub fn wait(&self, longest: Duration) {
        let deadline = Instant::now() + longest;
        let mut state = self.state.lock();
        while !state.stirred && !state.closed {
            if self.stirred.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        state.stirred = false;
    }

    /// Ends the queue: nothing is taken from it any more.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.stirred.notify_all();
    }

    pub fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// The oldest entries, up to a batch that all writers have journaled: at least one, if there is any, and
    /// further ones up to so many bytes. They stay until they are confirmed or released.
    pub fn take(
        &self,
        store: &Store,
        settled: u64,
        bytes_wanted: usize,
    ) -> Result<Vec<Queued>, StorageError> {
        let mut state = self.state.lock();
        let mut taken = Vec::new();
        let mut bytes = 0;
        if state.closed || self.bytes() == 0 {
            return Ok(taken);
        }
        let end = place(self.id, settled.saturating_add(1));
        let to = end.encode();
        store.scan(
            families::REPLICATION,
            &state.front.encode(),
            Some(&to),
            |key, value| {
                let Some(key) = ReplicationKey::decode(key) else {
                    return true;
                };
                bytes += value.len();
                if !taken.is_empty() && bytes > bytes_wanted {
                    return false;
                }
                taken.push(Queued {
                    key,
                    bytes: value.to_vec(),
                });
                true
            },
        )?;
        state.in_flight = taken.last().map(|queued| queued.key);
        Ok(taken)
    }

    /// Leaves what was taken in the queue.
    pub fn release(&self) {
        self.state.lock().in_flight = None;
    }

    /// Deletes what was taken.
    pub fn confirm(&self, store: &Store, taken: &[Queued]) -> Result<(), StorageError> {
        let mut state = self.state.lock();
        state.in_flight = None;
        if state.closed {
            return Ok(());
        }
        let mut group = store.group();
        for queued in taken {
            group.delete(families::REPLICATION, queued.key.encode());
        }
        store.write(group, false)?;
        let bytes: u64 = taken.iter().map(Queued::size).sum();
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        if let Some(last) = taken.last() {
            state.front = after(last.key);
        }
        Ok(())
    }

    /// Drops the oldest entries if so many bytes more would not fit and the policy says so. Called before
    /// they are committed.
    pub fn make_room(&self, store: &Store, bytes: u64) -> Result<(), StorageError> {
        let mut state = self.state.lock();
        let settings = state.settings;
        let held = self.bytes().saturating_add(bytes);
        if settings.full_policy != FullPolicy::OldestFirst || held <= settings.max_bytes {
            return Ok(());
        }
        let excess = (held - settings.max_bytes).max(settings.max_bytes / DROPPED_AT_ONCE);
        self.drop_oldest(&mut state, store, Loss::Full, |dropped, _| dropped < excess)
    }

    /// Whether the policy lets the oldest entries go for their space.
    pub fn gives_space(&self) -> bool {
        self.state.lock().settings.full_policy == FullPolicy::OldestFirst
    }

    /// Drops half of what there is, for its space; only where oldest entries may be dropped.
    pub fn shrink(&self, store: &Store) -> Result<bool, StorageError> {
        let mut state = self.state.lock();
        let held = self.bytes();
        if state.settings.full_policy != FullPolicy::OldestFirst || held == 0 {
            return Ok(false);
        }
        let half = held.div_ceil(2);
        self.drop_oldest(&mut state, store, Loss::Full, |dropped, _| dropped < half)?;
        Ok(true)
    }

    /// Drops entries that are too old now.
    pub fn expire(&self, store: &Store, now_ns: i64) -> Result<(), StorageError> {
        let mut state = self.state.lock();
        let Some(max_age) = state.settings.max_age else {
            return Ok(());
        };
        if self.bytes() == 0 {
            return Ok(());
        }
        let oldest = oldest_kept(now_ns, max_age);
        self.drop_oldest(&mut state, store, Loss::Age, |_, accepted_ns| {
            accepted_ns < oldest
        })
    }

    /// Drops from the front, but not what is being sent, as long as `more` says so of the bytes dropped so far
    /// and the time when the next entry was accepted.
    fn drop_oldest(
        &self,
        state: &mut State,
        store: &Store,
        loss: Loss,
        more: impl Fn(u64, i64) -> bool,
    ) -> Result<(), StorageError> {
        if state.closed {
            return Ok(());
        }
        let from = state.in_flight.map_or(state.front, after);
        let (_, to) = keys::replication_queue(self.id);
        let (mut bytes, mut points) = (0, 0);
        let mut last = None;
        // Not a range: writers may put entries between these meanwhile.
        let mut group = store.group();
        store.scan(
            families::REPLICATION,
            &from.encode(),
            Some(&to),
            |key, value| {
                let (Some(place), Ok(head)) = (ReplicationKey::decode(key), entry::head(value))
                else {
                    return true;
                };
                if !more(bytes, head.accepted_ns) {
                    return false;
                }
                bytes += (key.len() + value.len()) as u64;
                points += head.points;
                group.delete(families::REPLICATION, key);
                last = Some(place);
                true
            },
        )?;
        let Some(last) = last else {
            return Ok(());
        };
        store.write(group, false)?;
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        if state.in_flight.is_none() {
            state.front = after(last);
        }
        self.count_loss(state, loss, points, "");
        Ok(())
    }

    /// Counts points that were dropped, and says so in the log now and then.
    pub fn lost(&self, loss: Loss, points: u64, detail: &str) {
        self.count_loss(&mut self.state.lock(), loss, points, detail);
    }

    fn count_loss(&self, state: &mut State, loss: Loss, points: u64, detail: &str) {
        let at = loss as usize;
        let Some(count) = self.dropped.get(at) else {
            return;
        };
        let total = count.fetch_add(points, Ordering::Relaxed) + points;
        let (Some(logged), Some(silent)) = (state.logged.get_mut(at), state.silent.get_mut(at))
        else {
            return;
        };
        *silent += points;
        if logged.is_some_and(|at| at.elapsed() < LOG_EVERY) {
            return;
        }
        let separator = if detail.is_empty() { "" } else { ": " };
        log::warn!(
            "replication {} dropped {silent} points because {}{separator}{detail}; {total} since start",
            self.id,
            loss.reason()
        );
        *silent = 0;
        *logged = Some(Instant::now());
    }
}

/// What was accepted before it is too old.
pub fn oldest_kept(now_ns: i64, max_age: Duration) -> i64 {
    let age = i64::try_from(max_age.as_nanos()).unwrap_or(i64::MAX);
    now_ns.saturating_sub(age)
}

const fn place(replication: Id, sequence: u64) -> ReplicationKey {
    ReplicationKey {
        replication,
        sequence,
        partition: 0,
    }
}

/// The first place after an entry.
const fn after(key: ReplicationKey) -> ReplicationKey {
    match key.partition.checked_add(1) {
        Some(partition) => ReplicationKey { partition, ..key },
        None => place(key.replication, key.sequence.saturating_add(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::Names;
    use super::*;
    use crate::model::{SeriesId, SeriesKey};
    use crate::storage::{StoreOptions, SyncMode};

    fn store() -> (tempfile::TempDir, Store) {
        let directory = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            path: directory.path().join("db"),
            block_cache_bytes: 1 << 20,
            write_buffer_bytes: 1 << 20,
            sync: SyncMode::Never,
        };
        let store = Store::open(&options).unwrap();
        (directory, store)
    }

    fn settings(max_bytes: u64, full_policy: FullPolicy) -> QueueSettings {
        QueueSettings {
            id: Id::new(3).unwrap(),
            bucket: Id::new(4).unwrap(),
            max_bytes,
            full_policy,
            max_age: Some(Duration::from_secs(1)),
        }
    }

    /// An entry of about a hundred bytes and one point.
    fn append(queue: &Queue, store: &Store, sequence: u64, accepted_ns: i64) {
        let mut names = Names::default();
        names.add(SeriesId(1), &SeriesKey::new("m", []), 1);
        let bytes = names.encode(accepted_ns, &[0; 80]);
        let size = (keys::REPLICATION_KEY_BYTES + bytes.len()) as u64;
        queue.make_room(store, size).unwrap();
        let mut group = store.group();
        let key = place(queue.id, sequence);
        group.put(families::REPLICATION, key.encode(), bytes);
        store.write(group, false).unwrap();
        queue.appended(key, size);
    }

    fn sequences(taken: &[Queued]) -> Vec<u64> {
        taken.iter().map(|queued| queued.key.sequence).collect()
    }

    #[test]
    fn entries_come_in_order_once_all_writers_have_them_and_stay_until_confirmed() {
        let (_directory, store) = store();
        let queue = Queue::new(settings(10_000, FullPolicy::Backpressure));
        for sequence in [2, 1, 3] {
            append(&queue, &store, sequence, 0);
        }
        assert!(queue.take(&store, 0, 1000).unwrap().is_empty());
        assert_eq!(sequences(&queue.take(&store, 2, 1000).unwrap()), [1, 2]);
        queue.release();
        let first = queue.take(&store, 9, 1).unwrap();
        assert_eq!(sequences(&first), [1], "one whatever its size");
        queue.confirm(&store, &first).unwrap();
        let rest = queue.take(&store, 9, 1000).unwrap();
        assert_eq!(sequences(&rest), [2, 3]);
        queue.confirm(&store, &rest).unwrap();
        assert_eq!(queue.bytes(), 0);
        assert!(queue.take(&store, 9, 1000).unwrap().is_empty());
    }

    #[test]
    fn a_full_queue_refuses_or_drops_its_oldest_but_not_what_is_being_sent() {
        let (_directory, store) = store();
        let refusing = Queue::new(settings(300, FullPolicy::Backpressure));
        assert!(refusing.promise(1000), "an empty queue takes one batch");
        assert!(!refusing.promise(1));
        refusing.redeem(1000);
        assert!(refusing.promise(300));

        let dropping = Queue::new(settings(500, FullPolicy::OldestFirst));
        assert!(dropping.promise(1 << 40));
        append(&dropping, &store, 1, 0);
        let taken = dropping.take(&store, 9, 1).unwrap();
        for sequence in 2..10 {
            append(&dropping, &store, sequence, 0);
            assert!(dropping.bytes() <= 500, "{}", dropping.bytes());
        }
        dropping.confirm(&store, &taken).unwrap();
        let left = sequences(&dropping.take(&store, 99, 10_000).unwrap());
        assert_eq!(left.last(), Some(&9));
        let dropped = dropping.figures().dropped[Loss::Full as usize];
        assert_eq!(dropped + left.len() as u64 + 1, 9, "{left:?}");
        assert_eq!(left, ((10 - left.len() as u64)..10).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_too_old_is_dropped_and_counted() {
        let (_directory, store) = store();
        let queue = Queue::new(settings(10_000, FullPolicy::Backpressure));
        for sequence in 0..4 {
            append(
                &queue,
                &store,
                sequence,
                i64::try_from(sequence).unwrap() * 1_000_000_000,
            );
        }
        queue.expire(&store, 2_500_000_000).unwrap();
        assert_eq!(queue.figures().dropped[Loss::Age as usize], 2);
        assert_eq!(sequences(&queue.take(&store, 9, 10_000).unwrap()), [2, 3]);
    }
}
