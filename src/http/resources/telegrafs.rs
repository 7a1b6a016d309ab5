//! `/api/v2/telegrafs`: configurations that Telegraf fetches by `--config URL`.

use super::documents::{json_body, listed, org_to_write, visible};
use super::labels::labels_json;
use crate::catalog::{Action, CatalogError, Telegraf};
use crate::clock::now_ns;
use crate::http::AppState;
use crate::http::auth::Identity;
use crate::http::error::ApiError;
use crate::http::params::Params;
use crate::http::routes::closed;
use crate::model::Id;
use crate::query::text::rfc3339;
use actix_web::http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Data, Path, Payload, ServiceConfig, delete, get, post, put};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

const KIND: &str = "telegrafs";

pub fn configure(config: &mut ServiceConfig) {
    config
        .service(
            closed("/telegrafs", "GET, POST")
                .route(get().to(list))
                .route(post().to(create)),
        )
        .service(
            closed("/telegrafs/{id}", "DELETE, GET, PUT")
                .route(get().to(find))
                .route(put().to(replace))
                .route(delete().to(remove)),
        );
}

fn shown(state: &AppState, telegraf: &Telegraf) -> Value {
    let own = format!("/api/v2/telegrafs/{}", telegraf.id);
    json!({
        "id": telegraf.id,
        "orgID": telegraf.org,
        "name": telegraf.name,
        "description": telegraf.description,
        "metadata": telegraf.metadata,
        "config": telegraf.config,
        "createdAt": rfc3339(telegraf.created),
        "updatedAt": rfc3339(telegraf.updated),
        "labels": labels_json(state, telegraf.id),
        "links": { "self": own, "labels": format!("{own}/labels") },
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct TelegrafBody {
    #[serde(rename = "orgID")]
    org_id: Option<String>,
    name: Option<String>,
    description: Option<String>,
    metadata: Option<Value>,
    config: Option<String>,
}

fn check(telegraf: &Telegraf) -> Result<(), CatalogError> {
    if telegraf.config.is_empty() {
        return Err(CatalogError::Invalid(
            "the telegraf configuration is empty: \"config\" must be its TOML".to_owned(),
        ));
    }
    Ok(())
}

async fn list(
    request: HttpRequest,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let params = Params::of(&request);
    let found = listed(&state.catalog.telegrafs, &state, &identity, KIND, &params)?;
    let found: Vec<Value> = found.iter().map(|found| shown(&state, found)).collect();
    Ok(HttpResponse::Ok().json(json!({ "configurations": found })))
}

async fn create(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let body: TelegrafBody = json_body(&request, payload).await?;
    let now = now_ns();
    let telegraf = Telegraf {
        id: Id::random(),
        org: org_to_write(&state, &identity, KIND, body.org_id.as_deref())?,
        name: body.name.unwrap_or_default(),
        description: body.description.unwrap_or_default(),
        metadata: body.metadata.unwrap_or_else(|| json!({})),
        config: body.config.unwrap_or_default(),
        created: now,
        updated: now,
    };
    let telegrafs = &state.catalog.telegrafs;
    let telegraf = telegrafs.create(telegraf.clone(), |_| check(&telegraf))?;
    Ok(HttpResponse::Created().json(shown(&state, &telegraf)))
}

/// TOML, which Telegraf wants, unless something else is asked for.
async fn find(
    id: Path<String>,
    request: HttpRequest,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let found = visible(&state.catalog.telegrafs, &identity, KIND, &id, Action::Read)?;
    let accepted = request.headers().get(ACCEPT);
    let accepted = accepted.and_then(|value| value.to_str().ok());
    let accepted = accepted.unwrap_or_default();
    if accepted.starts_with("application/json") {
        return Ok(HttpResponse::Ok().json(shown(&state, &found)));
    }
    let mut answer = HttpResponse::Ok();
    if accepted.starts_with("application/octet-stream") {
        answer.insert_header((CONTENT_TYPE, "application/octet-stream"));
        let file = format!("attachment; filename=\"{}.toml\"", found.id);
        answer.insert_header((CONTENT_DISPOSITION, file));
    } else {
        answer.insert_header((CONTENT_TYPE, "application/toml; charset=utf-8"));
    }
    Ok(answer.body(found.config))
}

async fn replace(
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let telegrafs = &state.catalog.telegrafs;
    let found = visible(telegrafs, &identity, KIND, &id, Action::Write)?;
    let body: TelegrafBody = json_body(&request, payload).await?;
    let changed = telegrafs.update(found.id, |_, telegraf| {
        telegraf.name = body.name.unwrap_or_default();
        telegraf.description = body.description.unwrap_or_default();
        telegraf.metadata = body.metadata.unwrap_or_else(|| json!({}));
        telegraf.config = body.config.unwrap_or_default();
        telegraf.updated = now_ns();
        check(telegraf)
    })?;
    Ok(HttpResponse::Ok().json(shown(&state, &changed)))
}

async fn remove(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let found = visible(
        &state.catalog.telegrafs,
        &identity,
        KIND,
        &id,
        Action::Write,
    )?;
    state.catalog.telegrafs.delete(found.id)?;
    Ok(HttpResponse::NoContent().finish())
}
