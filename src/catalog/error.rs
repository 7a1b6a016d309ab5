//! Why the catalog refused something; HTTP maps the kinds to status codes.

use crate::storage::meta_store::MetaError;

#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    Conflict(String),
    /// Well-formed, but not to be done.
    #[error("{0}")]
    Unprocessable(String),
    #[error("{0}")]
    Forbidden(String),
    #[error("the catalog could not be stored: {0}")]
    Storage(#[from] MetaError),
    /// The write path could not follow.
    #[error("{0}")]
    Unavailable(String),
}

impl CatalogError {
    pub fn not_found(what: &str) -> Self {
        Self::NotFound(format!("{what} not found"))
    }
}
