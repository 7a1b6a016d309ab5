//! The column families and how each is used. One table; `rocks` opens what stands here.

/// How a family is read and how large its memtable may grow.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Place in [`ALL`].
    pub index: usize,
    pub name: &'static str,
    /// Memtable size in bytes. Two of them may exist at a time.
    pub memtable_bytes: usize,
    /// Flushed memtables that are merged at once into the sorted files below them. More of them cost reads of
    /// fresh series a little, fewer cost a burst of new series much.
    pub files_before_compaction: i32,
    /// Point lookups of keys that may be absent profit from a bloom filter.
    pub point_lookups: bool,
    /// Our own encodings are as small as they get; RocksDB need not try.
    pub compressed: bool,
    /// Merged by [`super::postings::merge`].
    pub postings: bool,
}

const MIB: usize = 1 << 20;

/// Catalog, format version, watermarks, shards.
pub const META: Family = Family {
    index: 0,
    name: "meta",
    memtable_bytes: MIB,
    files_before_compaction: 4,
    point_lookups: false,
    compressed: true,
    postings: false,
};
/// Acknowledged batches that are not yet wholly sealed. Trimmed by DeleteRange with each seal; with a
/// seal at 4 MiB of journal (`JOURNAL_SEAL_BYTES`) entries rarely reach an SST.
pub const JOURNAL: Family = Family {
    index: 1,
    name: "journal",
    memtable_bytes: 32 * MIB,
    files_before_compaction: 4,
    point_lookups: false,
    compressed: false,
    postings: false,
};
/// Series key to id, and back.
pub const SERIES: Family = Family {
    index: 2,
    name: "series",
    memtable_bytes: 48 * MIB,
    files_before_compaction: 8,
    point_lookups: true,
    compressed: true,
    postings: false,
};
/// Fields and their types, by series and by measurement.
pub const SCHEMA: Family = Family {
    index: 3,
    name: "schema",
    memtable_bytes: 16 * MIB,
    files_before_compaction: 8,
    point_lookups: true,
    compressed: true,
    postings: false,
};
/// Tag values to the series that have them.
pub const INDEX: Family = Family {
    index: 4,
    name: "index",
    memtable_bytes: 24 * MIB,
    files_before_compaction: 8,
    point_lookups: false,
    compressed: true,
    postings: true,
};
/// Sealed columns.
pub const BLOCKS: Family = Family {
    index: 5,
    name: "blocks",
    memtable_bytes: 16 * MIB,
    files_before_compaction: 4,
    point_lookups: false,
    compressed: false,
    postings: false,
};

/// Sealed rows of series that have only few.
pub const PAGES: Family = Family {
    index: 6,
    name: "pages",
    memtable_bytes: 8 * MIB,
    files_before_compaction: 4,
    point_lookups: false,
    compressed: false,
    postings: false,
};

/// Acknowledged batches that a remote has not confirmed yet.
pub const REPLICATION: Family = Family {
    index: 7,
    name: "replication",
    memtable_bytes: 8 * MIB,
    files_before_compaction: 4,
    point_lookups: false,
    compressed: true,
    postings: false,
};

pub const ALL: [Family; 8] = [
    META,
    JOURNAL,
    SERIES,
    SCHEMA,
    INDEX,
    BLOCKS,
    PAGES,
    REPLICATION,
];
/// Families whose keys all begin with a bucket.
pub const BY_BUCKET: [Family; 5] = [SERIES, SCHEMA, INDEX, BLOCKS, PAGES];
/// Families that hold points: their keys begin with bucket and shard.
pub const BY_SHARD: [Family; 2] = [BLOCKS, PAGES];
