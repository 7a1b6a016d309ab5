//! Which parts of a plan are run in a shorter way than node by node, with the same outcome.

use super::ahead::Ahead;
use super::base::{Base, Kind};
use super::fold::{Fold, fold};
use super::frame::{Item, single_fields, whole_series};
use super::{Tables, each, group, newest};
use crate::query::context::{QueryContext, QueryError};
use crate::query::plan::{Aggregate, Grouping, Node, Scan, Stream, WindowFunction};
use crate::query::table::Table;

/// The tables of a stream, if there is a shorter way to them.
pub fn tables<'a>(
    ctx: &'a QueryContext,
    stream: &'a Stream,
) -> Result<Option<Tables<'a>>, QueryError> {
    if let Some(tables) = newest::tables(ctx, stream)? {
        return Ok(Some(tables));
    }
    if let Some(tables) = folded(ctx, stream)? {
        return Ok(Some(tables));
    }
    alone(ctx, stream)
}

/// A base and what is applied to each of its tables, the first step last.
pub struct Chain<'a> {
    pub base: Base<'a>,
    pub steps: Vec<&'a Node>,
}

impl<'a> Chain<'a> {
    pub fn of(ctx: &QueryContext, stream: &'a Stream) -> Result<Option<Self>, QueryError> {
        let mut steps = Vec::new();
        let mut node: &'a Node = stream;
        loop {
            if let Some(base) = Base::of(ctx, node)? {
                steps.extend(base.leaves(node));
                return Ok(Some(Self { base, steps }));
            }
            let Some(input) = each::input(node) else {
                return Ok(None);
            };
            steps.push(node);
            node = input;
        }
    }

    /// Rows of all fields come by their group keys, all else in the order of series.
    pub fn run(self, ctx: &'a QueryContext) -> Result<Tables<'a>, QueryError> {
        let scan = self.base.scan;
        let series = ctx
            .source
            .select(scan.bucket, &scan.predicate, scan.range)?;
        let items: Box<dyn Iterator<Item = Item> + 'a> = match self.base.is_wide() {
            true => {
                let mut all: Vec<Item> = whole_series(series).collect();
                all.sort_by(|a, b| a.series.cmp_keys(&b.series));
                Box::new(all.into_iter())
            }
            false => Box::new(single_fields(series)),
        };
        let first = self.base.first_batch();
        let work = move |item: &Item| {
            let mut table = self.base.table(ctx, item)?;
            for step in self.steps.iter().rev() {
                let Some(made) = table else { break };
                table = each::apply(ctx, step, made)?;
            }
            Ok(table)
        };
        Ok(Box::new(Ahead::new(
            ctx,
            items,
            first,
            Table::memory_bytes,
            work,
        )))
    }
}

/// Series by series.
fn alone<'a>(ctx: &'a QueryContext, stream: &'a Stream) -> Result<Option<Tables<'a>>, QueryError> {
    match Chain::of(ctx, stream)? {
        Some(chain) => Ok(Some(chain.run(ctx)?)),
        None => Ok(None),
    }
}

/// A selector or an aggregate of groups.
fn folded<'a>(ctx: &'a QueryContext, stream: &'a Stream) -> Result<Option<Tables<'a>>, QueryError> {
    let Some((wanted, input)) = fold_of(stream) else {
        return Ok(None);
    };
    if let Some(base) = reduced(&wanted, input)
        && (wanted.function != WindowFunction::Aggregate(Aggregate::Count)
            || is_of_one_type(ctx, base.scan)?)
    {
        let chain = Chain {
            base,
            steps: Vec::new(),
        };
        let function = match wanted.function {
            // The number of points of all is the sum of those of each.
            WindowFunction::Aggregate(Aggregate::Count) => {
                WindowFunction::Aggregate(Aggregate::Sum)
            }
            function => function,
        };
        let wanted = Fold { function, ..wanted };
        return fold(ctx, chain.run(ctx)?, wanted).map(Some);
    }
    let input = super::run(ctx, input, super::ExecOptions::default())?;
    fold(ctx, input, wanted).map(Some)
}

/// Whether all fields of a scan have the same type: else a group of them may be what a query fails for.
pub fn is_of_one_type(ctx: &QueryContext, scan: &Scan) -> Result<bool, QueryError> {
    let series = ctx
        .source
        .select(scan.bucket, &scan.predicate, scan.range)?;
    let mut types = series
        .iter()
        .flat_map(|series| &series.fields)
        .map(|field| field.field_type);
    let first = types.next();
    Ok(types.all(|found| Some(found) == first))
}

/// The node as a fold, and its input.
pub fn fold_of(node: &Node) -> Option<(Fold<'_>, &Stream)> {
    let (grouped, function, column) = match node {
        Node::Select {
            input,
            function,
            column,
        } => (input, WindowFunction::Select(*function), column),
        Node::Aggregate {
            input,
            function,
            column,
        } => (input, WindowFunction::Aggregate(*function), column),
        _ => return None,
    };
    let Node::Group { input, by } = &**grouped else {
        return None;
    };
    let fold = Fold {
        by,
        function,
        column,
    };
    Some((fold, input))
}

/// Groups of whole series: each series is reduced by its statistics before.
fn reduced<'a>(wanted: &Fold<'_>, input: &'a Stream) -> Option<Base<'a>> {
    let Node::Scan(scan) = &**input else {
        return None;
    };
    let listed = |label: &str, labels: &[String]| labels.iter().any(|have| have == label);
    let whole = match wanted.by {
        Grouping::By(labels) => !listed("_time", labels) && !listed("_value", labels),
        Grouping::Except(labels) => listed("_time", labels) && listed("_value", labels),
    };
    let kept = !matches!(wanted.function, WindowFunction::Aggregate(Aggregate::Mean));
    (whole && kept && wanted.column == "_value" && !scan.range.is_empty()).then_some(Base {
        scan,
        kind: Kind::Statistics {
            function: wanted.function,
            windows: None,
        },
        read: scan.range,
    })
}

/// All tables as one, without a group key.
pub fn ungrouped<'a>(
    ctx: &'a QueryContext,
    tables: Vec<Table>,
) -> Result<Option<Table>, QueryError> {
    let tables: Tables<'a> = Box::new(tables.into_iter().map(Ok));
    let by = Grouping::By(Vec::new());
    group::group(ctx, tables, &by)?.next().transpose()
}
