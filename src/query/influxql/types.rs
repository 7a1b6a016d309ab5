//! The types of a SELECT clause's expressions; refuses operators on types that they don't take.

use super::ast::{Binary, BinaryOp, Call, Cast, Expr};
use super::compile::resolve;
use super::error::{Result, StatementError};
use super::eval::Math;
use super::functions::Function;
use super::schema::Schema;
use super::value::DataType;

/// The type of an expression as InfluxDB's type checker sees it.
pub fn check(expr: &Expr, schema: &Schema) -> Result<DataType> {
    match expr {
        Expr::Var(var) => Ok(resolve(schema, var)),
        Expr::Paren(inner) => check(inner, schema),
        Expr::Call(call) => check_call(call, schema),
        Expr::Binary(binary) => check_binary(binary, schema),
        Expr::Number(_) => Ok(DataType::Float),
        Expr::Integer(_) => Ok(DataType::Integer),
        Expr::Unsigned(_) => Ok(DataType::Unsigned),
        Expr::Boolean(_) => Ok(DataType::Boolean),
        Expr::String(_) => Ok(DataType::String),
        _ => Ok(DataType::Unknown),
    }
}

fn check_call(call: &Call, schema: &Schema) -> Result<DataType> {
    let mut first = DataType::Unknown;
    for (at, arg) in call.args.iter().enumerate() {
        let found = check(arg, schema)?;
        if at == 0 {
            first = found;
        }
    }
    Ok(match Math::of(&call.name) {
        Some(math) if math.keeps_type() => first,
        Some(_) => DataType::Float,
        None => Function::of(call, 0).map_or(first, |function| function.result_type(first)),
    })
}

fn check_binary(binary: &Binary, schema: &Schema) -> Result<DataType> {
    use DataType::{Integer, Unknown, Unsigned};
    let left = check(&binary.left, schema)?;
    let right = check(&binary.right, schema)?;
    let refuse = |message: String| {
        let mut shown = Expr::Binary(Box::new(binary.clone()));
        show_types(&mut shown, schema);
        Err(StatementError::invalid(format!(
            "type error: {shown}: {message}"
        )))
    };
    let op = binary.op.symbol();
    let literals = (is_literal(&binary.left), is_literal(&binary.right));
    match (left, right, literals) {
        (Unsigned, Integer, (true, _)) | (Integer, Unsigned, (_, true)) => {
            return refuse(format!(
                "cannot use {op} with an integer and unsigned literal"
            ));
        }
        (Unsigned, Integer, (_, false)) | (Integer, Unsigned, (false, _)) => {
            return refuse(format!(
                "cannot use {op} between an integer and unsigned, an explicit cast is required"
            ));
        }
        (Unknown, other, _) | (other, Unknown, _) => return Ok(other),
        _ => {}
    }
    match result_type(binary.op, left, right) {
        Unknown => refuse(format!(
            "incompatible types: {} and {}",
            left.name(),
            right.name()
        )),
        known => Ok(known),
    }
}

/// `Unknown`: the operator does not take these types.
pub const fn result_type(op: BinaryOp, left: DataType, right: DataType) -> DataType {
    use DataType::{Boolean, Float, Integer, Unknown, Unsigned};
    let bitwise = matches!(op, BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor);
    match (left, right) {
        (Boolean, Boolean) if bitwise => Boolean,
        (Float, Float | Integer | Unsigned) | (Integer | Unsigned, Float) if !bitwise => Float,
        (Integer, Integer) if matches!(op, BinaryOp::Div) => Float,
        (Integer, Integer) => Integer,
        (Unsigned, Integer | Unsigned) | (Integer, Unsigned) => Unsigned,
        _ => Unknown,
    }
}

const fn is_literal(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Number(_) | Expr::Integer(_) | Expr::Unsigned(_) | Expr::Boolean(_) | Expr::String(_)
    )
}

/// Gives every name its type, as InfluxDB's messages show it.
fn show_types(expr: &mut Expr, schema: &Schema) {
    expr.rewrite(&mut |part| {
        if let Expr::Var(var) = part {
            var.cast = match resolve(schema, var) {
                DataType::Float => Some(Cast::Float),
                DataType::Integer => Some(Cast::Integer),
                DataType::Unsigned => Some(Cast::Unsigned),
                DataType::String => Some(Cast::String),
                DataType::Boolean => Some(Cast::Boolean),
                DataType::Tag => Some(Cast::Tag),
                DataType::Unknown => var.cast,
            };
        }
    });
}
