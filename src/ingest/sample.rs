//! A row of a batch as the line it came from, for people who ask what was rejected.

use crate::line_protocol::ParsedBatch;
use crate::line_protocol::batch::Row;
use crate::line_protocol::lines::{Field, escaped, escaped_key, push_field, push_tag};
use crate::model::FieldType;

/// Longest line that is kept, bytes; the rest is cut off.
const LINE_BYTES_MAX: usize = 4096;

/// Tags come sorted and the time in nanoseconds, however they were sent.
pub fn line(batch: &ParsedBatch, row: u32) -> Option<String> {
    let row = batch.rows.get(row as usize)?;
    let (measurement, tags) = batch.series.get(row.series as usize)?.key.parts();
    let mut line = escaped(measurement, &[',', ' ']);
    for (key, value) in tags {
        push_tag(&mut line, &escaped_key(key), value);
    }
    line.push(' ');
    line.push_str(&fields(batch, row));
    line.push_str(&format!(" {}", row.time));
    let end = line.floor_char_boundary(LINE_BYTES_MAX);
    if end < line.len() {
        line.truncate(end);
        line.push('…');
    }
    Some(line)
}

fn fields(batch: &ParsedBatch, row: &Row) -> String {
    let mut out = String::new();
    let layout = batch.layouts.get(row.layout as usize);
    let values = batch
        .values
        .get(row.values_at as usize..)
        .unwrap_or_default();
    let fields = layout.into_iter().flat_map(|layout| layout.fields.iter());
    for ((name, field_type), &bits) in fields.zip(values) {
        if out.len() > LINE_BYTES_MAX {
            break;
        }
        let text;
        let value = match field_type {
            FieldType::Float => Field::Float(f64::from_bits(bits)),
            FieldType::Integer => Field::Integer(bits.cast_signed()),
            FieldType::Unsigned => Field::Unsigned(bits),
            FieldType::Boolean => Field::Boolean(bits != 0),
            FieldType::String => {
                let from = (bits >> 32) as usize;
                let length = ((bits & 0xffff_ffff) as usize).min(LINE_BYTES_MAX);
                let bytes = batch.strings.get(from..from + length).unwrap_or_default();
                text = String::from_utf8_lossy(bytes);
                Field::Text(&text)
            }
        };
        push_field(&mut out, &escaped_key(name), value);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line_protocol::{ParseOptions, Parser};
    use crate::model::Precision;

    fn rendered(body: &str) -> String {
        let options = ParseOptions {
            precision: Precision::Nanoseconds,
            default_time_ns: 0,
            batch_max_bytes: usize::MAX,
        };
        let batch = Parser::new(1 << 20)
            .parse(body.as_bytes(), options)
            .expect(body);
        line(&batch, 0).expect("a row")
    }

    #[test]
    fn a_row_is_the_line_it_came_from() {
        for body in [
            "m f=1.5 7",
            r#"a\ m,b=1,k\=y=v\,w i=-2i,u=3u,t=true,s="q\"x\\" -9"#,
        ] {
            assert_eq!(rendered(body), body);
        }
        assert_eq!(rendered("m,b=2,a=1 f=1 7"), "m,a=1,b=2 f=1.0 7");
    }

    #[test]
    fn a_long_row_is_cut_off() {
        let body = format!("m f=\"{}\" 1", "é".repeat(100_000));
        let line = rendered(&body);
        assert!(line.len() <= LINE_BYTES_MAX + '…'.len_utf8() && line.ends_with('…'));
    }
}
