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
    match bytes.get(at..at + 8).map(<[u8; 8]>::try_from) {
        Some(Ok(eight)) => u64::from_le_bytes(eight),
        _ => load_tail(bytes, at),
    }
}

#[cold]
fn load_tail(bytes: &[u8], at: usize) -> u64 {
    let tail = bytes.get(at..).unwrap_or_default();
    tail.iter()
        .rev()
        .fold(0, |word, &byte| word << 8 | u64::from(byte))
}

/// Unpacks as many numbers as there are slots and fills these with what `each` makes of them.
pub fn unpack<T>(
    reader: &mut Reader<'_>,
    slots: &mut [T],
    width: u32,
    mut each: impl FnMut(u64) -> T,
) -> Result<(), CodecError> {
    debug_assert!(width <= u64::BITS);
    let bytes = reader.take(packed_len(slots.len(), width))?;
    let mask = mask(width);
    let mut position = 0;
    if width <= 56 {
        for slot in slots {
            *slot = each(load(bytes, position >> 3) >> (position & 7) & mask);
            position += width as usize;
        }
    } else {
        for slot in slots {
            let (at, shift) = (position >> 3, position & 7);
            let low = load(bytes, at) >> shift;
            // Shifted out entirely when the eight bytes were enough.
            let high = bytes
                .get(at + 8)
                .map_or(0, |&byte| u64::from(byte) << (8 - shift) << 56);
            *slot = each((low | high) & mask);
            position += width as usize;
        }
    }
    Ok(())
}

/// Appends numbers of any width bit after bit, low bits first.
pub struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    held: u64,
    /// Bits held, fewer than 32 between calls.
    fill: u32,
}

impl<'a> BitWriter<'a> {
    pub const fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            held: 0,
            fill: 0,
        }
    }

    /// `value` needs `width` bits at most, which is 32 at most.
    #[inline]
    pub fn put(&mut self, value: u64, width: u32) {
        debug_assert!(width <= 32 && value <= mask(width));
        self.held |= value << self.fill;
        self.fill += width;
        if self.fill >= 32 {
            #[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
            self.out
                .extend_from_slice(&(self.held as u32).to_le_bytes());
            self.held >>= 32;
            self.fill -= 32;
        }
    }

    /// Like [`Self::put`] for any width.
    #[inline]
    pub fn put_wide(&mut self, value: u64, width: u32) {
        if width <= 32 {
            self.put(value, width);
        } else {
            self.put(value & mask(32), 32);
            self.put(value >> 32, width - 32);
        }
    }

    /// Fills the byte with zeros; the next bit begins a new one.
    pub fn pad(&mut self) {
        let bytes = (self.fill as usize).div_ceil(8);
        self.out
            .extend_from_slice(self.held.to_le_bytes().get(..bytes).unwrap_or_default());
        (self.held, self.fill) = (0, 0);
    }
}

/// Reads numbers of any width up to 56 bits.
pub struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// `None` when the bytes don't have so many bits any more.
    pub fn take(&mut self, width: u32) -> Option<u64> {
        debug_assert!(width <= 56);
        let end = self.at + width as usize;
        if end > self.bytes.len() * 8 {
            return None;
        }
        let value = load(self.bytes, self.at >> 3) >> (self.at & 7) & mask(width);
        self.at = end;
        Some(value)
    }

    /// Bytes of which at least one bit was taken.
    pub const fn bytes_begun(&self) -> usize {
        self.at.div_ceil(8)
    }
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
            let mut back = vec![0; values.len()];
            let mut reader = Reader::new(&out);
            unpack(&mut reader, &mut back, width, |value| value).unwrap();
            prop_assert_eq!(back, values);
            prop_assert_eq!(reader.finish(), Ok(()));
        }
    }
}
