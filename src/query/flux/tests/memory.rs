//! Points in memory for tests of whole queries.

use crate::engine::source::{
    FieldInfo, Number, Points, SeriesInfo, SeriesPredicate, Source, SourceError, StatsNeeded,
    WindowStats,
};
use crate::model::{
    BucketId, FieldId, FieldType, FieldValue, Id, SeriesId, SeriesKey, TimeRange, Values,
};
use crate::query::context::{BucketLookup, QueryContext, VisibleBucket, VisiblePolicy};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

type Point = (i64, FieldValue);

/// One bucket, `b`, whose points are written as `measurement,tag=value field=value seconds`.
#[derive(Default)]
pub struct Memory {
    series: BTreeMap<SeriesKey, BTreeMap<String, Vec<Point>>>,
}

pub fn id(raw: u64) -> Id {
    Id::new(raw).unwrap()
}

impl Memory {
    pub fn new(lines: &str) -> Self {
        let mut memory = Self::default();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let parts: Vec<&str> = line.split(' ').collect();
            let mut key = parts[0].split(',');
            let measurement = key.next().unwrap();
            let mut tags: Vec<_> = key.map(|tag| tag.split_once('=').unwrap()).collect();
            tags.sort_unstable();
            let fields = memory
                .series
                .entry(SeriesKey::new(measurement, tags))
                .or_default();
            let seconds: f64 = parts[2].parse().unwrap();
            for field in parts[1].split(',') {
                let (name, value) = field.split_once('=').unwrap();
                let points = fields.entry(name.to_owned()).or_default();
                points.push(((seconds * 1e9) as i64, field_value(value)));
            }
        }
        memory
    }

    fn points(&self, series: SeriesId, field: &FieldInfo) -> &[Point] {
        let (_, fields) = self.series.iter().nth(series.0 as usize).unwrap();
        &fields[&*field.name]
    }
}

fn field_value(text: &str) -> FieldValue {
    if let Some(text) = text.strip_prefix('"') {
        return FieldValue::String(text.trim_end_matches('"').into());
    }
    match text {
        "true" => FieldValue::Boolean(true),
        "false" => FieldValue::Boolean(false),
        _ if text.ends_with('i') => {
            FieldValue::Integer(text.trim_end_matches('i').parse().unwrap())
        }
        _ if text.ends_with('u') => {
            FieldValue::Unsigned(text.trim_end_matches('u').parse().unwrap())
        }
        _ => FieldValue::Float(text.parse().unwrap()),
    }
}

fn column(field_type: FieldType, points: &[Point]) -> Values {
    let mut values = Values::new(field_type);
    for (_, value) in points {
        match (&mut values, value) {
            (Values::Float(column), FieldValue::Float(value)) => column.push(*value),
            (Values::Integer(column), FieldValue::Integer(value)) => column.push(*value),
            (Values::Unsigned(column), FieldValue::Unsigned(value)) => column.push(*value),
            (Values::Boolean(column), FieldValue::Boolean(value)) => column.push(*value),
            (Values::String(column), FieldValue::String(value)) => column.push(value),
            _ => panic!("two types in one field"),
        }
    }
    values
}

impl Source for Memory {
    fn wait_visible(&self, _: Duration) -> Result<(), SourceError> {
        Ok(())
    }

    fn select(
        &self,
        _: BucketId,
        predicate: &SeriesPredicate,
        _: TimeRange,
    ) -> Result<Vec<SeriesInfo>, SourceError> {
        let found = self
            .series
            .iter()
            .enumerate()
            .map(|(index, (key, fields))| {
                let (measurement, tags) = key.parts();
                let fields = fields
                    .iter()
                    .enumerate()
                    .filter(|(_, (name, _))| predicate.matches(measurement, &tags, name))
                    .map(|(at, (name, points))| FieldInfo {
                        id: FieldId(at as u32),
                        name: name.as_str().into(),
                        field_type: points[0].1.field_type(),
                    });
                let fields = fields.collect();
                SeriesInfo {
                    id: SeriesId(index as u32),
                    key: key.clone(),
                    fields,
                }
            });
        Ok(found.filter(|series| !series.fields.is_empty()).collect())
    }

    fn cardinality(
        &self,
        _: BucketId,
        _: usize,
    ) -> Result<crate::engine::source::Cardinality, SourceError> {
        Ok(crate::engine::source::Cardinality::default())
    }

    fn read(
        &self,
        _: BucketId,
        series: SeriesId,
        field: &FieldInfo,
        range: TimeRange,
    ) -> Result<Points, SourceError> {
        let points = self.points(series, field).iter();
        let mut points: Vec<Point> = points
            .filter(|(time, _)| range.contains(*time))
            .cloned()
            .collect();
        points.sort_by_key(|(time, _)| *time);
        Ok(Points {
            times: points.iter().map(|(time, _)| *time).collect(),
            values: column(field.field_type, &points),
        })
    }

    fn window_stats(
        &self,
        bucket: BucketId,
        series: SeriesId,
        field: &FieldInfo,
        bounds: &[i64],
        _: StatsNeeded,
    ) -> Result<Vec<WindowStats>, SourceError> {
        let mut out = Vec::new();
        for (window, pair) in bounds.windows(2).enumerate() {
            let points = self.read(bucket, series, field, TimeRange::new(pair[0], pair[1]))?;
            if !points.times.is_empty() {
                out.push(stats(window, &points));
            }
        }
        Ok(out)
    }
}

fn stats(window: usize, points: &Points) -> WindowStats {
    let number = |at: usize| match points.values.get(at).unwrap() {
        FieldValue::Float(value) => Number::Float(value),
        FieldValue::Integer(value) => Number::Integer(value),
        FieldValue::Unsigned(value) => Number::Unsigned(value),
        _ => Number::None,
    };
    let size = |at: usize| match number(at) {
        Number::Float(value) => value,
        Number::Integer(value) => value as f64,
        Number::Unsigned(value) => value as f64,
        Number::None => 0.0,
    };
    let count = points.times.len();
    let smallest = (0..count)
        .min_by(|a, b| size(*a).total_cmp(&size(*b)))
        .unwrap();
    let largest = (0..count)
        .rev()
        .max_by(|a, b| size(*a).total_cmp(&size(*b)))
        .unwrap();
    let sum = match &points.values {
        Values::Float(values) => Number::Float(values.iter().sum()),
        Values::Integer(values) => Number::Integer(values.iter().sum()),
        Values::Unsigned(values) => Number::Unsigned(values.iter().sum()),
        _ => Number::None,
    };
    WindowStats {
        window,
        count: count as u64,
        first_time: points.times[0],
        last_time: points.times[count - 1],
        sum,
        min: number(smallest),
        max: number(largest),
        first: number(0),
        last: number(count - 1),
        min_time: points.times[smallest],
        max_time: points.times[largest],
    }
}

pub struct OneBucket;

impl BucketLookup for OneBucket {
    fn buckets(&self) -> Vec<VisibleBucket> {
        vec![VisibleBucket {
            id: id(0xb),
            org: id(0xa),
            name: "b".to_owned(),
            retention_ns: 0,
            shard_ns: 3_600_000_000_000,
        }]
    }

    fn policies(&self) -> Vec<VisiblePolicy> {
        Vec::new()
    }
}

/// A context over the points, at 1970-01-01T01:00:00Z.
pub fn context(lines: &str) -> QueryContext {
    const HOUR: i64 = 3_600_000_000_000;
    let (source, lookup) = (Arc::new(Memory::new(lines)), Arc::new(OneBucket));
    QueryContext::new(
        source,
        lookup,
        HOUR,
        Duration::from_secs(20),
        64 << 20,
        Arc::new(crate::query::memory::MemoryPool::new(usize::MAX / 2)),
    )
}
