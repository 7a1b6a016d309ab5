//! Expressions as query text, for column names and error messages.

use super::ast::{Binary, Call, Cast, Expr, Var, WildcardKind};
use super::lex::{format_duration, quote_ident, quote_string};
use std::fmt;

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Var(var) => var.fmt(f),
            Self::Call(call) => call.fmt(f),
            Self::Binary(binary) => binary.fmt(f),
            Self::Paren(inner) => write!(f, "({inner})"),
            Self::Wildcard(None) => f.write_str("*"),
            Self::Wildcard(Some(WildcardKind::Field)) => f.write_str("*::field"),
            Self::Wildcard(Some(WildcardKind::Tag)) => f.write_str("*::tag"),
            Self::Distinct(name) => write!(f, "DISTINCT {name}"),
            Self::Number(value) => write!(f, "{value:.3}"),
            Self::Integer(value) => value.fmt(f),
            Self::Unsigned(value) => value.fmt(f),
            Self::Boolean(value) => value.fmt(f),
            Self::String(text) => f.write_str(&quote_string(text)),
            Self::Duration(ns) => f.write_str(&format_duration(*ns)),
            Self::Time(ns) => write!(f, "'{}'", crate::encode::influxql_json::rfc3339(*ns)),
            Self::Regex(regex) => write!(f, "/{}/", regex.text.replace('/', "\\/")),
        }
    }
}

impl fmt::Display for Var {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quote_ident(&self.name))?;
        match self.cast {
            None => Ok(()),
            Some(cast) => write!(f, "::{}", cast.name()),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.name)?;
        for (at, arg) in self.args.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(f, "{separator}{arg}")?;
        }
        f.write_str(")")
    }
}

impl fmt::Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.left, self.op.symbol(), self.right)
    }
}

impl Cast {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Integer => "integer",
            Self::Unsigned => "unsigned",
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::Field => "field",
            Self::Tag => "tag",
        }
    }
}

impl Expr {
    /// The column name of a field that has no alias.
    pub fn column_name(&self) -> String {
        match self {
            Self::Var(var) => var.name.clone(),
            Self::Call(call) => call.name.clone(),
            Self::Distinct(_) => "distinct".to_owned(),
            Self::Paren(inner) => inner.column_name(),
            Self::Binary(_) => {
                let mut names = Vec::new();
                self.operand_names(&mut names);
                names.join("_")
            }
            _ => String::new(),
        }
    }

    /// Names of the variables and calls of an arithmetic expression, left to right.
    fn operand_names<'a>(&'a self, out: &mut Vec<&'a str>) {
        match self {
            Self::Var(var) => out.push(&var.name),
            Self::Call(call) => out.push(&call.name),
            Self::Binary(binary) => {
                binary.left.operand_names(out);
                binary.right.operand_names(out);
            }
            Self::Paren(inner) => inner.operand_names(out),
            _ => {}
        }
    }
}
