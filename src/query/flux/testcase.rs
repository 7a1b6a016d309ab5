//! Runs the test cases of a Flux file, each by itself: the file's imports, options and constants, then the
//! case. A case fails when it raises an error or when rows are yielded as `errorOutput`.

use super::ast::StatementKind;
use super::eval::Evaluator;
use super::stdlib::testing::ERROR_OUTPUT;
use super::{check, error, parse};
use crate::query::context::QueryContext;
use crate::query::exec::{self, ExecOptions};
use crate::query::optimise::optimise;
use crate::query::plan::Plan;

/// Runs one test case; the error says what went wrong.
pub fn run(ctx: &QueryContext, text: &str, name: &str) -> Result<(), String> {
    let parsed = parse::parse(text);
    if !parsed.errors.is_empty() {
        return Err(error::join(&parsed.errors));
    }
    let faults = check::check(&parsed.file, &[]);
    if !faults.is_empty() {
        return Err(error::join(&faults));
    }
    let body = parsed.file.body.iter().find_map(|statement| {
        let StatementKind::TestCase {
            name: have,
            extends,
            body,
        } = &statement.kind
        else {
            return None;
        };
        (&*have.name == name).then_some((extends, body))
    });
    let Some((extends, body)) = body else {
        return Err(format!("there is no test case {name}"));
    };
    if let Some(base) = extends {
        return Err(format!("test case {name} extends {}", base.value));
    }
    let mut evaluator = Evaluator::new(ctx, ctx.now_ns);
    let evaluated = evaluator
        .file(&parsed.file)
        .and_then(|()| evaluator.test_case(body));
    evaluated.map_err(|failure| crate::query::context::QueryError::from(failure).to_string())?;
    let yields = evaluator.into_yields();
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
            if name == ERROR_OUTPUT && table.rows() > 0 {
                let first: Vec<String> = (0..table.rows().min(4))
                    .map(|row| {
                        let cells = table.columns.iter().map(|column| column.cells.get(row));
                        format!("{:?}", cells.collect::<Vec<_>>())
                    })
                    .collect();
                return Err(format!("differs: {}", first.join("\n    ")));
            }
        }
    }
    Ok(())
}
