//! The only user of the rocksdb crate: opening, grouped writes, reads, figures.

use super::error::StorageError;
use super::families::{self, Family};
use super::keys;
use super::meta_store::{MetaError, MetaOp, MetaStore, Pair};
use super::migrations;
use super::postings;
use parking_lot::Mutex;
use rocksdb::checkpoint::Checkpoint;
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB,
    DBCompressionType, DBRawIterator, DBRecoveryMode, LogLevel, Options, ReadOptions, WriteBatch,
    WriteBufferManager, WriteOptions,
};
use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Idle families pin the shared write-ahead log; beyond this they are flushed.
const WAL_BYTES_MAX: u64 = 96 << 20;

/// When written bytes are forced to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncMode {
    /// With every group of writes, before it is acknowledged.
    Always,
    /// By a thread, every so often.
    Interval(std::time::Duration),
    /// When the operating system likes.
    Never,
}

#[derive(Debug, Clone)]
pub struct StoreOptions {
    pub path: PathBuf,
    pub block_cache_bytes: usize,
    /// Of the memtables of all families together; above it one is flushed.
    pub write_buffer_bytes: usize,
    pub sync: SyncMode,
}

pub struct Store {
    db: DB,
    sync: SyncMode,
    /// Something was written since the last sync.
    unsynced: AtomicBool,
    /// The last write found no space.
    lacks_space: AtomicBool,
    /// Why nothing is acknowledged any more: a failed sync is final.
    sync_failure: Mutex<Option<String>>,
    /// Calls of [`Self::sync`] that forced something to disk.
    syncs: AtomicU64,
    path: PathBuf,
}

/// Writes that happen together or not at all, in this order.
pub struct WriteGroup<'a> {
    families: [Option<&'a ColumnFamily>; families::ALL.len()],
    batch: WriteBatch,
}

impl WriteGroup<'_> {
    pub fn put(&mut self, family: Family, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        if let Some(handle) = handle(&self.families, family) {
            self.batch.put_cf(handle, key, value);
        }
    }

    pub fn merge(&mut self, family: Family, key: impl AsRef<[u8]>, operand: impl AsRef<[u8]>) {
        if let Some(handle) = handle(&self.families, family) {
            self.batch.merge_cf(handle, key, operand);
        }
    }

    pub fn delete(&mut self, family: Family, key: impl AsRef<[u8]>) {
        if let Some(handle) = handle(&self.families, family) {
            self.batch.delete_cf(handle, key);
        }
    }

    /// `from` inclusive, `to` exclusive.
    pub fn delete_range<K: AsRef<[u8]>>(&mut self, family: Family, from: K, to: K) {
        if let Some(handle) = handle(&self.families, family) {
            self.batch.delete_range_cf(handle, from, to);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    pub fn bytes(&self) -> usize {
        self.batch.size_in_bytes()
    }
}

/// All families are opened with the store, so none is missing.
fn handle<'a>(families: &[Option<&'a ColumnFamily>], family: Family) -> Option<&'a ColumnFamily> {
    families.get(family.index).copied().flatten()
}

impl Store {
    /// Opens or creates the directory, mode 0700. RocksDB's own lock keeps a second process out.
    pub fn open(options: &StoreOptions) -> Result<Self, StorageError> {
        let open_error = |detail: String| StorageError::Open {
            path: options.path.display().to_string(),
            detail,
        };
        create_private_dir(&options.path).map_err(|error| open_error(error.to_string()))?;
        let cache = Cache::new_lru_cache(options.block_cache_bytes);
        let ours = families::ALL.iter().map(|family| {
            ColumnFamilyDescriptor::new(family.name, family_options(*family, &cache))
        });
        // RocksDB's own family is not used. Smaller than the others': after a full disk RocksDB goes on when
        // the largest memtable would fit.
        let mut small = Options::default();
        small.set_write_buffer_size(1 << 20);
        let unused = ColumnFamilyDescriptor::new("default", small);
        let descriptors: Vec<_> = ours.chain([unused]).collect();
        let db = DB::open_cf_descriptors(&database_options(options), &options.path, descriptors)
            .map_err(|error| open_error(explain_open(&error)))?;
        let store = Self {
            db,
            sync: options.sync,
            unsynced: AtomicBool::new(false),
            lacks_space: AtomicBool::new(false),
            sync_failure: Mutex::new(None),
            syncs: AtomicU64::new(0),
            path: options.path.clone(),
        };
        migrations::migrate(&store)?;
        Ok(store)
    }

    /// Opens a directory that may be damaged, to read what can be read. Whatever of the log can't be read is
    /// passed over, and nothing runs in the background.
    pub fn open_damaged(path: &Path) -> Result<Self, StorageError> {
        let options = StoreOptions {
            path: path.to_owned(),
            block_cache_bytes: 64 << 20,
            write_buffer_bytes: 64 << 20,
            sync: SyncMode::Never,
        };
        let cache = Cache::new_lru_cache(options.block_cache_bytes);
        let mut database = tolerant(database_options(&options));
        database.create_if_missing(false);
        // A list of files that was cut short knows fewer families.
        database.create_missing_column_families(false);
        let ours = families::ALL.iter().map(|family| {
            ColumnFamilyDescriptor::new(family.name, tolerant(family_options(*family, &cache)))
        });
        let unused = ColumnFamilyDescriptor::new("default", tolerant(Options::default()));
        let descriptors: Vec<_> = ours.chain([unused]).collect();
        let opened = DB::open_cf_descriptors(&database, path, descriptors);
        let db = opened.map_err(|error| StorageError::Open {
            path: path.display().to_string(),
            detail: explain_open(&error),
        })?;
        let store = Self {
            db,
            sync: options.sync,
            unsynced: AtomicBool::new(false),
            lacks_space: AtomicBool::new(false),
            sync_failure: Mutex::new(None),
            syncs: AtomicU64::new(0),
            path: options.path,
        };
        // A version that can't be read is one of the things that may be damaged.
        if let Ok(Some(_)) = store.get(families::META, keys::META_VERSION) {
            migrations::migrate(&store)?;
        }
        Ok(store)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn group(&self) -> WriteGroup<'_> {
        let families = families::ALL.map(|family| self.db.cf_handle(family.name));
        WriteGroup {
            families,
            batch: WriteBatch::default(),
        }
    }

    /// Commits a group. On return it survives `kill -9`; with `SyncMode::Always`, or `durable`, it is on
    /// disk. Concurrent callers share one sync.
    pub fn write(&self, group: WriteGroup<'_>, durable: bool) -> Result<(), StorageError> {
        if let Some(reason) = self.sync_failure.lock().clone() {
            return Err(StorageError::SyncFailedBefore(reason));
        }
        let sync = durable || self.sync == SyncMode::Always;
        let mut write_options = WriteOptions::default();
        write_options.set_sync(sync);
        self.db
            .write_opt(group.batch, &write_options)
            .map_err(|error| {
                let error = io("write", &error);
                if error.is_lack_of_space() {
                    self.lacks_space.store(true, Ordering::Release);
                } else if sync {
                    *self.sync_failure.lock() = Some(error.to_string());
                }
                error
            })?;
        self.lacks_space.store(false, Ordering::Release);
        if !sync {
            self.unsynced.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Forces to disk what was written since the last call. A failure is final: pages that the kernel
    /// could not write may be gone, so nothing may be acknowledged on top of them.
    pub fn sync(&self) -> Result<(), StorageError> {
        if !self.unsynced.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        self.db.flush_wal(true).map_err(|error| {
            let failure = io("sync of the write-ahead log", &error);
            // RocksDB does not sync a log that it could not append to. It begins a new one when there is
            // space, after it has flushed what the old one has.
            if failure.is_lack_of_space() || self.lacks_space.load(Ordering::Acquire) {
                self.unsynced.store(true, Ordering::Release);
            } else {
                *self.sync_failure.lock() = Some(error.to_string());
            }
            failure
        })?;
        self.syncs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    pub fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    pub fn sync_mode(&self) -> SyncMode {
        self.sync
    }

    pub fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        self.db
            .get_cf(self.family(family.name)?, key)
            .map_err(|error| io("read", &error))
    }

    /// Values of several keys of one family, in their order.
    pub fn get_many(
        &self,
        family: Family,
        sorted_keys: &[Vec<u8>],
    ) -> Result<Vec<Option<Vec<u8>>>, StorageError> {
        let handle = self.family(family.name)?;
        self.db
            .batched_multi_get_cf(handle, sorted_keys, true)
            .into_iter()
            .map(|found| {
                found
                    .map(|value| value.map(|v| v.to_vec()))
                    .map_err(|error| io("read", &error))
            })
            .collect()
    }

    /// Calls `visit` with each pair from `from` (inclusive) to `to` (exclusive) until it says `false`.
    pub fn scan(
        &self,
        family: Family,
        from: &[u8],
        to: Option<&[u8]>,
        mut visit: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StorageError> {
        let mut cursor = self.cursor(family, to)?;
        cursor.seek(from);
        while let Some((key, value)) = cursor.item() {
            if !visit(key, value) {
                return Ok(());
            }
            cursor.next();
        }
        cursor.finish()
    }

    /// A cursor that ends before `to`.
    pub fn cursor(&self, family: Family, to: Option<&[u8]>) -> Result<Cursor<'_>, StorageError> {
        let mut options = ReadOptions::default();
        if let Some(to) = to {
            options.set_iterate_upper_bound(to);
        }
        Ok(Cursor {
            raw: self
                .db
                .raw_iterator_cf_opt(self.family(family.name)?, options),
        })
    }

    /// Last key below `to` that starts with `prefix`.
    pub fn last_key(&self, family: Family, prefix: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        let Some(end) = keys::after_prefix(prefix) else {
            return Ok(None);
        };
        let mut raw = self.db.raw_iterator_cf(self.family(family.name)?);
        raw.seek_for_prev(&end);
        if raw.valid() && raw.key() == Some(end.as_slice()) {
            raw.prev();
        }
        raw.status().map_err(|error| io("read", &error))?;
        Ok(raw
            .key()
            .filter(|key| key.starts_with(prefix))
            .map(<[u8]>::to_vec))
    }

    /// Makes a directory with all that is written: links to the files that never change, copies of the
    /// others. What is written meanwhile may or may not be in it, all of a group or nothing.
    pub fn checkpoint(&self, path: &Path) -> Result<(), StorageError> {
        let made = Checkpoint::new(&self.db).and_then(|maker| maker.create_checkpoint(path));
        made.map_err(|error| io("checkpoint", &error))
    }

    /// Writes all memtables to SST files, so that a restart has no log to replay.
    pub fn flush(&self) -> Result<(), StorageError> {
        for family in families::ALL {
            self.db
                .flush_cf(self.family(family.name)?)
                .map_err(|error| io("flush", &error))?;
        }
        Ok(())
    }

    /// Gives the disk space of whole files inside the range back at once; the rest follows by compaction.
    pub fn drop_files_in_range(
        &self,
        family: Family,
        from: &[u8],
        to: &[u8],
    ) -> Result<(), StorageError> {
        let handle = self.family(family.name)?;
        self.db
            .delete_file_in_range_cf(handle, from, to)
            .map_err(|error| io("delete of files", &error))?;
        self.db.compact_range_cf(handle, Some(from), Some(to));
        Ok(())
    }

    /// Compacts a range to the end, so that what was deleted in it takes no space.
    pub fn compact(&self, family: Family, from: &[u8], to: &[u8]) -> Result<(), StorageError> {
        let handle = self.family(family.name)?;
        self.db.compact_range_cf(handle, Some(from), Some(to));
        Ok(())
    }

    /// Ends flushes and compactions, also one that is waited for. For a store that is about to be closed.
    pub fn cancel_background_work(&self) {
        self.db.cancel_all_background_work(true);
    }

    /// A figure of RocksDB summed over all families, by property name.
    pub fn property(&self, name: &'static str) -> u64 {
        families::ALL
            .iter()
            .filter_map(|family| self.family(family.name).ok())
            .filter_map(|handle| self.db.property_int_value_cf(handle, name).ok().flatten())
            .sum()
    }

    /// Names of the table files that the database consists of.
    pub fn table_files(&self) -> Result<Vec<String>, StorageError> {
        let files = self.db.live_files();
        let files = files.map_err(|error| io("list of files", &error))?;
        let name = |name: String| name.trim_start_matches('/').to_owned();
        Ok(files.into_iter().map(|file| name(file.name)).collect())
    }

    pub fn sync_failure(&self) -> Option<String> {
        self.sync_failure.lock().clone()
    }

    fn family(&self, name: &'static str) -> Result<&ColumnFamily, StorageError> {
        self.db.cf_handle(name).ok_or_else(|| StorageError::Io {
            what: "open",
            detail: format!("column family {name} is missing"),
        })
    }
}

/// Walks the pairs of one family in key order.
pub struct Cursor<'a> {
    raw: DBRawIterator<'a>,
}

impl Cursor<'_> {
    pub fn seek(&mut self, key: &[u8]) {
        self.raw.seek(key);
    }

    /// To the last pair before the cursor's end.
    pub fn seek_last(&mut self) {
        self.raw.seek_to_last();
    }

    pub fn next(&mut self) {
        self.raw.next();
    }

    pub fn previous(&mut self) {
        self.raw.prev();
    }

    pub fn item(&self) -> Option<(&[u8], &[u8])> {
        self.raw.item()
    }

    /// Whether the walk ended because of an error.
    pub fn finish(&self) -> Result<(), StorageError> {
        self.raw.status().map_err(|error| io("read", &error))
    }
}

impl MetaStore for Store {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, MetaError> {
        Self::get(self, families::META, &keys::meta_catalog(key)).map_err(|error| meta(&error))
    }

    fn scan(&self, prefix: &[u8]) -> Result<Vec<Pair>, MetaError> {
        let prefix = keys::meta_catalog(prefix);
        let mut pairs = Vec::new();
        Self::scan(
            self,
            families::META,
            &prefix,
            keys::after_prefix(&prefix).as_deref(),
            |key, value| {
                pairs.push((key.get(1..).unwrap_or_default().to_vec(), value.to_vec()));
                true
            },
        )
        .map_err(|error| meta(&error))?;
        Ok(pairs)
    }

    fn commit(&self, ops: Vec<MetaOp>) -> Result<(), MetaError> {
        let mut group = self.group();
        for op in ops {
            match op {
                MetaOp::Put(key, value) => {
                    group.put(families::META, keys::meta_catalog(&key), value);
                }
                MetaOp::Delete(key) => group.delete(families::META, keys::meta_catalog(&key)),
            }
        }
        self.write(group, true).map_err(|error| meta(&error))
    }
}

fn meta(error: &StorageError) -> MetaError {
    MetaError::Storage(error.to_string())
}

fn io(what: &'static str, error: &rocksdb::Error) -> StorageError {
    if error.kind() == rocksdb::ErrorKind::Corruption {
        return StorageError::Corrupt {
            what: "database file",
            position: what.to_owned(),
            detail: error.to_string(),
        };
    }
    StorageError::Io {
        what,
        detail: error.to_string(),
    }
}

fn explain_open(error: &rocksdb::Error) -> String {
    let message: &str = error.as_ref();
    if message.contains("lock") && message.contains("LOCK") {
        return format!("another process uses it ({message})");
    }
    if error.kind() == rocksdb::ErrorKind::Corruption {
        return format!("{message}; restore a backup, or let `influxd recover` save what it can");
    }
    message.to_owned()
}

fn create_private_dir(path: &Path) -> std::io::Result<()> {
    if !path.exists() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)?;
    }
    let mut permissions = fs::metadata(path)?.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(0o700);
        fs::set_permissions(path, permissions)?;
    }
    Ok(())
}

/// Makes the list of files anew from what the files say. All of them become unsorted ones.
pub fn repair(path: &Path) -> Result<(), StorageError> {
    let cache = Cache::new_lru_cache(8 << 20);
    // The families' options but for the merging of postings are alike, as far as reading goes.
    let mut options = family_options(families::INDEX, &cache);
    options.set_max_open_files(512);
    DB::repair(&options, path).map_err(|error| io("repair of the list of files", &error))
}

fn tolerant(mut options: Options) -> Options {
    options.set_wal_recovery_mode(DBRecoveryMode::SkipAnyCorruptedRecord);
    options.set_track_and_verify_wals_in_manifest(false);
    options.set_paranoid_checks(false);
    options.set_disable_auto_compactions(true);
    options
}

fn database_options(wanted: &StoreOptions) -> Options {
    let mut options = Options::default();
    let buffers = WriteBufferManager::new_write_buffer_manager(wanted.write_buffer_bytes, false);
    options.set_write_buffer_manager(&buffers);
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    // The default mode silently ends at one bad byte in the middle; this one tolerates a torn tail only.
    options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    options.set_track_and_verify_wals_in_manifest(true);
    options.set_max_total_wal_size(WAL_BYTES_MAX);
    options.set_max_open_files(512);
    options.set_max_background_jobs(2);
    options.set_keep_log_file_num(2);
    options.set_log_level(LogLevel::Warn);
    options.set_max_log_file_size(4 << 20);
    options.set_stats_dump_period_sec(0);
    options.set_manifest_preallocation_size(64 << 10);
    options
}

fn family_options(family: Family, cache: &Cache) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_format_version(6);
    table.set_block_size(16 << 10);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    table.set_metadata_block_size(4 << 10);
    table.set_pin_top_level_index_and_filter(true);
    if family.point_lookups {
        table.set_bloom_filter(10.0, false);
        // Whole filters of a million keys would be larger than a shard of the cache, and read anew for
        // each lookup.
        table.set_partition_filters(true);
    }
    let mut options = Options::default();
    options.set_block_based_table_factory(&table);
    options.set_write_buffer_size(family.memtable_bytes);
    options.set_level_zero_file_num_compaction_trigger(family.files_before_compaction);
    options.set_max_write_buffer_number(3);
    options.set_level_compaction_dynamic_level_bytes(true);
    if family.compressed {
        options.set_compression_type(DBCompressionType::Lz4);
        options.set_bottommost_compression_type(DBCompressionType::Zstd);
    } else {
        options.set_compression_type(DBCompressionType::None);
    }
    if family.postings {
        options.set_merge_operator_associative("series ids", |_key, existing, operands| {
            Some(postings::merge(existing, operands.into_iter()))
        });
    }
    options
}
