//! Moves the predicates of `filter` into the scan, where the index answers them.
//!
//! What is moved means the same there: a comparison with a tag that a series lacks is null in Flux, so it
//! becomes a comparison and a test that the tag exists.

use super::expr::{BinaryOp, Expr, UnaryOp};
use super::plan::{Node, Plan, Scan, Stream};
use super::table::Value;
use crate::engine::source::{SeriesPredicate, TextMatch};
use std::collections::HashMap;
use std::sync::Arc;

/// The same plan with predicates pushed down. Nodes that were shared stay shared.
pub fn optimise(plan: Plan) -> Plan {
    let mut done = Done::new();
    let results = plan
        .results
        .into_iter()
        .map(|(name, stream)| (name, push_down(&stream, &mut done)));
    Plan {
        results: results.collect(),
    }
}

/// Nodes that were looked at, by address, and what they became. The plan keeps them alive meanwhile.
type Done = HashMap<*const Node, Stream>;

fn push_down(stream: &Stream, done: &mut Done) -> Stream {
    if let Some(pushed) = done.get(&Arc::as_ptr(stream)) {
        return Arc::clone(pushed);
    }
    let pushed = match &**stream {
        Node::Filter {
            input,
            predicate,
            keep_empty: false,
        } => {
            let input = push_down(input, done);
            match &*input {
                Node::Scan(scan) => filter_scan(scan, predicate),
                _ => rebuild(stream, input),
            }
        }
        Node::Apply { inputs, operation } => Arc::new(Node::Apply {
            inputs: inputs.iter().map(|input| push_down(input, done)).collect(),
            operation: Arc::clone(operation),
        }),
        Node::Union(inputs) => Arc::new(Node::Union(
            inputs.iter().map(|input| push_down(input, done)).collect(),
        )),
        _ => match input_of(stream) {
            Some(input) => rebuild(stream, push_down(input, done)),
            None => Arc::clone(stream),
        },
    };
    done.insert(Arc::as_ptr(stream), Arc::clone(&pushed));
    pushed
}

/// A filter directly on a scan: what series decide goes into the scan.
fn filter_scan(scan: &Scan, predicate: &Expr) -> Stream {
    let (pushed, kept) = split(predicate);
    let scan = match pushed {
        None => scan.clone(),
        Some(pushed) => Scan {
            predicate: and(&scan.predicate, pushed),
            ..scan.clone()
        },
    };
    let input = Arc::new(Node::Scan(scan));
    match kept {
        None => input,
        Some(predicate) => Arc::new(Node::Filter {
            input,
            predicate,
            keep_empty: false,
        }),
    }
}

fn and(a: &SeriesPredicate, b: SeriesPredicate) -> SeriesPredicate {
    match a {
        SeriesPredicate::All => b,
        SeriesPredicate::And(parts) => {
            let mut parts = parts.clone();
            parts.push(b);
            SeriesPredicate::And(parts)
        }
        other => SeriesPredicate::And(vec![other.clone(), b]),
    }
}

/// The input of a node with one input.
pub fn input_of(node: &Node) -> Option<&Stream> {
    match node {
        Node::Filter { input, .. }
        | Node::Map { input, .. }
        | Node::Group { input, .. }
        | Node::Keep { input, .. }
        | Node::Drop { input, .. }
        | Node::Rename { input, .. }
        | Node::Duplicate { input, .. }
        | Node::Set { input, .. }
        | Node::Limit { input, .. }
        | Node::Tail { input, .. }
        | Node::Sort { input, .. }
        | Node::Aggregate { input, .. }
        | Node::Select { input, .. }
        | Node::Distinct { input, .. }
        | Node::Unique { input, .. }
        | Node::Fill { input, .. }
        | Node::Window { input, .. }
        | Node::Pivot { input, .. } => Some(input),
        Node::AggregateWindow(window) => Some(&window.input),
        Node::Scan(_)
        | Node::Literal(_)
        | Node::Names(..)
        | Node::Union(_)
        | Node::Apply { .. } => None,
    }
}

/// The node with another input.
fn rebuild(node: &Node, new: Stream) -> Stream {
    let mut node = node.clone();
    match &mut node {
        Node::Filter { input, .. }
        | Node::Map { input, .. }
        | Node::Group { input, .. }
        | Node::Keep { input, .. }
        | Node::Drop { input, .. }
        | Node::Rename { input, .. }
        | Node::Duplicate { input, .. }
        | Node::Set { input, .. }
        | Node::Limit { input, .. }
        | Node::Tail { input, .. }
        | Node::Sort { input, .. }
        | Node::Aggregate { input, .. }
        | Node::Select { input, .. }
        | Node::Distinct { input, .. }
        | Node::Unique { input, .. }
        | Node::Fill { input, .. }
        | Node::Window { input, .. }
        | Node::Pivot { input, .. } => *input = new,
        Node::AggregateWindow(window) => window.input = new,
        Node::Scan(_)
        | Node::Literal(_)
        | Node::Names(..)
        | Node::Union(_)
        | Node::Apply { .. } => {}
    }
    Arc::new(node)
}

/// The part that series alone decide, and the rest.
pub fn split(predicate: &Expr) -> (Option<SeriesPredicate>, Option<Expr>) {
    if let Some(pushed) = to_series(predicate) {
        return (Some(pushed), None);
    }
    if let Expr::Binary(BinaryOp::And, left, right) = predicate {
        let (left_pushed, left_kept) = split(left);
        let (right_pushed, right_kept) = split(right);
        let pushed = match (left_pushed, right_pushed) {
            (Some(a), Some(b)) => Some(and(&a, b)),
            (a, b) => a.or(b),
        };
        let kept = match (left_kept, right_kept) {
            (Some(a), Some(b)) => Some(Expr::Binary(BinaryOp::And, Box::new(a), Box::new(b))),
            (a, b) => a.or(b),
        };
        return (pushed, kept);
    }
    (None, Some(predicate.clone()))
}

/// The predicate as one on series, if it is nothing else. Null and false are the same here, so `not` of
/// anything but a plain existence test is left alone.
fn to_series(expr: &Expr) -> Option<SeriesPredicate> {
    match expr {
        Expr::Binary(BinaryOp::And, left, right) => Some(SeriesPredicate::And(vec![
            to_series(left)?,
            to_series(right)?,
        ])),
        Expr::Binary(BinaryOp::Or, left, right) => Some(SeriesPredicate::Or(vec![
            to_series(left)?,
            to_series(right)?,
        ])),
        Expr::Binary(op, left, right) => {
            let (label, text) = match (&**left, &**right) {
                (Expr::Column(label), Expr::Literal(Value::String(text)))
                | (Expr::Literal(Value::String(text)), Expr::Column(label)) => (label, text),
                _ => return None,
            };
            let wanted = match op {
                BinaryOp::Equal => TextMatch::Equal((&**text).into()),
                BinaryOp::NotEqual => TextMatch::NotEqual((&**text).into()),
                _ => return None,
            };
            on_label(label, wanted)
        }
        Expr::Match(operand, regex, matches) => match &**operand {
            Expr::Column(label) if *matches => on_label(label, TextMatch::Regex(regex.clone())),
            Expr::Column(label) => on_label(label, TextMatch::NotRegex(regex.clone())),
            _ => None,
        },
        Expr::Exists(operand) => match &**operand {
            Expr::Column(label) if is_tag(label) => {
                Some(SeriesPredicate::TagExists((&**label).into()))
            }
            _ => None,
        },
        Expr::Unary(UnaryOp::Not, operand) => match &**operand {
            Expr::Exists(_) => Some(SeriesPredicate::Not(Box::new(to_series(operand)?))),
            _ => None,
        },
        _ => None,
    }
}

fn is_tag(label: &str) -> bool {
    !matches!(
        label,
        "_time" | "_value" | "_start" | "_stop" | "_field" | "_measurement"
    )
}

fn on_label(label: &str, wanted: TextMatch) -> Option<SeriesPredicate> {
    match label {
        "_measurement" => Some(SeriesPredicate::Measurement(wanted)),
        "_field" => Some(SeriesPredicate::Field(wanted)),
        label if is_tag(label) => Some(SeriesPredicate::And(vec![
            SeriesPredicate::TagExists(label.into()),
            SeriesPredicate::Tag(label.into(), wanted),
        ])),
        _ => None,
    }
}
