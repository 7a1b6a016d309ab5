use super::{read_file, write_package};
use crate::query::flux::parse;
use serde_json::{Value as Json, json};

const PROGRAM: &str = r#"package p
import s "strings"
option task = {name: "t", every: 1h30m}
f = (t=<-, n=10) => { x = n + 1 return t |> limit(n: x) }
r = {a: [1, 2.5], "b c": ["k": true], d: -1mo, e: 2020-01-01T00:00:00Z, g: /a\/b/}
y = "v ${r.a[0]} w"
z = if not exists r.b or r["c"] =~ /x/ and 1 == 2 then {r with q: 1} else r
from(bucket: "b") |> range(start: -1h) |> f(n: (3))"#;

#[test]
fn nodes_have_the_shapes_that_clients_know() {
    let parsed = parse::parse("x = from(bucket: \"b\")");
    let tree = write_package(&parsed.file, "x = from(bucket: \"b\")");
    let file = &tree["files"][0];
    assert_eq!(
        (&tree["type"], &tree["package"]),
        (&json!("Package"), &json!("main"))
    );
    let statement = &file["body"][0];
    assert_eq!(statement["type"], "VariableAssignment");
    assert_eq!(statement["id"]["name"], "x");
    assert_eq!(
        statement["init"]["location"],
        json!({
            "start": { "line": 1, "column": 5 },
            "end": { "line": 1, "column": 22 },
            "source": "from(bucket: \"b\")"
        })
    );
    let arguments = &statement["init"]["arguments"][0];
    assert_eq!(arguments["type"], "ObjectExpression");
    assert_eq!(arguments["properties"][0]["value"]["value"], "b");
}

/// Without places, which reading does not keep.
fn bare(json: &mut Json) {
    match json {
        Json::Object(fields) => {
            fields.shift_remove("location");
            fields.values_mut().for_each(bare);
        }
        Json::Array(items) => items.iter_mut().for_each(bare),
        _ => {}
    }
}

#[test]
fn what_is_written_is_read_back() {
    let parsed = parse::parse(PROGRAM);
    assert_eq!(parsed.errors, []);
    let mut written = write_package(&parsed.file, PROGRAM);
    let read = read_file(&written["files"][0]).unwrap();
    let mut again = write_package(&read, "");
    bare(&mut written);
    bare(&mut again);
    assert_eq!(written, again);
}

#[test]
fn deep_trees_are_refused() {
    let mut tree = json!({ "type": "IntegerLiteral", "value": "1" });
    for _ in 0..300 {
        tree = json!({ "type": "ParenExpression", "expression": tree });
    }
    let file = json!({ "body": [{ "type": "ExpressionStatement", "expression": tree }] });
    assert!(read_file(&file).unwrap_err().contains("nested deeper"));
}
