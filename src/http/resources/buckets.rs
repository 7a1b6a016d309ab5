//! `/api/v2/buckets`

use super::json::bucket_json;
use super::labels::labels_json;
use crate::catalog::lookup::may_read;
use crate::catalog::{Action, Bucket, BucketChange, BucketFilter, NewBucket};
use crate::http::AppState;
use crate::http::auth::Identity;
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::paging::Paging;
use crate::http::params::{JSON_BYTES_MAX, Params, parse_id, parse_json};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

fn shown(state: &AppState, bucket: &Bucket) -> Value {
    let mut json = bucket_json(bucket);
    if let Some(json) = json.as_object_mut() {
        json.insert("labels".to_owned(), labels_json(state, bucket.id));
    }
    json
}

pub async fn list(
    request: HttpRequest,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let params = Params::of(&request);
    let paging = Paging::of(&params)?;
    let org = match (params.id("orgID")?, params.get("org")) {
        (Some(id), _) => Some(id),
        (None, Some(name)) => {
            let found = state.catalog.org_by_name(name);
            let missing = || ApiError::not_found(format!("organization name \"{name}\" not found"));
            Some(found.ok_or_else(missing)?.id)
        }
        (None, None) => None,
    };
    let name = params.get("name").map(str::to_owned);
    let filter = BucketFilter {
        org,
        name: name.clone(),
        id: params.id("id")?,
    };
    let mut buckets = state.catalog.buckets(&filter);
    buckets.retain(|bucket| may_read(&identity.permissions, bucket));
    if let (true, Some(_), Some(name)) = (buckets.is_empty(), org, &name) {
        return Err(ApiError::not_found(format!("bucket \"{name}\" not found")));
    }
    let page = paging.page(buckets, |bucket| bucket.id);
    let filters = [
        ("org", params.get("org")),
        ("orgID", params.get("orgID")),
        ("name", params.get("name")),
        ("id", params.get("id")),
    ];
    let links = paging.links("/api/v2/buckets", &filters, page.len());
    let buckets: Vec<Value> = page.iter().map(|bucket| shown(&state, bucket)).collect();
    Ok(HttpResponse::Ok().json(json!({ "links": links, "buckets": buckets })))
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RetentionRule {
    #[serde(rename = "type")]
    kind: Option<String>,
    every_seconds: Option<i64>,
    shard_group_duration_seconds: Option<i64>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct BucketBody {
    #[serde(rename = "orgID")]
    org_id: Option<String>,
    name: Option<String>,
    description: Option<String>,
    rp: Option<String>,
    retention_rules: Option<Vec<RetentionRule>>,
}

/// Retention and shard length in seconds, where the rules say them.
fn retention(body: &BucketBody) -> Result<(Option<u64>, Option<u64>), ApiError> {
    let rules = body.retention_rules.as_deref().unwrap_or_default();
    let rule = match rules {
        [] => return Ok((None, None)),
        [rule] => rule,
        _ => {
            return Err(ApiError::unprocessable(
                "buckets cannot have more than one retention rule",
            ));
        }
    };
    if rule.kind.as_deref().is_some_and(|kind| kind != "expire") {
        return Err(ApiError::unprocessable(
            "the retention rule's type must be \"expire\"",
        ));
    }
    let seconds = |value: Option<i64>, what: &str| {
        let checked = value.map(u64::try_from).transpose();
        checked.map_err(|_| ApiError::unprocessable(format!("{what} must not be negative")))
    };
    Ok((
        seconds(rule.every_seconds, "everySeconds")?,
        seconds(
            rule.shard_group_duration_seconds,
            "shardGroupDurationSeconds",
        )?,
    ))
}

pub async fn create(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let body = body::read(&request, payload, JSON_BYTES_MAX).await?;
    let body: BucketBody = parse_json(&body, "failed to unmarshal json")?;
    let org = match body.org_id.as_deref().filter(|id| !id.is_empty()) {
        Some(id) => parse_id(id)?,
        None => return Err(ApiError::invalid("organization id must be provided")),
    };
    identity.must(Action::Write, "buckets", None, Some(org))?;
    let (retention_seconds, shard_seconds) = retention(&body)?;
    let bucket = state.catalog.create_bucket(
        org,
        NewBucket {
            name: body.name.unwrap_or_default(),
            description: body.description,
            rp: body.rp,
            retention_seconds: retention_seconds.unwrap_or(0),
            shard_seconds: shard_seconds.unwrap_or(0),
        },
    )?;
    Ok(HttpResponse::Created().json(shown(&state, &bucket)))
}

pub fn visible(
    state: &AppState,
    identity: &Identity,
    id: &str,
    action: Action,
) -> Result<Bucket, ApiError> {
    let id = parse_id(id)?;
    let bucket = state
        .catalog
        .bucket(id)
        .ok_or_else(|| ApiError::not_found("bucket not found"))?;
    if action == Action::Read && may_read(&identity.permissions, &bucket) {
        return Ok(bucket);
    }
    identity.must(action, "buckets", Some(id), Some(bucket.org))?;
    Ok(bucket)
}

pub async fn get(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let bucket = visible(&state, &identity, &id, Action::Read)?;
    Ok(HttpResponse::Ok().json(shown(&state, &bucket)))
}

pub async fn update(
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let bucket = visible(&state, &identity, &id, Action::Write)?;
    let body = body::read(&request, payload, JSON_BYTES_MAX).await?;
    let body: BucketBody = parse_json(&body, "failed to unmarshal json")?;
    let (retention_seconds, shard_seconds) = retention(&body)?;
    let change = BucketChange {
        name: body.name,
        description: body.description,
        retention_seconds,
        shard_seconds,
    };
    let bucket = state.catalog.update_bucket(bucket.id, change)?;
    Ok(HttpResponse::Ok().json(shown(&state, &bucket)))
}

pub async fn delete(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let bucket = visible(&state, &identity, &id, Action::Write)?;
    let catalog = state.catalog.clone();
    actix_web::web::block(move || catalog.delete_bucket(bucket.id))
        .await
        .map_err(|_| ApiError::unavailable("shutting down", 1))??;
    Ok(HttpResponse::NoContent().finish())
}
