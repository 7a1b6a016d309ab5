//! The predicate of `POST /api/v2/delete`: `key = value` and `key != value` joined by AND.
//!
//! Words and texts are InfluxDB's, except that `_field` and `!=` work.

use crate::engine::source::{SeriesPredicate, TextMatch};

/// Open parentheses at a time; one more can only be a mistake or an attack.
const DEPTH_MAX: usize = 64;

/// Why a text is no predicate. Positions count characters from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PredicateError {
    #[error(
        "the logical operator OR is not supported yet at position {0}; send one delete for each part"
    )]
    Or(usize),
    #[error("operator: \"{0}\" at position: {1} is not supported yet; use = or !=")]
    Regex(&'static str, usize),
    #[error("invalid operator \"{0}\" at position: {1}; use = or !=")]
    Operator(String, usize),
    #[error("bad tag key, at position {0}; a key is a name, in \" if it is an odd one")]
    Key(usize),
    #[error("points can't be chosen by {0}, at position {1}; times are given as start and stop")]
    NotATag(String, usize),
    #[error("bad tag value: \"{0}\", at position {1}; a value is a name, a number or a text in \"")]
    Value(String, usize),
    #[error("bad logical expression, at position {0}; write key = value AND key != value")]
    Expression(usize),
    #[error("mismatched parentheses, at position {0}")]
    Parentheses(usize),
    #[error("more than {DEPTH_MAX} open parentheses, at position {0}")]
    Depth(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A bare word, number or duration.
    Word(String),
    Quoted(String),
    Equal,
    NotEqual,
    Regex(&'static str),
    Minus,
    Open,
    Close,
    Other(String),
    End,
}

/// An empty text means all points.
pub fn parse(text: &str) -> Result<SeriesPredicate, PredicateError> {
    let tokens = tokens(text);
    let mut parser = Parser { tokens, at: 0 };
    if parser.peek().0 == Token::End {
        return Ok(SeriesPredicate::All);
    }
    let mut parts = Vec::new();
    let mut depth = 0;
    loop {
        while parser.peek().0 == Token::Open {
            depth += 1;
            let (_, position) = parser.next();
            if depth > DEPTH_MAX {
                return Err(PredicateError::Depth(position));
            }
        }
        parts.push(parser.rule()?);
        while parser.peek().0 == Token::Close {
            let (_, position) = parser.next();
            depth = usize::checked_sub(depth, 1).ok_or(PredicateError::Parentheses(position))?;
        }
        let (token, position) = parser.next();
        match token {
            Token::End if depth == 0 => return Ok(SeriesPredicate::And(parts)),
            Token::End => return Err(PredicateError::Parentheses(position)),
            Token::Word(word) if word.eq_ignore_ascii_case("and") => {}
            Token::Word(word) if word.eq_ignore_ascii_case("or") => {
                return Err(PredicateError::Or(position));
            }
            _ => return Err(PredicateError::Expression(position)),
        }
    }
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> (Token, usize) {
        let last = self.tokens.last();
        let found = self.tokens.get(self.at).or(last);
        found.cloned().unwrap_or((Token::End, 0))
    }

    fn next(&mut self) -> (Token, usize) {
        let next = self.peek();
        self.at += 1;
        next
    }

    fn rule(&mut self) -> Result<SeriesPredicate, PredicateError> {
        let (key, key_position) = match self.next() {
            (Token::Word(key), position) if is_name(&key) && !is_reserved(&key) => (key, position),
            (Token::Quoted(key), position) => (key, position),
            (_, position) => return Err(PredicateError::Key(position)),
        };
        let equal = match self.next() {
            (Token::Equal, _) => true,
            (Token::NotEqual, _) => false,
            (Token::Regex(operator), position) => {
                return Err(PredicateError::Regex(operator, position));
            }
            (token, position) => return Err(PredicateError::Operator(token.text(), position)),
        };
        let value = self.value()?;
        let wanted = if equal {
            TextMatch::Equal(value.into())
        } else {
            TextMatch::NotEqual(value.into())
        };
        match key.as_str() {
            "_measurement" => Ok(SeriesPredicate::Measurement(wanted)),
            "_field" => Ok(SeriesPredicate::Field(wanted)),
            "_time" | "_value" | "_start" | "_stop" => {
                Err(PredicateError::NotATag(key, key_position))
            }
            _ => Ok(SeriesPredicate::Tag(key.into(), wanted)),
        }
    }

    fn value(&mut self) -> Result<String, PredicateError> {
        let bad = |token: &Token, position| Err(PredicateError::Value(token.text(), position));
        match self.next() {
            (Token::Quoted(value), _) => Ok(value),
            (Token::Word(value), position) if is_reserved(&value) => {
                bad(&Token::Word(value), position)
            }
            (Token::Word(value), _) => Ok(value),
            (Token::Minus, _) => match self.next() {
                (Token::Word(number), _) if number.starts_with(|c: char| c.is_ascii_digit()) => {
                    Ok(format!("-{number}"))
                }
                (token, position) => bad(&token, position),
            },
            (token, position) => bad(&token, position),
        }
    }
}

impl Token {
    fn text(&self) -> String {
        match self {
            Self::Word(text) | Self::Quoted(text) | Self::Other(text) => text.clone(),
            Self::Equal => "=".to_owned(),
            Self::NotEqual => "!=".to_owned(),
            Self::Regex(operator) => (*operator).to_owned(),
            Self::Minus => "-".to_owned(),
            Self::Open => "(".to_owned(),
            Self::Close => ")".to_owned(),
            Self::End => "EOF".to_owned(),
        }
    }
}

fn is_name(word: &str) -> bool {
    !word.starts_with(|c: char| c.is_ascii_digit() || c == '.')
}

fn is_reserved(word: &str) -> bool {
    word.eq_ignore_ascii_case("and") || word.eq_ignore_ascii_case("or")
}

fn tokens(text: &str) -> Vec<(Token, usize)> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&first) = characters.get(at) {
        let second = characters.get(at + 1);
        let position = at;
        let (token, length) = match (first, second) {
            (' ' | '\t' | '\n' | '\r', _) => {
                at += 1;
                continue;
            }
            ('=', Some('~')) => (Token::Regex("=~"), 2),
            ('!', Some('~')) => (Token::Regex("!~"), 2),
            ('!', Some('=')) => (Token::NotEqual, 2),
            // InfluxQL's other way to say it.
            ('<', Some('>')) => (Token::NotEqual, 2),
            ('=', _) => (Token::Equal, 1),
            ('-', _) => (Token::Minus, 1),
            ('(', _) => (Token::Open, 1),
            (')', _) => (Token::Close, 1),
            ('"', _) => quoted(characters.get(at..).unwrap_or_default()),
            (c, _) if is_word(c) => {
                let rest = characters.iter().skip(at);
                let word: String = rest.copied().take_while(|c| is_word(*c)).collect();
                let length = word.chars().count();
                (Token::Word(word), length)
            }
            (c, _) => (Token::Other(c.to_string()), 1),
        };
        tokens.push((token, position));
        at += length;
    }
    tokens.push((Token::End, at));
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '.'
}

/// A text in quotes, and how many characters it takes.
fn quoted(characters: &[char]) -> (Token, usize) {
    let mut text = String::new();
    let mut at = 1;
    while let Some(&c) = characters.get(at) {
        at += 1;
        match (c, characters.get(at)) {
            ('"', _) => return (Token::Quoted(text), at),
            ('\\', Some('n')) => {
                text.push('\n');
                at += 1;
            }
            ('\\', Some(next @ ('"' | '\\'))) => {
                text.push(*next);
                at += 1;
            }
            _ => text.push(c),
        }
    }
    let all: String = characters.iter().collect();
    (Token::Other(all), characters.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(predicate: &str, measurement: &str, tags: &[(&str, &str)], field: &str) -> bool {
        parse(predicate).unwrap().matches(measurement, tags, field)
    }

    #[test]
    fn equal_and_unequal_work_on_tags_measurements_and_fields() {
        let tags = [("host", "a b"), ("region", "eu-1")];
        for (predicate, wanted) in [
            ("", true),
            ("_measurement=cpu", true),
            ("_measurement=\"cpu\" AND host=\"a b\"", true),
            (
                "(_measurement = cpu) and (host = \"a b\" and _field = f)",
                true,
            ),
            ("_field != f", false),
            ("_measurement!=mem", true),
            ("region=\"eu-1\"", true),
            ("region!=\"eu-1\"", false),
            ("missing=\"\"", true),
            ("missing!=x", true),
            ("missing=1h30m", false),
            ("missing=-1.5 AND host=true", false),
            ("\"host\"=\"a b\"", true),
            ("((((host=\"a b\"))))", true),
        ] {
            assert_eq!(matches(predicate, "cpu", &tags, "f"), wanted, "{predicate}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (predicate, error) in [
            ("a=b OR c=d", PredicateError::Or(4)),
            ("a=~/b/", PredicateError::Regex("=~", 1)),
            ("a !~ /b/", PredicateError::Regex("!~", 2)),
            ("a<b", PredicateError::Operator("<".to_owned(), 1)),
            ("a='b'", PredicateError::Value("'".to_owned(), 2)),
            ("a=", PredicateError::Value("EOF".to_owned(), 2)),
            ("a=\"b", PredicateError::Value("\"b".to_owned(), 2)),
            ("=b", PredicateError::Key(0)),
            ("1=b", PredicateError::Key(0)),
            ("a=b c=d", PredicateError::Expression(4)),
            ("(a=b", PredicateError::Parentheses(4)),
            ("a=b)", PredicateError::Parentheses(3)),
            ("a=b AND ", PredicateError::Key(8)),
            ("_time=1", PredicateError::NotATag("_time".to_owned(), 0)),
        ] {
            assert_eq!(parse(predicate).unwrap_err(), error, "{predicate}");
        }
        assert_eq!(
            parse(&"(".repeat(100_000)).unwrap_err(),
            PredicateError::Depth(DEPTH_MAX)
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}", words in "[a=!~()\" ANDOR1.\\\\-]{0,60}") {
            let _ = parse(&text);
            let _ = parse(&words);
        }
    }
}
