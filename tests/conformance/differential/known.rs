//! Answers of InfluxDB 1.6.7 that differ from ours on purpose, and why.

use serde_json::Value;

/// Why a difference is expected, if it is.
pub fn explanation(query: &str, theirs: &Value, ours: &Value) -> Option<&'static str> {
    let _ = (query, ours);
    let error = theirs["results"][0]["error"].as_str().unwrap_or_default();
    if error.contains("[panic:") {
        return Some("InfluxDB panics");
    }
    None
}
