//! The first and the last point of a field, without reading what lies between.
//!
//! Statistics of a block say what its ends are. Shards are looked at from the wanted end on, and no further
//! than the first that can't have anything better.

use super::block::BlockHeader;
use super::run::Run;
use super::scan::{Place, Scanner, Segment, clip, damaged, steadily, storage};
use super::source::{End, FieldInfo, Number, SourceError};
use crate::model::{BucketId, FieldId, FieldValue, SeriesId, TimeRange};
use crate::storage::families;
use crate::storage::keys::BlockKey;

impl Scanner {
    pub fn end(
        &self,
        bucket: BucketId,
        series: SeriesId,
        field: &FieldInfo,
        range: TimeRange,
        end: End,
    ) -> Result<Option<(i64, FieldValue)>, SourceError> {
        if range.is_empty() {
            return Ok(None);
        }
        steadily(|| {
            let mut search = Search {
                scanner: self,
                field: field.id,
                range,
                end,
                best: None,
            };
            search.heads(bucket, series)?;
            search.shards(bucket, series)?;
            Ok(search.best.map(|best| (best.time, best.value)))
        })
    }
}

struct Best {
    time: i64,
    /// Of points at one time the highest wins.
    rank: (u64, u8),
    value: FieldValue,
}

struct Search<'a> {
    scanner: &'a Scanner,
    field: FieldId,
    range: TimeRange,
    end: End,
    best: Option<Best>,
}

impl Search<'_> {
    fn heads(&mut self, bucket: BucketId, series: SeriesId) -> Result<(), SourceError> {
        for head in &self.scanner.heads {
            let view = head.read();
            for (points, generation) in view.series(bucket, series) {
                for (run, place) in points.runs().iter().zip(0..) {
                    self.run(run, (generation, place));
                }
                for chunk in points.chunks() {
                    if !self.range.overlaps(chunk.first_time, chunk.last_time) {
                        continue;
                    }
                    let Some(bytes) = chunk.block(self.field) else {
                        continue;
                    };
                    let rank = (chunk.generation, 0);
                    self.block(bytes, rank, &|| "the head".to_owned(), || {
                        Place::Chunk(std::sync::Arc::clone(chunk))
                    })?;
                }
            }
        }
        Ok(())
    }

    fn shards(&mut self, bucket: BucketId, series: SeriesId) -> Result<(), SourceError> {
        let mut shards = self.scanner.shards.within(bucket, self.range);
        if self.end == End::Last {
            // Shards of different lengths may overlap: what ends last comes first.
            shards.sort_by_key(|shard| std::cmp::Reverse(shard.end));
        }
        for shard in shards {
            let done = match (&self.best, self.end) {
                (None, _) => false,
                (Some(best), End::Last) => best.time >= shard.end,
                (Some(best), End::First) => best.time < shard.start,
            };
            if done {
                break;
            }
            if shard.pages {
                let mut segments = Vec::new();
                let place = (bucket, shard.start);
                let (range, field) = (self.range, self.field);
                self.scanner
                    .push_pages(place, series, field, range, &mut segments)
                    .map_err(storage)?;
                segments
                    .into_iter()
                    .try_for_each(|segment| self.load(segment))?;
            }
            self.blocks(
                BlockKey {
                    bucket,
                    shard: shard.start,
                    field: self.field,
                    series,
                    first_time: 0,
                    generation: 0,
                },
                shard.longest_block_ns,
            )?;
        }
        Ok(())
    }

    fn blocks(&mut self, key: BlockKey, longest_ns: i64) -> Result<(), SourceError> {
        let wanted = match (&self.best, self.end) {
            (Some(best), End::Last) => {
                TimeRange::new(self.range.start.max(best.time), self.range.stop)
            }
            (Some(best), End::First) => TimeRange::new(
                self.range.start,
                self.range.stop.min(best.time.saturating_add(1)),
            ),
            (None, _) => self.range,
        };
        let bound = |first_time| BlockKey { first_time, ..key }.encode();
        let from = bound(wanted.start.saturating_sub(longest_ns.max(0)));
        let to = bound(wanted.stop);
        let mut failure = None;
        let scanner = self.scanner;
        let visit = |raw: &[u8], bytes: &[u8]| {
            let Some(key) = BlockKey::decode(raw) else {
                failure = Some(damaged(&format!("{raw:02x?}"), &"bad key"));
                return false;
            };
            let rank = (key.generation, 0);
            let place = || Place::Stored {
                key,
                bytes: bytes.to_vec(),
            };
            match self.block(bytes, rank, &|| format!("{key:?}"), place) {
                // Blocks come by their first time.
                Ok(()) => {
                    self.end == End::Last
                        || self
                            .best
                            .as_ref()
                            .is_none_or(|best| key.first_time <= best.time)
                }
                Err(error) => {
                    failure = Some(error);
                    false
                }
            }
        };
        scanner
            .store
            .scan(families::BLOCKS, &from, Some(&to), visit)
            .map_err(storage)?;
        failure.map_or(Ok(()), Err)
    }

    /// Whether a point at `time` would be taken.
    fn is_better(&self, time: i64, rank: (u64, u8)) -> bool {
        let Some(best) = &self.best else { return true };
        let closer = match self.end {
            End::First => time < best.time,
            End::Last => time > best.time,
        };
        closer || (time == best.time && rank > best.rank)
    }

    fn run(&mut self, run: &Run, rank: (u64, u8)) {
        let Some(column) = run.columns.iter().find(|column| column.field == self.field) else {
            return;
        };
        let mut found: Option<(i64, u32)> = None;
        for (row, time) in (0_u32..).zip(&run.times) {
            // Of rows at one time the later one wins.
            let closer = found.is_none_or(|(best, _)| match self.end {
                End::First => *time <= best,
                End::Last => *time >= best,
            });
            if closer && self.range.contains(*time) && column.has(row as usize) {
                found = Some((*time, row));
            }
        }
        if let Some((time, row)) = found
            && self.is_better(time, rank)
            && let Some(value) = column.gather(&[row]).get(0)
        {
            self.best = Some(Best { time, rank, value });
        }
    }

    fn block(
        &mut self,
        bytes: &[u8],
        rank: (u64, u8),
        position: &dyn Fn() -> String,
        place: impl FnOnce() -> Place,
    ) -> Result<(), SourceError> {
        let header = BlockHeader::parse(bytes).map_err(|error| damaged(&position(), &error))?;
        let (first_time, last_time) = (header.first_time(), header.last_time());
        if header.count() == 0 || !self.range.overlaps(first_time, last_time) {
            return Ok(());
        }
        let (time, whole) = match self.end {
            End::First => (
                first_time.max(self.range.start),
                self.range.contains(first_time),
            ),
            End::Last => (
                last_time.min(self.range.stop.saturating_sub(1)),
                self.range.contains(last_time),
            ),
        };
        if !self.is_better(time, rank) {
            return Ok(());
        }
        let number = match self.end {
            End::First => header.stats().first,
            End::Last => header.stats().last,
        };
        if whole && let Some(value) = value_of(number) {
            self.best = Some(Best { time, rank, value });
            return Ok(());
        }
        self.load(Segment {
            first_time,
            last_time,
            rank,
            place: place(),
        })
    }

    fn load(&mut self, segment: Segment) -> Result<(), SourceError> {
        let rank = segment.rank;
        let part = self.scanner.load(segment, self.field)?;
        let points = clip(part, self.range);
        let at = match self.end {
            End::First => 0,
            End::Last => points.times.len().saturating_sub(1),
        };
        if let (Some(time), Some(value)) = (points.times.get(at), points.values.get(at))
            && self.is_better(*time, rank)
        {
            let time = *time;
            self.best = Some(Best { time, rank, value });
        }
        Ok(())
    }
}

const fn value_of(number: Number) -> Option<FieldValue> {
    match number {
        Number::Float(value) => Some(FieldValue::Float(value)),
        Number::Integer(value) => Some(FieldValue::Integer(value)),
        Number::Unsigned(value) => Some(FieldValue::Unsigned(value)),
        Number::None => None,
    }
}
