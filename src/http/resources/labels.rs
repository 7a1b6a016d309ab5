//! `/api/v2/labels`, and `labels` of resources that can have them.

use super::documents::{is_taken, json_body, listed, org_to_write, visible};
use crate::catalog::{Action, CatalogError, Label};
use crate::http::AppState;
use crate::http::auth::Identity;
use crate::http::error::ApiError;
use crate::http::params::{Params, parse_id};
use crate::http::routes::closed;
use crate::model::{Id, OrgId};
use actix_web::web::{Data, Path, Payload, ServiceConfig, delete, get, patch, post};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::future::ready;

const KIND: &str = "labels";

/// Resources with labels: the first part of their path and their type in permissions.
const LABELLED: [&str; 4] = ["buckets", "tasks", "telegrafs", "variables"];

pub fn configure(config: &mut ServiceConfig) {
    config
        .service(
            closed("/labels", "GET, POST")
                .route(get().to(list))
                .route(post().to(create)),
        )
        .service(
            closed("/labels/{id}", "DELETE, GET, PATCH")
                .route(get().to(find))
                .route(patch().to(update))
                .route(delete().to(remove)),
        );
    for kind in LABELLED {
        let list = move |id, state, identity| ready(attached(kind, id, state, identity));
        let add = move |id, request, payload, state, identity| {
            attach(kind, id, request, payload, state, identity)
        };
        let take = move |ids, state, identity| ready(detach(kind, ids, state, identity));
        config
            .service(
                closed(&format!("/{kind}/{{id}}/labels"), "GET, POST")
                    .route(get().to(list))
                    .route(post().to(add)),
            )
            .service(
                closed(&format!("/{kind}/{{id}}/labels/{{label}}"), "DELETE")
                    .route(delete().to(take)),
            );
    }
}

fn shown(label: &Label) -> Value {
    json!({
        "id": label.id,
        "orgID": label.org,
        "name": label.name,
        "properties": label.properties,
    })
}

/// As they stand in the resources that have them.
pub fn labels_json(state: &AppState, resource: Id) -> Value {
    let labels = state.catalog.labels_of(resource);
    labels.iter().map(shown).collect()
}

fn one(label: &Label) -> Value {
    json!({
        "label": shown(label),
        "links": { "self": format!("/api/v2/labels/{}", label.id) },
    })
}

async fn list(
    request: HttpRequest,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let params = Params::of(&request);
    let labels = listed(&state.catalog.labels, &state, &identity, KIND, &params)?;
    let labels: Vec<Value> = labels.iter().map(shown).collect();
    Ok(HttpResponse::Ok().json(json!({
        "labels": labels,
        "links": { "self": "/api/v2/labels" },
    })))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct LabelBody {
    #[serde(rename = "orgID")]
    org_id: Option<String>,
    name: Option<String>,
    properties: Option<BTreeMap<String, String>>,
}

fn check(all: &BTreeMap<Id, Label>, label: &Label) -> Result<(), CatalogError> {
    if label.name.is_empty() {
        return Err(CatalogError::Invalid("label name is required".to_owned()));
    }
    if is_taken(all, label, |label| &label.name) {
        return Err(CatalogError::Conflict(format!(
            "label with name {} already exists",
            label.name
        )));
    }
    Ok(())
}

async fn create(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let body: LabelBody = json_body(&request, payload).await?;
    let label = Label {
        id: Id::random(),
        org: org_to_write(&state, &identity, KIND, body.org_id.as_deref())?,
        name: body.name.unwrap_or_default().trim().to_owned(),
        properties: body.properties.unwrap_or_default(),
        attached: BTreeSet::new(),
    };
    let labels = &state.catalog.labels;
    let label = labels.create(label.clone(), |all| check(all, &label))?;
    Ok(HttpResponse::Created().json(one(&label)))
}

async fn find(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let label = visible(&state.catalog.labels, &identity, KIND, &id, Action::Read)?;
    Ok(HttpResponse::Ok().json(one(&label)))
}

async fn update(
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let labels = &state.catalog.labels;
    let label = visible(labels, &identity, KIND, &id, Action::Write)?;
    let body: LabelBody = json_body(&request, payload).await?;
    let label = labels.update(label.id, |all, label| {
        if let Some(name) = body.name {
            name.trim().clone_into(&mut label.name);
        }
        for (key, value) in body.properties.unwrap_or_default() {
            // An empty value takes the property away.
            if value.is_empty() {
                label.properties.remove(&key);
            } else {
                label.properties.insert(key, value);
            }
        }
        check(all, label)
    })?;
    Ok(HttpResponse::Ok().json(one(&label)))
}

async fn remove(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let label = visible(&state.catalog.labels, &identity, KIND, &id, Action::Write)?;
    state.catalog.labels.delete(label.id)?;
    Ok(HttpResponse::NoContent().finish())
}

/// The id and org of a resource that the asker may see or change.
fn resource(
    state: &AppState,
    identity: &Identity,
    kind: &str,
    id: &str,
    action: Action,
) -> Result<(Id, OrgId), ApiError> {
    let catalog = &state.catalog;
    match kind {
        "tasks" => {
            visible(&state.tasks.tasks, identity, kind, id, action).map(|task| (task.id, task.org))
        }
        "variables" => visible(&catalog.variables, identity, kind, id, action)
            .map(|variable| (variable.id, variable.org)),
        "telegrafs" => visible(&catalog.telegrafs, identity, kind, id, action)
            .map(|telegraf| (telegraf.id, telegraf.org)),
        _ => super::buckets::visible(state, identity, id, action)
            .map(|bucket| (bucket.id, bucket.org)),
    }
}

fn attached(
    kind: &'static str,
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let (id, _) = resource(&state, &identity, kind, &id, Action::Read)?;
    Ok(HttpResponse::Ok().json(json!({
        "labels": labels_json(&state, id),
        "links": { "self": format!("/api/v2/{kind}/{id}/labels") },
    })))
}

#[derive(Deserialize)]
struct AttachBody {
    #[serde(rename = "labelID")]
    label_id: String,
}

async fn attach(
    kind: &'static str,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let (id, org) = resource(&state, &identity, kind, &id, Action::Write)?;
    let body: AttachBody = json_body(&request, payload).await?;
    let label = state.catalog.labels.find(parse_id(&body.label_id)?)?;
    // Of another org it is none that there is.
    if label.org != org {
        return Err(ApiError::not_found("label not found"));
    }
    identity.must(Action::Read, KIND, Some(label.id), Some(org))?;
    let label = state.catalog.attach_label(label.id, id)?;
    Ok(HttpResponse::Created().json(one(&label)))
}

fn detach(
    kind: &'static str,
    ids: Path<(String, String)>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let (id, label) = ids.into_inner();
    let (id, _) = resource(&state, &identity, kind, &id, Action::Write)?;
    state.catalog.detach_label(parse_id(&label)?, id)?;
    Ok(HttpResponse::NoContent().finish())
}
