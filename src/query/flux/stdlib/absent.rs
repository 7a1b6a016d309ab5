//! Names that Flux has and this version has not, so that errors tell them from typing errors.

use super::universe;

/// Functions of the universe that are not supported yet.
const UNIVERSE: &[&str] = &["hex"];

/// Packages that Flux has and this version has not.
pub const PACKAGES: &[&str] = &[
    "internal/gen",
    "experimental/bigtable",
    "experimental/geo",
    "experimental/http",
    "experimental/http/requests",
    "experimental/influxdb",
    "experimental/mqtt",
    "experimental/polyline",
    "experimental/prometheus",
    "experimental/universe",
    "experimental/usage",
    "http",
    "http/requests",
    "influxdata/influxdb/internal",
    "kafka",
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
