//! Who asks, and what they may do. Handlers take [`Identity`] (v2 rules) or [`V1Identity`] (v1 rules).

use super::AppState;
use super::error::ApiError;
use super::params::Params;
use crate::catalog::permission::{Permission, all_access};
use crate::catalog::{Action, Authorization, LegacyAuthorization, Status};
use crate::model::{Id, OrgId};
use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, COOKIE};
use actix_web::{FromRequest, HttpRequest, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::future::{Ready, ready};
use std::sync::Arc;

pub const SESSION_COOKIE: &str = "influxdb-oss-session";

/// Someone whose token or session is known.
#[derive(Debug, Clone)]
pub struct Identity {
    pub permissions: Arc<Vec<Permission>>,
    pub user: Id,
    /// A deactivated token is recognised, but may nothing.
    active: bool,
}

impl Identity {
    fn of_token(authorization: Authorization) -> Self {
        let Authorization {
            user,
            status,
            permissions,
            ..
        } = authorization;
        Self::new(user, status, permissions)
    }

    fn of_legacy(authorization: LegacyAuthorization) -> Self {
        let LegacyAuthorization {
            user,
            status,
            permissions,
            ..
        } = authorization;
        Self::new(user, status, permissions)
    }

    fn new(user: Id, status: Status, permissions: Vec<Permission>) -> Self {
        let active = status == Status::Active;
        let permissions = if active { permissions } else { Vec::new() };
        Self {
            permissions: Arc::new(permissions),
            user,
            active,
        }
    }

    fn of_session(state: &AppState, user: Id) -> Self {
        let mut permissions = vec![
            Permission::new(Action::Read, "users", Some(user), None),
            Permission::new(Action::Write, "users", Some(user), None),
        ];
        for org in state.catalog.orgs() {
            for (member, _) in state.catalog.members(org.id) {
                if member.user == user && member.owner {
                    permissions.extend(all_access(org.id));
                }
            }
        }
        Self {
            permissions: Arc::new(permissions),
            user,
            active: true,
        }
    }

    pub fn may(&self, action: Action, kind: &str, id: Option<Id>, org: Option<OrgId>) -> bool {
        self.active
            && self
                .permissions
                .iter()
                .any(|p| p.allows(action, kind, id, org))
    }

    /// Refuses with InfluxDB's text for resources.
    pub fn must(
        &self,
        action: Action,
        kind: &str,
        id: Option<Id>,
        org: Option<OrgId>,
    ) -> Result<(), ApiError> {
        if self.may(action, kind, id, org) {
            return Ok(());
        }
        if !self.active {
            return Err(ApiError::unauthorized("token is inactive"));
        }
        let missing = Permission::describe(action, kind, id, org);
        Err(ApiError::unauthorized(format!("{missing} is unauthorized")))
    }

    /// Refuses a write or a deletion of points.
    pub fn must_write(&self, what: &str, bucket: Id, org: OrgId) -> Result<(), ApiError> {
        if self.may(Action::Write, "buckets", Some(bucket), Some(org)) {
            return Ok(());
        }
        let missing = Permission::describe(Action::Write, "buckets", Some(bucket), Some(org));
        let inactive = if self.active {
            ""
        } else {
            ": token is inactive"
        };
        Err(ApiError::unauthorized(format!(
            "insufficient permissions for {what}: {missing} is missing{inactive}"
        )))
    }
}

fn denied() -> ApiError {
    ApiError::unauthorized("unauthorized access")
}

fn checked(state: &AppState, identity: Identity) -> Result<Identity, ApiError> {
    match state.catalog.user(identity.user) {
        Some(user) if user.status == Status::Active => Ok(identity),
        _ => Err(ApiError::forbidden("User is inactive")),
    }
}

/// By `Authorization: Token X`, `Bearer X`, or the session cookie.
pub fn identify(state: &AppState, request: &HttpRequest) -> Result<Identity, ApiError> {
    if let Some(token) = header_token(request) {
        let found = state
            .catalog
            .authorization_by_token(token)
            .ok_or_else(denied)?;
        return checked(state, Identity::of_token(found));
    }
    let session = session_key(request).ok_or_else(denied)?;
    let user = state
        .catalog
        .sessions
        .user_of(&session)
        .ok_or_else(denied)?;
    checked(state, Identity::of_session(state, user))
}

fn authorization(request: &HttpRequest) -> Option<(&str, &str)> {
    request
        .headers()
        .get(AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')
}

fn header_token(request: &HttpRequest) -> Option<&str> {
    let (scheme, token) = authorization(request)?;
    let known = scheme.eq_ignore_ascii_case("token") || scheme.eq_ignore_ascii_case("bearer");
    known.then_some(token)
}

pub fn session_key(request: &HttpRequest) -> Option<String> {
    let cookies = request
        .headers()
        .get_all(COOKIE)
        .filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|value| value.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find(|(name, _)| *name == SESSION_COOKIE)
        .map(|(_, key)| key.to_owned())
}

/// Name and password of a Basic header.
pub fn basic(request: &HttpRequest) -> Option<(String, String)> {
    let (scheme, encoded) = authorization(request)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

pub fn state_of(request: &HttpRequest) -> Result<&web::Data<AppState>, ApiError> {
    request
        .app_data::<web::Data<AppState>>()
        .ok_or_else(|| ApiError::internal("the server has no state"))
}

impl FromRequest for Identity {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(state_of(request).and_then(|state| identify(state, request)))
    }
}

/// Someone known by the rules of the v1 endpoints: `u` and `p`, `Authorization: Token`, or Basic. The
/// password may be a token; its org is the org. Otherwise name and password are those of a v1 user.
#[derive(Debug, Clone)]
pub struct V1Identity {
    pub identity: Identity,
    pub org: OrgId,
}

/// What a request of v1 signs in with.
struct Credentials {
    /// Empty: the password can only be a token.
    name: String,
    password: String,
}

impl Credentials {
    fn of(request: &HttpRequest, params: &Params) -> Option<Self> {
        let (name, password) = match (params.get("u"), params.get("p")) {
            (Some(name), Some(password)) => (name.to_owned(), password.to_owned()),
            _ => match authorization(request) {
                Some(("Token", token)) => {
                    let (name, password) = token.split_once(':').unwrap_or(("", token));
                    (name.to_owned(), password.to_owned())
                }
                _ => basic(request)?,
            },
        };
        Some(Self { name, password })
    }
}

impl V1Identity {
    pub async fn identify(
        state: &web::Data<AppState>,
        request: &HttpRequest,
        params: &Params,
    ) -> Result<Self, ApiError> {
        let credentials = Credentials::of(request, params).ok_or_else(|| denied().for_v1())?;
        let token = state.catalog.authorization_by_token(&credentials.password);
        let (org, identity) = match token {
            Some(found) => (found.org, Identity::of_token(found)),
            None => {
                let found = v1_user(state, credentials).await?;
                (found.org, Identity::of_legacy(found))
            }
        };
        let identity = checked(state, identity).map_err(ApiError::for_v1)?;
        Ok(Self { identity, org })
    }
}

/// The first check of a password is slow, and not for the threads that serve requests.
async fn v1_user(
    state: &web::Data<AppState>,
    credentials: Credentials,
) -> Result<LegacyAuthorization, ApiError> {
    let wrong = || ApiError::unauthorized("Unauthorized").for_v1();
    let Credentials { name, password } = credentials;
    if name.is_empty() {
        return Err(wrong());
    }
    if let Some(found) = state.catalog.known_legacy(&name, &password) {
        return Ok(found);
    }
    let catalog = state.catalog.clone();
    let found = web::block(move || catalog.check_legacy(&name, &password))
        .await
        .map_err(|_| ApiError::unavailable("shutting down", 1).for_v1())?;
    found.ok_or_else(wrong)
}
