//! Doubles: raw bits, or decimals scaled to integers.
//!
//! ```text
//! raw        tag, 8 bytes each, little-endian
//! constant   tag, 8 bytes
//! decimal    tag, decimal places (1 byte), integers (a column of the integer codec)
//! ```
//! A value is a decimal of `p` places when an integer below 2^51 divided by 10^p gives exactly its bits.
//! The division is correctly rounded, as is the parser that read the text, so that what was written with
//! few digits always is. -0.0 and whatever else fails keeps the column from being one.

use super::bytes::Reader;
use super::{CodecError, Effort, check_count, int};

const TAG_CONSTANT: u8 = 0;
const TAG_RAW: u8 = 1;
const TAG_DECIMAL: u8 = 2;

/// Powers of ten that are exact doubles, as far as scaling goes.
pub const POWERS_OF_TEN: [f64; 16] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// Adding it to a double below 2^51 leaves the nearest integer in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// The integer that divided by `power` gives exactly these bits.
#[inline]
pub fn scaled(value: f64, power: f64) -> Option<i64> {
    let shifted = value * power + ROUND;
    let whole = shifted - ROUND;
    let integer = shifted
        .to_bits()
        .wrapping_sub(ROUND.to_bits())
        .cast_signed();
    let exact = (whole / power).to_bits() == value.to_bits();
    // Beyond 2^51 the trick fails; the comparison of `whole` would still hold.
    (exact && integer.unsigned_abs() < 1 << 51).then_some(integer)
}

/// What [`scaled`] made an integer of. An integer of 2^53 and more, which it never makes, is rounded.
#[inline]
pub fn unscaled(integer: i64, power: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "documented")]
    let whole = integer as f64;
    whole / power
}

/// Appends a column.
pub fn encode_f64(values: &[f64], effort: Effort, out: &mut Vec<u8>) {
    let Some(&first) = values.first() else { return };
    if values
        .iter()
        .all(|value| value.to_bits() == first.to_bits())
    {
        out.push(TAG_CONSTANT);
        out.extend_from_slice(&first.to_bits().to_le_bytes());
        return;
    }
    let mark = out.len();
    if let Some(places) = places(values)
        && encode_decimal(values, places, effort, out)
    {
        return;
    }
    out.truncate(mark);
    out.push(TAG_RAW);
    out.extend(
        values
            .iter()
            .flat_map(|value| value.to_bits().to_le_bytes()),
    );
}

/// Decimal places that suffice for a sample.
fn places(values: &[f64]) -> Option<u8> {
    let mut places = 0;
    for &value in values.iter().step_by((values.len() / 16).max(1)) {
        while scaled(value, *POWERS_OF_TEN.get(places)?).is_none() {
            places += 1;
        }
    }
    u8::try_from(places).ok()
}

fn encode_decimal(values: &[f64], places: u8, effort: Effort, out: &mut Vec<u8>) -> bool {
    let Some(&power) = POWERS_OF_TEN.get(usize::from(places)) else {
        return false;
    };
    let mut integers = Vec::with_capacity(values.len());
    for &value in values {
        match scaled(value, power) {
            Some(integer) => integers.push(integer),
            None => return false,
        }
    }
    out.push(TAG_DECIMAL);
    out.push(places);
    int::encode_i64(&integers, effort, out);
    true
}

/// Reads a column and appends its `count` values.
pub fn decode_f64_into(bytes: &[u8], count: usize, out: &mut Vec<f64>) -> Result<(), CodecError> {
    check_count(count)?;
    let mut reader = Reader::new(bytes);
    if count == 0 {
        return reader.finish();
    }
    let tag = reader.byte()?;
    match tag {
        TAG_CONSTANT => {
            let value = f64::from_bits(reader.u64_le()?);
            out.resize(out.len() + count, value);
        }
        TAG_RAW => {
            let raw = reader.take(count * 8)?.chunks_exact(8);
            let raw = raw.filter_map(|eight| eight.try_into().ok());
            out.extend(raw.map(|eight| f64::from_bits(u64::from_le_bytes(eight))));
        }
        TAG_DECIMAL => {
            let at = reader.position();
            let places = reader.byte()?;
            let power = POWERS_OF_TEN.get(usize::from(places)).copied();
            let power = power.ok_or(CodecError::UnknownTag {
                at,
                what: "scale",
                tag: places,
            })?;
            let mut integers = Vec::new();
            int::decode_from(&mut reader, count, &mut integers)?;
            out.extend(integers.iter().map(|&integer| unscaled(integer, power)));
        }
        _ => {
            return Err(CodecError::UnknownTag {
                at: 0,
                what: "float codec",
                tag,
            });
        }
    }
    reader.finish()
}
