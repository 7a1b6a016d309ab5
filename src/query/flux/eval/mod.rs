//! Runs a program. Scalars are computed; streams of tables stay plan nodes; functions over rows become
//! expressions (see [`row`](super::row)). Nothing here reads points.

mod call;
mod expression;
mod operators;
pub mod rows;
mod script;
mod statement;
#[cfg(test)]
mod tests;

pub use call::Argument;

use super::ast::Name;
use super::error::{Failure, FluxError};
use super::row::{self, NoCell};
use super::span::Span;
use super::value::Value;
use crate::query::context::QueryContext;
use crate::query::plan;
use std::collections::HashMap;
use std::sync::Arc;

/// How deep expressions and calls may nest while they run.
const DEPTH_MAX: u32 = 200;
/// Evaluated nodes of one program. Programs do per-row work in the executor, so this is plenty.
const STEPS_MAX: u64 = 5_000_000;

/// A scope of the running program. Scopes live as long as the evaluator: functions refer to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ScopeId(usize);

#[derive(Default, Clone)]
struct Scope {
    names: HashMap<Name, Value>,
    parent: Option<ScopeId>,
}

/// What the program yields.
#[derive(Debug)]
pub struct Yield {
    pub name: String,
    pub stream: plan::Stream,
    pub span: Span,
    /// By a call of `yield`, not by being the value of a statement.
    pub explicit: bool,
}

pub struct Evaluator<'c> {
    pub ctx: &'c QueryContext,
    /// Scopes of a program that goes on for each row; they come before `scopes` and do not change.
    base: Arc<Vec<Scope>>,
    /// What was added to them since.
    over_base: HashMap<(ScopeId, Name), Value>,
    scopes: Vec<Scope>,
    now_ns: i64,
    location: Option<Value>,
    yields: Vec<Yield>,
    /// What the program put in the place of members of packages: by path and name.
    options: HashMap<(&'static str, Name), Value>,
    depth: u32,
    steps: u64,
    /// Records are rows whose columns may be missing from one table and present in the next.
    missing_is_null: bool,
    /// Scopes of the packages that are written in Flux and were imported.
    scripts: HashMap<&'static str, ScopeId>,
}

impl<'c> Evaluator<'c> {
    pub fn new(ctx: &'c QueryContext, now_ns: i64) -> Self {
        Self {
            ctx,
            base: Arc::default(),
            over_base: HashMap::new(),
            scopes: vec![
                // Filled with names of the library as they are asked for.
                Scope::default(),
                Scope {
                    parent: Some(Self::PRELUDE),
                    ..Scope::default()
                },
            ],
            now_ns,
            location: None,
            yields: Vec::new(),
            options: HashMap::new(),
            depth: 0,
            steps: 0,
            missing_is_null: false,
            scripts: HashMap::new(),
        }
    }

    /// The names every program has.
    const PRELUDE: ScopeId = ScopeId(0);
    /// The program's own.
    pub const GLOBAL: ScopeId = ScopeId(1);

    /// The time of `now()`, nanoseconds.
    pub const fn now(&self) -> i64 {
        self.now_ns
    }

    /// The time zone of `option location`; none is UTC.
    pub const fn location(&self) -> Option<&Value> {
        self.location.as_ref()
    }

    /// What the program put in the place of a member of a package.
    pub fn option_of(&self, path: &'static str, name: &str) -> Option<Value> {
        self.options.get(&(path, Name::from(name))).cloned()
    }

    /// Puts a value in the place of a member of a package before the program does.
    pub fn preset(&mut self, path: &'static str, name: &str, value: Value) {
        self.options.insert((path, Name::from(name)), value);
    }

    /// Adds a result under a name that the library chose.
    pub fn add_result(&mut self, added: Yield) {
        self.yields.push(added);
    }

    pub fn into_yields(self) -> Vec<Yield> {
        self.yields
    }

    pub fn define(&mut self, scope: ScopeId, name: Name, value: Value) {
        match rows::split(self.base.len(), scope) {
            Err(_) => {
                self.over_base.insert((scope, name), value);
            }
            Ok(own) => {
                if let Some(scope) = self.scopes.get_mut(own) {
                    scope.names.insert(name, value);
                }
            }
        }
    }

    fn new_scope(&mut self, parent: ScopeId) -> ScopeId {
        self.scopes.push(Scope {
            names: HashMap::new(),
            parent: Some(parent),
        });
        ScopeId(self.base.len() + self.scopes.len() - 1)
    }

    fn lookup(&self, name: &Name, mut at: ScopeId) -> Option<&Value> {
        loop {
            let scope = match rows::split(self.base.len(), at) {
                Ok(own) => self.scopes.get(own)?,
                Err(before) => {
                    if !self.over_base.is_empty()
                        && let Some(value) = self.over_base.get(&(at, Name::clone(name)))
                    {
                        return Some(value);
                    }
                    self.base.get(before)?
                }
            };
            if let Some(value) = scope.names.get(name) {
                return Some(value);
            }
            at = scope.parent?;
        }
    }

    pub fn add_yield(&mut self, added: Yield) -> Result<(), Failure> {
        if self
            .yields
            .iter()
            .any(|have| have.explicit && added.explicit && have.name == added.name)
        {
            let message = format!("found duplicate yield name {:?}", added.name);
            return Err(FluxError::check(added.span, message).into());
        }
        self.yields.push(added);
        Ok(())
    }

    /// Counts work, so that no program runs for ever.
    pub fn step(&mut self, count: u64, span: Span) -> Result<(), Failure> {
        self.steps = self.steps.saturating_add(count);
        if self.steps > STEPS_MAX {
            let message = format!("the program needs more than {STEPS_MAX} steps before any row");
            return Err(FluxError::limit(span, message).into());
        }
        if self.steps.is_multiple_of(1024) {
            self.ctx.check()?;
        }
        Ok(())
    }

    /// Takes an expression that was made for rows; making it copied its operands, which counts as work.
    pub fn built(&mut self, made: Result<Value, NoCell>, span: Span) -> Result<Value, Failure> {
        let value = made.map_err(|reason| row::fault(span, &reason))?;
        self.step(value.size(), span)?;
        Ok(value)
    }

    fn nested<T>(
        &mut self,
        span: Span,
        inner: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if self.depth >= DEPTH_MAX {
            let message = format!("calls nest deeper than the allowed {DEPTH_MAX} levels");
            return Err(FluxError::limit(span, message).into());
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }
}
