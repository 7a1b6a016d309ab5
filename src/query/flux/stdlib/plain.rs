//! Small packages of functions of single values: `types`, `dict`, `bitwise`, `timezone`, `runtime`,
//! `system`; and those parts of `experimental` that are.

use super::native::natives;
use super::strings::{given, integer, mismatch};
use super::{Call, Member, Package};
use crate::query::flux::error::Failure;
use crate::query::flux::value::{Record, Value};
use crate::query::plan::Duration;
use crate::query::table;
use std::cmp::Ordering;
use std::sync::Arc;

natives! {
    IS_TYPE "isType" ["type"; "v"] |call| {
        let wanted = given(call, "type")?;
        let found = call.value("v").map_or("null", Value::type_name);
        Ok(Value::Boolean(found == &*wanted))
    };
    IS_NUMERIC "isNumeric" [; "v"] |call| {
        let numeric = matches!(
            call.value("v"),
            Some(Value::Integer(_) | Value::Unsigned(_) | Value::Float(_))
        );
        Ok(Value::Boolean(numeric))
    };
    DICT_GET "get" ["dict", "key", "default"] |call| {
        let (pairs, key) = (pairs(call)?, call.required("key"));
        let found = pairs.iter().find(|(have, _)| have.equals(&key) == Some(true));
        Ok(found.map_or_else(|| call.required("default"), |(_, value)| value.clone()))
    };
    DICT_INSERT "insert" ["dict", "key", "value"] |call| {
        let mut out = without(&pairs(call)?, &call.required("key"));
        out.push((call.required("key"), call.required("value")));
        Ok(dict(out))
    };
    DICT_REMOVE "remove" ["dict", "key"] |call| {
        Ok(dict(without(&pairs(call)?, &call.required("key"))))
    };
    DICT_FROM_LIST "fromList" ["pairs"] |call| {
        let mut out: Vec<(Value, Value)> = Vec::new();
        for item in call.array("pairs").unwrap_or_default().iter() {
            let Value::Record(record) = item else {
                return Err(mismatch(call, "[{key: K, value: V}]", "pairs"));
            };
            let field = |name: &str| record.get(name).cloned().unwrap_or(Value::Null);
            out.push((field("key"), field("value")));
        }
        Ok(dict(out))
    };
    UAND "uand" ["a", "b"] |call| Ok(Value::Unsigned(unsigned(call, "a")? & unsigned(call, "b")?));
    UOR "uor" ["a", "b"] |call| Ok(Value::Unsigned(unsigned(call, "a")? | unsigned(call, "b")?));
    UXOR "uxor" ["a", "b"] |call| Ok(Value::Unsigned(unsigned(call, "a")? ^ unsigned(call, "b")?));
    UCLEAR "uclear" ["a", "b"] |call| Ok(Value::Unsigned(unsigned(call, "a")? & !unsigned(call, "b")?));
    UNOT "unot" ["a"] |call| Ok(Value::Unsigned(!unsigned(call, "a")?));
    ULSHIFT "ulshift" ["a", "b"] |call| {
        let by = shift(call)?;
        Ok(Value::Unsigned(unsigned(call, "a")?.checked_shl(by).unwrap_or(0)))
    };
    URSHIFT "urshift" ["a", "b"] |call| {
        let by = shift(call)?;
        Ok(Value::Unsigned(unsigned(call, "a")?.checked_shr(by).unwrap_or(0)))
    };
    SAND "sand" ["a", "b"] |call| Ok(Value::Integer(integer(call, "a")? & integer(call, "b")?));
    SOR "sor" ["a", "b"] |call| Ok(Value::Integer(integer(call, "a")? | integer(call, "b")?));
    SXOR "sxor" ["a", "b"] |call| Ok(Value::Integer(integer(call, "a")? ^ integer(call, "b")?));
    SCLEAR "sclear" ["a", "b"] |call| Ok(Value::Integer(integer(call, "a")? & !integer(call, "b")?));
    SNOT "snot" ["a"] |call| Ok(Value::Integer(!integer(call, "a")?));
    SLSHIFT "slshift" ["a", "b"] |call| {
        let by = shift(call)?;
        Ok(Value::Integer(integer(call, "a")?.checked_shl(by).unwrap_or(0)))
    };
    SRSHIFT "srshift" ["a", "b"] |call| {
        let by = shift(call)?.min(63);
        Ok(Value::Integer(integer(call, "a")? >> by))
    };
    FIXED "fixed" ["offset"] |call| {
        let offset = call.duration("offset").ok_or_else(|| mismatch(call, "duration", "offset"))?;
        Ok(location("UTC", offset))
    };
    LOCATION "location" ["name"] |call| {
        let name = given(call, "name")?;
        if name.parse::<chrono_tz::Tz>().is_err() {
            return Err(call.fault(format!("unknown time zone {name}")));
        }
        Ok(location(&name, Duration::default()))
    };
    VERSION "version" [] |_| Ok(Value::from(env!("CARGO_PKG_VERSION")));
    ADD_DURATION "addDuration" ["d", "to"] |call| moved(call, "to", false);
    SUB_DURATION "subDuration" ["d", "from"] |call| moved(call, "from", true);
    RECORD_GET "get" ["r", "key", "default"] |call| {
        let key = given(call, "key")?;
        let found = call.record("r").and_then(|record| record.get(&key).cloned());
        Ok(found.unwrap_or_else(|| call.required("default")))
    };
    OBJECT_KEYS "objectKeys" ["o"] |call| {
        let keys = call.record("o").unwrap_or_default();
        Ok(Value::Array(Arc::new(keys.keys().map(|key| Value::String(Arc::clone(key))).collect())))
    };
    DISPLAY "display" ["v"] |call| Ok(Value::String(shown(&call.required("v"), 0).into()));
}

fn location(zone: &str, offset: Duration) -> Value {
    let mut record = Record::new();
    record.insert("zone".into(), Value::from(zone));
    record.insert("offset".into(), Value::Duration(offset));
    Value::Record(Arc::new(record))
}

fn moved(call: &Call, from: &str, back: bool) -> Result<Value, Failure> {
    let length = call
        .duration("d")
        .ok_or_else(|| mismatch(call, "duration", "d"))?;
    let length = if back {
        length.checked_neg()
    } else {
        Some(length)
    };
    let Some(Value::Time(time)) = call.value(from) else {
        return Err(mismatch(call, "time", from));
    };
    length
        .and_then(|length| length.add_to(*time))
        .map(Value::Time)
        .ok_or_else(|| call.fault("the time is out of range"))
}

fn unsigned(call: &Call, name: &str) -> Result<u64, Failure> {
    match call.value(name) {
        Some(Value::Unsigned(value)) => Ok(*value),
        _ => Err(mismatch(call, "uint", name)),
    }
}

fn shift(call: &Call) -> Result<u32, Failure> {
    let by = match call.value("b") {
        Some(Value::Unsigned(by)) => *by,
        Some(Value::Integer(by)) if *by >= 0 => by.unsigned_abs(),
        _ => return Err(mismatch(call, "uint", "b")),
    };
    Ok(u32::try_from(by).unwrap_or(u32::MAX))
}

type Pairs = Vec<(Value, Value)>;

fn pairs(call: &Call) -> Result<Pairs, Failure> {
    match call.value("dict") {
        Some(Value::Dict(pairs)) => Ok(pairs.to_vec()),
        _ => Err(mismatch(call, "dictionary", "dict")),
    }
}

fn without(pairs: &[(Value, Value)], key: &Value) -> Pairs {
    pairs
        .iter()
        .filter(|(have, _)| have.equals(key) != Some(true))
        .cloned()
        .collect()
}

/// Ordered by key; of equal keys the last counts.
fn dict(pairs: Pairs) -> Value {
    let mut out: Pairs = Vec::new();
    for (key, value) in pairs {
        out.retain(|(have, _)| have.equals(&key) != Some(true));
        out.push((key, value));
    }
    out.sort_by(
        |(a, _), (b, _)| match (a.to_cell_value(), b.to_cell_value()) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            _ => Ordering::Equal,
        },
    );
    Value::Dict(Arc::new(out))
}

/// Values may nest deeper than a stack is high.
const SHOWN_NESTING_MAX: u32 = 100;

/// A value as people read it.
pub fn shown(value: &Value, nesting: u32) -> String {
    if nesting > SHOWN_NESTING_MAX {
        return "...".to_owned();
    }
    if let Value::Dynamic(inner) = value {
        return match &**inner {
            Value::Regex(regex) => format!("dynamic({})", regex.as_str()),
            inner => format!("dynamic({})", shown(inner, nesting)),
        };
    }
    let shown = |value: &Value| shown(value, nesting + 1);
    match value {
        Value::String(text) => text.to_string(),
        Value::Duration(length) => length.to_string(),
        Value::Regex(regex) => format!("/{}/", regex.as_str()),
        Value::Bytes(bytes) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("0x{digits}")
        }
        Value::Array(items) => listed("[", items.iter().map(shown).collect(), "]", nesting),
        Value::Record(record) => {
            let fields = record.iter();
            let fields = fields.map(|(name, value)| format!("{name}: {}", shown(value)));
            listed("{", fields.collect(), "}", nesting)
        }
        Value::Dict(pairs) => {
            let pairs = pairs.iter();
            let pairs = pairs.map(|(key, value)| format!("{}: {}", shown(key), shown(value)));
            listed("[", pairs.collect(), "]", nesting)
        }
        Value::Null => "<null>".to_owned(),
        Value::Stream(_) => "<stream>".to_owned(),
        other => {
            let text = other
                .to_cell_value()
                .and_then(|cell| crate::query::expr::convert(table::Kind::String, cell).ok());
            match text {
                Some(table::Value::String(text)) => text.to_string(),
                _ => other.type_name().to_owned(),
            }
        }
    }
}

/// Few in one line, more in a line each.
fn listed(open: &str, items: Vec<String>, close: &str, nesting: u32) -> String {
    const IN_LINE: usize = 3;
    if items.len() <= IN_LINE {
        return format!("{open}{}{close}", items.join(", "));
    }
    let indent = "    ".repeat(nesting as usize);
    let items: Vec<String> = items
        .into_iter()
        .map(|item| format!("{indent}    {item}"))
        .collect();
    format!("{open}\n{}\n{indent}{close}", items.join(",\n"))
}

macro_rules! packages {
    ($($constant:ident $path:literal $name:literal [$($member:literal $function:expr),* $(,)?];)*) => {
        $(
            pub static $constant: Package = Package {
                path: $path,
                name: $name,
                members: &[$(($member, $function)),*],
            };
        )*
    };
}

packages! {
    TYPES "types" "types" [
        "isNumeric" Member::Function(&IS_NUMERIC),
        "isType" Member::Function(&IS_TYPE),
    ];
    RECORD "experimental/record" "record" [
        "any" Member::Text("{}"),
        "get" Member::Function(&RECORD_GET),
    ];
    DICT "dict" "dict" [
        "fromList" Member::Function(&DICT_FROM_LIST),
        "get" Member::Function(&DICT_GET),
        "insert" Member::Function(&DICT_INSERT),
        "remove" Member::Function(&DICT_REMOVE),
    ];
    BITWISE "bitwise" "bitwise" [
        "sand" Member::Function(&SAND), "sclear" Member::Function(&SCLEAR),
        "slshift" Member::Function(&SLSHIFT), "snot" Member::Function(&SNOT),
        "sor" Member::Function(&SOR), "srshift" Member::Function(&SRSHIFT),
        "sxor" Member::Function(&SXOR), "uand" Member::Function(&UAND),
        "uclear" Member::Function(&UCLEAR), "ulshift" Member::Function(&ULSHIFT),
        "unot" Member::Function(&UNOT), "uor" Member::Function(&UOR),
        "urshift" Member::Function(&URSHIFT), "uxor" Member::Function(&UXOR),
    ];
    EXPERIMENTAL_BITWISE "experimental/bitwise" "bitwise" [
        "sand" Member::Function(&SAND), "sclear" Member::Function(&SCLEAR),
        "slshift" Member::Function(&SLSHIFT), "snot" Member::Function(&SNOT),
        "sor" Member::Function(&SOR), "srshift" Member::Function(&SRSHIFT),
        "sxor" Member::Function(&SXOR), "uand" Member::Function(&UAND),
        "uclear" Member::Function(&UCLEAR), "ulshift" Member::Function(&ULSHIFT),
        "unot" Member::Function(&UNOT), "uor" Member::Function(&UOR),
        "urshift" Member::Function(&URSHIFT), "uxor" Member::Function(&UXOR),
    ];
    TIMEZONE "timezone" "timezone" [
        "fixed" Member::Function(&FIXED),
        "location" Member::Function(&LOCATION),
        "utc" Member::Text("{zone: \"UTC\", offset: 0h}"),
    ];
    RUNTIME "runtime" "runtime" ["version" Member::Function(&VERSION)];
    SYSTEM "system" "system" ["time" Member::Text("() => now()")];
    EXPERIMENTAL "experimental" "experimental" [
        "addDuration" Member::Function(&ADD_DURATION),
        "subDuration" Member::Function(&SUB_DURATION),
        "diff" Member::Function(&super::difference::DIFF),
        "objectKeys" Member::Function(&OBJECT_KEYS),
        "to" Member::Function(&super::to::WIDE_TO),
        "catch" Member::Function(&super::experimental::CATCH),
        "preview" Member::Function(&super::experimental::PREVIEW),
        "chain" Member::Text("(first, second) => second"),
        "count" Member::Text("(tables=<-) => tables |> count()"),
        "distinct" Member::Text("(tables=<-) => tables |> distinct()"),
        "first" Member::Text("(tables=<-) => tables |> first()"),
        "group" Member::Function(&super::experimental::GROUP),
        "histogram" Member::Text("(bins, normalize=false, tables=<-) => tables |> histogram(bins: bins, normalize: normalize)"),
        "histogramQuantile" Member::Text("(quantile, minValue=0.0, tables=<-) => tables |> histogramQuantile(quantile: quantile, minValue: minValue)"),
        "integral" Member::Text("(unit=1s, interpolate=\"\", tables=<-) => tables |> integral(unit: unit, interpolate: interpolate)"),
        "kaufmansAMA" Member::Text("(n, tables=<-) => tables |> kaufmansAMA(n: n)"),
        "last" Member::Text("(tables=<-) => tables |> last()"),
        "max" Member::Text("(tables=<-) => tables |> max()"),
        "mean" Member::Text("(tables=<-) => tables |> mean()"),
        "min" Member::Text("(tables=<-) => tables |> min()"),
        "mode" Member::Text("(tables=<-) => tables |> mode()"),
        "quantile" Member::Text("(q, compression=1000.0, method=\"estimate_tdigest\", tables=<-) => tables |> quantile(q: q, method: method)"),
        "set" Member::Function(&super::experimental::SET),
        "skew" Member::Text("(tables=<-) => tables |> skew()"),
        "spread" Member::Text("(tables=<-) => tables |> spread()"),
        "stddev" Member::Text("(mode=\"sample\", tables=<-) => tables |> stddev(mode: mode)"),
        "sum" Member::Text("(tables=<-) => tables |> sum()"),
        "unique" Member::Text("(tables=<-) => tables |> unique()"),
        "unpivot" Member::Function(&super::experimental::UNPIVOT),
        "window" Member::Text("(every, offset=0s, createEmpty=false, tables=<-) => tables |> window(every: every, offset: offset, createEmpty: createEmpty)"),
    ];
}
