//! One run of a task: its text with the time it is scheduled for as `now()`, what it yields thrown away.

use super::record::{LogLine, Run, RunStatus, Task};
use crate::asker::AskersWriter;
use crate::catalog::lookup::OrgLookup;
use crate::catalog::{Catalog, Status};
use crate::clock::now_ns;
use crate::encode::annotated_csv::Dialect;
use crate::engine::source::Source;
use crate::ingest::PointWriter;
use crate::line_protocol::lines::{self, Field};
use crate::model::Precision;
use crate::query::context::{QueryContext, QueryError};
use crate::query::flux::{self, FluxRequest};
use crate::query::memory::MemoryPool;
use crate::query::text::rfc3339;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;

/// Lines of a run's log that are kept.
const LOG_LINES_MAX: usize = 20;
/// Longest message in a log, bytes.
const MESSAGE_BYTES_MAX: usize = 4096;

/// What queries of tasks need, the same as those of people.
pub struct Executor {
    pub catalog: Arc<Catalog>,
    pub source: Arc<dyn Source>,
    pub writer: Arc<dyn PointWriter>,
    pub timeout: Duration,
    pub memory_bytes: usize,
    pub memory: Arc<MemoryPool>,
}

pub fn log(run: &mut Run, message: &str) {
    if run.log.len() < LOG_LINES_MAX {
        let mut end = message.len().min(MESSAGE_BYTES_MAX);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        run.log.push(LogLine {
            time: now_ns(),
            message: message.get(..end).unwrap_or_default().to_owned(),
        });
    }
}

impl Executor {
    /// Runs the task until it succeeds, as often as it may be tried. Blocking.
    pub fn run(
        &self,
        task: &Task,
        attempts: usize,
        mut run: Run,
        cancelled: &Arc<AtomicBool>,
        runtime: &Handle,
    ) -> Run {
        log(&mut run, "Started task from script");
        for attempt in 1..=attempts.max(1) {
            let outcome = self.attempt(task, &run, cancelled, runtime);
            run.status = match &outcome {
                Ok(()) => RunStatus::Success,
                Err(_) if cancelled.load(Ordering::Relaxed) => RunStatus::Canceled,
                Err(_) => RunStatus::Failed,
            };
            match outcome {
                Ok(()) => log(&mut run, "Completed(success)"),
                Err(_) if run.status == RunStatus::Canceled => log(&mut run, "Canceled"),
                Err(error) => log(&mut run, &format!("Failed at attempt {attempt}: {error}")),
            }
            if run.status != RunStatus::Failed {
                break;
            }
        }
        run.finished = Some(now_ns());
        run
    }

    fn attempt(
        &self,
        task: &Task,
        run: &Run,
        cancelled: &Arc<AtomicBool>,
        runtime: &Handle,
    ) -> Result<(), QueryError> {
        match self.catalog.user(task.owner) {
            Some(owner) if owner.status == Status::Active => {}
            Some(_) => {
                return Err(QueryError::Forbidden(
                    "the owner of the task is inactive".to_owned(),
                ));
            }
            None => {
                return Err(QueryError::Forbidden(
                    "the owner of the task is gone".to_owned(),
                ));
            }
        }
        let lookup = Arc::new(OrgLookup::new(
            Arc::clone(&self.catalog),
            task.org,
            task.permissions.clone(),
        ));
        let writer = Arc::new(AskersWriter {
            writer: Arc::clone(&self.writer),
            lookup: Arc::clone(&lookup),
            runtime: runtime.clone(),
        });
        let context = QueryContext::new(
            Arc::clone(&self.source),
            lookup,
            run.scheduled_for,
            self.timeout,
            self.memory_bytes,
            Arc::clone(&self.memory),
        )
        .with_writer(writer)
        .cancelled_by(Arc::clone(cancelled));
        let request = FluxRequest {
            now_ns: Some(run.scheduled_for),
            last_success: task.succeeded,
            ..FluxRequest::new(task.flux.clone(), Dialect::default())
        };
        flux::execute_without_output(&context, &request)
    }

    /// The run as a point of the org's bucket `_tasks`, as InfluxDB keeps it.
    pub fn record(&self, task: &Task, name: &str, run: &Run) {
        let buckets = self.catalog.buckets(&crate::catalog::BucketFilter {
            org: Some(task.org),
            name: Some("_tasks".to_owned()),
            id: None,
        });
        let Some(bucket) = buckets.first() else {
            return;
        };
        let mut key = String::from("runs");
        lines::push_tag(&mut key, "status", run.status.name());
        lines::push_tag(&mut key, "taskID", &task.id.to_string());
        let logs = run.log.iter().map(|line| {
            serde_json::json!({ "runID": run.id, "time": rfc3339(line.time), "message": line.message })
        });
        let logs = serde_json::Value::from(logs.collect::<Vec<_>>()).to_string();
        let mut fields = String::new();
        let texts = [
            ("runID", Some(run.id.to_string())),
            ("name", Some(name.to_owned())),
            ("logs", Some(logs)),
            ("scheduledFor", Some(rfc3339(run.scheduled_for))),
            ("startedAt", run.started.map(rfc3339)),
            ("finishedAt", run.finished.map(rfc3339)),
            ("requestedAt", run.requested.map(rfc3339)),
        ];
        for (field, text) in texts {
            if let Some(text) = text {
                lines::push_field(&mut fields, field, Field::Text(&text));
            }
        }
        let time = run.started.unwrap_or(run.scheduled_for);
        let line = format!("{key} {fields} {time}\n");
        // It waits in the queue like any other write; that it is full must not stop the task.
        if let Err(error) =
            self.writer
                .write(bucket.id, line.as_bytes(), Precision::Nanoseconds, time)
        {
            log::warn!(
                "run {} of task {} is not in _tasks: {error}",
                run.id,
                task.id
            );
        }
    }
}
