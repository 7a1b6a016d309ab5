//! Tree to JSON. Every node has its `type` and its `location` with the source text.

use crate::query::flux::ast::{
    Assignment, Attribute, Block, Expression, ExpressionKind, File, FunctionBody, FunctionLiteral,
    Identifier, Import, LogicalOperator, OptionTarget, Parameter, Property, PropertyKey, Statement,
    StatementKind, StringLiteral, StringPart, UnaryOperator,
};
use crate::query::flux::span::{Position, Span};
use crate::query::text::rfc3339;
use serde_json::{Map, Value as Json, json};

/// A package that holds the file.
pub fn write_package(file: &File, text: &str) -> Json {
    let writer = Writer { text };
    let name = file
        .package
        .as_ref()
        .map_or("main", |package| package.name.as_ref());
    json!({ "type": "Package", "package": name, "files": [writer.file(file)] })
}

struct Writer<'t> {
    text: &'t str,
}

impl Writer<'_> {
    fn node(&self, kind: &str, span: Span, fields: Json) -> Json {
        let mut node = Map::new();
        node.insert("type".to_owned(), kind.into());
        node.insert("location".to_owned(), self.location(span));
        if let Json::Object(fields) = fields {
            node.extend(fields);
        }
        Json::Object(node)
    }

    fn location(&self, span: Span) -> Json {
        let position =
            |position: Position| json!({ "line": position.line, "column": position.column });
        json!({
            "start": position(span.start),
            "end": position(span.end),
            "source": span.of(self.text),
        })
    }

    fn file(&self, file: &File) -> Json {
        let package = file.package.as_ref().map(|name| {
            self.node(
                "PackageClause",
                name.span,
                json!({ "name": self.identifier(name) }),
            )
        });
        let imports: Vec<_> = file
            .imports
            .iter()
            .map(|import| self.import(import))
            .collect();
        let body: Vec<_> = file
            .body
            .iter()
            .map(|statement| self.statement(statement))
            .collect();
        let mut fields = json!({
            "metadata": "parser-type=rust",
            "package": package,
            "imports": imports,
            "body": body,
        });
        self.add_attributes(&mut fields, &file.attributes);
        self.node("File", file.span, fields)
    }

    fn add_attributes(&self, fields: &mut Json, attributes: &[Attribute]) {
        if attributes.is_empty() {
            return;
        }
        let attributes = attributes.iter().map(|attribute| {
            let parameters: Vec<_> = attribute
                .parameters
                .iter()
                .map(|value| {
                    let fields = json!({ "value": self.expression(value) });
                    self.node("AttributeParam", value.span, fields)
                })
                .collect();
            let fields = json!({ "name": &*attribute.name, "params": parameters });
            self.node("Attribute", attribute.span, fields)
        });
        let attributes: Vec<_> = attributes.collect();
        if let Json::Object(fields) = fields {
            fields.insert("attributes".to_owned(), attributes.into());
        }
    }

    fn import(&self, import: &Import) -> Json {
        let alias = import.alias.as_ref().map(|alias| self.identifier(alias));
        let path = self.string(&import.path);
        self.node(
            "ImportDeclaration",
            import.span,
            json!({ "as": alias, "path": path }),
        )
    }

    fn identifier(&self, identifier: &Identifier) -> Json {
        self.node(
            "Identifier",
            identifier.span,
            json!({ "name": &*identifier.name }),
        )
    }

    fn string(&self, literal: &StringLiteral) -> Json {
        self.node(
            "StringLiteral",
            literal.span,
            json!({ "value": &*literal.value }),
        )
    }

    fn statement(&self, statement: &Statement) -> Json {
        let (kind, mut fields) = match &statement.kind {
            StatementKind::Expression(value) => (
                "ExpressionStatement",
                json!({ "expression": self.expression(value) }),
            ),
            StatementKind::Return(value) => (
                "ReturnStatement",
                json!({ "argument": self.expression(value) }),
            ),
            StatementKind::Variable(Assignment { name, value }) => (
                "VariableAssignment",
                json!({ "id": self.identifier(name), "init": self.expression(value) }),
            ),
            StatementKind::Option { target, value } => (
                "OptionStatement",
                json!({ "assignment": self.option(target, value) }),
            ),
            StatementKind::Builtin { name, type_span } => (
                "BuiltinStatement",
                json!({
                    "id": self.identifier(name),
                    "ty": self.node("TypeExpression", *type_span, json!({})),
                }),
            ),
            StatementKind::TestCase {
                name,
                extends,
                body,
            } => (
                "TestCaseStatement",
                json!({
                    "id": self.identifier(name),
                    "extends": extends.as_ref().map(|path| self.string(path)),
                    "block": self.block(body),
                }),
            ),
        };
        self.add_attributes(&mut fields, &statement.attributes);
        self.node(kind, statement.span, fields)
    }

    fn option(&self, target: &OptionTarget, value: &Expression) -> Json {
        let init = self.expression(value);
        match target {
            OptionTarget::Variable(name) => {
                let fields = json!({ "id": self.identifier(name), "init": init });
                self.node("VariableAssignment", name.span.to(value.span), fields)
            }
            OptionTarget::Member { object, property } => {
                let span = object.span.to(property.span);
                let member = json!({
                    "object": self.identifier(object),
                    "property": self.identifier(property),
                });
                let member = self.node("MemberExpression", span, member);
                let fields = json!({ "member": member, "init": init });
                self.node("MemberAssignment", span.to(value.span), fields)
            }
        }
    }

    fn block(&self, block: &Block) -> Json {
        let body: Vec<_> = block
            .body
            .iter()
            .map(|statement| self.statement(statement))
            .collect();
        self.node("Block", block.span, json!({ "body": body }))
    }

    fn expressions(&self, items: &[Expression]) -> Json {
        items
            .iter()
            .map(|item| self.expression(item))
            .collect::<Vec<_>>()
            .into()
    }

    fn expression(&self, expression: &Expression) -> Json {
        let span = expression.span;
        if let ExpressionKind::Logical { operator, parts } = &expression.kind {
            return self.logical(*operator, parts);
        }
        let (kind, fields) = match &expression.kind {
            ExpressionKind::Array(items) => (
                "ArrayExpression",
                json!({ "elements": self.expressions(items) }),
            ),
            ExpressionKind::Dict(items) => ("DictExpression", self.dict(items)),
            ExpressionKind::Record { with, properties } => (
                "ObjectExpression",
                json!({
                    "with": with.as_ref().map(|with| self.identifier(with)),
                    "properties": self.properties(properties),
                }),
            ),
            ExpressionKind::Paren(inner) => (
                "ParenExpression",
                json!({ "expression": self.expression(inner) }),
            ),
            ExpressionKind::Function(function) => ("FunctionExpression", self.function(function)),
            ExpressionKind::Call { callee, arguments } => {
                ("CallExpression", self.call(callee, arguments))
            }
            ExpressionKind::Pipe { argument, call } => (
                "PipeExpression",
                json!({ "argument": self.expression(argument), "call": self.expression(call) }),
            ),
            ExpressionKind::Member { object, property } => (
                "MemberExpression",
                json!({ "object": self.expression(object), "property": self.key(property) }),
            ),
            ExpressionKind::Index { object, index } => (
                "IndexExpression",
                json!({ "array": self.expression(object), "index": self.expression(index) }),
            ),
            ExpressionKind::Unary { operator, operand } => (
                "UnaryExpression",
                json!({ "operator": operator.text(), "argument": self.expression(operand) }),
            ),
            ExpressionKind::Binary {
                operator,
                left,
                right,
            } => (
                "BinaryExpression",
                json!({
                    "operator": operator.text(),
                    "left": self.expression(left),
                    "right": self.expression(right),
                }),
            ),
            ExpressionKind::Conditional {
                test,
                then,
                otherwise,
            } => (
                "ConditionalExpression",
                json!({
                    "test": self.expression(test),
                    "consequent": self.expression(then),
                    "alternate": self.expression(otherwise),
                }),
            ),
            ExpressionKind::Interpolation(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| self.part(part)).collect();
                ("StringExpression", json!({ "parts": parts }))
            }
            leaf => self.leaf(leaf),
        };
        self.node(kind, span, fields)
    }

    fn leaf(&self, kind: &ExpressionKind) -> (&'static str, Json) {
        match kind {
            ExpressionKind::Identifier(name) => ("Identifier", json!({ "name": &**name })),
            ExpressionKind::Boolean(value) => ("BooleanLiteral", json!({ "value": value })),
            // Integers are strings: JSON readers lose digits of large numbers.
            ExpressionKind::Integer(value) => {
                ("IntegerLiteral", json!({ "value": value.to_string() }))
            }
            ExpressionKind::Unsigned(value) => (
                "UnsignedIntegerLiteral",
                json!({ "value": value.to_string() }),
            ),
            ExpressionKind::Float(value) => ("FloatLiteral", json!({ "value": value })),
            ExpressionKind::String(value) => ("StringLiteral", json!({ "value": &**value })),
            ExpressionKind::Time(value) => ("DateTimeLiteral", json!({ "value": rfc3339(*value) })),
            ExpressionKind::Regex(source) => ("RegexpLiteral", json!({ "value": &**source })),
            ExpressionKind::Label(name) => ("LabelLiteral", json!({ "value": &**name })),
            ExpressionKind::Duration(parts) => {
                let part = |part: &crate::query::flux::ast::DurationPart| json!({ "magnitude": part.magnitude, "unit": part.unit });
                let parts: Vec<_> = parts.iter().map(part).collect();
                ("DurationLiteral", json!({ "values": parts }))
            }
            _ => ("PipeLiteral", json!({})),
        }
    }

    /// The tree's shape has two operands for each operator.
    fn logical(&self, operator: LogicalOperator, parts: &[Expression]) -> Json {
        let Some((first, rest)) = parts.split_first() else {
            return Json::Null;
        };
        rest.iter().fold(self.expression(first), |left, part| {
            let fields = json!({
                "operator": operator.text(),
                "left": left,
                "right": self.expression(part),
            });
            self.node("LogicalExpression", first.span.to(part.span), fields)
        })
    }

    fn dict(&self, items: &[(Expression, Expression)]) -> Json {
        let items = items.iter().map(|(key, value)| {
            let fields = json!({ "key": self.expression(key), "val": self.expression(value) });
            self.node("DictItem", key.span.to(value.span), fields)
        });
        json!({ "elements": items.collect::<Vec<_>>() })
    }

    fn call(&self, callee: &Expression, arguments: &[Property]) -> Json {
        let mut fields = json!({ "callee": self.expression(callee) });
        if let (Some(first), Some(last)) = (arguments.first(), arguments.last())
            && let Json::Object(fields) = &mut fields
        {
            let properties = json!({ "properties": self.properties(arguments) });
            let record = self.node("ObjectExpression", first.span.to(last.span), properties);
            fields.insert("arguments".to_owned(), json!([record]));
        }
        fields
    }

    fn properties(&self, properties: &[Property]) -> Json {
        let properties = properties.iter().map(|property| {
            let value = property.value.as_ref().map(|value| self.expression(value));
            let fields = json!({ "key": self.key(&property.key), "value": value });
            self.node("Property", property.span, fields)
        });
        properties.collect::<Vec<_>>().into()
    }

    fn key(&self, key: &PropertyKey) -> Json {
        if key.quoted {
            self.node("StringLiteral", key.span, json!({ "value": &*key.name }))
        } else {
            self.node("Identifier", key.span, json!({ "name": &*key.name }))
        }
    }

    fn function(&self, function: &FunctionLiteral) -> Json {
        let parameter = |parameter: &Parameter| {
            let value = parameter
                .default
                .as_ref()
                .map(|value| self.expression(value));
            let fields = json!({ "key": self.identifier(&parameter.name), "value": value });
            self.node("Property", parameter.span, fields)
        };
        let parameters: Vec<_> = function.parameters.iter().map(parameter).collect();
        let body = match &function.body {
            FunctionBody::Expression(body) => self.expression(body),
            FunctionBody::Block(block) => self.block(block),
        };
        json!({ "params": parameters, "body": body })
    }

    fn part(&self, part: &StringPart) -> Json {
        match part {
            StringPart::Text { span, value } => {
                self.node("TextPart", *span, json!({ "value": &**value }))
            }
            StringPart::Expression { span, expression } => {
                let fields = json!({ "expression": self.expression(expression) });
                self.node("InterpolatedPart", *span, fields)
            }
        }
    }
}

/// All texts of unary operators, for reading them back.
pub const UNARY: [UnaryOperator; 4] = [
    UnaryOperator::Plus,
    UnaryOperator::Minus,
    UnaryOperator::Not,
    UnaryOperator::Exists,
];
