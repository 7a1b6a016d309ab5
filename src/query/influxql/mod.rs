//! InfluxQL as InfluxDB 1.8 speaks it.
//!
//! ```text
//! text → lex → parse → ast → compile (names, types, functions, times) → plan → exec → answer
//! ```
//! `exec` reads series through [`Source`](crate::engine::source::Source) directly: a group of series at a
//! time, windows from block statistics where they suffice. Formats are in `encode::influxql_*`.

mod admin;
mod answer;
mod ast;
mod change;
mod check;
mod compile;
mod display;
mod error;
mod eval;
mod exec;
mod explain;
mod fold;
mod functions;
mod into;
mod lex;
mod names;
mod parse;
mod plan;
mod predicate;
mod schema;
mod shortcut;
mod show;
mod types;
mod value;
mod window;

use crate::encode::influxql_csv::CsvWriter;
use crate::encode::influxql_json::JsonWriter;
use crate::encode::influxql_msgpack::MsgPackWriter;
use crate::query::context::{QueryContext, QueryError};
pub use admin::{AdminResult, Administration, FigureValue, Figures};
use answer::RowLimit;
pub use answer::{AnswerWriter, SeriesHead};
pub use ast::PolicyOptions;
use ast::{Select, Statement};
use compile::Compiler;
use error::StatementError;
use exec::RowSink;
use parse::{Params, parse_query};
use schema::Defaults;
use show::Shower;
use std::io::Write;
use std::sync::Arc;
pub use value::Value;

/// One request to `/query`.
#[derive(Debug, Clone, Default)]
pub struct InfluxqlRequest {
    pub text: String,
    pub database: Option<String>,
    pub policy: Option<String>,
    /// `None`: times as RFC 3339 texts (CSV: nanoseconds).
    pub epoch: Option<EpochUnit>,
    /// Values of `$name` parameters, a JSON object.
    pub params: Option<serde_json::Value>,
    pub chunked: bool,
    /// Rows a chunk; 0: 10 000.
    pub chunk_size: usize,
    /// Rows of an answer that is not chunked; 0: all.
    pub max_rows: usize,
    pub format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    #[default]
    Json,
    PrettyJson,
    Csv,
    MsgPack,
}

impl Format {
    /// The `Content-Type` of answers.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json | Self::PrettyJson => "application/json",
            Self::Csv => "text/csv",
            Self::MsgPack => "application/x-msgpack",
        }
    }
}

/// The unit of integer times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpochUnit {
    Nanoseconds,
    Microseconds,
    Milliseconds,
    Seconds,
    Minutes,
    Hours,
}

impl EpochUnit {
    /// The `epoch` parameter; an unknown unit means nanoseconds, as in InfluxDB.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "" => return None,
            "u" | "us" | "µ" | "µs" => Self::Microseconds,
            "ms" => Self::Milliseconds,
            "s" => Self::Seconds,
            "m" => Self::Minutes,
            "h" => Self::Hours,
            _ => Self::Nanoseconds,
        })
    }

    /// Nanoseconds in one unit.
    pub const fn unit_ns(self) -> i64 {
        match self {
            Self::Nanoseconds => 1,
            Self::Microseconds => 1_000,
            Self::Milliseconds => 1_000_000,
            Self::Seconds => 1_000_000_000,
            Self::Minutes => 60_000_000_000,
            Self::Hours => 3_600_000_000_000,
        }
    }
}

const CHUNK_ROWS: usize = 10_000;

/// Runs all statements of a request. A text that can't be read is an error before anything is written;
/// what is wrong with a statement stands in its result.
pub fn execute(
    ctx: &QueryContext,
    admin: &dyn Administration,
    request: &InfluxqlRequest,
    out: &mut dyn Write,
) -> Result<(), QueryError> {
    let invalid = |message| QueryError::Invalid(format!("failed to parse query: {message}"));
    let params = match &request.params {
        Some(value) => Params::from_json(value).map_err(invalid)?,
        None => Params::default(),
    };
    let statements =
        parse_query(request.text.trim(), &params).map_err(|error| invalid(error.to_string()))?;
    ctx.source.wait_visible(ctx.remaining())?;
    let chunk = match (request.chunked, request.chunk_size) {
        (false, _) => None,
        (true, 0) => Some(CHUNK_ROWS),
        (true, rows) => Some(rows),
    };
    let writer: Box<dyn AnswerWriter + '_> = match request.format {
        Format::Json => Box::new(JsonWriter::new(out, request.epoch, chunk)),
        Format::PrettyJson => Box::new(JsonWriter::pretty(out, request.epoch, chunk, ctx)),
        Format::Csv => Box::new(CsvWriter::new(out, request.epoch)),
        Format::MsgPack => Box::new(MsgPackWriter::booked(out, request.epoch, ctx)),
    };
    let max_rows = if request.chunked { 0 } else { request.max_rows };
    let mut writer = RowLimit::new(writer, max_rows);
    let session = Session {
        ctx,
        admin,
        request,
    };
    let mut failed = false;
    for (id, statement) in statements.iter().enumerate() {
        let zone = match statement {
            Statement::Select(select) => select.zone,
            _ => None,
        };
        writer.begin_statement(id, zone)?;
        if failed {
            writer.end_statement(Some("not executed"))?;
            continue;
        }
        // Rows may be out already, so the status can't tell of a failure; the result does.
        let error = match session.statement(statement, &mut writer) {
            Ok(()) => None,
            Err(StatementError::Query(QueryError::Cancelled)) if writer.reached => {
                writer.end_statement(None)?;
                break;
            }
            Err(StatementError::Query(error @ QueryError::Output(_))) => return Err(error),
            Err(StatementError::Query(QueryError::Cancelled)) => {
                Some("query interrupted".to_owned())
            }
            Err(error) => Some(error.to_string()),
        };
        failed = error.is_some();
        writer.end_statement(error.as_deref())?;
    }
    writer.finish()
}

struct Session<'a> {
    ctx: &'a QueryContext,
    admin: &'a dyn Administration,
    request: &'a InfluxqlRequest,
}

impl Session<'_> {
    fn statement(
        &self,
        statement: &Statement,
        out: &mut dyn AnswerWriter,
    ) -> Result<(), StatementError> {
        let defaults = Defaults {
            database: self.request.database.as_deref(),
            policy: self.request.policy.as_deref(),
        };
        let mut shower = Shower {
            ctx: self.ctx,
            defaults,
            out: &mut *out,
        };
        match statement {
            Statement::Select(select) => match &select.into {
                Some(target) => self.select_into(select, target, defaults, out),
                None => self.select(select, defaults, out),
            },
            Statement::Explain {
                select, analyze, ..
            } => self.explain(select, *analyze, defaults, out),
            Statement::ShowDatabases => shower.databases(),
            Statement::ShowRetentionPolicies { database } => shower.policies(database.as_deref()),
            Statement::ShowMeasurements(show) => shower.measurements(show),
            Statement::ShowSeries(show) => shower.series(show),
            Statement::ShowTagKeys(show) => shower.tag_keys(show),
            Statement::ShowTagValues(show) => shower.tag_values(show),
            Statement::ShowFieldKeys(show) => shower.field_keys(show),
            Statement::ShowCardinality { of, exact, show } => shower.cardinality(*of, *exact, show),
            other => self
                .change(other, out)
                .unwrap_or_else(|| Err(StatementError::not_implemented(other.name()))),
        }
    }

    fn select(
        &self,
        select: &Select,
        defaults: Defaults<'_>,
        out: &mut dyn AnswerWriter,
    ) -> Result<(), StatementError> {
        if let Some(counted) = shortcut::count(self.ctx, defaults, select)? {
            return write_counted(counted, out);
        }
        let plan = Compiler {
            ctx: self.ctx,
            defaults,
        }
        .select(select)?;
        let mut columns = vec![plan.time_column.clone()];
        columns.extend(plan.columns.iter().map(|column| column.name.clone()));
        let values = vec![Value::Null; columns.len()];
        let mut sink = SelectSink {
            out,
            columns: Arc::new(columns),
            values,
        };
        exec::run(self.ctx, &plan, &mut sink)
    }
}

fn write_counted(
    counted: shortcut::Counted,
    out: &mut dyn AnswerWriter,
) -> Result<(), StatementError> {
    if counted.count == 0 {
        return Ok(());
    }
    out.series(SeriesHead {
        name: counted.measurement,
        tags: Vec::new(),
        columns: Arc::new(vec!["time".to_owned(), counted.column]),
    })?;
    let count = i64::try_from(counted.count).unwrap_or(i64::MAX);
    Ok(out.row(&[Value::Time(counted.time), Value::Integer(count)])?)
}

/// Rows of a SELECT with the time as first column.
struct SelectSink<'a> {
    out: &'a mut dyn AnswerWriter,
    columns: Arc<Vec<String>>,
    values: Vec<Value>,
}

impl RowSink for SelectSink<'_> {
    fn series(
        &mut self,
        name: &Arc<str>,
        tags: &[(Arc<str>, Arc<str>)],
    ) -> Result<(), StatementError> {
        let head = SeriesHead {
            name: name.to_string(),
            tags: tags.to_vec(),
            columns: Arc::clone(&self.columns),
        };
        Ok(self.out.series(head)?)
    }

    fn row(&mut self, time: i64, values: &[Value]) -> Result<(), StatementError> {
        self.values.clear();
        self.values.push(Value::Time(time));
        self.values.extend_from_slice(values);
        Ok(self.out.row(&self.values)?)
    }
}
