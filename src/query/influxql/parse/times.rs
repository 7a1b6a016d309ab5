//! Time literals: `'2000-01-01'`, `'2000-01-01 00:00:00.5'`, RFC 3339.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};

/// Whether a text looks like a time, so that comparing `time` with it makes sense.
pub fn looks_like_time(text: &str) -> bool {
    let date = text.as_bytes().get(..10);
    date.is_some_and(|date| {
        date.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
    })
}

/// Nanoseconds since the epoch; texts without an offset are in `zone`, or UTC.
pub fn parse_time_text(text: &str, zone: Option<chrono_tz::Tz>) -> Option<i64> {
    let local = if text.len() == 10 {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_time(NaiveTime::MIN)
    } else {
        match NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f") {
            Ok(local) => local,
            Err(_) if text.as_bytes().get(10) == Some(&b'T') => {
                return DateTime::parse_from_rfc3339(text)
                    .ok()?
                    .timestamp_nanos_opt();
            }
            Err(_) => return None,
        }
    };
    match zone {
        None => local.and_utc().timestamp_nanos_opt(),
        Some(zone) => zone
            .from_local_datetime(&local)
            .earliest()?
            .timestamp_nanos_opt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_times_and_rfc3339_are_read() {
        let start = 946_684_800_000_000_000;
        assert_eq!(parse_time_text("2000-01-01", None), Some(start));
        assert_eq!(
            parse_time_text("2000-01-01 00:00:00.5", None),
            Some(start + 500_000_000)
        );
        assert_eq!(
            parse_time_text("2000-01-01T00:00:00.000000001Z", None),
            Some(start + 1)
        );
        assert_eq!(
            parse_time_text("2000-01-01T01:00:00+01:00", None),
            Some(start)
        );
        assert_eq!(parse_time_text("2000-13-01", None), None);
        assert_eq!(
            parse_time_text("2000-01-01", Some(chrono_tz::Europe::Berlin)),
            Some(start - 3_600_000_000_000)
        );
        assert!(looks_like_time("2000-01-01T"));
        assert!(!looks_like_time("server01"));
    }
}
