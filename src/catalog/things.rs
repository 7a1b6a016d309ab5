//! Labels, variables, Telegraf configurations and secrets of an org: kept for clients and their queries.

use super::documents::Document;
use super::error::CatalogError;
use super::store::Catalog;
use crate::model::{Id, OrgId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Label {
    pub id: Id,
    pub org: OrgId,
    pub name: String,
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
    /// Ids of what it is attached to. Ids are never reused, so those of deleted resources do no harm.
    #[serde(default)]
    pub attached: BTreeSet<Id>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Variable {
    pub id: Id,
    pub org: OrgId,
    pub name: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub selected: Vec<String>,
    /// `{"type", "values"}`, checked when they came.
    pub arguments: Value,
    pub created: i64,
    pub updated: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Telegraf {
    pub id: Id,
    pub org: OrgId,
    pub name: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub metadata: Value,
    /// TOML, as it came.
    pub config: String,
    pub created: i64,
    pub updated: i64,
}

/// A value that queries of the org may read and that no answer shows.
#[derive(Clone, Serialize, Deserialize)]
pub struct OrgSecret {
    pub id: Id,
    pub org: OrgId,
    pub key: String,
    pub value: String,
}

macro_rules! document {
    ($kind:ty, $prefix:literal, $name:literal) => {
        impl Document for $kind {
            const PREFIX: &'static str = $prefix;
            const NAME: &'static str = $name;

            fn id(&self) -> Id {
                self.id
            }

            fn org(&self) -> OrgId {
                self.org
            }
        }
    };
}

document!(Label, "label/", "label");
document!(Variable, "variable/", "variable");
document!(Telegraf, "telegraf/", "telegraf configuration");
document!(OrgSecret, "org_secret/", "secret");

impl Catalog {
    pub fn labels_of(&self, resource: Id) -> Vec<Label> {
        self.labels.list(|label| label.attached.contains(&resource))
    }

    /// Keys of an org's secrets, in order.
    pub fn org_secret_keys(&self, org: OrgId) -> Vec<String> {
        let secrets = self.org_secrets.list(|secret| secret.org == org);
        let mut keys: Vec<String> = secrets.into_iter().map(|secret| secret.key).collect();
        keys.sort();
        keys
    }

    pub fn org_secret(&self, org: OrgId, key: &str) -> Option<String> {
        let found = self
            .org_secrets
            .first(|secret| secret.org == org && secret.key == key);
        found.map(|secret| secret.value)
    }

    /// Sets what the key stands for, whatever it was.
    pub fn set_org_secret(&self, org: OrgId, key: &str, value: &str) -> Result<(), CatalogError> {
        let known = self
            .org_secrets
            .first(|secret| secret.org == org && secret.key == key);
        if let Some(known) = known {
            self.org_secrets.update(known.id, |_, secret| {
                value.clone_into(&mut secret.value);
                Ok(())
            })?;
            return Ok(());
        }
        let secret = OrgSecret {
            id: Id::random(),
            org,
            key: key.to_owned(),
            value: value.to_owned(),
        };
        self.org_secrets.create(secret, |_| Ok(()))?;
        Ok(())
    }

    /// Keys that there are not are none to complain of.
    pub fn delete_org_secrets(&self, org: OrgId, keys: &[String]) -> Result<(), CatalogError> {
        self.org_secrets
            .delete_all(|secret| secret.org == org && keys.contains(&secret.key))
    }

    /// Attaches what is attached already without complaint.
    pub fn attach_label(&self, label: Id, resource: Id) -> Result<Label, CatalogError> {
        self.labels.update(label, |_, label| {
            label.attached.insert(resource);
            Ok(())
        })
    }

    pub fn detach_label(&self, label: Id, resource: Id) -> Result<Label, CatalogError> {
        self.labels.update(label, |_, label| {
            if label.attached.remove(&resource) {
                return Ok(());
            }
            Err(CatalogError::not_found("label"))
        })
    }
}
