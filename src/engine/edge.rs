//! Where the newest or oldest points of a field are about, from headers alone.

use super::block::BlockHeader;
use super::run::Run;
use super::scan::{Scanner, Segment, storage};
use super::shards::Shard;
use super::source::{Edge, End, FieldInfo, SourceError, spacing};
use crate::model::{BucketId, FieldId, SeriesId, TimeRange};
use crate::storage::families;
use crate::storage::keys::BlockKey;

impl Scanner {
    /// See [`super::source::Source::edge`].
    pub fn edge(
        &self,
        bucket: BucketId,
        series: SeriesId,
        field: &FieldInfo,
        range: TimeRange,
        which: End,
    ) -> Result<Option<Edge>, SourceError> {
        let mut found = Found {
            range,
            which,
            edge: None,
        };
        for head in &self.heads {
            let view = head.read();
            for (points, _) in view.series(bucket, series) {
                for chunk in points.chunks() {
                    if let Some(bytes) = chunk.block(field.id) {
                        found.add_header(bytes)?;
                    }
                }
                for run in &points.runs() {
                    found.add_run(run, field.id);
                }
            }
        }
        let mut shards = self.shards.within(bucket, range);
        if which == End::Last {
            shards.reverse();
        }
        for shard in shards {
            if self.add_shard(bucket, series, field.id, &shard, &mut found)? {
                break;
            }
        }
        Ok(found.edge)
    }

    /// Whether the shard has points of the field in the range.
    fn add_shard(
        &self,
        bucket: BucketId,
        series: SeriesId,
        field: FieldId,
        shard: &Shard,
        found: &mut Found,
    ) -> Result<bool, SourceError> {
        let range = found.range;
        let mut has = false;
        if shard.pages {
            let mut segments = Vec::new();
            self.push_pages((bucket, shard.start), series, field, range, &mut segments)
                .map_err(storage)?;
            for Segment {
                first_time,
                last_time,
                ..
            } in segments
            {
                has |= found.add(first_time, last_time, 2);
            }
        }
        let key = |first_time| BlockKey {
            bucket,
            shard: shard.start,
            field,
            series,
            first_time,
            generation: 0,
        };
        let earliest = range.start.saturating_sub(shard.longest_block_ns.max(0));
        let (from, to) = (key(earliest).encode(), key(range.stop).encode());
        let mut cursor = self
            .store
            .cursor(families::BLOCKS, Some(&to))
            .map_err(storage)?;
        match found.which {
            End::First => cursor.seek(&from),
            End::Last => cursor.seek_last(),
        }
        while let Some((key, bytes)) = cursor.item() {
            if key < from.as_slice() {
                break;
            }
            if found.add_header(bytes)? {
                return Ok(true);
            }
            match found.which {
                End::First => cursor.next(),
                End::Last => cursor.previous(),
            }
        }
        cursor.finish().map_err(storage)?;
        Ok(has)
    }
}

struct Found {
    range: TimeRange,
    which: End,
    edge: Option<Edge>,
}

impl Found {
    fn add_header(&mut self, bytes: &[u8]) -> Result<bool, SourceError> {
        let header = BlockHeader::parse(bytes)
            .map_err(|error| SourceError::Storage(format!("damaged block header: {error}")))?;
        Ok(self.add(
            header.first_time(),
            header.last_time(),
            header.count() as u64,
        ))
    }

    fn add_run(&mut self, run: &Run, field: FieldId) {
        if !run.columns.iter().any(|column| column.field == field) {
            return;
        }
        let (mut first, mut last, mut count) = (i64::MAX, i64::MIN, 0);
        for time in run.times.iter().filter(|time| self.range.contains(**time)) {
            (first, last, count) = (first.min(*time), last.max(*time), count + 1);
        }
        self.add(first, last, count);
    }

    /// Whether such points are in the range.
    fn add(&mut self, first_time: i64, last_time: i64, count: u64) -> bool {
        if first_time > last_time || !self.range.overlaps(first_time, last_time) {
            return false;
        }
        let edge = Edge {
            time: match self.which {
                End::First => first_time.max(self.range.start),
                End::Last => last_time.min(self.range.stop.saturating_sub(1)),
            },
            spacing_ns: spacing(first_time, last_time, count),
        };
        let better = self.edge.is_none_or(|have| match self.which {
            End::First => edge.time < have.time,
            End::Last => edge.time > have.time,
        });
        if better {
            self.edge = Some(edge);
        }
        true
    }
}
