//! Packages that are written in Flux: run once, when they are imported.

use super::{Evaluator, ScopeId};
use crate::query::flux::ast::Name;
use crate::query::flux::error::{Failure, FluxError};
use crate::query::flux::parse::parse;
use crate::query::flux::span::Span;
use crate::query::flux::stdlib::{self, Package};
use crate::query::flux::value::Value;

impl Evaluator<'_> {
    /// Runs the part of the package that is written in Flux, if there is one.
    pub(super) fn load_script(
        &mut self,
        package: &'static Package,
        span: Span,
    ) -> Result<(), Failure> {
        let Some(text) = stdlib::script(package.path) else {
            return Ok(());
        };
        if self.scripts.contains_key(package.path) {
            return Ok(());
        }
        let parsed = parse(text);
        if let Some(error) = parsed.errors.first() {
            let message = format!("package {} is wrong: {error}", package.path);
            return Err(FluxError::check(span, message).into());
        }
        let scope = self.new_scope(Self::PRELUDE);
        self.scripts.insert(package.path, scope);
        self.nested(span, |evaluator| {
            for import in &parsed.file.imports {
                evaluator.import(import, scope)?;
            }
            for statement in &parsed.file.body {
                evaluator.statement(statement, scope)?;
            }
            let options = evaluator.options.iter();
            let preset: Vec<(Name, Value)> = options
                .filter(|((path, _), _)| *path == package.path)
                .map(|((_, name), value)| (Name::clone(name), value.clone()))
                .collect();
            for (name, value) in preset {
                evaluator.define(scope, name, value);
            }
            Ok(())
        })
    }

    pub(super) fn script_member(&self, package: &'static Package, name: &Name) -> Option<Value> {
        let scope = self.scripts.get(package.path)?;
        self.own(*scope, name)
    }

    /// What the program puts in the place of a member is seen by the package's other functions too.
    pub(super) fn set_script_option(
        &mut self,
        package: &'static Package,
        name: &Name,
        value: &Value,
    ) {
        if let Some(scope) = self.scripts.get(package.path) {
            self.define(*scope, Name::clone(name), value.clone());
        }
    }

    /// A name of the scope itself.
    fn own(&self, scope: ScopeId, name: &Name) -> Option<Value> {
        let found = match super::rows::split(self.base.len(), scope) {
            Ok(own) => self.scopes.get(own),
            Err(before) => self.base.get(before),
        };
        found.and_then(|scope| scope.names.get(name)).cloned()
    }
}
