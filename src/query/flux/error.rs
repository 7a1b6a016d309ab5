//! What is wrong with a Flux program, where, in the words InfluxDB's clients know.

use super::span::Span;
use crate::query::context::QueryError;
use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The text is not Flux.
    Parse,
    /// It is Flux, but can't be run: unknown names, wrong arguments.
    Check,
    /// A value met while the program ran does not fit.
    Run,
    /// The program needs more than it may.
    Limit,
}

/// One fault and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FluxError {
    pub stage: Stage,
    pub span: Span,
    pub message: String,
}

impl FluxError {
    pub fn parse(span: Span, message: impl Into<String>) -> Self {
        Self {
            stage: Stage::Parse,
            span,
            message: message.into(),
        }
    }

    pub fn check(span: Span, message: impl Into<String>) -> Self {
        Self {
            stage: Stage::Check,
            span,
            message: message.into(),
        }
    }

    pub fn limit(span: Span, message: impl Into<String>) -> Self {
        Self {
            stage: Stage::Limit,
            span,
            message: message.into(),
        }
    }

    pub fn run(span: Span, message: impl Into<String>) -> Self {
        Self {
            stage: Stage::Run,
            span,
            message: message.into(),
        }
    }
}

impl fmt::Display for FluxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match self.stage {
            Stage::Parse => "compilation failed: error",
            Stage::Check => "error",
            Stage::Run | Stage::Limit => "runtime error",
        };
        write!(f, "{prefix} {}: {}", self.span, self.message)
    }
}

/// A fault of the program, or of what surrounds it (a missing bucket, time, memory).
#[derive(Debug)]
pub enum Failure {
    Flux(FluxError),
    Query(QueryError),
}

impl From<FluxError> for Failure {
    fn from(error: FluxError) -> Self {
        Self::Flux(error)
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        Self::Query(error)
    }
}

impl From<Failure> for QueryError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Flux(error) => Self::Invalid(error.to_string()),
            Failure::Query(error) => error,
        }
    }
}

/// Several faults as one text: the first says at which stage, each has its own place.
pub fn join(errors: &[FluxError]) -> String {
    let mut out = String::new();
    for (index, error) in errors.iter().enumerate() {
        if index == 0 {
            out.push_str(&error.to_string());
        } else {
            out.push_str(&format!("\n\nerror {}: {}", error.span, error.message));
        }
    }
    out
}
