//! InfluxQL answers as CSV: `name,tags,<columns>`, statements apart by an empty line.

use crate::query::context::QueryError;
use crate::query::influxql::{AnswerWriter, EpochUnit, SeriesHead, Value};
use std::fmt::Write as _;
use std::io::Write;

const BUFFER_BYTES: usize = 64 * 1024;

pub struct CsvWriter<'a> {
    out: &'a mut dyn Write,
    buffer: String,
    epoch: Option<EpochUnit>,
    head: SeriesHead,
    /// The two leading cells of every row of the current series.
    prefix: String,
    /// The statement has a header already.
    header: bool,
    any: bool,
}

impl<'a> CsvWriter<'a> {
    pub fn new(out: &'a mut dyn Write, epoch: Option<EpochUnit>) -> Self {
        Self {
            out,
            buffer: String::new(),
            epoch,
            head: SeriesHead::default(),
            prefix: String::new(),
            header: false,
            any: false,
        }
    }

    fn start_block(&mut self) {
        if self.any {
            self.buffer.push('\n');
        }
        self.any = true;
    }

    fn flush(&mut self) -> Result<(), QueryError> {
        self.out.write_all(self.buffer.as_bytes())?;
        self.buffer.clear();
        Ok(())
    }

    fn push_value(&mut self, value: &Value) {
        // Writing to a string can't fail.
        let _ = match value {
            Value::Null => Ok(()),
            Value::Float(value) => write!(self.buffer, "{value}"),
            Value::Integer(value) => write!(self.buffer, "{value}"),
            Value::Unsigned(value) => write!(self.buffer, "{value}"),
            Value::Boolean(value) => write!(self.buffer, "{value}"),
            Value::String(text) => {
                push_cell(text, &mut self.buffer);
                Ok(())
            }
            Value::Time(ns) => {
                write!(
                    self.buffer,
                    "{}",
                    ns / self.epoch.map_or(1, EpochUnit::unit_ns)
                )
            }
        };
    }
}

/// A cell, quoted where it must be.
fn push_cell(text: &str, out: &mut String) {
    let quoted =
        text.starts_with([' ', '\t']) || text.contains([',', '"', '\n', '\r']) || text == "\\.";
    if !quoted {
        out.push_str(text);
        return;
    }
    out.push('"');
    out.push_str(&text.replace('"', "\"\""));
    out.push('"');
}

impl AnswerWriter for CsvWriter<'_> {
    fn begin_statement(
        &mut self,
        _id: usize,
        _zone: Option<chrono_tz::Tz>,
    ) -> Result<(), QueryError> {
        self.header = false;
        Ok(())
    }

    fn series(&mut self, head: SeriesHead) -> Result<(), QueryError> {
        if !self.header || head.columns != self.head.columns {
            self.start_block();
            self.buffer.push_str("name,tags");
            for column in head.columns.iter() {
                self.buffer.push(',');
                push_cell(column, &mut self.buffer);
            }
            self.buffer.push('\n');
            self.header = true;
        }
        let tags: Vec<String> = head
            .tags
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        self.prefix.clear();
        push_cell(&head.name, &mut self.prefix);
        self.prefix.push(',');
        push_cell(&tags.join(","), &mut self.prefix);
        self.head = head;
        Ok(())
    }

    fn row(&mut self, values: &[Value]) -> Result<(), QueryError> {
        self.buffer.push_str(&self.prefix);
        for value in values {
            self.buffer.push(',');
            self.push_value(value);
        }
        self.buffer.push('\n');
        if self.buffer.len() > BUFFER_BYTES {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn end_statement(&mut self, error: Option<&str>) -> Result<(), QueryError> {
        if let Some(error) = error {
            self.start_block();
            self.buffer.push_str("error\n");
            push_cell(error, &mut self.buffer);
            self.buffer.push('\n');
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), QueryError> {
        self.flush()?;
        Ok(self.out.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn rows_carry_name_and_tags() {
        let mut out = Vec::new();
        let mut writer = CsvWriter::new(&mut out, None);
        writer.begin_statement(0, None).unwrap();
        writer
            .series(SeriesHead {
                name: "cpu".to_owned(),
                tags: vec![("a".into(), "x".into()), ("b".into(), "y".into())],
                columns: Arc::new(vec!["time".to_owned(), "v".to_owned()]),
            })
            .unwrap();
        writer.row(&[Value::Time(5), Value::Float(1.5)]).unwrap();
        writer.row(&[Value::Time(6), Value::string("q\"")]).unwrap();
        writer.end_statement(None).unwrap();
        writer.begin_statement(1, None).unwrap();
        writer.end_statement(Some("bad, really")).unwrap();
        writer.finish().unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "name,tags,time,v\ncpu,\"a=x,b=y\",5,1.5\ncpu,\"a=x,b=y\",6,\"q\"\"\"\n\nerror\n\"bad, really\"\n"
        );
    }
}
