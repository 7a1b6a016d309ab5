//! Points in memory, of one writer: appended by it alone, read by queries, frozen to be sealed.
//!
//! Rows go to a series' recent run in any order; when it is long enough its oldest rows are sorted and
//! encoded, and some stay to wait for rows that come a little late (several connections, several agents).
//! A row that is older than what was encoded goes to the late run, so that the chunks of the recent part
//! don't overlap and their statistics stay usable. A late row wins over a chunk's row of the same instant:
//! it came after it.

use super::chunk::{self, CHUNK_ROWS, Chunk};
use super::few::Few;
use super::run::{Cell, RowsIn, Run, text_at};
use crate::model::{BucketId, FieldType, SeriesId};
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use parking_lot::{RwLock, RwLockReadGuard};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Estimate of what a series costs in the head beyond its rows, bytes: with columns, and with few rows.
const COLUMNS_BYTES: usize = 420;
const FEW_BYTES: usize = 130;
/// Rows that stay in `recent` after a cut: what comes later than so many rows is late.
const WAITING_ROWS: usize = 512;
/// A series with more rows than this when it is sealed gets blocks of its own.
const PAGE_ROWS_MAX: usize = 256;

/// A series' points that are not sealed.
#[derive(Debug)]
pub struct HeadSeries {
    shard_ns: i64,
    rows: Rows,
}

#[derive(Debug)]
enum Rows {
    Few(Few),
    Many(Box<Columns>),
}

/// Rows of a series that has many.
#[derive(Debug, Default)]
struct Columns {
    chunks: Vec<Arc<Chunk>>,
    recent: Run,
    late: Run,
    /// Newest time that was encoded from `recent`; rows up to it are late.
    cut_time: Option<i64>,
    /// `recent` is cut when it has so many rows: spread, so that series don't all do it at once.
    cut_rows: usize,
    chunk_bytes: usize,
}

pub type SeriesMap = HashMap<(BucketId, SeriesId), HeadSeries>;

/// A head that takes no more rows and waits for its seal.
pub struct Frozen {
    pub series: SeriesMap,
    /// Journal entries up to here are wholly in it or sealed before.
    pub watermark: u64,
    generation: AtomicU64,
}

impl Frozen {
    pub fn next_generation(&self) -> u64 {
        self.generation.fetch_add(1, Ordering::Relaxed)
    }
}

#[derive(Default)]
struct State {
    live: SeriesMap,
    frozen: Vec<Arc<Frozen>>,
}

pub struct Head {
    state: RwLock<State>,
    /// Raised by 2^32 with each freeze, so that what is frozen is older than what comes after.
    generation: AtomicU64,
    bytes: AtomicUsize,
    frozen_bytes: AtomicUsize,
    series: AtomicUsize,
}

impl Head {
    /// `epoch` must be above those of all blocks there are.
    pub fn new(epoch: u32) -> Self {
        Self {
            state: RwLock::default(),
            generation: AtomicU64::new(u64::from(epoch) << 32),
            bytes: AtomicUsize::new(0),
            frozen_bytes: AtomicUsize::new(0),
            series: AtomicUsize::new(0),
        }
    }

    /// Epoch that a later start must exceed.
    pub fn epoch(&self) -> u32 {
        u32::try_from(self.generation.load(Ordering::Relaxed) >> 32).unwrap_or(u32::MAX)
    }

    /// Everything sealed before the last freeze, or frozen by it, is below this; what comes is not.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// Live bytes; what is frozen is not counted.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    pub fn frozen_bytes(&self) -> usize {
        self.frozen_bytes.load(Ordering::Relaxed)
    }

    pub fn series_count(&self) -> usize {
        self.series.load(Ordering::Relaxed)
    }

    /// Lets the writer append under one lock.
    pub fn append<R>(&self, write: impl FnOnce(&mut Appender<'_>) -> R) -> R {
        let mut state = self.state.write();
        let mut appender = Appender {
            live: &mut state.live,
            generation: &self.generation,
            grown: 0,
            shrunk: 0,
        };
        let result = write(&mut appender);
        let (grown, shrunk) = (appender.grown, appender.shrunk);
        self.series.store(state.live.len(), Ordering::Relaxed);
        self.bytes.fetch_add(grown, Ordering::Relaxed);
        self.bytes.fetch_sub(shrunk, Ordering::Relaxed);
        result
    }

    /// Turns everything live into a frozen head, O(1).
    pub fn freeze(&self, watermark: u64) -> Arc<Frozen> {
        let mut state = self.state.write();
        let generation = self.generation.load(Ordering::Relaxed);
        self.generation
            .store(((generation >> 32) + 1) << 32, Ordering::Relaxed);
        let frozen = Arc::new(Frozen {
            series: std::mem::take(&mut state.live),
            watermark,
            generation: AtomicU64::new(generation),
        });
        state.frozen.push(Arc::clone(&frozen));
        self.frozen_bytes
            .fetch_add(self.bytes.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        self.series.store(0, Ordering::Relaxed);
        frozen
    }

    /// Forgets a frozen head, whose blocks are committed now.
    pub fn release(&self, frozen: &Arc<Frozen>) {
        let mut state = self.state.write();
        state.frozen.retain(|other| !Arc::ptr_eq(other, frozen));
        if state.frozen.is_empty() {
            self.frozen_bytes.store(0, Ordering::Relaxed);
        }
    }

    /// Forgets a deleted bucket. Frozen heads must be sealed before.
    pub fn forget_bucket(&self, bucket: BucketId) {
        let mut state = self.state.write();
        let mut freed = 0;
        state.live.retain(|(owner, _), series| {
            let keep = *owner != bucket;
            freed += if keep { 0 } else { series.heap_bytes() };
            keep
        });
        self.bytes.fetch_sub(freed, Ordering::Relaxed);
        self.series.store(state.live.len(), Ordering::Relaxed);
    }

    pub fn read(&self) -> HeadView<'_> {
        HeadView {
            state: self.state.read(),
            generation: &self.generation,
        }
    }
}

/// What a query sees of the head while it holds the read lock.
pub struct HeadView<'a> {
    state: RwLockReadGuard<'a, State>,
    generation: &'a AtomicU64,
}

impl HeadView<'_> {
    /// All parts of all series of a bucket, in no order.
    pub fn all_series(&self, bucket: BucketId) -> impl Iterator<Item = (SeriesId, &HeadSeries)> {
        let frozen = self.state.frozen.iter().map(|frozen| &frozen.series);
        frozen
            .chain(std::iter::once(&self.state.live))
            .flatten()
            .filter(move |((owner, _), _)| *owner == bucket)
            .map(|((_, series), points)| (*series, points))
    }

    /// The series' parts from oldest to newest, each with the generation that its runs will get.
    pub fn series(
        &self,
        bucket: BucketId,
        series: SeriesId,
    ) -> impl Iterator<Item = (&HeadSeries, u64)> {
        let frozen = self.state.frozen.iter().filter_map(move |frozen| {
            let found = frozen.series.get(&(bucket, series))?;
            // Above all its chunks, below everything appended after the freeze.
            Some((
                found,
                frozen.generation.load(Ordering::Relaxed) | 0xffff_ffff,
            ))
        });
        let live = self.state.live.get(&(bucket, series));
        frozen
            .chain(live.map(|found| (found, self.generation.load(Ordering::Relaxed) | 0xffff_ffff)))
    }
}

/// The writer's hand on its head.
pub struct Appender<'a> {
    live: &'a mut SeriesMap,
    generation: &'a AtomicU64,
    grown: usize,
    shrunk: usize,
}

impl Appender<'_> {
    pub fn append(&mut self, bucket: BucketId, series: SeriesId, shard_ns: i64, rows: &RowsIn<'_>) {
        let generation = self.generation;
        let entry = match self.live.entry((bucket, series)) {
            Entry::Vacant(place) => {
                let entry = place.insert(HeadSeries::new(series, shard_ns, rows));
                self.grown += entry.heap_bytes();
                return;
            }
            Entry::Occupied(place) => place.into_mut(),
        };
        let before = entry.heap_bytes();
        entry.shard_ns = shard_ns;
        entry.append(series, rows, &|| generation.fetch_add(1, Ordering::Relaxed));
        let after = entry.heap_bytes();
        self.grown += after.saturating_sub(before);
        self.shrunk += before.saturating_sub(after);
    }
}

impl HeadSeries {
    fn new(series: SeriesId, shard_ns: i64, rows: &RowsIn<'_>) -> Self {
        let rows = match Few::new(rows) {
            Some(few) => Rows::Few(few),
            None => {
                let mut columns = Columns::new(series, Run::default());
                columns.recent.extend(rows);
                Rows::Many(Box::new(columns))
            }
        };
        Self { shard_ns, rows }
    }

    pub fn shard_ns(&self) -> i64 {
        self.shard_ns
    }

    /// What is encoded already.
    pub fn chunks(&self) -> &[Arc<Chunk>] {
        match &self.rows {
            Rows::Few(_) => &[],
            Rows::Many(columns) => &columns.chunks,
        }
    }

    /// What is not, the rows that win last.
    pub fn runs(&self) -> Vec<Cow<'_, Run>> {
        match &self.rows {
            Rows::Few(few) => vec![Cow::Owned(few.to_run())],
            Rows::Many(columns) => {
                vec![Cow::Borrowed(&columns.recent), Cow::Borrowed(&columns.late)]
            }
        }
    }

    /// All there is, when it is so little that it goes to a page.
    pub fn page_rows(&self) -> Option<Cow<'_, Run>> {
        match &self.rows {
            Rows::Few(few) => Some(Cow::Owned(few.to_run())),
            Rows::Many(columns) => (columns.chunks.is_empty()
                && columns.late.is_empty()
                && columns.recent.len() <= PAGE_ROWS_MAX)
                .then_some(Cow::Borrowed(&columns.recent)),
        }
    }

    fn heap_bytes(&self) -> usize {
        match &self.rows {
            Rows::Few(few) => FEW_BYTES + few.heap_bytes(),
            Rows::Many(columns) => {
                let runs = columns.recent.heap_bytes() + columns.late.heap_bytes();
                COLUMNS_BYTES + columns.chunk_bytes + runs
            }
        }
    }

    fn append(&mut self, series: SeriesId, rows: &RowsIn<'_>, next_generation: &dyn Fn() -> u64) {
        if let Rows::Few(few) = &mut self.rows {
            if few.append(rows) {
                return;
            }
            let columns = Columns::new(series, few.to_run());
            self.rows = Rows::Many(Box::new(columns));
        }
        if let Rows::Many(columns) = &mut self.rows {
            columns.append(self.shard_ns, rows, next_generation);
        }
    }
}

impl Columns {
    fn new(series: SeriesId, recent: Run) -> Self {
        Self {
            recent,
            cut_rows: CHUNK_ROWS + WAITING_ROWS + spread(series),
            ..Self::default()
        }
    }

    fn append(&mut self, shard_ns: i64, rows: &RowsIn<'_>, next_generation: &dyn Fn() -> u64) {
        match self.cut_time {
            Some(cut) if rows.times.iter().any(|time| *time <= cut) => {
                for (row, &time) in rows.times.iter().enumerate() {
                    let run = if time <= cut {
                        &mut self.late
                    } else {
                        &mut self.recent
                    };
                    push_row(run, rows, row, time);
                }
            }
            _ => self.recent.extend(rows),
        }
        if self.recent.len() >= self.cut_rows {
            self.cut_recent(shard_ns, next_generation);
            self.cut_rows = CHUNK_ROWS + WAITING_ROWS;
        }
        if self.late.len() >= CHUNK_ROWS {
            let late = std::mem::take(&mut self.late);
            self.encode(&late, &late.sorted_rows(), shard_ns, next_generation);
        }
    }

    /// Encodes the oldest rows and keeps the newest few.
    fn cut_recent(&mut self, shard_ns: i64, next_generation: &dyn Fn() -> u64) {
        let run = std::mem::take(&mut self.recent);
        let sorted = run.sorted_rows();
        let whole = (sorted.len().saturating_sub(WAITING_ROWS) / CHUNK_ROWS).max(1) * CHUNK_ROWS;
        let (old, new) = sorted.split_at(chunk::whole_instants(&run, &sorted, whole));
        let newest = old.last().and_then(|&row| run.times.get(row as usize));
        self.cut_time = self.cut_time.max(newest.copied());
        self.encode(&run, old, shard_ns, next_generation);
        self.recent = run.keep(new);
    }

    fn encode(
        &mut self,
        run: &Run,
        rows: &[u32],
        shard_ns: i64,
        next_generation: &dyn Fn() -> u64,
    ) {
        let mut chunks = Vec::new();
        chunk::encode_rows(run, rows, shard_ns, next_generation, &mut chunks);
        self.chunk_bytes += chunks.iter().map(Chunk::heap_bytes).sum::<usize>();
        self.chunks.extend(chunks.into_iter().map(Arc::new));
    }
}

/// 0 to 511, different for neighbours.
fn spread(series: SeriesId) -> usize {
    (series.0 as usize).wrapping_mul(0x9e37_79b9) % (CHUNK_ROWS / 2)
}

fn push_row(run: &mut Run, rows: &RowsIn<'_>, row: usize, time: i64) {
    let places: Vec<usize> = rows
        .columns
        .iter()
        .map(|c| run.column_for(c.field, c.field_type))
        .collect();
    let start = rows.starts.get(row).copied().unwrap_or_default() as usize;
    let cells = rows.columns.iter().zip(places).map(|(column, place)| {
        let bits = rows
            .values
            .get(start + column.at as usize)
            .copied()
            .unwrap_or_default();
        let cell = if column.field_type == FieldType::String {
            Cell::Text(text_at(rows.strings, bits))
        } else {
            Cell::Bits(bits)
        };
        (place, cell)
    });
    run.push_row(time, cells);
}
