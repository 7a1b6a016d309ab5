//! `/api/v2/variables`: what dashboards put into their queries.

use super::documents::{is_taken, json_body, listed, org_to_write, visible};
use super::labels::labels_json;
use crate::catalog::{Action, CatalogError, Variable};
use crate::clock::now_ns;
use crate::http::AppState;
use crate::http::auth::Identity;
use crate::http::error::ApiError;
use crate::http::params::Params;
use crate::http::routes::closed;
use crate::model::Id;
use crate::query::text::rfc3339;
use actix_web::web::{Data, Path, Payload, ServiceConfig, delete, get, patch, post, put};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const KIND: &str = "variables";

pub fn configure(config: &mut ServiceConfig) {
    config
        .service(
            closed("/variables", "GET, POST")
                .route(get().to(list))
                .route(post().to(create)),
        )
        .service(
            closed("/variables/{id}", "DELETE, GET, PATCH, PUT")
                .route(get().to(find))
                .route(patch().to(update))
                .route(put().to(replace))
                .route(delete().to(remove)),
        );
}

fn shown(state: &AppState, variable: &Variable) -> Value {
    let own = format!("/api/v2/variables/{}", variable.id);
    json!({
        "id": variable.id,
        "orgID": variable.org,
        "name": variable.name,
        "description": variable.description,
        "selected": variable.selected,
        "arguments": variable.arguments,
        "createdAt": rfc3339(variable.created),
        "updatedAt": rfc3339(variable.updated),
        "labels": labels_json(state, variable.id),
        "links": {
            "self": own,
            "labels": format!("{own}/labels"),
            "org": format!("/api/v2/orgs/{}", variable.org),
        },
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct VariableBody {
    #[serde(rename = "orgID")]
    org_id: Option<String>,
    name: Option<String>,
    description: Option<String>,
    selected: Option<Vec<String>>,
    arguments: Option<Value>,
}

/// Constants are a list of texts, maps texts by names, queries a text and a language.
fn check_arguments(arguments: &Value) -> Result<(), CatalogError> {
    let values = arguments.get("values");
    let right = match arguments.get("type").and_then(Value::as_str) {
        Some("constant") => values
            .and_then(Value::as_array)
            .is_some_and(|values| values.iter().all(Value::is_string)),
        Some("map") => values
            .and_then(Value::as_object)
            .is_some_and(|values| values.values().all(Value::is_string)),
        Some("query") => ["query", "language"].iter().all(|key| {
            let text = values.and_then(|values| values.get(key));
            text.is_some_and(Value::is_string)
        }),
        _ => {
            return Err(CatalogError::Invalid(
                "unknown arguments type: it must be \"constant\", \"map\" or \"query\"".to_owned(),
            ));
        }
    };
    if right {
        return Ok(());
    }
    Err(CatalogError::Invalid(
        "the values of the arguments don't fit their type".to_owned(),
    ))
}

fn check(all: &BTreeMap<Id, Variable>, variable: &Variable) -> Result<(), CatalogError> {
    if variable.name.is_empty() {
        return Err(CatalogError::Invalid("missing variable name".to_owned()));
    }
    check_arguments(&variable.arguments)?;
    if is_taken(all, variable, |variable| &variable.name) {
        return Err(CatalogError::Conflict(format!(
            "variable is not unique: there is one with name {}",
            variable.name
        )));
    }
    Ok(())
}

async fn list(
    request: HttpRequest,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let params = Params::of(&request);
    let found = listed(&state.catalog.variables, &state, &identity, KIND, &params)?;
    let found: Vec<Value> = found.iter().map(|found| shown(&state, found)).collect();
    Ok(HttpResponse::Ok().json(json!({
        "variables": found,
        "links": { "self": "/api/v2/variables" },
    })))
}

async fn create(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let body: VariableBody = json_body(&request, payload).await?;
    let now = now_ns();
    let variable = Variable {
        id: Id::random(),
        org: org_to_write(&state, &identity, KIND, body.org_id.as_deref())?,
        name: body.name.unwrap_or_default().trim().to_owned(),
        description: body.description.unwrap_or_default(),
        selected: body.selected.unwrap_or_default(),
        arguments: body.arguments.unwrap_or_default(),
        created: now,
        updated: now,
    };
    let variables = &state.catalog.variables;
    let variable = variables.create(variable.clone(), |all| check(all, &variable))?;
    Ok(HttpResponse::Created().json(shown(&state, &variable)))
}

async fn find(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let found = visible(&state.catalog.variables, &identity, KIND, &id, Action::Read)?;
    Ok(HttpResponse::Ok().json(shown(&state, &found)))
}

async fn update(
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let variables = &state.catalog.variables;
    let found = visible(variables, &identity, KIND, &id, Action::Write)?;
    let body: VariableBody = json_body(&request, payload).await?;
    let changed = variables.update(found.id, |all, variable| {
        if let Some(name) = body.name {
            name.trim().clone_into(&mut variable.name);
        }
        variable.description = body
            .description
            .unwrap_or_else(|| variable.description.clone());
        variable.selected = body.selected.unwrap_or_else(|| variable.selected.clone());
        variable.arguments = body.arguments.unwrap_or_else(|| variable.arguments.clone());
        variable.updated = now_ns();
        check(all, variable)
    })?;
    Ok(HttpResponse::Ok().json(shown(&state, &changed)))
}

/// Everything but id, org and time of making as the body says.
async fn replace(
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let variables = &state.catalog.variables;
    let found = visible(variables, &identity, KIND, &id, Action::Write)?;
    let body: VariableBody = json_body(&request, payload).await?;
    let changed = variables.update(found.id, |all, variable| {
        body.name
            .unwrap_or_default()
            .trim()
            .clone_into(&mut variable.name);
        variable.description = body.description.unwrap_or_default();
        variable.selected = body.selected.unwrap_or_default();
        variable.arguments = body.arguments.unwrap_or_default();
        variable.updated = now_ns();
        check(all, variable)
    })?;
    Ok(HttpResponse::Ok().json(shown(&state, &changed)))
}

async fn remove(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let found = visible(
        &state.catalog.variables,
        &identity,
        KIND,
        &id,
        Action::Write,
    )?;
    state.catalog.variables.delete(found.id)?;
    Ok(HttpResponse::NoContent().finish())
}
