//! Operators and mathematical functions on values, with InfluxQL's rules for types and nulls.

use super::ast::BinaryOp;
use super::value::Value;
use std::cmp::Ordering;

/// An expression whose names are resolved to numbered slots.
#[derive(Debug, Clone)]
pub enum Node {
    Slot(usize),
    Const(Value),
    Regex(regex::Regex),
    Binary(BinaryOp, Box<Node>, Box<Node>),
    Math(Math, Vec<Node>),
}

impl Node {
    /// The value with `slots` in place of names. `float_division`: integers divide to a float.
    pub fn eval(&self, slots: &[Value], float_division: bool) -> Value {
        match self {
            Self::Slot(at) => slots.get(*at).cloned().unwrap_or(Value::Null),
            Self::Const(value) => value.clone(),
            Self::Regex(_) => Value::Null,
            Self::Binary(op, left, right) => {
                let left = left.eval(slots, float_division);
                if let Self::Regex(regex) = &**right {
                    return match_regex(*op, &left, regex);
                }
                binary(*op, left, right.eval(slots, float_division), float_division)
            }
            Self::Math(math, args) => {
                let mut values = args.iter().map(|arg| arg.eval(slots, float_division));
                let first = values.next().unwrap_or(Value::Null);
                math.apply(&first, &values.next().unwrap_or(Value::Null))
            }
        }
    }

    /// As a condition: only `true` is true.
    pub fn eval_bool(&self, slots: &[Value]) -> bool {
        self.eval(slots, true) == Value::Boolean(true)
    }
}

fn match_regex(op: BinaryOp, left: &Value, regex: &regex::Regex) -> Value {
    match left {
        Value::String(text) => Value::Boolean(regex.is_match(text) == (op == BinaryOp::Match)),
        _ => Value::Null,
    }
}

/// One operator on two values.
pub fn binary(op: BinaryOp, mut left: Value, mut right: Value, float_division: bool) -> Value {
    // A missing side counts as false beside a boolean.
    if left.is_null() && matches!(right, Value::Boolean(_)) {
        left = Value::Boolean(false);
    } else if right.is_null() && matches!(left, Value::Boolean(_)) {
        right = Value::Boolean(false);
    }
    let out = match (&left, &right) {
        (Value::Boolean(a), Value::Boolean(b)) => booleans(op, *a, *b),
        (Value::Boolean(_), _) => Some(Value::Boolean(false)),
        (Value::Integer(a), Value::Integer(b)) => integers(op, *a, *b, float_division),
        (Value::Integer(a), Value::Unsigned(_)) if *a < 0 && op.is_comparison() => {
            ordering(op, Some(Ordering::Less))
        }
        (Value::Unsigned(_), Value::Integer(b)) if *b < 0 && op.is_comparison() => {
            ordering(op, Some(Ordering::Greater))
        }
        #[expect(
            clippy::cast_sign_loss,
            reason = "InfluxQL wraps negative numbers here"
        )]
        (Value::Integer(a), Value::Unsigned(b)) => unsigneds(op, *a as u64, *b),
        #[expect(
            clippy::cast_sign_loss,
            reason = "InfluxQL wraps negative numbers here"
        )]
        (Value::Unsigned(a), Value::Integer(b)) => unsigneds(op, *a, *b as u64),
        (Value::Unsigned(a), Value::Unsigned(b)) => unsigneds(op, *a, *b),
        (Value::String(a), Value::String(b)) => match op {
            BinaryOp::Eq => Some(Value::Boolean(a == b)),
            BinaryOp::NotEq => Some(Value::Boolean(a != b)),
            _ => None,
        },
        _ => match (left.as_f64(), right.as_f64()) {
            (Some(a), Some(b)) => floats(op, a, b),
            _ => None,
        },
    };
    // What can't be compared is not equal, nor unequal.
    out.unwrap_or(if op.is_comparison() && !op.is_regex() {
        Value::Boolean(false)
    } else {
        Value::Null
    })
}

fn booleans(op: BinaryOp, a: bool, b: bool) -> Option<Value> {
    Some(Value::Boolean(match op {
        BinaryOp::And | BinaryOp::BitAnd => a && b,
        BinaryOp::Or | BinaryOp::BitOr => a || b,
        BinaryOp::BitXor | BinaryOp::NotEq => a != b,
        BinaryOp::Eq => a == b,
        _ => return None,
    }))
}

/// A comparison's result from how its sides are ordered; `None` if not ordered (NaN).
pub fn ordering(op: BinaryOp, order: Option<Ordering>) -> Option<Value> {
    Some(Value::Boolean(match op {
        BinaryOp::Eq => order == Some(Ordering::Equal),
        BinaryOp::NotEq => order != Some(Ordering::Equal),
        BinaryOp::Less => order == Some(Ordering::Less),
        BinaryOp::LessEq => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        BinaryOp::Greater => order == Some(Ordering::Greater),
        BinaryOp::GreaterEq => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        _ => return None,
    }))
}

fn floats(op: BinaryOp, a: f64, b: f64) -> Option<Value> {
    if op.is_comparison() {
        return ordering(op, a.partial_cmp(&b));
    }
    Some(Value::Float(match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div if b == 0.0 => 0.0,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        _ => return None,
    }))
}

fn integers(op: BinaryOp, a: i64, b: i64, float_division: bool) -> Option<Value> {
    if op.is_comparison() {
        return ordering(op, Some(a.cmp(&b)));
    }
    Some(Value::Integer(match op {
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Sub => a.wrapping_sub(b),
        BinaryOp::Mul => a.wrapping_mul(b),
        #[expect(clippy::cast_precision_loss, reason = "InfluxQL divides as floats")]
        BinaryOp::Div if float_division => return floats(op, a as f64, b as f64),
        BinaryOp::Div | BinaryOp::Mod if b == 0 => 0,
        BinaryOp::Div => a.wrapping_div(b),
        BinaryOp::Mod => a.wrapping_rem(b),
        BinaryOp::BitAnd => a & b,
        BinaryOp::BitOr => a | b,
        BinaryOp::BitXor => a ^ b,
        _ => return None,
    }))
}

fn unsigneds(op: BinaryOp, a: u64, b: u64) -> Option<Value> {
    if op.is_comparison() {
        return ordering(op, Some(a.cmp(&b)));
    }
    Some(Value::Unsigned(match op {
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Sub => a.wrapping_sub(b),
        BinaryOp::Mul => a.wrapping_mul(b),
        BinaryOp::Div => a.checked_div(b).unwrap_or(0),
        BinaryOp::Mod => a.checked_rem(b).unwrap_or(0),
        BinaryOp::BitAnd => a & b,
        BinaryOp::BitOr => a | b,
        BinaryOp::BitXor => a ^ b,
        _ => return None,
    }))
}

/// Functions of one point's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Math {
    Abs,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Atan2,
    Exp,
    Log,
    Ln,
    Log2,
    Log10,
    Sqrt,
    Pow,
    Floor,
    Ceil,
    Round,
}

impl Math {
    pub fn of(name: &str) -> Option<Self> {
        Some(match name {
            "abs" => Self::Abs,
            "sin" => Self::Sin,
            "cos" => Self::Cos,
            "tan" => Self::Tan,
            "asin" => Self::Asin,
            "acos" => Self::Acos,
            "atan" => Self::Atan,
            "atan2" => Self::Atan2,
            "exp" => Self::Exp,
            "log" => Self::Log,
            "ln" => Self::Ln,
            "log2" => Self::Log2,
            "log10" => Self::Log10,
            "sqrt" => Self::Sqrt,
            "pow" => Self::Pow,
            "floor" => Self::Floor,
            "ceil" => Self::Ceil,
            "round" => Self::Round,
            _ => return None,
        })
    }

    pub const fn arity(self) -> usize {
        if matches!(self, Self::Atan2 | Self::Log | Self::Pow) {
            2
        } else {
            1
        }
    }

    /// Whether the result has the argument's type; else it is a float.
    pub const fn keeps_type(self) -> bool {
        matches!(self, Self::Abs | Self::Floor | Self::Ceil | Self::Round)
    }

    pub fn apply(self, first: &Value, second: &Value) -> Value {
        if self.keeps_type() {
            match first {
                Value::Integer(value) if self == Self::Abs => {
                    return Value::Integer(value.wrapping_abs());
                }
                Value::Integer(_) | Value::Unsigned(_) => return first.clone(),
                _ => {}
            }
        }
        let Some(x) = first.as_f64() else {
            return Value::Null;
        };
        let out = match self {
            Self::Abs => x.abs(),
            Self::Sin => x.sin(),
            Self::Cos => x.cos(),
            Self::Tan => x.tan(),
            Self::Asin => x.asin(),
            Self::Acos => x.acos(),
            Self::Atan => x.atan(),
            Self::Exp => x.exp(),
            Self::Ln => x.ln(),
            Self::Log2 => x.log2(),
            Self::Log10 => x.log10(),
            Self::Sqrt => x.sqrt(),
            Self::Floor => x.floor(),
            Self::Ceil => x.ceil(),
            Self::Round => x.round(),
            Self::Atan2 | Self::Log | Self::Pow => {
                let Some(y) = second.as_f64() else {
                    return Value::Null;
                };
                match self {
                    Self::Atan2 => x.atan2(y),
                    Self::Pow => x.powf(y),
                    _ => x.ln() / y.ln(),
                }
            }
        };
        // Out of the function's domain.
        if out.is_nan() || out.is_infinite() {
            Value::Null
        } else {
            Value::Float(out)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_divide_to_floats_and_by_zero_to_zero() {
        let div = |a, b| binary(BinaryOp::Div, Value::Integer(a), Value::Integer(b), true);
        assert_eq!(div(7, 2), Value::Float(3.5));
        assert_eq!(div(7, 0), Value::Float(0.0));
        let div = binary(BinaryOp::Div, Value::Integer(7), Value::Integer(2), false);
        assert_eq!(div, Value::Integer(3));
    }

    #[test]
    fn nulls_are_neither_equal_nor_unequal() {
        for op in [BinaryOp::Eq, BinaryOp::NotEq, BinaryOp::Less] {
            assert_eq!(
                binary(op, Value::Null, Value::Integer(1), true),
                Value::Boolean(false)
            );
        }
        assert_eq!(
            binary(BinaryOp::Add, Value::Null, Value::Integer(1), true),
            Value::Null
        );
    }

    #[test]
    fn negative_integers_are_below_all_unsigned() {
        let less = |a, b| binary(BinaryOp::Less, a, b, true);
        assert_eq!(
            less(Value::Integer(-1), Value::Unsigned(0)),
            Value::Boolean(true)
        );
        assert_eq!(
            less(Value::Unsigned(0), Value::Integer(-1)),
            Value::Boolean(false)
        );
    }
}
