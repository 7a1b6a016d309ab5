//! What makes a bucket large: its measurements, tags and tag values by number of series.

use crate::engine::source::{Cardinality, TagCardinality, ValueCardinality};
use crate::model::BucketId;
use crate::storage::{StorageError, Store, families, keys, postings};

/// Reads all postings of the bucket once; keeps `top` of each kind.
pub fn cardinality(
    store: &Store,
    bucket: BucketId,
    top: usize,
) -> Result<Cardinality, StorageError> {
    let mut counting = Counting {
        top,
        found: Cardinality::default(),
        tag: None,
    };
    let start = keys::bucket_start(bucket);
    let end = keys::bucket_end(bucket);
    let end = end.as_ref().map(<[u8; 8]>::as_slice);
    store.scan(families::INDEX, &start, end, |key, value| {
        if let (Some(place), Some(ids)) = (keys::decode_index(key), postings::decode(value)) {
            counting.add(place, ids.len());
        }
        true
    })?;
    Ok(counting.finish())
}

struct Counting {
    top: usize,
    found: Cardinality,
    /// The tag whose values are being read: keys are in order of measurement, tag, value.
    tag: Option<TagCardinality>,
}

impl Counting {
    fn add(&mut self, (measurement, tag): (String, Option<(String, String)>), series: u64) {
        if series == 0 {
            return;
        }
        let Some((key, value)) = tag else {
            self.end_tag();
            self.found.series += series;
            self.found.measurements.push((measurement, series));
            shorten(&mut self.found.measurements, self.top, |entry| entry.1);
            return;
        };
        let same = |tag: &TagCardinality| tag.measurement == measurement && tag.key == key;
        if !self.tag.as_ref().is_some_and(same) {
            self.end_tag();
            self.tag = Some(TagCardinality {
                measurement: measurement.clone(),
                key: key.clone(),
                values: 0,
                series: 0,
            });
        }
        if let Some(tag) = &mut self.tag {
            tag.values += 1;
            tag.series += series;
        }
        self.found.values.push(ValueCardinality {
            measurement,
            key,
            value,
            series,
        });
        shorten(&mut self.found.values, self.top, |entry| entry.series);
    }

    fn end_tag(&mut self) {
        self.found.tags.extend(self.tag.take());
        shorten(&mut self.found.tags, self.top, |tag| tag.values);
    }

    fn finish(mut self) -> Cardinality {
        self.end_tag();
        let top = self.top;
        let found = &mut self.found;
        keep_top(&mut found.measurements, top, |entry| entry.1);
        keep_top(&mut found.tags, top, |tag| tag.values);
        keep_top(&mut found.values, top, |entry| entry.series);
        self.found
    }
}

/// Drops the smallest when there are many more than wanted.
fn shorten<T>(entries: &mut Vec<T>, top: usize, size: impl Fn(&T) -> u64) {
    if entries.len() >= 2 * top + 64 {
        keep_top(entries, top, size);
    }
}

/// Largest first; of equal ones the first in key order.
fn keep_top<T>(entries: &mut Vec<T>, top: usize, size: impl Fn(&T) -> u64) {
    entries.sort_by_key(|entry| std::cmp::Reverse(size(entry)));
    entries.truncate(top);
}
