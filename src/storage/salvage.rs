//! Reading a damaged database directory: what can still be read, and between which keys nothing can.
//!
//! The directory itself is never changed: RocksDB opens a copy, in which the table files, which are never
//! written again, are hard links.

use super::families::{self, Family};
use super::log_file;
use super::rocks::{self, Cursor};
use super::{StorageError, Store, StoreOptions, SyncMode};
use std::fs;
use std::os::fd::AsRawFd;
use std::path::Path;

/// A key that is in no family: all of ours are longer.
const SEED_KEY: &[u8] = &[0xff];
const F_WRLCK: i16 = 1;
const SEEK_SET: i16 = 0;

/// Bytes of a key that the end of a gap is looked for in.
const PRECISION: usize = 256;
/// Shortest key in which it is looked for.
const PRECISION_MIN: usize = 48;

/// Keys of a family between which nothing can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    pub family: &'static str,
    /// Last key that was read; empty when none was.
    pub after: Vec<u8>,
    /// First key that may be readable again; `None` when none is.
    pub until: Option<Vec<u8>>,
    /// What RocksDB says of it, with the file.
    pub detail: String,
}

/// Holds RocksDB's own lock of a directory without opening it.
pub struct Lock(#[allow(dead_code, reason = "closing it gives the lock back")] fs::File);

impl Lock {
    pub fn take(directory: &Path) -> Result<Self, StorageError> {
        let path = directory.join("LOCK");
        let fail = |detail: String| StorageError::Open {
            path: directory.display().to_string(),
            detail,
        };
        let options = fs::File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let file = options.map_err(|error| fail(error.to_string()))?;
        // SAFETY: zeroes are a valid value of the struct.
        let mut lock: libc::flock = unsafe { std::mem::zeroed() };
        lock.l_type = F_WRLCK;
        lock.l_whence = SEEK_SET;
        // SAFETY: the descriptor is open and the struct outlives the call.
        let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw const lock) };
        if result == -1 {
            return Err(fail("another process uses it; stop it first".to_owned()));
        }
        Ok(Self(file))
    }
}

/// Whether a file of the directory is RocksDB's.
pub fn is_of_rocksdb(name: &str) -> bool {
    let begins = [
        "CURRENT",
        "IDENTITY",
        "LOCK",
        "LOG",
        "MANIFEST-",
        "OPTIONS-",
    ];
    let ends = [".sst", ".log", ".dbtmp"];
    begins.iter().any(|start| name.starts_with(start)) || ends.iter().any(|end| name.ends_with(end))
}

/// Makes a copy of the directory to be opened in the place of it. Returns what of its logs can't be read.
fn copy(from: &Path, to: &Path) -> Result<Vec<String>, StorageError> {
    let mut notes = Vec::new();
    fs::create_dir_all(to).map_err(failed)?;
    for entry in fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, name) = (entry.path(), entry.file_name());
        let text = name.to_string_lossy();
        let unneeded = text == "LOCK" || text.starts_with("LOG");
        if unneeded || !is_of_rocksdb(&text) || !path.is_file() {
            continue;
        }
        let target = to.join(&name);
        if text.ends_with(".log") {
            notes.extend(copy_log(&path, &target).map_err(failed)?);
        } else if !text.ends_with(".sst") || fs::hard_link(&path, &target).is_err() {
            fs::copy(&path, &target).map_err(failed)?;
        }
    }
    Ok(notes)
}

/// Copies a log without what of it is damaged.
fn copy_log(from: &Path, to: &Path) -> std::io::Result<Vec<String>> {
    let salvaged = log_file::salvage(&fs::read(from)?);
    if salvaged.damaged.is_empty() {
        fs::copy(from, to)?;
        return Ok(Vec::new());
    }
    fs::write(
        to,
        log_file::write(salvaged.batches.iter().map(Vec::as_slice)),
    )?;
    let name = from.file_name().unwrap_or_default().display();
    let notes = salvaged.damaged.iter();
    Ok(notes
        .map(|range| {
            format!(
                "the writes in bytes {} to {} of {name}",
                range.start, range.end
            )
        })
        .collect())
}

/// Opens a copy of the directory, made at `work`, with all the tolerance there is. Returns what could not be
/// read.
pub fn open(directory: &Path, work: &Path) -> Result<(Store, Vec<String>), StorageError> {
    let mut notes = copy(directory, work)?;
    let listed = Store::open_damaged(work).and_then(|store| {
        let unlisted = unlisted(directory, &store)?;
        match unlisted.first() {
            None => Ok(store),
            Some(first) => Err(StorageError::Corrupt {
                what: "list of files",
                position: directory.display().to_string(),
                detail: format!(
                    "{} table files are not in it, first {first}",
                    unlisted.len()
                ),
            }),
        }
    });
    let store = match listed {
        Ok(store) => store,
        Err(error) => {
            notes.push(format!(
                "the list of files, which was made anew from the files ({error})"
            ));
            // RocksDB has deleted what was not in the list.
            fs::remove_dir_all(work).map_err(failed)?;
            copy(directory, work)?;
            seed(work)?;
            rocks::repair(work)?;
            Store::open_damaged(work)?
        }
    };
    notes.extend(dropped(work));
    Ok((store, notes))
}

/// Table files of the directory that the store, a copy of it, does not consist of.
fn unlisted(directory: &Path, store: &Store) -> Result<Vec<String>, StorageError> {
    let listed = store.table_files()?;
    let mut unlisted = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let name = name.to_string_lossy().into_owned();
        if name.ends_with(".sst") && !listed.contains(&name) {
            unlisted.push(name);
        }
    }
    Ok(unlisted)
}

fn failed(error: std::io::Error) -> StorageError {
    StorageError::Io {
        what: "copy of the database files",
        detail: error.to_string(),
    }
}

/// RocksDB learns from table files which families there are. Puts one of each family beside them, or the
/// log of one that has no table file yet would be lost.
fn seed(copy: &Path) -> Result<(), StorageError> {
    let directory = copy.join("seed");
    let store = Store::open(&StoreOptions {
        path: directory.clone(),
        block_cache_bytes: 1 << 20,
        write_buffer_bytes: 64 << 20,
        sync: SyncMode::Never,
    })?;
    let mut group = store.group();
    for family in families::ALL {
        group.put(family, SEED_KEY, []);
    }
    store.write(group, false)?;
    store.flush()?;
    drop(store);
    let mut number = 1;
    for entry in fs::read_dir(&directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "sst") {
            let free = |number: &u64| !copy.join(format!("{number:06}.sst")).exists();
            number = (number..).find(free).unwrap_or(number);
            fs::rename(&path, copy.join(format!("{number:06}.sst"))).map_err(failed)?;
        }
    }
    fs::remove_dir_all(&directory).map_err(failed)
}

/// What RocksDB's own log says of bytes that it passed over.
fn dropped(copy: &Path) -> Vec<String> {
    let text = fs::read(copy.join("LOG")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().filter(|line| line.contains("dropping"));
    lines
        .map(|line| {
            let at = line.find(']').map_or(0, |at| at + 1);
            let line = line.get(at..).unwrap_or(line).trim();
            line.replace(&format!("{}/", copy.display()), "")
        })
        .collect()
}

/// Visits all pairs of a family that can be read, in order, and returns where some can't.
pub fn read(
    store: &Store,
    family: Family,
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), StorageError>,
) -> Result<Vec<Gap>, StorageError> {
    let mut gaps = Vec::new();
    let mut from = Vec::new();
    loop {
        let mut cursor = store.cursor(family, None)?;
        cursor.seek(&from);
        while let Some((key, value)) = cursor.item() {
            if key != SEED_KEY {
                visit(key, value)?;
            }
            key.clone_into(&mut from);
            cursor.next();
        }
        let Err(error) = cursor.finish() else {
            return Ok(gaps);
        };
        drop(cursor);
        let until = end_of_gap(&from, |key| {
            let mut probe = store.cursor(family, None)?;
            probe.seek(key);
            Ok::<_, StorageError>(Cursor::finish(&probe).is_ok())
        })?;
        gaps.push(Gap {
            family: family.name,
            after: std::mem::take(&mut from),
            until: until.clone(),
            detail: match error {
                StorageError::Corrupt { detail, .. } => detail,
                other => other.to_string(),
            },
        });
        match until {
            None => return Ok(gaps),
            Some(until) => from = until,
        }
    }
}

/// The first key after `after` from which on can be read, by halving.
fn end_of_gap<E>(
    after: &[u8],
    mut is_readable: impl FnMut(&[u8]) -> Result<bool, E>,
) -> Result<Option<Vec<u8>>, E> {
    let width = after.len().clamp(PRECISION_MIN, PRECISION) + 1;
    let mut bad = after.to_vec();
    bad.resize(width, 0);
    let mut good = vec![u8::MAX; width];
    if !is_readable(&good)? {
        return Ok(None);
    }
    loop {
        let middle = middle(&bad, &good);
        if middle == bad {
            return Ok(Some(good));
        }
        if is_readable(&middle)? {
            good = middle;
        } else {
            bad = middle;
        }
    }
}

/// Half of the sum of two numbers of as many bytes, the first byte the highest.
fn middle(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut sum = Vec::with_capacity(a.len());
    let mut carry = 0;
    for (a, b) in a.iter().zip(b).rev() {
        let total = u16::from(*a) + u16::from(*b) + carry;
        sum.push(total & 0xff);
        carry = total >> 8;
    }
    let halves = sum.iter().rev().map(|digit| {
        let value = (carry << 8) | digit;
        carry = value & 1;
        u8::try_from(value >> 1).unwrap_or(u8::MAX)
    });
    halves.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_middle_is_half_of_the_sum(a: u32, b: u32) {
            let half = (u64::from(a) + u64::from(b)) / 2;
            let found = middle(&a.to_be_bytes(), &b.to_be_bytes());
            prop_assert_eq!(found, u32::try_from(half).unwrap().to_be_bytes().to_vec());
        }

        #[test]
        fn gaps_end_at_the_first_readable_key(after in prop::collection::vec(0_u8..255, 0..28), end in prop::collection::vec(1_u8.., 1..20)) {
            let mut first = after.clone();
            first.extend(&end);
            let found = end_of_gap::<()>(&after, |key| Ok(key >= first.as_slice())).unwrap().unwrap();
            prop_assert!(found.as_slice() >= first.as_slice());
            // Nothing between the two but what ends in zeroes.
            first.resize(found.len().max(first.len()), 0);
            prop_assert_eq!(found, first);
        }
    }

    #[test]
    fn a_gap_may_have_no_end() {
        assert_eq!(end_of_gap::<()>(b"key", |_| Ok(false)), Ok(None));
    }

    #[test]
    fn a_database_in_use_is_not_touched() {
        let directory = tempfile::tempdir().unwrap();
        let free = Lock::take(directory.path());
        assert!(free.is_ok());
    }
}
