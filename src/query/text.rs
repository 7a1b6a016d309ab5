//! How times and floats are written and read.

use chrono::{DateTime, Datelike};
use std::fmt::Write;

/// RFC 3339 in UTC with as many fractional digits as needed, up to nine.
pub fn rfc3339(time_ns: i64) -> String {
    let mut out = String::with_capacity(30);
    push_rfc3339(time_ns, &mut out);
    out
}

/// RFC 3339 in UTC with nine fractional digits always, as Flux's `string` writes times.
pub fn rfc3339_nanoseconds(time_ns: i64) -> String {
    let mut out = String::with_capacity(30);
    push_rfc3339(time_ns - time_ns.rem_euclid(1_000_000_000), &mut out);
    out.pop();
    let _ = write!(out, ".{:09}Z", time_ns.rem_euclid(1_000_000_000));
    out
}

pub fn push_rfc3339(time_ns: i64, out: &mut String) {
    let seconds = time_ns.div_euclid(1_000_000_000);
    let nanoseconds = time_ns.rem_euclid(1_000_000_000);
    let Some(date) = DateTime::from_timestamp(seconds, 0) else {
        return;
    };
    let of_day = seconds.rem_euclid(86_400);
    // 64 bits of nanoseconds reach from 1677 to 2262.
    push_digits(i64::from(date.year()), 4, out);
    let parts = [
        ('-', i64::from(date.month())),
        ('-', i64::from(date.day())),
        ('T', of_day / 3600),
        (':', of_day / 60 % 60),
        (':', of_day % 60),
    ];
    for (before, number) in parts {
        out.push(before);
        push_digits(number, 2, out);
    }
    if nanoseconds > 0 {
        out.push('.');
        let mut width = 9;
        let mut digits = nanoseconds;
        while digits % 10 == 0 {
            digits /= 10;
            width -= 1;
        }
        push_digits(digits, width, out);
    }
    out.push('Z');
}

/// The last `width` digits.
fn push_digits(number: i64, width: u32, out: &mut String) {
    for place in (0..width).rev() {
        let digit = number / 10_i64.pow(place) % 10;
        out.push(char::from(b'0' + u8::try_from(digit).unwrap_or_default()));
    }
}

/// Nanoseconds of an RFC 3339 time that fits 64 bits.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text)
        .ok()?
        .timestamp_nanos_opt()
}

/// The same, appended.
pub fn push_float(number: f64, out: &mut String) {
    match number.is_finite() {
        // Writing into a String can't fail.
        true => drop(write!(out, "{number}")),
        false => out.push_str(&float(number)),
    }
}

/// The shortest decimal that reads back the same, without an exponent, as Go's `%v` with format 'f'.
pub fn float(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 {
            "+Inf".to_owned()
        } else {
            "-Inf".to_owned()
        }
    } else {
        format!("{number}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_no_more_digits_than_needed() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_500_000_000), "1970-01-01T00:00:01.5Z");
        assert_eq!(
            rfc3339(1_709_251_199_000_120_000),
            "2024-02-29T23:59:59.00012Z"
        );
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(parse_rfc3339("1970-01-01T00:00:01.5Z"), Some(1_500_000_000));
    }
}
