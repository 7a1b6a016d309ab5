//! A query as it came with its request, and what is made of it.

use super::ast::{File, Name};
use super::error::{self, FluxError};
use super::eval::Evaluator;
use super::value::{Record, Value};
use super::{check, parse, tree_json};
use crate::encode::annotated_csv::{CsvWriter, Dialect};
use crate::query::context::{QueryContext, QueryError};
use crate::query::exec::{self, ExecOptions};
use crate::query::optimise::optimise;
use crate::query::plan::Plan;
use serde_json::Value as Json;
use std::io::Write;
use std::sync::Arc;

/// How deep parameters may nest.
const PARAMS_NESTING_MAX: u32 = 50;

pub struct FluxRequest {
    pub text: String,
    /// A `File` of the syntax tree as JSON, run before the text; clients send parameters so.
    pub extern_ast: Option<Json>,
    /// Values for the record `params`, with or without a key `params` around them.
    pub params: Option<Json>,
    /// What `now()` is, unless the program says otherwise.
    pub now_ns: Option<i64>,
    /// Of a task: the scheduled time of its last run that succeeded.
    pub last_success: Option<i64>,
    pub dialect: Dialect,
}

impl FluxRequest {
    pub const fn new(text: String, dialect: Dialect) -> Self {
        Self {
            text,
            extern_ast: None,
            params: None,
            now_ns: None,
            last_success: None,
            dialect,
        }
    }
}

/// Runs a query and writes its results as annotated CSV.
///
/// A failure before the first byte is returned. After it, the output ends with an error table and the
/// answer is `Ok`, unless the output itself failed or the client is gone.
pub fn execute(
    ctx: &QueryContext,
    request: &FluxRequest,
    out: &mut dyn Write,
) -> Result<(), QueryError> {
    let plan = optimise(plan(ctx, request)?);
    ctx.source.wait_visible(ctx.remaining())?;
    let mut writer = CsvWriter::new(&request.dialect, out);
    match write_results(ctx, &plan, &mut writer) {
        Err(error @ (QueryError::Output(_) | QueryError::Cancelled)) => Err(error),
        Err(error) if writer.has_written() => Ok(writer.error(&error.to_string())?),
        result => result,
    }
}

/// Runs a query for what it does, not for what it yields.
pub fn execute_without_output(ctx: &QueryContext, request: &FluxRequest) -> Result<(), QueryError> {
    let plan = optimise(plan(ctx, request)?);
    ctx.source.wait_visible(ctx.remaining())?;
    run(ctx, &plan)
}

/// Runs a query and writes nothing but the table of the error that ends it.
pub fn execute_for_errors(
    ctx: &QueryContext,
    request: &FluxRequest,
    out: &mut dyn Write,
) -> Result<(), QueryError> {
    let plan = optimise(plan(ctx, request)?);
    ctx.source.wait_visible(ctx.remaining())?;
    match run(ctx, &plan) {
        Err(error @ QueryError::Cancelled) => Err(error),
        Err(error) => Ok(CsvWriter::new(&request.dialect, out).error(&error.to_string())?),
        Ok(()) => Ok(()),
    }
}

fn run(ctx: &QueryContext, plan: &Plan) -> Result<(), QueryError> {
    for (_, stream) in &plan.results {
        for table in exec::run(ctx, stream, ExecOptions::default())? {
            ctx.check()?;
            table?;
        }
    }
    Ok(())
}

fn write_results(
    ctx: &QueryContext,
    plan: &Plan,
    writer: &mut CsvWriter<'_>,
) -> Result<(), QueryError> {
    for (name, stream) in &plan.results {
        for table in exec::run(ctx, stream, ExecOptions::default())? {
            ctx.check()?;
            writer.table(name, &table?)?;
        }
        writer.end_result()?;
    }
    Ok(())
}

/// What the query yields, before optimisation.
pub fn plan(ctx: &QueryContext, request: &FluxRequest) -> Result<Plan, QueryError> {
    let mut known: Vec<Name> = Vec::new();
    let mut evaluator = Evaluator::new(ctx, request.now_ns.unwrap_or(ctx.now_ns));
    if let Some(time) = request.last_success {
        evaluator.preset(
            "influxdata/influxdb/tasks",
            "lastSuccessTime",
            Value::Time(time),
        );
    }
    if let Some(params) = &request.params {
        known.push("params".into());
        evaluator.define(Evaluator::GLOBAL, "params".into(), params_record(params)?);
    }
    if let Some(tree) = &request.extern_ast {
        let file = tree_json::read_file(tree)
            .map_err(|reason| QueryError::Invalid(format!("invalid extern: {reason}")))?;
        sound(check::check(&file, &known))?;
        evaluator.file(&file)?;
        known.extend(check::defined(&file));
    }
    let file = parsed(&request.text)?;
    sound(check::check(&file, &known))?;
    evaluator.file(&file)?;
    results(evaluator)
}

fn parsed(text: &str) -> Result<File, QueryError> {
    let parsed = parse::parse(text);
    sound(parsed.errors)?;
    Ok(parsed.file)
}

fn sound(errors: Vec<FluxError>) -> Result<(), QueryError> {
    if errors.is_empty() {
        return Ok(());
    }
    Err(QueryError::Invalid(error::join(&errors)))
}

fn results(evaluator: Evaluator<'_>) -> Result<Plan, QueryError> {
    let yields = evaluator.into_yields();
    let unnamed = yields.iter().filter(|found| !found.explicit).count();
    if yields.is_empty() {
        return Err(QueryError::Invalid(
            "this Flux script returns no streaming data. Consider adding a \"yield\" or invoking \
             streaming functions directly, without performing an assignment"
                .to_owned(),
        ));
    }
    let taken = yields
        .iter()
        .any(|found| found.explicit && found.name == "_result");
    if unnamed > 1 || (unnamed == 1 && taken) {
        return Err(QueryError::Invalid(
            "query must specify explicit yields when there is more than one result.".to_owned(),
        ));
    }
    let results = yields.into_iter().map(|found| (found.name, found.stream));
    Ok(Plan {
        results: results.collect(),
    })
}

fn params_record(params: &Json) -> Result<Value, QueryError> {
    let inner = match params {
        Json::Object(fields) if fields.len() == 1 => fields.get("params").unwrap_or(params),
        _ => params,
    };
    match json_value(inner, 0)? {
        record @ Value::Record(_) => Ok(record),
        Value::Null => Ok(Value::Record(Arc::new(Record::new()))),
        _ => Err(QueryError::Invalid(
            "params must be a JSON object".to_owned(),
        )),
    }
}

fn json_value(json: &Json, nesting: u32) -> Result<Value, QueryError> {
    if nesting > PARAMS_NESTING_MAX {
        let message = format!("params nest deeper than {PARAMS_NESTING_MAX} levels");
        return Err(QueryError::Invalid(message));
    }
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(value), ..) => Value::Integer(value),
            (None, Some(value), _) => Value::Unsigned(value),
            (None, None, value) => Value::Float(value.unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => {
            let items: Result<Vec<_>, _> = items
                .iter()
                .map(|item| json_value(item, nesting + 1))
                .collect();
            Value::Array(Arc::new(items?))
        }
        Json::Object(fields) => {
            let mut record = Record::new();
            for (name, value) in fields {
                record.insert(name.as_str().into(), json_value(value, nesting + 1)?);
            }
            Value::Record(Arc::new(record))
        }
    })
}

/// A fault as editors want it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// From 1.
    pub line: usize,
    /// From 1, in bytes.
    pub column: usize,
    /// Bytes from the start of the text.
    pub character: usize,
    pub message: String,
}

/// The faults that can be found without running the query.
pub fn analyze(text: &str) -> Vec<Diagnostic> {
    let parsed = parse::parse(text);
    let errors = match parsed.errors.is_empty() {
        true => check::check(&parsed.file, &[]),
        false => parsed.errors,
    };
    let diagnostic = |error: FluxError| Diagnostic {
        line: error.span.start.line as usize,
        column: error.span.start.column as usize,
        character: error.span.start.offset as usize,
        message: error.message,
    };
    errors.into_iter().map(diagnostic).collect()
}

/// The syntax tree of a query in the JSON shapes of `/api/v2/query/ast`: a package with one file.
pub fn ast_json(text: &str) -> Result<Json, String> {
    let parsed = parse::parse(text);
    if parsed.errors.is_empty() {
        Ok(tree_json::write_package(&parsed.file, text))
    } else {
        Err(error::join(&parsed.errors))
    }
}
