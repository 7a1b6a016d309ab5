//! Line protocol and annotated CSV.

use super::Sink;
use crate::cli::CliError;
use crate::cli::annotated::Columns;
use crate::cli::line::{push_key, push_measurement, push_string};
use crate::cli::output::csv_cell;
use influxd::query::text::parse_rfc3339;
use std::io::Write;

/// Writes what is kept.
pub struct Text<'a> {
    out: &'a mut dyn Write,
    is_csv: bool,
    /// Of this window.
    lines: Vec<u8>,
    series: Series,
    /// The columns that the last row of CSV had.
    columns: Option<Columns>,
}

impl<'a> Text<'a> {
    pub fn new(out: &'a mut dyn Write, is_csv: bool) -> Self {
        Self {
            out,
            is_csv,
            lines: Vec::new(),
            series: Series::default(),
            columns: None,
        }
    }
}

impl Sink for Text<'_> {
    fn row(&mut self, columns: &Columns, cells: &[String]) -> Result<(), CliError> {
        if self.is_csv {
            push_csv(columns, cells, &mut self.columns, &mut self.lines);
            return Ok(());
        }
        self.series.push_line(columns, cells, &mut self.lines)
    }

    fn keep(&mut self) -> Result<(), CliError> {
        self.out.write_all(&self.lines).map_err(CliError::output)?;
        self.lines.clear();
        self.series = Series::default();
        Ok(())
    }

    fn discard(&mut self) {
        self.lines.clear();
        self.series = Series::default();
        self.columns = None;
    }
}

/// What rows of one table have in common is made once.
#[derive(Default)]
struct Series {
    columns: Columns,
    table: String,
    /// Measurement, tags and field name with the equals sign.
    before_value: Vec<u8>,
    kind: String,
    value_at: usize,
    time_at: usize,
}

impl Series {
    fn push_line(
        &mut self,
        columns: &Columns,
        cells: &[String],
        out: &mut Vec<u8>,
    ) -> Result<(), CliError> {
        let cell = |at: usize| cells.get(at).map(String::as_str).unwrap_or_default();
        let is_new =
            self.before_value.is_empty() || self.table != cell(2) || self.columns != *columns;
        if is_new {
            self.begin(columns, cells)?;
        }
        let value = cell(self.value_at);
        out.extend_from_slice(&self.before_value);
        match self.kind.as_str() {
            "string" => push_string(value, out),
            "long" => {
                out.extend_from_slice(value.as_bytes());
                out.push(b'i');
            }
            "unsignedLong" => {
                out.extend_from_slice(value.as_bytes());
                out.push(b'u');
            }
            _ => out.extend_from_slice(value.as_bytes()),
        }
        let time = parse_rfc3339(cell(self.time_at))
            .ok_or_else(|| CliError::Failed(format!("{:?} is no time", cell(self.time_at))))?;
        out.extend_from_slice(format!(" {time}\n").as_bytes());
        Ok(())
    }

    fn begin(&mut self, columns: &Columns, cells: &[String]) -> Result<(), CliError> {
        let place = |name: &str| {
            let missing = || CliError::Failed(format!("the answer has no column {name}"));
            columns.position(name).ok_or_else(missing)
        };
        let cell = |at: usize| cells.get(at).map(String::as_str).unwrap_or_default();
        let (measurement, field) = (place("_measurement")?, place("_field")?);
        (self.value_at, self.time_at) = (place("_value")?, place("_time")?);
        let kind = columns.types.get(self.value_at);
        self.kind = kind.cloned().unwrap_or_default();
        let own = [measurement, field, self.value_at, self.time_at];
        let mut tags: Vec<(&str, &str)> = columns
            .names
            .iter()
            .enumerate()
            // Annotation, result and table come first.
            .skip(3)
            .filter(|(at, name)| !own.contains(at) && !matches!(name.as_str(), "_start" | "_stop"))
            .map(|(at, name)| (name.as_str(), cell(at)))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        tags.sort_unstable();
        let out = &mut self.before_value;
        out.clear();
        push_measurement(cell(measurement), out);
        for (key, value) in tags {
            out.push(b',');
            push_key(key, out);
            out.push(b'=');
            push_key(value, out);
        }
        out.push(b' ');
        push_key(cell(field), out);
        out.push(b'=');
        self.columns = columns.clone();
        self.table = cell(2).to_owned();
        Ok(())
    }
}

/// Annotations and header again where the columns change. Which window a row was read in is no property of
/// it, nor is the number of its table.
fn push_csv(columns: &Columns, cells: &[String], shown: &mut Option<Columns>, out: &mut Vec<u8>) {
    let hidden = |name: &str| matches!(name, "result" | "table" | "_start" | "_stop");
    let places: Vec<usize> = columns
        .names
        .iter()
        .enumerate()
        .filter(|(at, name)| *at > 4 || !hidden(name))
        .map(|(at, _)| at)
        .collect();
    let mut push = |label: &str, from: &mut dyn FnMut(usize) -> String| {
        let mut line = String::from(label);
        for at in places.iter().skip(1) {
            line.push(',');
            line.push_str(&csv_cell(&from(*at)));
        }
        line.push('\n');
        out.extend_from_slice(line.as_bytes());
    };
    if shown.as_ref() != Some(columns) {
        push("#group", &mut |at| {
            columns.groups.get(at).copied().unwrap_or(false).to_string()
        });
        push("#datatype", &mut |at| {
            columns.types.get(at).cloned().unwrap_or_default()
        });
        push("", &mut |at| {
            columns.names.get(at).cloned().unwrap_or_default()
        });
        *shown = Some(columns.clone());
    }
    push("", &mut |at| cells.get(at).cloned().unwrap_or_default());
}
