//! Resources of an org that are kept whole as JSON: one table in memory for each kind, each change on disk
//! before it is seen.

use super::error::CatalogError;
use super::store::{put, read_all};
use crate::model::{Id, OrgId};
use crate::storage::meta_store::{MetaOp, MetaStore};
use parking_lot::RwLock;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One kind of resource.
pub trait Document: Serialize + DeserializeOwned + Clone + Send + Sync {
    /// What its keys start with in the `meta` family, with the slash: `label/`.
    const PREFIX: &'static str;
    /// How messages call it.
    const NAME: &'static str;
    fn id(&self) -> Id;
    fn org(&self) -> OrgId;
}

/// All documents of one kind, by id.
pub struct Documents<T> {
    all: RwLock<BTreeMap<Id, T>>,
    store: Arc<dyn MetaStore>,
}

fn key<T: Document>(id: Id) -> Vec<u8> {
    format!("{}{id}", T::PREFIX).into_bytes()
}

impl<T: Document> Documents<T> {
    pub fn load(store: Arc<dyn MetaStore>) -> Result<Self, CatalogError> {
        let all = read_all::<T>(&*store, T::PREFIX)?;
        let all = all.into_iter().map(|document| (document.id(), document));
        Ok(Self {
            all: RwLock::new(all.collect()),
            store,
        })
    }

    pub fn get(&self, id: Id) -> Option<T> {
        self.all.read().get(&id).cloned()
    }

    /// The document, or that there is none.
    pub fn find(&self, id: Id) -> Result<T, CatalogError> {
        self.get(id).ok_or_else(|| CatalogError::not_found(T::NAME))
    }

    pub fn first(&self, wanted: impl Fn(&T) -> bool) -> Option<T> {
        self.all
            .read()
            .values()
            .find(|document| wanted(document))
            .cloned()
    }

    /// Those that `wanted` says yes to, in order of their ids.
    pub fn list(&self, wanted: impl Fn(&T) -> bool) -> Vec<T> {
        let all = self.all.read();
        all.values()
            .filter(|document| wanted(document))
            .cloned()
            .collect()
    }

    /// `check` sees all others and may refuse, with nobody between it and the new one.
    pub fn create(
        &self,
        new: T,
        check: impl FnOnce(&BTreeMap<Id, T>) -> Result<(), CatalogError>,
    ) -> Result<T, CatalogError> {
        let mut all = self.all.write();
        check(&all)?;
        self.store.commit(vec![put(key::<T>(new.id()), &new)])?;
        all.insert(new.id(), new.clone());
        Ok(new)
    }

    /// `change` sees all and makes of the document what it becomes; id and org stay.
    pub fn update(
        &self,
        id: Id,
        change: impl FnOnce(&BTreeMap<Id, T>, &mut T) -> Result<(), CatalogError>,
    ) -> Result<T, CatalogError> {
        let mut all = self.all.write();
        let found = all.get(&id).cloned();
        let mut document = found.ok_or_else(|| CatalogError::not_found(T::NAME))?;
        change(&all, &mut document)?;
        self.store.commit(vec![put(key::<T>(id), &document)])?;
        all.insert(id, document.clone());
        Ok(document)
    }

    pub fn delete(&self, id: Id) -> Result<T, CatalogError> {
        let mut all = self.all.write();
        let found = all.get(&id).cloned();
        let document = found.ok_or_else(|| CatalogError::not_found(T::NAME))?;
        self.store.commit(vec![MetaOp::Delete(key::<T>(id))])?;
        all.remove(&id);
        Ok(document)
    }

    /// Deletes all that `doomed` says yes to, in one commit.
    pub fn delete_all(&self, doomed: impl Fn(&T) -> bool) -> Result<(), CatalogError> {
        let mut all = self.all.write();
        let ids: Vec<Id> = all
            .values()
            .filter(|document| doomed(document))
            .map(Document::id)
            .collect();
        if ids.is_empty() {
            return Ok(());
        }
        let ops = ids.iter().map(|id| MetaOp::Delete(key::<T>(*id)));
        self.store.commit(ops.collect())?;
        for id in ids {
            all.remove(&id);
        }
        Ok(())
    }

    /// What goes with an org.
    pub fn delete_of_org(&self, org: OrgId) -> Result<(), CatalogError> {
        self.delete_all(|document| document.org() == org)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::meta_store::MemoryMetaStore;
    use serde::Deserialize;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Note {
        id: Id,
        org: OrgId,
        text: String,
    }

    impl Document for Note {
        const PREFIX: &'static str = "note/";
        const NAME: &'static str = "note";
        fn id(&self) -> Id {
            self.id
        }
        fn org(&self) -> OrgId {
            self.org
        }
    }

    fn note(org: OrgId, text: &str) -> Note {
        Note {
            id: Id::random(),
            org,
            text: text.to_owned(),
        }
    }

    #[test]
    fn documents_are_the_same_after_a_restart() {
        let store: Arc<dyn MetaStore> = Arc::new(MemoryMetaStore::default());
        let notes = Documents::<Note>::load(Arc::clone(&store)).unwrap();
        let (org, other) = (Id::random(), Id::random());
        let first = notes.create(note(org, "a"), |_| Ok(())).unwrap();
        let second = notes.create(note(org, "b"), |_| Ok(())).unwrap();
        let third = notes.create(note(other, "c"), |_| Ok(())).unwrap();
        let refuse = |_: &BTreeMap<Id, Note>| Err(CatalogError::Conflict("taken".to_owned()));
        assert!(notes.create(note(org, "d"), refuse).is_err());
        let change = |_: &BTreeMap<Id, Note>, note: &mut Note| {
            note.text = "changed".to_owned();
            Ok(())
        };
        notes.update(second.id, change).unwrap();
        notes.delete(first.id).unwrap();
        assert!(notes.delete(first.id).is_err());

        let again = Documents::<Note>::load(Arc::clone(&store)).unwrap();
        assert_eq!(again.list(|_| true).len(), 2);
        assert_eq!(again.find(second.id).unwrap().text, "changed");
        assert_eq!(again.get(third.id), Some(third.clone()));
        again.delete_of_org(org).unwrap();
        let last = Documents::<Note>::load(store).unwrap();
        assert_eq!(last.list(|_| true), vec![third]);
    }
}
