//! Text to tokens, one at a time and on demand: what `/` and `"` start depends on where the parser
//! stands, so it asks for regular expressions and parts of strings itself.

use super::span::{Position, Span};
use super::token::{Token, TokenKind};

/// Units of durations, in the order of the language's reference.
pub const DURATION_UNITS: [&str; 11] = [
    "y", "mo", "w", "d", "h", "m", "s", "ms", "us", "\u{b5}s", "ns",
];

#[derive(Debug, Clone)]
pub struct Lexer<'t> {
    text: &'t str,
    at: Position,
}

/// How a part of a string ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StringStop {
    /// At the closing `"`.
    Quote,
    /// At `${`.
    Interpolation,
    /// The text ended first.
    End,
}

impl<'t> Lexer<'t> {
    /// `text` is at most 4 GiB; [`parse`](super::parse) refuses long texts before.
    pub const fn new(text: &'t str) -> Self {
        Self {
            text,
            at: Position::START,
        }
    }

    pub const fn text(&self) -> &'t str {
        self.text
    }

    /// Goes (back) to a position that a token or a part of a string had.
    pub const fn go_to(&mut self, position: Position) {
        self.at = position;
    }

    pub fn next_token(&mut self) -> Token {
        self.skip_blanks();
        let start = self.at;
        let kind = self.scan();
        Token {
            kind,
            span: Span {
                start,
                end: self.at,
            },
        }
    }

    /// The regular expression whose opening `/` is at `start`: the span between the slashes.
    pub fn regex(&mut self, start: Position) -> Option<Span> {
        self.at = start;
        self.bump();
        let from = self.at;
        loop {
            match self.peek()? {
                '/' => break,
                '\n' => return None,
                '\\' => {
                    self.bump();
                    self.bump();
                }
                _ => self.bump(),
            }
        }
        let inner = Span {
            start: from,
            end: self.at,
        };
        self.bump();
        Some(inner)
    }

    /// The raw text of a string from `start` to the closing quote or the next `${`, which is consumed.
    pub fn string_part(&mut self, start: Position) -> (Span, StringStop) {
        self.at = start;
        loop {
            let end = self.at;
            let stop = match self.peek() {
                None => StringStop::End,
                Some('"') => {
                    self.bump();
                    StringStop::Quote
                }
                Some('$') if self.rest().starts_with("${") => {
                    self.bump();
                    self.bump();
                    StringStop::Interpolation
                }
                Some('\\') => {
                    self.bump();
                    self.bump();
                    continue;
                }
                Some(_) => {
                    self.bump();
                    continue;
                }
            };
            return (Span { start, end }, stop);
        }
    }

    pub const fn position(&self) -> Position {
        self.at
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at.offset as usize..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) {
        let Some(next) = self.peek() else { return };
        let length = u32::try_from(next.len_utf8()).unwrap_or(1);
        self.at.offset = self.at.offset.saturating_add(length);
        if next == '\n' {
            self.at.line = self.at.line.saturating_add(1);
            self.at.column = 1;
        } else {
            self.at.column = self.at.column.saturating_add(length);
        }
    }

    /// Moves over `bytes` bytes that hold no line end.
    fn skip(&mut self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.at.offset = self.at.offset.saturating_add(bytes);
        self.at.column = self.at.column.saturating_add(bytes);
    }

    fn skip_blanks(&mut self) {
        loop {
            match self.peek() {
                Some(blank) if blank.is_whitespace() || blank == '\u{feff}' => self.bump(),
                Some('/') if self.rest().starts_with("//") => {
                    let line = self.rest();
                    self.skip(line.find('\n').unwrap_or(line.len()));
                }
                _ => return,
            }
        }
    }

    fn scan(&mut self) -> TokenKind {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return TokenKind::End;
        };
        if first.is_ascii_digit() {
            return self.number(rest);
        }
        if first == '.' && rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit) {
            self.skip(1 + digits(rest.get(1..).unwrap_or_default()));
            return TokenKind::Float;
        }
        if first.is_alphabetic() || first == '_' {
            let length = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            self.skip(length);
            let word = rest.get(..length).unwrap_or_default();
            return TokenKind::keyword(word).unwrap_or(TokenKind::Identifier);
        }
        let (kind, length) = operator(rest);
        if length == 0 {
            self.bump();
        } else {
            self.skip(length);
        }
        kind
    }

    fn number(&mut self, rest: &str) -> TokenKind {
        if let Some(length) = time_length(rest) {
            self.skip(length);
            return TokenKind::Time;
        }
        if let Some(length) = duration_length(rest) {
            self.skip(length);
            return TokenKind::Duration;
        }
        let whole = digits(rest);
        self.skip(whole);
        let after = rest.get(whole..).unwrap_or_default();
        // `1.` is a float, but in `1..` or `1.x` the dot is none of the number's business.
        match after.strip_prefix('.') {
            Some(fraction) if !fraction.starts_with(|c: char| c == '.' || c.is_alphabetic()) => {
                self.skip(1 + digits(fraction));
                TokenKind::Float
            }
            _ => TokenKind::Integer,
        }
    }
}

/// How many ASCII digits `text` starts with.
fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn operator(rest: &str) -> (TokenKind, usize) {
    use TokenKind as K;
    let two = match rest.as_bytes().get(..2).unwrap_or_default() {
        b"==" => Some(K::Equal),
        b"!=" => Some(K::NotEqual),
        b"<=" => Some(K::LessEqual),
        b">=" => Some(K::GreaterEqual),
        b"=~" => Some(K::Match),
        b"!~" => Some(K::NotMatch),
        b"=>" => Some(K::Arrow),
        b"|>" => Some(K::PipeForward),
        b"<-" => Some(K::PipeReceive),
        _ => None,
    };
    if let Some(kind) = two {
        return (kind, 2);
    }
    let kind = match rest.as_bytes().first() {
        Some(b'+') => K::Plus,
        Some(b'-') => K::Minus,
        Some(b'*') => K::Star,
        Some(b'/') => K::Slash,
        Some(b'%') => K::Percent,
        Some(b'^') => K::Caret,
        Some(b'<') => K::Less,
        Some(b'>') => K::Greater,
        Some(b'=') => K::Assign,
        Some(b'(') => K::ParenOpen,
        Some(b')') => K::ParenClose,
        Some(b'[') => K::BracketOpen,
        Some(b']') => K::BracketClose,
        Some(b'{') => K::BraceOpen,
        Some(b'}') => K::BraceClose,
        Some(b',') => K::Comma,
        Some(b'.') => K::Dot,
        Some(b':') => K::Colon,
        Some(b'?') => K::Question,
        Some(b'@') => K::Attribute,
        Some(b'"') => K::Quote,
        _ => return (K::Illegal, 0),
    };
    (kind, 1)
}

/// Length of a date, or of a date with a time and its offset.
fn time_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let date = matches_pattern(bytes, b"0000-00-00").then_some(10)?;
    let time = bytes.get(date..).unwrap_or_default();
    if !matches_pattern(time, b"T00:00:00") {
        return Some(date);
    }
    let mut length = date + 9;
    if bytes.get(length) == Some(&b'.') {
        length += 1 + digits(text.get(length + 1..).unwrap_or_default());
    }
    match bytes.get(length) {
        Some(b'Z') => Some(length + 1),
        Some(b'+' | b'-') if matches_pattern(bytes.get(length + 1..)?, b"00:00") => {
            Some(length + 6)
        }
        _ => Some(length),
    }
}

/// `0` in the pattern stands for any digit.
fn matches_pattern(bytes: &[u8], pattern: &[u8]) -> bool {
    bytes.len() >= pattern.len()
        && bytes
            .iter()
            .zip(pattern)
            .all(|(byte, wanted)| match wanted {
                b'0' => byte.is_ascii_digit(),
                _ => byte == wanted,
            })
}

/// Length of `1h`, `1mo3d`, ...: pairs of digits and unit, as many as follow each other.
fn duration_length(text: &str) -> Option<usize> {
    let mut length = 0;
    loop {
        let rest = text.get(length..).unwrap_or_default();
        let magnitude = digits(rest);
        let letters = rest.get(magnitude..).unwrap_or_default();
        let end = letters
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(letters.len());
        let unit = letters.get(..end).unwrap_or_default();
        if magnitude == 0 || !DURATION_UNITS.contains(&unit) {
            return (length > 0).then_some(length);
        }
        length += magnitude + end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(TokenKind, &str)> {
        let mut lexer = Lexer::new(text);
        let mut out = Vec::new();
        loop {
            let token = lexer.next_token();
            if token.kind == TokenKind::End {
                return out;
            }
            out.push((token.kind, token.span.of(text)));
        }
    }

    #[test]
    fn numbers_durations_and_times_are_told_apart() {
        use TokenKind::{Duration, Float, Integer, Minus, Time};
        assert_eq!(
            kinds("1 1.5 .5 1. 1h 1mo2d3\u{b5}s 2020-01-02 2020-01-02T03:04:05.6Z 2020-1"),
            [
                (Integer, "1"),
                (Float, "1.5"),
                (Float, ".5"),
                (Float, "1."),
                (Duration, "1h"),
                (Duration, "1mo2d3\u{b5}s"),
                (Time, "2020-01-02"),
                (Time, "2020-01-02T03:04:05.6Z"),
                (Integer, "2020"),
                (Minus, "-"),
                (Integer, "1"),
            ]
        );
        assert_eq!(kinds("2020-01-02T03:04:05+02:00")[0].0, Time);
    }

    #[test]
    fn a_number_followed_by_letters_that_are_no_unit_is_two_tokens() {
        assert_eq!(
            kinds("1hour"),
            [(TokenKind::Integer, "1"), (TokenKind::Identifier, "hour")]
        );
    }

    #[test]
    fn operators_take_the_longest_match() {
        use TokenKind::*;
        let found: Vec<_> = kinds("<- <= < |> => == = =~ !~ != >= > ^ % ? @ .")
            .into_iter()
            .map(|(kind, _)| kind)
            .collect();
        assert_eq!(
            found,
            [
                PipeReceive,
                LessEqual,
                Less,
                PipeForward,
                Arrow,
                Equal,
                Assign,
                Match,
                NotMatch,
                NotEqual,
                GreaterEqual,
                Greater,
                Caret,
                Percent,
                Question,
                Attribute,
                Dot
            ]
        );
    }

    #[test]
    fn positions_count_lines_and_bytes() {
        let mut lexer = Lexer::new("// note\n  \u{e4}b c");
        let first = lexer.next_token();
        assert_eq!(first.span.to_string(), "@2:3-2:6");
        assert_eq!(lexer.next_token().span.to_string(), "@2:7-2:8");
        assert_eq!(lexer.next_token().span.to_string(), "@2:8-2:8");
    }

    #[test]
    fn strings_come_in_parts() {
        let text = r#""a\"b${x}c""#;
        let mut lexer = Lexer::new(text);
        let quote = lexer.next_token();
        assert_eq!(quote.kind, TokenKind::Quote);
        let (part, stop) = lexer.string_part(quote.span.end);
        assert_eq!(
            (part.of(text), stop),
            (r#"a\"b"#, StringStop::Interpolation)
        );
        assert_eq!(lexer.next_token().kind, TokenKind::Identifier);
        let brace = lexer.next_token();
        let (part, stop) = lexer.string_part(brace.span.end);
        assert_eq!((part.of(text), stop), ("c", StringStop::Quote));
    }

    #[test]
    fn an_escaped_slash_does_not_end_a_regular_expression() {
        let text = r"/a\/b/ x";
        let mut lexer = Lexer::new(text);
        let slash = lexer.next_token();
        assert_eq!(lexer.regex(slash.span.start).unwrap().of(text), r"a\/b");
        assert_eq!(lexer.next_token().span.of(text), "x");
        assert_eq!(Lexer::new("/a\n/").regex(Position::START), None);
    }
}
