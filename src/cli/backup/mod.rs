//! Backups: a directory with the files of several moments, each kept once.
//!
//! ```text
//! objects/<sha-256>      a file of the database, under the checksum of its content
//! manifests/<time>.json  one backup: names, sizes, times and checksums of its files
//! lock                   held by whoever writes the directory
//! ```
//! A backup is there when its manifest is, which is written last: what is killed before leaves objects that
//! the next backup uses or removes. Every backup is whole by itself; it is incremental in that it fetches
//! only files that the directory doesn't have.

mod create;
mod restore;
mod verify;

pub use create::BACKUP;
pub use restore::RESTORE;
pub use verify::VERIFY;

use crate::cli::CliError;
use crate::cli::args::Given;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

const FORMAT: u32 = 1;
const PIECE_BYTES: usize = 256 << 10;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// Version that made it.
    pub influxd: String,
    pub host: String,
    pub files: Vec<Entry>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    pub name: String,
    pub size: u64,
    pub modified_ns: String,
    pub sha256: String,
}

/// A directory of backups.
pub struct Directory {
    pub path: PathBuf,
}

impl Directory {
    pub fn of(given: &Given) -> Result<Self, CliError> {
        let path = given.operands.first().map(PathBuf::from);
        let path = path.ok_or_else(|| given.wrong("DIRECTORY is missing"))?;
        Ok(Self { path })
    }

    pub fn objects(&self) -> PathBuf {
        self.path.join("objects")
    }

    pub fn manifests(&self) -> PathBuf {
        self.path.join("manifests")
    }

    /// A checksum comes from a manifest, which may have been tampered with.
    pub fn object(&self, sha256: &str) -> Result<PathBuf, CliError> {
        let is_hex = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        match is_hex {
            true => Ok(self.objects().join(sha256)),
            false => Err(CliError::Failed(format!(
                "{}: {sha256:?} is no checksum",
                self.path.display()
            ))),
        }
    }

    /// Names of the backups, oldest first.
    pub fn names(&self) -> Result<Vec<String>, CliError> {
        let path = self.manifests();
        let failed = |error| CliError::file("can't read the backups in", &path, error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let name = name.to_string_lossy();
            names.extend(name.strip_suffix(".json").map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    pub fn manifest(&self, name: &str) -> Result<Manifest, CliError> {
        let path = self.manifests().join(format!("{name}.json"));
        let text = fs::read(&path).map_err(|error| CliError::file("can't read", &path, error))?;
        let damaged =
            |what: String| CliError::Failed(format!("{}: damaged: {what}", path.display()));
        let manifest: Manifest =
            serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if manifest.format != FORMAT {
            return Err(CliError::Failed(format!(
                "{}: format {} is not known to this version; use a newer influxd",
                path.display(),
                manifest.format
            )));
        }
        let is_plain =
            |name: &str| !name.is_empty() && !name.contains('/') && !name.starts_with('.');
        match manifest.files.iter().find(|file| !is_plain(&file.name)) {
            Some(file) => Err(damaged(format!("{:?} is no name of a file", file.name))),
            None => Ok(manifest),
        }
    }

    /// The backup that `--backup` names, else the last one.
    pub fn chosen(&self, given: &Given) -> Result<(String, Manifest), CliError> {
        let names = self.names()?;
        let name = match given.text("backup")? {
            Some(name) if names.contains(&name) => name,
            Some(name) => {
                return Err(CliError::Failed(format!(
                    "{}: there is no backup {name}; there are {}",
                    self.path.display(),
                    names.join(", ")
                )));
            }
            None => names.last().cloned().ok_or_else(|| {
                CliError::Failed(format!("{}: there is no backup", self.path.display()))
            })?,
        };
        let manifest = self.manifest(&name)?;
        Ok((name, manifest))
    }

    /// Removes objects that no backup refers to.
    pub fn sweep(&self) -> Result<(), CliError> {
        let mut used = BTreeSet::new();
        for name in self.names()? {
            let files = self.manifest(&name)?.files;
            used.extend(files.into_iter().map(|file| file.sha256));
        }
        let path = self.objects();
        let failed = |error| CliError::file("can't clean", &path, error);
        for entry in fs::read_dir(&path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if !used.contains(entry.file_name().to_string_lossy().as_ref()) {
                fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        Ok(())
    }
}

/// Copies all of `from`; the SHA-256 and the length of what it was.
pub fn copy_hashed(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<(String, u64)> {
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE_BYTES];
    let mut size = 0;
    loop {
        let read = from.read(&mut piece)?;
        let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        hash.update(bytes);
        to.write_all(bytes)?;
        size += read as u64;
    }
    let hex = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok((hex, size))
}

/// Names in a directory are safe after this.
pub fn sync_directory(path: &Path) -> Result<(), CliError> {
    let synced = File::open(path).and_then(|directory| directory.sync_all());
    synced.map_err(|error| CliError::file("can't sync", path, error))
}
