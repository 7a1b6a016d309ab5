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
use std::collections::HashMap;

const TAG_PLAIN: u8 = 0;
const TAG_DICTIONARY: u8 = 1;
const COMPRESSED: u8 = 0x80;

/// Shorter texts don't pay for the frame.
const COMPRESS_BYTES_MIN: usize = 64;
const ZSTD_LEVEL: i32 = 3;
/// No column's text may be larger: `StrColumn` counts in 32 bits.
const TEXT_BYTES_MAX: usize = u32::MAX as usize;
/// A dictionary must be this many times smaller than the column.
const DISTINCT_DIVISOR: usize = 2;

/// Appends a column.
pub fn encode_strings(values: &StrColumn, effort: Effort, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    match dictionary(values) {
        Some((distinct, indexes)) => {
            out.push(TAG_DICTIONARY);
            put_varint(distinct.len() as u64, out);
            put_sized(out, |out| int::encode_i64(&indexes, effort, out));
            encode_plain(&distinct, effort, out);
        }
        None => encode_plain(values, effort, out),
    }
}

fn encode_plain(values: &StrColumn, effort: Effort, out: &mut Vec<u8>) {
    let tag_at = out.len();
    out.push(TAG_PLAIN);
    let starts = std::iter::once(&0).chain(&values.ends);
    let lengths: Vec<i64> = values
        .ends
        .iter()
        .zip(starts)
        .map(|(end, start)| i64::from(end.wrapping_sub(*start)))
        .collect();
    put_sized(out, |out| int::encode_i64(&lengths, effort, out));
    let text = values
        .ends
        .last()
        .and_then(|&end| values.bytes.get(..end as usize));
    let text = text.unwrap_or_default();
    put_varint(text.len() as u64, out);
    if effort == Effort::Small
        && text.len() >= COMPRESS_BYTES_MIN
        && let Ok(packed) = zstd::bulk::compress(text, ZSTD_LEVEL)
        && packed.len() < text.len()
    {
        if let Some(tag) = out.get_mut(tag_at) {
            *tag |= COMPRESSED;
        }
        out.extend_from_slice(&packed);
    } else {
        out.extend_from_slice(text);
    }
}

/// Distinct strings in order of first appearance, and each value's place among them.
fn dictionary(values: &StrColumn) -> Option<(StrColumn, Vec<i64>)> {
    let most = values.len() / DISTINCT_DIVISOR;
    let mut places: HashMap<&str, i64> = HashMap::new();
    let mut distinct = StrColumn::default();
    let mut indexes = Vec::with_capacity(values.len());
    for text in values.iter() {
        let next = i64::try_from(distinct.len()).ok()?;
        let place = *places.entry(text).or_insert(next);
        if place == next {
            if distinct.len() >= most {
                return None;
            }
            distinct.push(text);
        }
        indexes.push(place);
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
    let mut out = StrColumn::default();
    out.ends.reserve_exact(count);
    let mut size = 0_usize;
    for index in indexes {
        let text = usize::try_from(index)
            .ok()
            .and_then(|index| distinct.get(index));
        let text = text.ok_or(CodecError::Invalid {
            at,
            what: "index beyond the dictionary",
        })?;
        size += text.len();
        if size > TEXT_BYTES_MAX {
            return Err(CodecError::Invalid {
                at,
                what: "text above 4 GiB",
            });
        }
        out.push(text);
    }
    Ok(out)
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
    let tag_at = reader.position().saturating_sub(1);
    if tag & !COMPRESSED != TAG_PLAIN {
        return Err(CodecError::UnknownTag {
            at: tag_at,
            what: "string codec",
            tag,
        });
    }
    let lengths_at = reader.position();
    let lengths = if count == 0 {
        Vec::new()
    } else {
        sized_integers(reader, count)?
    };
    let size = reader.length(TEXT_BYTES_MAX, "size of text")?;
    let at = reader.position();
    let bytes = if tag & COMPRESSED == 0 {
        reader.take(size)?.to_vec()
    } else {
        decompress(reader.rest(), size, at)?
    };
    reader.finish()?;
    let mut out = StrColumn {
        ends: Vec::with_capacity(count),
        bytes,
    };
    let mut end = 0_u64;
    for length in lengths {
        let text_start = end;
        end = end.saturating_add(length.cast_unsigned());
        let text = usize::try_from(text_start)
            .ok()
            .zip(usize::try_from(end).ok())
            .and_then(|(start, end)| out.bytes.get(start..end));
        if text.is_none_or(|text| std::str::from_utf8(text).is_err()) {
            return Err(CodecError::Invalid {
                at: lengths_at,
                what: "string that is no text",
            });
        }
        out.ends.push(u32::try_from(end).unwrap_or(u32::MAX));
    }
    if end != out.bytes.len() as u64 {
        return Err(CodecError::Invalid {
            at,
            what: "text longer than its strings",
        });
    }
    Ok(out)
}

/// A frame gives what its own bytes can give and no more than `size`.
fn decompress(frame: &[u8], size: usize, at: usize) -> Result<Vec<u8>, CodecError> {
    use std::io::Read as _;
    let library = |reason: String| CodecError::Library {
        at,
        library: "zstd",
        reason,
    };
    let mut decoder =
        zstd::stream::read::Decoder::with_buffer(frame).map_err(|e| library(e.to_string()))?;
    let mut text = Vec::new();
    decoder
        .by_ref()
        .take(size as u64 + 1)
        .read_to_end(&mut text)
        .map_err(|e| library(e.to_string()))?;
    if text.len() != size {
        return Err(library(format!("{} bytes of text, not {size}", text.len())));
    }
    Ok(text)
}
