use super::Evaluator;
use crate::query::flux::parse;
use crate::query::flux::tests::memory::context;
use crate::query::flux::value::Value;
use crate::query::text::rfc3339;

/// The value of the variable `x` after the program ran.
fn value(program: &str) -> Value {
    let parsed = parse::parse(program);
    assert_eq!(parsed.errors, [], "{program}");
    let ctx = context("");
    let mut evaluator = Evaluator::new(&ctx, ctx.now_ns);
    evaluator
        .file(&parsed.file)
        .unwrap_or_else(|error| panic!("{program}: {error:?}"));
    evaluator
        .lookup(&"x".into(), Evaluator::GLOBAL)
        .unwrap()
        .clone()
}

fn show(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Unsigned(value) => format!("{value}u"),
        Value::Float(value) => format!("{value:?}"),
        Value::String(value) => format!("{value:?}"),
        Value::Time(value) => rfc3339(*value),
        Value::Duration(value) => value.to_string(),
        Value::Array(items) => {
            format!(
                "[{}]",
                items.iter().map(show).collect::<Vec<_>>().join(", ")
            )
        }
        Value::Record(record) => {
            let items = record
                .iter()
                .map(|(name, value)| format!("{name}: {}", show(value)));
            format!("{{{}}}", items.collect::<Vec<_>>().join(", "))
        }
        other => other.type_name().to_owned(),
    }
}

#[test]
fn expressions_have_the_values_the_language_says() {
    for (text, expected) in [
        ("1 + 2 * 3", "7"),
        ("7 / 2", "3"),
        ("-7 % 3", "-1"),
        ("2.0 ^ 3.0", "8.0"),
        ("1 < 2 and 2.0 >= 2.0", "true"),
        ("1 == 1.0", "true"),
        ("\"a\" + \"b\"", "\"ab\""),
        ("\"a\" < \"b\"", "true"),
        (
            "\"${1 + 1} ${2.5} ${true} ${1h30m} ${1970-01-01}\"",
            "\"2 2.5 true 1h30m 1970-01-01T00:00:00.000000000Z\"",
        ),
        ("if 1 > 2 then \"a\" else \"b\"", "\"b\""),
        ("not true or true", "true"),
        ("\"abc\" =~ /b/ and \"abc\" !~ /z/", "true"),
        ("[1, 2][1]", "2"),
        ("{a: {b: 1}}.a.b", "1"),
        ("{a: 1}[\"a\"]", "1"),
        ("[1, 2] == [1, 2]", "true"),
        ("{a: 1} == {a: 2}", "false"),
        ("exists {a: 1}.a", "true"),
        ("-1h", "-1h"),
        ("1h + 30m", "1h30m"),
        ("2020-01-31 + 1mo", "2020-02-29T00:00:00Z"),
        ("2020-03-01T00:00:00Z - 1d", "2020-02-29T00:00:00Z"),
        ("2020-01-02 - 2020-01-01", "1d"),
        ("2020-01-02 > 2020-01-01", "true"),
        ("1h == 60m", "true"),
        ("now()", "1970-01-01T01:00:00Z"),
        ("today()", "1970-01-01T00:00:00Z"),
        ("(() => 1)()", "1"),
        ("((a, b=2) => a + b)(a: 1)", "3"),
        ("((t=<-, n) => t + n)(t: 1, n: 2)", "3"),
        ("1 |> ((t=<-, n) => t * n)(n: 5)", "5"),
        ("((a) => { b = a + 1 return b * 2 })(a: 1)", "4"),
    ] {
        assert_eq!(show(&value(&format!("x = {text}"))), expected, "{text}");
    }
}

#[test]
fn functions_close_over_where_they_were_written() {
    assert_eq!(
        show(&value(
            "n = 1 f = (a) => a + n g = (n) => f(a: n) x = g(n: 10)"
        )),
        "11"
    );
    assert_eq!(
        show(&value(
            "add = (a) => (b) => a + b two = add(a: 2) x = two(b: 3)"
        )),
        "5"
    );
    assert_eq!(
        show(&value("f = (g) => g(v: 3) x = f(g: (v) => v * v)")),
        "9"
    );
    assert_eq!(
        show(&value(
            "f = (a, b=a_default) => b\na_default = 7\nx = f(a: 1)"
        )),
        "7"
    );
    assert_eq!(
        show(&value("r = {a: 1, b: 2} x = {r with b: 3, c: r.a}")),
        "{a: 1, b: 3, c: 1}"
    );
    assert_eq!(show(&value("a = 1 x = {a, b: a}")), "{a: 1, b: 1}");
}

#[test]
fn values_are_converted() {
    for (text, expected) in [
        ("int(v: \"12\")", "12"),
        ("int(v: 1h)", "3600000000000"),
        ("int(v: 2.9)", "2"),
        ("uint(v: 3)", "3u"),
        ("float(v: \"1.5\")", "1.5"),
        ("bool(v: \"true\")", "true"),
        ("string(v: 1.0)", "\"1\""),
        ("string(v: 90s)", "\"1m30s\""),
        ("time(v: 1000000000)", "1970-01-01T00:00:01Z"),
        ("time(v: \"2020-01-01\")", "2020-01-01T00:00:00Z"),
        ("duration(v: \"-1h\")", "-1h"),
        ("duration(v: 1000000000)", "1s"),
        ("length(arr: [1, 2, 3])", "3"),
        ("contains(value: 2, set: [1, 2])", "true"),
        ("contains(value: \"c\", set: [\"a\"])", "false"),
    ] {
        assert_eq!(show(&value(&format!("x = {text}"))), expected, "{text}");
    }
}

#[test]
fn packages_compute_known_values() {
    let imports =
        "import \"strings\" import \"math\" import \"date\" import \"regexp\" import m \"math\"";
    for (text, expected) in [
        ("strings.toUpper(v: \"a\")", "\"A\""),
        ("strings.toLower(v: \"A\")", "\"a\""),
        ("strings.trimSpace(v: \" a \")", "\"a\""),
        ("strings.strlen(v: \"\u{e4}b\")", "2"),
        ("strings.containsStr(v: \"abc\", substr: \"b\")", "true"),
        ("strings.hasPrefix(v: \"abc\", prefix: \"a\")", "true"),
        ("strings.hasSuffix(v: \"abc\", suffix: \"a\")", "false"),
        (
            "strings.replaceAll(v: \"aba\", t: \"a\", u: \"x\")",
            "\"xbx\"",
        ),
        ("strings.joinStr(arr: [\"a\", \"b\"], v: \",\")", "\"a,b\""),
        ("strings.split(v: \"a,b\", t: \",\")", "[\"a\", \"b\"]"),
        ("math.abs(x: -1.5)", "1.5"),
        ("math.round(x: -2.5)", "-3.0"),
        ("math.pow(x: 2.0, y: 10.0)", "1024.0"),
        ("m.floor(x: math.pi)", "3.0"),
        ("date.truncate(t: now(), unit: 1d)", "1970-01-01T00:00:00Z"),
        ("date.truncate(t: -1mo, unit: 1mo)", "1969-12-01T00:00:00Z"),
        ("date.add(d: 1mo, to: 2020-01-31)", "2020-02-29T00:00:00Z"),
        ("date.sub(d: 1h, from: 2020-01-01)", "2019-12-31T23:00:00Z"),
        ("regexp.quoteMeta(v: \"a.b\")", "\"a\\\\.b\""),
        ("regexp.matchRegexpString(r: /a+/, v: \"caat\")", "true"),
    ] {
        assert_eq!(
            show(&value(&format!("{imports} x = {text}"))),
            expected,
            "{text}"
        );
    }
}
