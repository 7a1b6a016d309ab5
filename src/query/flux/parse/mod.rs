//! Tokens to a syntax tree, by recursive descent with one token of look-ahead.
//!
//! A fault in one statement is noted and the parser goes on with the next, so that a caller that shows
//! faults (an editor, `/query/analyze`) sees several at once. A tree is only fit to run when there are
//! no faults.

mod expression;
mod literal;
mod statement;
#[cfg(test)]
mod tests;
mod types;

use super::ast::{Expression, ExpressionKind, File, HEIGHT_MAX};
use super::error::FluxError;
use super::lex::{Lexer, StringStop};
use super::span::{Position, Span};
use super::token::{Token, TokenKind};

/// Longest text; generated queries of some hundred KiB exist, more is a mistake.
pub const TEXT_BYTES_MAX: usize = 4 << 20;
/// How deep expressions and blocks may nest; each level costs some KiB of stack.
pub const NESTING_MAX: u16 = 100;
/// Faults noted before the parser gives up.
const ERRORS_MAX: usize = 20;

pub struct Parsed {
    pub file: File,
    pub errors: Vec<FluxError>,
}

type Result<T> = std::result::Result<T, FluxError>;

/// Reads a whole file. Never fails: faults are in [`Parsed::errors`].
pub fn parse(text: &str) -> Parsed {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!(
            "the query is {} bytes long, allowed are {TEXT_BYTES_MAX}",
            text.len()
        );
        let errors = vec![FluxError::parse(Span::START, message)];
        return Parsed {
            file: empty_file(),
            errors,
        };
    }
    let mut parser = Parser::new(text);
    let file = parser.file();
    Parsed {
        file,
        errors: parser.errors,
    }
}

const fn empty_file() -> File {
    File {
        span: Span::START,
        attributes: Vec::new(),
        package: None,
        imports: Vec::new(),
        body: Vec::new(),
    }
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    /// The token that comes next.
    token: Token,
    /// Span of the token taken last.
    last: Span,
    nesting: u16,
    errors: Vec<FluxError>,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Self {
        let mut lexer = Lexer::new(text);
        let token = lexer.next_token();
        Self {
            lexer,
            token,
            last: Span::START,
            nesting: 0,
            errors: Vec::new(),
        }
    }

    const fn kind(&self) -> TokenKind {
        self.token.kind
    }

    const fn text(&self) -> &'t str {
        self.lexer.text()
    }

    fn token_text(&self) -> &'t str {
        self.token.span.of(self.text())
    }

    fn take(&mut self) -> Token {
        let taken = self.token;
        self.last = taken.span;
        self.token = self.lexer.next_token();
        taken
    }

    fn accept(&mut self, kind: TokenKind) -> bool {
        let found = self.kind() == kind;
        if found {
            self.take();
        }
        found
    }

    fn expect(&mut self, kind: TokenKind, place: &str) -> Result<Token> {
        if self.kind() == kind {
            return Ok(self.take());
        }
        Err(self.unexpected(&format!("expected {kind} {place}")))
    }

    /// The next token fits nothing; `expectation` says what would.
    fn unexpected(&self, expectation: &str) -> FluxError {
        let got = match self.kind() {
            TokenKind::End => "the end of the query".to_owned(),
            TokenKind::Illegal => format!("unexpected character {:?}", self.token_text()),
            TokenKind::Quote => "a string".to_owned(),
            _ => self.token_text().to_owned(),
        };
        FluxError::parse(self.token.span, format!("{expectation}, got {got}"))
    }

    /// The kinds of the tokens after the next one.
    fn kinds_ahead<const N: usize>(&self) -> [TokenKind; N] {
        let mut lexer = self.lexer.clone();
        std::array::from_fn(|_| lexer.next_token().kind)
    }

    /// Whether the next token is this word, which is no keyword.
    fn at_word(&self, word: &str) -> bool {
        self.kind() == TokenKind::Identifier && self.token_text() == word
    }

    /// Makes the lexer go on after `position`, where the parser asked it for more than a token.
    fn resume_at(&mut self, start: Position, position: Position) {
        self.last = Span {
            start,
            end: position,
        };
        self.lexer.go_to(position);
        self.token = self.lexer.next_token();
    }

    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.nesting >= NESTING_MAX {
            return Err(FluxError::parse(
                self.token.span,
                format!("nested deeper than the allowed {NESTING_MAX} levels"),
            ));
        }
        self.nesting += 1;
        let result = inner(self);
        self.nesting -= 1;
        result
    }

    /// Makes a node that spans from `start` to the token taken last.
    fn node(&self, start: Span, kind: ExpressionKind) -> Result<Expression> {
        self.bounded(Expression::new(start.to(self.last), kind))
    }

    /// Refuses trees that grow too high.
    fn bounded(&self, node: Expression) -> Result<Expression> {
        if node.height > HEIGHT_MAX {
            return Err(FluxError::parse(
                node.span,
                format!("the expression chains more than the allowed {HEIGHT_MAX} operations"),
            ));
        }
        Ok(node)
    }

    /// Notes a fault. False when there are enough of them.
    fn note(&mut self, error: FluxError) -> bool {
        self.errors.push(error);
        self.errors.len() < ERRORS_MAX
    }

    /// Skips to what looks like the start of a statement at the beginning of a line.
    fn skip_to_statement(&mut self) {
        loop {
            if self.kind() == TokenKind::End {
                return;
            }
            if self.kind() == TokenKind::Quote {
                self.skip_string();
            } else {
                self.take();
            }
            if self.token.span.start.line > self.last.end.line && self.starts_statement() {
                return;
            }
        }
    }

    fn starts_statement(&self) -> bool {
        match self.kind() {
            TokenKind::Import
            | TokenKind::Option
            | TokenKind::Builtin
            | TokenKind::TestCase
            | TokenKind::Return => true,
            TokenKind::Identifier => {
                self.token.span.start.column == 1 || self.kinds_ahead::<1>() == [TokenKind::Assign]
            }
            _ => false,
        }
    }

    fn skip_string(&mut self) {
        let start = self.token.span.start;
        let mut at = self.token.span.end;
        loop {
            let (_, stop) = self.lexer.string_part(at);
            at = self.lexer.position();
            if stop != StringStop::Interpolation {
                return self.resume_at(start, at);
            }
        }
    }
}
