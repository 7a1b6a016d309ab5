//! Strings: dictionary when few are distinct, the text compressed when that gains.
//!
//! ```text
//! plain       tag, size of lengths, lengths (integer column), text
//! dictionary  tag, distinct, size of indexes, indexes (integer column), strings as a plain column
//! text        size, bytes      or      size, zstd frame to the end (bit 7 of the tag)
//! ```

use super::bytes::{Reader, put_varint};
use super::{CodecError, Effort, check_count, int};
use crate::model::StrColumn;
use hashbrown::HashMap;
use std::cell::RefCell;
use std::io::Read as _;

const TAG_PLAIN: u8 = 0;
const TAG_DICTIONARY: u8 = 1;
const COMPRESSED: u8 = 0x80;

/// Shorter texts don't pay for the frame.
const COMPRESS_BYTES_MIN: usize = 64;
const ZSTD_LEVEL: i32 = 3;
/// Most text of one column. A dictionary repeats text without bytes for it, so that damage could
/// otherwise ask for any amount of memory.
const TEXT_BYTES_MAX: usize = 1 << 30;
/// A dictionary must have this many times fewer strings than the column.
const DISTINCT_DIVISOR: usize = 2;
/// When so many strings were all but distinct, the rest is taken to be like them.
const DISTINCT_TRIED: usize = 512;

thread_local! {
    /// Making a compressor costs more than compressing a block's text.
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> =
        RefCell::new(zstd::bulk::Compressor::new(ZSTD_LEVEL).ok());
}

/// Appends a column. Its text must be 1 GiB at most, or it can't be read again.
pub fn encode_strings(values: &StrColumn, effort: Effort, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    match dictionary(values) {
        Some((distinct, indexes)) => {
            out.push(TAG_DICTIONARY);
            put_varint(distinct.ends.len() as u64, out);
            put_sized(out, |out| int::encode_i64(&indexes, effort, out));
            encode_plain(&distinct, effort, out);
        }
        None => encode_plain(values, effort, out),
    }
}

fn encode_plain(values: &StrColumn, effort: Effort, out: &mut Vec<u8>) {
    let starts = std::iter::once(&0).chain(&values.ends);
    let pairs = values.ends.iter().zip(starts);
    let lengths: Vec<i64> = pairs
        .map(|(end, start)| i64::from(end.wrapping_sub(*start)))
        .collect();
    let end = values.ends.last().copied().unwrap_or_default();
    let text = values.bytes.get(..end as usize).unwrap_or_default();
    let packed = (effort == Effort::Small).then(|| compress(text)).flatten();
    let (tag, bytes) = match &packed {
        Some(packed) => (TAG_PLAIN | COMPRESSED, packed.as_slice()),
        None => (TAG_PLAIN, text),
    };
    out.push(tag);
    put_sized(out, |out| int::encode_i64(&lengths, effort, out));
    put_varint(text.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// `None` when it doesn't gain.
fn compress(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() < COMPRESS_BYTES_MIN {
        return None;
    }
    let packed = COMPRESSOR.with_borrow_mut(|compressor| compressor.as_mut()?.compress(text).ok());
    packed.filter(|packed| packed.len() < text.len())
}

/// The text of each string. UTF-8 is not looked at.
fn texts(values: &StrColumn) -> impl Iterator<Item = &[u8]> {
    let starts = std::iter::once(&0).chain(&values.ends);
    let range = |(start, end): (&u32, &u32)| {
        values
            .bytes
            .get(*start as usize..*end as usize)
            .unwrap_or_default()
    };
    starts.zip(&values.ends).map(range)
}

/// Distinct strings in order of first appearance, and each value's place among them.
fn dictionary(values: &StrColumn) -> Option<(StrColumn, Vec<i64>)> {
    let most = values.len() / DISTINCT_DIVISOR;
    let mut places: HashMap<&[u8], i64> = HashMap::new();
    let mut distinct = StrColumn::default();
    let mut indexes = Vec::with_capacity(values.len());
    let mut last: (&[u8], i64) = (&[], -1);
    for (row, text) in texts(values).enumerate() {
        if last.0 == text && last.1 >= 0 {
            indexes.push(last.1);
            continue;
        }
        let next = i64::try_from(distinct.ends.len()).ok()?;
        let place = *places.entry(text).or_insert(next);
        if place == next {
            let mostly = distinct.ends.len() >= DISTINCT_TRIED && distinct.ends.len() * 8 > row * 7;
            if distinct.ends.len() >= most || mostly {
                return None;
            }
            distinct.bytes.extend_from_slice(text);
            distinct
                .ends
                .push(u32::try_from(distinct.bytes.len()).ok()?);
        }
        indexes.push(place);
        last = (text, place);
    }
    Some((distinct, indexes))
}

fn put_sized(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    write(&mut inner);
    put_varint(inner.len() as u64, out);
    out.extend_from_slice(&inner);
}

/// Reads a column of `count` strings.
pub fn decode_strings(bytes: &[u8], count: usize) -> Result<StrColumn, CodecError> {
    check_count(count)?;
    let mut reader = Reader::new(bytes);
    if count == 0 {
        return reader.finish().map(|()| StrColumn::default());
    }
    let tag = reader.byte()?;
    if tag != TAG_DICTIONARY {
        return decode_plain(tag, &mut reader, count);
    }
    let distinct = reader.length(count, "number of distinct strings")?;
    let at = reader.position();
    let indexes = sized_integers(&mut reader, count)?;
    let tag = reader.byte()?;
    let distinct = decode_plain(tag, &mut reader, distinct)?;
    look_up(&distinct, &indexes).ok_or(CodecError::Invalid {
        at,
        what: "bad dictionary index",
    })
}

fn look_up(distinct: &StrColumn, indexes: &[i64]) -> Option<StrColumn> {
    let distinct: Vec<&[u8]> = texts(distinct).collect();
    let at = |index: &i64| distinct.get(usize::try_from(*index).ok()?).copied();
    let mut ends = Vec::with_capacity(indexes.len());
    let mut end = 0_usize;
    for index in indexes {
        end += at(index)?.len();
        if end > TEXT_BYTES_MAX {
            return None;
        }
        ends.push(u32::try_from(end).ok()?);
    }
    let mut bytes = Vec::with_capacity(end);
    for index in indexes {
        bytes.extend_from_slice(at(index)?);
    }
    Some(StrColumn { ends, bytes })
}

fn sized_integers(reader: &mut Reader<'_>, count: usize) -> Result<Vec<i64>, CodecError> {
    let size = reader.length(reader.remaining(), "size of integers")?;
    let at = reader.position();
    let mut integers = Vec::new();
    int::decode_i64_into(reader.take(size)?, count, &mut integers)
        .map_err(|error| error.shifted(at))?;
    Ok(integers)
}

fn decode_plain(tag: u8, reader: &mut Reader<'_>, count: usize) -> Result<StrColumn, CodecError> {
    if tag & !COMPRESSED != TAG_PLAIN {
        let at = reader.position().saturating_sub(1);
        return Err(CodecError::UnknownTag {
            at,
            what: "string codec",
            tag,
        });
    }
    let lengths_at = reader.position();
    let lengths = sized_integers(reader, count)?;
    let size = reader.length(TEXT_BYTES_MAX, "size of text")?;
    let at = reader.position();
    let bytes = if tag & COMPRESSED == 0 {
        reader.take(size)?.to_vec()
    } else {
        decompress(reader.rest(), size, at)?
    };
    reader.finish()?;
    let text = std::str::from_utf8(&bytes).map_err(|_| CodecError::Invalid {
        at,
        what: "text that is not UTF-8",
    })?;
    let ends = ends_of(text, &lengths).ok_or(CodecError::Invalid {
        at: lengths_at,
        what: "lengths that don't fit the text",
    })?;
    Ok(StrColumn { ends, bytes })
}

/// Where strings of these lengths end, when together they are the whole text.
fn ends_of(text: &str, lengths: &[i64]) -> Option<Vec<u32>> {
    let mut ends = Vec::with_capacity(lengths.len());
    let mut end = 0_usize;
    for &length in lengths {
        end = end.checked_add(usize::try_from(length).ok()?)?;
        if !text.is_char_boundary(end) {
            return None;
        }
        ends.push(u32::try_from(end).ok()?);
    }
    (end == text.len()).then_some(ends)
}

/// Memory grows with what the frame really gives, up to `size`.
fn decompress(frame: &[u8], size: usize, at: usize) -> Result<Vec<u8>, CodecError> {
    let library = |reason: String| CodecError::Library {
        at,
        library: "zstd",
        reason,
    };
    let decoder = zstd::stream::read::Decoder::with_buffer(frame);
    let decoder = decoder.map_err(|error| library(error.to_string()))?;
    let mut text = Vec::new();
    let read = decoder.take(size as u64 + 1).read_to_end(&mut text);
    read.map_err(|error| library(error.to_string()))?;
    if text.len() != size {
        return Err(library(format!("{} bytes of text, not {size}", text.len())));
    }
    Ok(text)
}
