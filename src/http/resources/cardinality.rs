//! `GET /api/v2/buckets/{id}/cardinality`: what a bucket's series come from. InfluxDB has no such resource;
//! there one asks by queries that read every series.

use super::buckets::visible;
use crate::catalog::Action;
use crate::engine::source::Cardinality;
use crate::http::AppState;
use crate::http::auth::Identity;
use crate::http::error::ApiError;
use crate::http::params::Params;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

const TOP: usize = 10;
const TOP_MAX: usize = 1000;

/// `top` is how many of each kind are wanted, 10 unless told.
pub async fn get(
    id: Path<String>,
    request: HttpRequest,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let bucket = visible(&state, &identity, &id, Action::Read)?;
    let top = match Params::of(&request).get("top").map(str::parse) {
        None => TOP,
        Some(Ok(top)) if (1..=TOP_MAX).contains(&top) => top,
        Some(_) => {
            let range = format!("top must be a whole number from 1 to {TOP_MAX}");
            return Err(ApiError::invalid(range));
        }
    };
    let source = state.source.clone();
    let wait = state.limits.query_timeout;
    let counted = actix_web::web::block(move || {
        source.wait_visible(wait)?;
        source.cardinality(bucket.id, top)
    });
    let counted = counted
        .await
        .map_err(|_| ApiError::unavailable("shutting down", 1))?;
    let counted = counted.map_err(|error| ApiError::internal(error.to_string()))?;
    let answer = body(&id, &counted, state.limits.max_series_per_bucket);
    Ok(HttpResponse::Ok().json(answer))
}

/// `limit` 0 is none.
fn body(bucket: &str, counted: &Cardinality, limit: u64) -> Value {
    let measurements = counted.measurements.iter();
    let measurements: Vec<Value> = measurements
        .map(|(name, series)| json!({"measurement": name, "series": series}))
        .collect();
    let tags = counted.tags.iter();
    let tags: Vec<Value> = tags
        .map(|tag| {
            json!({
                "measurement": tag.measurement, "tag": tag.key, "values": tag.values, "series": tag.series,
            })
        })
        .collect();
    let values = counted.values.iter();
    let values: Vec<Value> = values
        .map(|found| {
            json!({
                "measurement": found.measurement, "tag": found.key, "value": found.value,
                "series": found.series,
            })
        })
        .collect();
    json!({
        "bucketID": bucket,
        "series": counted.series,
        "maxSeries": (limit > 0).then_some(limit),
        "measurements": measurements,
        "tags": tags,
        "values": values,
    })
}
