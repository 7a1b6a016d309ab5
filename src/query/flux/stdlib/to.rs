//! `to`, `wideTo` and `experimental.to`: rows become points, written through the write queue. The rows go
//! on as they came.

use super::universe::series::{cells_of, invalid};
use super::universe::source::{find_bucket, only_here};
use super::{Accepts, Builtin, Call, Parameter, tables};
use crate::line_protocol::lines::{
    Field, PIECE_BYTES, escaped, escaped_key, has_form, push_field, push_tag,
};
use crate::model::BucketId;
use crate::query::context::{BucketName, QueryContext, QueryError};
use crate::query::exec::Tables;
use crate::query::exec::operation::Operation;
use crate::query::flux::error::Failure;
use crate::query::flux::eval::Evaluator;
use crate::query::flux::eval::rows::{RowProgram, RowRunner, record_of_row};
use crate::query::flux::value::Value;
use crate::query::table::{Kind, Table, Value as Cell};
use std::fmt;
use std::fmt::Write;

macro_rules! target {
    ($($parameter:expr),* $(,)?) => {
        &[
            Parameter::TABLES,
            Parameter::optional("bucket", Accepts::String),
            Parameter::optional("bucketID", Accepts::String),
            Parameter::optional("org", Accepts::String),
            Parameter::optional("orgID", Accepts::String),
            Parameter::optional("host", Accepts::String),
            Parameter::optional("token", Accepts::String),
            $($parameter),*
        ]
    };
}

pub static TO: Builtin = Builtin {
    name: "to",
    parameters: target![
        Parameter::optional("timeColumn", Accepts::String),
        Parameter::optional("measurementColumn", Accepts::String),
        Parameter::optional("tagColumns", Accepts::Strings),
        Parameter::optional("fieldFn", Accepts::Function),
    ],
    run: to,
};

pub static WIDE_TO: Builtin = Builtin {
    name: "wideTo",
    parameters: target![],
    run: wide_to,
};

/// What a row's fields are.
enum Fields {
    /// `_field` names it, `_value` is it.
    Pair,
    Program(Box<RowProgram>),
    /// Each column that is not of the group key.
    Columns,
}

struct To {
    name: &'static str,
    bucket: BucketId,
    time: String,
    measurement: String,
    tags: Option<Vec<String>>,
    fields: Fields,
}

impl fmt::Debug for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

fn to(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let fields = match call.function("fieldFn") {
        None => Fields::Pair,
        Some(function) => {
            let program = evaluator.row_program(&function, call.span_of("fieldFn"))?;
            Fields::Program(Box::new(program))
        }
    };
    writing(evaluator, call, fields)
}

fn wide_to(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    writing(evaluator, call, Fields::Columns)
}

fn writing(evaluator: &Evaluator<'_>, call: &Call, fields: Fields) -> Result<Value, Failure> {
    only_here(call)?;
    let (name, id) = (call.string("bucket"), call.string("bucketID"));
    let wanted = match (&name, &id) {
        (Some(name), None) => Some(BucketName::Name(name)),
        (None, Some(id)) => Some(BucketName::Id(id)),
        _ => None,
    };
    let target = wanted.and_then(|wanted| evaluator.ctx.write_target(&wanted));
    let Some(bucket) = target else {
        let bucket = find_bucket(evaluator, call)?;
        let message = format!(
            "user not authorized to write: bucket \"{}\" needs a token that may write it",
            bucket.name
        );
        return Err(QueryError::Forbidden(message).into());
    };
    let operation = To {
        name: call.function,
        bucket,
        time: call.string_or("timeColumn", "_time"),
        measurement: call.string_or("measurementColumn", "_measurement"),
        tags: call.strings("tagColumns"),
        fields,
    };
    Ok(tables::apply(vec![call.tables()?], operation))
}

impl Operation for To {
    fn run<'a>(
        &'a self,
        ctx: &'a QueryContext,
        inputs: Vec<Tables<'a>>,
    ) -> Result<Tables<'a>, QueryError> {
        let mut runner = match &self.fields {
            Fields::Program(program) => Some(program.start(ctx)),
            Fields::Pair | Fields::Columns => None,
        };
        Ok(Box::new(inputs.into_iter().flatten().map(move |table| {
            ctx.check()?;
            let table = table?;
            self.write(ctx, &table, runner.as_mut())?;
            Ok(table)
        })))
    }
}

impl To {
    fn write(
        &self,
        ctx: &QueryContext,
        table: &Table,
        mut runner: Option<&mut RowRunner<'_>>,
    ) -> Result<(), QueryError> {
        if table.rows() == 0 {
            return Ok(());
        }
        let times = cells_of(table, &self.time, self.name)?;
        if times.kind() != Kind::Time {
            return Err(invalid(format!(
                "{}: column \"{}\" must be of type time, not {}",
                self.name,
                self.time,
                times.kind().name()
            )));
        }
        cells_of(table, &self.measurement, self.name)?;
        let tags = self.tag_columns(table);
        let mut lines = String::new();
        for row in 0..table.rows() {
            let (Cell::Time(time), Cell::String(measurement)) =
                (times.get(row), table.value(&self.measurement, row))
            else {
                return Err(invalid(format!(
                    "{}: a row has no {} or no {}",
                    self.name, self.time, self.measurement
                )));
            };
            let mut key = escaped(self.writable(&measurement)?, &[',', ' ']);
            for tag in &tags {
                if let Cell::String(value) = table.value(tag, row)
                    && !value.is_empty()
                {
                    push_tag(
                        &mut key,
                        &escaped_key(self.writable(tag)?),
                        self.writable(&value)?,
                    );
                }
            }
            let fields = self.fields(table, row, &tags, runner.as_deref_mut())?;
            if fields.is_empty() {
                // A point without fields can't be stored.
                continue;
            }
            let _ = writeln!(lines, "{key} {fields} {time}");
            if lines.len() >= PIECE_BYTES {
                ctx.write_lines(self.bucket, lines.as_bytes())?;
                lines.clear();
            }
        }
        if lines.is_empty() {
            return Ok(());
        }
        ctx.write_lines(self.bucket, lines.as_bytes())
    }

    fn writable<'t>(&self, text: &'t str) -> Result<&'t str, QueryError> {
        if has_form(text) {
            return Ok(text);
        }
        Err(invalid(format!(
            "{}: {text:?} can't be a name or a tag's value: it has a line end, or ends with a backslash",
            self.name
        )))
    }

    fn tag_columns<'t>(&'t self, table: &'t Table) -> Vec<&'t str> {
        if let Some(tags) = &self.tags {
            return tags.iter().map(String::as_str).collect();
        }
        let own = |label: &str| {
            matches!(label, "_field" | "_value" | "_start" | "_stop")
                || label == self.time
                || label == self.measurement
        };
        let columns = table.columns.iter().filter(|column| {
            column.cells.kind() == Kind::String
                && !own(&column.label)
                && (!matches!(self.fields, Fields::Columns) || table.key.has(&column.label))
        });
        columns.map(|column| &*column.label).collect()
    }

    fn fields(
        &self,
        table: &Table,
        row: usize,
        tags: &[&str],
        runner: Option<&mut RowRunner<'_>>,
    ) -> Result<String, QueryError> {
        let mut out = String::new();
        match (&self.fields, runner) {
            (Fields::Program(_), Some(runner)) => {
                let made = runner.call(vec![("r", record_of_row(table, row))])?;
                let Value::Record(record) = made else {
                    return Err(invalid(format!(
                        "{}: fieldFn must return a record",
                        self.name
                    )));
                };
                for (name, value) in record.iter() {
                    let cell = value.to_cell_value().ok_or_else(|| {
                        let found = value.type_name();
                        invalid(format!(
                            "{}: a field can't hold a value of type {found}",
                            self.name
                        ))
                    })?;
                    self.push(&mut out, name, &cell)?;
                }
            }
            (Fields::Columns, _) => {
                for column in &table.columns {
                    let label = &*column.label;
                    let other = table.key.has(label)
                        || tags.contains(&label)
                        || label == self.time
                        || label == self.measurement;
                    if !other {
                        self.push(&mut out, label, &column.cells.get(row))?;
                    }
                }
            }
            _ => {
                cells_of(table, "_field", self.name)?;
                let value = cells_of(table, "_value", self.name)?.get(row);
                if let Cell::String(name) = table.value("_field", row) {
                    self.push(&mut out, &name, &value)?;
                }
            }
        }
        Ok(out)
    }

    fn push(&self, out: &mut String, name: &str, value: &Cell) -> Result<(), QueryError> {
        let field = match value {
            Cell::Null => return Ok(()),
            Cell::Float(value) => Field::Float(*value),
            Cell::Integer(value) | Cell::Time(value) => Field::Integer(*value),
            Cell::Unsigned(value) => Field::Unsigned(*value),
            Cell::Boolean(value) => Field::Boolean(*value),
            Cell::String(text) => Field::Text(text),
        };
        push_field(out, &escaped_key(self.writable(name)?), field);
        Ok(())
    }
}
