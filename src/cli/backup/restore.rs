//! `influxd restore`: a data directory out of a backup, without a server.
//!
//! The directory is made beside its place and put there in one step when every file has its checksum. What
//! was there before is kept under another name.

use super::{Directory, Manifest, copy_hashed, sync_directory};
use crate::cli::args::{Definition, Given, Operands, flag, switch};
use crate::cli::{CliError, offline, output};
use influxd::recover::swap::{beside, exchange};
use influxd::storage::salvage::Lock;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

pub const RESTORE: Definition = Definition {
    name: "restore",
    about: "Make a data directory out of a backup; the server must not run on it.",
    details: "The directory is that of the configuration, as for `influxd run`. One with a database in it is\n\
              only replaced with --replace, and kept under another name. To restore beside live data give\n\
              another --storage-path and start a second server on it. Users and tokens are those of the\n\
              backup; --new-operator-token adds a token and prints it.",
    operands: Operands::One("DIRECTORY"),
    flags: &[
        flag("backup", "NAME", "which backup, else the last one"),
        flag("storage-path", "DIR", "data directory to make"),
        flag("config", "FILE", "configuration file that names it"),
        switch(
            "replace",
            "put it in the place of the database that is there",
        ),
        switch("new-operator-token", "make an operator token"),
    ],
    remote: false,
    examples: &[
        "influxd restore /var/backups/influxd --storage-path /var/lib/influxd",
        "influxd restore /var/backups/influxd --storage-path /tmp/look --new-operator-token",
    ],
    run,
};

/// In a directory that is not whole yet.
const INCOMPLETE: &str = "restore-incomplete";

fn run(given: &Given) -> Result<(), CliError> {
    let directory = Directory::of(given)?;
    let (name, manifest) = directory.chosen(given)?;
    let path = offline::storage_path(given)?;
    let path = absolute(&path)?;
    let is_taken = fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_some());
    if is_taken && !given.has("replace") {
        return Err(CliError::Failed(format!(
            "{}: there is something already; --replace puts the backup in its place and keeps it under \
             another name",
            path.display()
        )));
    }
    let lock = match is_taken {
        true => Some(Lock::take(&path).map_err(|error| CliError::Failed(error.to_string()))?),
        false => None,
    };
    let work = beside(&path, "restoring");
    make_room(&path, &work)?;
    copy(&directory, &manifest, &work)?;
    let token = match given.has("new-operator-token") {
        true => Some(offline::new_operator(&work, "made by influxd restore")?),
        false => None,
    };
    let marker = work.join(INCOMPLETE);
    fs::remove_file(&marker).map_err(|error| CliError::file("can't remove", &marker, error))?;
    sync_directory(&work)?;
    let failed = |error| CliError::file("can't put the backup in the place of", &path, error);
    if is_taken {
        drop(lock);
        let kept = exchange(&path, &work, "before-restore").map_err(failed)?;
        output::tell(&format!("what was there is kept in {}", kept.display()));
    } else {
        // An empty directory may be there.
        fs::rename(&work, &path).map_err(failed)?;
    }
    if let Some(parent) = path.parent() {
        sync_directory(parent)?;
    }
    output::tell(&format!("restored {name} into {}", path.display()));
    match token {
        Some(token) => output::say(&format!("{token}\n")),
        None => Ok(()),
    }
}

fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    let failed = |error| CliError::file("can't find", path, error);
    if path.exists() {
        return fs::canonicalize(path).map_err(failed);
    }
    let path = std::path::absolute(path).map_err(failed)?;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|error| CliError::file("can't make", parent, error))?;
    }
    Ok(path)
}

/// An incomplete restore is removed; anything else under its name is kept: a kill in the last step leaves the
/// old database there.
fn make_room(path: &Path, work: &Path) -> Result<(), CliError> {
    if !work.exists() {
        return Ok(());
    }
    let failed = |error| CliError::file("can't make room for", work, error);
    let is_ours = work.join(INCOMPLETE).exists();
    let is_empty = fs::read_dir(work).is_ok_and(|mut entries| entries.next().is_none());
    if is_ours || is_empty {
        return fs::remove_dir_all(work).map_err(failed);
    }
    let kept = (1..)
        .map(|number: u32| beside(path, &format!("before-restore-{number}")))
        .find(|kept| !kept.exists());
    match kept {
        Some(kept) => fs::rename(work, kept).map_err(failed),
        None => Ok(()),
    }
}

fn copy(directory: &Directory, manifest: &Manifest, work: &Path) -> Result<(), CliError> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .mode(0o700)
        .create(work)
        .map_err(|error| CliError::file("can't make", work, error))?;
    let marker = work.join(INCOMPLETE);
    File::create(&marker).map_err(|error| CliError::file("can't write", &marker, error))?;
    for entry in &manifest.files {
        let object = directory.object(&entry.sha256)?;
        let target = work.join(&entry.name);
        let mut from = File::open(&object)
            .map_err(|error| CliError::file("the backup lacks a file:", &object, error))?;
        let failed = |error| CliError::file("can't write", &target, error);
        let mut to = File::create(&target).map_err(failed)?;
        let (sha256, _) = copy_hashed(&mut from, &mut to).map_err(failed)?;
        if sha256 != entry.sha256 {
            return Err(CliError::Failed(format!(
                "{}: damaged: {} has another checksum than when it was backed up; nothing was restored",
                object.display(),
                entry.name
            )));
        }
        to.sync_all().map_err(failed)?;
    }
    Ok(())
}
