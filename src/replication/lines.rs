//! Entries of a queue as line protocol, in pieces.

use crate::ingest::outbound::entry::Rows;
use crate::line_protocol::lines::{Field, escaped, escaped_key, push_field, push_tag};
use crate::model::FieldType;
use std::fmt::Write;

/// Tells which server points come from.
const INSTANCE_TAG: &str = "_instance_id";

/// Some lines. A text in a line may hold line breaks, so their ends are remembered.
#[derive(Debug, Default)]
pub struct Lines {
    pub text: String,
    ends: Vec<usize>,
}

impl Lines {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Those from `from` to before `to`.
    pub fn part(&self, from: usize, to: usize) -> &str {
        let end_of = |line: usize| match line.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(self.text.len()),
            None => 0,
        };
        self.text.get(end_of(from)..end_of(to)).unwrap_or_default()
    }
}

/// What rows of one series have in common.
struct Open {
    rows: Rows,
    /// Measurement, tags and the space after them.
    series: String,
    fields: Vec<String>,
    next: usize,
}

/// Writes lines one piece after the other, so that a large batch is never there as text as a whole.
pub struct Renderer {
    rest: std::vec::IntoIter<Rows>,
    open: Option<Open>,
    instance: Option<String>,
}

impl Renderer {
    pub fn new(rows: Vec<Rows>, instance: Option<&str>) -> Self {
        Self {
            rest: rows.into_iter(),
            open: None,
            instance: instance.map(str::to_owned),
        }
    }

    /// At least one line, and no further one once there are so many bytes; `None` at the end.
    pub fn next_piece(&mut self, bytes: usize) -> Option<Lines> {
        let mut lines = Lines::default();
        while lines.text.len() < bytes {
            let Some(open) = &mut self.open else {
                match self.rest.next() {
                    Some(rows) => self.open = Some(Open::new(rows, self.instance.as_deref())),
                    None => break,
                }
                continue;
            };
            if !open.push_next(&mut lines) {
                self.open = None;
            }
        }
        (!lines.is_empty()).then_some(lines)
    }
}

impl Open {
    fn new(rows: Rows, instance: Option<&str>) -> Self {
        let (measurement, mut tags) = rows.key.parts();
        let tagged = tags.iter().any(|(key, _)| *key == INSTANCE_TAG);
        // Points that were replicated to here keep the name of where they came from.
        if let Some(instance) = instance.filter(|_| !tagged) {
            let place = tags.partition_point(|(key, _)| *key < INSTANCE_TAG);
            tags.insert(place, (INSTANCE_TAG, instance));
        }
        let mut series = escaped(measurement, &[',', ' ']);
        for (key, value) in tags {
            push_tag(&mut series, &escaped_key(key), value);
        }
        series.push(' ');
        let fields = rows.fields.fields.iter();
        let fields = fields.map(|field| escaped_key(&field.name)).collect();
        Self {
            series,
            fields,
            rows,
            next: 0,
        }
    }

    /// `false` when there is no further row.
    fn push_next(&mut self, lines: &mut Lines) -> bool {
        let piece = &self.rows.piece;
        let (Some(time), Some(start)) = (piece.times.get(self.next), piece.starts.get(self.next))
        else {
            return false;
        };
        self.next += 1;
        let values = piece.values.get(*start as usize..).unwrap_or_default();
        let mut fields = String::new();
        for ((name, column), &bits) in self.fields.iter().zip(piece.columns.iter()).zip(values) {
            let value = match column.field_type {
                FieldType::Float => Field::Float(f64::from_bits(bits)),
                FieldType::Integer => Field::Integer(bits.cast_signed()),
                FieldType::Unsigned => Field::Unsigned(bits),
                FieldType::Boolean => Field::Boolean(bits != 0),
                FieldType::String => Field::Text(crate::engine::run::text_at(&piece.strings, bits)),
            };
            push_field(&mut fields, name, value);
        }
        if !fields.is_empty() {
            lines.text.push_str(&self.series);
            let _ = writeln!(lines.text, "{fields} {time}");
            lines.ends.push(lines.text.len());
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::run::ColumnIn;
    use crate::ingest::journal::Piece;
    use crate::model::{FieldId, SeriesId, SeriesKey};
    use crate::series::fields::{FieldDef, FieldSet};
    use std::sync::Arc;

    fn rows(tags: &[(&str, &str)]) -> Rows {
        let types = [("s x", FieldType::String), ("f", FieldType::Float)];
        let fields = (0..).zip(types).map(|(id, (name, field_type))| FieldDef {
            id: FieldId(id),
            name: name.into(),
            field_type,
        });
        let columns = (0..).zip(types).map(|(at, (_, field_type))| ColumnIn {
            field: FieldId(at),
            field_type,
            at,
        });
        Rows {
            key: SeriesKey::new("a b", tags.iter().copied()),
            fields: Arc::new(FieldSet {
                fields: fields.collect(),
            }),
            piece: Piece {
                series: SeriesId(0),
                times: vec![5, -6],
                columns: columns.collect(),
                values: vec![3, 1.5_f64.to_bits(), (3 << 32) | 1, 2.0_f64.to_bits()],
                starts: vec![0, 2],
                strings: b"x\ny\"".to_vec(),
            },
        }
    }

    #[test]
    fn rows_become_lines_in_pieces() {
        let mut renderer = Renderer::new(vec![rows(&[("t", "v,w")]), rows(&[])], Some("me"));
        let first = renderer.next_piece(1).unwrap();
        assert_eq!(first.len(), 1);
        assert_eq!(
            first.text,
            "a\\ b,_instance_id=me,t=v\\,w s\\ x=\"x\ny\",f=1.5 5\n"
        );
        let rest = renderer.next_piece(10_000).unwrap();
        let last = "a\\ b,_instance_id=me s\\ x=\"\\\"\",f=2.0 -6\n";
        assert_eq!((rest.len(), rest.part(2, 3)), (3, last));
        assert_eq!(rest.part(0, 3), rest.text);
        assert!(renderer.next_piece(1).is_none());
    }

    #[test]
    fn an_instance_that_is_told_already_stays() {
        let mut renderer = Renderer::new(vec![rows(&[("_instance_id", "first")])], Some("me"));
        let lines = renderer.next_piece(1).unwrap();
        assert!(lines.text.starts_with("a\\ b,_instance_id=first s"));
    }
}
