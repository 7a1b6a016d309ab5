//! Folding of constants, and what a WHERE clause says about time.

use super::ast::{Binary, BinaryOp, Expr};
use super::error::{Result, StatementError};
use super::eval::{Math, binary};
use super::parse::parse_time_text;
use super::value::Value;
use crate::model::{TIME_MAX, TIME_MIN};

/// What constants may refer to.
#[derive(Debug, Clone, Copy)]
pub struct Constants {
    /// `now()`, nanoseconds.
    pub now_ns: i64,
    pub zone: Option<chrono_tz::Tz>,
}

/// Both ends inclusive, nanoseconds; `None`: open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeBounds {
    pub min: Option<i64>,
    pub max: Option<i64>,
}

impl TimeBounds {
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        Self {
            min: self.min.max(other.min),
            max: match (self.max, other.max) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
        }
    }
}

impl Constants {
    /// Replaces expressions of constants by their values.
    pub fn fold(&self, expr: &mut Expr) {
        expr.rewrite(&mut |part| {
            let folded = match part {
                Expr::Binary(binary) => self.fold_binary(binary),
                Expr::Call(call) if call.name == "now" && call.args.is_empty() => {
                    Some(Expr::Time(self.now_ns))
                }
                Expr::Call(call) => fold_math(&call.name, &call.args),
                Expr::Paren(inner) if is_constant(inner) => Some((**inner).clone()),
                _ => None,
            };
            if let Some(folded) = folded {
                *part = folded;
            }
        });
    }

    fn fold_binary(&self, parts: &Binary) -> Option<Expr> {
        let (left, right) = (&parts.left, &parts.right);
        if let Some(folded) = self.fold_times(parts.op, left, right) {
            return Some(folded);
        }
        if let (BinaryOp::And | BinaryOp::Or, Some(folded)) =
            (parts.op, fold_logic(parts.op, left, right))
        {
            return Some(folded);
        }
        let (left, right) = (constant(left)?, constant(right)?);
        expr_of(binary(parts.op, left, right, true))
    }

    /// Arithmetic that involves times or durations.
    fn fold_times(&self, op: BinaryOp, left: &Expr, right: &Expr) -> Option<Expr> {
        use BinaryOp::{Add, Div, Mul, Sub};
        match (left, op, right) {
            (Expr::Duration(a), Add, Expr::Duration(b)) => Some(Expr::Duration(a.wrapping_add(*b))),
            (Expr::Duration(a), Sub, Expr::Duration(b)) => Some(Expr::Duration(a.wrapping_sub(*b))),
            (Expr::Duration(a), Mul, Expr::Integer(b))
            | (Expr::Integer(a), Mul, Expr::Duration(b)) => {
                Some(Expr::Duration(a.wrapping_mul(*b)))
            }
            (Expr::Duration(a), Div, Expr::Integer(b)) => {
                Some(Expr::Duration(a.checked_div(*b).unwrap_or(0)))
            }
            (Expr::Time(a), Sub, Expr::Time(b)) => Some(Expr::Duration(a.wrapping_sub(*b))),
            (Expr::Time(a), Add, Expr::Duration(b) | Expr::Integer(b))
            | (Expr::Integer(a), Add, Expr::Duration(b))
            | (Expr::Duration(b) | Expr::Integer(b), Add, Expr::Time(a)) => {
                Some(Expr::Time(a.saturating_add(*b)))
            }
            (Expr::Time(a), Sub, Expr::Duration(b) | Expr::Integer(b))
            | (Expr::Integer(a), Sub, Expr::Duration(b)) => Some(Expr::Time(a.saturating_sub(*b))),
            (Expr::String(text), Add | Sub, Expr::Duration(_)) => {
                let time = Expr::Time(parse_time_text(text, self.zone)?);
                self.fold_times(op, &time, right)
            }
            (Expr::Duration(_), Add, Expr::String(text)) => {
                let time = Expr::Time(parse_time_text(text, self.zone)?);
                self.fold_times(op, left, &time)
            }
            _ => None,
        }
    }

    /// Takes the comparisons with `time` out of a condition. The rest, if any, is about fields and tags.
    pub fn split_condition(&self, condition: &Expr) -> Result<(Option<Expr>, TimeBounds)> {
        match condition {
            Expr::Binary(parts) if matches!(parts.op, BinaryOp::And | BinaryOp::Or) => {
                let (left, left_time) = self.split_condition(&parts.left)?;
                let (right, right_time) = self.split_condition(&parts.right)?;
                let rest = match (left, right) {
                    (Some(left), Some(right)) => Some(
                        fold_logic(parts.op, &left, &right)
                            .unwrap_or_else(|| Expr::binary(parts.op, left, right)),
                    ),
                    (left, right) => left.or(right),
                };
                // Bounds are intersected whatever the operator: InfluxQL has no OR of times.
                Ok((rest, left_time.intersect(right_time)))
            }
            Expr::Binary(parts) if is_time(&parts.left) => {
                Ok((None, self.time_bounds(parts.op, &parts.right)?))
            }
            Expr::Binary(parts) if is_time(&parts.right) => {
                Ok((None, self.time_bounds(parts.op.swapped(), &parts.left)?))
            }
            Expr::Binary(_) => {
                let mut rest = condition.clone();
                self.fold(&mut rest);
                Ok((Some(rest), TimeBounds::default()))
            }
            Expr::Paren(inner) => {
                let (rest, bounds) = self.split_condition(inner)?;
                let rest = rest.map(|rest| match rest {
                    Expr::Binary(_) => Expr::Paren(Box::new(rest)),
                    other => other,
                });
                Ok((rest, bounds))
            }
            Expr::Boolean(_) => Ok((Some(condition.clone()), TimeBounds::default())),
            other => Err(StatementError::invalid(format!(
                "invalid condition expression: {other}"
            ))),
        }
    }

    fn time_bounds(&self, op: BinaryOp, other: &Expr) -> Result<TimeBounds> {
        let time = self.time_of(other)?;
        let (min, max) = match op {
            BinaryOp::Greater => (Some(time.saturating_add(1)), None),
            BinaryOp::GreaterEq => (Some(time), None),
            BinaryOp::Less => (None, Some(time.saturating_sub(1))),
            BinaryOp::LessEq => (None, Some(time)),
            BinaryOp::Eq => (Some(time), Some(time)),
            op => {
                let symbol = op.symbol();
                return Err(StatementError::invalid(format!(
                    "invalid time comparison operator: {symbol}"
                )));
            }
        };
        Ok(TimeBounds { min, max })
    }

    /// A constant that `time` is compared with.
    fn time_of(&self, expr: &Expr) -> Result<i64> {
        let mut expr = expr.clone();
        self.fold(&mut expr);
        match expr.bare() {
            Expr::Time(ns) if (TIME_MIN..=TIME_MAX).contains(ns) => Ok(*ns),
            Expr::Time(ns) => {
                let what = if *ns < 0 { "underflows" } else { "overflows" };
                Err(StatementError::invalid(format!(
                    "time {ns} {what} time literal"
                )))
            }
            Expr::Duration(ns) | Expr::Integer(ns) => Ok(*ns),
            #[expect(clippy::cast_possible_truncation, reason = "as InfluxQL rounds times")]
            Expr::Number(ns) => Ok(*ns as i64),
            Expr::String(text) if super::parse::looks_like_time(text) => {
                parse_time_text(text, self.zone)
                    .ok_or_else(|| StatementError::invalid("invalid timestamp string"))
            }
            other => Err(StatementError::invalid(format!(
                "invalid operation: time and {} are not compatible",
                go_type(other)
            ))),
        }
    }
}

fn is_time(expr: &Expr) -> bool {
    matches!(expr, Expr::Var(var) if var.name.eq_ignore_ascii_case("time"))
}

fn is_constant(expr: &Expr) -> bool {
    !matches!(
        expr,
        Expr::Var(_)
            | Expr::Call(_)
            | Expr::Binary(_)
            | Expr::Paren(_)
            | Expr::Wildcard(_)
            | Expr::Distinct(_)
            | Expr::Regex(_)
    )
}

/// AND and OR where one side is known.
fn fold_logic(op: BinaryOp, left: &Expr, right: &Expr) -> Option<Expr> {
    let (known, other) = match (left, right) {
        (Expr::Boolean(known), other) | (other, Expr::Boolean(known)) => (*known, other),
        _ => return None,
    };
    Some(if known == (op == BinaryOp::Or) {
        Expr::Boolean(known)
    } else {
        other.clone()
    })
}

fn fold_math(name: &str, args: &[Expr]) -> Option<Expr> {
    let math = Math::of(name).filter(|math| math.arity() == args.len())?;
    let first = constant(args.first()?)?;
    let second = args.get(1).map_or(Some(Value::Null), constant)?;
    expr_of(math.apply(&first, &second))
}

/// A literal's value.
pub fn constant(expr: &Expr) -> Option<Value> {
    Some(match expr {
        Expr::Number(value) => Value::Float(*value),
        Expr::Integer(value) => Value::Integer(*value),
        Expr::Unsigned(value) => Value::Unsigned(*value),
        Expr::Boolean(value) => Value::Boolean(*value),
        Expr::String(text) => Value::string(text),
        _ => return None,
    })
}

fn expr_of(value: Value) -> Option<Expr> {
    Some(match value {
        Value::Float(value) => Expr::Number(value),
        Value::Integer(value) => Expr::Integer(value),
        Value::Unsigned(value) => Expr::Unsigned(value),
        Value::Boolean(value) => Expr::Boolean(value),
        Value::String(text) => Expr::String(text.to_string()),
        Value::Null | Value::Time(_) => return None,
    })
}

/// The kind of an expression as InfluxDB's messages call it.
pub const fn go_type(expr: &Expr) -> &'static str {
    match expr {
        Expr::Var(_) => "*influxql.VarRef",
        Expr::Call(_) => "*influxql.Call",
        Expr::Binary(_) => "*influxql.BinaryExpr",
        Expr::Paren(_) => "*influxql.ParenExpr",
        Expr::Wildcard(_) => "*influxql.Wildcard",
        Expr::Distinct(_) => "*influxql.Distinct",
        Expr::Number(_) => "*influxql.NumberLiteral",
        Expr::Integer(_) => "*influxql.IntegerLiteral",
        Expr::Unsigned(_) => "*influxql.UnsignedLiteral",
        Expr::Boolean(_) => "*influxql.BooleanLiteral",
        Expr::String(_) => "*influxql.StringLiteral",
        Expr::Duration(_) => "*influxql.DurationLiteral",
        Expr::Time(_) => "*influxql.TimeLiteral",
        Expr::Regex(_) => "*influxql.RegexLiteral",
    }
}
