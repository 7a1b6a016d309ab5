//! What all rows of one series and field share: names, tags and bounds as columns and as group key.

use crate::engine::source::{FieldInfo, SeriesInfo};
use crate::model::{SeriesId, TimeRange};
use crate::query::table::{Column, GroupKey, Table, Value};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

pub static START: LazyLock<Arc<str>> = LazyLock::new(|| "_start".into());
pub static STOP: LazyLock<Arc<str>> = LazyLock::new(|| "_stop".into());
pub static TIME: LazyLock<Arc<str>> = LazyLock::new(|| "_time".into());
pub static VALUE: LazyLock<Arc<str>> = LazyLock::new(|| "_value".into());
static FIELD: LazyLock<Arc<str>> = LazyLock::new(|| "_field".into());
static MEASUREMENT: LazyLock<Arc<str>> = LazyLock::new(|| "_measurement".into());

/// A series with its texts as cells, shared by the tables of its fields.
#[derive(Debug)]
pub struct Framed {
    pub id: SeriesId,
    /// `_measurement` and the tags, in the order of columns.
    labels: Vec<(Arc<str>, Value)>,
}

/// A series with one of its fields, or with all.
#[derive(Debug)]
pub struct Item {
    pub series: Arc<Framed>,
    pub fields: Vec<FieldInfo>,
}

/// Texts that were met before: labels are the same in most series.
#[derive(Default)]
struct Texts {
    labels: HashMap<Box<str>, Arc<str>>,
    measurement: Option<Value>,
}

impl Texts {
    fn label(&mut self, text: &str) -> Arc<str> {
        match self.labels.get(text) {
            Some(label) => Arc::clone(label),
            None => {
                let label: Arc<str> = text.into();
                self.labels.insert(text.into(), Arc::clone(&label));
                label
            }
        }
    }

    fn measurement(&mut self, text: &str) -> Value {
        match &self.measurement {
            Some(Value::String(have)) if **have == *text => Value::String(Arc::clone(have)),
            _ => {
                let value = Value::string(text);
                self.measurement = Some(value.clone());
                value
            }
        }
    }

    fn framed(&mut self, series: &SeriesInfo) -> Framed {
        let (measurement, tags) = series.key.parts();
        let mut labels = Vec::with_capacity(tags.len() + 1);
        labels.push((Arc::clone(&MEASUREMENT), self.measurement(measurement)));
        labels.extend(
            tags.iter()
                .map(|(key, value)| (self.label(key), Value::string(value))),
        );
        Framed {
            id: series.id,
            labels,
        }
    }
}

fn by_name(mut fields: Vec<FieldInfo>) -> Vec<FieldInfo> {
    fields.sort_by(|a, b| a.name.cmp(&b.name));
    fields
}

/// Each series with all of its fields, ordered by name.
pub fn whole_series(series: Vec<SeriesInfo>) -> impl Iterator<Item = Item> {
    let mut texts = Texts::default();
    series.into_iter().map(move |mut series| Item {
        fields: by_name(std::mem::take(&mut series.fields)),
        series: Arc::new(texts.framed(&series)),
    })
}

/// Pairs of series and field; the fields of a series by name.
pub fn single_fields(series: Vec<SeriesInfo>) -> impl Iterator<Item = Item> {
    whole_series(series).flat_map(|item| {
        let series = item.series;
        item.fields.into_iter().map(move |field| Item {
            series: Arc::clone(&series),
            fields: vec![field],
        })
    })
}

impl Framed {
    /// A table of one field in InfluxDB's order of columns, without time and value.
    pub fn table(&self, field: &FieldInfo, bounds: TimeRange, rows: usize) -> Table {
        let mut parts = self.parts(bounds);
        let name = Value::String(Arc::clone(&field.name));
        parts.insert(2, (Arc::clone(&FIELD), name));
        with_columns(parts, rows)
    }

    /// A table of all fields, without time and values.
    pub fn wide_table(&self, bounds: TimeRange, rows: usize) -> Table {
        with_columns(self.parts(bounds), rows)
    }

    fn parts(&self, bounds: TimeRange) -> Vec<(Arc<str>, Value)> {
        let mut parts = Vec::with_capacity(self.labels.len() + 3);
        parts.push((Arc::clone(&START), Value::Time(bounds.start)));
        parts.push((Arc::clone(&STOP), Value::Time(bounds.stop)));
        parts.extend(self.labels.iter().cloned());
        parts
    }

    /// In the order of group keys.
    pub fn cmp_keys(&self, other: &Self) -> std::cmp::Ordering {
        let key = |series: &Self| GroupKey::new(series.parts(TimeRange::ALL));
        key(self).cmp(&key(other))
    }
}

fn with_columns(parts: Vec<(Arc<str>, Value)>, rows: usize) -> Table {
    let mut columns = Vec::with_capacity(parts.len() + 2);
    columns.extend(
        parts
            .iter()
            .map(|(label, value)| Column::constant(Arc::clone(label), value.clone(), rows)),
    );
    Table {
        columns,
        key: GroupKey::new(parts),
    }
}
