//! Tokens to syntax tree: statements. Error texts are InfluxDB's, because clients show them.

mod admin;
mod expr;
pub mod params;
mod select;
mod show;
mod times;

use super::ast::{Query, Regex, Source, Statement};
use super::error::{ParseError, Position};
use super::lex::{Cursor, Lexer, TEXT_BYTES_MAX, Token, parse_duration};
pub use params::Params;
pub use times::{looks_like_time, parse_time_text};

/// Deepest nesting of expressions and subqueries; keeps recursion within any thread's stack.
pub const DEPTH_MAX: usize = 100;
/// Most statements in one request.
const STATEMENTS_MAX: usize = 1000;

type Result<T> = std::result::Result<T, ParseError>;

/// Reads a whole request.
pub fn parse_query(text: &str, params: &Params) -> Result<Query> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(ParseError::plain(format!(
            "query of {} bytes is longer than the {TEXT_BYTES_MAX} allowed",
            text.len()
        )));
    }
    Parser::new(text, params).query()
}

pub(super) struct Parser<'a> {
    lexer: Lexer<'a>,
    params: &'a Params,
    depth: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str, params: &'a Params) -> Self {
        Self {
            lexer: Lexer::new(text),
            params,
            depth: 0,
        }
    }

    fn query(&mut self) -> Result<Query> {
        let mut statements = Vec::new();
        let mut separated = true;
        loop {
            let back = self.lexer.cursor;
            let (token, position) = self.next();
            match token {
                Token::Eof => return Ok(statements),
                Token::Symbol(";") => separated = true,
                token if !separated => return Err(unexpected(&token, &[";"], position)),
                _ => {
                    self.lexer.cursor = back;
                    statements.push(self.statement()?);
                    separated = false;
                    if statements.len() > STATEMENTS_MAX {
                        let message = format!("more than {STATEMENTS_MAX} statements in a query");
                        return Err(ParseError::at(message, position));
                    }
                }
            }
        }
    }

    fn statement(&mut self) -> Result<Statement> {
        match self.keyword_of(&[
            "SELECT", "DELETE", "SHOW", "CREATE", "DROP", "EXPLAIN", "GRANT", "REVOKE", "ALTER",
            "SET", "KILL",
        ])? {
            "SELECT" => Ok(Statement::Select(Box::new(self.select()?))),
            "EXPLAIN" => self.explain(),
            "SHOW" => self.show(),
            "CREATE" => self.create(),
            "DROP" => self.drop_statement(),
            "ALTER" => self.alter(),
            "SET" => self.set_password(),
            "GRANT" => self.grant(),
            "REVOKE" => self.revoke(),
            "KILL" => self.kill(),
            _ => self.delete(),
        }
    }

    // Tokens.

    /// The next token, parameters replaced by their values.
    fn next(&mut self) -> (Token, Position) {
        let (token, position) = self.lexer.token();
        (self.params.resolve(token), position)
    }

    fn back_to(&mut self, cursor: Cursor) {
        self.lexer.cursor = cursor;
    }

    fn peek(&mut self) -> (Token, Position) {
        let back = self.lexer.cursor;
        let next = self.next();
        self.lexer.cursor = back;
        next
    }

    /// Takes the next token if it is this symbol or keyword.
    fn take(&mut self, wanted: &str) -> bool {
        let back = self.lexer.cursor;
        match self.next().0 {
            Token::Symbol(text) | Token::Keyword(text) if text == wanted => true,
            _ => {
                self.lexer.cursor = back;
                false
            }
        }
    }

    fn expect(&mut self, wanted: &'static str) -> Result<()> {
        let (token, position) = self.next();
        match token {
            Token::Symbol(text) | Token::Keyword(text) if text == wanted => Ok(()),
            token => Err(unexpected(&token, &[wanted], position)),
        }
    }

    /// The next keyword, which must be one of these.
    fn keyword_of(&mut self, wanted: &[&'static str]) -> Result<&'static str> {
        let (token, position) = self.next();
        match token {
            Token::Keyword(word) if wanted.contains(&word) => Ok(word),
            token => Err(unexpected(&token, wanted, position)),
        }
    }

    fn ident(&mut self) -> Result<String> {
        match self.next() {
            (Token::Ident(name), _) => Ok(name),
            (token, position) => Err(unexpected(&token, &["identifier"], position)),
        }
    }

    fn ident_list(&mut self) -> Result<Vec<String>> {
        let mut out = vec![self.ident()?];
        while self.take(",") {
            out.push(self.ident()?);
        }
        Ok(out)
    }

    fn string(&mut self) -> Result<String> {
        match self.next() {
            (Token::String(text), _) => Ok(text),
            (token, position) => Err(unexpected(&token, &["string"], position)),
        }
    }

    fn unsigned(&mut self) -> Result<u64> {
        match self.next() {
            (Token::Integer(text), position) => text
                .parse()
                .map_err(|_| ParseError::at("unable to parse integer", position)),
            (token, position) => Err(unexpected(&token, &["integer"], position)),
        }
    }

    /// A duration; INF is 0.
    fn duration(&mut self) -> Result<i64> {
        match self.next() {
            (Token::Duration(text), position) => {
                parse_duration(&text).map_err(|error| error.placed(position))
            }
            (Token::Keyword("INF"), _) => Ok(0),
            (token, position) => Err(unexpected(&token, &["duration"], position)),
        }
    }

    /// LIMIT, OFFSET and their like: 0 if the word does not come next.
    fn optional_count(&mut self, word: &'static str) -> Result<usize> {
        if !self.take(word) {
            return Ok(0);
        }
        match self.next() {
            (Token::Integer(text), _) => Ok(text.parse().unwrap_or(usize::MAX)),
            (token, position) => Err(unexpected(&token, &["integer"], position)),
        }
    }

    /// A regular expression if one comes next.
    fn regex(&mut self) -> Result<Option<Regex>> {
        let back = self.lexer.cursor;
        if let (Token::BoundParameter(_), position) = self.lexer.token() {
            self.lexer.cursor = back;
            return match self.next().0 {
                Token::Regex(text) => compile_regex(text, position).map(Some),
                _ => {
                    self.back_to(back);
                    Ok(None)
                }
            };
        }
        self.lexer.cursor = back;
        match self.lexer.regex() {
            None => Ok(None),
            Some((Token::Regex(text), position)) => compile_regex(text, position).map(Some),
            Some((_, position)) => Err(ParseError::at("bad regex: ", position)),
        }
    }

    /// Runs `inner` one level deeper.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let (_, position) = self.peek();
            let message = format!("query is nested deeper than {DEPTH_MAX} levels");
            return Err(ParseError::at(message, position));
        }
        let out = inner(self);
        self.depth -= 1;
        out
    }

    fn sources(&mut self, subqueries: bool) -> Result<Vec<Source>> {
        let mut out = vec![self.source(subqueries)?];
        while self.take(",") {
            out.push(self.source(subqueries)?);
        }
        Ok(out)
    }
}

/// A compiled regular expression. Its size is bounded, so that no text makes it expensive.
pub(super) fn compile_regex(text: String, position: Position) -> Result<Regex> {
    const SIZE_MAX: usize = 1 << 20;
    match regex::RegexBuilder::new(&text).size_limit(SIZE_MAX).build() {
        Ok(regex) => Ok(Regex { text, regex }),
        Err(_) => Err(ParseError::at(
            format!("error parsing regexp: `{text}`"),
            position,
        )),
    }
}

fn unexpected(token: &Token, expected: &[&str], position: Position) -> ParseError {
    ParseError::Unexpected {
        found: token.found(),
        expected: expected.iter().map(|word| (*word).to_owned()).collect(),
        position,
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
