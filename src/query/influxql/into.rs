//! SELECT INTO: rows become points of another measurement, written through the write queue.

use super::Session;
use super::answer::{AnswerWriter, SeriesHead};
use super::ast::{Measurement, MeasurementName, Select};
use super::compile::Compiler;
use super::error::{Result, StatementError};
use super::exec::{self, RowSink};
use super::schema::Defaults;
use super::value::Value;
use crate::model::BucketId;
use std::fmt::Write;
use std::sync::Arc;

/// Lines are written in pieces of about this size: well below any body, large enough to be packed well.
const PIECE_BYTES: usize = 256 << 10;

impl Session<'_> {
    pub(super) fn select_into(
        &self,
        select: &Select,
        target: &Measurement,
        defaults: Defaults<'_>,
        out: &mut dyn AnswerWriter,
    ) -> Result<()> {
        let bucket = self.target(target, defaults)?;
        let plan = Compiler {
            ctx: self.ctx,
            defaults,
        }
        .select(select)?;
        let written = {
            let mut sink = IntoSink {
                session: self,
                bucket,
                measurement: match &target.name {
                    MeasurementName::Name(name) => Some(name.as_str()),
                    _ => None,
                },
                columns: plan.columns.iter().map(|c| escaped_key(&c.name)).collect(),
                tag_columns: plan.ranking_tags(),
                key: String::new(),
                lines: String::new(),
                written: 0,
            };
            exec::run(self.ctx, &plan, &mut sink)?;
            sink.flush()?;
            sink.written
        };
        out.series(SeriesHead {
            name: "result".to_owned(),
            tags: Vec::new(),
            columns: Arc::new(vec!["time".to_owned(), "written".to_owned()]),
        })?;
        Ok(out.row(&[Value::Time(0), Value::Integer(written)])?)
    }

    fn target(&self, target: &Measurement, defaults: Defaults<'_>) -> Result<BucketId> {
        let database = target.database.as_deref().or(defaults.database);
        let Some(database) = database.filter(|name| !name.is_empty()) else {
            return Err(StatementError::invalid("database name required"));
        };
        let policy = target.policy.as_deref().filter(|name| !name.is_empty());
        let policy = match (policy, &target.database) {
            (None, None) => defaults.policy,
            (policy, _) => policy,
        };
        self.admin
            .target(database, policy)
            .map_err(StatementError::Invalid)
    }
}

struct IntoSink<'a> {
    session: &'a Session<'a>,
    bucket: BucketId,
    /// `None`: the name of the series.
    measurement: Option<&'a str>,
    /// Escaped names.
    columns: Vec<String>,
    /// Columns that become tags: the names that top() and bottom() rank by.
    tag_columns: Vec<bool>,
    /// Escaped measurement and tags of the series.
    key: String,
    lines: String,
    written: i64,
}

impl IntoSink<'_> {
    fn flush(&mut self) -> Result<()> {
        if !self.lines.is_empty() {
            self.session
                .admin
                .write_lines(self.bucket, self.lines.as_bytes())
                .map_err(StatementError::Invalid)?;
            self.lines.clear();
        }
        Ok(())
    }

    fn is_tag(&self, column: usize) -> bool {
        self.tag_columns.get(column).copied().unwrap_or_default()
    }
}

impl RowSink for IntoSink<'_> {
    fn series(&mut self, name: &Arc<str>, tags: &[(Arc<str>, Arc<str>)]) -> Result<()> {
        self.key = escaped(self.measurement.unwrap_or(name), &[',', ' ']);
        for (key, value) in tags.iter().filter(|(_, value)| !value.is_empty()) {
            push_tag(&mut self.key, &escaped_key(key), value);
        }
        Ok(())
    }

    fn row(&mut self, time: i64, values: &[Value]) -> Result<()> {
        let mut fields = String::new();
        let mut key = None;
        for (at, (name, value)) in self.columns.iter().zip(values).enumerate() {
            match value {
                Value::String(text) if self.is_tag(at) => {
                    if !text.is_empty() {
                        push_tag(key.get_or_insert_with(|| self.key.clone()), name, text);
                    }
                }
                value => push_field(&mut fields, name, value),
            }
        }
        if fields.is_empty() {
            // A point without fields can't be stored.
            return Ok(());
        }
        let key = key.as_ref().unwrap_or(&self.key);
        let _ = writeln!(self.lines, "{key} {fields} {time}");
        self.written += 1;
        if self.lines.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(())
    }
}

fn push_tag(key: &mut String, name: &str, value: &str) {
    key.push(',');
    key.push_str(name);
    key.push('=');
    key.push_str(&escaped_key(value));
}

fn push_field(fields: &mut String, name: &str, value: &Value) {
    let comma = if fields.is_empty() { "" } else { "," };
    let _ = match value {
        Value::Float(value) if value.is_finite() => write!(fields, "{comma}{name}={value:?}"),
        Value::Integer(value) => write!(fields, "{comma}{name}={value}i"),
        Value::Unsigned(value) => write!(fields, "{comma}{name}={value}u"),
        Value::Boolean(value) => write!(fields, "{comma}{name}={value}"),
        Value::String(text) => {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"");
            write!(fields, "{comma}{name}=\"{text}\"")
        }
        Value::Float(_) | Value::Null | Value::Time(_) => Ok(()),
    };
}

fn escaped_key(text: &str) -> String {
    escaped(text, &[',', ' ', '='])
}

/// As line protocol escapes names.
pub fn escaped(text: &str, special: &[char]) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if special.contains(&c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_with_their_types() {
        let mut fields = String::new();
        for (name, value) in [
            ("f", Value::Float(1.0)),
            ("i", Value::Integer(-2)),
            ("u", Value::Unsigned(3)),
            ("b", Value::Boolean(true)),
            ("n", Value::Null),
            ("s", Value::string("a\"b\\c")),
        ] {
            push_field(&mut fields, name, &value);
        }
        assert_eq!(fields, r#"f=1.0,i=-2i,u=3u,b=true,s="a\"b\\c""#);
    }

    #[test]
    fn special_characters_of_keys_are_escaped() {
        assert_eq!(escaped_key("a b,c=d"), "a\\ b\\,c\\=d");
    }
}
