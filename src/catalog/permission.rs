//! InfluxDB's permission model: an action on a type of resource, of one id, of one org, or all of them.

use crate::model::{Id, OrgId};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Read,
    Write,
}

impl Action {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// All resource types that a permission can name.
pub const TYPES: [&str; 23] = [
    "authorizations",
    "buckets",
    "dashboards",
    "orgs",
    "sources",
    "tasks",
    "telegrafs",
    "users",
    "variables",
    "scrapers",
    "secrets",
    "labels",
    "views",
    "documents",
    "notificationRules",
    "notificationEndpoints",
    "checks",
    "dbrp",
    "notebooks",
    "annotations",
    "remotes",
    "replications",
    "instance",
];

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    #[serde(default, rename = "orgID", skip_serializing_if = "Option::is_none")]
    pub org: Option<OrgId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    pub action: Action,
    pub resource: Resource,
}

impl Permission {
    pub fn new(action: Action, kind: &str, id: Option<Id>, org: Option<OrgId>) -> Self {
        Self {
            action,
            resource: Resource {
                kind: kind.to_owned(),
                id,
                org,
            },
        }
    }

    /// Whether it grants `action` on a resource of this type, id and org.
    pub fn allows(&self, action: Action, kind: &str, id: Option<Id>, org: Option<OrgId>) -> bool {
        if self.action != action {
            return false;
        }
        if self.resource.kind == "instance" {
            return true;
        }
        if self.resource.kind != kind {
            return false;
        }
        match (self.resource.id, self.resource.org) {
            (None, None) => true,
            (None, Some(own)) => org == Some(own),
            (Some(own), _) => id == Some(own),
        }
    }

    /// As InfluxDB writes it in messages: `read:orgs/<id>/buckets/<id>`.
    pub fn describe(action: Action, kind: &str, id: Option<Id>, org: Option<OrgId>) -> String {
        let mut text = format!("{}:", action.name());
        if let Some(org) = org
            && kind != "orgs"
        {
            text.push_str(&format!("orgs/{org}/"));
        }
        text.push_str(kind);
        if let Some(id) = id {
            text.push_str(&format!("/{id}"));
        }
        text
    }
}

/// Both actions on everything.
pub fn operator() -> Vec<Permission> {
    all(None)
}

/// Both actions on everything of an org; the org itself by its id.
pub fn all_access(org: OrgId) -> Vec<Permission> {
    all(Some(org))
}

fn all(org: Option<OrgId>) -> Vec<Permission> {
    let kinds = TYPES
        .iter()
        .filter(|kind| org.is_none() || **kind != "instance");
    kinds
        .flat_map(|kind| {
            let (id, org) = match org {
                Some(org) if *kind == "orgs" => (Some(org), None),
                org => (None, org),
            };
            [Action::Read, Action::Write].map(|action| Permission::new(action, kind, id, org))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_reaches_as_far_as_it_says() {
        let (org, other) = (Id::random(), Id::random());
        let id = Some(Id::random());
        let of_org = Permission::new(Action::Read, "buckets", None, Some(org));
        assert!(of_org.allows(Action::Read, "buckets", id, Some(org)));
        assert!(!of_org.allows(Action::Read, "buckets", id, Some(other)));
        assert!(!of_org.allows(Action::Write, "buckets", id, Some(org)));
        let of_id = Permission::new(Action::Write, "buckets", id, Some(org));
        assert!(of_id.allows(Action::Write, "buckets", id, Some(org)));
        assert!(!of_id.allows(Action::Write, "buckets", Some(other), Some(org)));
        assert!(
            all_access(org)
                .iter()
                .any(|p| p.allows(Action::Read, "orgs", Some(org), None))
        );
        assert!(
            !all_access(org)
                .iter()
                .any(|p| p.allows(Action::Read, "orgs", Some(other), None))
        );
        assert!(
            operator()
                .iter()
                .any(|p| p.allows(Action::Write, "users", None, None))
        );
    }
}
