//! `influxd inspect`: why points are missing.

use super::annotated;
use super::args::{Definition, Given, Operands, flag};
use super::client::{Client, text};
use super::output::{FORMATS, Table};
use super::{CliError, flux};

pub const REJECTED: Definition = Definition {
    name: "inspect rejected",
    about: "Show which points of a bucket were rejected, and why.",
    details: "A point is rejected when a field has another type than before, or when it is older than the\n\
              bucket keeps; the rest of its request is written. They are counted by measurement, field and\n\
              reason, with an example each, in the bucket _monitoring.",
    operands: Operands::None,
    flags: &[
        flag(
            "bucket",
            "NAME",
            "bucket that was written to, else $INFLUX_BUCKET",
        ),
        flag(
            "since",
            "DURATION",
            "how far to look back, like 24h (the default)",
        ),
        flag("format", "FORMAT", "table (the default), csv or json"),
    ],
    remote: true,
    examples: &["influxd inspect rejected --bucket dev --since 7d"],
    run: rejected,
};

fn rejected(given: &Given) -> Result<(), CliError> {
    given.choice("format", FORMATS)?;
    let since = given.text("since")?.unwrap_or_else(|| "24h".to_owned());
    if influxd::config::quantity::parse_duration(&since).is_none() {
        return Err(given.wrong(format!(
            "--since {since}: must be a duration like 24h or 7d"
        )));
    }
    let client = Client::of(given)?;
    let bucket = text(&client.bucket(&given.bucket()?)?, "id");
    let query = format!(
        "from(bucket: \"_monitoring\") |> range(start: -{since}) \
         |> filter(fn: (r) => r._measurement == \"rejected_points\" and r.bucket == {}) \
         |> pivot(rowKey: [\"_time\"], columnKey: [\"_field\"], valueColumn: \"_value\")",
        flux::string(&bucket)
    );
    let header = [
        "_time",
        "measurement",
        "field",
        "reason",
        "gotType",
        "wantType",
        "count",
        "error",
    ];
    let mut table = Table::new(&header);
    let answer = client.flux(&query)?;
    annotated::rows(&client, answer, |columns, cells| {
        let cell = |name: &&str| columns.position(name).and_then(|at| cells.get(at).cloned());
        let row = header.iter().map(|name| cell(name).unwrap_or_default());
        table.rows.push(row.collect());
        Ok(())
    })?;
    table.rows.sort();
    table.print(given)
}
