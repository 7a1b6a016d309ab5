//! first() and last() without windows.
//!
//! Points at one time are what makes this more than a minimum: InfluxDB takes the first two points of the
//! merge of all series and of those, if they have one time, the larger.

use super::super::error::Result;
use super::super::functions::Function;
use super::super::plan::ColumnRef;
use super::super::value::DataType;
use super::accumulate::choose;
use super::aggregate::Runner;
use super::member::Member;
use super::merge::{first_two, shard_of};
use super::points::Point;
use crate::engine::source::End;
use crate::model::TimeRange;
use std::cmp::Ordering;
use std::sync::Arc;

impl Runner<'_> {
    /// The point that first() or last() takes; the outer `None`: ties don't matter here.
    pub fn end(
        &self,
        function: &Function,
        column: &ColumnRef,
        range: TimeRange,
    ) -> Result<Option<Option<Point>>> {
        let members = &self.group.members;
        let stored = |member: &Member| matches!(member, Member::Stored(_));
        if !members.iter().all(stored) {
            return Ok(None);
        }
        let last = *function == Function::Last;
        if members.len() == 1 {
            return Ok(Some(self.end_of(0, last, column, range)?));
        }
        let mut ends = Vec::new();
        for at in 0..members.len() {
            self.ctx.check()?;
            ends.extend(self.end_of(at, last, column, range)?);
        }
        let times = ends.iter().map(|point| point.time);
        let Some(time) = (if last { times.max() } else { times.min() }) else {
            return Ok(Some(None));
        };
        let shard = shard_of(time, self.group.shard_ns);
        ends.retain(|point| shard_of(point.time, self.group.shard_ns) == shard);
        // The members of a descending plan are in reverse already.
        if last != self.options.descending {
            ends.reverse();
        }
        let tags = self.leading_tags();
        let texts: Vec<Vec<Arc<str>>> = ends
            .iter()
            .map(|point| tags.iter().map(|tag| self.tag_of(point, tag)).collect())
            .collect();
        let tie = |a: (usize, usize), b: (usize, usize)| match (texts.get(a.0), texts.get(b.0)) {
            (Some(a), Some(b)) => a.cmp(b),
            _ => Ordering::Equal,
        };
        let heads: Vec<i64> = ends.iter().map(|point| point.time).collect();
        let (one, two) = first_two(&heads, last, &tie);
        let mut chosen = None;
        for at in [one, two].into_iter().flatten() {
            if let Some(point) = ends.get(at) {
                choose(&mut chosen, point.clone(), function);
            }
        }
        Ok(Some(chosen))
    }

    /// The first or last point of one member.
    fn end_of(
        &self,
        at: usize,
        last: bool,
        column: &ColumnRef,
        range: TimeRange,
    ) -> Result<Option<Point>> {
        let Some(member) = self.group.members.get(at) else {
            return Ok(None);
        };
        let point = |time, value| Point {
            time,
            value,
            member: at,
            source_time: time,
        };
        if let Member::Stored(stored) = member
            && stored.filter.is_none()
        {
            let end = if last { End::Last } else { End::First };
            let found = stored.end(self.ctx, column, range, end)?;
            return Ok(found.map(|(time, value)| point(time, value)));
        }
        let points = member.points(self.ctx, column, range)?;
        let row = if last {
            points.len().saturating_sub(1)
        } else {
            0
        };
        let time = points.times.get(row);
        Ok(time.map(|time| point(*time, points.get(row))))
    }

    /// The tags that come before all other columns, by name: they order points of one time.
    fn leading_tags(&self) -> Vec<&ColumnRef> {
        let mut refs: Vec<&ColumnRef> = self.refs.iter().collect();
        refs.sort_by_key(|column| &column.name);
        refs.into_iter()
            .take_while(|column| column.data_type == DataType::Tag)
            .collect()
    }

    fn tag_of(&self, point: &Point, tag: &ColumnRef) -> Arc<str> {
        let member = self.group.members.get(point.member);
        member.map_or_else(|| "".into(), |member| member.tag(&tag.name))
    }
}
