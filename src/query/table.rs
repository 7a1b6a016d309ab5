//! Tables: what Flux streams between transformations. Columns are typed, cells may be null.

use crate::model::Values;
use std::cmp::Ordering;
use std::sync::Arc;

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Float(f64),
    Integer(i64),
    Unsigned(u64),
    Boolean(bool),
    String(Arc<str>),
    /// Nanoseconds.
    Time(i64),
}

/// Type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Float,
    Integer,
    Unsigned,
    Boolean,
    String,
    Time,
}

impl Kind {
    /// Flux's name of the type.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Integer => "int",
            Self::Unsigned => "uint",
            Self::Boolean => "bool",
            Self::String => "string",
            Self::Time => "time",
        }
    }
}

impl Value {
    /// `None` for null, which has no type of its own.
    pub const fn kind(&self) -> Option<Kind> {
        Some(match self {
            Self::Null => return None,
            Self::Float(_) => Kind::Float,
            Self::Integer(_) => Kind::Integer,
            Self::Unsigned(_) => Kind::Unsigned,
            Self::Boolean(_) => Kind::Boolean,
            Self::String(_) => Kind::String,
            Self::Time(_) => Kind::Time,
        })
    }

    pub fn string(text: &str) -> Self {
        Self::String(text.into())
    }

    /// A total order: null first, then by type, then by value (NaN last).
    pub fn total_cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => a.total_cmp(b),
            (Self::Integer(a), Self::Integer(b)) | (Self::Time(a), Self::Time(b)) => a.cmp(b),
            (Self::Unsigned(a), Self::Unsigned(b)) => a.cmp(b),
            (Self::Boolean(a), Self::Boolean(b)) => a.cmp(b),
            (Self::String(a), Self::String(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Boolean(_) => 1,
            Self::Integer(_) => 2,
            Self::Unsigned(_) => 3,
            Self::Float(_) => 4,
            Self::String(_) => 5,
            Self::Time(_) => 6,
        }
    }
}

/// Cells of one column.
#[derive(Debug, Clone, PartialEq)]
pub enum Cells {
    /// The same value (or null, with the type it would have) in so many rows: tags, bounds, names.
    Constant(Value, Kind, usize),
    Float(Vec<Option<f64>>),
    Integer(Vec<Option<i64>>),
    Unsigned(Vec<Option<u64>>),
    Boolean(Vec<Option<bool>>),
    String(Vec<Option<Arc<str>>>),
    Time(Vec<Option<i64>>),
}

impl Cells {
    pub const fn new(kind: Kind) -> Self {
        match kind {
            Kind::Float => Self::Float(Vec::new()),
            Kind::Integer => Self::Integer(Vec::new()),
            Kind::Unsigned => Self::Unsigned(Vec::new()),
            Kind::Boolean => Self::Boolean(Vec::new()),
            Kind::String => Self::String(Vec::new()),
            Kind::Time => Self::Time(Vec::new()),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Constant(_, _, rows) => *rows,
            Self::Float(cells) => cells.len(),
            Self::Integer(cells) | Self::Time(cells) => cells.len(),
            Self::Unsigned(cells) => cells.len(),
            Self::Boolean(cells) => cells.len(),
            Self::String(cells) => cells.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub const fn kind(&self) -> Kind {
        match self {
            Self::Constant(_, kind, _) => *kind,
            Self::Float(_) => Kind::Float,
            Self::Integer(_) => Kind::Integer,
            Self::Unsigned(_) => Kind::Unsigned,
            Self::Boolean(_) => Kind::Boolean,
            Self::String(_) => Kind::String,
            Self::Time(_) => Kind::Time,
        }
    }

    /// Null beyond the end.
    pub fn get(&self, row: usize) -> Value {
        fn cell<T: Clone>(cells: &[Option<T>], row: usize, wrap: impl Fn(T) -> Value) -> Value {
            cells.get(row).cloned().flatten().map_or(Value::Null, wrap)
        }
        match self {
            Self::Constant(value, _, rows) if row < *rows => value.clone(),
            Self::Constant(..) => Value::Null,
            Self::Float(cells) => cell(cells, row, Value::Float),
            Self::Integer(cells) => cell(cells, row, Value::Integer),
            Self::Unsigned(cells) => cell(cells, row, Value::Unsigned),
            Self::Boolean(cells) => cell(cells, row, Value::Boolean),
            Self::String(cells) => cell(cells, row, Value::String),
            Self::Time(cells) => cell(cells, row, Value::Time),
        }
    }

    /// Appends a value; one of another type becomes null.
    pub fn push(&mut self, value: Value) {
        if let Self::Constant(have, _, rows) = self {
            if *have == value {
                *rows += 1;
                return;
            }
            *self = self.expanded();
        }
        match (self, value) {
            (Self::Float(cells), Value::Float(value)) => cells.push(Some(value)),
            (Self::Integer(cells), Value::Integer(value)) => cells.push(Some(value)),
            (Self::Unsigned(cells), Value::Unsigned(value)) => cells.push(Some(value)),
            (Self::Boolean(cells), Value::Boolean(value)) => cells.push(Some(value)),
            (Self::String(cells), Value::String(value)) => cells.push(Some(value)),
            (Self::Time(cells), Value::Time(value)) => cells.push(Some(value)),
            (cells, _) => cells.push_null(),
        }
    }

    fn push_null(&mut self) {
        match self {
            Self::Constant(..) => {}
            Self::Float(cells) => cells.push(None),
            Self::Integer(cells) | Self::Time(cells) => cells.push(None),
            Self::Unsigned(cells) => cells.push(None),
            Self::Boolean(cells) => cells.push(None),
            Self::String(cells) => cells.push(None),
        }
    }

    /// The same cells, one by one.
    fn expanded(&self) -> Self {
        let mut out = Self::new(self.kind());
        (0..self.len()).for_each(|row| out.push(self.get(row)));
        out
    }

    /// Cells of the given rows.
    #[must_use]
    pub fn take(&self, rows: &[usize]) -> Self {
        fn pick<T: Clone>(cells: &[Option<T>], rows: &[usize]) -> Vec<Option<T>> {
            rows.iter()
                .map(|&row| cells.get(row).cloned().flatten())
                .collect()
        }
        match self {
            Self::Constant(_, _, have) if rows.iter().any(|row| row >= have) => {
                self.expanded().take(rows)
            }
            Self::Constant(value, kind, _) => Self::Constant(value.clone(), *kind, rows.len()),
            Self::Float(cells) => Self::Float(pick(cells, rows)),
            Self::Integer(cells) => Self::Integer(pick(cells, rows)),
            Self::Unsigned(cells) => Self::Unsigned(pick(cells, rows)),
            Self::Boolean(cells) => Self::Boolean(pick(cells, rows)),
            Self::String(cells) => Self::String(pick(cells, rows)),
            Self::Time(cells) => Self::Time(pick(cells, rows)),
        }
    }

    /// Appends cells of the same type; of another one, nulls.
    pub fn append(&mut self, other: &Self) {
        if let (Self::Constant(have, kind, rows), Self::Constant(value, other_kind, more)) =
            (&mut *self, other)
            && have == value
            && kind == other_kind
        {
            *rows += more;
            return;
        }
        if matches!(self, Self::Constant(..)) {
            *self = self.expanded();
        }
        match (&mut *self, other) {
            (Self::Float(to), Self::Float(from)) => to.extend_from_slice(from),
            (Self::Integer(to), Self::Integer(from)) => to.extend_from_slice(from),
            (Self::Unsigned(to), Self::Unsigned(from)) => to.extend_from_slice(from),
            (Self::Boolean(to), Self::Boolean(from)) => to.extend_from_slice(from),
            (Self::String(to), Self::String(from)) => to.extend_from_slice(from),
            (Self::Time(to), Self::Time(from)) => to.extend_from_slice(from),
            (Self::String(to), Self::Constant(Value::String(text), _, rows)) => {
                to.extend(std::iter::repeat_n(Some(Arc::clone(text)), *rows));
            }
            (Self::Time(to), Self::Constant(Value::Time(time), _, rows)) => {
                to.extend(std::iter::repeat_n(Some(*time), *rows));
            }
            _ => (0..other.len()).for_each(|row| self.push(other.get(row))),
        }
    }

    /// Heap bytes, about.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Self::Constant(..) => 48,
            Self::Boolean(cells) => cells.len(),
            other => other.len() * 16,
        }
    }

    /// Values of a field as a column of numbers, booleans or strings.
    pub fn from_values(values: Values) -> Self {
        match values {
            Values::Float(values) => Self::Float(values.into_iter().map(Some).collect()),
            Values::Integer(values) => Self::Integer(values.into_iter().map(Some).collect()),
            Values::Unsigned(values) => Self::Unsigned(values.into_iter().map(Some).collect()),
            Values::Boolean(values) => Self::Boolean(values.into_iter().map(Some).collect()),
            Values::String(values) => {
                Self::String(values.iter().map(|text| Some(Arc::from(text))).collect())
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub label: Arc<str>,
    pub cells: Cells,
}

impl Column {
    pub fn new(label: impl Into<Arc<str>>, cells: Cells) -> Self {
        Self {
            label: label.into(),
            cells,
        }
    }

    /// The same value in every row. A null has the type of a string.
    pub fn constant(label: impl Into<Arc<str>>, value: Value, rows: usize) -> Self {
        let kind = value.kind().unwrap_or(Kind::String);
        Self::new(label, Cells::Constant(value, kind, rows))
    }
}

/// Columns by which a stream is divided into tables, with the values of this table, sorted by label.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GroupKey {
    parts: Vec<(Arc<str>, Value)>,
}

impl GroupKey {
    pub fn new(mut parts: Vec<(Arc<str>, Value)>) -> Self {
        parts.sort_by(|a, b| a.0.cmp(&b.0));
        Self { parts }
    }

    pub fn parts(&self) -> &[(Arc<str>, Value)] {
        &self.parts
    }

    pub fn get(&self, label: &str) -> Option<&Value> {
        self.parts
            .iter()
            .find(|(have, _)| &**have == label)
            .map(|(_, value)| value)
    }

    pub fn has(&self, label: &str) -> bool {
        self.get(label).is_some()
    }

    /// Without the given columns.
    #[must_use]
    pub fn without(&self, unwanted: impl Fn(&str) -> bool) -> Self {
        Self {
            parts: self
                .parts
                .iter()
                .filter(|(label, _)| !unwanted(label))
                .cloned()
                .collect(),
        }
    }

    /// With one column's value changed or added.
    #[must_use]
    pub fn with(&self, label: &str, value: Value) -> Self {
        let mut parts = self.without(|have| have == label).parts;
        parts.push((label.into(), value));
        Self::new(parts)
    }
}

impl Eq for GroupKey {}

impl PartialOrd for GroupKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for GroupKey {
    fn cmp(&self, other: &Self) -> Ordering {
        for ((a_label, a), (b_label, b)) in self.parts.iter().zip(&other.parts) {
            let order = a_label.cmp(b_label).then_with(|| a.total_cmp(b));
            if order != Ordering::Equal {
                return order;
            }
        }
        self.parts.len().cmp(&other.parts.len())
    }
}

/// Rows that share a group key. All columns have the same length.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    pub key: GroupKey,
    pub columns: Vec<Column>,
}

impl Table {
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |column| column.cells.len())
    }

    pub fn position(&self, label: &str) -> Option<usize> {
        self.columns
            .iter()
            .position(|column| &*column.label == label)
    }

    pub fn column(&self, label: &str) -> Option<&Column> {
        self.columns.iter().find(|column| &*column.label == label)
    }

    /// Null when the table has no such column.
    pub fn value(&self, label: &str, row: usize) -> Value {
        self.column(label)
            .map_or(Value::Null, |column| column.cells.get(row))
    }

    /// The same columns with the given rows.
    #[must_use]
    pub fn take(&self, rows: &[usize]) -> Self {
        let columns = self.columns.iter();
        let columns = columns.map(|c| Column {
            label: Arc::clone(&c.label),
            cells: c.cells.take(rows),
        });
        Self {
            key: self.key.clone(),
            columns: columns.collect(),
        }
    }

    /// Appends rows of another table by label; columns that one of them lacks are null there.
    pub fn append(&mut self, other: &Self) {
        let before = self.rows();
        let added = other.rows();
        for column in &mut self.columns {
            match other.column(&column.label) {
                Some(from) => column.cells.append(&from.cells),
                None => (0..added).for_each(|_| column.cells.push(Value::Null)),
            }
        }
        for column in &other.columns {
            if self.position(&column.label).is_none() {
                let mut cells = Cells::new(column.cells.kind());
                (0..before).for_each(|_| cells.push(Value::Null));
                cells.append(&column.cells);
                self.columns.push(Column {
                    label: Arc::clone(&column.label),
                    cells,
                });
            }
        }
    }

    pub fn memory_bytes(&self) -> usize {
        self.columns
            .iter()
            .map(|column| column.cells.memory_bytes())
            .sum()
    }
}
