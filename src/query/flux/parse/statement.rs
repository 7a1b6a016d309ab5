//! Files and statements.

use super::{Parser, Result};
use crate::query::flux::ast::{
    Assignment, Attribute, Block, File, Identifier, Import, OptionTarget, Statement, StatementKind,
    StringLiteral,
};
use crate::query::flux::span::Span;
use crate::query::flux::token::TokenKind;

impl Parser<'_> {
    pub(super) fn file(&mut self) -> File {
        let start = self.token.span;
        let mut file = super::empty_file();
        match self.package_clause() {
            Ok((attributes, package)) => (file.attributes, file.package) = (attributes, package),
            Err(error) => {
                self.note(error);
                self.skip_to_statement();
            }
        }
        while self.kind() != TokenKind::End {
            let result = match self.kind() {
                TokenKind::Import if file.body.is_empty() => {
                    self.import().map(|import| file.imports.push(import))
                }
                _ => self.statement().map(|statement| file.body.push(statement)),
            };
            if let Err(error) = result {
                if !self.note(error) {
                    break;
                }
                self.skip_to_statement();
            }
        }
        file.span = start.to(self.last);
        file
    }

    /// Attributes at the top belong to the package clause or, without one, to the file.
    fn package_clause(&mut self) -> Result<(Vec<Attribute>, Option<Identifier>)> {
        let attributes = self.attributes()?;
        if !self.accept(TokenKind::Package) {
            return Ok((attributes, None));
        }
        let name = self.identifier("as the name of the package")?;
        Ok((attributes, Some(name)))
    }

    fn import(&mut self) -> Result<Import> {
        let start = self.take().span;
        let alias = match self.kind() {
            TokenKind::Identifier => Some(self.identifier("as the alias")?),
            _ => None,
        };
        let path = self.plain_string("as the path of the package to import")?;
        Ok(Import {
            span: start.to(self.last),
            alias,
            path,
        })
    }

    pub(super) fn identifier(&mut self, place: &str) -> Result<Identifier> {
        let token = self.expect(TokenKind::Identifier, place)?;
        Ok(Identifier {
            span: token.span,
            name: token.span.of(self.text()).into(),
        })
    }

    fn statement(&mut self) -> Result<Statement> {
        let start = self.token.span;
        let attributes = self.attributes()?;
        let kind = match self.kind() {
            TokenKind::Option => self.option_statement()?,
            TokenKind::Builtin => self.builtin_statement()?,
            TokenKind::TestCase => self.testcase_statement()?,
            TokenKind::Return => {
                self.take();
                StatementKind::Return(self.expression()?)
            }
            TokenKind::Import => {
                return Err(self.unexpected("imports must stand before all other statements"));
            }
            TokenKind::Identifier if self.kinds_ahead::<1>() == [TokenKind::Assign] => {
                StatementKind::Variable(self.assignment()?)
            }
            _ => StatementKind::Expression(self.expression()?),
        };
        Ok(Statement {
            span: start.to(self.last),
            attributes,
            kind,
        })
    }

    fn assignment(&mut self) -> Result<Assignment> {
        let name = self.identifier("to assign to")?;
        self.expect(TokenKind::Assign, "after the name")?;
        Ok(Assignment {
            name,
            value: self.expression()?,
        })
    }

    fn option_statement(&mut self) -> Result<StatementKind> {
        self.take();
        let name = self.identifier("of the option")?;
        let target = if self.accept(TokenKind::Dot) {
            let property = self.identifier("of the option")?;
            OptionTarget::Member {
                object: name,
                property,
            }
        } else {
            OptionTarget::Variable(name)
        };
        self.expect(TokenKind::Assign, "after the name of the option")?;
        Ok(StatementKind::Option {
            target,
            value: self.expression()?,
        })
    }

    fn builtin_statement(&mut self) -> Result<StatementKind> {
        self.take();
        let name = self.identifier("of the builtin")?;
        self.expect(TokenKind::Colon, "before the type of the builtin")?;
        let type_span = self.type_expression()?;
        Ok(StatementKind::Builtin { name, type_span })
    }

    fn testcase_statement(&mut self) -> Result<StatementKind> {
        self.take();
        let name = self.identifier("of the test case")?;
        let extends = if self.at_word("extends") {
            self.take();
            Some(self.plain_string("as the path of the extended test case")?)
        } else {
            None
        };
        let body = self.block()?;
        Ok(StatementKind::TestCase {
            name,
            extends,
            body,
        })
    }

    /// `{` statements `}`
    pub(super) fn block(&mut self) -> Result<Block> {
        let start = self
            .expect(TokenKind::BraceOpen, "to start the block")?
            .span;
        let body = self.nested(|parser| {
            let mut body = Vec::new();
            while !matches!(parser.kind(), TokenKind::BraceClose | TokenKind::End) {
                body.push(parser.statement()?);
            }
            Ok(body)
        })?;
        self.expect(TokenKind::BraceClose, "to end the block")?;
        Ok(Block {
            span: start.to(self.last),
            body,
        })
    }

    fn attributes(&mut self) -> Result<Vec<Attribute>> {
        let mut attributes = Vec::new();
        while self.kind() == TokenKind::Attribute {
            attributes.push(self.attribute()?);
        }
        Ok(attributes)
    }

    fn attribute(&mut self) -> Result<Attribute> {
        let start = self.take().span;
        let name = self.identifier("of the attribute")?.name;
        let mut parameters = Vec::new();
        if self.accept(TokenKind::ParenOpen) {
            while self.kind() != TokenKind::ParenClose {
                parameters.push(self.expression()?);
                if !self.accept(TokenKind::Comma) {
                    break;
                }
            }
            self.expect(TokenKind::ParenClose, "to end the attribute")?;
        }
        Ok(Attribute {
            span: start.to(self.last),
            name,
            parameters,
        })
    }

    /// A string without interpolation.
    fn plain_string(&mut self, place: &str) -> Result<StringLiteral> {
        if self.kind() != TokenKind::Quote {
            return Err(self.unexpected(&format!("expected a string {place}")));
        }
        let start: Span = self.token.span;
        let value = self.plain_string_value(place)?;
        Ok(StringLiteral {
            span: start.to(self.last),
            value,
        })
    }
}
