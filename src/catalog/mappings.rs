//! Stored mappings of databases, as `/api/v2/dbrps` changes them. What they mean is in
//! [`databases`](super::databases).

use super::error::CatalogError;
use super::records::{Mapping, key};
use super::store::{Catalog, State, put};
use crate::model::{BucketId, Id, OrgId};
use crate::storage::meta_store::MetaOp;

/// A mapping to be made.
#[derive(Debug, Clone)]
pub struct NewMapping {
    pub org: OrgId,
    pub bucket: BucketId,
    pub database: String,
    pub policy: String,
    pub default: bool,
}

fn check_name(what: &str, name: &str) -> Result<(), CatalogError> {
    let allowed = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    if !name.is_empty() && name.chars().all(allowed) {
        return Ok(());
    }
    Err(CatalogError::Invalid(format!(
        "{what} must contain at least one character and only be letters, numbers, '_', '-', and '.'"
    )))
}

fn check_unique(state: &State, mapping: &Mapping) -> Result<(), CatalogError> {
    let same = |other: &Mapping| {
        other.id != mapping.id
            && other.org == mapping.org
            && other.database == mapping.database
            && other.policy == mapping.policy
    };
    if state.mappings.values().any(same) {
        return Err(CatalogError::Conflict(
            "another DBRP mapping with same orgID, db, and rp exists".to_owned(),
        ));
    }
    Ok(())
}

fn missing() -> CatalogError {
    CatalogError::NotFound("unable to find DBRP".to_owned())
}

impl State {
    /// The other stored mappings of the same database.
    fn siblings(&self, mapping: &Mapping) -> Vec<Mapping> {
        let others = self.mappings.values().filter(|other| {
            other.id != mapping.id && other.org == mapping.org && other.database == mapping.database
        });
        others.cloned().collect()
    }

    /// What else changes so that exactly one of the siblings or `mapping` is the default.
    fn settle_default(&self, mapping: &mut Mapping) -> Vec<Mapping> {
        let mut siblings = self.siblings(mapping);
        if mapping.default {
            siblings.retain(|other| other.default);
            for other in &mut siblings {
                other.default = false;
            }
            return siblings;
        }
        if siblings.iter().any(|other| other.default) {
            return Vec::new();
        }
        // Nobody else: the first other one, or this one when it is alone.
        siblings.truncate(1);
        match siblings.first_mut() {
            Some(other) => other.default = true,
            None => mapping.default = true,
        }
        siblings
    }
}

impl Catalog {
    /// The first mapping of a database is its default, whatever was asked.
    pub fn create_mapping(&self, new: NewMapping) -> Result<Mapping, CatalogError> {
        check_name("database", &new.database)?;
        check_name("retention policy", &new.policy)?;
        let mut state = self.state.write();
        let bucket = state.buckets.get(&new.bucket);
        if bucket.is_none_or(|bucket| bucket.org != new.org) {
            return Err(CatalogError::not_found("bucket"));
        }
        let mut mapping = Mapping {
            id: Id::random(),
            org: new.org,
            database: new.database,
            policy: new.policy,
            bucket: new.bucket,
            default: new.default,
        };
        check_unique(&state, &mapping)?;
        let changed = if mapping.default || state.siblings(&mapping).is_empty() {
            state.settle_default(&mut mapping)
        } else {
            Vec::new()
        };
        self.store_mappings(&mut state, mapping.clone(), changed)?;
        Ok(mapping)
    }

    /// A virtual mapping is none that can be changed.
    pub fn update_mapping(
        &self,
        id: Id,
        policy: Option<String>,
        default: Option<bool>,
    ) -> Result<Mapping, CatalogError> {
        let mut state = self.state.write();
        let mut mapping = state.mappings.get(&id).cloned().ok_or_else(missing)?;
        if let Some(policy) = policy {
            check_name("retention policy", &policy)?;
            mapping.policy = policy;
            check_unique(&state, &mapping)?;
        }
        mapping.default = default.unwrap_or(mapping.default);
        let changed = state.settle_default(&mut mapping);
        self.store_mappings(&mut state, mapping.clone(), changed)?;
        Ok(mapping)
    }

    /// Deletes a stored mapping; the first other one of its database becomes the default when this was.
    pub fn delete_mapping(&self, id: Id) -> Result<(), CatalogError> {
        let mut state = self.state.write();
        let mapping = state.mappings.get(&id).cloned().ok_or_else(missing)?;
        let mut promoted = None;
        if mapping.default {
            promoted = state.siblings(&mapping).into_iter().next();
        }
        let mut ops = vec![MetaOp::Delete(key('d', id))];
        if let Some(promoted) = &mut promoted {
            promoted.default = true;
            ops.push(put(key('d', promoted.id), promoted));
        }
        self.commit(ops)?;
        state.mappings.remove(&id);
        state
            .mappings
            .extend(promoted.map(|other| (other.id, other)));
        Ok(())
    }

    pub fn mapping(&self, id: Id) -> Option<Mapping> {
        self.state.read().mappings.get(&id).cloned()
    }

    fn store_mappings(
        &self,
        state: &mut State,
        mapping: Mapping,
        mut changed: Vec<Mapping>,
    ) -> Result<(), CatalogError> {
        changed.push(mapping);
        let ops = changed
            .iter()
            .map(|mapping| put(key('d', mapping.id), mapping));
        self.commit(ops.collect())?;
        let changed = changed.into_iter().map(|mapping| (mapping.id, mapping));
        state.mappings.extend(changed);
        Ok(())
    }
}
