//! Valid points that are not written: the answer stays 204, and the rejection is visible in all three
//! ways (counter, log line, point in `_monitoring`).

use crate::support::{Server, now_ns, wait_for};

/// The value of the counter of rejected points of a bucket for a reason.
fn counted(server: &Server, bucket: &str, reason: &str) -> Option<u64> {
    let metrics = server.metrics();
    let line = metrics.lines().find(|line| {
        !line.starts_with('#')
            && line.contains("rejected_points")
            && line.contains(&format!("\"{bucket}\""))
            && line.contains(&format!("\"{reason}\""))
    })?;
    let value = line.rsplit(' ').next()?;
    value.parse::<f64>().ok().map(|value| value as u64)
}

fn wait_until_counted(server: &Server, bucket: &str, reason: &str, points: u64) {
    wait_for(&format!("{points} rejected points in /metrics"), 10, || {
        (counted(server, bucket, reason) == Some(points)).then_some(())
    });
}

const REPORTED: &str = "from(bucket: \"_monitoring\") |> range(start: -1h) \
    |> filter(fn: (r) => r._measurement == \"rejected_points\")";

#[test]
fn a_conflicting_field_rejects_its_point_and_the_rest_is_written() {
    let server = Server::start();
    let bucket = server.bucket_id("bucket");
    server.write("m,t=a f=1i 1").expect(204);
    server
        .write("m,t=a f=2.5,g=1i 2\nm,t=a f=3i 3\nm,t=b f=4.5 4")
        .expect(204);
    let results = server.influxql("SELECT f, g FROM m WHERE t = 'a'");
    assert_eq!(
        results[0]["series"][0]["values"].to_string(),
        "[[1,1,null],[3,3,null]]"
    );
    let results = server.influxql("SELECT f FROM m WHERE t = 'b'");
    assert_eq!(results[0]["series"][0]["values"].to_string(), "[[4,4.5]]");

    wait_until_counted(&server, &bucket, "type_conflict", 1);
    wait_for("a line in the log", 10, || {
        let log = server.log();
        log.iter()
            .any(|line| line.contains("rejected") && line.contains("type_conflict"))
            .then_some(())
    });
    let rows = wait_for("a point in _monitoring", 10, || {
        let rows = server.flux(&format!(
            "{REPORTED} |> filter(fn: (r) => r._field == \"count\")"
        ));
        (!rows.is_empty()).then_some(rows)
    });
    for (column, value) in [
        ("bucket", bucket.as_str()),
        ("measurement", "m"),
        ("field", "f"),
        ("reason", "type_conflict"),
        ("gotType", "float"),
        ("wantType", "integer"),
        ("_value", "1"),
    ] {
        assert_eq!(rows.column(column), [value], "{column}");
    }
    let rows = server.flux(&format!(
        "{REPORTED} |> filter(fn: (r) => r._field == \"error\")"
    ));
    assert!(!rows.column("_value")[0].is_empty(), "the first example");
    let results = server.influxql_of("_monitoring", "SELECT count, error FROM rejected_points");
    assert_eq!(results[0]["series"][0]["values"][0][1], 1);
}

#[test]
fn conflicts_within_one_batch_follow_the_order_of_its_lines() {
    let server = Server::start();
    let bucket = server.bucket_id("bucket");
    server
        .write("m f=true 1\nm f=1 2\nm f=false 3\nm f=\"text\" 4\nm f=1u 5\nm f=1i 6")
        .expect(204);
    let results = server.influxql("SELECT f FROM m");
    assert_eq!(
        results[0]["series"][0]["values"].to_string(),
        "[[1,true],[3,false]]"
    );
    wait_until_counted(&server, &bucket, "type_conflict", 4);
}

#[test]
fn a_type_stays_for_ever_across_stops_and_kills() {
    let mut server = Server::start();
    server.write("m f=1i 1\nn g=\"x\" 1").expect(204);
    for (n, kill) in [(2, true), (3, false), (4, true)] {
        server = if kill {
            server.kill_and_restart()
        } else {
            server.stop_and_restart()
        };
        server
            .write(&format!("m f=2.5 {n}\nn g=5 {n}\nm f={n}i 1{n}"))
            .expect(204);
        let results = server.influxql("SELECT count(f) FROM m; SELECT count(g) FROM n");
        assert_eq!(results[0]["series"][0]["values"][0][1], n, "{results}");
        assert_eq!(results[1]["series"][0]["values"][0][1], 1, "{results}");
    }
}

#[test]
fn the_type_is_the_series_own_unless_the_scope_is_the_measurement() {
    for (scope, seen) in [("series", 2), ("measurement", 1)] {
        let server = Server::builder().flag("schema-scope", scope).start();
        server.write("m,t=a f=1i 1\nm,t=b f=2.5 2").expect(204);
        let rows = server.flux("from(bucket: \"bucket\") |> range(start: 0)");
        assert_eq!(rows.len(), seen, "{scope}: {rows:?}");
    }
}

#[test]
fn points_out_of_retention_are_rejected_and_the_rest_is_written() {
    let server = Server::start();
    let bucket = server.create_bucket("short", 3_600);
    let now = now_ns();
    let old = now - 2 * 3_600_000_000_000;
    server
        .write_to("short", &format!("m f=1 {old}\nm f=2 {now}\nm f=3 1"))
        .expect(204);
    let results = server.influxql_of("short", "SELECT f FROM m");
    assert_eq!(
        results[0]["series"][0]["values"].to_string(),
        format!("[[{now},2]]")
    );
    wait_until_counted(&server, &bucket, "retention", 2);
    let rows = wait_for("a point in _monitoring", 10, || {
        let rows = server.flux(&format!(
            "{REPORTED} |> filter(fn: (r) => r._field == \"count\")"
        ));
        (!rows.is_empty()).then_some(rows)
    });
    assert_eq!(rows.column("reason"), ["retention"]);
    assert_eq!(rows.column("bucket"), [bucket]);
}

#[test]
fn series_above_the_limit_are_rejected_and_known_ones_go_on() {
    let server = Server::builder()
        .flag("limits-max-series-per-bucket", "10")
        .start();
    let bucket = server.bucket_id("bucket");
    let lines: String = (0..25).map(|n| format!("m,t=s{n} f=1 1\n")).collect();
    server.write(&lines).expect(204);
    server.write("m,t=s0 f=2 2").expect(204);
    let rows = server.flux("from(bucket: \"bucket\") |> range(start: 0)");
    assert_eq!(rows.len(), 11, "{rows:?}");
    let metrics = wait_for("15 rejected points in /metrics", 10, || {
        let metrics = server.metrics();
        let hit = metrics.lines().any(|line| {
            line.contains("rejected_points") && line.contains(&bucket) && line.ends_with(" 15")
        });
        hit.then_some(metrics)
    });
    assert!(!metrics.is_empty());
}

#[test]
fn rejected_points_are_listed_as_the_lines_they_were() {
    let server = Server::start();
    let bucket = server.bucket_id("bucket");
    let list = |path: &str| server.get(path).send().expect(200).json();
    let path = format!("/api/v2/buckets/{bucket}/rejected");
    let none = list(&path);
    assert_eq!(none["rejected"].as_array().map(Vec::len), Some(0));
    server.write("m,t=a\\ b f=1i,s=\"x\" 1").expect(204);
    server
        .write("m,t=a\\ b f=2i 2\nm,t=a\\ b s=\"q\\\"\",f=2.5 3\nm,t=a\\ b s=\"y\",f=3.5 4")
        .expect(204);
    wait_until_counted(&server, &bucket, "type_conflict", 2);
    let answer = list(&path);
    assert_eq!(answer["bucketID"], bucket.as_str());
    let rejected = answer["rejected"].as_array().expect("a list");
    assert_eq!(rejected.len(), 1, "{answer}");
    for (key, value) in [
        ("reason", "type_conflict"),
        ("measurement", "m"),
        ("field", "f"),
        ("gotType", "float"),
        ("wantType", "integer"),
        ("line", "m,t=a\\ b s=\"q\\\"\",f=2.5 3"),
    ] {
        assert_eq!(rejected[0][key], value, "{key} of {answer}");
    }
    assert_eq!(rejected[0]["points"], 2);
    let error = rejected[0]["error"].as_str().expect("a text");
    assert!(error.contains("already exists as type integer"), "{error}");
    assert!(
        rejected[0]["time"]
            .as_str()
            .is_some_and(|time| time.starts_with("20"))
    );

    server
        .get("/api/v2/buckets/0000000000000001/rejected")
        .send()
        .expect(404);
    let stranger = server.token_of_new_org("strangers");
    server.get(&path).token(&stranger).send().expect(401);
}
