//! `/api/v2/remotes`: other servers that points can be sent to.

use super::documents::{json_body, listed, org_to_write, visible};
use crate::catalog::{Action, Protocol, Remote, RemoteToken};
use crate::clock::now_ns;
use crate::http::AppState;
use crate::http::auth::Identity;
use crate::http::error::ApiError;
use crate::http::params::{Params, parse_id};
use crate::http::routes::closed;
use crate::model::Id;
use actix_web::web::{Data, Path, Payload, ServiceConfig, delete, get, patch, post};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

const KIND: &str = "remotes";

pub fn configure(config: &mut ServiceConfig) {
    config
        .service(
            closed("/remotes", "GET, POST")
                .route(get().to(list))
                .route(post().to(create)),
        )
        .service(
            closed("/remotes/{id}", "DELETE, GET, PATCH")
                .route(get().to(find))
                .route(patch().to(update))
                .route(delete().to(remove)),
        );
}

/// Without the token.
fn shown(remote: &Remote) -> Value {
    let mut shown = json!({
        "id": remote.id,
        "orgID": remote.org,
        "name": remote.name,
        "remoteURL": remote.url,
        "remoteOrgID": remote.remote_org,
        "allowInsecureTLS": remote.allow_insecure_tls,
        "protocol": remote.protocol,
    });
    if let (Some(description), Some(shown)) = (&remote.description, shown.as_object_mut()) {
        shown.insert("description".to_owned(), json!(description));
    }
    shown
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RemoteBody {
    #[serde(rename = "orgID")]
    org_id: Option<String>,
    name: Option<String>,
    description: Option<String>,
    #[serde(rename = "remoteURL")]
    remote_url: Option<String>,
    #[serde(rename = "remoteAPIToken")]
    remote_api_token: Option<String>,
    #[serde(rename = "remoteOrgID")]
    remote_org_id: Option<String>,
    #[serde(rename = "allowInsecureTLS")]
    allow_insecure_tls: Option<bool>,
    protocol: Option<Protocol>,
}

impl RemoteBody {
    fn remote_org(&self) -> Result<Option<Id>, ApiError> {
        let id = self.remote_org_id.as_deref().filter(|id| !id.is_empty());
        id.map(parse_id).transpose()
    }
}

async fn list(
    request: HttpRequest,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let params = Params::of(&request);
    let (name, url) = (params.get("name"), params.get("remoteURL"));
    let found = listed(&state.catalog.remotes, &state, &identity, KIND, &params)?;
    let found = found.iter().filter(|remote| {
        name.is_none_or(|name| remote.name == name) && url.is_none_or(|url| remote.url == url)
    });
    let found: Vec<Value> = found.map(shown).collect();
    Ok(HttpResponse::Ok().json(json!({ "remotes": found })))
}

async fn create(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let body: RemoteBody = json_body(&request, payload).await?;
    let now = now_ns();
    let remote = Remote {
        id: Id::random(),
        org: org_to_write(&state, &identity, KIND, body.org_id.as_deref())?,
        remote_org: body.remote_org()?,
        name: body.name.unwrap_or_default(),
        description: body.description,
        url: body.remote_url.unwrap_or_default(),
        token: RemoteToken(body.remote_api_token.unwrap_or_default()),
        allow_insecure_tls: body.allow_insecure_tls.unwrap_or_default(),
        protocol: body.protocol.unwrap_or_default(),
        created: now,
        updated: now,
    };
    let remotes = &state.catalog.remotes;
    let remote = remotes.create(remote.clone(), |_| remote.check())?;
    Ok(HttpResponse::Created().json(shown(&remote)))
}

async fn find(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let found = visible(&state.catalog.remotes, &identity, KIND, &id, Action::Read)?;
    Ok(HttpResponse::Ok().json(shown(&found)))
}

async fn update(
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let remotes = &state.catalog.remotes;
    let found = visible(remotes, &identity, KIND, &id, Action::Write)?;
    let body: RemoteBody = json_body(&request, payload).await?;
    let remote_org = body.remote_org()?;
    let changed = remotes.update(found.id, |_, remote| {
        remote.remote_org = remote_org.or(remote.remote_org);
        remote.name = body.name.unwrap_or_else(|| remote.name.clone());
        remote.description = body.description.or_else(|| remote.description.take());
        remote.url = body.remote_url.unwrap_or_else(|| remote.url.clone());
        if let Some(token) = body.remote_api_token {
            remote.token = RemoteToken(token);
        }
        let insecure = body.allow_insecure_tls;
        remote.allow_insecure_tls = insecure.unwrap_or(remote.allow_insecure_tls);
        remote.protocol = body.protocol.unwrap_or(remote.protocol);
        remote.updated = now_ns();
        remote.check()
    })?;
    state.replicator.refresh();
    Ok(HttpResponse::Ok().json(shown(&changed)))
}

async fn remove(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let found = visible(&state.catalog.remotes, &identity, KIND, &id, Action::Write)?;
    state.catalog.delete_remote(found.id)?;
    Ok(HttpResponse::NoContent().finish())
}
