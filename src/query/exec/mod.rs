//! Runs plans: every node becomes an iterator of tables, pulled by whoever writes them out.
//!
//! Transformations that look at one table at a time stream; those that need several (group, sort across
//! tables, union by key) collect first. Memory that is held is booked on the query's account.

pub mod aggregate;
pub mod group;
pub mod operation;
mod pivot;
pub mod rows;
mod scan;
pub mod window;

use super::context::{QueryContext, QueryError};
use super::plan::{Node, Stream};
use super::table::Table;

/// Tables of a stream.
pub type Tables<'a> = Box<dyn Iterator<Item = Result<Table, QueryError>> + 'a>;

/// How a plan is run.
#[derive(Debug, Clone, Copy)]
pub struct ExecOptions {
    /// Whether block statistics may answer; `false` computes everything from points, for comparison.
    pub use_statistics: bool,
}

impl Default for ExecOptions {
    fn default() -> Self {
        Self {
            use_statistics: true,
        }
    }
}

/// The tables of a stream, lazily.
pub fn run<'a>(
    ctx: &'a QueryContext,
    stream: &'a Stream,
    options: ExecOptions,
) -> Result<Tables<'a>, QueryError> {
    // A stream that is used twice is run twice, so few nodes can make many streams.
    ctx.check()?;
    if options.use_statistics
        && let Some(tables) = scan::from_statistics(ctx, stream)?
    {
        return Ok(tables);
    }
    let open = |input: &'a Stream| run(ctx, input, options);
    Ok(match &**stream {
        Node::Scan(wanted) => scan::scan(ctx, wanted)?,
        Node::Literal(tables) => Box::new(tables.iter().cloned().map(Ok)),
        Node::Names(wanted, names) => scan::names(ctx, wanted, names)?,
        Node::Filter {
            input,
            predicate,
            keep_empty,
        } => Box::new(
            open(input)?
                .map(move |table| rows::filter(ctx, table?, predicate))
                .filter(move |table| {
                    *keep_empty || table.as_ref().map_or(true, |table| table.rows() > 0)
                }),
        ),
        Node::Map {
            input,
            columns,
            extend,
        } => group::regroup(ctx, open(input)?, move |table| {
            rows::map(ctx, &table, columns, *extend)
        })?,
        Node::Group { input, by } => group::group(ctx, open(input)?, by)?,
        Node::Keep { input, columns } => group::regroup(ctx, open(input)?, |table| {
            Ok(vec![rows::without(table, |label| {
                !columns.iter().any(|c| c == label)
            })])
        })?,
        Node::Drop { input, columns } => group::regroup(ctx, open(input)?, |table| {
            Ok(vec![rows::without(table, |label| {
                columns.iter().any(|c| c == label)
            })])
        })?,
        Node::Rename { input, columns } => {
            each(open(input)?, move |table| rows::rename(table, columns))
        }
        Node::Duplicate {
            input,
            column,
            into,
        } => each(open(input)?, move |table| {
            rows::duplicate(table, column, into)
        }),
        Node::Set { input, key, value } => group::regroup(ctx, open(input)?, |table| {
            Ok(vec![rows::set(table, key, value)])
        })?,
        Node::Limit { input, n, offset } => each(open(input)?, move |table| {
            Ok(rows::limit(&table, *n, *offset))
        }),
        Node::Tail { input, n, offset } => each(open(input)?, move |table| {
            Ok(rows::tail(&table, *n, *offset))
        }),
        Node::Sort {
            input,
            columns,
            descending,
        } => each(open(input)?, move |table| {
            Ok(rows::sort(&table, columns, *descending))
        }),
        Node::Aggregate {
            input,
            function,
            column,
        } => each(open(input)?, move |table| {
            aggregate::aggregate(&table, *function, column)
        }),
        Node::Select {
            input,
            function,
            column,
        } => Box::new(
            open(input)?
                .map(move |table| aggregate::select(&table?, *function, column))
                .filter(|table| table.as_ref().map_or(true, |table| table.rows() > 0)),
        ),
        Node::Distinct { input, column } => {
            each(open(input)?, move |table| rows::distinct(&table, column))
        }
        Node::Unique { input, column } => {
            each(open(input)?, move |table| rows::unique(&table, column))
        }
        Node::Fill {
            input,
            column,
            with,
        } => each(open(input)?, move |table| rows::fill(table, column, with)),
        Node::Window {
            input,
            window,
            create_empty,
        } => {
            let tables =
                open(input)?.map(move |table| window::window(ctx, &table?, *window, *create_empty));
            flatten(tables)
        }
        Node::AggregateWindow(wanted) => each(open(&wanted.input)?, move |table| {
            window::aggregate_window(ctx, &table, wanted)
        }),
        Node::Pivot {
            input,
            row_key,
            column_key,
            value_column,
        } => {
            let wanted = pivot::Wanted {
                row_key,
                column_key,
                value_column,
            };
            pivot::pivot(ctx, open(input)?, wanted)?
        }
        Node::Apply { inputs, operation } => {
            let inputs: Result<Vec<_>, _> = inputs.iter().map(open).collect();
            operation.run(ctx, inputs?)?
        }
        Node::Union(inputs) => {
            let mut all: Vec<Tables<'a>> = Vec::new();
            for input in inputs {
                all.push(open(input)?);
            }
            group::regroup(ctx, Box::new(all.into_iter().flatten()), |table| {
                Ok(vec![table])
            })?
        }
    })
}

/// Applies a function to each table.
fn each<'a>(
    input: Tables<'a>,
    mut change: impl FnMut(Table) -> Result<Table, QueryError> + 'a,
) -> Tables<'a> {
    Box::new(input.map(move |table| change(table?)))
}

fn flatten<'a>(input: impl Iterator<Item = Result<Vec<Table>, QueryError>> + 'a) -> Tables<'a> {
    Box::new(input.flat_map(|tables| match tables {
        Ok(tables) => tables.into_iter().map(Ok).collect::<Vec<_>>(),
        Err(error) => vec![Err(error)],
    }))
}
