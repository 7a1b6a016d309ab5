//! Transformations that make at most one table of each table, whatever the others are.

use super::{aggregate, rows, window};
use crate::query::context::{QueryContext, QueryError};
use crate::query::plan::{Node, Stream};
use crate::query::table::Table;

/// The input of such a transformation.
pub const fn input(node: &Node) -> Option<&Stream> {
    match node {
        Node::Filter { input, .. }
        | Node::Rename { input, .. }
        | Node::Duplicate { input, .. }
        | Node::Limit { input, .. }
        | Node::Tail { input, .. }
        | Node::Sort { input, .. }
        | Node::Aggregate { input, .. }
        | Node::Select { input, .. }
        | Node::Distinct { input, .. }
        | Node::Unique { input, .. }
        | Node::Fill { input, .. } => Some(input),
        Node::AggregateWindow(window) => Some(&window.input),
        _ => None,
    }
}

/// `None` when nothing is left of the table.
pub fn apply(ctx: &QueryContext, node: &Node, table: Table) -> Result<Option<Table>, QueryError> {
    Ok(Some(match node {
        Node::Filter {
            predicate,
            keep_empty,
            ..
        } => {
            let table = rows::filter(ctx, table, predicate)?;
            if table.rows() == 0 && !keep_empty {
                return Ok(None);
            }
            table
        }
        Node::Rename { columns, .. } => rows::rename(table, columns)?,
        Node::Duplicate { column, into, .. } => rows::duplicate(table, column, into)?,
        Node::Limit { n, offset, .. } => rows::limit(&table, *n, *offset),
        Node::Tail { n, offset, .. } => rows::tail(&table, *n, *offset),
        Node::Sort {
            columns,
            descending,
            ..
        } => rows::sort(&table, columns, *descending),
        Node::Aggregate {
            function, column, ..
        } => aggregate::aggregate(&table, *function, column)?,
        Node::Select {
            function, column, ..
        } => {
            let was_empty = table.rows() == 0;
            let table = aggregate::select(&table, *function, column)?;
            if table.rows() == 0 && !was_empty {
                return Ok(None);
            }
            table
        }
        Node::Distinct { column, .. } => rows::distinct(&table, column)?,
        Node::Unique { column, .. } => rows::unique(&table, column)?,
        Node::Fill { column, with, .. } => rows::fill(table, column, with)?,
        Node::AggregateWindow(wanted) => window::aggregate_window(ctx, &table, wanted)?,
        _ => table,
    }))
}
