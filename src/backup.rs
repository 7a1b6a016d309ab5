//! Checkpoints of the running database, from which backups are made.
//!
//! A checkpoint is a directory of hard links to the immutable files of one moment, with copies of the few
//! others: opening it is what recovery after a crash at that moment would be. It holds everything that was
//! acknowledged before it was asked for. It goes away when it is given back, when nobody has read it for
//! long, or when the server starts.

use crate::model::Id;
use crate::storage::{StorageError, Store};
use parking_lot::Mutex;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// In the data directory.
const DIRECTORY: &str = "checkpoints";
/// Whoever reads nothing for so long has gone away.
const IDLE_MAX: Duration = Duration::from_secs(600);
/// They keep files that are merged away meanwhile.
const CHECKPOINTS_MAX: usize = 16;

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{CHECKPOINTS_MAX} backups are being made or were given up lately; retry later")]
    Busy,
    #[error("there is no checkpoint {0}")]
    Unknown(String),
    #[error("checkpoint {path}: {source}")]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A file of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointFile {
    pub name: String,
    pub size: u64,
    /// Nanoseconds. An immutable file keeps its time, so name, size and time tell it from all others.
    pub modified_ns: u128,
}

struct Current {
    id: String,
    used: Instant,
}

pub struct Checkpoints {
    store: Arc<Store>,
    current: Mutex<Vec<Current>>,
}

impl Checkpoints {
    /// Removes what a killed server left.
    pub fn new(store: Arc<Store>) -> Self {
        let checkpoints = Self {
            store,
            current: Mutex::default(),
        };
        let directory = checkpoints.directory();
        if directory.exists()
            && let Err(error) = fs::remove_dir_all(&directory)
        {
            log::warn!("can't remove {}: {error}", directory.display());
        }
        checkpoints
    }

    fn directory(&self) -> PathBuf {
        self.store.path().join(DIRECTORY)
    }

    /// Makes a checkpoint of all that is acknowledged now. Blocking.
    pub fn create(&self) -> Result<(String, Vec<CheckpointFile>), BackupError> {
        let mut current = self.current.lock();
        for old in current.extract_if(.., |old| old.used.elapsed() > IDLE_MAX) {
            self.remove(&old.id)?;
        }
        if current.len() >= CHECKPOINTS_MAX {
            return Err(BackupError::Busy);
        }
        let directory = self.directory();
        fs::create_dir_all(&directory).map_err(|source| file(&directory, source))?;
        let id = Id::random().to_string();
        let path = directory.join(&id);
        self.store.checkpoint(&path)?;
        let files = list(&path).map_err(|source| file(&path, source))?;
        current.push(Current {
            id: id.clone(),
            used: Instant::now(),
        });
        Ok((id, files))
    }

    /// A file of the checkpoint, open.
    pub fn open(&self, id: &str, name: &str) -> Result<fs::File, BackupError> {
        let mut current = self.current.lock();
        let known = current.iter_mut().find(|current| current.id == id);
        let known = known.ok_or_else(|| BackupError::Unknown(id.to_owned()))?;
        known.used = Instant::now();
        let path = self.directory().join(id).join(name);
        // Names are those that were listed: without a way out of the directory.
        if name.contains('/') || name.starts_with('.') || !path.is_file() {
            return Err(BackupError::Unknown(format!("{id}/{name}")));
        }
        fs::File::open(&path).map_err(|source| file(&path, source))
    }

    /// Gives a checkpoint back.
    pub fn release(&self, id: &str) -> Result<(), BackupError> {
        let mut current = self.current.lock();
        let place = current.iter().position(|current| current.id == id);
        let place = place.ok_or_else(|| BackupError::Unknown(id.to_owned()))?;
        current.remove(place);
        self.remove(id)
    }

    fn remove(&self, id: &str) -> Result<(), BackupError> {
        let path = self.directory().join(id);
        fs::remove_dir_all(&path).map_err(|source| file(&path, source))
    }
}

fn list(path: &std::path::Path) -> std::io::Result<Vec<CheckpointFile>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let modified = metadata.modified()?.duration_since(SystemTime::UNIX_EPOCH);
        files.push(CheckpointFile {
            name: entry.file_name().to_string_lossy().into_owned(),
            size: metadata.len(),
            modified_ns: modified.unwrap_or_default().as_nanos(),
        });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

fn file(path: &std::path::Path, source: std::io::Error) -> BackupError {
    BackupError::File {
        path: path.to_owned(),
        source,
    }
}
