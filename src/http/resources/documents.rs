//! What the handlers of documents share.

use super::authorizations::org_named;
use crate::catalog::{Action, Document, Documents};
use crate::http::AppState;
use crate::http::auth::Identity;
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::params::{JSON_BYTES_MAX, Params, parse_id, parse_json};
use crate::model::OrgId;
use actix_web::HttpRequest;
use actix_web::web::Payload;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// A document that the asker may see or change.
pub fn visible<T: Document>(
    documents: &Documents<T>,
    identity: &Identity,
    kind: &str,
    id: &str,
    action: Action,
) -> Result<T, ApiError> {
    let found = documents.find(parse_id(id)?)?;
    identity.must(action, kind, Some(found.id()), Some(found.org()))?;
    Ok(found)
}

/// Those that the asker may see, of the org that the request names, if it names one.
pub fn listed<T: Document>(
    documents: &Documents<T>,
    state: &AppState,
    identity: &Identity,
    kind: &str,
    params: &Params,
) -> Result<Vec<T>, ApiError> {
    let org = params.id("orgID")?.or(org_named(state, params.get("org"))?);
    Ok(documents.list(|found| {
        org.is_none_or(|org| found.org() == org)
            && identity.may(Action::Read, kind, Some(found.id()), Some(found.org()))
    }))
}

/// The org of something to be made: one that there is and where the asker may make it.
pub fn org_to_write(
    state: &AppState,
    identity: &Identity,
    kind: &str,
    id: Option<&str>,
) -> Result<OrgId, ApiError> {
    let id = id.filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| ApiError::invalid("organization id must be provided"))?;
    let id = parse_id(id)?;
    identity.must(Action::Write, kind, None, Some(id))?;
    match state.catalog.org(id) {
        Some(_) => Ok(id),
        None => Err(ApiError::not_found("organization not found")),
    }
}

pub async fn json_body<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: Payload,
) -> Result<T, ApiError> {
    let body = body::read(request, payload, JSON_BYTES_MAX).await?;
    parse_json(&body, "invalid json structure")
}

/// The same text on every list of a kind with names: no two of an org have one name.
pub fn is_taken<T: Document>(
    all: &BTreeMap<crate::model::Id, T>,
    own: &T,
    name_of: impl Fn(&T) -> &str,
) -> bool {
    all.values().any(|other| {
        other.id() != own.id()
            && other.org() == own.org()
            && name_of(other).eq_ignore_ascii_case(name_of(own))
    })
}
