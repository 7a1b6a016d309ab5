//! `/api/v2/orgs/{id}/secrets`: set, listed by key and deleted here, read by queries only.

use super::documents::json_body;
use super::orgs::visible;
use crate::catalog::Action;
use crate::http::AppState;
use crate::http::auth::Identity;
use crate::http::error::ApiError;
use crate::http::routes::closed;
use crate::model::OrgId;
use actix_web::web::{Data, Path, Payload, ServiceConfig, delete, get, patch, post};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

const KIND: &str = "secrets";
const KEY_BYTES_MAX: usize = 256;
const VALUE_BYTES_MAX: usize = 64 << 10;

pub fn configure(config: &mut ServiceConfig) {
    config
        .service(
            closed("/orgs/{id}/secrets", "GET, PATCH")
                .route(get().to(list))
                .route(patch().to(set)),
        )
        .service(closed("/orgs/{id}/secrets/delete", "POST").route(post().to(remove_several)))
        .service(closed("/orgs/{id}/secrets/{key}", "DELETE").route(delete().to(remove)));
}

fn org(state: &AppState, identity: &Identity, id: &str, action: Action) -> Result<OrgId, ApiError> {
    let org = visible(state, identity, id, Action::Read)?;
    identity.must(action, KIND, None, Some(org.id))?;
    Ok(org.id)
}

async fn list(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let org = org(&state, &identity, &id, Action::Read)?;
    let own = format!("/api/v2/orgs/{org}");
    Ok(HttpResponse::Ok().json(json!({
        "links": { "org": own, "self": format!("{own}/secrets") },
        "secrets": state.catalog.org_secret_keys(org),
    })))
}

async fn set(
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let org = org(&state, &identity, &id, Action::Write)?;
    let secrets: BTreeMap<String, String> = json_body(&request, payload).await?;
    for (key, value) in &secrets {
        if key.is_empty() || key.len() > KEY_BYTES_MAX || value.len() > VALUE_BYTES_MAX {
            return Err(ApiError::invalid(format!(
                "a secret needs a key of 1 to {KEY_BYTES_MAX} bytes and a value of at most \
                 {VALUE_BYTES_MAX} bytes"
            )));
        }
    }
    for (key, value) in &secrets {
        state.catalog.set_org_secret(org, key, value)?;
    }
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Deserialize)]
struct Doomed {
    secrets: Vec<String>,
}

async fn remove_several(
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let org = org(&state, &identity, &id, Action::Write)?;
    let doomed: Doomed = json_body(&request, payload).await?;
    state.catalog.delete_org_secrets(org, &doomed.secrets)?;
    Ok(HttpResponse::NoContent().finish())
}

async fn remove(
    ids: Path<(String, String)>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let (id, key) = ids.into_inner();
    let org = org(&state, &identity, &id, Action::Write)?;
    state.catalog.delete_org_secrets(org, &[key])?;
    Ok(HttpResponse::NoContent().finish())
}
