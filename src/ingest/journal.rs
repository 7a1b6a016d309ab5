//! Journal entries: what one writer took from one batch, as packed columns.
//!
//! ```text
//! version      01
//! bucket       8 bytes
//! owners       varint: bit n is set when writer n has an entry of the batch too
//! lists        number (varint), then each: number of fields (varint), their ids (varints)
//! pieces       until the end, each: list (varint), series id (varint), rows (varint),
//!              times: length (varint), time column; then for each field: length (varint), column
//! ```
//! The entries of one batch have the same sequence in the journals of all its writers. A crash can leave a
//! batch without some of them; such a batch was never acknowledged and is not replayed at all.
//! Applying an entry twice changes nothing, so a crash between two writes of a seal is harmless.

use crate::engine::codec::{self, CodecError, Effort, Reader, put_varint};
use crate::engine::run::{ColumnIn, RowsIn, text_at};
use crate::model::{BucketId, FieldId, FieldType, SeriesId, StrColumn, Values};
use crate::series::fields::FieldSet;
use std::sync::Arc;

const VERSION: u8 = 1;
/// See `deletion`.
pub const VERSION_DELETION: u8 = 2;
/// More rows than a batch can have are damage.
const ROWS_MAX: usize = codec::COUNT_MAX;

/// Builds one entry.
pub struct EntryWriter {
    bucket: BucketId,
    owners: u64,
    lists: Vec<Arc<[ColumnIn]>>,
    pieces: Vec<u8>,
    column: Vec<u8>,
    rows: usize,
    values: usize,
}

impl EntryWriter {
    pub fn new(bucket: BucketId, owners: u64) -> Self {
        Self {
            bucket,
            owners,
            lists: Vec::new(),
            pieces: Vec::new(),
            column: Vec::new(),
            rows: 0,
            values: 0,
        }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn values(&self) -> usize {
        self.values
    }

    /// Adds rows of one series; `rows.columns` are those of `columns`.
    pub fn add(&mut self, series: SeriesId, columns: &Arc<[ColumnIn]>, rows: &RowsIn<'_>) {
        let list = match self
            .lists
            .iter()
            .rposition(|list| Arc::ptr_eq(list, columns))
        {
            Some(list) => list,
            None => {
                self.lists.push(Arc::clone(columns));
                self.lists.len() - 1
            }
        };
        self.rows += rows.times.len();
        self.values += rows.times.len() * columns.len();
        put_varint(list as u64, &mut self.pieces);
        put_varint(u64::from(series.0), &mut self.pieces);
        put_varint(rows.times.len() as u64, &mut self.pieces);
        self.column.clear();
        codec::encode_times(rows.times, Effort::Fast, &mut self.column);
        self.flush_column();
        for column in rows.columns.iter() {
            self.column.clear();
            codec::encode_values(&gather(rows, column), Effort::Fast, &mut self.column);
            self.flush_column();
        }
    }

    fn flush_column(&mut self) {
        put_varint(self.column.len() as u64, &mut self.pieces);
        self.pieces.extend_from_slice(&self.column);
    }

    pub fn finish(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.pieces.len() + 64);
        out.push(VERSION);
        out.extend_from_slice(&self.bucket.get().to_be_bytes());
        put_varint(self.owners, &mut out);
        put_varint(self.lists.len() as u64, &mut out);
        for list in &self.lists {
            put_varint(list.len() as u64, &mut out);
            list.iter()
                .for_each(|column| put_varint(u64::from(column.field.0), &mut out));
        }
        out.extend_from_slice(&self.pieces);
        out
    }
}

/// One field's values out of rows.
fn gather(rows: &RowsIn<'_>, column: &ColumnIn) -> Values {
    let bits = rows.starts.iter().map(|start| {
        rows.values
            .get(*start as usize + column.at as usize)
            .copied()
            .unwrap_or_default()
    });
    match column.field_type {
        FieldType::Float => Values::Float(bits.map(f64::from_bits).collect()),
        FieldType::Integer => Values::Integer(bits.map(u64::cast_signed).collect()),
        FieldType::Unsigned => Values::Unsigned(bits.collect()),
        FieldType::Boolean => Values::Boolean(bits.map(|bit| bit != 0).collect()),
        FieldType::String => {
            let mut strings = StrColumn::default();
            bits.for_each(|packed| strings.push(text_at(rows.strings, packed)));
            Values::String(strings)
        }
    }
}

/// A decoded entry.
pub struct Entry {
    pub bucket: BucketId,
    pub pieces: Vec<Piece>,
}

pub struct Piece {
    pub series: SeriesId,
    pub times: Vec<i64>,
    pub columns: Arc<[ColumnIn]>,
    /// Row after row.
    pub values: Vec<u64>,
    pub starts: Vec<u32>,
    pub strings: Vec<u8>,
}

impl Piece {
    pub fn rows(&self) -> RowsIn<'_> {
        RowsIn {
            times: &self.times,
            starts: &self.starts,
            columns: &self.columns,
            values: &self.values,
            strings: &self.strings,
        }
    }
}

/// Why an entry can't be read.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    #[error("unknown version {0}")]
    Version(u8),
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error("{0}")]
    Content(&'static str),
}

/// What an entry says of itself, so that one can be skipped undecoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub bucket: BucketId,
    /// Writers that have an entry of the batch, as bits.
    pub owners: u64,
    /// A deletion, not points.
    pub deletion: bool,
}

pub fn header(bytes: &[u8]) -> Result<Header, EntryError> {
    take_header(&mut Reader::new(bytes))
}

pub fn take_header(reader: &mut Reader<'_>) -> Result<Header, EntryError> {
    let deletion = match reader.byte()? {
        VERSION => false,
        VERSION_DELETION => true,
        version => return Err(EntryError::Version(version)),
    };
    let raw = reader.take(8)?.try_into().map(u64::from_be_bytes);
    let bucket = raw
        .ok()
        .and_then(BucketId::new)
        .ok_or(EntryError::Content("the bucket id is zero"))?;
    Ok(Header {
        bucket,
        owners: reader.varint()?,
        deletion,
    })
}

/// `fields_of` gives the fields with the given ids, all of them.
pub fn decode<E: From<EntryError>>(
    bytes: &[u8],
    mut fields_of: impl FnMut(BucketId, Vec<FieldId>) -> Result<Arc<FieldSet>, E>,
) -> Result<Entry, E> {
    let mut reader = Reader::new(bytes);
    let bucket = take_header(&mut reader)?.bucket;
    let mut lists: Vec<Arc<[ColumnIn]>> = Vec::new();
    let number = reader
        .length(ROWS_MAX, "number of field lists")
        .map_err(EntryError::from)?;
    for _ in 0..number {
        let ids = take_ids(&mut reader)?;
        let wanted = ids.len();
        let set = fields_of(bucket, ids)?;
        if set.fields.len() != wanted {
            return Err(EntryError::Content("a field is not in the schema").into());
        }
        let columns = set.fields.iter().zip(0..);
        lists.push(
            columns
                .map(|(field, at)| ColumnIn {
                    field: field.id,
                    field_type: field.field_type,
                    at,
                })
                .collect(),
        );
    }
    let mut pieces = Vec::new();
    while reader.remaining() > 0 {
        pieces.push(take_piece(&mut reader, &lists)?);
    }
    Ok(Entry { bucket, pieces })
}

pub fn take_ids(reader: &mut Reader<'_>) -> Result<Vec<FieldId>, EntryError> {
    let number = reader.length(reader.remaining(), "number of fields")?;
    let mut ids = Vec::with_capacity(number);
    for _ in 0..number {
        let id = u32::try_from(reader.varint()?);
        ids.push(FieldId(
            id.map_err(|_| EntryError::Content("a field id is too large"))?,
        ));
    }
    Ok(ids)
}

fn take_piece(reader: &mut Reader<'_>, lists: &[Arc<[ColumnIn]>]) -> Result<Piece, EntryError> {
    let list = reader.length(lists.len(), "field list")?;
    let columns = lists
        .get(list)
        .ok_or(EntryError::Content("a field list is missing"))?;
    let series = u32::try_from(reader.varint()?)
        .map_err(|_| EntryError::Content("a series id is too large"))?;
    let rows = reader.length(ROWS_MAX, "number of rows")?;
    let times = codec::decode_times(take_sized(reader)?, rows)?;
    let width = columns.len();
    let mut values = vec![0; rows.saturating_mul(width)];
    let mut strings = Vec::new();
    for (place, column) in columns.iter().enumerate() {
        let decoded = codec::decode_values(column.field_type, take_sized(reader)?, rows)?;
        scatter(&decoded, place, width, &mut values, &mut strings);
    }
    let starts = (0..rows)
        .map(|row| u32::try_from(row * width).unwrap_or(u32::MAX))
        .collect();
    let columns = Arc::clone(columns);
    Ok(Piece {
        series: SeriesId(series),
        times,
        columns,
        values,
        starts,
        strings,
    })
}

/// Which series and fields an entry has values for.
pub fn outline(bytes: &[u8]) -> Result<Vec<(SeriesId, Vec<FieldId>)>, EntryError> {
    let mut reader = Reader::new(bytes);
    take_header(&mut reader)?;
    let number = reader.length(ROWS_MAX, "number of field lists")?;
    let mut lists = Vec::new();
    for _ in 0..number {
        lists.push(take_ids(&mut reader)?);
    }
    let mut pieces = Vec::new();
    while reader.remaining() > 0 {
        let list = reader.length(lists.len(), "field list")?;
        let fields = lists
            .get(list)
            .ok_or(EntryError::Content("a field list is missing"))?;
        let series = u32::try_from(reader.varint()?)
            .map_err(|_| EntryError::Content("a series id is too large"))?;
        reader.length(ROWS_MAX, "number of rows")?;
        // Times, then each field's values.
        for _ in 0..=fields.len() {
            take_sized(&mut reader)?;
        }
        pieces.push((SeriesId(series), fields.clone()));
    }
    Ok(pieces)
}

fn take_sized<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], EntryError> {
    let length = reader.length(reader.remaining(), "length of a column")?;
    Ok(reader.take(length)?)
}

/// Writes a column into its place of each row.
fn scatter(column: &Values, place: usize, width: usize, rows: &mut [u64], strings: &mut Vec<u8>) {
    let slots = rows.iter_mut().skip(place).step_by(width.max(1));
    match column {
        Values::Float(from) => slots.zip(from).for_each(|(to, from)| *to = from.to_bits()),
        Values::Integer(from) => slots
            .zip(from)
            .for_each(|(to, from)| *to = from.cast_unsigned()),
        Values::Unsigned(from) => slots.zip(from).for_each(|(to, from)| *to = *from),
        Values::Boolean(from) => slots
            .zip(from)
            .for_each(|(to, from)| *to = u64::from(*from)),
        Values::String(from) => slots.zip(from.iter()).for_each(|(to, from)| {
            *to = (strings.len() as u64) << 32 | from.len() as u64;
            strings.extend_from_slice(from.as_bytes());
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::fields::FieldDef;

    fn set() -> Arc<FieldSet> {
        let fields = FieldType::ALL
            .iter()
            .zip(1..)
            .map(|(field_type, id)| FieldDef {
                id: FieldId(id),
                name: field_type.name().into(),
                field_type: *field_type,
            })
            .collect();
        Arc::new(FieldSet { fields })
    }

    #[test]
    fn an_entry_comes_back() {
        let columns: Arc<[ColumnIn]> = set()
            .fields
            .iter()
            .zip(0..)
            .map(|(field, at)| ColumnIn {
                field: field.id,
                field_type: field.field_type,
                at,
            })
            .collect();
        let values = [
            1.5_f64.to_bits(),
            (-7_i64).cast_unsigned(),
            9,
            1,
            2,
            f64::MAX.to_bits(),
            i64::MIN.cast_unsigned(),
            u64::MAX,
            0,
            (2 << 32) | 1,
        ];
        let rows = RowsIn {
            times: &[5, 3],
            starts: &[0, 5],
            columns: &columns,
            values: &values,
            strings: b"abc",
        };
        let bucket = BucketId::new(77).unwrap();
        let mut writer = EntryWriter::new(bucket, 0b11);
        writer.add(SeriesId(4), &columns, &rows);
        writer.add(SeriesId(5), &columns, &rows);
        let bytes = writer.finish();
        let want = Header {
            bucket,
            owners: 0b11,
            deletion: false,
        };
        assert_eq!(header(&bytes).unwrap(), want);
        let entry = decode::<EntryError>(&bytes, |_, _| Ok(set())).unwrap();
        let outlined: Vec<FieldId> = set().fields.iter().map(|field| field.id).collect();
        let outlined = [4, 5].map(|series| (SeriesId(series), outlined.clone()));
        assert_eq!(outline(&bytes).unwrap(), outlined);
        assert_eq!((entry.bucket, entry.pieces.len()), (bucket, 2));
        let back = &entry.pieces[1];
        assert_eq!(
            (back.series, back.times.as_slice()),
            (SeriesId(5), [5, 3].as_slice())
        );
        assert_eq!(back.values[..4], values[..4]);
        assert_eq!(text_at(&back.strings, back.values[4]), "ab");
        assert_eq!(text_at(&back.strings, back.values[9]), "c");
        for cut in 0..bytes.len() {
            let _ = decode::<EntryError>(&bytes[..cut], |_, _| Ok(set()));
        }
    }
}
