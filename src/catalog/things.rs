//! Labels, variables and Telegraf configurations of an org: kept for clients, meaningless to the database.

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

impl Catalog {
    pub fn labels_of(&self, resource: Id) -> Vec<Label> {
        self.labels.list(|label| label.attached.contains(&resource))
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
