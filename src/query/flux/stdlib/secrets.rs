//! `import "influxdata/influxdb/secrets"`: values that the org keeps apart from its queries.

use super::{Accepts, Builtin, Member, Package, Parameter};
use crate::query::flux::value::Value;

static GET: Builtin = Builtin {
    name: "get",
    parameters: &[Parameter::required("key", Accepts::String)],
    run: |evaluator, call| {
        let key = call.string_or("key", "");
        let found = evaluator.ctx.lookup.secret(&key);
        found
            .map(|value| Value::from(value.as_str()))
            .ok_or_else(|| {
                call.fault(format!(
                    "the org has no secret {key:?} that this token may read"
                ))
            })
    },
};

pub static PACKAGE: Package = Package {
    path: "influxdata/influxdb/secrets",
    name: "secrets",
    members: &[("get", Member::Function(&GET))],
};
