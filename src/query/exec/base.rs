//! What a scan's series become before anything else: points, statistics of windows, or rows of all fields.

use super::frame::{Framed, Item, TIME, VALUE};
use super::window::{Bounds, bounds_within};
use super::{compare, statistics, wide};
use crate::engine::source::{End, FieldInfo, StatsNeeded};
use crate::model::TimeRange;
use crate::query::context::{QueryContext, QueryError};
use crate::query::expr::Expr;
use crate::query::plan::{AggregateWindow, Node, Scan, Selector, Stream, WindowFunction};
use crate::query::table::{Cells, Column, Table};
use std::sync::Arc;

/// A stream that is made of a scan, each table from one series alone.
#[derive(Debug, Clone)]
pub struct Base<'a> {
    pub scan: &'a Scan,
    pub kind: Kind<'a>,
    /// What of the scan's range is read.
    pub read: TimeRange,
}

#[derive(Debug, Clone)]
pub enum Kind<'a> {
    Points {
        /// So many from one end are enough.
        wanted: Option<(End, usize)>,
    },
    Statistics {
        function: WindowFunction,
        /// Windows and their bounds.
        windows: Option<(&'a AggregateWindow, Arc<[i64]>)>,
    },
    /// `pivot` by time and field.
    Wide { predicate: Option<&'a Expr> },
}

impl<'a> Base<'a> {
    /// The node as a base, if it is one.
    pub fn of(ctx: &QueryContext, node: &'a Node) -> Result<Option<Self>, QueryError> {
        Ok(match node {
            Node::Scan(scan) => Some(Self::new(scan, Kind::Points { wanted: None })),
            Node::Limit { input, n, offset } => {
                Self::of_ends(input, n.saturating_add(*offset), End::First)
            }
            Node::Tail { input, n, offset } => {
                Self::of_ends(input, n.saturating_add(*offset), End::Last)
            }
            Node::Pivot {
                input,
                row_key,
                column_key,
                value_column,
            } => {
                let by_time = matches!(row_key.as_slice(), [only] if only == "_time");
                let by_field = matches!(column_key.as_slice(), [only] if only == "_field");
                match &**input {
                    Node::Scan(scan) if by_time && by_field && value_column == "_value" => {
                        Some(Self::new(scan, Kind::Wide { predicate: None }))
                    }
                    _ => None,
                }
            }
            Node::Filter {
                input,
                predicate,
                keep_empty: false,
            } if compare::is_comparison(predicate) => {
                let base = Self::of_pivot(ctx, input)?;
                base.map(|base| Self {
                    kind: Kind::Wide {
                        predicate: Some(predicate),
                    },
                    ..base
                })
            }
            _ => Self::of_statistics(ctx, node)?,
        })
    }

    const fn new(scan: &'a Scan, kind: Kind<'a>) -> Self {
        Self {
            scan,
            kind,
            read: scan.range,
        }
    }

    fn of_pivot(ctx: &QueryContext, node: &'a Node) -> Result<Option<Self>, QueryError> {
        match node {
            Node::Pivot { .. } => Self::of(ctx, node),
            _ => Ok(None),
        }
    }

    /// The rows that a limit may take, and a few more: the limit itself comes after.
    fn of_ends(input: &'a Stream, rows: usize, end: End) -> Option<Self> {
        match (&**input, end) {
            (Node::Scan(scan), end) => Some(Self::new(
                scan,
                Kind::Points {
                    wanted: Some((end, rows)),
                },
            )),
            (
                Node::Sort {
                    input,
                    columns,
                    descending: true,
                },
                End::First,
            ) if matches!(columns.as_slice(), [only] if only == "_time") => match &**input {
                Node::Scan(scan) => Some(Self::new(
                    scan,
                    Kind::Points {
                        wanted: Some((End::Last, rows)),
                    },
                )),
                _ => None,
            },
            _ => None,
        }
    }

    fn of_statistics(ctx: &QueryContext, node: &'a Node) -> Result<Option<Self>, QueryError> {
        let (input, function, column) = match node {
            Node::Aggregate {
                input,
                function,
                column,
            } => (input, WindowFunction::Aggregate(*function), column),
            Node::Select {
                input,
                function,
                column,
            } => (input, WindowFunction::Select(*function), column),
            Node::AggregateWindow(window) => (&window.input, window.function, &window.column),
            _ => return Ok(None),
        };
        let Node::Scan(scan) = &**input else {
            return Ok(None);
        };
        if column != "_value" || scan.range.is_empty() {
            return Ok(None);
        }
        let windows = match node {
            Node::AggregateWindow(window) => {
                let known = matches!(window.time_source.as_str(), "_stop" | "_start");
                // A result that takes the place of another column is left to the rows.
                if !known || window.time_destination != "_time" {
                    return Ok(None);
                }
                match bounds_within(ctx, window.window, scan.range)? {
                    // Overlapping windows share points.
                    Bounds::Overlapping(_) => return Ok(None),
                    Bounds::Adjacent(bounds) => Some((window, bounds.into())),
                }
            }
            _ => None,
        };
        Ok(Some(Self::new(
            scan,
            Kind::Statistics { function, windows },
        )))
    }

    /// The transformations that [`table`](Self::table) leaves to be applied, among those from the node it was
    /// made of.
    pub fn leaves(&self, node: &'a Node) -> Vec<&'a Node> {
        match (&self.kind, node) {
            (Kind::Points { wanted: Some(_) }, Node::Limit { input, .. }) => match &**input {
                sort @ Node::Sort { .. } => vec![node, sort],
                _ => vec![node],
            },
            (Kind::Points { wanted: Some(_) }, _) => vec![node],
            _ => Vec::new(),
        }
    }

    pub const fn is_wide(&self) -> bool {
        matches!(self.kind, Kind::Wide { .. })
    }

    /// How many items to begin with: tables of points are large.
    pub const fn first_batch(&self) -> usize {
        match self.kind {
            Kind::Points { wanted: None } => 4,
            _ => 64,
        }
    }

    pub fn table(&self, ctx: &QueryContext, item: &Item) -> Result<Option<Table>, QueryError> {
        ctx.check()?;
        let (Some(field), series) = (item.fields.first(), &item.series) else {
            return Ok(None);
        };
        match &self.kind {
            Kind::Points { wanted: None } => points_table(ctx, self.scan, series, field, self.read),
            Kind::Points {
                wanted: Some((end, rows)),
            } => self.some_points(ctx, series, field, *end, *rows),
            Kind::Statistics { function, windows } => {
                let windows = windows
                    .as_ref()
                    .map(|(window, bounds)| (*window, &**bounds));
                statistics::table(ctx, self, series, field, *function, windows)
            }
            Kind::Wide { predicate } => wide::table(ctx, self.scan, item, *predicate),
        }
    }

    /// At least the first or last `rows` points, if there are so many.
    fn some_points(
        &self,
        ctx: &QueryContext,
        series: &Framed,
        field: &FieldInfo,
        end: End,
        rows: usize,
    ) -> Result<Option<Table>, QueryError> {
        let scan = self.scan;
        let bounds = [self.read.start, self.read.stop];
        let needed = StatsNeeded::default();
        let stats = ctx
            .source
            .window_stats(scan.bucket, series.id, field, &bounds, needed)?;
        let Some(stats) = stats.first() else {
            return Ok(None);
        };
        let all = TimeRange::new(stats.first_time, stats.last_time.saturating_add(1));
        let rows_wanted = i64::try_from(rows.max(1)).unwrap_or(i64::MAX);
        let count = i64::try_from(stats.count).unwrap_or(i64::MAX).max(1);
        let mut width = (all.stop.saturating_sub(all.start) / count)
            .saturating_mul(rows_wanted)
            .saturating_mul(2)
            .max(1);
        loop {
            let part = match end {
                End::First => {
                    TimeRange::new(all.start, all.start.saturating_add(width).min(all.stop))
                }
                End::Last => {
                    TimeRange::new(all.stop.saturating_sub(width).max(all.start), all.stop)
                }
            };
            let table = points_table(ctx, scan, series, field, part)?;
            if part == all || table.as_ref().is_some_and(|table| table.rows() >= rows) {
                return Ok(table);
            }
            width = width.saturating_mul(4);
        }
    }
}

/// The points of a field in a part of the scan's range; nothing without points.
pub fn points_table(
    ctx: &QueryContext,
    scan: &Scan,
    series: &Framed,
    field: &FieldInfo,
    read: TimeRange,
) -> Result<Option<Table>, QueryError> {
    let points = ctx.source.read(scan.bucket, series.id, field, read)?;
    if points.times.is_empty() {
        return Ok(None);
    }
    let rows = points.times.len();
    let times = Cells::Time(points.times.into_iter().map(Some).collect());
    let values = Cells::from_values(points.values);
    let mut table = series.table(field, scan.range, rows);
    table.columns.splice(
        2..2,
        [
            Column::new(Arc::clone(&TIME), times),
            Column::new(Arc::clone(&VALUE), values),
        ],
    );
    Ok(Some(table))
}

/// Whether a window function is a selector of an end.
pub const fn end_of(function: WindowFunction) -> Option<End> {
    match function {
        WindowFunction::Select(Selector::First) => Some(End::First),
        WindowFunction::Select(Selector::Last) => Some(End::Last),
        _ => None,
    }
}
