//! Starts the log: lines for people or one JSON object per line, on standard error.
//!
//! `RUST_LOG` (`debug`, `influxd::engine=trace`, ...) wins over `[log] level`.

use crate::config::{LogConfig, LogFormat};
use env_logger::{Builder, Env, WriteStyle};
use log::Record;
use serde_json::json;
use std::io::{self, Write};

/// To be called once. A second call leaves the log as it is.
pub fn start(config: &LogConfig) {
    let mut builder = Builder::new();
    // Libraries below us talk at info about every connection; they are asked for by RUST_LOG.
    builder.filter_level(config.level.min(log::LevelFilter::Warn));
    builder.filter_module("influxd", config.level);
    builder.parse_env(Env::new());
    match config.format {
        LogFormat::Text => builder.format(|out, record| {
            let level = out.default_level_style(record.level());
            writeln!(
                out,
                "{} {level}{:<5}{level:#} {}: {}",
                now(),
                record.level(),
                record.target(),
                record.args()
            )
        }),
        LogFormat::Json => builder.write_style(WriteStyle::Never).format(write_json),
    };
    // The only error is that a logger exists already, as in tests.
    let _ = builder.try_init();
}

fn write_json(out: &mut impl Write, record: &Record<'_>) -> io::Result<()> {
    let line = json!({
        "time": now(),
        "level": record.level().as_str().to_ascii_lowercase(),
        "target": record.target(),
        "message": record.args().to_string(),
    });
    writeln!(out, "{line}")
}

/// RFC 3339 in UTC, microseconds.
fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_lines_escape_what_they_hold() {
        let mut out = Vec::new();
        let record = Record::builder()
            .level(log::Level::Warn)
            .target("influxd::ingest")
            .args(format_args!("bad \"point\"\nnext"))
            .build();
        write_json(&mut out, &record).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["level"], "warn");
        assert_eq!(value["target"], "influxd::ingest");
        assert_eq!(value["message"], "bad \"point\"\nnext");
        assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
    }
}
