//! `influxd recover`: saves what can be saved of a damaged database, and lists what could not be.
//!
//! The damaged directory is read and never changed. All that is readable is copied, pair by pair, into a new
//! database; there the records that went missing are made anew from others that say the same, and what
//! nothing refers to rightly any more is left out. At the end the two directories change places in one step.

mod contents;
mod relations;
pub mod swap;

use crate::catalog::{self, Restored};
use crate::storage::salvage::{self, Lock};
use crate::storage::{StorageError, Store, StoreOptions, SyncMode, families};
use contents::Contents;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes of one write into the new database.
const GROUP_BYTES: usize = 1 << 20;
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("{path}: there is no database here; name its directory with --storage-path")]
    NoDatabase { path: PathBuf },
    #[error("{what} {path}: {source}")]
    File {
        what: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the catalog can't be restored: {0}")]
    Catalog(String),
}

/// What became of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Pairs that were copied.
    pub copied: u64,
    /// What could not be saved, a line each.
    pub lost: Vec<String>,
    /// What was made anew, a line each.
    pub mended: Vec<String>,
    /// Where the damaged directory is now.
    pub damaged_at: PathBuf,
    /// A new operator token, when none was left.
    pub token: Option<String>,
}

impl Report {
    pub fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        for line in &self.lost {
            writeln!(out, "lost: {line}")?;
        }
        for line in &self.mended {
            writeln!(out, "mended: {line}")?;
        }
        if let Some(token) = &self.token {
            writeln!(out, "new operator token, shown this once: {token}")?;
        }
        writeln!(
            out,
            "recovered {} records; {} losses, {} repairs; the damaged database is kept in {}",
            self.copied,
            self.lost.len(),
            self.mended.len(),
            self.damaged_at.display()
        )
    }
}

/// Recovers the database in `path`. `progress` hears what is being done, about every two seconds. When it is
/// interrupted the directory is as it was, beside one that the next call removes.
pub fn recover(path: &Path, progress: &mut dyn FnMut(&str)) -> Result<Report, RecoverError> {
    let path = &fs::canonicalize(path).map_err(|source| file("can't find", path, source))?;
    if !has_database(path) {
        return Err(RecoverError::NoDatabase { path: path.clone() });
    }
    let lock = Lock::take(path)?;
    let work = swap::beside(path, "recovering");
    if work.exists() {
        fs::remove_dir_all(&work).map_err(|source| file("can't remove", &work, source))?;
    }
    let (source, target) = (work.join("source"), work.join("database"));
    progress("copying the files that change when a database is opened");
    let mut report = Report::default();
    let (damaged, notes) = salvage::open(path, &source)?;
    report.lost.extend(notes);
    let store = Arc::new(Store::open(&StoreOptions {
        path: target.clone(),
        block_cache_bytes: 64 << 20,
        write_buffer_bytes: 128 << 20,
        sync: SyncMode::Never,
    })?);
    copy_families(&damaged, &store, &mut report, progress)?;
    drop(damaged);
    progress("checking blocks, pages and journal entries");
    let mut contents = Contents::check(&store, !report.lost.is_empty(), &mut report.lost)?;
    if !report.lost.is_empty() {
        progress("looking for what else tells what was lost");
        relations::mend(&store, &mut contents, &mut report)?;
        contents.raise_watermarks(&store)?;
        let restored = catalog::restore(&*store, &contents.buckets())
            .map_err(|error| RecoverError::Catalog(error.to_string()))?;
        tell_restored(restored, &mut report);
    }
    store.flush()?;
    store.sync()?;
    drop(store);
    swap::copy_other_files(path, &target)
        .map_err(|source| file("can't copy into", &target, source))?;
    drop(lock);
    report.damaged_at = swap::exchange(path, &target, "damaged").map_err(|source| {
        file(
            "can't put the recovered database in the place of",
            path,
            source,
        )
    })?;
    fs::remove_dir_all(&work).map_err(|source| file("can't remove", &work, source))?;
    Ok(report)
}

fn has_database(path: &Path) -> bool {
    let Ok(entries) = fs::read_dir(path) else {
        return false;
    };
    let mut names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.any(|name| name.ends_with(".sst") || name.ends_with(".log"))
}

fn copy_families(
    from: &Store,
    to: &Store,
    report: &mut Report,
    progress: &mut dyn FnMut(&str),
) -> Result<(), RecoverError> {
    let mut told = Instant::now();
    for family in families::ALL {
        let mut group = to.group();
        let mut copied = 0_u64;
        let gaps = salvage::read(from, family, |key, value| {
            group.put(family, key, value);
            copied += 1;
            if group.bytes() > GROUP_BYTES {
                to.write(std::mem::replace(&mut group, to.group()), false)?;
                if told.elapsed() > PROGRESS_EVERY {
                    progress(&format!("{}: {copied} records", family.name));
                    told = Instant::now();
                }
            }
            Ok(())
        })?;
        to.write(group, false)?;
        report.copied += copied;
        report.lost.extend(gaps.iter().map(contents::describe));
    }
    Ok(())
}

fn tell_restored(restored: Restored, report: &mut Report) {
    for bucket in restored.buckets {
        report.mended.push(format!(
            "bucket {} had points and no record: it is called {} now, without retention",
            bucket.id, bucket.name
        ));
    }
    report.token = restored.token;
}

fn file(what: &'static str, path: &Path, source: std::io::Error) -> RecoverError {
    RecoverError::File {
        what,
        path: path.to_owned(),
        source,
    }
}
