//! Valid points that were not written, and why: counted, logged now and then, and kept for `_monitoring` and for
//! those who ask what became of their points.

use super::api::{RejectedCount, RejectedSample};
use crate::model::{BucketId, BucketSettings, FieldType};
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Distinct rejections that wait to be reported; more are only counted.
const WAITING_MAX: usize = 1000;
/// At most one log line per bucket and reason in this time.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// Samples that are kept of a bucket, and of one cause in it: a flood of one kind must not hide the others.
const SAMPLES_MAX: usize = 100;
const SAMPLES_OF_CAUSE_MAX: usize = 10;
/// Buckets that samples are kept of; with lines of at most 4 KiB that bounds the memory.
const SAMPLED_BUCKETS_MAX: usize = 100;

/// Why a point was rejected. The names are part of the metrics and of `_monitoring`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    TypeConflict,
    Retention,
    SeriesLimit,
}

impl Reason {
    pub const fn name(self) -> &'static str {
        match self {
            Self::TypeConflict => "type_conflict",
            Self::Retention => "retention",
            Self::SeriesLimit => "series_limit",
        }
    }
}

/// Points rejected for one cause.
#[derive(Debug, Clone)]
pub struct Rejection {
    pub bucket: BucketSettings,
    pub reason: Reason,
    pub measurement: String,
    /// Empty when the reason is not a field's.
    pub field: String,
    pub types: Option<(FieldType, FieldType)>,
    pub count: u64,
    /// What a person should read, from the first such point.
    pub error: String,
    /// The first such point as line protocol.
    pub line: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Cause {
    bucket: BucketId,
    reason: Reason,
    measurement: String,
    field: String,
    types: Option<(FieldType, FieldType)>,
}

#[derive(Default)]
struct State {
    counts: HashMap<(BucketId, Reason), u64>,
    waiting: HashMap<Cause, Rejection>,
    logged: HashMap<(BucketId, Reason), (Instant, u64)>,
    samples: HashMap<BucketId, VecDeque<(Cause, RejectedSample)>>,
}

#[derive(Default)]
pub struct Rejections {
    state: Mutex<State>,
}

impl Rejections {
    pub fn add(&self, rejection: Rejection) {
        let mut state = self.state.lock();
        let key = (rejection.bucket.id, rejection.reason);
        let total = state.counts.entry(key).or_default();
        *total += rejection.count;
        let total = *total;
        log_now_and_then(&mut state, &rejection, total);
        let cause = Cause {
            bucket: rejection.bucket.id,
            reason: rejection.reason,
            measurement: rejection.measurement.clone(),
            field: rejection.field.clone(),
            types: rejection.types,
        };
        keep_sample(&mut state.samples, &cause, &rejection);
        if let Some(waiting) = state.waiting.get_mut(&cause) {
            waiting.count += rejection.count;
        } else if state.waiting.len() < WAITING_MAX {
            state.waiting.insert(cause, rejection);
        }
    }

    /// The latest of a bucket, newest first.
    pub fn samples(&self, bucket: BucketId) -> Vec<RejectedSample> {
        let state = self.state.lock();
        let samples = state.samples.get(&bucket).into_iter().flatten().rev();
        samples.map(|(_, sample)| sample.clone()).collect()
    }

    pub fn forget_bucket(&self, bucket: BucketId) {
        self.state.lock().samples.remove(&bucket);
    }

    pub fn counts(&self) -> Vec<RejectedCount> {
        let state = self.state.lock();
        let mut counts: Vec<_> = state
            .counts
            .iter()
            .map(|(&(bucket, reason), &points)| RejectedCount {
                bucket,
                reason: reason.name(),
                points,
            })
            .collect();
        counts.sort_by_key(|count| (count.bucket, count.reason));
        counts
    }

    /// What happened since the last call.
    pub fn take(&self) -> Vec<Rejection> {
        let mut state = self.state.lock();
        state
            .waiting
            .drain()
            .map(|(_, rejection)| rejection)
            .collect()
    }
}

fn keep_sample(
    samples: &mut HashMap<BucketId, VecDeque<(Cause, RejectedSample)>>,
    cause: &Cause,
    rejection: &Rejection,
) {
    if !samples.contains_key(&cause.bucket) && samples.len() >= SAMPLED_BUCKETS_MAX {
        return;
    }
    let samples = samples.entry(cause.bucket).or_default();
    let mut alike =
        (0..samples.len()).filter(|at| samples.get(*at).is_some_and(|(c, _)| c == cause));
    let oldest_alike = alike.next();
    if oldest_alike.is_some() && alike.count() + 1 >= SAMPLES_OF_CAUSE_MAX {
        oldest_alike.and_then(|at| samples.remove(at));
    } else if samples.len() >= SAMPLES_MAX {
        samples.pop_front();
    }
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let sample = RejectedSample {
        at_ns: i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX),
        reason: rejection.reason.name(),
        measurement: rejection.measurement.clone(),
        field: rejection.field.clone(),
        types: rejection.types,
        points: rejection.count,
        error: rejection.error.clone(),
        line: rejection.line.clone(),
    };
    samples.push_back((cause.clone(), sample));
}

fn log_now_and_then(state: &mut State, rejection: &Rejection, total: u64) {
    let key = (rejection.bucket.id, rejection.reason);
    let now = Instant::now();
    let quiet = state
        .logged
        .get(&key)
        .is_some_and(|(at, _)| now.duration_since(*at) < LOG_EVERY);
    if quiet {
        return;
    }
    let before = state
        .logged
        .insert(key, (now, total))
        .map_or(0, |(_, total)| total);
    log::warn!(
        "rejected {} points of bucket {} ({}): {}; {total} since start",
        total - before,
        rejection.bucket.id,
        rejection.reason.name(),
        rejection.error,
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::OrgId;

    const BUCKET: BucketId = BucketId::new(1).expect("not 0");

    fn rejection(field: &str, line: usize) -> Rejection {
        Rejection {
            bucket: BucketSettings {
                id: BUCKET,
                org: OrgId::new(2).expect("not 0"),
                retention_ns: 0,
                shard_ns: 3_600_000_000_000,
                monitoring: None,
            },
            reason: Reason::TypeConflict,
            measurement: "m".to_owned(),
            field: field.to_owned(),
            types: Some((FieldType::Float, FieldType::Integer)),
            count: 1,
            error: String::new(),
            line: Some(line.to_string()),
        }
    }

    #[test]
    fn a_flood_of_one_kind_does_not_hide_the_others() {
        let rejections = Rejections::default();
        rejections.add(rejection("rare", 0));
        for line in 1..1000 {
            rejections.add(rejection("often", line));
        }
        let samples = rejections.samples(BUCKET);
        let lines: Vec<_> = samples
            .iter()
            .filter_map(|sample| sample.line.clone())
            .collect();
        assert_eq!(
            lines.first().map(String::as_str),
            Some("999"),
            "newest first"
        );
        assert_eq!(lines.last().map(String::as_str), Some("0"));
        assert_eq!(lines.len(), SAMPLES_OF_CAUSE_MAX + 1);
    }

    #[test]
    fn samples_are_bounded_and_go_with_their_bucket() {
        let rejections = Rejections::default();
        for line in 0..1000 {
            rejections.add(rejection(&format!("f{line}"), line));
        }
        assert_eq!(rejections.samples(BUCKET).len(), SAMPLES_MAX);
        rejections.forget_bucket(BUCKET);
        assert!(rejections.samples(BUCKET).is_empty());
    }
}
