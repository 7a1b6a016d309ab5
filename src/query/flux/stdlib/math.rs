//! `import "math"`: constants, and the functions that the executor knows.

use super::{Accepts, Builtin, Call, Constant, Member, Package, Parameter, strings};
use crate::query::expr::{BinaryOp, Expr, Function};
use crate::query::flux::error::Failure;
use crate::query::flux::eval::Evaluator;
use crate::query::flux::value::Value;
use std::f64::consts;

macro_rules! functions {
    ($($constant:ident $name:literal $function:expr;)*) => {
        $(
            static $constant: Builtin = Builtin {
                name: $name,
                parameters: &[Parameter::required("x", Accepts::Float)],
                run: |evaluator, call| {
                    strings::apply(evaluator, call, &["x"], |x| Expr::Call($function, x))
                },
            };
        )*
    };
}

functions! {
    ABS "abs" Function::Abs;
    CEIL "ceil" Function::Ceil;
    FLOOR "floor" Function::Floor;
    ROUND "round" Function::Round;
    SQRT "sqrt" Function::Sqrt;
    EXP "exp" Function::Exp;
    LOG "log" Function::Log;
}

static POW: Builtin = Builtin {
    name: "pow",
    parameters: &[
        Parameter::required("x", Accepts::Float),
        Parameter::required("y", Accepts::Float),
    ],
    run: pow,
};

fn pow(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    strings::apply(evaluator, call, &["x", "y"], |operands| {
        let [x, y] = <[Expr; 2]>::try_from(operands).unwrap_or([strings::NULL; 2]);
        Expr::Binary(BinaryOp::Power, Box::new(x), Box::new(y))
    })
}

pub static PACKAGE: Package = Package {
    path: "math",
    name: "math",
    members: &[
        ("abs", Member::Function(&ABS)),
        ("ceil", Member::Function(&CEIL)),
        ("e", Member::Constant(Constant::Float(consts::E))),
        ("exp", Member::Function(&EXP)),
        ("floor", Member::Function(&FLOOR)),
        ("ln10", Member::Constant(Constant::Float(consts::LN_10))),
        ("ln2", Member::Constant(Constant::Float(consts::LN_2))),
        ("log", Member::Function(&LOG)),
        ("log10e", Member::Constant(Constant::Float(consts::LOG10_E))),
        ("log2e", Member::Constant(Constant::Float(consts::LOG2_E))),
        ("maxfloat", Member::Constant(Constant::Float(f64::MAX))),
        ("maxint", Member::Constant(Constant::Integer(i64::MAX))),
        ("maxuint", Member::Constant(Constant::Unsigned(u64::MAX))),
        ("minint", Member::Constant(Constant::Integer(i64::MIN))),
        ("pi", Member::Constant(Constant::Float(consts::PI))),
        ("pow", Member::Function(&POW)),
        ("round", Member::Function(&ROUND)),
        (
            "smallestNonzeroFloat",
            Member::Constant(Constant::Float(5e-324)),
        ),
        ("sqrt", Member::Function(&SQRT)),
        ("sqrt2", Member::Constant(Constant::Float(consts::SQRT_2))),
    ],
};
