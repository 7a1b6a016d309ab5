//! `group() |> sort(columns: ["_time"]) |> limit(n)`: the newest or the oldest rows of all series together.
//!
//! Only as many windows, or so long a stretch of points, are read from that end as make enough rows: all
//! others come after them.

use super::Tables;
use super::base::{Base, Kind};
use super::fold::fold;
use super::shortcut::{Chain, fold_of, is_of_one_type, ungrouped};
use super::{each, rows};
use crate::engine::source::End;
use crate::model::TimeRange;
use crate::query::context::{QueryContext, QueryError};
use crate::query::plan::{Grouping, Node, Stream};
use crate::query::table::Table;
use std::sync::Arc;

/// More rows than this are sorted as a whole.
const ROWS_MAX: usize = 10_000;
/// The part of the range that is tried first.
const FIRST_PART: i64 = 4096;
const GROWTH: i64 = 8;

/// The plan's shape.
struct Shape<'a> {
    end: End,
    n: usize,
    offset: usize,
    columns: &'a [String],
    /// From the one next to the sort to the one next to the base.
    steps: Vec<Step<'a>>,
    base: Base<'a>,
}

enum Step<'a> {
    Each(&'a Node),
    /// A selector or aggregate of groups by time.
    Fold(&'a Node),
}

pub fn tables<'a>(
    ctx: &'a QueryContext,
    stream: &'a Stream,
) -> Result<Option<Tables<'a>>, QueryError> {
    let Some(shape) = Shape::of(ctx, stream)? else {
        return Ok(None);
    };
    if !is_of_one_type(ctx, shape.base.scan)? {
        return Ok(None);
    }
    let made = shape.run(ctx)?;
    Ok(Some(Box::new(made.into_iter().map(Ok))))
}

impl<'a> Shape<'a> {
    fn of(ctx: &QueryContext, stream: &'a Stream) -> Result<Option<Self>, QueryError> {
        let Node::Limit { input, n, offset } = &**stream else {
            return Ok(None);
        };
        let Node::Sort {
            input,
            columns,
            descending,
        } = &**input
        else {
            return Ok(None);
        };
        let Node::Group {
            input,
            by: Grouping::By(labels),
        } = &**input
        else {
            return Ok(None);
        };
        let by_time = columns.first().is_some_and(|column| column == "_time");
        if !labels.is_empty() || !by_time || n.saturating_add(*offset) > ROWS_MAX {
            return Ok(None);
        }
        let mut steps = Vec::new();
        let mut node: &'a Node = input;
        loop {
            // A limit within is no row's own matter.
            if !matches!(node, Node::Limit { .. } | Node::Tail { .. })
                && let Some(base) = Base::of(ctx, node)?
            {
                let shape = Self {
                    end: if *descending { End::Last } else { End::First },
                    n: *n,
                    offset: *offset,
                    columns,
                    steps,
                    base,
                };
                return Ok(shape.is_divisible().then_some(shape));
            }
            match node {
                Node::Filter {
                    input,
                    keep_empty: false,
                    ..
                } => {
                    steps.push(Step::Each(node));
                    node = input;
                }
                _ => match fold_of(node) {
                    Some((wanted, input)) if groups_by_time(wanted.by) => {
                        steps.push(Step::Fold(node));
                        node = input;
                    }
                    _ => return Ok(None),
                },
            }
        }
    }

    /// Whether each part of the range makes its rows by itself.
    fn is_divisible(&self) -> bool {
        match &self.base.kind {
            Kind::Points { .. } => self.steps.iter().all(|step| matches!(step, Step::Each(_))),
            Kind::Statistics {
                windows: Some((window, _)),
                ..
            } => !window.create_empty,
            _ => false,
        }
    }

    fn run(&self, ctx: &QueryContext) -> Result<Option<Table>, QueryError> {
        let wanted = self.n.saturating_add(self.offset);
        let mut parts = Parts::new(self);
        loop {
            let (base, whole) = parts.next(self);
            let tables = self.rows_of(ctx, base)?;
            let rows: usize = tables.iter().map(Table::rows).sum();
            if rows < wanted && !whole {
                continue;
            }
            let Some(table) = ungrouped(ctx, tables)? else {
                return Ok(None);
            };
            let sorted = rows::sort(&table, self.columns, self.end == End::Last);
            return Ok(Some(rows::limit(&sorted, self.n, self.offset)));
        }
    }

    fn rows_of(&self, ctx: &QueryContext, base: Base<'_>) -> Result<Vec<Table>, QueryError> {
        let chain = Chain {
            base,
            steps: Vec::new(),
        };
        let mut tables: Tables<'_> = chain.run(ctx)?;
        for step in self.steps.iter().rev() {
            tables = match step {
                Step::Each(node) => Box::new(tables.filter_map(move |table| {
                    table
                        .and_then(|table| each::apply(ctx, node, table))
                        .transpose()
                })),
                Step::Fold(node) => match fold_of(node) {
                    Some((wanted, _)) => fold(ctx, tables, wanted)?,
                    None => tables,
                },
            };
        }
        tables.collect()
    }
}

fn groups_by_time(by: &Grouping) -> bool {
    match by {
        Grouping::By(labels) => labels.iter().any(|label| label == "_time"),
        Grouping::Except(labels) => !labels.iter().any(|label| label == "_time"),
    }
}

/// Ever longer parts of the range, from one end.
struct Parts {
    windows: usize,
    width: i64,
}

impl Parts {
    fn new(shape: &Shape<'_>) -> Self {
        let range = shape.base.read;
        Self {
            windows: shape.n.saturating_add(shape.offset).max(1),
            width: (range.stop.saturating_sub(range.start) / FIRST_PART).max(1),
        }
    }

    /// The next part, and whether it is all there is.
    fn next<'a>(&mut self, shape: &Shape<'a>) -> (Base<'a>, bool) {
        let base = &shape.base;
        match &base.kind {
            Kind::Statistics {
                function,
                windows: Some((window, bounds)),
            } => {
                let count = self.windows.saturating_add(1);
                let part = match shape.end {
                    End::First => bounds.get(..count),
                    End::Last => bounds
                        .len()
                        .checked_sub(count)
                        .and_then(|from| bounds.get(from..)),
                };
                self.windows = self.windows.saturating_mul(4);
                let part: Arc<[i64]> = part.map_or_else(|| Arc::clone(bounds), Arc::from);
                let read = match (part.first(), part.last()) {
                    (Some(start), Some(stop)) => TimeRange::new(*start, *stop),
                    _ => base.read,
                };
                let whole = part.len() == bounds.len();
                let kind = Kind::Statistics {
                    function: *function,
                    windows: Some((window, part)),
                };
                (
                    Base {
                        scan: base.scan,
                        kind,
                        read,
                    },
                    whole,
                )
            }
            _ => {
                let range = base.read;
                let width = self.width;
                self.width = self.width.saturating_mul(GROWTH);
                let read = match shape.end {
                    End::First => TimeRange::new(
                        range.start,
                        range.start.saturating_add(width).min(range.stop),
                    ),
                    End::Last => TimeRange::new(
                        range.stop.saturating_sub(width).max(range.start),
                        range.stop,
                    ),
                };
                (
                    Base {
                        read,
                        ..base.clone()
                    },
                    read == range,
                )
            }
        }
    }
}
