//! Expressions to values.

use super::operators::fold_conditional;
use super::{Evaluator, ScopeId};
use crate::query::expr::Expr;
use crate::query::flux::ast::{
    Expression, ExpressionKind, Identifier, Name, Property, PropertyKey, StatementKind, StringPart,
};
use crate::query::flux::error::{Failure, FluxError};
use crate::query::flux::row::{self, RowRecord};
use crate::query::flux::span::Span;
use crate::query::flux::stdlib::{self, Member};
use crate::query::flux::value::{Closure, Function, Record, Value};
use crate::query::plan::Duration;
use crate::query::table::Kind;
use std::sync::Arc;

impl Evaluator<'_> {
    pub fn expression(
        &mut self,
        expression: &Expression,
        scope: ScopeId,
    ) -> Result<Value, Failure> {
        self.step(1, expression.span)?;
        match &expression.kind {
            ExpressionKind::Identifier(name) => self.identifier(name, expression.span, scope),
            ExpressionKind::Boolean(value) => Ok(Value::Boolean(*value)),
            ExpressionKind::Integer(value) => Ok(Value::Integer(*value)),
            ExpressionKind::Unsigned(value) => Ok(Value::Unsigned(*value)),
            ExpressionKind::Float(value) => Ok(Value::Float(*value)),
            ExpressionKind::String(value) => Ok(Value::String(value.clone())),
            ExpressionKind::Time(value) => Ok(Value::Time(*value)),
            ExpressionKind::Duration(parts) => match Duration::from_parts(parts) {
                Some(duration) => Ok(Value::Duration(duration)),
                None => Err(FluxError::check(expression.span, "duration out of range").into()),
            },
            ExpressionKind::Regex(source) => match crate::query::flux::regexp::compile(source) {
                Ok(regex) => Ok(Value::Regex(Arc::new(regex))),
                Err(reason) => Err(FluxError::check(expression.span, reason).into()),
            },
            // Where a label can stand, the name of the column can.
            ExpressionKind::Label(name) => Ok(Value::String(name.clone())),
            ExpressionKind::PipeReceive => {
                let message = "<- can only be the default of a parameter";
                Err(FluxError::check(expression.span, message).into())
            }
            ExpressionKind::Function(literal) => {
                let (literal, span) = (Arc::clone(literal), expression.span);
                let closure = Closure {
                    literal,
                    scope,
                    span,
                };
                Ok(Value::Function(Function::Closure(Arc::new(closure))))
            }
            _ => self.nested(expression.span, |evaluator| {
                evaluator.compound(expression, scope)
            }),
        }
    }

    fn compound(&mut self, expression: &Expression, scope: ScopeId) -> Result<Value, Failure> {
        let span = expression.span;
        match &expression.kind {
            ExpressionKind::Paren(inner) => self.expression(inner, scope),
            ExpressionKind::Pipe { .. } => self.pipe(expression, scope),
            ExpressionKind::Call { .. } => self.call(expression, scope, None),
            ExpressionKind::Member { object, property } => {
                let object = self.expression(object, scope)?;
                self.member(&object, property, span)
            }
            ExpressionKind::Index { object, index } => self.index(object, index, scope),
            ExpressionKind::Unary { operator, operand } => {
                self.unary(*operator, operand, span, scope)
            }
            ExpressionKind::Binary { .. } => self.binary(expression, scope),
            ExpressionKind::Logical { operator, parts } => {
                self.logical(*operator, parts, span, scope)
            }
            ExpressionKind::Conditional {
                test,
                then,
                otherwise,
            } => self.conditional(test, then, otherwise, scope),
            ExpressionKind::Array(items) => {
                let items: Result<Vec<_>, _> = items
                    .iter()
                    .map(|item| self.expression(item, scope))
                    .collect();
                Ok(Value::Array(Arc::new(items?)))
            }
            ExpressionKind::Dict(items) => self.dict(items, scope),
            ExpressionKind::Record { with, properties } => {
                self.record(with.as_ref(), properties, scope)
            }
            ExpressionKind::Interpolation(parts) => self.interpolation(parts, span, scope),
            // The rest is handled by `expression`.
            _ => Ok(Value::Null),
        }
    }

    pub(super) fn identifier(
        &mut self,
        name: &Name,
        span: Span,
        scope: ScopeId,
    ) -> Result<Value, Failure> {
        if let Some(value) = self.lookup(name, scope) {
            return Ok(value.clone());
        }
        let universe = &stdlib::universe::PACKAGE;
        match universe.member(name) {
            Ok(member) => {
                let value = self.library_member(member, span)?;
                self.define(Self::PRELUDE, name.clone(), value.clone());
                Ok(value)
            }
            Err(_) => Err(FluxError::check(span, stdlib::describe_undefined(name)).into()),
        }
    }

    /// A value of the library; what is written in Flux sees only the universe.
    fn library_member(&mut self, member: &Member, span: Span) -> Result<Value, Failure> {
        if let Some(value) = member.value() {
            return Ok(value);
        }
        let Member::Text(text) = member else {
            return Ok(Value::Null);
        };
        let parsed = crate::query::flux::parse::parse(text);
        let statement = parsed.file.body.first().map(|statement| &statement.kind);
        match (statement, parsed.errors.first()) {
            (Some(StatementKind::Expression(expression)), None) => {
                let value = self.expression(expression, Self::PRELUDE)?;
                Ok(value)
            }
            (_, error) => {
                let reason = error.map_or("not an expression", |error| error.message.as_str());
                let message = format!("the library itself is wrong: {reason}: {text}");
                Err(FluxError::check(span, message).into())
            }
        }
    }

    fn member(
        &mut self,
        object: &Value,
        property: &PropertyKey,
        span: Span,
    ) -> Result<Value, Failure> {
        let Value::Package(package) = object else {
            if self.missing_is_null
                && let Value::Record(record) = object
            {
                return Ok(record.get(&property.name).cloned().unwrap_or(Value::Null));
            }
            return member(object, property, span);
        };
        let key = (package.path, property.name.clone());
        if let Some(value) = self.options.get(&key) {
            return Ok(value.clone());
        }
        if let Some(value) = self.script_member(package, &property.name) {
            return Ok(value);
        }
        let found = package
            .member(&property.name)
            .map_err(|message| FluxError::check(span, message))?;
        self.library_member(found, span)
    }

    fn index(
        &mut self,
        object: &Expression,
        index: &Expression,
        scope: ScopeId,
    ) -> Result<Value, Failure> {
        let value = self.expression(object, scope)?;
        let at = self.expression(index, scope)?;
        match (&value, at) {
            (Value::Array(items), Value::Integer(at)) => {
                let item = usize::try_from(at).ok().and_then(|at| items.get(at));
                item.cloned().ok_or_else(|| {
                    let message = format!(
                        "cannot access element {at} of an array of length {}",
                        items.len()
                    );
                    FluxError::run(index.span, message).into()
                })
            }
            (Value::Record(_) | Value::Row(_), Value::String(name)) => {
                let property = PropertyKey {
                    span: index.span,
                    name,
                    quoted: true,
                };
                self.member(&value, &property, object.span.to(index.span))
            }
            (Value::Array(_), other) => Err(expected("int", &other, index.span)),
            (other, _) => Err(expected("an array", other, object.span)),
        }
    }

    fn dict(
        &mut self,
        items: &[(Expression, Expression)],
        scope: ScopeId,
    ) -> Result<Value, Failure> {
        let mut pairs = Vec::with_capacity(items.len());
        for (key, value) in items {
            pairs.push((self.expression(key, scope)?, self.expression(value, scope)?));
        }
        Ok(Value::Dict(Arc::new(pairs)))
    }

    fn record(
        &mut self,
        with: Option<&Identifier>,
        properties: &[Property],
        scope: ScopeId,
    ) -> Result<Value, Failure> {
        let mut record = RowRecord::default();
        if let Some(with) = with {
            match self.identifier(&with.name, with.span, scope)? {
                Value::Record(base) => record.fields = Arc::unwrap_or_clone(base),
                Value::Row(base) => record = Arc::unwrap_or_clone(base),
                other => return Err(expected("a record", &other, with.span)),
            }
            self.step(record.fields.len() as u64, with.span)?;
        }
        for property in properties {
            let value = self.property_value(property, scope)?;
            record.fields.insert(property.key.name.clone(), value);
        }
        Ok(record.into_value())
    }

    fn interpolation(
        &mut self,
        parts: &[StringPart],
        span: Span,
        scope: ScopeId,
    ) -> Result<Value, Failure> {
        let mut values = Vec::with_capacity(parts.len());
        for part in parts {
            let (value, span) = match part {
                StringPart::Text { value, span } => (Value::String(value.clone()), *span),
                StringPart::Expression { expression, span } => {
                    (self.expression(expression, scope)?, *span)
                }
            };
            if let Value::String(text) = &value {
                self.step(text.len() as u64 / 16, span)?;
            }
            values.push(to_text(value, span)?);
        }
        if values.iter().all(|value| matches!(value, Value::String(_))) {
            let texts = values.iter().filter_map(|value| match value {
                Value::String(text) => Some(text.as_ref()),
                _ => None,
            });
            return Ok(Value::String(texts.collect::<String>().into()));
        }
        self.built(row::join_all(&values, Expr::Concat), span)
    }

    fn conditional(
        &mut self,
        test: &Expression,
        then: &Expression,
        otherwise: &Expression,
        scope: ScopeId,
    ) -> Result<Value, Failure> {
        match self.expression(test, scope)? {
            Value::Boolean(true) => self.expression(then, scope),
            Value::Boolean(false) | Value::Null => self.expression(otherwise, scope),
            condition @ Value::Cell(_) => {
                let then_value = self.expression(then, scope)?;
                let other_value = self.expression(otherwise, scope)?;
                let joined = fold_conditional(&condition, &then_value, &other_value);
                self.built(joined, test.span.to(otherwise.span))
            }
            other => Err(expected("bool", &other, test.span)),
        }
    }
}

impl RowRecord {
    /// A plain record if nothing in it depends on the row.
    pub fn into_value(self) -> Value {
        let per_row = self.is_row
            || self
                .fields
                .values()
                .any(|value| matches!(value, Value::Cell(_) | Value::Row(_)));
        if per_row {
            Value::Row(Arc::new(self))
        } else {
            Value::Record(Arc::new(self.fields))
        }
    }
}

/// Text of one part of an interpolated string; cells stay cells.
fn to_text(value: Value, span: Span) -> Result<Value, Failure> {
    match value {
        Value::Cell(_) | Value::String(_) => Ok(value),
        Value::Duration(duration) => Ok(Value::String(duration.to_string().into())),
        Value::Null => Err(expected("string", &value, span)),
        other => match other.to_cell_value() {
            Some(scalar) => Ok(crate::query::expr::convert(Kind::String, scalar)?.into()),
            None => Err(expected("string", &other, span)),
        },
    }
}

/// `object.property`
pub fn member(object: &Value, property: &PropertyKey, span: Span) -> Result<Value, Failure> {
    let name = &property.name;
    let found = match object {
        Value::Record(record) => record.get(name).cloned(),
        Value::Row(record) => record.get(name),
        Value::Dynamic(inner) => return dynamic_member(inner, name, span),
        other => return Err(expected("a record", other, span)),
    };
    found.ok_or_else(|| FluxError::check(span, format!("record is missing label {name}")).into())
}

/// What a dynamic record lacks is null.
fn dynamic_member(object: &Value, name: &Name, span: Span) -> Result<Value, Failure> {
    let Value::Record(record) = object else {
        let found = object.type_name();
        let message = format!("cannot access property {name:?} on value of type {found}");
        return Err(FluxError::run(span, message).into());
    };
    let missing = || Value::Dynamic(Arc::new(Value::Null));
    Ok(record.get(name).cloned().unwrap_or_else(missing))
}

pub fn expected(wanted: &str, found: &Value, span: Span) -> Failure {
    FluxError::check(
        span,
        format!("expected {wanted} but found {}", found.type_name()),
    )
    .into()
}

/// Whether `exists` holds of a member without the fault that reading it would be.
pub fn is_missing(object: &Value, name: &Name) -> bool {
    match object {
        Value::Record(record) => !Record::contains_key(record, name),
        Value::Row(record) => record.get(name).is_none(),
        _ => false,
    }
}
