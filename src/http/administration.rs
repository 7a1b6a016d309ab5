//! What InfluxQL statements may change and ask beside points, by the asker's permissions.

use super::AppState;
use super::auth::Identity;
use crate::catalog::{Action, CatalogError, Permission, PolicySettings};
use crate::clock::now_ns;
use crate::engine::source::SeriesPredicate;
use crate::model::{BucketId, OrgId, Precision, TimeRange};
use crate::query::influxql::{AdminResult, Administration, FigureValue, Figures, PolicyOptions};
use crate::query::running::RunningQuery;
use actix_web::web::Data;

/// One asker's hands on the server.
pub struct AskersAdministration {
    pub state: Data<AppState>,
    pub identity: Identity,
    pub org: OrgId,
}

const SECOND_NS: i64 = 1_000_000_000;

fn settings(options: &PolicyOptions) -> PolicySettings {
    let seconds = |ns: i64| u64::try_from(ns / SECOND_NS).unwrap_or(0);
    PolicySettings {
        retention_seconds: options.duration.map(seconds),
        shard_seconds: options.shard_duration.map(seconds),
        default: options.default,
    }
}

fn told(error: &CatalogError) -> String {
    if let CatalogError::Storage(_) = error {
        log::error!("{error}");
    }
    error.to_string()
}

fn number(value: u64) -> FigureValue {
    FigureValue::Number(i64::try_from(value).unwrap_or(i64::MAX))
}

fn size(value: usize) -> FigureValue {
    number(value as u64)
}

impl AskersAdministration {
    fn must(&self, action: Action, kind: &str, bucket: Option<BucketId>) -> AdminResult<()> {
        if self.identity.may(action, kind, bucket, Some(self.org)) {
            return Ok(());
        }
        let missing = Permission::describe(action, kind, bucket, Some(self.org));
        Err(format!("{missing} is unauthorized"))
    }

    /// Whoever creates, alters or drops a policy must be allowed to write its bucket.
    fn must_write_policies(&self, database: &str, policy: Option<&str>) -> AdminResult<()> {
        let policies = self.state.catalog.policies_of(self.org, database);
        policies
            .iter()
            .filter(|have| policy.is_none_or(|wanted| wanted == have.policy))
            .try_for_each(|have| self.must(Action::Write, "buckets", Some(have.bucket.id)))
    }
}

impl Administration for AskersAdministration {
    fn create_database(&self, database: &str, options: &PolicyOptions) -> AdminResult<()> {
        let catalog = &self.state.catalog;
        let there = !catalog.policies_of(self.org, database).is_empty();
        if there && *options == PolicyOptions::default() {
            // Clients create their database whenever they start, whatever their token allows.
            return Ok(());
        }
        self.must(Action::Write, "buckets", None)?;
        let name = options.name.as_deref();
        catalog
            .create_database(self.org, database, name, settings(options))
            .map_err(|error| told(&error))
    }

    fn drop_database(&self, database: &str) -> AdminResult<()> {
        self.must_write_policies(database, None)?;
        let catalog = &self.state.catalog;
        catalog
            .drop_database(self.org, database)
            .map_err(|error| told(&error))
    }

    fn create_policy(
        &self,
        database: &str,
        policy: &str,
        options: &PolicyOptions,
    ) -> AdminResult<()> {
        self.must(Action::Write, "buckets", None)?;
        let catalog = &self.state.catalog;
        catalog
            .create_policy(self.org, database, policy, settings(options))
            .map_err(|error| told(&error))
    }

    fn alter_policy(
        &self,
        database: &str,
        policy: &str,
        options: &PolicyOptions,
    ) -> AdminResult<()> {
        self.must_write_policies(database, Some(policy))?;
        let catalog = &self.state.catalog;
        catalog
            .alter_policy(self.org, database, policy, settings(options))
            .map_err(|error| told(&error))
    }

    fn drop_policy(&self, database: &str, policy: &str) -> AdminResult<()> {
        self.must_write_policies(database, Some(policy))?;
        let catalog = &self.state.catalog;
        catalog
            .drop_policy(self.org, database, policy)
            .map_err(|error| told(&error))
    }

    fn delete_points(
        &self,
        bucket: BucketId,
        predicate: &SeriesPredicate,
        range: TimeRange,
    ) -> AdminResult<()> {
        self.must(Action::Write, "buckets", Some(bucket))?;
        let deleted = self.state.writer.delete(bucket, predicate, range);
        deleted.map_err(|error| error.to_string())
    }

    fn target(&self, database: &str, policy: Option<&str>) -> AdminResult<BucketId> {
        let catalog = &self.state.catalog;
        if catalog.policies_of(self.org, database).is_empty() {
            return Err(format!("database not found: {database}"));
        }
        let found = catalog.bucket_of_policy(self.org, database, policy);
        let bucket = found.ok_or_else(|| match policy {
            Some(policy) => format!("retention policy not found: {policy}"),
            None => format!("default retention policy not set for: {database}"),
        })?;
        self.must(Action::Write, "buckets", Some(bucket))?;
        Ok(bucket)
    }

    fn write_lines(&self, bucket: BucketId, lines: &[u8]) -> AdminResult<()> {
        let writer = &self.state.writer;
        let written = writer.write(bucket, lines, Precision::Nanoseconds, now_ns());
        let acknowledged = written.map_err(|error| error.to_string())?;
        let runtime =
            tokio::runtime::Handle::try_current().map_err(|_| "shutting down".to_owned())?;
        runtime
            .block_on(acknowledged)
            .map_err(|error| error.to_string())
    }

    fn running(&self) -> Vec<RunningQuery> {
        self.state.running.list(self.org.get())
    }

    fn kill(&self, id: u64) -> AdminResult<bool> {
        self.must(Action::Write, "buckets", None)?;
        Ok(self.state.running.kill(self.org.get(), id))
    }

    fn users(&self) -> Vec<String> {
        let users = self.state.catalog.users();
        let seen = |id| self.identity.may(Action::Read, "users", Some(id), None);
        users
            .into_iter()
            .filter(|user| seen(user.id))
            .map(|user| user.name)
            .collect()
    }

    fn statistics(&self) -> Vec<Figures> {
        let (started, finished) = self.state.running.counts();
        let write = self.state.writer.figures();
        let rejected: u64 = write.rejected.iter().map(|count| count.points).sum();
        vec![
            Figures {
                module: "queryExecutor",
                values: vec![
                    ("queriesActive", number(started.saturating_sub(finished))),
                    ("queriesExecuted", number(started)),
                    ("queriesFinished", number(finished)),
                ],
            },
            Figures {
                module: "write",
                values: vec![
                    ("req", number(write.accepted_batches)),
                    ("pointReq", number(write.accepted_points)),
                    ("writeDrop", number(rejected)),
                    ("writeError", number(write.refused_batches_overloaded)),
                    ("queuedBytes", size(write.queued_bytes)),
                ],
            },
            Figures {
                module: "storage",
                values: vec![
                    ("headBytes", size(write.head_bytes)),
                    ("headSeries", size(write.head_series)),
                    ("journalEntries", number(write.journal_entries)),
                    ("seriesCreated", number(write.series_created)),
                    ("sealedBlocks", number(write.sealed_blocks)),
                ],
            },
        ]
    }

    fn diagnostics(&self) -> Vec<Figures> {
        let text = |text: &str| FigureValue::Text(text.to_owned());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let started = crate::query::text::rfc3339(self.state.started_ns);
        vec![
            Figures {
                module: "build",
                values: vec![
                    ("Version", text(env!("CARGO_PKG_VERSION"))),
                    ("Compatible", text(super::COMPATIBLE_VERSION)),
                ],
            },
            Figures {
                module: "runtime",
                values: vec![
                    ("arch", text(std::env::consts::ARCH)),
                    ("cores", size(cores)),
                    ("os", text(std::env::consts::OS)),
                ],
            },
            Figures {
                module: "system",
                values: vec![
                    ("PID", number(u64::from(std::process::id()))),
                    ("currentTime", text(&crate::query::text::rfc3339(now_ns()))),
                    ("started", text(&started)),
                    ("uptime", number(self.state.started.elapsed().as_secs())),
                ],
            },
        ]
    }
}
