//! `import "experimental/iox"`: the part that needs no other database.

use super::native::natives;
use super::strings::mismatch;
use super::{Member, Package};
use crate::query::flux::value::Value;
use crate::query::plan::Duration;

const UNITS: [(&str, i64); 8] = [
    ("weeks", 604_800_000_000_000),
    ("days", 86_400_000_000_000),
    ("hours", 3_600_000_000_000),
    ("minutes", 60_000_000_000),
    ("seconds", 1_000_000_000),
    ("milliseconds", 1_000_000),
    ("microseconds", 1000),
    ("nanoseconds", 1),
];

natives! {
    SQL_INTERVAL "sqlInterval" ["d"] |call| {
        let length = call.duration("d").ok_or_else(|| mismatch(call, "duration", "d"))?;
        Ok(Value::String(interval(length).into()))
    };
}

pub static PACKAGE: Package = Package {
    path: "experimental/iox",
    name: "iox",
    members: &[("sqlInterval", Member::Function(&SQL_INTERVAL))],
};

/// A duration as SQL writes it; each unit by itself, the largest first.
fn interval(length: Duration) -> String {
    let mut parts = Vec::new();
    for (name, months) in [("years", 12), ("months", 1)] {
        let count = if months == 12 {
            length.months / 12
        } else {
            length.months % 12
        };
        if count != 0 {
            parts.push(format!("{count} {name}"));
        }
    }
    let mut left = length.nanoseconds;
    for (name, size) in UNITS {
        let count = left / size;
        left %= size;
        if count != 0 {
            parts.push(format!("{count} {name}"));
        }
    }
    if parts.is_empty() {
        return "0 seconds".to_owned();
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_name_each_unit() {
        let length = Duration {
            months: 27,
            nanoseconds: 694_861_000_000_001,
        };
        assert_eq!(
            interval(length),
            "2 years 3 months 1 weeks 1 days 1 hours 1 minutes 1 seconds 1 nanoseconds"
        );
        assert_eq!(interval(Duration::nanoseconds(0)), "0 seconds");
    }
}
