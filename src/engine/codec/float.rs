//! Doubles: decimals scaled to integers, or their bits as integers, or raw.
//!
//! ```text
//! constant   tag, 8 bytes       or, as a decimal, tag, places (1 byte), varint
//! raw        tag, 8 bytes each, little-endian
//! decimal    tag, places (1 byte), with bit 5 of the tag exceptions, integer column
//! ordered    tag, integer column of the bits, made to rise as the doubles do
//! rotated    tag, integer column of the bits with the sign at the low end: noise around zero
//! exceptions varint count, then for each: varint rows since the one before, 8 bytes
//! ```
//! A value is a decimal of `p` places when an integer below 2^51 divided by 10^p gives exactly its bits.
//! The division is correctly rounded, as is the parser that read the text, so that what was written with
//! few digits always is one. -0.0, NaN and the like never are: they are exceptions.

use super::bytes::{Reader, put_signed, put_varint};
use super::{CodecError, Effort, check_count, int};

const TAG_CONSTANT: u8 = 0;
const TAG_RAW: u8 = 1;
const TAG_DECIMAL: u8 = 2;
const TAG_ORDERED: u8 = 3;
const TAG_ROTATED: u8 = 4;
const TAG_CONSTANT_DECIMAL: u8 = 5;
const WITH_EXCEPTIONS: u8 = 0x20;

/// Powers of ten that are exact doubles, as far as scaling goes.
pub const POWERS_OF_TEN: [f64; 16] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// Shorter columns have a smaller sample.
const SHORT: usize = 64;

/// Added to a number between -2^51 and 2^51 it leaves the nearest integer in the low bits: 1.5 * 2^52.
const ROUND: f64 = 6_755_399_441_055_744.0;
const SCALED_END: i64 = 1 << 51;

/// More places take about as many bytes as the double.
const CONSTANT_PLACES_MAX: usize = 6;

/// One value in so many may be an exception; beyond, decimals gain nothing over ordered bits.
const EXCEPTIONS_DIVISOR: usize = 16;

/// The nearest integer to `value * power`, and zero when that gives back these very bits.
#[inline]
fn scale(value: f64, power: f64) -> (i64, u64) {
    let shifted = value * power + ROUND;
    let whole = shifted - ROUND;
    let integer = shifted
        .to_bits()
        .wrapping_sub(ROUND.to_bits())
        .cast_signed();
    let differs = (whole / power).to_bits() ^ value.to_bits();
    let too_large = integer.wrapping_add(SCALED_END).cast_unsigned() >> 52;
    (integer, differs | too_large)
}

/// The integer that divided by `power` gives exactly these bits.
pub fn scaled(value: f64, power: f64) -> Option<i64> {
    let (integer, wrong) = scale(value, power);
    (wrong == 0).then_some(integer)
}

/// What [`scaled`] made an integer of. Integers that it never makes give some double.
#[inline]
pub fn unscaled(integer: i64, power: f64) -> f64 {
    // The inverse of the trick above: unlike a conversion it is done for several values at once.
    let shifted = f64::from_bits(ROUND.to_bits().wrapping_add(integer.cast_unsigned()));
    (shifted - ROUND) / power
}

/// Appends a column.
pub fn encode_f64(values: &[f64], effort: Effort, out: &mut Vec<u8>) {
    let Some(&first) = values.first() else { return };
    if values
        .iter()
        .all(|value| value.to_bits() == first.to_bits())
    {
        encode_constant(first, out);
        return;
    }
    match Decimals::of(values) {
        Some(decimals) => decimals.encode(values, effort, out),
        None => encode_bits(values, effort, out),
    }
}

fn encode_constant(value: f64, out: &mut Vec<u8>) {
    let places = (0_u8..).zip(POWERS_OF_TEN.iter().take(CONSTANT_PLACES_MAX + 1));
    let scaled = |(places, power): (u8, &f64)| Some((places, scaled(value, *power)?));
    match places.filter_map(scaled).next() {
        Some((places, integer)) => {
            out.extend_from_slice(&[TAG_CONSTANT_DECIMAL, places]);
            put_signed(integer, out);
        }
        None => {
            out.push(TAG_CONSTANT);
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
    }
}

/// A column as integers of one scale.
struct Decimals {
    places: u8,
    integers: Vec<i64>,
    /// Rows of values that are no such decimals.
    exceptions: Vec<usize>,
}

impl Decimals {
    /// `None` when too many values are no decimals of few places.
    fn of(values: &[f64]) -> Option<Self> {
        let most = values.len() / EXCEPTIONS_DIVISOR;
        let mut places = typical_places(values)?;
        // What a sample missed asks for more places, seldom twice.
        for _ in 0..3 {
            let this = Self::with_places(values, places)?;
            if this.exceptions.len() <= most {
                return Some(this);
            }
            let missed = values.get(*this.exceptions.first()?)?;
            places = (places + 1..POWERS_OF_TEN.len()).find(|&p| is_decimal(*missed, p))?;
        }
        None
    }

    fn with_places(values: &[f64], places: usize) -> Option<Self> {
        let power = *POWERS_OF_TEN.get(places)?;
        let mut integers = vec![0; values.len()];
        let mut any_wrong = 0;
        for (slot, &value) in integers.iter_mut().zip(values) {
            let (integer, wrong) = scale(value, power);
            *slot = integer;
            any_wrong |= wrong;
        }
        let mut exceptions = Vec::new();
        if any_wrong != 0 {
            let mut before = 0;
            for (row, (slot, &value)) in integers.iter_mut().zip(values).enumerate() {
                match scaled(value, power) {
                    Some(integer) => before = integer,
                    None => {
                        // Costs least where nothing changes.
                        *slot = before;
                        exceptions.push(row);
                    }
                }
            }
        }
        Some(Self {
            places: u8::try_from(places).ok()?,
            integers,
            exceptions,
        })
    }

    fn encode(&self, values: &[f64], effort: Effort, out: &mut Vec<u8>) {
        if self.exceptions.is_empty() {
            out.extend_from_slice(&[TAG_DECIMAL, self.places]);
        } else {
            out.extend_from_slice(&[TAG_DECIMAL | WITH_EXCEPTIONS, self.places]);
            put_varint(self.exceptions.len() as u64, out);
            let mut next = 0;
            for &row in &self.exceptions {
                put_varint((row - next) as u64, out);
                let bits = values.get(row).copied().unwrap_or_default().to_bits();
                out.extend_from_slice(&bits.to_le_bytes());
                next = row + 1;
            }
        }
        int::encode_i64(&self.integers, effort, out);
    }
}

fn is_decimal(value: f64, places: usize) -> bool {
    POWERS_OF_TEN
        .get(places)
        .is_some_and(|&power| scaled(value, power).is_some())
}

/// Decimal places that suffice for most of a sample. `None` when a quarter of it is no decimals.
fn typical_places(values: &[f64]) -> Option<usize> {
    let sample = if values.len() < SHORT { 4 } else { 16 };
    let (mut most, mut strange) = (0, 0);
    for &value in values.iter().step_by(values.len().div_ceil(sample)) {
        match (most..POWERS_OF_TEN.len()).find(|&places| is_decimal(value, places)) {
            Some(places) => most = places,
            None => strange += 1,
        }
        if strange * 4 > sample {
            return None;
        }
    }
    Some(most)
}

/// Integers that are ordered as the doubles are, NaN at the ends. Its own inverse.
const fn ordered(bits: i64) -> i64 {
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

/// Integers that are close for doubles of close magnitude, whatever their signs.
const fn rotated(bits: i64) -> i64 {
    bits.rotate_left(1)
}

const fn unrotated(integer: i64) -> i64 {
    integer.rotate_right(1)
}

fn encode_bits(values: &[f64], effort: Effort, out: &mut Vec<u8>) {
    let mark = out.len();
    let (tag, map): (u8, fn(i64) -> i64) = if changes_sign(values) {
        (TAG_ROTATED, rotated)
    } else {
        (TAG_ORDERED, ordered)
    };
    out.push(tag);
    let integers: Vec<i64> = values
        .iter()
        .map(|value| map(value.to_bits().cast_signed()))
        .collect();
    int::encode_i64(&integers, effort, out);
    if out.len() - mark > values.len() * 8 {
        out.truncate(mark);
        out.push(TAG_RAW);
        out.extend(
            values
                .iter()
                .flat_map(|value| value.to_bits().to_le_bytes()),
        );
    }
}

/// Whether more than one of eight neighbours differ in sign.
fn changes_sign(values: &[f64]) -> bool {
    let some = values.get(..values.len().min(256)).unwrap_or_default();
    let changes = some
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.is_sign_negative() != b.is_sign_negative()));
    changes.count() * 8 > some.len()
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
        TAG_CONSTANT_DECIMAL => {
            let power = read_power(&mut reader)?;
            let value = unscaled(reader.signed()?, power);
            out.resize(out.len() + count, value);
        }
        TAG_RAW => {
            let raw = reader.take(count * 8)?.chunks_exact(8);
            let raw = raw.filter_map(|eight| eight.try_into().ok());
            out.extend(raw.map(|eight| f64::from_bits(u64::from_le_bytes(eight))));
        }
        TAG_ORDERED => decode_bits(&mut reader, ordered, count, out)?,
        TAG_ROTATED => decode_bits(&mut reader, unrotated, count, out)?,
        _ if tag & !WITH_EXCEPTIONS == TAG_DECIMAL => {
            decode_decimals(&mut reader, tag & WITH_EXCEPTIONS != 0, count, out)?;
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

fn decode_bits(
    reader: &mut Reader<'_>,
    unmap: impl Fn(i64) -> i64,
    count: usize,
    out: &mut Vec<f64>,
) -> Result<(), CodecError> {
    let mut integers = Vec::new();
    int::decode_from(reader, count, &mut integers)?;
    let bits = integers
        .into_iter()
        .map(|integer| unmap(integer).cast_unsigned());
    out.extend(bits.map(f64::from_bits));
    Ok(())
}

fn decode_decimals(
    reader: &mut Reader<'_>,
    with_exceptions: bool,
    count: usize,
    out: &mut Vec<f64>,
) -> Result<(), CodecError> {
    let power = read_power(reader)?;
    let exceptions = if with_exceptions {
        read_exceptions(reader, count)?
    } else {
        Vec::new()
    };
    let mut integers = Vec::new();
    int::decode_from(reader, count, &mut integers)?;
    let start = out.len();
    out.extend(integers.iter().map(|&integer| unscaled(integer, power)));
    for (row, value) in exceptions {
        if let Some(slot) = out.get_mut(start + row) {
            *slot = value;
        }
    }
    Ok(())
}

fn read_power(reader: &mut Reader<'_>) -> Result<f64, CodecError> {
    let at = reader.position();
    let places = reader.byte()?;
    let power = POWERS_OF_TEN.get(usize::from(places)).copied();
    power.ok_or(CodecError::UnknownTag {
        at,
        what: "scale",
        tag: places,
    })
}

fn read_exceptions(reader: &mut Reader<'_>, count: usize) -> Result<Vec<(usize, f64)>, CodecError> {
    let number = reader.length(count, "number of exceptions")?;
    let mut exceptions = Vec::new();
    let mut next = 0_usize;
    for _ in 0..number {
        let row = next + reader.length(count.saturating_sub(next), "row of an exception")?;
        exceptions.push((row, f64::from_bits(reader.u64_le()?)));
        next = row + 1;
    }
    Ok(exceptions)
}
