//! Timestamp precision of a write request.

/// The unit of a timestamp in line protocol. v2 accepts ns, us, ms, s; v1 also m and h.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Precision {
    #[default]
    Nanoseconds,
    Microseconds,
    Milliseconds,
    Seconds,
    Minutes,
    Hours,
}

impl Precision {
    /// The four units that `/api/v2/write` documents.
    pub fn parse_v2(text: &str) -> Option<Self> {
        Some(match text {
            "ns" => Self::Nanoseconds,
            "us" => Self::Microseconds,
            "ms" => Self::Milliseconds,
            "s" => Self::Seconds,
            _ => return None,
        })
    }

    /// The units of InfluxDB 1.x: n, ns, u, us, ms, s, m, h.
    pub fn parse_v1(text: &str) -> Option<Self> {
        Some(match text {
            "n" => Self::Nanoseconds,
            "u" => Self::Microseconds,
            "m" => Self::Minutes,
            "h" => Self::Hours,
            _ => return Self::parse_v2(text),
        })
    }

    /// Nanoseconds in one unit.
    pub const fn unit_ns(self) -> i64 {
        match self {
            Self::Nanoseconds => 1,
            Self::Microseconds => 1_000,
            Self::Milliseconds => 1_000_000,
            Self::Seconds => 1_000_000_000,
            Self::Minutes => 60_000_000_000,
            Self::Hours => 3_600_000_000_000,
        }
    }
}
