//! Rows of a series that has only few, in one allocation: what a million quiet series cost in memory.

use super::run::{ColumnIn, RowsIn, Run, RunColumn, RunValues};
use crate::model::FieldType;
use std::sync::Arc;

/// A series with more rows than this gets columns.
const ROWS_MAX: usize = 32;

/// Rows that all have the same fields, none of them a string. Row after row: the time's bits, then the
/// values' bits in the order of the columns.
#[derive(Debug)]
pub struct Few {
    columns: Arc<[ColumnIn]>,
    cells: Vec<u64>,
}

impl Few {
    /// `None` when the rows are too many, or have strings.
    pub fn new(rows: &RowsIn<'_>) -> Option<Self> {
        let strings = rows
            .columns
            .iter()
            .any(|c| c.field_type == FieldType::String);
        if strings || rows.times.len() > ROWS_MAX {
            return None;
        }
        let mut few = Self {
            columns: Arc::clone(rows.columns),
            cells: Vec::new(),
        };
        few.extend(rows);
        Some(few)
    }

    /// `false` when they don't belong here; nothing is appended then.
    pub fn append(&mut self, rows: &RowsIn<'_>) -> bool {
        let same_columns = Arc::ptr_eq(&self.columns, rows.columns)
            || (self.columns.len() == rows.columns.len()
                && self.columns.iter().zip(rows.columns.iter()).all(same));
        if !same_columns || self.row_count() + rows.times.len() > ROWS_MAX {
            return false;
        }
        self.extend(rows);
        true
    }

    fn extend(&mut self, rows: &RowsIn<'_>) {
        // Exactly: most of such series get no second row before they are sealed.
        self.cells.reserve_exact(rows.times.len() * self.width());
        for (time, start) in rows.times.iter().zip(rows.starts) {
            self.cells.push(time.cast_unsigned());
            for column in rows.columns.iter() {
                let value = rows.values.get(*start as usize + column.at as usize);
                self.cells.push(value.copied().unwrap_or_default());
            }
        }
    }

    fn width(&self) -> usize {
        self.columns.len() + 1
    }

    fn row_count(&self) -> usize {
        self.cells.len() / self.width()
    }

    pub fn heap_bytes(&self) -> usize {
        self.cells.capacity() * 8
    }

    pub fn to_run(&self) -> Run {
        let cell = |at: usize| {
            let rows = self.cells.chunks_exact(self.width());
            rows.map(move |row| row.get(at).copied().unwrap_or_default())
        };
        let columns = self.columns.iter().zip(1..).map(|(column, at)| RunColumn {
            field: column.field,
            values: RunValues::Bits(column.field_type, cell(at).collect()),
            present: None,
        });
        Run {
            times: cell(0).map(u64::cast_signed).collect(),
            columns: columns.collect(),
        }
    }
}

/// The same field, wherever in its row.
fn same((a, b): (&ColumnIn, &ColumnIn)) -> bool {
    a.field == b.field && a.field_type == b.field_type
}
