//! `/api/v2/dbrps`: which bucket a database and retention policy of 1.x stand for.

use crate::catalog::{Action, NewMapping, Policy};
use crate::http::AppState;
use crate::http::auth::Identity;
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::params::{JSON_BYTES_MAX, Params, parse_id, parse_json};
use crate::http::routes::closed;
use crate::model::{Id, OrgId};
use actix_web::web::{Data, Path, Payload, ServiceConfig, delete, get, patch, post};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

const KIND: &str = "dbrp";

pub fn configure(config: &mut ServiceConfig) {
    config
        .service(
            closed("/dbrps", "GET, POST")
                .route(get().to(list))
                .route(post().to(create)),
        )
        .service(
            closed("/dbrps/{id}", "DELETE, GET, PATCH")
                .route(get().to(find))
                .route(patch().to(update))
                .route(delete().to(remove)),
        );
}

/// A virtual mapping has its bucket's id.
fn id_of(policy: &Policy) -> Id {
    policy.mapping.unwrap_or(policy.bucket.id)
}

fn shown(policy: &Policy) -> Value {
    json!({
        "id": id_of(policy),
        "database": policy.database,
        "retention_policy": policy.policy,
        "default": policy.default,
        "virtual": policy.mapping.is_none(),
        "orgID": policy.bucket.org,
        "bucketID": policy.bucket.id,
    })
}

fn missing() -> ApiError {
    ApiError::not_found("unable to find DBRP")
}

/// By id or, where none is given, by name.
fn org_of(
    state: &AppState,
    id: Option<&str>,
    name: Option<&str>,
) -> Result<Option<OrgId>, ApiError> {
    let unknown = |text: &str| ApiError::not_found(format!("invalid org \"{text}\""));
    let org = match (id, name) {
        (Some(text), _) => (text, state.catalog.org(parse_id(text)?)),
        (None, Some(name)) => (name, state.catalog.org_by_name(name)),
        (None, None) => return Ok(None),
    };
    let found = org.1.ok_or_else(|| unknown(org.0))?;
    Ok(Some(found.id))
}

fn org_required() -> ApiError {
    ApiError::invalid("either 'org' or 'orgID' must be provided")
}

async fn list(
    request: HttpRequest,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let params = Params::of(&request);
    let org = org_of(&state, params.get("orgID"), params.get("org"))?;
    let org = org.ok_or_else(org_required)?;
    let (id, bucket) = (params.id("id")?, params.id("bucketID")?);
    let default = match params.get("default") {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return Err(ApiError::invalid("invalid default parameter")),
    };
    let (database, policy) = (params.get("db"), params.get("rp"));
    let mut found = state.catalog.policies(org);
    found.retain(|have| {
        id.is_none_or(|id| id_of(have) == id)
            && bucket.is_none_or(|bucket| have.bucket.id == bucket)
            && database.is_none_or(|database| have.database == database)
            && policy.is_none_or(|policy| have.policy == policy)
            && default.is_none_or(|default| have.default == default)
            && identity.may(Action::Read, KIND, Some(id_of(have)), Some(org))
    });
    let content: Vec<Value> = found.iter().map(shown).collect();
    Ok(HttpResponse::Ok().json(json!({ "content": content })))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct MappingBody {
    #[serde(rename = "orgID")]
    org_id: Option<String>,
    org: Option<String>,
    #[serde(rename = "bucketID")]
    bucket_id: Option<String>,
    database: Option<String>,
    retention_policy: Option<String>,
    default: Option<bool>,
}

async fn create(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let body = body::read(&request, payload, JSON_BYTES_MAX).await?;
    let body: MappingBody = parse_json(&body, "invalid json structure")?;
    let given = |text: &'_ Option<String>| text.clone().filter(|text| !text.is_empty());
    let (id, name) = (given(&body.org_id), given(&body.org));
    let org = org_of(&state, id.as_deref(), name.as_deref())?;
    let org = org.ok_or_else(org_required)?;
    identity.must(Action::Write, KIND, None, Some(org))?;
    let bucket = body.bucket_id.unwrap_or_default();
    let bucket = bucket
        .parse()
        .map_err(|_| ApiError::invalid(format!("invalid bucket ID \"{bucket}\"")))?;
    let made = state.catalog.create_mapping(NewMapping {
        org,
        bucket,
        database: body.database.unwrap_or_default(),
        policy: body.retention_policy.unwrap_or_default(),
        default: body.default.unwrap_or(false),
    })?;
    let policy = of_id(&state, made.id).ok_or_else(missing)?;
    Ok(HttpResponse::Created().json(shown(&policy)))
}

fn of_id(state: &AppState, id: Id) -> Option<Policy> {
    let catalog = &state.catalog;
    let stored = catalog.mapping(id).map(|mapping| mapping.org);
    let org = stored.or_else(|| catalog.bucket(id).map(|bucket| bucket.org))?;
    let policies = catalog.policies(org);
    policies.into_iter().find(|policy| id_of(policy) == id)
}

/// A mapping of the org that the request names, if it names one.
fn visible(
    state: &AppState,
    identity: &Identity,
    request: &HttpRequest,
    id: &str,
    action: Action,
) -> Result<Policy, ApiError> {
    let params = Params::of(request);
    let org = org_of(state, params.get("orgID"), params.get("org"))?;
    let policy = of_id(state, parse_id(id)?).ok_or_else(missing)?;
    let own = policy.bucket.org;
    if org.is_some_and(|org| org != own) {
        return Err(missing());
    }
    identity.must(action, KIND, Some(id_of(&policy)), Some(own))?;
    Ok(policy)
}

async fn find(
    id: Path<String>,
    request: HttpRequest,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let policy = visible(&state, &identity, &request, &id, Action::Read)?;
    Ok(HttpResponse::Ok().json(json!({ "content": shown(&policy) })))
}

async fn update(
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let policy = visible(&state, &identity, &request, &id, Action::Write)?;
    let body = body::read(&request, payload, JSON_BYTES_MAX).await?;
    let body: MappingBody = parse_json(&body, "invalid json structure")?;
    let id = policy.mapping.ok_or_else(missing)?;
    state
        .catalog
        .update_mapping(id, body.retention_policy, body.default)?;
    let policy = of_id(&state, id).ok_or_else(missing)?;
    Ok(HttpResponse::Ok().json(json!({ "content": shown(&policy) })))
}

async fn remove(
    id: Path<String>,
    request: HttpRequest,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let policy = visible(&state, &identity, &request, &id, Action::Write)?;
    let id = policy.mapping.ok_or_else(missing)?;
    state.catalog.delete_mapping(id)?;
    Ok(HttpResponse::NoContent().finish())
}
