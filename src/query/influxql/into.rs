//! SELECT INTO: rows become points of another measurement, written through the write queue.

use super::Session;
use super::answer::{AnswerWriter, SeriesHead};
use super::ast::{Measurement, MeasurementName, Select};
use super::compile::Compiler;
use super::error::{Result, StatementError};
use super::exec::{self, RowSink};
use super::schema::Defaults;
use super::value::Value;
use crate::line_protocol::lines::{Field, PIECE_BYTES, escaped, escaped_key, push_field, push_tag};
use crate::model::BucketId;
use std::fmt::Write;
use std::sync::Arc;

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
                value => push(&mut fields, name, value),
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

fn push(fields: &mut String, name: &str, value: &Value) {
    let field = match value {
        Value::Float(value) => Field::Float(*value),
        Value::Integer(value) => Field::Integer(*value),
        Value::Unsigned(value) => Field::Unsigned(*value),
        Value::Boolean(value) => Field::Boolean(*value),
        Value::String(text) => Field::Text(text),
        Value::Null | Value::Time(_) => return,
    };
    push_field(fields, name, field);
}
