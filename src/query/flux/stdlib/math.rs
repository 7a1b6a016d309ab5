//! `import "math"`: constants, and the functions that the executor knows.

use super::native::natives;
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

natives! {
    ACOS_ "acos" ["x"] |call| Ok(Value::Float(x(call, "x")?.acos()));
    ACOSH_ "acosh" ["x"] |call| Ok(Value::Float(x(call, "x")?.acosh()));
    ASIN_ "asin" ["x"] |call| Ok(Value::Float(x(call, "x")?.asin()));
    ASINH_ "asinh" ["x"] |call| Ok(Value::Float(x(call, "x")?.asinh()));
    ATAN_ "atan" ["x"] |call| Ok(Value::Float(x(call, "x")?.atan()));
    ATANH_ "atanh" ["x"] |call| Ok(Value::Float(x(call, "x")?.atanh()));
    CBRT_ "cbrt" ["x"] |call| Ok(Value::Float(x(call, "x")?.cbrt()));
    COS_ "cos" ["x"] |call| Ok(Value::Float(x(call, "x")?.cos()));
    COSH_ "cosh" ["x"] |call| Ok(Value::Float(x(call, "x")?.cosh()));
    EXP2_ "exp2" ["x"] |call| Ok(Value::Float(x(call, "x")?.exp2()));
    EXPM1_ "expm1" ["x"] |call| Ok(Value::Float(x(call, "x")?.exp_m1()));
    LOG10_ "log10" ["x"] |call| Ok(Value::Float(x(call, "x")?.log10()));
    LOG1P_ "log1p" ["x"] |call| Ok(Value::Float(x(call, "x")?.ln_1p()));
    LOG2_ "log2" ["x"] |call| Ok(Value::Float(x(call, "x")?.log2()));
    SIN_ "sin" ["x"] |call| Ok(Value::Float(x(call, "x")?.sin()));
    SINH_ "sinh" ["x"] |call| Ok(Value::Float(x(call, "x")?.sinh()));
    TAN_ "tan" ["x"] |call| Ok(Value::Float(x(call, "x")?.tan()));
    TANH_ "tanh" ["x"] |call| Ok(Value::Float(x(call, "x")?.tanh()));
    TRUNC_ "trunc" ["x"] |call| Ok(Value::Float(x(call, "x")?.trunc()));
    ATAN2_ "atan2" ["x", "y"] |call| Ok(Value::Float(x(call, "y")?.atan2(x(call, "x")?)));
    HYPOT_ "hypot" ["x", "y"] |call| Ok(Value::Float(x(call, "x")?.hypot(x(call, "y")?)));
    COPYSIGN_ "copysign" ["x", "y"] |call| Ok(Value::Float(x(call, "x")?.copysign(x(call, "y")?)));
    DIM_ "dim" ["x", "y"] |call| Ok(Value::Float((x(call, "x")? - x(call, "y")?).max(0.0)));
    MOD_ "mod" ["x", "y"] |call| Ok(Value::Float(x(call, "x")? % x(call, "y")?));
    REMAINDER_ "remainder" ["x", "y"] |call| {
        let (a, b) = (x(call, "x")?, x(call, "y")?);
        Ok(Value::Float(a - b * (a / b).round_ties_even()))
    };
    M_MAX_ "mMax" ["x", "y"] |call| Ok(Value::Float(extreme(x(call, "x")?, x(call, "y")?, f64::max)));
    M_MIN_ "mMin" ["x", "y"] |call| Ok(Value::Float(extreme(x(call, "x")?, x(call, "y")?, f64::min)));
    M_INF_ "mInf" ["sign"] |call| {
        let sign = strings::integer(call, "sign")?;
        Ok(Value::Float(if sign >= 0 { f64::INFINITY } else { f64::NEG_INFINITY }))
    };
    NAN_ "NaN" [] |_| Ok(Value::Float(f64::NAN));
    IS_NAN_ "isNaN" ["f"] |call| Ok(Value::Boolean(x(call, "f")?.is_nan()));
    IS_INF_ "isInf" ["f", "sign"] |call| {
        let (f, sign) = (x(call, "f")?, strings::integer(call, "sign")?);
        Ok(Value::Boolean(
            f.is_infinite() && (sign == 0 || (sign > 0) == (f > 0.0)),
        ))
    };
    SIGNBIT_ "signbit" ["x"] |call| Ok(Value::Boolean(x(call, "x")?.is_sign_negative()));
    ROUNDTOEVEN_ "roundtoeven" ["x"] |call| Ok(Value::Float(x(call, "x")?.round_ties_even()));
    FLOAT64BITS_ "float64bits" ["f"] |call| Ok(Value::Unsigned(x(call, "f")?.to_bits()));
    FLOAT64FROMBITS_ "float64frombits" ["b"] |call| match call.value("b") {
        Some(Value::Unsigned(bits)) => Ok(Value::Float(f64::from_bits(*bits))),
        _ => Err(strings::mismatch(call, "uint", "b")),
    };
    POW10_ "pow10" ["n"] |call| {
        let n = strings::integer(call, "n")?.clamp(-400, 400);
        Ok(Value::Float(10_f64.powf(n as f64)))
    };
}

/// A float argument.
fn x(call: &Call, name: &str) -> Result<f64, Failure> {
    match call.value(name) {
        Some(Value::Float(value)) => Ok(*value),
        _ => Err(strings::mismatch(call, "float", name)),
    }
}

/// Not a number if one of them is none.
fn extreme(a: f64, b: f64, choose: fn(f64, f64) -> f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        choose(a, b)
    }
}

pub static PACKAGE: Package = Package {
    path: "math",
    name: "math",
    members: &[
        ("acos", Member::Function(&ACOS_)),
        ("acosh", Member::Function(&ACOSH_)),
        ("asin", Member::Function(&ASIN_)),
        ("asinh", Member::Function(&ASINH_)),
        ("atan", Member::Function(&ATAN_)),
        ("atanh", Member::Function(&ATANH_)),
        ("cbrt", Member::Function(&CBRT_)),
        ("cos", Member::Function(&COS_)),
        ("cosh", Member::Function(&COSH_)),
        ("exp2", Member::Function(&EXP2_)),
        ("expm1", Member::Function(&EXPM1_)),
        ("log10", Member::Function(&LOG10_)),
        ("log1p", Member::Function(&LOG1P_)),
        ("log2", Member::Function(&LOG2_)),
        ("sin", Member::Function(&SIN_)),
        ("sinh", Member::Function(&SINH_)),
        ("tan", Member::Function(&TAN_)),
        ("tanh", Member::Function(&TANH_)),
        ("trunc", Member::Function(&TRUNC_)),
        ("atan2", Member::Function(&ATAN2_)),
        ("hypot", Member::Function(&HYPOT_)),
        ("copysign", Member::Function(&COPYSIGN_)),
        ("dim", Member::Function(&DIM_)),
        ("mod", Member::Function(&MOD_)),
        ("remainder", Member::Function(&REMAINDER_)),
        ("mMax", Member::Function(&M_MAX_)),
        ("mMin", Member::Function(&M_MIN_)),
        ("mInf", Member::Function(&M_INF_)),
        ("NaN", Member::Function(&NAN_)),
        ("isNaN", Member::Function(&IS_NAN_)),
        ("isInf", Member::Function(&IS_INF_)),
        ("signbit", Member::Function(&SIGNBIT_)),
        ("roundtoeven", Member::Function(&ROUNDTOEVEN_)),
        ("float64bits", Member::Function(&FLOAT64BITS_)),
        ("float64frombits", Member::Function(&FLOAT64FROMBITS_)),
        ("pow10", Member::Function(&POW10_)),
        (
            "phi",
            Member::Constant(Constant::Float(1.618_033_988_749_895)),
        ),
        (
            "sqrte",
            Member::Constant(Constant::Float(1.648_721_270_700_128_2)),
        ),
        (
            "sqrtpi",
            Member::Constant(Constant::Float(1.772_453_850_905_516)),
        ),
        (
            "sqrtphi",
            Member::Constant(Constant::Float(1.272_019_649_514_069)),
        ),
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
