//! `influxd setup`: the first user, organization, bucket and token of a new server.

use super::args::{Definition, Given, Operands, flag};
use super::client::{Client, text};
use super::output::{self, FORMATS, Table};
use super::{CliError, duration, input};
use serde_json::json;

pub const SETUP: Definition = Definition {
    name: "setup",
    about: "Set a new server up: user, organization, bucket and operator token.",
    details: "Prints the operator token; it is not shown again.",
    operands: Operands::None,
    flags: &[
        flag("username", "NAME", "first user"),
        flag(
            "password-file",
            "FILE",
            "file with the user's password, - for standard input",
        ),
        flag("bucket", "NAME", "first bucket"),
        flag(
            "retention",
            "DURATION",
            "how long the bucket keeps points, like 30d; 0 (the default) for ever",
        ),
        flag(
            "operator-token",
            "TOKEN",
            "the token to be made, else a random one",
        ),
        flag("format", "FORMAT", "table (the default), csv or json"),
    ],
    remote: true,
    examples: &["influxd setup --username admin --org home --bucket sensors --retention 90d"],
    run,
};

fn run(given: &Given) -> Result<(), CliError> {
    given.choice("format", FORMATS)?;
    let org = given.text_or_variable("org", "INFLUX_ORG")?;
    let org = org.ok_or_else(|| given.wrong("--org is missing"))?;
    let mut body = json!({
        "username": given.required("username")?,
        "org": org,
        "bucket": given.bucket()?,
        "retentionPeriodSeconds": duration::retention(given)?.unwrap_or(0),
    });
    for (name, value) in [
        ("password", input::password(given)?),
        ("token", given.text("operator-token")?),
    ] {
        if let (Some(value), Some(body)) = (value, body.as_object_mut()) {
            body.insert(name.to_owned(), json!(value));
        }
    }
    let answer = Client::of(given)?.put_json("POST", "/api/v2/setup", &body)?;
    let of = |part: &str, name: &str| text(answer.get(part).unwrap_or(&json!({})), name);
    let mut table = Table::new(&["user", "org", "bucket", "token"]);
    table.rows.push(vec![
        of("user", "name"),
        of("org", "name"),
        of("bucket", "name"),
        of("auth", "token"),
    ]);
    table.print(given)?;
    if given.choice("format", FORMATS)? == "table" {
        output::tell("Keep the token: it is not shown again.");
    }
    Ok(())
}
