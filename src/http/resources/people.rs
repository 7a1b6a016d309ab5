//! `/api/v2/orgs/{id}/members` and `owners`: who belongs to an org. Owners may everything in it when they
//! sign in; members are listed only.

use super::documents::json_body;
use super::json::user_json;
use super::orgs::visible;
use crate::catalog::{Action, User};
use crate::http::AppState;
use crate::http::auth::Identity;
use crate::http::error::ApiError;
use crate::http::params::parse_id;
use crate::http::routes::closed;
use actix_web::web::{Data, Path, Payload, ServiceConfig, delete, get, post};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};
use std::future::ready;

pub fn configure(config: &mut ServiceConfig) {
    for owners in [false, true] {
        let role = role(owners);
        let list = move |id, state, identity| ready(list(owners, id, state, identity));
        let add = move |id, request, payload, state, identity| {
            add(owners, id, request, payload, state, identity)
        };
        let remove = move |ids, state, identity| ready(remove(owners, ids, state, identity));
        config
            .service(
                closed(&format!("/orgs/{{id}}/{role}s"), "GET, POST")
                    .route(get().to(list))
                    .route(post().to(add)),
            )
            .service(
                closed(&format!("/orgs/{{id}}/{role}s/{{user}}"), "DELETE")
                    .route(delete().to(remove)),
            );
    }
}

const fn role(owners: bool) -> &'static str {
    if owners { "owner" } else { "member" }
}

fn shown(user: &User, owner: bool) -> Value {
    let mut json = user_json(user, &format!("/api/v2/users/{}", user.id));
    if let Some(json) = json.as_object_mut() {
        json.insert("role".to_owned(), json!(role(owner)));
    }
    json
}

fn list(
    owners: bool,
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let org = visible(&state, &identity, &id, Action::Read)?;
    let people: Vec<Value> = state
        .catalog
        .members(org.id)
        .iter()
        .filter(|(member, _)| member.owner == owners)
        .map(|(_, user)| shown(user, owners))
        .collect();
    let own = format!("/api/v2/orgs/{}/{}s", org.id, role(owners));
    Ok(HttpResponse::Ok().json(json!({ "links": { "self": own }, "users": people })))
}

#[derive(Deserialize)]
struct PersonBody {
    id: String,
}

async fn add(
    owner: bool,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let org = visible(&state, &identity, &id, Action::Write)?;
    let body: PersonBody = json_body(&request, payload).await?;
    let user = parse_id(&body.id)?;
    let user = state.catalog.add_member(org.id, user, owner)?;
    Ok(HttpResponse::Created().json(shown(&user, owner)))
}

fn remove(
    owner: bool,
    ids: Path<(String, String)>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let (id, user) = ids.into_inner();
    let org = visible(&state, &identity, &id, Action::Write)?;
    state
        .catalog
        .remove_member(org.id, parse_id(&user)?, owner)?;
    Ok(HttpResponse::NoContent().finish())
}
