//! RocksDB's write-ahead log, read past damage: RocksDB itself gives up the rest of a block of 32 KiB.
//!
//! ```text
//! file     blocks of 32 KiB, in each: records, then zeroes when fewer than 7 bytes are left
//! record   checksum:4 length:2 type:1 payload     little-endian; the checksum is a masked CRC-32C of type
//!                                                 and payload
//! types    1 whole   2 first part   3 middle part   4 last part   others: about the file
//! ```

use std::ops::Range;

const BLOCK: usize = 32 << 10;
const HEADER: usize = 7;
const WHOLE: u8 = 1;
const FIRST: u8 = 2;
const MIDDLE: u8 = 3;
const LAST: u8 = 4;
/// Types that later versions of RocksDB may skip when they don't know them.
const ABOUT_THE_FILE: std::ops::RangeInclusive<u8> = 9..=140;

/// What is left of a log.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Batches of writes, in order.
    pub batches: Vec<Vec<u8>>,
    /// Bytes that no batch could be read from, by their place in the file.
    pub damaged: Vec<Range<usize>>,
}

pub fn salvage(bytes: &[u8]) -> Salvaged {
    let mut salvaged = Salvaged::default();
    // Parts of a batch so far, and where it began.
    let mut open: Option<(usize, Vec<u8>)> = None;
    let mut at = 0;
    while at < bytes.len() {
        let block_end = (at / BLOCK + 1) * BLOCK;
        if block_end - at < HEADER {
            at = block_end;
            continue;
        }
        let block = bytes
            .get(at..block_end.min(bytes.len()))
            .unwrap_or_default();
        let Some((kind, payload)) = record(block) else {
            if block.iter().all(|byte| *byte == 0) {
                at = block_end;
                continue;
            }
            let next = (1..block.len()).find(|skip| starts_batch(block, *skip));
            let next = next.map_or(block_end.min(bytes.len()), |skip| at + skip);
            let from = open.take().map_or(at, |(from, _)| from);
            salvaged.damage(from..next);
            at = next;
            continue;
        };
        let next = at + HEADER + payload.len();
        match (kind, open.take()) {
            (WHOLE | FIRST, Some((from, _))) => {
                salvaged.damage(from..at);
                open = salvaged.begin(kind, at, payload);
            }
            (WHOLE | FIRST, None) => open = salvaged.begin(kind, at, payload),
            (MIDDLE, Some((from, mut parts))) => {
                parts.extend_from_slice(payload);
                open = Some((from, parts));
            }
            (LAST, Some((_, mut parts))) => {
                parts.extend_from_slice(payload);
                salvaged.batches.push(parts);
            }
            (MIDDLE | LAST, None) => salvaged.damage(at..next),
            (_, before) => open = before,
        }
        at = next;
    }
    if let Some((from, _)) = open {
        salvaged.damage(from..bytes.len());
    }
    salvaged
}

impl Salvaged {
    fn begin(&mut self, kind: u8, at: usize, payload: &[u8]) -> Option<(usize, Vec<u8>)> {
        if kind == FIRST {
            return Some((at, payload.to_vec()));
        }
        self.batches.push(payload.to_vec());
        None
    }

    fn damage(&mut self, range: Range<usize>) {
        match self.damaged.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.damaged.push(range),
        }
    }
}

/// A log with these batches.
pub fn write<'a>(batches: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for batch in batches {
        let mut rest = batch;
        let mut is_first = true;
        loop {
            let mut room = BLOCK - out.len() % BLOCK;
            if room < HEADER {
                out.resize(out.len() + room, 0);
                room = BLOCK;
            }
            let (part, later) = rest.split_at(rest.len().min(room - HEADER));
            let kind = match (is_first, later.is_empty()) {
                (true, true) => WHOLE,
                (true, false) => FIRST,
                (false, false) => MIDDLE,
                (false, true) => LAST,
            };
            let length = u16::try_from(part.len()).unwrap_or(u16::MAX);
            out.extend_from_slice(&checksum(kind, part).to_le_bytes());
            out.extend_from_slice(&length.to_le_bytes());
            out.push(kind);
            out.extend_from_slice(part);
            if later.is_empty() {
                break;
            }
            rest = later;
            is_first = false;
        }
    }
    out
}

/// Type and payload of the record that the block begins with, when it is sound.
fn record(block: &[u8]) -> Option<(u8, &[u8])> {
    let (stored, rest) = block.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (kind, rest) = rest.split_first()?;
    let payload = rest.get(..usize::from(u16::from_le_bytes(*length)))?;
    let known = (WHOLE..=LAST).contains(kind) || ABOUT_THE_FILE.contains(kind);
    let sound = known && checksum(*kind, payload) == u32::from_le_bytes(*stored);
    sound.then_some((*kind, payload))
}

/// Whether a batch begins there. Its later parts would be of no use.
fn starts_batch(block: &[u8], at: usize) -> bool {
    let kind = block.get(at + HEADER - 1);
    let may = kind.is_some_and(|kind| matches!(*kind, WHOLE | FIRST));
    may && block.get(at..).and_then(record).is_some()
}

fn checksum(kind: u8, payload: &[u8]) -> u32 {
    let crc = crc32c::crc32c_append(crc32c::crc32c(&[kind]), payload);
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn batches() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let batch = (any::<u8>(), 0_usize..90_000).prop_map(|(byte, length)| vec![byte; length]);
        prop::collection::vec(batch, 1..6)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn batches_come_back(batches in batches()) {
            let file = write(batches.iter().map(Vec::as_slice));
            let whole = Salvaged { batches, damaged: Vec::new() };
            prop_assert_eq!(salvage(&file), whole);
        }

        #[test]
        fn a_changed_byte_costs_one_batch(batches in batches(), place: prop::sample::Index) {
            let mut file = write(batches.iter().map(Vec::as_slice));
            let at = place.index(file.len());
            file[at] ^= 0x5a;
            let salvaged = salvage(&file);
            prop_assert!(salvaged.batches.len() + 1 >= batches.len());
            prop_assert!(salvaged.batches.iter().all(|batch| batches.contains(batch)));
            // Zeroes at the end of a block belong to no batch.
            let lost = batches.len() - salvaged.batches.len();
            prop_assert!(lost == 0 || salvaged.damaged.iter().any(|range| range.contains(&at)));
        }

        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            salvage(&bytes);
        }
    }

    #[test]
    fn a_log_of_rocksdb_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let db = rocksdb::DB::open_default(directory.path()).unwrap();
        db.put(b"key", b"value of the key").unwrap();
        db.put(b"another", vec![7; 100_000]).unwrap();
        drop(db);
        let logs = std::fs::read_dir(directory.path()).unwrap();
        let mut logs = logs.map(|entry| entry.unwrap().path());
        let log = logs
            .find(|path| path.extension().is_some_and(|e| e == "log"))
            .unwrap();
        let salvaged = salvage(&std::fs::read(&log).unwrap());
        assert_eq!((salvaged.batches.len(), salvaged.damaged.len()), (2, 0));
        // RocksDB reads what is written here.
        std::fs::write(&log, write(salvaged.batches.iter().map(Vec::as_slice))).unwrap();
        let db = rocksdb::DB::open_default(directory.path()).unwrap();
        assert_eq!(db.get(b"key").unwrap().unwrap(), b"value of the key");
        assert_eq!(db.get(b"another").unwrap().unwrap(), vec![7; 100_000]);
    }
}
