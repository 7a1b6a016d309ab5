//! Expressions.

use super::super::ast::{BinaryOp, Call, Cast, Expr, Var, WildcardKind};
use super::super::error::{ParseError, Position};
use super::super::lex::{Token, parse_duration, quote_ident};
use super::{Parser, Result, compile_regex, unexpected};

const LOWEST: u8 = 1;
const HIGHEST: u8 = 5;
/// Most arithmetic or comparison operators of one precedence in a row; each makes the tree deeper.
const CHAIN_MAX: usize = 500;

impl Parser<'_> {
    pub(super) fn expr(&mut self) -> Result<Expr> {
        self.nested(|parser| parser.level(LOWEST))
    }

    /// Operands joined by the operators of one precedence, left to right.
    fn level(&mut self, precedence: u8) -> Result<Expr> {
        if precedence > HIGHEST {
            return self.unary();
        }
        let first = self.level(precedence + 1)?;
        match precedence {
            1 => self.chain(first, BinaryOp::Or, precedence),
            2 => self.chain(first, BinaryOp::And, precedence),
            _ => self.fold_left(first, precedence),
        }
    }

    fn fold_left(&mut self, first: Expr, precedence: u8) -> Result<Expr> {
        let mut left = first;
        for _ in 0..CHAIN_MAX {
            let Some(op) = self.operator(precedence) else {
                return Ok(left);
            };
            let right = if op.is_regex() {
                self.regex_operand()?
            } else {
                self.level(precedence + 1)?
            };
            left = Expr::binary(op, left, right);
        }
        let (_, position) = self.peek();
        Err(ParseError::at(
            format!("more than {CHAIN_MAX} operators in a row"),
            position,
        ))
    }

    /// A chain of AND or OR as a balanced tree, so that long lists of alternatives stay shallow.
    fn chain(&mut self, first: Expr, op: BinaryOp, precedence: u8) -> Result<Expr> {
        let mut operands = vec![first];
        while self.operator(precedence).is_some() {
            operands.push(self.level(precedence + 1)?);
        }
        while operands.len() > 1 {
            let mut paired = Vec::with_capacity(operands.len().div_ceil(2));
            let mut rest = operands.into_iter();
            while let Some(left) = rest.next() {
                paired.push(match rest.next() {
                    Some(right) => Expr::binary(op, left, right),
                    None => left,
                });
            }
            operands = paired;
        }
        operands
            .pop()
            .ok_or_else(|| ParseError::plain("empty expression"))
    }

    /// Takes an operator of this precedence if one comes next.
    fn operator(&mut self, precedence: u8) -> Option<BinaryOp> {
        let back = self.lexer.cursor;
        let op = match self.next().0 {
            Token::Symbol(text) | Token::Keyword(text) => BinaryOp::of(text),
            _ => None,
        };
        let op = op.filter(|op| op.precedence() == precedence);
        if op.is_none() {
            self.back_to(back);
        }
        op
    }

    fn regex_operand(&mut self) -> Result<Expr> {
        match self.regex()? {
            Some(regex) => Ok(Expr::Regex(regex)),
            None => {
                let (token, position) = self.next();
                Err(unexpected(&token, &["regex"], position))
            }
        }
    }

    fn unary(&mut self) -> Result<Expr> {
        let back = self.lexer.cursor;
        let (token, position) = self.next();
        match token {
            Token::Symbol("(") => {
                let inner = self.expr()?;
                self.expect(")")?;
                Ok(Expr::Paren(Box::new(inner)))
            }
            Token::Ident(name) => {
                if self.lexer_is_at("(") {
                    return self.call(&name, position);
                }
                self.back_to(back);
                self.var().map(Expr::Var)
            }
            Token::Keyword("DISTINCT") => self.distinct(position),
            Token::Symbol("*") => self.wildcard(),
            Token::Symbol("+") => self.signed(1),
            Token::Symbol("-") => self.signed(-1),
            Token::Regex(text) => compile_regex(text, position).map(Expr::Regex),
            Token::BoundParameter(name) if name.is_empty() => {
                Err(ParseError::plain("empty bound parameter"))
            }
            Token::BoundParameter(name) => {
                Err(ParseError::plain(format!("missing parameter: {name}")))
            }
            token => literal(&token, position),
        }
    }

    /// Takes this symbol if it follows without blanks.
    fn lexer_is_at(&mut self, symbol: &str) -> bool {
        let back = self.lexer.cursor;
        if self.lexer.token_here().0.found() == symbol {
            return true;
        }
        self.back_to(back);
        false
    }

    fn distinct(&mut self, position: Position) -> Result<Expr> {
        if self.lexer_is_at("(") {
            return self.call("distinct", position);
        }
        if !self.lexer.at_blank() {
            let (token, position) = self.next();
            return Err(unexpected(&token, &["(", "identifier"], position));
        }
        self.ident().map(Expr::Distinct)
    }

    fn wildcard(&mut self) -> Result<Expr> {
        if !self.lexer_is_at("::") {
            return Ok(Expr::Wildcard(None));
        }
        match self.next() {
            (Token::Keyword("FIELD"), _) => Ok(Expr::Wildcard(Some(WildcardKind::Field))),
            (Token::Keyword("TAG"), _) => Ok(Expr::Wildcard(Some(WildcardKind::Tag))),
            (token, position) => Err(unexpected(&token, &["field", "tag"], position)),
        }
    }

    fn signed(&mut self, sign: i64) -> Result<Expr> {
        let back = self.lexer.cursor;
        let (token, position) = self.next();
        let startable = matches!(
            token,
            Token::Number(_)
                | Token::Integer(_)
                | Token::Duration(_)
                | Token::Ident(_)
                | Token::Symbol("(")
        );
        if !startable {
            let expected = ["identifier", "number", "duration", "("];
            return Err(unexpected(&token, &expected, position));
        }
        self.back_to(back);
        match self.nested(Self::unary)? {
            Expr::Number(value) if sign < 0 => Ok(Expr::Number(-value)),
            Expr::Integer(value) => Ok(Expr::Integer(value.wrapping_mul(sign))),
            Expr::Duration(value) => Ok(Expr::Duration(value.wrapping_mul(sign))),
            Expr::Unsigned(value) if sign < 0 && value == 1 << 63 => Ok(Expr::Integer(i64::MIN)),
            Expr::Unsigned(value) if sign < 0 => Err(ParseError::plain(format!(
                "constant -{value} underflows int64"
            ))),
            literal @ (Expr::Number(_) | Expr::Unsigned(_)) => Ok(literal),
            other => Ok(Expr::binary(BinaryOp::Mul, Expr::Integer(sign), other)),
        }
    }

    /// The rest of a call after its opening parenthesis.
    fn call(&mut self, name: &str, position: Position) -> Result<Expr> {
        let mut args = Vec::new();
        if !self.take(")") {
            loop {
                args.push(match self.regex()? {
                    Some(regex) => Expr::Regex(regex),
                    None => self.expr()?,
                });
                if !self.take(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        Ok(Expr::Call(Call {
            name: name.to_ascii_lowercase(),
            args,
            position,
        }))
    }

    /// `a.b.c::type`.
    fn var(&mut self) -> Result<Var> {
        let (_, position) = self.peek();
        let name = self.segments()?.join(".");
        let cast = if self.lexer_is_at("::") {
            Some(self.cast()?)
        } else {
            None
        };
        Ok(Var {
            name,
            cast,
            position,
        })
    }

    fn cast(&mut self) -> Result<Cast> {
        const ALL: [&str; 7] = [
            "float", "integer", "unsigned", "string", "boolean", "field", "tag",
        ];
        if self.lexer.at_blank() {
            return Err(ParseError::Unexpected {
                found: " ".to_owned(),
                expected: ["float", "integer", "string", "boolean", "field", "tag"]
                    .map(str::to_owned)
                    .to_vec(),
                position: self.lexer.position(),
            });
        }
        let (token, position) = self.next();
        Ok(match &token {
            Token::Keyword("FIELD") => Cast::Field,
            Token::Keyword("TAG") => Cast::Tag,
            Token::Ident(name) => match name.to_ascii_lowercase().as_str() {
                "float" => Cast::Float,
                "integer" => Cast::Integer,
                "unsigned" => Cast::Unsigned,
                "string" => Cast::String,
                "boolean" => Cast::Boolean,
                _ => return Err(unexpected(&token, &ALL, position)),
            },
            token => {
                let expected = ["float", "integer", "string", "boolean", "field", "tag"];
                return Err(unexpected(token, &expected, position));
            }
        })
    }

    /// `a.b.c`, parts between dots may be missing. Stops after a dot before `/` or `:`.
    pub(super) fn segments(&mut self) -> Result<Vec<String>> {
        let mut out = vec![self.ident()?];
        while self.lexer_is_at(".") {
            let back = self.lexer.cursor;
            let (token, _) = self.lexer.token_here();
            self.back_to(back);
            match token {
                Token::Eof => {
                    self.lexer.mark_end();
                    out.push(self.ident()?);
                }
                Token::Symbol("/" | ":" | "::") => break,
                Token::Symbol(".") => out.push(String::new()),
                _ => out.push(self.ident()?),
            }
        }
        if out.len() > 3 {
            let quoted: Vec<String> = out.iter().map(|part| quote_ident(part)).collect();
            return Err(ParseError::plain(format!(
                "too many segments in {}",
                quoted.join(".")
            )));
        }
        Ok(out)
    }
}

fn literal(token: &Token, position: Position) -> Result<Expr> {
    match token {
        Token::String(text) => Ok(Expr::String(text.clone())),
        Token::Number(text) => text
            .parse()
            .map(Expr::Number)
            .map_err(|_| ParseError::at("unable to parse number", position)),
        Token::Integer(text) => text
            .parse()
            .map(Expr::Integer)
            .or_else(|_| text.parse().map(Expr::Unsigned))
            .map_err(|_| ParseError::at("unable to parse integer", position)),
        Token::Keyword("TRUE") => Ok(Expr::Boolean(true)),
        Token::Keyword("FALSE") => Ok(Expr::Boolean(false)),
        Token::Duration(text) => parse_duration(text).map(Expr::Duration),
        token => Err(unexpected(
            token,
            &["identifier", "string", "number", "bool"],
            position,
        )),
    }
}
