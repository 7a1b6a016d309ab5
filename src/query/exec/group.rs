//! Transformations that bring rows of several tables together.

use super::Tables;
use crate::query::context::{QueryContext, QueryError};
use crate::query::plan::Grouping;
use crate::query::table::{GroupKey, Kind, Table, Value};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// Collects tables by group key; they come out in its order. What a table holds is on the query's
/// memory account until the table is handed on.
struct Collector<'a> {
    ctx: &'a QueryContext,
    tables: BTreeMap<GroupKey, (Table, usize)>,
}

impl<'a> Collector<'a> {
    const fn new(ctx: &'a QueryContext) -> Self {
        Self {
            ctx,
            tables: BTreeMap::new(),
        }
    }

    fn add(&mut self, table: Table) -> Result<(), QueryError> {
        match self.tables.entry(table.key.clone()) {
            Entry::Vacant(place) => {
                let bytes = table.memory_bytes();
                self.ctx.take_memory(bytes)?;
                place.insert((table, bytes));
            }
            Entry::Occupied(mut place) => {
                let (have, booked) = place.get_mut();
                check_types(have, &table)?;
                have.append(&table);
                // Constants may have become cells, so the whole is measured again.
                let bytes = have.memory_bytes();
                self.ctx.take_memory(bytes.saturating_sub(*booked))?;
                *booked = bytes.max(*booked);
            }
        }
        Ok(())
    }

    fn finish(self) -> Tables<'a> {
        let ctx = self.ctx;
        Box::new(self.tables.into_values().map(move |(table, booked)| {
            ctx.give_memory(booked);
            Ok(table)
        }))
    }
}

/// A column has one type in a table.
fn check_types(a: &Table, b: &Table) -> Result<(), QueryError> {
    for column in &a.columns {
        if let Some(other) = b.column(&column.label)
            && other.cells.kind() != column.cells.kind()
        {
            return Err(wrong_types(
                &column.label,
                column.cells.kind(),
                other.cells.kind(),
            ));
        }
    }
    Ok(())
}

pub fn wrong_types(label: &str, have: Kind, other: Kind) -> QueryError {
    QueryError::Invalid(format!(
        "schema collision detected: column \"{label}\" is both of type {} and {}",
        other.name(),
        have.name()
    ))
}

/// Changes each table, then merges tables whose keys have become equal.
pub fn regroup<'a>(
    ctx: &'a QueryContext,
    input: Tables<'a>,
    mut change: impl FnMut(Table) -> Result<Vec<Table>, QueryError>,
) -> Result<Tables<'a>, QueryError> {
    let mut collector = Collector::new(ctx);
    for table in input {
        ctx.check()?;
        for changed in change(table?)? {
            collector.add(changed)?;
        }
    }
    Ok(collector.finish())
}

pub fn group<'a>(
    ctx: &'a QueryContext,
    input: Tables<'a>,
    by: &Grouping,
) -> Result<Tables<'a>, QueryError> {
    regroup(ctx, input, |table| Ok(divide(table, by)))
}

/// Divides a table by its new group key.
fn divide(table: Table, by: &Grouping) -> Vec<Table> {
    let labels: Vec<Arc<str>> = table
        .columns
        .iter()
        .map(|column| &column.label)
        .filter(|label| match by {
            Grouping::By(wanted) => wanted.iter().any(|have| **have == ***label),
            Grouping::Except(unwanted) => !unwanted.iter().any(|have| **have == ***label),
        })
        .cloned()
        .collect();
    divide_by(table, &labels)
}

/// Divides a table by the values of some of its columns, which become its group key.
pub fn divide_by(mut table: Table, labels: &[Arc<str>]) -> Vec<Table> {
    let key_of = |table: &Table, row: usize| -> GroupKey {
        let parts = labels.iter();
        GroupKey::new(
            parts
                .map(|label| (Arc::clone(label), table.value(label, row)))
                .collect(),
        )
    };
    // Columns of the old key are the same in all rows.
    let constant = labels.iter().all(|label| table.key.has(label));
    if constant || table.rows() == 0 {
        let parts = labels.iter().map(|label| {
            (
                Arc::clone(label),
                table.key.get(label).cloned().unwrap_or(Value::Null),
            )
        });
        table.key = GroupKey::new(parts.collect());
        return vec![table];
    }
    let mut rows: BTreeMap<GroupKey, Vec<usize>> = BTreeMap::new();
    for row in 0..table.rows() {
        rows.entry(key_of(&table, row)).or_default().push(row);
    }
    let tables = rows.into_iter();
    tables
        .map(|(key, rows)| Table {
            key,
            ..table.take(&rows)
        })
        .collect()
}
