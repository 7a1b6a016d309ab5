//! JSON to tree: what clients send as `extern`, options mostly. Places in it are not kept: there is no
//! text that they would point into.

use super::write::UNARY;
use crate::query::flux::ast::{
    Assignment, BinaryOperator, Block, DurationPart, Expression, ExpressionKind, File,
    FunctionBody, FunctionLiteral, HEIGHT_MAX, Identifier, LogicalOperator, Name, OptionTarget,
    Parameter, Property, PropertyKey, Statement, StatementKind, StringLiteral, StringPart,
};
use crate::query::flux::ast::{Import, UnaryOperator};
use crate::query::flux::span::Span;
use crate::query::flux::{parse, regexp, time};
use serde_json::Value as Json;
use std::sync::Arc;

type Result<T> = std::result::Result<T, String>;

const HERE: Span = Span::START;

/// Reads a `File`.
pub fn read_file(json: &Json) -> Result<File> {
    let mut reader = Reader { nesting: 0 };
    let package = match present(json, "package") {
        None => None,
        Some(clause) => Some(reader.identifier(required(clause, "name")?)?),
    };
    let mut file = File {
        span: HERE,
        attributes: Vec::new(),
        package,
        imports: Vec::new(),
        body: Vec::new(),
    };
    for import in list(json, "imports")? {
        let alias = match present(import, "as") {
            None => None,
            Some(alias) => Some(reader.identifier(alias)?),
        };
        let value = text(required(import, "path")?, "value")?.into();
        let path = StringLiteral { span: HERE, value };
        file.imports.push(Import {
            span: HERE,
            alias,
            path,
        });
    }
    for statement in list(json, "body")? {
        file.body.push(reader.statement(statement)?);
    }
    Ok(file)
}

fn present<'j>(json: &'j Json, field: &str) -> Option<&'j Json> {
    json.get(field).filter(|value| !value.is_null())
}

fn required<'j>(json: &'j Json, field: &str) -> Result<&'j Json> {
    present(json, field).ok_or_else(|| format!("{} has no {field}", kind(json)))
}

fn kind(json: &Json) -> &str {
    json.get("type")
        .and_then(Json::as_str)
        .unwrap_or("a node without type")
}

fn list<'j>(json: &'j Json, field: &str) -> Result<&'j [Json]> {
    match present(json, field) {
        None => Ok(&[]),
        Some(Json::Array(items)) => Ok(items),
        Some(_) => Err(format!("{field} of {} is not a list", kind(json))),
    }
}

fn text<'j>(json: &'j Json, field: &str) -> Result<&'j str> {
    let value = required(json, field)?;
    value
        .as_str()
        .ok_or_else(|| format!("{field} of {} is not a string", kind(json)))
}

/// Numbers come as numbers or, to keep their digits, as strings.
fn number<T: std::str::FromStr>(json: &Json, field: &str) -> Result<T> {
    let value = required(json, field)?;
    let digits = match value {
        Json::String(digits) => digits.clone(),
        Json::Number(number) => number.to_string(),
        _ => return Err(format!("{field} of {} is not a number", kind(json))),
    };
    digits
        .parse()
        .map_err(|_| format!("{field} of {} is out of range: {digits}", kind(json)))
}

struct Reader {
    nesting: u16,
}

impl Reader {
    fn identifier(&self, json: &Json) -> Result<Identifier> {
        Ok(Identifier {
            span: HERE,
            name: text(json, "name")?.into(),
        })
    }

    fn statement(&mut self, json: &Json) -> Result<Statement> {
        let kind = match kind(json) {
            "OptionStatement" => self.option(required(json, "assignment")?)?,
            "VariableAssignment" => StatementKind::Variable(Assignment {
                name: self.identifier(required(json, "id")?)?,
                value: self.field(json, "init")?,
            }),
            "ExpressionStatement" => StatementKind::Expression(self.field(json, "expression")?),
            "ReturnStatement" => StatementKind::Return(self.field(json, "argument")?),
            other => return Err(format!("statement of type {other} is not supported")),
        };
        Ok(Statement {
            span: HERE,
            attributes: Vec::new(),
            kind,
        })
    }

    fn option(&mut self, json: &Json) -> Result<StatementKind> {
        let value = self.field(json, "init")?;
        let target = if let Some(member) = present(json, "member") {
            OptionTarget::Member {
                object: self.identifier(required(member, "object")?)?,
                property: self.identifier(required(member, "property")?)?,
            }
        } else {
            OptionTarget::Variable(self.identifier(required(json, "id")?)?)
        };
        Ok(StatementKind::Option { target, value })
    }

    fn field(&mut self, json: &Json, field: &str) -> Result<Expression> {
        self.expression(required(json, field)?)
    }

    fn boxed(&mut self, json: &Json, field: &str) -> Result<Box<Expression>> {
        self.field(json, field).map(Box::new)
    }

    fn expressions(&mut self, items: &[Json]) -> Result<Vec<Expression>> {
        items.iter().map(|item| self.expression(item)).collect()
    }

    fn expression(&mut self, json: &Json) -> Result<Expression> {
        if self.nesting >= parse::NESTING_MAX {
            return Err(format!(
                "nested deeper than the allowed {} levels",
                parse::NESTING_MAX
            ));
        }
        self.nesting += 1;
        let kind = self.compound(json);
        self.nesting -= 1;
        let node = Expression::new(HERE, kind?);
        if node.height > HEIGHT_MAX {
            return Err(format!("more than the allowed {HEIGHT_MAX} levels"));
        }
        Ok(node)
    }

    fn compound(&mut self, json: &Json) -> Result<ExpressionKind> {
        Ok(match kind(json) {
            "ArrayExpression" => ExpressionKind::Array(self.expressions(list(json, "elements")?)?),
            "DictExpression" => {
                let mut items = Vec::new();
                for item in list(json, "elements")? {
                    items.push((self.field(item, "key")?, self.field(item, "val")?));
                }
                ExpressionKind::Dict(items)
            }
            "ObjectExpression" => {
                let with = match present(json, "with") {
                    None => None,
                    Some(with) => Some(self.identifier(with)?),
                };
                let properties = self.properties(list(json, "properties")?)?;
                ExpressionKind::Record { with, properties }
            }
            "ParenExpression" => ExpressionKind::Paren(self.boxed(json, "expression")?),
            "FunctionExpression" => self.function(json)?,
            "CallExpression" => self.call(json)?,
            "PipeExpression" => {
                let call = self.boxed(json, "call")?;
                if !matches!(call.kind, ExpressionKind::Call { .. }) {
                    return Err("pipe destination must be a function call".to_owned());
                }
                ExpressionKind::Pipe {
                    argument: self.boxed(json, "argument")?,
                    call,
                }
            }
            "MemberExpression" => ExpressionKind::Member {
                object: self.boxed(json, "object")?,
                property: self.key(required(json, "property")?)?,
            },
            "IndexExpression" => ExpressionKind::Index {
                object: self.boxed(json, "array")?,
                index: self.boxed(json, "index")?,
            },
            "UnaryExpression" => {
                let operand = self.boxed(json, "argument")?;
                ExpressionKind::Unary {
                    operator: unary(text(json, "operator")?)?,
                    operand,
                }
            }
            "BinaryExpression" => ExpressionKind::Binary {
                operator: binary(text(json, "operator")?)?,
                left: self.boxed(json, "left")?,
                right: self.boxed(json, "right")?,
            },
            "LogicalExpression" => ExpressionKind::Logical {
                operator: logical(text(json, "operator")?)?,
                parts: vec![self.field(json, "left")?, self.field(json, "right")?],
            },
            "ConditionalExpression" => ExpressionKind::Conditional {
                test: self.boxed(json, "test")?,
                then: self.boxed(json, "consequent")?,
                otherwise: self.boxed(json, "alternate")?,
            },
            "StringExpression" => {
                let parts: Result<Vec<_>> = list(json, "parts")?
                    .iter()
                    .map(|part| self.part(part))
                    .collect();
                ExpressionKind::Interpolation(parts?)
            }
            _ => leaf(json)?,
        })
    }

    fn call(&mut self, json: &Json) -> Result<ExpressionKind> {
        let callee = self.boxed(json, "callee")?;
        let arguments = match list(json, "arguments")? {
            [] => Vec::new(),
            [record] => self.properties(list(record, "properties")?)?,
            _ => return Err("CallExpression takes one record of arguments".to_owned()),
        };
        Ok(ExpressionKind::Call { callee, arguments })
    }

    fn properties(&mut self, items: &[Json]) -> Result<Vec<Property>> {
        let mut properties = Vec::with_capacity(items.len());
        for item in items {
            let value = match present(item, "value") {
                None => None,
                Some(value) => Some(self.expression(value)?),
            };
            let key = self.key(required(item, "key")?)?;
            properties.push(Property {
                span: HERE,
                key,
                value,
            });
        }
        Ok(properties)
    }

    fn key(&self, json: &Json) -> Result<PropertyKey> {
        let quoted = kind(json) == "StringLiteral";
        let name = text(json, if quoted { "value" } else { "name" })?.into();
        Ok(PropertyKey {
            span: HERE,
            name,
            quoted,
        })
    }

    fn function(&mut self, json: &Json) -> Result<ExpressionKind> {
        let mut parameters = Vec::new();
        for item in list(json, "params")? {
            let name = self.identifier(required(item, "key")?)?;
            let default = match present(item, "value") {
                None => None,
                Some(value) => Some(self.expression(value)?),
            };
            parameters.push(Parameter {
                span: HERE,
                name,
                default,
            });
        }
        let body = required(json, "body")?;
        let body = match kind(body) {
            "Block" => {
                let statements: Result<Vec<_>> = list(body, "body")?
                    .iter()
                    .map(|item| self.statement(item))
                    .collect();
                FunctionBody::Block(Block {
                    span: HERE,
                    body: statements?,
                })
            }
            _ => FunctionBody::Expression(self.expression(body)?),
        };
        Ok(ExpressionKind::Function(Arc::new(FunctionLiteral {
            parameters,
            body,
        })))
    }

    fn part(&mut self, json: &Json) -> Result<StringPart> {
        match kind(json) {
            "TextPart" => Ok(StringPart::Text {
                span: HERE,
                value: text(json, "value")?.into(),
            }),
            "InterpolatedPart" => {
                let expression = self.field(json, "expression")?;
                Ok(StringPart::Expression {
                    span: HERE,
                    expression,
                })
            }
            other => Err(format!("{other} can't be part of a string")),
        }
    }
}

fn unary(operator: &str) -> Result<UnaryOperator> {
    let found = UNARY.into_iter().find(|known| known.text() == operator);
    found.ok_or_else(|| format!("unknown operator {operator}"))
}

fn binary(operator: &str) -> Result<BinaryOperator> {
    let found = BinaryOperator::ALL
        .into_iter()
        .find(|known| known.text() == operator);
    found.ok_or_else(|| format!("unknown operator {operator}"))
}

fn logical(operator: &str) -> Result<LogicalOperator> {
    match operator {
        "and" => Ok(LogicalOperator::And),
        "or" => Ok(LogicalOperator::Or),
        other => Err(format!("unknown operator {other}")),
    }
}

fn leaf(json: &Json) -> Result<ExpressionKind> {
    let name = |field| text(json, field).map(Name::from);
    Ok(match kind(json) {
        "Identifier" => ExpressionKind::Identifier(name("name")?),
        "BooleanLiteral" => match required(json, "value")? {
            Json::Bool(value) => ExpressionKind::Boolean(*value),
            Json::String(value) => ExpressionKind::Boolean(value == "true"),
            _ => return Err("value of BooleanLiteral is not a boolean".to_owned()),
        },
        "IntegerLiteral" => ExpressionKind::Integer(number(json, "value")?),
        "UnsignedIntegerLiteral" => ExpressionKind::Unsigned(number(json, "value")?),
        "FloatLiteral" => ExpressionKind::Float(number(json, "value")?),
        "StringLiteral" => ExpressionKind::String(name("value")?),
        "DateTimeLiteral" => {
            let value = text(json, "value")?;
            let time = time::parse_time(value);
            ExpressionKind::Time(time.ok_or_else(|| format!("invalid time {value}"))?)
        }
        "RegexpLiteral" => {
            let source = name("value")?;
            regexp::compile(&source)?;
            ExpressionKind::Regex(source)
        }
        "LabelLiteral" => ExpressionKind::Label(name("value")?),
        "PipeLiteral" => ExpressionKind::PipeReceive,
        "DurationLiteral" => ExpressionKind::Duration(duration(json)?),
        other => return Err(format!("expression of type {other} is not supported")),
    })
}

fn duration(json: &Json) -> Result<Vec<DurationPart>> {
    let mut parts = Vec::new();
    for part in list(json, "values")? {
        let unit = text(part, "unit")?;
        let unit =
            time::unit_named(unit).ok_or_else(|| format!("unknown unit of duration {unit}"))?;
        parts.push(DurationPart {
            magnitude: number(part, "magnitude")?,
            unit,
        });
    }
    Ok(parts)
}
