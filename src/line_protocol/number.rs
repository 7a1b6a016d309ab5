//! Field values that are not strings, and timestamps.

use super::error::Reason;
use crate::model::{FieldType, Precision, TIME_MAX, TIME_MIN};

/// A value's type, its bits, and where the text after it begins.
pub type Scanned = (FieldType, u64, usize);

/// Below 2^53 every integer is one double, and powers of ten to 10^22 are exact: one division rounds right.
const EXACT_MAX: u64 = 1 << 53;
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];
/// So many digits always fit 64 bits.
const DIGITS_MAX: usize = 18;

/// Whether a value may end before this byte.
#[inline]
pub fn ends_value(next: Option<&u8>) -> bool {
    matches!(next, None | Some(b',' | b' ' | b'\n' | b'\r'))
}

/// Number or boolean at `at`.
#[inline]
pub fn scan(body: &[u8], at: usize) -> Result<Scanned, Reason> {
    let first = body.get(at).copied();
    if !matches!(first, Some(b'0'..=b'9' | b'-' | b'.' | b'N' | b'n')) {
        return scan_boolean(body, at);
    }
    let negative = first == Some(b'-');
    let start = at + usize::from(negative);
    let (whole, mut end) = digits(body, start, 0);
    let count = end - start;
    if count == 0 || count > DIGITS_MAX {
        return scan_slowly(body, at);
    }
    let next = body.get(end);
    if next == Some(&b'i') && ends_value(body.get(end + 1)) {
        let value = whole.cast_signed();
        let value = if negative { -value } else { value };
        return Ok((FieldType::Integer, value.cast_unsigned(), end + 1));
    }
    let (mut mantissa, mut power) = (whole, 0);
    if next == Some(&b'.') {
        let point = end;
        (mantissa, end) = digits(body, point + 1, whole);
        power = end - point - 1;
    }
    if count + power > DIGITS_MAX || mantissa >= EXACT_MAX || !ends_value(body.get(end)) {
        return scan_slowly(body, at);
    }
    let Some(divisor) = POWERS.get(power) else {
        return scan_slowly(body, at);
    };
    let value = mantissa as f64 / divisor;
    let value = if negative { -value } else { value };
    Ok((FieldType::Float, value.to_bits(), end))
}

/// Reads digits onto `value`; wraps beyond 19 of them, which the caller refuses.
#[inline]
fn digits(body: &[u8], mut at: usize, mut value: u64) -> (u64, usize) {
    while let Some(digit) = body
        .get(at)
        .map(|byte| byte.wrapping_sub(b'0'))
        .filter(|d| *d < 10)
    {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (value, at)
}

fn token(body: &[u8], at: usize) -> &[u8] {
    let rest = body.get(at..).unwrap_or_default();
    let end = rest
        .iter()
        .position(|byte| ends_value(Some(byte)))
        .unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default()
}

/// Any number, by the rules of InfluxDB's scanner.
#[cold]
fn scan_slowly(body: &[u8], at: usize) -> Result<Scanned, Reason> {
    let token = token(body, at);
    let end = at + token.len();
    let text = std::str::from_utf8(token).map_err(|_| Reason::InvalidNumber)?;
    let (number, suffix) = match text.as_bytes().last() {
        Some(b'i') => (text.trim_end_matches('i'), Some(FieldType::Integer)),
        Some(b'u') => (text.trim_end_matches('u'), Some(FieldType::Unsigned)),
        _ => (text, None),
    };
    if suffix.is_some() && text.len() - number.len() != 1 {
        return Err(Reason::InvalidNumber);
    }
    let plain = number.strip_prefix('-').unwrap_or(number);
    match suffix {
        None => scan_float(number, plain).map(|bits| (FieldType::Float, bits, end)),
        Some(_) if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(Reason::InvalidNumber)
        }
        Some(FieldType::Unsigned) if number.starts_with('-') => Err(Reason::InvalidNumber),
        Some(FieldType::Unsigned) => match number.parse::<u64>() {
            Ok(value) => Ok((FieldType::Unsigned, value, end)),
            Err(_) => Err(Reason::UnsignedOutOfRange(capped(number))),
        },
        Some(_) => match number.parse::<i64>() {
            Ok(value) => Ok((FieldType::Integer, value.cast_unsigned(), end)),
            Err(_) => Err(Reason::IntegerOutOfRange(capped(number))),
        },
    }
}

fn scan_float(number: &str, plain: &str) -> Result<u64, Reason> {
    let mantissa = plain.split(['e', 'E']).next().unwrap_or_default();
    let numeric = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    if !mantissa.bytes().all(numeric) || !mantissa.bytes().any(|byte| byte.is_ascii_digit()) {
        return Err(Reason::InvalidNumber);
    }
    let value: f64 = fast_float2::parse(number).map_err(|_| Reason::InvalidFloat)?;
    if value.is_finite() {
        Ok(value.to_bits())
    } else {
        Err(Reason::InvalidFloat)
    }
}

fn capped(number: &str) -> String {
    number.chars().take(64).collect()
}

fn scan_boolean(body: &[u8], at: usize) -> Result<Scanned, Reason> {
    let token = token(body, at);
    let value = match token {
        b"t" | b"T" | b"true" | b"True" | b"TRUE" => true,
        b"f" | b"F" | b"false" | b"False" | b"FALSE" => false,
        b"" => return Err(Reason::MissingFieldValue),
        _ => return Err(Reason::InvalidBoolean),
    };
    Ok((FieldType::Boolean, u64::from(value), at + token.len()))
}

/// A timestamp at `at`, scaled to nanoseconds, and where the text after it begins.
#[inline]
pub fn scan_time(body: &[u8], at: usize, precision: Precision) -> Result<(i64, usize), Reason> {
    let negative = body.get(at) == Some(&b'-');
    let start = at + usize::from(negative);
    let (value, end) = digits(body, start, 0);
    let count = end - start;
    if count == 0 || !matches!(body.get(end), None | Some(b' ' | b'\n' | b'\r' | b'\t')) {
        return Err(Reason::BadTimestamp);
    }
    let value = if count <= DIGITS_MAX {
        value.cast_signed()
    } else {
        let digits = body
            .get(start..end)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        digits
            .and_then(|digits| digits.parse::<i64>().ok())
            .ok_or(Reason::TimeOutOfRange)?
    };
    let value = if negative { -value } else { value };
    let time = value
        .checked_mul(precision.unit_ns())
        .ok_or(Reason::TimeOutOfRange)?;
    if (TIME_MIN..=TIME_MAX).contains(&time) {
        Ok((time, end))
    } else {
        Err(Reason::TimeOutOfRange)
    }
}

/// `time` rounded down to the precision.
pub fn truncate(time: i64, precision: Precision) -> i64 {
    time.saturating_sub(time.rem_euclid(precision.unit_ns()))
}
