//! Points on their way through a function.

use super::super::error::Result;
use super::super::plan::ColumnRef;
use super::super::value::Value;
use super::group::Group;
use super::merge::merge;
use crate::model::TimeRange;
use crate::query::context::QueryContext;
use std::cmp::Ordering;

/// A value with its time, and the point that it was taken from.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub time: i64,
    pub value: Value,
    /// Index into the group's members; `usize::MAX`: computed, not taken.
    pub member: usize,
    /// When the member's point was, whatever `time` has become.
    pub source_time: i64,
}

impl Point {
    pub const fn computed(time: i64, value: Value) -> Self {
        Self {
            time,
            value,
            member: usize::MAX,
            source_time: time,
        }
    }
}

/// All points of a column of a group in the order of the merge of its members, newest first if
/// `descending`. The memory is booked with the query; [`release`] gives it back.
pub fn gather(
    ctx: &QueryContext,
    group: &Group,
    column: &ColumnRef,
    range: TimeRange,
    descending: bool,
) -> Result<Vec<Point>> {
    let mut columns = Vec::with_capacity(group.members.len());
    for source in &group.members {
        ctx.check()?;
        let points = source.points(ctx, column, range)?;
        ctx.take_memory(points.len() * size_of::<Point>())?;
        columns.push(points);
    }
    let lists: Vec<&[i64]> = columns.iter().map(|column| &*column.times).collect();
    let order = merge(&lists, descending, group.shard_ns, &|_, _| Ordering::Equal);
    let point = |(member, row): (usize, usize)| {
        let column = columns.get(member)?;
        let time = *column.times.get(row)?;
        Some(Point {
            time,
            value: column.get(row),
            member,
            source_time: time,
        })
    };
    Ok(order.into_iter().filter_map(point).collect())
}

/// Gives back what [`gather`] booked.
pub fn release(ctx: &QueryContext, points: usize) {
    ctx.give_memory(points * size_of::<Point>());
}
