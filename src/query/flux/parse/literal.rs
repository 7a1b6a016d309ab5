//! Literals: numbers, times, durations, strings with their escapes and interpolations, regular
//! expressions.

use super::{Parser, Result};
use crate::query::flux::ast::{Expression, ExpressionKind, Name, StringPart};
use crate::query::flux::error::FluxError;
use crate::query::flux::lex::StringStop;
use crate::query::flux::span::Span;
use crate::query::flux::time;
use crate::query::flux::token::TokenKind;
use crate::query::plan::Duration;

impl Parser<'_> {
    pub(super) fn integer(&mut self) -> Result<Expression> {
        let span = self.take().span;
        let text = span.of(self.text());
        if text.len() > 1 && text.starts_with('0') {
            let message = format!("invalid integer literal {text}: it can't start with 0");
            return Err(FluxError::parse(span, message));
        }
        let value = text.parse().map_err(|_| {
            FluxError::parse(
                span,
                format!("invalid integer literal {text}: out of range"),
            )
        })?;
        self.node(span, ExpressionKind::Integer(value))
    }

    pub(super) fn float(&mut self) -> Result<Expression> {
        let span = self.take().span;
        let text = span.of(self.text());
        let value = text
            .parse()
            .map_err(|_| FluxError::parse(span, format!("invalid float literal {text}")))?;
        self.node(span, ExpressionKind::Float(value))
    }

    pub(super) fn time(&mut self) -> Result<Expression> {
        let span = self.take().span;
        let text = span.of(self.text());
        let value = time::parse_time(text).ok_or_else(|| {
            let message = format!("invalid time literal {text}: no such time, or out of range");
            FluxError::parse(span, message)
        })?;
        self.node(span, ExpressionKind::Time(value))
    }

    pub(super) fn duration(&mut self) -> Result<Expression> {
        let span = self.take().span;
        let text = span.of(self.text());
        let parts = time::parse_duration_parts(text)
            .filter(|parts| Duration::from_parts(parts).is_some())
            .ok_or_else(|| {
                FluxError::parse(
                    span,
                    format!("invalid duration literal {text}: out of range"),
                )
            })?;
        self.node(span, ExpressionKind::Duration(parts))
    }

    /// The next token is the opening slash.
    pub(super) fn regex(&mut self) -> Result<Expression> {
        let start = self.token.span;
        let Some(inner) = self.lexer.regex(start.start) else {
            return Err(FluxError::parse(
                start,
                "the regular expression has no closing /",
            ));
        };
        let end = self.lexer.position();
        self.resume_at(start.start, end);
        let source = inner.of(self.text()).replace("\\/", "/");
        let span = start.to(self.last);
        crate::query::flux::regexp::compile(&source)
            .map_err(|reason| FluxError::parse(span, reason))?;
        self.node(start, ExpressionKind::Regex(source.into()))
    }

    /// A string literal, or an interpolation when it has `${}` parts.
    pub(super) fn string(&mut self) -> Result<Expression> {
        let start = self.token.span;
        let parts = self.string_parts()?;
        match parts.as_slice() {
            [] => self.node(start, ExpressionKind::String(Name::from(""))),
            [StringPart::Text { value, .. }] => {
                self.node(start, ExpressionKind::String(value.clone()))
            }
            _ => self.node(start, ExpressionKind::Interpolation(parts)),
        }
    }

    pub(super) fn plain_string_value(&mut self, place: &str) -> Result<Name> {
        let start = self.token.span;
        let literal = self.string()?;
        match literal.kind {
            ExpressionKind::String(value) => Ok(value),
            _ => Err(FluxError::parse(
                start.to(self.last),
                format!("expected a string without interpolation {place}"),
            )),
        }
    }

    /// The next token is the opening quote; afterwards the closing one is taken.
    fn string_parts(&mut self) -> Result<Vec<StringPart>> {
        let quote = self.token.span;
        let mut parts = Vec::new();
        let mut at = quote.end;
        loop {
            let (raw, stop) = self.lexer.string_part(at);
            let after = self.lexer.position();
            if stop == StringStop::End {
                self.resume_at(quote.start, after);
                return Err(FluxError::parse(quote, "the string has no closing \""));
            }
            if raw.start != raw.end {
                let value = unescape(raw.of(self.text()), raw)?.into();
                parts.push(StringPart::Text { span: raw, value });
            }
            self.resume_at(quote.start, after);
            if stop == StringStop::Quote {
                return Ok(parts);
            }
            let expression = self.nested(Self::expression)?;
            if self.kind() != TokenKind::BraceClose {
                return Err(self.unexpected("expected } to end the interpolation"));
            }
            at = self.token.span.end;
            let span = Span {
                start: raw.end,
                end: at,
            };
            parts.push(StringPart::Expression { span, expression });
        }
    }
}

/// Resolves `\n \r \t \\ \" \${` and `\xHH`, whose bytes must form UTF-8.
fn unescape(raw: &str, span: Span) -> Result<String> {
    if !raw.contains('\\') {
        return Ok(raw.to_owned());
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(rest.get(..at).unwrap_or_default().as_bytes());
        let escape = rest.get(at + 1..).unwrap_or_default();
        let (byte, length) = match escape.as_bytes().first() {
            Some(b'n') => (b'\n', 1),
            Some(b'r') => (b'\r', 1),
            Some(b't') => (b'\t', 1),
            Some(b'\\') => (b'\\', 1),
            Some(b'"') => (b'"', 1),
            Some(b'$') if escape.starts_with("${") => (b'$', 1),
            Some(b'x') => {
                let code = escape
                    .get(1..3)
                    .and_then(|hex| u8::from_str_radix(hex, 16).ok());
                let message = "\\x in a string needs two hexadecimal digits";
                (code.ok_or_else(|| FluxError::parse(span, message))?, 3)
            }
            _ => {
                let what: String = escape.chars().take(1).collect();
                return Err(FluxError::parse(
                    span,
                    format!("invalid escape \\{what} in a string"),
                ));
            }
        };
        out.push(byte);
        rest = escape.get(length..).unwrap_or_default();
    }
    out.extend_from_slice(rest.as_bytes());
    String::from_utf8(out)
        .map_err(|_| FluxError::parse(span, "the escapes of the string don't form UTF-8"))
}
