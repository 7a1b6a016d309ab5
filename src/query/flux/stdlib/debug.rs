//! `import "internal/debug"`: streams that pass through, and nulls of a type.

use super::{Accepts, Builtin, Member, Package, Parameter};
use crate::query::flux::value::Value;

static NULL: Builtin = Builtin {
    name: "null",
    parameters: &[Parameter::optional("type", Accepts::String)],
    run: |_, _| Ok(Value::Null),
};

pub static PACKAGE: Package = Package {
    path: "internal/debug",
    name: "debug",
    members: &[
        ("null", Member::Function(&NULL)),
        ("opaque", Member::Text("(tables=<-) => tables")),
        ("pass", Member::Text("(tables=<-) => tables")),
        ("sink", Member::Text("(tables=<-) => tables")),
        ("slurp", Member::Text("(tables=<-) => tables")),
    ],
};
