//! The functions of a SELECT clause: their arguments, types and InfluxDB's error texts.

use super::ast::{Call, Expr};
use super::error::{Result, StatementError};
use super::fold::go_type;
use super::lex::format_duration;
use super::value::DataType;

#[derive(Debug, Clone, PartialEq)]
pub enum Function {
    Count,
    Sum,
    Mean,
    Min,
    Max,
    First,
    Last,
    Spread,
    Median,
    Mode,
    Stddev,
    Percentile(f64),
    Integral {
        unit: i64,
    },
    Distinct,
    Sample(usize),
    /// The names between field and number are in the call's arguments.
    Top(usize),
    Bottom(usize),
    /// `unit` 0: the GROUP BY interval, or a second.
    Derivative {
        unit: i64,
        non_negative: bool,
    },
    Difference {
        non_negative: bool,
    },
    CumulativeSum,
    MovingAverage(usize),
    Elapsed {
        unit: i64,
    },
    Indicator(Indicator),
    HoltWinters {
        horizon: usize,
        season: usize,
        with_fit: bool,
    },
}

/// A technical indicator with its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Indicator {
    pub kind: IndicatorKind,
    pub period: usize,
    /// Values before the first result; `None`: as many as it needs.
    pub hold: Option<usize>,
    pub warmup: Warmup,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndicatorKind {
    Exponential,
    DoubleExponential,
    TripleExponential,
    TripleExponentialDerivative,
    RelativeStrength,
    EfficiencyRatio,
    Adaptive,
    ChandeMomentum,
}

/// How an indicator begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warmup {
    /// Only of the Chande momentum oscillator: not smoothed at all.
    None,
    Exponential,
    Simple,
}

impl IndicatorKind {
    #[cfg(test)]
    pub const ALL: [Self; 8] = [
        Self::Exponential,
        Self::DoubleExponential,
        Self::TripleExponential,
        Self::TripleExponentialDerivative,
        Self::RelativeStrength,
        Self::EfficiencyRatio,
        Self::Adaptive,
        Self::ChandeMomentum,
    ];

    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "exponential_moving_average" => Self::Exponential,
            "double_exponential_moving_average" => Self::DoubleExponential,
            "triple_exponential_moving_average" => Self::TripleExponential,
            "triple_exponential_derivative" => Self::TripleExponentialDerivative,
            "relative_strength_index" => Self::RelativeStrength,
            "kaufmans_efficiency_ratio" => Self::EfficiencyRatio,
            "kaufmans_adaptive_moving_average" => Self::Adaptive,
            "chande_momentum_oscillator" => Self::ChandeMomentum,
            _ => return None,
        })
    }
}

const SECOND: i64 = 1_000_000_000;

impl Function {
    /// The function that a call means; checks number and kind of its arguments but the first.
    pub fn of(call: &Call, limit: usize) -> Result<Self> {
        let simple = match call.name.as_str() {
            "count" => Self::Count,
            "sum" => Self::Sum,
            "mean" => Self::Mean,
            "min" => Self::Min,
            "max" => Self::Max,
            "first" => Self::First,
            "last" => Self::Last,
            "spread" => Self::Spread,
            "median" => Self::Median,
            "mode" => Self::Mode,
            "stddev" => Self::Stddev,
            _ => return Self::of_special(call, limit),
        };
        expect_args(call, 1)?;
        Ok(simple)
    }

    fn of_special(call: &Call, limit: usize) -> Result<Self> {
        let name = call.name.as_str();
        match name {
            "percentile" => {
                expect_args(call, 2)?;
                #[expect(clippy::cast_precision_loss, reason = "a percentage")]
                match call.args.get(1) {
                    Some(Expr::Integer(n)) => Ok(Self::Percentile(*n as f64)),
                    Some(Expr::Number(n)) => Ok(Self::Percentile(*n)),
                    _ => invalid("expected float argument in percentile()"),
                }
            }
            "distinct" => match call.args.len() {
                0 => invalid("distinct function requires at least one argument"),
                1 => Ok(Self::Distinct),
                _ => invalid("distinct function can only have one argument"),
            },
            "sample" => {
                expect_args(call, 2)?;
                match call.args.get(1) {
                    Some(Expr::Integer(n)) if *n <= 0 => {
                        invalid(format!("sample window must be greater than 1, got {n}"))
                    }
                    Some(Expr::Integer(n)) => Ok(Self::Sample(count_of(*n))),
                    _ => invalid("expected integer argument in sample()"),
                }
            }
            "top" | "bottom" => top_bottom(call, limit),
            "derivative" | "non_negative_derivative" => Ok(Self::Derivative {
                unit: duration_arg(call, 0)?,
                non_negative: name == "non_negative_derivative",
            }),
            "difference" | "non_negative_difference" => {
                expect_one(call)?;
                Ok(Self::Difference {
                    non_negative: name == "non_negative_difference",
                })
            }
            "cumulative_sum" => {
                expect_one(call)?;
                Ok(Self::CumulativeSum)
            }
            "elapsed" => Ok(Self::Elapsed {
                unit: duration_arg(call, 1)?,
            }),
            "integral" => Ok(Self::Integral {
                unit: duration_arg(call, SECOND)?,
            }),
            "moving_average" => moving_average(call),
            "holt_winters" | "holt_winters_with_fit" => holt_winters(call),
            name if let Some(kind) = IndicatorKind::of(name) => indicator(call, kind),
            name => invalid(format!("undefined function {name}()")),
        }
    }

    /// Chooses points rather than computing new values.
    pub const fn is_selector(&self) -> bool {
        matches!(
            self,
            Self::Min
                | Self::Max
                | Self::First
                | Self::Last
                | Self::Percentile(_)
                | Self::Sample(_)
                | Self::Top(_)
                | Self::Bottom(_)
        )
    }

    /// Works on a row of points, which may be another function's results.
    pub const fn is_transform(&self) -> bool {
        matches!(
            self,
            Self::Derivative { .. }
                | Self::Difference { .. }
                | Self::CumulativeSum
                | Self::MovingAverage(_)
                | Self::Elapsed { .. }
                | Self::Indicator(_)
                | Self::HoltWinters { .. }
        )
    }

    /// Answered from count, sum, extremes, first and last alone.
    pub const fn is_simple(&self) -> bool {
        matches!(
            self,
            Self::Count
                | Self::Sum
                | Self::Mean
                | Self::Min
                | Self::Max
                | Self::First
                | Self::Last
                | Self::Spread
        )
    }

    pub const fn result_type(&self, input: DataType) -> DataType {
        match self {
            Self::Count | Self::Elapsed { .. } => DataType::Integer,
            Self::Mean
            | Self::Median
            | Self::Stddev
            | Self::Integral { .. }
            | Self::Derivative { .. }
            | Self::MovingAverage(_)
            | Self::Indicator(_)
            | Self::HoltWinters { .. } => DataType::Float,
            _ => input,
        }
    }

    /// Whether the function can work on values of this type.
    pub const fn takes(&self, input: DataType) -> bool {
        match self {
            Self::Count
            | Self::First
            | Self::Last
            | Self::Distinct
            | Self::Mode
            | Self::Sample(_)
            | Self::Elapsed { .. } => true,
            Self::Min | Self::Max => !matches!(input, DataType::String),
            _ => input.is_numeric(),
        }
    }

    /// Whether `f(*)` includes columns of this type.
    pub const fn expands_to(&self, input: DataType) -> bool {
        match input {
            DataType::Boolean => matches!(
                self,
                Self::Count
                    | Self::First
                    | Self::Last
                    | Self::Distinct
                    | Self::Mode
                    | Self::Sample(_)
                    | Self::Elapsed { .. }
                    | Self::Min
                    | Self::Max
            ),
            DataType::String => self.takes(input),
            other => other.is_numeric(),
        }
    }
}

fn invalid<T>(message: impl Into<String>) -> Result<T> {
    Err(StatementError::invalid(message))
}

fn count_of(n: i64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

fn expect_args(call: &Call, wanted: usize) -> Result<()> {
    let got = call.args.len();
    if got == wanted {
        return Ok(());
    }
    let name = &call.name;
    invalid(format!(
        "invalid number of arguments for {name}, expected {wanted}, got {got}"
    ))
}

fn expect_one(call: &Call) -> Result<()> {
    expect_args(call, 1)
}

/// The optional duration after the first argument.
fn duration_arg(call: &Call, default: i64) -> Result<i64> {
    let name = &call.name;
    match call.args.get(1) {
        None if call.args.len() == 1 => Ok(default),
        Some(Expr::Duration(ns)) if call.args.len() == 2 && *ns > 0 => Ok(*ns),
        Some(Expr::Duration(ns)) if call.args.len() == 2 => invalid(format!(
            "duration argument must be positive, got {}",
            format_duration(*ns)
        )),
        Some(_) if call.args.len() == 2 && name == "integral" => {
            invalid("second argument must be a duration")
        }
        Some(other) if call.args.len() == 2 => invalid(format!(
            "second argument to {name} must be a duration, got {}",
            go_type(other)
        )),
        _ => invalid(format!(
            "invalid number of arguments for {name}, expected at least 1 but no more than 2, got {}",
            call.args.len()
        )),
    }
}

fn moving_average(call: &Call) -> Result<Function> {
    expect_args(call, 2)?;
    match call.args.get(1) {
        Some(Expr::Integer(n)) if *n <= 1 => invalid(format!(
            "moving_average window must be greater than 1, got {n}"
        )),
        Some(Expr::Integer(n)) => Ok(Function::MovingAverage(count_of(*n))),
        other => invalid(format!(
            "second argument for moving_average must be an integer, got {}",
            other.map_or("", go_type)
        )),
    }
}

fn holt_winters(call: &Call) -> Result<Function> {
    expect_args(call, 3)?;
    let name = &call.name;
    let horizon = match call.args.get(1) {
        Some(Expr::Integer(n)) if *n <= 0 => {
            return invalid(format!(
                "second arg to {name} must be greater than 0, got {n}"
            ));
        }
        Some(Expr::Integer(n)) => count_of(*n),
        _ => return invalid(format!("expected integer argument as second arg in {name}")),
    };
    let season = match call.args.get(2) {
        Some(Expr::Integer(n)) if *n < 0 => {
            return invalid(format!("third arg to {name} cannot be negative, got {n}"));
        }
        Some(Expr::Integer(n)) => count_of(*n),
        _ => return invalid(format!("expected integer argument as third arg in {name}")),
    };
    if horizon > FORECAST_MAX || season > SEASON_MAX {
        return invalid(format!(
            "{name} forecasts at most {FORECAST_MAX} points with a season of at most {SEASON_MAX}"
        ));
    }
    Ok(Function::HoltWinters {
        horizon,
        season,
        with_fit: name == "holt_winters_with_fit",
    })
}

/// Bounds of holt_winters(): its work grows with the square of the season.
const FORECAST_MAX: usize = 100_000;
const SEASON_MAX: usize = 1000;

fn indicator(call: &Call, kind: IndicatorKind) -> Result<Function> {
    let name = &call.name;
    let kaufmans = matches!(
        kind,
        IndicatorKind::EfficiencyRatio | IndicatorKind::Adaptive
    );
    let (most, got) = (if kaufmans { 3 } else { 4 }, call.args.len());
    if !(2..=most).contains(&got) {
        return invalid(format!(
            "invalid number of arguments for {name}, expected at least 2 but no more than {most}, got {got}"
        ));
    }
    let period = match call.args.get(1) {
        Some(Expr::Integer(n)) if *n < 1 => {
            return invalid(format!("{name} period must be greater than or equal to 1"));
        }
        Some(Expr::Integer(n)) => count_of(*n),
        _ => return invalid(format!("{name} period must be an integer")),
    };
    let least = i64::from(kind == IndicatorKind::TripleExponentialDerivative);
    let hold = match call.args.get(2) {
        None | Some(Expr::Integer(-1)) => None,
        Some(Expr::Integer(n)) if *n < least => {
            return invalid(format!(
                "{name} hold period must be greater than or equal to {least}"
            ));
        }
        Some(Expr::Integer(n)) => Some(count_of(*n)),
        Some(_) => return invalid(format!("{name} hold period must be an integer")),
    };
    Ok(Function::Indicator(Indicator {
        kind,
        period,
        hold,
        warmup: warmup(call, kind)?,
    }))
}

fn warmup(call: &Call, kind: IndicatorKind) -> Result<Warmup> {
    let name = &call.name;
    let chande = kind == IndicatorKind::ChandeMomentum;
    match call.args.get(3) {
        None if chande => Ok(Warmup::None),
        None => Ok(Warmup::Exponential),
        Some(Expr::String(text)) => match text.as_str() {
            "none" if chande => Ok(Warmup::None),
            "exponential" => Ok(Warmup::Exponential),
            "simple" => Ok(Warmup::Simple),
            _ if chande => invalid(format!(
                "{name} warmup type must be one of: 'none' 'exponential' 'simple'"
            )),
            _ => invalid(format!(
                "{name} warmup type must be one of: 'exponential' 'simple'"
            )),
        },
        Some(_) => invalid(format!("{name} warmup type must be a string")),
    }
}

fn top_bottom(call: &Call, limit: usize) -> Result<Function> {
    let name = &call.name;
    let (Some(first), Some(last), true) =
        (call.args.first(), call.args.last(), call.args.len() >= 2)
    else {
        return invalid(format!(
            "invalid number of arguments for {name}, expected at least 2, got {}",
            call.args.len()
        ));
    };
    let Expr::Integer(count) = last else {
        return invalid(format!(
            "expected integer as last argument in {name}(), found {last}"
        ));
    };
    if *count <= 0 {
        return invalid(format!(
            "limit ({count}) in {name} function must be at least 1"
        ));
    }
    let wanted = count_of(*count);
    if limit > 0 && wanted > limit {
        return invalid(format!(
            "limit ({count}) in {name} function can not be larger than the LIMIT ({limit}) in the select statement"
        ));
    }
    if !matches!(first, Expr::Var(_)) {
        return invalid(format!(
            "expected first argument to be a field in {name}(), found {first}"
        ));
    }
    let between = call.args.get(1..call.args.len() - 1).unwrap_or_default();
    if let Some(wrong) = between.iter().find(|arg| !matches!(arg, Expr::Var(_))) {
        return invalid(format!(
            "only fields or tags are allowed in {name}(), found {wrong}"
        ));
    }
    Ok(if name == "top" {
        Function::Top(wanted)
    } else {
        Function::Bottom(wanted)
    })
}
