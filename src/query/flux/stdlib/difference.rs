//! `experimental.diff`: what changed between two streams, table by table, in the way `diff` shows files.

use super::tables::whole;
use super::{Accepts, Builtin, Call, Need, Parameter};
use crate::query::context::{QueryContext, QueryError};
use crate::query::flux::error::Failure;
use crate::query::flux::eval::Evaluator;
use crate::query::flux::value::Value;
use crate::query::plan;
use crate::query::table::{Cells, Column, GroupKey, Kind, Table, Value as CellValue};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Pairs of rows that are compared; two tables with more are too long to be compared.
const PAIRS_MAX: usize = 16 << 20;

pub static DIFF: Builtin = Builtin {
    name: "diff",
    parameters: &[
        Parameter::required("want", Accepts::Stream),
        Parameter {
            name: "got",
            accepts: Accepts::Stream,
            need: Need::Pipe,
        },
    ],
    run: diff,
};

fn diff(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let inputs = vec![stream(call, "want")?, stream(call, "got")?];
    Ok(whole(call, inputs, |context, inputs| {
        let mut inputs = inputs.into_iter().map(by_key);
        let want = inputs.next().unwrap_or_default();
        let got = inputs.next().unwrap_or_default();
        let keys: BTreeSet<&GroupKey> = want.keys().chain(got.keys()).collect();
        let nothing = Table::default();
        let mut out = Vec::new();
        for key in keys {
            context.check()?;
            let (want, got) = (
                want.get(key).unwrap_or(&nothing),
                got.get(key).unwrap_or(&nothing),
            );
            out.extend(differences(context, want, got)?);
        }
        Ok(out)
    }))
}

fn stream(call: &Call, name: &str) -> Result<plan::Stream, Failure> {
    match call.value(name) {
        Some(Value::Stream(stream)) => stream.clone().bounded(),
        _ => Err(call.fault(format!("{name} is not a stream"))),
    }
}

fn by_key(tables: Vec<Table>) -> BTreeMap<GroupKey, Table> {
    let tables = tables.into_iter();
    tables.map(|table| (table.key.clone(), table)).collect()
}

/// Which table a row of the answer is of.
#[derive(Clone, Copy)]
enum Line {
    Both(usize),
    Want(usize),
    Got(usize),
}

/// `None` when the tables are equal.
fn differences(
    context: &QueryContext,
    want: &Table,
    got: &Table,
) -> Result<Option<Table>, QueryError> {
    let lines = lines(context, want, got)?;
    if lines.iter().all(|line| matches!(line, Line::Both(_))) {
        return Ok(None);
    }
    let mut columns = Vec::new();
    let labels = want.columns.iter().chain(&got.columns);
    for column in labels {
        if columns
            .iter()
            .any(|have: &Column| have.label == column.label)
        {
            continue;
        }
        let mut cells = Cells::new(column.cells.kind());
        for line in &lines {
            let (table, row) = match line {
                Line::Both(row) | Line::Want(row) => (want, *row),
                Line::Got(row) => (got, *row),
            };
            let column = table.column(&column.label);
            cells.push(column.map_or(CellValue::Null, |column| column.cells.get(row)));
        }
        columns.push(Column::new(Arc::clone(&column.label), cells));
    }
    let mut signs = Cells::new(Kind::String);
    for line in &lines {
        signs.push(CellValue::string(match line {
            Line::Both(_) => "",
            Line::Want(_) => "-",
            Line::Got(_) => "+",
        }));
    }
    columns.push(Column::new("_diff", signs));
    let of_rows = if want.columns.is_empty() { got } else { want };
    let key = of_rows.key.clone();
    Ok(Some(Table { key, columns }))
}

/// The longest common subsequence of rows, with what lies between: what is missing before what is new.
fn lines(context: &QueryContext, want: &Table, got: &Table) -> Result<Vec<Line>, QueryError> {
    let (a, b) = (rows(want), rows(got));
    let (n, m) = (a.len(), b.len());
    if n.saturating_mul(m) > PAIRS_MAX {
        return Err(QueryError::Invalid(format!(
            "diff: tables of {n} and {m} rows are too long to be compared"
        )));
    }
    // lengths[i * (m + 1) + j]: of the rows from i and from j on.
    let width = m + 1;
    let mut lengths = vec![0_u32; (n + 1) * width];
    let at = |lengths: &[u32], i: usize, j: usize| lengths.get(i * width + j).copied().unwrap_or(0);
    for i in (0..n).rev() {
        context.check()?;
        for j in (0..m).rev() {
            let length = if a.get(i) == b.get(j) {
                at(&lengths, i + 1, j + 1) + 1
            } else {
                at(&lengths, i + 1, j).max(at(&lengths, i, j + 1))
            };
            if let Some(slot) = lengths.get_mut(i * width + j) {
                *slot = length;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::with_capacity(n + m);
    while i < n || j < m {
        if i < n && j < m && a.get(i) == b.get(j) {
            lines.push(Line::Both(i));
            (i, j) = (i + 1, j + 1);
        } else if i < n && (j == m || at(&lengths, i + 1, j) >= at(&lengths, i, j + 1)) {
            lines.push(Line::Want(i));
            i += 1;
        } else {
            lines.push(Line::Got(j));
            j += 1;
        }
    }
    Ok(lines)
}

/// Rows as comparable texts, columns in the order of their labels.
fn rows(table: &Table) -> Vec<String> {
    let mut columns: Vec<&Column> = table.columns.iter().collect();
    columns.sort_by(|a, b| a.label.cmp(&b.label));
    let row = |row: usize| {
        let cells = columns
            .iter()
            .map(|column| format!("{:?}={:?};", column.label, column.cells.get(row)));
        cells.collect()
    };
    (0..table.rows()).map(row).collect()
}
