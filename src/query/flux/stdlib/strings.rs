//! `import "strings"`: the functions that the executor knows, and joining and splitting known strings.

use super::{Accepts, Builtin, Call, Member, Package, Parameter};
use crate::query::context::QueryError;
use crate::query::expr::{Expr, Function};
use crate::query::flux::error::Failure;
use crate::query::flux::eval::Evaluator;
use crate::query::flux::row;
use crate::query::flux::value::Value;
use crate::query::table::{self, Table};
use std::sync::Arc;

pub const NULL: Expr = Expr::Literal(table::Value::Null);

/// Computes a function of the named arguments, at once if all are known, else per row.
pub fn apply(
    evaluator: &mut Evaluator<'_>,
    call: &Call,
    names: &[&str],
    make: impl FnOnce(Vec<Expr>) -> Expr,
) -> Result<Value, Failure> {
    let operands: Vec<Value> = names.iter().map(|name| call.required(name)).collect();
    let per_row = operands
        .iter()
        .any(|operand| matches!(operand, Value::Cell(_)));
    let lengths = operands.iter().map(|operand| match operand {
        Value::String(text) => text.len() as u64 / 16,
        _ => 1,
    });
    evaluator.step(lengths.sum(), call.span)?;
    let made = evaluator.built(row::join_all(&operands, make), call.span)?;
    let Value::Cell(cell) = &made else {
        return Ok(made);
    };
    if per_row {
        return Ok(made);
    }
    match cell.expr.eval(&Table::default(), 0) {
        Ok(value) => Ok(value.into()),
        Err(QueryError::Invalid(message)) => Err(call.fault(message)),
        Err(other) => Err(other.into()),
    }
}

macro_rules! functions {
    ($($constant:ident $name:literal [$($parameter:literal),*] $function:expr;)*) => {
        $(
            static $constant: Builtin = Builtin {
                name: $name,
                parameters: &[$(Parameter::required($parameter, Accepts::Text)),*],
                run: |evaluator, call| {
                    apply(evaluator, call, &[$($parameter),*], |v| Expr::Call($function, v))
                },
            };
        )*
    };
}

functions! {
    CONTAINS_STR "containsStr" ["v", "substr"] Function::ContainsStr;
    HAS_PREFIX "hasPrefix" ["v", "prefix"] Function::HasPrefix;
    HAS_SUFFIX "hasSuffix" ["v", "suffix"] Function::HasSuffix;
    REPLACE_ALL "replaceAll" ["v", "t", "u"] Function::ReplaceAll;
    STRLEN "strlen" ["v"] Function::StrLen;
    TO_LOWER "toLower" ["v"] Function::ToLower;
    TO_UPPER "toUpper" ["v"] Function::ToUpper;
    TRIM_SPACE "trimSpace" ["v"] Function::TrimSpace;
}

static JOIN_STR: Builtin = Builtin {
    name: "joinStr",
    parameters: &[
        Parameter::required("arr", Accepts::Strings),
        Parameter::required("v", Accepts::String),
    ],
    run: join_str,
};

static SPLIT: Builtin = Builtin {
    name: "split",
    parameters: &[
        Parameter::required("v", Accepts::String),
        Parameter::required("t", Accepts::String),
    ],
    run: split,
};

fn join_str(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let (texts, separator) = (
        call.strings("arr").unwrap_or_default(),
        call.string_or("v", ""),
    );
    let length: usize = texts.iter().map(|text| text.len() + separator.len()).sum();
    evaluator.step(length as u64 / 16, call.span)?;
    Ok(Value::String(texts.join(&separator).into()))
}

fn split(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let (text, separator) = (call.string_or("v", ""), call.string_or("t", ""));
    evaluator.step(text.len() as u64, call.span)?;
    // An empty separator divides into characters.
    let parts: Vec<Value> = if separator.is_empty() {
        text.chars()
            .map(|c| Value::String(c.to_string().into()))
            .collect()
    } else {
        text.split(&separator).map(Value::from).collect()
    };
    Ok(Value::Array(Arc::new(parts)))
}

pub static PACKAGE: Package = Package {
    path: "strings",
    name: "strings",
    members: &[
        ("containsStr", Member::Function(&CONTAINS_STR)),
        ("hasPrefix", Member::Function(&HAS_PREFIX)),
        ("hasSuffix", Member::Function(&HAS_SUFFIX)),
        ("joinStr", Member::Function(&JOIN_STR)),
        ("replaceAll", Member::Function(&REPLACE_ALL)),
        ("split", Member::Function(&SPLIT)),
        ("strlen", Member::Function(&STRLEN)),
        ("toLower", Member::Function(&TO_LOWER)),
        ("toUpper", Member::Function(&TO_UPPER)),
        ("trimSpace", Member::Function(&TRIM_SPACE)),
    ],
};
