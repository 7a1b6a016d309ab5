//! Points on their way through a function.

use super::super::error::Result;
use super::super::plan::ColumnRef;
use super::super::value::Value;
use super::group::Group;
use crate::model::TimeRange;
use crate::query::context::QueryContext;

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

/// All points of a column of a group, times rising; points at one time in order of the members.
/// The memory is booked with the query; [`release`] gives it back.
pub fn gather(
    ctx: &QueryContext,
    group: &Group,
    column: &ColumnRef,
    range: TimeRange,
) -> Result<Vec<Point>> {
    let mut out: Vec<Point> = Vec::new();
    for (member, source) in group.members.iter().enumerate() {
        ctx.check()?;
        let points = source.points(ctx, column, range)?;
        ctx.take_memory(points.len() * size_of::<Point>())?;
        out.extend(points.times.iter().enumerate().map(|(at, time)| Point {
            time: *time,
            value: points.get(at),
            member,
            source_time: *time,
        }));
    }
    if group.members.len() > 1 {
        out.sort_by_key(|point| point.time);
    }
    Ok(out)
}

/// Gives back what [`gather`] booked.
pub fn release(ctx: &QueryContext, points: usize) {
    ctx.give_memory(points * size_of::<Point>());
}
