//! `influxd write`: line protocol in one request, all of it or nothing.

use super::args::{Definition, Given, Operands, flag};
use super::client::{Client, Content};
use super::{CliError, input};

pub const PRECISIONS: &[&str] = &["ns", "us", "ms", "s"];

pub const WRITE: Definition = Definition {
    name: "write",
    about: "Write line protocol in one request: all of it, or nothing.",
    details: "The lines are the argument, or the content of --file, or what standard input says ('-').\n\
              For files of any size and for CSV there is `influxd import`.",
    operands: Operands::Optional("LINES"),
    flags: &[
        flag("bucket", "NAME", "bucket to write to, else $INFLUX_BUCKET"),
        flag(
            "precision",
            "UNIT",
            "of the times: ns (the default), us, ms or s",
        ),
        flag("file", "FILE", "file with the lines, - for standard input"),
    ],
    remote: true,
    examples: &[
        "influxd write --bucket dev 'weather,city=Bern temperature=0.5'",
        "influxd write --bucket dev --precision s --file data/weather.lp",
    ],
    run,
};

fn run(given: &Given) -> Result<(), CliError> {
    let bucket = given.bucket()?;
    let precision = given.choice("precision", PRECISIONS)?;
    let lines = input::text(given, "LINES", "file")?;
    let client = Client::of(given)?;
    let org = client.org_parameter()?;
    let query = [
        ("org", org.as_str()),
        ("bucket", bucket.as_str()),
        ("precision", precision),
    ];
    let content = Content {
        kind: "text/plain; charset=utf-8",
        bytes: lines.as_bytes(),
    };
    client.send("POST", "/api/v2/write", &query, &content)?;
    Ok(())
}
