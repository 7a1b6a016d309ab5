//! `import "csv"`: tables from annotated or plain CSV in the program.

use super::tables::literal;
use super::{Accepts, Builtin, Call, Member, Package, Parameter};
use crate::query::flux::error::{Failure, FluxError};
use crate::query::flux::eval::Evaluator;
use crate::query::flux::value::Value;
use crate::query::table::{self, Cells, Column, GroupKey, Kind, Table};
use crate::query::text;
use std::collections::BTreeMap;
use std::sync::Arc;

static FROM: Builtin = Builtin {
    name: "from",
    parameters: &[
        Parameter::optional("csv", Accepts::String),
        Parameter::optional("file", Accepts::String),
        Parameter::optional("url", Accepts::String),
        Parameter::optional("mode", Accepts::String),
    ],
    run: from,
};

pub static PACKAGE: Package = Package {
    path: "csv",
    name: "csv",
    members: &[("from", Member::Function(&FROM))],
};
pub static EXPERIMENTAL: Package = Package {
    path: "experimental/csv",
    name: "csv",
    members: &[("from", Member::Function(&FROM))],
};

fn from(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    for refused in ["file", "url"] {
        if call.has(refused) {
            let message = format!("csv.from can't read a {refused} here: give the text as csv");
            return Err(FluxError::check(call.span_of(refused), message).into());
        }
    }
    let Some(source) = call.string("csv") else {
        return Err(FluxError::check(call.span, "missing required argument csv").into());
    };
    evaluator.step(source.len() as u64 / 16, call.span)?;
    evaluator.ctx.take_memory(source.len())?;
    let records = records(&source);
    let made = match call.string_or("mode", "annotations").as_str() {
        "raw" => Ok(plain(&records)),
        "annotations" => annotated(&records),
        other => Err(format!("unknown mode {other:?}")),
    };
    made.map(literal)
        .map_err(|message| call.fault(format!("failed to read csv: {message}")))
}

/// The fields of each record; quoted fields may hold commas, quotes and line ends.
fn records(source: &str) -> Vec<Vec<String>> {
    let mut records = Vec::new();
    let (mut record, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\r' if !quoted && chars.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            other => field.push(other),
        }
    }
    if !field.is_empty() || !record.is_empty() {
        record.push(field);
        records.push(record);
    }
    records
}

fn is_blank(record: &[String]) -> bool {
    record.iter().all(|field| field.trim().is_empty())
}

fn plain(records: &[Vec<String>]) -> Vec<Table> {
    let mut records = records.iter().filter(|record| !is_blank(record));
    let Some(header) = records.next() else {
        return Vec::new();
    };
    let mut columns: Vec<Column> = header
        .iter()
        .map(|label| Column::new(label.as_str(), Cells::new(Kind::String)))
        .collect();
    for record in records {
        for (at, column) in columns.iter_mut().enumerate() {
            let text = record.get(at).map_or("", String::as_str);
            column.cells.push(table::Value::string(text));
        }
    }
    vec![Table {
        key: GroupKey::default(),
        columns,
    }]
}

/// What the lines before the rows say.
#[derive(Default)]
struct Block {
    kinds: Vec<String>,
    group: Vec<bool>,
    defaults: Vec<String>,
    labels: Vec<String>,
    tables: BTreeMap<(String, GroupKey), Table>,
    order: Vec<(String, GroupKey)>,
}

impl Block {
    fn is_service(&self, at: usize) -> bool {
        let label = self.labels.get(at).map_or("", String::as_str);
        at == 0 || matches!(label, "result" | "table")
    }

    fn value(&self, at: usize, text: &str) -> Result<table::Value, String> {
        let text = match text {
            "" => self.defaults.get(at).map_or("", String::as_str),
            text => text,
        };
        let kind = self.kinds.get(at).map_or("string", String::as_str);
        read(kind, text)
    }

    fn empty(&self, key: GroupKey) -> Result<Table, String> {
        let mut columns = Vec::new();
        for (at, label) in self.labels.iter().enumerate() {
            if !self.is_service(at) {
                let kind = kind_of(self.kinds.get(at).map_or("string", String::as_str))?;
                columns.push(Column::new(label.as_str(), Cells::new(kind)));
            }
        }
        Ok(Table { key, columns })
    }

    fn row(&mut self, record: &[String]) -> Result<(), String> {
        let mut values = Vec::new();
        let mut key = Vec::new();
        let mut number = String::new();
        for (at, label) in self.labels.iter().enumerate() {
            let text = record.get(at).map_or("", String::as_str);
            if label == "table" && at > 0 {
                number = text.to_owned();
            }
            if self.is_service(at) {
                continue;
            }
            let value = self.value(at, text)?;
            if self.group.get(at) == Some(&true) {
                key.push((Arc::from(label.as_str()), value.clone()));
            }
            values.push(value);
        }
        let place = match self.order.iter().rev().find(|(have, _)| *have == number) {
            // A table's number delimits it, and its first row gives the key.
            Some(place) if !number.is_empty() => place.clone(),
            _ => (number, GroupKey::new(key)),
        };
        if !self.tables.contains_key(&place) {
            let table = self.empty(place.1.clone())?;
            self.order.push(place.clone());
            self.tables.insert(place.clone(), table);
        }
        if let Some(table) = self.tables.get_mut(&place) {
            for (column, value) in table.columns.iter_mut().zip(values) {
                column.cells.push(value);
            }
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<Table>) -> Result<(), String> {
        let mut done = std::mem::take(self);
        if done.order.is_empty() && !done.labels.is_empty() {
            let mut key = Vec::new();
            for (at, label) in done.labels.iter().enumerate() {
                if done.group.get(at) == Some(&true) && !done.is_service(at) {
                    key.push((Arc::from(label.as_str()), done.value(at, "")?));
                }
            }
            out.push(done.empty(GroupKey::new(key))?);
        }
        for place in &done.order {
            out.extend(done.tables.remove(place));
        }
        Ok(())
    }
}

fn annotated(records: &[Vec<String>]) -> Result<Vec<Table>, String> {
    let (mut out, mut block) = (Vec::new(), Block::default());
    for record in records {
        if is_blank(record) {
            continue;
        }
        let first = record.first().map_or("", |field| field.trim());
        if first.starts_with('#') && !block.labels.is_empty() {
            block.finish(&mut out)?;
        }
        match first {
            "#datatype" => block.kinds = record.clone(),
            "#group" => block.group = record.iter().map(|field| field == "true").collect(),
            "#default" => block.defaults = record.clone(),
            _ if first.starts_with('#') => {}
            _ if block.labels.is_empty() => {
                if block.kinds.is_empty() {
                    return Err("the #datatype annotation is missing".to_owned());
                }
                block.labels = record.clone();
            }
            _ if record.get(1).is_some_and(|field| field == "result")
                && block.labels.get(1).is_some_and(|label| label == "result") =>
            {
                let (kinds, group) = (block.kinds.clone(), block.group.clone());
                let defaults = block.defaults.clone();
                block.finish(&mut out)?;
                (block.kinds, block.group, block.defaults) = (kinds, group, defaults);
                block.labels = record.clone();
            }
            _ => block.row(record)?,
        }
    }
    block.finish(&mut out)?;
    Ok(out)
}

fn kind_of(name: &str) -> Result<Kind, String> {
    Ok(match name {
        "double" => Kind::Float,
        "long" | "duration" => Kind::Integer,
        "unsignedLong" => Kind::Unsigned,
        "boolean" => Kind::Boolean,
        "string" | "base64Binary" | "" => Kind::String,
        _ if name.starts_with("dateTime") => Kind::Time,
        other => return Err(format!("unsupported datatype {other:?}")),
    })
}

fn read(kind: &str, text: &str) -> Result<table::Value, String> {
    use table::Value;
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let wrong = || format!("{text:?} is not of datatype {kind:?}");
    let read = match kind_of(kind)? {
        Kind::Float => text.parse().ok().map(Value::Float),
        Kind::Integer => text.parse().ok().map(Value::Integer),
        Kind::Unsigned => text.parse().ok().map(Value::Unsigned),
        Kind::Boolean => text.parse().ok().map(Value::Boolean),
        Kind::String => Some(Value::string(text)),
        Kind::Time if kind.ends_with("number") => text.parse().ok().map(Value::Time),
        Kind::Time => text::parse_rfc3339(text).map(Value::Time),
    };
    read.ok_or_else(wrong)
}
