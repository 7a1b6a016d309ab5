//! The corpus of the published line-protocol decoder, against both of our parsers.
//!
//! That decoder refuses control characters and white space that InfluxDB lets pass. Where a case is
//! refused there for such bytes and accepted here, both are right; those cases are counted by kind.

use crate::cases;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use influxd::line_protocol::reference::{self, ReferencePoint};
use influxd::line_protocol::{ParseOptions, ParsedBatch, Parser};
use influxd::model::{FieldType, FieldValue, Precision};
use serde_json::Value;
use std::collections::BTreeMap;

/// Cases that pass; fewer is a step back.
const PASSED_MIN: usize = 3900;

/// Cases in which we follow InfluxDB and not the decoder, and why.
const ON_PURPOSE: [(&str, &str); 5] = [
    ("4ab0e35c7e7840d2e7c5efd2f8f65535", RESERVED),
    ("5f10c11304f37e8f65e1d9fc36c6fde3", RESERVED),
    ("84b68fc423b301db6656472aeb593156", RESERVED),
    ("c69cb34805c867d499130dc64e5d888e", RESERVED),
    (
        "909116df4d304c2e9ad8a57300bc08d7",
        "strings keep \\t, as InfluxDB stores it",
    ),
];
const RESERVED: &str = "tag keys that InfluxDB 2.x reserves are refused";

enum Verdict {
    Passed,
    Failed(String),
    /// Refused by the decoder, accepted here, on purpose: the kind.
    Differs(&'static str),
}

#[test]
fn the_corpus_is_read_as_it_should_be() {
    let Some(all) = cases("lp.json") else { return };
    let mut differs: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut passed, mut failed) = (0, Vec::new());
    for case in all.as_array().expect("a list of cases") {
        match verdict(case) {
            Verdict::Passed => passed += 1,
            Verdict::Failed(why) => failed.push(format!("{}: {why}", case["name"])),
            Verdict::Differs(kind) => *differs.entry(kind).or_default() += 1,
        }
    }
    let on_purpose: usize = differs.values().sum();
    println!(
        "line protocol: {passed} passed, {} failed, {on_purpose} differ on purpose",
        failed.len()
    );
    differs
        .iter()
        .for_each(|(kind, count)| println!("  {count} {kind}"));
    failed.iter().take(40).for_each(|why| println!("  {why}"));
    assert!(failed.is_empty(), "{} cases failed", failed.len());
    assert!(
        passed >= PASSED_MIN,
        "{passed} passed, at least {PASSED_MIN} should"
    );
}

fn verdict(case: &Value) -> Verdict {
    let text = match case["text"].as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => STANDARD
            .decode(case["text_base64"].as_str().expect("a text"))
            .expect("base64"),
    };
    let options = ParseOptions {
        precision: precision(case["precision"].as_str().expect("a precision")),
        default_time_ns: case["default_time"].as_i64().expect("a time"),
        batch_max_bytes: 1 << 30,
    };
    let plain = reference::parse(&text, options);
    let fast = Parser::new(1 << 20)
        .parse(&text, options)
        .map(|batch| points(&batch));
    if plain != fast {
        return Verdict::Failed(format!("the parsers disagree: {plain:?} and {fast:?}"));
    }
    if let Some((_, why)) = ON_PURPOSE.iter().find(|(name, _)| case["name"] == *name) {
        return Verdict::Differs(why);
    }
    match (case.get("points"), plain) {
        (Some(want), Ok(got)) => {
            let want: Vec<ReferencePoint> =
                want.as_array().expect("points").iter().map(point).collect();
            let got: Vec<ReferencePoint> = got.into_iter().map(sorted).collect();
            if got == want {
                Verdict::Passed
            } else {
                Verdict::Failed(format!("want {want:?}, got {got:?}"))
            }
        }
        (Some(_), Err(error)) => Verdict::Failed(format!("refused: {error}")),
        (None, Err(_)) => Verdict::Passed,
        (None, Ok(_)) => {
            let error = case["error"].as_str().expect("an error");
            match kind_of(error, &text) {
                Some(kind) => Verdict::Differs(kind),
                None => Verdict::Failed(format!("should be refused: {error}")),
            }
        }
    }
}

/// Why InfluxDB accepts what the decoder refuses.
fn kind_of(error: &str, text: &[u8]) -> Option<&'static str> {
    let control = |byte: &u8| *byte < 0x20 && *byte != b'\n' || *byte == 0x7f;
    if error.contains("duplicate tag key") {
        return None;
    }
    if error.contains("invalid character") && text.iter().any(control) {
        return Some("control characters in names");
    }
    let between = [
        "but found '\\",
        "but got '\\",
        "unexpected character '\\",
        "unexpected text after timestamp",
    ];
    if between.iter().any(|words| error.contains(words)) && text.iter().any(control) {
        return Some("control characters between the parts of a line");
    }
    if error.contains("white space") || error.contains("expected field key but none found") {
        return Some("white space between the parts of a line");
    }
    None
}

fn precision(text: &str) -> Precision {
    match text {
        "1ns" => Precision::Nanoseconds,
        "1us" | "1µs" => Precision::Microseconds,
        "1ms" => Precision::Milliseconds,
        "1s" => Precision::Seconds,
        other => panic!("unknown precision {other}"),
    }
}

fn point(json: &Value) -> ReferencePoint {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    // Tags and fields are lists of pairs or objects.
    let tags = pairs(&json["tags"])
        .into_iter()
        .map(|(key, value)| (key, text(&value)))
        .collect();
    let fields = pairs(&json["fields"])
        .into_iter()
        .map(|(key, value)| (key, field(&value)));
    sorted(ReferencePoint {
        measurement: text(&json["name"]),
        tags,
        fields: fields.collect(),
        time: json["time"].as_i64().expect("a time"),
    })
}

fn pairs(json: &Value) -> Vec<(String, Value)> {
    match json {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        Value::Array(list) => list
            .iter()
            .map(|pair| {
                let key = pair.get("key").or_else(|| pair.get(0)).expect("a key");
                let value = pair.get("value").or_else(|| pair.get(1)).expect("a value");
                (key.as_str().expect("a text").to_owned(), value.clone())
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn field(json: &Value) -> FieldValue {
    let (kind, value) = json
        .as_object()
        .and_then(|map| map.iter().next())
        .expect("a typed value");
    let number = |value: &Value| value.to_string().trim_matches('"').to_owned();
    match kind.as_str() {
        "float" => FieldValue::Float(number(value).parse().expect("a float")),
        "int" => FieldValue::Integer(number(value).parse().expect("an integer")),
        "uint" => FieldValue::Unsigned(number(value).parse().expect("an unsigned integer")),
        "bool" => FieldValue::Boolean(value.as_bool().expect("a boolean")),
        "string" => FieldValue::String(value.as_str().expect("a string").into()),
        other => panic!("unknown type {other}"),
    }
}

/// Fields in order of their names; of fields with the same name the last.
fn sorted(mut point: ReferencePoint) -> ReferencePoint {
    let fields: BTreeMap<String, FieldValue> = point.fields.into_iter().collect();
    point.fields = fields.into_iter().collect();
    point
}

fn points(batch: &ParsedBatch) -> Vec<ReferencePoint> {
    let value = |field_type: FieldType, bits: u64| match field_type {
        FieldType::Float => FieldValue::Float(f64::from_bits(bits)),
        FieldType::Integer => FieldValue::Integer(bits.cast_signed()),
        FieldType::Unsigned => FieldValue::Unsigned(bits),
        FieldType::Boolean => FieldValue::Boolean(bits != 0),
        FieldType::String => {
            let (start, length) = ((bits >> 32) as usize, bits as u32 as usize);
            let text = &batch.strings[start..start + length];
            FieldValue::String(std::str::from_utf8(text).expect("UTF-8").into())
        }
    };
    let rows = batch.rows.iter().map(|row| {
        let (measurement, tags) = batch.series[row.series as usize].key.parts();
        let fields = &batch.layouts[row.layout as usize].fields;
        let values = &batch.values[row.values_at as usize..];
        ReferencePoint {
            measurement: measurement.to_owned(),
            tags: tags
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            fields: fields
                .iter()
                .zip(values)
                .map(|((name, field_type), bits)| (name.to_string(), value(*field_type, *bits)))
                .collect(),
            time: row.time,
        }
    });
    rows.collect()
}
