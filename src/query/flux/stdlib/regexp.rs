//! `import "regexp"`: making regular expressions of strings, and matching with them.

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

pub static PACKAGE: Package = Package {
    path: "regexp",
    name: "regexp",
    members: &[
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
