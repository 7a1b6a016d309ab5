//! From the byte layouts of one version to those of the next.
//!
//! A database says in `meta` which version it has. On open it is brought to [`FORMAT_VERSION`] step by step;
//! each step is one atomic, durable write together with the new version, so a crash repeats at most the step
//! that it cut off. A database of a later version is refused: what it means is not known here.

use super::rocks::WriteGroup;
use super::{StorageError, Store, families, keys};

/// Version of all byte layouts under `storage`, `engine` and `ingest`.
pub const FORMAT_VERSION: u32 = 1;

/// From a version to the one after it. Puts all that changes into the group.
pub struct Migration {
    pub from: u32,
    pub what: &'static str,
    pub run: fn(&Store, &mut WriteGroup<'_>) -> Result<(), StorageError>,
}

/// All there are, in order. Version 1 is the first.
const MIGRATIONS: &[Migration] = &[];

/// Brings a database to this version; a new one gets it.
pub fn migrate(store: &Store) -> Result<(), StorageError> {
    migrate_by(store, MIGRATIONS, FORMAT_VERSION)
}

fn migrate_by(store: &Store, migrations: &[Migration], wanted: u32) -> Result<(), StorageError> {
    let Some(found) = store.get(families::META, keys::META_VERSION)? else {
        return store.write(with_version(store, wanted), true);
    };
    let refused = |found: String| StorageError::FormatVersion {
        path: store.path().display().to_string(),
        found,
        supported: wanted,
    };
    let raw = found.as_slice().try_into().map(u32::from_be_bytes);
    let mut version = raw.map_err(|_| refused("unknown".to_owned()))?;
    while version != wanted {
        let step = migrations.iter().find(|step| step.from == version);
        let step = step.ok_or_else(|| refused(version.to_string()))?;
        log::info!(
            "migrating the database from format {version}: {}",
            step.what
        );
        let mut group = with_version(store, version + 1);
        (step.run)(store, &mut group)?;
        store.write(group, true)?;
        version += 1;
    }
    Ok(())
}

fn with_version(store: &Store, version: u32) -> WriteGroup<'_> {
    let mut group = store.group();
    group.put(families::META, keys::META_VERSION, version.to_be_bytes());
    group
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{StoreOptions, SyncMode};

    fn store() -> (tempfile::TempDir, Store) {
        let directory = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            path: directory.path().join("db"),
            block_cache_bytes: 1 << 20,
            write_buffer_bytes: 1 << 20,
            sync: SyncMode::Never,
        };
        let store = Store::open(&options).unwrap();
        (directory, store)
    }

    fn version(store: &Store) -> Vec<u8> {
        store
            .get(families::META, keys::META_VERSION)
            .unwrap()
            .unwrap()
    }

    const STEPS: &[Migration] = &[
        Migration {
            from: 1,
            what: "notes",
            run: |_, group| {
                group.put(families::META, b"c1", b"one");
                Ok(())
            },
        },
        Migration {
            from: 2,
            what: "notes doubled",
            run: |store, group| {
                let note = store.get(families::META, b"c1")?.unwrap_or_default();
                group.put(families::META, b"c2", [note.clone(), note].concat());
                Ok(())
            },
        },
    ];

    #[test]
    fn each_step_is_taken_once_and_in_order() {
        let (_directory, store) = store();
        assert_eq!(version(&store), FORMAT_VERSION.to_be_bytes());
        migrate_by(&store, STEPS, 3).unwrap();
        assert_eq!(version(&store), 3_u32.to_be_bytes());
        let doubled = store.get(families::META, b"c2").unwrap().unwrap();
        assert_eq!(doubled, b"oneone");
        let mut group = store.group();
        group.delete(families::META, b"c2");
        store.write(group, false).unwrap();
        migrate_by(&store, STEPS, 3).unwrap();
        assert_eq!(store.get(families::META, b"c2").unwrap(), None);
    }

    #[test]
    fn what_no_step_leads_from_is_refused() {
        let (_directory, store) = store();
        store.write(with_version(&store, 9), false).unwrap();
        let error = migrate_by(&store, STEPS, 3).unwrap_err().to_string();
        assert!(
            error.contains("has format version 9, this version reads 3"),
            "{error}"
        );
    }
}
