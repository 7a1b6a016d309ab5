//! A WHERE clause on tags as the engine's predicate on series.

use super::ast::{Binary, BinaryOp, Expr};
use super::error::{Result, StatementError};
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
