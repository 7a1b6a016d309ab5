//! Functions of rows that no expression stands for: they are run for each row, with the program's scopes
//! as they were when the function was given.

use super::{Argument, Evaluator, Scope, ScopeId};
use crate::query::context::{QueryContext, QueryError};
use crate::query::flux::ast::Name;
use crate::query::flux::error::Failure;
use crate::query::flux::span::Span;
use crate::query::flux::value::{Function, Record, Value};
use crate::query::table::Table;
use std::collections::HashMap;
use std::sync::Arc;

/// Rows after which the deadline is looked at again.
const CHECK_ROWS: usize = 64;

/// A function of the program and what it can see.
pub struct RowProgram {
    function: Function,
    span: Span,
    scopes: Arc<Vec<Scope>>,
    now_ns: i64,
    location: Option<Value>,
    options: HashMap<(&'static str, Name), Value>,
    scripts: HashMap<&'static str, ScopeId>,
}

impl Evaluator<'_> {
    /// Keeps the function for later. The scopes are copied, which counts as work.
    pub fn row_program(&mut self, function: &Function, span: Span) -> Result<RowProgram, Failure> {
        let own = self.scopes.iter().map(|scope| scope.names.len() as u64 + 1);
        self.step(own.sum(), span)?;
        let mut scopes: Vec<Scope> = self.base.iter().cloned().collect();
        scopes.extend(self.scopes.iter().cloned());
        for ((at, name), value) in &self.over_base {
            if let Some(scope) = scopes.get_mut(at.0) {
                scope.names.insert(Arc::clone(name), value.clone());
            }
        }
        Ok(RowProgram {
            function: function.clone(),
            span,
            scopes: Arc::new(scopes),
            now_ns: self.now_ns,
            location: self.location.clone(),
            options: self.options.clone(),
            scripts: self.scripts.clone(),
        })
    }
}

impl RowProgram {
    /// Something that runs the function.
    pub fn start<'a>(&'a self, ctx: &'a QueryContext) -> RowRunner<'a> {
        RowRunner {
            program: self,
            evaluator: Evaluator {
                ctx,
                base: Arc::clone(&self.scopes),
                over_base: HashMap::new(),
                scopes: Vec::new(),
                now_ns: self.now_ns,
                location: self.location.clone(),
                yields: Vec::new(),
                options: self.options.clone(),
                depth: 0,
                steps: 0,
                missing_is_null: true,
                scripts: self.scripts.clone(),
            },
            calls: 0,
        }
    }
}

pub struct RowRunner<'a> {
    program: &'a RowProgram,
    evaluator: Evaluator<'a>,
    calls: usize,
}

impl RowRunner<'_> {
    /// Calls the function; what the last call left behind is forgotten.
    pub fn call(&mut self, arguments: Vec<(&str, Value)>) -> Result<Value, QueryError> {
        if self.calls.is_multiple_of(CHECK_ROWS) {
            self.evaluator.ctx.check()?;
        }
        self.calls += 1;
        self.evaluator.scopes.clear();
        self.evaluator.yields.clear();
        self.evaluator.steps = 0;
        let span = self.program.span;
        let arguments = arguments
            .into_iter()
            .map(|(name, value)| Argument::named(name, value, span))
            .collect();
        Ok(self
            .evaluator
            .call_function(&self.program.function, arguments, span)?)
    }
}

/// A row as a record.
pub fn record_of_row(table: &Table, row: usize) -> Value {
    let mut record = Record::new();
    for column in &table.columns {
        record.insert(Arc::clone(&column.label), column.cells.get(row).into());
    }
    Value::Record(Arc::new(record))
}

/// Where a scope of the program is kept.
pub(super) fn split(base: usize, scope: ScopeId) -> Result<usize, usize> {
    match scope.0.checked_sub(base) {
        Some(own) => Ok(own),
        None => Err(scope.0),
    }
}
