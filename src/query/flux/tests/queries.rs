use super::{answer, csv, failure, rows};
use crate::query::flux::FluxRequest;

const CPU: &str = "from(bucket: \"b\") |> range(start: 0) \
    |> filter(fn: (r) => r._measurement == \"cpu\" and r._field == \"usage\")";

fn cpu(rest: &str) -> Vec<String> {
    rows(&format!("{CPU} {rest}"))
}

#[test]
fn raw_points_come_as_one_table_per_series() {
    assert_eq!(
        csv(CPU),
        "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string,string\n\
         #group,false,false,true,true,false,false,true,true,true\n\
         #default,_result,,,,,,,,\n\
         ,result,table,_start,_stop,_time,_value,_field,_measurement,host\n\
         ,,0,1970-01-01T00:00:00Z,1970-01-01T01:00:00Z,1970-01-01T00:00:00Z,1,usage,cpu,a\n\
         ,,0,1970-01-01T00:00:00Z,1970-01-01T01:00:00Z,1970-01-01T00:01:00Z,2,usage,cpu,a\n\
         ,,0,1970-01-01T00:00:00Z,1970-01-01T01:00:00Z,1970-01-01T00:02:00Z,4,usage,cpu,a\n\
         ,,1,1970-01-01T00:00:00Z,1970-01-01T01:00:00Z,1970-01-01T00:00:00Z,8,usage,cpu,b\n\
         ,,1,1970-01-01T00:00:00Z,1970-01-01T01:00:00Z,1970-01-01T00:01:30Z,16,usage,cpu,b\n\
         \n"
    );
}

#[test]
fn ranges_are_relative_absolute_or_in_seconds() {
    let keep = "|> filter(fn: (r) => r._field == \"usage\") |> keep(columns: [\"_value\"])";
    for (range, expected) in [
        ("start: -1h", 5),
        ("start: -59m", 3),
        ("start: 60", 3),
        ("start: 1970-01-01T00:01:30Z", 2),
        ("start: 1970-01-01T00:00:00Z, stop: 60", 2),
        ("start: -1h, stop: now()", 5),
        ("start: 1970-01-01, stop: -58m30s", 3),
    ] {
        let text = format!("from(bucket: \"b\") |> range({range}) {keep}");
        assert_eq!(rows(&text).len(), expected, "{range}");
    }
}

#[test]
fn aggregates_and_selectors_answer_per_table() {
    let value = "|> keep(columns: [\"_value\", \"host\"])";
    for (function, a, b) in [
        ("count()", "3", "2"),
        ("sum()", "7", "24"),
        ("mean(column: \"_value\")", "2.3333333333333335", "12"),
        ("min()", "1", "8"),
        ("max()", "4", "16"),
        ("first()", "1", "8"),
        ("last()", "4", "16"),
    ] {
        let found = cpu(&format!("|> {function} {value}"));
        let expected = match function {
            "count()" | "sum()" => [format!("0,a,{a}"), format!("1,b,{b}")],
            _ if function.starts_with("mean") => [format!("0,a,{a}"), format!("1,b,{b}")],
            _ => [format!("0,{a},a"), format!("1,{b},b")],
        };
        assert_eq!(found, expected, "{function}");
    }
}

#[test]
fn windows_are_aggregated_with_empty_ones_or_without() {
    let range = "from(bucket: \"b\") |> range(start: 0, stop: 180) \
        |> filter(fn: (r) => r._field == \"usage\" and r.host == \"b\")";
    let keep = "|> keep(columns: [\"_time\", \"_value\"])";
    assert_eq!(
        rows(&format!(
            "{range} |> aggregateWindow(every: 1m, fn: mean) {keep}"
        )),
        [
            "0,1970-01-01T00:01:00Z,8",
            "0,1970-01-01T00:02:00Z,16",
            "0,1970-01-01T00:03:00Z,"
        ]
    );
    assert_eq!(
        rows(&format!(
            "{range} |> aggregateWindow(every: 1m, fn: max, createEmpty: false, timeSrc: \"_start\") {keep}"
        )),
        ["0,1970-01-01T00:00:00Z,8", "0,1970-01-01T00:01:00Z,16"]
    );
    assert_eq!(
        rows(&format!(
            "{range} |> aggregateWindow(every: 2m, fn: (tables=<-, column) => tables |> sum(column: column), createEmpty: false) {keep}"
        )),
        ["0,1970-01-01T00:02:00Z,24"]
    );
    assert_eq!(
        rows(&format!(
            "{range} |> window(every: 1m) |> count() |> keep(columns: [\"_start\", \"_value\"])"
        )),
        ["0,1970-01-01T00:00:00Z,1", "1,1970-01-01T00:01:00Z,1"]
    );
}

#[test]
fn rows_are_mapped_by_functions_of_the_program() {
    assert_eq!(
        cpu(
            "|> map(fn: (r) => ({v: r._value * 2.0 + 1.0, name: \"${r.host}-${r._value}\"})) |> limit(n: 1)"
        ),
        ["0,a-1,3"]
    );
    let helpers = "
        double = (v) => v * 2.0
        label = (r, suffix=\"!\") => {
            name = r.host + suffix
            return if r._value > 3.0 then name else \"small\"
        }";
    let found = rows(&format!(
        "{helpers} {CPU} |> group() |> map(fn: (r) => ({{r with _value: double(v: r._value), l: label(r: r)}}))
         |> keep(columns: [\"_value\", \"l\"])"
    ));
    assert_eq!(
        found,
        ["0,2,small", "0,4,small", "0,8,a!", "0,16,b!", "0,32,b!"]
    );
    let found = cpu(
        "|> group() |> map(fn: (r) => if r.host == \"a\" then {x: 1, y: r._value} else {x: 2, y: 0.0})",
    );
    assert_eq!(found, ["0,1,1", "0,1,2", "0,1,4", "0,2,0", "0,2,0"]);
}

#[test]
fn filters_fold_what_is_known_into_one_expression() {
    let found = rows(&format!(
        "wanted = [\"a\", \"x\"]
         least = 2.0
         big = (r) => r._value >= least
         {CPU} |> filter(fn: (r) => contains(value: r.host, set: wanted) and big(r))
         |> keep(columns: [\"_value\"])"
    ));
    assert_eq!(found, ["0,2", "0,4"]);
    assert_eq!(
        cpu("|> filter(fn: (r) => r.host =~ /^b$/ or false)").len(),
        2
    );
    assert_eq!(cpu("|> filter(fn: (r) => r.host !~ /b/ and true)").len(), 3);
    assert_eq!(cpu("|> filter(fn: (r) => not exists r.missing)").len(), 5);
    assert_eq!(cpu("|> filter(fn: (r) => exists r.missing)").len(), 0);
    assert_eq!(cpu("|> filter(fn: (r) => false)").len(), 0);
    assert_eq!(
        cpu("|> filter(fn: (r) => r._time >= 1970-01-01T00:01:30Z)").len(),
        2
    );
    assert_eq!(
        cpu("|> filter(fn: (r) => r[\"host\"] == \"a\" and r._value / 2.0 < 1.5)").len(),
        2
    );
    let column = "host";
    assert_eq!(
        rows(&format!(
            "c = \"{column}\" {CPU} |> filter(fn: (r) => r[c] == \"a\")"
        ))
        .len(),
        3
    );
}

#[test]
fn tables_are_grouped_sorted_cut_and_renamed() {
    let value = "|> keep(columns: [\"_value\"])";
    assert_eq!(
        cpu(&format!(
            "|> group() |> sort(desc: true) |> limit(n: 2, offset: 1) {value}"
        )),
        ["0,8", "0,4"]
    );
    assert_eq!(
        cpu(&format!("|> group() |> top(n: 2) {value}")),
        ["0,16", "0,8"]
    );
    assert_eq!(cpu(&format!("|> group() |> bottom(n: 1) {value}")), ["0,1"]);
    assert_eq!(
        cpu(&format!("|> group() |> sort() |> tail(n: 2) {value}")),
        ["0,8", "0,16"]
    );
    assert_eq!(
        cpu("|> group(columns: [\"host\"]) |> sum()"),
        ["0,a,7", "1,b,24"]
    );
    assert_eq!(
        cpu(
            "|> group(columns: [\"_start\", \"_stop\", \"_time\", \"_value\"], mode: \"except\") |> count() |> group() |> sum() "
        ),
        ["0,5"]
    );
    let renamed = csv(&format!(
        "{CPU} |> rename(columns: {{host: \"server\"}}) |> drop(columns: [\"_start\", \"_stop\"]) |> limit(n: 1)"
    ));
    assert!(
        renamed.contains(",result,table,_time,_value,_field,_measurement,server\n"),
        "{renamed}"
    );
    assert_eq!(
        cpu("|> group() |> distinct(column: \"host\")"),
        ["0,a", "0,b"]
    );
    assert_eq!(
        cpu("|> group() |> unique(column: \"host\") |> keep(columns: [\"host\", \"_value\"])"),
        ["0,1,a", "0,8,b"]
    );
    assert_eq!(
        cpu(
            "|> set(key: \"host\", value: \"z\") |> duplicate(column: \"_value\", as: \"copy\") |> keep(columns: [\"host\", \"copy\"]) |> limit(n: 1)"
        ),
        ["0,z,1"]
    );
}

#[test]
fn fields_become_columns() {
    assert_eq!(
        rows(
            "from(bucket: \"b\") |> range(start: 0) |> filter(fn: (r) => r._measurement == \"cpu\" and r.host == \"a\")
             |> pivot(rowKey: [\"_time\"], columnKey: [\"_field\"], valueColumn: \"_value\")
             |> keep(columns: [\"_time\", \"usage\", \"temp\"]) |> group()"
        ).len(),
        3
    );
    let by_schema = rows(
        "import \"influxdata/influxdb/schema\"
         from(bucket: \"b\") |> range(start: 0) |> filter(fn: (r) => r._measurement == \"cpu\" and r.host == \"a\")
         |> schema.fieldsAsCols() |> map(fn: (r) => ({t: r._time, v: float(v: r.temp) + r.usage}))",
    );
    assert_eq!(
        by_schema,
        [
            "0,1970-01-01T00:00:00Z,11",
            "0,1970-01-01T00:01:00Z,22",
            "0,1970-01-01T00:02:00Z,"
        ]
    );
}

#[test]
fn several_results_have_names() {
    let found = csv(&format!(
        "data = {CPU}
         data |> count() |> yield(name: \"counts\") |> sum() |> yield(name: \"sums\")"
    ));
    assert!(
        found.contains("#default,counts,") && found.contains("#default,sums,"),
        "{found}"
    );
    let found = csv(&format!(
        "a = {CPU} |> count() |> yield(name: \"in\")\n{CPU} |> last()"
    ));
    assert!(
        found.contains("#default,in,") && found.contains("#default,_result,"),
        "{found}"
    );
}

#[test]
fn unions_fills_and_literal_tables_work() {
    assert_eq!(
        rows(
            "import \"array\"
             a = array.from(rows: [{x: 1, s: \"p\"}, {x: 2, s: \"q\"}])
             b = array.from(rows: [{x: 3}])
             union(tables: [a, b]) |> fill(column: \"s\", value: \"none\")"
        ),
        ["0,p,1", "0,q,2", "0,none,3"]
    );
    assert_eq!(
        rows(
            "from(bucket: \"b\") |> range(start: 0, stop: 180) |> filter(fn: (r) => r._field == \"usage\" and r.host == \"b\")
             |> aggregateWindow(every: 1m, fn: last) |> aggregateWindow(every: 1m, fn: mean) |> fill(usePrevious: true) |> keep(columns: [\"_value\"])"
        ).last().map(String::as_str),
        Some("0,16")
    );
}

#[test]
fn schema_is_answered() {
    let ask = |question: &str| {
        let found = rows(&format!(
            "import \"influxdata/influxdb/schema\" schema.{question}"
        ));
        found
            .iter()
            .map(|row| row.trim_start_matches("0,").to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(ask("measurements(bucket: \"b\")"), "cpu mem");
    assert_eq!(ask("fieldKeys(bucket: \"b\")"), "free temp usage");
    assert_eq!(
        ask("measurementFieldKeys(bucket: \"b\", measurement: \"mem\")"),
        "free"
    );
    assert_eq!(ask("tagValues(bucket: \"b\", tag: \"host\")"), "a b");
    assert_eq!(
        ask(
            "tagValues(bucket: \"b\", tag: \"host\", predicate: (r) => r._measurement == \"mem\", start: -1d)"
        ),
        "a"
    );
    assert_eq!(
        ask("tagValues(bucket: \"b\", tag: \"_field\", predicate: (r) => r.host == \"b\")"),
        "usage"
    );
    assert_eq!(
        ask("tagValues(bucket: \"b\", tag: \"_measurement\", predicate: (r) => true)"),
        "cpu mem"
    );
    assert_eq!(
        ask("measurementTagValues(bucket: \"b\", measurement: \"mem\", tag: \"kind\")"),
        "x"
    );
    assert!(ask("measurementTagKeys(bucket: \"b\", measurement: \"mem\")").ends_with("host kind"));
    assert!(
        ask("tagKeys(bucket: \"b\", predicate: (r) => r._measurement == \"cpu\")")
            .ends_with("host")
    );
    // A predicate on values reads points.
    assert_eq!(
        ask(
            "tagValues(bucket: \"b\", tag: \"host\", predicate: (r) => r._field == \"usage\" and r._value > 5.0)"
        ),
        "b"
    );
}

#[test]
fn buckets_are_listed() {
    assert_eq!(
        csv("buckets()"),
        "#datatype,string,long,string,string,string,string,long\n\
         #group,false,false,false,false,true,false,false\n\
         #default,_result,,,,,,\n\
         ,result,table,name,id,organizationID,retentionPolicy,retentionPeriod\n\
         ,,0,b,000000000000000b,000000000000000a,,0\n\
         \n"
    );
    assert_eq!(
        rows("import \"influxdata/influxdb\" influxdb.buckets()").len(),
        1
    );
    assert_eq!(
        rows("from(bucketID: \"000000000000000b\") |> range(start: 0) |> limit(n: 1)").len(),
        4
    );
}

#[test]
fn a_result_without_tables_is_one_empty_line() {
    assert_eq!(
        csv(&format!("{CPU} |> filter(fn: (r) => r.host == \"none\")")),
        "\n"
    );
}

#[test]
fn a_second_range_narrows_the_first() {
    let found = cpu("|> limit(n: 10) |> range(start: 30, stop: 100)");
    assert_eq!(
        found,
        [
            "0,1970-01-01T00:00:30Z,1970-01-01T00:01:40Z,1970-01-01T00:01:00Z,2,usage,cpu,a",
            "1,1970-01-01T00:00:30Z,1970-01-01T00:01:40Z,1970-01-01T00:01:30Z,16,usage,cpu,b",
        ]
    );
    let text = "from(bucket: \"b\") |> range(start: 0) |> range(start: 100)";
    assert_eq!(rows(text).len(), 1);
}

#[test]
fn a_failure_after_output_began_ends_the_output() {
    let text = format!(
        "{CPU} |> count() |> yield(name: \"ok\")
         {CPU} |> map(fn: (r) => ({{x: r.host * 2}})) |> yield(name: \"bad\")"
    );
    let found = csv(&text);
    assert!(found.starts_with("#datatype,string,long"), "{found}");
    let tail = "\n#datatype,string,string\n#group,true,true\n#default,,\n,error,reference\n,";
    assert!(found.contains(tail), "{found}");
    assert!(
        found
            .lines()
            .last()
            .unwrap()
            .contains("unsupported binary expression"),
        "{found}"
    );
    // Before any output it is an answer of its own.
    assert!(
        failure(&format!("{CPU} |> map(fn: (r) => ({{x: r.host * 2}}))")).contains("type error")
    );
}

#[test]
fn the_dialect_is_obeyed() {
    let request = FluxRequest::new(
        format!("{CPU} |> count()"),
        crate::encode::annotated_csv::Dialect::default(),
    );
    let found = answer(&request).unwrap();
    assert!(
        found.starts_with(",result,table,") && found.contains("\r\n,_result,0,"),
        "{found}"
    );
}
