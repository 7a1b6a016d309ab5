//! Runs plans: every node becomes an iterator of tables, pulled by whoever writes them out.
//!
//! Transformations that look at one table at a time stream; those that need several (group, sort across
//! tables, union by key) collect first. Memory that is held is booked on the query's account.

pub mod aggregate;
mod ahead;
mod base;
mod compare;
mod each;
mod fold;
mod frame;
pub mod group;
mod names;
mod newest;
pub mod operation;
mod pivot;
pub mod rows;
mod shortcut;
mod statistics;
mod wide;
pub mod window;

use super::context::{QueryContext, QueryError};
use super::plan::{Node, Scan, Stream};
use super::table::Table;

/// Tables of a stream.
pub type Tables<'a> = Box<dyn Iterator<Item = Result<Table, QueryError>> + 'a>;

/// How a plan is run.
#[derive(Debug, Clone, Copy)]
pub struct ExecOptions {
    /// Whether block statistics may answer, and several nodes be run as one; `false` computes everything
    /// from points, node by node, for comparison.
    pub use_shortcuts: bool,
}

impl Default for ExecOptions {
    fn default() -> Self {
        Self {
            use_shortcuts: true,
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
    if options.use_shortcuts
        && let Some(tables) = shortcut::tables(ctx, stream)?
    {
        return Ok(tables);
    }
    let open = |input: &'a Stream| run(ctx, input, options);
    if let Some(input) = each::input(stream) {
        let tables = open(input)?;
        return Ok(Box::new(tables.filter_map(move |table| {
            table
                .and_then(|table| each::apply(ctx, stream, table))
                .transpose()
        })));
    }
    Ok(match &**stream {
        Node::Scan(wanted) => scan(ctx, wanted)?,
        Node::Literal(tables) => Box::new(tables.iter().cloned().map(Ok)),
        Node::Names(wanted, names) => names::names(ctx, wanted, names)?,
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
        Node::Set { input, key, value } => group::regroup(ctx, open(input)?, |table| {
            Ok(vec![rows::set(table, key, value)])
        })?,
        Node::Window {
            input,
            window,
            create_empty,
        } => {
            let tables =
                open(input)?.map(move |table| window::window(ctx, &table?, *window, *create_empty));
            flatten(tables)
        }
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
        // All others make at most one table of each.
        _ => Box::new(std::iter::empty()),
    })
}

/// One table for each series and field that has points in the range.
fn scan<'a>(ctx: &'a QueryContext, scan: &'a Scan) -> Result<Tables<'a>, QueryError> {
    let series = ctx
        .source
        .select(scan.bucket, &scan.predicate, scan.range)?;
    Ok(Box::new(frame::single_fields(series).filter_map(
        move |item| {
            let field = item.fields.first()?;
            let read = ctx
                .check()
                .and_then(|()| base::points_table(ctx, scan, &item.series, field, scan.range));
            read.transpose()
        },
    )))
}

fn flatten<'a>(input: impl Iterator<Item = Result<Vec<Table>, QueryError>> + 'a) -> Tables<'a> {
    Box::new(input.flat_map(|tables| match tables {
        Ok(tables) => tables.into_iter().map(Ok).collect::<Vec<_>>(),
        Err(error) => vec![Err(error)],
    }))
}
