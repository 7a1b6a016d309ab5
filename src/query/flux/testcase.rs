//! Runs the test cases of a Flux file, each by itself: the file's imports, options and constants, then the
//! case. A case fails when it raises an error or when rows are yielded as `errorOutput`.

use super::ast::{Block, File, StatementKind, StringLiteral};
use super::eval::Evaluator;
use super::stdlib::testing::ERROR_OUTPUT;
use super::{check, error, parse};
use crate::query::context::QueryContext;
use crate::query::exec::{self, ExecOptions};
use crate::query::optimise::optimise;
use crate::query::plan::Plan;

/// Rows of differences that are told.
const SHOWN_ROWS: usize = 8;

/// What became of a case that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    /// The case says itself that it is not to be run, by the tag `skip`.
    Skipped,
}

/// Finds the text of a file that another one extends, by its name without the ending.
pub type Library<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Runs one test case; the error says what went wrong.
pub fn run(
    ctx: &QueryContext,
    text: &str,
    name: &str,
    library: Library<'_>,
) -> Result<Outcome, String> {
    let file = read(text)?;
    let (extends, body) = case(&file, name)?;
    let Some(base) = extends else {
        return run_in(ctx, &file, body, None);
    };
    // The other file's options and constants come first; `super()` runs its case.
    let (path, base_name) = base.value.rsplit_once('.').unwrap_or((&base.value, name));
    let text = library(path).ok_or_else(|| format!("there is no file {path}"))?;
    let base_file = read(&text)?;
    let (_, base_body) = case(&base_file, base_name)?;
    run_in(ctx, &base_file, base_body, Some((&file, body)))
}

fn read(text: &str) -> Result<File, String> {
    let parsed = parse::parse(text);
    if !parsed.errors.is_empty() {
        return Err(error::join(&parsed.errors));
    }
    Ok(parsed.file)
}

fn case<'f>(file: &'f File, name: &str) -> Result<(Option<&'f StringLiteral>, &'f Block), String> {
    let found = file
        .body
        .iter()
        .find_map(|statement| match &statement.kind {
            StatementKind::TestCase {
                name: have,
                extends,
                body,
            } if &*have.name == name => Some((extends.as_ref(), body)),
            _ => None,
        });
    found.ok_or_else(|| format!("there is no test case {name}"))
}

fn run_in(
    ctx: &QueryContext,
    file: &File,
    body: &Block,
    extended_by: Option<(&File, &Block)>,
) -> Result<Outcome, String> {
    let faults = check::check(file, &[]);
    if !faults.is_empty() {
        return Err(error::join(&faults));
    }
    let mut evaluator = Evaluator::new(ctx, ctx.now_ns);
    let evaluated = evaluator.file(file).and_then(|()| match extended_by {
        None => evaluator.test_case(body),
        Some((other, outer)) => {
            evaluator.file(other)?;
            evaluator.extended_test_case(outer, body)
        }
    });
    if evaluator.is_tagged("skip") {
        return Ok(Outcome::Skipped);
    }
    evaluated.map_err(|failure| crate::query::context::QueryError::from(failure).to_string())?;
    let yields = evaluator.into_yields();
    let mut differing: Vec<String> = Vec::new();
    let plan = optimise(Plan {
        results: yields
            .into_iter()
            .map(|found| (found.name, found.stream))
            .collect(),
    });
    for (name, stream) in &plan.results {
        let tables =
            exec::run(ctx, stream, ExecOptions::default()).map_err(|error| error.to_string())?;
        for table in tables {
            let table = table.map_err(|error| error.to_string())?;
            if name == ERROR_OUTPUT {
                let rows = (0..table.rows()).take(SHOWN_ROWS - differing.len().min(SHOWN_ROWS));
                differing.extend(rows.map(|row| {
                    let cells = table.columns.iter().map(|column| column.cells.get(row));
                    format!("{:?}", cells.collect::<Vec<_>>())
                }));
            }
        }
    }
    if !differing.is_empty() {
        return Err(format!("differs: {}", differing.join("\n    ")));
    }
    Ok(Outcome::Passed)
}
