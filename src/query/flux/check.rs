//! Finds names that nothing defines, and names defined twice, before anything runs.

use super::ast::{
    Assignment, Block, Expression, ExpressionKind, File, FunctionBody, Name, OptionTarget,
    Property, Statement, StatementKind, StringPart,
};
use super::error::FluxError;
use super::span::Span;
use super::stdlib;
use std::collections::HashSet;

/// Faults noted before checking stops.
const ERRORS_MAX: usize = 20;

/// Checks a file that is run after others which defined `known` (parameters, extern options).
pub fn check(file: &File, known: &[Name]) -> Vec<FluxError> {
    let mut checker = Checker {
        scopes: Vec::new(),
        errors: Vec::new(),
    };
    let universe = stdlib::universe::PACKAGE
        .members
        .iter()
        .map(|(name, _)| Name::from(*name));
    checker
        .scopes
        .push(universe.chain(known.iter().cloned()).collect());
    checker.scopes.push(HashSet::new());
    for import in &file.imports {
        let path = &import.path;
        match (stdlib::package(&path.value), &import.alias) {
            (None, alias) => {
                checker.note(path.span, stdlib::describe_missing(&path.value));
                // Its name is not unknown too.
                let last = path.value.rsplit('/').next().unwrap_or_default().into();
                checker.define(alias.as_ref().map_or(&last, |alias| &alias.name));
            }
            (Some(_), Some(alias)) => checker.define(&alias.name),
            (Some(package), None) => checker.define(&package.name.into()),
        }
    }
    checker.statements(&file.body);
    checker.errors
}

/// Names that the statements of a file define at its top.
pub fn defined(file: &File) -> Vec<Name> {
    let names = file
        .body
        .iter()
        .filter_map(|statement| match &statement.kind {
            StatementKind::Variable(assignment) => Some(assignment.name.name.clone()),
            StatementKind::Option {
                target: OptionTarget::Variable(name),
                ..
            } => Some(name.name.clone()),
            _ => None,
        });
    names.collect()
}

struct Checker {
    scopes: Vec<HashSet<Name>>,
    errors: Vec<FluxError>,
}

impl Checker {
    fn note(&mut self, span: Span, message: String) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(FluxError::check(span, message));
        }
    }

    fn define(&mut self, name: &Name) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(Name::clone(name));
        }
    }

    fn used(&mut self, name: &Name, span: Span) {
        if !self.scopes.iter().rev().any(|scope| scope.contains(name)) {
            self.note(span, stdlib::describe_undefined(name));
        }
    }

    fn statements(&mut self, body: &[Statement]) {
        for statement in body {
            self.statement(&statement.kind);
        }
    }

    fn statement(&mut self, statement: &StatementKind) {
        match statement {
            StatementKind::Expression(value) | StatementKind::Return(value) => {
                self.expression(value);
            }
            StatementKind::Variable(Assignment { name, value }) => {
                self.expression(value);
                let taken = self
                    .scopes
                    .last()
                    .is_some_and(|scope| scope.contains(&name.name));
                if taken {
                    self.note(name.span, format!("variable {:?} reassigned", name.name));
                }
                self.define(&name.name);
            }
            StatementKind::Option { target, value } => {
                self.expression(value);
                match target {
                    OptionTarget::Variable(name) => self.define(&name.name),
                    OptionTarget::Member { object, .. } => self.used(&object.name, object.span),
                }
            }
            StatementKind::Builtin { name, .. } => self.define(&name.name),
            // Only the testing tool runs these.
            StatementKind::TestCase { .. } => {}
        }
    }

    fn block(&mut self, block: &Block) {
        self.statements(&block.body);
        let returns = matches!(
            block.body.last().map(|statement| &statement.kind),
            Some(StatementKind::Return(_))
        );
        if !returns {
            self.note(block.span, "missing return statement in block".to_owned());
        }
    }

    fn expressions<'e>(&mut self, items: impl IntoIterator<Item = &'e Expression>) {
        items.into_iter().for_each(|item| self.expression(item));
    }

    fn properties(&mut self, properties: &[Property]) {
        for property in properties {
            match &property.value {
                Some(value) => self.expression(value),
                None => self.used(&property.key.name, property.span),
            }
        }
    }

    fn expression(&mut self, expression: &Expression) {
        match &expression.kind {
            ExpressionKind::Identifier(name) => self.used(name, expression.span),
            ExpressionKind::Array(items) | ExpressionKind::Logical { parts: items, .. } => {
                self.expressions(items);
            }
            ExpressionKind::Dict(items) => {
                items
                    .iter()
                    .for_each(|(key, value)| self.expressions([key, value]));
            }
            ExpressionKind::Interpolation(parts) => {
                for part in parts {
                    if let StringPart::Expression { expression, .. } = part {
                        self.expression(expression);
                    }
                }
            }
            ExpressionKind::Record { with, properties } => {
                if let Some(with) = with {
                    self.used(&with.name, with.span);
                }
                self.properties(properties);
            }
            ExpressionKind::Paren(inner) => self.expression(inner),
            ExpressionKind::Function(function) => {
                self.function(&function.parameters, &function.body)
            }
            ExpressionKind::Call { callee, arguments } => {
                self.expression(callee);
                self.properties(arguments);
            }
            ExpressionKind::Pipe { argument, call } => self.expressions([&**argument, &**call]),
            ExpressionKind::Member { object, .. } => self.expression(object),
            ExpressionKind::Index { object, index } => self.expressions([&**object, &**index]),
            ExpressionKind::Unary { operand, .. } => self.expression(operand),
            ExpressionKind::Binary { left, right, .. } => self.expressions([&**left, &**right]),
            ExpressionKind::Conditional {
                test,
                then,
                otherwise,
            } => {
                self.expressions([&**test, &**then, &**otherwise]);
            }
            ExpressionKind::Boolean(_)
            | ExpressionKind::Integer(_)
            | ExpressionKind::Unsigned(_)
            | ExpressionKind::Float(_)
            | ExpressionKind::String(_)
            | ExpressionKind::Duration(_)
            | ExpressionKind::Time(_)
            | ExpressionKind::Regex(_)
            | ExpressionKind::Label(_)
            | ExpressionKind::PipeReceive => {}
        }
    }

    fn function(&mut self, parameters: &[super::ast::Parameter], body: &FunctionBody) {
        self.expressions(
            parameters
                .iter()
                .filter_map(|parameter| parameter.default.as_ref()),
        );
        let names = parameters
            .iter()
            .map(|parameter| parameter.name.name.clone());
        self.scopes.push(names.collect());
        match body {
            FunctionBody::Expression(body) => self.expression(body),
            FunctionBody::Block(block) => {
                // A block may define again what the parameters are called.
                self.scopes.push(HashSet::new());
                self.block(block);
                self.scopes.pop();
            }
        }
        self.scopes.pop();
    }
}
