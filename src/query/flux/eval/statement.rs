//! Statements: what they define, set and yield.

use super::{Evaluator, ScopeId, Yield};
use crate::query::flux::ast::{
    Block, Expression, ExpressionKind, File, Import, OptionTarget, Statement, StatementKind,
};
use crate::query::flux::error::{Failure, FluxError};
use crate::query::flux::stdlib::{self, zone::read_zone};
use crate::query::flux::stream::{Stream, StreamKind};
use crate::query::flux::value::Value;

impl Evaluator<'_> {
    pub fn file(&mut self, file: &File) -> Result<(), Failure> {
        for import in &file.imports {
            self.import(import, Self::GLOBAL)?;
        }
        for statement in &file.body {
            self.statement(statement, Self::GLOBAL)?;
        }
        Ok(())
    }

    pub(super) fn import(&mut self, import: &Import, scope: ScopeId) -> Result<(), Failure> {
        let package = stdlib::package(&import.path.value).ok_or_else(|| {
            FluxError::check(
                import.path.span,
                stdlib::describe_missing(&import.path.value),
            )
        })?;
        let name = import
            .alias
            .as_ref()
            .map_or_else(|| package.name.into(), |a| a.name.clone());
        self.load_script(package, import.path.span)?;
        self.define(scope, name, Value::Package(package));
        Ok(())
    }

    /// The statements of a test case, as if they stood at the top of the file.
    pub fn test_case(&mut self, body: &Block) -> Result<(), Failure> {
        let scope = self.new_scope(Self::GLOBAL);
        body.body
            .iter()
            .try_for_each(|statement| self.statement(statement, scope))
    }

    /// The same for a case that extends another: `super()` stands for the other's statements.
    pub fn extended_test_case(&mut self, body: &Block, base: &Block) -> Result<(), Failure> {
        let scope = self.new_scope(Self::GLOBAL);
        for statement in &body.body {
            if is_super(statement) {
                for statement in &base.body {
                    self.statement(statement, scope)?;
                }
            } else {
                self.statement(statement, scope)?;
            }
        }
        Ok(())
    }

    /// Whether `option testing.tags` holds the tag.
    pub fn is_tagged(&self, tag: &str) -> bool {
        match self.option_of("testing", "tags") {
            Some(Value::Array(tags)) => {
                let is = |have: &Value| matches!(have, Value::String(have) if **have == *tag);
                tags.iter().any(is)
            }
            _ => false,
        }
    }

    pub(super) fn statement(
        &mut self,
        statement: &Statement,
        scope: ScopeId,
    ) -> Result<(), Failure> {
        match &statement.kind {
            StatementKind::Expression(expression) => {
                let value = self.expression(expression, scope)?;
                if let Value::Stream(stream) = value {
                    self.yield_unnamed(stream, expression)?;
                }
            }
            StatementKind::Variable(assignment) => {
                let value = self.expression(&assignment.value, scope)?;
                self.define(scope, assignment.name.name.clone(), value);
            }
            StatementKind::Option { target, value } => self.option(target, value, scope)?,
            // A test case runs only when asked for; a builtin is declared by the library.
            StatementKind::TestCase { .. } => {}
            StatementKind::Builtin { name, .. } => {
                let message = format!("builtin {} is not known to this version", name.name);
                return Err(FluxError::check(name.span, message).into());
            }
            StatementKind::Return(_) => {
                let message = "return stands outside of a function";
                return Err(FluxError::check(statement.span, message).into());
            }
        }
        Ok(())
    }

    fn yield_unnamed(&mut self, stream: Stream, place: &Expression) -> Result<(), Failure> {
        if stream.yielded {
            return Ok(());
        }
        let stream = stream.bounded()?;
        let name = "_result".to_owned();
        self.add_yield(Yield {
            name,
            stream,
            span: place.span,
            explicit: false,
        })
    }

    fn option(
        &mut self,
        target: &OptionTarget,
        expression: &Expression,
        scope: ScopeId,
    ) -> Result<(), Failure> {
        let name = match target {
            OptionTarget::Variable(name) => name,
            OptionTarget::Member { object, property } => {
                let span = object.span.to(property.span);
                let owner = self.identifier(&object.name, object.span, scope)?;
                let Value::Package(package) = owner else {
                    let message = format!("{} is not a package", object.name);
                    return Err(FluxError::check(span, message).into());
                };
                let value = self.expression(expression, scope)?;
                self.set_script_option(package, &property.name, &value);
                self.options
                    .insert((package.path, property.name.clone()), value);
                return Ok(());
            }
        };
        let value = self.expression(expression, scope)?;
        match name.name.as_ref() {
            "now" => self.set_now(&value, expression)?,
            "location" => match read_zone(&value) {
                Some(zone) if zone.is_utc() => self.location = None,
                Some(_) => self.location = Some(value.clone()),
                None => {
                    let message = "option location must be {zone: string, offset: duration} \
                                   with a known zone";
                    return Err(FluxError::check(name.span, message).into());
                }
            },
            _ => {}
        }
        self.define(scope, name.name.clone(), value);
        Ok(())
    }

    fn set_now(&mut self, value: &Value, place: &Expression) -> Result<(), Failure> {
        let Value::Function(function) = value else {
            let message = format!("expected () => time but found {}", value.type_name());
            return Err(FluxError::check(place.span, message).into());
        };
        match self.call_function(function, Vec::new(), place.span)? {
            Value::Time(now) => self.now_ns = now,
            other => {
                let message = format!("option now must return a time, not {}", other.type_name());
                return Err(FluxError::check(place.span, message).into());
            }
        }
        Ok(())
    }

    /// The value that a function's block returns.
    pub(super) fn block(&mut self, block: &Block, scope: ScopeId) -> Result<Value, Failure> {
        for statement in &block.body {
            if let StatementKind::Return(value) = &statement.kind {
                return self.expression(value, scope);
            }
            self.statement(statement, scope)?;
        }
        Err(FluxError::check(block.span, "missing return statement in block").into())
    }
}

/// `super()`
fn is_super(statement: &Statement) -> bool {
    let StatementKind::Expression(expression) = &statement.kind else {
        return false;
    };
    let ExpressionKind::Call { callee, .. } = &expression.kind else {
        return false;
    };
    matches!(&callee.kind, ExpressionKind::Identifier(name) if **name == *"super")
}

impl Stream {
    /// The plan node; refuses to read a bucket without a range.
    pub fn bounded(self) -> Result<crate::query::plan::Stream, Failure> {
        match self.kind {
            StreamKind::Tables(node) => Ok(node),
            StreamKind::Unbounded { name, span, .. } => Err(FluxError::check(
                span,
                format!(
                    "cannot submit unbounded read to {name:?}; try bounding 'from' with a call \
                     to 'range'"
                ),
            )
            .into()),
        }
    }
}
