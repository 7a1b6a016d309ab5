//! Who belongs to an org, as member or as owner.

use super::error::CatalogError;
use super::records::{Member, User, member_key};
use super::store::{Catalog, put};
use crate::model::{Id, OrgId};
use crate::storage::meta_store::MetaOp;

impl Catalog {
    /// Makes a user a member or an owner. A member becomes an owner so; an owner is refused.
    pub fn add_member(&self, org: OrgId, user: Id, owner: bool) -> Result<User, CatalogError> {
        let mut state = self.state.write();
        if !state.orgs.contains_key(&org) {
            return Err(CatalogError::not_found("organization"));
        }
        let known = state.users.get(&user).cloned();
        let known = known.ok_or_else(|| CatalogError::not_found("user"))?;
        let there = state.members.get(&(org, user));
        if there.is_some_and(|there| there.owner || !owner) {
            return Err(CatalogError::Conflict(format!(
                "user {user} belongs to the organization already"
            )));
        }
        let member = Member { org, user, owner };
        self.commit(vec![put(member_key(org, user), &member)])?;
        state.members.insert((org, user), member);
        Ok(known)
    }

    pub fn remove_member(&self, org: OrgId, user: Id, owner: bool) -> Result<(), CatalogError> {
        let mut state = self.state.write();
        let there = state.members.get(&(org, user));
        if there.is_none_or(|there| there.owner != owner) {
            let what = if owner { "owner" } else { "member" };
            return Err(CatalogError::not_found(what));
        }
        self.commit(vec![MetaOp::Delete(member_key(org, user))])?;
        state.members.remove(&(org, user));
        Ok(())
    }
}
