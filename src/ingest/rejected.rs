//! Valid points that were not written, and why: counted, logged now and then, and kept for `_monitoring`.

use super::api::RejectedCount;
use crate::model::{BucketId, BucketSettings, FieldType};
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// Distinct rejections that wait to be reported; more are only counted.
const WAITING_MAX: usize = 1000;
/// At most one log line per bucket and reason in this time.
const LOG_EVERY: Duration = Duration::from_secs(10);

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
        if let Some(waiting) = state.waiting.get_mut(&cause) {
            waiting.count += rejection.count;
        } else if state.waiting.len() < WAITING_MAX {
            state.waiting.insert(cause, rejection);
        }
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
