//! Type expressions of `builtin` statements. Only their form is checked: builtins are declared in the
//! standard library, not by queries.

use super::{Parser, Result};
use crate::query::flux::span::Span;
use crate::query::flux::token::TokenKind;

impl Parser<'_> {
    /// A type with its constraints: `(a: A) => [A] where A: Addable + Divisible`.
    pub(super) fn type_expression(&mut self) -> Result<Span> {
        let start = self.token.span;
        self.mono_type()?;
        if self.at_word("where") {
            loop {
                self.take();
                self.identifier("of a type variable")?;
                self.expect(TokenKind::Colon, "after the type variable")?;
                self.identifier("of a kind")?;
                while self.accept(TokenKind::Plus) {
                    self.identifier("of a kind")?;
                }
                if self.kind() != TokenKind::Comma {
                    break;
                }
            }
        }
        Ok(start.to(self.last))
    }

    fn mono_type(&mut self) -> Result<()> {
        self.nested(|parser| match parser.kind() {
            TokenKind::Identifier => {
                parser.take();
                if parser.accept(TokenKind::BracketOpen) {
                    parser.mono_type()?;
                    parser.expect(TokenKind::BracketClose, "to end the type")?;
                }
                Ok(())
            }
            TokenKind::Dot => {
                parser.take();
                parser.identifier("of a label").map(|_| ())
            }
            TokenKind::BracketOpen => {
                parser.take();
                parser.mono_type()?;
                if parser.accept(TokenKind::Colon) {
                    parser.mono_type()?;
                }
                parser
                    .expect(TokenKind::BracketClose, "to end the type")
                    .map(|_| ())
            }
            TokenKind::BraceOpen => parser.record_type(),
            TokenKind::ParenOpen => parser.function_type(),
            _ => Err(parser.unexpected("expected a type")),
        })
    }

    fn record_type(&mut self) -> Result<()> {
        self.take();
        if self.kind() == TokenKind::Identifier && self.kinds_ahead::<1>() != [TokenKind::Colon] {
            self.take();
            if !self.at_word("with") {
                return Err(self.unexpected("expected with or : in the record type"));
            }
            self.take();
        }
        while self.kind() != TokenKind::BraceClose {
            if self.kind() == TokenKind::Quote {
                self.plain_string_value("as the name of a property")?;
            } else {
                self.identifier("of a property")?;
            }
            self.expect(TokenKind::Colon, "after the name of the property")?;
            self.mono_type()?;
            if !self.accept(TokenKind::Comma) {
                break;
            }
        }
        self.expect(TokenKind::BraceClose, "to end the record type")
            .map(|_| ())
    }

    fn function_type(&mut self) -> Result<()> {
        self.take();
        while self.kind() != TokenKind::ParenClose {
            let piped = self.accept(TokenKind::PipeReceive);
            self.accept(TokenKind::Question);
            if !piped || self.kind() == TokenKind::Identifier {
                self.identifier("of a parameter")?;
            }
            self.expect(TokenKind::Colon, "after the name of the parameter")?;
            self.mono_type()?;
            if self.accept(TokenKind::Assign) {
                self.expression()?;
            }
            if !self.accept(TokenKind::Comma) {
                break;
            }
        }
        self.expect(TokenKind::ParenClose, "to end the parameters")?;
        self.expect(TokenKind::Arrow, "after the parameters of a function type")?;
        self.mono_type()
    }
}
