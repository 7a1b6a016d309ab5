//! Annotated CSV, as InfluxDB 2.x answers Flux queries.
//!
//! Tables of one schema follow each other under one header; another schema begins anew after an empty line;
//! each result ends with an empty line. Lines end in CRLF.

use crate::query::table::{Cells, Kind, Table, Value};
use crate::query::text;
use serde::Deserialize;
use std::io::{self, Write};
use std::sync::Arc;

/// How the client wants the CSV.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialect {
    pub header: bool,
    pub delimiter: u8,
    /// In the order in which they are written.
    pub annotations: Vec<Annotation>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Annotation {
    Datatype,
    Group,
    Default,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            header: true,
            delimiter: b',',
            annotations: Vec::new(),
        }
    }
}

/// The JSON form of a dialect.
#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct DialectJson {
    header: Option<bool>,
    delimiter: Option<String>,
    annotations: Option<Vec<String>>,
    comment_prefix: Option<String>,
    date_time_format: Option<String>,
}

impl DialectJson {
    /// Checked; the message says what is wrong.
    pub fn into_dialect(self) -> Result<Dialect, String> {
        let mut dialect = Dialect {
            header: self.header.unwrap_or(true),
            ..Dialect::default()
        };
        if let Some(delimiter) = self.delimiter.filter(|delimiter| !delimiter.is_empty()) {
            match delimiter.as_bytes() {
                [one] => dialect.delimiter = *one,
                _ => return Err("invalid dialect delimeter: must be one character".to_owned()),
            }
        }
        if self
            .comment_prefix
            .is_some_and(|prefix| prefix.chars().count() > 1)
        {
            return Err("invalid dialect comment prefix: must be length 0 or 1".to_owned());
        }
        if let Some(format) = self.date_time_format
            && !matches!(format.as_str(), "" | "RFC3339" | "RFC3339Nano")
        {
            return Err(format!("unknown dialect date time format: {format}"));
        }
        for annotation in self.annotations.unwrap_or_default() {
            dialect.annotations.push(match annotation.as_str() {
                "datatype" => Annotation::Datatype,
                "group" => Annotation::Group,
                "default" => Annotation::Default,
                other => return Err(format!("unknown dialect annotation type: {other}")),
            });
        }
        Ok(dialect)
    }
}

/// What the tables under one header share.
struct Schema {
    /// Label, type and group flag of each column.
    columns: Vec<(Arc<str>, Kind, bool)>,
    /// Labels of the group key.
    key: Vec<Arc<str>>,
    /// Nothing can follow under this header.
    ended: bool,
}

impl Schema {
    fn of(table: &Table) -> Self {
        let columns = table.columns.iter();
        let columns = columns.map(|column| {
            let grouped = table.key.has(&column.label);
            (Arc::clone(&column.label), column.cells.kind(), grouped)
        });
        let key = table.key.parts().iter();
        Self {
            columns: columns.collect(),
            key: key.map(|(label, _)| Arc::clone(label)).collect(),
            ended: table.rows() == 0,
        }
    }

    /// Labels are mostly the very same texts, which is seen at once.
    fn is_of(&self, table: &Table) -> bool {
        let same = |a: &Arc<str>, b: &Arc<str>| Arc::ptr_eq(a, b) || a == b;
        let parts = table.key.parts();
        !self.ended
            && self.columns.len() == table.columns.len()
            && self.key.len() == parts.len()
            && self
                .columns
                .iter()
                .zip(&table.columns)
                .all(|((label, kind, _), column)| {
                    *kind == column.cells.kind() && same(label, &column.label)
                })
            && self
                .key
                .iter()
                .zip(parts)
                .all(|(label, (have, _))| same(label, have))
    }
}

/// Writes results to `out`, which should be buffered.
pub struct CsvWriter<'a> {
    dialect: &'a Dialect,
    out: &'a mut dyn Write,
    schema: Option<Schema>,
    table: usize,
    wrote: bool,
    line: String,
    /// By column: the last value of a table of one row, and its text. Tags repeat from table to table.
    last: Vec<(Value, String)>,
}

impl<'a> CsvWriter<'a> {
    pub fn new(dialect: &'a Dialect, out: &'a mut dyn Write) -> Self {
        Self {
            dialect,
            out,
            schema: None,
            table: 0,
            wrote: false,
            line: String::new(),
            last: Vec::new(),
        }
    }

    /// Whether anything was written.
    pub const fn has_written(&self) -> bool {
        self.wrote
    }

    /// Writes one table of the result.
    pub fn table(&mut self, result: &str, table: &Table) -> io::Result<()> {
        let empty = table.rows() == 0;
        let known = self
            .schema
            .as_ref()
            .is_some_and(|schema| schema.is_of(table));
        if !known || empty {
            if self.schema.is_some() {
                self.out.write_all(b"\r\n")?;
            }
            let schema = Schema::of(table);
            self.head(result, table, &schema, empty)?;
            self.schema = Some(schema);
        }
        self.wrote = true;
        self.rows(result, table)?;
        self.table += 1;
        Ok(())
    }

    /// Ends a result.
    pub fn end_result(&mut self) -> io::Result<()> {
        self.wrote = true;
        self.schema = None;
        self.table = 0;
        self.out.write_all(b"\r\n")
    }

    /// Reports a failure that came after output had begun.
    pub fn error(&mut self, message: &str) -> io::Result<()> {
        if self.wrote {
            self.out.write_all(b"\r\n")?;
        }
        for annotation in &self.dialect.annotations {
            self.out.write_all(match annotation {
                Annotation::Datatype => b"#datatype,string,string\r\n",
                Annotation::Group => b"#group,true,true\r\n",
                Annotation::Default => b"#default,,\r\n",
            })?;
        }
        self.out.write_all(b",error,reference\r\n")?;
        self.line.clear();
        self.cell("");
        self.cell(message);
        self.cell("");
        self.end_line()
    }

    fn head(
        &mut self,
        result: &str,
        table: &Table,
        schema: &Schema,
        empty: bool,
    ) -> io::Result<()> {
        for annotation in &self.dialect.annotations.clone() {
            self.line.clear();
            match annotation {
                Annotation::Datatype => {
                    self.cell("#datatype");
                    self.cell("string");
                    self.cell("long");
                    let columns = schema.columns.iter();
                    columns.for_each(|(_, kind, _)| self.cell(datatype(*kind)));
                }
                Annotation::Group => {
                    self.cell("#group");
                    self.cell("false");
                    self.cell("false");
                    schema.columns.iter().for_each(|(_, _, group)| {
                        self.cell(if *group { "true" } else { "false" });
                    });
                }
                Annotation::Default => {
                    self.cell("#default");
                    self.cell(result);
                    if empty {
                        self.cell(&self.table.to_string());
                    } else {
                        self.cell("");
                    }
                    for (label, _, group) in &schema.columns {
                        let shown = empty && *group;
                        let value = table.key.get(label).filter(|_| shown).cloned();
                        self.value(&value.unwrap_or(Value::Null));
                    }
                }
            }
            self.end_line()?;
        }
        if self.dialect.header {
            self.line.clear();
            self.cell("");
            self.cell("result");
            self.cell("table");
            let columns = schema.columns.iter();
            columns.for_each(|(label, _, _)| self.cell(label));
            self.end_line()?;
        }
        Ok(())
    }

    fn rows(&mut self, result: &str, table: &Table) -> io::Result<()> {
        let defaulted = self.dialect.annotations.contains(&Annotation::Default);
        // What does not change from row to row is written once.
        self.line.clear();
        self.cell("");
        self.cell(if defaulted { "" } else { result });
        let number = self.table.to_string();
        self.cell(&number);
        let front = std::mem::take(&mut self.line);
        if table.rows() == 1 {
            self.line = front;
            for (at, column) in table.columns.iter().enumerate() {
                match &column.cells {
                    Cells::Constant(value, ..) => self.repeated(at, value),
                    cells => self.value(&cells.get(0)),
                }
            }
            return self.end_line();
        }
        // Stretches of constants between columns that vary.
        let mut stretches = vec![front];
        let mut varying = Vec::new();
        for column in &table.columns {
            match &column.cells {
                Cells::Constant(value, ..) => self.value(value),
                cells => {
                    stretches.push(std::mem::take(&mut self.line));
                    varying.push(cells);
                }
            }
        }
        let end = std::mem::take(&mut self.line);
        for row in 0..table.rows() {
            self.line.clear();
            let mut texts = stretches.iter();
            self.line.push_str(texts.next().map_or("", String::as_str));
            for (cells, text) in varying.iter().zip(texts) {
                self.line.push_str(text);
                self.cell_of(cells, row);
            }
            self.line.push_str(&end);
            self.end_line()?;
        }
        Ok(())
    }

    fn cell_of(&mut self, cells: &Cells, row: usize) {
        match cells {
            Cells::String(cells) => {
                let text = cells.get(row).and_then(Option::as_deref);
                self.cell(text.unwrap_or_default());
            }
            cells => self.value(&cells.get(row)),
        }
    }

    /// The value of the column at `at`, with the text it had before if it is the same.
    fn repeated(&mut self, at: usize, value: &Value) {
        let same = |last: &Value| match (last, value) {
            (Value::String(last), Value::String(value)) => Arc::ptr_eq(last, value),
            (Value::Time(last), Value::Time(value)) => last == value,
            _ => false,
        };
        if let Some((last, text)) = self.last.get(at)
            && same(last)
        {
            self.line.push_str(text);
            return;
        }
        let start = self.line.len();
        self.value(value);
        if !matches!(value, Value::String(_) | Value::Time(_)) {
            return;
        }
        while self.last.len() <= at {
            self.last.push((Value::Null, String::new()));
        }
        let text = self.line.get(start..).unwrap_or_default();
        if let Some(last) = self.last.get_mut(at) {
            last.0 = value.clone();
            last.1.clear();
            last.1.push_str(text);
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.cell(""),
            Value::String(text) => self.cell(text),
            Value::Boolean(value) => self.cell(if *value { "true" } else { "false" }),
            Value::Integer(number) => self.plain(itoa::Buffer::new().format(*number)),
            Value::Unsigned(number) => self.plain(itoa::Buffer::new().format(*number)),
            Value::Float(number) => {
                text::push_float(*number, &mut self.line);
                self.line.push(char::from(self.dialect.delimiter));
            }
            Value::Time(time) => {
                text::push_rfc3339(*time, &mut self.line);
                self.line.push(char::from(self.dialect.delimiter));
            }
        }
    }

    /// A cell that needs no quotes.
    fn plain(&mut self, text: &str) {
        self.line.push_str(text);
        self.line.push(char::from(self.dialect.delimiter));
    }

    /// A cell, quoted where Go's encoding/csv would.
    fn cell(&mut self, text: &str) {
        let special =
            |byte: u8| byte == self.dialect.delimiter || matches!(byte, b'"' | b'\r' | b'\n');
        let quoted = text == "\\."
            || text.bytes().any(special)
            || text.chars().next().is_some_and(char::is_whitespace);
        if quoted {
            self.line.push('"');
            self.line.push_str(&text.replace('"', "\"\""));
            self.line.push('"');
        } else {
            self.line.push_str(text);
        }
        self.line.push(char::from(self.dialect.delimiter));
    }

    /// Every cell has put a delimiter behind itself; the last one goes.
    fn end_line(&mut self) -> io::Result<()> {
        self.line.pop();
        self.line.push_str("\r\n");
        self.wrote = true;
        self.out.write_all(self.line.as_bytes())
    }
}

const fn datatype(kind: Kind) -> &'static str {
    match kind {
        Kind::Float => "double",
        Kind::Integer => "long",
        Kind::Unsigned => "unsignedLong",
        Kind::Boolean => "boolean",
        Kind::String => "string",
        Kind::Time => "dateTime:RFC3339",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::table::{Column, GroupKey};

    fn table(host: &str, rows: usize) -> Table {
        let times = Cells::Time((0..rows as i64).map(|n| Some(n * 1_500_000_000)).collect());
        let values = Cells::Float(
            (0..rows)
                .map(|n| (n != 1).then_some(n as f64 + 0.5))
                .collect(),
        );
        Table {
            key: GroupKey::new(vec![("host".into(), Value::string(host))]),
            columns: vec![
                Column::new("_time", times),
                Column::new("_value", values),
                Column::constant("host", Value::string(host), rows),
            ],
        }
    }

    fn written(dialect: &Dialect, tables: &[Table]) -> String {
        let mut out = Vec::new();
        let mut writer = CsvWriter::new(dialect, &mut out);
        tables
            .iter()
            .for_each(|table| writer.table("_result", table).unwrap());
        writer.end_result().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn tables_of_one_schema_share_a_header() {
        use Annotation::{Datatype, Default, Group};
        let dialect = Dialect {
            annotations: vec![Datatype, Group, Default],
            ..Dialect::default()
        };
        let got = written(&dialect, &[table("a", 2), table("b,c", 1)]);
        let want = "#datatype,string,long,dateTime:RFC3339,double,string\r\n\
                    #group,false,false,false,false,true\r\n\
                    #default,_result,,,,\r\n\
                    ,result,table,_time,_value,host\r\n\
                    ,,0,1970-01-01T00:00:00Z,0.5,a\r\n\
                    ,,0,1970-01-01T00:00:01.5Z,,a\r\n\
                    ,,1,1970-01-01T00:00:00Z,0.5,\"b,c\"\r\n\
                    \r\n";
        assert_eq!(got, want);
    }

    #[test]
    fn an_empty_table_shows_its_key_in_the_defaults() {
        let dialect = Dialect {
            annotations: vec![Annotation::Default],
            ..Dialect::default()
        };
        let got = written(&dialect, &[table("a", 0)]);
        assert_eq!(
            got,
            "#default,_result,0,,,a\r\n,result,table,_time,_value,host\r\n\r\n"
        );
    }

    #[test]
    fn without_annotations_every_row_repeats_the_result() {
        let got = written(&Dialect::default(), &[table("a", 1)]);
        let want =
            ",result,table,_time,_value,host\r\n,_result,0,1970-01-01T00:00:00Z,0.5,a\r\n\r\n";
        assert_eq!(got, want);
    }
}
