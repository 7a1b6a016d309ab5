//! Failures as answers. InfluxDB's error body is `{"code","message"}`; the v1 endpoints add `error`, so that
//! both generations of clients show the text.

use crate::catalog::CatalogError;
use crate::ingest::WriteError;
use crate::query::context::QueryError;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Map, Value, json};
use std::fmt;

const PLATFORM_CODE: HeaderName = HeaderName::from_static("x-platform-error-code");
const ALLOW: HeaderName = HeaderName::from_static("allow");

/// An error answer.
#[derive(Debug, Clone)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// Further keys of the body.
    details: Vec<(&'static str, Value)>,
    retry_after_seconds: Option<u64>,
    allow: Option<&'static str>,
    /// With the `error` key of v1.
    v1: bool,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: Vec::new(),
            retry_after_seconds: None,
            allow: None,
            v1: false,
        }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", message)
    }

    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not found", message)
    }

    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "conflict", message)
    }

    pub fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "unprocessable entity",
            message,
        )
    }

    pub fn method_not_allowed(allow: &'static str) -> Self {
        let message = format!("allow: {allow}");
        let mut error = Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method not allowed",
            message,
        );
        error.allow = Some(allow);
        error
    }

    /// `max` in bytes, inflated.
    pub fn too_large(max: usize) -> Self {
        let message = format!("unable to read data: points batch is too large (max {max} bytes)");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "request too large", message)
            .with("maxLength", json!(max))
    }

    pub fn unavailable(message: impl Into<String>, retry_after_seconds: u64) -> Self {
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message);
        error.retry_after_seconds = Some(retry_after_seconds.max(1));
        error
    }

    pub fn too_many_requests(message: impl Into<String>, retry_after_seconds: u64) -> Self {
        let mut error = Self::new(StatusCode::TOO_MANY_REQUESTS, "too many requests", message);
        error.retry_after_seconds = Some(retry_after_seconds.max(1));
        error
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error", message)
    }

    pub fn timed_out(message: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "invalid", message)
    }

    #[must_use]
    pub fn with(mut self, key: &'static str, value: Value) -> Self {
        self.details.push((key, value));
        self
    }

    /// The same with the body of the v1 endpoints.
    #[must_use]
    pub fn for_v1(mut self) -> Self {
        self.v1 = true;
        self
    }

    /// The text as 1.x has it.
    fn v1_message(&self) -> String {
        match self.message.strip_prefix("failed to parse query: ") {
            Some(reason) => format!("error parsing query: {reason}"),
            None => self.message.clone(),
        }
    }

    pub fn of_write(error: WriteError, retry_after_seconds: u64) -> Self {
        match error {
            WriteError::Parse(error) => {
                Self::invalid(error.to_string()).with("line", json!(error.line()))
            }
            WriteError::TooLarge { max_bytes, .. } => {
                let mut answer = Self::too_large(max_bytes);
                answer.message = format!("unable to read data: {error}");
                answer
            }
            WriteError::Overloaded { .. }
            | WriteError::ReplicationFull { .. }
            | WriteError::Unavailable(_) => {
                Self::unavailable(error.to_string(), retry_after_seconds)
            }
        }
    }

    pub fn of_query(error: &QueryError, retry_after_seconds: u64) -> Self {
        let message = error.to_string();
        match error {
            QueryError::Invalid(_) | QueryError::Memory { .. } => Self::invalid(message),
            QueryError::NotFound(_) => Self::not_found(message),
            QueryError::Forbidden(_) => Self::forbidden(message),
            QueryError::Timeout { .. } | QueryError::Busy { .. } => {
                Self::unavailable(message, retry_after_seconds)
            }
            QueryError::Cancelled | QueryError::Output(_) => {
                let status = StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST);
                Self::new(status, "invalid", message)
            }
            QueryError::Internal(_) => {
                log::error!("query failed: {message}");
                Self::internal(message)
            }
        }
    }
}

impl From<CatalogError> for ApiError {
    fn from(error: CatalogError) -> Self {
        let message = error.to_string();
        match error {
            CatalogError::Invalid(_) => Self::invalid(message),
            CatalogError::NotFound(_) => Self::not_found(message),
            CatalogError::Conflict(_) => Self::conflict(message),
            CatalogError::Unprocessable(_) => Self::unprocessable(message),
            CatalogError::Forbidden(_) => Self::forbidden(message),
            CatalogError::Storage(_) => {
                log::error!("{message}");
                Self::internal(message)
            }
            CatalogError::Unavailable(_) => Self::unavailable(message, 1),
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}: {}",
            self.status.as_u16(),
            self.code,
            self.message
        )
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut body = Map::new();
        body.insert("code".to_owned(), json!(self.code));
        body.insert("message".to_owned(), json!(self.message));
        if self.v1 {
            body.insert("error".to_owned(), json!(self.v1_message()));
        }
        for (key, value) in &self.details {
            body.insert((*key).to_owned(), value.clone());
        }
        let mut response = HttpResponse::build(self.status);
        response.insert_header((CONTENT_TYPE, "application/json; charset=utf-8"));
        response.insert_header((PLATFORM_CODE, HeaderValue::from_static(self.code)));
        if let Some(seconds) = self.retry_after_seconds {
            response.insert_header((RETRY_AFTER, seconds));
        }
        if let Some(allow) = self.allow {
            response.insert_header((ALLOW, HeaderValue::from_static(allow)));
        }
        response.body(Value::Object(body).to_string())
    }
}
