//! The words of Flux. A token holds no text: its span finds it.

use super::span::Span;
use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    pub kind: TokenKind,
    pub span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    End,
    /// A byte that starts no token.
    Illegal,
    Identifier,
    Integer,
    Float,
    Duration,
    Time,
    /// The opening `"`; the parser asks the lexer for the parts that follow.
    Quote,
    // Keywords.
    And,
    Or,
    Not,
    Exists,
    If,
    Then,
    Else,
    Import,
    Package,
    Return,
    Option,
    Builtin,
    TestCase,
    // Operators and punctuation.
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    Caret,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Match,
    NotMatch,
    Assign,
    Arrow,
    PipeForward,
    PipeReceive,
    ParenOpen,
    ParenClose,
    BracketOpen,
    BracketClose,
    BraceOpen,
    BraceClose,
    Comma,
    Dot,
    Colon,
    Question,
    Attribute,
}

/// Keywords by their text. `in`, `empty` and `test` are reserved by the language but mean nothing in
/// it, so they are plain names here.
pub const KEYWORDS: [(&str, TokenKind); 13] = [
    ("and", TokenKind::And),
    ("or", TokenKind::Or),
    ("not", TokenKind::Not),
    ("exists", TokenKind::Exists),
    ("if", TokenKind::If),
    ("then", TokenKind::Then),
    ("else", TokenKind::Else),
    ("import", TokenKind::Import),
    ("package", TokenKind::Package),
    ("return", TokenKind::Return),
    ("option", TokenKind::Option),
    ("builtin", TokenKind::Builtin),
    ("testcase", TokenKind::TestCase),
];

impl TokenKind {
    pub fn keyword(text: &str) -> Option<Self> {
        KEYWORDS
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, kind)| *kind)
    }

    pub fn is_keyword(self) -> bool {
        KEYWORDS.iter().any(|(_, kind)| *kind == self)
    }
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::End => "the end of the query",
            Self::Illegal => "an unexpected character",
            Self::Identifier => "a name",
            Self::Integer => "an integer",
            Self::Float => "a float",
            Self::Duration => "a duration",
            Self::Time => "a time",
            Self::Quote => "\"",
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Star => "*",
            Self::Slash => "/",
            Self::Percent => "%",
            Self::Caret => "^",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Match => "=~",
            Self::NotMatch => "!~",
            Self::Assign => "=",
            Self::Arrow => "=>",
            Self::PipeForward => "|>",
            Self::PipeReceive => "<-",
            Self::ParenOpen => "(",
            Self::ParenClose => ")",
            Self::BracketOpen => "[",
            Self::BracketClose => "]",
            Self::BraceOpen => "{",
            Self::BraceClose => "}",
            Self::Comma => ",",
            Self::Dot => ".",
            Self::Colon => ":",
            Self::Question => "?",
            Self::Attribute => "@",
            keyword => {
                return KEYWORDS
                    .iter()
                    .find(|(_, kind)| kind == keyword)
                    .map_or(Ok(()), |(word, _)| f.write_str(word));
            }
        };
        f.write_str(text)
    }
}
