//! What can go wrong below, with corruption, I/O and "not possible now" kept apart.

#[derive(Debug, Clone, thiserror::Error)]
pub enum StorageError {
    /// RocksDB or the operating system failed.
    #[error("storage {what} failed: {detail}")]
    Io { what: &'static str, detail: String },
    /// Bytes that we wrote can't be read back.
    #[error(
        "damaged {what} at {position}: {detail}; stop the server and restore a backup, or let `influxd recover` save what it can"
    )]
    Corrupt {
        what: &'static str,
        position: String,
        detail: String,
    },
    #[error(
        "database directory {path} has format version {found}, this version reads {supported}; use a matching influxd"
    )]
    FormatVersion {
        path: String,
        found: String,
        supported: u32,
    },
    #[error("database directory {path} can't be opened: {detail}")]
    Open { path: String, detail: String },
    /// A sync failed before: nothing is acknowledged any more until a restart.
    #[error(
        "an earlier sync of the write-ahead log failed ({0}); writes are refused until a restart"
    )]
    SyncFailedBefore(String),
}

impl StorageError {
    /// Space may come back, and what was not written was not acknowledged.
    pub fn is_lack_of_space(&self) -> bool {
        matches!(self, Self::Io { detail, .. } if detail.contains("No space left"))
    }
}
