//! The catalog itself.

use super::documents::Documents;
use super::error::CatalogError;
use super::legacy::{LegacyAuthorization, Verified};
use super::permission::Permission;
use super::records::{Authorization, Bucket, Mapping, Member, Org, Status, User, key, member_key};
use super::replications::{Remote, Replication};
use super::secrets::{self, TokenHash, hash_token};
use super::sessions::Sessions;
use super::things::{Label, OrgSecret, Telegraf, Variable};
use crate::clock::now_ns;
use crate::ingest::PointWriter;
use crate::model::bucket::default_shard_ns;
use crate::model::{BucketId, BucketSettings, Id, OrgId};
use crate::storage::meta_store::{MetaOp, MetaStore};
use hashbrown::HashMap;
use parking_lot::RwLock;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::Arc;

const SECOND_NS: u64 = 1_000_000_000;
const HOUR_SECONDS: u64 = 3600;
/// 2^63 nanoseconds are 292 years.
const RETENTION_SECONDS_MAX: u64 = i64::MAX as u64 / SECOND_NS;
const TASKS_RETENTION_SECONDS: u64 = 3 * 24 * HOUR_SECONDS;
const MONITORING_RETENTION_SECONDS: u64 = 7 * 24 * HOUR_SECONDS;

#[derive(Default)]
pub(super) struct State {
    pub orgs: BTreeMap<Id, Org>,
    pub buckets: BTreeMap<Id, Bucket>,
    pub mappings: BTreeMap<Id, Mapping>,
    pub users: BTreeMap<Id, User>,
    pub passwords: BTreeMap<Id, String>,
    pub authorizations: BTreeMap<Id, Authorization>,
    pub members: BTreeMap<(OrgId, Id), Member>,
    pub by_token: HashMap<TokenHash, Id>,
}

pub struct Catalog {
    pub(super) state: RwLock<State>,
    store: Arc<dyn MetaStore>,
    pub(super) writer: Arc<dyn PointWriter>,
    pub sessions: Sessions,
    pub legacy: Documents<LegacyAuthorization>,
    pub(super) verified: Verified,
    pub labels: Documents<Label>,
    pub variables: Documents<Variable>,
    pub telegrafs: Documents<Telegraf>,
    pub org_secrets: Documents<OrgSecret>,
    pub remotes: Documents<Remote>,
    pub replications: Documents<Replication>,
}

/// A bucket to be made.
#[derive(Debug, Clone, Default)]
pub struct NewBucket {
    pub name: String,
    pub description: Option<String>,
    pub rp: Option<String>,
    pub retention_seconds: u64,
    /// 0: what InfluxDB chooses for the retention.
    pub shard_seconds: u64,
}

/// What of a bucket shall change.
#[derive(Debug, Clone, Default)]
pub struct BucketChange {
    pub name: Option<String>,
    pub description: Option<String>,
    pub retention_seconds: Option<u64>,
    pub shard_seconds: Option<u64>,
}

#[derive(Debug, Clone, Default)]
pub struct BucketFilter {
    pub org: Option<OrgId>,
    pub name: Option<String>,
    pub id: Option<BucketId>,
}

/// An authorization to be made.
#[derive(Debug, Clone)]
pub struct NewAuthorization {
    pub org: OrgId,
    pub user: Id,
    pub description: String,
    pub status: Status,
    pub permissions: Vec<Permission>,
    /// `None`: a random one.
    pub token: Option<String>,
}

impl Catalog {
    /// Reads everything and tells the write path of all buckets.
    pub fn load(
        store: Arc<dyn MetaStore>,
        writer: Arc<dyn PointWriter>,
    ) -> Result<Self, CatalogError> {
        let mut state = State::default();
        for org in read_all::<Org>(&*store, "o/")? {
            state.orgs.insert(org.id, org);
        }
        for bucket in read_all::<Bucket>(&*store, "b/")? {
            state.buckets.insert(bucket.id, bucket);
        }
        for mapping in read_all::<Mapping>(&*store, "d/")? {
            state.mappings.insert(mapping.id, mapping);
        }
        for user in read_all::<User>(&*store, "u/")? {
            state.users.insert(user.id, user);
        }
        for member in read_all::<Member>(&*store, "m/")? {
            state.members.insert((member.org, member.user), member);
        }
        for authorization in read_all::<Authorization>(&*store, "a/")? {
            state.add_authorization(authorization);
        }
        for (key, value) in store.scan(b"p/")? {
            let id = key.get(2..).and_then(|id| std::str::from_utf8(id).ok());
            if let (Some(Ok(id)), Ok(hash)) = (id.map(str::parse), String::from_utf8(value)) {
                state.passwords.insert(id, hash);
            }
        }
        let catalog = Self {
            state: RwLock::new(state),
            legacy: Documents::load(Arc::clone(&store))?,
            verified: Verified::new()?,
            labels: Documents::load(Arc::clone(&store))?,
            variables: Documents::load(Arc::clone(&store))?,
            telegrafs: Documents::load(Arc::clone(&store))?,
            org_secrets: Documents::load(Arc::clone(&store))?,
            remotes: Documents::load(Arc::clone(&store))?,
            replications: Documents::load(Arc::clone(&store))?,
            store,
            writer,
            sessions: Sessions::default(),
        };
        let ids: Vec<BucketId> = catalog.state.read().buckets.keys().copied().collect();
        ids.into_iter().for_each(|id| catalog.announce(id));
        catalog.announce_replications();
        Ok(catalog)
    }

    /// Nobody has set the database up yet.
    pub fn is_empty(&self) -> bool {
        let state = self.state.read();
        state.users.is_empty() && state.orgs.is_empty()
    }

    pub(super) fn commit(&self, ops: Vec<MetaOp>) -> Result<(), CatalogError> {
        Ok(self.store.commit(ops)?)
    }

    /// Tells the write path what it must know of a bucket.
    pub(super) fn announce(&self, id: BucketId) {
        let settings = self.state.read().settings(id);
        if let Some(settings) = settings {
            self.writer.set_bucket(settings);
        }
    }

    // Orgs

    pub fn orgs(&self) -> Vec<Org> {
        self.state.read().orgs.values().cloned().collect()
    }

    pub fn org(&self, id: OrgId) -> Option<Org> {
        self.state.read().orgs.get(&id).cloned()
    }

    pub fn org_by_name(&self, name: &str) -> Option<Org> {
        self.state
            .read()
            .orgs
            .values()
            .find(|org| org.name == name)
            .cloned()
    }

    /// Makes an org with its system buckets; `owner` becomes its owner.
    pub fn create_org(
        &self,
        name: &str,
        description: &str,
        owner: Option<Id>,
    ) -> Result<Org, CatalogError> {
        let name = name.trim();
        if name.is_empty() {
            return Err(CatalogError::Invalid("org name is empty".to_owned()));
        }
        let mut state = self.state.write();
        if state.orgs.values().any(|org| org.name == name) {
            return Err(CatalogError::Conflict(format!(
                "organization with name {name} already exists"
            )));
        }
        let now = now_ns();
        let org = Org {
            id: Id::random(),
            name: name.to_owned(),
            description: description.to_owned(),
            created: now,
            updated: now,
        };
        let system = [
            (
                "_tasks",
                TASKS_RETENTION_SECONDS,
                "System bucket for task logs",
            ),
            (
                "_monitoring",
                MONITORING_RETENTION_SECONDS,
                "System bucket for monitoring logs",
            ),
        ];
        let buckets: Vec<Bucket> = system
            .iter()
            .map(|(name, retention_seconds, description)| Bucket {
                id: Id::random(),
                org: org.id,
                name: (*name).to_owned(),
                description: Some((*description).to_owned()),
                rp: None,
                system: true,
                retention_seconds: *retention_seconds,
                shard_seconds: default_shard_seconds(*retention_seconds),
                created: now,
                updated: now,
            })
            .collect();
        let mut ops = vec![put(key('o', org.id), &org)];
        ops.extend(
            buckets
                .iter()
                .map(|bucket| put(key('b', bucket.id), bucket)),
        );
        let member = owner.map(|user| Member {
            org: org.id,
            user,
            owner: true,
        });
        ops.extend(
            member
                .iter()
                .map(|member| put(member_key(org.id, member.user), member)),
        );
        self.commit(ops)?;
        state.orgs.insert(org.id, org.clone());
        let ids: Vec<Id> = buckets.iter().map(|bucket| bucket.id).collect();
        state
            .buckets
            .extend(buckets.into_iter().map(|bucket| (bucket.id, bucket)));
        state
            .members
            .extend(member.map(|member| ((member.org, member.user), member)));
        drop(state);
        ids.into_iter().for_each(|id| self.announce(id));
        Ok(org)
    }

    pub fn update_org(
        &self,
        id: OrgId,
        name: Option<&str>,
        description: Option<&str>,
    ) -> Result<Org, CatalogError> {
        let mut state = self.state.write();
        let mut org = state
            .orgs
            .get(&id)
            .cloned()
            .ok_or_else(|| CatalogError::not_found("organization"))?;
        if let Some(name) = name {
            if name.trim().is_empty() {
                return Err(CatalogError::Invalid("org name is empty".to_owned()));
            }
            if state
                .orgs
                .values()
                .any(|other| other.name == name && other.id != id)
            {
                return Err(CatalogError::Conflict(format!(
                    "organization with name {name} already exists"
                )));
            }
            name.clone_into(&mut org.name);
        }
        if let Some(description) = description {
            description.clone_into(&mut org.description);
        }
        org.updated = now_ns();
        self.commit(vec![put(key('o', id), &org)])?;
        state.orgs.insert(id, org.clone());
        Ok(org)
    }

    /// Deletes an org with its buckets, their points, its authorizations and memberships. Blocking.
    pub fn delete_org(&self, id: OrgId) -> Result<(), CatalogError> {
        let mut state = self.state.write();
        if !state.orgs.contains_key(&id) {
            return Err(CatalogError::not_found("organization"));
        }
        let of_org = |org: &OrgId| *org == id;
        let buckets: Vec<Id> = state
            .buckets
            .values()
            .filter(|b| of_org(&b.org))
            .map(|b| b.id)
            .collect();
        let tokens: Vec<Id> = state
            .authorizations
            .values()
            .filter(|a| of_org(&a.org))
            .map(|a| a.id)
            .collect();
        let members: Vec<(Id, Id)> = state
            .members
            .keys()
            .filter(|(org, _)| of_org(org))
            .copied()
            .collect();
        let mappings = state.mappings_to(&buckets);
        let mut ops = vec![MetaOp::Delete(key('o', id))];
        ops.extend(mappings.iter().map(|id| MetaOp::Delete(key('d', *id))));
        ops.extend(
            buckets
                .iter()
                .map(|bucket| MetaOp::Delete(key('b', *bucket))),
        );
        ops.extend(tokens.iter().map(|token| MetaOp::Delete(key('a', *token))));
        ops.extend(
            members
                .iter()
                .map(|(org, user)| MetaOp::Delete(member_key(*org, *user))),
        );
        self.commit(ops)?;
        state.orgs.remove(&id);
        state.mappings.retain(|id, _| !mappings.contains(id));
        buckets
            .iter()
            .for_each(|bucket| drop(state.buckets.remove(bucket)));
        tokens
            .iter()
            .for_each(|token| state.remove_authorization(*token));
        for member in &members {
            state.members.remove(member);
        }
        drop(state);
        self.legacy.delete_of_org(id)?;
        self.labels.delete_of_org(id)?;
        self.variables.delete_of_org(id)?;
        self.telegrafs.delete_of_org(id)?;
        self.org_secrets.delete_of_org(id)?;
        self.replications.delete_of_org(id)?;
        self.remotes.delete_of_org(id)?;
        buckets
            .into_iter()
            .try_for_each(|bucket| self.forget_points(bucket))
    }

    /// Members and owners of an org with their users.
    pub fn members(&self, org: OrgId) -> Vec<(Member, User)> {
        let state = self.state.read();
        let members = state.members.values().filter(|member| member.org == org);
        members
            .filter_map(|member| Some((member.clone(), state.users.get(&member.user)?.clone())))
            .collect()
    }

    // Buckets

    pub fn buckets(&self, filter: &BucketFilter) -> Vec<Bucket> {
        let state = self.state.read();
        let matches = |bucket: &&Bucket| {
            filter.org.is_none_or(|org| bucket.org == org)
                && filter.id.is_none_or(|id| bucket.id == id)
                && filter.name.as_ref().is_none_or(|name| bucket.name == *name)
        };
        state.buckets.values().filter(matches).cloned().collect()
    }

    pub fn bucket(&self, id: BucketId) -> Option<Bucket> {
        self.state.read().buckets.get(&id).cloned()
    }

    pub fn bucket_by_name(&self, org: OrgId, name: &str) -> Option<Bucket> {
        let state = self.state.read();
        state
            .buckets
            .values()
            .find(|bucket| bucket.org == org && bucket.name == name)
            .cloned()
    }

    pub fn create_bucket(&self, org: OrgId, new: NewBucket) -> Result<Bucket, CatalogError> {
        check_bucket_name(&new.name)?;
        let shard_seconds = checked_shard_seconds(new.retention_seconds, new.shard_seconds)?;
        let mut state = self.state.write();
        if !state.orgs.contains_key(&org) {
            return Err(CatalogError::not_found("organization"));
        }
        check_bucket_is_new(&state, org, &new.name, None)?;
        let now = now_ns();
        let bucket = Bucket {
            id: Id::random(),
            org,
            name: new.name,
            description: new.description,
            rp: new.rp,
            system: false,
            retention_seconds: new.retention_seconds,
            shard_seconds,
            created: now,
            updated: now,
        };
        self.commit(vec![put(key('b', bucket.id), &bucket)])?;
        state.buckets.insert(bucket.id, bucket.clone());
        drop(state);
        self.announce(bucket.id);
        Ok(bucket)
    }

    pub fn update_bucket(
        &self,
        id: BucketId,
        change: BucketChange,
    ) -> Result<Bucket, CatalogError> {
        let mut state = self.state.write();
        let mut bucket = state
            .buckets
            .get(&id)
            .cloned()
            .ok_or_else(|| CatalogError::not_found("bucket"))?;
        if let Some(name) = change.name.filter(|name| *name != bucket.name) {
            if bucket.system {
                return Err(CatalogError::Invalid(
                    "system buckets cannot be renamed".to_owned(),
                ));
            }
            check_bucket_name(&name)?;
            check_bucket_is_new(&state, bucket.org, &name, Some(id))?;
            bucket.name = name;
        }
        if let Some(description) = change.description {
            bucket.description = Some(description);
        }
        if let Some(retention) = change.retention_seconds {
            let shard = change.shard_seconds.unwrap_or(0);
            bucket.shard_seconds = checked_shard_seconds(retention, shard)?;
            bucket.retention_seconds = retention;
        } else if let Some(shard) = change.shard_seconds {
            bucket.shard_seconds = checked_shard_seconds(bucket.retention_seconds, shard)?;
        }
        bucket.updated = now_ns();
        self.commit(vec![put(key('b', id), &bucket)])?;
        state.buckets.insert(id, bucket.clone());
        drop(state);
        self.announce(id);
        Ok(bucket)
    }

    /// Deletes a bucket with all its points. Blocking.
    pub fn delete_bucket(&self, id: BucketId) -> Result<(), CatalogError> {
        let mut state = self.state.write();
        match state.buckets.get(&id) {
            None => return Err(CatalogError::not_found("bucket")),
            Some(bucket) if bucket.system => {
                return Err(CatalogError::Invalid(
                    "system buckets cannot be deleted".to_owned(),
                ));
            }
            Some(_) => {}
        }
        let mut ops = vec![MetaOp::Delete(key('b', id))];
        let mappings = state.mappings_to(&[id]);
        ops.extend(mappings.iter().map(|id| MetaOp::Delete(key('d', *id))));
        self.commit(ops)?;
        state.buckets.remove(&id);
        state.mappings.retain(|id, _| !mappings.contains(id));
        drop(state);
        self.delete_replications_of(&[id])?;
        self.forget_points(id)
    }

    fn forget_points(&self, bucket: BucketId) -> Result<(), CatalogError> {
        let deleted = self.writer.delete_bucket(bucket);
        deleted.map_err(|error| CatalogError::Unavailable(error.to_string()))
    }

    // Users

    pub fn users(&self) -> Vec<User> {
        self.state.read().users.values().cloned().collect()
    }

    pub fn user(&self, id: Id) -> Option<User> {
        self.state.read().users.get(&id).cloned()
    }

    pub fn user_by_name(&self, name: &str) -> Option<User> {
        self.state
            .read()
            .users
            .values()
            .find(|user| user.name == name)
            .cloned()
    }

    pub fn create_user(&self, name: &str, status: Status) -> Result<User, CatalogError> {
        if name.trim().is_empty() {
            return Err(CatalogError::Invalid("user name is empty".to_owned()));
        }
        let mut state = self.state.write();
        if state.users.values().any(|user| user.name == name) {
            return Err(CatalogError::Conflict(format!(
                "user with name {name} already exists"
            )));
        }
        let user = User {
            id: Id::random(),
            name: name.to_owned(),
            status,
        };
        self.commit(vec![put(key('u', user.id), &user)])?;
        state.users.insert(user.id, user.clone());
        Ok(user)
    }

    pub fn update_user(
        &self,
        id: Id,
        name: Option<&str>,
        status: Option<Status>,
    ) -> Result<User, CatalogError> {
        let mut state = self.state.write();
        let mut user = state
            .users
            .get(&id)
            .cloned()
            .ok_or_else(|| CatalogError::not_found("user"))?;
        if let Some(name) = name {
            if state
                .users
                .values()
                .any(|other| other.name == name && other.id != id)
            {
                return Err(CatalogError::Conflict(format!(
                    "user with name {name} already exists"
                )));
            }
            name.clone_into(&mut user.name);
        }
        user.status = status.unwrap_or(user.status);
        self.commit(vec![put(key('u', id), &user)])?;
        state.users.insert(id, user.clone());
        Ok(user)
    }

    pub fn delete_user(&self, id: Id) -> Result<(), CatalogError> {
        let mut state = self.state.write();
        if !state.users.contains_key(&id) {
            return Err(CatalogError::not_found("user"));
        }
        let tokens: Vec<Id> = state
            .authorizations
            .values()
            .filter(|a| a.user == id)
            .map(|a| a.id)
            .collect();
        let members: Vec<(Id, Id)> = state
            .members
            .keys()
            .filter(|(_, user)| *user == id)
            .copied()
            .collect();
        let mut ops = vec![MetaOp::Delete(key('u', id)), MetaOp::Delete(key('p', id))];
        ops.extend(tokens.iter().map(|token| MetaOp::Delete(key('a', *token))));
        ops.extend(
            members
                .iter()
                .map(|(org, user)| MetaOp::Delete(member_key(*org, *user))),
        );
        self.commit(ops)?;
        state.users.remove(&id);
        state.passwords.remove(&id);
        tokens
            .iter()
            .for_each(|token| state.remove_authorization(*token));
        for member in &members {
            state.members.remove(member);
        }
        drop(state);
        self.sessions.close_all_of(id);
        self.legacy.delete_all(|found| found.user == id)
    }

    /// Slow on purpose.
    pub fn set_password(&self, user: Id, password: &str) -> Result<(), CatalogError> {
        secrets::check_password_length(password)?;
        let hash = secrets::hash_password(password)?;
        let mut state = self.state.write();
        if !state.users.contains_key(&user) {
            return Err(CatalogError::Forbidden(
                "your userID is incorrect".to_owned(),
            ));
        }
        self.commit(vec![MetaOp::Put(key('p', user), hash.clone().into_bytes())])?;
        state.passwords.insert(user, hash);
        drop(state);
        // Whoever signed in with the old password must do it again.
        self.sessions.close_all_of(user);
        Ok(())
    }

    /// The user, when the password is theirs. Slow on purpose, whoever asks.
    pub fn check_password(&self, name: &str, password: &str) -> Option<User> {
        let user = self.user_by_name(name);
        let stored = user
            .as_ref()
            .and_then(|user| self.state.read().passwords.get(&user.id).cloned());
        let right = secrets::verify_password(stored.as_deref(), password);
        user.filter(|_| right)
    }

    // Authorizations

    pub fn authorizations(&self) -> Vec<Authorization> {
        self.state.read().authorizations.values().cloned().collect()
    }

    pub fn authorization(&self, id: Id) -> Option<Authorization> {
        self.state.read().authorizations.get(&id).cloned()
    }

    pub fn authorization_by_token(&self, token: &str) -> Option<Authorization> {
        let hash = hash_token(token);
        let state = self.state.read();
        state
            .authorizations
            .get(state.by_token.get(&hash)?)
            .cloned()
    }

    /// The authorization and its token, which is never seen again.
    pub fn create_authorization(
        &self,
        new: NewAuthorization,
    ) -> Result<(Authorization, String), CatalogError> {
        let token = match new.token {
            Some(token) => token,
            None => secrets::new_token()?,
        };
        let hash = hash_token(&token);
        let mut state = self.state.write();
        if state.by_token.contains_key(&hash) {
            return Err(CatalogError::Conflict("token already exists".to_owned()));
        }
        let unable = || CatalogError::Invalid("unable to create token".to_owned());
        state.orgs.get(&new.org).ok_or_else(unable)?;
        state.users.get(&new.user).ok_or_else(unable)?;
        let now = now_ns();
        let authorization = Authorization {
            id: Id::random(),
            org: new.org,
            user: new.user,
            description: new.description,
            status: new.status,
            permissions: new.permissions,
            token_hash: secrets::hex(&hash),
            created: now,
            updated: now,
        };
        self.commit(vec![put(key('a', authorization.id), &authorization)])?;
        state.add_authorization(authorization.clone());
        Ok((authorization, token))
    }

    pub fn update_authorization(
        &self,
        id: Id,
        status: Option<Status>,
        description: Option<&str>,
    ) -> Result<Authorization, CatalogError> {
        let mut state = self.state.write();
        let mut authorization = state
            .authorizations
            .get(&id)
            .cloned()
            .ok_or_else(|| CatalogError::not_found("authorization"))?;
        authorization.status = status.unwrap_or(authorization.status);
        if let Some(description) = description {
            description.clone_into(&mut authorization.description);
        }
        authorization.updated = now_ns();
        self.commit(vec![put(key('a', id), &authorization)])?;
        state.authorizations.insert(id, authorization.clone());
        Ok(authorization)
    }

    pub fn delete_authorization(&self, id: Id) -> Result<(), CatalogError> {
        let mut state = self.state.write();
        if !state.authorizations.contains_key(&id) {
            return Err(CatalogError::not_found("authorization"));
        }
        self.commit(vec![MetaOp::Delete(key('a', id))])?;
        state.remove_authorization(id);
        Ok(())
    }
}

impl State {
    pub fn add_authorization(&mut self, authorization: Authorization) {
        if let Some(hash) = parse_hash(&authorization.token_hash) {
            self.by_token.insert(hash, authorization.id);
        }
        self.authorizations.insert(authorization.id, authorization);
    }

    pub fn remove_authorization(&mut self, id: Id) {
        if let Some(authorization) = self.authorizations.remove(&id)
            && let Some(hash) = parse_hash(&authorization.token_hash)
        {
            self.by_token.remove(&hash);
        }
    }

    /// Stored mappings to any of these buckets.
    fn mappings_to(&self, buckets: &[BucketId]) -> Vec<Id> {
        let mappings = self.mappings.values();
        mappings
            .filter(|mapping| buckets.contains(&mapping.bucket))
            .map(|mapping| mapping.id)
            .collect()
    }

    fn settings(&self, id: BucketId) -> Option<BucketSettings> {
        let bucket = self.buckets.get(&id)?;
        let monitoring = self
            .buckets
            .values()
            .find(|b| b.org == bucket.org && b.name == "_monitoring");
        let nanoseconds =
            |seconds: u64| i64::try_from(seconds.saturating_mul(SECOND_NS)).unwrap_or(i64::MAX);
        Some(BucketSettings {
            id,
            org: bucket.org,
            retention_ns: nanoseconds(bucket.retention_seconds),
            shard_ns: nanoseconds(bucket.shard_seconds.max(HOUR_SECONDS)),
            monitoring: monitoring.map(|bucket| bucket.id),
        })
    }
}

fn parse_hash(hex: &str) -> Option<TokenHash> {
    let mut hash = [0; 32];
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    if pairs.len() != hash.len() || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

pub(super) fn read_all<T: DeserializeOwned>(
    store: &dyn MetaStore,
    prefix: &str,
) -> Result<Vec<T>, CatalogError> {
    let records = store.scan(prefix.as_bytes())?;
    records
        .into_iter()
        .map(|(key, value)| {
            serde_json::from_slice(&value).map_err(|error| {
                let key = String::from_utf8_lossy(&key).into_owned();
                CatalogError::Unavailable(format!("catalog record {key} is damaged: {error}"))
            })
        })
        .collect()
}

pub(super) fn put(key: Vec<u8>, record: &impl Serialize) -> MetaOp {
    // Records are plain structs with text keys: they always have a JSON form.
    MetaOp::Put(key, serde_json::to_vec(record).unwrap_or_default())
}

fn check_bucket_name(name: &str) -> Result<(), CatalogError> {
    if name.trim().is_empty() {
        return Err(CatalogError::Invalid("bucket name is empty".to_owned()));
    }
    if name.starts_with('_') {
        return Err(CatalogError::Invalid(format!(
            "bucket name {name} is invalid. Buckets may not start with underscore"
        )));
    }
    if name.contains('"') {
        return Err(CatalogError::Invalid(format!(
            "bucket name {name} is invalid. Bucket names may not include quotation marks"
        )));
    }
    Ok(())
}

fn check_bucket_is_new(
    state: &State,
    org: OrgId,
    name: &str,
    own: Option<BucketId>,
) -> Result<(), CatalogError> {
    let taken = |b: &Bucket| b.org == org && b.name == name && Some(b.id) != own;
    if state.buckets.values().any(taken) {
        return Err(CatalogError::Conflict(format!(
            "bucket with name {name} already exists"
        )));
    }
    Ok(())
}

pub(super) fn default_shard_seconds(retention_seconds: u64) -> u64 {
    let retention = i64::try_from(retention_seconds.saturating_mul(SECOND_NS)).unwrap_or(i64::MAX);
    default_shard_ns(retention).cast_unsigned() / SECOND_NS
}

/// The shard length for a retention; 0 leaves the choice to us.
fn checked_shard_seconds(retention: u64, shard: u64) -> Result<u64, CatalogError> {
    if retention > 0 && retention < HOUR_SECONDS {
        return Err(CatalogError::Unprocessable(
            "retention policy duration must be at least 1h0m0s".to_owned(),
        ));
    }
    if retention > RETENTION_SECONDS_MAX || shard > RETENTION_SECONDS_MAX {
        return Err(CatalogError::Unprocessable(format!(
            "durations must be at most {RETENTION_SECONDS_MAX} seconds"
        )));
    }
    if shard == 0 {
        return Ok(default_shard_seconds(retention));
    }
    if shard < HOUR_SECONDS {
        return Err(CatalogError::Unprocessable(
            "shard-group duration must be at least 1h0m0s".to_owned(),
        ));
    }
    if retention > 0 && shard > retention {
        return Err(CatalogError::Unprocessable(
            "retention policy duration must be greater than the shard duration".to_owned(),
        ));
    }
    Ok(shard)
}
