//! `POST /api/v2/write`. Checks come in InfluxDB's order: who, precision, bucket named, org, bucket,
//! permission, body, lines, queue.

use super::AppState;
use super::auth::Identity;
use super::body;
use super::error::ApiError;
use super::params::{Params, parse_id};
use crate::catalog::{Bucket, Org};
use crate::clock::now_ns;
use crate::model::{Id, OrgId, Precision};
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

/// Larger bodies are parsed on a thread of their own.
const PARSE_INLINE_BYTES: usize = 2 << 20;

pub async fn write(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let params = Params::of(&request);
    let precision = match params.get("precision") {
        None => Precision::Nanoseconds,
        Some(text) => Precision::parse_v2(text).ok_or_else(|| {
            ApiError::invalid("invalid precision; valid precision units are ns, us, ms, and s")
        })?,
    };
    let name = params
        .get("bucket")
        .ok_or_else(|| ApiError::not_found("bucket not found"))?;
    let org = find_org(&state, &params)?;
    let bucket = find_bucket(&state, org.id, name)?;
    identity.must_write("write", bucket.id, bucket.org)?;
    let body = body::read_write_body(&request, payload, state.limits.max_body_bytes).await?;
    write_points(&state, bucket.id, bucket.org, body, precision).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Parses, queues and waits for the acknowledgement.
pub async fn write_points(
    state: &Data<AppState>,
    bucket: Id,
    org: OrgId,
    body: Bytes,
    precision: Precision,
) -> Result<(), ApiError> {
    state.write_rate.take(org, body.len()).map_err(|seconds| {
        ApiError::too_many_requests(
            format!("the org's write rate is used up; retry in {seconds} s"),
            seconds,
        )
    })?;
    let refused = |error| ApiError::of_write(error, state.limits.retry_after_seconds);
    let acknowledgement = if body.len() <= PARSE_INLINE_BYTES {
        state.writer.write(bucket, &body, precision, now_ns())
    } else {
        let writer = state.writer.clone();
        actix_web::web::block(move || writer.write(bucket, &body, precision, now_ns()))
            .await
            .map_err(|_| ApiError::unavailable("shutting down", state.limits.retry_after_seconds))?
    };
    acknowledgement.map_err(refused)?.await.map_err(refused)
}

/// The org of `orgID` or `org`; a name that looks like an id is only taken as one.
pub fn find_org(state: &AppState, params: &Params) -> Result<Org, ApiError> {
    let by_id = |id: Id| {
        state
            .catalog
            .org(id)
            .ok_or_else(|| ApiError::not_found("organization not found"))
    };
    if let Some(id) = params.get("orgID") {
        return by_id(parse_id(id)?);
    }
    let name = params
        .get("org")
        .ok_or_else(|| ApiError::invalid("Please provide either orgID or org"))?;
    if let Ok(id) = name.parse() {
        return by_id(id);
    }
    state
        .catalog
        .org_by_name(name)
        .ok_or_else(|| ApiError::not_found(format!("organization name \"{name}\" not found")))
}

/// By id first, then by name in the org.
pub fn find_bucket(state: &AppState, org: OrgId, name: &str) -> Result<Bucket, ApiError> {
    let by_id = name.parse().ok().and_then(|id| state.catalog.bucket(id));
    by_id
        .or_else(|| state.catalog.bucket_by_name(org, name))
        .ok_or_else(|| ApiError::not_found(format!("bucket \"{name}\" not found")))
}
