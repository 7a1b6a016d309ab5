//! Tables out of annotated CSV, as queries answer it.

use super::csv::Records;
use super::{CliError, client::Client};
use std::io::{BufReader, Read};

/// What the annotations and the header say of the rows that follow.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Columns {
    pub names: Vec<String>,
    pub types: Vec<String>,
    pub groups: Vec<bool>,
    pub defaults: Vec<String>,
}

impl Columns {
    pub fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|own| own == name)
    }
}

/// Calls `visit` with each row; cells that are empty have their default.
pub fn rows(
    client: &Client,
    answer: impl Read,
    mut visit: impl FnMut(&Columns, &[String]) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut records = Records::new(BufReader::with_capacity(1 << 18, answer));
    let mut columns = Columns::default();
    let mut cells = Vec::new();
    let mut header_is_next = true;
    while records
        .next(&mut cells)
        .map_err(|error| client.cut_off(&error))?
    {
        let first = cells.first().map(String::as_str).unwrap_or_default();
        if cells.len() == 1 && first.is_empty() {
            // An empty line ends the tables of one form.
            header_is_next = true;
        } else if first.starts_with('#') {
            if !header_is_next || columns.names.len() > 1 {
                columns = Columns::default();
                header_is_next = true;
            }
            match first {
                "#datatype" => columns.types.clone_from(&cells),
                "#group" => columns.groups = cells.iter().map(|cell| cell == "true").collect(),
                "#default" => columns.defaults.clone_from(&cells),
                _ => {}
            }
        } else if header_is_next {
            columns.names = std::mem::take(&mut cells);
            header_is_next = false;
        } else {
            failure_in(&columns, &cells)?;
            for (cell, default) in cells.iter_mut().zip(&columns.defaults) {
                if cell.is_empty() {
                    cell.clone_from(default);
                }
            }
            visit(&columns, &cells)?;
        }
    }
    Ok(())
}

/// What failed after the answer had begun is a table with these two columns.
fn failure_in(columns: &Columns, cells: &[String]) -> Result<(), CliError> {
    let is_failure = columns.names.iter().skip(1).map(String::as_str);
    if !is_failure.eq(["error", "reference"]) {
        return Ok(());
    }
    let message = cells.get(1).cloned().unwrap_or_default();
    Err(CliError::Failed(format!("the query failed: {message}")))
}
