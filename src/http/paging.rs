//! Pages of a list: `limit`, `offset`, `after`, `descending`, and the links to neighbours.

use super::error::ApiError;
use super::params::Params;
use crate::model::Id;
use serde_json::{Map, Value, json};

const LIMIT: usize = 20;
const LIMIT_MAX: usize = 100;

#[derive(Debug, Clone, Copy)]
pub struct Paging {
    limit: usize,
    offset: usize,
    after: Option<Id>,
    descending: bool,
}

impl Paging {
    pub fn of(params: &Params) -> Result<Self, ApiError> {
        let number = |name: &str| -> Result<Option<usize>, ApiError> {
            let parsed = params.get(name).map(str::parse).transpose();
            parsed.map_err(|_| ApiError::invalid(format!("{name} is invalid: it must be a number")))
        };
        let limit = number("limit")?.unwrap_or(LIMIT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(ApiError::invalid(format!(
                "limit must be between 1 and {LIMIT_MAX}"
            )));
        }
        Ok(Self {
            limit,
            offset: number("offset")?.unwrap_or(0),
            after: params.id("after")?,
            descending: params.is_true("descending"),
        })
    }

    /// The wanted page of items, which are in order of their ids.
    pub fn page<T>(&self, mut items: Vec<T>, id_of: impl Fn(&T) -> Id) -> Vec<T> {
        if self.descending {
            items.reverse();
        }
        if let Some(after) = self.after {
            items.retain(|item| {
                if self.descending {
                    id_of(item) < after
                } else {
                    id_of(item) > after
                }
            });
        }
        items
            .into_iter()
            .skip(self.offset)
            .take(self.limit)
            .collect()
    }

    /// `self`, and `next` and `prev` where there may be such.
    pub fn links(&self, path: &str, filters: &[(&str, Option<&str>)], returned: usize) -> Value {
        let mut fixed = String::new();
        for (name, value) in filters {
            if let Some(value) = value {
                fixed.push_str(&format!("{name}={}&", encode(value)));
            }
        }
        let link = |offset: usize| {
            let (limit, descending) = (self.limit, self.descending);
            format!("{path}?{fixed}descending={descending}&limit={limit}&offset={offset}")
        };
        let mut links = Map::new();
        if self.offset > 0 {
            links.insert(
                "prev".to_owned(),
                json!(link(self.offset.saturating_sub(self.limit))),
            );
        }
        links.insert("self".to_owned(), json!(link(self.offset)));
        if returned >= self.limit {
            links.insert("next".to_owned(), json!(link(self.offset + self.limit)));
        }
        Value::Object(links)
    }
}

/// Percent-encoded for a query string.
pub fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
