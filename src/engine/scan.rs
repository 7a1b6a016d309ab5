//! Reading one field of one series: head and blocks merged, block statistics before decoded columns.

use super::block::{self, BlockHeader};
use super::chunk::Chunk;
use super::head::Head;
use super::merge::{Part, merge};
use super::page;
use super::pages::{self, Pages};
use super::run::Run;
use super::shards::Shards;
use super::source::{FieldInfo, Number, Points, SourceError, StatsNeeded, WindowStats};
use crate::model::{BucketId, FieldId, SeriesId, TimeRange, Values};
use crate::storage::keys::BlockKey;
use crate::storage::{StorageError, Store, families};
use std::sync::Arc;

/// Reads of one field before rewriting is taken for damage.
const READS_MAX: usize = 8;

/// Everything that holds points.
#[derive(Clone)]
pub struct Scanner {
    pub store: Arc<Store>,
    pub shards: Arc<Shards>,
    pub pages: Arc<Pages>,
    pub heads: Vec<Arc<Head>>,
}

/// Points of the field in one place, decoded only when needed.
pub(super) struct Segment {
    pub first_time: i64,
    pub last_time: i64,
    /// Generation, then recent before late.
    pub rank: (u64, u8),
    pub place: Place,
}

pub(super) enum Place {
    Raw(Part),
    Chunk(Arc<Chunk>),
    Stored { key: BlockKey, bytes: Vec<u8> },
}

impl Scanner {
    pub fn read(
        &self,
        bucket: BucketId,
        series: SeriesId,
        field: &FieldInfo,
        range: TimeRange,
    ) -> Result<Points, SourceError> {
        steadily(|| self.read_once(bucket, series, field, range))
    }

    fn read_once(
        &self,
        bucket: BucketId,
        series: SeriesId,
        field: &FieldInfo,
        range: TimeRange,
    ) -> Result<Points, SourceError> {
        let mut segments = self.segments(bucket, series, field.id, range)?;
        segments.sort_unstable_by_key(|segment| segment.rank);
        let parts = segments
            .into_iter()
            .map(|segment| self.load(segment, field.id))
            .collect::<Result<Vec<_>, _>>()?;
        let Some(part) = merge(parts) else {
            return Ok(Points {
                times: Vec::new(),
                values: Values::new(field.field_type),
            });
        };
        Ok(clip(part, range))
    }

    pub fn window_stats(
        &self,
        bucket: BucketId,
        series: SeriesId,
        field: &FieldInfo,
        bounds: &[i64],
        needed: StatsNeeded,
    ) -> Result<Vec<WindowStats>, SourceError> {
        steadily(|| self.window_stats_once(bucket, series, field, bounds, needed))
    }

    fn window_stats_once(
        &self,
        bucket: BucketId,
        series: SeriesId,
        field: &FieldInfo,
        bounds: &[i64],
        needed: StatsNeeded,
    ) -> Result<Vec<WindowStats>, SourceError> {
        let (Some(&start), Some(&stop)) = (bounds.first(), bounds.last()) else {
            return Ok(Vec::new());
        };
        let range = TimeRange::new(start, stop);
        let mut segments = self.segments(bucket, series, field.id, range)?;
        segments.sort_unstable_by_key(|segment| segment.first_time);
        let mut windows = Windows {
            bounds,
            done: Vec::new(),
        };
        let mut rest = segments.into_iter().peekable();
        while let Some(segment) = rest.next() {
            let mut last_time = segment.last_time;
            let mut cluster = vec![segment];
            while let Some(next) = rest.next_if(|next| next.first_time <= last_time) {
                last_time = last_time.max(next.last_time);
                cluster.push(next);
            }
            if let [only] = cluster.as_slice()
                && windows.add_from_statistics(only, field.id, needed)?
            {
                continue;
            }
            cluster.sort_unstable_by_key(|segment| segment.rank);
            let parts = cluster
                .into_iter()
                .map(|segment| self.load(segment, field.id))
                .collect::<Result<Vec<_>, _>>()?;
            if let Some(part) = merge(parts) {
                windows.add_points(&clip(part, range));
            }
        }
        Ok(windows.done)
    }

    /// All places that may hold points of the field in the range. The head is looked at first: what is
    /// sealed in between is seen twice, not lost.
    fn segments(
        &self,
        bucket: BucketId,
        series: SeriesId,
        field: FieldId,
        range: TimeRange,
    ) -> Result<Vec<Segment>, SourceError> {
        let mut segments = Vec::new();
        if range.is_empty() {
            return Ok(segments);
        }
        for head in &self.heads {
            let view = head.read();
            for (points, generation) in view.series(bucket, series) {
                for chunk in points.chunks() {
                    push_chunk(chunk, field, range, &mut segments)?;
                }
                for (run, place) in points.runs().iter().zip(0..) {
                    push_run(run, field, range, (generation, place), &mut segments);
                }
            }
        }
        self.push_stored(bucket, series, field, range, &mut segments)?;
        Ok(segments)
    }

    fn push_stored(
        &self,
        bucket: BucketId,
        series: SeriesId,
        field: FieldId,
        range: TimeRange,
        segments: &mut Vec<Segment>,
    ) -> Result<(), SourceError> {
        for shard in self.shards.within(bucket, range) {
            if shard.pages {
                // Before the blocks: a merge moves rows from pages to blocks.
                self.push_pages((bucket, shard.start), series, field, range, segments)
                    .map_err(storage)?;
            }
            let earliest = range.start.saturating_sub(shard.longest_block_ns.max(0));
            let mut key = BlockKey {
                bucket,
                shard: shard.start,
                field,
                series,
                first_time: earliest,
                generation: 0,
            };
            let from = key.encode();
            key.first_time = range.stop;
            let to = key.encode();
            let mut failure = None;
            let visit = |key: &[u8], bytes: &[u8]| match stored_segment(key, bytes, range) {
                Ok(segment) => {
                    segments.extend(segment);
                    true
                }
                Err(error) => {
                    failure = Some(error);
                    false
                }
            };
            self.store
                .scan(families::BLOCKS, &from, Some(&to), visit)
                .map_err(storage)?;
            if let Some(error) = failure {
                return Err(error);
            }
        }
        Ok(())
    }

    pub(super) fn push_pages(
        &self,
        (bucket, shard): (BucketId, i64),
        series: SeriesId,
        field: FieldId,
        range: TimeRange,
        segments: &mut Vec<Segment>,
    ) -> Result<(), StorageError> {
        let group = page::group_of(series);
        let changes = self.pages.changes();
        self.pages.scan_group(bucket, shard, group, |key, bytes| {
            let (_, first_time, last_time) =
                page::peek(bytes).map_err(|error| pages::damaged(key, &error))?;
            if !range.overlaps(first_time, last_time) {
                return Ok(());
            }
            let Some(page) = self.pages.field(changes, key, bytes, field)? else {
                return Ok(());
            };
            let first = page.runs.partition_point(|run| run.series < series);
            let runs = page.runs.get(first..).unwrap_or_default();
            for run in runs.iter().take_while(|run| run.series == series) {
                let times = page.times.get(run.range()).unwrap_or_default();
                let (Some(&first_time), Some(&last_time)) = (times.first(), times.last()) else {
                    continue;
                };
                if !range.overlaps(first_time, last_time) {
                    continue;
                }
                segments.push(Segment {
                    first_time,
                    last_time,
                    rank: (run.generation, 0),
                    place: Place::Raw(Part {
                        times: times.to_vec(),
                        values: page.values.slice(run.start, run.range().end),
                    }),
                });
            }
            Ok(())
        })
    }

    pub(super) fn load(&self, segment: Segment, field: FieldId) -> Result<Part, SourceError> {
        match segment.place {
            Place::Raw(part) => Ok(part),
            Place::Chunk(chunk) => {
                let bytes = chunk.block(field).unwrap_or_default();
                decode(
                    bytes,
                    || Ok(chunk.block(FieldId(0)).map(<[u8]>::to_vec)),
                    || "the head".to_owned(),
                )
            }
            Place::Stored { key, bytes } => decode(
                &bytes,
                || {
                    let shared = BlockKey {
                        field: FieldId(0),
                        ..key
                    };
                    let times = self.store.get(families::BLOCKS, &shared.encode());
                    times.map_err(storage)?.ok_or(SourceError::Moved).map(Some)
                },
                || format!("{key:?}"),
            ),
        }
    }
}

/// A block's shared times are read after the block: in between both may have been rewritten.
pub(super) fn steadily<T>(read: impl Fn() -> Result<T, SourceError>) -> Result<T, SourceError> {
    for _ in 0..READS_MAX {
        match read() {
            Err(SourceError::Moved) => {}
            other => return other,
        }
    }
    read()
}

pub(super) fn storage(error: StorageError) -> SourceError {
    SourceError::Storage(error.to_string())
}

pub(super) fn damaged(position: &str, error: &dyn std::fmt::Display) -> SourceError {
    SourceError::Storage(format!("damaged block at {position}: {error}"))
}

/// Whether a block's bytes can be read, and with which times. `shared` is its shared time block.
pub fn check_block(
    bytes: &[u8],
    position: &str,
    shared: impl FnOnce() -> Result<Option<Vec<u8>>, SourceError>,
) -> Result<(), SourceError> {
    decode(bytes, shared, || position.to_owned()).map(|_| ())
}

fn decode(
    bytes: &[u8],
    shared_times: impl FnOnce() -> Result<Option<Vec<u8>>, SourceError>,
    position: impl Fn() -> String,
) -> Result<Part, SourceError> {
    let fail = |error: &dyn std::fmt::Display| damaged(&position(), error);
    let header = BlockHeader::parse(bytes).map_err(|error| fail(&error))?;
    let shared = if header.is_time_shared() {
        let times = shared_times()?.ok_or_else(|| fail(&"its shared time column is missing"))?;
        Some(block::decode_time_block(&times).map_err(|error| fail(&error))?)
    } else {
        None
    };
    let times =
        block::decode_block_times(bytes, shared.as_deref()).map_err(|error| fail(&error))?;
    let values = block::decode_block_values(bytes).map_err(|error| fail(&error))?;
    if times.len() != values.len() {
        return Err(fail(&format!(
            "{} times for {} values",
            times.len(),
            values.len()
        )));
    }
    Ok(Part { times, values })
}

fn stored_segment(
    key: &[u8],
    bytes: &[u8],
    range: TimeRange,
) -> Result<Option<Segment>, SourceError> {
    let key = BlockKey::decode(key).ok_or_else(|| damaged(&format!("{key:02x?}"), &"bad key"))?;
    let header = BlockHeader::parse(bytes).map_err(|error| damaged(&format!("{key:?}"), &error))?;
    let (first_time, last_time) = (header.first_time(), header.last_time());
    Ok(range.overlaps(first_time, last_time).then(|| Segment {
        first_time,
        last_time,
        rank: (key.generation, 0),
        place: Place::Stored {
            key,
            bytes: bytes.to_vec(),
        },
    }))
}

fn push_chunk(
    chunk: &Arc<Chunk>,
    field: FieldId,
    range: TimeRange,
    segments: &mut Vec<Segment>,
) -> Result<(), SourceError> {
    if !range.overlaps(chunk.first_time, chunk.last_time) {
        return Ok(());
    }
    let Some(bytes) = chunk.block(field) else {
        return Ok(());
    };
    let header = BlockHeader::parse(bytes).map_err(|error| damaged("the head", &error))?;
    segments.push(Segment {
        first_time: header.first_time(),
        last_time: header.last_time(),
        rank: (chunk.generation, 0),
        place: Place::Chunk(Arc::clone(chunk)),
    });
    Ok(())
}

fn push_run(
    run: &Run,
    field: FieldId,
    range: TimeRange,
    rank: (u64, u8),
    segments: &mut Vec<Segment>,
) {
    let Some(column) = run.columns.iter().find(|column| column.field == field) else {
        return;
    };
    let rows = run.sorted_rows_within(range);
    let (times, values) = run.field_points(column, &rows);
    if let (Some(&first_time), Some(&last_time)) = (times.first(), times.last()) {
        let place = Place::Raw(Part { times, values });
        segments.push(Segment {
            first_time,
            last_time,
            rank,
            place,
        });
    }
}

pub(super) fn clip(part: Part, range: TimeRange) -> Points {
    let from = part.times.partition_point(|&time| time < range.start);
    let to = part.times.partition_point(|&time| time < range.stop);
    if from == 0 && to == part.times.len() {
        return Points {
            times: part.times,
            values: part.values,
        };
    }
    let times = part.times.get(from..to).unwrap_or_default().to_vec();
    Points {
        times,
        values: part.values.slice(from, to),
    }
}

/// Statistics being gathered; windows are filled in rising order.
struct Windows<'a> {
    bounds: &'a [i64],
    done: Vec<WindowStats>,
}

impl Windows<'_> {
    /// Index of the window that holds `time`, which lies within the bounds.
    fn index(&self, time: i64) -> usize {
        self.bounds
            .partition_point(|&bound| bound <= time)
            .saturating_sub(1)
    }

    fn bounds_of(&self, index: usize) -> TimeRange {
        let start = self.bounds.get(index).copied().unwrap_or(i64::MAX);
        TimeRange::new(
            start,
            self.bounds.get(index + 1).copied().unwrap_or(i64::MIN),
        )
    }

    /// Whether the block's own statistics were enough.
    fn add_from_statistics(
        &mut self,
        segment: &Segment,
        field: FieldId,
        needed: StatsNeeded,
    ) -> Result<bool, SourceError> {
        let bytes = match &segment.place {
            Place::Raw(_) => return Ok(false),
            Place::Chunk(chunk) => chunk.block(field).unwrap_or_default(),
            Place::Stored { bytes, .. } => bytes,
        };
        let window = self.index(segment.first_time);
        let bounds = self.bounds_of(window);
        if !bounds.contains(segment.first_time) || !bounds.contains(segment.last_time) {
            return Ok(false);
        }
        let header = BlockHeader::parse(bytes).map_err(|error| damaged("statistics", &error))?;
        let stats = header.stats();
        if needed.extreme_times && !matches!(stats.min, Number::None) {
            return Ok(false);
        }
        self.add(WindowStats {
            window,
            count: header.count() as u64,
            first_time: segment.first_time,
            last_time: segment.last_time,
            sum: stats.sum,
            min: stats.min,
            max: stats.max,
            first: stats.first,
            last: stats.last,
            min_time: segment.first_time,
            max_time: segment.first_time,
        });
        Ok(true)
    }

    fn add_points(&mut self, points: &Points) {
        let mut row = 0;
        while let Some(&time) = points.times.get(row) {
            let window = self.index(time);
            let stop = self.bounds_of(window).stop;
            let piece = points.times.get(row..).unwrap_or_default();
            let count = piece.partition_point(|&time| time < stop).max(1);
            let times = piece.get(..count).unwrap_or_default();
            if let Some(stats) = stats_of(window, times, &points.values, row) {
                self.add(stats);
            }
            row += count;
        }
    }

    /// Adds what comes later in time than everything added before.
    fn add(&mut self, next: WindowStats) {
        match self.done.last_mut() {
            Some(have) if have.window == next.window => {
                have.count += next.count;
                have.last_time = next.last_time;
                have.last = next.last;
                have.sum = add_numbers(have.sum, next.sum);
                if less(next.min, have.min) {
                    have.min = next.min;
                    have.min_time = next.min_time;
                }
                if less(have.max, next.max) {
                    have.max = next.max;
                    have.max_time = next.max_time;
                }
            }
            _ => self.done.push(next),
        }
    }
}

/// Sums as InfluxDB's engine does: integers wrap.
fn add_numbers(a: Number, b: Number) -> Number {
    match (a, b) {
        (Number::Float(a), Number::Float(b)) => Number::Float(a + b),
        (Number::Integer(a), Number::Integer(b)) => Number::Integer(a.wrapping_add(b)),
        (Number::Unsigned(a), Number::Unsigned(b)) => Number::Unsigned(a.wrapping_add(b)),
        _ => Number::None,
    }
}

fn less(a: Number, b: Number) -> bool {
    match (a, b) {
        (Number::Float(a), Number::Float(b)) => a < b,
        (Number::Integer(a), Number::Integer(b)) => a < b,
        (Number::Unsigned(a), Number::Unsigned(b)) => a < b,
        _ => false,
    }
}

/// `times` are those of `values[from..]`.
fn stats_of(window: usize, times: &[i64], values: &Values, from: usize) -> Option<WindowStats> {
    let (&first_time, &last_time) = (times.first()?, times.last()?);
    let folded = block::stats_of_rows(values, from..from + times.len());
    let time_of = |row: usize| times.get(row).copied().unwrap_or(first_time);
    Some(WindowStats {
        window,
        count: times.len() as u64,
        first_time,
        last_time,
        sum: folded.sum,
        min: folded.min,
        max: folded.max,
        first: folded.first,
        last: folded.last,
        min_time: time_of(folded.min_row),
        max_time: time_of(folded.max_row),
    })
}
