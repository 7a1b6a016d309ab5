//! `/api/v2/replications`: buckets whose points are sent on to a remote.

use super::documents::{json_body, listed, org_to_write, visible};
use crate::catalog::{Action, MAX_AGE_SECONDS_DEFAULT, QUEUE_BYTES_DEFAULT, Remote, Replication};
use crate::clock::now_ns;
use crate::http::AppState;
use crate::http::auth::Identity;
use crate::http::error::ApiError;
use crate::http::params::{Params, parse_id};
use crate::http::routes::closed;
use crate::model::Id;
use crate::replication::Replicator;
use actix_web::web::{self, Data, Path, Payload, ServiceConfig, delete, get, patch, post};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

const KIND: &str = "replications";

pub fn configure(config: &mut ServiceConfig) {
    config
        .service(
            closed("/replications", "GET, POST")
                .route(get().to(list))
                .route(post().to(create)),
        )
        .service(
            closed("/replications/{id}", "DELETE, GET, PATCH")
                .route(get().to(find))
                .route(patch().to(update))
                .route(delete().to(remove)),
        )
        .service(closed("/replications/{id}/validate", "POST").route(post().to(validate)));
}

fn shown(state: &AppState, replication: &Replication) -> Value {
    let figures = state.replicator.figures_of(replication.id);
    let mut shown = json!({
        "id": replication.id,
        "orgID": replication.org,
        "name": replication.name,
        "remoteID": replication.remote,
        "localBucketID": replication.local_bucket,
        "remoteBucketID": replication.remote_bucket,
        "remoteBucketName": replication.remote_bucket_name.as_deref().unwrap_or_default(),
        "maxQueueSizeBytes": replication.max_queue_bytes,
        "currentQueueSizeBytes": figures.queue.bytes,
        "remainingBytesToBeSynced": figures.queue.bytes,
        "dropNonRetryableData": replication.drop_non_retryable,
        "maxAgeSeconds": replication.max_age_seconds,
        "fullPolicy": FullPolicyBody::of(replication),
    });
    let optional = [
        ("description", json!(replication.description)),
        ("latestResponseCode", json!(figures.status.latest_code)),
        ("latestErrorMessage", json!(figures.status.latest_error)),
    ];
    if let Some(shown) = shown.as_object_mut() {
        let told = optional.into_iter().filter(|(_, value)| !value.is_null());
        shown.extend(told.map(|(name, value)| (name.to_owned(), value)));
    }
    shown
}

#[derive(Deserialize, serde::Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum FullPolicyBody {
    Backpressure,
    OldestFirst,
}

impl FullPolicyBody {
    const fn of(replication: &Replication) -> Self {
        match replication.backpressure {
            true => Self::Backpressure,
            false => Self::OldestFirst,
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ReplicationBody {
    #[serde(rename = "orgID")]
    org_id: Option<String>,
    name: Option<String>,
    description: Option<String>,
    #[serde(rename = "remoteID")]
    remote_id: Option<String>,
    #[serde(rename = "localBucketID")]
    local_bucket_id: Option<String>,
    #[serde(rename = "remoteBucketID")]
    remote_bucket_id: Option<String>,
    #[serde(rename = "remoteBucketName")]
    remote_bucket_name: Option<String>,
    #[serde(rename = "maxQueueSizeBytes")]
    max_queue_size_bytes: Option<u64>,
    #[serde(rename = "dropNonRetryableData")]
    drop_non_retryable_data: Option<bool>,
    #[serde(rename = "maxAgeSeconds")]
    max_age_seconds: Option<u64>,
    #[serde(rename = "fullPolicy")]
    full_policy: Option<FullPolicyBody>,
}

fn id(text: Option<&str>, missing: &str) -> Result<Id, ApiError> {
    let text = text.filter(|text| !text.is_empty());
    parse_id(text.ok_or_else(|| ApiError::invalid(missing))?)
}

impl ReplicationBody {
    /// Puts what the body says into a replication. A bucket by name takes the place of one by id, and the
    /// other way round.
    fn apply(self, replication: &mut Replication) -> Result<(), ApiError> {
        if let Some(name) = self.name {
            replication.name = name;
        }
        replication.description = self.description.or_else(|| replication.description.take());
        if self.remote_id.is_some() {
            replication.remote = id(self.remote_id.as_deref(), "invalid remote ID")?;
        }
        let by_id = self.remote_bucket_id.filter(|id| !id.is_empty());
        let by_name = self.remote_bucket_name.filter(|name| !name.is_empty());
        if by_id.is_some() || by_name.is_some() {
            replication.remote_bucket = by_id.as_deref().map(parse_id).transpose()?;
            replication.remote_bucket_name = by_name;
        }
        if let Some(bytes) = self.max_queue_size_bytes {
            replication.max_queue_bytes = bytes;
        }
        if let Some(drops) = self.drop_non_retryable_data {
            replication.drop_non_retryable = drops;
        }
        if let Some(seconds) = self.max_age_seconds {
            replication.max_age_seconds = seconds;
        }
        if let Some(policy) = self.full_policy {
            replication.backpressure = policy == FullPolicyBody::Backpressure;
        }
        Ok(())
    }
}

/// Answers 204 when the remote takes what it would be sent.
async fn ask(remote: Remote, replication: Replication) -> Result<HttpResponse, ApiError> {
    let asked = web::block(move || Replicator::validate(&remote, &replication)).await;
    let asked = asked.map_err(|_| ApiError::unavailable("shutting down", 1))?;
    asked.map_err(|reason| {
        ApiError::invalid(format!("replication parameters fail validation: {reason}"))
    })?;
    Ok(HttpResponse::NoContent().finish())
}

async fn list(
    request: HttpRequest,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let params = Params::of(&request);
    let name = params.get("name");
    let (remote, bucket) = (params.id("remoteID")?, params.id("localBucketID")?);
    let found = listed(
        &state.catalog.replications,
        &state,
        &identity,
        KIND,
        &params,
    )?;
    let found = found.iter().filter(|found| {
        name.is_none_or(|name| found.name == name)
            && remote.is_none_or(|id| found.remote == id)
            && bucket.is_none_or(|id| found.local_bucket == id)
    });
    let found: Vec<Value> = found.map(|found| shown(&state, found)).collect();
    Ok(HttpResponse::Ok().json(json!({ "replications": found })))
}

async fn create(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let body: ReplicationBody = json_body(&request, payload).await?;
    let now = now_ns();
    let mut replication = Replication {
        id: Id::random(),
        org: org_to_write(&state, &identity, KIND, body.org_id.as_deref())?,
        name: String::new(),
        description: None,
        remote: id(body.remote_id.as_deref(), "invalid remote ID")?,
        local_bucket: id(body.local_bucket_id.as_deref(), "invalid local bucket ID")?,
        remote_bucket: None,
        remote_bucket_name: None,
        max_queue_bytes: QUEUE_BYTES_DEFAULT,
        backpressure: false,
        drop_non_retryable: false,
        max_age_seconds: MAX_AGE_SECONDS_DEFAULT,
        created: now,
        updated: now,
    };
    body.apply(&mut replication)?;
    may_read_bucket(&identity, &replication)?;
    if Params::of(&request).is_true("validate") {
        let remote = state.catalog.check_replication(&replication)?;
        return ask(remote, replication).await;
    }
    let made = state.catalog.create_replication(replication)?;
    state.replicator.refresh();
    Ok(HttpResponse::Created().json(shown(&state, &made)))
}

/// Who lets points be sent elsewhere must be allowed to see them.
fn may_read_bucket(identity: &Identity, replication: &Replication) -> Result<(), ApiError> {
    let (bucket, org) = (replication.local_bucket, replication.org);
    identity.must(Action::Read, "buckets", Some(bucket), Some(org))
}

async fn find(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let replications = &state.catalog.replications;
    let found = visible(replications, &identity, KIND, &id, Action::Read)?;
    Ok(HttpResponse::Ok().json(shown(&state, &found)))
}

async fn update(
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let replications = &state.catalog.replications;
    let mut changed = visible(replications, &identity, KIND, &id, Action::Write)?;
    let body: ReplicationBody = json_body(&request, payload).await?;
    body.apply(&mut changed)?;
    if Params::of(&request).is_true("validate") {
        let remote = state.catalog.check_replication(&changed)?;
        return ask(remote, changed).await;
    }
    let changed = state.catalog.update_replication(changed)?;
    state.replicator.refresh();
    Ok(HttpResponse::Ok().json(shown(&state, &changed)))
}

async fn remove(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let replications = &state.catalog.replications;
    let found = visible(replications, &identity, KIND, &id, Action::Write)?;
    let catalog = state.catalog.clone();
    let deleted = web::block(move || catalog.delete_replication(found.id)).await;
    deleted.map_err(|_| ApiError::unavailable("shutting down", 1))??;
    state.replicator.refresh();
    Ok(HttpResponse::NoContent().finish())
}

async fn validate(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let replications = &state.catalog.replications;
    let found = visible(replications, &identity, KIND, &id, Action::Read)?;
    let remote = state.catalog.check_replication(&found)?;
    ask(remote, found).await
}
