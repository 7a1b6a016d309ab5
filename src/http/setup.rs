//! `/api/v2/setup`: the first start, by a person or a client.

use super::AppState;
use super::body;
use super::error::ApiError;
use super::params::{JSON_BYTES_MAX, parse_json};
use super::resources::json::{authorization_json, bucket_json, org_json, user_json};
use crate::catalog::SetupRequest;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::json;

const SECOND_NS: i64 = 1_000_000_000;

pub async fn allowed(state: Data<AppState>) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "allowed": state.catalog.is_empty() }))
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct SetupBody {
    username: String,
    password: Option<String>,
    org: String,
    bucket: String,
    retention_period_seconds: Option<i64>,
    /// Nanoseconds, whatever its name says: InfluxDB's own slip, which clients know.
    retention_period_hrs: Option<i64>,
    token: Option<String>,
}

pub async fn setup(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let body = body::read(&request, payload, JSON_BYTES_MAX).await?;
    let body: SetupBody = parse_json(&body, "invalid json structure")?;
    let seconds = body
        .retention_period_seconds
        .or(body
            .retention_period_hrs
            .map(|nanoseconds| nanoseconds / SECOND_NS))
        .unwrap_or(0);
    let retention_seconds = u64::try_from(seconds)
        .map_err(|_| ApiError::unprocessable("the retention period must not be negative"))?;
    let wanted = SetupRequest {
        username: body.username,
        password: body.password,
        org: body.org,
        bucket: body.bucket,
        retention_seconds,
        token: body.token,
    };
    let catalog = state.catalog.clone();
    let answer = actix_web::web::block(move || catalog.setup(wanted))
        .await
        .map_err(|_| ApiError::unavailable("shutting down", 1))??;
    let (user, org) = (&answer.user, &answer.org);
    let authorization = authorization_json(
        &answer.authorization,
        Some(org),
        Some(user),
        Some(&answer.token),
    );
    Ok(HttpResponse::Created().json(json!({
        "user": user_json(user, &format!("/api/v2/users/{}", user.id)),
        "bucket": bucket_json(&answer.bucket),
        "org": org_json(org),
        "auth": authorization,
    })))
}
