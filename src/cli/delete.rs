//! `influxd delete`: points by time and predicate.

use super::CliError;
use super::args::{Definition, Given, Operands, flag};
use super::client::{Client, Content};
use serde_json::json;

pub const DELETE: Definition = Definition {
    name: "delete",
    about: "Delete points by time and predicate.",
    details: "Both times belong to what is deleted. The predicate compares tags, _measurement and _field\n\
              by = and !=, joined by AND; without one all points between the times are deleted.",
    operands: Operands::None,
    flags: &[
        flag(
            "bucket",
            "NAME",
            "bucket to delete from, else $INFLUX_BUCKET",
        ),
        flag("start", "TIME", "first time, like 2024-01-01T00:00:00Z"),
        flag("stop", "TIME", "last time"),
        flag(
            "predicate",
            "TEXT",
            "which points, like '_measurement=\"cpu\" AND host=\"a\"'",
        ),
    ],
    remote: true,
    examples: &[
        "influxd delete --bucket dev --start 2024-01-01T00:00:00Z --stop 2024-01-02T00:00:00Z \\\n      --predicate '_measurement=\"weather\" AND city=\"Bern\"'",
    ],
    run,
};

fn run(given: &Given) -> Result<(), CliError> {
    let bucket = given.bucket()?;
    let body = json!({
        "start": given.required("start")?,
        "stop": given.required("stop")?,
        "predicate": given.text("predicate")?.unwrap_or_default(),
    });
    let client = Client::of(given)?;
    let org = client.org_parameter()?;
    let bytes = body.to_string().into_bytes();
    let content = Content {
        kind: "application/json",
        bytes: &bytes,
    };
    let query = [("org", org.as_str()), ("bucket", bucket.as_str())];
    client.send("POST", "/api/v2/delete", &query, &content)?;
    Ok(())
}
