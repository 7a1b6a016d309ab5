//! `POST /api/v2/delete`, and the other two ways in which points go: retention and deleted buckets.

use crate::support::{Response, Server, now_ns, wait_for};
use serde_json::json;
use std::path::Path;

fn delete_at(server: &Server, query: &str, body: &str) -> Response {
    server
        .post(&format!("/api/v2/delete?{query}"))
        .body(body)
        .send()
}

fn delete(server: &Server, start: &str, stop: &str, predicate: &str) -> Response {
    let body = json!({"start": start, "stop": stop, "predicate": predicate}).to_string();
    delete_at(server, "org=org&bucket=bucket", &body)
}

/// `host/field/seconds` of all points, in order.
fn points(server: &Server) -> Vec<String> {
    let rows = server.flux("from(bucket: \"bucket\") |> range(start: 0)");
    let columns = ["host", "_field", "_time"].map(|name| rows.column(name));
    let mut points: Vec<_> = (0..rows.len())
        .map(|row| {
            let time = columns[2][row].trim_end_matches('Z');
            format!("{}/{}/{}", columns[0][row], columns[1][row], &time[17..])
        })
        .collect();
    points.sort();
    points
}

#[test]
fn both_ends_are_deleted_and_nothing_beside_them_also_after_a_kill() {
    let mut server = Server::start();
    let second = |n: i64| n * 1_000_000_000;
    for n in 1..=5 {
        let lines = format!("m,host=a f=1,g=2 {0}\nm,host=b f=1 {0}\n", second(n));
        server.write(&lines).expect(204);
    }
    delete(
        &server,
        "1970-01-01T00:00:02Z",
        "1970-01-01T00:00:03Z",
        "host=\"a\" AND _field=\"f\"",
    )
    .expect(204);
    delete(
        &server,
        "1970-01-01T00:00:05Z",
        "1970-01-01T00:00:05Z",
        "_measurement=m and host != a",
    )
    .expect(204);
    // A nanosecond too late for all points but the last.
    delete(
        &server,
        "1970-01-01T00:00:04.000000001Z",
        "1970-01-01T00:00:09Z",
        "_field!=f",
    )
    .expect(204);
    let left = [
        "a/f/01", "a/f/04", "a/f/05", "a/g/01", "a/g/02", "a/g/03", "a/g/04", "b/f/01", "b/f/02",
        "b/f/03", "b/f/04",
    ];
    assert_eq!(points(&server), left);
    server = server.kill_and_restart();
    assert_eq!(points(&server), left);
    // What is written after a deletion stays.
    server.write("m,host=a f=9 3000000000").expect(204);
    server = server.stop_and_restart();
    assert_eq!(points(&server).len(), left.len() + 1);
    delete(&server, "1970-01-01T00:00:00Z", "2100-01-01T00:00:00Z", "").expect(204);
    assert!(points(&server).is_empty());
    let series = server.influxql("SHOW SERIES");
    assert!(series[0].get("series").is_none(), "{series}");
}

#[test]
fn a_type_is_free_again_when_its_series_is_gone() {
    let server = Server::start();
    server.write("m,host=a f=1i 1").expect(204);
    delete(
        &server,
        "1970-01-01T00:00:00Z",
        "2100-01-01T00:00:00Z",
        "_measurement=m",
    )
    .expect(204);
    server.write("m,host=a f=\"text\" 1").expect(204);
    let rows = server.flux("from(bucket: \"bucket\") |> range(start: 0)");
    assert_eq!(rows.column("_value"), ["text"]);
}

#[test]
fn what_is_wrong_is_said_in_the_order_of_the_checks() {
    let server = Server::start();
    let good = r#"{"start":"1970-01-01T00:00:00Z","stop":"1970-01-01T00:00:09Z"}"#;
    let with = |predicate: &str| {
        json!({"start": "1970-01-01T00:00:00Z", "stop": "1970-01-01T00:00:09Z", "predicate": predicate})
            .to_string()
    };
    let here = "org=org&bucket=bucket";
    for (query, body, status, text) in [
        ("org=no&bucket=no", "{", 400, "error decoding json body: "),
        (
            here,
            r#"{"start":"1970-01-01T00:00:00Z"}"#,
            400,
            "field stop",
        ),
        (
            here,
            r#"{"start":"yesterday","stop":"1970-01-01T00:00:00Z"}"#,
            400,
            "field start",
        ),
        (
            here,
            r#"{"start":"1970-01-01T00:00:01Z","stop":"1970-01-01T00:00:00Z"}"#,
            400,
            "stop is before start",
        ),
        (
            here,
            &with("a=b OR c=d"),
            400,
            "the logical operator OR is not supported yet at position 4",
        ),
        (here, &with("a=~/b/"), 400, "=~"),
        (here, &with("a='b'"), 400, "bad tag value"),
        (
            "org=no&bucket=bucket",
            good,
            404,
            "organization name \"no\" not found",
        ),
        ("org=org&bucket=no", good, 404, "bucket \"no\" not found"),
        (
            "org=org",
            good,
            400,
            "Please provide either bucketID or bucket",
        ),
    ] {
        let answer = delete_at(&server, query, body).expect(status);
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(text), "{query} {body}: {message}");
    }
    delete_at(
        &server,
        &format!("org=org&bucketID={}", server.bucket_id("bucket")),
        good,
    )
    .expect(204);
    let bucket = server.bucket_id("bucket");
    let reader = server.create_token(&[("read", "buckets", Some(&bucket))]);
    let path = format!("/api/v2/delete?{here}");
    let refused = server
        .post(&path)
        .token(&reader)
        .body(good)
        .send()
        .expect(403);
    assert_eq!(
        refused.json()["message"],
        "insufficient permissions to delete"
    );
    server.post(&path).anonymous().body(good).send().expect(401);
}

/// Bytes of all table files.
fn disk_bytes(directory: &Path) -> u64 {
    std::fs::read_dir(directory)
        .unwrap()
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|e| e == "sst"))
        .filter_map(|entry| Some(entry.metadata().ok()?.len()))
        .sum()
}

/// A few MiB of noise that no codec makes small, in one shard, sealed.
fn fill(server: Server, bucket: &str, start_ns: i64) -> Server {
    let mut random = 1_u64;
    for batch in 0..30 {
        let mut lines = String::new();
        for row in 0..10_000 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let time = start_ns + (batch * 10_000 + row) * 1_000_000;
            lines += &format!(
                "noise,host=h{} f={}i {time}\n",
                row % 10,
                random.cast_signed()
            );
        }
        server.write_to(bucket, &lines).expect(204);
    }
    server.stop_and_restart()
}

#[test]
fn deleted_points_give_their_disk_space_back() {
    let server = fill(Server::start(), "bucket", 0);
    let full = disk_bytes(&server.data_directory());
    assert!(full > 2_000_000, "{full}");
    delete(
        &server,
        "1970-01-01T00:00:00Z",
        "2100-01-01T00:00:00Z",
        "_measurement=noise",
    )
    .expect(204);
    wait_for("the space of the deleted points", 60, || {
        (disk_bytes(&server.data_directory()) < full / 4).then_some(())
    });
}

#[test]
fn a_deleted_bucket_gives_its_disk_space_back() {
    let server = Server::start();
    let id = server.create_bucket("large", 0);
    let server = fill(server, "large", 0);
    let full = disk_bytes(&server.data_directory());
    assert!(full > 2_000_000, "{full}");
    server
        .delete(&format!("/api/v2/buckets/{id}"))
        .send()
        .expect(204);
    wait_for("the space of the deleted bucket", 60, || {
        (disk_bytes(&server.data_directory()) < full / 4).then_some(())
    });
}

#[test]
fn a_shorter_retention_takes_effect_and_gives_disk_space_back() {
    const DAY_NS: i64 = 86_400_000_000_000;
    let server = Server::start();
    let id = server.create_bucket("large", 100 * 86_400);
    let server = fill(server, "large", now_ns() - 10 * DAY_NS);
    // Not sealed: the change must reach it, too.
    let lines = format!("m f=1 {}\nm f=2 {}", now_ns() - 9 * DAY_NS, now_ns());
    server.write_to("large", &lines).expect(204);
    let full = disk_bytes(&server.data_directory());
    assert!(full > 2_000_000, "{full}");
    let rules = json!({"retentionRules": [{"type": "expire", "everySeconds": 3 * 86_400}]});
    server
        .patch(&format!("/api/v2/buckets/{id}"))
        .json(rules)
        .send()
        .expect(200);
    wait_for("the space of the expired shards", 60, || {
        (disk_bytes(&server.data_directory()) < full / 4).then_some(())
    });
    wait_for("the end of the expired points", 60, || {
        let rows = server.flux("from(bucket: \"large\") |> range(start: 0)");
        (rows.column("_value") == ["2"]).then_some(())
    });
}
