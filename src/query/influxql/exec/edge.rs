//! LIMIT 1 on one series: its first or last row is made of the ends of its fields.

use super::super::error::Result;
use super::super::plan::Plan;
use super::super::value::{DataType, Value};
use super::group::Group;
use super::member::Member;
use super::raw::{Block, Cells};
use crate::engine::source::End;
use crate::model::TimeRange;
use crate::query::context::QueryContext;

/// The only row of the answer, or no row; `None` if it takes more than the ends of fields to tell.
pub fn row(ctx: &QueryContext, plan: &Plan, group: &Group) -> Result<Option<Block>> {
    let options = &plan.options;
    let [member @ Member::Stored(stored)] = group.members.as_slice() else {
        return Ok(None);
    };
    if options.limits.limit != 1 || options.limits.offset != 0 || stored.filter.is_some() {
        return Ok(None);
    }
    let range = TimeRange::new(options.start, options.end.saturating_add(1));
    let end = match options.descending {
        true => End::Last,
        false => End::First,
    };
    let mut ends = Vec::with_capacity(plan.refs.len());
    for column in &plan.refs {
        ends.push(stored.end(ctx, column, range, end)?);
    }
    let times = ends.iter().flatten().map(|(time, _)| *time);
    let time = match end {
        End::Last => times.max(),
        End::First => times.min(),
    };
    let columns = plan.refs.iter().zip(ends);
    let cells = columns.map(|(column, found)| match (column.data_type, found) {
        (DataType::Tag, _) => Cells::Same(member.tag_value(&column.name)),
        (_, Some((at, value))) if Some(at) == time => Cells::Same(value),
        _ => Cells::Same(Value::Null),
    });
    Ok(Some(Block {
        cells: cells.collect(),
        times: time.into_iter().collect(),
    }))
}
