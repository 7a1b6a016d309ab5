//! Records for a recovered database that lost some: buckets that have points, and a way in.

use super::error::CatalogError;
use super::permission::{self, Action};
use super::records::{Authorization, Bucket, Member, Org, Status, User, key, member_key};
use super::secrets::{self, hash_token};
use super::store::{default_shard_seconds, put, read_all};
use crate::clock::now_ns;
use crate::model::{BucketId, Id};
use crate::storage::meta_store::MetaStore;

/// Name of the org and the user that are made when there is none.
const NAME: &str = "recovered";

/// What was made anew.
#[derive(Debug, Default)]
pub struct Restored {
    pub buckets: Vec<Bucket>,
    /// Of an operator, when nobody was one.
    pub token: Option<String>,
}

/// Makes an operator token where nobody has one any more. The first user and org have it.
pub fn new_operator(store: &dyn MetaStore, description: &str) -> Result<String, CatalogError> {
    let orgs: Vec<Org> = read_all(store, "o/")?;
    let users: Vec<User> = read_all(store, "u/")?;
    let (Some(org), Some(user)) = (orgs.first(), users.first()) else {
        return Err(CatalogError::Invalid(
            "the database is not set up yet; `influxd setup` makes the first token".to_owned(),
        ));
    };
    let token = secrets::new_token()?;
    let authorization = operator(org.id, user.id, description, &token);
    store.commit(vec![put(key('a', authorization.id), &authorization)])?;
    Ok(token)
}

fn operator(org: Id, user: Id, description: &str, token: &str) -> Authorization {
    let now = now_ns();
    Authorization {
        id: Id::random(),
        org,
        user,
        description: description.to_owned(),
        status: Status::Active,
        permissions: permission::operator(),
        token_hash: secrets::hex(&hash_token(token)),
        created: now,
        updated: now,
    }
}

/// Makes a record for each of the buckets that has none, an org and a user where there is none, and an
/// operator token when there is none.
pub fn restore(store: &dyn MetaStore, with_points: &[BucketId]) -> Result<Restored, CatalogError> {
    let known: Vec<Bucket> = read_all(store, "b/")?;
    let orgs: Vec<Org> = read_all(store, "o/")?;
    let users: Vec<User> = read_all(store, "u/")?;
    let authorizations: Vec<Authorization> = read_all(store, "a/")?;
    let is_known = |id: &BucketId| known.iter().any(|bucket| bucket.id == *id);
    let lost: Vec<BucketId> = with_points
        .iter()
        .copied()
        .filter(|id| !is_known(id))
        .collect();
    let mut restored = Restored::default();
    if lost.is_empty() && orgs.is_empty() {
        return Ok(restored);
    }
    let now = now_ns();
    let mut ops = Vec::new();
    let org = match orgs.into_iter().next() {
        Some(org) => org,
        None => {
            let org = Org {
                id: Id::random(),
                name: NAME.to_owned(),
                description: String::new(),
                created: now,
                updated: now,
            };
            ops.push(put(key('o', org.id), &org));
            org
        }
    };
    let is_operator = |authorization: &Authorization| {
        let permissions = &authorization.permissions;
        authorization.status == Status::Active
            && permissions
                .iter()
                .any(|permission| permission.allows(Action::Write, "orgs", None, None))
    };
    if !authorizations.iter().any(is_operator) {
        let user = match users.into_iter().next() {
            Some(user) => user,
            None => {
                let user = User {
                    id: Id::random(),
                    name: NAME.to_owned(),
                    status: Status::Active,
                };
                ops.push(put(key('u', user.id), &user));
                user
            }
        };
        let member = Member {
            org: org.id,
            user: user.id,
            owner: true,
        };
        ops.push(put(member_key(org.id, user.id), &member));
        let token = secrets::new_token()?;
        let authorization = operator(org.id, user.id, "made by influxd recover", &token);
        ops.push(put(key('a', authorization.id), &authorization));
        restored.token = Some(token);
    }
    for id in lost {
        let bucket = Bucket {
            id,
            org: org.id,
            name: format!("{NAME}-{id}"),
            description: None,
            rp: None,
            system: false,
            retention_seconds: 0,
            shard_seconds: default_shard_seconds(0),
            created: now,
            updated: now,
        };
        ops.push(put(key('b', id), &bucket));
        restored.buckets.push(bucket);
    }
    store.commit(ops)?;
    Ok(restored)
}
