//! `/api/v2/tasks`, their runs and logs.

use super::authorizations::org_named;
use super::documents::{json_body, listed, org_to_write, visible};
use super::labels::labels_json;
use crate::catalog::Action;
use crate::clock::now_ns;
use crate::http::AppState;
use crate::http::auth::Identity;
use crate::http::error::ApiError;
use crate::http::params::{Params, parse_id};
use crate::http::routes::closed;
use crate::model::Id;
use crate::query::text::{parse_rfc3339, rfc3339};
use crate::tasks::{Change, LogLine, Run, Task, TaskError, TaskOptions, options};
use actix_web::web::{Data, Path, Payload, ServiceConfig, delete, get, patch, post};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

const KIND: &str = "tasks";
const LIMIT_MAX: usize = 500;
const LIMIT: usize = 100;

pub fn configure(config: &mut ServiceConfig) {
    config
        .service(
            closed("/tasks", "GET, POST")
                .route(get().to(list))
                .route(post().to(create)),
        )
        .service(
            closed("/tasks/{id}", "DELETE, GET, PATCH")
                .route(get().to(find))
                .route(patch().to(update))
                .route(delete().to(remove)),
        )
        .service(
            closed("/tasks/{id}/runs", "GET, POST")
                .route(get().to(list_runs))
                .route(post().to(force)),
        )
        .service(
            closed("/tasks/{id}/runs/{run}", "DELETE, GET")
                .route(get().to(find_run))
                .route(delete().to(cancel)),
        )
        .service(closed("/tasks/{id}/runs/{run}/retry", "POST").route(post().to(retry)))
        .service(closed("/tasks/{id}/runs/{run}/logs", "GET").route(get().to(run_logs)))
        .service(closed("/tasks/{id}/logs", "GET").route(get().to(logs)));
}

impl From<TaskError> for ApiError {
    fn from(error: TaskError) -> Self {
        match error {
            TaskError::Invalid(message) => Self::invalid(message),
            TaskError::Catalog(error) => error.into(),
        }
    }
}

fn shown(state: &AppState, task: &Task) -> Value {
    let own = format!("/api/v2/tasks/{}", task.id);
    let org = state.catalog.org(task.org).map(|org| org.name);
    let mut json = json!({
        "links": {
            "self": own,
            "labels": format!("{own}/labels"),
            "runs": format!("{own}/runs"),
            "logs": format!("{own}/logs"),
        },
        "labels": labels_json(state, task.id),
        "id": task.id,
        "orgID": task.org,
        "org": org.unwrap_or_default(),
        "ownerID": task.owner,
        "description": task.description,
        "status": status(task.active),
        "flux": task.flux,
        "createdAt": rfc3339(task.created),
        "updatedAt": rfc3339(task.updated),
    });
    let options = TaskOptions::read(&task.flux).ok();
    let optional = [
        ("name", options.as_ref().map(|options| options.name.clone())),
        (
            "every",
            options.as_ref().and_then(|options| options.every.clone()),
        ),
        (
            "cron",
            options.as_ref().and_then(|options| options.cron.clone()),
        ),
        ("offset", options.and_then(|options| options.offset)),
        ("latestScheduled", Some(rfc3339(task.scheduled))),
        ("latestCompleted", task.completed.map(rfc3339)),
        ("latestSuccess", task.succeeded.map(rfc3339)),
        (
            "lastRunStatus",
            task.last_status.map(|status| status.name().to_owned()),
        ),
        ("lastRunError", task.last_error.clone()),
    ];
    put(&mut json, optional);
    json
}

fn put<const N: usize>(json: &mut Value, optional: [(&str, Option<String>); N]) {
    if let Some(json) = json.as_object_mut() {
        for (name, value) in optional {
            if let Some(value) = value {
                json.insert(name.to_owned(), json!(value));
            }
        }
    }
}

const fn status(active: bool) -> &'static str {
    if active { "active" } else { "inactive" }
}

fn is_active(status: Option<&str>, default: bool) -> Result<bool, ApiError> {
    match status {
        None => Ok(default),
        Some("active") => Ok(true),
        Some("inactive") => Ok(false),
        Some(other) => Err(ApiError::invalid(format!(
            "invalid task status {other:?}: it must be active or inactive"
        ))),
    }
}

fn line_json(run: Id, line: &LogLine) -> Value {
    json!({ "runID": run, "time": rfc3339(line.time), "message": line.message })
}

fn run_json(run: &Run) -> Value {
    let task = format!("/api/v2/tasks/{}", run.task);
    let own = format!("{task}/runs/{}", run.id);
    let log: Vec<Value> = run.log.iter().map(|line| line_json(run.id, line)).collect();
    let mut json = json!({
        "links": {
            "self": own,
            "task": task,
            "retry": format!("{own}/retry"),
            "logs": format!("{own}/logs"),
        },
        "id": run.id,
        "taskID": run.task,
        "status": run.status.name(),
        "scheduledFor": rfc3339(run.scheduled_for),
        "log": log,
    });
    let optional = [
        ("requestedAt", run.requested.map(rfc3339)),
        ("startedAt", run.started.map(rfc3339)),
        ("finishedAt", run.finished.map(rfc3339)),
    ];
    put(&mut json, optional);
    json
}

fn limit(params: &Params) -> Result<usize, ApiError> {
    let Some(text) = params.get("limit") else {
        return Ok(LIMIT);
    };
    let limit = text
        .parse()
        .ok()
        .filter(|limit| (1..=LIMIT_MAX).contains(limit));
    limit.ok_or_else(|| ApiError::invalid(format!("limit must be between 1 and {LIMIT_MAX}")))
}

fn time(params: &Params, name: &str) -> Result<Option<i64>, ApiError> {
    let read = |text: &str| {
        parse_rfc3339(text)
            .ok_or_else(|| ApiError::invalid(format!("{name} {text:?} is no RFC3339 time")))
    };
    params.get(name).map(read).transpose()
}

async fn list(
    request: HttpRequest,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let params = Params::of(&request);
    let limit = limit(&params)?;
    let (after, user) = (params.id("after")?, params.id("user")?);
    let active = match params.get("status") {
        None => None,
        some => Some(is_active(some, true)?),
    };
    let found = listed(&state.tasks.tasks, &state, &identity, KIND, &params)?;
    let wanted = |task: &&Task| {
        let name = params.get("name").is_none_or(|name| {
            TaskOptions::read(&task.flux).is_ok_and(|options| options.name == name)
        });
        name && after.is_none_or(|after| task.id > after)
            && user.is_none_or(|user| task.owner == user)
            && active.is_none_or(|active| task.active == active)
    };
    let tasks: Vec<&Task> = found.iter().filter(wanted).take(limit).collect();
    let mut links = json!({ "self": "/api/v2/tasks" });
    if let Some(last) = tasks.last().filter(|_| tasks.len() == limit) {
        let next = format!("/api/v2/tasks?after={}&limit={limit}", last.id);
        put(&mut links, [("next", Some(next))]);
    }
    let tasks: Vec<Value> = tasks.into_iter().map(|task| shown(&state, task)).collect();
    Ok(HttpResponse::Ok().json(json!({ "links": links, "tasks": tasks })))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct TaskBody {
    #[serde(rename = "orgID")]
    org_id: Option<String>,
    org: Option<String>,
    flux: Option<String>,
    status: Option<String>,
    description: Option<String>,
    name: Option<String>,
    every: Option<String>,
    cron: Option<String>,
    offset: Option<String>,
}

async fn create(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let body: TaskBody = json_body(&request, payload).await?;
    let named = org_named(&state, body.org.as_deref())?.map(|org| org.to_string());
    let org = body.org_id.or(named);
    let org = org_to_write(&state, &identity, KIND, org.as_deref())?;
    let flux = body.flux.unwrap_or_default();
    if flux.trim().is_empty() {
        return Err(ApiError::invalid("a task needs flux"));
    }
    TaskOptions::read(&flux)?;
    let now = now_ns();
    let task = Task {
        id: Id::random(),
        org,
        owner: identity.user,
        permissions: identity.permissions.to_vec(),
        description: body.description.unwrap_or_default(),
        active: is_active(body.status.as_deref(), true)?,
        flux,
        scheduled: now,
        completed: None,
        succeeded: None,
        last_status: None,
        last_error: None,
        created: now,
        updated: now,
    };
    let task = state.tasks.tasks.create(task, |_| Ok(()))?;
    state.tasks.changed();
    Ok(HttpResponse::Created().json(shown(&state, &task)))
}

fn task(state: &AppState, identity: &Identity, id: &str, action: Action) -> Result<Task, ApiError> {
    visible(&state.tasks.tasks, identity, KIND, id, action)
}

async fn find(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let task = task(&state, &identity, &id, Action::Read)?;
    Ok(HttpResponse::Ok().json(shown(&state, &task)))
}

async fn update(
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let found = task(&state, &identity, &id, Action::Write)?;
    let body: TaskBody = json_body(&request, payload).await?;
    let mut flux = body.flux.clone().unwrap_or_else(|| found.flux.clone());
    let change = Change {
        name: body.name,
        every: body.every,
        cron: body.cron,
        offset: body.offset,
    };
    if !change.is_empty() {
        flux = options::changed(&flux, &change)?;
    }
    TaskOptions::read(&flux)?;
    let active = is_active(body.status.as_deref(), found.active)?;
    let task = state.tasks.tasks.update(found.id, |_, task| {
        let now = now_ns();
        if task.flux != flux {
            task.flux = flux;
            // Who writes the text lends it what they may.
            task.owner = identity.user;
            task.permissions = identity.permissions.to_vec();
        }
        if active && !task.active {
            // Times that passed while it was inactive are not made up for.
            task.scheduled = now;
        }
        task.active = active;
        if let Some(description) = body.description {
            task.description = description;
        }
        task.updated = now.max(task.updated + 1);
        Ok(())
    })?;
    state.tasks.changed();
    Ok(HttpResponse::Ok().json(shown(&state, &task)))
}

async fn remove(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let task = task(&state, &identity, &id, Action::Write)?;
    state.tasks.delete(task.id)?;
    Ok(HttpResponse::NoContent().finish())
}

async fn list_runs(
    id: Path<String>,
    request: HttpRequest,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let task = task(&state, &identity, &id, Action::Read)?;
    let params = Params::of(&request);
    let limit = limit(&params)?;
    let (from, to) = (time(&params, "afterTime")?, time(&params, "beforeTime")?);
    let after = params.id("after")?;
    let runs = state.tasks.runs_of(task.id);
    let from_there = match after {
        None => 0,
        Some(after) => runs
            .iter()
            .position(|run| run.id == after)
            .map_or(0, |at| at + 1),
    };
    let wanted = |run: &&Run| {
        from.is_none_or(|from| run.scheduled_for > from)
            && to.is_none_or(|to| run.scheduled_for < to)
    };
    let runs = runs.iter().skip(from_there).filter(wanted).take(limit);
    let runs: Vec<Value> = runs.map(run_json).collect();
    let own = format!("/api/v2/tasks/{}", task.id);
    Ok(HttpResponse::Ok().json(json!({
        "links": { "self": format!("{own}/runs"), "task": own },
        "runs": runs,
    })))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ForceBody {
    #[serde(rename = "scheduledFor")]
    scheduled_for: Option<String>,
}

async fn force(
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let task = task(&state, &identity, &id, Action::Write)?;
    let body = crate::http::body::read(&request, payload, 1 << 16).await?;
    let body: ForceBody = match body.is_empty() {
        true => ForceBody::default(),
        false => crate::http::params::parse_json(&body, "invalid json structure")?,
    };
    let scheduled_for = match body
        .scheduled_for
        .as_deref()
        .filter(|text| !text.is_empty())
    {
        None => now_ns() / 1_000_000_000 * 1_000_000_000,
        Some(text) => parse_rfc3339(text).ok_or_else(|| {
            ApiError::invalid(format!("scheduledFor {text:?} is no RFC3339 time"))
        })?,
    };
    let run = state.tasks.force(&task, scheduled_for)?;
    Ok(HttpResponse::Created().json(run_json(&run)))
}

fn run_of(
    state: &AppState,
    identity: &Identity,
    (id, run): &(String, String),
    action: Action,
) -> Result<(Task, Run), ApiError> {
    let task = task(state, identity, id, action)?;
    let run = state.tasks.run_of(task.id, parse_id(run)?)?;
    Ok((task, run))
}

async fn find_run(
    ids: Path<(String, String)>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let (_, run) = run_of(&state, &identity, &ids, Action::Read)?;
    Ok(HttpResponse::Ok().json(run_json(&run)))
}

async fn cancel(
    ids: Path<(String, String)>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let (task, run) = run_of(&state, &identity, &ids, Action::Write)?;
    state.tasks.cancel(task.id, run.id)?;
    Ok(HttpResponse::NoContent().finish())
}

/// The same time once more.
async fn retry(
    ids: Path<(String, String)>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let (task, run) = run_of(&state, &identity, &ids, Action::Write)?;
    if !run.status.is_over() {
        return Err(ApiError::conflict("the run is not over yet"));
    }
    let run = state.tasks.force(&task, run.scheduled_for)?;
    Ok(HttpResponse::Ok().json(run_json(&run)))
}

fn events<'r>(runs: impl Iterator<Item = &'r Run>) -> HttpResponse {
    let lines = runs.flat_map(|run| run.log.iter().map(|line| line_json(run.id, line)));
    HttpResponse::Ok().json(json!({ "events": lines.collect::<Vec<_>>() }))
}

async fn run_logs(
    ids: Path<(String, String)>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let (_, run) = run_of(&state, &identity, &ids, Action::Read)?;
    Ok(events(std::iter::once(&run)))
}

async fn logs(
    id: Path<String>,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let task = task(&state, &identity, &id, Action::Read)?;
    let runs = state.tasks.runs_of(task.id);
    Ok(events(runs.iter().rev()))
}
