//! `import "experimental/dynamic"`: values whose type is only known when the program runs, as JSON has them.

use super::json::{decoded, encoded};
use super::native::natives;
use super::plain::shown;
use super::strings::{given, mismatch};
use super::{Accepts, Builtin, Call, Member, Need, Package, Parameter};
use crate::query::flux::error::Failure;
use crate::query::flux::value::{Record, Value};
use serde_json::Value as Json;
use std::sync::Arc;

/// Deeper values are refused.
const NESTING_MAX: u32 = 100;

natives! {
    DYNAMIC "dynamic" ["v"] |call| wrapped(call, &call.required("v"), 0);
    JSON_PARSE "jsonParse" ["data"] |call| {
        let Some(Value::Bytes(data)) = call.value("data") else {
            return Err(mismatch(call, "bytes", "data"));
        };
        let json: Json = serde_json::from_slice(data)
            .map_err(|reason| call.fault(format!("the data is not JSON: {reason}")))?;
        wrapped(call, &decoded(call, &json, 0)?, 0)
    };
    JSON_ENCODE "jsonEncode" ["v"] |call| {
        let json = encoded(call, &call.required("v"), 0)?;
        Ok(Value::Bytes(json.to_string().as_bytes().into()))
    };
    IS_TYPE "isType" ["v", "type"] |call| {
        let wanted = given(call, "type")?;
        let found = match call.required("v").undressed() {
            Value::Record(_) => "object",
            other => other.type_name(),
        };
        Ok(Value::Boolean(found != "null" && found == &*wanted))
    };
    IS_NOT_DISTINCT "_isNotDistinct" ["a", "b"] |call| {
        let (a, b) = (shown(&call.required("a"), 0), shown(&call.required("b"), 0));
        Ok(Value::Boolean(a == b))
    };
}

static AS_ARRAY: Builtin = Builtin {
    name: "asArray",
    parameters: &[Parameter {
        name: "v",
        accepts: Accepts::Any,
        need: Need::Pipe,
    }],
    run: |_, call| match call.required("v").undressed() {
        Value::Array(items) => {
            let items: Result<Vec<_>, _> =
                items.iter().map(|item| wrapped(call, item, 0)).collect();
            Ok(Value::Array(Arc::new(items?)))
        }
        other => {
            let found = other.type_name();
            Err(call.fault(format!("unable to convert {found} to array")))
        }
    },
};

pub static PACKAGE: Package = Package {
    path: "experimental/dynamic",
    name: "dynamic",
    members: &[
        ("_isNotDistinct", Member::Function(&IS_NOT_DISTINCT)),
        ("asArray", Member::Function(&AS_ARRAY)),
        ("dynamic", Member::Function(&DYNAMIC)),
        ("isType", Member::Function(&IS_TYPE)),
        ("jsonEncode", Member::Function(&JSON_ENCODE)),
        ("jsonParse", Member::Function(&JSON_PARSE)),
    ],
};

fn too_deep(call: &Call, nesting: u32) -> Result<(), Failure> {
    if nesting > NESTING_MAX {
        return Err(call.fault(format!("the value is nested deeper than {NESTING_MAX}")));
    }
    Ok(())
}

/// The value, and what arrays and records hold, as dynamic values.
fn wrapped(call: &Call, value: &Value, nesting: u32) -> Result<Value, Failure> {
    too_deep(call, nesting)?;
    let inner = |value: &Value| wrapped(call, value, nesting + 1);
    let value = match value {
        Value::Dynamic(_) => return Ok(value.clone()),
        Value::Array(items) => {
            let items: Result<Vec<_>, _> = items.iter().map(inner).collect();
            Value::Array(Arc::new(items?))
        }
        Value::Record(record) => {
            let fields = record.iter();
            let fields = fields.map(|(name, value)| Ok((Arc::clone(name), inner(value)?)));
            Value::Record(Arc::new(fields.collect::<Result<Record, Failure>>()?))
        }
        other => other.clone(),
    };
    Ok(Value::Dynamic(Arc::new(value)))
}
