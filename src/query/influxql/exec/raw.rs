//! SELECT of fields and tags: the rows of all members of a group, merged by time.

use super::super::error::Result;
use super::super::plan::{ColumnRef, Plan};
use super::super::value::{DataType, Value};
use super::RowSink;
use super::column::{Column, Walker};
use super::edge;
use super::group::Group;
use super::member::{Member, StoredMember, filter_columns, read_column};
use super::merge::{Place, merge};
use super::parallel::in_order;
use crate::engine::source::End;
use crate::model::TimeRange;
use crate::query::context::QueryContext;
use std::cmp::Ordering;

/// Below this many members threads cost more than they gain.
const PARALLEL_MEMBERS_MIN: usize = 8;
/// Rows held at once; a larger range is cut into slices of about so many.
const SLICE_ROWS: u64 = 100_000;
/// Where so many rows at most are wanted, the newest or oldest are looked at first.
const GUESSED_ROWS_MAX: u64 = 10_000;
/// Rows of several members together that the first guess has at least.
const TURNS_ROWS: u64 = 1000;
/// Slices that are guessed, and how much wider each is than the one before.
const GUESSES: u32 = 3;
const GUESS_GROWTH: i64 = 4;

pub fn run(ctx: &QueryContext, plan: &Plan, group: &Group, sink: &mut dyn RowSink) -> Result<()> {
    let options = &plan.options;
    let mut emitter = Emitter {
        plan,
        group,
        sink,
        started: false,
        slots: vec![Value::Null; plan.refs.len()],
        skip: options.limits.offset,
        left: if options.limits.limit == 0 {
            usize::MAX
        } else {
            options.limits.limit
        },
    };
    if let Some(block) = edge::row(ctx, plan, group)? {
        emitter.blocks(&[block])?;
        return Ok(());
    }
    let mut slices = Slices::new(ctx, plan, group)?;
    while let Some(slice) = slices.next()? {
        ctx.check()?;
        let mut blocks = Vec::with_capacity(group.members.len());
        let mut bytes = 0;
        let work = |at: usize| match group.members.get(at) {
            Some(member) => {
                let block = block_of(ctx, member, &plan.refs, slice)?;
                ctx.take_memory(block.bytes())?;
                Ok(block)
            }
            None => Ok(Block {
                times: Vec::new(),
                cells: Vec::new(),
            }),
        };
        let members = group.members.len();
        let mut take = |_, block: Block| {
            bytes += block.bytes();
            blocks.push(block);
            Ok(())
        };
        if members < PARALLEL_MEMBERS_MIN {
            (0..members).try_for_each(|at| take(at, work(at)?))?;
        } else {
            in_order(members, work, take)?;
        }
        let done = emitter.blocks(&blocks)?;
        ctx.give_memory(bytes);
        if done {
            break;
        }
    }
    Ok(())
}

/// The ranges in which a group is read, in the order of the answer: the first ones small where few rows are
/// wanted, the others of about as many rows as may be held.
struct Slices<'a> {
    ctx: &'a QueryContext,
    plan: &'a Plan,
    group: &'a Group,
    rest: TimeRange,
    /// Where the data is guessed to start and end.
    first: i64,
    last: i64,
    width: i64,
    /// Slices that are still made by guessing, each wider than the one before.
    guesses: u32,
    /// The rest is cut by what is known of all its points.
    measured: bool,
    descending: bool,
}

impl<'a> Slices<'a> {
    fn new(ctx: &'a QueryContext, plan: &'a Plan, group: &'a Group) -> Result<Self> {
        let options = &plan.options;
        let range = TimeRange::new(options.start, options.end.saturating_add(1));
        let mut slices = Self {
            ctx,
            plan,
            group,
            rest: range,
            first: range.start,
            last: range.stop,
            width: i64::MAX,
            guesses: 0,
            measured: false,
            descending: options.descending,
        };
        let derived = |member: &Member| matches!(member, Member::Derived(_));
        if group.members.iter().any(derived) {
            slices.measured = true;
            return Ok(slices);
        }
        let limits = options.limits;
        let wanted = limits.limit.saturating_add(limits.offset) as u64;
        if limits.limit > 0 && wanted <= GUESSED_ROWS_MAX {
            slices.guess(wanted)?;
        }
        Ok(slices)
    }

    /// Narrows the first slices to about `wanted` rows of each member.
    fn guess(&mut self, wanted: u64) -> Result<()> {
        let which = if self.descending {
            End::Last
        } else {
            End::First
        };
        let range = self.rest;
        let edge = self.group.edge(self.ctx, &self.plan.refs, range, which)?;
        let Some(edge) = edge else {
            return Ok(());
        };
        // Members that have points at one time take turns as they come together since the slice's start, so
        // that short data is better not cut.
        let members = self.group.members.len() as u64;
        let least = if members > 1 { TURNS_ROWS / members } else { 0 };
        let rows = wanted.saturating_add(2).max(least);
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        self.width = edge.spacing_ns.saturating_mul(rows);
        self.guesses = GUESSES;
        match which {
            End::Last => self.last = edge.time,
            End::First => self.first = edge.time,
        }
        Ok(())
    }

    /// Cuts what is left into slices of about as many rows as may be held.
    fn measure(&mut self) -> Result<()> {
        self.measured = true;
        self.width = i64::MAX;
        let range = self.rest;
        let extent = self.group.extent(self.ctx, &self.plan.refs, range)?;
        let Some(extent) = extent.filter(|extent| extent.count > SLICE_ROWS) else {
            return Ok(());
        };
        let span = extent.last.saturating_sub(extent.first).max(1);
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let share = SLICE_ROWS as f64 * 1.1 / extent.count.max(1) as f64;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "an estimate; out of range saturates"
        )]
        let width = (span as f64 * share) as i64;
        self.width = width.max(1);
        self.first = extent.first;
        self.last = extent.last;
        Ok(())
    }

    fn next(&mut self) -> Result<Option<TimeRange>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        if self.guesses == 0 && !self.measured {
            self.measure()?;
        }
        let slice = self.cut();
        if self.guesses > 0 {
            self.guesses -= 1;
            self.width = self.width.saturating_mul(GUESS_GROWTH);
        }
        Ok(Some(slice))
    }

    fn cut(&mut self) -> TimeRange {
        if self.descending {
            let from = self.rest.stop.min(self.last.saturating_add(1));
            let mut start = from.saturating_sub(self.width).max(self.rest.start);
            if start <= self.first {
                start = self.rest.start;
            }
            let slice = TimeRange::new(start, self.rest.stop);
            self.rest.stop = start;
            slice
        } else {
            let from = self.rest.start.max(self.first);
            let mut stop = from.saturating_add(self.width).min(self.rest.stop);
            if stop > self.last {
                stop = self.rest.stop;
            }
            let slice = TimeRange::new(self.rest.start, stop);
            self.rest.start = stop;
            slice
        }
    }
}

/// Rows of one member, times rising, one cell for each of the plan's columns.
pub(super) struct Block {
    pub times: Vec<i64>,
    pub cells: Vec<Cells>,
}

pub(super) enum Cells {
    Same(Value),
    /// Row i is value i.
    Full(Column),
    /// Row i is value `rows[i]`; `usize::MAX`: null.
    Sparse {
        column: Column,
        rows: Vec<usize>,
    },
    Loose(Vec<Value>),
}

impl Block {
    fn bytes(&self) -> usize {
        let cells: usize = self
            .cells
            .iter()
            .map(|cells| match cells {
                Cells::Same(_) => 0,
                Cells::Full(column) => column.bytes(),
                Cells::Sparse { column, rows } => column.bytes() + rows.len() * 8,
                Cells::Loose(values) => values.len() * size_of::<Value>(),
            })
            .sum();
        // Each row is also held once in the order of the output.
        cells + self.times.len() * 32
    }
}

impl Cells {
    fn get(&self, row: usize) -> Value {
        match self {
            Self::Same(value) => value.clone(),
            Self::Full(column) => column.get(row),
            Self::Sparse { column, rows } => match rows.get(row) {
                Some(at) => column.get(*at),
                None => Value::Null,
            },
            Self::Loose(values) => values.get(row).cloned().unwrap_or(Value::Null),
        }
    }
}

fn block_of(
    ctx: &QueryContext,
    member: &Member,
    refs: &[ColumnRef],
    range: TimeRange,
) -> Result<Block> {
    match member {
        Member::Stored(stored) => stored_block(ctx, member, stored, refs, range),
        Member::Derived(series) => {
            let rows: Vec<usize> = (0..series.times.len())
                .filter(|row| {
                    series
                        .times
                        .get(*row)
                        .is_some_and(|time| range.contains(*time))
                })
                .collect();
            let mut rows = rows;
            if series.times.first() > series.times.last() {
                rows.reverse();
            }
            let cells = refs.iter().map(|column| {
                let value = |row: &usize| {
                    let value = series.value(&column.name, *row);
                    if column.data_type.is_field() {
                        value.cast(column.data_type)
                    } else {
                        value
                    }
                };
                Cells::Loose(rows.iter().map(value).collect())
            });
            let cells = cells.collect();
            let times = rows
                .iter()
                .filter_map(|row| series.times.get(*row).copied())
                .collect();
            Ok(Block { times, cells })
        }
    }
}

fn stored_block(
    ctx: &QueryContext,
    member: &Member,
    stored: &StoredMember,
    refs: &[ColumnRef],
    range: TimeRange,
) -> Result<Block> {
    let mut range = range;
    let mut passing = None;
    if let Some(filter) = &stored.filter {
        let wanted = filter_columns(stored, ctx, filter, range)?;
        if !filter.passes_nulls() {
            let times = union_of_times(&wanted);
            let kept = filter.matching(&times, &wanted);
            let times: Vec<i64> = kept
                .iter()
                .filter_map(|at| times.get(*at).copied())
                .collect();
            let (Some(first), Some(last)) = (times.first(), times.last()) else {
                return Ok(Block {
                    times: Vec::new(),
                    cells: Vec::new(),
                });
            };
            // Only what lies between the first and the last match need be read of other columns.
            range = TimeRange::new(*first, last.saturating_add(1));
            passing = Some(times);
        } else {
            let columns = read_refs(ctx, stored, refs, range)?;
            let times = union_of_times(&columns);
            let kept = filter.matching(&times, &wanted);
            passing = Some(
                kept.iter()
                    .filter_map(|at| times.get(*at).copied())
                    .collect(),
            );
        }
    }
    let columns = read_refs(ctx, stored, refs, range)?;
    let mut times = union_of_times(&columns);
    if let Some(passing) = passing {
        let mut walk = passing.iter().peekable();
        times.retain(|time| {
            while walk.next_if(|have| *have < time).is_some() {}
            walk.peek() == Some(&time)
        });
    }
    let mut columns = columns.into_iter();
    let cells = refs
        .iter()
        .map(|column| match column.data_type {
            DataType::Tag => Cells::Same(member.tag_value(&column.name)),
            DataType::Unknown => Cells::Same(Value::Null),
            _ => columns
                .next()
                .map_or(Cells::Same(Value::Null), |read| cells_of(read, &times)),
        })
        .collect();
    Ok(Block { times, cells })
}

/// The field columns among `refs`, in order.
fn read_refs(
    ctx: &QueryContext,
    stored: &StoredMember,
    refs: &[ColumnRef],
    range: TimeRange,
) -> Result<Vec<Column>> {
    refs.iter()
        .filter(|column| column.data_type.is_field())
        .map(|column| read_column(stored, ctx, column, range))
        .collect()
}

fn cells_of(column: Column, times: &[i64]) -> Cells {
    if column.is_empty() {
        return Cells::Same(Value::Null);
    }
    if column.times == times {
        return Cells::Full(column);
    }
    let mut walker = Walker::new(&column);
    let rows = times
        .iter()
        .map(|time| walker.index_at(*time).unwrap_or(usize::MAX))
        .collect();
    Cells::Sparse { column, rows }
}

/// All times of all columns, rising, each once.
fn union_of_times(columns: &[Column]) -> Vec<i64> {
    let mut filled = columns.iter().filter(|column| !column.is_empty());
    let Some(first) = filled.next() else {
        return Vec::new();
    };
    if filled.clone().all(|column| column.times == first.times) {
        return first.times.clone();
    }
    let mut out: Vec<i64> = columns
        .iter()
        .flat_map(|column| column.times.iter().copied())
        .collect();
    out.sort_unstable();
    out.dedup();
    out
}

struct Emitter<'a> {
    plan: &'a Plan,
    group: &'a Group,
    sink: &'a mut dyn RowSink,
    started: bool,
    skip: usize,
    left: usize,
    /// The values of the row put out last.
    slots: Vec<Value>,
}

/// Orders rows at one time by their leading texts.
fn compare_texts(
    columns: &[usize],
    a: Option<&Block>,
    a_row: usize,
    b: Option<&Block>,
    b_row: usize,
) -> Ordering {
    let text = |block: Option<&Block>, column: usize, row| match block?.cells.get(column)?.get(row)
    {
        Value::String(text) => Some(text),
        _ => None,
    };
    for column in columns {
        match (text(a, *column, a_row), text(b, *column, b_row)) {
            (Some(a), Some(b)) if a == b => {}
            (Some(a), Some(b)) => return a.cmp(&b),
            _ => return Ordering::Equal,
        }
    }
    Ordering::Equal
}

impl Emitter<'_> {
    /// The columns, in order of their names, up to the first that holds no text.
    fn text_columns(&self) -> Vec<usize> {
        let refs = &self.plan.refs;
        let mut columns: Vec<usize> = (0..refs.len()).collect();
        columns.sort_by_key(|at| refs.get(*at).map(|column| &column.name));
        let text = |at: &usize| {
            refs.get(*at)
                .is_some_and(|column| matches!(column.data_type, DataType::Tag | DataType::String))
        };
        columns.into_iter().take_while(text).collect()
    }

    /// Puts out the rows of one slice; `true` once LIMIT is reached.
    fn blocks(&mut self, blocks: &[Block]) -> Result<bool> {
        let by_text = self.text_columns();
        let tie = |a: Place, b: Place| {
            compare_texts(&by_text, blocks.get(a.0), a.1, blocks.get(b.0), b.1)
        };
        let lists: Vec<&[i64]> = blocks.iter().map(|block| &*block.times).collect();
        let descending = self.plan.options.descending;
        let order = merge(&lists, descending, self.group.shard_ns, &tie);
        let mut values = vec![Value::Null; self.plan.columns.len()];
        for (member, row) in order {
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            if self.left == 0 {
                return Ok(true);
            }
            self.left -= 1;
            let Some(block) = blocks.get(member) else {
                continue;
            };
            let Some(time) = block.times.get(row).copied() else {
                continue;
            };
            let columns = self.plan.refs.iter().zip(&block.cells);
            for (slot, (column, cells)) in self.slots.iter_mut().zip(columns) {
                let before = std::mem::replace(slot, Value::Null);
                let options = &self.plan.options;
                *slot = options.or_default(cells.get(row), before, column.data_type);
            }
            for (value, column) in values.iter_mut().zip(&self.plan.columns) {
                *value = column.node.eval(&self.slots, true);
            }
            if !self.started {
                self.sink.series(&self.group.name, &self.group.tags)?;
                self.started = true;
            }
            self.sink.row(time, &values)?;
        }
        Ok(self.left == 0)
    }
}
