//! Numbers of one width packed bit to bit, low bits first.

use super::CodecError;
use super::bytes::Reader;

/// Bits that `value` needs; 0 for 0.
pub const fn width_of(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

pub const fn mask(width: u32) -> u64 {
    if width >= u64::BITS {
        u64::MAX
    } else {
        (1 << width) - 1
    }
}

/// Bytes that `count` numbers of `width` bits take.
pub const fn packed_len(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// Packs numbers, each of which needs `width` bits at most.
pub fn pack(values: &[u64], width: u32, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    let (mut held, mut fill) = (0_u64, 0_u32);
    for &value in values {
        held |= value << fill;
        fill += width;
        if fill >= u64::BITS {
            out.extend_from_slice(&held.to_le_bytes());
            fill -= u64::BITS;
            // What did not fit; a shift by the whole width would be too far.
            held = if fill == 0 {
                0
            } else {
                value >> (width - fill)
            };
        }
    }
    let tail = (fill as usize).div_ceil(8);
    out.extend_from_slice(held.to_le_bytes().get(..tail).unwrap_or_default());
}

/// The eight bytes at `at`, zeros beyond the end.
#[inline]
pub fn load(bytes: &[u8], at: usize) -> u64 {
    if let Some(Ok(eight)) = bytes.get(at..at + 8).map(<[u8; 8]>::try_from) {
        return u64::from_le_bytes(eight);
    }
    let tail = bytes.get(at..).unwrap_or_default();
    tail.iter()
        .rev()
        .fold(0, |word, &byte| word << 8 | u64::from(byte))
}

/// Unpacks `count` numbers, calling `each` for them in order.
pub fn unpack(
    reader: &mut Reader<'_>,
    count: usize,
    width: u32,
    mut each: impl FnMut(u64),
) -> Result<(), CodecError> {
    debug_assert!(width <= u64::BITS);
    let bytes = reader.take(packed_len(count, width))?;
    let mask = mask(width);
    if width <= 56 {
        let mut position = 0;
        for _ in 0..count {
            each(load(bytes, position >> 3) >> (position & 7) & mask);
            position += width as usize;
        }
    } else {
        let mut position = 0;
        for _ in 0..count {
            let (at, shift) = (position >> 3, position & 7);
            let low = load(bytes, at) >> shift;
            let high = bytes
                .get(at + 8)
                .map_or(0, |&byte| u64::from(byte) << (8 - shift) << 56);
            each((low | if shift == 0 { 0 } else { high }) & mask);
            position += width as usize;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packed_numbers_come_back(
            width in 0_u32..=64,
            raw in prop::collection::vec(any::<u64>(), 0..300),
        ) {
            let values: Vec<u64> = raw.iter().map(|value| value & mask(width)).collect();
            let mut out = Vec::new();
            pack(&values, width, &mut out);
            prop_assert_eq!(out.len(), packed_len(values.len(), width));
            let mut back = Vec::new();
            let mut reader = Reader::new(&out);
            unpack(&mut reader, values.len(), width, |value| back.push(value)).unwrap();
            prop_assert_eq!(back, values);
            prop_assert_eq!(reader.finish(), Ok(()));
        }
    }
}
