//! Runs a plan: group by group, each in the order of its times.

mod accumulate;
mod aggregate;
mod column;
mod edge;
mod ends;
mod fill;
mod filter;
mod group;
mod indicators;
mod member;
mod merge;
mod parallel;
mod points;
mod ranking;
mod raw;
mod reduce;
mod transform;

use super::error::Result;
use super::plan::Plan;
use super::value::Value;
use crate::query::context::QueryContext;
use std::sync::Arc;

pub use filter::{Bound, bind};
pub use member::DerivedSeries;

/// Takes the rows of a running plan: a series, then its rows in order of time.
pub trait RowSink {
    fn series(&mut self, name: &Arc<str>, tags: &[(Arc<str>, Arc<str>)]) -> Result<()>;
    /// `values` without the time.
    fn row(&mut self, time: i64, values: &[Value]) -> Result<()>;
}

/// Runs a plan into `sink`.
pub fn run(ctx: &QueryContext, plan: &Plan, sink: &mut dyn RowSink) -> Result<()> {
    if plan.columns.is_empty() {
        return Ok(());
    }
    if plan.calls.is_empty() && !plan.refs.iter().any(|column| column.data_type.is_field()) {
        // Tags alone select nothing.
        let subqueries = plan
            .sources
            .iter()
            .any(|source| matches!(source, super::plan::PlanSource::Subquery(_)));
        if !subqueries {
            return Ok(());
        }
    }
    let groups = group::groups(ctx, plan)?;
    let run_group = |group: &group::Group, sink: &mut dyn RowSink| {
        if plan.calls.is_empty() {
            raw::run(ctx, plan, group, sink)
        } else {
            aggregate::run(ctx, plan, group, sink)
        }
    };
    // Rows of groups that run ahead are held, so they must be few.
    let limits = plan.options.limits;
    let few = limits.limit > 0 && limits.limit.saturating_add(limits.offset) <= PARALLEL_ROWS_MAX;
    if groups.len() < PARALLEL_GROUPS_MIN || (plan.calls.is_empty() && !few) {
        return groups
            .iter()
            .try_for_each(|group| run_group(group, &mut *sink));
    }
    let work = |at: usize| {
        let mut rows = GroupRows {
            ctx,
            times: Vec::new(),
            values: Vec::new(),
        };
        if let Some(group) = groups.get(at) {
            run_group(group, &mut rows)?;
        }
        Ok(rows)
    };
    parallel::in_order(groups.len(), work, |at, rows: GroupRows<'_>| {
        let Some(group) = groups.get(at).filter(|_| !rows.times.is_empty()) else {
            return Ok(());
        };
        sink.series(&group.name, &group.tags)?;
        let width = plan.columns.len().max(1);
        for (time, values) in rows.times.iter().zip(rows.values.chunks(width)) {
            sink.row(*time, values)?;
        }
        ctx.give_memory(rows.values.len() * size_of::<Value>());
        Ok(())
    })
}

/// How many stored series a plan reads itself, not through subqueries.
pub fn stored_series(ctx: &QueryContext, plan: &Plan) -> Result<usize> {
    let mut own = plan.clone();
    own.sources
        .retain(|source| matches!(source, super::plan::PlanSource::Stored(_)));
    let groups = group::groups(ctx, &own)?;
    Ok(groups.iter().map(|group| group.members.len()).sum())
}

/// Below this many groups threads cost more than they gain.
const PARALLEL_GROUPS_MIN: usize = 4;
/// Most rows of points that a group may have to be run ahead.
const PARALLEL_ROWS_MAX: usize = 1000;

/// The rows of one group, held until it is their turn.
struct GroupRows<'a> {
    ctx: &'a QueryContext,
    times: Vec<i64>,
    values: Vec<Value>,
}

impl RowSink for GroupRows<'_> {
    fn series(&mut self, _name: &Arc<str>, _tags: &[(Arc<str>, Arc<str>)]) -> Result<()> {
        Ok(())
    }

    fn row(&mut self, time: i64, values: &[Value]) -> Result<()> {
        self.ctx.take_memory(size_of_val(values))?;
        self.times.push(time);
        self.values.extend_from_slice(values);
        Ok(())
    }
}

/// Runs a subquery and keeps its rows.
pub fn collect(ctx: &QueryContext, plan: &Plan) -> Result<Vec<DerivedSeries>> {
    let names: Arc<[Arc<str>]> = plan
        .columns
        .iter()
        .map(|c| c.offered_as.as_str().into())
        .collect();
    let mut sink = Collector {
        ctx,
        names,
        offered: plan.own_dimensions.iter().cloned().collect(),
        series: Vec::new(),
    };
    run(ctx, plan, &mut sink)?;
    Ok(sink.series)
}

struct Collector<'a> {
    ctx: &'a QueryContext,
    names: Arc<[Arc<str>]>,
    offered: Arc<[Arc<str>]>,
    series: Vec<DerivedSeries>,
}

impl RowSink for Collector<'_> {
    fn series(&mut self, name: &Arc<str>, tags: &[(Arc<str>, Arc<str>)]) -> Result<()> {
        self.series
            .push(DerivedSeries::new(name, tags, &self.names, &self.offered));
        Ok(())
    }

    fn row(&mut self, time: i64, values: &[Value]) -> Result<()> {
        self.ctx
            .take_memory(size_of::<i64>() + size_of_val(values))?;
        if let Some(series) = self.series.last_mut() {
            series.push(time, values);
        }
        Ok(())
    }
}
