//! Every key layout, in one place. Numbers are big-endian so that byte order is number order; signed
//! times have their sign bit flipped for the same reason. Texts inside keys are escaped and terminated
//! (`00` → `00 FF`, end → `00 01`) so that byte order is text order and prefixes are unambiguous.
//!
//! ```text
//! meta     'c' catalog key                                      (written through MetaStore)
//!          'v'                                                  format version, u32
//!          'w' partition:2                                      sealed watermark of a writer
//!          'p'                                                  number of writers, u16
//!          'h' bucket:8 start:8                                 shard
//! journal  partition:2 sequence:8
//! series   bucket:8 'k' series key bytes                        → series id
//!          bucket:8 'i' series:4                                → series key bytes
//! schema   bucket:8 's' series:4                                → fields of the series
//!          bucket:8 'f' measurement… field… type:1              → field id
//! index    bucket:8 measurement… tag key… tag value…            → postings
//!          bucket:8 measurement… (nothing more)                 → postings of all its series
//! blocks   bucket:8 shard start:8 field:4 series:4 first time:8 generation:8
//! pages    bucket:8 shard start:8 group:4 generation:8 writer:2
//! replication  replication id:8 sequence:8 writer:2             → entry of its queue
//! ```

use crate::model::{BucketId, FieldId, FieldType, Id, SeriesId};

pub const META_CATALOG: u8 = b'c';
pub const META_VERSION: &[u8] = b"v";
pub const META_PARTITIONS: &[u8] = b"p";

/// A block's place. The order of the members is the order of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockKey {
    pub bucket: BucketId,
    /// Start of the shard, nanoseconds.
    pub shard: i64,
    pub field: FieldId,
    pub series: SeriesId,
    /// First timestamp in the block.
    pub first_time: i64,
    /// Higher is newer.
    pub generation: u64,
}

pub const BLOCK_KEY_BYTES: usize = 40;

const fn sortable(time: i64) -> u64 {
    time.cast_unsigned() ^ (1 << 63)
}

const fn unsortable(bits: u64) -> i64 {
    (bits ^ (1 << 63)).cast_signed()
}

impl BlockKey {
    pub fn encode(&self) -> [u8; BLOCK_KEY_BYTES] {
        let mut key = [0; BLOCK_KEY_BYTES];
        let parts = key.as_mut_slice();
        let (bucket, parts) = parts.split_at_mut(8);
        let (shard, parts) = parts.split_at_mut(8);
        let (field, parts) = parts.split_at_mut(4);
        let (series, parts) = parts.split_at_mut(4);
        let (first_time, generation) = parts.split_at_mut(8);
        bucket.copy_from_slice(&self.bucket.get().to_be_bytes());
        shard.copy_from_slice(&sortable(self.shard).to_be_bytes());
        field.copy_from_slice(&self.field.0.to_be_bytes());
        series.copy_from_slice(&self.series.0.to_be_bytes());
        first_time.copy_from_slice(&sortable(self.first_time).to_be_bytes());
        generation.copy_from_slice(&self.generation.to_be_bytes());
        key
    }

    pub fn decode(key: &[u8]) -> Option<Self> {
        if key.len() != BLOCK_KEY_BYTES {
            return None;
        }
        Some(Self {
            bucket: BucketId::new(u64_at(key, 0)?)?,
            shard: unsortable(u64_at(key, 8)?),
            field: FieldId(u32_at(key, 16)?),
            series: SeriesId(u32_at(key, 20)?),
            first_time: unsortable(u64_at(key, 24)?),
            generation: u64_at(key, 32)?,
        })
    }
}

/// A page's place. The order of the members is the order of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageKey {
    pub bucket: BucketId,
    /// Start of the shard, nanoseconds.
    pub shard: i64,
    /// Of series with neighbouring ids.
    pub group: u32,
    /// Higher is newer.
    pub generation: u64,
    /// Who wrote it: each writer counts its own generations.
    pub partition: u16,
}

pub const PAGE_KEY_BYTES: usize = 30;

impl PageKey {
    pub fn encode(&self) -> Vec<u8> {
        let mut key = page_group(self.bucket, self.shard, self.group);
        key.extend_from_slice(&self.generation.to_be_bytes());
        key.extend_from_slice(&self.partition.to_be_bytes());
        key
    }

    pub fn decode(key: &[u8]) -> Option<Self> {
        if key.len() != PAGE_KEY_BYTES {
            return None;
        }
        Some(Self {
            bucket: BucketId::new(u64_at(key, 0)?)?,
            shard: unsortable(u64_at(key, 8)?),
            group: u32_at(key, 16)?,
            generation: u64_at(key, 20)?,
            partition: key.get(28..)?.try_into().ok().map(u16::from_be_bytes)?,
        })
    }
}

/// Prefix of all pages of a group of series.
pub fn page_group(bucket: BucketId, shard: i64, group: u32) -> Vec<u8> {
    let mut key = Vec::with_capacity(PAGE_KEY_BYTES);
    key.extend_from_slice(&shard_prefix(bucket, shard));
    key.extend_from_slice(&group.to_be_bytes());
    key
}

/// First key of a bucket in any of the families that begin with one.
pub fn bucket_start(bucket: BucketId) -> [u8; 8] {
    bucket.get().to_be_bytes()
}

/// First key after all of the bucket's; `None` when nothing can follow it.
pub fn bucket_end(bucket: BucketId) -> Option<[u8; 8]> {
    bucket.get().checked_add(1).map(u64::to_be_bytes)
}

pub fn shard_prefix(bucket: BucketId, shard: i64) -> Vec<u8> {
    let mut key = bucket_start(bucket).to_vec();
    key.extend_from_slice(&sortable(shard).to_be_bytes());
    key
}

/// Prefix of all blocks of a field.
pub fn blocks_of_field(bucket: BucketId, shard: i64, field: FieldId) -> Vec<u8> {
    let mut key = shard_prefix(bucket, shard);
    key.extend_from_slice(&field.0.to_be_bytes());
    key
}

pub fn meta_catalog(key: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(key.len() + 1);
    out.push(META_CATALOG);
    out.extend_from_slice(key);
    out
}

pub fn meta_watermark(partition: u16) -> [u8; 3] {
    let [high, low] = partition.to_be_bytes();
    [b'w', high, low]
}

pub fn meta_shard(bucket: BucketId, start: i64) -> Vec<u8> {
    let mut key = vec![b'h'];
    key.extend_from_slice(&shard_prefix(bucket, start));
    key
}

pub fn meta_shards_of(bucket: BucketId) -> Vec<u8> {
    let mut key = vec![b'h'];
    key.extend_from_slice(&bucket_start(bucket));
    key
}

pub const META_SHARDS: &[u8] = b"h";

pub fn decode_meta_shard(key: &[u8]) -> Option<(BucketId, i64)> {
    if key.len() != 17 || key.first() != Some(&b'h') {
        return None;
    }
    Some((BucketId::new(u64_at(key, 1)?)?, unsortable(u64_at(key, 9)?)))
}

pub fn journal(partition: u16, sequence: u64) -> [u8; 10] {
    let mut key = [0; 10];
    let (head, tail) = key.split_at_mut(2);
    head.copy_from_slice(&partition.to_be_bytes());
    tail.copy_from_slice(&sequence.to_be_bytes());
    key
}

pub fn decode_journal(key: &[u8]) -> Option<(u16, u64)> {
    if key.len() != 10 {
        return None;
    }
    let partition = key.get(..2)?.try_into().ok().map(u16::from_be_bytes)?;
    Some((partition, u64_at(key, 2)?))
}

/// An entry of a replication's queue: what one writer has of one batch. The order of the members is the order
/// of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReplicationKey {
    pub replication: Id,
    pub sequence: u64,
    pub partition: u16,
}

pub const REPLICATION_KEY_BYTES: usize = 18;

impl ReplicationKey {
    pub fn encode(&self) -> [u8; REPLICATION_KEY_BYTES] {
        let mut key = [0; REPLICATION_KEY_BYTES];
        let (replication, rest) = key.split_at_mut(8);
        let (sequence, partition) = rest.split_at_mut(8);
        replication.copy_from_slice(&self.replication.get().to_be_bytes());
        sequence.copy_from_slice(&self.sequence.to_be_bytes());
        partition.copy_from_slice(&self.partition.to_be_bytes());
        key
    }

    pub fn decode(key: &[u8]) -> Option<Self> {
        if key.len() != REPLICATION_KEY_BYTES {
            return None;
        }
        Some(Self {
            replication: Id::new(u64_at(key, 0)?)?,
            sequence: u64_at(key, 8)?,
            partition: key.get(16..)?.try_into().ok().map(u16::from_be_bytes)?,
        })
    }
}

/// First key of a replication's queue, and the first one after all of them.
pub fn replication_queue(replication: Id) -> (Vec<u8>, Vec<u8>) {
    let from = replication.get().to_be_bytes().to_vec();
    let to = after_prefix(&from).unwrap_or_else(|| vec![0xff; REPLICATION_KEY_BYTES + 1]);
    (from, to)
}

pub fn series_by_key(bucket: BucketId, series_key: &[u8]) -> Vec<u8> {
    let mut key = kind(bucket, b'k', series_key.len());
    key.extend_from_slice(series_key);
    key
}

pub fn series_by_id(bucket: BucketId, series: SeriesId) -> Vec<u8> {
    let mut key = kind(bucket, b'i', 4);
    key.extend_from_slice(&series.0.to_be_bytes());
    key
}

pub fn decode_series_by_id(key: &[u8]) -> Option<SeriesId> {
    (key.len() == 13 && key.get(8) == Some(&b'i')).then(|| u32_at(key, 9).map(SeriesId))?
}

pub fn schema_of_series(bucket: BucketId, series: SeriesId) -> Vec<u8> {
    let mut key = kind(bucket, b's', 4);
    key.extend_from_slice(&series.0.to_be_bytes());
    key
}

pub fn decode_schema_of_series(key: &[u8]) -> Option<(BucketId, SeriesId)> {
    let series = (key.len() == 13 && key.get(8) == Some(&b's')).then(|| u32_at(key, 9))?;
    Some((bucket_of(key)?, SeriesId(series?)))
}

/// The bucket that a key of most families begins with.
pub fn bucket_of(key: &[u8]) -> Option<BucketId> {
    BucketId::new(u64_at(key, 0)?)
}

/// The series key in a key that [`series_by_key`] made.
pub fn decode_series_by_key(key: &[u8]) -> Option<(BucketId, &[u8])> {
    (key.get(8) == Some(&b'k')).then_some(())?;
    Some((bucket_of(key)?, key.get(9..)?))
}

/// Prefix of all fields of all measurements.
pub fn schema_fields(bucket: BucketId) -> Vec<u8> {
    kind(bucket, b'f', 0)
}

pub fn schema_field(
    bucket: BucketId,
    measurement: &str,
    field: &str,
    field_type: FieldType,
) -> Vec<u8> {
    let mut key = kind(bucket, b'f', measurement.len() + field.len() + 5);
    put_text(measurement, &mut key);
    put_text(field, &mut key);
    key.push(field_type.tag());
    key
}

/// Measurement, field and type of a key that [`schema_field`] made.
pub fn decode_schema_field(key: &[u8]) -> Option<(String, String, FieldType)> {
    if key.get(8) != Some(&b'f') {
        return None;
    }
    let mut rest = key.get(9..)?;
    let measurement = take_text(&mut rest)?;
    let field = take_text(&mut rest)?;
    match rest {
        [tag] => Some((measurement, field, FieldType::from_tag(*tag)?)),
        _ => None,
    }
}

/// Key of the postings of all series of a measurement; also the prefix of its tag postings.
pub fn index_measurement(bucket: BucketId, measurement: &str) -> Vec<u8> {
    let mut key = bucket_start(bucket).to_vec();
    put_text(measurement, &mut key);
    key
}

/// Prefix of the postings of all values of one tag key.
pub fn index_tag(bucket: BucketId, measurement: &str, tag: &str) -> Vec<u8> {
    let mut key = index_measurement(bucket, measurement);
    put_text(tag, &mut key);
    key
}

pub fn index_value(bucket: BucketId, measurement: &str, tag: &str, value: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(8 + measurement.len() + tag.len() + value.len() + 6);
    key.extend_from_slice(&bucket_start(bucket));
    for text in [measurement, tag, value] {
        put_text(text, &mut key);
    }
    key
}

/// Bytes that sort as measurement, then tag keys and values do.
pub fn in_text_order(measurement: &str, tags: &[(&str, &str)]) -> Vec<u8> {
    let texts = tags.iter().flat_map(|(key, value)| [*key, *value]);
    let bytes: usize = texts.clone().map(|text| text.len() + 2).sum();
    let mut key = Vec::with_capacity(measurement.len() + 2 + bytes);
    put_text(measurement, &mut key);
    texts.for_each(|text| put_text(text, &mut key));
    key
}

/// Measurement, and tag key with value unless it is the key of the measurement itself.
pub fn decode_index(key: &[u8]) -> Option<(String, Option<(String, String)>)> {
    let mut rest = key.get(8..)?;
    let measurement = take_text(&mut rest)?;
    if rest.is_empty() {
        return Some((measurement, None));
    }
    let tag = take_text(&mut rest)?;
    let value = take_text(&mut rest)?;
    rest.is_empty().then_some((measurement, Some((tag, value))))
}

/// The smallest key above all keys that start with `prefix`; `None` when there is none.
pub fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

fn kind(bucket: BucketId, tag: u8, room: usize) -> Vec<u8> {
    let mut key = Vec::with_capacity(9 + room);
    key.extend_from_slice(&bucket_start(bucket));
    key.push(tag);
    key
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    while let Some(zero) = memchr::memchr(0, rest) {
        let (before, after) = rest.split_at(zero + 1);
        out.extend_from_slice(before);
        out.push(0xff);
        rest = after;
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(&[0, 1]);
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    let mut text = Vec::new();
    let mut bytes = rest.iter();
    loop {
        match *bytes.next()? {
            0 => match *bytes.next()? {
                0xff => text.push(0),
                1 => break,
                _ => return None,
            },
            byte => text.push(byte),
        }
    }
    *rest = bytes.as_slice();
    String::from_utf8(text).ok()
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes
        .get(at..at + 8)?
        .try_into()
        .ok()
        .map(u64::from_be_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..at + 4)?
        .try_into()
        .ok()
        .map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bucket() -> impl Strategy<Value = BucketId> {
        (1..=u64::MAX).prop_map(|raw| BucketId::new(raw).unwrap())
    }

    prop_compose! {
        fn block_key()(
            bucket in bucket(), shard: i64, field: u32, series: u32, first_time: i64, generation: u64
        ) -> BlockKey {
            BlockKey { bucket, shard, field: FieldId(field), series: SeriesId(series), first_time, generation }
        }
    }

    prop_compose! {
        fn page_key()(
            bucket in bucket(), shard: i64, group: u32, generation: u64, partition: u16
        ) -> PageKey {
            PageKey { bucket, shard, group, generation, partition }
        }
    }

    proptest! {
        #[test]
        fn block_keys_come_back_and_sort_as_their_members(a in block_key(), b in block_key()) {
            prop_assert_eq!(BlockKey::decode(&a.encode()), Some(a));
            prop_assert_eq!(a.encode().cmp(&b.encode()), a.cmp(&b));
            prop_assert!(a.encode().starts_with(&blocks_of_field(a.bucket, a.shard, a.field)));
        }

        #[test]
        fn page_keys_come_back_and_sort_as_their_members(a in page_key(), b in page_key()) {
            prop_assert_eq!(PageKey::decode(&a.encode()), Some(a));
            prop_assert_eq!(a.encode().cmp(&b.encode()), a.cmp(&b));
            prop_assert!(a.encode().starts_with(&page_group(a.bucket, a.shard, a.group)));
        }

        #[test]
        fn index_keys_come_back_and_sort_as_their_texts(
            bucket in bucket(), m in "\\PC*|.{0,3}\0.{0,3}", t in ".*", v in ".*", w in ".*"
        ) {
            let key = index_value(bucket, &m, &t, &v);
            prop_assert_eq!(decode_index(&key), Some((m.clone(), Some((t.clone(), v.clone())))));
            prop_assert!(key.starts_with(&index_tag(bucket, &m, &t)));
            let other = index_value(bucket, &m, &t, &w);
            prop_assert_eq!(key.cmp(&other), v.cmp(&w));
            prop_assert_eq!(decode_index(&index_measurement(bucket, &m)), Some((m, None)));
        }

        #[test]
        fn field_keys_come_back(bucket in bucket(), m in ".*", f in ".*", tag in 1_u8..6) {
            let field_type = FieldType::from_tag(tag).unwrap();
            let key = schema_field(bucket, &m, &f, field_type);
            prop_assert_eq!(decode_schema_field(&key), Some((m, f, field_type)));
        }

        #[test]
        fn small_keys_come_back(bucket in bucket(), partition: u16, sequence: u64, series: u32, start: i64) {
            prop_assert_eq!(decode_journal(&journal(partition, sequence)), Some((partition, sequence)));
            prop_assert_eq!(decode_series_by_id(&series_by_id(bucket, SeriesId(series))), Some(SeriesId(series)));
            let queued = ReplicationKey { replication: bucket, sequence, partition };
            prop_assert_eq!(ReplicationKey::decode(&queued.encode()), Some(queued));
            let (from, to) = replication_queue(bucket);
            prop_assert!(from.as_slice() <= queued.encode().as_slice() && queued.encode().as_slice() < to.as_slice());
            prop_assert_eq!(decode_schema_of_series(&schema_of_series(bucket, SeriesId(series))), Some((bucket, SeriesId(series))));
            let by_key = series_by_key(bucket, b"key");
            prop_assert_eq!(decode_series_by_key(&by_key), Some((bucket, b"key".as_slice())));
            prop_assert_eq!(decode_meta_shard(&meta_shard(bucket, start)), Some((bucket, start)));
        }

        #[test]
        fn bytes_of_any_kind_never_panic(bytes: Vec<u8>) {
            let _ = (BlockKey::decode(&bytes), PageKey::decode(&bytes), decode_index(&bytes), decode_schema_field(&bytes));
            let _ = (decode_journal(&bytes), decode_series_by_id(&bytes), decode_meta_shard(&bytes));
            let _ = ReplicationKey::decode(&bytes);
        }
    }
}
