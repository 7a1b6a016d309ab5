//! A WHERE clause on tags as the engine's predicate on series.

use super::ast::{Binary, BinaryOp, Expr};
use super::compile::resolve;
use super::error::{Result, StatementError};
use super::schema::Schema;
use super::value::DataType;
use crate::engine::source::{SeriesPredicate, TextMatch};

/// Tags that a series lacks compare as the empty text.
pub fn series_predicate(condition: &Expr) -> Result<SeriesPredicate> {
    match condition {
        Expr::Paren(inner) => series_predicate(inner),
        Expr::Boolean(true) => Ok(SeriesPredicate::All),
        Expr::Boolean(false) => Ok(SeriesPredicate::Not(Box::new(SeriesPredicate::All))),
        Expr::Binary(parts) => match parts.op {
            BinaryOp::And => Ok(SeriesPredicate::And(both(parts)?)),
            BinaryOp::Or => Ok(SeriesPredicate::Or(both(parts)?)),
            _ => comparison(parts),
        },
        other => Err(refused(other)),
    }
}

/// What surely holds for a series of which any point matches: the part of a WHERE clause that is on tags alone.
pub fn necessary(condition: &Expr, schema: &Schema) -> Option<SeriesPredicate> {
    match condition {
        Expr::Paren(inner) => necessary(inner, schema),
        Expr::Binary(parts) => {
            let sides = || {
                let left = necessary(&parts.left, schema);
                (left, necessary(&parts.right, schema))
            };
            match parts.op {
                BinaryOp::And => match sides() {
                    (Some(left), Some(right)) => Some(SeriesPredicate::And(vec![left, right])),
                    (one, other) => one.or(other),
                },
                BinaryOp::Or => match sides() {
                    (Some(left), Some(right)) => Some(SeriesPredicate::Or(vec![left, right])),
                    _ => None,
                },
                _ => match (&parts.left, &parts.right) {
                    (Expr::Var(var), Expr::String(_) | Expr::Regex(_))
                        if var.name != "_name" && resolve(schema, var) == DataType::Tag =>
                    {
                        comparison(parts).ok()
                    }
                    _ => None,
                },
            }
        }
        _ => None,
    }
}

fn both(parts: &Binary) -> Result<Vec<SeriesPredicate>> {
    Ok(vec![
        series_predicate(&parts.left)?,
        series_predicate(&parts.right)?,
    ])
}

fn comparison(parts: &Binary) -> Result<SeriesPredicate> {
    let (name, value) = match (&parts.left, &parts.right) {
        (Expr::Var(var), value) | (value, Expr::Var(var)) => (&var.name, value),
        (left, _) => return Err(refused(left)),
    };
    let matches = match (parts.op, value) {
        (BinaryOp::Eq, Expr::String(text)) => TextMatch::Equal(text.as_str().into()),
        (BinaryOp::NotEq, Expr::String(text)) => TextMatch::NotEqual(text.as_str().into()),
        (BinaryOp::Match, Expr::Regex(regex)) => TextMatch::Regex(regex.regex.clone()),
        (BinaryOp::NotMatch, Expr::Regex(regex)) => TextMatch::NotRegex(regex.regex.clone()),
        _ => {
            return Err(StatementError::invalid(format!(
                "tags are compared with texts and regular expressions only, not by {parts}"
            )));
        }
    };
    Ok(match name.as_str() {
        "_name" => SeriesPredicate::Measurement(matches),
        name => SeriesPredicate::Tag(name.into(), matches),
    })
}

fn refused(expr: &Expr) -> StatementError {
    StatementError::invalid(format!("invalid condition expression: {expr}"))
}
