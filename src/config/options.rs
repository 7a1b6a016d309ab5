//! The table of options: one definition each, from which everything else follows.
//!
//! The name in the file, the environment variable, the flag, the default, what is allowed and what is
//! said about it stand here and nowhere else. `--help`, `influxd.toml`, README's table and validation
//! are made from this table; tests compare the committed files with it.

use super::config::{Acknowledge, Draft, LogFormat, SchemaScope, SyncMode};
use super::quantity::{format_duration, format_size, parse_duration, parse_size};
use super::secret::Secret;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

pub struct OptionDefinition {
    pub section: &'static str,
    pub name: &'static str,
    /// As it would be given; empty where the option is unset by default.
    pub default: &'static str,
    /// One sentence; a second one where the choice has consequences.
    pub help: &'static str,
    pub kind: Kind,
}

/// What is allowed, and where the value goes. Bounds are inclusive.
pub enum Kind {
    Address {
        set: fn(&mut Draft, SocketAddr),
    },
    Path {
        set: fn(&mut Draft, Option<PathBuf>),
    },
    Size {
        min: u64,
        max: u64,
        set: fn(&mut Draft, usize),
    },
    Duration {
        min: Duration,
        max: Duration,
        set: fn(&mut Draft, Duration),
    },
    Count {
        min: u64,
        max: u64,
        set: fn(&mut Draft, u64),
    },
    Choice {
        allowed: &'static [&'static str],
        set: fn(&mut Draft, &str),
    },
    Name {
        set: fn(&mut Draft, Option<String>),
    },
    Secret {
        min_len: usize,
        max_len: usize,
        set: fn(&mut Draft, Option<Secret>),
    },
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

const LOG_LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];

/// What a section is about, in the order of the file.
pub const SECTIONS: &[(&str, &str)] = &[
    ("http", "The HTTP server."),
    ("memory", "One budget for all that grows."),
    ("storage", "Where points are kept, and how safely."),
    ("queue", "Between HTTP and the writer threads."),
    (
        "schema",
        "Field types. The first accepted value fixes the type.",
    ),
    (
        "limits",
        "Bounds for what clients may use. 0 means no limit.",
    ),
    ("query", "Bounds for queries."),
    ("tasks", "Flux that runs on a schedule."),
    ("replication", "Sending points on to other servers."),
    (
        "log",
        "The log goes to standard error. RUST_LOG overrides the level.",
    ),
    (
        "setup",
        "With these the first start creates user, org, bucket and token by itself.",
    ),
];

/// A static, so that a definition has one address and can be compared by it.
pub static OPTIONS: &[OptionDefinition] = &[
    OptionDefinition {
        section: "http",
        name: "bind-address",
        default: "127.0.0.1:8086",
        help: "Address to listen on. :8086 means every interface.",
        kind: Kind::Address {
            set: |c, v| c.http.bind_address = v,
        },
    },
    OptionDefinition {
        section: "http",
        name: "max-body-bytes",
        default: "64MiB",
        help: "Largest request body, inflated. Larger ones are answered 413.",
        kind: Kind::Size {
            min: KIB,
            max: 4 * GIB,
            set: |c, v| c.http.max_body_bytes = v,
        },
    },
    OptionDefinition {
        section: "http",
        name: "read-timeout",
        default: "30s",
        help: "Longest wait for a request's header and for each piece of its body.",
        kind: Kind::Duration {
            min: SECOND,
            max: HOUR,
            set: |c, v| c.http.read_timeout = v,
        },
    },
    OptionDefinition {
        section: "http",
        name: "max-connections",
        default: "4096",
        help: "Connections open at once. Further ones wait to be accepted.",
        kind: Kind::Count {
            min: 1,
            max: 1_000_000,
            set: |c, v| c.http.max_connections = saturating_usize(v),
        },
    },
    OptionDefinition {
        section: "http",
        name: "tls-certificate",
        default: "",
        help: "PEM file with the certificate chain. With tls-key it turns HTTPS on.",
        kind: Kind::Path {
            set: |c, v| c.tls_certificate = v,
        },
    },
    OptionDefinition {
        section: "http",
        name: "tls-key",
        default: "",
        help: "PEM file with the certificate's private key.",
        kind: Kind::Path {
            set: |c, v| c.tls_key = v,
        },
    },
    OptionDefinition {
        section: "memory",
        name: "max-bytes",
        default: "384MiB",
        help: "What queue, heads, caches, RocksDB's write buffers and queries may hold together. Each has a \
               share of it, and a quarter goes to the write buffers.",
        kind: Kind::Size {
            min: 16 * MIB,
            max: 1024 * GIB,
            set: |c, v| c.memory_max_bytes = v,
        },
    },
    OptionDefinition {
        section: "storage",
        name: "path",
        default: "data/db",
        help: "Data directory. It is created when missing and used by one process at a time.",
        kind: Kind::Path {
            set: |c, v| c.storage.path = v.unwrap_or_default(),
        },
    },
    OptionDefinition {
        section: "storage",
        name: "sync",
        default: "interval",
        help: "When acknowledged data is forced to disk. All three survive a killed process; in a \
               power cut \"always\" loses nothing, \"interval\" at most sync-interval, \"never\" \
               what the operating system had not written.",
        kind: Kind::Choice {
            allowed: &["interval", "always", "never"],
            set: |c, v| {
                c.storage.sync = match v {
                    "always" => SyncMode::Always,
                    "never" => SyncMode::Never,
                    _ => SyncMode::Interval,
                }
            },
        },
    },
    OptionDefinition {
        section: "storage",
        name: "sync-interval",
        default: "100ms",
        help: "Time between syncs with sync = \"interval\".",
        kind: Kind::Duration {
            min: MS,
            max: HOUR,
            set: |c, v| c.storage.sync_interval = v,
        },
    },
    OptionDefinition {
        section: "storage",
        name: "min-free-bytes",
        default: "64MiB",
        help: "Free space of the file system below which writes are answered 503. What is acknowledged \
               already needs some of it. 0 means no reserve.",
        kind: Kind::Size {
            min: 0,
            max: 1024 * GIB,
            set: |c, v| c.storage.min_free_bytes = v,
        },
    },
    OptionDefinition {
        section: "storage",
        name: "head-max-bytes",
        default: "0",
        help: "Points in memory before they are sealed into compressed blocks. 0 means a sixth of the memory.",
        kind: Kind::Size {
            min: 0,
            max: 64 * GIB,
            set: |c, v| c.storage.head_max_bytes = v,
        },
    },
    OptionDefinition {
        section: "storage",
        name: "block-cache-bytes",
        default: "0",
        help: "Cache of blocks read from disk. 0 means a twelfth of the memory.",
        kind: Kind::Size {
            min: 0,
            max: 256 * GIB,
            set: |c, v| c.storage.block_cache_bytes = v,
        },
    },
    OptionDefinition {
        section: "queue",
        name: "max-bytes",
        default: "0",
        help: "Parsed batches that wait for a writer. Above it writes are answered 503. 0 means a sixth of \
               the memory.",
        kind: Kind::Size {
            min: 0,
            max: 16 * GIB,
            set: |c, v| c.queue.max_bytes = v,
        },
    },
    OptionDefinition {
        section: "queue",
        name: "acknowledge",
        default: "journal",
        help: "What a 204 means: \"journal\" survives a killed process; \"queue\" answers sooner, \
               and a crash loses what is queued.",
        kind: Kind::Choice {
            allowed: &["journal", "queue"],
            set: |c, v| {
                c.queue.acknowledge = if v == "queue" {
                    Acknowledge::Queue
                } else {
                    Acknowledge::Journal
                }
            },
        },
    },
    OptionDefinition {
        section: "queue",
        name: "writers",
        default: "0",
        help: "Writer threads. 0 means one per core.",
        kind: Kind::Count {
            min: 0,
            max: 64,
            set: |c, v| c.queue.writers = saturating_usize(v),
        },
    },
    OptionDefinition {
        section: "queue",
        name: "retry-after",
        default: "1s",
        help: "Sent as Retry-After with 503, in whole seconds.",
        kind: Kind::Duration {
            min: SECOND,
            max: HOUR,
            set: |c, v| c.queue.retry_after = v,
        },
    },
    OptionDefinition {
        section: "schema",
        name: "scope",
        default: "series",
        help: "Whether a field has one type in its series, or in all series of its measurement.",
        kind: Kind::Choice {
            allowed: &["series", "measurement"],
            set: |c, v| {
                c.schema.scope = if v == "measurement" {
                    SchemaScope::Measurement
                } else {
                    SchemaScope::Series
                }
            },
        },
    },
    OptionDefinition {
        section: "limits",
        name: "max-series-per-bucket",
        default: "10000000",
        help: "Points of further series are rejected.",
        kind: Kind::Count {
            min: 0,
            max: u64::MAX,
            set: |c, v| c.max_series_per_bucket = v,
        },
    },
    OptionDefinition {
        section: "limits",
        name: "write-bytes-per-second",
        default: "0",
        help: "Line protocol an org may write. Above it writes are answered 429.",
        kind: Kind::Size {
            min: 0,
            max: 64 * GIB,
            set: |c, v| c.write_bytes_per_second = widened(v),
        },
    },
    OptionDefinition {
        section: "limits",
        name: "write-burst-bytes",
        default: "0",
        help: "What an org may write at once before the rate counts. 0 means ten seconds' worth.",
        kind: Kind::Size {
            min: 0,
            max: 64 * GIB,
            set: |c, v| c.write_burst_bytes = widened(v),
        },
    },
    OptionDefinition {
        section: "query",
        name: "max-concurrent",
        default: "8",
        help: "Queries that run at once. Further ones wait.",
        kind: Kind::Count {
            min: 1,
            max: 1024,
            set: |c, v| c.query.max_concurrent = saturating_usize(v),
        },
    },
    OptionDefinition {
        section: "query",
        name: "max-memory-bytes",
        default: "0",
        help: "Memory of one query. Above it the query fails. 0 means a third of the memory, which all \
               queries together have.",
        kind: Kind::Size {
            min: 0,
            max: 256 * GIB,
            set: |c, v| c.query.max_memory_bytes = v,
        },
    },
    OptionDefinition {
        section: "query",
        name: "influxql-max-rows",
        default: "0",
        help: "Rows of an InfluxQL answer that is not chunked. What is left out is told by \"partial\". 0 \
               means all.",
        kind: Kind::Count {
            min: 0,
            max: u64::MAX,
            set: |c, v| c.query.influxql_max_rows = saturating_usize(v),
        },
    },
    OptionDefinition {
        section: "query",
        name: "timeout",
        default: "60s",
        help: "Longest run of one query.",
        kind: Kind::Duration {
            min: MS,
            max: DAY,
            set: |c, v| c.query.timeout = v,
        },
    },
    OptionDefinition {
        section: "tasks",
        name: "workers",
        default: "4",
        help: "Runs of tasks at once. Further ones wait. 0: no task runs.",
        kind: Kind::Count {
            min: 0,
            max: 64,
            set: |c, v| c.tasks.workers = saturating_usize(v),
        },
    },
    OptionDefinition {
        section: "replication",
        name: "instance-id",
        default: "",
        help: "Value of the tag _instance_id, which points get when they are replicated to a remote.",
        kind: Kind::Name {
            set: |c, v| c.replication.instance_id = v,
        },
    },
    OptionDefinition {
        section: "log",
        name: "level",
        default: "info",
        help: "Least important messages that are logged.",
        kind: Kind::Choice {
            allowed: LOG_LEVELS,
            set: |c, v| {
                if let Ok(level) = v.parse() {
                    c.log.level = level;
                }
            },
        },
    },
    OptionDefinition {
        section: "log",
        name: "format",
        default: "text",
        help: "Lines for people, or one JSON object per line.",
        kind: Kind::Choice {
            allowed: &["text", "json"],
            set: |c, v| {
                c.log.format = if v == "json" {
                    LogFormat::Json
                } else {
                    LogFormat::Text
                }
            },
        },
    },
    OptionDefinition {
        section: "setup",
        name: "username",
        default: "",
        help: "First user.",
        kind: Kind::Name {
            set: |c, v| c.setup.username = v,
        },
    },
    OptionDefinition {
        section: "setup",
        name: "password",
        default: "",
        help: "The user's password.",
        // argon2id takes longer ones; 72 is what InfluxDB's clients and documents know.
        kind: Kind::Secret {
            min_len: 8,
            max_len: 72,
            set: |c, v| c.setup.password = v,
        },
    },
    OptionDefinition {
        section: "setup",
        name: "org",
        default: "",
        help: "First organization.",
        kind: Kind::Name {
            set: |c, v| c.setup.org = v,
        },
    },
    OptionDefinition {
        section: "setup",
        name: "bucket",
        default: "",
        help: "First bucket.",
        kind: Kind::Name {
            set: |c, v| c.setup.bucket = v,
        },
    },
    OptionDefinition {
        section: "setup",
        name: "token",
        default: "",
        help: "Operator token, which may do everything.",
        kind: Kind::Secret {
            min_len: 8,
            max_len: 1024,
            set: |c, v| c.setup.token = v,
        },
    },
    OptionDefinition {
        section: "setup",
        name: "retention",
        default: "0s",
        help: "How long the bucket keeps points. 0s keeps them for ever, else 1h or more.",
        kind: Kind::Duration {
            min: Duration::ZERO,
            max: Duration::from_secs(200 * 365 * 86_400),
            set: |c, v| c.setup.retention = v,
        },
    },
];

/// Sizes are bounded by their kind below what a 64-bit `usize` holds.
fn saturating_usize(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn widened(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

impl OptionDefinition {
    /// `INFLUXD_HTTP_BIND_ADDRESS`.
    pub fn environment(&self) -> String {
        format!("INFLUXD_{}_{}", self.section, self.name)
            .to_uppercase()
            .replace('-', "_")
    }

    /// `http-bind-address`, without the dashes in front.
    pub fn flag(&self) -> String {
        format!("{}-{}", self.section, self.name)
    }

    pub fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret { .. })
    }

    /// Whether the file may hold it as a bare TOML integer.
    pub fn is_number(&self) -> bool {
        matches!(self.kind, Kind::Count { .. } | Kind::Size { .. })
    }

    /// Sets the option from its text; the error says what is allowed.
    pub fn apply(&self, draft: &mut Draft, text: &str) -> Result<(), String> {
        self.kind
            .apply(draft, text)
            .ok_or_else(|| self.kind.allowed())
    }
}

impl Kind {
    fn apply(&self, draft: &mut Draft, text: &str) -> Option<()> {
        match self {
            Self::Address { set } => set(draft, parse_address(text)?),
            Self::Path { set } => set(draft, non_empty(text).map(PathBuf::from)),
            Self::Size { min, max, set } => {
                let bytes = parse_size(text).filter(|bytes| (min..=max).contains(&bytes))?;
                set(draft, usize::try_from(bytes).ok()?);
            }
            Self::Duration { min, max, set } => {
                set(
                    draft,
                    parse_duration(text).filter(|value| (min..=max).contains(&value))?,
                );
            }
            Self::Count { min, max, set } => {
                let count = text.trim().parse().ok();
                set(draft, count.filter(|count| (min..=max).contains(&count))?);
            }
            Self::Choice { allowed, set } => {
                set(draft, allowed.iter().find(|choice| **choice == text)?);
            }
            Self::Name { set } => {
                let refused = text.starts_with('_') || text.contains(['"', '\n']);
                if refused || text.trim() != text {
                    return None;
                }
                set(draft, non_empty(text).map(str::to_owned));
            }
            Self::Secret {
                min_len,
                max_len,
                set,
            } => {
                let fits = text.is_empty() || (min_len..=max_len).contains(&&text.len());
                if !fits || text.chars().any(char::is_control) {
                    return None;
                }
                set(draft, non_empty(text).map(Secret::new));
            }
        }
        Some(())
    }

    /// Completes "must be ...".
    pub fn allowed(&self) -> String {
        match self {
            Self::Address { .. } => {
                "an address and a port that can be resolved, like 127.0.0.1:8086 or :8086"
                    .to_owned()
            }
            Self::Path { .. } => "a path".to_owned(),
            Self::Size { min, max, .. } => {
                format!(
                    "a size like 64MiB, {} to {}",
                    format_size(*min),
                    format_size(*max)
                )
            }
            Self::Duration { min, max, .. } => format!(
                "a duration with units, like 100ms or 1h30m, {} to {}",
                format_duration(*min),
                format_duration(*max)
            ),
            Self::Count {
                min, max: u64::MAX, ..
            } => format!("a whole number, {min} or more"),
            Self::Count { min, max, .. } => format!("a whole number, {min} to {max}"),
            Self::Choice { allowed, .. } => format!("one of {}", allowed.join(", ")),
            Self::Name { .. } => {
                "a name that does not begin with _ nor hold a double quote, a line break or \
                 outer spaces"
                    .to_owned()
            }
            Self::Secret {
                min_len, max_len, ..
            } => {
                format!("{min_len} to {max_len} bytes without control characters")
            }
        }
    }
}

fn non_empty(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// IPv4 first where a name has both, as most clients try `localhost` that way round.
fn parse_address(text: &str) -> Option<SocketAddr> {
    if let Some(port) = text.strip_prefix(':') {
        return Some(SocketAddr::from(([0, 0, 0, 0], port.parse().ok()?)));
    }
    let mut resolved: Vec<_> = text.to_socket_addrs().ok()?.collect();
    resolved.sort_by_key(SocketAddr::is_ipv6);
    resolved.first().copied()
}
