//! Timestamps: regular steps in a few bytes, others as integers, a common power of ten divided out.
//!
//! ```text
//! column   exponent (low five bits) and kind (bit 7), body
//! regular  first time, step           both in units of 10^exponent nanoseconds
//! other    integers (a column of the integer codec), in the same unit
//! ```

use super::bytes::{Reader, put_signed};
use super::{CodecError, Effort, check_count, int};

const REGULAR: u8 = 0x80;
const EXPONENT_MAX: u8 = 18;

/// Appends a column of times in any order.
pub fn encode_times(times: &[i64], effort: Effort, out: &mut Vec<u8>) {
    let Some(&first) = times.first() else { return };
    if let Some(step) = regular_step(times) {
        let (exponent, unit) = common_unit(&[first, step]);
        out.push(exponent | REGULAR);
        put_signed(first / unit, out);
        put_signed(step / unit, out);
        return;
    }
    let (exponent, unit) = common_unit(times);
    out.push(exponent);
    if unit == 1 {
        int::encode_i64(times, effort, out);
    } else {
        let scaled: Vec<i64> = times.iter().map(|time| time / unit).collect();
        int::encode_i64(&scaled, effort, out);
    }
}

/// Reads a column of `count` times.
pub fn decode_times(bytes: &[u8], count: usize) -> Result<Vec<i64>, CodecError> {
    check_count(count)?;
    let mut reader = Reader::new(bytes);
    let mut times = Vec::new();
    if count == 0 {
        return reader.finish().map(|()| times);
    }
    let head = reader.byte()?;
    let exponent = head & !REGULAR;
    if exponent > EXPONENT_MAX {
        return Err(CodecError::UnknownTag {
            at: 0,
            what: "time unit",
            tag: exponent,
        });
    }
    let unit = 10_i64.pow(u32::from(exponent));
    if head & REGULAR == 0 {
        int::decode_from(&mut reader, count, &mut times)?;
        if unit != 1 {
            times
                .iter_mut()
                .for_each(|time| *time = time.wrapping_mul(unit));
        }
    } else {
        let first = reader.signed()?.wrapping_mul(unit);
        let step = reader.signed()?.wrapping_mul(unit);
        times.reserve_exact(count);
        times.extend(regular(first, step).take(count));
    }
    reader.finish()?;
    Ok(times)
}

/// Times from `first` on, `step` apart.
pub fn regular(first: i64, step: i64) -> impl Iterator<Item = i64> {
    std::iter::successors(Some(first), move |time| Some(time.wrapping_add(step)))
}

/// The distance of neighbours, when it is always the same.
pub fn regular_step(times: &[i64]) -> Option<i64> {
    let [first, second, ..] = *times else {
        return Some(0);
    };
    let step = second.checked_sub(first)?;
    let same = |pair: &[i64]| matches!(*pair, [a, b] if b.wrapping_sub(a) == step);
    times.windows(2).all(same).then_some(step)
}

/// The largest power of ten that divides all times: its exponent and itself.
pub fn common_unit(times: &[i64]) -> (u8, i64) {
    let (mut exponent, mut unit) = (EXPONENT_MAX, 10_i64.pow(u32::from(EXPONENT_MAX)));
    for time in times {
        while time % unit != 0 {
            unit /= 10;
            exponent -= 1;
        }
        if exponent == 0 {
            break;
        }
    }
    (exponent, unit)
}
