//! `influxd query`: Flux or InfluxQL, as tables, CSV or JSON.

use super::annotated::{self, Columns};
use super::args::{Definition, Given, Operands, flag, switch};
use super::client::{Client, NOTHING};
use super::csv::Records;
use super::output::{self, FORMATS, Table};
use super::{CliError, input};
use serde_json::{Map, Number, Value};
use std::io::{BufReader, Read, Write};

pub const QUERY: Definition = Definition {
    name: "query",
    about: "Run a query and print its answer.",
    details: "The query is the argument, or the content of --file, or what standard input says ('-').\n\
              It is Flux; with --influxql it is InfluxQL, where --bucket is the database.\n\
              Tables are aligned; csv and json are for programs.",
    operands: Operands::Optional("QUERY"),
    flags: &[
        flag("file", "FILE", "file with the query, - for standard input"),
        switch("influxql", "the query is InfluxQL"),
        flag(
            "bucket",
            "NAME",
            "database of InfluxQL, else $INFLUX_BUCKET",
        ),
        flag("format", "FORMAT", "table (the default), csv or json"),
    ],
    remote: true,
    examples: &[
        "influxd query 'from(bucket: \"dev\") |> range(start: -1h) |> count()'",
        "influxd query --influxql --bucket dev --format csv 'SHOW MEASUREMENTS'",
        "influxd query --file hourly.flux --format json",
    ],
    run,
};

fn run(given: &Given) -> Result<(), CliError> {
    let format = given.choice("format", FORMATS)?;
    let query = input::text(given, "QUERY", "file")?;
    let client = Client::of(given)?;
    if given.has("influxql") {
        let database = given.text_or_variable("bucket", "INFLUX_BUCKET")?;
        return influxql(&client, &query, database.as_deref(), format);
    }
    match format {
        "csv" => flux_csv(&client, &query),
        "json" => flux_json(&client, &query),
        _ => flux_tables(&client, &query),
    }
}

/// As the server writes it.
fn flux_csv(client: &Client, query: &str) -> Result<(), CliError> {
    let mut answer = client.flux(query)?;
    let mut out = std::io::stdout().lock();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = answer
            .read(&mut buffer)
            .map_err(|error| client.cut_off(&error))?;
        let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else {
            return out.flush().map_err(CliError::output);
        };
        out.write_all(piece).map_err(CliError::output)?;
    }
}

/// Annotation, result and table are not for people.
const HIDDEN: &[&str] = &["", "result", "table"];

fn flux_tables(client: &Client, query: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    let mut table = Table::default();
    let mut current: Option<(Vec<String>, String)> = None;
    let answer = client.flux(query)?;
    annotated::rows(client, answer, |columns, cells| {
        let number = columns.position("table").and_then(|at| cells.get(at));
        let this = (columns.names.clone(), number.cloned().unwrap_or_default());
        let shown = |names: &[String]| -> Vec<usize> {
            let shown = names.iter().enumerate();
            shown
                .filter(|(_, name)| !HIDDEN.contains(&name.as_str()))
                .map(|(at, _)| at)
                .collect()
        };
        let places = shown(&columns.names);
        let pick = |from: &[String]| -> Vec<String> {
            let cells = places.iter().filter_map(|at| from.get(*at).cloned());
            cells.collect()
        };
        if current.as_ref() != Some(&this) {
            if current.is_some() {
                table.write_aligned(&mut out).map_err(CliError::output)?;
                writeln!(out).map_err(CliError::output)?;
            }
            table = Table {
                header: pick(&columns.names),
                rows: Vec::new(),
            };
            current = Some(this);
        }
        table.rows.push(pick(cells));
        Ok(())
    })?;
    if current.is_some() {
        table.write_aligned(&mut out).map_err(CliError::output)?;
    }
    out.flush().map_err(CliError::output)
}

/// An array of rows, as it comes.
fn flux_json(client: &Client, query: &str) -> Result<(), CliError> {
    let answer = client.flux(query)?;
    let mut out = std::io::stdout().lock();
    let mut separator = "[\n  ";
    annotated::rows(client, answer, |columns, cells| {
        write!(out, "{separator}{}", json_row(columns, cells)).map_err(CliError::output)?;
        separator = ",\n  ";
        Ok(())
    })?;
    let end = if separator.starts_with('[') {
        "[]"
    } else {
        "\n]"
    };
    writeln!(out, "{end}").map_err(CliError::output)
}

fn json_row(columns: &Columns, cells: &[String]) -> Value {
    let mut row = Map::new();
    for (at, (name, cell)) in columns.names.iter().zip(cells).enumerate().skip(1) {
        let kind = columns
            .types
            .get(at)
            .map(String::as_str)
            .unwrap_or_default();
        row.insert(name.clone(), json_value(kind, cell));
    }
    Value::Object(row)
}

fn json_value(kind: &str, cell: &str) -> Value {
    if cell.is_empty() && kind != "string" {
        return Value::Null;
    }
    let number = match kind {
        "long" => cell.parse().map(|number: i64| number.into()).ok(),
        "unsignedLong" => cell.parse().map(|number: u64| number.into()).ok(),
        "double" => cell.parse().ok().and_then(Number::from_f64),
        "boolean" => return Value::Bool(cell == "true"),
        _ => None,
    };
    // Infinities and NaN have no number in JSON.
    number.map_or_else(|| Value::from(cell), Value::Number)
}

fn influxql(
    client: &Client,
    query: &str,
    database: Option<&str>,
    format: &str,
) -> Result<(), CliError> {
    let mut parameters = vec![("q", query)];
    parameters.extend(database.map(|database| ("db", database)));
    if format == "json" {
        let answer = client.send("POST", "/query", &parameters, &NOTHING)?;
        return output::say(&(String::from_utf8_lossy(&answer).trim_end().to_owned() + "\n"));
    }
    let answer = client.send_accepting_csv("/query", &parameters)?;
    let text = String::from_utf8_lossy(&answer);
    if let Some(message) = text.strip_prefix("error\n") {
        return Err(CliError::Failed(format!(
            "the query failed: {}",
            message.trim().trim_matches('"')
        )));
    }
    if format == "csv" {
        return output::say(&text);
    }
    aligned(client, &answer)
}

/// CSV of several results, each with its header after an empty line, as tables.
fn aligned(client: &Client, csv: &[u8]) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    let mut records = Records::new(BufReader::new(csv));
    let mut table: Option<Table> = None;
    let mut cells = Vec::new();
    while records
        .next(&mut cells)
        .map_err(|error| client.cut_off(&error))?
    {
        let ends = cells.len() == 1 && cells.first().is_some_and(String::is_empty);
        match &mut table {
            Some(done) if ends => {
                done.write_aligned(&mut out).map_err(CliError::output)?;
                writeln!(out).map_err(CliError::output)?;
                table = None;
            }
            None if ends => {}
            Some(open) => open.rows.push(std::mem::take(&mut cells)),
            None => {
                table = Some(Table {
                    header: std::mem::take(&mut cells),
                    rows: Vec::new(),
                });
            }
        }
    }
    if let Some(last) = table {
        last.write_aligned(&mut out).map_err(CliError::output)?;
    }
    out.flush().map_err(CliError::output)
}
