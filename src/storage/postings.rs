//! Postings: sets of series ids, merged by RocksDB.
//!
//! ```text
//! value or operand:  01 { varint(difference to the id before) }*     short lists
//!                    02 roaring bitmap, portable format              long ones
//!                    03 varint(length of the first) { 01 or 02 }     ids that go,
//!                       { 01 or 02 }                                 then ids that come
//! ```
//! Operands are merged in any grouping, so one with ids that go keeps them until it meets a value.
//! A merge must neither panic nor refuse: bytes that can't be read count as no ids, with a log line, so
//! that damage in one posting can't stop compaction of all of them.

use crate::model::SeriesId;
use roaring::RoaringBitmap;

const LIST: u8 = 1;
const BITMAP: u8 = 2;
const CHANGE: u8 = 3;
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

/// Encodes an operand that takes ids out.
pub fn encode_removal(ids: &[SeriesId]) -> Vec<u8> {
    encode_change(&ids.iter().map(|id| id.0).collect(), &RoaringBitmap::new())
}

fn encode_change(gone: &RoaringBitmap, come: &RoaringBitmap) -> Vec<u8> {
    let gone = encode(gone);
    let mut out = vec![CHANGE];
    put_varint(u32::try_from(gone.len()).unwrap_or(u32::MAX), &mut out);
    out.extend_from_slice(&gone);
    out.extend_from_slice(&encode(come));
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
    Some(take_change(bytes)?.1)
}

/// Ids that go and ids that come.
fn take_change(bytes: &[u8]) -> Option<(RoaringBitmap, RoaringBitmap)> {
    let mut gone = RoaringBitmap::new();
    let mut come = RoaringBitmap::new();
    let come_bytes = match bytes.split_first() {
        Some((&CHANGE, mut rest)) => {
            let length = take_varint(&mut rest)? as usize;
            let (first, second) = rest.split_at_checked(length)?;
            add(first, &mut gone).then_some(())?;
            second
        }
        _ => bytes,
    };
    add(come_bytes, &mut come).then_some((gone, come))
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

/// The merge operator: what is there, changed by each operand in turn.
pub fn merge<'a>(existing: Option<&'a [u8]>, operands: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut ids = RoaringBitmap::new();
    let mut all_gone = RoaringBitmap::new();
    let has_value = existing.is_some();
    for bytes in existing.into_iter().chain(operands) {
        if let Some((gone, come)) = take_change(bytes) {
            ids -= &gone;
            ids |= come;
            all_gone |= gone;
        } else {
            log::error!(
                "a damaged posting of {} bytes was skipped in a merge",
                bytes.len()
            );
        }
    }
    if has_value || all_gone.is_empty() {
        return encode(&ids);
    }
    // Nothing but operands, perhaps: a value to come must still lose these.
    encode_change(&all_gone, &ids)
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
        fn changes_merge_in_any_grouping(
            steps in prop::collection::vec((any::<bool>(), prop::collection::btree_set(0_u32..60, 0..60)), 1..8),
            cuts in prop::collection::vec(any::<bool>(), 8),
        ) {
            let ids = |set: &BTreeSet<u32>| set.iter().copied().map(SeriesId).collect::<Vec<_>>();
            let mut want = BTreeSet::new();
            let mut operands = Vec::new();
            for (add, set) in &steps {
                if *add {
                    want.extend(set);
                    operands.push(encode_ids(&ids(set)));
                } else {
                    want.retain(|id| !set.contains(id));
                    operands.push(encode_removal(&ids(set)));
                }
            }
            // Neighbours are merged without a value first, as compaction may do.
            let mut grouped: Vec<Vec<Vec<u8>>> = Vec::new();
            for (operand, cut) in operands.into_iter().zip(cuts) {
                match grouped.last_mut() {
                    Some(group) if !cut => group.push(operand),
                    _ => grouped.push(vec![operand]),
                }
            }
            let merged: Vec<Vec<u8>> = grouped
                .iter()
                .map(|group| merge(None, group.iter().map(Vec::as_slice)))
                .collect();
            let value = merge(Some(&encode_ids(&[])), merged.iter().map(Vec::as_slice));
            prop_assert_eq!(decode(&value).unwrap().iter().collect::<BTreeSet<_>>(), want);
        }

        #[test]
        fn damaged_bytes_never_panic_and_never_hide_the_rest(bytes: Vec<u8>) {
            let good = encode_ids(&[SeriesId(7)]);
            let merged = merge(Some(&bytes), [good.as_slice()].into_iter());
            prop_assert!(decode(&merged).unwrap().contains(7));
        }
    }
}
