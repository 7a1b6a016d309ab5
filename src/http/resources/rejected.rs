//! `GET /api/v2/buckets/{id}/rejected`: the latest points that were not written, and why. InfluxDB has no
//! such resource; there the sender hears a count, and nobody else hears anything.

use super::buckets::visible;
use crate::catalog::Action;
use crate::http::AppState;
use crate::http::auth::Identity;
use crate::http::error::ApiError;
use crate::ingest::RejectedSample;
use crate::query::text::rfc3339;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use serde_json::{Value, json};

/// Since the start, newest first: at most 100, of one cause at most 10.
pub async fn list(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let bucket = visible(&state, &identity, &id, Action::Read)?;
    let samples = state.writer.rejected(bucket.id);
    let rejected: Vec<Value> = samples.iter().map(shown).collect();
    Ok(HttpResponse::Ok().json(json!({"bucketID": id.as_str(), "rejected": rejected})))
}

fn shown(sample: &RejectedSample) -> Value {
    let (got, want) = sample.types.unzip();
    json!({
        "time": rfc3339(sample.at_ns),
        "reason": sample.reason,
        "measurement": sample.measurement,
        "field": (!sample.field.is_empty()).then_some(&sample.field),
        "gotType": got.map(|got| got.name()),
        "wantType": want.map(|want| want.name()),
        "points": sample.points,
        "error": sample.error,
        "line": sample.line,
    })
}
