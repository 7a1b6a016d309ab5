//! A member of a group: a stored series, or a series that a subquery made.

use super::super::error::Result;
use super::super::plan::ColumnRef;
use super::super::value::{DataType, Value};
use super::column::Column;
use super::filter::Filter;
use crate::engine::source::{Edge, End, FieldInfo, SeriesInfo, StatsNeeded, WindowStats};
use crate::model::{BucketId, TimeRange};
use crate::query::context::QueryContext;
use std::sync::Arc;

#[derive(Debug, Clone)]
pub enum Member {
    Stored(StoredMember),
    Derived(Arc<DerivedSeries>),
}

#[derive(Debug, Clone)]
pub struct StoredMember {
    pub bucket: BucketId,
    /// All series of the measurement, and which of them this is.
    pub all: Arc<Vec<SeriesInfo>>,
    pub at: usize,
    pub filter: Option<Arc<Filter>>,
}

/// Rows of a subquery, in order of time.
#[derive(Debug)]
pub struct DerivedSeries {
    pub name: Arc<str>,
    pub tags: Vec<(Arc<str>, Arc<str>)>,
    names: Arc<[Arc<str>]>,
    /// The tags that its statement groups by itself, and so offers as columns.
    offered: Arc<[Arc<str>]>,
    pub times: Vec<i64>,
    columns: Vec<Vec<Value>>,
}

impl DerivedSeries {
    pub fn new(
        name: &Arc<str>,
        tags: &[(Arc<str>, Arc<str>)],
        names: &Arc<[Arc<str>]>,
        offered: &Arc<[Arc<str>]>,
    ) -> Self {
        Self {
            name: Arc::clone(name),
            tags: tags.to_vec(),
            names: Arc::clone(names),
            offered: Arc::clone(offered),
            times: Vec::new(),
            columns: vec![Vec::new(); names.len()],
        }
    }

    pub fn push(&mut self, time: i64, values: &[Value]) {
        self.times.push(time);
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.push(value.clone());
        }
    }

    /// Keeps the rows for which `keep`, given their index, holds.
    pub fn retain(&mut self, keep: &dyn Fn(&Self, usize) -> bool) {
        let kept: Vec<bool> = (0..self.times.len()).map(|row| keep(self, row)).collect();
        retain_rows(&mut self.times, &kept);
        self.columns
            .iter_mut()
            .for_each(|column| retain_rows(column, &kept));
    }

    pub fn tag(&self, name: &str) -> Option<&Arc<str>> {
        self.tags
            .iter()
            .find(|(key, _)| &**key == name)
            .map(|(_, value)| value)
    }

    pub fn has_column(&self, name: &str) -> bool {
        self.names.iter().any(|have| &**have == name)
    }

    /// The value of a column, or else of an offered tag, in a row.
    pub fn value(&self, name: &str, row: usize) -> Value {
        match self.names.iter().position(|have| &**have == name) {
            Some(at) => {
                let column = self.columns.get(at);
                column
                    .and_then(|column| column.get(row))
                    .cloned()
                    .unwrap_or(Value::Null)
            }
            None if self.offered.iter().any(|tag| &**tag == name) => self
                .tag(name)
                .map_or(Value::Null, |text| Value::String(Arc::clone(text))),
            None => Value::Null,
        }
    }
}

fn retain_rows<T>(rows: &mut Vec<T>, kept: &[bool]) {
    let mut at = 0;
    rows.retain(|_| {
        at += 1;
        kept.get(at - 1).copied().unwrap_or_default()
    });
}

impl StoredMember {
    pub fn series(&self) -> Option<&SeriesInfo> {
        self.all.get(self.at)
    }

    pub fn field(&self, name: &str) -> Option<&FieldInfo> {
        self.series()?
            .fields
            .iter()
            .find(|field| &*field.name == name)
    }

    fn read(&self, ctx: &QueryContext, column: &ColumnRef, range: TimeRange) -> Result<Column> {
        let empty = || Column::loose(Vec::new(), Vec::new());
        let (Some(series), Some(field)) = (self.series(), self.field(&column.name)) else {
            return Ok(empty());
        };
        if !column.data_type.is_field() || !castable(field.field_type.into(), column.data_type) {
            return Ok(empty());
        }
        ctx.check()?;
        let points = ctx.source.read(self.bucket, series.id, field, range)?;
        Ok(Column::typed(points.times, points.values, column.data_type))
    }

    /// See `Source::edge`.
    pub fn edge(
        &self,
        ctx: &QueryContext,
        field: &FieldInfo,
        range: TimeRange,
        which: End,
    ) -> Result<Option<Edge>> {
        let Some(series) = self.series() else {
            return Ok(None);
        };
        ctx.check()?;
        let edge = ctx
            .source
            .edge(self.bucket, series.id, field, range, which)?;
        Ok(edge)
    }

    /// The first or last point of a column, whatever the filter says.
    pub fn end(
        &self,
        ctx: &QueryContext,
        column: &ColumnRef,
        range: TimeRange,
        end: End,
    ) -> Result<Option<(i64, Value)>> {
        let (Some(series), Some(field)) = (self.series(), self.field(&column.name)) else {
            return Ok(None);
        };
        if !column.data_type.is_field() || !castable(field.field_type.into(), column.data_type) {
            return Ok(None);
        }
        ctx.check()?;
        let found = ctx.source.end(self.bucket, series.id, field, range, end)?;
        Ok(found.map(|(time, value)| (time, Value::from(value).cast(column.data_type))))
    }

    /// Statistics of one field by windows; see `Source::window_stats`.
    pub fn stats(
        &self,
        ctx: &QueryContext,
        field: &FieldInfo,
        bounds: &[i64],
        extreme_times: bool,
    ) -> Result<Vec<WindowStats>> {
        let Some(series) = self.series() else {
            return Ok(Vec::new());
        };
        ctx.check()?;
        let needed = StatsNeeded { extreme_times };
        Ok(ctx
            .source
            .window_stats(self.bucket, series.id, field, bounds, needed)?)
    }
}

const fn castable(from: DataType, to: DataType) -> bool {
    from as u8 == to as u8 || (from.is_numeric() && to.is_numeric())
}

impl Member {
    /// The points of a column that pass the filter, without nulls, times rising.
    pub fn points(
        &self,
        ctx: &QueryContext,
        column: &ColumnRef,
        range: TimeRange,
    ) -> Result<Column> {
        match self {
            Self::Stored(member) => {
                let Some(filter) = &member.filter else {
                    return member.read(ctx, column, range);
                };
                if member.field(&column.name).is_none() {
                    return Ok(Column::loose(Vec::new(), Vec::new()));
                }
                let wanted = filter_columns(member, ctx, filter, range)?;
                let known = filter.columns.iter().position(|known| known == column);
                let points = match known.and_then(|at| wanted.get(at)) {
                    Some(points) => points.clone(),
                    None => member.read(ctx, column, range)?,
                };
                let kept = filter.matching(&points.times, &wanted);
                if kept.len() == points.len() {
                    return Ok(points);
                }
                let times = kept
                    .iter()
                    .filter_map(|at| points.times.get(*at).copied())
                    .collect();
                Ok(Column::loose(
                    times,
                    kept.iter().map(|at| points.get(*at)).collect(),
                ))
            }
            Self::Derived(series) => {
                let mut times = Vec::new();
                let mut values = Vec::new();
                for (row, time) in series.times.iter().enumerate() {
                    let value = series.value(&column.name, row).cast(column.data_type);
                    if range.contains(*time) && !value.is_null() {
                        times.push(*time);
                        values.push(value);
                    }
                }
                if times.first() > times.last() {
                    times.reverse();
                    values.reverse();
                }
                Ok(Column::loose(times, values))
            }
        }
    }

    /// The tag's value, empty if there is none.
    pub fn tag(&self, name: &str) -> Arc<str> {
        match self {
            Self::Stored(member) => member.series().map_or_else(
                || "".into(),
                |series| {
                    let (_, tags) = series.key.parts();
                    tags.iter()
                        .find(|(key, _)| *key == name)
                        .map_or("", |(_, value)| value)
                        .into()
                },
            ),
            Self::Derived(series) => series.tag(name).cloned().unwrap_or_else(|| "".into()),
        }
    }

    /// A tag as a column shows it: null if there is none.
    pub fn tag_value(&self, name: &str) -> Value {
        let text = self.tag(name);
        if text.is_empty() {
            Value::Null
        } else {
            Value::String(text)
        }
    }

    /// The value of a column at the time of a point of this member.
    pub fn value_at(&self, ctx: &QueryContext, column: &ColumnRef, time: i64) -> Result<Value> {
        match self {
            Self::Stored(_) if column.data_type == DataType::Tag => {
                Ok(self.tag_value(&column.name))
            }
            Self::Stored(member) => {
                let range = TimeRange::new(time, time.saturating_add(1));
                Ok(member.read(ctx, column, range)?.get(0))
            }
            Self::Derived(series) => {
                let row = series.times.iter().position(|have| *have == time);
                Ok(row.map_or(Value::Null, |row| series.value(&column.name, row)))
            }
        }
    }

    /// How many points the column has in the range, when its first and last one are; a guess that
    /// leaves filters out. `None`: no points.
    pub fn extent(
        &self,
        ctx: &QueryContext,
        column: &str,
        range: TimeRange,
    ) -> Result<Option<Extent>> {
        match self {
            Self::Stored(member) => {
                let Some(field) = member.field(column) else {
                    return Ok(None);
                };
                let stats = member.stats(ctx, field, &[range.start, range.stop], false)?;
                Ok(stats.first().map(|stats| Extent {
                    count: stats.count,
                    first: stats.first_time,
                    last: stats.last_time,
                }))
            }
            Self::Derived(series) => {
                let inside = || {
                    series
                        .times
                        .iter()
                        .copied()
                        .filter(|time| range.contains(*time))
                };
                let (Some(first), Some(last)) = (inside().min(), inside().max()) else {
                    return Ok(None);
                };
                Ok(Some(Extent {
                    count: inside().count() as u64,
                    first,
                    last,
                }))
            }
        }
    }
}

/// The columns that a member's filter compares.
pub fn filter_columns(
    member: &StoredMember,
    ctx: &QueryContext,
    filter: &Filter,
    range: TimeRange,
) -> Result<Vec<Column>> {
    filter
        .columns
        .iter()
        .map(|column| member.read(ctx, column, range))
        .collect()
}

/// Reads without filtering.
pub fn read_column(
    member: &StoredMember,
    ctx: &QueryContext,
    column: &ColumnRef,
    range: TimeRange,
) -> Result<Column> {
    member.read(ctx, column, range)
}

#[derive(Debug, Clone, Copy)]
pub struct Extent {
    pub count: u64,
    pub first: i64,
    pub last: i64,
}

impl Extent {
    /// Of both together.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }
}
