//! Query parameters and JSON bodies, read the forgiving way InfluxDB reads them.

use super::error::ApiError;
use crate::model::Id;
use actix_web::HttpRequest;
use serde::de::DeserializeOwned;
use std::collections::HashMap;

/// Longest JSON body of a resource endpoint.
pub const JSON_BYTES_MAX: usize = 1 << 20;

/// Parameters of the query string; of repeated ones the first counts.
pub struct Params(HashMap<String, String>);

impl Params {
    pub fn of(request: &HttpRequest) -> Self {
        Self::parse(request.query_string())
    }

    /// Form-encoded text. What can't be decoded is left out.
    pub fn parse(text: &str) -> Self {
        let mut params = HashMap::new();
        for (key, value) in form_pairs(text) {
            params.entry(key).or_insert(value);
        }
        Self(params)
    }

    /// Parameters of `other` that are not here.
    pub fn extend(&mut self, other: Self) {
        for (key, value) in other.0 {
            self.0.entry(key).or_insert(value);
        }
    }

    /// `None` also when it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    pub fn id(&self, name: &str) -> Result<Option<Id>, ApiError> {
        self.get(name).map(parse_id).transpose()
    }

    pub fn is_true(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }
}

fn form_pairs(text: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode(&spaced)
    };
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(key), decoded(value))
        })
        .collect()
}

fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = bytes
            .get(at + 1..at + 3)
            .and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) if byte == b'%' => {
                out.push(decoded);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

pub fn parse_id(text: &str) -> Result<Id, ApiError> {
    text.parse()
        .map_err(|error: crate::model::ids::IdError| ApiError::invalid(error.to_string()))
}

/// A JSON body; `what` begins the message when it is none.
pub fn parse_json<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::invalid(format!("{what}: {error}")))
}
