//! Pivot: values of rows become columns.

use crate::query::context::QueryError;
use crate::query::table::{Cells, Column, Kind, Table, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// Columns that one pivot may make.
const COLUMNS_MAX: usize = 10_000;

/// Rows with the same row key become one; each distinct column key is a new column.
pub fn pivot(
    table: &Table,
    row_key: &[String],
    column_key: &[String],
    value_column: &str,
) -> Result<Table, QueryError> {
    for label in row_key
        .iter()
        .chain(column_key)
        .map(String::as_str)
        .chain([value_column])
    {
        if table.column(label).is_none() {
            return Err(QueryError::Invalid(format!(
                "pivot: no column \"{label}\" exists"
            )));
        }
    }
    let consumed = |label: &str| label == value_column || column_key.iter().any(|c| c == label);
    let mut places: HashMap<Vec<String>, usize> = HashMap::new();
    let mut first_rows = Vec::new();
    let mut names: Vec<Arc<str>> = Vec::new();
    let mut cells: Vec<HashMap<usize, Value>> = Vec::new();
    for row in 0..table.rows() {
        let key = row_key
            .iter()
            .map(|label| format!("{:?}", table.value(label, row)))
            .collect();
        let place = *places.entry(key).or_insert_with(|| {
            first_rows.push(row);
            first_rows.len() - 1
        });
        let name = column_name(table, column_key, row);
        let at = names
            .iter()
            .position(|have| **have == *name)
            .unwrap_or_else(|| {
                names.push(name.as_str().into());
                cells.push(HashMap::new());
                names.len() - 1
            });
        if names.len() > COLUMNS_MAX {
            return Err(QueryError::Invalid(format!(
                "pivot: more than {COLUMNS_MAX} columns"
            )));
        }
        if let Some(column) = cells.get_mut(at) {
            column.insert(place, table.value(value_column, row));
        }
    }
    let kind = table
        .column(value_column)
        .map_or(Kind::Float, |column| column.cells.kind());
    let stays = |c: &&Column| {
        let label: &str = &c.label;
        !consumed(label) && (table.key.has(label) || row_key.iter().any(|key| key == label))
    };
    let mut columns: Vec<Column> = table
        .columns
        .iter()
        .filter(stays)
        .map(|c| Column::new(Arc::clone(&c.label), c.cells.take(&first_rows)))
        .collect();
    for (name, values) in names.into_iter().zip(cells) {
        let mut column = Cells::new(kind);
        for place in 0..first_rows.len() {
            column.push(values.get(&place).cloned().unwrap_or(Value::Null));
        }
        columns.retain(|have| have.label != name);
        columns.push(Column::new(name, column));
    }
    Ok(Table {
        key: table.key.without(consumed),
        columns,
    })
}

fn column_name(table: &Table, column_key: &[String], row: usize) -> String {
    let parts: Vec<String> = column_key
        .iter()
        .map(|label| match table.value(label, row) {
            Value::String(text) => text.to_string(),
            Value::Null => "null".to_owned(),
            Value::Float(number) => crate::query::text::float(number),
            Value::Integer(number) => number.to_string(),
            Value::Unsigned(number) => number.to_string(),
            Value::Boolean(value) => value.to_string(),
            Value::Time(time) => crate::query::text::rfc3339(time),
        })
        .collect();
    parts.join("_")
}
