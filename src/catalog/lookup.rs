//! What one asker may see of the buckets: the catalog as queries know it.

use super::permission::{Action, Permission};
use super::records::Bucket;
use super::store::{BucketFilter, Catalog};
use crate::model::{BucketId, OrgId};
use crate::query::context::{BucketLookup, VisibleBucket, VisiblePolicy};
use std::sync::Arc;

/// Buckets of one org, seen through some permissions.
pub struct OrgLookup {
    catalog: Arc<Catalog>,
    org: OrgId,
    permissions: Vec<Permission>,
}

impl OrgLookup {
    pub fn new(catalog: Arc<Catalog>, org: OrgId, permissions: Vec<Permission>) -> Self {
        Self {
            catalog,
            org,
            permissions,
        }
    }
}

impl BucketLookup for OrgLookup {
    fn buckets(&self) -> Vec<VisibleBucket> {
        let filter = BucketFilter {
            org: Some(self.org),
            ..BucketFilter::default()
        };
        let visible = |bucket: &Bucket| may_read(&self.permissions, bucket);
        self.catalog
            .buckets(&filter)
            .iter()
            .filter(|b| visible(b))
            .map(view)
            .collect()
    }

    fn policies(&self) -> Vec<VisiblePolicy> {
        let mut policies: Vec<VisiblePolicy> = self
            .buckets()
            .into_iter()
            .map(|bucket| {
                let (database, policy, default) = virtual_mapping(&bucket.name);
                VisiblePolicy {
                    database: database.to_owned(),
                    policy: policy.to_owned(),
                    default,
                    bucket,
                }
            })
            .collect();
        policies.sort_by(|a, b| (&a.database, &a.policy).cmp(&(&b.database, &b.policy)));
        policies
    }
}

/// System buckets are readable by whoever may read the org.
pub fn may_read(permissions: &[Permission], bucket: &Bucket) -> bool {
    let allowed = |kind, id| {
        permissions
            .iter()
            .any(|p| p.allows(Action::Read, kind, Some(id), Some(bucket.org)))
    };
    allowed("buckets", bucket.id) || (bucket.system && allowed("orgs", bucket.org))
}

fn view(bucket: &Bucket) -> VisibleBucket {
    let nanoseconds =
        |seconds: u64| i64::try_from(seconds.saturating_mul(1_000_000_000)).unwrap_or(i64::MAX);
    VisibleBucket {
        id: bucket.id,
        org: bucket.org,
        name: bucket.name.clone(),
        retention_ns: nanoseconds(bucket.retention_seconds),
        shard_ns: nanoseconds(bucket.shard_seconds),
    }
}

/// Database, retention policy and whether it is the default, by InfluxDB's virtual mapping: `db/rp` is
/// policy `rp` of `db`, any other name is the database itself with the default policy `autogen`.
pub fn virtual_mapping(bucket: &str) -> (&str, &str, bool) {
    match bucket.split_once('/') {
        Some((database, policy)) if !database.is_empty() && !policy.is_empty() => {
            (database, policy, false)
        }
        _ => (bucket, "autogen", true),
    }
}

impl Catalog {
    /// The bucket that a v1 database and policy stand for.
    pub fn bucket_of_policy(
        &self,
        org: OrgId,
        database: &str,
        policy: Option<&str>,
    ) -> Option<BucketId> {
        let filter = BucketFilter {
            org: Some(org),
            ..BucketFilter::default()
        };
        let found = self.buckets(&filter).into_iter().find(|bucket| {
            let (have, rp, default) = virtual_mapping(&bucket.name);
            have == database && policy.map_or(default, |policy| policy == rp)
        });
        found.map(|bucket| bucket.id)
    }
}
