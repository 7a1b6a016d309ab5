//! Users of 1.x: a name and a password with permissions of their own, for `/write` and `/query`.
//!
//! Checking a password takes milliseconds on purpose. So that not each write pays them, the last right
//! password of each user is remembered, hashed with a key of this process.

use super::documents::Document;
use super::error::CatalogError;
use super::permission::Permission;
use super::records::Status;
use super::secrets;
use super::store::Catalog;
use crate::clock::now_ns;
use crate::model::{Id, OrgId};
use hashbrown::HashMap;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LegacyAuthorization {
    pub id: Id,
    pub org: OrgId,
    pub user: Id,
    /// What signs in; InfluxDB calls it the token.
    pub name: String,
    #[serde(default)]
    pub description: String,
    pub status: Status,
    pub permissions: Vec<Permission>,
    /// Hash of the password; nobody signs in without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    pub created: i64,
    pub updated: i64,
}

impl Document for LegacyAuthorization {
    const PREFIX: &'static str = "legacy/";
    const NAME: &'static str = "authorization";

    fn id(&self) -> Id {
        self.id
    }

    fn org(&self) -> OrgId {
        self.org
    }
}

/// A user of 1.x to be made.
#[derive(Debug, Clone)]
pub struct NewLegacy {
    pub org: OrgId,
    pub user: Id,
    pub name: String,
    pub description: String,
    pub status: Status,
    pub permissions: Vec<Permission>,
}

/// Right passwords, hashed.
pub(super) struct Verified {
    key: [u8; 32],
    last: RwLock<HashMap<Id, [u8; 32]>>,
}

impl Verified {
    pub fn new() -> Result<Self, CatalogError> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .map_err(|error| CatalogError::Unavailable(format!("no random numbers: {error}")))?;
        Ok(Self {
            key,
            last: RwLock::default(),
        })
    }

    /// Of the stored hash too: a new password makes an old one unknown.
    fn hash(&self, stored: &str, password: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.key);
        hash.update(stored.as_bytes());
        hash.update([0]);
        hash.update(password.as_bytes());
        hash.finalize().into()
    }

    fn knows(&self, id: Id, stored: &str, password: &str) -> bool {
        self.last.read().get(&id) == Some(&self.hash(stored, password))
    }

    fn remember(&self, id: Id, stored: &str, password: &str) {
        let hash = self.hash(stored, password);
        self.last.write().insert(id, hash);
    }
}

impl Catalog {
    pub fn create_legacy(&self, new: NewLegacy) -> Result<LegacyAuthorization, CatalogError> {
        if new.name.trim().is_empty() {
            return Err(CatalogError::Invalid(
                "token required for v1 user authorization type".to_owned(),
            ));
        }
        let unable = || CatalogError::Invalid("unable to create token".to_owned());
        self.org(new.org).ok_or_else(unable)?;
        self.user(new.user).ok_or_else(unable)?;
        let now = now_ns();
        let made = LegacyAuthorization {
            id: Id::random(),
            org: new.org,
            user: new.user,
            name: new.name,
            description: new.description,
            status: new.status,
            permissions: new.permissions,
            password: None,
            created: now,
            updated: now,
        };
        let name = made.name.clone();
        self.legacy.create(made, |all| check_name(all, &name))
    }

    pub fn update_legacy(
        &self,
        id: Id,
        status: Option<Status>,
        description: Option<String>,
    ) -> Result<LegacyAuthorization, CatalogError> {
        self.legacy.update(id, |_, found| {
            found.status = status.unwrap_or(found.status);
            if let Some(description) = description {
                found.description = description;
            }
            found.updated = now_ns();
            Ok(())
        })
    }

    /// Slow on purpose.
    pub fn set_legacy_password(&self, id: Id, password: &str) -> Result<(), CatalogError> {
        secrets::check_password_length(password)?;
        self.legacy.find(id)?;
        let hash = secrets::hash_password(password)?;
        let changed = self.legacy.update(id, |_, found| {
            found.password = Some(hash);
            found.updated = now_ns();
            Ok(())
        });
        self.verified.last.write().remove(&id);
        changed.map(drop)
    }

    pub fn delete_legacy(&self, id: Id) -> Result<(), CatalogError> {
        self.legacy.delete(id)?;
        self.verified.last.write().remove(&id);
        Ok(())
    }

    fn legacy_named(&self, name: &str) -> Option<LegacyAuthorization> {
        self.legacy.first(|found| found.name == name)
    }

    /// Whose password was found right before: fast.
    pub fn known_legacy(&self, name: &str, password: &str) -> Option<LegacyAuthorization> {
        let found = self.legacy_named(name)?;
        let stored = found.password.as_deref()?;
        let known = self.verified.knows(found.id, stored, password);
        known.then_some(found)
    }

    /// Slow on purpose, whether there is such a user or not.
    pub fn check_legacy(&self, name: &str, password: &str) -> Option<LegacyAuthorization> {
        let found = self.legacy_named(name);
        let stored = found.as_ref().and_then(|found| found.password.as_deref());
        if !secrets::verify_password(stored, password) {
            return None;
        }
        if let (Some(found), Some(stored)) = (&found, stored) {
            self.verified.remember(found.id, stored, password);
        }
        found
    }
}

fn check_name(all: &BTreeMap<Id, LegacyAuthorization>, name: &str) -> Result<(), CatalogError> {
    if all.values().any(|other| other.name == name) {
        return Err(CatalogError::Conflict("token already exists".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remembered_password_is_forgotten_with_the_stored_one() {
        let verified = Verified::new().unwrap();
        let id = Id::random();
        assert!(!verified.knows(id, "hash", "password"));
        verified.remember(id, "hash", "password");
        assert!(verified.knows(id, "hash", "password"));
        assert!(!verified.knows(id, "hash", "passwore"));
        assert!(!verified.knows(id, "other", "password"));
        assert!(!verified.knows(Id::random(), "hash", "password"));
    }
}
