//! Remotes and replications: where points of buckets are sent, and which.

use super::documents::Document;
use super::error::CatalogError;
use super::store::Catalog;
use crate::clock::now_ns;
use crate::ingest::outbound::{FullPolicy, QueueSettings};
use crate::model::{BucketId, Id, OrgId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// InfluxDB's defaults.
pub const QUEUE_BYTES_DEFAULT: u64 = 67_108_860;
pub const MAX_AGE_SECONDS_DEFAULT: u64 = 604_800;
/// A smaller queue would hold less than one ordinary batch.
const QUEUE_BYTES_MIN: u64 = 1 << 20;

/// The token of a remote. Unlike our own ones it must be known to be used, so it is stored as it is, but shown
/// nowhere.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteToken(pub String);

impl fmt::Debug for RemoteToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("********")
    }
}

/// How a remote is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// `/api/v2/write?org=&bucket=`
    #[default]
    V2,
    /// `/write?db=&rp=`, for InfluxDB 1.x.
    V1,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Remote {
    pub id: Id,
    pub org: OrgId,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub url: String,
    /// Empty: nothing is told.
    pub token: RemoteToken,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_org: Option<Id>,
    pub allow_insecure_tls: bool,
    #[serde(default)]
    pub protocol: Protocol,
    pub created: i64,
    pub updated: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Replication {
    pub id: Id,
    pub org: OrgId,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub remote: Id,
    pub local_bucket: BucketId,
    /// One of both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_bucket: Option<Id>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_bucket_name: Option<String>,
    pub max_queue_bytes: u64,
    /// Writes are refused when the queue is full, instead of dropping what is oldest in it.
    #[serde(default)]
    pub backpressure: bool,
    pub drop_non_retryable: bool,
    /// 0: any age.
    pub max_age_seconds: u64,
    pub created: i64,
    pub updated: i64,
}

impl Document for Remote {
    const PREFIX: &'static str = "remote/";
    const NAME: &'static str = "remote connection";

    fn id(&self) -> Id {
        self.id
    }

    fn org(&self) -> OrgId {
        self.org
    }
}

impl Document for Replication {
    const PREFIX: &'static str = "replication/";
    const NAME: &'static str = "replication";

    fn id(&self) -> Id {
        self.id
    }

    fn org(&self) -> OrgId {
        self.org
    }
}

impl Remote {
    pub fn check(&self) -> Result<(), CatalogError> {
        let invalid = |reason: &str| Err(CatalogError::Invalid(reason.to_owned()));
        if self.name.is_empty() {
            return invalid("\"name\" of the remote is missing");
        }
        let after = ["http://", "https://"]
            .iter()
            .find_map(|scheme| self.url.strip_prefix(scheme));
        if after.is_none_or(str::is_empty) || self.url.contains([' ', '?', '#', '\n']) {
            return invalid(
                "\"remoteURL\" must be a URL without a query, like https://influx.example.com:8086",
            );
        }
        if !self
            .token
            .0
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ')
        {
            return invalid("\"remoteAPIToken\" must be printable ASCII");
        }
        Ok(())
    }
}

impl Replication {
    pub fn queue_settings(&self) -> QueueSettings {
        QueueSettings {
            id: self.id,
            bucket: self.local_bucket,
            max_bytes: self.max_queue_bytes,
            full_policy: match self.backpressure {
                true => FullPolicy::Backpressure,
                false => FullPolicy::OldestFirst,
            },
            max_age: (self.max_age_seconds > 0).then(|| Duration::from_secs(self.max_age_seconds)),
        }
    }
}

impl Catalog {
    /// What a replication can't be without.
    pub fn check_replication(&self, replication: &Replication) -> Result<Remote, CatalogError> {
        let invalid = |reason: String| CatalogError::Invalid(reason);
        if replication.name.is_empty() {
            return Err(invalid("\"name\" of the replication is missing".to_owned()));
        }
        let named = replication.remote_bucket_name.is_some();
        if replication.remote_bucket.is_some() == named {
            return Err(invalid(
                "exactly one of \"remoteBucketID\" and \"remoteBucketName\" should be provided"
                    .to_owned(),
            ));
        }
        if replication.max_queue_bytes < QUEUE_BYTES_MIN {
            return Err(invalid(format!(
                "maxQueueSize too small, must be at least {QUEUE_BYTES_MIN}"
            )));
        }
        let bucket = self.bucket(replication.local_bucket);
        if bucket.is_none_or(|bucket| bucket.org != replication.org) {
            return Err(CatalogError::not_found("local bucket"));
        }
        let remote = self.remotes.get(replication.remote);
        let remote = remote.filter(|remote| remote.org == replication.org);
        let remote = remote.ok_or_else(|| CatalogError::not_found("remote connection"))?;
        if remote.protocol == Protocol::V1 && !named {
            return Err(invalid(
                "a remote with the protocol v1 needs \"remoteBucketName\": DATABASE or DATABASE/POLICY"
                    .to_owned(),
            ));
        }
        Ok(remote)
    }

    pub fn create_replication(&self, new: Replication) -> Result<Replication, CatalogError> {
        self.check_replication(&new)?;
        let made = self.replications.create(new, |_| Ok(()))?;
        self.writer.set_replication(made.queue_settings());
        Ok(made)
    }

    pub fn update_replication(&self, changed: Replication) -> Result<Replication, CatalogError> {
        self.check_replication(&changed)?;
        let changed = self.replications.update(changed.id, |_, replication| {
            *replication = changed;
            replication.updated = now_ns();
            Ok(())
        })?;
        self.writer.set_replication(changed.queue_settings());
        Ok(changed)
    }

    /// With all that is in its queue. Blocking.
    pub fn delete_replication(&self, id: Id) -> Result<(), CatalogError> {
        self.replications.delete(id)?;
        let deleted = self.writer.delete_replication(id);
        deleted.map_err(|error| CatalogError::Unavailable(error.to_string()))
    }

    pub fn delete_remote(&self, id: Id) -> Result<(), CatalogError> {
        if let Some(user) = self.replications.first(|found| found.remote == id) {
            return Err(CatalogError::Conflict(format!(
                "the remote is used by replication {:?} ({}): delete that first",
                user.name, user.id
            )));
        }
        self.remotes.delete(id).map(drop)
    }

    /// Tells the write path of all queues, of the buckets that there are.
    pub(super) fn announce_replications(&self) {
        let all = self.replications.list(|_| true);
        let known = all
            .iter()
            .filter(|found| self.bucket(found.local_bucket).is_some());
        known.for_each(|found| self.writer.set_replication(found.queue_settings()));
    }

    /// The write path deletes the queues with the buckets.
    pub(super) fn delete_replications_of(&self, buckets: &[BucketId]) -> Result<(), CatalogError> {
        self.replications
            .delete_all(|found| buckets.contains(&found.local_bucket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(url: &str) -> Remote {
        Remote {
            id: Id::random(),
            org: Id::random(),
            name: "r".to_owned(),
            description: None,
            url: url.to_owned(),
            token: RemoteToken("very secret".to_owned()),
            remote_org: None,
            allow_insecure_tls: false,
            protocol: Protocol::V2,
            created: 0,
            updated: 0,
        }
    }

    #[test]
    fn the_url_of_a_remote_is_checked() {
        for url in ["http://a", "https://a.b:1/c"] {
            assert!(remote(url).check().is_ok(), "{url}");
        }
        for url in [
            "",
            "a:8086",
            "http://",
            "ftp://a",
            "http://a?b=c",
            "http://a b",
        ] {
            assert!(remote(url).check().is_err(), "{url}");
        }
    }

    #[test]
    fn the_token_does_not_show() {
        assert!(!format!("{:?}", remote("http://a")).contains("secret"));
    }
}
