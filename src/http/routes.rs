//! The table of routes, and what every answer carries.

use super::auth::identify;
use super::error::ApiError;
use super::resources::{
    authorizations, buckets, cardinality, dbrps, labels, legacy, orgs, people, rejected, remotes,
    replications, secrets, tasks, telegrafs, users, variables,
};
use super::{
    AppState, BUILD, COMPATIBLE_VERSION, backup, delete as delete_points, health, metrics, query,
    session, setup, v1, write,
};
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    HeaderName, HeaderValue, ORIGIN,
};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::{self, Data, ServiceConfig, delete, get, head, patch, post, put};
use actix_web::{Error, HttpRequest, HttpResponse, Resource};
use serde_json::json;
use std::time::Instant;

const VERSION_HEADER: HeaderName = HeaderName::from_static("x-influxdb-version");
const BUILD_HEADER: HeaderName = HeaderName::from_static("x-influxdb-build");

/// A resource that needs no one to be known, even for wrong methods.
fn open(path: &str, allow: &'static str) -> Resource {
    web::resource(path.to_owned()).default_service(web::to(move || async move {
        Err::<HttpResponse, _>(ApiError::method_not_allowed(allow))
    }))
}

/// A resource for known askers: wrong methods are answered after they are known.
pub fn closed(path: &str, allow: &'static str) -> Resource {
    web::resource(path.to_owned()).default_service(web::to(
        move |request: HttpRequest, state: Data<AppState>| async move {
            identify(&state, &request)?;
            Err::<HttpResponse, _>(ApiError::method_not_allowed(allow))
        },
    ))
}

pub fn configure(config: &mut ServiceConfig) {
    config
        .service(open("/health", "GET").route(get().to(health::health)))
        .service(open("/ready", "GET").route(get().to(health::ready)))
        .service(
            open("/ping", "GET, HEAD")
                .route(get().to(health::ping))
                .route(head().to(health::ping)),
        )
        .service(open("/metrics", "GET").route(get().to(metrics::metrics)))
        .service(open("/write", "POST").route(post().to(v1::write)))
        .service(
            open("/query", "GET, POST")
                .route(get().to(v1::query))
                .route(post().to(v1::query)),
        )
        .configure(legacy::configure)
        .service(
            web::scope("/api/v2")
                .configure(configure_v2)
                .default_service(web::to(unknown_api)),
        )
        .default_service(web::to(unknown));
}

fn configure_v2(config: &mut ServiceConfig) {
    config
        .service(open("", "GET").route(get().to(links)))
        .service(
            open("/setup", "GET, POST")
                .route(get().to(setup::allowed))
                .route(post().to(setup::setup)),
        )
        .service(open("/signin", "POST").route(post().to(session::signin)))
        .service(open("/signout", "POST").route(post().to(session::signout)))
        .service(closed("/write", "POST").route(post().to(write::write)))
        .service(closed("/delete", "POST").route(post().to(delete_points::delete)))
        .service(closed("/query", "POST").route(post().to(query::query)))
        .service(closed("/query/analyze", "POST").route(post().to(query::analyze)))
        .service(closed("/query/ast", "POST").route(post().to(query::ast)))
        .service(closed("/query/suggestions", "GET").route(get().to(query::suggestions)))
        .service(closed("/query/suggestions/{name}", "GET").route(get().to(query::suggestion)))
        .service(closed("/me", "GET").route(get().to(session::me)))
        .service(closed("/me/password", "PUT").route(put().to(session::set_own_password)))
        .service(closed("/backup/checkpoints", "POST").route(post().to(backup::create)))
        .service(closed("/backup/checkpoints/{id}", "DELETE").route(delete().to(backup::release)))
        .service(closed("/backup/checkpoints/{id}/{name}", "GET").route(get().to(backup::file)))
        .configure(dbrps::configure)
        .configure(labels::configure)
        .configure(people::configure)
        .configure(secrets::configure)
        .configure(tasks::configure)
        .configure(remotes::configure)
        .configure(replications::configure)
        .configure(telegrafs::configure)
        .configure(variables::configure)
        .configure(configure_resources);
}

fn configure_resources(config: &mut ServiceConfig) {
    const ALL: &str = "DELETE, GET, PATCH";
    config
        .service(
            closed("/orgs", "GET, POST")
                .route(get().to(orgs::list))
                .route(post().to(orgs::create)),
        )
        .service(
            closed("/orgs/{id}", ALL)
                .route(get().to(orgs::get))
                .route(patch().to(orgs::update))
                .route(delete().to(orgs::delete)),
        )
        .service(
            closed("/buckets", "GET, POST")
                .route(get().to(buckets::list))
                .route(post().to(buckets::create)),
        )
        .service(
            closed("/buckets/{id}", ALL)
                .route(get().to(buckets::get))
                .route(patch().to(buckets::update))
                .route(delete().to(buckets::delete)),
        )
        .service(closed("/buckets/{id}/cardinality", "GET").route(get().to(cardinality::get)))
        .service(closed("/buckets/{id}/rejected", "GET").route(get().to(rejected::list)))
        .service(
            closed("/users", "GET, POST")
                .route(get().to(users::list))
                .route(post().to(users::create)),
        )
        .service(
            closed("/users/{id}", ALL)
                .route(get().to(users::get))
                .route(patch().to(users::update))
                .route(delete().to(users::delete)),
        )
        .service(
            closed("/users/{id}/password", "POST, PUT")
                .route(post().to(users::set_password))
                .route(put().to(users::change_password)),
        )
        .service(closed("/users/{id}/permissions", "GET").route(get().to(users::permissions)))
        .service(
            closed("/authorizations", "GET, POST")
                .route(get().to(authorizations::list))
                .route(post().to(authorizations::create)),
        )
        .service(
            closed("/authorizations/{id}", ALL)
                .route(get().to(authorizations::get))
                .route(patch().to(authorizations::update))
                .route(delete().to(authorizations::delete)),
        );
}

/// `GET /api/v2`: what there is.
async fn links() -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "authorizations": "/api/v2/authorizations",
        "buckets": "/api/v2/buckets",
        "dbrps": "/api/v2/dbrps",
        "delete": "/api/v2/delete",
        "labels": "/api/v2/labels",
        "me": "/api/v2/me",
        "orgs": "/api/v2/orgs",
        "remotes": "/api/v2/remotes",
        "replications": "/api/v2/replications",
        "query": {
            "self": "/api/v2/query",
            "ast": "/api/v2/query/ast",
            "analyze": "/api/v2/query/analyze",
            "suggestions": "/api/v2/query/suggestions",
        },
        "setup": "/api/v2/setup",
        "signin": "/api/v2/signin",
        "signout": "/api/v2/signout",
        "system": { "metrics": "/metrics", "health": "/health", "ready": "/ready" },
        "tasks": "/api/v2/tasks",
        "telegrafs": "/api/v2/telegrafs",
        "users": "/api/v2/users",
        "variables": "/api/v2/variables",
        "write": "/api/v2/write",
    }))
}

/// An unknown API path: only those who are known hear that.
async fn unknown_api(
    request: HttpRequest,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    identify(&state, &request)?;
    Err(ApiError::not_found("path not found"))
}

async fn unknown() -> Result<HttpResponse, ApiError> {
    Err(ApiError::not_found("path not found"))
}

/// Version headers, CORS for `/api/v2`, and a line in the metrics.
pub async fn with_headers(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<actix_web::body::BoxBody>, Error> {
    let started = Instant::now();
    let method = request.method().clone();
    let origin = request
        .headers()
        .get(ORIGIN)
        .filter(|_| request.path().starts_with("/api/v2"))
        .cloned();
    let state = request.app_data::<Data<AppState>>().cloned();
    let mut response = if method == Method::OPTIONS && request.path().starts_with("/api/v2") {
        let status = if origin.is_some() {
            StatusCode::NO_CONTENT
        } else {
            StatusCode::METHOD_NOT_ALLOWED
        };
        request
            .into_response(HttpResponse::new(status))
            .map_into_boxed_body()
    } else {
        next.call(request).await?.map_into_boxed_body()
    };
    if let Some(state) = state {
        let route = response
            .request()
            .match_pattern()
            .unwrap_or_else(|| "unknown".to_owned());
        state.metrics.add(
            &route,
            method.as_str(),
            response.status().as_u16(),
            started.elapsed(),
        );
    }
    let headers = response.headers_mut();
    headers.insert(VERSION_HEADER, HeaderValue::from_static(COMPATIBLE_VERSION));
    headers.insert(BUILD_HEADER, HeaderValue::from_static(BUILD));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if method == Method::OPTIONS {
            headers.insert(
                ACCESS_CONTROL_ALLOW_METHODS,
                HeaderValue::from_static("POST, GET, OPTIONS, PUT, DELETE, PATCH"),
            );
            headers.insert(
                ACCESS_CONTROL_ALLOW_HEADERS,
                HeaderValue::from_static(
                    "Accept, Content-Type, Content-Length, Accept-Encoding, Authorization, User-Agent",
                ),
            );
        }
    }
    Ok(response)
}
