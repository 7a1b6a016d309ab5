//! The first start: one user, one org, one bucket, one operator token.

use super::error::CatalogError;
use super::permission;
use super::records::{Authorization, Bucket, Org, Status, User};
use super::secrets;
use super::store::{Catalog, NewAuthorization, NewBucket};

#[derive(Debug, Clone, Default)]
pub struct SetupRequest {
    pub username: String,
    pub password: Option<String>,
    pub org: String,
    pub bucket: String,
    pub retention_seconds: u64,
    /// `None`: a random one.
    pub token: Option<String>,
}

#[derive(Debug, Clone)]
pub struct SetupAnswer {
    pub user: User,
    pub org: Org,
    pub bucket: Bucket,
    pub authorization: Authorization,
    /// Shown this once.
    pub token: String,
}

impl Catalog {
    /// Slow on purpose when there is a password.
    pub fn setup(&self, request: SetupRequest) -> Result<SetupAnswer, CatalogError> {
        if !self.is_empty() {
            return Err(CatalogError::Conflict(
                "onboarding has already been completed".to_owned(),
            ));
        }
        let missing = [&request.username, &request.org, &request.bucket];
        if missing.iter().any(|text| text.trim().is_empty()) {
            return Err(CatalogError::Unprocessable(
                "onboarding failed: missing required fields [username,org,bucket]".to_owned(),
            ));
        }
        let password = request.password.filter(|password| !password.is_empty());
        if let Some(password) = &password {
            secrets::check_password_length(password)?;
        }
        let user = self.create_user(&request.username, Status::Active)?;
        if let Some(password) = &password {
            self.set_password(user.id, password)?;
        }
        let org = self.create_org(&request.org, "", Some(user.id))?;
        let bucket = self.create_bucket(
            org.id,
            NewBucket {
                name: request.bucket,
                retention_seconds: request.retention_seconds,
                ..NewBucket::default()
            },
        )?;
        let (authorization, token) = self.create_authorization(NewAuthorization {
            org: org.id,
            user: user.id,
            description: format!("{}'s Token", user.name),
            status: Status::Active,
            permissions: permission::operator(),
            token: request.token.filter(|token| !token.is_empty()),
        })?;
        Ok(SetupAnswer {
            user,
            org,
            bucket,
            authorization,
            token,
        })
    }
}
