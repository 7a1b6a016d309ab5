//! Integers, signed and unsigned: constant, or residuals packed in groups or entropy coded.
//!
//! ```text
//! constant   tag, value
//! packed     tag, start, groups of 64 residuals (the last has fewer): width (1 byte), bits
//! coded      tag, start, entropy coded residuals (see [`super::ans`]), to the end
//! factored   tag, factor, first value, column of (value - first) / factor
//! ```
//! The tag's bits 5 and 6 are the *order* of packed and coded columns, see [`super::residual`]. All
//! arithmetic wraps, so every column of 64-bit numbers comes back, unsigned ones as the signed ones with
//! the same bits.

use super::bits::{pack, packed_len, unpack, width_of};
use super::bytes::{Reader, put_signed, put_varint};
use super::residual::{Residuals, Shape, restore};
use super::{CodecError, Effort, ans, check_count};

const TAG_CONSTANT: u8 = 0;
const TAG_PACKED: u8 = 1;
const TAG_CODED: u8 = 2;
const TAG_FACTORED: u8 = 3;

const TAG_BITS: u8 = 0x1f;
const ORDER_SHIFT: u32 = 5;

/// Residuals that share a width. A multiple of 64 keeps groups on byte borders.
const GROUP: usize = 64;

/// Shorter columns are packed at once: the table of an entropy coder is more than it saves.
const SHORT: usize = 64;
/// Shorter columns of the journal are not sampled: looking at all is as fast.
const FAST_SHORT: usize = 128;

/// Appends a column.
pub fn encode_i64(values: &[i64], effort: Effort, out: &mut Vec<u8>) {
    let Some(&first) = values.first() else { return };
    if values.iter().all(|&value| value == first) {
        out.push(TAG_CONSTANT);
        put_signed(first, out);
        return;
    }
    let packed_below = if effort == Effort::Fast {
        FAST_SHORT
    } else {
        SHORT
    };
    if values.len() < packed_below {
        return encode_packed(values, Shape::of_short(values), out);
    }
    match effort {
        Effort::Fast => encode_packed(values, Shape::choose(values), out),
        Effort::Small => match common_factor(values, first) {
            Some(factor) => encode_factored(values, first, factor, out),
            None => encode_small(values, out),
        },
    }
}

fn encode_packed(values: &[i64], shape: Shape, out: &mut Vec<u8>) {
    out.push(TAG_PACKED | shape.order << ORDER_SHIFT);
    let mut residuals = Residuals::start(values, shape, out);
    put_groups(residuals.rest(values), |&value| residuals.next(value), out);
}

/// Entropy coded, or packed where that is not larger.
fn encode_small(values: &[i64], out: &mut Vec<u8>) {
    let shape = Shape::choose(values);
    let tag_at = out.len();
    out.push(TAG_CODED | shape.order << ORDER_SHIFT);
    let residuals = Residuals::start(values, shape, out).all(values);
    let plan = ans::Plan::new(&residuals);
    if plan.bits < groups_bits(&residuals) {
        ans::encode(&plan, &residuals, out);
        return;
    }
    if let Some(tag) = out.get_mut(tag_at) {
        *tag = TAG_PACKED | shape.order << ORDER_SHIFT;
    }
    put_groups(&residuals, |&residual| residual, out);
}

fn put_groups<T>(values: &[T], mut residual: impl FnMut(&T) -> u64, out: &mut Vec<u8>) {
    let mut group = [0_u64; GROUP];
    for chunk in values.chunks(GROUP) {
        let mut all = 0;
        for (slot, value) in group.iter_mut().zip(chunk) {
            *slot = residual(value);
            all |= *slot;
        }
        let width = width_of(all);
        #[expect(clippy::cast_possible_truncation, reason = "64 at most")]
        out.push(width as u8);
        pack(group.get(..chunk.len()).unwrap_or_default(), width, out);
    }
}

/// What [`put_groups`] will write.
fn groups_bits(residuals: &[u64]) -> usize {
    let group = |chunk: &[u64]| {
        let width = width_of(chunk.iter().fold(0, |all, residual| all | residual));
        8 + 8 * packed_len(chunk.len(), width)
    };
    residuals.chunks(GROUP).map(group).sum()
}

/// The greatest common divisor of all distances from the first value, when it is above 1 and no distance
/// overflows. Most columns are done after a few values.
fn common_factor(values: &[i64], first: i64) -> Option<u64> {
    let mut factor = 0_u64;
    for value in values {
        let distance = value.checked_sub(first)?.unsigned_abs();
        if factor == 0 || !distance.is_multiple_of(factor) {
            factor = greatest_common_divisor(factor, distance);
            if factor == 1 {
                return None;
            }
        }
    }
    (factor > 1).then_some(factor)
}

const fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn encode_factored(values: &[i64], first: i64, factor: u64, out: &mut Vec<u8>) {
    let Ok(divisor) = i64::try_from(factor) else {
        return encode_small(values, out);
    };
    out.push(TAG_FACTORED);
    put_varint(factor, out);
    put_signed(first, out);
    let quotient = |value: &i64| value.wrapping_sub(first) / divisor;
    let quotients: Vec<i64> = values.iter().map(quotient).collect();
    encode_small(&quotients, out);
}

/// Reads a column and appends its `count` values.
pub fn decode_i64_into(bytes: &[u8], count: usize, out: &mut Vec<i64>) -> Result<(), CodecError> {
    let mut reader = Reader::new(bytes);
    decode_from(&mut reader, count, out)?;
    reader.finish()
}

/// Reads a column of which the end is checked by the caller.
pub(super) fn decode_from(
    reader: &mut Reader<'_>,
    count: usize,
    out: &mut Vec<i64>,
) -> Result<(), CodecError> {
    check_count(count)?;
    if count == 0 {
        return Ok(());
    }
    let at = reader.position();
    let tag = reader.byte()?;
    if tag != TAG_FACTORED {
        return decode_plain(tag, reader, count, out);
    }
    let factor = reader.varint()?.cast_signed();
    let first = reader.signed()?;
    let start = out.len();
    let tag = reader.byte()?;
    if tag == TAG_FACTORED {
        return Err(CodecError::Invalid {
            at,
            what: "factor of a factor",
        });
    }
    decode_plain(tag, reader, count, out)?;
    for value in out.iter_mut().skip(start) {
        *value = value.wrapping_mul(factor).wrapping_add(first);
    }
    Ok(())
}

fn decode_plain(
    tag: u8,
    reader: &mut Reader<'_>,
    count: usize,
    out: &mut Vec<i64>,
) -> Result<(), CodecError> {
    let order = tag >> ORDER_SHIFT;
    match tag & TAG_BITS {
        TAG_CONSTANT => {
            let value = reader.signed()?;
            out.resize(out.len() + count, value);
            Ok(())
        }
        TAG_PACKED => {
            // A group is at least its width byte: damaged bytes can't ask for more room than this.
            if count > reader.remaining().saturating_mul(GROUP) {
                let missing = count / GROUP - reader.remaining();
                return Err(CodecError::CutOff {
                    at: reader.position(),
                    missing,
                });
            }
            restore(reader, order, count, out, &Packed)
        }
        TAG_CODED => restore(reader, order, count, out, &Coded),
        _ => {
            let at = reader.position().saturating_sub(1);
            Err(CodecError::UnknownTag {
                at,
                what: "integer codec",
                tag,
            })
        }
    }
}

/// Where residuals are read from.
pub(super) trait ResidualSource {
    /// Fills all slots with restored residuals, in order.
    fn fill(
        &self,
        reader: &mut Reader<'_>,
        slots: &mut [i64],
        restore: impl FnMut(u64) -> i64,
    ) -> Result<(), CodecError>;
}

struct Packed;
struct Coded;

impl ResidualSource for Packed {
    fn fill(
        &self,
        reader: &mut Reader<'_>,
        slots: &mut [i64],
        mut restore: impl FnMut(u64) -> i64,
    ) -> Result<(), CodecError> {
        for group in slots.chunks_mut(GROUP) {
            let at = reader.position();
            let width = u32::from(reader.byte()?);
            if width > u64::BITS {
                let value = u64::from(width);
                return Err(CodecError::TooLarge {
                    at,
                    what: "width",
                    value,
                    max: 64,
                });
            }
            unpack(reader, group, width, &mut restore)?;
        }
        Ok(())
    }
}

impl ResidualSource for Coded {
    fn fill(
        &self,
        reader: &mut Reader<'_>,
        slots: &mut [i64],
        restore: impl FnMut(u64) -> i64,
    ) -> Result<(), CodecError> {
        ans::decode(reader, slots, restore)
    }
}

/// Appends a column of unsigned integers.
pub fn encode_u64(values: &[u64], effort: Effort, out: &mut Vec<u8>) {
    let signed: Vec<i64> = values.iter().map(|value| value.cast_signed()).collect();
    encode_i64(&signed, effort, out);
}

/// Reads a column of unsigned integers and appends its `count` values.
pub fn decode_u64_into(bytes: &[u8], count: usize, out: &mut Vec<u64>) -> Result<(), CodecError> {
    let mut signed = Vec::new();
    decode_i64_into(bytes, count, &mut signed)?;
    out.extend(signed.into_iter().map(i64::cast_unsigned));
    Ok(())
}
