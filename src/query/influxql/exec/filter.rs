//! A WHERE clause bound to one series: its tags are known, only fields are left to compare.

use super::super::ast::{BinaryOp, Expr};
use super::super::compile::resolve;
use super::super::eval::{Math, Node, binary};
use super::super::fold::constant;
use super::super::plan::ColumnRef;
use super::super::schema::Schema;
use super::super::value::{DataType, Value};
use super::column::{Column, Walker};
use std::cmp::Ordering;

/// What is left of a condition once a series' tags are put in.
#[derive(Debug, Clone)]
pub enum Bound {
    /// No point of the series can match.
    Never,
    /// Every point matches.
    Always,
    Some(Filter),
}

/// A condition on the values of a series' points.
#[derive(Debug, Clone)]
pub struct Filter {
    node: Node,
    pub columns: Vec<ColumnRef>,
}

/// Binds a condition. `tag`: the series' value of a tag; `has_field`: whether it has the field.
pub fn bind(
    condition: Option<&Expr>,
    schema: &Schema,
    tag: &dyn Fn(&str) -> Value,
    has_field: &dyn Fn(&str) -> bool,
) -> Bound {
    let Some(condition) = condition else {
        return Bound::Always;
    };
    let mut binder = Binder {
        schema,
        tag,
        has_field,
        columns: Vec::new(),
    };
    match binder.node(condition) {
        Node::Const(Value::Boolean(true)) => Bound::Always,
        Node::Const(_) | Node::Regex(_) => Bound::Never,
        node => Bound::Some(Filter {
            node,
            columns: binder.columns,
        }),
    }
}

struct Binder<'a> {
    schema: &'a Schema,
    tag: &'a dyn Fn(&str) -> Value,
    has_field: &'a dyn Fn(&str) -> bool,
    columns: Vec<ColumnRef>,
}

impl Binder<'_> {
    fn node(&mut self, expr: &Expr) -> Node {
        match expr {
            Expr::Paren(inner) => self.node(inner),
            Expr::Regex(regex) => Node::Regex(regex.regex.clone()),
            Expr::Var(var) => match resolve(self.schema, var) {
                DataType::Tag | DataType::Unknown => Node::Const((self.tag)(&var.name)),
                data_type if (self.has_field)(&var.name) => {
                    let column = ColumnRef {
                        name: var.name.as_str().into(),
                        data_type,
                    };
                    let known = self.columns.iter().position(|known| *known == column);
                    Node::Slot(known.unwrap_or_else(|| {
                        self.columns.push(column);
                        self.columns.len() - 1
                    }))
                }
                _ => Node::Const(Value::Null),
            },
            Expr::Binary(parts) => {
                let left = self.node(&parts.left);
                let right = self.node(&parts.right);
                simplify(parts.op, left, right)
            }
            Expr::Call(call) => match Math::of(&call.name) {
                Some(math) => {
                    let args: Vec<Node> = call.args.iter().map(|arg| self.node(arg)).collect();
                    simplify_math(math, args)
                }
                None => Node::Const(Value::Null),
            },
            other => Node::Const(constant(other).unwrap_or(Value::Null)),
        }
    }
}

fn simplify_math(math: Math, args: Vec<Node>) -> Node {
    if args.iter().all(|arg| matches!(arg, Node::Const(_))) {
        return Node::Const(Node::Math(math, args).eval(&[], false));
    }
    Node::Math(math, args)
}

fn simplify(op: BinaryOp, left: Node, right: Node) -> Node {
    let known = match (&left, &right) {
        (Node::Const(left), Node::Const(right)) => {
            return Node::Const(binary(op, left.clone(), right.clone(), false));
        }
        (Node::Const(_), Node::Regex(_)) => {
            let node = Node::Binary(op, Box::new(left), Box::new(right));
            return Node::Const(node.eval(&[], false));
        }
        (Node::Const(known), _) | (_, Node::Const(known)) => truth(known),
        _ => None,
    };
    match (op, known) {
        (BinaryOp::And, Some(false)) => Node::Const(Value::Boolean(false)),
        (BinaryOp::Or, Some(true)) => Node::Const(Value::Boolean(true)),
        (BinaryOp::And | BinaryOp::Or, Some(_)) => {
            if matches!(left, Node::Const(_)) {
                right
            } else {
                left
            }
        }
        _ => Node::Binary(op, Box::new(left), Box::new(right)),
    }
}

/// A constant beside AND or OR; null counts as false.
const fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Boolean(value) => Some(*value),
        Value::Null => Some(false),
        _ => None,
    }
}

impl Filter {
    /// Whether a point passes of which no column of the filter has a value.
    pub fn passes_nulls(&self) -> bool {
        self.node.eval_bool(&vec![Value::Null; self.columns.len()])
    }

    /// Whether a row with these values (in order of [`columns`](Self::columns)) passes.
    pub fn passes(&self, values: &[Value]) -> bool {
        self.node.eval_bool(values)
    }

    /// Indices of the `times` at which the condition holds. `columns` as in [`columns`](Self::columns).
    pub fn matching(&self, times: &[i64], columns: &[Column]) -> Vec<usize> {
        if let Some(matching) = self.matching_fast(times, columns) {
            return matching;
        }
        let mut walkers: Vec<Walker<'_>> = columns.iter().map(Walker::new).collect();
        let mut values = vec![Value::Null; columns.len()];
        let mut out = Vec::new();
        for (at, time) in times.iter().enumerate() {
            for (value, walker) in values.iter_mut().zip(&mut walkers) {
                *value = walker.value_at(*time);
            }
            if self.passes(&values) {
                out.push(at);
            }
        }
        out
    }

    /// The common case: one numeric field compared with a number, at the field's own times.
    fn matching_fast(&self, times: &[i64], columns: &[Column]) -> Option<Vec<usize>> {
        let [column] = columns else { return None };
        let Node::Binary(op, left, right) = &self.node else {
            return None;
        };
        let (op, constant) = match (&**left, &**right) {
            (Node::Slot(0), Node::Const(value)) => (*op, value),
            (Node::Const(value), Node::Slot(0)) => (op.swapped(), value),
            _ => return None,
        };
        if column.times != times {
            return None;
        }
        let limit = constant.as_f64()?;
        match (column.floats(), column.integers(), constant) {
            (Some(values), _, _) => compare(op, values.iter().map(|v| v.partial_cmp(&limit))),
            (_, Some(values), Value::Integer(limit)) => {
                compare(op, values.iter().map(|v| Some(v.cmp(limit))))
            }
            #[expect(clippy::cast_precision_loss, reason = "InfluxQL compares as floats")]
            (_, Some(values), Value::Float(limit)) => {
                compare(op, values.iter().map(|v| (*v as f64).partial_cmp(limit)))
            }
            _ => None,
        }
    }
}

fn compare(op: BinaryOp, orders: impl Iterator<Item = Option<Ordering>>) -> Option<Vec<usize>> {
    use Ordering::{Equal, Greater, Less};
    let wanted: fn(Option<Ordering>) -> bool = match op {
        BinaryOp::Eq => |order| order == Some(Equal),
        BinaryOp::NotEq => |order| order != Some(Equal),
        BinaryOp::Less => |order| order == Some(Less),
        BinaryOp::LessEq => |order| matches!(order, Some(Less | Equal)),
        BinaryOp::Greater => |order| order == Some(Greater),
        BinaryOp::GreaterEq => |order| matches!(order, Some(Greater | Equal)),
        _ => return None,
    };
    Some(
        orders
            .enumerate()
            .filter(|(_, order)| wanted(*order))
            .map(|(at, _)| at)
            .collect(),
    )
}
