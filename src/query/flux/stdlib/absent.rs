//! Names that Flux has and this version has not, so that errors tell them from typing errors.

use super::universe;

/// Functions of the universe that are not supported yet.
const UNIVERSE: &[&str] = &["hex"];

/// Packages that Flux has and this version has not.
pub const PACKAGES: &[&str] = &[
    "internal/gen",
    "internal/influxql",
    "internal/promql",
    "experimental/aggregate",
    "experimental/bigtable",
    "experimental/geo",
    "experimental/http",
    "experimental/http/requests",
    "experimental/influxdb",
    "experimental/json",
    "experimental/mqtt",
    "experimental/polyline",
    "experimental/prometheus",
    "experimental/query",
    "experimental/record",
    "experimental/table",
    "experimental/universe",
    "experimental/usage",
    "http",
    "http/requests",
    "influxdata/influxdb/internal",
    "influxdata/influxdb/monitor",
    "influxdata/influxdb/sample",
    "influxdata/influxdb/secrets",
    "influxdata/influxdb/tasks",
    "join",
    "kafka",
    "pagerduty",
    "pushbullet",
    "slack",
    "socket",
    "sql",
];

/// The message for a name that no scope has.
pub fn describe_undefined(name: &str) -> String {
    let known = universe::PACKAGE
        .members
        .iter()
        .any(|(have, _)| *have == name);
    if !known && UNIVERSE.contains(&name) {
        format!("function {name} is not supported yet")
    } else {
        format!("undefined identifier {name}")
    }
}
