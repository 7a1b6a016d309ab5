//! Blocks: one field's column of one series and one stretch of time, as it is stored.
//!
//! ```text
//!  byte 0     format version (bits 5-7), place of the times (bits 3-4), field type (bits 0-2)
//!  byte 1     form of the statistics (bits 5-7), exponent of the time unit (bits 0-4)
//!  varint     count of rows; when it is 0, nothing follows
//!  zigzag     first time       \ in units of 10^exponent nanoseconds
//!  varint     last - first     /
//!  statistics                    see [`stats`]; none for booleans and strings
//!  times      regular            nothing: count, first and last say it all
//!             inline             varint size, integer column of (time - first) in units
//!             shared             nothing: the rows are those of the shared time block
//!             shared, presence   varint size, boolean column over the rows of the shared time block
//!  values     column of the type's codec, to the end
//!
//!  time block: byte 0 version (bits 5-7), varint count, time column to the end
//! ```
//! Times rise strictly. A shared time block holds the times of all fields of the same series and
//! stretch; a block whose own times are regular doesn't refer to it even when it could.

mod stats;

pub use stats::BlockStats;

use super::codec::{
    CodecError, Effort, Reader, common_unit, decode_bool_into, decode_i64_into, decode_times,
    decode_values, encode_bool, encode_i64, encode_times, encode_values, put_signed, put_varint,
    regular, regular_step,
};
use crate::model::{FieldType, Values};
use stats::StatsForm;

const VERSION: u8 = 1;
const VERSION_SHIFT: u32 = 5;
const PLACE_SHIFT: u32 = 3;
const FORM_SHIFT: u32 = 5;
const LOW_FIVE: u8 = 0x1f;
const LOW_THREE: u8 = 0x07;
/// 10^18 is the largest power of ten of 64 bits.
const EXPONENT_MAX: u8 = 18;

/// Most rows of one block, far above what is useful. A damaged count can't ask for more memory than
/// so many rows need.
pub const BLOCK_ROWS_MAX: usize = 1 << 20;

/// Points of one field: as many times as values, at most [`BLOCK_ROWS_MAX`], times strictly rising.
#[derive(Debug, Clone, Copy)]
pub struct BlockInput<'a> {
    pub times: &'a [i64],
    pub values: &'a Values,
}

/// Where the times of a block shall go.
#[derive(Debug, Clone, Copy)]
pub enum TimeColumn<'a> {
    Inline,
    /// Into the shared time block; `presence` says which of its rows the field has, `None` all.
    Shared {
        presence: Option<&'a [bool]>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimePlace {
    Regular = 0,
    Inline = 1,
    Shared = 2,
    SharedPresence = 3,
}

impl TimePlace {
    const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::Regular,
            1 => Self::Inline,
            2 => Self::Shared,
            _ => Self::SharedPresence,
        }
    }
}

/// What a block says before its columns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlockHeader {
    field_type: FieldType,
    place: TimePlace,
    unit: i64,
    count: usize,
    first_time: i64,
    last_time: i64,
    stats: BlockStats,
    /// Where the columns begin.
    columns_at: usize,
}

impl BlockHeader {
    /// Reads the header; the columns are not looked at.
    pub fn parse(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        let head = reader.byte()?;
        check_version(head)?;
        let tag = head & LOW_THREE;
        let field_type = FieldType::from_tag(tag).ok_or(CodecError::UnknownTag {
            at: 0,
            what: "field type",
            tag,
        })?;
        let second = reader.byte()?;
        let exponent = second & LOW_FIVE;
        if exponent > EXPONENT_MAX {
            return Err(CodecError::UnknownTag {
                at: 1,
                what: "time unit",
                tag: exponent,
            });
        }
        let count = reader.length(BLOCK_ROWS_MAX, "count of rows")?;
        let mut header = Self {
            field_type,
            place: TimePlace::from_bits(head >> PLACE_SHIFT),
            unit: 10_i64.pow(u32::from(exponent)),
            count,
            first_time: 0,
            last_time: 0,
            stats: BlockStats::NONE,
            columns_at: 0,
        };
        if count > 0 {
            header.first_time = reader.signed()?.wrapping_mul(header.unit);
            let span = reader.varint()?.cast_signed().wrapping_mul(header.unit);
            header.last_time = header.first_time.wrapping_add(span);
            let form = StatsForm::from_bits(second >> FORM_SHIFT)?;
            header.stats = stats::read(form, field_type, count, &mut reader)?;
        }
        header.columns_at = reader.position();
        Ok(header)
    }

    pub const fn count(&self) -> usize {
        self.count
    }

    /// 0 when there are no rows.
    pub const fn first_time(&self) -> i64 {
        self.first_time
    }

    /// 0 when there are no rows.
    pub const fn last_time(&self) -> i64 {
        self.last_time
    }

    pub const fn field_type(&self) -> FieldType {
        self.field_type
    }

    pub const fn stats(&self) -> &BlockStats {
        &self.stats
    }

    /// Whether [`decode_block_times`] needs the shared time column.
    pub const fn is_time_shared(&self) -> bool {
        matches!(self.place, TimePlace::Shared | TimePlace::SharedPresence)
    }
}

/// Statistics of all of a column.
pub fn stats_of_values(values: &Values) -> BlockStats {
    stats_of_rows(values, 0..values.len())
}

/// Statistics of some rows of a column, row numbers from the first of these. Rows that the column does
/// not have give [`BlockStats::NONE`].
pub fn stats_of_rows(values: &Values, rows: std::ops::Range<usize>) -> BlockStats {
    stats::of(values, rows)
}

fn check_version(head: u8) -> Result<(), CodecError> {
    match head >> VERSION_SHIFT {
        VERSION => Ok(()),
        tag => Err(CodecError::UnknownTag {
            at: 0,
            what: "block format version",
            tag,
        }),
    }
}

/// Appends a block. The caller owes what [`BlockInput`] says: a block of other points can't be read.
pub fn encode_block(input: &BlockInput<'_>, times: TimeColumn<'_>, out: &mut Vec<u8>) {
    debug_assert_eq!(input.times.len(), input.values.len());
    debug_assert!(input.times.is_sorted_by(|a, b| a < b));
    let field_type = input.values.field_type();
    let (Some(&first), Some(&last)) = (input.times.first(), input.times.last()) else {
        out.extend_from_slice(&[VERSION << VERSION_SHIFT | field_type.tag(), 0, 0]);
        return;
    };
    let step = regular_step(input.times);
    // Between regular times there are only multiples of the step.
    let (exponent, unit) =
        step.map_or_else(|| common_unit(input.times), |s| common_unit(&[first, s]));
    let place = if step.is_some() {
        TimePlace::Regular
    } else {
        place_of(times)
    };
    let stats = stats_of_values(input.values);
    let form = StatsForm::of(&stats);
    out.push(VERSION << VERSION_SHIFT | (place as u8) << PLACE_SHIFT | field_type.tag());
    out.push(form.bits() << FORM_SHIFT | exponent);
    put_varint(input.times.len() as u64, out);
    put_signed(first / unit, out);
    put_varint(offset(last, first, unit), out);
    stats::write(form, &stats, input.times.len(), out);
    match (place, times) {
        (TimePlace::Inline, _) => {
            let offset = |&time: &i64| offset(time, first, unit).cast_signed();
            let offsets: Vec<i64> = input.times.iter().map(offset).collect();
            put_sized(out, |column| encode_i64(&offsets, Effort::Small, column));
        }
        (
            TimePlace::SharedPresence,
            TimeColumn::Shared {
                presence: Some(presence),
            },
        ) => {
            put_sized(out, |column| encode_bool(presence, Effort::Small, column));
        }
        _ => {}
    }
    encode_values(input.values, Effort::Small, out);
}

const fn place_of(wanted: TimeColumn<'_>) -> TimePlace {
    match wanted {
        TimeColumn::Inline => TimePlace::Inline,
        TimeColumn::Shared { presence: None } => TimePlace::Shared,
        TimeColumn::Shared { presence: Some(_) } => TimePlace::SharedPresence,
    }
}

/// How far `time` is behind `first`, in units; all 64 bits are used.
const fn offset(time: i64, first: i64, unit: i64) -> u64 {
    time.wrapping_sub(first).cast_unsigned() / unit.cast_unsigned()
}

fn put_sized(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let mut column = Vec::new();
    write(&mut column);
    put_varint(column.len() as u64, out);
    out.extend_from_slice(&column);
}

/// The times of a block's rows. `shared` is the decoded shared time column, needed when
/// [`BlockHeader::is_time_shared`].
pub fn decode_block_times(bytes: &[u8], shared: Option<&[i64]>) -> Result<Vec<i64>, CodecError> {
    let header = BlockHeader::parse(bytes)?;
    if header.count == 0 {
        return Ok(Vec::new());
    }
    let columns = bytes.get(header.columns_at..).unwrap_or_default();
    let at = header.columns_at;
    match header.place {
        TimePlace::Regular => Ok(regular_times(&header)),
        TimePlace::Inline => {
            let mut reader = Reader::new(columns);
            inline_times(&header, &mut reader).map_err(|error| error.shifted(at))
        }
        TimePlace::Shared | TimePlace::SharedPresence => {
            let shared = shared.ok_or(CodecError::Invalid {
                at,
                what: "times are shared and were not given",
            })?;
            let times = if header.place == TimePlace::Shared {
                shared.to_vec()
            } else {
                let mut reader = Reader::new(columns);
                present_times(shared, &mut reader).map_err(|error| error.shifted(at))?
            };
            check_times(&header, &times)?;
            Ok(times)
        }
    }
}

fn regular_times(header: &BlockHeader) -> Vec<i64> {
    let span = header
        .last_time
        .wrapping_sub(header.first_time)
        .cast_unsigned();
    let step = span / (header.count as u64 - 1).max(1);
    regular(header.first_time, step.cast_signed())
        .take(header.count)
        .collect()
}

fn inline_times(header: &BlockHeader, reader: &mut Reader<'_>) -> Result<Vec<i64>, CodecError> {
    let at = reader.position();
    let mut times = Vec::new();
    decode_i64_into(sized(reader)?, header.count, &mut times).map_err(|error| error.shifted(at))?;
    for time in &mut times {
        *time = header
            .first_time
            .wrapping_add(time.wrapping_mul(header.unit));
    }
    check_times(header, &times)?;
    Ok(times)
}

fn present_times(shared: &[i64], reader: &mut Reader<'_>) -> Result<Vec<i64>, CodecError> {
    let mut presence = Vec::new();
    decode_bool_into(sized(reader)?, shared.len(), &mut presence)?;
    let present = shared
        .iter()
        .zip(&presence)
        .filter(|(_, present)| **present);
    Ok(present.map(|(time, _)| *time).collect())
}

/// Whether decoded times are those that the header announced.
fn check_times(header: &BlockHeader, times: &[i64]) -> Result<(), CodecError> {
    let ends = (times.first().copied(), times.last().copied());
    if times.len() == header.count && ends == (Some(header.first_time), Some(header.last_time)) {
        return Ok(());
    }
    Err(CodecError::Invalid {
        at: header.columns_at,
        what: "times that the header contradicts",
    })
}

/// A column behind its size.
fn sized<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], CodecError> {
    let size = reader.length(reader.remaining(), "size of a column")?;
    reader.take(size)
}

/// The values of a block's rows.
pub fn decode_block_values(bytes: &[u8]) -> Result<Values, CodecError> {
    let header = BlockHeader::parse(bytes)?;
    let mut reader = Reader::new(bytes);
    reader.take(header.columns_at)?;
    if header.count > 0 && matches!(header.place, TimePlace::Inline | TimePlace::SharedPresence) {
        sized(&mut reader)?;
    }
    let at = reader.position();
    decode_values(header.field_type, reader.rest(), header.count).map_err(|error| error.shifted(at))
}

/// Appends a time block: the times that several fields of one series share.
pub fn encode_time_block(times: &[i64], out: &mut Vec<u8>) {
    out.push(VERSION << VERSION_SHIFT);
    put_varint(times.len() as u64, out);
    encode_times(times, Effort::Small, out);
}

/// Reads a time block.
pub fn decode_time_block(bytes: &[u8]) -> Result<Vec<i64>, CodecError> {
    let mut reader = Reader::new(bytes);
    check_version(reader.byte()?)?;
    let count = reader.length(BLOCK_ROWS_MAX, "count of rows")?;
    let at = reader.position();
    decode_times(reader.rest(), count).map_err(|error| error.shifted(at))
}

#[cfg(test)]
mod tests;
