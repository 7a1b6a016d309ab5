//! What commands print: aligned tables, CSV, JSON.

use super::CliError;
use super::args::Given;
use serde_json::{Map, Value};
use std::io::{self, Write};

pub const FORMATS: &[&str] = &["table", "csv", "json"];

/// Columns and rows of text.
#[derive(Debug, Default)]
pub struct Table {
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(header: &[&str]) -> Self {
        Self {
            header: header.iter().map(|name| (*name).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// As `--format` says.
    pub fn print(&self, given: &Given) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        let printed = match given.choice("format", FORMATS)? {
            "csv" => self.write_csv(&mut out),
            "json" => self.write_json(&mut out),
            _ => self.write_aligned(&mut out),
        };
        printed.and_then(|()| out.flush()).map_err(CliError::output)
    }

    pub fn write_aligned(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut widths: Vec<usize> = self.header.iter().map(|name| width(name)).collect();
        for row in &self.rows {
            for (most, cell) in widths.iter_mut().zip(row) {
                *most = (*most).max(width(cell));
            }
        }
        for row in std::iter::once(&self.header).chain(&self.rows) {
            let mut line = String::new();
            for (cell, most) in row.iter().zip(&widths) {
                line.push_str(&shown(cell));
                line.extend(std::iter::repeat_n(' ', most - width(cell) + 2));
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    pub fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        for row in std::iter::once(&self.header).chain(&self.rows) {
            let cells: Vec<String> = row.iter().map(|cell| csv_cell(cell)).collect();
            writeln!(out, "{}", cells.join(","))?;
        }
        Ok(())
    }

    fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows = self.rows.iter().map(|row| {
            let cells = self.header.iter().zip(row);
            let cells = cells.map(|(name, cell)| (name.clone(), Value::from(cell.as_str())));
            Value::Object(cells.collect::<Map<_, _>>())
        });
        writeln!(out, "{:#}", Value::Array(rows.collect()))
    }
}

/// Control characters would break the table, or the terminal.
fn shown(cell: &str) -> String {
    if !cell.contains(char::is_control) {
        return cell.to_owned();
    }
    cell.chars()
        .flat_map(|c| {
            let escaped: Vec<char> = match c.is_control() {
                true => c.escape_default().collect(),
                false => vec![c],
            };
            escaped
        })
        .collect()
}

fn width(cell: &str) -> usize {
    shown(cell).chars().count()
}

pub fn csv_cell(cell: &str) -> String {
    if cell.contains(['"', ',', '\n', '\r']) {
        return format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell.to_owned()
}

/// Writes text to standard output.
pub fn say(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(CliError::output)
}

/// Writes a line for a person to standard error.
pub fn tell(text: &str) {
    // Nobody need be listening.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_control_characters_shown() {
        let mut table = Table::new(&["name", "n"]);
        table.rows.push(vec!["a\nb".to_owned(), "1".to_owned()]);
        table.rows.push(vec!["Zürich".to_owned(), "22".to_owned()]);
        let mut out = Vec::new();
        table.write_aligned(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "name    n\na\\nb    1\nZürich  22\n");
    }

    #[test]
    fn cells_of_csv_are_quoted_where_they_must() {
        assert_eq!(csv_cell("plain"), "plain");
        assert_eq!(csv_cell("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
