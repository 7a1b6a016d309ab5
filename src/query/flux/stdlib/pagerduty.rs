//! `import "pagerduty"`: the part that sends nothing.

use super::tables::each;
use super::universe::replace;
use super::{Accepts, Builtin, Call, Member, Package, Parameter};
use crate::query::expr::convert;
use crate::query::flux::error::Failure;
use crate::query::flux::eval::Evaluator;
use crate::query::flux::value::Value;
use crate::query::table::{Cells, Kind, Value as Cell};
use sha2::{Digest, Sha256};
use std::fmt::Write;

static DEDUP_KEY: Builtin = Builtin {
    name: "dedupKey",
    parameters: &[
        Parameter::TABLES,
        Parameter::optional("exclude", Accepts::Strings),
    ],
    run: dedup_key,
};

pub static PACKAGE: Package = Package {
    path: "pagerduty",
    name: "pagerduty",
    members: &[
        (
            "actionFromSeverity",
            Member::Text("(severity) => if severity == \"ok\" then \"resolve\" else \"trigger\""),
        ),
        ("dedupKey", Member::Function(&DEDUP_KEY)),
        (
            "severityFromLevel",
            Member::Text(
                "(level) => if level == \"crit\" then \"critical\" \
                 else if level == \"warn\" then \"warning\" \
                 else if level == \"info\" or level == \"ok\" then \"info\" else \"error\"",
            ),
        ),
    ],
};

/// A hash of the group key: labels in order, each with its value, in a line each.
fn dedup_key(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let exclude = call.strings("exclude").unwrap_or_else(|| {
        let usual = ["_start", "_stop", "_level"];
        usual.map(str::to_owned).to_vec()
    });
    each(call, move |_, mut table| {
        let mut text = String::new();
        for (label, value) in table.key.parts() {
            if exclude.iter().any(|have| **have == **label) {
                continue;
            }
            if let Cell::String(value) = convert(Kind::String, value.clone())? {
                // Writing to a string can't fail.
                let _ = write!(text, "{label}\n{value}\n");
            }
        }
        let mut key = String::with_capacity(64);
        for byte in Sha256::digest(text.as_bytes()) {
            let _ = write!(key, "{byte:02x}");
        }
        let rows = table.rows();
        let cells = Cells::Constant(Cell::string(&key), Kind::String, rows);
        replace(&mut table, "_pagerdutyDedupKey", cells);
        Ok(table)
    })
}
