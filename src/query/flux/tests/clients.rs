//! What official clients, Grafana and the InfluxDB page send.

use super::{answer, dialect, rows};
use crate::query::flux::FluxRequest;
use serde_json::json;

#[test]
fn the_python_client_sends_parameters_as_options() {
    let option = |name: &str, init: serde_json::Value| {
        json!({
            "type": "OptionStatement",
            "assignment": {
                "type": "VariableAssignment",
                "id": { "type": "Identifier", "name": name },
                "init": init,
            }
        })
    };
    let body = vec![
        option("_bucket", json!({ "type": "StringLiteral", "value": "b" })),
        option("_n", json!({ "type": "IntegerLiteral", "value": "1" })),
        option("_least", json!({ "type": "FloatLiteral", "value": 3.5 })),
        option("_desc", json!({ "type": "BooleanLiteral", "value": true })),
        option(
            "_start",
            json!({
                "type": "UnaryExpression",
                "argument": {
                    "type": "DurationLiteral",
                    "values": [{ "magnitude": 3_600_000_000_i64, "unit": "us" }]
                },
                "operator": "-"
            }),
        ),
        option(
            "_stop",
            json!({ "type": "DateTimeLiteral", "value": "1970-01-01T00:30:00.000000000Z" }),
        ),
        option(
            "_hosts",
            json!({
                "type": "ArrayExpression",
                "elements": [{ "type": "StringLiteral", "value": "a" }]
            }),
        ),
    ];
    let text = "from(bucket: _bucket) |> range(start: _start, stop: _stop)
        |> filter(fn: (r) => r._field == \"usage\" and contains(value: r.host, set: _hosts))
        |> filter(fn: (r) => r._value > _least)
        |> sort(desc: _desc) |> limit(n: _n) |> keep(columns: [\"_value\"])";
    let request = FluxRequest {
        extern_ast: Some(json!({ "imports": [], "body": body })),
        ..FluxRequest::new(text.to_owned(), dialect())
    };
    let found = answer(&request).unwrap();
    assert!(found.contains("\r\n,,0,4\r\n"), "{found}");
}

#[test]
fn the_page_sends_the_dashboard_variables_as_an_option() {
    let property = |name: &str, value: serde_json::Value| {
        json!({
            "type": "Property",
            "key": { "type": "Identifier", "name": name },
            "value": value
        })
    };
    let hour = json!({
        "type": "UnaryExpression",
        "operator": "-",
        "argument": {
            "type": "DurationLiteral",
            "values": [{ "magnitude": 1, "unit": "h" }]
        }
    });
    let now =
        json!({ "type": "CallExpression", "callee": { "type": "Identifier", "name": "now" } });
    let properties = vec![
        property("timeRangeStart", hour),
        property("timeRangeStop", now),
        property(
            "windowPeriod",
            json!({ "type": "DurationLiteral", "values": [{ "magnitude": 60_000, "unit": "ms" }] }),
        ),
    ];
    let tree = json!({
        "type": "File",
        "package": null,
        "imports": null,
        "body": [{
            "type": "OptionStatement",
            "assignment": {
                "type": "VariableAssignment",
                "id": { "type": "Identifier", "name": "v" },
                "init": { "type": "ObjectExpression", "properties": properties }
            }
        }]
    });
    let text = "from(bucket: \"b\")
        |> range(start: v.timeRangeStart, stop: v.timeRangeStop)
        |> filter(fn: (r) => r[\"_measurement\"] == \"cpu\")
        |> filter(fn: (r) => r[\"host\"] == \"a\" or r[\"host\"] == \"b\")
        |> aggregateWindow(every: v.windowPeriod, fn: mean, createEmpty: false)
        |> yield(name: \"mean\")";
    let request = FluxRequest {
        extern_ast: Some(tree),
        ..FluxRequest::new(text.to_owned(), dialect())
    };
    let found = answer(&request).unwrap();
    assert!(found.contains("#default,mean,"), "{found}");
}

#[test]
fn the_variables_may_stand_in_the_text() {
    assert_eq!(
        rows(
            "option v = {timeRangeStart: -1h, timeRangeStop: now(), bucket: \"b\"}
             from(bucket: v.bucket) |> range(start: v.timeRangeStart, stop: v.timeRangeStop)
             |> filter(fn: (r) => r._measurement == \"cpu\") |> keep(columns: [\"host\"])
             |> group() |> distinct(column: \"host\") |> limit(n: 200) |> sort()"
        ),
        ["0,a", "0,b"]
    );
    assert_eq!(
        rows(
            "import \"influxdata/influxdb/v1\"
             v1.tagValues(bucket: \"b\", tag: \"host\", predicate: (r) => true, start: -1d)"
        ),
        ["0,a", "0,b"]
    );
    assert_eq!(
        rows(
            "import \"regexp\"
             from(bucket: \"b\") |> range(start: 0)
             |> filter(fn: (r) => r.host =~ regexp.compile(v: \"^[b]$\")) |> keep(columns: [\"_value\"])"
        ),
        ["0,8", "0,16"]
    );
}

#[test]
fn parameters_of_the_request_are_a_record() {
    let text = "from(bucket: params.bucket)
        |> range(start: duration(v: params.start), stop: time(v: params.stop))
        |> filter(fn: (r) => r._value > params.least and r._field == params[\"field\"])
        |> limit(n: params.n) |> keep(columns: [\"_value\"])";
    let params = json!({
        "bucket": "b", "start": "-1h", "stop": "1970-01-01T00:10:00Z", "least": 3.5, "n": 1,
        "field": "usage"
    });
    for params in [params.clone(), json!({ "params": params })] {
        let request = FluxRequest {
            params: Some(params),
            ..FluxRequest::new(text.to_owned(), dialect())
        };
        let found = answer(&request).unwrap();
        assert!(found.contains("\r\n,,0,4\r\n,,0,8\r\n"), "{found}");
    }
    let request = FluxRequest {
        params: Some(json!([1])),
        ..FluxRequest::new(text.to_owned(), dialect())
    };
    assert_eq!(
        answer(&request).unwrap_err(),
        "params must be a JSON object"
    );
}

#[test]
fn now_comes_from_the_request_and_the_program_may_set_it() {
    let text = "import \"array\" array.from(rows: [{t: now(), d: today()}])";
    let request = FluxRequest {
        now_ns: Some(86_400_000_000_000 * 2 + 1_000_000_000),
        ..FluxRequest::new(text.to_owned(), dialect())
    };
    let found = answer(&request).unwrap();
    assert!(
        found.contains(",,0,1970-01-03T00:00:00Z,1970-01-03T00:00:01Z\r\n"),
        "{found}"
    );
    let text = format!("{text} option now = () => 2020-01-01T00:00:00Z");
    let text = text.replace("import \"array\"", "");
    let text = format!(
        "import \"array\" option now = () => 2020-01-01T00:00:00Z {}",
        text.split_once("option").unwrap().0
    );
    assert_eq!(rows(&text), ["0,2020-01-01T00:00:00Z,2020-01-01T00:00:00Z"]);
}

#[test]
fn wrong_externs_are_refused() {
    for (tree, expected) in [
        (
            json!({ "body": [{ "type": "Nope" }] }),
            "statement of type Nope is not supported",
        ),
        (
            json!({ "body": 1 }),
            "body of a node without type is not a list",
        ),
        (
            json!({ "body": [{ "type": "OptionStatement" }] }),
            "OptionStatement has no assignment",
        ),
    ] {
        let request = FluxRequest {
            extern_ast: Some(tree),
            ..FluxRequest::new("x = 1".to_owned(), dialect())
        };
        assert_eq!(
            answer(&request).unwrap_err(),
            format!("invalid extern: {expected}")
        );
    }
}
