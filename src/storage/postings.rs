//! Postings: sets of series ids, merged by RocksDB.
//!
//! ```text
//! value or operand:  01 { varint(difference to the id before) }*     short lists
//!                    02 roaring bitmap, portable format              long ones
//! ```
//! A merge must neither panic nor refuse: bytes that can't be read count as no ids, with a log line, so
//! that damage in one posting can't stop compaction of all of them.

use crate::model::SeriesId;
use roaring::RoaringBitmap;

const LIST: u8 = 1;
const BITMAP: u8 = 2;
/// Above this a bitmap is smaller and faster than a list.
const LIST_IDS_MAX: u64 = 32;

/// Encodes ids, which must rise.
pub fn encode_ids(ids: &[SeriesId]) -> Vec<u8> {
    if ids.len() as u64 > LIST_IDS_MAX {
        return encode(&ids.iter().map(|id| id.0).collect());
    }
    let mut out = vec![LIST];
    let mut before = 0;
    for id in ids {
        put_varint(id.0.wrapping_sub(before), &mut out);
        before = id.0;
    }
    out
}

fn encode(bitmap: &RoaringBitmap) -> Vec<u8> {
    if bitmap.len() <= LIST_IDS_MAX {
        return encode_ids(&bitmap.iter().map(SeriesId).collect::<Vec<_>>());
    }
    let mut out = Vec::with_capacity(1 + bitmap.serialized_size());
    out.push(BITMAP);
    if bitmap.serialize_into(&mut out).is_err() {
        log::error!("a posting of {} series could not be encoded", bitmap.len());
    }
    out
}

/// `None` when the bytes are damaged.
pub fn decode(bytes: &[u8]) -> Option<RoaringBitmap> {
    let mut ids = RoaringBitmap::new();
    add(bytes, &mut ids).then_some(ids)
}

fn add(bytes: &[u8], ids: &mut RoaringBitmap) -> bool {
    match bytes.split_first() {
        Some((&LIST, mut rest)) => {
            let mut id = 0_u32;
            while !rest.is_empty() {
                let Some(step) = take_varint(&mut rest) else {
                    return false;
                };
                id = id.wrapping_add(step);
                ids.insert(id);
            }
            true
        }
        Some((&BITMAP, rest)) => match RoaringBitmap::deserialize_from(rest) {
            Ok(more) => {
                *ids |= more;
                true
            }
            Err(_) => false,
        },
        _ => false,
    }
}

/// The merge operator: the union of what is there and all operands.
pub fn merge<'a>(existing: Option<&'a [u8]>, operands: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut ids = RoaringBitmap::new();
    for bytes in existing.into_iter().chain(operands) {
        if !add(bytes, &mut ids) {
            log::error!(
                "a damaged posting of {} bytes was skipped in a merge",
                bytes.len()
            );
        }
    }
    encode(&ids)
}

#[expect(clippy::cast_possible_truncation, reason = "seven bits at a time")]
fn put_varint(mut number: u32, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take_varint(rest: &mut &[u8]) -> Option<u32> {
    let mut number = 0_u32;
    for shift in (0..35).step_by(7) {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        number |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn a_merge_is_the_union(sets in prop::collection::vec(prop::collection::btree_set(any::<u32>(), 0..100), 0..6)) {
            let encoded: Vec<Vec<u8>> = sets
                .iter()
                .map(|set| encode_ids(&set.iter().copied().map(SeriesId).collect::<Vec<_>>()))
                .collect();
            let merged = merge(None, encoded.iter().map(Vec::as_slice));
            let want: BTreeSet<u32> = sets.into_iter().flatten().collect();
            prop_assert_eq!(decode(&merged).unwrap().iter().collect::<BTreeSet<_>>(), want);
        }

        #[test]
        fn damaged_bytes_never_panic_and_never_hide_the_rest(bytes: Vec<u8>) {
            let good = encode_ids(&[SeriesId(7)]);
            let merged = merge(Some(&bytes), [good.as_slice()].into_iter());
            prop_assert!(decode(&merged).unwrap().contains(7));
        }
    }
}
