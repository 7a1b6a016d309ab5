//! What one asker may see of the buckets: the catalog as queries know it.

use super::permission::{Action, Permission};
use super::records::Bucket;
use super::store::{BucketFilter, Catalog};
use crate::model::{BucketId, OrgId};
use crate::query::context::{BucketLookup, BucketName, VisibleBucket, VisiblePolicy};
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

impl OrgLookup {
    /// The bucket of the org, when it may be written.
    pub fn writable(&self, wanted: &BucketName<'_>) -> Option<BucketId> {
        let filter = match wanted {
            BucketName::Name(name) => BucketFilter {
                org: Some(self.org),
                name: Some((*name).to_owned()),
                id: None,
            },
            BucketName::Id(id) => BucketFilter {
                org: Some(self.org),
                name: None,
                id: Some(id.parse().ok()?),
            },
        };
        let may = |bucket: &Bucket| {
            self.permissions.iter().any(|permission| {
                permission.allows(Action::Write, "buckets", Some(bucket.id), Some(bucket.org))
            })
        };
        let found = self.catalog.buckets(&filter);
        found
            .iter()
            .find(|bucket| may(bucket))
            .map(|bucket| bucket.id)
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

    fn secret(&self, key: &str) -> Option<String> {
        let found = || self.catalog.org_secret(self.org, key);
        self.may_read_secrets().then(found).flatten()
    }

    fn policies(&self) -> Vec<VisiblePolicy> {
        let policies = self.catalog.policies(self.org);
        policies
            .into_iter()
            .filter(|policy| may_read(&self.permissions, &policy.bucket))
            .map(|policy| VisiblePolicy {
                bucket: view(&policy.bucket),
                database: policy.database,
                policy: policy.policy,
                default: policy.default,
            })
            .collect()
    }
}

impl OrgLookup {
    fn may_read_secrets(&self) -> bool {
        self.permissions
            .iter()
            .any(|permission| permission.allows(Action::Read, "secrets", None, Some(self.org)))
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
