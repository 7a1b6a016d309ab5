//! `import "json"` and what makes bytes.

use super::native::natives;
use super::{Call, Member, Package};
use crate::query::flux::error::Failure;
use crate::query::flux::value::Value;
use crate::query::text::rfc3339;
use serde_json::{Map, Number, Value as Json};
use std::sync::Arc;

/// Deeper values are refused.
const NESTING_MAX: u32 = 100;

natives! {
    BYTES "bytes" ["v"] |call| match call.required("v").undressed() {
        Value::String(text) => Ok(Value::Bytes(text.as_bytes().into())),
        Value::Bytes(bytes) => Ok(Value::Bytes(Arc::clone(bytes))),
        other => {
            let message = format!("cannot convert {} to bytes", other.type_name());
            Err(crate::query::flux::error::FluxError::check(call.span_of("v"), message).into())
        }
    };
    PARSE "parse" ["data"] |call| {
        let Some(Value::Bytes(data)) = call.value("data") else {
            return Err(super::strings::mismatch(call, "bytes", "data"));
        };
        let json: Json = serde_json::from_slice(data)
            .map_err(|reason| call.fault(format!("the data is not JSON: {reason}")))?;
        decoded(call, &json, 0)
    };
    ENCODE "encode" ["v"] |call| {
        let json = encoded(call, &call.required("v"), 0)?;
        Ok(Value::Bytes(json.to_string().as_bytes().into()))
    };
}

pub static EXPERIMENTAL: Package = Package {
    path: "experimental/json",
    name: "json",
    members: &[("parse", Member::Function(&PARSE))],
};

/// Plain values; numbers are floats.
pub fn decoded(call: &Call, json: &Json, nesting: u32) -> Result<Value, Failure> {
    if nesting > NESTING_MAX {
        return Err(call.fault(format!("the data is nested deeper than {NESTING_MAX}")));
    }
    let inner = |json: &Json| decoded(call, json, nesting + 1);
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(number) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => {
            let items: Result<Vec<_>, _> = items.iter().map(inner).collect();
            Value::Array(Arc::new(items?))
        }
        Json::Object(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|(name, json)| Ok((name.as_str().into(), inner(json)?)));
            Value::Record(Arc::new(fields.collect::<Result<_, Failure>>()?))
        }
    })
}

pub static PACKAGE: Package = Package {
    path: "json",
    name: "json",
    members: &[("encode", Member::Function(&ENCODE))],
};

pub fn encoded(call: &Call, value: &Value, nesting: u32) -> Result<Json, Failure> {
    if nesting > NESTING_MAX {
        return Err(call.fault(format!("the value is nested deeper than {NESTING_MAX}")));
    }
    let inner = |value: &Value| encoded(call, value, nesting + 1);
    Ok(match value {
        Value::Dynamic(value) => inner(value)?,
        Value::Null => Json::Null,
        Value::Boolean(value) => Json::Bool(*value),
        Value::Integer(value) => Json::from(*value),
        Value::Unsigned(value) => Json::from(*value),
        Value::Float(value) => number(call, *value)?,
        Value::String(text) => Json::from(&**text),
        Value::Time(time) => Json::from(rfc3339(*time)),
        Value::Duration(length) => Json::from(length.to_string()),
        Value::Regex(regex) => Json::from(regex.as_str()),
        Value::Array(items) => Json::Array(items.iter().map(inner).collect::<Result<_, _>>()?),
        Value::Record(record) => {
            let mut fields = Map::new();
            for (name, value) in record.iter() {
                fields.insert(name.to_string(), inner(value)?);
            }
            Json::Object(fields)
        }
        Value::Dict(pairs) => {
            let mut fields = Map::new();
            for (key, value) in pairs.iter() {
                let key = match inner(key)? {
                    Json::String(key) => key,
                    other => other.to_string(),
                };
                fields.insert(key, inner(value)?);
            }
            Json::Object(fields)
        }
        other => {
            let found = other.type_name();
            return Err(call.fault(format!("a value of type {found} has no JSON form")));
        }
    })
}

/// Whole floats without a fraction, as JSON writers of other languages have them.
fn number(call: &Call, value: f64) -> Result<Json, Failure> {
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= WHOLE_MAX {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it is whole and below 2^53"
        )]
        return Ok(Json::from(value as i64));
    }
    Number::from_f64(value)
        .map(Json::Number)
        .ok_or_else(|| call.fault(format!("{value} has no JSON form")))
}
