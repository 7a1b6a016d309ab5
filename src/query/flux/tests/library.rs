//! Functions of the library over small tables.

use super::{POINTS, csv, rows};
use crate::query::flux::testcase;

const DATA: &str = "import \"array\"
    data = array.from(rows: [
        {_time: 1970-01-01T00:00:00Z, _value: 1.0},
        {_time: 1970-01-01T00:00:10Z, _value: 4.0},
        {_time: 1970-01-01T00:00:20Z, _value: 2.0},
    ])
    data ";

/// The values of the last column after a function.
fn values(call: &str) -> Vec<String> {
    let rows = rows(&format!("{DATA} |> {call} |> keep(columns: [\"_value\"])"));
    rows.iter()
        .filter_map(|row| row.rsplit(',').next().map(str::to_owned))
        .collect()
}

#[test]
fn rows_are_compared_with_those_before_them() {
    assert_eq!(values("difference()"), ["3", "-2"]);
    assert_eq!(values("difference(nonNegative: true)"), ["3", ""]);
    assert_eq!(values("derivative(unit: 10s)"), ["3", "-2"]);
    assert_eq!(values("cumulativeSum()"), ["1", "5", "7"]);
    assert_eq!(values("increase()"), ["0", "3", "5"]);
    assert_eq!(values("movingAverage(n: 2)"), ["2.5", "3"]);
}

#[test]
fn tables_are_summed_up() {
    assert_eq!(values("median()"), ["2"]);
    assert_eq!(values("spread()"), ["3"]);
    assert_eq!(
        values("quantile(q: 0.5, method: \"exact_selector\")"),
        ["2"]
    );
    assert_eq!(values("integral(unit: 10s)"), ["5.5"]);
    assert_eq!(
        values(
            "reduce(identity: {_value: 0.0}, fn: (r, accumulator) => ({_value: r._value + accumulator._value}))"
        ),
        ["7"]
    );
}

#[test]
fn any_function_of_tables_runs_in_windows() {
    let rows = rows(
        "from(bucket: \"b\") |> range(start: 0, stop: 1970-01-01T00:02:00Z)
         |> filter(fn: (r) => r._field == \"usage\" and r.host == \"a\")
         |> aggregateWindow(every: 2m, fn: median) |> keep(columns: [\"_time\", \"_value\"])",
    );
    assert_eq!(rows, ["0,1.5,1970-01-01T00:02:00Z"], "{POINTS}");
}

#[test]
fn empty_windows_of_a_selector_are_null_rows() {
    let query = |more: &str| {
        rows(&format!(
            "from(bucket: \"b\") |> range(start: 0, stop: 1970-01-01T00:01:30Z)
             |> filter(fn: (r) => r._field == \"usage\" and r.host == \"a\")
             |> aggregateWindow(every: 30s, fn: max{more}) |> keep(columns: [\"_time\", \"_value\", \"host\"])"
        ))
    };
    let shown = query("");
    assert_eq!(shown.len(), 3, "{shown:?}");
    assert!(shown[1].contains("1970-01-01T00:01:00Z,,a") || shown[1].contains(",,"));
    assert_eq!(query(", createEmpty: false").len(), 2);
}

#[test]
fn values_are_found_in_streams() {
    let text = format!(
        "{DATA} |> tableFind(fn: (key) => true) |> getRecord(idx: 1)
         r = data |> findRecord(fn: (key) => true, idx: 1)
         array.from(rows: [{{a: r._value}}])"
    );
    assert!(csv(&text).contains(",,0,4\n"), "{}", csv(&text));
}

#[test]
fn clocks_differ_by_zone() {
    let query = |location: &str| {
        rows(&format!(
            "import \"array\" import \"date\" import \"timezone\" {location}
             array.from(rows: [{{h: date.hour(t: 2022-07-01T23:00:00Z)}}])"
        ))
    };
    assert_eq!(query(""), ["0,23"]);
    assert_eq!(
        query("option location = timezone.location(name: \"Europe/Berlin\")"),
        ["0,1"]
    );
    assert_eq!(
        query("option location = timezone.fixed(offset: -8h)"),
        ["0,15"]
    );
    let days = |location: &str| {
        rows(&format!(
            "import \"array\" import \"timezone\" {location}
             array.from(rows: [{{_time: 2022-07-01T22:30:00Z, _value: 1}}])
             |> range(start: 2022-07-01T22:00:00Z, stop: 2022-07-01T23:59:00Z)
             |> aggregateWindow(every: 1d, fn: sum, timeSrc: \"_start\") |> keep(columns: [\"_time\", \"_value\"])"
        ))
    };
    assert_eq!(days("").len(), 1);
    assert_eq!(
        days("option location = timezone.fixed(offset: 90m)").len(),
        2,
        "midnight there is half past ten"
    );
}

#[test]
fn test_cases_tell_what_differs() {
    let run = |body: &str| {
        let text = format!(
            "import \"array\" import \"testing\"
             testcase t {{ got = array.from(rows: [{{a: 1.0}}]) {body} }}"
        );
        testcase::run(&super::memory::context(POINTS), &text, "t", &|_| None).map(|_| ())
    };
    run("testing.diff(got: got, want: array.from(rows: [{a: 1.0000000001}]))").unwrap();
    for different in ["{a: 2.0}", "{b: 1.0}", "{a: 1.0, b: 1.0}", "{a: 1}"] {
        let faulty = format!("testing.diff(got: got, want: array.from(rows: [{different}]))");
        assert!(run(&faulty).is_err(), "{different}");
    }
    assert!(run("testing.assertEqualValues(got: 1, want: 2)").is_err());
    run("testing.shouldError(fn: () => die(msg: \"no\"), want: /no/)").unwrap();
    assert!(run("testing.shouldError(fn: () => 1, want: /no/)").is_err());
}
