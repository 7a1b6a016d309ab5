//! `import "internal/debug"`: streams that pass through, and nulls of a type.

use super::{Accepts, Builtin, Constant, Member, Package, Parameter};
use crate::query::flux::value::Value;

static NULL: Builtin = Builtin {
    name: "null",
    parameters: &[Parameter::optional("type", Accepts::String)],
    run: |_, _| Ok(Value::Null),
};

static GET_OPTION: Builtin = Builtin {
    name: "getOption",
    parameters: &[
        Parameter::required("pkg", Accepts::String),
        Parameter::required("name", Accepts::String),
    ],
    run: |evaluator, call| {
        let (path, name) = (call.string_or("pkg", ""), call.string_or("name", ""));
        let package = super::package(&path);
        let set = package.and_then(|package| evaluator.option_of(package.path, &name));
        set.or_else(|| package?.member(&name).ok()?.value())
            .ok_or_else(|| call.fault(format!("there is no option {path}.{name}")))
    },
};

pub static PACKAGE: Package = Package {
    path: "internal/debug",
    name: "debug",
    members: &[
        ("getOption", Member::Function(&GET_OPTION)),
        ("vectorize", Member::Constant(Constant::Boolean(false))),
        ("null", Member::Function(&NULL)),
        ("opaque", Member::Text("(tables=<-) => tables")),
        ("pass", Member::Text("(tables=<-) => tables")),
        (
            "sink",
            Member::Text("(tables=<-) => tables |> filter(fn: (r) => false)"),
        ),
        ("slurp", Member::Text("(tables=<-) => tables")),
    ],
};
