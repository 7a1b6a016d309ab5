//! Calls: pipes, arguments, the program's own functions.

use super::{Evaluator, ScopeId};
use crate::query::flux::ast::{
    Expression, ExpressionKind, FunctionBody, FunctionLiteral, Name, Property,
};
use crate::query::flux::error::{Failure, FluxError};
use crate::query::flux::span::Span;
use crate::query::flux::stdlib::Call;
use crate::query::flux::stream::{HEIGHT_MAX, SIZE_MAX};
use crate::query::flux::value::{Closure, Function, Value};
use std::sync::Arc;

/// A value given to a function.
#[derive(Debug, Clone)]
pub struct Argument {
    /// `None`: given by `|>`.
    pub name: Option<Name>,
    pub value: Value,
    pub span: Span,
}

impl Argument {
    pub fn named(name: &str, value: Value, span: Span) -> Self {
        Self {
            name: Some(name.into()),
            value,
            span,
        }
    }
}

/// Bounds the plan behind a stream that a library function returned.
fn measured(mut result: Value, call: &Call) -> Result<Value, Failure> {
    if let Value::Stream(stream) = &mut result {
        stream.measure = call.measure().above();
        stream.bounds = stream.bounds.or_else(|| call.bounds());
        if stream.measure.is_too_large() {
            let message =
                format!("more than {HEIGHT_MAX} transformations in a row, or {SIZE_MAX} in all");
            return Err(FluxError::check(call.span, message).into());
        }
    }
    Ok(result)
}

impl Evaluator<'_> {
    /// `a |> f() |> g()`, first to last; chains are long, so not by recursion.
    pub(super) fn pipe(
        &mut self,
        expression: &Expression,
        scope: ScopeId,
    ) -> Result<Value, Failure> {
        let mut calls = Vec::new();
        let mut at = expression;
        while let ExpressionKind::Pipe { argument, call } = &at.kind {
            calls.push((&**call, argument.span));
            at = argument;
        }
        let mut value = self.expression(at, scope)?;
        for (call, span) in calls.into_iter().rev() {
            value = self.call(
                call,
                scope,
                Some(Argument {
                    name: None,
                    value,
                    span,
                }),
            )?;
        }
        Ok(value)
    }

    /// Evaluates a call node, with the piped value if there is one.
    pub(super) fn call(
        &mut self,
        expression: &Expression,
        scope: ScopeId,
        piped: Option<Argument>,
    ) -> Result<Value, Failure> {
        let ExpressionKind::Call { callee, arguments } = &expression.kind else {
            let message = "pipe destination must be a function call";
            return Err(FluxError::check(expression.span, message).into());
        };
        let function = match self.expression(callee, scope)? {
            Value::Function(function) => function,
            other => {
                let message = format!("expected a function but found {}", other.type_name());
                return Err(FluxError::check(callee.span, message).into());
            }
        };
        let mut given: Vec<Argument> = piped.into_iter().collect();
        for argument in arguments {
            let value = self.property_value(argument, scope)?;
            let span = argument
                .value
                .as_ref()
                .map_or(argument.span, |value| value.span);
            given.push(Argument {
                name: Some(argument.key.name.clone()),
                value,
                span,
            });
        }
        self.call_function(&function, given, expression.span)
    }

    /// `name: value`, or the variable `name`.
    pub(super) fn property_value(
        &mut self,
        property: &Property,
        scope: ScopeId,
    ) -> Result<Value, Failure> {
        match &property.value {
            Some(value) => self.expression(value, scope),
            None => self.identifier(&property.key.name, property.span, scope),
        }
    }

    pub fn call_function(
        &mut self,
        function: &Function,
        arguments: Vec<Argument>,
        span: Span,
    ) -> Result<Value, Failure> {
        self.nested(span, |evaluator| match function {
            Function::Builtin(builtin) => {
                let call = Call::new(builtin, arguments, span)?;
                let result = (builtin.run)(evaluator, &call)?;
                measured(result, &call)
            }
            Function::Closure(closure) => evaluator.call_closure(closure, arguments, span),
        })
    }

    fn call_closure(
        &mut self,
        closure: &Arc<Closure>,
        arguments: Vec<Argument>,
        span: Span,
    ) -> Result<Value, Failure> {
        let literal = Arc::clone(&closure.literal);
        let scope = self.new_scope(closure.scope);
        self.bind(&literal, arguments, scope, closure.scope, span)?;
        match &literal.body {
            FunctionBody::Expression(body) => self.expression(body, scope),
            FunctionBody::Block(block) => self.block(block, scope),
        }
    }

    fn bind(
        &mut self,
        literal: &FunctionLiteral,
        mut arguments: Vec<Argument>,
        scope: ScopeId,
        defaults_scope: ScopeId,
        span: Span,
    ) -> Result<(), Failure> {
        for parameter in &literal.parameters {
            let name = &parameter.name.name;
            let at = arguments.iter().position(|argument| match &argument.name {
                Some(given) => given == name,
                None => parameter.is_pipe(),
            });
            let value = match (at, &parameter.default) {
                (Some(at), _) => arguments.swap_remove(at).value,
                (None, Some(default)) if !parameter.is_pipe() => {
                    self.expression(default, defaults_scope)?
                }
                (None, default) => {
                    let piped = if default.is_some() {
                        " (piped-forward with |>)"
                    } else {
                        ""
                    };
                    let message = format!("missing required argument {name}{piped}");
                    return Err(FluxError::check(span, message).into());
                }
            };
            self.define(scope, name.clone(), value);
        }
        match arguments.first() {
            None => Ok(()),
            Some(extra) => {
                let message = match &extra.name {
                    Some(name) => format!("found unexpected argument {name}"),
                    None => "the function does not take a piped argument".to_owned(),
                };
                Err(FluxError::check(span, message).into())
            }
        }
    }
}
