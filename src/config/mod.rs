//! Configuration: a file, overridden by the environment, overridden by flags.
//!
//! [`options`] holds one definition per option; [`raw`] collects what was given and where;
//! [`config`] is the validated result; [`print`] writes the help text, the commented `influxd.toml`,
//! README's table and `influxd config` from the same definitions. No other part of the
//! server reads the environment (`RUST_LOG`, `NOTIFY_SOCKET` and the dynamic linker's variables excepted).

pub mod arguments;
#[expect(
    clippy::module_inception,
    reason = "raw -> config are the two stages, by their names"
)]
pub mod config;
pub mod error;
pub mod options;
pub mod print;
pub mod quantity;
pub mod raw;
mod secret;

#[cfg(test)]
mod tests;

pub use arguments::{Arguments, Command};
pub use config::{
    Acknowledge, Config, HttpConfig, LimitsConfig, LogConfig, LogFormat, QueryConfig, QueueConfig,
    SchemaConfig, SchemaScope, SetupConfig, StorageConfig, SyncMode, TlsConfig, WriteRate,
};
pub use error::{ArgumentError, ConfigError};
pub use raw::{Origin, RawConfig};
pub use secret::Secret;
