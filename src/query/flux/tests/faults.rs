use super::failure;
use crate::query::flux::{analyze, parse};

const READ: &str = "from(bucket: \"b\") |> range(start:0) |> ";

#[test]
fn faults_are_told_before_anything_is_read() {
    for (text, expected) in [
        ("x = 1\ny = zz", "error @2:5-2:7: undefined identifier zz"),
        (
            "from(bucket: x)",
            "error @1:14-1:15: undefined identifier x",
        ),
        (
            "f = (a) => a + c\n1",
            "error @1:16-1:17: undefined identifier c",
        ),
        ("a = {b}", "error @1:6-1:7: undefined identifier b"),
        ("a = 1 a = 2", "error @1:7-1:8: variable \"a\" reassigned"),
        (
            "f = () => { x = 1 }",
            "error @1:11-1:20: missing return statement in block",
        ),
        ("f = () => f()", "error @1:11-1:12: undefined identifier f"),
        (
            "import \"nope\"",
            "error @1:8-1:14: invalid import path nope",
        ),
        (
            "import \"sql\"",
            "error @1:8-1:13: package \"sql\" is not supported yet",
        ),
        (
            "import \"math\" x = math.quxx(x: 1.0)",
            "error @1:19-1:28: function math.quxx does not exist or is not supported yet",
        ),
        (
            "from(bucket: \"b\")\n  |> hex(v: 1)",
            "error @2:6-2:9: function hex is not supported yet",
        ),
        (
            "x = ",
            "compilation failed: error @1:5-1:5: expected an expression, got the end of the query",
        ),
        (
            "1 + 1",
            "this Flux script returns no streaming data. Consider adding a \"yield\" or invoking streaming functions directly, without performing an assignment",
        ),
    ] {
        assert_eq!(failure(text), expected, "{text}");
    }
}

#[test]
fn arguments_are_checked() {
    for (call, expected) in [
        ("limit()", "@1:40-1:47: missing required argument n"),
        (
            "limit(n: \"1\")",
            "@1:49-1:52: expected int but found string (argument n)",
        ),
        ("limit(n: -1)", "@1:49-1:51: n must be at least 0, got -1"),
        (
            "limit(n: 1, m: 2)",
            "@1:40-1:57: found unexpected argument m",
        ),
        ("limit(n: 1, n: 2)", "@1:55-1:56: argument n is given twice"),
        (
            "group(columns: [\"a\", 1])",
            "@1:55-1:63: expected [string] but found [int] (argument columns)",
        ),
        (
            "group(mode: \"x\")",
            "@1:52-1:55: invalid mode \"x\": must be \"by\" or \"except\"",
        ),
        (
            "filter(fn: true)",
            "@1:51-1:55: expected a function but found bool (argument fn)",
        ),
        (
            "filter(fn: (r) => 1)",
            "@1:51-1:59: expected bool but found int (argument fn)",
        ),
        (
            "filter(fn: (x) => true)",
            "@1:51-1:62: missing required argument x",
        ),
        (
            "map(fn: (r) => r._value)",
            "@1:48-1:63: expected a record but found a value of the row (argument fn)",
        ),
        (
            "map(fn: (r) => ({a: 1h}))",
            "@1:48-1:64: column a: a column can't hold a value of type duration",
        ),
        (
            "aggregateWindow(every: 0s, fn: mean)",
            "@1:63-1:65: every must be a positive duration, got 0ns",
        ),
        (
            "aggregateWindow(every: 1mo1d, fn: mean)",
            "@1:63-1:68: every can't mix months with shorter units, got 1mo1d",
        ),
        ("keep()", "@1:40-1:46: missing required argument columns"),
        (
            "now()",
            "@1:40-1:45: function now does not take a piped argument",
        ),
        (
            "yield(name: 1)",
            "@1:52-1:53: expected string but found int (argument name)",
        ),
    ] {
        let text = format!("{READ}{call}");
        assert_eq!(failure(&text), format!("error {expected}"), "{text}");
    }
}

#[test]
fn types_of_operands_are_checked() {
    for (text, expected) in [
        (
            "x = 1 + 1.0",
            "error @1:9-1:12: expected int but found float",
        ),
        (
            "x = \"a\" + 1",
            "error @1:11-1:12: expected string but found int",
        ),
        ("x = true + true", "error @1:5-1:9: bool is not Addable"),
        ("x = -\"a\"", "error @1:6-1:9: string is not Negatable"),
        ("x = not 1", "error @1:9-1:10: expected bool but found int"),
        (
            "x = 1 and true",
            "error @1:5-1:6: expected bool but found int",
        ),
        (
            "x = if 1 then 2 else 3",
            "error @1:8-1:9: expected bool but found int",
        ),
        ("x = {a: 1}.b", "error @1:5-1:13: record is missing label b"),
        (
            "x = (1).b",
            "error @1:5-1:10: expected a record but found int",
        ),
        (
            "x = [1][1]",
            "runtime error @1:9-1:10: cannot access element 1 of an array of length 1",
        ),
        (
            "x = \"a\" =~ \"b\"",
            "error @1:12-1:15: expected regexp but found string",
        ),
        (
            "x = 1 / 0",
            "runtime error @1:5-1:10: cannot divide by zero",
        ),
        ("x = int(v: \"z\")", "runtime error @1:5-1:16: int: "),
        (
            "x = time(v: \"z\")",
            "runtime error @1:5-1:17: time: cannot convert string \"z\" to time due to invalid syntax",
        ),
        ("x = die(msg: \"no\")", "runtime error @1:5-1:19: die: no"),
        (
            "f = (a) => a x = f()",
            "error @1:18-1:21: missing required argument a",
        ),
        (
            "f = (a) => a x = f(b: 1)",
            "error @1:18-1:25: missing required argument a",
        ),
        (
            "f = () => 1 x = f(b: 1)",
            "error @1:17-1:24: found unexpected argument b",
        ),
        (
            "x = 1 y = x()",
            "error @1:11-1:12: expected a function but found int",
        ),
        (
            "option now = 1",
            "error @1:14-1:15: expected () => time but found int",
        ),
        (
            "option location = {zone: \"Nowhere\"}",
            "error @1:8-1:16: option location must be {zone: string, offset: duration} with a known zone",
        ),
    ] {
        let found = failure(text);
        assert!(found.starts_with(expected), "{text}: {found}");
    }
}

#[test]
fn buckets_and_ranges_must_be_there() {
    assert_eq!(
        failure("from(bucket: \"none\") |> range(start: 0)"),
        "failed to initialize execute state: could not find bucket \"none\""
    );
    assert_eq!(
        failure("from(bucket: \"b\") |> limit(n: 1)"),
        "error @1:1-1:18: cannot submit unbounded read to \"b\"; try bounding 'from' with a call to 'range'"
    );
    assert_eq!(
        failure("from(bucket: \"b\")"),
        "error @1:1-1:18: cannot submit unbounded read to \"b\"; try bounding 'from' with a call to 'range'"
    );
    assert!(
        failure("from(bucket: \"b\") |> range(start: 1h, stop: -1h)")
            .contains("cannot query an empty range")
    );
    assert!(failure("from() |> range(start: 0)").contains("must specify bucket or bucketID"));
    assert!(
        failure("from(bucket: \"b\", host: \"h\") |> range(start: 0)")
            .contains("parameter host of from is not supported")
    );
}

#[test]
fn results_need_distinct_names() {
    let count = format!("{READ}count()");
    assert_eq!(
        failure(&format!("{count}\n{count}")),
        "query must specify explicit yields when there is more than one result."
    );
    assert!(
        failure(&format!("{count} |> yield()\n{count} |> yield()"))
            .contains("duplicate yield name \"_result\"")
    );
}

#[test]
fn endless_and_exploding_programs_are_stopped() {
    let calls = failure("f = (g) => g(g: g) x = f(g: f)");
    assert!(calls.contains("nest deeper than"), "{calls}");
    let mut long = "x0 = from(bucket: \"b\") |> range(start: 0)\n".to_owned();
    let mut wide = long.clone();
    for n in 1..300 {
        long.push_str(&format!("x{n} = x{} |> limit(n: 1)\n", n - 1));
        wide.push_str(&format!("x{n} = union(tables: [x{}, x{}])\n", n - 1, n - 1));
    }
    assert!(failure(&long).contains("more than 200 transformations"));
    assert!(failure(&wide).contains("or 5000 in all"));
    let mut doubling = "s0 = \"0123456789abcdef\"\n".to_owned();
    let mut rows = "a0 = r._value\n".to_owned();
    for n in 1..60 {
        doubling.push_str(&format!("s{n} = s{} + s{}\n", n - 1, n - 1));
        rows.push_str(&format!("a{n} = a{} + a{}\n", n - 1, n - 1));
    }
    assert!(failure(&doubling).contains("steps"));
    let text = format!("{READ}map(fn: (r) => {{ {rows} return {{x: a59}} }})");
    assert!(failure(&text).contains("grows beyond"));
}

#[test]
fn analysis_tells_all_faults_with_their_places() {
    assert_eq!(analyze("from(bucket: \"b\") |> range(start: -1h)"), []);
    let found = analyze("a = b\nc = d");
    let places: Vec<_> = found
        .iter()
        .map(|f| (f.line, f.column, f.character))
        .collect();
    assert_eq!(places, [(1, 5, 4), (2, 5, 10)]);
    assert_eq!(found[0].message, "undefined identifier b");
    assert_eq!(analyze("a = (\n")[0].line, 2);
    assert_eq!(parse::parse("").errors, []);
}
