//! The validated configuration: what the rest of the program is built from.
//!
//! Everything here is typed and within its bounds. How it came to be (file, environment, flags) is
//! [`raw`](super::raw)'s business, what is allowed is [`options`](super::options)'s.

use super::options::OPTIONS;
use super::secret::Secret;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub http: HttpConfig,
    pub storage: StorageConfig,
    pub queue: QueueConfig,
    pub schema: SchemaConfig,
    pub limits: LimitsConfig,
    pub query: QueryConfig,
    pub tasks: TasksConfig,
    pub replication: ReplicationConfig,
    pub log: LogConfig,
    /// With this the first start (no user, no org) sets itself up.
    pub setup: Option<SetupConfig>,
    /// `influxd run --dev`.
    pub dev: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct HttpConfig {
    /// Port 0 asks the system for a free one.
    pub bind_address: SocketAddr,
    /// Of a write, inflated. Above it: 413.
    pub max_body_bytes: usize,
    /// Longest wait for a request's header, and for the next piece of its body.
    pub read_timeout: Duration,
    pub max_connections: usize,
    /// Both files or none; without them the server speaks plain HTTP.
    pub tls: Option<TlsConfig>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// PEM, leaf first, then intermediates.
    pub certificate: PathBuf,
    /// PEM.
    pub key: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StorageConfig {
    pub path: PathBuf,
    pub sync: SyncMode,
    /// Longest time acknowledged data stays unsynced with [`SyncMode::Interval`].
    pub sync_interval: Duration,
    /// Points in memory, over all buckets, before they are sealed into blocks.
    pub head_max_bytes: usize,
    pub block_cache_bytes: usize,
    /// Free space below which writes are refused.
    pub min_free_bytes: usize,
    /// RocksDB's memtables together.
    pub write_buffer_bytes: usize,
}

/// When the journal reaches the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SyncMode {
    /// Every `sync-interval`.
    #[default]
    Interval,
    /// Before a group of batches is acknowledged.
    Always,
    /// When the operating system likes.
    Never,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueConfig {
    /// Packed batches that wait for a writer. Above it: 503 and `Retry-After`.
    pub max_bytes: usize,
    pub acknowledge: Acknowledge,
    /// Writer threads, at least one (0 in the file means one per core and is resolved here).
    pub writers: usize,
    /// Sent as `Retry-After`, whole seconds.
    pub retry_after: Duration,
}

/// What a 204 stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Acknowledge {
    /// The batch is in the journal.
    #[default]
    Journal,
    /// The batch is in the queue; a crash loses it.
    Queue,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SchemaConfig {
    pub scope: SchemaScope,
}

/// Among whom a field has one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SchemaScope {
    /// The series.
    #[default]
    Series,
    /// All series of a measurement.
    Measurement,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LimitsConfig {
    /// Points of further series are rejected. `None`: no limit.
    pub max_series_per_bucket: Option<u64>,
    /// Per org. Above it: 429 and `Retry-After`. `None`: no limit.
    pub write_rate: Option<WriteRate>,
}

/// A token bucket, counted in bytes of inflated line protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteRate {
    pub bytes_per_second: u64,
    pub burst_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueryConfig {
    /// Queries that run at once; further ones wait until the timeout.
    pub max_concurrent: usize,
    /// Of one query.
    pub max_memory_bytes: usize,
    /// Of all queries that run.
    pub pool_bytes: usize,
    pub timeout: Duration,
    /// 0: no limit.
    pub influxql_max_rows: usize,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TasksConfig {
    /// Runs at once, of all tasks. 0: none runs.
    pub workers: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplicationConfig {
    /// Value of the tag `_instance_id` of points that are sent to remotes.
    pub instance_id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    pub level: log::LevelFilter,
    pub format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupConfig {
    pub username: String,
    /// Without one nobody can sign in; tokens work.
    pub password: Option<Secret>,
    pub org: String,
    pub bucket: String,
    /// The operator token. Without one none is made, and the password is the only way in.
    pub token: Option<Secret>,
    /// Of the bucket. `None` keeps points for ever.
    pub retention: Option<Duration>,
}

const RETENTION_MIN: Duration = Duration::from_secs(3_600);

/// The configuration while options are being applied to it: as `Config`, before the rules that tie
/// several options together.
#[derive(Debug, Clone)]
pub struct Draft {
    pub http: HttpConfig,
    pub tls_certificate: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    pub storage: StorageConfig,
    pub queue: QueueConfig,
    pub schema: SchemaConfig,
    pub max_series_per_bucket: u64,
    pub write_bytes_per_second: u64,
    pub write_burst_bytes: u64,
    pub memory_max_bytes: usize,
    pub query: QueryConfig,
    pub tasks: TasksConfig,
    pub replication: ReplicationConfig,
    pub log: LogConfig,
    pub setup: SetupDraft,
    pub dev: bool,
}

#[derive(Debug, Clone, Default)]
pub struct SetupDraft {
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub org: Option<String>,
    pub bucket: Option<String>,
    pub token: Option<Secret>,
    pub retention: Duration,
}

/// A rule between options that does not hold; `option` is the one to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenRule {
    pub section: &'static str,
    pub option: &'static str,
    pub reason: String,
}

impl Draft {
    /// Placeholders, all overwritten when the defaults of every option are applied.
    pub(super) fn blank() -> Self {
        Self {
            http: HttpConfig {
                bind_address: SocketAddr::from(([127, 0, 0, 1], 0)),
                max_body_bytes: 0,
                read_timeout: Duration::ZERO,
                max_connections: 0,
                tls: None,
            },
            tls_certificate: None,
            tls_key: None,
            storage: StorageConfig::default(),
            queue: QueueConfig::default(),
            schema: SchemaConfig::default(),
            max_series_per_bucket: 0,
            write_bytes_per_second: 0,
            write_burst_bytes: 0,
            memory_max_bytes: 0,
            query: QueryConfig::default(),
            tasks: TasksConfig::default(),
            replication: ReplicationConfig::default(),
            log: LogConfig {
                level: log::LevelFilter::Info,
                format: LogFormat::Text,
            },
            setup: SetupDraft::default(),
            dev: false,
        }
    }

    pub(super) fn finish(self) -> Result<Config, BrokenRule> {
        let tls = tls(self.tls_certificate, self.tls_key)?;
        let write_rate = write_rate(self.write_bytes_per_second, self.write_burst_bytes);
        if self.dev && !self.http.bind_address.ip().is_loopback() {
            return Err(BrokenRule {
                section: "http",
                option: "bind-address",
                reason: format!(
                    "--dev listens on loopback only, not on {}; leave --dev out to serve a network",
                    self.http.bind_address
                ),
            });
        }
        if self.storage.path.as_os_str().is_empty() {
            let reason = "must not be empty".to_owned();
            return Err(BrokenRule {
                section: "storage",
                option: "path",
                reason,
            });
        }
        let instance = self.replication.instance_id.as_deref();
        if instance.is_some_and(|id| id.ends_with('\\')) {
            return Err(BrokenRule {
                section: "replication",
                option: "instance-id",
                reason: "must not end in a backslash, as no tag can".to_owned(),
            });
        }
        let part = |section, option, given, share| {
            let smallest = 1 << 20;
            match given {
                0 => Ok(usize::max(share, smallest)),
                given if given >= smallest => Ok(given),
                given => Err(BrokenRule {
                    section,
                    option,
                    reason: format!(
                        "{given} bytes are too few; give 0 for a share of [memory] max-bytes, or at least 1MiB"
                    ),
                }),
            }
        };
        // Sixths and twelfths: what measured well with 384 MiB.
        let all = self.memory_max_bytes;
        let pool_bytes = all / 3;
        let storage = StorageConfig {
            head_max_bytes: part(
                "storage",
                "head-max-bytes",
                self.storage.head_max_bytes,
                all / 6,
            )?,
            block_cache_bytes: part(
                "storage",
                "block-cache-bytes",
                self.storage.block_cache_bytes,
                all / 12,
            )?,
            write_buffer_bytes: all / 4,
            ..self.storage
        };
        let queue_bytes = part("queue", "max-bytes", self.queue.max_bytes, all / 6)?;
        let query_bytes = part(
            "query",
            "max-memory-bytes",
            self.query.max_memory_bytes,
            pool_bytes,
        )?;
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let writers = if self.queue.writers == 0 {
            cores()
        } else {
            self.queue.writers
        };
        Ok(Config {
            http: HttpConfig { tls, ..self.http },
            storage,
            queue: QueueConfig {
                writers,
                max_bytes: queue_bytes,
                ..self.queue
            },
            schema: self.schema,
            limits: LimitsConfig {
                max_series_per_bucket: Some(self.max_series_per_bucket).filter(|limit| *limit > 0),
                write_rate,
            },
            query: QueryConfig {
                max_memory_bytes: query_bytes,
                pool_bytes: pool_bytes.max(query_bytes),
                ..self.query
            },
            tasks: self.tasks,
            replication: self.replication,
            log: self.log,
            setup: self.setup.finish(self.dev)?,
            dev: self.dev,
        })
    }
}

fn tls(
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
) -> Result<Option<TlsConfig>, BrokenRule> {
    let missing = |option, given: &str| BrokenRule {
        section: "http",
        option,
        reason: format!("must be set too when {given} is"),
    };
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(TlsConfig { certificate, key })),
        (Some(_), None) => Err(missing("tls-key", "tls-certificate")),
        (None, Some(_)) => Err(missing("tls-certificate", "tls-key")),
    }
}

/// A burst of 0 is ten seconds' worth: InfluxDB clients flush every second or every ten.
fn write_rate(bytes_per_second: u64, burst_bytes: u64) -> Option<WriteRate> {
    let burst_bytes = match burst_bytes {
        0 => bytes_per_second.saturating_mul(10),
        given => given,
    };
    (bytes_per_second > 0).then_some(WriteRate {
        bytes_per_second,
        burst_bytes,
    })
}

impl SetupDraft {
    /// All or nothing: a username, an org and a bucket make a setup, the rest is optional.
    fn finish(self, dev: bool) -> Result<Option<SetupConfig>, BrokenRule> {
        let Self {
            username,
            password,
            org,
            bucket,
            token,
            retention,
        } = self;
        let retention = Some(retention).filter(|retention| !retention.is_zero());
        let any = username.is_some()
            || password.is_some()
            || org.is_some()
            || bucket.is_some()
            || token.is_some();
        if !any {
            return Ok(None);
        }
        let missing = |option| BrokenRule {
            section: "setup",
            option,
            reason:
                "is needed by the first start: set username, org and bucket, or none of [setup]"
                    .to_owned(),
        };
        let username = username.ok_or_else(|| missing("username"))?;
        let org = org.ok_or_else(|| missing("org"))?;
        let bucket = bucket.ok_or_else(|| missing("bucket"))?;
        if retention.is_some_and(|retention| retention < RETENTION_MIN) {
            return Err(BrokenRule {
                section: "setup",
                option: "retention",
                reason: "must be 0s or at least 1h, the length of the shortest shard".to_owned(),
            });
        }
        // With --dev the token is made on start.
        if password.is_none() && token.is_none() && !dev {
            return Err(BrokenRule {
                section: "setup",
                option: "token",
                reason: "or password must be set: without either nobody could use the database"
                    .to_owned(),
            });
        }
        Ok(Some(SetupConfig {
            username,
            password,
            org,
            bucket,
            token,
            retention,
        }))
    }
}

impl Default for Config {
    /// Every option's default, as with an empty file.
    fn default() -> Self {
        let mut draft = Draft::blank();
        for option in OPTIONS {
            // Each default is checked by a test to be a value the option accepts.
            let _ = option.apply(&mut draft, option.default);
        }
        match draft.finish() {
            Ok(config) => config,
            Err(rule) => unreachable!("defaults break a rule: {rule:?}"),
        }
    }
}
