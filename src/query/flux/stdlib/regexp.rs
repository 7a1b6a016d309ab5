//! `import "regexp"`: making regular expressions of strings, and matching with them.

use super::native::natives;
use super::strings::{given, integer, mismatch};
use super::{Accepts, Builtin, Call, Member, Package, Parameter};
use crate::query::expr::Expr;
use crate::query::flux::error::Failure;
use crate::query::flux::eval::Evaluator;
use crate::query::flux::value::Value;
use crate::query::flux::{regexp, row};
use std::sync::Arc;

static COMPILE: Builtin = Builtin {
    name: "compile",
    parameters: &[Parameter::required("v", Accepts::String)],
    run: compile,
};

static QUOTE_META: Builtin = Builtin {
    name: "quoteMeta",
    parameters: &[Parameter::required("v", Accepts::String)],
    run: quote_meta,
};

static MATCH: Builtin = Builtin {
    name: "matchRegexpString",
    parameters: &[
        Parameter::required("r", Accepts::Regex),
        Parameter::required("v", Accepts::Text),
    ],
    run: match_string,
};

natives! {
    REPLACE_ALL "replaceAllString" ["r", "v", "t"] |call| {
        let (v, t) = (given(call, "v")?, given(call, "t")?);
        Ok(Value::String(regex_of(call)?.replace_all(&v, &*t).into_owned().into()))
    };
    FIND "findString" ["r", "v"] |call| {
        let v = given(call, "v")?;
        Ok(Value::from(regex_of(call)?.find(&v).map_or("", |found| found.as_str())))
    };
    FIND_INDEX "findStringIndex" ["r", "v"] |call| {
        let v = given(call, "v")?;
        let place = regex_of(call)?.find(&v).map(|found| [found.start(), found.end()]);
        let places = place.into_iter().flatten();
        let places = places.map(|at| Value::Integer(i64::try_from(at).unwrap_or(i64::MAX)));
        Ok(Value::Array(Arc::new(places.collect())))
    };
    SPLIT "splitRegexp" ["r", "v", "i"] |call| {
        let v = given(call, "v")?;
        let regex = regex_of(call)?;
        let parts: Vec<Value> = match usize::try_from(integer(call, "i")?) {
            Ok(n) => regex.splitn(&v, n).map(Value::from).collect(),
            Err(_) => regex.split(&v).map(Value::from).collect(),
        };
        Ok(Value::Array(Arc::new(parts)))
    };
    GET_STRING "getString" ["r"] |call| Ok(Value::from(regex_of(call)?.as_str()));
}

fn regex_of(call: &Call) -> Result<Arc<regex::Regex>, Failure> {
    match call.value("r") {
        Some(Value::Regex(regex)) => Ok(Arc::clone(regex)),
        _ => Err(mismatch(call, "regexp", "r")),
    }
}

pub static PACKAGE: Package = Package {
    path: "regexp",
    name: "regexp",
    members: &[
        ("findString", Member::Function(&FIND)),
        ("findStringIndex", Member::Function(&FIND_INDEX)),
        ("getString", Member::Function(&GET_STRING)),
        ("replaceAllString", Member::Function(&REPLACE_ALL)),
        ("splitRegexp", Member::Function(&SPLIT)),
        ("compile", Member::Function(&COMPILE)),
        ("matchRegexpString", Member::Function(&MATCH)),
        ("quoteMeta", Member::Function(&QUOTE_META)),
    ],
};

fn compile(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let source = call.string_or("v", "");
    let regex = regexp::compile(&source).map_err(|reason| call.fault(reason))?;
    Ok(Value::Regex(Arc::new(regex)))
}

fn quote_meta(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let text = call.string_or("v", "");
    evaluator.step(text.len() as u64 / 8, call.span)?;
    Ok(Value::String(regex::escape(&text).into()))
}

fn match_string(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let Some(Value::Regex(regex)) = call.value("r") else {
        return Err(call.fault("r must be a regular expression"));
    };
    match call.required("v") {
        Value::String(text) => Ok(Value::Boolean(regex.is_match(&text))),
        cell => {
            let regex = regex::Regex::clone(regex);
            let made = row::join([&cell], |[cell]| Expr::Match(Box::new(cell), regex, true));
            evaluator.built(made, call.span)
        }
    }
}
