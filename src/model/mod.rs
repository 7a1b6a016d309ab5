//! The field's nouns, without any I/O: ids, times, values, series keys, columns.
//!
//! Everything here is plain data that every other layer may know. Byte layouts that reach the disk are
//! in [`series_key`] (the canonical series key) and in `storage`, nowhere else.

pub mod bucket;
pub mod column;
pub mod ids;
pub mod precision;
pub mod series_key;
pub mod time;
pub mod value;

pub use bucket::BucketSettings;
pub use column::{StrColumn, Values};
pub use ids::{BucketId, FieldId, Id, OrgId, SeriesId};
pub use precision::Precision;
pub use series_key::{SeriesKey, SeriesKeyError};
pub use time::{TIME_MAX, TIME_MIN, TimeRange};
pub use value::{FieldType, FieldValue};
