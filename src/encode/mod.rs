//! Results as bytes.

pub mod annotated_csv;
pub mod influxql_csv;
pub mod influxql_json;
pub mod influxql_msgpack;
