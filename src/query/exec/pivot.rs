//! Pivot: values of rows become columns.

use super::Tables;
use crate::query::context::{QueryContext, QueryError};
use crate::query::table::{Cells, Column, GroupKey, Kind, Table, Value};
use crate::query::text;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Columns that one pivot may make.
pub const COLUMNS_MAX: usize = 10_000;
/// About what one cell holds while it is collected.
const CELL_BYTES: usize = 32;

pub fn too_many_columns() -> QueryError {
    QueryError::Invalid(format!("pivot: more than {COLUMNS_MAX} columns"))
}

/// What a pivot was asked for.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    pub row_key: &'a [String],
    pub column_key: &'a [String],
    pub value_column: &'a str,
}

impl Wanted<'_> {
    fn is_consumed(&self, label: &str) -> bool {
        label == self.value_column || self.column_key.iter().any(|key| key == label)
    }

    fn is_row_key(&self, label: &str) -> bool {
        self.row_key.iter().any(|key| key == label)
    }
}

/// Rows with the same row key become one, over all tables whose group keys differ only in the column
/// key; each distinct column key is a new column.
pub fn pivot<'a>(
    ctx: &'a QueryContext,
    input: Tables<'a>,
    wanted: Wanted<'_>,
) -> Result<Tables<'a>, QueryError> {
    let mut pivots: BTreeMap<GroupKey, Pivot> = BTreeMap::new();
    let mut booked = 0;
    for table in input {
        ctx.check()?;
        let table = table?;
        check_columns(&table, wanted)?;
        let key = table.key.without(|label| wanted.is_consumed(label));
        let pivot = pivots.entry(key).or_default();
        let cells = table.rows() * (wanted.row_key.len() + 1);
        ctx.take_memory(cells * CELL_BYTES)?;
        booked += cells * CELL_BYTES;
        pivot.add(&table, wanted)?;
    }
    let by_time = matches!(wanted.row_key, [only] if only == "_time");
    let mut tables = Vec::with_capacity(pivots.len());
    for (key, pivot) in pivots {
        ctx.check()?;
        tables.push(Ok(pivot.finish(key, by_time)));
    }
    ctx.give_memory(booked);
    Ok(Box::new(tables.into_iter()))
}

fn check_columns(table: &Table, wanted: Wanted<'_>) -> Result<(), QueryError> {
    let keys = wanted.row_key.iter().chain(wanted.column_key);
    let mut labels = keys.map(String::as_str).chain([wanted.value_column]);
    match labels.find(|label| table.column(label).is_none()) {
        None => Ok(()),
        Some(label) => Err(QueryError::Invalid(format!(
            "pivot: no column \"{label}\" exists"
        ))),
    }
}

/// One output table in the making.
#[derive(Default)]
struct Pivot {
    /// Row of each row key.
    places: HashMap<String, usize>,
    rows: usize,
    /// Columns of the group key and of the row key.
    frame: Vec<Column>,
    /// New columns by name; rows that are not there yet are null.
    columns: Vec<(Arc<str>, Kind, Vec<Value>)>,
    names: HashMap<String, usize>,
}

impl Pivot {
    fn add(&mut self, table: &Table, wanted: Wanted<'_>) -> Result<(), QueryError> {
        let stays = |column: &&Column| {
            !wanted.is_consumed(&column.label)
                && (table.key.has(&column.label) || wanted.is_row_key(&column.label))
        };
        let frame: Vec<&Column> = table.columns.iter().filter(stays).collect();
        if self.frame.is_empty() {
            let empty = |column: &&Column| {
                Column::new(Arc::clone(&column.label), Cells::new(column.cells.kind()))
            };
            self.frame = frame.iter().map(empty).collect();
        }
        for row in 0..table.rows() {
            let place = self.place(table, row, wanted);
            let at = self.column(table, row, wanted)?;
            if let Some((_, _, values)) = self.columns.get_mut(at) {
                if values.len() <= place {
                    values.resize(place + 1, Value::Null);
                }
                if let Some(value) = values.get_mut(place) {
                    *value = table.value(wanted.value_column, row);
                }
            }
        }
        Ok(())
    }

    /// The output row for a row.
    fn place(&mut self, table: &Table, row: usize, wanted: Wanted<'_>) -> usize {
        let key = joined(table, wanted.row_key, row, "\0");
        if let Some(place) = self.places.get(&key) {
            return *place;
        }
        self.places.insert(key, self.rows);
        for column in &mut self.frame {
            column.cells.push(table.value(&column.label, row));
        }
        self.rows += 1;
        self.rows - 1
    }

    /// The new column for a row.
    fn column(
        &mut self,
        table: &Table,
        row: usize,
        wanted: Wanted<'_>,
    ) -> Result<usize, QueryError> {
        let name = joined(table, wanted.column_key, row, "_");
        let kind = table
            .column(wanted.value_column)
            .map_or(Kind::Float, |column| column.cells.kind());
        if let Some(at) = self.names.get(&name) {
            return match self.columns.get(*at) {
                Some((_, have, _)) if *have != kind => Err(QueryError::Invalid(format!(
                    "pivot: column \"{name}\" would be both of type {} and {}",
                    have.name(),
                    kind.name()
                ))),
                _ => Ok(*at),
            };
        }
        if self.columns.len() >= COLUMNS_MAX {
            return Err(too_many_columns());
        }
        self.columns.push((name.as_str().into(), kind, Vec::new()));
        self.names.insert(name, self.columns.len() - 1);
        Ok(self.columns.len() - 1)
    }

    fn finish(self, key: GroupKey, by_time: bool) -> Table {
        let mut columns = self.frame;
        for (name, kind, values) in self.columns {
            let mut cells = Cells::new(kind);
            let missing = self.rows.saturating_sub(values.len());
            let nulls = std::iter::repeat_n(Value::Null, missing);
            values
                .into_iter()
                .chain(nulls)
                .for_each(|value| cells.push(value));
            columns.retain(|have| have.label != name);
            columns.push(Column::new(name, cells));
        }
        let table = Table { key, columns };
        if by_time {
            super::rows::sort(&table, &["_time".to_owned()], false)
        } else {
            table
        }
    }
}

/// The values of some columns as text.
fn joined(table: &Table, labels: &[String], row: usize, separator: &str) -> String {
    let parts: Vec<String> = labels
        .iter()
        .map(|label| match table.value(label, row) {
            Value::String(text) => text.to_string(),
            Value::Null => "null".to_owned(),
            Value::Float(number) => text::float(number),
            Value::Integer(number) => number.to_string(),
            Value::Unsigned(number) => number.to_string(),
            Value::Boolean(value) => value.to_string(),
            Value::Time(time) => text::rfc3339(time),
        })
        .collect();
    parts.join(separator)
}
