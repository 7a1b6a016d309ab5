//! `group` and then a selector or an aggregate: each group is folded while its tables come, none is kept.
//!
//! What comes out is what the two would make one after the other: a group has the columns of all its
//! tables, nulls where a row's own table lacks one.

use super::Tables;
use super::aggregate;
use super::frame::TIME;
use super::group::wrong_types;
use crate::query::context::{QueryContext, QueryError};
use crate::query::plan::{Aggregate, Grouping, Selector, WindowFunction};
use crate::query::table::{Cells, Column, GroupKey, Kind, Table, Value};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// About what a group holds.
const GROUP_BYTES: usize = 512;

/// What is asked of each group.
#[derive(Clone, Copy)]
pub struct Fold<'a> {
    pub by: &'a Grouping,
    pub function: WindowFunction,
    pub column: &'a str,
}

/// Columns of a group, in order of appearance.
type Layout = Arc<[(Arc<str>, Kind)]>;

/// A row: what its table has in all rows, and what it has of its own.
struct Row {
    layout: Layout,
    /// By place in the layout; null where rows differ.
    shared: Arc<Vec<Value>>,
    own: Vec<(usize, Value)>,
}

impl Row {
    fn values(self) -> Vec<Value> {
        let mut values = self.shared.to_vec();
        for (at, value) in self.own {
            if let Some(place) = values.get_mut(at) {
                *place = value;
            }
        }
        values
    }

    /// The cells of the row for a layout that has at least its columns.
    fn spread(self, layout: &Layout) -> Vec<Value> {
        let own = Arc::clone(&self.layout);
        let values = self.values();
        if Arc::ptr_eq(&own, layout) {
            return values;
        }
        let mut by_label: HashMap<Arc<str>, Value> = own
            .iter()
            .map(|(label, _)| Arc::clone(label))
            .zip(values)
            .collect();
        let labels = layout.iter();
        labels
            .map(|(label, _)| by_label.remove(label).unwrap_or(Value::Null))
            .collect()
    }
}

struct Group {
    layout: Layout,
    /// Of the value that decides.
    best: Value,
    row: Option<Row>,
    total: Value,
    sum: f64,
    /// Of rows, and of those that are not null.
    rows: u64,
    present: u64,
}

/// Groups that differ in nothing but their time, where that is a part of the key.
type Times = BTreeMap<Option<Option<i64>>, Group>;

struct Folder<'a> {
    ctx: &'a QueryContext,
    fold: Fold<'a>,
    groups: BTreeMap<GroupKey, Times>,
    booked: usize,
    layouts: Vec<Layout>,
}

pub fn fold<'a>(
    ctx: &'a QueryContext,
    input: Tables<'a>,
    fold: Fold<'a>,
) -> Result<Tables<'a>, QueryError> {
    let mut folder = Folder {
        ctx,
        fold,
        groups: BTreeMap::new(),
        booked: 0,
        layouts: Vec::new(),
    };
    for table in input {
        ctx.check()?;
        folder.add(&table?)?;
    }
    folder.finish()
}

impl<'a> Folder<'a> {
    /// The table's layout; the same one for the same columns.
    fn layout(&mut self, table: &Table) -> Layout {
        let same = |layout: &&Layout| {
            layout.len() == table.columns.len()
                && layout
                    .iter()
                    .zip(&table.columns)
                    .all(|((label, kind), column)| {
                        *kind == column.cells.kind()
                            && (Arc::ptr_eq(label, &column.label) || *label == column.label)
                    })
        };
        if let Some(layout) = self.layouts.iter().find(same) {
            return Arc::clone(layout);
        }
        let columns = table.columns.iter();
        let layout: Layout = columns
            .map(|column| (Arc::clone(&column.label), column.cells.kind()))
            .collect();
        const REMEMBERED: usize = 16;
        if self.layouts.len() < REMEMBERED {
            self.layouts.push(Arc::clone(&layout));
        }
        layout
    }

    fn add(&mut self, table: &Table) -> Result<(), QueryError> {
        let labels: Vec<&Column> = table
            .columns
            .iter()
            .filter(|column| match self.fold.by {
                Grouping::By(wanted) => wanted.iter().any(|have| **have == *column.label),
                Grouping::Except(unwanted) => !unwanted.iter().any(|have| **have == *column.label),
            })
            .collect();
        let is_time = |column: &&Column| column.label == *TIME && column.cells.kind() == Kind::Time;
        let time = labels.iter().copied().find(is_time);
        let rest: Vec<&Column> = labels
            .into_iter()
            .filter(|column| !is_time(column))
            .collect();
        let constant = rest.iter().all(|column| {
            matches!(column.cells, Cells::Constant(..)) || table.key.has(&column.label)
        });
        let key_of = |row: usize| {
            let parts = rest.iter().map(|column| {
                let value = match table.key.get(&column.label) {
                    Some(value) => value.clone(),
                    None => column.cells.get(row),
                };
                (Arc::clone(&column.label), value)
            });
            GroupKey::new(parts.collect())
        };
        let layout = self.layout(table);
        let shared = table.columns.iter().map(|column| match &column.cells {
            Cells::Constant(value, ..) => value.clone(),
            _ => Value::Null,
        });
        let added = Added {
            table,
            layout,
            shared: Arc::new(shared.collect()),
            value: table.column(self.fold.column).map(|column| &column.cells),
        };
        let stamp_of = |row: usize| {
            time.map(|time| match table.key.get(&time.label) {
                Some(Value::Time(time)) => Some(*time),
                Some(_) => None,
                None => match time.cells.get(row) {
                    Value::Time(time) => Some(time),
                    _ => None,
                },
            })
        };
        let mut booking = Booking {
            ctx: self.ctx,
            booked: &mut self.booked,
        };
        if table.rows() == 0 {
            // It still says which columns its group has.
            let times = self.groups.entry(key_of(0)).or_default();
            booking.group(times, stamp_of(0), &added)?;
            return Ok(());
        }
        let function = self.fold.function;
        let mut times = self.groups.entry(key_of(0)).or_default();
        for row in 0..table.rows() {
            if row % 4096 == 4095 {
                self.ctx.check()?;
            }
            if !constant && row > 0 {
                times = self.groups.entry(key_of(row)).or_default();
            }
            let group = booking.group(times, stamp_of(row), &added)?;
            group.add(function, &added, row)?;
        }
        Ok(())
    }

    fn finish(self) -> Result<Tables<'a>, QueryError> {
        let fold = self.fold;
        let mut out: Vec<(GroupKey, Group)> = self
            .groups
            .into_iter()
            .flat_map(|(key, times)| {
                times
                    .into_iter()
                    .map(move |(time, group)| (key.clone(), time, group))
            })
            .map(|(key, time, group)| {
                let key = match time {
                    None => key,
                    Some(time) => key.with("_time", time.map_or(Value::Null, Value::Time)),
                };
                (key, group)
            })
            .collect();
        if !out.is_sorted_by(|a, b| a.0 <= b.0) {
            out.sort_by(|a, b| a.0.cmp(&b.0));
        }
        self.ctx.give_memory(self.booked);
        let tables = out
            .into_iter()
            .filter_map(move |(key, group)| group.table(key, fold).transpose());
        Ok(Box::new(tables))
    }
}

struct Booking<'a> {
    ctx: &'a QueryContext,
    booked: &'a mut usize,
}

impl Booking<'_> {
    /// The group of a time, with the columns of the table.
    fn group<'g>(
        &mut self,
        times: &'g mut Times,
        time: Option<Option<i64>>,
        table: &Added<'_>,
    ) -> Result<&'g mut Group, QueryError> {
        match times.entry(time) {
            Entry::Occupied(place) => {
                let group = place.into_mut();
                if !Arc::ptr_eq(&group.layout, &table.layout) {
                    group.layout = merged(&group.layout, &table.layout)?;
                }
                Ok(group)
            }
            Entry::Vacant(place) => {
                self.ctx.take_memory(GROUP_BYTES)?;
                *self.booked += GROUP_BYTES;
                Ok(place.insert(Group {
                    layout: Arc::clone(&table.layout),
                    best: Value::Null,
                    row: None,
                    total: Value::Null,
                    sum: 0.0,
                    rows: 0,
                    present: 0,
                }))
            }
        }
    }
}

/// A table that is being added.
struct Added<'a> {
    table: &'a Table,
    layout: Layout,
    shared: Arc<Vec<Value>>,
    /// The column that decides.
    value: Option<&'a Cells>,
}

impl Added<'_> {
    fn row(&self, row: usize) -> Row {
        let columns = self.table.columns.iter().enumerate();
        let own = columns.filter_map(|(at, column)| {
            let constant = matches!(column.cells, Cells::Constant(..));
            (!constant).then(|| (at, column.cells.get(row)))
        });
        Row {
            layout: Arc::clone(&self.layout),
            shared: Arc::clone(&self.shared),
            own: own.collect(),
        }
    }
}

/// The columns of both; a column has one type in a group.
fn merged(a: &Layout, b: &Layout) -> Result<Layout, QueryError> {
    let mut all = a.to_vec();
    for (label, kind) in b.iter() {
        match a.iter().find(|(have, _)| have == label) {
            None => all.push((Arc::clone(label), *kind)),
            Some((_, have)) if have != kind => return Err(wrong_types(label, *have, *kind)),
            Some(_) => {}
        }
    }
    Ok(match all.len() == a.len() {
        true => Arc::clone(a),
        false => all.into(),
    })
}

impl Group {
    fn add(
        &mut self,
        function: WindowFunction,
        table: &Added<'_>,
        row: usize,
    ) -> Result<(), QueryError> {
        self.rows += 1;
        let value = table.value.map_or(Value::Null, |cells| cells.get(row));
        if value == Value::Null {
            return Ok(());
        }
        self.present += 1;
        match function {
            WindowFunction::Aggregate(Aggregate::Count) => {}
            WindowFunction::Aggregate(Aggregate::Sum) => {
                let total = std::mem::replace(&mut self.total, Value::Null);
                self.total = aggregate::plus(total, value)?;
            }
            WindowFunction::Aggregate(Aggregate::Mean) => {
                self.sum += aggregate::number(&value)?;
            }
            WindowFunction::Select(function) => {
                let better = self.present == 1
                    || match function {
                        Selector::First => false,
                        Selector::Last => true,
                        Selector::Min => value.total_cmp(&self.best).is_lt(),
                        Selector::Max => value.total_cmp(&self.best).is_gt(),
                    };
                if better {
                    self.best = value;
                    self.row = Some(table.row(row));
                }
            }
        }
        Ok(())
    }

    fn kind(&self, label: &str) -> Option<Kind> {
        let mut columns = self.layout.iter();
        columns
            .find(|(have, _)| **have == *label)
            .map(|(_, kind)| *kind)
    }

    fn table(self, key: GroupKey, fold: Fold<'_>) -> Result<Option<Table>, QueryError> {
        let kind = self.kind(fold.column);
        match fold.function {
            WindowFunction::Select(function) => {
                let kind = kind.ok_or_else(|| aggregate::missing("selector", fold.column))?;
                aggregate::check_selector(function, kind)?;
                Ok(self.row.map(|row| {
                    let cells = row.spread(&self.layout);
                    let columns = self.layout.iter().zip(cells);
                    let columns = columns.map(|((label, kind), value)| {
                        Column::new(Arc::clone(label), Cells::Constant(value, *kind, 1))
                    });
                    Table {
                        columns: columns.collect(),
                        key,
                    }
                }))
            }
            WindowFunction::Aggregate(function) => {
                let kind = kind.ok_or_else(|| aggregate::missing("aggregate", fold.column))?;
                self.aggregated(key, function, kind, fold.column).map(Some)
            }
        }
    }

    fn aggregated(
        self,
        key: GroupKey,
        function: Aggregate,
        kind: Kind,
        column: &str,
    ) -> Result<Table, QueryError> {
        let (value, kind) = match function {
            Aggregate::Count => {
                let count = i64::try_from(self.rows).unwrap_or(i64::MAX);
                (Value::Integer(count), Kind::Integer)
            }
            Aggregate::Sum => (self.total, kind),
            Aggregate::Mean if self.present == 0 => (Value::Null, Kind::Float),
            Aggregate::Mean => (Value::Float(self.sum / self.present as f64), Kind::Float),
        };
        let labels = self.layout.iter().filter(|(label, _)| **label != *column);
        let mut columns: Vec<Column> = labels
            .filter_map(|(label, kind)| {
                let cells = Cells::Constant(key.get(label)?.clone(), *kind, 1);
                Some(Column::new(Arc::clone(label), cells))
            })
            .collect();
        columns.push(Column::new(column, Cells::Constant(value, kind, 1)));
        Ok(Table {
            key: key.without(|label| label == column),
            columns,
        })
    }
}
