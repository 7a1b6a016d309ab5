//! The logical plan: transformations of streams of tables, from sources to named results.
//!
//! Nodes are shared, so a stream that is used twice is one node with two readers. `exec` runs a plan;
//! before that [`optimise`](super::optimise::optimise) moves predicates into the scan.

use super::exec::operation::Operation;
use super::expr::Expr;
use super::table::Table;
use super::zone::Zone;
use crate::engine::source::SeriesPredicate;
use crate::model::{BucketId, TimeRange};
use std::sync::Arc;

/// A stream of tables.
pub type Stream = Arc<Node>;

/// What a program yields, in order.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    pub results: Vec<(String, Stream)>,
}

#[derive(Debug, Clone)]
pub enum Node {
    /// One table for each series and field, ordered by series; columns `_start, _stop, _time, _value,
    /// _field, _measurement`, then tags. Group key: all but `_time` and `_value`.
    Scan(Scan),
    /// Tables that are there already.
    Literal(Vec<Table>),
    /// One table with one string column `_value`, sorted and distinct: which of them exist in the scan.
    Names(Scan, Names),
    Filter {
        input: Stream,
        predicate: Expr,
        keep_empty: bool,
    },
    /// `columns` are computed from the row; with `extend` the row's other columns stay. Group key columns
    /// that are dropped or differ from row to row leave the group key or divide the table.
    Map {
        input: Stream,
        columns: Vec<(Arc<str>, Expr)>,
        extend: bool,
    },
    Group {
        input: Stream,
        by: Grouping,
    },
    Keep {
        input: Stream,
        columns: Vec<String>,
    },
    Drop {
        input: Stream,
        columns: Vec<String>,
    },
    Rename {
        input: Stream,
        columns: Vec<(String, String)>,
    },
    Duplicate {
        input: Stream,
        column: String,
        into: String,
    },
    Set {
        input: Stream,
        key: String,
        value: String,
    },
    /// Rows `offset..offset + n` of each table.
    Limit {
        input: Stream,
        n: usize,
        offset: usize,
    },
    /// The same, counted from the end.
    Tail {
        input: Stream,
        n: usize,
        offset: usize,
    },
    Sort {
        input: Stream,
        columns: Vec<String>,
        descending: bool,
    },
    /// One row for each table: the group key and the aggregate.
    Aggregate {
        input: Stream,
        function: Aggregate,
        column: String,
    },
    /// One row of each table.
    Select {
        input: Stream,
        function: Selector,
        column: String,
    },
    /// Rows with distinct values: the group key and `_value`.
    Distinct {
        input: Stream,
        column: String,
    },
    Unique {
        input: Stream,
        column: String,
    },
    /// What no other node does.
    Apply {
        inputs: Vec<Stream>,
        operation: Arc<dyn Operation>,
    },
    Fill {
        input: Stream,
        column: String,
        with: Fill,
    },
    /// `window |> function |> duplicate |> window(every: inf)`.
    AggregateWindow(AggregateWindow),
    Window {
        input: Stream,
        window: Window,
        create_empty: bool,
    },
    Pivot {
        input: Stream,
        row_key: Vec<String>,
        column_key: Vec<String>,
        value_column: String,
    },
    Union(Vec<Stream>),
}

#[derive(Debug, Clone)]
pub struct Scan {
    pub bucket: BucketId,
    pub range: TimeRange,
    pub predicate: SeriesPredicate,
}

/// Questions that are answered from series alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    Measurements,
    /// As in a group key: `_start`, `_stop`, `_field`, `_measurement` and the tags.
    TagKeys,
    TagValues(String),
    FieldKeys,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grouping {
    By(Vec<String>),
    Except(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    Count,
    Sum,
    Mean,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selector {
    Min,
    Max,
    First,
    Last,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowFunction {
    Aggregate(Aggregate),
    Select(Selector),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Fill {
    Value(super::table::Value),
    Previous,
}

/// A length of time: calendar months and nanoseconds, of the same sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Duration {
    pub months: i64,
    pub nanoseconds: i64,
}

impl Duration {
    pub const fn nanoseconds(nanoseconds: i64) -> Self {
        Self {
            months: 0,
            nanoseconds,
        }
    }
}

/// Windows begin at multiples of `every` since the epoch by the clocks of `zone`, moved by `offset`, and last
/// `period`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub every: Duration,
    pub period: Duration,
    pub offset: Duration,
    pub zone: Zone,
}

#[derive(Debug, Clone)]
pub struct AggregateWindow {
    pub input: Stream,
    pub window: Window,
    pub function: WindowFunction,
    pub column: String,
    /// `_stop` or `_start`.
    pub time_source: String,
    pub time_destination: String,
    pub create_empty: bool,
}
