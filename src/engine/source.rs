//! How queries see stored points: the one reading interface of the engine.
//!
//! The query layer knows only this trait, so it can be tested on points in memory.

use crate::model::{
    BucketId, FieldId, FieldType, FieldValue, SeriesId, SeriesKey, TimeRange, Values,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// One series that matched, with those of its fields that matched.
#[derive(Debug, Clone)]
pub struct SeriesInfo {
    pub id: SeriesId,
    pub key: SeriesKey,
    pub fields: Vec<FieldInfo>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldInfo {
    pub id: FieldId,
    pub name: Arc<str>,
    pub field_type: FieldType,
}

/// A condition on measurement, tags and field names. A tag that a series lacks compares as the empty
/// string; `TagExists` tells the two apart (an empty tag value can't be written).
#[derive(Debug, Clone)]
pub enum SeriesPredicate {
    All,
    Measurement(TextMatch),
    Tag(Box<str>, TextMatch),
    TagExists(Box<str>),
    /// On the field's name. Fields that fail it are left out; a series without fields left is left out.
    Field(TextMatch),
    And(Vec<SeriesPredicate>),
    Or(Vec<SeriesPredicate>),
    Not(Box<SeriesPredicate>),
}

#[derive(Debug, Clone)]
pub enum TextMatch {
    Equal(Box<str>),
    NotEqual(Box<str>),
    Regex(regex::Regex),
    NotRegex(regex::Regex),
}

impl TextMatch {
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Equal(wanted) => &**wanted == text,
            Self::NotEqual(unwanted) => &**unwanted != text,
            Self::Regex(regex) => regex.is_match(text),
            Self::NotRegex(regex) => !regex.is_match(text),
        }
    }
}

impl SeriesPredicate {
    /// `tags` sorted by key.
    pub fn matches(&self, measurement: &str, tags: &[(&str, &str)], field: &str) -> bool {
        match self {
            Self::All => true,
            Self::Measurement(wanted) => wanted.matches(measurement),
            Self::Tag(key, wanted) => wanted.matches(tag_value(tags, key).unwrap_or_default()),
            Self::TagExists(key) => tag_value(tags, key).is_some(),
            Self::Field(wanted) => wanted.matches(field),
            Self::And(all) => all
                .iter()
                .all(|part| part.matches(measurement, tags, field)),
            Self::Or(any) => any
                .iter()
                .any(|part| part.matches(measurement, tags, field)),
            Self::Not(inner) => !inner.matches(measurement, tags, field),
        }
    }
}

fn tag_value<'a>(tags: &[(&'a str, &'a str)], key: &str) -> Option<&'a str> {
    tags.binary_search_by(|(have, _)| (*have).cmp(key))
        .ok()
        .and_then(|at| tags.get(at))
        .map(|t| t.1)
}

/// Points of one field of one series, times strictly rising.
#[derive(Debug, Clone, PartialEq)]
pub struct Points {
    pub times: Vec<i64>,
    pub values: Values,
}

/// Summary of the points of one field of one series in one window; what block statistics can answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WindowStats {
    /// Index of the window in the `bounds` that were asked for.
    pub window: usize,
    pub count: u64,
    pub first_time: i64,
    pub last_time: i64,
    /// As f64, i64 or u64 by the field's type; booleans and strings have only count and times.
    pub sum: Number,
    pub min: Number,
    pub max: Number,
    pub first: Number,
    pub last: Number,
    /// Time of the earliest point that has the value `min` / `max`.
    pub min_time: i64,
    pub max_time: i64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    Float(f64),
    Integer(i64),
    Unsigned(u64),
    None,
}

/// The end of a field's points, see [`Source::edge`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    pub time: i64,
    /// At least 1.
    pub spacing_ns: i64,
}

/// Mean distance of `count` points.
pub fn spacing(first_time: i64, last_time: i64, count: u64) -> i64 {
    let gaps = i64::try_from(count.saturating_sub(1)).unwrap_or(i64::MAX);
    (last_time.saturating_sub(first_time) / gaps.max(1)).max(1)
}

#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("{0}")]
    Storage(String),
    /// Blocks were rewritten while they were read.
    #[error("points were being deleted or merged while they were read, again and again; try again")]
    Moved,
    #[error("the query was cancelled")]
    Cancelled,
}

/// Which numbers of [`WindowStats`] a query needs. The less it asks, the more is answered from block
/// statistics without decoding (`min_time`/`max_time` always need decoding unless stored).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StatsNeeded {
    pub extreme_times: bool,
}

/// Which end of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    First,
    Last,
}

/// Numbers of series, largest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cardinality {
    /// Of the whole bucket.
    pub series: u64,
    pub measurements: Vec<(String, u64)>,
    /// By number of values.
    pub tags: Vec<TagCardinality>,
    pub values: Vec<ValueCardinality>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagCardinality {
    pub measurement: String,
    pub key: String,
    /// Different values.
    pub values: u64,
    /// Series that have the tag.
    pub series: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueCardinality {
    pub measurement: String,
    pub key: String,
    pub value: String,
    pub series: u64,
}

/// What the series of a measurement have, without the series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasurementSchema {
    pub name: Arc<str>,
    /// A name comes with each of its types.
    pub fields: BTreeSet<(Arc<str>, FieldType)>,
    pub tag_keys: BTreeSet<Arc<str>>,
}

/// Stored points, newest write wins, everything acknowledged before the call is seen.
pub trait Source: Send + Sync {
    /// Waits (at most `timeout`) until everything acknowledged before this call can be read.
    fn wait_visible(&self, timeout: std::time::Duration) -> Result<(), SourceError>;

    /// The series that have at least one matching field, ordered by measurement, then tag set (key
    /// bytes order of the texts). `range` may be used to leave out series that surely have no points
    /// in it; series without points in it may still be returned.
    fn select(
        &self,
        bucket: BucketId,
        predicate: &SeriesPredicate,
        range: TimeRange,
    ) -> Result<Vec<SeriesInfo>, SourceError>;

    /// The measurements that have series, by name.
    fn schemas(
        &self,
        bucket: BucketId,
        measurements: &TextMatch,
    ) -> Result<Vec<Arc<MeasurementSchema>>, SourceError> {
        let predicate = SeriesPredicate::Measurement(measurements.clone());
        let mut found: Vec<MeasurementSchema> = Vec::new();
        for series in self.select(bucket, &predicate, TimeRange::ALL)? {
            let (measurement, tags) = series.key.parts();
            if found.last().is_none_or(|last| *last.name != *measurement) {
                found.push(MeasurementSchema {
                    name: measurement.into(),
                    fields: BTreeSet::new(),
                    tag_keys: BTreeSet::new(),
                });
            }
            if let Some(schema) = found.last_mut() {
                let fields = series.fields.iter();
                schema
                    .fields
                    .extend(fields.map(|field| (Arc::clone(&field.name), field.field_type)));
                schema
                    .tag_keys
                    .extend(tags.iter().map(|(key, _)| Arc::from(*key)));
            }
        }
        Ok(found.into_iter().map(Arc::new).collect())
    }

    /// Different values of a tag of a measurement, sorted.
    fn tag_values(
        &self,
        bucket: BucketId,
        measurement: &str,
        key: &str,
    ) -> Result<Vec<Arc<str>>, SourceError> {
        let predicate = SeriesPredicate::Measurement(TextMatch::Equal(measurement.into()));
        let series = self.select(bucket, &predicate, TimeRange::ALL)?;
        let values: BTreeSet<Arc<str>> = series
            .iter()
            .filter_map(|series| tag_value(&series.key.parts().1, key).map(Arc::from))
            .collect();
        Ok(values.into_iter().collect())
    }

    /// How many series a measurement has.
    fn series_count(&self, bucket: BucketId, measurement: &str) -> Result<u64, SourceError> {
        let predicate = SeriesPredicate::Measurement(TextMatch::Equal(measurement.into()));
        Ok(self.select(bucket, &predicate, TimeRange::ALL)?.len() as u64)
    }

    /// All points of one field of one series in the range.
    fn read(
        &self,
        bucket: BucketId,
        series: SeriesId,
        field: &FieldInfo,
        range: TimeRange,
    ) -> Result<Points, SourceError>;

    /// The first or the last point of one field of one series in the range.
    fn end(
        &self,
        bucket: BucketId,
        series: SeriesId,
        field: &FieldInfo,
        range: TimeRange,
        end: End,
    ) -> Result<Option<(i64, FieldValue)>, SourceError> {
        let points = self.read(bucket, series, field, range)?;
        let at = match end {
            End::First => 0,
            End::Last => points.times.len().saturating_sub(1),
        };
        Ok(points.times.get(at).copied().zip(points.values.get(at)))
    }

    /// Number of points of a field in all series of a measurement, where that can be told without looking
    /// at each series.
    fn count_all(
        &self,
        _bucket: BucketId,
        _measurement: &str,
        _field: &str,
        _range: TimeRange,
    ) -> Result<Option<u64>, SourceError> {
        Ok(None)
    }

    /// Where the field's newest or oldest points are about, and how close together: a guess that costs far
    /// less than reading. `None`: no points.
    fn edge(
        &self,
        bucket: BucketId,
        series: SeriesId,
        field: &FieldInfo,
        range: TimeRange,
        which: End,
    ) -> Result<Option<Edge>, SourceError> {
        let bounds = [range.start, range.stop];
        let needed = StatsNeeded::default();
        let stats = self.window_stats(bucket, series, field, &bounds, needed)?;
        Ok(stats.first().map(|stats| Edge {
            time: match which {
                End::First => stats.first_time,
                End::Last => stats.last_time,
            },
            spacing_ns: spacing(stats.first_time, stats.last_time, stats.count),
        }))
    }

    /// What makes the bucket large; `top` entries of each kind.
    fn cardinality(&self, bucket: BucketId, top: usize) -> Result<Cardinality, SourceError>;

    /// `bounds` are rising; window i is `bounds[i] <= t < bounds[i + 1]`. Empty windows are left out.
    fn window_stats(
        &self,
        bucket: BucketId,
        series: SeriesId,
        field: &FieldInfo,
        bounds: &[i64],
        needed: StatsNeeded,
    ) -> Result<Vec<WindowStats>, SourceError>;
}
