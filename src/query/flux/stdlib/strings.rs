//! `import "strings"`: the functions that the executor knows, and joining and splitting known strings.

use super::native::natives;
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

natives! {
    TITLE "title" ["v"] |call| text(call, titled);
    TO_TITLE "toTitle" ["v"] |call| text(call, str::to_uppercase);
    TRIM "trim" ["v", "cutset"] |call| trimmed(call, true, true);
    TRIM_LEFT "trimLeft" ["v", "cutset"] |call| trimmed(call, true, false);
    TRIM_RIGHT "trimRight" ["v", "cutset"] |call| trimmed(call, false, true);
    TRIM_PREFIX "trimPrefix" ["v", "prefix"] |call| {
        let (v, prefix) = (given(call, "v")?, given(call, "prefix")?);
        Ok(Value::from(v.strip_prefix(&*prefix).unwrap_or(&v)))
    };
    TRIM_SUFFIX "trimSuffix" ["v", "suffix"] |call| {
        let (v, suffix) = (given(call, "v")?, given(call, "suffix")?);
        Ok(Value::from(v.strip_suffix(&*suffix).unwrap_or(&v)))
    };
    CONTAINS_ANY "containsAny" ["v", "chars"] |call| {
        let (v, chars) = (given(call, "v")?, given(call, "chars")?);
        Ok(Value::Boolean(v.chars().any(|c| chars.contains(c))))
    };
    EQUAL_FOLD "equalFold" ["v", "t"] |call| {
        let (v, t) = (given(call, "v")?, given(call, "t")?);
        Ok(Value::Boolean(v.to_lowercase() == t.to_lowercase()))
    };
    COMPARE "compare" ["v", "t"] |call| {
        Ok(Value::Integer(given(call, "v")?.cmp(&given(call, "t")?) as i64))
    };
    COUNT_STR "countStr" ["v", "substr"] |call| {
        Ok(count(given(call, "v")?.matches(&*given(call, "substr")?).count()))
    };
    INDEX "index" ["v", "substr"] |call| {
        let (v, substr) = (given(call, "v")?, given(call, "substr")?);
        Ok(v.find(&*substr).map_or(Value::Integer(-1), count))
    };
    LAST_INDEX "lastIndex" ["v", "substr"] |call| {
        let (v, substr) = (given(call, "v")?, given(call, "substr")?);
        Ok(v.rfind(&*substr).map_or(Value::Integer(-1), count))
    };
    INDEX_ANY "indexAny" ["v", "chars"] |call| {
        let (v, chars) = (given(call, "v")?, given(call, "chars")?);
        Ok(v.find(|c| chars.contains(c)).map_or(Value::Integer(-1), count))
    };
    LAST_INDEX_ANY "lastIndexAny" ["v", "chars"] |call| {
        let (v, chars) = (given(call, "v")?, given(call, "chars")?);
        Ok(v.rfind(|c| chars.contains(c)).map_or(Value::Integer(-1), count))
    };
    REPLACE "replace" ["v", "t", "u", "i"] |call| {
        let (v, t, u) = (given(call, "v")?, given(call, "t")?, given(call, "u")?);
        Ok(match usize::try_from(integer(call, "i")?) {
            Ok(times) => Value::String(v.replacen(&*t, &u, times).into()),
            Err(_) => Value::String(v.replace(&*t, &u).into()),
        })
    };
    REPEAT "repeat" ["v", "i"] |call| {
        let (v, times) = (given(call, "v")?, integer(call, "i")?);
        let times = usize::try_from(times).map_err(|_| call.fault("i must not be negative"))?;
        if v.len().saturating_mul(times) > REPEATED_BYTES_MAX {
            return Err(call.fault(format!("the text exceeds {REPEATED_BYTES_MAX} bytes")));
        }
        Ok(Value::String(v.repeat(times).into()))
    };
    SUBSTRING "substring" ["v", "start", "end"] |call| {
        let v = given(call, "v")?;
        let bound = |at: i64| usize::try_from(at).unwrap_or(0);
        let (start, end) = (bound(integer(call, "start")?), bound(integer(call, "end")?));
        let part: String = v.chars().take(end).skip(start).collect();
        Ok(Value::String(part.into()))
    };
    SPLIT_N "splitN" ["v", "t", "i"] |call| {
        let (v, t, n) = (given(call, "v")?, given(call, "t")?, integer(call, "i")?);
        let parts: Vec<Value> = match usize::try_from(n) {
            Ok(n) => v.splitn(n, &*t).map(Value::from).collect(),
            Err(_) => v.split(&*t).map(Value::from).collect(),
        };
        Ok(Value::Array(Arc::new(parts)))
    };
    IS_DIGIT "isDigit" ["v"] |call| Ok(Value::Boolean(first(call, char::is_numeric)?));
    IS_LETTER "isLetter" ["v"] |call| Ok(Value::Boolean(first(call, char::is_alphabetic)?));
    IS_LOWER "isLower" ["v"] |call| Ok(Value::Boolean(first(call, char::is_lowercase)?));
    IS_UPPER "isUpper" ["v"] |call| Ok(Value::Boolean(first(call, char::is_uppercase)?));
}

const REPEATED_BYTES_MAX: usize = 1 << 20;

/// A string argument.
pub fn given(call: &Call, name: &str) -> Result<Arc<str>, Failure> {
    call.string(name)
        .ok_or_else(|| mismatch(call, "string", name))
}

/// An integer argument.
pub fn integer(call: &Call, name: &str) -> Result<i64, Failure> {
    call.integer(name)
        .ok_or_else(|| mismatch(call, "int", name))
}

pub fn mismatch(call: &Call, wanted: &str, name: &str) -> Failure {
    let found = call.value(name).map_or("null", Value::type_name);
    let message = format!("expected {wanted} but found {found} (argument {name})");
    crate::query::flux::error::FluxError::check(call.span_of(name), message).into()
}

fn count(at: usize) -> Value {
    Value::Integer(i64::try_from(at).unwrap_or(i64::MAX))
}

fn first(call: &Call, is: impl Fn(char) -> bool) -> Result<bool, Failure> {
    Ok(given(call, "v")?.chars().next().is_some_and(is))
}

fn text(call: &Call, change: impl Fn(&str) -> String) -> Result<Value, Failure> {
    Ok(Value::String(change(&given(call, "v")?).into()))
}

/// Each word begins with a capital.
fn titled(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut within = false;
    for c in text.chars() {
        if within {
            out.push(c);
        } else {
            out.extend(c.to_uppercase());
        }
        within = c.is_alphanumeric() || c == '_' || c == '\'';
    }
    out
}

fn trimmed(call: &Call, left: bool, right: bool) -> Result<Value, Failure> {
    let (v, cutset) = (given(call, "v")?, given(call, "cutset")?);
    let mut rest = &*v;
    if left {
        rest = rest.trim_start_matches(|c| cutset.contains(c));
    }
    if right {
        rest = rest.trim_end_matches(|c| cutset.contains(c));
    }
    Ok(Value::from(rest))
}

pub static PACKAGE: Package = Package {
    path: "strings",
    name: "strings",
    members: &[
        ("title", Member::Function(&TITLE)),
        ("toTitle", Member::Function(&TO_TITLE)),
        ("trim", Member::Function(&TRIM)),
        ("trimLeft", Member::Function(&TRIM_LEFT)),
        ("trimRight", Member::Function(&TRIM_RIGHT)),
        ("trimPrefix", Member::Function(&TRIM_PREFIX)),
        ("trimSuffix", Member::Function(&TRIM_SUFFIX)),
        ("containsAny", Member::Function(&CONTAINS_ANY)),
        ("equalFold", Member::Function(&EQUAL_FOLD)),
        ("compare", Member::Function(&COMPARE)),
        ("countStr", Member::Function(&COUNT_STR)),
        ("index", Member::Function(&INDEX)),
        ("lastIndex", Member::Function(&LAST_INDEX)),
        ("indexAny", Member::Function(&INDEX_ANY)),
        ("lastIndexAny", Member::Function(&LAST_INDEX_ANY)),
        ("replace", Member::Function(&REPLACE)),
        ("repeat", Member::Function(&REPEAT)),
        ("substring", Member::Function(&SUBSTRING)),
        ("splitN", Member::Function(&SPLIT_N)),
        ("isDigit", Member::Function(&IS_DIGIT)),
        ("isLetter", Member::Function(&IS_LETTER)),
        ("isLower", Member::Function(&IS_LOWER)),
        ("isUpper", Member::Function(&IS_UPPER)),
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
