//! Whole queries over points in memory, with the exact CSV.

mod clients;
mod faults;
mod library;
mod mangled;
pub mod memory;
mod pipelines;
mod queries;
mod shortcuts;

use super::{FluxRequest, execute};
use crate::encode::annotated_csv::{Annotation, Dialect};
use memory::context;

pub const POINTS: &str = "
    cpu,host=a usage=1,temp=10i 0
    cpu,host=a usage=2,temp=20i 60
    cpu,host=a usage=4 120
    cpu,host=b usage=8 0
    cpu,host=b usage=16 90
    mem,host=a,kind=x free=\"much\" 30
";

fn dialect() -> Dialect {
    let annotations = vec![Annotation::Datatype, Annotation::Group, Annotation::Default];
    Dialect {
        annotations,
        ..Dialect::default()
    }
}

/// Answer of a request over [`POINTS`].
fn answer(request: &FluxRequest) -> Result<String, String> {
    let ctx = context(POINTS);
    let mut out = Vec::new();
    execute(&ctx, request, &mut out).map_err(|error| error.to_string())?;
    Ok(String::from_utf8(out).unwrap())
}

/// The fully annotated answer with plain line ends.
fn csv(text: &str) -> String {
    let request = FluxRequest::new(text.to_owned(), dialect());
    answer(&request)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .replace("\r\n", "\n")
}

/// The rows of an answer without annotations and headers.
fn rows(text: &str) -> Vec<String> {
    let answer = csv(text);
    let rows = answer.lines().filter(|line| line.starts_with(",,"));
    rows.map(|row| row.trim_start_matches(",,").to_owned())
        .collect()
}

fn failure(text: &str) -> String {
    match answer(&FluxRequest::new(text.to_owned(), dialect())) {
        Ok(answer) => panic!("{text}: {answer}"),
        Err(error) => error,
    }
}
