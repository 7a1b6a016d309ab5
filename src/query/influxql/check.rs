//! What a SELECT clause may combine; refuses the rest in InfluxDB's words before anything is read.

use super::ast::{Call, Expr, Fill, Select};
use super::error::{Result, StatementError};
use super::eval::Math;
use super::functions::Function;

/// What the fields of a statement use.
#[derive(Debug, Default)]
pub struct Usage {
    /// Names of the functions called, outermost first.
    pub calls: Vec<String>,
    /// Fields or tags stand outside of functions.
    pub plain: bool,
    /// A function that is no selector is called.
    pub aggregates: bool,
    distinct: bool,
    ranking: Option<String>,
}

pub struct Checker {
    pub has_interval: bool,
    /// The interval is not this statement's own, but the enclosing query's.
    pub interval_inherited: bool,
    pub limit: usize,
    pub usage: Usage,
}

impl Checker {
    pub fn check(&mut self, select: &Select) -> Result<()> {
        let mut any = false;
        for field in &select.fields {
            if matches!(&field.expr, Expr::Var(var) if var.name == "time") {
                continue;
            }
            any = true;
            self.expr(&field.expr, true)?;
        }
        if !any {
            return invalid("at least 1 non-time field must be queried");
        }
        self.combination(select.fill)
    }

    fn combination(&self, fill: Fill) -> Result<()> {
        let usage = &self.usage;
        if usage.calls.len() > 1
            && let Some(name) = &usage.ranking
        {
            return invalid(format!(
                "selector function {name}() cannot be combined with other functions"
            ));
        }
        if usage.calls.is_empty() {
            match fill {
                Fill::None => return invalid("fill(none) must be used with a function"),
                Fill::Linear => return invalid("fill(linear) must be used with a function"),
                _ => {}
            }
            if self.has_interval && !self.interval_inherited {
                return invalid("GROUP BY requires at least one aggregate function");
            }
        }
        if usage.distinct && (usage.calls.len() != 1 || usage.plain) {
            return invalid(
                "aggregate function distinct() cannot be combined with other functions or fields",
            );
        }
        if usage.plain && usage.aggregates {
            return invalid("mixing aggregate and non-aggregate queries is not supported");
        }
        if usage.plain && usage.calls.len() > 1 {
            return invalid(
                "mixing multiple selector functions with tags or fields is not supported",
            );
        }
        Ok(())
    }

    fn expr(&mut self, expr: &Expr, wildcards: bool) -> Result<()> {
        match expr {
            Expr::Var(_) => self.usage.plain = true,
            Expr::Wildcard(_) if !wildcards => {
                return invalid("unable to use wildcard in a binary expression");
            }
            Expr::Regex(_) if !wildcards => {
                return invalid("unable to use regex in a binary expression");
            }
            Expr::Wildcard(_) | Expr::Regex(_) => self.usage.plain = true,
            Expr::Call(call) => return self.call(call, wildcards),
            Expr::Distinct(_) => {
                self.usage.calls.push("distinct".to_owned());
                self.usage.distinct = true;
                self.usage.aggregates = true;
            }
            Expr::Binary(binary) => match (is_literal(&binary.left), is_literal(&binary.right)) {
                (true, true) => {
                    return invalid("cannot perform a binary expression on two literals");
                }
                (true, false) => return self.expr(&binary.right, false),
                (false, true) => return self.expr(&binary.left, false),
                (false, false) => {
                    self.expr(&binary.left, false)?;
                    return self.expr(&binary.right, false);
                }
            },
            Expr::Paren(inner) => return self.expr(inner, wildcards),
            _ => return invalid("field must contain at least one variable"),
        }
        Ok(())
    }

    fn call(&mut self, call: &Call, wildcards: bool) -> Result<()> {
        if let Some(math) = Math::of(&call.name) {
            check_math(math, call)?;
            return call
                .args
                .iter()
                .filter(|arg| !is_literal(arg))
                .try_for_each(|arg| self.expr(arg, wildcards));
        }
        self.usage.calls.push(call.name.clone());
        let function = Function::of(call, self.limit)?;
        if !function.is_selector() {
            self.usage.aggregates = true;
        }
        let Some(first) = call.args.first() else {
            return invalid(format!("expected field argument in {}()", call.name));
        };
        match &function {
            Function::Distinct => {
                self.usage.distinct = true;
                check_distinct(first)
            }
            Function::Top(_) | Function::Bottom(_) => {
                self.usage.ranking = Some(call.name.clone());
                if call.args.len() > 2 {
                    self.usage.plain = true;
                }
                Ok(())
            }
            Function::Count if is_distinct(first) => match first {
                Expr::Call(inner) => {
                    Function::of(inner, 0)?;
                    inner.args.first().map_or(Ok(()), check_distinct)
                }
                _ => Ok(()),
            },
            function if function.is_transform() => self.transform(call, first, wildcards),
            _ => symbol(&call.name, first, wildcards),
        }
    }

    /// The first argument of a function that may work on another function's results.
    fn transform(&mut self, call: &Call, first: &Expr, wildcards: bool) -> Result<()> {
        let name = &call.name;
        if name.starts_with("holt_winters") && !matches!(first, Expr::Call(_) | Expr::Distinct(_)) {
            return invalid(format!("must use aggregate function with {name}"));
        }
        match first {
            Expr::Call(_) | Expr::Distinct(_) if !self.has_interval => {
                invalid(format!("{name} aggregate requires a GROUP BY interval"))
            }
            Expr::Call(inner) if inner.name == "distinct" => {
                inner.args.first().map_or(Ok(()), check_distinct)
            }
            Expr::Distinct(_) => Ok(()),
            Expr::Call(inner) => {
                // The inner function's own place among the calls does not count.
                let calls = self.usage.calls.len();
                let result = self.call(inner, wildcards);
                self.usage.calls.truncate(calls);
                result
            }
            _ if self.has_interval && !self.interval_inherited => invalid(format!(
                "aggregate function required inside the call to {name}"
            )),
            other => symbol(name, other, wildcards),
        }
    }
}

fn check_math(math: Math, call: &Call) -> Result<()> {
    let (wanted, got) = (math.arity(), call.args.len());
    if wanted == got {
        return Ok(());
    }
    let name = &call.name;
    invalid(format!(
        "invalid number of arguments for {name}, expected {wanted}, got {got}"
    ))
}

/// Only mathematical functions may stand in a condition.
pub fn check_condition(condition: &Expr) -> Result<()> {
    let mut result = Ok(());
    condition.walk(&mut |part| {
        if let Expr::Call(call) = part
            && result.is_ok()
        {
            result = match Math::of(&call.name) {
                Some(math) => check_math(math, call),
                None => invalid(format!("invalid function call in condition: {call}")),
            };
        }
    });
    result
}

fn is_distinct(expr: &Expr) -> bool {
    match expr {
        Expr::Distinct(_) => true,
        Expr::Call(call) => call.name == "distinct",
        _ => false,
    }
}

fn check_distinct(arg: &Expr) -> Result<()> {
    if matches!(arg, Expr::Var(_)) {
        return Ok(());
    }
    invalid("expected field argument in distinct()")
}

/// The plain field that most functions want.
fn symbol(name: &str, arg: &Expr, wildcards: bool) -> Result<()> {
    match arg {
        Expr::Var(_) => Ok(()),
        Expr::Wildcard(_) | Expr::Regex(_) if wildcards => Ok(()),
        Expr::Wildcard(_) => invalid(format!("unsupported expression with wildcard: {name}()")),
        Expr::Regex(_) => invalid(format!("unsupported expression with regex field: {name}()")),
        _ => invalid(format!("expected field argument in {name}()")),
    }
}

const fn is_literal(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Number(_)
            | Expr::Integer(_)
            | Expr::Unsigned(_)
            | Expr::Boolean(_)
            | Expr::String(_)
            | Expr::Duration(_)
            | Expr::Time(_)
    )
}

fn invalid<T>(message: impl Into<String>) -> Result<T> {
    Err(StatementError::invalid(message))
}
