//! The v1 endpoints: `/write` and `/query` with databases and retention policies, mapped to buckets.

use super::AppState;
use super::administration::AskersAdministration;
use super::auth::V1Identity;
use super::body;
use super::error::ApiError;
use super::output::{self, Answer};
use super::params::Params;
use super::write::write_points;
use crate::catalog::lookup::OrgLookup;
use crate::model::Precision;
use crate::query::influxql::{self, EpochUnit, Format, InfluxqlRequest};
use actix_web::http::header::{ACCEPT, CONTENT_TYPE};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use std::sync::Arc;

/// Largest body of a query.
const QUERY_BYTES_MAX: usize = 1 << 20;
const CHUNK_SIZE: usize = 10_000;

pub async fn write(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let params = Params::of(&request);
    write_inner(&request, payload, &state, &params)
        .await
        .map_err(ApiError::for_v1)
}

async fn write_inner(
    request: &HttpRequest,
    payload: Payload,
    state: &Data<AppState>,
    params: &Params,
) -> Result<HttpResponse, ApiError> {
    let asker = V1Identity::identify(state, request, params).await?;
    let database = params
        .get("db")
        .ok_or_else(|| ApiError::invalid("missing db"))?;
    let precision = match params.get("precision") {
        None => Precision::Nanoseconds,
        Some(text) => Precision::parse_v1(text).ok_or_else(|| {
            ApiError::invalid(format!(
                "invalid precision \"{text}\"; valid are n, ns, u, us, ms, s, m and h"
            ))
        })?,
    };
    let bucket = state
        .catalog
        .bucket_of_policy(asker.org, database, params.get("rp"))
        .and_then(|id| state.catalog.bucket(id))
        .ok_or_else(|| ApiError::not_found("no dbrp mapping found"))?;
    asker.identity.must_write("write", bucket.id, bucket.org)?;
    let body = body::read_write_body(request, payload, state.limits.max_body_bytes).await?;
    write_points(state, bucket.id, bucket.org, body, precision).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub async fn query(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let mut params = Params::of(&request);
    query_inner(&request, payload, &state, &mut params)
        .await
        .map_err(ApiError::for_v1)
}

async fn query_inner(
    request: &HttpRequest,
    payload: Payload,
    state: &Data<AppState>,
    params: &mut Params,
) -> Result<HttpResponse, ApiError> {
    let body = body::read(request, payload, QUERY_BYTES_MAX).await?;
    let content_type = header(request, CONTENT_TYPE);
    let mut raw = None;
    if content_type.starts_with("application/vnd.influxql") {
        raw = Some(String::from_utf8_lossy(&body).into_owned());
    } else if content_type.starts_with("application/x-www-form-urlencoded") {
        params.extend(Params::parse(&String::from_utf8_lossy(&body)));
    } else if content_type.starts_with("multipart/form-data") {
        raw = multipart_q(&content_type, &body);
    }
    let asker = V1Identity::identify(state, request, params).await?;
    let text = raw
        .or_else(|| params.get("q").map(str::to_owned))
        .ok_or_else(|| ApiError::invalid("missing required parameter \"q\""))?;
    let query = InfluxqlRequest {
        text,
        database: params.get("db").map(str::to_owned),
        policy: params.get("rp").map(str::to_owned),
        epoch: params.get("epoch").and_then(EpochUnit::parse),
        params: params
            .get("params")
            .map(serde_json::from_str)
            .transpose()
            .map_err(|error| {
                ApiError::invalid(format!("error parsing query parameters: {error}"))
            })?,
        max_rows: state.limits.influxql_max_rows,
        chunked: params.is_true("chunked"),
        chunk_size: params
            .get("chunk_size")
            .and_then(|size| size.parse().ok())
            .filter(|size| *size > 0)
            .unwrap_or(CHUNK_SIZE),
        format: match header(request, ACCEPT).as_str() {
            "application/csv" | "text/csv" => Format::Csv,
            "application/x-msgpack" => Format::MsgPack,
            _ if params.is_true("pretty") => Format::PrettyJson,
            _ => Format::Json,
        },
    };
    let content_type = query.format.content_type();
    let permissions = asker.identity.permissions.to_vec();
    let admin = AskersAdministration {
        state: state.clone(),
        identity: asker.identity,
        org: asker.org,
    };
    let running = Arc::clone(&state.running);
    let lookup = Arc::new(OrgLookup::new(
        state.catalog.clone(),
        asker.org,
        permissions,
    ));
    let answer = Answer {
        content_type,
        request,
        now_ns: None,
    };
    output::run(state, lookup, answer, move |ctx, out| {
        let database = query.database.clone().unwrap_or_default();
        let (owner, text) = (admin.org.get(), query.text.clone());
        let _listed = running.register(owner, text, database, ctx.cancel_flag());
        influxql::execute(ctx, &admin, &query, out)
    })
    .await
}

fn header(request: &HttpRequest, name: actix_web::http::header::HeaderName) -> String {
    let value = request
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// The part named `q` of a multipart body.
fn multipart_q(content_type: &str, body: &[u8]) -> Option<String> {
    let boundary = content_type.split("boundary=").nth(1)?.split(';').next()?;
    let marker = format!("--{}", boundary.trim_matches('"'));
    let body = String::from_utf8_lossy(body);
    body.split(marker.as_str()).find_map(|part| {
        let (head, content) = part.split_once("\r\n\r\n")?;
        let named = head.contains("name=\"q\"") || head.contains("name=q");
        named.then(|| content.strip_suffix("\r\n").unwrap_or(content).to_owned())
    })
}
