//! `/api/v2/orgs`

use super::json::org_json;
use crate::catalog::{Action, Org};
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

#[derive(Deserialize, Default)]
#[serde(default)]
struct OrgBody {
    name: Option<String>,
    description: Option<String>,
}

pub async fn list(
    request: HttpRequest,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let params = Params::of(&request);
    let paging = Paging::of(&params)?;
    let mut orgs = state.catalog.orgs();
    if let Some(name) = params.get("org") {
        orgs.retain(|org| org.name == name);
        if orgs.is_empty() {
            return Err(ApiError::not_found(format!(
                "organization name \"{name}\" not found"
            )));
        }
    }
    // An id that is none is ignored, as InfluxDB does.
    if let Some(Ok(id)) = params.get("orgID").map(parse_id) {
        orgs.retain(|org| org.id == id);
        if orgs.is_empty() {
            return Err(ApiError::not_found("organization not found"));
        }
    }
    if let Some(user) = params.id("userID")? {
        let of_user = |org: &Org| {
            state
                .catalog
                .members(org.id)
                .iter()
                .any(|(member, _)| member.user == user)
        };
        orgs.retain(of_user);
    }
    orgs.retain(|org| identity.may(Action::Read, "orgs", Some(org.id), None));
    let page = paging.page(orgs, |org| org.id);
    let filters = [("org", params.get("org")), ("orgID", params.get("orgID"))];
    let links = paging.links("/api/v2/orgs", &filters, page.len());
    let orgs: Vec<Value> = page.iter().map(org_json).collect();
    Ok(HttpResponse::Ok().json(json!({ "links": links, "orgs": orgs })))
}

pub async fn create(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    identity.must(Action::Write, "orgs", None, None)?;
    let body = body::read(&request, payload, JSON_BYTES_MAX).await?;
    let body: OrgBody = parse_json(&body, "failed to unmarshal json")?;
    let name = body.name.unwrap_or_default();
    let description = body.description.unwrap_or_default();
    let org = state
        .catalog
        .create_org(&name, &description, Some(identity.user))?;
    Ok(HttpResponse::Created().json(org_json(&org)))
}

pub fn visible(
    state: &AppState,
    identity: &Identity,
    id: &str,
    action: Action,
) -> Result<Org, ApiError> {
    let id = parse_id(id)?;
    identity.must(action, "orgs", Some(id), None)?;
    state
        .catalog
        .org(id)
        .ok_or_else(|| ApiError::not_found("organization not found"))
}

pub async fn get(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let org = visible(&state, &identity, &id, Action::Read)?;
    Ok(HttpResponse::Ok().json(org_json(&org)))
}

pub async fn update(
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let org = visible(&state, &identity, &id, Action::Write)?;
    let body = body::read(&request, payload, JSON_BYTES_MAX).await?;
    let body: OrgBody = parse_json(&body, "failed to unmarshal json")?;
    let (name, description) = (body.name.as_deref(), body.description.as_deref());
    let org = state.catalog.update_org(org.id, name, description)?;
    Ok(HttpResponse::Ok().json(org_json(&org)))
}

pub async fn delete(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let org = visible(&state, &identity, &id, Action::Write)?;
    let (catalog, tasks) = (state.catalog.clone(), state.tasks.clone());
    let delete = move || {
        tasks.delete_of_org(org.id)?;
        catalog.delete_org(org.id)
    };
    actix_web::web::block(delete)
        .await
        .map_err(|_| ApiError::unavailable("shutting down", 1))??;
    Ok(HttpResponse::NoContent().finish())
}
