//! Raw rows of one series in memory: a shared time column and one column a field, with holes.

use crate::model::{FieldId, FieldType, StrColumn, TimeRange, Values};
use std::sync::Arc;

/// Rows of one series that share a list of fields; values lie row after row somewhere in `values`.
pub struct RowsIn<'a> {
    pub times: &'a [i64],
    /// Where each row's values begin.
    pub starts: &'a [u32],
    pub columns: &'a Arc<[ColumnIn]>,
    /// f64 or i64 bits, u64, 0 or 1, or `offset << 32 | length` into `strings`.
    pub values: &'a [u64],
    pub strings: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnIn {
    pub field: FieldId,
    pub field_type: FieldType,
    /// Place of the value in its row.
    pub at: u32,
}

/// Rows in the order in which they were appended.
#[derive(Debug, Default, Clone)]
pub struct Run {
    pub times: Vec<i64>,
    pub columns: Vec<RunColumn>,
}

#[derive(Debug, Clone)]
pub struct RunColumn {
    pub field: FieldId,
    /// As long as the times; holes hold a zero or an empty string.
    pub values: RunValues,
    /// Which rows have a value; `None` when all have.
    pub present: Option<Vec<bool>>,
}

/// Values as raw bits, or strings.
#[derive(Debug, Clone)]
pub enum RunValues {
    Bits(FieldType, Vec<u64>),
    Strings(StrColumn),
}

impl RunValues {
    fn new(field_type: FieldType, rows: usize) -> Self {
        if field_type == FieldType::String {
            let ends = vec![0; rows];
            return Self::Strings(StrColumn {
                ends,
                bytes: Vec::new(),
            });
        }
        Self::Bits(field_type, vec![0; rows])
    }

    fn len(&self) -> usize {
        match self {
            Self::Bits(_, bits) => bits.len(),
            Self::Strings(strings) => strings.len(),
        }
    }

    fn push_hole(&mut self) {
        match self {
            Self::Bits(_, bits) => bits.push(0),
            Self::Strings(strings) => strings.push(""),
        }
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Self::Bits(_, bits) => bits.capacity() * 8,
            Self::Strings(strings) => strings.ends.capacity() * 4 + strings.bytes.capacity(),
        }
    }
}

impl RunColumn {
    pub fn field_type(&self) -> FieldType {
        match &self.values {
            RunValues::Bits(field_type, _) => *field_type,
            RunValues::Strings(_) => FieldType::String,
        }
    }

    pub fn has(&self, row: usize) -> bool {
        match &self.present {
            None => row < self.values.len(),
            Some(present) => present.get(row).copied().unwrap_or(false),
        }
    }

    /// The value of a row that has one.
    pub fn cell(&self, row: usize) -> Option<Cell<'_>> {
        match &self.values {
            RunValues::Bits(_, bits) => bits.get(row).map(|bits| Cell::Bits(*bits)),
            RunValues::Strings(strings) => strings.get(row).map(Cell::Text),
        }
    }

    fn push_hole(&mut self) {
        let rows = self.values.len();
        self.present
            .get_or_insert_with(|| vec![true; rows])
            .push(false);
        self.values.push_hole();
    }

    fn extend(&mut self, rows: &RowsIn<'_>, at: usize) {
        let value = |start: &u32| {
            rows.values
                .get(*start as usize + at)
                .copied()
                .unwrap_or_default()
        };
        match &mut self.values {
            RunValues::Bits(_, bits) => bits.extend(rows.starts.iter().map(value)),
            RunValues::Strings(strings) => {
                rows.starts
                    .iter()
                    .for_each(|start| strings.push(text_at(rows.strings, value(start))));
            }
        }
        if let Some(present) = &mut self.present {
            present.resize(self.values.len(), true);
        }
    }

    fn mark_present(&mut self) {
        if let Some(present) = &mut self.present {
            present.push(true);
        }
    }

    /// Values of the given rows, which must all be present.
    pub fn gather(&self, rows: &[u32]) -> Values {
        let at = |bits: &[u64], row: u32| bits.get(row as usize).copied().unwrap_or_default();
        match &self.values {
            RunValues::Bits(FieldType::Float, bits) => Values::Float(
                rows.iter()
                    .map(|&row| f64::from_bits(at(bits, row)))
                    .collect(),
            ),
            RunValues::Bits(FieldType::Integer, bits) => Values::Integer(
                rows.iter()
                    .map(|&row| at(bits, row).cast_signed())
                    .collect(),
            ),
            RunValues::Bits(FieldType::Boolean, bits) => {
                Values::Boolean(rows.iter().map(|&row| at(bits, row) != 0).collect())
            }
            RunValues::Bits(_, bits) => {
                Values::Unsigned(rows.iter().map(|&row| at(bits, row)).collect())
            }
            RunValues::Strings(strings) => {
                let mut out = StrColumn::default();
                for &row in rows {
                    out.push(strings.get(row as usize).unwrap_or_default());
                }
                Values::String(out)
            }
        }
    }
}

impl Run {
    pub fn len(&self) -> usize {
        self.times.len()
    }

    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Place of a field's column; created with holes for the rows there are.
    pub fn column_for(&mut self, field: FieldId, field_type: FieldType) -> usize {
        self.column_of(field, field_type, self.times.len())
    }

    fn column_of(&mut self, field: FieldId, field_type: FieldType, rows: usize) -> usize {
        if let Some(at) = self
            .columns
            .iter()
            .position(|column| column.field == field && column.field_type() == field_type)
        {
            return at;
        }
        self.columns.push(RunColumn {
            field,
            values: RunValues::new(field_type, rows),
            present: (rows > 0).then(|| vec![false; rows]),
        });
        self.columns.len() - 1
    }

    /// Appends one row. `cells` are pairs of column place and value.
    pub fn push_row<'a>(&mut self, time: i64, cells: impl Iterator<Item = (usize, Cell<'a>)>) {
        self.times.push(time);
        for (at, cell) in cells {
            let Some(column) = self.columns.get_mut(at) else {
                continue;
            };
            match (&mut column.values, cell) {
                (RunValues::Bits(_, bits), Cell::Bits(value)) => bits.push(value),
                (RunValues::Strings(strings), Cell::Text(text)) => strings.push(text),
                _ => continue,
            }
            column.mark_present();
        }
        let rows = self.times.len();
        for column in &mut self.columns {
            if column.values.len() < rows {
                column.push_hole();
            }
        }
    }

    /// Appends rows column by column, in their order.
    pub fn extend(&mut self, rows: &RowsIn<'_>) {
        let before = self.times.len();
        self.times.extend_from_slice(rows.times);
        for column in rows.columns.iter() {
            // Looked up per piece, not per row; holes of the rows before are filled here too.
            let place = self.column_of(column.field, column.field_type, before);
            if let Some(into) = self.columns.get_mut(place) {
                into.extend(rows, column.at as usize);
            }
        }
        let after = self.times.len();
        for column in &mut self.columns {
            while column.values.len() < after {
                column.push_hole();
            }
        }
    }

    /// The run with only the given rows, in that order. Its room is kept: the series is a busy one.
    #[must_use]
    pub fn keep(mut self, rows: &[u32]) -> Self {
        let times = pick(&self.times, rows);
        replace(&mut self.times, times);
        for column in &mut self.columns {
            match &mut column.values {
                RunValues::Bits(_, bits) => {
                    let kept = pick(bits, rows);
                    replace(bits, kept);
                }
                RunValues::Strings(strings) => {
                    let mut kept = StrColumn::default();
                    rows.iter().for_each(|&row| {
                        kept.push(strings.get(row as usize).unwrap_or_default());
                    });
                    *strings = kept;
                }
            }
            if let Some(present) = &mut column.present {
                *present = pick(present, rows);
                if present.iter().all(|present| *present) {
                    column.present = None;
                }
            }
        }
        // A field that has not come for a whole chunk is forgotten until it comes again.
        let kept = rows.len();
        self.columns.retain(|column| {
            kept == 0 || column.present.as_ref().is_none_or(|p| p.contains(&true))
        });
        self
    }

    pub fn heap_bytes(&self) -> usize {
        let columns: usize = self
            .columns
            .iter()
            .map(|c| c.values.heap_bytes() + c.present.as_ref().map_or(0, Vec::capacity) + 64)
            .sum();
        self.times.capacity() * 8 + columns
    }

    /// Row numbers in time order; of rows with the same time the later one comes last.
    pub fn sorted_rows(&self) -> Vec<u32> {
        self.sorted_rows_where(|_| true)
    }

    /// The same of the rows in a range.
    pub fn sorted_rows_within(&self, range: TimeRange) -> Vec<u32> {
        self.sorted_rows_where(|time| range.contains(time))
    }

    fn sorted_rows_where(&self, wanted: impl Fn(i64) -> bool) -> Vec<u32> {
        let mut rows: Vec<(i64, u32)> = (0_u32..)
            .zip(&self.times)
            .filter(|(_, time)| wanted(**time))
            .map(|(row, time)| (*time, row))
            .collect();
        if !rows.is_sorted() {
            // Nearly in order: a few connections that take turns.
            rows.sort();
        }
        rows.into_iter().map(|(_, row)| row).collect()
    }

    /// Of one field: times (strictly rising) and values, last written wins.
    pub fn field_points(&self, column: &RunColumn, sorted: &[u32]) -> (Vec<i64>, Values) {
        let mut times: Vec<i64> = Vec::with_capacity(sorted.len());
        let mut picked: Vec<u32> = Vec::with_capacity(sorted.len());
        for &row in sorted {
            if !column.has(row as usize) {
                continue;
            }
            let Some(&time) = self.times.get(row as usize) else {
                continue;
            };
            if times.last() == Some(&time) {
                if let Some(last) = picked.last_mut() {
                    *last = row;
                }
            } else {
                times.push(time);
                picked.push(row);
            }
        }
        (times, column.gather(&picked))
    }
}

/// One value to append.
#[derive(Debug, Clone, Copy)]
pub enum Cell<'a> {
    Bits(u64),
    Text(&'a str),
}

/// The string that a packed value stands for.
pub fn text_at(strings: &[u8], packed: u64) -> &str {
    let start = (packed >> 32) as usize;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the low half is the length"
    )]
    let length = packed as u32 as usize;
    strings
        .get(start..start + length)
        .and_then(|b| std::str::from_utf8(b).ok())
        .unwrap_or_default()
}

fn pick<T: Copy>(from: &[T], rows: &[u32]) -> Vec<T> {
    rows.iter()
        .filter_map(|&row| from.get(row as usize).copied())
        .collect()
}

/// New content in the old room.
fn replace<T: Copy>(room: &mut Vec<T>, content: Vec<T>) {
    room.clear();
    room.extend_from_slice(&content);
}
