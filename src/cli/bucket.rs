//! `influxd bucket`: list, create, change and delete buckets.

use super::args::{Definition, Given, Operands, flag};
use super::client::{Client, text};
use super::output::{FORMATS, Table};
use super::{CliError, duration};
use serde_json::{Value, json};

const FORMAT: super::args::Flag = flag("format", "FORMAT", "table (the default), csv or json");
const RETENTION: super::args::Flag = flag(
    "retention",
    "DURATION",
    "how long it keeps points, like 30d; 0 for ever",
);
const DESCRIPTION: super::args::Flag = flag("description", "TEXT", "what it is for");

pub const LIST: Definition = Definition {
    name: "bucket list",
    about: "List the buckets of the organization.",
    details: "",
    operands: Operands::None,
    flags: &[FORMAT],
    remote: true,
    examples: &["influxd bucket list"],
    run: list,
};

pub const CREATE: Definition = Definition {
    name: "bucket create",
    about: "Make a bucket.",
    details: "",
    operands: Operands::One("NAME"),
    flags: &[RETENTION, DESCRIPTION, FORMAT],
    remote: true,
    examples: &["influxd bucket create sensors --retention 90d"],
    run: create,
};

pub const UPDATE: Definition = Definition {
    name: "bucket update",
    about: "Change a bucket's name, retention or description.",
    details: "",
    operands: Operands::One("NAME"),
    flags: &[
        flag("name", "NAME", "its new name"),
        RETENTION,
        DESCRIPTION,
        FORMAT,
    ],
    remote: true,
    examples: &["influxd bucket update sensors --retention 30d"],
    run: update,
};

pub const DELETE: Definition = Definition {
    name: "bucket delete",
    about: "Delete a bucket with all its points.",
    details: "",
    operands: Operands::One("NAME"),
    flags: &[],
    remote: true,
    examples: &["influxd bucket delete sensors"],
    run: delete,
};

/// As many as a page holds at most.
const PAGE: usize = 100;

fn list(given: &Given) -> Result<(), CliError> {
    given.choice("format", FORMATS)?;
    let client = Client::of(given)?;
    let (_, org) = client.org()?;
    let mut buckets: Vec<Value> = Vec::new();
    loop {
        let (limit, offset) = (PAGE.to_string(), buckets.len().to_string());
        let query = [
            ("orgID", org.as_str()),
            ("limit", limit.as_str()),
            ("offset", offset.as_str()),
        ];
        let answer = client.get("/api/v2/buckets", &query)?;
        let page = answer.get("buckets").and_then(Value::as_array);
        let page = page.map(Vec::as_slice).unwrap_or_default();
        buckets.extend_from_slice(page);
        if page.len() < PAGE {
            break;
        }
    }
    print(given, &buckets)
}

fn print(given: &Given, buckets: &[Value]) -> Result<(), CliError> {
    let mut table = Table::new(&["id", "name", "retention", "type", "description"]);
    for bucket in buckets {
        let rules = bucket.get("retentionRules").and_then(|rules| rules.get(0));
        let seconds = rules.and_then(|rule| rule.get("everySeconds"));
        let seconds = seconds.and_then(Value::as_u64).unwrap_or(0);
        table.rows.push(vec![
            text(bucket, "id"),
            text(bucket, "name"),
            duration::shown(seconds),
            text(bucket, "type"),
            text(bucket, "description"),
        ]);
    }
    table.print(given)
}

fn create(given: &Given) -> Result<(), CliError> {
    given.choice("format", FORMATS)?;
    let retention = duration::retention(given)?.unwrap_or(0);
    let client = Client::of(given)?;
    let body = new(
        &client,
        &given.operand()?,
        retention,
        given.text("description")?,
    )?;
    print(given, &[body])
}

/// Makes a bucket.
pub fn new(
    client: &Client,
    name: &str,
    retention_seconds: u64,
    description: Option<String>,
) -> Result<Value, CliError> {
    let (_, org) = client.org()?;
    let body = json!({
        "orgID": org,
        "name": name,
        "description": description,
        "retentionRules": rules(retention_seconds),
    });
    client.put_json("POST", "/api/v2/buckets", &body)
}

fn rules(seconds: u64) -> Value {
    json!([{"type": "expire", "everySeconds": seconds}])
}

fn update(given: &Given) -> Result<(), CliError> {
    given.choice("format", FORMATS)?;
    let mut body = serde_json::Map::new();
    for name in ["name", "description"] {
        if let Some(value) = given.text(name)? {
            body.insert(name.to_owned(), json!(value));
        }
    }
    if let Some(seconds) = duration::retention(given)? {
        body.insert("retentionRules".to_owned(), rules(seconds));
    }
    if body.is_empty() {
        return Err(given.wrong("nothing to change: give --name, --retention or --description"));
    }
    let client = Client::of(given)?;
    let id = text(&client.bucket(&given.operand()?)?, "id");
    let path = format!("/api/v2/buckets/{id}");
    let changed = client.put_json("PATCH", &path, &Value::Object(body))?;
    print(given, &[changed])
}

fn delete(given: &Given) -> Result<(), CliError> {
    let client = Client::of(given)?;
    let id = text(&client.bucket(&given.operand()?)?, "id");
    client.delete(&format!("/api/v2/buckets/{id}"))
}
