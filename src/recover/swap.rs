//! Changing the places of two directories so that no crash leaves neither.

use crate::storage::salvage::is_of_rocksdb;
use std::ffi::CString;
use std::fs;
use std::io::{Error, Result};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A path beside another: with this after its name.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}

/// Copies what lies in a database directory and is not the storage engine's.
pub fn copy_other_files(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_file() && !is_of_rocksdb(&name.to_string_lossy()) {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}

/// Puts `new` in the place of `path`. Returns where what was there is now.
/// Its name is that of `path` with this after it, and a number.
pub fn exchange(path: &Path, new: &Path, kept_as: &str) -> Result<PathBuf> {
    let (from, to) = (c_path(new)?, c_path(path)?);
    let here = libc::AT_FDCWD;
    // SAFETY: both paths end with a zero and outlive the call.
    let result = unsafe {
        libc::renameat2(
            here,
            from.as_ptr(),
            here,
            to.as_ptr(),
            libc::RENAME_EXCHANGE,
        )
    };
    if result != 0 {
        return Err(Error::last_os_error());
    }
    let kept = (1..)
        .map(|number| beside(path, &format!("{kept_as}-{number}")))
        .find(|kept| !kept.exists())
        .unwrap_or_else(|| new.to_owned());
    fs::rename(new, &kept)?;
    Ok(kept)
}

fn c_path(path: &Path) -> Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_directories_change_places() {
        let directory = tempfile::tempdir().unwrap();
        let (old, new) = (directory.path().join("db"), directory.path().join("new"));
        for (path, text) in [(&old, "old"), (&new, "new")] {
            fs::create_dir(path).unwrap();
            fs::write(path.join("file"), text).unwrap();
        }
        let kept = exchange(&old, &new, "damaged").unwrap();
        assert_eq!(kept, directory.path().join("db.damaged-1"));
        assert_eq!(fs::read_to_string(old.join("file")).unwrap(), "new");
        assert_eq!(fs::read_to_string(kept.join("file")).unwrap(), "old");
        assert!(!new.exists());
    }
}
