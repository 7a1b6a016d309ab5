//! What the storage layers must know of a bucket. The catalog owns buckets and tells the layers below.

use super::ids::{BucketId, OrgId};

const HOUR_NS: i64 = 3_600_000_000_000;
const DAY_NS: i64 = 24 * HOUR_NS;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BucketSettings {
    pub id: BucketId,
    pub org: OrgId,
    /// How long points are kept, nanoseconds; 0 keeps them for ever.
    pub retention_ns: i64,
    /// Length of a shard, nanoseconds, at least an hour.
    pub shard_ns: i64,
    /// The org's `_monitoring` bucket, to which rejections are reported.
    pub monitoring: Option<BucketId>,
}

/// The shard length InfluxDB chooses for a retention, both nanoseconds.
pub const fn default_shard_ns(retention_ns: i64) -> i64 {
    if retention_ns == 0 || retention_ns >= 180 * DAY_NS {
        7 * DAY_NS
    } else if retention_ns >= 2 * DAY_NS {
        DAY_NS
    } else {
        HOUR_NS
    }
}
