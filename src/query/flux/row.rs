//! Values that are only known per row. The functions of `filter` and `map` are not run for each row:
//! they are evaluated once with such values, and what comes out is an expression for the executor.

use super::ast::Name;
use super::span::Span;
use super::value::Value;
use crate::query::expr::Expr;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Largest expression, in nodes: a function can double its size with every line.
pub const CELL_NODES_MAX: u32 = 50_000;
/// Highest expression: the executor walks it by recursion.
pub const CELL_HEIGHT_MAX: u32 = 400;

/// An expression over one row, with its size so that it can be bounded.
#[derive(Debug, Clone)]
pub struct Cell {
    pub expr: Arc<Expr>,
    pub nodes: u32,
    pub height: u32,
}

impl Cell {
    pub fn column(name: &Name) -> Self {
        Self {
            expr: Arc::new(Expr::Column(Arc::clone(name))),
            nodes: 1,
            height: 1,
        }
    }
}

/// A record of which some values are only known per row: the row itself, or `{r with a: 1}`.
#[derive(Debug, Clone, Default)]
pub struct RowRecord {
    /// The columns of the row belong to it, unless `fields` has one of the same name.
    pub is_row: bool,
    pub fields: BTreeMap<Name, Value>,
}

impl RowRecord {
    pub fn row() -> Self {
        Self {
            is_row: true,
            fields: BTreeMap::new(),
        }
    }

    pub fn get(&self, name: &Name) -> Option<Value> {
        match self.fields.get(name) {
            Some(value) => Some(value.clone()),
            None => self.is_row.then(|| Value::Cell(Cell::column(name))),
        }
    }
}

/// Why a value can't become an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoCell {
    /// No column holds such a value.
    Type(&'static str),
    TooLarge,
}

impl NoCell {
    pub fn describe(&self) -> String {
        match self {
            Self::Type(name) => format!("a column can't hold a value of type {name}"),
            Self::TooLarge => {
                format!("the function grows beyond {CELL_NODES_MAX} operations for each row")
            }
        }
    }
}

/// The expression of a value, known or not.
pub fn to_cell(value: &Value) -> Result<Cell, NoCell> {
    if let Value::Cell(cell) = value {
        return Ok(cell.clone());
    }
    let literal = value
        .to_cell_value()
        .ok_or_else(|| NoCell::Type(value.type_name()))?;
    Ok(Cell {
        expr: Arc::new(Expr::Literal(literal)),
        nodes: 1,
        height: 1,
    })
}

/// Makes one expression of several.
pub fn join<const N: usize>(
    operands: [&Value; N],
    make: impl FnOnce([Expr; N]) -> Expr,
) -> Result<Value, NoCell> {
    let (mut nodes, mut height) = (1_u32, 1_u32);
    let mut expressions: [Expr; N] =
        std::array::from_fn(|_| Expr::Literal(crate::query::table::Value::Null));
    for (slot, operand) in expressions.iter_mut().zip(operands) {
        let cell = to_cell(operand)?;
        nodes = nodes.saturating_add(cell.nodes);
        height = height.max(cell.height.saturating_add(1));
        *slot = Arc::unwrap_or_clone(cell.expr);
        check_size(nodes, height)?;
    }
    Ok(Value::Cell(Cell {
        expr: Arc::new(make(expressions)),
        nodes,
        height,
    }))
}

/// Makes one expression of any number of them.
pub fn join_all(operands: &[Value], make: impl FnOnce(Vec<Expr>) -> Expr) -> Result<Value, NoCell> {
    let (mut nodes, mut height) = (1_u32, 1_u32);
    let mut expressions = Vec::with_capacity(operands.len());
    for operand in operands {
        let cell = to_cell(operand)?;
        nodes = nodes.saturating_add(cell.nodes);
        height = height.max(cell.height.saturating_add(1));
        check_size(nodes, height)?;
        expressions.push(Arc::unwrap_or_clone(cell.expr));
    }
    Ok(Value::Cell(Cell {
        expr: Arc::new(make(expressions)),
        nodes,
        height,
    }))
}

/// Joins any number of values by an associative operator, as a tree of logarithmic height.
pub fn join_balanced(
    operands: &[Value],
    make: &impl Fn(Expr, Expr) -> Expr,
) -> Result<Option<Value>, NoCell> {
    match operands {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        _ => {
            let (left, right) = operands.split_at(operands.len() / 2);
            let (Some(left), Some(right)) =
                (join_balanced(left, make)?, join_balanced(right, make)?)
            else {
                return Ok(None);
            };
            join([&left, &right], |[left, right]| make(left, right)).map(Some)
        }
    }
}

const fn check_size(nodes: u32, height: u32) -> Result<(), NoCell> {
    if nodes > CELL_NODES_MAX || height > CELL_HEIGHT_MAX {
        return Err(NoCell::TooLarge);
    }
    Ok(())
}

/// A fault of a row's expression at a place in the program.
pub fn fault(span: Span, reason: &NoCell) -> super::error::Failure {
    match reason {
        NoCell::TooLarge => super::error::FluxError::limit(span, reason.describe()).into(),
        NoCell::Type(_) => super::error::FluxError::check(span, reason.describe()).into(),
    }
}
