//! Expressions by precedence climbing. From loosest to tightest:
//!
//! ```text
//! if | or | and | not exists | == != < <= > >= =~ !~ | + - | * / % | ^ | |> | unary + - | . [] ()
//! ```

use super::{Parser, Result};
use crate::query::flux::ast::{
    BinaryOperator, Expression, ExpressionKind, FunctionBody, FunctionLiteral, Identifier,
    LogicalOperator, Parameter, Property, PropertyKey, UnaryOperator,
};
use crate::query::flux::error::FluxError;
use crate::query::flux::span::Span;
use crate::query::flux::token::TokenKind;
use std::sync::Arc;

const OR: u8 = 1;
const AND: u8 = 2;
const LOGICAL_UNARY: u8 = 3;
const COMPARISON: u8 = 4;
const ADDITIVE: u8 = 5;
const MULTIPLICATIVE: u8 = 6;
const POWER: u8 = 7;

#[derive(Clone, Copy)]
enum Operator {
    Logical(LogicalOperator),
    Binary(BinaryOperator),
}

fn operator(kind: TokenKind) -> Option<(u8, Operator)> {
    use BinaryOperator as B;
    let (precedence, binary) = match kind {
        TokenKind::Or => return Some((OR, Operator::Logical(LogicalOperator::Or))),
        TokenKind::And => return Some((AND, Operator::Logical(LogicalOperator::And))),
        TokenKind::Equal => (COMPARISON, B::Equal),
        TokenKind::NotEqual => (COMPARISON, B::NotEqual),
        TokenKind::Less => (COMPARISON, B::Less),
        TokenKind::LessEqual => (COMPARISON, B::LessEqual),
        TokenKind::Greater => (COMPARISON, B::Greater),
        TokenKind::GreaterEqual => (COMPARISON, B::GreaterEqual),
        TokenKind::Match => (COMPARISON, B::Match),
        TokenKind::NotMatch => (COMPARISON, B::NotMatch),
        TokenKind::Plus => (ADDITIVE, B::Add),
        TokenKind::Minus => (ADDITIVE, B::Subtract),
        TokenKind::Star => (MULTIPLICATIVE, B::Multiply),
        TokenKind::Slash => (MULTIPLICATIVE, B::Divide),
        TokenKind::Percent => (MULTIPLICATIVE, B::Modulo),
        TokenKind::Caret => (POWER, B::Power),
        _ => return None,
    };
    Some((precedence, Operator::Binary(binary)))
}

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Result<Expression> {
        self.nested(|parser| match parser.kind() {
            TokenKind::If => parser.conditional(),
            _ => parser.binary(OR),
        })
    }

    fn conditional(&mut self) -> Result<Expression> {
        let start = self.take().span;
        let test = Box::new(self.expression()?);
        self.expect(TokenKind::Then, "after the condition")?;
        let then = Box::new(self.expression()?);
        self.expect(TokenKind::Else, "after the first branch of the condition")?;
        let otherwise = Box::new(self.expression()?);
        self.node(
            start,
            ExpressionKind::Conditional {
                test,
                then,
                otherwise,
            },
        )
    }

    /// Operands joined by operators of at least this precedence, all of which associate to the left.
    fn binary(&mut self, precedence_min: u8) -> Result<Expression> {
        let start = self.token.span;
        let mut left = match self.kind() {
            TokenKind::Not | TokenKind::Exists if precedence_min <= LOGICAL_UNARY => {
                self.logical_unary()?
            }
            _ => self.pipe()?,
        };
        while let Some((precedence, operator)) = operator(self.kind()) {
            if precedence < precedence_min {
                break;
            }
            self.take();
            let right = self.binary(precedence + 1)?;
            left = match operator {
                Operator::Binary(operator) => {
                    let (left, right) = (Box::new(left), Box::new(right));
                    self.node(
                        start,
                        ExpressionKind::Binary {
                            operator,
                            left,
                            right,
                        },
                    )?
                }
                Operator::Logical(operator) => self.logical(operator, left, right)?,
            };
        }
        Ok(left)
    }

    /// Chains of one operator become one node, which grows in constant time.
    fn logical(
        &self,
        operator: LogicalOperator,
        left: Expression,
        right: Expression,
    ) -> Result<Expression> {
        let start = left.span;
        match left {
            Expression {
                kind:
                    ExpressionKind::Logical {
                        operator: chained,
                        mut parts,
                    },
                height,
                ..
            } if chained == operator => {
                let height = height.max(right.height.saturating_add(1));
                parts.push(right);
                let kind = ExpressionKind::Logical { operator, parts };
                let span = start.to(self.last);
                self.bounded(Expression { span, height, kind })
            }
            left => {
                let parts = vec![left, right];
                self.node(start, ExpressionKind::Logical { operator, parts })
            }
        }
    }

    fn logical_unary(&mut self) -> Result<Expression> {
        let start = self.token.span;
        let operator = match self.take().kind {
            TokenKind::Not => UnaryOperator::Not,
            _ => UnaryOperator::Exists,
        };
        let operand = self.nested(|parser| match parser.kind() {
            TokenKind::Not | TokenKind::Exists => parser.logical_unary(),
            _ => parser.binary(COMPARISON),
        })?;
        self.node(
            start,
            ExpressionKind::Unary {
                operator,
                operand: operand.into(),
            },
        )
    }

    fn pipe(&mut self) -> Result<Expression> {
        let start = self.token.span;
        let mut argument = self.signed()?;
        while self.accept(TokenKind::PipeForward) {
            let call = self.signed()?;
            if !matches!(call.kind, ExpressionKind::Call { .. }) {
                return Err(FluxError::parse(
                    call.span,
                    "pipe destination must be a function call",
                ));
            }
            let kind = ExpressionKind::Pipe {
                argument: argument.into(),
                call: call.into(),
            };
            argument = self.node(start, kind)?;
        }
        Ok(argument)
    }

    fn signed(&mut self) -> Result<Expression> {
        let operator = match self.kind() {
            TokenKind::Plus => UnaryOperator::Plus,
            TokenKind::Minus => UnaryOperator::Minus,
            _ => return self.postfix(),
        };
        let start = self.take().span;
        let operand = Box::new(self.nested(Self::signed)?);
        self.node(start, ExpressionKind::Unary { operator, operand })
    }

    fn postfix(&mut self) -> Result<Expression> {
        let start = self.token.span;
        let mut object = self.primary()?;
        loop {
            let kind = match self.kind() {
                TokenKind::Dot => {
                    self.take();
                    let property = self.member_name()?;
                    ExpressionKind::Member {
                        object: object.into(),
                        property,
                    }
                }
                TokenKind::BracketOpen => self.index(object)?,
                TokenKind::ParenOpen => {
                    self.take();
                    let arguments = self.properties(TokenKind::ParenClose)?;
                    self.expect(TokenKind::ParenClose, "to end the arguments")?;
                    ExpressionKind::Call {
                        callee: object.into(),
                        arguments,
                    }
                }
                _ => return Ok(object),
            };
            object = self.node(start, kind)?;
        }
    }

    fn index(&mut self, object: Expression) -> Result<ExpressionKind> {
        self.take();
        let index = self.expression()?;
        self.expect(TokenKind::BracketClose, "to end the index")?;
        let object = Box::new(object);
        // `r["name"]` is the other way to write `r.name`.
        Ok(match index.kind {
            ExpressionKind::String(name) => {
                let property = PropertyKey {
                    span: index.span,
                    name,
                    quoted: true,
                };
                ExpressionKind::Member { object, property }
            }
            _ => ExpressionKind::Index {
                object,
                index: index.into(),
            },
        })
    }

    fn member_name(&mut self) -> Result<PropertyKey> {
        if self.kind() != TokenKind::Identifier && !self.kind().is_keyword() {
            return Err(self.unexpected("expected a name after ."));
        }
        let span = self.take().span;
        Ok(PropertyKey {
            span,
            name: span.of(self.text()).into(),
            quoted: false,
        })
    }

    fn primary(&mut self) -> Result<Expression> {
        match self.kind() {
            TokenKind::Identifier => {
                let span = self.take().span;
                self.node(
                    span,
                    ExpressionKind::Identifier(span.of(self.text()).into()),
                )
            }
            TokenKind::Integer => self.integer(),
            TokenKind::Float => self.float(),
            TokenKind::Time => self.time(),
            TokenKind::Duration => self.duration(),
            TokenKind::Slash => self.regex(),
            TokenKind::Quote => self.string(),
            TokenKind::BracketOpen => self.array_or_dict(),
            TokenKind::BraceOpen => self.record(),
            TokenKind::ParenOpen if self.at_function() => self.function(),
            TokenKind::ParenOpen => {
                let start = self.take().span;
                let inner = self.expression()?;
                self.expect(TokenKind::ParenClose, "to match the opening parenthesis")?;
                self.node(start, ExpressionKind::Paren(inner.into()))
            }
            TokenKind::Dot => {
                let start = self.take().span;
                let name = self.member_name()?.name;
                self.node(start, ExpressionKind::Label(name))
            }
            _ => Err(self.unexpected("expected an expression")),
        }
    }

    /// Whether the parenthesis opens the parameters of a function.
    fn at_function(&self) -> bool {
        use TokenKind::{Arrow, Assign, Comma, Identifier, ParenClose};
        match self.kinds_ahead::<3>() {
            [ParenClose, ..] | [Identifier, Assign | Comma, _] => true,
            [Identifier, ParenClose, after] => after == Arrow,
            _ => false,
        }
    }

    fn function(&mut self) -> Result<Expression> {
        let start = self.take().span;
        let mut parameters = Vec::new();
        while self.kind() != TokenKind::ParenClose {
            parameters.push(self.parameter()?);
            if !self.accept(TokenKind::Comma) {
                break;
            }
        }
        self.expect(TokenKind::ParenClose, "to end the parameters")?;
        self.expect(TokenKind::Arrow, "after the parameters of the function")?;
        let body = match self.kind() {
            TokenKind::BraceOpen => FunctionBody::Block(self.block()?),
            _ => FunctionBody::Expression(self.expression()?),
        };
        let function = FunctionLiteral { parameters, body };
        self.node(start, ExpressionKind::Function(Arc::new(function)))
    }

    fn parameter(&mut self) -> Result<Parameter> {
        let name = self.identifier("of a parameter")?;
        let mut default = None;
        if self.accept(TokenKind::Assign) {
            default = Some(if self.kind() == TokenKind::PipeReceive {
                let span = self.take().span;
                self.node(span, ExpressionKind::PipeReceive)?
            } else {
                self.expression()?
            });
        }
        Ok(Parameter {
            span: name.span.to(self.last),
            name,
            default,
        })
    }

    fn array_or_dict(&mut self) -> Result<Expression> {
        let start = self.take().span;
        if self.accept(TokenKind::Colon) {
            self.expect(TokenKind::BracketClose, "to end the dictionary")?;
            return self.node(start, ExpressionKind::Dict(Vec::new()));
        }
        let mut items = Vec::new();
        let mut pairs = Vec::new();
        while self.kind() != TokenKind::BracketClose {
            let item = self.expression()?;
            if items.is_empty() && self.accept(TokenKind::Colon) {
                pairs.push((item, self.expression()?));
            } else if pairs.is_empty() {
                items.push(item);
            } else {
                return Err(self.unexpected("expected : after the key"));
            }
            if !self.accept(TokenKind::Comma) {
                break;
            }
        }
        self.expect(TokenKind::BracketClose, "or a comma after the element")?;
        let kind = match pairs.is_empty() {
            true => ExpressionKind::Array(items),
            false => ExpressionKind::Dict(pairs),
        };
        self.node(start, kind)
    }

    fn record(&mut self) -> Result<Expression> {
        let start = self.take().span;
        let mut with = None;
        if self.kind() == TokenKind::Identifier && self.word_ahead("with") {
            let span = self.take().span;
            with = Some(Identifier {
                span,
                name: span.of(self.text()).into(),
            });
            self.take();
        }
        let properties = self.properties(TokenKind::BraceClose)?;
        self.expect(TokenKind::BraceClose, "or a comma after the property")?;
        self.node(start, ExpressionKind::Record { with, properties })
    }

    fn word_ahead(&self, word: &str) -> bool {
        let mut lexer = self.lexer.clone();
        let token = lexer.next_token();
        token.kind == TokenKind::Identifier && token.span.of(self.text()) == word
    }

    /// `name: value, "name": value, name` up to, not including, `close`.
    fn properties(&mut self, close: TokenKind) -> Result<Vec<Property>> {
        let mut properties = Vec::new();
        while self.kind() != close && self.kind() != TokenKind::End {
            properties.push(self.property()?);
            if !self.accept(TokenKind::Comma) {
                break;
            }
        }
        if self.kind() == close {
            return Ok(properties);
        }
        Err(self.unexpected(&format!("expected a comma or {close} after the property")))
    }

    fn property(&mut self) -> Result<Property> {
        let start = self.token.span;
        let key = if self.kind() == TokenKind::Quote {
            let name = self.plain_string_value("as the name of a property")?;
            PropertyKey {
                span: start.to(self.last),
                name,
                quoted: true,
            }
        } else if self.kind() == TokenKind::Identifier
            || (self.kind().is_keyword() && self.kinds_ahead::<1>() == [TokenKind::Colon])
        {
            let span = self.take().span;
            PropertyKey {
                span,
                name: span.of(self.text()).into(),
                quoted: false,
            }
        } else {
            return Err(self.unexpected("expected name: value"));
        };
        let value = if self.accept(TokenKind::Colon) {
            Some(self.expression()?)
        } else {
            None
        };
        if value.is_none() && key.quoted {
            return Err(self.unexpected("expected : after the name of the property"));
        }
        Ok(Property {
            span: Span::to(start, self.last),
            key,
            value,
        })
    }
}
