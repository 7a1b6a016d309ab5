//! Timestamps are `i64` nanoseconds since the Unix epoch, UTC.

/// Earliest storable timestamp: the two lowest i64 values are sentinels in InfluxDB.
pub const TIME_MIN: i64 = i64::MIN + 2;
/// Latest storable timestamp.
pub const TIME_MAX: i64 = i64::MAX - 1;

/// `start` inclusive, `stop` exclusive, nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeRange {
    pub start: i64,
    pub stop: i64,
}

impl TimeRange {
    /// Everything that can be stored.
    pub const ALL: Self = Self {
        start: TIME_MIN,
        stop: i64::MAX,
    };

    pub const fn new(start: i64, stop: i64) -> Self {
        Self { start, stop }
    }

    pub const fn is_empty(self) -> bool {
        self.start >= self.stop
    }

    pub const fn contains(self, time: i64) -> bool {
        self.start <= time && time < self.stop
    }

    /// The times both ranges hold.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        Self {
            start: self.start.max(other.start),
            stop: self.stop.min(other.stop),
        }
    }

    /// Whether any time in `first..=last` lies in the range.
    pub const fn overlaps(self, first: i64, last: i64) -> bool {
        first < self.stop && last >= self.start
    }
}
