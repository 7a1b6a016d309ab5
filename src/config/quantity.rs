//! Sizes and durations as people write them: `64MiB`, `1h30m`. No floats, no guessing of units.

use std::time::Duration;

/// Longest first, so that a suffix is found before its own tail (`MiB` before `B`).
const SIZE_UNITS: &[(&str, u64)] = &[
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

const DURATION_UNITS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("h", 3_600 * 1_000_000_000),
    ("d", 86_400 * 1_000_000_000),
    ("w", 7 * 86_400 * 1_000_000_000),
];

/// Bytes; a bare number counts bytes.
pub fn parse_size(text: &str) -> Option<u64> {
    let (digits, unit) = split_number(text.trim())?;
    let number: u64 = digits.parse().ok()?;
    match unit.trim_start() {
        "" => Some(number),
        unit => number.checked_mul(factor(SIZE_UNITS, unit)?),
    }
}

/// Needs a unit (but `0` is zero in any); units may follow each other, as in `1h30m`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut total_ns: u64 = 0;
    loop {
        let (digits, tail) = split_number(rest)?;
        let unit_len = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_len);
        let part_ns = digits
            .parse::<u64>()
            .ok()?
            .checked_mul(factor(DURATION_UNITS, unit)?)?;
        total_ns = total_ns.checked_add(part_ns)?;
        rest = tail;
        if rest.is_empty() {
            return Some(Duration::from_nanos(total_ns));
        }
    }
}

/// The shortest exact form: `64MiB`, `1500B`.
pub fn format_size(bytes: u64) -> String {
    let binary = SIZE_UNITS.iter().take(4).rev();
    for (unit, factor) in binary {
        if bytes >= *factor && bytes.is_multiple_of(*factor) {
            return format!("{}{unit}", bytes / factor);
        }
    }
    format!("{bytes}B")
}

/// The largest unit that divides it: `90s`, `7d`.
pub fn format_duration(duration: Duration) -> String {
    let ns = duration.as_nanos();
    if ns == 0 {
        return "0s".to_owned();
    }
    // Weeks are read but not written: 30 days are better known as 30d.
    for (unit, factor) in DURATION_UNITS.iter().rev().skip(1) {
        let factor = u128::from(*factor);
        if ns.is_multiple_of(factor) {
            return format!("{}{unit}", ns / factor);
        }
    }
    format!("{ns}ns")
}

fn split_number(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn factor(units: &[(&str, u64)], unit: &str) -> Option<u64> {
    units
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, factor)| *factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_units() {
        for (text, bytes) in [
            ("0", 0),
            ("1500", 1500),
            ("64MiB", 64 << 20),
            ("64 MiB", 64 << 20),
            ("10MB", 10_000_000),
            ("2KiB", 2048),
            ("7B", 7),
        ] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for text in [
            "",
            "MiB",
            "-1",
            "1.5GiB",
            "64mib",
            "64MiBs",
            "99999999999TiB",
            "1 2",
        ] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_read_with_units_only() {
        for (text, ns) in [
            ("0", 0),
            ("100ms", 100_000_000),
            ("1h30m", 5_400_000_000_000),
            ("7d", 604_800_000_000_000),
            ("1w", 604_800_000_000_000),
            ("3us", 3_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Some(Duration::from_nanos(ns)),
                "{text}"
            );
        }
        for text in [
            "",
            "10",
            "ms",
            "1.5s",
            "-1s",
            "1x",
            "1h30",
            "99999999999w",
            "1s ",
        ] {
            let expected = (text == "1s ").then(|| Duration::from_secs(1));
            assert_eq!(parse_duration(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for bytes in [0, 1, 1023, 1024, 1500, 64 << 20, 3 << 30] {
            assert_eq!(parse_size(&format_size(bytes)), Some(bytes));
        }
        for ns in [0, 1, 100_000_000, 90_000_000_000, 604_800_000_000_000] {
            let duration = Duration::from_nanos(ns);
            assert_eq!(parse_duration(&format_duration(duration)), Some(duration));
        }
        assert_eq!(format_size(64 << 20), "64MiB");
        assert_eq!(format_duration(Duration::from_secs(90)), "90s");
        assert_eq!(format_duration(Duration::from_secs(604_800)), "7d");
    }
}
