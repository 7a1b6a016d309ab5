//! Packages, or parts of them, that are written in Flux over the rest of the library.

use super::Package;

pub const SCRIPTS: &[(&str, &str)] = &[
    (
        "contrib/bonitoo-io/tickscript",
        include_str!("scripts/tickscript.flux"),
    ),
    (
        "contrib/tomhollingworth/events",
        include_str!("scripts/events.flux"),
    ),
    (
        "contrib/anaisdg/anomalydetection",
        include_str!("scripts/anomalydetection.flux"),
    ),
    (
        "influxdata/influxdb/sample",
        include_str!("scripts/sample.flux"),
    ),
    ("experimental", include_str!("scripts/experimental.flux")),
    (
        "experimental/aggregate",
        include_str!("scripts/aggregate.flux"),
    ),
    ("experimental/oee", include_str!("scripts/oee.flux")),
    ("experimental/query", include_str!("scripts/query.flux")),
    ("experimental/table", include_str!("scripts/table.flux")),
    (
        "influxdata/influxdb/monitor",
        include_str!("scripts/monitor.flux"),
    ),
    (
        "influxdata/influxdb/tasks",
        include_str!("scripts/tasks.flux"),
    ),
    ("internal/influxql", include_str!("scripts/influxql.flux")),
    ("internal/promql", include_str!("scripts/promql.flux")),
];

const fn package(path: &'static str, name: &'static str) -> Package {
    Package {
        path,
        name,
        members: &[],
    }
}

pub static TICKSCRIPT: Package = package("contrib/bonitoo-io/tickscript", "tickscript");
pub static OEE: Package = package("experimental/oee", "oee");
pub static MONITOR: Package = package("influxdata/influxdb/monitor", "monitor");
pub static TASKS: Package = package("influxdata/influxdb/tasks", "tasks");
pub static INFLUXQL: Package = package("internal/influxql", "influxql");
pub static EVENTS: Package = package("contrib/tomhollingworth/events", "events");
pub static TABLE: Package = package("experimental/table", "table");
pub static QUERY: Package = package("experimental/query", "query");
pub static AGGREGATE: Package = package("experimental/aggregate", "aggregate");

pub static SAMPLE: Package = package("influxdata/influxdb/sample", "sample");
pub static ANOMALY_DETECTION: Package =
    package("contrib/anaisdg/anomalydetection", "anomalydetection");

#[cfg(test)]
mod tests {
    use super::SCRIPTS;
    use crate::query::flux::{check, error, parse};

    #[test]
    fn what_is_written_in_flux_is_sound() {
        for (path, text) in SCRIPTS {
            let parsed = parse::parse(text);
            assert!(
                parsed.errors.is_empty(),
                "{path}: {}",
                error::join(&parsed.errors)
            );
            let faults = check::check(&parsed.file, &["to".into()]);
            assert!(faults.is_empty(), "{path}: {}", error::join(&faults));
        }
    }
}
