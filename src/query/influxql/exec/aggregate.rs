//! SELECT of functions: every call of a group becomes rows, then rows of one time are joined.

use super::super::ast::Fill;
use super::super::error::Result;
use super::super::functions::Function;
use super::super::plan::{Argument, CallPlan, ColumnRef, Options, Plan};
use super::super::value::{DataType, Value};
use super::super::window::Interval;
use super::RowSink;
use super::accumulate::Accumulator;
use super::fill::fill;
use super::group::Group;
use super::member::Member;
use super::points::{Point, gather, release};
use super::ranking::{best_of_each, rank};
use super::reduce::{integral, reduce};
use super::transform::{Units, transform};
use crate::engine::source::FieldInfo;
use crate::model::{TIME_MIN, TimeRange};
use crate::query::context::QueryContext;
use std::collections::BTreeMap;

/// Most windows that are asked for as block statistics at once; more are made from points.
const WINDOWS_MAX: usize = 1 << 17;

pub fn run(ctx: &QueryContext, plan: &Plan, group: &Group, sink: &mut dyn RowSink) -> Result<()> {
    let limits = plan.options.limits;
    let most = if limits.limit == 0 {
        usize::MAX
    } else {
        limits.limit
    };
    let wanted = most.saturating_add(limits.offset);
    let mut calls = Vec::new();
    for call in &plan.calls {
        let runner = Runner {
            ctx,
            group,
            options: plan.options,
            selector: plan.is_selector(),
            refs: &plan.refs,
            exact_times: !plan.refs.is_empty() || plan.options.interval.is_none(),
        };
        let rows = runner.rows(call, wanted)?;
        let rows: Vec<Point> = rows.into_iter().skip(limits.offset).take(most).collect();
        calls.push(rows);
    }
    join(ctx, plan, group, &calls, sink)
}

/// Puts the rows of all calls side by side.
fn join(
    ctx: &QueryContext,
    plan: &Plan,
    group: &Group,
    calls: &[Vec<Point>],
    sink: &mut dyn RowSink,
) -> Result<()> {
    let default = plan.options.default_value();
    let descending = plan.options.descending;
    let mut at = vec![0_usize; calls.len()];
    let mut slots = vec![Value::Null; calls.len() + plan.refs.len()];
    let mut values = vec![Value::Null; plan.columns.len()];
    let mut started = false;
    let mut rows = 0_usize;
    loop {
        let heads = calls
            .iter()
            .zip(&at)
            .filter_map(|(rows, at)| rows.get(*at))
            .map(|p| p.time);
        let Some(time) = (if descending { heads.max() } else { heads.min() }) else {
            break;
        };
        let mut chosen = None;
        for (((rows, at), slot), call) in calls.iter().zip(&mut at).zip(&mut slots).zip(&plan.calls)
        {
            match rows.get(*at).filter(|point| point.time == time) {
                Some(point) => {
                    *slot = point.value.clone();
                    chosen = Some(point);
                    *at += 1;
                }
                None => {
                    if let Some(default) = &default {
                        *slot = match call.result_type {
                            kind if kind.is_numeric() => default.clone().cast(kind),
                            _ => default.clone(),
                        };
                    }
                }
            }
        }
        for (slot, column) in slots.iter_mut().skip(calls.len()).zip(&plan.refs) {
            let found =
                match chosen.and_then(|point| Some((point, group.members.get(point.member)?))) {
                    Some((point, member)) => member.value_at(ctx, column, point.source_time)?,
                    None => Value::Null,
                };
            let before = std::mem::replace(slot, Value::Null);
            *slot = plan.options.or_default(found, before, column.data_type);
        }
        for (value, column) in values.iter_mut().zip(&plan.columns) {
            *value = match column.node.eval(&slots, true) {
                Value::Float(number) if number.is_nan() => Value::Null,
                value => value,
            };
        }
        if !started {
            sink.series(&group.name, &group.tags)?;
            started = true;
        }
        sink.row(time, &values)?;
        rows += 1;
        if rows.is_multiple_of(4096) {
            ctx.check()?;
        }
    }
    Ok(())
}

/// Makes the rows of one call for one group.
pub struct Runner<'a> {
    pub ctx: &'a QueryContext,
    pub group: &'a Group,
    pub options: Options,
    /// The statement's only call is a selector.
    pub selector: bool,
    /// Times or other values of chosen points are shown.
    exact_times: bool,
    /// The other columns.
    pub refs: &'a [ColumnRef],
}

impl Runner<'_> {
    const fn range(&self) -> TimeRange {
        TimeRange::new(self.options.start, self.options.end.saturating_add(1))
    }

    /// At least the first `wanted` rows in the order of the answer, if there are so many.
    fn rows(&self, call: &CallPlan, wanted: usize) -> Result<Vec<Point>> {
        let function = &call.function;
        if function.is_transform() {
            return self.transform(call);
        }
        let mut rows = match &call.argument {
            Argument::Call(inner) => self.of_call(call, inner)?,
            Argument::Column(column) if !column.data_type.is_field() => Vec::new(),
            Argument::Column(column) if function.is_simple() => {
                self.simple(function, column, wanted)?
            }
            Argument::Column(column) => self.windows(call, column)?,
        };
        if self.options.descending {
            rows.reverse();
        }
        let keeps_times = matches!(
            function,
            Function::Top(_) | Function::Bottom(_) | Function::Sample(_)
        );
        if keeps_times {
            return Ok(rows);
        }
        if let Some(interval) = &self.options.interval {
            for row in &mut rows {
                row.time = interval.window(row.time).0;
            }
            if matches!(function, Function::Distinct | Function::Integral { .. }) {
                return Ok(rows);
            }
            let result_type = call.result_type;
            return fill(
                self.ctx,
                &self.options,
                interval,
                function,
                result_type,
                rows,
                wanted,
            );
        }
        if !self.selector {
            let start = if self.options.start == TIME_MIN
                || (matches!(function, Function::Integral { .. })
                    && call.input_type() == DataType::Float)
            {
                0
            } else {
                self.options.start
            };
            for row in &mut rows {
                row.time = start;
            }
        }
        Ok(rows)
    }

    /// count(distinct()): a function on another's results.
    fn of_call(&self, call: &CallPlan, inner: &CallPlan) -> Result<Vec<Point>> {
        let mut points = self.rows(inner, usize::MAX)?;
        if self.options.descending {
            points.reverse();
        }
        let mut windows: BTreeMap<i64, Accumulator> = BTreeMap::new();
        for point in points {
            let key = self.window_start(point.time);
            windows.entry(key).or_default().add(&call.function, point);
        }
        Ok(finish(&call.function, windows))
    }

    fn window_start(&self, time: i64) -> i64 {
        self.options
            .interval
            .map_or(self.options.start, |interval| interval.window(time).0)
    }

    /// The functions that block statistics can answer; rows with times rising.
    fn simple(&self, function: &Function, column: &ColumnRef, wanted: usize) -> Result<Vec<Point>> {
        if let Some(newest) = self.newest(wanted) {
            let rows = self.simple_in(function, column, newest)?;
            // Windows without rows are filled only if there is older data.
            if rows.first().is_some_and(|row| row.time <= newest.start) {
                return Ok(rows);
            }
        }
        self.simple_in(function, column, self.range())
    }

    fn simple_in(
        &self,
        function: &Function,
        column: &ColumnRef,
        range: TimeRange,
    ) -> Result<Vec<Point>> {
        let mut windows: BTreeMap<i64, Accumulator> = BTreeMap::new();
        if self.options.interval.is_none()
            && matches!(function, Function::First | Function::Last)
            && let Some(row) = self.end(function, column, range)?
        {
            return Ok(row.into_iter().collect());
        }
        let mut shared = None;
        for (at, member) in self.group.members.iter().enumerate() {
            self.ctx.check()?;
            match statistics_field(function, column, member) {
                Some(field) => {
                    let bounds = match &shared {
                        Some(bounds) => Some(std::borrow::Cow::Borrowed(bounds)),
                        None => self
                            .bounds(member, column, range)?
                            .map(std::borrow::Cow::Owned),
                    };
                    let Some(bounds) = bounds else {
                        self.add_points(&mut windows, function, column, range, at, member)?;
                        continue;
                    };
                    self.add_stats(&mut windows, function, column, at, member, field, &bounds)?;
                    if let std::borrow::Cow::Owned(bounds) = bounds
                        && bounds.complete
                    {
                        shared = Some(bounds);
                    }
                }
                None => self.add_points(&mut windows, function, column, range, at, member)?,
            }
        }
        let mut rows = finish(function, windows);
        if self.options.interval.is_none() && !self.selector {
            rows.iter_mut()
                .for_each(|row| row.time = self.options.start);
        }
        Ok(rows)
    }

    /// The newest windows that make `wanted` rows, where that can be told without reading: every window
    /// makes a row down to the one where the data begins.
    fn newest(&self, wanted: usize) -> Option<TimeRange> {
        const NEWEST_MAX: usize = 1000;
        let interval = self.options.interval.as_ref()?;
        let dense = matches!(self.options.fill, Fill::Null | Fill::Number(_));
        if !dense || !self.options.descending || wanted > NEWEST_MAX {
            return None;
        }
        let range = self.range();
        let mut start = interval.window(self.options.end).0;
        for _ in 1..wanted {
            start = interval.previous(start);
        }
        (start > range.start).then(|| TimeRange::new(start, range.stop))
    }

    /// The windows of a member as bounds; none if there are too many.
    fn bounds(
        &self,
        member: &Member,
        column: &ColumnRef,
        range: TimeRange,
    ) -> Result<Option<Bounds>> {
        let Some(interval) = &self.options.interval else {
            let list = vec![range.start, range.stop];
            return Ok(Some(Bounds {
                starts: vec![self.options.start],
                list,
                complete: true,
            }));
        };
        let last = range.stop.saturating_sub(1);
        if range.start > TIME_MIN
            && let Some(starts) = interval.starts(range.start, last, WINDOWS_MAX)
        {
            return Ok(Some(Bounds::new(starts, range, interval, true)));
        }
        // An open range: only where the member has data.
        let Some(extent) = member.extent(self.ctx, &column.name, range)? else {
            return Ok(Some(Bounds {
                starts: Vec::new(),
                list: Vec::new(),
                complete: false,
            }));
        };
        Ok(interval
            .starts(extent.first, extent.last, WINDOWS_MAX)
            .map(|starts| Bounds::new(starts, range, interval, false)))
    }

    #[expect(clippy::too_many_arguments, reason = "one step of a loop")]
    fn add_stats(
        &self,
        windows: &mut BTreeMap<i64, Accumulator>,
        function: &Function,
        column: &ColumnRef,
        at: usize,
        member: &Member,
        field: &FieldInfo,
        bounds: &Bounds,
    ) -> Result<()> {
        let Member::Stored(stored) = member else {
            return Ok(());
        };
        if bounds.starts.is_empty() {
            return Ok(());
        }
        let extreme_times = self.selector && self.exact_times && function.is_selector();
        for stats in stored.stats(self.ctx, field, &bounds.list, extreme_times)? {
            let Some(start) = bounds.starts.get(stats.window) else {
                continue;
            };
            windows
                .entry(*start)
                .or_default()
                .add_stats(function, &stats, column.data_type, at);
        }
        Ok(())
    }

    fn add_points(
        &self,
        windows: &mut BTreeMap<i64, Accumulator>,
        function: &Function,
        column: &ColumnRef,
        range: TimeRange,
        at: usize,
        member: &Member,
    ) -> Result<()> {
        let points = member.points(self.ctx, column, range)?;
        let mut window: Option<(i64, i64)> = None;
        let mut current = Accumulator::default();
        for (index, time) in points.times.iter().enumerate() {
            let (start, end) = match (window, &self.options.interval) {
                (Some(window), _) if *time < window.1 => window,
                (_, Some(interval)) => interval.window(*time),
                (_, None) => (self.options.start, i64::MAX),
            };
            if window.is_some_and(|(have, _)| have != start)
                && let Some((have, _)) = window
            {
                windows.insert(have, std::mem::take(&mut current));
            }
            if window.is_none_or(|(have, _)| have != start) {
                current = windows.remove(&start).unwrap_or_default();
                window = Some((start, end));
            }
            let value = points.get(index);
            current.add(
                function,
                Point {
                    time: *time,
                    value,
                    member: at,
                    source_time: *time,
                },
            );
        }
        if let Some((start, _)) = window {
            windows.insert(start, current);
        }
        Ok(())
    }

    /// The functions that need all points of a window; rows with times rising.
    fn windows(&self, call: &CallPlan, column: &ColumnRef) -> Result<Vec<Point>> {
        let points = gather(self.ctx, self.group, column, self.range(), false)?;
        let mut out = Vec::new();
        if let Function::Integral { unit } = &call.function {
            let interval = self.options.interval.as_ref();
            out = integral(&points, *unit, interval, self.options.start);
            release(self.ctx, points.len());
            return Ok(out);
        }
        let mut from = 0;
        while let Some(first) = points.get(from) {
            self.ctx.check()?;
            let (start, end) = match &self.options.interval {
                Some(interval) => interval.window(first.time),
                None => (self.options.start, i64::MAX),
            };
            let rest = points.get(from..).unwrap_or_default();
            let count = rest.partition_point(|point| point.time < end);
            let inside = rest.get(..count).unwrap_or_default();
            match &call.function {
                Function::Top(n) | Function::Bottom(n) => {
                    out.extend(self.ranked(call, inside, *n));
                }
                Function::Percentile(_) if self.options.descending => {
                    // Of equal values the newest is taken then.
                    let newest_first: Vec<Point> = inside.iter().rev().cloned().collect();
                    out.extend(reduce(&call.function, &newest_first, start));
                }
                Function::Distinct if self.options.descending => {
                    let newest_first: Vec<Point> = inside.iter().rev().cloned().collect();
                    let mut found = reduce(&call.function, &newest_first, start);
                    // InfluxDB has them by rising time even then; all rows are turned round below.
                    found.sort_by(|a, b| b.time.cmp(&a.time).then(b.value.compare(&a.value)));
                    out.extend(found);
                }
                function => out.extend(reduce(function, inside, start)),
            }
            from += count.max(1);
        }
        release(self.ctx, points.len());
        Ok(out)
    }

    fn ranked(&self, call: &CallPlan, points: &[Point], count: usize) -> Vec<Point> {
        if call.by.is_empty() {
            return rank(&call.function, points, count);
        }
        let key = |point: &Point| {
            let member = self.group.members.get(point.member);
            call.by
                .iter()
                .map(|column| member.map_or_else(|| "".into(), |member| member.tag(&column.name)))
                .collect()
        };
        rank(
            &call.function,
            &best_of_each(&call.function, points, &key),
            count,
        )
    }

    /// derivative() and its like; rows in the order of the answer.
    fn transform(&self, call: &CallPlan) -> Result<Vec<Point>> {
        let mut options = self.options;
        // One more window before the range, so that its first row has something to compare with.
        if let (Some(interval), true) = (&options.interval, call.looks_back()) {
            options.widen(interval.every);
        }
        let points = match &call.argument {
            Argument::Call(inner) => {
                let runner = Runner { options, ..*self };
                runner.rows(inner, usize::MAX)?
            }
            Argument::Column(column) if !column.data_type.is_field() => Vec::new(),
            Argument::Column(column) => gather(
                self.ctx,
                self.group,
                column,
                self.range(),
                options.descending,
            )?,
        };
        let units = Units {
            derivative: self
                .options
                .interval
                .map_or(1_000_000_000, |interval: Interval| interval.every),
            elapsed: 1,
            descending: options.descending,
        };
        Ok(transform(&call.function, &points, units))
    }
}

/// Windows as the engine wants them.
#[derive(Clone)]
struct Bounds {
    /// Where each window starts, also if the range cuts it.
    starts: Vec<i64>,
    /// The borders, cut by the range: one more than `starts`.
    list: Vec<i64>,
    /// Whether they hold for every member.
    complete: bool,
}

impl Bounds {
    fn new(starts: Vec<i64>, range: TimeRange, interval: &Interval, complete: bool) -> Self {
        let mut list: Vec<i64> = starts
            .iter()
            .map(|start| (*start).max(range.start))
            .collect();
        if let Some(last) = starts.last() {
            list.push(interval.next(*last).min(range.stop));
        }
        Self {
            starts,
            list,
            complete,
        }
    }
}

/// The member's field, if its statistics answer the function.
pub fn statistics_field<'a>(
    function: &Function,
    column: &ColumnRef,
    member: &'a Member,
) -> Option<&'a FieldInfo> {
    let Member::Stored(stored) = member else {
        return None;
    };
    if stored.filter.is_some() {
        return None;
    }
    let field = stored.field(&column.name)?;
    let stored_type = DataType::from(field.field_type);
    let answered = match function {
        Function::Count => stored_type == column.data_type || stored_type.is_numeric(),
        _ => stored_type.is_numeric() && column.data_type.is_numeric(),
    };
    answered.then_some(field)
}

fn finish(function: &Function, windows: BTreeMap<i64, Accumulator>) -> Vec<Point> {
    windows
        .into_iter()
        .filter_map(|(start, window)| window.finish(function, start))
        .collect()
}
