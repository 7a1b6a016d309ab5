//! The stored points as queries see them.

use super::cardinality::cardinality;
use super::index::SeriesIndex;
use crate::engine::scan::Scanner;
use crate::engine::source::{
    Cardinality, Edge, End, FieldInfo, MeasurementSchema, Points, SeriesInfo, SeriesPredicate,
    Source, SourceError, StatsNeeded, TextMatch, WindowStats,
};
use crate::model::{BucketId, FieldValue, SeriesId, TimeRange};
use std::sync::Arc;
use std::time::Duration;

/// Tells when everything acknowledged so far can be read.
pub trait Progress: Send + Sync {
    fn wait_applied(&self, timeout: Duration) -> Result<(), String>;
}

pub struct Reader {
    pub scanner: Scanner,
    pub index: Arc<SeriesIndex>,
    pub progress: Arc<dyn Progress>,
}

impl Source for Reader {
    fn wait_visible(&self, timeout: Duration) -> Result<(), SourceError> {
        self.progress
            .wait_applied(timeout)
            .map_err(SourceError::Storage)
    }

    fn select(
        &self,
        bucket: BucketId,
        predicate: &SeriesPredicate,
        _range: TimeRange,
    ) -> Result<Vec<SeriesInfo>, SourceError> {
        let found = self.index.select(bucket, predicate);
        found.map_err(|error| SourceError::Storage(error.to_string()))
    }

    fn schemas(
        &self,
        bucket: BucketId,
        measurements: &TextMatch,
    ) -> Result<Vec<Arc<MeasurementSchema>>, SourceError> {
        let found = self.index.schemas(bucket, measurements);
        found.map_err(|error| SourceError::Storage(error.to_string()))
    }

    fn tag_values(
        &self,
        bucket: BucketId,
        measurement: &str,
        key: &str,
    ) -> Result<Vec<Arc<str>>, SourceError> {
        let found = self.index.tag_values(bucket, measurement, key);
        found.map_err(|error| SourceError::Storage(error.to_string()))
    }

    fn series_count(&self, bucket: BucketId, measurement: &str) -> Result<u64, SourceError> {
        let found = self.index.series_of(bucket, measurement);
        let found = found.map_err(|error| SourceError::Storage(error.to_string()))?;
        Ok(found.len())
    }

    fn read(
        &self,
        bucket: BucketId,
        series: SeriesId,
        field: &FieldInfo,
        range: TimeRange,
    ) -> Result<Points, SourceError> {
        self.scanner.read(bucket, series, field, range)
    }

    fn end(
        &self,
        bucket: BucketId,
        series: SeriesId,
        field: &FieldInfo,
        range: TimeRange,
        end: End,
    ) -> Result<Option<(i64, FieldValue)>, SourceError> {
        self.scanner.end(bucket, series, field, range, end)
    }

    fn count_all(
        &self,
        bucket: BucketId,
        measurement: &str,
        field: &str,
        range: TimeRange,
    ) -> Result<Option<u64>, SourceError> {
        let found = self.index.fields_named(bucket, measurement, field);
        let found = found.map_err(|error| SourceError::Storage(error.to_string()))?;
        match found.as_slice() {
            [] => Ok(Some(0)),
            [field] => self.scanner.count_all(bucket, field, range),
            // Which type a query means is its own business.
            _ => Ok(None),
        }
    }

    fn edge(
        &self,
        bucket: BucketId,
        series: SeriesId,
        field: &FieldInfo,
        range: TimeRange,
        which: End,
    ) -> Result<Option<Edge>, SourceError> {
        self.scanner.edge(bucket, series, field, range, which)
    }

    fn cardinality(&self, bucket: BucketId, top: usize) -> Result<Cardinality, SourceError> {
        let counted = cardinality(&self.scanner.store, bucket, top);
        counted.map_err(|error| SourceError::Storage(error.to_string()))
    }

    fn window_stats(
        &self,
        bucket: BucketId,
        series: SeriesId,
        field: &FieldInfo,
        bounds: &[i64],
        needed: StatsNeeded,
    ) -> Result<Vec<WindowStats>, SourceError> {
        self.scanner
            .window_stats(bucket, series, field, bounds, needed)
    }
}
