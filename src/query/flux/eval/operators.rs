//! Operators. Known values are computed; with a value of the row they make an expression.

use super::expression::{expected, is_missing};
use super::{Evaluator, ScopeId};
use crate::query::context::QueryError;
use crate::query::expr::{self, BinaryOp, Expr, UnaryOp};
use crate::query::flux::ast::{
    BinaryOperator, Expression, ExpressionKind, LogicalOperator, UnaryOperator,
};
use crate::query::flux::error::{Failure, FluxError};
use crate::query::flux::row::{self, NoCell, RowRecord};
use crate::query::flux::span::Span;
use crate::query::flux::value::Value;
use crate::query::plan::Duration;
use std::sync::Arc;

impl Evaluator<'_> {
    pub(super) fn unary(
        &mut self,
        operator: UnaryOperator,
        operand: &Expression,
        span: Span,
        scope: ScopeId,
    ) -> Result<Value, Failure> {
        if operator == UnaryOperator::Exists
            && let ExpressionKind::Member { object, property } = &operand.kind
        {
            let object = self.expression(object, scope)?;
            if is_missing(&object, &property.name) {
                return Ok(Value::Boolean(false));
            }
        }
        let value = self.expression(operand, scope)?;
        match (operator, &value) {
            (UnaryOperator::Exists, Value::Cell(_)) => self.built(
                row::join([&value], |[cell]| Expr::Exists(Box::new(cell))),
                span,
            ),
            (UnaryOperator::Exists, known) => {
                Ok(Value::Boolean(!matches!(known.undressed(), Value::Null)))
            }
            (UnaryOperator::Not, Value::Boolean(value)) => Ok(Value::Boolean(!value)),
            (UnaryOperator::Not, Value::Cell(_)) => {
                let make = |[cell]: [Expr; 1]| Expr::Unary(UnaryOp::Not, Box::new(cell));
                self.built(row::join([&value], make), span)
            }
            (UnaryOperator::Minus, Value::Cell(_)) => {
                let make = |[cell]: [Expr; 1]| Expr::Unary(UnaryOp::Negate, Box::new(cell));
                self.built(row::join([&value], make), span)
            }
            (UnaryOperator::Minus, Value::Integer(value)) => {
                Ok(Value::Integer(value.wrapping_neg()))
            }
            (UnaryOperator::Minus, Value::Float(value)) => Ok(Value::Float(-value)),
            (UnaryOperator::Minus, Value::Duration(value)) => value
                .checked_neg()
                .map(Value::Duration)
                .ok_or_else(|| FluxError::run(span, "duration out of range").into()),
            (
                UnaryOperator::Plus,
                Value::Integer(_) | Value::Float(_) | Value::Duration(_) | Value::Cell(_),
            ) => Ok(value),
            (_, Value::Null) => Ok(Value::Null),
            (UnaryOperator::Not, other) => Err(expected("bool", other, operand.span)),
            (_, other) => {
                let message = format!("{} is not Negatable", other.type_name());
                Err(FluxError::check(operand.span, message).into())
            }
        }
    }

    /// `a + b + c`: chains lean to the left, so not by recursion.
    pub(super) fn binary(
        &mut self,
        expression: &Expression,
        scope: ScopeId,
    ) -> Result<Value, Failure> {
        let mut steps = Vec::new();
        let mut at = expression;
        while let ExpressionKind::Binary {
            operator,
            left,
            right,
        } = &at.kind
        {
            steps.push((*operator, &**right, at.span));
            at = left;
        }
        let mut left = self.expression(at, scope)?;
        let mut left_span = at.span;
        for (operator, right, span) in steps.into_iter().rev() {
            let right_value = self.expression(right, scope)?;
            let operands = Operands {
                left: &left,
                left_span,
                right: &right_value,
                right_span: right.span,
                span,
            };
            self.step(operands.nodes(), span)?;
            left = operands.apply(operator)?;
            left_span = span;
        }
        Ok(left)
    }

    /// `and` and `or`, left to right until the outcome is certain.
    pub(super) fn logical(
        &mut self,
        operator: LogicalOperator,
        parts: &[Expression],
        span: Span,
        scope: ScopeId,
    ) -> Result<Value, Failure> {
        let decisive = operator == LogicalOperator::Or;
        let mut open: Vec<Value> = Vec::new();
        for part in parts {
            let value = self.expression(part, scope)?;
            match value {
                Value::Boolean(value) if value == decisive && open.is_empty() => {
                    return Ok(Value::Boolean(decisive));
                }
                Value::Boolean(value) if value == decisive => {
                    open.push(Value::Boolean(decisive));
                    break;
                }
                Value::Boolean(_) => {}
                Value::Cell(_) | Value::Null => open.push(value),
                other => return Err(expected("bool", &other, part.span)),
            }
        }
        if !open.iter().any(|part| matches!(part, Value::Cell(_))) {
            let decided = open.iter().find(|part| !matches!(part, Value::Null));
            return Ok(match (decided, open.first()) {
                (Some(decided), _) => decided.clone(),
                (None, Some(null)) => null.clone(),
                (None, None) => Value::Boolean(!decisive),
            });
        }
        let op = if decisive {
            BinaryOp::Or
        } else {
            BinaryOp::And
        };
        let make = |left, right| Expr::Binary(op, Box::new(left), Box::new(right));
        let joined = row::join_balanced(&open, &make);
        self.built(
            joined.map(|joined| joined.unwrap_or(Value::Boolean(!decisive))),
            span,
        )
    }
}

struct Operands<'v> {
    left: &'v Value,
    left_span: Span,
    right: &'v Value,
    right_span: Span,
    span: Span,
}

impl Operands<'_> {
    /// How much is copied.
    fn nodes(&self) -> u64 {
        let of = |value: &Value| match value {
            Value::Cell(cell) => u64::from(cell.nodes),
            Value::Array(items) => items.len() as u64,
            Value::String(text) => text.len() as u64 / 16,
            _ => 1,
        };
        of(self.left) + of(self.right)
    }

    fn apply(&self, operator: BinaryOperator) -> Result<Value, Failure> {
        if matches!(operator, BinaryOperator::Match | BinaryOperator::NotMatch) {
            return self.matches(operator == BinaryOperator::Match);
        }
        let op = plain_operator(operator);
        match (self.left, self.right) {
            (Value::Cell(_), _) | (_, Value::Cell(_)) => {
                row::join([self.left, self.right], |[left, right]| {
                    Expr::Binary(op, Box::new(left), Box::new(right))
                })
                .map_err(|reason| row::fault(self.span, &reason))
            }
            (Value::Duration(_), _)
            | (_, Value::Duration(_))
            | (Value::Time(_), Value::Time(_)) => self.time_arithmetic(operator),
            _ => match (self.left.to_cell_value(), self.right.to_cell_value()) {
                (Some(left), Some(right)) => {
                    self.check_types(operator)?;
                    expr::binary(op, left, right)
                        .map(Value::from)
                        .map_err(|e| self.at(e))
                }
                _ => self.equality(operator),
            },
        }
    }

    /// Puts the place to a fault of the shared operators.
    fn at(&self, error: QueryError) -> Failure {
        match error {
            QueryError::Invalid(message) => FluxError::run(self.span, message).into(),
            other => other.into(),
        }
    }

    /// What type inference would refuse: operands of two types, or of types without the operation.
    fn check_types(&self, operator: BinaryOperator) -> Result<(), Failure> {
        use BinaryOperator as B;
        let (left, right) = (self.left, self.right);
        if matches!(left, Value::Null) || matches!(right, Value::Null) {
            return Ok(());
        }
        let number = |value: &Value| {
            matches!(
                value,
                Value::Integer(_) | Value::Unsigned(_) | Value::Float(_)
            )
        };
        let (kind, allowed): (&str, &dyn Fn(&Value) -> bool) = match operator {
            B::Add => ("Addable", &|value| {
                number(value) || matches!(value, Value::String(_))
            }),
            B::Subtract => ("Subtractable", &number),
            B::Multiply | B::Divide | B::Modulo | B::Power => ("Divisible", &number),
            B::Equal | B::NotEqual => ("Equatable", &|_| true),
            _ => ("Comparable", &|value| !matches!(value, Value::Boolean(_))),
        };
        for (value, span) in [(left, self.left_span), (right, self.right_span)] {
            if !allowed(value) {
                let message = format!("{} is not {kind}", value.type_name());
                return Err(FluxError::check(span, message).into());
            }
        }
        let compares = matches!(kind, "Equatable" | "Comparable");
        let same = left.type_name() == right.type_name();
        if same || (compares && number(left) && number(right)) {
            return Ok(());
        }
        Err(expected(left.type_name(), right, self.right_span))
    }

    fn equality(&self, operator: BinaryOperator) -> Result<Value, Failure> {
        let wanted = match operator {
            BinaryOperator::Equal => true,
            BinaryOperator::NotEqual => false,
            _ => {
                let message = format!(
                    "unsupported binary expression {} {} {}",
                    self.left.type_name(),
                    operator.text(),
                    self.right.type_name()
                );
                return Err(FluxError::check(self.span, message).into());
            }
        };
        match self.left.equals(self.right) {
            Some(equal) => Ok(Value::Boolean(equal == wanted)),
            None => Err(expected(self.left.type_name(), self.right, self.right_span)),
        }
    }

    fn matches(&self, wanted: bool) -> Result<Value, Failure> {
        let Value::Regex(regex) = self.right else {
            return Err(expected("regexp", self.right, self.right_span));
        };
        match self.left {
            Value::String(text) => Ok(Value::Boolean(regex.is_match(text) == wanted)),
            Value::Null => Ok(Value::Null),
            Value::Cell(_) => {
                let regex = regex::Regex::clone(regex);
                row::join([self.left], |[cell]| {
                    Expr::Match(Box::new(cell), regex, wanted)
                })
                .map_err(|reason| row::fault(self.span, &reason))
            }
            other => Err(expected("string", other, self.left_span)),
        }
    }

    fn time_arithmetic(&self, operator: BinaryOperator) -> Result<Value, Failure> {
        use BinaryOperator as B;
        let beyond = || FluxError::run(self.span, "the time or duration is out of range");
        let sum = |a: Duration, b: Duration| {
            Some(Value::Duration(Duration {
                months: a.months.checked_add(b.months)?,
                nanoseconds: a.nanoseconds.checked_add(b.nanoseconds)?,
            }))
        };
        let result = match (operator, self.left, self.right) {
            (B::Add, Value::Time(time), Value::Duration(length))
            | (B::Add, Value::Duration(length), Value::Time(time)) => {
                length.add_to(*time).map(Value::Time)
            }
            (B::Subtract, Value::Time(time), Value::Duration(length)) => length
                .checked_neg()
                .and_then(|length| length.add_to(*time))
                .map(Value::Time),
            (B::Subtract, Value::Time(a), Value::Time(b)) => a
                .checked_sub(*b)
                .map(|length| Value::Duration(Duration::nanoseconds(length))),
            (B::Add, Value::Duration(a), Value::Duration(b)) => sum(*a, *b),
            (B::Subtract, Value::Duration(a), Value::Duration(b)) => {
                b.checked_neg().and_then(|b| sum(*a, b))
            }
            (B::Add | B::Subtract, left @ (Value::Time(_) | Value::Duration(_)), right) => {
                return Err(expected(left.type_name(), right, self.right_span));
            }
            _ => return self.compare_times(operator),
        };
        Ok(result.ok_or_else(beyond)?)
    }

    fn compare_times(&self, operator: BinaryOperator) -> Result<Value, Failure> {
        let order = match (self.left, self.right) {
            (Value::Time(a), Value::Time(b)) => a.cmp(b),
            (Value::Duration(a), Value::Duration(b)) => {
                (a.months, a.nanoseconds).cmp(&(b.months, b.nanoseconds))
            }
            _ => return self.equality(operator),
        };
        Ok(Value::Boolean(match operator {
            BinaryOperator::Equal => order.is_eq(),
            BinaryOperator::NotEqual => order.is_ne(),
            BinaryOperator::Less => order.is_lt(),
            BinaryOperator::LessEqual => order.is_le(),
            BinaryOperator::Greater => order.is_gt(),
            BinaryOperator::GreaterEqual => order.is_ge(),
            _ => return self.equality(operator),
        }))
    }
}

const fn plain_operator(operator: BinaryOperator) -> BinaryOp {
    use BinaryOperator as B;
    match operator {
        B::Add => BinaryOp::Add,
        B::Subtract => BinaryOp::Subtract,
        B::Multiply => BinaryOp::Multiply,
        B::Divide => BinaryOp::Divide,
        B::Modulo => BinaryOp::Modulo,
        B::Power => BinaryOp::Power,
        B::Less => BinaryOp::Less,
        B::LessEqual => BinaryOp::LessOrEqual,
        B::Greater => BinaryOp::Greater,
        B::GreaterEqual => BinaryOp::GreaterOrEqual,
        B::NotEqual | B::NotMatch => BinaryOp::NotEqual,
        B::Equal | B::Match => BinaryOp::Equal,
    }
}

/// `if` on a value of the row. Records are joined field by field.
pub(super) fn fold_conditional(
    test: &Value,
    then: &Value,
    otherwise: &Value,
) -> Result<Value, NoCell> {
    let (Some(left), Some(right)) = (as_row(then), as_row(otherwise)) else {
        return row::join([test, then, otherwise], |[test, then, otherwise]| {
            Expr::If(Box::new(test), Box::new(then), Box::new(otherwise))
        });
    };
    let mut joined = RowRecord {
        is_row: left.is_row && right.is_row,
        ..RowRecord::default()
    };
    for name in left.fields.keys().chain(right.fields.keys()) {
        if joined.fields.contains_key(name) {
            continue;
        }
        let (Some(then), Some(otherwise)) = (left.get(name), right.get(name)) else {
            return Err(NoCell::Type("record with other labels in the other branch"));
        };
        joined
            .fields
            .insert(name.clone(), fold_conditional(test, &then, &otherwise)?);
    }
    if left.is_row != right.is_row {
        return Err(NoCell::Type("record with other labels in the other branch"));
    }
    Ok(Value::Row(Arc::new(joined)))
}

fn as_row(value: &Value) -> Option<RowRecord> {
    match value {
        Value::Row(record) => Some(RowRecord::clone(record)),
        Value::Record(record) => Some(RowRecord {
            is_row: false,
            fields: record.as_ref().clone(),
        }),
        _ => None,
    }
}
