//! `POST /api/v2/delete`. Checks come in InfluxDB's order: who, body, predicate, org, bucket, permission.

use super::AppState;
use super::auth::Identity;
use super::body;
use super::error::ApiError;
use super::params::{Params, parse_id};
use super::write::{find_bucket, find_org};
use crate::catalog::Action;
use crate::ingest::WriteError;
use crate::model::TimeRange;
use crate::query::{delete_predicate, text::parse_rfc3339};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

/// A predicate of tags has no need to be longer.
const BODY_MAX_BYTES: usize = 1 << 20;

#[derive(Debug, Deserialize)]
struct Wanted {
    #[serde(default)]
    start: String,
    #[serde(default)]
    stop: String,
    #[serde(default)]
    predicate: Option<String>,
}

pub async fn delete(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let params = Params::of(&request);
    let body = body::read(&request, payload, BODY_MAX_BYTES).await?;
    let wanted: Wanted = serde_json::from_slice(&body).map_err(|error| undecodable(&error))?;
    let range = range(&wanted)?;
    let predicate = wanted.predicate.as_deref().unwrap_or_default();
    let predicate = delete_predicate::parse(predicate).map_err(|error| undecodable(&error))?;
    let org = find_org(&state, &params)?;
    let bucket = match (params.get("bucketID"), params.get("bucket")) {
        (Some(id), _) => {
            let found = state.catalog.bucket(parse_id(id)?);
            found.ok_or_else(|| ApiError::not_found(format!("bucket \"{id}\" not found")))?
        }
        (None, Some(name)) => find_bucket(&state, org.id, name)?,
        (None, None) => {
            return Err(ApiError::invalid(
                "Please provide either bucketID or bucket",
            ));
        }
    };
    if !identity.may(Action::Write, "buckets", Some(bucket.id), Some(bucket.org)) {
        return Err(ApiError::forbidden("insufficient permissions to delete"));
    }
    let writer = state.writer.clone();
    let deleted = actix_web::web::block(move || writer.delete(bucket.id, &predicate, range)).await;
    let retry_after = state.limits.retry_after_seconds;
    match deleted {
        Ok(Ok(())) => Ok(HttpResponse::NoContent().finish()),
        Ok(Err(error @ (WriteError::Unavailable(_) | WriteError::Overloaded { .. }))) => {
            let message = format!("unable to delete: {error}");
            Err(ApiError::unavailable(message, retry_after))
        }
        Ok(Err(error)) => Err(ApiError::internal(format!("unable to delete: {error}"))),
        Err(_) => Err(ApiError::unavailable("shutting down", retry_after)),
    }
}

/// Both ends belong to what is deleted.
fn range(wanted: &Wanted) -> Result<TimeRange, ApiError> {
    let time = |name: &str, text: &str| {
        parse_rfc3339(text).ok_or_else(|| {
            undecodable(&format!(
                "invalid RFC3339Nano for field {name}, please format your time with RFC3339Nano \
                 format, example: 2009-01-02T23:00:00Z"
            ))
        })
    };
    let start = time("start", &wanted.start)?;
    let last = time("stop", &wanted.stop)?;
    if last < start {
        return Err(undecodable(&"stop is before start"));
    }
    Ok(TimeRange {
        start,
        stop: last.saturating_add(1),
    })
}

fn undecodable(detail: &dyn std::fmt::Display) -> ApiError {
    ApiError::invalid(format!("error decoding json body: {detail}"))
}
