//! `/api/v2/authorizations`: tokens and what they permit.

use super::json::authorization_json;
use crate::catalog::permission::TYPES;
use crate::catalog::{Action, Authorization, NewAuthorization, Permission, Status};
use crate::http::AppState;
use crate::http::auth::Identity;
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::params::{JSON_BYTES_MAX, Params, parse_id, parse_json};
use crate::model::{Id, OrgId};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

fn shown(state: &AppState, authorization: &Authorization, token: Option<&str>) -> Value {
    let org = state.catalog.org(authorization.org);
    let user = state.catalog.user(authorization.user);
    authorization_json(authorization, org.as_ref(), user.as_ref(), token)
}

fn may_see(identity: &Identity, action: Action, authorization: &Authorization) -> bool {
    let (id, org) = (Some(authorization.id), Some(authorization.org));
    identity.may(action, "authorizations", id, org)
}

/// The user that a filter names.
pub fn user_named(state: &AppState, name: Option<&str>) -> Result<Option<Id>, ApiError> {
    let Some(name) = name else { return Ok(None) };
    let found = state.catalog.user_by_name(name).map(|user| user.id);
    let missing = || ApiError::not_found(format!("user \"{name}\" not found"));
    found.map(Some).ok_or_else(missing)
}

/// The org that a filter names.
pub fn org_named(state: &AppState, name: Option<&str>) -> Result<Option<OrgId>, ApiError> {
    let Some(name) = name else { return Ok(None) };
    let found = state.catalog.org_by_name(name).map(|org| org.id);
    let missing = || ApiError::not_found(format!("organization name \"{name}\" not found"));
    found.map(Some).ok_or_else(missing)
}

pub async fn list(
    request: HttpRequest,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let params = Params::of(&request);
    let (id, user, org) = (params.id("id")?, params.id("userID")?, params.id("orgID")?);
    let (user, org) = (
        user.or(user_named(&state, params.get("user"))?),
        org.or(org_named(&state, params.get("org"))?),
    );
    let mut found = state.catalog.authorizations();
    found.retain(|authorization| {
        id.is_none_or(|id| authorization.id == id)
            && user.is_none_or(|user| authorization.user == user)
            && org.is_none_or(|org| authorization.org == org)
            && may_see(&identity, Action::Read, authorization)
    });
    let found: Vec<Value> = found
        .iter()
        .map(|found| shown(&state, found, None))
        .collect();
    Ok(HttpResponse::Ok().json(json!({
        "links": { "self": "/api/v2/authorizations" },
        "authorizations": found,
    })))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct AuthorizationBody {
    #[serde(rename = "orgID")]
    org_id: Option<String>,
    #[serde(rename = "userID")]
    user_id: Option<String>,
    description: Option<String>,
    status: Option<Status>,
    permissions: Option<Vec<Permission>>,
}

pub async fn create(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let body = body::read(&request, payload, JSON_BYTES_MAX).await?;
    let body: AuthorizationBody = parse_json(&body, "invalid json structure")?;
    let permissions = body.permissions.unwrap_or_default();
    if permissions.is_empty() {
        return Err(ApiError::invalid("authorization must include permissions"));
    }
    let org = match body.org_id.as_deref().filter(|id| !id.is_empty()) {
        Some(id) => parse_id(id)?,
        None => return Err(ApiError::invalid("org id required")),
    };
    let user = match body.user_id.as_deref().filter(|id| !id.is_empty()) {
        Some(id) => parse_id(id)?,
        None => identity.user,
    };
    identity.must(Action::Write, "authorizations", None, Some(org))?;
    let permissions = checked(&identity, org, permissions)?;
    let (authorization, token) = state.catalog.create_authorization(NewAuthorization {
        org,
        user,
        description: body.description.unwrap_or_default(),
        status: body.status.unwrap_or(Status::Active),
        permissions,
        token: None,
    })?;
    Ok(HttpResponse::Created().json(shown(&state, &authorization, Some(&token))))
}

/// Nobody grants what they don't have, nor beyond the org of the token.
pub fn checked(
    identity: &Identity,
    org: OrgId,
    mut permissions: Vec<Permission>,
) -> Result<Vec<Permission>, ApiError> {
    for permission in &mut permissions {
        let resource = &mut permission.resource;
        if !TYPES.contains(&resource.kind.as_str()) {
            return Err(ApiError::invalid(format!(
                "unknown resource type \"{}\"; known are: {}",
                resource.kind,
                TYPES.join(", ")
            )));
        }
        if resource.kind == "orgs" && resource.id.is_none() && resource.org.is_some() {
            resource.id = resource.org.take();
        }
        let text =
            Permission::describe(permission.action, &resource.kind, resource.id, resource.org);
        if resource.org.is_some_and(|own| own != org) {
            return Err(ApiError::invalid(format!(
                "permission {text} is not for org id {org}"
            )));
        }
        if !identity.may(permission.action, &resource.kind, resource.id, resource.org) {
            return Err(ApiError::forbidden(format!(
                "permission {text} is not allowed"
            )));
        }
    }
    Ok(permissions)
}

fn visible(
    state: &AppState,
    identity: &Identity,
    id: &str,
    action: Action,
) -> Result<Authorization, ApiError> {
    let id = parse_id(id)?;
    let found = state.catalog.authorization(id);
    let found = found.ok_or_else(|| ApiError::not_found("authorization not found"))?;
    identity.must(action, "authorizations", Some(id), Some(found.org))?;
    Ok(found)
}

pub async fn get(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let found = visible(&state, &identity, &id, Action::Read)?;
    Ok(HttpResponse::Ok().json(shown(&state, &found, None)))
}

pub async fn update(
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let found = visible(&state, &identity, &id, Action::Write)?;
    let body = body::read(&request, payload, JSON_BYTES_MAX).await?;
    let body: AuthorizationBody = parse_json(&body, "invalid json structure")?;
    let description = body.description.as_deref();
    let updated = state
        .catalog
        .update_authorization(found.id, body.status, description)?;
    Ok(HttpResponse::Ok().json(shown(&state, &updated, None)))
}

pub async fn delete(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let found = visible(&state, &identity, &id, Action::Write)?;
    state.catalog.delete_authorization(found.id)?;
    Ok(HttpResponse::NoContent().finish())
}
