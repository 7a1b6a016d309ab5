//! Bound parameters: values for `$name` in a query.

use super::super::lex::{Token, format_duration};
use std::collections::HashMap;

/// Parameter values as the tokens they stand for.
#[derive(Debug, Default)]
pub struct Params(HashMap<String, Token>);

impl Params {
    /// From the request's JSON object. The error is a message for the client.
    pub fn from_json(value: &serde_json::Value) -> Result<Self, String> {
        let object = value
            .as_object()
            .ok_or("error parsing query parameters: not an object")?;
        object
            .iter()
            .map(|(name, value)| Ok((name.clone(), token_of(name, value)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The token that a parameter stands for; other tokens and unknown names stay as they are.
    pub fn resolve(&self, token: Token) -> Token {
        match &token {
            Token::BoundParameter(name) => self.0.get(name).cloned().unwrap_or(token),
            _ => token,
        }
    }
}

fn token_of(name: &str, value: &serde_json::Value) -> Result<Token, String> {
    use serde_json::Value;
    match value {
        Value::Bool(true) => Ok(Token::Keyword("TRUE")),
        Value::Bool(false) => Ok(Token::Keyword("FALSE")),
        Value::String(text) => Ok(Token::String(text.clone())),
        Value::Number(number) if number.is_f64() => Ok(Token::Number(number.to_string())),
        Value::Number(number) => Ok(Token::Integer(number.to_string())),
        Value::Object(object) if object.len() == 1 => {
            let (kind, value) = object.iter().next().ok_or_else(|| unknown(name))?;
            typed_token(name, kind, value)
        }
        _ => Err(unknown(name)),
    }
}

fn typed_token(name: &str, kind: &str, value: &serde_json::Value) -> Result<Token, String> {
    let text = || {
        value
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| unknown(name))
    };
    match kind {
        "ident" | "identifier" => Ok(Token::Ident(text()?)),
        "regex" => Ok(Token::Regex(text()?)),
        "string" => Ok(Token::String(text()?)),
        "float" | "number" => {
            let number = value.as_f64().ok_or_else(|| unknown(name))?;
            Ok(Token::Number(format!("{number}")))
        }
        "int" | "integer" => {
            let number = value.as_i64().ok_or_else(|| unknown(name))?;
            Ok(Token::Integer(number.to_string()))
        }
        "duration" => match value.as_i64() {
            Some(ns) => Ok(Token::Duration(format_duration(ns))),
            None => Ok(Token::Duration(text()?)),
        },
        _ => Err(format!(
            "unable to bind parameter {name}: unknown type {kind}"
        )),
    }
}

fn unknown(name: &str) -> String {
    format!("unable to bind parameter {name}: not a string, number, boolean or typed value")
}
