//! `pivot` of a scan by time and field: the rows of one series with a column for each of its fields.

use super::compare;
use super::frame::{Item, TIME};
use crate::engine::source::{End, FieldInfo, Points};
use crate::model::{TimeRange, Values};
use crate::query::context::{QueryContext, QueryError};
use crate::query::expr::Expr;
use crate::query::plan::Scan;
use crate::query::table::{Cells, Column, Table};
use std::sync::Arc;

/// The rows that pass, if there are any. With a predicate, other fields are read only where it holds.
pub fn table(
    ctx: &QueryContext,
    scan: &Scan,
    item: &Item,
    predicate: Option<&Expr>,
) -> Result<Option<Table>, QueryError> {
    if item.fields.len() > super::pivot::COLUMNS_MAX {
        return Err(super::pivot::too_many_columns());
    }
    let reader = Reader { ctx, scan, item };
    let Some(predicate) = predicate else {
        return reader.all();
    };
    let is_field = |label: &str| item.fields.iter().any(|field| *field.name == *label);
    if !compare::needs_one_of(predicate, &is_field) {
        let Some(table) = reader.all()? else {
            return Ok(None);
        };
        let table = super::rows::filter(ctx, table, predicate)?;
        return Ok((table.rows() > 0).then_some(table));
    }
    reader.passing(predicate)
}

struct Reader<'a> {
    ctx: &'a QueryContext,
    scan: &'a Scan,
    item: &'a Item,
}

impl Reader<'_> {
    fn read(&self, field: &FieldInfo, range: TimeRange) -> Result<Points, QueryError> {
        self.ctx.check()?;
        let scan = self.scan;
        let source = &self.ctx.source;
        Ok(source.read(scan.bucket, self.item.series.id, field, range)?)
    }

    fn all(&self) -> Result<Option<Table>, QueryError> {
        let mut columns = Vec::with_capacity(self.item.fields.len());
        for field in &self.item.fields {
            let points = self.read(field, self.scan.range)?;
            if !points.times.is_empty() {
                columns.push((field, points));
            }
        }
        let lists: Vec<&[i64]> = columns.iter().map(|(_, points)| &*points.times).collect();
        let times = union(&lists);
        if times.is_empty() {
            return Ok(None);
        }
        let cells = columns
            .into_iter()
            .map(|(field, points)| (field, spread(points, &times)))
            .collect();
        Ok(Some(self.made(&times, cells)))
    }

    fn passing(&self, predicate: &Expr) -> Result<Option<Table>, QueryError> {
        let fields = &self.item.fields;
        let mut looked_at = Vec::new();
        for field in fields {
            if compare::mentions(predicate, &field.name) {
                let points = self.read(field, self.scan.range)?;
                if !points.times.is_empty() {
                    looked_at.push((field, points));
                }
            }
        }
        let lists: Vec<&[i64]> = looked_at.iter().map(|(_, points)| &*points.times).collect();
        let times = union(&lists);
        let cells = looked_at
            .iter()
            .map(|(field, points)| (*field, spread(points.clone(), &times)))
            .collect();
        let table = self.made(&times, cells);
        let mut rows = Vec::new();
        match compare::passing(predicate, &table) {
            Some(passes) => rows.extend((0..times.len()).zip(passes).filter(|(_, p)| *p)),
            None => {
                for row in 0..times.len() {
                    if predicate.holds(&table, row)? {
                        rows.push((row, true));
                    }
                }
            }
        }
        let times: Vec<i64> = rows
            .iter()
            .filter_map(|(row, _)| times.get(*row).copied())
            .collect();
        let (Some(first), Some(last)) = (times.first(), times.last()) else {
            return Ok(None);
        };
        let near = TimeRange::new(*first, last.saturating_add(1));
        let mut looked_at = looked_at.into_iter().peekable();
        let mut cells = Vec::with_capacity(fields.len());
        for field in fields {
            if let Some((_, points)) = looked_at.next_if(|(have, _)| have.id == field.id) {
                cells.push((field, spread(points, &times)));
                continue;
            }
            let points = self.read(field, near)?;
            if !points.times.is_empty() || self.has_points(field)? {
                cells.push((field, spread(points, &times)));
            }
        }
        Ok(Some(self.made(&times, cells)))
    }

    /// A field without any points makes no column.
    fn has_points(&self, field: &FieldInfo) -> Result<bool, QueryError> {
        let (scan, series) = (self.scan, self.item.series.id);
        let source = &self.ctx.source;
        let found = source.end(scan.bucket, series, field, scan.range, End::Last)?;
        Ok(found.is_some())
    }

    fn made(&self, times: &[i64], cells: Vec<(&FieldInfo, Cells)>) -> Table {
        let mut table = self.item.series.wide_table(self.scan.range, times.len());
        let stamps = Cells::Time(times.iter().copied().map(Some).collect());
        let column = Column::new(Arc::clone(&TIME), stamps);
        table.columns.insert(2.min(table.columns.len()), column);
        for (field, cells) in cells {
            // A field takes the place of a tag of its name.
            table.columns.retain(|have| have.label != field.name);
            table
                .columns
                .push(Column::new(Arc::clone(&field.name), cells));
        }
        table
    }
}

/// All times, rising, each once.
fn union(lists: &[&[i64]]) -> Vec<i64> {
    let Some((first, rest)) = lists.split_first() else {
        return Vec::new();
    };
    if rest.iter().all(|list| list == first) {
        return first.to_vec();
    }
    let mut all: Vec<i64> = lists.concat();
    all.sort_unstable();
    all.dedup();
    all
}

/// The values at the given times, null where there is none.
fn spread(points: Points, times: &[i64]) -> Cells {
    if points.times == times {
        return Cells::from_values(points.values);
    }
    let mut at = 0;
    let mut row_at = |time: &i64| {
        while points.times.get(at).is_some_and(|have| have < time) {
            at += 1;
        }
        (points.times.get(at) == Some(time)).then_some(at)
    };
    let rows: Vec<Option<usize>> = times.iter().map(&mut row_at).collect();
    fn pick<T: Copy>(values: &[T], rows: &[Option<usize>]) -> Vec<Option<T>> {
        let value = |row: &Option<usize>| row.and_then(|row| values.get(row).copied());
        rows.iter().map(value).collect()
    }
    match &points.values {
        Values::Float(values) => Cells::Float(pick(values, &rows)),
        Values::Integer(values) => Cells::Integer(pick(values, &rows)),
        Values::Unsigned(values) => Cells::Unsigned(pick(values, &rows)),
        Values::Boolean(values) => Cells::Boolean(pick(values, &rows)),
        Values::String(texts) => {
            let text = |row: &Option<usize>| row.and_then(|row| texts.get(row)).map(Arc::from);
            Cells::String(rows.iter().map(text).collect())
        }
    }
}
