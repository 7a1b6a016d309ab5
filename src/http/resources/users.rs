//! `/api/v2/users`

use super::json::user_json;
use crate::catalog::{Action, Status, User};
use crate::http::AppState;
use crate::http::auth::Identity;
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::paging::Paging;
use crate::http::params::{JSON_BYTES_MAX, Params, parse_id, parse_json};
use crate::http::session::{PasswordBody, basic_user, store_password};
use crate::model::Id;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize, Default)]
#[serde(default)]
struct UserBody {
    name: Option<String>,
    status: Option<Status>,
}

fn shown(user: &User) -> Value {
    user_json(user, &format!("/api/v2/users/{}", user.id))
}

pub async fn list(
    request: HttpRequest,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let params = Params::of(&request);
    let paging = Paging::of(&params)?;
    let mut users = state.catalog.users();
    users.retain(|user| identity.may(Action::Read, "users", Some(user.id), None));
    if let Some(id) = params.id("id")? {
        users.retain(|user| user.id == id);
    }
    if let Some(name) = params.get("name") {
        users.retain(|user| user.name == name);
    }
    let page = paging.page(users, |user| user.id);
    let users: Vec<Value> = page.iter().map(shown).collect();
    Ok(HttpResponse::Ok().json(json!({ "links": { "self": "/api/v2/users" }, "users": users })))
}

pub async fn create(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    identity.must(Action::Write, "users", None, None)?;
    let body = body::read(&request, payload, JSON_BYTES_MAX).await?;
    let body: UserBody = parse_json(&body, "invalid json structure")?;
    let status = body.status.unwrap_or(Status::Active);
    let user = state
        .catalog
        .create_user(&body.name.unwrap_or_default(), status)?;
    Ok(HttpResponse::Created().json(shown(&user)))
}

fn visible(
    state: &AppState,
    identity: &Identity,
    id: &str,
    action: Action,
) -> Result<User, ApiError> {
    let id = parse_id(id)?;
    identity.must(action, "users", Some(id), None)?;
    state
        .catalog
        .user(id)
        .ok_or_else(|| ApiError::not_found("user not found"))
}

pub async fn get(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let user = visible(&state, &identity, &id, Action::Read)?;
    Ok(HttpResponse::Ok().json(shown(&user)))
}

pub async fn update(
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let user = visible(&state, &identity, &id, Action::Write)?;
    let body = body::read(&request, payload, JSON_BYTES_MAX).await?;
    let body: UserBody = parse_json(&body, "invalid json structure")?;
    let user = state
        .catalog
        .update_user(user.id, body.name.as_deref(), body.status)?;
    Ok(HttpResponse::Ok().json(shown(&user)))
}

pub async fn delete(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let user = visible(&state, &identity, &id, Action::Write)?;
    state.catalog.delete_user(user.id)?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST`: an administrator sets someone's password.
pub async fn set_password(
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let id: Id = parse_id(&id)?;
    identity.must(Action::Write, "users", Some(id), None)?;
    let body = body::read(&request, payload, JSON_BYTES_MAX).await?;
    let body: PasswordBody = parse_json(&body, "invalid json structure")?;
    store_password(&state, id, body.password).await
}

/// `PUT`: someone changes their own, with the old one as Basic.
pub async fn change_password(
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let wrong = || ApiError::forbidden("your username or password is incorrect");
    let id: Id = parse_id(&id)?;
    let user = basic_user(&state, &request)
        .await?
        .filter(|user| user.id == id);
    let user = user.ok_or_else(wrong)?;
    let body = body::read(&request, payload, JSON_BYTES_MAX).await?;
    let body: PasswordBody = parse_json(&body, "invalid json structure")?;
    store_password(&state, user.id, body.password).await
}

/// What the asker may do; only about themselves.
pub async fn permissions(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let user = visible(&state, &identity, &id, Action::Read)?;
    if user.id != identity.user {
        return Err(ApiError::forbidden(
            "permissions are shown to their own user only",
        ));
    }
    Ok(HttpResponse::Ok().json(&*identity.permissions))
}
