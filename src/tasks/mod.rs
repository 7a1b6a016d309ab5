//! Tasks: Flux that runs on a schedule, with the permissions of who made it.
//!
//! [`options`] reads and changes `option task` in the text, [`schedule`] knows the times, [`record`] is what is
//! kept on disk, [`service`] decides what runs next, and [`run`] runs it. Above queries and the catalog,
//! below HTTP.

pub mod options;
pub mod record;
pub mod run;
pub mod schedule;
pub mod service;

pub use options::{Change, TaskOptions};
pub use record::{LogLine, Run, RunStatus, Task};
pub use service::{TaskFigures, Tasks};

/// What is wrong with a task, for who writes it.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Catalog(#[from] crate::catalog::CatalogError),
}

fn invalid(message: impl Into<String>) -> TaskError {
    TaskError::Invalid(message.into())
}
