//! Predicates that compare columns with literals, column by column.

use crate::query::expr::{BinaryOp, Expr};
use crate::query::table::{Cells, Kind, Table, Value};
use std::cmp::Ordering;

/// Which rows pass. `None` when the predicate is more than comparisons, or types don't fit: then it is to
/// be evaluated row by row, which also finds the fault. Null is taken for false, which is the same where
/// nothing is negated.
pub fn passing(predicate: &Expr, table: &Table) -> Option<Vec<bool>> {
    match predicate {
        Expr::Binary(BinaryOp::And, left, right) => {
            let mut left = passing(left, table)?;
            let right = passing(right, table)?;
            left.iter_mut().zip(right).for_each(|(a, b)| *a &= b);
            Some(left)
        }
        Expr::Binary(BinaryOp::Or, left, right) => {
            let mut left = passing(left, table)?;
            let right = passing(right, table)?;
            left.iter_mut().zip(right).for_each(|(a, b)| *a |= b);
            Some(left)
        }
        Expr::Binary(op, left, right) => match (&**left, &**right) {
            (Expr::Column(label), Expr::Literal(value)) => {
                compared(table, label, value, |order| holds(*op, order))
            }
            (Expr::Literal(value), Expr::Column(label)) => {
                let reversed = |order: Option<Ordering>| order.map(Ordering::reverse);
                compared(table, label, value, |order| holds(*op, reversed(order)))
            }
            _ => None,
        },
        _ => None,
    }
    .filter(|_| is_comparison(predicate))
}

/// Whether a predicate is nothing but comparisons of columns with literals, joined by `and` and `or`.
pub fn is_comparison(predicate: &Expr) -> bool {
    match predicate {
        Expr::Binary(BinaryOp::And | BinaryOp::Or, left, right) => {
            is_comparison(left) && is_comparison(right)
        }
        Expr::Binary(op, left, right) => {
            let compares = matches!(
                op,
                BinaryOp::Equal
                    | BinaryOp::NotEqual
                    | BinaryOp::Less
                    | BinaryOp::LessOrEqual
                    | BinaryOp::Greater
                    | BinaryOp::GreaterOrEqual
            );
            let sides = (&**left, &**right);
            compares
                && matches!(
                    sides,
                    (Expr::Column(_), Expr::Literal(_)) | (Expr::Literal(_), Expr::Column(_))
                )
        }
        _ => false,
    }
}

/// The columns that a comparison looks at; whether one of `known` must be there for a row to pass.
pub fn needs_one_of(predicate: &Expr, known: &dyn Fn(&str) -> bool) -> bool {
    match predicate {
        Expr::Binary(BinaryOp::And, left, right) => {
            needs_one_of(left, known) || needs_one_of(right, known)
        }
        Expr::Binary(BinaryOp::Or, left, right) => {
            needs_one_of(left, known) && needs_one_of(right, known)
        }
        Expr::Binary(_, left, right) => match (&**left, &**right) {
            (Expr::Column(label), _) | (_, Expr::Column(label)) => known(label),
            _ => false,
        },
        _ => false,
    }
}

/// Whether the predicate looks at a column.
pub fn mentions(predicate: &Expr, wanted: &str) -> bool {
    match predicate {
        Expr::Column(label) => **label == *wanted,
        Expr::Binary(_, left, right) => mentions(left, wanted) || mentions(right, wanted),
        _ => false,
    }
}

const fn holds(op: BinaryOp, order: Option<Ordering>) -> bool {
    match op {
        BinaryOp::Equal => matches!(order, Some(Ordering::Equal)),
        BinaryOp::NotEqual => !matches!(order, Some(Ordering::Equal)),
        BinaryOp::Less => matches!(order, Some(Ordering::Less)),
        BinaryOp::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        BinaryOp::Greater => matches!(order, Some(Ordering::Greater)),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }
}

fn each<T>(
    cells: &[Option<T>],
    order: impl Fn(&T) -> Option<Ordering>,
    passes: impl Fn(Option<Ordering>) -> bool,
) -> Vec<bool> {
    let test = |cell: &Option<T>| cell.as_ref().is_some_and(|cell| passes(order(cell)));
    cells.iter().map(test).collect()
}

fn compared(
    table: &Table,
    label: &str,
    literal: &Value,
    passes: impl Fn(Option<Ordering>) -> bool,
) -> Option<Vec<bool>> {
    let rows = table.rows();
    let Some(column) = table.column(label) else {
        return Some(vec![false; rows]);
    };
    Some(match (&column.cells, literal) {
        (_, Value::Null) => vec![false; rows],
        (Cells::Constant(Value::Null, ..), _) => vec![false; rows],
        (Cells::Constant(value, kind, _), literal) => {
            let order = one_order(value, *kind, literal)?;
            vec![passes(order); rows]
        }
        (Cells::Float(cells), Value::Float(b)) => each(cells, |a| a.partial_cmp(b), passes),
        (Cells::Float(cells), Value::Integer(b)) => {
            let b = *b as f64;
            each(cells, |a| a.partial_cmp(&b), passes)
        }
        (Cells::Integer(cells), Value::Integer(b)) => each(cells, |a| Some(a.cmp(b)), passes),
        (Cells::Integer(cells), Value::Float(b)) => {
            each(cells, |a| (*a as f64).partial_cmp(b), passes)
        }
        (Cells::Unsigned(cells), Value::Unsigned(b)) => each(cells, |a| Some(a.cmp(b)), passes),
        (Cells::Unsigned(cells), Value::Float(b)) => {
            each(cells, |a| (*a as f64).partial_cmp(b), passes)
        }
        (Cells::Boolean(cells), Value::Boolean(b)) => each(cells, |a| Some(a.cmp(b)), passes),
        (Cells::Time(cells), Value::Time(b)) => each(cells, |a| Some(a.cmp(b)), passes),
        (Cells::String(cells), Value::String(b)) => each(cells, |a| Some((**a).cmp(b)), passes),
        _ => return None,
    })
}

fn one_order(value: &Value, kind: Kind, literal: &Value) -> Option<Option<Ordering>> {
    match (value, literal) {
        (Value::Float(a), Value::Float(b)) => Some(a.partial_cmp(b)),
        (a, b) if b.kind() == Some(kind) => Some(Some(a.total_cmp(b))),
        _ => None,
    }
}
