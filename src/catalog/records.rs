//! What is stored of each resource, as JSON in the `meta` family.
//!
//! ```text
//! o/<id> org   b/<id> bucket   u/<id> user   p/<user id> password hash   a/<id> authorization
//! d/<id> mapping of a database   m/<org id>/<user id> membership
//! ```

use super::permission::Permission;
use crate::model::{BucketId, Id, OrgId};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Org {
    pub id: OrgId,
    pub name: String,
    #[serde(default)]
    pub description: String,
    /// Nanoseconds, as all times here.
    pub created: i64,
    pub updated: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bucket {
    pub id: BucketId,
    pub org: OrgId,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rp: Option<String>,
    /// `_tasks` and `_monitoring`: not renamed, not deleted.
    pub system: bool,
    /// 0: for ever.
    pub retention_seconds: u64,
    pub shard_seconds: u64,
    pub created: i64,
    pub updated: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Active,
    Inactive,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct User {
    pub id: Id,
    pub name: String,
    pub status: Status,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Authorization {
    pub id: Id,
    pub org: OrgId,
    pub user: Id,
    #[serde(default)]
    pub description: String,
    pub status: Status,
    pub permissions: Vec<Permission>,
    /// SHA-256 of the token, hex.
    pub token_hash: String,
    pub created: i64,
    pub updated: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Member {
    pub org: OrgId,
    pub user: Id,
    pub owner: bool,
}

/// A database and retention policy of 1.x and the bucket that they stand for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    pub id: Id,
    pub org: OrgId,
    pub database: String,
    pub policy: String,
    pub bucket: BucketId,
    /// The policy that is meant when none is named.
    pub default: bool,
}

pub fn key(kind: char, id: Id) -> Vec<u8> {
    format!("{kind}/{id}").into_bytes()
}

pub fn member_key(org: OrgId, user: Id) -> Vec<u8> {
    format!("m/{org}/{user}").into_bytes()
}
