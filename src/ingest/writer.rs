//! A writer: the one thread that decides about the points of its series.

use super::deletion::{DeleteRequest, Deletion, targets};
use super::journal::EntryWriter;
use super::outbound::entry::Names;
use super::outbound::{Queue, Queues};
use super::partition::owner_of;
use super::partition::{Job, Partition};
use super::rejected::{Reason, Rejection, Rejections};
use super::sample;
use super::submission::{Message, Submission};
use crate::engine::rewrite::has_points;
use crate::engine::run::{ColumnIn, RowsIn};
use crate::line_protocol::batch::FieldLayout;
use crate::model::{BucketId, FieldType, SeriesId, SeriesKey};
use crate::series::fields::FieldSet;
use crate::series::index::SeriesIndex;
use crate::series::table::{Found, SeriesTable};
use crate::storage::keys::{self, ReplicationKey};
use crate::storage::{StorageError, WriteGroup, families};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use hashbrown::HashMap;
use roaring::RoaringBitmap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Batches that are committed together. More would only delay the first.
const GROUP_BATCHES_MAX: usize = 64;
/// How often an idle writer looks at the age of its head.
const AGE_CHECK: Duration = Duration::from_secs(30);
const LOG_EVERY: Duration = Duration::from_secs(10);
/// Series that are forgotten in one group.
const DROP_SERIES: usize = 1024;
/// Resolved layouts that are remembered.
const RESOLVED_MAX: usize = 4096;

pub struct Writer {
    pub partition: Arc<Partition>,
    pub table: SeriesTable,
    pub index: Arc<SeriesIndex>,
    pub rejections: Arc<Rejections>,
    pub messages: Receiver<Message>,
    pub to_sealer: Sender<Job>,
    /// Number of writers; a series belongs to `hash % writers`.
    pub writers: usize,
    pub queues: Arc<Queues>,
    resolved: HashMap<(usize, usize), Resolved>,
    pieces: Vec<Piece>,
    times: Vec<i64>,
    starts: Vec<u32>,
    changed: Vec<(BucketId, SeriesId)>,
    /// Queues that got entries in this group.
    replicated: Vec<Arc<Queue>>,
    failures: Failures,
}

/// Batches that could not be written: each is answered, not each is logged.
#[derive(Default)]
struct Failures {
    logged: Option<Instant>,
    /// Batches since then.
    silent: usize,
}

impl Failures {
    fn log(&mut self, batches: usize, error: &StorageError) {
        self.silent += batches;
        if self.logged.is_some_and(|at| at.elapsed() < LOG_EVERY) {
            return;
        }
        log::error!(
            "{} batches were not written (their clients were told): {error}",
            self.silent
        );
        *self = Self {
            logged: Some(Instant::now()),
            silent: 0,
        };
    }
}

/// What a layout means for a series' fields.
struct Resolved {
    outcome: Outcome,
    // Held so that the addresses in the map's keys stay theirs.
    _fields: Arc<FieldSet>,
    _layout: Arc<FieldLayout>,
}

#[derive(Clone)]
enum Outcome {
    Columns(Arc<[ColumnIn]>),
    Conflict {
        field: Arc<str>,
        got: FieldType,
        want: FieldType,
    },
}

/// A series that rows are for.
struct Target<'a> {
    bucket: BucketId,
    /// Its place in the batch.
    number: usize,
    key: &'a SeriesKey,
    place: usize,
}

/// Accepted rows of one series, as places in `times` and `starts`.
struct Piece {
    submission: usize,
    /// Places of series and layout in the batch.
    number: usize,
    layout: u32,
    series: SeriesId,
    columns: Arc<[ColumnIn]>,
    from: usize,
    to: usize,
}

impl Writer {
    pub fn new(
        partition: Arc<Partition>,
        table: SeriesTable,
        index: Arc<SeriesIndex>,
        rejections: Arc<Rejections>,
        messages: Receiver<Message>,
        to_sealer: Sender<Job>,
        (writers, queues): (usize, Arc<Queues>),
    ) -> Self {
        Self {
            partition,
            table,
            index,
            rejections,
            messages,
            to_sealer,
            writers,
            queues,
            resolved: HashMap::new(),
            pieces: Vec::new(),
            times: Vec::new(),
            starts: Vec::new(),
            changed: Vec::new(),
            replicated: Vec::new(),
            failures: Failures::default(),
        }
    }

    /// Works until it is told to stop, then seals everything.
    pub fn run(mut self) {
        loop {
            let message = match self.messages.recv_timeout(AGE_CHECK) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => {
                    if self.partition.is_old() {
                        self.seal();
                    }
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let mut group = Vec::new();
            let mut after = None;
            let mut next = Some(message);
            while let Some(message) = next.take() {
                match message {
                    Message::Write(submission) => group.push(submission),
                    other => {
                        after = Some(other);
                        break;
                    }
                }
                if group.len() < GROUP_BATCHES_MAX {
                    next = self.messages.try_recv().ok();
                }
            }
            if !group.is_empty() {
                self.write_group(&group);
            }
            match after {
                None | Some(Message::Write(_)) => {}
                Some(Message::Delete(request)) => self.delete(&request),
                Some(Message::DropEmpty {
                    bucket,
                    series,
                    done,
                }) => self.drop_empty(bucket, &series, done),
                Some(Message::Forget(bucket, done)) => self.forget(bucket, &done),
                Some(Message::Merge(request)) => {
                    let job = Job::Merge(request);
                    self.partition.start_job(&self.to_sealer, job);
                }
                Some(Message::Seal) => self.seal(),
                Some(Message::Stop) => break,
                #[cfg(test)]
                Some(Message::Abandon) => {
                    self.partition.wait_sealed();
                    return;
                }
            }
        }
        self.seal();
        self.partition.wait_sealed();
    }

    /// At most one frozen head beside the live one: that is the bound on memory.
    fn seal(&self) {
        self.partition.wait_sealed();
        self.partition.start_seal(&self.to_sealer);
    }

    fn write_group(&mut self, submissions: &[Arc<Submission>]) {
        let result = self.commit(submissions);
        match &result {
            Ok(()) => self.append(submissions),
            Err(error) => {
                self.failures.log(submissions.len(), error);
                self.table.clear();
            }
        }
        self.pieces.clear();
        self.times.clear();
        self.starts.clear();
        if let Some(last) = submissions.last() {
            self.partition
                .sequence
                .store(last.sequence, Ordering::Release);
        }
        self.replicated.drain(..).for_each(|queue| queue.stir());
        // Applied before acknowledged: who hears of the acknowledgement can read the points.
        self.partition.pace.apply(submissions.len() as u64);
        let outcome = result.map_err(|error| error.to_string());
        submissions
            .iter()
            .for_each(|submission| submission.done(outcome.clone()));
        self.table.shrink();
        if self.partition.wants_seal() {
            self.seal();
        }
    }

    /// Decides about all points and commits what is accepted: one atomic write.
    fn commit(&mut self, submissions: &[Arc<Submission>]) -> Result<(), StorageError> {
        let store = Arc::clone(&self.partition.store);
        let queues = Arc::clone(&self.queues);
        // Held until the group is committed.
        let appending = queues.appending();
        let mut appended = Vec::new();
        let mut group = store.group();
        let mut entries = 0_u64;
        let mut bytes = 0_u64;
        let mut values = 0_u64;
        for (number, submission) in submissions.iter().enumerate() {
            let first_piece = self.pieces.len();
            for series in 0..submission.batch.series.len() {
                self.accept(number, submission, series, &mut group)?;
            }
            let mut entry = EntryWriter::new(submission.bucket.id, submission.owners);
            for piece in self.pieces.get(first_piece..).unwrap_or_default() {
                entry.add(piece.series, &piece.columns, &self.rows(piece, submission));
            }
            let rows = entry.rows();
            // Where other writers have a part, an empty entry tells a restart that this one was done too.
            if rows > 0 || submission.owners.count_ones() > 1 {
                values += entry.values() as u64;
                let value = entry.finish();
                bytes += value.len() as u64;
                entries += 1;
                let queues = appending.of(submission.bucket.id);
                if rows > 0 && !queues.is_empty() {
                    let pieces = self.pieces.get(first_piece..).unwrap_or_default();
                    let queued = names(submission, pieces).encode(submission.accepted_ns, &value);
                    for queue in queues {
                        let key = ReplicationKey {
                            replication: queue.id,
                            sequence: submission.sequence,
                            partition: self.partition.number,
                        };
                        let size = (keys::REPLICATION_KEY_BYTES + queued.len()) as u64;
                        queue.make_room(&store, size)?;
                        group.put(families::REPLICATION, key.encode(), &queued);
                        appended.push((Arc::clone(queue), key, size));
                    }
                }
                group.put(
                    families::JOURNAL,
                    keys::journal(self.partition.number, submission.sequence),
                    value,
                );
            }
        }
        self.table.put_changes(&mut group);
        if !group.is_empty() {
            store.write(group, false)?;
        }
        for (queue, key, size) in appended {
            queue.appended(key, size);
            self.replicated.push(queue);
        }
        drop(appending);
        self.partition.journaled(entries, bytes, values);
        let counters = &self.partition.counters;
        counters
            .journal_entries
            .fetch_add(entries, Ordering::Relaxed);
        counters
            .series_created
            .fetch_add(self.table.take_created(), Ordering::Relaxed);
        self.index.fields_changed(&self.changed);
        self.changed.clear();
        Ok(())
    }

    fn append(&mut self, submissions: &[Arc<Submission>]) {
        let (mut points, mut values) = (0, 0);
        self.partition.head.append(|head| {
            for piece in &self.pieces {
                let Some(submission) = submissions.get(piece.submission) else {
                    continue;
                };
                let rows = self.rows(piece, submission);
                points += rows.times.len();
                values += rows.times.len() * rows.columns.len();
                let bucket = &submission.bucket;
                head.append(bucket.id, piece.series, bucket.shard_ns, &rows);
            }
        });
        let counters = &self.partition.counters;
        counters.points.fetch_add(points as u64, Ordering::Relaxed);
        counters.values.fetch_add(values as u64, Ordering::Relaxed);
    }

    fn rows<'a>(&'a self, piece: &'a Piece, submission: &'a Submission) -> RowsIn<'a> {
        RowsIn {
            times: self.times.get(piece.from..piece.to).unwrap_or_default(),
            starts: self.starts.get(piece.from..piece.to).unwrap_or_default(),
            columns: &piece.columns,
            values: &submission.batch.values,
            strings: &submission.batch.strings,
        }
    }

    /// Takes those rows of one series that may be written.
    fn accept(
        &mut self,
        number: usize,
        submission: &Submission,
        series: usize,
        group: &mut WriteGroup<'_>,
    ) -> Result<(), StorageError> {
        let Some(wanted) = submission.batch.series.get(series) else {
            return Ok(());
        };
        if owner_of(wanted.hash, self.writers) != usize::from(self.partition.number) {
            return Ok(());
        }
        let rows = submission.rows_of(series);
        let rows = self.without_expired(submission, series, rows);
        if rows.is_empty() {
            return Ok(());
        }
        let bucket = submission.bucket.id;
        let place = match self.table.find_or_create(bucket, &wanted.key)? {
            Found::At(place) => place,
            Found::Full { limit } => {
                self.reject_full(submission, series, &rows, limit);
                return Ok(());
            }
        };
        let mut rest = rows.as_ref();
        while let Some(first) = rest
            .first()
            .and_then(|row| submission.batch.rows.get(*row as usize))
        {
            let same = rest
                .iter()
                .take_while(|row| {
                    submission
                        .batch
                        .rows
                        .get(**row as usize)
                        .is_some_and(|r| r.layout == first.layout)
                })
                .count();
            let (run, tail) = rest.split_at(same.max(1));
            rest = tail;
            let target = Target {
                bucket,
                number: series,
                key: &wanted.key,
                place,
            };
            self.accept_run(number, submission, &target, first.layout, run, group)?;
        }
        Ok(())
    }

    /// Rows of one layout: their types decide about all of them at once.
    fn accept_run(
        &mut self,
        number: usize,
        submission: &Submission,
        target: &Target<'_>,
        layout: u32,
        rows: &[u32],
        group: &mut WriteGroup<'_>,
    ) -> Result<(), StorageError> {
        let Some(fields) = submission.batch.layouts.get(layout as usize) else {
            return Ok(());
        };
        match self.resolve(target, fields, group)? {
            Outcome::Columns(columns) => {
                let from = self.times.len();
                for row in rows
                    .iter()
                    .filter_map(|row| submission.batch.rows.get(*row as usize))
                {
                    self.times.push(row.time);
                    self.starts.push(row.values_at);
                }
                let Some(series) = self.table.get(target.place).map(|entry| entry.id) else {
                    return Ok(());
                };
                let to = self.times.len();
                self.pieces.push(Piece {
                    submission: number,
                    number: target.number,
                    layout,
                    series,
                    columns,
                    from,
                    to,
                });
            }
            Outcome::Conflict { field, got, want } => {
                self.reject_conflict(submission, target, &field, (got, want), rows);
            }
        }
        Ok(())
    }

    /// Matches a layout with the fields of a series; fields that the series lacks are defined.
    fn resolve(
        &mut self,
        target: &Target<'_>,
        layout: &Arc<FieldLayout>,
        group: &mut WriteGroup<'_>,
    ) -> Result<Outcome, StorageError> {
        let Some(entry) = self.table.get(target.place) else {
            return Ok(Outcome::Columns(Arc::new([])));
        };
        let key = (
            Arc::as_ptr(&entry.fields).addr(),
            Arc::as_ptr(layout).addr(),
        );
        if let Some(resolved) = self.resolved.get(&key) {
            return Ok(resolved.outcome.clone());
        }
        let fields = Arc::clone(&entry.fields);
        let outcome = match conflict(&fields, layout) {
            Some(conflict) => conflict,
            None => match self.define_missing(target, layout, group)? {
                // The set is another one now; its resolution is remembered under its own address.
                Some(true) => return self.resolve(target, layout, group),
                Some(false) => columns(&fields, layout),
                None => return self.measurement_conflict(target, layout),
            },
        };
        if self.resolved.len() >= RESOLVED_MAX {
            self.resolved.clear();
        }
        let resolved = Resolved {
            outcome: outcome.clone(),
            _fields: fields,
            _layout: Arc::clone(layout),
        };
        self.resolved.insert(key, resolved);
        Ok(outcome)
    }

    /// `Some(true)` when fields were added, `Some(false)` when none was missing, `None` when the
    /// measurement forbids a type.
    fn define_missing(
        &mut self,
        target: &Target<'_>,
        layout: &FieldLayout,
        group: &mut WriteGroup<'_>,
    ) -> Result<Option<bool>, StorageError> {
        let Some(entry) = self.table.get(target.place) else {
            return Ok(Some(false));
        };
        let (bucket, id) = (target.bucket, entry.id);
        let fields = Arc::clone(&entry.fields);
        let missing = layout
            .fields
            .iter()
            .filter(|(name, _)| fields.find(name).is_none());
        let mut defined = Vec::new();
        for (name, field_type) in missing {
            match self
                .table
                .define_field(bucket, target.key, name, *field_type)?
            {
                Ok(field) => defined.push(field),
                Err(_) => return Ok(None),
            }
        }
        if defined.is_empty() {
            return Ok(Some(false));
        }
        self.table
            .set_fields(bucket, target.place, &defined, group)?;
        self.changed.push((bucket, id));
        Ok(Some(true))
    }

    fn measurement_conflict(
        &mut self,
        target: &Target<'_>,
        layout: &FieldLayout,
    ) -> Result<Outcome, StorageError> {
        let Some(entry) = self.table.get(target.place) else {
            return Ok(Outcome::Columns(Arc::new([])));
        };
        let fields = Arc::clone(&entry.fields);
        for (name, got) in layout
            .fields
            .iter()
            .filter(|(name, _)| fields.find(name).is_none())
        {
            let defined = self
                .table
                .define_field(target.bucket, target.key, name, *got)?;
            if let Err(want) = defined {
                return Ok(Outcome::Conflict {
                    field: (&**name).into(),
                    got: *got,
                    want,
                });
            }
        }
        Ok(Outcome::Columns(Arc::new([])))
    }

    fn without_expired<'a>(
        &self,
        submission: &Submission,
        series: usize,
        rows: &'a [u32],
    ) -> std::borrow::Cow<'a, [u32]> {
        let time_of = |row: &u32| {
            submission
                .batch
                .rows
                .get(*row as usize)
                .map_or(0, |row| row.time)
        };
        let oldest = submission.oldest_kept;
        if rows.iter().all(|row| time_of(row) >= oldest) {
            return rows.into();
        }
        let kept: Vec<u32> = rows
            .iter()
            .copied()
            .filter(|row| time_of(row) >= oldest)
            .collect();
        let measurement = measurement_of(submission, series);
        let first = rows.iter().copied().find(|row| time_of(row) < oldest);
        let first = first.unwrap_or_default();
        self.rejections.add(Rejection {
            bucket: submission.bucket,
            reason: Reason::Retention,
            error: format!(
                "point of measurement \"{measurement}\" at {} ns is older than the bucket's \
                 retention allows (oldest kept: {oldest} ns)",
                time_of(&first)
            ),
            line: sample::line(&submission.batch, first),
            measurement,
            field: String::new(),
            types: None,
            count: (rows.len() - kept.len()) as u64,
        });
        kept.into()
    }

    fn reject_conflict(
        &self,
        submission: &Submission,
        target: &Target<'_>,
        field: &str,
        (got, want): (FieldType, FieldType),
        rows: &[u32],
    ) {
        let measurement = target.key.measurement().to_owned();
        self.rejections.add(Rejection {
            bucket: submission.bucket,
            reason: Reason::TypeConflict,
            error: format!(
                "field type conflict: input field \"{field}\" on measurement \"{measurement}\" is \
                 type {got}, already exists as type {want}"
            ),
            measurement,
            field: field.to_owned(),
            types: Some((got, want)),
            count: rows.len() as u64,
            line: line_of_first(submission, rows),
        });
    }

    fn reject_full(&self, submission: &Submission, series: usize, rows: &[u32], limit: u32) {
        let measurement = measurement_of(submission, series);
        self.rejections.add(Rejection {
            bucket: submission.bucket,
            reason: Reason::SeriesLimit,
            error: format!(
                "a new series of measurement \"{measurement}\" would exceed [limits] \
                 max-series-per-bucket = {limit}"
            ),
            measurement,
            field: String::new(),
            types: None,
            count: rows.len() as u64,
            line: line_of_first(submission, rows),
        });
    }

    /// Journals a deletion and hands it to the sealer.
    fn delete(&mut self, request: &DeleteRequest) {
        let journaled = self.journal_deletion(request);
        self.partition
            .sequence
            .store(request.sequence, Ordering::Release);
        self.partition.pace.apply(1);
        match journaled {
            Ok(deletion) => {
                let job = Job::Delete {
                    sequence: request.sequence,
                    deletion,
                    done: request.done.clone(),
                };
                self.partition.start_job(&self.to_sealer, job);
            }
            // Who asked may have given up waiting.
            Err(error) => drop(request.done.send(Err(error.to_string()))),
        }
    }

    fn journal_deletion(&mut self, request: &DeleteRequest) -> Result<Deletion, StorageError> {
        let mut series = self.index.select(request.bucket, &request.predicate)?;
        series.retain(|found| {
            let hash = SeriesKey::hash64(found.key.as_bytes());
            owner_of(hash, self.writers) == usize::from(self.partition.number)
        });
        // Frozen now, everything before the deletion has an older generation than what follows.
        self.seal();
        let deletion = Deletion {
            bucket: request.bucket,
            owners: request.owners,
            range: request.range,
            generation: self.partition.head.generation(),
            targets: targets(&series),
        };
        let value = deletion.encode();
        let store = Arc::clone(&self.partition.store);
        let mut group = store.group();
        let bytes = value.len() as u64;
        group.put(
            families::JOURNAL,
            keys::journal(self.partition.number, request.sequence),
            value,
        );
        store.write(group, false)?;
        self.partition.journaled(1, bytes, 0);
        Ok(deletion)
    }

    /// Forgets those of the series that have no points any more.
    fn drop_empty(
        &mut self,
        bucket: BucketId,
        series: &RoaringBitmap,
        done: Box<dyn FnOnce() + Send>,
    ) {
        let ids: Vec<SeriesId> = series.iter().map(SeriesId).collect();
        for piece in ids.chunks(DROP_SERIES) {
            if let Err(error) = self.drop_empty_piece(bucket, piece) {
                log::error!("series without points could not be forgotten: {error}");
                break;
            }
        }
        done();
    }

    fn drop_empty_piece(&mut self, bucket: BucketId, ids: &[SeriesId]) -> Result<(), StorageError> {
        let mut dropped = Vec::new();
        let store = Arc::clone(&self.partition.store);
        let partition = Arc::clone(&self.partition);
        let mut group = store.group();
        for id in ids.iter().copied() {
            let in_head = self
                .partition
                .head
                .read()
                .series(bucket, id)
                .next()
                .is_some();
            let Some((key, place)) = self.table.find_by_id(bucket, id)? else {
                continue;
            };
            let hash = SeriesKey::hash64(key.as_bytes());
            let own = owner_of(hash, self.writers) == usize::from(self.partition.number);
            let fields = self.table.field_ids(place);
            if own && !in_head && !has_points(partition.stored(), bucket, id, &fields)? {
                self.table.put_removal(bucket, id, &key, &mut group);
                dropped.push((bucket, id));
            }
        }
        self.table.put_changes(&mut group);
        if !group.is_empty() {
            store.write(group, false)?;
        }
        if !dropped.is_empty() {
            self.table.forget(bucket, dropped.len());
            self.resolved.clear();
            self.index.fields_changed(&dropped);
        }
        Ok(())
    }

    fn forget(&mut self, bucket: BucketId, done: &Sender<()>) {
        self.partition.wait_sealed();
        self.partition.head.forget_bucket(bucket);
        // The journal must not hold entries of series that are about to go.
        self.seal();
        self.partition.wait_sealed();
        self.table.clear();
        self.resolved.clear();
        self.partition.pace.apply(1);
        // Who asked may have given up waiting.
        let _ = done.send(());
    }
}

/// What the journal's entry of these pieces names by ids.
fn names(submission: &Submission, pieces: &[Piece]) -> Names {
    let mut names = Names::default();
    let mut layout = None;
    for piece in pieces {
        if let Some(series) = submission.batch.series.get(piece.number) {
            names.add(piece.series, &series.key, piece.to - piece.from);
        }
        // Series after series has the same one.
        let columns = (Arc::as_ptr(&piece.columns), piece.layout);
        if layout.replace(columns) == Some(columns) {
            continue;
        }
        let Some(fields) = submission.batch.layouts.get(piece.layout as usize) else {
            continue;
        };
        for column in piece.columns.iter() {
            if let Some((name, _)) = fields.fields.get(column.at as usize) {
                names.add_field(column.field, column.field_type, name);
            }
        }
    }
    names
}

fn line_of_first(submission: &Submission, rows: &[u32]) -> Option<String> {
    sample::line(&submission.batch, *rows.first()?)
}

fn measurement_of(submission: &Submission, series: usize) -> String {
    let series = submission.batch.series.get(series);
    series
        .map(|series| series.key.measurement().to_owned())
        .unwrap_or_default()
}

fn conflict(fields: &FieldSet, layout: &FieldLayout) -> Option<Outcome> {
    layout.fields.iter().find_map(|(name, got)| {
        let have = fields.find(name)?;
        (have.field_type != *got).then(|| Outcome::Conflict {
            field: Arc::clone(&have.name),
            got: *got,
            want: have.field_type,
        })
    })
}

fn columns(fields: &FieldSet, layout: &FieldLayout) -> Outcome {
    let found = layout
        .fields
        .iter()
        .zip(0..)
        .filter_map(|((name, field_type), at)| {
            let field = fields.find(name)?;
            Some(ColumnIn {
                field: field.id,
                field_type: *field_type,
                at,
            })
        });
    Outcome::Columns(found.collect())
}
