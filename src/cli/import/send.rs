//! Sends a batch until it is acknowledged, or nothing helps.

use super::reader::{Batch, Plan};
use crate::cli::client::{Client, Content};
use crate::cli::{CliError, output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a server that can't be reached is waited for.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(100);

pub struct Target<'a> {
    pub client: &'a Client,
    pub org: &'a str,
    pub precision: &'a str,
    /// Buckets that don't exist are made.
    pub create_buckets: bool,
    pub plan: &'a Plan,
    pub stop: &'a AtomicBool,
}

impl Target<'_> {
    /// Points that the server refuses for themselves become rejects of the batch. Returns how many were
    /// written.
    pub fn send(&self, batch: &mut Batch) -> Result<u64, CliError> {
        let since = Instant::now();
        while !batch.points.is_empty() {
            let error = match self.try_send(batch) {
                Ok(()) => return Ok(batch.points.len() as u64),
                Err(error) => error,
            };
            match &error {
                CliError::Refused {
                    status: 400,
                    line: Some(line),
                    message,
                    ..
                } => {
                    // From now on the reader looks, too: where one line is malformed, there may be many.
                    self.plan.suspicious.store(true, Ordering::Relaxed);
                    let rejects = batch.rejects.len();
                    batch.check(self.plan.options());
                    if batch.rejects.len() == rejects {
                        let broken = batch.point_at(0, *line);
                        batch.reject(broken, message);
                    }
                }
                CliError::Refused { status: 413, .. } => {
                    let Some(mut second) = batch.split() else {
                        return Err(error);
                    };
                    let written = self.send(batch)? + self.send(&mut second)?;
                    batch.rejects.append(&mut second.rejects);
                    return Ok(written);
                }
                CliError::Refused {
                    status: 429 | 503,
                    retry_after_seconds,
                    ..
                } => self.pause(retry_after_seconds.unwrap_or(1), &error)?,
                CliError::Refused { status: 404, .. } if self.create_buckets => {
                    self.create(&batch.bucket, error)?;
                }
                CliError::Unreachable { .. } if since.elapsed() < PATIENCE => {
                    self.pause(1, &error)?;
                }
                _ => return Err(error),
            }
        }
        Ok(0)
    }

    fn try_send(&self, batch: &Batch) -> Result<(), CliError> {
        let query = [
            ("org", self.org),
            ("bucket", batch.bucket.as_str()),
            ("precision", self.precision),
        ];
        let content = Content {
            kind: "text/plain; charset=utf-8",
            bytes: &batch.body,
        };
        self.client
            .send("POST", "/api/v2/write", &query, &content)
            .map(drop)
    }

    /// Waits; an interruption ends it.
    fn pause(&self, seconds: u64, reason: &CliError) -> Result<(), CliError> {
        output::tell(&format!("waiting {seconds} s: {reason}"));
        let until = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < until {
            if self.stop.load(Ordering::Relaxed) {
                return Err(CliError::Interrupted(reason.to_string()));
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn create(&self, bucket: &str, missing: CliError) -> Result<(), CliError> {
        if self.client.bucket(bucket).is_ok() {
            // Then something else is missing.
            return Err(missing);
        }
        crate::cli::bucket::new(self.client, bucket, 0, None).map(drop)
    }
}
