//! Rejections as points of the org's `_monitoring` bucket, so that they can be queried and alerted on.
//!
//! Measurement `rejected_points`; tags bucket (id), measurement, field, reason, gotType, wantType; fields
//! `count` (integer) and `error` (string, the first example).

use super::rejected::Rejection;
use crate::model::BucketId;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Longest error text that is kept, bytes.
const ERROR_BYTES_MAX: usize = 1024;

/// Line protocol for each monitoring bucket. Rejections of buckets of orgs without one are left out, and
/// so are those of the monitoring buckets themselves, which could only breed more.
pub fn lines(rejections: &[Rejection], now_ns: i64) -> BTreeMap<BucketId, String> {
    let mut by_bucket: BTreeMap<BucketId, String> = BTreeMap::new();
    for rejection in rejections {
        let Some(monitoring) = rejection.bucket.monitoring else {
            continue;
        };
        if monitoring != rejection.bucket.id {
            put_line(rejection, now_ns, by_bucket.entry(monitoring).or_default());
        }
    }
    by_bucket
}

fn put_line(rejection: &Rejection, now_ns: i64, out: &mut String) {
    let types = rejection.types.map(|(got, want)| (got.name(), want.name()));
    let (got, want) = types.unwrap_or_default();
    let bucket = rejection.bucket.id.to_string();
    out.push_str("rejected_points");
    let tags = [
        ("bucket", bucket.as_str()),
        ("field", rejection.field.as_str()),
        ("gotType", got),
        ("measurement", rejection.measurement.as_str()),
        ("reason", rejection.reason.name()),
        ("wantType", want),
    ];
    for (key, value) in tags.iter().filter(|(_, value)| !value.is_empty()) {
        // Line protocol has no way to say a line break in a tag, nor a backslash at its end.
        let value = value.replace(['\n', '\r'], " ");
        let value = value.trim_end_matches('\\');
        let _ = write!(out, ",{key}={}", escape(value));
    }
    let error = truncated(&rejection.error);
    let error = error.replace('\\', "\\\\").replace('"', "\\\"");
    let _ = writeln!(
        out,
        " count={}i,error=\"{error}\" {now_ns}",
        rejection.count
    );
}

fn escape(text: &str) -> String {
    text.replace(',', "\\,")
        .replace('=', "\\=")
        .replace(' ', "\\ ")
}

fn truncated(text: &str) -> &str {
    let mut end = text.len().min(ERROR_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
