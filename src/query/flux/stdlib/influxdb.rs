//! `import "influxdata/influxdb"`: what the universe offers for buckets, by its full name.

use super::to::{TO, WIDE_TO};
use super::universe::{BUCKETS, FROM};
use super::{Member, Package};

pub static PACKAGE: Package = Package {
    path: "influxdata/influxdb",
    name: "influxdb",
    members: &[
        ("buckets", Member::Function(&BUCKETS)),
        ("from", Member::Function(&FROM)),
        ("to", Member::Function(&TO)),
        ("wideTo", Member::Function(&WIDE_TO)),
    ],
};
