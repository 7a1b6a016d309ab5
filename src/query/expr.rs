//! Expressions over the cells of one row: what the functions of `filter` and `map` compile to.

use super::context::QueryError;
use super::table::{Kind, Table, Value};
use regex::Regex;
use std::cmp::Ordering;
use std::sync::Arc;

#[derive(Debug, Clone)]
pub enum Expr {
    Literal(Value),
    /// A column that the table lacks is null.
    Column(Arc<str>),
    Unary(UnaryOp, Box<Expr>),
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `true` for `=~`, `false` for `!~`.
    Match(Box<Expr>, Regex, bool),
    Exists(Box<Expr>),
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    /// A conversion: `float(v:)`, `string(v:)` and so on.
    Convert(Kind, Box<Expr>),
    /// A named function of numbers or strings.
    Call(Function, Vec<Expr>),
    /// Pieces of an interpolated string.
    Concat(Vec<Expr>),
    /// A function of the library, called for each row.
    Native(Arc<dyn RowFunction>, Vec<Expr>),
}

/// A function that an expression calls with the values of a row.
pub trait RowFunction: std::fmt::Debug + Send + Sync {
    fn call(&self, arguments: Vec<Value>) -> Result<Value, QueryError>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOp {
    Not,
    Negate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
}

impl BinaryOp {
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Power => "^",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::And => "and",
            Self::Or => "or",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    Abs,
    Ceil,
    Floor,
    Round,
    Sqrt,
    Exp,
    Log,
    ToLower,
    ToUpper,
    TrimSpace,
    StrLen,
    ContainsStr,
    HasPrefix,
    HasSuffix,
    ReplaceAll,
}

impl Expr {
    /// The value for one row. Nulls make nulls, except in `and`, `or` and `exists`.
    pub fn eval(&self, table: &Table, row: usize) -> Result<Value, QueryError> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Column(label) => Ok(table.value(label, row)),
            Self::Unary(op, operand) => unary(*op, operand.eval(table, row)?),
            Self::Binary(BinaryOp::And, left, right) => {
                logical(left.eval(table, row)?, false, || right.eval(table, row))
            }
            Self::Binary(BinaryOp::Or, left, right) => {
                logical(left.eval(table, row)?, true, || right.eval(table, row))
            }
            Self::Binary(op, left, right) => {
                binary(*op, left.eval(table, row)?, right.eval(table, row)?)
            }
            Self::Match(operand, regex, wanted) => match operand.eval(table, row)? {
                Value::Null => Ok(Value::Null),
                Value::String(text) => Ok(Value::Boolean(regex.is_match(&text) == *wanted)),
                other => Err(type_error("a regular expression matches strings", &other)),
            },
            Self::Exists(operand) => Ok(Value::Boolean(operand.eval(table, row)? != Value::Null)),
            Self::If(condition, then, otherwise) => match condition.eval(table, row)? {
                Value::Boolean(true) => then.eval(table, row),
                Value::Boolean(false) | Value::Null => otherwise.eval(table, row),
                other => Err(type_error("the condition of if must be bool", &other)),
            },
            Self::Convert(kind, operand) => convert(*kind, operand.eval(table, row)?),
            Self::Call(function, arguments) => {
                let values: Result<Vec<_>, _> = arguments
                    .iter()
                    .map(|argument| argument.eval(table, row))
                    .collect();
                call(*function, &values?)
            }
            Self::Native(function, arguments) => {
                let values: Result<Vec<_>, _> = arguments
                    .iter()
                    .map(|argument| argument.eval(table, row))
                    .collect();
                function.call(values?)
            }
            Self::Concat(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match convert(Kind::String, piece.eval(table, row)?)? {
                        Value::String(piece) => text.push_str(&piece),
                        _ => return Ok(Value::Null),
                    }
                }
                Ok(Value::String(text.into()))
            }
        }
    }

    /// Whether a predicate holds; null does not.
    pub fn holds(&self, table: &Table, row: usize) -> Result<bool, QueryError> {
        match self.eval(table, row)? {
            Value::Boolean(holds) => Ok(holds),
            Value::Null => Ok(false),
            other => Err(type_error("a predicate must be bool", &other)),
        }
    }
}

fn type_error(what: &str, got: &Value) -> QueryError {
    let got = got.kind().map_or("null", Kind::name);
    QueryError::Invalid(format!("type error: {what}, got {got}"))
}

fn unary(op: UnaryOp, operand: Value) -> Result<Value, QueryError> {
    match (op, operand) {
        (_, Value::Null) => Ok(Value::Null),
        (UnaryOp::Not, Value::Boolean(value)) => Ok(Value::Boolean(!value)),
        (UnaryOp::Negate, Value::Float(value)) => Ok(Value::Float(-value)),
        (UnaryOp::Negate, Value::Integer(value)) => Ok(Value::Integer(value.wrapping_neg())),
        (UnaryOp::Not, other) => Err(type_error("not takes a bool", &other)),
        (UnaryOp::Negate, other) => Err(type_error("- takes a number", &other)),
    }
}

/// `decisive` is the value that settles the matter: false for `and`, true for `or`.
fn logical(
    left: Value,
    decisive: bool,
    right: impl FnOnce() -> Result<Value, QueryError>,
) -> Result<Value, QueryError> {
    match left {
        Value::Boolean(value) if value == decisive => return Ok(Value::Boolean(decisive)),
        Value::Boolean(_) | Value::Null => {}
        other => return Err(type_error("and and or take bools", &other)),
    }
    match right()? {
        Value::Boolean(value) if value == decisive => Ok(Value::Boolean(decisive)),
        Value::Boolean(value) if left != Value::Null => Ok(Value::Boolean(value)),
        Value::Boolean(_) | Value::Null => Ok(Value::Null),
        other => Err(type_error("and and or take bools", &other)),
    }
}

/// Everything but `and` and `or`.
pub fn binary(op: BinaryOp, left: Value, right: Value) -> Result<Value, QueryError> {
    if left == Value::Null || right == Value::Null {
        return Ok(Value::Null);
    }
    match op {
        BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply => arithmetic(op, left, right),
        BinaryOp::Divide | BinaryOp::Modulo | BinaryOp::Power => arithmetic(op, left, right),
        _ => compare(op, &left, &right),
    }
}

fn arithmetic(op: BinaryOp, left: Value, right: Value) -> Result<Value, QueryError> {
    let by_zero = || QueryError::Invalid("cannot divide by zero".to_owned());
    Ok(match (op, &left, &right) {
        (BinaryOp::Add, Value::String(a), Value::String(b)) => {
            Value::String(format!("{a}{b}").into())
        }
        (_, Value::Float(a), Value::Float(b)) => Value::Float(match op {
            BinaryOp::Add => a + b,
            BinaryOp::Subtract => a - b,
            BinaryOp::Multiply => a * b,
            BinaryOp::Divide => a / b,
            BinaryOp::Modulo => a % b,
            _ => a.powf(*b),
        }),
        (BinaryOp::Power, Value::Integer(a), Value::Integer(b)) => {
            Value::Float((*a as f64).powf(*b as f64))
        }
        (_, Value::Integer(a), Value::Integer(b)) => Value::Integer(match op {
            BinaryOp::Add => a.wrapping_add(*b),
            BinaryOp::Subtract => a.wrapping_sub(*b),
            BinaryOp::Multiply => a.wrapping_mul(*b),
            BinaryOp::Divide if *b != 0 => a.wrapping_div(*b),
            BinaryOp::Modulo if *b != 0 => a.wrapping_rem(*b),
            _ => return Err(by_zero()),
        }),
        (BinaryOp::Power, Value::Unsigned(a), Value::Unsigned(b)) => {
            Value::Float((*a as f64).powf(*b as f64))
        }
        (_, Value::Unsigned(a), Value::Unsigned(b)) => Value::Unsigned(match op {
            BinaryOp::Add => a.wrapping_add(*b),
            BinaryOp::Subtract => a.wrapping_sub(*b),
            BinaryOp::Multiply => a.wrapping_mul(*b),
            BinaryOp::Divide if *b != 0 => a / b,
            BinaryOp::Modulo if *b != 0 => a % b,
            _ => return Err(by_zero()),
        }),
        _ => return Err(mismatch(op, &left, &right)),
    })
}

fn mismatch(op: BinaryOp, left: &Value, right: &Value) -> QueryError {
    let name = |value: &Value| value.kind().map_or("null", Kind::name);
    QueryError::Invalid(format!(
        "type error: unsupported binary expression {} {} {}",
        name(left),
        op.symbol(),
        name(right)
    ))
}

fn compare(op: BinaryOp, left: &Value, right: &Value) -> Result<Value, QueryError> {
    let order = match (left, right) {
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Float(a), Value::Integer(b)) => a.partial_cmp(&(*b as f64)),
        (Value::Integer(a), Value::Float(b)) => (*a as f64).partial_cmp(b),
        (Value::Float(a), Value::Unsigned(b)) => a.partial_cmp(&(*b as f64)),
        (Value::Unsigned(a), Value::Float(b)) => (*a as f64).partial_cmp(b),
        (Value::Integer(a), Value::Unsigned(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Value::Unsigned(a), Value::Integer(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (a, b) if a.kind() == b.kind() => Some(a.total_cmp(b)),
        _ => return Err(mismatch(op, left, right)),
    };
    Ok(Value::Boolean(match op {
        BinaryOp::Equal => order == Some(Ordering::Equal),
        BinaryOp::NotEqual => order != Some(Ordering::Equal),
        BinaryOp::Less => order == Some(Ordering::Less),
        BinaryOp::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        BinaryOp::Greater => order == Some(Ordering::Greater),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }))
}

/// Flux's conversion functions.
pub fn convert(kind: Kind, value: Value) -> Result<Value, QueryError> {
    let fail = |value: &Value| {
        let from = value.kind().map_or("null", Kind::name);
        let to = kind.name();
        QueryError::Invalid(match value {
            Value::String(text) => {
                format!("cannot convert string {text:?} to {to} due to invalid syntax")
            }
            Value::Float(number) => format!("cannot convert float {number} to {to}"),
            Value::Integer(number) => format!("cannot convert int {number} to {to}"),
            Value::Unsigned(number) => format!("cannot convert uint {number} to {to}"),
            _ => format!("cannot convert {from} to {to}"),
        })
    };
    if value == Value::Null || value.kind() == Some(kind) {
        return Ok(value);
    }
    let converted = match (kind, &value) {
        (Kind::Float, Value::Integer(number)) => Some(Value::Float(*number as f64)),
        (Kind::Float, Value::Unsigned(number)) => Some(Value::Float(*number as f64)),
        (Kind::Float, Value::Boolean(value)) => Some(Value::Float(f64::from(u8::from(*value)))),
        (Kind::Float, Value::String(text)) => text.parse().ok().map(Value::Float),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "saturates, as Flux truncates"
        )]
        (Kind::Integer, Value::Float(number)) => Some(Value::Integer(*number as i64)),
        (Kind::Integer, Value::Unsigned(number)) => Some(Value::Integer(number.cast_signed())),
        (Kind::Integer, Value::Boolean(value)) => Some(Value::Integer(i64::from(*value))),
        (Kind::Integer, Value::Time(time)) => Some(Value::Integer(*time)),
        (Kind::Integer, Value::String(text)) => text.parse().ok().map(Value::Integer),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates, as Flux truncates"
        )]
        (Kind::Unsigned, Value::Float(number)) => Some(Value::Unsigned(*number as u64)),
        (Kind::Unsigned, Value::Integer(number)) => Some(Value::Unsigned(number.cast_unsigned())),
        (Kind::Unsigned, Value::Boolean(value)) => Some(Value::Unsigned(u64::from(*value))),
        (Kind::Unsigned, Value::Time(time)) => Some(Value::Unsigned(time.cast_unsigned())),
        (Kind::Unsigned, Value::String(text)) => text.parse().ok().map(Value::Unsigned),
        (Kind::Boolean, Value::Integer(0)) => Some(Value::Boolean(false)),
        (Kind::Boolean, Value::Integer(1)) => Some(Value::Boolean(true)),
        (Kind::Boolean, Value::Unsigned(0)) => Some(Value::Boolean(false)),
        (Kind::Boolean, Value::Unsigned(1)) => Some(Value::Boolean(true)),
        (Kind::Boolean, Value::Float(number)) if *number == 0.0 => Some(Value::Boolean(false)),
        (Kind::Boolean, Value::Float(number)) if *number == 1.0 => Some(Value::Boolean(true)),
        (Kind::Boolean, Value::String(text)) => match &**text {
            "true" => Some(Value::Boolean(true)),
            "false" => Some(Value::Boolean(false)),
            _ => None,
        },
        (Kind::String, Value::Float(number)) => Some(Value::string(&super::text::float(*number))),
        (Kind::String, Value::Integer(number)) => Some(Value::string(&number.to_string())),
        (Kind::String, Value::Unsigned(number)) => Some(Value::string(&number.to_string())),
        (Kind::String, Value::Boolean(value)) => Some(Value::string(&value.to_string())),
        (Kind::String, Value::Time(time)) => {
            Some(Value::string(&super::text::rfc3339_nanoseconds(*time)))
        }
        (Kind::Time, Value::Integer(time)) => Some(Value::Time(*time)),
        (Kind::Time, Value::Unsigned(time)) => Some(Value::Time(time.cast_signed())),
        (Kind::Time, Value::String(text)) => super::text::parse_rfc3339(text).map(Value::Time),
        _ => None,
    };
    converted.ok_or_else(|| fail(&value))
}

fn call(function: Function, arguments: &[Value]) -> Result<Value, QueryError> {
    if arguments.contains(&Value::Null) {
        return Ok(Value::Null);
    }
    let wrong = || QueryError::Invalid(format!("wrong arguments for {function:?}: {arguments:?}"));
    let text = |at: usize| match arguments.get(at) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(wrong()),
    };
    let number = || match arguments {
        [Value::Float(number)] => Ok(*number),
        _ => Err(wrong()),
    };
    Ok(match function {
        Function::Abs => Value::Float(number()?.abs()),
        Function::Ceil => Value::Float(number()?.ceil()),
        Function::Floor => Value::Float(number()?.floor()),
        Function::Round => Value::Float(number()?.round()),
        Function::Sqrt => Value::Float(number()?.sqrt()),
        Function::Exp => Value::Float(number()?.exp()),
        Function::Log => Value::Float(number()?.ln()),
        Function::ToLower => Value::string(&text(0)?.to_lowercase()),
        Function::ToUpper => Value::string(&text(0)?.to_uppercase()),
        Function::TrimSpace => Value::string(text(0)?.trim()),
        Function::StrLen => {
            Value::Integer(i64::try_from(text(0)?.chars().count()).unwrap_or(i64::MAX))
        }
        Function::ContainsStr => Value::Boolean(text(0)?.contains(&**text(1)?)),
        Function::HasPrefix => Value::Boolean(text(0)?.starts_with(&**text(1)?)),
        Function::HasSuffix => Value::Boolean(text(0)?.ends_with(&**text(1)?)),
        Function::ReplaceAll => Value::string(&text(0)?.replace(&**text(1)?, text(2)?)),
    })
}
