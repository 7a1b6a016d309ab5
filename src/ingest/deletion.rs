//! Deleting points: journaled in order like a batch, then carried out by the sealers.
//!
//! A writer that is told to delete freezes its head first. So everything older than the deletion has a
//! generation below the one that the journal entry names, and everything newer has not; carrying the entry
//! out a second time, after a crash, takes nothing that was written later.
//!
//! ```text
//! version      02
//! bucket       8 bytes
//! owners       varint, all writers
//! range        start, stop: 8 bytes each, big-endian
//! generation   8 bytes: blocks below it lose their points
//! targets      until the end, each: number of fields (varint), their ids (varints),
//!              length (varint), series ids as a portable roaring bitmap
//! ```

use super::journal::{self, EntryError};
use crate::engine::codec::{Reader, put_varint};
use crate::engine::rewrite::{Generations, Remover, Stored};
use crate::engine::source::{SeriesInfo, SeriesPredicate};
use crate::model::{BucketId, FieldId, SeriesId, TimeRange};
use crate::storage::StorageError;
use hashbrown::HashMap;
use roaring::RoaringBitmap;

/// What to delete, as it goes to each writer.
pub struct DeleteRequest {
    pub sequence: u64,
    pub owners: u64,
    pub bucket: BucketId,
    pub predicate: SeriesPredicate,
    pub range: TimeRange,
    /// Hears of each writer's outcome.
    pub done: crossbeam_channel::Sender<Result<u64, String>>,
}

/// What one writer has to delete: exact, whatever is written meanwhile.
#[derive(Debug, Clone, PartialEq)]
pub struct Deletion {
    pub bucket: BucketId,
    pub owners: u64,
    pub range: TimeRange,
    /// Of the first points that came after.
    pub generation: u64,
    /// Fields and the series that lose their points of these fields.
    pub targets: Vec<(Vec<FieldId>, RoaringBitmap)>,
}

/// Groups series by their fields that match.
pub fn targets(series: &[SeriesInfo]) -> Vec<(Vec<FieldId>, RoaringBitmap)> {
    let mut targets: HashMap<Vec<FieldId>, RoaringBitmap> = HashMap::new();
    for found in series {
        let fields = found.fields.iter().map(|field| field.id).collect();
        targets.entry(fields).or_default().insert(found.id.0);
    }
    let mut targets: Vec<_> = targets.into_iter().collect();
    targets.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    targets
}

impl Deletion {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![journal::VERSION_DELETION];
        out.extend_from_slice(&self.bucket.get().to_be_bytes());
        put_varint(self.owners, &mut out);
        out.extend_from_slice(&self.range.start.to_be_bytes());
        out.extend_from_slice(&self.range.stop.to_be_bytes());
        out.extend_from_slice(&self.generation.to_be_bytes());
        for (fields, series) in &self.targets {
            put_varint(fields.len() as u64, &mut out);
            fields
                .iter()
                .for_each(|field| put_varint(u64::from(field.0), &mut out));
            put_varint(series.serialized_size() as u64, &mut out);
            if series.serialize_into(&mut out).is_err() {
                // Writing to memory does not fail.
                log::error!("a set of {} series could not be encoded", series.len());
            }
        }
        out
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        let mut reader = Reader::new(bytes);
        let header = journal::take_header(&mut reader)?;
        let mut word = || -> Result<u64, EntryError> {
            let raw = reader.take(8)?.try_into().map(u64::from_be_bytes);
            raw.map_err(|_| EntryError::Content("a number is cut off"))
        };
        let range = TimeRange::new(word()?.cast_signed(), word()?.cast_signed());
        let generation = word()?;
        let mut targets = Vec::new();
        while reader.remaining() > 0 {
            let fields = journal::take_ids(&mut reader)?;
            let length = reader.length(reader.remaining(), "length of a set of series")?;
            let series = RoaringBitmap::deserialize_from(reader.take(length)?)
                .map_err(|_| EntryError::Content("a set of series can't be decoded"))?;
            targets.push((fields, series));
        }
        Ok(Self {
            bucket: header.bucket,
            owners: header.owners,
            range,
            generation,
            targets,
        })
    }

    pub fn series(&self) -> RoaringBitmap {
        self.targets
            .iter()
            .fold(RoaringBitmap::new(), |all, (_, series)| all | series)
    }

    /// Takes the points out of the blocks. `since` are generations given after the last start. `fields_of`
    /// gives all fields of a series. Returns the number of blocks that lost points.
    pub fn carry_out(
        &self,
        stored: Stored<'_>,
        since: u64,
        mut fields_of: impl FnMut(SeriesId) -> Result<Vec<FieldId>, StorageError>,
    ) -> Result<u64, StorageError> {
        let generations = Generations {
            before: self.generation,
            since,
        };
        let mut remover = Remover::new(stored, self.bucket, self.range, generations);
        for (fields, series) in &self.targets {
            remover.remove_from_pages(series, fields)?;
            for series in series.iter().map(SeriesId) {
                remover.remove(series, fields, &fields_of(series)?)?;
            }
        }
        remover.commit()?;
        Ok(remover.touched)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_deletion_comes_back(
            start: i64,
            stop: i64,
            generation: u64,
            owners: u64,
            groups in prop::collection::vec(
                (prop::collection::vec(any::<u32>(), 0..4), prop::collection::btree_set(any::<u32>(), 0..50)),
                0..4,
            )
        ) {
            let targets = groups
                .into_iter()
                .map(|(fields, series)| (fields.into_iter().map(FieldId).collect(), series.into_iter().collect()))
                .collect();
            let deletion = Deletion {
                bucket: BucketId::new(9).unwrap(),
                owners,
                range: TimeRange::new(start, stop),
                generation,
                targets,
            };
            let bytes = deletion.encode();
            prop_assert_eq!(Deletion::decode(&bytes).unwrap(), deletion);
            for cut in 0..bytes.len() {
                let _ = Deletion::decode(&bytes[..cut]);
            }
        }
    }
}
