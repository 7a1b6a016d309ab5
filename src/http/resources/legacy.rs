//! `/private/legacy/authorizations`: users of 1.x, which `influx v1 auth` makes. Their name stands where a
//! token would; their password is only ever set.

use super::authorizations::{checked, org_named, user_named};
use super::json::authorization_json;
use crate::catalog::{Action, Authorization, LegacyAuthorization, NewLegacy, Permission, Status};
use crate::http::AppState;
use crate::http::auth::Identity;
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::params::{JSON_BYTES_MAX, Params, parse_id, parse_json};
use crate::http::routes::closed;
use crate::http::session::PasswordBody;
use actix_web::web::{Data, Path, Payload, ServiceConfig, delete, get, patch, post};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

const KIND: &str = "authorizations";
const PATH: &str = "/private/legacy/authorizations";

pub fn configure(config: &mut ServiceConfig) {
    config
        .service(
            closed(PATH, "GET, POST")
                .route(get().to(list))
                .route(post().to(create)),
        )
        .service(
            closed("/private/legacy/authorizations/{id}", "DELETE, GET, PATCH")
                .route(get().to(find))
                .route(patch().to(update))
                .route(delete().to(remove)),
        )
        .service(
            closed("/private/legacy/authorizations/{id}/password", "POST")
                .route(post().to(set_password)),
        );
}

/// As an authorization, whose links are here and whose token is the name.
fn shown(state: &AppState, found: &LegacyAuthorization) -> Value {
    let like = Authorization {
        id: found.id,
        org: found.org,
        user: found.user,
        description: found.description.clone(),
        status: found.status,
        permissions: found.permissions.clone(),
        token_hash: String::new(),
        created: found.created,
        updated: found.updated,
    };
    let org = state.catalog.org(found.org);
    let user = state.catalog.user(found.user);
    let mut json = authorization_json(&like, org.as_ref(), user.as_ref(), Some(&found.name));
    if let Some(links) = json.get_mut("links").and_then(Value::as_object_mut) {
        links.insert("self".to_owned(), json!(format!("{PATH}/{}", found.id)));
    }
    json
}

async fn list(
    request: HttpRequest,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let params = Params::of(&request);
    let id = params.id("id")?.or(params.id("authID")?);
    let user = params
        .id("userID")?
        .or(user_named(&state, params.get("user"))?);
    let org = params
        .id("orgID")?
        .or(org_named(&state, params.get("org"))?);
    let name = params.get("token");
    let found = state.catalog.legacy.list(|found| {
        id.is_none_or(|id| found.id == id)
            && user.is_none_or(|user| found.user == user)
            && org.is_none_or(|org| found.org == org)
            && name.is_none_or(|name| found.name == name)
            && identity.may(Action::Read, KIND, Some(found.id), Some(found.org))
    });
    let found: Vec<Value> = found.iter().map(|found| shown(&state, found)).collect();
    Ok(HttpResponse::Ok().json(json!({
        "links": { "self": PATH },
        "authorizations": found,
    })))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct LegacyBody {
    #[serde(rename = "orgID")]
    org_id: Option<String>,
    #[serde(rename = "userID")]
    user_id: Option<String>,
    token: Option<String>,
    description: Option<String>,
    status: Option<Status>,
    permissions: Option<Vec<Permission>>,
}

async fn create(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let body = body::read(&request, payload, JSON_BYTES_MAX).await?;
    let body: LegacyBody = parse_json(&body, "invalid json structure")?;
    let permissions = body.permissions.unwrap_or_default();
    if permissions.is_empty() {
        return Err(ApiError::invalid("authorization must include permissions"));
    }
    let given = |id: Option<String>| id.filter(|id| !id.is_empty());
    let org = given(body.org_id).ok_or_else(|| ApiError::invalid("org id required"))?;
    let org = parse_id(&org)?;
    let user = match given(body.user_id) {
        Some(id) => parse_id(&id)?,
        None => identity.user,
    };
    identity.must(Action::Write, KIND, None, Some(org))?;
    let made = state.catalog.create_legacy(NewLegacy {
        org,
        user,
        name: body.token.unwrap_or_default(),
        description: body.description.unwrap_or_default(),
        status: body.status.unwrap_or(Status::Active),
        permissions: checked(&identity, org, permissions)?,
    })?;
    Ok(HttpResponse::Created().json(shown(&state, &made)))
}

fn visible(
    state: &AppState,
    identity: &Identity,
    id: &str,
    action: Action,
) -> Result<LegacyAuthorization, ApiError> {
    let found = state.catalog.legacy.find(parse_id(id)?)?;
    identity.must(action, KIND, Some(found.id), Some(found.org))?;
    Ok(found)
}

async fn find(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let found = visible(&state, &identity, &id, Action::Read)?;
    Ok(HttpResponse::Ok().json(shown(&state, &found)))
}

async fn update(
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let found = visible(&state, &identity, &id, Action::Write)?;
    let body = body::read(&request, payload, JSON_BYTES_MAX).await?;
    let body: LegacyBody = parse_json(&body, "invalid json structure")?;
    let catalog = &state.catalog;
    let updated = catalog.update_legacy(found.id, body.status, body.description)?;
    Ok(HttpResponse::Ok().json(shown(&state, &updated)))
}

async fn remove(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let found = visible(&state, &identity, &id, Action::Write)?;
    state.catalog.delete_legacy(found.id)?;
    Ok(HttpResponse::NoContent().finish())
}

async fn set_password(
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let found = visible(&state, &identity, &id, Action::Write)?;
    let body = body::read(&request, payload, JSON_BYTES_MAX).await?;
    let body: PasswordBody = parse_json(&body, "invalid json structure")?;
    let catalog = state.catalog.clone();
    actix_web::web::block(move || catalog.set_legacy_password(found.id, &body.password))
        .await
        .map_err(|_| ApiError::unavailable("shutting down", 1))??;
    Ok(HttpResponse::NoContent().finish())
}
