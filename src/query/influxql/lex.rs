//! Text to tokens. The parser asks for one token at a time, because whether `/` divides or opens a
//! regular expression only the grammar knows.

use super::error::{ParseError, Position};

/// Longest query text that is read; bounds the work of one request.
pub const TEXT_BYTES_MAX: usize = 4 << 20;

#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    Eof,
    /// Anything that starts no token.
    Illegal(char),
    /// A name; `true` when it was quoted.
    Ident(String),
    /// An upper-case word of [`KEYWORDS`].
    Keyword(&'static str),
    /// Digits with a point, as written.
    Number(String),
    /// Digits, as written.
    Integer(String),
    /// Digits followed by letters, as written.
    Duration(String),
    String(String),
    /// A string that does not end.
    BadString(String),
    /// A backslash before something that can't be escaped.
    BadEscape(String),
    Regex(String),
    BadRegex,
    /// `$name`.
    BoundParameter(String),
    /// An operator or punctuation.
    Symbol(&'static str),
}

impl Token {
    /// The token as error messages show it.
    pub fn found(&self) -> String {
        match self {
            Self::Eof => "EOF".to_owned(),
            Self::Illegal(c) => c.to_string(),
            Self::Ident(text) => nonempty(text, "IDENT"),
            Self::Number(text) | Self::Integer(text) | Self::Duration(text) => text.clone(),
            Self::String(text) => nonempty(text, "STRING"),
            Self::Regex(text) => nonempty(text, "REGEX"),
            Self::BadString(text) => nonempty(text, "BADSTRING"),
            Self::BadEscape(text) => nonempty(text, "BADESCAPE"),
            Self::BadRegex => "BADREGEX".to_owned(),
            Self::BoundParameter(name) => format!("${name}"),
            Self::Keyword(text) | Self::Symbol(text) => (*text).to_owned(),
        }
    }
}

fn nonempty(text: &str, kind: &str) -> String {
    if text.is_empty() {
        kind.to_owned()
    } else {
        text.to_owned()
    }
}

/// Every reserved word, sorted.
pub const KEYWORDS: &[&str] = &[
    "ALL",
    "ALTER",
    "ANALYZE",
    "AND",
    "ANY",
    "AS",
    "ASC",
    "BEGIN",
    "BY",
    "CARDINALITY",
    "CONTINUOUS",
    "CREATE",
    "DATABASE",
    "DATABASES",
    "DEFAULT",
    "DELETE",
    "DESC",
    "DESTINATIONS",
    "DIAGNOSTICS",
    "DISTINCT",
    "DROP",
    "DURATION",
    "END",
    "EVERY",
    "EXACT",
    "EXPLAIN",
    "FALSE",
    "FIELD",
    "FOR",
    "FROM",
    "FUTURE",
    "GRANT",
    "GRANTS",
    "GROUP",
    "GROUPS",
    "IN",
    "INF",
    "INSERT",
    "INTO",
    "KEY",
    "KEYS",
    "KILL",
    "LIMIT",
    "MEASUREMENT",
    "MEASUREMENTS",
    "NAME",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "PASSWORD",
    "PAST",
    "POLICIES",
    "POLICY",
    "PRIVILEGES",
    "QUERIES",
    "QUERY",
    "READ",
    "REPLICATION",
    "RESAMPLE",
    "RETENTION",
    "REVOKE",
    "SELECT",
    "SERIES",
    "SET",
    "SHARD",
    "SHARDS",
    "SHOW",
    "SLIMIT",
    "SOFFSET",
    "STATS",
    "SUBSCRIPTION",
    "SUBSCRIPTIONS",
    "TAG",
    "TO",
    "TRUE",
    "USER",
    "USERS",
    "VALUES",
    "VERBOSE",
    "WHERE",
    "WITH",
    "WRITE",
];

/// The reserved word that `text` is, in any case.
pub fn keyword(text: &str) -> Option<&'static str> {
    let upper = text.to_ascii_uppercase();
    let at = KEYWORDS.binary_search(&upper.as_str()).ok()?;
    KEYWORDS.get(at).copied()
}

/// A place in the text; copied to come back to it.
#[derive(Debug, Clone, Copy)]
pub struct Cursor {
    at: usize,
    position: Position,
    /// Where the character before is.
    previous: Position,
    /// A word or a look for a regular expression ran into the end: InfluxDB then counts the end one further.
    past_end: bool,
}

pub struct Lexer<'a> {
    text: &'a str,
    pub cursor: Cursor,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str) -> Self {
        let position = Position { line: 1, column: 1 };
        Self {
            text,
            cursor: Cursor {
                at: 0,
                position,
                previous: position,
                past_end: false,
            },
        }
    }

    pub const fn position(&self) -> Position {
        self.cursor.position
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.cursor.at..)?.chars().next()
    }

    fn peek_second(&self) -> Option<char> {
        self.text.get(self.cursor.at..)?.chars().nth(1)
    }

    fn advance(&mut self) -> Option<char> {
        let mut c = self.peek()?;
        self.cursor.previous = self.cursor.position;
        self.cursor.at += c.len_utf8();
        if c == '\r' {
            if self.peek() == Some('\n') {
                self.cursor.at += 1;
            }
            c = '\n';
        }
        if c == '\n' {
            self.cursor.position.line += 1;
            self.cursor.position.column = 1;
        } else {
            self.cursor.position.column += 1;
        }
        Some(c)
    }

    fn advance_while(&mut self, accept: impl Fn(char) -> bool) -> String {
        let mut out = String::new();
        while let Some(c) = self.peek().filter(|c| accept(*c)) {
            self.advance();
            out.push(c);
        }
        out
    }

    /// Notes that something ran into the end of the text.
    pub fn mark_end(&mut self) {
        if self.peek().is_none() && !self.cursor.past_end {
            self.cursor.past_end = true;
            self.cursor.position.column += 1;
        }
    }

    /// Whether blanks or a comment come next; nothing is consumed.
    pub fn at_blank(&self) -> bool {
        match self.peek() {
            Some(' ' | '\t' | '\n' | '\r') => true,
            Some('-') => self.peek_second() == Some('-'),
            Some('/') => self.peek_second() == Some('*'),
            _ => false,
        }
    }

    /// Skips blanks and comments. `false`: a comment does not end.
    fn skip_blanks(&mut self) -> bool {
        while self.at_blank() {
            match self.peek() {
                Some('-') => while !matches!(self.advance(), Some('\n') | None) {},
                Some('/') => {
                    self.advance();
                    self.advance();
                    if !self.skip_comment() {
                        return false;
                    }
                }
                _ => {
                    self.advance_while(is_blank);
                }
            }
        }
        true
    }

    fn skip_comment(&mut self) -> bool {
        let mut star = false;
        while let Some(c) = self.advance() {
            if star && c == '/' {
                return true;
            }
            star = c == '*';
        }
        false
    }

    /// The next token after blanks and comments, and where it starts.
    pub fn token(&mut self) -> (Token, Position) {
        let start = self.cursor.position;
        if !self.skip_blanks() {
            return (Token::Keyword("ILLEGAL"), start);
        }
        self.token_here()
    }

    /// The next token without skipping blanks.
    pub fn token_here(&mut self) -> (Token, Position) {
        let (start, before) = (self.cursor.position, self.cursor.previous);
        match self.scan() {
            // InfluxDB says where the character before a text is.
            token @ (Token::String(_) | Token::BadString(_)) => (token, before),
            token @ Token::BadEscape(_) => (token, self.cursor.previous),
            token => (token, start),
        }
    }

    fn scan(&mut self) -> Token {
        let Some(c) = self.peek() else {
            return Token::Eof;
        };
        if c == '"' || is_letter(c) || c == '_' {
            return self.word();
        }
        let digit_follows = self.peek_second().is_some_and(|c| c.is_ascii_digit());
        if c.is_ascii_digit() || (c == '.' && digit_follows) {
            return self.number();
        }
        if c == '\'' {
            return self.string();
        }
        if c == '$' {
            self.advance();
            return match self.raw_word() {
                Ok(name) => Token::BoundParameter(name),
                Err(token) => token,
            };
        }
        self.symbol()
    }

    fn symbol(&mut self) -> Token {
        const SYMBOLS: [&str; 26] = [
            "=~", "!=", "!~", ">=", "<=", "<>", "::", "=", ">", "<", "(", ")", ",", ";", ":", ".",
            "+", "-", "*", "/", "%", "&", "|", "^", "!", "",
        ];
        let rest = self.text.get(self.cursor.at..).unwrap_or_default();
        let symbol = SYMBOLS
            .iter()
            .find(|symbol| rest.starts_with(**symbol))
            .copied();
        match symbol.unwrap_or_default() {
            "" => Token::Illegal(self.advance().unwrap_or_default()),
            "!" => {
                self.advance();
                Token::Illegal('!')
            }
            symbol => {
                for _ in 0..symbol.len() {
                    self.advance();
                }
                Token::Symbol(if symbol == "<>" { "!=" } else { symbol })
            }
        }
    }

    fn word(&mut self) -> Token {
        let quoted = self.peek() == Some('"');
        match self.raw_word() {
            Ok(name) if quoted => Token::Ident(name),
            Ok(name) => keyword(&name).map_or(Token::Ident(name), Token::Keyword),
            Err(token) => token,
        }
    }

    /// A bare or quoted name.
    fn raw_word(&mut self) -> Result<String, Token> {
        if self.peek() == Some('"') {
            return match self.string() {
                Token::String(name) => Ok(name),
                other => Err(other),
            };
        }
        let name = self.advance_while(is_word);
        self.mark_end();
        Ok(name)
    }

    /// A text between quotes of either kind, the opening one being next.
    fn string(&mut self) -> Token {
        let quote = self.advance();
        let mut out = String::new();
        loop {
            match self.advance() {
                end if end == quote && end.is_some() => return Token::String(out),
                None | Some('\n') => return Token::BadString(out),
                Some('\\') => match self.advance() {
                    Some('n') => out.push('\n'),
                    Some(c @ ('\\' | '"' | '\'')) => out.push(c),
                    Some(c) => return Token::BadEscape(format!("\\{c}")),
                    None => return Token::BadEscape("\\".to_owned()),
                },
                Some(c) => out.push(c),
            }
        }
    }

    fn number(&mut self) -> Token {
        let mut text = self.advance_while(|c| c.is_ascii_digit());
        if self.peek() == Some('.') {
            self.advance();
            let digits = self.advance_while(|c| c.is_ascii_digit());
            if !digits.is_empty() {
                text.push('.');
                text.push_str(&digits);
            }
            return Token::Number(text);
        }
        if self.peek().is_some_and(is_duration_letter) {
            text.push_str(&self.advance_while(|c| is_duration_letter(c) || c.is_ascii_digit()));
            return Token::Duration(text);
        }
        Token::Integer(text)
    }

    /// A regular expression if one comes next, after blanks and comments.
    pub fn regex(&mut self) -> Option<(Token, Position)> {
        let back = self.cursor;
        let readable = self.skip_blanks();
        if self.peek().is_none() {
            self.mark_end();
            return None;
        }
        if !readable || self.peek() != Some('/') {
            self.cursor = back;
            return None;
        }
        let before = self.cursor.previous;
        self.advance();
        Some((self.regex_rest(), before))
    }

    fn regex_rest(&mut self) -> Token {
        let mut out = String::new();
        loop {
            match self.advance() {
                Some('/') => return Token::Regex(out),
                None | Some('\n') => return Token::BadRegex,
                Some('\\') if self.peek() == Some('/') => {
                    self.advance();
                    out.push('/');
                }
                Some(c) => out.push(c),
            }
        }
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic()
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn is_duration_letter(c: char) -> bool {
    is_letter(c) || c == 'µ' || c == 'μ'
}

/// A name as a query writes it: quoted where it must be.
pub fn quote_ident(name: &str) -> String {
    let bare = name
        .chars()
        .next()
        .is_some_and(|c| is_letter(c) || c == '_')
        && name.chars().all(is_word)
        && keyword(name).is_none();
    if bare {
        return name.to_owned();
    }
    let escaped = name
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{escaped}\"")
}

/// A string literal as a query writes it.
pub fn quote_string(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('\'', "\\'")
        .replace('\n', "\\n");
    format!("'{escaped}'")
}

/// Nanoseconds of a duration such as `1h30m`.
pub fn parse_duration(text: &str) -> Result<i64, ParseError> {
    let invalid = || ParseError::plain("invalid duration");
    let mut rest = text;
    let mut total = 0_i64;
    if rest.len() < 2 {
        return if rest == "0" { Ok(0) } else { Err(invalid()) };
    }
    let negative = rest.starts_with('-');
    rest = rest.trim_start_matches(['-', '+']);
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, next) = take_unit(after, letters).ok_or_else(invalid)?;
        let number: i64 = number.parse().map_err(|_| invalid())?;
        let part = number.checked_mul(unit).ok_or_else(overflow)?;
        total = total.checked_add(part).ok_or_else(overflow)?;
        rest = next;
    }
    Ok(if negative { -total } else { total })
}

fn overflow() -> ParseError {
    ParseError::plain("overflowed duration")
}

/// The unit at the start of `text` (whose first `letters` bytes are letters), in nanoseconds.
fn take_unit(text: &str, letters: usize) -> Option<(i64, &str)> {
    const UNITS: [(&str, i64); 10] = [
        ("ns", 1),
        ("µs", 1_000),
        ("us", 1_000),
        ("ms", 1_000_000),
        ("µ", 1_000),
        ("u", 1_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000),
    ];
    const WEEK: (&str, i64) = ("w", 604_800_000_000_000);
    let word = text.get(..letters)?;
    let (name, size) = UNITS
        .iter()
        .chain([&WEEK])
        .find(|(name, _)| *name == word)?;
    Some((*size, text.get(name.len()..)?))
}

/// A duration as InfluxDB prints it in queries: the largest unit that divides it.
pub fn format_duration(ns: i64) -> String {
    const UNITS: [(&str, i64); 7] = [
        ("w", 604_800_000_000_000),
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("u", 1_000),
    ];
    if ns == 0 {
        return "0s".to_owned();
    }
    UNITS.iter().find(|(_, size)| ns % size == 0).map_or_else(
        || format!("{ns}ns"),
        |(name, size)| format!("{}{name}", ns / size),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Token> {
        let mut lexer = Lexer::new(text);
        let mut out = Vec::new();
        loop {
            match lexer.token().0 {
                Token::Eof => return out,
                token => out.push(token),
            }
        }
    }

    #[test]
    fn numbers_and_durations_are_told_apart() {
        assert_eq!(
            all("1 1.5 .5 1h30m 10u"),
            [
                Token::Integer("1".into()),
                Token::Number("1.5".into()),
                Token::Number(".5".into()),
                Token::Duration("1h30m".into()),
                Token::Duration("10u".into()),
            ]
        );
    }

    #[test]
    fn words_are_keywords_in_any_case_unless_quoted() {
        assert_eq!(
            all("select \"select\" fill"),
            [
                Token::Keyword("SELECT"),
                Token::Ident("select".into()),
                Token::Ident("fill".into())
            ]
        );
    }

    #[test]
    fn comments_count_as_blanks() {
        assert_eq!(
            all("a -- b\n /* c ** */ d"),
            [Token::Ident("a".into()), Token::Ident("d".into())]
        );
    }

    #[test]
    fn reserved_words_are_sorted() {
        assert!(KEYWORDS.is_sorted());
    }

    #[test]
    fn durations_add_up_and_refuse_nonsense() {
        assert_eq!(parse_duration("1h30m"), Ok(5_400_000_000_000));
        assert_eq!(parse_duration("10µ"), Ok(10_000));
        assert!(parse_duration("1x").is_err());
        assert!(parse_duration("h").is_err());
        assert!(parse_duration("99999999w").is_err());
        assert_eq!(format_duration(90_000_000_000), "90s");
        assert_eq!(format_duration(3_600_000_000_000), "1h");
    }
}
