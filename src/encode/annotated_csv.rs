//! Annotated CSV, as InfluxDB 2.x answers Flux queries.
//!
//! Tables of one schema follow each other under one header; another schema begins anew after an empty line;
//! each result ends with an empty line. Lines end in CRLF.

use crate::query::table::{Cells, Kind, Table, Value};
use crate::query::text;
use serde::Deserialize;
use std::io::{self, Write};

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

/// Writes results to `out`, which should be buffered.
pub struct CsvWriter<'a> {
    dialect: &'a Dialect,
    out: &'a mut dyn Write,
    /// Label, type and group flag of each column of the tables being written.
    schema: Option<Vec<(String, Kind, bool)>>,
    table: usize,
    wrote: bool,
    line: String,
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
        }
    }

    /// Whether anything was written.
    pub const fn has_written(&self) -> bool {
        self.wrote
    }

    /// Writes one table of the result.
    pub fn table(&mut self, result: &str, table: &Table) -> io::Result<()> {
        let schema: Vec<_> = table
            .columns
            .iter()
            .map(|c| (c.label.to_string(), c.cells.kind(), table.key.has(&c.label)))
            .collect();
        let empty = table.rows() == 0;
        if self.schema.as_ref() != Some(&schema) || empty {
            if self.schema.is_some() {
                self.out.write_all(b"\r\n")?;
            }
            self.head(result, table, &schema, empty)?;
            self.schema = Some(schema);
        }
        self.wrote = true;
        self.rows(result, table)?;
        self.table += 1;
        if empty {
            // The next table has its own defaults.
            self.schema = Some(Vec::new());
        }
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
        schema: &[(String, Kind, bool)],
        empty: bool,
    ) -> io::Result<()> {
        for annotation in &self.dialect.annotations.clone() {
            self.line.clear();
            match annotation {
                Annotation::Datatype => {
                    self.cell("#datatype");
                    self.cell("string");
                    self.cell("long");
                    schema
                        .iter()
                        .for_each(|(_, kind, _)| self.cell(datatype(*kind)));
                }
                Annotation::Group => {
                    self.cell("#group");
                    self.cell("false");
                    self.cell("false");
                    schema.iter().for_each(|(_, _, group)| {
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
                    for (label, _, group) in schema {
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
            schema.iter().for_each(|(label, _, _)| self.cell(label));
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
        let constants: Vec<Option<String>> = table
            .columns
            .iter()
            .map(|column| match &column.cells {
                Cells::Constant(value, _, _) => {
                    self.value(value);
                    Some(std::mem::take(&mut self.line))
                }
                _ => None,
            })
            .collect();
        for row in 0..table.rows() {
            self.line.clear();
            self.line.push_str(&front);
            for (column, constant) in table.columns.iter().zip(&constants) {
                match constant {
                    Some(text) => self.line.push_str(text),
                    None => self.value(&column.cells.get(row)),
                }
            }
            self.end_line()?;
        }
        Ok(())
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.cell(""),
            Value::String(text) => self.cell(text),
            Value::Boolean(value) => self.cell(if *value { "true" } else { "false" }),
            Value::Integer(number) => self.plain(itoa::Buffer::new().format(*number)),
            Value::Unsigned(number) => self.plain(itoa::Buffer::new().format(*number)),
            Value::Float(number) => self.plain(&text::float(*number)),
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
