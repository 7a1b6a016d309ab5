//! `POST /api/v2/query`: Flux in, annotated CSV out.

use super::AppState;
use super::auth::Identity;
use super::body;
use super::error::ApiError;
use super::output::{self, Answer};
use super::params::{Params, parse_json};
use super::write::find_org;
use crate::catalog::lookup::OrgLookup;
use crate::encode::annotated_csv::{Dialect, DialectJson};
use crate::query::flux::{self, FluxRequest};
use crate::query::text::parse_rfc3339;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

const QUERY_BYTES_MAX: usize = 4 << 20;
const CSV: &str = "text/csv; charset=utf-8";

#[derive(Deserialize, Default)]
struct QueryBody {
    #[serde(default)]
    query: String,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    dialect: Option<DialectJson>,
    #[serde(default)]
    now: Option<String>,
    #[serde(default, rename = "extern")]
    extern_ast: Option<Value>,
    #[serde(default)]
    params: Option<Value>,
}

pub async fn query(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let params = Params::of(&request);
    let decode = |error: &dyn std::fmt::Display| {
        ApiError::invalid(format!("failed to decode request body: {error}"))
    };
    let org = find_org(&state, &params).map_err(|error| {
        decode(
            &error
                .to_string()
                .split_once(": ")
                .map_or("", |(_, text)| text),
        )
    })?;
    let body = body::read(&request, payload, QUERY_BYTES_MAX).await?;
    let raw = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/vnd.flux"));
    let (flux_request, now_ns) = if raw {
        let text = String::from_utf8(body.to_vec()).map_err(|error| decode(&error))?;
        (FluxRequest::new(text, Dialect::default()), None)
    } else {
        decode_body(&body)?
    };
    let preference = Preference::of(&request);
    let permissions = identity.permissions.to_vec();
    let lookup = Arc::new(OrgLookup::new(state.catalog.clone(), org.id, permissions));
    let answer = Answer {
        content_type: CSV,
        request: &request,
        now_ns,
    };
    let response = output::run(&state, lookup, answer, move |ctx, out| match preference {
        Preference::Content => flux::execute(ctx, &flux_request, out),
        Preference::NoContent => flux::execute_without_output(ctx, &flux_request),
        Preference::NoContentWithError => flux::execute_for_errors(ctx, &flux_request, out),
    })
    .await?;
    Ok(match preference {
        Preference::NoContent => HttpResponse::NoContent().finish(),
        _ => response,
    })
}

/// What the `Prefer` header asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Preference {
    Content,
    /// 204 when the query ran.
    NoContent,
    /// 200 with nothing, or with the table of what went wrong while the query ran.
    NoContentWithError,
}

impl Preference {
    fn of(request: &HttpRequest) -> Self {
        match request.headers().get("Prefer").map(HeaderValue::as_bytes) {
            Some(b"return-no-content") => Self::NoContent,
            Some(b"return-no-content-with-error") => Self::NoContentWithError,
            _ => Self::Content,
        }
    }
}

fn decode_body(body: &[u8]) -> Result<(FluxRequest, Option<i64>), ApiError> {
    let decode = |text: String| ApiError::invalid(format!("failed to decode request body: {text}"));
    let body: QueryBody = serde_json::from_slice(body).map_err(|error| {
        decode(format!(
            "failed parsing request body as JSON; if sending a raw Flux script, set 'Content-Type: \
             application/vnd.flux' in your request headers: {error}"
        ))
    })?;
    if let Some(kind) = body.kind.filter(|kind| !kind.is_empty() && kind != "flux") {
        return Err(decode(format!("unknown query type: {kind}")));
    }
    if body.query.is_empty() {
        return Err(decode(
            "request body requires either query or AST".to_owned(),
        ));
    }
    let dialect = body
        .dialect
        .unwrap_or_default()
        .into_dialect()
        .map_err(decode)?;
    let now_ns = match body.now.as_deref().filter(|now| !now.is_empty()) {
        None => None,
        Some(text) => Some(
            parse_rfc3339(text)
                .ok_or_else(|| decode(format!("now \"{text}\" is no RFC3339 time")))?,
        ),
    };
    let request = FluxRequest {
        extern_ast: body.extern_ast,
        params: body.params,
        now_ns,
        ..FluxRequest::new(body.query, dialect)
    };
    Ok((request, now_ns))
}

#[derive(Deserialize)]
struct TextBody {
    query: String,
}

/// `POST /api/v2/query/analyze`: what is wrong with a script.
pub async fn analyze(
    payload: Payload,
    request: HttpRequest,
    _identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let body = body::read(&request, payload, QUERY_BYTES_MAX).await?;
    let body: TextBody = parse_json(&body, "failed to decode request body")?;
    let errors: Vec<Value> = flux::analyze(&body.query)
        .into_iter()
        .map(|found| {
            json!({
                "line": found.line, "column": found.column,
                "character": found.character, "message": found.message
            })
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "errors": errors })))
}

/// `POST /api/v2/query/ast`: the syntax tree of a script.
pub async fn ast(
    payload: Payload,
    request: HttpRequest,
    _identity: Identity,
) -> Result<HttpResponse, ApiError> {
    let body = body::read(&request, payload, QUERY_BYTES_MAX).await?;
    let body: TextBody = parse_json(&body, "failed to decode request body")?;
    let ast = flux::ast_json(&body.query)
        .map_err(|error| ApiError::invalid(format!("invalid AST: {error}")))?;
    Ok(HttpResponse::Ok().json(json!({ "ast": ast })))
}

/// A function's name and its parameters with their types.
fn suggestion_json(suggestion: &flux::stdlib::Suggestion) -> Value {
    let parameters = suggestion.parameters.iter();
    let parameters: serde_json::Map<String, Value> = parameters
        .map(|(name, kind)| (name.clone(), json!(kind)))
        .collect();
    json!({ "name": suggestion.name, "params": parameters })
}

/// `GET /api/v2/query/suggestions`: the functions that there are.
pub async fn suggestions(_identity: Identity) -> HttpResponse {
    let functions: Vec<Value> = flux::suggestions().iter().map(suggestion_json).collect();
    HttpResponse::Ok().json(json!({ "funcs": functions }))
}

/// `GET /api/v2/query/suggestions/{name}`
pub async fn suggestion(name: Path<String>, _identity: Identity) -> Result<HttpResponse, ApiError> {
    let all = flux::suggestions();
    let found = all.iter().find(|found| *found.name == **name);
    let found = found.ok_or_else(|| {
        ApiError::not_found(format!(
            "there is no function {name} in the universe of Flux"
        ))
    })?;
    Ok(HttpResponse::Ok().json(suggestion_json(found)))
}
