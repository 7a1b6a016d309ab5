//! Databases and retention policies of 1.x, which are buckets here.
//!
//! Every bucket is a policy without further ado (a *virtual* mapping): the bucket `db` is the policy
//! `autogen` of the database `db` and its default, the bucket `db/rp` the policy `rp`. A stored mapping
//! hides the virtual one of the same names; a stored default wins over `autogen`.

use super::error::CatalogError;
use super::records::{Bucket, Mapping, key};
use super::store::{BucketChange, Catalog, NewBucket, State, put};
use crate::model::{BucketId, Id, OrgId};

pub const AUTOGEN: &str = "autogen";
const HOUR_SECONDS: u64 = 3600;

/// A retention policy of a database.
#[derive(Debug, Clone)]
pub struct Policy {
    pub database: String,
    pub policy: String,
    pub default: bool,
    pub bucket: Bucket,
    /// Of the stored mapping; none for a virtual one.
    pub mapping: Option<Id>,
}

/// What a statement says of a policy; nothing said is nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PolicySettings {
    /// 0: for ever.
    pub retention_seconds: Option<u64>,
    /// 0: what InfluxDB chooses for the retention.
    pub shard_seconds: Option<u64>,
    pub default: bool,
}

/// Database, retention policy and whether it is the default, as the bucket's name says.
pub fn virtual_mapping(bucket: &str) -> (&str, &str, bool) {
    match bucket.split_once('/') {
        Some((database, policy)) if !database.is_empty() && !policy.is_empty() => {
            (database, policy, false)
        }
        _ => (bucket, AUTOGEN, true),
    }
}

fn bucket_name(database: &str, policy: &str) -> String {
    if policy == AUTOGEN {
        database.to_owned()
    } else {
        format!("{database}/{policy}")
    }
}

fn invalid<T>(message: impl Into<String>) -> Result<T, CatalogError> {
    Err(CatalogError::Invalid(message.into()))
}

/// A name that a bucket and a path can carry.
fn check_name(name: &str) -> Result<(), CatalogError> {
    let printable = |c: char| !c.is_control();
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\\', '"']) {
        return invalid("invalid name");
    }
    if name.chars().all(printable) {
        Ok(())
    } else {
        invalid("invalid name")
    }
}

/// Retention and shard length as InfluxDB's meta data would have them.
fn checked(settings: PolicySettings, now: (u64, u64)) -> Result<(u64, u64), CatalogError> {
    let retention = settings.retention_seconds.unwrap_or(now.0);
    if retention > 0 && retention < HOUR_SECONDS {
        return invalid("retention policy duration must be at least 1h0m0s");
    }
    let shard = match settings.shard_seconds {
        None => now.1,
        Some(0) => 0,
        Some(seconds) => seconds.max(HOUR_SECONDS),
    };
    if retention > 0 && shard > retention {
        return invalid("retention policy duration must be greater than the shard duration");
    }
    Ok((retention, shard))
}

impl State {
    /// All policies of an org, ordered by database, then policy.
    fn policies(&self, org: OrgId) -> Vec<Policy> {
        let stored: Vec<&Mapping> = self.mappings.values().filter(|m| m.org == org).collect();
        let mut out: Vec<Policy> = stored
            .iter()
            .filter_map(|mapping| {
                Some(Policy {
                    database: mapping.database.clone(),
                    policy: mapping.policy.clone(),
                    default: mapping.default,
                    bucket: self.buckets.get(&mapping.bucket)?.clone(),
                    mapping: Some(mapping.id),
                })
            })
            .collect();
        for bucket in self.buckets.values().filter(|bucket| bucket.org == org) {
            let (database, policy, default) = virtual_mapping(&bucket.name);
            let of_database = || stored.iter().filter(|m| m.database == database);
            if of_database().any(|m| m.policy == policy) {
                continue;
            }
            out.push(Policy {
                database: database.to_owned(),
                policy: policy.to_owned(),
                default: default && !of_database().any(|m| m.default),
                bucket: bucket.clone(),
                mapping: None,
            });
        }
        out.sort_by(|a, b| (&a.database, &a.policy).cmp(&(&b.database, &b.policy)));
        out
    }
}

impl Catalog {
    pub fn policies(&self, org: OrgId) -> Vec<Policy> {
        self.state.read().policies(org)
    }

    /// The policies of one database; none: no such database.
    pub fn policies_of(&self, org: OrgId, database: &str) -> Vec<Policy> {
        let mut policies = self.policies(org);
        policies.retain(|policy| policy.database == database);
        policies
    }

    /// The bucket that a database and policy stand for; without a policy the default one.
    pub fn bucket_of_policy(
        &self,
        org: OrgId,
        database: &str,
        policy: Option<&str>,
    ) -> Option<BucketId> {
        let policies = self.policies_of(org, database);
        let found = policies
            .iter()
            .find(|have| policy.map_or(have.default, |wanted| wanted == have.policy));
        found.map(|found| found.bucket.id)
    }

    /// Makes a database with one policy, its default. A database that is there stays as it is, but must
    /// not contradict what is said of its policy.
    pub fn create_database(
        &self,
        org: OrgId,
        database: &str,
        policy: Option<&str>,
        settings: PolicySettings,
    ) -> Result<(), CatalogError> {
        check_name(database)?;
        let name = policy.unwrap_or(AUTOGEN);
        check_name(name)?;
        let policies = self.policies_of(org, database);
        let unsaid = policy.is_none() && settings == PolicySettings::default();
        if !policies.is_empty() {
            let same = |have: &Policy| {
                let (retention, shard) = (have.bucket.retention_seconds, have.bucket.shard_seconds);
                have.default
                    && policy.is_none_or(|name| name == have.policy)
                    && settings.retention_seconds.unwrap_or(retention) == retention
                    && settings.shard_seconds.unwrap_or(shard) == shard
            };
            if unsaid || policies.iter().any(same) {
                return Ok(());
            }
            return invalid("retention policy conflicts with an existing policy");
        }
        let settings = PolicySettings {
            default: name != AUTOGEN,
            ..settings
        };
        self.make_policy(org, database, name, settings)
    }

    /// Deletes a database with all its policies and their points; one that is not there is no error.
    /// Blocking.
    pub fn drop_database(&self, org: OrgId, database: &str) -> Result<(), CatalogError> {
        for policy in self.policies_of(org, database) {
            self.delete_bucket(policy.bucket.id)?;
        }
        Ok(())
    }

    pub fn create_policy(
        &self,
        org: OrgId,
        database: &str,
        policy: &str,
        settings: PolicySettings,
    ) -> Result<(), CatalogError> {
        check_name(policy)?;
        let policies = self.policies_of(org, database);
        if policies.is_empty() {
            return Err(CatalogError::NotFound(format!(
                "database not found: {database}"
            )));
        }
        let Some(have) = policies.iter().find(|have| have.policy == policy) else {
            return self.make_policy(org, database, policy, settings);
        };
        let (retention, shard) = checked(settings, (0, 0))?;
        let shard = match shard {
            0 => super::store::default_shard_seconds(retention),
            shard => shard,
        };
        if (have.bucket.retention_seconds, have.bucket.shard_seconds) != (retention, shard) {
            return invalid("retention policy already exists");
        }
        if settings.default && !have.default {
            return invalid("retention policy conflicts with an existing policy");
        }
        Ok(())
    }

    pub fn alter_policy(
        &self,
        org: OrgId,
        database: &str,
        policy: &str,
        settings: PolicySettings,
    ) -> Result<(), CatalogError> {
        let policies = self.policies_of(org, database);
        if policies.is_empty() {
            return Err(CatalogError::NotFound(format!(
                "database not found: {database}"
            )));
        }
        let Some(have) = policies.iter().find(|have| have.policy == policy) else {
            return Err(CatalogError::NotFound(format!(
                "retention policy not found: {policy}"
            )));
        };
        let now = (have.bucket.retention_seconds, have.bucket.shard_seconds);
        let (retention, shard) = checked(settings, now)?;
        if (retention, shard) != now {
            let change = BucketChange {
                retention_seconds: Some(retention),
                shard_seconds: Some(shard),
                ..BucketChange::default()
            };
            self.update_bucket(have.bucket.id, change)?;
        }
        if settings.default && !have.default {
            self.make_default(org, database, policy, have.bucket.id)?;
        }
        Ok(())
    }

    /// Deletes a policy with its points; one that is not there is no error. Blocking.
    pub fn drop_policy(
        &self,
        org: OrgId,
        database: &str,
        policy: &str,
    ) -> Result<(), CatalogError> {
        let policies = self.policies_of(org, database);
        match policies.iter().find(|have| have.policy == policy) {
            Some(have) => self.delete_bucket(have.bucket.id),
            None => Ok(()),
        }
    }

    fn make_policy(
        &self,
        org: OrgId,
        database: &str,
        policy: &str,
        settings: PolicySettings,
    ) -> Result<(), CatalogError> {
        let (retention_seconds, shard_seconds) = checked(settings, (0, 0))?;
        let new = NewBucket {
            name: bucket_name(database, policy),
            description: None,
            rp: Some(policy.to_owned()),
            retention_seconds,
            shard_seconds,
        };
        let bucket = self.create_bucket(org, new)?;
        if settings.default {
            self.make_default(org, database, policy, bucket.id)?;
        }
        Ok(())
    }

    /// Stores that a policy is its database's default, and that no other one is.
    fn make_default(
        &self,
        org: OrgId,
        database: &str,
        policy: &str,
        bucket: BucketId,
    ) -> Result<(), CatalogError> {
        let mut state = self.state.write();
        let of_database = |m: &&Mapping| m.org == org && m.database == database;
        let mut changed: Vec<Mapping> = state
            .mappings
            .values()
            .filter(of_database)
            .filter(|mapping| mapping.default != (mapping.policy == policy))
            .cloned()
            .collect();
        for mapping in &mut changed {
            mapping.default = mapping.policy == policy;
        }
        let known = state
            .mappings
            .values()
            .filter(of_database)
            .any(|mapping| mapping.policy == policy);
        if !known {
            changed.push(Mapping {
                id: Id::random(),
                org,
                database: database.to_owned(),
                policy: policy.to_owned(),
                bucket,
                default: true,
            });
        }
        self.commit(
            changed
                .iter()
                .map(|mapping| put(key('d', mapping.id), mapping))
                .collect(),
        )?;
        let changed = changed.into_iter().map(|mapping| (mapping.id, mapping));
        state.mappings.extend(changed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_buckets_say_database_and_policy() {
        assert_eq!(virtual_mapping("db"), ("db", "autogen", true));
        assert_eq!(virtual_mapping("db/rp"), ("db", "rp", false));
        assert_eq!(virtual_mapping("/rp"), ("/rp", "autogen", true));
        assert_eq!(bucket_name("db", "autogen"), "db");
        assert_eq!(bucket_name("db", "rp"), "db/rp");
    }

    #[test]
    fn durations_are_checked_as_in_influxdb() {
        let settings = |retention, shard| PolicySettings {
            retention_seconds: Some(retention),
            shard_seconds: Some(shard),
            default: false,
        };
        assert!(checked(settings(60, 0), (0, 0)).is_err());
        assert!(checked(settings(7200, 10_000), (0, 0)).is_err());
        let short_shard = checked(settings(7200, 60), (0, 0)).ok();
        assert_eq!(short_shard, Some((7200, 3600)));
    }
}
