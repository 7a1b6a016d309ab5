//! Signing in and out, and what a signed-in user asks about themselves.

use super::AppState;
use super::auth::{Identity, SESSION_COOKIE, basic, session_key};
use super::body;
use super::error::ApiError;
use super::params::{JSON_BYTES_MAX, parse_json};
use super::resources::json::user_json;
use crate::catalog::{SESSION_SECONDS, Status, User};
use actix_web::http::header::SET_COOKIE;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// Checks a Basic header off the request threads: the hash is slow on purpose.
pub async fn basic_user(
    state: &Data<AppState>,
    request: &HttpRequest,
) -> Result<Option<User>, ApiError> {
    let Some((name, password)) = basic(request) else {
        return Ok(None);
    };
    let catalog = state.catalog.clone();
    let checked = actix_web::web::block(move || catalog.check_password(&name, &password)).await;
    checked.map_err(|_| ApiError::unavailable("shutting down", 1))
}

/// `POST /api/v2/signin`
pub async fn signin(request: HttpRequest, state: Data<AppState>) -> Result<HttpResponse, ApiError> {
    let user = basic_user(&state, &request)
        .await?
        .filter(|user| user.status == Status::Active)
        .ok_or_else(|| ApiError::unauthorized("unauthorized access"))?;
    let mut key = [0; 32];
    getrandom::fill(&mut key)
        .map_err(|error| ApiError::internal(format!("no random numbers: {error}")))?;
    let key = URL_SAFE_NO_PAD.encode(key);
    state.catalog.sessions.open(&key, user.id);
    let secure = if state.tls { "; Secure" } else { "" };
    let cookie = format!(
        "{SESSION_COOKIE}={key}; Path=/api/; Max-Age={SESSION_SECONDS}; HttpOnly; \
         SameSite=Strict{secure}"
    );
    Ok(HttpResponse::NoContent()
        .insert_header((SET_COOKIE, cookie))
        .finish())
}

/// `POST /api/v2/signout`
pub async fn signout(
    request: HttpRequest,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let key = session_key(&request)
        .filter(|key| state.catalog.sessions.user_of(key).is_some())
        .ok_or_else(|| ApiError::unauthorized("unauthorized access"))?;
    state.catalog.sessions.close(&key);
    let cookie = format!("{SESSION_COOKIE}=; Path=/api/; Max-Age=0; HttpOnly; SameSite=Strict");
    Ok(HttpResponse::NoContent()
        .insert_header((SET_COOKIE, cookie))
        .finish())
}

/// `GET /api/v2/me`
pub async fn me(state: Data<AppState>, identity: Identity) -> Result<HttpResponse, ApiError> {
    let user = state.catalog.user(identity.user);
    let user = user.ok_or_else(|| ApiError::not_found("user not found"))?;
    Ok(HttpResponse::Ok().json(user_json(&user, "/api/v2/me")))
}

#[derive(Deserialize)]
pub struct PasswordBody {
    pub password: String,
}

/// `PUT /api/v2/me/password`: the old one as Basic, the new one in the body.
pub async fn set_own_password(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let wrong = || ApiError::forbidden("your username or password is incorrect");
    let user = basic_user(&state, &request).await?.ok_or_else(wrong)?;
    let body = body::read(&request, payload, JSON_BYTES_MAX).await?;
    let body: PasswordBody = parse_json(&body, "invalid json structure")?;
    store_password(&state, user.id, body.password).await
}

pub async fn store_password(
    state: &Data<AppState>,
    user: crate::model::Id,
    password: String,
) -> Result<HttpResponse, ApiError> {
    let catalog = state.catalog.clone();
    actix_web::web::block(move || catalog.set_password(user, &password))
        .await
        .map_err(|_| ApiError::unavailable("shutting down", 1))??;
    Ok(HttpResponse::NoContent().finish())
}
