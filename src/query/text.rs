//! How times and floats are written and read.

use chrono::{DateTime, Datelike, Timelike};
use std::fmt::Write;

/// RFC 3339 in UTC with as many fractional digits as needed, up to nine.
pub fn rfc3339(time_ns: i64) -> String {
    let mut out = String::with_capacity(30);
    push_rfc3339(time_ns, &mut out);
    out
}

pub fn push_rfc3339(time_ns: i64, out: &mut String) {
    let seconds = time_ns.div_euclid(1_000_000_000);
    let nanoseconds = time_ns.rem_euclid(1_000_000_000);
    let Some(time) = DateTime::from_timestamp(seconds, 0) else {
        return;
    };
    // Writing into a String can't fail.
    let _ = write!(
        out,
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    );
    if nanoseconds > 0 {
        let digits = format!("{nanoseconds:09}");
        out.push('.');
        out.push_str(digits.trim_end_matches('0'));
    }
    out.push('Z');
}

/// Nanoseconds of an RFC 3339 time that fits 64 bits.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text)
        .ok()?
        .timestamp_nanos_opt()
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
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(parse_rfc3339("1970-01-01T00:00:01.5Z"), Some(1_500_000_000));
    }
}
