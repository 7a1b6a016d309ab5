//! InfluxQL answers as MessagePack: the JSON answer's structure, times as extension type 5.
//!
//! Lengths come before contents, so a statement's series are collected before they go out.

use crate::query::context::{QueryContext, QueryError};
use crate::query::influxql::{AnswerWriter, EpochUnit, SeriesHead, Value};
use std::io::Write;

/// InfluxDB's extension type for times.
const TIME_EXTENSION: u8 = 5;

pub struct MsgPackWriter<'a> {
    out: &'a mut dyn Write,
    epoch: Option<EpochUnit>,
    statement: usize,
    results: Vec<Vec<u8>>,
    series: Vec<Series>,
    account: Option<&'a QueryContext>,
    /// Bytes of rows that are not booked with the query yet.
    unbooked: usize,
}

/// Rows are booked in steps of so many bytes.
const BOOKED_BYTES: usize = 64 << 10;

/// One series: everything before its rows, and the rows.
struct Series {
    head: SeriesHead,
    rows: Vec<u8>,
    count: usize,
    partial: bool,
}

impl<'a> MsgPackWriter<'a> {
    /// With the memory of the rows booked with the query.
    pub fn booked(out: &'a mut dyn Write, epoch: Option<EpochUnit>, ctx: &'a QueryContext) -> Self {
        Self {
            account: Some(ctx),
            ..Self::new(out, epoch)
        }
    }

    pub fn new(out: &'a mut dyn Write, epoch: Option<EpochUnit>) -> Self {
        Self {
            out,
            epoch,
            statement: 0,
            results: Vec::new(),
            series: Vec::new(),
            account: None,
            unbooked: 0,
        }
    }
}

impl AnswerWriter for MsgPackWriter<'_> {
    fn begin_statement(
        &mut self,
        id: usize,
        _zone: Option<chrono_tz::Tz>,
    ) -> Result<(), QueryError> {
        self.statement = id;
        self.series.clear();
        Ok(())
    }

    fn series(&mut self, head: SeriesHead) -> Result<(), QueryError> {
        self.series.push(Series {
            head,
            rows: Vec::new(),
            count: 0,
            partial: false,
        });
        Ok(())
    }

    fn row(&mut self, values: &[Value]) -> Result<(), QueryError> {
        let Some(series) = self.series.last_mut() else {
            return Ok(());
        };
        series.count += 1;
        let before = series.rows.len();
        push_array(values.len(), &mut series.rows);
        for value in values {
            push_value(value, self.epoch, &mut series.rows);
        }
        self.unbooked += series.rows.len() - before;
        if let (Some(ctx), true) = (self.account, self.unbooked > BOOKED_BYTES) {
            ctx.take_memory(std::mem::take(&mut self.unbooked))?;
        }
        Ok(())
    }

    fn end_statement(&mut self, error: Option<&str>) -> Result<(), QueryError> {
        let mut out = Vec::new();
        let parts = 1 + usize::from(!self.series.is_empty()) + usize::from(error.is_some());
        push_map(parts, &mut out);
        push_text("statement_id", &mut out);
        push_unsigned(self.statement as u64, &mut out);
        if !self.series.is_empty() {
            push_text("series", &mut out);
            push_array(self.series.len(), &mut out);
            for series in self.series.drain(..) {
                push_series(&series, &mut out);
            }
        }
        if let Some(error) = error {
            push_text("error", &mut out);
            push_text(error, &mut out);
        }
        self.results.push(out);
        Ok(())
    }

    fn mark_partial(&mut self) {
        if let Some(series) = self.series.last_mut() {
            series.partial = true;
        }
    }

    fn finish(&mut self) -> Result<(), QueryError> {
        let mut head = Vec::new();
        push_map(1, &mut head);
        push_text("results", &mut head);
        push_array(self.results.len(), &mut head);
        self.out.write_all(&head)?;
        for result in &self.results {
            self.out.write_all(result)?;
        }
        Ok(self.out.flush()?)
    }
}

fn push_series(series: &Series, out: &mut Vec<u8>) {
    let head = &series.head;
    let parts = 2
        + usize::from(!head.name.is_empty())
        + usize::from(!head.tags.is_empty())
        + usize::from(series.partial);
    push_map(parts, out);
    if !head.name.is_empty() {
        push_text("name", out);
        push_text(&head.name, out);
    }
    if !head.tags.is_empty() {
        push_text("tags", out);
        push_map(head.tags.len(), out);
        for (key, value) in &head.tags {
            push_text(key, out);
            push_text(value, out);
        }
    }
    push_text("columns", out);
    push_array(head.columns.len(), out);
    for column in head.columns.iter() {
        push_text(column, out);
    }
    push_text("values", out);
    push_array(series.count, out);
    out.extend_from_slice(&series.rows);
    if series.partial {
        push_text("partial", out);
        out.push(0xc3);
    }
}

fn push_value(value: &Value, epoch: Option<EpochUnit>, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0xc0),
        Value::Boolean(false) => out.push(0xc2),
        Value::Boolean(true) => out.push(0xc3),
        Value::Float(value) => {
            out.push(0xcb);
            out.extend_from_slice(&value.to_be_bytes());
        }
        Value::Integer(value) => push_integer(*value, out),
        Value::Unsigned(value) => push_unsigned(*value, out),
        Value::String(text) => push_text(text, out),
        Value::Time(ns) => match epoch {
            Some(unit) => push_integer(ns / unit.unit_ns(), out),
            None => push_time(*ns, out),
        },
    }
}

/// Seconds and nanoseconds, 8 and 4 bytes.
fn push_time(ns: i64, out: &mut Vec<u8>) {
    const SECOND: i64 = 1_000_000_000;
    out.extend_from_slice(&[0xc7, 12, TIME_EXTENSION]);
    out.extend_from_slice(&ns.div_euclid(SECOND).to_be_bytes());
    let nanos = u32::try_from(ns.rem_euclid(SECOND)).unwrap_or_default();
    out.extend_from_slice(&nanos.to_be_bytes());
}

fn push_integer(value: i64, out: &mut Vec<u8>) {
    match u64::try_from(value) {
        Ok(value) => push_unsigned(value, out),
        Err(_) => {
            out.push(0xd3);
            out.extend_from_slice(&value.to_be_bytes());
        }
    }
}

fn push_unsigned(value: u64, out: &mut Vec<u8>) {
    match u8::try_from(value) {
        Ok(small) if small < 0x80 => out.push(small),
        _ => {
            out.push(0xcf);
            out.extend_from_slice(&value.to_be_bytes());
        }
    }
}

/// Lengths beyond 32 bits don't fit in memory, let alone in the format.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn push_sized(fixed: (u8, u32), wide: (u8, u8), size: usize, out: &mut Vec<u8>) {
    let size = length(size);
    match (u8::try_from(size), u16::try_from(size)) {
        (Ok(small), _) if size < fixed.1 => out.push(fixed.0 | small),
        (_, Ok(medium)) => {
            out.push(wide.0);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(wide.1);
            out.extend_from_slice(&size.to_be_bytes());
        }
    }
}

fn push_map(size: usize, out: &mut Vec<u8>) {
    push_sized((0x80, 16), (0xde, 0xdf), size, out);
}

fn push_array(size: usize, out: &mut Vec<u8>) {
    push_sized((0x90, 16), (0xdc, 0xdd), size, out);
}

fn push_text(text: &str, out: &mut Vec<u8>) {
    push_sized((0xa0, 32), (0xda, 0xdb), text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn an_answer_has_the_structure_of_the_json_one() {
        let mut out = Vec::new();
        let mut writer = MsgPackWriter::new(&mut out, None);
        writer.begin_statement(0, None).unwrap();
        let columns = Arc::new(vec!["time".to_owned()]);
        writer
            .series(SeriesHead {
                name: "a".to_owned(),
                tags: Vec::new(),
                columns,
            })
            .unwrap();
        writer.row(&[Value::Time(1_000_000_002)]).unwrap();
        writer.end_statement(None).unwrap();
        writer.finish().unwrap();
        let mut expected = vec![0x81, 0xa7];
        expected.extend_from_slice(b"results");
        expected.extend_from_slice(&[0x91, 0x82, 0xac]);
        expected.extend_from_slice(b"statement_id");
        expected.extend_from_slice(&[0x00, 0xa6]);
        expected.extend_from_slice(b"series");
        expected.extend_from_slice(&[0x91, 0x83, 0xa4]);
        expected.extend_from_slice(b"name");
        expected.extend_from_slice(&[0xa1, b'a', 0xa7]);
        expected.extend_from_slice(b"columns");
        expected.extend_from_slice(&[0x91, 0xa4]);
        expected.extend_from_slice(b"time");
        expected.push(0xa6);
        expected.extend_from_slice(b"values");
        expected.extend_from_slice(&[0x91, 0x91, 0xc7, 12, 5]);
        expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2]);
        assert_eq!(out, expected);
    }
}
