//! An entry of a queue: a journal entry, and what it names by ids.
//!
//! ```text
//! version   01
//! accepted  8 bytes, nanoseconds since 1970
//! points    varint
//! fields    number (varint), then each: id (varint), type:1, length (varint), name
//! series    number (varint), then each: id (varint), length (varint), series key
//! journal   the entry of the journal, to the end
//! ```

use crate::engine::codec::{Reader, put_varint};
use crate::ingest::journal::{self, EntryError, Piece};
use crate::model::{FieldId, FieldType, SeriesId, SeriesKey};
use crate::series::fields::{FieldDef, FieldSet};
use hashbrown::HashMap;
use std::sync::Arc;

const VERSION: u8 = 1;

/// Names of what a journal entry mentions, while it is made.
#[derive(Default)]
pub struct Names {
    fields: HashMap<FieldId, (FieldType, Box<str>)>,
    series: HashMap<SeriesId, SeriesKey>,
    points: usize,
}

impl Names {
    pub fn add(&mut self, series: SeriesId, key: &SeriesKey, points: usize) {
        self.points += points;
        if !self.series.contains_key(&series) {
            self.series.insert(series, key.clone());
        }
    }

    pub fn add_field(&mut self, id: FieldId, field_type: FieldType, name: &str) {
        self.fields
            .entry(id)
            .or_insert_with(|| (field_type, name.into()));
    }

    pub fn points(&self) -> u64 {
        self.points as u64
    }

    /// Appends to the journal's entry what it names.
    pub fn encode(&self, accepted_ns: i64, journaled: &[u8]) -> Vec<u8> {
        let keys = self.series.values().map(|key| key.as_bytes().len() + 8);
        let mut out = Vec::with_capacity(64 + keys.sum::<usize>() + journaled.len());
        out.push(VERSION);
        out.extend_from_slice(&accepted_ns.to_be_bytes());
        put_varint(self.points as u64, &mut out);
        put_varint(self.fields.len() as u64, &mut out);
        for (id, (field_type, name)) in &self.fields {
            put_varint(u64::from(id.0), &mut out);
            out.push(field_type.tag());
            put_sized(name.as_bytes(), &mut out);
        }
        put_varint(self.series.len() as u64, &mut out);
        for (id, key) in &self.series {
            put_varint(u64::from(id.0), &mut out);
            put_sized(key.as_bytes(), &mut out);
        }
        out.extend_from_slice(journaled);
        out
    }
}

fn put_sized(bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// What an entry says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub accepted_ns: i64,
    pub points: u64,
}

pub fn head(bytes: &[u8]) -> Result<Head, EntryError> {
    take_head(&mut Reader::new(bytes))
}

fn take_head(reader: &mut Reader<'_>) -> Result<Head, EntryError> {
    match reader.byte()? {
        VERSION => {}
        version => return Err(EntryError::Version(version)),
    }
    let accepted = reader.take(8)?.try_into().map(i64::from_be_bytes);
    Ok(Head {
        accepted_ns: accepted.map_err(|_| EntryError::Content("the time is cut off"))?,
        points: reader.varint()?,
    })
}

/// Points of one series that have the same fields.
pub struct Rows {
    pub key: SeriesKey,
    pub fields: Arc<FieldSet>,
    pub piece: Piece,
}

/// All points of an entry, as they were accepted.
pub fn decode(bytes: &[u8]) -> Result<Vec<Rows>, EntryError> {
    let mut reader = Reader::new(bytes);
    take_head(&mut reader)?;
    let mut fields = HashMap::new();
    for _ in 0..reader.length(reader.remaining(), "number of fields")? {
        let id = take_id(&mut reader)?;
        let field_type = FieldType::from_tag(reader.byte()?);
        let field_type = field_type.ok_or(EntryError::Content("a field has an unknown type"))?;
        let name = std::str::from_utf8(take_sized(&mut reader)?);
        let name = name.map_err(|_| EntryError::Content("the name of a field is not UTF-8"))?;
        let field = FieldDef {
            id: FieldId(id),
            name: name.into(),
            field_type,
        };
        fields.insert(field.id, field);
    }
    let mut series = HashMap::new();
    for _ in 0..reader.length(reader.remaining(), "number of series")? {
        let id = take_id(&mut reader)?;
        let key = SeriesKey::from_bytes(take_sized(&mut reader)?);
        let key = key.map_err(|_| EntryError::Content("a series key is damaged"))?;
        series.insert(SeriesId(id), key);
    }
    // By the ids of their fields, so that each set is made once.
    let mut sets: HashMap<Vec<FieldId>, Arc<FieldSet>> = HashMap::new();
    let entry = journal::decode::<EntryError>(reader.rest(), |_, ids| {
        if let Some(set) = sets.get(&ids) {
            return Ok(Arc::clone(set));
        }
        let found = ids.iter().filter_map(|id| fields.get(id).cloned());
        let set = Arc::new(FieldSet {
            fields: found.collect(),
        });
        sets.insert(ids, Arc::clone(&set));
        Ok(set)
    })?;
    let named = entry.pieces.into_iter().map(|piece| {
        let ids: Vec<FieldId> = piece.columns.iter().map(|column| column.field).collect();
        let missing = || EntryError::Content("a series has no key");
        Ok(Rows {
            key: series.get(&piece.series).cloned().ok_or_else(missing)?,
            fields: sets.get(&ids).cloned().unwrap_or_default(),
            piece,
        })
    });
    named.collect()
}

fn take_id(reader: &mut Reader<'_>) -> Result<u32, EntryError> {
    u32::try_from(reader.varint()?).map_err(|_| EntryError::Content("an id is too large"))
}

fn take_sized<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], EntryError> {
    let length = reader.length(reader.remaining(), "length of a text")?;
    Ok(reader.take(length)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::run::{ColumnIn, RowsIn, text_at};
    use crate::ingest::journal::EntryWriter;
    use crate::model::BucketId;

    fn encoded() -> Vec<u8> {
        let column = |id, field_type, at| ColumnIn {
            field: FieldId(id),
            field_type,
            at,
        };
        let columns: Arc<[ColumnIn]> = Arc::new([
            column(9, FieldType::String, 1),
            column(3, FieldType::Integer, 0),
        ]);
        let rows = RowsIn {
            times: &[7, 8],
            starts: &[0, 2],
            columns: &columns,
            values: &[1, 2, 2, (2 << 32) | 1],
            strings: b"abc",
        };
        let mut writer = EntryWriter::new(BucketId::new(5).unwrap(), 1);
        let mut names = Names::default();
        let key = SeriesKey::new("m", [("t", "v")]);
        writer.add(SeriesId(4), &columns, &rows);
        names.add(SeriesId(4), &key, 2);
        names.add_field(FieldId(9), FieldType::String, "s");
        names.add_field(FieldId(3), FieldType::Integer, "i");
        names.encode(-12, &writer.finish())
    }

    #[test]
    fn an_entry_comes_back_with_its_names() {
        let bytes = encoded();
        let want = Head {
            accepted_ns: -12,
            points: 2,
        };
        assert_eq!(head(&bytes).unwrap(), want);
        let rows = decode(&bytes).unwrap();
        assert_eq!(rows.len(), 1);
        let rows = &rows[0];
        assert_eq!(rows.key, SeriesKey::new("m", [("t", "v")]));
        let names: Vec<&str> = rows.fields.fields.iter().map(|f| &*f.name).collect();
        assert_eq!(names, ["s", "i"]);
        assert_eq!(rows.piece.times, [7, 8]);
        assert_eq!(text_at(&rows.piece.strings, rows.piece.values[2]), "c");
        assert_eq!(rows.piece.values[3], 2);
    }

    #[test]
    fn damaged_entries_are_errors() {
        let bytes = encoded();
        for cut in 0..bytes.len() {
            let _ = decode(&bytes[..cut]);
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x41;
            let _ = decode(&changed);
        }
    }
}
