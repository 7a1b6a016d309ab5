//! Work on a data directory that no server runs on.

use super::CliError;
use super::args::Given;
use influxd::catalog;
use influxd::config::{Arguments, RawConfig};
use influxd::storage::{Store, StoreOptions, SyncMode};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The data directory, as `influxd run` would find it.
pub fn storage_path(given: &Given) -> Result<PathBuf, CliError> {
    let mut arguments: Vec<OsString> = Vec::new();
    for name in ["config", "storage-path"] {
        if let Some(value) = given.path(name) {
            arguments.extend([format!("--{name}").into(), value.into_os_string()]);
        }
    }
    let arguments = Arguments::parse(arguments).map_err(|error| given.wrong(error.to_string()))?;
    let raw = RawConfig::collect(&arguments, std::env::vars_os(), Path::new(""));
    let config = raw.and_then(|raw| raw.validate());
    let config = config.map_err(|error| CliError::Configuration(error.to_string()))?;
    Ok(config.storage.path)
}

/// Makes an operator token in a database.
pub fn new_operator(path: &Path, description: &str) -> Result<String, CliError> {
    let options = StoreOptions {
        path: path.to_owned(),
        block_cache_bytes: 8 << 20,
        write_buffer_bytes: 32 << 20,
        sync: SyncMode::Always,
    };
    let unusable = |error: &dyn std::fmt::Display| CliError::DataDirectory(error.to_string());
    if !path.join("CURRENT").exists() {
        return Err(unusable(&format!(
            "{}: there is no database here; name its directory with --storage-path",
            path.display()
        )));
    }
    let store = Store::open(&options).map_err(|error| unusable(&error))?;
    catalog::new_operator(&store, description).map_err(|error| CliError::Failed(error.to_string()))
}
